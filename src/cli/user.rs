//! `timeledger user`: people, their roles, and the accounts that they sign in with.

use std::io::Read;
use std::net::SocketAddr;

use clap::{Args, Subcommand};
use serde_json::json;

use super::failure::{Exit, Failure, Result};
use super::output;
use super::settings::{ConfigArgs, DatabaseArgs, connect};
use crate::auth::identities::{self, IdentityError};
use crate::auth::links;
use crate::auth::ntlm::nt_hash;
use crate::auth::windows::Account;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::{DbError, Hold, Role as ConnRole, Tx};
use crate::domain::people::{self, NewPerson, PeopleError, Person};
use crate::http::signin;
use crate::policy::Role;

/// Add, list and change people and their roles
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  timeledger user add ann@example.com --name 'Ann Example' --role Team
  timeledger user list --json
  timeledger user role ann@example.com Product
  timeledger user windows-account ann@example.com 'CORP\\ann'
  timeledger user windows-password ann@example.com 'CORP\\ann' < password.txt
  timeledger user provider-account ann@example.com 4f1c2a7e-0000-4000-8000-000000000001
  timeledger user link ann@example.com

NAME is a unique name, in any letter case, or an id. Roles: None, Team (own time), Product (everybody's time and
budgets), Budget (manages budgets), Administrator.")]
pub struct User {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add somebody
    Add {
        /// Unique name, such as ann@example.com or CORP\ann
        unique_name: String,
        /// Name to show; otherwise the unique name
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        #[arg(long, default_value = "Team")]
        role: Role,
        #[command(flatten)]
        database: DatabaseArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List everybody
    List {
        #[command(flatten)]
        database: DatabaseArgs,
        /// Print JSON: id, name, uniqueName, email, role
        #[arg(long)]
        json: bool,
    },
    /// Give somebody another role; it holds for their next request
    Role {
        /// Unique name or id
        user: String,
        role: Role,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Keep somebody out; their time stays
    Disable {
        /// Unique name or id
        user: String,
        /// Let them in again
        #[arg(long)]
        undo: bool,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Let somebody sign in with a Windows account
    WindowsAccount {
        /// Unique name or id
        user: String,
        /// Such as CORP\ann or ann@corp.example.com, of a domain in auth.windows_domains
        account: String,
        /// Take the account from them instead
        #[arg(long)]
        remove: bool,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Let somebody sign in with a subject of the OpenID provider
    ProviderAccount {
        /// Unique name or id
        user: String,
        /// The `sub` of the provider's tokens; of Entra ID the object id
        subject: String,
        /// Otherwise oidc.issuer
        #[arg(long, value_name = "URL")]
        issuer: Option<String>,
        /// Take the subject from them instead
        #[arg(long)]
        remove: bool,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Print a link with which somebody sets a password for this server, once, within an hour
    ///
    /// Whoever has the link can sign in as that person: send it to nobody else. An earlier link is void.
    Link {
        /// Unique name or id
        user: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Keep the password of a Windows account here, from standard input
    WindowsPassword {
        /// Unique name or id
        user: String,
        /// Such as CORP\ann or ann@corp.example.com, of a domain in auth.windows_domains
        account: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

impl User {
    pub fn run(self, args: &ConfigArgs) -> Result {
        match self.action {
            Action::Add { unique_name, name, email, role, database, json } => {
                let name = name.unwrap_or_else(|| unique_name.clone());
                let new = NewPerson { unique_name, name, email, role };
                let person = write(args, &database, |tx| people::add(tx, &new, Clock::system().now()))?;
                show(&[person], json)
            }
            Action::List { database, json } => {
                let config = args.load(&database, None)?.config;
                show(&people::list(&mut connect(&config, ConnRole::Reader)?)?, json)
            }
            Action::Role { user, role, database } => {
                let person = write(args, &database, |tx| people::set_role(tx, &user, role))?;
                output::line(format!("{} has the role {} now", person.unique_name, person.role))
            }
            Action::Disable { user, undo, database } => {
                let person = write(args, &database, |tx| people::set_active(tx, &user, undo))?;
                output::line(format!("{} is {}", person.unique_name, state(&person)))
            }
            Action::WindowsAccount { user, account, remove, database } => {
                let config = args.load(&database, None)?.config;
                let account = windows_account(&config, &account)?;
                if remove { take_account(&config, &user, &account) } else { give_account(&config, &user, &account) }
            }
            Action::ProviderAccount { user, subject, issuer, remove, database } => {
                let config = args.load(&database, None)?.config;
                let issuer = issuer.unwrap_or_else(|| config.oidc.issuer.clone());
                provider_account(&config, &user, (&issuer, &subject), remove)
            }
            Action::Link { user, database } => link(&args.load(&database, None)?.config, &user),
            Action::WindowsPassword { user, account, database } => {
                let config = args.load(&database, None)?.config;
                keep_password(&config, &user, &windows_account(&config, &account)?)
            }
        }
    }
}

fn windows_account(config: &Config, name: &str) -> Result<Account> {
    signin::domains(config)?.parse(name).ok_or_else(|| {
        let why = format!("`{name}` is in no domain of auth.windows_domains");
        Failure::new(Exit::Failed, "there is no such Windows account", why, "for example CORP\\ann")
    })
}

fn give_account(config: &Config, user: &str, account: &Account) -> Result {
    let mut conn = connect(config, ConnRole::Writer)?;
    let person = people::find(&mut conn, user)?;
    let now = Clock::system().now();
    conn.write(|tx| {
        tx.hold(Hold::Exclusive)?;
        identities::link_windows(tx, person.id, account, now)
    })?;
    output::line(format!("{} may sign in as {account}", person.unique_name))
}

fn take_account(config: &Config, user: &str, account: &Account) -> Result {
    let mut conn = connect(config, ConnRole::Writer)?;
    let person = people::find(&mut conn, user)?;
    let taken = conn.write::<_, IdentityError>(|tx| {
        tx.hold(Hold::Exclusive)?;
        let is_theirs = identities::find_windows(tx, account)?.is_some_and(|(_, owner)| owner == person.id);
        if is_theirs { identities::unlink_windows(tx, account) } else { Ok(None) }
    })?;
    if taken.is_none() {
        let why = format!("{account} is not an account of {}", person.unique_name);
        return Err(Failure::new(Exit::Failed, "nothing was taken away", why, ""));
    }
    output::line(format!("{} may no longer sign in as {account}", person.unique_name))
}

fn provider_account(config: &Config, user: &str, (issuer, subject): (&str, &str), remove: bool) -> Result {
    if issuer.is_empty() || subject.is_empty() {
        let hint = "set oidc.issuer, or give --issuer";
        return Err(Failure::new(Exit::Usage, "whose subject is it?", "no provider is configured", hint));
    }
    let mut conn = connect(config, ConnRole::Writer)?;
    let person = people::find(&mut conn, user)?;
    let now = Clock::system().now();
    let done = conn.write::<_, IdentityError>(|tx| {
        tx.hold(Hold::Exclusive)?;
        if !remove {
            return identities::link_oidc(tx, person.id, (issuer, subject), now).map(|_| true);
        }
        let is_theirs = identities::find_oidc(tx, issuer, subject)?.is_some_and(|known| known.user_id == person.id);
        Ok(is_theirs && identities::unlink_oidc(tx, issuer, subject)?.is_some())
    })?;
    if !done {
        let why = format!("{subject} is not a subject of {}", person.unique_name);
        return Err(Failure::new(Exit::Failed, "nothing was taken away", why, ""));
    }
    let may = if remove { "may no longer" } else { "may" };
    output::line(format!("{} {may} sign in as {subject} of {issuer}", person.unique_name))
}

fn link(config: &Config, user: &str) -> Result {
    if !config.auth.local_accounts {
        let why = "this server keeps no passwords";
        return Err(Failure::new(Exit::Failed, "no link was made", why, "set auth.local_accounts = true"));
    }
    let mut conn = connect(config, ConnRole::Writer)?;
    let person = people::find(&mut conn, user)?;
    let now = Clock::system().now();
    let secret = conn.write::<_, DbError>(|tx| {
        tx.hold(Hold::Shared)?;
        links::make(tx, links::For::Person(person.id), now)
    })?;
    output::line(links::address(&base(config), &secret, Some(&person.unique_name)))
}

/// Where browsers find this server.
pub fn base(config: &Config) -> String {
    let configured = config.server.public_url.trim_end_matches('/');
    if !configured.is_empty() {
        return configured.to_owned();
    }
    let scheme = if config.tls.certificate.is_empty() { "http" } else { "https" };
    match config.server.listen.parse::<SocketAddr>() {
        // No browser goes to "every address".
        Ok(address) if address.ip().is_unspecified() => format!("{scheme}://localhost:{}", address.port()),
        _ => format!("{scheme}://{}", config.server.listen),
    }
}

fn keep_password(config: &Config, user: &str, account: &Account) -> Result {
    let vault = signin::vault(config)?;
    let mut text = String::new();
    // One line; a password in an argument would stand in the list of processes.
    std::io::stdin().take(4_096).read_to_string(&mut text)?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() || password.contains('\n') {
        let hint = "give the password alone on standard input";
        return Err(Failure::new(Exit::Failed, "no password was kept", "there is no line with a password", hint));
    }
    let hash = nt_hash(password);
    let mut conn = connect(config, ConnRole::Writer)?;
    let person = people::find(&mut conn, user)?;
    let now = Clock::system().now();
    conn.write::<_, IdentityError>(|tx| {
        tx.hold(Hold::Exclusive)?;
        let identity = identities::link_windows(tx, person.id, account, now)?;
        identities::keep_hash(tx, &vault, identity, hash, now)
    })?;
    output::line(format!("{} may sign in as {account}", person.unique_name))
}

fn write(
    args: &ConfigArgs,
    database: &DatabaseArgs,
    mut change: impl FnMut(&mut Tx<'_>) -> Result<Person, PeopleError>,
) -> Result<Person> {
    let config = args.load(database, None)?.config;
    let alone = |tx: &mut Tx<'_>| {
        tx.hold(Hold::Exclusive)?;
        change(tx)
    };
    Ok(connect(&config, ConnRole::Writer)?.write(alone)?)
}

fn show(people: &[Person], as_json: bool) -> Result {
    if as_json {
        let people = people.iter().map(|person| {
            json!({
                "id": person.guid.to_string(),
                "name": person.name,
                "uniqueName": person.unique_name,
                "email": person.email,
                "role": person.role.name(),
            })
        });
        return output::json(&people.collect::<Vec<_>>());
    }
    let rows = people.iter().map(|person| {
        [
            person.name.clone(),
            person.unique_name.clone(),
            person.email.clone().unwrap_or_default(),
            person.role.to_string(),
            state(person).to_owned(),
            person.guid.to_string(),
        ]
    });
    output::table(["Name", "Unique name", "E-mail", "Role", "State", "Id"], rows)
}

fn state(person: &Person) -> &'static str {
    if person.is_active { "active" } else { "disabled" }
}
