//! Frames of the pipe between child and parent: a tag, a length, a body; all numbers little-endian.
//!
//! In and out: [`Frame`]. The parent trusts the child no more than the file, for the file may have taken it over: a frame
//! beyond the bound, a kind that does not exist or a body of another length is an error of the frame.

use std::io::{self, ErrorKind, Read, Write};

use super::{Cell, FileProblem, Row, SerialKind, Sheet};

/// The longest body: a row's limit, and what its numbers take.
const LONGEST: usize = 2 * 1024 * 1024;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Frame {
    Sheet(Sheet),
    Row(Row),
    /// The file was read to its end.
    End,
    Problem(FileProblem),
}

const SHEET: u8 = 1;
const ROW: u8 = 2;
const END: u8 = 3;
const PROBLEM: u8 = 4;

const TEXT: u8 = 0;
const NUMBER: u8 = 1;
const FALSE: u8 = 2;
const TRUE: u8 = 3;
const DATE: u8 = 4;
const DATE_1904: u8 = 5;
const SPAN: u8 = 6;
const ISO_DATE: u8 = 7;
const ISO_SPAN: u8 = 8;
const ERROR: u8 = 9;
const NO_VALUE: u8 = 10;

/// Writes frames through one buffer.
pub(super) struct Writer<W: Write> {
    out: W,
    body: Vec<u8>,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W) -> Writer<W> {
        Writer { out, body: Vec::new() }
    }

    pub fn sheet(&mut self, sheet: &Sheet) -> io::Result<()> {
        self.json(SHEET, sheet)
    }

    pub fn problem(&mut self, problem: &FileProblem) -> io::Result<()> {
        self.json(PROBLEM, problem)?;
        self.out.flush()
    }

    pub fn end(&mut self) -> io::Result<()> {
        self.body.clear();
        self.frame(END)?;
        self.out.flush()
    }

    pub fn row(&mut self, row: &Row) -> io::Result<()> {
        self.body.clear();
        self.body.extend_from_slice(&row.number.to_le_bytes());
        for (column, cell) in &row.cells {
            self.body.extend_from_slice(&column.to_le_bytes());
            self.cell(cell)?;
        }
        self.frame(ROW)
    }

    fn cell(&mut self, cell: &Cell) -> io::Result<()> {
        match cell {
            Cell::Text(text) => self.text(TEXT, text),
            Cell::Number(number) => self.number(NUMBER, *number),
            Cell::Bool(value) => {
                self.body.push(if *value { TRUE } else { FALSE });
                Ok(())
            }
            Cell::Serial(days, SerialKind::Date) => self.number(DATE, *days),
            Cell::Serial(days, SerialKind::Date1904) => self.number(DATE_1904, *days),
            Cell::Serial(days, SerialKind::Span) => self.number(SPAN, *days),
            Cell::IsoDate(text) => self.text(ISO_DATE, text),
            Cell::IsoSpan(text) => self.text(ISO_SPAN, text),
            Cell::Error(text) => self.text(ERROR, text),
            Cell::NoValue => {
                self.body.push(NO_VALUE);
                Ok(())
            }
        }
    }

    fn number(&mut self, kind: u8, number: f64) -> io::Result<()> {
        self.body.push(kind);
        self.body.extend_from_slice(&number.to_le_bytes());
        Ok(())
    }

    fn text(&mut self, kind: u8, text: &str) -> io::Result<()> {
        self.body.push(kind);
        let length = u32::try_from(text.len()).map_err(|_| too_long())?;
        self.body.extend_from_slice(&length.to_le_bytes());
        self.body.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn json(&mut self, tag: u8, value: &impl serde::Serialize) -> io::Result<()> {
        self.body.clear();
        serde_json::to_writer(&mut self.body, value)?;
        self.frame(tag)
    }

    fn frame(&mut self, tag: u8) -> io::Result<()> {
        if self.body.len() > LONGEST {
            return Err(too_long());
        }
        let length = u32::try_from(self.body.len()).map_err(|_| too_long())?;
        self.out.write_all(&[tag])?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&self.body)
    }
}

fn too_long() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "a frame is too long")
}

fn malformed() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "a frame is malformed")
}

/// Reads frames. `None` is the end of the pipe, between two frames; within one it is an error.
pub(super) struct Frames<R> {
    from: R,
    body: Vec<u8>,
}

impl<R: Read> Frames<R> {
    pub fn new(from: R) -> Frames<R> {
        Frames { from, body: Vec::new() }
    }

    pub fn next(&mut self) -> io::Result<Option<Frame>> {
        let mut tag = [0];
        if self.from.read(&mut tag)? == 0 {
            return Ok(None);
        }
        let mut length = [0; 4];
        self.from.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_le_bytes(length)).map_err(|_| too_long())?;
        if length > LONGEST {
            return Err(too_long());
        }
        self.body.resize(length, 0);
        self.from.read_exact(&mut self.body)?;
        let body = self.body.as_slice();
        Ok(Some(match tag[0] {
            SHEET => Frame::Sheet(serde_json::from_slice(body)?),
            ROW => Frame::Row(row(body)?),
            END if body.is_empty() => Frame::End,
            PROBLEM => Frame::Problem(serde_json::from_slice(body)?),
            _ => return Err(malformed()),
        }))
    }
}

fn row(mut body: &[u8]) -> io::Result<Row> {
    let mut row = Row { number: u32::from_le_bytes(take(&mut body)?), cells: Vec::new() };
    while !body.is_empty() {
        let column = u16::from_le_bytes(take(&mut body)?);
        // Whoever asks for a cell searches in this order.
        if row.cells.last().is_some_and(|(last, _)| *last >= column) {
            return Err(malformed());
        }
        row.cells.push((column, cell(&mut body)?));
    }
    Ok(row)
}

fn cell(body: &mut &[u8]) -> io::Result<Cell> {
    let [kind] = take(body)?;
    Ok(match kind {
        TEXT => Cell::Text(text(body)?),
        NUMBER => Cell::Number(number(body)?),
        FALSE => Cell::Bool(false),
        TRUE => Cell::Bool(true),
        DATE => Cell::Serial(number(body)?, SerialKind::Date),
        DATE_1904 => Cell::Serial(number(body)?, SerialKind::Date1904),
        SPAN => Cell::Serial(number(body)?, SerialKind::Span),
        ISO_DATE => Cell::IsoDate(text(body)?),
        ISO_SPAN => Cell::IsoSpan(text(body)?),
        ERROR => Cell::Error(text(body)?),
        NO_VALUE => Cell::NoValue,
        _ => return Err(malformed()),
    })
}

fn number(body: &mut &[u8]) -> io::Result<f64> {
    take(body).map(f64::from_le_bytes)
}

fn text(body: &mut &[u8]) -> io::Result<String> {
    let length = usize::try_from(u32::from_le_bytes(take(body)?)).map_err(|_| too_long())?;
    let (text, rest) = body.split_at_checked(length).ok_or_else(malformed)?;
    *body = rest;
    std::str::from_utf8(text).map(str::to_owned).map_err(|_| malformed())
}

fn take<const N: usize>(body: &mut &[u8]) -> io::Result<[u8; N]> {
    let (taken, rest) = body.split_first_chunk::<N>().ok_or_else(malformed)?;
    *body = rest;
    Ok(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheets::Format;

    fn row() -> Row {
        let cells = vec![
            (0, Cell::Text("ä\n".into())),
            (1, Cell::Number(-0.5)),
            (2, Cell::Bool(true)),
            (3, Cell::Bool(false)),
            (5, Cell::Serial(45_000.25, SerialKind::Date)),
            (6, Cell::Serial(1.5, SerialKind::Span)),
            (7, Cell::Serial(0.5, SerialKind::Date1904)),
            (8, Cell::IsoDate("2024-02-29".into())),
            (9, Cell::IsoSpan("PT1H".into())),
            (10, Cell::Error("#REF!".into())),
            (300, Cell::NoValue),
        ];
        Row { number: 4_000_000_000, cells }
    }

    fn written() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        let sheet = Sheet {
            format: Format::Ods,
            name: "S".into(),
            sheets: vec!["S".into()],
            delimiter: Some(';'),
            encoding: None,
        };
        writer.sheet(&sheet).unwrap();
        writer.row(&row()).unwrap();
        writer.problem(&FileProblem::format("a", "b").at(3, 2)).unwrap();
        writer.end().unwrap();
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = written();
        let mut frames = Frames::new(bytes.as_slice());
        assert!(matches!(frames.next().unwrap(), Some(Frame::Sheet(sheet)) if sheet.delimiter == Some(';')));
        assert_eq!(frames.next().unwrap(), Some(Frame::Row(row())));
        assert!(
            matches!(frames.next().unwrap(), Some(Frame::Problem(problem)) if problem.column.as_deref() == Some("C"))
        );
        assert_eq!(frames.next().unwrap(), Some(Frame::End));
        assert_eq!(frames.next().unwrap(), None);
    }

    #[test]
    fn a_taken_over_child_cannot_do_more_than_fail() {
        let bytes = written();
        for at in 0..bytes.len() {
            let mut cut = Frames::new(&bytes[..at]);
            while let Ok(Some(_)) = cut.next() {}
            for flipped in [0x01, 0x80, 0xFF] {
                let mut changed = bytes.clone();
                changed[at] ^= flipped;
                let mut frames = Frames::new(changed.as_slice());
                while let Ok(Some(_)) = frames.next() {}
            }
        }
        let endless = [&[ROW][..], &u32::MAX.to_le_bytes()].concat();
        assert_eq!(Frames::new(endless.as_slice()).next().unwrap_err().kind(), ErrorKind::InvalidData);
        let twice = [&[ROW, 10, 0, 0, 0, 1, 0, 0, 0][..], &[1, 0, TRUE, 1, 0, TRUE]].concat();
        assert_eq!(Frames::new(twice.as_slice()).next().unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
