//! `POST /token` (contract §2.1, RFC 6749): a validated secret, or a refresh token, for a pair of tokens.
//!
//! In: a form. Out: the token object of the contract, or an error of RFC 6749 §5.2. A query string is ignored.

use actix_web::http::{Method, header};
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde_json::{Value, json};

use super::form::{self, NoForm};
use super::middleware::RoutePattern;
use super::public::client_address;
use super::{App, Problem};
use crate::auth::grants::{self, ACCESS_SECONDS, CLIENT, Pair, Refreshed};
use crate::db::{DbError, Hold};
use crate::domain::pairing::{self, Redeemed, Status};
use crate::sql::Instant;

pub fn configure(config: &mut ServiceConfig) {
    config.service(web::resource("/{token:(?i:token)}").route(web::route().to(answer)));
}

/// An error of RFC 6749 §5.2: the code, and a sentence for whoever writes the client.
struct Refused(&'static str, &'static str);

const DEAD: Refused = Refused("invalid_grant", "The code or token is wrong, was used, or has expired. Pair again.");

const EARLY: Refused = Refused("invalid_grant", "The PIN has not been typed yet.");

async fn answer(http: HttpRequest, payload: Payload, app: Data<App>) -> Result<HttpResponse, Problem> {
    RoutePattern::set(&http, "/token");
    if http.method() != Method::POST {
        return Err(Problem::method_not_allowed("POST"));
    }
    if !app.pairs() {
        return Err(Problem::pairing_is_off());
    }
    let now = app.clock.now();
    Ok(match exchanged(&http, payload, &app, now).await? {
        Ok(pair) => reply(HttpResponse::Ok(), &token_object(&pair, now)),
        Err(Refused(error, description)) => {
            reply(HttpResponse::BadRequest(), &json!({"error": error, "error_description": description}))
        }
    })
}

/// RFC 6749 §5.1: no cache keeps it.
fn reply(mut response: HttpResponseBuilder, body: &Value) -> HttpResponse {
    response
        .insert_header((header::CONTENT_TYPE, "application/json; charset=utf-8"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
        .body(body.to_string())
}

async fn exchanged(
    http: &HttpRequest,
    payload: Payload,
    app: &Data<App>,
    now: Instant,
) -> Result<Result<Pair, Refused>, Problem> {
    let form = match form::read(http, payload).await {
        Ok(form) => form,
        Err(NoForm::Broken(problem)) => return Err(problem),
        Err(no) => return Ok(Err(Refused("invalid_request", no.sentence()))),
    };
    let of = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if of("client_id") != CLIENT {
        return Ok(Err(Refused("invalid_client", "client_id must be OpenApi.")));
    }
    match of("grant_type") {
        "authorization_code" => match of("code") {
            "" => Ok(Err(Refused("invalid_request", "code is missing: the secret of /api/pin/create."))),
            secret => Ok(redeemed(app, secret.to_owned(), now).await?),
        },
        "refresh_token" => match of("refresh_token") {
            "" => Ok(Err(Refused("invalid_request", "refresh_token is missing."))),
            token => Ok(refreshed(http, app, token.to_owned(), now).await?),
        },
        "" => Ok(Err(Refused("invalid_request", "grant_type is missing: authorization_code or refresh_token."))),
        _ => Ok(Err(Refused("unsupported_grant_type", "grant_type must be authorization_code or refresh_token."))),
    }
}

async fn redeemed(app: &Data<App>, secret: String, now: Instant) -> Result<Result<Pair, Refused>, DbError> {
    // Who guesses takes no writer's turn.
    let asked = secret.clone();
    match app.db.read(move |conn| pairing::status(conn, asked.trim(), now)).await? {
        Status::Validated => {}
        Status::Validating => return Ok(Err(EARLY)),
        Status::WrongOrExpired => return Ok(Err(DEAD)),
    }
    let redeemed = app.db.write(move |tx| {
        tx.hold(Hold::Shared)?;
        Ok::<_, DbError>(match pairing::redeem(tx, secret.trim(), now)? {
            Redeemed::By(user_id, address) => Ok(grants::open(tx, user_id, &address, now)?),
            Redeemed::NotYet => Err(EARLY),
            Redeemed::Dead => Err(DEAD),
        })
    });
    redeemed.await
}

async fn refreshed(
    http: &HttpRequest,
    app: &Data<App>,
    token: String,
    now: Instant,
) -> Result<Result<Pair, Refused>, DbError> {
    let asked = token.clone();
    if !app.db.read(move |conn| grants::is_living(conn, asked.trim(), now)).await? {
        return Ok(Err(DEAD));
    }
    let address = client_address(http).map(|address| address.to_string()).unwrap_or_default();
    let refreshed = app.db.write(move |tx| {
        tx.hold(Hold::Shared)?;
        grants::refresh(tx, token.trim(), &address, now)
    });
    Ok(match refreshed.await? {
        Refreshed::Pair(pair) => Ok(pair),
        Refreshed::Unknown | Refreshed::Reused => Err(DEAD),
    })
}

fn token_object(pair: &Pair, now: Instant) -> Value {
    let passed = (now.0 - pair.issued_at().0).div_euclid(1_000_000).max(0);
    json!({
        "access_token": pair.access,
        "token_type": "bearer",
        "expires_in": (ACCESS_SECONDS - passed).max(0),
        "refresh_token": pair.refresh,
        "client_id": CLIENT,
        ".issued": http_date(pair.issued_at()),
        ".expires": http_date(pair.expires_at()),
    })
}

/// `Mon, 02 Mar 2026 20:32:20 GMT` (RFC 1123).
fn http_date(at: Instant) -> String {
    let at = jiff::Timestamp::from_microsecond(at.0).map(|at| at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
    at.unwrap_or_default()
}
