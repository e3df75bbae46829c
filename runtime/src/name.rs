//! Names: short strings for processes, children and dictionary keys, and the node's register of them.

use crate::pid::Pid;
use crate::trace::{self, Kind};
use parking_lot::RwLock;
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A name: a string that is cheap to copy.
///
/// Anything that reads like a name becomes one: `"counter"`, a `String`, another `Name`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Repr {
    fn as_str(&self) -> &str {
        match self {
            Repr::Static(name) => name,
            Repr::Shared(name) => name,
        }
    }
}

impl PartialEq for Repr {
    fn eq(&self, other: &Repr) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Repr {}

impl std::hash::Hash for Repr {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialOrd for Repr {
    fn partial_cmp(&self, other: &Repr) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Repr {
    fn cmp(&self, other: &Repr) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Name {
    /// The name as a string.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl From<&'static str> for Name {
    fn from(name: &'static str) -> Name {
        Name(Repr::Static(name))
    }
}

impl From<String> for Name {
    fn from(name: String) -> Name {
        Name(Repr::Shared(name.into()))
    }
}

impl From<&String> for Name {
    fn from(name: &String) -> Name {
        Name(Repr::Shared(name.as_str().into()))
    }
}

impl From<&Name> for Name {
    fn from(name: &Name) -> Name {
        name.clone()
    }
}

/// As its text.
impl serde_core::Serialize for Name {
    fn serialize<S: serde_core::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// Why [`process::register`](crate::process::register) refused.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name belongs to a living process.
    NameTaken {
        /// The name that was asked for.
        name: Name,
        /// The process that has it.
        owner: Pid,
    },
    /// The process has a name already; a process has at most one.
    AlreadyNamed {
        /// The process that was to be named.
        pid: Pid,
        /// The name that it has.
        name: Name,
    },
    /// The process is not alive.
    NoProc(Pid),
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegisterError::NameTaken { name, owner } => write!(
                f,
                "the name {name:?} belongs to {owner}; choose another one, or unregister it first"
            ),
            RegisterError::AlreadyNamed { pid, name } => write!(
                f,
                "{pid} is registered as {name:?} already, and a process has at most one name"
            ),
            RegisterError::NoProc(pid) => write!(f, "{pid} is not alive, so it cannot be registered"),
        }
    }
}

impl fmt::Debug for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for RegisterError {}

/// A name was used as a destination that no living process has.
#[derive(Clone, PartialEq, Eq)]
pub struct NoSuchName(pub Name);

impl fmt::Display for NoSuchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no process is registered as {:?}; process::registered() lists the names in use",
            self.0
        )
    }
}

impl fmt::Debug for NoSuchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for NoSuchName {}

/// The names of the node's processes.
///
/// # Invariants
/// 1. A process enters and leaves under the lock of its own record, which is taken first; so a name never outlives
///    its process, and a process is never named after it began to exit.
#[derive(Default)]
pub(crate) struct Names {
    pids: RwLock<BTreeMap<Name, Pid>>,
}

impl Names {
    pub(crate) fn insert(&self, name: &Name, pid: Pid) -> Result<(), RegisterError> {
        let mut pids = self.pids.write();
        match pids.get(name) {
            Some(&owner) => Err(RegisterError::NameTaken {
                name: name.clone(),
                owner,
            }),
            None => {
                if trace::is_on() {
                    trace::named(Kind::Register, pid, name);
                }
                pids.insert(name.clone(), pid);
                Ok(())
            }
        }
    }

    pub(crate) fn remove(&self, name: &Name) {
        self.pids.write().remove(name);
    }

    pub(crate) fn get(&self, name: &str) -> Option<Pid> {
        self.pids.read().get(name).copied()
    }

    pub(crate) fn all(&self) -> Vec<Name> {
        self.pids.read().keys().cloned().collect()
    }
}
