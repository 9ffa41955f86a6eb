//! How many requests a caller has running (OD-154).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Counts running requests by person. Clones share the counts.
#[derive(Clone, Debug)]
pub struct Concurrency {
    limit: usize,
    running: Arc<Mutex<HashMap<i32, usize>>>,
}

/// The right to run one request; ends with it.
#[derive(Debug)]
pub struct Permit {
    user_id: i32,
    running: Arc<Mutex<HashMap<i32, usize>>>,
}

impl Concurrency {
    pub fn new(limit: usize) -> Concurrency {
        Concurrency { limit, running: Arc::default() }
    }

    pub fn limit(&self) -> usize {
        self.limit
    }

    /// A permit, unless the person has its limit running.
    pub fn permit(&self, user_id: i32) -> Option<Permit> {
        let mut running = lock(&self.running);
        let count = running.entry(user_id).or_default();
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(Permit { user_id, running: Arc::clone(&self.running) })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut running = lock(&self.running);
        if let Some(count) = running.get_mut(&self.user_id) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.user_id);
            }
        }
    }
}

fn lock(running: &Mutex<HashMap<i32, usize>>) -> MutexGuard<'_, HashMap<i32, usize>> {
    running.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_held_to_the_limit_and_others_are_not() {
        let concurrency = Concurrency::new(2);
        let first = concurrency.permit(1).unwrap();
        let _second = concurrency.permit(1).unwrap();
        assert!(concurrency.permit(1).is_none());
        assert!(concurrency.permit(2).is_some());
        drop(first);
        assert!(concurrency.permit(1).is_some());
    }
}
