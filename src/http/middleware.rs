//! What surrounds every route: the request's id, limits, figures, the access log, errors in their envelope.
//!
//! [`edge`] stands outermost and sees the answer as it leaves; [`problems`] stands innermost, where an error still knows
//! its request. The log line is written when the last byte is out or the client gone; it holds the route's pattern and
//! never a path or a query, in which there may be names and comments (AU-95).

use std::borrow::Cow;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse};
use uuid::Uuid;

use super::App;
use super::concurrency::Permit;
use super::problem::{Envelope, Problem};

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names a request in the log, in the header `X-Request-Id` and in error answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(pub Uuid);

impl RequestId {
    pub fn of(request: &HttpRequest) -> RequestId {
        request.extensions().get::<RequestId>().copied().unwrap_or(RequestId(Uuid::nil()))
    }
}

impl FromRequest for RequestId {
    type Error = Error;
    type Future = std::future::Ready<Result<RequestId, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(Ok(RequestId::of(request)))
    }
}

/// The pattern of a route, for figures and the log; a handler that serves many sets it: `/api/odata/{version}/{set}`.
#[derive(Clone, Debug)]
pub struct RoutePattern(Cow<'static, str>);

impl RoutePattern {
    /// Labels the request. Patterns are few and fixed: nothing of what a client sent may go into one.
    pub fn set(request: &HttpRequest, pattern: impl Into<Cow<'static, str>>) {
        request.extensions_mut().insert(RoutePattern(pattern.into()));
    }

    fn of(request: &HttpRequest) -> Cow<'static, str> {
        if let Some(RoutePattern(pattern)) = request.extensions().get::<RoutePattern>() {
            return pattern.clone();
        }
        request.match_pattern().map_or(Cow::Borrowed("unmatched"), Cow::Owned)
    }
}

/// The person behind a request, for the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct UserId(pub i32);

/// Marks an answer whose strong ETag stands for the bytes as they were before the compression.
#[derive(Clone, Copy, Debug)]
pub(super) struct TagOfBytes;

/// Stands between a tag and the encoding in which its bytes left.
pub(super) const ENCODING_MARK: char = '-';

/// A strong tag may stand for one sequence of bytes only, and the compression has made another (RFC 9110 §8.8.3.3).
fn tag_encoded_bytes(headers: &mut HeaderMap) {
    let text = |name| headers.get(&name).and_then(|value: &HeaderValue| value.to_str().ok());
    let (Some(tag), Some(encoding)) = (text(header::ETAG), text(header::CONTENT_ENCODING)) else { return };
    let Some(open) = tag.strip_suffix('"').filter(|_| encoding != "identity") else { return };
    if let Ok(tag) = HeaderValue::from_str(&format!("{open}{ENCODING_MARK}{encoding}\"")) {
        headers.insert(header::ETAG, tag);
    }
}

/// Keeps a permit until the answer has left.
pub(super) fn hold(request: &HttpRequest, permit: Permit) {
    request.extensions_mut().insert(permit);
}

/// Outermost: nothing reaches a client without passing here.
pub(super) async fn edge<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<Measured<B>>, Error> {
    let app = App::of(request.request());
    let id = RequestId(Uuid::now_v7());
    request.extensions_mut().insert(id);
    let mut record = Record::begin(app, id, request.method());
    let envelope = Envelope::of(request.path());
    let outcome = match check_limits(&request, &record.app) {
        Ok(()) => Unwinding(next.call(request)).await,
        Err(problem) => Ok(Err(problem.into())),
    };
    match outcome {
        Ok(Ok(response)) if refuses_encoding(response.response()) => {
            Err(record.failed(Problem::encoding_not_acceptable(), envelope))
        }
        Ok(Ok(mut response)) => {
            if response.response().extensions().get::<TagOfBytes>().is_some() {
                tag_encoded_bytes(response.headers_mut());
            }
            add_headers(response.headers_mut(), id);
            ask_for_https(response.headers_mut(), &record.app);
            record.route = RoutePattern::of(response.request());
            record.status = response.status().as_u16();
            record.user = response.request().extensions().get::<UserId>().map(|user| user.0);
            record.permit = response.request().extensions_mut().remove::<Permit>();
            Ok(response.map_body(|_, body| Measured::new(body, record)))
        }
        Ok(Err(error)) => Err(record.failed(Problem::of_actix(&error), envelope)),
        Err(panic) => Err(record.failed(Problem::internal(format_args!("panic: {panic}")), envelope)),
    }
}

/// RFC 6797, where TLS ends here.
fn ask_for_https(headers: &mut HeaderMap, app: &App) {
    let seconds = app.config.tls.hsts_seconds;
    if let Some(value) =
        HeaderValue::from_str(&format!("max-age={seconds}")).ok().filter(|_| seconds > 0 && app.tls.is_some())
    {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
}

/// Innermost: gives an error the envelope of its route, and tells the log its cause.
pub(super) async fn problems<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<actix_web::body::EitherBody<B>>, Error> {
    let mut response = next.call(request).await?;
    spare_workbooks(response.headers_mut());
    let Some(error) = response.response().error() else { return Ok(response.map_into_left_body()) };
    let problem = Problem::of_actix(error);
    let answer = answered(response.request(), problem);
    Ok(response.into_response(answer).map_into_right_body())
}

/// A problem in the envelope of its route; the log hears its cause.
pub(super) fn answered(request: &HttpRequest, problem: Problem) -> HttpResponse {
    let id = RequestId::of(request).0;
    let debug = App::of(request).config.odata.debug;
    let problem = problem.placed(Envelope::of(request.path()), &id.to_string(), debug);
    log(&problem, id);
    actix_web::ResponseError::error_response(&problem)
}

/// A workbook is a zip already: to compress it again would cost time and save nothing. The compression leaves alone what
/// names an encoding; [`edge`] takes the mark away.
fn spare_workbooks(headers: &mut HeaderMap) {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if kind.is_some_and(|kind| kind.starts_with(b"application/vnd.openxmlformats-officedocument")) {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("identity"));
    }
}

fn log(problem: &Problem, id: Uuid) {
    let cause = problem.cause().unwrap_or_default();
    if problem.status().is_server_error() && problem.cause().is_some() {
        tracing::error!(request = %id, code = problem.code(), cause, "request failed");
    } else {
        tracing::debug!(request = %id, code = problem.code(), cause, "request refused");
    }
}

/// Whether the compression found nothing that the client takes: it alone answers without a type.
fn refuses_encoding<B>(response: &HttpResponse<B>) -> bool {
    response.status() == StatusCode::NOT_ACCEPTABLE && !response.headers().contains_key(header::CONTENT_TYPE)
}

fn check_limits(request: &ServiceRequest, app: &App) -> Result<(), Problem> {
    let server = &app.config.server;
    let uri = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    if uri > server.max_url_bytes {
        return Err(Problem::url_too_long(server.max_url_bytes));
    }
    if !names_us(request, &server.hosts) {
        return Err(Problem::unknown_host());
    }
    if request.headers().iter().any(|(_, value)| value.len() > server.max_header_bytes) {
        return Err(Problem::header_too_large(server.max_header_bytes));
    }
    Ok(())
}

/// Whether the request is for a host of ours (AU-94).
fn names_us(request: &ServiceRequest, hosts: &[String]) -> bool {
    if hosts.is_empty() {
        return true;
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).or(request.uri().host());
    let host = host.unwrap_or_default();
    // A port, behind the colon that is in no brackets.
    let name =
        host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(host, |it| it.0);
    hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// What every answer carries (AU-92), unless its route knows better.
fn add_headers(headers: &mut HeaderMap, id: RequestId) {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "identity") {
        headers.remove(header::CONTENT_ENCODING);
    }
    if let Ok(id) = HeaderValue::from_str(&id.0.to_string()) {
        headers.insert(X_REQUEST_ID, id);
    }
    let mut default = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    default(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(header::REFERRER_POLICY, "same-origin");
    default(header::CACHE_CONTROL, "private, no-cache");
    if !headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        let name = HeaderName::from_static("cross-origin-resource-policy");
        headers.insert(name, HeaderValue::from_static("same-origin"));
    }
    join_vary(headers);
}

/// One `Vary` line: routes, compression and CORS each add their own.
fn join_vary(headers: &mut HeaderMap) {
    if headers.get_all(header::VARY).count() < 2 {
        return;
    }
    let mut names: Vec<String> = Vec::new();
    for line in headers.get_all(header::VARY).filter_map(|line| line.to_str().ok()) {
        for name in line.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.push(name.to_owned());
            }
        }
    }
    if let Ok(joined) = HeaderValue::from_str(&names.join(", ")) {
        headers.insert(header::VARY, joined);
    }
}

/// A future whose panic is an answer: one request's fault must not take its neighbours along.
struct Unwinding<F>(F);

impl<F: Future + Unpin> Future for Unwinding<F> {
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut self.0).poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => {
                let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
                Poll::Ready(Err(text.unwrap_or_else(|| "of an unknown kind".to_owned())))
            }
        }
    }
}

/// What a request turned out to be; told to figures and log when it goes.
struct Record {
    app: Data<App>,
    id: RequestId,
    method: Method,
    route: Cow<'static, str>,
    status: u16,
    user: Option<i32>,
    bytes: u64,
    outcome: &'static str,
    began: Instant,
    permit: Option<Permit>,
}

impl Record {
    fn begin(app: Data<App>, id: RequestId, method: &Method) -> Record {
        app.metrics.request_began();
        Record {
            app,
            id,
            method: method.clone(),
            route: Cow::Borrowed("unmatched"),
            status: 0,
            user: None,
            bytes: 0,
            // The body that comes to its end says so.
            outcome: "aborted",
            began: Instant::now(),
            permit: None,
        }
    }

    /// An error that no route answers: the HTTP library writes it, and what it writes is not measured.
    fn failed(mut self, problem: Problem, envelope: Envelope) -> Error {
        let problem = problem.placed(envelope, &self.id.0.to_string(), self.app.config.odata.debug);
        log(&problem, self.id.0);
        self.status = problem.status().as_u16();
        self.outcome = "done";
        problem.into()
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        let method = match self.method.as_str() {
            known @ ("GET" | "HEAD" | "POST" | "OPTIONS" | "PUT" | "PATCH" | "DELETE") => known,
            _ => "other",
        };
        self.app.metrics.request_ended(&self.route, method, self.status, took, self.bytes);
        let ms = (took.as_secs_f64() * 1e6).round() / 1e3;
        let (id, route, status, bytes) = (self.id.0, self.route.as_ref(), self.status, self.bytes);
        if route.starts_with("/health") || route == "/metrics" {
            tracing::debug!(request = %id, method, route, status, ms, bytes, outcome = self.outcome, "request");
        } else {
            let (user, outcome) = (self.user, self.outcome);
            tracing::info!(request = %id, method, route, status, ms, bytes, user, outcome, "request");
        }
    }
}

/// A body that counts what leaves.
pub(super) struct Measured<B> {
    body: Pin<Box<B>>,
    record: Record,
}

impl<B: MessageBody> Measured<B> {
    fn new(body: B, mut record: Record) -> Measured<B> {
        let head = record.method == Method::HEAD;
        if head || matches!(body.size(), BodySize::None | BodySize::Sized(0)) {
            record.outcome = "done";
        }
        Measured { body: Box::pin(body), record }
    }
}

impl<B: MessageBody> MessageBody for Measured<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, B::Error>>> {
        let polled = self.body.as_mut().poll_next(context);
        match &polled {
            Poll::Ready(Some(Ok(bytes))) => {
                self.record.bytes += bytes.len() as u64;
                // A body of known length is not asked again once that length is out.
                if self.body.size() == BodySize::Sized(self.record.bytes) {
                    self.record.outcome = "done";
                }
            }
            Poll::Ready(None) => self.record.outcome = "done",
            Poll::Ready(Some(Err(_))) => self.record.outcome = "failed",
            Poll::Pending => {}
        }
        polled
    }
}
