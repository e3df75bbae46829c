//! Supervisors: processes that start others, watch them, and start them again.
//!
//! A supervisor holds what cannot be left to chance: which processes a part of a program consists of, in which order
//! they start, and what is to be done when one of them ends. Its children do the work, and may fail; it does nothing
//! that could fail, and lives on.
//!
//! ```
//! use crabtree::prelude::*;
//!
//! #[derive(Debug)]
//! struct Counter(i64);
//!
//! impl GenServer for Counter {
//!     type Args = i64;
//!     async fn init(n: i64) -> Init<Self> { Init::ok(Counter(n)) }
//! }
//!
//! #[derive(Debug)]
//! struct Boom;
//!
//! impl HandleCast<Boom> for Counter {
//!     async fn handle_cast(&mut self, _: Boom) -> Next { panic!("BOOM!") }
//! }
//!
//! # crabtree::run(async {
//! let sup = Supervisor::new(Strategy::OneForOne)
//!     .child(child_spec::<Counter>("first", 1).name("first"))
//!     .child(child_spec::<Counter>("second", 2).name("second"))
//!     .start_link()
//!     .await?;
//!
//! let [first, second] = ["first", "second"].map(|name| process::whereis(name).unwrap());
//! let watched = process::monitor(first);
//! gen_server::cast(named::<Counter>("first"), Boom);
//! receive! { Down { monitor, .. } if monitor == watched => () }
//!
//! let children = supervisor::which_children(&sup).await?; // answered after the restart
//! assert_ne!(children[1].pid, Some(first));
//! assert_eq!(children[0].pid, Some(second));
//! # supervisor::stop(&sup).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Order
//! Children start in the order in which they are listed, each when the one before it is done with its `init`. They stop
//! in the reverse order, each when the one after it is gone. If one of them does not start, those before it are stopped
//! and the supervisor does not start either.
//!
//! # Too many restarts
//! When more than `max_restarts` (3) restarts are needed within `max_seconds` (5), the supervisor gives up: it stops
//! its children and ends with [`ExitReason::Shutdown`], so that its own supervisor
//! can try on a larger scale.

mod child_spec;
mod error;
mod server;
mod snapshot;
mod strategy;

use crate::destination::{Target, resolve};
use crate::gen_server::{self, CallError, CallFailure, Server, StartError};
use crate::message::Message;
use crate::name::Name;
use crate::pid::Pid;
use crate::process::deliver;
use crate::{Destination, ExitReason};
pub use child_spec::{ChildKind, ChildSpec, child_spec};
pub use error::ChildError;
use server::{Change, CountChildren, Keeper, Plan, WhichChildren};
pub use snapshot::{ChildSnapshot, ChildStatus, Snapshot, snapshot};
pub(crate) use snapshot::{ChildView, Shared, View};
use std::fmt;
use std::time::Duration;
pub use strategy::{AutoShutdown, Restart, Shutdown, Strategy};
pub(crate) use strategy::{Fate, Intensity};

/// A supervisor that is about to be started.
#[must_use = "nothing is started before `.start_link().await`"]
#[derive(Debug)]
pub struct Supervisor {
    name: Option<Name>,
    plan: Plan,
}

impl Supervisor {
    /// A supervisor without children. It allows 3 restarts within 5 seconds.
    pub fn new(strategy: Strategy) -> Supervisor {
        Supervisor {
            name: None,
            plan: Plan {
                strategy,
                max_restarts: 3,
                max_seconds: Duration::from_secs(5),
                auto_shutdown: AutoShutdown::Never,
                children: Vec::new(),
            },
        }
    }

    /// Registers the supervisor under that name.
    pub fn name(mut self, name: impl Into<Name>) -> Supervisor {
        self.name = Some(name.into());
        self
    }

    /// How many restarts are not too many.
    pub fn max_restarts(mut self, max_restarts: u32) -> Supervisor {
        self.plan.max_restarts = max_restarts;
        self
    }

    /// Within which time, in seconds.
    pub fn max_seconds(mut self, max_seconds: u32) -> Supervisor {
        self.plan.max_seconds = Duration::from_secs(max_seconds.into());
        self
    }

    /// Whether the supervisor ends when children end that are [significant](ChildSpec::significant).
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Supervisor {
        self.plan.auto_shutdown = auto_shutdown;
        self
    }

    /// Adds a child after those that are there.
    pub fn child(mut self, spec: ChildSpec) -> Supervisor {
        self.plan.children.push(spec);
        self
    }

    /// Adds several children.
    pub fn children(mut self, specs: impl IntoIterator<Item = ChildSpec>) -> Supervisor {
        self.plan.children.extend(specs);
        self
    }

    /// Starts the supervisor, linked to the caller, and its children, and waits until all of them are there.
    ///
    /// # Errors
    /// When a child does not start, when two children have the same id, when the name is taken. The caller is linked to
    /// the supervisor, so it ends with it unless it traps exits, as in OTP.
    ///
    /// # Panics
    /// Outside of a process.
    pub async fn start_link(self) -> Result<SupervisorRef, StartError> {
        let starting = gen_server::start_link::<Keeper>(self.plan);
        let starting = match self.name {
            Some(name) => starting.name(name),
            None => starting,
        };
        Ok(SupervisorRef(starting.await?))
    }
}

/// A running supervisor. Like a pid it is a plain value, and prints as one; as the last value of a cell it shows its tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SupervisorRef(Server<Keeper>);

impl SupervisorRef {
    /// The pid of the supervisor.
    pub fn pid(&self) -> Pid {
        self.0.pid()
    }
}

impl fmt::Debug for SupervisorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for SupervisorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl From<SupervisorRef> for Pid {
    fn from(supervisor: SupervisorRef) -> Pid {
        supervisor.pid()
    }
}

impl From<&SupervisorRef> for Pid {
    fn from(supervisor: &SupervisorRef) -> Pid {
        supervisor.pid()
    }
}

impl ChildCount {
    pub(crate) fn of(children: impl Iterator<Item = Child>) -> ChildCount {
        children.fold(ChildCount::default(), |count, child| {
            let supervises = usize::from(child.kind == ChildKind::Supervisor);
            ChildCount {
                specs: count.specs + 1,
                active: count.active + usize::from(child.pid.is_some()),
                supervisors: count.supervisors + supervises,
                workers: count.workers + 1 - supervises,
            }
        })
    }
}

impl Destination for SupervisorRef {
    type Sent = ();

    fn deliver(&self, message: Message) {
        drop(deliver(self.pid(), message));
    }

    fn target(&self) -> Target {
        Target::Pid(self.pid())
    }
}

/// A child, as [`which_children`] lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Child {
    /// What the supervisor calls it.
    pub id: Name,
    /// The process, if it runs.
    pub pid: Option<Pid>,
    /// Worker or supervisor.
    pub kind: ChildKind,
    /// What runs in it, if the supervisor knows.
    pub module: Option<Name>,
}

/// How many children there are, as [`count_children`] counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ChildCount {
    /// Specifications, of running children and others.
    pub specs: usize,
    /// Children that run.
    pub active: usize,
    /// Children that are supervisors, whether they run or not.
    pub supervisors: usize,
    /// Children that are not, whether they run or not.
    pub workers: usize,
}

/// Asks a supervisor for its children: the one started last comes first, as in OTP.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let idle = |id: &'static str| ChildSpec::new(id, || async { Ok(spawn_link(process::sleep(secs(60)))) });
/// let sup = Supervisor::new(Strategy::OneForOne).child(idle("first")).child(idle("second")).start_link().await?;
///
/// let children = supervisor::which_children(&sup).await?;
/// assert_eq!(children[0].id, "second");
/// assert!(process::is_alive(children[0].pid.unwrap()));
/// # supervisor::stop(&sup).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// [`CallError`] when the supervisor is not alive, or does not answer within 5 seconds.
pub async fn which_children(supervisor: impl Destination) -> Result<Vec<Child>, CallError> {
    let answer = ask(supervisor, "supervisor::which_children", |server| {
        gen_server::call(server, WhichChildren)
    });
    answer.await
}

/// Asks a supervisor how many children it has.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let inner = ChildSpec::supervisor("inner", || Supervisor::new(Strategy::OneForAll));
/// let sup = Supervisor::new(Strategy::OneForOne).child(inner).start_link().await?;
///
/// let count = supervisor::count_children(&sup).await?;
/// assert_eq!((count.supervisors, count.workers, count.active), (1, 0, 1));
/// # supervisor::stop(&sup).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// As [`which_children`].
pub async fn count_children(supervisor: impl Destination) -> Result<ChildCount, CallError> {
    let answer = ask(supervisor, "supervisor::count_children", |server| {
        gen_server::call(server, CountChildren)
    });
    answer.await
}

async fn ask<D, M>(
    supervisor: D,
    function: &str,
    call: impl FnOnce(Server<Keeper>) -> gen_server::Call<Keeper, M>,
) -> Result<<Keeper as gen_server::HandleCall<M>>::Reply, CallError>
where
    D: Destination,
    Keeper: gen_server::HandleCall<M>,
    M: crate::Term,
{
    let pid = resolve(supervisor).map_err(|name| CallError {
        request: format!("{function}({name})"),
        cause: CallFailure::NoSuchName,
    })?;
    let answer = call(Server::at(pid)).await;
    answer.map_err(|error| CallError {
        request: format!("{function}({pid})"),
        ..error
    })
}

/// Adds a child after those that are there, and starts it. `None` says that its `init` returned ignore.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let sup = Supervisor::new(Strategy::OneForOne).start_link().await?;
/// let ticker = ChildSpec::new("ticker", || async { Ok(spawn_link(process::sleep(secs(3600)))) });
/// let first = supervisor::start_child(sup, ticker).await?;
/// supervisor::terminate_child(sup, "ticker").await?;
/// let second = supervisor::restart_child(sup, "ticker").await?;
/// assert_ne!(first, second);
/// # supervisor::stop(&sup).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// [`ChildError`]: the id is in use, the child did not start, or the supervisor did not answer. It waits for the child as
/// long as the child's start takes.
pub async fn start_child(supervisor: impl Destination, spec: ChildSpec) -> Result<Option<Pid>, ChildError> {
    change(supervisor, "supervisor::start_child", Change::Start(spec)).await
}

/// Stops a child, which stays in the list unless it is temporary. Nobody restarts it but [`restart_child`], or a strategy
/// that restarts all.
///
/// # Errors
/// [`ChildError`] when no child has that id, or the supervisor did not answer.
pub async fn terminate_child(supervisor: impl Destination, id: impl Into<Name>) -> Result<(), ChildError> {
    change(supervisor, "supervisor::terminate_child", Change::Terminate(id.into())).await?;
    Ok(())
}

/// Starts a child again that does not run. `None` says that its `init` returned ignore.
///
/// # Errors
/// [`ChildError`] when no child has that id, it runs, it did not start, or the supervisor did not answer.
pub async fn restart_child(supervisor: impl Destination, id: impl Into<Name>) -> Result<Option<Pid>, ChildError> {
    change(supervisor, "supervisor::restart_child", Change::Restart(id.into())).await
}

/// Forgets a child that does not run.
///
/// # Errors
/// [`ChildError`] when no child has that id, it runs, or the supervisor did not answer.
pub async fn delete_child(supervisor: impl Destination, id: impl Into<Name>) -> Result<(), ChildError> {
    change(supervisor, "supervisor::delete_child", Change::Delete(id.into())).await?;
    Ok(())
}

async fn change(supervisor: impl Destination, function: &str, change: Change) -> Result<Option<Pid>, ChildError> {
    ask(supervisor, function, |server| {
        gen_server::call(server, change).timeout(None)
    })
    .await?
}

/// Ends a supervisor: its children stop, the last first, then it ends with `Normal`. Waits until it is gone.
///
/// # Errors
/// [`CallError`] when it is not alive.
pub async fn stop(supervisor: impl Destination) -> Result<(), CallError> {
    gen_server::stop_any(resolve(supervisor), "supervisor::stop", ExitReason::Normal).await
}
