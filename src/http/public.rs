//! The address under which a client knows this server (OD-76).
//!
//! Configured, or else as a trusted proxy says, or else as the client itself wrote it. Next links and contexts begin with
//! it; a wrong scheme or port makes a refresh fail at its second page.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{FromRequest, HttpRequest};

use super::App;

/// Scheme, host, port and the path before `/api`, without a slash at the end: `https://time.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(pub String);

impl FromRequest for PublicUrl {
    type Error = Infallible;
    type Future = Ready<Result<PublicUrl, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(PublicUrl(of(request))))
    }
}

pub(super) fn of(request: &HttpRequest) -> String {
    let app = App::of(request);
    let configured = app.config.server.public_url.trim_end_matches('/');
    if !configured.is_empty() {
        return configured.to_owned();
    }
    let trusted = request.peer_addr().is_some_and(|peer| app.trusts(peer.ip()));
    let said = if trusted { Forwarded::of(request.headers()) } else { Forwarded::default() };
    let own = request.app_config();
    let scheme = said.proto.filter(|proto| ["http", "https"].contains(&proto.as_str()));
    let scheme = scheme.unwrap_or_else(|| if own.secure() { "https" } else { "http" }.to_owned());
    let host = said.host.as_deref().or_else(|| text(request.headers(), header::HOST.as_str())).filter(|h| is_host(h));
    // A client that names no usable host gets the address that it reached.
    let host = host.map_or_else(|| own.local_addr().to_string(), str::to_owned);
    let prefix = said.prefix.unwrap_or_default();
    format!("{scheme}://{host}{prefix}")
}

/// The address of the client itself, behind trusted proxies.
pub(super) fn client_address(request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    let app = App::of(request);
    if !app.trusts(peer) {
        return Some(peer);
    }
    // The nearest address that is no trusted proxy: whatever stands before it, the client may have made up.
    let chain = Forwarded::of(request.headers()).chain;
    Some(chain.into_iter().rev().find(|address| !app.trusts(*address)).unwrap_or(peer))
}

/// What a proxy says of the request that it passes on: RFC 7239, or the older `X-Forwarded-*`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Forwarded {
    proto: Option<String>,
    host: Option<String>,
    prefix: Option<String>,
    /// Client first.
    chain: Vec<IpAddr>,
}

impl Forwarded {
    fn of(headers: &HeaderMap) -> Forwarded {
        match text(headers, "forwarded") {
            Some(value) => Forwarded::standard(value),
            None => Forwarded::x_forwarded(headers),
        }
    }

    /// `for=192.0.2.1;proto=https;host=time.example.com, for=…`: the first element is the outermost proxy's.
    fn standard(value: &str) -> Forwarded {
        let mut said = Forwarded::default();
        for (n, element) in value.split(',').enumerate() {
            for pair in element.split(';') {
                let Some((name, value)) = pair.trim().split_once('=') else { continue };
                let value = value.trim_matches('"');
                match name.to_ascii_lowercase().as_str() {
                    "for" => said.chain.extend(node(value)),
                    "proto" if n == 0 => said.proto = Some(value.to_ascii_lowercase()),
                    "host" if n == 0 => said.host = Some(value.to_owned()),
                    _ => {}
                }
            }
        }
        said
    }

    fn x_forwarded(headers: &HeaderMap) -> Forwarded {
        let first = |name| text(headers, name).and_then(|value| value.split(',').next()).map(|v| v.trim().to_owned());
        let mut host = first("x-forwarded-host");
        if let (Some(name), Some(port)) = (&host, first("x-forwarded-port")) {
            let standard = [("http", "80"), ("https", "443")];
            let proto = first("x-forwarded-proto").unwrap_or_default();
            let needless = standard.contains(&(proto.as_str(), port.as_str()));
            if !name.rsplit(']').next().is_some_and(|tail| tail.contains(':'))
                && !needless
                && port.parse::<u16>().is_ok()
            {
                host = Some(format!("{name}:{port}"));
            }
        }
        let prefix = first("x-forwarded-prefix").filter(|p| p.starts_with('/') && p.bytes().all(is_path_byte));
        let chain = text(headers, "x-forwarded-for").map(|value| value.split(',').filter_map(node).collect());
        Forwarded {
            proto: first("x-forwarded-proto").map(|proto| proto.to_ascii_lowercase()),
            host,
            prefix: prefix.map(|prefix| prefix.trim_end_matches('/').to_owned()),
            chain: chain.unwrap_or_default(),
        }
    }
}

/// An address with or without port and brackets.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    text.parse().ok().or_else(|| {
        let without_port = match text.strip_prefix('[') {
            Some(rest) => rest.split(']').next()?,
            None => text.rsplit_once(':')?.0,
        };
        without_port.parse().ok()
    })
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty())
}

/// Whether a host may stand in a link: it comes from outside, and is written into JSON, XML and HTML.
fn is_host(host: &str) -> bool {
    host.len() <= 255 && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
}

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderName;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        pairs.collect()
    }

    #[test]
    fn both_kinds_of_proxies_are_understood() {
        let standard =
            headers(&[("forwarded", r#"for="[2001:db8::1]:99";proto=https;host=time.example.com, for=10.0.0.1"#)]);
        let said = Forwarded::of(&standard);
        assert_eq!((said.proto.as_deref(), said.host.as_deref()), (Some("https"), Some("time.example.com")));
        assert_eq!(said.chain, ["2001:db8::1".parse::<IpAddr>().unwrap(), "10.0.0.1".parse().unwrap()]);

        let older = headers(&[
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "time.example.com"),
            ("x-forwarded-port", "8443"),
            ("x-forwarded-prefix", "/tracking/"),
            ("x-forwarded-for", "203.0.113.9, 10.0.0.1:5000"),
        ]);
        let said = Forwarded::of(&older);
        assert_eq!(said.host.as_deref(), Some("time.example.com:8443"));
        assert_eq!(said.prefix.as_deref(), Some("/tracking"));
        assert_eq!(said.chain.len(), 2);
    }

    #[test]
    fn what_cannot_be_a_host_is_none() {
        assert!(is_host("time.example.com:8443") && is_host("[::1]:80"));
        assert!(!is_host("a\"b") && !is_host("a/b") && !is_host("a<b"));
    }
}
