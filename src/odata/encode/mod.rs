//! Rows → bytes. An encoder is told the columns once and then sees each row, borrowed; nothing is collected.

pub mod csv;
pub mod json;
pub mod ndjson;
pub mod text;
pub mod xlsx;

use std::sync::Arc;

use super::plan::{Field, Slot};
use super::run::RunError;
use crate::db::{Fields, Sink};

/// Writes the rows of a collection in one format.
pub trait Encoder {
    /// Before the first row; `total` is what `$count=true` asked for.
    fn begin(&mut self, total: Option<i64>, sink: &mut Sink) -> Result<(), RunError>;

    /// One row, appended to the sink's buffer.
    fn row(&mut self, row: &impl Fields, sink: &mut Sink) -> Result<(), RunError>;

    /// After the last row.
    fn end(&mut self, sink: &mut Sink) -> Result<(), RunError>;
}

/// A column of a file: a written value under the path of its names, `User_Name` (OD-61).
#[derive(Clone, Debug, PartialEq)]
pub struct FileColumn {
    pub header: Arc<str>,
    pub slot: Slot,
    /// Columns that must not be null for the value to be there: those of the objects around it.
    pub presence: Vec<usize>,
}

/// The columns of a file, in the order of the JSON answer. Collections have none (refused before).
pub fn file_columns(fields: &[Field]) -> Vec<FileColumn> {
    let mut columns = Vec::new();
    gather(fields, "", &[], &mut columns);
    columns
}

fn gather(fields: &[Field], prefix: &str, presence: &[usize], out: &mut Vec<FileColumn>) {
    for field in fields {
        match field {
            Field::Value { name, slot, .. } => {
                let header = Arc::from(format!("{prefix}{name}"));
                out.push(FileColumn { header, slot: *slot, presence: presence.to_vec() });
            }
            Field::Object { name, presence: own, fields, .. } => {
                let around: Vec<usize> = presence.iter().copied().chain(*own).collect();
                gather(fields, &format!("{prefix}{name}_"), &around, out);
            }
            Field::Apart { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::DbError;
    use crate::odata::edm::Edm;
    use crate::sql::{Cell, Type};

    /// A row that no database made.
    pub(super) struct Cells<'a>(pub(super) &'a [Cell<'a>]);

    impl Fields for Cells<'_> {
        fn read<T>(&self, index: usize, _: Type, read: impl FnOnce(Cell<'_>) -> T) -> Result<T, DbError> {
            Ok(read(self.0[index]))
        }

        fn is_null(&self, index: usize) -> Result<bool, DbError> {
            Ok(self.0[index] == Cell::Null)
        }
    }

    pub(super) fn column(header: &str, column: usize, ty: Edm) -> FileColumn {
        FileColumn { header: header.into(), slot: Slot::of(column, ty), presence: Vec::new() }
    }
}
