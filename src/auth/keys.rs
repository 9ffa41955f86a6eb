//! Keys that a site makes for itself and keeps in its database, so that all of its servers share them.

use diesel::prelude::*;

use crate::db::tables::secrets;
use crate::db::{AsConn, DbError, Tx};
use crate::on;

/// The name of the key that seals next links (OD-112).
pub const NEXT_LINKS: &str = "next-links";

/// The name of the key under which links in mails are made.
pub const UNSUBSCRIBE: &str = "unsubscribe";

/// The key of this name, if it was made already.
pub fn find_key(conn: &mut impl AsConn, name: &str) -> Result<Option<[u8; 32]>, DbError> {
    let found: Option<Vec<u8>> = on!(conn, c => secrets::table.find(name).select(secrets::value).first(c).optional())?;
    let wrong_length = |key: Vec<u8>| DbError::Other(format!("the key `{name}` has {} bytes instead of 32", key.len()));
    found.map(|key| key.try_into().map_err(wrong_length)).transpose()
}

/// The key of this name; drawn from the operating system's random source when it is first asked for.
pub fn make_key(tx: &mut Tx<'_>, name: &str) -> Result<[u8; 32], DbError> {
    if let Some(key) = find_key(tx, name)? {
        return Ok(key);
    }
    let mut key = [0u8; 32];
    getrandom::fill(&mut key).map_err(|error| DbError::Other(format!("no random numbers: {error}")))?;
    // Another server may have been quicker; the key that is there wins.
    on!(tx, c => diesel::insert_into(secrets::table)
        .values((secrets::name.eq(name), secrets::value.eq(key.as_slice())))
        .on_conflict_do_nothing()
        .execute(c))?;
    find_key(tx, name)?.ok_or(DbError::NotFound)
}
