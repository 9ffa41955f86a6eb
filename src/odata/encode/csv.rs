//! Rows as CSV (RFC 4180): UTF-8, a header line, a line a row, all ended by CRLF; a null is an empty field.

use super::{Encoder, FileColumn, json};
use crate::db::{Fields, Sink};
use crate::odata::run::RunError;
use crate::sql::Cell;

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
        let start = out.len();
        for (n, column) in self.columns.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            if !present(row, &column.presence)? {
                continue;
            }
            column.slot.read(row, |cell| match cell {
                Cell::Text(s) => text(s, out),
                other => json::raw(other, column.slot.ty, out),
            })?;
        }
        if out.len() == start {
            // Many readers skip an empty line.
            out.extend_from_slice(b"\"\"");
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
        if row.is_null(*column)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A text field, in quotes where it needs them. What a spreadsheet would take for a formula gets an apostrophe before
/// it: `= + - @`, their full-width forms, and the white space that some programs skip to find them.
fn text(s: &str, out: &mut Vec<u8>) {
    let formula = s.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let quoted = s.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n'));
    if quoted {
        out.push(b'"');
    }
    if formula {
        out.push(b'\'');
    }
    if !quoted {
        out.extend_from_slice(s.as_bytes());
        return;
    }
    for part in s.as_bytes().split_inclusive(|byte| *byte == b'"') {
        out.extend_from_slice(part);
        if part.ends_with(b"\"") {
            out.push(b'"');
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::db::write_to;
    use crate::odata::edm::{Edm, EnumType};
    use crate::odata::encode::tests::{Cells, column};
    use crate::sql::{Day, Guid, Instant};

    static STATE: EnumType = EnumType { name: "State", members: &[("None", 0), ("Billable", 1)] };

    fn file(columns: Vec<FileColumn>, rows: &[&[Cell<'_>]]) -> String {
        let mut file = Vec::new();
        write_to(&mut file, |sink| {
            let mut encoder = CsvEncoder::new(columns);
            encoder.begin(None, sink)?;
            for row in rows {
                encoder.row(&Cells(row), sink)?;
            }
            encoder.end(sink)
        })
        .expect("written");
        String::from_utf8(file).expect("UTF-8")
    }

    /// One value as it is written beside another.
    fn field(ty: Edm, cell: Cell<'_>) -> String {
        let file = file(vec![column("A", 0, Edm::Int32), column("B", 1, ty)], &[&[Cell::Int(1), cell]]);
        let field = file.strip_prefix("A,B\r\n1,").and_then(|rest| rest.strip_suffix("\r\n"));
        field.expect("a header and a row").to_owned()
    }

    #[test]
    fn values() {
        let id = uuid::Uuid::from_u128(0x3F25_04E0_4F89_11D3_9A0C_0305_E82C_3301);
        for (ty, cell, text) in [
            (Edm::String, Cell::Null, ""),
            (Edm::String, Cell::Text(""), ""),
            (Edm::Boolean, Cell::Bool(true), "true"),
            (Edm::Int32, Cell::Int(-5), "-5"),
            (Edm::Int64, Cell::Int(i64::MIN), "-9223372036854775808"),
            (Edm::Decimal { precision: 18, scale: 4 }, Cell::Int(-15_000), "-1.5"),
            (Edm::Double, Cell::Double(-0.0), "0"),
            (Edm::Double, Cell::Double(0.1), "0.1"),
            (Edm::Double, Cell::Double(f64::NEG_INFINITY), "-INF"),
            (Edm::Enum(&STATE), Cell::Int(1), "Billable"),
            (Edm::Guid, Cell::Guid(Guid(id)), "3f2504e0-4f89-11d3-9a0c-0305e82c3301"),
            (Edm::Date, Cell::Day(Day(20_157)), "2025-03-10"),
            (Edm::DateTimeOffset, Cell::Instant(Instant(1_741_597_200_250_000)), "2025-03-10T09:00:00.25Z"),
            (Edm::TimeOfDay, Cell::Int(32_400_000_000), "09:00:00"),
            (Edm::Duration, Cell::Int(5_400_000_000), "PT1H30M"),
        ] {
            assert_eq!(field(ty, cell), text, "{cell:?}");
        }
    }

    #[test]
    fn texts() {
        for (text, written) in [
            ("plain", "plain"),
            (" spaces ", " spaces "),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("\"", "\"\"\"\""),
            ("ä;ß", "ä;ß"),
            // Formulas.
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("\n=1", "\"'\n=1\""),
            ("＝1", "'＝1"),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
            // No formulas.
            ("1-1", "1-1"),
            ("a=b", "a=b"),
        ] {
            assert_eq!(field(Edm::String, Cell::Text(text)), written, "{text:?}");
        }
    }

    #[test]
    fn a_line_is_never_empty() {
        let one = vec![column("A", 0, Edm::String)];
        assert_eq!(file(one, &[&[Cell::Null], &[Cell::Text("")], &[Cell::Text("x")]]), "A\r\n\"\"\r\n\"\"\r\nx\r\n");
    }

    #[test]
    fn an_absent_object_leaves_its_fields_empty() {
        let inside = FileColumn { presence: vec![1], ..column("User_Name", 2, Edm::String) };
        let columns = vec![column("A", 0, Edm::Int32), inside];
        let rows: [&[Cell<'_>]; 2] =
            [&[Cell::Int(1), Cell::Null, Cell::Text("x")], &[Cell::Int(2), Cell::Int(7), Cell::Text("y")]];
        assert_eq!(file(columns, &rows), "A,User_Name\r\n1,\r\n2,y\r\n");
    }

    proptest! {
        #[test]
        fn readers_get_the_text_back(a in any::<String>(), b in "[a\"',\r\n= ;-]{0,8}") {
            let columns = vec![column("A", 0, Edm::String), column("B", 1, Edm::String)];
            let file = file(columns, &[&[Cell::Text(&a), Cell::Text(&b)]]);
            let mut reader = ::csv::Reader::from_reader(file.as_bytes());
            let record = reader.records().next().expect("a row").expect("well-formed");
            for (text, read) in [(&a, &record[0]), (&b, &record[1])] {
                prop_assert!(read == text || read.strip_prefix('\'') == Some(text));
                prop_assert!(!read.starts_with(['=', '+', '-', '@']));
            }
        }
    }
}
