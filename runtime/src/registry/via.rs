//! Registries as places for names of servers.

use super::entries::register_pid;
use super::{Key, Kind, Registry, RegistryError, Value};
use crate::destination::Target;
use crate::gen_server::{self, Address, GenServer, StartError};
use crate::message::Message;
use crate::name::NoSuchName;
use crate::pid::Pid;
use crate::process::deliver;
use crate::{Destination, ExitReason};
use std::fmt;
use std::marker::PhantomData;

/// A key of a unique registry as the name of a server; see [`via`].
pub struct Via<K, V> {
    registry: Registry<K, V>,
    key: K,
    value: V,
}

/// A key of a unique registry as the name of a server.
///
/// Give it to the start of a server, or [`register`](Via::register) a process that runs; [`of`](Via::of) addresses the
/// server that has the key.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::{agent, registry};
///
/// let rooms = registry::unique::<u32, ()>("hotel").start_link().await?;
/// agent::start_link(|| 0).via(registry::via(&rooms, 101)).await?;
///
/// let room = registry::via(&rooms, 101).of::<agent::State<i32>>();
/// agent::update(&room, |n| *n += 1).await?;
/// assert_eq!(agent::get(&room, |n| *n).await?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn via<K: Key, V: Value + Default>(registry: &Registry<K, V>, key: K) -> Via<K, V> {
    via_value(registry, key, V::default())
}

/// Like [`via`], with the value to register.
pub fn via_value<K: Key, V: Value>(registry: &Registry<K, V>, key: K, value: V) -> Via<K, V> {
    let registry = registry.clone();
    Via { registry, key, value }
}

impl<K: Key, V: Value> Via<K, V> {
    /// Registers a process under the key.
    ///
    /// # Errors
    /// When the key belongs to a living process, the process is not alive, the registry does not run, or is not unique.
    pub fn register(&self, pid: impl Into<Pid>) -> Result<(), RegistryError> {
        if self.registry.kind() != Kind::Unique {
            return Err(RegistryError::NotUnique(self.registry.name().clone()));
        }
        register_pid(&self.registry, pid.into(), self.key.clone(), self.value.clone()).map(drop)
    }

    /// The process under the key.
    pub fn whereis(&self) -> Option<Pid> {
        match self.registry.kind() {
            Kind::Unique => self.registry.0.holder(&self.key).map(|(pid, _)| pid),
            Kind::Duplicate => None,
        }
    }

    /// The server of type `S` that is under the key when it is called.
    pub fn of<S: GenServer>(self) -> At<S, K, V> {
        At {
            via: self,
            _server: PhantomData,
        }
    }
}

/// What [`Starting::via`](crate::gen_server::Starting::via) takes: the server has the key before its `init` runs.
impl<K: Key, V: Value> gen_server::Via for Via<K, V> {
    fn register(&self, pid: Pid) -> Result<(), StartError> {
        Via::register(self, pid).map_err(|error| match error {
            RegistryError::AlreadyRegistered { pid, .. } => StartError::AlreadyStarted {
                name: format!("{self:?}").into(),
                pid,
            },
            other => StartError::Exit(ExitReason::other(other)),
        })
    }
}

/// Messages go to the process that has the key, and supervisors under a key are asked through it.
impl<K: Key, V: Value> Destination for Via<K, V> {
    type Sent = Result<(), NoSuchName>;

    fn deliver(&self, message: Message) -> Result<(), NoSuchName> {
        let nobody = || NoSuchName(format!("{self:?}").into());
        let pid = self.whereis().ok_or_else(nobody)?;
        deliver(pid, message).map_err(|_| nobody())
    }

    fn target(&self) -> Target {
        match self.whereis() {
            Some(pid) => Target::Pid(pid),
            None => Target::Name(format!("{self:?}").into()),
        }
    }
}

impl<K: fmt::Debug, V> fmt::Debug for Via<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "via({:?}, {:?})", self.registry.name().as_str(), self.key)
    }
}

/// The server of type `S` under a key, as an address; from [`Via::of`].
pub struct At<S, K, V> {
    via: Via<K, V>,
    _server: PhantomData<fn() -> S>,
}

impl<S, K: fmt::Debug, V> fmt::Debug for At<S, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.via.fmt(f)
    }
}

impl<S: GenServer, K: Key, V: Value> Address for At<S, K, V> {
    type Server = S;

    fn pid(&self) -> Result<Pid, NoSuchName> {
        let nobody = || NoSuchName(format!("{:?}", self.via).into());
        self.via.whereis().ok_or_else(nobody)
    }

    fn shown(&self) -> String {
        format!("{:?}", self.via)
    }
}
