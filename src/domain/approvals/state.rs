//! The states of a week, and which step leads from which to which.

use crate::domain::changes::Action;

/// A person's week. The numbers are those of `approvals.state`; on the wire a rejected week reads as a reopened one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// No step was taken yet.
    #[default]
    InProgress = 0,
    Submitted = 1,
    Reopened = 2,
    Approved = 3,
    Rejected = 4,
    /// By a manager, unsubmitted.
    Closed = 99,
}

impl State {
    pub const ALL: [State; 6] =
        [State::InProgress, State::Submitted, State::Reopened, State::Approved, State::Rejected, State::Closed];

    pub fn number(self) -> i32 {
        self as i32
    }

    /// The state of a number; one that this version does not know is closed to changes.
    pub fn from_number(number: i32) -> State {
        State::ALL.into_iter().find(|state| state.number() == number).unwrap_or(State::Closed)
    }

    /// The number that clients of the contract know.
    pub fn wire(self) -> i32 {
        match self {
            State::Rejected => State::Reopened.number(),
            state => state.number(),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            State::InProgress => "open",
            State::Submitted => "submitted",
            State::Reopened => "reopened",
            State::Approved => "approved",
            State::Rejected => "rejected",
            State::Closed => "closed",
        }
    }

    /// Whether time may be entered and changed.
    pub fn is_open(self) -> bool {
        matches!(self, State::InProgress | State::Reopened | State::Rejected)
    }
}

/// What somebody does with a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// By the owner.
    Submit,
    /// By the owner.
    Revoke,
    /// By a manager, as all that follow.
    Approve,
    Reject,
    Reopen,
    /// Of an unsubmitted past week.
    Close,
}

impl Step {
    pub const ALL: [Step; 6] = [Step::Submit, Step::Revoke, Step::Approve, Step::Reject, Step::Reopen, Step::Close];

    /// The state that follows; none: not from this one.
    pub fn from(self, state: State) -> Option<State> {
        let (next, possible) = match self {
            Step::Submit => (State::Submitted, state.is_open()),
            Step::Revoke => (State::Reopened, state == State::Submitted),
            Step::Approve => (State::Approved, state == State::Submitted),
            Step::Reject => (State::Rejected, state == State::Submitted),
            Step::Reopen => (State::Reopened, matches!(state, State::Approved | State::Closed)),
            Step::Close => (State::Closed, state.is_open()),
        };
        possible.then_some(next)
    }

    pub fn action(self) -> Action {
        match self {
            Step::Submit => Action::Submitted,
            Step::Revoke | Step::Reopen => Action::Reopened,
            Step::Approve => Action::Approved,
            Step::Reject => Action::Rejected,
            Step::Close => Action::Closed,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Step::Submit => "submitted",
            Step::Revoke => "revoked",
            Step::Approve => "approved",
            Step::Reject => "rejected",
            Step::Reopen => "reopened",
            Step::Close => "closed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contract §6.2: none or 2 → 1 → 3; 1 → 2 by its owner; 3 or 99 → 2; none or 2 → 99; ours: 1 → rejected, as 2.
    #[test]
    fn contract_6_2_steps() {
        use State::{Approved, Closed, InProgress, Rejected, Reopened, Submitted};
        let table = [
            (InProgress, [Some(Submitted), None, None, None, None, Some(Closed)]),
            (Submitted, [None, Some(Reopened), Some(Approved), Some(Rejected), None, None]),
            (Reopened, [Some(Submitted), None, None, None, None, Some(Closed)]),
            (Approved, [None, None, None, None, Some(Reopened), None]),
            (Rejected, [Some(Submitted), None, None, None, None, Some(Closed)]),
            (Closed, [None, None, None, None, Some(Reopened), None]),
        ];
        for (state, expected) in table {
            assert_eq!(Step::ALL.map(|step| step.from(state)), expected, "{state:?}");
            assert_eq!(State::from_number(state.number()), state);
        }
        assert_eq!(State::ALL.map(State::wire), [0, 1, 2, 3, 2, 99]);
        assert_eq!(State::from_number(7), Closed);
    }
}
