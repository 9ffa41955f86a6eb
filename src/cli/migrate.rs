//! `timeledger migrate run|status|revert`: the schema of a database.

use clap::{Args, Subcommand};
use serde_json::json;

use super::failure::Result;
use super::output;
use super::settings::{ConfigArgs, DatabaseArgs, database_url, install};
use crate::db::migrate;
use crate::db::{Conn, Role};

/// Bring a database's schema up to date, show it, or take a step back
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  timeledger migrate run --database sqlite:timeledger.sqlite
  timeledger migrate status --database postgres://timeledger@db/timeledger --json")]
pub struct Migrate {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Apply what is due; makes a SQLite file that is not there
    Run(#[command(flatten)] DatabaseArgs),
    /// List the changes of the schema, and whether each is applied
    Status {
        #[command(flatten)]
        database: DatabaseArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take the newest change back, and its data with it
    Revert(#[command(flatten)] DatabaseArgs),
}

impl Migrate {
    pub fn run(self, args: &ConfigArgs) -> Result {
        let open = |database: &DatabaseArgs, role| -> Result<Conn> {
            let config = args.load(database, None)?.config;
            Ok(Conn::open(&database_url(&config)?, role)?)
        };
        match self.action {
            Action::Run(database) => {
                let mut conn = open(&database, Role::Migrator)?;
                let applied = migrate::run(&mut conn)?;
                install(&mut conn)?;
                for name in &applied {
                    output::line(format!("applied {name}"))?;
                }
                if applied.is_empty() {
                    output::line("nothing to do: the schema is up to date")?;
                }
                Ok(())
            }
            Action::Status { database, json } => {
                let steps = migrate::status(&mut open(&database, Role::Reader)?)?;
                if json {
                    let steps = steps.iter().map(|step| json!({"name": step.name, "applied": step.applied}));
                    return output::json(&steps.collect::<Vec<_>>());
                }
                let word = |applied| if applied { "applied" } else { "due" }.to_owned();
                output::table(["Change", "State"], steps.into_iter().map(|step| [step.name, word(step.applied)]))
            }
            Action::Revert(database) => {
                let name = migrate::revert(&mut open(&database, Role::Migrator)?)?;
                output::line(format!("reverted {name}"))
            }
        }
    }
}
