//! The child: the process that a file may kill.
//!
//! In: the file as standard input, a [`Request`] in JSON as the one argument. Out: frames on standard output. The first
//! thing it does is to limit itself: memory, computing time, no new files, no core. It has no configuration, no database
//! and an empty environment, so that there is nothing in it to be had.

use std::ffi::OsString;
use std::io::{self, BufWriter};
use std::process::ExitCode;

use super::frame::Writer;
use super::{ReadError, Request, Row, Sheet, Sink};

/// The first argument of the program; no command of a user's.
pub const COMMAND: &str = "read-sheet";

/// The exit of a child that could not begin: the server's trouble, not the file's.
pub(super) const NOT_BEGUN: u8 = 70;

/// Runs the child to its end.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match begun(arguments) {
        Ok((file, request)) => {
            let mut out = Writer::new(BufWriter::with_capacity(64 * 1024, io::stdout().lock()));
            let outcome = super::read(file, &request, &mut Frames(&mut out));
            let told = match outcome {
                Ok(()) => out.end(),
                Err(ReadError::Problem(problem)) => out.problem(&problem),
                Err(ReadError::Sink(error)) => Err(error),
            };
            // Nobody reads any more.
            if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            anstream::eprintln!("{COMMAND} reads a spreadsheet for the server; it is no command to be called: {error}");
            ExitCode::from(NOT_BEGUN)
        }
    }
}

struct Frames<'a, W: io::Write>(&'a mut Writer<W>);

impl<W: io::Write> Sink for Frames<'_, W> {
    fn sheet(&mut self, sheet: &Sheet) -> io::Result<()> {
        self.0.sheet(sheet)
    }

    fn row(&mut self, row: &Row) -> io::Result<()> {
        self.0.row(row)
    }
}

fn begun(arguments: impl IntoIterator<Item = OsString>) -> io::Result<(std::fs::File, Request)> {
    let mut arguments = arguments.into_iter();
    let request = arguments.next().and_then(|text| text.into_string().ok());
    let request: Request = serde_json::from_str(&request.ok_or(io::ErrorKind::InvalidInput)?)?;
    let file = input()?;
    limit(&request.limits)?;
    Ok((file, request))
}

#[cfg(unix)]
fn input() -> io::Result<std::fs::File> {
    use std::os::fd::AsFd;

    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn input() -> io::Result<std::fs::File> {
    use std::os::windows::io::AsHandle;

    Ok(io::stdin().as_handle().try_clone_to_owned()?.into())
}

/// Memory, computing, files. What the limits of the file's content allow lies well below.
#[cfg(target_os = "linux")]
fn limit(limits: &super::Limits) -> io::Result<()> {
    use rustix::process::Resource;

    set(Resource::Data, limits.memory_bytes)?;
    // A reader may ask for room that it never fills; the allocator's own reserve stands beside.
    set(Resource::As, limits.memory_bytes.saturating_mul(2).saturating_add(ALLOCATOR_RESERVE))?;
    computing(limits)?;
    set(Resource::Core, 0)?;
    set(Resource::Fsize, 0)?;
    set(Resource::Nproc, 0)?;
    // What is open stays; nothing more is opened.
    set(Resource::Nofile, 0)
}

/// Address space that the allocator reserves at once, without memory behind it.
#[cfg(target_os = "linux")]
const ALLOCATOR_RESERVE: u64 = 2 * 1024 * 1024 * 1024;

/// Other systems know some of the limits; those of the file's content and the parent's patience hold everywhere.
#[cfg(all(unix, not(target_os = "linux")))]
fn limit(limits: &super::Limits) -> io::Result<()> {
    use rustix::process::Resource;

    computing(limits)?;
    set(Resource::Core, 0)?;
    set(Resource::Fsize, 0)
}

#[cfg(not(unix))]
fn limit(_: &super::Limits) -> io::Result<()> {
    Ok(())
}

/// The soft limit comes first, with a signal that tells it from a kill for want of memory.
#[cfg(unix)]
fn computing(limits: &super::Limits) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let before = getrlimit(Resource::Cpu).maximum;
    let most = before.map_or(limits.cpu_seconds, |before| before.min(limits.cpu_seconds));
    let maximum = before.map_or(most + 5, |before| before.min(most + 5));
    Ok(setrlimit(Resource::Cpu, Rlimit { current: Some(most), maximum: Some(maximum) })?)
}

#[cfg(unix)]
fn set(resource: rustix::process::Resource, most: u64) -> io::Result<()> {
    use rustix::process::{Rlimit, getrlimit, setrlimit};

    // A lower limit of whoever started the server stays.
    let most = getrlimit(resource).maximum.map_or(most, |maximum| maximum.min(most));
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}
