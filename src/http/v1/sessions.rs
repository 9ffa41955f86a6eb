//! `/api/v1/me`, `/api/v1/sessions`: who is signed in where, and the end of it (AU-74).

use std::sync::Arc;

use serde::Serialize;

use super::connections::{self, CONNECTION, ConnectionObject, OWN, OwnObject};
use super::credentials::person;
use super::objects::utc;
use crate::auth::audit;
use crate::auth::sessions::{self, CSRF, Held, Shown};
use crate::auth::{self, Scopes, grants, local};
use crate::db::{AsConn, DbError, Tx};
use crate::domain::notices::read;
use crate::domain::people;
use crate::domain::refusal::Refusal;
use crate::http::api::shape::Type::{Bool, Guid as GuidType, Instant, Int, List, Object, Text};
use crate::http::api::shape::{Shape, member};
use crate::http::api::{Answer, Call, Job};
use crate::policy::Role;
use crate::sql::Guid;

pub static ME: Shape = Shape {
    name: "SignedIn",
    members: &[
        member("id", GuidType, ""),
        member("name", Text, ""),
        member("uniqueName", Text, ""),
        member("role", Text, ""),
        member("scopes", Text, "What the credential of this request is good for."),
        member("hasPassword", Bool, "Whether the person has a password here."),
        member("localAccounts", Bool, "Whether this server keeps passwords."),
        member("session", Object(&CURRENT), "Of a browser; else null."),
        member("unreadNotices", Int, ""),
        member("credentials", List(&OWN), "What the person has given for Azure DevOps, with its state."),
        member(
            "connections",
            List(&CONNECTION),
            "Of administrators: connections, with the state of their service accounts.",
        ),
    ],
};

static CURRENT: Shape = Shape {
    name: "CurrentSession",
    members: &[
        member("id", GuidType, ""),
        member("kind", Text, "How it began: local, link, oidc, windows."),
        member("signedInAt", Instant, "When the person last showed who they are."),
        member("expiresAt", Instant, "Its end at the latest."),
        member("isRecent", Bool, "Whether that is recent enough to make credentials: 15 minutes."),
        member("csrfToken", Text, "What a page sends as X-CSRF-Token with each change."),
    ],
};

pub static SESSION: Shape = Shape {
    name: "Session",
    members: &[
        member("id", GuidType, ""),
        member("kind", Text, "How it began: local, link, oidc, windows."),
        member("createdAt", Instant, ""),
        member("seenAt", Instant, "When it was last used; written every few minutes."),
        member("expiresAt", Instant, "Its end at the latest."),
        member("address", Text, ""),
        member("client", Text, "What the browser calls itself."),
        member("current", Bool, "Whether this request came with it."),
    ],
};

pub static EVERYWHERE: Shape = Shape {
    name: "SignOutEverywhere",
    members: &[member("tokens", Bool, "End the person's tokens, too; otherwise they stay.")],
};

pub static ENDED: Shape = Shape {
    name: "Ended",
    members: &[
        member("sessions", Int, "Browsers that were signed out."),
        member("grants", Int, "Paired clients."),
        member("tokens", Int, ""),
    ],
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Me {
    id: String,
    name: String,
    unique_name: String,
    role: &'static str,
    scopes: String,
    has_password: bool,
    local_accounts: bool,
    session: Option<Current>,
    unread_notices: i64,
    credentials: Vec<OwnObject>,
    connections: Vec<ConnectionObject>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Current {
    id: String,
    kind: String,
    signed_in_at: String,
    expires_at: String,
    is_recent: bool,
    csrf_token: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionObject {
    id: String,
    kind: String,
    created_at: String,
    seen_at: String,
    expires_at: String,
    address: Option<String>,
    client: Option<String>,
    current: bool,
}

impl SessionObject {
    fn of(shown: Shown, current: Option<&Held>) -> SessionObject {
        SessionObject {
            id: shown.guid.to_string(),
            kind: shown.kind,
            created_at: utc(shown.created_at),
            seen_at: utc(shown.seen_at),
            expires_at: utc(shown.expires_at),
            address: shown.address,
            client: shown.client,
            current: current.is_some_and(|held| held.guid == shown.guid),
        }
    }
}

pub fn me(call: &Arc<Call>) -> Result<Job, Refusal> {
    let call = Arc::clone(call);
    Job::read(move |conn| {
        let id = call.caller.user_id;
        let found = people::by_ids(conn, &[id])?.remove(&id);
        let person = found.ok_or_else(|| Refusal::not_found("person", call.caller.user_guid))?;
        let session = match &call.session {
            Some(held) => Some(current(conn, held, call.now)?),
            None => None,
        };
        let administers = call.caller.role == Role::Administrator && call.scopes.admit(Scopes::ADMIN);
        let may_track = call.caller.role > Role::None;
        Answer::bare(Me {
            id: person.guid.to_string(),
            name: person.name,
            unique_name: person.unique_name,
            role: call.caller.role.name(),
            scopes: call.scopes.to_string(),
            has_password: local::of_person(conn, id)?.is_some(),
            local_accounts: call.app.config.auth.local_accounts,
            session,
            unread_notices: read::unread(conn, id)?,
            credentials: if may_track { connections::kept_of(conn, id, call.now)? } else { Vec::new() },
            connections: if administers { connections::all(conn, call.now)? } else { Vec::new() },
        })
    })
}

fn current(conn: &mut impl AsConn, held: &Held, now: crate::sql::Instant) -> Result<Current, DbError> {
    let key = auth::find_key(conn, CSRF)?.ok_or(DbError::NotFound)?;
    Ok(Current {
        id: held.guid.to_string(),
        kind: held.kind.clone(),
        signed_in_at: utc(held.signed_in_at),
        expires_at: utc(held.expires_at),
        is_recent: held.is_recent(now),
        csrf_token: sessions::csrf_token(&key, held.guid),
    })
}

pub fn list(call: &Arc<Call>) -> Result<Job, Refusal> {
    let call = Arc::clone(call);
    Job::read(move |conn| listed(conn, &call, call.caller.user_id))
}

pub fn list_of(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "person")?;
    let call = Arc::clone(call);
    Job::read(move |conn| {
        let user_id = person(conn, guid)?;
        listed(conn, &call, user_id)
    })
}

fn listed(conn: &mut impl AsConn, call: &Call, user_id: i32) -> Result<Answer, Refusal> {
    let all = sessions::list(conn, user_id, call.now)?;
    Answer::items(all.into_iter().map(|shown| SessionObject::of(shown, call.session.as_ref())))
}

pub fn end(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "session")?;
    let call = Arc::clone(call);
    Job::write_logs(move |tx| ended(tx, &call, call.caller.user_id, guid))
}

pub fn end_of(call: &Arc<Call>) -> Result<Job, Refusal> {
    let (user, guid) = (call.id(0, "person")?, call.id(1, "session")?);
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        let user_id = person(tx, user)?;
        ended(tx, &call, user_id, guid)
    })
}

fn ended(tx: &mut Tx<'_>, call: &Call, user_id: i32, guid: Guid) -> Result<Answer, Refusal> {
    if !sessions::end(tx, user_id, guid)? {
        return Err(Refusal::not_found("session", guid));
    }
    told(tx, call, "session-ended", guid.to_string())?;
    Ok(Answer::nothing())
}

pub fn everywhere(call: &Arc<Call>) -> Result<Job, Refusal> {
    let tokens = call.body()?.bool("tokens").unwrap_or(false);
    let call = Arc::clone(call);
    Job::write(move |tx| sign_out(tx, &call, call.caller.user_id, tokens))
}

pub fn everywhere_of(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "person")?;
    let tokens = call.body()?.bool("tokens").unwrap_or(false);
    let call = Arc::clone(call);
    Job::write(move |tx| {
        let user_id = person(tx, guid)?;
        sign_out(tx, &call, user_id, tokens)
    })
}

/// Ends all that a person signed in with; connections and what other servers remember end with the version.
fn sign_out(tx: &mut Tx<'_>, call: &Call, user_id: i32, tokens: bool) -> Result<Answer, Refusal> {
    let sessions = sessions::end_all(tx, user_id, None)?;
    let mut ended_grants = 0;
    for grant in grants::list(tx, user_id, call.now)? {
        ended_grants += usize::from(grants::revoke(tx, user_id, grant.guid, call.now)?);
    }
    let mut ended_tokens = 0;
    let living = auth::list(tx, Some(user_id))?.into_iter().filter(|token| token.revoked_at.is_none() && tokens);
    for token in living {
        auth::end(tx, token.guid, call.now)?;
        ended_tokens += 1;
    }
    people::raise_version(tx, user_id)?;
    told(tx, call, "signed-out-everywhere", user_id.to_string())?;
    Answer::bare(serde_json::json!({"sessions": sessions, "grants": ended_grants, "tokens": ended_tokens}))
}

fn told(tx: &mut Tx<'_>, call: &Call, event: &'static str, target: String) -> Result<(), DbError> {
    audit::write(tx, &call.entry(event, target), call.now)
}
