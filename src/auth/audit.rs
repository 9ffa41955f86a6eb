//! The audit (AU-96): who signed in, who was refused and why. Rows are added and never changed; triggers see to it.
//!
//! Each row holds the SHA-256 of the digest before it and of its own content, so that a row that was changed or taken out
//! behind the triggers' back shows: [`verify`] names the first that does not fit. [`prune`] alone takes rows away, the
//! oldest, and a row tells of it with the digest of the last that went.

use diesel::prelude::*;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::db::tables::{audit, audit_cuts};
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

impl Entry {
    /// Something that a person did.
    pub fn done(event: &'static str, user_id: i32, target: Option<String>) -> Entry {
        Entry { event, outcome: "ok".to_owned(), user_id: Some(user_id), target, ..Entry::default() }
    }
}

/// A row.
#[derive(Clone, Debug, Queryable)]
pub struct Row {
    pub id: i64,
    pub at: Instant,
    pub event: String,
    pub outcome: String,
    pub user_id: Option<i32>,
    pub credential: Option<String>,
    pub credential_id: Option<i32>,
    pub address: Option<String>,
    pub request: Option<Guid>,
    pub target: Option<String>,
    /// JSON.
    pub details: String,
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
    let cut = cut(conn)?;
    if let Some((id, digest)) = &cut
        && !is_told(conn, *id, digest)?
    {
        return Ok(Err(*id));
    }
    let (mut last, mut before) = cut.unwrap_or((i64::MIN, Vec::new()));
    let mut rows = 0;
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

/// The last row that was pruned, with its digest.
fn cut(conn: &mut impl AsConn) -> Result<Option<(i64, Vec<u8>)>, DbError> {
    let newest = audit_cuts::table.order(audit_cuts::audit_id.desc());
    Ok(on!(conn, c => newest.select((audit_cuts::audit_id, audit_cuts::digest)).first(c).optional())?)
}

/// Whether a row tells of this cut.
fn is_told(conn: &mut impl AsConn, id: i64, digest: &[u8]) -> Result<bool, DbError> {
    let of_cut = audit::table.filter(audit::event.eq(PRUNED)).filter(audit::target.eq(id.to_string()));
    let told: Vec<String> = on!(conn, c => of_cut.select(audit::details).load(c))?;
    let expected = hex(digest);
    let says = |details: &String| {
        let details: Option<Value> = serde_json::from_str(details).ok();
        details.is_some_and(|details| details["digest"].as_str() == Some(&expected))
    };
    Ok(told.iter().any(says))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const PRUNED: &str = "audit-pruned";

/// Takes away what is older; gives the number of rows. A row tells of it.
pub fn prune(tx: &mut Tx<'_>, older_than: Instant, now: Instant) -> Result<u64, DbError> {
    tx.hold_row(WRITER)?;
    let old = audit::table.filter(audit::at.lt(older_than)).order(audit::id.desc());
    let last: Option<(i64, Vec<u8>)> = on!(tx, c => old.select((audit::id, audit::digest)).first(c).optional())?;
    let Some((id, digest)) = last else { return Ok(0) };
    let gone = audit::table.filter(audit::id.le(id));
    let rows: i64 = on!(tx, c => gone.count().get_result(c))?;
    let details = serde_json::json!({"rows": rows, "digest": hex(&digest)});
    let entry = Entry {
        event: PRUNED,
        outcome: "ok".to_owned(),
        target: Some(id.to_string()),
        details: details.as_object().cloned().unwrap_or_default(),
        ..Entry::default()
    };
    write(tx, &entry, now)?;
    let row = (audit_cuts::audit_id.eq(id), audit_cuts::digest.eq(&digest), audit_cuts::at.eq(now));
    on!(tx, c => diesel::insert_into(audit_cuts::table).values(row).execute(c))?;
    on!(tx, c => diesel::delete(gone).execute(c))?;
    Ok(u64::try_from(rows).unwrap_or_default())
}

/// Which rows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Included.
    pub from: Option<Instant>,
    /// Not included.
    pub to: Option<Instant>,
    pub event: Option<String>,
    pub user_id: Option<i32>,
    pub skip: i64,
    pub count: i64,
}

/// A page of rows, the newest first.
pub fn list(conn: &mut impl AsConn, filter: &Filter) -> Result<Vec<Row>, DbError> {
    Ok(on!(conn, c => {
        let mut query = audit::table.order(audit::id.desc()).offset(filter.skip).limit(filter.count).into_boxed();
        if let Some(from) = filter.from {
            query = query.filter(audit::at.ge(from));
        }
        if let Some(to) = filter.to {
            query = query.filter(audit::at.lt(to));
        }
        if let Some(event) = &filter.event {
            query = query.filter(audit::event.eq(event));
        }
        if let Some(user) = filter.user_id {
            query = query.filter(audit::user_id.eq(user));
        }
        query.load(c)
    })?)
}

/// The newest rows, as lines for people and tests: event, outcome, target.
pub fn latest(conn: &mut impl AsConn, count: i64) -> Result<Vec<(String, String, Option<String>)>, DbError> {
    let columns = (audit::event, audit::outcome, audit::target);
    Ok(on!(conn, c => audit::table.order(audit::id.desc()).limit(count).select(columns).load(c))?)
}
