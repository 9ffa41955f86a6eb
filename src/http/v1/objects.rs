//! The objects of `/api/v1`: as they are sent, and as their declarations describe them.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;
use serde_json::Value;

use crate::db::{AsConn, DbError};
use crate::domain::activity_types::ActivityType;
use crate::domain::approvals::read::Sheet;
use crate::domain::budgets::assign::Moves;
use crate::domain::budgets::write::{Assigned, Budget};
use crate::domain::changes::{Action, Origin, Written};
use crate::domain::people::{self, Person};
use crate::domain::wall;
use crate::http::api::shape::Type::{Bool, Day, Guid, Instant, Int, Json, List, Object, Text};
use crate::http::api::shape::{Shape, member};
use crate::policy::Duties;
use crate::sql;

/// An instant in UTC, said so: `/api/v1` has no zone-less times.
pub(in crate::http) fn utc(at: sql::Instant) -> String {
    format!("{}Z", wall::written(at))
}

pub static ACTIVITY_TYPE: Shape = Shape {
    name: "ActivityType",
    members: &[
        member("id", Guid, ""),
        member("name", Text, "Unique whatever the letter case."),
        member("color", Text, "Six hex digits."),
        member("isActive", Bool, "False: retired; it stays with the logs that carry it."),
    ],
};

pub static ACTIVITY_TYPE_BODY: Shape = Shape {
    name: "ActivityTypeBody",
    members: &[member("name", Text, ""), member("color", Text, ""), member("isActive", Bool, "")],
};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityTypeObject {
    id: String,
    name: String,
    color: Option<String>,
    is_active: bool,
}

impl From<&ActivityType> for ActivityTypeObject {
    fn from(kind: &ActivityType) -> ActivityTypeObject {
        ActivityTypeObject {
            id: kind.guid.to_string(),
            name: kind.name.clone(),
            color: kind.color.clone(),
            is_active: kind.is_active,
        }
    }
}

pub static BUDGET: Shape = Shape {
    name: "Budget",
    members: &[
        member("id", Guid, ""),
        member("name", Text, ""),
        member("planned", Int, "Seconds."),
        member("comment", Text, ""),
        member("closed", Bool, "A closed one takes no new assignment and keeps its time."),
        member("closedAt", Instant, ""),
        member("createdAt", Instant, ""),
    ],
};

pub static BUDGET_BODY: Shape = Shape {
    name: "BudgetBody",
    members: &[
        member("name", Text, ""),
        member("planned", Int, "Seconds."),
        member("comment", Text, ""),
        member("closed", Bool, ""),
    ],
};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetObject {
    id: String,
    name: String,
    planned: i32,
    comment: Option<String>,
    closed: bool,
    closed_at: Option<String>,
    created_at: String,
}

impl From<&Budget> for BudgetObject {
    fn from(budget: &Budget) -> BudgetObject {
        BudgetObject {
            id: budget.guid.to_string(),
            name: budget.name.clone(),
            planned: budget.planned_seconds,
            comment: budget.comment.clone(),
            closed: budget.closed,
            closed_at: budget.closed_at.map(utc),
            created_at: utc(budget.created_at),
        }
    }
}

pub static ASSIGNMENT: Shape = Shape {
    name: "Assignment",
    members: &[
        member("kind", Text, "workItem, iteration or worklog."),
        member("target", Text, "The id of the work item, or the GUID of the iteration or log."),
        member("title", Text, "Title or path."),
    ],
};

pub static ASSIGNMENT_BODY: Shape = Shape {
    name: "AssignmentBody",
    members: &[
        member("kind", Text, "workItem, iteration or worklog."),
        member("target", Text, "The id of the work item, or the GUID of the iteration or log."),
    ],
};

#[derive(Clone, Debug, Serialize)]
pub struct AssignmentObject {
    kind: &'static str,
    target: String,
    title: Option<String>,
}

impl From<Assigned> for AssignmentObject {
    fn from(assigned: Assigned) -> AssignmentObject {
        match assigned {
            Assigned::WorkItem { id, title } => AssignmentObject { kind: "workItem", target: id.to_string(), title },
            Assigned::Iteration { guid, path } => {
                AssignmentObject { kind: "iteration", target: guid.to_string(), title: Some(path) }
            }
            Assigned::Worklog { guid } => AssignmentObject { kind: "worklog", target: guid.to_string(), title: None },
        }
    }
}

static MOVE: Shape = Shape {
    name: "Move",
    members: &[
        member("from", Guid, "Null: no budget."),
        member("to", Guid, "Null: no budget."),
        member("worklogs", Int, ""),
        member("seconds", Int, ""),
    ],
};

pub static MOVES: Shape = Shape {
    name: "Moves",
    members: &[
        member("preview", Bool, "True: nothing was written."),
        member("workItems", Int, "Items whose budget changes, or where it comes from."),
        member("worklogs", Int, "Logs that change hands."),
        member("seconds", Int, "Their time."),
        member("moves", List(&MOVE), ""),
    ],
};

#[derive(Clone, Debug, Serialize)]
struct MoveObject {
    from: Option<String>,
    to: Option<String>,
    worklogs: i64,
    seconds: i64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MovesObject {
    preview: bool,
    work_items: usize,
    worklogs: i64,
    seconds: i64,
    moves: Vec<MoveObject>,
}

impl MovesObject {
    pub fn of(moves: &Moves, budgets: &[Budget], preview: bool) -> MovesObject {
        let guids: HashMap<i32, String> = budgets.iter().map(|budget| (budget.id, budget.guid.to_string())).collect();
        let guid = |id: Option<i32>| guids.get(&id?).cloned();
        let shown = moves.logs.iter().map(|moved| MoveObject {
            from: guid(moved.from),
            to: guid(moved.to),
            worklogs: moved.worklogs,
            seconds: moved.seconds,
        });
        MovesObject {
            preview,
            work_items: moves.work_items(),
            worklogs: moves.logs.iter().map(|moved| moved.worklogs).sum(),
            seconds: moves.logs.iter().map(|moved| moved.seconds).sum(),
            moves: shown.collect(),
        }
    }
}

/// The members are those of `domain::settings::Settings`; a test compares.
pub static SETTINGS: Shape = Shape {
    name: "Settings",
    members: &[
        member("firstWeekday", Int, "1 is Monday, 7 Sunday. To change it resets all approvals."),
        member(
            "timestampZone",
            Text,
            "What becomes of a zone in a time stamp: keep drops it, convert moves the instant.",
        ),
        member("billableByDefault", Bool, "A log without a billable length is billable in full."),
        member("futureDays", Int, "Days ahead that time may be entered for; null: any."),
        member("maxLength", Int, "Longest single log in seconds; null: any."),
        member("workItemRequired", Bool, ""),
        member("commentRequired", Bool, ""),
        member("activityTypeRequired", Bool, "A required type clears the defaults."),
        member("activityTypesEnabled", Bool, ""),
        member("defaultActivityTypeId", Guid, ""),
        member("closedItemsRefused", Bool, "No time on closed work items."),
        member("closedItemsGraceHours", Int, "Hours after its closing in which an item still takes time."),
        member("editingRole", Text, "The role, and those above it, that may change the time of others."),
        member("defaultRole", Text, "The role of people who are new."),
        member("approvalEnabled", Bool, ""),
        member("approvalStartDate", Text, "The first day that is not locked; null: none is."),
        member("futureWeeksSubmitted", Bool, "Weeks that have not begun may be submitted."),
        member("ownWeeksApproved", Bool, "People may decide their own weeks."),
        member("automaticLocking", Bool, "A week is locked as soon as nobody's is pending or unsubmitted."),
        member("strictCompatibility", Bool, "Nothing that the reference product does not know."),
        member("maxTrackLength", Int, "Longest run of the timer in seconds; null: any."),
        member("activityCheckInterval", Int, "Minutes between two activity checks; null: none."),
        member("activityCheckWait", Int, "Seconds that an activity check waits."),
        member("siteId", Guid, "Names the site; cannot be set."),
    ],
};

static USER: Shape = Shape { name: "UserName", members: &[member("id", Guid, ""), member("name", Text, "")] };

/// A person by id and name.
#[derive(Clone, Debug, Serialize)]
pub struct UserName {
    id: String,
    name: String,
}

/// The names of people, by internal ids.
#[derive(Debug)]
pub struct Names(HashMap<i32, Person>);

impl Names {
    pub fn of(conn: &mut impl AsConn, ids: impl Iterator<Item = Option<i32>>) -> Result<Names, DbError> {
        let ids: Vec<i32> = ids.flatten().collect::<BTreeSet<_>>().into_iter().collect();
        Ok(Names(people::by_ids(conn, &ids)?))
    }

    pub fn get(&self, id: Option<i32>) -> Option<UserName> {
        self.0.get(&id?).map(|person| UserName { id: person.guid.to_string(), name: person.name.clone() })
    }
}

pub static SHEET: Shape = Shape {
    name: "Sheet",
    members: &[
        member("user", Object(&USER), "Whose week."),
        member("weekStart", Day, ""),
        member("weekEnd", Day, ""),
        member("state", Text, "open, submitted, reopened, approved, rejected or closed."),
        member("comment", Text, "Of the last decision."),
        member("manager", Object(&USER), "Whom it was submitted to."),
        member("decidedBy", Object(&USER), ""),
        member("submittedAt", Instant, ""),
        member("decidedAt", Instant, ""),
        member("seconds", Int, ""),
        member("billableSeconds", Int, ""),
        member("days", Int, "Days with time."),
    ],
};

/// A person's week.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SheetObject {
    user: Option<UserName>,
    week_start: String,
    week_end: String,
    state: &'static str,
    comment: Option<String>,
    manager: Option<UserName>,
    decided_by: Option<UserName>,
    submitted_at: Option<String>,
    decided_at: Option<String>,
    seconds: i64,
    billable_seconds: i64,
    days: i64,
}

impl SheetObject {
    pub fn all(conn: &mut impl AsConn, sheets: &[Sheet]) -> Result<Vec<SheetObject>, DbError> {
        let ids = sheets.iter().flat_map(|sheet| {
            let approval = sheet.approval.as_ref();
            [Some(sheet.user_id), approval.and_then(|a| a.manager_id), approval.and_then(|a| a.decided_by_user_id)]
        });
        let names = Names::of(conn, ids)?;
        let object = |sheet: &Sheet| {
            let approval = sheet.approval.as_ref();
            SheetObject {
                user: names.get(Some(sheet.user_id)),
                week_start: wall::written_day(sheet.week.start),
                week_end: wall::written_day(sheet.week.end()),
                state: sheet.state().name(),
                comment: approval.and_then(|approval| approval.comment.clone()),
                manager: names.get(approval.and_then(|approval| approval.manager_id)),
                decided_by: names.get(approval.and_then(|approval| approval.decided_by_user_id)),
                submitted_at: approval.and_then(|approval| approval.submitted_at).map(utc),
                decided_at: approval.and_then(|approval| approval.decided_at).map(utc),
                seconds: sheet.totals.seconds,
                billable_seconds: sheet.totals.billable_seconds,
                days: sheet.totals.days,
            }
        };
        Ok(sheets.iter().map(object).collect())
    }
}

pub static DECISION: Shape = Shape { name: "Decision", members: &[member("comment", Text, "A rejection needs one.")] };

pub static LOCK: Shape = Shape { name: "Lock", members: &[member("weekStart", Day, ""), member("weekEnd", Day, "")] };

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LockObject {
    pub week_start: String,
    pub week_end: String,
}

pub static CHANGE: Shape = Shape {
    name: "Change",
    members: &[
        member("operation", Guid, "One for all that a request changed."),
        member("at", Instant, ""),
        member("user", Object(&USER), "Who."),
        member("action", Text, ""),
        member("origin", Text, "The door that it came through."),
        member("before", Json, "Null for what was not there."),
        member("after", Json, "Null for what is not there any more."),
        member("comment", Text, ""),
    ],
};

/// An entry of the trail.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeObject {
    operation: String,
    at: String,
    user: Option<UserName>,
    action: &'static str,
    origin: &'static str,
    before: Option<Value>,
    after: Option<Value>,
    comment: Option<String>,
}

impl ChangeObject {
    /// Entries, with their states as `shown` makes them of what was kept.
    pub fn all(
        conn: &mut impl AsConn,
        entries: Vec<Written>,
        shown: impl Fn(&str) -> Option<Value>,
    ) -> Result<Vec<ChangeObject>, DbError> {
        let names = Names::of(conn, entries.iter().map(|entry| entry.user_id))?;
        let object = |entry: Written| ChangeObject {
            operation: entry.operation.to_string(),
            at: utc(entry.at),
            user: names.get(entry.user_id),
            action: Action::name(entry.action),
            origin: Origin::name(entry.origin),
            before: entry.before.as_deref().and_then(&shown),
            after: entry.after.as_deref().and_then(&shown),
            comment: entry.comment,
        };
        Ok(entries.into_iter().map(object).collect())
    }
}

pub static UNDONE: Shape =
    Shape { name: "Undone", members: &[member("worklogs", Int, "Logs that are as they were before.")] };

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Undone {
    pub worklogs: usize,
}

pub static PERSON: Shape = Shape {
    name: "Person",
    members: &[
        member("id", Guid, ""),
        member("name", Text, ""),
        member("uniqueName", Text, ""),
        member("email", Text, ""),
        member("role", Text, "None, Team, Product, Budget or Administrator."),
        member("isActive", Bool, ""),
        member("timeZone", Text, "IANA name."),
        member("approvalManager", Bool, "Decides the weeks of the people assigned."),
        member("globalApprovalManager", Bool, "Decides everybody's weeks."),
        member("collectionAdministrator", Bool, "Manages people, even without a role."),
        member("managerId", Guid, "Who approves the person's weeks."),
        member("defaultActivityTypeId", Guid, "The favourite kind of work."),
    ],
};

pub static PERSON_BODY: Shape = Shape {
    name: "PersonBody",
    members: &[
        member("timeZone", Text, "IANA name."),
        member("approvalManager", Bool, ""),
        member("globalApprovalManager", Bool, ""),
        member("collectionAdministrator", Bool, ""),
        member("managerId", Guid, ""),
        member("defaultActivityTypeId", Guid, ""),
    ],
};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonObject {
    id: String,
    name: String,
    unique_name: String,
    email: Option<String>,
    role: &'static str,
    is_active: bool,
    time_zone: String,
    approval_manager: bool,
    global_approval_manager: bool,
    collection_administrator: bool,
    manager_id: Option<String>,
    default_activity_type_id: Option<String>,
}

impl PersonObject {
    pub fn of(person: &Person, manager: Option<&Person>, kind: Option<&ActivityType>) -> PersonObject {
        PersonObject {
            id: person.guid.to_string(),
            name: person.name.clone(),
            unique_name: person.unique_name.clone(),
            email: person.email.clone(),
            role: person.role.name(),
            is_active: person.is_active,
            time_zone: person.time_zone.clone(),
            approval_manager: person.duties.include(Duties::APPROVAL_MANAGER),
            global_approval_manager: person.duties.include(Duties::GLOBAL_APPROVAL_MANAGER),
            collection_administrator: person.duties.include(Duties::COLLECTION_ADMINISTRATOR),
            manager_id: manager.map(|manager| manager.guid.to_string()),
            default_activity_type_id: kind.map(|kind| kind.guid.to_string()),
        }
    }
}
