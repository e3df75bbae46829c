//! A hierarchical timing wheel: six levels of 64 slots, a tick a millisecond, two years ahead.
//!
//! Inserting and removing take constant time. An entry far ahead waits on a coarse level and moves to finer ones as its
//! time comes near. Pure: the caller says what time it is.

const LEVELS: usize = 6;
const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
/// The farthest that an entry can lie ahead; later ones are looked at again then.
const HORIZON: u64 = (1 << (BITS * LEVELS as u32)) - 1;
const NONE: u32 = u32::MAX;

/// Names an entry until it is removed or expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    index: u32,
    generation: u32,
}

/// See the module.
pub(super) struct Wheel<T> {
    /// The last tick that was dealt with.
    now: u64,
    levels: [Level; LEVELS],
    entries: Vec<Entry<T>>,
    /// Entries that are not in use, as a chain through `next`.
    vacant: u32,
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

struct Entry<T> {
    value: Option<T>,
    when: u64,
    generation: u32,
    place: (u8, u8),
    next: u32,
    previous: u32,
}

impl<T> Wheel<T> {
    pub(super) fn new() -> Wheel<T> {
        const EMPTY: Level = Level {
            occupied: 0,
            slots: [Slot::EMPTY; SLOTS],
        };
        Wheel {
            now: 0,
            levels: [EMPTY; LEVELS],
            entries: Vec::new(),
            vacant: NONE,
        }
    }

    /// Adds an entry that expires at the tick `when`, or at the next one if that has passed.
    pub(super) fn insert(&mut self, when: u64, value: T) -> Key {
        let index = match self.vacant {
            NONE => {
                self.entries.push(Entry {
                    value: None,
                    when: 0,
                    generation: 0,
                    place: (0, 0),
                    next: NONE,
                    previous: NONE,
                });
                (self.entries.len() - 1) as u32
            }
            index => {
                self.vacant = self.entries[index as usize].next;
                index
            }
        };
        let entry = &mut self.entries[index as usize];
        entry.value = Some(value);
        entry.when = when.max(self.now + 1);
        let generation = entry.generation;
        self.link(index);
        Key { index, generation }
    }

    /// Takes an entry out, unless it expired.
    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        let entry = self.entries.get(key.index as usize)?;
        if entry.generation != key.generation || entry.value.is_none() {
            return None;
        }
        self.unlink(key.index);
        self.vacate(key.index)
    }

    /// The tick at which an entry expires.
    pub(super) fn when(&self, key: Key) -> Option<u64> {
        let entry = self.entries.get(key.index as usize)?;
        (entry.generation == key.generation && entry.value.is_some()).then_some(entry.when)
    }

    /// How many entries wait.
    pub(super) fn len(&self) -> usize {
        self.entries.iter().filter(|entry| entry.value.is_some()).count()
    }

    /// The next tick at which there is something to do.
    pub(super) fn next(&self) -> Option<u64> {
        self.next_slot().map(|(_, _, tick)| tick)
    }

    /// Moves on to the tick `now` and returns what expired, the earliest first.
    pub(super) fn advance(&mut self, now: u64) -> Vec<T> {
        let mut expired = Vec::new();
        while let Some((level, slot, tick)) = self.next_slot()
            && tick <= now
        {
            self.now = self.now.max(tick);
            self.empty(level, slot, &mut expired);
        }
        self.now = self.now.max(now);
        expired
    }

    /// The occupied slot whose time comes first, and when.
    fn next_slot(&self) -> Option<(usize, usize, u64)> {
        self.levels.iter().enumerate().find_map(|(level, slots)| {
            if slots.occupied == 0 {
                return None;
            }
            let shift = BITS * level as u32;
            let current = (self.now >> shift) % SLOTS as u64;
            // Slots come round: the one under the hand is the farthest on the coarse levels, and past on the finest.
            let ahead = slots.occupied.rotate_right(current as u32);
            let distance = u64::from(if ahead > 1 {
                (ahead & !1).trailing_zeros()
            } else {
                SLOTS as u32
            });
            let tick = ((self.now >> shift) + distance) << shift;
            Some((level, ((current + distance) % SLOTS as u64) as usize, tick))
        })
    }

    fn empty(&mut self, level: usize, slot: usize, expired: &mut Vec<T>) {
        let mut index = std::mem::replace(&mut self.levels[level].slots[slot], Slot::EMPTY).first;
        self.levels[level].occupied &= !(1 << slot);
        while index != NONE {
            let Entry { when, next, .. } = self.entries[index as usize];
            if when <= self.now {
                expired.extend(self.vacate(index));
            } else {
                self.link(index);
            }
            index = next;
        }
    }

    fn link(&mut self, index: u32) {
        let when = self.entries[index as usize].when.min(self.now + HORIZON);
        // The highest digit in which `when` and `now` differ is the level on which the entry has to wait.
        let digit = (63 - ((when ^ self.now) | 1).leading_zeros()) / BITS;
        let level = (digit as usize).min(LEVELS - 1);
        let slot = ((when >> (BITS * level as u32)) % SLOTS as u64) as usize;
        self.levels[level].occupied |= 1 << slot;
        let list = &mut self.levels[level].slots[slot];
        let last = std::mem::replace(&mut list.last, index);
        match last {
            NONE => list.first = index,
            last => self.entries[last as usize].next = index,
        }
        let entry = &mut self.entries[index as usize];
        (entry.place, entry.next, entry.previous) = ((level as u8, slot as u8), NONE, last);
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

    fn vacate(&mut self, index: u32) -> Option<T> {
        let entry = &mut self.entries[index as usize];
        entry.generation = entry.generation.wrapping_add(1);
        entry.next = std::mem::replace(&mut self.vacant, index);
        entry.value.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Advances from one busy tick to the next and notes when each value expired.
    fn run<T>(wheel: &mut Wheel<T>) -> Vec<(u64, T)> {
        let mut seen = Vec::new();
        while let Some(tick) = wheel.next() {
            assert!(
                tick > wheel.now || tick == 0,
                "the wheel asks for tick {tick} at {}",
                wheel.now
            );
            seen.extend(wheel.advance(tick).into_iter().map(|value| (tick, value)));
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
            wheel.advance(start);
            for tick in ticks {
                wheel.insert(start + tick, start + tick);
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
        wheel.insert(3 * HORIZON, "late");
        assert_eq!(run(&mut wheel), [(3 * HORIZON, "late")]);
    }

    #[test]
    fn a_tick_that_has_passed_means_the_next_one() {
        let mut wheel = Wheel::new();
        wheel.advance(1000);
        wheel.insert(7, "overdue");
        assert_eq!(wheel.advance(1001), ["overdue"]);
    }

    #[test]
    fn a_removed_entry_does_not_expire_and_its_key_is_dead() {
        let mut wheel = Wheel::new();
        let keys: Vec<_> = (0..200).map(|number| wheel.insert(50 + number % 3, number)).collect();
        for key in keys.iter().step_by(2) {
            assert!(wheel.remove(*key).is_some());
            assert!(wheel.remove(*key).is_none());
        }
        let again = wheel.insert(52, 1000);
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
            wheel.insert(70, value);
        }
        wheel.advance(66);
        for value in 5..9 {
            wheel.insert(70, value);
        }
        assert_eq!(wheel.advance(70), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn a_leap_over_many_ticks_expires_everything_on_the_way_in_order() {
        let mut wheel = Wheel::new();
        for tick in [900, 5, 70_000, 64] {
            wheel.insert(tick, tick);
        }
        assert_eq!(wheel.advance(100_000), [5, 64, 900, 70_000]);
        assert_eq!(wheel.next(), None);
    }
}
