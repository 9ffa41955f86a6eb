//! Files as programs write them: openpyxl, rust_xlsxwriter, and our own export.

use std::process::Command;

use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};
use timeledger::domain::wall;
use timeledger::import::profile::Profile;
use timeledger::sheets::{Cell, SerialKind};

use super::{mapped, rows};

#[test]
fn what_openpyxl_writes() {
    let python = std::env::var("TIMELEDGER_TEST_PYTHON").unwrap_or_else(|_| {
        panic!("TIMELEDGER_TEST_PYTHON must name a Python with tests/clients/requirements.txt; tests/run makes one")
    });
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("times.xlsx");
    let script = "
import sys, datetime as d, openpyxl
book = openpyxl.Workbook()
sheet = book.active
sheet.append(['UserName', 'Date', 'Start', 'Duration', 'Comment', 'WorkItem'])
sheet.append(['ann', d.date(2024, 5, 29), d.time(9, 30), d.timedelta(hours=25, minutes=30), 'talk ä & <b>', 12])
sheet.append(['ann', d.datetime(2024, 5, 29, 14, 0), None, 1.1, None, None])
sheet.append(['ann', d.date(2024, 5, 30), None, '=D2*2', 'no value', None])
book.save(sys.argv[1])
";
    let run = Command::new(python).args(["-c", script]).arg(&path).output().expect("Python starts");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let (good, bad) = mapped("times.xlsx", &std::fs::read(&path).expect("the file"), &Profile::default());
    let shown: Vec<(String, i64)> = good.iter().map(|row| (wall::written(row.when.wall), row.length_seconds)).collect();
    assert_eq!(shown, [("2024-05-29T09:30:00".to_owned(), 91_800), ("2024-05-29T14:00:00".to_owned(), 3960)]);
    assert_eq!((good[0].comment.as_deref(), good[0].work_item), (Some("talk ä & <b>"), Some(12)));
    assert_eq!((bad.len(), bad[0].code.as_str(), bad[0].place().as_str()), (1, "FormulaWithoutValue", "D4"));
}

#[test]
fn what_rust_xlsxwriter_writes() {
    let mut book = Workbook::new();
    let date = Format::new().set_num_format("yyyy-mm-dd hh:mm");
    let span = Format::new().set_num_format("[h]:mm");
    let sheet = book.add_worksheet();
    sheet.write_string(0, 0, "text that is shared").expect("written");
    sheet
        .write_datetime_with_format(0, 1, ExcelDateTime::parse_from_str("2024-05-29 09:30").expect("a date"), &date)
        .expect("written");
    sheet.write_number_with_format(0, 2, 1.5, &span).expect("written");
    sheet.write_formula(0, 3, Formula::new("=1+1").set_result("2")).expect("written");
    sheet.write_boolean(0, 4, true).expect("written");
    let rows = rows("a.xlsx", &book.save_to_buffer().expect("a workbook")).expect("rows");
    let cells: Vec<Cell> = rows[0].cells.iter().map(|(_, cell)| cell.clone()).collect();
    let [text, Cell::Serial(days, SerialKind::Date), span, formula, truth] = cells.as_slice() else {
        panic!("{cells:?}")
    };
    assert_eq!(*text, Cell::Text("text that is shared".into()));
    assert!((days - 45_441.395_833_333).abs() < 1e-6, "{days}");
    assert_eq!(*span, Cell::Serial(1.5, SerialKind::Span));
    assert_eq!((formula, truth), (&Cell::Number(2.0), &Cell::Bool(true)));
}
