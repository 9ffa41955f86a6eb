//! `/account`, `/pair` and `/signout`: what somebody who is signed in does with their own credentials.
//!
//! The pages are empty frames; their scripts ask `/api/v1`. A password is changed here, for hashing it takes too long for a
//! job of the database.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, rt};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use super::{App, Problem, page, prefix, provider, setup, sign_in};
use crate::auth::audit::{self, Entry};
use crate::auth::local::{self, Verdict};
use crate::auth::sessions::{self, Held};
use crate::auth::throttle::{self, Gate};
use crate::auth::{self, Admitted, Credential, Refusal};
use crate::db::{AsConn, DbError, Hold};
use crate::domain::{accounts, people, refusal};
use crate::http::signin::SignedIn;
use crate::http::signin::record::{self, Failure, entry};
use crate::http::signin::session::SESSION;

const ACCOUNT: &str = include_str!("../assets/account.html");
const PAIR: &str = include_str!("../assets/pair.html");

pub async fn get(http: HttpRequest) -> HttpResponse {
    framed(&http, "/account", "Your account", ACCOUNT)
}

pub async fn pair(http: HttpRequest) -> HttpResponse {
    framed(&http, "/pair", "Let a program in", PAIR)
}

/// A page for whoever is signed in; others go to the sign-in and come back.
fn framed(http: &HttpRequest, path: &str, title: &str, content: &str) -> HttpResponse {
    let prefix = prefix(http);
    if SignedIn::of(http).is_some() {
        return page(StatusCode::OK, &prefix, title, content, &[]);
    }
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, format!("{prefix}/signin?return_to={path}")))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

/// The session that a request came with.
async fn session(app: &App, http: &HttpRequest) -> Result<(Admitted, Held), Problem> {
    let Some(credential @ Credential::Session(_)) = SignedIn::of(http) else { return Err(Refusal::Missing.into()) };
    let now = app.clock.now();
    let admitted = app.db.read(move |conn| auth::lookup(conn, credential, now)).await?.ok_or(Refusal::Unknown)?;
    let held = admitted.session.clone().ok_or(Refusal::Unknown)?;
    Ok((admitted, held))
}

/// `/signout`: ends the session here, and says where the browser goes to end it at the provider.
pub async fn sign_out(http: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let (admitted, held) = session(&app, &http).await?;
    let (user_id, now) = (admitted.caller.user_id, app.clock.now());
    let row = Entry {
        user_id: Some(user_id),
        credential: Some("session"),
        ..entry(&http, "sign-out", "ok", Some(held.guid.to_string()))
    };
    let ended = app.db.write(move |tx| {
        tx.hold(Hold::Shared)?;
        if sessions::end(tx, user_id, held.guid)? {
            audit::write(tx, &row, now)?;
        }
        Ok::<_, DbError>(())
    });
    ended.await?;
    app.door.forget(admitted.credential);
    let at_provider = if held.kind == "oidc" { provider::sign_out_address(&app).await } else { None };
    let location = at_provider.unwrap_or_else(|| format!("{}/signin", prefix(&http)));
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .cookie(SESSION.gone(&http))
        .json(json!({"location": location})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// Whoever has a password shows that they know it.
    #[serde(default)]
    current: Option<SecretString>,
    password: SecretString,
}

/// `/account/password`
pub async fn password(http: HttpRequest, app: Data<App>, payload: Payload) -> Result<HttpResponse, Problem> {
    let (admitted, held) = session(&app, &http).await?;
    if !app.config.auth.local_accounts {
        return Err(Problem::not_found());
    }
    let sent: Change = setup::json(payload).await?;
    let user_id = admitted.caller.user_id;
    let read = app.db.read(move |conn| {
        let person = people::by_ids(conn, &[user_id])?.remove(&user_id).ok_or(DbError::NotFound)?;
        Ok::<_, DbError>((person, local::of_person(conn, user_id)?))
    });
    let (person, kept) = read.await?;
    match kept {
        Some(kept) => {
            let (app, http, name) = (app.clone(), http.clone(), person.unique_name.clone());
            // A client that goes away is counted all the same.
            let shown = rt::spawn(async move { show(&app, &http, &name, sent.current, kept).await });
            shown.await.map_err(Problem::internal)??;
        }
        None => held.must_be_recent(app.clock.now())?,
    }
    setup::check(&sent.password, &[&person.unique_name, &person.name])?;
    let phc = app.passwords.hash(sent.password).await?;
    let now = app.clock.now();
    let changed = app.db.write(move |tx| {
        tx.hold(Hold::Shared)?;
        if !admitted.still_holds(tx.as_conn(), now)? {
            return Ok(false);
        }
        accounts::change(tx, user_id, held.guid, &phc, now).map(|()| true)
    });
    let changed: Result<bool, refusal::Refusal> = changed.await;
    if changed? { Ok(HttpResponse::NoContent().finish()) } else { Err(Refusal::Unknown.into()) }
}

/// Shows that the person knows their password; guesses count as those at the sign-in do.
async fn show(
    app: &App,
    http: &HttpRequest,
    name: &str,
    current: Option<SecretString>,
    kept: String,
) -> Result<(), Problem> {
    let wrong = || {
        let message = "This is not your password.";
        Problem::from(refusal::Refusal::new(refusal::Kind::Denied, message).at("current"))
    };
    let attempt = sign_in::attempt(http, name);
    let _turn = app.passwords.turn(attempt.network).await?;
    let (asked, limits, now) = (attempt.clone(), app.sign_in_limits, app.clock.now());
    if let Gate::Closed { seconds, .. } = app.db.read(move |conn| throttle::gate(conn, &asked, &limits, now)).await? {
        record::locked(app, http, "local", Some(name.to_owned())).await;
        return Err(Problem::too_many_failures(seconds));
    }
    let current = current.ok_or_else(wrong)?;
    if app.passwords.verify(current, Some(kept)).await? != Verdict::Wrong {
        return Ok(());
    }
    let reason = "the current password is wrong".to_owned();
    let failure = Failure { reason, attempt: Some(attempt), named: Some(name.to_owned()) };
    record::refused(app, http, "local", failure).await;
    Err(wrong())
}
