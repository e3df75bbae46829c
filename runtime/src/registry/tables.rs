//! Where keys are kept.
//!
//! Two kinds of tables stand in each partition. One says who is under a key: in a unique registry a key is in the
//! partition that its hash chooses, in a duplicate one in that of the process, so that a dispatch can go through the
//! partitions in parallel, unless the plan says otherwise. The other says which keys a process has, in the partition that is linked to it.
//!
//! # Invariants
//! 1. One table is locked at a time, and no code of a user but `Eq`, `Hash` and `Clone` runs under a lock.
//! 2. A registration has a number of its own. What is removed is removed by number, so the clean-up after a process
//!    never takes a key from its next owner.
//! 3. A process is linked to its partition before it enters a table.

use super::lock::Locks;
use super::owned::Owned;
use super::{Key, Kind, Meta, Value};
use crate::hash::Mixing;
use crate::name::Name;
use crate::pid::Pid;
use crate::process::few::Few;
use crate::process::is_alive;
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// See the module.
pub(super) struct Tables<K, V> {
    pub(super) name: Name,
    pub(super) kind: Kind,
    /// Whether the key chooses the partition of a registration, or the process.
    pub(super) by_key: bool,
    pub(super) listeners: Vec<Name>,
    pub(super) meta: Meta,
    pub(super) partitions: Vec<Partition<K, V>>,
    pub(super) locks: Locks<K>,
    /// Chooses partitions.
    hasher: Mixing,
    numbers: AtomicU64,
}

pub(super) struct Partition<K, V> {
    /// The process; `None` while it does not run.
    pub(super) pid: Mutex<Option<Pid>>,
    /// Who is under a key, in the order of registration.
    pub(super) keys: RwLock<HashMap<K, Entries<V>, Mixing>>,
    /// How many registrations are under all keys; changed while `keys` is locked.
    pub(super) count: AtomicUsize,
    /// The registrations of each process.
    pub(super) owners: Mutex<HashMap<Pid, Owned<K>, Mixing>>,
}

/// Registrations by number.
pub(super) type Entries<V> = Few<u64, (Pid, V)>;

impl<K, V> Default for Partition<K, V> {
    fn default() -> Partition<K, V> {
        Partition {
            pid: Mutex::default(),
            keys: RwLock::new(HashMap::with_hasher(Mixing::secret())),
            count: AtomicUsize::new(0),
            owners: Mutex::default(),
        }
    }
}

impl<K, V> Tables<K, V> {
    pub(super) fn new(name: Name, kind: Kind) -> Tables<K, V> {
        Tables {
            name,
            kind,
            by_key: kind == Kind::Unique,
            listeners: Vec::new(),
            meta: Meta::default(),
            partitions: vec![Partition::default()],
            locks: Locks::default(),
            hasher: Mixing::secret(),
            numbers: AtomicU64::new(0),
        }
    }

    pub(super) fn set_partitions(&mut self, partitions: usize) {
        self.partitions.resize_with(partitions, Partition::default);
    }

    pub(super) fn partition_count(&self) -> usize {
        self.partitions.len()
    }

    pub(super) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// The partition that is linked to a process.
    pub(super) fn of_owner(&self, pid: Pid) -> &Partition<K, V> {
        self.of_hash(&pid)
    }

    fn of_hash(&self, value: &impl Hash) -> &Partition<K, V> {
        if let [only] = &self.partitions[..] {
            return only;
        }
        let hash = self.hasher.hash_one(value);
        &self.partitions[(hash % self.partitions.len() as u64) as usize]
    }
}

impl<K: Key, V: Value> Tables<K, V> {
    /// Who has a key of a unique registry.
    pub(super) fn holder(&self, key: &K) -> Option<(Pid, V)> {
        self.of_hash(key).holder(key).filter(|(pid, _)| is_alive(*pid))
    }

    /// The partition where a registration is.
    pub(super) fn of_key(&self, key: &K, owner: Pid) -> &Partition<K, V> {
        match self.by_key {
            true => self.of_hash(key),
            false => self.of_owner(owner),
        }
    }

    /// The partitions where registrations under a key may be.
    pub(super) fn of_any(&self, key: &K) -> &[Partition<K, V>] {
        match self.by_key {
            true => std::slice::from_ref(self.of_hash(key)),
            false => &self.partitions,
        }
    }

    /// Takes a registration out of the table of keys.
    pub(super) fn remove(&self, key: &K, owner: Pid, number: u64) {
        let partition = self.of_key(key, owner);
        let mut keys = partition.keys.write();
        let Some(entries) = keys.get_mut(key) else { return };
        let removed = entries.remove(&number);
        partition
            .count
            .fetch_sub(usize::from(removed.is_some()), Ordering::Relaxed);
        let emptied = entries.is_empty().then(|| keys.remove_entry(key));
        drop(keys);
        // Keys and values are dropped without the lock.
        drop((removed, emptied));
    }

    /// Forgets whatever a process registered.
    pub(super) fn forget(&self, owner: Pid) {
        let owned = self.of_owner(owner).owners.lock().remove(&owner).unwrap_or_default();
        owned.into_each(|number, key| self.remove(&key, owner, number));
    }
}

impl<K: Key, V: Value> Partition<K, V> {
    pub(super) fn entries(&self, key: &K) -> Vec<(Pid, V)> {
        let keys = self.keys.read();
        let Some(entries) = keys.get(key) else {
            return Vec::new();
        };
        let mut found = Vec::with_capacity(entries.len());
        entries.each(|_, entry| found.push(entry.clone()));
        found
    }

    /// Who has a key of a unique registry, or had it, if that one's keys were not cleaned up yet.
    pub(super) fn holder(&self, key: &K) -> Option<(Pid, V)> {
        self.keys.read().get(key)?.any().cloned()
    }
}
