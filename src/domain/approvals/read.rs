//! Weeks in the sight of a caller.

use diesel::prelude::*;

use super::{Approval, Reach};
use crate::db::tables::{approvals, users};
use crate::db::{AsConn, DbError};
use crate::domain::weeks::Week;
use crate::on;
use crate::policy::Caller;
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
