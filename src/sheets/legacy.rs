//! `.xls` and `.ods`, which calamine holds whole: under lower limits than what is streamed.
//!
//! In: the file. Out: rows in their order. A formula of an `.ods` without a value is told from an empty cell; in an `.xls`
//! every formula has a stored value.

use std::io::{BufReader, Read, Seek};

use calamine::{Data, Ods, OdsError, Range, Reader, Xls, XlsError};

use super::xlsx::{Assembler, choose, library, short};
use super::{Cell, FileProblem, Format, ReadError, Request, SerialKind, Sink, archive};

pub(super) fn read<R: Read + Seek>(
    file: R,
    format: Format,
    request: &Request,
    sink: &mut dyn Sink,
) -> Result<(), ReadError> {
    let file = BufReader::with_capacity(64 * 1024, file);
    if format == Format::Ods {
        let mut book = library(|| Ods::new(file))?.map_err(broken_ods)?;
        let sheet = choose(book.sheets_metadata(), format, request)?;
        sink.sheet(&sheet)?;
        let formulas = book.worksheet_formula(&sheet.name).map_err(broken_ods)?;
        let values = book.worksheet_range(&sheet.name).map_err(broken_ods)?;
        return rows(&values, &formulas, false, request, sink);
    }
    let mut book = library(|| Xls::new(file))?.map_err(broken_xls)?;
    let sheet = choose(book.sheets_metadata(), format, request)?;
    sink.sheet(&sheet)?;
    let epoch_1904 = book.has_1904_epoch();
    let values = book.worksheet_range(&sheet.name).map_err(broken_xls)?;
    rows(&values, &Range::empty(), epoch_1904, request, sink)
}

fn rows(
    values: &Range<Data>,
    formulas: &Range<String>,
    epoch_1904: bool,
    request: &Request,
    sink: &mut dyn Sink,
) -> Result<(), ReadError> {
    let mut assembler = Assembler::new(&request.limits, sink);
    // A formula without a value may stand outside of what has values.
    let corners = [values.start(), values.end(), formulas.start(), formulas.end()];
    let corners: Vec<(u32, u32)> = corners.into_iter().flatten().collect();
    let rows = corners.iter().map(|at| at.0);
    let columns = corners.iter().map(|at| at.1);
    let (Some(top), Some(bottom)) = (rows.clone().min(), rows.max()) else { return Ok(()) };
    let (Some(left), Some(right)) = (columns.clone().min(), columns.max()) else { return Ok(()) };
    for row in top..=bottom {
        for column in left..=right {
            let formula = formulas.get_value((row, column)).is_some_and(|text| !text.is_empty());
            let found = values.get_value((row, column)).and_then(|value| cell(value, epoch_1904));
            match found {
                Some(cell) => assembler.cell((row, column), Some(cell))?,
                None if formula => assembler.cell((row, column), Some(Cell::NoValue))?,
                None => {}
            }
        }
    }
    assembler.end()
}

fn cell(value: &Data, epoch_1904: bool) -> Option<Cell> {
    Some(match value {
        Data::Empty => return None,
        Data::Int(number) => Cell::Number(*number as f64),
        Data::Float(number) => Cell::Number(*number),
        Data::String(text) if text.is_empty() => return None,
        Data::String(text) => Cell::Text(text.clone()),
        Data::Bool(value) => Cell::Bool(*value),
        Data::DateTime(value) if value.is_duration() => Cell::Serial(value.as_f64(), SerialKind::Span),
        Data::DateTime(value) if epoch_1904 => Cell::Serial(value.as_f64(), SerialKind::Date1904),
        Data::DateTime(value) => Cell::Serial(value.as_f64(), SerialKind::Date),
        Data::DateTimeIso(text) => Cell::IsoDate(text.clone()),
        Data::DurationIso(text) => Cell::IsoSpan(text.clone()),
        Data::Error(error) => Cell::Error(error.to_string()),
    })
}

fn broken_ods(error: OdsError) -> FileProblem {
    match error {
        OdsError::Password => archive::locked(),
        error => broken(&error),
    }
}

fn broken_xls(error: XlsError) -> FileProblem {
    match error {
        XlsError::Password => archive::locked(),
        // A compound file holds Word documents and mails, too; and a workbook that is locked is wrapped into one.
        XlsError::Cfb(error) if error.to_string().contains("Workbook") => {
            let reason = "the file is of an old Office format, but no workbook that can be read";
            FileProblem::format(reason, "if it is locked with a password, save it without one; else save it as .xlsx")
        }
        error => broken(&error),
    }
}

fn broken(error: &impl std::fmt::Display) -> FileProblem {
    let reason = format!("the workbook is damaged ({})", short(error));
    FileProblem::format(reason, "open it in a spreadsheet program, save it as .xlsx and send it again")
}
