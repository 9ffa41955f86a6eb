//! Addresses that are rows of a table: REST (contract §4), tracking (§5) and `/api/v1`.
//!
//! In: a request below `/api/rest`, `/api/tracking` or `/api/v1`. Out: the answer of its [`Route`]. A route is declared
//! once, in `http/rest`, `http/tracking` or `http/v1`, with its path, its least role and scope, its options and the shapes
//! of its bodies; the router, the checks before a handler and the tests that walk all routes follow from that. A handler
//! reads what was sent and gives a [`Job`], one function in one transaction; [`serve`] runs it, with the credential checked
//! inside.

pub mod call;
mod export;
mod idempotency;
pub mod options;
mod route;
mod serve;
pub mod shape;
mod upload;

pub use call::{Answer, Attachment, Call, Content, Job};
pub use route::{Route, Verb, routes};
pub use serve::configure;
pub use upload::Uploaded;
