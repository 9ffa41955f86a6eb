//! `/api/v1/tokens` and `/api/v1/grants`: what a person's programs sign in with (AU-13, AU-16, AU-74).
//!
//! A secret is in the answer that makes it and nowhere else. Every step is in the audit.

use std::sync::Arc;

use serde::Serialize;

use super::objects::utc;
use crate::auth::audit;
use crate::auth::tokens::{DEFAULT_LIFETIME_DAYS, LIFETIME_DAYS};
use crate::auth::{self, NewToken, Scopes, Token, TokenError, grants as granted};
use crate::db::{AsConn, DbError, Tx};
use crate::domain::people;
use crate::domain::refusal::{Kind, Refusal, Rule};
use crate::http::api::shape::Type::{Guid as GuidType, Instant, Int, Text};
use crate::http::api::shape::{Shape, member};
use crate::http::api::{Answer, Call, Job};
use crate::sql::Guid;

/// Hours that a rotated token goes on: unless a request says otherwise, and at most.
const OVERLAP_HOURS: i64 = 24;
const MOST_OVERLAP_HOURS: i64 = 168;
/// Characters of a token's name.
const LONGEST_NAME: usize = 200;

pub static TOKEN: Shape = Shape {
    name: "Token",
    members: &[
        member("id", GuidType, ""),
        member("name", Text, "What it is for."),
        member("prefix", Text, "Its first characters, to tell one from another."),
        member("scopes", Text, "reports.read, time.write, admin, with blanks between."),
        member("createdAt", Instant, ""),
        member("expiresAt", Instant, ""),
        member("revokedAt", Instant, ""),
        member("lastUsedAt", Instant, "Written every few minutes."),
        member("requestsPerMinute", Int, "Above it 429; null: any."),
    ],
};

pub static TOKEN_BODY: Shape = Shape {
    name: "TokenBody",
    members: &[
        member("name", Text, "What it is for."),
        member("days", Int, "How long it lives, from 1 to 366; otherwise 365."),
        member("scopes", Text, "Otherwise reports.read and time.write."),
        member("requestsPerMinute", Int, "From 1 to 1,000,000, at each server; otherwise any."),
    ],
};

pub static MADE: Shape = Shape {
    name: "MadeToken",
    members: &[
        member("id", GuidType, ""),
        member("token", Text, "The secret. It is not shown again."),
        member("name", Text, ""),
        member("prefix", Text, ""),
        member("scopes", Text, ""),
        member("expiresAt", Instant, ""),
    ],
};

pub static ROTATION: Shape = Shape {
    name: "Rotation",
    members: &[member("overlapHours", Int, "Hours that the old secret goes on, from 0 to 168; otherwise 24.")],
};

pub static HELD: Shape = Shape { name: "HeldToken", members: &[member("token", Text, "The secret.")] };

pub static GRANT: Shape = Shape {
    name: "Grant",
    members: &[
        member("id", GuidType, ""),
        member("client", Text, ""),
        member("address", Text, "From which the PIN was asked for."),
        member("createdAt", Instant, ""),
        member("expiresAt", Instant, ""),
        member("refreshedAt", Instant, ""),
    ],
};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenObject {
    id: String,
    name: String,
    prefix: String,
    scopes: String,
    created_at: String,
    expires_at: String,
    revoked_at: Option<String>,
    last_used_at: Option<String>,
    requests_per_minute: Option<i32>,
}

impl From<Token> for TokenObject {
    fn from(token: Token) -> TokenObject {
        TokenObject {
            id: token.guid.to_string(),
            name: token.name,
            prefix: token.prefix,
            scopes: Scopes::from_bits(token.scopes).to_string(),
            created_at: utc(token.created_at),
            expires_at: utc(token.expires_at),
            revoked_at: token.revoked_at.map(utc),
            last_used_at: token.last_used_at.map(utc),
            requests_per_minute: token.per_minute,
        }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MadeObject {
    id: String,
    token: String,
    name: String,
    prefix: String,
    scopes: String,
    expires_at: String,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GrantObject {
    id: String,
    client: String,
    address: String,
    created_at: String,
    expires_at: String,
    refreshed_at: Option<String>,
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Refusal {
        let message = error.to_string();
        match error {
            TokenError::Lifetime(_) => Refusal::rule(Rule::DbValidationError, "days", message),
            TokenError::TooMany | TokenError::Kept => Refusal::new(Kind::Conflict, message),
            TokenError::Foreign => Refusal::new(Kind::Malformed, message),
            TokenError::Unknown | TokenError::Ambiguous => Refusal::new(Kind::NotFound, message),
            TokenError::Random(_) => DbError::Other(message).into(),
            TokenError::Database(error) => error.into(),
        }
    }
}

pub fn tokens(call: &Arc<Call>) -> Result<Job, Refusal> {
    let user_id = call.caller.user_id;
    Job::read(move |conn| Answer::items(auth::list(conn, Some(user_id))?.into_iter().map(TokenObject::from)))
}

pub fn tokens_of(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "person")?;
    Job::read(move |conn| {
        let user_id = person(conn, guid)?;
        Answer::items(auth::list(conn, Some(user_id))?.into_iter().map(TokenObject::from))
    })
}

/// A person whom an administrator names.
pub(super) fn person(conn: &mut impl AsConn, guid: Guid) -> Result<i32, Refusal> {
    let found = people::by_guids(conn, &[guid])?.remove(&guid).map(|person| person.id);
    found.ok_or_else(|| Refusal::not_found("person", guid))
}

pub fn create(call: &Arc<Call>) -> Result<Job, Refusal> {
    let body = call.body()?;
    let name = body.text("name").map(str::trim).filter(|name| !name.is_empty()).unwrap_or("API").to_owned();
    if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        let message = format!("name must have at most {LONGEST_NAME} characters, in one line.");
        return Err(Refusal::malformed("name", message));
    }
    let days = body.int("days").unwrap_or(i64::from(DEFAULT_LIFETIME_DAYS));
    let days = u32::try_from(days).ok().filter(|days| LIFETIME_DAYS.contains(days));
    let wrong = || Refusal::rule(Rule::DbValidationError, "days", "days must be from 1 to 366.");
    let days = days.ok_or_else(wrong)?;
    let scopes = match body.text("scopes") {
        Some(text) => text.parse().map_err(|error: String| Refusal::malformed("scopes", format!("{error}.")))?,
        None => Scopes::DEFAULT,
    };
    within(call, scopes)?;
    let per_minute = body.int("requestsPerMinute");
    if per_minute.is_some_and(|most| !(1..=1_000_000).contains(&most)) {
        return Err(Refusal::malformed("requestsPerMinute", "requestsPerMinute must be from 1 to 1000000."));
    }
    let per_minute = per_minute.and_then(|most| i32::try_from(most).ok());
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        let token = NewToken { user_id: call.caller.user_id, name: &name, days: Some(days), scopes, per_minute };
        let (minted, guid) = auth::make(tx, token, call.now)?;
        made(tx, &call, minted.expose(), guid)
    })
}

/// A credential makes none that may do more than itself (AU-14).
fn within(call: &Call, scopes: Scopes) -> Result<(), Refusal> {
    if call.scopes.admit(scopes) {
        return Ok(());
    }
    let message = format!("Your own token is good for {} alone; it makes none that may do more.", call.scopes);
    Err(Refusal::new(Kind::Denied, message).at("scopes"))
}

pub fn rotate(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "token")?;
    let hours = call.body()?.int("overlapHours").unwrap_or(OVERLAP_HOURS);
    if !(0..=MOST_OVERLAP_HOURS).contains(&hours) {
        return Err(Refusal::malformed("overlapHours", "overlapHours must be from 0 to 168."));
    }
    let hours = u32::try_from(hours).unwrap_or_default();
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        let old = auth::of_person(tx, call.caller.user_id, guid)?.ok_or(TokenError::Unknown)?;
        within(&call, Scopes::from_bits(old.scopes))?;
        let (minted, new) = auth::rotate(tx, call.caller.user_id, guid, hours, call.now)?;
        told(tx, &call, "token-rotated", guid)?;
        made(tx, &call, minted.expose(), new)
    })
}

fn made(tx: &mut Tx<'_>, call: &Call, secret: &str, guid: Guid) -> Result<Answer, Refusal> {
    told(tx, call, "token-made", guid)?;
    let token = auth::of_person(tx, call.caller.user_id, guid)?.ok_or(TokenError::Unknown)?;
    let made = MadeObject {
        id: guid.to_string(),
        token: secret.to_owned(),
        name: token.name,
        prefix: token.prefix,
        scopes: Scopes::from_bits(token.scopes).to_string(),
        expires_at: utc(token.expires_at),
    };
    Ok(Answer::bare(made)?.created(format!("/api/v1/tokens/{guid}")))
}

pub fn revoke(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "token")?;
    let call = Arc::clone(call);
    Job::write_logs(move |tx| ended(tx, &call, call.caller.user_id, guid))
}

pub fn revoke_of(call: &Arc<Call>) -> Result<Job, Refusal> {
    let (user, guid) = (call.id(0, "person")?, call.id(1, "token")?);
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        let user_id = person(tx, user)?;
        ended(tx, &call, user_id, guid)
    })
}

fn ended(tx: &mut Tx<'_>, call: &Call, user_id: i32, guid: Guid) -> Result<Answer, Refusal> {
    let token = auth::of_person(tx, user_id, guid)?.ok_or_else(|| Refusal::not_found("token", guid))?;
    if token.revoked_at.is_none() {
        auth::end(tx, guid, call.now)?;
        told(tx, call, "token-revoked", guid)?;
    }
    Ok(Answer::nothing())
}

/// Whoever holds a token may end it. What it was is not told.
pub fn revoke_held(call: &Arc<Call>) -> Result<Job, Refusal> {
    let body = call.body()?;
    let missing = || Refusal::malformed("token", "token is missing: the secret.");
    let secret = body.text("token").ok_or_else(missing)?.trim().to_owned();
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        if let Some(guid) = auth::revoke_held(tx, &secret, call.now)? {
            told(tx, &call, "token-revoked", guid)?;
        }
        Answer::bare(serde_json::json!({}))
    })
}

pub fn grants(call: &Arc<Call>) -> Result<Job, Refusal> {
    let call = Arc::clone(call);
    Job::read(move |conn| {
        let object = |grant: granted::Shown| GrantObject {
            id: grant.guid.to_string(),
            client: grant.client,
            address: grant.address,
            created_at: utc(grant.created_at),
            expires_at: utc(grant.expires_at),
            refreshed_at: grant.refreshed_at.map(utc),
        };
        Answer::items(granted::list(conn, call.caller.user_id, call.now)?.into_iter().map(object))
    })
}

pub fn end_grant(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "grant")?;
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        if granted::revoke(tx, call.caller.user_id, guid, call.now)? {
            return Ok(Answer::nothing());
        }
        Err(Refusal::not_found("grant", guid))
    })
}

/// AU-96.
fn told(tx: &mut Tx<'_>, call: &Call, event: &'static str, token: Guid) -> Result<(), DbError> {
    audit::write(tx, &call.entry(event, token.to_string()), call.now)
}
