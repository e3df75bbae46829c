//! Why there is no result of a task.

use crate::ExitReason;
use crate::pid::Pid;
use std::fmt;
use std::time::Duration;

/// Why there is no result. It says what was asked, of which task.
#[derive(Clone, PartialEq)]
pub struct TaskError {
    /// The request, as code would say it.
    pub request: String,
    /// What happened.
    pub cause: TaskFailure,
}

/// What happened to a task whose result was wanted.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TaskFailure {
    /// The result did not come within that time.
    Timeout(Duration),
    /// The task ended without a result.
    Exit(ExitReason),
    /// Its result was taken before, or it was shut down or ignored.
    Handled,
    /// The task belongs to another process.
    NotOwner {
        /// The process that started the task.
        owner: Pid,
        /// The process that asked.
        caller: Pid,
    },
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.request)?;
        match &self.cause {
            TaskFailure::Timeout(time) => write!(f, "no result within {time:?}"),
            TaskFailure::Exit(reason) => write!(f, "the task ended without a result: {reason}"),
            TaskFailure::Handled => {
                f.write_str("its result was taken before; a task is awaited, shut down or ignored once")
            }
            TaskFailure::NotOwner { owner, caller } => write!(
                f,
                "only {owner}, which started the task, can ask for its result, and this is {caller}"
            ),
        }
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for TaskError {}

impl From<TaskError> for ExitReason {
    fn from(error: TaskError) -> ExitReason {
        ExitReason::other(error)
    }
}
