//! Why a supervisor refused.

use crate::ExitReason;
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
    /// A dynamic supervisor knows its children by their pids, and this is an id.
    NoIds(Name),
    /// A partition supervisor has fewer partitions than were asked for.
    Partitions {
        /// The number that was asked for.
        asked: usize,
        /// The number that it was started with.
        most: usize,
    },
    /// The supervisor has no partitions.
    NotPartitioned,
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
            ChildError::NoIds(id) => write!(
                f,
                "a dynamic supervisor knows its children by their pids, not by ids such as {id:?}: see \
                 dynamic_supervisor::terminate_child"
            ),
            ChildError::Partitions { asked, most } => {
                write!(f, "the number of partitions can be from 0 to {most}, and not {asked}")
            }
            ChildError::NotPartitioned => f.write_str("only a partition supervisor can be resized"),
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

/// The reason for which a supervisor ends when one of its children does not start: [`ExitReason::ShutdownWith`] this.
#[derive(Clone)]
#[non_exhaustive]
pub struct FailedToStartChild {
    /// The id of the child.
    pub id: Name,
    /// Why it did not start.
    pub reason: ExitReason,
}

impl fmt::Debug for FailedToStartChild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the child {:?} did not start: {}", self.id, self.reason)
    }
}
