//! Who may see what: the one place (AU-80).
//!
//! [`Caller`] is who asks, [`Role`] and [`Duties`] what they may, [`rows`] which rows of a table that leaves. Every reader gets its
//! rows through [`crate::sql::Scan`], which asks here.

mod caller;
mod duties;
mod roles;
mod rows;

pub use caller::{Caller, Everything};
pub use duties::Duties;
pub use roles::Role;
pub use rows::{Whose, visible};
