//! The one way by which a credential leaves (AU-65): to its connection's scheme, host and port, never along a redirect.
//!
//! In: a connection, whose credential, a request. Out: the answer, after what it says of the credential was noted: that it
//! works, that it is refused (AU-63), that the other end wants to be left alone for a while (AU-62). Azure DevOps answers a
//! token that it does not take in several ways; all of them are judged here, in [`judged`].

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::connections::{self, Connection, Product};
use super::credentials::{self, Credential, Secret, Waits};
use super::{Kind, Outgoing, OutgoingError, SECOND, State, Whose, handshake, told};
use crate::auth::outbound;
use crate::auth::vault::VaultError;
use crate::db::{DbError, Hold};
use crate::sql::Instant;

/// Bytes of an answer.
pub(super) const LARGEST: usize = 16 * 1024 * 1024;
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);
/// A token that ends within so much is renewed before it is shown.
const SPARE: i64 = 300 * SECOND;

/// What is asked of a connection.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    /// Below the connection's address, `_apis/projects?api-version=7.1`, or a whole address such as a next link.
    pub target: String,
    pub content_type: Option<&'static str>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn get(target: &str) -> Request {
        Request { method: Method::GET, target: target.to_owned(), content_type: None, body: Vec::new() }
    }

    pub fn with_body(method: Method, target: &str, content_type: &'static str, body: Vec<u8>) -> Request {
        Request { method, target: target.to_owned(), content_type: Some(content_type), body }
    }

    /// The address, if it is one of the connection's.
    fn address(&self, connection: &Connection) -> Result<Url, OutgoingError> {
        let elsewhere = || OutgoingError::Elsewhere(self.target.chars().take(200).collect());
        // The rules may have become stricter since the connection was made.
        let base = connections::address(&connection.base_url, connection.allow_http).map_err(|_| elsewhere())?;
        let is_whole = self.target.contains("://");
        let below = format!("{}/{}", connection.base_url, self.target.trim_start_matches('/'));
        let url = Url::parse(if is_whole { &self.target } else { &below }).map_err(|_| elsewhere())?;
        let is_bare = url.username().is_empty() && url.password().is_none();
        if url.origin() == base.origin() && is_bare { Ok(url) } else { Err(elsewhere()) }
    }
}

/// An answer, whole.
#[derive(Clone)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response").field("status", &self.status).field("bytes", &self.body.len()).finish()
    }
}

impl Response {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Seconds for which the other end wants to be left alone.
    fn rest(&self) -> Option<i64> {
        self.header(header::RETRY_AFTER).trim().parse().ok().filter(|seconds| *seconds >= 0)
    }
}

/// An answer that did not come.
#[derive(Clone, Debug)]
pub(super) enum Silence {
    /// It may come another time.
    Passing(String),
    /// The other end does not take credentials of this kind.
    Refused(String),
}

/// Whom Azure DevOps takes the credential for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub name: String,
    pub account: Option<String>,
}

/// Whether a refused credential is tried all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Insist {
    Yes,
    No,
}

impl Outgoing {
    /// Sends a request with a credential and gives the answer, whatever its status, unless it refuses the credential.
    pub async fn send(&self, connection: i32, whose: Whose, request: &Request) -> Result<Response, OutgoingError> {
        self.try_with(connection, whose, request, Insist::No).await
    }

    /// Asks Azure DevOps who this is, even with a credential that was refused before: it may have been mended there.
    pub async fn test(&self, connection: i32, whose: Whose) -> Result<Identity, OutgoingError> {
        let request = Request::get("_apis/connectionData?api-version=7.1-preview");
        let response = self.try_with(connection, whose, &request, Insist::Yes).await?;
        let read: Option<ConnectionData> = serde_json::from_slice(&response.body).ok();
        let user = read.filter(|_| response.status == 200).and_then(|data| data.authenticated_user);
        let user = user.ok_or_else(|| OutgoingError::Later {
            why: format!("the address answers {}, but not as Azure DevOps does; look at baseUrl", response.status),
            until: None,
        })?;
        let account = user.properties.and_then(|properties| properties.account).map(|account| account.value);
        Ok(Identity { name: user.name.unwrap_or_default(), account })
    }

    async fn try_with(
        &self,
        connection: i32,
        whose: Whose,
        request: &Request,
        insist: Insist,
    ) -> Result<Response, OutgoingError> {
        let found = self.0.db.read(move |conn| {
            let connection = connections::by_id(conn, connection)?;
            let Some(connection) = connection else { return Ok::<_, DbError>(None) };
            Ok(credentials::find(conn, connection.id, whose)?.map(|row| (connection, row)))
        });
        let (connection, row) = found.await?.ok_or(OutgoingError::Missing)?;
        let url = request.address(&connection)?;
        self.check(&row, insist).await?;
        let (row, secret) = self.fresh(row).await?;
        let answer = self.show(&secret, row.account.as_deref(), &url, request).await;
        let was_refused = matches!(&answer, Ok(response) if response.status == 401);
        if row.kind() != Some(Kind::OAuth) || !was_refused {
            return self.judged(&connection, &row, answer).await;
        }
        let row = self.renewed(&row).await?;
        let secret = self.opened(&row).await?;
        let answer = self.show(&secret, row.account.as_deref(), &url, request).await;
        self.judged(&connection, &row, answer).await
    }

    /// Whether anything may be sent at this moment.
    async fn check(&self, row: &Credential, insist: Insist) -> Result<(), OutgoingError> {
        let now = self.now();
        if row.state(now) == State::Red && !row.is_refused() {
            return self.fail(row, told::EXPIRED).await;
        }
        if insist == Insist::Yes {
            return Ok(());
        }
        let why = row.reason.clone().unwrap_or_default();
        match row.send_after.filter(|after| now < *after) {
            _ if row.is_refused() => Err(OutgoingError::Red(why)),
            Some(after) => Err(OutgoingError::Later { why, until: Some(after) }),
            None => Ok(()),
        }
    }

    async fn opened(&self, row: &Credential) -> Result<Secret, OutgoingError> {
        match row.open(&self.0.vault) {
            Ok(secret) => Ok(secret),
            // Nothing is wrong with the credential where the whole site has lost its keys.
            Err(error) if self.0.vault.is_empty() => Err(no_key(error)),
            Err(error) => self.fail(row, &format!("the kept secret does not open: {error}")).await,
        }
    }

    /// The secret, and of a pair one that lasts for a while.
    async fn fresh(&self, row: Credential) -> Result<(Credential, Secret), OutgoingError> {
        let secret = self.opened(&row).await?;
        let Secret::OAuth(pair) = &secret else { return Ok((row, secret)) };
        let left = pair.until.0 - self.now().0;
        if left >= SPARE {
            return Ok((row, secret));
        }
        match self.renewed(&row).await {
            Ok(row) => {
                let secret = self.opened(&row).await?;
                Ok((row, secret))
            }
            // The old one is good for minutes yet.
            Err(OutgoingError::Later { .. }) if left > 0 => Ok((row, secret)),
            Err(error) => Err(error),
        }
    }

    /// Sends a request with a secret.
    async fn show(
        &self,
        secret: &Secret,
        account: Option<&str>,
        url: &Url,
        request: &Request,
    ) -> Result<Response, Silence> {
        let authorization = match secret {
            Secret::Pat(token) => bearing("Basic ", &STANDARD.encode(format!(":{}", token.expose_secret()))),
            Secret::OAuth(pair) => bearing("Bearer ", pair.access.expose_secret()),
            Secret::Ntlm(password) => return self.shake_hands(password, account, url, request).await,
        };
        let authorization =
            authorization.ok_or_else(|| Silence::Refused("the secret holds what no header takes".to_owned()))?;
        let mut sent = reqwest::Request::new(request.method.clone(), url.clone());
        *sent.timeout_mut() = Some(TIMEOUT);
        sent.headers_mut().insert(header::AUTHORIZATION, authorization);
        sent.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(kind) = request.content_type {
            sent.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            *sent.body_mut() = Some(request.body.clone().into());
        }
        let passing = |error: reqwest::Error| Silence::Passing(outbound::told(error.without_url()));
        let mut answer = self.0.client.execute(sent).await.map_err(passing)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(passing)? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST {
                return Err(Silence::Passing("its answer is larger than 16 MiB".to_owned()));
            }
        }
        Ok(Response { status: answer.status().as_u16(), headers: answer.headers().clone(), body })
    }

    async fn shake_hands(
        &self,
        password: &SecretString,
        account: Option<&str>,
        url: &Url,
        request: &Request,
    ) -> Result<Response, Silence> {
        let who = handshake::Account::new(account.unwrap_or_default(), password);
        let walk = handshake::ask(self.0.tls.clone(), url, request, &who, self.now());
        match tokio::time::timeout(TIMEOUT, walk).await {
            Ok(answer) => answer,
            Err(_) => Err(Silence::Passing("it did not answer within 30 seconds".to_owned())),
        }
    }

    /// What an answer says of the credential that was shown.
    async fn judged(
        &self,
        connection: &Connection,
        row: &Credential,
        answer: Result<Response, Silence>,
    ) -> Result<Response, OutgoingError> {
        let response = match answer {
            Ok(response) => response,
            Err(Silence::Refused(why)) => return self.fail(row, &why).await,
            Err(Silence::Passing(why)) => {
                let why = format!("Azure DevOps cannot be reached: {why}");
                let until = self.postponed(row, Waits::Sending, &why, None).await?;
                return Err(OutgoingError::Later { why, until: Some(until) });
            }
        };
        if let Some(why) = refusal(connection, row, &response) {
            return self.fail(row, why).await;
        }
        if (300..400).contains(&response.status) && response.status != 304 {
            return Err(OutgoingError::Moved(place(response.header(header::LOCATION))));
        }
        if matches!(response.status, 429 | 502..=504) || response.rest().is_some() {
            let why = format!("Azure DevOps answers {} and wants to be left alone", response.status);
            self.postponed(row, Waits::Sending, &why, response.rest()).await?;
            return Ok(response);
        }
        let now = self.now();
        if response.status < 500 && credentials::is_news(row, now) {
            let row = row.clone();
            let noted = self.0.db.write(move |tx| {
                tx.hold(Hold::Shared)?;
                credentials::worked(tx, &row, now)
            });
            noted.await.map_err(OutgoingError::Database)?;
        }
        Ok(response)
    }
}

fn no_key(error: VaultError) -> OutgoingError {
    match error {
        VaultError::UnknownKey(_) => OutgoingError::Vault(VaultError::NoKey),
        error => OutgoingError::Vault(error),
    }
}

fn bearing(scheme: &str, text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("{scheme}{text}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Why an answer refuses the credential; nothing where it does not. A server that refuses a password is not asked again:
/// the domain would lock the account.
fn refusal(connection: &Connection, row: &Credential, response: &Response) -> Option<&'static str> {
    let kind = row.kind();
    if response.status == 401 {
        let offers_basic = response.headers.get_all(header::WWW_AUTHENTICATE).iter().any(|line| {
            let line = line.to_str().unwrap_or_default();
            line.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("basic "))
        });
        let may_be_iis = kind == Some(Kind::Pat) && offers_basic && connection.product() == Product::Server;
        return Some(match kind {
            _ if may_be_iis && row.worked_at.is_some() => IIS_BASIC,
            _ if may_be_iis => MAYBE_IIS_BASIC,
            Some(Kind::Pat) => {
                "the personal access token is refused: it was revoked, has expired, or is of another organization"
            }
            Some(Kind::Ntlm) => "the account or its password is refused",
            _ => "a fresh token of Entra ID is refused: the account has no access to this organization",
        });
    }
    let to = response.header(header::LOCATION);
    let is_sign_in = (300..400).contains(&response.status)
        && ["/_signin", "login.microsoftonline.com", "login.live.com"].iter().any(|part| to.contains(part));
    (response.status == 203 || is_sign_in)
        .then_some("Azure DevOps answers with its sign-in page: the credential was revoked, or has expired")
}

const IIS_BASIC: &str = "the server has IIS Basic authentication switched on, and takes no personal access token while it has; \
                         switch it off in IIS";
const MAYBE_IIS_BASIC: &str = "the personal access token is refused. If the server has IIS Basic authentication switched on, it \
                               takes no personal access token while it has";

/// Of an address only its server: the rest may hold what is not for logs.
fn place(location: &str) -> String {
    let url = Url::parse(location).ok();
    url.and_then(|url| Some(url.host_str()?.to_owned())).unwrap_or_else(|| "another path".to_owned())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConnectionData {
    authenticated_user: Option<User>,
}

#[derive(Deserialize)]
struct User {
    #[serde(rename = "providerDisplayName")]
    name: Option<String>,
    properties: Option<Properties>,
}

#[derive(Deserialize)]
struct Properties {
    #[serde(rename = "Account")]
    account: Option<Text>,
}

#[derive(Deserialize)]
struct Text {
    #[serde(rename = "$value")]
    value: String,
}

/// When a test may be tried again, for whoever shows it.
pub fn waits_until(error: &OutgoingError) -> Option<Instant> {
    match error {
        OutgoingError::Later { until, .. } => *until,
        _ => None,
    }
}
