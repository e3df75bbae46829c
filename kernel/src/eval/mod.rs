//! Evaluation of cells: evcxr compiles them, the host runs them, the link tells what they did.
//!
//! The Jupyter side knows this module by [`Engine`], [`Event`] and [`Outcome`] alone; nothing here
//! knows of Jupyter.
//!
//! # Layout
//!
//! - [`Engine`]: the handle; a thread owns the session and runs one cell after the other.
//! - [`session`]: an evcxr context and its host, set up so that a cell compiles once.
//! - [`subshell`]: sessions beside the main one, in the same host.
//! - [`host`](mod@host): this program where evcxr starts it.
//! - [`environment`]: what the tools under evcxr are told at the start; [`cargo`]: what it takes for cargo, and [`cells`]: the
//!   libraries that it does not compile again; [`lighten`]: what cells need not compile at
//!   all; [`ahead`]: the compiler that waits for the next one.
//! - [`rewrite`]: what is done to a cell's code before evcxr sees it; [`redefine`]: what else is done when it
//!   defines an item again.
//! - [`link`]: the kernel's side of the link to the host.
//! - [`assist`]: completion and inspection, while a cell compiles or runs.
//! - [`outcome`], [`report`], [`locate`]: errors in the words and the places of the reader's cell, frames of backtraces with
//!   the help of [`symbols`]; [`mistakes`] is what is added where notebooks differ from other programs.
//! - [`timings`]: marks for those who measure where the time goes.
//! - [`building`], [`interrupt`]: telling what is compiled, and stopping the compiler.

mod ahead;
mod assist;
mod building;
mod cargo;
mod cells;
mod environment;
mod event;
#[cfg(test)]
mod fuzz;
mod host;
mod interrupt;
mod lighten;
mod link;
mod local;
mod locate;
mod mistakes;
mod outcome;
mod redefine;
mod report;
mod rewrite;
mod session;
mod subshell;
mod symbols;
mod timings;

use std::path::PathBuf;
use std::process::Child;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

pub(crate) use assist::{Completions, Description, byte_offset, char_offset};
pub(crate) use event::{Answer, Comm, MimeBundle, Payload, Question, Receipt};
pub use event::{CellError, CellId, Event, Outcome, StreamName};

use crate::cache::{self, Difference, Progress};
use assist::Assist;
use link::Link;
use session::{Needs, Role, Session};
use subshell::Inherited;
use timings::mark;

/// How long an interrupted cell may go on before its reader is told why.
const PATIENCE: Duration = Duration::from_secs(3);

/// How a session is to be started.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// The program that is the host when evcxr starts it: one whose `main` begins with `host_hook`.
    /// By default the running one.
    pub program: Option<PathBuf>,
}

/// A session: one evcxr context and one host process, from the first cell to the last.
#[derive(Debug)]
pub struct Engine {
    jobs: Sender<Job>,
    control: Arc<Control>,
    assist: Assist,
    thread: Mutex<Option<JoinHandle<()>>>,
    options: EngineOptions,
    inherited: Arc<Mutex<Inherited>>,
    events: UnboundedSender<Event>,
}

/// What the session's thread is to do.
struct Job {
    cell: CellId,
    /// What the front end calls the cell, the same each time it is run.
    notebook_cell: Option<String>,
    count: u32,
    code: String,
    answer: oneshot::Sender<Outcome>,
}

/// What is needed to interfere with a running cell.
#[derive(Debug, Default)]
struct Control {
    state: Mutex<ControlState>,
    /// Told when the session has started, or will not.
    started: Condvar,
}

#[derive(Debug, Default)]
struct ControlState {
    /// The cell that runs or waits for the session to start.
    running: Option<CellId>,
    interrupted: bool,
    /// No cell is to run any more.
    closing: bool,
    /// What whoever comes now is to be told: why nothing happens.
    notice: Option<String>,
    /// The session has been tried to start.
    tried: bool,
    session: Option<Reach>,
}

/// The parts of a session that other threads may reach.
#[derive(Clone, Debug)]
struct Reach {
    link: Link,
    host: Arc<Mutex<Child>>,
    crate_dir: PathBuf,
}

impl Engine {
    /// Starts a session and returns at once; it warms up in the background, and the first cell
    /// waits for what is missing. `events` gets everything that cells and processes show, also
    /// between cells.
    pub fn start(options: EngineOptions, events: UnboundedSender<Event>) -> Engine {
        Engine::launch(options, events, Arc::default(), None)
    }

    /// Starts a session beside this one, in the same host, and returns at once. It begins with the items that this one
    /// has. `number` tells the subshells of a session apart, for ever, and is not zero.
    pub(crate) fn subshell(&self, number: u32, events: UnboundedSender<Event>) -> Engine {
        let beside = Some((number, Arc::clone(&self.control)));
        Engine::launch(self.options.clone(), events, Arc::clone(&self.inherited), beside)
    }

    fn launch(
        options: EngineOptions,
        events: UnboundedSender<Event>,
        inherited: Arc<Mutex<Inherited>>,
        beside: Option<(u32, Arc<Control>)>,
    ) -> Engine {
        let options = EngineOptions {
            // Now: later there may be another program in its place.
            program: options.program.or_else(|| std::env::current_exe().ok()),
        };
        let (jobs, received) = mpsc::channel();
        let control = Arc::new(Control::default());
        let assist = Assist::start();
        let worker = Worker {
            options: options.clone(),
            inherited: Arc::clone(&inherited),
            beside,
            events: events.clone(),
            control: Arc::clone(&control),
            assist: assist.clone(),
            session: None,
            taken: Inherited::default(),
        };
        let thread = std::thread::Builder::new()
            .name("session".to_owned())
            .spawn(move || worker.run(&received));
        // Without a thread the channel is closed, and each cell says so.
        Engine {
            jobs,
            control,
            assist,
            thread: Mutex::new(thread.ok()),
            options,
            inherited,
            events,
        }
    }

    /// Runs one cell. All events of the cell itself are on the channel when this returns. `notebook_cell` is what the
    /// front end calls the cell: by it is known that a cell is run again.
    pub async fn execute(
        &self,
        cell: CellId,
        notebook_cell: Option<String>,
        execution_count: u32,
        code: String,
    ) -> Outcome {
        {
            let mut state = self.control.state();
            if state.closing {
                return Outcome::Aborted;
            }
            state.running = Some(cell);
            state.interrupted = false;
            if let Some(text) = state.notice.take() {
                self.tell(cell, text);
            }
        }
        let (answer, answered) = oneshot::channel();
        let sent = self.jobs.send(Job {
            cell,
            notebook_cell,
            count: execution_count,
            code,
            answer,
        });
        let outcome = if sent.is_ok() { answered.await.ok() } else { None };
        let mut state = self.control.state();
        state.running = None;
        match outcome {
            _ if state.closing => Outcome::Aborted,
            Some(outcome) => outcome,
            None => outcome::failed("KernelError", "the session has ended; restart the kernel".to_owned()),
        }
    }

    fn tell(&self, cell: CellId, text: String) {
        let name = StreamName::Stderr;
        // Nobody listens any more only when the kernel is ending.
        let _ = self.events.send(Event::Stream { cell, name, text });
    }

    /// Tells a process what became of its question.
    pub(crate) fn answer(&self, question: Question, answer: Answer) {
        let reach = self.control.state().session.clone();
        if let Some(reach) = reach {
            reach.link.answer(question, answer);
        }
    }

    /// Lets those go on who waited for their output to be taken.
    pub(crate) fn passed_on(&self, receipt: Receipt) {
        let reach = self.control.state().session.clone();
        if let Some(reach) = reach {
            reach.link.passed_on(receipt);
        }
    }

    /// Tells a process what the front end says on a comm. `false` if no process can hear it.
    pub(crate) fn comm(&self, said: Comm) -> bool {
        let reach = self.control.state().session.clone();
        reach.is_some_and(|reach| reach.link.comm(said))
    }

    /// Gets ready to complete and to describe, which takes memory; without it the first answer takes longer.
    pub(crate) fn expect_questions(&self) {
        self.assist.prepare();
    }

    /// What can stand at byte `at` of `code`, also while a cell compiles or runs.
    pub(crate) fn complete(&self, code: String, at: usize) -> impl Future<Output = Completions> + Send + 'static {
        let assist = self.assist.clone();
        async move { assist.complete(code, at).await }
    }

    /// What stands at byte `at` of `code`, also while a cell compiles or runs.
    pub(crate) fn describe(
        &self,
        code: String,
        at: usize,
    ) -> impl Future<Output = Option<Description>> + Send + 'static {
        let assist = self.assist.clone();
        async move { assist.describe(code, at).await }
    }

    /// Ends the running cell where it awaits, loops, calls a function or waits in a system call, or stops the compiler.
    pub fn interrupt(&self) {
        let mut state = self.control.state();
        let Some(cell) = state.running else { return };
        state.interrupted = true;
        let Some(reach) = state.session.clone() else { return };
        drop(state);
        // If the compiler is not stopped in time, the host ends the cell as soon as it begins.
        reach.link.interrupt(cell.0);
        interrupt::stop_compiler(&reach.crate_dir);
        let control = Arc::clone(&self.control);
        std::thread::spawn(move || {
            std::thread::sleep(PATIENCE);
            if control.state().running == Some(cell) {
                let text = "The cell runs what cannot be interrupted: a library's computation, unsafe code, a wait for \
                    a lock, or a system call while threads of its own run. Restart the kernel to end it.\n";
                reach.link.print(StreamName::Stderr, text.to_owned());
            }
        });
    }

    /// Ends the host and removes the session's directory.
    pub async fn shutdown(&self) {
        let (reach, running) = {
            let mut state = self.control.state();
            state.closing = true;
            (state.session.clone(), state.running)
        };
        self.control.started.notify_all();
        if let Some(reach) = reach {
            if let Some(CellId(cell)) = running {
                // A subshell's cell does not end with its process, which is not the host.
                reach.link.interrupt(cell);
            }
            interrupt::stop_compiler(&reach.crate_dir);
            // It may have ended by itself.
            let _ = reach.host.lock().unwrap_or_else(PoisonError::into_inner).kill();
        }
        let (answer, _) = oneshot::channel();
        let _ = self.jobs.send(Job {
            cell: CellId(0),
            notebook_cell: None,
            count: 0,
            code: String::new(),
            answer,
        });
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

impl Engine {
    /// Removes the session's directory. [`shutdown`](Engine::shutdown) does so too, but waits for the session's thread,
    /// which may have rust-analyzer at work.
    pub(crate) fn remove_directory(&self) {
        let reach = self.control.state().session.clone();
        if let Some(directory) = reach.as_ref().and_then(|reach| reach.crate_dir.parent()) {
            // What is left behind, the next session removes.
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}

impl Control {
    fn state(&self) -> MutexGuard<'_, ControlState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The link of the session, once it has started; none if it has not.
    fn link(&self) -> Option<Link> {
        let state = self.state();
        let started = self
            .started
            .wait_while(state, |state| state.session.is_none() && !state.tried && !state.closing);
        let state = started.unwrap_or_else(PoisonError::into_inner);
        state.session.as_ref().map(|reach| reach.link.clone())
    }
}

/// The thread that owns the session.
struct Worker {
    options: EngineOptions,
    events: UnboundedSender<Event>,
    control: Arc<Control>,
    assist: Assist,
    session: Option<Session>,
    inherited: Arc<Mutex<Inherited>>,
    /// What the main shell starts with.
    taken: Inherited,
    /// For a subshell: its number, and the main shell.
    beside: Option<(u32, Arc<Control>)>,
}

impl Worker {
    fn run(mut self, jobs: &Receiver<Job>) {
        let mut started = self.start();
        while let Ok(job) = jobs.recv() {
            if self.control.state().closing {
                return;
            }
            let is_main = self.beside.is_none();
            let clear = is_main && rewrite::request(&job.code) == Some(rewrite::Request::Clear);
            if started.is_err() || clear {
                if clear {
                    self.taken = Inherited::default();
                }
                started = self.start_anew();
            }
            let mut needs = self.needs(&job.code);
            if let Needs::Library(changes) = &needs {
                started = self.change_library(job.cell, changes);
                needs = self.needs(&job.code);
            }
            let refused = match needs {
                Needs::Nothing => None,
                Needs::Refused(outcome) => Some(outcome),
                // Cargo goes on to ask for more than was switched on.
                Needs::Library(changes) => Some(outcome::no_such_library(&changes)),
            };
            if let Some(outcome) = refused {
                // Nobody waits any more if the kernel is ending.
                let _ = job.answer.send(outcome);
                continue;
            }
            let outcome = match (&started, &mut self.session) {
                (Err(error), _) => outcome::failed("StartError", format!("{error:#}")),
                (Ok(()), None) => outcome::failed("StartError", "the session did not start".to_owned()),
                (Ok(()), Some(_)) if self.control.state().interrupted => outcome::interrupted(),
                (Ok(()), Some(session)) => {
                    let control = Arc::clone(&self.control);
                    mark("cell");
                    let outcome = session.execute(&job, &|| control.state().interrupted);
                    mark("shown");
                    outcome
                }
            };
            // Nobody waits any more if the kernel is ending.
            let _ = job.answer.send(outcome);
        }
    }

    /// What a cell needs that only another session has. Without a session, nothing is known of it.
    fn needs(&mut self, code: &str) -> Needs {
        self.session
            .as_mut()
            .map_or(Needs::Nothing, |session| session.needs(code))
    }

    /// Starts a session in the place of the one that there is.
    fn start_anew(&mut self) -> Result<()> {
        // The old session must be gone, its host with it, before a new one begins.
        {
            let mut state = self.control.state();
            (state.session, state.tried) = (None, false);
        }
        self.session = None;
        self.start()
    }

    /// Starts a session with another library and what cells have defined. If there is no such library, the next session
    /// has the one that there was.
    fn change_library(&mut self, cell: CellId, changes: &[Difference]) -> Result<()> {
        let text = format!("{}\n", outcome::another_library(changes));
        let name = StreamName::Stderr;
        // Nobody listens any more only when the kernel is ending.
        let _ = self.events.send(Event::Stream { cell, name, text });
        let inherited = self.inherited.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut features = inherited.features.clone();
        for change in changes {
            change.switch_on(&mut features);
        }
        self.taken = inherited.for_another(features);
        let started = self.start_anew();
        if started.is_err() {
            self.taken = inherited.for_another(inherited.features.clone());
        }
        started
    }

    fn start(&mut self) -> Result<()> {
        let started = self.try_start();
        self.control.state().notice = None;
        if started.is_err() {
            self.assist.give_up();
        }
        self.control.state().tried = true;
        self.control.started.notify_all();
        started
    }

    fn try_start(&mut self) -> Result<()> {
        let (role, taken) = match &self.beside {
            None => (Role::Main(Arc::clone(&self.inherited)), self.taken.clone()),
            Some((number, main)) => {
                // Once the main shell has started, it has what is taken over.
                let link = main.link().context("the main shell has not started")?;
                let taken = self.inherited.lock().unwrap_or_else(PoisonError::into_inner).clone();
                (Role::Subshell(*number, link), taken)
            }
        };
        let prepared = {
            // While another session starts, other tools are found in the place of the toolchain's.
            let _normal = environment::normal();
            cache::ensure_with(&taken.features, &mut |progress: Progress<'_>| self.tell(progress))?
        };
        let program = self.options.program.clone();
        let program = program.context("this program does not know where it is")?;
        let (events, assist) = (self.events.clone(), self.assist.clone());
        if self.beside.is_none() {
            // The first cell may keep a variable, whose type is to be found.
            assist.prepare();
        }
        let session = Session::start(prepared, program, events, assist, role, &taken)?;
        self.taken = Inherited::default();
        let reach = Reach {
            link: session.link(),
            host: session.host(),
            crate_dir: session.crate_dir(),
        };
        self.control.state().session = Some(reach);
        self.session = Some(session);
        Ok(())
    }

    /// Tells whoever waits for a cell that the runtime is being built.
    fn tell(&self, progress: Progress<'_>) {
        let text = match progress {
            Progress::Compiled(done, total, _) => {
                format!("\rBuilding the runtime for cells, once for this version: {done} of {total}")
            }
            Progress::Waiting => "Waiting for another crabtree that builds the runtime for cells\n".to_owned(),
            Progress::Done => "\rThe runtime for cells is built.                                      \n".to_owned(),
        };
        let mut state = self.control.state();
        let Some(cell) = state.running else {
            // The others are followed by more, or by an answer.
            state.notice = (progress == Progress::Waiting).then_some(text);
            return;
        };
        drop(state);
        let _ = self.events.send(Event::Stream {
            cell,
            name: StreamName::Stderr,
            text,
        });
    }
}

/// Must be the first thing that `main` does: evcxr starts this very program as the host, in cargo's place, and as a
/// wrapper around rustc. In those cases it does not return.
pub(crate) fn host_hook() {
    // First, for it calls rustc itself, with the environment of those below.
    cargo::hook();
    subshell::hook();
    host::hook();
    evcxr::runtime_hook();
}
