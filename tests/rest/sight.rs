//! What a Team caller is told by REST and `/api/v1`: nothing that others' time and budgets hold. The questions are made
//! from the table of routes: a route that is added is asked, too.

use std::io::{Cursor, Read};

use diesel::prelude::*;
use serde_json::{Value, json};
use timeledger::db::Role as ConnRole;
use timeledger::db::tables::changes;
use timeledger::http::api::{Verb, routes};
use timeledger::on;
use timeledger::policy::Role;

use super::{ADA, BO, NORA, PETRA, TESS, TIM, ask, error_code, server};
use crate::backend::for_each_backend;
use crate::support::http::Reply;
use crate::support::server::Server;

/// Stands in others' comments and in names of budgets alone.
const MARKER: &str = "SECRET-4711";
const TESS_ID: &str = "00000000-0000-4000-8000-000000000005";

/// Time of Tess with the marker, one log deleted; a budget that is called so. Gives their ids.
fn mark(server: &Server) -> [String; 3] {
    let log = json!({"timeStamp": "2024-05-02T10:00:00", "length": 60, "comment": MARKER});
    let made = ask(server, TESS, "POST", "/api/rest/workLogs/batch", &json!([log, log])).json();
    let ids = [0, 1].map(|n| made[n]["id"].as_str().expect("an id").to_owned());
    assert_eq!(ask(server, TESS, "DELETE", &format!("/api/rest/workLogs/{}", ids[1]), &Value::Null).status, 200);
    let budget = ask(server, ADA, "POST", "/api/v1/budgets", &json!({"name": MARKER, "comment": MARKER})).json();
    let week = json!({"weekStart": "2024-05-02"});
    assert_eq!(ask(server, TESS, "POST", "/api/rest/timeApproval/week", &week).status, 200);
    let [log, deleted] = ids;
    [log, deleted, budget["id"].as_str().expect("an id").to_owned()]
}

/// Addresses of a reading route, with each of the marked things in the place of an id.
fn addresses(pattern: &str, ids: &[String; 3]) -> Vec<String> {
    let filled = pattern.replace("{userId}", TESS_ID).replace("{weekStart}", "2024-05-02");
    if filled.ends_with("/time-report") {
        return ["", "&groupPerDayAndItem=true&billable=true"]
            .map(|more| format!("{filled}?from=2024-05-01&to=2024-05-31{more}"))
            .to_vec();
    }
    if !filled.contains("{id}") {
        return vec![
            filled.clone(),
            format!("{filled}?$includeEditable=true&weekStart=2024-05-02&includeNoneRoles=true"),
        ];
    }
    ids.iter().map(String::as_str).chain([TESS_ID]).map(|id| filled.replace("{id}", id)).collect()
}

/// All that an answer says; of a workbook what is in its parts.
fn told(reply: &Reply) -> String {
    let Ok(mut parts) = zip::ZipArchive::new(Cursor::new(&reply.body)) else { return reply.lossy() };
    let mut text = String::new();
    for n in 0..parts.len() {
        let mut part = parts.by_index(n).expect("a part");
        part.read_to_string(&mut text).expect("a text");
    }
    text
}

#[test]
fn a_team_caller_reads_nothing_of_others() {
    for_each_backend(|backend| {
        let server = server(backend);
        let ids = mark(&server);
        let mut seen_above = 0;
        for route in routes().filter(|route| route.verb == Verb::Get) {
            for target in addresses(&route.pattern(), &ids) {
                let reply = ask(&server, TIM, "GET", &target, &Value::Null);
                let text = told(&reply);
                assert!(!text.contains("SECRET"), "{target}: {text}");
                assert!([200, 403, 404].contains(&reply.status), "{target}: {} {text}", reply.status);
                seen_above += usize::from(told(&ask(&server, PETRA, "GET", &target, &Value::Null)).contains("SECRET"));
            }
        }
        // The test can fail: the marker is there for those who may see it.
        assert!(seen_above >= 7, "{seen_above}");
        let own = ask(&server, TIM, "GET", "/api/rest/reports/time?from=2024-05-01&to=2024-05-31", &Value::Null).json();
        assert_eq!(own["data"]["totalLength"], json!(0));
    });
}

/// Each reading route opens at the role that it declares, and says `AccessDenied` below it.
#[test]
fn every_reading_route_opens_at_its_role() {
    for_each_backend(|backend| {
        let server = server(backend);
        let ids = mark(&server);
        let people = [
            (NORA, Role::None),
            (TIM, Role::Team),
            (PETRA, Role::Product),
            (BO, Role::Budget),
            (ADA, Role::Administrator),
        ];
        for route in routes().filter(|route| route.verb == Verb::Get) {
            for target in addresses(&route.pattern(), &ids) {
                for (user, role) in people {
                    let reply = ask(&server, user, "GET", &target, &Value::Null);
                    let shown = format!("{target} as {role}: {} {}", reply.status, reply.lossy());
                    if role < route.least {
                        assert_eq!((reply.status, error_code(&reply).as_str()), (403, "AccessDenied"), "{shown}");
                    } else {
                        assert!([200, 404].contains(&reply.status), "{shown}");
                    }
                }
            }
        }
    });
}

/// Many clients at once: each write is answered, none is lost, and sums agree with the answers.
#[test]
fn writes_of_many_clients_are_all_there() {
    for_each_backend(|backend| {
        let server = server(backend);
        server.full_token(TIM);
        server.full_token(TESS);
        let total: i64 = std::thread::scope(|scope| {
            let server = &server;
            let client = |n: i64| {
                let user = if n % 2 == 0 { TIM } else { TESS };
                let mut sum = 0;
                for k in 0..12 {
                    let body = json!({"timeStamp": "2024-05-02T10:00:00", "length": 100 + n + k, "workItemId": 5});
                    let made = ask(server, user, "POST", "/api/rest/workLogs", &body);
                    assert_eq!(made.status, 200, "{}", made.lossy());
                    let target = format!("/api/rest/workLogs/{}", made.json()["data"]["id"].as_str().unwrap());
                    match k % 3 {
                        0 => sum += 100 + n + k,
                        1 => {
                            let changed = ask(server, user, "PATCH", &target, &json!({"length": 50}));
                            assert_eq!(changed.status, 200, "{}", changed.lossy());
                            sum += 50;
                        }
                        _ => assert_eq!(ask(server, user, "DELETE", &target, &Value::Null).status, 200),
                    }
                }
                sum
            };
            let clients: Vec<_> = (0..8).map(|n| scope.spawn(move || client(n))).collect();
            clients.into_iter().map(|client| client.join().expect("a client")).sum()
        });
        let report =
            ask(&server, ADA, "GET", "/api/rest/reports/time?from=2024-05-02&to=2024-05-02", &Value::Null).json();
        assert_eq!(report["data"]["totalLength"], json!(total));
        let apply = "$apply=filter(WorklogDate/ShortDate eq '2024-05-02')/aggregate(PeriodLength with sum as T)";
        let sums = server.get(ADA, &format!("/api/odata/v3.2/workLogsOnly?{apply}")).json();
        assert_eq!(sums["value"][0]["T"], json!(total));
    });
}

/// A log that is entered while its week is submitted comes before the submission, or is refused.
#[test]
fn no_log_slips_into_a_week_that_is_submitted() {
    for_each_backend(|backend| {
        let server = server(backend);
        server.full_token(TIM);
        for week in 0..4 {
            let day = jiff::civil::date(2024, 5, 6).saturating_add(jiff::Span::new().weeks(week));
            let log = json!({"timeStamp": format!("{day}T10:00:00"), "length": 60, "comment": "race"});
            std::thread::scope(|scope| {
                let (server, log) = (&server, &log);
                for _ in 0..3 {
                    scope.spawn(move || {
                        for _ in 0..6 {
                            let status = ask(server, TIM, "POST", "/api/rest/workLogs", log).status;
                            assert!([200, 422].contains(&status), "{status}");
                        }
                    });
                }
                let submit = json!({"weekStart": day.to_string()});
                assert_eq!(ask(server, TIM, "POST", "/api/rest/timeApproval/week", &submit).status, 200);
            });
        }
        let conn = &mut server.database.connect(ConnRole::Reader);
        let trail: Vec<(i32, Option<String>)> = on!(conn, c => changes::table
            .order(changes::id)
            .select((changes::subject, changes::after))
            .load(c))
        .expect("the trail");
        // Approvals are subject 2; the n-th of them ends the n-th week.
        let mut submitted = 0;
        for (subject, after) in trail {
            if subject == 2 {
                submitted += 1;
                continue;
            }
            let state: Value = serde_json::from_str(&after.expect("a state")).expect("JSON");
            let start = state["startedAt"].as_i64().expect("a start");
            let week = (start - 1_714_953_600_000_000).div_euclid(7 * 86_400_000_000);
            assert!(week >= submitted, "a log of week {week} after its submission");
        }
        assert_eq!(submitted, 4);
    });
}
