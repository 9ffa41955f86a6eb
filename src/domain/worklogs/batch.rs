//! Many logs at once, under the rules of one: what [`write`] does to a log, with a few statements for hundreds.
//!
//! In: drafts or changes, and [`Facts`] that grow from batch to batch. Out: for each the log as it would be, or its own
//! refusal, so that whoever imports a file hears of every row; then rows in as few statements as there can be. Nothing is
//! decided here: `write::compose`, `write::altered` and `rules` are those of a single log.

use std::collections::{BTreeSet, HashSet};

use super::row::COLUMNS;
use super::write::{self, Changes, Draft, Patch};
use super::{Facts, Worklog, rules};
use crate::db::{AsConn, DbError, Tx};
use crate::domain::calendar::Years;
use crate::domain::changes::{self, Action, Author};
use crate::domain::refusal::Refusal;
use crate::sql::{Guid, Insert, Update};

/// One log of many: as it would be, or why not.
pub type Each<T> = Vec<Result<T, Refusal>>;

/// The logs that these drafts would become, their `id` 0. The outer error is the database's.
pub fn drafted(
    conn: &mut impl AsConn,
    by: &Author<'_>,
    facts: &mut Facts,
    drafts: &[Draft],
) -> Result<Each<Worklog>, DbError> {
    let guids: BTreeSet<Guid> = drafts.iter().filter_map(|draft| draft.user).collect();
    facts.load_people(conn, &[by.caller.user_id], &guids.into_iter().collect::<Vec<_>>())?;
    facts.load_items(conn, drafts.iter().filter_map(|draft| i32::try_from(draft.work_item?).ok()))?;
    let mut logs: Each<Worklog> = drafts.iter().map(|draft| write::compose(facts, by, draft)).collect();
    facts.load_weeks(conn, logs.iter().flatten().map(|log| (log.user_id, log.work_date)))?;
    for log in &mut logs {
        let locked = log.as_ref().ok().and_then(|log| facts.unlocked(log.user_id, log.work_date).err());
        if let Some(refusal) = locked {
            *log = Err(refusal);
        }
    }
    Ok(logs)
}

/// A log as it is, which the caller sees, and what becomes of it. A deleted one comes back.
#[derive(Clone, Debug)]
pub struct Change {
    pub before: Worklog,
    pub changes: Changes,
    /// Internal id of its own budget from now on, which is open; cleared, its item's counts.
    pub budget: Patch<i32>,
}

/// The logs as these changes would leave them; one in which nothing differs is as before.
pub fn changed(
    conn: &mut impl AsConn,
    by: &Author<'_>,
    facts: &mut Facts,
    wanted: &[Change],
) -> Result<Each<Worklog>, DbError> {
    let owners: Vec<i32> = wanted.iter().map(|change| change.before.user_id).chain([by.caller.user_id]).collect();
    let guids: Vec<Guid> = wanted.iter().filter_map(|change| change.changes.user).collect();
    facts.load_people(conn, &owners, &guids)?;
    let items = |change: &Change| [change.before.work_item_id, write::set_item(change.changes.work_item)];
    facts.load_items(conn, wanted.iter().flat_map(items).flatten())?;
    facts.load_weeks(conn, wanted.iter().map(|change| (change.before.user_id, change.before.work_date)))?;
    let altered = |change: &Change| {
        facts.may_change(by.caller, &change.before, by.now)?;
        let mut after = write::altered(facts, by, &change.before, &change.changes)?;
        after.deleted = false;
        let own = change.budget.applied_to(after.own_budget_id);
        if own != after.own_budget_id {
            rules::may_assign_budget(by.caller)?;
            after.own_budget_id = own;
            after.budget_id = own.or(after.work_item_id.and_then(|item| facts.item(item)?.budget));
        }
        Ok(after)
    };
    let mut logs: Each<Worklog> = wanted.iter().map(altered).collect();
    facts.load_weeks(conn, logs.iter().flatten().map(|log| (log.user_id, log.work_date)))?;
    for (log, change) in logs.iter_mut().zip(wanted) {
        let Ok(after) = log else { continue };
        let before = &change.before;
        if (after.user_id, after.work_date) != (before.user_id, before.work_date)
            && let Err(refusal) = facts.unlocked(after.user_id, after.work_date)
        {
            *log = Err(refusal);
            continue;
        }
        after.is_changed |= Worklog { deleted: after.deleted, ..before.clone() } != *after;
    }
    Ok(logs)
}

/// Stores new logs and gives them their ids.
pub fn insert(tx: &mut Tx<'_>, by: &Author<'_>, logs: &mut [Worklog]) -> Result<(), DbError> {
    let mut years = Years::default();
    let mut rows = Insert::into("worklogs", COLUMNS);
    let keys = tx.reserve_keys("worklogs", logs.len())?;
    for (log, id) in logs.iter_mut().zip(keys) {
        log.id = id;
        years.touch(log.work_date);
        rows.rows.push(log.clone().into_values());
    }
    tx.insert(&rows)?;
    years.cover(tx)?;
    changes::write(tx, by, logs.iter().map(|log| write::entry(Action::Created, None, log)))
}

/// A log that was changed, and how.
#[derive(Clone, Debug)]
pub struct Step {
    pub before: Worklog,
    pub after: Worklog,
    pub action: Action,
}

/// Stores changed logs, in their order: of several steps of one log the last stays.
pub fn store(tx: &mut Tx<'_>, by: &Author<'_>, steps: &mut [Step]) -> Result<(), DbError> {
    let mut years = Years::default();
    let mut ids = HashSet::new();
    for Step { before, after, .. } in steps.iter_mut() {
        write::stamp(by, before, after);
        ids.insert(after.id);
        if after.work_date != before.work_date {
            years.touch(after.work_date);
        }
    }
    let mut update =
        Update { table: "worklogs", key: "id", columns: COLUMNS.get(1..).unwrap_or_default(), rows: vec![] };
    for step in steps.iter().rev() {
        if ids.remove(&step.after.id) {
            update.rows.push(step.after.clone().into_values());
        }
    }
    tx.update(&update)?;
    years.cover(tx)?;
    changes::write(tx, by, steps.iter().map(|step| write::entry(step.action, Some(&step.before), &step.after)))
}
