//! Pairing: a client without a password shows a PIN, its person types it where they are signed in (contract §2.1).
//!
//! In: a client's wish, a PIN and who typed it, a secret. Out: PIN and secret, whether the PIN was right, how the secret
//! stands, and once who let the client in. Both are kept as digests. A PIN lives for a minute; how many live at once, and how many wrong ones a person
//! may type, is bounded, so that nobody finds one by trying.

use diesel::prelude::*;
use sha2::{Digest, Sha256};

use crate::auth;
use crate::db::tables::{pairing_attempts, pairings};
use crate::db::{AsConn, DbError, Hold, Tx};
use crate::on;
use crate::sql::{Guid, Instant};

const SECOND: i64 = 1_000_000;
/// Contract §2.1.
const PIN_LIFETIME: i64 = 60 * SECOND;
/// How long a secret whose PIN was typed stays good (AU-56).
const SECRET_LIFETIME: i64 = 60 * SECOND;
/// One wrong PIN in a thousand is somebody's, at worst.
const MOST_ALIVE: i64 = 1_000;
/// PINs that an address may ask for in a minute, which is as long as one lives (AU-56).
const MOST_AN_ADDRESS: i64 = 10;
/// Wrong PINs of one person: how many, in what time (AU-56).
const MINUTE: (i32, i64) = (5, 60 * SECOND);
const HOUR: (i32, i64) = (20, 3_600 * SECOND);
/// The name of the key under which PINs are digested.
const KEY: &str = "pairing";
/// What is counted is counted by one at a time. Arbitrary, but the same in every Timeledger.
const COUNTER: Guid = Guid(uuid::Uuid::from_u128(0x7061_6972_696e_6773_636f_756e_7465_6472));

/// What a client gets; the secret is not kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Pairing {
    pub pin: String,
    pub secret: String,
}

impl std::fmt::Debug for Pairing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pairing(…)")
    }
}

/// How a secret stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Validating,
    Validated,
    WrongOrExpired,
}

impl Status {
    /// The word of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Status::Validating => "Validating",
            Status::Validated => "Validated",
            Status::WrongOrExpired => "WrongOrExpired",
        }
    }
}

/// What came of a PIN that was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    Right,
    Wrong,
    /// The person has typed too many wrong ones; so many seconds are to pass.
    TooMany(u64),
}

/// Whether one more PIN may live for a client at this address.
pub fn has_room(conn: &mut impl AsConn, address: &str, now: Instant) -> Result<bool, DbError> {
    let live = || pairings::table.filter(pairings::expires_at.gt(now));
    let alive: i64 = on!(conn, c => live().count().get_result(c))?;
    let here: i64 = on!(conn, c => live().filter(pairings::address.eq(address)).count().get_result(c))?;
    Ok(alive < MOST_ALIVE && here < MOST_AN_ADDRESS)
}

/// A new PIN for a client at this address. None: as many live already as may.
pub fn create(tx: &mut Tx<'_>, address: &str, now: Instant) -> Result<Option<Pairing>, DbError> {
    counting(tx)?;
    on!(tx, c => diesel::delete(pairings::table.filter(pairings::expires_at.le(now))).execute(c))?;
    if !has_room(tx, address, now)? {
        return Ok(None);
    }
    let key = auth::make_key(tx, KEY)?;
    let (pin, digest) = loop {
        let pin = draw_pin()?;
        let digest = pin_digest(&key, &pin);
        let taken: i64 = on!(tx, c => pairings::table.filter(pairings::pin.eq(&digest)).count().get_result(c))?;
        if taken == 0 {
            break (pin, digest);
        }
    };
    let secret = auth::secret::draw()?;
    let row = (
        pairings::secret.eq(secret_digest(&secret)),
        pairings::pin.eq(digest),
        pairings::address.eq(address),
        pairings::created_at.eq(now),
        pairings::expires_at.eq(Instant(now.0 + PIN_LIFETIME)),
    );
    on!(tx, c => diesel::insert_into(pairings::table).values(row).execute(c))?;
    Ok(Some(Pairing { pin, secret }))
}

/// Who asked for a PIN, and when (AU-56).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub address: String,
    pub created_at: Instant,
}

/// A person looks who asked for a PIN, before it is allowed. A wrong one counts.
pub fn look(tx: &mut Tx<'_>, user_id: i32, pin: &str, now: Instant) -> Result<(Typed, Option<Asked>), DbError> {
    counting(tx)?;
    let wrong = Wrong::of(tx, user_id, now)?;
    if let Some(seconds) = wrong.wait(now) {
        return Ok((Typed::TooMany(seconds), None));
    }
    let digest = pin_digest(&auth::make_key(tx, KEY)?, pin.trim());
    let columns = (pairings::address, pairings::created_at);
    let found: Option<(String, Instant)> = on!(tx, c => live(&digest, now).select(columns).first(c).optional())?;
    if let Some((address, created_at)) = found {
        return Ok((Typed::Right, Some(Asked { address, created_at })));
    }
    wrong.one_more(tx, user_id, now)?;
    Ok((Typed::Wrong, None))
}

#[diesel::dsl::auto_type(no_type_alias)]
fn live(digest: &[u8], now: Instant) -> _ {
    let digest: Vec<u8> = digest.to_vec();
    pairings::table
        .filter(pairings::pin.eq(digest))
        .filter(pairings::user_id.is_null())
        .filter(pairings::expires_at.gt(now))
}

/// A person types a PIN. A right one is good once.
pub fn validate(tx: &mut Tx<'_>, user_id: i32, pin: &str, now: Instant) -> Result<Typed, DbError> {
    counting(tx)?;
    let wrong = Wrong::of(tx, user_id, now)?;
    if let Some(seconds) = wrong.wait(now) {
        return Ok(Typed::TooMany(seconds));
    }
    let digest = pin_digest(&auth::make_key(tx, KEY)?, pin.trim());
    let live = live(&digest, now);
    let changed = on!(tx, c => diesel::update(live)
        .set((pairings::user_id.eq(user_id), pairings::expires_at.eq(Instant(now.0 + SECRET_LIFETIME))))
        .execute(c))?;
    if changed > 0 {
        return Ok(Typed::Right);
    }
    wrong.one_more(tx, user_id, now)?;
    Ok(Typed::Wrong)
}

fn counting(tx: &mut Tx<'_>) -> Result<(), DbError> {
    tx.must_hold(Hold::Shared)?;
    tx.hold_row(COUNTER)
}

/// Wrong PINs of a person, since when.
#[derive(Clone, Copy, Debug, Queryable)]
struct Wrong {
    hour: i32,
    since: Instant,
    minute: i32,
    minute_since: Instant,
}

impl Wrong {
    fn of(conn: &mut impl AsConn, user_id: i32, now: Instant) -> Result<Wrong, DbError> {
        let found: Option<Wrong> = on!(conn, c => pairing_attempts::table
            .find(user_id)
            .select((
                pairing_attempts::wrong,
                pairing_attempts::since,
                pairing_attempts::recent,
                pairing_attempts::recent_since,
            ))
            .first(c)
            .optional())?;
        let mut wrong = found.unwrap_or(Wrong { hour: 0, since: now, minute: 0, minute_since: now });
        if now.0 - wrong.since.0 >= HOUR.1 {
            (wrong.hour, wrong.since) = (0, now);
        }
        if now.0 - wrong.minute_since.0 >= MINUTE.1 {
            (wrong.minute, wrong.minute_since) = (0, now);
        }
        Ok(wrong)
    }

    /// Seconds until the next PIN may be typed; none: it may be now.
    fn wait(self, now: Instant) -> Option<u64> {
        let left = |since: Instant, (_, within): (i32, i64)| (since.0 + within - now.0).div_euclid(SECOND) + 1;
        let seconds = if self.hour >= HOUR.0 {
            left(self.since, HOUR)
        } else if self.minute >= MINUTE.0 {
            left(self.minute_since, MINUTE)
        } else {
            return None;
        };
        Some(u64::try_from(seconds).unwrap_or(1))
    }

    fn one_more(self, tx: &mut Tx<'_>, user_id: i32, now: Instant) -> Result<(), DbError> {
        let since = |count: i32, since: Instant| if count == 0 { now } else { since };
        let row = (
            pairing_attempts::wrong.eq(self.hour + 1),
            pairing_attempts::since.eq(since(self.hour, self.since)),
            pairing_attempts::recent.eq(self.minute + 1),
            pairing_attempts::recent_since.eq(since(self.minute, self.minute_since)),
        );
        on!(tx, c => diesel::insert_into(pairing_attempts::table)
            .values((pairing_attempts::user_id.eq(user_id), row))
            .on_conflict(pairing_attempts::user_id)
            .do_update()
            .set(row)
            .execute(c))?;
        Ok(())
    }
}

/// What came of a secret that a client redeems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// The person let the client in that asked from this address; the secret is gone.
    By(i32, String),
    /// The PIN is not typed yet; the secret stays good.
    NotYet,
    Dead,
}

/// Redeems a secret, once.
pub fn redeem(tx: &mut Tx<'_>, secret: &str, now: Instant) -> Result<Redeemed, DbError> {
    tx.must_hold(Hold::Shared)?;
    let digest = secret_digest(secret);
    let validated = pairings::table
        .filter(pairings::secret.eq(&digest))
        .filter(pairings::user_id.is_not_null())
        .filter(pairings::expires_at.gt(now));
    let found: Option<(Option<i32>, String)> = on!(tx, c => diesel::delete(validated)
        .returning((pairings::user_id, pairings::address))
        .get_result(c)
        .optional())?;
    if let Some((Some(user_id), address)) = found {
        return Ok(Redeemed::By(user_id, address));
    }
    Ok(match status(tx, secret, now)? {
        Status::Validating => Redeemed::NotYet,
        Status::Validated | Status::WrongOrExpired => Redeemed::Dead,
    })
}

/// How a client's secret stands. A secret of 256 random bits is not found by trying, so that trying is not counted.
pub fn status(conn: &mut impl AsConn, secret: &str, now: Instant) -> Result<Status, DbError> {
    let found: Option<Option<i32>> = on!(conn, c => pairings::table
        .find(secret_digest(secret))
        .filter(pairings::expires_at.gt(now))
        .select(pairings::user_id)
        .first(c)
        .optional())?;
    Ok(match found {
        None => Status::WrongOrExpired,
        Some(None) => Status::Validating,
        Some(Some(_)) => Status::Validated,
    })
}

fn fill(bytes: &mut [u8]) -> Result<(), DbError> {
    getrandom::fill(bytes).map_err(|error| DbError::Other(format!("no random numbers: {error}")))
}

/// Six digits, each number equally likely.
fn draw_pin() -> Result<String, DbError> {
    const NUMBERS: u32 = 1_000_000;
    loop {
        let mut bytes = [0u8; 4];
        fill(&mut bytes)?;
        let number = u32::from_le_bytes(bytes);
        if number < u32::MAX - u32::MAX % NUMBERS {
            return Ok(format!("{:06}", number % NUMBERS));
        }
    }
}

fn pin_digest(key: &[u8; 32], pin: &str) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(key);
    hash.update(pin);
    hash.finalize().to_vec()
}

fn secret_digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret).to_vec()
}
