//! The parent's end: starts the child, reads its frames, and makes of its death a problem of the file.
//!
//! In: an open file and a [`Request`]. Out: what is read ([`Sheet`]), then [`Row`]s, as fast as the caller takes them: the
//! pipe holds the child back. A child that says nothing for too long is killed; so is one that is no longer wanted.
//!
//! Blocking: for threads that may block.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::frame::{Frame, Frames};
use super::limits::megabytes;
use super::{FileProblem, Limits, Request, Row, Sheet, child};

/// The program whose child reads: this one.
#[derive(Clone, Debug)]
pub struct Program(PathBuf);

impl Program {
    /// The program that is running, even if its file has been replaced since.
    pub fn this() -> io::Result<Program> {
        if cfg!(target_os = "linux") {
            return Ok(Program("/proc/self/exe".into()));
        }
        std::env::current_exe().map(Program)
    }

    /// A built program: for tests, which are another one.
    pub fn at(path: impl Into<PathBuf>) -> Program {
        Program(path.into())
    }
}

/// Why there are no more rows.
#[derive(Debug)]
pub enum Failure {
    /// The file is at fault.
    Problem(FileProblem),
    /// The child cannot be started or limited: the file is not.
    Io(io::Error),
}

impl From<FileProblem> for Failure {
    fn from(problem: FileProblem) -> Failure {
        Failure::Problem(problem)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Problem(problem) => write!(f, "{}: {}", problem.code.name(), problem.reason),
            Failure::Io(error) => write!(f, "the reader of spreadsheets does not start: {error}"),
        }
    }
}

impl std::error::Error for Failure {}

/// The rows of a file, read by a child. Dropped before the end, the child ends too.
pub struct Rows {
    child: Child,
    frames: Frames<BufReader<Patient>>,
    errors: Option<ChildStderr>,
    sheet: Sheet,
    limits: Limits,
    /// The row before.
    last: u32,
    ended: bool,
}

impl Rows {
    /// Starts a child on the file, and waits until it says what it reads.
    pub fn open(program: &Program, file: File, request: &Request) -> Result<Rows, Failure> {
        // A folder, a device, a pipe: there is no end to go to, and no beginning to come back to.
        if !file.metadata()?.is_file() {
            let suggestion = "copy it into a file, and name that";
            return Err(FileProblem::format("this is no file that can be read twice", suggestion).into());
        }
        let argument = serde_json::to_string(&fitting(request)).map_err(io::Error::from)?;
        let mut command = Command::new(&program.0);
        command.arg(child::COMMAND).arg(argument).env_clear();
        // Memory counts from the moment it is written to, so that the limit is of what is used.
        command.env("MIMALLOC_ARENA_EAGER_COMMIT", "0");
        command.stdin(Stdio::from(file)).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (stdout, errors) = (child.stdout.take(), child.stderr.take());
        let silence = Duration::from_secs(request.limits.silence_seconds);
        let patient = Patient { pipe: stdout.ok_or_else(|| io::Error::from(ErrorKind::BrokenPipe))?, silence };
        let sheet = Sheet {
            format: super::Format::Csv,
            name: String::new(),
            sheets: Vec::new(),
            delimiter: None,
            encoding: None,
        };
        let frames = Frames::new(BufReader::with_capacity(64 * 1024, patient));
        let mut rows = Rows { child, frames, errors, sheet, limits: request.limits.clone(), last: 0, ended: false };
        match rows.frame()? {
            Frame::Sheet(sheet) => rows.sheet = sheet,
            Frame::Problem(problem) => return Err(rows.over(short(problem))),
            Frame::Row(_) | Frame::End => return Err(rows.over(taken_over())),
        }
        Ok(rows)
    }

    pub fn sheet(&self) -> &Sheet {
        &self.sheet
    }

    /// The child's process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    fn row(&mut self) -> Result<Option<Row>, Failure> {
        match self.frame()? {
            Frame::Row(row) => {
                let beyond = row.cells.last().is_some_and(|(column, _)| *column >= self.limits.columns);
                if row.number <= self.last || row.cells.is_empty() || beyond {
                    return Err(self.over(taken_over()));
                }
                self.last = row.number;
                Ok(Some(row))
            }
            Frame::End => {
                // All is said; what the child may want to do now is not waited for.
                self.end();
                Ok(None)
            }
            Frame::Problem(problem) => Err(self.over(short(problem))),
            Frame::Sheet(_) => Err(self.over(taken_over())),
        }
    }

    fn frame(&mut self) -> Result<Frame, Failure> {
        match self.frames.next() {
            Ok(Some(frame)) => Ok(frame),
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                let seconds = self.limits.silence_seconds;
                Err(self.over(slow(&format!("the file gives nothing for {seconds} seconds"))))
            }
            Err(error) if error.kind() == ErrorKind::InvalidData => Err(self.over(taken_over())),
            // The pipe is closed before the end: the child is dead, or dies of what it was about to write.
            Ok(None) | Err(_) => Err(self.death()),
        }
    }

    /// Ends the child, whatever it does.
    fn over(&mut self, problem: FileProblem) -> Failure {
        self.end();
        problem.into()
    }

    fn end(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// Why the child died.
    fn death(&mut self) -> Failure {
        // Its end of the pipe is closed; a child that closes it and lives on is killed all the same.
        let mut last_words = Vec::new();
        if let Some(errors) = self.errors.take() {
            let patient = Patient { pipe: errors, silence: Duration::from_secs(5) };
            let _ = patient.take(16 * 1024).read_to_end(&mut last_words);
        }
        let status = match self.child.try_wait() {
            Ok(Some(status)) => Ok(status),
            Ok(None) => {
                let _ = self.child.kill();
                self.child.wait()
            }
            Err(error) => Err(error),
        };
        self.ended = true;
        match status {
            Ok(status) => self.cause(status, &String::from_utf8_lossy(&last_words)),
            Err(error) => error.into(),
        }
    }

    fn cause(&self, status: ExitStatus, last_words: &str) -> Failure {
        if status.code() == Some(i32::from(child::NOT_BEGUN)) {
            return io::Error::other(last_words.trim().to_owned()).into();
        }
        let lacked_memory = last_words.contains("memory allocation of") || last_words.contains("capacity overflow");
        if lacked_memory || killed_by(status) == Some(KILLED) {
            let most = megabytes(self.limits.memory_bytes);
            let reason = format!("reading the file needs more than {most} of memory");
            return FileProblem::too_large(reason, "split it, or save it as .csv").into();
        }
        if killed_by(status) == Some(TIME_IS_UP) {
            let reason = format!("reading the file needs more than {} seconds of computing", self.limits.cpu_seconds);
            return slow(&reason).into();
        }
        FileProblem::format("the file is damaged in a way that ends its reader", ANEW).into()
    }
}

/// The request as an argument can hold it, whatever a file is called: the extension is all that is asked of its name.
fn fitting(request: &Request) -> Request {
    const LETTERS: usize = 1_000;
    let file_name = request.file_name.as_ref().and_then(|name| name.rsplit_once('.'));
    let file_name = file_name.map(|(_, extension)| format!(".{}", extension.chars().take(20).collect::<String>()));
    // A sheet's name has at most 31 letters in Excel; one that is cut is not found.
    let sheet = request.sheet.as_ref().map(|name| name.chars().take(LETTERS).collect());
    Request { file_name, sheet, limits: request.limits.clone() }
}

/// Sentences of a child that keeps to its part are short.
fn short(problem: FileProblem) -> FileProblem {
    let cut = |text: String| if text.len() > 1_000 { text.chars().take(500).collect() } else { text };
    let (reason, suggestion) = (cut(problem.reason), cut(problem.suggestion));
    FileProblem { reason, suggestion, column: problem.column.map(cut), ..problem }
}

const ANEW: &str = "open it in a spreadsheet program, save it as .xlsx or .csv and send it again";

fn slow(reason: &str) -> FileProblem {
    FileProblem::too_large(reason, "split it, or save it as .csv")
}

/// What the child says is no frame.
fn taken_over() -> FileProblem {
    FileProblem::format("the file is damaged in a way that confuses its reader", ANEW)
}

/// SIGKILL: by the system, for want of memory, or by the hard limit of computing, which the soft one comes before.
const KILLED: i32 = 9;
/// SIGXCPU.
const TIME_IS_UP: i32 = 24;

#[cfg(unix)]
fn killed_by(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn killed_by(_: ExitStatus) -> Option<i32> {
    None
}

impl Iterator for Rows {
    type Item = Result<Row, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended { None } else { self.row().transpose() }
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.end();
    }
}

/// A pipe that is waited for so long, and no longer.
struct Patient<P = ChildStdout> {
    pipe: P,
    silence: Duration,
}

#[cfg(unix)]
impl<P: Read + std::os::fd::AsFd> Read for Patient<P> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};

        let seconds = i64::try_from(self.silence.as_secs()).unwrap_or(i64::MAX);
        let timeout = Timespec { tv_sec: seconds, tv_nsec: 0 };
        loop {
            match poll(&mut [PollFd::new(&self.pipe, PollFlags::IN)], Some(&timeout)) {
                Ok(0) => return Err(ErrorKind::TimedOut.into()),
                Ok(_) => return self.pipe.read(out),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(not(unix))]
impl<P: Read> Read for Patient<P> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.pipe.read(out)
    }
}
