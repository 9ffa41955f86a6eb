//! Why a write is refused: one type for every writer, whatever the door that it came through.
//!
//! In: nothing. Out: a [`Refusal`], whose [`Kind`] maps one to one to the codes of the wire contract (§4.1), and the
//! member of the request that it is about. A refused write leaves nothing behind: its transaction is rolled back.

use crate::db::{DbError, Failure};

/// Rules that a log or a step of approval may break (contract §4.1, §4.5, §6.2, §6.3): 422.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    WorkItemIdOrCommentRequired,
    WorkItemRequired,
    CommentRequired,
    ActivityTypeRequired,
    LengthIsRequired,
    LengthMustBePositive,
    MaxLengthExceeded,
    FutureCheckFailed,
    ApprovalStateFailed,
    ClosedWorkItem,
    FilterWorkItemIdsCountExceeded,
    /// A value that the data cannot take: an unknown id, a name in use.
    DbValidationError,
}

impl Rule {
    pub const ALL: [Rule; 12] = [
        Rule::WorkItemIdOrCommentRequired,
        Rule::WorkItemRequired,
        Rule::CommentRequired,
        Rule::ActivityTypeRequired,
        Rule::LengthIsRequired,
        Rule::LengthMustBePositive,
        Rule::MaxLengthExceeded,
        Rule::FutureCheckFailed,
        Rule::ApprovalStateFailed,
        Rule::ClosedWorkItem,
        Rule::FilterWorkItemIdsCountExceeded,
        Rule::DbValidationError,
    ];

    /// The code of the contract.
    pub fn code(self) -> &'static str {
        match self {
            Rule::WorkItemIdOrCommentRequired => "WorkItemIdOrCommentRequired",
            Rule::WorkItemRequired => "WorkItemRequired",
            Rule::CommentRequired => "CommentRequired",
            Rule::ActivityTypeRequired => "ActivityTypeRequired",
            Rule::LengthIsRequired => "LengthIsRequired",
            Rule::LengthMustBePositive => "LengthMustBePositive",
            Rule::MaxLengthExceeded => "MaxLengthExceeded",
            Rule::FutureCheckFailed => "FutureCheckFailed",
            Rule::ApprovalStateFailed => "ApprovalStateFailed",
            Rule::ClosedWorkItem => "ClosedWorkItem",
            Rule::FilterWorkItemIdsCountExceeded => "FilterWorkItemIdsCountExceeded",
            Rule::DbValidationError => "DbValidationError",
        }
    }
}

/// What sort of refusal, and so which status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value is not of its type or out of its range: 400.
    Malformed,
    /// More items than a request may hold: 413.
    TooLarge,
    /// 422.
    Rule(Rule),
    /// The row is not there for the caller: 404.
    NotFound,
    /// Kinds of work are switched off: 404 `ActivityTypeDisabled`.
    TypesOff,
    /// The row is seen, but is not the caller's to change: 403 `NoRightsToWorkLogModification`.
    NotYours,
    /// The role does not admit it: 403 `AccessDenied`.
    Denied,
    /// The state of the data forbids it, such as the deletion of a budget with time: 409.
    Conflict,
    /// `If-Match` names another state: 412.
    Changed,
    /// The idempotency key came with another request before: 422.
    KeyReused,
    /// The caller's credential no longer gives what it gave: the request starts again (AU-5).
    Stale,
    Database(DbError),
}

/// A write that is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub kind: Kind,
    /// The member of the request, such as `length` or `[3].workItemId`.
    pub member: Option<String>,
    pub message: String,
}

impl Refusal {
    pub fn new(kind: Kind, message: impl Into<String>) -> Refusal {
        Refusal { kind, member: None, message: message.into() }
    }

    pub fn rule(rule: Rule, member: &str, message: impl Into<String>) -> Refusal {
        Refusal::new(Kind::Rule(rule), message).at(member)
    }

    pub fn malformed(member: &str, message: impl Into<String>) -> Refusal {
        Refusal::new(Kind::Malformed, message).at(member)
    }

    /// A reference in a body to something that is not there.
    pub fn unknown(member: &str, what: &str, id: impl std::fmt::Display) -> Refusal {
        Refusal::rule(Rule::DbValidationError, member, format!("{member}: there is no {what} {id}."))
    }

    pub fn not_found(what: &str, id: impl std::fmt::Display) -> Refusal {
        Refusal::new(Kind::NotFound, format!("There is no {what} {id}."))
    }

    pub fn at(self, member: &str) -> Refusal {
        Refusal { member: Some(member.to_owned()), ..self }
    }

    /// The refusal of one of many.
    pub fn of_item(self, index: usize) -> Refusal {
        let member = self.member.map_or(format!("[{index}]"), |member| format!("[{index}].{member}"));
        Refusal { message: format!("[{index}] {}", self.message), member: Some(member), kind: self.kind }
    }
}

impl From<DbError> for Refusal {
    fn from(error: DbError) -> Refusal {
        Refusal { message: error.to_string(), member: None, kind: Kind::Database(error) }
    }
}

impl From<diesel::result::Error> for Refusal {
    fn from(error: diesel::result::Error) -> Refusal {
        DbError::from(error).into()
    }
}

impl Failure for Refusal {
    fn database(&self) -> Option<&DbError> {
        match &self.kind {
            Kind::Database(error) => Some(error),
            _ => None,
        }
    }
}
