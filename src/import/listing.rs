//! What becomes of each row of a file (UX-81), good ones too.
//!
//! In: rows and their fates, batch by batch, in the order of the file. Out: pages of them, each row at fault with its
//! problems. The list is as long as the file and is never held: it goes to a temporary file, from there in pieces to the
//! files of the job, under the job's own id, and a page reads the pieces that it touches.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use serde::Serialize;

use super::problem::Problem;
use super::run::{ImportError, MOST_PROBLEMS};
use crate::db::{AsConn, DbError, Tx};
use crate::domain::jobs::{files, read};
use crate::sql::{Guid, Instant};

/// What a row becomes, or would become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    New,
    Changed,
    /// A log that was deleted since comes back.
    Restored,
    Unchanged,
    /// A row above has its id.
    Duplicate,
    Error,
}

impl Fate {
    const ALL: [Fate; 6] = [Fate::New, Fate::Changed, Fate::Restored, Fate::Unchanged, Fate::Duplicate, Fate::Error];

    fn is_bad(self) -> bool {
        matches!(self, Fate::Duplicate | Fate::Error)
    }
}

/// Bytes of a row: its number, and its fate.
const WIDTH: usize = 5;
/// Rows of a piece.
const ROWS: usize = 8_192;

/// The list of a file that is being read.
#[derive(Debug)]
pub struct Listing(BufWriter<File>);

impl Listing {
    pub fn new() -> io::Result<Listing> {
        Ok(Listing(BufWriter::new(tempfile::tempfile()?)))
    }

    /// Adds the next rows.
    pub fn add(&mut self, rows: &[(u32, Fate)]) -> io::Result<()> {
        for (row, fate) in rows {
            self.0.write_all(&row.to_le_bytes())?;
            self.0.write_all(&[*fate as u8])?;
        }
        Ok(())
    }

    /// Keeps the list with its job.
    pub fn keep(&mut self, tx: &mut Tx<'_>, job: Guid, now: Instant) -> Result<(), ImportError> {
        self.0.flush()?;
        let mut file = self.0.get_ref();
        file.seek(SeekFrom::Start(0))?;
        files::remove(tx, job)?;
        for number in 0.. {
            let mut piece = Vec::with_capacity(ROWS * WIDTH);
            file.take((ROWS * WIDTH) as u64).read_to_end(&mut piece)?;
            if piece.is_empty() {
                break;
            }
            files::add(tx, job, number, &piece, now)?;
        }
        Ok(())
    }
}

/// A row of the list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed {
    /// As a spreadsheet numbers it.
    pub row: u32,
    pub status: Fate,
    pub problems: Vec<Problem>,
}

/// Rows of the list of a job, in their order.
pub fn page(conn: &mut impl AsConn, job: Guid, skip: i64, count: i64) -> Result<Vec<Listed>, DbError> {
    let rows = fates(conn, job, skip, count)?;
    let bad = || rows.iter().filter(|(_, fate)| fate.is_bad()).map(|(row, _)| *row);
    let problems = match (bad().next(), bad().next_back()) {
        (Some(first), Some(last)) => problems_of(conn, job, first, last)?,
        _ => Vec::new(),
    };
    let mut by_row: HashMap<u32, Vec<Problem>> = HashMap::new();
    for problem in problems {
        if let Some(row) = problem.row {
            by_row.entry(row).or_default().push(problem);
        }
    }
    let listed = |(row, status)| Listed { row, status, problems: by_row.remove(&row).unwrap_or_default() };
    Ok(rows.into_iter().map(listed).collect())
}

fn fates(conn: &mut impl AsConn, job: Guid, skip: i64, count: i64) -> Result<Vec<(u32, Fate)>, DbError> {
    let (skip, count) = (usize::try_from(skip).unwrap_or(usize::MAX), usize::try_from(count).unwrap_or_default());
    let (mut number, mut within) = (skip / ROWS, skip % ROWS);
    let mut rows = Vec::with_capacity(count.min(ROWS));
    while rows.len() < count {
        let Ok(piece) = i32::try_from(number) else { break };
        let Some(piece) = files::piece(conn, job, piece)? else { break };
        for record in piece.chunks_exact(WIDTH).skip(within).take(count - rows.len()) {
            let [a, b, c, d, fate] = *record else { continue };
            let wrong = || DbError::Other(format!("job_files: no fate {fate}"));
            let fate = Fate::ALL.get(usize::from(fate)).ok_or_else(wrong)?;
            rows.push((u32::from_le_bytes([a, b, c, d]), *fate));
        }
        (number, within) = (number + 1, 0);
    }
    Ok(rows)
}

/// Problems of the rows from one to another. They are kept in the order of their rows, but for the first of all, which may
/// speak for the whole file: the others are found by halving.
fn problems_of(conn: &mut impl AsConn, job: Guid, first: u32, last: u32) -> Result<Vec<Problem>, DbError> {
    let within = |problem: &Problem| problem.row.is_some_and(|row| (first..=last).contains(&row));
    let mut found: Vec<Problem> = problems(conn, job, 0, 1)?.into_iter().filter(within).collect();
    let (mut low, mut high) = (1, MOST_PROBLEMS as i64 + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match problems(conn, job, middle, 1)?.first() {
            Some(problem) if problem.row < Some(first) => low = middle + 1,
            _ => high = middle,
        }
    }
    loop {
        let next = problems(conn, job, low, STEP)?;
        low += STEP;
        let is_last = (next.len() as i64) < STEP || next.last().is_some_and(|problem| problem.row > Some(last));
        found.extend(next.into_iter().filter(within));
        if is_last {
            return Ok(found);
        }
    }
}

/// Problems of one statement.
const STEP: i64 = 500;

fn problems(conn: &mut impl AsConn, job: Guid, skip: i64, count: i64) -> Result<Vec<Problem>, DbError> {
    let unreadable = |error: serde_json::Error| DbError::Other(format!("job_problems.problem: {error}"));
    let texts = read::problems(conn, job, skip, count)?.into_iter();
    texts.map(|text| serde_json::from_str(&text).map_err(unreadable)).collect()
}
