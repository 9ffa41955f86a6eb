//! Every error of an HTTP answer, and the envelope that its route speaks.
//!
//! In: errors of the rooms below, of actix and of routing. Out: status, headers and body. OData routes answer as OD-160
//! says, REST as the wire contract §4.1, all others with a problem document (RFC 9457). Texts of the database stay in the log, under the request's id
//! (OD-162).

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use super::address::{Address, Api};
use super::rest;
use crate::auth::{self, Refusal};
use crate::db::DbError;
use crate::domain::refusal::{self, Kind};
use crate::odata::error::Detail;
use crate::odata::{Code, ODataError};

/// How the errors of a route look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Envelope {
    /// `{"error":{"code":…,"message":…}}` with `OData-Version` (OD-6, OD-160).
    OData,
    /// `{"error":{"statusCode":…,"errorCode":…}}` (contract §4.1).
    Rest,
    /// `application/problem+json`.
    #[default]
    Document,
}

impl Envelope {
    /// The envelope of whatever lies at a path, known or not.
    pub fn of(path: &str) -> Envelope {
        match Address::of(path) {
            Some(Address { api: Api::OData, .. }) => Envelope::OData,
            Some(Address { api: Api::Rest | Api::Tracking | Api::Pin, .. }) => Envelope::Rest,
            _ => Envelope::Document,
        }
    }
}

/// An error on its way out.
#[derive(Clone, Debug)]
pub struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    status: StatusCode,
    code: &'static str,
    message: String,
    target: Option<String>,
    details: Vec<Detail>,
    retry_after: Option<u64>,
    allow: Option<Cow<'static, str>>,
    /// For the log alone.
    cause: Option<String>,
    envelope: Envelope,
    request: Option<String>,
    debug: bool,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Problem {
        Problem(Box::new(Parts {
            status,
            code,
            message: message.into(),
            target: None,
            details: Vec::new(),
            retry_after: None,
            allow: None,
            cause: None,
            envelope: Envelope::default(),
            request: None,
            debug: false,
        }))
    }

    /// An error of which the client learns nothing but the request's id.
    pub fn internal(cause: impl fmt::Display) -> Problem {
        let code = Code::InternalError;
        let mut problem =
            Problem::coded(code, "The server failed. Its log has the reason under the id of this request.");
        problem.0.cause = Some(cause.to_string());
        problem
    }

    pub fn not_found() -> Problem {
        Problem::coded(Code::ResourceNotFound, "There is nothing at this address.")
    }

    /// 405, with what the resource does take, such as `GET, HEAD`.
    pub fn method_not_allowed(allow: impl Into<Cow<'static, str>>) -> Problem {
        let allow = allow.into();
        let message = format!("This resource does not take the method; it takes {allow}.");
        let mut problem = Problem::coded(Code::MethodNotAllowed, message);
        problem.0.allow = Some(allow);
        problem
    }

    /// 429: the caller has its share of requests running (OD-154).
    pub fn too_many_requests(limit: usize) -> Problem {
        let message = format!(
            "You have {limit} requests running, which is the limit (odata.max_concurrent). Wait for one to end, then \
             try again."
        );
        let mut problem = Problem::coded(Code::TooManyRequests, message);
        problem.0.retry_after = Some(1);
        problem
    }

    /// 429: a token has made its requests of this minute (AU-17).
    pub(super) fn token_is_busy(seconds: u64) -> Problem {
        let message = "This token has made as many requests in this minute as it may.";
        Problem::coded(Code::TooManyRequests, message).retry_after(seconds)
    }

    pub(super) fn url_too_long(limit: usize) -> Problem {
        let message = format!(
            "The address is longer than {limit} bytes (server.max_url_bytes). Send the query in the body of POST \
             …/$query."
        );
        Problem::coded(Code::UriTooLong, message)
    }

    pub(super) fn body_too_large(limit: usize) -> Problem {
        let message = format!("The body is longer than {limit} bytes (rest.max_body_bytes).");
        Problem::coded(Code::PayloadTooLarge, message)
    }

    pub(super) fn file_too_large(limit: usize) -> Problem {
        let message = format!("FileTooLarge: the file is longer than {limit} bytes (jobs.max_file_bytes). Split it.");
        Problem::coded(Code::PayloadTooLarge, message)
    }

    pub(super) fn unsupported_media_type(kind: &str) -> Problem {
        let kind: String = kind.chars().take(100).collect();
        Problem::coded(Code::UnsupportedMediaType, format!("The body must be application/json, not {kind}."))
    }

    pub(super) fn encoding_not_acceptable() -> Problem {
        let message =
            "No encoding that Accept-Encoding admits is known here; br, gzip, deflate, zstd and identity are.";
        Problem::coded(Code::NotAcceptable, message)
    }

    pub(super) fn header_too_large(limit: usize) -> Problem {
        Problem::coded(
            Code::HeaderTooLarge,
            format!("A header is longer than {limit} bytes (server.max_header_bytes)."),
        )
    }

    fn coded(code: Code, message: impl Into<String>) -> Problem {
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Problem::new(status, code_name(code), message)
    }

    /// With the seconds after which it may be tried again.
    pub(super) fn retry_after(mut self, seconds: u64) -> Problem {
        self.0.retry_after = Some(seconds);
        self
    }

    /// 429: sign-ins that failed (AU-90).
    pub(super) fn too_many_failures(seconds: u64) -> Problem {
        let message = "Too many sign-ins failed. Wait, then try again.";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "QuoteExceededError", message).retry_after(seconds)
    }

    /// 503: nobody can say whether a password is right.
    pub(super) fn verifier_down(cause: impl fmt::Display) -> Problem {
        let message = "Sign-in with Windows accounts does not work at this moment. Try again later.";
        let mut problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ApiDisabled", message).retry_after(5);
        problem.0.cause = Some(cause.to_string());
        problem
    }

    /// 503: too many handshakes have begun (AU-33).
    pub(super) fn too_many_handshakes() -> Problem {
        let message = "Too many clients are signing in. Try again.";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ApiDisabled", message).retry_after(1)
    }

    /// 403: a page elsewhere let a browser send this (AU-73).
    pub(super) fn foreign_origin() -> Problem {
        let message =
            "This request does not come from a page of this server, or lacks its X-CSRF-Token. Programs use a token.";
        Problem::new(StatusCode::FORBIDDEN, "CsrfFailed", message)
    }

    /// 403: where programs have no PIN.
    pub(super) fn pairing_is_off() -> Problem {
        let message = "Programs are not let in by a PIN here (auth.mode is on_prem). Use a token or a Windows account.";
        Problem::new(StatusCode::FORBIDDEN, "ApiDisabled", message)
    }

    /// 400: a request for some other server (AU-94).
    pub(super) fn unknown_host() -> Problem {
        let message = "This server is not known under the name in Host (server.hosts).";
        Problem::new(StatusCode::BAD_REQUEST, "UnknownHost", message)
    }

    /// 408: a body that does not come.
    pub(super) fn body_too_slow() -> Problem {
        Problem::new(StatusCode::REQUEST_TIMEOUT, "RequestTimeout", "The body came too slowly.")
    }

    /// Where it is answered: the route's envelope, the id under which the log has it.
    pub(super) fn placed(mut self, envelope: Envelope, request: &str, debug: bool) -> Problem {
        self.0.envelope = envelope;
        self.0.request = Some(request.to_owned());
        self.0.debug = debug;
        self
    }

    /// What the log gets of it.
    pub(super) fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    pub fn code(&self) -> &'static str {
        self.0.code
    }

    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The problem inside an error of actix; errors of its own become one by their status.
    pub(super) fn of_actix(error: &actix_web::Error) -> Problem {
        if let Some(problem) = error.as_error::<Problem>() {
            return problem.clone();
        }
        let status = error.as_response_error().status_code();
        let code = Code::ALL.iter().copied().find(|code| code.status() == status.as_u16() && code.status() > 400);
        match code {
            Some(Code::InternalError) => Problem::internal(error),
            Some(code) => Problem::new(status, code_name(code), sentence(status)),
            None if status.is_server_error() => {
                let mut problem = Problem::internal(error);
                problem.0.status = status;
                problem
            }
            None => Problem::new(status, "BadRequest", sentence(status)),
        }
    }

    fn odata_body(&self) -> String {
        let parts = &self.0;
        let details = parts.details.iter().map(|detail| DetailBody {
            code: detail.code.name(),
            message: &detail.message,
            target: detail.target.as_deref(),
        });
        let inner = parts.debug.then(|| InnerError { request_id: parts.request.as_deref(), cause: self.cause() });
        written(&ODataBody {
            error: ErrorBody {
                code: parts.code,
                message: &parts.message,
                target: parts.target.as_deref(),
                details: details.collect(),
                innererror: inner,
            },
        })
    }

    fn rest_body(&self) -> String {
        let status = self.0.status.as_u16();
        let (error_code, error_description) = rest::code(self.0.code, status);
        let message = Some(self.0.message.as_str()).filter(|message| !message.is_empty());
        written(&RestBody { error: RestError { status_code: status, error_code, error_description, message } })
    }

    fn document_body(&self) -> String {
        written(&DocumentBody {
            kind: "about:blank",
            title: self.0.status.canonical_reason().unwrap_or("Error"),
            status: self.0.status.as_u16(),
            detail: &self.0.message,
            instance: self.0.request.as_ref().map(|id| format!("urn:uuid:{id}")),
            code: self.0.code,
            target: self.0.target.as_deref(),
        })
    }
}

/// OD-160.
#[derive(Serialize)]
struct ODataBody<'a> {
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    details: Vec<DetailBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    innererror: Option<InnerError<'a>>,
}

#[derive(Serialize)]
struct DetailBody<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InnerError<'a> {
    request_id: Option<&'a str>,
    cause: Option<&'a str>,
}

/// RFC 9457, with our code.
#[derive(Serialize)]
struct DocumentBody<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: Option<String>,
    code: &'a str,
    /// The member of the request at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
}

/// Contract §4.1.
#[derive(Serialize)]
struct RestBody<'a> {
    error: RestError<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RestError<'a> {
    status_code: u16,
    error_code: &'a str,
    error_description: &'a str,
    message: Option<&'a str>,
}

/// Texts and numbers alone, which always serialise.
fn written(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

/// The name under which clients know a code; refusals are named as on the other APIs (`auth.md` §9).
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Unauthorized => "UnauthorizedError",
        code => code.name(),
    }
}

fn sentence(status: StatusCode) -> String {
    format!("{}.", status.canonical_reason().unwrap_or("The request cannot be answered"))
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.0.status);
        if self.0.status == StatusCode::UNAUTHORIZED {
            for challenge in auth::CHALLENGES {
                response.append_header((header::WWW_AUTHENTICATE, challenge));
            }
        }
        if let Some(seconds) = self.0.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if let Some(allow) = self.0.allow.as_deref() {
            response.insert_header((header::ALLOW, allow));
        }
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        let mut response = match self.0.envelope {
            Envelope::OData => response
                .insert_header((header::CONTENT_TYPE, "application/json"))
                .insert_header(("OData-Version", "4.0"))
                .body(self.odata_body()),
            Envelope::Rest => {
                response.insert_header((header::CONTENT_TYPE, "application/json; charset=utf-8")).body(self.rest_body())
            }
            Envelope::Document => {
                response.insert_header((header::CONTENT_TYPE, "application/problem+json")).body(self.document_body())
            }
        };
        if let Some(id) = self.0.request.as_ref().and_then(|id| HeaderValue::from_str(id).ok()) {
            response.headers_mut().insert(super::middleware::X_REQUEST_ID, id);
        }
        response
    }
}

impl From<ODataError> for Problem {
    fn from(error: ODataError) -> Problem {
        let message = error.to_string();
        let mut problem = Problem::coded(error.code, message);
        if problem.0.status.is_server_error() && error.code != Code::NotImplemented {
            problem.0.cause = Some(problem.0.message.clone());
        }
        problem.0.target = error.target;
        problem.0.details = error.details;
        problem
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let mut problem = match refusal {
            // One text for all of them (AU-100).
            Refusal::Missing | Refusal::Unknown => Problem::coded(
                Code::Unauthorized,
                "Sign in with an API token: as a Bearer token, or as the password of Basic with any user name.",
            ),
            Refusal::Several => Problem::new(
                StatusCode::BAD_REQUEST,
                Code::SyntaxError.name(),
                "The request holds two credentials; send one Authorization header.",
            ),
            Refusal::Denied => Problem::coded(
                Code::AccessDenied,
                "This door is locked: your role or the scopes of your token do not admit this. Ask an administrator \
                 for a role.",
            ),
            Refusal::Stale => Problem::new(
                StatusCode::FORBIDDEN,
                "ReauthRequired",
                "You signed in longer than 15 minutes ago. Sign in again, then repeat this.",
            ),
        };
        problem.0.cause = Some(refusal.to_string());
        problem
    }
}

impl From<refusal::Refusal> for Problem {
    fn from(refusal: refusal::Refusal) -> Problem {
        let (status, code) = match refusal.kind {
            Kind::Database(error) => return error.into(),
            Kind::Malformed => (400, "InvalidValue"),
            Kind::TooLarge => (413, "PayloadTooLarge"),
            Kind::Rule(rule) => (422, rule.code()),
            Kind::NotFound => (404, "EntityNotFound"),
            Kind::TypesOff => (404, "ActivityTypeDisabled"),
            Kind::NotYours => (403, "NoRightsToWorkLogModification"),
            Kind::Denied => (403, "AccessDenied"),
            Kind::Conflict => (409, "DbValidationError"),
            Kind::Changed => (412, "PreconditionFailed"),
            Kind::KeyReused => (422, "IdempotencyKeyReused"),
            Kind::Stale => (503, "ServiceUnavailable"),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut problem = Problem::new(status, code, refusal.message);
        problem.0.target = refusal.member;
        problem
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Problem {
        let unavailable = |message: &str| Problem::coded(Code::ServiceUnavailable, message);
        let mut problem = match &error {
            DbError::Busy => unavailable("More requests wait for the database than it can serve. Try again."),
            DbError::Conflict(_) | DbError::Locked => unavailable("The database is held by another writer. Try again."),
            DbError::Lost(_) | DbError::Unavailable(_) => {
                unavailable("The database cannot be reached. Try again later.")
            }
            DbError::Full(_) => unavailable("The database has no space left."),
            DbError::TimedOut => unavailable(
                "The query needs longer than the server allows (database.statement_timeout). Narrow it by $filter, \
                 or take fewer rows by $top.",
            ),
            DbError::Overflow => Problem::coded(Code::Overflow, "A result of the query is out of range."),
            DbError::DivisionByZero => Problem::coded(Code::DivisionByZero, "The query divides by zero."),
            DbError::BadPattern(_) => {
                Problem::coded(Code::InvalidLiteral, "The pattern of matchesPattern is no regular expression.")
            }
            DbError::Unique(_)
            | DbError::ForeignKey(_)
            | DbError::Check(_)
            | DbError::NotFound
            | DbError::Cancelled
            | DbError::Other(_) => Problem::internal(&error),
        };
        problem.0.cause = Some(error.to_string());
        problem.0.retry_after = error.retry_after().map(|wait| wait.as_secs().max(1));
        problem
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::MessageBody;
    use serde_json::{Value, json};

    fn body(problem: Problem) -> Value {
        let bytes = problem.error_response().into_body().try_into_bytes().unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn od_160_an_error_in_the_envelope_of_odata() {
        let error = ODataError::new(Code::UnknownProperty, "`Coment` is no property; did you mean `Comment`?");
        let problem = Problem::from(error.in_option("$filter").at(3)).placed(Envelope::OData, "id", false);
        let response = problem.error_response();
        assert_eq!(response.status(), 400);
        assert_eq!(response.headers().get_all("OData-Version").count(), 1);
        assert_eq!(response.headers().get("Content-Type").unwrap(), "application/json");
        let expected = json!({"error": {
            "code": "UnknownProperty",
            "message": "`Coment` is no property; did you mean `Comment`? (position 3)",
            "target": "$filter",
            "details": [],
        }});
        assert_eq!(body(problem), expected);
    }

    #[test]
    fn od_162_a_database_text_stays_in_the_log() {
        let problem = Problem::from(DbError::Other("no such table: secret_table".to_owned()));
        assert_eq!(problem.cause(), Some("no such table: secret_table"));
        assert!(!body(problem.placed(Envelope::OData, "id", false)).to_string().contains("secret_table"));
    }

    #[test]
    fn od_185_bearer_is_offered_before_basic_each_on_its_own_line() {
        let response = Problem::from(Refusal::Missing).placed(Envelope::OData, "id", false).error_response();
        let offered: Vec<_> = response.headers().get_all("WWW-Authenticate").collect();
        assert_eq!(offered, ["Bearer", "Basic realm=\"timetracker\""]);
        let (missing, unknown) = (Problem::from(Refusal::Missing), Problem::from(Refusal::Unknown));
        assert_eq!(body(missing), body(unknown));
    }

    #[test]
    fn a_busy_database_says_when_to_come_back() {
        let response = Problem::from(DbError::Busy).error_response();
        assert_eq!(
            (response.status().as_u16(), response.headers().get("Retry-After").unwrap().to_str().unwrap()),
            (503, "1")
        );
    }
}
