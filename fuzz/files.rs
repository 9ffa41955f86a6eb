//! Files that are uploaded, and what people write into their cells: read in this very process, for a child would hide
//! what ends it.

use std::io::{self, Cursor, Write};

use timeledger::import::columns::{self, Mapped, Stop};
use timeledger::import::dates::{self, Pattern, Patterns};
use timeledger::import::durations::{self, Form, Grammar};
use timeledger::import::problem::Problem;
use timeledger::import::profile::Profile;
use timeledger::sheets::{self, Cell, Limits, ReadError, Request, Row, Sheet, Sink};
use zip::write::SimpleFileOptions;

use super::targets::{Outcome, Target};

pub static CSV: Target = Target { name: "sheet_csv", check: csv, seeds: CSVS, part: |_| None };
pub static XLSX: Target = Target { name: "sheet_xlsx", check: xlsx, seeds: PARTS, part: |_| None };
pub static ODS: Target = Target { name: "sheet_ods", check: ods, seeds: TABLES, part: |_| None };
pub static DURATIONS: Target = Target { name: "durations", check: length, seeds: LENGTHS, part: |_| None };
pub static DATES: Target = Target { name: "dates", check: date, seeds: MOMENTS, part: |_| None };

const CSVS: &[&str] = &[
    "UserName,TimeStamp,Duration,ActivityType,Comment,WorkItem\nann,05/29/2024 09:30,1.5,Dev,\"talk, \"\"x\"\"\",5\n",
    "sep=;\nBenutzer;Datum;Dauer\r\nann;2024-05-29;1,5\r\n",
    "ann\t05.29.2024 9:30\t1:30\n",
    "Title\n\nDate,Hours\n\"2024\n-05-29\",1\n",
    "\u{feff}a,b\r1,2\r",
];
const PARTS: &[&str] = &[
    "xl/worksheets/sheet1.xml\n<worksheet><dimension ref=\"A1:F2\"/><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"inlineStr\"><is><t>Duration</t></is></c></row><row r=\"2\"><c r=\"A2\" s=\"1\"><v>45441.5</v></c><c r=\"B2\"><f>1+1</f></c></row></sheetData></worksheet>",
    "xl/sharedStrings.xml\n<sst count=\"1\" uniqueCount=\"1\"><si><r><t>Date</t></r></si></sst>",
    "xl/workbook.xml\n<workbook xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><workbookPr date1904=\"1\"/><sheets><sheet name=\"S\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>",
    "xl/styles.xml\n<styleSheet><numFmts><numFmt numFmtId=\"170\" formatCode=\"[h]:mm\"/></numFmts><cellXfs><xf numFmtId=\"170\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>",
    "xl/_rels/workbook.xml.rels\n<Relationships><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>",
    "xl/theme/theme1.xml\n<a:theme><a:clrScheme><a:dk1><a:srgbClr val=\"000000\"/></a:dk1></a:clrScheme></a:theme>",
    "_rels/.rels\n<Relationships><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>",
    "PK\u{3}\u{4}",
];
const TABLES: &[&str] = &[
    "<table:table table:name=\"S\"><table:table-row><table:table-cell office:value-type=\"string\"><text:p>Date</text:p></table:table-cell></table:table-row><table:table-row table:number-rows-repeated=\"3\"><table:table-cell office:value-type=\"float\" office:value=\"1.5\" table:number-columns-repeated=\"2\" table:formula=\"of:=1\"/></table:table-row></table:table>",
    "<table:table table:name=\"S\"/><table:named-expressions><table:named-range table:name=\"a\"/></table:named-expressions>",
];
const LENGTHS: &[&str] =
    &["1:30", "1:30:15", "1h 30m", "1,5", "1.234,5", "PT1H30M", "P1DT0.5S", "2 Std. 5 Min.", "-0:15"];
const MOMENTS: &[&str] = &[
    "dd.MM.yyyy HH:mm\n29.05.2024 09:30",
    "MM/dd/yyyy h:mm tt\n05/29/2024 9:30 PM",
    "dddd, d. MMMM yyyy\nMittwoch, 29. Mai 2024",
    "yyyyMMdd\n20240529",
    "\n5/29/2021, 10:12:00 AM",
    "\n2024-02-29T23:59:60.123+02:00",
];

/// What a file becomes, checked as it comes.
#[derive(Default)]
struct Checked {
    rows: Vec<Row>,
    finding: Option<String>,
}

impl Sink for Checked {
    fn sheet(&mut self, _: &Sheet) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: &Row) -> io::Result<()> {
        let last = self.rows.last().map_or(0, |row| row.number);
        let in_order = row.cells.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if row.number <= last || !in_order || row.cells.is_empty() {
            self.finding = Some(format!("row {} behind {last}: {:?}", row.number, row.cells));
        }
        if row.cells.iter().any(|(_, cell)| matches!(cell, Cell::Text(text) if text.contains('\0'))) {
            self.finding = Some(format!("a NUL in row {}", row.number));
        }
        self.rows.push(row.clone());
        Ok(())
    }
}

fn file(name: &str, bytes: &[u8]) -> Outcome {
    let limits = Limits { rows: 5_000, cells: 100_000, ..Limits::default() };
    let request = Request { file_name: Some(name.to_owned()), sheet: None, limits };
    let mut checked = Checked::default();
    let outcome = sheets::read(Cursor::new(bytes), &request, &mut checked);
    if let Some(finding) = checked.finding {
        return Err(finding);
    }
    match outcome {
        Ok(()) => {
            mapped(checked.rows)?;
            Ok(true)
        }
        Err(ReadError::Problem(found)) => problem(&found.into()).map(|()| false),
        Err(ReadError::Sink(error)) => Err(error.to_string()),
    }
}

/// Rows as an import sees them.
fn mapped(rows: Vec<Row>) -> Result<(), String> {
    let mapping = match columns::map(rows.into_iter().map(Ok), &Profile::default()) {
        Ok(mapping) => mapping,
        Err(Stop::Problem(found)) => return problem(&found),
        Err(Stop::Io(error)) => return Err(error.to_string()),
    };
    for row in mapping {
        match row {
            Ok(Mapped::Row(row)) if row.length_seconds.abs() > i64::from(i32::MAX) => {
                return Err(format!("a length of {}", row.length_seconds));
            }
            Ok(Mapped::Row(_)) => {}
            Ok(Mapped::Problems { problems, .. }) if problems.is_empty() => {
                return Err("a fault without a word".to_owned());
            }
            Ok(Mapped::Problems { problems, .. }) => problems.iter().try_for_each(problem)?,
            Err(_) => return Err("rows in memory cannot stop".to_owned()),
        }
    }
    Ok(())
}

/// A problem says what is wrong, in a sentence's length.
fn problem(problem: &Problem) -> Result<(), String> {
    let said = (1..2_000).contains(&problem.reason.len()) && !problem.code.is_empty();
    if said { Ok(()) } else { Err(format!("a problem of {} letters: {}", problem.reason.len(), problem.code)) }
}

fn csv(input: &[u8]) -> Outcome {
    file("a.csv", input)
}

/// A part's name and, behind a line break, its content; the other parts are good. Without one the file itself.
fn xlsx(input: &[u8]) -> Outcome {
    let Some(at) = input.iter().position(|byte| *byte == b'\n') else { return file("a.xlsx", input) };
    let name = String::from_utf8_lossy(&input[..at]).into_owned();
    let good = PARTS.iter().filter_map(|part| part.split_once('\n'));
    let mut parts: Vec<(&str, &[u8])> =
        good.filter(|(part, _)| *part != name).map(|(part, text)| (part, text.as_bytes())).collect();
    parts.push((&name, &input[at + 1..]));
    match zipped(&parts) {
        Some(book) => file("a.xlsx", &book),
        None => Ok(false),
    }
}

/// The tables of an OpenDocument spreadsheet.
fn ods(input: &[u8]) -> Outcome {
    let head = b"<office:document-content><office:body><office:spreadsheet>";
    let tail = b"</office:spreadsheet></office:body></office:document-content>";
    let content = [&head[..], input, &tail[..]].concat();
    let parts: [(&str, &[u8]); 3] = [
        ("mimetype", b"application/vnd.oasis.opendocument.spreadsheet"),
        ("META-INF/manifest.xml", b"<manifest:manifest/>"),
        ("content.xml", &content),
    ];
    zipped(&parts).map_or(Ok(false), |book| file("a.ods", &book))
}

fn zipped(parts: &[(&str, &[u8])]) -> Option<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, content) in parts {
        zip.start_file(*name, options).ok()?;
        zip.write_all(content).ok()?;
    }
    Some(zip.finish().ok()?.into_inner())
}

fn length(input: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(input);
    let mut accepted = false;
    for form in [Form::Entry, Form::Relative, Form::Import] {
        for mark in [None, Some(','), Some('.')] {
            let grammar = Grammar { form, mark, ..Grammar::default() };
            match durations::parse(&text, &grammar) {
                Ok(seconds) if seconds.abs() > i64::from(i32::MAX) => return Err(format!("{seconds} seconds")),
                Ok(_) => accepted = true,
                Err(fault) if fault.reason().is_empty() => return Err(format!("{fault:?} says nothing")),
                Err(_) => {}
            }
        }
    }
    Ok(accepted)
}

/// A pattern, and behind a line break a text.
fn date(input: &[u8]) -> Outcome {
    let input = String::from_utf8_lossy(input);
    let (pattern, text) = input.split_once('\n').unwrap_or(("", &input));
    let own = Pattern::parse(pattern).ok();
    let mut accepted = false;
    for (date, time) in [(None, None), (own.clone(), None), (own.clone(), own)] {
        let patterns = Patterns { date, time };
        for fault in [dates::moment(text, &patterns).err(), dates::clock(text, &patterns).err()] {
            match fault {
                None => accepted = true,
                Some(fault) if !(1..500).contains(&fault.reason.len()) => return Err(format!("{fault:?}")),
                Some(_) => {}
            }
        }
    }
    Ok(accepted)
}
