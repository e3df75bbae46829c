//! The evaluator: the process that cells run in.
//!
//! It has a pid, a mailbox, links and a group leader, but no task. While the thread that evcxr calls waits, a cell's
//! future is polled by a thread of its own ([`thread`]), in the evaluator's name; between cells a task keeps the
//! evaluator ([`keeper`]), so that an exit signal takes effect at once. When a signal ends it, a new one takes over.
//!
//! A cell is interrupted where it awaits, by dropping its future; where it loops or calls, by a [`check`] that unwinds;
//! and where it waits in a system call, by leaving its thread behind ([`freeze`]).

mod freeze;
mod keeper;
mod thread;

use std::any::{Any, type_name};
use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use crabtree_link::{CellEnd, ToKernel};
use runtime::__private::text_of;
use runtime::process;

use crate::host::Host;
pub(crate) use keeper::Evaluator;
pub(crate) use thread::CellThread;

/// Stands where evcxr expects tokio's `Runtime`: it runs futures of cells as the evaluator.
#[derive(Debug)]
pub struct Runtime;

impl Runtime {
    /// What runs all cells; it is there before them.
    ///
    /// # Errors
    ///
    /// None: evcxr expects that there may be.
    pub fn new() -> std::io::Result<Runtime> {
        Ok(Runtime)
    }

    /// Runs the future of a cell to its end and tells the kernel how it ended.
    ///
    /// # Panics
    ///
    /// If the cell panicked, called `exit`, was interrupted or lost its evaluator: unwinding makes
    /// evcxr keep the variables that the cell had not moved.
    pub fn block_on<F>(&mut self, future: F) -> F::Output
    where
        F: Future,
        F::Output: CellOutcome,
    {
        let poll: fn(Pin<&mut F>, &mut Context<'_>) -> Poll<F::Output> = F::poll;
        let mut output = None;
        let slot = &mut output;
        // From here on the type of the future does not matter, so that a cell compiles little.
        let future = Box::pin(async move {
            let given = future.await;
            let failed = given.is_failure();
            *slot = Some(given);
            failed
        });
        evaluate(future, poll as usize, type_name::<F>());
        output.expect("a cell that gives nothing unwinds")
    }
}

/// The future of a cell; it says whether the cell left by `?`.
type CellFuture<'a> = Pin<Box<dyn Future<Output = bool> + 'a>>;

/// How a cell ended, and what it unwinds with.
type Ended = (CellEnd, Option<Box<dyn Any + Send>>);

/// Runs the future of the running cell; `address` is that of some of its code, and `name` that of the future's type.
fn evaluate(future: CellFuture<'_>, address: usize, name: &'static str) {
    let host = Host::get();
    let cell = host.running_cell();
    host.code_begins(cell, address, name);
    let ended = host.cells().run(cell, || run(host, cell, future));
    host.code_ended(cell);
    let (end, unwinding) = ended.unwrap_or_else(|| {
        host.evaluator().take_back();
        (CellEnd::Abandoned, Some(Box::new("the cell was left behind")))
    });
    host.send(&ToKernel::Outcome { cell, end });
    if let Some(payload) = unwinding {
        resume_unwind(payload);
    }
}

/// What the future of a cell gives.
pub trait CellOutcome {
    /// Whether the cell left by `?`.
    fn is_failure(&self) -> bool;
}

impl CellOutcome for () {
    fn is_failure(&self) -> bool {
        false
    }
}

impl<E> CellOutcome for Result<(), E> {
    fn is_failure(&self) -> bool {
        self.is_err()
    }
}

thread_local! {
    /// The error that the cell on this thread leaves with: its type and its text.
    static FAILURE: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

/// Notes the error with which a cell leaves by `?`.
pub(crate) fn failed(type_name: String, error: &dyn Debug) {
    FAILURE.set(Some((type_name, format!("{error:?}"))));
}

/// Runs a cell on this thread, as the evaluator.
fn run(host: &'static Host, cell: u64, mut future: CellFuture<'_>) -> Ended {
    host.enter();
    RUNNING.set(cell);
    let ended = runtime::block_on(drive(host, cell, future.as_mut()));
    // What the cell still has is dropped here, where it ran.
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(future)));
    RUNNING.set(0);
    match (ended, dropped) {
        ((CellEnd::Done, _), Err(payload)) => unwound(payload),
        (ended, _) => ended,
    }
}

async fn drive(host: &'static Host, cell: u64, future: Pin<&mut (dyn Future<Output = bool> + '_)>) -> Ended {
    let mut loan = host.evaluator().borrow().await;
    let ended = {
        let mut driven = pin!(loan.attached().drive(future));
        let guarded = poll_fn(
            |context| match catch_unwind(AssertUnwindSafe(|| driven.as_mut().poll(context))) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
                Err(payload) => Poll::Ready(Err(payload)),
            },
        );
        tokio::select! {
            biased;
            () = host.interrupted(cell) => None,
            ended = guarded => Some(ended),
        }
    };
    match ended {
        None => (CellEnd::Interrupted, Some(Box::new("interrupted"))),
        // What it gives may come of the interrupt: a read finds the end of the input.
        Some(Ok(Ok(_))) if host.is_interrupted(cell) => (CellEnd::Interrupted, Some(Box::new("interrupted"))),
        Some(Ok(Ok(true))) => (take_failure(), None),
        Some(Ok(Ok(false))) => (CellEnd::Done, None),
        Some(Ok(Err(reason))) => {
            let replaced = loan.replace(&reason);
            (CellEnd::Killed(replaced), Some(Box::new("the evaluator was killed")))
        }
        Some(Err(payload)) => unwound(payload),
    }
}

/// Whether a cell was ever to end at its next check.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The cell that runs on this thread; zero for none.
    static RUNNING: Cell<u64> = const { Cell::new(0) };
}

/// What a cell unwinds with that finds itself interrupted.
struct Interrupted;

/// Has cells look at their next check whether they are to end.
pub(crate) fn interrupt() {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

/// Whether the cell on this thread, if any, is to end.
pub(crate) fn is_interrupted() -> bool {
    let cell = RUNNING.get();
    cell != 0 && Host::get().is_interrupted(cell)
}

/// The check that a cell makes in each round of a loop and at the start of each function.
///
/// # Panics
///
/// It unwinds when the cell is interrupted, or its process got an exit signal.
#[inline]
pub fn check() {
    runtime::__private::reduce();
    if INTERRUPTED.load(Ordering::Relaxed) {
        leave();
    }
}

#[cold]
fn leave() {
    // While something unwinds already, another panic would end the host.
    if is_interrupted() && !std::thread::panicking() {
        resume_unwind(Box::new(Interrupted));
    }
}

fn take_failure() -> CellEnd {
    let (type_name, text) = FAILURE.take().unwrap_or_default();
    CellEnd::Failed { type_name, text }
}

/// Tells an `exit` from a panic.
fn unwound(payload: Box<dyn Any + Send>) -> Ended {
    if payload.is::<Interrupted>() {
        return (CellEnd::Interrupted, Some(payload));
    }
    let payload = match process::exit_payload(payload) {
        Ok(reason) => {
            let reason = reason.to_string();
            return (CellEnd::Exited { reason }, Some(Box::new("exit")));
        }
        Err(payload) => payload,
    };
    let end = match process::last_panic() {
        Some(panic) => CellEnd::Panicked {
            backtrace: panic.backtrace(),
            message: panic.message,
            location: Some(panic.location),
        },
        None => CellEnd::Panicked {
            message: text_of(&*payload),
            location: None,
            backtrace: String::new(),
        },
    };
    (end, Some(payload))
}
