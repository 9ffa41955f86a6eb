//! The provider's keys (AU-52; OpenID Connect Discovery 1.0): fetched when they are first needed, kept, and fetched anew
//! where a token names one that is unknown, at most once a minute.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::jwk::Jwk;
use reqwest::{Client, Response, Url, header, redirect};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::claims::{self, Claims, Rejected, Rules};
use crate::sql::Instant;

/// Bytes of a document.
const LARGEST: usize = 256 * 1024;
const TIMEOUT: Duration = Duration::from_secs(5);
const SECOND: i64 = 1_000_000;
/// For how long keys are good: unless the answer says otherwise, and within these.
const FRESH: i64 = 3_600 * SECOND;
const FRESH_WITHIN: (i64, i64) = (300 * SECOND, 86_400 * SECOND);
/// For how long they serve while the provider is down.
const OLD: i64 = 86_400 * SECOND;
/// Between two fetches.
const PAUSE: i64 = 60 * SECOND;

/// An OpenID provider.
#[derive(Debug)]
pub struct Provider {
    pub rules: Rules,
    client: Client,
    known: RwLock<Known>,
    /// Held while keys are fetched. Who needs none of them does not wait; who waits finds what the first one got.
    fetching: Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    keys: Arc<Vec<Jwk>>,
    authorization: Option<String>,
    fetched_at: Option<Instant>,
    fresh_for: i64,
    tried_at: Option<Instant>,
    failure: Option<String>,
}

impl Known {
    fn age(&self, now: Instant) -> i64 {
        self.fetched_at.map_or(i64::MAX, |at| now.0 - at.0)
    }

    fn is_fresh(&self, now: Instant) -> bool {
        self.age(now) < self.fresh_for
    }

    /// Whether they may still be used, for want of newer ones.
    fn serves(&self, now: Instant) -> bool {
        self.age(now) < OLD
    }

    fn has_rested(&self, now: Instant) -> bool {
        self.tried_at.is_none_or(|at| now.0 - at.0 >= PAUSE)
    }
}

#[derive(Debug, Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
    authorization_endpoint: Option<String>,
}

impl Provider {
    /// Nothing is fetched yet.
    pub fn new(rules: Rules) -> Result<Provider, String> {
        safe(&rules.issuer)?;
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots()?)
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            .timeout(TIMEOUT)
            .user_agent(concat!("timeledger/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Provider { rules, client, known: RwLock::default(), fetching: Mutex::default() })
    }

    /// Who a token speaks for.
    pub async fn verify(&self, token: &str, now: Instant) -> Result<Claims, Rejected> {
        let header = claims::header(token)?;
        // Before anything is fetched for it.
        if !self.rules.algorithms.contains(&header.alg) {
            return Err(Rejected::Algorithm);
        }
        let keys = self.keys(now, |keys| claims::key(&header, keys).is_some()).await?;
        let key = claims::key(&header, &keys).ok_or(Rejected::UnknownKey)?;
        claims::read(token, &header, key, &self.rules, now)
    }

    /// Where people sign in, as far as it is known.
    pub async fn authorization(&self, now: Instant) -> Option<String> {
        let _ = self.keys(now, |_| true).await;
        self.known().authorization
    }

    /// How many keys the provider has that would do here; why there are none.
    pub async fn reach(&self) -> Result<usize, String> {
        let keys = self.fetch().await?.keys;
        let usable = |key: &&Jwk| self.rules.algorithms.iter().any(|algorithm| claims::fits(key, *algorithm));
        match keys.iter().filter(usable).count() {
            0 => Err("it has no key for any of oidc.algorithms".to_owned()),
            count => Ok(count),
        }
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keys that will do, or the newest that there are.
    async fn keys(&self, now: Instant, will_do: impl Fn(&[Jwk]) -> bool) -> Result<Arc<Vec<Jwk>>, Rejected> {
        let known = self.known();
        let does = known.serves(now) && will_do(&known.keys);
        if does && known.is_fresh(now) {
            return Ok(known.keys);
        }
        // Old keys that do are renewed by whoever comes first, beside the others.
        let turn = if does { self.fetching.try_lock().ok() } else { Some(self.fetching.lock().await) };
        let mut known = self.known();
        let is_due = !(known.is_fresh(now) && will_do(&known.keys)) && known.has_rested(now);
        if turn.is_some() && is_due {
            match self.fetch().await {
                Ok(fetched) => known = Known { fetched_at: Some(now), ..fetched },
                Err(why) => {
                    tracing::warn!(cause = %why, issuer = %self.rules.issuer, "the provider's keys cannot be had");
                    known.failure = Some(why);
                }
            }
            known.tried_at = Some(now);
            *self.known.write().unwrap_or_else(PoisonError::into_inner) = known.clone();
        }
        if known.serves(now) { Ok(known.keys) } else { Err(Rejected::Provider(known.failure.unwrap_or_default())) }
    }

    async fn fetch(&self) -> Result<Known, String> {
        let address = format!("{}/.well-known/openid-configuration", self.rules.issuer.trim_end_matches('/'));
        let discovery: Discovery = serde_json::from_slice(&self.get(&address).await?.0).map_err(told)?;
        if discovery.issuer != self.rules.issuer {
            return Err(format!("it calls itself {}", discovery.issuer));
        }
        let (keys, fresh_for) = self.get(&discovery.jwks_uri).await?;
        let keys: serde_json::Value = serde_json::from_slice(&keys).map_err(told)?;
        // A key of a kind that is not known here is no reason to go without the others.
        let keys = keys["keys"].as_array().into_iter().flatten();
        let keys = keys.filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok());
        Ok(Known {
            keys: Arc::new(keys.collect()),
            authorization: discovery.authorization_endpoint,
            fresh_for,
            ..Known::default()
        })
    }

    async fn get(&self, address: &str) -> Result<(Vec<u8>, i64), String> {
        let mut response = self.client.get(safe(address)?).send().await.map_err(told)?;
        if !response.status().is_success() {
            return Err(format!("{address} answers {}", response.status()));
        }
        let fresh_for = fresh_for(&response);
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(told)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LARGEST {
                return Err(format!("{address} is larger than 256 KiB"));
            }
        }
        Ok((bytes, fresh_for))
    }
}

fn told(error: impl std::error::Error) -> String {
    // reqwest says the cause in its sources alone.
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// https, or this machine itself.
fn safe(address: &str) -> Result<Url, String> {
    let url = Url::parse(address).map_err(|error| format!("`{address}` is no address: {error}"))?;
    let is_here = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    if url.scheme() == "https" || url.scheme() == "http" && is_here {
        return Ok(url);
    }
    Err(format!("`{address}` is not https"))
}

fn fresh_for(response: &Response) -> i64 {
    let control =
        response.headers().get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let age = control.split(',').find_map(|part| part.trim().strip_prefix("max-age=")?.parse::<i64>().ok());
    age.map_or(FRESH, |age| age.saturating_mul(SECOND).clamp(FRESH_WITHIN.0, FRESH_WITHIN.1))
}

/// The certificates that this machine trusts.
fn roots() -> Result<rustls::RootCertStore, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Ok(roots)
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
