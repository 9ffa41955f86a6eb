//! `/api/v1/exports`: whose rows they show, and what is refused. What is in them: tests/clients/exports.py.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx, open_workbook_from_rs};
use serde_json::Value;

use super::{ADA, NORA, PETRA, TIM, ask, error_code, server};
use crate::backend::for_each_backend;
use crate::support::server::Server;

/// The table of an export, its header first.
fn table(server: &Server, user: &str, target: &str) -> Vec<Vec<Data>> {
    let reply = ask(server, user, "GET", &format!("/api/v1/exports/{target}"), &Value::Null);
    assert_eq!(reply.status, 200, "{target}: {}", reply.lossy());
    let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(&reply.body)).expect("a workbook");
    let range = book.worksheet_range("Data").expect("the table");
    range.rows().map(<[Data]>::to_vec).collect()
}

#[test]
fn an_export_shows_what_a_report_would() {
    for_each_backend(|backend| {
        let server = server(backend);
        let own = "times?columns=User/Name,Comment";
        let report = "time-report?from=2024-01-01&to=2030-01-01&groupPerDayAndItem=true&sumStoryPointsToTopParent=true";
        for (user, logs) in [(ADA, 11), (PETRA, 11), (TIM, 3)] {
            assert_eq!(table(&server, user, own).len(), logs + 1, "{user}");
            let reported = ask(&server, user, "GET", "/api/odata/v4.0/Worklogs/$count", &Value::Null);
            assert_eq!(reported.lossy().trim_start_matches('\u{feff}'), logs.to_string());
        }
        let of_tim = table(&server, TIM, own);
        assert!(of_tim[1..].iter().all(|row| row[0] == Data::String("Tim Tëam".into())), "{of_tim:?}");
        // Two of his logs lie on one day, on two items.
        assert_eq!(table(&server, TIM, report).len(), 4);
        // A layout without columns has those of budgets for those who see them.
        let titles = |user| {
            let header = table(&server, user, "times").remove(0);
            header.into_iter().any(|title| title == Data::String("Budget Name".into()))
        };
        assert!(titles(ADA) && !titles(TIM));
        let nobody = ask(&server, NORA, "GET", "/api/v1/exports/times", &Value::Null);
        assert_eq!((nobody.status, error_code(&nobody).as_str()), (403, "AccessDenied"));
    });
}

#[test]
fn an_export_that_cannot_be_is_refused_before_its_first_byte() {
    for_each_backend(|backend| {
        let server = server(backend);
        for (user, target, member) in [
            (ADA, "times?columns=Nothing", "columns"),
            (ADA, "times?columns=User/Nothing", "columns"),
            (ADA, "times?columns=PeriodLength add 1", "columns"),
            (ADA, "times?columns=Comment),filter(Comment", "columns"),
            (ADA, "times?columns=WorkItem/Children/Title", "columns"),
            (ADA, "times?columns=Comment,User/Name as comment", "columns"),
            (ADA, "times?columns=Comment as ", "columns"),
            (ADA, "times?columns=Comment as a%0Ab", "columns"),
            (ADA, "times?groupBy=Comment,Date,WorkItemId,Hours,PeriodLength", "groupBy"),
            (ADA, "times?groupBy='x'", "groupBy"),
            (ADA, "times?$filter=Comment eq", "$filter"),
            (ADA, "times?$filter=1 div 0 eq WorkItemId", "$filter"),
            (ADA, "times?$search=(", "$search"),
            (ADA, "times?$orderby=Nothing", "$orderby"),
            (TIM, "times?columns=Budget/BudgetName", "columns"),
            (TIM, "times?$filter=Budget/BudgetName eq 'x'", "$filter"),
            (ADA, "time-report", "from"),
            (ADA, "time-report?from=2024-01-01", "to"),
            (ADA, "time-report?from=2024-02-30&to=2024-03-01", "from"),
            (ADA, "time-report?from=2024-02-02&to=2024-02-01", "to"),
            (ADA, "time-report?from=2024-02-02&to=2024-02-03&billable=perhaps", "billable"),
        ] {
            let target = target.replace(' ', "%20");
            let reply = ask(&server, user, "GET", &format!("/api/v1/exports/{target}"), &Value::Null);
            let shown = format!("{target}: {}", reply.lossy());
            assert_eq!((reply.status, error_code(&reply).as_str()), (400, "InvalidValue"), "{shown}");
            assert_eq!(reply.json()["target"].as_str(), Some(member), "{shown}");
        }
        // A quote in a name is one of the name.
        let report = "time-report?from=2024-01-01&to=2030-01-01&projects=Alpha') or ('1' eq '1,Beta";
        let rows = table(&server, ADA, &report.replace(' ', "%20"));
        assert!(rows.len() > 1 && rows[1..].iter().all(|row| row[0] == Data::String("Beta".into())), "{rows:?}");
    });
}
