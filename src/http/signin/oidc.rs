//! Access tokens of the OpenID provider on the APIs (AU-50 to AU-54).
//!
//! In: a bearer's text that may be such a token. Out: the credential of its person, who is made or given another role where
//! the site wants that; or a refusal, whose reason the audit has. What was found is kept for a minute, as every caller is:
//! each database job asks again whether it holds (AU-5).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use actix_web::HttpRequest;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{self, HeaderValue};
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use super::record::{self, HOUR, SIGN_IN, entry};
use super::{Outcome, Problem};
use crate::auth::audit::{self, Entry};
use crate::auth::identities::{self, IdentityError, OidcPerson};
use crate::auth::oidc::{self, Claims, Client, Provider, Rejected, Rules};
use crate::auth::{Credential, Refusal};
use crate::config::{self, Config, ConfigError};
use crate::db::{DbError, Hold, Tx};
use crate::domain::people::{self, PeopleError};
use crate::domain::settings::Settings;
use crate::http::App;
use crate::policy::Role;
use crate::sql::Instant;

/// RFC 6750 §3.1.
pub(super) const INSUFFICIENT: HeaderValue = HeaderValue::from_static("Bearer error=\"insufficient_scope\"");

/// Where the provider sends browsers back.
pub const CALLBACK: &str = "/signin/oidc/callback";

/// Tokens that are remembered, and for how long, in microseconds.
const REMEMBERED: usize = 10_000;
const FRESH: i64 = 60_000_000;
/// Letters of a name that a token brings.
const LONGEST_NAME: usize = 256;

/// The provider, and whose tokens were seen a moment ago.
#[derive(Debug)]
pub struct Oidc {
    pub(in crate::http) provider: Provider,
    provision: config::Provision,
    authorization_uri: String,
    seen: Mutex<HashMap<[u8; 32], (Credential, Instant)>>,
}

impl Oidc {
    /// As configured; nothing where there is none.
    pub fn of(config: &Config) -> Result<Option<Oidc>, ConfigError> {
        let knobs = &config.oidc;
        if knobs.issuer.is_empty() {
            return Ok(None);
        }
        if knobs.audiences.is_empty() {
            let why = "say for whom tokens must be made: a client id, api://…, or the address of this server";
            return Err(ConfigError::value("oidc.audiences", why.to_owned()));
        }
        let rules = Rules {
            issuer: knobs.issuer.clone(),
            audiences: knobs.audiences.clone(),
            tenants: knobs.tenants.clone(),
            algorithms: oidc::algorithms(&knobs.algorithms)
                .map_err(|why| ConfigError::value("oidc.algorithms", why))?,
            roles: knobs.roles.iter().map(|text| mapped(text)).collect::<Result<_, _>>()?,
        };
        let provider = Provider::new(rules).map_err(|why| ConfigError::value("oidc.issuer", why))?;
        let authorization_uri = if knobs.authorization_uri.is_empty() {
            entra(&knobs.issuer).unwrap_or_default()
        } else {
            knobs.authorization_uri.clone()
        };
        Ok(Some(Oidc { provider, provision: knobs.provision, authorization_uri, seen: Mutex::default() }))
    }

    /// How many usable keys the provider has at this moment.
    pub async fn reach(&self) -> Result<usize, String> {
        self.provider.reach().await
    }

    fn recall(&self, digest: &[u8; 32], now: Instant) -> Option<Credential> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(digest).filter(|(_, until)| now < *until).map(|(credential, _)| *credential)
    }

    fn remember(&self, digest: [u8; 32], credential: Credential, now: Instant) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= REMEMBERED {
            seen.retain(|_, (_, until)| now < *until);
        }
        if seen.len() < REMEMBERED {
            seen.insert(digest, (credential, Instant(now.0 + FRESH)));
        }
    }

    /// Says in a 401 where Power BI's organizational account signs in, before all else (OD-185, AU-54).
    pub(super) async fn offer<B>(&self, app: &App, response: &mut ServiceResponse<B>) {
        let uri = match self.authorization_uri.as_str() {
            "" => self.provider.authorization(app.clock.now()).await.unwrap_or_default(),
            configured => configured.to_owned(),
        };
        let was_sent = bearer(response.request()).is_some_and(oidc::is_jwt);
        let error = if was_sent { "error=\"invalid_token\"" } else { "" };
        let uri =
            if uri.is_empty() || uri.contains('"') { String::new() } else { format!("authorization_uri=\"{uri}\"") };
        let parts: Vec<&str> = [uri.as_str(), error].into_iter().filter(|part| !part.is_empty()).collect();
        let headers = response.headers_mut();
        let others: Vec<HeaderValue> = headers.remove(header::WWW_AUTHENTICATE).collect();
        let line = HeaderValue::from_str(format!("Bearer {}", parts.join(", ")).trim_end()).ok();
        let is_bearer = |line: &HeaderValue| line.as_bytes() == b"Bearer";
        for line in line.into_iter().chain(others.into_iter().filter(|line| !is_bearer(line))) {
            headers.append(header::WWW_AUTHENTICATE, line);
        }
    }
}

/// Sign-in with a browser at the provider.
#[derive(Debug)]
pub struct Browsers {
    pub client: Client,
    pub name: String,
}

impl Browsers {
    /// As configured; nothing where there is no such sign-in.
    pub fn of(config: &Config) -> Result<Option<Browsers>, ConfigError> {
        let knobs = &config.oidc;
        if knobs.client_id.is_empty() {
            return Ok(None);
        }
        if knobs.issuer.is_empty() {
            return Err(ConfigError::value("oidc.issuer", "oidc.client_id needs a provider".to_owned()));
        }
        // Never from a request: who may name another host would get the code sent there (AU-55).
        let base = config.server.public_url.trim_end_matches('/');
        if base.is_empty() {
            let why =
                "oidc.client_id needs it: the provider sends browsers back to {server.public_url}/signin/oidc/callback";
            return Err(ConfigError::value("server.public_url", why.to_owned()));
        }
        let client = Client {
            id: knobs.client_id.clone(),
            secret: SecretString::from(knobs.client_secret.expose()),
            scopes: knobs.scopes.clone(),
            redirect: format!("{base}{CALLBACK}"),
        };
        Ok(Some(Browsers { client, name: knobs.name.clone() }))
    }
}

/// Where tenants of Entra ID sign in, as Power Query wants it.
fn entra(issuer: &str) -> Option<String> {
    let root = issuer.strip_prefix("https://login.microsoftonline.com/")?.strip_suffix("/v2.0")?;
    Some(format!("https://login.microsoftonline.com/{root}/oauth2/authorize"))
}

fn mapped(text: &str) -> Result<(String, Role), ConfigError> {
    let wrong = || ConfigError::value("oidc.roles", format!("`{text}` is not GROUP=ROLE"));
    let (value, role) = text.rsplit_once('=').ok_or_else(wrong)?;
    Ok((value.trim().to_owned(), role.trim().parse().map_err(|_| wrong())?))
}

/// The text of the one `Authorization: Bearer`.
fn bearer(http: &HttpRequest) -> Option<&str> {
    let mut values = http.headers().get_all(header::AUTHORIZATION);
    let value = values.next()?.to_str().ok()?.trim();
    let (scheme, text) = value.split_once([' ', '\t'])?;
    (values.next().is_none() && scheme.eq_ignore_ascii_case("bearer")).then_some(text.trim())
}

/// What a token of the provider makes of a request; nothing where none was sent.
pub(super) async fn outcome(app: &App, http: &HttpRequest) -> Option<Outcome> {
    let oidc = app.oidc.as_ref()?;
    let token = bearer(http).filter(|text| oidc::is_jwt(text))?;
    let now = app.clock.now();
    let digest: [u8; 32] = Sha256::digest(token).into();
    if let Some(credential) = oidc.recall(&digest, now) {
        return Some(Outcome::Bearer(credential));
    }
    let claims = match oidc.provider.verify(token, now).await {
        Ok(claims) => claims,
        Err(Rejected::Provider(why)) => {
            let problem = Problem::verifier_down(format!("the OpenID provider: {why}"));
            return Some(Outcome::Refused(problem));
        }
        Err(rejected) => {
            record::refused_token(app, http, "refused", rejected.to_string(), None).await;
            return Some(Outcome::Refused(Refusal::Unknown.into()));
        }
    };
    Some(match admitted(app, http, oidc, &claims, now).await {
        Ok(Admission::As(identity)) => {
            let credential = Credential::Provider { identity, scopes: claims.scopes, expires_at: claims.expires_at };
            oidc.remember(digest, credential, now);
            Outcome::Bearer(credential)
        }
        Ok(Admission::Disabled) => {
            let reason = "the person is disabled".to_owned();
            record::refused_token(app, http, "refused", reason, Some(claims.subject)).await;
            Outcome::Refused(Refusal::Unknown.into())
        }
        Ok(Admission::Nobody(reason)) => {
            record::refused_token(app, http, "denied", reason.to_owned(), Some(claims.subject)).await;
            Outcome::Refused(Refusal::Denied.into())
        }
        Err(error) => Outcome::Refused(Problem::from(error)),
    })
}

/// As whom a token is let in.
pub enum Admission {
    As(i32),
    Disabled,
    Nobody(&'static str),
}

/// Lets the person of claims in, with the role that the provider gives; the audit hears of it once an hour.
pub async fn admitted(
    app: &App,
    http: &HttpRequest,
    oidc: &Oidc,
    claims: &Claims,
    now: Instant,
) -> Result<Admission, DbError> {
    let (issuer, subject) = (claims.issuer.clone(), claims.subject.clone());
    let known = app.db.read(move |conn| identities::find_oidc(conn, &issuer, &subject)).await?;
    match &known {
        Some(person) if !person.is_active => return Ok(Admission::Disabled),
        None if claims.is_app => return Ok(Admission::Nobody("a program that an administrator has not linked")),
        _ => {}
    }
    let differs = known.as_ref().is_none_or(|person| claims.role.is_some_and(|role| role != person.role()));
    let name = claims.user_name.clone().unwrap_or_else(|| claims.subject.clone());
    let row = Entry { credential: Some("oidc"), ..entry(http, SIGN_IN, "ok", Some(name)) };
    let row = app.record.fold(&row, HOUR, now);
    if let (Some(person), false, None) = (&known, differs, &row) {
        return Ok(Admission::As(person.identity));
    }
    let hold = if differs { Hold::Exclusive } else { Hold::Shared };
    let (claims, provision) = (claims.clone(), oidc.provision);
    let admitted = app.db.write(move |tx| {
        tx.hold(hold)?;
        let admission = match identities::find_oidc(tx, &claims.issuer, &claims.subject)? {
            Some(person) => known_person(tx, &claims, &person, now)?,
            None => new_person(tx, &claims, provision, now)?,
        };
        if let (Admission::As(identity), Some(row)) = (&admission, &row) {
            let person = identities::find_oidc(tx, &claims.issuer, &claims.subject)?;
            let user_id = person.map(|person| person.user_id);
            audit::write(tx, &Entry { user_id, credential_id: Some(*identity), ..row.clone() }, now)?;
        }
        Ok::<_, IdentityError>(admission)
    });
    admitted.await.map_err(|error| match error {
        IdentityError::Database(error) => error,
        other => DbError::Other(other.to_string()),
    })
}

/// Somebody who is known, with the role that the provider's groups give.
fn known_person(
    tx: &mut Tx<'_>,
    claims: &Claims,
    person: &OidcPerson,
    now: Instant,
) -> Result<Admission, IdentityError> {
    let Some(role) = claims.role.filter(|role| *role != person.role()) else {
        return Ok(Admission::As(person.identity));
    };
    match people::set_role(tx, &person.user_guid.to_string(), role) {
        Ok(_) => {}
        Err(PeopleError::Database(error)) => return Err(error.into()),
        Err(error) => {
            tracing::warn!(cause = %error, user = person.user_id, "the provider's role is not given");
            return Ok(Admission::As(person.identity));
        }
    }
    let change = [("before", person.role()), ("after", role)];
    let details = change.map(|(name, role)| (name.to_owned(), serde_json::json!({"role": role.name()})));
    let entry = Entry {
        event: "person-changed",
        outcome: "as the provider's groups say".to_owned(),
        user_id: Some(person.user_id),
        credential: Some("oidc"),
        target: Some(person.user_id.to_string()),
        details: details.into_iter().collect(),
        ..Entry::default()
    };
    audit::write(tx, &entry, now)?;
    Ok(Admission::As(person.identity))
}

/// Somebody new, as the site wants it (AU-7).
fn new_person(
    tx: &mut Tx<'_>,
    claims: &Claims,
    provision: config::Provision,
    now: Instant,
) -> Result<Admission, IdentityError> {
    let role = match (provision, claims.role) {
        (config::Provision::Deny, _) => return Ok(Admission::Nobody("nobody is made for this subject")),
        (_, Some(role)) => role,
        (config::Provision::NoneRole, None) => Role::None,
        (config::Provision::DefaultRole, None) => Settings::read(tx)?.default_role.0,
    };
    let named = |text: Option<&String>| {
        let text: String =
            text.unwrap_or(&claims.subject).chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
        text
    };
    let unique_name = named(claims.user_name.as_ref());
    let name = claims.name.as_ref().map_or_else(|| unique_name.clone(), |name| named(Some(name)));
    let subject = (claims.issuer.as_str(), claims.subject.as_str());
    let identity = identities::add_oidc(tx, subject, (&unique_name, &name), role, now)?;
    Ok(identity.map_or(Admission::Nobody("the name is another person's: an administrator links them"), Admission::As))
}
