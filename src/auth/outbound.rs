//! Requests that the server itself makes, with secrets in them: over https, to the address that was meant and nowhere else.
//!
//! In: an address, or a request of the `oauth2` crate. Out: its answer, bounded in bytes and time. A redirect is an answer
//! like any other: it is never followed, so that no secret goes where it was not sent (AU-52, AU-65).

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{self, HeaderMap};
use reqwest::{Request, RequestBuilder, Response, Url, redirect};

/// Bytes of an answer.
pub const LARGEST: usize = 256 * 1024;
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unanswered(pub String);

/// TLS that trusts what this machine trusts.
pub fn tls() -> Result<rustls::ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let versions = versions.map_err(|error| error.to_string())?;
    Ok(versions.with_root_certificates(roots()).with_no_client_auth())
}

/// The way out. What is https goes through the proxy that the environment names, which passes TLS on unread; plain http never
/// does: a proxy would read it.
#[derive(Clone, Debug)]
pub struct Client {
    secure: reqwest::Client,
    plain: reqwest::Client,
}

impl Client {
    pub fn new() -> Result<Client, String> {
        let builder = || {
            Ok::<_, String>(
                reqwest::Client::builder()
                    .tls_backend_preconfigured(tls()?)
                    .redirect(redirect::Policy::none())
                    .timeout(TIMEOUT)
                    .user_agent(concat!("timeledger/", env!("CARGO_PKG_VERSION"))),
            )
        };
        let made = |builder: reqwest::ClientBuilder| builder.build().map_err(told);
        Ok(Client { secure: made(builder()?.https_only(true))?, plain: made(builder()?.no_proxy())? })
    }

    fn of(&self, url: &Url) -> &reqwest::Client {
        if url.scheme() == "https" { &self.secure } else { &self.plain }
    }

    pub fn get(&self, url: Url) -> RequestBuilder {
        self.of(&url).get(url)
    }

    pub async fn execute(&self, request: Request) -> Result<Response, reqwest::Error> {
        self.of(request.url()).execute(request).await
    }
}

/// Seconds for which an answer's sender wants to be left alone, given as such or as a date (RFC 9110 §10.2.3).
pub fn retry_after(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = text.parse().ok().or_else(|| {
        let at = jiff::fmt::rfc2822::parse(text).ok()?;
        // By its own clock, where it tells that.
        let now = headers.get(header::DATE).and_then(|date| jiff::fmt::rfc2822::parse(date.to_str().ok()?).ok());
        let now = now.map_or_else(jiff::Timestamp::now, |now| now.timestamp());
        Some((at.timestamp().as_second() - now.as_second()).max(0))
    });
    seconds.filter(|seconds: &i64| *seconds >= 0)
}

/// The certificates that this machine trusts.
fn roots() -> rustls::RootCertStore {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// https, or this machine itself.
pub fn safe(address: &str) -> Result<Url, String> {
    let url = Url::parse(address).map_err(|error| format!("`{address}` is no address: {error}"))?;
    if url.scheme() == "https" || url.scheme() == "http" && is_here(&url) {
        return Ok(url);
    }
    Err(format!("`{address}` is not https"))
}

/// Whether an address is of this machine itself.
pub fn is_here(url: &Url) -> bool {
    matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"))
}

/// The bytes of an answer.
pub async fn read(mut response: Response) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(told)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LARGEST {
            return Err(format!("{} is larger than 256 KiB", response.url()));
        }
    }
    Ok(bytes)
}

/// What the `oauth2` crate wants sent.
pub async fn exchange(client: Client, request: oauth2::HttpRequest) -> Result<oauth2::HttpResponse, Unanswered> {
    safe(&request.uri().to_string()).map_err(Unanswered)?;
    let request = reqwest::Request::try_from(request).map_err(|error| Unanswered(told(error)))?;
    let response = client.execute(request).await.map_err(|error| Unanswered(told(error.without_url())))?;
    let mut answer = oauth2::HttpResponse::default();
    *answer.status_mut() = response.status();
    *answer.headers_mut() = response.headers().clone();
    *answer.body_mut() = read(response).await.map_err(Unanswered)?;
    Ok(answer)
}

/// An error with its causes, which reqwest says in its sources alone.
pub fn told(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_a_credential_may_go_to() {
        for good in ["https://id.example.com", "http://127.0.0.1:8080/x", "http://localhost:1"] {
            assert!(safe(good).is_ok(), "{good}");
        }
        for bad in
            ["http://id.example.com", "ftp://127.0.0.1", "file:///etc/passwd", "x", "http://127.0.0.1.example.com"]
        {
            assert!(safe(bad).is_err(), "{bad}");
        }
    }
}
