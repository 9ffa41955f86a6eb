//! `timeledger audit list|verify|prune`: who signed in, who was refused, who changed what somebody may (AU-96).

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::failure::{Exit, Failure, Result};
use super::output;
use super::settings::{ConfigArgs, DatabaseArgs, connect};
use crate::auth::audit::{self, Filter, Row};
use crate::clock::Clock;
use crate::db::{Conn, DbError, Hold, Role};
use crate::sql::Instant;

const DAY: i64 = 86_400_000_000;

/// List, check and shorten the audit: sign-ins, refusals, credentials, changes of rights
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  timeledger audit list --event refused --count 20
  timeledger audit verify
  timeledger audit prune --days 400

Rows are chained: `verify` names the first that was changed, or before which one is gone. Only `prune` takes rows away, the
oldest, and leaves a row that tells of it.")]
pub struct Audit {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List rows, the latest first
    List {
        /// Those of one event, such as sign-in, refused, locked, token-made, reuse
        #[arg(long)]
        event: Option<String>,
        /// Rows at most
        #[arg(long, default_value_t = 100)]
        count: u32,
        #[command(flatten)]
        database: DatabaseArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check that no row was changed or taken away
    Verify {
        #[command(flatten)]
        database: DatabaseArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take old rows away
    Prune {
        /// Days that are kept, at least 400
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(400..=36_500))]
        days: u32,
        #[command(flatten)]
        database: DatabaseArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Audit {
    pub fn run(self, args: &ConfigArgs) -> Result {
        let open = |database: &DatabaseArgs, role| connect(&args.load(database, None)?.config, role);
        match self.action {
            Action::List { event, count, database, json } => {
                let filter = Filter { event, count: count.into(), ..Filter::default() };
                list(audit::list(&mut open(&database, Role::Reader)?, &filter)?, json)
            }
            Action::Verify { database, json } => verify(&mut open(&database, Role::Reader)?, json),
            Action::Prune { days, database, json } => prune(&mut open(&database, Role::Writer)?, days, json),
        }
    }
}

fn list(rows: Vec<Row>, json: bool) -> Result {
    if json {
        let object = |row: &Row| {
            json!({
                "id": row.id,
                "at": output::timestamp(row.at),
                "event": row.event,
                "outcome": row.outcome,
                "user": row.user_id,
                "credential": row.credential,
                "address": row.address,
                "request": row.request.map(|id| id.to_string()),
                "target": row.target,
                "details": serde_json::from_str::<Value>(&row.details).ok(),
            })
        };
        return output::json(&rows.iter().map(object).collect::<Vec<_>>());
    }
    let rows = rows.into_iter().map(|row| {
        [
            output::moment(row.at),
            row.event,
            row.outcome,
            row.target.unwrap_or_default(),
            row.address.unwrap_or_default(),
        ]
    });
    output::table(["At", "Event", "Outcome", "About", "Address"], rows)
}

fn verify(conn: &mut Conn, json: bool) -> Result {
    match audit::verify(conn)? {
        Ok(rows) if json => output::json(&json!({"rows": rows, "changed": null})),
        Ok(rows) => output::line(format!("{rows} rows, none changed")),
        Err(id) => {
            let why = format!("row {id} is not what was written, or one before it is gone");
            Err(Failure::new(Exit::Data, "the audit was changed", why, "compare with a backup"))
        }
    }
}

fn prune(conn: &mut Conn, days: u32, json: bool) -> Result {
    let now = Clock::system().now();
    let older_than = Instant(now.0 - i64::from(days) * DAY);
    let rows = conn.write::<_, DbError>(|tx| {
        tx.hold(Hold::Shared)?;
        audit::prune(tx, older_than, now)
    })?;
    if json { output::json(&json!({"rows": rows})) } else { output::line(format!("{rows} rows taken away")) }
}
