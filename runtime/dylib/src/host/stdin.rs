//! Standard input, for cells that read it as any program does.
//!
//! evcxr's commands, which come there, are read elsewhere ([`commands`](super::commands)). In their place is a socket, and
//! a thread looks whether somebody reads it while cells run. If so, the user is asked for a line: below the cell whose
//! thread reads, or else below that of the main shell. A reader that is still there when the last cell ends, or when the
//! cell is interrupted below which the user was asked, finds the end of the input. One that comes between cells waits for
//! the next.
//!
//! Each packet is one read, and an empty one is the end of the input.

use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixDatagram;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crabtree_link::Answer;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::{Host, OwnThread, Streams, capture};

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
    running: Mutex<Vec<Running>>,
    changed: Condvar,
}

/// A cell that runs.
#[derive(Clone, Copy, Debug)]
struct Running {
    shell: &'static Host,
    cell: u64,
    /// Whether whoever reads for it finds the end of the input.
    ended: bool,
}

/// The user was asked, below that cell.
struct Asked {
    cell: u64,
    answer: oneshot::Receiver<Answer>,
}

impl Stdin {
    /// Puts the socket in the place of standard input.
    pub(super) fn replace() -> io::Result<Stdin> {
        let (feed, read) = UnixDatagram::pair()?;
        capture::replace(libc::STDIN_FILENO, read.as_raw_fd())?;
        Ok(Stdin {
            feed,
            read,
            running: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Starts the thread.
    pub(super) fn start(&'static self) -> io::Result<()> {
        let looking = move || {
            let _own = OwnThread::begin();
            self.look();
        };
        std::thread::Builder::new().name("stdin".to_owned()).spawn(looking)?;
        Ok(())
    }

    /// A cell begins.
    pub(super) fn begin(&self, shell: &'static Host, cell: u64) {
        let ended = false;
        self.running().push(Running { shell, cell, ended });
        self.changed.notify_all();
    }

    /// Whoever reads for this cell, now or later, finds the end of the input.
    pub(super) fn end_input(&self, cell: u64) {
        if let Some(running) = self.running().iter_mut().find(|running| running.cell == cell) {
            running.ended = true;
        }
        self.changed.notify_all();
    }

    /// The cell has ended. If no other one runs, returns when nobody reads any more, and nothing is left to be read.
    pub(super) fn end(&self, cell: u64) {
        let mut running = self.running();
        running.retain(|running| running.cell != cell);
        let is_last = running.is_empty();
        drop(running);
        self.changed.notify_all();
        if !is_last {
            return;
        }
        // Readers that do not stop at the end of the input are not waited for: they read when there are cells again.
        for _ in 0..16 {
            if readers().is_empty() {
                break;
            }
            self.give_end();
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut rest = [0; PACKET];
        if self.read.set_nonblocking(true).is_ok() {
            while self.read.recv(&mut rest).is_ok() {}
            let _ = self.read.set_nonblocking(false);
        }
    }

    /// Asks the user whenever somebody reads.
    fn look(&self) {
        let mut asked: Option<Asked> = None;
        let mut running = self.running();
        loop {
            if running.is_empty() {
                asked = None;
                running = self.changed.wait(running).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let cells = running.clone();
            drop(running);
            asked = match asked {
                Some(asked) => self.wait_for(asked, &cells),
                None => self.ask(&cells),
            };
            let waited = self.changed.wait_timeout(self.running(), EVERY);
            running = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Asks the user if somebody reads.
    fn ask(&self, cells: &[Running]) -> Option<Asked> {
        let readers = readers();
        if readers.is_empty() {
            return None;
        }
        let reads = |running: &&Running| readers.iter().any(|&reader| running.shell.cells().is_on(reader));
        let is_main = |running: &&Running| matches!(running.shell.streams, Streams::Process { .. });
        let found = cells.iter().find(reads).or_else(|| cells.iter().find(is_main));
        let Running { shell, cell, ended } = *found.or(cells.last())?;
        if ended {
            self.give_end();
            return None;
        }
        let answer = shell.ask(cell, String::new(), false);
        Some(Asked { cell, answer })
    }

    /// Hands on the answer, if it has come; gives back what is still waited for.
    fn wait_for(&self, mut asked: Asked, cells: &[Running]) -> Option<Asked> {
        let running = cells
            .iter()
            .find(|running| running.cell == asked.cell && !running.ended);
        match (running, asked.answer.try_recv()) {
            (Some(_), Err(TryRecvError::Empty)) => return Some(asked),
            (Some(_), Ok(Answer::Line(line))) => {
                self.give(&line);
                return None;
            }
            (Some(running), Ok(Answer::Refused(reason))) => {
                let text = format!("Standard input is at its end: {reason}.\n");
                running.shell.say(asked.cell, text);
                self.end_input(asked.cell);
            }
            _ => {}
        }
        if !readers().is_empty() {
            self.give_end();
        }
        None
    }

    fn give(&self, line: &str) {
        let line = format!("{line}\n");
        for packet in line.as_bytes().chunks(PACKET) {
            // The socket is there as long as the host.
            let _ = self.feed.send(packet);
        }
    }

    fn give_end(&self) {
        // The socket is there as long as the host.
        let _ = self.feed.send(&[]);
    }

    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The threads of this process that wait in a read of standard input.
fn readers() -> Vec<libc::pid_t> {
    let reads = format!("{} 0x0 ", libc::SYS_read);
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    threads
        .filter(|thread| {
            std::fs::read_to_string(thread.path().join("syscall")).is_ok_and(|call| call.starts_with(&reads))
        })
        .filter_map(|thread| thread.file_name().to_str()?.parse().ok())
        .collect()
}
