//! What the product does: the rules, and the one path by which each thing is written.

pub mod budgets;
pub mod calendar;
pub mod fields;
pub mod people;
pub mod tree;
pub mod worklogs;
