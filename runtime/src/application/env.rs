//! The environment of an application: values by name, that it is set up with.

use super::EnvError;
use crate::message::Term;
use crate::name::Name;
use crate::node::node;
use crate::process::Shown;
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

/// A value whose type is forgotten.
pub(super) trait Setting: Any + Debug + Send + Sync {
    fn type_name(&self) -> &'static str;
}

impl<T: Term + Sync> Setting for T {
    fn type_name(&self) -> &'static str {
        std::any::type_name::<T>()
    }
}

pub(super) type Env = BTreeMap<Name, Arc<dyn Setting>>;

/// Puts a value into the environment of an application.
///
/// The application need not be loaded. A value that is there when it is loaded goes before the one in its
/// [`Spec`](super::Spec), so that a program can be set up before it begins.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// application::put_env("shop", "port", 8080);
/// assert_eq!(application::get_env::<i32>("shop", "port"), Some(8080));
/// assert_eq!(application::get_env::<String>("shop", "port"), None);
/// application::delete_env("shop", "port");
/// assert_eq!(application::get_env::<i32>("shop", "port"), None);
/// # });
/// ```
pub fn put_env<T: Term + Sync>(application: impl Into<Name>, key: impl Into<Name>, value: T) {
    put(application.into(), key.into(), Arc::new(value));
}

fn put(application: Name, key: Name, value: Arc<dyn Setting>) {
    let before = {
        let mut known = node().applications.known.lock();
        known.env.entry(application).or_default().insert(key, value)
    };
    // A user's value is dropped without the lock.
    drop(before);
}

/// A copy of the value under a key, if there is one of type `T`; [`fetch_env`] says why there is none.
pub fn get_env<T: Clone + 'static>(application: impl AsRef<str>, key: impl AsRef<str>) -> Option<T> {
    fetch_env(application, key).ok()
}

/// A copy of the value under a key.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// application::put_env("bank", "currency", "EUR");
/// let error = application::fetch_env::<u8>("bank", "currency").unwrap_err();
/// assert!(error.to_string().contains("a u8 was asked for"));
/// let error = application::fetch_env::<u8>("bank", "rate").unwrap_err();
/// assert!(error.to_string().contains(r#"there are ["currency"]"#));
/// # });
/// ```
///
/// # Errors
/// When nothing is there, or a value of another type.
pub fn fetch_env<T: Clone + 'static>(application: impl AsRef<str>, key: impl AsRef<str>) -> Result<T, EnvError> {
    let (application, key) = (application.as_ref(), key.as_ref());
    let value = fetch(application, key)?;
    let any: &(dyn Any + Send + Sync) = &*value;
    any.downcast_ref::<T>().cloned().ok_or_else(|| EnvError::OtherType {
        application: application.to_owned().into(),
        key: key.to_owned().into(),
        asked: std::any::type_name::<T>(),
        found: (*value).type_name(),
    })
}

fn fetch(application: &str, key: &str) -> Result<Arc<dyn Setting>, EnvError> {
    let known = node().applications.known.lock();
    let env = known.env.get(application);
    let value = env.and_then(|env| env.get(key)).cloned();
    value.ok_or_else(|| EnvError::NotSet {
        application: application.to_owned().into(),
        key: key.to_owned().into(),
        keys: env.map(|env| env.keys().cloned().collect()).unwrap_or_default(),
    })
}

/// Takes a value out of the environment. Nothing happens when there is none.
pub fn delete_env(application: impl AsRef<str>, key: impl AsRef<str>) {
    let mut known = node().applications.known.lock();
    let env = known.env.get_mut(application.as_ref());
    let removed = env.and_then(|env| env.remove(key.as_ref()));
    drop(known);
    drop(removed);
}

/// All keys and values in the environment of an application, as `Debug` shows them.
pub fn get_all_env(application: impl AsRef<str>) -> Vec<(Name, Shown)> {
    let env = {
        let known = node().applications.known.lock();
        known.env.get(application.as_ref()).cloned()
    };
    let shown = |(key, value): (Name, Arc<dyn Setting>)| (key, Shown(format!("{value:?}")));
    env.unwrap_or_default().into_iter().map(shown).collect()
}
