//! Columns and options of a query → the statement of its rows, and how each column is shown.
//!
//! Each column is computed under a name of ours, so that any path or sum makes one, in the order of the layout.

use std::collections::HashMap;

use super::book::Look;
use crate::db::{Conn, DbError, Fields};
use crate::domain::refusal::Refusal;
use crate::odata::edm::Edm;
use crate::odata::encode::file_columns;
use crate::odata::encode::xlsx::{Shown, shown};
use crate::odata::own::{self, Asker};
use crate::odata::plan::{Plan, Slot};
use crate::odata::{ODataError, encode::json};
use crate::sql::{Cell, Statement, Value};

/// Seconds of a day, of which Excel's durations are fractions.
const DAY: f64 = 86_400.0;

/// A column as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub title: String,
    /// An OData path or expression.
    pub expression: String,
    /// A number of seconds, shown as a duration.
    pub in_seconds: bool,
}

/// A column of the rows.
#[derive(Debug)]
pub struct Column {
    pub title: String,
    slot: Slot,
    in_seconds: bool,
    /// Shown instead of the value: what a number stands for.
    pub by_number: Option<HashMap<i64, f64>>,
}

impl Column {
    pub fn look(&self) -> Look {
        match self.slot.ty {
            _ if self.in_seconds => Look::Span,
            _ if self.by_number.is_some() => Look::General,
            Edm::TimeOfDay | Edm::Duration => Look::Span,
            Edm::Int32 | Edm::Int64 => Look::Whole,
            Edm::Decimal { .. } => Look::Hundredths,
            Edm::Date => Look::Day,
            Edm::DateTimeOffset => Look::Moment,
            Edm::Untyped | Edm::Boolean | Edm::Double | Edm::String | Edm::Guid | Edm::Enum(_) => Look::General,
        }
    }

    /// Whether groups have a sum of it.
    pub fn is_summed(&self) -> bool {
        matches!(self.look(), Look::Span | Look::Hundredths) && !matches!(self.slot.ty, Edm::TimeOfDay)
    }

    /// Its width in characters: room for its values, and for its title beside the filter's button.
    pub fn width(&self) -> f64 {
        let values: u8 = match (self.look(), self.slot.ty) {
            (Look::Moment, _) => 17,
            (Look::General, Edm::String | Edm::Untyped) => 28,
            (Look::General, Edm::Guid) => 37,
            _ => 12,
        };
        let title = u8::try_from(self.title.chars().count() + 4).unwrap_or(u8::MAX).min(48);
        values.max(title).into()
    }

    /// What a cell holds of a row's value.
    pub fn read<T>(&self, row: &impl Fields, read: impl FnOnce(Shown<'_>) -> T) -> Result<T, DbError> {
        let mut scratch = Vec::new();
        self.slot.read(row, |cell| {
            if let (Some(numbers), Cell::Int(key)) = (&self.by_number, cell) {
                return read(numbers.get(&key).map_or(Shown::Nothing, |number| Shown::Number(*number)));
            }
            match shown(self.slot.ty, cell, &mut scratch) {
                Shown::Number(seconds) if self.in_seconds => read(Shown::Number(seconds / DAY)),
                other => read(other),
            }
        })
    }

    /// The value as a text, which tells one group from another; none where it is null.
    pub fn label(&self, row: &impl Fields) -> Result<Option<String>, DbError> {
        self.slot.read(row, |cell| {
            let mut text = Vec::new();
            if cell == Cell::Null {
                return None;
            }
            json::raw(cell, self.slot.ty, &mut text);
            Some(String::from_utf8_lossy(&text).into_owned())
        })
    }
}

/// Rows that are ready to be read.
#[derive(Debug)]
pub struct Compiled {
    pub statement: Statement,
    pub columns: Vec<Column>,
    count: Option<Statement>,
}

impl Compiled {
    /// How many rows there are.
    pub fn count(&self, conn: &mut Conn) -> Result<u64, DbError> {
        let Some(count) = &self.count else { return Ok(0) };
        let rows = conn.rows(count, &count.types)?;
        let count = rows.first().and_then(|row| row.first());
        Ok(if let Some(Value::Int64(n)) = count { u64::try_from(*n).unwrap_or_default() } else { 0 })
    }
}

/// Which rows, and in what order.
#[derive(Clone, Debug, Default)]
pub struct Options<'a> {
    /// Steps whose rows have what the columns name.
    pub apply: Option<&'a str>,
    pub filter: Option<&'a str>,
    pub search: Option<&'a str>,
    /// By so many columns, the first ones.
    pub ordered: usize,
    /// And by these expressions.
    pub orderby: Option<&'a str>,
}

/// The name that a column has in the query.
fn name(n: usize) -> String {
    format!("Column{n}")
}

/// Compiles the rows of logs for a caller. Refusals name the option at fault.
pub fn compile(columns: &[Wanted], options: &Options<'_>, asker: &Asker<'_>) -> Result<Compiled, Refusal> {
    let names: Vec<String> = (0..columns.len()).map(name).collect();
    let computed = columns.iter().zip(&names).map(|(column, name)| format!("{} as {name}", column.expression));
    let (compute, select) = (computed.collect::<Vec<_>>().join(","), names.join(","));
    let mut order = names.get(..options.ordered).unwrap_or_default().join(",");
    if let Some(by) = options.orderby {
        order = if order.is_empty() { by.to_owned() } else { format!("{order},{by}") };
    }
    let mut query = vec![("$compute", compute.as_str()), ("$select", &select), ("$count", "true")];
    let order = Some(order.as_str()).filter(|order| !order.is_empty());
    let given =
        [("$apply", options.apply), ("$filter", options.filter), ("$search", options.search), ("$orderby", order)];
    query.extend(given.into_iter().filter_map(|(option, text)| Some((option, text?))));
    let plan = own::plan("Worklogs", &query, asker).map_err(refused)?;
    let slots = slots(&plan, names.iter().map(String::as_str))?.into_iter();
    let column = |(wanted, slot): (&Wanted, Slot)| Column {
        title: wanted.title.clone(),
        slot,
        in_seconds: wanted.in_seconds,
        by_number: None,
    };
    let columns = columns.iter().zip(slots).map(column).collect();
    Ok(Compiled { statement: plan.level.statement(), columns, count: plan.count })
}

/// Where the values under these headers are in the plan's rows.
pub fn slots<'h>(plan: &Plan, headers: impl Iterator<Item = &'h str>) -> Result<Vec<Slot>, DbError> {
    let written = file_columns(&plan.level.fields);
    let slot = |header: &str| {
        let found = written.iter().find(|column| *column.header == *header).map(|column| column.slot);
        found.ok_or_else(|| DbError::Other(format!("no column {header}")))
    };
    headers.map(slot).collect()
}

/// A refusal of the compiler under the option that the client sent.
pub fn refused(error: ODataError) -> Refusal {
    let sent = |option: &&str| ["$filter", "$search", "$orderby"].contains(option);
    let option = error.target.as_deref().filter(sent).unwrap_or("columns");
    Refusal::malformed(option, error.message)
}
