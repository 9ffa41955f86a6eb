//! What the house remembers of imports: which row of a file became which log, and how a person's files are read.
//!
//! In: digests of rows, names of profiles. Out: the logs that they became, so that a file changes nothing the second time
//! (UX-82). Rows are remembered for good, also of logs that were deleted since: the row brings them back.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use crate::db::tables::{import_profiles, import_rows, worklogs};
use crate::db::{AsConn, DbError, Tx};
use crate::domain::worklogs::Worklog;
use crate::on;
use crate::sql::{Guid, Insert, Instant, Value};

/// A row that came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Digest of all that it said.
    pub content: Guid,
    pub worklog_id: i64,
    /// The log was deleted since.
    pub deleted: bool,
}

/// What is known of rows, by their keys.
pub fn known(conn: &mut impl AsConn, keys: &[Guid]) -> Result<HashMap<Guid, Known>, DbError> {
    // Two statements, each by its key: nothing is left to a planner that does not know how the tables grew.
    let rows: Vec<(Guid, Guid, i64)> = on!(conn, c => import_rows::table
        .filter(import_rows::row_key.eq_any(keys))
        .select((import_rows::row_key, import_rows::content, import_rows::worklog_id))
        .load(c))?;
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<i64> = rows.iter().map(|(.., id)| *id).collect();
    let deleted: Vec<i64> = on!(conn, c => worklogs::table
        .filter(worklogs::id.eq_any(&ids))
        .filter(worklogs::deleted.eq(true))
        .select(worklogs::id)
        .load(c))?;
    let deleted: HashSet<i64> = deleted.into_iter().collect();
    let known =
        |(key, content, worklog_id)| (key, Known { content, worklog_id, deleted: deleted.contains(&worklog_id) });
    Ok(rows.into_iter().map(known).collect())
}

/// Logs by their internal ids.
pub fn logs(conn: &mut impl AsConn, ids: &[i64]) -> Result<HashMap<i64, Worklog>, DbError> {
    let logs: Vec<Worklog> = on!(conn, c => worklogs::table.filter(worklogs::id.eq_any(ids)).load(c))?;
    Ok(logs.into_iter().map(|log| (log.id, log)).collect())
}

/// Logs by the ids that the outside knows.
pub fn logs_by_guid(conn: &mut impl AsConn, guids: &[Guid]) -> Result<HashMap<Guid, Worklog>, DbError> {
    let logs: Vec<Worklog> = on!(conn, c => worklogs::table.filter(worklogs::guid.eq_any(guids)).load(c))?;
    Ok(logs.into_iter().map(|log| (log.guid, log)).collect())
}

/// A row that became a log: its key, its content, the log.
pub type Remembered = (Guid, Guid, i64);

/// Remembers new rows.
pub fn remember(tx: &mut Tx<'_>, rows: &[Remembered]) -> Result<(), DbError> {
    let mut insert = Insert::into("import_rows", &["row_key", "content", "worklog_id"]);
    insert.rows = rows
        .iter()
        .map(|(key, content, log)| vec![Value::Guid(*key), Value::Guid(*content), Value::Int64(*log)])
        .collect();
    tx.insert(&insert)
}

/// Rows that say something else now.
pub fn remember_anew(tx: &mut Tx<'_>, rows: &[Remembered]) -> Result<(), DbError> {
    for (key, content, log) in rows {
        let set = (import_rows::content.eq(*content), import_rows::worklog_id.eq(*log));
        on!(tx, c => diesel::update(import_rows::table.find(*key)).set(set).execute(c))?;
    }
    Ok(())
}

/// A person's profile of this name.
pub fn profile(conn: &mut impl AsConn, user_id: i32, name: &str) -> Result<Option<String>, DbError> {
    Ok(on!(conn, c => import_profiles::table
        .find((user_id, name))
        .select(import_profiles::profile)
        .first(c)
        .optional())?)
}

/// Names and texts of a person's profiles.
pub fn profiles(conn: &mut impl AsConn, user_id: i32) -> Result<Vec<(String, String)>, DbError> {
    Ok(on!(conn, c => import_profiles::table
        .filter(import_profiles::user_id.eq(user_id))
        .order(import_profiles::name)
        .select((import_profiles::name, import_profiles::profile))
        .load(c))?)
}

/// Keeps a profile under a name, whatever stood there.
pub fn keep_profile(tx: &mut Tx<'_>, user_id: i32, name: &str, profile: &str, now: Instant) -> Result<(), DbError> {
    drop_profile(tx, user_id, name)?;
    let row = (
        import_profiles::user_id.eq(user_id),
        import_profiles::name.eq(name),
        import_profiles::profile.eq(profile),
        import_profiles::changed_at.eq(now),
    );
    on!(tx, c => diesel::insert_into(import_profiles::table).values(row).execute(c))?;
    Ok(())
}

/// Removes a profile; says whether there was one.
pub fn drop_profile(tx: &mut Tx<'_>, user_id: i32, name: &str) -> Result<bool, DbError> {
    Ok(on!(tx, c => diesel::delete(import_profiles::table.find((user_id, name))).execute(c))? > 0)
}
