//! The objects of REST (contract §4.3): as they are sent, and as their declarations describe them.
//!
//! In: rows of the domain. Out: what `serde` writes. A test compares the members of each answer with its declaration.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use crate::db::{AsConn, DbError};
use crate::domain::activity_types::{self, ActivityType};
use crate::domain::approvals::Approval;
use crate::domain::people::{self, Person};
use crate::domain::settings::Settings;
use crate::domain::wall;
use crate::domain::weeks::Week;
use crate::domain::worklogs::Worklog;
use crate::http::api::shape::Type::{Bool, Day, Guid, Int, List, Object, Text, Time};
use crate::http::api::shape::{Shape, member};
use crate::policy::Role;

/// The zero GUID stands for what is not known: an identity outside, a kind of work that is not set.
fn no_id() -> String {
    uuid::Uuid::nil().to_string()
}

pub static USER: Shape = Shape {
    name: "User",
    members: &[
        member("id", Guid, ""),
        member("name", Text, ""),
        member("uniqueName", Text, "Mail address, or DOMAIN\\login."),
        member("email", Text, ""),
        member("vstsId", Guid, "The identity in Azure DevOps; zeros where it is not known."),
        member("vstsCollectionId", Guid, ""),
        member("displayName", Text, "Null unless `$expand=user.displayName` asks for it."),
    ],
};

/// A person.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    id: String,
    name: String,
    unique_name: String,
    email: Option<String>,
    vsts_id: String,
    vsts_collection_id: String,
    display_name: Option<String>,
}

impl User {
    pub fn of(person: &Person, site: uuid::Uuid, with_name: bool) -> User {
        User {
            id: person.guid.to_string(),
            name: person.name.clone(),
            unique_name: person.unique_name.clone(),
            email: person.email.clone(),
            vsts_id: person.sk.map_or_else(no_id, |id| id.to_string()),
            vsts_collection_id: site.to_string(),
            display_name: with_name.then(|| person.name.clone()),
        }
    }
}

pub static ROLE: Shape = Shape {
    name: "Role",
    members: &[member("id", Int, ""), member("name", Text, "None, Team, Product, Budget or Administrator.")],
};

#[derive(Clone, Debug, Serialize)]
pub struct RoleObject {
    id: i32,
    name: &'static str,
}

impl From<Role> for RoleObject {
    fn from(role: Role) -> RoleObject {
        RoleObject { id: role.number(), name: role.name() }
    }
}

pub static ACTIVITY_TYPE: Shape = Shape {
    name: "ActivityType",
    members: &[member("id", Guid, ""), member("name", Text, ""), member("color", Text, "Six hex digits.")],
};

/// A kind of work.
#[derive(Clone, Debug, Serialize)]
pub struct ActivityTypeObject {
    id: String,
    name: String,
    color: String,
}

impl ActivityTypeObject {
    pub fn of(kind: &ActivityType) -> ActivityTypeObject {
        ActivityTypeObject {
            id: kind.guid.to_string(),
            name: kind.name.clone(),
            color: kind.color.clone().unwrap_or_else(|| activity_types::NOT_SET_COLOR.to_owned()),
        }
    }

    /// `[Not Set]`
    pub fn not_set() -> ActivityTypeObject {
        ActivityTypeObject {
            id: no_id(),
            name: activity_types::NOT_SET_NAME.to_owned(),
            color: activity_types::NOT_SET_COLOR.to_owned(),
        }
    }
}

pub static ACTIVITY_TYPES: Shape = Shape {
    name: "ActivityTypes",
    members: &[
        member("enabled", Bool, ""),
        member("systemDefaultActivityTypeId", Guid, ""),
        member("activityTypes", List(&ACTIVITY_TYPE), ""),
    ],
};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityTypes {
    pub enabled: bool,
    pub system_default_activity_type_id: String,
    pub activity_types: Vec<ActivityTypeObject>,
}

pub static ACCOUNT: Shape = Shape {
    name: "Account",
    members: &[
        member("id", Guid, ""),
        member("name", Text, "Organization or collection."),
        member("vstsId", Guid, ""),
        member("vstsCollectionId", Guid, ""),
    ],
};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    pub id: String,
    pub name: String,
    pub vsts_id: String,
    pub vsts_collection_id: String,
}

pub static ME: Shape = Shape {
    name: "Me",
    members: &[
        member("user", Object(&USER), ""),
        member("account", Object(&ACCOUNT), ""),
        member("defaultActivityType", Object(&ACTIVITY_TYPE), ""),
        member("timeZone", Int, "Minutes east of UTC, at this moment."),
    ],
};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    pub user: User,
    pub account: Account,
    pub default_activity_type: ActivityTypeObject,
    pub time_zone: i32,
}

pub static FLAGS: Shape = Shape {
    name: "Flags",
    members: &[
        member("isTracked", Bool, "Made with the timer."),
        member("isManuallyEntered", Bool, "Typed in."),
        member("isChanged", Bool, "Edited after it was made."),
        member("isTrackedExtended", Bool, "Made with the timer and lengthened since."),
        member("isImported", Bool, "From a file or a batch."),
        member("isFromApi", Bool, "Written by another program."),
        member("isBillable", Bool, ""),
    ],
};

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FlagsObject {
    is_tracked: bool,
    is_manually_entered: bool,
    is_changed: bool,
    is_tracked_extended: bool,
    is_imported: bool,
    is_from_api: bool,
    is_billable: bool,
}

pub static WORK_LOG: Shape = Shape {
    name: "WorkLog",
    members: &[
        member("id", Guid, "Never changes."),
        member("timestamp", Time, "Start of work: the person's wall clock."),
        member("length", Int, "Seconds."),
        member("billableLength", Int, "Seconds to bill; null: none."),
        member("workItemId", Int, "Null for a log with a comment alone."),
        member("comment", Text, ""),
        member("user", Object(&USER), "Who did the work."),
        member("addedByUser", Object(&USER), "Who entered it."),
        member("editedByUser", Object(&USER), "Who edited it last, if not its owner."),
        member("createdTimestamp", Time, "UTC."),
        member("editedTimestamp", Time, "UTC."),
        member("activityType", Object(&ACTIVITY_TYPE), ""),
        member("flags", Object(&FLAGS), ""),
        member("isCanEdit", Bool, "Only with `$includeEditable=true`."),
        member("isCanDelete", Bool, "Only with `$includeEditable=true`."),
    ],
};

/// A work log.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkLog {
    id: Option<String>,
    timestamp: String,
    length: i32,
    billable_length: Option<i32>,
    work_item_id: Option<i32>,
    comment: String,
    user: Option<User>,
    added_by_user: Option<User>,
    edited_by_user: Option<User>,
    created_timestamp: String,
    edited_timestamp: String,
    activity_type: ActivityTypeObject,
    flags: FlagsObject,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_can_edit: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_can_delete: Option<bool>,
}

/// What the logs of an answer refer to.
#[derive(Debug)]
pub struct References {
    people: HashMap<i32, Person>,
    types: HashMap<i32, ActivityType>,
    site: uuid::Uuid,
    with_names: bool,
}

impl References {
    pub fn of(conn: &mut impl AsConn, logs: &[Worklog], with_names: bool) -> Result<References, DbError> {
        let people = logs.iter().flat_map(|log| [Some(log.user_id), log.added_by_user_id, log.edited_by_user_id]);
        let people: BTreeSet<i32> = people.flatten().collect();
        Ok(References {
            people: people::by_ids(conn, &people.into_iter().collect::<Vec<_>>())?,
            types: activity_types::list(conn)?.into_iter().map(|kind| (kind.id, kind)).collect(),
            site: Settings::read(conn)?.site_id,
            with_names,
        })
    }

    fn user(&self, id: Option<i32>) -> Option<User> {
        self.people.get(&id?).map(|person| User::of(person, self.site, self.with_names))
    }

    pub fn work_log(&self, log: &Worklog) -> WorkLog {
        let kind = log.activity_type_id.and_then(|id| self.types.get(&id));
        let flags = log.flags();
        WorkLog {
            id: (log.id != 0).then(|| log.guid.to_string()),
            timestamp: wall::written(log.started_at),
            length: log.length_seconds,
            billable_length: log.billable_seconds,
            work_item_id: log.work_item_id,
            comment: log.comment.clone().unwrap_or_default(),
            user: self.user(Some(log.user_id)),
            added_by_user: self.user(log.added_by_user_id.or(Some(log.user_id))),
            edited_by_user: self.user(log.edited_by_user_id),
            created_timestamp: wall::written(log.created_at),
            edited_timestamp: wall::written(log.edited_at),
            activity_type: kind.map_or_else(ActivityTypeObject::not_set, ActivityTypeObject::of),
            flags: FlagsObject {
                is_tracked: flags.is_tracked,
                is_manually_entered: flags.is_manually_entered,
                is_changed: flags.is_changed,
                is_tracked_extended: flags.is_tracked_extended,
                is_imported: flags.is_imported,
                is_from_api: flags.is_from_api,
                is_billable: flags.is_billable,
            },
            is_can_edit: None,
            is_can_delete: None,
        }
    }
}

impl WorkLog {
    pub fn editable(self, may: bool) -> WorkLog {
        WorkLog { is_can_edit: Some(may), is_can_delete: Some(may), ..self }
    }
}

pub static USER_WITH_ROLE: Shape = Shape {
    name: "UserWithRole",
    members: &[
        member("id", Guid, ""),
        member("name", Text, ""),
        member("uniqueName", Text, ""),
        member("email", Text, ""),
        member("vstsId", Guid, ""),
        member("vstsCollectionId", Guid, ""),
        member("displayName", Text, ""),
        member("role", Object(&ROLE), ""),
    ],
};

/// A person and what they may.
#[derive(Clone, Debug, Serialize)]
pub struct UserWithRole {
    #[serde(flatten)]
    user: User,
    role: RoleObject,
}

impl UserWithRole {
    pub fn of(person: &Person, role: Role, site: uuid::Uuid, with_name: bool) -> UserWithRole {
        UserWithRole { user: User::of(person, site, with_name), role: role.into() }
    }

    /// Somebody who was named and is not there.
    pub fn unknown(id: Option<crate::sql::Guid>, email: Option<&str>, role: Role, site: uuid::Uuid) -> UserWithRole {
        let user = User {
            id: id.map_or_else(no_id, |id| id.to_string()),
            name: String::new(),
            unique_name: String::new(),
            email: email.map(str::to_owned),
            vsts_id: no_id(),
            vsts_collection_id: site.to_string(),
            display_name: None,
        };
        UserWithRole { user, role: role.into() }
    }
}

static ROLE_BODY: Shape =
    Shape { name: "RoleBody", members: &[member("id", Int, ""), member("name", Text, "If there is no id.")] };

static ROLE_OF: Shape = Shape {
    name: "RoleOf",
    members: &[
        member("id", Guid, "Whom; or"),
        member("vstsId", Guid, "by the identity in Azure DevOps; or"),
        member("email", Text, "by mail address or unique name."),
        member("role", Object(&ROLE_BODY), ""),
    ],
};

pub static ROLES_BODY: Shape = Shape {
    name: "RolesBody",
    members: &[
        member("skipErrors", Bool, "Sets those that can be set; otherwise all or none."),
        member("users", List(&ROLE_OF), "At most 500."),
    ],
};

static FAILURE: Shape = Shape { name: "Failure", members: &[member("message", Text, "")] };

static FAILED_ENTRY: Shape = Shape {
    name: "FailedEntry",
    members: &[member("entity", Object(&USER_WITH_ROLE), ""), member("error", Object(&FAILURE), "")],
};

pub static ROLES_SET: Shape = Shape {
    name: "RolesSet",
    members: &[
        member("succeeded", Int, ""),
        member("failed", Int, ""),
        member("failedEntries", List(&FAILED_ENTRY), ""),
    ],
};

#[derive(Clone, Debug, Serialize)]
pub struct FailureObject {
    pub message: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct FailedEntry {
    pub entity: UserWithRole,
    pub error: FailureObject,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolesSet {
    pub succeeded: usize,
    pub failed: usize,
    pub failed_entries: Vec<FailedEntry>,
}

pub static TIME_APPROVAL: Shape = Shape {
    name: "TimeApproval",
    members: &[
        member("id", Guid, ""),
        member("weekStartDate", Day, ""),
        member("weekEndDate", Day, ""),
        member("user", Object(&USER), "Whose week."),
        member("approvalState", Int, "1 submitted, 2 reopened, 3 approved, 99 closed."),
        member("modificationTimestamp", Time, "UTC."),
        member("submittedTimestamp", Time, "UTC."),
        member("approvalTimestamp", Time, "UTC."),
        member("assignedManager", Object(&USER), "Whom it was submitted to."),
        member("approvedByManager", Object(&USER), "Who decided."),
        member("comment", Text, "Of a rejection, which reads as reopened."),
    ],
};

/// A person's week.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeApproval {
    id: String,
    week_start_date: String,
    week_end_date: String,
    user: Option<User>,
    approval_state: i32,
    modification_timestamp: String,
    submitted_timestamp: Option<String>,
    approval_timestamp: Option<String>,
    assigned_manager: Option<User>,
    approved_by_manager: Option<User>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

impl TimeApproval {
    /// Weeks as objects, with the people that they name.
    pub fn all(conn: &mut impl AsConn, weeks: &[Approval], with_names: bool) -> Result<Vec<TimeApproval>, DbError> {
        let ids = weeks.iter().flat_map(|week| [Some(week.user_id), week.manager_id, week.decided_by_user_id]);
        let ids: BTreeSet<i32> = ids.flatten().collect();
        let people = people::by_ids(conn, &ids.into_iter().collect::<Vec<_>>())?;
        let site = Settings::read(conn)?.site_id;
        let user = |id: Option<i32>| people.get(&id?).map(|person| User::of(person, site, with_names));
        let week = |week: &Approval| TimeApproval {
            id: week.guid.to_string(),
            week_start_date: wall::written(week.week_start.midnight()),
            week_end_date: wall::written(Week { start: week.week_start }.end().midnight()),
            user: user(Some(week.user_id)),
            approval_state: week.state().wire(),
            modification_timestamp: wall::written(week.modified_at),
            submitted_timestamp: week.submitted_at.map(wall::written),
            approval_timestamp: week.decided_at.map(wall::written),
            assigned_manager: user(week.manager_id),
            approved_by_manager: user(week.decided_by_user_id),
            comment: week.comment.clone(),
        };
        Ok(weeks.iter().map(week).collect())
    }
}

pub static WEEK_BODY: Shape = Shape {
    name: "WeekBody",
    members: &[
        member("weekStart", Day, "Any day of the week."),
        member("assignedManagerId", Guid, "Otherwise the caller's approval manager."),
    ],
};

pub static TIME_REPORT: Shape = Shape {
    name: "TimeReport",
    members: &[
        member("from", Day, ""),
        member("to", Day, ""),
        member("totalLength", Int, "Seconds."),
        member("byUser", List(&BY_USER), ""),
        member("byWorkItem", List(&BY_WORK_ITEM), ""),
        member("byDay", List(&BY_DAY), ""),
    ],
};

static BY_USER: Shape = Shape {
    name: "ByUser",
    members: &[member("userId", Guid, ""), member("name", Text, ""), member("length", Int, "")],
};

static BY_WORK_ITEM: Shape = Shape {
    name: "ByWorkItem",
    members: &[
        member("workItemId", Int, "Null for time without a work item."),
        member("title", Text, ""),
        member("length", Int, ""),
    ],
};

static BY_DAY: Shape = Shape { name: "ByDay", members: &[member("date", Day, ""), member("length", Int, "")] };

static ID: Shape = Shape { name: "Id", members: &[member("id", Guid, "")] };

pub static WORK_LOG_BODY: Shape = Shape {
    name: "WorkLogBody",
    members: &[
        member("timeStamp", Time, "Start, local; missing: now, in the person's zone."),
        member("length", Int, "Seconds, more than 0."),
        member("billableLength", Int, "Seconds to bill; 0: not billable."),
        member("workItemId", Int, "Needed if there is no comment."),
        member("comment", Text, "Needed if there is no work item."),
        member("userId", Guid, "Otherwise the caller."),
        member("activityTypeId", Guid, "Otherwise the person's default type."),
        member("date", Day, "The day, at 00:00, if there is no timeStamp."),
        member("activityType", Object(&ID), "If there is no activityTypeId."),
    ],
};
