//! A site's own data out of a JSON file: all of it or nothing.
//!
//! In: a reader, whose rows pass one at a time. Out: counts and sums, or the path of the first row at fault with the
//! reason, such as ``worklogs[17].user: no user `x` ``. Types and references are checked; the rules for people who
//! enter time are not. Ids that the file leaves out are derived from names and places, so that the same file gives the
//! same ids on both back ends.

mod document;
mod fields;
mod links;
mod moment;
mod paths;
mod store;
mod target;

use std::io::Read;

use serde::de::DeserializeSeed;
use uuid::Uuid;

use self::document::Document;
use self::store::{Fault, Store};
use super::{Progress, Summary};
use crate::db::migrate::{self, MigrateError};
use crate::db::{Conn, DbError, Failure, Hold};
use crate::sql::{Guid, Instant};

/// Why nothing was loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{path}: {reason}")]
    Row { path: String, reason: String },
    #[error("the file cannot be read: {0}")]
    Unreadable(std::io::Error),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error(transparent)]
    Database(#[from] DbError),
}

/// Never says that the database is at fault, for that invites a second try, and the reader is used up.
impl Failure for LoadError {
    fn database(&self) -> Option<&DbError> {
        None
    }
}

/// Brings the schema up to date, then stores what the reader holds. `now` dates what the file does not.
pub fn load(
    conn: &mut Conn,
    reader: impl Read,
    now: Instant,
    progress: &mut dyn FnMut(Progress),
) -> Result<Summary, LoadError> {
    migrate::run(conn)?;
    let mut reader = Some(reader);
    let summary = conn.write(|tx| {
        tx.hold(Hold::Exclusive)?;
        let reader = reader.take().ok_or_else(|| DbError::Other("the file was read already".into()))?;
        let mut store = Store::new(tx, now, progress)?;
        match read(reader, &mut store) {
            Ok(()) => store.finish(),
            Err(error) => Err(error),
        }
    })?;
    conn.analyze()?;
    Ok(summary)
}

fn read(reader: impl Read, store: &mut Store<'_, '_, '_>) -> Result<(), LoadError> {
    let mut json = serde_json::Deserializer::from_reader(std::io::BufReader::with_capacity(1 << 16, reader));
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut json, &mut track);
    let result = Document(store).deserialize(tracked).and_then(|()| json.end());
    let Err(error) = result else {
        return Ok(());
    };
    let place = track.path().to_string();
    Err(match store.take_fault() {
        Some(Fault::Database(error)) => LoadError::Database(error),
        Some(Fault::Member { member, reason }) => LoadError::Row { path: format!("{place}.{member}"), reason },
        Some(Fault::Path { path, reason }) => LoadError::Row { path, reason },
        None if error.is_io() => LoadError::Unreadable(error.into()),
        None => LoadError::Row { path: known_part(&place), reason: error.to_string() },
    })
}

/// A path as far as it is known: the tracker writes `?` for a place that it could not name.
fn known_part(place: &str) -> String {
    match place.trim_end_matches(['?', '.']) {
        "" => "the file".into(),
        known => known.to_owned(),
    }
}

/// The GUID of something that is known by its kind and name.
fn derived_guid(kind: &str, name: &str) -> Guid {
    /// Ours alone; it must never change.
    const NAMESPACE: Uuid = Uuid::from_u128(0x7469_6d65_6c65_5467_8572_6c6f_6164_6564);
    Guid(Uuid::new_v5(&NAMESPACE, format!("{kind}:{name}").as_bytes()))
}
