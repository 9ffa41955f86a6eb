//! `/api/v1/approvals` and `/api/v1/locks` (contract §6.2, UX-65).

use std::sync::Arc;

use super::objects::{ChangeObject, LockObject, SheetObject};
use crate::domain::approvals::{Reach, State, Step, locks, read, steps};
use crate::domain::changes::{self, Origin, Subject};
use crate::domain::people;
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::settings::Settings;
use crate::domain::wall;
use crate::domain::weeks::Week;
use crate::http::api::{Answer, Call, Job, shape};
use crate::sql::Day;

/// `?weekStart=` any day of the week, otherwise this one; `&state=` one of the states, or `pending`, `unsubmitted`.
pub fn list(call: &Arc<Call>) -> Result<Job, Refusal> {
    let day = call.options.day("weekStart")?.unwrap_or(call.now.day());
    let wanted = call.options.get("state").map(states).transpose()?;
    let call = Arc::clone(call);
    Job::read(move |conn| {
        let week = Week::of(day, Settings::read(conn)?.first_weekday);
        let mut sheets = read::sheets(conn, &call.caller, week)?;
        if let Some(wanted) = &wanted {
            sheets.retain(|sheet| wanted.contains(&sheet.state()));
        }
        Answer::items(SheetObject::all(conn, &sheets)?.into_iter())
    })
}

fn states(word: &str) -> Result<Vec<State>, Refusal> {
    let word = word.to_ascii_lowercase();
    match word.as_str() {
        "pending" => Ok(vec![State::Submitted]),
        "unsubmitted" => Ok(State::ALL.into_iter().filter(|state| state.is_open()).collect()),
        _ => {
            let found = State::ALL.into_iter().find(|state| state.name() == word);
            let names = State::ALL.map(State::name).join(", ");
            let wrong = || Refusal::malformed("state", format!("state is one of {names}, pending, unsubmitted."));
            found.map(|state| vec![state]).ok_or_else(wrong)
        }
    }
}

pub fn approve(call: &Arc<Call>) -> Result<Job, Refusal> {
    decide(call, Step::Approve)
}

pub fn reject(call: &Arc<Call>) -> Result<Job, Refusal> {
    decide(call, Step::Reject)
}

pub fn reopen(call: &Arc<Call>) -> Result<Job, Refusal> {
    decide(call, Step::Reopen)
}

pub fn close(call: &Arc<Call>) -> Result<Job, Refusal> {
    decide(call, Step::Close)
}

fn decide(call: &Arc<Call>, step: Step) -> Result<Job, Refusal> {
    let user = call.id(0, "person")?;
    let day = day(call, 1)?;
    let comment = call.body()?.text("comment").map(str::to_owned);
    let call = Arc::clone(call);
    Job::write(move |tx| {
        let decided = steps::decide(tx, &call.author(Origin::Rest), user, day, step, comment.as_deref())?;
        let sheets = read::sheets(tx, &call.caller, Week { start: decided.week_start })?;
        let mine: Vec<_> = sheets.into_iter().filter(|sheet| sheet.user_id == decided.user_id).collect();
        let shown = SheetObject::all(tx, &mine)?.pop();
        Answer::bare(shown.ok_or_else(|| Refusal::not_found("week of", user))?)
    })
}

/// The trail of a person's week.
pub fn changes(call: &Arc<Call>) -> Result<Job, Refusal> {
    let user = call.id(0, "person")?;
    let day = day(call, 1)?;
    let call = Arc::clone(call);
    Job::read(move |conn| {
        let person = people::by_guids(conn, &[user])?.remove(&user);
        let person = person.ok_or_else(|| Refusal::not_found("person", user))?;
        let week = Week::of(day, Settings::read(conn)?.first_weekday);
        let approval = read::find(conn, person.id, week)?;
        let submitted_to = approval.as_ref().and_then(|approval| approval.manager_id);
        let assigned = [person.manager_id, submitted_to].contains(&Some(call.caller.user_id));
        if Reach::of(&call.caller) != Reach::Everybody && !assigned {
            return Err(Refusal::new(Kind::Denied, "This week is not yours to decide."));
        }
        let trail = match approval {
            Some(approval) => changes::of(conn, Subject::Approval, approval.id.into())?,
            None => Vec::new(),
        };
        Answer::items(ChangeObject::all(conn, trail, |text| serde_json::from_str(text).ok())?.into_iter())
    })
}

pub fn locks(_: &Arc<Call>) -> Result<Job, Refusal> {
    Job::read(|conn| {
        let weeks = locks::list(conn)?;
        Answer::items(weeks.into_iter().map(|(start, _)| lock_object(Week { start })))
    })
}

pub fn lock(call: &Arc<Call>) -> Result<Job, Refusal> {
    let day = day(call, 0)?;
    let call = Arc::clone(call);
    Job::write(move |tx| Answer::bare(lock_object(locks::lock(tx, &call.author(Origin::Rest), day)?)))
}

pub fn unlock(call: &Arc<Call>) -> Result<Job, Refusal> {
    let day = day(call, 0)?;
    let call = Arc::clone(call);
    Job::write(move |tx| {
        locks::unlock(tx, &call.author(Origin::Rest), day)?;
        Ok(Answer::nothing())
    })
}

fn lock_object(week: Week) -> LockObject {
    LockObject { week_start: wall::written_day(week.start), week_end: wall::written_day(week.end()) }
}

/// A day of the path; any day names its week.
fn day(call: &Call, n: usize) -> Result<Day, Refusal> {
    shape::day(call.value(n))
        .ok_or_else(|| Refusal::malformed("weekStart", "weekStart must be a day such as 2024-03-04."))
}
