//! Many logs on their way into the table, as `seed` and `load` bring them: no rule but the references is checked.
//!
//! In: a [`NewWorklog`]. Out: its row, with what the writers keep: `work_date` is the date of `started_at`, that date
//! has its row in `dates`, and `budget_id` is the effective budget.

use super::row::COLUMNS;
use super::{Flags, Worklog};
use crate::db::{DbError, SetAside, Tx};
use crate::domain::budgets::{self, Effective};
use crate::domain::calendar::Years;
use crate::sql::{Guid, Insert, Instant, Value};

/// A log to be stored. Ids are internal ones.
#[derive(Clone, Debug)]
pub struct NewWorklog {
    pub id: i64,
    pub guid: Guid,
    pub user_id: i32,
    pub added_by_user_id: Option<i32>,
    pub edited_by_user_id: Option<i32>,
    pub work_item_id: Option<i32>,
    /// Of the work item.
    pub item_budget: Option<Effective>,
    pub activity_type_id: Option<i32>,
    pub own_budget_id: Option<i32>,
    /// The person's wall clock, as if UTC.
    pub started_at: Instant,
    pub length_seconds: i32,
    pub billable_seconds: Option<i32>,
    pub comment: Option<String>,
    pub flags: Flags,
    pub deleted: bool,
    pub created_at: Instant,
    pub edited_at: Instant,
}

impl NewWorklog {
    fn into_row(self) -> Vec<Value> {
        let flags = self.flags;
        let log = Worklog {
            id: self.id,
            guid: self.guid,
            user_id: self.user_id,
            added_by_user_id: self.added_by_user_id,
            edited_by_user_id: self.edited_by_user_id,
            work_item_id: self.work_item_id,
            activity_type_id: self.activity_type_id,
            budget_id: budgets::of_worklog(self.own_budget_id, self.item_budget),
            own_budget_id: self.own_budget_id,
            started_at: self.started_at,
            work_date: self.started_at.day(),
            length_seconds: self.length_seconds,
            billable_seconds: self.billable_seconds,
            comment: self.comment,
            is_billable: flags.is_billable,
            is_tracked: flags.is_tracked,
            is_manually_entered: flags.is_manually_entered,
            is_changed: flags.is_changed,
            is_tracked_extended: flags.is_tracked_extended,
            is_imported: flags.is_imported,
            is_from_api: flags.is_from_api,
            deleted: self.deleted,
            created_at: self.created_at,
            edited_at: self.edited_at,
            owner_edited: flags.is_changed && self.edited_by_user_id.is_none(),
        };
        log.into_values()
    }
}

/// Whether `worklogs` held rows before; an empty table is filled without its indexes once it gets many rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    Empty,
    Filled,
}

/// Stores many logs, holding few of them.
#[derive(Debug)]
pub struct Writer {
    pending: Insert,
    before: Before,
    set_aside: Option<SetAside>,
    years: Years,
}

const BATCH: usize = 4_000;

impl Writer {
    pub fn new(before: Before) -> Writer {
        Writer { pending: Insert::into("worklogs", COLUMNS), before, set_aside: None, years: Years::default() }
    }

    pub fn push(&mut self, tx: &mut Tx<'_>, new: NewWorklog) -> Result<(), DbError> {
        self.years.touch(new.started_at.day());
        self.pending.rows.push(new.into_row());
        if self.pending.rows.len() < BATCH {
            return Ok(());
        }
        if self.before == Before::Empty && self.set_aside.is_none() {
            self.set_aside = Some(tx.set_aside("worklogs")?);
        }
        self.flush(tx)
    }

    /// Logs that are not in the table yet.
    pub fn pending(&self) -> usize {
        self.pending.rows.len()
    }

    /// Stores what is pending.
    pub fn flush(&mut self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        tx.insert(&self.pending)?;
        self.pending.rows.clear();
        Ok(())
    }

    /// Stores the rest, the days and the indexes.
    pub fn finish(mut self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        self.flush(tx)?;
        self.years.cover(tx)?;
        match self.set_aside {
            Some(set_aside) => tx.restore(set_aside),
            None => Ok(()),
        }
    }
}
