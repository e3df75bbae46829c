//! The dictionary of a process: values that it keeps for itself, by name.
//!
//! It holds what has no better place, such as what a library keeps per process. State belongs into the variables of the
//! process.

use super::current;
use crate::message::{Message, Term};
use crate::name::Name;
use crate::process::info;

/// Stores a value, and returns the one that was there before.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// assert!(process::put("count", 1).is_none());
/// process::put("count", 2);
/// assert_eq!(process::get::<i32>("count"), Some(2));
/// assert_eq!(process::get_keys(), ["count"]);
/// assert_eq!(format!("{:?}", process::delete("count")), "Some(2)");
/// # });
/// ```
///
/// # Panics
/// Outside of a process, as all functions of the dictionary.
#[track_caller]
pub fn put<T: Term>(key: impl Into<Name>, value: T) -> Option<Message> {
    put_message(key.into(), Message::new(value))
}

#[track_caller]
fn put_message(key: Name, value: Message) -> Option<Message> {
    let process = current::expect("process::put");
    let mut state = process.record.lock();
    state.extras_mut().dictionary.insert(key, value)
}

/// A copy of the value under that key, if there is one and it has the type `T`.
#[track_caller]
pub fn get<T: Clone + 'static>(key: &str) -> Option<T> {
    let process = current::expect("process::get");
    // A `Clone` is a user's code, which must not run under the lock: the value is taken out for as long.
    let (key, value) = process.record.lock().extras_mut().dictionary.remove_entry(key)?;
    let copy = value.downcast_ref::<T>().cloned();
    process
        .record
        .lock()
        .extras_mut()
        .dictionary
        .entry(key)
        .or_insert(value);
    copy
}

/// The keys in use, in order.
#[track_caller]
pub fn get_keys() -> Vec<Name> {
    let process = current::expect("process::get_keys");
    let mut state = process.record.lock();
    state.extras_mut().dictionary.keys().cloned().collect()
}

/// Takes a value out.
#[track_caller]
pub fn delete(key: &str) -> Option<Message> {
    let process = current::expect("process::delete");
    let mut state = process.record.lock();
    state.extras_mut().dictionary.remove(key)
}

/// The whole dictionary, values as their `Debug` shows them.
#[track_caller]
pub fn dictionary() -> Vec<(Name, info::Shown)> {
    let process = current::expect("process::dictionary");
    info::info(process.pid).map(|info| info.dictionary).unwrap_or_default()
}
