//! The host's side of the link: one connection to the kernel per host process.
//!
//! It is made when the first cell runs. From then on a thread obeys the kernel's messages, and
//! everything that cells and processes show goes out through [`Host::send`], in the order of the calls.

mod capture;
mod device;
mod filter;

use std::collections::HashSet;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use crabtree_link::{LINK_ENV, Opening, ToHost, ToKernel, frame};
use runtime::kino::Bundle;
use runtime::{io as process_io, process};
use tokio::sync::Notify;

use crate::evaluator::{self, CellThread, Evaluator};
use capture::Capture;
use device::CellDevice;
pub(crate) use runtime::__private::OwnThread;

static HOST: OnceLock<Host> = OnceLock::new();

/// The host of this process.
#[derive(Debug)]
pub(crate) struct Host {
    link: Mutex<UnixStream>,
    evaluator: Evaluator,
    cells: CellThread,
    capture: Capture,
    state: Mutex<State>,
    begun: Condvar,
    interrupt: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// The cell that began last.
    cell: Option<u64>,
    /// Cells that are to be interrupted.
    interrupted: HashSet<u64>,
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
        let (host, link) = Host::connect(Path::new(&path))?;
        let host = HOST.get_or_init(|| host);
        host.capture.start(|text| host.captured(text))?;
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

    fn connect(path: &Path) -> io::Result<(Host, UnixStream)> {
        let pid = std::process::id();
        let mut link = UnixStream::connect(path)?;
        frame::write(&mut link, &Opening::Link { pid })?;
        let mut stderr = UnixStream::connect(path)?;
        frame::write(&mut stderr, &Opening::Stderr { pid })?;
        let capture = Capture::new(stderr)?;

        let evaluator = Evaluator::start();
        let reader = link.try_clone()?;
        let host = Host {
            link: Mutex::new(link),
            evaluator,
            cells: CellThread::default(),
            capture,
            state: Mutex::default(),
            begun: Condvar::new(),
            interrupt: Notify::new(),
        };
        Ok((host, reader))
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
                ToHost::Begin { cell } => self.begin(cell),
                ToHost::End { cell } => {
                    self.capture.barrier(cell);
                    self.send(&ToKernel::Ended {
                        cell,
                        processes: process::list().len(),
                    });
                }
                ToHost::Interrupt { cell } => self.interrupt(cell),
            }
        }
        std::process::exit(0);
    }

    /// Ends a cell by the first way that works: at its next await, at its next check, or in its system call.
    fn interrupt(&'static self, cell: u64) {
        self.state().interrupted.insert(cell);
        self.interrupt.notify_waiters();
        evaluator::interrupt(cell);
        runtime::block_on(async { drop(tokio::spawn(self.cells.leave(cell))) });
    }

    fn begin(&'static self, cell: u64) {
        let device = process_io::device(Arc::new(CellDevice::of(self, cell)));
        let replaced = self.evaluator.begin(device);
        let mut state = self.state();
        state.cell = Some(cell);
        state.interrupted.retain(|&other| other >= cell);
        drop(state);
        self.begun.notify_all();
        self.send(&ToKernel::Begun { cell, replaced });
    }
}
