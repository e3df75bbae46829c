//! Names that are values of any type: OTP's `global`, within the node.
//!
//! The names of [`process::register`](crate::process::register) are strings, and a process has at most one. Here a name
//! is whatever can be compared, hashed and shown, and a process can have many. As there, a name is free again as soon
//! as its process ends, before anybody learns of its end.
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::global;
//! use crabtree::prelude::*;
//!
//! agent::start_link(|| 0).via(global::name(("room", 101))).await?;
//! let room = global::name(("room", 101)).of::<agent::State<i32>>();
//! agent::update(&room, |n| *n += 1).await?;
//! assert_eq!(agent::get(&room, |n| *n).await?, 1);
//!
//! global::register_name("front desk", me())?;
//! send(global::name("front desk"), "hello")?;
//! receive! { "hello" => () }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! For keys with values, or processes of which many share a key, see [`registry`](crate::registry).

use crate::destination::Target;
use crate::gen_server::{self, Address, GenServer, StartError};
use crate::message::Message;
use crate::name::{NoSuchName, RegisterError};
use crate::node::node;
use crate::pid::Pid;
use crate::process::Shown;
use crate::{Destination, ExitReason};
use parking_lot::RwLock;
use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

/// What can be a name. It is implemented for every such type.
pub trait Key: Eq + Hash + fmt::Debug + Clone + Send + Sync + 'static {}

impl<K: Eq + Hash + fmt::Debug + Clone + Send + Sync + 'static> Key for K {}

/// Gives a process a name.
///
/// # Errors
/// When the name belongs to a living process, or the process is not alive.
pub fn register_name<K: Key>(key: K, pid: impl Into<Pid>) -> Result<(), RegisterError> {
    register_any(AnyKey(Arc::new(key)), pid.into())
}

/// Takes a name away from its process; of one that nobody has, it does nothing.
pub fn unregister_name<K: Key>(key: K) {
    node().globals.remove(&AnyKey(Arc::new(key)), None);
}

/// The process that has a name.
pub fn whereis_name<K: Key>(key: K) -> Option<Pid> {
    node().globals.get(&AnyKey(Arc::new(key)))
}

/// All names, as their `Debug` shows them, in no order.
pub fn registered_names() -> Vec<Shown> {
    let keys: Vec<AnyKey> = node().globals.pids.read().keys().cloned().collect();
    keys.iter().map(|key| Shown(format!("{key:?}"))).collect()
}

/// A name, as somewhere to start a server at, and to send to.
pub fn name<K: Key>(key: K) -> GlobalName<K> {
    GlobalName { key }
}

/// A name; see [`name`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct GlobalName<K> {
    key: K,
}

impl<K: Key> GlobalName<K> {
    /// The process that has it.
    pub fn whereis(&self) -> Option<Pid> {
        whereis_name(self.key.clone())
    }

    /// The server of type `S` that has the name when it is called.
    pub fn of<S: GenServer>(self) -> At<S, K> {
        At {
            name: self,
            _server: PhantomData,
        }
    }

    fn resolved(&self) -> Result<Pid, NoSuchName> {
        self.whereis().ok_or_else(|| NoSuchName(format!("{self:?}").into()))
    }
}

impl<K: fmt::Debug> fmt::Debug for GlobalName<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "global::name({:?})", self.key)
    }
}

/// What [`Starting::via`](gen_server::Starting::via) takes: the server has the name before its `init` runs.
impl<K: Key> gen_server::Via for GlobalName<K> {
    fn register(&self, pid: Pid) -> Result<(), StartError> {
        register_name(self.key.clone(), pid).map_err(|error| match error {
            RegisterError::NameTaken { owner, .. } => StartError::AlreadyStarted {
                name: format!("{self:?}").into(),
                pid: owner,
            },
            other => StartError::Exit(ExitReason::other(other)),
        })
    }
}

impl<K: Key> Destination for GlobalName<K> {
    type Sent = Result<(), NoSuchName>;

    fn deliver(&self, message: Message) -> Result<(), NoSuchName> {
        self.resolved()?.deliver(message);
        Ok(())
    }

    fn target(&self) -> Target {
        self.resolved()
            .map_or_else(|NoSuchName(name)| Target::Name(name), Target::Pid)
    }
}

/// The server of type `S` that has a name, as an address; from [`GlobalName::of`].
pub struct At<S, K> {
    name: GlobalName<K>,
    _server: PhantomData<fn() -> S>,
}

impl<S, K: fmt::Debug> fmt::Debug for At<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

impl<S: GenServer, K: Key> Address for At<S, K> {
    type Server = S;

    fn pid(&self) -> Result<Pid, NoSuchName> {
        self.name.resolved()
    }

    fn shown(&self) -> String {
        format!("{:?}", self.name)
    }
}

/// A name whose type was forgotten.
#[derive(Clone)]
pub(crate) struct AnyKey(Arc<dyn Erased>);

trait Erased: fmt::Debug + Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn is(&self, other: &dyn Any) -> bool;
    fn add_to(&self, hasher: &mut dyn Hasher);
}

impl<K: Key> Erased for K {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn is(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<K>() == Some(self)
    }

    fn add_to(&self, mut hasher: &mut dyn Hasher) {
        self.hash(&mut hasher);
    }
}

impl PartialEq for AnyKey {
    fn eq(&self, other: &AnyKey) -> bool {
        self.0.is(other.0.as_any())
    }
}

impl Eq for AnyKey {}

impl Hash for AnyKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.add_to(state);
    }
}

impl fmt::Debug for AnyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The names of the node that are values.
///
/// # Invariants
/// 1. No record is locked while the table is: comparing and hashing is a user's code.
/// 2. A process that is in the table knows it, in its record, and leaves before its end is announced. One that ended
///    while it entered is taken out by the one who entered it.
#[derive(Default)]
pub(crate) struct Globals {
    pids: RwLock<HashMap<AnyKey, Pid>>,
}

impl Globals {
    fn get(&self, key: &AnyKey) -> Option<Pid> {
        self.pids.read().get(key).copied()
    }

    /// Takes a name away, if `owner` has it, or whoever it is.
    pub(crate) fn remove(&self, key: &AnyKey, owner: Option<Pid>) {
        let mut pids = self.pids.write();
        if owner.is_none() || pids.get(key).copied() == owner {
            pids.remove(key);
        }
    }
}

fn register_any(key: AnyKey, pid: Pid) -> Result<(), RegisterError> {
    let globals = &node().globals;
    {
        let mut pids = globals.pids.write();
        if let Some(&owner) = pids.get(&key) {
            drop(pids);
            let name = format!("{key:?}").into();
            return Err(RegisterError::NameTaken { name, owner });
        }
        pids.insert(key.clone(), pid);
    }
    let known = node().table.get(pid).and_then(|record| {
        record.update(pid, |state| {
            let alive = !state.ends();
            if alive {
                state.extras_mut().globals.push(key.clone());
            }
            alive
        })
    });
    if known != Some(true) {
        globals.remove(&key, Some(pid));
        return Err(RegisterError::NoProc(pid));
    }
    Ok(())
}
