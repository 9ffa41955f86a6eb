//! A log as its table has it.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::Flags;
use crate::db::tables::worklogs;
use crate::sql::{Day, Guid, Instant, Type, Value};

/// A log. Ids are internal ones; the columns are those of `worklogs`, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = worklogs, treat_none_as_null = true)]
pub struct Worklog {
    /// Made by the database.
    #[diesel(skip_insertion)]
    pub id: i64,
    pub guid: Guid,
    pub user_id: i32,
    pub added_by_user_id: Option<i32>,
    pub edited_by_user_id: Option<i32>,
    pub work_item_id: Option<i32>,
    pub activity_type_id: Option<i32>,
    /// Effective.
    pub budget_id: Option<i32>,
    pub own_budget_id: Option<i32>,
    /// The person's wall clock, as if UTC.
    pub started_at: Instant,
    pub work_date: Day,
    pub length_seconds: i32,
    pub billable_seconds: Option<i32>,
    pub comment: Option<String>,
    pub is_billable: bool,
    pub is_tracked: bool,
    pub is_manually_entered: bool,
    pub is_changed: bool,
    pub is_tracked_extended: bool,
    pub is_imported: bool,
    pub is_from_api: bool,
    pub deleted: bool,
    pub created_at: Instant,
    pub edited_at: Instant,
    pub owner_edited: bool,
}

/// The columns of [`Worklog::into_values`].
pub(super) const COLUMNS: &[&str] = &[
    "id",
    "guid",
    "user_id",
    "added_by_user_id",
    "edited_by_user_id",
    "work_item_id",
    "activity_type_id",
    "budget_id",
    "own_budget_id",
    "started_at",
    "work_date",
    "length_seconds",
    "billable_seconds",
    "comment",
    "is_billable",
    "is_tracked",
    "is_manually_entered",
    "is_changed",
    "is_tracked_extended",
    "is_imported",
    "is_from_api",
    "deleted",
    "created_at",
    "edited_at",
    "owner_edited",
];

impl Worklog {
    /// The row for statements of many: the key first.
    pub(super) fn into_values(self) -> Vec<Value> {
        let int = |value: Option<i32>| value.map_or(Value::Null(Type::Int32), Value::Int32);
        vec![
            Value::Int64(self.id),
            Value::Guid(self.guid),
            Value::Int32(self.user_id),
            int(self.added_by_user_id),
            int(self.edited_by_user_id),
            int(self.work_item_id),
            int(self.activity_type_id),
            int(self.budget_id),
            int(self.own_budget_id),
            Value::Instant(self.started_at),
            Value::Day(self.work_date),
            Value::Int32(self.length_seconds),
            int(self.billable_seconds),
            self.comment.map_or(Value::Null(Type::Text), Value::Text),
            Value::Bool(self.is_billable),
            Value::Bool(self.is_tracked),
            Value::Bool(self.is_manually_entered),
            Value::Bool(self.is_changed),
            Value::Bool(self.is_tracked_extended),
            Value::Bool(self.is_imported),
            Value::Bool(self.is_from_api),
            Value::Bool(self.deleted),
            Value::Instant(self.created_at),
            Value::Instant(self.edited_at),
            Value::Bool(self.owner_edited),
        ]
    }

    pub fn flags(&self) -> Flags {
        Flags {
            is_billable: self.is_billable,
            is_tracked: self.is_tracked,
            is_manually_entered: self.is_manually_entered,
            is_changed: self.is_changed,
            is_tracked_extended: self.is_tracked_extended,
            is_imported: self.is_imported,
            is_from_api: self.is_from_api,
        }
    }

    /// What the audit trail keeps of it.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            user: self.user_id,
            work_item: self.work_item_id,
            activity_type: self.activity_type_id,
            own_budget: self.own_budget_id,
            started_at: self.started_at.0,
            length: self.length_seconds,
            billable: self.billable_seconds,
            is_billable: self.is_billable,
            comment: self.comment.clone(),
            edited_by: self.edited_by_user_id,
            is_changed: self.is_changed,
            is_tracked_extended: self.is_tracked_extended,
            owner_edited: self.owner_edited,
            deleted: self.deleted,
        }
    }
}

/// The part of a log that writers change, as the audit trail keeps it: enough to bring it back. Ids are internal ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    pub user: i32,
    pub work_item: Option<i32>,
    pub activity_type: Option<i32>,
    pub own_budget: Option<i32>,
    /// Microseconds of the wall clock.
    pub started_at: i64,
    pub length: i32,
    pub billable: Option<i32>,
    pub is_billable: bool,
    pub comment: Option<String>,
    pub edited_by: Option<i32>,
    pub is_changed: bool,
    pub is_tracked_extended: bool,
    pub owner_edited: bool,
    pub deleted: bool,
}

impl Snapshot {
    /// Without who edited: what an edit, taken back, leaves behind is the same log.
    pub(super) fn unsigned(self) -> Snapshot {
        Snapshot { edited_by: None, owner_edited: false, ..self }
    }

    /// As stored.
    pub fn to_text(&self) -> String {
        // Numbers, flags and a text always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}
