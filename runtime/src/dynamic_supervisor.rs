//! Supervisors of children that nobody knows beforehand: connections, downloads, games.
//!
//! A [supervisor](crate::supervisor) starts a fixed list of different children in order. A dynamic supervisor starts with
//! none, and gets any number of similar ones while it runs. They are known by their pids and
//! have no order: each is restarted alone, as its specification says, and at the end all are stopped at once.
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
//! dynamic_supervisor::terminate_child(sup, first).await?;
//! assert_eq!(supervisor::count_children(sup).await?.active, 1);
//! # supervisor::stop(sup).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! Starting, stopping and losing a child cost the same however many there are.
//!
//! It is a supervisor, and answers what every [supervisor](crate::supervisor) answers, under the same names:
//! [`which_children`], [`count_children`], [`stop`].
//!
//! # Arguments that all children get
//! What every child needs, the supervisor can give: `S::Args` of such a server is a pair, of which the supervisor has the
//! first half, and a [`child_spec`] of this module the second.
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::dynamic_supervisor::{self, DynamicSupervisor};
//! use crabtree::prelude::*;
//!
//! #[derive(Debug)]
//! struct Room(&'static str);
//!
//! impl GenServer for Room {
//!     type Args = (&'static str, u32);
//!     async fn init((hotel, number): Self::Args) -> Init<Self> {
//!         crabtree::println!("room {number} of the {hotel}");
//!         Init::ok(Room(hotel))
//!     }
//! }
//!
//! let hotel = DynamicSupervisor::new().extra_arguments("Ritz").start_link().await?;
//! dynamic_supervisor::start_child(hotel, dynamic_supervisor::child_spec::<Room>("room", 101)).await?;
//! # supervisor::stop(hotel).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # When it is too slow
//! A supervisor starts one child after the other, and waits for each `init`. Servers that have much to do in `init` should do
//! it in [`handle_continue`](crate::gen_server::GenServer::handle_continue); beyond that, a
//! [partition supervisor](crate::partition_supervisor) of dynamic supervisors shares the work.

use crate::Destination;
use crate::gen_server::{GenServer, Init, StartError};
use crate::name::Name;
use crate::pid::Pid;
use crate::supervisor::{
    Change, ChildError, ChildSpec, Extra, GetChildspec, Kind, Options, Plan, SupervisorRef, Which, ask, made, making,
    options, start, started,
};
pub use crate::supervisor::{count_children, stop, which_children};
use crate::type_name::short_type_name;
use parking_lot::Mutex;
use std::any::type_name;
use std::future::Future;
use std::sync::Arc;

/// A dynamic supervisor that is about to be started.
#[must_use = "nothing is started before `.start_link().await`"]
#[derive(Debug)]
pub struct DynamicSupervisor {
    options: Options,
    max_children: usize,
    extra: Option<Extra>,
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
            options: Options::default(),
            max_children: usize::MAX,
            extra: None,
        }
    }

    options!();

    /// How many children it may have at a time, those included that are about to be restarted.
    pub fn max_children(mut self, max_children: usize) -> DynamicSupervisor {
        self.max_children = max_children;
        self
    }

    /// The first half of the arguments of all children whose specification comes from [`child_spec`] of this module.
    pub fn extra_arguments<E: Send + Sync + 'static>(mut self, extra: E) -> DynamicSupervisor {
        self.extra = Some(Extra {
            value: Arc::new(extra),
            type_name: type_name::<E>(),
        });
        self
    }

    /// Starts the supervisor, linked to the caller.
    ///
    /// # Errors
    /// When the name is taken, or an option is not possible.
    ///
    /// # Panics
    /// Outside of a process.
    pub async fn start_link(self) -> Result<SupervisorRef, StartError> {
        start(making(Init::ok(self.into())), None, None).await
    }
}

impl From<DynamicSupervisor> for Plan {
    fn from(supervisor: DynamicSupervisor) -> Plan {
        Plan {
            options: supervisor.options,
            kind: Kind::Dynamic {
                max_children: supervisor.max_children,
                extra: supervisor.extra,
            },
        }
    }
}

/// A dynamic supervisor that is defined as a type: Elixir's `use DynamicSupervisor`. See
/// [`supervisor::Module`](crate::supervisor::Module), which is the same for the other kind.
///
/// ```
/// use crabtree::dynamic_supervisor::{self, DynamicSupervisor};
/// use crabtree::prelude::*;
///
/// struct Rooms;
///
/// impl dynamic_supervisor::Module for Rooms {
///     type Args = usize;
///
///     async fn init(most: usize) -> Init<DynamicSupervisor> {
///         Init::ok(DynamicSupervisor::new().name("rooms").max_children(most))
///     }
/// }
///
/// # crabtree::run(async {
/// dynamic_supervisor::start_link::<Rooms>(100).await?;
/// assert_eq!(dynamic_supervisor::count_children("rooms").await?.active, 0);
/// # dynamic_supervisor::stop("rooms").await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub trait Module: 'static {
    /// What [`start_link`] gives to [`init`](Module::init).
    type Args: Send + 'static;

    /// Says what the supervisor is to be, in its process: [`Init::ok`] with it, [`Init::ignore`] when it has nothing to do,
    /// or [`Init::stop`] when it cannot start.
    fn init(args: Self::Args) -> impl Future<Output = Init<DynamicSupervisor>> + Send;

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

/// Starts a dynamic supervisor that is defined as a type, linked to the caller; see [`Module`].
///
/// # Errors
/// As [`DynamicSupervisor::start_link`], and when its `init` ignores, stops or panics.
///
/// # Panics
/// Outside of a process.
pub async fn start_link<M: Module>(args: M::Args) -> Result<SupervisorRef, StartError> {
    start(made(M::init(args)), None, None).await
}

/// Arguments of which a supervisor gives the first half to all of its children: a pair.
pub trait Arguments: Send + 'static {
    /// What the supervisor gives, as its [`extra_arguments`](DynamicSupervisor::extra_arguments).
    type Extra: Clone + Send + Sync + 'static;
    /// What the specification of the child gives.
    type Own: Clone + Send + 'static;

    #[doc(hidden)]
    fn join(extra: Self::Extra, own: Self::Own) -> Self;
}

impl<E: Clone + Send + Sync + 'static, A: Clone + Send + 'static> Arguments for (E, A) {
    type Extra = E;
    type Own = A;

    fn join(extra: E, own: A) -> (E, A) {
        (extra, own)
    }
}

/// The specification of a server whose arguments are a pair, below a supervisor that gives the first half of it.
///
/// A supervisor without such [`extra_arguments`](DynamicSupervisor::extra_arguments) does not start it, and says so.
pub fn child_spec<S>(id: impl Into<Name>, own: <S::Args as Arguments>::Own) -> ChildSpec
where
    S: GenServer,
    S::Args: Arguments,
{
    let own = Mutex::new(own);
    ChildSpec::server::<S>(id.into(), move |with| {
        let given = with.extra.as_ref();
        let extra = given.and_then(|extra| extra.value.downcast_ref::<<S::Args as Arguments>::Extra>());
        match extra {
            Some(extra) => Ok(S::Args::join(extra.clone(), own.lock().clone())),
            None => Err(StartError::Invalid(format!(
                "{} needs a supervisor with extra_arguments of type {}; this one has {}",
                short_type_name::<S>(),
                type_name::<<S::Args as Arguments>::Extra>(),
                given.map_or("none", |extra| extra.type_name),
            ))),
        }
    })
}

/// Starts a child. Its id is what lists and pictures call it; several children can
/// have the same.
///
/// # Errors
/// [`ChildError`]: there are `max_children` already, the child did not start, it is
/// [significant](ChildSpec::significant), or the supervisor did not answer. A child whose `init` ignored is
/// [`StartError::Ignore`].
pub async fn start_child(supervisor: impl Destination, spec: ChildSpec) -> Result<Pid, ChildError> {
    started(ask(supervisor, "dynamic_supervisor::start_child", Change::Start(spec)).await?)
}

/// Stops a child and forgets it. One that is about to be restarted is known by the pid that it had.
///
/// # Errors
/// [`ChildError::NotFound`] when it is not a child of this supervisor, or not any more.
pub async fn terminate_child(supervisor: impl Destination, child: impl Into<Pid>) -> Result<(), ChildError> {
    let which = Which::Pid(child.into());
    ask(
        supervisor,
        "dynamic_supervisor::terminate_child",
        Change::Terminate(which),
    )
    .await?
    .map(drop)
}

/// Asks a supervisor for the specification of a child, as it restarts it.
///
/// # Errors
/// As [`terminate_child`].
pub async fn get_childspec(supervisor: impl Destination, child: impl Into<Pid>) -> Result<ChildSpec, ChildError> {
    let which = Which::Pid(child.into());
    ask(supervisor, "dynamic_supervisor::get_childspec", GetChildspec(which)).await?
}
