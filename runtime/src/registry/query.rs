//! Looking into a registry.
//!
//! Entries are copied first, and a caller's function sees the copies: it may itself use the registry.

use super::entries::own_entries;
use super::{Key, Kind, Registry, Value};
use crate::message::Term;
use crate::pid::Pid;
use crate::process::is_alive;
use crate::task;
use std::sync::atomic::Ordering;

/// Who is under a key, and the values. In the order of registration within a partition.
pub fn lookup<K: Key, V: Value>(registry: &Registry<K, V>, key: &K) -> Vec<(Pid, V)> {
    if registry.kind() == Kind::Unique {
        return registry.0.holder(key).into_iter().collect();
    }
    match registry.0.of_any(key) {
        [only] => only.entries(key),
        partitions => partitions.iter().flat_map(|partition| partition.entries(key)).collect(),
    }
}

/// The keys of a process; in a duplicate registry a key as often as it was registered. The order is not defined.
pub fn keys<K: Key, V: Value>(registry: &Registry<K, V>, pid: impl Into<Pid>) -> Vec<K> {
    let pid = pid.into();
    if !is_alive(pid) {
        return Vec::new();
    }
    let owners = registry.0.of_owner(pid).owners.lock();
    owners
        .get(&pid)
        .map_or_else(Vec::new, |owned| owned.iter().map(|(_, key)| key.clone()).collect())
}

/// The values of a process under a key.
pub fn values<K: Key, V: Value>(registry: &Registry<K, V>, key: &K, pid: impl Into<Pid>) -> Vec<V> {
    let own = own_entries(registry, key, pid.into());
    own.into_iter().map(|(_, value)| value).collect()
}

/// Those under a key whose value is as wanted: Elixir's `match`, with a closure for pattern and guards.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::registry;
///
/// let workers = registry::duplicate::<&str, u32>("workers").start_link().await?;
/// registry::register(&workers, "idle", 3)?;
/// registry::register(&workers, "idle", 8)?;
/// assert_eq!(registry::match_(&workers, &"idle", |cores| *cores > 4), [(me(), 8)]);
/// assert_eq!(registry::match_(&workers, &"idle", |cores| matches!(cores, 1 | 3)), [(me(), 3)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn match_<K: Key, V: Value>(registry: &Registry<K, V>, key: &K, wanted: impl Fn(&V) -> bool) -> Vec<(Pid, V)> {
    let mut found = lookup(registry, key);
    found.retain(|(_, value)| wanted(value));
    found
}

/// How many under a key have a value as wanted.
pub fn count_match<K: Key, V: Value>(registry: &Registry<K, V>, key: &K, wanted: impl Fn(&V) -> bool) -> usize {
    match_(registry, key, wanted).len()
}

/// What a function makes of each registration, where it makes something of it. The order is not defined.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::registry;
///
/// let ages = registry::unique::<&str, u32>("ages").start_link().await?;
/// registry::register(&ages, "ann", 40)?;
/// registry::register(&ages, "bob", 4)?;
/// let adults = registry::select(&ages, |name, _pid, age| (*age >= 18).then_some(*name));
/// assert_eq!(adults, ["ann"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn select<K: Key, V: Value, T>(registry: &Registry<K, V>, function: impl Fn(&K, Pid, &V) -> Option<T>) -> Vec<T> {
    let mut selected = Vec::new();
    for partition in &registry.0.partitions {
        let keys = partition.keys.read();
        let entries: Vec<(K, Pid, V)> = keys
            .iter()
            .flat_map(|(key, entries)| {
                entries
                    .values()
                    .map(move |(pid, value)| (key.clone(), *pid, value.clone()))
            })
            .collect();
        drop(keys);
        selected.extend(
            entries
                .iter()
                .filter_map(|(key, pid, value)| function(key, *pid, value)),
        );
    }
    selected
}

/// How many registrations are as wanted.
pub fn count_select<K: Key, V: Value>(registry: &Registry<K, V>, wanted: impl Fn(&K, Pid, &V) -> bool) -> usize {
    select(registry, |key, pid, value| wanted(key, pid, value).then_some(())).len()
}

/// How many registrations there are.
pub fn count<K: Key, V: Value>(registry: &Registry<K, V>) -> usize {
    let partitions = registry.0.partitions.iter();
    partitions
        .map(|partition| partition.count.load(Ordering::Relaxed))
        .sum()
}

/// Calls a function with those under a key, once for each partition that has some.
///
/// A `send` to each of them publishes; choosing one of them balances load.
pub fn dispatch<K: Key, V: Value>(registry: &Registry<K, V>, key: &K, function: impl Fn(&[(Pid, V)])) {
    for partition in registry.0.of_any(key) {
        let entries = partition.entries(key);
        if !entries.is_empty() {
            function(&entries);
        }
    }
}

/// Like [`dispatch`], with a task for each partition; with a single partition in the calling process.
///
/// A function that panics ends the caller, through the link to its task, unless the caller traps exits.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::registry;
///
/// let topics = registry::duplicate::<&str, ()>("news").partitions(4).start_link().await?;
/// registry::register(&topics, "sports", ())?;
/// registry::dispatch_parallel(&topics, &"sports", |subscribers| {
///     for (pid, ()) in subscribers {
///         send(*pid, "one nil");
///     }
/// })
/// .await;
/// receive! { "one nil" => () }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Panics
/// Outside of a process.
pub async fn dispatch_parallel<K: Key, V: Value>(
    registry: &Registry<K, V>,
    key: &K,
    function: impl Fn(&[(Pid, V)]) + Clone + Send + 'static,
) {
    let partitions = registry.0.of_any(key);
    if partitions.len() == 1 {
        return dispatch(registry, key, function);
    }
    let mut tasks = Vec::new();
    for partition in partitions {
        let entries = partition.entries(key);
        if !entries.is_empty() {
            let function = function.clone();
            tasks.push(task::async_(async move { function(&entries) }));
        }
    }
    // A failure was reported, and reached the caller through the link.
    drop(task::await_many(tasks).timeout(None).await);
}

/// A copy of [metadata](super::put_meta), if there is some of that name and type.
pub fn meta<T: Term + Clone, K, V>(registry: &Registry<K, V>, name: impl AsRef<str>) -> Option<T> {
    let meta = registry.0.meta.lock();
    meta.get(name.as_ref())?.downcast_ref::<T>().cloned()
}
