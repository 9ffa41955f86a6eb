//! A SQLite connection: opened with our pragmas and functions, stoppable while a statement runs.
//!
//! Goes in: a path and a [`Role`]. Comes out: a [`SqliteConn`] around diesel's connection. diesel hides the `sqlite3`
//! handle, which the progress handler and the functions need; SQLite's auto extension, called for each new handle,
//! notes it for us.

#![expect(unsafe_code, reason = "SQLite's progress handler and auto extensions are C interfaces")]

pub mod functions;

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};
use std::path::Path;
use std::ptr;
use std::sync::{Arc, Mutex, Once};

use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection, ConnectionError};
use libsqlite3_sys as ffi;

use super::Role;
use super::cancel::Cancel;
use super::error::DbError;
use super::shapes::Shapes;

/// A connection and what its progress handler reads.
pub struct SqliteConn {
    // Dropped first: SQLite must not call the handler once `job` is gone.
    connection: SqliteConnection,
    job: Arc<Job>,
    pub(super) shapes: Shapes,
}

#[derive(Default)]
struct Job(Mutex<Option<Arc<Cancel>>>);

/// Steps of SQLite's machine between two looks at the flag: some 0.1 ms.
const STEPS: c_int = 4000;

impl SqliteConn {
    /// Opens the file; only [`Role::Migrator`] creates one.
    pub fn open(path: &Path, role: Role) -> Result<SqliteConn, DbError> {
        if role != Role::Migrator && !path.exists() {
            return Err(DbError::Unavailable(format!("there is no database at {}", path.display())));
        }
        let unavailable = |why: &dyn std::fmt::Display| {
            DbError::Unavailable(format!("cannot open the database {}: {why}", path.display()))
        };
        let (mut connection, handle) = open_handle(&uri(path, role)).map_err(|e| unavailable(&e))?;
        let job = Arc::<Job>::default();
        // SAFETY: the handle is that of `connection`, which no other thread knows yet. `job` outlives it: the field
        // order of `SqliteConn` drops the connection first.
        unsafe {
            functions::register(handle).map_err(|code| unavailable(&ffi::code_to_str(code)))?;
            ffi::sqlite3_progress_handler(handle, STEPS, Some(progress), Arc::as_ptr(&job).cast_mut().cast::<c_void>());
        }
        for pragma in pragmas(role) {
            connection.batch_execute(pragma).map_err(|e| match DbError::from(e) {
                DbError::Other(why) => unavailable(&why),
                known => known,
            })?;
        }
        Ok(SqliteConn { connection, job, shapes: Shapes::default() })
    }

    /// diesel's connection.
    pub fn diesel(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    pub(super) fn diesel_and_shapes(&mut self) -> (&mut SqliteConnection, &mut Shapes) {
        (&mut self.connection, &mut self.shapes)
    }

    /// Statements from now on belong to this job.
    pub(super) fn attach(&mut self, job: Option<Arc<Cancel>>) {
        *self.job.0.lock().unwrap_or_else(|e| e.into_inner()) = job;
    }
}

/// Called in the middle of a statement, on the connection's own thread; not zero interrupts it.
unsafe extern "C" fn progress(job: *mut c_void) -> c_int {
    // SAFETY: a pointer to the `Job` of the connection that is running.
    let job = unsafe { &*job.cast::<Job>().cast_const() };
    let stop = job.0.try_lock().is_ok_and(|job| job.as_ref().is_some_and(|cancel| cancel.reason().is_some()));
    c_int::from(stop)
}

thread_local! {
    static NEWEST: Cell<*mut ffi::sqlite3> = const { Cell::new(ptr::null_mut()) };
}

fn open_handle(uri: &str) -> Result<(SqliteConnection, *mut ffi::sqlite3), ConnectionError> {
    static SET_UP: Once = Once::new();
    SET_UP.call_once(|| {
        // Each connection stays with one thread at a time, so that SQLite need not lock at every call, nor count all
        // memory under one lock. Refused where SQLite runs already: then it is only slower.
        // SAFETY: the arguments are those of the options; SQLite was not started before the first connection.
        unsafe {
            ffi::sqlite3_config(ffi::SQLITE_CONFIG_MULTITHREAD);
            ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0 as c_int);
        }
        // SAFETY: `note_handle` has the signature of an extension's entry point and lives for ever.
        unsafe {
            ffi::sqlite3_auto_extension(Some(note_handle));
        }
    });
    NEWEST.set(ptr::null_mut());
    let connection = SqliteConnection::establish(uri)?;
    let handle = NEWEST.replace(ptr::null_mut());
    if handle.is_null() {
        return Err(ConnectionError::BadConnection("SQLite did not announce the connection".into()));
    }
    Ok((connection, handle))
}

/// Runs inside `sqlite3_open_v2`, on the opening thread.
unsafe extern "C" fn note_handle(
    handle: *mut ffi::sqlite3,
    _error: *mut *mut c_char,
    _api: *const ffi::sqlite3_api_routines,
) -> c_int {
    NEWEST.set(handle);
    ffi::SQLITE_OK
}

/// A URI, since it alone can say that the file must be there.
fn uri(path: &Path, role: Role) -> String {
    let path = path.to_string_lossy();
    let mode = if role == Role::Migrator { "rwc" } else { "rw" };
    let escaped = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{escaped}?mode={mode}")
}

/// Measured (performance.md §1.9): memory maps for scattered reads, a small cache, sorts in files.
fn pragmas(role: Role) -> &'static [&'static str] {
    match role {
        Role::Reader => &[
            "PRAGMA busy_timeout = 5000",
            "PRAGMA query_only = ON",
            "PRAGMA mmap_size = 1073741824",
            "PRAGMA cache_size = -2048",
            "PRAGMA temp_store = FILE",
            "PRAGMA trusted_schema = OFF",
        ],
        // FULL: what was acknowledged is on the disk.
        Role::Writer | Role::Migrator => &[
            "PRAGMA busy_timeout = 5000",
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "PRAGMA foreign_keys = ON",
            "PRAGMA mmap_size = 1073741824",
            "PRAGMA cache_size = -16384",
            "PRAGMA temp_store = FILE",
            "PRAGMA trusted_schema = OFF",
        ],
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "expressions and threads of the test alone")]
mod tests {
    use super::*;
    use diesel::prelude::*;
    use diesel::sql_query;
    use diesel::sql_types::{BigInt, Nullable, Text};

    #[derive(QueryableByName)]
    struct One {
        #[diesel(sql_type = Nullable<Text>)]
        value: Option<String>,
    }

    fn ask(conn: &mut SqliteConn, expression: &str) -> Result<Option<String>, DbError> {
        let rows: Vec<One> = sql_query(format!("SELECT CAST({expression} AS TEXT) AS value")).load(conn.diesel())?;
        Ok(rows.into_iter().next().and_then(|one| one.value))
    }

    fn fresh() -> (tempfile::TempDir, SqliteConn) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let conn = SqliteConn::open(&folder.path().join("a b%?#.db"), Role::Migrator).expect("a new database");
        (folder, conn)
    }

    #[test]
    fn functions_answer() {
        let (_folder, mut conn) = fresh();
        for (expression, expected) in [
            ("tl_add(1, 2)", Some("3")),
            ("tl_add(1, NULL)", None),
            ("tl_neg(5)", Some("-5")),
            ("tl_div(-7, 2)", Some("-3")),
            ("tl_mod(-7, 2)", Some("-1")),
            ("tl_mod(-9223372036854775808, -1)", Some("0")),
            ("tl_lower('ÄÖ')", Some("äö")),
            ("tl_upper('straße')", Some("STRASSE")),
            ("tl_trim(char(9) || ' a ')", Some("a")),
            ("tl_endswith('Größe', 'ße')", Some("1")),
            ("tl_matches('Größe', '^G.*e$')", Some("1")),
            ("tl_part('year', -1)", Some("1969")),
            ("tl_part('second', -1)", Some("59")),
            ("tl_date(-1)", Some("-1")),
            ("tl_time(-1)", Some("86399999999")),
            ("tl_round(-2.5)", Some("-3.0")),
            ("tl_floor(-2.5)", Some("-3.0")),
            ("tl_ceiling(2.1)", Some("3.0")),
            ("tl_int(3.0)", Some("3")),
        ] {
            assert_eq!(ask(&mut conn, expression).expect(expression).as_deref(), expected, "{expression}");
        }
    }

    #[test]
    fn functions_raise() {
        let (_folder, mut conn) = fresh();
        for (expression, expected) in [
            ("tl_add(9223372036854775807, 1)", DbError::Overflow),
            ("tl_sub(-9223372036854775808, 1)", DbError::Overflow),
            ("tl_mul(9223372036854775807, 2)", DbError::Overflow),
            ("tl_neg(-9223372036854775808)", DbError::Overflow),
            ("tl_div(-9223372036854775808, -1)", DbError::Overflow),
            ("tl_int(1e19)", DbError::Overflow),
            ("tl_div(1, 0)", DbError::DivisionByZero),
            ("tl_mod(1, 0)", DbError::DivisionByZero),
            ("tl_matches('a', '(')", DbError::BadPattern(String::new())),
        ] {
            assert_eq!(ask(&mut conn, expression), Err(expected), "{expression}");
        }
    }

    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }

    /// Longer than any test would wait, unless it is interrupted.
    const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS n FROM n";

    #[test]
    fn a_running_statement_stops() {
        let (_folder, mut conn) = fresh();
        let cancel = Cancel::new(None);
        conn.attach(Some(Arc::clone(&cancel)));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(50));
                cancel.stop();
            });
            let result: QueryResult<Vec<Count>> = sql_query(ENDLESS).load(conn.diesel());
            let error = result.map(|rows| rows[0].n).expect_err("it cannot end");
            assert_eq!(DbError::from(error), DbError::Cancelled);
        });
        conn.attach(None);
        assert_eq!(ask(&mut conn, "1"), Ok(Some("1".into())));
    }

    #[test]
    fn a_missing_file_is_not_created() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("none.db");
        assert!(matches!(SqliteConn::open(&path, Role::Reader), Err(DbError::Unavailable(_))));
        assert!(!path.exists());
    }
}
