//! Connections: organizations of Azure DevOps Services and collections of a server.
//!
//! In: names and addresses as people give them. Out: rows. An address is https, unless an administrator allows otherwise for
//! this connection, which the audit tells (AU-65). Once credentials are kept for a connection its scheme, host and port stay:
//! else whoever changes them would be sent the secrets of others.

use diesel::prelude::*;
use reqwest::Url;
use serde_json::{Value, json};

use super::{Whose, consent};
use crate::auth::audit::{self, Entry};
use crate::db::tables::{connections, name_key, outgoing_credentials};
use crate::db::{AsConn, DbError, Failure, Hold, Tx};
use crate::on;
use crate::sql::{Guid, Instant};

const LONGEST_NAME: usize = 200;
const LONGEST_ADDRESS: usize = 1_000;

/// The product at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    Services,
    Server,
}

impl Product {
    const ALL: [Product; 2] = [Product::Services, Product::Server];

    pub fn name(self) -> &'static str {
        match self {
            Product::Services => "services",
            Product::Server => "server",
        }
    }

    pub fn of(name: &str) -> Option<Product> {
        Product::ALL.into_iter().find(|product| product.name() == name)
    }
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Connection {
    pub id: i32,
    pub guid: Guid,
    pub name: String,
    /// Without a slash at its end.
    pub base_url: String,
    kind: String,
    pub allow_http: bool,
    pub created_at: Instant,
    pub version: i32,
}

type Columns = (
    connections::id,
    connections::guid,
    connections::name,
    connections::base_url,
    connections::kind,
    connections::allow_http,
    connections::created_at,
    connections::version,
);

const COLUMNS: Columns = (
    connections::id,
    connections::guid,
    connections::name,
    connections::base_url,
    connections::kind,
    connections::allow_http,
    connections::created_at,
    connections::version,
);

impl Connection {
    pub fn product(&self) -> Product {
        Product::of(&self.kind).unwrap_or(Product::Server)
    }

    /// Whether an address is of its scheme, host and port.
    pub fn is_at(&self, url: &Url) -> bool {
        Url::parse(&self.base_url).is_ok_and(|base| base.origin() == url.origin())
    }
}

/// What is to be of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub name: String,
    pub base_url: String,
    pub product: Product,
    pub allow_http: bool,
}

/// Why a connection is not made or changed; the member at fault comes first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    #[error("{0}: {1}")]
    Wrong(&'static str, String),
    #[error("name: another connection is called {0}")]
    Taken(String),
    #[error(
        "baseUrl: credentials are kept for this connection, and go to its present kind of server, scheme, host and port alone; make \
         another connection, or remove them first"
    )]
    InUse,
    #[error("there is no connection {0}")]
    Unknown(String),
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<diesel::result::Error> for ConnectionError {
    fn from(error: diesel::result::Error) -> ConnectionError {
        ConnectionError::Database(error.into())
    }
}

impl Failure for ConnectionError {
    fn database(&self) -> Option<&DbError> {
        match self {
            ConnectionError::Database(error) => Some(error),
            _ => None,
        }
    }
}

/// By name.
pub fn list(conn: &mut impl AsConn) -> Result<Vec<Connection>, DbError> {
    Ok(on!(conn, c => connections::table.order(connections::name_key).select(COLUMNS).load(c))?)
}

pub fn by_id(conn: &mut impl AsConn, id: i32) -> Result<Option<Connection>, DbError> {
    Ok(on!(conn, c => connections::table.find(id).select(COLUMNS).first(c).optional())?)
}

pub fn by_guid(conn: &mut impl AsConn, guid: Guid) -> Result<Option<Connection>, DbError> {
    let found = connections::table.filter(connections::guid.eq(guid)).select(COLUMNS);
    Ok(on!(conn, c => found.first(c).optional())?)
}

/// By name, in any letter case, or by id.
pub fn find(conn: &mut impl AsConn, name: &str) -> Result<Connection, ConnectionError> {
    let unknown = || ConnectionError::Unknown(name.to_owned());
    if let Ok(guid) = uuid::Uuid::try_parse(name) {
        return by_guid(conn, Guid(guid))?.ok_or_else(unknown);
    }
    let found = connections::table.filter(connections::name_key.eq(name_key(name))).select(COLUMNS);
    let found: Option<Connection> = on!(conn, c => found.first(c).optional())?;
    found.ok_or_else(unknown)
}

/// Makes one. `by` tells the audit who does it, and is empty where it is done on the machine itself.
pub fn create(tx: &mut Tx<'_>, by: &Entry, wanted: &Wanted, now: Instant) -> Result<Connection, ConnectionError> {
    tx.must_hold(Hold::Exclusive)?;
    let name = checked_name(tx, &wanted.name, None)?;
    let base_url = address(&wanted.base_url, wanted.allow_http)?;
    let row = (
        connections::guid.eq(Guid(uuid::Uuid::now_v7())),
        connections::name.eq(&name),
        connections::name_key.eq(name_key(&name)),
        connections::base_url.eq(base_url.as_str().trim_end_matches('/')),
        connections::kind.eq(wanted.product.name()),
        connections::allow_http.eq(wanted.allow_http),
        connections::created_at.eq(now),
        connections::version.eq(1),
    );
    let insert = diesel::insert_into(connections::table).values(&row).returning(COLUMNS);
    let made: Connection = on!(tx, c => insert.get_result(c))?;
    record(tx, by, "connection-made", (&made, None), now)?;
    Ok(made)
}

/// Changes one. Whoever reads its address from then on finds the new one.
pub fn change(
    tx: &mut Tx<'_>,
    by: &Entry,
    before: &Connection,
    wanted: &Wanted,
    now: Instant,
) -> Result<Connection, ConnectionError> {
    tx.must_hold(Hold::Exclusive)?;
    let name = checked_name(tx, &wanted.name, Some(before.id))?;
    let url = address(&wanted.base_url, wanted.allow_http)?;
    let stays = before.product() == wanted.product && before.is_at(&url);
    if !stays {
        if has_credentials(tx, before.id)? {
            return Err(ConnectionError::InUse);
        }
        // Whoever is at Entra ID at this moment agreed to the former address.
        consent::forget(tx, before.id)?;
    }
    let row = connections::table.find(before.id);
    let new = (
        connections::name.eq(&name),
        connections::name_key.eq(name_key(&name)),
        connections::base_url.eq(url.as_str().trim_end_matches('/')),
        connections::kind.eq(wanted.product.name()),
        connections::allow_http.eq(wanted.allow_http),
        connections::version.eq(connections::version + 1),
    );
    on!(tx, c => diesel::update(row).set(new).execute(c))?;
    let after = by_id(tx, before.id)?.ok_or(DbError::NotFound)?;
    record(tx, by, "connection-changed", (&after, Some(before)), now)?;
    Ok(after)
}

/// Removes one, with all that is kept for it.
pub fn delete(tx: &mut Tx<'_>, by: &Entry, gone: &Connection, now: Instant) -> Result<(), DbError> {
    tx.must_hold(Hold::Exclusive)?;
    super::told::over_for_connection(tx, gone.id)?;
    on!(tx, c => diesel::delete(connections::table.find(gone.id)).execute(c))?;
    record(tx, by, "connection-removed", (gone, None), now)
}

fn has_credentials(conn: &mut impl AsConn, id: i32) -> Result<bool, DbError> {
    let of = outgoing_credentials::table.filter(outgoing_credentials::connection_id.eq(id));
    let count: i64 = on!(conn, c => of.count().get_result(c))?;
    Ok(count > 0)
}

fn checked_name(conn: &mut impl AsConn, name: &str, own: Option<i32>) -> Result<String, ConnectionError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(ConnectionError::Wrong(
            "name",
            format!("it must have 1 to {LONGEST_NAME} characters, in one line"),
        ));
    }
    let found = connections::table.filter(connections::name_key.eq(name_key(name))).select(connections::id);
    let found: Option<i32> = on!(conn, c => found.first(c).optional())?;
    if found.is_some_and(|id| Some(id) != own) {
        return Err(ConnectionError::Taken(name.to_owned()));
    }
    Ok(name.to_owned())
}

/// The address of an organization or collection: https, or http where that is allowed; nothing in it but scheme, host, port
/// and path. What people paste of the former form of an organization becomes the present one.
pub fn address(text: &str, allow_http: bool) -> Result<Url, ConnectionError> {
    let wrong = |why: &str| ConnectionError::Wrong("baseUrl", why.to_owned());
    let mut url = Some(text.trim())
        .filter(|text| text.len() <= LONGEST_ADDRESS)
        .and_then(|text| Url::parse(text).ok())
        .ok_or_else(|| wrong("it is no address such as https://dev.azure.com/ORGANIZATION"))?;
    let host = url.host_str().unwrap_or_default().to_owned();
    match url.scheme() {
        _ if host.is_empty() => return Err(wrong("it names no server")),
        "https" => {}
        "http" if allow_http => {}
        "http" => return Err(wrong("plain http shows secrets to whoever listens; use https, or set allowHttp")),
        _ => return Err(wrong("it must begin with https://")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("no name or password may stand in it"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it must end with its path, without ? or #"));
    }
    if let Some(organization) = host.strip_suffix(".visualstudio.com").filter(|name| !name.contains('.')) {
        let present = format!("https://dev.azure.com/{organization}");
        return Url::parse(&present).map_err(|_| wrong("it is no address of an organization"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// AU-96. That secrets may go out in clear has a row of its own.
fn record(
    tx: &mut Tx<'_>,
    by: &Entry,
    event: &'static str,
    (about, before): (&Connection, Option<&Connection>),
    now: Instant,
) -> Result<(), DbError> {
    let shown =
        |it: &Connection| json!({"name": it.name, "baseUrl": it.base_url, "kind": it.kind, "allowHttp": it.allow_http});
    let mut details = shown(about);
    if let Some(before) = before {
        details["before"] = shown(before);
    }
    let entry = done(event, by, about, &details);
    audit::write(tx, &entry, now)?;
    if about.allow_http && event != "connection-removed" {
        audit::write(tx, &Entry { event: "plain-http-allowed", ..entry }, now)?;
    }
    Ok(())
}

/// What the audit says of a credential of a connection.
pub(super) fn entry(event: &'static str, by: &Entry, about: &Connection, (whose, kind): (Whose, &str)) -> Entry {
    let (word, person) = match whose {
        Whose::Service => ("service", None),
        Whose::Person(id) => ("person", Some(id)),
    };
    done(event, by, about, &json!({"connection": about.name, "for": word, "person": person, "kind": kind}))
}

fn done(event: &'static str, by: &Entry, about: &Connection, details: &Value) -> Entry {
    Entry {
        event,
        outcome: "ok".to_owned(),
        target: Some(about.guid.to_string()),
        details: details.as_object().cloned().unwrap_or_default(),
        ..by.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_one_form() {
        let cases = [
            ("https://dev.azure.com/org", "https://dev.azure.com/org"),
            (" https://DEV.azure.com/org/ ", "https://dev.azure.com/org"),
            ("https://org.visualstudio.com", "https://dev.azure.com/org"),
            ("https://org.visualstudio.com/DefaultCollection", "https://dev.azure.com/org"),
            (
                "https://tfs.corp.example:8443/tfs/Default%20Collection",
                "https://tfs.corp.example:8443/tfs/Default%20Collection",
            ),
        ];
        for (text, shown) in cases {
            assert_eq!(address(text, false).unwrap().as_str().trim_end_matches('/'), shown, "{text}");
        }
        assert!(address("http://tfs.corp.example/tfs/C", true).is_ok());
    }

    #[test]
    fn au_65_addresses_that_no_credential_may_go_to() {
        let refused = [
            "http://tfs.corp.example/tfs/C",
            "ftp://tfs.corp.example/tfs/C",
            "https://ann:secret@dev.azure.com/org",
            "https://dev.azure.com/org?x=1",
            "https://dev.azure.com/org#x",
            "dev.azure.com/org",
            "https://",
            "",
        ];
        for text in refused {
            assert!(matches!(address(text, false), Err(ConnectionError::Wrong("baseUrl", _))), "{text}");
        }
        assert!(address(&format!("https://h/{}", "a".repeat(LONGEST_ADDRESS)), false).is_err());
    }
}
