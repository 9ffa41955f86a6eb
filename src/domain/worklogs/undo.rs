//! Undoing an operation: all that one request did to logs is taken back in one step, or nothing is.
//!
//! In: the operation's id, as the audit trail has it. Out: the logs as they were before it. A log that was touched since
//! is a conflict; the rights and locks are those of a change, on the day of now and on the one that comes back. Undoing is
//! an operation itself, and can be undone.

use std::collections::HashMap;

use diesel::prelude::*;

use super::batch::{self, Step};
use super::{Facts, Snapshot, Worklog, write};
use crate::db::tables::worklogs;
use crate::db::{DbError, Hold, Tx};
use crate::domain::changes::{self, Action, Author, Subject};
use crate::domain::refusal::{Kind, Refusal};
use crate::on;
use crate::sql::{Guid, Instant};

/// Ids of one statement.
const CHUNK: usize = 10_000;
/// Steps that are stored at once.
const STORED: usize = 1_000;

/// Takes an operation back; gives how many logs that changed.
pub fn undo(tx: &mut Tx<'_>, by: &Author<'_>, operation: Guid) -> Result<usize, Refusal> {
    tx.must_hold(Hold::Exclusive)?;
    let entries = changes::of_operation(tx, Subject::Worklog, operation)?;
    let ids: Vec<i64> = entries.iter().map(|entry| entry.subject_id).collect();
    let mut logs: HashMap<i64, Worklog> = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let rows: Vec<Worklog> = on!(tx, c => worklogs::table.filter(worklogs::id.eq_any(chunk)).load(c))?;
        logs.extend(rows.into_iter().map(|log| (log.id, log)));
    }
    let seen = |log: &Worklog| by.caller.sees_time_of().include(log.user_id);
    if logs.is_empty() || !logs.values().all(seen) {
        return Err(Refusal::not_found("operation on work logs", operation));
    }
    let befores = states(entries.iter().map(|entry| &entry.before))?;
    let afters = states(entries.iter().map(|entry| &entry.after))?;
    let mut facts = Facts::of_logs(tx, &logs.values().cloned().collect::<Vec<_>>())?;
    facts.load_items(tx, befores.iter().flatten().filter_map(|state| state.work_item))?;
    let days = befores.iter().flatten().map(|state| (state.user, Instant(state.started_at).day()));
    facts.load_weeks(tx, days)?;
    let mut found: HashMap<i64, Option<Snapshot>> =
        logs.values().map(|log| (log.id, Some(log.snapshot().unsigned()))).collect();
    let mut steps = Vec::with_capacity(entries.len());
    // The latest first, so that each finds the state that it left.
    for (entry, (before, after)) in entries.iter().zip(befores.into_iter().zip(afters)).rev() {
        let Some(current) = logs.get(&entry.subject_id) else { continue };
        let left = found.insert(current.id, before.clone().map(Snapshot::unsigned)).flatten();
        if left != after.map(Snapshot::unsigned) {
            let message = "A work log of this operation was changed since; it cannot be undone.";
            return Err(Refusal::new(Kind::Conflict, message));
        }
        facts.may_change(by.caller, current, by.now)?;
        let (mut after, action) = reverted(&facts, current, before);
        facts.unlocked(after.user_id, after.work_date)?;
        write::stamp(by, current, &mut after);
        let before = logs.insert(after.id, after.clone()).unwrap_or_else(|| after.clone());
        steps.push(Step { before, after, action });
    }
    for steps in steps.chunks_mut(STORED) {
        batch::store(tx, by, steps)?;
    }
    Ok(logs.len())
}

fn states<'e>(texts: impl Iterator<Item = &'e Option<String>>) -> Result<Vec<Option<Snapshot>>, DbError> {
    let read = |text: &String| serde_json::from_str(text);
    let unreadable = |error| DbError::Other(format!("a state of the trail: {error}"));
    texts.map(|text| text.as_ref().map(read).transpose().map_err(unreadable)).collect()
}

/// The log as it was; one that was not there is deleted.
fn reverted(facts: &Facts, current: &Worklog, before: Option<Snapshot>) -> (Worklog, Action) {
    let Some(state) = before else {
        return (Worklog { deleted: true, ..current.clone() }, Action::Deleted);
    };
    let action = match (current.deleted, state.deleted) {
        (true, false) => Action::Restored,
        (false, true) => Action::Deleted,
        _ => Action::Changed,
    };
    let started_at = Instant(state.started_at);
    let log = Worklog {
        user_id: state.user,
        work_item_id: state.work_item,
        activity_type_id: state.activity_type,
        own_budget_id: state.own_budget,
        budget_id: state.own_budget.or(state.work_item.and_then(|item| facts.item(item)?.budget)),
        started_at,
        work_date: started_at.day(),
        length_seconds: state.length,
        billable_seconds: state.billable,
        is_billable: state.is_billable,
        comment: state.comment,
        is_changed: state.is_changed,
        is_tracked_extended: state.is_tracked_extended,
        owner_edited: state.owner_edited,
        deleted: state.deleted,
        ..current.clone()
    };
    (log, action)
}
