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
use super::{Outcome, Problem, Windows, lines, public};
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
            Err(Ended::Failed) => return refused(connection),
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
    refused(connection)
}

pub(super) fn refused(connection: &Connection) -> Outcome {
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
    /// 401; it was counted, and the audit knows why.
    Failed,
    Answered(Problem),
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

/// Why somebody is not let in.
pub(super) enum Unproven {
    /// 401, for this reason.
    Failed(String),
    Answered(Problem),
}

impl From<DbError> for Unproven {
    fn from(error: DbError) -> Unproven {
        Unproven::Answered(error.into())
    }
}

impl Trial {
    /// Stands in line with those who try the same account from the same address: each failure is counted before the next is
    /// tried, else many at once would pass the limits. A ticket names nobody, and holds no password to be guessed.
    pub(super) async fn stand_in_line(&self, windows: &Windows) -> Result<Option<lines::Turn<Attempt>>, Ended> {
        if self.attempt.account.is_none() {
            return Ok(None);
        }
        let full = || Ended::Answered(Problem::too_many_handshakes());
        let turn = rt::time::timeout(LONGEST_WAIT, windows.lines.turn(self.attempt.clone())).await;
        turn.ok().flatten().map(Some).ok_or_else(full)
    }

    /// Tells of a failure, before anybody else of the line is tried.
    pub(super) async fn told<T>(
        &self,
        app: &App,
        http: &HttpRequest,
        outcome: Result<T, Unproven>,
    ) -> Result<T, Ended> {
        match outcome {
            Ok(proven) => Ok(proven),
            Err(Unproven::Answered(problem)) => Err(Ended::Answered(problem)),
            Err(Unproven::Failed(reason)) => {
                let (attempt, named) = (Some(self.attempt.clone()), self.named.clone());
                record::refused(app, http, self.credential, Failure { reason, attempt, named }).await;
                Err(Ended::Failed)
            }
        }
    }

    /// A place to be verified in, if it may be tried now (AU-90). Strangers wait for it, in nobody's place.
    pub(super) async fn admit<'w>(
        &self,
        app: &App,
        windows: &'w Windows,
        http: &HttpRequest,
    ) -> Result<Option<SemaphorePermit<'w>>, Unproven> {
        let mut has_waited = false;
        loop {
            let place = turn(windows).await?;
            let (asked, limits, now) = (self.attempt.clone(), app.sign_in_limits, app.clock.now());
            match app.db.read(move |conn| throttle::gate(conn, &asked, &limits, now)).await? {
                Gate::Closed { seconds, account } => {
                    // An address that is closed could name one after the other, and fill the audit.
                    record::locked(app, http, self.credential, self.named.clone().filter(|_| account)).await;
                    return Err(Unproven::Answered(Problem::too_many_failures(seconds)));
                }
                Gate::Withheld if self.asks_a_domain => {
                    return Err(failed_for("the domain was not asked after earlier failures"));
                }
                Gate::Wait if !has_waited => {
                    drop(place);
                    has_waited = true;
                    rt::time::sleep(Duration::from_secs(1)).await;
                }
                Gate::Open | Gate::Wait | Gate::Withheld => return Ok(place),
            }
        }
    }

    /// The identity of an account that has proven itself.
    pub(super) async fn let_in(
        &self,
        app: &App,
        windows: &Windows,
        http: &HttpRequest,
        account: Account,
    ) -> Result<i32, Unproven> {
        let attempt = Attempt { account: Some(account.to_string()), network: self.attempt.network };
        match record::admitted(app, http, windows, &account, Some(attempt), self.credential).await? {
            record::Admission::As(identity) => Ok(identity),
            record::Admission::Disabled => Err(failed_for("the person is disabled")),
            record::Admission::Nobody => Err(Unproven::Answered(Refusal::Denied.into())),
        }
    }
}

pub(super) fn failed_for(reason: impl ToString) -> Unproven {
    Unproven::Failed(reason.to_string())
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
    let _line = trial.stand_in_line(windows).await?;
    // The place is held until a failure is counted, too.
    match trial.admit(app, windows, http).await {
        Ok(_place) => {
            let outcome = proven(app, windows, verifier, http, (answer, account, &trial)).await;
            trial.told(app, http, outcome).await
        }
        Err(unproven) => trial.told(app, http, Err(unproven)).await,
    }
}

async fn proven(
    app: &App,
    windows: &Windows,
    verifier: &dyn Verifier,
    http: &HttpRequest,
    (answer, account, trial): (&Answer, Option<Account>, &Trial),
) -> Result<(i32, Option<Vec<u8>>), Unproven> {
    if account.is_none() && trial.asks_a_domain {
        return Err(failed_for(UNLISTED));
    }
    let base = match verifier.session_base_key(answer.claim().map_err(failed_for)?).await {
        Ok(base) => base,
        Err(denial) => return Err(denied(app, http, denial).await),
    };
    let account = account.ok_or_else(|| failed_for(UNLISTED))?;
    let token = answer.finish(base, &windows.demanded(app.tls.as_deref(), app.clock.now()), app.clock.now());
    let token = token.map_err(failed_for)?;
    Ok((trial.let_in(app, windows, http, account).await?, token))
}

/// The verifier gave no key, or no word.
pub(super) async fn denied(app: &App, http: &HttpRequest, denial: Denial) -> Unproven {
    match denial {
        Denial::Unavailable(why) => {
            record::verifier_down(app, http, &why).await;
            Unproven::Answered(Problem::verifier_down(why))
        }
        denial => failed_for(denial),
    }
}

/// A place among those that are verified at once.
pub(super) async fn turn(windows: &Windows) -> Result<Option<SemaphorePermit<'_>>, Unproven> {
    match rt::time::timeout(LONGEST_WAIT, windows.turns.acquire()).await {
        Ok(turn) => Ok(turn.ok()),
        Err(_) => Err(Unproven::Answered(Problem::too_many_handshakes())),
    }
}

/// What the client called itself, for the audit.
pub(super) fn named(domain: &str, user: &str) -> Option<String> {
    Some(format!("{domain}\\{user}").chars().take(300).collect())
}
