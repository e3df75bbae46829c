//! The handle of a table, and all that is done with its objects.

use super::directory::{self, AnyTable, Core, Garbage, Gift, Heir, Need};
use super::form::{Bag, DuplicateBag, Form, Keyed, OrderedSet};
use super::store::{Absent, Cursor, Object, Store};
use super::{EtsError, EtsFailure, Info, Key, Transfer, Value};
use crate::message::{Message, Term};
use crate::pid::Pid;
use parking_lot::RwLock;
use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// A table with keys of type `K` and values of type `V`, of the [kind](super::form) `F`.
///
/// It is a handle: cheap to clone, and good to send to other processes. It does not keep the table: that lives as long
/// as its owner. All functions but [`info`](Table::info) give an error when the table is gone, or when its
/// [protection](super::Protection) keeps the caller out.
///
/// A function holds the table's lock only while it looks for an object or puts one in its place. What runs under the
/// lock of your code is `Hash` and `Eq` of the key, or its `Ord`; closures, `Clone`, `Debug` and `Drop` run without it,
/// and may use the table.
pub struct Table<K, V, F = super::form::Set> {
    inner: Arc<Inner<K, V>>,
    form: PhantomData<fn() -> F>,
}

pub(super) struct Inner<K, V> {
    core: Core,
    /// `None` once the table is gone.
    store: RwLock<Option<Box<dyn Store<K, V>>>>,
}

impl<K: Key, V: Value> AnyTable for Inner<K, V> {
    fn core(&self) -> &Core {
        &self.core
    }

    fn size(&self) -> Option<usize> {
        self.store.read().as_ref().map(|store| store.len())
    }

    fn close(&self) -> Option<Box<dyn Garbage>> {
        let store = self.store.write().take()?;
        Some(Box::new(store))
    }
}

impl<K: Key, V: Value> Inner<K, V> {
    /// Looks at the store, if the caller may.
    fn read<R>(&self, function: &str, body: impl FnOnce(&dyn Store<K, V>) -> R) -> Result<R, EtsError> {
        self.core
            .allow(Need::Read)
            .map_err(|cause| self.failed(function, cause))?;
        match &*self.store.read() {
            Some(store) => Ok(body(&**store)),
            None => Err(self.failed(function, EtsFailure::Gone)),
        }
    }

    /// Changes the store, if the caller may. What leaves the store has to leave `body` too.
    fn write<R>(&self, function: &str, body: impl FnOnce(&mut dyn Store<K, V>) -> R) -> Result<R, EtsError> {
        self.core
            .allow(Need::Write)
            .map_err(|cause| self.failed(function, cause))?;
        match &mut *self.store.write() {
            Some(store) => Ok(body(&mut **store)),
            None => Err(self.failed(function, EtsFailure::Gone)),
        }
    }

    fn failed(&self, function: &str, cause: EtsFailure) -> EtsError {
        cause.in_request(self.core.request(function))
    }

    fn no_such_key(&self, function: &str, key: &K) -> EtsError {
        self.failed(function, EtsFailure::NoSuchKey(format!("{key:?}")))
    }

    /// Puts another value in the place of the one that a key has, made from it, until nobody else was quicker.
    /// `None` when the key is not there, or nothing is to be changed.
    fn change<E>(
        &self,
        function: &str,
        key: &K,
        mut make: impl FnMut(&K, &V) -> Result<Option<V>, E>,
    ) -> Result<Result<Option<V>, E>, EtsError> {
        self.core
            .allow(Need::Write)
            .map_err(|cause| self.failed(function, cause))?;
        loop {
            let Some(old) = self.read(function, |store| store.get(key).cloned())? else {
                return Ok(Ok(None));
            };
            let value = match make(&old.0, &old.1) {
                Ok(Some(value)) => value,
                unchanged => return Ok(unchanged),
            };
            let new = Arc::new((old.0.clone(), value.clone()));
            if self.write(function, |store| store.replace(&old, new))? {
                return Ok(Ok(Some(value)));
            }
        }
    }
}

impl<K, V, F> Clone for Table<K, V, F> {
    fn clone(&self) -> Table<K, V, F> {
        Table::of(self.inner.clone())
    }
}

impl<K, V, F> PartialEq for Table<K, V, F> {
    fn eq(&self, other: &Table<K, V, F>) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl<K, V, F> Eq for Table<K, V, F> {}

impl<K, V, F> fmt::Debug for Table<K, V, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = &self.inner.core;
        write!(f, "{}({:?}, {})", core.shown(), core.name, core.id)
    }
}

impl<K, V, F> Table<K, V, F> {
    fn of(inner: Arc<Inner<K, V>>) -> Table<K, V, F> {
        Table {
            inner,
            form: PhantomData,
        }
    }
}

impl<K: Key, V: Value, F: Form<K>> Table<K, V, F> {
    pub(super) fn make(core: Core) -> Table<K, V, F> {
        let store = RwLock::new(Some(F::store::<V>()));
        Table::of(Arc::new(Inner { core, store }))
    }

    pub(super) fn any(&self) -> Arc<dyn AnyTable> {
        self.inner.clone()
    }

    /// The table, if it has these types and this kind.
    pub(super) fn from_any(table: Arc<dyn AnyTable>) -> Option<Table<K, V, F>> {
        if table.core().kind != F::KIND {
            return None;
        }
        let table: Arc<dyn Any + Send + Sync> = table;
        table.downcast().ok().map(Table::of)
    }

    pub(super) fn gift<D: Term>(data: D) -> Gift {
        Box::new(move |table, from| {
            let table = Table::<K, V, F>::from_any(table).expect("a gift is made for the type of its table");
            Message::new(Transfer { table, from, data })
        })
    }

    /// Whether there is an object with that key.
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn member(&self, key: &K) -> Result<bool, EtsError> {
        self.inner.read("member", |store| store.get(key).is_some())
    }

    /// Removes all objects with that key. Nothing happens when there is none.
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn delete(&self, key: &K) -> Result<(), EtsError> {
        let removed = self.inner.write("delete", |store| store.remove(key))?;
        drop(removed);
        Ok(())
    }

    /// Removes all objects.
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn delete_all_objects(&self) -> Result<(), EtsError> {
        self.inner
            .core
            .allow(Need::Write)
            .map_err(|cause| self.inner.failed("delete_all_objects", cause))?;
        let emptied = match &mut *self.inner.store.write() {
            Some(store) => std::mem::replace(store, F::store::<V>()),
            None => return Err(self.inner.failed("delete_all_objects", EtsFailure::Gone)),
        };
        drop(emptied);
        Ok(())
    }

    /// Deletes the table itself. Who may write to it may delete it, as in OTP.
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn delete_table(&self) -> Result<(), EtsError> {
        self.inner.write("delete_table", |_| ())?;
        directory::delete(&self.any());
        Ok(())
    }

    /// How many objects there are.
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn size(&self) -> Result<usize, EtsError> {
        self.inner.read("size", |store| store.len())
    }

    /// The first key: the least of an ordered set, any one of the others. `None` when the table is empty.
    ///
    /// ```
    /// # crabtree::run(async {
    /// use crabtree::ets;
    ///
    /// let ages = ets::ordered_set::<&str, u32>("ages").create()?;
    /// ages.insert_all([("Bob", 30), ("Ann", 25)])?;
    /// assert_eq!(ages.first()?, Some("Ann"));
    /// assert_eq!(ages.next(&"Ann")?, Some("Bob"));
    /// assert_eq!(ages.next(&"Bob")?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn first(&self) -> Result<Option<K>, EtsError> {
        let found = self.inner.read("first", |store| store.first().cloned())?;
        Ok(found.map(|object| object.0.clone()))
    }

    /// The key after this one. In an ordered set this key need not be there.
    ///
    /// From the first key to the last, every key is met once that is there all the time. To remove keys on the way,
    /// [`iter`](Table::iter) is simpler: it does not ask for the key that was removed.
    ///
    /// # Errors
    /// As all functions; see [`Table`]. And when the key is not there, unless the table is an ordered set.
    pub fn next(&self, key: &K) -> Result<Option<K>, EtsError> {
        let found = self
            .inner
            .read("next", |store| store.next(key).map(Option::<&_>::cloned))?;
        self.neighbour("next", key, found)
    }

    /// The last key; see [`first`](Table::first).
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn last(&self) -> Result<Option<K>, EtsError> {
        let found = self.inner.read("last", |store| store.last().cloned())?;
        Ok(found.map(|object| object.0.clone()))
    }

    /// The key before this one; see [`next`](Table::next).
    ///
    /// # Errors
    /// As [`next`](Table::next).
    pub fn prev(&self, key: &K) -> Result<Option<K>, EtsError> {
        let found = self
            .inner
            .read("prev", |store| store.prev(key).map(Option::<&_>::cloned))?;
        self.neighbour("prev", key, found)
    }

    fn neighbour(
        &self,
        function: &str,
        key: &K,
        found: Result<Option<Object<K, V>>, Absent>,
    ) -> Result<Option<K>, EtsError> {
        let found = found.map_err(|Absent| self.inner.no_such_key(function, key))?;
        Ok(found.map(|object| object.0.clone()))
    }

    /// Goes through the table: through an ordered set by its keys, through others in any order.
    ///
    /// It is safe whatever happens meanwhile, as OTP's `safe_fixtable` makes it: each object that is there all the time
    /// is met once, one that is removed before its turn is not met, and one that comes meanwhile may be met or not. It
    /// ends early when the table is deleted.
    ///
    /// ```
    /// # crabtree::run(async {
    /// use crabtree::ets;
    ///
    /// let numbers = ets::set::<u32, ()>("numbers").create()?;
    /// numbers.insert_all((0..1000).map(|n| (n, ())))?;
    /// for (n, ()) in numbers.iter()? {
    ///     if n % 2 == 1 {
    ///         numbers.delete(&n)?;
    ///     }
    /// }
    /// assert_eq!(numbers.size()?, 500);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn iter(&self) -> Result<Iter<K, V>, EtsError> {
        Ok(Iter(self.objects("iter")?))
    }

    fn objects(&self, function: &str) -> Result<Objects<K, V>, EtsError> {
        self.inner.read(function, |_| ())?;
        Ok(Objects {
            table: self.inner.clone(),
            cursor: Cursor::Begin,
        })
    }

    /// All keys and values, as [`iter`](Table::iter) meets them.
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn tab2list(&self) -> Result<Vec<(K, V)>, EtsError> {
        let objects = self.objects("tab2list")?;
        Ok(objects.map(|object| (object.0.clone(), object.1.clone())).collect())
    }

    /// Calls a function with each key and value, and what it returned the last time: as [`iter`](Table::iter) meets
    /// them, without copies.
    ///
    /// ```
    /// # crabtree::run(async {
    /// use crabtree::ets;
    ///
    /// let ages = ets::set::<&str, u32>("ages").create()?;
    /// ages.insert_all([("Ann", 25), ("Bob", 30)])?;
    /// assert_eq!(ages.foldl(0, |sum, _, age| sum + age)?, 55);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn foldl<A>(&self, start: A, mut function: impl FnMut(A, &K, &V) -> A) -> Result<A, EtsError> {
        let objects = self.objects("foldl")?;
        Ok(objects.fold(start, |sum, object| function(sum, &object.0, &object.1)))
    }

    /// What a function makes of those keys and values for which it returns something: OTP's match specification, with
    /// its guards and its result, is a closure.
    ///
    /// ```
    /// # crabtree::run(async {
    /// use crabtree::ets;
    ///
    /// let ages = ets::ordered_set::<&str, u32>("ages").create()?;
    /// ages.insert_all([("Ann", 25), ("Bob", 30), ("Cid", 17)])?;
    /// let adults = ages.select(|name, age| (*age >= 18).then_some(*name))?;
    /// assert_eq!(adults, ["Ann", "Bob"]);
    /// assert_eq!(ages.select_count(|_, age| *age < 18)?, 1);
    /// assert_eq!(ages.select_delete(|_, age| *age < 18)?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn select<R>(&self, mut function: impl FnMut(&K, &V) -> Option<R>) -> Result<Vec<R>, EtsError> {
        let objects = self.objects("select")?;
        Ok(objects.filter_map(|object| function(&object.0, &object.1)).collect())
    }

    /// How many keys and values are wanted.
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn select_count(&self, mut wanted: impl FnMut(&K, &V) -> bool) -> Result<usize, EtsError> {
        let objects = self.objects("select_count")?;
        Ok(objects.filter(|object| wanted(&object.0, &object.1)).count())
    }

    /// Removes the objects that are not wanted any more, and says how many they were. An object that changes while it is
    /// looked at stays.
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn select_delete(&self, mut unwanted: impl FnMut(&K, &V) -> bool) -> Result<usize, EtsError> {
        self.inner.write("select_delete", |_| ())?;
        let mut count = 0;
        for object in self.objects("select_delete")? {
            if unwanted(&object.0, &object.1) {
                count += usize::from(
                    self.inner
                        .write("select_delete", |store| store.remove_object(&object))?,
                );
            }
        }
        Ok(count)
    }

    /// What is known of the table; `None` when it is gone.
    pub fn info(&self) -> Option<Info> {
        Info::of(&*self.inner)
    }

    /// Gives the table to another process, which gets a [`Transfer`] with the data. Only the owner can.
    ///
    /// ```
    /// # crabtree::run(async {
    /// use crabtree::ets::{self, Set, Transfer};
    /// use crabtree::prelude::*;
    ///
    /// let keeper = spawn(async {
    ///     receive! {
    ///         Transfer { table, data: "keep it", .. }: Transfer<Set<u32, u32>, &str> => table.insert(1, 2).unwrap(),
    ///     }
    ///     process::sleep(secs(3600)).await;
    /// });
    /// let table = ets::set::<u32, u32>("numbers").create()?;
    /// table.give_away(keeper, "keep it")?;
    /// assert_eq!(table.info().unwrap().owner, keeper);
    /// assert!(table.insert(3, 4).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`EtsError`]: the caller is not the owner, the process is not alive, or is the caller.
    pub fn give_away<D: Term>(&self, to: impl Into<Pid>, data: D) -> Result<(), EtsError> {
        let given = directory::give_away(&self.any(), to.into(), Self::gift(data));
        given.map_err(|cause| self.inner.failed("give_away", cause))
    }

    /// Makes a process the heir: when the owner ends, the table is not deleted but the heir's, which gets a [`Transfer`]
    /// with the data. If the heir is not alive then, the table is deleted. Only the owner can do this.
    ///
    /// # Errors
    /// [`EtsError`] when the caller is not the owner.
    pub fn set_heir<D: Term>(&self, heir: impl Into<Pid>, data: D) -> Result<(), EtsError> {
        let (pid, gift) = (heir.into(), Self::gift(data));
        self.change_heir("set_heir", Some(Heir { pid, gift }))
    }

    /// Takes the heir back.
    ///
    /// # Errors
    /// [`EtsError`] when the caller is not the owner.
    pub fn unset_heir(&self) -> Result<(), EtsError> {
        self.change_heir("unset_heir", None)
    }

    fn change_heir(&self, function: &str, heir: Option<Heir>) -> Result<(), EtsError> {
        let before = self.inner.core.set_heir(heir);
        before.map(drop).map_err(|cause| self.inner.failed(function, cause))
    }
}

/// Sets and ordered sets: a key has one value at most.
impl<K: Key, V: Value, F: Form<K> + Keyed> Table<K, V, F> {
    /// Puts a value under a key, in the place of the one that was there.
    ///
    /// ```
    /// # crabtree::run(async {
    /// use crabtree::ets;
    ///
    /// let rooms = ets::set::<u32, &str>("rooms").create()?;
    /// rooms.insert(101, "Ann")?;
    /// rooms.insert(101, "Bob")?;
    /// assert_eq!(rooms.lookup(&101)?, Some("Bob"));
    /// assert!(!rooms.insert_new(101, "Cid")?);
    /// assert_eq!(rooms.take(&101)?, Some("Bob"));
    /// assert_eq!(rooms.lookup(&101)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn insert(&self, key: K, value: V) -> Result<(), EtsError> {
        let object = Arc::new((key, value));
        let replaced = self.inner.write("insert", |store| store.insert(object))?;
        drop(replaced);
        Ok(())
    }

    /// Puts many values in, in one step: whoever looks sees none of them or all.
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn insert_all(&self, objects: impl IntoIterator<Item = (K, V)>) -> Result<(), EtsError> {
        let objects: Vec<Object<K, V>> = objects.into_iter().map(Arc::new).collect();
        let replaced: Vec<_> = (self.inner).write("insert_all", |store| {
            objects.into_iter().filter_map(|object| store.insert(object)).collect()
        })?;
        drop(replaced);
        Ok(())
    }

    /// Puts a value under a key that has none, and says whether it did.
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn insert_new(&self, key: K, value: V) -> Result<bool, EtsError> {
        self.insert_all_new([(key, value)])
    }

    /// Puts many values in, in one step, if none of the keys has one, and says whether it did.
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn insert_all_new(&self, objects: impl IntoIterator<Item = (K, V)>) -> Result<bool, EtsError> {
        let objects: Vec<Object<K, V>> = objects.into_iter().map(Arc::new).collect();
        // What was refused is dropped out here, without the lock.
        let (refused, replaced) = self.inner.write("insert_new", |store| {
            if objects.iter().any(|object| store.get(&object.0).is_some()) {
                return (objects, Vec::new());
            }
            let replaced = objects.into_iter().filter_map(|object| store.insert(object)).collect();
            (Vec::new(), replaced)
        })?;
        drop(replaced);
        Ok(refused.is_empty())
    }

    /// A copy of the value under a key.
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn lookup(&self, key: &K) -> Result<Option<V>, EtsError> {
        self.lookup_with(key, V::clone)
    }

    /// What a function makes of the value under a key, without a copy of it.
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn lookup_with<R>(&self, key: &K, function: impl FnOnce(&V) -> R) -> Result<Option<R>, EtsError> {
        let found = self.inner.read("lookup", |store| store.get(key).cloned())?;
        Ok(found.map(|object| function(&object.1)))
    }

    /// Removes the value under a key, and gives it.
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn take(&self, key: &K) -> Result<Option<V>, EtsError> {
        let removed = self.inner.write("take", |store| store.remove(key))?;
        Ok(removed.first().map(|object| object.1.clone()))
    }

    /// Changes the value under a key to what a function makes of it, and gives the new one. Nothing is lost when others
    /// change it at the same time: then the function is called again, with what they made.
    ///
    /// ```
    /// # crabtree::run(async {
    /// use crabtree::ets;
    ///
    /// let stock = ets::set::<&str, (u32, u32)>("stock").create()?;
    /// stock.insert("tea", (7, 0))?;
    /// let tea = stock.update(&"tea", |(left, sold)| (left - 1, sold + 1))?;
    /// assert_eq!(tea, (6, 1));
    /// assert!(stock.update(&"coffee", |all| *all).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As all functions; see [`Table`]. And when there is no such key.
    pub fn update(&self, key: &K, mut function: impl FnMut(&V) -> V) -> Result<V, EtsError> {
        let make = |_: &K, value: &V| Ok::<_, std::convert::Infallible>(Some(function(value)));
        let Ok(changed) = self.inner.change("update", key, make)?;
        changed.ok_or_else(|| self.inner.no_such_key("update", key))
    }

    /// Changes the values for which a function returns another one, and says how many they were.
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn select_replace(&self, mut function: impl FnMut(&K, &V) -> Option<V>) -> Result<usize, EtsError> {
        let mut count = 0;
        for object in self.objects("select_replace")? {
            let make = |key: &K, value: &V| Ok::<_, std::convert::Infallible>(function(key, value));
            let Ok(changed) = self.inner.change("select_replace", &object.0, make)?;
            count += usize::from(changed.is_some());
        }
        Ok(count)
    }
}

/// A number that a table can count with: one of the integer types up to 64 bits.
pub trait Counter: Value + Copy {
    #[doc(hidden)]
    fn plus(self, increment: i64) -> Option<Self>;
}

macro_rules! counters {
    ($($integer:ty)*) => {
        $(impl Counter for $integer {
            fn plus(self, increment: i64) -> Option<$integer> {
                (self as i128 + i128::from(increment)).try_into().ok()
            }
        })*
    };
}

counters!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);

impl<K: Key, V: Counter, F: Form<K> + Keyed> Table<K, V, F> {
    /// Adds to the number under a key, and gives the sum: in one step, so that nothing is lost when many count.
    ///
    /// ```
    /// # crabtree::run(async {
    /// use crabtree::ets;
    ///
    /// let hits = ets::set::<&str, u64>("hits").public().create()?;
    /// hits.insert("/", 0)?;
    /// assert_eq!(hits.update_counter(&"/", 2)?, 2);
    /// assert_eq!(hits.update_counter(&"/", -1)?, 1);
    /// assert!(hits.update_counter(&"/", -2).is_err()); // not below zero
    /// assert_eq!(hits.update_counter_or("/new", 1, 0)?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As all functions; see [`Table`]. And when there is no such key, or the sum does not fit into the type.
    pub fn update_counter(&self, key: &K, increment: i64) -> Result<V, EtsError> {
        let sum = self.count("update_counter", key, increment)?;
        sum.ok_or_else(|| self.inner.no_such_key("update_counter", key))
    }

    /// Adds to the number under a key, or to `default` if there is none; otherwise like
    /// [`update_counter`](Table::update_counter).
    ///
    /// # Errors
    /// As [`update_counter`](Table::update_counter), except that the key need not be there.
    pub fn update_counter_or(&self, key: K, increment: i64, default: V) -> Result<V, EtsError> {
        loop {
            if let Some(sum) = self.count("update_counter", &key, increment)? {
                return Ok(sum);
            }
            let overflow = || self.inner.failed("update_counter", EtsFailure::Overflow);
            let sum = default.plus(increment).ok_or_else(overflow)?;
            if self.insert_new(key.clone(), sum)? {
                return Ok(sum);
            }
        }
    }

    fn count(&self, function: &str, key: &K, increment: i64) -> Result<Option<V>, EtsError> {
        let make = |_: &K, value: &V| value.plus(increment).map(Some).ok_or(EtsFailure::Overflow);
        let counted = self.inner.change(function, key, make)?;
        counted.map_err(|cause| self.inner.failed(function, cause))
    }
}

macro_rules! bags {
    ($($form:ty)*) => {
        $(
            /// A bag: a key has any number of values, in the order in which they were inserted.
            impl<K: Key, V: Value> Table<K, V, $form>
            where
                $form: Form<K>,
            {
                /// Copies of the values under a key, the first inserted first.
                ///
                /// # Errors
                /// As all functions; see [`Table`].
                pub fn lookup(&self, key: &K) -> Result<Vec<V>, EtsError> {
                    let found = self.inner.read("lookup", |store| store.get_all(key))?;
                    Ok(found.iter().map(|object| object.1.clone()).collect())
                }

                /// Removes the values under a key, and gives them.
                ///
                /// # Errors
                /// As all functions; see [`Table`].
                pub fn take(&self, key: &K) -> Result<Vec<V>, EtsError> {
                    let removed = self.inner.write("take", |store| store.remove(key))?;
                    Ok(removed.iter().map(|object| object.1.clone()).collect())
                }

                /// Removes this value from under a key, as often as it is there.
                ///
                /// # Errors
                /// As all functions; see [`Table`].
                pub fn delete_object(&self, key: &K, value: &V) -> Result<(), EtsError>
                where
                    V: PartialEq,
                {
                    self.inner.write("delete_object", |_| ())?;
                    let found = self.inner.read("delete_object", |store| store.get_all(key))?;
                    for object in found.iter().filter(|object| object.1 == *value) {
                        self.inner.write("delete_object", |store| store.remove_object(object))?;
                    }
                    Ok(())
                }
            }
        )*
    };
}

bags!(Bag DuplicateBag);

impl<K: Key, V: Value> Table<K, V, DuplicateBag>
where
    DuplicateBag: Form<K>,
{
    /// Puts a value under a key, beside those that are there.
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn insert(&self, key: K, value: V) -> Result<(), EtsError> {
        let object = Arc::new((key, value));
        let replaced = self.inner.write("insert", |store| store.insert(object))?;
        drop(replaced);
        Ok(())
    }
}

impl<K: Key, V: Value + PartialEq> Table<K, V, Bag>
where
    Bag: Form<K>,
{
    /// Puts a value under a key, beside those that are there, unless it is there.
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn insert(&self, key: K, value: V) -> Result<(), EtsError> {
        let object = Arc::new((key, value));
        self.inner.write("insert", |_| ())?;
        loop {
            // Values are compared without the lock; the insert counts if nobody inserted meanwhile.
            let seen = self.inner.read("insert", |store| store.get_all(&object.0))?;
            if seen.iter().any(|other| other.1 == object.1) {
                return Ok(());
            }
            let inserted = self.inner.write("insert", |store| {
                let now = store.get_all(&object.0);
                let same = now.len() == seen.len() && now.iter().zip(&seen).all(|(a, b)| Arc::ptr_eq(a, b));
                same.then(|| store.insert(object.clone()))
            })?;
            if inserted.is_some() {
                return Ok(());
            }
        }
    }
}

impl<K: Key + Ord, V: Value> Table<K, V, OrderedSet> {
    /// As [`foldl`](Table::foldl), from the last key to the first.
    ///
    /// # Errors
    /// As all functions; see [`Table`].
    pub fn foldr<A>(&self, start: A, mut function: impl FnMut(A, &K, &V) -> A) -> Result<A, EtsError> {
        let mut sum = start;
        let mut found = self.inner.read("foldr", |store| store.last().cloned())?;
        while let Some(object) = found {
            sum = function(sum, &object.0, &object.1);
            let before = |store: &dyn Store<K, V>| store.prev(&object.0).ok().flatten().cloned();
            found = self.inner.read("foldr", before)?;
        }
        Ok(sum)
    }
}

/// A traversal of objects. The lock is taken for each step, and is free while an object is looked at.
struct Objects<K, V> {
    table: Arc<Inner<K, V>>,
    cursor: Cursor<K, V>,
}

impl<K: Key, V: Value> Iterator for Objects<K, V> {
    type Item = Object<K, V>;

    fn next(&mut self) -> Option<Object<K, V>> {
        // What the cursor held is dropped without the lock.
        let _before = match &self.cursor {
            Cursor::After(object) => Some(object.clone()),
            Cursor::Begin | Cursor::Place(_) => None,
        };
        self.table.store.read().as_ref()?.step(&mut self.cursor)
    }
}

/// What [`Table::iter`] gives: copies of keys and values.
pub struct Iter<K, V>(Objects<K, V>);

impl<K: Key, V: Value> Iterator for Iter<K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        let object = self.0.next()?;
        Some((object.0.clone(), object.1.clone()))
    }
}

impl<K, V> fmt::Debug for Iter<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Iter({:?})", self.0.table.core.name)
    }
}
