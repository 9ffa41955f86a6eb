//! What people are told, as it is stored: each thing once.
//!
//! In: who, what kind, what about, and the facts. Out: a row, which the app shows and whose mail is due at once. The texts
//! are `domain::notices`'. It stands here because sign-in tells, too.

use diesel::prelude::*;
use serde_json::{Map, Value};

use crate::db::tables::{notices, users};
use crate::db::{DbError, Hold, Tx};
use crate::on;
use crate::policy::Role;
use crate::sql::{Guid, Instant};

/// What people are told of, and the facts that each comes with. Times are RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An API token ends (AU-13): `name`, `prefix`, `expiresAt`.
    TokenExpires,
    /// What this site signs in with elsewhere ends (AU-63): `connection`, `expiresAt`.
    CredentialExpires,
    /// It is refused, revoked or over: `connection`, `reason`.
    CredentialFailed,
    /// A refresh token came again (AU-57): `client`, `address`.
    GrantReused,
    /// An account is being guessed (AU-90): `account`, `failures`.
    Guessed,
}

impl Kind {
    pub const ALL: [Kind; 5] =
        [Kind::TokenExpires, Kind::CredentialExpires, Kind::CredentialFailed, Kind::GrantReused, Kind::Guessed];

    /// As tables and the API have it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::TokenExpires => "tokenExpires",
            Kind::CredentialExpires => "credentialExpires",
            Kind::CredentialFailed => "credentialFailed",
            Kind::GrantReused => "grantReused",
            Kind::Guessed => "guessed",
        }
    }

    /// The kind of a name; none for one of a newer version.
    pub fn of(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Something to be told to one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub user_id: i32,
    pub kind: Kind,
    /// What is told once: an id, and after a blank which time of several (`… 14`).
    pub about: String,
    pub facts: Map<String, Value>,
}

/// Tells a person. False: told before, and nothing is changed.
pub fn tell(tx: &mut Tx<'_>, notice: &Notice, now: Instant) -> Result<bool, DbError> {
    tx.must_hold(Hold::Shared)?;
    let row = (
        notices::guid.eq(Guid(uuid::Uuid::now_v7())),
        notices::user_id.eq(notice.user_id),
        notices::kind.eq(notice.kind.name()),
        notices::about.eq(&notice.about),
        notices::facts.eq(Value::Object(notice.facts.clone()).to_string()),
        notices::created_at.eq(now),
        notices::mail_due_at.eq(now),
        notices::mail_attempts.eq(0),
    );
    let told = on!(tx, c => diesel::insert_into(notices::table).values(row).on_conflict_do_nothing().execute(c))?;
    Ok(told > 0)
}

/// Tells every administrator; whether one had not been told before.
pub fn tell_administrators(
    tx: &mut Tx<'_>,
    kind: Kind,
    about: &str,
    facts: &Map<String, Value>,
    now: Instant,
) -> Result<bool, DbError> {
    let administrators: Vec<i32> = on!(tx, c => users::table
        .filter(users::role.eq(Role::Administrator.number()))
        .filter(users::is_active.eq(true))
        .order(users::id)
        .select(users::id)
        .load(c))?;
    let mut any = false;
    for user_id in administrators {
        any |= tell(tx, &Notice { user_id, kind, about: about.to_owned(), facts: facts.clone() }, now)?;
    }
    Ok(any)
}

/// Forgets what a person was told of something, each time of it: it is over, and may be told anew. What waits to be mailed is
/// not sent.
pub fn clear(tx: &mut Tx<'_>, user_id: i32, kind: Kind, about: &str) -> Result<(), DbError> {
    tx.must_hold(Hold::Shared)?;
    on!(tx, c => diesel::delete(of(kind, about).filter(notices::user_id.eq(user_id))).execute(c))?;
    Ok(())
}

/// As [`clear`], of whomever it was told.
pub fn clear_of_all(tx: &mut Tx<'_>, kind: Kind, about: &str) -> Result<(), DbError> {
    tx.must_hold(Hold::Shared)?;
    forget(tx, kind, about)
}

/// As [`clear_of_all`], for those who end something whatever they hold.
pub(super) fn forget(tx: &mut Tx<'_>, kind: Kind, about: &str) -> Result<(), DbError> {
    on!(tx, c => diesel::delete(of(kind, about)).execute(c))?;
    Ok(())
}

/// Texts order by bytes: what begins with `about` and a blank lies between it and `about!`.
#[diesel::dsl::auto_type(no_type_alias)]
fn of(kind: Kind, about: &str) -> _ {
    let name: &'static str = kind.name();
    let exact: String = about.to_owned();
    let from: String = format!("{about} ");
    let until: String = format!("{about}!");
    notices::table
        .filter(notices::kind.eq(name))
        .filter(notices::about.eq(exact).or(notices::about.ge(from).and(notices::about.lt(until))))
}

/// Whether a person was told of this kind since then, whatever it was about.
pub fn told_since(tx: &mut Tx<'_>, user_id: i32, kind: Kind, since: Instant) -> Result<bool, DbError> {
    let count: i64 = on!(tx, c => notices::table
        .filter(notices::user_id.eq(user_id))
        .filter(notices::kind.eq(kind.name()))
        .filter(notices::created_at.gt(since))
        .count()
        .get_result(c))?;
    Ok(count > 0)
}
