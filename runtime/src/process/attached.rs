//! A process that does not run by itself: somebody drives futures in it, one after the other.

use super::backtrace::{self, Asked, poll_in};
use super::current::{Current, How, within};
use super::record::Record;
use super::task::{Start, begin, next_step};
use crate::ExitReason;
use crate::node::node;
use crate::pid::Pid;
use crate::reason::{is_stop, reason_of_unwinding};
use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// A process that its owner drives: the main process of a program, or the evaluator of a notebook.
///
/// Between two [`drive`](Attached::drive)s it is alive, has its mailbox, its links and its dictionary. Signals that
/// arrive take effect when it is driven, [`idle`](Attached::idle), or asked about.
///
/// Dropping it ends the process with [`ExitReason::Normal`].
///
/// ```
/// use crabtree::prelude::*;
/// use crabtree::process::Attached;
///
/// # crabtree::block_on(async {
/// let mut main = Attached::new();
/// let pid = main.pid();
/// assert_eq!(main.drive(async { me() }).await, Ok(pid));
/// assert_eq!(main.drive(async { process::exit(me(), "boom") }).await, Ok(()));
/// assert_eq!(main.drive(async {}).await, Err(ExitReason::from("boom")));
/// # });
/// ```
pub struct Attached {
    pid: Pid,
    record: &'static Record,
    ended: Option<ExitReason>,
}

impl Attached {
    /// Begins a process. Its group leader is the caller's.
    #[expect(
        clippy::new_without_default,
        reason = "it starts a process, which a default value should not"
    )]
    #[track_caller]
    pub fn new() -> Attached {
        let (pid, record) = begin(Start::of::<Attached>());
        Attached {
            pid,
            record,
            ended: None,
        }
    }

    /// A new handle of a process whose handle is lost: it is on the stack of a thread that was stopped for good.
    ///
    /// # Panics
    /// When there is no such process.
    ///
    /// # Safety
    /// The process is attached, and its other handle, and what is driven by it, is neither used nor dropped again.
    #[doc(hidden)]
    pub unsafe fn take_over(pid: Pid) -> Attached {
        let record = node().table.get(pid).expect("an attached process ends with its handle");
        Attached {
            pid,
            record,
            ended: None,
        }
    }

    /// The pid of the process.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Runs a future as this process.
    ///
    /// A panic unwinds through, and the process lives on.
    ///
    /// # Errors
    /// The reason, when an exit signal ended the process: it is gone then, and every further call says so again.
    ///
    /// # Cancel safety
    /// When the returned future is dropped, so is `future`; the process lives on.
    pub async fn drive<F: Future>(&mut self, future: F) -> Result<F::Output, ExitReason> {
        let mut future = pin!(future);
        poll_fn(|context| {
            let asked = match self.step(context.waker()) {
                Ok(asked) => asked,
                Err(reason) => return Poll::Ready(Err(reason)),
            };
            let process = Current {
                pid: self.pid,
                record: self.record,
            };
            let poll = |context: &mut Context<'_>| future.as_mut().poll(context);
            let waker = context.waker();
            // SAFETY: it is attached.
            let polled = catch_unwind(AssertUnwindSafe(|| unsafe {
                within(How::Attached, process, waker, || {
                    poll_in(self.pid, context, asked, poll)
                })
            }));
            match polled {
                Ok(polled) => polled.map(Ok),
                Err(payload) => Poll::Ready(Err(self.stopped(payload))),
            }
        })
        .await
    }

    /// Lets signals take effect while there is nothing to run; resolves when one ends the process.
    ///
    /// # Cancel safety
    /// It can be dropped and called again at any time; nothing is lost.
    pub async fn idle(&mut self) -> ExitReason {
        poll_fn(|context| match self.step(context.waker()) {
            Err(reason) => Poll::Ready(reason),
            Ok(asked) => {
                backtrace::tell(self.pid, &asked, Vec::new());
                Poll::Pending
            }
        })
        .await
    }

    fn step(&mut self, waker: &Waker) -> Result<Asked, ExitReason> {
        if let Some(reason) = &self.ended {
            return Err(reason.clone());
        }
        self.record.register(waker);
        next_step(self.pid, self.record).inspect_err(|reason| self.end(reason.clone()))
    }

    /// The reason, when an exit signal stopped the process in its step; other unwinding goes on.
    fn stopped(&mut self, payload: Box<dyn Any + Send>) -> ExitReason {
        if !is_stop(&*payload) {
            resume_unwind(payload);
        }
        let reason = reason_of_unwinding(payload);
        self.end(reason.clone());
        reason
    }

    fn end(&mut self, reason: ExitReason) {
        self.ended = Some(reason.clone());
        self.record.finish(self.pid, reason);
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        if self.ended.is_none() {
            self.end(ExitReason::Normal);
        }
    }
}
