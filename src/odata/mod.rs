//! The OData core: text → syntax → bound query → plan → bytes. Knows nothing of time tracking.

pub mod error;
pub mod limits;
pub mod parse;
pub mod syntax;

pub use error::{Code, ODataError, Result};
