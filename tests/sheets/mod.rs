//! Files that come in: read by a child of the built program, mapped to rows; what is wrong with one is said, and nothing
//! that a file holds hurts the server.

pub mod book;
mod child;
mod mapped;
mod real;
mod reported;
mod spoilt;

use std::io::{Seek, SeekFrom, Write};

use timeledger::import::columns::{self, Mapped, Stop};
use timeledger::import::problem::Problem;
use timeledger::import::profile::Profile;
use timeledger::sheets::{Failure, Limits, Program, Request, Row, Rows};

/// The program whose child reads.
fn program() -> Program {
    Program::at(env!("CARGO_BIN_EXE_timeledger"))
}

/// Opens a file of these bytes, as it is uploaded under a name.
fn open(name: &str, bytes: &[u8], limits: &Limits) -> Result<Rows, Failure> {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("written");
    file.seek(SeekFrom::Start(0)).expect("at its beginning");
    let request = Request { file_name: Some(name.to_owned()), sheet: None, limits: limits.clone() };
    Rows::open(&program(), file, &request)
}

/// All rows, or the problem of the file.
fn rows(name: &str, bytes: &[u8]) -> Result<Vec<Row>, Problem> {
    rows_within(name, bytes, &Limits::default())
}

fn rows_within(name: &str, bytes: &[u8], limits: &Limits) -> Result<Vec<Row>, Problem> {
    open(name, bytes, limits).and_then(Iterator::collect).map_err(|failure| match failure {
        Failure::Problem(problem) => problem.into(),
        Failure::Io(error) => panic!("{name}: {error}"),
    })
}

/// The file's rows as an import sees them, and everything that is wrong.
fn mapped(name: &str, bytes: &[u8], profile: &Profile) -> (Vec<columns::ImportRow>, Vec<Problem>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    let problem = |stop: Stop| match stop {
        Stop::Problem(problem) => problem,
        Stop::Io(error) => panic!("{name}: {error}"),
    };
    let opened = open(name, bytes, &Limits::default()).map_err(Stop::from);
    let mapping = opened.and_then(|rows| columns::map(rows, profile));
    match mapping {
        Err(stop) => bad.push(problem(stop)),
        Ok(mapping) => {
            for row in mapping {
                match row {
                    Ok(Mapped::Row(row)) => good.push(*row),
                    Ok(Mapped::Problems { problems, .. }) => bad.extend(problems),
                    Err(stop) => bad.push(problem(stop)),
                }
            }
        }
    }
    (good, bad)
}
