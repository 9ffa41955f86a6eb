//! Creating, changing, deleting and restoring logs: load, authorise, apply the rules, store, audit.
//!
//! In: drafts or changes and their [`Author`], in an open transaction. Out: the logs as they are now. What the writers
//! keep is kept here: the date of the start and its calendar, the effective budget, the flags, who edited.

use diesel::prelude::*;
use jiff::tz::TimeZone;

use super::{Facts, Worklog, batch, read, rules};
use crate::db::tables::worklogs;
use crate::db::{AsConn, Hold, Tx};
use crate::domain::activity_types::{self, ActivityType};
use crate::domain::calendar::Years;
use crate::domain::changes::{self, Action, Author, Change, Origin, Subject};
use crate::domain::people::Person;
use crate::domain::refusal::Refusal;
use crate::domain::wall::{self, Written};
use crate::on;
use crate::sql::{Day, Guid, Instant};

/// A log to be made (contract §4.4). What is absent has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// Whose; otherwise the caller's.
    pub user: Option<Guid>,
    /// Otherwise now.
    pub start: Option<Written>,
    /// Seconds.
    pub length: Option<i64>,
    /// Seconds; 0 is not billable.
    pub billable: Option<i64>,
    pub work_item: Option<i64>,
    pub comment: Option<String>,
    pub activity_type: Option<Guid>,
    /// Internal id of its own one, which is open; instead of its item's.
    pub budget: Option<i32>,
}

/// What becomes of a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    #[default]
    Keep,
    Clear,
    Set(T),
}

impl<T> Patch<T> {
    pub(super) fn applied_to(self, value: Option<T>) -> Option<T> {
        match self {
            Patch::Keep => value,
            Patch::Clear => None,
            Patch::Set(new) => Some(new),
        }
    }

    fn is_keep(&self) -> bool {
        matches!(self, Patch::Keep)
    }
}

/// A change of a log. A log always has a person and a start, so that these are kept or set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub user: Option<Guid>,
    pub start: Option<Written>,
    pub length: Patch<i64>,
    pub billable: Patch<i64>,
    pub work_item: Patch<i64>,
    pub comment: Patch<String>,
    pub activity_type: Patch<Guid>,
}

/// Makes logs, all or none; the refusal of one of several names it.
pub fn create(tx: &mut Tx<'_>, by: &Author<'_>, drafts: &[Draft]) -> Result<Vec<Worklog>, Refusal> {
    tx.must_hold(Hold::Shared)?;
    let mut logs = prepare(tx, by, drafts)?;
    let [log] = logs.as_mut_slice() else {
        batch::insert(tx, by, &mut logs)?;
        return Ok(logs);
    };
    log.id = on!(tx, c => diesel::insert_into(worklogs::table)
        .values(&*log)
        .returning(worklogs::id)
        .get_result(c))?;
    cover(tx, log.work_date)?;
    changes::write(tx, by, [entry(Action::Created, None, log)])?;
    Ok(logs)
}

/// The logs that [`create`] would make, their `id` 0; nothing is written.
pub fn prepare(tx: &mut impl AsConn, by: &Author<'_>, drafts: &[Draft]) -> Result<Vec<Worklog>, Refusal> {
    let mut facts = Facts::read(tx)?;
    let is_batch = drafts.len() > 1 || by.origin == Origin::Batch;
    let logs = batch::drafted(tx, by, &mut facts, drafts)?.into_iter().enumerate();
    let named = |(index, log): (usize, Result<Worklog, Refusal>)| {
        log.map_err(|refusal| if is_batch { refusal.of_item(index) } else { refusal })
    };
    logs.map(named).collect()
}

pub(super) fn compose(facts: &Facts, by: &Author<'_>, draft: &Draft) -> Result<Worklog, Refusal> {
    let owner = owner(facts, by, draft.user)?;
    let length = rules::length(draft.length, &facts.settings)?;
    let billable = rules::billable(draft.billable, length, &facts.settings)?;
    let zone = facts.zone(owner);
    let now_there = wall::at_zone(by.now, &zone);
    let started_at = draft.start.map_or(Ok(now_there), |start| started(facts, start, &zone))?;
    let work_item_id = draft.work_item.map(|item| known_item(facts, item)).transpose()?;
    let activity_type_id = match draft.activity_type {
        Some(guid) => known_type(facts, guid, None)?,
        None => facts.default_type(owner),
    };
    let of_item = work_item_id.and_then(|item| facts.item(item)?.budget);
    if draft.budget.is_some() {
        rules::may_assign_budget(by.caller)?;
    }
    let log = Worklog {
        id: 0,
        guid: Guid(uuid::Uuid::now_v7()),
        user_id: owner.id,
        added_by_user_id: Some(by.caller.user_id),
        edited_by_user_id: None,
        work_item_id,
        activity_type_id,
        budget_id: draft.budget.or(of_item),
        own_budget_id: draft.budget,
        started_at,
        work_date: started_at.day(),
        length_seconds: length,
        billable_seconds: billable,
        comment: draft.comment.clone().filter(|comment| !comment.is_empty()),
        is_billable: billable.is_some_and(|seconds| seconds > 0),
        is_tracked: by.origin == Origin::Tracking,
        is_manually_entered: by.origin == Origin::Page,
        is_changed: false,
        is_tracked_extended: false,
        is_imported: matches!(by.origin, Origin::Batch | Origin::Import),
        is_from_api: matches!(by.origin, Origin::Rest | Origin::Batch),
        deleted: false,
        created_at: by.now,
        edited_at: by.now,
        owner_edited: false,
    };
    facts.content(&log)?;
    rules::not_ahead(log.work_date, now_there.day(), &facts.settings)?;
    facts.item_open(log.work_item_id, by.now)?;
    Ok(log)
}

/// The wall clock that a time stamp means, in a year that the calendar has.
fn started(facts: &Facts, start: Written, zone: &TimeZone) -> Result<Instant, Refusal> {
    let wall = start.in_zone(facts.settings.timestamp_zone, zone);
    let known = wall::civil(wall).is_some_and(|civil| civil.year() >= 1);
    known.then_some(wall).ok_or_else(|| Refusal::malformed("timeStamp", "timeStamp must lie in the years 1 to 9999."))
}

/// Changes a log; gives it as it is then. Where nothing differs, nothing is written.
pub fn change(tx: &mut Tx<'_>, by: &Author<'_>, guid: Guid, changes: &Changes) -> Result<Worklog, Refusal> {
    let before = seen(tx, by, guid)?;
    let mut facts = Facts::read(tx)?;
    facts.load_people(tx, &[before.user_id, by.caller.user_id], changes.user.as_slice())?;
    let items = [before.work_item_id, set_item(changes.work_item)];
    facts.load_items(tx, items.into_iter().flatten())?;
    facts.load_weeks(tx, [(before.user_id, before.work_date)].into_iter())?;
    facts.may_change(by.caller, &before, by.now)?;
    let mut after = altered(&facts, by, &before, changes)?;
    if (after.user_id, after.work_date) != (before.user_id, before.work_date) {
        facts.load_weeks(tx, [(after.user_id, after.work_date)].into_iter())?;
        facts.unlocked(after.user_id, after.work_date)?;
    }
    if after == before {
        return Ok(before);
    }
    after.is_changed = true;
    store(tx, by, &before, &mut after, Action::Changed)?;
    Ok(after)
}

/// The log with its changes, checked but for the lock of its new day.
pub(super) fn altered(facts: &Facts, by: &Author<'_>, before: &Worklog, changes: &Changes) -> Result<Worklog, Refusal> {
    let mut log = before.clone();
    if let Some(guid) = changes.user.filter(|guid| facts.person(before.user_id).is_none_or(|p| p.guid != *guid)) {
        log.user_id = owner(facts, by, Some(guid))?.id;
    }
    let owner = facts.person(log.user_id).ok_or_else(|| Refusal::unknown("userId", "person", log.user_id))?;
    let zone = facts.zone(owner);
    if let Some(start) = changes.start {
        log.started_at = started(facts, start, &zone)?;
        log.work_date = log.started_at.day();
    }
    if !changes.length.is_keep() {
        log.length_seconds = rules::length(changes.length.applied_to(None), &facts.settings)?;
        log.is_tracked_extended |= log.is_tracked && log.length_seconds > before.length_seconds;
    }
    match changes.billable {
        Patch::Keep => {}
        Patch::Clear => log.billable_seconds = None,
        Patch::Set(seconds) => {
            log.billable_seconds = rules::billable(Some(seconds), log.length_seconds, &facts.settings)?;
        }
    }
    log.is_billable = match changes.billable {
        Patch::Keep => before.is_billable,
        _ => log.billable_seconds.is_some_and(|seconds| seconds > 0),
    };
    let item = changes.work_item.applied_to(before.work_item_id.map(i64::from));
    if item != before.work_item_id.map(i64::from) {
        log.work_item_id = item.map(|item| known_item(facts, item)).transpose()?;
        facts.item_open(log.work_item_id, by.now)?;
    }
    log.budget_id = log.own_budget_id.or(log.work_item_id.and_then(|item| facts.item(item)?.budget));
    if !changes.comment.is_keep() {
        log.comment = changes.comment.clone().applied_to(None).filter(|comment| !comment.is_empty());
    }
    log.activity_type_id = match changes.activity_type {
        Patch::Keep => before.activity_type_id,
        Patch::Clear => None,
        Patch::Set(guid) => known_type(facts, guid, before.activity_type_id)?,
    };
    facts.content(&log)?;
    if log.work_date != before.work_date {
        rules::not_ahead(log.work_date, wall::at_zone(by.now, &zone).day(), &facts.settings)?;
    }
    Ok(log)
}

/// Deletes a log. Its row stays, for the sets that show deleted ones and for [`restore`].
pub fn delete(tx: &mut Tx<'_>, by: &Author<'_>, guid: Guid) -> Result<Worklog, Refusal> {
    let before = seen(tx, by, guid)?;
    Facts::of_logs(tx, std::slice::from_ref(&before))?.may_change(by.caller, &before, by.now)?;
    let mut after = Worklog { deleted: true, ..before.clone() };
    store(tx, by, &before, &mut after, Action::Deleted)?;
    Ok(after)
}

/// Brings a deleted log back, under the rules of a change.
pub fn restore(tx: &mut Tx<'_>, by: &Author<'_>, guid: Guid) -> Result<Worklog, Refusal> {
    tx.must_hold(Hold::Shared)?;
    tx.hold_row(guid)?;
    let deleted = read::find_deleted(tx, by.caller, guid)?;
    let before = deleted.ok_or_else(|| Refusal::not_found("deleted work log", guid))?;
    Facts::of_logs(tx, std::slice::from_ref(&before))?.may_change(by.caller, &before, by.now)?;
    let mut after = Worklog { deleted: false, ..before.clone() };
    store(tx, by, &before, &mut after, Action::Restored)?;
    Ok(after)
}

/// A log that is there for the caller, or 404 (contract §4.1).
fn seen(tx: &mut Tx<'_>, by: &Author<'_>, guid: Guid) -> Result<Worklog, Refusal> {
    tx.must_hold(Hold::Shared)?;
    tx.hold_row(guid)?;
    read::find(tx, by.caller, guid)?.ok_or_else(|| Refusal::not_found("work log", guid))
}

/// Writes a changed row: who edited, when, the calendar of its day, the trail.
fn store(
    tx: &mut Tx<'_>,
    by: &Author<'_>,
    before: &Worklog,
    after: &mut Worklog,
    action: Action,
) -> Result<(), Refusal> {
    stamp(by, before, after);
    on!(tx, c => diesel::update(worklogs::table.find(before.id)).set(&*after).execute(c))?;
    if after.work_date != before.work_date {
        cover(tx, after.work_date)?;
    }
    changes::write(tx, by, [entry(action, Some(before), after)])?;
    Ok(())
}

/// Who edited, and when.
pub(super) fn stamp(by: &Author<'_>, before: &Worklog, after: &mut Worklog) {
    let is_owner = by.caller.user_id == after.user_id;
    after.edited_by_user_id = (!is_owner).then_some(by.caller.user_id);
    after.owner_edited |= is_owner;
    // Readers ask for what was edited since: no two states of a log have one time.
    after.edited_at = Instant(by.now.0.max(before.edited_at.0 + 1));
}

fn cover(tx: &mut Tx<'_>, day: Day) -> Result<(), Refusal> {
    let mut years = Years::default();
    years.touch(day);
    Ok(years.cover(tx)?)
}

pub(super) fn entry(action: Action, before: Option<&Worklog>, after: &Worklog) -> Change {
    Change {
        subject: Subject::Worklog,
        subject_id: after.id,
        action,
        before: before.map(|log| log.snapshot().to_text()),
        after: Some(after.snapshot().to_text()),
        comment: None,
    }
}

/// Whose a log is to be. Somebody else's needs the right, whether that person is known or not (contract §4.1).
fn owner<'f>(facts: &'f Facts, by: &Author<'_>, named: Option<Guid>) -> Result<&'f Person, Refusal> {
    let guid = named.unwrap_or(by.caller.user_guid);
    let person = facts.person_of(guid);
    if !rules::may_enter_for(by.caller, person.map(|person| person.id), &facts.settings) {
        return Err(rules::not_yours().at("userId"));
    }
    person.ok_or_else(|| Refusal::unknown("userId", "person", guid))
}

fn known_item(facts: &Facts, item: i64) -> Result<i32, Refusal> {
    let known = i32::try_from(item).ok().filter(|id| facts.item(*id).is_some());
    known.ok_or_else(|| Refusal::unknown("workItemId", "work item", item))
}

pub(super) fn set_item(item: Patch<i64>) -> Option<i32> {
    match item {
        Patch::Set(item) => i32::try_from(item).ok(),
        Patch::Keep | Patch::Clear => None,
    }
}

/// A kind of work that is in use, or the one that the log has; the zero GUID is none. A site without kinds ignores them.
fn known_type(facts: &Facts, guid: Guid, current: Option<i32>) -> Result<Option<i32>, Refusal> {
    if guid == activity_types::NOT_SET || !facts.settings.activity_types_enabled {
        return Ok(None);
    }
    let usable = |kind: &&ActivityType| kind.guid == guid && (kind.is_active || Some(kind.id) == current);
    let found = facts.types().iter().find(usable).map(|kind| Some(kind.id));
    found.ok_or_else(|| Refusal::unknown("activityTypeId", "activity type", guid))
}
