//! The audit trail: who changed what, when, how it was before and how it is after (contract §4.5, UX-66).
//!
//! In: [`Change`]s, written in the transaction of what they tell of. Out: rows that are never altered. All that one
//! request changes has one `operation`, so that it can be undone as a whole.

use diesel::prelude::*;

use crate::auth::audit::{self, Entry};
use crate::db::tables::changes;
use crate::db::{AsConn, DbError, Tx};
use crate::on;
use crate::policy::Caller;
use crate::sql::{Guid, Insert, Instant, Type, Value};

/// What a change is about; the numbers are those of `changes.subject`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Worklog = 1,
    Approval = 2,
    WeekLock = 3,
    Budget = 4,
    BudgetAssignment = 5,
    ActivityType = 6,
    Settings = 7,
    Person = 8,
}

/// What was done; the numbers are those of `changes.action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Created = 1,
    Changed = 2,
    Deleted = 3,
    Restored = 4,
    Submitted = 5,
    Reopened = 6,
    Approved = 7,
    Rejected = 8,
    Closed = 9,
    Locked = 10,
    Unlocked = 11,
}

impl Action {
    const ALL: [(Action, &'static str); 11] = [
        (Action::Created, "created"),
        (Action::Changed, "changed"),
        (Action::Deleted, "deleted"),
        (Action::Restored, "restored"),
        (Action::Submitted, "submitted"),
        (Action::Reopened, "reopened"),
        (Action::Approved, "approved"),
        (Action::Rejected, "rejected"),
        (Action::Closed, "closed"),
        (Action::Locked, "locked"),
        (Action::Unlocked, "unlocked"),
    ];

    /// The word of a stored number.
    pub fn name(number: i32) -> &'static str {
        Action::ALL.iter().find(|(action, _)| *action as i32 == number).map_or("unknown", |(_, name)| name)
    }
}

/// The door that a change came through; the numbers are those of `changes.origin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// REST, one log.
    Rest = 1,
    /// REST, many logs.
    Batch = 2,
    /// The timer.
    Tracking = 3,
    /// A file.
    Import = 4,
    /// A page of ours.
    Page = 5,
    /// A change of many at once.
    Bulk = 6,
    /// The undoing of another operation.
    Undo = 7,
    /// A command on the machine itself.
    CommandLine = 8,
}

impl Origin {
    const ALL: [(Origin, &'static str); 8] = [
        (Origin::Rest, "rest"),
        (Origin::Batch, "batch"),
        (Origin::Tracking, "tracking"),
        (Origin::Import, "import"),
        (Origin::Page, "page"),
        (Origin::Bulk, "bulk"),
        (Origin::Undo, "undo"),
        (Origin::CommandLine, "commandLine"),
    ];

    /// The word of a stored number.
    pub fn name(number: i32) -> &'static str {
        Origin::ALL.iter().find(|(origin, _)| *origin as i32 == number).map_or("unknown", |(_, name)| name)
    }
}

/// Who writes, when, through which door. Every function that changes something takes it.
#[derive(Clone, Debug)]
pub struct Author<'c> {
    pub caller: &'c Caller,
    pub now: Instant,
    pub origin: Origin,
    /// One for all that a request changes.
    pub operation: Guid,
}

impl<'c> Author<'c> {
    pub fn new(caller: &'c Caller, now: Instant, origin: Origin) -> Author<'c> {
        Author { caller, now, origin, operation: Guid(uuid::Uuid::now_v7()) }
    }
}

/// One entry of the trail.
#[derive(Clone, Debug)]
pub struct Change {
    pub subject: Subject,
    pub subject_id: i64,
    pub action: Action,
    /// JSON; none for what was not there before.
    pub before: Option<String>,
    /// JSON; none for what is not there after.
    pub after: Option<String>,
    pub comment: Option<String>,
}

const COLUMNS: &[&str] =
    &["operation", "at", "user_id", "subject", "subject_id", "action", "origin", "before", "after", "comment"];

/// Writes entries. Those of people and settings, which decide what somebody may, go into the audit too (AU-96).
pub fn write(tx: &mut Tx<'_>, by: &Author<'_>, entries: impl IntoIterator<Item = Change>) -> Result<(), DbError> {
    let text = |text: Option<String>| text.map_or(Value::Null(Type::Text), Value::Text);
    let mut insert = Insert::into("changes", COLUMNS);
    for entry in entries {
        if let Some(event) = audited(entry.subject) {
            audit::write(tx, &of_change(by, event, &entry), by.now)?;
        }
        insert.rows.push(vec![
            Value::Guid(by.operation),
            Value::Instant(by.now),
            Value::Int32(by.caller.user_id),
            Value::Int32(entry.subject as i32),
            Value::Int64(entry.subject_id),
            Value::Int32(entry.action as i32),
            Value::Int32(by.origin as i32),
            text(entry.before),
            text(entry.after),
            text(entry.comment),
        ]);
    }
    tx.insert(&insert)
}

fn audited(subject: Subject) -> Option<&'static str> {
    match subject {
        Subject::Settings => Some("settings-changed"),
        Subject::Person => Some("person-changed"),
        _ => None,
    }
}

fn of_change(by: &Author<'_>, event: &'static str, change: &Change) -> Entry {
    let state = |text: &Option<String>| text.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let states = [("before", state(&change.before)), ("after", state(&change.after))];
    let details = states.into_iter().filter_map(|(name, state)| Some((name.to_owned(), state?))).collect();
    Entry { details, ..Entry::done(event, by.caller.user_id, Some(change.subject_id.to_string())) }
}

/// An entry as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Written {
    pub operation: Guid,
    pub at: Instant,
    pub user_id: Option<i32>,
    pub action: i32,
    pub origin: i32,
    pub before: Option<String>,
    pub after: Option<String>,
    pub comment: Option<String>,
}

/// The trail of one thing, oldest first.
pub fn of(conn: &mut impl AsConn, subject: Subject, subject_id: i64) -> Result<Vec<Written>, DbError> {
    Ok(on!(conn, c => changes::table
        .filter(changes::subject.eq(subject as i32))
        .filter(changes::subject_id.eq(subject_id))
        .order(changes::id)
        .select((
            changes::operation,
            changes::at,
            changes::user_id,
            changes::action,
            changes::origin,
            changes::before,
            changes::after,
            changes::comment,
        ))
        .load(c))?)
}

/// An entry of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct OfOperation {
    pub subject_id: i64,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// What an operation did to things of one sort, in its order.
pub fn of_operation(conn: &mut impl AsConn, subject: Subject, operation: Guid) -> Result<Vec<OfOperation>, DbError> {
    Ok(on!(conn, c => changes::table
        .filter(changes::operation.eq(operation))
        .filter(changes::subject.eq(subject as i32))
        .order(changes::id)
        .select((changes::subject_id, changes::before, changes::after))
        .load(c))?)
}
