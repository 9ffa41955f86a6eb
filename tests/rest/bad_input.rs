//! Values that cannot be: each writer says the listed code and the member, and writes nothing; times that a zone lacks or
//! has twice are kept as written (contract §4.4).

use diesel::prelude::*;
use serde_json::{Value, json};
use timeledger::db::{Role, tables};
use timeledger::on;

use super::{ADA, TIM, ask, enter, error_code, server};
use crate::backend::for_each_backend;
use crate::support::server::Server;

const NOBODY: &str = "00000000-0000-0000-0000-00000000dead";

/// Logs, the sum of their lengths, and entries of the trail.
pub fn written(server: &Server) -> (i64, Option<i64>, i64) {
    let conn = &mut server.database.connect(Role::Reader);
    let logs: (i64, Option<i64>) = on!(conn, c => tables::worklogs::table
        .select((diesel::dsl::count_star(), diesel::dsl::sum(tables::worklogs::length_seconds)))
        .first(c))
    .expect("logs");
    let changes: i64 = on!(conn, c => tables::changes::table.count().get_result(c)).expect("changes");
    (logs.0, logs.1, changes)
}

#[test]
fn what_cannot_be_is_refused_by_every_writer() {
    for_each_backend(|backend| {
        let server = server(backend);
        let log = enter(&server, ADA, "2024-05-02T09:00:00");
        let before = written(&server);
        let good = json!({"timeStamp": "2024-05-02T09:30:00", "length": 60, "workItemId": 3});
        for (member, value, status, code) in [
            ("length", json!(0), 422, "LengthMustBePositive"),
            ("length", json!(-5), 422, "LengthMustBePositive"),
            ("length", json!(31_536_000), 422, "MaxLengthExceeded"),
            ("length", json!(i64::MAX), 422, "MaxLengthExceeded"),
            ("length", json!(1e300), 400, "UnknownError"),
            ("billableLength", json!(-1), 422, "LengthMustBePositive"),
            ("timeStamp", json!("2024-05-02T24:00:00"), 400, "UnknownError"),
            ("timeStamp", json!("2024-05-02T23:60:00"), 400, "UnknownError"),
            ("timeStamp", json!("2023-02-29T10:00:00"), 400, "UnknownError"),
            ("timeStamp", json!("2100-02-29T10:00:00"), 400, "UnknownError"),
            ("timeStamp", json!("2024-02-30T10:00:00"), 400, "UnknownError"),
            ("timeStamp", json!("2199-01-01T00:00:00"), 422, "FutureCheckFailed"),
            ("timeStamp", json!("2001-01-01T00:00:00"), 422, "ApprovalStateFailed"),
            ("workItemId", json!(999), 422, "DbValidationError"),
            ("workItemId", json!(-3), 422, "DbValidationError"),
            ("workItemId", json!(99_999_999_999_i64), 422, "DbValidationError"),
            ("userId", json!(NOBODY), 422, "DbValidationError"),
            ("activityTypeId", json!(NOBODY), 422, "DbValidationError"),
        ] {
            let mut body = good.clone();
            body[member] = value.clone();
            let one = format!("/api/rest/workLogs/{log}");
            for (method, target, body) in [
                ("POST", "/api/rest/workLogs", body.clone()),
                ("POST", "/api/rest/workLogs/batch", json!([good, body])),
                ("POST", "/api/rest/workLogs/batch?validateOnly=true", json!([good, body])),
                ("PATCH", one.as_str(), json!({member: value})),
                ("PUT", one.as_str(), body),
            ] {
                let reply = ask(&server, ADA, method, target, &body);
                let shown = format!("{method} {target} {member}: {value}: {}", reply.lossy());
                assert_eq!((reply.status, error_code(&reply).as_str()), (status, code), "{shown}");
                let place = if target.contains("batch") { "[1]" } else { "" };
                assert!(reply.lossy().contains(place), "{shown}");
                if code != "FutureCheckFailed" && code != "ApprovalStateFailed" {
                    assert!(reply.lossy().contains(member), "{shown}");
                }
            }
        }
        let many = vec![good.clone(); 501];
        let reply = ask(&server, ADA, "POST", "/api/rest/workLogs/batch", &Value::Array(many));
        assert_eq!(reply.status, 413, "{}", reply.lossy());
        assert_eq!(written(&server), before);
    });
}

#[test]
fn contract_4_4_times_that_a_zone_lacks_or_has_twice_are_kept_as_written() {
    for_each_backend(|backend| {
        let server = server(backend);
        for (zone, start) in [
            // Two o'clock is skipped, and comes twice.
            ("Europe/Berlin", "2024-03-31T02:30:00"),
            ("Europe/Berlin", "2024-10-27T02:30:00"),
            // Midnight is skipped, and the day before it ends twice.
            ("America/Asuncion", "2024-10-06T00:00:00"),
            ("Africa/Cairo", "2024-04-26T00:00:00"),
            ("Africa/Cairo", "2024-10-31T23:30:00"),
            ("UTC", "2024-02-29T23:59:59"),
        ] {
            const TIM_ID: &str = "00000000-0000-4000-8000-000000000004";
            let set = ask(&server, ADA, "PATCH", &format!("/api/v1/users/{TIM_ID}"), &json!({"timeZone": zone}));
            assert_eq!(set.status, 200, "{}", set.lossy());
            for suffix in ["", "Z", "+05:00"] {
                let id = enter(&server, TIM, &format!("{start}{suffix}"));
                let shown = ask(&server, TIM, "GET", &format!("/api/rest/workLogs/{id}"), &Value::Null).json();
                let kept = shown["data"]["timestamp"].as_str().or(shown["data"]["timeStamp"].as_str());
                assert!(kept.is_some_and(|kept| kept.starts_with(start)), "{zone} {start}{suffix}: {shown}");
                let report = format!("/api/odata/v4.0/Worklogs({id})?$select=Timestamp");
                let report = server.get(ADA, &report).json();
                assert!(report["Timestamp"].as_str().is_some_and(|kept| kept.starts_with(start)), "{report}");
            }
        }
    });
}
