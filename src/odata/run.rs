//! A plan and a connection → bytes.

use super::error::ODataError;
use crate::db::DbError;

/// Why a run ended early.
#[derive(Debug)]
pub enum RunError {
    /// The request's fault, found in the data: a zero divisor, an overflow, an absent entity.
    Request(ODataError),
    Database(DbError),
}

impl From<DbError> for RunError {
    fn from(error: DbError) -> RunError {
        RunError::Database(error)
    }
}

impl From<ODataError> for RunError {
    fn from(error: ODataError) -> RunError {
        RunError::Request(error)
    }
}

impl crate::db::Failure for RunError {
    fn database(&self) -> Option<&DbError> {
        match self {
            RunError::Database(error) => Some(error),
            RunError::Request(_) => None,
        }
    }
}
