//! What a process has registered: its keys, by the numbers of the registrations.
//!
//! Numbers mostly come in their order, so they stand in a list. A process with one key, as most have, needs none.

/// See the module.
pub(super) struct Owned<K> {
    first: Option<(u64, K)>,
    /// In the order of the numbers; without a key where it was removed.
    more: Vec<(u64, Option<K>)>,
    /// How many of those were removed: at most half of them.
    removed: usize,
}

impl<K> Default for Owned<K> {
    fn default() -> Owned<K> {
        Owned {
            first: None,
            more: Vec::new(),
            removed: 0,
        }
    }
}

impl<K> Owned<K> {
    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.more.len() - self.removed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a registration with a new number.
    pub(super) fn insert(&mut self, number: u64, key: K) {
        if self.is_empty() {
            self.first = Some((number, key));
            return;
        }
        let entry = (number, Some(key));
        match self.more.last() {
            // Two that register for the process at once can come the other way round.
            Some((last, _)) if *last > number => self.more.insert(self.place(number).unwrap_or_else(|at| at), entry),
            _ => self.more.push(entry),
        }
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<K> {
        if let Some((_, key)) = self.first.take_if(|(first, _)| *first == number) {
            return Some(key);
        }
        let at = self.place(number).ok()?;
        let key = self.more[at].1.take()?;
        self.removed += 1;
        if self.removed > self.more.len() / 2 {
            self.more.retain(|(_, key)| key.is_some());
            self.more.shrink_to(2 * self.more.len());
            self.removed = 0;
        }
        Some(key)
    }

    /// Where among those behind the first one a number is, or belongs.
    fn place(&self, number: u64) -> Result<usize, usize> {
        self.more.binary_search_by_key(&number, |(number, _)| *number)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &K)> {
        let first = self.first.as_ref().map(|(number, key)| (*number, key));
        let more = self.more.iter();
        first
            .into_iter()
            .chain(more.filter_map(|(number, key)| Some((*number, key.as_ref()?))))
    }

    /// Gives every registration away.
    pub(super) fn into_each(self, mut each: impl FnMut(u64, K)) {
        if let Some((number, key)) = self.first {
            each(number, key);
        }
        for (number, key) in self.more {
            if let Some(key) = key {
                each(number, key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(owned: Owned<&'static str>) -> Vec<(u64, &'static str)> {
        let seen: Vec<_> = owned.iter().map(|(number, key)| (number, *key)).collect();
        assert_eq!((owned.len(), owned.is_empty()), (seen.len(), seen.is_empty()));
        let mut given = Vec::new();
        owned.into_each(|number, key| given.push((number, key)));
        assert_eq!(seen, given);
        given
    }

    #[test]
    fn registrations_are_removed_by_number_whatever_order_they_came_in() {
        let mut owned = Owned::default();
        for (number, key) in [(5, "e"), (1, "a"), (9, "i"), (3, "c"), (7, "g")] {
            owned.insert(number, key);
        }
        assert_eq!(
            (owned.remove(2), owned.remove(3), owned.remove(3)),
            (None, Some("c"), None)
        );
        assert_eq!((owned.remove(5), owned.remove(9)), (Some("e"), Some("i")));
        owned.insert(4, "d");
        assert_eq!(entries(owned), [(1, "a"), (4, "d"), (7, "g")]);
    }

    #[test]
    fn what_is_left_of_many_takes_little_room() {
        let mut owned = Owned::default();
        (0..1000).for_each(|number| owned.insert(number, "key"));
        for number in 0..998 {
            assert_eq!(owned.remove(number), Some("key"));
        }
        assert!(owned.more.capacity() <= 8, "{} for two", owned.more.capacity());
        assert_eq!(entries(owned), [(998, "key"), (999, "key")]);
        assert!(entries(Owned::default()).is_empty());
    }
}
