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
use crate::auth::ntlm::{Answer, Connection, Denial, Scheme, Setting, Step, half_open, wire};
use crate::auth::throttle::{self, Attempt, Gate};
use crate::auth::windows::Account;
use crate::db::DbError;
use crate::http::App;

/// For a turn to be verified.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

pub(super) async fn step(app: &App, windows: &Windows, http: &HttpRequest, scheme: Scheme, token: &[u8]) -> Outcome {
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
        Step::Refused(reason) => Failure { reason: reason.to_string(), ..Failure::default() },
        Step::Verify(answer) => match verified(app, windows, http, &answer).await {
            Ok((identity, token)) => {
                connection.sign_in(identity, app.clock.now());
                let line = token.and_then(|token| line(scheme, &token));
                return Outcome::SignedIn(identity, line);
            }
            Err(Ended::Failed(failure)) => failure,
            Err(Ended::Answered(problem)) => return Outcome::Refused(problem),
        },
    };
    record::refused(app, http, failure).await;
    let close = connection.failed();
    let problem = Problem::from(Refusal::Unknown);
    if close { Outcome::RefusedAndClosed(problem) } else { Outcome::Refused(problem) }
}

fn line(scheme: Scheme, token: &[u8]) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("{} {}", scheme.name(), STANDARD.encode(token))).ok()
}

fn continued(scheme: Scheme, token: &[u8]) -> Outcome {
    match line(scheme, token) {
        Some(line) => Outcome::Continue(line),
        None => Outcome::Refused(Problem::internal("base64 is no header")),
    }
}

/// Why a last message led to no identity.
enum Ended {
    /// 401.
    Failed(Failure),
    Answered(Problem),
}

impl From<DbError> for Ended {
    fn from(error: DbError) -> Ended {
        Ended::Answered(error.into())
    }
}

/// The identity of a right answer, and SPNEGO's last token.
async fn verified(
    app: &App,
    windows: &Windows,
    http: &HttpRequest,
    answer: &Answer,
) -> Result<(i32, Option<Vec<u8>>), Ended> {
    let verifier = windows.verifier.as_deref().ok_or_else(|| Ended::Answered(Refusal::Unknown.into()))?;
    let account = windows.domains.account(&answer.user, &answer.domain);
    let network = public::client_address(http).map(half_open::network);
    let attempt = Attempt { account: account.as_ref().map(Account::to_string), network };
    let failed = |reason: String, counts: bool| {
        Ended::Failed(Failure { reason, attempt: Some(attempt.clone()).filter(|_| counts), named: named(answer) })
    };
    let (asked, limits, now) = (attempt.clone(), app.sign_in_limits, app.clock.now());
    let gate = {
        let _place = turn(windows).await?;
        app.db.read(move |conn| throttle::gate(conn, &asked, &limits, now)).await?
    };
    match gate {
        Gate::Closed { seconds, account } => {
            // An address that is closed could name one after the other, and fill the audit.
            record::locked(app, http, "ntlm", named(answer).filter(|_| account)).await;
            return Err(Ended::Answered(Problem::too_many_failures(seconds)));
        }
        Gate::Withheld if verifier.asks_a_domain() => {
            return Err(failed("the domain was not asked after earlier failures".to_owned(), true));
        }
        // Strangers wait in nobody's place.
        Gate::Wait => rt::time::sleep(Duration::from_secs(1)).await,
        Gate::Open | Gate::Withheld => {}
    }
    let _place = turn(windows).await?;
    if account.is_none() && verifier.asks_a_domain() {
        return Err(failed("the domain is none of ours".to_owned(), true));
    }
    let claim = answer.claim().map_err(|reason| failed(reason.to_string(), true))?;
    let base = match verifier.session_base_key(claim).await {
        Ok(base) => base,
        Err(Denial::Unavailable(why)) => {
            record::verifier_down(app, http, &why).await;
            return Err(Ended::Answered(Problem::verifier_down(why)));
        }
        Err(denial) => return Err(failed(denial.to_string(), true)),
    };
    let Some(account) = account else { return Err(failed("the domain is none of ours".to_owned(), true)) };
    let token = answer.finish(base, &windows.demanded(app.tls.as_deref(), app.clock.now()), app.clock.now());
    let token = token.map_err(|invalid| failed(invalid.to_string(), true))?;
    match record::admitted(app, http, windows, &account, Some(attempt), "ntlm").await? {
        record::Admission::As(identity) => Ok((identity, token)),
        record::Admission::Disabled => {
            let attempt = Some(Attempt { account: Some(account.to_string()), network });
            Err(Ended::Failed(Failure { reason: "the person is disabled".to_owned(), attempt, named: named(answer) }))
        }
        record::Admission::Nobody => Err(Ended::Answered(Refusal::Denied.into())),
    }
}

/// A place among those that are verified at once.
async fn turn(windows: &Windows) -> Result<Option<SemaphorePermit<'_>>, Ended> {
    match rt::time::timeout(LONGEST_WAIT, windows.turns.acquire()).await {
        Ok(turn) => Ok(turn.ok()),
        Err(_) => Err(Ended::Answered(Problem::too_many_handshakes())),
    }
}

/// What the client called itself, for the audit.
fn named(answer: &Answer) -> Option<String> {
    Some(format!("{}\\{}", answer.domain, answer.user).chars().take(300).collect())
}
