//! The host's side of the link: one connection to the kernel per host process.
//!
//! It is made when the first cell runs. From then on a thread obeys the kernel's messages, and
//! everything that cells and processes show goes out through [`Host::send`], in the order of the calls.

mod capture;
mod comms;
mod device;
mod filter;
mod questions;
#[cfg(target_os = "linux")]
mod stdin;
#[cfg(not(target_os = "linux"))]
#[path = "no_stdin.rs"]
mod stdin;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use crabtree_link::{Answer, LINK_ENV, Opening, ToHost, ToKernel, frame};
use runtime::kino::Bundle;
use runtime::{Pid, io as process_io, process};
use tokio::sync::{Notify, oneshot};

use crate::evaluator::{self, CellThread, Evaluator};
use capture::Capture;
use comms::Comms;
use device::CellDevice;
use questions::Questions;
pub(crate) use runtime::__private::OwnThread;
use stdin::Stdin;

static HOST: OnceLock<Host> = OnceLock::new();

/// The host of this process.
#[derive(Debug)]
pub(crate) struct Host {
    link: Mutex<UnixStream>,
    evaluator: Evaluator,
    cells: CellThread,
    capture: Capture,
    stdin: Stdin,
    questions: Questions,
    comms: Comms,
    state: Mutex<State>,
    begun: Condvar,
    interrupt: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// The cell that began last.
    cell: Option<u64>,
    /// Its device.
    device: Option<Pid>,
    /// What the front end calls it.
    notebook_cell: Option<String>,
    /// Cells that are to be interrupted.
    interrupted: HashSet<u64>,
    /// Supervisors of processes that end when their cell is run again.
    children: HashMap<String, Vec<Pid>>,
}

impl Host {
    /// Connects to the kernel, once.
    pub(crate) fn start() -> io::Result<()> {
        // The thread that evcxr calls is the only one that gets here, so nothing is made twice.
        if HOST.get().is_some() {
            return Ok(());
        }
        let path = std::env::var_os(LINK_ENV).ok_or_else(|| {
            let text = format!("{LINK_ENV} is not set: this library runs inside a Crabtree kernel only");
            io::Error::new(io::ErrorKind::NotFound, text)
        })?;
        let (host, link, commands) = Host::connect(Path::new(&path))?;
        let host = HOST.get_or_init(|| host);
        host.capture.start(|text| host.captured(text))?;
        host.stdin.start(host, commands)?;
        std::thread::Builder::new().name("link".to_owned()).spawn(move || {
            let _own = OwnThread::begin();
            host.obey(link);
        })?;
        // The thread that evcxr calls is here for as long as the process.
        std::mem::forget(OwnThread::begin());
        Ok(())
    }

    /// The host; [`Host::start`] came before.
    pub(crate) fn get() -> &'static Host {
        HOST.get().expect("a cell runs only after the host has started")
    }

    /// The host, its connection, and evcxr's commands.
    fn connect(path: &Path) -> io::Result<(Host, UnixStream, File)> {
        let pid = std::process::id();
        let mut link = UnixStream::connect(path)?;
        frame::write(&mut link, &Opening::Link { pid })?;
        let mut stderr = UnixStream::connect(path)?;
        frame::write(&mut stderr, &Opening::Stderr { pid })?;
        let capture = Capture::new(stderr)?;
        let (stdin, commands) = Stdin::replace()?;

        let evaluator = Evaluator::start();
        let reader = link.try_clone()?;
        let host = Host {
            link: Mutex::new(link),
            evaluator,
            cells: CellThread::default(),
            capture,
            stdin,
            questions: Questions::default(),
            comms: Comms::default(),
            state: Mutex::default(),
            begun: Condvar::new(),
            interrupt: Notify::new(),
        };
        Ok((host, reader, commands))
    }

    /// The process that cells run in.
    pub(crate) fn evaluator(&self) -> &Evaluator {
        &self.evaluator
    }

    /// The thread that cells run on.
    pub(crate) fn cells(&self) -> &CellThread {
        &self.cells
    }

    /// The cell that runs; waits for the kernel to name the first one.
    pub(crate) fn running_cell(&self) -> u64 {
        let mut state = self.state();
        loop {
            if let Some(cell) = state.cell {
                return cell;
            }
            state = self.begun.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The code of a cell begins.
    pub(crate) fn code_begins(&self, cell: u64) {
        self.stdin.begin(cell);
    }

    /// Takes charge of the supervisor of a cell's children.
    pub(crate) fn adopt(&self, notebook_cell: &str, supervisor: Pid) {
        let mut state = self.state();
        state
            .children
            .entry(notebook_cell.to_owned())
            .or_default()
            .push(supervisor);
    }

    /// The supervisors of those children that the running cell has from when it ran before; they are not kept.
    pub(crate) fn take_children(&self) -> Vec<Pid> {
        let mut state = self.state();
        let State {
            notebook_cell,
            children,
            ..
        } = &mut *state;
        let cell = notebook_cell.as_ref();
        cell.and_then(|cell| children.remove(cell)).unwrap_or_default()
    }

    /// The code of a cell has ended.
    pub(crate) fn code_ended(&self) {
        self.stdin.end();
    }

    /// Has the user type a line.
    pub(crate) fn ask(&self, cell: u64, prompt: String, hidden: bool) -> oneshot::Receiver<Answer> {
        self.questions.ask(self, cell, prompt, hidden)
    }

    /// Tells the reader of a cell something.
    pub(crate) fn say(&self, cell: u64, text: String) {
        let stream = crabtree_link::Stream::Stderr;
        self.send(&ToKernel::Output { cell, stream, text });
    }

    /// Returns when the kernel wants `cell` to end.
    pub(crate) async fn interrupted(&self, cell: u64) {
        loop {
            let notified = self.interrupt.notified();
            if self.state().interrupted.contains(&cell) {
                return;
            }
            notified.await;
        }
    }

    /// Shows the value of the running cell's last expression.
    pub(crate) fn result(&self, bundle: Bundle) {
        if let Some(cell) = self.state().cell {
            self.send(&ToKernel::Result {
                cell,
                bundle: device::representations(&bundle),
            });
        }
    }

    /// Tells the kernel something. If the kernel is gone, the host ends.
    pub(crate) fn send(&self, message: &ToKernel) {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        if frame::write(&mut *link, message).is_err() {
            std::process::exit(0);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Text on this process's standard output, which is nobody's in particular: the running cell's.
    fn captured(&self, text: String) {
        if let Some(cell) = self.state().cell {
            self.send(&ToKernel::Output {
                cell,
                stream: crabtree_link::Stream::Stdout,
                text,
            });
        }
    }

    /// Does what the kernel says, until it is gone.
    fn obey(&'static self, mut link: UnixStream) {
        while let Ok(Some(message)) = frame::read::<ToHost>(&mut link) {
            match message {
                ToHost::Begin { cell, notebook_cell } => self.begin(cell, notebook_cell),
                ToHost::End { cell } => {
                    self.capture.barrier(cell);
                    self.send(&ToKernel::Ended {
                        cell,
                        processes: process::list().len(),
                    });
                }
                ToHost::Interrupt { cell } => self.interrupt(cell),
                ToHost::Answer { question, answer } => self.questions.answered(question, answer),
                ToHost::Comm(said) => {
                    let (cell, device) = {
                        let state = self.state();
                        (state.cell, state.device)
                    };
                    if let (Some(cell), Some(device)) = (cell, device) {
                        self.comms.heard(self, cell, device, said);
                    }
                }
            }
        }
        std::process::exit(0);
    }

    /// Ends a cell by the first way that works: at its next await, at its next check, or in its system call.
    fn interrupt(&'static self, cell: u64) {
        self.state().interrupted.insert(cell);
        self.interrupt.notify_waiters();
        // One who waits for the user holds the lock of standard input, and must not be left behind with it.
        self.stdin.end_input();
        evaluator::interrupt(cell);
        runtime::block_on(async { drop(tokio::spawn(self.cells.leave(cell))) });
    }

    fn begin(&'static self, cell: u64, notebook_cell: Option<String>) {
        let device = process_io::device(Arc::new(CellDevice::of(self, cell, notebook_cell.clone())));
        let replaced = self.evaluator.begin(device);
        let mut state = self.state();
        state.cell = Some(cell);
        state.device = Some(device);
        state.notebook_cell = notebook_cell;
        state.interrupted.retain(|&other| other >= cell);
        drop(state);
        self.begun.notify_all();
        self.send(&ToKernel::Begun { cell, replaced });
    }
}
