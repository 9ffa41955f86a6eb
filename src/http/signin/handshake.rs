//! The walk of a handshake's message: what the connection makes of it, whether it may be tried, whether it is right, whose
//! it is (AU-30, AU-40, AU-90).

use std::time::Duration;

use actix_web::http::ConnectionType;
use actix_web::http::header::HeaderValue;
use actix_web::{HttpRequest, rt};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::SemaphorePermit;

use super::record::{self, Failure};
use super::{Outcome, Problem, Windows, public};
use crate::auth::Refusal;
use crate::auth::ntlm::{Answer, Connection, Denial, Scheme, Setting, Step, Verifier, half_open, wire};
use crate::auth::throttle::{self, Attempt, Gate};
use crate::auth::windows::Account;
use crate::db::DbError;
use crate::http::App;

/// The kind of a credential that is NTLM's.
pub(super) const NTLM: &str = "ntlm";
/// The reason of who names a domain that is not let in.
pub(super) const UNLISTED: &str = "the domain is none of ours";
/// For a turn to be verified.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

pub(super) async fn step(
    app: &App,
    windows: &Windows,
    verifier: &dyn Verifier,
    http: &HttpRequest,
    scheme: Scheme,
    token: &[u8],
) -> Outcome {
    let Some(connection) = http.conn_data::<Connection>() else { return Outcome::Refused(Refusal::Unknown.into()) };
    // What closes with its first message can have no second.
    let begins = wire::message_type(token) == Some(1) || token.first() == Some(&0x60);
    if begins && http.head().connection_type() == ConnectionType::Close {
        return Outcome::Refused(Refusal::Unknown.into());
    }
    let mut random = [0; 8];
    if let Err(error) = getrandom::fill(&mut random) {
        return Outcome::Refused(Problem::internal(error));
    }
    let peer = http.peer_addr().map(|peer| peer.ip());
    let setting = Setting { names: &windows.names, half_open: &windows.half_open, peer, now: app.clock.now(), random };
    let failure = match connection.step(scheme, token, &setting) {
        Step::Continue(token) => return continued(scheme, &token),
        Step::Busy => return Outcome::Refused(Problem::too_many_handshakes()),
        Step::Refused(reason) => (NTLM, Failure { reason: reason.to_string(), ..Failure::default() }),
        Step::Verify(answer) => match verified(app, windows, verifier, http, &answer).await {
            Ok((identity, token)) => {
                connection.sign_in(identity, app.clock.now());
                let line = token.and_then(|token| line(scheme, &token));
                return Outcome::SignedIn(identity, line);
            }
            Err(Ended::Failed(credential, failure)) => (credential, failure),
            Err(Ended::Answered(problem)) => return Outcome::Refused(problem),
        },
    };
    failed(app, http, connection, failure).await
}

/// Tells the audit, and the client nothing.
pub(super) async fn failed(
    app: &App,
    http: &HttpRequest,
    connection: &Connection,
    (credential, failure): (&'static str, Failure),
) -> Outcome {
    record::refused(app, http, credential, failure).await;
    let close = connection.failed();
    let problem = Problem::from(Refusal::Unknown);
    if close { Outcome::RefusedAndClosed(problem) } else { Outcome::Refused(problem) }
}

pub(super) fn line(scheme: Scheme, token: &[u8]) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("{} {}", scheme.name(), STANDARD.encode(token))).ok()
}

pub(super) fn continued(scheme: Scheme, token: &[u8]) -> Outcome {
    match line(scheme, token) {
        Some(line) => Outcome::Continue(line),
        None => Outcome::Refused(Problem::internal("base64 is no header")),
    }
}

/// Why a last message led to no identity.
pub(super) enum Ended {
    /// 401, by this kind of credential.
    Failed(&'static str, Failure),
    Answered(Problem),
}

impl From<DbError> for Ended {
    fn from(error: DbError) -> Ended {
        Ended::Answered(error.into())
    }
}

/// A message that may let somebody in, and what a failure of it leaves behind.
pub(super) struct Trial {
    pub attempt: Attempt,
    /// What the client called itself, for the audit.
    pub named: Option<String>,
    /// Kind of the credential.
    pub credential: &'static str,
    /// Failures count at a domain that may lock the account.
    pub asks_a_domain: bool,
}

impl Trial {
    pub(super) fn failed(&self, reason: String) -> Ended {
        let (attempt, named) = (Some(self.attempt.clone()), self.named.clone());
        Ended::Failed(self.credential, Failure { reason, attempt, named })
    }

    /// Whether it may be made now (AU-90). Strangers wait for it, in nobody's place.
    pub(super) async fn admit(&self, app: &App, windows: &Windows, http: &HttpRequest) -> Result<(), Ended> {
        let (asked, limits, now) = (self.attempt.clone(), app.sign_in_limits, app.clock.now());
        let gate = {
            let _place = turn(windows).await?;
            app.db.read(move |conn| throttle::gate(conn, &asked, &limits, now)).await?
        };
        match gate {
            Gate::Closed { seconds, account } => {
                // An address that is closed could name one after the other, and fill the audit.
                record::locked(app, http, self.credential, self.named.clone().filter(|_| account)).await;
                return Err(Ended::Answered(Problem::too_many_failures(seconds)));
            }
            Gate::Withheld if self.asks_a_domain => {
                return Err(self.failed("the domain was not asked after earlier failures".to_owned()));
            }
            Gate::Wait => rt::time::sleep(Duration::from_secs(1)).await,
            Gate::Open | Gate::Withheld => {}
        }
        Ok(())
    }

    /// The identity of an account that has proven itself.
    pub(super) async fn let_in(
        &self,
        app: &App,
        windows: &Windows,
        http: &HttpRequest,
        account: Account,
    ) -> Result<i32, Ended> {
        let attempt = Attempt { account: Some(account.to_string()), network: self.attempt.network };
        match record::admitted(app, http, windows, &account, Some(attempt.clone()), self.credential).await? {
            record::Admission::As(identity) => Ok(identity),
            record::Admission::Disabled => {
                let (reason, named) = ("the person is disabled".to_owned(), self.named.clone());
                Err(Ended::Failed(self.credential, Failure { reason, attempt: Some(attempt), named }))
            }
            record::Admission::Nobody => Err(Ended::Answered(Refusal::Denied.into())),
        }
    }
}

/// The identity of a right answer, and SPNEGO's last token.
async fn verified(
    app: &App,
    windows: &Windows,
    verifier: &dyn Verifier,
    http: &HttpRequest,
    answer: &Answer,
) -> Result<(i32, Option<Vec<u8>>), Ended> {
    let account = windows.domains.account(&answer.user, &answer.domain);
    let trial = Trial {
        attempt: Attempt {
            account: account.as_ref().map(Account::to_string),
            network: public::client_address(http).map(half_open::network),
        },
        named: named(&answer.domain, &answer.user),
        credential: NTLM,
        asks_a_domain: verifier.asks_a_domain(),
    };
    trial.admit(app, windows, http).await?;
    let _place = turn(windows).await?;
    let unlisted = || trial.failed(UNLISTED.to_owned());
    if account.is_none() && trial.asks_a_domain {
        return Err(unlisted());
    }
    let claim = answer.claim().map_err(|reason| trial.failed(reason.to_string()))?;
    let base = match verifier.session_base_key(claim).await {
        Ok(base) => base,
        Err(denial) => return Err(denied(app, http, &trial, denial).await),
    };
    let account = account.ok_or_else(unlisted)?;
    let token = answer.finish(base, &windows.demanded(app.tls.as_deref(), app.clock.now()), app.clock.now());
    let token = token.map_err(|invalid| trial.failed(invalid.to_string()))?;
    Ok((trial.let_in(app, windows, http, account).await?, token))
}

/// The verifier gave no key, or no word.
pub(super) async fn denied(app: &App, http: &HttpRequest, trial: &Trial, denial: Denial) -> Ended {
    match denial {
        Denial::Unavailable(why) => {
            record::verifier_down(app, http, &why).await;
            Ended::Answered(Problem::verifier_down(why))
        }
        denial => trial.failed(denial.to_string()),
    }
}

/// A place among those that are verified at once.
pub(super) async fn turn(windows: &Windows) -> Result<Option<SemaphorePermit<'_>>, Ended> {
    match rt::time::timeout(LONGEST_WAIT, windows.turns.acquire()).await {
        Ok(turn) => Ok(turn.ok()),
        Err(_) => Err(Ended::Answered(Problem::too_many_handshakes())),
    }
}

/// What the client called itself, for the audit.
pub(super) fn named(domain: &str, user: &str) -> Option<String> {
    Some(format!("{domain}\\{user}").chars().take(300).collect())
}
