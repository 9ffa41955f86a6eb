//! The contract's §5, route by route: requests, members, both envelopes, both spellings, rules and errors.

use serde_json::{Value, json};
use timeledger::http::api::{Verb, routes};

use super::{ADA, NORA, PETRA, Site, TESS, TIM, told};
use crate::backend::for_each_backend;
use crate::rest::error_code;
use crate::support::http::Request;

const DEVELOPMENT: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const UNUSED: &str = "aaaaaaaa-0000-4000-8000-000000000003";
const NOBODY: &str = "99999999-0000-4000-8000-000000000000";
const NOT_SET: &str = "00000000-0000-0000-0000-000000000000";

const TRACK: [&str; 16] = [
    "activityCheck",
    "activityTypeId",
    "currentTrackLength",
    "currentTrackStartedDateTime",
    "remark",
    "stoppedTrackType",
    "tfsId",
    "totalMeLength",
    "totalMeTodayLength",
    "totalTeamLength",
    "trackAdjustmentLength",
    "trackStatusChangeDate",
    "trackTimeZone",
    "trackingState",
    "workItem",
    "workLogId",
];
const ITEM: [&str; 8] = ["color", "effort", "id", "parent", "teamProject", "title", "type", "workItemLink"];
const STATE: [&str; 4] = ["settings", "timestamp", "track", "trackSettings"];

fn members(object: &Value) -> Vec<&str> {
    object.as_object().unwrap_or_else(|| panic!("no object: {object}")).keys().map(String::as_str).collect()
}

/// An answer has its members at top level and again under `data`.
fn check_both(answer: &Value, expected: &[&str]) {
    let mut whole = answer.clone();
    let data = whole.as_object_mut().expect("an object").remove("data").expect("data");
    assert_eq!(whole, data);
    assert_eq!(members(&data), expected);
}

#[test]
fn a_timer_becomes_a_log() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        site.zone(TIM, "Europe/Berlin");
        let tim = site.client(TIM);
        let idle = tim.current();
        check_both(&idle, &STATE);
        assert_eq!(members(&idle["track"]), TRACK);
        assert_eq!(told(&idle), ("idle", "OK", 5));
        assert_eq!(
            (&idle["settings"], &idle["timestamp"], &idle["track"]["tfsId"]),
            (&Value::Null, &json!(0), &Value::Null)
        );

        let body =
            json!({"timeZone": 120, "tfsId": "3", "remark": "", "activityTypeId": DEVELOPMENT, "isBillable": ""});
        let started = tim.step("startTracking?api-version=3.2", body);
        check_both(&started, &STATE);
        assert_eq!(members(&started["track"]), TRACK);
        assert_eq!(members(&started["track"]["workItem"]), ITEM);
        assert_eq!(members(&started["track"]["workItem"]["parent"]), ITEM);
        assert_eq!(told(&started), ("tracking", "OK", 0));
        let track = &started["track"];
        assert_eq!(
            (&track["tfsId"], &track["remark"], &track["activityTypeId"]),
            (&json!(3), &Value::Null, &json!(DEVELOPMENT))
        );
        assert_eq!(track["currentTrackStartedDateTime"], json!("2024-05-02T09:00:00Z"));
        assert_eq!(track["workItem"]["effort"], json!(2.5));
        assert_eq!(track["activityCheck"], json!({"isRunning": false, "secondsLeft": 0}));
        assert_eq!((&track["trackTimeZone"], &track["workLogId"]), (&json!(120), &Value::Null));

        site.pass(1_800);
        let later = tim.current();
        assert_eq!(later["track"]["currentTrackLength"], json!(1_800));
        assert_eq!(later["timestamp"], started["timestamp"]);
        site.pass(0);
        site.clock.advance(std::time::Duration::from_millis(200));
        let stopped = tim.step("stopTracking", Value::Null);
        assert_eq!(told(&stopped), ("idle", "OK", 5));
        assert!(stopped["timestamp"].as_i64() > started["timestamp"].as_i64());
        let id = stopped["track"]["workLogId"].as_str().expect("a log");
        let log = tim.send(Request::get(&format!("/api/rest/workLogs/{id}"))).json()["data"].clone();
        assert_eq!((&log["timestamp"], &log["length"]), (&json!("2024-05-02T11:00:00"), &json!(1_801)));
        assert_eq!((&log["workItemId"], &log["activityType"]["id"]), (&json!(3), &json!(DEVELOPMENT)));
        assert_eq!((&log["flags"]["isTracked"], &log["flags"]["isFromApi"]), (&json!(true), &json!(false)));
        // A report that is asked for now shows it.
        let rows = tim.send(Request::get(&format!("/api/odata/v3.2/workLogsOnly?$filter=Id eq {id}"))).json();
        assert_eq!(rows["value"][0]["IsTracked"], json!(true));

        let latest = tim.ask("GET", "latest/1", &Value::Null).json();
        check_both(&latest, &["count", "workLogs"]);
        let expected = json!({
            "id": id, "remark": "", "startTime": "2024-05-02T09:00:00Z", "endTime": "2024-05-02T09:30:01Z",
            "periodLength": 1_801, "activityTypeId": DEVELOPMENT,
        });
        let mut log = latest["workLogs"][0].clone();
        assert_eq!(members(&log.as_object_mut().unwrap().remove("workItem").unwrap()), ITEM);
        assert_eq!((log, &latest["count"]), (expected, &json!(1)));
        let selected =
            tim.step("selected", json!({"tfsId": 3, "remark": "x", "activityTypeId": "", "calculateTotals": true}));
        check_both(&selected, &TRACK);
        // Tim sees his own time alone, Petra that of everybody.
        let sums = |track: &Value| {
            [&track["totalMeTodayLength"], &track["totalMeLength"], &track["totalTeamLength"]].map(Value::as_i64)
        };
        assert_eq!(sums(&selected), [Some(1_801), Some(1_801), Some(1_801)]);
        let petras = site.client(PETRA).step("selected", json!({"tfsId": 3}));
        assert_eq!(sums(&petras), [Some(0), Some(5_400), Some(7_201)]);
    });
}

#[test]
fn contract_5_the_spelling_of_2_1() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        let tim = site.client(TIM);
        tim.step("startTracking", json!({"tfsId": 3}));
        let read = |path: &str| tim.ask("GET", path, &Value::Null).json();
        let old = read("current/false?api-version=2.1");
        assert_eq!(old["track"]["trackingState"], json!(0));
        assert_eq!(old["track"]["currentTrackStartedDateTime"], json!("2024-05-02T09:00:00"));
        let new = read("current?api-version=3.3-beta");
        assert_eq!(new["track"]["trackingState"], json!("tracking"));
        assert_eq!((&new["settings"], &read("current/FALSE")["settings"]), (&Value::Null, &Value::Null));
        for path in ["current/true", "current?$expand=true", "current?expand=true", "CURRENT?%24Expand=True"] {
            assert_eq!(read(path)["settings"], old["settings"], "{path}");
        }
        let settings = &old["settings"];
        assert_eq!(members(settings), ["activityType", "userInfo"]);
        assert_eq!(members(&settings["activityType"]), ["activityTypes", "defaultActivity", "isEnabled"]);
        let kinds = settings["activityType"]["activityTypes"].as_array().expect("kinds");
        assert_eq!(
            kinds[0],
            json!({"id": NOT_SET, "color": "ffffff", "name": "[Not Set]", "isDefault": true, "isNotSet": true})
        );
        assert_eq!(kinds.len(), 4);
        let info = [
            "applicationVersion",
            "encodedImage",
            "projectId",
            "teamServicesUrl",
            "userId",
            "userName",
            "userUniqueName",
        ];
        assert_eq!(members(&settings["userInfo"]), info);
        assert_eq!(settings["userInfo"]["userUniqueName"], json!(TIM));
        let latest = read("latest?api-version=2.1&$count=1");
        assert!(!latest["workLogs"][0]["startTime"].as_str().expect("a time").ends_with('Z'));
        assert_eq!(read("latest?$count=2")["count"], json!(2));
        assert_eq!(read("latest/0")["count"], json!(0));
        assert_eq!(read("latest")["count"], json!(3));
    });
}

#[test]
fn contract_5_switching_adjusting_and_discarding() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        let tim = site.client(TIM);
        let first = tim.step("startTracking", json!({"tfsId": 3, "isBillable": true}));
        site.pass(60);
        // The same again: it goes on.
        let again = tim.step("startTracking", json!({"tfsId": 3, "isBillable": "true"}));
        assert_eq!(again["track"]["currentTrackStartedDateTime"], first["track"]["currentTrackStartedDateTime"]);
        assert_eq!(tim.logs("2024-05-01"), []);
        site.pass(60);
        let second = tim.step("startTracking", json!({"remark": "other"}));
        assert_eq!(second["track"]["currentTrackStartedDateTime"], json!("2024-05-02T09:02:00Z"));
        let log = |start: &str, length, comment: &str| (format!("2024-05-02T{start}"), length, comment.to_owned());
        assert_eq!(tim.logs("2024-05-01"), [log("09:00:00", 120, "")]);
        site.pass(60);
        let adjusted = tim.step("adjust", json!({"remark": "better", "activityTypeId": UNUSED}));
        assert_eq!(
            (&adjusted["track"]["remark"], &adjusted["track"]["activityTypeId"]),
            (&json!("better"), &json!(UNUSED))
        );
        assert_eq!(adjusted["track"]["currentTrackStartedDateTime"], second["track"]["currentTrackStartedDateTime"]);
        assert_eq!(told(&tim.step("adjust", json!({"remark": ""}))), ("tracking", "Error", 0));
        let cleared = tim.step("adjust", json!({"activityTypeId": NOT_SET}));
        assert_eq!(
            (&cleared["track"]["remark"], &cleared["track"]["activityTypeId"]),
            (&json!("better"), &Value::Null)
        );
        let stopped = tim.step("stopTracking/1", Value::Null);
        assert_eq!(told(&stopped), ("idle", "OK", 3));
        assert_eq!(tim.logs("2024-05-01")[1..], [log("09:02:00", 60, "better")]);
        // Billable as the client said, in full.
        let reply = tim.send(Request::get("/api/rest/workLogs?from=2024-05-01&workItemId=3")).json();
        assert_eq!(
            (&reply["data"][0]["billableLength"], &reply["data"][0]["flags"]["isBillable"]),
            (&json!(120), &json!(true))
        );

        tim.step("startTracking", json!({"tfsId": 3}));
        site.pass(60);
        let gone = tim.ask("DELETE", "current", &Value::Null).json();
        assert_eq!(told(&gone), ("idle", "OK", 5));
        assert_eq!(tim.logs("2024-05-01").len(), 2);
        // Where nothing runs, nothing is done.
        for path in ["stopTracking", "stopTracking?$reason=1", "adjust", "activityCheck", "idleCheck/2"] {
            let body = if path == "adjust" { json!({"remark": "x"}) } else { Value::Null };
            let state = tim.step(path, body);
            assert_eq!((told(&state), &state["timestamp"]), (("idle", "Warning", 5), &gone["timestamp"]), "{path}");
        }
    });
}

#[test]
fn contract_5_rules_are_told_with_200_and_change_nothing() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        let tim = site.client(TIM);
        let refused = |body: Value, said: &str| {
            let state = tim.step("startTracking", body.clone());
            assert_eq!(told(&state), ("idle", "Error", 5), "{body}");
            let message = state["trackSettings"]["responseMessage"].as_str().expect("a message");
            assert!(message.contains(said), "{body}: {message}");
        };
        refused(json!({}), "work item or a comment");
        refused(json!({"tfsId": "", "remark": " "}), "work item or a comment");
        refused(json!({"tfsId": 999}), "no work item 999");
        refused(json!({"tfsId": 99_999_999_999_i64}), "no work item");
        refused(json!({"tfsId": 3, "activityTypeId": NOBODY}), "no activity type");
        site.set(json!({"commentRequired": true}));
        refused(json!({"tfsId": 3}), "comment");
        site.set(json!({"commentRequired": false, "closedItemsRefused": true}));
        refused(json!({"tfsId": 4}), "closed");
        site.set(json!({"closedItemsRefused": false, "approvalStartDate": "2024-05-03"}));
        refused(json!({"tfsId": 3}), "approval start date");
        site.set(json!({"approvalStartDate": "2024-01-01"}));

        // A week that is locked while the timer runs: it runs on, until the week is open or the run is discarded.
        tim.step("startTracking", json!({"tfsId": 3}));
        let week = tim.send(Request::post(
            "/api/rest/timeApproval/week",
            "application/json",
            br#"{"weekStart":"2024-05-02"}"#,
        ));
        assert_eq!(week.status, 200, "{}", week.lossy());
        site.pass(600);
        assert_eq!(told(&tim.step("stopTracking", Value::Null)), ("tracking", "Error", 0));
        assert_eq!(told(&tim.step("startTracking", json!({"tfsId": 5}))), ("tracking", "Error", 0));
        assert_eq!(told(&tim.step("adjust", json!({"remark": "x"}))), ("tracking", "Error", 0));
        assert_eq!(tim.current()["track"]["currentTrackLength"], json!(600));
        assert_eq!(tim.logs("2024-05-01"), []);
        let revoked = tim.send(Request::get("/api/rest/timeApproval/week?weekStart=2024-05-02").method("DELETE"));
        assert_eq!(revoked.status, 200);
        assert_eq!(told(&tim.step("stopTracking", Value::Null)), ("idle", "OK", 5));
        assert_eq!(tim.logs("2024-05-01").len(), 1);
    });
}

#[test]
fn contract_5_what_cannot_be_read() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        let tim = site.client(TIM);
        let huge = "x".repeat(100_001);
        for (path, body, status, code) in [
            ("startTracking", json!({"tfsId": "three"}), 400, "UnknownError"),
            ("startTracking", json!({"tfsId": 1.5}), 400, "UnknownError"),
            ("startTracking", json!({"tfsId": [3]}), 400, "UnknownError"),
            ("startTracking", json!({"tfsId": 3, "timeZone": 100_000}), 400, "UnknownError"),
            ("startTracking", json!({"tfsId": 3, "timeZone": i64::MIN}), 400, "UnknownError"),
            ("startTracking", json!({"tfsId": 3, "isBillable": "perhaps"}), 400, "UnknownError"),
            ("startTracking", json!({"remark": {"a": 1}}), 400, "UnknownError"),
            ("startTracking", json!({"remark": "a\u{0}b"}), 400, "UnknownError"),
            ("startTracking", json!({"remark": huge}), 400, "UnknownError"),
            ("startTracking", json!([]), 400, "UnknownError"),
            ("startTracking", json!("text"), 400, "UnknownError"),
            ("startTracking?api-version=9", json!({"tfsId": 3}), 400, "ApiVersionError"),
            ("adjust", json!({"activityTypeId": "x"}), 400, "UnknownError"),
            ("stopTracking/2", Value::Null, 400, "UnknownError"),
            ("stopTracking?$reason=x", Value::Null, 400, "UnknownError"),
            ("selected", json!({"tfsId": 999}), 404, "EntityNotFound"),
            ("search", json!({"a": 1}), 400, "UnknownError"),
            ("search", json!("x".repeat(501)), 400, "UnknownError"),
            ("searchByQuery", json!({"query": 5}), 400, "UnknownError"),
            ("nothing", Value::Null, 404, "EntityNotFound"),
        ] {
            let reply = tim.ask("POST", path, &body);
            let shown = format!("{path}: {}", reply.lossy());
            assert_eq!((reply.status, error_code(&reply).as_str()), (status, code), "{shown}");
            assert_eq!(
                members(&reply.json()["error"]),
                ["errorCode", "errorDescription", "message", "statusCode"],
                "{shown}"
            );
        }
        for path in ["current/perhaps", "latest/ten", "latest?$count=ten"] {
            let status = tim.ask("GET", path, &Value::Null).status;
            assert!(status == 404 || status == 400, "{path}: {status}");
        }
        let nested = tim.send(Request::post("/api/tracking/client/startTracking", "", "[".repeat(5_000).as_bytes()));
        assert_eq!(nested.status, 400);
        let large = vec![b' '; 9 << 20];
        let reply = tim.send(Request::post("/api/tracking/client/startTracking", "", &large));
        assert_eq!(reply.status, 413);
        assert_eq!(told(&tim.current()), ("idle", "OK", 5));

        let nora = site.client(NORA);
        for route in routes().filter(|route| route.pattern().starts_with("/api/tracking/")) {
            let path = route.path.trim_start_matches("client/").replace("{expand}", "true").replace("{count}", "1");
            let path = path.replace("{reason}", "0").replace("{selectedOption}", "1");
            let reply = nora.ask(route.verb.name(), &path, &Value::Null);
            assert_eq!((reply.status, error_code(&reply).as_str()), (403, "AccessDenied"), "{path}");
            // Everybody else is answered, whatever the letters' case and the collection.
            if route.verb == Verb::Get {
                let target = format!("/API/My%20Team/Tracking/CLIENT/{}", path.to_uppercase());
                assert_eq!(tim.send(Request::get(&target)).status, 200, "{target}");
            }
        }
    });
}

#[test]
fn contract_5_searches() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        let tim = site.client(TIM);
        let ids = |answer: &Value| -> Vec<(String, i64)> {
            check_both(answer, &["count", "query", "workItems"]);
            let rows = answer["workItems"].as_array().expect("items");
            assert_eq!(answer["count"], json!(rows.len()));
            let row = |row: &Value| {
                assert_eq!(members(&row["workItem"]), ITEM);
                (row["groupName"].as_str().unwrap().to_owned(), row["workItem"]["id"].as_i64().unwrap())
            };
            rows.iter().map(row).collect()
        };
        let by_id = |id| [("Id".to_owned(), id)];
        let title = |id| ("Title".to_owned(), id);
        let raw =
            |text: &str| tim.send(Request::post("/api/tracking/client/search", "text/plain", text.as_bytes())).json();
        assert_eq!(ids(&tim.step("search", json!(3))), by_id(3));
        assert_eq!(ids(&tim.step("search", json!("3"))), by_id(3));
        assert_eq!(ids(&raw("#3")), by_id(3));
        assert_eq!(ids(&raw("beta T")), [title(9)]);
        assert_eq!(ids(&tim.step("search", json!("BETA"))), [title(9), title(8)]);
        assert_eq!(ids(&tim.step("search", json!("% _X_ \\"))), [title(6)]);
        assert_eq!(ids(&tim.step("searchByQuery", json!({"Query": "grÖße"}))), []);
        assert_eq!(ids(&tim.step("searchByQuery", json!({"query": "Größe"}))), [title(3)]);
        for nothing in [json!(""), json!(" "), json!("%"), json!(12345678901234_i64), Value::Null] {
            let found = tim.step("search", nothing.clone());
            let expected = if nothing == json!("%") { vec![title(6)] } else { vec![] };
            assert_eq!(ids(&found), expected, "{nothing}");
        }
        assert_eq!(ids(&site.client(TESS).step("search", json!("epic one"))), [title(1)]);
        // The item of that id comes before those that have the number in their title.
        let one = [("Id".to_owned(), 1), title(6)];
        assert_eq!(ids(&site.client(ADA).step("search", json!(1))), one);
    });
}
