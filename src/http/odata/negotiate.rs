//! What a client asks of the form of its answer: `Accept`, `$format`, `OData-MaxVersion` (OD-4 to OD-7, OD-61, OD-71).

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap};

use crate::odata::csdl::Protocol;
use crate::odata::encode::json::Metadata;
use crate::odata::service::Format;
use crate::odata::{Code, ODataError};

/// Media types of files, with the word that `$format` has for them.
const FILES: [(&str, &str, Format); 3] = [
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx", Format::Xlsx),
    ("text/csv", "csv", Format::Csv),
    ("application/x-ndjson", "ndjson", Format::NdJson),
];
const JSON: Format = Format::Json { metadata: Metadata::Minimal, ieee754: false };

/// `OData-MaxVersion` (OD-7).
pub fn protocol(request: &HttpRequest) -> Result<Protocol, ODataError> {
    let Some(value) = text(request.headers(), "odata-maxversion") else { return Ok(Protocol::V4_0) };
    let parts = value.trim().split_once('.').map(|(major, minor)| (major.parse::<u32>(), minor.parse::<u32>()));
    match parts {
        Some((Ok(4), Ok(0))) => Ok(Protocol::V4_0),
        Some((Ok(major), Ok(_))) if major >= 4 => Ok(Protocol::V4_01),
        _ => {
            let message = format!("OData-MaxVersion is 4.0 or 4.01; '{}' is not served.", value.trim());
            Err(ODataError::new(Code::UnsupportedVersion, message).in_option("OData-MaxVersion"))
        }
    }
}

/// The format of data. `$format` beats `Accept`; `lenient` services never answer 406 to an `Accept` (contract §0.9).
pub fn format(request: &HttpRequest, option: Option<&str>, lenient: bool) -> Result<Format, ODataError> {
    if let Some(option) = option {
        return named(option).ok_or_else(|| {
            let message = format!("Data comes as json, xlsx, csv or ndjson, not as '{option}'.");
            ODataError::new(Code::NotAcceptable, message).in_option("$format")
        });
    }
    let ranges = accepted(request.headers());
    let best = ranges
        .iter()
        .filter(|range| range.quality > 0.0)
        .filter_map(|range| Some((range.quality, media(&range.text)?)));
    // The first of the best: a list is written in the order of liking.
    let best = best.fold(None, |best: Option<(f32, Format)>, next| match best {
        Some(best) if best.0 >= next.0 => Some(best),
        _ => Some(next),
    });
    match best {
        Some((_, format)) => Ok(format),
        None if ranges.is_empty() || lenient => Ok(JSON),
        None => {
            let message = "Data comes as application/json, text/csv, application/x-ndjson or an Excel workbook, and \
                           Accept admits none of them.";
            Err(ODataError::new(Code::NotAcceptable, message).in_option("Accept"))
        }
    }
}

/// `$format`: a word or a media type.
fn named(option: &str) -> Option<Format> {
    let word = option.trim();
    if word.eq_ignore_ascii_case("json") {
        return Some(JSON);
    }
    FILES
        .iter()
        .find(|(_, name, _)| name.eq_ignore_ascii_case(word))
        .map(|(_, _, format)| *format)
        .or_else(|| if word.contains('*') { None } else { media(word) })
}

/// A media type with parameters, as we would answer it.
fn media(text: &str) -> Option<Format> {
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next()?.to_ascii_lowercase();
    if let Some((_, _, format)) = FILES.iter().find(|(media, ..)| *media == kind) {
        return Some(*format);
    }
    if !matches!(kind.as_str(), "application/json" | "application/*" | "*/*") {
        return None;
    }
    let (mut metadata, mut ieee754) = (Metadata::Minimal, false);
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        let name = name.trim().to_ascii_lowercase();
        let value = value.trim().trim_matches('"').to_ascii_lowercase();
        match (name.strip_prefix("odata.").unwrap_or(&name), value.as_str()) {
            ("metadata", "full") | ("odata", "fullmetadata") => metadata = Metadata::Full,
            ("metadata", "none") | ("odata", "nometadata") => metadata = Metadata::None,
            ("ieee754compatible", "true") => ieee754 = true,
            _ => {}
        }
    }
    Some(Format::Json { metadata, ieee754 })
}

/// Whether `$metadata` is asked for in JSON: by `$format`, or by an `Accept` without any XML type (OD-4).
pub fn wants_json_metadata(request: &HttpRequest, option: Option<&str>) -> Result<bool, ODataError> {
    if let Some(option) = option {
        let word = option.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        return match word.as_str() {
            "json" | "application/json" => Ok(true),
            "xml" | "application/xml" => Ok(false),
            _ => {
                let message = format!("$metadata comes as xml or json, not as '{option}'.");
                Err(ODataError::new(Code::NotAcceptable, message).in_option("$format"))
            }
        };
    }
    let kinds: Vec<String> = accepted(request.headers())
        .iter()
        .filter(|range| range.quality > 0.0)
        .map(|range| range.text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
        .collect();
    let xml = kinds.iter().any(|kind| kind.contains("xml") || kind.contains('*') || kind.starts_with("text/"));
    Ok(!xml && kinds.iter().any(|kind| kind == "application/json"))
}

struct Range {
    text: String,
    quality: f32,
}

fn accepted(headers: &HeaderMap) -> Vec<Range> {
    headers
        .get_all(header::ACCEPT)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(|text| {
            let quality = text.split(';').find_map(|p| p.trim().strip_prefix("q=")).and_then(|q| q.trim().parse().ok());
            Range { text: text.to_owned(), quality: quality.unwrap_or(1.0) }
        })
        .collect()
}

pub fn text<'r>(headers: &'r HeaderMap, name: &str) -> Option<&'r str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
