//! `.csv`, record by record: what a spreadsheet program saved, in whatever encoding and with whatever delimiter.
//!
//! In: the file. Out: rows of texts; what they mean is told later. RFC 4180 in short: quoted texts may hold delimiters,
//! line breaks and doubled quotes. Rows are numbered as a spreadsheet shows them, a row with line breaks as one.

mod decode;
mod delimiter;
mod watch;

use std::io::{Read, Seek, SeekFrom};

use self::decode::{Decoded, Encoding};
use self::watch::{Budget, Watch};
use super::tally::Tally;
use super::{Cell, FileProblem, Format, Limits, ReadError, Row, Sheet, Sink, unreadable};

/// Decoded bytes from which the delimiter is told.
const SAMPLE: u64 = 64 * 1024;

pub(super) fn read<R: Read + Seek>(mut file: R, limits: &Limits, sink: &mut dyn Sink) -> Result<(), ReadError> {
    let encoding = Encoding::of(&mut file)?;
    let mut sample = Vec::new();
    Decoded::new(&mut file, encoding).take(SAMPLE).read_to_end(&mut sample).map_err(unreadable)?;
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let sample = String::from_utf8_lossy(&sample);
    let declared = delimiter::declared(&sample);
    let delimiter = declared.unwrap_or_else(|| delimiter::detect(&sample));
    let name = encoding.name().to_owned();
    sink.sheet(&Sheet {
        format: Format::Csv,
        name: String::new(),
        sheets: Vec::new(),
        delimiter: Some(char::from(delimiter)),
        encoding: Some(name),
    })?;
    let budget = Budget::default();
    let first = if declared.is_some() { 0 } else { 1 };
    let watch = Watch::new(Decoded::new(file, encoding), delimiter, first, limits.row_bytes, budget.clone());
    rows(reader(watch, delimiter), &budget, limits, sink)
}

fn reader<R: Read>(from: R, delimiter: u8) -> csv::Reader<R> {
    csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(from)
}

fn rows<R: Read>(
    mut records: csv::Reader<R>,
    budget: &Budget,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<(), ReadError> {
    let mut tally = Tally::default();
    let mut record = csv::StringRecord::new();
    let mut row = Row::default();
    loop {
        budget.renew();
        let more = records.read_record(&mut record);
        if let Some(problem) = budget.problem() {
            return Err(problem.into());
        }
        if !more.map_err(|error| broken(&error, row.number))? {
            return Ok(());
        }
        row.number = budget.row().unwrap_or_else(|| row.number.saturating_add(1));
        // The line that names the delimiter.
        if row.number == 0 {
            continue;
        }
        row.cells.clear();
        tally.cells(record.len() as u64, row.number, limits)?;
        for (column, text) in record.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            let column = u16::try_from(column).unwrap_or(u16::MAX - 1);
            row.cells.push((column, Cell::Text(unguarded(text).to_owned())));
        }
        if !row.cells.is_empty() {
            tally.row(&row, limits)?;
            sink.row(&row)?;
        }
    }
}

/// Without the apostrophe by which programs, ours among them, keep a text from being taken for a formula.
fn unguarded(text: &str) -> &str {
    const FORMULAS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    text.strip_prefix('\'').filter(|rest| rest.starts_with(FORMULAS)).unwrap_or(text)
}

fn broken(error: &csv::Error, last: u32) -> FileProblem {
    let reason = format!("the text cannot be read ({})", super::xlsx::short(error));
    FileProblem::format(reason, "save it as .csv in UTF-8, or as .xlsx").at_row(last.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::sheets::{self, Request};

    #[derive(Default)]
    struct Kept {
        sheet: Option<Sheet>,
        rows: Vec<Row>,
    }

    impl Sink for Kept {
        fn sheet(&mut self, sheet: &Sheet) -> std::io::Result<()> {
            self.sheet = Some(sheet.clone());
            Ok(())
        }

        fn row(&mut self, row: &Row) -> std::io::Result<()> {
            self.rows.push(row.clone());
            Ok(())
        }
    }

    fn read_bytes(bytes: &[u8]) -> Result<Kept, FileProblem> {
        let mut kept = Kept::default();
        match sheets::read(Cursor::new(bytes), &Request::default(), &mut kept) {
            Ok(()) => Ok(kept),
            Err(ReadError::Problem(problem)) => Err(problem),
            Err(ReadError::Sink(error)) => panic!("{error}"),
        }
    }

    /// `row:a|b` a line.
    fn check(bytes: &[u8], delimiter: char, encoding: &str, expected: &[&str]) {
        let kept = read_bytes(bytes).unwrap_or_else(|problem| panic!("{problem:?}"));
        let sheet = kept.sheet.expect("a sheet");
        assert_eq!((sheet.delimiter, sheet.encoding.as_deref()), (Some(delimiter), Some(encoding)));
        let shown: Vec<String> = kept
            .rows
            .iter()
            .map(|row| {
                let cells: Vec<String> = row
                    .cells
                    .iter()
                    .map(|(column, cell)| match cell {
                        Cell::Text(text) => format!("{column}={text}"),
                        other => panic!("{other:?}"),
                    })
                    .collect();
                format!("{}: {}", row.number, cells.join(" | "))
            })
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn delimiters_are_told_from_the_text() {
        check(b"a,b\n1,2\n", ',', "UTF-8", &["1: 0=a | 1=b", "2: 0=1 | 1=2"]);
        check(b"a;b\r\n1,5;2\r\n", ';', "UTF-8", &["1: 0=a | 1=b", "2: 0=1,5 | 1=2"]);
        check(b"a\tb\n\"x\ty\"\t2", '\t', "UTF-8", &["1: 0=a | 1=b", "2: 0=x\ty | 1=2"]);
        check(b"sep=|\na|b,c,d\n", '|', "UTF-8", &["1: 0=a | 1=b,c,d"]);
        check(b"alone\n1\n", ',', "UTF-8", &["1: 0=alone", "2: 0=1"]);
    }

    #[test]
    fn a_guard_against_formulas_is_no_part_of_the_text() {
        check(b"'=1,'-x,'y,=2\n", ',', "UTF-8", &["1: 0==1 | 1=-x | 2='y | 3==2"]);
    }

    #[test]
    fn rows_have_the_numbers_of_a_spreadsheet() {
        check(b"a,b\n\n\"x\ny\n\",2\n,\n3,4\n", ',', "UTF-8", &["1: 0=a | 1=b", "3: 0=x\ny\n | 1=2", "5: 0=3 | 1=4"]);
        check(b"a,b\r1,2\r", ',', "UTF-8", &["1: 0=a | 1=b", "2: 0=1 | 1=2"]);
    }

    #[test]
    fn encodings() {
        check(b"\xEF\xBB\xBFa,\xC3\xA4\n", ',', "UTF-8", &["1: 0=a | 1=ä"]);
        check(b"a,\xE4\x80\n", ',', "windows-1252", &["1: 0=a | 1=ä€"]);
        let wide = |bytes: fn(u16) -> [u8; 2], mark: [u8; 2]| -> Vec<u8> {
            mark.into_iter().chain("a;ä𝄞\r\n1;2".encode_utf16().flat_map(bytes)).collect()
        };
        let expected = ["1: 0=a | 1=ä𝄞", "2: 0=1 | 1=2"];
        check(&wide(u16::to_le_bytes, [0xFF, 0xFE]), ';', "UTF-16LE", &expected);
        check(&wide(u16::to_be_bytes, [0xFE, 0xFF]), ';', "UTF-16BE", &expected);
    }

    #[test]
    fn what_is_wrong_names_its_row() {
        let long = format!("a,b\n1,{}\n", "x".repeat(40_000));
        let endless = format!("a,b\n1,2\n3,\"{}", "x,y\n".repeat(600_000));
        for (bytes, code, row, part) in [
            (&b"a,b\n1,\"2\n3,4\n"[..], "FileFormat", Some(2), "quote"),
            (b"a,b\n1,\0\n", "FileFormat", None, "neither"),
            ("ä,ö\nü,ß\nx,\u{e4}".as_bytes().split_last().unwrap().1, "FileFormat", Some(3), "UTF-8"),
            (long.as_bytes(), "FileTooLarge", Some(2), "32767"),
            (endless.as_bytes(), "FileFormat", Some(3), "quote"),
            (b"\xFF\xFEa\0;\0b", "FileFormat", None, "UTF-16"),
        ] {
            let problem = read_bytes(bytes).err().unwrap_or_else(|| panic!("{part} is no problem"));
            assert_eq!((problem.code.name(), problem.row), (code, row), "{problem:?}");
            assert!(problem.reason.contains(part), "{problem:?}");
        }
        let late = [b"a,b\n".repeat(2_000), b"1,\0\n".to_vec()].concat();
        let problem = read_bytes(&late).err().expect("a problem");
        assert_eq!((problem.row, problem.code.name()), (Some(2_001), "FileFormat"), "{problem:?}");
    }

    proptest! {
        /// What a writer of text files writes is read as it was, in the rows where a spreadsheet shows it.
        #[test]
        fn tables_come_back(
            table in vec(vec("[a\"'=,;\r\n ä𝄞|]{0,6}", 1..5), 1..12),
            delimiter in select(vec![b',', b';', b'\t', b'|']),
            wide in any::<bool>(),
        ) {
            let mut text = format!("sep={}\r\n", char::from(delimiter)).into_bytes();
            let mut writer = csv::WriterBuilder::new().flexible(true).delimiter(delimiter).from_writer(Vec::new());
            for record in &table {
                writer.write_record(record).expect("written");
            }
            text.extend(writer.into_inner().expect("all of it"));
            if wide {
                let units = String::from_utf8(text).expect("UTF-8");
                text = [0xFF, 0xFE].into_iter().chain(units.encode_utf16().flat_map(u16::to_le_bytes)).collect();
            }
            let kept = read_bytes(&text).expect("rows");
            let expected: Vec<Row> = (1..)
                .zip(&table)
                .map(|(number, record)| {
                    let cells = (0..).zip(record).filter(|(_, text)| !text.is_empty());
                    Row { number, cells: cells.map(|(at, text)| (at, Cell::Text(unguarded(text).into()))).collect() }
                })
                .filter(|row| !row.cells.is_empty())
                .collect();
            prop_assert_eq!(kept.rows, expected);
        }
    }
}
