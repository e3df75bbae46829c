//! Ending tasks, and letting them go.

use super::error::TaskError;
use super::handle::{AnyTask, Task};
use super::words::{Tag, Word, forget, is_watched, take};
use crate::message::{Message, Term};
use crate::pid::Pid;
use crate::process::{self, Down};
use crate::{ExitReason, receive};
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

/// Ends a task, waits until it is gone, and takes the result that it may have had by then.
///
/// The task gets the exit signal [`Shutdown`](ExitReason::Shutdown), and is killed if it is not gone within 5 seconds,
/// or what [`timeout`](ShuttingDown::timeout) says. It is unlinked before, so its end does not touch the caller.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::task;
///
/// let task = task::async_(process::sleep(secs(3600)));
/// let result = match task::yield_(task).timeout(ms(10)).await {
///     Some(result) => Some(result),
///     None => task::shutdown(task).await,
/// };
/// assert_eq!(result, None);
/// # });
/// ```
///
/// # Errors
/// `Some(Err(…))`: the task had ended for another reason, its result was taken before
/// ([`NoProc`](ExitReason::NoProc)), it had to be killed, or the caller does not own it. `None` says that it was ended
/// as it should.
///
/// # Cancel safety
/// When the future is dropped, the task may have got its signal; it can be shut down again.
pub fn shutdown<T: Term>(task: Task<T>) -> ShuttingDown<T> {
    ShuttingDown {
        task,
        how: How::Within(Some(super::DEFAULT_TIMEOUT)),
    }
}

/// The shutdown of a task: `.await` it.
#[must_use = "nothing is ended before `.await`"]
#[derive(Debug)]
pub struct ShuttingDown<T> {
    task: Task<T>,
    how: How,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum How {
    /// Kill it after that time.
    Within(Option<Duration>),
    Kill,
}

impl<T> ShuttingDown<T> {
    /// Kills the task if it is not gone within that time; with `None`, waits for ever.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> ShuttingDown<T> {
        self.how = How::Within(timeout.into());
        self
    }

    /// Kills the task without asking.
    pub fn brutal_kill(mut self) -> ShuttingDown<T> {
        self.how = How::Kill;
        self
    }
}

impl<T: Term> IntoFuture for ShuttingDown<T> {
    type Output = Option<Result<T, TaskError>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let task = self.task.any();
        Box::pin(async move {
            let result = shut_down(Task::<T>::TAG, &task, self.how).await;
            result.map(|result| result.map(Task::value))
        })
    }
}

/// Lets a task go on alone: it is unlinked, and whatever it says is dropped. A result that has come is given.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::task;
///
/// let task = task::async_(process::sleep(secs(3600)));
/// assert_eq!(task::ignore(task), None);
/// process::exit(task.pid().unwrap(), ExitReason::Kill); // and the caller lives on
/// # });
/// ```
///
/// # Errors
/// `Some(Err(…))`: the task has ended without a result, or the caller does not own it.
///
/// # Panics
/// Outside of a process.
pub fn ignore<T: Term>(task: Task<T>) -> Option<Result<T, TaskError>> {
    let any = task.any();
    if let Err(error) = any.check_owner("ignore") {
        return Some(Err(error));
    }
    ignore_any(Task::<T>::TAG, &any).map(|result| result.map(Task::value))
}

pub(super) fn ignore_any(tag: Tag, task: &AnyTask) -> Option<Result<Message, TaskError>> {
    if let Some(pid) = task.pid {
        process::unlink(pid);
    }
    let word = take(tag, task.monitor);
    forget(task.monitor);
    word.map(|word| task.result("ignore", word))
}

pub(super) async fn kill(tag: Tag, task: &AnyTask) -> Option<Result<Message, TaskError>> {
    shut_down(tag, task, How::Kill).await
}

async fn shut_down(tag: Tag, task: &AnyTask, how: How) -> Option<Result<Message, TaskError>> {
    if let Err(error) = task.check_owner("shutdown") {
        return Some(Err(error));
    }
    let mut end = None;
    if let Some(pid) = task.pid.filter(|_| is_watched(task.monitor)) {
        process::unlink(pid);
        end = Some(ended(pid, task, how).await);
    }
    // A result is in the mailbox before the end.
    let word = match (take(tag, task.monitor), end) {
        (Some(word), _) => word,
        (None, Some(reason)) => Word::Down(reason),
        (None, None) => Word::Down(ExitReason::NoProc),
    };
    forget(task.monitor);
    match (word, how) {
        (Word::Down(ExitReason::Shutdown), How::Within(_)) | (Word::Down(ExitReason::Killed), How::Kill) => None,
        (word, _) => Some(task.result("shutdown", word)),
    }
}

/// Ends a task, and waits until it is gone.
async fn ended(pid: Pid, task: &AnyTask, how: How) -> ExitReason {
    if let How::Within(timeout) = how {
        process::exit(pid, ExitReason::Shutdown);
        receive! {
            Down { monitor, reason, .. } if monitor == task.monitor => return reason,
            after timeout.unwrap_or(Duration::MAX) => (),
        }
    }
    process::exit(pid, ExitReason::Kill);
    receive! { Down { monitor, reason, .. } if monitor == task.monitor => reason }
}
