//! Sign-in at the OpenID provider, and its end (AU-55): the browser leaves with a `state`, comes back with a code, and has a
//! session. What goes wrong on the way is a page without detail; the audit has the reason.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::enter::{self, Proven, enter};
use super::{App, Problem, page, prefix};
use crate::auth::audit::{self, Entry};
use crate::auth::oidc::web::{self, local_path};
use crate::auth::oidc::{IdClaims, Rejected};
use crate::auth::{self, Credential, identities, secret, sessions};
use crate::db::{DbError, Hold};
use crate::http::form;
use crate::http::signin::oidc::{Admission, Browsers, Oidc, admitted};
use crate::http::signin::record::{self, Failure, entry};
use crate::http::signin::session::LOGIN;
use crate::sql::Instant;

/// Letters of what the provider sends back.
const LONGEST: usize = 4_096;

/// The provider and this server as it knows it; 404 where there is no such sign-in.
fn set_up(app: &App) -> Result<(&Oidc, &Browsers), Problem> {
    app.oidc.as_ref().zip(app.browsers.as_ref()).ok_or_else(Problem::not_found)
}

async fn key(app: &App) -> Result<[u8; 32], DbError> {
    if let Some(key) = app.db.read(|conn| auth::find_key(conn, web::KEY)).await? {
        return Ok(key);
    }
    app.db.write(|tx| auth::make_key(tx, web::KEY)).await
}

/// `/signin/oidc`; with `again` the provider is to ask the person, whoever it thinks is there.
pub async fn leave(http: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let (oidc, browsers) = set_up(&app)?;
    let now = app.clock.now();
    // Two tabs that sign in side by side are one browser.
    let browser = match LOGIN.read(&http).filter(|cookie| secret::recognise(cookie).is_some()) {
        Some(browser) => browser,
        None => secret::draw()?,
    };
    let again = !form::asked(&http, "again").is_empty();
    let return_to = form::asked(&http, "return_to");
    let begun = web::begin(&key(&app).await?, &browser, local_path(&return_to), again, now)?;
    let address = oidc.provider.sign_in_address(&browsers.client, &begun, again, now).await;
    let address = match address {
        Ok(address) => address,
        Err(rejected) => return Ok(unreachable(&http, &rejected)),
    };
    let mut cookie = LOGIN.set(&http, &browser);
    cookie.set_max_age(actix_web::cookie::time::Duration::minutes(10));
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, address))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .cookie(cookie)
        .finish())
}

/// `/signin/oidc/callback`
pub async fn back(http: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let (oidc, browsers) = set_up(&app)?;
    let now = app.clock.now();
    record::may_try(&app, &http, "oidc").await?;
    let sent = |name: &str| form::asked(&http, name);
    let (state, code, issuer) = (sent("state"), sent("code"), sent("iss"));
    let key = key(&app).await?;
    let browser = LOGIN.read(&http).unwrap_or_default();
    let Some(returned) = web::returned(&key, &browser, &state, now) else {
        return Ok(failed(&app, &http, "a state of another browser, or of another time").await);
    };
    let used = returned.clone();
    let is_first = app.db.write(move |tx| {
        tx.hold(Hold::Shared)?;
        web::use_up(tx, &state, &used, now)
    });
    if !is_first.await? {
        return Ok(failed(&app, &http, "a state that was used before").await);
    }
    // RFC 9207.
    if !issuer.is_empty() && issuer != oidc.provider.rules.issuer {
        return Ok(failed(&app, &http, "the answer of another issuer").await);
    }
    if !sent("error").is_empty() || code.is_empty() || code.len() > LONGEST {
        return Ok(failed(&app, &http, "the provider let nobody in").await);
    }
    let known = match oidc.provider.signed_in(&browsers.client, &code, &returned, now).await {
        Ok(known) => known,
        Err(rejected @ Rejected::Provider(_)) => return Ok(unreachable(&http, &rejected)),
        Err(rejected) => return Ok(failed(&app, &http, &rejected.to_string()).await),
    };
    let Some((user_id, identity)) = person(&app, &http, oidc, &known, now).await? else {
        return Ok(enter::locked(&http));
    };
    let user_id = match user_id {
        Some(user_id) => user_id,
        None => return Ok(failed(&app, &http, &format!("identity {identity}: the person is disabled")).await),
    };
    let proven = Proven {
        user_id,
        kind: "oidc",
        provider_session: known.session.clone(),
        signed_in_at: proven_at(&known, returned.prompted, now),
        attempt: None,
        rehashed: None,
    };
    enter(&app, &http, proven, &returned.return_to).await
}

/// When the person showed who they are: as the provider says; just now, if it was to ask; else longer ago than counts.
fn proven_at(known: &IdClaims, prompted: bool, now: Instant) -> Instant {
    match known.auth_time {
        Some(at) => Instant(at.0.min(now.0)),
        None if prompted => now,
        None => Instant(now.0 - sessions::RECENT - 1),
    }
}

/// The person of an ID token: nothing where nobody is made for it, no id where they are disabled.
async fn person(
    app: &App,
    http: &HttpRequest,
    oidc: &Oidc,
    known: &IdClaims,
    now: Instant,
) -> Result<Option<(Option<i32>, i32)>, Problem> {
    let subject = known.claims.subject.clone();
    Ok(match admitted(app, http, oidc, &known.claims, now).await? {
        Admission::As(identity) => {
            let credential = Credential::Identity(identity);
            let found = app.db.read(move |conn| auth::lookup(conn, credential, now)).await?;
            Some((found.map(|admitted| admitted.caller.user_id), identity))
        }
        Admission::Disabled => Some((None, 0)),
        Admission::Nobody(reason) => {
            record::refused_token(app, http, "denied", reason.to_owned(), Some(subject)).await;
            None
        }
    })
}

/// 400, without detail.
async fn failed(app: &App, http: &HttpRequest, reason: &str) -> HttpResponse {
    let failure = Failure { reason: reason.to_owned(), attempt: Some(record::stranger(http)), named: None };
    record::refused(app, http, "oidc", failure).await;
    let content = "<p>The sign-in did not come to its end. It may have taken too long.</p>\
                   <p><a class=\"button\" href=\"{prefix}/signin\">Try again</a></p>";
    let mut response = page(StatusCode::BAD_REQUEST, &prefix(http), "Not signed in", content, &[]);
    if let Err(error) = response.add_cookie(&LOGIN.gone(http)) {
        tracing::warn!(cause = %error, "a cookie could not be taken back");
    }
    response
}

/// 503: the provider cannot be asked.
fn unreachable(http: &HttpRequest, rejected: &Rejected) -> HttpResponse {
    tracing::warn!(cause = %rejected, "nobody can sign in at the OpenID provider");
    let content = "<p>The provider cannot be reached at this moment. Nothing of yours is lost: try again in a minute.</p>\
                   <p><a class=\"button\" href=\"{prefix}/signin\">Try again</a></p>";
    let mut response = page(StatusCode::SERVICE_UNAVAILABLE, &prefix(http), "Not signed in", content, &[]);
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("5"));
    response
}

/// `/signin/oidc/logout`: the provider tells that somebody signed out there (OpenID Connect Back-Channel Logout 1.0 §2.5).
pub async fn logged_out(http: HttpRequest, app: Data<App>, payload: Payload) -> Result<HttpResponse, Problem> {
    let (oidc, browsers) = set_up(&app)?;
    let now = app.clock.now();
    record::may_try(&app, &http, "oidc").await?;
    let fields = form::read(&http, payload).await?;
    let token = fields.get("logout_token").map(String::as_str).unwrap_or_default();
    let logout = match oidc.provider.signed_out(&browsers.client, token, now).await {
        Ok(logout) => logout,
        Err(Rejected::Provider(why)) => return Err(Problem::verifier_down(why)),
        Err(rejected) => {
            let failure = Failure { reason: rejected.to_string(), attempt: Some(record::stranger(&http)), named: None };
            record::refused(&app, &http, "oidc", failure).await;
            return Err(Problem::new(StatusCode::BAD_REQUEST, "InvalidRequest", "This is no logout token for here."));
        }
    };
    let row = Entry { credential: Some("oidc"), ..entry(&http, "sign-out", "as the provider says", None) };
    let ended = app.db.write(move |tx| {
        tx.hold(Hold::Shared)?;
        let ended = match (&logout.session, &logout.subject) {
            (Some(session), _) => sessions::end_of_provider(tx, session)?,
            (None, Some(subject)) => match identities::find_oidc(tx, &logout.issuer, subject)? {
                Some(person) => sessions::end_of_kind(tx, person.user_id, "oidc")?,
                None => Vec::new(),
            },
            (None, None) => Vec::new(),
        };
        for (user_id, guid) in ended {
            audit::write(tx, &Entry { user_id: Some(user_id), target: Some(guid.to_string()), ..row.clone() }, now)?;
        }
        Ok::<_, DbError>(())
    });
    ended.await?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).finish())
}

/// Where a browser that has signed out here goes on to, so that it is signed out there, too.
pub async fn sign_out_address(app: &App) -> Option<String> {
    let (oidc, browsers) = set_up(app).ok()?;
    let after = format!("{}/signin", app.config.server.public_url.trim_end_matches('/'));
    oidc.provider.sign_out_address(&browsers.client, &after, app.clock.now()).await
}
