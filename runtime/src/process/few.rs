//! A map for few entries: the first one stands in it, and only further ones need a tree.
//!
//! Most processes have one link, watch one other, or wait for one answer. A tree would allocate room for eleven.

use std::collections::BTreeMap;
use std::ops::Bound::{self, Excluded, Unbounded};

/// See the module. It goes through its entries in the order of their keys, as a tree does.
pub(crate) struct Few<K, V> {
    /// Any one of the entries, not the least.
    one: Option<(K, V)>,
    /// Never empty.
    #[expect(clippy::box_collection, reason = "a tree is three words, and most have none")]
    others: Option<Box<BTreeMap<K, V>>>,
}

impl<K, V> Default for Few<K, V> {
    fn default() -> Few<K, V> {
        Few {
            one: None,
            others: None,
        }
    }
}

impl<K: Ord, V> Few<K, V> {
    pub(crate) fn len(&self) -> usize {
        usize::from(self.one.is_some()) + self.others.as_ref().map_or(0, |others| others.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.one.is_none() && self.others.is_none()
    }

    #[inline]
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        match &self.one {
            Some((one, value)) if one == key => Some(value),
            _ => self.others.as_ref()?.get(key),
        }
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match &mut self.one {
            Some((one, value)) if one == key => Some(value),
            _ => self.others.as_mut()?.get_mut(key),
        }
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Returns what was there.
    #[inline]
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        if self.is_empty() {
            self.one = Some((key, value));
            return None;
        }
        self.insert_another(key, value)
    }

    #[inline(never)]
    fn insert_another(&mut self, key: K, value: V) -> Option<V> {
        match &mut self.one {
            Some((one, before)) if *one == key => Some(std::mem::replace(before, value)),
            // It may be among the others already, so this is where it goes even if there is no other one.
            _ => self.others.get_or_insert_default().insert(key, value),
        }
    }

    #[inline]
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        match self.one.take_if(|(one, _)| one == key) {
            Some((_, value)) => Some(value),
            None if self.others.is_none() => None,
            None => self.remove_another(key),
        }
    }

    #[inline(never)]
    fn remove_another(&mut self, key: &K) -> Option<V> {
        let others = self.others.as_mut()?;
        let value = others.remove(key);
        if others.is_empty() {
            self.others = None;
        }
        value
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let one = self.one.as_ref().map(|(key, value)| (key, value));
        let (before, after) = match one {
            Some((key, _)) => (
                self.range(Unbounded, Excluded(key)),
                Some(self.range(Excluded(key), Unbounded)),
            ),
            None => (self.range(Unbounded, Unbounded), None),
        };
        before.chain(one).chain(after.into_iter().flatten())
    }

    /// The others, as far as their keys lie between those.
    fn range(&self, from: Bound<&K>, to: Bound<&K>) -> impl Iterator<Item = (&K, &V)> {
        let others = self.others.as_ref().map(|others| others.range::<K, _>((from, to)));
        others.into_iter().flatten()
    }

    /// Gives every entry away, in the order of the keys. Where there is but one, no tree and no iterator is made for it.
    pub(crate) fn into_each(self, mut each: impl FnMut(K, V)) {
        match self.others {
            None => self.one.into_iter().for_each(|(key, value)| each(key, value)),
            Some(mut others) => {
                others.extend(self.one);
                others.into_iter().for_each(|(key, value)| each(key, value));
            }
        }
    }

    /// Shows every entry, in the order of the keys. Where there is but one, no iterator is made for it.
    pub(crate) fn each<'a>(&'a self, mut each: impl FnMut(&'a K, &'a V)) {
        match self.others {
            None => self.one.iter().for_each(|(key, value)| each(key, value)),
            Some(_) => self.iter().for_each(|(key, value)| each(key, value)),
        }
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// The value of any one of the entries.
    pub(crate) fn any(&self) -> Option<&V> {
        match &self.one {
            Some((_, value)) => Some(value),
            None => self.others.as_ref()?.values().next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(few: Few<i32, i32>) -> Vec<i32> {
        let seen: Vec<i32> = few.iter().map(|(key, _)| *key).collect();
        let mut shown = Vec::new();
        few.each(|key, _| shown.push(*key));
        assert_eq!(seen, shown);
        assert_eq!(seen.is_empty(), few.any().is_none());
        let mut taken = Vec::new();
        few.into_each(|key, _| taken.push(key));
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
