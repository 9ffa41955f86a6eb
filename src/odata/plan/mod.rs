//! Bound → plan: relational statements with the row policy inside, and what is written of their rows.

mod expr;
mod scope;

pub use scope::{At, Context, Derivation, Planner};
