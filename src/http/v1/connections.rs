//! `/api/v1/connections` and `/api/v1/my-credentials`: Azure DevOps, and what is shown there (AU-60, AU-63).
//!
//! A secret goes in and never comes out. Service accounts are administrators'; a person's own credential is that person's: an
//! administrator sees whose there are and ends them, and sets none.

use std::sync::Arc;

use secrecy::ExposeSecret;
use serde::Serialize;

use super::credentials::person;
use super::objects::utc;
use crate::auth::Scopes;
use crate::auth::outgoing::connections::{self, Product, Wanted};
use crate::auth::outgoing::consent::Wish;
use crate::auth::outgoing::credentials::{self, Credential};
use crate::auth::outgoing::send::waits_until;
use crate::auth::outgoing::{Connection, ConnectionError, Given, Held, OutgoingError, State, Unfit, Whose};
use crate::db::{AsConn, DbError};
use crate::domain::people;
use crate::domain::refusal::{Kind, Refusal, Rule};
use crate::domain::wall::Written;
use crate::http::api::call::etag;
use crate::http::api::shape::Type::{Bool, Guid as GuidType, Instant as InstantType, Object, Text, Time};
use crate::http::api::shape::{Body, Shape, member};
use crate::http::api::{Answer, Call, Job};
use crate::http::pages::connect;
use crate::policy::Role;
use crate::sql::{Guid, Instant};

pub static HELD: Shape = Shape {
    name: "OutgoingCredential",
    members: &[
        member("kind", Text, "oauth, pat or ntlm."),
        member("user", Text, "Of ntlm: the account."),
        member("expiresAt", InstantType, "Null: not known."),
        member("state", Text, "ok; yellow: it ends within 14 days; red: expired, revoked or refused, and not used."),
        member("reason", Text, "Why it is red, or why it waits."),
        member("failedAt", InstantType, ""),
        member("workedAt", InstantType, "Written once an hour."),
        member("changedAt", InstantType, "When it was given."),
    ],
};

pub static CONNECTION: Shape = Shape {
    name: "Connection",
    members: &[
        member("id", GuidType, ""),
        member("name", Text, "Unique whatever the letter case."),
        member("baseUrl", Text, "Of the organization or collection."),
        member("kind", Text, "services or server."),
        member("allowHttp", Bool, "Secrets may go there in clear; the audit tells of it."),
        member("createdAt", InstantType, ""),
        member("credential", Object(&HELD), "The service account's; null: there is none."),
    ],
};

pub static CONNECTION_BODY: Shape = Shape {
    name: "ConnectionBody",
    members: &[
        member("name", Text, ""),
        member("baseUrl", Text, "https://dev.azure.com/ORGANIZATION, or https://HOST[:PORT][/PATH]/COLLECTION."),
        member("kind", Text, "services or server; otherwise services."),
        member("allowHttp", Bool, ""),
    ],
};

pub static CREDENTIAL_BODY: Shape = Shape {
    name: "OutgoingCredentialBody",
    members: &[
        member("kind", Text, "pat or ntlm."),
        member("secret", Text, "The personal access token, or the password."),
        member("user", Text, "Of ntlm: DOMAIN\\user."),
        member("expiresAt", Time, "The end, where it is known; UTC, unless it names a zone."),
    ],
};

pub static OWN: Shape = Shape {
    name: "OwnCredential",
    members: &[
        member("connectionId", GuidType, ""),
        member("connectionName", Text, ""),
        member("connectionKind", Text, "services or server."),
        member("baseUrl", Text, ""),
        member("credential", Object(&HELD), "The caller's own; null: there is none."),
    ],
};

pub static HOLDER: Shape = Shape {
    name: "CredentialHolder",
    members: &[
        member("userId", GuidType, ""),
        member("name", Text, ""),
        member("uniqueName", Text, ""),
        member("credential", Object(&HELD), ""),
    ],
};

pub static WHOSE: Shape = Shape {
    name: "WhoseCredential",
    members: &[member("service", Bool, "The service account's, for administrators; otherwise the caller's own.")],
};

pub static TESTED: Shape = Shape {
    name: "TestedCredential",
    members: &[
        member("works", Bool, ""),
        member("name", Text, "Whom Azure DevOps takes the credential for."),
        member("account", Text, ""),
        member("state", Text, "ok, yellow or red."),
        member("reason", Text, "Why it does not work."),
        member("retryAt", InstantType, "Nothing is sent before."),
    ],
};

pub static AUTHORIZE: Shape = Shape {
    name: "Authorize",
    members: &[
        member("returnTo", Text, "The path of this server that the browser comes back to; otherwise /."),
        member("service", Bool, "The service account's, for administrators; otherwise the caller's own."),
    ],
};

pub static DEPARTURE: Shape = Shape {
    name: "Departure",
    members: &[member("url", Text, "Where this browser signs in; good for ten minutes, in this browser alone.")],
};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HeldObject {
    kind: String,
    user: Option<String>,
    expires_at: Option<String>,
    state: &'static str,
    reason: Option<String>,
    failed_at: Option<String>,
    worked_at: Option<String>,
    changed_at: String,
}

impl From<Held> for HeldObject {
    fn from(held: Held) -> HeldObject {
        HeldObject {
            kind: held.kind,
            user: held.account,
            expires_at: held.expires_at.map(utc),
            state: held.state.name(),
            reason: held.reason,
            failed_at: held.failed_at.map(utc),
            worked_at: held.worked_at.map(utc),
            changed_at: utc(held.changed_at),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionObject {
    id: String,
    name: String,
    base_url: String,
    kind: &'static str,
    allow_http: bool,
    created_at: String,
    credential: Option<HeldObject>,
}

impl ConnectionObject {
    fn of(connection: Connection, held: Option<Held>) -> ConnectionObject {
        ConnectionObject {
            kind: connection.product().name(),
            id: connection.guid.to_string(),
            name: connection.name,
            base_url: connection.base_url,
            allow_http: connection.allow_http,
            created_at: utc(connection.created_at),
            credential: held.map(HeldObject::from),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnObject {
    connection_id: String,
    connection_name: String,
    connection_kind: &'static str,
    base_url: String,
    credential: Option<HeldObject>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HolderObject {
    user_id: String,
    name: String,
    unique_name: String,
    credential: HeldObject,
}

#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct TestedObject {
    works: bool,
    name: Option<String>,
    account: Option<String>,
    state: &'static str,
    reason: Option<String>,
    retry_at: Option<String>,
}

impl From<ConnectionError> for Refusal {
    fn from(error: ConnectionError) -> Refusal {
        let message = format!("{error}.");
        match error {
            ConnectionError::Wrong(member, _) => Refusal::rule(Rule::DbValidationError, member, message),
            ConnectionError::Taken(_) => Refusal::rule(Rule::DbValidationError, "name", message),
            ConnectionError::InUse => Refusal::new(Kind::Conflict, message).at("baseUrl"),
            ConnectionError::Unknown(name) => Refusal::not_found("connection", name),
            ConnectionError::Database(error) => error.into(),
        }
    }
}

impl From<OutgoingError> for Refusal {
    fn from(error: OutgoingError) -> Refusal {
        match error {
            OutgoingError::Database(error) => error.into(),
            OutgoingError::Unfit(error) => unfit(error),
            OutgoingError::Missing => Refusal::new(Kind::NotFound, "No credential is kept for this connection."),
            error @ (OutgoingError::Foreign(_) | OutgoingError::Elsewhere(_)) => {
                Refusal::new(Kind::Conflict, format!("{error}."))
            }
            OutgoingError::NotConfigured(setting) => {
                let message =
                    format!("The site does not sign in at Entra ID: {setting} is not set. Ask its administrator.");
                Refusal::new(Kind::Conflict, message)
            }
            error => Refusal::new(Kind::Conflict, format!("No secret can be kept: {error}.")),
        }
    }
}

pub fn list(call: &Arc<Call>) -> Result<Job, Refusal> {
    let now = call.now;
    Job::read(move |conn| Answer::items(all(conn, now)?.into_iter()))
}

/// Every connection with its service account.
pub fn all(conn: &mut impl AsConn, now: Instant) -> Result<Vec<ConnectionObject>, DbError> {
    let states = credentials::states(conn, Whose::Service, now)?;
    Ok(states.into_iter().map(|(connection, held)| ConnectionObject::of(connection, held)).collect())
}

pub fn one(call: &Arc<Call>) -> Result<Job, Refusal> {
    let (guid, now) = (call.id(0, "connection")?, call.now);
    Job::read(move |conn| {
        let connection = find(conn, guid)?;
        shown(conn, connection, now)
    })
}

fn find(conn: &mut impl AsConn, guid: Guid) -> Result<Connection, Refusal> {
    connections::by_guid(conn, guid)?.ok_or_else(|| Refusal::not_found("connection", guid))
}

fn shown(conn: &mut impl AsConn, connection: Connection, now: Instant) -> Result<Answer, Refusal> {
    let held = credentials::find(conn, connection.id, Whose::Service)?.map(|row| row.shown(now));
    let tag = tag(&connection);
    Ok(Answer::bare(ConnectionObject::of(connection, held))?.tagged(tag))
}

/// What changes by itself, such as when a credential last worked, is no change of the connection.
fn tag(connection: &Connection) -> String {
    etag(&format!("{} {}", connection.guid, connection.version))
}

fn wanted(body: &Body, before: Option<&Connection>) -> Result<Wanted, Refusal> {
    let text = |name: &str| body.text(name).map(str::to_owned);
    let missing = |name: &str| Refusal::rule(Rule::DbValidationError, name, format!("{name} is missing."));
    let product = match body.text("kind") {
        Some(kind) => Product::of(kind)
            .ok_or_else(|| Refusal::rule(Rule::DbValidationError, "kind", "kind must be services or server."))?,
        None => before.map_or(Product::Services, Connection::product),
    };
    Ok(Wanted {
        name: text("name").or(before.map(|it| it.name.clone())).ok_or_else(|| missing("name"))?,
        base_url: text("baseUrl").or(before.map(|it| it.base_url.clone())).ok_or_else(|| missing("baseUrl"))?,
        product,
        allow_http: body.bool("allowHttp").unwrap_or(before.is_some_and(|it| it.allow_http)),
    })
}

pub fn create(call: &Arc<Call>) -> Result<Job, Refusal> {
    let wanted = wanted(&call.body()?, None)?;
    let call = Arc::clone(call);
    Job::write(move |tx| {
        let made = connections::create(tx, &call.actor(), &wanted, call.now)?;
        let location = format!("/api/v1/connections/{}", made.guid);
        Ok(shown(tx, made, call.now)?.created(location))
    })
}

pub fn change(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "connection")?;
    let body = call.body()?;
    let call = Arc::clone(call);
    Job::write(move |tx| {
        let before = find(tx, guid)?;
        call.expects(&tag(&before))?;
        let wanted = wanted(&body, Some(&before))?;
        let after = connections::change(tx, &call.actor(), &before, &wanted, call.now)?;
        shown(tx, after, call.now)
    })
}

pub fn delete(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "connection")?;
    let call = Arc::clone(call);
    Job::write(move |tx| {
        let gone = find(tx, guid)?;
        call.expects(&tag(&gone))?;
        connections::delete(tx, &call.actor(), &gone, call.now)?;
        Ok(Answer::nothing())
    })
}

pub fn keep_service(call: &Arc<Call>) -> Result<Job, Refusal> {
    keep(call, Whose::Service)
}

pub fn keep_own(call: &Arc<Call>) -> Result<Job, Refusal> {
    keep(call, Whose::Person(call.caller.user_id))
}

fn keep(call: &Arc<Call>, whose: Whose) -> Result<Job, Refusal> {
    let guid = call.id(0, "connection")?;
    let given = given(&call.body()?, call.now)?;
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        let connection = find(tx, guid)?;
        let by = call.actor();
        credentials::keep(tx, call.app.outgoing.vault(), (&by, &connection, whose), &given, call.now)?;
        let held = credentials::find(tx, connection.id, whose)?.map(|row| row.shown(call.now));
        Answer::bare(held.map(HeldObject::from).ok_or(OutgoingError::Missing)?)
    })
}

fn given(body: &Body, now: Instant) -> Result<Given, Refusal> {
    let end = body.time("expiresAt").map(Written::utc);
    let text = |name: &str| body.text(name).unwrap_or_default();
    Given::of((text("kind"), text("secret"), body.text("user")), end, now).map_err(unfit)
}

fn unfit(Unfit(member, why): Unfit) -> Refusal {
    Refusal::rule(Rule::DbValidationError, member, format!("{member} {why}."))
}

/// Who has a credential of their own for a connection: what stands in the way of its change.
pub fn holders(call: &Arc<Call>) -> Result<Job, Refusal> {
    let (guid, now) = (call.id(0, "connection")?, call.now);
    Job::read(move |conn| {
        let connection = find(conn, guid)?;
        let rows = credentials::of_people(conn, connection.id)?;
        let ids: Vec<i32> = rows.iter().filter_map(|row| row.user_id).collect();
        let mut people = people::by_ids(conn, &ids)?;
        let holder = |row: Credential| {
            let person = people.remove(&row.user_id?)?;
            Some(HolderObject {
                user_id: person.guid.to_string(),
                name: person.name,
                unique_name: person.unique_name,
                credential: HeldObject::from(row.shown(now)),
            })
        };
        Answer::items(rows.into_iter().filter_map(holder))
    })
}

/// Forgets a person's own, for an administrator, who cannot set it.
pub fn drop_of(call: &Arc<Call>) -> Result<Job, Refusal> {
    let (guid, user) = (call.id(0, "connection")?, call.id(1, "person")?);
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        let connection = find(tx, guid)?;
        let whose = Whose::Person(person(tx, user)?);
        if credentials::remove(tx, (&call.actor(), &connection, whose), call.now)? {
            return Ok(Answer::nothing());
        }
        Err(OutgoingError::Missing.into())
    })
}

pub fn drop_service(call: &Arc<Call>) -> Result<Job, Refusal> {
    forget(call, Whose::Service)
}

pub fn drop_own(call: &Arc<Call>) -> Result<Job, Refusal> {
    forget(call, Whose::Person(call.caller.user_id))
}

fn forget(call: &Arc<Call>, whose: Whose) -> Result<Job, Refusal> {
    let guid = call.id(0, "connection")?;
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        let connection = find(tx, guid)?;
        if credentials::remove(tx, (&call.actor(), &connection, whose), call.now)? {
            return Ok(Answer::nothing());
        }
        Err(OutgoingError::Missing.into())
    })
}

/// Whose credential is meant. The service account is administrators' alone.
fn whose(call: &Call, body: &Body) -> Result<Whose, Refusal> {
    if body.bool("service") != Some(true) {
        return Ok(Whose::Person(call.caller.user_id));
    }
    if call.caller.role == Role::Administrator && call.scopes.admit(Scopes::ADMIN) {
        return Ok(Whose::Service);
    }
    let message = "The service account is for administrators, with a token of the scope admin.";
    Err(Refusal::new(Kind::Denied, message).at("service"))
}

pub fn test(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "connection")?;
    let whose = whose(call, &call.body()?)?;
    let (outgoing, db, now) = (call.app.outgoing.clone(), call.app.db.clone(), call.now);
    Job::ask(async move {
        let connection = db.read(move |conn| find(conn, guid)).await?;
        let outcome = outgoing.test(connection.id, whose).await;
        let held = db.read(move |conn| credentials::find(conn, connection.id, whose)).await?;
        let state = held.map_or(State::Red, |row| row.state(now)).name();
        Answer::bare(match outcome {
            Ok(who) => TestedObject {
                works: true,
                name: Some(who.name),
                account: who.account,
                state,
                ..TestedObject::default()
            },
            Err(OutgoingError::Database(error)) => return Err(error.into()),
            Err(OutgoingError::Missing) => return Err(OutgoingError::Missing.into()),
            Err(error) => TestedObject {
                state,
                retry_at: waits_until(&error).map(utc),
                reason: Some(error.to_string()),
                ..TestedObject::default()
            },
        })
    })
}

pub fn authorize(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "connection")?;
    let body = call.body()?;
    let is_service = whose(call, &body)? == Whose::Service;
    let return_to = body.text("returnTo").unwrap_or("/").to_owned();
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        let connection = find(tx, guid)?;
        if connection.product() == Product::Server {
            let message =
                "Azure DevOps Server does not know Entra ID; use a personal access token or a Windows account.";
            return Err(Refusal::new(Kind::Conflict, message));
        }
        let wish = Wish {
            user_id: call.caller.user_id,
            connection_id: connection.id,
            is_service,
            return_to: return_to.clone(),
        };
        let begun = call.app.outgoing.begin(tx, &wish, call.now)?;
        let cookie = connect::cookie(&call.app, begun.cookie.expose_secret());
        Ok(Answer::bare(serde_json::json!({"url": begun.url}))?.with_cookie(cookie.to_string()))
    })
}

pub fn own(call: &Arc<Call>) -> Result<Job, Refusal> {
    let (user_id, now) = (call.caller.user_id, call.now);
    Job::read(move |conn| Answer::items(own_of(conn, user_id, now)?))
}

fn own_of(conn: &mut impl AsConn, user_id: i32, now: Instant) -> Result<impl Iterator<Item = OwnObject>, DbError> {
    let states = credentials::states(conn, Whose::Person(user_id), now)?;
    Ok(states.into_iter().map(|(connection, held)| OwnObject {
        connection_kind: connection.product().name(),
        connection_id: connection.guid.to_string(),
        connection_name: connection.name,
        base_url: connection.base_url,
        credential: held.map(HeldObject::from),
    }))
}

/// What a person has given, without connections that have nothing of theirs.
pub fn kept_of(conn: &mut impl AsConn, user_id: i32, now: Instant) -> Result<Vec<OwnObject>, DbError> {
    Ok(own_of(conn, user_id, now)?.filter(|own| own.credential.is_some()).collect())
}
