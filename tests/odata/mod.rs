//! OData over HTTP, clause by clause: a URL and the answer it must give, on both back ends with equal bytes.
//!
//! All over `fixtures/load/small.json`. Expectations are written by hand from the standard, the wire contract and that
//! file. Logs are named by the last digits of their id, so `"1 5"` are the logs `…001` and `…005`.

mod annotations;
mod apply;
mod compute;
mod conditional;
mod contract;
mod documents;
mod expand;
mod files;
mod filter;
mod hostile;
mod paging;
mod paths;
mod payload;
mod prefer;
mod references;
mod refused;
mod search;
mod service;
mod shape;

use serde_json::Value;

use crate::backend::{Backend, Fixture};
use crate::support::http::{Reply, Request};
use crate::support::server::Server;

/// Sees everything.
const ADA: &str = "ada@example.com";
/// Role Team.
const TIM: &str = "tim@example.com";

const V4: &str = "/api/odata/v4.0";
const V33: &str = "/api/odata/v3.3";

pub fn servers() -> [&'static Server; 2] {
    [Backend::Sqlite, Backend::Postgres].map(|backend| Server::shared(backend, Fixture::SMALL))
}

/// The answer of both back ends, which must be the same.
#[track_caller]
fn get(target: &str) -> Reply {
    send(ADA, Request::get(target))
}

#[track_caller]
fn send(user: &str, request: Request) -> Reply {
    let [sqlite, postgres] = servers().map(|server| server.send(user, request.clone()));
    let target = request.shown();
    assert_eq!(sqlite.status, postgres.status, "{target}:\n{}\n{}", sqlite.lossy(), postgres.lossy());
    assert_eq!(sqlite.header("Content-Type"), postgres.header("Content-Type"), "{target}");
    if sqlite.header("Content-Type").is_none_or(|kind| !kind.contains("sheet")) {
        assert_eq!(without_secrets(sqlite.lossy()), without_secrets(postgres.lossy()), "{target}");
    }
    sqlite
}

/// Skip tokens are encrypted with a nonce, and each database has a key of its own; requests have an id each.
fn without_secrets(text: String) -> String {
    let secret =
        regex::Regex::new(r#"(skiptoken=)[A-Za-z0-9_.%-]+|[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f-]{17}"#);
    secret.expect("a pattern").replace_all(&text, "${1}…").into_owned()
}

/// What a case found: the case, what was expected, what came. All are shown together.
fn report(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Rows of a set by their names, for filters. `names` takes the name out of a row.
fn check_filter(set: &str, key: &str, cases: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (filter, expected) in cases {
        let reply = get(&format!("{set}?$select={key}&$orderby={key}&$filter={filter}"));
        let found = if reply.status == 200 { names(&reply.json(), key) } else { reply.lossy() };
        if found != *expected {
            wrong.push(format!("  {filter}\n      expected {expected}\n      found    {found}"));
        }
    }
    report(&wrong);
}

/// `1 2 13`: numbers as they are, the end of a GUID as a number.
fn names(body: &Value, key: &str) -> String {
    let name = |row: &Value| match &row[key] {
        Value::String(guid) if guid.len() == 36 => guid[24..].trim_start_matches('0').to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    body["value"].as_array().expect("rows").iter().map(name).collect::<Vec<_>>().join(" ")
}

/// Logs of v4.0 under a filter.
fn check_logs(cases: &[(&str, &str)]) {
    check_filter(&format!("{V4}/Worklogs"), "Id", cases);
}

/// Work items of v4.0 under a filter.
fn check_items(cases: &[(&str, &str)]) {
    check_filter(&format!("{V4}/WorkItems"), "WorkItemId", cases);
}

/// `value` of the answer, or the whole entity without its annotations.
fn check_values(root: &str, cases: &[(&str, Value)]) {
    let mut wrong = Vec::new();
    for (target, expected) in cases {
        let reply = get(&format!("{root}/{target}"));
        let found = (reply.status == 200).then(|| essence(reply.json()));
        if found.as_ref() != Some(expected) {
            let found = found.map_or_else(|| reply.lossy(), |value| value.to_string());
            wrong.push(format!("  {target}\n      expected {expected}\n      found    {found}"));
        }
    }
    report(&wrong);
}

fn essence(mut body: Value) -> Value {
    if let Some(members) = body.as_object_mut() {
        members.remove("@odata.context");
        if members.len() == 1 && members.contains_key("value") {
            return members["value"].take();
        }
    }
    body
}

/// Status and `error.code` of requests that are refused.
fn check_refused(root: &str, cases: &[(&str, u16, &str)]) {
    let mut wrong = Vec::new();
    for (target, status, code) in cases {
        let reply = get(&format!("{root}/{target}"));
        if (reply.status, reply.error_code().as_str()) != (*status, *code) {
            wrong.push(format!(
                "  {target}\n      expected {status} {code}\n      found    {} {}",
                reply.status,
                reply.lossy()
            ));
        }
    }
    report(&wrong);
}
