//! Notices: what the server tells a person, in the app and by mail (AU-13, AU-57, AU-63, AU-90; UX-71).
//!
//! Whoever has something to tell calls [`tell`] in the transaction in which it happens. Rows hold facts; [`texts`] makes the
//! sentences of them, for every channel, and nobody else does.

pub mod read;
pub mod texts;

pub use crate::auth::notices::{Kind, Notice, clear, clear_of_all, tell, tell_administrators, told_since};
