//! What a client shows beside the timer: work items and what was tracked on them.
//!
//! In: ids or a text, a caller. Out: items, and sums of the time that the caller sees (`policy`).

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use crate::db::tables::{work_items, worklogs};
use crate::db::{AsConn, DbError};
use crate::on;
use crate::policy::{Caller, Whose};
use crate::sql::Day;

diesel::define_sql_function! { fn lower(text: Nullable<Text>) -> Nullable<Text>; }

/// A work item, as clients of the timer show it.
#[derive(Clone, Debug, PartialEq, Queryable)]
pub struct Item {
    pub id: i32,
    pub parent_id: Option<i32>,
    pub title: Option<String>,
    pub kind: Option<String>,
    pub project: Option<String>,
    pub effort: Option<f64>,
}

type Columns = (
    work_items::id,
    work_items::parent_id,
    work_items::title,
    work_items::work_item_type,
    work_items::team_project,
    work_items::effort,
);

const COLUMNS: Columns = (
    work_items::id,
    work_items::parent_id,
    work_items::title,
    work_items::work_item_type,
    work_items::team_project,
    work_items::effort,
);

/// These items and their parents.
pub fn items(conn: &mut impl AsConn, ids: &[i32]) -> Result<HashMap<i32, Item>, DbError> {
    let load = |conn: &mut _, ids: &[i32]| -> Result<Vec<Item>, DbError> {
        Ok(on!(conn, c => work_items::table.filter(work_items::id.eq_any(ids)).select(COLUMNS).load(c))?)
    };
    let conn = conn.as_conn();
    let mut items = load(conn, ids)?;
    let parents: Vec<i32> = items.iter().filter_map(|item| item.parent_id).collect();
    if !parents.is_empty() {
        items.extend(load(conn, &parents)?);
    }
    Ok(items.into_iter().map(|item| (item.id, item)).collect())
}

/// Ids of the items whose title has this text, in any case of A to Z; newest first.
pub fn titled(conn: &mut impl AsConn, text: &str, most: i64) -> Result<Vec<i32>, DbError> {
    let escaped: String = text.to_ascii_lowercase().chars().fold(String::new(), |mut escaped, letter| {
        if matches!(letter, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(letter);
        escaped
    });
    let pattern = format!("%{escaped}%");
    Ok(on!(conn, c => work_items::table
        .filter(lower(work_items::title).like(&pattern).escape('\\'))
        .select(work_items::id)
        .order(work_items::id.desc())
        .limit(most)
        .load(c))?)
}

/// Seconds on an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub mine_today: i64,
    pub mine: i64,
    /// Of everybody whose time the caller sees.
    pub teams: i64,
}

/// What was tracked on an item.
pub fn totals(conn: &mut impl AsConn, caller: &Caller, item: i32, today: Day) -> Result<Totals, DbError> {
    let mut sum = |user: Option<i32>, day: Option<Day>| -> Result<i64, DbError> {
        let found: Option<i64> = on!(conn, c => {
            let mut query = worklogs::table
                .filter(worklogs::work_item_id.eq(item))
                .filter(worklogs::deleted.eq(false))
                .select(diesel::dsl::sum(worklogs::length_seconds))
                .into_boxed();
            if let Some(user) = user {
                query = query.filter(worklogs::user_id.eq(user));
            }
            if let Some(day) = day {
                query = query.filter(worklogs::work_date.eq(day));
            }
            query.first(c)
        })?;
        Ok(found.unwrap_or_default())
    };
    let me = Some(caller.user_id);
    let mine = sum(me, None)?;
    let teams = match caller.sees_time_of() {
        Whose::Everybodys => sum(None, None)?,
        Whose::Own(_) => mine,
        Whose::Nobodys => 0,
    };
    Ok(Totals { mine_today: sum(me, Some(today))?, mine, teams })
}
