//! The walk of a request to a route of the table: find, admit, read, prepare, run, answer.
//!
//! In: any request below `/api/rest`, `/api/{collection}/rest`, `/api-internal/rest`, `/api/tracking` or `/api/v1`. Out:
//! the answer of its handler's job, or a problem in the envelope of its API. The credential is asked for before any body is read (AU-4) and
//! again as the first statement of the job (AU-5).

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, guard};
use serde_json::Value;

use super::call::{Answer, Call, Job};
use super::export::Growing;
use super::idempotency;
use super::options::Options;
use super::route::{Found, Route, Verb, find};
use super::upload::{self, Upload};
use crate::db::{AsConn, DbError};
use crate::domain::refusal::{Kind, Refusal};
use crate::http::address::{Address, Api};
use crate::http::middleware::{RequestId, RoutePattern};
use crate::http::public::client_address;
use crate::http::signin::record;
use crate::http::{App, Problem, Reader, rest};
use crate::sql::Guid;

/// Everything below `/api/` that is in the table.
pub fn configure(config: &mut ServiceConfig) {
    let ours = |context: &guard::GuardContext<'_>| {
        let address = Address::of(context.head().uri.path());
        address.is_some_and(|address| matches!(address.api, Api::Rest | Api::Tracking | Api::V1))
    };
    config.service(
        web::resource("/{api:(?i:api(?:-internal)?)}/{rest:.*}")
            .guard(guard::fn_guard(ours))
            .route(web::route().to(answer)),
    );
}

async fn answer(http: HttpRequest, payload: Payload, app: Data<App>) -> Result<HttpResponse, Problem> {
    let address = Address::of(http.path()).ok_or_else(Problem::not_found)?;
    if !address.collection_is_known(&app.config.server.organizations) {
        return Err(Problem::not_found());
    }
    let (route, values) = match find(address.api, address.rest, Verb::of(http.method().as_str())) {
        Found::Route(route, values) => (route, values),
        Found::OtherMethods(verbs) => return other_method(&http, &verbs),
        Found::Nothing => return Err(Problem::not_found()),
    };
    RoutePattern::set(&http, route.pattern());
    let options = Options::parse(http.query_string());
    if matches!(address.api, Api::Rest | Api::Tracking) {
        rest::versions::check(options.get("api-version"), app.config.rest.strict_api_version)?;
    }
    let mut reader = Reader::admit(&http, route.need()).await?;
    if let Some(session) = reader.session().filter(|_| route.recent)
        && let Err(refusal) = session.must_be_recent(app.clock.now())
    {
        record::stale(&app, &http, session.id).await;
        return Err(refusal.into());
    }
    let (body, upload) = if route.takes_file {
        let upload = Upload::take(&app, &http, &options, payload).await?;
        (Some(upload.told()?), Some(upload))
    } else {
        (read_body(&http, route, payload, app.config.rest.max_body_bytes).await?, None)
    };
    let key = http.headers().get("idempotency-key").filter(|_| route.verb == Verb::Post);
    let key = key.map(|key| idempotency::checked(key.as_bytes())).transpose()?;
    if key.is_some() && route.gives_secret {
        let message = "This answer holds a secret and is not kept; send no Idempotency-Key.";
        return Err(Refusal::malformed("Idempotency-Key", message).into());
    }
    let mut again = true;
    loop {
        let call = Arc::new(Call {
            app: app.clone(),
            route,
            caller: reader.caller().clone(),
            scopes: reader.scopes(),
            session: reader.session().cloned(),
            address: client_address(&http).map(|address| address.to_string()),
            request: Guid(RequestId::of(&http).0),
            now: app.clock.now(),
            organization: address.organization(&app.config.server.organizations),
            options: options.clone(),
            values: values.clone(),
            body: body.clone(),
            expected: http
                .headers()
                .get(header::IF_MATCH)
                .map(|tag| String::from_utf8_lossy(tag.as_bytes()).into_owned()),
        });
        match run(&app, &reader, call, key.clone(), http.query_string()).await {
            // The credential changed between its look-up and the job: once more (AU-5).
            Err(Refusal { kind: Kind::Stale, .. }) if again => {
                again = false;
                reader = reader.again().await?;
            }
            Err(refusal) => return Err(refusal.into()),
            Ok(Done::Answer(answer)) => {
                if let Some(upload) = upload {
                    upload.keep();
                }
                return Ok(reply(&http, &app, answer));
            }
            Ok(Done::File(file)) => return Ok(file.reply()),
        }
    }
}

/// OPTIONS is answered; the rest is 405.
fn other_method(http: &HttpRequest, verbs: &[Verb]) -> Result<HttpResponse, Problem> {
    let mut names: Vec<&str> = Vec::new();
    for verb in verbs {
        names.push(verb.name());
        if *verb == Verb::Get {
            names.push("HEAD");
        }
    }
    names.push("OPTIONS");
    let allow = names.join(", ");
    if http.method() == actix_web::http::Method::OPTIONS {
        return Ok(HttpResponse::NoContent().insert_header((header::ALLOW, allow)).finish());
    }
    Err(Problem::method_not_allowed(allow))
}

fn header<'r>(http: &'r HttpRequest, name: &str) -> Option<&'r str> {
    http.headers().get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.trim().is_empty())
}

/// The body as JSON. REST takes it under any type, for its clients often send none; `/api/v1` takes JSON alone.
async fn read_body(
    http: &HttpRequest,
    route: &Route,
    payload: Payload,
    limit: usize,
) -> Result<Option<Value>, Problem> {
    if route.request.is_none() && !route.takes_text {
        return Ok(None);
    }
    let kind = header(http, header::CONTENT_TYPE.as_str()).unwrap_or("application/json");
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = kind == "application/json" || kind == "application/merge-patch+json";
    if route.api == Api::V1 && !is_json {
        return Err(Problem::unsupported_media_type(&kind));
    }
    let bytes = match payload.to_bytes_limited(limit).await {
        Ok(bytes) => bytes.map_err(|error| Problem::of_actix(&error))?,
        Err(_) => return Err(Problem::body_too_large(limit)),
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let read = serde_json::from_slice(bytes);
    if route.takes_text && read.is_err() {
        return Ok(Some(Value::String(String::from_utf8_lossy(bytes).into_owned())));
    }
    let malformed = |error: serde_json::Error| Refusal::new(Kind::Malformed, format!("The body is no JSON: {error}."));
    Ok(Some(read.map_err(malformed)?))
}

async fn run(
    app: &Data<App>,
    reader: &Reader,
    call: Arc<Call>,
    key: Option<String>,
    query: &str,
) -> Result<Done, Refusal> {
    let holder = reader.clone();
    match (call.route.prepare)(&call) {
        Ok(Job::Read(mut job)) => app
            .db
            .read(move |conn| if holder.still_holds(conn)? { job(conn) } else { Err(stale()) })
            .await
            .map(Done::Answer),
        Ok(Job::Ask(asking)) => {
            if !reader.holds_now().await? {
                return Err(stale());
            }
            asking.await.map(Done::Answer)
        }
        Ok(Job::Export(make)) => Growing::begin(app, reader, make).await.map(Done::File),
        Ok(Job::Write(hold, mut job)) => {
            let request = idempotency::digest(&call, query);
            app.db
                .write(move |tx| {
                    tx.hold(hold)?;
                    if !holder.still_holds(tx.as_conn())? {
                        return Err(stale());
                    }
                    match &key {
                        Some(key) => idempotency::once(tx, &call, key, &request, &mut *job),
                        None => job(tx),
                    }
                })
                .await
                .map(Done::Answer)
                .map_err(unique)
        }
        // A refusal without a job still asks whether the credential holds.
        Err(refusal) => match reader.holds_now().await {
            Ok(true) => Err(refusal),
            Ok(false) => Err(stale()),
            Err(error) => Err(error.into()),
        },
    }
}

/// What came of a job.
enum Done {
    Answer(Answer),
    File(Growing),
}

/// The credential changed since it was looked up (AU-5).
pub(super) fn stale() -> Refusal {
    Refusal::new(Kind::Stale, "Your rights are changing. Try again.")
}

/// What a constraint refuses, where two writers met, is a conflict of data (contract §4.1).
fn unique(refusal: Refusal) -> Refusal {
    match refusal.kind {
        Kind::Database(DbError::Unique(_) | DbError::ForeignKey(_)) => {
            Refusal::new(Kind::Conflict, "Another request changed the same data. Read it again, then try again.")
        }
        _ => refusal,
    }
}

fn reply(http: &HttpRequest, app: &Data<App>, answer: Answer) -> HttpResponse {
    let mut status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let known = header(http, header::IF_NONE_MATCH.as_str());
    let unchanged = answer.etag.as_deref().zip(known).is_some_and(|(etag, known)| known.contains(etag));
    if unchanged && http.method().is_safe() {
        status = StatusCode::NOT_MODIFIED;
    }
    let mut response = HttpResponse::build(status);
    for (name, value) in
        [(header::ETAG, answer.etag), (header::LOCATION, answer.location), (header::SET_COOKIE, answer.cookie)]
    {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            response.insert_header((name, value));
        }
    }
    let vary = HeaderName::from_static("vary");
    response.insert_header((vary, HeaderValue::from_static("Authorization")));
    if let Some(file) = answer.file {
        return upload::send(app, response, file);
    }
    if answer.body.is_empty() || status == StatusCode::NOT_MODIFIED {
        return response.finish();
    }
    response.insert_header((header::CONTENT_TYPE, "application/json; charset=utf-8")).body(answer.body)
}
