//! Links with which somebody sets a password, once (AU-71): the first administrator's, and whoever forgot theirs.
//!
//! The secret stands in the fragment of the link, which no server is told and no log has.

use std::time::Duration;

use diesel::prelude::*;

use super::audit::{self, Entry};
use super::{Digest, secret, sessions};
use crate::db::tables::password_links;
use crate::db::{AsConn, DbError, Hold, Tx};
use crate::on;
use crate::sql::Instant;

/// Of the link that makes the first administrator.
pub const FIRST: Duration = Duration::from_secs(24 * 3_600);
/// Of one for somebody who is there already.
pub const RESET: Duration = Duration::from_secs(3_600);

/// Whom a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// Whoever opens it, as long as the site has no administrator.
    FirstAdministrator,
    Person(i32),
}

/// A new link's secret. Earlier ones of the same person are void.
pub fn make(tx: &mut Tx<'_>, whom: For, now: Instant) -> Result<String, DbError> {
    tx.must_hold(Hold::Shared)?;
    on!(tx, c => diesel::delete(password_links::table.filter(password_links::expires_at.le(now))).execute(c))?;
    let (user_id, lifetime) = match whom {
        For::FirstAdministrator => (None, FIRST),
        For::Person(user_id) => (Some(user_id), RESET),
    };
    if let Some(user_id) = user_id {
        on!(tx, c => diesel::delete(password_links::table.filter(password_links::user_id.eq(user_id))).execute(c))?;
    }
    let secret = secret::draw()?;
    let row = (
        password_links::digest.eq(Digest::of(&secret).as_bytes().to_vec()),
        password_links::user_id.eq(user_id),
        password_links::created_at.eq(now),
        password_links::expires_at.eq(sessions::after(now, lifetime)),
    );
    on!(tx, c => diesel::insert_into(password_links::table).values(&row).execute(c))?;
    let target = user_id.map_or_else(|| "the first administrator".to_owned(), |user_id| user_id.to_string());
    let entry = Entry { event: "link-made", outcome: "ok".to_owned(), target: Some(target), ..Entry::default() };
    audit::write(tx, &entry, now)?;
    Ok(secret)
}

/// The link of a secret: of the first administrator, or of somebody by their unique name.
pub fn address(base: &str, secret: &str, name: Option<&str>) -> String {
    let known = name.map(|name| percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC));
    format!("{base}/setup#{secret}{}", known.map(|name| format!("&{name}")).unwrap_or_default())
}

/// Whom a living link is for.
pub fn find(conn: &mut impl AsConn, secret: &str, now: Instant) -> Result<Option<For>, DbError> {
    let Some(digest) = secret::recognise(secret) else { return Ok(None) };
    let living = password_links::table
        .find(digest.as_bytes().as_slice())
        .filter(password_links::expires_at.gt(now))
        .select(password_links::user_id);
    let found: Option<Option<i32>> = on!(conn, c => living.first(c).optional())?;
    Ok(found.map(|user_id| user_id.map_or(For::FirstAdministrator, For::Person)))
}

/// Uses a link up, and whoever's others with it.
pub fn take(tx: &mut Tx<'_>, secret: &str, now: Instant) -> Result<Option<For>, DbError> {
    let whom = find(tx, secret, now)?;
    match whom {
        Some(For::Person(user_id)) => {
            on!(tx, c => diesel::delete(password_links::table.filter(password_links::user_id.eq(user_id))).execute(c))?
        }
        Some(For::FirstAdministrator) => {
            on!(tx, c => diesel::delete(password_links::table.filter(password_links::user_id.is_null())).execute(c))?
        }
        None => 0,
    };
    Ok(whom)
}
