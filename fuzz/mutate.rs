//! Inputs out of seeds: pieces moved, repeated, nested, damaged. The same number gives the same input.

use super::seeds;
use super::targets::Target;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most.max(1) as u64).unwrap_or_default()
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    longest: usize,
}

impl Mutator {
    pub fn new(target: &Target, longest: usize) -> Mutator {
        Mutator { seeds: seeds::of(target), longest }
    }

    /// The first inputs are the seeds as they are.
    pub fn input(&self, seed: u64, number: u64) -> Vec<u8> {
        if let Some(plain) = usize::try_from(number).ok().and_then(|number| self.seeds.get(number)) {
            return plain.clone();
        }
        let mut random = Random(seed ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let mut input = random.of(&self.seeds).clone();
        // Few changes keep most of the grammar, many reach what nobody thought of.
        let most = if random.below(4) == 0 { 12 } else { 3 };
        let changes = 1 + random.below(most);
        for _ in 0..changes {
            self.change(&mut input, &mut random);
            input.truncate(self.longest);
        }
        input
    }

    fn change(&self, input: &mut Vec<u8>, random: &mut Random) {
        let at = random.below(input.len() + 1);
        let end = at + random.below((input.len() - at).min(40) + 1);
        match random.below(12) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
            1 => drop(input.drain(at..end)),
            2 => {
                let piece = input[at..end].to_vec();
                let to = random.below(input.len() + 1);
                input.splice(to..to, piece);
            }
            3..=5 => drop(input.splice(at..at, random.of(seeds::WORDS).bytes())),
            6 => drop(input.splice(at..end, random.of(seeds::WORDS).bytes())),
            7 => {
                let other = random.of(&self.seeds);
                let from = random.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            8 => {
                let times = 1 << random.below(14);
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece.repeat(times.min(self.longest / piece.len().max(1))));
            }
            9 => {
                let (open, close) = random.of(seeds::NESTS);
                let times = 1 << random.below(13);
                input.splice(end..end, close.repeat(times).bytes());
                input.splice(at..at, open.repeat(times).bytes());
            }
            10 => {
                let number = random.of(seeds::NUMBERS);
                input.splice(at..end, number.bytes());
            }
            _ => {
                let byte = u8::try_from(random.below(256)).unwrap_or_default();
                input.insert(at, byte);
            }
        }
    }
}
