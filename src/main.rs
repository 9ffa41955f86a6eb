//! The program: everything it does is a command of [`timeledger::cli`].

use std::process::ExitCode;

/// Answers are made of many small pieces, freed on another thread than they came from: glibc's allocator took a seventh
/// of the time of a small one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    timeledger::cli::run(std::env::args_os())
}
