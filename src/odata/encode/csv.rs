//! Rows as CSV (RFC 4180).

use super::{Encoder, FileColumn};
use crate::db::{Fields, Sink};
use crate::odata::encode::json;
use crate::odata::run::RunError;
use crate::sql::{Cell, Type};

/// Writes a header line and a line a row, ended by CRLF.
pub struct CsvEncoder {
    columns: Vec<FileColumn>,
}

impl CsvEncoder {
    pub fn new(columns: Vec<FileColumn>) -> CsvEncoder {
        CsvEncoder { columns }
    }
}

impl Encoder for CsvEncoder {
    fn begin(&mut self, _: Option<i64>, sink: &mut Sink) -> Result<(), RunError> {
        let out = sink.buffer();
        for (n, column) in self.columns.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            text(&column.header, out);
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn row(&mut self, row: &impl Fields, sink: &mut Sink) -> Result<(), RunError> {
        let out = sink.buffer();
        for (n, column) in self.columns.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            if !present(row, &column.presence)? {
                continue;
            }
            row.read(column.column, column.ty.sql(), |cell| match cell {
                Cell::Text(s) => text(s, out),
                other => json::raw(other, column.ty, out),
            })?;
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn end(&mut self, _: &mut Sink) -> Result<(), RunError> {
        Ok(())
    }
}

/// Whether the objects around a value are there.
pub(super) fn present(row: &impl Fields, columns: &[usize]) -> Result<bool, RunError> {
    for column in columns {
        if row.read(*column, Type::Int32, |cell| cell == Cell::Null)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A text field. What a spreadsheet would take for a formula gets an apostrophe before it.
fn text(s: &str, out: &mut Vec<u8>) {
    let formula = s.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if !s.contains([',', '"', '\r', '\n']) {
        if formula {
            out.push(b'\'');
        }
        out.extend_from_slice(s.as_bytes());
        return;
    }
    out.push(b'"');
    if formula {
        out.push(b'\'');
    }
    for part in s.split_inclusive('"') {
        out.extend_from_slice(part.as_bytes());
        if part.ends_with('"') {
            out.push(b'"');
        }
    }
    out.push(b'"');
}
