//! What the server does by itself: it asks whether the person is still there, and ends what nobody confirms, what runs
//! for too long and what runs for somebody who was locked out (contract §5).
//!
//! In: the time. Out: new states, and work logs of what ended. Each timer is a transaction that locks its row and looks
//! again: of several servers that see the same due timer, one acts and the others find nothing to do.

use diesel::prelude::*;

use super::{SECOND, State, Stopped, Timer, lock, save, steps};
use crate::db::tables::{timers, users};
use crate::db::{AsConn, DbError, Tx};
use crate::domain::changes::{Author, Origin};
use crate::domain::people::Person;
use crate::domain::refusal::Refusal;
use crate::domain::settings::Settings;
use crate::on;
use crate::policy::{Caller, Role};
use crate::sql::Instant;

/// Timers that one look may find; the rest is found by the next.
const MOST: i64 = 500;
/// Before every timer.
const NEVER: Instant = Instant(-62_135_596_800 * SECOND);

/// Whose timers want something of the server.
pub fn due(conn: &mut impl AsConn, now: Instant) -> Result<Vec<i32>, DbError> {
    let settings = Settings::read(conn)?;
    let ago = |seconds: Option<i64>| seconds.map_or(NEVER, |seconds| Instant(now.0.saturating_sub(seconds * SECOND)));
    let too_long = timers::started_at.le(ago(settings.max_track_length.map(i64::from)));
    let unconfirmed = timers::confirmed_at.le(ago(interval(&settings)));
    let unanswered = timers::checked_at.le(ago(Some(settings.activity_check_wait.into())));
    let locked_out = users::is_active.eq(false).or(users::role.eq(Role::None.number()));
    Ok(on!(conn, c => timers::table
        .inner_join(users::table)
        .filter(timers::state.eq_any([State::Tracking as i32, State::ActivityCheck as i32]))
        .filter(
            too_long
                .or(timers::state.eq(State::Tracking as i32).and(unconfirmed))
                .or(timers::state.eq(State::ActivityCheck as i32).and(unanswered))
                .or(locked_out.nullable()),
        )
        .select(timers::user_id)
        .order(timers::user_id)
        .limit(MOST)
        .load(c))?)
}

/// Seconds between two checks.
fn interval(settings: &Settings) -> Option<i64> {
    settings.activity_check_interval.map(|minutes| i64::from(minutes) * 60)
}

/// Acts on somebody's timer, if there is something to do still.
pub fn act(tx: &mut Tx<'_>, user_id: i32, now: Instant) -> Result<bool, Refusal> {
    let mut timer = lock(tx, user_id)?;
    let person = steps::person(tx, user_id)?;
    let caller =
        Caller { user_id, user_guid: person.guid, name: person.name.clone(), role: person.role, duties: person.duties };
    act_on(tx, &Author::new(&caller, now, Origin::Tracking), &person, &mut timer)
}

/// What is to be done with a running timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Ask,
    End(Instant, Stopped),
}

/// Does what is due with a timer that is locked; says whether there was something.
pub(super) fn act_on(tx: &mut Tx<'_>, by: &Author<'_>, person: &Person, timer: &mut Timer) -> Result<bool, Refusal> {
    if timer.running_since().is_none() {
        return Ok(false);
    }
    let settings = Settings::read(tx)?;
    let locked_out = !person.is_active || person.role == Role::None;
    match decided(timer, &settings, locked_out, by.now) {
        None => return Ok(false),
        Some(Act::Ask) => {
            timer.state = State::ActivityCheck as i32;
            timer.checked_at = Some(by.now);
        }
        Some(Act::End(end, why)) => {
            match steps::store(tx, by, person, timer, end) {
                Ok(()) => {}
                // The run waits with its true start and end.
                Err(refusal) if steps::is_rule(&refusal) => timer.ended_at = Some(end),
                Err(refusal) => return Err(refusal),
            }
            timer.end(State::ClientInputRequired, why);
        }
    }
    save(tx, timer, by.now)?;
    Ok(true)
}

/// Which came first: the end of the longest run, or that of the time for an answer.
fn decided(timer: &Timer, settings: &Settings, locked_out: bool, now: Instant) -> Option<Act> {
    let start = timer.started_at?;
    let confirmed = timer.confirmed_at.unwrap_or(start);
    let after = |at: Instant, seconds: i64| Instant(at.0.saturating_add(seconds * SECOND));
    let longest = settings.max_track_length.map(|seconds| after(start, seconds.into()));
    let answer = timer.checked_at.map(|asked| after(asked, settings.activity_check_wait.into()));
    let longest = longest.filter(|end| *end <= now);
    let unanswered = answer.filter(|end| *end <= now);
    match (longest, unanswered) {
        (Some(longest), unanswered) if unanswered.is_none_or(|unanswered| longest <= unanswered) => {
            Some(Act::End(longest, Stopped::ByMaxLength))
        }
        (_, Some(_)) => Some(Act::End(confirmed, Stopped::ByActivityCheck)),
        _ if locked_out => Some(Act::End(confirmed, Stopped::ByClientCondition)),
        _ => {
            let ask_at = interval(settings).map(|seconds| after(confirmed, seconds));
            let asks = timer.state() == State::Tracking && ask_at.is_some_and(|at| at <= now);
            asks.then_some(Act::Ask)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(start: i64, confirmed: i64, checked: Option<i64>) -> Timer {
        let mut timer = Timer::idle(1);
        timer.state = if checked.is_some() { State::ActivityCheck } else { State::Tracking } as i32;
        timer.started_at = Some(Instant(start * SECOND));
        timer.confirmed_at = Some(Instant(confirmed * SECOND));
        timer.checked_at = checked.map(|at| Instant(at * SECOND));
        timer
    }

    #[test]
    fn contract_5_what_comes_first_counts() {
        let settings = Settings {
            activity_check_interval: Some(10),
            activity_check_wait: 60,
            max_track_length: Some(3_600),
            ..Settings::default()
        };
        let ended = |at: i64, why| Some(Act::End(Instant(at * SECOND), why));
        let check = |timer: &Timer, now: i64| decided(timer, &settings, false, Instant(now * SECOND));
        let fresh = running(0, 0, None);
        assert_eq!(check(&fresh, 599), None);
        assert_eq!(check(&fresh, 600), Some(Act::Ask));
        assert_eq!(check(&running(0, 500, None), 1_099), None);
        let asked = running(0, 100, Some(700));
        assert_eq!(check(&asked, 759), None);
        assert_eq!(check(&asked, 760), ended(100, Stopped::ByActivityCheck));
        // The longest run ends while a check waits, and before it.
        assert_eq!(check(&running(0, 2_990, Some(3_590)), 3_600), ended(3_600, Stopped::ByMaxLength));
        assert_eq!(check(&running(0, 2_900, Some(3_500)), 9_999), ended(2_900, Stopped::ByActivityCheck));
        assert_eq!(check(&running(0, 3_599, None), 9_999), ended(3_600, Stopped::ByMaxLength));
        // A clock that went back.
        assert_eq!(check(&asked, -5), None);
        let off = Settings::default();
        assert_eq!(decided(&fresh, &off, false, Instant(i64::MAX / 2)), None);
        assert_eq!(decided(&fresh, &off, true, Instant(5 * SECOND)), ended(0, Stopped::ByClientCondition));
    }
}
