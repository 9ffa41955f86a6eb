//! The one way by which a credential leaves (AU-65): to its connection's scheme, host and port, never along a redirect.
//!
//! In: a connection, whose credential, a request. Out: the answer, after what it says of the credential was noted: that it
//! works, that it is refused (AU-63), that the other end wants to be left alone for a while (AU-62). Azure DevOps answers a
//! token that it does not take in several ways; all of them are known here, in [`refusal`].

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::connections::{self, Connection, Product};
use super::credentials::{self, Credential, Secret, Waits};
use super::{Kind, Outgoing, OutgoingError, SECOND, Whose, handshake, told};
use crate::auth::outbound;
use crate::auth::throttle::{self, Attempt, Gate, Limits};
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
        let scheme = self.target.split_once("://").map(|(scheme, _)| scheme);
        let is_whole = scheme.is_some_and(|scheme| !scheme.contains(['/', '?', '#']));
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

    /// Whether it is what was asked for, and no page that somebody on the way has put in its place.
    fn is_success(&self) -> bool {
        (200..300).contains(&self.status) && !self.header(header::CONTENT_TYPE).starts_with("text/html")
    }

    /// Whether the other end has trouble, or has had enough.
    fn is_busy(&self) -> bool {
        self.status == 429 || self.status >= 500
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
        let (row, response) = self.try_with(connection, whose, request, Insist::No).await?;
        if response.is_success() {
            // One that wanted a key has it here: that is as good as a proof.
            self.worked(&row, row.wants_a_key().then_some("")).await?;
        }
        Ok(response)
    }

    /// Asks Azure DevOps who this is, even with a credential that was refused before: it may have been mended there.
    pub async fn test(&self, connection: i32, whose: Whose) -> Result<Identity, OutgoingError> {
        let request = Request::get("_apis/connectionData?api-version=7.1-preview");
        let (row, response) = self.try_with(connection, whose, &request, Insist::Yes).await?;
        let read: Option<ConnectionData> = serde_json::from_slice(&response.body).ok();
        let user = read.filter(|_| response.status == 200).and_then(|data| data.authenticated_user);
        let Some(user) = user else { return Err(self.unproven(row.id, &response).await?) };
        let account = user.properties.and_then(|properties| properties.account).map(|account| account.value);
        let name = user.name.unwrap_or_default();
        self.worked(&row, Some(account.as_deref().unwrap_or(&name))).await?;
        Ok(Identity { name, account })
    }

    async fn try_with(
        &self,
        connection: i32,
        whose: Whose,
        request: &Request,
        insist: Insist,
    ) -> Result<(Credential, Response), OutgoingError> {
        let found = self.0.db.read(move |conn| {
            let connection = connections::by_id(conn, connection)?;
            let Some(connection) = connection else { return Ok::<_, DbError>(None) };
            Ok(credentials::find(conn, connection.id, whose)?.map(|row| (connection, row)))
        });
        let (connection, row) = found.await?.ok_or(OutgoingError::Missing)?;
        let url = request.address(&connection)?;
        self.check(&row, insist).await?;
        let is_foreign = row.kind() == Some(Kind::OAuth) && !takes_tokens_of_entra(&url);
        if is_foreign {
            return Err(OutgoingError::Foreign(url.host_str().unwrap_or_default().to_owned()));
        }
        let (mut row, secret) = self.fresh(row).await?;
        self.may_guess(&row).await?;
        let mut answer = self.show(&secret, row.account.as_deref(), &url, request).await;
        let was_refused = matches!(&answer, Ok(response) if refusal(&connection, &row, response).is_some());
        if row.kind() == Some(Kind::OAuth) && was_refused {
            row = self.renewed(&row).await?;
            let secret = self.opened(&row).await?;
            answer = self.show(&secret, row.account.as_deref(), &url, request).await;
        }
        let response = self.judged(&connection, &row, answer).await?;
        Ok((row, response))
    }

    /// Whether anything may be sent at this moment.
    async fn check(&self, row: &Credential, insist: Insist) -> Result<(), OutgoingError> {
        let now = self.now();
        if row.expires_at.is_some_and(|end| end <= now) {
            return self.fail(row, told::EXPIRED, None).await;
        }
        let why = row.reason.clone();
        if let Some(after) = row.send_after.filter(|after| now < *after) {
            let why = why.unwrap_or_else(|| RESTS.to_owned());
            return Err(OutgoingError::Later { why, until: Some(after) });
        }
        if !row.is_refused() || row.wants_a_key() && row.open(&self.0.vault).is_ok() {
            return Ok(());
        }
        // A password is never shown again: each time, a domain comes nearer to locking the account. Nor is a provider asked
        // time and again.
        let is_final = why.as_deref() == Some(WRONG_PASSWORD);
        let was_now = row.kind() == Some(Kind::OAuth) && row.failed_at.is_some_and(|at| now.0 - at.0 < TRIED_EVERY);
        if insist == Insist::No || is_final || was_now {
            return Err(OutgoingError::Red(why.unwrap_or_default()));
        }
        Ok(())
    }

    async fn opened(&self, row: &Credential) -> Result<Secret, OutgoingError> {
        match row.open(&self.0.vault) {
            Ok(secret) => Ok(secret),
            Err(error) => self.unopened(row, error).await,
        }
    }

    /// Whether a password that has not shown yet that it is right may be tried: whoever keeps one after the other would guess
    /// it, or have the domain lock the account (AU-90).
    async fn may_guess(&self, row: &Credential) -> Result<(), OutgoingError> {
        let Some(attempt) = guess(row).filter(|_| row.worked_at.is_none()) else { return Ok(()) };
        let now = self.now();
        let gate = self.0.db.read(move |conn| throttle::gate(conn, &attempt, &GUESSES, now)).await?;
        if matches!(gate, Gate::Open | Gate::Wait) {
            return Ok(());
        }
        let why = "wrong passwords of this account came several times; to keep the domain from locking it, nothing is sent for a \
                   quarter of an hour";
        Err(OutgoingError::Later { why: why.to_owned(), until: Some(Instant(now.0 + GUESSES.window)) })
    }

    /// Notes that a credential works; `proof`: the other end said for whom.
    async fn worked(&self, row: &Credential, proof: Option<&str>) -> Result<(), OutgoingError> {
        let now = self.now();
        if !credentials::is_news(row, now) {
            return Ok(());
        }
        let (row, proof) = (row.clone(), proof.map(str::to_owned));
        let noted: Result<(), DbError> = self
            .0
            .db
            .write(move |tx| {
                tx.hold(Hold::Shared)?;
                credentials::worked(tx, &row, proof.as_deref(), now)?;
                match guess(&row) {
                    Some(attempt) => throttle::succeeded(tx, &attempt, now),
                    None => Ok(()),
                }
            })
            .await;
        Ok(noted?)
    }

    /// Why an answer does not tell whose the credential is.
    async fn unproven(&self, row: i32, response: &Response) -> Result<OutgoingError, DbError> {
        let status = response.status;
        let (why, is_busy) = match status {
            403 => ("Azure DevOps answers 403: the account may not use it".to_owned(), false),
            _ if response.is_busy() => (format!("Azure DevOps answers {status}; it is busy, or in trouble"), true),
            _ => (format!("the address answers {status}, but not as Azure DevOps does; look at baseUrl"), false),
        };
        let row = self.0.db.read(move |conn| credentials::by_id(conn, row)).await?;
        Ok(OutgoingError::Later { why, until: row.filter(|_| is_busy).and_then(|row| row.send_after) })
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
            Err(Silence::Refused(why)) => return self.fail(row, &why, None).await,
            Err(Silence::Passing(why)) => {
                let why = format!("Azure DevOps cannot be reached: {why}");
                let until = self.postponed(row, Waits::Sending, &why, None).await?;
                return Err(OutgoingError::Later { why, until: Some(until) });
            }
        };
        if let Some(why) = refusal(connection, row, &response) {
            if let Some(attempt) = guess(row) {
                let now = self.now();
                let counted = self.0.db.write(move |tx| {
                    tx.hold(Hold::Shared)?;
                    throttle::failed(tx, &attempt, &GUESSES, now)
                });
                counted.await?;
            }
            return self.fail(row, why, None).await;
        }
        if (300..400).contains(&response.status) && response.status != 304 {
            return Err(OutgoingError::Moved(place(response.header(header::LOCATION))));
        }
        let asked = outbound::retry_after(&response.headers);
        if response.is_busy() {
            let why = format!("Azure DevOps answers {} and wants to be left alone", response.status);
            self.postponed(row, Waits::Sending, &why, asked).await?;
        } else if let Some(seconds) = asked {
            let (row, now) = (row.clone(), self.now());
            let noted = self.0.db.write(move |tx| {
                tx.hold(Hold::Shared)?;
                credentials::rest(tx, &row, seconds, now)
            });
            noted.await.map_err(OutgoingError::Database)?;
        }
        Ok(response)
    }
}

/// How passwords that nobody has proven yet are counted.
const GUESSES: Limits = Limits { pair: 3, address: 1_000, account: i32::MAX, domain: 3, window: 900 * SECOND };

/// Of a password: the account that it is tried for, whatever its name is written like.
fn guess(row: &Credential) -> Option<Attempt> {
    let account = row.account.as_deref().filter(|_| row.kind() == Some(Kind::Ntlm))?;
    let user = account.split_once('\\').map_or(account, |(_, user)| user);
    let user = user.split_once('@').map_or(user, |(user, _)| user);
    Some(Attempt { account: Some(format!("azure-devops {}", user.to_lowercase())), network: None })
}

/// Azure DevOps Services, or this machine itself.
pub(super) fn takes_tokens_of_entra(url: &Url) -> bool {
    url.scheme() == "https" && url.host_str() == Some("dev.azure.com") || outbound::is_here(url)
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
            Some(Kind::Ntlm) => WRONG_PASSWORD,
            _ => "a fresh token of Entra ID is refused: the account has no access to this organization",
        });
    }
    let to = response.header(header::LOCATION);
    let is_sign_in = (300..400).contains(&response.status)
        && ["/_signin", "login.microsoftonline.com", "login.live.com"].iter().any(|part| to.contains(part));
    (response.status == 203 || is_sign_in)
        .then_some("Azure DevOps answers with its sign-in page: the credential was revoked, or has expired")
}

/// A provider is asked again for a credential that it refused, at most so often.
const TRIED_EVERY: i64 = 10 * SECOND;
const RESTS: &str = "Azure DevOps wants to be left alone for a while";
const WRONG_PASSWORD: &str = "the account or its password is refused; give it anew";
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
