//! Callers seen lately, and when their credentials were last used.
//!
//! What the door remembers is good for parsing and planning alone: the first statement of each database job asks again
//! ([`Admitted::still_holds`], AU-5). Uses are gathered here and written in batches, outside every request (AU-17).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use diesel::prelude::*;

use super::sessions::after;
use super::{Admitted, Credential};
use crate::db::tables::{api_tokens, sessions};
use crate::db::{DbError, Tx};
use crate::on;
use crate::sql::Instant;

/// Callers remembered at most.
const REMEMBERED: usize = 10_000;
/// Microseconds for which a caller is remembered.
const FRESH: i64 = 5_000_000;
/// Microseconds.
const MINUTE: i64 = 60_000_000;

/// What has its last use written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Used {
    Token(i32),
    Session(i32),
}

/// A use, to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    pub of: Used,
    pub at: Instant,
    pub address: Option<String>,
    /// What the client calls itself, cut to a length that a table may keep.
    pub client: Option<String>,
}

/// The memory of one server.
#[derive(Debug, Default)]
pub struct Door {
    known: Mutex<HashMap<Credential, (Admitted, Instant)>>,
    uses: Mutex<HashMap<Used, Use>>,
    /// Of tokens with a limit: the minute, and its requests.
    minutes: Mutex<HashMap<i32, (i64, i32)>>,
}

impl Door {
    /// Counts a request of a token that has a limit (AU-17), at this server; the seconds to wait where it is one too many.
    pub fn count(&self, admitted: &Admitted, now: Instant) -> Result<(), u64> {
        let Some((token, most)) = admitted.token_id.zip(admitted.per_minute) else { return Ok(()) };
        let minute = now.0.div_euclid(MINUTE);
        let mut minutes = lock(&self.minutes);
        if minutes.len() >= REMEMBERED {
            minutes.retain(|_, (of, _)| *of == minute);
        }
        let (of, count) = minutes.entry(token).or_insert((minute, 0));
        if *of != minute {
            (*of, *count) = (minute, 0);
        }
        if *count >= most {
            let left = MINUTE - now.0.rem_euclid(MINUTE);
            return Err(u64::try_from(left / 1_000_000).unwrap_or_default() + 1);
        }
        *count += 1;
        Ok(())
    }

    /// The caller of a credential that was looked up a moment ago.
    pub fn recall(&self, credential: Credential, now: Instant) -> Option<Admitted> {
        let known = lock(&self.known);
        let (admitted, since) = known.get(&credential)?;
        let fresh = (0..FRESH).contains(&(now.0 - since.0)) && now < admitted.expires_at;
        fresh.then(|| admitted.clone())
    }

    /// Keeps a caller who was just looked up.
    pub fn remember(&self, admitted: &Admitted, now: Instant) {
        let mut known = lock(&self.known);
        if known.len() >= REMEMBERED {
            known.retain(|_, (_, since)| now.0 - since.0 < FRESH);
        }
        if known.len() < REMEMBERED {
            known.insert(admitted.credential, (admitted.clone(), now));
        }
    }

    /// A job found that the caller is no longer the same.
    pub fn forget(&self, credential: Credential) {
        lock(&self.known).remove(&credential);
    }

    /// A credential was used. Only its latest use is kept.
    pub fn used(&self, of: Used, at: Instant, address: Option<String>, client: Option<&str>) {
        let mut uses = lock(&self.uses);
        // One write a token and batch is enough: a token under load does not allocate for each request.
        if let Some(last) = uses.get_mut(&of) {
            last.at = at;
            return;
        }
        let client = client.map(|client| client.chars().take(200).collect());
        uses.insert(of, Use { of, at, address, client });
    }

    /// The uses since the last call.
    pub fn take_uses(&self) -> Vec<Use> {
        std::mem::take(&mut *lock(&self.uses)).into_values().collect()
    }
}

/// Writes a batch of uses. What was deleted meanwhile is passed over.
pub fn write_uses(tx: &mut Tx<'_>, uses: &[Use], idle: Duration) -> Result<(), DbError> {
    for last in uses {
        match last.of {
            Used::Token(id) => on!(tx, c => diesel::update(api_tokens::table.find(id))
                .set((
                    api_tokens::last_used_at.eq(last.at),
                    api_tokens::last_used_address.eq(&last.address),
                    api_tokens::last_used_client.eq(&last.client),
                ))
                .execute(c))?,
            Used::Session(id) => on!(tx, c => diesel::update(sessions::table.find(id))
                .set((
                    sessions::seen_at.eq(last.at),
                    sessions::idle_until.eq(after(last.at, idle)),
                    sessions::address.eq(&last.address),
                    sessions::client.eq(&last.client),
                ))
                .execute(c))?,
        };
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
