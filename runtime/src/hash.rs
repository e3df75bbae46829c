//! The hashers of the node's own tables: quick, since they multiply once for each eight bytes.
//!
//! What the node gives out, as pids and references, nobody can choose to collide, and it is hashed as it is. What users
//! choose as keys is hashed with two secret numbers, which are drawn for each table. Who does not see the hashes cannot find
//! keys that collide in it, as with the hashers of `foldhash` and `wyhash`, which mix in the same way. It is not a
//! cryptographic promise, as that of the standard library's SipHash is meant to be; that took half the time of a lookup.

use std::hash::{BuildHasher, Hasher, RandomState};

/// See the module. It is the hasher too: each begins as a copy.
#[derive(Clone, Copy)]
pub(crate) struct Mixing {
    state: u64,
    /// Odd.
    factor: u64,
}

/// For what the node gives out.
impl Default for Mixing {
    fn default() -> Mixing {
        Mixing {
            state: 0,
            // An odd number without a pattern: the golden section.
            factor: 0x9E37_79B9_7F4A_7C15,
        }
    }
}

impl Mixing {
    /// For keys that users choose.
    pub(crate) fn secret() -> Mixing {
        let random = RandomState::new();
        Mixing {
            state: random.hash_one(0),
            factor: random.hash_one(1) | 1,
        }
    }

    #[inline]
    fn mix(&mut self, number: u64) {
        let product = u128::from(self.state ^ number) * u128::from(self.factor);
        self.state = product as u64 ^ (product >> 64) as u64;
    }
}

impl BuildHasher for Mixing {
    type Hasher = Mixing;

    fn build_hasher(&self) -> Mixing {
        *self
    }
}

impl Hasher for Mixing {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        // At most seven are left, so there is room to say how many: none of them is taken for a zero that is not there.
        last[7] = rest.len() as u8;
        self.mix(u64::from_le_bytes(last));
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.mix(u64::from(number));
    }

    #[inline]
    fn write_u16(&mut self, number: u16) {
        self.mix(u64::from(number));
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.mix(u64::from(number));
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.mix(number);
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }

    /// Mixed once more: one multiplication leaves patterns where keys differ in their upper bits only.
    #[inline]
    fn finish(&self) -> u64 {
        let mut last = *self;
        last.mix(0);
        last.state
    }
}

/// Hashes references where most of those that a map holds were given out one after the other: these stand side by side
/// in it, so that a map of many is gone through in order, and not all over its memory.
#[derive(Clone, Copy, Default)]
pub(crate) struct InOrder(u64);

impl BuildHasher for InOrder {
    type Hasher = InOrder;

    fn build_hasher(&self) -> InOrder {
        InOrder::default()
    }
}

impl Hasher for InOrder {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        // The lowest bits say where an entry stands; the highest ones tell neighbours apart.
        self.0 = self.0.rotate_left(8) ^ number ^ (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) & 0xFE00_0000_0000_0000);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn hashes(mixing: Mixing, keys: impl Iterator<Item = String>) -> Vec<u64> {
        keys.map(|key| mixing.hash_one(key)).collect()
    }

    #[test]
    fn keys_that_are_alike_are_spread_over_the_whole_range() {
        let mixing = Mixing::default();
        let texts = hashes(mixing, (0..4096).map(|n| format!("user:{n:08}")));
        let numbers = (0..4096_u64).map(|n| mixing.hash_one(n << 20)).collect();
        for hashes in [texts, numbers] {
            let of = |part: fn(u64) -> u64| hashes.iter().map(|hash| part(*hash)).collect::<HashSet<_>>().len();
            assert_eq!(of(|hash| hash), 4096, "no two are the same");
            // As many as random numbers would hit: 1 - 1/e of 4096, and all of 128.
            assert!(of(|hash| hash % 4096) > 2300, "{}", of(|hash| hash % 4096));
            assert_eq!(of(|hash| hash >> 57), 128);
        }
    }

    #[test]
    fn texts_differ_by_their_ends_and_lengths() {
        let texts = [
            "",
            "\0",
            "\0\0",
            "a",
            "a\0",
            "abcdefg",
            "abcdefg\0",
            "abcdefgh",
            "abcdefgh\0",
        ];
        let mixing = Mixing::secret();
        let seen: HashSet<u64> = texts.iter().map(|text| mixing.hash_one(text.as_bytes())).collect();
        assert_eq!(seen.len(), texts.len());
    }

    #[test]
    fn each_table_has_secrets_of_its_own() {
        assert_ne!(Mixing::secret().hash_one("key"), Mixing::secret().hash_one("key"));
    }
}
