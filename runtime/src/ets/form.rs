//! The kinds of tables, as types: what a table cannot do does not compile.

use super::store::{Hashed, Ordered, Store};
use super::{Key, Kind, Value};
use std::hash::Hash;

/// A key has one value, and keys have no order.
#[derive(Clone, Copy, Debug)]
pub enum Set {}

/// A key has one value, and keys have an order.
#[derive(Clone, Copy, Debug)]
pub enum OrderedSet {}

/// A key has any number of values, each of them once.
#[derive(Clone, Copy, Debug)]
pub enum Bag {}

/// A key has any number of values, and each as often as it was inserted.
#[derive(Clone, Copy, Debug)]
pub enum DuplicateBag {}

/// A kind of table for keys of type `K`: [`OrderedSet`] needs `Ord` of them, the others `Hash` and `Eq`.
pub trait Form<K>: sealed::Sealed + 'static {
    #[doc(hidden)]
    const KIND: Kind;

    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn store<V: Value>() -> Box<dyn Store<K, V>>;
}

/// A kind of table where a key has one value at most.
pub trait Keyed: sealed::Sealed {}

impl Keyed for Set {}
impl Keyed for OrderedSet {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Set {}
    impl Sealed for super::OrderedSet {}
    impl Sealed for super::Bag {}
    impl Sealed for super::DuplicateBag {}
}

impl<K: Key + Eq + Hash> Form<K> for Set {
    const KIND: Kind = Kind::Set;

    #[allow(private_interfaces)]
    fn store<V: Value>() -> Box<dyn Store<K, V>> {
        Box::new(Hashed::new(false))
    }
}

impl<K: Key + Ord> Form<K> for OrderedSet {
    const KIND: Kind = Kind::OrderedSet;

    #[allow(private_interfaces)]
    fn store<V: Value>() -> Box<dyn Store<K, V>> {
        Box::new(Ordered::new())
    }
}

impl<K: Key + Eq + Hash> Form<K> for Bag {
    const KIND: Kind = Kind::Bag;

    #[allow(private_interfaces)]
    fn store<V: Value>() -> Box<dyn Store<K, V>> {
        Box::new(Hashed::new(true))
    }
}

impl<K: Key + Eq + Hash> Form<K> for DuplicateBag {
    const KIND: Kind = Kind::DuplicateBag;

    #[allow(private_interfaces)]
    fn store<V: Value>() -> Box<dyn Store<K, V>> {
        Box::new(Hashed::new(true))
    }
}
