//! What `doctor` looks at of Azure DevOps (AU-63): credentials that end, have failed or wait, and plain http.

use crate::auth::outgoing::connections::{self, Connection};
use crate::auth::outgoing::credentials::{self, Credential};
use crate::auth::outgoing::{State, Whose};
use crate::cli::doctor::Findings;
use crate::cli::failure::{Exit, Failure};
use crate::clock::Clock;
use crate::db::{Conn, DbError};

const CHECK: &str = "azure devops";

pub(super) fn credentials(conn: &mut Conn, found: &mut Findings) {
    let read: Result<(Vec<Connection>, Vec<Credential>), DbError> =
        connections::list(conn).and_then(|all| Ok((all, credentials::all(conn)?)));
    let (connections, all) = match read {
        Ok(read) => read,
        Err(error) => return found.fail(CHECK, error.into()),
    };
    let now = Clock::system().now();
    for connection in &connections {
        if connection.allow_http && connection.base_url.starts_with("http:") {
            let detail = format!("{}: secrets go to {} in clear", connection.name, connection.base_url);
            found.warn(CHECK, detail, "give the server a certificate, and the connection its https address");
        }
        for row in all.iter().filter(|row| row.connection_id == connection.id) {
            credential(connection, row, row.state(now), found);
        }
    }
    let good = all.iter().filter(|row| row.state(now) == State::Ok).count();
    if !connections.is_empty() {
        found.ok(CHECK, format!("{} connection(s), {good} of {} credential(s) good", connections.len(), all.len()));
    }
}

fn credential(connection: &Connection, row: &Credential, state: State, found: &mut Findings) {
    let whose = match row.whose() {
        Whose::Service => "the service account".to_owned(),
        Whose::Person(id) => format!("the person {id}"),
    };
    let reason = row.reason.clone().unwrap_or_else(|| "it has expired".to_owned());
    let what = format!("{}: the credential of {whose}", connection.name);
    let fix = "authorise the connection again, or `timeledger connection credential`";
    match state {
        State::Red => {
            found.fail(CHECK, Failure::new(Exit::Data, format!("{what} is not used any more"), reason, fix));
        }
        State::Yellow => found.warn(CHECK, format!("{what} ends within 14 days"), fix),
        State::Ok if row.failures > 0 => found.warn(CHECK, format!("{what} waits: {reason}"), "look at the other end"),
        State::Ok => {}
    }
}
