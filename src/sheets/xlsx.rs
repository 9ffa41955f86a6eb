//! `.xlsx`, cell by cell, by calamine; what it holds whole (shared texts, styles) has been counted by `archive`.
//!
//! In: the file. Out: rows in their order. The dimension that a sheet claims is not asked for anything.

use std::io::{BufReader, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, Reader, SheetType, SheetVisible, Xlsx, XlsxError};

use super::tally::Tally;
use super::{Cell, FileProblem, Format, Limits, ReadError, Request, Row, SerialKind, Sheet, Sink, archive};

pub(super) fn read<R: Read + Seek>(file: R, request: &Request, sink: &mut dyn Sink) -> Result<(), ReadError> {
    let mut book = library(|| Xlsx::new(BufReader::with_capacity(64 * 1024, file)))?.map_err(broken)?;
    let sheet = choose(book.sheets_metadata(), Format::Xlsx, request)?;
    sink.sheet(&sheet)?;
    let epoch_1904 = book.has_1904_epoch();
    let mut cells = match library(|| book.worksheet_cells_reader(&sheet.name))? {
        // A sheet that is listed but has no part.
        Err(XlsxError::WorksheetNotFound(_)) => {
            let reason = format!("the sheet {} is listed but missing", quoted(&sheet.name));
            return Err(FileProblem::format(reason, "save the workbook anew").into());
        }
        cells => cells.map_err(broken)?,
    };
    let mut rows = Assembler::new(&request.limits, sink);
    while let Some(found) = library(|| cells.next_cell_with_formula_metadata())?.map_err(|error| rows.broken(error))? {
        let cell = cell(found.value, found.formula.is_some(), epoch_1904);
        rows.cell(found.pos, cell)?;
    }
    rows.end()
}

/// A call of the library, which reckons with the numbers of a file: where they are absurd, a build with checks panics.
pub(super) fn library<T>(call: impl FnOnce() -> T) -> Result<T, FileProblem> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|_| {
        let suggestion = "open it in a spreadsheet program, save it and send it again";
        FileProblem::format("the workbook is damaged: it holds numbers that make no sense", suggestion)
    })
}

/// The sheet that is asked for, or the first one that can be seen.
pub(super) fn choose(sheets: &[calamine::Sheet], format: Format, request: &Request) -> Result<Sheet, FileProblem> {
    let tables = sheets.iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
    let names: Vec<String> = tables.clone().map(|sheet| sheet.name.clone()).collect();
    let found = match &request.sheet {
        Some(wanted) => tables.clone().find(|sheet| sheet.name == *wanted),
        None => tables.clone().find(|sheet| sheet.visible == SheetVisible::Visible),
    };
    let Some(found) = found else {
        let shown = names.iter().take(10).map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
        return Err(match &request.sheet {
            Some(wanted) => {
                FileProblem::format(format!("there is no sheet {}", quoted(wanted)), format!("choose one of {shown}"))
            }
            None => FileProblem::format("the workbook has no sheet that is shown", "show the sheet that is to be read"),
        });
    };
    let name = found.name.clone();
    Ok(Sheet { format, name, sheets: names, delimiter: None, encoding: None })
}

/// A sheet's name in a sentence: Excel's have at most 31 letters.
fn quoted(name: &str) -> String {
    let shown: String = name.chars().take(40).collect();
    format!("{shown:?}")
}

fn cell(value: DataRef<'_>, formula: bool, epoch_1904: bool) -> Option<Cell> {
    Some(match value {
        DataRef::Empty => return formula.then_some(Cell::NoValue),
        DataRef::Int(number) => Cell::Number(number as f64),
        DataRef::Float(number) => Cell::Number(number),
        DataRef::String(text) => text_cell(text, formula)?,
        DataRef::SharedString(text) => text_cell(text.to_owned(), formula)?,
        DataRef::Bool(value) => Cell::Bool(value),
        DataRef::DateTime(value) => {
            let kind = match (value.is_duration(), epoch_1904) {
                (true, _) => SerialKind::Span,
                (false, true) => SerialKind::Date1904,
                (false, false) => SerialKind::Date,
            };
            Cell::Serial(value.as_f64(), kind)
        }
        DataRef::DateTimeIso(text) => Cell::IsoDate(text),
        DataRef::DurationIso(text) => Cell::IsoSpan(text),
        DataRef::Error(error) => Cell::Error(error.to_string()),
    })
}

/// A text that a formula gives may be empty; any other empty text is no cell.
fn text_cell(text: String, formula: bool) -> Option<Cell> {
    (formula || !text.is_empty()).then_some(Cell::Text(text))
}

fn broken(error: XlsxError) -> FileProblem {
    match &error {
        XlsxError::Password => return archive::locked(),
        // Newer ones, such as #SPILL!, that the library does not list.
        XlsxError::CellError(what) => {
            let reason = format!("a cell holds the error {}", quoted(what));
            return FileProblem::format(reason, "correct its formula, or replace it by a value");
        }
        _ => {}
    }
    let reason = format!("the workbook is damaged ({})", short(&error));
    FileProblem::format(reason, "open it in a spreadsheet program, save it and send it again")
}

/// The library's words, cut to a size that a report bears.
pub(super) fn short(error: &impl std::fmt::Display) -> String {
    error.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).take(160).collect()
}

/// Cells to rows, in the order of the sheet.
pub(super) struct Assembler<'a> {
    limits: &'a Limits,
    sink: &'a mut dyn Sink,
    tally: Tally,
    row: Row,
}

impl<'a> Assembler<'a> {
    pub fn new(limits: &'a Limits, sink: &'a mut dyn Sink) -> Assembler<'a> {
        Assembler { limits, sink, tally: Tally::default(), row: Row::default() }
    }

    /// The next cell, at a place counted from 0; an empty one counts, but is not kept.
    pub fn cell(&mut self, (row, column): (u32, u32), cell: Option<Cell>) -> Result<(), ReadError> {
        let number = row.saturating_add(1);
        self.tally.cells(1, number, self.limits)?;
        let Some(cell) = cell else { return Ok(()) };
        if number != self.row.number {
            if number < self.row.number {
                let reason = format!("row {number} stands behind row {}", self.row.number);
                return Err(FileProblem::format(reason, "save the workbook anew").at_row(number).into());
            }
            self.hand_over()?;
            self.row.number = number;
        }
        // Beyond any sheet there are no columns: the largest is refused by its number.
        let column = u16::try_from(column).unwrap_or(u16::MAX - 1);
        match self.row.cells.last() {
            Some((last, _)) if *last >= column => {
                let reason = "cells of a row are out of order, or one stands twice";
                Err(FileProblem::format(reason, "save the workbook anew").at(number, column).into())
            }
            _ => {
                self.row.cells.push((column, cell));
                Ok(())
            }
        }
    }

    pub fn end(mut self) -> Result<(), ReadError> {
        self.hand_over()
    }

    fn hand_over(&mut self) -> Result<(), ReadError> {
        if self.row.cells.is_empty() {
            return Ok(());
        }
        self.tally.row(&self.row, self.limits)?;
        self.sink.row(&self.row)?;
        self.row.cells.clear();
        Ok(())
    }

    /// Where in the row that is at hand, or behind it, the library does not say.
    fn broken(&self, error: XlsxError) -> FileProblem {
        let mut problem = broken(error);
        if self.row.number > 0 {
            problem.reason.push_str(&format!(", in or behind row {}", self.row.number));
        }
        problem
    }
}
