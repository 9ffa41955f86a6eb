//! Times as workbooks for people: the Times Explorer's file and the time report (contract §6.7, UX-59).
//!
//! | file | in | out |
//! |---|---|---|
//! | [`explorer`] | a layout: columns, groups, filter, order | an [`Export`] |
//! | [`time_report`] | a range of days, projects, three options | an [`Export`] |
//! | [`compile`](mod@compile) | columns and options of a query | the plan of its rows, what is shown of them |
//! | [`grid`] | rows in the order of their groups | a sheet with subtotals, a sheet with a table |
//! | [`book`] | cells | a workbook, as it grows |
//!
//! The rows are those of an OData query over the model 4.0, so that an export shows what a report would and no more. It is
//! read twice in one state of the database, once a sheet: memory grows with the depth of the groups alone.

pub mod book;
pub mod compile;
pub mod explorer;
mod grid;
pub mod time_report;

use std::collections::HashMap;
use std::io;

use crate::db::{Conn, DbError, Failure, Fields, Sink, SinkWriter, Visit};
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::wall;
use crate::odata::own::Asker;
use crate::odata::plan::{Plan, Slot};
use crate::odata::run::RunError;
use crate::sql::{Cell, Instant, Statement};
use book::{Book, Layout, Look, Over, SHEET_ROWS};
use compile::Compiled;
use grid::{Grid, Raw};

/// A workbook that is to be written.
#[derive(Debug)]
pub struct Export {
    pub file_name: String,
    rows: Compiled,
    /// So many columns, the first ones, are what rows are grouped by.
    groups: usize,
    /// What a column's numbers stand for.
    numbers: Option<Numbers>,
    /// What the last sheet tells: who asked for what, when.
    record: Vec<(&'static str, String)>,
}

/// Who makes an export, and when.
#[derive(Clone, Copy)]
pub struct Maker<'a> {
    pub asker: Asker<'a>,
    pub sees_budgets: bool,
    pub user: &'a str,
    /// IANA name of the person's zone.
    pub zone: &'a str,
}

impl Maker<'_> {
    /// An export of these rows, with the record that every one has.
    fn export(&self, rows: Compiled, groups: usize, mut record: Vec<(&'static str, String)>) -> Export {
        let now = wall::at_zone(self.asker.now, &wall::zone(self.zone));
        let stamp = wall::civil(now).map(|now| now.strftime("%Y-%m-%d-%H%M%S").to_string()).unwrap_or_default();
        record.push(("User", self.user.to_owned()));
        record.push(("Made at", wall::written(Instant(now.0 - now.0.rem_euclid(1_000_000)))));
        record.push(("Time zone", self.zone.to_owned()));
        Export { file_name: format!("timetracker_{stamp}.xlsx"), rows, groups, numbers: None, record }
    }
}

/// Numbers that stand for others: ids for sums that are made once, not row by row.
#[derive(Debug)]
struct Numbers {
    column: usize,
    statement: Statement,
    key: Slot,
    number: Slot,
}

impl Numbers {
    /// The numbers of the plan's rows, under the headers that its columns have in a file.
    fn new(column: usize, plan: &Plan, (key, number): (&str, &str)) -> Result<Numbers, Refusal> {
        let [key, number] = compile::slots(plan, [key, number].into_iter())?[..] else {
            return Err(DbError::Other("two columns".to_owned()).into());
        };
        Ok(Numbers { column, statement: plan.level.statement(), key, number })
    }

    fn read(&self, conn: &mut Conn) -> Result<HashMap<i64, f64>, DbError> {
        struct Known<'n>(&'n Numbers, HashMap<i64, f64>);
        impl Visit for Known<'_> {
            type Error = DbError;

            fn row(&mut self, row: &impl Fields) -> Result<(), DbError> {
                let key = self.0.key.read(row, |cell| if let Cell::Int(key) = cell { Some(key) } else { None })?;
                let number = self.0.number.read(row, |cell| match cell {
                    Cell::Double(number) => Some(number),
                    Cell::Int(number) => Some(number as f64),
                    _ => None,
                })?;
                self.1.extend(key.zip(number));
                Ok(())
            }
        }
        let mut known = Known(self, HashMap::new());
        conn.for_each(&self.statement, &mut known)?;
        Ok(known.1)
    }
}

/// Why an export ends early.
#[derive(Debug)]
pub enum ExportError {
    Refused(Refusal),
    Database(DbError),
}

impl From<DbError> for ExportError {
    fn from(error: DbError) -> ExportError {
        match RunError::from(error) {
            RunError::Request(error) => ExportError::Refused(Refusal::malformed("$filter", error.message)),
            RunError::Database(error) => ExportError::Database(error),
            RunError::NoContent => ExportError::Refused(Refusal::new(Kind::NotFound, "There are no rows.")),
        }
    }
}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> ExportError {
        ExportError::Database(DbError::Other(format!("cannot write the workbook: {error}")))
    }
}

impl From<ExportError> for Refusal {
    fn from(error: ExportError) -> Refusal {
        match error {
            ExportError::Refused(refusal) => refusal,
            ExportError::Database(error) => error.into(),
        }
    }
}

impl Failure for ExportError {
    fn database(&self) -> Option<&DbError> {
        match self {
            ExportError::Database(error) => Some(error),
            ExportError::Refused(refusal) => refusal.database(),
        }
    }
}

impl Export {
    /// Writes it from one state of the database; gives the number of rows.
    pub fn write(&mut self, conn: &mut Conn, sink: &mut Sink<'_>) -> Result<u64, ExportError> {
        if let Some(numbers) = &self.numbers {
            let known = numbers.read(conn)?;
            if let Some(column) = self.rows.columns.get_mut(numbers.column) {
                column.by_number = Some(known);
            }
        }
        let total = self.rows.count(conn)?;
        // Each row may end every group, and the header and the total have a row each.
        let most = u64::from(SHEET_ROWS - 2) / (self.groups as u64 + 1);
        if total > most {
            let message = format!(
                "The export has {total} rows, and a sheet with these groups holds {most}. Narrow the filter, group less, \
                 or ask for CSV: /api/odata/v4.0/Worklogs?$format=csv."
            );
            return Err(ExportError::Refused(Refusal::new(Kind::TooLarge, message)));
        }
        let mut out = SinkWriter::new(sink);
        match self.written(conn, total, &mut out) {
            Ok(()) => Ok(total),
            // The writer's own failure says more than what the library made of it.
            Err(error) => Err(out.failure().map_or(error, ExportError::from)),
        }
    }

    fn written(&self, conn: &mut Conn, total: u64, out: &mut SinkWriter<'_, '_>) -> Result<(), ExportError> {
        let mut book = Book::new(out);
        let columns = &self.rows.columns;
        let widths: Vec<f64> = columns.iter().map(|column| column.width()).collect();
        let levels = u8::try_from(self.groups).unwrap_or(u8::MAX);
        let cells = total * columns.len() as u64;
        let layout = Layout {
            name: "Times",
            widths,
            has_header: true,
            levels: if levels == 0 { 0 } else { levels + 1 },
            cells: cells * (self.groups as u64 + 1),
        };
        let headers: Vec<String> = columns.iter().map(|column| column.title.clone()).collect();
        let header = |book: &mut Book<_>| {
            book.row(0, true, headers.iter().map(|title| (Look::General, book::Cell::Text(title))))
        };
        book.begin(&layout)?;
        header(&mut book)?;
        let mut grid = Grid::new(&mut book, columns, self.groups);
        conn.for_each(&self.rows.statement, &mut grid)?;
        let last = grid.finish()?;
        book.end(Over::Filter(last))?;

        book.begin(&Layout { name: "Data", levels: 0, cells, ..layout })?;
        header(&mut book)?;
        conn.for_each(&self.rows.statement, &mut Raw::new(&mut book, columns))?;
        book.end(Over::Table(&headers))?;

        book.begin(&Layout { name: "Query", widths: vec![16.0, 80.0], ..Layout::default() })?;
        let rows = total.to_string();
        let record = self.record.iter().map(|(name, text)| (*name, text.as_str())).chain([("Rows", rows.as_str())]);
        for (name, text) in record {
            book.row(
                0,
                false,
                [(Look::General, book::Cell::Text(name)), (Look::General, book::Cell::Text(text))].into_iter(),
            )?;
        }
        book.end(Over::Nothing)?;
        Ok(book.finish()?)
    }
}
