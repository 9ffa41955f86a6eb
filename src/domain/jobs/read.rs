//! Jobs as their people see them: everybody their own, administrators all.

use diesel::prelude::*;

use super::{Job, State};
use crate::db::tables::{job_problems, jobs, users};
use crate::db::{AsConn, DbError};
use crate::on;
use crate::policy::{Caller, Role};
use crate::sql::{Guid, Instant};

/// Which jobs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    pub state: Option<State>,
    pub skip: i64,
    pub count: i64,
}

/// A job that is there for the caller.
pub fn find(conn: &mut impl AsConn, caller: &Caller, id: Guid) -> Result<Option<Job>, DbError> {
    let found = any(conn, id)?;
    Ok(found.filter(|job| job.user_id == caller.user_id || caller.role >= Role::Administrator))
}

/// A job, whoever's.
pub fn any(conn: &mut impl AsConn, id: Guid) -> Result<Option<Job>, DbError> {
    Ok(on!(conn, c => jobs::table.find(id).select(Job::as_select()).first(c).optional())?)
}

/// Whether there is a job that a server may take.
pub fn any_due(conn: &mut impl AsConn, now: Instant) -> Result<bool, DbError> {
    let waits = jobs::state.eq(State::Queued as i32).and(jobs::due_at.le(now));
    let is_left = jobs::state.eq(State::Running as i32).and(jobs::lease_until.le(now).assume_not_null());
    Ok(on!(conn, c => diesel::select(diesel::dsl::exists(jobs::table.filter(waits.or(is_left)))).get_result(c))?)
}

/// Whether somebody wants this job to end.
pub fn cancel_asked(conn: &mut impl AsConn, id: Guid) -> Result<bool, DbError> {
    let asked: Option<bool> = on!(conn, c => jobs::table.find(id).select(jobs::cancel_asked).first(c).optional())?;
    Ok(asked.unwrap_or(true))
}

/// Jobs with their people's unique names, the latest first; `of` none: everybody's.
pub fn list(conn: &mut impl AsConn, of: Option<i32>, filter: Filter) -> Result<Vec<(Job, String)>, DbError> {
    Ok(on!(conn, c => {
        let mut query = jobs::table.inner_join(users::table).into_boxed();
        if let Some(user) = of {
            query = query.filter(jobs::user_id.eq(user));
        }
        if let Some(state) = filter.state {
            query = query.filter(jobs::state.eq(state as i32));
        }
        query
            .order((jobs::created_at.desc(), jobs::id.desc()))
            .offset(filter.skip)
            .limit(filter.count)
            .select((Job::as_select(), users::unique_name))
            .load(c)
    })?)
}

/// Whose jobs the caller lists.
pub fn whose(caller: &Caller) -> Option<i32> {
    (caller.role < Role::Administrator).then_some(caller.user_id)
}

/// Problems as JSON, in the order of their rows.
pub fn problems(conn: &mut impl AsConn, id: Guid, skip: i64, count: i64) -> Result<Vec<String>, DbError> {
    Ok(on!(conn, c => job_problems::table
        .filter(job_problems::job_id.eq(id))
        .order(job_problems::position)
        .offset(skip)
        .limit(count)
        .select(job_problems::problem)
        .load(c))?)
}

/// How many jobs there are in each state, for figures.
pub fn counts(conn: &mut impl AsConn) -> Result<Vec<(State, i64)>, DbError> {
    let counts: Vec<(i32, i64)> = on!(conn, c => jobs::table
        .group_by(jobs::state)
        .select((jobs::state, diesel::dsl::count_star()))
        .load(c))?;
    Ok(counts.into_iter().map(|(state, count)| (State::from_number(state), count)).collect())
}
