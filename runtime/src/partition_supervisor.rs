//! One server that is too busy, started many times: each key has its own.
//!
//! A single process handles one message after the other. When requests with different keys need not wait for each other,
//! as many servers as there are cores can share them: a partition supervisor starts them, and says which one a key belongs
//! to.
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::partition_supervisor::{self, PartitionSupervisor};
//! use crabtree::prelude::*;
//!
//! #[derive(Debug)]
//! struct Counter(i64);
//!
//! impl GenServer for Counter {
//!     type Args = ();
//!     async fn init(_: ()) -> Init<Self> { Init::ok(Counter(0)) }
//! }
//!
//! #[derive(Debug)]
//! struct Next1;
//!
//! impl HandleCall<Next1> for Counter {
//!     type Reply = i64;
//!     async fn handle_call(&mut self, _: Next1, _: Caller<i64>) -> Reply<i64> {
//!         self.0 += 1;
//!         Reply::reply(self.0)
//!     }
//! }
//!
//! let counters = PartitionSupervisor::new(|_partition| child_spec::<Counter>("counter", ()))
//!     .partitions(4)
//!     .name("counters")
//!     .start_link()
//!     .await?;
//!
//! let of_ada = partition_supervisor::via("counters", "ada").of::<Counter>();
//! assert_eq!(gen_server::call(&of_ada, Next1).await?, 1);
//! assert_eq!(gen_server::call(&of_ada, Next1).await?, 2); // the same partition
//! assert_eq!(partition_supervisor::partitions("counters"), Some(4));
//! # supervisor::stop(counters).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! It is a [supervisor](crate::supervisor) with the strategy one for one, whose children have the ids `0`, `1` and so on, and
//! answers all that a supervisor answers.
//!
//! # Which partition
//! A key that is an integer belongs to the partition `|key| % partitions`, as in Elixir; any other to the one that its hash
//! names. Equal keys belong to the same partition, on every run of the same program.
//!
//! # Many dynamic supervisors
//! A [dynamic supervisor](crate::dynamic_supervisor) starts one child after the other. Several of them, in partitions, start
//! as many at a time:
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::dynamic_supervisor::{self, DynamicSupervisor};
//! use crabtree::partition_supervisor::{self, PartitionSupervisor};
//! use crabtree::prelude::*;
//!
//! let make = |_partition| ChildSpec::supervisor("workers", DynamicSupervisor::new);
//! let sup = PartitionSupervisor::new(make).partitions(6).name("workers").start_link().await?;
//!
//! let worker = ChildSpec::new("worker", || async { Ok(spawn_link(process::sleep(secs(3600)))) });
//! dynamic_supervisor::start_child(partition_supervisor::via("workers", 7), worker).await?;
//!
//! let second = partition_supervisor::via("workers", 1); // 7 % 6
//! assert_eq!(dynamic_supervisor::count_children(second).await?.active, 1);
//! # supervisor::stop(sup).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

use crate::Destination;
use crate::destination::Target;
use crate::gen_server::{Address, GenServer, Init, StartError};
use crate::message::Message;
use crate::name::NoSuchName;
use crate::pid::Pid;
use crate::process::deliver;
use crate::supervisor::{
    AutoShutdown, ChildError, ChildSpec, Kind, Options, Plan, Resize, Shared, Strategy, SupervisorRef, ask, made,
    options, start,
};
pub use crate::supervisor::{count_children, stop, which_children};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::marker::PhantomData;

/// A partition supervisor that is about to be started.
#[must_use = "nothing is started before `.start_link().await`"]
pub struct PartitionSupervisor {
    options: Options,
    make: Box<dyn Fn(usize) -> ChildSpec + Send>,
    partitions: usize,
}

impl PartitionSupervisor {
    /// Partitions that `make` specifies, each from its number: as many as there are
    /// [schedulers](crate::system::schedulers_online), unless
    /// [`partitions`](PartitionSupervisor::partitions) says otherwise. The number is what Elixir's `with_arguments` is for.
    pub fn new(make: impl Fn(usize) -> ChildSpec + Send + 'static) -> PartitionSupervisor {
        PartitionSupervisor {
            options: Options::default(),
            make: Box::new(make),
            partitions: crate::system::schedulers_online(),
        }
    }

    options!();

    /// How many partitions there are; at least one.
    pub fn partitions(mut self, partitions: usize) -> PartitionSupervisor {
        self.partitions = partitions;
        self
    }

    /// Starts the supervisor, linked to the caller, and all partitions.
    ///
    /// # Errors
    /// As [`Supervisor::start_link`](crate::supervisor::Supervisor::start_link), and when there are to be no partitions.
    ///
    /// # Panics
    /// Outside of a process.
    pub async fn start_link(self) -> Result<SupervisorRef, StartError> {
        start(made(async move { Init::ok(self) }), None, None).await
    }
}

impl From<PartitionSupervisor> for Plan {
    fn from(supervisor: PartitionSupervisor) -> Plan {
        let PartitionSupervisor {
            options,
            make,
            partitions,
        } = supervisor;
        let child = |number: usize| make(number).id(number.to_string());
        Plan {
            options,
            kind: Kind::Ordered {
                strategy: Strategy::OneForOne,
                auto_shutdown: AutoShutdown::Never,
                children: (0..partitions).map(child).collect(),
                partitions: Some(partitions),
            },
        }
    }
}

impl fmt::Debug for PartitionSupervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionSupervisor")
            .field("options", &self.options)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

/// How many partitions a supervisor uses; `None` when it is not alive, or no partition supervisor.
pub fn partitions(supervisor: impl Destination) -> Option<usize> {
    Shared::of(supervisor.resolve().ok()?)?.view(|view| view.partitions)
}

/// Changes how many partitions a supervisor uses, and says how many it used before. Those that are not used any more are
/// stopped, the last first; those that are used again are started.
///
/// Keys move to other partitions when the number changes.
///
/// # Errors
/// [`ChildError`]: it was started with fewer partitions, a partition did not start, or the supervisor did not answer.
pub async fn resize(supervisor: impl Destination, partitions: usize) -> Result<usize, ChildError> {
    ask(supervisor, "partition_supervisor::resize", Resize(partitions)).await?
}

/// The process of the partition that a key belongs to; `None` while it is being restarted, or when there is no such
/// supervisor.
pub fn whereis(supervisor: impl Destination, key: impl Hash) -> Option<Pid> {
    via(supervisor, key).whereis()
}

/// Names the partition that a key belongs to: OTP's `{via, PartitionSupervisor, {Supervisor, Key}}`. It is looked up at each
/// use.
///
/// It is a [destination](Destination), of messages as well as of what supervisors are asked; [`of`](Via::of) says which server
/// runs there, so that it can be called.
pub fn via(supervisor: impl Destination, key: impl Hash) -> Via {
    let mut route = Route::default();
    key.hash(&mut route);
    Via {
        supervisor: supervisor.target(),
        route: route.finish(),
    }
}

/// The partition of a key; see [`via`].
#[derive(Clone)]
pub struct Via {
    supervisor: Target,
    /// Which partition, but for the number of partitions.
    route: u64,
}

impl Via {
    /// The process of the partition, if it runs.
    pub fn whereis(&self) -> Option<Pid> {
        Shared::of(self.supervisor.resolve().ok()?)?.view(|view| {
            let partitions = view.partitions.filter(|partitions| *partitions > 0)?;
            view.running(self.route % partitions as u64)
        })
    }

    /// The server of type `S` that runs in the partition.
    pub fn of<S: GenServer>(self) -> Partition<S> {
        Partition {
            via: self,
            _server: PhantomData,
        }
    }

    fn found(&self) -> Result<Pid, NoSuchName> {
        self.whereis().ok_or_else(|| NoSuchName(format!("{self:?}").into()))
    }
}

/// How errors call it: `partition 1 of 3 of "counters"`.
impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match partitions(&self.supervisor) {
            Some(0) => f.write_str("one of zero partitions of ")?,
            Some(partitions) => write!(f, "partition {} of {partitions} of ", self.route % partitions as u64)?,
            None => f.write_str("a partition of ")?,
        }
        match &self.supervisor {
            Target::Pid(pid) => fmt::Display::fmt(pid, f),
            Target::Name(name) => fmt::Debug::fmt(name, f),
            Target::Alias(alias) => fmt::Debug::fmt(alias, f),
        }
    }
}

impl Destination for Via {
    type Sent = Result<(), NoSuchName>;

    fn deliver(&self, message: Message) -> Result<(), NoSuchName> {
        deliver(self.found()?, message).map_err(|_| NoSuchName(format!("{self:?}").into()))
    }

    fn target(&self) -> Target {
        match self.found() {
            Ok(pid) => Target::Pid(pid),
            Err(NoSuchName(name)) => Target::Name(name),
        }
    }
}

/// The server of a partition; from [`Via::of`].
pub struct Partition<S> {
    via: Via,
    _server: PhantomData<fn() -> S>,
}

impl<S> Clone for Partition<S> {
    fn clone(&self) -> Partition<S> {
        Partition {
            via: self.via.clone(),
            _server: PhantomData,
        }
    }
}

impl<S> fmt::Debug for Partition<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.via.fmt(f)
    }
}

impl<S: GenServer> Address for Partition<S> {
    type Server = S;

    fn pid(&self) -> Result<Pid, NoSuchName> {
        self.via.found()
    }

    fn shown(&self) -> String {
        format!("{:?}", self.via)
    }
}

/// Finds the way of a key: the absolute value of a key that is one integer, the hash of any other.
#[derive(Default)]
struct Route {
    hash: DefaultHasher,
    written: u32,
    integer: Option<u64>,
}

impl Route {
    fn integer(&mut self, magnitude: u128) {
        self.written += 1;
        // A larger one goes by its hash.
        self.integer = u64::try_from(magnitude).ok();
        self.hash.write_u128(magnitude);
    }
}

/// What `Hash` calls for integers.
macro_rules! integers {
    ($($unsigned:ident($u:ty), $signed:ident($i:ty);)*) => {
        $(
            fn $unsigned(&mut self, key: $u) {
                self.integer(key as u128);
            }

            fn $signed(&mut self, key: $i) {
                self.integer(key.unsigned_abs() as u128);
            }
        )*
    };
}

impl Hasher for Route {
    fn finish(&self) -> u64 {
        match (self.written, self.integer) {
            (1, Some(integer)) => integer,
            _ => self.hash.finish(),
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.written += 1;
        self.integer = None;
        self.hash.write(bytes);
    }

    integers! {
        write_u8(u8), write_i8(i8);
        write_u16(u16), write_i16(i16);
        write_u32(u32), write_i32(i32);
        write_u64(u64), write_i64(i64);
        write_u128(u128), write_i128(i128);
        write_usize(usize), write_isize(isize);
    }
}
