//! Standard input, for cells that read it as any program does.
//!
//! evcxr's commands come on the host's standard input, and its thread reads them between cells. In their place comes a
//! socket: one thread hands evcxr's commands on to it, and another one looks whether somebody reads it while a cell
//! runs. If so, the user is asked for a line. A reader that is still there at the end of its cell, or whose cell is
//! interrupted, finds the end of the input: the next thing in the socket is evcxr's again.
//!
//! Each packet is one read, and an empty one is the end of the input.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixDatagram;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crabtree_link::Answer;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::subshell::LOAD;
use super::{Host, OwnThread, capture};

/// How often is looked whether somebody reads.
const EVERY: Duration = Duration::from_millis(50);

/// How much one read gets at most. Readers have buffers of at least this size.
const PACKET: usize = 4096;

/// What is read in the place of standard input.
#[derive(Debug)]
pub(super) struct Stdin {
    /// What is written here is read there.
    feed: UnixDatagram,
    /// The other end, to take out what nobody has read.
    read: UnixDatagram,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The cell that runs.
    cell: Option<u64>,
    /// Whether readers find the end of the input from now on.
    ended: bool,
}

impl Stdin {
    /// Puts the socket in the place of standard input. Returns the real one.
    pub(super) fn replace() -> io::Result<(Stdin, File)> {
        let (feed, read) = UnixDatagram::pair()?;
        let real = File::from(capture::duplicate(libc::STDIN_FILENO)?);
        capture::replace(libc::STDIN_FILENO, read.as_raw_fd())?;
        let stdin = Stdin {
            feed,
            read,
            state: Mutex::default(),
            changed: Condvar::new(),
        };
        Ok((stdin, real))
    }

    /// Starts the threads.
    pub(super) fn start(&'static self, host: &'static Host, real: File) -> io::Result<()> {
        let commands = move || {
            let _own = OwnThread::begin();
            self.hand_on(real);
        };
        std::thread::Builder::new()
            .name("commands".to_owned())
            .spawn(commands)?;
        let looking = move || {
            let _own = OwnThread::begin();
            self.look(host);
        };
        std::thread::Builder::new().name("stdin".to_owned()).spawn(looking)?;
        Ok(())
    }

    /// A cell begins.
    pub(super) fn begin(&self, cell: u64) {
        *self.state() = State {
            cell: Some(cell),
            ended: false,
        };
        self.changed.notify_all();
    }

    /// Whoever reads, and whoever will in this cell, finds the end of the input.
    pub(super) fn end_input(&self) {
        self.state().ended = true;
        self.changed.notify_all();
    }

    /// The cell has ended: returns when nobody reads any more, and nothing is left to be read.
    pub(super) fn end(&self) {
        self.state().cell = None;
        self.changed.notify_all();
        // Readers that do not stop at the end of the input are not waited for: they read what comes next.
        for _ in 0..16 {
            if !somebody_reads() {
                break;
            }
            let _ = self.feed.send(&[]);
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut rest = [0; PACKET];
        if self.read.set_nonblocking(true).is_ok() {
            while self.read.recv(&mut rest).is_ok() {}
            let _ = self.read.set_nonblocking(false);
        }
    }

    /// Gives evcxr its commands, until there is no evcxr.
    fn hand_on(&self, mut real: File) {
        let mut buffer = [0; PACKET];
        while let Ok(length @ 1..) = real.read(&mut buffer) {
            if buffer.starts_with(LOAD.as_bytes()) {
                Host::entrance().enter(None);
            }
            if self.feed.send(&buffer[..length]).is_err() {
                return;
            }
        }
        let _ = self.feed.send(&[]);
    }

    /// Asks the user whenever somebody reads.
    fn look(&self, host: &'static Host) {
        let mut asked: Option<oneshot::Receiver<Answer>> = None;
        let mut state = self.state();
        loop {
            let Some(cell) = state.cell else {
                asked = None;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let ended = state.ended;
            drop(state);
            match asked.as_mut().map(oneshot::Receiver::try_recv) {
                Some(Err(TryRecvError::Empty)) if !ended => {}
                None if !ended => {
                    if somebody_reads() {
                        asked = Some(host.ask(cell, String::new(), false));
                    }
                }
                Some(Ok(Answer::Line(line))) if !ended => {
                    asked = None;
                    self.give(&line);
                }
                answer => {
                    if let Some(Ok(Answer::Refused(reason))) = answer {
                        host.say(cell, format!("Standard input is at its end: {reason}.\n"));
                    }
                    asked = None;
                    if somebody_reads() {
                        let _ = self.feed.send(&[]);
                    }
                }
            }
            let waited = self.changed.wait_timeout(self.state(), EVERY);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn give(&self, line: &str) {
        let line = format!("{line}\n");
        for packet in line.as_bytes().chunks(PACKET) {
            // The socket is there as long as the host.
            let _ = self.feed.send(packet);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a thread of this process waits in a read of standard input. While a cell runs, evcxr's does not.
fn somebody_reads() -> bool {
    let reads = format!("{} 0x0 ", libc::SYS_read);
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    threads
        .map(|thread| std::fs::read_to_string(thread.path().join("syscall")))
        .any(|call| call.is_ok_and(|call| call.starts_with(&reads)))
}
