//! The provider's keys (AU-52; OpenID Connect Discovery 1.0): fetched when they are first needed, kept, and fetched anew
//! where a token names one that is unknown, at most once a minute.

use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::jwk::Jwk;
use reqwest::{Client, Response, header};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::claims::{self, Claims, Rejected, Rules};
use crate::auth::outbound::{self, safe, told};
use crate::sql::Instant;

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
        let client = outbound::client()?;
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
        let response = self.client.get(safe(address)?).send().await.map_err(told)?;
        if !response.status().is_success() {
            return Err(format!("{address} answers {}", response.status()));
        }
        let fresh_for = fresh_for(&response);
        Ok((outbound::read(response).await?, fresh_for))
    }
}

fn fresh_for(response: &Response) -> i64 {
    let control =
        response.headers().get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let age = control.split(',').find_map(|part| part.trim().strip_prefix("max-age=")?.parse::<i64>().ok());
    age.map_or(FRESH, |age| age.saturating_mul(SECOND).clamp(FRESH_WITHIN.0, FRESH_WITHIN.1))
}
