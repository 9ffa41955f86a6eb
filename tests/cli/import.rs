//! `import` and `job`: files from the command line, and what became of them.

use serde_json::json;

use super::timeledger;
use crate::backend::{BACKENDS, Database, Fixture};

#[test]
fn a_file_is_imported_checked_and_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let (file, report) = (folder.path().join("times.csv"), folder.path().join("problems.xlsx"));
    let (file, report) = (file.to_str().unwrap(), report.to_str().unwrap());
    let good = "UserName,Date,Start,Duration,Comment\ntim@example.com,2024-05-02,09:00,1:30,from the shell\n";
    let mixed = format!("{good}nobody,2024-05-02,09:00,1:30,from nowhere\n");
    for backend in BACKENDS {
        let database = Database::loaded(backend, Fixture::SMALL);
        let import = |options: &[&str]| {
            timeledger(["import", file, "--database", &database.text].into_iter().chain(options.iter().copied()))
        };
        let count = || {
            let query = "workLogsOnly/$count?$filter=startswith(Comment,'from ')";
            timeledger(["query", query, "--database", &database.text]).printed().trim().to_owned()
        };
        std::fs::write(file, &mixed).unwrap();
        let refused = import(&["--report", report]);
        assert_eq!(refused.code, 4, "{}", refused.err);
        for part in ["A3", "PersonUnknown", "nobody", "nothing written"] {
            assert!(refused.out.contains(part), "{part}: {}", refused.out);
        }
        assert!(std::fs::read(report).unwrap().starts_with(b"PK"));
        assert_eq!(count(), "0");
        assert_eq!(import(&["--only-good", "--dry-run"]).code, 4);
        assert_eq!(count(), "0");
        assert_eq!(import(&["--only-good"]).code, 4);
        assert_eq!(count(), "1");
        std::fs::write(file, good).unwrap();
        let again = import(&["--json", "--user", "tim@example.com"]).json();
        assert_eq!((&again["new"], &again["unchanged"], &again["list"]), (&json!(0), &json!(1), &json!([])));
        assert_eq!(count(), "1");
        for (options, status) in [(["--map", "none"], 2), (["--user", "nobody"], 1)] {
            assert!(!import(&options).failed(status).is_empty());
        }
        // Each that wrote is a job, that can be looked at and undone.
        let jobs = timeledger(["job", "list", "--json", "--database", &database.text]).json();
        let states: Vec<_> =
            jobs.as_array().unwrap().iter().map(|job| (&job["state"], &job["result"]["new"])).collect();
        assert_eq!(states, [(&json!("succeeded"), &json!(0)), (&json!("succeeded"), &json!(1))]);
        let id = jobs[1]["id"].as_str().unwrap();
        let shown = timeledger(["job", "show", id, "--json", "--database", &database.text]).json();
        assert_eq!(shown["problems"][0]["code"], "PersonUnknown");
        let over = timeledger(["job", "cancel", id, "--database", &database.text]);
        assert!(over.failed(1).contains("already"), "{}", over.err);
        let gone = ["job", "show", "00000000-0000-4000-8000-000000000009", "--database", &database.text];
        assert!(timeledger(gone).failed(1).contains("no job"));
    }
}
