//! Answers to requests that carry a key, so that a repeated one is not done again; kept for 24 hours.

use diesel::prelude::*;

use crate::db::tables::idempotency_keys;
use crate::db::{DbError, Tx};
use crate::on;
use crate::sql::Instant;

/// A key counts for one person on one route.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    pub user_id: i32,
    pub route: &'a str,
    pub key: &'a str,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Kept {
    /// A digest of the request.
    pub request: Vec<u8>,
    pub status: i32,
    pub answer: String,
}

/// Microseconds that an answer is kept.
const LIFETIME: i64 = 86_400_000_000;

/// The answer of the key, if it is not too old.
pub fn find(tx: &mut Tx<'_>, key: Key<'_>, now: Instant) -> Result<Option<Kept>, DbError> {
    Ok(on!(tx, c => idempotency_keys::table
        .find((key.user_id, key.route, key.key))
        .filter(idempotency_keys::created_at.gt(Instant(now.0 - LIFETIME)))
        .select((idempotency_keys::request, idempotency_keys::status, idempotency_keys::answer))
        .first(c)
        .optional())?)
}

/// Keeps an answer. Where another server answers the same key at this moment, one of the two is repeated and finds it.
pub fn keep(
    tx: &mut Tx<'_>,
    key: Key<'_>,
    request: &[u8],
    status: i32,
    answer: &str,
    now: Instant,
) -> Result<(), DbError> {
    let old = idempotency_keys::table.filter(idempotency_keys::created_at.le(Instant(now.0 - LIFETIME)));
    on!(tx, c => diesel::delete(old.filter(idempotency_keys::user_id.eq(key.user_id))).execute(c))?;
    let row = (
        idempotency_keys::user_id.eq(key.user_id),
        idempotency_keys::route.eq(key.route),
        idempotency_keys::key.eq(key.key),
        idempotency_keys::request.eq(request),
        idempotency_keys::status.eq(status),
        idempotency_keys::answer.eq(answer),
        idempotency_keys::created_at.eq(now),
    );
    let stored: QueryResult<usize> = on!(tx, c => diesel::insert_into(idempotency_keys::table).values(row).execute(c));
    match stored.map_err(DbError::from) {
        Ok(_) => Ok(()),
        Err(DbError::Unique(what)) => Err(DbError::Conflict(what)),
        Err(error) => Err(error),
    }
}
