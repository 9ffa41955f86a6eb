//! A connection to either back end, and the one loop that reads rows.
//!
//! Goes in: statements, diesel's own or the tree of `sql`. Comes out: typed values (through [`on!`](crate::on)) or, row
//! by row and without a copy, [`Fields`]. Transactions: [`Conn::snapshot`] for readers, [`Conn::write`] for writers.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, Connection, LoadConnection, SimpleConnection, TransactionManager};
use diesel::pg::{Pg, PgQueryBuilder};
use diesel::query_builder::{AstPass, Query, QueryBuilder, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::row::{Field, Row};
use diesel::sql_types::Untyped;
use diesel::sqlite::{Sqlite, SqliteConnection, SqliteQueryBuilder};

use super::Role;
use super::cancel::Cancel;
use super::error::{DbError, Failure};
use super::postgres::{Facade, PgConn};
use super::shapes::Shapes;
use super::sqlite::SqliteConn;
use super::url::DatabaseUrl;
use crate::sql::{Cell, Dialect, Guid, Type, Value};

/// A connection. Not for async code: on PostgreSQL it blocks on a runtime of its own.
pub enum Conn {
    Sqlite(Box<SqliteConn>),
    Postgres(Box<PgConn>),
}

/// Runs one source on whichever back end the connection has: `on!(conn, c => users::table.count().get_result(c))`.
/// Takes a [`Conn`] or a [`Tx`]; `c` is diesel's connection.
#[macro_export]
macro_rules! on {
    ($conn:expr, $c:ident => $e:expr) => {
        match $crate::db::AsConn::as_conn($conn) {
            $crate::db::Conn::Sqlite(sqlite) => {
                let $c = sqlite.diesel();
                $e
            }
            $crate::db::Conn::Postgres(postgres) => {
                let $c = postgres.diesel();
                $e
            }
        }
    };
}

/// What [`on!`](crate::on) takes.
pub trait AsConn {
    fn as_conn(&mut self) -> &mut Conn;
}

impl AsConn for Conn {
    fn as_conn(&mut self) -> &mut Conn {
        self
    }
}

/// Beside whom a writer may write. SQLite has one writer at a time in any case.
///
/// PostgreSQL's own serializable transactions would do, but logs that are written at one moment lie on the same pages of
/// the same indexes: most of such writers were told to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// Logs of different ids may be written side by side, and nothing changes that their rules ask about.
    Shared,
    /// What rules ask about is changed, alone: settings, weeks, budgets, kinds of work, people.
    Exclusive,
}

/// Arbitrary, but the same in every Timeledger.
const LEDGER: i64 = 0x7469_6d65_6c65_6468;

/// A write transaction that is open; made by [`Conn::write`] alone.
pub struct Tx<'a> {
    conn: &'a mut Conn,
    held: Option<Hold>,
}

impl Tx<'_> {
    /// Waits until this writer may write as it needs to, until the end of the transaction. Must come before any other
    /// statement: what is read from then on is of now.
    pub fn hold(&mut self, hold: Hold) -> Result<(), DbError> {
        if let Conn::Postgres(c) = &mut *self.conn {
            let lock = match hold {
                Hold::Shared => "pg_advisory_xact_lock_shared",
                Hold::Exclusive => "pg_advisory_xact_lock",
            };
            let statements = format!("SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SELECT {lock}({LEDGER})");
            c.diesel().batch_execute(&statements)?;
        }
        self.held = Some(hold);
        Ok(())
    }

    /// Beside [`Hold::Shared`]: the row of this id is written by this transaction alone, and is as it will find it.
    pub fn hold_row(&mut self, id: Guid) -> Result<(), DbError> {
        if let Conn::Postgres(c) = &mut *self.conn {
            let (_, random) = id.0.as_u64_pair();
            c.diesel().batch_execute(&format!("SELECT pg_advisory_xact_lock({})", random.cast_signed()))?;
        }
        Ok(())
    }

    /// Refuses a writer that did not take what it needs. A fault of ours, which shows at the first try.
    pub fn must_hold(&self, needed: Hold) -> Result<(), DbError> {
        if self.held >= Some(needed) {
            return Ok(());
        }
        Err(DbError::Other(format!("a writer needs Tx::hold({needed:?}) before it reads")))
    }
}

impl AsConn for Tx<'_> {
    fn as_conn(&mut self) -> &mut Conn {
        self.conn
    }
}

impl std::ops::Deref for Tx<'_> {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        self.conn
    }
}

impl std::ops::DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut Conn {
        self.conn
    }
}

/// The fields of the row at hand.
pub trait Fields {
    /// Hands the field to `read`, as the type that its statement promises. Nothing is copied.
    fn read<T>(&self, index: usize, ty: Type, read: impl FnOnce(Cell<'_>) -> T) -> Result<T, DbError>;

    /// Whether the field is null, whatever its type.
    fn is_null(&self, index: usize) -> Result<bool, DbError>;
}

/// Sees each row of a result; the first error ends it.
pub trait Visit {
    type Error: From<DbError>;

    fn row(&mut self, row: &impl Fields) -> Result<(), Self::Error>;
}

/// A statement that can be rendered for both back ends, as [`crate::sql::Statement`] is.
pub trait Readable: Query<SqlType = Untyped> + QueryFragment<Sqlite> + QueryFragment<Pg> + QueryId {}

impl<Q> Readable for Q where Q: Query<SqlType = Untyped> + QueryFragment<Sqlite> + QueryFragment<Pg> + QueryId {}

/// A changing statement that can be rendered for both back ends.
pub trait Writable: QueryFragment<Sqlite> + QueryFragment<Pg> + QueryId {}

impl<Q> Writable for Q where Q: QueryFragment<Sqlite> + QueryFragment<Pg> + QueryId {}

impl Conn {
    /// Opens a connection without any thread, for commands and tests.
    pub fn open(url: &DatabaseUrl, role: Role) -> Result<Conn, DbError> {
        Ok(match url {
            DatabaseUrl::Sqlite(path) => Conn::Sqlite(Box::new(SqliteConn::open(path, role)?)),
            DatabaseUrl::Postgres(config) => Conn::Postgres(Box::new(PgConn::open(config, role)?)),
        })
    }

    /// Reads a statement's rows one by one.
    pub fn for_each<V: Visit>(&mut self, statement: &impl Readable, visit: &mut V) -> Result<(), V::Error> {
        match self {
            Conn::Sqlite(conn) => {
                let (diesel, shapes) = conn.diesel_and_shapes();
                let prepared = Prepared::new::<Sqlite>(statement, &Sqlite, SqliteQueryBuilder::new(), shapes)?;
                let rows = LoadConnection::load(diesel, prepared).map_err(DbError::from)?;
                walk::<Sqlite, _, _>(rows, visit)
            }
            Conn::Postgres(conn) => {
                let (diesel, shapes) = conn.diesel_and_shapes();
                let prepared = Prepared::new::<Pg>(statement, &Pg, PgQueryBuilder::default(), shapes)?;
                let rows = LoadConnection::load(diesel, prepared).map_err(DbError::from)?;
                let mut left = Leaves { visit, left: false };
                let result = walk::<Pg, _, _>(rows, &mut left);
                if left.left {
                    conn.abandon();
                }
                result
            }
        }
    }

    /// All rows of a small result, in the given types.
    pub fn rows(&mut self, statement: &impl Readable, types: &[Type]) -> Result<Vec<Vec<Value>>, DbError> {
        let mut gather = Gather { types, rows: Vec::new() };
        self.for_each(statement, &mut gather)?;
        Ok(gather.rows)
    }

    /// Runs a statement that changes rows; gives their number.
    pub fn execute(&mut self, statement: &impl Writable) -> Result<usize, DbError> {
        Ok(on!(self, c => c.execute_returning_count(statement))?)
    }

    /// Several statements on the same state of the database.
    pub fn snapshot<T, E: From<DbError>>(&mut self, read: impl FnOnce(&mut Conn) -> Result<T, E>) -> Result<T, E> {
        on!(self, c => begin(c)).map_err(DbError::from)?;
        let result = read(self);
        // There is nothing to commit; a rollback that fails shows at the next job.
        let _ = on!(self, c => rollback(c));
        result
    }

    /// A write transaction: all of it or nothing. Where concurrent writers met, it is repeated.
    pub fn write<T, E: Failure>(&mut self, mut write: impl FnMut(&mut Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        let mut attempt = 0;
        loop {
            let result = self.write_once(&mut write);
            match &result {
                Err(e) if attempt < RETRIES && matches!(e.database(), Some(DbError::Conflict(_))) => {
                    std::thread::sleep(back_off(attempt));
                    attempt += 1;
                }
                _ => return result,
            }
        }
    }

    fn write_once<T, E: Failure>(&mut self, write: &mut impl FnMut(&mut Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        match self {
            // Not DEFERRED: a reader that turns writer fails when another wrote meanwhile.
            Conn::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c.diesel(), "BEGIN IMMEDIATE"),
            Conn::Postgres(c) => begin(c.diesel()),
        }
        .map_err(DbError::from)?;
        match write(&mut Tx { conn: self, held: None }) {
            Ok(value) => match on!(self, c => commit(c)) {
                Ok(()) => Ok(value),
                Err(e) => {
                    let _ = on!(self, c => rollback(c));
                    Err(DbError::from(e).into())
                }
            },
            Err(e) => {
                let _ = on!(self, c => rollback(c));
                Err(e)
            }
        }
    }

    /// After rows came with their integer keys given: the next key made by the database comes after them. Belongs into
    /// the same transaction.
    pub fn advance_keys(&mut self) -> Result<(), DbError> {
        match self {
            // SQLite takes the largest and one.
            Conn::Sqlite(_) => Ok(()),
            Conn::Postgres(c) => Ok(c.diesel().batch_execute(ADVANCE_KEYS)?),
        }
    }

    /// Brings the planner's statistics up to date, after many rows came.
    pub fn analyze(&mut self) -> Result<(), DbError> {
        let statements: &[&str] = match self {
            // Samples are for the ranges of dates. On other indexes they would only have SQLite plan a statement anew
            // for each value that is bound to it.
            Conn::Sqlite(_) => &[
                "ANALYZE",
                "DELETE FROM sqlite_stat4 WHERE idx NOT IN ('worklogs_by_day', 'worklogs_by_start', 'worklogs_by_edit')",
                "ANALYZE sqlite_schema",
                "PRAGMA wal_checkpoint(TRUNCATE)",
            ],
            // VACUUM too: an index alone answers only where the visibility map says so.
            Conn::Postgres(_) => &["VACUUM (ANALYZE)"],
        };
        for statement in statements {
            on!(self, c => c.batch_execute(statement))?;
        }
        Ok(())
    }

    /// Statements from now on belong to this job; its end stops them.
    pub fn attach(&mut self, job: &Arc<Cancel>) {
        match self {
            Conn::Sqlite(c) => c.attach(Some(Arc::clone(job))),
            Conn::Postgres(c) => c.attach(Some(Arc::clone(job))),
        }
    }

    /// The job is over; fails where the connection cannot serve another.
    pub fn detach(&mut self) -> Result<(), DbError> {
        match self {
            Conn::Sqlite(c) => {
                c.attach(None);
                settled(c.diesel())
            }
            Conn::Postgres(c) => c.settle(),
        }
    }
}

const ADVANCE_KEYS: &str = "DO $$ DECLARE t text; BEGIN \
     FOR t IN SELECT table_name FROM information_schema.columns \
         WHERE table_schema = current_schema() AND column_name = 'id' AND is_identity = 'YES' LOOP \
     EXECUTE format('SELECT setval(pg_get_serial_sequence(%L, ''id''), max(id)) FROM %I HAVING max(id) IS NOT NULL', t, t); \
     END LOOP; END $$";

const RETRIES: u32 = 6;

/// 2 ms and twice as much each time, shifted by a hair so that two writers part.
fn back_off(attempt: u32) -> Duration {
    let hair = std::process::id() as u64 ^ std::ptr::from_ref(&attempt) as u64;
    Duration::from_micros((2000 << attempt) + (hair >> 4) % 1000)
}

pub(super) fn begin<C: Connection>(conn: &mut C) -> QueryResult<()> {
    C::TransactionManager::begin_transaction(conn)
}

pub(super) fn commit<C: Connection>(conn: &mut C) -> QueryResult<()> {
    C::TransactionManager::commit_transaction(conn)
}

pub(super) fn rollback<C: Connection>(conn: &mut C) -> QueryResult<()> {
    C::TransactionManager::rollback_transaction(conn)
}

fn settled(conn: &mut SqliteConnection) -> Result<(), DbError> {
    match AnsiTransactionManager::transaction_manager_status_mut(conn).transaction_depth() {
        Ok(None) => Ok(()),
        _ => Err(DbError::Lost("a transaction was left open".into())),
    }
}

/// A statement, and whether its connection keeps it prepared.
struct Prepared<'a, Q> {
    statement: &'a Q,
    keep: bool,
}

impl<'a, Q> Prepared<'a, Q> {
    fn new<DB>(
        statement: &'a Q,
        backend: &DB,
        mut text: DB::QueryBuilder,
        shapes: &mut Shapes,
    ) -> Result<Prepared<'a, Q>, DbError>
    where
        DB: Dialect,
        Q: QueryFragment<DB>,
    {
        let mut keep = statement.is_safe_to_cache_prepared(backend)?;
        if keep {
            statement.to_sql(&mut text, backend)?;
            keep = shapes.keep(&text.finish());
        }
        Ok(Prepared { statement, keep })
    }
}

impl<Q: Query> Query for Prepared<'_, Q> {
    type SqlType = Q::SqlType;
}

impl<Q> QueryId for Prepared<'_, Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Dialect, Q: QueryFragment<DB>> QueryFragment<DB> for Prepared<'_, Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if !self.keep {
            out.unsafe_to_cache_prepared();
        }
        self.statement.walk_ast(out)
    }
}

fn walk<'a, DB, R, V>(rows: impl Iterator<Item = QueryResult<R>>, visit: &mut V) -> Result<(), V::Error>
where
    DB: Dialect,
    R: Row<'a, DB>,
    V: Visit,
{
    for row in rows {
        let row = row.map_err(DbError::from)?;
        visit.row(&Raw::<'_, R, DB> { row: &row, backend: PhantomData })?;
    }
    Ok(())
}

/// Notes that it was the visitor who ended the walk: then rows are still on their way.
struct Leaves<'v, V> {
    visit: &'v mut V,
    left: bool,
}

impl<V: Visit> Visit for Leaves<'_, V> {
    type Error = V::Error;

    #[inline]
    fn row(&mut self, row: &impl Fields) -> Result<(), V::Error> {
        self.visit.row(row).inspect_err(|_| self.left = true)
    }
}

struct Raw<'r, R, DB> {
    row: &'r R,
    backend: PhantomData<DB>,
}

impl<'a, DB: Dialect, R: Row<'a, DB>> Fields for Raw<'_, R, DB> {
    #[inline]
    fn read<T>(&self, index: usize, ty: Type, read: impl FnOnce(Cell<'_>) -> T) -> Result<T, DbError> {
        let field = self.row.get(index).ok_or_else(|| DbError::Other(format!("no column {index} in the row")))?;
        let value = field.value();
        DB::cell(value, ty, read).map_err(|e| DbError::Other(format!("column {index} is no {ty:?}: {e}")))
    }

    #[inline]
    fn is_null(&self, index: usize) -> Result<bool, DbError> {
        let field = self.row.get(index).ok_or_else(|| DbError::Other(format!("no column {index} in the row")))?;
        Ok(field.is_null())
    }
}

struct Gather<'a> {
    types: &'a [Type],
    rows: Vec<Vec<Value>>,
}

impl Visit for Gather<'_> {
    type Error = DbError;

    fn row(&mut self, row: &impl Fields) -> Result<(), DbError> {
        let values = self.types.iter().enumerate().map(|(index, ty)| row.read(index, *ty, |cell| owned(cell, *ty)));
        self.rows.push(values.collect::<Result<_, _>>()?);
        Ok(())
    }
}

fn owned(cell: Cell<'_>, ty: Type) -> Value {
    match cell {
        Cell::Null => Value::Null(ty),
        Cell::Bool(v) => Value::Bool(v),
        Cell::Int(v) => match i32::try_from(v) {
            Ok(small) if ty == Type::Int32 => Value::Int32(small),
            _ => Value::Int64(v),
        },
        Cell::Double(v) => Value::Double(v),
        Cell::Text(v) => Value::Text(v.to_owned()),
        Cell::Instant(v) => Value::Instant(v),
        Cell::Day(v) => Value::Day(v),
        Cell::Guid(v) => Value::Guid(v),
    }
}

/// The types that `on!` hands out, for signatures generic over neither.
pub type SqliteDiesel = SqliteConnection;
/// As [`SqliteDiesel`], of PostgreSQL.
pub type PostgresDiesel = Facade;
