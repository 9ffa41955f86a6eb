//! The schema's versions: what is applied, what is due, forward and back.
//!
//! Goes in: a connection of [`Role::Migrator`](super::Role), and the migrations embedded from `migrations/`. Comes out:
//! a database that this binary can use, or the reason why not. All due migrations are one transaction; two servers that
//! start together wait for each other.

use diesel::connection::AnsiTransactionManager;
use diesel::migration::{Migration, MigrationConnection, MigrationSource, MigrationVersion};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::conn::{Conn, begin, commit, rollback};
use super::error::DbError;
use crate::on;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Arbitrary, but the same in every Timeledger.
const LOCK: i64 = 0x7469_6d65_6c65_6467;

/// Why a database cannot be migrated or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MigrateError {
    #[error("the database has the schema {0}, which is newer than this program; use a newer Timeledger")]
    Newer(String),
    #[error("the database lacks {0} schema change(s); run: timeledger migrate run")]
    Behind(usize),
    #[error("there is no schema change to revert")]
    NothingToRevert,
    #[error("schema change {version} failed: {reason}")]
    Failed { version: String, reason: String },
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<diesel::result::Error> for MigrateError {
    fn from(error: diesel::result::Error) -> Self {
        MigrateError::Database(error.into())
    }
}

/// One version of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// As the folder is named: `0001_initial`.
    pub name: String,
    pub applied: bool,
}

/// Every version that this binary or the database knows, in order.
pub fn status(conn: &mut Conn) -> Result<Vec<Step>, MigrateError> {
    let applied = applied(conn)?;
    let known = match conn {
        Conn::Sqlite(_) => known(MigrationSource::<diesel::sqlite::Sqlite>::migrations(&SQLITE)),
        Conn::Postgres(_) => known(MigrationSource::<diesel::pg::Pg>::migrations(&POSTGRES)),
    }?;
    let mut steps: Vec<Step> =
        known.iter().map(|(version, name)| Step { name: name.clone(), applied: applied.contains(version) }).collect();
    let foreign = applied.into_iter().filter(|version| known.iter().all(|(ours, _)| ours != version));
    steps.extend(foreign.map(|version| Step { name: version, applied: true }));
    steps.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(steps)
}

/// Whether this binary can serve from the database.
pub fn check(conn: &mut Conn) -> Result<(), MigrateError> {
    newer(conn)?;
    match status(conn)?.iter().filter(|step| !step.applied).count() {
        0 => Ok(()),
        due => Err(MigrateError::Behind(due)),
    }
}

/// Applies what is due; gives the names.
pub fn run(conn: &mut Conn) -> Result<Vec<String>, MigrateError> {
    newer(conn)?;
    transaction(conn, |conn| {
        let due = names_of(status(conn)?, false);
        match conn {
            Conn::Sqlite(c) => apply(c.diesel(), SQLITE),
            Conn::Postgres(c) => apply(c.diesel(), POSTGRES),
        }?;
        Ok(due)
    })
}

/// Takes the newest version back; gives its name. Its data goes with it.
pub fn revert(conn: &mut Conn) -> Result<String, MigrateError> {
    newer(conn)?;
    transaction(conn, |conn| {
        let newest = names_of(status(conn)?, true).pop().ok_or(MigrateError::NothingToRevert)?;
        let failed = |e: BoxedError| MigrateError::Failed { version: newest.clone(), reason: e.to_string() };
        match conn {
            Conn::Sqlite(c) => c.diesel().revert_last_migration(SQLITE).map(drop),
            Conn::Postgres(c) => c.diesel().revert_last_migration(POSTGRES).map(drop),
        }
        .map_err(failed)?;
        Ok(newest)
    })
}

type BoxedError = Box<dyn std::error::Error + Send + Sync>;

fn names_of(steps: Vec<Step>, applied: bool) -> Vec<String> {
    steps.into_iter().filter(|step| step.applied == applied).map(|step| step.name).collect()
}

fn newer(conn: &mut Conn) -> Result<(), MigrateError> {
    let ours: Vec<String> = match conn {
        Conn::Sqlite(_) => known(MigrationSource::<diesel::sqlite::Sqlite>::migrations(&SQLITE)),
        Conn::Postgres(_) => known(MigrationSource::<diesel::pg::Pg>::migrations(&POSTGRES)),
    }?
    .into_iter()
    .map(|(version, _)| version)
    .collect();
    match applied(conn)?.into_iter().find(|version| !ours.contains(version)) {
        Some(version) => Err(MigrateError::Newer(version)),
        None => Ok(()),
    }
}

/// Version and full name of each embedded migration, in order.
fn known<DB: diesel::backend::Backend>(
    migrations: diesel::migration::Result<Vec<Box<dyn Migration<DB>>>>,
) -> Result<Vec<(String, String)>, MigrateError> {
    let migrations = migrations.map_err(|e| DbError::Other(format!("the embedded migrations are broken: {e}")))?;
    let mut known: Vec<_> = migrations.iter().map(|m| (m.name().version().to_string(), m.name().to_string())).collect();
    known.sort();
    Ok(known)
}

diesel::table! {
    #[sql_name = "__diesel_schema_migrations"]
    schema_migrations (version) {
        version -> Text,
    }
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Bool)]
    found: bool,
}

/// Reads only, so that it serves `status` on a connection that may not write.
#[expect(clippy::disallowed_methods, reason = "the catalogue differs by back end and is no table of ours")]
fn applied(conn: &mut Conn) -> Result<Vec<String>, MigrateError> {
    let exists = match conn {
        Conn::Sqlite(_) => "SELECT count(*) > 0 AS found FROM sqlite_master WHERE name = '__diesel_schema_migrations'",
        Conn::Postgres(_) => "SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS found",
    };
    on!(conn, c => {
        let exists: Found = diesel::sql_query(exists).get_result(c)?;
        if !exists.found {
            return Ok(Vec::new());
        }
        let version = schema_migrations::version;
        Ok(schema_migrations::table.select(version).order(version).load::<String>(c)?)
    })
}

fn apply<C, DB>(conn: &mut C, source: EmbeddedMigrations) -> Result<(), MigrateError>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB> + MigrationConnection,
    EmbeddedMigrations: MigrationSource<DB>,
{
    conn.setup()?;
    let due = conn.pending_migrations(source).map_err(|e| DbError::Other(e.to_string()))?;
    for migration in due {
        let version: MigrationVersion<'_> = migration.name().version().as_owned();
        conn.run_migration(&*migration)
            .map_err(|e| MigrateError::Failed { version: version.to_string(), reason: e.to_string() })?;
    }
    Ok(())
}

/// One transaction, alone: SQLite's write lock, PostgreSQL's advisory lock.
#[expect(clippy::disallowed_methods, reason = "a lock is no query of the DSL")]
fn transaction<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T, MigrateError>) -> Result<T, MigrateError> {
    match conn {
        Conn::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c.diesel(), "BEGIN IMMEDIATE")?,
        Conn::Postgres(c) => {
            begin(c.diesel())?;
            diesel::sql_query("SELECT pg_advisory_xact_lock($1)").bind::<BigInt, _>(LOCK).execute(c.diesel())?;
        }
    }
    let result = work(conn);
    match &result {
        Ok(_) => on!(conn, c => commit(c))?,
        Err(_) => {
            let _ = on!(conn, c => rollback(c));
        }
    }
    result
}
