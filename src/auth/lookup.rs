//! What the database says of a credential.
//!
//! In: a [`Credential`] and the time. Out: [`Admitted`], or nothing: unknown, revoked, expired and disabled look alike.
//! One indexed statement, so that every database job can begin with it (AU-5). It is asked by `get_result`, since it finds one
//! row or none: `first` binds a LIMIT, and SQLite plans such a statement anew whenever that is bound.

use diesel::prelude::*;

use super::sessions::{self, Held};
use super::{Credential, Digest, Scopes};
use crate::db::tables::{access_tokens, api_tokens, grants, identities, users};
use crate::db::{AsConn, DbError};
use crate::on;
use crate::policy::{Caller, Duties, Role};
use crate::sql::{Guid, Instant};

/// A caller whom a credential admits. Two are equal as long as nothing has changed that decides what the caller may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    pub caller: Caller,
    pub credential: Credential,
    /// Of what has its last use written.
    pub token_id: Option<i32>,
    /// Of a browser.
    pub session: Option<Held>,
    pub scopes: Scopes,
    /// Requests that it may make in a minute; none: any.
    pub per_minute: Option<i32>,
    pub expires_at: Instant,
    /// Of the token or identity.
    version: i32,
    auth_version: i32,
}

impl Admitted {
    /// A caller whom no credential stands for: what a benchmark sets beside those who show one.
    pub fn without_credential(caller: Caller) -> Admitted {
        Admitted {
            caller,
            credential: Credential::Identity(i32::MIN),
            token_id: None,
            session: None,
            scopes: Scopes::ALL,
            per_minute: None,
            expires_at: Instant(i64::MAX),
            version: 0,
            auth_version: 0,
        }
    }

    /// Whether the same credential still gives the same caller, in the state of the database that a job reads. A job
    /// that hears "no" ends, and its request starts again at authentication, once.
    pub fn still_holds(&self, conn: &mut impl AsConn, now: Instant) -> Result<bool, DbError> {
        Ok(lookup(conn, self.credential, now)?.as_ref() == Some(self))
    }
}

#[derive(Queryable)]
struct Row {
    digest: Vec<u8>,
    token_id: i32,
    scopes: i32,
    expires_at: Instant,
    revoked_at: Option<Instant>,
    per_minute: Option<i32>,
    token_version: i32,
    user_id: i32,
    user_guid: Guid,
    name: String,
    role: i32,
    is_active: bool,
    auth_version: i32,
    duties: i32,
}

/// Who the credential admits at this time.
pub fn lookup(conn: &mut impl AsConn, credential: Credential, now: Instant) -> Result<Option<Admitted>, DbError> {
    match credential {
        Credential::Token(digest) => {
            let row: Option<Row> = find(conn, &digest)?;
            Ok(row.filter(|row| row.admits(&digest, now)).map(|row| row.admitted(credential)))
        }
        Credential::Access(digest) => access(conn, digest, now),
        Credential::Provider { identity: id, scopes, expires_at } => {
            let admitted = identity(conn, id)?.filter(|_| now < expires_at);
            Ok(admitted.map(|admitted| Admitted { credential, scopes, expires_at, ..admitted }))
        }
        Credential::Identity(id) => identity(conn, id),
        Credential::Session(digest) => session(conn, digest, now),
    }
}

/// The person who let a client in, for as long as the grant lives.
fn access(conn: &mut impl AsConn, digest: Digest, now: Instant) -> Result<Option<Admitted>, DbError> {
    type Found = (Instant, i32, i32, Guid, String, i32, i32, i32);
    let found: Option<Found> = on!(conn, c => access_tokens::table
        .inner_join(grants::table.inner_join(users::table))
        .filter(access_tokens::digest.eq(digest.as_bytes().as_slice()))
        .filter(access_tokens::expires_at.gt(now))
        .filter(grants::revoked_at.is_null())
        .filter(users::is_active.eq(true))
        .select((
            access_tokens::expires_at,
            grants::version,
            users::id,
            users::guid,
            users::name,
            users::role,
            users::auth_version,
            users::duties,
        ))
        .get_result(c)
        .optional())?;
    let admitted = |(expires_at, version, user_id, user_guid, name, role, auth_version, duties)| Admitted {
        caller: Caller { user_id, user_guid, name, role: Role::from_number(role), duties: Duties::from_bits(duties) },
        credential: Credential::Access(digest),
        token_id: None,
        session: None,
        per_minute: None,
        scopes: Scopes::DEFAULT,
        expires_at,
        version,
        auth_version,
    };
    Ok(found.map(admitted))
}

/// The person of an identity. The role alone says what it may: scopes narrow tokens.
fn identity(conn: &mut impl AsConn, id: i32) -> Result<Option<Admitted>, DbError> {
    type Found = (i32, i32, Guid, String, i32, bool, i32, i32);
    let found: Option<Found> = on!(conn, c => identities::table
        .inner_join(users::table)
        .filter(identities::id.eq(id))
        .select((
            identities::version,
            users::id,
            users::guid,
            users::name,
            users::role,
            users::is_active,
            users::auth_version,
            users::duties,
        ))
        .get_result(c)
        .optional())?;
    let admitted = |(version, user_id, user_guid, name, role, _, auth_version, duties)| Admitted {
        caller: Caller { user_id, user_guid, name, role: Role::from_number(role), duties: Duties::from_bits(duties) },
        credential: Credential::Identity(id),
        token_id: None,
        session: None,
        per_minute: None,
        scopes: Scopes::ALL,
        // The connection has an end of its own.
        expires_at: Instant(i64::MAX),
        version,
        auth_version,
    };
    Ok(found.filter(|(.., is_active, _, _)| *is_active).map(admitted))
}

/// The person of a session. The role alone says what it may.
fn session(conn: &mut impl AsConn, digest: Digest, now: Instant) -> Result<Option<Admitted>, DbError> {
    let admitted = |(caller, auth_version, held): (Caller, i32, Held)| Admitted {
        caller,
        credential: Credential::Session(digest),
        token_id: None,
        per_minute: None,
        scopes: Scopes::ALL,
        expires_at: held.expires_at,
        version: held.id,
        session: Some(held),
        auth_version,
    };
    Ok(sessions::find(conn, &digest, now)?.map(admitted))
}

fn find(conn: &mut impl AsConn, digest: &Digest) -> Result<Option<Row>, DbError> {
    let found = on!(conn, c => api_tokens::table
        .inner_join(users::table)
        .filter(api_tokens::digest.eq(digest.as_bytes().as_slice()))
        .select((
            api_tokens::digest,
            api_tokens::id,
            api_tokens::scopes,
            api_tokens::expires_at,
            api_tokens::revoked_at,
            api_tokens::requests_per_minute,
            api_tokens::version,
            users::id,
            users::guid,
            users::name,
            users::role,
            users::is_active,
            users::auth_version,
            users::duties,
        ))
        .get_result(c)
        .optional());
    Ok(found?)
}

impl Row {
    fn admits(&self, digest: &Digest, now: Instant) -> bool {
        digest.is(&self.digest) && self.is_active && self.revoked_at.is_none() && now < self.expires_at
    }

    fn admitted(self, credential: Credential) -> Admitted {
        let caller = Caller {
            user_id: self.user_id,
            user_guid: self.user_guid,
            name: self.name,
            role: Role::from_number(self.role),
            duties: Duties::from_bits(self.duties),
        };
        Admitted {
            caller,
            credential,
            token_id: Some(self.token_id),
            session: None,
            per_minute: self.per_minute,
            scopes: Scopes::from_bits(self.scopes),
            expires_at: self.expires_at,
            version: self.token_version,
            auth_version: self.auth_version,
        }
    }
}
