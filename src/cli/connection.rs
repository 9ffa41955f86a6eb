//! `timeledger connection`: Azure DevOps, and what this site signs in with there (AU-60, AU-63).
//!
//! Secrets come from standard input alone: an argument would stand in the list of processes.

use std::io::Read;

use clap::{Args, Subcommand};
use serde_json::json;

use super::failure::{Exit, Failure, Result};
use super::output;
use super::settings::{ConfigArgs, DatabaseArgs, connect, database_url, open_threads};
use crate::auth::audit::Entry;
use crate::auth::outgoing::connections::{self, Product, Wanted};
use crate::auth::outgoing::credentials;
use crate::auth::outgoing::{Connection, ConnectionError, Given, Held, OutgoingError, Unfit, Whose};
use crate::clock::Clock;
use crate::config::Config;
use crate::db::{Conn, Hold, Role};
use crate::domain::people;
use crate::domain::wall::Written;
use crate::http::signin;
use crate::sql::Instant;

/// In microseconds.
const DAY: i64 = 86_400_000_000;

/// Connect Azure DevOps, and keep what to sign in with there
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  timeledger connection add Main https://dev.azure.com/example
  timeledger connection credential Main --kind pat --expires 2027-03-01 < token.txt
  timeledger connection add Plant https://tfs.corp.example/tfs/Plant --kind server
  timeledger connection credential Plant --kind ntlm --account 'CORP\\svc-time' < password.txt
  timeledger connection test Main
  timeledger connection list

Without --of a credential is the service account's. At Entra ID people sign in with a browser:
POST /api/v1/connections/{id}/authorize.")]
pub struct ConnectionCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add an organization or a collection
    Add {
        /// What to call it
        name: String,
        /// https://dev.azure.com/ORGANIZATION, or https://HOST/PATH/COLLECTION of a server
        url: String,
        /// The product at that address
        #[arg(long, default_value = "services", value_parser = ["services", "server"])]
        kind: String,
        /// Let secrets go there by plain http; the audit tells of it
        #[arg(long)]
        allow_http: bool,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// List connections with the state of their service accounts
    List {
        #[command(flatten)]
        database: DatabaseArgs,
        /// Print JSON: id, name, baseUrl, kind, state, reason
        #[arg(long)]
        json: bool,
    },
    /// Keep a token or password, from standard input
    Credential {
        /// Its name, in any letter case, or id
        connection: String,
        /// A personal access token, or the password of a Windows account
        #[arg(long, value_parser = ["pat", "ntlm"], required_unless_present = "remove")]
        kind: Option<String>,
        /// Of ntlm: DOMAIN\user
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        /// Its last day or moment, where that is known
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// Whose own it is: a unique name or id
        #[arg(long, value_name = "PERSON")]
        of: Option<String>,
        /// Forget it instead
        #[arg(long)]
        remove: bool,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Ask Azure DevOps whom it takes a credential for
    Test {
        /// Its name, in any letter case, or id
        connection: String,
        /// Whose own credential: a unique name or id
        #[arg(long, value_name = "PERSON")]
        of: Option<String>,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

impl ConnectionCommand {
    pub fn run(self, args: &ConfigArgs) -> Result {
        match self.action {
            Action::Add { name, url, kind, allow_http, database } => {
                let product = Product::of(&kind).unwrap_or(Product::Services);
                let wanted = Wanted { name, base_url: url, product, allow_http };
                add(&args.load(&database, None)?.config, &wanted)
            }
            Action::List { database, json } => list(&args.load(&database, None)?.config, json),
            Action::Credential { connection, kind, account, expires, of, remove, database } => {
                let config = args.load(&database, None)?.config;
                if remove {
                    return forget(&config, &connection, of.as_deref());
                }
                let given = given(kind.as_deref().unwrap_or_default(), account.as_deref(), expires.as_deref())?;
                keep(&config, &connection, of.as_deref(), &given)
            }
            Action::Test { connection, of, database } => {
                test(&args.load(&database, None)?.config, &connection, of.as_deref())
            }
        }
    }
}

fn add(config: &Config, wanted: &Wanted) -> Result {
    let now = Clock::system().now();
    let made = connect(config, Role::Writer)?.write::<_, ConnectionError>(|tx| {
        tx.hold(Hold::Exclusive)?;
        connections::create(tx, &Entry::default(), wanted, now)
    })?;
    output::line(format!("{} is {}, at {}", made.name, made.guid, made.base_url))
}

fn list(config: &Config, as_json: bool) -> Result {
    let now = Clock::system().now();
    let states = credentials::states(&mut connect(config, Role::Reader)?, Whose::Service, now)?;
    if as_json {
        let rows = states.iter().map(|(connection, held)| {
            json!({
                "id": connection.guid.to_string(),
                "name": connection.name,
                "baseUrl": connection.base_url,
                "kind": connection.product().name(),
                "state": held.as_ref().map(|held| held.state.name()),
                "reason": held.as_ref().and_then(|held| held.reason.clone()),
            })
        });
        return output::json(&rows.collect::<Vec<_>>());
    }
    let rows = states.into_iter().map(|(connection, held)| {
        let kind = connection.product().name().to_owned();
        [connection.name, kind, connection.base_url, told(held), connection.guid.to_string()]
    });
    output::table(["Name", "Kind", "Address", "Service account", "Id"], rows)
}

fn told(held: Option<Held>) -> String {
    let Some(held) = held else { return "none".to_owned() };
    let end = held.expires_at.map(|end| format!(", until {}", output::moment(end))).unwrap_or_default();
    let reason = held.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{} {}{end}{reason}", held.kind, held.state.name())
}

fn find(conn: &mut Conn, connection: &str, of: Option<&str>) -> Result<(Connection, Whose)> {
    let connection = connections::find(conn, connection)?;
    let whose = match of {
        None => Whose::Service,
        Some(person) => Whose::Person(people::find(conn, person)?.id),
    };
    Ok((connection, whose))
}

fn given(kind: &str, account: Option<&str>, expires: Option<&str>) -> Result<Given> {
    let refused = |why: &str, hint: &str| Failure::new(Exit::Usage, "no credential was kept", why, hint);
    let end = |text: &str| Written::parse(text).ok_or_else(|| refused("--expires is no time", "2027-03-01"));
    let end = expires.map(end).transpose()?;
    // A day ends with its last moment.
    let is_day = expires.is_some_and(|text| text.trim().len() == "2027-03-01".len());
    let until_its_end = if is_day { DAY } else { 0 };
    let end = end.map(|at| Instant(at.utc().0 + until_its_end));
    let mut text = String::new();
    std::io::stdin().take(4_096).read_to_string(&mut text)?;
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    // Editors and shells put a mark of the encoding before a file's first letter.
    let secret = secret.strip_prefix('\u{feff}').unwrap_or(secret);
    let unfit = |error: Unfit| {
        let hint = match error.0 {
            "expiresAt" => "--expires takes the last day, such as 2027-03-01, or a moment in UTC",
            "user" => "--account 'DOMAIN\\user'",
            _ => "the token or password comes alone on standard input",
        };
        Failure::new(Exit::Failed, "no credential was kept", error.to_string(), hint)
    };
    Given::of((kind, secret, account), end, Clock::system().now()).map_err(unfit)
}

fn keep(config: &Config, connection: &str, of: Option<&str>, given: &Given) -> Result {
    let vault = signin::vault(config)?;
    let mut conn = connect(config, Role::Writer)?;
    let (connection, whose) = find(&mut conn, connection, of)?;
    let now = Clock::system().now();
    conn.write::<_, OutgoingError>(|tx| {
        tx.hold(Hold::Shared)?;
        credentials::keep(tx, &vault, (&Entry::default(), &connection, whose), given, now)
    })?;
    output::line(format!("kept for {}; `timeledger connection test` tries it", connection.name))
}

fn forget(config: &Config, connection: &str, of: Option<&str>) -> Result {
    let mut conn = connect(config, Role::Writer)?;
    let (connection, whose) = find(&mut conn, connection, of)?;
    let now = Clock::system().now();
    let gone = conn.write::<_, OutgoingError>(|tx| {
        tx.hold(Hold::Shared)?;
        Ok(credentials::remove(tx, (&Entry::default(), &connection, whose), now)?)
    })?;
    if gone { output::line(format!("forgotten for {}", connection.name)) } else { Err(OutgoingError::Missing.into()) }
}

fn test(config: &Config, connection: &str, of: Option<&str>) -> Result {
    let (connection, whose) = find(&mut connect(config, Role::Reader)?, connection, of)?;
    let db = open_threads(config, database_url(config)?);
    let outgoing = signin::outgoing(config, &db, &Clock::system())?;
    let outcome = actix_web::rt::System::new().block_on(outgoing.test(connection.id, whose));
    outgoing.settle();
    db.close();
    let who = outcome?;
    let account = who.account.map(|account| format!(" ({account})")).unwrap_or_default();
    output::line(format!("{} takes it for {}{account}", connection.name, who.name))
}
