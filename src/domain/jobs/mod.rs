//! Jobs: work that outlives its request, the process that began it and the page that asked for it (UX-70).
//!
//! | file | in | out |
//! |---|---|---|
//! | [`queue`] | a server's name and the time | jobs under a lease, that only their holder ends |
//! | [`read`] | a caller | the caller's jobs, or everybody's for administrators |
//! | [`files`] | pieces | files that every server of a site can read |
//!
//! A job is a row. A server claims it by compare-and-set, renews its lease while it works, and ends it in the transaction of
//! what it did: so what it did is done once, whoever dies in between. What is tried too often ends as failed. What a kind
//! of job does is not known here.

pub mod files;
pub mod queue;
pub mod read;

use diesel::prelude::*;

use crate::db::tables::jobs;
use crate::sql::{Guid, Instant};

/// How a job stands; the numbers are those of `jobs.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Queued = 0,
    Running = 1,
    Succeeded = 2,
    Failed = 3,
    Cancelled = 4,
}

impl State {
    pub const ALL: [State; 5] = [State::Queued, State::Running, State::Succeeded, State::Failed, State::Cancelled];

    pub fn name(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Running => "running",
            State::Succeeded => "succeeded",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
        }
    }

    /// The state of a stored number; what is not known is over.
    pub fn from_number(number: i32) -> State {
        State::ALL.into_iter().find(|state| *state as i32 == number).unwrap_or(State::Failed)
    }

    pub fn by_name(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.name().eq_ignore_ascii_case(name))
    }

    /// Whether nothing more comes of it.
    pub fn is_over(self) -> bool {
        !matches!(self, State::Queued | State::Running)
    }
}

/// A job as its row has it.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = jobs)]
pub struct Job {
    pub id: Guid,
    pub kind: String,
    /// JSON; what it says is the kind's affair.
    pub payload: String,
    pub user_id: i32,
    pub(super) state: i32,
    pub attempts: i32,
    pub created_at: Instant,
    pub due_at: Instant,
    pub started_at: Option<Instant>,
    pub ended_at: Option<Instant>,
    pub lease_owner: Option<Guid>,
    pub lease_until: Option<Instant>,
    pub cancel_asked: bool,
    pub done: i64,
    pub total: Option<i64>,
    pub last_error: Option<String>,
    /// JSON
    pub result: Option<String>,
    pub upload_id: Option<Guid>,
    pub report_id: Option<Guid>,
}

impl Job {
    /// A job that is to be run, as soon as somebody can.
    pub fn new(kind: &str, payload: String, user_id: i32, now: Instant) -> Job {
        Job {
            id: Guid(uuid::Uuid::now_v7()),
            kind: kind.to_owned(),
            payload,
            user_id,
            state: State::Queued as i32,
            attempts: 0,
            created_at: now,
            due_at: now,
            started_at: None,
            ended_at: None,
            lease_owner: None,
            lease_until: None,
            cancel_asked: false,
            done: 0,
            total: None,
            last_error: None,
            result: None,
            upload_id: None,
            report_id: None,
        }
    }

    /// A job that whoever makes it does itself, in one transaction: nobody else ever sees it run.
    pub fn held(kind: &str, payload: String, user_id: i32, (id, now): (Guid, Instant)) -> Job {
        Job {
            id,
            state: State::Running as i32,
            attempts: 1,
            started_at: Some(now),
            lease_owner: Some(id),
            lease_until: Some(now),
            ..Job::new(kind, payload, user_id, now)
        }
    }

    pub fn state(&self) -> State {
        State::from_number(self.state)
    }
}
