//! Data in bulk: made up from a number ([`generate`], [`demo`]), or brought along by a site ([`load`]).
//!
//! In: a connection that may migrate, and what is wanted. Out: rows in one transaction, and a [`Summary`] of them.

mod demo;
mod generate;
mod item_fields;
mod items;
mod known_fields;
mod load;
mod logs;
mod money;
mod people;
mod planning;
mod random;
mod rows;
mod words;

use serde::Serialize;

pub use self::demo::demo;
pub use self::generate::{SeedError, SeedOptions, generate};
pub use self::load::{LoadError, load};
use crate::domain::worklogs::NewWorklog;

/// How far the work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being written, as the members of a [`Summary`] are called.
    pub stage: &'static str,
    pub done: u64,
    /// Not known beforehand of a file.
    pub total: Option<u64>,
}

/// Counts and sums of what was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub users: u64,
    pub activity_types: u64,
    pub work_items: u64,
    pub budgets: u64,
    /// Deleted ones too.
    pub worklogs: u64,
    pub deleted: u64,
    /// Logs that name no work item, without deleted ones.
    pub without_work_item: u64,
    /// Length of all logs in seconds, without deleted ones; likewise below.
    pub seconds: u64,
    pub billable_seconds: u64,
}

impl Summary {
    fn count(&mut self, new: &NewWorklog) {
        self.worklogs += 1;
        if new.deleted {
            self.deleted += 1;
            return;
        }
        self.without_work_item += u64::from(new.work_item_id.is_none());
        self.seconds += u64::try_from(new.length_seconds).unwrap_or(0);
        self.billable_seconds += new.billable_seconds.map_or(0, |seconds| u64::try_from(seconds).unwrap_or(0));
    }
}
