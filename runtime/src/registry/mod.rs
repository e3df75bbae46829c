//! Registries: processes under keys of any type, alone or many under one key, with a value beside each.
//!
//! The node's own names ([`process::register`](crate::process::register)) are strings, and a process has one at most.
//! A registry has keys of a type of its own, a process can have many of them, and when the process ends they are gone.
//!
//! # One process under a key
//! ```
//! # crabtree::run(async {
//! use crabtree::prelude::*;
//! use crabtree::registry;
//!
//! let rooms = registry::unique::<u32, &str>("rooms").start_link().await?;
//! registry::register(&rooms, 101, "for two")?;
//! assert_eq!(registry::lookup(&rooms, &101), [(me(), "for two")]);
//! assert!(registry::register(&rooms, 101, "for three").is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Many under a key: publish and subscribe
//! A key is a topic; those who register under it are told what happens. What is beside the key is each one's own.
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::prelude::*;
//!
//! #[derive(Debug)]
//! struct Broadcast(&'static str);
//!
//! let topics = registry::duplicate::<&str, ()>("topics").partitions(system::schedulers_online());
//! let topics = topics.start_link().await?;
//!
//! registry::register(&topics, "weather", ())?;
//! registry::dispatch(&topics, &"weather", |subscribers| {
//!     for (pid, ()) in subscribers {
//!         send(*pid, Broadcast("it rains"));
//!     }
//! });
//! receive! { Broadcast(news) => assert_eq!(news, "it rains") }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # By name
//! The value [`Registry`] can be copied and sent. Who does not have it asks for it by its name, with [`named`].
//!
//! # In a supervision tree
//! [`Plan::child_spec`] gives the registry and how a supervisor starts it. The value [`Registry`] stays good when the
//! registry is restarted; the keys do not, for their processes end with it.
//!
//! # How it works
//! A registry is a supervisor of partitions. A process that registers is linked to one of them, which removes its keys
//! when it ends. So a lookup right after an end may see the dead under a key of a duplicate registry, as in Elixir; in
//! a unique one it does not, and the key can be taken at once. Keys are read and written without any process in
//! between; more partitions make less waiting for each other.

mod entries;
mod error;
mod listener;
mod lock;
mod owned;
mod partition;
mod query;
mod tables;
mod via;

use crate::gen_server::StartError;
use crate::message::{Message, Term};
use crate::name::Name;
use crate::node::node;
use crate::supervisor::{ChildSpec, Strategy, Supervisor};
pub use entries::{delete_meta, put_meta, register, unregister, unregister_match, update_value};
pub use error::RegistryError;
pub use listener::Event;
pub use lock::lock;
use parking_lot::Mutex;
pub(crate) use partition::AnyTables;
pub use query::{
    count, count_match, count_select, dispatch, dispatch_parallel, keys, lookup, match_, meta, select, values,
};
use std::collections::HashMap;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use tables::Tables;
pub use via::{At, Via, via, via_value};

/// What can be the key of a registry: it is implemented for every such type.
pub trait Key: Term + Clone + Eq + Hash + Sync {}

impl<K: Term + Clone + Eq + Hash + Sync> Key for K {}

/// What can be beside a key: it is implemented for every such type.
pub trait Value: Term + Clone + Sync {}

impl<V: Term + Clone + Sync> Value for V {}

/// Whether a key belongs to one process or to many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A key belongs to one living process.
    Unique,
    /// A key belongs to any number of processes, and to one several times.
    Duplicate,
}

/// A registry with keys of type `K` and values of type `V`. It is cheap to copy, and stays good over restarts.
pub struct Registry<K, V>(Arc<Tables<K, V>>);

impl<K, V> Registry<K, V> {
    /// The name of the registry, under which its supervisor is registered.
    pub fn name(&self) -> &Name {
        &self.0.name
    }

    /// Whether a key belongs to one process or to many.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }
}

impl<K, V> Clone for Registry<K, V> {
    fn clone(&self) -> Registry<K, V> {
        Registry(self.0.clone())
    }
}

impl<K, V> fmt::Debug for Registry<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registry({:?})", self.0.name)
    }
}

/// Plans a registry in which a key belongs to one process.
pub fn unique<K: Key, V: Value>(name: impl Into<Name>) -> Plan<K, V> {
    Plan::new(name.into(), Kind::Unique)
}

/// Plans a registry in which a key can belong to many processes.
pub fn duplicate<K: Key, V: Value>(name: impl Into<Name>) -> Plan<K, V> {
    Plan::new(name.into(), Kind::Duplicate)
}

/// The registry of that name.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// registry::unique::<&str, u32>("phones").start_link().await?;
/// registry::register(&registry::named("phones")?, "ann", 4711_u32)?;
/// let phones = registry::named::<&str, u32>("phones")?;
/// assert_eq!(registry::lookup(&phones, &"ann"), [(me(), 4711)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// When no registry of that name runs, or its keys or values have other types.
pub fn named<K: Key, V: Value>(name: impl Into<Name>) -> Result<Registry<K, V>, RegistryError> {
    let (name, tables) = tables_named(name.into())?;
    let (keys, values) = tables.types();
    let tables: Result<Arc<Tables<K, V>>, _> = tables.any().downcast();
    tables.map(Registry).map_err(|_| RegistryError::OtherTypes {
        name,
        keys,
        values,
        asked_keys: std::any::type_name::<K>(),
        asked_values: std::any::type_name::<V>(),
    })
}

fn tables_named(name: Name) -> Result<(Name, Arc<dyn AnyTables>), RegistryError> {
    let pid = node().names.get(name.as_str());
    let record = pid.and_then(|pid| Some((pid, node().table.get(pid)?)));
    let tables = record.and_then(|(pid, record)| record.update(pid, |state| state.extras()?.registry.clone()));
    match tables.flatten() {
        Some(tables) => Ok((name, tables)),
        None => Err(RegistryError::NotRunning(name)),
    }
}

/// A registry that is about to be started.
#[must_use = "nothing is started before `.start_link().await`"]
pub struct Plan<K, V> {
    tables: Tables<K, V>,
}

impl<K: Key, V: Value> Plan<K, V> {
    fn new(name: Name, kind: Kind) -> Plan<K, V> {
        Plan {
            tables: Tables::new(name, kind),
        }
    }

    /// How many partitions the registry has: one, unless this is called.
    ///
    /// # Panics
    /// When it is zero.
    #[track_caller]
    pub fn partitions(mut self, partitions: usize) -> Plan<K, V> {
        assert!(partitions > 0, "a registry has at least 1 partition");
        self.tables.set_partitions(partitions);
        self
    }

    /// Has the key of a registration choose its partition, and not the process, in a registry with duplicate keys.
    ///
    /// Then those under one key are found in one partition: better for many keys with few processes each. Without it, a
    /// [parallel dispatch](dispatch_parallel) has something to share: better for few keys with many processes. Unique
    /// keys choose their partitions in any case.
    pub fn partition_by_key(mut self) -> Plan<K, V> {
        self.tables.by_key = true;
        self
    }

    /// Adds the name of a process that gets an [`Event`] for each key that is registered or unregistered.
    ///
    /// Keys that go with their process make no event: a listener monitors the processes that it is told of.
    pub fn listener(mut self, name: impl Into<Name>) -> Plan<K, V> {
        self.tables.listeners.push(name.into());
        self
    }

    /// Adds [metadata](put_meta).
    pub fn meta<T: Term>(mut self, name: impl Into<Name>, value: T) -> Plan<K, V> {
        self.tables.meta.get_mut().insert(name.into(), Message::new(value));
        self
    }

    /// Starts the registry, linked to the caller.
    ///
    /// # Errors
    /// [`StartError`], when the name is taken.
    ///
    /// # Panics
    /// The future panics outside of a process.
    pub fn start_link(self) -> Starting<K, V> {
        let registry = Registry(Arc::new(self.tables));
        Starting {
            supervisor: supervisor(&registry),
            registry,
        }
    }

    /// The registry, and how a supervisor starts it.
    ///
    /// ```
    /// # crabtree::run(async {
    /// use crabtree::prelude::*;
    /// use crabtree::registry;
    ///
    /// let (users, spec) = registry::unique::<String, ()>("users").child_spec();
    /// assert!(registry::register(&users, "ann".into(), ()).is_err()); // it does not run yet
    /// let sup = Supervisor::new(Strategy::OneForOne).child(spec).start_link().await?;
    /// registry::register(&users, "ann".into(), ())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn child_spec(self) -> (Registry<K, V>, ChildSpec) {
        let registry = Registry(Arc::new(self.tables));
        let of = registry.clone();
        let spec = ChildSpec::supervisor(registry.name().clone(), move || supervisor(&of));
        (registry, spec)
    }
}

impl<K, V> fmt::Debug for Plan<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("name", &self.tables.name)
            .field("kind", &self.tables.kind)
            .finish_non_exhaustive()
    }
}

/// A registry that is being started: `.await` it.
#[must_use = "nothing is started before `.await`"]
#[derive(Debug)]
pub struct Starting<K, V> {
    supervisor: Supervisor,
    registry: Registry<K, V>,
}

impl<K: Key, V: Value> IntoFuture for Starting<K, V> {
    type Output = Result<Registry<K, V>, StartError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.supervisor.start_link().await?;
            Ok(self.registry)
        })
    }
}

fn supervisor<K: Key, V: Value>(registry: &Registry<K, V>) -> Supervisor {
    let partitions = registry.0.partition_count();
    let children = (0..partitions).map(|index| partition::child_spec(registry.0.clone(), index));
    Supervisor::new(Strategy::OneForAll)
        .name(registry.name())
        .children(children)
}

/// Values of any type, by name.
type Meta = Mutex<HashMap<Name, Message>>;
