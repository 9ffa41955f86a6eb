//! Who may see what: the one place (AU-80).
//!
//! [`Caller`] is who asks, [`Role`] what they may, [`rows`] which rows of a table that leaves. Every reader gets its
//! rows through [`crate::sql::Scan`], which asks here.

mod caller;
mod roles;
mod rows;

pub use caller::{Caller, Everything};
pub use roles::Role;
pub use rows::visible;
