//! Databases to test against: a SQLite file of its own, or a database of its own on the PostgreSQL that
//! `TIMELEDGER_TEST_POSTGRES` names (`tests/run` starts one). Each goes with its [`Database`].

use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection;
use timeledger::db::{Conn, DatabaseUrl, Role, migrate};
use timeledger::on;

/// Which back end a test runs on; a test runs on each of [`BACKENDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

pub const BACKENDS: [Backend; 2] = [Backend::Sqlite, Backend::Postgres];

/// A database that is removed at the end of the test.
pub struct Database {
    pub url: DatabaseUrl,
    /// As given on a command line.
    pub text: String,
    _gone_with_us: Removal,
}

enum Removal {
    Folder { _folder: tempfile::TempDir },
    Drop { server: String, name: String },
}

impl Database {
    /// A database without tables.
    pub fn empty(backend: Backend) -> Database {
        let (text, removal) = match backend {
            Backend::Sqlite => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let path = folder.path().join("timeledger.db");
                (format!("sqlite:{}", path.display()), Removal::Folder { _folder: folder })
            }
            Backend::Postgres => create_on_server(),
        };
        let url = text.parse().expect("a database URL");
        Database { url, text, _gone_with_us: removal }
    }

    /// A database with the tables of today.
    pub fn migrated(backend: Backend) -> Database {
        let database = Database::empty(backend);
        migrate::run(&mut database.connect(Role::Migrator)).expect("the migrations run");
        database
    }

    pub fn connect(&self, role: Role) -> Conn {
        Conn::open(&self.url, role).unwrap_or_else(|e| panic!("{}: {e}", self.text))
    }
}

fn create_on_server() -> (String, Removal) {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let server = std::env::var("TIMELEDGER_TEST_POSTGRES").unwrap_or_else(|_| {
        panic!("TIMELEDGER_TEST_POSTGRES must name a PostgreSQL where databases may be made; tests/run starts one")
    });
    let name = format!("timeledger_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    administer(&server, &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"));
    (with_database(&server, &name), Removal::Drop { server, name })
}

/// The server's URL with another database's name.
fn with_database(server: &str, name: &str) -> String {
    let (address, parameters) = server.split_once('?').map_or((server, None), |(a, p)| (a, Some(p)));
    let after_scheme = address.find("://").map_or(0, |at| at + 3);
    let host_end = address[after_scheme..].find('/').map_or(address.len(), |at| after_scheme + at);
    let parameters = parameters.map(|p| format!("?{p}")).unwrap_or_default();
    format!("{}/{name}{parameters}", &address[..host_end])
}

fn administer(server: &str, statement: &str) {
    let url: DatabaseUrl = server.parse().expect("TIMELEDGER_TEST_POSTGRES is a postgres URL");
    let mut conn = Conn::open(&url, Role::Migrator).unwrap_or_else(|e| panic!("TIMELEDGER_TEST_POSTGRES: {e}"));
    on!(&mut conn, c => c.batch_execute(statement)).unwrap_or_else(|e| panic!("{statement}: {e}"));
}

impl Drop for Removal {
    fn drop(&mut self) {
        if let Removal::Drop { server, name } = self
            && !std::thread::panicking()
        {
            administer(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}
