//! The edge, through HTTP: who is let in, limits, envelopes, health, logs.

mod auth;
mod clock;
mod edge;
mod envelopes;
mod operation;

use crate::backend::{Backend, Database};
use crate::support::program;
use crate::support::server::Server;

/// A server with people of some roles and no time at all.
pub fn with_people(backend: Backend, environment: &[(&str, &str)]) -> Server {
    let database = Database::migrated(backend);
    for (name, role) in [("root", "Administrator"), ("ann", "Product"), ("bob", "Team"), ("eve", "None")] {
        program::run(&["user", "add", name, "--role", role, "--database", &database.text]);
    }
    Server::start_with(database, environment)
}
