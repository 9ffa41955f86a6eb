//! Work logs: the one path by which they are written, and typed readers for those who write.
//!
//! | file | in | out |
//! |---|---|---|
//! | [`rules`] | loaded facts | a [`Refusal`](super::refusal::Refusal), or nothing: pure, the rules of contract §4.4, §4.5, §6.2, §6.3 |
//! | [`facts`] | ids and days | what the rules ask about: settings, people, items, kinds of work, states of weeks |
//! | [`write`] | drafts, changes, an [`Author`](super::changes::Author) | rows, their effective budgets and audit entries, in the caller's transaction |
//! | [`batch`] | many drafts or changes | each log or its refusal; rows in few statements |
//! | [`bulk`] | logs, one edit for all | what becomes of each; the same rows changed, as one operation |
//! | [`undo`] | an operation of the trail | its logs as they were before |
//! | [`read`] | filters, a caller | logs in the caller's sight |
//! | [`store`] | ready rows | the same rows, many at a time: for `seed` and `load` |
//!
//! REST, tracking, import, bulk changes, sync and pages all call [`write::create`], [`write::change`], [`write::delete`]
//! and [`write::restore`]; there is no other way that a log changes. A timer's log is a [`Draft`] of
//! [`Origin::Tracking`](super::changes::Origin); a file's rows are drafts of `Origin::Import`, created in one call.

pub mod batch;
pub mod bulk;
pub mod facts;
pub mod read;
mod row;
pub mod rules;
mod store;
mod undo;
pub mod write;

pub use facts::Facts;
pub use row::{Snapshot, Worklog};
use rules::Content;
pub use store::{Before, NewWorklog, Writer};
pub use undo::undo;
pub use write::{Changes, Draft, Patch};

/// How a log came about and what became of it (contract §3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    pub is_billable: bool,
    pub is_tracked: bool,
    pub is_manually_entered: bool,
    pub is_changed: bool,
    pub is_tracked_extended: bool,
    pub is_imported: bool,
    pub is_from_api: bool,
}

impl Flags {
    /// As the contract names them, §4.3.
    pub const NAMES: [&str; 7] =
        ["isTracked", "isManuallyEntered", "isChanged", "isTrackedExtended", "isImported", "isFromApi", "isBillable"];

    /// The flag of a name.
    pub fn by_name(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "isTracked" => &mut self.is_tracked,
            "isManuallyEntered" => &mut self.is_manually_entered,
            "isChanged" => &mut self.is_changed,
            "isTrackedExtended" => &mut self.is_tracked_extended,
            "isImported" => &mut self.is_imported,
            "isFromApi" => &mut self.is_from_api,
            "isBillable" => &mut self.is_billable,
            _ => return None,
        })
    }
}
