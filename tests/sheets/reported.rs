//! What goes back: the workbook to fill in, the workbook with its problems, and that our own exports come in again.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use timeledger::domain::wall;
use timeledger::import::columns::{self, Field, Layout, Mapped};
use timeledger::import::problem::Problem;
use timeledger::import::profile::Profile;
use timeledger::import::report::{self, Place};
use timeledger::import::template;
use timeledger::sheets::Limits;

use super::{mapped, open, rows};
use crate::cli::timeledger as command;

/// The layout of a file, the last column of its rows, and all that is wrong with them.
fn read(name: &str, bytes: &[u8]) -> (Layout, u16, Vec<Problem>) {
    let rows = open(name, bytes, &Limits::default()).expect("rows");
    let mut mapping = columns::map(rows, &Profile::default()).expect("a header");
    let mut problems = Vec::new();
    for row in &mut mapping {
        if let Mapped::Problems { problems: found, .. } = row.expect("a row") {
            problems.extend(found);
        }
    }
    (mapping.layout().clone(), mapping.widest(), problems)
}

/// The report of a file, and its cells.
fn reported(name: &str, bytes: &[u8]) -> (Vec<u8>, Vec<Vec<Data>>) {
    let (layout, widest, mut problems) = read(name, bytes);
    // In whatever order.
    problems.reverse();
    let mut out = Vec::new();
    let rows = open(name, bytes, &Limits::default()).expect("rows");
    report::write(rows, problems, Place::behind(&layout, widest), &mut out).expect("a report");
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(out.clone())).expect("a workbook");
    let sheet = book.sheet_names()[0].clone();
    let range = book.worksheet_range(&sheet).expect("the sheet");
    (out, range.rows().map(<[Data]>::to_vec).collect())
}

#[test]
fn the_template_is_an_import_without_rows() {
    let book = template::workbook().expect("a workbook");
    let (layout, _, problems) = read(template::FILE_NAME, &book);
    assert_eq!((problems, layout.ignored.as_slice()), (vec![], &[][..]));
    let fields: Vec<Field> = layout.columns.iter().map(|column| column.field).collect();
    let all = [
        Field::ExternalId,
        Field::Person,
        Field::Date,
        Field::Start,
        Field::Duration,
        Field::Activity,
        Field::Comment,
        Field::WorkItem,
        Field::Billable,
        Field::Budget,
    ];
    assert_eq!(fields, all);
    assert_eq!(rows(template::FILE_NAME, &book).expect("rows").len(), 1);
    let described = serde_json::to_value(layout.described()).expect("JSON");
    let duration = serde_json::json!({"column": "D", "header": "Duration", "field": "duration", "unit": "hours"});
    assert_eq!(described[3], duration);
}

#[test]
fn a_report_has_the_rows_and_what_is_wrong_with_them() {
    let text = "Times of May,,\nUserName,Date,Duration,WorkItem\nann,2024-05-29,1:30,5\n\nann,soon,long,6\nbob,2024-05-30,2,7\n";
    let (file, cells) = reported("a.csv", text.as_bytes());
    let text = |row: usize, column: usize| cells[row][column].to_string();
    assert_eq!((text(0, 0), text(1, 3), text(1, 4)), ("Times of May".into(), "WorkItem".into(), "Problem".into()));
    // Rows keep their numbers: the empty one is there.
    assert_eq!((text(2, 2), text(2, 4), text(3, 0)), ("1:30".into(), String::new(), String::new()));
    assert!(
        text(4, 4).starts_with("B: this is no date") && text(4, 4).contains("; C: this is no length"),
        "{}",
        text(4, 4)
    );
    // It comes back as it is, and is not given a second column.
    let (good, bad) = mapped("a.xlsx", &file, &Profile::default());
    assert_eq!((good.len(), bad.len()), (2, 2));
    let (_, again) = reported("a.xlsx", &file);
    assert_eq!(again, cells);
}

/// Dates, lengths and truths are what they were.
#[test]
fn a_report_keeps_the_values_of_cells() {
    let header = super::book::texts(&[&["UserName", "TimeStamp", "Duration", "Comment", "Billable"]]);
    let rows = r#"<row r="2"><c r="A2" t="str"><v>ann</v></c><c r="B2" s="1"><v>45441.25</v></c><c r="C2" s="3"><v>1.5</v></c><c r="D2"><v>7</v></c><c r="E2" t="b"><v>1</v></c></row>
                  <row r="3"><c r="A3" t="str"><v>ann</v></c><c r="B3" s="1"><v>45441</v></c><c r="C3"><f>1</f></c></row>"#;
    let book = super::book::Book::of_rows(&format!("{header}{rows}")).zipped();
    let (before, _) = mapped("a.xlsx", &book, &Profile::default());
    let (file, cells) = reported("a.xlsx", &book);
    assert!(cells[2][5].to_string().contains("no stored value"), "{:?}", cells[2]);
    let (after, bad) = mapped("a.xlsx", &file, &Profile::default());
    assert_eq!(after, before);
    // What had no value has none: the cell is empty now.
    assert_eq!(bad.iter().map(|problem| problem.place()).collect::<Vec<_>>(), ["C3"]);
}

/// Both models, as workbooks and as text: each log with its id, its person, its start and its length.
#[test]
fn our_own_export_comes_in_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = format!("sqlite:{}", folder.path().join("t.sqlite").display());
    let sizes = ["--users", "5", "--work-items", "30", "--worklogs", "200", "--budgets", "2"];
    assert_eq!(command(["seed", "--database", &database].iter().chain(&sizes)).code, 0);
    for (model, address) in
        [("3.3", "workLogsOnly"), ("4.0", "Worklogs?$expand=User,ActivityType"), ("4.0", "WorklogsFlat")]
    {
        let rows = |format: &str| {
            let path = folder.path().join(format!("a.{format}"));
            let file = path.to_str().expect("UTF-8");
            let run = command(["query", "--database", &database, "--model", model, "-o", file, address]);
            assert_eq!(run.code, 0, "{}", run.err);
            std::fs::read(path).expect("the file")
        };
        let json: serde_json::Value = serde_json::from_slice(&rows("json")).expect("JSON");
        let logs = json["value"].as_array().expect("rows").clone();
        assert!(!logs.is_empty());
        for format in ["xlsx", "csv"] {
            let (good, bad) = mapped(&format!("a.{format}"), &rows(format), &Profile::default());
            assert_eq!(bad, vec![], "{address} as {format}");
            assert_eq!(good.len(), logs.len());
            for (row, log) in good.iter().zip(&logs) {
                let id = row.worklog_id.map(|id| id.to_string());
                assert_eq!(id.as_deref(), log["Id"].as_str(), "{address} as {format}");
                assert_eq!(Some(row.length_seconds), log["PeriodLength"].as_i64());
                assert_eq!(row.billable_seconds, log["BillablePeriodLength"].as_i64());
                assert_eq!(row.work_item, log["WorkItemId"].as_i64());
                assert_eq!(row.comment.as_deref(), log["Comment"].as_str().filter(|text| !text.is_empty()));
                let start = log["Timestamp"].as_str().expect("a start").trim_end_matches('Z').to_owned();
                assert_eq!(wall::written(row.when.wall), start.trim_end_matches(".0"), "{address} as {format}");
                assert!(row.person.is_some() && row.budget.is_none());
                assert_eq!(row.activity.is_some(), log["ActivityTypeId"].is_string());
            }
        }
    }
}

/// Comments come back letter by letter, as far as the format can hold them.
#[test]
fn texts_come_back_as_they_were() {
    for comment in
        ["a\nb", "a\r\nb", " talk ", "\ttab", "_x000D_", "a_x0041_b", "<&>\"'", "\u{1F600} ä", "\u{1}", "=1+1"]
    {
        let mut book = rust_xlsxwriter::Workbook::new();
        let sheet = book.add_worksheet_with_constant_memory().expect("a sheet");
        for (column, text) in (0..).zip(["Date", "Duration", "Comment"]) {
            sheet.write_string(0, column, text).expect("written");
        }
        for (column, text) in (0..).zip(["2024-05-29", "1", comment]) {
            sheet.write_string(1, column, text).expect("written");
        }
        let (good, bad) = mapped("a.xlsx", &book.save_to_buffer().expect("a workbook"), &Profile::default());
        assert_eq!(bad, vec![], "{comment:?}");
        assert_eq!(good[0].comment.as_deref(), Some(comment));
    }
}
