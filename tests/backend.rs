//! Databases to test against: a SQLite file of its own, or a database of its own on the PostgreSQL that
//! `TIMELEDGER_TEST_POSTGRES` names (`tests/run` starts one). Each goes with its [`Database`].

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

use diesel::connection::SimpleConnection;
use timeledger::db::{Conn, DatabaseUrl, Role, migrate};
use timeledger::sql::Instant;
use timeledger::{on, seed};

/// Which back end a test runs on; a test runs on each of [`BACKENDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    Sqlite,
    Postgres,
}

pub const BACKENDS: [Backend; 2] = [Backend::Sqlite, Backend::Postgres];

/// Runs a test on both.
pub fn for_each_backend(test: impl FnMut(Backend)) {
    BACKENDS.into_iter().for_each(test);
}

/// A file of `fixtures/load/`, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fixture(pub &'static str);

impl Fixture {
    /// A few people of every role, their logs, a tree of work items, budgets.
    pub const SMALL: Fixture = Fixture("small");

    pub fn path(self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/load").join(self.0).with_extension("json")
    }
}

/// A database that is removed at the end of the test.
pub struct Database {
    pub url: DatabaseUrl,
    /// As given on a command line.
    pub text: String,
    _gone_with_us: Removal,
}

enum Removal {
    Folder {
        _folder: tempfile::TempDir,
    },
    Drop {
        server: String,
        name: String,
    },
    /// Another value removes it.
    NotOurs,
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
            Backend::Postgres => create_on_server("TEMPLATE template0 ENCODING 'UTF8'"),
        };
        Database::of((text, removal))
    }

    fn of((text, removal): (String, Removal)) -> Database {
        let url = text.parse().expect("a database URL");
        Database { url, text, _gone_with_us: removal }
    }

    /// A database with the tables of today.
    pub fn migrated(backend: Backend) -> Database {
        let database = Database::empty(backend);
        migrate::run(&mut database.connect(Role::Migrator)).expect("the migrations run");
        database
    }

    /// A database with a fixture: loaded once a process, then copied.
    pub fn loaded(backend: Backend, fixture: Fixture) -> Database {
        static TEMPLATES: LazyLock<Mutex<HashMap<(Backend, Fixture), Database>>> = LazyLock::new(Mutex::default);
        let mut templates = TEMPLATES.lock().unwrap_or_else(PoisonError::into_inner);
        let template = templates.entry((backend, fixture)).or_insert_with(|| Database::load(backend, &fixture.path()));
        template.copied()
    }

    /// A new database with what the file holds, as `timeledger load` brings it in. What the file does not date is of the
    /// first day of 2024, so that both back ends answer alike.
    pub fn load(backend: Backend, file: &Path) -> Database {
        let database = Database::empty(backend);
        database.load_more(file);
        database
    }

    /// What a further file holds, beside what is there.
    pub fn load_more(&self, file: &Path) {
        let reader = File::open(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let now = Instant(1_704_067_200_000_000);
        seed::load(&mut self.connect(Role::Migrator), BufReader::new(reader), now, &mut |_| {})
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

    fn copied(&self) -> Database {
        match (&self.url, &self._gone_with_us) {
            (DatabaseUrl::Sqlite(path), _) => {
                let copy = Database::empty(Backend::Sqlite);
                std::fs::copy(path, copy.text.trim_start_matches("sqlite:")).expect("the file is copied");
                copy
            }
            (_, Removal::Drop { name, .. }) => Database::of(create_on_server(&format!("TEMPLATE {name}"))),
            (_, Removal::Folder { .. } | Removal::NotOurs) => unreachable!("a folder holds a SQLite file"),
        }
    }

    /// The same database, for another server; it goes with this one.
    pub fn again(&self) -> Database {
        Database::of((self.text.clone(), Removal::NotOurs))
    }

    pub fn connect(&self, role: Role) -> Conn {
        Conn::open(&self.url, role).unwrap_or_else(|e| panic!("{}: {e}", self.text))
    }
}

fn create_on_server(options: &str) -> (String, Removal) {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let server = std::env::var("TIMELEDGER_TEST_POSTGRES").unwrap_or_else(|_| {
        panic!("TIMELEDGER_TEST_POSTGRES must name a PostgreSQL where databases may be made; tests/run starts one")
    });
    let name = format!("timeledger_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    administer(&server, &format!("CREATE DATABASE {name} {options}"));
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
