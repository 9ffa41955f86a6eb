//! `timeledger user add|list|role|disable`: people and their roles.

use clap::{Args, Subcommand};
use serde_json::json;

use super::failure::Result;
use super::output;
use super::settings::{ConfigArgs, DatabaseArgs, connect};
use crate::clock::Clock;
use crate::db::{Hold, Role as ConnRole, Tx};
use crate::domain::people::{self, NewPerson, PeopleError, Person};
use crate::policy::Role;

/// Add, list and change people and their roles
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  timeledger user add ann@example.com --name 'Ann Example' --role Team
  timeledger user list --json
  timeledger user role ann@example.com Product

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
        }
    }
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
