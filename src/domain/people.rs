//! People and their roles.
//!
//! Each change of what a person may raises `auth_version`, so that it holds for their very next request (AU-5). Nobody
//! can leave the site without an administrator (AU-84).

use diesel::prelude::*;

use crate::db::tables::{name_key, users};
use crate::db::{AsConn, DbError, Failure, Tx};
use crate::on;
use crate::policy::Role;
use crate::sql::{Guid, Instant};

/// A person, as lists show them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Inside; the GUID is what the outside knows.
    pub id: i32,
    pub guid: Guid,
    pub name: String,
    pub unique_name: String,
    pub email: Option<String>,
    pub role: Role,
    pub is_active: bool,
}

/// Why nobody was added or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeopleError {
    #[error("there is no person `{0}`")]
    Unknown(String),
    #[error("there is a person `{0}` already")]
    Taken(String),
    #[error("a unique name has at least one character and no blanks at its ends")]
    BadName,
    #[error("`{0}` is the last active administrator")]
    LastAdministrator(String),
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<diesel::result::Error> for PeopleError {
    fn from(error: diesel::result::Error) -> PeopleError {
        PeopleError::Database(error.into())
    }
}

impl Failure for PeopleError {
    fn database(&self) -> Option<&DbError> {
        match self {
            PeopleError::Database(error) => Some(error),
            _ => None,
        }
    }
}

/// Somebody to be added.
#[derive(Clone, Debug)]
pub struct NewPerson {
    pub unique_name: String,
    pub name: String,
    pub email: Option<String>,
    pub role: Role,
}

type Columns = (users::id, users::guid, users::name, users::unique_name, users::email, users::role, users::is_active);
type Row = (i32, Guid, String, String, Option<String>, i32, bool);

const COLUMNS: Columns =
    (users::id, users::guid, users::name, users::unique_name, users::email, users::role, users::is_active);

impl From<Row> for Person {
    fn from((id, guid, name, unique_name, email, role, is_active): Row) -> Person {
        Person { id, guid, name, unique_name, email, role: Role::from_number(role), is_active }
    }
}

#[derive(Insertable)]
#[diesel(table_name = users)]
struct New<'a> {
    guid: Guid,
    name: &'a str,
    unique_name: &'a str,
    unique_name_key: String,
    email: Option<&'a str>,
    role: i32,
    is_active: bool,
    created_at: Instant,
}

/// Everybody, by name.
pub fn list(conn: &mut impl AsConn) -> Result<Vec<Person>, PeopleError> {
    let rows: Vec<Row> = on!(conn, c => users::table.select(COLUMNS).order((users::name, users::id)).load(c))?;
    Ok(rows.into_iter().map(Person::from).collect())
}

/// Somebody by unique name, in any letter case, or by id.
pub fn find(conn: &mut impl AsConn, who: &str) -> Result<Person, PeopleError> {
    let key = name_key(who);
    let row: Option<Row> = match uuid::Uuid::parse_str(who) {
        Ok(guid) => on!(conn, c => users::table
            .filter(users::guid.eq(Guid(guid)).or(users::unique_name_key.eq(key)))
            .select(COLUMNS)
            .first(c)
            .optional())?,
        Err(_) => {
            on!(conn, c => users::table.filter(users::unique_name_key.eq(key)).select(COLUMNS).first(c).optional())?
        }
    };
    row.map(Person::from).ok_or_else(|| PeopleError::Unknown(who.to_owned()))
}

pub fn add(tx: &mut Tx<'_>, new: &NewPerson, now: Instant) -> Result<Person, PeopleError> {
    let unique_name = new.unique_name.as_str();
    if unique_name.is_empty() || unique_name.trim() != unique_name {
        return Err(PeopleError::BadName);
    }
    match find(tx, unique_name) {
        Err(PeopleError::Unknown(_)) => {}
        Ok(there) => return Err(PeopleError::Taken(there.unique_name)),
        Err(error) => return Err(error),
    }
    let row = New {
        guid: Guid(uuid::Uuid::now_v7()),
        name: &new.name,
        unique_name,
        unique_name_key: name_key(unique_name),
        email: new.email.as_deref(),
        role: new.role.number(),
        is_active: true,
        created_at: now,
    };
    on!(tx, c => diesel::insert_into(users::table).values(&row).execute(c))?;
    find(tx, unique_name)
}

pub fn set_role(tx: &mut Tx<'_>, who: &str, role: Role) -> Result<Person, PeopleError> {
    let person = find(tx, who)?;
    if role < Role::Administrator {
        keep_an_administrator(tx, &person)?;
    }
    on!(tx, c => diesel::update(users::table.find(person.id))
        .set((users::role.eq(role.number()), users::auth_version.eq(users::auth_version + 1)))
        .execute(c))?;
    Ok(Person { role, ..person })
}

/// Lets a person in, or keeps them out; their time stays.
pub fn set_active(tx: &mut Tx<'_>, who: &str, is_active: bool) -> Result<Person, PeopleError> {
    let person = find(tx, who)?;
    if !is_active {
        keep_an_administrator(tx, &person)?;
    }
    on!(tx, c => diesel::update(users::table.find(person.id))
        .set((users::is_active.eq(is_active), users::auth_version.eq(users::auth_version + 1)))
        .execute(c))?;
    Ok(Person { is_active, ..person })
}

fn keep_an_administrator(tx: &mut Tx<'_>, leaving: &Person) -> Result<(), PeopleError> {
    if leaving.role != Role::Administrator || !leaving.is_active {
        return Ok(());
    }
    let others: i64 = on!(tx, c => users::table
        .filter(users::role.eq(Role::Administrator.number()))
        .filter(users::is_active.eq(true))
        .filter(users::id.ne(leaving.id))
        .count()
        .get_result(c))?;
    if others == 0 {
        return Err(PeopleError::LastAdministrator(leaving.unique_name.clone()));
    }
    Ok(())
}
