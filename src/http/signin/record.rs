//! What signing in leaves behind: counts of failures (AU-90), rows of the audit (AU-96), and people who are new (AU-7).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use actix_web::HttpRequest;
use serde_json::{Map, Value};

use super::{Problem, Windows, public};
use crate::auth::audit::{self, Entry};
use crate::auth::identities::{self, IdentityError, Provision};
use crate::auth::ntlm::half_open;
use crate::auth::throttle::{self, Attempt, Gate};
use crate::auth::windows::Account;
use crate::auth::{self, Credential, local};
use crate::config;
use crate::db::{DbError, Hold, Tx};
use crate::domain::settings::Settings;
use crate::http::App;
use crate::http::middleware::RequestId;
use crate::policy::Role;
use crate::sql::{Guid, Instant};

/// A sign-in that did not succeed, with its true reason.
#[derive(Debug, Default)]
pub struct Failure {
    pub reason: String,
    /// Where it counts against somebody.
    pub attempt: Option<Attempt>,
    /// As whom.
    pub named: Option<String>,
}

/// What was told to the audit a moment ago: equal refusals fold into a count a minute, a proxy's sign-ins into one an hour
/// (AU-96).
#[derive(Debug, Default)]
pub struct Record(Mutex<HashMap<String, Fold>>);

#[derive(Debug)]
struct Fold {
    kind: Entry,
    until: Instant,
    more: u64,
}

/// Microseconds in which equal rows fold.
const MINUTE: i64 = 60_000_000;
pub(super) const HOUR: i64 = 60 * MINUTE;
/// Kinds of rows that are remembered at most; beyond, each is written.
const REMEMBERED: usize = 10_000;

impl Record {
    /// The row to write now, or nothing: its like was written a moment ago.
    pub(super) fn fold(&self, entry: &Entry, window: i64, now: Instant) -> Option<Entry> {
        let Entry { event, outcome, credential, address, target, .. } = entry;
        let key = format!("{event}\n{outcome}\n{credential:?}\n{address:?}\n{target:?}");
        let mut folds = self.lock();
        if let Some(fold) = folds.get_mut(&key).filter(|fold| now < fold.until) {
            fold.more += 1;
            return None;
        }
        if folds.len() < REMEMBERED {
            let kind = Entry { request: None, ..entry.clone() };
            folds.insert(key, Fold { kind, until: Instant(now.0 + window), more: 0 });
        }
        Some(entry.clone())
    }

    /// The counts of what is over, as rows.
    fn take_counts(&self, now: Instant) -> Vec<Entry> {
        let mut due = Vec::new();
        self.lock().retain(|_, fold| {
            let is_over = now >= fold.until;
            if is_over && fold.more > 0 && fold.kind.event != SIGN_IN {
                let details = Map::from_iter([("equal".to_owned(), Value::from(fold.more))]);
                due.push(Entry { details, ..fold.kind.clone() });
            }
            !is_over
        });
        due
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Fold>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Writes the counts of refusals whose minute is over.
pub async fn write_counts(app: &App) {
    let now = app.clock.now();
    let rows = app.record.take_counts(now);
    if rows.is_empty() {
        return;
    }
    let written: Result<(), DbError> = app
        .db
        .write(move |tx| {
            tx.hold(Hold::Shared)?;
            rows.iter().try_for_each(|row| audit::write(tx, row, now))
        })
        .await;
    if let Err(error) = written {
        tracing::warn!(cause = %error, "refused sign-ins could not be recorded");
    }
}

pub const SIGN_IN: &str = "sign-in";

pub fn entry(http: &HttpRequest, event: &'static str, outcome: impl Into<String>, target: Option<String>) -> Entry {
    Entry {
        event,
        outcome: outcome.into(),
        credential: Some("ntlm"),
        address: public::client_address(http).map(|address| address.to_string()),
        request: Some(Guid(RequestId::of(http).0)),
        target,
        ..Entry::default()
    }
}

/// Counts a failure and tells the audit its reason. What cannot be written does not change the answer.
pub async fn refused(app: &App, http: &HttpRequest, credential: &'static str, failure: Failure) {
    let row = entry(http, "refused", failure.reason, failure.named);
    write(app, Entry { credential: Some(credential), ..row }, failure.attempt).await;
}

/// A browser that came back from Entra ID without a credential.
pub async fn refused_consent(
    app: &App,
    http: &HttpRequest,
    (user_id, target): (Option<i32>, Option<String>),
    reason: String,
    attempt: Option<Attempt>,
) {
    let row = entry(http, "refused", reason, target);
    write(app, Entry { credential: Some("connect"), user_id, ..row }, attempt).await;
}

pub(super) async fn refused_proxy(app: &App, http: &HttpRequest, reason: &str, named: Option<String>) {
    write(app, Entry { credential: Some("proxy"), ..entry(http, "refused", reason, named) }, None).await;
}

/// A token of the provider that is not good, or whose person is not let in.
pub async fn refused_token(app: &App, http: &HttpRequest, event: &'static str, reason: String, named: Option<String>) {
    write(app, Entry { credential: Some("oidc"), ..entry(http, event, reason, named) }, None).await;
}

pub async fn locked(app: &App, http: &HttpRequest, credential: &'static str, named: Option<String>) {
    let row = Entry { credential: Some(credential), ..entry(http, "locked", "too many failures", named) };
    write(app, row, None).await;
}

pub(super) async fn verifier_down(app: &App, http: &HttpRequest, why: &str) {
    write(app, entry(http, "verifier_down", why, None), None).await;
}

pub(super) async fn foreign_origin(app: &App, http: &HttpRequest, identity: i32) -> Problem {
    forged(app, http, "ntlm", identity, "sent from another site's page").await
}

/// Somebody of whom only the address is known.
pub fn stranger(http: &HttpRequest) -> Attempt {
    Attempt { account: None, network: public::client_address(http).map(half_open::network) }
}

/// Whether an address may try: what fails there counts, whoever it is about (AU-90).
pub async fn may_try(app: &App, http: &HttpRequest, credential: &'static str) -> Result<(), Problem> {
    let (asked, limits, now) = (stranger(http), app.sign_in_limits, app.clock.now());
    match app.db.read(move |conn| throttle::gate(conn, &asked, &limits, now)).await? {
        Gate::Closed { seconds, .. } => {
            locked(app, http, credential, None).await;
            Err(Problem::too_many_failures(seconds))
        }
        Gate::Open | Gate::Wait | Gate::Withheld => Ok(()),
    }
}

/// What makes a credential, by somebody whose sign-in is too long ago (AU-74).
pub async fn stale(app: &App, http: &HttpRequest, session: i32) {
    let row = entry(http, "csrf", "the sign-in is too long ago", None);
    write(app, Entry { credential: Some("session"), credential_id: Some(session), ..row }, None).await;
}

/// A change that no page of ours asked for.
pub async fn forged(
    app: &App,
    http: &HttpRequest,
    credential: &'static str,
    credential_id: i32,
    reason: &str,
) -> Problem {
    let row = entry(http, "csrf", reason, None);
    write(app, Entry { credential: Some(credential), credential_id: Some(credential_id), ..row }, None).await;
    Problem::foreign_origin()
}

/// The account that an attempt names, to find whose it is.
enum Named {
    Local(String),
    /// With what its person may be called.
    Windows(Account, Vec<String>),
}

impl Named {
    fn of(app: &App, attempt: &Attempt) -> Option<Named> {
        if let Some(name) = attempt.local_name() {
            return Some(Named::Local(name.to_owned()));
        }
        let domains = &app.windows.as_ref()?.domains;
        let account = domains.parse(attempt.account.as_deref()?)?;
        let names = domains.names_of(&account);
        Some(Named::Windows(account, names))
    }

    fn shown(&self) -> String {
        match self {
            Named::Local(name) => name.clone(),
            Named::Windows(account, _) => account.to_string(),
        }
    }

    fn owner(&self, tx: &mut Tx<'_>) -> Result<Option<i32>, DbError> {
        match self {
            Named::Local(name) => Ok(local::find(tx, name)?.map(|known| known.user_id)),
            Named::Windows(account, names) => identities::owner(tx, account, names),
        }
    }
}

async fn write(app: &App, row: Entry, attempt: Option<Attempt>) {
    let now = app.clock.now();
    let row = app.record.fold(&row, MINUTE, now);
    if row.is_none() && attempt.is_none() {
        return;
    }
    let limits = app.sign_in_limits;
    let named = attempt.as_ref().and_then(|attempt| Named::of(app, attempt));
    let written: Result<(), DbError> = app
        .db
        .write(move |tx| {
            tx.hold(Hold::Shared)?;
            if let Some(attempt) = &attempt
                && let Some(failures) = throttle::failed(tx, attempt, &limits, now)?
                && let Some(named) = &named
                && let Some(user_id) = named.owner(tx)?
            {
                throttle::tell_owner(tx, user_id, &named.shown(), failures, now)?;
            }
            row.iter().try_for_each(|row| audit::write(tx, row, now))
        })
        .await;
    if let Err(error) = written {
        tracing::warn!(cause = %error, "a refused sign-in could not be recorded");
    }
}

/// As whom an account is let in.
pub(super) enum Admission {
    As(i32),
    Disabled,
    /// There is no person, and none is made.
    Nobody,
}

/// Lets in an account that has proven itself; the audit hears of it.
pub(super) async fn admitted(
    app: &App,
    http: &HttpRequest,
    windows: &Windows,
    account: &Account,
    attempt: Option<Attempt>,
    kind: &'static str,
) -> Result<Admission, DbError> {
    let now = app.clock.now();
    let wanted = account.clone();
    let known = app.db.read(move |conn| match identities::find_windows(conn, &wanted)? {
        Some((identity, _)) => {
            let admitted = auth::lookup(conn, Credential::Identity(identity), now)?;
            Ok::<_, DbError>(Some((identity, admitted.is_some())))
        }
        None => Ok(None),
    });
    let known: Option<(i32, bool)> = known.await?;
    if let Some((_, false)) = known {
        return Ok(Admission::Disabled);
    }
    let row = Entry { credential: Some(kind), ..entry(http, SIGN_IN, "ok", Some(account.to_string())) };
    let row = if kind == "proxy" { app.record.fold(&row, HOUR, now) } else { Some(row) };
    if let (Some((identity, _)), None, None) = (known, &row, &attempt) {
        return Ok(Admission::As(identity));
    }
    // Where a person may be made, nobody else makes one.
    let hold = if known.is_some() { Hold::Shared } else { Hold::Exclusive };
    let (account, names, provision) = (account.clone(), windows.domains.names_of(account), windows.provision);
    let admitted = app.db.write(move |tx| {
        tx.hold(hold)?;
        let provision = match provision {
            // A computer is no person by itself.
            _ if account.user.ends_with('$') => Provision::Deny,
            config::Provision::Deny => Provision::Deny,
            config::Provision::NoneRole => Provision::Add(Role::None),
            config::Provision::DefaultRole => Provision::Add(Settings::read(tx)?.default_role.0),
        };
        let identity = identities::admit_windows(tx, &account, &names, provision, now)?;
        let admitted = match identity {
            Some(identity) => auth::lookup(tx, Credential::Identity(identity), now)?,
            None => None,
        };
        if let (Some(attempt), Some(_)) = (&attempt, &admitted) {
            throttle::succeeded(tx, attempt, now)?;
        }
        if let Some(row) = &row {
            let (event, outcome) = match (identity, &admitted) {
                (_, Some(_)) => (SIGN_IN, "ok"),
                (Some(_), None) => ("refused", "the person is disabled"),
                (None, None) => ("denied", "the account is nobody's"),
            };
            let user_id = admitted.as_ref().map(|admitted| admitted.caller.user_id);
            let row = Entry { event, outcome: outcome.to_owned(), user_id, credential_id: identity, ..row.clone() };
            audit::write(tx, &row, now)?;
        }
        Ok::<_, IdentityError>(match (identity, admitted) {
            (Some(identity), Some(_)) => Admission::As(identity),
            (Some(_), None) => Admission::Disabled,
            (None, _) => Admission::Nobody,
        })
    });
    admitted.await.map_err(|error| match error {
        IdentityError::Database(error) => error,
        other => DbError::Other(other.to_string()),
    })
}
