//! The states of a week, and which step leads from which to which.

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
