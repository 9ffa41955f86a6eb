//! Conditional reads (RFC 9110 §13.1.2, OD-22): an answer's tag, and the tags that a client has already.

use actix_web::HttpRequest;
use actix_web::http::{Method, header};
use sha2::{Digest, Sha256};

use crate::http::middleware::ENCODING_MARK;

/// The tag of these very bytes. The compression makes others of them, and the tag then says so: see [`ENCODING_MARK`].
pub fn strong(bytes: &[u8]) -> String {
    format!("\"{}\"", digest(bytes))
}

/// The tag of a state that these bytes show.
pub fn weak(bytes: &[u8]) -> String {
    format!("W/\"{}\"", digest(bytes))
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(16).map(|b| format!("{b:02x}")).collect()
}

/// `If-None-Match` of a GET or HEAD; other methods are not answered with a 304.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct KnownTags {
    /// `*`: any at all.
    any: bool,
    /// What stands between the quotes: whether a tag is weak does not count here.
    opaque: Vec<String>,
}

impl KnownTags {
    pub fn of(request: &HttpRequest) -> KnownTags {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return KnownTags::default();
        }
        let lines = request.headers().get_all(header::IF_NONE_MATCH);
        let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
        KnownTags::read(&lines.join(","))
    }

    fn read(list: &str) -> KnownTags {
        let mut known = KnownTags { any: list.trim() == "*", opaque: Vec::new() };
        let mut rest = list;
        while let Some((tag, after)) = rest.split_once('"').and_then(|(_, tag)| tag.split_once('"')) {
            known.opaque.push(tag.to_owned());
            rest = after;
        }
        known
    }

    /// The tag of an answer that the client has: as it knows it, for it may have got it compressed.
    pub fn find(&self, tag: &str) -> Option<String> {
        if self.any {
            return Some(tag.to_owned());
        }
        let opaque = tag.trim_start_matches("W/").trim_matches('"');
        let same = |known: &&String| known.split(ENCODING_MARK).next() == Some(opaque);
        let known = self.opaque.iter().find(same)?;
        Some(if tag.starts_with("W/") { tag.to_owned() } else { format!("\"{known}\"") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(list: &str, tag: &str, expected: Option<&str>) {
        assert_eq!(KnownTags::read(list).find(tag).as_deref(), expected, "{list} {tag}");
    }

    #[test]
    fn rfc_9110_13_1_2_if_none_match() {
        check("\"a1\"", "\"a1\"", Some("\"a1\""));
        check("W/\"a1\"", "\"a1\"", Some("\"a1\""));
        check("\"a1\"", "W/\"a1\"", Some("W/\"a1\""));
        check("\"x\", W/\"y,z\" ,\"a1\"", "W/\"a1\"", Some("W/\"a1\""));
        check(" * ", "W/\"a1\"", Some("W/\"a1\""));
        check("\"a1-gzip\"", "\"a1\"", Some("\"a1-gzip\""));
        check("\"*\"", "\"a1\"", None);
        check("*,\"x\"", "\"a1\"", None);
        check("", "\"a1\"", None);
        check("a1", "\"a1\"", None);
        check("\"a1", "\"a1\"", None);
        check("\"a\",\"1\"", "\"a1\"", None);
        check("\"A1\"", "\"a1\"", None);
    }
}
