//! Every writing route of tracking × every state of this week × every role, with a timer that runs and without, made from
//! the table of routes: a route that is added must be given an example here, and is covered then.

use diesel::prelude::*;
use serde_json::{Value, json};
use timeledger::db::{Conn, tables};
use timeledger::http::address::Api;
use timeledger::http::api::{Route, Verb, routes};
use timeledger::on;
use timeledger::policy::Role;
use timeledger::sql::Instant;

use super::{Client, Site, told};
use crate::backend::for_each_backend;
use crate::rest::error_code;
use crate::rest::matrix::{PEOPLE, WEEKS, Week};

/// State and message state after a request.
type Told = (&'static str, &'static str);

/// What a route is asked, and what comes of it.
struct Example {
    path: &'static str,
    body: Value,
    /// None: it answers no state, and changes nothing.
    told: Option<Told>,
    /// Whether the run becomes a log.
    stores: bool,
}

/// What the contract's §5 says of a route; §4.5 says which weeks take time.
fn example(route: &Route, week: Week, runs: bool) -> Example {
    let takes = week.takes_time();
    let about_a_run = |when_it_runs: Told| Some(if runs { when_it_runs } else { ("idle", "Warning") });
    let if_it_takes = |told: Told| if takes { told } else { ("tracking", "Error") };
    let reads = |path, body| Example { path, body, told: None, stores: false };
    let stop = |path| Example {
        path,
        body: Value::Null,
        told: about_a_run(if_it_takes(("idle", "OK"))),
        stores: runs && takes,
    };
    let confirm = |path| Example { path, body: Value::Null, told: about_a_run(("tracking", "OK")), stores: false };
    match (route.verb, route.path) {
        (Verb::Post, "client/startTracking") => {
            let refused = if runs { ("tracking", "Error") } else { ("idle", "Error") };
            Example {
                path: "startTracking",
                body: json!({"remark": "the next"}),
                told: Some(if takes { ("tracking", "OK") } else { refused }),
                stores: runs && takes,
            }
        }
        (Verb::Post, "client/stopTracking") => stop("stopTracking?$reason=0"),
        (Verb::Post, "client/stopTracking/{reason}") => stop("stopTracking/1"),
        (Verb::Post, "client/idleCheck/{selectedOption}") => confirm("idleCheck/1"),
        (Verb::Post, "client/activityCheck") => confirm("activityCheck"),
        (Verb::Post, "client/adjust") => Example {
            path: "adjust",
            body: json!({"remark": "adjusted"}),
            told: about_a_run(if_it_takes(("tracking", "OK"))),
            stores: false,
        },
        // Time that no week takes can be given up.
        (Verb::Delete, "client/current") => {
            Example { path: "current", body: Value::Null, told: about_a_run(("idle", "OK")), stores: false }
        }
        (Verb::Post, "client/selected") => reads("selected", json!({"tfsId": 3})),
        (Verb::Post, "client/search") => reads("search", json!(3)),
        (Verb::Post, "client/searchByQuery") => reads("searchByQuery", json!({"query": "3"})),
        other => panic!("{other:?} writes and has no example in tests/tracking/matrix.rs"),
    }
}

/// All that a step may change: the timers, the number of logs, the number of rows of the trail.
type Left = (Vec<(i32, i32, Option<Instant>, Option<String>)>, i64, i64);

fn left(conn: &mut Conn) -> Left {
    use tables::timers::{comment, started_at, state, table, user_id};
    let timers = on!(conn, c => table.select((user_id, state, started_at, comment)).order(user_id).load(c));
    let logs = on!(conn, c => tables::worklogs::table.count().get_result(c));
    let changes = on!(conn, c => tables::changes::table.count().get_result(c));
    (timers.expect("timers"), logs.expect("a count"), changes.expect("a count"))
}

#[test]
fn every_writing_route_in_every_week_for_every_role() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        let people: Vec<(Client, Role)> = PEOPLE.iter().map(|(user, _, role)| (site.client(user), *role)).collect();
        let ids = PEOPLE.map(|(_, id, _)| id);
        let conn = &mut site.conn();
        let writing = routes().filter(|route| route.api == Api::Tracking && route.verb != Verb::Get);
        for (route, week) in writing.flat_map(|route| WEEKS.map(|week| (route, week))) {
            for runs in [false, true] {
                site.set_week(&ids, Week::Open);
                for (client, _) in people.iter().filter(|(_, role)| *role >= Role::Team) {
                    client.ask("DELETE", "current", &Value::Null);
                    if runs {
                        client.step("startTracking", json!({"remark": "in a week"}));
                    }
                }
                site.pass(1);
                site.set_week(&ids, week);
                for (client, role) in &people {
                    let example = example(route, week, runs);
                    let before = left(conn);
                    let reply = client.ask(route.verb.name(), example.path, &example.body);
                    let after = left(conn);
                    let shown = format!("{:?} in week {week:?} as {role}, runs {runs}: {}", route.path, reply.lossy());
                    if *role < route.least {
                        assert_eq!((reply.status, error_code(&reply).as_str()), (403, "AccessDenied"), "{shown}");
                        assert_eq!(after, before, "{shown}");
                        continue;
                    }
                    assert_eq!(reply.status, 200, "{shown}");
                    assert_eq!(after.1, before.1 + i64::from(example.stores), "{shown}");
                    let Some(expected) = example.told else {
                        assert_eq!(after, before, "{shown}");
                        continue;
                    };
                    let state = reply.json();
                    let (state, message, _) = told(&state);
                    assert_eq!((state, message), expected, "{shown}");
                    if message != "OK" {
                        assert_eq!(after, before, "{shown}");
                    }
                }
            }
        }
    });
}
