//! A person's notices: lists, what was read, and the end of old ones.

use diesel::prelude::*;
use serde_json::{Map, Value};

use super::Kind;
use crate::db::tables::notices;
use crate::db::{AsConn, DbError, Hold, Tx};
use crate::on;
use crate::sql::{Guid, Instant};

/// Notices are kept for 400 days, in microseconds.
const KEPT: i64 = 400 * 86_400_000_000;

/// A notice that was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub id: Guid,
    pub kind: Kind,
    pub facts: Map<String, Value>,
    pub at: Instant,
    pub read_at: Option<Instant>,
}

#[derive(Queryable)]
struct Row {
    guid: Guid,
    kind: String,
    facts: String,
    created_at: Instant,
    read_at: Option<Instant>,
}

type Columns = (notices::guid, notices::kind, notices::facts, notices::created_at, notices::read_at);

const COLUMNS: Columns = (notices::guid, notices::kind, notices::facts, notices::created_at, notices::read_at);

impl Row {
    /// None: of a kind that only a newer version knows.
    fn told(self) -> Option<Told> {
        let facts = serde_json::from_str(&self.facts).unwrap_or_default();
        let Row { guid: id, created_at: at, read_at, .. } = self;
        Some(Told { id, kind: Kind::of(&self.kind)?, facts, at, read_at })
    }
}

/// Names of the kinds that this version can put into words.
fn known() -> [&'static str; Kind::ALL.len()] {
    Kind::ALL.map(Kind::name)
}

/// A page of a person's notices: unread ones first, then the newest first.
pub fn list(conn: &mut impl AsConn, user_id: i32, skip: i64, count: i64) -> Result<Vec<Told>, DbError> {
    let rows: Vec<Row> = on!(conn, c => notices::table
        .filter(notices::user_id.eq(user_id))
        .filter(notices::kind.eq_any(known()))
        .order((notices::read_at.is_not_null(), notices::created_at.desc(), notices::id.desc()))
        .offset(skip)
        .limit(count)
        .select(COLUMNS)
        .load(c))?;
    Ok(rows.into_iter().filter_map(Row::told).collect())
}

/// How many a person has not read.
pub fn unread(conn: &mut impl AsConn, user_id: i32) -> Result<i64, DbError> {
    Ok(on!(conn, c => notices::table
        .filter(notices::user_id.eq(user_id))
        .filter(notices::kind.eq_any(known()))
        .filter(notices::read_at.is_null())
        .count()
        .get_result(c))?)
}

/// Notes that a person has read one. None: it is nobody's, or another's. What was read stays as it was.
pub fn mark_read(tx: &mut Tx<'_>, user_id: i32, id: Guid, now: Instant) -> Result<Option<Told>, DbError> {
    tx.must_hold(Hold::Shared)?;
    on!(tx, c => diesel::update(notices::table.filter(notices::guid.eq(id)))
        .filter(notices::user_id.eq(user_id))
        .filter(notices::read_at.is_null())
        .set(notices::read_at.eq(now))
        .execute(c))?;
    let row: Option<Row> = on!(tx, c => notices::table
        .filter(notices::guid.eq(id))
        .filter(notices::user_id.eq(user_id))
        .select(COLUMNS)
        .first(c)
        .optional())?;
    Ok(row.and_then(Row::told))
}

/// Notes that a person has read all.
pub fn mark_all_read(tx: &mut Tx<'_>, user_id: i32, now: Instant) -> Result<(), DbError> {
    tx.must_hold(Hold::Shared)?;
    on!(tx, c => diesel::update(notices::table.filter(notices::user_id.eq(user_id)))
        .filter(notices::read_at.is_null())
        .set(notices::read_at.eq(now))
        .execute(c))?;
    Ok(())
}

/// Whether notices are older than they are kept.
pub fn has_old(conn: &mut impl AsConn, now: Instant) -> Result<bool, DbError> {
    let old = notices::table.filter(notices::created_at.lt(Instant(now.0 - KEPT)));
    let count: i64 = on!(conn, c => old.count().get_result(c))?;
    Ok(count > 0)
}

/// Removes notices that are older than they are kept, read or not.
pub fn sweep(tx: &mut Tx<'_>, now: Instant) -> Result<(), DbError> {
    let old = notices::table.filter(notices::created_at.lt(Instant(now.0 - KEPT)));
    on!(tx, c => diesel::delete(old).execute(c))?;
    Ok(())
}
