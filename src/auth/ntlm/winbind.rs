//! The domain's word, through winbind's `ntlm_auth --helper-protocol=ntlm-server-1` (AU-40).
//!
//! In: a [`Claim`]. Out: the session base key that the domain gives. A few processes stay open, each with one question at
//! a time; a question is lines that end with a lone `.`, and so is an answer. What a client sent reaches a line in letters that
//! cannot end it, or in base64.

use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::connection::Claim;
use super::verifier::{Denial, Verdict, Verifier};
use super::verify::Key;

/// Processes at once.
const PROCESSES: usize = 4;
/// Questions that may wait for one.
const QUEUE: usize = 64;
/// For an answer, with the start of the process.
const PATIENCE: Duration = Duration::from_secs(5);
/// A helper that fell is started again after this, and after twice as long each time.
const FIRST_REST: Duration = Duration::from_millis(250);
const LONGEST_REST: Duration = Duration::from_secs(30);
/// Bytes of an answer; one has four short lines.
const LONGEST_ANSWER: u64 = 8 * 1024;

/// The helper's processes.
#[derive(Debug)]
pub struct Winbind {
    /// Program and arguments.
    command: Vec<String>,
    running: Semaphore,
    waiting: Semaphore,
    idle: Mutex<Vec<Helper>>,
    rest: Mutex<Option<(Instant, Duration)>>,
}

#[derive(Debug)]
struct Helper {
    _process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Winbind {
    pub fn new(command: Vec<String>) -> Winbind {
        Winbind {
            command,
            running: Semaphore::new(PROCESSES),
            waiting: Semaphore::new(PROCESSES + QUEUE),
            idle: Mutex::default(),
            rest: Mutex::default(),
        }
    }

    async fn verdict(&self, claim: Claim<'_>) -> Result<Key, Denial> {
        let unavailable = |why: &str| Denial::Unavailable(why.to_owned());
        let _place = self.waiting.try_acquire().map_err(|_| unavailable("too many questions wait for the helper"))?;
        let ask = async {
            let _turn = self.running.acquire().await.map_err(|_| unavailable("the helper is closed"))?;
            let question = question(&claim);
            // An idle one may have ended unseen: then a new one is asked.
            while let Some(mut helper) = self.idle() {
                if let Ok(lines) = helper.ask(&question).await {
                    return Ok((helper, Ok(lines)));
                }
            }
            let mut helper = self.start()?;
            let answer = helper.ask(&question).await;
            Ok((helper, answer))
        };
        // What is cut off here is dropped, and its process ends with it.
        match tokio::time::timeout(PATIENCE, ask).await {
            Err(_) => {
                self.fell();
                Err(unavailable("the helper is silent"))
            }
            Ok(Err(denial)) => Err(denial),
            Ok(Ok((_, Err(error)))) => {
                self.fell();
                Err(Denial::Unavailable(format!("the helper broke off: {error}")))
            }
            Ok(Ok((helper, Ok(lines)))) => {
                *lock(&self.rest) = None;
                lock(&self.idle).push(helper);
                read(&lines)
            }
        }
    }

    fn idle(&self) -> Option<Helper> {
        lock(&self.idle).pop()
    }

    fn start(&self) -> Result<Helper, Denial> {
        if lock(&self.rest).is_some_and(|(until, _)| Instant::now() < until) {
            return Err(Denial::Unavailable("the helper fell and is not started again yet".to_owned()));
        }
        let started = Helper::start(&self.command);
        started.map_err(|error| {
            self.fell();
            Denial::Unavailable(format!("the helper does not start: {error}"))
        })
    }

    fn fell(&self) {
        let mut rest = lock(&self.rest);
        let length = rest.map_or(FIRST_REST, |(_, length)| (2 * length).min(LONGEST_REST));
        *rest = Some((Instant::now() + length, length));
    }
}

impl Verifier for Winbind {
    fn session_base_key<'a>(&'a self, claim: Claim<'a>) -> Verdict<'a> {
        Box::pin(self.verdict(claim))
    }

    fn asks_a_domain(&self) -> bool {
        true
    }
}

impl Helper {
    fn start(command: &[String]) -> std::io::Result<Helper> {
        let missing = || std::io::Error::other("no command is configured");
        let (program, arguments) = command.split_first().ok_or_else(missing)?;
        let mut process = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let questions = process.stdin.take().ok_or_else(missing)?;
        let answers = BufReader::new(process.stdout.take().ok_or_else(missing)?);
        Ok(Helper { _process: process, questions, answers })
    }

    async fn ask(&mut self, question: &str) -> std::io::Result<Vec<String>> {
        self.questions.write_all(question.as_bytes()).await?;
        self.questions.flush().await?;
        let mut answers = (&mut self.answers).take(LONGEST_ANSWER);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if answers.read_line(&mut line).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim_end() {
                // After a refusal comes one lone `.` more, which stands before the next answer then.
                "." if lines.is_empty() => {}
                "." => return Ok(lines),
                line => lines.push(line.to_owned()),
            }
        }
    }
}

fn question(claim: &Claim<'_>) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut lines = String::new();
    for (name, value) in [("Username", claim.user), ("NT-Domain", claim.domain)] {
        if value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte)) {
            lines.push_str(&format!("{name}: {value}\n"));
        } else {
            lines.push_str(&format!("{name}:: {}\n", STANDARD.encode(value)));
        }
    }
    lines.push_str(&format!("LANMAN-Challenge: {}\n", hex(&claim.server_challenge)));
    lines.push_str(&format!("NT-Response: {}\n", hex(claim.nt)));
    lines.push_str("Request-User-Session-Key: Yes\n.\n");
    lines
}

/// `Authenticated: Yes` with a key of 32 hex digits, or the domain's reason.
fn read(lines: &[String]) -> Result<Key, Denial> {
    let value = |name: &str| {
        let found = lines.iter().filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name);
        found.map(|(_, value)| value.trim())
    };
    match value("Authenticated") {
        Some("Yes") => {
            let key = value("User-Session-Key").and_then(sixteen_bytes);
            key.ok_or_else(|| Denial::Unavailable("the helper gave no session key".to_owned()))
        }
        Some("No") => {
            let why = value("Authentication-Error").unwrap_or("no reason");
            let down = ["NO_LOGON_SERVERS", "DOMAIN_CONTROLLER_NOT_FOUND", "TRUSTED_RELATIONSHIP_FAILURE", "winbind"];
            let why = why.chars().take(200).collect::<String>();
            Err(if down.iter().any(|word| why.contains(word)) {
                Denial::Unavailable(why)
            } else {
                Denial::Refused(why)
            })
        }
        _ => Err(Denial::Unavailable("the helper's answer is none".to_owned())),
    }
}

fn sixteen_bytes(hex: &str) -> Option<Key> {
    let mut key = [0; 16];
    if hex.len() != 32 || !hex.is_ascii() {
        return None;
    }
    for (byte, at) in key.iter_mut().zip((0..32).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
    }
    Some(Key(key))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attack 15: what a client calls itself stays inside of its line.
    #[test]
    fn au_40_no_letter_of_a_client_ends_a_line() {
        for user in ["ann\nAuthenticated: Yes", "ann\0", ".", "ann\r.", "Müller", "a b"] {
            let claim = Claim { user, domain: "CORP\n.", server_challenge: [1; 8], nt: &[0xab; 44] };
            let text = question(&claim);
            let lines: Vec<&str> = text.split('\n').collect();
            assert_eq!(lines.len(), 7, "{user:?}: {text}");
            assert!(lines[1].starts_with("NT-Domain:: ") && lines[5] == "." && lines[6].is_empty());
            assert_eq!(lines.iter().filter(|line| **line == ".").count(), 1);
            assert!(lines[0].starts_with("Username:"), "{user:?}");
        }
        let claim = Claim { user: "ann", domain: "CORP", server_challenge: [0x0f; 8], nt: &[1, 2] };
        assert!(question(&claim).starts_with("Username: ann\nNT-Domain: CORP\nLANMAN-Challenge: 0f0f0f0f0f0f0f0f\n"));
    }

    #[test]
    fn au_40_answers_are_read_or_are_none() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let key = read(&lines("Authenticated: Yes\nUser-Session-Key: 000102030405060708090A0B0C0D0E0F"));
        assert_eq!(key, Ok(Key([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])));
        let refused = read(&lines("Authenticated: No\nAuthentication-Error: NT_STATUS_WRONG_PASSWORD"));
        assert_eq!(refused, Err(Denial::Refused("NT_STATUS_WRONG_PASSWORD".to_owned())));
        for broken in [
            "",
            "Authenticated: Yes",
            "Authenticated: Yes\nUser-Session-Key: 00",
            "Error: what",
            "Authenticated: Maybe",
        ] {
            assert!(matches!(read(&lines(broken)), Err(Denial::Unavailable(_))), "{broken}");
        }
        let down = "Authenticated: No\nAuthentication-Error: NT_STATUS_NO_LOGON_SERVERS";
        assert!(matches!(read(&lines(down)), Err(Denial::Unavailable(_))));
    }
}
