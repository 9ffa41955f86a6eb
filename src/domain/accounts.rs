//! Passwords that this site keeps: whose, who sets them, and what ends with a new one (AU-71, AU-74).

use super::people::{self, NewPerson, PeopleError};
use super::refusal::{Kind, Refusal};
use crate::auth::audit::{self, Entry};
use crate::auth::links::For;
use crate::auth::{local, sessions};
use crate::db::{AsConn, DbError, Hold, Tx};
use crate::policy::Role;
use crate::sql::{Guid, Instant};

/// What a password may not be of whom a link is for: their names.
pub fn names(conn: &mut impl AsConn, whom: For, asked: &str) -> Result<Vec<String>, DbError> {
    let For::Person(user_id) = whom else { return Ok(vec![asked.to_owned()]) };
    let person = people::by_ids(conn, &[user_id])?.remove(&user_id);
    Ok(person.map_or_else(Vec::new, |person| vec![person.unique_name, person.name]))
}

/// The first administrator, by a link: a new person, or somebody of this name. Nothing where the site has one by now.
pub fn first_administrator(tx: &mut Tx<'_>, name: &str, phc: &str, now: Instant) -> Result<Option<i32>, Refusal> {
    tx.must_hold(Hold::Exclusive)?;
    if people::has_administrator(tx)? {
        return Ok(None);
    }
    let refused = |error: PeopleError| match error {
        PeopleError::Database(error) => Refusal::from(error),
        other => Refusal::new(Kind::Malformed, format!("{other}.")).at("name"),
    };
    let person = match people::find(tx, name) {
        Ok(known) => {
            people::set_active(tx, &known.guid.to_string(), true).map_err(refused)?;
            people::set_role(tx, &known.guid.to_string(), Role::Administrator).map_err(refused)?
        }
        Err(PeopleError::Unknown(_)) => {
            let new = NewPerson {
                unique_name: name.to_owned(),
                name: name.to_owned(),
                email: Some(name.to_owned()).filter(|name| name.contains('@')),
                role: Role::Administrator,
            };
            people::add(tx, &new, now).map_err(refused)?
        }
        Err(error) => return Err(refused(error)),
    };
    sessions::end_all(tx, person.id, None)?;
    let entry = Entry { outcome: "the first administrator".to_owned(), ..Entry::default() };
    let entry =
        Entry { event: "person-changed", user_id: Some(person.id), target: Some(person.id.to_string()), ..entry };
    audit::write(tx, &entry, now)?;
    keep(tx, person.id, phc, "first administrator", now)?;
    Ok(Some(person.id))
}

/// Another password, by a link. All of the person's sessions end.
pub fn reset(tx: &mut Tx<'_>, user_id: i32, phc: &str, now: Instant) -> Result<i32, Refusal> {
    sessions::end_all(tx, user_id, None)?;
    keep(tx, user_id, phc, "by a link", now)?;
    Ok(user_id)
}

/// Another password, by its owner. The person's other sessions end.
pub fn change(tx: &mut Tx<'_>, user_id: i32, session: Guid, phc: &str, now: Instant) -> Result<(), Refusal> {
    sessions::end_all(tx, user_id, Some(session))?;
    Ok(keep(tx, user_id, phc, "by its owner", now)?)
}

fn keep(tx: &mut Tx<'_>, user_id: i32, phc: &str, how: &str, now: Instant) -> Result<(), DbError> {
    let identity = local::set(tx, user_id, phc, now)?;
    let entry = Entry {
        outcome: how.to_owned(),
        credential: Some("local"),
        credential_id: Some(identity),
        ..Entry::done("password-set", user_id, Some(user_id.to_string()))
    };
    audit::write(tx, &entry, now)
}
