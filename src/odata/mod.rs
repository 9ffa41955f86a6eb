//! The OData core: text → syntax → bound query → plan → bytes. Knows nothing of time tracking.

pub mod bind;
pub mod bound;
pub mod csdl;
pub mod edm;
pub mod encode;
mod entity_id;
pub mod error;
pub mod functions;
pub mod lex;
pub mod limits;
mod link;
pub mod literal;

pub mod own;
pub mod parse;
pub mod plan;
pub mod run;
pub mod service;
pub mod skiptoken;
pub mod syntax;
pub mod url;

pub use error::{Code, ODataError, Result};
