//! The command line: one file a command, all declared by clap, so that help, completions and man pages agree.
//!
//! Data goes to standard output, everything else to standard error. Exit codes are those of [`failure::Exit`].

mod audit;
mod completions;
mod config;
mod connection;
mod demo;
mod doctor;
mod explain;
pub mod failure;
mod import;
mod job;
mod key;
mod load;
mod man;
mod migrate;
mod output;
mod progress;
mod query;
mod seed;
mod serve;
mod settings;
mod token;
mod user;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use self::failure::Result;
use self::settings::ConfigArgs;
use crate::sheets;

/// Time tracking for teams on Azure DevOps, with an OData reporting API.
#[derive(Debug, Parser)]
#[command(name = "timeledger", version, propagate_version = true, max_term_width = 100, subcommand_required = true)]
struct Cli {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Doctor(doctor::Doctor),
    Demo(demo::Demo),
    Query(query::Query),
    Seed(seed::Seed),
    Load(load::Load),
    Import(import::Import),
    Job(job::Job),
    User(user::User),
    Token(token::Token),
    Audit(audit::Audit),
    Key(key::Key),
    Connection(connection::ConnectionCommand),
    Migrate(migrate::Migrate),
    Config(config::Config),
    Completions(completions::Completions),
    Man(man::Man),
}

/// The commands as `--help` groups them; each stands in one group.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Run", &["demo", "serve", "doctor"]),
    ("Data", &["query", "import", "job", "seed", "load"]),
    ("People", &["user", "token", "audit"]),
    ("Set-up", &["migrate", "config", "key", "connection", "completions", "man"]),
];

const EXAMPLES: &str = "\
Examples:
  timeledger demo
          try it: made-up data, a token, and curl lines to paste
  timeledger serve --database sqlite:timeledger.sqlite
          serve Excel, Power BI and scripts
  timeledger query --database sqlite:timeledger.sqlite 'workLogsOnly?$top=5'
          ask without a server";

const TEMPLATE: &str = "{about-with-newline}\n{before-help}{usage-heading} {usage}{after-help}\n\nOptions:\n{options}";

/// The program's declaration, with its examples and groups.
pub fn command() -> clap::Command {
    let command = Cli::command();
    let mut groups = String::new();
    for (heading, names) in GROUPS {
        groups.push_str(&format!("\n{heading}:\n"));
        for name in names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about);
            groups.push_str(&format!("  {name:<12} {}\n", about.cloned().unwrap_or_default()));
        }
    }
    groups.push_str("\n`timeledger COMMAND --help` says more of each.");
    command.before_long_help(EXAMPLES).after_help(groups.trim_start().to_owned()).help_template(TEMPLATE)
}

/// Runs the command that the arguments name.
pub fn run(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter().peekable();
    let program = arguments.next();
    // No command of a user's, so that no help, completion or manual page names it.
    if arguments.next_if(|argument| argument == sheets::child::COMMAND).is_some() {
        return sheets::child::run(arguments);
    }
    let arguments = program.into_iter().chain(arguments);
    let cli = match command().try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            // What was asked for goes to standard output, a mistake to standard error; a closed pipe is neither's fault.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match cli.dispatch() {
        Ok(code) => code,
        Err(failure) => {
            anstream::eprintln!("{failure}");
            failure.code()
        }
    }
}

impl Cli {
    fn dispatch(self) -> Result<ExitCode> {
        let config = &self.config;
        match self.command {
            Command::Serve(serve) => serve.run(config),
            Command::Query(query) => query.run(config),
            Command::Demo(demo) => demo.run(config),
            Command::Seed(seed) => seed.run(config),
            Command::Load(load) => load.run(config),
            Command::Import(import) => return import.run(config),
            Command::Job(job) => job.run(config),
            Command::User(user) => user.run(config),
            Command::Token(token) => token.run(config),
            Command::Audit(audit) => audit.run(config),
            Command::Key(key) => key.run(config),
            Command::Connection(connection) => connection.run(config),
            Command::Migrate(migrate) => migrate.run(config),
            Command::Config(command) => command.run(config),
            Command::Completions(completions) => completions.run(),
            Command::Man(man) => man.run(),
            Command::Doctor(doctor) => return doctor.run(config),
        }
        .map(|()| ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declaration_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn each_command_stands_in_one_group() {
        let grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let command = Cli::command();
        for name in command.get_subcommands().map(clap::Command::get_name) {
            assert_eq!(grouped.iter().filter(|grouped| **grouped == name).count(), 1, "{name}");
        }
        assert_eq!(grouped.len(), command.get_subcommands().count());
    }
}
