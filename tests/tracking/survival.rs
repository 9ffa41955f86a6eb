//! What a timer survives: midnights, clocks, lost clients, killed servers, people and items that go, and two servers.

use std::time::Duration;

use serde_json::{Value, json};
use timeledger::clock::Clock;
use timeledger::domain::people::{self, PeopleError};

use super::{ADA, Client, NORA, Site, TESS, TIM, add_person, sql, token, told};
use crate::backend::{Backend, Database, Fixture, for_each_backend};
use crate::rest::ask;
use crate::support::http::Request;
use crate::support::server::Server;

#[test]
fn a_run_over_midnight_is_a_log_for_each_day() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        site.zone(TIM, "Europe/Berlin");
        let tim = site.client(TIM);
        site.set_clock("2024-10-26T20:30:00");
        tim.step("startTracking", json!({"timeZone": 120, "remark": "long"}));
        // The day of 25 hours is two logs, for a single one has 24 at most.
        site.set_clock("2024-10-28T00:30:00");
        let stopped = tim.step("stopTracking", Value::Null);
        let log = |start: &str, length| (start.to_owned(), length, "long".to_owned());
        let expected = [
            log("2024-10-26T22:30:00", 5_400),
            log("2024-10-27T00:00:00", 86_400),
            log("2024-10-27T23:00:00", 3_600),
            log("2024-10-28T00:00:00", 5_400),
        ];
        assert_eq!(tim.logs("2024-10-25"), expected);
        let id = stopped["track"]["workLogId"].as_str().expect("a log");
        let last = tim.send(Request::get(&format!("/api/rest/workLogs/{id}"))).json();
        assert_eq!(last["data"]["timestamp"], json!("2024-10-28T00:00:00"));
        // Somebody who travels: the client's offset counts.
        tim.step("startTracking", json!({"timeZone": -300, "remark": "away"}));
        site.pass(60);
        tim.step("stopTracking", Value::Null);
        assert_eq!(tim.logs("2024-10-25")[2], ("2024-10-27T19:30:00".to_owned(), 60, "away".to_owned()));
    });
}

#[test]
fn a_forgotten_timer_of_400_days() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        let tim = site.client(TIM);
        tim.step("startTracking", json!({"tfsId": 3}));
        site.pass(400 * 86_400);
        let tim = site.client(TIM);
        assert_eq!(told(&tim.step("stopTracking", Value::Null)), ("idle", "OK", 5));
        let logs = tim.logs("2024-05-01");
        assert_eq!((logs.len(), logs.iter().map(|log| log.1).sum::<i64>()), (401, 400 * 86_400));
        // One of years is refused, runs on and can be discarded.
        tim.step("startTracking", json!({"tfsId": 3}));
        site.pass(1_000 * 86_400);
        let tim = site.client(TIM);
        assert_eq!(told(&tim.step("stopTracking", Value::Null)), ("tracking", "Error", 0));
        assert_eq!(told(&tim.ask("DELETE", "current", &Value::Null).json()), ("idle", "OK", 5));
        assert_eq!(tim.logs("2024-05-01").len(), 401);
    });
}

#[test]
fn a_clock_that_goes_back_takes_nothing() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        let tim = site.client(TIM);
        let started = tim.step("startTracking", json!({"remark": "back"}));
        site.sql(match backend {
            Backend::Sqlite => "UPDATE timers SET started_at = started_at + 3600000000, version = version + 3600000",
            Backend::Postgres => {
                "UPDATE timers SET started_at = started_at + interval '1 hour', version = version + 3600000"
            }
        });
        assert_eq!(tim.current()["track"]["currentTrackLength"], json!(0));
        let stopped = tim.step("stopTracking", Value::Null);
        assert_eq!(told(&stopped), ("idle", "OK", 5));
        let version = |state: &Value| state["timestamp"].as_i64().expect("a number");
        assert_eq!(version(&stopped), version(&started) + 3_600_001);
        assert_eq!(tim.logs("2024-05-01"), [("2024-05-02T10:00:00".to_owned(), 1, "back".to_owned())]);
    });
}

#[test]
fn contract_5_checks_are_asked_answered_and_missed() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        site.set(json!({"activityCheckInterval": 10, "activityCheckWait": 60}));
        let tim = site.client(TIM);
        tim.step("startTracking", json!({"remark": "checked"}));
        site.pass(600);
        let asked = tim.wait_for("activityCheck");
        assert_eq!(asked["track"]["activityCheck"], json!({"isRunning": true, "secondsLeft": 60}));
        site.pass(30);
        assert_eq!(tim.current()["track"]["activityCheck"]["secondsLeft"], json!(30));
        assert_eq!(told(&tim.step("idleCheck/1", Value::Null)), ("tracking", "OK", 0));
        site.pass(600);
        tim.wait_for("activityCheck");
        site.pass(60);
        // Too late, though the server has perhaps not looked yet.
        let late = tim.step("adjust", json!({"remark": "late"}));
        assert_eq!(told(&late), ("clientInputRequired", "Warning", 1));
        assert_eq!(tim.current()["track"]["remark"], json!("checked"));
        // At the last confirmed moment.
        assert_eq!(tim.logs("2024-05-01"), [("2024-05-02T09:00:00".to_owned(), 630, "checked".to_owned())]);
        assert_eq!(told(&tim.step("activityCheck", Value::Null)), ("idle", "OK", 5));

        site.set(json!({"activityCheckInterval": null, "maxTrackLength": 7200}));
        tim.step("startTracking", json!({"remark": "long"}));
        site.pass(50_000);
        assert_eq!(told(&tim.wait_for("clientInputRequired")), ("clientInputRequired", "Warning", 4));
        assert_eq!(tim.logs("2024-05-01")[1].1, 7_200);
        assert_eq!(told(&tim.step("startTracking", json!({"remark": "next"}))), ("tracking", "OK", 0));
    });
}

/// What the server had to end and a rule keeps from being stored waits with its true start and end.
#[test]
fn a_run_that_cannot_be_stored_waits() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        let tim = site.client(TIM);
        tim.step("startTracking", json!({"tfsId": 3}));
        site.pass(5_000);
        site.set(json!({"maxTrackLength": 3600, "commentRequired": true}));
        let waits = tim.wait_for("clientInputRequired");
        assert_eq!(told(&waits), ("clientInputRequired", "Error", 4));
        assert_eq!(waits["track"]["currentTrackLength"], json!(3_600));
        site.pass(5_000);
        assert_eq!(told(&tim.step("stopTracking", Value::Null)), ("clientInputRequired", "Error", 4));
        assert_eq!(
            told(&tim.step("startTracking", json!({"tfsId": 3, "remark": "new"}))),
            ("clientInputRequired", "Error", 4)
        );
        assert_eq!(told(&tim.step("activityCheck", Value::Null)), ("clientInputRequired", "Error", 4));
        let adjusted = tim.step("adjust", json!({"remark": "said"}));
        assert_eq!(adjusted["track"]["remark"], json!("said"));
        assert_eq!(told(&tim.step("stopTracking", Value::Null)), ("idle", "OK", 5));
        assert_eq!(tim.logs("2024-05-01"), [("2024-05-02T09:00:00".to_owned(), 3_600, "said".to_owned())]);
    });
}

#[test]
fn people_and_things_that_go_while_the_timer_runs() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        let (tim, tess) = (site.client(TIM), site.client(TESS));
        site.sql(
            "INSERT INTO work_items (id, root_id, has_children, budget_assignment, area_ado_id, iteration_ado_id, title) \
             SELECT 77, 77, has_children, budget_assignment, area_ado_id, iteration_ado_id, 'Short-lived' FROM work_items \
             WHERE id = 5",
        );
        tim.step("startTracking", json!({"tfsId": 77, "activityTypeId": "aaaaaaaa-0000-4000-8000-000000000003"}));
        tess.step("startTracking", json!({"tfsId": 3}));
        site.sql("DELETE FROM work_items WHERE id = 77");
        site.sql("DELETE FROM activity_types WHERE name = 'Unused'");
        site.pass(600);
        assert_eq!(tim.current()["track"]["workItem"], Value::Null);
        assert_eq!(told(&tim.step("stopTracking", Value::Null)), ("idle", "OK", 5));
        assert_eq!(tim.logs("2024-05-01"), [("2024-05-02T09:00:00".to_owned(), 600, "#77".to_owned())]);

        // Disabled: the run ends at the last confirmed moment, and the person comes back to it.
        tess.step("activityCheck", Value::Null);
        site.pass(600);
        site.conn().write::<_, PeopleError>(|tx| people::set_active(tx, TESS, false)).expect("she is there");
        assert_eq!(tess.ask("GET", "current", &Value::Null).status, 401);
        let until = std::time::Instant::now() + Duration::from_secs(60);
        let ada = site.client(super::ADA);
        let log = loop {
            let found = ada.send(Request::get("/api/rest/workLogs/all?from=2024-05-01&workItemId=3")).json();
            if let Some(log) = found["data"].as_array().and_then(|logs| logs.first()) {
                break log.clone();
            }
            assert!(std::time::Instant::now() < until, "the run does not end");
            std::thread::sleep(Duration::from_millis(50));
        };
        assert_eq!((&log["length"], &log["user"]["uniqueName"]), (&json!(600), &json!(TESS)));
        site.conn().write::<_, PeopleError>(|tx| people::set_active(tx, TESS, true)).expect("she is there");
        assert_eq!(told(&tess.current()), ("clientInputRequired", "Warning", 3));
        // A person of role None has no timer.
        assert_eq!(site.client(NORA).ask("POST", "startTracking", &json!({"tfsId": 3})).status, 403);
    });
}

/// Every client is asked at the same moment; each must be answered with 200. The states, in the order of the clients.
fn at_once(clients: &[Client], path: &str, body: impl Fn(usize) -> Value + Sync) -> Vec<String> {
    let barrier = std::sync::Barrier::new(clients.len());
    std::thread::scope(|scope| {
        let ask = |(n, client): (usize, &'_ Client)| {
            let (barrier, body) = (&barrier, &body);
            let (address, token) = (client.address, client.token.clone());
            scope.spawn(move || {
                let client = Client { address, token };
                barrier.wait();
                told(&client.step(path, body(n))).0.to_owned()
            })
        };
        let asked: Vec<_> = clients.iter().enumerate().map(ask).collect();
        asked.into_iter().map(|thread| thread.join().expect("200")).collect()
    })
}

#[test]
fn eight_clients_of_one_person_at_once() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 2);
        let clients: Vec<Client> = (0..8).map(|n| site.client_at(n % 2, TIM)).collect();
        let lengths = || clients[0].logs("2024-05-01").into_iter().map(|log| log.1).collect::<Vec<_>>();
        // All want the same: one of them starts it.
        assert_eq!(at_once(&clients, "startTracking", |_| json!({"tfsId": 3})), ["tracking"; 8]);
        assert!(lengths().is_empty());
        site.pass(60);
        // Each wants another: seven of the eight runs are over at once, and are kept.
        let switched = at_once(&clients, "startTracking", |n| json!({"tfsId": 3, "remark": format!("client {n}")}));
        assert_eq!(switched, ["tracking"; 8]);
        let mut stored = lengths();
        stored.sort_unstable();
        assert_eq!(stored, [1, 1, 1, 1, 1, 1, 1, 60]);
        site.pass(60);
        assert_eq!(at_once(&clients, "adjust", |_| json!({"remark": "adjusted"})), ["tracking"; 8]);
        assert_eq!(at_once(&clients, "stopTracking", |_| Value::Null), ["idle"; 8]);
        let adjusted = |log: &&(String, i64, String)| log.2 == "adjusted";
        let logs = clients[1].logs("2024-05-01");
        assert_eq!(logs.iter().filter(adjusted).map(|log| log.1).collect::<Vec<_>>(), [60]);
        assert_eq!(logs.len(), 9);
    });
}

#[test]
fn eight_people_at_once() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 2);
        let clients: Vec<Client> = (0..8).map(|n| site.new_person(n % 2, &format!("person{n}"))).collect();
        for round in 0..4 {
            let about = |what: &str| json!({"tfsId": 3, "remark": format!("{what} {round}")});
            assert_eq!(at_once(&clients, "startTracking", |_| about("first")), ["tracking"; 8]);
            site.pass(60);
            assert_eq!(at_once(&clients, "startTracking", |_| about("second")), ["tracking"; 8]);
            site.pass(30);
            assert_eq!(at_once(&clients, "stopTracking", |_| Value::Null), ["idle"; 8]);
            for client in &clients {
                let logs = client.logs("2024-05-01");
                let last: Vec<i64> = logs[logs.len() - 2..].iter().map(|log| log.1).collect();
                assert_eq!((logs.len(), last), (2 * (round + 1), vec![60, 30]));
            }
        }
    });
}

/// A server that is killed loses nothing: the timer is a row.
#[test]
fn a_killed_server_finds_the_timer_running() {
    for_each_backend(|backend| {
        let mut server = Server::start(Database::loaded(backend, Fixture::SMALL));
        let start = |server: &Server| {
            let body = json!({"tfsId": 3}).to_string();
            server.send(TIM, Request::post("/api/tracking/client/startTracking", "application/json", body.as_bytes()))
        };
        let started = start(&server).json();
        server.kill_and_restart();
        let state = server.get(TIM, "/api/tracking/client/current").json();
        assert_eq!(told(&state), ("tracking", "OK", 0));
        for member in ["currentTrackStartedDateTime", "tfsId"] {
            assert_eq!(state["track"][member], started["track"][member]);
        }
        assert_eq!(state["timestamp"], started["timestamp"]);
        let stop = Request::post("/api/tracking/client/stopTracking", "", b"");
        assert_eq!(told(&server.send(TIM, stop).json()), ("idle", "OK", 5));
    });
}

/// Two servers, a hundred timers: each prompt and each time-out is acted on once. The version tells: it is the time of
/// the last state, and one more for each further state at the same time.
#[test]
fn two_servers_act_once_on_each_of_a_hundred_timers() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 2);
        site.set(json!({"activityCheckInterval": 10, "activityCheckWait": 60}));
        let clients: Vec<Client> = (0..100)
            .map(|n| {
                let name = format!("person{n}");
                let client = site.new_person(n % 2, &name);
                client.step("startTracking", json!({"remark": name}));
                client
            })
            .collect();
        let once = || json!(site.clock.now().0 / 1_000);
        site.pass(600);
        for client in &clients {
            client.wait_for("activityCheck");
        }
        site.pass(60);
        for client in &clients {
            client.wait_for("clientInputRequired");
        }
        // Both servers look once more, and find nothing.
        std::thread::sleep(Duration::from_millis(2_500));
        for (n, client) in clients.iter().enumerate() {
            assert_eq!(client.current()["timestamp"], once(), "person{n}");
            assert_eq!(client.logs("2024-05-01"), [("2024-05-02T09:00:00".to_owned(), 1, format!("person{n}"))]);
        }
    });
}

/// The same of two processes: what is due was made so in the database, for nobody holds their clocks.
#[test]
fn two_processes_act_once_on_each_of_a_hundred_timers() {
    for_each_backend(|backend| {
        let one = Server::start(Database::loaded(backend, Fixture::SMALL));
        let other = Server::beside(&one);
        let settings = json!({"activityCheckInterval": 10, "activityCheckWait": 60});
        assert_eq!(ask(&one, ADA, "PATCH", "/api/v1/settings", &settings).status, 200);
        let now = Clock::system().now();
        let clients: Vec<Client> = (0..100)
            .map(|n| {
                let (name, server) = (format!("person{n}"), if n % 2 == 0 { &one } else { &other });
                add_person(&one.database, &name, now);
                let client = Client { address: server.address, token: token(&one.database, &name, now) };
                client.step("startTracking", json!({"remark": name}));
                client
            })
            .collect();
        let ago = |column: &str, seconds: u32| match backend {
            Backend::Sqlite => format!("{column} = {column} - {seconds}000000"),
            Backend::Postgres => format!("{column} = {column} - interval '{seconds} seconds'"),
        };
        let settled = |state: &str| -> Vec<Value> {
            let before: Vec<Value> = clients.iter().map(|client| client.wait_for(state)["timestamp"].clone()).collect();
            // Both look twice more, and find nothing.
            std::thread::sleep(Duration::from_millis(2_500));
            let after: Vec<Value> = clients.iter().map(|client| client.current()["timestamp"].clone()).collect();
            assert_eq!(after, before, "{state}");
            after
        };
        let started = [ago("started_at", 3_600), ago("confirmed_at", 3_600)].join(", ");
        sql(&one.database, &format!("UPDATE timers SET {started}"));
        settled("activityCheck");
        sql(&one.database, &format!("UPDATE timers SET {}", ago("checked_at", 61)));
        settled("clientInputRequired");
        for (n, client) in clients.iter().enumerate() {
            let logs = client.logs("2024-05-01");
            assert_eq!((logs.len(), logs[0].1, &logs[0].2), (1, 1, &format!("person{n}")));
        }
    });
}
