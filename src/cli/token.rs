//! `timeledger token create|import|list|revoke`: what clients sign in with.

use std::io::Read;

use clap::{Args, Subcommand};
use serde_json::json;

use super::failure::Result;
use super::output;
use super::settings::{ConfigArgs, DatabaseArgs, connect};
use crate::auth::{self, NewToken, Scopes, TokenError};
use crate::clock::Clock;
use crate::db::{Conn, Role};
use crate::domain::people;

/// Make, list and revoke API tokens
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  timeledger token create --user ann@example.com --name 'Power BI'
  TOKEN=$(timeledger token create --user ann@example.com --days 1)
  timeledger token import --user ann@example.com --name 'Old report' < token.txt
  timeledger token revoke tlt_4fQz

A token acts as its person. It is printed once, alone on standard output, and only its digest is kept.")]
pub struct Token {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token and print it
    Create {
        #[command(flatten)]
        new: New,
    },
    /// Keep a token that a former server gave out, from standard input, so that its reports and scripts go on
    Import {
        #[command(flatten)]
        new: New,
    },
    /// List tokens; never the secret
    List {
        /// Those of one person: unique name or id
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        #[command(flatten)]
        database: DatabaseArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token; it is refused from its next request on
    Revoke {
        /// Its id or the characters that `token list` shows; `-` reads a whole token from standard input
        token: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

/// What is to be of a token.
#[derive(Args, Debug)]
struct New {
    /// Whom the token acts as: unique name or id
    #[arg(long, value_name = "NAME")]
    user: String,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "command line")]
    name: String,
    /// Days that it lives, from 1 to 366; otherwise 365
    #[arg(long, value_name = "N")]
    days: Option<u32>,
    /// What it may be used for: reports.read, time.write, admin; several with commas
    #[arg(long, value_name = "SCOPES", default_value = "reports.read,time.write")]
    scopes: Scopes,
    /// Requests that it may make in a minute, at each server; otherwise any
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=1_000_000))]
    per_minute: Option<i32>,
    #[command(flatten)]
    database: DatabaseArgs,
}

impl New {
    fn of(&self, user_id: i32) -> NewToken<'_> {
        let New { name, days, scopes, per_minute, .. } = self;
        NewToken { user_id, name, days: *days, scopes: *scopes, per_minute: *per_minute }
    }
}

impl Token {
    pub fn run(self, args: &ConfigArgs) -> Result {
        let open = |database: &DatabaseArgs, role| connect(&args.load(database, None)?.config, role);
        let now = Clock::system().now();
        match self.action {
            Action::Create { new } => {
                let mut conn = open(&new.database, Role::Writer)?;
                let person = people::find(&mut conn, &new.user)?;
                let minted = conn.write::<_, TokenError>(|tx| auth::create(tx, new.of(person.id), now))?;
                output::line(minted.expose())
            }
            Action::Import { new } => {
                let secret = from_stdin()?;
                let mut conn = open(&new.database, Role::Writer)?;
                let person = people::find(&mut conn, &new.user)?;
                let id = conn.write::<_, TokenError>(|tx| auth::import(tx, new.of(person.id), &secret, now))?;
                output::line(format!("{} may go on with it; its id is {id}", person.unique_name))
            }
            Action::List { user, database, json } => list(&mut open(&database, Role::Reader)?, user.as_deref(), json),
            Action::Revoke { token, database } => {
                let which = if token == "-" { from_stdin()? } else { token };
                let mut conn = open(&database, Role::Writer)?;
                let revoked = conn.write::<_, TokenError>(|tx| auth::revoke(tx, &which, now))?;
                output::line(format!("revoked {}… ({}) of {}", revoked.prefix, revoked.name, revoked.user))
            }
        }
    }
}

fn list(conn: &mut Conn, user: Option<&str>, as_json: bool) -> Result {
    let user = user.map(|user| people::find(conn, user)).transpose()?;
    let tokens = auth::list(conn, user.map(|person| person.id))?;
    if as_json {
        let tokens = tokens.iter().map(|token| {
            json!({
                "id": token.guid.to_string(),
                "prefix": token.prefix,
                "name": token.name,
                "user": token.user,
                "scopes": Scopes::from_bits(token.scopes).to_string(),
                "created": output::timestamp(token.created_at),
                "expires": output::timestamp(token.expires_at),
                "revoked": token.revoked_at.map(output::timestamp),
                "lastUsed": token.last_used_at.map(output::timestamp),
            })
        });
        return output::json(&tokens.collect::<Vec<_>>());
    }
    let now = Clock::system().now();
    let rows = tokens.into_iter().map(|token| {
        let state = match token.revoked_at {
            Some(_) => "revoked",
            None if token.expires_at <= now => "expired",
            None => "good",
        };
        [
            format!("{}…", token.prefix),
            token.user,
            token.name,
            state.to_owned(),
            output::moment(token.expires_at),
            token.last_used_at.map(output::moment).unwrap_or_default(),
        ]
    });
    output::table(["Token", "User", "Name", "State", "Expires", "Last used"], rows)
}

/// A secret in an argument would stand in the list of processes.
fn from_stdin() -> Result<String> {
    let mut text = String::new();
    std::io::stdin().take(256).read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}
