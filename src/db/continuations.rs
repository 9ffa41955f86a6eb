//! Queries whose text is too long for a next link's address (contract §3.9).
//!
//! Kept by a digest of the text, so that a repeated query takes no more room; forgotten when no walk has needed them for
//! as long as a skip token lives.

use diesel::prelude::*;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::tables::continuations;
use super::{Conn, DbError, Tx};
use crate::on;
use crate::sql::{Guid, Instant};

/// Microseconds for which a query is kept at least.
const KEPT: i64 = 8 * 24 * 3_600 * 1_000_000;

/// Keeps a query; the id under which it is found.
pub fn keep(tx: &mut Tx<'_>, query: &str, now: Instant) -> Result<Guid, DbError> {
    let digest = Sha256::digest(query.as_bytes());
    let id = Guid(Uuid::from_slice(&digest[..16]).map_err(|e| DbError::Other(e.to_string()))?);
    let old = Instant(now.0.saturating_sub(KEPT));
    let row = (continuations::id.eq(id), continuations::query.eq(query), continuations::used_at.eq(now));
    on!(tx, c => {
        diesel::delete(continuations::table.filter(continuations::used_at.lt(old))).execute(c)?;
        diesel::insert_into(continuations::table)
            .values(&row)
            .on_conflict(continuations::id)
            .do_update()
            .set(continuations::used_at.eq(now))
            .execute(c)?;
    });
    Ok(id)
}

/// The query under this id, if it is still kept.
pub fn find(conn: &mut Conn, id: Guid) -> Result<Option<String>, DbError> {
    let query = continuations::table.find(id).select(continuations::query);
    Ok(on!(conn, c => query.first(c).optional())?)
}
