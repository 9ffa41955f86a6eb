//! Fuzzing of every parser of what is sent (OD-152, OD-165), on stable Rust: made inputs, from the text to the SQL of both
//! back ends, without a database; and files that are uploaded.
//!
//! A short run is part of the tests (`tests/fuzz.rs`); `cargo run --release --example fuzz` runs longer. Input *n* of a
//! seed is always the same, so a finding is repeated by its number.

mod browser;
mod files;
mod mutate;
mod seeds;
mod sign_in;
pub mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use mutate::Mutator;
use targets::Target;

/// What a run did.
#[derive(Debug, Default)]
pub struct Report {
    pub inputs: u64,
    /// Inputs that were answered rather than refused.
    pub accepted: u64,
    pub slowest: Duration,
}

/// A stack as small as that of a thread of the server.
const STACK: usize = 2 * 1024 * 1024;

/// Which inputs, and what they may cost.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub seed: u64,
    /// Number of the first input.
    pub from: u64,
    /// Longest input, in bytes.
    pub size: usize,
    /// Longest time of one.
    pub time: Duration,
}

/// Runs inputs until `done` says so of their count. The first finding ends it: a message with the input.
pub fn run(
    target: &'static Target,
    Run { seed, from, size, time }: Run,
    done: impl Fn(u64) -> bool + Send + 'static,
) -> Result<Report, String> {
    let work = move || {
        let mutator = Mutator::new(target, size);
        let mut report = Report::default();
        let mut number = from;
        while !done(number - from) {
            let input = mutator.input(seed, number);
            let began = Instant::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| (target.check)(&input)));
            let took = began.elapsed();
            let finding = match outcome {
                Ok(Ok(accepted)) => {
                    report.accepted += u64::from(accepted);
                    (took > time).then(|| format!("took {took:?}"))
                }
                Ok(Err(finding)) => Some(finding),
                Err(_) => Some("panicked".to_owned()),
            };
            if let Some(finding) = finding {
                return Err(format!("{} seed {seed} input {number}: {finding}\n{}", target.name, shown(&input)));
            }
            report.inputs += 1;
            report.slowest = report.slowest.max(took);
            number += 1;
        }
        Ok(report)
    };
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(work).map_err(|error| error.to_string())?;
    thread.join().unwrap_or_else(|_| Err(format!("{}: the run itself panicked", target.name)))
}

/// The beginning and the end of an input.
fn shown(input: &[u8]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if input.len() <= 1_200 {
        return text(input);
    }
    format!("{} … {} bytes … {}", text(&input[..600]), input.len(), text(&input[input.len() - 600..]))
}
