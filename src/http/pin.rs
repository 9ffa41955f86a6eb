//! `/api/pin/…` (contract §2.1): a client gets a PIN, its person types it, the client asks whether that was done.
//!
//! In: `create` and `status` from anybody, `look` and `validate` from a signed-in person. Out: PIN and secret, a word, or a code of
//! the contract. What follows upon a validated secret is `/token`.

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, guard};
use serde_json::{Value, json};

use super::address::{Address, Api};
use super::api::options::Options;
use super::api::shape::{Body, Shape, Type, member};
use super::form;
use super::middleware::RoutePattern;
use super::public::client_address;
use super::reader::Need;
use super::rest::versions;
use super::v1::objects::utc;
use super::{App, Problem, Reader};
use crate::auth::Scopes;
use crate::db::{AsConn, DbError, Hold, Tx};
use crate::domain::pairing::{self, Asked, Typed};
use crate::domain::refusal::{Kind, Refusal};
use crate::policy::{Duties, Role};
use crate::sql::Instant;

/// Bytes of a body: a PIN or a secret.
const LARGEST: usize = 4_096;

static PIN: Shape = Shape { name: "Pin", members: &[member("pin", Type::Text, "Six digits.")] };

pub fn configure(config: &mut ServiceConfig) {
    let ours = |context: &guard::GuardContext<'_>| {
        Address::of(context.head().uri.path()).is_some_and(|address| address.api == Api::Pin)
    };
    config.service(
        web::resource("/{api:(?i:api)}/{rest:.*}").guard(guard::fn_guard(ours)).route(web::route().to(answer)),
    );
}

async fn answer(http: HttpRequest, payload: Payload, app: Data<App>) -> Result<HttpResponse, Problem> {
    let address = Address::of(http.path()).ok_or_else(Problem::not_found)?;
    if !address.collection_is_known(&app.config.server.organizations) {
        return Err(Problem::not_found());
    }
    let step = address.rest.trim_matches('/').to_ascii_lowercase();
    let pattern = match step.as_str() {
        "create" => "/api/pin/create",
        "status" => "/api/pin/status",
        "validate" => "/api/pin/validate",
        "look" => "/api/pin/look",
        _ => return Err(Problem::not_found()),
    };
    RoutePattern::set(&http, pattern);
    if http.method() != actix_web::http::Method::POST {
        return Err(Problem::method_not_allowed("POST"));
    }
    if !app.pairs() {
        return Err(Problem::pairing_is_off());
    }
    let options = Options::parse(http.query_string());
    versions::check(options.get("api-version"), app.config.rest.strict_api_version)?;
    let body = match step.as_str() {
        "create" => create(&http, &app).await?,
        "status" => status(payload, &app).await?,
        "look" => look(&http, payload, &app).await?,
        _ => validate(&http, payload, &app).await?,
    };
    Ok(HttpResponse::Ok()
        .insert_header(("Content-Type", "application/json; charset=utf-8"))
        .insert_header(("Cache-Control", "no-store"))
        .body(body.to_string()))
}

async fn create(http: &HttpRequest, app: &App) -> Result<Value, Problem> {
    let address = client_address(http).map(|address| address.to_string()).unwrap_or_default();
    let now = app.clock.now();
    // Who floods takes no writer's turn.
    let asked = address.clone();
    let made = match app.db.read(move |conn| pairing::has_room(conn, &asked, now)).await? {
        false => None,
        true => {
            let made = app.db.write(move |tx| {
                tx.hold(Hold::Shared)?;
                pairing::create(tx, &address, now)
            });
            made.await?
        }
    };
    let Some(made) = made else {
        let message = "Too many PINs wait to be typed. Try again in a minute.";
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "QuoteExceededError", message).retry_after(60));
    };
    Ok(json!({"pin": made.pin, "secret": made.secret}))
}

async fn status(payload: Payload, app: &App) -> Result<Value, Problem> {
    let bytes = form::bytes(payload, LARGEST).await?;
    let secret = match serde_json::from_slice(&bytes) {
        Ok(Value::String(secret)) => secret,
        Ok(Value::Object(_) | Value::Array(_)) => {
            return Err(Refusal::new(Kind::Malformed, "The body must be the secret, a JSON string.").into());
        }
        _ => String::from_utf8_lossy(&bytes).trim().to_owned(),
    };
    let now = app.clock.now();
    if !app.floods.admits(&secret, now) {
        let message = "Ask at most five times a second how a secret stands.";
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "QuoteExceededError", message).retry_after(1));
    }
    let status = app.db.read(move |conn| pairing::status(conn, &secret, now)).await?.name();
    Ok(json!({"status": status, "data": {"status": status}}))
}

async fn validate(http: &HttpRequest, payload: Payload, app: &App) -> Result<Value, Problem> {
    let step: Step = |tx, user_id, pin, now| Ok((pairing::validate(tx, user_id, pin, now)?, None));
    typed(http, payload, app, step).await.map(|_| json!({"status": "Validated"}))
}

/// Ours, beside the contract: the page shows who asked before it allows (AU-56).
async fn look(http: &HttpRequest, payload: Payload, app: &App) -> Result<Value, Problem> {
    let asked = typed(http, payload, app, pairing::look).await?;
    let asked = asked.ok_or_else(|| Problem::internal("a right PIN of nobody"))?;
    Ok(json!({"address": asked.address, "createdAt": utc(asked.created_at)}))
}

/// What a signed-in person does with a PIN.
type Step = fn(&mut Tx<'_>, i32, &str, Instant) -> Result<(Typed, Option<Asked>), DbError>;

async fn typed(http: &HttpRequest, payload: Payload, app: &App, step: Step) -> Result<Option<Asked>, Problem> {
    let need = Need { scope: Scopes::TIME_WRITE, least: Role::Team, duties: Duties::NONE };
    let reader = Reader::admit(http, need).await?;
    // What the program is given lasts a year, as a token does (AU-74).
    if let Some(session) = reader.session() {
        session.must_be_recent(app.clock.now())?;
    }
    let bytes = form::bytes(payload, LARGEST).await?;
    let malformed = |error: serde_json::Error| Refusal::new(Kind::Malformed, format!("The body is no JSON: {error}."));
    let sent: Value = serde_json::from_slice(&bytes).map_err(malformed)?;
    let missing = || Refusal::malformed("pin", "pin is missing: six digits.");
    let pin = Body::read(&PIN, &with_zeros(sent), "")?.text("pin").map(str::to_owned).ok_or_else(missing)?;
    let (user_id, now) = (reader.caller().user_id, app.clock.now());
    let holder = reader.clone();
    let done = app.db.write(move |tx| {
        tx.hold(Hold::Shared)?;
        if !holder.still_holds(tx.as_conn())? {
            return Ok::<_, DbError>(None);
        }
        step(tx, user_id, &pin, now).map(Some)
    });
    match done.await? {
        Some((Typed::Right, asked)) => Ok(asked),
        Some((Typed::Wrong, _)) => Err(Refusal::new(Kind::NotFound, "This PIN is wrong, or no longer good.").into()),
        Some((Typed::TooMany(seconds), _)) => {
            let message = format!("Too many wrong PINs. Try again in {seconds} seconds.");
            Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "QuoteExceededError", message).retry_after(seconds))
        }
        None => Err(crate::auth::Refusal::Unknown.into()),
    }
}

/// A PIN that came as a number has lost the zeros that it began with.
fn with_zeros(mut sent: Value) -> Value {
    for (name, value) in sent.as_object_mut().into_iter().flatten() {
        if let Some(number) = value.as_u64().filter(|_| name.eq_ignore_ascii_case("pin")) {
            *value = format!("{number:06}").into();
        }
    }
    sent
}
