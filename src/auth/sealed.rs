//! What is kept sealed (AU-64): every such column of the database, in one list.
//!
//! In: the keys of the configuration. Out: which keys are in use, what does not open, everything sealed anew under the first
//! key, batch by batch. A column that is not in [`COLUMNS`] would be lost when keys turn: `vault::Place` is made here alone.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::vault::{self, Place, Vault, VaultError};
use crate::db::tables::{connect_states, outgoing_credentials, windows_passwords};
use crate::db::{AsConn, Conn, DbError, Tx};
use crate::on;

type Rows = Vec<(i32, Vec<u8>)>;
type Page = fn(&mut Conn, i32, i64) -> Result<Rows, DbError>;
type Replace = fn(&mut Conn, i32, &[u8], &[u8]) -> Result<usize, DbError>;

/// A column of sealed blobs.
pub struct Column {
    table: &'static str,
    column: &'static str,
    /// What is in it, for people.
    pub holds: &'static str,
    /// Rows behind that of this key, by their keys.
    page: Page,
    /// Puts a blob in the place of another; none where somebody else did meanwhile.
    replace: Replace,
}

impl std::fmt::Debug for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.table, self.column)
    }
}

macro_rules! column {
    ($table:ident . $key:ident . $column:ident, $holds:literal) => {
        Column {
            table: stringify!($table),
            column: stringify!($column),
            holds: $holds,
            page: |conn, after, most| {
                let rows = $table::table.filter($table::$key.gt(after)).order($table::$key).limit(most);
                Ok(on!(conn, c => rows.select(($table::$key, $table::$column)).load(c))?)
            },
            replace: |conn, row, old, new| {
                let row = $table::table.filter($table::$key.eq(row)).filter($table::$column.eq(old));
                Ok(on!(conn, c => diesel::update(row).set($table::$column.eq(new)).execute(c))?)
            },
        }
    };
}

pub static WINDOWS_PASSWORDS: Column = column!(windows_passwords.identity_id.sealed, "windows passwords");
pub static CREDENTIALS: Column = column!(outgoing_credentials.id.sealed, "outgoing credentials");
pub static VERIFIERS: Column = column!(connect_states.id.verifier, "sign-ins at Entra ID under way");

/// All of them.
pub static COLUMNS: [&Column; 3] = [&WINDOWS_PASSWORDS, &CREDENTIALS, &VERIFIERS];

/// Rows read at a time.
const PAGE: i64 = 500;

impl Column {
    pub fn place(&self, row: i32) -> Place {
        Place { table: self.table, column: self.column, row: row.into() }
    }

    /// How many there are, and why the first that does not open does not.
    pub fn opened(&self, conn: &mut impl AsConn, vault: &Vault) -> Result<(usize, Option<VaultError>), DbError> {
        let (mut count, mut closed) = (0, None);
        self.each(conn, |row, sealed| {
            count += 1;
            closed = closed.take().or_else(|| vault.open(&sealed, self.place(row)).err());
        })?;
        Ok((count, closed))
    }

    fn each(&self, conn: &mut impl AsConn, mut see: impl FnMut(i32, Vec<u8>)) -> Result<(), DbError> {
        let mut after = i32::MIN;
        loop {
            let rows = (self.page)(conn.as_conn(), after, PAGE)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = *last;
            rows.into_iter().for_each(|(row, sealed)| see(row, sealed));
        }
    }
}

/// How many secrets each key seals; none: no key can be told.
pub fn keys_in_use(conn: &mut impl AsConn) -> Result<BTreeMap<Option<u32>, usize>, DbError> {
    let mut keys = BTreeMap::new();
    for column in COLUMNS {
        column.each(conn, |_, sealed| *keys.entry(vault::key_of(&sealed)).or_default() += 1)?;
    }
    Ok(keys)
}

/// How far a walk through all columns is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    column: usize,
    after: Option<i32>,
    /// Sealed anew so far.
    pub done: usize,
    /// Left as they are: they do not open.
    pub closed: usize,
}

impl Walk {
    pub fn is_over(&self) -> bool {
        self.column >= COLUMNS.len()
    }
}

/// Looks at so many secrets, and seals those anew that are under another key than the first. A walk that was cut off begins
/// again and finds done what is done; a secret that somebody renews meanwhile is left to them.
pub fn reseal(tx: &mut Tx<'_>, vault: &Vault, from: Walk, most: i64) -> Result<Walk, DbError> {
    let Some(column) = COLUMNS.get(from.column) else { return Ok(from) };
    let rows = (column.page)(tx.as_conn(), from.after.unwrap_or(i32::MIN), most)?;
    let Some((last, _)) = rows.last() else { return Ok(Walk { column: from.column + 1, after: None, ..from }) };
    let mut walk = Walk { after: Some(*last), ..from };
    for (row, old) in rows.into_iter().filter(|(_, sealed)| vault::key_of(sealed) != vault.first()) {
        let place = column.place(row);
        match vault.open(&old, place).and_then(|secret| vault.seal(&secret, place)) {
            Ok(new) => walk.done += (column.replace)(tx.as_conn(), row, &old, &new)?,
            Err(VaultError::Random(why)) => return Err(DbError::Other(why)),
            Err(_) => walk.closed += 1,
        }
    }
    Ok(walk)
}
