//! The provider's keys (AU-52; OpenID Connect Discovery 1.0): fetched when they are first needed, kept, and fetched anew
//! where a token names one that is unknown, at most once a minute.

use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::Header;
use jsonwebtoken::jwk::Jwk;
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    ExtraTokenFields, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    StandardRevocableToken, StandardTokenResponse, TokenResponse as _, TokenUrl,
};
use reqwest::{Response, header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::claims::{self, Claims, IdClaims, Logout, Rejected, Rules};
use super::web::{Begun, Returned};
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

/// What a token endpoint answers beside the access token.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct WithIdToken {
    id_token: Option<String>,
}

impl ExtraTokenFields for WithIdToken {}

type TokenAnswer = StandardTokenResponse<WithIdToken, BasicTokenType>;

type Configured<Authorization, Token> = oauth2::Client<
    BasicErrorResponse,
    TokenAnswer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    Authorization,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    Token,
>;

type BareOAuth = Configured<EndpointNotSet, EndpointNotSet>;
type OAuth = Configured<EndpointSet, EndpointSet>;

/// An OpenID provider.
#[derive(Debug)]
pub struct Provider {
    pub rules: Rules,
    http: outbound::Client,
    known: RwLock<Known>,
    /// Held while keys are fetched. Who needs none of them does not wait; who waits finds what the first one got.
    fetching: Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    keys: Arc<Vec<Jwk>>,
    endpoints: Endpoints,
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
    #[serde(flatten)]
    endpoints: Endpoints,
}

/// Where people sign in and out.
#[derive(Clone, Debug, Default, Deserialize)]
struct Endpoints {
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

/// This server, as the provider knows it.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    pub secret: SecretString,
    pub scopes: Vec<String>,
    /// Where browsers come back.
    pub redirect: String,
}

impl Provider {
    /// Nothing is fetched yet.
    pub fn new(rules: Rules) -> Result<Provider, String> {
        safe(&rules.issuer)?;
        let http = outbound::Client::new()?;
        Ok(Provider { rules, http, known: RwLock::default(), fetching: Mutex::default() })
    }

    /// Who an access token speaks for.
    pub async fn verify(&self, token: &str, now: Instant) -> Result<Claims, Rejected> {
        let (header, key) = self.key(token, now).await?;
        claims::read(token, &header, &key, &self.rules, now)
    }

    /// Where a browser signs in.
    pub async fn sign_in_address(
        &self,
        client: &Client,
        begun: &Begun,
        prompt: bool,
        now: Instant,
    ) -> Result<String, Rejected> {
        let oauth = self.oauth(client, now).await?;
        let verifier = PkceCodeVerifier::new(begun.verifier.clone());
        let state = begun.state.clone();
        let mut request = oauth
            .authorize_url(|| CsrfToken::new(state))
            .add_scopes(client.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .add_extra_param("nonce", begun.nonce.clone());
        if prompt {
            request = request.add_extra_param("prompt", "login").add_extra_param("max_age", "0");
        }
        Ok(request.url().0.to_string())
    }

    /// Who has signed in, by the code that the browser brought.
    pub async fn signed_in(
        &self,
        client: &Client,
        code: &str,
        returned: &Returned,
        now: Instant,
    ) -> Result<IdClaims, Rejected> {
        let oauth = self.oauth(client, now).await?;
        let sent = |request: oauth2::HttpRequest| outbound::exchange(self.http.clone(), request);
        let exchange = oauth
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(returned.verifier.clone()));
        let answer: TokenAnswer = match exchange.request_async(&sent).await {
            Ok(answer) => answer,
            Err(RequestTokenError::Request(error)) => return Err(Rejected::Provider(error.to_string())),
            Err(RequestTokenError::ServerResponse(error)) => return Err(Rejected::Code(error.error().to_string())),
            Err(_) => return Err(Rejected::Provider("its answer is none".to_owned())),
        };
        let token = answer.extra_fields().id_token.as_deref().ok_or(Rejected::Missing("id_token"))?;
        let (header, key) = self.key(token, now).await?;
        let claims = claims::signed(token, &header, &key, &self.rules)?;
        let claims = self.with_user_info(claims, answer.access_token().secret()).await;
        claims::check_id(&claims, &self.rules, &client.id, &returned.nonce, now)
    }

    /// A token's claims with what the provider tells of the person elsewhere (OpenID Connect Core 1.0 §5.3), where the token
    /// lacks it. Without that the person is let in as well, under a name that says less.
    async fn with_user_info(&self, mut claims: Map<String, Value>, access: &str) -> Map<String, Value> {
        let is_named = ["preferred_username", "upn", "email"].iter().any(|name| claims.contains_key(*name));
        let has_roles =
            self.rules.roles.is_empty() || ["groups", "roles"].iter().any(|name| claims.contains_key(*name));
        let Some(address) = self.known().endpoints.userinfo_endpoint.filter(|_| !is_named || !has_roles) else {
            return claims;
        };
        match self.user_info(&address, access).await {
            // An answer about somebody else would be an attack (§5.3.2).
            Ok(told) if told.get("sub") == claims.get("sub") => {
                let wanted = ["name", "preferred_username", "upn", "email", "groups", "roles"];
                for (name, value) in told.into_iter().filter(|(name, _)| wanted.contains(&name.as_str())) {
                    claims.entry(name).or_insert(value);
                }
            }
            Ok(_) => tracing::warn!("the provider tells of another person than of its token's"),
            Err(why) => tracing::warn!(cause = %why, "the provider does not tell a person's name"),
        }
        claims
    }

    async fn user_info(&self, address: &str, access: &str) -> Result<Map<String, Value>, String> {
        let request = self.http.get(safe(address)?).bearer_auth(access);
        let response = request.send().await.map_err(|error| told(error.without_url()))?;
        if !response.status().is_success() {
            return Err(format!("{address} answers {}", response.status()));
        }
        serde_json::from_slice(&outbound::read(response).await?).map_err(told)
    }

    /// Whose sign-in ended at the provider.
    pub async fn signed_out(&self, client: &Client, token: &str, now: Instant) -> Result<Logout, Rejected> {
        let (header, key) = self.key(token, now).await?;
        let claims = claims::signed(token, &header, &key, &self.rules)?;
        claims::check_logout(&claims, &self.rules, &client.id, now)
    }

    /// Where a browser ends its session at the provider, if that can be done; from there it goes to `after`.
    pub async fn sign_out_address(&self, client: &Client, after: &str, now: Instant) -> Option<String> {
        let _ = self.keys(now, |_| true).await;
        let mut url = safe(&self.known().endpoints.end_session_endpoint?).ok()?;
        url.query_pairs_mut().append_pair("client_id", &client.id).append_pair("post_logout_redirect_uri", after);
        Some(url.to_string())
    }

    async fn oauth(&self, client: &Client, now: Instant) -> Result<OAuth, Rejected> {
        self.keys(now, |_| true).await?;
        let endpoints = self.known().endpoints;
        let address = |endpoint: Option<String>, name: &str| {
            let address = endpoint.ok_or_else(|| format!("it has no {name}"))?;
            safe(&address).map(|url| url.to_string())
        };
        let failed = |error: String| Rejected::Provider(error);
        let told = |error: oauth2::url::ParseError| Rejected::Provider(error.to_string());
        let authorization = address(endpoints.authorization_endpoint, "authorization_endpoint").map_err(failed)?;
        let token = address(endpoints.token_endpoint, "token_endpoint").map_err(failed)?;
        // OpenID Connect Discovery 1.0 §3: unless it says otherwise, a provider takes the secret in a header.
        let methods = &endpoints.token_endpoint_auth_methods_supported;
        let in_header = methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic");
        let oauth: BareOAuth = oauth2::Client::new(ClientId::new(client.id.clone()));
        let oauth = oauth
            .set_auth_uri(AuthUrl::new(authorization).map_err(told)?)
            .set_token_uri(TokenUrl::new(token).map_err(told)?)
            .set_redirect_uri(RedirectUrl::new(client.redirect.clone()).map_err(told)?)
            .set_auth_type(if in_header { AuthType::BasicAuth } else { AuthType::RequestBody });
        let secret = client.secret.expose_secret();
        Ok(if secret.is_empty() { oauth } else { oauth.set_client_secret(ClientSecret::new(secret.to_owned())) })
    }

    /// A token's header and its key.
    async fn key(&self, token: &str, now: Instant) -> Result<(Header, Jwk), Rejected> {
        let header = claims::header(token)?;
        // Before anything is fetched for it.
        if !self.rules.algorithms.contains(&header.alg) {
            return Err(Rejected::Algorithm);
        }
        let keys = self.keys(now, |keys| claims::key(&header, keys).is_some()).await?;
        let key = claims::key(&header, &keys).cloned().ok_or(Rejected::UnknownKey)?;
        Ok((header, key))
    }

    /// Where people sign in, as far as it is known.
    pub async fn authorization(&self, now: Instant) -> Option<String> {
        let _ = self.keys(now, |_| true).await;
        self.known().endpoints.authorization_endpoint
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
        Ok(Known { keys: Arc::new(keys.collect()), endpoints: discovery.endpoints, fresh_for, ..Known::default() })
    }

    async fn get(&self, address: &str) -> Result<(Vec<u8>, i64), String> {
        let response = self.http.get(safe(address)?).send().await.map_err(told)?;
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
