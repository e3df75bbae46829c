//! What the listeners of a registry are told.

use super::tables::Tables;
use super::{Key, Value};
use crate::name::Name;
use crate::pid::Pid;
use crate::send;

/// The message that a [listener](super::Plan::listener) gets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event<K, V> {
    /// A process registered.
    Register {
        /// The registry.
        registry: Name,
        /// Under this key.
        key: K,
        /// The process.
        pid: Pid,
        /// With this value.
        value: V,
    },
    /// A process unregistered a key.
    Unregister {
        /// The registry.
        registry: Name,
        /// The key.
        key: K,
        /// The process.
        pid: Pid,
    },
}

impl<K: Key, V: Value> Tables<K, V> {
    pub(super) fn tell(&self, event: &Event<K, V>) {
        for listener in &self.listeners {
            // A listener that is not there misses it.
            drop(send(listener, event.clone()));
        }
    }
}
