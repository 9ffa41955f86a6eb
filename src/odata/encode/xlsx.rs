//! Rows as an Excel workbook (ECMA-376), made by rust_xlsxwriter in constant memory.
//!
//! The library keeps the rows of a sheet in a temporary file that has no name, so that nothing is left behind whatever
//! happens; at the end the sheets are compressed into the sink. What Excel cannot hold as a number or a date (an
//! integer beyond 2^53, a year before 1900, an infinity) is written as text instead of a wrong value.

use std::borrow::Cow;

use rust_xlsxwriter::{ColNum, Format, RowNum, Workbook, Worksheet, XlsxError};

use super::csv::present;
use super::{Encoder, FileColumn, json};
use crate::db::{DbError, Fields, Sink, SinkWriter};
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
/// Deflate's level: 1 takes less than half the time of the default 6, and a quarter more bytes.
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
    /// The temporary files are in the system's directory for them (`TMPDIR`).
    pub fn new(columns: Vec<FileColumn>, sheet_name: &str) -> XlsxEncoder {
        let mut book = Workbook::new();
        book.set_zip_compression_level(LEVEL);
        let name = sheet_name.replace(['[', ']', ':', '*', '?', '/', '\\', '\''], "_");
        XlsxEncoder { book, columns, name, sheets: 0, next_row: 0, bytes: 0, scratch: Vec::new() }
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
            if let Some(format) = number_format(column.slot.ty) {
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
            let written = column.slot.read(row, |cell| write(sheet, at, column.slot.ty, cell, scratch))?;
            self.bytes += written.map_err(broken)?;
        }
        self.next_row += 1;
        Ok(())
    }

    fn end(&mut self, sink: &mut Sink) -> Result<(), RunError> {
        self.end_sheet().map_err(broken)?;
        let mut out = SinkWriter::new(sink);
        let saved = self.book.save_to_writer(&mut out);
        match out.failure() {
            Some(error) => Err(error.into()),
            None => saved.map_err(broken),
        }
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
    let values = match column.slot.ty {
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
    match shown(ty, cell, scratch) {
        Shown::Nothing => Ok(0),
        Shown::Number(number) => sheet.write_number(row, column, number).map(|_| CELL),
        Shown::Bool(value) => sheet.write_boolean(row, column, value).map(|_| CELL),
        Shown::Text(text) => sheet.write_string(row, column, text.as_ref()).map(|_| CELL + text.len()),
    }
}

/// What a cell of a workbook holds of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown<'a> {
    Nothing,
    /// Moments, days and durations in days, as Excel counts them.
    Number(f64),
    Bool(bool),
    Text(Cow<'a, str>),
}

/// A value as a workbook holds it.
pub fn shown<'a>(ty: Edm, cell: Cell<'a>, scratch: &'a mut Vec<u8>) -> Shown<'a> {
    let number = match (ty, cell) {
        (_, Cell::Null) => return Shown::Nothing,
        (_, Cell::Bool(v)) => return Shown::Bool(v),
        (Edm::Enum(of), Cell::Int(v)) => match of.member(v) {
            Some(member) => return Shown::Text(member.into()),
            None => None,
        },
        (Edm::Decimal { scale, .. }, Cell::Int(v)) => Some(v as f64 / 10_f64.powi(scale.into())),
        (Edm::TimeOfDay | Edm::Duration, Cell::Int(v)) => Some(v as f64 / DAY as f64),
        (_, Cell::Int(v)) => (v.unsigned_abs() <= EXACT).then_some(v as f64),
        // −0 + 0 is 0.
        (_, Cell::Double(v)) => v.is_finite().then_some(v + 0.0),
        (_, Cell::Instant(v)) => serial(v.0.div_euclid(DAY), v.0.rem_euclid(DAY)),
        (_, Cell::Day(v)) => serial(v.0.into(), 0),
        (_, Cell::Text(s)) => return Shown::Text(cut(s)),
        (_, Cell::Guid(_)) => None,
    };
    if let Some(number) = number {
        return Shown::Number(number);
    }
    scratch.clear();
    json::raw(cell, ty, scratch);
    Shown::Text(String::from_utf8_lossy(scratch))
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
fn cut(s: &str) -> Cow<'_, str> {
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::io::{Cursor, Read};

    use calamine::{Data, Reader, Xlsx, open_workbook_from_rs};

    use super::*;
    use crate::db::write_to;
    use crate::odata::edm::EnumType;
    use crate::odata::encode::tests::{Cells, column};
    use crate::sql::{Day, Guid, Instant};

    static STATE: EnumType = EnumType { name: "State", members: &[("None", 0), ("Billable", 1)] };

    fn book(columns: Vec<FileColumn>, name: &str, rows: &[&[Cell<'_>]]) -> Vec<u8> {
        let mut file = Vec::new();
        write_to(&mut file, |sink| {
            let mut encoder = XlsxEncoder::new(columns, name);
            encoder.begin(None, sink)?;
            for row in rows {
                encoder.row(&Cells(row), sink)?;
            }
            encoder.end(sink)
        })
        .expect("written");
        file
    }

    fn read(file: &[u8], sheet: &str) -> Vec<Vec<Data>> {
        let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(file)).expect("a workbook");
        let range = book.worksheet_range(sheet).expect("the sheet");
        range.rows().map(<[Data]>::to_vec).collect()
    }

    /// One value through a workbook and back.
    fn back(ty: Edm, cell: Cell<'_>) -> Data {
        let file = book(vec![column("A", 0, Edm::Int32), column("B", 1, ty)], "S", &[&[Cell::Int(1), cell]]);
        read(&file, "S")[1][1].clone()
    }

    fn date(text: &str) -> Cell<'static> {
        let date: jiff::civil::Date = text.parse().expect("a date");
        let days = jiff::civil::date(1970, 1, 1).until(date).expect("in range").get_days();
        Cell::Day(Day(days))
    }

    fn moment(text: &str) -> Cell<'static> {
        Cell::Instant(Instant(text.parse::<jiff::Timestamp>().expect("a moment").as_microsecond()))
    }

    #[test]
    fn numbers_and_words() {
        let decimal = Edm::Decimal { precision: 18, scale: 4 };
        let id = uuid::Uuid::from_u128(0x3F25_04E0_4F89_11D3_9A0C_0305_E82C_3301);
        for (ty, cell, expected) in [
            (Edm::Int32, Cell::Int(5400), Data::Float(5400.0)),
            (Edm::Int64, Cell::Int(1 << 53), Data::Float(9_007_199_254_740_992.0)),
            (Edm::Int64, Cell::Int((1 << 53) + 1), Data::String("9007199254740993".into())),
            (decimal, Cell::Int(15_001), Data::Float(1.5001)),
            (Edm::Double, Cell::Double(-0.1), Data::Float(-0.1)),
            (Edm::Double, Cell::Double(f64::NEG_INFINITY), Data::String("-INF".into())),
            (Edm::Double, Cell::Double(f64::NAN), Data::String("NaN".into())),
            (Edm::Boolean, Cell::Bool(true), Data::Bool(true)),
            (Edm::Enum(&STATE), Cell::Int(1), Data::String("Billable".into())),
            (Edm::Enum(&STATE), Cell::Int(9), Data::String("9".into())),
            (Edm::Guid, Cell::Guid(Guid(id)), Data::String("3f2504e0-4f89-11d3-9a0c-0305e82c3301".into())),
            (Edm::String, Cell::Text("=HYPERLINK(\"x\")"), Data::String("=HYPERLINK(\"x\")".into())),
            (Edm::String, Cell::Text("-1"), Data::String("-1".into())),
            (Edm::String, Cell::Text(" <a> & 'b' "), Data::String(" <a> & 'b' ".into())),
        ] {
            assert_eq!(back(ty, cell), expected, "{cell:?}");
        }
        let file =
            book(vec![column("A", 0, Edm::Int32), column("B", 1, Edm::Int32)], "S", &[&[Cell::Int(1), Cell::Null]]);
        let filled = read(&file, "S")[1].iter().filter(|data| **data != Data::Empty).count();
        assert_eq!(filled, 1);
    }

    #[test]
    fn real_dates() {
        for (ty, cell, number) in [
            (Edm::Date, date("1900-01-01"), 1.0),
            (Edm::Date, date("1900-02-28"), 59.0),
            (Edm::Date, date("1900-03-01"), 61.0),
            (Edm::Date, date("2025-03-10"), 45_726.0),
            (Edm::Date, date("9999-12-31"), 2_958_465.0),
            (Edm::DateTimeOffset, moment("1970-01-01T12:00:00Z"), 25_569.5),
            (Edm::DateTimeOffset, moment("1969-12-31T18:00:00Z"), 25_568.75),
            (Edm::TimeOfDay, Cell::Int(6 * 3_600_000_000), 0.25),
            (Edm::Duration, Cell::Int(36 * 3_600_000_000), 1.5),
        ] {
            match back(ty, cell) {
                Data::DateTime(value) => assert_eq!(value.as_f64(), number, "{cell:?}"),
                other => panic!("{cell:?} came back as {other:?}"),
            }
        }
        assert_eq!(back(Edm::Date, date("1899-12-31")), Data::String("1899-12-31".into()));
        let early = "1899-12-31T23:59:59Z";
        assert_eq!(back(Edm::DateTimeOffset, moment(early)), Data::String(early.into()));
        assert_eq!(back(Edm::Date, Cell::Day(Day(2_932_897))), Data::String("10000-01-01".into()));
    }

    #[test]
    fn texts_are_cut_where_excel_cuts() {
        let units = |s: &str| s.encode_utf16().count();
        let exact = "x".repeat(CELL_UNITS);
        assert_eq!(cut(&exact), exact);
        let wide = "ä".repeat(CELL_UNITS);
        assert_eq!(cut(&wide), wide);
        for long in ["x".repeat(CELL_UNITS + 1), "𝄞".repeat(CELL_UNITS / 2 + 1), format!("x{}", "𝄞".repeat(20_000))]
        {
            let kept = cut(&long);
            assert!(kept.ends_with(CUT) && units(&kept) <= CELL_UNITS && units(&kept) >= CELL_UNITS - 1);
            assert!(long.starts_with(kept.trim_end_matches(CUT)));
            assert_eq!(back(Edm::String, Cell::Text(&long)), Data::String(kept.into_owned()));
        }
    }

    #[test]
    fn sheets_have_names_that_excel_takes() {
        assert_eq!(sheet_name("workLogs", 1), "workLogs");
        assert_eq!(sheet_name("workLogs", 2), "workLogs 2");
        assert_eq!(sheet_name(&"n".repeat(40), 12), format!("{} 12", "n".repeat(28)));
        assert_eq!(sheet_name("", 1), "Rows");
        let file = book(vec![column("A", 0, Edm::Int32)], "a/b'c", &[]);
        assert_eq!(read(&file, "a_b_c"), [[Data::String("A".into())]]);
    }

    #[test]
    fn a_sheet_that_is_full_is_followed_by_another() {
        let mut file = Vec::new();
        write_to(&mut file, |sink| {
            let mut encoder = XlsxEncoder::new(vec![column("A", 0, Edm::Int32)], "S");
            encoder.begin(None, sink)?;
            // As if so many rows had been written.
            encoder.next_row = SHEET_ROWS - 1;
            for n in 1..=3 {
                encoder.row(&Cells(&[Cell::Int(n)]), sink)?;
            }
            encoder.end(sink)
        })
        .expect("written");
        let first = read(&file, "S");
        assert_eq!(first.len(), SHEET_ROWS as usize);
        assert_eq!(first.last(), Some(&vec![Data::Float(1.0)]));
        let header = vec![Data::String("A".into())];
        assert_eq!(read(&file, "S 2"), [header, vec![Data::Float(2.0)], vec![Data::Float(3.0)]]);
    }

    #[test]
    fn the_sheet_is_dressed() {
        let columns =
            vec![column("Seconds", 0, Edm::Int32), column("Hours", 1, Edm::Decimal { precision: 18, scale: 4 })];
        let file = book(columns, "S", &[&[Cell::Int(5400), Cell::Int(15_000)]]);
        let mut parts: HashMap<String, String> = HashMap::new();
        let mut archive = zip::ZipArchive::new(Cursor::new(file)).expect("a zip");
        for n in 0..archive.len() {
            let mut part = archive.by_index(n).expect("an entry");
            let mut text = String::new();
            part.read_to_string(&mut text).expect("XML");
            parts.insert(part.name().expect("a name").into_owned(), text);
        }
        let sheet = &parts["xl/worksheets/sheet1.xml"];
        assert!(sheet.contains(r#"<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>"#));
        assert!(sheet.contains(r#"<autoFilter ref="A1:B2"/>"#));
        let styles = &parts["xl/styles.xml"];
        for part in [r#"formatCode="0""#, r#"formatCode="0.00""#, "<b/>"] {
            assert!(styles.contains(part), "{part} is not in {styles}");
        }
    }

    #[test]
    fn an_absent_object_leaves_its_cells_empty() {
        let inside = FileColumn { presence: vec![1], ..column("User_Name", 2, Edm::String) };
        let columns = vec![column("A", 0, Edm::Int32), inside];
        let rows: [&[Cell<'_>]; 2] =
            [&[Cell::Int(1), Cell::Null, Cell::Text("x")], &[Cell::Int(2), Cell::Int(7), Cell::Text("y")]];
        let cells = read(&book(columns, "S", &rows), "S");
        assert_eq!((&cells[1][1], &cells[2][1]), (&Data::Empty, &Data::String("y".into())));
    }

    #[test]
    fn a_reader_that_left_ends_it() {
        struct Gone;
        impl crate::db::Out for Gone {
            fn chunk(&mut self, _: Vec<u8>) -> Result<(), DbError> {
                Err(DbError::Cancelled)
            }
        }
        let noise: Vec<String> =
            (0..5_000_u128).map(|n| uuid::Uuid::from_u128(n * n * 0xABCD_EF12_3456).to_string()).collect();
        let mut out = Gone;
        let mut sink = Sink::new(&mut out);
        let mut encoder = XlsxEncoder::new(vec![column("A", 0, Edm::String)], "S");
        encoder.begin(None, &mut sink).expect("a sheet");
        for text in &noise {
            encoder.row(&Cells(&[Cell::Text(text)]), &mut sink).expect("a row");
        }
        assert!(matches!(encoder.end(&mut sink), Err(RunError::Database(DbError::Cancelled))));
    }
}
