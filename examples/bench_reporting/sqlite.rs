//! The limit on SQLite: its C interface and nothing else.

use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::pin::Pin;
use std::ptr;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::web::Bytes;
use futures_util::Stream;
use libsqlite3_sys as ffi;

use super::json::{self, Row};
use super::limit::{CHUNK, Failure, Source};
use super::works::{Facts, WORKS, Work};

/// The pragmas of the server's readers.
const PRAGMAS: &CStr =
    c"PRAGMA query_only = ON; PRAGMA mmap_size = 1073741824; PRAGMA cache_size = -2048; PRAGMA temp_store = FILE";

/// A connection and its statements, in the order of [`WORKS`].
pub struct Sqlite {
    handle: *mut ffi::sqlite3,
    statements: Vec<*mut ffi::sqlite3_stmt>,
    /// Whether a stream has the statement now.
    streaming: Cell<bool>,
}

impl Sqlite {
    fn connect(path: &str) -> Result<Sqlite, Failure> {
        let name = CString::new(path)?;
        let mut handle = ptr::null_mut();
        // SAFETY: a name that ends with NUL, and a place for the handle.
        let code = unsafe { ffi::sqlite3_open_v2(name.as_ptr(), &mut handle, ffi::SQLITE_OPEN_READWRITE, ptr::null()) };
        let database = Sqlite { handle, statements: Vec::new(), streaming: Cell::new(false) };
        database.check(code)?;
        // SAFETY: an open connection.
        database
            .check(unsafe { ffi::sqlite3_exec(handle, PRAGMAS.as_ptr(), None, ptr::null_mut(), ptr::null_mut()) })?;
        Ok(database)
    }

    fn prepare(&self, sql: &str) -> Result<*mut ffi::sqlite3_stmt, Failure> {
        let text = CString::new(sql)?;
        let mut statement = ptr::null_mut();
        // SAFETY: an open connection, and a text that ends with NUL.
        let code = unsafe { ffi::sqlite3_prepare_v2(self.handle, text.as_ptr(), -1, &mut statement, ptr::null_mut()) };
        self.check(code)?;
        Ok(statement)
    }

    fn check(&self, code: i32) -> Result<(), Failure> {
        if matches!(code, ffi::SQLITE_OK | ffi::SQLITE_ROW | ffi::SQLITE_DONE) {
            return Ok(());
        }
        // SAFETY: SQLite's message ends with NUL; a null handle has one too.
        let message = unsafe { CStr::from_ptr(ffi::sqlite3_errmsg(self.handle)) };
        Err(message.to_string_lossy().into())
    }

    fn step(&self, statement: *mut ffi::sqlite3_stmt) -> Result<bool, Failure> {
        // SAFETY: a statement of this connection.
        let code = unsafe { ffi::sqlite3_step(statement) };
        self.check(code)?;
        Ok(code == ffi::SQLITE_ROW)
    }

    fn reset(&self, statement: *mut ffi::sqlite3_stmt) {
        // SAFETY: a statement of this connection. It repeats an error that was seen.
        unsafe { ffi::sqlite3_reset(statement) };
    }

    fn statement(&self, work: Work) -> *mut ffi::sqlite3_stmt {
        let n = WORKS.iter().position(|w| *w == work).unwrap_or_default();
        self.statements[n]
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        for statement in &self.statements {
            // SAFETY: made by `prepare`, and used by nobody any more.
            unsafe { ffi::sqlite3_finalize(*statement) };
        }
        // SAFETY: the same.
        unsafe { ffi::sqlite3_close(self.handle) };
    }
}

/// Rows of a small query as text.
pub fn ask(path: &str, sql: &str) -> Result<Vec<Vec<String>>, Failure> {
    let mut database = Sqlite::connect(path)?;
    let statement = database.prepare(sql)?;
    database.statements.push(statement);
    let mut rows = Vec::new();
    while database.step(statement)? {
        // SAFETY: the statement stands on a row.
        let columns = unsafe { ffi::sqlite3_column_count(statement) } as usize;
        rows.push((0..columns).map(|n| SqliteRow(statement).text(n).to_owned()).collect());
    }
    Ok(rows)
}

impl Source for Sqlite {
    type Row<'a> = SqliteRow;

    async fn open(path: &str, facts: &Facts) -> Result<Sqlite, Failure> {
        let mut database = Sqlite::connect(path)?;
        for work in WORKS {
            let statement = database.prepare(&work.sql(facts))?;
            database.statements.push(statement);
        }
        Ok(database)
    }

    async fn rows(&self, work: Work, parameter: i64, mut see: impl FnMut(&SqliteRow)) -> Result<(), Failure> {
        let statement = self.statement(work);
        if matches!(work, Work::Page | Work::Ten) {
            // SAFETY: a statement of this connection that is not running.
            self.check(unsafe { ffi::sqlite3_bind_int64(statement, 1, parameter) })?;
        }
        while self.step(statement).inspect_err(|_| self.reset(statement))? {
            see(&SqliteRow(statement));
        }
        self.reset(statement);
        Ok(())
    }

    async fn stream(self: Rc<Self>, work: Work) -> Result<impl Stream<Item = Result<Bytes, Failure>>, Failure> {
        if self.streaming.replace(true) {
            return Err("one stream at a time".into());
        }
        Ok(Lines { work, source: self, over: false })
    }
}

struct Lines {
    work: Work,
    source: Rc<Sqlite>,
    over: bool,
}

impl Stream for Lines {
    type Item = Result<Bytes, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        let statement = self.source.statement(self.work);
        let mut out = Vec::with_capacity(CHUNK + CHUNK / 8);
        while out.len() < CHUNK {
            match self.source.step(statement) {
                Ok(true) => {
                    json::write(self.work.shape(), &SqliteRow(statement), &mut out);
                    out.push(b'\n');
                }
                Ok(false) => {
                    self.over = true;
                    break;
                }
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        Poll::Ready((!out.is_empty()).then(|| Ok(out.into())))
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.source.reset(self.source.statement(self.work));
        self.source.streaming.set(false);
    }
}

/// The row that a statement stands on.
pub struct SqliteRow(*mut ffi::sqlite3_stmt);

impl SqliteRow {
    fn bytes(&self, n: usize, text: bool) -> &[u8] {
        // SAFETY: the statement stands on a row; the bytes stay until its next step, which the borrow outlives not.
        unsafe {
            let start = if text {
                ffi::sqlite3_column_text(self.0, n as i32)
            } else {
                ffi::sqlite3_column_blob(self.0, n as i32).cast()
            };
            if start.is_null() {
                return &[];
            }
            std::slice::from_raw_parts(start, ffi::sqlite3_column_bytes(self.0, n as i32) as usize)
        }
    }
}

impl Row for SqliteRow {
    fn is_null(&self, n: usize) -> bool {
        // SAFETY: the statement stands on a row.
        unsafe { ffi::sqlite3_column_type(self.0, n as i32) == ffi::SQLITE_NULL }
    }

    fn int(&self, n: usize) -> i64 {
        // SAFETY: the statement stands on a row.
        unsafe { ffi::sqlite3_column_int64(self.0, n as i32) }
    }

    fn flag(&self, n: usize) -> bool {
        self.int(n) != 0
    }

    fn text(&self, n: usize) -> &str {
        std::str::from_utf8(self.bytes(n, true)).unwrap_or_default()
    }

    fn guid(&self, n: usize) -> [u8; 16] {
        self.bytes(n, false).try_into().unwrap_or_default()
    }

    fn instant(&self, n: usize) -> i64 {
        self.int(n)
    }

    fn day(&self, n: usize) -> i64 {
        self.int(n)
    }

    fn double(&self, n: usize) -> f64 {
        // SAFETY: the statement stands on a row.
        unsafe { ffi::sqlite3_column_double(self.0, n as i32) }
    }
}
