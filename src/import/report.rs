//! The same workbook with a Problem column: what a person corrects and sends again.
//!
//! In: the rows of the file once more, and its problems. Out: a `.xlsx` whose rows keep their
//! numbers and values (formulas as the values that they had), with all that is wrong with a row behind it and its cells
//! marked. Memory grows with the problems, not with the rows. The column is known to the import, so that the file may come back as it is.

use std::io::Write;
use std::iter::Peekable;

use rust_xlsxwriter::{Color, Format, Workbook, Worksheet, XlsxError};

use super::columns::Layout;
use super::dates;
use super::problem::Problem;
use crate::domain::wall::Written;
use crate::sheets::{Cell, Failure, Row, SerialKind};

/// Name of the column.
pub const COLUMN: &str = "Problem";

/// Characters that a cell holds.
const CELL: usize = 32_767;
/// Room for the sentences.
const WIDTH: f64 = 80.0;

/// Where the column goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 0.
    pub column: u16,
    pub header_row: Option<u32>,
}

impl Place {
    /// Behind the widest of the rows, or where an earlier report has it.
    pub fn behind(layout: &Layout, widest: u16) -> Place {
        let column = layout.problems.unwrap_or(widest.saturating_add(1));
        Place { column, header_row: layout.header_row }
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The file cannot be read any more.
    #[error(transparent)]
    Rows(#[from] Failure),
    #[error("the report cannot be written: {0}")]
    Workbook(#[from] XlsxError),
}

/// Writes the report. Problems without a row are no part of it.
pub fn write(
    rows: impl Iterator<Item = Result<Row, Failure>>,
    problems: impl IntoIterator<Item = Problem>,
    place: Place,
    out: impl Write + Send,
) -> Result<(), ReportError> {
    let mut book = Workbook::new();
    book.set_zip_compression_level(1);
    let sheet = book.add_worksheet_with_constant_memory()?;
    sheet.set_column_width(place.column, WIDTH)?;
    let mut problems: Vec<Problem> = problems.into_iter().filter(|problem| problem.row.is_some()).collect();
    let column = |problem: &Problem| problem.column.as_ref().map(|name| (name.len(), name.clone()));
    problems.sort_by_cached_key(|problem| (problem.row, column(problem)));
    let mut problems = problems.into_iter().peekable();
    let looks = Looks::new();
    let mut last = 0;
    for row in rows {
        let row = row?;
        let of_row = taken(&mut problems, row.number);
        last = row.number.saturating_sub(1);
        write_row(sheet, &row, &of_row, place, &looks)?;
    }
    if let Some(header) = place.header_row.and_then(|row| row.checked_sub(1)).filter(|header| *header < last) {
        sheet.autofilter(header, 0, last, place.column)?;
    }
    book.save_to_writer(out)?;
    Ok(())
}

/// The problems of a row; those of rows before it have no row in the file any more.
fn taken(problems: &mut Peekable<impl Iterator<Item = Problem>>, row: u32) -> Vec<Problem> {
    let mut taken = Vec::new();
    while let Some(problem) = problems.next_if(|problem| problem.row <= Some(row)) {
        if problem.row == Some(row) {
            taken.push(problem);
        }
    }
    taken
}

/// How cells are shown: by kind, and whether they are at fault.
struct Looks {
    header: Format,
    plain: [Format; 2],
    date: [Format; 2],
    moment: [Format; 2],
    clock: [Format; 2],
    span: [Format; 2],
}

impl Looks {
    fn new() -> Looks {
        let both = |number: &str| {
            let good = Format::new().set_num_format(number);
            [good.clone(), good.set_background_color(Color::RGB(0x00FF_D9D9))]
        };
        Looks {
            header: Format::new().set_bold(),
            plain: both("General"),
            date: both("yyyy-mm-dd"),
            moment: both("yyyy-mm-dd hh:mm:ss"),
            clock: both("hh:mm:ss"),
            span: both("[h]:mm:ss"),
        }
    }
}

fn write_row(
    sheet: &mut Worksheet,
    row: &Row,
    problems: &[Problem],
    place: Place,
    looks: &Looks,
) -> Result<(), XlsxError> {
    let at = row.number.saturating_sub(1);
    let is_header = place.header_row == Some(row.number);
    for (column, cell) in row.cells.iter().filter(|(column, _)| *column != place.column) {
        let name = crate::sheets::column_name(*column);
        let bad = problems.iter().any(|problem| problem.column.as_deref() == Some(name.as_str()));
        if is_header && let Cell::Text(text) = cell {
            sheet.write_string_with_format(at, *column, text, &looks.header)?;
        } else {
            write_cell(sheet, (at, *column), cell, usize::from(bad), looks)?;
        }
    }
    if is_header {
        sheet.write_string_with_format(at, place.column, COLUMN, &looks.header)?;
    } else if !problems.is_empty() {
        sheet.write_string_with_format(at, place.column, said(problems), &looks.plain[1])?;
    }
    Ok(())
}

fn write_cell(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    cell: &Cell,
    bad: usize,
    looks: &Looks,
) -> Result<(), XlsxError> {
    /// Days between the two epochs.
    const FROM_1904: f64 = 1462.0;
    let dated = |days: f64| if days < 1.0 { &looks.clock[bad] } else { &looks.moment[bad] };
    match cell {
        Cell::Text(text) | Cell::IsoSpan(text) | Cell::Error(text) => {
            sheet.write_string_with_format(row, column, text, &looks.plain[bad])?
        }
        Cell::Number(number) => sheet.write_number_with_format(row, column, *number, &looks.plain[bad])?,
        Cell::Bool(value) => sheet.write_boolean_with_format(row, column, *value, &looks.plain[bad])?,
        Cell::Serial(days, SerialKind::Span) => sheet.write_number_with_format(row, column, *days, &looks.span[bad])?,
        // A time of day has no epoch.
        Cell::Serial(days, SerialKind::Date1904) if *days >= 1.0 => {
            sheet.write_number_with_format(row, column, days + FROM_1904, dated(*days))?
        }
        Cell::Serial(days, _) if days.fract() == 0.0 && *days >= 1.0 => {
            sheet.write_number_with_format(row, column, *days, &looks.date[bad])?
        }
        Cell::Serial(days, _) => sheet.write_number_with_format(row, column, *days, dated(*days))?,
        Cell::IsoDate(text) => match dates::moment(text, &dates::Patterns::default()).ok().and_then(serial) {
            Some(days) => sheet.write_number_with_format(row, column, days, &looks.moment[bad])?,
            None => sheet.write_string_with_format(row, column, text, &looks.plain[bad])?,
        },
        Cell::NoValue => sheet.write_blank(row, column, &looks.plain[bad])?,
    };
    Ok(())
}

/// Excel's number of a moment from March 1900 on.
fn serial(at: Written) -> Option<f64> {
    let days = at.wall.0 as f64 / 86_400e6 + 25_569.0;
    (61.0..2_958_466.0).contains(&days).then_some(days)
}

/// All that is wrong with a row, as a person reads it.
fn said(problems: &[Problem]) -> String {
    let mut text = String::new();
    for problem in problems {
        if !text.is_empty() {
            text.push_str("; ");
        }
        if let Some(column) = &problem.column {
            text.push_str(&format!("{column}: "));
        }
        text.push_str(&problem.reason);
        if let Some(suggestion) = problem.suggestion.as_deref().filter(|text| !text.is_empty()) {
            text.push_str(&format!(" ({suggestion})"));
        }
    }
    if text.len() > CELL { text.chars().take(CELL / 4).collect() } else { text }
}
