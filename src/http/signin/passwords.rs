//! Hashing of passwords, away from the threads that serve (AU-70): two at once a core, and one at a time of an address, so
//! that guesses sent side by side are counted one after the other (AU-90).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::http::StatusCode;
use actix_web::web;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex as Turns, OwnedMutexGuard, Semaphore};

use super::Problem;
use crate::auth::local::{self, Verdict};

/// That may wait, in all and of one address.
const QUEUE: usize = 64;
const QUEUE_OF_ADDRESS: usize = 8;

/// Who is at work, and who waits.
#[derive(Debug)]
pub struct Passwords {
    work: Arc<Semaphore>,
    lines: Arc<Mutex<Lines>>,
}

type Lines = HashMap<Option<IpAddr>, Line>;

/// Those of one address.
#[derive(Debug, Default)]
struct Line {
    turns: Arc<Turns<()>>,
    people: usize,
}

impl Default for Passwords {
    fn default() -> Passwords {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Passwords { work: Arc::new(Semaphore::new(2 * cores)), lines: Arc::default() }
    }
}

/// A place in the line of an address, given back on drop.
struct Place {
    lines: Arc<Mutex<Lines>>,
    network: Option<IpAddr>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lines = lock(&self.lines);
        if let Some(line) = lines.get_mut(&self.network) {
            line.people -= 1;
            if line.people == 0 {
                lines.remove(&self.network);
            }
        }
    }
}

/// The only attempt of its address at this moment.
pub struct Turn {
    _guard: OwnedMutexGuard<()>,
    _place: Place,
}

impl Passwords {
    /// Waits for a turn of an address; 503 where too many do.
    pub async fn turn(&self, network: Option<IpAddr>) -> Result<Turn, Problem> {
        let (turns, place) = {
            let mut lines = lock(&self.lines);
            let all: usize = lines.values().map(|line| line.people).sum();
            let here = lines.get(&network).map_or(0, |line| line.people);
            if all >= QUEUE || here >= QUEUE_OF_ADDRESS {
                let message = "Too many people are signing in. Try again.";
                return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ApiDisabled", message).retry_after(1));
            }
            let line = lines.entry(network).or_default();
            line.people += 1;
            (Arc::clone(&line.turns), Place { lines: Arc::clone(&self.lines), network })
        };
        Ok(Turn { _guard: turns.lock_owned().await, _place: place })
    }

    /// Whether a password is the one that was kept.
    pub async fn verify(&self, password: SecretString, kept: Option<String>) -> Result<Verdict, Problem> {
        self.run(move || local::verify(password.expose_secret(), kept.as_deref())).await
    }

    /// What is to be kept of a password.
    pub async fn hash(&self, password: SecretString) -> Result<String, Problem> {
        let hashed = self.run(move || local::hash(password.expose_secret())).await?;
        hashed.map_err(Problem::internal)
    }

    /// The place at work goes with the work: a client that is gone does not free it.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let permit = Arc::clone(&self.work).acquire_owned().await.map_err(Problem::internal)?;
        let work = move || {
            let _permit = permit;
            work()
        };
        web::block(work).await.map_err(Problem::internal)
    }
}

fn lock(lines: &Mutex<Lines>) -> MutexGuard<'_, Lines> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}
