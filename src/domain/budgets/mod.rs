//! Budgets: what they are, what is assigned to them, and which one each item and log counts for (contract §6.1).
//!
//! | file | in | out |
//! |---|---|---|
//! | `effective` | what has a budget of its own | the budget that each item and log counts for |
//! | [`assign`] | a budget and an item, iteration or log | which items and logs change hands; the same, written |
//! | [`write`] | names, hours | budgets made, changed, closed, deleted |
//!
//! Effective budgets are kept in the transaction of what changes them, for the items and logs that it concerns alone.

pub mod assign;
mod effective;
pub mod write;

pub use effective::{Assigned, Assignment, Effective, of_worklog, recompute_all};
