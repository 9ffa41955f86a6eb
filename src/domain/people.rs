//! People and their roles.
//!
//! Each change of what a person may raises `auth_version`, so that it holds for their very next request (AU-5). Nobody
//! can leave the site without an administrator (AU-84).

use std::collections::HashMap;

use diesel::prelude::*;

use super::activity_types;
use super::changes::{self, Action, Author, Change, Subject};
use super::refusal::{Kind, Refusal};
use super::worklogs::Patch;
use crate::auth::sessions;
use crate::db::tables::{name_key, users};
use crate::db::{AsConn, DbError, Failure, Hold, Tx};
use crate::on;
use crate::policy::{Duties, Role};
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
    /// The identity in Azure DevOps.
    pub sk: Option<Guid>,
    /// IANA name.
    pub time_zone: String,
    pub duties: Duties,
    /// Who approves the person's weeks.
    pub manager_id: Option<i32>,
    /// The favourite kind of work.
    pub default_activity_type_id: Option<i32>,
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

type Columns = (
    users::id,
    users::guid,
    users::name,
    users::unique_name,
    users::email,
    users::role,
    users::is_active,
    users::sk,
    users::time_zone,
    users::duties,
    users::manager_id,
    users::default_activity_type_id,
);

const COLUMNS: Columns = (
    users::id,
    users::guid,
    users::name,
    users::unique_name,
    users::email,
    users::role,
    users::is_active,
    users::sk,
    users::time_zone,
    users::duties,
    users::manager_id,
    users::default_activity_type_id,
);

#[derive(Queryable)]
struct Row {
    id: i32,
    guid: Guid,
    name: String,
    unique_name: String,
    email: Option<String>,
    role: i32,
    is_active: bool,
    sk: Option<Guid>,
    time_zone: String,
    duties: i32,
    manager_id: Option<i32>,
    default_activity_type_id: Option<i32>,
}

impl From<Row> for Person {
    fn from(row: Row) -> Person {
        Person {
            id: row.id,
            guid: row.guid,
            name: row.name,
            unique_name: row.unique_name,
            email: row.email,
            role: Role::from_number(row.role),
            is_active: row.is_active,
            sk: row.sk,
            time_zone: row.time_zone,
            duties: Duties::from_bits(row.duties),
            manager_id: row.manager_id,
            default_activity_type_id: row.default_activity_type_id,
        }
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

/// A page of everybody with this role or more, by name.
pub fn page(conn: &mut impl AsConn, least: Role, skip: i64, count: i64) -> Result<Vec<Person>, DbError> {
    let rows: Vec<Row> = on!(conn, c => users::table
        .filter(users::role.ge(least.number()))
        .select(COLUMNS)
        .order((users::name, users::id))
        .offset(skip)
        .limit(count)
        .load(c))?;
    Ok(rows.into_iter().map(Person::from).collect())
}

/// Some people by their internal ids.
pub fn by_ids(conn: &mut impl AsConn, ids: &[i32]) -> Result<HashMap<i32, Person>, DbError> {
    let rows: Vec<Row> = on!(conn, c => users::table.filter(users::id.eq_any(ids)).select(COLUMNS).load(c))?;
    Ok(rows.into_iter().map(|row| (row.id, row.into())).collect())
}

/// Some people by their GUIDs.
pub fn by_guids(conn: &mut impl AsConn, guids: &[Guid]) -> Result<HashMap<Guid, Person>, DbError> {
    let rows: Vec<Row> = on!(conn, c => users::table.filter(users::guid.eq_any(guids)).select(COLUMNS).load(c))?;
    Ok(rows.into_iter().map(|row| (row.guid, row.into())).collect())
}

/// Somebody as a client names them; the first that is given counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    pub id: Option<Guid>,
    /// The identity in Azure DevOps.
    pub sk: Option<Guid>,
    /// Mail address or unique name.
    pub name: Option<String>,
}

/// Who that is.
pub fn known(conn: &mut impl AsConn, who: &Who) -> Result<Option<Person>, DbError> {
    let row: Option<Row> = if let Some(id) = who.id {
        on!(conn, c => users::table.filter(users::guid.eq(id)).select(COLUMNS).first(c).optional())?
    } else if let Some(sk) = who.sk {
        on!(conn, c => users::table.filter(users::sk.eq(sk)).select(COLUMNS).first(c).optional())?
    } else if let Some(name) = &who.name {
        let of_name = users::unique_name_key.eq(name_key(name));
        let of_mail = users::email.eq(name).assume_not_null();
        on!(conn, c => users::table.filter(of_name.or(of_mail)).select(COLUMNS).order(users::id).first(c).optional())?
    } else {
        None
    };
    Ok(row.map(Person::from))
}

/// Gives somebody a role, with an entry in the trail. Nobody raises their own rights, and the last administrator stays
/// one (AU-84).
pub fn give_role(tx: &mut Tx<'_>, by: &Author<'_>, who: &Who, role: Role) -> Result<Person, Refusal> {
    tx.must_hold(Hold::Exclusive)?;
    let named = || who.id.or(who.sk).map_or_else(|| who.name.clone().unwrap_or_default(), |id| id.to_string());
    let Some(person) = known(tx, who)? else { return Err(Refusal::unknown("id", "person", named())) };
    if person.id == by.caller.user_id && role > person.role {
        return Err(Refusal::new(Kind::Denied, "Nobody raises their own rights."));
    }
    let given = set_role(tx, &person.guid.to_string(), role).map_err(|error| match error {
        PeopleError::Database(error) => error.into(),
        other => Refusal::new(Kind::Conflict, format!("{other}.")),
    })?;
    let told = |role: Role| Some(format!("{{\"role\":\"{role}\"}}"));
    let entry = Change {
        subject: Subject::Person,
        subject_id: person.id.into(),
        action: Action::Changed,
        before: told(person.role),
        after: told(role),
        comment: None,
    };
    changes::write(tx, by, [entry])?;
    Ok(given)
}

/// What becomes of a person's duties and preferences.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    /// IANA name.
    pub time_zone: Option<String>,
    pub approval_manager: Option<bool>,
    pub global_approval_manager: Option<bool>,
    pub collection_administrator: Option<bool>,
    pub manager: Patch<Guid>,
    pub default_activity_type: Patch<Guid>,
}

/// Changes duties and preferences, with an entry in the trail; they hold for the person's next request. Nobody takes a
/// duty for themselves (AU-84).
pub fn change(tx: &mut Tx<'_>, by: &Author<'_>, before: &Person, changed: &Changed) -> Result<Person, Refusal> {
    tx.must_hold(Hold::Exclusive)?;
    let mut after = before.clone();
    if let Some(zone) = &changed.time_zone {
        if jiff::tz::TimeZone::get(zone).is_err() {
            return Err(Refusal::unknown("timeZone", "time zone", zone));
        }
        after.time_zone.clone_from(zone);
    }
    for (duty, wanted) in [
        (Duties::APPROVAL_MANAGER, changed.approval_manager),
        (Duties::GLOBAL_APPROVAL_MANAGER, changed.global_approval_manager),
        (Duties::COLLECTION_ADMINISTRATOR, changed.collection_administrator),
    ] {
        after.duties = match wanted {
            Some(true) => after.duties.and(duty),
            Some(false) => after.duties.without(duty),
            None => after.duties,
        };
    }
    if before.id == by.caller.user_id && after.duties.without(before.duties) != Duties::NONE {
        return Err(Refusal::new(Kind::Denied, "Nobody raises their own rights."));
    }
    match changed.manager {
        Patch::Keep => {}
        Patch::Clear => after.manager_id = None,
        Patch::Set(guid) => {
            let manager = by_guids(tx, &[guid])?.remove(&guid);
            after.manager_id = Some(manager.ok_or_else(|| Refusal::unknown("managerId", "person", guid))?.id);
        }
    }
    match changed.default_activity_type {
        Patch::Keep => {}
        Patch::Clear => after.default_activity_type_id = None,
        Patch::Set(guid) => {
            let kind = activity_types::active_id(tx, guid)?;
            let unknown = || Refusal::unknown("defaultActivityTypeId", "activity type", guid);
            after.default_activity_type_id = Some(kind.ok_or_else(unknown)?);
        }
    }
    if after == *before {
        return Ok(after);
    }
    on!(tx, c => diesel::update(users::table.find(before.id))
        .set((
            users::time_zone.eq(&after.time_zone),
            users::duties.eq(after.duties.bits()),
            users::manager_id.eq(after.manager_id),
            users::default_activity_type_id.eq(after.default_activity_type_id),
            users::auth_version.eq(users::auth_version + 1),
        ))
        .execute(c))?;
    let text = |person: &Person| {
        serde_json::json!({
            "timeZone": person.time_zone, "duties": person.duties.bits(), "manager": person.manager_id,
            "defaultActivityType": person.default_activity_type_id,
        })
    };
    let entry = Change {
        subject: Subject::Person,
        subject_id: before.id.into(),
        action: Action::Changed,
        before: Some(text(before).to_string()),
        after: Some(text(&after).to_string()),
        comment: None,
    };
    changes::write(tx, by, [entry])?;
    Ok(after)
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

/// Ends all that was let in before (AU-5), whatever the credential.
pub fn raise_version(tx: &mut Tx<'_>, user_id: i32) -> Result<(), DbError> {
    on!(tx, c => diesel::update(users::table.find(user_id))
        .set(users::auth_version.eq(users::auth_version + 1))
        .execute(c))?;
    Ok(())
}

/// Lets a person in, or keeps them out; their time stays.
pub fn set_active(tx: &mut Tx<'_>, who: &str, is_active: bool) -> Result<Person, PeopleError> {
    let person = find(tx, who)?;
    if !is_active {
        keep_an_administrator(tx, &person)?;
        // Whoever is let in again signs in again.
        sessions::end_all(tx, person.id, None)?;
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
    if has_administrator_but(tx, leaving.id)? {
        return Ok(());
    }
    Err(PeopleError::LastAdministrator(leaving.unique_name.clone()))
}

/// Whether anybody could let others in.
pub fn has_administrator(conn: &mut impl AsConn) -> Result<bool, DbError> {
    // Nobody has this id.
    has_administrator_but(conn, 0)
}

fn has_administrator_but(conn: &mut impl AsConn, id: i32) -> Result<bool, DbError> {
    let others: i64 = on!(conn, c => users::table
        .filter(users::role.eq(Role::Administrator.number()))
        .filter(users::is_active.eq(true))
        .filter(users::id.ne(id))
        .count()
        .get_result(c))?;
    Ok(others > 0)
}
