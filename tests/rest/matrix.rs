//! Every writing route × every state of the week × every role, made from the table of routes: a route that is added must
//! be given an example here, and is covered then.
//!
//! What is expected is worked out from the contract's words, not by the code under test.

use diesel::prelude::*;
use serde_json::{Value, json};
use timeledger::db::{Role as ConnRole, tables};
use timeledger::domain::calendar::day_of;
use timeledger::http::api::{Route, Verb, routes};
use timeledger::on;
use timeledger::policy::Role;
use timeledger::sql::{Day, Guid, Instant};

use super::{ADA, BO, NORA, PETRA, TIM, ask, enter, error_code, server};
use crate::backend::{Database, for_each_backend};
use crate::support::server::Server;

const PEOPLE: [(&str, i32, Role); 5] = [
    (NORA, 6, Role::None),
    (TIM, 4, Role::Team),
    (PETRA, 3, Role::Product),
    (BO, 2, Role::Budget),
    (ADA, 1, Role::Administrator),
];

/// How a week stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Week {
    Open,
    Submitted,
    Reopened,
    Approved,
    Rejected,
    Closed,
    /// For everybody.
    Locked,
    BeforeStart,
}

const WEEKS: [Week; 8] = [
    Week::BeforeStart,
    Week::Open,
    Week::Submitted,
    Week::Reopened,
    Week::Approved,
    Week::Rejected,
    Week::Closed,
    Week::Locked,
];

impl Week {
    /// The contract's numbers, §4.3; ours for a rejected one.
    fn number(self) -> Option<i32> {
        Some(match self {
            Week::Submitted => 1,
            Week::Reopened => 2,
            Week::Approved => 3,
            Week::Rejected => 4,
            Week::Closed => 99,
            Week::Open | Week::Locked | Week::BeforeStart => return None,
        })
    }

    /// Each has a week of its own, its Monday.
    fn monday(self) -> jiff::civil::Date {
        let n = WEEKS.iter().position(|week| *week == self).expect("one of the list");
        jiff::civil::date(2024, 3, 4).saturating_add(jiff::Span::new().weeks(n as i64))
    }

    /// §4.5: an open or reopened one takes time; a rejected one edits like a reopened one (§6.2).
    fn takes_time(self) -> bool {
        matches!(self, Week::Open | Week::Reopened | Week::Rejected)
    }
}

/// What a route is asked, and what comes of it in a week.
struct Example {
    target: String,
    body: Value,
    /// By the contract, for a caller whose role admits it.
    succeeds: bool,
}

/// An example of a writing route in a week of the caller's; `log` is one of that week.
fn example(route: &Route, week: Week, log: &str) -> Example {
    let day = week.monday().saturating_add(jiff::Span::new().days(2));
    let entry = json!({"timeStamp": format!("{day}T10:00:00"), "length": 60, "comment": "matrix"});
    let open_day = Week::Open.monday();
    let (target, body, succeeds) = match (route.verb, route.path) {
        (Verb::Post, "workLogs") => ("workLogs".to_owned(), entry, week.takes_time()),
        (Verb::Post, "workLogs/batch") => {
            let open = json!({"timeStamp": format!("{open_day}T10:00:00"), "length": 60, "comment": "matrix"});
            ("workLogs/batch".to_owned(), json!([open, entry]), week.takes_time())
        }
        (Verb::Patch, "workLogs/{id}") => (format!("workLogs/{log}"), json!({"comment": "edited"}), week.takes_time()),
        // Out of the week, into an open one: both days are asked.
        (Verb::Put, "workLogs/{id}") => {
            (format!("workLogs/{log}"), json!({"timeStamp": format!("{open_day}T11:00:00")}), week.takes_time())
        }
        (Verb::Delete, "workLogs/{id}") => (format!("workLogs/{log}"), Value::Null, week.takes_time()),
        (Verb::Post, "timeApproval/week") => {
            ("timeApproval/week".to_owned(), json!({"weekStart": day.to_string()}), week.takes_time())
        }
        (Verb::Delete, "timeApproval/week") => {
            (format!("timeApproval/week?weekStart={day}"), Value::Null, week == Week::Submitted)
        }
        // Does not concern a week.
        (Verb::Post, "users/roles") => {
            ("users/roles".to_owned(), json!({"users": [{"email": "tess@example.com", "role": {"id": 1}}]}), true)
        }
        other => panic!("{other:?} writes and has no example in tests/rest/matrix.rs"),
    };
    Example { target: format!("/api/rest/{target}"), body, succeeds }
}

fn set_weeks(database: &Database) {
    let day = |date: jiff::civil::Date| day_of(date);
    let conn = &mut database.connect(ConnRole::Writer);
    for (n, week) in WEEKS.into_iter().enumerate() {
        let start = day(week.monday());
        on!(conn, c => diesel::delete(tables::approvals::table.filter(tables::approvals::week_start.eq(start)))
            .execute(c))
        .expect("the week is as new");
        for (_, user, _) in PEOPLE {
            let Some(state) = week.number() else { continue };
            let row = (
                tables::approvals::guid.eq(Guid(uuid::Uuid::from_u128(n as u128 * 100 + user as u128))),
                tables::approvals::user_id.eq(user),
                tables::approvals::week_start.eq(start),
                tables::approvals::state.eq(state),
                tables::approvals::modified_at.eq(Instant(0)),
            );
            on!(conn, c => diesel::insert_into(tables::approvals::table).values(row).execute(c)).expect("a state");
        }
    }
    let locked =
        (tables::week_locks::week_start.eq(day(Week::Locked.monday())), tables::week_locks::locked_at.eq(Instant(0)));
    on!(conn, c => diesel::insert_into(tables::week_locks::table).values(locked).on_conflict_do_nothing().execute(c))
        .expect("a lock");
    let start = format!("\"{}\"", Week::Open.monday());
    let name = tables::settings::name.eq("approvalStartDate");
    on!(conn, c => diesel::update(tables::settings::table.filter(name)).set(tables::settings::value.eq(start)).execute(c))
        .expect("a start date");
}

/// All that a writer may leave behind.
fn fingerprint(database: &Database) -> (i64, i64, Vec<(i64, Instant, Day)>) {
    let conn = &mut database.connect(ConnRole::Reader);
    let changes = on!(conn, c => tables::changes::table.count().get_result(c)).expect("a count");
    let approvals = on!(conn, c => tables::approvals::table.count().get_result(c)).expect("a count");
    let columns = (tables::worklogs::id, tables::worklogs::edited_at, tables::worklogs::work_date);
    let logs = on!(conn, c => tables::worklogs::table.select(columns).order(tables::worklogs::id).load(c));
    (changes, approvals, logs.expect("rows"))
}

fn check(server: &Server, route: &Route, week: Week, (user, _, role): (&str, i32, Role), log: &str) {
    let Example { target, body, succeeds } = example(route, week, log);
    let before = fingerprint(&server.database);
    let reply = ask(server, user, route.verb.name(), &target, &body);
    let found = (reply.status, error_code(&reply));
    let expected = if role < route.least {
        (403, "AccessDenied")
    } else if succeeds {
        (200, "")
    } else {
        (422, "ApprovalStateFailed")
    };
    let shown = format!("{} {} in week {week:?} as {role}: {}", route.verb.name(), route.path, reply.lossy());
    assert_eq!((found.0, found.1.as_str()), expected, "{shown}");
    if expected.0 == 200 {
        assert_ne!(fingerprint(&server.database), before, "{shown}");
    } else {
        assert_eq!(fingerprint(&server.database), before, "{shown}");
    }
}

#[test]
fn every_writing_route_in_every_week_for_every_role() {
    for_each_backend(|backend| {
        let server = server(backend);
        let writing: Vec<&Route> =
            routes().filter(|route| route.verb != Verb::Get && route.pattern().starts_with("/api/rest/")).collect();
        assert!(writing.len() >= 8);
        // Entered while everything is open.
        let mut logs = Vec::new();
        for route in &writing {
            for week in WEEKS {
                for person in PEOPLE {
                    let needs = route.path.contains("{id}") && person.2 >= Role::Team;
                    let start = format!("{}T09:00:00", week.monday());
                    logs.push(if needs { enter(&server, person.0, &start) } else { uuid::Uuid::nil().to_string() });
                }
            }
        }
        let mut logs = logs.into_iter();
        for route in &writing {
            set_weeks(&server.database);
            for week in WEEKS {
                for person in PEOPLE {
                    check(&server, route, week, person, &logs.next().expect("one for each"));
                }
            }
        }
    });
}

/// A move is checked against both days: into a locked week, too.
#[test]
fn a_log_moves_neither_into_nor_out_of_a_locked_week() {
    for_each_backend(|backend| {
        let server = server(backend);
        let day = |week: Week| format!("{}T09:00:00", week.monday());
        let inside: Vec<String> = WEEKS.iter().map(|week| enter(&server, TIM, &day(*week))).collect();
        set_weeks(&server.database);
        for (from, log) in WEEKS.into_iter().zip(&inside) {
            for to in WEEKS {
                let body = json!({"timeStamp": day(to)});
                let reply = ask(&server, TIM, "PATCH", &format!("/api/rest/workLogs/{log}"), &body);
                let expected = if from.takes_time() && to.takes_time() { 200 } else { 422 };
                assert_eq!(reply.status, expected, "{from:?} → {to:?}: {}", reply.lossy());
                if expected == 200 {
                    let back = ask(
                        &server,
                        TIM,
                        "PATCH",
                        &format!("/api/rest/workLogs/{log}"),
                        &json!({"timeStamp": day(from)}),
                    );
                    assert_eq!(back.status, 200);
                }
            }
        }
    });
}
