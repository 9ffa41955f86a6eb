//! What paired clients are given: access for an hour, and a refresh token for the next (contract §2.1, AU-57).
//!
//! A refresh token is good once. Its second coming is either a client whose answer was lost, or a thief: within a minute
//! the same pair is given again; later the lost pair is replaced, once; a token whose successor was used already ends the
//! grant. Of all tokens digests are kept, and for that minute the pair itself, sealed under a key that only the token
//! that it was exchanged for gives.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use diesel::prelude::*;
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::audit::{self, Entry};
use super::notices::{self, Notice};
use super::tokens::{Digest, Kind, Minted};
use crate::db::tables::{access_tokens, grants, refresh_tokens, users};
use crate::db::{AsConn, DbError, Hold, Tx};
use crate::on;
use crate::sql::{Guid, Instant};

/// The one client that the contract knows.
pub const CLIENT: &str = "OpenApi";
/// Seconds that access lasts.
pub const ACCESS_SECONDS: i64 = 3_600;
const SECOND: i64 = 1_000_000;
/// From the pairing on.
const GRANT_LIFETIME: i64 = 365 * 86_400 * SECOND;
/// For how long an exchange is repeated with the same answer.
const GRACE: i64 = 60 * SECOND;
const NONCE: usize = 24;
/// What the key of a sealed pair is for (RFC 5869, `info`).
const INFO: &[u8] = b"timeledger refresh";

/// What a client gets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    pub access: String,
    pub refresh: String,
    /// Microseconds since 1970.
    issued_at: i64,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pair(…)")
    }
}

impl Pair {
    fn draw(now: Instant) -> Result<Pair, DbError> {
        let draw = |kind| {
            let minted = Minted::draw(kind).map_err(|error| DbError::Other(format!("no random numbers: {error}")))?;
            Ok::<_, DbError>(minted.expose().to_owned())
        };
        Ok(Pair { access: draw(Kind::Access)?, refresh: draw(Kind::Refresh)?, issued_at: now.0 })
    }

    pub fn issued_at(&self) -> Instant {
        Instant(self.issued_at)
    }

    pub fn expires_at(&self) -> Instant {
        Instant(self.issued_at + ACCESS_SECONDS * SECOND)
    }
}

/// What came of a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refreshed {
    Pair(Pair),
    /// Unknown, of a grant that has ended, or of a person who is disabled.
    Unknown,
    /// It was exchanged before, and so was what it was exchanged for: the grant has ended.
    Reused,
}

#[derive(Clone, Debug, Queryable)]
struct Grant {
    id: i32,
    guid: Guid,
    user_id: i32,
    expires_at: Instant,
}

#[derive(Clone, Debug, Queryable)]
struct Refresh {
    generation: i32,
    used_at: Option<Instant>,
    successor: Option<Vec<u8>>,
    reissued: bool,
    void: bool,
    sealed: Option<Vec<u8>>,
}

/// Makes a grant for a person who let a client in.
pub fn open(tx: &mut Tx<'_>, user_id: i32, address: &str, now: Instant) -> Result<Pair, DbError> {
    tx.must_hold(Hold::Shared)?;
    on!(tx, c => diesel::delete(grants::table.filter(grants::expires_at.le(now))).execute(c))?;
    let grant = Grant { id: 0, guid: Guid(uuid::Uuid::now_v7()), user_id, expires_at: Instant(now.0 + GRANT_LIFETIME) };
    let row = (
        grants::guid.eq(grant.guid),
        grants::user_id.eq(user_id),
        grants::client.eq(CLIENT),
        grants::address.eq(address),
        grants::created_at.eq(now),
        grants::expires_at.eq(grant.expires_at),
        grants::version.eq(1),
    );
    let id: i32 = on!(tx, c => diesel::insert_into(grants::table).values(row).returning(grants::id).get_result(c))?;
    let grant = Grant { id, ..grant };
    let pair = Pair::draw(now)?;
    keep(tx, &grant, &pair, 1, now)?;
    told(tx, &grant, "grant", "ok", Some(address), now)?;
    Ok(pair)
}

/// Whether a text is a refresh token of a living grant, used or not.
pub fn is_living(conn: &mut impl AsConn, presented: &str, now: Instant) -> Result<bool, DbError> {
    match recognised(presented) {
        Some(digest) => Ok(living(conn, &digest, now)?.is_some()),
        None => Ok(false),
    }
}

fn recognised(presented: &str) -> Option<Digest> {
    Digest::recognise(presented).filter(|_| Kind::of(presented) == Some(Kind::Refresh))
}

/// Exchanges a refresh token for a pair. A reuse is kept, so that the transaction must be committed whatever comes of it.
pub fn refresh(tx: &mut Tx<'_>, presented: &str, address: &str, now: Instant) -> Result<Refreshed, DbError> {
    tx.must_hold(Hold::Shared)?;
    let Some(digest) = recognised(presented) else { return Ok(Refreshed::Unknown) };
    let Some(grant) = living(tx, &digest, now)? else { return Ok(Refreshed::Unknown) };
    // One exchange of a grant at a time; what was read before the turn came is read again.
    tx.hold_row(grant.guid)?;
    let Some(grant) = living(tx, &digest, now)? else { return Ok(Refreshed::Unknown) };
    let Some(token) = find(tx, digest.as_bytes())? else { return Ok(Refreshed::Unknown) };
    let successor_used = match &token.successor {
        Some(successor) => find(tx, successor)?.is_some_and(|successor| successor.used_at.is_some()),
        None => false,
    };
    // Another server, whose clock is ahead, may have swept it a little early: then the answer was lost.
    let is_recent = token.used_at.is_some_and(|at| now.0 - at.0 <= GRACE);
    let kept = token.sealed.as_deref().filter(|_| is_recent).and_then(|sealed| unseal(sealed, presented));
    match (token.used_at, kept) {
        _ if token.void => {}
        (None, _) => return exchange(tx, &grant, (presented, &digest), (&token, false), now),
        (Some(_), Some(pair)) => return Ok(Refreshed::Pair(pair)),
        (Some(_), None) if !successor_used && !token.reissued => {
            return exchange(tx, &grant, (presented, &digest), (&token, true), now);
        }
        (Some(_), None) => {}
    }
    end(tx, grant.id, now)?;
    told(tx, &grant, "reuse", "a refresh token came again", Some(address), now)?;
    let facts = serde_json::json!({"client": CLIENT, "address": address});
    let notice = Notice {
        user_id: grant.user_id,
        kind: notices::Kind::GrantReused,
        about: grant.guid.to_string(),
        facts: facts.as_object().cloned().unwrap_or_default(),
    };
    notices::tell(tx, &notice, now)?;
    Ok(Refreshed::Reused)
}

/// Gives the next pair; one that was lost is void from now on.
fn exchange(
    tx: &mut Tx<'_>,
    grant: &Grant,
    (presented, digest): (&str, &Digest),
    (token, replaces): (&Refresh, bool),
    now: Instant,
) -> Result<Refreshed, DbError> {
    let pair = Pair::draw(now)?;
    if let (true, Some(lost)) = (replaces, &token.successor) {
        let lost = refresh_tokens::table.find(lost);
        on!(tx, c => diesel::update(lost).set(refresh_tokens::void.eq(true)).execute(c))?;
    }
    let row = refresh_tokens::table.find(digest.as_bytes().as_slice());
    on!(tx, c => diesel::update(row)
        .set((
            refresh_tokens::used_at.eq(now),
            refresh_tokens::successor.eq(Digest::of(&pair.refresh).as_bytes().as_slice()),
            refresh_tokens::reissued.eq(replaces),
            refresh_tokens::sealed.eq(seal(&pair, presented)?),
        ))
        .execute(c))?;
    keep(tx, grant, &pair, token.generation + 1, now)?;
    on!(tx, c => diesel::update(grants::table.find(grant.id)).set(grants::refreshed_at.eq(now)).execute(c))?;
    Ok(Refreshed::Pair(pair))
}

/// Keeps the digests of a pair.
fn keep(tx: &mut Tx<'_>, grant: &Grant, pair: &Pair, generation: i32, now: Instant) -> Result<(), DbError> {
    let dead = access_tokens::table.filter(access_tokens::expires_at.le(now));
    on!(tx, c => diesel::delete(dead).execute(c))?;
    let access = (
        access_tokens::digest.eq(Digest::of(&pair.access).as_bytes().to_vec()),
        access_tokens::grant_id.eq(grant.id),
        access_tokens::expires_at.eq(Instant(pair.expires_at().0.min(grant.expires_at.0))),
    );
    on!(tx, c => diesel::insert_into(access_tokens::table).values(&access).execute(c))?;
    let refresh = (
        refresh_tokens::digest.eq(Digest::of(&pair.refresh).as_bytes().to_vec()),
        refresh_tokens::grant_id.eq(grant.id),
        refresh_tokens::generation.eq(generation),
        refresh_tokens::reissued.eq(false),
        refresh_tokens::void.eq(false),
    );
    on!(tx, c => diesel::insert_into(refresh_tokens::table).values(&refresh).execute(c))?;
    Ok(())
}

fn living(conn: &mut impl AsConn, digest: &Digest, now: Instant) -> Result<Option<Grant>, DbError> {
    let of_token = refresh_tokens::table.find(digest.as_bytes().as_slice()).select(refresh_tokens::grant_id);
    let id: Option<i32> = on!(conn, c => of_token.first(c).optional())?;
    let Some(id) = id else { return Ok(None) };
    Ok(on!(conn, c => grants::table
        .inner_join(users::table)
        .filter(grants::id.eq(id))
        .filter(grants::revoked_at.is_null())
        .filter(grants::expires_at.gt(now))
        .filter(users::is_active.eq(true))
        .select((grants::id, grants::guid, grants::user_id, grants::expires_at))
        .first(c)
        .optional())?)
}

fn find(conn: &mut impl AsConn, digest: &[u8]) -> Result<Option<Refresh>, DbError> {
    Ok(on!(conn, c => refresh_tokens::table
        .find(digest)
        .select((
            refresh_tokens::generation,
            refresh_tokens::used_at,
            refresh_tokens::successor,
            refresh_tokens::reissued,
            refresh_tokens::void,
            refresh_tokens::sealed,
        ))
        .first(c)
        .optional())?)
}

/// Ends a grant: its access with the next request, on every server (AU-5).
fn end(tx: &mut Tx<'_>, id: i32, now: Instant) -> Result<(), DbError> {
    on!(tx, c => diesel::update(grants::table.find(id))
        .set((grants::revoked_at.eq(now), grants::version.eq(grants::version + 1)))
        .execute(c))?;
    on!(tx, c => diesel::delete(access_tokens::table.filter(access_tokens::grant_id.eq(id))).execute(c))?;
    Ok(())
}

fn told(
    tx: &mut Tx<'_>,
    grant: &Grant,
    event: &'static str,
    outcome: &str,
    address: Option<&str>,
    now: Instant,
) -> Result<(), DbError> {
    let entry = Entry {
        event,
        outcome: outcome.to_owned(),
        user_id: Some(grant.user_id),
        credential: Some("pairing"),
        credential_id: Some(grant.id),
        address: address.map(str::to_owned),
        target: Some(grant.guid.to_string()),
        ..Entry::default()
    };
    audit::write(tx, &entry, now)
}

/// A grant as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Shown {
    pub guid: Guid,
    pub client: String,
    /// From which the PIN was asked for.
    pub address: String,
    pub created_at: Instant,
    pub expires_at: Instant,
    pub refreshed_at: Option<Instant>,
}

/// The living grants of a person, newest first.
pub fn list(conn: &mut impl AsConn, user_id: i32, now: Instant) -> Result<Vec<Shown>, DbError> {
    Ok(on!(conn, c => grants::table
        .filter(grants::user_id.eq(user_id))
        .filter(grants::revoked_at.is_null())
        .filter(grants::expires_at.gt(now))
        .order(grants::id.desc())
        .select((
            grants::guid,
            grants::client,
            grants::address,
            grants::created_at,
            grants::expires_at,
            grants::refreshed_at,
        ))
        .load(c))?)
}

/// Ends a grant of a person; whether there was one.
pub fn revoke(tx: &mut Tx<'_>, user_id: i32, guid: Guid, now: Instant) -> Result<bool, DbError> {
    tx.must_hold(Hold::Shared)?;
    tx.hold_row(guid)?;
    let found: Option<Grant> = on!(tx, c => grants::table
        .filter(grants::guid.eq(guid))
        .filter(grants::user_id.eq(user_id))
        .filter(grants::revoked_at.is_null())
        .select((grants::id, grants::guid, grants::user_id, grants::expires_at))
        .first(c)
        .optional())?;
    let Some(grant) = found else { return Ok(false) };
    end(tx, grant.id, now)?;
    told(tx, &grant, "grant-ended", "ok", None, now)?;
    Ok(true)
}

/// Whether pairs are kept beyond their minute.
pub fn has_stale(conn: &mut impl AsConn, now: Instant) -> Result<bool, DbError> {
    let count: i64 = on!(conn, c => stale(now).count().get_result(c))?;
    Ok(count > 0)
}

/// Deletes pairs whose minute is over.
pub fn sweep(tx: &mut Tx<'_>, now: Instant) -> Result<(), DbError> {
    let none: Option<Vec<u8>> = None;
    on!(tx, c => diesel::update(stale(now)).set(refresh_tokens::sealed.eq(&none)).execute(c))?;
    Ok(())
}

#[diesel::dsl::auto_type(no_type_alias)]
fn stale(now: Instant) -> _ {
    let until: Instant = Instant(now.0 - GRACE);
    refresh_tokens::table.filter(refresh_tokens::sealed.is_not_null()).filter(refresh_tokens::used_at.lt(until))
}

/// The key that only a token gives.
fn cipher(token: &str) -> Result<XChaCha20Poly1305, DbError> {
    let mut key = [0; 32];
    let expanded = Hkdf::<Sha256>::new(None, token.as_bytes()).expand(INFO, &mut key);
    expanded.map_err(|error| DbError::Other(format!("a key: {error}")))?;
    Ok(XChaCha20Poly1305::new(&Key::from(key)))
}

fn seal(pair: &Pair, token: &str) -> Result<Vec<u8>, DbError> {
    let mut sealed = vec![0; NONCE];
    getrandom::fill(&mut sealed).map_err(|error| DbError::Other(format!("no random numbers: {error}")))?;
    let text = serde_json::to_vec(pair).map_err(|error| DbError::Other(format!("a pair: {error}")))?;
    let nonce: [u8; NONCE] = sealed.as_slice().try_into().map_err(|_| DbError::Other("a nonce".to_owned()))?;
    let secret = cipher(token)?.encrypt(&XNonce::from(nonce), Payload { msg: &text, aad: INFO });
    sealed.extend(secret.map_err(|_| DbError::Other("a pair cannot be sealed".to_owned()))?);
    Ok(sealed)
}

fn unseal(sealed: &[u8], token: &str) -> Option<Pair> {
    let (nonce, secret) = sealed.split_at_checked(NONCE)?;
    let nonce: [u8; NONCE] = nonce.try_into().ok()?;
    let text = cipher(token).ok()?.decrypt(&XNonce::from(nonce), Payload { msg: secret, aad: INFO }).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_opens_with_its_token_alone() {
        let pair = Pair::draw(Instant(7)).unwrap();
        let sealed = seal(&pair, "tlr_one").unwrap();
        assert_eq!(unseal(&sealed, "tlr_one"), Some(pair.clone()));
        assert_eq!(unseal(&sealed, "tlr_two"), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(unseal(&changed, "tlr_one"), None, "{at}");
        }
        assert_eq!(unseal(&sealed[..10], "tlr_one"), None);
        assert!(!format!("{pair:?}").contains("tl"));
    }
}
