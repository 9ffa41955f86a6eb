//! Weeks in the sight of a caller.

use std::collections::HashMap;

use diesel::dsl::{count, sum};
use diesel::prelude::*;

use super::{Approval, Reach, State};
use crate::db::tables::{approvals, users, worklogs};
use crate::db::{AsConn, DbError};
use crate::domain::weeks::Week;
use crate::on;
use crate::policy::{Caller, Role};
use crate::sql::Day;

/// Which weeks: those that have a day in the range.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    pub from: Option<Day>,
    pub to: Option<Day>,
    pub skip: i64,
    pub count: i64,
}

/// A person's week, once a step was taken.
pub fn find(conn: &mut impl AsConn, user_id: i32, week: Week) -> Result<Option<Approval>, DbError> {
    Ok(on!(conn, c => approvals::table
        .filter(approvals::user_id.eq(user_id))
        .filter(approvals::week_start.eq(week.start))
        .first(c)
        .optional())?)
}

pub(super) fn by_id(conn: &mut impl AsConn, id: i32) -> Result<Option<Approval>, DbError> {
    Ok(on!(conn, c => approvals::table.find(id).first(c).optional())?)
}

/// Weeks that the caller decides, the latest first.
pub fn list(conn: &mut impl AsConn, caller: &Caller, filter: Filter) -> Result<Vec<Approval>, DbError> {
    let reach = Reach::of(caller);
    if reach == Reach::Nobody {
        return Ok(Vec::new());
    }
    Ok(on!(conn, c => {
        let mut query = approvals::table.into_boxed();
        if reach == Reach::Assigned {
            let assigned = users::table.filter(users::manager_id.eq(caller.user_id)).select(users::id);
            query = query.filter(
                approvals::manager_id.eq(caller.user_id).assume_not_null().or(approvals::user_id.eq_any(assigned)),
            );
        }
        if let Some(from) = filter.from {
            query = query.filter(approvals::week_start.gt(Day(from.0.saturating_sub(7))));
        }
        if let Some(to) = filter.to {
            query = query.filter(approvals::week_start.le(to));
        }
        query
            .order((approvals::week_start.desc(), approvals::id.desc()))
            .offset(filter.skip)
            .limit(filter.count)
            .load(c)
    })?)
}

/// A person's week as a manager sees it, whether a step was taken or not.
#[derive(Clone, Debug)]
pub struct Sheet {
    pub user_id: i32,
    pub week: Week,
    pub approval: Option<Approval>,
    pub totals: Totals,
}

/// What a week holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub seconds: i64,
    pub billable_seconds: i64,
    pub days: i64,
}

impl Sheet {
    pub fn state(&self) -> State {
        self.approval.as_ref().map_or(State::InProgress, Approval::state)
    }
}

/// One week of everybody whom the caller decides for: active people of role Team and up, and whoever has time or took a
/// step; by name.
pub fn sheets(conn: &mut impl AsConn, caller: &Caller, week: Week) -> Result<Vec<Sheet>, DbError> {
    type Sums = (i32, Option<i64>, Option<i64>, i64);
    let reach = Reach::of(caller);
    if reach == Reach::Nobody {
        return Ok(Vec::new());
    }
    let weeks: Vec<Approval> = on!(conn, c => approvals::table.filter(approvals::week_start.eq(week.start)).load(c))?;
    let mut weeks: HashMap<i32, Approval> = weeks.into_iter().map(|approval| (approval.user_id, approval)).collect();
    let sums: Vec<Sums> = on!(conn, c => worklogs::table
        .filter(worklogs::work_date.between(week.start, week.end()))
        .filter(worklogs::deleted.eq(false))
        .group_by(worklogs::user_id)
        .select((
            worklogs::user_id,
            sum(worklogs::length_seconds),
            sum(worklogs::billable_seconds),
            count(worklogs::work_date).aggregate_distinct(),
        ))
        .load(c))?;
    let totals = |(user, seconds, billable, days): Sums| {
        let totals =
            Totals { seconds: seconds.unwrap_or_default(), billable_seconds: billable.unwrap_or_default(), days };
        (user, totals)
    };
    let mut sums: HashMap<i32, Totals> = sums.into_iter().map(totals).collect();
    let known: Vec<i32> = weeks.keys().chain(sums.keys()).copied().collect();
    let people: Vec<(i32, Option<i32>)> = on!(conn, c => users::table
        .filter(users::is_active.eq(true).and(users::role.ge(Role::Team.number())).or(users::id.eq_any(&known)))
        .order((users::name, users::id))
        .select((users::id, users::manager_id))
        .load(c))?;
    let mut sheets = Vec::new();
    for (user_id, manager) in people {
        let approval = weeks.remove(&user_id);
        let submitted_to = approval.as_ref().and_then(|approval| approval.manager_id);
        if reach == Reach::Everybody || [manager, submitted_to].contains(&Some(caller.user_id)) {
            sheets.push(Sheet { user_id, week, approval, totals: sums.remove(&user_id).unwrap_or_default() });
        }
    }
    Ok(sheets)
}
