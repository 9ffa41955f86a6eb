//! The relational tree and how it becomes SQL text and binds, on both back ends.
//!
//! Knows nothing of OData and nothing of time tracking. Values reach the text as binds only; identifiers are
//! `&'static str` from declarations; the text of functions stands in [`functions`].

pub mod calendar;
pub mod dialect;
pub mod functions;
pub mod insert;
pub mod layout;
mod render;
mod size;
pub mod tree;
pub mod value;

pub use calendar::Late;
pub use dialect::Dialect;
pub use insert::{Insert, Update};
pub use tree::{
    Aggregate, Alias, Arithmetic, Compare, Direction, Each, Expr, From, Guard, Join, JoinKind, Names, Order, Scan,
    Select, Statement, Viewer,
};
pub use value::{Cell, Day, Guid, Instant, List, Type, Value};
