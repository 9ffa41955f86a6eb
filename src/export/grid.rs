//! Rows as sheets: with groups, their subtotals as formulas and an outline; or as they are.
//!
//! A subtotal stands below its rows, as Excel itself makes them: nothing need be known of a group before its end.

use std::io::Write;

use super::ExportError;
use super::book::{self, Book, Cell, Look};
use super::compile::Column;
use crate::db::{Fields, Visit};
use crate::odata::encode::xlsx::Shown;

/// A group whose rows are coming.
struct Open {
    label: Option<String>,
    /// The sheet's row of its first row.
    first: u32,
    /// Of the columns that are summed.
    sums: Vec<f64>,
}

/// Writes rows in the order of their groups.
pub struct Grid<'a, W: Write> {
    book: &'a mut Book<W>,
    columns: &'a [Column],
    groups: usize,
    /// Of each level its group; none before the first row.
    open: Vec<Open>,
    /// Of all rows.
    all: Open,
}

impl<'a, W: Write> Grid<'a, W> {
    pub fn new(book: &'a mut Book<W>, columns: &'a [Column], groups: usize) -> Grid<'a, W> {
        let first = book.last_row() + 1;
        let all = Open { label: None, first, sums: vec![0.0; columns.len()] };
        Grid { book, columns, groups, open: Vec::new(), all }
    }

    /// Ends the groups and writes the total; the last row before it.
    pub fn finish(mut self) -> Result<u32, ExportError> {
        self.close(0)?;
        let last = self.book.last_row();
        subtotal(self.book, self.columns, &self.all, (0, 0, "Total"))?;
        Ok(last)
    }

    /// Ends the groups of this level and below.
    fn close(&mut self, level: usize) -> Result<(), ExportError> {
        while self.open.len() > level {
            let Some(group) = self.open.pop() else { break };
            let depth = self.open.len();
            let text = format!("{} Total", group.label.as_deref().unwrap_or("(none)"));
            subtotal(self.book, self.columns, &group, (depth, outline(depth + 1), &text))?;
        }
        Ok(())
    }
}

/// A level of the outline.
fn outline(level: usize) -> u8 {
    u8::try_from(level).unwrap_or(u8::MAX)
}

/// A row with the sums of a group, its text in this column.
fn subtotal<W: Write>(
    book: &mut Book<W>,
    columns: &[Column],
    group: &Open,
    (at, level, text): (usize, u8, &str),
) -> Result<(), ExportError> {
    let last = book.last_row();
    // 9 is SUM; subtotals among the cells do not count.
    let formula = |n: usize| format!("SUBTOTAL(9,{0}{1}:{0}{last})", book::column(n), group.first);
    let has_rows = last >= group.first;
    let formulas: Vec<Option<String>> = columns
        .iter()
        .enumerate()
        .map(|(n, column)| (column.is_summed() && n != at && has_rows).then(|| formula(n)))
        .collect();
    let cells = columns.iter().zip(&formulas).enumerate().map(|(n, (column, formula))| match formula {
        _ if n == at => (Look::General, Cell::Text(text)),
        Some(formula) => (column.look(), Cell::Formula(formula, group.sums[n])),
        None => (Look::General, Cell::Empty),
    });
    Ok(book.row(level, true, cells)?)
}

impl<W: Write> Visit for Grid<'_, W> {
    type Error = ExportError;

    fn row(&mut self, row: &impl Fields) -> Result<(), ExportError> {
        let grouped = self.columns.iter().take(self.groups);
        let labels = grouped.map(|column| column.label(row)).collect::<Result<Vec<_>, _>>()?;
        let same = self.open.iter().zip(&labels).take_while(|(open, label)| open.label == **label).count();
        self.close(same)?;
        let first = self.book.last_row() + 1;
        for label in labels.into_iter().skip(same) {
            self.open.push(Open { label, first, sums: vec![0.0; self.columns.len()] });
        }
        let level = if self.groups == 0 { 0 } else { outline(self.groups + 1) };
        let numbers = write_row(self.book, self.columns, level, row)?;
        for group in self.open.iter_mut().chain([&mut self.all]) {
            for (sum, number) in group.sums.iter_mut().zip(&numbers) {
                *sum += number;
            }
        }
        Ok(())
    }
}

/// Writes rows as they come.
pub struct Raw<'a, W: Write> {
    book: &'a mut Book<W>,
    columns: &'a [Column],
}

impl<'a, W: Write> Raw<'a, W> {
    pub fn new(book: &'a mut Book<W>, columns: &'a [Column]) -> Raw<'a, W> {
        Raw { book, columns }
    }
}

impl<W: Write> Visit for Raw<'_, W> {
    type Error = ExportError;

    fn row(&mut self, row: &impl Fields) -> Result<(), ExportError> {
        write_row(self.book, self.columns, 0, row)?;
        Ok(())
    }
}

/// Writes a row; the numbers in it, 0 where there is none.
fn write_row<W: Write>(
    book: &mut Book<W>,
    columns: &[Column],
    level: u8,
    row: &impl Fields,
) -> Result<Vec<f64>, ExportError> {
    let mut line = book.begin_row(level)?;
    let mut numbers = Vec::with_capacity(columns.len());
    for column in columns {
        let look = column.look();
        numbers.push(column.read(row, |value| match value {
            Shown::Nothing => line.cell(look, Cell::Empty).map(|()| 0.0),
            Shown::Number(number) => line.cell(look, Cell::Number(number)).map(|()| number),
            Shown::Bool(value) => line.cell(look, Cell::Bool(value)).map(|()| 0.0),
            Shown::Text(text) => line.cell(Look::General, Cell::Text(&text)).map(|()| 0.0),
        })??);
    }
    line.end()?;
    Ok(numbers)
}
