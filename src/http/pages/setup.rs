//! `/setup`: a link, once, for a password (AU-71). The page reads the link's secret from the fragment and posts it.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use super::enter::{Proven, opened};
use super::{App, Problem, own_form, page, prefix};
use crate::auth::links::{self, For};
use crate::auth::local;
use crate::db::{DbError, Hold};
use crate::domain::accounts;
use crate::domain::refusal::{Kind, Refusal, Rule};
use crate::http::form;

const CONTENT: &str = include_str!("../assets/setup.html");
/// Bytes of what is posted.
const LARGEST: usize = 8_192;
/// Letters of a name.
const LONGEST_NAME: usize = 256;

pub async fn get(http: HttpRequest) -> HttpResponse {
    page(StatusCode::OK, &prefix(&http), "Choose a password", CONTENT, &[])
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    secret: String,
    /// Of the first administrator.
    #[serde(default)]
    name: String,
    password: SecretString,
}

pub async fn post(http: HttpRequest, app: Data<App>, payload: Payload) -> Result<HttpResponse, Problem> {
    own_form(&app, &http).await?;
    if !app.config.auth.local_accounts {
        return Err(Problem::not_found());
    }
    let sent: Sent = json(payload).await?;
    let name = sent.name.trim().to_owned();
    let now = app.clock.now();
    let (secret, asked) = (sent.secret.clone(), name.clone());
    let whom = app.db.read(move |conn| match links::find(conn, &secret, now)? {
        Some(whom) => accounts::names(conn, whom, &asked).map(Some),
        None => Ok::<_, DbError>(None),
    });
    let names = whom.await?.ok_or_else(dead)?;
    if names.iter().all(String::is_empty) || names.iter().any(|name| !is_name(name)) {
        return Err(
            Refusal::malformed("name", "name is missing: how you want to sign in, such as ann@example.com.").into()
        );
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    check(&sent.password, &names)?;
    let phc = app.passwords.hash(sent.password).await?;
    let secret = sent.secret;
    let set = app.db.write(move |tx| {
        tx.hold(Hold::Exclusive)?;
        match links::take(tx, &secret, now)? {
            Some(For::Person(user_id)) => accounts::reset(tx, user_id, &phc, now).map(Some),
            Some(For::FirstAdministrator) => accounts::first_administrator(tx, &name, &phc, now),
            None => Ok(None),
        }
    });
    let set: Result<Option<i32>, Refusal> = set.await;
    let user_id = set?.ok_or_else(dead)?;
    let proven =
        Proven { user_id, kind: "link", provider_session: None, signed_in_at: now, attempt: None, rehashed: None };
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    // Whoever has no role has a password now, and must wait for the role.
    if let Some(cookie) = opened(&app, &http, proven).await? {
        response.cookie(cookie);
    }
    Ok(response.json(json!({"location": format!("{}/account", prefix(&http))})))
}

fn is_name(name: &str) -> bool {
    name.chars().count() <= LONGEST_NAME && !name.contains(char::is_control)
}

/// 410: of whatever reason.
fn dead() -> Problem {
    let message = "This link was used, or is older than it may be. Ask whoever runs this server for another: timeledger user link.";
    Problem::new(StatusCode::GONE, "LinkExpired", message)
}

/// What was posted, as JSON.
pub async fn json<T: for<'d> Deserialize<'d>>(payload: Payload) -> Result<T, Problem> {
    let bytes = form::bytes(payload, LARGEST).await?;
    // The place of a fault could show a piece of a password.
    serde_json::from_slice(&bytes).map_err(|_| {
        Refusal::new(Kind::Malformed, "The body is no JSON object of the members that are asked for.").into()
    })
}

/// Whether somebody of these names may have this password.
pub fn check(password: &SecretString, names: &[&str]) -> Result<(), Problem> {
    use secrecy::ExposeSecret;
    let checked = local::check(password.expose_secret(), names);
    checked.map_err(|weak| Refusal::rule(Rule::DbValidationError, "password", format!("{}.", sentence(weak))).into())
}

fn sentence(weak: local::Weak) -> String {
    let text = weak.to_string();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
