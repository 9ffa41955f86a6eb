//! Work logs: what is written is there, in REST and in reports, at once.

use serde_json::{Value, json};

use super::{TIM, ask, request, server};
use crate::backend::for_each_backend;
use crate::support::server::Server;

#[test]
fn a_log_that_is_posted_shows_in_rest_and_in_reports() {
    for_each_backend(|backend| {
        let server = server(backend);
        let body = json!({"timeStamp": "2024-05-02T09:30:00", "length": 5400, "workItemId": 5, "comment": "thin walk"});
        let made = server.send(TIM, request("POST", "/api/rest/workLogs?api-version=3.2", &body));
        assert_eq!(made.status, 200, "{}", made.lossy());
        let log = &made.json()["data"];
        assert_eq!((log["timestamp"].as_str(), log["length"].as_i64()), (Some("2024-05-02T09:30:00"), Some(5400)));
        let id = log["id"].as_str().expect("an id").to_owned();

        let read = server.get(TIM, &format!("/api/rest/workLogs/{id}"));
        assert_eq!(&read.json()["data"], log);

        let target = format!("/api/odata/v3.2/workLogsOnly?$filter=Id eq {id}");
        let report = server.get(TIM, &target).json();
        let row = &report["value"][0];
        assert_eq!(row["Timestamp"], "2024-05-02T09:30:00Z");
        assert_eq!((&row["PeriodLength"], &row["Comment"]), (&json!(5400), &json!("thin walk")));
        assert_eq!((&row["IsFromApi"], &row["WorkItemId"]), (&json!(true), &json!(5)));
        assert_eq!(row["WorklogDate"]["ShortDate"], "2024-05-02");
    });
}

/// What reports tell of a work item's time on a day: sums of its logs one by one, by `$apply` of both models, by a
/// group, by `$count`, and that of the item with all below it.
fn told(server: &Server) -> [i64; 6] {
    let json = |target: &str| {
        let reply = server.get(TIM, target);
        assert_eq!(reply.status, 200, "{target}: {}", reply.lossy());
        reply.json()
    };
    let day = "WorkItemId eq 5 and Timestamp ge 2024-05-02T00:00:00Z and Timestamp lt 2024-05-03T00:00:00Z";
    let rows = json(&format!("/api/odata/v3.2/workLogsOnly?$filter={day}&$select=PeriodLength"));
    let rows = rows["value"].as_array().expect("rows");
    let walked = rows.iter().map(|row| row["PeriodLength"].as_i64().expect("seconds")).sum();
    let applied = |target: String| json(&target)["value"][0]["Total"].as_i64().unwrap_or_default();
    let sum = "aggregate(PeriodLength with sum as Total)";
    let counted = server.get(TIM, &format!("/api/odata/v3.2/workLogsOnly/$count?$filter={day}"));
    let tracked = json("/api/odata/v4.0/WorkItems(5)?$select=TrackedTotal")["TrackedTotal"].as_i64();
    [
        walked,
        applied(format!("/api/odata/v3.2/workLogsOnly?$apply=filter({day})/{sum}")),
        applied(format!("/api/odata/v4.0/Worklogs?$apply=filter({day})/{sum}")),
        applied(format!("/api/odata/v4.0/Worklogs?$apply=filter({day})/groupby((User/Name),{sum})")),
        counted.lossy().trim_start_matches('\u{feff}').parse().expect("a count"),
        tracked.unwrap_or_default(),
    ]
}

/// Every writer's success is seen by the next report, whichever server is asked.
#[test]
fn a_report_after_a_write_shows_it() {
    for_each_backend(|backend| {
        let one = server(backend);
        let other = Server::beside(&one);
        let before = told(&one)[5];
        assert_eq!(told(&one)[..5], [0; 5]);
        let write = |method, path: &str, body: Value| {
            let reply = ask(&one, TIM, method, path, &body);
            assert!(reply.status < 300, "{method} {path}: {}", reply.lossy());
            serde_json::from_slice::<Value>(&reply.body).unwrap_or_default()
        };
        let seen = |what: &str, total: i64, logs: i64| {
            for server in [&one, &other] {
                assert_eq!(told(server), [total, total, total, total, logs, before + total], "{what}");
            }
        };
        for n in 1..=20 {
            let at = format!("2024-05-02T{:02}:00:00", n % 24);
            let body = json!({"timeStamp": at, "length": 60, "workItemId": 5});
            write("POST", "/api/rest/workLogs", body);
            seen("a POST", n * 60, n);
        }
        let many: Vec<Value> =
            (0..500).map(|_| json!({"timeStamp": "2024-05-02T12:00:00", "length": 1, "workItemId": 5})).collect();
        let made = write("POST", "/api/rest/workLogs/batch", json!(many));
        seen("a batch", 1_700, 520);
        let made = made.as_array().expect("logs");
        let id = |n: usize| made[n]["id"].as_str().expect("an id");
        let path = |n: usize| format!("/api/rest/workLogs/{}", id(n));
        write("PATCH", &path(0), json!({"length": 101}));
        seen("a PATCH", 1_800, 520);
        write("PUT", &path(1), json!({"timeStamp": "2024-05-05T12:00:00", "length": 1, "workItemId": 5}));
        for server in [&one, &other] {
            assert_eq!(told(server), [1_799, 1_799, 1_799, 1_799, 519, before + 1_800], "a move to another day");
        }
        write("PATCH", &path(1), json!({"workItemId": 9}));
        seen("a move to another item", 1_799, 519);
        write("DELETE", &path(0), Value::Null);
        seen("a DELETE", 1_698, 518);
        write("POST", &format!("/api/v1/worklogs/{}/restore", id(0)), Value::Null);
        seen("a restore", 1_799, 519);
        let filter = "WorkItemId eq 5 and Date eq 2024-05-02 and PeriodLength eq 101";
        let bulk = write("POST", "/api/v1/worklogs/bulk", json!({"filter": filter, "delete": true}));
        seen("a bulk edit", 1_698, 518);
        let operation = bulk["operationId"].as_str().expect("an operation");
        write("POST", &format!("/api/v1/operations/{operation}/undo"), Value::Null);
        seen("an undo", 1_799, 519);
        write("POST", "/api/tracking/client/startTracking", json!({"tfsId": 5}));
        write("POST", "/api/tracking/client/stopTracking", Value::Null);
        for server in [&one, &other] {
            // Today's, of a second or two.
            let told = told(server);
            assert!(told[..5] == [1_799, 1_799, 1_799, 1_799, 519] && told[5] > before + 1_799, "a timer: {told:?}");
        }
    });
}
