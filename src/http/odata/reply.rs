//! What is known of an answer → status, headers and body (OD-6, OD-22, OD-23, OD-73, OD-114).

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::JobError;
use super::conditional;
use super::request::Asked;
use crate::db::First;
use crate::http::Problem;
use crate::http::middleware::TagOfBytes;
use crate::odata::csdl::Protocol;
use crate::odata::encode::json::Metadata;
use crate::odata::plan::Answer;
use crate::odata::service::{Format, Prepared};

const VARY: &str = "Accept, Accept-Encoding, Authorization, OData-MaxVersion, Prefer";

/// The format's word in metrics.
pub fn format_name(format: Format) -> &'static str {
    match format {
        Format::Json { .. } => "json",
        Format::NdJson => "ndjson",
        Format::Csv => "csv",
        Format::Xlsx => "xlsx",
    }
}

fn builder(asked: &Asked, status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header(("OData-Version", asked.protocol.name()));
    response.insert_header((header::VARY, VARY));
    response.insert_header((header::CACHE_CONTROL, "private, no-cache"));
    response
}

/// `$metadata` or the service document: with a strong ETag by content.
pub fn document(asked: &Asked, kind: &str, text: String) -> HttpResponse {
    let tag = conditional::strong(text.as_bytes());
    if let Some(unchanged) = unchanged(asked, &tag) {
        return unchanged;
    }
    let mut response = builder(asked, StatusCode::OK);
    let mut response =
        response.insert_header((header::CONTENT_TYPE, kind)).insert_header((header::ETAG, tag)).body(text);
    response.extensions_mut().insert(TagOfBytes);
    response
}

/// Makes an answer a file to keep; the name is that of a set.
pub fn attach(response: &mut HttpResponse, name: &str) {
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
}

pub fn no_content(asked: &Asked) -> HttpResponse {
    builder(asked, StatusCode::NO_CONTENT).finish()
}

/// Rows: whole with a length, or a stream.
pub fn data(
    asked: &Asked,
    prepared: &Prepared,
    first: First<JobError>,
    planned: Duration,
    answered: Duration,
) -> HttpResponse {
    let mut response = builder(asked, StatusCode::OK);
    response.insert_header((header::CONTENT_TYPE, content_type(asked, prepared)));
    let page = asked.preferences.page.zip(prepared.page_applied).map(|((_, name), size)| format!("{name}={size}"));
    let omitted = asked.preferences.omit.filter(|_| prepared.omits_nulls).map(str::to_owned);
    let applied: Vec<String> = page.into_iter().chain(omitted).collect();
    if !applied.is_empty() {
        response.insert_header(("Preference-Applied", applied.join(", ")));
    }
    if let Some(name) = file_name(prepared) {
        response.insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")));
    }
    let millis = |d: Duration| d.as_secs_f64() * 1_000.0;
    response
        .insert_header(("Server-Timing", format!("plan;dur={:.2}, db;dur={:.2}", millis(planned), millis(answered))));
    match first {
        First::Whole(bytes) => {
            if let Answer::Entity { .. } | Answer::Property { .. } = prepared.plan.answer {
                let tag = conditional::weak(&bytes);
                if let Some(unchanged) = unchanged(asked, &tag) {
                    return unchanged;
                }
                response.insert_header((header::ETAG, tag));
            }
            response.body(bytes)
        }
        First::More(bytes, rest) => {
            let rest = rest.map(|chunk| chunk.map_err(|error| actix_web::Error::from(Problem::from(error))));
            response.streaming(stream::once(async { Ok::<Bytes, actix_web::Error>(bytes) }).chain(rest))
        }
    }
}

fn unchanged(asked: &Asked, tag: &str) -> Option<HttpResponse> {
    let known = asked.known.find(tag)?;
    Some(builder(asked, StatusCode::NOT_MODIFIED).insert_header((header::ETAG, known)).finish())
}

fn content_type(asked: &Asked, prepared: &Prepared) -> String {
    if prepared.is_text() {
        return "text/plain;charset=utf-8".to_owned();
    }
    match prepared.format {
        Format::Json { metadata, ieee754 } => json_type(asked, metadata, ieee754),
        Format::NdJson => "application/x-ndjson;charset=utf-8".to_owned(),
        Format::Csv => "text/csv;charset=utf-8;header=present".to_owned(),
        Format::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet".to_owned(),
    }
}

/// OD-73; v3.x writes blanks behind the semicolons as the contract does (§0.10).
pub fn json_type(asked: &Asked, metadata: Metadata, ieee754: bool) -> String {
    let level = match metadata {
        Metadata::Minimal => "minimal",
        Metadata::Full => "full",
        Metadata::None => "none",
    };
    let prefix = match asked.protocol {
        Protocol::V4_0 => "odata.",
        Protocol::V4_01 => "",
    };
    let mut parts =
        vec!["application/json".to_owned(), format!("{prefix}metadata={level}"), format!("{prefix}streaming=true")];
    if ieee754 {
        parts.push("IEEE754Compatible=true".to_owned());
    }
    parts.push("charset=utf-8".to_owned());
    parts.join(if asked.is_v4() { ";" } else { "; " })
}

fn file_name(prepared: &Prepared) -> Option<String> {
    let extension = match prepared.format {
        Format::Json { .. } => return None,
        Format::NdJson => "ndjson",
        Format::Csv => "csv",
        Format::Xlsx => "xlsx",
    };
    (!prepared.is_text()).then(|| format!("{}.{extension}", prepared.set))
}
