//! Many rows at once.
//!
//! In: [`Insert`]s and [`Update`]s of any size. Out: their rows in the table. A table that is filled from empty does
//! without its secondary indexes, its triggers and foreign keys meanwhile ([`Conn::set_aside`]): made at the end they cost a third,
//! and the transaction still ends with every rule checked.

use diesel::QueryableByName;
use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};

use super::conn::Conn;
use super::error::DbError;
use crate::on;
use crate::sql::{Insert, Update};

/// Statements that bring back what [`Conn::set_aside`] dropped.
#[derive(Debug, Default)]
#[must_use = "the table stays without its indexes unless they are restored"]
pub struct SetAside(Vec<String>);

#[derive(QueryableByName)]
struct Definition {
    #[diesel(sql_type = Text)]
    gone: String,
    #[diesel(sql_type = Text)]
    back: String,
}

#[derive(QueryableByName)]
struct Key {
    #[diesel(sql_type = BigInt)]
    key: i64,
}

/// Indexes without SQL text are those of UNIQUE and PRIMARY KEY; they stay. SQLite's foreign keys are part of the table.
const SQLITE_DEFINITIONS: &str = "SELECT 'DROP ' || type || ' \"' || name || '\"' AS gone, sql AS back \
     FROM sqlite_master WHERE type IN ('index', 'trigger') AND tbl_name = ? AND sql IS NOT NULL ORDER BY rowid";
/// What the triggers of a table keep on SQLite, made anew: row by row it costs more than all of the rest.
const KEPT_BY_TRIGGERS: [(&str, &str); 2] = [
    (
        "worklogs",
        "INSERT INTO worklogs_search (worklogs_search) VALUES ('delete-all'); \
         INSERT INTO worklogs_search (rowid, comment) SELECT id, tl_lower(comment) FROM worklogs WHERE comment IS NOT NULL",
    ),
    (
        "work_items",
        "INSERT INTO work_items_search (work_items_search) VALUES ('delete-all'); \
         INSERT INTO work_items_search (rowid, title) SELECT id, tl_lower(title) FROM work_items WHERE title IS NOT NULL",
    ),
];
const POSTGRES_DEFINITIONS: &str = "SELECT format('DROP INDEX %s', i.indexrelid::regclass) AS gone, \
         pg_get_indexdef(i.indexrelid) AS back \
     FROM pg_index i WHERE i.indrelid = $1::regclass \
         AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.conrelid = i.indrelid) \
     UNION ALL \
     SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname), \
         format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid)) \
     FROM pg_constraint c WHERE c.conrelid = $1::regclass AND c.contype = 'f'";

impl Conn {
    /// Inserts every row.
    pub fn insert(&mut self, insert: &Insert) -> Result<(), DbError> {
        insert.statements().try_for_each(|statement| self.execute(&statement).map(drop))
    }

    /// Keys for so many rows that are about to be inserted into a table whose key is `id`. On SQLite they are the writer's
    /// until its transaction ends; on PostgreSQL for good.
    #[expect(clippy::disallowed_methods, reason = "sequences differ by back end and are no table of ours")]
    pub fn reserve_keys(&mut self, table: &'static str, count: usize) -> Result<Vec<i64>, DbError> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let keys: Vec<Key> = match self {
            Conn::Sqlite(c) => {
                let last = format!("SELECT coalesce(max(id), 0) AS key FROM \"{table}\"");
                let last: Key = diesel::sql_query(last).get_result(c.diesel())?;
                return Ok((last.key + 1..=last.key + count).collect());
            }
            Conn::Postgres(c) => {
                let next = "SELECT nextval(pg_get_serial_sequence($1, 'id')) AS key FROM generate_series(1, $2)";
                diesel::sql_query(next).bind::<Text, _>(table).bind::<BigInt, _>(count).load(c.diesel())?
            }
        };
        Ok(keys.into_iter().map(|row| row.key).collect())
    }

    /// Until the end of the transaction a statement is planned for the values that it is run with. Worth it where tables
    /// grow under statements with long lists: PostgreSQL keeps the plan of an empty table, which compares each row with
    /// each member.
    pub fn plan_anew(&mut self) -> Result<(), DbError> {
        match self {
            Conn::Sqlite(_) => Ok(()),
            Conn::Postgres(c) => Ok(c.diesel().batch_execute("SET LOCAL plan_cache_mode = force_custom_plan")?),
        }
    }

    /// Updates every row.
    pub fn update(&mut self, update: &Update) -> Result<(), DbError> {
        update.statements().try_for_each(|statement| self.execute(&statement).map(drop))
    }

    /// Drops the table's secondary indexes, and its foreign keys on PostgreSQL. Worth it before some ten thousand rows
    /// go into an empty table; belongs into their transaction, and no one else can use the table until its end.
    #[expect(clippy::disallowed_methods, reason = "the catalogue differs by back end and is no table of ours")]
    pub fn set_aside(&mut self, table: &'static str) -> Result<SetAside, DbError> {
        let query = match self {
            Conn::Sqlite(_) => SQLITE_DEFINITIONS,
            Conn::Postgres(c) => {
                // Checks that wait for the end of the transaction would forbid to alter the tables that they are about.
                c.diesel().batch_execute("SET CONSTRAINTS ALL IMMEDIATE")?;
                POSTGRES_DEFINITIONS
            }
        };
        let definitions: Vec<Definition> = on!(self, c => diesel::sql_query(query).bind::<Text, _>(table).load(c))?;
        let mut back = Vec::new();
        for definition in definitions {
            on!(self, c => c.batch_execute(&definition.gone))?;
            back.push(definition.back);
        }
        if let Conn::Sqlite(_) = self {
            back.extend(KEPT_BY_TRIGGERS.iter().filter(|(of, _)| *of == table).map(|(_, fill)| (*fill).to_owned()));
        }
        Ok(SetAside(back))
    }

    /// Makes again what was dropped; here a row that breaks a rule shows.
    pub fn restore(&mut self, set_aside: SetAside) -> Result<(), DbError> {
        // An index is a sort; in files where it outgrows this.
        let memory = match self {
            Conn::Sqlite(_) => "PRAGMA cache_size = -65536",
            Conn::Postgres(_) => "SET LOCAL maintenance_work_mem = '128MB'",
        };
        on!(self, c => c.batch_execute(memory))?;
        set_aside.0.iter().try_for_each(|statement| on!(self, c => c.batch_execute(statement)))?;
        Ok(())
    }
}
