//! `load`: all of a file or nothing, with the place of what is wrong.

use serde_json::json;

use super::timeledger;
use crate::backend::{BACKENDS, Database};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/load/small.json");

#[test]
fn a_file_is_loaded_into_a_new_database_and_counted() {
    for backend in BACKENDS {
        let database = Database::empty(backend);
        let loaded = timeledger(["load", "--database", &database.text, FIXTURE, "--json"]).json();
        let listed = timeledger(["user", "list", "--json", "--database", &database.text]).json();
        assert_eq!(loaded["users"], json!(listed.as_array().unwrap().len()));
        let count = ["query", "--model", "3.3", "workLogsOnly/$count", "--database", &database.text];
        let count: i64 = timeledger(count).printed().parse().unwrap();
        assert_eq!(loaded["worklogs"].as_i64().unwrap() - loaded["deleted"].as_i64().unwrap(), count);
    }
}

#[test]
fn data_at_fault_ends_with_4_names_its_place_and_stores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.json");
    let user = json!({"name": "Ann", "uniqueName": "ann", "email": null, "role": "Team"});
    let log =
        json!({"user": "eve", "timestamp": "2026-03-02T09:00:00", "length": 60, "isBillable": false, "flags": []});
    let cases = [
        (json!({"users": [user], "worklogs": [log]}).to_string(), "worklogs[0].user"),
        (json!({"users": [user, {"name": "B", "uniqueName": "b", "role": "Owner"}]}).to_string(), "users[1].role"),
        ("{\"users\": [".to_owned(), "users"),
    ];
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        for (text, place) in &cases {
            std::fs::write(&file, text).unwrap();
            let run = timeledger(["load", "--database", &database.text, file.to_str().unwrap()]);
            assert!(run.failed(4).contains(place), "{place}: {}", run.err);
            assert_eq!(timeledger(["user", "list", "--json", "--database", &database.text]).json(), json!([]));
        }
    }
    let run = timeledger(["load", "--database", "sqlite:/tmp/never-made.sqlite", "/nowhere/site.json"]);
    assert!(run.failed(1).contains("/nowhere/site.json"));
}
