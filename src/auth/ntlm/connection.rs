//! The handshake of one TCP connection (AU-30): what state it is in, and what a token does to it.
//!
//! In: the token of a request on this connection, the clock and random bytes. Out: a [`Step`]: the token that answers, or
//! an [`Answer`] to be verified. The state lives in the connection and goes with it; no table leads to it, so no other
//! connection can continue a handshake or borrow its identity.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};

use super::dialogue::Dialogue;
use super::half_open::{HalfOpen, PATIENCE, Permit};
use super::relay::{self, Handed, Pass};
use super::spnego::{self, Token};
use super::verify::{Demands, Invalid, Key, Sent, exported_key, file_time};
use super::wire::{self, Authenticate, Negotiate};
use crate::sql::Instant;

/// Failures after which a connection is closed.
const FAILURES: u8 = 5;

/// Under which name the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Ntlm,
    Negotiate,
}

impl Scheme {
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Ntlm => "NTLM",
            Scheme::Negotiate => "Negotiate",
        }
    }
}

/// Why a token is refused. For the log and the audit; the client learns nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("a message that is none: {0}")]
    Message(#[from] wire::Malformed),
    #[error(transparent)]
    Token(#[from] spnego::Malformed),
    #[error("a mechanism that is not offered")]
    Mechanism,
    #[error("an answer without a challenge")]
    Order,
    #[error("an answer to a challenge of more than a minute ago")]
    Late,
    #[error("an answer in another form than its challenge")]
    Form,
    #[error("an answer after five seconds, when the helper no longer waited")]
    Slow,
}

/// What a token leads to.
#[derive(Debug)]
pub enum Step {
    /// 401 with this token, and nothing else.
    Continue(Vec<u8>),
    /// A verifier is to say whether the answer is right.
    Verify(Box<Answer>),
    Refused(Reason),
    /// Too many handshakes wait.
    Busy,
}

/// What a server brings to a step.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'s> {
    pub names: &'s wire::Names,
    pub half_open: &'s HalfOpen,
    pub peer: Option<IpAddr>,
    pub now: Instant,
    /// Fresh from the operating system.
    pub random: [u8; 8],
}

/// The state of a connection.
#[derive(Debug, Default)]
pub struct Connection(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: State,
    failures: u8,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Fresh,
    /// SPNEGO: the client is to begin with NTLM, which it had not put first.
    Chosen {
        mechanisms: Vec<u8>,
        since: Instant,
        permit: Permit,
    },
    Challenged(Box<Challenged>),
    /// The helper waits for what the client answers.
    Relayed(Box<(Handed, Dialogue)>),
    User {
        identity: i32,
        since: Instant,
    },
}

#[derive(Debug)]
struct Challenged {
    scheme: Scheme,
    sent: Sent,
    server_challenge: [u8; 8],
    wrapped: Option<Wrapped>,
    since: Instant,
    /// The place among those that wait.
    _permit: Permit,
}

/// SPNEGO is around the messages.
#[derive(Clone, Debug)]
struct Wrapped {
    /// DER of the client's list.
    mechanisms: Vec<u8>,
    /// NTLM was not its first choice: nobody may have changed the list on its way.
    must_sign: bool,
}

impl Connection {
    /// Who signed in on this connection, at most `lifetime` microseconds ago.
    pub fn identity(&self, now: Instant, lifetime: i64) -> Option<i32> {
        let mut inner = self.lock();
        match inner.state {
            State::User { identity, since } if (0..lifetime).contains(&(now.0 - since.0)) => Some(identity),
            State::User { .. } => {
                inner.state = State::Fresh;
                None
            }
            _ => None,
        }
    }

    /// The answer was right.
    pub fn sign_in(&self, identity: i32, now: Instant) {
        *self.lock() = Inner { state: State::User { identity, since: now }, failures: 0 };
    }

    /// Notes a failure. `true`: this connection has had enough of them.
    pub fn failed(&self) -> bool {
        let mut inner = self.lock();
        inner.state = State::Fresh;
        inner.failures = inner.failures.saturating_add(1);
        inner.failures >= FAILURES
    }

    /// What a token does. A first message always begins anew; a last one is good once.
    pub fn step(&self, scheme: Scheme, token: &[u8], setting: &Setting<'_>) -> Step {
        let mut inner = self.lock();
        let before = std::mem::take(&mut inner.state);
        let (step, after) = match walk(before, scheme, token, setting) {
            Ok(done) => done,
            Err(reason) => (Step::Refused(reason), State::Fresh),
        };
        inner.state = after;
        step
    }

    /// What becomes of a token where a helper is asked. As in [`Connection::step`], a first one begins anew, and whatever
    /// comes leaves nothing behind that could be continued twice.
    pub fn pass(&self, scheme: Scheme, token: &[u8], half_open: &HalfOpen, peer: Option<IpAddr>, now: Instant) -> Pass {
        let before = std::mem::take(&mut self.lock().state);
        let handed = match relay::read(scheme, token) {
            Ok(handed) => handed,
            Err(reason) => return Pass::Refused(reason),
        };
        if handed.is_first {
            drop(before);
            let Some(permit) = half_open.permit(peer, now) else { return Pass::Busy };
            return Pass::Begin(handed.in_place(permit));
        }
        let State::Relayed(waiting) = before else { return Pass::Refused(Reason::Order) };
        let (earlier, dialogue) = *waiting;
        match handed.after(earlier) {
            Some(handed) => Pass::GoOn(handed, dialogue),
            None => Pass::Refused(Reason::Form),
        }
    }

    /// The helper has answered, and waits for the client.
    pub fn wait(&self, handed: Handed, dialogue: Dialogue) {
        self.lock().state = State::Relayed(Box::new((handed, dialogue)));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn walk(before: State, scheme: Scheme, token: &[u8], setting: &Setting<'_>) -> Result<(Step, State), Reason> {
    if scheme == Scheme::Ntlm || token.starts_with(wire::SIGNATURE) {
        return match wire::message_type(token) {
            Some(1) => {
                drop(before);
                challenge(scheme, token, None, None, setting)
            }
            _ => answer(before, scheme, token, None, setting.now),
        };
    }
    match Token::read(token)? {
        Token::Init(init) => {
            let place = init.ntlm.ok_or(Reason::Mechanism)?;
            let wrapped = Wrapped { mechanisms: init.mechanisms.to_vec(), must_sign: place > 0 };
            match init.token.filter(|_| place == 0) {
                Some(message) => challenge(scheme, message, Some(wrapped), None, setting),
                None => {
                    let Some(permit) = setting.half_open.permit(setting.peer, setting.now) else {
                        return Ok((Step::Busy, State::Fresh));
                    };
                    let state = State::Chosen { mechanisms: wrapped.mechanisms, since: setting.now, permit };
                    Ok((Step::Continue(spnego::choose_ntlm()), state))
                }
            }
        }
        Token::Response(response) => {
            let message = response.token.ok_or(Reason::Order)?;
            match before {
                State::Chosen { mechanisms, since, permit } if wire::message_type(message) == Some(1) => {
                    check_age(since, setting.now)?;
                    let wrapped = Wrapped { mechanisms, must_sign: true };
                    challenge(scheme, message, Some(wrapped), Some(permit), setting)
                }
                before => answer(before, scheme, message, Some(response.mic), setting.now),
            }
        }
    }
}

fn check_age(since: Instant, now: Instant) -> Result<(), Reason> {
    if (0..PATIENCE).contains(&(now.0 - since.0)) { Ok(()) } else { Err(Reason::Late) }
}

fn challenge(
    scheme: Scheme,
    message: &[u8],
    wrapped: Option<Wrapped>,
    permit: Option<Permit>,
    setting: &Setting<'_>,
) -> Result<(Step, State), Reason> {
    let client = Negotiate::read(message)?;
    let permit = permit.or_else(|| setting.half_open.permit(setting.peer, setting.now));
    let Some(permit) = permit else { return Ok((Step::Busy, State::Fresh)) };
    let time = file_time(setting.now.0);
    let challenge = wire::challenge(client.flags, setting.names, setting.random, time);
    let token = if wrapped.is_some() { spnego::challenge(&challenge) } else { challenge.clone() };
    let challenged = Challenged {
        scheme,
        sent: Sent { negotiate: message.to_vec(), challenge, time },
        server_challenge: setting.random,
        wrapped,
        since: setting.now,
        _permit: permit,
    };
    Ok((Step::Continue(token), State::Challenged(Box::new(challenged))))
}

/// `mic`: the outer option says whether SPNEGO is around the message.
fn answer(
    before: State,
    scheme: Scheme,
    message: &[u8],
    mic: Option<Option<&[u8]>>,
    now: Instant,
) -> Result<(Step, State), Reason> {
    // The message first: what is no answer at all is named so, whatever the state.
    let read = Authenticate::read(message)?;
    let (user, domain) = (read.user.clone(), read.domain.clone());
    let State::Challenged(challenged) = before else { return Err(Reason::Order) };
    check_age(challenged.since, now)?;
    if challenged.scheme != scheme || challenged.wrapped.is_some() != mic.is_some() {
        return Err(Reason::Form);
    }
    let Challenged { sent, server_challenge, wrapped, .. } = *challenged;
    let mic = mic.flatten().map(<[u8]>::to_vec);
    let answer = Answer { message: message.to_vec(), user, domain, server_challenge, sent, wrapped, mic };
    Ok((Step::Verify(Box::new(answer)), State::Fresh))
}

/// A client's last message and all that it is checked against.
#[derive(Debug)]
pub struct Answer {
    message: Vec<u8>,
    /// As on the wire.
    pub user: String,
    pub domain: String,
    pub server_challenge: [u8; 8],
    sent: Sent,
    wrapped: Option<Wrapped>,
    mic: Option<Vec<u8>>,
}

/// What a verifier is asked.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    pub user: &'a str,
    pub domain: &'a str,
    pub server_challenge: [u8; 8],
    /// NTProofStr and what it proves.
    pub nt: &'a [u8],
}

impl Answer {
    pub fn claim(&self) -> Result<Claim<'_>, Reason> {
        let nt = Authenticate::read(&self.message)?.nt;
        Ok(Claim { user: &self.user, domain: &self.domain, server_challenge: self.server_challenge, nt })
    }

    /// Checks what is left when the verifier has agreed; gives SPNEGO's last token, where one is due.
    pub fn finish(&self, base: Key, demands: &Demands, now: Instant) -> Result<Option<Vec<u8>>, Invalid> {
        let answer = Authenticate::read(&self.message).map_err(|_| Invalid::Mic)?;
        let exported = exported_key(base, &self.sent, &answer, demands, file_time(now.0))?;
        let Some(wrapped) = &self.wrapped else { return Ok(None) };
        match &self.mic {
            Some(mic) if spnego::list_mic_holds(exported, answer.flags, &wrapped.mechanisms, mic) => {
                let ours = spnego::list_mic(exported, answer.flags, spnego::Side::Server, &wrapped.mechanisms);
                Ok(Some(spnego::completed(&ours)))
            }
            Some(_) => Err(Invalid::Mic),
            None if wrapped.must_sign => Err(Invalid::NoMic),
            None => Ok(None),
        }
    }
}
