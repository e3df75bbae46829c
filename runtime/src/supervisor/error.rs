//! Why a supervisor refused.

use crate::gen_server::{CallError, StartError};
use crate::name::Name;
use crate::pid::Pid;
use std::fmt;

/// Why [`start_child`](super::start_child) and its kin failed.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum ChildError {
    /// A child of that id runs already.
    AlreadyStarted {
        /// The id.
        id: Name,
        /// The child.
        pid: Pid,
    },
    /// There is a child of that id, which does not run: [`restart_child`](super::restart_child) starts it,
    /// [`delete_child`](super::delete_child) forgets it.
    AlreadyPresent(Name),
    /// No child has that id.
    NotFound {
        /// The id that was asked for.
        id: Name,
        /// The ids that there are.
        known: Vec<Name>,
    },
    /// The child runs, so it cannot be deleted or restarted: [`terminate_child`](super::terminate_child) stops it.
    Running {
        /// The id.
        id: Name,
        /// The child.
        pid: Pid,
    },
    /// The child ended and is about to be restarted by its supervisor.
    Restarting(Name),
    /// The child did not start.
    Start(StartError),
    /// A significant child needs a supervisor that shuts down with it; see
    /// [`AutoShutdown`](super::AutoShutdown).
    Significant(Name),
    /// A dynamic supervisor has as many children as it may.
    MaxChildren(usize),
    /// The supervisor did not answer.
    Call(CallError),
}

impl From<CallError> for ChildError {
    fn from(error: CallError) -> ChildError {
        ChildError::Call(error)
    }
}

impl fmt::Display for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChildError::AlreadyStarted { id, pid } => write!(f, "the child {id:?} runs already, as {pid}"),
            ChildError::AlreadyPresent(id) => write!(
                f,
                "there is a child {id:?} that does not run: restart_child starts it, delete_child forgets it"
            ),
            ChildError::NotFound { id, known } => write!(f, "no child has the id {id:?}; there are {known:?}"),
            ChildError::Running { id, pid } => {
                write!(f, "the child {id:?} runs, as {pid}; terminate_child stops it")
            }
            ChildError::Restarting(id) => write!(f, "the child {id:?} is about to be restarted by its supervisor"),
            ChildError::Start(error) => fmt::Display::fmt(error, f),
            ChildError::Significant(id) => write!(
                f,
                "the child {id:?} is significant, which means something only with .auto_shutdown(…) on its supervisor, and \
                 for a child that is transient or temporary"
            ),
            ChildError::MaxChildren(most) => write!(f, "the supervisor has its {most} children already (max_children)"),
            ChildError::Call(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl fmt::Debug for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ChildError {}
