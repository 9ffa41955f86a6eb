//! Credentials as rows: sealed at rest, one for a service account, one for each person, never one for the other.
//!
//! In: secrets. Out: rows whose secret opens at its own place alone. What follows from an answer is written on condition that
//! the row still holds the secret that was shown (`version`): who gave a new one meanwhile is not undone.

use diesel::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::connections::{self, Connection, Product};
use super::state::State;
use super::{Kind, OutgoingError, SECOND, Whose, told};
use crate::auth::audit::{self, Entry};
use crate::auth::sealed::CREDENTIALS;
use crate::auth::vault::{Vault, VaultError};
use crate::db::tables::outgoing_credentials as rows;
use crate::db::{AsConn, DbError, Hold, Tx};
use crate::on;
use crate::sql::{Guid, Instant};

/// Why a credential is red which is sealed under a key that the server did not have.
pub const NO_KEY: &str = "this server does not have the key";
const OK: &str = "ok";
const RED: &str = "red";
/// A server that renews a credential and is silent for so long has died (AU-61).
const LEASE: i64 = 30 * SECOND;
/// Between two writes of when a credential last worked.
const WORKED_EVERY: i64 = 3_600 * SECOND;
/// The longest rest after failures that may pass.
const LONGEST_REST: i64 = 900;
/// The longest that the other end may ask for.
const LONGEST_ASKED: i64 = 86_400;

/// What Entra ID gave.
#[derive(Clone, Debug)]
pub struct Pair {
    pub access: SecretString,
    pub refresh: SecretString,
    /// The end of the access token.
    pub until: Instant,
}

/// A secret, opened.
#[derive(Clone, Debug)]
pub enum Secret {
    OAuth(Pair),
    Pat(SecretString),
    /// The password of the account.
    Ntlm(SecretString),
}

/// A pair as it is sealed.
#[derive(Serialize, Deserialize)]
struct Written<'a> {
    access: &'a str,
    refresh: &'a str,
    until: i64,
}

impl Secret {
    pub fn kind(&self) -> Kind {
        match self {
            Secret::OAuth(_) => Kind::OAuth,
            Secret::Pat(_) => Kind::Pat,
            Secret::Ntlm(_) => Kind::Ntlm,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Secret::OAuth(pair) => {
                let (access, refresh) = (pair.access.expose_secret(), pair.refresh.expose_secret());
                // Texts and a number, which always serialise.
                serde_json::to_vec(&Written { access, refresh, until: pair.until.0 }).unwrap_or_default()
            }
            Secret::Pat(text) | Secret::Ntlm(text) => text.expose_secret().as_bytes().to_vec(),
        }
    }

    fn read(kind: Kind, bytes: &[u8]) -> Option<Secret> {
        let text = || Some(SecretString::from(std::str::from_utf8(bytes).ok()?.to_owned()));
        match kind {
            Kind::OAuth => {
                let written: Written<'_> = serde_json::from_slice(bytes).ok()?;
                Some(Secret::OAuth(Pair {
                    access: SecretString::from(written.access.to_owned()),
                    refresh: SecretString::from(written.refresh.to_owned()),
                    until: Instant(written.until),
                }))
            }
            Kind::Pat => text().map(Secret::Pat),
            Kind::Ntlm => text().map(Secret::Ntlm),
        }
    }
}

/// A credential as somebody gives it.
#[derive(Clone, Debug)]
pub struct Given {
    pub secret: Secret,
    /// Of a Windows account: `DOMAIN\user`.
    pub account: Option<String>,
    pub expires_at: Option<Instant>,
}

/// The longest life of a secret, in microseconds.
const LONGEST_LIFE: i64 = 100 * 366 * 86_400 * SECOND;
/// Bytes of a secret, and characters of an account's name.
const LONGEST_SECRET: usize = 4_000;
const LONGEST_ACCOUNT: usize = 256;

/// What cannot be kept: the member at fault, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} {1}")]
pub struct Unfit(pub &'static str, pub &'static str);

impl Given {
    /// A token, or the password of an account.
    pub fn of(
        (kind, secret, account): (&str, &str, Option<&str>),
        expires_at: Option<Instant>,
        now: Instant,
    ) -> Result<Given, Unfit> {
        let is_line = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
        if !is_line(secret) || secret.len() > LONGEST_SECRET {
            return Err(Unfit("secret", "must have 1 to 4000 bytes, in one line"));
        }
        if expires_at.is_some_and(|end| end <= now) {
            return Err(Unfit("expiresAt", "is over"));
        }
        if expires_at.is_some_and(|end| end.0 - now.0 > LONGEST_LIFE) {
            return Err(Unfit("expiresAt", "is more than a hundred years away"));
        }
        let text = SecretString::from(secret.to_owned());
        let (secret, account) = match Kind::of(kind) {
            Some(Kind::Pat) if !secret.bytes().all(|byte| byte.is_ascii_graphic()) => {
                return Err(Unfit("secret", "is no personal access token: it holds blanks or letters outside ASCII"));
            }
            Some(Kind::Pat) => (Secret::Pat(text), None),
            Some(Kind::Ntlm) => {
                let is_name = |part: &str| !part.is_empty() && part.trim() == part;
                let fits = |name: &&str| {
                    let (domain, user) = name.split_once('\\').unwrap_or(("-", name));
                    let is_whole = is_name(domain) && is_name(user) && !user.contains('\\');
                    is_whole && is_line(name) && name.chars().count() <= LONGEST_ACCOUNT
                };
                let account =
                    account.filter(fits).ok_or(Unfit("user", "must name the account, such as DOMAIN\\user"))?;
                (Secret::Ntlm(text), Some(account.to_owned()))
            }
            Some(Kind::OAuth) => {
                return Err(Unfit("kind", "must be pat or ntlm; POST …/authorize signs in at Entra ID"));
            }
            None => return Err(Unfit("kind", "must be pat or ntlm")),
        };
        Ok(Given { secret, account, expires_at })
    }
}

/// A row, without its lease.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = rows)]
pub struct Credential {
    pub id: i32,
    pub guid: Guid,
    pub connection_id: i32,
    pub user_id: Option<i32>,
    kind: String,
    pub account: Option<String>,
    sealed: Vec<u8>,
    pub expires_at: Option<Instant>,
    state: String,
    pub reason: Option<String>,
    pub failed_at: Option<Instant>,
    pub worked_at: Option<Instant>,
    pub failures: i32,
    pub refresh_after: Option<Instant>,
    pub send_after: Option<Instant>,
    pub version: i32,
    changed_at: Instant,
}

/// A credential as it may be shown: all but its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub kind: String,
    pub account: Option<String>,
    pub expires_at: Option<Instant>,
    pub state: State,
    pub reason: Option<String>,
    pub failed_at: Option<Instant>,
    pub worked_at: Option<Instant>,
    pub changed_at: Instant,
}

impl Credential {
    pub fn whose(&self) -> Whose {
        Whose::of(self.user_id)
    }

    pub fn kind(&self) -> Option<Kind> {
        Kind::of(&self.kind)
    }

    pub fn state(&self, now: Instant) -> State {
        State::at(self.state == RED, self.expires_at, now)
    }

    /// Whether it was refused already, whatever the clock says.
    pub fn is_refused(&self) -> bool {
        self.state == RED
    }

    pub fn shown(&self, now: Instant) -> Held {
        Held {
            kind: self.kind.clone(),
            account: self.account.clone(),
            expires_at: self.expires_at,
            state: self.state(now),
            reason: self.reason.clone(),
            failed_at: self.failed_at,
            worked_at: self.worked_at,
            changed_at: self.changed_at,
        }
    }

    /// Whether it is red for want of a key alone: a server that has the key goes on with it.
    pub fn wants_a_key(&self) -> bool {
        self.is_refused() && self.reason.as_deref().is_some_and(|reason| reason.starts_with(NO_KEY))
    }

    /// The secret. A blob that was cut, changed, moved from another row or sealed under a key that is gone is refused.
    pub fn open(&self, vault: &Vault) -> Result<Secret, VaultError> {
        let bytes = vault.open(&self.sealed, CREDENTIALS.place(self.id))?;
        self.kind().and_then(|kind| Secret::read(kind, &bytes)).ok_or(VaultError::Forged)
    }
}

/// The credential of exactly this owner.
pub fn find(conn: &mut impl AsConn, connection: i32, whose: Whose) -> Result<Option<Credential>, DbError> {
    let of = rows::table.filter(rows::connection_id.eq(connection));
    let (service, person) = (of.filter(rows::user_id.is_null()), of.filter(rows::user_id.eq(whose.user_id())));
    Ok(match whose {
        Whose::Service => on!(conn, c => service.select(Credential::as_select()).first(c).optional())?,
        Whose::Person(_) => on!(conn, c => person.select(Credential::as_select()).first(c).optional())?,
    })
}

pub fn by_id(conn: &mut impl AsConn, id: i32) -> Result<Option<Credential>, DbError> {
    Ok(on!(conn, c => rows::table.find(id).select(Credential::as_select()).first(c).optional())?)
}

/// All of them.
pub fn all(conn: &mut impl AsConn) -> Result<Vec<Credential>, DbError> {
    Ok(on!(conn, c => rows::table.order(rows::id).select(Credential::as_select()).load(c))?)
}

/// What people have of their own for a connection.
pub fn of_people(conn: &mut impl AsConn, connection: i32) -> Result<Vec<Credential>, DbError> {
    let of = rows::table.filter(rows::connection_id.eq(connection)).filter(rows::user_id.is_not_null());
    Ok(on!(conn, c => of.order(rows::id).select(Credential::as_select()).load(c))?)
}

/// Every connection with what its owner has for it.
pub fn states(conn: &mut impl AsConn, whose: Whose, now: Instant) -> Result<Vec<(Connection, Option<Held>)>, DbError> {
    let service = rows::table.filter(rows::user_id.is_null());
    let person = rows::table.filter(rows::user_id.eq(whose.user_id()));
    let theirs: Vec<Credential> = match whose {
        Whose::Service => on!(conn, c => service.select(Credential::as_select()).load(c))?,
        Whose::Person(_) => on!(conn, c => person.select(Credential::as_select()).load(c))?,
    };
    let held = |id: i32| theirs.iter().find(|row| row.connection_id == id).map(|row| row.shown(now));
    Ok(connections::list(conn)?.into_iter().map(|connection| (connection.clone(), held(connection.id))).collect())
}

/// How many credentials are in each state.
pub fn counts(conn: &mut impl AsConn, now: Instant) -> Result<[(State, usize); 3], DbError> {
    let all: Vec<State> = all(conn)?.iter().map(|row| row.state(now)).collect();
    Ok(State::ALL.map(|state| (state, all.iter().filter(|at| **at == state).count())))
}

/// Keeps a credential in the place of the one before; what was told of that is over.
pub fn keep(
    tx: &mut Tx<'_>,
    vault: &Vault,
    (by, connection, whose): (&Entry, &Connection, Whose),
    given: &Given,
    now: Instant,
) -> Result<(), OutgoingError> {
    tx.must_hold(Hold::Shared)?;
    // Two who give one at the same moment: one after the other.
    tx.hold_row(connection.guid)?;
    if given.secret.kind() == Kind::Ntlm && connection.product() == Product::Services {
        return Err(Unfit("kind", "cannot be ntlm: Azure DevOps Services takes no Windows account").into());
    }
    let kind = given.secret.kind().name();
    let id = match find(tx, connection.id, whose)? {
        Some(before) => {
            tx.hold_row(before.guid)?;
            told::over(tx, &before)?;
            before.id
        }
        None => {
            let row = (
                rows::guid.eq(Guid(uuid::Uuid::now_v7())),
                rows::connection_id.eq(connection.id),
                rows::user_id.eq(whose.user_id()),
                rows::kind.eq(kind),
                rows::sealed.eq(Vec::new()),
                rows::state.eq(OK),
                rows::failures.eq(0),
                rows::version.eq(0),
                rows::changed_at.eq(now),
            );
            on!(tx, c => diesel::insert_into(rows::table).values(&row).returning(rows::id).get_result::<i32>(c))?
        }
    };
    let sealed = vault.seal(&given.secret.bytes(), CREDENTIALS.place(id))?;
    let new = (
        rows::kind.eq(kind),
        rows::account.eq(&given.account),
        rows::sealed.eq(&sealed),
        rows::expires_at.eq(given.expires_at),
        rows::worked_at.eq(None::<Instant>),
        rows::changed_at.eq(now),
        rows::version.eq(rows::version + 1),
    );
    if on!(tx, c => diesel::update(rows::table.find(id)).set((new, good())).execute(c))? == 0 {
        return Err(DbError::Conflict("a credential was removed while another took its place".to_owned()).into());
    }
    let entry = connections::entry("credential-kept", by, connection, (whose, kind));
    audit::write(tx, &entry, now)?;
    Ok(())
}

type Good = (
    diesel::dsl::Eq<rows::state, &'static str>,
    diesel::dsl::Eq<rows::reason, Option<String>>,
    diesel::dsl::Eq<rows::failed_at, Option<Instant>>,
    diesel::dsl::Eq<rows::failures, i32>,
    diesel::dsl::Eq<rows::refresh_after, Option<Instant>>,
    diesel::dsl::Eq<rows::send_after, Option<Instant>>,
    diesel::dsl::Eq<rows::lease_owner, Option<Guid>>,
    diesel::dsl::Eq<rows::lease_until, Option<Instant>>,
);

/// As good as new.
fn good() -> Good {
    (
        rows::state.eq(OK),
        rows::reason.eq(None),
        rows::failed_at.eq(None),
        rows::failures.eq(0),
        rows::refresh_after.eq(None),
        rows::send_after.eq(None),
        rows::lease_owner.eq(None),
        rows::lease_until.eq(None),
    )
}

/// Forgets a credential; false: there was none.
pub fn remove(
    tx: &mut Tx<'_>,
    (by, connection, whose): (&Entry, &Connection, Whose),
    now: Instant,
) -> Result<bool, DbError> {
    tx.must_hold(Hold::Shared)?;
    tx.hold_row(connection.guid)?;
    let Some(gone) = find(tx, connection.id, whose)? else { return Ok(false) };
    tx.hold_row(gone.guid)?;
    told::over(tx, &gone)?;
    on!(tx, c => diesel::delete(rows::table.find(gone.id)).execute(c))?;
    let entry = connections::entry("credential-removed", by, connection, (whose, &gone.kind));
    audit::write(tx, &entry, now)?;
    Ok(true)
}

/// A lease that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    Mine,
    /// Mine, after its holder died: nobody knows what the provider had told it.
    Left,
    Others,
}

/// Takes the lease of a credential that nobody has renewed yet (AU-61).
pub fn claim(tx: &mut Tx<'_>, seen: &Credential, owner: Guid, now: Instant) -> Result<Claim, DbError> {
    tx.must_hold(Hold::Shared)?;
    let row = rows::table.filter(rows::id.eq(seen.id)).filter(rows::version.eq(seen.version));
    let mine = (rows::lease_owner.eq(owner), rows::lease_until.eq(Instant(now.0 + LEASE)));
    let free = row.filter(rows::lease_owner.is_null());
    if on!(tx, c => diesel::update(free).set(mine).execute(c))? > 0 {
        return Ok(Claim::Mine);
    }
    // One of this server's own is of a renewal that could not be noted: they take turns here.
    let left = row.filter(rows::lease_until.le(now).or(rows::lease_owner.eq(owner)));
    let taken = on!(tx, c => diesel::update(left).set(mine).execute(c))?;
    Ok(if taken > 0 { Claim::Left } else { Claim::Others })
}

/// Keeps what a renewal brought. False: somebody gave another meanwhile.
pub fn renewed(tx: &mut Tx<'_>, vault: &Vault, seen: &Credential, new: &Pair) -> Result<bool, OutgoingError> {
    tx.must_hold(Hold::Shared)?;
    let Some(row) = as_seen(tx, seen)? else { return Ok(false) };
    let sealed = vault.seal(&Secret::OAuth(new.clone()).bytes(), CREDENTIALS.place(row.id))?;
    let new = (rows::sealed.eq(&sealed), rows::version.eq(rows::version + 1));
    on!(tx, c => diesel::update(rows::table.find(row.id)).set((new, good())).execute(c))?;
    told::works(tx, &row)?;
    told::registration_works(tx)?;
    Ok(true)
}

/// The row, which this transaction alone writes from here on; nothing where another secret has taken the place of what was
/// seen.
fn as_seen(tx: &mut Tx<'_>, seen: &Credential) -> Result<Option<Credential>, DbError> {
    tx.hold_row(seen.guid)?;
    Ok(by_id(tx, seen.id)?.filter(|row| row.version == seen.version))
}

/// A renewal of this server's is over; another's goes on.
fn end_lease(tx: &mut Tx<'_>, id: i32, owner: Guid) -> Result<(), DbError> {
    let mine = rows::table.find(id).filter(rows::lease_owner.eq(owner));
    let idle = (rows::lease_owner.eq(None::<Guid>), rows::lease_until.eq(None::<Instant>));
    on!(tx, c => diesel::update(mine).set(idle).execute(c))?;
    Ok(())
}

/// It is refused, revoked or over, and its people are told, once. False: it is another by now. `renewal`: the server whose
/// renewal this ends.
pub fn fail(
    tx: &mut Tx<'_>,
    seen: &Credential,
    (reason, renewal): (&str, Option<Guid>),
    now: Instant,
) -> Result<bool, DbError> {
    tx.must_hold(Hold::Shared)?;
    let Some(row) = as_seen(tx, seen)? else { return Ok(false) };
    let new = (rows::state.eq(RED), rows::reason.eq(reason), rows::failed_at.eq(now));
    on!(tx, c => diesel::update(rows::table.find(row.id)).set(new).execute(c))?;
    if let Some(owner) = renewal {
        end_lease(tx, row.id, owner)?;
    }
    if row.is_refused() {
        return Ok(true);
    }
    let Some(connection) = connections::by_id(tx, row.connection_id)? else { return Ok(true) };
    told::failed(tx, &row, &connection, reason, now)?;
    let mut entry = connections::entry("credential-refused", &Entry::default(), &connection, (row.whose(), &row.kind));
    entry.outcome = reason.to_owned();
    audit::write(tx, &entry, now)?;
    Ok(true)
}

/// What waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// The provider is not asked for a while; the renewal of this server is over.
    Renewal(Guid),
    /// Nothing is sent for a while.
    Sending,
}

/// It may pass: the state stays, and the next try comes when the other end asked for it, else each time twice as late. Gives
/// the time.
pub fn postpone(
    tx: &mut Tx<'_>,
    seen: &Credential,
    what: Waits,
    (why, asked): (&str, Option<i64>),
    now: Instant,
) -> Result<Instant, DbError> {
    tx.must_hold(Hold::Shared)?;
    let row = as_seen(tx, seen)?;
    let failures = row.as_ref().map_or(seen.failures, |row| row.failures);
    let doubled = (1_i64 << failures.clamp(0, 10)).min(LONGEST_REST);
    let until = Instant(now.0 + asked.map_or(doubled, |asked| asked.clamp(1, LONGEST_ASKED)) * SECOND);
    let Some(row) = row else { return Ok(until) };
    let at = rows::table.find(row.id);
    let failed = (rows::failed_at.eq(now), rows::failures.eq(failures.saturating_add(1)));
    match what {
        Waits::Renewal(owner) => {
            on!(tx, c => diesel::update(at).set((failed, rows::refresh_after.eq(until))).execute(c))?;
            end_lease(tx, row.id, owner)?;
        }
        Waits::Sending => {
            on!(tx, c => diesel::update(at).set((failed, rows::send_after.eq(until))).execute(c))?;
        }
    }
    // Why it is red is worth more.
    if !row.is_refused() {
        on!(tx, c => diesel::update(at).set(rows::reason.eq(why)).execute(c))?;
    }
    Ok(until)
}

/// Nothing is sent for so many seconds, which is no failure.
pub fn rest(tx: &mut Tx<'_>, seen: &Credential, seconds: i64, now: Instant) -> Result<(), DbError> {
    tx.must_hold(Hold::Shared)?;
    let Some(row) = as_seen(tx, seen)? else { return Ok(()) };
    let until = Instant(now.0 + seconds.clamp(0, LONGEST_ASKED) * SECOND);
    on!(tx, c => diesel::update(rows::table.find(row.id)).set(rows::send_after.eq(until)).execute(c))?;
    Ok(())
}

/// Whether a success is news.
pub fn is_news(seen: &Credential, now: Instant) -> bool {
    let is_old = seen.worked_at.is_none_or(|at| now.0 - at.0 >= WORKED_EVERY);
    is_old || seen.is_refused() || seen.failures > 0 || seen.reason.is_some()
}

/// It works; `proof`: the other end said for whom, which makes a refused one good again. What was told of the provider stays,
/// as long as that is left alone.
pub fn worked(tx: &mut Tx<'_>, seen: &Credential, proof: Option<&str>, now: Instant) -> Result<(), DbError> {
    tx.must_hold(Hold::Shared)?;
    let Some(row) = as_seen(tx, seen)?.filter(|row| proof.is_some() || !row.is_refused()) else { return Ok(()) };
    let at = rows::table.find(row.id);
    on!(tx, c => diesel::update(at).set((rows::worked_at.eq(now), rows::state.eq(OK))).execute(c))?;
    if let Some(account) = proof.filter(|_| row.kind() == Some(Kind::OAuth) && row.account.is_none()) {
        on!(tx, c => diesel::update(at).set(rows::account.eq(account)).execute(c))?;
    }
    let good = (rows::reason.eq(None::<String>), rows::failed_at.eq(None::<Instant>), rows::failures.eq(0));
    let at = at.filter(rows::refresh_after.is_null().or(rows::refresh_after.le(now)));
    on!(tx, c => diesel::update(at).set(good).execute(c))?;
    told::works(tx, &row)
}
