//! Registering and unregistering.

use super::listener::Event;
use super::owned::Owned;
use super::tables::Entries;
use super::{Key, Kind, Registry, RegistryError, Value};
use crate::message::{Message, Term};
use crate::name::Name;
use crate::node::node;
use crate::pid::Pid;
use crate::process::state::{Link, State};
use crate::process::{self, current, is_alive};
use std::mem::take;
use std::sync::atomic::Ordering;

/// Puts the calling process under a key, with a value. Gives the pid of the partition that it is linked to from now on.
///
/// In a duplicate registry a process can be under one key several times.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::registry;
///
/// let colours = registry::unique::<&str, i32>("colours").start_link().await?;
/// registry::register(&colours, "red", 1)?;
/// registry::register(&colours, "blue", 2)?;
/// let error = registry::register(&colours, "red", 3).unwrap_err();
/// assert_eq!(error.to_string(), format!("already registered: {} has the key \"red\"", me()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// When the key of a unique registry belongs to a living process, or the registry does not run.
///
/// # Panics
/// Outside of a process, as all that is about the caller's keys.
#[track_caller]
pub fn register<K: Key, V: Value>(registry: &Registry<K, V>, key: K, value: V) -> Result<Pid, RegistryError> {
    register_pid(registry, current::expect("registry::register").pid, key, value)
}

pub(super) fn register_pid<K: Key, V: Value>(
    registry: &Registry<K, V>,
    owner: Pid,
    key: K,
    value: V,
) -> Result<Pid, RegistryError> {
    let tables = &registry.0;
    let home = tables.of_owner(owner);
    let partition = (*home.pid.lock()).filter(|pid| is_alive(*pid));
    let partition = partition.ok_or_else(|| RegistryError::NotRunning(tables.name.clone()))?;
    tie(owner, partition)?;
    let number = tables.next_number();
    // Dropped without the lock.
    let mut before = Entries::default();
    {
        let partition = tables.of_key(&key, owner);
        let mut keys = partition.keys.write();
        let entries = keys.entry(key.clone()).or_default();
        if tables.kind == Kind::Unique
            && let Some((pid, _)) = entries.any()
        {
            let pid = *pid;
            if is_alive(pid) {
                drop(keys);
                untie_if_idle(registry, owner);
                let key = format!("{key:?}");
                return Err(RegistryError::AlreadyRegistered { key, pid });
            }
            // Whoever had the key is dead, and was not cleaned up yet.
            partition.count.fetch_sub(entries.len(), Ordering::Relaxed);
            before = take(entries);
        }
        entries.insert(number, (owner, value.clone()));
        partition.count.fetch_add(1, Ordering::Relaxed);
    }
    drop(before);
    let mut owners = home.owners.lock();
    owners.entry(owner).or_default().insert(number, key.clone());
    drop(owners);
    if !is_alive(owner) {
        // Its partition may have cleaned up before the table of owners had this.
        tables.forget(owner);
        return Err(RegistryError::NoProc(owner));
    }
    let registry = tables.name.clone();
    tables.tell(&Event::Register {
        registry,
        key,
        pid: owner,
        value,
    });
    Ok(partition)
}

/// Links a process to its partition, on behalf of the process. The partition's side comes first, so that an end of the
/// owner is never missed.
fn tie(owner: Pid, partition: Pid) -> Result<(), RegistryError> {
    let with = |pid: Pid, other: Pid| {
        let record = node().table.get(pid)?;
        record.update(pid, |state| state.relations_mut().links.insert(other, Link::Active))
    };
    let is_tied = node().table.get(owner).and_then(|record| {
        let links = |state: &mut State| {
            state
                .relations()
                .map(|relations| relations.links.get(&partition).copied())
        };
        record.update(owner, links).flatten().flatten()
    });
    if is_tied == Some(Link::Active) {
        return Ok(());
    }
    with(partition, owner);
    match with(owner, partition) {
        Some(_) => Ok(()),
        None => {
            if let Some(record) = node().table.get(partition) {
                record.update(partition, |state| state.relations_mut().links.remove(&owner));
            }
            Err(RegistryError::NoProc(owner))
        }
    }
}

/// Unlinks a process from its partition when it has no key any more.
fn untie_if_idle<K: Key, V: Value>(registry: &Registry<K, V>, owner: Pid) {
    let home = registry.0.of_owner(owner);
    let idle = !home.owners.lock().contains_key(&owner);
    let partition = *home.pid.lock();
    let me = current::get().map(|current| current.pid);
    let Some(partition) = partition.filter(|_| idle) else {
        return;
    };
    if me == Some(owner) {
        process::unlink(partition);
        return;
    }
    for (pid, other) in [(owner, partition), (partition, owner)] {
        if let Some(record) = node().table.get(pid) {
            record.update(pid, |state| state.relations_mut().links.remove(&other));
        }
    }
}

/// Takes the calling process away from a key, as often as it is there. Without it nothing happens.
#[track_caller]
pub fn unregister<K: Key, V: Value>(registry: &Registry<K, V>, key: &K) {
    unregister_match(registry, key, |_| true);
}

/// Takes the calling process away from a key where the value is as wanted.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::registry;
///
/// let alarms = registry::duplicate::<&str, u32>("alarms").start_link().await?;
/// for hour in [6, 7, 22] {
///     registry::register(&alarms, "ring", hour)?;
/// }
/// registry::unregister_match(&alarms, &"ring", |hour| *hour < 12);
/// assert_eq!(registry::lookup(&alarms, &"ring"), [(me(), 22)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn unregister_match<K: Key, V: Value>(registry: &Registry<K, V>, key: &K, wanted: impl Fn(&V) -> bool) {
    let owner = current::expect("registry::unregister").pid;
    let mut own = own_entries(registry, key, owner);
    own.retain(|(_, value)| wanted(value));
    if own.is_empty() {
        return;
    }
    let tables = &registry.0;
    let numbers = || own.iter().map(|(number, _)| *number);
    numbers().for_each(|number| tables.remove(key, owner, number));
    let mut owners = tables.of_owner(owner).owners.lock();
    let removed: Vec<K> = match owners.get_mut(&owner) {
        Some(owned) => numbers().filter_map(|number| owned.remove(number)).collect(),
        None => Vec::new(),
    };
    if owners.get(&owner).is_some_and(Owned::is_empty) {
        owners.remove(&owner);
    }
    drop(owners);
    drop(removed);
    untie_if_idle(registry, owner);
    let registry = tables.name.clone();
    let (key, pid) = (key.clone(), owner);
    tables.tell(&Event::Unregister { registry, key, pid });
}

/// Of so many registrations it takes less to look at each than at all that are under a key.
const FEW: usize = 16;

/// What a process has under a key, with the numbers of the registrations.
pub(super) fn own_entries<K: Key, V: Value>(registry: &Registry<K, V>, key: &K, owner: Pid) -> Vec<(u64, V)> {
    let numbers: Option<Vec<u64>> = {
        let owners = registry.0.of_owner(owner).owners.lock();
        let Some(owned) = owners.get(&owner) else {
            return Vec::new();
        };
        let of_key = || {
            owned
                .iter()
                .filter(|(_, other)| *other == key)
                .map(|(number, _)| number)
        };
        (owned.len() <= FEW).then(|| of_key().collect())
    };
    let keys = registry.0.of_key(key, owner).keys.read();
    let Some(entries) = keys.get(key) else {
        return Vec::new();
    };
    let found = |number: &u64, (pid, value): &(Pid, V)| (*pid == owner).then(|| (*number, value.clone()));
    match numbers {
        Some(numbers) => {
            let found = |number: &u64| found(number, entries.get(number)?);
            numbers.iter().filter_map(found).collect()
        }
        None => entries
            .iter()
            .filter_map(|(number, entry)| found(number, entry))
            .collect(),
    }
}

/// Changes the value beside a key of the calling process, in a unique registry. Gives the new and the old value.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::registry;
///
/// let scores = registry::unique::<&str, i32>("scores").start_link().await?;
/// registry::register(&scores, "ann", 1)?;
/// assert_eq!(registry::update_value(&scores, &"ann", |n| n + 1)?, (2, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// When the caller has not registered that key, or the registry is not unique.
#[track_caller]
pub fn update_value<K: Key, V: Value>(
    registry: &Registry<K, V>,
    key: &K,
    change: impl FnOnce(&V) -> V,
) -> Result<(V, V), RegistryError> {
    let owner = current::expect("registry::update_value").pid;
    if registry.kind() != Kind::Unique {
        return Err(RegistryError::NotUnique(registry.name().clone()));
    }
    let not_registered = || RegistryError::NotRegistered {
        key: format!("{key:?}"),
    };
    let (number, old) = own_entries(registry, key, owner).pop().ok_or_else(not_registered)?;
    let new = change(&old);
    let mut keys = registry.0.of_key(key, owner).keys.write();
    let entry = keys.get_mut(key).and_then(|entries| entries.get_mut(&number));
    let before = std::mem::replace(&mut entry.ok_or_else(not_registered)?.1, new.clone());
    drop(keys);
    drop(before);
    Ok((new, old))
}

/// Keeps a value beside the registry itself, under a name: what those who use it should know.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::registry;
///
/// let plain = registry::unique::<u8, ()>("plain").meta("city", "Hamburg").start_link().await?;
/// assert_eq!(registry::meta::<&str, _, _>(&plain, "city"), Some("Hamburg"));
/// registry::put_meta(&plain, "year", 1842);
/// assert_eq!(registry::meta::<i32, _, _>(&plain, "year"), Some(1842));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn put_meta<K, V, T: Term>(registry: &Registry<K, V>, name: impl Into<Name>, value: T) {
    let before = registry.0.meta.lock().insert(name.into(), Message::new(value));
    drop(before);
}

/// Forgets [metadata](put_meta) of that name.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let marked = registry::unique::<u8, ()>("marked").meta("city", "Hamburg").start_link().await?;
/// registry::delete_meta(&marked, "city");
/// assert_eq!(registry::meta::<&str, _, _>(&marked, "city"), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn delete_meta<K, V>(registry: &Registry<K, V>, name: impl AsRef<str>) {
    let before = registry.0.meta.lock().remove(name.as_ref());
    drop(before);
}
