//! The reporting API: `/api/odata/v{version}/…`, also behind a collection (contract §1, §3).
//!
//! In: any address of it, by GET, HEAD or POST `…/$query`. Out: JSON, a file, metadata, or an error in OData's envelope.
//! The walk is that of ARCHITECTURE.md, "Walk of a GET".

pub mod conditional;
mod connection;
pub mod negotiate;
pub mod prefer;
mod reply;
mod request;

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::web::{self, Bytes, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use super::{App, Problem, PublicUrl, Reader, dynamic_properties};
use crate::db::{DbError, Failure, Lane, continuations};
use crate::domain::fields;
use crate::odata;
use crate::odata::csdl;
use crate::odata::edm::{Field, Model};
use crate::odata::encode::json::Metadata;
use crate::odata::parse::RawRequest;
use crate::odata::run::RunError;
use crate::odata::service::{self, Prepared};
use crate::odata::{Code, ODataError, bind, parse};
use crate::policy::Caller;

use request::{Asked, Document};

const METHODS: &str = "GET, HEAD, OPTIONS";

/// Routes of everything below `/api/`; what is not the reporting API's is not found.
pub fn configure(config: &mut ServiceConfig) {
    config.service(
        web::resource("/{api:(?i:api)}/{rest:.*}")
            .route(web::method(Method::OPTIONS).to(options))
            .route(web::route().to(read)),
    );
}

async fn options() -> HttpResponse {
    HttpResponse::NoContent().insert_header(("Allow", METHODS)).insert_header(("OData-Version", "4.0")).finish()
}

/// Any reporting address.
async fn read(
    http: HttpRequest,
    reader: Reader,
    base: PublicUrl,
    app: Data<App>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    let mut asked = Asked::of(&http, &base, &app, body)?;
    continue_kept(&mut asked, &app).await?;
    let fields = custom_fields(&asked, &app).await?;
    match answer(&asked, &reader, &app, &fields).await {
        // The credential changed between its look-up and the job: once more, from the model on (AU-5).
        Err(JobError::Stale) => {
            let reader = reader.again().await?;
            answer(&asked, &reader, &app, &fields).await.map_err(Problem::from)
        }
        answered => answered.map_err(Problem::from),
    }
}

/// A query too long for a link is kept, and its next links name it (contract §3.9).
async fn continue_kept(asked: &mut Asked, app: &Data<App>) -> Result<(), Problem> {
    let now = app.clock.now();
    if let Some((id, token)) = asked.continued()? {
        let kept = app.db.read(move |conn| continuations::find(conn, id)).await?;
        let query = kept.ok_or_else(|| {
            let message = "The next link is too old. Begin at the first page.";
            ODataError::new(Code::SkipTokenExpired, message).in_option("$skiptoken")
        })?;
        asked.resume(id, query, &token);
    } else if let Some(query) = asked.too_long_for_a_link()? {
        let id = app.db.write(move |tx| continuations::keep(tx, &query, now)).await?;
        asked.continuation = Some(id.0.as_simple().to_string());
    }
    Ok(())
}

async fn answer(asked: &Asked, reader: &Reader, app: &Data<App>, fields: &[Field]) -> Result<HttpResponse, JobError> {
    let caller = reader.caller();
    let model = asked.model(caller, fields);
    if let Some(wanted) = asked.document() {
        if !reader.holds_now().await? {
            return Err(JobError::Stale);
        }
        return Ok(document(asked, wanted, &model, app)?);
    }
    let began = std::time::Instant::now();
    let prepared = match prepare(asked, caller, &model, app).await {
        Ok(prepared) => Arc::new(prepared),
        // What is unknown to a caller depends on who they are at this moment.
        Err(_) if !reader.holds_now().await? => return Err(JobError::Stale),
        Err(error) => return Err(error),
    };
    let planned = began.elapsed();
    let lane = prepared.lane();
    let (job, holder, shared) = (Arc::clone(&prepared), reader.clone(), app.clone());
    let first = app
        .db
        .stream(lane, move |conn, sink| {
            if !holder.still_holds(conn)? {
                return Err(JobError::Stale);
            }
            let rows = job.run(conn, sink)?;
            shared.metrics.rows_written(reply::format_name(job.format), rows);
            Ok(())
        })
        .await;
    let answered = began.elapsed() - planned;
    app.metrics.database_took(lane_name(lane), answered);
    log_if_slow(asked, &prepared, answered, app.config.log.slow_query);
    match first {
        Ok(first) => Ok(reply::data(asked, &prepared, first, planned, answered)),
        Err(JobError::Run(RunError::NoContent)) => Ok(reply::no_content(asked)),
        Err(error) => Err(error),
    }
}

/// What is answered from the model alone.
fn document(asked: &Asked, wanted: Document, model: &Model<'_>, app: &App) -> Result<HttpResponse, ODataError> {
    let request = parse::parse(&RawRequest { path: "", ..asked.raw() }, &app.limits)?;
    bind::schema_version(&request.options, model)?;
    let json_type = reply::json_type(asked, Metadata::Minimal, false);
    let (kind, text) = match wanted {
        Document::Service => (json_type.as_str(), csdl::service::write(model, &asked.root, asked.protocol)),
        Document::Metadata if asked.wants_json_metadata => {
            ("application/json", csdl::json::write(model, asked.protocol, &app.limits))
        }
        Document::Metadata => ("application/xml", csdl::xml::write(model, asked.protocol, &app.limits)),
        Document::OpenApi => ("application/json", csdl::openapi::write(model, &asked.root)),
        Document::PowerBi("service") => ("application/json", connection::power_bi(&asked.root)),
        Document::PowerBi(name) => {
            ("application/json", connection::power_bi(&format!("{}{}", asked.root, set_named(model, name)?)))
        }
        Document::Excel(name) => {
            let set = set_named(model, name)?;
            ("text/x-ms-odc; charset=utf-8", connection::excel(set, &format!("{}{set}", asked.root)))
        }
    };
    let mut response = reply::document(asked, kind, text);
    if let Document::PowerBi(_) | Document::Excel(_) = wanted {
        reply::attach(&mut response, asked.file_name());
    }
    Ok(response)
}

/// The set of a connection file, as the caller's model calls it.
fn set_named(model: &Model<'_>, name: &str) -> Result<&'static str, ODataError> {
    model.set(name).map(|set| set.name).ok_or_else(|| {
        let message = format!("There is no entity set {name}.");
        ODataError::new(Code::ResourceNotFound, message)
    })
}

/// Until its first bytes the query took too long: its shape goes into the log. Values are binds and stay out.
fn log_if_slow(asked: &Asked, prepared: &Prepared, took: Duration, limit: u64) {
    /// Of the SQL; a shape is known by its beginning.
    const SHOWN: usize = 4_000;
    if limit == 0 || took < Duration::from_millis(limit) {
        return;
    }
    let shape = prepared.plan.level.statement().postgres_text().unwrap_or_default();
    let shape: String = shape.chars().take(SHOWN).collect();
    let (request, set, ms) = (asked.id.0, prepared.set, took.as_millis());
    tracing::warn!(%request, set, ms, shape, "slow query");
}

fn lane_name(lane: Lane) -> &'static str {
    match lane {
        Lane::Interactive => "interactive",
        Lane::Bulk => "bulk",
    }
}

async fn prepare(asked: &Asked, caller: &Caller, model: &Model<'_>, app: &Data<App>) -> Result<Prepared, JobError> {
    let sealer = app.sealer().await?;
    let page = asked.preferences.page.map(|(n, _)| n);
    let caller_name = caller.user_id.to_string();
    let setup = service::Setup {
        model: *model,
        limits: &app.limits,
        viewer: caller,
        me: Some(caller.user_id.into()),
        caller: &caller_name,
        now: app.clock.now(),
        sealer: &sealer,
        root: &asked.root,
        format: asked.format,
        payload_401: asked.protocol == csdl::Protocol::V4_01,
        continuation: asked.continuation.as_deref(),
        omit_nulls: asked.preferences.omit.is_some(),
        page,
        page_limit: asked.is_v4().then(|| u64::from(app.config.odata.page_size)),
    };
    Ok(service::prepare(&asked.raw(), &setup)?)
}

/// Custom fields are needed where types are open.
async fn custom_fields(asked: &Asked, app: &Data<App>) -> Result<Arc<Vec<Field>>, Problem> {
    if !asked.is_v4() {
        return Ok(Arc::new(Vec::new()));
    }
    let now = app.clock.now();
    if let Some(known) = app.fields.recall(now) {
        return Ok(known);
    }
    let fields = app.db.read(fields::list).await?;
    Ok(app.fields.remember(dynamic_properties(fields), now))
}

/// Why a job on the database's threads ended.
#[derive(Debug)]
enum JobError {
    /// The caller's credential no longer gives what it gave.
    Stale,
    Run(RunError),
    /// A reply that could not be made.
    Reply(Box<Problem>),
}

impl From<DbError> for JobError {
    fn from(error: DbError) -> JobError {
        JobError::Run(error.into())
    }
}

impl From<RunError> for JobError {
    fn from(error: RunError) -> JobError {
        JobError::Run(error)
    }
}

impl From<ODataError> for JobError {
    fn from(error: ODataError) -> JobError {
        JobError::Run(RunError::Request(error))
    }
}

impl From<Problem> for JobError {
    fn from(problem: Problem) -> JobError {
        JobError::Reply(Box::new(problem))
    }
}

impl Failure for JobError {
    fn database(&self) -> Option<&DbError> {
        match self {
            JobError::Run(error) => error.database(),
            JobError::Stale | JobError::Reply(_) => None,
        }
    }
}

impl std::fmt::Display for JobError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            JobError::Stale => f.write_str("the credential has changed"),
            JobError::Run(RunError::Request(error)) => error.fmt(f),
            JobError::Run(RunError::NoContent) => f.write_str("no content"),
            JobError::Run(RunError::Database(error)) => error.fmt(f),
            JobError::Reply(problem) => problem.fmt(f),
        }
    }
}

impl std::error::Error for JobError {}

impl From<JobError> for Problem {
    fn from(error: JobError) -> Problem {
        match error {
            JobError::Run(RunError::Request(error)) => error.into(),
            JobError::Run(RunError::Database(error)) => error.into(),
            JobError::Run(RunError::NoContent) => odata::ODataError::new(Code::ResourceNotFound, "It is null.").into(),
            JobError::Stale => ODataError::new(Code::ServiceUnavailable, "Your rights are changing. Try again.").into(),
            JobError::Reply(problem) => *problem,
        }
    }
}
