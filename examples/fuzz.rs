//! Long runs of the fuzz targets: `cargo run --release --example fuzz -- [TARGET…] [--seconds N] [--seed N] [--from N]`.
//!
//! All targets unless some are named, each for that long. Ends with 1 at a finding, whose seed and number repeat it:
//! `fuzz filter --seed 7 --from 123456 --seconds 1`. After a crash without a message (a stack overflow), repeat from the
//! last number that was printed.

#![allow(clippy::disallowed_methods, reason = "an example stands outside the rooms")]

#[path = "../fuzz/mod.rs"]
mod engine;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use engine::Run;
use engine::targets::{TARGETS, Target};

/// OD-165; a debug build is slower.
const LONGEST: Duration = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 1 });
/// Longest input: more than a URL, well below the largest body.
const SIZE: usize = 64 * 1024;
const PRINT_EVERY: u64 = 10_000;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut seconds, mut seed, mut from) = (60, 1, 0);
    let mut names = Vec::new();
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse::<u64>().ok());
        match argument.as_str() {
            "--seconds" => seconds = number().unwrap_or(seconds),
            "--seed" => seed = number().unwrap_or(seed),
            "--from" => from = number().unwrap_or(from),
            _ => names.push(argument),
        }
    }
    let chosen: Vec<&'static Target> = TARGETS
        .iter()
        .copied()
        .filter(|target| names.is_empty() || names.iter().any(|name| name == target.name))
        .collect();
    if chosen.is_empty() {
        let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("no such target; there are: {}", known.join(", "));
        return ExitCode::from(2);
    }
    for target in chosen {
        let until = Instant::now() + Duration::from_secs(seconds);
        let done = move |number: u64| {
            if number.is_multiple_of(PRINT_EVERY) {
                println!("{}: at {}", target.name, from + number);
            }
            Instant::now() >= until
        };
        match engine::run(target, Run { seed, from, size: SIZE, time: LONGEST }, done) {
            Ok(report) => println!(
                "{}: {} inputs, {} accepted, slowest {:?}, no finding",
                target.name, report.inputs, report.accepted, report.slowest
            ),
            Err(finding) => {
                println!("FINDING {finding}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
