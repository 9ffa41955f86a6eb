//! Files that become work logs, through HTTP on both back ends: as jobs, all rows or none, the second time without effect.

mod cases;
mod queue;
mod rows;
mod servers;
mod spoilt;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::rest::ask;
use crate::support::http::{Reply, Request};
use crate::support::server::Server;

/// Sends a file; gives the answer.
pub fn upload(server: &Server, user: &str, options: &str, bytes: &[u8]) -> Reply {
    Request::post(&format!("/api/v1/imports?{options}"), "application/octet-stream", bytes)
        .bearer(&server.full_token(user))
        .send(server.address)
}

/// The job of an answer, when it is over.
pub fn over(server: &Server, user: &str, accepted: &Reply) -> Value {
    assert_eq!(accepted.status, 202, "{}", accepted.lossy());
    let address = accepted.header("Location").expect("an address").to_owned();
    let until = Instant::now() + Duration::from_secs(90);
    loop {
        let job = ask(server, user, "GET", &address, &Value::Null).json();
        if !matches!(job["state"].as_str(), Some("queued" | "running")) {
            return job;
        }
        assert!(Instant::now() < until, "not over after 90 s: {job}\n{}", server.log());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Imports a file and waits for its end.
pub fn import(server: &Server, user: &str, options: &str, text: &str) -> Value {
    over(server, user, &upload(server, user, options, text.as_bytes()))
}

/// new, changed, restored, unchanged, wrong
pub fn counts(job: &Value) -> [i64; 5] {
    ["new", "changed", "restored", "unchanged", "wrong"]
        .map(|name| job["result"][name].as_i64().unwrap_or_else(|| panic!("no counts in {job}")))
}

/// Problems as code and cell.
pub fn problems(server: &Server, user: &str, job: &Value) -> Vec<(String, String)> {
    let target = format!("/api/v1/jobs/{}/problems", job["id"].as_str().expect("an id"));
    let list = ask(server, user, "GET", &target, &json!(null)).json();
    let cell = |one: &Value| format!("{}{}", one["column"].as_str().unwrap_or_default(), one["row"]);
    let problem = |one: &Value| (one["code"].as_str().expect("a code").to_owned(), cell(one));
    list["items"].as_array().expect("a list").iter().map(problem).collect()
}

/// How many logs the administrator sees, of those with this text in their comment.
pub fn logs(server: &Server, comment: &str) -> usize {
    let target = format!("/api/odata/v4.0/Worklogs?$filter=contains(Comment,'{comment}')&$top=1000");
    server.get("ada@example.com", &target).json()["value"].as_array().expect("rows").len()
}
