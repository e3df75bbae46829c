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
//! let of_ada = partition_supervisor::at::<Counter>("counters", &"ada");
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

use crate::Destination;
use crate::destination::Target;
use crate::gen_server::{Address, GenServer, StartError};
use crate::name::{Name, NoSuchName};
use crate::node::node;
use crate::pid::Pid;
use crate::supervisor::{ChildSpec, Shared, Strategy, Supervisor, SupervisorRef};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

/// A partition supervisor that is about to be started.
#[must_use = "nothing is started before `.start_link().await`"]
pub struct PartitionSupervisor {
    make: Box<dyn Fn(usize) -> ChildSpec + Send>,
    partitions: usize,
    supervisor: Supervisor,
}

impl PartitionSupervisor {
    /// Partitions that `make` specifies, each from its number: as many as there are cores, unless
    /// [`partitions`](PartitionSupervisor::partitions) says otherwise.
    pub fn new(make: impl Fn(usize) -> ChildSpec + Send + 'static) -> PartitionSupervisor {
        PartitionSupervisor {
            make: Box::new(make),
            partitions: crate::system::schedulers_online(),
            supervisor: Supervisor::new(Strategy::OneForOne),
        }
    }

    /// How many partitions there are; at least one.
    pub fn partitions(mut self, partitions: usize) -> PartitionSupervisor {
        self.partitions = partitions.max(1);
        self
    }

    /// Registers the supervisor under that name.
    pub fn name(mut self, name: impl Into<Name>) -> PartitionSupervisor {
        self.supervisor = self.supervisor.name(name);
        self
    }

    /// How many restarts are not too many.
    pub fn max_restarts(mut self, max_restarts: u32) -> PartitionSupervisor {
        self.supervisor = self.supervisor.max_restarts(max_restarts);
        self
    }

    /// Within which time, in seconds.
    pub fn max_seconds(mut self, max_seconds: u32) -> PartitionSupervisor {
        self.supervisor = self.supervisor.max_seconds(max_seconds);
        self
    }

    /// Starts the supervisor, linked to the caller, and all partitions.
    ///
    /// # Errors
    /// As [`Supervisor::start_link`].
    pub async fn start_link(self) -> Result<SupervisorRef, StartError> {
        let PartitionSupervisor {
            make,
            partitions,
            supervisor,
        } = self;
        let children: Vec<ChildSpec> = (0..partitions)
            .map(|number| make(number).id(number.to_string()))
            .collect();
        drop(make);
        supervisor.children(children).start_link().await
    }
}

impl fmt::Debug for PartitionSupervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionSupervisor")
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

/// How many partitions a supervisor has; `None` when it is not alive, or no supervisor.
pub fn partitions(supervisor: impl Destination) -> Option<usize> {
    Some(shared(&supervisor.target())?.count())
}

/// The process of the partition that a key belongs to; `None` while it is being restarted, or when there is no such
/// supervisor.
///
/// Equal keys belong to the same partition, on every run of the same program.
pub fn whereis<K: Hash + ?Sized>(supervisor: impl Destination, key: &K) -> Option<Pid> {
    partition(&supervisor.target(), hash(key))
}

/// Addresses the server of the partition that a key belongs to, of type `S`. It is looked up at each call.
pub fn at<S: GenServer>(supervisor: impl Destination, key: &(impl Hash + ?Sized)) -> Partition<S> {
    Partition {
        supervisor: supervisor.target(),
        hash: hash(key),
        _server: PhantomData,
    }
}

/// The server of a partition; see [`at`].
pub struct Partition<S> {
    supervisor: Target,
    hash: u64,
    _server: PhantomData<fn() -> S>,
}

impl<S: GenServer> Address for Partition<S> {
    type Server = S;

    fn pid(&self) -> Result<Pid, NoSuchName> {
        partition(&self.supervisor, self.hash).ok_or_else(|| NoSuchName(self.shown().into()))
    }

    fn shown(&self) -> String {
        match &self.supervisor {
            Target::Pid(pid) => format!("a partition of {pid}"),
            Target::Name(name) => format!("a partition of {name:?}"),
            Target::Alias(alias) => format!("a partition of {alias:?}"),
        }
    }
}

fn hash<K: Hash + ?Sized>(key: &K) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

fn partition(supervisor: &Target, hash: u64) -> Option<Pid> {
    let shared = shared(supervisor)?;
    let count = shared.count() as u64;
    shared.running((hash % count.max(1)) as usize)
}

fn shared(supervisor: &Target) -> Option<Arc<Shared>> {
    let pid = supervisor.resolve().ok()?;
    let record = node().table.get(pid)?;
    record.update(pid, |state| state.extras()?.supervisor.clone())?
}
