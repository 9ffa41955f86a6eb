//! Guessing is slow (AU-90): sign-ins that fail are counted by account and address, by address, and by account.
//!
//! In: an attempt and the limits. Out: whether it may be tried. The counts are rows, so that all servers share them. Nobody
//! can lock a colleague out: what a stranger does elsewhere counts against the account as a wait of a second at most.

use std::net::IpAddr;

use diesel::prelude::*;
use sha2::{Digest, Sha256};

use super::notices::{self, Kind, Notice};
use crate::db::tables::sign_in_counts;
use crate::db::{AsConn, DbError, Tx};
use crate::on;
use crate::sql::{Guid, Instant};

const SECOND: i64 = 1_000_000;
/// The first block of a pair; each further failure doubles it.
const FIRST_BLOCK: i64 = 30 * SECOND;
const LONGEST_BLOCK: i64 = 15 * 60 * SECOND;
/// Failures of an account, all addresses together, are counted by the hour.
const HOUR: i64 = 3600 * SECOND;
/// An address from which the account signed in within this time is no stranger.
const KNOWN: i64 = 30 * 24 * HOUR;
/// How often the owner of an account that is guessed hears of it.
const TOLD_EVERY: i64 = 24 * HOUR;

/// The figures of AU-90, all of them settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Failures of an account from one address before both together are blocked.
    pub pair: i32,
    /// Failures from one address, whatever the account.
    pub address: i32,
    /// Failures of an account in an hour before strangers wait.
    pub account: i32,
    /// Failures of an account from one address before the domain is no longer asked.
    pub domain: i32,
    /// Microseconds in which failures are counted together.
    pub window: i64,
}

/// Who tries, from where. `network` is an address of IPv4 or the first half of one of IPv6.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// Absent where the name is no account's of this site.
    pub account: Option<String>,
    pub network: Option<IpAddr>,
}

/// Whether an attempt may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    Open,
    /// After a second.
    Wait,
    /// As a failure, without the domain's being asked: strangers must not trip its own lock.
    Withheld,
    /// Not before these seconds. `account`: it is the account and the address together; else the address, whoever is named.
    Closed {
        seconds: u64,
        account: bool,
    },
}

/// Stands before the name of an account of this site, which no account of a domain begins with.
const LOCAL: &str = "local ";

impl Attempt {
    /// With the password of an account of this site.
    pub fn local(name: &str, network: Option<IpAddr>) -> Attempt {
        Attempt { account: Some(format!("{LOCAL}{}", name.to_lowercase())), network }
    }

    /// The name of an account of this site.
    pub fn local_name(&self) -> Option<&str> {
        self.account.as_deref()?.strip_prefix(LOCAL)
    }

    fn network_key(&self) -> String {
        self.network.map_or_else(|| "net".to_owned(), |network| format!("net {network}"))
    }

    fn account_key(&self) -> Option<String> {
        self.account.as_ref().map(|account| format!("account {account}"))
    }

    /// Account and address.
    fn pair_key(&self) -> Option<String> {
        self.account.as_ref().map(|account| format!("pair {account} {}", self.network_key()))
    }

    fn keys(&self) -> Vec<String> {
        [Some(self.network_key()), self.account_key(), self.pair_key()].into_iter().flatten().collect()
    }
}

#[derive(Clone, Debug, Queryable)]
struct Count {
    key: String,
    failures: i32,
    since: Instant,
    blocked_until: Option<Instant>,
    succeeded_at: Option<Instant>,
}

impl Count {
    fn within(&self, window: i64, now: Instant) -> i32 {
        if now.0 - self.since.0 < window { self.failures } else { 0 }
    }
}

fn counts(conn: &mut impl AsConn, keys: &[String]) -> Result<Vec<Count>, DbError> {
    Ok(on!(conn, c => sign_in_counts::table
        .filter(sign_in_counts::key.eq_any(keys))
        .select((
            sign_in_counts::key,
            sign_in_counts::failures,
            sign_in_counts::since,
            sign_in_counts::blocked_until,
            sign_in_counts::succeeded_at,
        ))
        .load(c))?)
}

/// Whether an attempt may be made now.
pub fn gate(conn: &mut impl AsConn, attempt: &Attempt, limits: &Limits, now: Instant) -> Result<Gate, DbError> {
    let counts = counts(conn, &attempt.keys())?;
    let find = |key: Option<String>| counts.iter().find(|count| Some(&count.key) == key.as_ref());
    let pair = find(attempt.pair_key());
    let blocked = pair.and_then(|pair| pair.blocked_until).filter(|until| now < *until);
    if let Some(until) = blocked {
        return Ok(Gate::Closed { seconds: seconds_until(until, now), account: true });
    }
    if let Some(network) = find(Some(attempt.network_key()))
        && network.within(limits.window, now) >= limits.address
    {
        let seconds = seconds_until(Instant(network.since.0 + limits.window), now);
        return Ok(Gate::Closed { seconds, account: false });
    }
    if pair.is_some_and(|pair| pair.within(limits.window, now) >= limits.domain) {
        return Ok(Gate::Withheld);
    }
    let is_known = pair.and_then(|pair| pair.succeeded_at).is_some_and(|at| now.0 - at.0 < KNOWN);
    let guessed = find(attempt.account_key()).is_some_and(|account| account.within(HOUR, now) >= limits.account);
    Ok(if guessed && !is_known { Gate::Wait } else { Gate::Open })
}

fn seconds_until(until: Instant, now: Instant) -> u64 {
    u64::try_from((until.0 - now.0).max(0)).unwrap_or(0).div_ceil(1_000_000).max(1)
}

/// Counts a failure. Gives those of the account in this hour, where they are so many that its owner should know.
pub fn failed(tx: &mut Tx<'_>, attempt: &Attempt, limits: &Limits, now: Instant) -> Result<Option<i32>, DbError> {
    hold(tx, &attempt.network_key())?;
    let old = Instant(now.0 - limits.window.max(HOUR));
    let is_stale = sign_in_counts::since
        .lt(old)
        .and(sign_in_counts::succeeded_at.is_null().or(sign_in_counts::succeeded_at.lt(Instant(now.0 - KNOWN))));
    on!(tx, c => diesel::delete(sign_in_counts::table.filter(is_stale)).execute(c))?;
    let known = counts(tx, &attempt.keys())?;
    let windows = [
        (Some(attempt.network_key()), limits.window, None),
        (attempt.account_key(), HOUR, None),
        (attempt.pair_key(), limits.window, Some(limits.pair)),
    ];
    let mut guessed = None;
    for (key, window, blocks_from) in windows {
        let Some(key) = key else { continue };
        let before = known.iter().find(|count| count.key == key);
        let failures = before.map_or(0, |count| count.within(window, now)).saturating_add(1);
        let since = before.filter(|_| failures > 1).map_or(now, |count| count.since);
        let blocked_until = blocks_from.and_then(|most| block(failures, most, now));
        put(tx, &key, before.is_some(), failures, since, blocked_until)?;
        if failures >= limits.account && attempt.account_key().as_ref() == Some(&key) {
            guessed = Some(failures);
        }
    }
    Ok(guessed)
}

/// Tells a person that their account is guessed, at most once a day.
pub fn tell_owner(tx: &mut Tx<'_>, user_id: i32, account: &str, failures: i32, now: Instant) -> Result<(), DbError> {
    if notices::told_since(tx, user_id, Kind::Guessed, Instant(now.0 - TOLD_EVERY))? {
        return Ok(());
    }
    let facts = serde_json::json!({"account": account, "failures": failures});
    let notice = Notice {
        user_id,
        kind: Kind::Guessed,
        // Two servers that see it at once tell once.
        about: format!("{account} {}", now.day().0),
        facts: facts.as_object().cloned().unwrap_or_default(),
    };
    notices::tell(tx, &notice, now).map(drop)
}

/// 30 seconds from the last failure that is borne, then twice as long each time, up to 15 minutes.
fn block(failures: i32, most: i32, now: Instant) -> Option<Instant> {
    let beyond = u32::try_from(failures - most).ok()?;
    let length = FIRST_BLOCK.saturating_mul(1_i64.checked_shl(beyond.min(10)).unwrap_or(i64::MAX)).min(LONGEST_BLOCK);
    Some(Instant(now.0 + length))
}

fn put(
    tx: &mut Tx<'_>,
    key: &str,
    is_there: bool,
    failures: i32,
    since: Instant,
    blocked_until: Option<Instant>,
) -> Result<(), DbError> {
    let set = (
        sign_in_counts::failures.eq(failures),
        sign_in_counts::since.eq(since),
        sign_in_counts::blocked_until.eq(blocked_until),
    );
    if is_there {
        on!(tx, c => diesel::update(sign_in_counts::table.find(key)).set(set).execute(c))?;
    } else {
        on!(tx, c => diesel::insert_into(sign_in_counts::table)
            .values((sign_in_counts::key.eq(key), set.0, set.1, set.2))
            .on_conflict_do_nothing()
            .execute(c))?;
    }
    Ok(())
}

/// Forgets the failures of an account from this address, and knows the address from now on.
pub fn succeeded(tx: &mut Tx<'_>, attempt: &Attempt, now: Instant) -> Result<(), DbError> {
    let Some(key) = attempt.pair_key() else { return Ok(()) };
    hold(tx, &attempt.network_key())?;
    on!(tx, c => diesel::delete(sign_in_counts::table.find(&key)).execute(c))?;
    let row = (
        sign_in_counts::key.eq(&key),
        sign_in_counts::failures.eq(0),
        sign_in_counts::since.eq(now),
        sign_in_counts::succeeded_at.eq(Some(now)),
    );
    on!(tx, c => diesel::insert_into(sign_in_counts::table).values(&row).on_conflict_do_nothing().execute(c))?;
    Ok(())
}

/// Counts of one address are written by one transaction at a time.
fn hold(tx: &mut Tx<'_>, key: &str) -> Result<(), DbError> {
    let digest = Sha256::digest(key.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    tx.hold_row(Guid(uuid::Uuid::from_bytes(bytes)))
}
