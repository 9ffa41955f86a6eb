//! `/api/v1`: what the wire contract has no route for. Bodies are JSON objects, lists are `{"items": […]}`, errors are
//! problem documents (RFC 9457), changes are conditional on `If-Match`.

mod activity_types;
mod approvals;
pub mod audit;
mod budgets;
pub mod bulk;
pub mod connections;
pub mod credentials;
mod exports;
mod imports;
mod jobs;
pub mod notices;
pub mod objects;
mod sessions;
mod settings;
mod users;
mod worklogs;

use super::api::{Route, Verb};
use crate::auth::Scopes;
use crate::domain::approvals::APPROVERS;
use crate::policy::{Duties, Role};

/// The media type of a workbook.
pub const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The routes; a word stands before a `{…}` in its place.
pub static ROUTES: &[Route] = &[
    Route::v1(Verb::Get, "activity-types", activity_types::list)
        .about("Kinds of work, retired ones too")
        .gives_list_of(&objects::ACTIVITY_TYPE),
    Route::v1(Verb::Post, "activity-types", activity_types::create)
        .about("Make a kind of work")
        .for_role(Role::Administrator)
        .scope(Scopes::ADMIN)
        .takes(&objects::ACTIVITY_TYPE_BODY)
        .gives(&objects::ACTIVITY_TYPE),
    Route::v1(Verb::Get, "activity-types/{id}", activity_types::one)
        .about("A kind of work")
        .gives(&objects::ACTIVITY_TYPE),
    Route::v1(Verb::Patch, "activity-types/{id}", activity_types::change)
        .about("Change or retire a kind of work")
        .for_role(Role::Administrator)
        .scope(Scopes::ADMIN)
        .takes(&objects::ACTIVITY_TYPE_BODY)
        .gives(&objects::ACTIVITY_TYPE),
    Route::v1(Verb::Delete, "activity-types/{id}", activity_types::delete)
        .about("Delete a kind of work; its logs get the replacement")
        .for_role(Role::Administrator)
        .scope(Scopes::ADMIN)
        .options(&["replacement"]),
    Route::v1(Verb::Get, "budgets", budgets::list)
        .about("Budgets, by name")
        .for_role(Role::Product)
        .gives_list_of(&objects::BUDGET),
    Route::v1(Verb::Post, "budgets", budgets::create)
        .about("Make a budget")
        .for_role(Role::Budget)
        .takes(&objects::BUDGET_BODY)
        .gives(&objects::BUDGET),
    Route::v1(Verb::Get, "budgets/{id}", budgets::one)
        .about("A budget")
        .for_role(Role::Product)
        .gives(&objects::BUDGET),
    Route::v1(Verb::Patch, "budgets/{id}", budgets::change)
        .about("Change, close or open a budget")
        .for_role(Role::Budget)
        .takes(&objects::BUDGET_BODY)
        .gives(&objects::BUDGET),
    Route::v1(Verb::Delete, "budgets/{id}", budgets::delete)
        .about("Delete a budget without time")
        .for_role(Role::Budget),
    Route::v1(Verb::Get, "budgets/{id}/assignments", budgets::assignments)
        .about("What is assigned to a budget")
        .for_role(Role::Product)
        .gives_list_of(&objects::ASSIGNMENT),
    Route::v1(Verb::Post, "budgets/{id}/assignments", budgets::assign)
        .about("Assign a work item, an iteration or a log; with preview=true only tell what would move")
        .for_role(Role::Budget)
        .options(&["preview"])
        .takes(&objects::ASSIGNMENT_BODY)
        .gives(&objects::MOVES),
    Route::v1(Verb::Delete, "budgets/{id}/assignments/{kind}/{target}", budgets::unassign)
        .about("Take something away from a budget; with preview=true only tell what would move")
        .for_role(Role::Budget)
        .options(&["preview"])
        .gives(&objects::MOVES),
    Route::v1(Verb::Get, "settings", settings::read).about("The settings of the site").gives(&objects::SETTINGS),
    Route::v1(Verb::Patch, "settings", settings::change)
        .about("Change settings; all or none")
        .for_role(Role::Administrator)
        .scope(Scopes::ADMIN)
        .takes(&objects::SETTINGS)
        .gives(&objects::SETTINGS),
    Route::v1(Verb::Get, "approvals", approvals::list)
        .about("One week of everybody whom the caller decides for")
        .for_role(Role::Administrator)
        .or_duty(APPROVERS)
        .options(&["weekStart", "state"])
        .gives_list_of(&objects::SHEET),
    Route::v1(Verb::Post, "approvals/{userId}/{weekStart}/approve", approvals::approve)
        .about("Approve a submitted week")
        .for_role(Role::Administrator)
        .or_duty(APPROVERS)
        .takes(&objects::DECISION)
        .gives(&objects::SHEET),
    Route::v1(Verb::Post, "approvals/{userId}/{weekStart}/reject", approvals::reject)
        .about("Reject a submitted week, with a comment")
        .for_role(Role::Administrator)
        .or_duty(APPROVERS)
        .takes(&objects::DECISION)
        .gives(&objects::SHEET),
    Route::v1(Verb::Post, "approvals/{userId}/{weekStart}/reopen", approvals::reopen)
        .about("Reopen an approved or closed week")
        .for_role(Role::Administrator)
        .or_duty(APPROVERS)
        .takes(&objects::DECISION)
        .gives(&objects::SHEET),
    Route::v1(Verb::Post, "approvals/{userId}/{weekStart}/close", approvals::close)
        .about("Close an unsubmitted past week")
        .for_role(Role::Administrator)
        .or_duty(APPROVERS)
        .takes(&objects::DECISION)
        .gives(&objects::SHEET),
    Route::v1(Verb::Get, "approvals/{userId}/{weekStart}/changes", approvals::changes)
        .about("The trail of a week")
        .for_role(Role::Administrator)
        .or_duty(APPROVERS)
        .gives_list_of(&objects::CHANGE),
    Route::v1(Verb::Get, "locks", approvals::locks)
        .about("Weeks that are locked for everybody")
        .gives_list_of(&objects::LOCK),
    Route::v1(Verb::Post, "locks/{weekStart}", approvals::lock)
        .about("Lock a settled past week for everybody")
        .for_role(Role::Administrator)
        .or_duty(Duties::GLOBAL_APPROVAL_MANAGER)
        .gives(&objects::LOCK),
    Route::v1(Verb::Delete, "locks/{weekStart}", approvals::unlock)
        .about("Unlock a week")
        .for_role(Role::Administrator)
        .or_duty(Duties::GLOBAL_APPROVAL_MANAGER),
    Route::v1(Verb::Get, "users/{id}", users::one)
        .about("A person, with duties and preferences")
        .for_role(Role::Administrator)
        .or_duty(Duties::COLLECTION_ADMINISTRATOR)
        .gives(&objects::PERSON),
    Route::v1(Verb::Patch, "users/{id}", users::change)
        .about("Change a person's duties, manager, time zone, favourite activity type")
        .for_role(Role::Administrator)
        .or_duty(Duties::COLLECTION_ADMINISTRATOR)
        .scope(Scopes::ADMIN)
        .takes(&objects::PERSON_BODY)
        .gives(&objects::PERSON),
    Route::v1(Verb::Post, "worklogs/bulk", bulk::edit)
        .about("Change or delete all logs that a filter picks; with preview=true only tell what would become of them")
        .options(&["preview"])
        .takes(&bulk::EDIT)
        .gives(&bulk::TALLY),
    Route::v1(Verb::Get, "worklogs/{id}/changes", worklogs::changes)
        .about("The trail of a log, deleted or not")
        .gives_list_of(&objects::CHANGE),
    Route::v1(Verb::Post, "worklogs/{id}/restore", worklogs::restore)
        .about("Bring a deleted log back")
        .gives(&crate::http::rest::objects::WORK_LOG),
    Route::v1(Verb::Post, "operations/{id}/undo", worklogs::undo)
        .about("Take back all that one request did to logs")
        .gives(&objects::UNDONE),
    Route::v1(Verb::Post, "imports", imports::create)
        .about("Import a file as a job: the body is the file, or a form with it")
        .options(&["dryRun", "onlyGood", "map", "fileName"])
        .takes_file()
        .gives(&jobs::JOB),
    Route::v1(Verb::Get, "imports/template", imports::template).about("The workbook to fill in").gives_file(),
    Route::v1(Verb::Post, "imports/{id}/undo", imports::undo)
        .about("Take back all that an import did, while none of its weeks is approved")
        .gives(&objects::UNDONE),
    Route::v1(Verb::Get, "import-profiles", imports::profiles)
        .about("The caller's mapping profiles")
        .gives_list_of(&imports::PROFILE),
    Route::v1(Verb::Put, "import-profiles/{name}", imports::keep_profile)
        .about("Keep a mapping profile")
        .takes(&imports::PROFILE_BODY)
        .gives(&imports::PROFILE),
    Route::v1(Verb::Delete, "import-profiles/{name}", imports::drop_profile).about("Delete a mapping profile"),
    Route::v1(Verb::Get, "me", sessions::me)
        .about("Who is signed in, and with what")
        .for_role(Role::None)
        .gives(&sessions::ME),
    Route::v1(Verb::Get, "sessions", sessions::list)
        .about("Browsers in which the caller is signed in, the latest used first")
        .for_role(Role::None)
        .gives_list_of(&sessions::SESSION),
    Route::v1(Verb::Delete, "sessions/{id}", sessions::end)
        .about("Sign a browser of the caller's out")
        .for_role(Role::None)
        .scope(Scopes::ADMIN),
    Route::v1(Verb::Post, "sign-out-everywhere", sessions::everywhere)
        .about("End all sessions and paired clients of the caller's; with tokens=true their tokens, too")
        .for_role(Role::None)
        .scope(Scopes::ADMIN)
        .takes(&sessions::EVERYWHERE)
        .gives(&sessions::ENDED),
    Route::v1(Verb::Get, "users/{id}/sessions", sessions::list_of)
        .about("Browsers in which a person is signed in")
        .for_role(Role::Administrator)
        .scope(Scopes::ADMIN)
        .gives_list_of(&sessions::SESSION),
    Route::v1(Verb::Delete, "users/{id}/sessions/{sessionId}", sessions::end_of)
        .about("Sign a browser of a person's out")
        .for_role(Role::Administrator)
        .scope(Scopes::ADMIN),
    Route::v1(Verb::Post, "users/{id}/sign-out-everywhere", sessions::everywhere_of)
        .about("End all sessions and paired clients of a person's; with tokens=true their tokens, too")
        .for_role(Role::Administrator)
        .scope(Scopes::ADMIN)
        .takes(&sessions::EVERYWHERE)
        .gives(&sessions::ENDED),
    Route::v1(Verb::Get, "tokens", credentials::tokens)
        .about("The caller's tokens, the latest first; never their secrets")
        .gives_list_of(&credentials::TOKEN),
    Route::v1(Verb::Post, "tokens", credentials::create)
        .about("Make a token; its secret is shown in this answer alone")
        .scope(Scopes::ADMIN)
        .for_the_recent()
        .takes(&credentials::TOKEN_BODY)
        .gives(&credentials::MADE)
        .gives_secret(),
    Route::v1(Verb::Post, "tokens/revoke", credentials::revoke_held)
        .about("Revoke whatever token this is; the answer tells nothing of it")
        .scope(Scopes::REPORTS_READ)
        .takes(&credentials::HELD),
    Route::v1(Verb::Post, "tokens/{id}/rotate", credentials::rotate)
        .about("A new secret for a token; the old one goes on for some hours")
        .scope(Scopes::ADMIN)
        .for_the_recent()
        .takes(&credentials::ROTATION)
        .gives(&credentials::MADE)
        .gives_secret(),
    Route::v1(Verb::Delete, "tokens/{id}", credentials::revoke).about("Revoke a token of one's own"),
    Route::v1(Verb::Get, "users/{id}/tokens", credentials::tokens_of)
        .about("A person's tokens")
        .for_role(Role::Administrator)
        .scope(Scopes::ADMIN)
        .gives_list_of(&credentials::TOKEN),
    Route::v1(Verb::Delete, "users/{id}/tokens/{tokenId}", credentials::revoke_of)
        .about("Revoke a person's token")
        .for_role(Role::Administrator)
        .scope(Scopes::ADMIN),
    Route::v1(Verb::Get, "audit", audit::list)
        .about("Sign-ins, refusals, credentials, changes of rights, the latest first; format=csv for a file")
        .for_role(Role::Administrator)
        .scope(Scopes::ADMIN)
        .options(&["from", "to", "event", "userId", "format", "skip", "count"])
        .gives_list_of(&audit::ROW),
    Route::v1(Verb::Get, "grants", credentials::grants)
        .about("Clients that the caller paired, the latest first")
        .gives_list_of(&credentials::GRANT),
    Route::v1(Verb::Delete, "grants/{id}", credentials::end_grant).about("Let a paired client in no more"),
    Route::v1(Verb::Get, "notices", notices::list)
        .about("What the server has told the caller: unread first, then the latest first")
        .options(&["skip", "count"])
        .gives_list_of(&notices::NOTICE),
    Route::v1(Verb::Get, "notices/unread", notices::unread)
        .about("How many notices the caller has not read")
        .gives(&notices::UNREAD),
    Route::v1(Verb::Get, "notices/settings", notices::settings)
        .about("Of what the caller gets mails, and when not")
        .gives(&notices::SETTINGS),
    Route::v1(Verb::Patch, "notices/settings", notices::change)
        .about("Change of what the caller gets mails, and when not")
        .scope(Scopes::ADMIN)
        .takes(&notices::SETTINGS_BODY)
        .gives(&notices::SETTINGS),
    Route::v1(Verb::Post, "notices/read", notices::mark_all_read).about("All notices are read"),
    Route::v1(Verb::Post, "notices/{id}/read", notices::mark_read).about("A notice is read").gives(&notices::NOTICE),
    Route::v1(Verb::Get, "connections", connections::list)
        .about("Organizations and collections of Azure DevOps, with the state of their service accounts")
        .for_role(Role::Administrator)
        .scope(Scopes::ADMIN)
        .gives_list_of(&connections::CONNECTION),
    Route::v1(Verb::Post, "connections", connections::create)
        .about("Make a connection")
        .for_role(Role::Administrator)
        .scope(Scopes::ADMIN)
        .takes(&connections::CONNECTION_BODY)
        .gives(&connections::CONNECTION),
    Route::v1(Verb::Get, "connections/{id}", connections::one)
        .about("A connection")
        .for_role(Role::Administrator)
        .scope(Scopes::ADMIN)
        .gives(&connections::CONNECTION),
    Route::v1(Verb::Patch, "connections/{id}", connections::change)
        .about("Change a connection; its scheme, host and port stay as long as credentials are kept for it")
        .for_role(Role::Administrator)
        .scope(Scopes::ADMIN)
        .takes(&connections::CONNECTION_BODY)
        .gives(&connections::CONNECTION),
    Route::v1(Verb::Delete, "connections/{id}", connections::delete)
        .about("Delete a connection and every credential for it")
        .for_role(Role::Administrator)
        .scope(Scopes::ADMIN),
    Route::v1(Verb::Put, "connections/{id}/credential", connections::keep_service)
        .about("Keep the service account's token or password")
        .for_role(Role::Administrator)
        .scope(Scopes::ADMIN)
        .for_the_recent()
        .takes(&connections::CREDENTIAL_BODY)
        .gives(&connections::HELD),
    Route::v1(Verb::Delete, "connections/{id}/credential", connections::drop_service)
        .about("Forget the service account's credential")
        .for_role(Role::Administrator)
        .scope(Scopes::ADMIN),
    Route::v1(Verb::Put, "connections/{id}/my-credential", connections::keep_own)
        .about("Keep the caller's own token or password")
        .scope(Scopes::ADMIN)
        .for_the_recent()
        .takes(&connections::CREDENTIAL_BODY)
        .gives(&connections::HELD),
    Route::v1(Verb::Delete, "connections/{id}/my-credential", connections::drop_own)
        .about("Forget the caller's own credential")
        .scope(Scopes::ADMIN),
    Route::v1(Verb::Get, "connections/{id}/credentials", connections::holders)
        .about("People who have a credential of their own for a connection")
        .for_role(Role::Administrator)
        .scope(Scopes::ADMIN)
        .gives_list_of(&connections::HOLDER),
    Route::v1(Verb::Delete, "connections/{id}/credentials/{userId}", connections::drop_of)
        .about("Forget a person's own credential, which is then to be given anew")
        .for_role(Role::Administrator)
        .scope(Scopes::ADMIN),
    Route::v1(Verb::Post, "connections/{id}/test", connections::test)
        .about("Ask Azure DevOps whom it takes a credential for, a refused one too")
        .takes(&connections::WHOSE)
        .gives(&connections::TESTED),
    Route::v1(Verb::Post, "connections/{id}/authorize", connections::authorize)
        .about("Where this browser signs in at Entra ID; it comes back with a credential")
        .scope(Scopes::ADMIN)
        .for_the_recent()
        .takes(&connections::AUTHORIZE)
        .gives(&connections::DEPARTURE)
        .gives_secret(),
    Route::v1(Verb::Get, "my-credentials", connections::own)
        .about("Every connection, with the state of the caller's own credential")
        .gives_list_of(&connections::OWN),
    Route::v1(Verb::Get, "exports/times", exports::times)
        .about("Logs as a workbook, in the columns and groups of a layout")
        .options(&["columns", "groupBy", "filter", "search", "orderby"])
        .gives_file(),
    Route::v1(Verb::Get, "exports/time-report", exports::time_report)
        .about("Who worked on what from one day to another, as a workbook")
        .options(&["from", "to", "projects", "sumStoryPointsToTopParent", "groupPerDayAndItem", "billable"])
        .gives_file(),
    Route::v1(Verb::Get, "jobs", jobs::list)
        .about("The caller's jobs, of administrators everybody's, the latest first")
        .options(&["state", "skip", "count"])
        .gives_list_of(&jobs::JOB),
    Route::v1(Verb::Get, "jobs/{id}", jobs::one).about("How far a job is").gives(&jobs::JOB),
    Route::v1(Verb::Post, "jobs/{id}/cancel", jobs::cancel).about("Ask for a job's end").gives(&jobs::JOB),
    Route::v1(Verb::Get, "jobs/{id}/problems", jobs::problems)
        .about("What is wrong with the rows of a file, in their order")
        .options(&["skip", "count"])
        .gives_list_of(&jobs::PROBLEM),
    Route::v1(Verb::Get, "jobs/{id}/rows", jobs::rows)
        .about("What becomes of each row of a file, good ones too")
        .options(&["skip", "count"])
        .gives_list_of(&jobs::ROW),
    Route::v1(Verb::Get, "jobs/{id}/result", jobs::result)
        .about("The file of a job: of an import its workbook with a Problem column")
        .gives_file(),
    Route::v1(Verb::Get, "openapi.json", super::openapi::serve).about("This description, in OpenAPI 3.1"),
];
