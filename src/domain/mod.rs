//! What the product does: the rules, and the one path by which each thing is written.
//!
//! A writer is a function of an open transaction ([`crate::db::Tx`]) and an [`changes::Author`]: it loads what the rules
//! ask about, authorises, applies the rules, stores, and writes the audit trail. It returns a [`refusal::Refusal`] or
//! what is there now; whoever opened the transaction commits it. Nothing outside the database is touched.
//!
//! Whoever opens the transaction begins it with [`crate::db::Tx::hold`]: `Shared` to write logs, `Exclusive` to write what
//! their rules ask about (settings, weeks, budgets, kinds of work, people, and work items with their tree). A writer without
//! it is refused.

pub mod accounts;
pub mod activity_types;
pub mod approvals;
pub mod budgets;
pub mod calendar;
pub mod changes;
pub mod fields;
pub mod idempotency;
pub mod imports;
pub mod jobs;
pub mod notices;
pub mod pairing;
pub mod people;
pub mod refusal;
pub mod settings;
pub mod timers;
pub mod tree;
pub mod wall;
pub mod weeks;
pub mod work_items;
pub mod worklogs;
