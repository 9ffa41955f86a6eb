//! The clock: the one place that reads the time, so that tests can hold it still.
//!
//! Out: [`Instant`], microseconds since 1970 UTC, as every table keeps it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::sql::Instant;

/// Tells the time. Clones share a held clock.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Held(Arc<AtomicI64>),
}

impl Clock {
    pub fn system() -> Clock {
        Clock(Source::System)
    }

    /// A clock that stands still until [`Clock::advance`] moves it.
    pub fn held_at(instant: Instant) -> Clock {
        Clock(Source::Held(Arc::new(AtomicI64::new(instant.0))))
    }

    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::System => Instant(micros_since_epoch()),
            Source::Held(at) => Instant(at.load(Ordering::Relaxed)),
        }
    }

    /// Moves a held clock; the system's clock goes by itself.
    pub fn advance(&self, by: Duration) {
        if let Source::Held(at) = &self.0 {
            at.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::Relaxed);
        }
    }
}

/// A clock set before 1970 reads as a negative number, not as an error.
#[expect(clippy::disallowed_methods, reason = "this is the room of the clock")]
fn micros_since_epoch() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_clock_moves_only_when_told_and_clones_share_it() {
        let clock = Clock::held_at(Instant(5));
        let other = clock.clone();
        assert_eq!(clock.now(), Instant(5));
        other.advance(Duration::from_secs(1));
        assert_eq!(clock.now(), Instant(1_000_005));
    }

    #[test]
    fn the_system_clock_is_past_2026() {
        assert!(Clock::system().now() > Instant(1_767_225_600_000_000));
    }
}
