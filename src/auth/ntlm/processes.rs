//! Processes of winbind's helper: a few stay open, each with one question at a time, and those that fall are started again.
//!
//! In: the text of a question. Out: the lines of its answer, and the process, which whoever asked puts back or drops: a
//! process that is dropped ends. What lines mean is known to those who ask.

use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::verifier::Denial;

/// Questions that may wait for a process.
const QUEUE: usize = 64;
/// For a process, and again for its answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// A helper that fell is started again after this, and after twice as long each time.
const FIRST_REST: Duration = Duration::from_millis(250);
const LONGEST_REST: Duration = Duration::from_secs(30);
/// Bytes of an answer. The longest holds a token.
const LONGEST_ANSWER: u64 = 128 * 1024;

/// Where an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With its only line.
    Line,
    /// With a line that is a lone `.`.
    Dot,
}

/// The helper's processes.
#[derive(Debug)]
pub(super) struct Helpers {
    /// Program and arguments.
    command: Vec<String>,
    end: End,
    running: Arc<Semaphore>,
    waiting: Semaphore,
    idle: Mutex<Vec<Process>>,
    rest: Mutex<Option<(Instant, Duration)>>,
}

/// A process in somebody's hands, and its place among those that run.
#[derive(Debug)]
pub(super) struct Taken {
    process: Process,
    place: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Process {
    _child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// After a refusal one lone `.` more may come.
    may_owe_a_dot: bool,
}

impl Helpers {
    /// At most `processes` of the command at once.
    pub(super) fn new(command: Vec<String>, processes: usize, end: End) -> Helpers {
        Helpers {
            command,
            end,
            running: Arc::new(Semaphore::new(processes)),
            waiting: Semaphore::new(processes + QUEUE),
            idle: Mutex::default(),
            rest: Mutex::default(),
        }
    }

    /// Asks an idle process, or a new one.
    pub(super) async fn ask(&self, question: &str) -> Result<(Taken, Vec<String>), Denial> {
        let busy = || Denial::Unavailable("too many questions wait for the helper".to_owned());
        let _place = self.waiting.try_acquire().map_err(|_| busy())?;
        // Who waited in vain for others says nothing against the helper.
        let place = timeout(PATIENCE, Arc::clone(&self.running).acquire_owned()).await;
        let place = place.ok().and_then(Result::ok).ok_or_else(busy)?;
        let asked = async {
            // An idle one may have ended unseen: then a new one is asked.
            while let Some(mut process) = self.idle() {
                if let Ok(lines) = process.ask(question, self.end).await {
                    return Ok((process, Ok(lines)));
                }
            }
            let mut process = self.start()?;
            let answer = process.ask(question, self.end).await;
            Ok((process, answer))
        };
        // What is cut off here is dropped, and its process ends with it.
        match timeout(PATIENCE, asked).await {
            Err(_) => Err(self.silent()),
            Ok(Err(denial)) => Err(denial),
            Ok(Ok((process, answer))) => self.heard(Taken { process, place }, answer),
        }
    }

    /// Asks a process further.
    pub(super) async fn ask_again(&self, mut taken: Taken, question: &str) -> Result<(Taken, Vec<String>), Denial> {
        match timeout(PATIENCE, taken.process.ask(question, self.end)).await {
            Err(_) => Err(self.silent()),
            Ok(answer) => self.heard(taken, answer),
        }
    }

    fn heard(&self, taken: Taken, answer: std::io::Result<Vec<String>>) -> Result<(Taken, Vec<String>), Denial> {
        match answer {
            Ok(lines) => Ok((taken, lines)),
            Err(error) => {
                self.fell();
                Err(Denial::Unavailable(format!("the helper broke off: {error}")))
            }
        }
    }

    fn silent(&self) -> Denial {
        self.fell();
        Denial::Unavailable("the helper is silent".to_owned())
    }

    /// It is whole, and the next question is another's.
    pub(super) fn put_back(&self, taken: Taken) {
        *lock(&self.rest) = None;
        let Taken { process, place } = taken;
        lock(&self.idle).push(process);
        drop(place);
    }

    fn idle(&self) -> Option<Process> {
        lock(&self.idle).pop()
    }

    fn start(&self) -> Result<Process, Denial> {
        if lock(&self.rest).is_some_and(|(until, _)| Instant::now() < until) {
            return Err(Denial::Unavailable("the helper fell and is not started again yet".to_owned()));
        }
        Process::start(&self.command).map_err(|error| {
            self.fell();
            Denial::Unavailable(format!("the helper does not start: {error}"))
        })
    }

    /// A process was of no use: the next is not started at once.
    pub(super) fn fell(&self) {
        let mut rest = lock(&self.rest);
        let length = rest.map_or(FIRST_REST, |(_, length)| (2 * length).min(LONGEST_REST));
        *rest = Some((Instant::now() + length, length));
    }
}

impl Process {
    fn start(command: &[String]) -> std::io::Result<Process> {
        let missing = || std::io::Error::other("no command is configured");
        let (program, arguments) = command.split_first().ok_or_else(missing)?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let questions = child.stdin.take().ok_or_else(missing)?;
        let answers = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        Ok(Process { _child: child, questions, answers, may_owe_a_dot: false })
    }

    /// Fails where anything lies there that was said after the answer before: it would be taken for the answer to the next
    /// question, which is somebody else's. Gives whether the dot of a refusal may still come.
    async fn has_said_no_more(&mut self) -> std::io::Result<bool> {
        // What has arrived is seen once the runtime has looked.
        tokio::task::yield_now().await;
        let mut owes = std::mem::take(&mut self.may_owe_a_dot);
        loop {
            let answers = &mut self.answers;
            let there = std::future::poll_fn(|cx| match Pin::new(&mut *answers).poll_fill_buf(cx) {
                Poll::Ready(read) => Poll::Ready(read.map(|bytes| Some(bytes.to_vec()))),
                Poll::Pending => Poll::Ready(Ok(None)),
            });
            match there.await?.as_deref() {
                None => return Ok(owes),
                Some(b".\n" | b".\r\n") if owes => {
                    owes = false;
                    let length = self.answers.buffer().len();
                    self.answers.consume(length);
                }
                Some(b"") => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                Some(_) => return Err(std::io::Error::other("it said more than it was asked")),
            }
        }
    }

    async fn ask(&mut self, question: &str, end: End) -> std::io::Result<Vec<String>> {
        let may_begin_with_a_dot = self.has_said_no_more().await?;
        self.questions.write_all(question.as_bytes()).await?;
        self.questions.flush().await?;
        let mut answers = (&mut self.answers).take(LONGEST_ANSWER);
        let (mut lines, mut owes_a_dot) = (Vec::new(), may_begin_with_a_dot);
        loop {
            let mut line = String::new();
            answers.read_line(&mut line).await?;
            if !line.ends_with('\n') {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            match (end, line.trim_end_matches(['\r', '\n'])) {
                (End::Line, line) => return Ok(vec![line.to_owned()]),
                (End::Dot, ".") if lines.is_empty() && owes_a_dot => owes_a_dot = false,
                (End::Dot, ".") => {
                    self.may_owe_a_dot = lines.iter().any(|line| line == "Authenticated: No");
                    return Ok(lines);
                }
                (End::Dot, line) => lines.push(line.to_owned()),
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
