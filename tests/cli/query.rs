//! `query`: the engine of the server, without one.

use serde_json::json;

use super::{Run, timeledger};
use crate::backend::{BACKENDS, Backend, Database};

fn query(database: &Database, arguments: &[&str]) -> Run {
    timeledger(["query", "--database", &database.text, "--model", "4.0"].iter().chain(arguments))
}

fn with_two_people(backend: Backend) -> Database {
    let database = Database::migrated(backend);
    for (name, role) in [("ann", "Product"), ("bob", "Team"), ("eve", "None")] {
        timeledger(["user", "add", name, "--role", role, "--database", &database.text]).printed();
    }
    database
}

#[test]
fn each_form_holds_the_same_rows() {
    for backend in BACKENDS {
        let database = with_two_people(backend);
        let address = "Users?$select=Name,IsActive&$orderby=Name desc&$top=2";
        let json_rows = json!([{"Name": "eve", "IsActive": true}, {"Name": "bob", "IsActive": true}]);
        assert_eq!(query(&database, &[address, "--format", "json"]).json()["value"], json_rows);
        let lines = query(&database, &[address, "--format", "ndjson"]);
        let lines: Vec<serde_json::Value> =
            lines.printed().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(serde_json::Value::from(lines), json_rows);
        assert_eq!(query(&database, &[address, "--format", "csv"]).out, "Name,IsActive\r\neve,true\r\nbob,true\r\n");
        let table = query(&database, &[address]);
        let cells: Vec<Vec<&str>> = table.printed().lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(cells, [["Name", "IsActive"], ["eve", "true"], ["bob", "true"]]);
        assert_eq!(query(&database, &["Users/$count"]).printed(), "3");
    }
}

#[test]
fn rows_are_those_of_the_person_named() {
    let database = with_two_people(BACKENDS[0]);
    query(&database, &["Budgets", "--as", "ANN"]).printed();
    assert!(query(&database, &["Budgets", "--as", "bob"]).failed(2).contains("ResourceNotFound"));
    assert!(query(&database, &["Users", "--as", "eve"]).failed(1).contains("AccessDenied"));
    assert!(query(&database, &["Users", "--as", "nobody"]).failed(1).contains("nobody"));
}

#[test]
fn a_query_that_cannot_be_answered_is_a_usage_error_that_says_where() {
    let database = with_two_people(BACKENDS[0]);
    let wrong = query(&database, &["Users?$filter=Nme eq 'x'"]);
    assert!(wrong.failed(2).contains("Did you mean Name"), "{}", wrong.err);
    assert!(wrong.err.contains("(position 0)"), "{}", wrong.err);
}

#[test]
fn a_failure_leaves_the_file_that_was_there() {
    let database = with_two_people(BACKENDS[0]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("people.csv");
    let path = file.to_str().unwrap();
    query(&database, &["Users?$select=Name", "-o", path]).printed();
    let first = std::fs::read_to_string(&file).unwrap();
    assert_eq!(first, "Name\r\nann\r\nbob\r\neve\r\n");
    query(&database, &["Users?$filter=1 div (length(Name) sub 3) eq 1", "-o", path]).failed(1);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), first);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn explain_shows_each_step_and_reads_no_row() {
    for backend in BACKENDS {
        let database = with_two_people(backend);
        let address = "Users?$filter=contains(Name,'span: 1..2, \"b') and IsActive&$orderby=Name&$expand=Worklogs($count=true)&$count=true";
        let run = query(&database, &[address, "--explain"]);
        let shown = run.printed();
        let parts = [
            "syntax\n",
            "filter: Chain(And, [Call(\"contains\", [Path([\"Name\"]), Literal(String(\"span: 1..2, \\\"b\"))])",
            "plan\n  a collection of User, in pages of 200\n",
            "$count\n  SELECT COUNT(*)",
            "rows\n  SELECT ",
            "binds: [\"span: 1..2, \\\"b\"]",
            "$count of Worklogs",
            "rows of Worklogs, for all parents of a page\n",
        ];
        let mut rest = shown;
        for part in parts {
            let at = rest.find(part).unwrap_or_else(|| panic!("{backend:?}: no {part:?} in its place: {shown}"));
            rest = &rest[at + part.len()..];
        }
        let plan = if backend == Backend::Sqlite { "| SCAN" } else { "| Sort" };
        assert!(shown.contains(plan), "{shown}");
        assert!(query(&database, &["Users?$filter=Nme eq 1", "--explain"]).failed(2).contains("Nme"));
    }
}
