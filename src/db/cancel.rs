//! Stopping a job that runs on a database thread.
//!
//! Goes in: a client that went away, a time-out, a shut-down. Comes out: a flag that SQLite's progress handler, the
//! wait for PostgreSQL and the row loop read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::error::DbError;

const NO_DEADLINE: u64 = u64::MAX;

/// Shared by a job and whoever may stop it.
#[derive(Debug)]
pub struct Cancel {
    stop: AtomicBool,
    /// Microseconds after `born`.
    deadline: AtomicU64,
    limit: Option<Duration>,
    born: Instant,
    wake: Notify,
}

impl Cancel {
    /// A job may run for `limit`, counted from [`Cancel::start`].
    pub fn new(limit: Option<Duration>) -> Arc<Cancel> {
        Arc::new(Cancel {
            stop: AtomicBool::new(false),
            deadline: AtomicU64::new(NO_DEADLINE),
            limit,
            born: Instant::now(),
            wake: Notify::new(),
        })
    }

    /// The job begins; what it waited in the queue does not count.
    pub fn start(&self) {
        if let Some(limit) = self.limit {
            self.deadline.store(micros(self.born.elapsed() + limit), Ordering::Relaxed);
        }
    }

    /// Since it was asked for; until it starts, its time in the queue.
    pub(super) fn waited(&self) -> Duration {
        self.born.elapsed()
    }

    /// The job is to end soon.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Why the job is to end, if it is.
    pub fn reason(&self) -> Option<DbError> {
        if self.stop.load(Ordering::Acquire) {
            return Some(DbError::Cancelled);
        }
        let deadline = self.deadline.load(Ordering::Relaxed);
        (deadline != NO_DEADLINE && micros(self.born.elapsed()) >= deadline).then_some(DbError::TimedOut)
    }

    /// Fails once the job is to end.
    pub fn check(&self) -> Result<(), DbError> {
        self.reason().map_or(Ok(()), Err)
    }

    /// Time that the job waited for its reader does not count.
    pub(super) fn extend(&self, by: Duration) {
        let deadline = self.deadline.load(Ordering::Relaxed);
        if deadline != NO_DEADLINE {
            self.deadline.store(deadline.saturating_add(micros(by)), Ordering::Relaxed);
        }
    }

    /// Resolves once the job is to end. One waiter at a time.
    pub(super) async fn stopped(&self) {
        while self.reason().is_none() {
            let deadline = self.deadline.load(Ordering::Relaxed);
            if deadline == NO_DEADLINE {
                self.wake.notified().await;
            } else {
                let at = self.born + Duration::from_micros(deadline);
                let _ = tokio::time::timeout_at(at.into(), self.wake.notified()).await;
            }
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(NO_DEADLINE - 1)
}
