//! A hierarchical timing wheel: six levels of 64 slots, a tick a millisecond, two years ahead.
//!
//! Inserting and removing take constant time. An entry far ahead waits on a coarse level and moves to finer ones as its
//! time comes near. Pure: the caller says what time it is.
//!
//! Entries stand in one array, and everything that connects them is an index into it. Besides its slot an entry can be in a
//! group, so that those who belong together are removed together: a ring that begins and ends at an entry of the group's
//! own, which waits for nothing.

const LEVELS: usize = 6;
const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
/// The farthest that an entry can lie ahead; later ones are looked at again then.
const HORIZON: u64 = (1 << (BITS * LEVELS as u32)) - 1;
const NONE: u32 = u32::MAX;

/// Names an entry or a group until it is removed or expires. No other one of the wheel ever has the same `id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) id: u64,
    pub(super) index: u32,
}

/// See the module.
pub(super) struct Wheel<T> {
    /// The last tick that was reached. What is due at it may not have been taken yet.
    now: u64,
    levels: [Level; LEVELS],
    entries: Vec<Entry<T>>,
    /// Entries that are not in use, as a chain through `next`.
    vacant: u32,
    /// How many ids were given out.
    ids: u64,
}

struct Level {
    /// A bit for each slot that holds entries.
    occupied: u64,
    slots: [Slot; SLOTS],
}

/// The entries of a slot, in the order in which they came.
#[derive(Clone, Copy)]
struct Slot {
    first: u32,
    last: u32,
}

impl Slot {
    const EMPTY: Slot = Slot {
        first: NONE,
        last: NONE,
    };
}

impl Level {
    const EMPTY: Level = Level {
        occupied: 0,
        slots: [Slot::EMPTY; SLOTS],
    };
}

struct Entry<T> {
    /// What waits; `None` in an entry that is a group's, or not in use.
    value: Option<T>,
    when: u64,
    /// Zero while it is not in use.
    id: u64,
    next: u32,
    previous: u32,
    /// The next one in the ring of the group, and the one before; without a group the next one is [`NONE`].
    later: u32,
    earlier: u32,
    place: (u8, u8),
}

impl<T> Entry<T> {
    const UNUSED: Entry<T> = Entry {
        value: None,
        when: 0,
        id: 0,
        next: NONE,
        previous: NONE,
        later: NONE,
        earlier: NONE,
        place: (0, 0),
    };
}

impl<T> Wheel<T> {
    pub(super) fn new() -> Wheel<T> {
        Wheel {
            now: 0,
            levels: [Level::EMPTY; LEVELS],
            entries: Vec::new(),
            vacant: NONE,
            ids: 0,
        }
    }

    /// Adds an entry that expires at the tick `when`, or at the next one if that has passed, in a group if there is one.
    /// Returns with its key the tick at which there is something to do for it, which is that or an earlier one.
    pub(super) fn insert(&mut self, when: u64, value: T, group: Option<Key>) -> (Key, u64) {
        let key = self.occupy();
        let when = when.max(self.now + 1);
        let ring = group.filter(|group| self.contains(*group)).map(|group| group.index);
        let entry = &mut self.entries[key.index as usize];
        (entry.value, entry.when) = (Some(value), when);
        if let Some(ring) = ring {
            let earlier = self.entries[ring as usize].earlier;
            let entry = &mut self.entries[key.index as usize];
            (entry.later, entry.earlier) = (ring, earlier);
            self.entries[earlier as usize].later = key.index;
            self.entries[ring as usize].earlier = key.index;
        }
        (key, self.link(key.index))
    }

    /// Begins a group.
    pub(super) fn group(&mut self) -> Key {
        let key = self.occupy();
        let entry = &mut self.entries[key.index as usize];
        (entry.later, entry.earlier) = (key.index, key.index);
        key
    }

    /// Whether the entry or group is still there.
    pub(super) fn contains(&self, key: Key) -> bool {
        self.entries
            .get(key.index as usize)
            .is_some_and(|entry| entry.id == key.id)
    }

    /// Takes an entry out, unless it expired.
    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        if !self.contains(key) {
            return None;
        }
        self.unlink(key.index);
        self.vacate(key.index)
    }

    /// Takes out what a group holds, and ends it.
    pub(super) fn remove_group(&mut self, group: Key, removed: &mut Vec<T>) {
        if !self.contains(group) {
            return;
        }
        loop {
            let first = self.entries[group.index as usize].later;
            if first == group.index {
                self.vacate(first);
                return;
            }
            self.unlink(first);
            removed.extend(self.vacate(first));
        }
    }

    /// The tick at which an entry expires.
    pub(super) fn when(&self, key: Key) -> Option<u64> {
        self.contains(key).then(|| self.entries[key.index as usize].when)
    }

    /// What waits.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().filter_map(|entry| entry.value.as_ref())
    }

    /// Begins anew at tick zero, and returns what waited. Keys of before stay dead.
    pub(super) fn clear(&mut self) -> Vec<T> {
        let (ids, entries) = (self.ids, std::mem::take(&mut self.entries));
        *self = Wheel { ids, ..Wheel::new() };
        entries.into_iter().filter_map(|entry| entry.value).collect()
    }

    /// The next tick at which there is something to do.
    pub(super) fn next(&self) -> Option<u64> {
        self.next_slot().map(|(_, _, tick)| tick)
    }

    /// Moves on to the tick `now`, and adds what expires to `expired`, the earliest first, until that is as long as `most`.
    /// Then there may be more of it.
    pub(super) fn advance(&mut self, now: u64, most: usize, expired: &mut Vec<T>) {
        while let Some((level, slot, tick)) = self.next_slot()
            && tick <= now
        {
            self.now = tick;
            if level > 0 {
                self.spread(level, slot);
                continue;
            }
            self.empty(slot, most, expired);
            if expired.len() >= most {
                return;
            }
        }
        self.now = self.now.max(now);
    }

    /// The occupied slot whose time comes first, and when.
    fn next_slot(&self) -> Option<(usize, usize, u64)> {
        self.levels.iter().enumerate().find_map(|(level, slots)| {
            if slots.occupied == 0 {
                return None;
            }
            let shift = BITS * level as u32;
            let current = (self.now >> shift) % SLOTS as u64;
            // Slots come round: the one under the hand is due on the finest level, and the farthest on the others.
            let ahead = slots.occupied.rotate_right(current as u32);
            let distance = u64::from(match level {
                0 => ahead.trailing_zeros(),
                _ if ahead > 1 => (ahead & !1).trailing_zeros(),
                _ => SLOTS as u32,
            });
            let tick = ((self.now >> shift) + distance) << shift;
            Some((level, ((current + distance) % SLOTS as u64) as usize, tick))
        })
    }

    /// Takes entries out of a slot of the finest level, as long as `expired` is not as long as `most`.
    fn empty(&mut self, slot: usize, most: usize, expired: &mut Vec<T>) {
        let mut first = self.levels[0].slots[slot].first;
        while first != NONE && expired.len() < most {
            let next = self.entries[first as usize].next;
            expired.extend(self.vacate(first));
            first = next;
        }
        match self.entries.get_mut(first as usize) {
            Some(entry) => {
                entry.previous = NONE;
                self.levels[0].slots[slot].first = first;
            }
            None => {
                self.levels[0].slots[slot] = Slot::EMPTY;
                self.levels[0].occupied &= !(1 << slot);
            }
        }
    }

    /// Moves the entries of a slot whose time has come to finer levels.
    fn spread(&mut self, level: usize, slot: usize) {
        let mut index = std::mem::replace(&mut self.levels[level].slots[slot], Slot::EMPTY).first;
        self.levels[level].occupied &= !(1 << slot);
        while index != NONE {
            let next = self.entries[index as usize].next;
            self.link(index);
            index = next;
        }
    }

    /// Returns the tick at which the time of its slot comes.
    fn link(&mut self, index: u32) -> u64 {
        let when = self.entries[index as usize].when.min(self.now + HORIZON);
        // The highest digit in which `when` and `now` differ is the level on which the entry has to wait.
        let digit = (63 - ((when ^ self.now) | 1).leading_zeros()) / BITS;
        let level = (digit as usize).min(LEVELS - 1);
        let shift = BITS * level as u32;
        let slot = ((when >> shift) % SLOTS as u64) as usize;
        self.levels[level].occupied |= 1 << slot;
        let list = &mut self.levels[level].slots[slot];
        let last = std::mem::replace(&mut list.last, index);
        match last {
            NONE => list.first = index,
            last => self.entries[last as usize].next = index,
        }
        let entry = &mut self.entries[index as usize];
        (entry.place, entry.next, entry.previous) = ((level as u8, slot as u8), NONE, last);
        when >> shift << shift
    }

    fn unlink(&mut self, index: u32) {
        let Entry {
            place: (level, slot),
            next,
            previous,
            ..
        } = self.entries[index as usize];
        let level = &mut self.levels[level as usize];
        let list = &mut level.slots[slot as usize];
        match previous {
            NONE => list.first = next,
            previous => self.entries[previous as usize].next = next,
        }
        match next {
            NONE => list.last = previous,
            next => self.entries[next as usize].previous = previous,
        }
        if list.first == NONE {
            level.occupied &= !(1 << slot);
        }
    }

    /// Takes an entry into use.
    fn occupy(&mut self) -> Key {
        let index = match self.vacant {
            NONE => {
                self.entries.push(Entry::UNUSED);
                (self.entries.len() - 1) as u32
            }
            index => {
                self.vacant = self.entries[index as usize].next;
                index
            }
        };
        self.ids += 1;
        let id = self.ids;
        self.entries[index as usize].id = id;
        Key { id, index }
    }

    /// Takes an entry that is in no slot out of its group and out of use.
    fn vacate(&mut self, index: u32) -> Option<T> {
        let Entry { later, earlier, .. } = self.entries[index as usize];
        if later != NONE {
            self.entries[earlier as usize].later = later;
            self.entries[later as usize].earlier = earlier;
        }
        let entry = &mut self.entries[index as usize];
        (entry.id, entry.later) = (0, NONE);
        entry.next = std::mem::replace(&mut self.vacant, index);
        entry.value.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advance<T>(wheel: &mut Wheel<T>, now: u64) -> Vec<T> {
        let mut expired = Vec::new();
        wheel.advance(now, usize::MAX, &mut expired);
        expired
    }

    /// Advances from one busy tick to the next and notes when each value expired.
    fn run<T>(wheel: &mut Wheel<T>) -> Vec<(u64, T)> {
        let mut seen = Vec::new();
        while let Some(tick) = wheel.next() {
            assert!(
                tick > wheel.now || tick == 0,
                "the wheel asks for tick {tick} at {}",
                wheel.now
            );
            seen.extend(advance(wheel, tick).into_iter().map(|value| (tick, value)));
        }
        seen
    }

    #[test]
    fn entries_expire_at_their_tick_from_any_distance() {
        let ticks = [
            1,
            2,
            63,
            64,
            65,
            127,
            128,
            4095,
            4096,
            4097,
            262_143,
            300_000,
            20_000_000,
            5_000_000_000,
        ];
        for start in [0, 1, 62, 63, 64, 4_095, 1_234_567] {
            let mut wheel = Wheel::new();
            advance(&mut wheel, start);
            for tick in ticks {
                wheel.insert(start + tick, start + tick, None);
            }
            let expired = run(&mut wheel);
            assert_eq!(expired.len(), ticks.len());
            for (when, tick) in expired {
                assert_eq!(when, tick, "started at {start}");
            }
        }
    }

    #[test]
    fn an_entry_beyond_the_horizon_waits_its_whole_time() {
        let mut wheel = Wheel::new();
        wheel.insert(3 * HORIZON, "late", None);
        assert_eq!(run(&mut wheel), [(3 * HORIZON, "late")]);
    }

    #[test]
    fn a_tick_that_has_passed_means_the_next_one() {
        let mut wheel = Wheel::new();
        advance(&mut wheel, 1000);
        wheel.insert(7, "overdue", None);
        assert_eq!(advance(&mut wheel, 1001), ["overdue"]);
    }

    #[test]
    fn a_removed_entry_does_not_expire_and_its_key_is_dead() {
        let mut wheel = Wheel::new();
        let keys: Vec<_> = (0..200)
            .map(|number| wheel.insert(50 + number % 3, number, None).0)
            .collect();
        for key in keys.iter().step_by(2) {
            assert!(wheel.remove(*key).is_some());
            assert!(wheel.remove(*key).is_none());
        }
        let (again, _) = wheel.insert(52, 1000, None);
        assert_eq!(wheel.when(keys[0]), None);
        assert_eq!(wheel.when(again), Some(52));
        let mut left: Vec<_> = run(&mut wheel).into_iter().map(|(_, number)| number).collect();
        left.sort_unstable();
        assert_eq!(left, (0..200).filter(|n| n % 2 == 1).chain([1000]).collect::<Vec<_>>());
    }

    #[test]
    fn entries_of_one_tick_expire_in_the_order_they_came() {
        let mut wheel = Wheel::new();
        for value in 0..5 {
            wheel.insert(70, value, None);
        }
        advance(&mut wheel, 66);
        for value in 5..9 {
            wheel.insert(70, value, None);
        }
        assert_eq!(advance(&mut wheel, 70), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn a_leap_over_many_ticks_expires_everything_on_the_way_in_order() {
        let mut wheel = Wheel::new();
        for tick in [900, 5, 70_000, 64] {
            wheel.insert(tick, tick, None);
        }
        assert_eq!(advance(&mut wheel, 100_000), [5, 64, 900, 70_000]);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn those_that_are_too_many_at_once_expire_in_parts_and_in_order() {
        let mut wheel = Wheel::new();
        let due: Vec<i32> = (0..10).collect();
        for value in &due {
            wheel.insert(4096, *value, None);
        }
        let part = |wheel: &mut Wheel<i32>| {
            let mut expired = Vec::new();
            wheel.advance(5000, 4, &mut expired);
            (expired, wheel.next())
        };
        assert_eq!(part(&mut wheel), (vec![0, 1, 2, 3], Some(4096)));
        wheel.insert(0, 100, None);
        assert_eq!(part(&mut wheel), (vec![4, 5, 6, 7], Some(4096)));
        assert_eq!(part(&mut wheel), (vec![8, 9, 100], None));
    }

    #[test]
    fn a_group_is_removed_with_all_that_waits_in_it_and_nothing_else() {
        let mut wheel = Wheel::new();
        let [one, other] = [wheel.group(), wheel.group()];
        let keys: Vec<_> = (0..100)
            .map(|number| {
                wheel
                    .insert(1 + number % 50, number, Some([one, other][number as usize % 2]))
                    .0
            })
            .collect();
        // 0 and 50 expire, and 2 is taken out: the group knows them no more.
        assert_eq!(advance(&mut wheel, 1), [0, 50]);
        assert_eq!(wheel.remove(keys[2]), Some(2));
        let mut removed = Vec::new();
        wheel.remove_group(one, &mut removed);
        removed.sort_unstable();
        assert_eq!(removed, (4..100).step_by(2).filter(|n| *n != 50).collect::<Vec<_>>());
        assert!(wheel.contains(other) && !wheel.contains(one));
        assert_eq!(run(&mut wheel).len(), 50);
        removed.clear();
        wheel.remove_group(one, &mut removed);
        wheel.remove_group(other, &mut removed);
        assert!(removed.is_empty() && !wheel.contains(other));
    }

    #[test]
    fn a_wheel_that_begins_anew_knows_no_key_of_before() {
        let mut wheel = Wheel::new();
        let (group, (before, _)) = (wheel.group(), wheel.insert(7, "before", None));
        assert_eq!(wheel.clear(), ["before"]);
        let (after, _) = wheel.insert(7, "after", Some(group));
        assert_eq!((before.index, after.index), (1, 0));
        assert_eq!((wheel.when(before), wheel.contains(group)), (None, false));
        assert_eq!(run(&mut wheel), [(7, "after")]);
    }
}
