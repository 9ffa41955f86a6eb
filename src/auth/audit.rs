//! The audit (AU-96): who signed in, who was refused and why. Rows are added and never changed; triggers see to it.
//!
//! Each row holds the SHA-256 of the digest before it and of its own content, so that a row that was changed or taken out
//! behind the triggers' back shows: [`verify`] names the first that does not fit.

use diesel::prelude::*;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::db::tables::audit;
use crate::db::{AsConn, DbError, Tx};
use crate::on;
use crate::sql::{Guid, Instant};

/// Bytes of a row's details.
const LONGEST_DETAILS: usize = 4 * 1024;
/// The lock of the one writer; arbitrary, but the same in every Timeledger.
const WRITER: Guid = Guid(uuid::uuid!("7469d65c-6564-4000-8000-617564697400"));

/// What happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// `sign-in`, `refused`, `locked`, …
    pub event: &'static str,
    /// `ok`, or the true reason, which the client does not learn.
    pub outcome: String,
    pub user_id: Option<i32>,
    /// The kind of the credential: `ntlm`, `proxy`.
    pub credential: Option<&'static str>,
    pub credential_id: Option<i32>,
    pub address: Option<String>,
    pub request: Option<Guid>,
    /// What it was about, such as the account that was named.
    pub target: Option<String>,
    pub details: Map<String, Value>,
}

#[derive(Clone, Debug, Queryable)]
struct Row {
    id: i64,
    at: Instant,
    event: String,
    outcome: String,
    user_id: Option<i32>,
    credential: Option<String>,
    credential_id: Option<i32>,
    address: Option<String>,
    request: Option<Guid>,
    target: Option<String>,
    details: String,
    digest: Vec<u8>,
}

impl Row {
    fn digest_after(&self, before: &[u8]) -> [u8; 32] {
        // JSON of one shape: no two rows write the same text.
        let text = serde_json::json!([
            self.at.0,
            self.event,
            self.outcome,
            self.user_id,
            self.credential,
            self.credential_id,
            self.address,
            self.request.map(|id| id.to_string()),
            self.target,
            self.details,
        ]);
        Sha256::new().chain_update(before).chain_update(text.to_string()).finalize().into()
    }
}

/// Adds a row. One writer at a time, in whatever server.
pub fn write(tx: &mut Tx<'_>, entry: &Entry, now: Instant) -> Result<(), DbError> {
    tx.hold_row(WRITER)?;
    let before: Option<Vec<u8>> =
        on!(tx, c => audit::table.order(audit::id.desc()).select(audit::digest).first(c).optional())?;
    let mut details = Value::Object(entry.details.clone()).to_string();
    if details.len() > LONGEST_DETAILS {
        details = "{\"cut\":true}".to_owned();
    }
    let mut row = Row {
        id: 0,
        at: now,
        event: entry.event.to_owned(),
        outcome: entry.outcome.clone(),
        user_id: entry.user_id,
        credential: entry.credential.map(str::to_owned),
        credential_id: entry.credential_id,
        address: entry.address.clone(),
        request: entry.request,
        target: entry.target.clone(),
        details,
        digest: Vec::new(),
    };
    row.digest = row.digest_after(&before.unwrap_or_default()).to_vec();
    let values = (
        audit::at.eq(row.at),
        audit::event.eq(&row.event),
        audit::outcome.eq(&row.outcome),
        audit::user_id.eq(row.user_id),
        audit::credential.eq(&row.credential),
        audit::credential_id.eq(row.credential_id),
        audit::address.eq(&row.address),
        audit::request.eq(row.request),
        audit::target.eq(&row.target),
        audit::details.eq(&row.details),
        audit::digest.eq(&row.digest),
    );
    on!(tx, c => diesel::insert_into(audit::table).values(&values).execute(c))?;
    Ok(())
}

/// Rows read at a time.
const PAGE: i64 = 1_000;

/// Follows the chain of digests. Gives the number of rows, or the id of the first that does not fit.
pub fn verify(conn: &mut impl AsConn) -> Result<Result<u64, i64>, DbError> {
    let (mut rows, mut last, mut before) = (0, i64::MIN, Vec::new());
    loop {
        let page: Vec<Row> =
            on!(conn, c => audit::table.filter(audit::id.gt(last)).order(audit::id).limit(PAGE).load(c))?;
        if page.is_empty() {
            return Ok(Ok(rows));
        }
        for row in page {
            if row.digest_after(&before).as_slice() != row.digest {
                return Ok(Err(row.id));
            }
            (rows, last, before) = (rows + 1, row.id, row.digest);
        }
    }
}

/// The newest rows, as lines for people and tests: event, outcome, target.
pub fn latest(conn: &mut impl AsConn, count: i64) -> Result<Vec<(String, String, Option<String>)>, DbError> {
    let columns = (audit::event, audit::outcome, audit::target);
    Ok(on!(conn, c => audit::table.order(audit::id.desc()).limit(count).select(columns).load(c))?)
}
