//! The contract's §4, route by route: what is asked, the status, the members, the codes of errors.

use serde_json::{Value, json};
use timeledger::http::api::{Verb, routes};

use super::{ADA, BO, NORA, PETRA, TESS, TIM, ask, check_members, enter, error_code, request, server};
use crate::backend::for_each_backend;
use crate::support::http::Request;
use crate::support::server::Server;

const TIM_ID: &str = "00000000-0000-4000-8000-000000000004";
const TESS_ID: &str = "00000000-0000-4000-8000-000000000005";
const NOBODY: &str = "99999999-0000-4000-8000-000000000000";
const DEVELOPMENT: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const TIMS_LOG: &str = "cccccccc-0000-4000-8000-000000000001";
const TESS_LOG: &str = "cccccccc-0000-4000-8000-000000000004";

/// Who, method, target, body, status, and of an error its code.
type Case = (&'static str, &'static str, String, Value, u16, &'static str);

fn get(user: &'static str, target: &str, status: u16, code: &'static str) -> Case {
    (user, "GET", target.to_owned(), Value::Null, status, code)
}

fn post(user: &'static str, target: &str, body: Value, status: u16, code: &'static str) -> Case {
    (user, "POST", target.to_owned(), body, status, code)
}

fn check(server: &Server, cases: &[Case]) {
    for (user, method, target, body, status, code) in cases {
        let reply = ask(server, user, method, &format!("/api/rest/{target}"), body);
        let shown = format!("{user} {method} {target} {body}: {} {}", reply.status, reply.lossy());
        assert_eq!((reply.status, error_code(&reply).as_str()), (*status, *code), "{shown}");
        assert_eq!(reply.header("Content-Type"), Some("application/json; charset=utf-8"), "{shown}");
        let answer = reply.json();
        if *status == 200 {
            check_answer(method, target, &answer, &shown);
        } else {
            let error = answer["error"].as_object().expect(&shown);
            let members: Vec<&str> = error.keys().map(String::as_str).collect();
            assert_eq!(members, ["errorCode", "errorDescription", "message", "statusCode"], "{shown}");
            assert_eq!(error["statusCode"], json!(status), "{shown}");
            assert!(error["errorDescription"].as_str().is_some_and(|text| !text.is_empty()), "{shown}");
        }
    }
}

/// A success has the members that its route declares, in `data` or bare.
fn check_answer(method: &str, target: &str, answer: &Value, shown: &str) {
    let path = target.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let fits = |pattern: &str| {
        let words: Vec<&str> = pattern.split('/').collect();
        words.len() == segments.len()
            && words
                .iter()
                .zip(&segments)
                .all(|(word, segment)| word.starts_with('{') || word.eq_ignore_ascii_case(segment))
    };
    let route = routes().find(|route| route.verb.name() == method && fits(route.path)).expect(shown);
    let data = answer.get("data").unwrap_or(answer);
    let Some(shape) = route.answer else {
        assert!(data.is_null() || data == &json!(true), "{shown}");
        return;
    };
    assert_eq!(data.is_array(), route.gives_many, "{shown}");
    match data {
        Value::Array(members) => members.iter().for_each(|member| check_members(shape, member, path)),
        object => check_members(shape, object, path),
    }
}

#[test]
fn contract_4_2_reading_routes() {
    for_each_backend(|backend| {
        let server = server(backend);
        check(
            &server,
            &[
                get(TIM, "me", 200, ""),
                get(TIM, "ME/?api-version=3.1-beta&$expand=user.displayName", 200, ""),
                get(TIM, "me?api-version=9.9", 400, "ApiVersionError"),
                get(NORA, "me", 403, "AccessDenied"),
                get(TIM, "users", 200, ""),
                get(TIM, "users?$count=2&$skip=1", 200, ""),
                get(TIM, "users?$count=two", 400, "UnknownError"),
                get(TIM, &format!("users/{TESS_ID}"), 200, ""),
                get(TIM, &format!("users/{NOBODY}"), 404, "EntityNotFound"),
                get(TIM, "users/tim", 404, "EntityNotFound"),
                get(ADA, "users/roles", 200, ""),
                get(ADA, "users/roles?includeNoneRoles=true", 200, ""),
                get(ADA, "users/roles?includeNoneRoles=maybe", 400, "UnknownError"),
                get(BO, "users/roles", 403, "AccessDenied"),
                get(TIM, "activityTypes", 200, ""),
                get(TIM, "activitytypes", 200, ""),
                get(TIM, &format!("activityTypes/{DEVELOPMENT}"), 200, ""),
                get(TIM, "activityTypes/00000000-0000-0000-0000-000000000000", 200, ""),
                get(TIM, &format!("activityTypes/{NOBODY}"), 404, "EntityNotFound"),
                get(TIM, "workLogs", 200, ""),
                get(TIM, "worklogs?$includeEditable=true&$expand=user.displayName", 200, ""),
                get(TIM, "workLogs?workItemIds=4,5", 200, ""),
                get(TIM, "workLogs?$workItemIds=four", 400, "UnknownError"),
                get(TIM, "workLogs?$fromTimestamp=2024-02-30", 400, "UnknownError"),
                get(TIM, "workLogs?$top=x&_count=-1", 200, ""),
                get(TIM, "workLogs/all", 403, "AccessDenied"),
                get(PETRA, "workLogs/all", 200, ""),
                get(BO, "workLogs/all?$count=1", 200, ""),
                get(TIM, &format!("workLogs/{TIMS_LOG}"), 200, ""),
                get(PETRA, &format!("workLogs/{TIMS_LOG}?$includeEditable=true"), 200, ""),
                get(TESS, &format!("workLogs/{TIMS_LOG}"), 404, "EntityNotFound"),
                get(TIM, "workLogs/7", 404, "EntityNotFound"),
                get(TIM, "timeApproval/all", 403, "AccessDenied"),
                get(PETRA, "timeApproval/all", 403, "AccessDenied"),
                get(ADA, "timeApproval/all", 200, ""),
                get(TIM, "reports/time?from=2024-01-01&to=2024-12-31", 200, ""),
                get(TIM, &format!("reports/time?userId={TESS_ID}"), 403, "AccessDenied"),
                get(PETRA, &format!("reports/time?userId={TESS_ID}"), 200, ""),
                get(PETRA, &format!("reports/time?userId={NOBODY}"), 404, "EntityNotFound"),
                get(TIM, "nothing", 404, "EntityNotFound"),
                get(TIM, "", 404, "EntityNotFound"),
            ],
        );
        let many: Vec<String> = (1..=101).map(|id| id.to_string()).collect();
        let filter = format!("workLogs?$workItemIds={}", many.join(","));
        check(&server, &[get(TIM, &filter, 422, "FilterWorkItemIdsCountExceeded")]);
    });
}

#[test]
fn contract_4_4_the_creation_body() {
    for_each_backend(|backend| {
        let server = server(backend);
        let good = json!({"timeStamp": "2024-05-02T09:30:00", "length": 60, "workItemId": 3});
        let with = |change: Value| {
            let mut body = good.clone();
            let (body_members, change) = (body.as_object_mut().unwrap(), change.as_object().unwrap().clone());
            for (name, value) in change {
                match value.as_str() {
                    Some("(absent)") => drop(body_members.remove(&name)),
                    _ => drop(body_members.insert(name, value)),
                }
            }
            body
        };
        let cases = [
            (json!({}), 200, ""),
            (json!({"LENGTH": 60, "length": "(absent)"}), 200, ""),
            (json!({"length": "3600", "workItemId": "4"}), 200, ""),
            (json!({"repoId": {"deep": [1]}, "other": null}), 200, ""),
            (json!({"workItemId": "(absent)"}), 422, "WorkItemIdOrCommentRequired"),
            (json!({"workItemId": null, "comment": " "}), 422, "WorkItemIdOrCommentRequired"),
            (json!({"workItemId": null, "comment": "only"}), 200, ""),
            (json!({"length": "(absent)"}), 422, "LengthIsRequired"),
            (json!({"length": null}), 422, "LengthIsRequired"),
            (json!({"length": 0}), 422, "LengthMustBePositive"),
            (json!({"length": -5}), 422, "LengthMustBePositive"),
            (json!({"length": 86_401}), 422, "MaxLengthExceeded"),
            (json!({"length": 31_536_000}), 422, "MaxLengthExceeded"),
            (json!({"length": "abc"}), 400, "UnknownError"),
            (json!({"length": 1.5}), 400, "UnknownError"),
            (json!({"billableLength": -1}), 422, "LengthMustBePositive"),
            (json!({"workItemId": 999}), 422, "DbValidationError"),
            (json!({"workItemId": 99_999_999_999_i64}), 422, "DbValidationError"),
            (json!({"activityTypeId": NOBODY}), 422, "DbValidationError"),
            (json!({"activityTypeId": "x"}), 400, "UnknownError"),
            (json!({"activityTypeId": DEVELOPMENT}), 200, ""),
            (json!({"activityType": {"id": DEVELOPMENT}}), 200, ""),
            (json!({"userId": TIM_ID}), 200, ""),
            (json!({"userId": TESS_ID}), 403, "NoRightsToWorkLogModification"),
            (json!({"userId": NOBODY}), 403, "NoRightsToWorkLogModification"),
            (json!({"timeStamp": "2024-05-02T24:00:00"}), 400, "UnknownError"),
            (json!({"timeStamp": "2024-02-30T10:00:00"}), 400, "UnknownError"),
            (json!({"timeStamp": "2024-02-29T10:00:00"}), 200, ""),
            (json!({"timeStamp": "5/29/2024, 10:12:00 AM"}), 200, ""),
            (json!({"timeStamp": "2024-05-02T09:30:00+14:00"}), 200, ""),
            (json!({"timeStamp": "2199-01-01T00:00:00"}), 422, "FutureCheckFailed"),
            (json!({"timeStamp": "2001-01-01T00:00:00"}), 422, "ApprovalStateFailed"),
            (json!({"timeStamp": "(absent)"}), 200, ""),
            (json!({"timeStamp": "(absent)", "date": "2024-05-03"}), 200, ""),
            (json!({"timeStamp": "(absent)", "date": "2024-05-32"}), 400, "UnknownError"),
            (json!({"comment": 5}), 400, "UnknownError"),
            (json!({"comment": "zero\u{0}"}), 400, "UnknownError"),
        ];
        for (change, status, code) in cases {
            check(&server, &[post(TIM, "workLogs", with(change), status, code)]);
        }
        check(
            &server,
            &[
                post(ADA, "workLogs", with(json!({"userId": TESS_ID})), 200, ""),
                post(ADA, "workLogs", with(json!({"userId": NOBODY})), 422, "DbValidationError"),
                post(TIM, "workLogs", json!([]), 400, "UnknownError"),
                post(TIM, "workLogs", json!("text"), 400, "UnknownError"),
                post(NORA, "workLogs", good.clone(), 403, "AccessDenied"),
            ],
        );
        let broken =
            Request::post("/api/rest/workLogs", "application/json", b"{\"length\": ").bearer(&server.token(TIM));
        let reply = broken.send(server.address);
        assert_eq!((reply.status, error_code(&reply).as_str()), (400, "UnknownError"));
        let nested = "[".repeat(5_000);
        let reply =
            Request::post("/api/rest/workLogs", "", nested.as_bytes()).bearer(&server.token(TIM)).send(server.address);
        assert_eq!(reply.status, 400);
        // The message names the member.
        let reply = ask(&server, TIM, "POST", "/api/rest/workLogs", &with(json!({"workItemId": 999})));
        assert!(reply.json()["error"]["message"].as_str().is_some_and(|text| text.starts_with("workItemId")));
    });
}

#[test]
fn contract_4_2_batches_are_all_or_nothing() {
    for_each_backend(|backend| {
        let server = server(backend);
        let count =
            || ask(&server, TIM, "GET", "/api/rest/workLogs", &Value::Null).json()["data"].as_array().unwrap().len();
        let log = |n: usize| json!({"timeStamp": format!("2024-05-02T{:02}:00:00", n % 24), "length": 60 + n, "comment": format!("log {n}")});
        let before = count();
        let made = ask(&server, TIM, "POST", "/api/rest/workLogs/batch", &json!([log(1), log(2)]));
        let made = made.json();
        let made = made.as_array().expect("a bare array");
        assert_eq!(made.len(), 2);
        assert_eq!((&made[1]["comment"], &made[1]["flags"]["isImported"]), (&json!("log 2"), &json!(true)));
        assert_eq!(made[1]["flags"]["isFromApi"], json!(true));
        assert_eq!(count(), before + 2);

        let checked = ask(&server, TIM, "POST", "/api/rest/worklogs/batch?validateOnly=true", &json!([log(3)])).json();
        assert_eq!((&checked[0]["id"], &checked[0]["length"]), (&Value::Null, &json!(63)));
        let checked = ask(&server, TIM, "POST", "/api/rest/workLogs/batch?$validateOnly=True", &json!([log(3), {}]));
        assert_eq!((checked.status, error_code(&checked).as_str()), (422, "LengthIsRequired"));
        assert_eq!(count(), before + 2);

        let spoilt = ask(&server, TIM, "POST", "/api/rest/workLogs/batch", &json!([log(4), log(5), {"length": 1}]));
        assert_eq!((spoilt.status, error_code(&spoilt).as_str()), (422, "WorkItemIdOrCommentRequired"));
        assert!(spoilt.json()["error"]["message"].as_str().is_some_and(|text| text.starts_with("[2]")));
        let wrong = ask(&server, TIM, "POST", "/api/rest/workLogs/batch", &json!([log(4), {"length": "x"}]));
        assert!(wrong.json()["error"]["message"].as_str().is_some_and(|text| text.starts_with("[1].length")));
        assert_eq!(wrong.status, 400);
        let many: Vec<Value> = (0..501).map(log).collect();
        assert_eq!(ask(&server, TIM, "POST", "/api/rest/workLogs/batch", &json!(many)).status, 413);
        assert_eq!(ask(&server, TIM, "POST", "/api/rest/workLogs/batch", &json!({})).status, 400);
        assert_eq!(count(), before + 2);
        assert_eq!(ask(&server, TIM, "POST", "/api/rest/workLogs/batch", &json!(many[..500])).status, 200);
        assert_eq!(count(), 500);
        assert_eq!(ask(&server, TIM, "POST", "/api/rest/workLogs/batch", &json!([])).json(), json!([]));
    });
}

#[test]
fn contract_4_2_changes_and_deletions() {
    for_each_backend(|backend| {
        let server = server(backend);
        let id = enter(&server, TIM, "2024-05-02T09:30:00");
        let target = format!("workLogs/{id}");
        let full = format!("/api/rest/{target}");
        let patch = |user: &'static str, body: Value, status, code| (user, "PATCH", target.clone(), body, status, code);
        check(
            &server,
            &[
                patch(TIM, json!({"comment": "new"}), 200, ""),
                (TIM, "PUT", target.clone(), json!({"Length": "1200"}), 200, ""),
                patch(TIM, json!({"length": null}), 422, "LengthIsRequired"),
                patch(TIM, json!({"workItemId": null, "comment": null}), 422, "WorkItemIdOrCommentRequired"),
                patch(TIM, json!({"workItemId": 999}), 422, "DbValidationError"),
                patch(TIM, json!({"timeStamp": "2001-01-01"}), 422, "ApprovalStateFailed"),
                patch(TIM, json!({"timeStamp": "2199-01-01"}), 422, "FutureCheckFailed"),
                patch(TIM, json!({"userId": TESS_ID}), 403, "NoRightsToWorkLogModification"),
                patch(PETRA, json!({"comment": "x"}), 403, "NoRightsToWorkLogModification"),
                patch(TESS, json!({"comment": "x"}), 404, "EntityNotFound"),
                (TESS, "DELETE", target.clone(), Value::Null, 404, "EntityNotFound"),
                (PETRA, "DELETE", target.clone(), Value::Null, 403, "NoRightsToWorkLogModification"),
            ],
        );
        let log = ask(&server, TIM, "GET", &full, &Value::Null).json()["data"].clone();
        assert_eq!((&log["comment"], &log["length"], &log["workItemId"]), (&json!("new"), &json!(1200), &json!(3)));
        assert_eq!((&log["flags"]["isChanged"], &log["editedByUser"]), (&json!(true), &Value::Null));
        let by_ada = ask(&server, ADA, "PATCH", &full, &json!({"workItemId": null, "billableLength": 0})).json();
        let by_ada = &by_ada["data"];
        assert_eq!(by_ada["editedByUser"]["uniqueName"], json!(ADA));
        assert_eq!((&by_ada["workItemId"], &by_ada["billableLength"]), (&Value::Null, &json!(0)));
        let gone = ask(&server, TIM, "DELETE", &full, &Value::Null);
        assert_eq!((gone.status, gone.text()), (200, "{\"data\":null}"));
        check(
            &server,
            &[
                get(TIM, &target, 404, "EntityNotFound"),
                patch(TIM, json!({"comment": "x"}), 404, "EntityNotFound"),
                (TIM, "DELETE", target.clone(), Value::Null, 404, "EntityNotFound"),
                get(ADA, &target, 404, "EntityNotFound"),
                patch(TIM, json!({}), 404, "EntityNotFound"),
            ],
        );
        let rows = server.get(TIM, &format!("/api/odata/v3.3/workLogsOnlyWithDeleted?$filter=Id eq {id}")).json();
        assert_eq!(rows["value"][0]["IsDeleted"], json!(true));
        let rows = server.get(TIM, &format!("/api/odata/v3.3/workLogsOnly?$filter=Id eq {id}")).json();
        assert_eq!(rows["value"], json!([]));
    });
}

#[test]
fn contract_4_5_whoever_added_a_log_edits_it_until_its_owner_does() {
    for_each_backend(|backend| {
        let server = server(backend);
        let body = json!({"timeStamp": "2024-05-02T09:30:00", "length": 60, "comment": "for Tess", "userId": TESS_ID});
        let made = ask(&server, ADA, "POST", "/api/rest/workLogs", &body).json();
        assert_eq!(made["data"]["addedByUser"]["uniqueName"], json!(ADA));
        let target = format!("/api/rest/workLogs/{}", made["data"]["id"].as_str().unwrap());
        // Ada loses the role that edits everybody's time, but sees it still.
        let demoted = json!({"users": [{"email": PETRA, "role": {"name": "Administrator"}}]});
        assert_eq!(ask(&server, ADA, "POST", "/api/rest/users/roles", &demoted).status, 200);
        let demoted = json!({"users": [{"email": ADA, "role": {"id": 2}}]});
        assert_eq!(ask(&server, PETRA, "POST", "/api/rest/users/roles", &demoted).status, 200);
        let edit = |user: &str| {
            let reply = ask(&server, user, "PATCH", &target, &json!({"length": 61 + user.len()}));
            (reply.status, error_code(&reply))
        };
        assert_eq!(edit(ADA), (200, String::new()));
        assert_eq!(edit(TESS), (200, String::new()));
        assert_eq!(edit(ADA), (403, "NoRightsToWorkLogModification".to_owned()));
        assert_eq!(edit(PETRA), (200, String::new()));
        assert_eq!(edit(ADA), (403, "NoRightsToWorkLogModification".to_owned()));
    });
}

#[test]
fn contract_4_2_filters_and_order() {
    for_each_backend(|backend| {
        let server = server(backend);
        for start in ["2024-07-01T10:00:00", "2024-07-02T00:00:00", "2024-07-02T23:59:59.5", "2024-07-03T08:00:00"] {
            enter(&server, TIM, start);
        }
        let starts = |query: &str| {
            let reply = ask(&server, TIM, "GET", &format!("/api/rest/workLogs?workItemId=3&{query}"), &Value::Null);
            let rows = reply.json()["data"].as_array().unwrap().clone();
            rows.iter().map(|row| row["timestamp"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let all = ["2024-07-03T08:00:00", "2024-07-02T23:59:59.5", "2024-07-02T00:00:00", "2024-07-01T10:00:00"];
        assert_eq!(starts("from=2024-06-30"), all);
        // Exclusive bounds, and whole days with both ends.
        assert_eq!(starts("$fromTimestamp=2024-07-02T00:00:00&$toTimestamp=2024-07-03T08:00:00"), all[1..2]);
        assert_eq!(starts("$fromTimestamp=2024-07-01T23:59:59Z&toTimestamp=2024-07-03T08:00:01"), all[..3]);
        assert_eq!(starts("from=2024-07-02&to=2024-07-02"), all[1..3]);
        assert_eq!(starts("from=2024-07-02&$toTimestamp=2024-07-02T12:00:00"), all[2..3]);
        assert_eq!(starts("from=2024-07-01&$count=2&$skip=1"), all[1..3]);
        assert_eq!(starts("from=2024-07-01&$count=0"), Vec::<String>::new());
        assert_eq!(starts("$fromTimestamp=2024-07-02T12:00:00%2B12:00&to=2024-07-02"), all[1..2]);
        assert_eq!(starts("$fromCreatedTimestamp=2199-01-01"), Vec::<String>::new());
        assert_eq!(starts("$fromCreatedTimestamp=2024-12-31&$toCreatedTimestamp=2199-01-01T00:00:00Z").len(), 4);
    });
}

#[test]
fn contract_4_2_time_report() {
    for_each_backend(|backend| {
        let server = server(backend);
        enter(&server, TIM, "2024-07-01T10:00:00");
        enter(&server, TIM, "2024-07-02T10:00:00");
        enter(&server, TESS, "2024-07-02T10:00:00");
        let report = |user: &str, query: &str| {
            ask(&server, user, "GET", &format!("/api/rest/reports/time?{query}"), &Value::Null).json()["data"].clone()
        };
        let own = report(TIM, "from=2024-07-01&to=2024-07-31");
        let expected = json!({
            "from": "2024-07-01", "to": "2024-07-31", "totalLength": 1200,
            "byUser": [{"userId": TIM_ID, "name": "Tim Tëam", "length": 1200}],
            "byWorkItem": [{"workItemId": 3, "title": "Größe ändern", "length": 1200}],
            "byDay": [{"date": "2024-07-01", "length": 600}, {"date": "2024-07-02", "length": 600}],
        });
        assert_eq!(own, expected);
        assert_eq!(report(PETRA, "from=2024-07-01&to=2024-07-31")["totalLength"], json!(1800));
        assert_eq!(
            report(PETRA, &format!("from=2024-07-01&to=2024-07-31&userId={TESS_ID}"))["totalLength"],
            json!(600)
        );
    });
}

#[test]
fn contract_4_2_roles() {
    for_each_backend(|backend| {
        let server = server(backend);
        let set = |body: Value| ask(&server, ADA, "POST", "/api/rest/users/roles", &body);
        let one = |who: Value, role: Value| {
            let mut entry = who;
            entry["role"] = role;
            json!({"users": [entry]})
        };
        let done = set(one(json!({"id": TIM_ID}), json!({"name": "product"}))).json();
        assert_eq!(done, json!({"data": {"succeeded": 1, "failed": 0, "failedEntries": []}}));
        assert_eq!(ask(&server, TIM, "GET", "/api/rest/workLogs/all", &Value::Null).status, 200);
        for (body, status, code) in [
            (json!({}), 400, "UnknownError"),
            (one(json!({}), json!({"name": "Team"})), 400, "UnknownError"),
            (one(json!({"id": TIM_ID}), json!({"name": "Owner"})), 400, "UnknownError"),
            (one(json!({"id": TIM_ID}), json!({"id": 9})), 400, "UnknownError"),
            (one(json!({"id": NOBODY}), json!({"id": 1})), 422, "DbValidationError"),
            (one(json!({"email": ADA}), json!({"name": "Team"})), 409, "DbValidationError"),
        ] {
            let reply = set(body.clone());
            assert_eq!((reply.status, error_code(&reply).as_str()), (status, code), "{body}");
        }
        let some = json!({"skipErrors": true, "users": [
            {"id": NOBODY, "role": {"id": 1}}, {"email": TIM, "role": {"id": 1}}, {"email": ADA, "role": {"name": "None"}},
        ]});
        let done = set(some).json();
        check_answer("POST", "users/roles", &done, "roles");
        assert_eq!((&done["data"]["succeeded"], &done["data"]["failed"]), (&json!(1), &json!(2)));
        assert_eq!(done["data"]["failedEntries"][1]["entity"]["uniqueName"], json!(ADA));
        assert_eq!(ask(&server, TIM, "GET", "/api/rest/workLogs/all", &Value::Null).status, 403);
        // All or nothing without it.
        let all = json!({"users": [{"email": TIM, "role": {"id": 2}}, {"id": NOBODY, "role": {"id": 1}}]});
        assert_eq!(set(all).status, 422);
        assert_eq!(ask(&server, TIM, "GET", "/api/rest/workLogs/all", &Value::Null).status, 403);
        // The scope is needed beside the role.
        let body = one(json!({"id": TIM_ID}), json!({"name": "Team"}));
        let reply = server.send(ADA, request("POST", "/api/rest/users/roles", &body));
        assert_eq!((reply.status, error_code(&reply).as_str()), (403, "AccessDenied"));
    });
}

#[test]
fn contract_6_2_weeks_are_submitted_and_taken_back() {
    for_each_backend(|backend| {
        let server = server(backend);
        let week = |user: &'static str, body: Value, status, code| post(user, "timeApproval/week", body, status, code);
        let revoke = |day: &str, status, code| {
            (TIM, "DELETE", format!("timeApproval/week?weekStart={day}"), Value::Null, status, code)
        };
        let log = |day: &str, status, code| {
            let body = json!({"timeStamp": format!("{day}T08:00:00"), "length": 60, "comment": "x"});
            post(TIM, "workLogs", body, status, code)
        };
        check(
            &server,
            &[
                week(TIM, json!({}), 400, "UnknownError"),
                week(TIM, json!({"weekStart": "2024-07-32"}), 400, "UnknownError"),
                week(TIM, json!({"weekStart": "2199-07-01"}), 422, "FutureCheckFailed"),
                week(TIM, json!({"weekStart": "2001-07-01"}), 422, "ApprovalStateFailed"),
                week(TIM, json!({"weekStart": "2024-07-03", "assignedManagerId": TESS_ID}), 422, "DbValidationError"),
                revoke("2024-07-01", 422, "ApprovalStateFailed"),
                // Any day names its week.
                week(TIM, json!({"weekStart": "2024-07-03"}), 200, ""),
                week(TIM, json!({"weekStart": "2024-07-01"}), 422, "ApprovalStateFailed"),
                log("2024-07-01", 422, "ApprovalStateFailed"),
                log("2024-07-07", 422, "ApprovalStateFailed"),
                log("2024-06-30", 200, ""),
                log("2024-07-08", 200, ""),
                revoke("", 400, "UnknownError"),
                revoke("2024-07-07", 200, ""),
                log("2024-07-07", 200, ""),
                week(TIM, json!({"weekStart": "2024-07-05T00:00:00"}), 200, ""),
            ],
        );
        let weeks = ask(
            &server,
            ADA,
            "GET",
            "/api/rest/timeApproval/all?$fromTimestamp=2024-07-05&$toTimestamp=2024-07-06",
            &Value::Null,
        );
        let weeks = weeks.json();
        assert_eq!(weeks["data"].as_array().map(Vec::len), Some(1));
        let week = &weeks["data"][0];
        assert_eq!((&week["weekStartDate"], &week["approvalState"]), (&json!("2024-07-01T00:00:00"), &json!(1)));
        check_answer("GET", "timeApproval/all", &weeks, "weeks");
        let none = ask(&server, ADA, "GET", "/api/rest/timeApproval/all?$fromTimestamp=2024-07-08", &Value::Null);
        assert_eq!(none.json(), json!({"data": []}));
    });
}

/// §4.2 as a list: what stands there is a route, and no more.
#[test]
fn every_route_of_the_contract_is_there() {
    let expected = [
        "GET me",
        "GET users",
        "GET users/roles",
        "POST users/roles",
        "GET users/{id}",
        "GET activityTypes",
        "GET activityTypes/{id}",
        "GET workLogs",
        "POST workLogs",
        "GET workLogs/all",
        "POST workLogs/batch",
        "GET workLogs/{id}",
        "PATCH workLogs/{id}",
        "PUT workLogs/{id}",
        "DELETE workLogs/{id}",
        "POST timeApproval/week",
        "DELETE timeApproval/week",
        "GET timeApproval/all",
        "GET reports/time",
    ];
    let rest = |route: &&timeledger::http::api::Route| route.pattern().starts_with("/api/rest/");
    let found: Vec<String> =
        routes().filter(rest).map(|route| format!("{} {}", route.verb.name(), route.path)).collect();
    assert_eq!(found, expected);
    assert!(routes().all(|route| !route.summary.is_empty()));
    assert!(routes().all(|route| (route.verb == Verb::Get) <= route.request.is_none()));
    let _ = TESS_LOG;
}
