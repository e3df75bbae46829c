//! Supervisors of children that nobody knows beforehand: connections, downloads, games.
//!
//! A [supervisor](crate::supervisor) starts a fixed list of different children in order. A dynamic supervisor starts with
//! none, and gets any number of similar ones while it runs. They have no ids and no order: each is restarted alone, as
//! its specification says, and at the end all are stopped at once.
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::dynamic_supervisor::{self, DynamicSupervisor};
//! use crabtree::prelude::*;
//!
//! let sup = DynamicSupervisor::new().max_children(2).start_link().await?;
//! let download = || {
//!     ChildSpec::new("download", || async { Ok(spawn_link(process::sleep(secs(3600)))) })
//!         .restart(Restart::Temporary)
//! };
//! let first = dynamic_supervisor::start_child(sup, download()).await?;
//! let _second = dynamic_supervisor::start_child(sup, download()).await?;
//! let error = dynamic_supervisor::start_child(sup, download()).await.unwrap_err();
//! assert!(error.to_string().contains("has its 2 children already"));
//!
//! dynamic_supervisor::terminate_child(sup, first.unwrap()).await?;
//! assert_eq!(dynamic_supervisor::count_children(sup).await?.active, 1);
//! # dynamic_supervisor::stop(sup).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! Starting, stopping and losing a child cost the same however many there are.

mod server;

use crate::destination::{Target, resolve};
use crate::gen_server::{self, CallError, CallFailure, HandleCall, Server, StartError};
use crate::message::{Message, Term};
use crate::name::Name;
use crate::pid::Pid;
use crate::process::deliver;
use crate::supervisor::{Child, ChildCount, ChildError, ChildSpec};
use crate::{Destination, ExitReason};
use server::{CountChildren, Keeper, Plan, StartChild, TerminateChild, WhichChildren};
use std::fmt;
use std::time::Duration;

/// A dynamic supervisor that is about to be started.
#[must_use = "nothing is started before `.start_link().await`"]
#[derive(Debug)]
pub struct DynamicSupervisor {
    name: Option<Name>,
    plan: Plan,
}

impl Default for DynamicSupervisor {
    fn default() -> DynamicSupervisor {
        DynamicSupervisor::new()
    }
}

impl DynamicSupervisor {
    /// A supervisor for any number of children. It allows 3 restarts within 5 seconds.
    pub fn new() -> DynamicSupervisor {
        DynamicSupervisor {
            name: None,
            plan: Plan {
                max_children: usize::MAX,
                max_restarts: 3,
                max_seconds: Duration::from_secs(5),
            },
        }
    }

    /// Registers the supervisor under that name.
    pub fn name(mut self, name: impl Into<Name>) -> DynamicSupervisor {
        self.name = Some(name.into());
        self
    }

    /// How many children it may have at a time.
    pub fn max_children(mut self, max_children: usize) -> DynamicSupervisor {
        self.plan.max_children = max_children;
        self
    }

    /// How many restarts are not too many.
    pub fn max_restarts(mut self, max_restarts: u32) -> DynamicSupervisor {
        self.plan.max_restarts = max_restarts;
        self
    }

    /// Within which time, in seconds.
    pub fn max_seconds(mut self, max_seconds: u32) -> DynamicSupervisor {
        self.plan.max_seconds = Duration::from_secs(max_seconds.into());
        self
    }

    /// Starts the supervisor, linked to the caller.
    ///
    /// # Errors
    /// When the name is taken.
    ///
    /// # Panics
    /// Outside of a process.
    pub async fn start_link(self) -> Result<DynamicSupervisorRef, StartError> {
        let starting = gen_server::start_link::<Keeper>(self.plan);
        let starting = match self.name {
            Some(name) => starting.name(name),
            None => starting,
        };
        Ok(DynamicSupervisorRef(starting.await?))
    }
}

/// A running dynamic supervisor. Like a pid it is a plain value, and prints as one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DynamicSupervisorRef(Server<Keeper>);

impl DynamicSupervisorRef {
    /// The pid of the supervisor.
    pub fn pid(&self) -> Pid {
        self.0.pid()
    }
}

impl fmt::Debug for DynamicSupervisorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<DynamicSupervisorRef> for Pid {
    fn from(supervisor: DynamicSupervisorRef) -> Pid {
        supervisor.pid()
    }
}

impl From<&DynamicSupervisorRef> for Pid {
    fn from(supervisor: &DynamicSupervisorRef) -> Pid {
        supervisor.pid()
    }
}

impl Destination for DynamicSupervisorRef {
    type Sent = ();

    fn deliver(&self, message: Message) {
        drop(deliver(self.pid(), message));
    }

    fn target(&self) -> Target {
        Target::Pid(self.pid())
    }
}

/// Starts a child. `None` says that its `init` returned ignore. The id of the specification is not used.
///
/// # Errors
/// [`ChildError`]: there are `max_children` already, the child did not start, or the supervisor did not answer.
pub async fn start_child(supervisor: impl Destination, spec: ChildSpec) -> Result<Option<Pid>, ChildError> {
    ask(supervisor, "dynamic_supervisor::start_child", StartChild(spec)).await?
}

/// Stops a child and forgets it.
///
/// # Errors
/// [`ChildError::NotFound`] when it is not a child of this supervisor.
pub async fn terminate_child(supervisor: impl Destination, child: impl Into<Pid>) -> Result<(), ChildError> {
    ask(
        supervisor,
        "dynamic_supervisor::terminate_child",
        TerminateChild(child.into()),
    )
    .await?
}

/// Asks a supervisor for its children, in no order that means something. A child that is about to be restarted has no pid.
///
/// # Errors
/// [`CallError`] when the supervisor is not alive.
pub async fn which_children(supervisor: impl Destination) -> Result<Vec<Child>, CallError> {
    ask(supervisor, "dynamic_supervisor::which_children", WhichChildren).await
}

/// Asks a supervisor how many children it has.
///
/// # Errors
/// As [`which_children`].
pub async fn count_children(supervisor: impl Destination) -> Result<ChildCount, CallError> {
    ask(supervisor, "dynamic_supervisor::count_children", CountChildren).await
}

/// Ends a supervisor: its children stop, all at once, then it ends with `Normal`. Waits until it is gone.
///
/// # Errors
/// [`CallError`] when it is not alive.
pub async fn stop(supervisor: impl Destination) -> Result<(), CallError> {
    gen_server::stop_any(resolve(supervisor), "dynamic_supervisor::stop", ExitReason::Normal).await
}

async fn ask<M>(
    supervisor: impl Destination,
    function: &str,
    request: M,
) -> Result<<Keeper as HandleCall<M>>::Reply, CallError>
where
    Keeper: HandleCall<M>,
    M: Term,
{
    let pid = resolve(supervisor).map_err(|name| CallError {
        request: format!("{function}({name})"),
        cause: CallFailure::NoSuchName,
    })?;
    let answer = gen_server::call(Server::<Keeper>::at(pid), request).timeout(None).await;
    answer.map_err(|error| CallError {
        request: format!("{function}({pid})"),
        ..error
    })
}
