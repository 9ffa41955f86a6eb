//! Hashing of passwords, away from the threads that serve (AU-70): two at once a core, a short line before them.

use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::http::StatusCode;
use actix_web::web;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use super::Problem;
use crate::auth::local::{self, Verdict};

/// That may wait for a turn.
const QUEUE: usize = 64;

/// The line.
#[derive(Debug)]
pub struct Passwords {
    turns: Semaphore,
    waiting: AtomicUsize,
}

impl Default for Passwords {
    fn default() -> Passwords {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Passwords { turns: Semaphore::new(2 * cores), waiting: AtomicUsize::new(0) }
    }
}

/// A place in the line, given back on drop.
struct Place<'p>(&'p AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Passwords {
    /// Whether a password is the one that was kept.
    pub async fn verify(&self, password: SecretString, kept: Option<String>) -> Result<Verdict, Problem> {
        self.run(move || local::verify(password.expose_secret(), kept.as_deref())).await
    }

    /// What is to be kept of a password.
    pub async fn hash(&self, password: SecretString) -> Result<String, Problem> {
        let hashed = self.run(move || local::hash(password.expose_secret())).await?;
        hashed.map_err(Problem::internal)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let _place = Place(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= QUEUE {
            let message = "Too many people are signing in. Try again.";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ApiDisabled", message).retry_after(1));
        }
        let _turn = self.turns.acquire().await.map_err(Problem::internal)?;
        web::block(work).await.map_err(Problem::internal)
    }
}
