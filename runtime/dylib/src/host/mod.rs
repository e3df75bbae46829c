//! The host's side of the link: one connection to the kernel per host process.
//!
//! It is made before the first cell runs. From then on a thread obeys the kernel's messages, and
//! everything that cells and processes show goes out through [`Host::send`], in the order of the calls.

mod capture;
pub(crate) mod commands;
mod comms;
mod contents;
mod device;
mod filter;
mod pace;
mod questions;
#[cfg(target_os = "linux")]
mod stdin;
#[cfg(not(target_os = "linux"))]
#[path = "no_stdin.rs"]
mod stdin;
pub(crate) mod subshell;

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};

use crabtree_link::{Answer, BACKTRACE_ENV, LINK_ENV, Opening, ToHost, ToKernel, barrier, frame};
use runtime::kino::Bundle;
use runtime::{Pid, io as process_io, process, supervisor};
use tokio::sync::{Notify, oneshot};

use crate::code::{self, CellCode};
use crate::evaluator::{self, CellThread, Evaluator};
use capture::Capture;
use comms::Comms;
pub use contents::ShowingValue;
use device::CellDevice;
use pace::Pace;
use questions::Questions;
pub(crate) use runtime::__private::OwnThread;
use runtime::__private::{name_code_by, retire};
use stdin::Stdin;
use subshell::Entrance;

/// The main shell's.
static HOST: OnceLock<Host> = OnceLock::new();

thread_local! {
    /// The shell that this thread works for, if it is a subshell.
    static SHELL: Cell<Option<&'static Host>> = const { Cell::new(None) };
}

/// What a shell has in this process: its evaluator, and the way to its side of the kernel.
#[derive(Debug)]
pub(crate) struct Host {
    link: Mutex<UnixStream>,
    evaluator: Evaluator,
    cells: CellThread,
    streams: Streams,
    questions: Questions,
    pace: Pace,
    state: Mutex<State>,
    begun: Condvar,
    interrupt: Notify,
    /// The cell that was interrupted last; zero for none.
    interrupted: AtomicU64,
    /// Whether it was a subshell that is no more.
    closed: AtomicBool,
}

/// What a shell has of the standard streams.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there are few shells, and they stay where they are"
)]
enum Streams {
    /// The main one has those of the process, and all that there is once.
    Process {
        capture: Capture,
        stdin: Stdin,
        comms: Comms,
        entrance: Entrance,
        /// Of all shells: which code came from which cell.
        code: CellCode,
    },
    /// Who writes past the runtime writes to the main shell, so this standard error has nothing but marks.
    Subshell {
        stderr: Mutex<UnixStream>,
        /// What evcxr is told.
        answers: Mutex<UnixStream>,
    },
}

#[derive(Debug, Default)]
struct State {
    /// The cell that began last.
    cell: Option<u64>,
    /// Whether libraries of later cells are to find the symbols of its own.
    shares: bool,
    /// Its device.
    device: Option<Pid>,
    /// Cells that are to be interrupted.
    interrupted: HashSet<u64>,
    /// Supervisors of processes that end when their cell is run again.
    children: HashMap<String, Vec<Pid>>,
}

impl Host {
    /// Connects to the kernel. To be called once, before there are cells.
    fn start() -> io::Result<()> {
        let path = std::env::var_os(LINK_ENV).ok_or_else(|| {
            let text = format!("{LINK_ENV} is not set: this library runs inside a Crabtree kernel only");
            io::Error::new(io::ErrorKind::NotFound, text)
        })?;
        want_backtraces();
        let (host, link) = Host::connect(Path::new(&path))?;
        let host = HOST.get_or_init(|| host);
        if let Streams::Process {
            capture, stdin, code, ..
        } = &host.streams
        {
            name_code_by(code);
            capture.start(|text| host.captured(text), |line| host.is_for_subshell(line))?;
            stdin.start()?;
        }
        host.listen(link)?;
        // The thread that does what evcxr says is here for as long as the process.
        std::mem::forget(OwnThread::begin());
        Ok(())
    }

    /// Starts the threads that do what the kernel says.
    fn listen(&'static self, link: UnixStream) -> io::Result<()> {
        let (hand_on, orders) = mpsc::channel();
        std::thread::Builder::new().name("orders".to_owned()).spawn(move || {
            let _own = OwnThread::begin();
            orders.into_iter().for_each(|order| self.obey(order));
        })?;
        std::thread::Builder::new().name("link".to_owned()).spawn(move || {
            let _own = OwnThread::begin();
            self.hear(link, &hand_on);
        })?;
        Ok(())
    }

    /// The shell that this thread works for: the main one, if it is none's. [`Host::start`] came before.
    pub(crate) fn get() -> &'static Host {
        SHELL.get().unwrap_or_else(Host::main)
    }

    /// The main shell.
    fn main() -> &'static Host {
        HOST.get().expect("a cell runs only after the host has started")
    }

    /// From now on, this thread works for this shell.
    pub(crate) fn enter(&'static self) {
        if let Streams::Subshell { .. } = self.streams {
            SHELL.set(Some(self));
        }
    }

    /// The comms of all shells.
    fn comms() -> &'static Comms {
        match &Host::main().streams {
            Streams::Process { comms, .. } => comms,
            Streams::Subshell { .. } => unreachable!("the main shell has the streams of the process"),
        }
    }

    /// The standard input of all shells.
    fn stdin() -> &'static Stdin {
        match &Host::main().streams {
            Streams::Process { stdin, .. } => stdin,
            Streams::Subshell { .. } => unreachable!("the main shell has the streams of the process"),
        }
    }

    /// The way in for libraries.
    fn entrance() -> &'static Entrance {
        match &Host::main().streams {
            Streams::Process { entrance, .. } => entrance,
            Streams::Subshell { .. } => unreachable!("the main shell has the streams of the process"),
        }
    }

    /// The host and its connection.
    fn connect(path: &Path) -> io::Result<(Host, UnixStream)> {
        let pid = std::process::id();
        let mut link = UnixStream::connect(path)?;
        frame::write(&mut link, &Opening::Link { pid })?;
        let mut stderr = UnixStream::connect(path)?;
        frame::write(&mut stderr, &Opening::Stderr { pid })?;
        let capture = Capture::new(stderr)?;
        let stdin = Stdin::replace()?;

        let reader = link.try_clone()?;
        let streams = Streams::Process {
            capture,
            stdin,
            comms: Comms::default(),
            entrance: Entrance::default(),
            code: CellCode::default(),
        };
        Ok((Host::new(link, streams), reader))
    }

    fn new(link: UnixStream, streams: Streams) -> Host {
        Host {
            link: Mutex::new(link),
            evaluator: Evaluator::start(),
            cells: CellThread::default(),
            streams,
            questions: Questions::default(),
            pace: Pace::default(),
            state: Mutex::default(),
            begun: Condvar::new(),
            interrupt: Notify::new(),
            interrupted: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
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

    /// The code of a cell begins: that at `address`, and the future whose type has that name, are part of it.
    pub(crate) fn code_begins(&'static self, cell: u64, address: usize, future: &'static str) {
        if let Streams::Process { code: cells, .. } = &Host::main().streams {
            cells.belongs_to(address, future, cell);
            if self.state().shares {
                code::share(address);
            }
        }
        Host::stdin().begin(self, cell);
        self.has_entered();
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

    /// The code of a cell has ended.
    pub(crate) fn code_ended(&self, cell: u64) {
        Host::stdin().end(cell);
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
            self.show(&ToKernel::Result {
                cell,
                bundle: device::representations(&bundle),
            });
        }
    }

    /// Tells the kernel what is to be shown, and waits while more is under way than the front end takes.
    pub(crate) fn show(&self, message: &ToKernel) {
        let shell = self.open_one();
        shell.send(message);
        shell.pace.keep(evaluator::is_interrupted);
    }

    /// Tells the kernel something, and waits for nobody. If the kernel is gone, the host ends.
    pub(crate) fn send(&self, message: &ToKernel) {
        let shell = self.open_one();
        shell.pace.sent(message.weight());
        let mut link = shell.link.lock().unwrap_or_else(PoisonError::into_inner);
        if frame::write(&mut *link, message).is_ok() {
            return;
        }
        drop(link);
        match &shell.streams {
            Streams::Process { .. } => std::process::exit(0),
            Streams::Subshell { .. } => {
                shell.closed.store(true, Ordering::Release);
                Host::main().send(message);
            }
        }
    }

    /// This shell, or the main one once this has closed: the processes of its cells live on.
    fn open_one(&self) -> &Host {
        if self.closed.load(Ordering::Acquire) {
            Host::main()
        } else {
            self
        }
    }

    /// Whether that cell of this shell is to end.
    pub(crate) fn is_interrupted(&self, cell: u64) -> bool {
        self.interrupted.load(Ordering::Relaxed) == cell
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Text on this process's standard output, which is nobody's in particular: the running cell's.
    fn captured(&self, text: String) {
        let cell = self.state().cell;
        if let Some(cell) = cell {
            self.show(&ToKernel::Output {
                cell,
                stream: crabtree_link::Stream::Stdout,
                text,
            });
        }
    }

    /// Hears what the kernel says, until it is gone. What others may be waiting for is done at once, and the rest handed
    /// on: that may take a while, or wait for processes that wait themselves.
    fn hear(&'static self, mut link: UnixStream, hand_on: &mpsc::Sender<ToHost>) {
        while let Ok(Some(message)) = frame::read::<ToHost>(&mut link) {
            match message {
                ToHost::Shown { weight } => self.pace.passed_on(weight),
                ToHost::Interrupt { cell } => self.interrupt(cell),
                // Who takes it is there as long as the host.
                other => drop(hand_on.send(other)),
            }
        }
        match &self.streams {
            Streams::Process { .. } => std::process::exit(0),
            Streams::Subshell { .. } => self.close(),
        }
    }

    fn obey(&'static self, order: ToHost) {
        match order {
            ToHost::Begin {
                cell,
                notebook_cell,
                shares,
            } => self.begin(cell, notebook_cell, shares),
            ToHost::End { cell } => {
                let hurry = self.pace.hurry();
                match &self.streams {
                    Streams::Process { capture, .. } => capture.barrier(cell),
                    Streams::Subshell { stderr, .. } => {
                        let mut stderr = stderr.lock().unwrap_or_else(PoisonError::into_inner);
                        // If the kernel is gone, the link says so.
                        let _ = stderr.write_all(&barrier::mark(cell));
                    }
                }
                drop(hurry);
                self.send(&ToKernel::Ended {
                    cell,
                    processes: process::list().len(),
                });
            }
            ToHost::Answer { question, answer } => self.questions.answered(question, answer),
            ToHost::Comm(said) => {
                let (cell, device) = {
                    let state = self.state();
                    (state.cell, state.device)
                };
                if let (Some(cell), Some(device)) = (cell, device) {
                    Host::comms().heard(self, cell, device, said);
                }
            }
            ToHost::Open { link, number } => {
                if let Err(error) = subshell::open(&link, number) {
                    eprintln!("a subshell cannot be opened: {error}");
                }
            }
            ToHost::Shown { .. } | ToHost::Interrupt { .. } => {}
        }
    }

    /// Ends a cell by the first way that works: at its next await, at its next check, or in its system call.
    fn interrupt(&'static self, cell: u64) {
        self.state().interrupted.insert(cell);
        // Whoever goes on by what follows must find this.
        self.interrupted.store(cell, Ordering::Relaxed);
        evaluator::interrupt();
        self.interrupt.notify_waiters();
        // One who waits for the user holds the lock of standard input, and must not be left behind with it.
        Host::stdin().end_input(cell);
        self.pace.look_again();
        runtime::block_on(async { drop(tokio::spawn(self.cells.leave(cell))) });
    }

    fn begin(&'static self, cell: u64, notebook_cell: Option<String>, shares: bool) {
        let device = process_io::device(Arc::new(CellDevice::of(self, cell, notebook_cell.clone())));
        let replaced = self.evaluator.begin(device);
        let mut state = self.state();
        state.cell = Some(cell);
        state.shares = shares;
        let before = state.device.replace(device);
        state.interrupted.retain(|&other| other >= cell);
        let children = notebook_cell.and_then(|cell| state.children.remove(&cell));
        drop(state);
        if let Some(device) = before {
            // Late output still comes by its pid; a process for each cell that ever ran would only be in the way.
            retire(device);
        }
        self.begun.notify_all();
        let begun = ToKernel::Begun { cell, replaced };
        match children {
            None => self.send(&begun),
            // An interrupt must find this thread free.
            Some(children) => runtime::block_on(async move {
                drop(tokio::spawn(async move {
                    self.end(children, cell).await;
                    self.send(&begun);
                }));
            }),
        }
    }

    /// Ends the supervisors of children that a cell has from when it ran before, or has given up on it when the cell is
    /// interrupted.
    async fn end(&self, children: Vec<Pid>, cell: u64) {
        let ended = async {
            for supervisor in children {
                // It may have ended by itself, and then there is nothing to end.
                let _ = supervisor::stop(supervisor).await;
            }
        };
        tokio::select! {
            () = ended => {}
            () = self.interrupted(cell) => {}
        }
    }
}

/// Has panics noted with their stacks, unless the user said otherwise of the kernel.
fn want_backtraces() {
    if let Some(wanted) = std::env::var_os(BACKTRACE_ENV) {
        // SAFETY: this process has no other thread yet.
        unsafe { std::env::set_var("RUST_BACKTRACE", wanted) };
    }
}
