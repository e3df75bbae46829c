//! The evaluator: the process that cells run in.
//!
//! It has a pid, a mailbox, links and a group leader, but no task. A cell's future is polled by the
//! thread that evcxr calls, in the evaluator's name ([`Attached::drive`]); between cells a task
//! ([`keep`]) keeps it, so that an exit signal takes effect at once. When a signal ends it, a new
//! evaluator takes over.

use std::any::Any;
use std::cell::RefCell;
use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;

use crabtree_link::{CellEnd, Replaced, ToKernel};
use runtime::process::{self, Attached};
use runtime::{ExitReason, Pid};
use tokio::sync::{mpsc, oneshot};

use crate::host::Host;

/// Stands where evcxr expects tokio's `Runtime`: it runs futures of cells as the evaluator.
#[derive(Debug)]
pub struct Runtime;

impl Runtime {
    /// Connects to the kernel, if that has not happened yet.
    ///
    /// # Errors
    ///
    /// If the kernel cannot be reached.
    pub fn new() -> std::io::Result<Runtime> {
        Host::start()?;
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
        let host = Host::get();
        let cell = host.running_cell();
        let (end, result) = runtime::block_on(run(host, cell, pin!(future)));
        host.send(&ToKernel::Outcome { cell, end });
        match result {
            Ok(output) => output,
            Err(payload) => resume_unwind(payload),
        }
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
pub fn failed<E: Debug + ?Sized>(error: &E) {
    let failure = (std::any::type_name::<E>().to_owned(), format!("{error:?}"));
    FAILURE.set(Some(failure));
}

/// How a cell ended, and what `block_on` returns or unwinds with.
type Ended<T> = (CellEnd, Result<T, Box<dyn Any + Send>>);

async fn run<F>(host: &'static Host, cell: u64, future: Pin<&mut F>) -> Ended<F::Output>
where
    F: Future,
    F::Output: CellOutcome,
{
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
        None => (CellEnd::Interrupted, Err(Box::new("interrupted"))),
        Some(Ok(Ok(output))) if output.is_failure() => (take_failure(), Ok(output)),
        Some(Ok(Ok(output))) => (CellEnd::Done, Ok(output)),
        Some(Ok(Err(reason))) => {
            let replaced = loan.replace(&reason);
            (CellEnd::Killed(replaced), Err(Box::new("the evaluator was killed")))
        }
        Some(Err(payload)) => {
            let (end, payload) = unwound(payload);
            (end, Err(payload))
        }
    }
}

fn take_failure() -> CellEnd {
    let (type_name, text) = FAILURE.take().unwrap_or_default();
    CellEnd::Failed { type_name, text }
}

/// Tells an `exit` from a panic.
fn unwound(payload: Box<dyn Any + Send>) -> (CellEnd, Box<dyn Any + Send>) {
    let payload = match process::exit_payload(payload) {
        Ok(reason) => {
            return (
                CellEnd::Exited {
                    reason: reason.to_string(),
                },
                Box::new("exit"),
            );
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
            message: panic_message(&*payload),
            location: None,
            backtrace: String::new(),
        },
    };
    (end, payload)
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    if let Some(message) = payload.downcast_ref::<&str>() {
        (*message).to_owned()
    } else if let Some(message) = payload.downcast_ref::<String>() {
        message.clone()
    } else {
        "a panic whose payload is no text".to_owned()
    }
}

/// The way to the evaluator.
#[derive(Debug)]
pub(crate) struct Evaluator {
    requests: mpsc::UnboundedSender<Request>,
}

enum Request {
    /// A cell begins: here is its device. The answer names the evaluator that died since the last one.
    Begin(Pid, oneshot::Sender<Option<Replaced>>),
    /// A cell wants to run in the evaluator.
    Borrow(oneshot::Sender<Loan>),
}

impl Evaluator {
    /// Starts an evaluator and the task that keeps it.
    pub(crate) fn start() -> Evaluator {
        let (requests, received) = mpsc::unbounded_channel();
        runtime::block_on(async { drop(tokio::spawn(keep(received))) });
        Evaluator { requests }
    }

    /// Makes `device` the evaluator's group leader.
    pub(crate) fn begin(&self, device: Pid) -> Option<Replaced> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request::Begin(device, answer)).ok()?;
        answered.blocking_recv().ok().flatten()
    }

    async fn borrow(&self) -> Loan {
        let (answer, answered) = oneshot::channel();
        let sent = self.requests.send(Request::Borrow(answer));
        assert!(sent.is_ok(), "the keeper runs as long as the host");
        answered.await.expect("the keeper answers every request")
    }
}

/// The evaluator in the hands of a cell; given back when dropped.
struct Loan {
    attached: Option<Attached>,
    give_back: Option<oneshot::Sender<Attached>>,
    group_leader: Pid,
}

impl Loan {
    fn attached(&mut self) -> &mut Attached {
        self.attached.as_mut().expect("it is taken in drop only")
    }

    /// Lets a new evaluator take over from one that died of `reason`.
    fn replace(&mut self, reason: &ExitReason) -> Replaced {
        let group_leader = self.group_leader;
        let (successor, replaced) = succeed(self.attached(), reason, group_leader);
        self.attached = Some(successor);
        replaced
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let (Some(attached), Some(give_back)) = (self.attached.take(), self.give_back.take()) {
            // Nobody waits for it only when the host is ending.
            let _ = give_back.send(attached);
        }
    }
}

fn succeed(dead: &Attached, reason: &ExitReason, group_leader: Pid) -> (Attached, Replaced) {
    let successor = Attached::new();
    process::set_group_leader(successor.pid(), group_leader);
    let replaced = Replaced {
        evaluator: dead.pid().to_string(),
        reason: reason.to_string(),
        successor: successor.pid().to_string(),
    };
    (successor, replaced)
}

/// Keeps the evaluator between cells.
async fn keep(mut requests: mpsc::UnboundedReceiver<Request>) {
    let mut attached = Attached::new();
    let mut group_leader = process::group_leader();
    let mut replaced = None;
    loop {
        let request = tokio::select! {
            biased;
            reason = attached.idle() => {
                let (successor, news) = succeed(&attached, &reason, group_leader);
                attached = successor;
                replaced = Some(news);
                continue;
            }
            request = requests.recv() => request,
        };
        match request {
            None => return,
            Some(Request::Begin(device, answer)) => {
                group_leader = device;
                process::set_group_leader(attached.pid(), device);
                let _ = answer.send(replaced.take());
            }
            Some(Request::Borrow(answer)) => {
                let (give_back, given_back) = oneshot::channel();
                let loan = Loan {
                    attached: Some(attached),
                    give_back: Some(give_back),
                    group_leader,
                };
                // A borrower that is gone gives the evaluator back by dropping the loan.
                let _ = answer.send(loan);
                attached = given_back.await.expect("a loan gives back when it is dropped");
            }
        }
    }
}
