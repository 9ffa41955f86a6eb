//! `/api/v1/worklogs/bulk`: what a filter picks is changed as a whole, counted before, and taken back.

use serde_json::{Value, json};
use timeledger::http::v1::bulk::TALLY;

use super::{ADA, BO, PETRA, TESS, TIM, ask, check_members, enter, error_code, server};
use crate::backend::{Database, Fixture, for_each_backend};
use crate::support::http::Reply;
use crate::support::server::Server;

const MEETING: &str = "aaaaaaaa-0000-4000-8000-000000000002";
const NOBODY: &str = "99999999-0000-4000-8000-000000000000";
const OPEN: &str = "bbbbbbbb-0000-4000-8000-000000000003";
const CLOSED: &str = "bbbbbbbb-0000-4000-8000-000000000002";

fn bulk(server: &Server, user: &str, body: &Value) -> Reply {
    ask(server, user, "POST", "/api/v1/worklogs/bulk", body)
}

fn preview(server: &Server, user: &str, body: &Value) -> Value {
    let reply = ask(server, user, "POST", "/api/v1/worklogs/bulk?preview=true", body);
    assert_eq!(reply.status, 200, "{}", reply.lossy());
    reply.json()
}

/// Matched, changed, unchanged, locked, noRight, refused.
fn counts(tally: &Value) -> [i64; 6] {
    check_members(&TALLY, tally, "tally");
    let counts = ["matched", "changed", "unchanged", "locked", "noRight", "refused"]
        .map(|name| tally[name].as_i64().expect("a number"));
    assert_eq!(counts[0], counts[1..].iter().sum::<i64>(), "{tally}");
    counts
}

/// All that reports say of the logs.
fn logs(server: &Server) -> Vec<Value> {
    let target = "/api/odata/v4.0/Worklogs?$orderby=Id&$select=Id,Comment,ActivityTypeId,WorkItemId,BudgetId,Timestamp,\
                  PeriodLength,BillablePeriodLength,IsBillable,IsChanged";
    let reply = server.get(ADA, target);
    assert_eq!(reply.status, 200, "{}", reply.lossy());
    reply.json()["value"].as_array().expect("rows").clone()
}

/// A week of Tim's and Tess's with one log of each on its days, and one of Tim's in a submitted week.
fn entered(server: &Server) -> Vec<String> {
    let mut ids = Vec::new();
    for day in 6..=10 {
        ids.push(enter(server, TIM, &format!("2024-05-{day:02}T09:00:00")));
    }
    for day in 6..=7 {
        ids.push(enter(server, TESS, &format!("2024-05-{day:02}T09:00:00")));
    }
    ids.push(enter(server, TIM, "2024-05-13T09:00:00"));
    let week = json!({"weekStart": "2024-05-13"});
    assert_eq!(ask(server, TIM, "POST", "/api/rest/timeApproval/week", &week).status, 200);
    ids
}

#[test]
fn a_preview_counts_what_the_edit_does_and_an_undo_takes_it_back() {
    for_each_backend(|backend| {
        let server = server(backend);
        let ids = entered(&server);
        let before = logs(&server);
        let mut body = json!({
            "filter": "Comment eq 'entered'",
            "changes": {"comment": "said at once", "activityTypeId": MEETING, "workItemId": 5, "billable": true},
        });
        // Tim's own alone: Tess's are not there for him.
        let told = preview(&server, TIM, &body);
        assert_eq!(counts(&told), [6, 5, 0, 1, 0, 0]);
        assert_eq!((&told["preview"], &told["operationId"]), (&json!(true), &Value::Null));
        assert_eq!(told["problems"][0]["worklogId"], json!(ids[7]));
        assert_eq!(told["problems"][0]["code"], "ApprovalStateFailed");
        // Petra sees all and changes none.
        assert_eq!(counts(&preview(&server, PETRA, &body)), [8, 0, 0, 0, 8, 0]);
        assert_eq!(counts(&preview(&server, ADA, &body)), [8, 7, 0, 1, 0, 0]);
        // One that refuses stops all.
        let all = bulk(&server, TIM, &body);
        assert_eq!((all.status, error_code(&all).as_str()), (422, "ApprovalStateFailed"), "{}", all.lossy());
        let all = bulk(&server, PETRA, &body);
        assert_eq!((all.status, error_code(&all).as_str()), (403, "NoRightsToWorkLogModification"));
        assert_eq!(logs(&server), before);

        body["skipRefused"] = json!(true);
        let done = bulk(&server, TIM, &body);
        assert_eq!(done.status, 200, "{}", done.lossy());
        let done = done.json();
        assert_eq!(counts(&done), [6, 5, 0, 1, 0, 0]);
        let after = logs(&server);
        let differ: Vec<&Value> = after.iter().zip(&before).filter(|(a, b)| a != b).map(|(a, _)| a).collect();
        assert_eq!(differ.len(), 5);
        for log in differ {
            assert!(ids[..5].iter().any(|id| log["Id"] == json!(id)));
            assert_eq!((&log["Comment"], &log["ActivityTypeId"]), (&json!("said at once"), &json!(MEETING)));
            assert_eq!((&log["WorkItemId"], &log["IsBillable"]), (&json!(5), &json!(true)));
            assert_eq!((&log["BillablePeriodLength"], &log["IsChanged"]), (&log["PeriodLength"], &json!(true)));
        }
        // Said once more, it changes nothing.
        body["filter"] = json!("Comment eq 'said at once'");
        let again = bulk(&server, TIM, &body).json();
        assert_eq!((counts(&again), &again["operationId"]), ([5, 0, 5, 0, 0, 0], &Value::Null));

        let operation = done["operationId"].as_str().expect("an operation");
        let undo = |user| ask(&server, user, "POST", &format!("/api/v1/operations/{operation}/undo"), &Value::Null);
        assert_eq!(undo(TESS).status, 404);
        assert_eq!(undo(TIM).json(), json!({"worklogs": 5}));
        assert_eq!(logs(&server), before);
        let trail = ask(&server, TIM, "GET", &format!("/api/v1/worklogs/{}/changes", ids[0]), &Value::Null).json();
        let origins: Vec<&str> =
            trail["items"].as_array().expect("a trail").iter().map(|entry| entry["origin"].as_str().unwrap()).collect();
        assert_eq!(origins, ["rest", "bulk", "undo"]);
    });
}

#[test]
fn logs_move_are_deleted_and_change_budgets_together() {
    for_each_backend(|backend| {
        let server = server(backend);
        entered(&server);
        let before = logs(&server);
        let of_tim = |filter: &str| json!({"filter": format!("Comment eq 'entered' and {filter}")});
        let with = |mut body: Value, name: &str, value: Value| {
            body[name] = value;
            body
        };
        // Monday's would come into the submitted week.
        let shift = with(of_tim("User/Name eq 'Tim Tëam' and DateSK lt 20240511"), "changes", json!({"shiftDays": 7}));
        assert_eq!(counts(&preview(&server, TIM, &shift)), [5, 0, 0, 5, 0, 0]);
        let back = with(of_tim("DateSK lt 20240511"), "changes", json!({"shiftDays": -7}));
        let moved = bulk(&server, TIM, &back).json();
        assert_eq!(counts(&moved), [5, 5, 0, 0, 0, 0]);
        let days: Vec<String> = logs(&server)
            .iter()
            .filter(|log| log["Comment"] == "entered" && log["Timestamp"].as_str().unwrap().starts_with("2024-04-29"))
            .map(|log| log["Timestamp"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(days, ["2024-04-29T09:00:00Z"]);

        // Where the week was submitted since, the move stays: it would take time out of it.
        let week = json!({"weekStart": "2024-04-29"});
        assert_eq!(ask(&server, TIM, "POST", "/api/rest/timeApproval/week", &week).status, 200);
        let undo = format!("/api/v1/operations/{}/undo", moved["operationId"].as_str().expect("an operation"));
        let kept = ask(&server, TIM, "POST", &undo, &Value::Null);
        assert_eq!((kept.status, error_code(&kept).as_str()), (422, "ApprovalStateFailed"), "{}", kept.lossy());
        let revoke = "/api/rest/timeApproval/week?weekStart=2024-04-29";
        assert_eq!(ask(&server, TIM, "DELETE", revoke, &Value::Null).status, 200);

        let budget = with(of_tim("DateSK lt 20240511"), "changes", json!({"budgetId": OPEN}));
        let refused = bulk(&server, TIM, &budget);
        assert_eq!((refused.status, error_code(&refused).as_str()), (403, "AccessDenied"), "{}", refused.lossy());
        let assigned = bulk(&server, ADA, &budget).json();
        assert_eq!(counts(&assigned), [7, 7, 0, 0, 0, 0]);
        let of_budget = |server: &Server| logs(server).iter().filter(|log| log["BudgetId"] == OPEN).count();
        assert_eq!(of_budget(&server) - before.iter().filter(|log| log["BudgetId"] == OPEN).count(), 7);
        let cleared = with(of_tim("DateSK lt 20240511"), "changes", json!({"budgetId": null}));
        assert_eq!(counts(&bulk(&server, ADA, &cleared).json()), [7, 7, 0, 0, 0, 0]);

        let delete = with(of_tim("DateSK lt 20240511"), "delete", json!(true));
        assert_eq!(counts(&preview(&server, TIM, &delete)), [5, 5, 0, 0, 0, 0]);
        let deleted = bulk(&server, TIM, &delete).json();
        assert_eq!(logs(&server).len(), before.len() - 5);
        assert_eq!(counts(&bulk(&server, TIM, &delete).json()), [0; 6]);
        for tally in [&deleted, &json!({"operationId": cleared_id(&server)}), &assigned, &moved] {
            let Some(id) = tally["operationId"].as_str() else { continue };
            let undone = ask(&server, ADA, "POST", &format!("/api/v1/operations/{id}/undo"), &Value::Null);
            assert_eq!(undone.status, 200, "{}", undone.lossy());
        }
        assert_eq!(logs(&server), before);
    });
}

/// The operation that cleared the budgets: the last of a log of Tess's, which nothing else touched since.
fn cleared_id(server: &Server) -> String {
    let target =
        "/api/odata/v4.0/Worklogs?$filter=Comment eq 'entered' and contains(User/Name,'Tess')&$top=1&$select=Id";
    let log = server.get(ADA, target).json()["value"][0]["Id"].as_str().expect("a log").to_owned();
    let trail = ask(server, ADA, "GET", &format!("/api/v1/worklogs/{log}/changes"), &Value::Null).json();
    trail["items"].as_array().expect("a trail").last().expect("an entry")["operation"].as_str().unwrap().to_owned()
}

#[test]
fn a_bulk_edit_that_cannot_be_meant_changes_nothing() {
    for_each_backend(|backend| {
        let server = Server::start_with(
            Database::loaded(backend, Fixture::SMALL),
            &[("TIMELEDGER_REST__MAX_BULK_WORKLOGS", "7")],
        );
        entered(&server);
        let before = logs(&server);
        let change = json!({"comment": "x"});
        let edit = |filter: &str| json!({"filter": filter, "changes": change});
        for (user, body, expected, target) in [
            (ADA, json!({}), (400, "InvalidValue"), Some("filter")),
            (ADA, json!({"filter": " ", "changes": change}), (400, "InvalidValue"), Some("filter")),
            (ADA, json!({"filter": "true"}), (400, "InvalidValue"), Some("changes")),
            (ADA, json!({"filter": "true", "changes": {}}), (400, "InvalidValue"), Some("changes")),
            (ADA, json!({"filter": "true", "changes": change, "delete": true}), (400, "InvalidValue"), Some("changes")),
            (ADA, edit("Comment eq"), (400, "InvalidValue"), Some("filter")),
            (ADA, edit("Nothing eq 1"), (400, "InvalidValue"), Some("filter")),
            (ADA, edit("Comment eq 1"), (400, "InvalidValue"), Some("filter")),
            (ADA, edit("Comment eq 'x'&$top=1"), (400, "InvalidValue"), Some("filter")),
            (ADA, json!({"search": "(", "changes": change}), (400, "InvalidValue"), Some("search")),
            // A budget is nothing that Tim could ask about.
            (TIM, edit("Budget/BudgetName eq 'Budget One'"), (400, "InvalidValue"), Some("filter")),
            (
                ADA,
                json!({"filter": "true", "changes": {"shiftDays": 40_000}}),
                (400, "InvalidValue"),
                Some("changes.shiftDays"),
            ),
            (
                ADA,
                json!({"filter": "true", "changes": {"shiftDays": "x"}}),
                (400, "InvalidValue"),
                Some("changes.shiftDays"),
            ),
            (
                ADA,
                json!({"filter": "true", "changes": {"billable": 3}}),
                (400, "InvalidValue"),
                Some("changes.billable"),
            ),
            (ADA, edit("true"), (413, "PayloadTooLarge"), None),
            (
                TESS,
                json!({"filter": "Comment eq 'entered'", "changes": {"workItemId": 4711}}),
                (422, "DbValidationError"),
                Some("workItemId"),
            ),
            (
                TESS,
                json!({"filter": "Comment eq 'entered'", "changes": {"activityTypeId": NOBODY}}),
                (422, "DbValidationError"),
                Some("activityTypeId"),
            ),
            (
                TESS,
                json!({"filter": "Comment eq 'entered'", "changes": {"workItemId": null, "comment": null}}),
                (422, "WorkItemIdOrCommentRequired"),
                Some("workItemId"),
            ),
            (
                BO,
                json!({"filter": "Comment eq 'entered'", "changes": {"budgetId": NOBODY}}),
                (422, "DbValidationError"),
                Some("changes.budgetId"),
            ),
            (
                BO,
                json!({"filter": "Comment eq 'entered'", "changes": {"budgetId": CLOSED}}),
                (409, "DbValidationError"),
                None,
            ),
        ] {
            let reply = bulk(&server, user, &body);
            let shown = format!("{body}: {}", reply.lossy());
            assert_eq!((reply.status, error_code(&reply).as_str()), expected, "{shown}");
            assert_eq!(reply.json()["target"].as_str(), target, "{shown}");
        }
        assert_eq!(logs(&server), before);
        // With a search, and within the limit.
        let searched = json!({"search": "entered", "filter": "DateSK lt 20240511", "changes": {"comment": "found"}});
        assert_eq!(counts(&bulk(&server, ADA, &searched).json()), [7, 7, 0, 0, 0, 0]);
    });
}
