//! Real clients against a real server: the programs of `tests/clients`, and curl.
//!
//! Each program gets the address of the service and a token, and ends with an error where an answer is not what its
//! client needs.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::backend::{Backend, Database, Fixture, for_each_backend};
use crate::support::server::Server;
use crate::support::site;

const ADA: &str = "ada@example.com";

fn run_python(program: &str, server: &Server) {
    let python = std::env::var("TIMELEDGER_TEST_PYTHON").unwrap_or_else(|_| {
        panic!("TIMELEDGER_TEST_PYTHON must name a Python with tests/clients/requirements.txt; tests/run makes one")
    });
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(program);
    let output = Command::new(python)
        .arg(file)
        .arg(format!("http://{}", server.address))
        .arg(server.token(ADA))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("Python starts");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{program}:\n{}", String::from_utf8_lossy(&said));
}

/// Runs a program of `tests/clients` on Node.js with these arguments.
pub fn run_node(program: &str, arguments: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = root.join(".cache/clients/node_modules");
    assert!(modules.exists(), "{} is missing; tests/run installs it", modules.display());
    let mut node = Command::new("node");
    node.arg(root.join("tests/clients").join(program)).args(arguments).env("NODE_PATH", &modules);
    let output = node.output().expect("node starts");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{program}:\n{}", String::from_utf8_lossy(&said));
}

fn with_many_logs(backend: Backend) -> Server {
    let file = site::logs(&format!("clients-{backend:?}"), 1, 2_500, true);
    Server::start(Database::load(backend, &file))
}

/// OD-180, OD-181, contract §3.11.
#[test]
fn power_query() {
    for_each_backend(|backend| run_python("power_query.py", &with_many_logs(backend)));
}

#[test]
fn files_in_excel() {
    for_each_backend(|backend| run_python("workbooks.py", Server::shared(backend, Fixture::SMALL)));
}

/// Contract §6.7, UX-59.
#[test]
fn exports_in_excel() {
    for_each_backend(|backend| run_python("exports.py", Server::shared(backend, Fixture::SMALL)));
}

/// OD-189, contract §2 and §3.8.
#[test]
fn scripts() {
    for_each_backend(|backend| run_python("scripts.py", Server::shared(backend, Fixture::SMALL)));
}

/// As the documentation's samples call it.
#[test]
fn curl() {
    for_each_backend(|backend| {
        let server = Server::shared(backend, Fixture::SMALL);
        let root = format!("http://{}/api/odata/v3.2", server.address);
        let token = server.token(ADA);
        let curl = |arguments: &[&str]| {
            let output = Command::new("curl").args(["-sS", "--fail-with-body"]).args(arguments).output().expect("curl");
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
        };
        let bearer = format!("Authorization: Bearer {token}");
        let set = format!("{root}/workLogsOnly");
        let options = ["--data-urlencode", "$filter=Comment eq 'zero'", "--data-urlencode", "$select=Comment"];
        let found = curl(&[&["-G", "-H", &bearer], &options[..], &[&set]].concat());
        assert!(found.ends_with("\"value\":[{\"Comment\":\"zero\"}]}"), "{found}");
        let body = "filter=Comment eq 'zero'&select=Comment";
        let by_post =
            curl(&["-H", &bearer, "-H", "Content-Type: text/plain", "--data", body, &format!("{set}/$query")]);
        assert_eq!(by_post, found);
        let raw = format!("Authorization: Basic {token}");
        assert_eq!(curl(&["-H", &raw, &format!("{set}/$count")]), "11");
        assert_eq!(curl(&["-u", &format!("anybody:{token}"), "--compressed", &format!("{set}/$count")]), "11");
    });
}

/// REST and tracking as a Node.js client asks them (contract §4, §5).
#[test]
fn axios_walks_the_routes() {
    for_each_backend(|backend| {
        let server = Server::start(Database::loaded(backend, Fixture::SMALL));
        run_node("routes.cjs", &[&format!("http://{}", server.address), &server.full_token(ADA)]);
    });
}

/// The same routes by curl.
#[test]
fn curl_walks_the_routes() {
    let steps: Vec<Value> = serde_json::from_str(include_str!("clients/routes.json")).expect("steps");
    for_each_backend(|backend| {
        let server = Server::start(Database::loaded(backend, Fixture::SMALL));
        let credential = format!(":{}", server.full_token(ADA));
        let mut kept: HashMap<&str, String> = HashMap::new();
        for step in &steps {
            let filled = |text: &str| {
                kept.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
            };
            let ask = step["ask"].as_str().expect("a request");
            let (method, target) = ask.split_once(' ').expect("a method");
            let mut curl = Command::new("curl");
            curl.args(["-sS", "-g", "-u", &credential, "-w", "\n%{http_code}", "-X", method]);
            match step.get("body") {
                Some(body) => drop(curl.args([
                    "-H",
                    "Content-Type: application/json",
                    "--data-binary",
                    &filled(&body.to_string()),
                ])),
                None if method == "POST" => drop(curl.args(["--data", ""])),
                None => {}
            }
            let output = curl.arg(format!("http://{}{}", server.address, filled(target))).output().expect("curl");
            let said = String::from_utf8(output.stdout).expect("text");
            let (answer, status) = said.rsplit_once('\n').expect("a status");
            assert_eq!(status, step.get("status").map_or("200".to_owned(), Value::to_string), "{ask}: {said}");
            let answer: Value = serde_json::from_str(answer).unwrap_or_default();
            if let Some(code) = step.get("code") {
                assert_eq!(answer.pointer("/error/errorCode"), Some(code), "{ask}: {said}");
            }
            for pointer in step.get("has").and_then(Value::as_array).into_iter().flatten() {
                assert!(answer.pointer(pointer.as_str().expect("a pointer")).is_some(), "{ask}: {pointer}: {said}");
            }
            for (name, pointer) in step.get("keep").and_then(Value::as_object).into_iter().flatten() {
                let value = answer.pointer(pointer.as_str().expect("a pointer")).and_then(Value::as_str);
                kept.insert(name, value.expect(ask).to_owned());
            }
        }
    });
}
