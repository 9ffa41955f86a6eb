//! `/signin`: name and password of an account that this server keeps, and the ways to the others.

use std::collections::HashMap;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, rt};
use secrecy::SecretString;

use super::enter::{Proven, enter};
use super::{App, Problem, own_form, page, prefix};
use crate::auth::local::{self, Verdict};
use crate::auth::ntlm::half_open;
use crate::auth::oidc::web::local_path;
use crate::auth::throttle::{self, Attempt, Gate};
use crate::auth::{self, Credential, Refusal};
use crate::http::form;
use crate::http::public::client_address;
use crate::http::signin::SignedIn;
use crate::http::signin::record::{self, Failure};

const CONTENT: &str = include_str!("../assets/signin.html");
/// Letters of a name.
const LONGEST_NAME: usize = 256;
/// Letters of a password that are looked at; more is no password of ours.
const LONGEST_PASSWORD: usize = 1_024;
/// The same, whatever is wrong (AU-100).
const WRONG: &str = "The name or the password is wrong.";

pub async fn get(http: HttpRequest, app: Data<App>) -> HttpResponse {
    shown(&app, &http, StatusCode::OK, local_path(&form::asked(&http, "return_to")), "", "")
}

/// The page, with what is to be said.
fn shown(
    app: &App,
    http: &HttpRequest,
    status: StatusCode,
    return_to: &str,
    name: &str,
    message: &str,
) -> HttpResponse {
    let mut content =
        String::from(if message.is_empty() { "" } else { "<p class=\"trouble\" role=\"alert\">{message}</p>" });
    let provider = app.browsers.as_ref().map(|browsers| browsers.name.as_str());
    if provider.is_some() {
        content.push_str(
            "<p><a class=\"button\" href=\"{prefix}/signin/oidc?return_to={to}\">Sign in with {provider}</a></p>",
        );
    }
    if app.windows.as_ref().is_some_and(|windows| windows.by.is_some()) {
        content.push_str(
            "<p><a class=\"button\" href=\"{prefix}/signin/windows?return_to={to}\">Sign in with Windows</a></p>",
        );
    }
    if app.config.auth.local_accounts {
        content.push_str(CONTENT);
    }
    let to: String = form_urlencoded::byte_serialize(return_to.as_bytes()).collect();
    let texts = [
        ("{message}", message),
        ("{provider}", provider.unwrap_or_default()),
        ("{to}", to.as_str()),
        ("{return_to}", return_to),
        ("{name}", name),
    ];
    page(status, &prefix(http), "Sign in", &content, &texts)
}

pub async fn post(http: HttpRequest, app: Data<App>, payload: Payload) -> Result<HttpResponse, Problem> {
    own_form(&app, &http).await?;
    if !app.config.auth.local_accounts {
        return Err(Problem::not_found());
    }
    let fields = form::read(&http, payload).await?;
    // A client that goes away is counted all the same.
    rt::spawn(async move { tried(&app, &http, &fields).await }).await.map_err(Problem::internal)?
}

/// A try, from the first question to its last row.
async fn tried(app: &App, http: &HttpRequest, fields: &HashMap<String, String>) -> Result<HttpResponse, Problem> {
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let (name, password, return_to) = (field("name").trim(), field("password"), local_path(field("return_to")));
    let again = |status, message: &str| shown(app, http, status, return_to, name, message);
    let is_name = !name.is_empty() && name.chars().count() <= LONGEST_NAME && !name.contains(char::is_control);
    if !is_name || password.is_empty() || password.chars().count() > LONGEST_PASSWORD {
        return Ok(again(StatusCode::UNAUTHORIZED, WRONG));
    }
    let attempt = attempt(http, name);
    let _turn = app.passwords.turn(attempt.network).await?;
    let now = app.clock.now();
    let (asked, limits) = (attempt.clone(), app.sign_in_limits);
    match app.db.read(move |conn| throttle::gate(conn, &asked, &limits, now)).await? {
        Gate::Closed { seconds, account } => {
            record::locked(app, http, "local", Some(name.to_owned()).filter(|_| account)).await;
            let message = format!("Too many sign-ins failed. Wait {seconds} seconds, then try again.");
            let mut response = again(StatusCode::TOO_MANY_REQUESTS, &message);
            response.headers_mut().insert(actix_web::http::header::RETRY_AFTER, seconds.into());
            return Ok(response);
        }
        Gate::Wait => rt::time::sleep(Duration::from_secs(1)).await,
        Gate::Open | Gate::Withheld => {}
    }
    let asked = name.to_owned();
    let known = app.db.read(move |conn| local::find(conn, &asked)).await?;
    let kept = known.as_ref().map(|known| known.phc.clone());
    let password = SecretString::from(password);
    let verdict = app.passwords.verify(password.clone(), kept).await?;
    let person = match (known, verdict) {
        (Some(known), Verdict::Right | Verdict::Outdated) if known.is_active => known,
        (known, verdict) => {
            let reason = match (known, verdict) {
                (None, _) => "there is no such account",
                (_, Verdict::Wrong) => "the password is wrong",
                _ => "the person is disabled",
            };
            let (reason, named) = (reason.to_owned(), Some(name.to_owned()));
            record::refused(app, http, "local", Failure { reason, attempt: Some(attempt), named }).await;
            return Ok(again(StatusCode::UNAUTHORIZED, WRONG));
        }
    };
    let rehashed = match verdict {
        Verdict::Outdated => Some(app.passwords.hash(password).await?),
        _ => None,
    };
    let proven = Proven {
        user_id: person.user_id,
        kind: "local",
        provider_session: None,
        signed_in_at: app.clock.now(),
        attempt: Some(attempt),
        rehashed,
    };
    enter(app, http, proven, return_to).await
}

/// Who tries to sign in with a password, from where.
pub fn attempt(http: &HttpRequest, name: &str) -> Attempt {
    Attempt::local(name, client_address(http).map(half_open::network))
}

/// `/signin/windows`: a session for whoever the connection or the proxy speaks for.
pub async fn windows(http: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let Some(credential @ Credential::Identity(_)) = SignedIn::of(&http) else { return Err(Refusal::Missing.into()) };
    let now = app.clock.now();
    let admitted = app.db.read(move |conn| auth::lookup(conn, credential, now)).await?.ok_or(Refusal::Unknown)?;
    let proven = Proven {
        user_id: admitted.caller.user_id,
        kind: "windows",
        provider_session: None,
        signed_in_at: now,
        attempt: None,
        rehashed: None,
    };
    enter(&app, &http, proven, &form::asked(&http, "return_to")).await
}
