//! The queue of mails: which notice is to be mailed next, and what became of it.
//!
//! In: notices whose mail is due, and servers that send. Out: each in one hand at a time: who claims one moves its time on, on
//! the condition that it is as it was read. A server that dies with one in its hand leaves it to the next; so a mail goes out
//! at least once. What fails is tried again, later each time, and given up after a day.

use diesel::prelude::*;
use serde_json::{Map, Value};

use super::Kind;
use super::settings::Settings;
use crate::db::tables::{notices, users};
use crate::db::{AsConn, DbError, Hold, Tx};
use crate::on;
use crate::sql::{Guid, Instant};

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// How long a server may take to send one before it is anybody's.
const LEASE: i64 = 2 * MINUTE;
/// After the first failure; twice as long after each further one.
const BACK_OFF: i64 = MINUTE;
const LONGEST_BACK_OFF: i64 = HOUR;
/// After a try of which nobody knows whether the server has taken it.
const FURTHER_COPY: i64 = 6 * HOUR;
/// From the first attempt on.
const GIVEN_UP_AFTER: i64 = DAY;
/// What nobody tried to send for so long is no news any more: mail was off.
const STALE: i64 = 3 * DAY;
/// Rows that one claim looks at.
const LOOKED_AT: i64 = 16;
/// Characters of a reason that are kept.
const LONGEST_REASON: usize = 500;

/// A mail to be sent, by whoever claimed it.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Of the notice: a mail that goes out twice has the same.
    pub id: Guid,
    pub kind: Kind,
    pub facts: Map<String, Value>,
    pub told_at: Instant,
    pub person: Guid,
    pub name: String,
    pub address: String,
    /// This one included.
    attempt: i32,
    first_at: Instant,
}

#[derive(Queryable)]
struct Row {
    id: i32,
    guid: Guid,
    kind: String,
    facts: String,
    created_at: Instant,
    due_at: Option<Instant>,
    attempts: i32,
    tried_at: Option<Instant>,
    user_id: i32,
    person: Guid,
    name: String,
    email: Option<String>,
    is_active: bool,
    time_zone: String,
}

#[diesel::dsl::auto_type(no_type_alias)]
fn due(now: Instant) -> _ {
    let known: [&'static str; Kind::ALL.len()] = Kind::ALL.map(Kind::name);
    notices::table.filter(notices::mail_due_at.le(now)).filter(notices::kind.eq_any(known))
}

/// Whether a mail is due. It costs no writer's turn.
pub fn any_due(conn: &mut impl AsConn, now: Instant) -> Result<bool, DbError> {
    let found: Option<i32> = on!(conn, c => due(now).select(notices::id).first(c).optional())?;
    Ok(found.is_some())
}

/// Takes a mail that is due. What is not wanted is dropped on the way, what comes in quiet hours is put off.
pub fn claim(tx: &mut Tx<'_>, now: Instant) -> Result<Option<Mail>, DbError> {
    tx.must_hold(Hold::Shared)?;
    let rows: Vec<Row> = on!(tx, c => due(now)
        .inner_join(users::table)
        .order((notices::mail_due_at, notices::id))
        .limit(LOOKED_AT)
        .select((
            notices::id,
            notices::guid,
            notices::kind,
            notices::facts,
            notices::created_at,
            notices::mail_due_at,
            notices::mail_attempts,
            notices::mail_tried_at,
            users::id,
            users::guid,
            users::name,
            users::email,
            users::is_active,
            users::time_zone,
        ))
        .load(c))?;
    for row in rows {
        let settings = Settings::read(tx, row.user_id)?;
        let Some(mail) = row.wanted(&settings, now) else {
            row.put(tx, None)?;
            continue;
        };
        if let Some(until) = settings.quiet_until(now, &row.time_zone) {
            row.put(tx, Some(until))?;
            continue;
        }
        let taken = (
            notices::mail_due_at.eq(Some(Instant(now.0 + LEASE))),
            notices::mail_attempts.eq(mail.attempt),
            notices::mail_tried_at.eq(Some(mail.first_at)),
        );
        let unchanged = notices::table
            .find(row.id)
            .filter(notices::mail_due_at.eq(row.due_at))
            .filter(notices::mail_attempts.eq(row.attempts));
        if on!(tx, c => diesel::update(unchanged).set(taken).execute(c))? == 1 {
            return Ok(Some(mail));
        }
    }
    Ok(None)
}

impl Row {
    /// The mail, unless the person wants none, can get none, or it is too late for it.
    fn wanted(&self, settings: &Settings, now: Instant) -> Option<Mail> {
        let kind = Kind::of(&self.kind).filter(|kind| settings.mails(*kind))?;
        let too_late = match self.tried_at {
            Some(first) => now.0 - first.0 >= GIVEN_UP_AFTER,
            None => now.0 - self.created_at.0 >= STALE,
        };
        let address = self.email.as_deref().map(str::trim).filter(|address| !address.is_empty());
        let address = address.filter(|_| self.is_active && !too_late)?;
        Some(Mail {
            id: self.guid,
            kind,
            facts: serde_json::from_str(&self.facts).unwrap_or_default(),
            told_at: self.created_at,
            person: self.person,
            name: self.name.clone(),
            address: address.to_owned(),
            attempt: self.attempts + 1,
            first_at: self.tried_at.unwrap_or(now),
        })
    }

    /// Puts it off, or drops it, if nobody has taken it meanwhile.
    fn put(&self, tx: &mut Tx<'_>, due_at: Option<Instant>) -> Result<(), DbError> {
        on!(tx, c => diesel::update(notices::table.find(self.id))
            .filter(notices::mail_due_at.eq(self.due_at))
            .filter(notices::mail_attempts.eq(self.attempts))
            .set(notices::mail_due_at.eq(due_at))
            .execute(c))?;
        Ok(())
    }
}

/// The row of a mail that this holder still holds.
macro_rules! held {
    ($mail:expr) => {
        notices::table.filter(notices::guid.eq($mail.id)).filter(notices::mail_attempts.eq($mail.attempt))
    };
}

/// Notes that a server of mails has taken it.
pub fn sent(tx: &mut Tx<'_>, mail: &Mail, now: Instant) -> Result<(), DbError> {
    tx.must_hold(Hold::Shared)?;
    let set = (
        notices::mail_due_at.eq(None::<Instant>),
        notices::mailed_at.eq(Some(now)),
        notices::mail_error.eq(None::<String>),
    );
    on!(tx, c => diesel::update(held!(mail)).set(set).execute(c))?;
    Ok(())
}

/// Whether another try may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server is down, or wants it later.
    Passing,
    /// Nobody knows whether the server has it: each further try may be a further copy.
    Unknown,
    /// The address or the mail itself is refused.
    Final,
}

/// Notes why it could not be sent, and when it is tried again. False: it is given up.
pub fn failed(tx: &mut Tx<'_>, mail: &Mail, (why, failure): (&str, Failure), now: Instant) -> Result<bool, DbError> {
    tx.must_hold(Hold::Shared)?;
    let wait = BACK_OFF.checked_shl(mail.attempt.clamp(1, 20).unsigned_abs() - 1).unwrap_or(LONGEST_BACK_OFF);
    let wait = if failure == Failure::Unknown { FURTHER_COPY } else { wait.min(LONGEST_BACK_OFF) };
    let next = Instant(now.0 + wait);
    let again = failure != Failure::Final && next.0 - mail.first_at.0 < GIVEN_UP_AFTER;
    let why: String =
        why.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(LONGEST_REASON).collect();
    let set = (notices::mail_due_at.eq(again.then_some(next)), notices::mail_error.eq(Some(why)));
    on!(tx, c => diesel::update(held!(mail)).set(set).execute(c))?;
    Ok(again)
}

/// How the queue stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Tried in vain so far.
    pub failing: i64,
    /// In the last seven days.
    pub given_up: i64,
    /// Of the newest of these.
    pub last_error: Option<String>,
}

pub fn standing(conn: &mut impl AsConn, now: Instant) -> Result<Standing, DbError> {
    let lately = Instant(now.0 - 7 * DAY);
    let failing = notices::table.filter(notices::mail_error.is_not_null()).filter(notices::mail_due_at.is_not_null());
    let given_up = notices::table
        .filter(notices::mail_error.is_not_null())
        .filter(notices::mail_due_at.is_null())
        .filter(notices::mail_tried_at.gt(lately));
    let newest = notices::table
        .filter(notices::mail_error.is_not_null())
        .filter(notices::mail_due_at.is_not_null().or(notices::mail_tried_at.gt(lately).assume_not_null()))
        .order(notices::mail_tried_at.desc())
        .select(notices::mail_error);
    let last_error: Option<Option<String>> = on!(conn, c => newest.first(c).optional())?;
    Ok(Standing {
        failing: on!(conn, c => failing.count().get_result(c))?,
        given_up: on!(conn, c => given_up.count().get_result(c))?,
        last_error: last_error.flatten(),
    })
}
