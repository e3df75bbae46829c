//! Evaluation of cells: evcxr compiles them, the host runs them, the link tells what they did.
//!
//! The Jupyter side knows this module by [`Engine`], [`Event`] and [`Outcome`] alone; nothing here
//! knows of Jupyter.
//!
//! # Layout
//!
//! - [`Engine`]: the handle; a thread owns the session and runs one cell after the other.
//! - [`session`]: an evcxr context and its host, set up so that a cell compiles once.
//! - [`environment`]: what the tools under evcxr are told at the start.
//! - [`rewrite`]: what is done to a cell's code before evcxr sees it; [`redefine`]: what else is done when it
//!   defines an item again.
//! - [`link`]: the kernel's side of the link to the host.
//! - [`assist`]: completion and inspection, while a cell compiles or runs.
//! - [`outcome`], [`report`], [`locate`]: errors in the words and the places of the reader's cell; [`mistakes`] is what is
//!   added where notebooks differ from other programs.
//! - [`building`], [`interrupt`]: telling what is compiled, and stopping the compiler.

mod assist;
mod building;
mod environment;
mod event;
mod interrupt;
mod link;
mod locate;
mod mistakes;
mod outcome;
mod redefine;
mod report;
mod rewrite;
mod session;

use std::path::PathBuf;
use std::process::Child;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

pub(crate) use assist::{Completions, Description, byte_offset, char_offset};
pub(crate) use event::{Answer, CellError, CellId, Comm, Event, MimeBundle, Outcome, Payload, Question, StreamName};

use crate::cache::{self, Progress};
use assist::Assist;
use link::Link;
use session::Session;

/// How long no cell has to come for the session to get ready for cells that keep variables.
const PAUSE: Duration = Duration::from_millis(300);

/// How long an interrupted cell may go on before its reader is told why.
const PATIENCE: Duration = Duration::from_secs(3);

/// How a session is to be started.
#[derive(Clone, Debug, Default)]
pub(crate) struct EngineOptions {
    /// The program that is the host when evcxr starts it: one whose `main` begins with [`host_hook`].
    /// By default the running one.
    pub(crate) program: Option<PathBuf>,
}

/// A session: one evcxr context and one host process, from the first cell to the last.
#[derive(Debug)]
pub(crate) struct Engine {
    jobs: Sender<Job>,
    control: Arc<Control>,
    assist: Assist,
    thread: Mutex<Option<JoinHandle<()>>>,
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
}

#[derive(Debug, Default)]
struct ControlState {
    /// The cell that runs or waits for the session to start.
    running: Option<CellId>,
    interrupted: bool,
    /// No cell is to run any more.
    closing: bool,
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
    pub(crate) fn start(options: EngineOptions, events: UnboundedSender<Event>) -> Engine {
        let (jobs, received) = mpsc::channel();
        let control = Arc::new(Control::default());
        let assist = Assist::start();
        let worker = Worker {
            options,
            events,
            control: Arc::clone(&control),
            assist: assist.clone(),
            session: None,
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
        }
    }

    /// Runs one cell. All events of the cell itself are on the channel when this returns. `notebook_cell` is what the
    /// front end calls the cell: by it is known that a cell is run again.
    pub(crate) async fn execute(
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

    /// Tells a process what became of its question.
    pub(crate) fn answer(&self, question: Question, answer: Answer) {
        let reach = self.control.state().session.clone();
        if let Some(reach) = reach {
            reach.link.answer(question, answer);
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
    pub(crate) fn interrupt(&self) {
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
    pub(crate) async fn shutdown(&self) {
        let reach = {
            let mut state = self.control.state();
            state.closing = true;
            state.session.clone()
        };
        if let Some(reach) = reach {
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

impl Control {
    fn state(&self) -> MutexGuard<'_, ControlState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that owns the session.
struct Worker {
    options: EngineOptions,
    events: UnboundedSender<Event>,
    control: Arc<Control>,
    assist: Assist,
    session: Option<Session>,
}

impl Worker {
    fn run(mut self, jobs: &Receiver<Job>) {
        let mut started = self.start();
        let mut warm = false;
        loop {
            // Cells that follow each other at once are not kept waiting by what they may not need.
            let job = match jobs.recv_timeout(PAUSE) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(session) = self.session.as_mut().filter(|_| !warm) {
                        session.warm_up();
                        warm = true;
                    }
                    match jobs.recv() {
                        Ok(job) => job,
                        Err(mpsc::RecvError) => return,
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if self.control.state().closing {
                return;
            }
            if started.is_err() || rewrite::request(&job.code) == Some(rewrite::Request::Clear) {
                // The old session must be gone, its host with it, before a new one begins.
                self.control.state().session = None;
                self.session = None;
                started = self.start();
                warm = false;
            }
            let outcome = match (&started, &mut self.session) {
                (Err(error), _) => outcome::failed("StartError", format!("{error:#}")),
                (Ok(()), None) => outcome::failed("StartError", "the session did not start".to_owned()),
                (Ok(()), Some(_)) if self.control.state().interrupted => outcome::interrupted(),
                (Ok(()), Some(session)) => {
                    let control = Arc::clone(&self.control);
                    session.execute(&job, &|| control.state().interrupted)
                }
            };
            // Nobody waits any more if the kernel is ending.
            let _ = job.answer.send(outcome);
        }
    }

    fn start(&mut self) -> Result<()> {
        let started = self.try_start();
        if started.is_err() {
            self.assist.give_up();
        }
        started
    }

    fn try_start(&mut self) -> Result<()> {
        let prepared = cache::ensure_with(&mut |progress: Progress<'_>| self.tell(progress))?;
        let program = match &self.options.program {
            Some(program) => program.clone(),
            None => std::env::current_exe().context("this program does not know where it is")?,
        };
        let session = Session::start(prepared, program, self.events.clone(), self.assist.clone())?;
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
        let Some(cell) = self.control.state().running else {
            return;
        };
        let text = match progress {
            Progress::Compiled(done, total, _) => {
                format!("\rBuilding the runtime for cells, once for this version: {done} of {total}")
            }
            Progress::Waiting => "Waiting for another crabtree that builds the runtime for cells\n".to_owned(),
            Progress::Done => "\rThe runtime for cells is built.                                      \n".to_owned(),
        };
        let _ = self.events.send(Event::Stream {
            cell,
            name: StreamName::Stderr,
            text,
        });
    }
}

/// Must be the first thing that `main` does: evcxr starts this very program as the host, and as a
/// wrapper around rustc. In those cases it does not return.
pub(crate) fn host_hook() {
    evcxr::runtime_hook();
}
