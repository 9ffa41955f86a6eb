//! The walk of a handshake that a helper holds (AU-41): what may be passed on is, and what the helper says is the answer.
//!
//! The rules are those of [`handshake`](super::handshake): whether a message may be tried, whose account it is, whether that
//! is let in. No turn among the database's is held while a process is waited for: whoever has a process waits for a turn.

use actix_web::HttpRequest;
use actix_web::http::ConnectionType;

use super::handshake::{self, Ended, Trial, Unproven, failed_for};
use super::record::Failure;
use super::{Outcome, Problem, Windows, public};
use crate::auth::Refusal;
use crate::auth::ntlm::verify::{Invalid, file_time};
use crate::auth::ntlm::{Connection, Denial, Dialogue, Handed, Pass, Reason, Scheme, Spnego, Word, half_open};
use crate::auth::throttle::Attempt;
use crate::auth::windows::Account;
use crate::http::App;

/// A token on its way to the helper.
pub(super) struct Walk<'a> {
    pub app: &'a App,
    pub windows: &'a Windows,
    pub helper: &'a Spnego,
    pub http: &'a HttpRequest,
}

/// How a token was heard.
enum Heard {
    Continue(Vec<u8>, Dialogue),
    SignedIn(i32, Option<Vec<u8>>),
}

impl Walk<'_> {
    pub(super) async fn step(&self, scheme: Scheme, token: &[u8]) -> Outcome {
        let &Walk { app, windows, http, .. } = self;
        let Some(connection) = http.conn_data::<Connection>() else {
            return Outcome::Refused(Refusal::Unknown.into());
        };
        let peer = http.peer_addr().map(|peer| peer.ip());
        let (handed, dialogue) = match connection.pass(scheme, token, &windows.half_open, peer, app.clock.now()) {
            Pass::Begin(handed) => (handed, None),
            Pass::GoOn(handed, dialogue) => (handed, Some(dialogue)),
            Pass::Busy => return Outcome::Refused(Problem::too_many_handshakes()),
            Pass::Refused(reason) => {
                let failure = Failure { reason: reason.to_string(), ..Failure::default() };
                return handshake::failed(app, http, connection, (handshake::NTLM, failure)).await;
            }
        };
        // What closes with its first message can have no second; a ticket needs none.
        let closes = http.head().connection_type() == ConnectionType::Close;
        if closes && !handed.proves {
            return Outcome::Refused(Refusal::Unknown.into());
        }
        match self.heard(&handed, dialogue, token).await {
            Ok(Heard::Continue(..)) if closes => Outcome::Refused(Refusal::Unknown.into()),
            Ok(Heard::Continue(token, dialogue)) => {
                connection.wait(handed, dialogue);
                handshake::continued(scheme, &token)
            }
            Ok(Heard::SignedIn(identity, token)) => {
                connection.sign_in(identity, app.clock.now());
                Outcome::SignedIn(identity, token.and_then(|token| handshake::line(scheme, &token)))
            }
            Err(Ended::Failed) => handshake::refused(connection),
            Err(Ended::Answered(problem)) => Outcome::Refused(problem),
        }
    }

    async fn heard(&self, handed: &Handed, dialogue: Option<Dialogue>, token: &[u8]) -> Result<Heard, Ended> {
        let trial = self.trial(handed);
        let _line = trial.stand_in_line(self.windows).await?;
        let (named, outcome) = self.proven(handed, dialogue, token, &trial).await;
        let trial = Trial { named: named.or(trial.named), ..trial };
        trial.told(self.app, self.http, outcome).await
    }

    /// What came of a token, and whom the helper has named.
    async fn proven(
        &self,
        handed: &Handed,
        dialogue: Option<Dialogue>,
        token: &[u8],
        trial: &Trial,
    ) -> (Option<String>, Result<Heard, Unproven>) {
        let &Walk { app, http, .. } = self;
        match self.asked(handed, dialogue, token, trial).await {
            Err(unproven) => (None, Err(unproven)),
            Ok(None) => (None, Err(failed_for(Reason::Slow))),
            Ok(Some(Err(denial))) => (None, Err(handshake::denied(app, http, denial).await)),
            Ok(Some(Ok(Word::Continue(token, dialogue)))) => (None, Ok(Heard::Continue(token, dialogue))),
            Ok(Some(Ok(Word::Done(user, token)))) => {
                let named = user.chars().take(300).collect();
                (Some(named), self.let_in(handed, &user, trial).await.map(|identity| Heard::SignedIn(identity, token)))
            }
        }
    }

    /// The helper's word. Nothing: it has forgotten the handshake.
    async fn asked(
        &self,
        handed: &Handed,
        dialogue: Option<Dialogue>,
        token: &[u8],
        trial: &Trial,
    ) -> Result<Option<Result<Word, Denial>>, Unproven> {
        let &Walk { app, windows, helper, http } = self;
        if handed.proves {
            drop(trial.admit(app, windows, http).await?);
            if handed.claimed.is_some() && trial.attempt.account.is_none() {
                return Err(failed_for(handshake::UNLISTED));
            }
        }
        if handed.ticket.is_some_and(|ticket| !helper.is_new(ticket, app.clock.now())) {
            return Err(failed_for("a ticket that was used before"));
        }
        let word = match dialogue {
            None => Some(helper.begin(token).await),
            Some(dialogue) => dialogue.go_on(token, handed.signs).await,
        };
        if let Some(ticket) = handed.ticket.filter(|_| !matches!(word, Some(Ok(Word::Done(..))))) {
            helper.forget(ticket);
        }
        Ok(word)
    }

    async fn let_in(&self, handed: &Handed, user: &str, trial: &Trial) -> Result<i32, Unproven> {
        let &Walk { app, windows, http, .. } = self;
        let account = self.account(handed, user).map_err(Unproven::Failed)?;
        let _place = handshake::turn(windows).await?;
        trial.let_in(app, windows, http, account).await
    }

    /// Whom a failure counts against, as far as that can be read: a ticket names nobody before it is opened.
    fn trial(&self, handed: &Handed) -> Trial {
        let claimed = handed.claimed.as_ref();
        let domains = &self.windows.domains;
        let account = claimed.and_then(|claimed| domains.account(&claimed.user, &claimed.domain));
        let account = account.map(|account| account.to_string());
        Trial {
            attempt: Attempt { account, network: public::client_address(self.http).map(half_open::network) },
            named: claimed.and_then(|claimed| handshake::named(&claimed.domain, &claimed.user)),
            credential: if handed.proves && claimed.is_none() { "kerberos" } else { handshake::NTLM },
            asks_a_domain: true,
        }
    }

    /// The account that the helper names. Where NTLM claimed one, it must be that: a helper out of step would sign
    /// somebody in as another. What its proof covers beside the password is checked as in our own handshake.
    fn account(&self, handed: &Handed, user: &str) -> Result<Account, String> {
        let domains = &self.windows.domains;
        // A name that came without a domain has an empty one before it.
        let told = domains.parse(user.strip_prefix('\\').unwrap_or(user)).ok_or(handshake::UNLISTED)?;
        // A name with another separator of winbind's would be taken for one of the default domain.
        let is_plain = |letter: char| letter.is_alphanumeric() || " ._-$".contains(letter);
        if !user.contains(['\\', '@']) && !user.chars().all(is_plain) || user.ends_with('@') {
            return Err(handshake::UNLISTED.to_owned());
        }
        let Some(claimed) = &handed.claimed else { return Ok(told) };
        let meant = domains.account(&claimed.user, &claimed.domain).ok_or(handshake::UNLISTED)?;
        // A principal's name (`user@dns.domain`) may be an alias of the account's.
        if meant.domain != told.domain || (meant.user != told.user && !claimed.user.contains('@')) {
            return Err("the helper names another account than the client".to_owned());
        }
        if handed.lacks_signature() {
            return Err(Invalid::NoMic.to_string());
        }
        let now = self.app.clock.now();
        let demands = self.windows.demanded(self.app.tls.as_deref(), now);
        demands.check(&claimed.attributes, file_time(now.0)).map_err(|invalid| invalid.to_string())?;
        Ok(told)
    }
}
