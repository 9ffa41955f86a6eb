//! Numbers from a number: SplitMix64 (Steele, Lea, Flood, 2014), the same on every machine and for ever.
//!
//! In: a seed and the name of a stream. Out: numbers that depend on both alone, so that more rows of one kind do not
//! change those of another.

use crate::sql::Guid;

#[derive(Clone, Debug)]
pub(super) struct Random {
    state: u64,
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// FNV-1a.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

impl Random {
    pub fn stream(seed: u64, name: &str) -> Random {
        Random { state: mix(seed.wrapping_add(STEP)) ^ hash(name) }
    }

    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }

    /// From 0 to `end` without it; 0 where `end` is 0. The bias of 2⁻³² harms nobody here.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// From `first` to `last`, both included.
    pub fn between(&mut self, first: i64, last: i64) -> i64 {
        first + self.below(usize::try_from(last - first + 1).unwrap_or(0)) as i64
    }

    /// True so many times in a thousand.
    pub fn in_thousand(&mut self, times: usize) -> bool {
        self.below(1000) < times
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// The GUID of a row: of version 4 in form, never twice within a kind.
pub(super) fn guid(seed: u64, kind: &str, number: u64) -> Guid {
    let stream = mix(seed.wrapping_add(STEP)) ^ hash(kind);
    // A bijection of the number fills the low half, where two bits alone are fixed; the mixed high half makes up for them.
    let low = mix(stream.wrapping_add(number));
    let high = mix(low.wrapping_add(number).wrapping_mul(STEP));
    let bytes = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
    Guid(uuid::Builder::from_random_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_paper() {
        let mut random = Random { state: 1_234_567 };
        assert_eq!([random.next(), random.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn ranges_hold() {
        let mut random = Random::stream(42, "test");
        let drawn: Vec<i64> = (0..1000).map(|_| random.between(-2, 2)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&-2), Some(&2)));
        assert_eq!(random.below(0), 0);
        let often = (0..10_000).filter(|_| random.in_thousand(100)).count();
        assert!((800..1200).contains(&often), "{often}");
    }

    #[test]
    fn guids_are_stable_and_differ() {
        assert_eq!(guid(42, "users", 1), guid(42, "users", 1));
        let all: std::collections::HashSet<_> = (0..10_000).map(|n| guid(42, "users", n)).collect();
        assert_eq!(all.len(), 10_000);
        assert_ne!(guid(42, "users", 1), guid(42, "budgets", 1));
        assert_eq!(guid(42, "users", 1).0.get_version_num(), 4);
    }
}
