//! Lines of those who try to sign in: one after the other of an address or an account, so that what fails is counted before the
//! next is tried (AU-90).

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as Turns, OwnedMutexGuard};

/// Lines by whatever their people have in common.
#[derive(Debug)]
pub struct Lines<K> {
    /// That may stand in all lines, and in one.
    longest: usize,
    longest_of_one: usize,
    lines: Arc<Mutex<HashMap<K, Line>>>,
}

#[derive(Debug, Default)]
struct Line {
    turns: Arc<Turns<()>>,
    people: usize,
}

/// A place in a line, given back on drop.
#[derive(Debug)]
struct Place<K: Eq + Hash> {
    lines: Arc<Mutex<HashMap<K, Line>>>,
    key: K,
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut lines = lock(&self.lines);
        if let Some(line) = lines.get_mut(&self.key) {
            line.people -= 1;
            if line.people == 0 {
                lines.remove(&self.key);
            }
        }
    }
}

/// The only one of its line whose turn it is.
#[derive(Debug)]
pub struct Turn<K: Eq + Hash> {
    _guard: OwnedMutexGuard<()>,
    _place: Place<K>,
}

impl<K: Eq + Hash + Clone> Lines<K> {
    pub fn new(longest: usize, longest_of_one: usize) -> Lines<K> {
        Lines { longest, longest_of_one, lines: Arc::default() }
    }

    /// Waits for a turn; nothing where too many do.
    pub async fn turn(&self, key: K) -> Option<Turn<K>> {
        let (turns, place) = {
            let mut lines = lock(&self.lines);
            let all: usize = lines.values().map(|line| line.people).sum();
            let here = lines.get(&key).map_or(0, |line| line.people);
            if all >= self.longest || here >= self.longest_of_one {
                return None;
            }
            let line = lines.entry(key.clone()).or_default();
            line.people += 1;
            (Arc::clone(&line.turns), Place { lines: Arc::clone(&self.lines), key })
        };
        Some(Turn { _guard: turns.lock_owned().await, _place: place })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
