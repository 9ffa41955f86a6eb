//! Entra ID: where people sign in, and where codes and refresh tokens become pairs of tokens (RFC 6749, 7636).
//!
//! In: a code with its verifier, or a refresh token. Out: a [`Pair`], or a [`Trouble`] that says whether it may pass. What
//! the provider writes in prose goes no further: its code alone is told.

use oauth2::basic::{BasicClient, BasicErrorResponse, BasicTokenResponse};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope,
    TokenResponse, TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};

use super::SECOND;
use super::credentials::Pair;
use crate::auth::outbound::{self, Client, safe};
use crate::sql::Instant;

/// Azure DevOps, as Entra ID knows it, and what brings a refresh token.
const SCOPES: [&str; 2] = ["499b84ac-1321-427f-aa17-267ca6975798/.default", "offline_access"];
/// Where browsers come back to, below the address of this server.
pub const CALLBACK: &str = "/connect/callback";
/// Of an access token, where the provider does not say.
const LIFETIME: i64 = 3_600;
/// Bytes of a state.
const STATE: u32 = 32;

type Registered = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// Why there is no pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The grant is gone: somebody has to sign in again.
    Gone(String),
    /// The provider does not take this site's registration; nothing is wrong with the grant.
    Registration(String),
    /// It may pass; with the seconds for which the provider wants to be left alone.
    Passing { why: String, rest: Option<i64> },
}

/// An answer that is none.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{why}")]
struct Unanswered {
    why: String,
    rest: Option<i64>,
}

/// A registered application.
#[derive(Clone, Debug)]
pub struct Entra {
    client: Registered,
    has_callback: bool,
}

/// What is configured.
#[derive(Clone, Debug)]
pub struct Registration {
    pub client_id: String,
    pub client_secret: SecretString,
    /// Such as `https://login.microsoftonline.com/organizations`.
    pub authority: String,
    /// The address of this server; browsers come back to nothing else.
    pub public_url: String,
}

/// A browser on its way to the provider.
#[derive(Debug)]
pub struct Departure {
    pub url: String,
    pub state: SecretString,
    pub verifier: SecretString,
}

impl Entra {
    pub fn new(registration: &Registration) -> Result<Entra, String> {
        let authority = registration.authority.trim_end_matches('/');
        safe(authority)?;
        let below = |path: &str| format!("{authority}/oauth2/v2.0/{path}");
        let wrong = |error: oauth2::url::ParseError| error.to_string();
        let callback = format!("{}{CALLBACK}", registration.public_url.trim_end_matches('/'));
        let mut client = BasicClient::new(ClientId::new(registration.client_id.clone()))
            .set_auth_uri(AuthUrl::new(below("authorize")).map_err(wrong)?)
            .set_token_uri(TokenUrl::new(below("token")).map_err(wrong)?)
            .set_auth_type(AuthType::RequestBody);
        let has_callback = !registration.public_url.is_empty();
        if has_callback {
            client = client.set_redirect_uri(RedirectUrl::new(callback).map_err(wrong)?);
        }
        let secret = registration.client_secret.expose_secret();
        if !secret.is_empty() {
            client = client.set_client_secret(ClientSecret::new(secret.to_owned()));
        }
        Ok(Entra { client, has_callback })
    }

    /// Where a person signs in; nothing where this server does not know its own address.
    pub fn depart(&self) -> Option<Departure> {
        if !self.has_callback {
            return None;
        }
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let scopes = SCOPES.map(|scope| Scope::new(scope.to_owned()));
        let (url, state) = self
            .client
            .authorize_url(|| CsrfToken::new_random_len(STATE))
            .add_scopes(scopes)
            .set_pkce_challenge(challenge)
            // Else a browser may come straight back as whoever is signed in there.
            .add_extra_param("prompt", "select_account")
            .url();
        Some(Departure {
            url: url.to_string(),
            state: SecretString::from(state.into_secret()),
            verifier: SecretString::from(verifier.into_secret()),
        })
    }

    /// The pair of a code.
    pub async fn arrive(
        &self,
        http: &Client,
        (code, verifier): (&SecretString, &SecretString),
        now: Instant,
    ) -> Result<Pair, Trouble> {
        let asked = |request: HttpRequest| asked(http.clone(), request);
        let response = self
            .client
            .exchange_code(AuthorizationCode::new(code.expose_secret().to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose_secret().to_owned()))
            .request_async(&asked)
            .await;
        let response = response.map_err(|error| trouble(&error))?;
        let refresh = response.refresh_token().map(|token| SecretString::from(token.secret().clone()));
        let none = || Trouble::Gone("the provider gave no refresh token; offline_access is not granted".to_owned());
        Ok(pair(&response, refresh.ok_or_else(none)?, now))
    }

    /// The successor of a pair. A provider that gives no new refresh token keeps the old one good.
    pub async fn renew(&self, http: &Client, old: &Pair, now: Instant) -> Result<Pair, Trouble> {
        let asked = |request: HttpRequest| asked(http.clone(), request);
        let token = RefreshToken::new(old.refresh.expose_secret().to_owned());
        let scopes = SCOPES.map(|scope| Scope::new(scope.to_owned()));
        let request = self.client.exchange_refresh_token(&token).add_scopes(scopes);
        let response = request.request_async(&asked).await.map_err(|error| trouble(&error))?;
        let refresh = response.refresh_token().map(|token| SecretString::from(token.secret().clone()));
        Ok(pair(&response, refresh.unwrap_or_else(|| old.refresh.clone()), now))
    }
}

fn pair(response: &BasicTokenResponse, refresh: SecretString, now: Instant) -> Pair {
    let seconds = response.expires_in().map_or(LIFETIME, |time| i64::try_from(time.as_secs()).unwrap_or(LIFETIME));
    let access = SecretString::from(response.access_token().secret().clone());
    Pair { access, refresh, until: Instant(now.0.saturating_add(seconds.saturating_mul(SECOND))) }
}

/// One request; statuses that say nothing of the grant are told apart before anybody reads the body.
async fn asked(http: Client, request: HttpRequest) -> Result<HttpResponse, Unanswered> {
    let answer = outbound::exchange(http, request).await;
    let answer = answer.map_err(|error| Unanswered { why: format!("the provider: {error}"), rest: None })?;
    let status = answer.status();
    if status.is_server_error() || status.as_u16() == 429 {
        let rest = outbound::retry_after(answer.headers());
        return Err(Unanswered { why: format!("the provider answers {}", status.as_u16()), rest });
    }
    Ok(answer)
}

fn trouble(error: &RequestTokenError<Unanswered, BasicErrorResponse>) -> Trouble {
    let passing = |why: &str| Trouble::Passing { why: why.to_owned(), rest: None };
    match error {
        RequestTokenError::Request(Unanswered { why, rest }) => Trouble::Passing { why: why.clone(), rest: *rest },
        RequestTokenError::ServerResponse(response) => {
            let code = response.error().as_ref();
            let is_code = code.len() <= 40 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            let code = if is_code { code } else { "an error" };
            match code {
                "invalid_grant" | "interaction_required" | "consent_required" | "login_required" => {
                    Trouble::Gone(format!("Entra ID says {code}: somebody must sign in there again"))
                }
                "invalid_client" | "unauthorized_client" => Trouble::Registration(format!(
                    "Entra ID says {code}: it does not take the registration in azure_devops.client_id, or its secret has ended"
                )),
                _ => passing(&format!("Entra ID says {code}; look at the registration in azure_devops.client_id")),
            }
        }
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            passing("the provider answers something that is no token")
        }
    }
}
