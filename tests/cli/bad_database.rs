//! A database that is missing, newer, locked, or none at all: a clear line, an exit code, nothing damaged.

use std::net::TcpListener;

use diesel::connection::SimpleConnection;
use timeledger::db::{Conn, DbError, Role};
use timeledger::on;

use super::timeledger;
use crate::backend::{BACKENDS, Database};

const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

fn on_database<'a>(arguments: &[&'a str], database: &'a Database) -> Vec<&'a str> {
    arguments.iter().copied().chain(["--database", database.text.as_str()]).collect()
}

#[test]
fn a_newer_schema_is_refused_by_every_command() {
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        let insert = "INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')";
        on!(&mut database.connect(Role::Migrator), c => c.batch_execute(insert)).unwrap();
        for command in [&SERVE[..], &["user", "list"], &["migrate", "run"], &["migrate", "revert"]] {
            let run = timeledger(on_database(command, &database));
            let said = run.err.lines().filter(|line| !line.starts_with('{')).collect::<Vec<_>>().join("\n");
            assert_eq!((run.code, run.out.as_str()), (1, ""), "{command:?}: {said}");
            assert!(said.contains("9999") && said.contains("newer"), "{command:?}: {said}");
        }
    }
}

#[test]
fn what_is_no_database_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "these are notes, and not a database at all".repeat(100)).unwrap();
    let before = std::fs::read(&file).unwrap();
    let url = format!("sqlite:{}", file.display());
    for command in [&SERVE[..], &["user", "list"], &["migrate", "run"]] {
        let run = timeledger(command.iter().copied().chain(["--database", url.as_str()]));
        assert_eq!((run.code, run.out.as_str()), (5, ""), "{command:?}: {}", run.err);
    }
    assert_eq!(std::fs::read(&file).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_locked_database_is_said_to_be_locked() {
    let database = Database::migrated(BACKENDS[0]);
    let mut conn: Conn = database.connect(Role::Writer);
    let locked: Result<(), DbError> = conn.write(|_| {
        let run = timeledger(on_database(&["user", "add", "ann"], &database));
        assert!(run.failed(1).contains("locked"), "{}", run.err);
        timeledger(on_database(&["user", "list"], &database)).printed();
        Ok(())
    });
    locked.unwrap();
    timeledger(on_database(&["user", "add", "ann"], &database)).printed();
}

#[test]
fn a_port_that_is_taken_is_named() {
    let database = Database::migrated(BACKENDS[0]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = timeledger(on_database(&["serve", "--listen", &address], &database));
    assert!(run.code == 1 && run.err.contains(&address) && run.err.contains("--listen"), "{}", run.err);
}
