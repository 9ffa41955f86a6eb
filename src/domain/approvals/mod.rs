//! Approval: each person's week and its state, and weeks that are locked for everybody (contract §6.2).
//!
//! | file | in | out |
//! |---|---|---|
//! | `state` | a state and a step | the next state, or why not: pure |
//! | [`steps`] | a person, a day, an [`Author`](super::changes::Author) | the person's week as it is then, and the trail |
//! | [`locks`] | a day, an author | the week locked or open for everybody |
//! | [`read`] | a caller and a filter | weeks in the caller's sight |

pub mod locks;
pub mod read;
mod state;
pub mod steps;

use diesel::prelude::*;

pub use state::{State, Step};

use crate::policy::{Caller, Duties, Role};
use crate::sql::{Day, Guid, Instant};

/// A person's week, as its table has it.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Approval {
    pub id: i32,
    pub guid: Guid,
    pub user_id: i32,
    pub week_start: Day,
    /// A number of [`State`].
    pub state: i32,
    /// Whom it was submitted to.
    pub manager_id: Option<i32>,
    pub decided_by_user_id: Option<i32>,
    /// Of the last decision.
    pub comment: Option<String>,
    pub submitted_at: Option<Instant>,
    pub decided_at: Option<Instant>,
    pub modified_at: Instant,
}

impl Approval {
    pub fn state(&self) -> State {
        State::from_number(self.state)
    }
}

/// Duties that open the weeks of others.
pub const APPROVERS: Duties = Duties::APPROVAL_MANAGER.and(Duties::GLOBAL_APPROVAL_MANAGER);

/// Whose weeks a caller decides beside their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Nobody,
    /// People whose manager the caller is, and weeks submitted to them.
    Assigned,
    Everybody,
}

impl Reach {
    pub fn of(caller: &Caller) -> Reach {
        if caller.role >= Role::Administrator || caller.has(Duties::GLOBAL_APPROVAL_MANAGER) {
            Reach::Everybody
        } else if caller.has(Duties::APPROVAL_MANAGER) {
            Reach::Assigned
        } else {
            Reach::Nobody
        }
    }
}
