//! Sign-in with Windows accounts, through HTTP: handshakes, clients that others wrote, and who must not get in.

mod clients;
mod doctor;
mod domain;
mod handshake;
mod hostile;
mod leaks;
mod matrix;
pub mod oidc;
mod proxy;
mod query;
mod spnego;
mod tls;
pub mod wire;

use std::io::Write;
use std::process::Stdio;

use timeledger::auth::audit;
use timeledger::db::Role;

use crate::backend::{Backend, Database, Fixture};
use crate::support::program;
use crate::support::server::Server;

pub const ADA: (&str, &str, &str) = ("CORP", "ada", "Secret1");
pub const TIM: (&str, &str, &str) = ("CORP", "tim", "Geheim 2");
pub const NORA: (&str, &str, &str) = ("CORP", "nora", "locked-out");
pub const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The settings of a site without a domain.
const LOCAL: [(&str, &str); 3] = [
    ("TIMELEDGER_KEY", KEY),
    ("TIMELEDGER_AUTH__WINDOWS_DOMAINS", "CORP=corp.example.com"),
    ("TIMELEDGER_NTLM__VERIFIER", "local"),
];

pub const METADATA: &str = "/api/odata/v4.0/$metadata";

/// Runs the program with the settings and a line of input.
pub fn command(settings: &[(&str, &str)], arguments: &[&str], input: &str) -> std::process::Output {
    let mut command = program::timeledger(arguments);
    command.envs(settings.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

pub fn keep_password(database: &Database, person: &str, account: &str, password: &str) {
    let arguments = ["user", "windows-password", person, account, "--database", &database.text];
    let output = command(&LOCAL, &arguments, &format!("{password}\n"));
    assert!(output.status.success(), "{}", program::both(&output));
}

/// A site without a domain, whose people have Windows accounts with passwords that it keeps itself.
pub fn site(backend: Backend, more: &[(&str, &str)]) -> Server {
    let database = Database::loaded(backend, Fixture::SMALL);
    for (_, user, password) in [ADA, TIM, NORA] {
        keep_password(&database, &format!("{user}@example.com"), &format!("CORP\\{user}"), password);
    }
    Server::start_with(database, &[&LOCAL, more].concat())
}

/// The newest rows of the audit: event, outcome, target.
pub fn audited(server: &Server, count: i64) -> Vec<(String, String, Option<String>)> {
    audit::latest(&mut server.database.connect(Role::Reader), count).expect("the audit")
}
