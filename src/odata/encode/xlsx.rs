//! Rows as an Excel workbook (ECMA-376), made by rust_xlsxwriter in constant memory.
//!
//! The library keeps the rows of a sheet in a temporary file that has no name, so that nothing is left behind whatever
//! happens; at the end the sheets are compressed into the sink. What Excel cannot hold as a number or a date (an
//! integer beyond 2^53, a year before 1900, an infinity) is written as text instead of a wrong value.

use std::io::{self, Write};
use std::path::Path;

use rust_xlsxwriter::{ColNum, Format, RowNum, Workbook, Worksheet, XlsxError};

use super::csv::present;
use super::{Encoder, FileColumn, json};
use crate::db::{DbError, Fields, Sink};
use crate::odata::edm::Edm;
use crate::odata::run::RunError;
use crate::sql::Cell;

/// Rows of a sheet, the header's among them.
const SHEET_ROWS: RowNum = 1_048_576;
/// UTF-16 code units that a cell holds, and what ends a text that was longer.
const CELL_UNITS: usize = 32_767;
const CUT: &str = "… [cut]";
/// UTF-16 code units of a sheet's name.
const NAME_UNITS: usize = 31;
/// Integers up to here are exact as the doubles that Excel reckons with.
const EXACT: u64 = 1 << 53;
/// Deflate's level: 1 takes half the time of the default 6 and a fifth more bytes.
const LEVEL: u8 = 1;
/// From so many bytes of XML on, by a low estimate, a sheet is stored as ZIP64: a plain entry ends at 4 GiB.
const LARGE: usize = 1 << 30;

/// Writes a workbook: one sheet, and further ones where its rows end.
pub struct XlsxEncoder {
    book: Workbook,
    columns: Vec<FileColumn>,
    name: String,
    sheets: usize,
    next_row: RowNum,
    /// Estimated bytes of the sheet at hand.
    bytes: usize,
    scratch: Vec<u8>,
}

impl XlsxEncoder {
    /// Temporary files go to the system's directory for them (`TMPDIR`).
    pub fn new(columns: Vec<FileColumn>, sheet_name: &str) -> XlsxEncoder {
        let mut book = Workbook::new();
        book.set_zip_compression_level(LEVEL);
        let name = sheet_name.replace(['[', ']', ':', '*', '?', '/', '\\', '\''], "_");
        XlsxEncoder { book, columns, name, sheets: 0, next_row: 0, bytes: 0, scratch: Vec::new() }
    }

    /// The same with temporary files elsewhere.
    pub fn with_temporary_files_in(mut self, directory: &Path) -> Result<XlsxEncoder, RunError> {
        self.book.set_tempdir(directory).map_err(broken)?;
        Ok(self)
    }

    fn begin_sheet(&mut self) -> Result<(), XlsxError> {
        self.sheets += 1;
        let name = sheet_name(&self.name, self.sheets);
        let sheet = self.book.add_worksheet_with_constant_memory()?;
        sheet.set_name(name)?.set_freeze_panes(1, 0)?;
        let bold = Format::new().set_bold();
        for (n, column) in self.columns.iter().enumerate() {
            let n = column_number(n)?;
            sheet.set_column_width(n, width(column))?;
            if let Some(format) = number_format(column.ty) {
                sheet.set_column_format(n, &Format::new().set_num_format(format))?;
            }
            sheet.write_string_with_format(0, n, cut(&column.header).as_ref(), &bold)?;
        }
        self.next_row = 1;
        self.bytes = 0;
        Ok(())
    }

    /// Puts the filter on the rows that the sheet has got.
    fn end_sheet(&mut self) -> Result<(), XlsxError> {
        if let (Some(sheet), Some(last)) = (self.sheets.checked_sub(1), self.columns.len().checked_sub(1)) {
            let last = column_number(last)?;
            self.book.worksheet_from_index(sheet)?.autofilter(0, 0, self.next_row - 1, last)?;
        }
        if self.bytes > LARGE {
            self.book.use_zip_large_file(true);
        }
        Ok(())
    }
}

impl Encoder for XlsxEncoder {
    fn begin(&mut self, _: Option<i64>, _: &mut Sink) -> Result<(), RunError> {
        self.begin_sheet().map_err(broken)
    }

    fn row(&mut self, row: &impl Fields, _: &mut Sink) -> Result<(), RunError> {
        if self.next_row == SHEET_ROWS {
            self.end_sheet().and_then(|()| self.begin_sheet()).map_err(broken)?;
        }
        let sheet = self.book.worksheet_from_index(self.sheets - 1).map_err(broken)?;
        for (n, column) in self.columns.iter().enumerate() {
            if !present(row, &column.presence)? {
                continue;
            }
            // The header has this column, so that the number fits.
            let at = (self.next_row, n as ColNum);
            let scratch = &mut self.scratch;
            let written =
                row.read(column.column, column.ty.sql(), |cell| write(sheet, at, column.ty, cell, scratch))?;
            self.bytes += written.map_err(broken)?;
        }
        self.next_row += 1;
        Ok(())
    }

    fn end(&mut self, sink: &mut Sink) -> Result<(), RunError> {
        self.end_sheet().map_err(broken)?;
        let mut chunks = Chunks { sink, failed: None };
        let saved = self.book.save_to_writer(&mut chunks);
        match chunks.failed {
            Some(error) => Err(error.into()),
            None => saved.map_err(broken),
        }
    }
}

/// A sink that a library can write into.
struct Chunks<'a, 'b> {
    sink: &'a mut Sink<'b>,
    failed: Option<DbError>,
}

impl Write for Chunks<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.is_none() {
            self.sink.buffer().extend_from_slice(bytes);
            self.failed = self.sink.checkpoint().err();
        }
        if self.failed.is_some() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn broken(error: XlsxError) -> RunError {
    RunError::Database(DbError::Other(format!("cannot write the workbook: {error}")))
}

fn column_number(n: usize) -> Result<ColNum, XlsxError> {
    ColNum::try_from(n).map_err(|_| XlsxError::RowColumnLimitError)
}

/// The name of sheet *n*, counted from 1: within Excel's bound, and no two alike.
fn sheet_name(name: &str, n: usize) -> String {
    let number = if n == 1 { String::new() } else { format!(" {n}") };
    let kept = &name[..units(name, NAME_UNITS - number.len())];
    format!("{}{number}", if kept.is_empty() { "Rows" } else { kept })
}

/// How Excel shows the numbers of a column; `None` leaves it to Excel.
fn number_format(ty: Edm) -> Option<&'static str> {
    Some(match ty {
        Edm::Int32 | Edm::Int64 => "0",
        Edm::Decimal { .. } => "0.00",
        Edm::DateTimeOffset => "yyyy-mm-dd hh:mm:ss",
        Edm::Date => "yyyy-mm-dd",
        Edm::TimeOfDay | Edm::Duration => "[h]:mm:ss",
        Edm::Untyped | Edm::Boolean | Edm::Double | Edm::String | Edm::Guid | Edm::Enum(_) => return None,
    })
}

/// A column's width in characters: room for its values, and for its name beside the filter's button.
fn width(column: &FileColumn) -> f64 {
    let values = match column.ty {
        Edm::Boolean => 8,
        Edm::Int32 | Edm::Int64 | Edm::Double | Edm::Decimal { .. } | Edm::Date => 11,
        Edm::TimeOfDay | Edm::Duration => 10,
        Edm::DateTimeOffset => 19,
        Edm::Guid => 37,
        Edm::Enum(_) => 16,
        Edm::String | Edm::Untyped => 24,
    };
    let name = column.header.chars().count() + 4;
    values.max(name.min(48)) as f64
}

/// Writes a cell; an estimate of its bytes.
fn write(
    sheet: &mut Worksheet,
    (row, column): (RowNum, ColNum),
    ty: Edm,
    cell: Cell<'_>,
    scratch: &mut Vec<u8>,
) -> Result<usize, XlsxError> {
    const CELL: usize = 40;
    scratch.clear();
    let number = match (ty, cell) {
        (_, Cell::Null) => return Ok(0),
        (_, Cell::Bool(v)) => return sheet.write_boolean(row, column, v).map(|_| CELL),
        (Edm::Enum(of), Cell::Int(v)) => match of.member(v) {
            Some(member) => return sheet.write_string(row, column, member).map(|_| CELL + member.len()),
            None => None,
        },
        (Edm::Decimal { scale, .. }, Cell::Int(v)) => Some(v as f64 / 10_f64.powi(scale.into())),
        (Edm::TimeOfDay | Edm::Duration, Cell::Int(v)) => Some(v as f64 / DAY as f64),
        (_, Cell::Int(v)) => (v.unsigned_abs() <= EXACT).then_some(v as f64),
        // −0 + 0 is 0.
        (_, Cell::Double(v)) => v.is_finite().then_some(v + 0.0),
        (_, Cell::Instant(v)) => serial(v.0.div_euclid(DAY), v.0.rem_euclid(DAY)),
        (_, Cell::Day(v)) => serial(v.0.into(), 0),
        (_, Cell::Text(s)) => return sheet.write_string(row, column, cut(s).as_ref()).map(|_| CELL + s.len()),
        (_, Cell::Guid(_)) => None,
    };
    if let Some(number) = number {
        return sheet.write_number(row, column, number).map(|_| CELL);
    }
    json::raw(cell, ty, scratch);
    sheet.write_string(row, column, String::from_utf8_lossy(scratch).as_ref()).map(|_| CELL + scratch.len())
}

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Excel's number of a moment: days since 1899-12-31, in a calendar in which 1900 was a leap year. None outside the
/// years 1900 to 9999.
fn serial(days: i64, micros: i64) -> Option<f64> {
    const FROM_1970: i64 = 25_569;
    const FIRST_OF_MARCH_1900: i64 = 61;
    const END: i64 = 2_958_466;
    let mut day = days.checked_add(FROM_1970)?;
    if day < FIRST_OF_MARCH_1900 {
        day -= 1;
    }
    (1..END).contains(&day).then(|| day as f64 + micros as f64 / DAY as f64)
}

/// A text as a cell can hold it; one that is too long ends with [`CUT`].
fn cut(s: &str) -> std::borrow::Cow<'_, str> {
    // No text has more code units than bytes.
    if s.len() <= CELL_UNITS || units(s, CELL_UNITS) == s.len() {
        return s.into();
    }
    let kept = &s[..units(s, CELL_UNITS - CUT.encode_utf16().count())];
    format!("{kept}{CUT}").into()
}

/// How many bytes of the text are within so many UTF-16 code units.
fn units(s: &str, bound: usize) -> usize {
    let mut units = 0;
    s.char_indices()
        .find(|(_, c)| {
            units += c.len_utf16();
            units > bound
        })
        .map_or(s.len(), |(at, _)| at)
}
