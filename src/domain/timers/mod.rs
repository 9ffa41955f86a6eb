//! The timer: one a person, a row that every server of a site shares (contract §5).
//!
//! | file | in | out |
//! |---|---|---|
//! | [`steps`] | what a client asks | the timer's next state; a run that ended is work logs then |
//! | [`due`] | the time | prompts, time-outs and the longest run, each acted on once whatever the number of servers |
//! | [`days`] | a run and its zone | a piece for each local day: pure |
//! | [`read`] | an item, a caller | what a client shows beside the timer: items, totals |
//!
//! A run becomes work logs by the path of every other writer, under its rules. What those refuse leaves the timer running
//! where a person asked; where the server had to end it, the run waits in its row, with its true start and end, until the
//! person puts right what is wrong, or discards it.

mod days;
pub mod due;
pub mod read;
pub mod steps;

use diesel::prelude::*;

use crate::db::tables::timers;
use crate::db::{AsConn, DbError, Hold, Tx};
use crate::on;
use crate::sql::{Guid, Instant};

/// What the timer does; the numbers are those of the contract, and of `timers.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Tracking = 0,
    Idle = 1,
    /// It runs, and a check waits for its answer.
    ActivityCheck = 3,
    /// The server ended a run, and the person has not answered yet.
    ClientInputRequired = 4,
}

impl State {
    pub fn from_number(number: i32) -> State {
        match number {
            0 => State::Tracking,
            3 => State::ActivityCheck,
            4 => State::ClientInputRequired,
            _ => State::Idle,
        }
    }

    /// The word of the contract, from 3.0 on.
    pub fn name(self) -> &'static str {
        match self {
            State::Tracking => "tracking",
            State::Idle => "idle",
            State::ActivityCheck => "activityCheck",
            State::ClientInputRequired => "clientInputRequired",
        }
    }
}

/// Why the last run ended; the numbers are those of the contract, and of `timers.stopped`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It runs.
    Tracking = 0,
    ByActivityCheck = 1,
    ByClientCondition = 3,
    ByMaxLength = 4,
    /// By the person, or nothing ran yet.
    Idle = 5,
}

/// A timer as its row has it. Ids are internal ones.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, AsChangeset)]
#[diesel(table_name = timers, primary_key(user_id), treat_none_as_null = true)]
pub struct Timer {
    pub user_id: i32,
    /// Grows with each state; clients drop older ones.
    pub version: i64,
    state: i32,
    pub stopped: i32,
    pub work_item_id: Option<i32>,
    pub comment: Option<String>,
    pub activity_type_id: Option<i32>,
    pub is_billable: Option<bool>,
    /// Minutes east of UTC, as the client said.
    pub time_zone: Option<i32>,
    pub started_at: Option<Instant>,
    pub confirmed_at: Option<Instant>,
    pub checked_at: Option<Instant>,
    /// Of a run that waits to be stored.
    pub ended_at: Option<Instant>,
    pub worklog_id: Option<Guid>,
    pub changed_at: Instant,
}

impl Timer {
    /// The timer of somebody who never started one.
    pub fn idle(user_id: i32) -> Timer {
        Timer {
            user_id,
            version: 0,
            state: State::Idle as i32,
            stopped: Stopped::Idle as i32,
            work_item_id: None,
            comment: None,
            activity_type_id: None,
            is_billable: None,
            time_zone: None,
            started_at: None,
            confirmed_at: None,
            checked_at: None,
            ended_at: None,
            worklog_id: None,
            changed_at: Instant(0),
        }
    }

    pub fn state(&self) -> State {
        State::from_number(self.state)
    }

    /// Since when it runs.
    pub fn running_since(&self) -> Option<Instant> {
        self.started_at.filter(|_| matches!(self.state(), State::Tracking | State::ActivityCheck))
    }

    /// A run that the server ended and could not store.
    pub fn waiting_run(&self) -> Option<(Instant, Instant)> {
        self.started_at.zip(self.ended_at)
    }

    /// Seconds of the run so far, or of the one that waits.
    pub fn length(&self, now: Instant) -> Option<i64> {
        let end = self.ended_at.unwrap_or(now);
        self.started_at.map(|start| (end.0 - start.0).max(0) / SECOND)
    }

    /// The person is there. A clock that went back takes nothing away.
    fn confirm(&mut self, now: Instant) {
        self.state = State::Tracking as i32;
        self.confirmed_at = self.confirmed_at.max(Some(now));
        self.checked_at = None;
    }

    /// Nothing runs any more; what the run was about stays until `state` is idle.
    fn end(&mut self, state: State, stopped: Stopped) {
        self.state = state as i32;
        self.stopped = stopped as i32;
        self.checked_at = None;
        self.confirmed_at = None;
        if state == State::Idle {
            self.work_item_id = None;
            self.comment = None;
            self.activity_type_id = None;
            self.is_billable = None;
            self.time_zone = None;
        }
    }
}

const SECOND: i64 = 1_000_000;

/// Somebody's timer.
pub fn find(conn: &mut impl AsConn, user_id: i32) -> Result<Timer, DbError> {
    let found: Option<Timer> = on!(conn, c => timers::table.find(user_id).first(c).optional())?;
    Ok(found.unwrap_or_else(|| Timer::idle(user_id)))
}

/// The versions of these people's timers, for servers that tell clients of new states.
pub fn versions(conn: &mut impl AsConn, users: &[i32]) -> Result<Vec<(i32, i64)>, DbError> {
    Ok(on!(conn, c => timers::table
        .filter(timers::user_id.eq_any(users))
        .select((timers::user_id, timers::version))
        .load(c))?)
}

/// Somebody's timer, whose row is nobody else's until the transaction ends: who wants it at the same time waits, and finds
/// it as it is left.
fn lock(tx: &mut Tx<'_>, user_id: i32) -> Result<Timer, DbError> {
    tx.must_hold(Hold::Shared)?;
    let held = || {
        diesel::update(timers::table.find(user_id))
            .set(timers::version.eq(timers::version))
            .returning(timers::all_columns)
    };
    let found: Option<Timer> = on!(tx, c => held().get_result(c).optional())?;
    if let Some(timer) = found {
        return Ok(timer);
    }
    let new = Timer::idle(user_id);
    let row = (
        timers::user_id.eq(user_id),
        timers::version.eq(new.version),
        timers::state.eq(new.state),
        timers::stopped.eq(new.stopped),
        timers::changed_at.eq(new.changed_at),
    );
    on!(tx, c => diesel::insert_into(timers::table).values(row).on_conflict_do_nothing().execute(c))?;
    Ok(on!(tx, c => held().get_result(c))?)
}

/// Writes a new state. Its number is later than all before it, however the clocks of servers differ.
fn save(tx: &mut Tx<'_>, timer: &mut Timer, now: Instant) -> Result<(), DbError> {
    timer.version = (timer.version + 1).max(now.0 / 1_000);
    timer.changed_at = now;
    on!(tx, c => diesel::update(timers::table.find(timer.user_id)).set(&*timer).execute(c))?;
    Ok(())
}
