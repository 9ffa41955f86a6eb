//! REST (contract §4): the routes below `/api/rest`, and what their clients expect of versions and errors.

mod activity_types;
mod approval;
mod codes;
pub mod objects;
pub(super) mod people;
mod reports;
mod roles;
pub(super) mod versions;
mod worklogs;

pub(super) use codes::code;

use super::api::{Route, Verb};
use crate::auth::Scopes;
use crate::domain::approvals::APPROVERS;
use crate::policy::{Duties, Role};

const FILTERS: &[&str] = &[
    "count",
    "skip",
    "expand",
    "workItemIds",
    "fromTimestamp",
    "toTimestamp",
    "fromCreatedTimestamp",
    "toCreatedTimestamp",
    "from",
    "to",
    "includeEditable",
];

/// The routes; a word stands before a `{…}` in its place.
pub static ROUTES: &[Route] = &[
    Route::rest(Verb::Get, "me", people::me).about("The caller").options(&["expand"]).gives(&objects::ME),
    Route::rest(Verb::Get, "users", people::list)
        .about("Everybody, by name")
        .options(&["count", "skip", "expand"])
        .gives_list_of(&objects::USER),
    Route::rest(Verb::Get, "users/roles", roles::list)
        .about("Everybody's role")
        .for_role(Role::Administrator)
        .or_duty(Duties::COLLECTION_ADMINISTRATOR)
        .options(&["includeNoneRoles", "count", "skip", "expand"])
        .gives_list_of(&objects::USER_WITH_ROLE),
    Route::rest(Verb::Post, "users/roles", roles::set)
        .about("Give roles")
        .for_role(Role::Administrator)
        .or_duty(Duties::COLLECTION_ADMINISTRATOR)
        .scope(Scopes::ADMIN)
        .takes(&objects::ROLES_BODY)
        .gives(&objects::ROLES_SET),
    Route::rest(Verb::Get, "users/{id}", people::one).about("A person").options(&["expand"]).gives(&objects::USER),
    Route::rest(Verb::Get, "activityTypes", activity_types::list)
        .about("Kinds of work")
        .gives(&objects::ACTIVITY_TYPES),
    Route::rest(Verb::Get, "activityTypes/{id}", activity_types::one)
        .about("A kind of work")
        .gives(&objects::ACTIVITY_TYPE),
    Route::rest(Verb::Get, "workLogs", worklogs::own)
        .about("The caller's time, newest first")
        .options(FILTERS)
        .gives_list_of(&objects::WORK_LOG),
    Route::rest(Verb::Post, "workLogs", worklogs::create)
        .about("Enter time")
        .options(&["expand"])
        .takes(&objects::WORK_LOG_BODY)
        .gives(&objects::WORK_LOG),
    Route::rest(Verb::Get, "workLogs/all", worklogs::all)
        .about("Everybody's time, newest first")
        .for_role(Role::Product)
        .options(FILTERS)
        .gives_list_of(&objects::WORK_LOG),
    Route::rest(Verb::Post, "workLogs/batch", worklogs::batch)
        .about("Enter many logs, all or none")
        .options(&["validateOnly", "expand"])
        .takes_many(&objects::WORK_LOG_BODY)
        .gives_list_of(&objects::WORK_LOG),
    Route::rest(Verb::Get, "workLogs/{id}", worklogs::one)
        .about("A work log")
        .options(&["expand", "includeEditable"])
        .gives(&objects::WORK_LOG),
    Route::rest(Verb::Patch, "workLogs/{id}", worklogs::change)
        .about("Change a work log")
        .options(&["expand"])
        .takes(&objects::WORK_LOG_BODY)
        .gives(&objects::WORK_LOG),
    Route::rest(Verb::Put, "workLogs/{id}", worklogs::change)
        .about("Change a work log, as PATCH does")
        .options(&["expand"])
        .takes(&objects::WORK_LOG_BODY)
        .gives(&objects::WORK_LOG),
    Route::rest(Verb::Delete, "workLogs/{id}", worklogs::delete).about("Delete a work log"),
    Route::rest(Verb::Post, "timeApproval/week", approval::submit)
        .about("Submit the caller's week")
        .takes(&objects::WEEK_BODY),
    Route::rest(Verb::Delete, "timeApproval/week", approval::revoke)
        .about("Take the caller's submitted week back")
        .options(&["weekStart"]),
    Route::rest(Verb::Get, "timeApproval/all", approval::all)
        .about("Weeks that the caller decides")
        .for_role(Role::Administrator)
        .or_duty(APPROVERS)
        .options(&["count", "skip", "expand", "fromTimestamp", "toTimestamp"])
        .gives_list_of(&objects::TIME_APPROVAL),
    Route::rest(Verb::Get, "reports/time", reports::time)
        .about("Seconds by person, work item and day")
        .options(&["from", "to", "userId"])
        .gives(&objects::TIME_REPORT),
];
