//! Why a registry refused.

use crate::name::Name;
use crate::pid::Pid;
use std::fmt;

/// Why a registry did not do what it was asked. Keys are shown as text.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistryError {
    /// The key belongs to this process, which is alive.
    AlreadyRegistered {
        /// The key, as its `Debug` shows it.
        key: String,
        /// The process that has it.
        pid: Pid,
    },
    /// The calling process has not registered that key.
    NotRegistered {
        /// The key, as its `Debug` shows it.
        key: String,
    },
    /// It is for unique registries only, and this one has duplicate keys.
    NotUnique(Name),
    /// The registry does not run.
    NotRunning(Name),
    /// The registry has keys or values of other types than those that were asked for.
    OtherTypes {
        /// The registry.
        name: Name,
        /// The type of its keys.
        keys: &'static str,
        /// The type of its values.
        values: &'static str,
        /// The type of keys that was asked for.
        asked_keys: &'static str,
        /// The type of values that was asked for.
        asked_values: &'static str,
    },
    /// The process that was to be registered is not alive.
    NoProc(Pid),
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegistryError::AlreadyRegistered { key, pid } => write!(f, "already registered: {pid} has the key {key}"),
            RegistryError::NotRegistered { key } => write!(f, "the calling process has not registered the key {key}"),
            RegistryError::NotUnique(name) => write!(
                f,
                "the registry {name:?} has duplicate keys, and this is for registries made by registry::unique"
            ),
            RegistryError::NotRunning(name) => write!(
                f,
                "unknown registry: {name:?} does not run; start it with .start_link().await, or under a supervisor"
            ),
            RegistryError::OtherTypes {
                name,
                keys,
                values,
                asked_keys,
                asked_values,
            } => write!(
                f,
                "the registry {name:?} is a Registry<{keys}, {values}>, and a Registry<{asked_keys}, {asked_values}> was \
                 asked for"
            ),
            RegistryError::NoProc(pid) => write!(f, "{pid} is not alive, so it cannot be registered"),
        }
    }
}

impl fmt::Debug for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for RegistryError {}
