//! `timeledger key check|rotate`: the keys of what is kept sealed (AU-64).

use clap::{Args, Subcommand};
use serde_json::json;

use super::failure::{Exit, Failure, Result};
use super::output;
use super::settings::{ConfigArgs, DatabaseArgs, connect};
use crate::auth::audit::{self, Entry};
use crate::auth::sealed::{self, Walk};
use crate::clock::Clock;
use crate::config::Config;
use crate::db::{DbError, Hold, Role};
use crate::http::signin;

/// Secrets that are looked at in one transaction.
const BATCH: i64 = 100;

/// Show which keys are in use, and seal anew under the first
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  timeledger key check
  TIMELEDGER_KEY=2:NEW,1:OLD timeledger key rotate

Keys are those of auth.key, TIMELEDGER_KEY or auth.key_file; the first seals, all open. To take a new one: put it behind
the old one and restart every server, put it first and restart them again, rotate, then take the old one out. What is interrupted goes on where it was.")]
pub struct Key {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the keys in use
    Check {
        #[command(flatten)]
        database: DatabaseArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Seal everything under the first key
    Rotate {
        #[command(flatten)]
        database: DatabaseArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Key {
    pub fn run(self, args: &ConfigArgs) -> Result {
        match self.action {
            Action::Check { database, json } => check(&args.load(&database, None)?.config, json),
            Action::Rotate { database, json } => rotate(&args.load(&database, None)?.config, json),
        }
    }
}

fn check(config: &Config, json: bool) -> Result {
    let first = signin::vault(config)?.first();
    let keys = sealed::keys_in_use(&mut connect(config, Role::Reader)?)?;
    if json {
        let keys = keys.iter().map(|(key, secrets)| json!({"key": key, "secrets": secrets, "seals": *key == first}));
        return output::json(&keys.collect::<Vec<_>>());
    }
    let rows = keys.into_iter().map(|(key, secrets)| {
        let name = key.map_or_else(|| "unreadable".to_owned(), |key| key.to_string());
        [name, secrets.to_string(), if key == first { "seals".to_owned() } else { String::new() }]
    });
    output::table(["Key", "Secrets", ""], rows)
}

fn rotate(config: &Config, json: bool) -> Result {
    let vault = signin::vault(config)?;
    if vault.is_empty() {
        let hint = "TIMELEDGER_KEY=$(head -c 32 /dev/urandom | base64)";
        return Err(Failure::new(Exit::Failed, "there is nothing to seal under", "no key is configured", hint));
    }
    let mut conn = connect(config, Role::Writer)?;
    let mut walk = Walk::default();
    while !walk.is_over() {
        walk = conn.write::<_, DbError>(|tx| {
            tx.hold(Hold::Exclusive)?;
            sealed::reseal(tx, &vault, walk, BATCH)
        })?;
    }
    let Walk { done, closed, .. } = walk;
    let details = json!({"secrets": done, "closed": closed, "key": vault.first()});
    let details = details.as_object().cloned().unwrap_or_default();
    let row = Entry { event: "key-rotated", outcome: "ok".to_owned(), details, ..Entry::default() };
    conn.write::<_, DbError>(|tx| {
        tx.hold(Hold::Exclusive)?;
        audit::write(tx, &row, Clock::system().now())
    })?;
    if json { output::json(&json!({"secrets": done})) } else { output::line(format!("{done} secrets sealed anew")) }?;
    if closed == 0 {
        return Ok(());
    }
    let why = format!("{closed} do not open: their key is not configured, or they were changed");
    let hint = "configure the old key behind the new one, or set those secrets anew; `timeledger doctor` looks closer";
    Err(Failure::new(Exit::Data, "not all secrets were sealed anew", why, hint))
}
