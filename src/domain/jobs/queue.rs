//! Who runs a job, and how it ends.
//!
//! In: jobs, and servers that ask for one. Out: each job in one hand at a time. The condition of every change is the state
//! that its writer knows: who comes second changes nothing and is told so.

use diesel::prelude::*;

use super::{Job, State, files};
use crate::db::tables::{job_problems, jobs};
use crate::db::{DbError, Tx};
use crate::domain::refusal::{Kind, Refusal};
use crate::on;
use crate::sql::{Guid, Insert, Instant, Value};

const SECOND: i64 = 1_000_000;
/// How long a server may be silent before its job is anybody's.
pub const LEASE: i64 = 20 * SECOND;
/// How often a job is begun.
pub const MOST_ATTEMPTS: i32 = 5;
/// Of a job that is tried again, after the first time; twice as long after each further one.
const BACK_OFF: i64 = 2 * SECOND;
/// Jobs of one person that may wait or run.
const MOST_OPEN: i64 = 100;

/// Puts a job into the queue.
pub fn add(tx: &mut Tx<'_>, job: &Job) -> Result<(), Refusal> {
    let open: i64 = on!(tx, c => jobs::table
        .filter(jobs::user_id.eq(job.user_id))
        .filter(jobs::state.eq_any([State::Queued as i32, State::Running as i32]))
        .count()
        .get_result(c))?;
    if open >= MOST_OPEN {
        return Err(Refusal::new(Kind::Conflict, format!("You have {open} jobs that are not done. Wait for one.")));
    }
    on!(tx, c => diesel::insert_into(jobs::table).values(job).execute(c))?;
    Ok(())
}

/// Takes a job that is due, or whose holder is silent. One that was begun too often ends here.
pub fn claim(tx: &mut Tx<'_>, owner: Guid, now: Instant) -> Result<Option<Job>, DbError> {
    let waits = || jobs::state.eq(State::Queued as i32).and(jobs::due_at.le(now));
    let is_left = || jobs::state.eq(State::Running as i32).and(jobs::lease_until.le(now).assume_not_null());
    let found: Vec<Job> = on!(tx, c => jobs::table
        .filter(waits().or(is_left()))
        .order(jobs::due_at)
        .limit(16)
        .select(Job::as_select())
        .load(c))?;
    for job in found {
        let unchanged = jobs::table.find(job.id).filter(waits().or(is_left())).filter(jobs::attempts.eq(job.attempts));
        if job.attempts >= MOST_ATTEMPTS {
            let why = job.last_error.clone().unwrap_or_else(|| "the server ended while it ran".to_owned());
            let why = format!("given up after {} attempts: {why}", job.attempts);
            let ended = (
                jobs::state.eq(State::Failed as i32),
                jobs::ended_at.eq(Some(now)),
                jobs::last_error.eq(Some(why)),
                jobs::lease_owner.eq(None::<Guid>),
            );
            on!(tx, c => diesel::update(unchanged).set(ended).execute(c))?;
            continue;
        }
        let taken = (
            jobs::state.eq(State::Running as i32),
            jobs::attempts.eq(job.attempts + 1),
            jobs::lease_owner.eq(Some(owner)),
            jobs::lease_until.eq(Some(Instant(now.0 + LEASE))),
            jobs::started_at.eq(job.started_at.or(Some(now))),
        );
        let rows = on!(tx, c => diesel::update(unchanged).set(taken).execute(c))?;
        if rows == 1 {
            return Ok(on!(tx, c => jobs::table.find(job.id).select(Job::as_select()).first(c).optional())?);
        }
    }
    Ok(None)
}

/// The rows that this holder still holds.
macro_rules! held {
    ($id:expr, $owner:expr) => {
        jobs::table.find($id).filter(jobs::lease_owner.eq($owner)).filter(jobs::state.eq(State::Running as i32))
    };
}

/// Says that the holder lives, and how far it is. False: the job is another's by now, or over.
pub fn renew(
    tx: &mut Tx<'_>,
    id: Guid,
    owner: Guid,
    (done, total): (i64, Option<i64>),
    now: Instant,
) -> Result<bool, DbError> {
    let set = (jobs::lease_until.eq(Some(Instant(now.0 + LEASE))), jobs::done.eq(done), jobs::total.eq(total));
    Ok(on!(tx, c => diesel::update(held!(id, owner)).set(set).execute(c))? == 1)
}

/// How a job ended.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// JSON
    pub result: Option<String>,
    /// None: it succeeded.
    pub error: Option<String>,
    /// JSON of each.
    pub problems: Vec<String>,
    pub report: Option<Guid>,
    /// How much was done, of as much.
    pub done: i64,
}

/// Ends a job that this holder holds, in the transaction of what it did. A conflict where it is another's by now: then
/// nothing may be left of what was done.
pub fn end(tx: &mut Tx<'_>, id: Guid, owner: Guid, ending: &Ending, now: Instant) -> Result<(), Refusal> {
    let state = if ending.error.is_none() { State::Succeeded } else { State::Failed };
    let set = (
        jobs::state.eq(state as i32),
        jobs::ended_at.eq(Some(now)),
        jobs::lease_owner.eq(None::<Guid>),
        jobs::lease_until.eq(None::<Instant>),
        jobs::result.eq(ending.result.as_deref()),
        jobs::last_error.eq(ending.error.as_deref()),
        jobs::report_id.eq(ending.report),
        jobs::done.eq(ending.done),
        jobs::total.eq(Some(ending.done)),
    );
    let open = held!(id, owner).filter(jobs::cancel_asked.eq(false));
    if on!(tx, c => diesel::update(open).set(set).execute(c))? != 1 {
        return Err(Refusal::new(Kind::Conflict, "The job was cancelled, or is another server's by now."));
    }
    on!(tx, c => diesel::delete(job_problems::table.filter(job_problems::job_id.eq(id))).execute(c))?;
    let mut rows = Insert::into("job_problems", &["job_id", "position", "problem"]);
    for (position, problem) in (0..).zip(&ending.problems) {
        rows.rows.push(vec![Value::Guid(id), Value::Int32(position), Value::Text(problem.clone())]);
    }
    Ok(tx.insert(&rows)?)
}

/// Gives a job back after a failure that may pass; too many end it.
pub fn give_back(tx: &mut Tx<'_>, job: &Job, owner: Guid, why: &str, now: Instant) -> Result<(), DbError> {
    let over = job.attempts >= MOST_ATTEMPTS;
    let wait = BACK_OFF << (job.attempts - 1).clamp(0, 8);
    let why = if over { format!("given up after {} attempts: {why}", job.attempts) } else { why.to_owned() };
    let set = (
        jobs::state.eq(if over { State::Failed } else { State::Queued } as i32),
        jobs::ended_at.eq(over.then_some(now)),
        jobs::due_at.eq(Instant(now.0 + wait)),
        jobs::lease_owner.eq(None::<Guid>),
        jobs::lease_until.eq(None::<Instant>),
        jobs::last_error.eq(Some(why)),
    );
    on!(tx, c => diesel::update(held!(job.id, owner)).set(set).execute(c))?;
    Ok(())
}

/// Ends a job at once, as failed.
pub fn fail(tx: &mut Tx<'_>, id: Guid, owner: Guid, why: &str, now: Instant) -> Result<(), Refusal> {
    end(tx, id, owner, &Ending { error: Some(why.to_owned()), ..Ending::default() }, now)
}

/// Asks for a job's end. What waits is over at once; what runs ends as soon as its holder hears of it, and leaves nothing.
pub fn cancel(tx: &mut Tx<'_>, job: &Job, now: Instant) -> Result<(), Refusal> {
    let waiting = jobs::table.find(job.id).filter(jobs::state.eq(State::Queued as i32));
    let over = (jobs::state.eq(State::Cancelled as i32), jobs::cancel_asked.eq(true), jobs::ended_at.eq(Some(now)));
    if on!(tx, c => diesel::update(waiting).set(over).execute(c))? == 1 {
        return Ok(());
    }
    let running = jobs::table.find(job.id).filter(jobs::state.eq(State::Running as i32));
    if on!(tx, c => diesel::update(running).set(jobs::cancel_asked.eq(true)).execute(c))? == 1 {
        return Ok(());
    }
    Err(Refusal::new(Kind::Conflict, format!("The job is {} already.", job.state().name())))
}

/// What its holder does when it hears of it.
pub fn cancelled(tx: &mut Tx<'_>, id: Guid, owner: Guid, now: Instant) -> Result<(), DbError> {
    let set = (
        jobs::state.eq(State::Cancelled as i32),
        jobs::ended_at.eq(Some(now)),
        jobs::lease_owner.eq(None::<Guid>),
        jobs::lease_until.eq(None::<Instant>),
    );
    on!(tx, c => diesel::update(held!(id, owner)).set(set).execute(c))?;
    Ok(())
}

/// Removes jobs that ended before `until`, with their files, and uploads of before `broken` that became no job.
pub fn sweep(tx: &mut Tx<'_>, until: Instant, broken: Instant) -> Result<(), DbError> {
    let over = [State::Succeeded, State::Failed, State::Cancelled].map(|state| state as i32);
    let old = jobs::table.filter(jobs::state.eq_any(over)).filter(jobs::ended_at.lt(until).assume_not_null());
    on!(tx, c => diesel::delete(old).execute(c))?;
    files::remove_orphans(tx, broken)
}
