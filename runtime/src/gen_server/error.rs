//! Why a server did not start, and why a call got no answer.

use crate::pid::Pid;
use crate::process::call::Failure;
use crate::{ExitReason, Name};
use std::fmt;
use std::time::Duration;

/// Why a process that was to be started is not there.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum StartError {
    /// The name belongs to this process already.
    AlreadyStarted {
        /// The name that was asked for.
        name: Name,
        /// The process that has it.
        pid: Pid,
    },
    /// `init` stopped, panicked, or was ended by an exit signal.
    Exit(ExitReason),
    /// `init` said that there is nothing to do.
    Ignore,
    /// `init` was not done within that time. The process was killed.
    Timeout(Duration),
    /// What it was to be is not possible. The text says what is.
    Invalid(String),
}

impl StartError {
    /// The reason for which somebody who cannot go on without the process should exit.
    pub fn into_reason(self) -> ExitReason {
        match self {
            StartError::Exit(reason) => reason,
            error => ExitReason::other(error),
        }
    }
}

impl From<StartError> for ExitReason {
    fn from(error: StartError) -> ExitReason {
        error.into_reason()
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // What a via is called has quotes of its own.
            StartError::AlreadyStarted { name, pid } if name.as_str().contains('"') => {
                write!(f, "already started: {pid} is registered as {name}")
            }
            StartError::AlreadyStarted { name, pid } => {
                write!(f, "already started: {pid} is registered as {name:?}")
            }
            StartError::Exit(reason) => write!(f, "it did not start: {reason}"),
            StartError::Ignore => f.write_str("it did not start: its init returned ignore"),
            StartError::Timeout(time) => write!(f, "its init was not done within {time:?}, so it was killed"),
            StartError::Invalid(why) => f.write_str(why),
        }
    }
}

impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for StartError {}

/// Why a call got no answer. It says which call it was.
#[derive(Clone, PartialEq)]
pub struct CallError {
    /// The call, as code would say it.
    pub request: String,
    /// What happened to it.
    pub cause: CallFailure,
}

/// What happened to a call that got no answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CallFailure {
    /// There was no answer within that time. The server may still work on the request; its answer will disappear.
    Timeout(Duration),
    /// No process has that name.
    NoSuchName,
    /// The server is not alive, or ended before it answered.
    Exit(ExitReason),
    /// A process cannot wait for itself.
    CallingSelf,
    /// The process is no supervisor, so it does not understand what supervisors are asked.
    NotASupervisor,
    /// The server did not do it, and goes on as before. This is why: for example, it is of another type than the
    /// request is for.
    Refused(String),
}

/// The answer of a server that did not do what it was asked for, and why.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) String);

impl CallFailure {
    pub(super) fn of(failure: Failure, timeout: Option<Duration>) -> CallFailure {
        match failure {
            Failure::Timeout => CallFailure::Timeout(timeout.unwrap_or_default()),
            Failure::Down(reason) => CallFailure::Exit(reason),
            Failure::CallingSelf => CallFailure::CallingSelf,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.request)?;
        match &self.cause {
            CallFailure::Timeout(time) => write!(f, "no answer within {time:?}"),
            CallFailure::NoSuchName => {
                f.write_str("no process has that name; process::registered() lists the names in use")
            }
            CallFailure::Exit(ExitReason::NoProc) => f.write_str("the process is not alive (noproc)"),
            CallFailure::Exit(reason) => write!(f, "the process ended before it answered: {reason}"),
            CallFailure::CallingSelf => f.write_str("a process cannot call itself: it would wait for its own answer"),
            CallFailure::NotASupervisor => f.write_str("the process is not a supervisor"),
            CallFailure::Refused(why) => write!(f, "refused: {why}"),
        }
    }
}

impl fmt::Debug for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for CallError {}

impl From<CallError> for ExitReason {
    fn from(error: CallError) -> ExitReason {
        ExitReason::other(error)
    }
}
