//! The steps of a week: submit, revoke, approve, reject, reopen, close.
//!
//! In: whose week, any day of it, who takes the step. Out: the week as it is then, with an entry of the trail. A step of
//! a manager may lock the week for everybody, where the site locks by itself.

use diesel::prelude::*;

use super::{Approval, Reach, State, Step, locks, read};
use crate::db::tables::approvals;
use crate::db::{Hold, Tx};
use crate::domain::changes::{self, Author, Change, Subject};
use crate::domain::people::{self, Person};
use crate::domain::refusal::{Kind, Refusal, Rule};
use crate::domain::settings::Settings;
use crate::domain::wall;
use crate::domain::weeks::Week;
use crate::on;
use crate::policy::Role;
use crate::sql::{Day, Guid, Instant};

/// The owner hands the week of a day in, to a manager or to whoever is assigned.
pub fn submit(tx: &mut Tx<'_>, by: &Author<'_>, day: Day, manager: Option<Guid>) -> Result<Approval, Refusal> {
    tx.must_hold(Hold::Exclusive)?;
    let settings = Settings::read(tx)?;
    let owner = person(tx, by.caller.user_guid)?;
    let week = Week::of(day, settings.first_weekday);
    if week.is_future(today(&owner, by.now)) && !settings.future_weeks_submitted {
        let message = format!("The week of {} has not begun.", wall::written_day(week.start));
        return Err(Refusal::rule(Rule::FutureCheckFailed, "weekStart", message));
    }
    let manager_id = match manager {
        Some(guid) => Some(approver(tx, guid)?.id),
        None => owner.manager_id,
    };
    let mut next = taken(tx, &settings, &owner, week, Step::Submit, by.now)?;
    next.manager_id = manager_id;
    next.submitted_at = Some(by.now);
    next.decided_by_user_id = None;
    next.decided_at = None;
    next.comment = None;
    store(tx, by, next, Step::Submit)
}

/// The owner takes a submitted week back.
pub fn revoke(tx: &mut Tx<'_>, by: &Author<'_>, day: Day) -> Result<Approval, Refusal> {
    tx.must_hold(Hold::Exclusive)?;
    let settings = Settings::read(tx)?;
    let owner = person(tx, by.caller.user_guid)?;
    let week = Week::of(day, settings.first_weekday);
    let next = taken(tx, &settings, &owner, week, Step::Revoke, by.now)?;
    store(tx, by, next, Step::Revoke)
}

/// A manager decides about somebody's week. A rejection needs a comment.
pub fn decide(
    tx: &mut Tx<'_>,
    by: &Author<'_>,
    user: Guid,
    day: Day,
    step: Step,
    comment: Option<&str>,
) -> Result<Approval, Refusal> {
    tx.must_hold(Hold::Exclusive)?;
    let settings = Settings::read(tx)?;
    let owner = person(tx, user)?;
    let week = Week::of(day, settings.first_weekday);
    may_decide(tx, by, &owner, week, &settings)?;
    let comment = comment.map(str::trim).filter(|comment| !comment.is_empty());
    if step == Step::Reject {
        if settings.strict_compatibility {
            let message = "This site is strictly compatible; there a week is reopened, not rejected.";
            return Err(Refusal::rule(Rule::ApprovalStateFailed, "state", message));
        }
        if comment.is_none() {
            return Err(Refusal::rule(Rule::CommentRequired, "comment", "A rejection needs a comment."));
        }
    }
    let mut next = taken(tx, &settings, &owner, week, step, by.now)?;
    next.comment = comment.map(str::to_owned);
    next.decided_by_user_id = Some(by.caller.user_id);
    next.decided_at = Some(by.now);
    let stored = store(tx, by, next, step)?;
    if settings.automatic_locking && matches!(step, Step::Approve | Step::Close) {
        locks::lock_if_settled(tx, by, week)?;
    }
    Ok(stored)
}

/// Approving is by the assigned manager, a global one or an administrator, and not of one's own week.
fn may_decide(
    tx: &mut Tx<'_>,
    by: &Author<'_>,
    owner: &Person,
    week: Week,
    settings: &Settings,
) -> Result<(), Refusal> {
    let denied = |message: &str| Err(Refusal::new(Kind::Denied, message));
    let mut assigned = || -> Result<bool, Refusal> {
        let submitted_to = read::find(tx, owner.id, week)?.and_then(|approval| approval.manager_id);
        Ok([owner.manager_id, submitted_to].contains(&Some(by.caller.user_id)))
    };
    let reaches = match Reach::of(by.caller) {
        Reach::Everybody => true,
        Reach::Assigned => assigned()?,
        Reach::Nobody => false,
    };
    if !reaches {
        return denied("This week is decided by its approval manager, a global one or an administrator.");
    }
    if owner.id == by.caller.user_id && !settings.own_weeks_approved {
        return denied("Nobody decides their own week on this site.");
    }
    Ok(())
}

/// The week with its next state; nothing is written.
fn taken(
    tx: &mut Tx<'_>,
    settings: &Settings,
    owner: &Person,
    week: Week,
    step: Step,
    now: Instant,
) -> Result<Approval, Refusal> {
    let refused = |message: String| Err(Refusal::rule(Rule::ApprovalStateFailed, "weekStart", message));
    let shown = wall::written_day(week.start);
    if !settings.approval_enabled {
        return refused("This site has switched approval off.".to_owned());
    }
    if settings.approval_start().is_some_and(|start| week.end() < start) {
        return refused(format!("The week of {shown} lies before the approval start date."));
    }
    if locks::is_locked(tx, week)? {
        return refused(format!("The week of {shown} is locked."));
    }
    if step == Step::Close && !week.is_past(today(owner, now)) {
        return refused(format!("The week of {shown} is not over."));
    }
    let before = read::find(tx, owner.id, week)?;
    let state = before.as_ref().map_or(State::InProgress, Approval::state);
    let Some(next) = step.from(state) else {
        return refused(format!("The week of {shown} is {}; it cannot be {}.", state.name(), step.name()));
    };
    let new = Approval {
        id: 0,
        guid: Guid(uuid::Uuid::now_v7()),
        user_id: owner.id,
        week_start: week.start,
        state: 0,
        manager_id: owner.manager_id,
        decided_by_user_id: None,
        comment: None,
        submitted_at: None,
        decided_at: None,
        modified_at: now,
    };
    Ok(Approval { state: next.number(), modified_at: now, ..before.unwrap_or(new) })
}

fn store(tx: &mut Tx<'_>, by: &Author<'_>, next: Approval, step: Step) -> Result<Approval, Refusal> {
    let before = read::by_id(tx, next.id)?.map(|approval| approval.state().name());
    let values = (
        approvals::guid.eq(next.guid),
        approvals::user_id.eq(next.user_id),
        approvals::week_start.eq(next.week_start),
        approvals::state.eq(next.state),
        approvals::manager_id.eq(next.manager_id),
        approvals::decided_by_user_id.eq(next.decided_by_user_id),
        approvals::comment.eq(&next.comment),
        approvals::submitted_at.eq(next.submitted_at),
        approvals::decided_at.eq(next.decided_at),
        approvals::modified_at.eq(next.modified_at),
    );
    let id: i32 = if next.id == 0 {
        on!(tx, c => diesel::insert_into(approvals::table).values(values).returning(approvals::id).get_result(c))?
    } else {
        on!(tx, c => diesel::update(approvals::table.find(next.id)).set(values).execute(c))?;
        next.id
    };
    let told = |state: &str| format!("\"{state}\"");
    let entry = Change {
        subject: Subject::Approval,
        subject_id: id.into(),
        action: step.action(),
        before: before.map(told),
        after: Some(told(next.state().name())),
        comment: next.comment.clone(),
    };
    changes::write(tx, by, [entry])?;
    Ok(Approval { id, ..next })
}

fn today(owner: &Person, now: Instant) -> Day {
    wall::at_zone(now, &wall::zone(&owner.time_zone)).day()
}

fn person(tx: &mut Tx<'_>, guid: Guid) -> Result<Person, Refusal> {
    people::by_guids(tx, &[guid])?.remove(&guid).ok_or_else(|| Refusal::not_found("person", guid))
}

/// Somebody who may approve.
fn approver(tx: &mut Tx<'_>, guid: Guid) -> Result<Person, Refusal> {
    let found = people::by_guids(tx, &[guid])?.remove(&guid).filter(|person| person.is_active);
    let found = found.filter(|person| {
        person.role >= Role::Administrator || (person.role >= Role::Team && person.duties.include(super::APPROVERS))
    });
    found.ok_or_else(|| Refusal::unknown("assignedManagerId", "approval manager", guid))
}
