//! `/api/v1`: kinds of work, budgets and their assignments, settings, approval, locks, the trail.

use serde_json::{Value, json};
use timeledger::domain::settings::Settings;
use timeledger::http::api::Verb;
use timeledger::http::api::routes;
use timeledger::http::v1::objects;

use super::{ADA, BO, PETRA, TESS, TIM, ask, check_members, enter, request, server};
use crate::backend::{Backend, for_each_backend};
use crate::support::http::{Reply, Request};
use crate::support::server::Server;

const TIM_ID: &str = "00000000-0000-4000-8000-000000000004";
const TESS_ID: &str = "00000000-0000-4000-8000-000000000005";
const PETRA_ID: &str = "00000000-0000-4000-8000-000000000003";
const NOBODY: &str = "99999999-0000-4000-8000-000000000000";
const ONE: &str = "bbbbbbbb-0000-4000-8000-000000000001";
const CLOSED: &str = "bbbbbbbb-0000-4000-8000-000000000002";
const DIRECTLY: &str = "bbbbbbbb-0000-4000-8000-000000000003";
const EMPTY: &str = "bbbbbbbb-0000-4000-8000-000000000004";
const DEVELOPMENT: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const MEETING: &str = "aaaaaaaa-0000-4000-8000-000000000002";

fn v1(server: &Server, user: &str, method: &'static str, target: &str, body: Value) -> Reply {
    ask(server, user, method, &format!("/api/v1/{target}"), &body)
}

fn ok(reply: Reply) -> Value {
    assert!((200..300).contains(&reply.status), "{}: {}", reply.status, reply.lossy());
    if reply.body.is_empty() { Value::Null } else { reply.json() }
}

/// A problem document (RFC 9457): status, code, and the member at fault.
fn refused(reply: &Reply) -> (u16, String, Option<String>) {
    assert_eq!(reply.header("Content-Type"), Some("application/problem+json"), "{}", reply.lossy());
    let body = reply.json();
    assert_eq!(body["status"].as_u64(), Some(reply.status.into()));
    let target = body["target"].as_str().map(str::to_owned);
    (reply.status, body["code"].as_str().expect("a code").to_owned(), target)
}

fn items(answer: &Value) -> &Vec<Value> {
    answer["items"].as_array().expect("items")
}

#[test]
fn kinds_of_work_are_made_changed_retired_and_replaced() {
    for_each_backend(|backend| {
        let server = server(backend);
        let made = v1(&server, ADA, "POST", "activity-types", json!({"name": " Travel ", "color": "#00FF00"}));
        let location = made.header("Location").expect("a location").to_owned();
        let tag = made.header("ETag").expect("a tag").to_owned();
        let kind = ok(made);
        check_members(&objects::ACTIVITY_TYPE, &kind, "kind");
        assert_eq!(
            (&kind["name"], &kind["color"], &kind["isActive"]),
            (&json!("Travel"), &json!("00ff00"), &json!(true))
        );
        assert_eq!(ok(ask(&server, TIM, "GET", &location, &Value::Null)), kind);
        for (body, member) in [
            (json!({}), "name"),
            (json!({"name": "  "}), "name"),
            (json!({"name": "TRAVEL"}), "name"),
            (json!({"name": "[Not Set]"}), "name"),
            (json!({"name": "x", "color": "red"}), "color"),
            (json!({"name": "x".repeat(101)}), "name"),
        ] {
            let found = refused(&v1(&server, ADA, "POST", "activity-types", body.clone()));
            assert_eq!(found, (422, "DbValidationError".into(), Some(member.into())), "{body}");
        }
        let path = location.trim_start_matches("/api/v1/").to_owned();
        let patch = |tag: &str, body: Value| {
            let target = format!("/api/v1/{path}");
            request("PATCH", &target, &body)
                .header("If-Match", tag)
                .bearer(&server.full_token(ADA))
                .send(server.address)
        };
        assert_eq!(refused(&patch("\"other\"", json!({"isActive": false}))).0, 412);
        ok(patch(&tag, json!({"isActive": false})));
        // A retired one is not for new logs, and not in REST's list.
        let body = json!({"length": 60, "comment": "x", "activityTypeId": kind["id"]});
        assert_eq!(ask(&server, TIM, "POST", "/api/rest/workLogs", &body).status, 422);
        let rest = ask(&server, TIM, "GET", "/api/rest/activityTypes", &Value::Null).json();
        assert!(!rest.to_string().contains("Travel"));
        assert!(
            items(&ok(v1(&server, TIM, "GET", "activity-types", Value::Null))).iter().any(|k| k["name"] == "Travel")
        );

        // Logs of a deleted one get its replacement.
        let delete = |target: &str| v1(&server, ADA, "DELETE", target, Value::Null);
        assert_eq!(refused(&delete(&format!("activity-types/{DEVELOPMENT}"))).0, 409);
        assert_eq!(refused(&delete(&format!("activity-types/{DEVELOPMENT}?replacement={NOBODY}"))).0, 422);
        assert_eq!(refused(&delete(&format!("activity-types/{DEVELOPMENT}?replacement={DEVELOPMENT}"))).0, 422);
        let count = |kind: &str| {
            let target = format!("/api/odata/v4.0/Worklogs/$count?$filter=ActivityTypeId eq {kind}");
            server.get(ADA, &target).text().parse::<usize>().expect("a count")
        };
        let both = count(DEVELOPMENT) + count(MEETING);
        assert_eq!(delete(&format!("activity-types/{DEVELOPMENT}?replacement={MEETING}")).status, 204);
        assert_eq!((count(DEVELOPMENT), count(MEETING)), (0, both));
        assert_eq!(delete(&path).status, 204);
        assert_eq!(delete(&path).status, 404);
    });
}

#[test]
fn contract_6_1_budgets_are_made_changed_closed_and_deleted() {
    for_each_backend(|backend| {
        let server = server(backend);
        let made = v1(&server, BO, "POST", "budgets", json!({"name": "Next", "planned": 7200, "comment": "c"}));
        assert_eq!(made.status, 201);
        let path = made.header("Location").expect("a location").trim_start_matches("/api/v1/").to_owned();
        let budget = ok(made);
        check_members(&objects::BUDGET, &budget, "budget");
        assert_eq!(ok(v1(&server, PETRA, "GET", &path, Value::Null)), budget);
        assert_eq!(refused(&v1(&server, TIM, "GET", &path, Value::Null)).1, "AccessDenied");
        for (body, member) in [
            (json!({"planned": 1}), "name"),
            (json!({"name": "Next"}), "name"),
            (json!({"name": "x", "planned": -1}), "planned"),
            (json!({"name": "x", "planned": 1_i64 << 40}), "planned"),
        ] {
            let found = refused(&v1(&server, BO, "POST", "budgets", body.clone()));
            assert_eq!(found, (422, "DbValidationError".into(), Some(member.into())), "{body}");
        }
        assert_eq!(refused(&v1(&server, BO, "POST", "budgets", json!({"name": 5}))).0, 400);
        let closed = ok(v1(&server, BO, "PATCH", &path, json!({"closed": true, "comment": null})));
        assert_eq!(
            (&closed["closed"], &closed["comment"], &closed["name"]),
            (&json!(true), &Value::Null, &json!("Next"))
        );
        assert!(closed["closedAt"].as_str().is_some_and(|at| at.ends_with('Z')));
        let report = server.get(ADA, "/api/odata/v3.2/budgets?$filter=BudgetName eq 'Next'").json();
        assert_eq!((&report["value"][0]["Closed"], &report["value"][0]["Planned"]), (&json!(true), &json!(7200)));
        // A closed one takes no new assignment, and keeps its time.
        let body = json!({"kind": "workItem", "target": 3});
        assert_eq!(refused(&v1(&server, BO, "POST", &format!("{path}/assignments"), body)).0, 400);
        let body = json!({"kind": "workItem", "target": "3"});
        assert_eq!(refused(&v1(&server, BO, "POST", &format!("{path}/assignments"), body)).0, 409);
        assert_eq!(ok(v1(&server, BO, "PATCH", &path, json!({"closed": false})))["closedAt"], Value::Null);
        assert_eq!(v1(&server, BO, "DELETE", &path, Value::Null).status, 204);
        assert_eq!(v1(&server, BO, "GET", &path, Value::Null).status, 404);
        assert_eq!(refused(&v1(&server, BO, "DELETE", &format!("budgets/{ONE}"), Value::Null)).0, 409);
        assert_eq!(v1(&server, BO, "DELETE", &format!("budgets/{EMPTY}"), Value::Null).status, 204);
    });
}

/// Budget of each log by REST's own reports: by OData, as the reader sees it.
fn budgets_of(server: &Server, filter: &str) -> Vec<String> {
    let target = format!("/api/odata/v4.0/Worklogs?$filter={filter}&$expand=Budget($select=BudgetName)&$orderby=Id");
    let rows = server.get(ADA, &target).json();
    let rows = rows["value"].as_array().expect("rows").clone();
    rows.iter().map(|row| row["Budget"]["BudgetName"].as_str().unwrap_or("none").to_owned()).collect()
}

#[test]
fn contract_6_1_assignments_move_logs_and_a_preview_moves_none() {
    for_each_backend(|backend| {
        let server = server(backend);
        let assign = |budget: &str, kind: &str, target: &str, options: &str| {
            let body = json!({"kind": kind, "target": target});
            v1(&server, BO, "POST", &format!("budgets/{budget}/assignments{options}"), body)
        };
        let take = |budget: &str, kind: &str, target: &str, options: &str| {
            v1(&server, BO, "DELETE", &format!("budgets/{budget}/assignments/{kind}/{target}{options}"), Value::Null)
        };
        // Items 3, 4, 5 hang under 2, which is in Budget One; logs are on 4 and 5.
        let on_five = || budgets_of(&server, "WorkItemId eq 5");
        assert!(on_five().iter().all(|name| name == "Budget One"));
        let preview = ok(assign(DIRECTLY, "workItem", "4", "?preview=true"));
        check_members(&objects::MOVES, &preview, "moves");
        assert!(on_five().iter().all(|name| name == "Budget One"));
        let moved = ok(assign(DIRECTLY, "workItem", "4", ""));
        assert_eq!((&preview["preview"], &moved["preview"]), (&json!(true), &json!(false)));
        assert_eq!((&preview["moves"], &preview["workItems"]), (&moved["moves"], &moved["workItems"]));
        assert_eq!(moved["moves"][0]["from"], json!(ONE));
        assert_eq!(moved["moves"][0]["to"], json!(DIRECTLY));
        assert!(on_five().iter().all(|name| name == "Directly"), "{:?}", on_five());
        // A single log wins over its item.
        let log = enter(&server, TIM, "2024-05-02T09:00:00");
        assert_eq!(budgets_of(&server, &format!("Id eq {log}")), ["Budget One"]);
        let moved = ok(assign(EMPTY, "worklog", &log, ""));
        assert_eq!((&moved["worklogs"], &moved["seconds"]), (&json!(1), &json!(600)));
        assert_eq!(budgets_of(&server, &format!("Id eq {log}")), ["Empty"]);
        // The log on another item keeps its own budget; without it, it goes by the item of now.
        ok(ask(&server, TIM, "PATCH", &format!("/api/rest/workLogs/{log}"), &json!({"workItemId": 4})));
        assert_eq!(budgets_of(&server, &format!("Id eq {log}")), ["Empty"]);
        ok(take(EMPTY, "worklog", &log, ""));
        assert_eq!(budgets_of(&server, &format!("Id eq {log}")), ["Directly"]);
        ok(ask(&server, TIM, "PATCH", &format!("/api/rest/workLogs/{log}"), &json!({"workItemId": 3})));
        assert_eq!(budgets_of(&server, &format!("Id eq {log}")), ["Budget One"]);

        let held = ok(v1(&server, PETRA, "GET", &format!("budgets/{DIRECTLY}/assignments"), Value::Null));
        held["items"].as_array().unwrap().iter().for_each(|one| check_members(&objects::ASSIGNMENT, one, "assignment"));
        assert_eq!(held["items"][0], json!({"kind": "workItem", "target": "4", "title": "Write it"}));
        assert_eq!(ok(take(DIRECTLY, "workitem", "4", "?preview=true"))["preview"], json!(true));
        assert!(on_five().iter().all(|name| name == "Directly"));
        ok(take(DIRECTLY, "workItem", "4", ""));
        assert!(on_five().iter().all(|name| name == "Budget One"));
        assert_eq!(refused(&take(DIRECTLY, "workItem", "4", "")).0, 404);

        // An iteration, where no item above has a budget.
        let sprint = server.get(ADA, "/api/odata/v4.0/Iterations?$filter=IterationPath eq 'Beta\\Sprint 1'").json();
        let sprint = sprint["value"][0]["IterationSK"].as_str().expect("an iteration").to_owned();
        assert!(budgets_of(&server, "WorkItemId eq 9").iter().all(|name| name == "A&B"));
        let moved = ok(assign(ONE, "iteration", &sprint, ""));
        assert_eq!(moved["moves"][0]["from"], json!(CLOSED));
        assert!(budgets_of(&server, "WorkItemId eq 9").iter().all(|name| name == "Budget One"));
        ok(take(ONE, "iteration", &sprint, ""));
        assert!(budgets_of(&server, "WorkItemId eq 9").iter().all(|name| name == "none"));

        for (kind, target, status) in [
            ("workItem", "999", 422),
            ("workItem", "99999999999", 422),
            ("workItem", "x", 400),
            ("iteration", NOBODY, 422),
            ("iteration", "Sprint", 400),
            ("worklog", NOBODY, 422),
            ("area", "1", 400),
        ] {
            assert_eq!(refused(&assign(ONE, kind, target, "")).0, status, "{kind} {target}");
            assert_eq!(refused(&assign(ONE, kind, target, "?preview=true")).0, status, "{kind} {target}");
        }
        assert_eq!(refused(&assign(CLOSED, "workItem", "3", "?preview=true")).0, 409);
        assert_eq!(refused(&assign(NOBODY, "workItem", "3", "")).0, 404);
    });
}

#[test]
fn contract_6_3_settings_hold_for_the_next_write() {
    for_each_backend(|backend| {
        let server = server(backend);
        let declared: Vec<&str> = objects::SETTINGS.members.iter().map(|member| member.name).collect();
        let mut known: Vec<String> = Settings::default().to_json().keys().cloned().collect();
        known.sort_by_key(|name| declared.iter().position(|other| other == name));
        assert_eq!(known, declared);
        let set = |body: Value| v1(&server, ADA, "PATCH", "settings", body);
        let post = |body: Value| ask(&server, TIM, "POST", "/api/rest/workLogs", &body);
        let code = |reply: &Reply| super::error_code(reply);
        let log = || json!({"timeStamp": "2024-05-02T10:00:00Z", "length": 60, "comment": "x"});
        let with = |name: &str, value: Value| {
            let mut body = log();
            body[name] = value;
            body
        };
        assert_eq!(refused(&v1(&server, BO, "PATCH", "settings", json!({}))).1, "AccessDenied");
        ok(set(json!({"workItemRequired": true})));
        assert_eq!(code(&post(log())), "WorkItemRequired");
        ok(set(json!({"workItemRequired": false, "commentRequired": true})));
        assert_eq!(code(&post(json!({"length": 60, "workItemId": 3}))), "CommentRequired");
        ok(set(json!({"commentRequired": false, "activityTypeRequired": true, "defaultActivityTypeId": DEVELOPMENT})));
        assert_eq!(code(&post(log())), "ActivityTypeRequired");
        ok(set(json!({"activityTypeRequired": false})));
        assert_eq!(post(log()).json()["data"]["activityType"]["name"], json!("Development"));
        ok(v1(
            &server,
            ADA,
            "PATCH",
            &format!("users/{TIM_ID}"),
            json!({"defaultActivityTypeId": MEETING, "timeZone": "Asia/Kolkata"}),
        ));
        assert_eq!(post(log()).json()["data"]["activityType"]["id"], json!(MEETING));
        let me = server.get(TIM, "/api/rest/me").json();
        assert_eq!((&me["data"]["timeZone"], &me["data"]["defaultActivityType"]["id"]), (&json!(330), &json!(MEETING)));
        assert_eq!(post(log()).json()["data"]["timestamp"], json!("2024-05-02T10:00:00"));
        ok(set(json!({"timestampZone": "convert", "billableByDefault": true, "activityTypesEnabled": false})));
        let made = post(log()).json();
        assert_eq!(made["data"]["timestamp"], json!("2024-05-02T15:30:00"));
        assert_eq!((&made["data"]["billableLength"], &made["data"]["flags"]["isBillable"]), (&json!(60), &json!(true)));
        assert_eq!(made["data"]["activityType"]["name"], json!("[Not Set]"));
        let off = server.get(TIM, &format!("/api/rest/activityTypes/{MEETING}"));
        assert_eq!((off.status, code(&off).as_str()), (404, "ActivityTypeDisabled"));
        ok(set(json!({"maxLength": 59})));
        assert_eq!(code(&post(log())), "MaxLengthExceeded");
        ok(set(json!({"maxLength": null, "futureDays": null})));
        assert_eq!(post(with("timeStamp", json!("2199-01-01"))).status, 200);
        assert_eq!(post(with("length", json!(31_536_000))).status, 200);
        ok(set(json!({"closedItemsRefused": true})));
        assert_eq!(post(with("workItemId", json!(3))).status, 200);
        ok(set(json!({"editingRole": "Product"})));
        let other = json!({"length": 60, "comment": "x", "userId": TIM_ID, "timeStamp": "2024-05-02"});
        assert_eq!(ask(&server, PETRA, "POST", "/api/rest/workLogs", &other).status, 200);
        ok(set(json!({"approvalStartDate": "2024-05-03"})));
        assert_eq!(code(&post(log())), "ApprovalStateFailed");
        ok(set(json!({"approvalEnabled": false})));
        assert_eq!(post(log()).status, 200);
        // Converted out of the calendar.
        for time in ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"] {
            assert_eq!(post(with("timeStamp", json!(time))).status, 400, "{time}");
        }
        assert_eq!(post(with("timeStamp", json!("0001-01-01T00:00:00"))).status, 200);
        assert_eq!(post(with("timeStamp", json!("9999-12-31T23:59:59"))).status, 200);
        for (body, member) in [
            (json!({"firstWeekday": 8}), "firstWeekday"),
            (json!({"siteId": NOBODY}), "siteId"),
            (json!({"unknown": 1}), "unknown"),
            (json!({"editingRole": "Boss"}), "editingRole"),
            (json!({"maxLength": 0}), "maxLength"),
        ] {
            let found = refused(&set(body.clone()));
            assert_eq!(found, (400, "InvalidValue".into(), Some(member.into())), "{body}");
        }
        assert_eq!(refused(&set(json!([]))).0, 400);
        assert_eq!(refused(&set(json!({"defaultActivityTypeId": NOBODY}))).0, 422);
        // All or none.
        assert_eq!(set(json!({"futureDays": 3, "maxLength": 0})).status, 400);
        assert_eq!(ok(v1(&server, TIM, "GET", "settings", Value::Null))["futureDays"], Value::Null);
        let target = "/api/v1/settings";
        let stale = request("PATCH", target, &json!({"futureDays": 3})).header("If-Match", "\"old\"");
        assert_eq!(stale.bearer(&server.full_token(ADA)).send(server.address).status, 412);
        // A new first weekday resets approvals.
        ok(set(json!({"approvalEnabled": true, "approvalStartDate": "2024-01-01"})));
        ok(ask(&server, TIM, "POST", "/api/rest/timeApproval/week", &json!({"weekStart": "2024-05-02"})));
        assert_eq!(code(&post(log())), "ApprovalStateFailed");
        ok(set(json!({"firstWeekday": 7})));
        assert_eq!(post(log()).status, 200);
    });
}

#[test]
fn contract_6_2_managers_decide() {
    for_each_backend(|backend| {
        let server = server(backend);
        let submit =
            |user: &str| ask(&server, user, "POST", "/api/rest/timeApproval/week", &json!({"weekStart": "2024-05-01"}));
        let decide = |by: &str, user: &str, step: &str, body: Value| {
            v1(&server, by, "POST", &format!("approvals/{user}/2024-05-03/{step}"), body)
        };
        enter(&server, TIM, "2024-05-02T09:00:00");
        ok(submit(TIM));
        // Petra has no duty yet; then she is Tim's manager, and not Tess's.
        assert_eq!(refused(&decide(PETRA, TIM_ID, "approve", json!({}))).1, "AccessDenied");
        ok(v1(&server, ADA, "PATCH", &format!("users/{PETRA_ID}"), json!({"approvalManager": true})));
        assert_eq!(refused(&decide(PETRA, TIM_ID, "approve", json!({}))).1, "AccessDenied");
        ok(v1(&server, ADA, "PATCH", &format!("users/{TIM_ID}"), json!({"managerId": PETRA_ID})));
        let list = |user: &str, query: &str| ok(v1(&server, user, "GET", &format!("approvals?{query}"), Value::Null));
        let mine = list(PETRA, "weekStart=2024-05-02");
        assert_eq!(items(&mine).len(), 1);
        items(&mine).iter().for_each(|sheet| check_members(&objects::SHEET, sheet, "sheet"));
        assert_eq!((&mine["items"][0]["state"], &mine["items"][0]["seconds"]), (&json!("submitted"), &json!(600)));
        assert!(items(&list(ADA, "weekStart=2024-05-02")).len() >= 5);
        assert_eq!(items(&list(ADA, "weekStart=2024-05-02&state=pending")).len(), 1);
        assert!(items(&list(ADA, "weekStart=2024-05-02&state=unsubmitted")).len() >= 4);
        assert_eq!(refused(&v1(&server, ADA, "GET", "approvals?state=tired", Value::Null)).0, 400);

        assert_eq!(refused(&decide(PETRA, TIM_ID, "reject", json!({"comment": "  "}))).1, "CommentRequired");
        let rejected = ok(decide(PETRA, TIM_ID, "reject", json!({"comment": "Monday is missing"})));
        assert_eq!((&rejected["state"], &rejected["comment"]), (&json!("rejected"), &json!("Monday is missing")));
        // Rejected reads as reopened in the contract, with the comment; and takes time.
        let wire = ask(&server, PETRA, "GET", "/api/rest/timeApproval/all", &Value::Null).json();
        assert_eq!(
            (&wire["data"][0]["approvalState"], &wire["data"][0]["comment"]),
            (&json!(2), &json!("Monday is missing"))
        );
        enter(&server, TIM, "2024-05-01T09:00:00");
        ok(submit(TIM));
        let approved = ok(decide(PETRA, TIM_ID, "approve", Value::Null));
        assert_eq!((&approved["state"], &approved["decidedBy"]["id"]), (&json!("approved"), &json!(PETRA_ID)));
        assert_eq!(refused(&decide(PETRA, TIM_ID, "close", json!({}))).1, "ApprovalStateFailed");
        assert_eq!(refused(&decide(PETRA, TESS_ID, "close", json!({}))).1, "AccessDenied");
        assert_eq!(refused(&decide(ADA, NOBODY, "close", json!({}))).0, 404);
        assert_eq!(refused(&v1(&server, ADA, "POST", &format!("approvals/{TIM_ID}/today/close"), json!({}))).0, 400);
        assert_eq!(
            refused(&v1(&server, ADA, "POST", &format!("approvals/{TIM_ID}/2199-01-01/close"), json!({}))).0,
            422
        );

        // Nobody decides their own week, unless the site allows it.
        ok(ask(&server, ADA, "POST", "/api/rest/timeApproval/week", &json!({"weekStart": "2024-05-01"})));
        let ada = "00000000-0000-4000-8000-000000000001";
        assert_eq!(refused(&decide(ADA, ada, "approve", json!({}))).1, "AccessDenied");
        ok(v1(&server, ADA, "PATCH", "settings", json!({"ownWeeksApproved": true})));
        ok(decide(ADA, ada, "approve", json!({})));

        // The week is locked once nobody is left, and a locked one is unlocked before a reopen.
        let lock = |method: &'static str| v1(&server, ADA, method, "locks/2024-05-02", Value::Null);
        assert_eq!(refused(&lock("POST")).1, "ApprovalStateFailed");
        for left in items(&list(ADA, "weekStart=2024-05-02&state=unsubmitted")) {
            ok(decide(ADA, left["user"]["id"].as_str().unwrap(), "close", json!({"comment": "late"})));
        }
        assert_eq!(ok(lock("POST")), json!({"weekStart": "2024-04-29", "weekEnd": "2024-05-05"}));
        assert_eq!(ok(v1(&server, TIM, "GET", "locks", Value::Null))["items"][0]["weekStart"], json!("2024-04-29"));
        assert_eq!(refused(&decide(PETRA, TIM_ID, "reopen", json!({}))).1, "ApprovalStateFailed");
        assert_eq!(refused(&v1(&server, PETRA, "DELETE", "locks/2024-05-02", Value::Null)).1, "AccessDenied");
        assert_eq!(lock("DELETE").status, 204);
        assert_eq!(ok(decide(PETRA, TIM_ID, "reopen", json!({"comment": "again"})))["state"], json!("reopened"));
        assert_eq!(refused(&v1(&server, ADA, "POST", "locks/2199-01-01", Value::Null)).1, "ApprovalStateFailed");

        let trail = ok(v1(&server, PETRA, "GET", &format!("approvals/{TIM_ID}/2024-05-02/changes"), Value::Null));
        let actions: Vec<&str> = items(&trail).iter().map(|entry| entry["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["submitted", "rejected", "submitted", "approved", "reopened"]);
        assert_eq!(
            (&trail["items"][1]["user"]["id"], &trail["items"][1]["comment"]),
            (&json!(PETRA_ID), &json!("Monday is missing"))
        );

        // With automatic locking the last decision locks.
        ok(v1(&server, ADA, "PATCH", "settings", json!({"automaticLocking": true, "strictCompatibility": true})));
        ok(submit(TIM));
        assert_eq!(refused(&decide(PETRA, TIM_ID, "reject", json!({"comment": "no"}))).1, "ApprovalStateFailed");
        ok(decide(PETRA, TIM_ID, "approve", json!({})));
        assert_eq!(items(&ok(v1(&server, TIM, "GET", "locks", Value::Null))).len(), 1);
    });
}

#[test]
fn contract_4_5_the_trail_of_a_log_and_its_return() {
    for_each_backend(|backend| {
        let server = server(backend);
        let id = enter(&server, TIM, "2024-05-02T09:00:00");
        let target = format!("/api/rest/workLogs/{id}");
        ok(ask(&server, TIM, "PATCH", &target, &json!({"length": 1200})));
        ok(ask(&server, TIM, "PATCH", &target, &json!({"length": 1200})));
        ok(ask(&server, ADA, "DELETE", &target, &Value::Null));
        let restore = |user: &str| v1(&server, user, "POST", &format!("worklogs/{id}/restore"), Value::Null);
        assert_eq!(refused(&restore(TESS)).0, 404);
        assert_eq!(refused(&restore(PETRA)).1, "NoRightsToWorkLogModification");
        let back = ok(restore(TIM));
        assert_eq!((&back["id"], &back["length"]), (&json!(id), &json!(1200)));
        assert_eq!(refused(&restore(TIM)).0, 404);
        assert_eq!(server.get(TIM, &target).status, 200);
        let trail = |user: &str| v1(&server, user, "GET", &format!("worklogs/{id}/changes"), Value::Null);
        let entries = ok(trail(TIM));
        items(&entries).iter().for_each(|entry| check_members(&objects::CHANGE, entry, "entry"));
        let told: Vec<(&str, &str, i64)> = items(&entries)
            .iter()
            .map(|entry| {
                let who = entry["user"]["name"].as_str().unwrap();
                (entry["action"].as_str().unwrap(), who, entry["after"]["length"].as_i64().unwrap())
            })
            .collect();
        // What changed nothing left no entry.
        let tim = "Tim Tëam";
        assert_eq!(
            told,
            [("created", tim, 600), ("changed", tim, 1200), ("deleted", "Ada Admin", 1200), ("restored", tim, 1200)]
        );
        let changed = &entries["items"][1];
        assert_eq!((&changed["before"]["length"], &changed["origin"]), (&json!(600), &json!("rest")));
        assert!(
            changed["after"].get("budgetId").is_none() && ok(trail(ADA))["items"][1]["after"].get("budgetId").is_some()
        );
        assert_eq!(refused(&trail(TESS)).0, 404);
    });
}

#[test]
fn an_operation_is_undone_as_a_whole() {
    for_each_backend(|backend| {
        let server = server(backend);
        let log = |n: i64| json!({"timeStamp": "2024-05-02T10:00:00", "length": n, "comment": format!("log {n}"), "workItemId": 5});
        let own = || {
            let logs =
                ask(&server, TIM, "GET", "/api/rest/workLogs?from=2024-05-01&to=2024-05-31", &Value::Null).json();
            let logs = logs["data"].as_array().unwrap().clone();
            let mut lengths: Vec<i64> = logs.iter().map(|log| log["length"].as_i64().unwrap()).collect();
            lengths.sort_unstable();
            lengths
        };
        let made = ask(&server, TIM, "POST", "/api/rest/workLogs/batch", &json!([log(10), log(20), log(30)])).json();
        let ids: Vec<&str> = made.as_array().unwrap().iter().map(|log| log["id"].as_str().unwrap()).collect();
        let last_operation = |id: &str| {
            let trail = ok(v1(&server, TIM, "GET", &format!("worklogs/{id}/changes"), Value::Null));
            items(&trail).last().unwrap()["operation"].as_str().unwrap().to_owned()
        };
        let entered = last_operation(ids[0]);
        assert_eq!(last_operation(ids[2]), entered);
        let undo = |user: &str, operation: &str| {
            v1(&server, user, "POST", &format!("operations/{operation}/undo"), Value::Null)
        };
        // One was changed since: nothing is undone until that is.
        let target = format!("/api/rest/workLogs/{}", ids[1]);
        let change = json!({"length": 21, "workItemId": 9, "timeStamp": "2024-05-09T10:00:00", "comment": "changed"});
        ok(ask(&server, TIM, "PATCH", &target, &change));
        let changed = last_operation(ids[1]);
        assert_eq!(refused(&undo(TIM, &entered)).0, 409);
        assert_eq!(own(), [10, 21, 30]);
        for (user, operation, status) in [(TESS, changed.as_str(), 404), (PETRA, &changed, 403), (TIM, NOBODY, 404)] {
            assert_eq!(refused(&undo(user, operation)).0, status, "{user} {operation}");
        }
        assert_eq!(ok(undo(TIM, &changed)), json!({"worklogs": 1}));
        let back = ask(&server, TIM, "GET", &target, &Value::Null).json()["data"].clone();
        assert_eq!((&back["length"], &back["workItemId"], &back["comment"]), (&json!(20), &json!(5), &json!("log 20")));
        assert_eq!((&back["timestamp"], &back["flags"]["isChanged"]), (&json!("2024-05-02T10:00:00"), &json!(false)));
        assert_eq!(budgets_of(&server, &format!("Id eq {}", ids[1])), ["Budget One"]);
        // The undoing is an operation too: it is undone by its own id.
        let undone = last_operation(ids[1]);
        ok(undo(TIM, &undone));
        assert_eq!(own(), [10, 21, 30]);
        let redone = last_operation(ids[1]);
        ok(undo(TIM, &redone));
        assert_eq!(own(), [10, 20, 30]);
    });
}

#[test]
fn nobody_raises_their_own_rights() {
    for_each_backend(|backend| {
        let server = server(backend);
        let ada = "users/00000000-0000-4000-8000-000000000001";
        let patch = |body: Value| v1(&server, ADA, "PATCH", ada, body);
        assert_eq!(refused(&patch(json!({"globalApprovalManager": true}))).1, "AccessDenied");
        ok(patch(json!({"timeZone": "Europe/Berlin"})));
        assert_eq!(refused(&patch(json!({"timeZone": "Mars/Olympus"}))).0, 422);
        assert_eq!(refused(&patch(json!({"managerId": NOBODY}))).0, 422);
        // A collection administrator without a role manages people and sees no time.
        let nora = "00000000-0000-4000-8000-000000000006";
        ok(v1(
            &server,
            ADA,
            "PATCH",
            &format!("users/{nora}"),
            json!({"collectionAdministrator": true, "globalApprovalManager": true}),
        ));
        assert_eq!(ask(&server, super::NORA, "GET", "/api/rest/users/roles", &Value::Null).status, 200);
        assert_eq!(ask(&server, super::NORA, "GET", "/api/rest/workLogs", &Value::Null).status, 403);
        assert_eq!(ask(&server, super::NORA, "GET", "/api/rest/timeApproval/all", &Value::Null).status, 403);
        let raise = json!({"users": [{"id": nora, "role": {"name": "Team"}}]});
        assert_eq!(ask(&server, super::NORA, "POST", "/api/rest/users/roles", &raise).status, 403);
    });
}

#[test]
fn v1_takes_json_alone_and_posts_once() {
    let server = server(Backend::Sqlite);
    let token = server.full_token(BO);
    let form = Request::post("/api/v1/budgets", "application/x-www-form-urlencoded", b"name=x").bearer(&token);
    assert_eq!(refused(&form.send(server.address)).0, 415);
    let post = |key: &str| {
        let request = request("POST", "/api/v1/budgets", &json!({"name": "Once"})).header("Idempotency-Key", key);
        request.bearer(&token).send(server.address)
    };
    let (first, again) = (post("a"), post("a"));
    assert_eq!((first.status, first.text()), (201, again.text()));
    assert_eq!(first.header("Location"), again.header("Location"));
    assert_eq!(refused(&post("b")).1, "DbValidationError");
    let other = request("POST", "/api/v1/budgets", &json!({"name": "Other"})).header("Idempotency-Key", "a");
    assert_eq!(refused(&other.bearer(&token).send(server.address)).1, "IdempotencyKeyReused");
    assert_eq!(refused(&v1(&server, TIM, "GET", "nothing", Value::Null)).0, 404);
    assert!(routes().any(|route| route.pattern().starts_with("/api/v1/") && route.verb == Verb::Get));
}
