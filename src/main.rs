//! The program: everything it does is a command of [`timeledger::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    timeledger::cli::run(std::env::args_os())
}
