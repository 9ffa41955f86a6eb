//! What can go wrong with a database, by what a caller can do about it.
//!
//! Goes in: diesel's errors of either back end, and our own. Comes out: a [`DbError`]. diesel keeps no SQLSTATE, so
//! PostgreSQL's conditions beyond its own kinds are known by their English message; connections ask for those
//! (`lc_messages`). Texts of the database are for the log, never for a client.

use std::time::Duration;

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error};

use super::sqlite::functions::{BAD_PATTERN, DIVISION_BY_ZERO, OVERFLOW};

/// A failure of the database or of the way to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DbError {
    /// A unique constraint, by the name or columns that the database gives.
    #[error("a value that must be unique is there already: {0}")]
    Unique(String),
    #[error("a row that is referred to is missing, or one that others refer to would go: {0}")]
    ForeignKey(String),
    /// A CHECK or NOT NULL.
    #[error("a value is not allowed: {0}")]
    Check(String),
    #[error("no such row")]
    NotFound,
    /// The queue of the lane is full, or the job has stood in it for too long.
    #[error("too many requests wait for the database")]
    Busy,
    /// Another process holds the write lock.
    #[error("the database is locked by another program")]
    Locked,
    /// Concurrent writers met; the transaction may be repeated.
    #[error("concurrent changes: {0}")]
    Conflict(String),
    #[error("the request was cancelled")]
    Cancelled,
    #[error("the time-out passed")]
    TimedOut,
    /// The connection broke.
    #[error("the connection to the database broke: {0}")]
    Lost(String),
    /// No connection can be had: missing, unreachable, refused, not a database.
    #[error("{0}")]
    Unavailable(String),
    #[error("a number is out of range")]
    Overflow,
    #[error("division by zero")]
    DivisionByZero,
    #[error("not a regular expression: {0}")]
    BadPattern(String),
    #[error("no space is left for the database: {0}")]
    Full(String),
    #[error("{0}")]
    Other(String),
}

impl DbError {
    /// How long a client should wait before it tries again, where that may help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            DbError::Busy | DbError::Conflict(_) => Some(Duration::from_secs(1)),
            DbError::Locked | DbError::Lost(_) | DbError::Unavailable(_) => Some(Duration::from_secs(5)),
            _ => None,
        }
    }
}

/// An error of a job on a database thread; it may wrap one of the database.
pub trait Failure: From<DbError> + Send + 'static {
    /// The database's error inside, if that is what it is.
    fn database(&self) -> Option<&DbError>;
}

impl Failure for DbError {
    fn database(&self) -> Option<&DbError> {
        Some(self)
    }
}

impl From<Error> for DbError {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => DbError::NotFound,
            Error::DatabaseError(kind, information) => from_database(kind, &*information),
            Error::RollbackErrorOnCommit { commit_error, .. } => DbError::from(*commit_error),
            Error::BrokenTransactionManager => DbError::Lost("a transaction could not be ended".into()),
            other => DbError::Other(other.to_string()),
        }
    }
}

fn from_database(kind: DatabaseErrorKind, information: &(dyn DatabaseErrorInformation + Send + Sync)) -> DbError {
    let message = information.message();
    let named = || information.constraint_name().unwrap_or(message).to_owned();
    match kind {
        DatabaseErrorKind::UniqueViolation => DbError::Unique(named()),
        DatabaseErrorKind::ForeignKeyViolation => DbError::ForeignKey(named()),
        DatabaseErrorKind::CheckViolation | DatabaseErrorKind::NotNullViolation => DbError::Check(message.to_owned()),
        DatabaseErrorKind::SerializationFailure => DbError::Conflict(message.to_owned()),
        DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection => {
            DbError::Lost(message.to_owned())
        }
        _ => from_message(message),
    }
}

fn from_message(message: &str) -> DbError {
    let has = |part: &str| message.contains(part);
    match message {
        OVERFLOW | "integer overflow" => DbError::Overflow,
        DIVISION_BY_ZERO | "division by zero" => DbError::DivisionByZero,
        BAD_PATTERN => DbError::BadPattern(String::new()),
        "interrupted" => DbError::Cancelled,
        "deadlock detected" => DbError::Conflict(message.to_owned()),
        _ if message.starts_with("canceling statement") => DbError::Cancelled,
        _ if message.starts_with("terminating connection") || has("the database system is") => {
            DbError::Lost(message.to_owned())
        }
        _ if message.starts_with("invalid regular expression") => DbError::BadPattern(message.to_owned()),
        _ if out_of_range(message) => DbError::Overflow,
        _ if message.starts_with("database is locked") || message.starts_with("database table is locked") => {
            DbError::Locked
        }
        _ if message.starts_with("database or disk is full") || has("No space left on device") => {
            DbError::Full(message.to_owned())
        }
        _ if message.starts_with("unable to open database") || message.starts_with("file is not a database") => {
            DbError::Unavailable(message.to_owned())
        }
        _ => DbError::Other(message.to_owned()),
    }
}

/// SQLSTATE 22003 and 22008.
fn out_of_range(message: &str) -> bool {
    message.ends_with("out of range")
        || message.starts_with("value out of range")
        || message.contains(" is out of range for type ")
        || message.starts_with("date/time field value out of range")
        || message.starts_with("numeric field overflow")
        || message.starts_with("value overflows numeric format")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_both_back_ends() {
        for (message, expected) in [
            ("Overflow", DbError::Overflow),
            ("integer overflow", DbError::Overflow),
            ("bigint out of range", DbError::Overflow),
            ("value out of range: overflow", DbError::Overflow),
            ("timestamp out of range", DbError::Overflow),
            ("value \"99999999999\" is out of range for type integer", DbError::Overflow),
            ("DivisionByZero", DbError::DivisionByZero),
            ("division by zero", DbError::DivisionByZero),
            ("interrupted", DbError::Cancelled),
            ("canceling statement due to user request", DbError::Cancelled),
            ("database is locked", DbError::Locked),
        ] {
            assert_eq!(from_message(message), expected, "{message}");
        }
    }
}
