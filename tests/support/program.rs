//! The built program, run as a user runs it.

use std::process::{Command, Output};

/// A command of the program, without the configuration of whoever runs the tests.
pub fn timeledger(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_timeledger"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TIMELEDGER_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).current_dir(env!("CARGO_TARGET_TMPDIR"));
    command
}

/// Runs it to its end, which must be a success; gives standard output.
pub fn run(arguments: &[&str]) -> String {
    let output = timeledger(arguments).output().expect("the program starts");
    assert!(output.status.success(), "timeledger {}: {}", arguments.join(" "), both(&output));
    String::from_utf8(output.stdout).expect("standard output is UTF-8")
}

/// Status and both outputs, to be shown when something is wrong.
pub fn both(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{}\n{out}\n{err}", output.status)
}
