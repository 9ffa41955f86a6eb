//! Logs in the sight of a caller, as rows, for the interfaces that write too.
//!
//! In: a caller and what is asked for. Out: [`Worklog`]s of the people whose time the caller sees (`policy`), newest
//! first. Reports are not made here: they are OData's.

use std::collections::HashMap;

use diesel::prelude::*;

use super::Worklog;
use crate::db::tables::{work_items, worklogs};
use crate::db::{AsConn, DbError};
use crate::on;
use crate::policy::{Caller, Whose};
use crate::sql::{Day, Guid, Instant};

/// Ids of one statement.
const CHUNK: usize = 10_000;

/// Which logs (contract §4.2). Bounds are exclusive.
#[derive(Clone, Debug)]
pub struct Filter {
    /// None: of everybody whom the caller sees.
    pub user_id: Option<i32>,
    /// None: with any work item or without.
    pub work_items: Option<Vec<i32>>,
    pub from: Option<Instant>,
    pub to: Option<Instant>,
    pub created_from: Option<Instant>,
    pub created_to: Option<Instant>,
    pub skip: i64,
    pub count: i64,
}

/// A page of logs, newest first.
pub fn list(conn: &mut impl AsConn, caller: &Caller, filter: &Filter) -> Result<Vec<Worklog>, DbError> {
    let Some(user_id) = narrowed(caller, filter.user_id) else { return Ok(Vec::new()) };
    Ok(on!(conn, c => {
        let mut query = worklogs::table.filter(worklogs::deleted.eq(false)).into_boxed();
        if let Some(user) = user_id {
            query = query.filter(worklogs::user_id.eq(user));
        }
        if let Some(items) = &filter.work_items {
            query = query.filter(worklogs::work_item_id.eq_any(items));
        }
        if let Some(from) = filter.from {
            query = query.filter(worklogs::started_at.gt(from));
        }
        if let Some(to) = filter.to {
            query = query.filter(worklogs::started_at.lt(to));
        }
        if let Some(from) = filter.created_from {
            query = query.filter(worklogs::created_at.gt(from));
        }
        if let Some(to) = filter.created_to {
            query = query.filter(worklogs::created_at.lt(to));
        }
        query
            .order((worklogs::started_at.desc(), worklogs::id.desc()))
            .offset(filter.skip)
            .limit(filter.count)
            .load(c)
    })?)
}

/// The person to narrow to, in what the caller sees; the outer none: nothing is left.
fn narrowed(caller: &Caller, wanted: Option<i32>) -> Option<Option<i32>> {
    match (caller.sees_time_of(), wanted) {
        (Whose::Nobodys, _) => None,
        (Whose::Own(me), None) => Some(Some(me)),
        (Whose::Own(me), Some(user)) => (me == user).then_some(Some(user)),
        (Whose::Everybodys, wanted) => Some(wanted),
    }
}

/// A log that is there for the caller.
pub fn find(conn: &mut impl AsConn, caller: &Caller, guid: Guid) -> Result<Option<Worklog>, DbError> {
    Ok(any(conn, caller, guid)?.filter(|log| !log.deleted))
}

/// Those of these logs that are there for the caller.
pub fn all(conn: &mut impl AsConn, caller: &Caller, guids: &[Guid]) -> Result<Vec<Worklog>, DbError> {
    let mut logs = Vec::with_capacity(guids.len());
    for guids in guids.chunks(CHUNK) {
        let found: Vec<Worklog> = on!(conn, c => worklogs::table
            .filter(worklogs::guid.eq_any(guids))
            .filter(worklogs::deleted.eq(false))
            .order(worklogs::id)
            .load(c))?;
        logs.extend(found.into_iter().filter(|log| caller.sees_time_of().include(log.user_id)));
    }
    Ok(logs)
}

/// A deleted log that was the caller's to see.
pub fn find_deleted(conn: &mut impl AsConn, caller: &Caller, guid: Guid) -> Result<Option<Worklog>, DbError> {
    Ok(any(conn, caller, guid)?.filter(|log| log.deleted))
}

/// Deleted or not.
pub fn any(conn: &mut impl AsConn, caller: &Caller, guid: Guid) -> Result<Option<Worklog>, DbError> {
    let found: Option<Worklog> = on!(conn, c => worklogs::table.filter(worklogs::guid.eq(guid)).first(c).optional())?;
    Ok(found.filter(|log| caller.sees_time_of().include(log.user_id)))
}

/// Seconds by person, work item and day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub by_user: Vec<(i32, i64)>,
    pub by_item: Vec<(Option<i32>, i64)>,
    pub by_day: Vec<(Day, i64)>,
}

/// Seconds by one column of the logs that a report counts.
macro_rules! sums_by {
    ($conn:expr, $user:expr, $days:expr, $column:ident) => {
        on!($conn, c => {
            let mut query = worklogs::table
                .filter(worklogs::deleted.eq(false))
                .group_by(worklogs::$column)
                .select((worklogs::$column, diesel::dsl::sum(worklogs::length_seconds)))
                .order(worklogs::$column)
                .into_boxed();
            if let Some(user) = $user {
                query = query.filter(worklogs::user_id.eq(user));
            }
            if let Some(from) = $days.0 {
                query = query.filter(worklogs::work_date.ge(from));
            }
            if let Some(to) = $days.1 {
                query = query.filter(worklogs::work_date.le(to));
            }
            query.load::<(_, Option<i64>)>(c)
        })
    };
}

/// Sums of the days from one to another, both included (contract §4.2, `/reports/time`).
pub fn totals(
    conn: &mut impl AsConn,
    caller: &Caller,
    user_id: Option<i32>,
    days: (Option<Day>, Option<Day>),
) -> Result<Totals, DbError> {
    let Some(user) = narrowed(caller, user_id) else { return Ok(Totals::default()) };
    Ok(Totals {
        by_user: filled(sums_by!(conn, user, days, user_id)?),
        by_item: filled(sums_by!(conn, user, days, work_item_id)?),
        by_day: filled(sums_by!(conn, user, days, work_date)?),
    })
}

fn filled<K>(sums: Vec<(K, Option<i64>)>) -> Vec<(K, i64)> {
    sums.into_iter().map(|(key, seconds)| (key, seconds.unwrap_or_default())).collect()
}

/// Titles of work items.
pub fn titles(conn: &mut impl AsConn, items: &[i32]) -> Result<HashMap<i32, String>, DbError> {
    let rows: Vec<(i32, Option<String>)> = on!(conn, c => work_items::table
        .filter(work_items::id.eq_any(items))
        .select((work_items::id, work_items::title))
        .load(c))?;
    Ok(rows.into_iter().map(|(id, title)| (id, title.unwrap_or_default())).collect())
}
