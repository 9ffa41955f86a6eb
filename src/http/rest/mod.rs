//! REST (contract §4): the routes below `/api/rest`, and what their clients expect of versions and errors.

mod activity_types;
mod codes;
pub mod objects;
mod people;
pub(super) mod versions;
mod worklogs;

pub(super) use codes::code;

use super::api::{Route, Verb};

/// The routes; a word stands before a `{…}` in its place.
pub static ROUTES: &[Route] = &[
    Route::rest(Verb::Get, "me", people::me).about("The caller").options(&["expand"]).gives(&objects::ME),
    Route::rest(Verb::Get, "users", people::list)
        .about("Everybody, by name")
        .options(&["count", "skip", "expand"])
        .gives(&objects::USER),
    Route::rest(Verb::Get, "users/{id}", people::one).about("A person").options(&["expand"]).gives(&objects::USER),
    Route::rest(Verb::Get, "activityTypes", activity_types::list)
        .about("Kinds of work")
        .gives(&objects::ACTIVITY_TYPES),
    Route::rest(Verb::Get, "activityTypes/{id}", activity_types::one)
        .about("A kind of work")
        .gives(&objects::ACTIVITY_TYPE),
    Route::rest(Verb::Post, "workLogs", worklogs::create)
        .about("Enter time")
        .options(&["expand"])
        .takes(&objects::WORK_LOG_BODY)
        .gives(&objects::WORK_LOG),
    Route::rest(Verb::Get, "workLogs/{id}", worklogs::one)
        .about("A work log")
        .options(&["expand", "includeEditable"])
        .gives(&objects::WORK_LOG),
];
