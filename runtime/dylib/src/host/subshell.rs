//! Subshells: further evaluators in this process.
//!
//! Each has a thread that does what its evcxr says ([`commands`]). What evcxr's generated code says meanwhile is for the
//! evcxr of that shell. Most of it says so itself ([`commands::protocol`]). The rest goes to the standard output of the
//! process, but only until the code of the cell begins: so shells *enter* their libraries one at a time, and in between
//! the pipe is emptied.

use std::io::{self, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crabtree_link::{Opening, frame};

use super::commands::{self, COMPLETE};
use super::{Host, OwnThread, Streams};

/// Lines that a subshell never prints, for it says them itself: those of the main shell come at any time.
const OF_MAIN: [&str; 3] = [COMPLETE, "EVCXR_PANIC_NOTIFICATION", "EVCXR_ERROR_OCCURRED"];

/// Who enters a library.
#[derive(Debug, Default)]
pub(super) struct Entrance {
    state: Mutex<Entering>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum Entering {
    #[default]
    Nobody,
    Main,
    Subshell(&'static Host),
}

impl Entrance {
    /// A shell is about to enter: the main one, or that subshell. Waits until nobody else does.
    pub(super) fn enter(&self, subshell: Option<&'static Host>) {
        let waited = self
            .changed
            .wait_while(self.state(), |state| !matches!(state, Entering::Nobody));
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        *state = subshell.map_or(Entering::Main, Entering::Subshell);
    }

    fn leave(&self) {
        *self.state() = Entering::Nobody;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, Entering> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    /// The code of this shell's cell begins, or its library has returned.
    pub(super) fn has_entered(&'static self) {
        static ENTRIES: AtomicU64 = AtomicU64::new(1 << 63);
        let entrance = Host::entrance();
        match (&*entrance.state(), &self.streams) {
            (Entering::Main, Streams::Process { .. }) => {}
            (Entering::Subshell(shell), Streams::Subshell { .. }) if std::ptr::eq(*shell, self) => {}
            // It has before.
            _ => return,
        }
        if let (Streams::Subshell { .. }, Streams::Process { capture, .. }) = (&self.streams, &Host::main().streams) {
            let _hurry = Host::main().pace.hurry();
            capture.barrier_in_stdout(ENTRIES.fetch_add(1, Ordering::Relaxed));
        }
        entrance.leave();
    }

    /// Hands a line of evcxr's to the subshell that it is for, if any.
    pub(super) fn is_for_subshell(&'static self, line: &str) -> bool {
        let shell = match &*Host::entrance().state() {
            Entering::Subshell(shell) if !OF_MAIN.iter().any(|own| line.starts_with(own)) => Some(*shell),
            _ => None,
        };
        if let Some(shell) = shell {
            shell.tell_evcxr(line);
        } else if line.starts_with(COMPLETE) {
            // A library may return without ever having begun the code of a cell.
            Host::main().has_entered();
        }
        shell.is_some()
    }

    pub(super) fn tell_evcxr(&self, line: &str) {
        if let Streams::Subshell { answers, .. } = &self.streams {
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            // If evcxr is gone, so are its commands.
            let _ = answers.write_all(line.as_bytes());
        }
    }

    /// There will be no more of this subshell: its cell ends, and its processes live on.
    pub(super) fn close(&'static self) {
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        // Whoever waits for the kernel to take output would wait for ever.
        std::mem::forget(self.pace.hurry());
        let link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = link.shutdown(Shutdown::Both);
        drop(link);
        let cell = self.state().cell;
        if let Some(cell) = cell {
            self.interrupt(cell);
        }
        self.evaluator.end();
    }
}

/// Opens a subshell whose kernel listens at `path`.
pub(super) fn open(path: &Path, number: u32) -> io::Result<()> {
    let connect = |opening: Opening| {
        let mut connection = UnixStream::connect(path)?;
        frame::write(&mut connection, &opening)?;
        io::Result::Ok(connection)
    };
    let pid = std::process::id();
    let link = connect(Opening::Link { pid })?;
    let stderr = connect(Opening::Stderr { pid })?;
    let commands = connect(Opening::Commands { of_host: true })?;
    let (reader, answers) = (link.try_clone()?, commands.try_clone()?);
    let streams = Streams::Subshell {
        stderr: Mutex::new(stderr),
        answers: Mutex::new(answers),
    };
    // Devices of its cells refer to it for as long as there are processes.
    let shell: &'static Host = Box::leak(Box::new(Host::new(link, streams)));
    shell.listen(reader)?;
    std::thread::Builder::new().name("subshell".to_owned()).spawn(move || {
        let _own = OwnThread::begin();
        shell.enter();
        if let Err(error) = shell.run(commands::lines(commands), Some(number)) {
            eprintln!("the library of a cell cannot be loaded: {error}");
        }
        shell.close();
    })?;
    Ok(())
}
