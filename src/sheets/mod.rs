//! Spreadsheets in: a file of `.xlsx`, `.xls`, `.ods` or `.csv` becomes rows of cells, and nothing else.
//!
//! In: an open file that nobody vouches for. Out: [`Row`]s in the file's order, or one [`FileProblem`] that says what is
//! wrong with it in the words of whoever sent it. Nothing is reckoned: a formula counts by its stored value (contract
//! §6.7), links are not followed, macros not run. What a cell means is `import`'s affair.
//!
//! | file | what it does |
//! |---|---|
//! | [`reader`] | starts the child and hands over its rows, with a bound on everything: what the server calls |
//! | [`child`] | the other end: limits itself, reads, writes frames |
//! | `frame` | rows as bytes of a pipe, both ways |
//! | [`format`](mod@format) | what a file is, by its content; a wrong extension is a problem |
//! | `archive`, `compound` | the directory of a zip, or of an old Office file, before anything of it is read |
//! | `xlsx` `legacy` `csv` | one reader a format; `.xlsx` and `.csv` are streamed |
//! | [`limits`] | every bound, in one place |
//!
//! The readers trust no number of the file. Still a library below may reserve what a file claims (calamine does for
//! shared strings), and then the process aborts: so they run in a child process of our own binary with limits of its own.

mod archive;
pub mod child;
mod compound;
mod csv;
pub mod format;
mod frame;
mod legacy;
pub mod limits;
pub mod reader;
mod tally;
mod xlsx;

use std::io::{self, Read, Seek, SeekFrom};

use serde::{Deserialize, Serialize};

pub use self::format::Format;
pub use self::limits::Limits;
pub use self::reader::{Failure, Program, Rows};

/// A row that holds something. Empty ones are left out; the numbers tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// As a spreadsheet shows it, from 1.
    pub number: u32,
    /// What is not empty, by column from 0, in that order.
    pub cells: Vec<(u16, Cell)>,
}

impl Row {
    /// The cell of a column; `None` where it is empty.
    pub fn cell(&self, column: u16) -> Option<&Cell> {
        self.cells.binary_search_by_key(&column, |(at, _)| *at).ok().map(|at| &self.cells[at].1)
    }
}

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Text(String),
    Number(f64),
    Bool(bool),
    /// A number with a date's or a clock's format: days since the spreadsheet's epoch.
    Serial(f64, SerialKind),
    /// A date or moment in ISO 8601, as `.ods` keeps them.
    IsoDate(String),
    /// A length or a time of day in ISO 8601, as `.ods` keeps them.
    IsoSpan(String),
    /// `#DIV/0!`
    Error(String),
    /// A formula that was never reckoned: there is no stored value.
    NoValue,
}

/// How a serial number is shown, which is all that tells what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SerialKind {
    /// A date, a moment or a time of day, counted from 1899-12-30.
    Date,
    /// The same, counted from 1904-01-01.
    Date1904,
    /// A length, such as `[h]:mm`.
    Span,
}

/// Columns of the widest spreadsheet there is: up to `XFD`.
const SPREADSHEET_COLUMNS: u16 = 16_384;

/// `A`, `Z`, `AA`: a column as spreadsheets name it.
pub fn column_name(column: u16) -> String {
    let mut letters = Vec::new();
    let mut left = u32::from(column) + 1;
    while left > 0 {
        let letter = u8::try_from((left - 1) % 26).unwrap_or_default();
        letters.push(char::from(b'A' + letter));
        left = (left - 1) / 26;
    }
    letters.iter().rev().collect()
}

/// The column of a name, up to `XFD`.
pub fn column_number(name: &str) -> Option<u16> {
    if name.is_empty() || name.len() > 3 || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let letters = name.bytes().map(|byte| u32::from(byte.to_ascii_uppercase() - b'A') + 1);
    let number = letters.fold(0, |sum, letter| sum * 26 + letter) - 1;
    u16::try_from(number).ok().filter(|number| *number < SPREADSHEET_COLUMNS)
}

/// What is read, said before the first row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    pub format: Format,
    /// The sheet that is read; empty for a text file.
    pub name: String,
    /// All sheets that could be read, in their order.
    pub sheets: Vec<String>,
    /// Of a text file: what parts its columns, and how its letters are written.
    pub delimiter: Option<char>,
    pub encoding: Option<String>,
}

/// What to read of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The name that the file was sent under: its extension must say what it is. Nothing is checked without one.
    pub file_name: Option<String>,
    /// The sheet of that name; the first visible one without.
    pub sheet: Option<String>,
    pub limits: Limits,
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileProblem {
    pub code: FileCode,
    /// What is wrong, as a sentence without its full stop.
    pub reason: String,
    /// What to do.
    pub suggestion: String,
    /// The row and column (`C`) of the cell at fault, where there is one.
    pub row: Option<u32>,
    pub column: Option<String>,
}

/// The codes of a file as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileCode {
    FileFormat,
    FileTooLarge,
}

impl FileCode {
    pub const fn name(self) -> &'static str {
        match self {
            FileCode::FileFormat => "FileFormat",
            FileCode::FileTooLarge => "FileTooLarge",
        }
    }
}

impl FileProblem {
    pub fn format(reason: impl Into<String>, suggestion: impl Into<String>) -> FileProblem {
        FileProblem::new(FileCode::FileFormat, reason.into(), suggestion.into())
    }

    pub fn too_large(reason: impl Into<String>, suggestion: impl Into<String>) -> FileProblem {
        FileProblem::new(FileCode::FileTooLarge, reason.into(), suggestion.into())
    }

    fn new(code: FileCode, reason: String, suggestion: String) -> FileProblem {
        FileProblem { code, reason, suggestion, row: None, column: None }
    }

    #[must_use]
    pub fn at_row(mut self, row: u32) -> FileProblem {
        self.row = Some(row);
        self
    }

    #[must_use]
    pub fn at(self, row: u32, column: u16) -> FileProblem {
        FileProblem { column: Some(column_name(column)), ..self.at_row(row) }
    }
}

/// Takes what a reader finds. An error is the taker's own (a pipe that closed) and ends the reading.
pub trait Sink {
    fn sheet(&mut self, sheet: &Sheet) -> io::Result<()>;
    fn row(&mut self, row: &Row) -> io::Result<()>;
}

/// Why reading ended before the end.
#[derive(Debug)]
pub enum ReadError {
    Problem(FileProblem),
    Sink(io::Error),
}

impl From<FileProblem> for ReadError {
    fn from(problem: FileProblem) -> ReadError {
        ReadError::Problem(problem)
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> ReadError {
        ReadError::Sink(error)
    }
}

/// Reads a file in this very process. The child does; anybody else calls [`Rows::open`], for a file can end the process.
pub fn read<R: Read + Seek>(mut file: R, request: &Request, sink: &mut dyn Sink) -> Result<(), ReadError> {
    let limits = &request.limits;
    let format = format::detect(&mut file, request)?;
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    match format {
        Format::Xlsx => xlsx::read(file, request, sink),
        Format::Xls | Format::Ods => legacy::read(file, format, request, sink),
        Format::Csv => csv::read(file, limits, sink),
    }
}

/// The file is an open one of the server's own disk: an error here says that it changed or went away.
fn unreadable(error: io::Error) -> FileProblem {
    FileProblem::format(format!("the file cannot be read to its end ({error})"), "send it again")
}

#[cfg(test)]
mod tests {
    use super::{column_name, column_number};

    #[test]
    fn columns_have_the_names_of_spreadsheets() {
        for (column, name) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA"), (16_383, "XFD")] {
            assert_eq!((column_name(column).as_str(), column_number(name)), (name, Some(column)));
        }
        for name in ["", "1", "A1", "XFE", "ZZZ", "AAAA", "ä", "A "] {
            assert_eq!(column_number(name), None, "{name:?}");
        }
    }
}
