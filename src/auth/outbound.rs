//! Requests that the server itself makes, with secrets in them: over https, to the address that was meant and nowhere else.
//!
//! In: an address, or a request of the `oauth2` crate. Out: its answer, bounded in bytes and time. A redirect is an answer
//! like any other: it is never followed, so that no secret goes where it was not sent (AU-52, AU-65).

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Response, Url, redirect};

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

/// A client that speaks it.
pub fn client() -> Result<Client, String> {
    Client::builder()
        .tls_backend_preconfigured(tls()?)
        .redirect(redirect::Policy::none())
        .timeout(TIMEOUT)
        .user_agent(concat!("timeledger/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| error.to_string())
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
    let is_here = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    if url.scheme() == "https" || url.scheme() == "http" && is_here {
        return Ok(url);
    }
    Err(format!("`{address}` is not https"))
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
