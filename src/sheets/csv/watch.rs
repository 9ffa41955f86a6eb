//! What the record reader does not tell: a quoted text that is never closed, a row without an end, a NUL.
//!
//! In: UTF-8 on its way to the record reader. Out: the same bytes; at the first fault an error, and the problem beside it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::rc::Rc;

use crate::sheets::FileProblem;

/// What the watch and the record loop share.
#[derive(Clone, Debug, Default)]
pub struct Budget(Rc<RefCell<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    /// Bytes that were handed on since the last record was whole.
    handed: usize,
    /// Rows that begin in what was handed on, and are not empty: the record reader skips those that are.
    begun: VecDeque<u32>,
    problem: Option<FileProblem>,
}

impl Budget {
    /// A record is whole.
    pub fn renew(&self) {
        self.0.borrow_mut().handed = 0;
    }

    /// The row of the next record.
    pub fn row(&self) -> Option<u32> {
        self.0.borrow_mut().begun.pop_front()
    }

    pub fn problem(&self) -> Option<FileProblem> {
        self.0.borrow_mut().problem.take()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the beginning of a field.
    Field,
    Plain,
    Quoted,
    /// Behind a quote in a quoted text: its end, or the first of two.
    Quote,
}

pub struct Watch<R> {
    from: R,
    delimiter: u8,
    row_bytes: usize,
    budget: Budget,
    state: State,
    /// The row, and whether something has stood in it; the row in which the open quote stands.
    row: u32,
    begun: bool,
    quoted_from: u32,
    /// Behind a carriage return: a line feed belongs to it.
    returned: bool,
}

impl<R: Read> Watch<R> {
    /// The first row has that number: 0 where a spreadsheet does not show it.
    pub fn new(from: R, delimiter: u8, row: u32, row_bytes: usize, budget: Budget) -> Watch<R> {
        let state = State::Field;
        Watch { from, delimiter, row_bytes, budget, state, row, begun: false, quoted_from: row, returned: false }
    }

    fn fault(&self, problem: FileProblem) -> io::Error {
        self.budget.0.borrow_mut().problem = Some(problem);
        io::ErrorKind::InvalidData.into()
    }

    fn unclosed(&self) -> io::Error {
        let suggestion = "close it with a second quote; a quote within a text is written twice";
        self.fault(
            FileProblem::format("a quote opens a text that no quote closes", suggestion).at_row(self.quoted_from),
        )
    }

    fn walk(&mut self, bytes: &[u8]) -> io::Result<()> {
        for byte in bytes {
            let returned = std::mem::replace(&mut self.returned, *byte == b'\r');
            if *byte == 0 {
                let problem = FileProblem::format("the text holds a NUL character", "save it as .csv in UTF-8");
                return Err(self.fault(problem.at_row(self.row)));
            }
            if !self.begun && !matches!(byte, b'\n' | b'\r') {
                self.begun = true;
                self.budget.0.borrow_mut().begun.push_back(self.row);
            }
            self.state = match (self.state, *byte) {
                (State::Field, b'"') => {
                    self.quoted_from = self.row;
                    State::Quoted
                }
                (State::Quoted, b'"') => State::Quote,
                (State::Quoted, _) => State::Quoted,
                (State::Quote, b'"') => State::Quoted,
                (_, b'\n') if returned => State::Field,
                (_, b'\n' | b'\r') => {
                    self.row = self.row.saturating_add(1);
                    self.begun = false;
                    State::Field
                }
                (_, byte) if byte == self.delimiter => State::Field,
                (_, _) => State::Plain,
            };
        }
        Ok(())
    }
}

impl<R: Read> Read for Watch<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(out)?;
        self.walk(&out[..read])?;
        if read == 0 && self.state == State::Quoted {
            return Err(self.unclosed());
        }
        let handed = {
            let mut shared = self.budget.0.borrow_mut();
            shared.handed = shared.handed.saturating_add(read);
            shared.handed
        };
        // The record reader takes a buffer ahead of what it has made a record of.
        if handed > self.row_bytes.saturating_add(out.len()) {
            if self.state == State::Quoted {
                return Err(self.unclosed());
            }
            let reason = format!("a row is longer than {} bytes", self.row_bytes);
            return Err(self.fault(FileProblem::too_large(reason, "shorten its texts").at_row(self.row)));
        }
        Ok(read)
    }
}
