//! The command line, run as a program: what it prints, where, and with which exit code.

mod bad_database;
mod config;
mod help;
mod import;
mod load;
mod people;
mod query;
mod seed;

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

/// A run of the program that is over.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs the program with nothing of this process' environment that would configure it.
pub fn timeledger(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
    run(&mut program(arguments))
}

/// The program, to be run in a folder without a configuration.
pub fn program(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = crate::support::program::timeledger(&[]);
    command.args(arguments).stdin(Stdio::null());
    command
}

pub fn run(command: &mut Command) -> Run {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    Run {
        code: status.code().expect("the program ends by itself"),
        out: String::from_utf8(stdout).expect("text"),
        err: String::from_utf8(stderr).expect("text"),
    }
}

impl Run {
    /// What it printed, where it went well and had nothing to say on standard error.
    #[track_caller]
    pub fn printed(&self) -> &str {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self.out.trim_end()
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.printed()).expect("JSON")
    }

    /// Its message, where it failed so and printed no data.
    #[track_caller]
    pub fn failed(&self, code: i32) -> &str {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{}", self.err);
        &self.err
    }
}
