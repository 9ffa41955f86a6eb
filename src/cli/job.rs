//! `timeledger job list|show|cancel`: what the servers of a site do by themselves.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::failure::{Exit, Failure, Result};
use super::output;
use super::settings::{ConfigArgs, DatabaseArgs, connect};
use crate::clock::Clock;
use crate::db::{Conn, Hold, Role};
use crate::domain::jobs::{self, State, queue, read};
use crate::domain::people;
use crate::domain::refusal::{Kind, Refusal};
use crate::sql::Guid;

/// List, show and cancel jobs, such as imports
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  timeledger job list --state failed
  timeledger job show 01a21164-c0a2-7482-a737-3344c4235989 --json
  timeledger job cancel 01a21164-c0a2-7482-a737-3344c4235989

A job that was cancelled leaves nothing behind; one that is over cannot be cancelled.")]
pub struct Job {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List jobs, the latest first
    List {
        /// queued, running, succeeded, failed or cancelled
        #[arg(long, value_parser = parse_state)]
        state: Option<State>,
        /// Rows at most
        #[arg(long, default_value_t = 100)]
        count: u32,
        #[command(flatten)]
        database: DatabaseArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a job, with what is wrong
    Show {
        id: uuid::Uuid,
        #[command(flatten)]
        database: DatabaseArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Ask for a job's end
    Cancel {
        id: uuid::Uuid,
        #[command(flatten)]
        database: DatabaseArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

fn parse_state(text: &str) -> Result<State, String> {
    State::by_name(text).ok_or_else(|| "queued, running, succeeded, failed or cancelled".to_owned())
}

impl Job {
    pub fn run(self, args: &ConfigArgs) -> Result {
        let open = |database: &DatabaseArgs, role| connect(&args.load(database, None)?.config, role);
        match self.action {
            Action::List { state, count, database, json } => {
                let filter = read::Filter { state, skip: 0, count: count.into() };
                list(&read::list(&mut open(&database, Role::Reader)?, None, filter)?, json)
            }
            Action::Show { id, database, json } => show(&mut open(&database, Role::Reader)?, Guid(id), json),
            Action::Cancel { id, database, json } => {
                let mut conn = open(&database, Role::Writer)?;
                let id = Guid(id);
                let now = Clock::system().now();
                let cancel = |tx: &mut crate::db::Tx<'_>| {
                    tx.hold(Hold::Shared)?;
                    let job = read::any(tx, id)?.ok_or_else(|| Refusal::not_found("job", id))?;
                    queue::cancel(tx, &job, now)
                };
                conn.write(cancel).map_err(|refusal| match refusal.kind {
                    Kind::Database(error) => error.into(),
                    _ => Failure::new(Exit::Failed, "nothing was cancelled", refusal.message, "timeledger job list"),
                })?;
                show(&mut conn, id, json)
            }
        }
    }
}

fn as_json(job: &jobs::Job, user: &str) -> Value {
    json!({
        "id": job.id.to_string(),
        "kind": job.kind,
        "state": job.state().name(),
        "user": user,
        "createdAt": output::timestamp(job.created_at),
        "startedAt": job.started_at.map(output::timestamp),
        "endedAt": job.ended_at.map(output::timestamp),
        "attempts": job.attempts,
        "done": job.done,
        "total": job.total,
        "error": job.last_error,
        "cancelAsked": job.cancel_asked,
        "result": job.result.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok()),
    })
}

fn list(jobs: &[(jobs::Job, String)], json: bool) -> Result {
    if json {
        return output::json(&jobs.iter().map(|(job, user)| as_json(job, user)).collect::<Vec<_>>());
    }
    let rows = jobs.iter().map(|(job, user)| {
        let total = job.total.map(|total| format!("/{total}")).unwrap_or_default();
        [
            job.id.to_string(),
            job.kind.clone(),
            job.state().name().to_owned(),
            user.clone(),
            output::moment(job.created_at),
            format!("{}{total}", job.done),
            job.last_error.clone().unwrap_or_default(),
        ]
    });
    output::table(["Id", "Kind", "State", "User", "Ordered", "Done", "Error"], rows)
}

fn show(conn: &mut Conn, id: Guid, json: bool) -> Result {
    let unknown = || {
        let why = format!("there is no job {id}");
        Failure::new(Exit::Failed, "nothing to show", why, "`timeledger job list` shows them")
    };
    let job = read::any(conn, id)?.ok_or_else(unknown)?;
    let person = people::by_ids(conn, &[job.user_id])?.remove(&job.user_id);
    let user = person.map(|person| person.unique_name).unwrap_or_default();
    let problems = read::problems(conn, id, 0, 10_000)?.into_iter();
    let problems: Vec<Value> = problems.filter_map(|text| serde_json::from_str(&text).ok()).collect();
    let mut shown = as_json(&job, &user);
    if json {
        shown["problems"] = json!(problems);
        return output::json(&shown);
    }
    let Value::Object(members) = shown else { return Ok(()) };
    let text = |value: Value| match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    output::table(["Job", ""], members.into_iter().map(|(name, value)| [name, text(value)]))?;
    if problems.is_empty() {
        return Ok(());
    }
    output::line("")?;
    let rows = problems.into_iter().map(|mut one| {
        let mut part = |name: &str| text(one[name].take());
        [format!("{}{}", part("column"), part("row")), part("code"), part("value"), part("reason"), part("suggestion")]
    });
    output::table(["Cell", "Problem", "Value", "Why", "Try"], rows)
}
