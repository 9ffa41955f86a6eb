//! Files: OD-61 and the point 6. `.xlsx` is read by openpyxl in `clients.rs`.

use super::{ADA, V4, V33, check_refused, get, send};
use crate::support::http::Request;

const LOGS: &str =
    "Worklogs?$select=PeriodLength,Comment,Timestamp,Date,Hours&$filter=PeriodLength in (300,60,900)&$orderby=Id";

#[test]
fn csv() {
    let reply = get(&format!("{V4}/{LOGS}&$format=csv"));
    assert!(reply.header("Content-Type").is_some_and(|kind| kind.starts_with("text/csv")));
    assert_eq!(reply.header("Content-Disposition"), Some("attachment; filename=\"Worklogs.csv\""));
    let by_accept = send(ADA, Request::get(&format!("{V4}/{LOGS}")).header("Accept", "text/csv"));
    assert_eq!(by_accept.body, reply.body);
    let text = reply.text().trim_start_matches('\u{feff}').replace("\r\n", "\n");
    assert_eq!(
        text,
        "Timestamp,Date,PeriodLength,Hours,Comment\n\
         2024-01-03T08:00:00Z,2024-01-03,900,0.25,stand-up 🎉\n\
         2024-01-03T23:59:59Z,2024-01-03,60,0.016667,\n\
         2025-01-06T10:00:00Z,2025-01-06,300,0.083333,'=1+1\n"
    );
}

#[test]
fn json_lines() {
    let reply = get(&format!("{V4}/Budgets?$select=BudgetName,Comment&$orderby=BudgetName&$format=ndjson"));
    assert!(reply.header("Content-Type").is_some_and(|kind| kind.starts_with("application/x-ndjson")));
    assert_eq!(
        reply.text(),
        "{\"BudgetName\":\"A&B\",\"Comment\":\"keeps its time\"}\n\
         {\"BudgetName\":\"Budget One\",\"Comment\":null}\n\
         {\"BudgetName\":\"Directly\",\"Comment\":\"\"}\n\
         {\"BudgetName\":\"Empty\",\"Comment\":\"nothing here\"}\n"
    );
}

#[test]
fn parts_are_columns() {
    let reply = get(&format!(
        "{V33}/workLogsOnly?$select=PeriodLength,User/Name,Budget&$filter=PeriodLength in (300,60)&$orderby=PeriodLength&$format=csv"
    ));
    let text = reply.text().trim_start_matches('\u{feff}').replace("\r\n", "\n");
    assert_eq!(
        text,
        "PeriodLength,User_Name,Budget_Id,Budget_BudgetName\n\
         60,Tess O'Team,bbbbbbbb-0000-4000-8000-000000000003,Directly\n\
         300,Ada Admin,,\n"
    );
}

#[test]
fn all_pages_are_in_one_file() {
    let request = Request::get(&format!("{V4}/Worklogs?$select=Id&$format=ndjson")).header("Prefer", "maxpagesize=2");
    assert_eq!(send(ADA, request).text().lines().count(), 11);
    let request =
        Request::get(&format!("{V4}/Worklogs?$select=Id&$format=csv&$top=3")).header("Prefer", "maxpagesize=2");
    assert_eq!(send(ADA, request).text().lines().count(), 4);
    let reply = get(&format!(
        "{V4}/Worklogs?$apply=groupby((User/Name),aggregate($count as N))&$orderby=User/Name&$format=csv"
    ));
    assert_eq!(
        reply.text().trim_start_matches('\u{feff}').replace("\r\n", "\n"),
        "User_Name,N\nAda Admin,1\nBo Budget,1\nPetra Product,3\nTess O'Team,3\nTim Tëam,3\n"
    );
}

#[test]
fn what_is_no_table() {
    check_refused(V4, &[("WorkItems?$expand=Children&$format=csv", 400, "OptionNotApplicable")]);
    check_refused(V4, &[("WorkItems?$expand=Children&$format=xlsx", 400, "OptionNotApplicable")]);
}
