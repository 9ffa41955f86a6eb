//! Whether the server lives and is ready, its figures, and which version it is (UX-130).

use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use subtle::ConstantTimeEq;

use super::App;
use super::problem::Problem;
use super::public::client_address;
use crate::auth::Refusal;
use crate::auth::outgoing::credentials;
use crate::db::migrate::{self, MigrateError};
use crate::db::{Conn, DbError};

/// A check that takes longer has failed: whoever asks will not wait.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Serialize)]
struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checks: Vec<Check>,
}

#[derive(Serialize)]
struct Check {
    name: &'static str,
    status: &'static str,
    ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// The process answers.
pub(super) async fn live() -> HttpResponse {
    no_store(StatusCode::OK).json(Health { status: "ok", checks: Vec::new() })
}

/// The database answers and has this program's schema.
pub(super) async fn ready(app: Data<App>) -> HttpResponse {
    let began = Instant::now();
    let job = app.db.read(|conn: &mut Conn| Ok::<_, DbError>(migrate::check(conn)));
    let answer = actix_web::rt::time::timeout(PATIENCE, job).await;
    let ms = (began.elapsed().as_secs_f64() * 1e6).round() / 1e3;
    let check = |name, status, detail| Check { name, status, ms, detail };
    let checks = match answer {
        Ok(Ok(Ok(()))) => vec![check("database", "ok", None), check("schema", "ok", None)],
        Ok(Ok(Err(MigrateError::Database(error)))) | Ok(Err(error)) => {
            tracing::warn!(cause = %error, "not ready: the database does not answer");
            vec![check("database", "failed", Some("the database does not answer".to_owned()))]
        }
        Ok(Ok(Err(error))) => vec![check("database", "ok", None), check("schema", "failed", Some(error.to_string()))],
        Err(_) => vec![check("database", "failed", Some("the database took too long".to_owned()))],
    };
    let failed = checks.iter().any(|check| check.status != "ok");
    let (status, word) = if failed { (StatusCode::SERVICE_UNAVAILABLE, "failed") } else { (StatusCode::OK, "ok") };
    no_store(status).json(Health { status: word, checks })
}

pub(super) async fn version() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "name": "timeledger", "version": env!("CARGO_PKG_VERSION") }))
}

/// Prometheus' text. With `metrics.token` set it must be presented; without, the machine itself alone may ask.
pub(super) async fn metrics(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let token = &app.config.metrics.token;
    let admitted = if token.is_empty() {
        client_address(&request).is_some_and(|address| address.to_canonical().is_loopback())
    } else {
        let sent = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let sent = sent.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        bool::from(sent.as_bytes().ct_eq(token.expose().as_bytes()))
    };
    if !admitted {
        return Err(if token.is_empty() { Refusal::Denied } else { Refusal::Unknown }.into());
    }
    for lane in app.db.lanes() {
        app.metrics.pool_is(lane.lane, lane.threads, lane.running, lane.queued);
    }
    let now = app.clock.now();
    let job = app.db.read(move |conn| credentials::counts(conn, now));
    // Figures that cannot be had leave the others as they are.
    if let Ok(Ok(counts)) = actix_web::rt::time::timeout(PATIENCE, job).await {
        counts.into_iter().for_each(|(state, count)| app.metrics.credentials_are(state.name(), count));
    }
    let text = app.metrics.write().map_err(Problem::internal)?;
    Ok(no_store(StatusCode::OK).content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
}

fn no_store(status: StatusCode) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    response
}
