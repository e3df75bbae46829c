//! A map for few entries: the first one stands in it, and only further ones need a tree.
//!
//! Most processes have one link, watch one other, or wait for one answer. A tree would allocate room for eleven.

use std::collections::BTreeMap;
use std::iter::Chain;
use std::{collections::btree_map, option};

/// See the module. It goes through its entries in the order of their keys, as a tree does.
pub(crate) struct Few<K, V> {
    /// Any one of the entries, not the least.
    one: Option<(K, V)>,
    others: BTreeMap<K, V>,
}

impl<K, V> Default for Few<K, V> {
    fn default() -> Few<K, V> {
        Few {
            one: None,
            others: BTreeMap::new(),
        }
    }
}

impl<K: Ord, V> Few<K, V> {
    pub(crate) fn len(&self) -> usize {
        usize::from(self.one.is_some()) + self.others.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        match &self.one {
            Some((one, value)) if one == key => Some(value),
            _ => self.others.get(key),
        }
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match &mut self.one {
            Some((one, value)) if one == key => Some(value),
            _ => self.others.get_mut(key),
        }
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Returns what was there.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(before) = self.get_mut(&key) {
            return Some(std::mem::replace(before, value));
        }
        match self.one {
            None => self.one = Some((key, value)),
            Some(_) => drop(self.others.insert(key, value)),
        }
        None
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        match self.one.take_if(|(one, _)| one == key) {
            Some((_, value)) => Some(value),
            None => self.others.remove(key),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let one = self.one.as_ref().map(|(key, value)| (key, value));
        let (before, after) = match one {
            Some((key, _)) => (self.others.range(..key), Some(self.others.range(key..))),
            None => (self.others.range(..), None),
        };
        before.chain(one).chain(after.into_iter().flatten())
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

impl<K: Ord, V> IntoIterator for Few<K, V> {
    type Item = (K, V);
    type IntoIter = Chain<option::IntoIter<(K, V)>, btree_map::IntoIter<K, V>>;

    fn into_iter(mut self) -> Self::IntoIter {
        if !self.others.is_empty() {
            self.others.extend(self.one.take());
        }
        self.one.into_iter().chain(self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(few: Few<i32, i32>) -> Vec<i32> {
        let seen: Vec<i32> = few.iter().map(|(key, _)| *key).collect();
        let taken: Vec<i32> = few.into_iter().map(|(key, _)| key).collect();
        assert_eq!(seen, taken);
        taken
    }

    fn few(keys: &[i32]) -> Few<i32, i32> {
        let mut few = Few::default();
        for key in keys {
            assert_eq!(few.insert(*key, 10 * key), None);
        }
        few
    }

    #[test]
    fn entries_come_in_the_order_of_their_keys() {
        assert!(keys(few(&[])).is_empty());
        assert_eq!(keys(few(&[7])), [7]);
        assert_eq!(keys(few(&[2, 3, 1])), [1, 2, 3]);
        assert_eq!(keys(few(&[3, 2, 1])), [1, 2, 3]);
    }

    #[test]
    fn an_entry_is_found_wherever_it_stands() {
        let mut few = few(&[2, 1, 3]);
        assert_eq!(few.insert(2, 0), Some(20));
        assert_eq!(few.insert(3, 0), Some(30));
        assert_eq!((few.get(&1), few.get(&2), few.get(&4)), (Some(&10), Some(&0), None));
        assert_eq!((few.remove(&2), few.remove(&2)), (Some(0), None));
        // Its place is free, and yet a key that stands elsewhere is not doubled.
        assert_eq!(few.insert(3, 7), Some(0));
        assert_eq!((few.insert(4, 40), few.len()), (None, 3));
        assert_eq!(keys(few), [1, 3, 4]);
    }
}
