//! Every writing route × every state of the week × every role, made from the table of routes: a route that is added must
//! be given an example here, and is covered then.
//!
//! What is expected is worked out from the contract's words, not by the code under test.

use diesel::prelude::*;
use serde_json::{Value, json};
use timeledger::auth::audit::Entry;
use timeledger::auth::outgoing::connections::{Product, Wanted};
use timeledger::auth::outgoing::{Given, OutgoingError, Whose, connections, credentials};
use timeledger::auth::sessions::{self, NewSession};
use timeledger::auth::vault::Vault;
use timeledger::auth::{self, NewToken, Scopes, TokenError};
use timeledger::db::{Conn, Role as ConnRole, tables};
use timeledger::domain::calendar::day_of;
use timeledger::domain::jobs::Job;
use timeledger::http::api::{Route, Verb, routes};
use timeledger::on;
use timeledger::policy::Role;
use timeledger::sql::{Day, Guid, Instant};

use super::{ADA, BO, NORA, PETRA, TIM, ask, enter, error_code, server};
use crate::backend::{Database, Fixture, for_each_backend};
use crate::outgoing::KEY;
use crate::support::server::Server;

pub const PEOPLE: [(&str, i32, Role); 5] = [
    (NORA, 6, Role::None),
    (TIM, 4, Role::Team),
    (PETRA, 3, Role::Product),
    (BO, 2, Role::Budget),
    (ADA, 1, Role::Administrator),
];

/// How a week stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Week {
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

pub const WEEKS: [Week; 8] = [
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
    pub fn number(self) -> Option<i32> {
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
    pub fn takes_time(self) -> bool {
        matches!(self, Week::Open | Week::Reopened | Week::Rejected)
    }
}

/// What a route is asked, and what comes of it in a week.
struct Example {
    /// Below `/api/`.
    target: String,
    body: Value,
    /// By the contract, for a caller whose role admits it; none: the state of the week forbids it.
    status: Option<u16>,
    /// It may succeed without changing anything.
    may_change_nothing: bool,
}

impl Example {
    fn new(target: String, body: Value, status: Option<u16>) -> Example {
        Example { target, body, status, may_change_nothing: false }
    }
}

const TESS_ID: &str = "00000000-0000-4000-8000-000000000005";
const DIRECTLY: &str = "bbbbbbbb-0000-4000-8000-000000000003";

/// An example of a writing route in a week of the caller's; `log` is one of that week, `n` a number of its own.
fn example(server: &Server, route: &Route, week: Week, log: &str, (n, user, role): (usize, i32, Role)) -> Example {
    let day = week.monday().saturating_add(jiff::Span::new().days(2));
    let entry = json!({"timeStamp": format!("{day}T10:00:00"), "length": 60, "comment": "matrix"});
    let open_day = Week::Open.monday();
    let if_open = week.takes_time().then_some(200);
    let in_state = |states: &[Week]| states.contains(&week).then_some(200);
    let name = format!("made {n}");
    let made = |path: &str| {
        let reply = ask(server, ADA, "POST", &format!("/api/v1/{path}"), &json!({"name": name}));
        reply.json()["id"].as_str().expect("an id").to_owned()
    };
    let decided = |step: &str, states: &[Week]| {
        let body = json!({"comment": "matrix"});
        Example::new(format!("v1/approvals/{TESS_ID}/{day}/{step}"), body, in_state(states))
    };
    match (route.verb, route.path) {
        (Verb::Post, "workLogs") => Example::new("rest/workLogs".into(), entry, if_open),
        (Verb::Post, "workLogs/batch") => {
            let open = json!({"timeStamp": format!("{open_day}T10:00:00"), "length": 60, "comment": "matrix"});
            Example::new("rest/workLogs/batch".into(), json!([open, entry]), if_open)
        }
        (Verb::Patch, "workLogs/{id}") => {
            Example::new(format!("rest/workLogs/{log}"), json!({"comment": "edited"}), if_open)
        }
        // Out of the week, into an open one: both days are asked.
        (Verb::Put, "workLogs/{id}") => {
            Example::new(format!("rest/workLogs/{log}"), json!({"timeStamp": format!("{open_day}T11:00:00")}), if_open)
        }
        (Verb::Delete, "workLogs/{id}") => Example::new(format!("rest/workLogs/{log}"), Value::Null, if_open),
        (Verb::Post, "worklogs/{id}/restore") => {
            Example::new(format!("v1/worklogs/{log}/restore"), Value::Null, if_open)
        }
        (Verb::Post, "worklogs/bulk") => {
            let body = json!({"filter": format!("Id eq {log}"), "changes": {"comment": "many"}});
            Example::new("v1/worklogs/bulk".into(), body, if_open)
        }
        // The entering of the log, which so is deleted.
        (Verb::Post, "operations/{id}/undo") => {
            let target = format!("/api/v1/worklogs/{log}/changes");
            let trail = ask(server, ADA, "GET", &target, &Value::Null);
            let operation = trail.status == 200;
            let operation = operation.then(|| trail.json()["items"][0]["operation"].as_str().unwrap().to_owned());
            let operation = operation.unwrap_or_else(|| log.to_owned());
            Example::new(format!("v1/operations/{operation}/undo"), Value::Null, if_open)
        }
        (Verb::Post, "timeApproval/week") => {
            Example::new("rest/timeApproval/week".into(), json!({"weekStart": day.to_string()}), if_open)
        }
        (Verb::Delete, "timeApproval/week") => {
            Example::new(format!("rest/timeApproval/week?weekStart={day}"), Value::Null, in_state(&[Week::Submitted]))
        }
        (_, "approvals/{userId}/{weekStart}/approve") => decided("approve", &[Week::Submitted]),
        (_, "approvals/{userId}/{weekStart}/reject") => decided("reject", &[Week::Submitted]),
        (_, "approvals/{userId}/{weekStart}/reopen") => decided("reopen", &[Week::Approved, Week::Closed]),
        (_, "approvals/{userId}/{weekStart}/close") => decided("close", &[Week::Open, Week::Reopened, Week::Rejected]),
        // Where everybody's is approved or closed; a locked one stays so.
        (Verb::Post, "locks/{weekStart}") => {
            let status = in_state(&[Week::Approved, Week::Closed, Week::Locked]);
            let may_change_nothing = week == Week::Locked;
            Example { may_change_nothing, ..Example::new(format!("v1/locks/{day}"), Value::Null, status) }
        }
        (Verb::Delete, "locks/{weekStart}") => {
            let may_change_nothing = week != Week::Locked;
            Example { may_change_nothing, ..Example::new(format!("v1/locks/{day}"), Value::Null, Some(204)) }
        }
        // Those below do not concern a week.
        (Verb::Post, "users/roles") => {
            let body = json!({"users": [{"email": "tess@example.com", "role": {"id": 1}}]});
            Example::new("rest/users/roles".into(), body, Some(200))
        }
        (Verb::Post, "activity-types") => Example::new("v1/activity-types".into(), json!({"name": name}), Some(201)),
        (Verb::Patch, "activity-types/{id}") => {
            let target = format!("v1/activity-types/{}", made("activity-types"));
            Example::new(target, json!({"isActive": false}), Some(200))
        }
        (Verb::Delete, "activity-types/{id}") => {
            Example::new(format!("v1/activity-types/{}", made("activity-types")), Value::Null, Some(204))
        }
        (Verb::Post, "budgets") => Example::new("v1/budgets".into(), json!({"name": name}), Some(201)),
        (Verb::Patch, "budgets/{id}") => {
            Example::new(format!("v1/budgets/{}", made("budgets")), json!({"closed": true}), Some(200))
        }
        (Verb::Delete, "budgets/{id}") => {
            Example::new(format!("v1/budgets/{}", made("budgets")), Value::Null, Some(204))
        }
        (Verb::Post, "budgets/{id}/assignments") => {
            let body = json!({"kind": "workItem", "target": "7"});
            Example::new(format!("v1/budgets/{DIRECTLY}/assignments"), body, Some(200))
        }
        (Verb::Delete, "budgets/{id}/assignments/{kind}/{target}") => {
            let body = json!({"kind": "workItem", "target": "7"});
            ask(server, ADA, "POST", &format!("/api/v1/budgets/{DIRECTLY}/assignments"), &body);
            Example::new(format!("v1/budgets/{DIRECTLY}/assignments/workItem/7"), Value::Null, Some(200))
        }
        (Verb::Patch, "settings") => Example::new("v1/settings".into(), json!({"futureDays": n}), Some(200)),
        (Verb::Patch, "users/{id}") => {
            let zone = if n.is_multiple_of(2) { "Europe/Berlin" } else { "UTC" };
            let example = Example::new(format!("v1/users/{TESS_ID}"), json!({"timeZone": zone}), Some(200));
            Example { may_change_nothing: true, ..example }
        }
        // The week is asked when the job runs: tests/imports.
        (Verb::Post, "imports") => {
            let example = Example::new("v1/imports?fileName=a.csv".into(), json!({"no": "file"}), Some(202));
            Example { may_change_nothing: true, ..example }
        }
        // The entering of the log, as if a file had brought it.
        (Verb::Post, "imports/{id}/undo") => {
            let trail = ask(server, ADA, "GET", &format!("/api/v1/worklogs/{log}/changes"), &Value::Null);
            let import = trail.status == 200;
            let import = import.then(|| trail.json()["items"][0]["operation"].as_str().unwrap().to_owned());
            let import = import.unwrap_or_else(|| log.to_owned());
            if role >= Role::Team {
                job_of(&server.database, user, &import, "import");
            }
            Example::new(format!("v1/imports/{import}/undo"), Value::Null, if_open)
        }
        (Verb::Post, "jobs/{id}/cancel") => {
            let id = uuid::Uuid::from_u128(n as u128 + 1).to_string();
            job_of(&server.database, user, &id, "later");
            let example = Example::new(format!("v1/jobs/{id}/cancel"), Value::Null, Some(200));
            Example { may_change_nothing: true, ..example }
        }
        (Verb::Post, "tokens") => {
            let example = Example::new("v1/tokens".into(), json!({"name": name}), Some(201));
            Example { may_change_nothing: true, ..example }
        }
        (Verb::Post, "tokens/revoke") => {
            let example = Example::new("v1/tokens/revoke".into(), json!({"token": "nothing that is one"}), Some(200));
            Example { may_change_nothing: true, ..example }
        }
        (Verb::Post, "tokens/{id}/rotate") => {
            let target = format!("v1/tokens/{}/rotate", token_of(&server.database, user));
            Example { may_change_nothing: true, ..Example::new(target, json!({"overlapHours": 0}), Some(201)) }
        }
        (Verb::Delete, "tokens/{id}") => {
            let target = format!("v1/tokens/{}", token_of(&server.database, user));
            Example { may_change_nothing: true, ..Example::new(target, Value::Null, Some(204)) }
        }
        (Verb::Delete, "users/{id}/tokens/{tokenId}") => {
            let target = format!("v1/users/{TESS_ID}/tokens/{}", token_of(&server.database, 5));
            Example { may_change_nothing: true, ..Example::new(target, Value::Null, Some(204)) }
        }
        (Verb::Delete, "sessions/{id}") => {
            let target = format!("v1/sessions/{}", session_of(&server.database, user));
            Example { may_change_nothing: true, ..Example::new(target, Value::Null, Some(204)) }
        }
        (Verb::Delete, "users/{id}/sessions/{sessionId}") => {
            let target = format!("v1/users/{TESS_ID}/sessions/{}", session_of(&server.database, 5));
            Example { may_change_nothing: true, ..Example::new(target, Value::Null, Some(204)) }
        }
        // The tokens of the matrix itself go on.
        (Verb::Post, "sign-out-everywhere") => {
            let example = Example::new("v1/sign-out-everywhere".into(), json!({"tokens": false}), Some(200));
            Example { may_change_nothing: true, ..example }
        }
        (Verb::Post, "users/{id}/sign-out-everywhere") => {
            let target = format!("v1/users/{TESS_ID}/sign-out-everywhere");
            Example { may_change_nothing: true, ..Example::new(target, json!({"tokens": false}), Some(200)) }
        }
        (Verb::Delete, "grants/{id}") => {
            let target = format!("v1/grants/{}", grant_of(&server.database, user));
            Example { may_change_nothing: true, ..Example::new(target, Value::Null, Some(204)) }
        }
        (Verb::Post, "notices/{id}/read") => {
            let target = format!("v1/notices/{}/read", notice_of(&server.database, user));
            Example { may_change_nothing: true, ..Example::new(target, Value::Null, Some(200)) }
        }
        (Verb::Post, "notices/read") => {
            let example = Example::new("v1/notices/read".into(), Value::Null, Some(204));
            Example { may_change_nothing: true, ..example }
        }
        (Verb::Patch, "notices/settings") => {
            let body = json!({"mail": {"guessed": n.is_multiple_of(2)}});
            let example = Example::new("v1/notices/settings".into(), body, Some(200));
            Example { may_change_nothing: true, ..example }
        }
        (Verb::Post, "connections") => {
            let body = json!({"name": name, "baseUrl": "https://dev.azure.com/example"});
            Example { may_change_nothing: true, ..Example::new("v1/connections".into(), body, Some(201)) }
        }
        (Verb::Patch | Verb::Delete, "connections/{id}") => {
            let target = format!("v1/connections/{}", connection_of(server, user));
            let (body, status) = match route.verb {
                Verb::Patch => (json!({"name": name}), 200),
                _ => (Value::Null, 204),
            };
            Example { may_change_nothing: true, ..Example::new(target, body, Some(status)) }
        }
        (Verb::Delete, "connections/{id}/credentials/{userId}") => {
            let target = format!("v1/connections/{}/credentials/{}", connection_of(server, 5), TESS_ID);
            Example { may_change_nothing: true, ..Example::new(target, Value::Null, Some(204)) }
        }
        (Verb::Put | Verb::Delete, "connections/{id}/credential" | "connections/{id}/my-credential") => {
            let path = route.path.trim_start_matches("connections/{id}/");
            let target = format!("v1/connections/{}/{path}", connection_of(server, user));
            let (body, status) = match route.verb {
                Verb::Put => (json!({"kind": "pat", "secret": "token"}), 200),
                _ => (Value::Null, 204),
            };
            Example { may_change_nothing: true, ..Example::new(target, body, Some(status)) }
        }
        // Nobody is there; that is an answer, too.
        (Verb::Post, "connections/{id}/test") => {
            let target = format!("v1/connections/{}/test", connection_of(server, user));
            Example { may_change_nothing: true, ..Example::new(target, json!({}), Some(200)) }
        }
        (Verb::Post, "connections/{id}/authorize") => {
            let target = format!("v1/connections/{}/authorize", connection_of(server, user));
            Example { may_change_nothing: true, ..Example::new(target, json!({"returnTo": "/"}), Some(200)) }
        }
        (Verb::Put, "import-profiles/{name}") => {
            let example = Example::new("v1/import-profiles/mine".into(), json!({"decimalMark": ","}), Some(200));
            Example { may_change_nothing: true, ..example }
        }
        (Verb::Delete, "import-profiles/{name}") => {
            let example = Example::new("v1/import-profiles/mine".into(), Value::Null, Some(204));
            Example { may_change_nothing: true, ..example }
        }
        other => panic!("{other:?} writes and has no example in tests/rest/matrix.rs"),
    }
}

/// A token that is revoked before the next example, so that a person never has too many.
fn token_of(database: &Database, user: i32) -> Guid {
    let now = Instant(jiff::Timestamp::now().as_microsecond());
    let new = NewToken { user_id: user, name: "matrix", days: Some(1), scopes: Scopes::DEFAULT, per_minute: None };
    let make = |tx: &mut timeledger::db::Tx<'_>| {
        let old = auth::list(tx, Some(user))?
            .into_iter()
            .filter(|token| token.name == "matrix" || token.name.starts_with("made "));
        for token in old.collect::<Vec<_>>() {
            auth::end(tx, token.guid, now)?;
        }
        auth::make(tx, new, now)
    };
    database.connect(ConnRole::Writer).write::<_, TokenError>(make).expect("a token").1
}

/// A connection with a credential of the service account's and one of the person's, at an address where nobody is.
fn connection_of(server: &Server, user: i32) -> Guid {
    let now = Instant(jiff::Timestamp::now().as_microsecond());
    let vault = Vault::new(KEY).expect("a key");
    let name = uuid::Uuid::now_v7().to_string();
    let wanted =
        Wanted { name, base_url: "http://127.0.0.1:1/org".into(), product: Product::Services, allow_http: true };
    let given = Given::of(("pat", "token", None), None, now).expect("a token");
    let make = |tx: &mut timeledger::db::Tx<'_>| {
        tx.hold(timeledger::db::Hold::Exclusive)?;
        let made = connections::create(tx, &Entry::default(), &wanted, now).expect("a connection");
        for whose in [Whose::Service, Whose::Person(user)] {
            credentials::keep(tx, &vault, (&Entry::default(), &made, whose), &given, now)?;
        }
        Ok::<_, OutgoingError>(made.guid)
    };
    server.database.connect(ConnRole::Writer).write(make).expect("a connection")
}

/// A client that the person paired.
fn session_of(database: &Database, user_id: i32) -> Guid {
    let now = Instant(jiff::Timestamp::now().as_microsecond());
    let new =
        NewSession { user_id, kind: "local", provider_session: None, signed_in_at: now, address: None, client: None };
    let open = |tx: &mut timeledger::db::Tx<'_>| {
        tx.hold(timeledger::db::Hold::Shared)?;
        sessions::open(tx, &new, sessions::Lifetime::default(), now)
    };
    let opened = database.connect(ConnRole::Writer).write::<_, timeledger::db::DbError>(open);
    opened.expect("a session").expect("somebody").1
}

fn grant_of(database: &Database, user: i32) -> Guid {
    let now = Instant(jiff::Timestamp::now().as_microsecond());
    let open = |tx: &mut timeledger::db::Tx<'_>| {
        tx.hold(timeledger::db::Hold::Shared)?;
        auth::grants::open(tx, user, "192.0.2.1", now)
    };
    let mut conn = database.connect(ConnRole::Writer);
    conn.write::<_, timeledger::db::DbError>(open).expect("a grant");
    auth::grants::list(&mut conn, user, now).expect("rows")[0].guid
}

/// A notice of that person's.
fn notice_of(database: &Database, user: i32) -> Guid {
    use timeledger::domain::notices::{self, Kind, Notice, read};
    let tell = |tx: &mut timeledger::db::Tx<'_>| {
        tx.hold(timeledger::db::Hold::Shared)?;
        let about = uuid::Uuid::now_v7().to_string();
        let notice = Notice { user_id: user, kind: Kind::GrantReused, about, facts: serde_json::Map::new() };
        notices::tell(tx, &notice, Instant(0)).map(drop)
    };
    let mut conn = database.connect(ConnRole::Writer);
    conn.write::<_, timeledger::db::DbError>(tell).expect("a notice");
    read::list(&mut conn, user, 0, 1).expect("rows")[0].id
}

/// A job of that person's that nobody runs for a long time.
fn job_of(database: &Database, user: i32, id: &str, kind: &str) {
    let far = Instant(4_000_000_000_000_000);
    let mut job = Job::new(kind, "{}".into(), user, far);
    job.id = Guid(id.parse().expect("a GUID"));
    let add = |tx: &mut timeledger::db::Tx<'_>| {
        tx.hold(timeledger::db::Hold::Shared)?;
        timeledger::domain::jobs::queue::add(tx, &job)
    };
    database.connect(ConnRole::Writer).write(add).expect("a job");
}

fn set_weeks(database: &Database) {
    let day = |date: jiff::civil::Date| day_of(date);
    let conn = &mut database.connect(ConnRole::Writer);
    for (n, week) in WEEKS.into_iter().enumerate() {
        let start = day(week.monday());
        on!(conn, c => diesel::delete(tables::approvals::table.filter(tables::approvals::week_start.eq(start)))
            .execute(c))
        .expect("the week is as new");
        // Tess's week is the one that is decided.
        for user in PEOPLE.iter().map(|(_, user, _)| *user).chain([5]) {
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
    on!(conn, c => diesel::delete(tables::week_locks::table).execute(c)).expect("no locks");
    let locked =
        (tables::week_locks::week_start.eq(day(Week::Locked.monday())), tables::week_locks::locked_at.eq(Instant(0)));
    on!(conn, c => diesel::insert_into(tables::week_locks::table).values(locked).execute(c)).expect("a lock");
    let start = format!("\"{}\"", Week::Open.monday());
    let name = tables::settings::name.eq("approvalStartDate");
    on!(conn, c => diesel::update(tables::settings::table.filter(name)).set(tables::settings::value.eq(start)).execute(c))
        .expect("a start date");
}

/// All that a writer may leave behind.
fn fingerprint(conn: &mut Conn) -> (i64, i64, Vec<(i64, Instant, Day)>) {
    let changes = on!(conn, c => tables::changes::table.count().get_result(c)).expect("a count");
    let approvals = on!(conn, c => tables::approvals::table.count().get_result(c)).expect("a count");
    let columns = (tables::worklogs::id, tables::worklogs::edited_at, tables::worklogs::work_date);
    let logs = on!(conn, c => tables::worklogs::table.select(columns).order(tables::worklogs::id).load(c));
    (changes, approvals, logs.expect("rows"))
}

fn check(server: &Server, conn: &mut Conn, route: &Route, example: &Example, (week, user, role): (Week, &str, Role)) {
    let before = fingerprint(conn);
    let reply = ask(server, user, route.verb.name(), &format!("/api/{}", example.target), &example.body);
    let expected = match example.status {
        _ if role < route.least => (403, "AccessDenied"),
        Some(status) => (status, ""),
        None => (422, "ApprovalStateFailed"),
    };
    let shown = format!("{} {} in week {week:?} as {role}: {}", route.verb.name(), route.path, reply.lossy());
    let found = (reply.status, if reply.status < 300 { String::new() } else { error_code(&reply) });
    assert_eq!((found.0, found.1.as_str()), expected, "{shown}");
    let after = fingerprint(conn);
    if expected.0 >= 300 {
        assert_eq!(after, before, "{shown}");
    } else {
        assert!(after != before || example.may_change_nothing, "{shown}");
    }
}

#[test]
fn every_writing_route_in_every_week_for_every_role() {
    for_each_backend(|backend| {
        let settings = [
            ("TIMELEDGER_KEY", KEY),
            ("TIMELEDGER_SERVER__PUBLIC_URL", "http://timeledger.test"),
            ("TIMELEDGER_AZURE_DEVOPS__CLIENT_ID", "matrix"),
        ];
        let server = Server::start_with(Database::loaded(backend, Fixture::SMALL), &settings);
        // The timer writes today: tests/tracking/matrix.rs has a clock for it.
        let is_timer = |route: &Route| route.pattern().starts_with("/api/tracking/");
        let writing: Vec<&Route> = routes().filter(|route| route.verb != Verb::Get && !is_timer(route)).collect();
        assert!(writing.len() >= 25);
        // Entered while everything is open.
        let mut logs = Vec::new();
        for route in &writing {
            for week in WEEKS {
                for person in PEOPLE {
                    let about_a_log = ["worklogs/{id}", "worklogs/bulk", "operations/{id}", "imports/{id}"];
                    let about_a_log = about_a_log.iter().any(|path| route.path.to_lowercase().contains(path));
                    let needs = about_a_log && person.2 >= Role::Team;
                    if !needs {
                        logs.push(uuid::Uuid::nil().to_string());
                        continue;
                    }
                    let log = enter(&server, person.0, &format!("{}T09:00:00", week.monday()));
                    if route.path.ends_with("/restore") {
                        ask(&server, person.0, "DELETE", &format!("/api/rest/workLogs/{log}"), &Value::Null);
                    }
                    logs.push(log);
                }
            }
        }
        let mut logs = logs.into_iter().enumerate();
        let conn = &mut server.database.connect(ConnRole::Reader);
        for route in &writing {
            set_weeks(&server.database);
            for week in WEEKS {
                for (user, id, role) in PEOPLE {
                    let (n, log) = logs.next().expect("one for each");
                    let example = example(&server, route, week, &log, (n, id, role));
                    check(&server, conn, route, &example, (week, user, role));
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
