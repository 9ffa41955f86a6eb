//! An HTTP request → what it asks of the reporting API: version, path, options, form.

use actix_web::HttpRequest;
use actix_web::http::{Method, header};
use actix_web::web::Bytes;
use uuid::Uuid;

use super::super::address::{Address, Api};
use super::super::{App, Problem, PublicUrl, RequestId, RoutePattern};
use super::conditional::KnownTags;
use super::negotiate;
use super::prefer::Preferences;
use crate::entities;
use crate::odata::csdl::Protocol;
use crate::odata::edm::{Field, Model, Schema, Version};
use crate::odata::parse::{self, Body, RawRequest};
use crate::odata::service::Format;
use crate::odata::{Code, ODataError};
use crate::policy::Caller;
use crate::sql::Guid;

/// The model of an address without a version (contract §1).
const NEWEST_STABLE: &str = "v3.2";

/// Bytes of options that a next link may carry: well below what clients and proxies take (OD-150).
const LONGEST_LINK: usize = 6 * 1024;

/// What is answered from the model alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document<'a> {
    Service,
    Metadata,
    OpenApi,
    /// A connection file for Power BI: of a set, or `service`.
    PowerBi(&'a str),
    /// A connection file for Excel: of a set.
    Excel(&'a str),
}

/// What a request asks.
pub struct Asked {
    schema: &'static Schema,
    version: Version,
    /// Absolute service root with its slash.
    pub root: String,
    path: String,
    query: String,
    body: Option<Bytes>,
    body_is_json: bool,
    pub protocol: Protocol,
    pub format: Format,
    pub wants_json_metadata: bool,
    /// Under which the query's text is kept, where a next link can't hold it.
    pub continuation: Option<String>,
    pub preferences: Preferences,
    /// `If-None-Match`, for answers that have an ETag.
    pub known: KnownTags,
    /// Names it in the log.
    pub id: RequestId,
}

impl Asked {
    pub fn of(http: &HttpRequest, base: &PublicUrl, app: &App, body: Bytes) -> Result<Asked, Problem> {
        let address = Address::of(http.path()).filter(|a| a.api == Api::OData).ok_or_else(Problem::not_found)?;
        if !address.collection_is_known(&app.config.server.organizations) {
            return Err(Problem::not_found());
        }
        let rest = address.rest.strip_prefix('/').unwrap_or(address.rest);
        let (segment, after) = rest.split_once('/').unwrap_or((rest, ""));
        let (schema, version, root, path) = match entities::schema_for(segment) {
            Some((schema, version)) => {
                (schema, version, format!("{}{}/{segment}/", base.0, address.root), after.to_owned())
            }
            None if looks_like_version(segment) => return Err(Problem::not_found()),
            None => {
                let (schema, version) = entities::schema_for(NEWEST_STABLE).ok_or_else(Problem::not_found)?;
                (schema, version, format!("{}{}/", base.0, address.root), rest.to_owned())
            }
        };
        let is_query = path
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .is_some_and(|last| last.eq_ignore_ascii_case("$query") || last.eq_ignore_ascii_case("%24query"));
        if path.trim_matches('/').eq_ignore_ascii_case("$batch") && *http.method() == Method::POST {
            return Err(ODataError::not_implemented("$batch").in_option("$batch").into());
        }
        check_method(http.method(), is_query)?;
        if super::negotiate::text(http.headers(), "odata-isolation").is_some_and(|v| v.eq_ignore_ascii_case("snapshot"))
        {
            let message =
                "Pages are no snapshot. Leave OData-Isolation out: rows that do not change come exactly once.";
            return Err(ODataError::new(Code::IsolationNotSupported, message).in_option("OData-Isolation").into());
        }
        let body_is_json = is_query && json_body(http)?;
        let mut asked = Asked {
            schema,
            version,
            root,
            path,
            query: http.query_string().to_owned(),
            body: is_query.then_some(body),
            body_is_json,
            protocol: negotiate::protocol(http)?,
            format: Format::Csv,
            wants_json_metadata: false,
            continuation: None,
            preferences: Preferences::of(http.headers()),
            known: KnownTags::of(http),
            id: RequestId::of(http),
        };
        RoutePattern::set(http, asked.pattern());
        let options = parse::request_options(&asked.raw())?;
        let format = options.iter().find(|(name, _)| name.trim_start_matches('$').eq_ignore_ascii_case("format"));
        let format = format.map(|(_, value)| value.as_str());
        let document = asked.document();
        // Files have the one form that their name says.
        let file = document.is_some_and(|document| document != Document::Service);
        let lenient = file || asked.is_text() || !asked.is_v4();
        if document == Some(Document::Metadata) {
            asked.wants_json_metadata = negotiate::wants_json_metadata(http, format)?;
        } else {
            asked.format = negotiate::format(http, format, lenient)?;
        }
        Ok(asked)
    }

    /// The fixed words of the address, for metrics.
    fn pattern(&self) -> &'static str {
        match self.document() {
            Some(Document::Service) => return "/api/odata/{version}/",
            Some(Document::Metadata) => return "/api/odata/{version}/$metadata",
            Some(Document::OpenApi) => return "/api/odata/{version}/openapi.json",
            Some(Document::PowerBi(_)) => return "/api/odata/{version}/{set}.pbids",
            Some(Document::Excel(_)) => return "/api/odata/{version}/{set}.odc",
            None => {}
        }
        if self.body.is_some() {
            return "/api/odata/{version}/{set}/$query";
        }
        "/api/odata/{version}/{set}"
    }

    pub fn raw(&self) -> RawRequest<'_> {
        let body =
            self.body.as_ref().map(|bytes| if self.body_is_json { Body::Json(bytes) } else { Body::Text(bytes) });
        RawRequest { path: &self.path, query: &self.query, body }
    }

    /// A next link of a kept query: its id and the token behind it.
    pub fn continued(&self) -> Result<Option<(Guid, String)>, ODataError> {
        let options = parse::request_options(&self.raw())?;
        let token = options.iter().find(|(name, _)| name.trim_start_matches('$').eq_ignore_ascii_case("skiptoken"));
        let parts = token.and_then(|(_, value)| value.split_once('.'));
        Ok(parts.and_then(|(id, token)| Some((Guid(Uuid::try_parse(id).ok()?), token.to_owned()))))
    }

    /// Goes on with a kept query.
    pub fn resume(&mut self, id: Guid, query: String, token: &str) {
        self.body = Some(Bytes::from(query));
        self.body_is_json = false;
        self.query = format!("$skiptoken={token}");
        self.continuation = Some(id.0.as_simple().to_string());
    }

    /// The query's text, where a link that holds it would be too long (contract §3.9).
    pub fn too_long_for_a_link(&self) -> Result<Option<String>, ODataError> {
        if self.body.is_none() || self.continuation.is_some() {
            return Ok(None);
        }
        let text = crate::odata::service::query_string(&self.raw())?;
        Ok((text.len() > LONGEST_LINK).then_some(text))
    }

    pub fn model<'a>(&self, caller: &Caller, fields: &'a [Field]) -> Model<'a> {
        let granted = entities::rights(caller.sees_budgets());
        Model { schema: self.schema, version: self.version, granted, fields }
    }

    /// Which document the address names, if it names one.
    pub fn document(&self) -> Option<Document<'_>> {
        let path = self.path.trim_matches('/');
        if path.is_empty() {
            return Some(Document::Service);
        }
        if path.eq_ignore_ascii_case("$metadata") || path.eq_ignore_ascii_case("%24metadata") {
            return Some(Document::Metadata);
        }
        if path == "openapi.json" {
            return Some(Document::OpenApi);
        }
        match path.rsplit_once('.') {
            Some((name, "pbids")) if !name.contains('/') => Some(Document::PowerBi(name)),
            Some((name, "odc")) if !name.contains('/') => Some(Document::Excel(name)),
            _ => None,
        }
    }

    /// The last segment: what a file is called.
    pub fn file_name(&self) -> &str {
        self.path.trim_matches('/')
    }

    /// A count or a raw value, which is text whatever `Accept` says (OD-5).
    fn is_text(&self) -> bool {
        let last = self.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        ["$count", "%24count", "$value", "%24value"].iter().any(|word| last.eq_ignore_ascii_case(word))
    }

    /// Our own model: pages by configuration, `Accept` in earnest, open types.
    pub fn is_v4(&self) -> bool {
        self.schema.annotated
    }
}

fn looks_like_version(segment: &str) -> bool {
    let mut chars = segment.chars();
    chars.next().is_some_and(|c| c.eq_ignore_ascii_case(&'v')) && chars.next().is_some_and(|c| c.is_ascii_digit())
}

fn check_method(method: &Method, is_query: bool) -> Result<(), Problem> {
    match (is_query, method.as_str()) {
        (false, "GET" | "HEAD") | (true, "POST") => Ok(()),
        (false, _) => Err(Problem::method_not_allowed(super::METHODS)),
        (true, _) => Err(Problem::method_not_allowed("POST, OPTIONS")),
    }
}

/// Whether the body of a `$query` is JSON; 415 for anything but that and plain text (OD-21).
fn json_body(http: &HttpRequest) -> Result<bool, Problem> {
    let kind = negotiate::text(http.headers(), header::CONTENT_TYPE.as_str()).unwrap_or("text/plain");
    match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/json" => Ok(true),
        "text/plain" | "" => Ok(false),
        other => {
            let message = format!("A query in a body is text/plain or application/json, not {other}.");
            Err(ODataError::new(Code::UnsupportedMediaType, message).in_option("Content-Type").into())
        }
    }
}
