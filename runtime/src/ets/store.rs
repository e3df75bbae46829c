//! Where the objects of a table are: hashed in places that do not move, or in the order of their keys.
//!
//! Of a user's code nothing runs here but what keys do: `Hash` and `Eq`, or `Ord`. Objects that leave a store are given
//! out, to be dropped by the caller when the lock is free again.

use super::{Key, Value};
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

/// A key and its value. It never changes: a new value is a new object.
pub(super) type Object<K, V> = Arc<(K, V)>;

/// How far a traversal has come.
pub(super) enum Cursor<K, V> {
    Begin,
    /// The first place that was not looked at.
    Place(usize),
    /// The last object in order that was looked at. It may be gone by now.
    After(Object<K, V>),
}

/// The objects of a table.
pub(super) trait Store<K, V>: Send + Sync {
    fn len(&self) -> usize;
    /// The first object with that key, or the only one.
    fn get(&self, key: &K) -> Option<&Object<K, V>>;
    /// All objects with that key, the one inserted first in front.
    fn get_all(&self, key: &K) -> Vec<Object<K, V>>;
    /// Puts an object in: beside others with its key, or else in the place of the other one, which is given out.
    fn insert(&mut self, object: Object<K, V>) -> Option<Object<K, V>>;
    /// Takes out all objects with that key.
    fn remove(&mut self, key: &K) -> Vec<Object<K, V>>;
    /// Takes out this very object, and says whether it was there.
    fn remove_object(&mut self, object: &Object<K, V>) -> bool;
    /// Puts a new object with the same key in the place of this very one, if that is there.
    fn replace(&mut self, old: &Object<K, V>, new: Object<K, V>) -> bool;
    /// The first object of all.
    fn first(&self) -> Option<&Object<K, V>>;
    /// The object whose key is the next one.
    ///
    /// # Errors
    /// When the key is not there, and there is no order that would tell where it was.
    fn next(&self, key: &K) -> Result<Option<&Object<K, V>>, Absent>;
    fn last(&self) -> Option<&Object<K, V>>;
    /// As [`next`](Store::next), the other way.
    fn prev(&self, key: &K) -> Result<Option<&Object<K, V>>, Absent>;
    /// The next object of a traversal. Whatever stays in the store from the begin of a traversal to its end is met once.
    fn step(&self, cursor: &mut Cursor<K, V>) -> Option<Object<K, V>>;
}

/// The key is not in the store.
pub(super) struct Absent;

/// An object that is found by its key.
struct ByKey<K, V>(Object<K, V>);

impl<K, V> Borrow<K> for ByKey<K, V> {
    fn borrow(&self) -> &K {
        &self.0.0
    }
}

impl<K: Hash, V> Hash for ByKey<K, V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.0.hash(state);
    }
}

impl<K: PartialEq, V> PartialEq for ByKey<K, V> {
    fn eq(&self, other: &ByKey<K, V>) -> bool {
        self.0.0 == other.0.0
    }
}

impl<K: Eq, V> Eq for ByKey<K, V> {}

impl<K: Ord, V> PartialOrd for ByKey<K, V> {
    fn partial_cmp(&self, other: &ByKey<K, V>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Ord, V> Ord for ByKey<K, V> {
    fn cmp(&self, other: &ByKey<K, V>) -> Ordering {
        self.0.0.cmp(&other.0.0)
    }
}

/// A store of hashed keys.
///
/// # Invariants
/// 1. Each object has a place, where it stays as long as it is in the store. The index has the places of each key, in
///    the order in which their objects were inserted, and at least one.
/// 2. The index has a key by one of its objects, that at the first of its places.
/// 3. `free` has the places that are empty.
pub(super) struct Hashed<K, V> {
    /// Whether a key can have more than one object.
    many: bool,
    index: HashMap<ByKey<K, V>, Places>,
    places: Vec<Option<Object<K, V>>>,
    free: Vec<usize>,
}

/// Most keys have one object.
enum Places {
    One(usize),
    Many(Vec<usize>),
}

impl Places {
    fn all(&self) -> &[usize] {
        match self {
            Places::One(place) => std::slice::from_ref(place),
            Places::Many(places) => places,
        }
    }

    fn and(self, place: usize) -> Places {
        match self {
            Places::One(first) => Places::Many(vec![first, place]),
            Places::Many(mut places) => {
                places.push(place);
                Places::Many(places)
            }
        }
    }

    /// `None` when it was the only one.
    fn without(self, place: usize) -> Option<Places> {
        let Places::Many(mut places) = self else { return None };
        places.retain(|other| *other != place);
        match places[..] {
            [] => None,
            [only] => Some(Places::One(only)),
            _ => Some(Places::Many(places)),
        }
    }
}

impl<K: Key + Eq + Hash, V: Value> Hashed<K, V> {
    pub(super) fn new(many: bool) -> Hashed<K, V> {
        Hashed {
            many,
            index: HashMap::new(),
            places: Vec::new(),
            free: Vec::new(),
        }
    }

    fn places_of(&self, key: &K) -> &[usize] {
        self.index.get(key).map(Places::all).unwrap_or_default()
    }

    fn at(&self, place: usize) -> Option<&Object<K, V>> {
        self.places.get(place)?.as_ref()
    }

    /// The place of this very object.
    fn place_of(&self, object: &Object<K, V>) -> Option<usize> {
        let here = |place: &&usize| self.at(**place).is_some_and(|other| Arc::ptr_eq(other, object));
        self.places_of(&object.0).iter().find(here).copied()
    }

    fn take_place(&mut self, object: Object<K, V>) -> usize {
        match self.free.pop() {
            Some(place) => {
                self.places[place] = Some(object);
                place
            }
            None => {
                self.places.push(Some(object));
                self.places.len() - 1
            }
        }
    }

    /// Sets the places of a key anew; the object at the first of them is that of the index.
    fn index(&mut self, places: Places) {
        if let Some(object) = self.at(places.all()[0]).cloned() {
            self.index.insert(ByKey(object), places);
        }
    }

    fn free_place(&mut self, place: usize) -> Option<Object<K, V>> {
        self.free.push(place);
        self.places[place].take()
    }

    /// Whether the key of the object at a place is counted there: once, where its first object is.
    fn stands_for_key(&self, place: usize) -> Option<&Object<K, V>> {
        let object = self.at(place)?;
        (!self.many || self.places_of(&object.0).first() == Some(&place)).then_some(object)
    }
}

impl<K: Key + Eq + Hash, V: Value> Store<K, V> for Hashed<K, V> {
    fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    fn get(&self, key: &K) -> Option<&Object<K, V>> {
        self.at(*self.places_of(key).first()?)
    }

    fn get_all(&self, key: &K) -> Vec<Object<K, V>> {
        let places = self.places_of(key).iter();
        places.filter_map(|place| self.at(*place).cloned()).collect()
    }

    fn insert(&mut self, object: Object<K, V>) -> Option<Object<K, V>> {
        match self.index.remove(&object.0) {
            None => {
                let place = self.take_place(object);
                self.index(Places::One(place));
                None
            }
            Some(places) if self.many => {
                let place = self.take_place(object);
                self.index(places.and(place));
                None
            }
            Some(places) => {
                let old = self.places[places.all()[0]].replace(object);
                self.index(places);
                old
            }
        }
    }

    fn remove(&mut self, key: &K) -> Vec<Object<K, V>> {
        let Some(places) = self.index.remove(key) else {
            return Vec::new();
        };
        let removed = places.all().iter().map(|place| self.free_place(*place));
        removed.flatten().collect()
    }

    fn remove_object(&mut self, object: &Object<K, V>) -> bool {
        let Some(place) = self.place_of(object) else {
            return false;
        };
        let Some(places) = self.index.remove(&object.0) else {
            return false;
        };
        // The caller has the object, so that it is not dropped here.
        drop(self.free_place(place));
        if let Some(places) = places.without(place) {
            self.index(places);
        }
        true
    }

    fn replace(&mut self, old: &Object<K, V>, new: Object<K, V>) -> bool {
        let Some(place) = self.place_of(old) else { return false };
        let Some(places) = self.index.remove(&old.0) else {
            return false;
        };
        self.places[place] = Some(new);
        self.index(places);
        true
    }

    fn first(&self) -> Option<&Object<K, V>> {
        (0..self.places.len()).find_map(|place| self.stands_for_key(place))
    }

    fn next(&self, key: &K) -> Result<Option<&Object<K, V>>, Absent> {
        let place = *self.places_of(key).first().ok_or(Absent)?;
        Ok((place + 1..self.places.len()).find_map(|place| self.stands_for_key(place)))
    }

    fn last(&self) -> Option<&Object<K, V>> {
        (0..self.places.len())
            .rev()
            .find_map(|place| self.stands_for_key(place))
    }

    fn prev(&self, key: &K) -> Result<Option<&Object<K, V>>, Absent> {
        let place = *self.places_of(key).first().ok_or(Absent)?;
        Ok((0..place).rev().find_map(|place| self.stands_for_key(place)))
    }

    fn step(&self, cursor: &mut Cursor<K, V>) -> Option<Object<K, V>> {
        let begin = if let Cursor::Place(place) = cursor { *place } else { 0 };
        let place = (begin..self.places.len()).find(|place| self.places[*place].is_some());
        *cursor = Cursor::Place(place.map_or(self.places.len(), |place| place + 1));
        self.at(place?).cloned()
    }
}

/// A store in the order of keys.
pub(super) struct Ordered<K, V>(BTreeSet<ByKey<K, V>>);

impl<K: Key + Ord, V: Value> Ordered<K, V> {
    pub(super) fn new() -> Ordered<K, V> {
        Ordered(BTreeSet::new())
    }

    fn after(&self, key: &K) -> impl Iterator<Item = &Object<K, V>> {
        self.0.range::<K, _>((Excluded(key), Unbounded)).map(|object| &object.0)
    }

    fn has(&self, object: &Object<K, V>) -> bool {
        self.get(&object.0).is_some_and(|other| Arc::ptr_eq(other, object))
    }
}

impl<K: Key + Ord, V: Value> Store<K, V> for Ordered<K, V> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, key: &K) -> Option<&Object<K, V>> {
        self.0.get(key).map(|object| &object.0)
    }

    fn get_all(&self, key: &K) -> Vec<Object<K, V>> {
        self.get(key).cloned().into_iter().collect()
    }

    fn insert(&mut self, object: Object<K, V>) -> Option<Object<K, V>> {
        self.0.replace(ByKey(object)).map(|old| old.0)
    }

    fn remove(&mut self, key: &K) -> Vec<Object<K, V>> {
        self.0.take(key).map(|object| object.0).into_iter().collect()
    }

    fn remove_object(&mut self, object: &Object<K, V>) -> bool {
        // The caller has the object, so that it is not dropped here.
        self.has(object) && self.0.remove(&object.0)
    }

    fn replace(&mut self, old: &Object<K, V>, new: Object<K, V>) -> bool {
        self.has(old) && self.0.replace(ByKey(new)).is_some()
    }

    fn first(&self) -> Option<&Object<K, V>> {
        self.0.first().map(|object| &object.0)
    }

    fn next(&self, key: &K) -> Result<Option<&Object<K, V>>, Absent> {
        Ok(self.after(key).next())
    }

    fn last(&self) -> Option<&Object<K, V>> {
        self.0.last().map(|object| &object.0)
    }

    fn prev(&self, key: &K) -> Result<Option<&Object<K, V>>, Absent> {
        let mut before = self.0.range::<K, _>((Unbounded, Excluded(key)));
        Ok(before.next_back().map(|object| &object.0))
    }

    fn step(&self, cursor: &mut Cursor<K, V>) -> Option<Object<K, V>> {
        let object = match cursor {
            Cursor::After(last) => self.after(&last.0).next(),
            Cursor::Begin | Cursor::Place(_) => self.first(),
        };
        let object = object?.clone();
        *cursor = Cursor::After(object.clone());
        Some(object)
    }
}
