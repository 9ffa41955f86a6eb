//! The workbook to fill in: the columns that an import knows, each formatted as it is read.
//!
//! Out: a `.xlsx` whose first sheet is a valid import without rows, and whose second says what the columns hold.

use rust_xlsxwriter::{DataValidation, DataValidationRule, ExcelDateTime, Format, Workbook, XlsxError};

/// The file's name.
pub const FILE_NAME: &str = "timeledger-import.xlsx";

/// A column: its name, the format of its cells, its width, and what it holds.
struct Column {
    name: &'static str,
    format: Option<&'static str>,
    width: f64,
    holds: &'static str,
}

const fn column(name: &'static str, format: Option<&'static str>, width: f64, holds: &'static str) -> Column {
    Column { name, format, width, holds }
}

/// The columns, in the order of the sheet.
const COLUMNS: &[Column] = &[
    column(
        "UserName",
        Some("@"),
        28.0,
        "Whose time it is: unique name, mail address or name. Empty in every row: whoever imports.",
    ),
    column("Date", Some("yyyy-mm-dd"), 12.0, "The day. Needed."),
    column("Start", Some("hh:mm"), 9.0, "When the work began. Empty: 00:00."),
    column("Duration", Some("[h]:mm"), 10.0, "How long it took: 1:30. Needed."),
    column("ActivityType", Some("@"), 18.0, "The kind of work, by its name. Empty: the person's default."),
    column("WorkItem", Some("0"), 10.0, "The number of the work item. It or a comment is needed."),
    column("Comment", Some("@"), 48.0, "What was done."),
    column(
        "BillableDuration",
        Some("[h]:mm"),
        17.0,
        "How much of it is billed; 0:00 for nothing. Empty: by the settings.",
    ),
    column("Budget", Some("@"), 18.0, "A budget of its own, by its name. Empty: that of the work item."),
    column("ExternalId", Some("@"), 18.0, "Your own key: a row with a key that was imported before changes that log."),
];

const DATES: u16 = 1;
const LENGTHS: u16 = 3;
/// Rows in which Excel checks what is typed.
const CHECKED: u32 = 10_000;

/// Makes the workbook.
pub fn workbook() -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let header = Format::new().set_bold();
    let sheet = book.add_worksheet();
    sheet.set_name("Import")?.set_freeze_panes(1, 0)?;
    for (n, column) in (0..).zip(COLUMNS) {
        sheet.set_column_width(n, column.width)?;
        if let Some(format) = column.format {
            sheet.set_column_format(n, &Format::new().set_num_format(format))?;
        }
        sheet.write_string_with_format(0, n, column.name, &header)?;
    }
    let date = DataValidation::new()
        .allow_date(DataValidationRule::GreaterThan(ExcelDateTime::from_ymd(1999, 12, 31)?))
        .set_error_title("Date")?
        .set_error_message("Write a date.")?;
    sheet.add_data_validation(1, DATES, CHECKED, DATES, &date)?;
    let length = DataValidation::new()
        .allow_decimal_number(DataValidationRule::GreaterThan(0.0))
        .set_error_title("Duration")?
        .set_error_message("Write a length of time, such as 1:30.")?;
    sheet.add_data_validation(1, LENGTHS, CHECKED, LENGTHS, &length)?;
    let notes = book.add_worksheet();
    notes.set_name("Columns")?.set_column_width(0, 20)?.set_column_width(1, 90)?;
    for (row, column) in (0..).zip(COLUMNS) {
        notes.write_string_with_format(row, 0, column.name, &header)?;
        notes.write_string(row, 1, column.holds)?;
    }
    book.save_to_buffer()
}
