//! Notices: what the server tells a person, in the app and by mail (AU-13, AU-57, AU-63, AU-90; UX-71).
//!
//! Whoever has something to tell calls [`tell`] in the transaction in which it happens. Rows hold facts; [`texts`] makes the
//! sentences of them, for every channel, and nobody else does. [`mails`] is the queue of what is to be mailed, [`settings`]
//! how a person wants to be told, [`unsubscribe`] the link that a mail carries, [`tokens`] what is told of API tokens.

pub mod mails;
pub mod read;
pub mod settings;
pub mod texts;
pub mod tokens;
pub mod unsubscribe;

pub use crate::auth::notices::{Kind, Notice, clear, clear_of_all, tell, tell_administrators, told_since};
