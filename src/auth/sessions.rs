//! People in browsers (AU-72, AU-74): a cookie of 256 bits, of which the digest is kept.
//!
//! A session ends eight hours after it was last used and fourteen days after it began, as configured; with its person's
//! sign-out; and with everything that disables a person. It gets another cookie when the person's rights have changed, so
//! that none lives longer than what it was given for; requests that are under way end with the former one.

use std::time::Duration;

use diesel::prelude::*;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{Digest, Refusal, secret};
use crate::db::tables::{sessions, users};
use crate::db::{AsConn, DbError, Hold, Tx};
use crate::on;
use crate::policy::{Caller, Duties, Role};
use crate::sql::{Guid, Instant};

/// The name of the key of [`csrf_token`].
pub const CSRF: &str = "csrf";
/// For how long a former cookie is good.
const HANDOVER: i64 = 60_000_000;
/// For how long a sign-in is recent.
pub const RECENT: i64 = 900_000_000;
/// Sessions of a person; the least used ones beyond go.
const MOST: i64 = 50;

/// When sessions end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// After the last request.
    pub idle: Duration,
    /// After the sign-in.
    pub whole: Duration,
}

impl Default for Lifetime {
    fn default() -> Lifetime {
        Lifetime { idle: Duration::from_secs(8 * 3_600), whole: Duration::from_secs(14 * 86_400) }
    }
}

/// The time after a duration.
pub(super) fn after(now: Instant, duration: Duration) -> Instant {
    Instant(now.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
}

/// What a request learns of its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub id: i32,
    pub guid: Guid,
    /// How it began.
    pub kind: String,
    pub signed_in_at: Instant,
    pub expires_at: Instant,
    /// The person's rights have changed since the cookie was given.
    pub is_outdated: bool,
}

impl Held {
    /// Whether the person proved who they are a moment ago: what makes credentials asks for that (AU-74).
    pub fn is_recent(&self, now: Instant) -> bool {
        now.0 - self.signed_in_at.0 <= RECENT
    }

    pub fn must_be_recent(&self, now: Instant) -> Result<(), Refusal> {
        if self.is_recent(now) { Ok(()) } else { Err(Refusal::Stale) }
    }
}

/// Somebody who has proven who they are.
#[derive(Clone, Debug)]
pub struct NewSession {
    pub user_id: i32,
    /// `local`, `oidc`, `ntlm`, `proxy`
    pub kind: &'static str,
    /// The name of the session at the OpenID provider.
    pub provider_session: Option<String>,
    pub signed_in_at: Instant,
    pub address: Option<String>,
    pub client: Option<String>,
}

/// Makes a session: the cookie, and its id.
pub fn open(
    tx: &mut Tx<'_>,
    new: &NewSession,
    lifetime: Lifetime,
    now: Instant,
) -> Result<Option<(String, Guid)>, DbError> {
    tx.must_hold(Hold::Shared)?;
    super::make_key(tx, CSRF)?;
    on!(tx, c => diesel::delete(sessions::table.filter(sessions::expires_at.le(now))).execute(c))?;
    let person = users::table.find(new.user_id).filter(users::is_active.eq(true));
    let auth_version: Option<i32> = on!(tx, c => person.select(users::auth_version).first(c).optional())?;
    let Some(auth_version) = auth_version else { return Ok(None) };
    make_room(tx, new.user_id)?;
    let (cookie, guid) = (secret::draw()?, Guid(uuid::Uuid::now_v7()));
    let row = (
        sessions::guid.eq(guid),
        sessions::digest.eq(Digest::of(&cookie).as_bytes().to_vec()),
        sessions::user_id.eq(new.user_id),
        sessions::kind.eq(new.kind),
        sessions::provider_session.eq(&new.provider_session),
        sessions::auth_version.eq(auth_version),
        sessions::signed_in_at.eq(new.signed_in_at),
        sessions::created_at.eq(now),
        sessions::seen_at.eq(now),
        sessions::idle_until.eq(after(now, lifetime.idle)),
        sessions::expires_at.eq(after(now, lifetime.whole)),
        sessions::address.eq(&new.address),
        sessions::client.eq(&new.client),
    );
    on!(tx, c => diesel::insert_into(sessions::table).values(&row).execute(c))?;
    Ok(Some((cookie, guid)))
}

fn make_room(tx: &mut Tx<'_>, user_id: i32) -> Result<(), DbError> {
    let by_use = sessions::table.filter(sessions::user_id.eq(user_id)).order(sessions::seen_at.desc());
    let beyond: Vec<i32> = on!(tx, c => by_use.offset(MOST - 1).limit(MOST).select(sessions::id).load(c))?;
    on!(tx, c => diesel::delete(sessions::table.filter(sessions::id.eq_any(&beyond))).execute(c))?;
    Ok(())
}

/// Who a cookie speaks for: the caller, their version, the session.
pub(super) fn find(
    conn: &mut impl AsConn,
    digest: &Digest,
    now: Instant,
) -> Result<Option<(Caller, i32, Held)>, DbError> {
    type Found = ((i32, Guid, String, Vec<u8>, i32, Instant, Instant), (i32, Guid, String, i32, i32, i32));
    let bytes = digest.as_bytes().as_slice();
    let by_former = sessions::former.eq(bytes).and(sessions::former_until.gt(now)).assume_not_null();
    // No LIMIT: see `lookup`.
    let found: Option<Found> = on!(conn, c => sessions::table
        .inner_join(users::table)
        .filter(sessions::digest.eq(bytes).or(by_former))
        .filter(sessions::expires_at.gt(now))
        .filter(sessions::idle_until.gt(now))
        .filter(users::is_active.eq(true))
        .select((
            (
                sessions::id,
                sessions::guid,
                sessions::kind,
                sessions::digest,
                sessions::auth_version,
                sessions::signed_in_at,
                sessions::expires_at,
            ),
            (users::id, users::guid, users::name, users::role, users::auth_version, users::duties),
        ))
        .get_result(c)
        .optional())?;
    let read = |(session, person): Found| {
        let (id, guid, kind, newest, given_under, signed_in_at, expires_at) = session;
        let (user_id, user_guid, name, role, auth_version, duties) = person;
        let caller =
            Caller { user_id, user_guid, name, role: Role::from_number(role), duties: Duties::from_bits(duties) };
        let is_outdated = given_under != auth_version && digest.is(&newest);
        (caller, auth_version, Held { id, guid, kind, signed_in_at, expires_at, is_outdated })
    };
    Ok(found.map(read))
}

/// Gives a session another cookie, under its person's rights of now. None: another request has done it already.
pub fn renew(tx: &mut Tx<'_>, digest: &Digest, now: Instant) -> Result<Option<String>, DbError> {
    tx.must_hold(Hold::Shared)?;
    let held = sessions::table.filter(sessions::digest.eq(digest.as_bytes().as_slice()));
    let of_person = sessions::table
        .inner_join(users::table)
        .filter(sessions::digest.eq(digest.as_bytes().as_slice()))
        .select(users::auth_version);
    let auth_version: Option<i32> = on!(tx, c => of_person.first(c).optional())?;
    let Some(auth_version) = auth_version else { return Ok(None) };
    let cookie = secret::draw()?;
    let changed = on!(tx, c => diesel::update(held)
        .set((
            sessions::digest.eq(Digest::of(&cookie).as_bytes().to_vec()),
            sessions::former.eq(Some(digest.as_bytes().to_vec())),
            sessions::former_until.eq(Some(Instant(now.0 + HANDOVER))),
            sessions::auth_version.eq(auth_version),
        ))
        .execute(c))?;
    Ok((changed > 0).then_some(cookie))
}

/// A session as its person may see it.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Shown {
    pub guid: Guid,
    pub kind: String,
    pub created_at: Instant,
    /// Within some minutes.
    pub seen_at: Instant,
    pub expires_at: Instant,
    pub address: Option<String>,
    pub client: Option<String>,
}

/// The living sessions of a person, the latest used first.
pub fn list(conn: &mut impl AsConn, user_id: i32, now: Instant) -> Result<Vec<Shown>, DbError> {
    Ok(on!(conn, c => sessions::table
        .filter(sessions::user_id.eq(user_id))
        .filter(sessions::expires_at.gt(now))
        .filter(sessions::idle_until.gt(now))
        .order((sessions::seen_at.desc(), sessions::id.desc()))
        .select((
            sessions::guid,
            sessions::kind,
            sessions::created_at,
            sessions::seen_at,
            sessions::expires_at,
            sessions::address,
            sessions::client,
        ))
        .load(c))?)
}

/// Ends a session of a person; whether there was one.
pub fn end(tx: &mut Tx<'_>, user_id: i32, guid: Guid) -> Result<bool, DbError> {
    let theirs = sessions::table.filter(sessions::guid.eq(guid)).filter(sessions::user_id.eq(user_id));
    Ok(on!(tx, c => diesel::delete(theirs).execute(c))? > 0)
}

/// Ends the sessions of a person, but for one where it is named.
pub fn end_all(tx: &mut Tx<'_>, user_id: i32, but: Option<Guid>) -> Result<usize, DbError> {
    // No session has this id.
    let but = but.unwrap_or(Guid(uuid::Uuid::nil()));
    let theirs = sessions::table.filter(sessions::user_id.eq(user_id)).filter(sessions::guid.ne(but));
    Ok(on!(tx, c => diesel::delete(theirs).execute(c))?)
}

/// Ends the session of a cookie; whose it was.
pub fn end_of_cookie(tx: &mut Tx<'_>, digest: &Digest) -> Result<Option<(i32, Guid)>, DbError> {
    let theirs = sessions::table.filter(sessions::digest.eq(digest.as_bytes().as_slice()));
    let found: Option<(i32, Guid)> =
        on!(tx, c => theirs.select((sessions::user_id, sessions::guid)).first(c).optional())?;
    on!(tx, c => diesel::delete(theirs).execute(c))?;
    Ok(found)
}

/// Ends the sessions that a person began in one way.
pub fn end_of_kind(tx: &mut Tx<'_>, user_id: i32, kind: &str) -> Result<Vec<(i32, Guid)>, DbError> {
    let theirs = sessions::table.filter(sessions::user_id.eq(user_id)).filter(sessions::kind.eq(kind));
    let found: Vec<(i32, Guid)> = on!(tx, c => theirs.select((sessions::user_id, sessions::guid)).load(c))?;
    on!(tx, c => diesel::delete(theirs).execute(c))?;
    Ok(found)
}

/// Ends what a session at the OpenID provider began here; whose it was.
pub fn end_of_provider(tx: &mut Tx<'_>, provider_session: &str) -> Result<Vec<(i32, Guid)>, DbError> {
    let theirs = sessions::table.filter(sessions::provider_session.eq(provider_session));
    let found: Vec<(i32, Guid)> = on!(tx, c => theirs.select((sessions::user_id, sessions::guid)).load(c))?;
    on!(tx, c => diesel::delete(theirs).execute(c))?;
    Ok(found)
}

/// What a page sends along with a change, to show that it is one of ours (AU-73). It stays the same while the session does.
pub fn csrf_token(key: &[u8; 32], session: Guid) -> String {
    use base64::Engine;
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(session.0.as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// Whether that is the session's token, in constant time.
pub fn is_csrf_token(key: &[u8; 32], session: Guid, sent: &[u8]) -> bool {
    let expected = csrf_token(key, session);
    !expected.is_empty() && bool::from(expected.as_bytes().ct_eq(sent))
}
