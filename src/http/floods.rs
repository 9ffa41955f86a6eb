//! How often the same thing is asked in a second, for questions that need no caller (AU-56).
//!
//! In: a secret. Out: whether it may be asked about once more. Only digests are held, and of this second's questions.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::sql::Instant;

/// Questions about one secret in a second.
const MOST: u32 = 5;
/// Secrets that are counted at once; whoever asks about more finds out nothing by it.
const COUNTED: usize = 10_000;
const SECOND: i64 = 1_000_000;

/// The counts of one server.
#[derive(Debug, Default)]
pub struct Floods(Mutex<HashMap<[u8; 32], (i64, u32)>>);

impl Floods {
    /// Whether this secret may be asked about now.
    pub fn admits(&self, secret: &str, now: Instant) -> bool {
        let second = now.0.div_euclid(SECOND);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key: [u8; 32] = Sha256::digest(secret).into();
        if counts.len() >= COUNTED && !counts.contains_key(&key) {
            counts.retain(|_, (of, _)| *of == second);
            if counts.len() >= COUNTED {
                return true;
            }
        }
        let (of, count) = counts.entry(key).or_insert((second, 0));
        if *of != second {
            (*of, *count) = (second, 0);
        }
        *count += 1;
        *count <= MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_a_second_and_secret() {
        let floods = Floods::default();
        let ask = |secret: &str, at: i64| floods.admits(secret, Instant(at));
        assert_eq!((0..7).map(|n| ask("a", n)).collect::<Vec<_>>(), [true, true, true, true, true, false, false]);
        assert!(ask("b", 8) && ask("a", SECOND));
        for n in 0..3 * COUNTED {
            assert!(ask(&n.to_string(), 2 * SECOND));
        }
        assert!(floods.0.lock().unwrap().len() <= COUNTED);
    }
}
