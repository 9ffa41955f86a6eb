//! What `doctor` looks at of Azure DevOps (AU-63): credentials that end, have failed or wait, and plain http.

use std::collections::HashMap;

use crate::auth::outgoing::State;
use crate::auth::outgoing::connections::{self, Connection};
use crate::auth::outgoing::credentials::{self, Credential};
use crate::cli::doctor::Findings;
use crate::cli::failure::{Exit, Failure};
use crate::clock::Clock;
use crate::db::{Conn, DbError};
use crate::domain::people::{self, Person};

const CHECK: &str = "azure devops";

pub(super) fn credentials(conn: &mut Conn, found: &mut Findings) {
    let (connections, all, people) = match read(conn) {
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
            let person = row.user_id.and_then(|id| people.get(&id)).map(|person| person.unique_name.as_str());
            credential(connection, row, (row.state(now), person), found);
        }
    }
    let good = all.iter().filter(|row| row.state(now) == State::Ok).count();
    if !connections.is_empty() {
        found.ok(CHECK, format!("{} connection(s), {good} of {} credential(s) good", connections.len(), all.len()));
    }
}

type Read = (Vec<Connection>, Vec<Credential>, HashMap<i32, Person>);

fn read(conn: &mut Conn) -> Result<Read, DbError> {
    let (connections, all) = (connections::list(conn)?, credentials::all(conn)?);
    let ids: Vec<i32> = all.iter().filter_map(|row| row.user_id).collect();
    Ok((connections, all, people::by_ids(conn, &ids)?))
}

fn credential(connection: &Connection, row: &Credential, (state, person): (State, Option<&str>), found: &mut Findings) {
    let whose = person.map_or_else(|| "the service account".to_owned(), str::to_owned);
    let of = person.map(|name| format!(" --of {name}")).unwrap_or_default();
    let reason = row.reason.clone().unwrap_or_else(|| "it has expired".to_owned());
    let what = format!("{}: the credential of {whose}", connection.name);
    let fix =
        format!("authorise the connection again, or `timeledger connection credential '{}'{of}`", connection.name);
    match state {
        State::Red => {
            found.fail(CHECK, Failure::new(Exit::Data, format!("{what} is not used any more"), reason, fix));
        }
        State::Yellow => found.warn(CHECK, format!("{what} ends within 14 days"), &fix),
        State::Ok if row.failures > 0 => found.warn(CHECK, format!("{what} waits: {reason}"), "look at the other end"),
        State::Ok => {}
    }
}
