//! Making, listing and revoking API tokens (AU-12, AU-13, AU-16).
//!
//! Each change raises the token's version, so that it holds for the very next request of every server.

use diesel::prelude::*;

use super::notices;
use super::tokens::{DEFAULT_LIFETIME_DAYS, Digest, Kind, LIFETIME_DAYS, Minted, SHOWN, Scopes, TOKENS_A_PERSON};
use crate::db::tables::{api_tokens, users};
use crate::db::{AsConn, DbError, Failure, Tx};
use crate::on;
use crate::sql::{Guid, Instant};

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// Why no token is made or revoked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("a token lives from 1 to 366 days, not {0}")]
    Lifetime(u32),
    #[error("a person may have {TOKENS_A_PERSON} living tokens; revoke one first")]
    TooMany,
    #[error("there is no such token")]
    Unknown,
    #[error("several tokens begin like this; name one by its id")]
    Ambiguous,
    /// AU-11.
    #[error(
        "a former server's token has 32 to 128 of the characters A-Z a-z 0-9 . _ ~ + / = - and does not begin as tokens of this one do"
    )]
    Foreign,
    #[error("this token is kept already")]
    Kept,
    #[error("the system's random source failed: {0}")]
    Random(String),
    #[error(transparent)]
    Database(#[from] DbError),
}

impl Failure for TokenError {
    fn database(&self) -> Option<&DbError> {
        match self {
            TokenError::Database(error) => Some(error),
            _ => None,
        }
    }
}

impl From<diesel::result::Error> for TokenError {
    fn from(error: diesel::result::Error) -> TokenError {
        TokenError::Database(error.into())
    }
}

/// A token as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Token {
    pub guid: Guid,
    pub prefix: String,
    pub name: String,
    pub user: String,
    pub scopes: i32,
    pub created_at: Instant,
    pub expires_at: Instant,
    pub revoked_at: Option<Instant>,
    pub last_used_at: Option<Instant>,
    pub per_minute: Option<i32>,
}

#[derive(Insertable)]
#[diesel(table_name = api_tokens)]
struct New<'a> {
    guid: Guid,
    digest: &'a [u8],
    prefix: &'a str,
    user_id: i32,
    name: &'a str,
    scopes: i32,
    created_at: Instant,
    expires_at: Instant,
    version: i32,
    requests_per_minute: Option<i32>,
}

/// Characters of a former server's token, at least; and those that tell one from another.
const SHORTEST_IMPORTED: usize = 32;
const IMPORTED_PREFIX: usize = 8;

/// A token to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewToken<'a> {
    pub user_id: i32,
    pub name: &'a str,
    /// Otherwise a year.
    pub days: Option<u32>,
    pub scopes: Scopes,
    /// Requests that it may make in a minute; none: any.
    pub per_minute: Option<i32>,
}

/// Makes a token for a person. The caller shows it once; the database keeps its digest.
pub fn create(tx: &mut Tx<'_>, token: NewToken<'_>, now: Instant) -> Result<Minted, TokenError> {
    Ok(make(tx, token, now)?.0)
}

/// As [`create`], with the token's id.
pub fn make(tx: &mut Tx<'_>, token: NewToken<'_>, now: Instant) -> Result<(Minted, Guid), TokenError> {
    let expires_at = admitted(tx, &token, now)?;
    insert(tx, token, expires_at, now)
}

/// Keeps a token that a former server gave out, so that whoever has it goes on with it (AU-11). What it is drawn from is not
/// known, so that a short one is not taken.
pub fn import(tx: &mut Tx<'_>, token: NewToken<'_>, secret: &str, now: Instant) -> Result<Guid, TokenError> {
    let is_theirs = Kind::of(secret).is_none() && secret.len() >= SHORTEST_IMPORTED;
    let digest = Digest::recognise(secret).filter(|_| is_theirs).ok_or(TokenError::Foreign)?;
    let expires_at = admitted(tx, &token, now)?;
    let same = api_tokens::table.filter(api_tokens::digest.eq(digest.as_bytes().as_slice()));
    let kept: i64 = on!(tx, c => same.count().get_result(c))?;
    if kept > 0 {
        return Err(TokenError::Kept);
    }
    let prefix: String = secret.chars().take(IMPORTED_PREFIX).collect();
    keep(tx, token, (digest.as_bytes(), &prefix), expires_at, now)
}

/// The end of a token that a person may have.
fn admitted(conn: &mut impl AsConn, token: &NewToken<'_>, now: Instant) -> Result<Instant, TokenError> {
    let days = token.days.unwrap_or(DEFAULT_LIFETIME_DAYS);
    if !LIFETIME_DAYS.contains(&days) {
        return Err(TokenError::Lifetime(days));
    }
    if living(conn, token.user_id, now)? >= TOKENS_A_PERSON {
        return Err(TokenError::TooMany);
    }
    Ok(Instant(now.0.saturating_add(i64::from(days) * DAY)))
}

fn living(conn: &mut impl AsConn, user_id: i32, now: Instant) -> Result<i64, DbError> {
    Ok(on!(conn, c => api_tokens::table
        .filter(api_tokens::user_id.eq(user_id))
        .filter(api_tokens::revoked_at.is_null())
        .filter(api_tokens::expires_at.gt(now))
        .count()
        .get_result(c))?)
}

fn insert(
    tx: &mut Tx<'_>,
    token: NewToken<'_>,
    expires_at: Instant,
    now: Instant,
) -> Result<(Minted, Guid), TokenError> {
    let minted = Minted::draw(Kind::Api).map_err(|error| TokenError::Random(error.to_string()))?;
    let guid = keep(tx, token, (minted.digest().as_bytes(), minted.prefix()), expires_at, now)?;
    Ok((minted, guid))
}

fn keep(
    tx: &mut Tx<'_>,
    token: NewToken<'_>,
    (digest, prefix): (&[u8], &str),
    expires_at: Instant,
    now: Instant,
) -> Result<Guid, TokenError> {
    let NewToken { user_id, name, scopes, per_minute, .. } = token;
    let new = New {
        guid: Guid(uuid::Uuid::now_v7()),
        digest,
        prefix,
        user_id,
        name,
        scopes: scopes.bits(),
        created_at: now,
        expires_at,
        version: 1,
        requests_per_minute: per_minute,
    };
    on!(tx, c => diesel::insert_into(api_tokens::table).values(&new).execute(c))?;
    Ok(new.guid)
}

/// A new secret for a living token of a person (AU-16): name, scopes, limit and length of life stay. The old one goes on for so
/// many hours, if it has them.
pub fn rotate(
    tx: &mut Tx<'_>,
    user_id: i32,
    guid: Guid,
    overlap_hours: u32,
    now: Instant,
) -> Result<(Minted, Guid), TokenError> {
    let token = of_person(tx, user_id, guid)?.filter(|token| token.revoked_at.is_none() && now < token.expires_at);
    let token = token.ok_or(TokenError::Unknown)?;
    // Old ones that go on for a while count, but not against the first rotation.
    if living(tx, user_id, now)? >= 2 * TOKENS_A_PERSON {
        return Err(TokenError::TooMany);
    }
    let old_until = token.expires_at.0.min(now.0.saturating_add(i64::from(overlap_hours) * HOUR));
    on!(tx, c => diesel::update(api_tokens::table.filter(api_tokens::guid.eq(guid)))
        .set((
            api_tokens::expires_at.eq(Instant(old_until)),
            api_tokens::rotated_at.eq(now),
            api_tokens::version.eq(api_tokens::version + 1),
        ))
        .execute(c))?;
    notices::forget(tx, notices::Kind::TokenExpires, &guid.to_string())?;
    let scopes = Scopes::from_bits(token.scopes);
    let new = NewToken { user_id, name: &token.name, days: None, scopes, per_minute: token.per_minute };
    let expires_at = Instant(now.0.saturating_add(token.expires_at.0 - token.created_at.0));
    insert(tx, new, expires_at, now)
}

/// A token of a person by its id.
pub fn of_person(conn: &mut impl AsConn, user_id: i32, guid: Guid) -> Result<Option<Token>, TokenError> {
    Ok(list(conn, Some(user_id))?.into_iter().find(|token| token.guid == guid))
}

/// Revokes the token that has this secret; gives how it is shown, if it was one.
pub fn revoke_held(tx: &mut Tx<'_>, secret: &str, now: Instant) -> Result<Option<Guid>, TokenError> {
    let Some(digest) = Digest::recognise(secret) else { return Ok(None) };
    let of_secret = api_tokens::table.filter(api_tokens::digest.eq(digest.as_bytes().as_slice()));
    let guid: Option<Guid> = on!(tx, c => of_secret.select(api_tokens::guid).first(c).optional())?;
    if let Some(guid) = guid {
        end(tx, guid, now)?;
    }
    Ok(guid)
}

/// Revokes a token by its id. Again, it changes nothing.
pub fn end(tx: &mut Tx<'_>, guid: Guid, now: Instant) -> Result<(), TokenError> {
    on!(tx, c => diesel::update(api_tokens::table.filter(api_tokens::guid.eq(guid)))
        .filter(api_tokens::revoked_at.is_null())
        .set((api_tokens::revoked_at.eq(now), api_tokens::version.eq(api_tokens::version + 1)))
        .execute(c))?;
    notices::forget(tx, notices::Kind::TokenExpires, &guid.to_string())?;
    Ok(())
}

/// All tokens, or those of one person, newest first.
pub fn list(conn: &mut impl AsConn, user_id: Option<i32>) -> Result<Vec<Token>, TokenError> {
    let columns = (
        api_tokens::guid,
        api_tokens::prefix,
        api_tokens::name,
        users::unique_name,
        api_tokens::scopes,
        api_tokens::created_at,
        api_tokens::expires_at,
        api_tokens::revoked_at,
        api_tokens::last_used_at,
        api_tokens::requests_per_minute,
    );
    let order = (api_tokens::created_at.desc(), api_tokens::id.desc());
    let tokens = match user_id {
        None => on!(conn, c => api_tokens::table.inner_join(users::table).order(order).select(columns).load(c)),
        Some(user) => on!(conn, c => api_tokens::table
            .inner_join(users::table)
            .filter(api_tokens::user_id.eq(user))
            .order(order)
            .select(columns)
            .load(c)),
    };
    Ok(tokens?)
}

/// Revokes a token, named by its id, its whole text or the characters that are shown of it. Gives how it is shown.
/// Revoking it again changes nothing.
pub fn revoke(tx: &mut Tx<'_>, which: &str, now: Instant) -> Result<Token, TokenError> {
    let guid = uuid::Uuid::parse_str(which).ok().map(Guid);
    let shown = if Digest::recognise(which).is_some() { which.get(..SHOWN) } else { Some(which) };
    let all = list(tx, None)?;
    let mut found = all.into_iter().filter(|token| Some(token.guid) == guid || Some(token.prefix.as_str()) == shown);
    let token = found.next().ok_or(TokenError::Unknown)?;
    if found.next().is_some() {
        return Err(TokenError::Ambiguous);
    }
    end(tx, token.guid, now)?;
    Ok(token)
}
