//! Capture of what is printed past the process runtime: by C code, and by libraries that use std's
//! `println!`.
//!
//! Standard output becomes a pipe; a thread takes evcxr's lines out of it, hands them on to the real
//! one, and gives the rest to the cell. Standard error becomes a connection to the kernel: what a
//! dying process writes there still arrives.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crabtree_link::barrier;

use super::OwnThread;
use super::filter::{Filter, Part};

/// How long a mark may take through the pipe.
const PATIENCE: Duration = Duration::from_secs(5);

/// The captured streams of this process.
#[derive(Debug)]
pub(super) struct Capture {
    /// Taken by the thread that reads them.
    ends: Mutex<Option<Ends>>,
    /// The last mark that came out of the pipe.
    passed: Mutex<u64>,
    changed: Condvar,
    marking: Mutex<()>,
}

#[derive(Debug)]
struct Ends {
    /// What is printed comes out here.
    pipe: io::PipeReader,
    /// The standard output that evcxr reads.
    real: File,
}

impl Capture {
    /// Puts the pipe and `stderr` in the place of the standard streams.
    pub(super) fn new(stderr: UnixStream) -> io::Result<Capture> {
        let (pipe, printed) = io::pipe()?;
        io::stdout().flush()?;
        let real = File::from(duplicate(libc::STDOUT_FILENO)?);
        replace(libc::STDOUT_FILENO, printed.as_raw_fd())?;
        replace(libc::STDERR_FILENO, stderr.as_raw_fd())?;
        Ok(Capture {
            ends: Mutex::new(Some(Ends { pipe, real })),
            passed: Mutex::default(),
            changed: Condvar::new(),
            marking: Mutex::default(),
        })
    }

    /// Starts the thread that reads the pipe; `output` gets the text that is not evcxr's, and `taken` sees evcxr's lines
    /// first.
    pub(super) fn start(
        &'static self,
        output: impl Fn(String) + Send + 'static,
        taken: impl Fn(&str) -> bool + Send + 'static,
    ) -> io::Result<()> {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(ends) = ends else { return Ok(()) };
        std::thread::Builder::new().name("stdout".to_owned()).spawn(move || {
            let _own = OwnThread::begin();
            self.pump(ends, &output, &taken);
        })?;
        Ok(())
    }

    /// Returns when everything that was printed before has been handed on; marks the place in standard error.
    pub(super) fn barrier(&self, number: u64) {
        // SAFETY: a null stream asks C's library to flush all of its output streams.
        unsafe { libc::fflush(std::ptr::null_mut()) };
        let _ = write_all(libc::STDERR_FILENO, &barrier::mark(number));
        self.barrier_in_stdout(number);
    }

    /// Returns when everything that was printed before to standard output has been handed on.
    pub(super) fn barrier_in_stdout(&self, number: u64) {
        // One after the other: a shell may end a cell while another enters one.
        let _alone = self.marking.lock().unwrap_or_else(PoisonError::into_inner);
        let mark = barrier::mark(number);
        let printed = io::stdout()
            .flush()
            .and_then(|()| write_all(libc::STDOUT_FILENO, &mark));
        if printed.is_err() {
            return;
        }
        let passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        // A cell that redirected standard output has sent the mark elsewhere, and nothing is to come.
        drop(
            self.changed
                .wait_timeout_while(passed, PATIENCE, |passed| *passed != number),
        );
    }

    fn pump(&self, mut ends: Ends, output: &dyn Fn(String), taken: &dyn Fn(&str) -> bool) {
        let mut filter = Filter::default();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let length = match ends.pipe.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return,
            };
            for part in filter.feed(&buffer[..length]) {
                match part {
                    // If evcxr is gone, the kernel is, and the link ends this process.
                    Part::Protocol(line) if taken(&line) => {}
                    Part::Protocol(line) => drop(ends.real.write_all(line.as_bytes())),
                    Part::Output(text) => output(text),
                    Part::Barrier(number) => {
                        *self.passed.lock().unwrap_or_else(PoisonError::into_inner) = number;
                        self.changed.notify_all();
                    }
                }
            }
        }
    }
}

/// Another descriptor for what `fd` means.
pub(super) fn duplicate(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the call takes no pointers; the new descriptor is nobody else's.
    unsafe {
        let copy = libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0);
        if copy < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(OwnedFd::from_raw_fd(copy))
        }
    }
}

/// Makes `fd` mean what `source` means.
pub(super) fn replace(fd: RawFd, source: RawFd) -> io::Result<()> {
    // SAFETY: the call takes no pointers; the standard descriptors are not owned by any Rust value.
    if unsafe { libc::dup2(source, fd) } < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Writes past std's buffers.
pub(super) fn write_all(fd: RawFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        // SAFETY: the pointer and the length are those of a live slice.
        let written = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(written) {
            Ok(written) => bytes = &bytes[written..],
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
    Ok(())
}
