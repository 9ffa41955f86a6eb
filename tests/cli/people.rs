//! `user`, `token`, `migrate` and `doctor` on both back ends.

use serde_json::json;

use super::timeledger;
use crate::backend::{BACKENDS, Database};

/// Runs a command on a database.
fn on(database: &Database, arguments: &[&str]) -> super::Run {
    timeledger(arguments.iter().copied().chain(["--database", &database.text]))
}

#[test]
fn people_are_added_listed_changed_and_kept_out() {
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        let added =
            on(&database, &["user", "add", "ann@example.com", "--name", "Ann", "--role", "administrator", "--json"]);
        let id = added.json()[0]["id"].as_str().unwrap().to_owned();
        on(&database, &["user", "add", "CORP\\bob", "--email", "bob@example.com"]).printed();
        let expected = json!([
            {"id": id, "name": "Ann", "uniqueName": "ann@example.com", "email": null, "role": "Administrator"},
            {"name": "CORP\\bob", "uniqueName": "CORP\\bob", "email": "bob@example.com", "role": "Team"},
        ]);
        let mut listed = on(&database, &["user", "list", "--json"]).json();
        listed[1].as_object_mut().unwrap().remove("id");
        assert_eq!(listed, expected, "{backend:?}");

        assert!(on(&database, &["user", "add", "ANN@example.com"]).failed(1).contains("already"));
        assert!(on(&database, &["user", "disable", "ann@example.com"]).failed(1).contains("last active administrator"));
        assert!(on(&database, &["user", "role", &id, "Team"]).failed(1).contains("last active administrator"));
        assert!(on(&database, &["user", "role", "eve", "Team"]).failed(1).contains("no person `eve`"));
        on(&database, &["user", "role", "corp\\BOB", "Administrator"]).printed();
        assert_eq!(on(&database, &["user", "disable", &id]).printed(), "ann@example.com is disabled");
        assert_eq!(on(&database, &["user", "disable", &id, "--undo"]).printed(), "ann@example.com is active");
    }
}

#[test]
fn a_token_is_printed_alone_once_and_can_be_revoked() {
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        on(&database, &["user", "add", "ann@example.com"]).printed();
        let made =
            on(&database, &["token", "create", "--user", "Ann@example.com", "--name", "Power BI", "--days", "3"]);
        let token = made.printed();
        assert!(token.len() == 43 && token.starts_with("tlt_") && made.out == format!("{token}\n"));

        let listed = on(&database, &["token", "list", "--json"]);
        assert_eq!(listed.json()[0]["prefix"], token[..8]);
        assert_eq!(listed.json()[0]["revoked"], json!(null));
        assert!(!listed.out.contains(&token[8..]));
        assert!(on(&database, &["token", "revoke", &token[..8]]).printed().contains("Power BI"));
        assert_ne!(on(&database, &["token", "list", "--json"]).json()[0]["revoked"], json!(null));

        assert!(on(&database, &["token", "revoke", "tlt_none"]).failed(1).contains("no such token"));
        assert!(
            on(&database, &["token", "create", "--user", "ann@example.com", "--days", "367"]).failed(1).contains("366")
        );
        assert!(on(&database, &["token", "create", "--user", "eve"]).failed(1).contains("no person"));
    }
}

#[test]
fn a_schema_is_made_shown_and_taken_back() {
    for backend in BACKENDS {
        let database = Database::empty(backend);
        if database.text.starts_with("sqlite:") {
            assert!(on(&database, &["user", "list"]).failed(5).contains("there is no database at"));
        } else {
            assert!(on(&database, &["user", "list"]).failed(1).contains("timeledger migrate run"));
        }
        assert!(on(&database, &["migrate", "run"]).printed().starts_with("applied 0001_initial"));
        assert!(on(&database, &["migrate", "run"]).printed().contains("up to date"));
        let steps = on(&database, &["migrate", "status", "--json"]).json();
        assert_eq!(steps[0], json!({"name": "0001_initial", "applied": true}));
        let last = steps.as_array().unwrap().last().unwrap()["name"].as_str().unwrap().to_owned();
        assert_eq!(on(&database, &["migrate", "revert"]).printed(), format!("reverted {last}"));
    }
}

#[test]
fn the_doctor_finds_what_is_wrong_and_says_so_by_its_exit_code() {
    for backend in BACKENDS {
        let database = Database::empty(backend);
        let sick = on(&database, &["doctor", "--json"]);
        assert_eq!(sick.code, 4, "{}", sick.out);
        timeledger(["migrate", "run", "--database", &database.text]).printed();
        let findings = on(&database, &["doctor", "--json"]).json();
        let state = |check: &str| {
            let found = findings.as_array().unwrap().iter().find(|finding| finding["check"] == check);
            found.map(|finding| finding["state"].clone())
        };
        assert_eq!((state("schema"), state("people")), (Some(json!("ok")), Some(json!("warn"))));
        assert_eq!(state("reporting"), Some(json!("ok")), "{findings}");
    }
}

#[test]
fn a_server_that_does_not_answer_ends_with_5() {
    let run = timeledger(["user", "list", "--database", "postgres://nobody@127.0.0.1:1/nothing"]);
    assert!(run.failed(5).contains("  try: "), "{}", run.err);
}
