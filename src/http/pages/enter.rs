//! The end of every sign-in in a browser: a session, its cookie, a row of the audit, and on to where the person wanted to go.

use actix_web::cookie::Cookie;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};

use super::{App, Problem, page, prefix};
use crate::auth::audit::{self, Entry};
use crate::auth::oidc::web::local_path;
use crate::auth::sessions::{self, NewSession};
use crate::auth::throttle::{self, Attempt};
use crate::auth::{local, secret};
use crate::db::{DbError, Hold, Tx};
use crate::domain::people;
use crate::http::public::client_address;
use crate::http::signin::record::{SIGN_IN, entry};
use crate::http::signin::session::SESSION;
use crate::policy::{Duties, Role};
use crate::sql::Instant;

/// Letters that are kept of what a browser calls itself.
const LONGEST_CLIENT: usize = 200;

/// Somebody who has just proven who they are.
pub struct Proven {
    pub user_id: i32,
    /// `local`, `oidc`, `ntlm`, `proxy`, `link`
    pub kind: &'static str,
    pub provider_session: Option<String>,
    pub signed_in_at: Instant,
    /// Failures that this makes good.
    pub attempt: Option<Attempt>,
    /// A password that is to be kept at today's cost.
    pub rehashed: Option<String>,
}

/// Signs a person in; the page that the browser sees next.
pub async fn enter(app: &App, http: &HttpRequest, proven: Proven, return_to: &str) -> Result<HttpResponse, Problem> {
    Ok(match opened(app, http, proven).await? {
        Some(cookie) => {
            let to = format!("{}{}", prefix(http), local_path(return_to));
            HttpResponse::SeeOther()
                .insert_header((header::LOCATION, to))
                .insert_header((header::CACHE_CONTROL, "no-store"))
                .cookie(cookie)
                .finish()
        }
        None => {
            let mut response = locked(http);
            response.add_cookie(&SESSION.gone(http)).map_err(Problem::internal)?;
            response
        }
    })
}

/// A new session's cookie; none: the door is locked for this person.
pub async fn opened(app: &App, http: &HttpRequest, proven: Proven) -> Result<Option<Cookie<'static>>, Problem> {
    let now = app.clock.now();
    let user_agent = http.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let new = NewSession {
        user_id: proven.user_id,
        kind: proven.kind,
        provider_session: proven.provider_session.clone(),
        signed_in_at: proven.signed_in_at,
        address: client_address(http).map(|address| address.to_string()),
        client: user_agent.map(|text| text.chars().filter(|c| !c.is_control()).take(LONGEST_CLIENT).collect()),
    };
    let row = Entry { credential: Some(proven.kind), ..entry(http, SIGN_IN, "ok", None) };
    let (former, lifetime) = (SESSION.read(http), app.session_lifetime);
    let opened = app.db.write(move |tx| {
        tx.hold(Hold::Shared)?;
        enter_in(tx, &new, &proven, (former.as_deref(), &row), lifetime, now)
    });
    let opened: Result<Option<String>, DbError> = opened.await;
    Ok(opened?.map(|cookie| SESSION.set(http, &cookie)))
}

fn enter_in(
    tx: &mut Tx<'_>,
    new: &NewSession,
    proven: &Proven,
    (former, row): (Option<&str>, &Entry),
    lifetime: sessions::Lifetime,
    now: Instant,
) -> Result<Option<String>, DbError> {
    let person = people::by_ids(tx, &[new.user_id])?.remove(&new.user_id).ok_or(DbError::NotFound)?;
    let row = Entry { user_id: Some(person.id), target: Some(person.unique_name.clone()), ..row.clone() };
    // Whatever this browser was before, it is no longer.
    if let Some(digest) = former.and_then(secret::recognise) {
        sessions::end_of_cookie(tx, &digest)?;
    }
    let may = person.role > Role::None || person.duties.include(Duties::COLLECTION_ADMINISTRATOR);
    let opened = if may && person.is_active { sessions::open(tx, new, lifetime, now)? } else { None };
    let Some((cookie, guid)) = opened else {
        audit::write(tx, &Entry { event: "denied", outcome: "the door is locked".to_owned(), ..row }, now)?;
        return Ok(None);
    };
    if let Some(attempt) = &proven.attempt {
        throttle::succeeded(tx, attempt, now)?;
    }
    if let Some(phc) = &proven.rehashed {
        local::set(tx, person.id, phc, now)?;
    }
    let details = [("session".to_owned(), serde_json::Value::from(guid.to_string()))];
    audit::write(tx, &Entry { details: details.into_iter().collect(), ..row }, now)?;
    Ok(Some(cookie))
}

/// 403: the person has no role here.
pub fn locked(http: &HttpRequest) -> HttpResponse {
    let content = "<p>You are known, and this door is locked for you: you have no role here. Ask an administrator of Timeledger \
                   for one.</p><p><a href=\"{prefix}/signin\">Sign in as somebody else</a></p>";
    page(StatusCode::FORBIDDEN, &prefix(http), "This door is locked", content, &[])
}
