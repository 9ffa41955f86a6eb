//! Real clients against a real server: the programs of `tests/clients`, and curl.
//!
//! Each program gets the address of the service and a token, and ends with an error where an answer is not what its
//! client needs.

use std::path::Path;
use std::process::Command;

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
