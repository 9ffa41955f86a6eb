//! Hashing of passwords, away from the threads that serve (AU-70): two at once a core, and one at a time of an address, so
//! that guesses sent side by side are counted one after the other (AU-90).

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use super::Problem;
use super::lines::{Lines, Turn};
use crate::auth::local::{self, Verdict};

/// That may wait, in all and of one address.
const QUEUE: usize = 64;
const QUEUE_OF_ADDRESS: usize = 8;

/// Who is at work, and who waits.
#[derive(Debug)]
pub struct Passwords {
    work: Arc<Semaphore>,
    lines: Lines<Option<IpAddr>>,
}

impl Default for Passwords {
    fn default() -> Passwords {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Passwords { work: Arc::new(Semaphore::new(2 * cores)), lines: Lines::new(QUEUE, QUEUE_OF_ADDRESS) }
    }
}

impl Passwords {
    /// Waits for a turn of an address; 503 where too many do.
    pub async fn turn(&self, network: Option<IpAddr>) -> Result<Turn<Option<IpAddr>>, Problem> {
        let full = || {
            let message = "Too many people are signing in. Try again.";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ApiDisabled", message).retry_after(1)
        };
        self.lines.turn(network).await.ok_or_else(full)
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
