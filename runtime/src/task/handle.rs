//! The handle of a task.

use super::await_task::{Await, Awaiting};
use super::error::{TaskError, TaskFailure};
use super::words::Tag;
use crate::message::{Message, Term};
use crate::pid::{MonitorRef, Pid};
use crate::process::current;
use crate::process::origin::Origin;
use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::time::Duration;

/// A task whose result is a `T`. `.await` it, for 5 seconds, or [`timeout`](Task::timeout) first.
///
/// It is a plain value: dropping it does nothing to the task, and it can be kept in the state of a server. Only the
/// process that started the task, its owner, can ask for the result, and gets it once.
///
/// # Errors of the await
/// [`TaskError`]: the task crashed and the owner traps exits, it ended without a result, or the time is over. After
/// that the task is not watched any more, and a late result disappears; it stays linked.
///
/// # Cancel safety
/// When the await is dropped, the result stays in the mailbox, or comes there, and can be awaited again.
pub struct Task<T> {
    pid: Option<Pid>,
    monitor: MonitorRef,
    owner: Pid,
    origin: Origin,
    _output: PhantomData<fn() -> T>,
}

impl<T> Task<T> {
    pub(super) fn new(pid: Option<Pid>, monitor: MonitorRef, owner: Pid, origin: Origin) -> Task<T> {
        Task {
            pid,
            monitor,
            owner,
            origin,
            _output: PhantomData,
        }
    }

    /// The process of the task; `None` for a [`completed`](super::completed) one.
    pub fn pid(&self) -> Option<Pid> {
        self.pid
    }

    /// The reference in the messages of the task: its result is the message `(MonitorRef, T)`, its end a
    /// [`Down`](crate::Down).
    ///
    /// ```
    /// # crabtree::run(async {
    /// use crabtree::prelude::*;
    /// use crabtree::task;
    ///
    /// let task = task::async_(async { 6 * 7 });
    /// receive! {
    ///     (monitor, n): (MonitorRef, i32) if monitor == task.monitor() => assert_eq!(n, 42),
    /// }
    /// receive! {
    ///     Down { monitor, reason, .. } if monitor == task.monitor() => assert_eq!(reason, ExitReason::Normal),
    /// }
    /// # });
    /// ```
    pub fn monitor(&self) -> MonitorRef {
        self.monitor
    }

    /// The process that started the task.
    pub fn owner(&self) -> Pid {
        self.owner
    }

    /// What the functions about tasks need to know, without the type.
    pub(super) fn any(&self) -> AnyTask {
        AnyTask {
            pid: self.pid,
            monitor: self.monitor,
            owner: self.owner,
        }
    }
}

impl<T: Term> Task<T> {
    /// Awaits the task for so long at most; with `None` for ever.
    ///
    /// ```
    /// # crabtree::run(async {
    /// use crabtree::prelude::*;
    /// use crabtree::task::{self, TaskFailure};
    ///
    /// let task = task::async_(process::sleep(secs(3600)));
    /// let error = task.timeout(ms(10)).await.unwrap_err();
    /// assert_eq!(error.cause, TaskFailure::Timeout(ms(10)));
    /// # });
    /// ```
    pub fn timeout(self, timeout: impl Into<Option<Duration>>) -> Await<T> {
        Await::new(self, timeout.into())
    }

    /// Finds the messages of such tasks.
    pub(super) const TAG: Tag = |message| {
        let result: Option<&(MonitorRef, T)> = message.downcast_ref();
        result.map(|(monitor, _)| *monitor)
    };

    /// The result in a message that [`TAG`](Task::TAG) found.
    pub(super) fn value(message: Message) -> T {
        let (_, value): (MonitorRef, T) = message.downcast().expect("the type was looked at before");
        value
    }
}

impl<T: Term> IntoFuture for Task<T> {
    type Output = Result<T, TaskError>;
    type IntoFuture = Awaiting<T>;

    fn into_future(self) -> Awaiting<T> {
        self.timeout(super::DEFAULT_TIMEOUT).into_future()
    }
}

impl<T> Clone for Task<T> {
    fn clone(&self) -> Task<T> {
        *self
    }
}

impl<T> Copy for Task<T> {}

impl<T> PartialEq for Task<T> {
    fn eq(&self, other: &Task<T>) -> bool {
        self.monitor == other.monitor
    }
}

impl<T> Eq for Task<T> {}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("function", &format_args!("{}", self.origin.path()))
            .field("owner", &self.owner)
            .field("pid", &self.pid)
            .field("monitor", &self.monitor)
            .finish()
    }
}

/// A task without the type of its result.
#[derive(Clone, Copy)]
pub(super) struct AnyTask {
    pub(super) pid: Option<Pid>,
    pub(super) monitor: MonitorRef,
    owner: Pid,
}

impl AnyTask {
    pub(super) fn error(&self, function: &str, cause: TaskFailure) -> TaskError {
        TaskError {
            request: format!("task::{function}({self:?})"),
            cause,
        }
    }

    /// # Errors
    /// When the caller does not own the task.
    pub(super) fn check_owner(&self, function: &str) -> Result<(), TaskError> {
        let caller = current::expect(function).pid;
        if caller == self.owner {
            return Ok(());
        }
        let owner = self.owner;
        Err(self.error(function, TaskFailure::NotOwner { owner, caller }))
    }
}

impl fmt::Debug for AnyTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "Task({pid})"),
            None => f.write_str("Task(completed)"),
        }
    }
}
