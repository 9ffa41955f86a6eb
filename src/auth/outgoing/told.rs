//! What people are told of credentials (AU-63): fourteen, three and no days before the end, and once they are red; each once.
//!
//! In: a row. Out: notices, of a service account to every administrator, of a person's own to that person. Another secret in
//! its place ends them.

use serde_json::{Map, Value, json};

use super::connections::{self, Connection};
use super::credentials::{self, Credential};
use super::state;
use super::{Outgoing, Whose};
use crate::auth::notices::{self, Kind, Notice};
use crate::db::{DbError, Hold, Tx};
use crate::sql::{Guid, Instant};

/// What notices of the registration are about.
const REGISTRATION: &str = "registration";

/// It is refused, revoked or over.
pub(super) fn failed(
    tx: &mut Tx<'_>,
    about: &Credential,
    connection: &Connection,
    reason: &str,
    now: Instant,
) -> Result<(), DbError> {
    let facts = json!({"connection": connection.name, "reason": reason});
    tell(tx, about, Kind::CredentialFailed, about.guid.to_string(), facts, now)
}

/// The site's own registration is refused, so that no credential of Entra ID is renewed; told once, until one is.
pub(super) fn registration_fails(tx: &mut Tx<'_>, reason: &str, now: Instant) -> Result<(), DbError> {
    let facts = json!({"connection": "Entra ID", "reason": reason, "registration": "azure_devops.client_secret"});
    let facts: Map<String, Value> = facts.as_object().cloned().unwrap_or_default();
    notices::tell_administrators(tx, Kind::CredentialFailed, REGISTRATION, &facts, now).map(drop)
}

pub(super) fn registration_works(tx: &mut Tx<'_>) -> Result<(), DbError> {
    notices::clear_of_all(tx, Kind::CredentialFailed, REGISTRATION)
}

/// It is good again; its end is as near as before.
pub(super) fn works(tx: &mut Tx<'_>, about: &Credential) -> Result<(), DbError> {
    notices::clear_of_all(tx, Kind::CredentialFailed, &about.guid.to_string())
}

fn expires(
    tx: &mut Tx<'_>,
    about: &Credential,
    connection: &Connection,
    (end, days): (Instant, i64),
    now: Instant,
) -> Result<(), DbError> {
    let end = jiff::Timestamp::from_microsecond(end.0).map(|at| at.to_string()).unwrap_or_default();
    let facts = json!({"connection": connection.name, "expiresAt": end});
    tell(tx, about, Kind::CredentialExpires, format!("{} {days}", about.guid), facts, now)
}

fn tell(
    tx: &mut Tx<'_>,
    credential: &Credential,
    kind: Kind,
    about: String,
    facts: Value,
    now: Instant,
) -> Result<(), DbError> {
    let facts: Map<String, Value> = facts.as_object().cloned().unwrap_or_default();
    match credential.whose() {
        Whose::Service => notices::tell_administrators(tx, kind, &about, &facts, now)?,
        Whose::Person(user_id) => notices::tell(tx, &Notice { user_id, kind, about, facts }, now)?,
    };
    Ok(())
}

/// Whatever was told of a credential is over.
pub(super) fn over(tx: &mut Tx<'_>, about: &Credential) -> Result<(), DbError> {
    clear(tx, about.guid)
}

/// Of all that are kept for a connection.
pub(super) fn over_for_connection(tx: &mut Tx<'_>, connection: i32) -> Result<(), DbError> {
    let all = credentials::all(tx)?;
    all.iter().filter(|row| row.connection_id == connection).try_for_each(|row| clear(tx, row.guid))
}

fn clear(tx: &mut Tx<'_>, guid: Guid) -> Result<(), DbError> {
    let about = guid.to_string();
    notices::clear_of_all(tx, Kind::CredentialExpires, &about)?;
    notices::clear_of_all(tx, Kind::CredentialFailed, &about)
}

impl Outgoing {
    /// Looks at every known end, and tells of those that are near or past. Again at any time: nothing is told twice.
    pub async fn tell_of_ends(&self) -> Result<(), DbError> {
        let now = self.now();
        self.sweep(now).await?;
        let is_due = move |row: &Credential| {
            !row.is_refused() && row.expires_at.is_some_and(|end| state::due(end, now).is_some())
        };
        // Most looks find nothing, and cost a writer nothing.
        let due = self.0.db.read(move |conn| Ok::<_, DbError>(credentials::all(conn)?.iter().any(is_due))).await?;
        if !due {
            return Ok(());
        }
        self.0
            .db
            .write(move |tx| {
                tx.hold(Hold::Shared)?;
                credentials::all(tx)?.iter().filter(|row| is_due(row)).try_for_each(|row| end_nears(tx, row, now))
            })
            .await
    }
}

fn end_nears(tx: &mut Tx<'_>, row: &Credential, now: Instant) -> Result<(), DbError> {
    let (Some(end), Some(connection)) = (row.expires_at, connections::by_id(tx, row.connection_id)?) else {
        return Ok(());
    };
    match state::due(end, now) {
        _ if end <= now => credentials::fail(tx, row, (EXPIRED, None), now).map(drop),
        Some(days) => expires(tx, row, &connection, (end, days), now),
        None => Ok(()),
    }
}

/// Why a credential is red whose time is over.
pub(super) const EXPIRED: &str = "it has expired";
