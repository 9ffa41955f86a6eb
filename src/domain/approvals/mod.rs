//! Approval: each person's week and its state, and weeks that are locked for everybody (contract §6.2).

mod state;

pub use state::State;
