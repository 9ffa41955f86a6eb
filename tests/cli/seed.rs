//! `seed` and `demo`: made-up data, the same from the same number; lines that run as pasted.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::json;

use super::{program, timeledger};
use crate::backend::{BACKENDS, Database};

const SMALL: [&str; 10] =
    ["--users", "10", "--work-items", "60", "--worklogs", "500", "--budgets", "6", "--random-seed", "7"];

#[test]
fn the_same_number_gives_the_same_rows_on_both_back_ends() {
    let made = BACKENDS.map(|backend| {
        let database = Database::empty(backend);
        let of_database = |arguments: &[&'static str]| {
            let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
            timeledger(arguments.into_iter().chain(["--database".to_owned(), database.text.clone()]))
        };
        let counted = of_database(&[&["seed", "--json"], &SMALL[..]].concat()).json();
        assert_eq!((&counted["users"], &counted["worklogs"]), (&json!(10), &json!(500)));
        assert!(of_database(&[&["seed"], &SMALL[..]].concat()).failed(1).contains("data already"));
        let rows = of_database(&["query", "--model", "4.0", "WorklogsFlat", "--format", "csv"]);
        let listed = of_database(&["user", "list", "--json"]);
        (counted, rows.out, listed.json())
    });
    assert_eq!(made[0], made[1]);
    for role in ["None", "Team", "Product", "Budget", "Administrator"] {
        assert!(made[0].2.as_array().unwrap().iter().any(|person| person["role"] == role), "{role}");
    }
}

/// The lines are read as a person would: whatever begins with `curl` goes to a shell.
#[test]
fn each_curl_line_of_the_demo_answers_with_rows() {
    let mut demo = program(["demo", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    let lines: Vec<String> = lines.filter(|line| line.starts_with("curl")).take(3).collect();
    let answers: Vec<_> = lines.iter().map(|line| Command::new("sh").args(["-c", line]).output().unwrap()).collect();
    Command::new("kill").arg(demo.id().to_string()).status().unwrap();
    let end = demo.wait().unwrap();
    for (line, answer) in lines.iter().zip(answers) {
        let text = String::from_utf8(answer.stdout).unwrap();
        let rows = match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(json) => json["value"].as_array().map_or(0, Vec::len),
            Err(_) => text.lines().count().saturating_sub(1),
        };
        assert!(answer.status.success() && rows > 0, "{line}: {text}");
        assert!(line.contains("tlt_"), "{line}");
    }
    assert_eq!((lines.len(), end.code()), (3, Some(0)));
}
