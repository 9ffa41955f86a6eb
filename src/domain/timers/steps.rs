//! What a client may do with the timer: start, stop, answer, adjust, discard (contract §5).
//!
//! In: the caller's wish, in an open transaction. Out: the timer as it is then. A refusal has changed nothing. A step
//! first acts on what is due, so that no client is quicker than an answer that came too late.

use super::days::{self, Piece};
use super::due::act_on;
use super::{State, Stopped, Timer, lock, save};
use crate::db::{AsConn, Tx};
use crate::domain::activity_types;
use crate::domain::changes::Author;
use crate::domain::people::{self, Person};
use crate::domain::refusal::{Kind, Refusal, Rule};
use crate::domain::settings::Settings;
use crate::domain::wall::{self, Written};
use crate::domain::worklogs::{Draft, Facts, write};
use crate::sql::{Guid, Instant};

/// What a run is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    pub work_item: Option<i64>,
    pub comment: Option<String>,
    pub activity_type: Option<Guid>,
    pub is_billable: Option<bool>,
    /// Minutes east of UTC.
    pub time_zone: Option<i32>,
}

/// Minutes by which a zone may differ from UTC.
const MOST_OFFSET: i32 = 18 * 60;

/// Starts a run. Another that runs is stopped and stored; the very same goes on with its true start.
pub fn start(tx: &mut Tx<'_>, by: &Author<'_>, start: &Start) -> Result<Timer, Refusal> {
    if start.time_zone.is_some_and(|minutes| minutes.abs() > MOST_OFFSET) {
        return Err(Refusal::malformed("timeZone", "timeZone is minutes east of UTC, at most 18 hours."));
    }
    let (mut timer, person) = ready(tx, by)?;
    let known = known(tx, by, start)?;
    let same = (timer.work_item_id, &timer.comment, timer.activity_type_id, timer.is_billable)
        == (known.work_item_id, &known.comment, known.activity_type_id, known.is_billable);
    if timer.running_since().is_some() && same {
        timer.confirm(by.now);
        save(tx, &mut timer, by.now)?;
        return Ok(timer);
    }
    may_run(tx, by, &person, &known)?;
    let end = timer.ended_at.unwrap_or(by.now);
    if timer.started_at.is_some() {
        store(tx, by, &person, &mut timer, end)?;
    }
    timer.stopped = Stopped::Tracking as i32;
    timer.started_at = Some(by.now);
    timer.confirmed_at = None;
    timer.worklog_id = None;
    timer.confirm(by.now);
    let Timer { work_item_id, comment, activity_type_id, is_billable, .. } = known;
    let mut timer = Timer { work_item_id, comment, activity_type_id, is_billable, time_zone: start.time_zone, ..timer };
    save(tx, &mut timer, by.now)?;
    Ok(timer)
}

/// Stops and stores the run, or one that waits. Where nothing runs, nothing happens.
pub fn stop(tx: &mut Tx<'_>, by: &Author<'_>, why: Stopped) -> Result<Timer, Refusal> {
    let (mut timer, person) = ready(tx, by)?;
    if timer.state() == State::Idle {
        return Ok(timer);
    }
    if timer.started_at.is_some() {
        let end = timer.ended_at.unwrap_or(by.now);
        store(tx, by, &person, &mut timer, end)?;
    }
    timer.end(State::Idle, why);
    save(tx, &mut timer, by.now)?;
    Ok(timer)
}

/// The person is there: a running check is answered, and a run that the server ended and stored is taken note of.
pub fn confirm(tx: &mut Tx<'_>, by: &Author<'_>) -> Result<Timer, Refusal> {
    let (mut timer, _) = ready(tx, by)?;
    if timer.running_since().is_some() {
        timer.confirm(by.now);
    } else if timer.state() == State::ClientInputRequired && timer.waiting_run().is_none() {
        timer.end(State::Idle, Stopped::Idle);
    } else {
        return Ok(timer);
    }
    save(tx, &mut timer, by.now)?;
    Ok(timer)
}

/// What becomes of a run's members; none keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adjust {
    /// An empty one clears.
    pub comment: Option<String>,
    /// The zero GUID clears.
    pub activity_type: Option<Guid>,
}

/// Changes what the run is about, or one that waits. Where nothing runs, nothing happens.
pub fn adjust(tx: &mut Tx<'_>, by: &Author<'_>, adjust: &Adjust) -> Result<Timer, Refusal> {
    let (mut timer, person) = ready(tx, by)?;
    if timer.started_at.is_none() {
        return Ok(timer);
    }
    if let Some(comment) = &adjust.comment {
        timer.comment = Some(comment.clone()).filter(|comment| !comment.is_empty());
    }
    if let Some(guid) = adjust.activity_type {
        timer.activity_type_id = kind(tx, guid)?;
    }
    may_run(tx, by, &person, &timer)?;
    if timer.running_since().is_some() {
        timer.confirm(by.now);
    }
    save(tx, &mut timer, by.now)?;
    Ok(timer)
}

/// Ends the run, or one that waits, without a log.
pub fn discard(tx: &mut Tx<'_>, by: &Author<'_>) -> Result<Timer, Refusal> {
    let mut timer = lock(tx, by.caller.user_id)?;
    if timer.state() == State::Idle {
        return Ok(timer);
    }
    timer.started_at = None;
    timer.ended_at = None;
    timer.end(State::Idle, Stopped::Idle);
    save(tx, &mut timer, by.now)?;
    Ok(timer)
}

/// The caller's timer, locked, with everything done that was due.
fn ready(tx: &mut Tx<'_>, by: &Author<'_>) -> Result<(Timer, Person), Refusal> {
    let mut timer = lock(tx, by.caller.user_id)?;
    let person = person(tx, by.caller.user_id)?;
    act_on(tx, by, &person, &mut timer)?;
    Ok((timer, person))
}

pub(super) fn person(conn: &mut impl AsConn, id: i32) -> Result<Person, Refusal> {
    people::by_ids(conn, &[id])?.remove(&id).ok_or_else(|| Refusal::not_found("person", id))
}

/// A start with its ids resolved.
fn known(conn: &mut impl AsConn, by: &Author<'_>, start: &Start) -> Result<Timer, Refusal> {
    let item = |id: i64| i32::try_from(id).map_err(|_| Refusal::unknown("tfsId", "work item", id));
    let activity_type_id = match start.activity_type {
        Some(guid) => kind(conn, guid)?,
        None => None,
    };
    Ok(Timer {
        work_item_id: start.work_item.map(item).transpose()?,
        comment: start.comment.clone().filter(|comment| !comment.is_empty()),
        activity_type_id,
        is_billable: start.is_billable,
        ..Timer::idle(by.caller.user_id)
    })
}

fn kind(conn: &mut impl AsConn, guid: Guid) -> Result<Option<i32>, Refusal> {
    if guid == activity_types::NOT_SET {
        return Ok(None);
    }
    let found = activity_types::active_id(conn, guid)?;
    found.map(Some).ok_or_else(|| Refusal::unknown("activityTypeId", "activity type", guid))
}

/// Whether a log of this content could be made now: what could not be stored is not started.
fn may_run(conn: &mut impl AsConn, by: &Author<'_>, person: &Person, timer: &Timer) -> Result<(), Refusal> {
    let draft = Draft {
        start: Some(Written { wall: wall::at_zone(by.now, &wall::zone(&person.time_zone)), offset: None }),
        length: Some(1),
        work_item: timer.work_item_id.map(i64::from),
        ..content(conn, timer)?
    };
    write::prepare(conn, by, &[draft]).map(drop)
}

/// Comment and kind of work; a kind that was retired meanwhile is as none.
fn content(conn: &mut impl AsConn, timer: &Timer) -> Result<Draft, Refusal> {
    let types = activity_types::list(conn)?;
    let kind = types.iter().find(|kind| Some(kind.id) == timer.activity_type_id && kind.is_active);
    Ok(Draft { comment: timer.comment.clone(), activity_type: kind.map(|kind| kind.guid), ..Draft::default() })
}

/// Makes work logs of the run that ends at a moment, all or none.
pub(super) fn store(
    tx: &mut Tx<'_>,
    by: &Author<'_>,
    person: &Person,
    timer: &mut Timer,
    end: Instant,
) -> Result<(), Refusal> {
    let Some(start) = timer.started_at else { return Ok(()) };
    let settings = Settings::read(tx)?;
    let zone = days::zone(&wall::zone(&person.time_zone), timer.time_zone, start);
    let too_long = || {
        let message = format!("The run would become more than {} logs. Discard it.", days::MOST);
        Refusal::rule(Rule::MaxLengthExceeded, "length", message)
    };
    let pieces = days::split(start, end, &zone, settings.max_length).ok_or_else(too_long)?;
    let whole = described(tx, timer)?;
    let draft = |piece: &Piece| Draft {
        start: Some(Written { wall: piece.start, offset: None }),
        length: Some(piece.length),
        billable: timer.is_billable.map(|billable| if billable { piece.length } else { 0 }),
        ..whole.clone()
    };
    let drafts: Vec<Draft> = pieces.iter().map(draft).collect();
    let logs = write::create(tx, by, &drafts)?;
    timer.worklog_id = logs.last().map(|log| log.guid);
    timer.started_at = None;
    timer.ended_at = None;
    Ok(())
}

/// What the logs of a run are about. No time is lost with a work item that was deleted meanwhile: its number is kept in
/// the comment.
fn described(tx: &mut Tx<'_>, timer: &Timer) -> Result<Draft, Refusal> {
    let mut draft = content(tx, timer)?;
    if let Some(id) = timer.work_item_id {
        let mut facts = Facts::read(tx)?;
        facts.load_items(tx, [id].into_iter())?;
        if facts.item(id).is_some() {
            draft.work_item = Some(id.into());
        } else {
            let comment = draft.comment.unwrap_or_default();
            draft.comment = Some(format!("#{id} {comment}").trim_end().to_owned());
        }
    }
    Ok(draft)
}

/// Whether a refusal is a rule's, which tracking answers with 200 (contract §5).
pub fn is_rule(refusal: &Refusal) -> bool {
    matches!(refusal.kind, Kind::Rule(_) | Kind::NotYours)
}
