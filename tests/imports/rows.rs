//! What becomes of each row, good ones too (UX-81).

use std::fmt::Write;

use serde_json::{Value, json};

use super::{counts, import, logs};
use crate::backend::for_each_backend;
use crate::rest::{ADA, TESS, TIM, ask, server};
use crate::support::server::Server;

const HEADER: &str = "ExternalId,UserName,Date,Start,Duration,ActivityType,Comment,WorkItem\n";

/// A page of the list: row, status, and the cells at fault with their codes.
fn page(server: &Server, user: &str, job: &Value, options: &str) -> Vec<(u64, String, String)> {
    let target = format!("/api/v1/jobs/{}/rows?{options}", job["id"].as_str().expect("an id"));
    let reply = ask(server, user, "GET", &target, &Value::Null);
    assert_eq!(reply.status, 200, "{}", reply.lossy());
    let cell = |one: &Value| {
        let text = |member: &str| one[member].as_str().unwrap_or_default();
        format!("{} {}{}", text("code"), text("column"), one["row"])
    };
    let row = |one: &Value| {
        let problems = one["problems"].as_array().expect("problems").iter().map(cell).collect::<Vec<_>>().join(", ");
        (one["row"].as_u64().expect("a number"), one["status"].as_str().expect("a status").to_owned(), problems)
    };
    reply.json()["items"].as_array().expect("a list").iter().map(row).collect()
}

#[test]
fn ux_81_a_dry_run_tells_of_every_row() {
    for_each_backend(|backend| {
        let server = server(backend);
        let first = format!(
            "{HEADER}1,tim@example.com,2024-04-02,09:00,1,,listed,3\n\
             2,tim@example.com,2024-04-02,10:00,1,,listed,3\n\
             3,tim@example.com,2024-04-02,11:00,1,,listed,3\n"
        );
        let job = import(&server, ADA, "fileName=a.csv", &first);
        let expected = [2, 3, 4].map(|row| (row, "new".to_owned(), String::new()));
        assert_eq!(page(&server, ADA, &job, ""), expected);
        let target = "/api/odata/v4.0/Worklogs?$filter=Comment eq 'listed'&$orderby=Timestamp&$select=Id";
        let ids = server.get(ADA, target).json();
        let last = ids["value"][2]["Id"].as_str().expect("an id").to_owned();
        assert_eq!(ask(&server, TIM, "DELETE", &format!("/api/rest/workLogs/{last}"), &Value::Null).status, 200);

        let second = format!(
            "{HEADER}1,tim@example.com,2024-04-02,09:00,1,,listed,3\n\
             2,tim@example.com,2024-04-02,10:00,2,,listed,3\n\
             3,tim@example.com,2024-04-02,11:00,1,,listed,3\n\
             \n\
             2,tim@example.com,2024-04-02,12:00,1,,listed,3\n\
             4,timm@example.com,2024-04-02,12:00,1,Developmint,listed,3\n\
             5,tim@example.com,2024-04-02,12:00,one,,listed,x\n\
             6,tim@example.com,2024-04-02,12:00,1,,listed,999\n\
             7,tim@example.com,2024-04-02,12:00,1,,listed,3\n"
        );
        let dry = import(&server, ADA, "fileName=a.csv&dryRun=true", &second);
        assert_eq!((dry["state"].as_str(), counts(&dry)), (Some("succeeded"), [1, 1, 1, 1, 4]), "{dry}");
        let expected = [
            (2, "unchanged", ""),
            (3, "changed", ""),
            (4, "restored", ""),
            (6, "duplicate", "DuplicateRow A6"),
            (7, "error", "PersonUnknown B7, ActivityUnknown F7"),
            (8, "error", "DurationUnreadable E8, WorkItemUnknown H8"),
            (9, "error", "WorkItemUnknown H9"),
            (10, "new", ""),
        ];
        let expected = expected.map(|(row, status, cells)| (row, status.to_owned(), cells.to_owned()));
        assert_eq!(page(&server, ADA, &dry, ""), expected);
        assert_eq!(page(&server, ADA, &dry, "skip=2&count=3"), expected[2..5]);
        assert_eq!(page(&server, ADA, &dry, "skip=8"), []);
        // Nothing was written.
        assert_eq!(logs(&server, "listed"), 2);
        // Each sees their own alone.
        let target = format!("/api/v1/jobs/{}/rows", dry["id"].as_str().unwrap());
        assert_eq!(ask(&server, TESS, "GET", &target, &json!(null)).status, 404);
        // What cannot be read has no rows.
        let broken = import(&server, ADA, "fileName=a.csv&dryRun=true", "foo,bar\nbaz,qux\n");
        assert_eq!(page(&server, ADA, &broken, ""), []);
    });
}

/// Pages go over the pieces in which the list is kept.
#[test]
fn a_long_list_comes_in_pages() {
    const ROWS: u64 = 8_400;
    for_each_backend(|backend| {
        let server = server(backend);
        let mut file = HEADER.to_owned();
        for n in 0..ROWS {
            let length = if n % 700 == 0 { "x" } else { "1" };
            writeln!(file, "{n},tim@example.com,2024-04-02,09:00,{length},,long,3").expect("a line");
        }
        let dry = import(&server, ADA, "fileName=a.csv&dryRun=true", &file);
        assert_eq!(counts(&dry), [ROWS as i64 - 12, 0, 0, 0, 12], "{dry}");
        let expected = |n: u64| match n % 700 {
            0 => (n + 2, "error".to_owned(), format!("DurationUnreadable E{}", n + 2)),
            _ => (n + 2, "new".to_owned(), String::new()),
        };
        for skip in [0_u64, 500, 7_700, 8_000, 8_191, 8_192, 8_399, 8_400, 9_000_000_000] {
            let rows: Vec<_> = (skip..ROWS.min(skip + 500)).map(expected).collect();
            assert_eq!(page(&server, ADA, &dry, &format!("skip={skip}")), rows, "{skip}");
        }
    });
}
