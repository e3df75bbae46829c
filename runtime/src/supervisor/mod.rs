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
//! # Trees
//! A supervisor can be the child of another one, to any depth: [`ChildSpec::supervisor`] describes one that is put together
//! on the spot, and a type that implements [`Module`] is one that has a name in the program and is used again.
//!
//! # Too many restarts
//! When more than `max_restarts` (3) restarts are needed within `max_seconds` (5), the supervisor gives up: it stops
//! its children and ends with [`ExitReason::Shutdown`], so that its own supervisor
//! can try on a larger scale.

mod child_spec;
mod children;
mod error;
mod keeper;
mod plan;
mod snapshot;
mod stop;
mod strategy;

use crate::destination::{Target, resolve};
use crate::gen_server::{self, CallError, CallFailure, HandleCall, Init, Server, StartError};
use crate::message::{Message, Term};
use crate::name::Name;
use crate::pid::Pid;
use crate::process::{deliver, is_alive};
use crate::type_name::short_type_name;
use crate::{Destination, ExitReason};
pub use child_spec::{ChildKind, ChildSpec, child_spec};
use children::Kept;
pub(crate) use children::Shared;
pub use error::{ChildError, FailedToStartChild};
pub(crate) use keeper::{Change, GetChildspec, Keeper, Making, Resize, Which, start};
use keeper::{CountChildren, WhichChildren};
use parking_lot::Mutex;
pub use plan::Plan;
pub(crate) use plan::{Extra, Kind, Options, options};
pub use snapshot::{ChildEnd, ChildSnapshot, ChildStatus, Snapshot, snapshot};
pub(crate) use snapshot::{listed, watched};
use std::fmt;
use std::future::Future;
pub use strategy::{AutoShutdown, Restart, Shutdown, Strategy};

/// A supervisor that is about to be started.
#[must_use = "nothing is started before `.start_link().await`"]
#[derive(Debug)]
pub struct Supervisor {
    options: Options,
    strategy: Strategy,
    auto_shutdown: AutoShutdown,
    children: Vec<ChildSpec>,
}

impl Supervisor {
    /// A supervisor without children. It allows 3 restarts within 5 seconds.
    pub fn new(strategy: Strategy) -> Supervisor {
        Supervisor {
            options: Options::default(),
            strategy,
            auto_shutdown: AutoShutdown::Never,
            children: Vec::new(),
        }
    }

    options!();

    /// Whether the supervisor ends when children end that are [significant](ChildSpec::significant).
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Supervisor {
        self.auto_shutdown = auto_shutdown;
        self
    }

    /// Adds a child after those that are there.
    pub fn child(mut self, spec: ChildSpec) -> Supervisor {
        self.children.push(spec);
        self
    }

    /// Adds several children.
    pub fn children(mut self, specs: impl IntoIterator<Item = ChildSpec>) -> Supervisor {
        self.children.extend(specs);
        self
    }

    /// Starts the supervisor, linked to the caller, and its children, and waits until all of them are there.
    ///
    /// # Errors
    /// [`StartError::Invalid`] when it is not possible, for example because two children have the same id, and
    /// [`StartError::AlreadyStarted`] when the name is taken. When a child does not start, [`StartError::Exit`] with
    /// [`FailedToStartChild`] in it; the caller is linked to the supervisor, so it ends with it unless it traps exits, as
    /// in OTP.
    ///
    /// # Panics
    /// Outside of a process.
    pub async fn start_link(self) -> Result<SupervisorRef, StartError> {
        start(making(Init::ok(self.into())), None, None).await
    }
}

impl From<Supervisor> for Plan {
    fn from(supervisor: Supervisor) -> Plan {
        Plan {
            options: supervisor.options,
            kind: Kind::Ordered {
                strategy: supervisor.strategy,
                auto_shutdown: supervisor.auto_shutdown,
                children: supervisor.children,
                partitions: None,
            },
        }
    }
}

/// A supervisor that is defined as a type, with its children: OTP's supervisor behaviour, Elixir's `use Supervisor`.
///
/// The type itself is never made; it names the definition. [`start_link`] starts such a supervisor, and
/// [`Module::child_spec`] puts it below another one.
///
/// ```
/// use crabtree::prelude::*;
/// # #[derive(Debug)]
/// # struct Dummy;
/// # impl GenServer for Dummy {
/// #     type Args = ();
/// #     async fn init(_: ()) -> Init<Self> { Init::ok(Dummy) }
/// # }
///
/// struct Dummies;
///
/// impl supervisor::Module for Dummies {
///     type Args = Strategy;
///
///     async fn init(strategy: Strategy) -> Init<Supervisor> {
///         let dummies = ["first", "second"].map(|id| child_spec::<Dummy>(id, ()));
///         Init::ok(Supervisor::new(strategy).name("dummies").children(dummies))
///     }
/// }
///
/// # crabtree::run(async {
/// supervisor::start_link::<Dummies>(Strategy::OneForAll).await?;
/// assert_eq!(supervisor::count_children("dummies").await?.active, 2);
/// supervisor::stop("dummies").await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub trait Module: 'static {
    /// What [`start_link`] gives to [`init`](Module::init).
    type Args: Send + 'static;

    /// Says what the supervisor is to be, in its process: [`Init::ok`] with it, [`Init::ignore`] when it has nothing to do,
    /// or [`Init::stop`] when it cannot start.
    fn init(args: Self::Args) -> impl Future<Output = Init<Supervisor>> + Send;

    /// How another supervisor starts and restarts this one. Unless it is written, the id is the name of the type, and the
    /// rest as for [`ChildSpec::supervisor`].
    fn child_spec(args: Self::Args) -> ChildSpec
    where
        Self: Sized,
        Self::Args: Clone,
    {
        let args = Mutex::new(args);
        let name = short_type_name::<Self>();
        ChildSpec::supervising((&name).into(), name, move || made(Self::init(args.lock().clone())))
    }
}

/// Starts a supervisor that is defined as a type, linked to the caller; see [`Module`].
///
/// # Errors
/// As [`Supervisor::start_link`], and when its `init` ignores, stops or panics.
///
/// # Panics
/// Outside of a process.
pub async fn start_link<M: Module>(args: M::Args) -> Result<SupervisorRef, StartError> {
    start(made(M::init(args)), None, None).await
}

pub(crate) fn made<P: Into<Plan> + Send>(init: impl Future<Output = Init<P>> + Send + 'static) -> Making {
    Box::pin(async move {
        match init.await.into_state() {
            Ok(supervisor) => Init::ok(supervisor.into()),
            Err(refused) => refused,
        }
    })
}

pub(crate) fn making(init: Init<Plan>) -> Making {
    Box::pin(std::future::ready(init))
}

/// A running supervisor, of any kind. Like a pid it is a plain value, and prints as one; as the last value of a cell it
/// shows its tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SupervisorRef(Pid);

impl SupervisorRef {
    /// The pid of the supervisor.
    pub fn pid(&self) -> Pid {
        self.0
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

impl Child {
    fn of(child: &Kept) -> Child {
        Child {
            id: child.spec.id.clone(),
            pid: child.pid(),
            restarting: child.status == ChildStatus::Restarting,
            kind: child.spec.kind,
            module: child.spec.module.clone(),
        }
    }
}

impl ChildCount {
    fn of<'a>(children: impl Iterator<Item = &'a Kept>) -> ChildCount {
        children.fold(ChildCount::default(), |count, child| {
            let supervises = usize::from(child.spec.kind == ChildKind::Supervisor);
            ChildCount {
                specs: count.specs + 1,
                active: count.active + usize::from(child.pid().is_some()),
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
    /// Whether it does not run because it could not be restarted, which its supervisor goes on trying.
    pub restarting: bool,
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

/// Asks a supervisor of any kind for its children: the one started last comes first, as in OTP.
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
/// [`CallError`] when the process is not alive, or no supervisor. A supervisor that is starting a child answers afterwards.
pub async fn which_children(supervisor: impl Destination) -> Result<Vec<Child>, CallError> {
    ask(supervisor, "supervisor::which_children", WhichChildren).await
}

/// Asks a supervisor of any kind how many children it has.
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
    ask(supervisor, "supervisor::count_children", CountChildren).await
}

/// Asks a supervisor something, and waits for the answer for as long as it takes, as OTP does.
pub(crate) async fn ask<M>(
    supervisor: impl Destination,
    function: &str,
    request: M,
) -> Result<<Keeper as HandleCall<M>>::Reply, CallError>
where
    Keeper: HandleCall<M>,
    M: Term,
{
    let failed = |whom: String, cause| CallError {
        request: format!("{function}({whom})"),
        cause,
    };
    let pid = resolve(supervisor).map_err(|name| failed(name, CallFailure::NoSuchName))?;
    // Another process would never answer.
    if Shared::of(pid).is_none() && is_alive(pid) {
        return Err(failed(pid.to_string(), CallFailure::NotASupervisor));
    }
    let answer = gen_server::call(Server::<Keeper>::at(pid), request).timeout(None).await;
    answer.map_err(|error| failed(pid.to_string(), error.cause))
}

/// Adds a child after those that are there, and starts it.
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
/// long as the child's start takes. A child whose `init` ignored is [`StartError::Ignore`], and is kept all the same, without
/// a process, unless it is temporary.
pub async fn start_child(supervisor: impl Destination, spec: ChildSpec) -> Result<Pid, ChildError> {
    started(ask(supervisor, "supervisor::start_child", Change::Start(spec)).await?)
}

/// Stops a child, which stays in the list unless it is temporary. Nobody restarts it but [`restart_child`], or a strategy
/// that restarts all.
///
/// # Errors
/// [`ChildError`] when no child has that id, or the supervisor did not answer.
pub async fn terminate_child(supervisor: impl Destination, id: impl Into<Name>) -> Result<(), ChildError> {
    let which = Which::Id(id.into());
    let stopped = ask(supervisor, "supervisor::terminate_child", Change::Terminate(which)).await?;
    stopped.map(drop)
}

/// Starts a child again that does not run.
///
/// # Errors
/// [`ChildError`] when no child has that id, it runs, it did not start, or the supervisor did not answer.
pub async fn restart_child(supervisor: impl Destination, id: impl Into<Name>) -> Result<Pid, ChildError> {
    started(ask(supervisor, "supervisor::restart_child", Change::Restart(id.into())).await?)
}

/// Forgets a child that does not run.
///
/// # Errors
/// [`ChildError`] when no child has that id, it runs, or the supervisor did not answer.
pub async fn delete_child(supervisor: impl Destination, id: impl Into<Name>) -> Result<(), ChildError> {
    let deleted = ask(supervisor, "supervisor::delete_child", Change::Delete(id.into())).await?;
    deleted.map(drop)
}

/// Asks a supervisor for the specification of a child, as it restarts it.
///
/// # Errors
/// [`ChildError`] when no child has that id, or the supervisor did not answer.
pub async fn get_childspec(supervisor: impl Destination, id: impl Into<Name>) -> Result<ChildSpec, ChildError> {
    let which = Which::Id(id.into());
    ask(supervisor, "supervisor::get_childspec", GetChildspec(which)).await?
}

/// The process of a child that was started, or that it has none.
pub(crate) fn started(child: Result<Option<Pid>, ChildError>) -> Result<Pid, ChildError> {
    child?.ok_or(ChildError::Start(StartError::Ignore))
}

/// Ends a supervisor of any kind: its children stop, the last first or, in a dynamic one, all at once; then it ends with
/// `Normal`. Waits until it is gone.
///
/// # Errors
/// [`CallError`] when it is not alive.
pub async fn stop(supervisor: impl Destination) -> Result<(), CallError> {
    gen_server::stop_any(resolve(supervisor), "supervisor::stop", ExitReason::Normal).await
}
