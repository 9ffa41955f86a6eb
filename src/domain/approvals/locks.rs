//! Weeks that are locked for everybody (contract §6.2).
//!
//! A past week may be locked once nobody's is pending or unsubmitted. Whose week counts: everybody with time in it, and
//! every active person of role Team or up who was there by its end.

use diesel::prelude::*;

use super::{Reach, State};
use crate::db::tables::{approvals, users, week_locks, worklogs};
use crate::db::{AsConn, DbError, Hold, Tx};
use crate::domain::changes::{self, Action, Author, Change, Subject};
use crate::domain::refusal::{Kind, Refusal, Rule};
use crate::domain::settings::Settings;
use crate::domain::wall;
use crate::domain::weeks::Week;
use crate::on;
use crate::policy::Role;
use crate::sql::{Day, Instant};

pub fn is_locked(conn: &mut impl AsConn, week: Week) -> Result<bool, DbError> {
    let found: i64 = on!(conn, c => week_locks::table.find(week.start).count().get_result(c))?;
    Ok(found > 0)
}

/// The locked weeks, by their first days.
pub fn list(conn: &mut impl AsConn) -> Result<Vec<(Day, Instant)>, DbError> {
    Ok(on!(conn, c => week_locks::table
        .select((week_locks::week_start, week_locks::locked_at))
        .order(week_locks::week_start)
        .load(c))?)
}

/// Locks the week of a day for everybody. A locked one stays locked.
pub fn lock(tx: &mut Tx<'_>, by: &Author<'_>, day: Day) -> Result<Week, Refusal> {
    tx.must_hold(Hold::Exclusive)?;
    let settings = Settings::read(tx)?;
    let week = allowed(by, &settings, day)?;
    if is_locked(tx, week)? {
        return Ok(week);
    }
    let shown = wall::written_day(week.start);
    let refused = |message: String| Err(Refusal::rule(Rule::ApprovalStateFailed, "weekStart", message));
    // Whose day it is depends on the zone; everywhere the week must be over.
    if !week.is_past(Day(by.now.day().0 - 1)) {
        return refused(format!("The week of {shown} is not over."));
    }
    let left = unsettled(tx, week)?;
    if !left.is_empty() {
        let some = left.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        let more = if left.len() > 5 { format!(" and {} more", left.len() - 5) } else { String::new() };
        return refused(format!("The week of {shown} is neither approved nor closed for {some}{more}."));
    }
    put(tx, by, week)?;
    Ok(week)
}

/// Opens the week of a day again. An open one stays open.
pub fn unlock(tx: &mut Tx<'_>, by: &Author<'_>, day: Day) -> Result<Week, Refusal> {
    tx.must_hold(Hold::Exclusive)?;
    let settings = Settings::read(tx)?;
    let week = allowed(by, &settings, day)?;
    let gone = on!(tx, c => diesel::delete(week_locks::table.find(week.start)).execute(c))?;
    if gone > 0 {
        changes::write(tx, by, [entry(week, Action::Unlocked)])?;
    }
    Ok(week)
}

/// After a step: locks the week where it is over and settled.
pub(super) fn lock_if_settled(tx: &mut Tx<'_>, by: &Author<'_>, week: Week) -> Result<(), Refusal> {
    if week.is_past(Day(by.now.day().0 - 1)) && !is_locked(tx, week)? && unsettled(tx, week)?.is_empty() {
        put(tx, by, week)?;
    }
    Ok(())
}

fn allowed(by: &Author<'_>, settings: &Settings, day: Day) -> Result<Week, Refusal> {
    if Reach::of(by.caller) != Reach::Everybody {
        let message = "Weeks are locked and unlocked by administrators and global approval managers.";
        return Err(Refusal::new(Kind::Denied, message));
    }
    if !settings.approval_enabled {
        let message = "This site has switched approval off.";
        return Err(Refusal::rule(Rule::ApprovalStateFailed, "weekStart", message));
    }
    Ok(Week::of(day, settings.first_weekday))
}

fn put(tx: &mut Tx<'_>, by: &Author<'_>, week: Week) -> Result<(), Refusal> {
    let row = (
        week_locks::week_start.eq(week.start),
        week_locks::locked_by_user_id.eq(by.caller.user_id),
        week_locks::locked_at.eq(by.now),
    );
    on!(tx, c => diesel::insert_into(week_locks::table).values(row).execute(c))?;
    changes::write(tx, by, [entry(week, Action::Locked)])?;
    Ok(())
}

fn entry(week: Week, action: Action) -> Change {
    let subject_id = week.start.0.into();
    Change { subject: Subject::WeekLock, subject_id, action, before: None, after: None, comment: None }
}

/// Names of people whose week is neither approved nor closed.
fn unsettled(tx: &mut Tx<'_>, week: Week) -> Result<Vec<String>, DbError> {
    let settled = approvals::table
        .filter(approvals::week_start.eq(week.start))
        .filter(approvals::state.eq_any([State::Approved.number(), State::Closed.number()]))
        .select(approvals::user_id);
    let working = worklogs::table
        .filter(worklogs::work_date.between(week.start, week.end()))
        .filter(worklogs::deleted.eq(false))
        .select(worklogs::user_id);
    let member = users::is_active
        .eq(true)
        .and(users::role.ge(Role::Team.number()))
        .and(users::created_at.lt(Day(week.end().0 + 1).midnight()));
    Ok(on!(tx, c => users::table
        .filter(member.or(users::id.eq_any(working)))
        .filter(users::id.ne_all(settled))
        .select(users::name)
        .order((users::name, users::id))
        .load(c))?)
}
