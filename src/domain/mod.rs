//! What the product does: the rules, and the one path by which each thing is written.

pub mod fields;
pub mod people;
