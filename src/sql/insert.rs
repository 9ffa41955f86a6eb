//! Rows on their way into a table, many at a time.
//!
//! In: a table, its columns and rows of values, a null with its type. Out: statements with some hundred rows each,
//! the same text again and again, so that it is parsed once; each within the limits on binds (SQLite 32,766, PostgreSQL
//! 65,535). [`Update`] changes many rows by key in the same way.

use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use super::dialect::Dialect;
use super::value::Value;

/// Beyond some hundred rows a statement gains nothing and its text takes longer to compare.
const MOST_ROWS: usize = 200;
const MOST_BINDS: usize = 32_766;

fn rows_a_statement(columns: usize) -> usize {
    (MOST_BINDS / columns.max(1)).clamp(1, MOST_ROWS)
}

/// New rows.
#[derive(Clone, Debug)]
pub struct Insert {
    pub table: &'static str,
    pub columns: &'static [&'static str],
    /// As long as `columns`, each.
    pub rows: Vec<Vec<Value>>,
    /// Whether a row whose key is there already is passed over, also where another writer is about to bring it.
    pub only_new: bool,
}

impl Insert {
    pub fn into(table: &'static str, columns: &'static [&'static str]) -> Insert {
        Insert { table, columns, rows: Vec::new(), only_new: false }
    }

    /// What is to be run, in order.
    pub fn statements(&self) -> impl Iterator<Item = InsertRows<'_>> {
        let most = rows_a_statement(self.columns.len());
        self.rows.chunks(most).map(move |rows| InsertRows { insert: self, rows, recurs: rows.len() == most })
    }
}

/// One statement of an [`Insert`].
#[derive(Debug)]
pub struct InsertRows<'a> {
    insert: &'a Insert,
    rows: &'a [Vec<Value>],
    recurs: bool,
}

impl QueryId for InsertRows<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Dialect> QueryFragment<DB> for InsertRows<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if !self.recurs {
            out.unsafe_to_cache_prepared();
        }
        out.push_sql("INSERT INTO ");
        out.push_identifier(self.insert.table)?;
        for (n, column) in self.insert.columns.iter().enumerate() {
            out.push_sql(if n == 0 { " (" } else { ", " });
            out.push_identifier(column)?;
        }
        out.push_sql(") ");
        values(self.rows, &mut out)?;
        if self.insert.only_new {
            out.push_sql(" ON CONFLICT DO NOTHING");
        }
        Ok(())
    }
}

/// New values for rows that are there, found by an integer key.
#[derive(Clone, Debug)]
pub struct Update {
    pub table: &'static str,
    pub key: &'static str,
    pub columns: &'static [&'static str],
    /// The key, then a value for each of `columns`.
    pub rows: Vec<Vec<Value>>,
}

impl Update {
    /// What is to be run, in order.
    pub fn statements(&self) -> impl Iterator<Item = UpdateRows<'_>> {
        let most = rows_a_statement(self.columns.len() + 1);
        self.rows.chunks(most).map(move |rows| UpdateRows { update: self, rows, recurs: rows.len() == most })
    }
}

/// One statement of an [`Update`].
#[derive(Debug)]
pub struct UpdateRows<'a> {
    update: &'a Update,
    rows: &'a [Vec<Value>],
    recurs: bool,
}

impl QueryId for UpdateRows<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

/// Both back ends name the columns of a bare VALUES `column1`, `column2`, ….
impl<DB: Dialect> QueryFragment<DB> for UpdateRows<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if !self.recurs {
            out.unsafe_to_cache_prepared();
        }
        out.push_sql("UPDATE ");
        out.push_identifier(self.update.table)?;
        for (n, column) in self.update.columns.iter().enumerate() {
            out.push_sql(if n == 0 { " SET " } else { ", " });
            out.push_identifier(column)?;
            out.push_sql(&format!(" = v.column{}", n + 2));
        }
        out.push_sql(" FROM (");
        values(self.rows, &mut out)?;
        out.push_sql(") AS v WHERE ");
        out.push_identifier(self.update.table)?;
        out.push_sql(".");
        out.push_identifier(self.update.key)?;
        out.push_sql(" = v.column1");
        Ok(())
    }
}

fn values<'b, DB: Dialect>(rows: &'b [Vec<Value>], out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()> {
    for (n, row) in rows.iter().enumerate() {
        out.push_sql(if n == 0 { "VALUES (" } else { "), (" });
        for (n, value) in row.iter().enumerate() {
            if n > 0 {
                out.push_sql(", ");
            }
            DB::bind(value, out)?;
        }
    }
    out.push_sql(")");
    Ok(())
}

#[cfg(test)]
mod tests {
    use diesel::debug_query;
    use diesel::pg::Pg;
    use diesel::sqlite::Sqlite;

    use super::*;
    use crate::sql::Type;

    fn rows(count: i32, columns: usize) -> Vec<Vec<Value>> {
        (0..count).map(|n| vec![Value::Int32(n); columns]).collect()
    }

    #[test]
    fn text_of_both_back_ends() {
        let mut insert = Insert::into("budgets", &["id", "comment"]);
        insert.rows =
            vec![vec![Value::Int32(1), Value::Null(Type::Text)], vec![Value::Int32(2), Value::Text("x".into())]];
        let statement = insert.statements().next().expect("one statement");
        assert_eq!(
            debug_query::<Sqlite, _>(&statement).to_string(),
            "INSERT INTO `budgets` (`id`, `comment`) VALUES (?, ?), (?, ?) -- binds: [1, None, 2, \"x\"]"
        );
        assert_eq!(
            debug_query::<Pg, _>(&statement).to_string(),
            "INSERT INTO \"budgets\" (\"id\", \"comment\") VALUES ($1, $2), ($3, $4) -- binds: [1, None, 2, \"x\"]"
        );
        let update = Update { table: "work_items", key: "id", columns: &["root_id"], rows: rows(1, 2) };
        assert_eq!(
            debug_query::<Pg, _>(&update.statements().next().expect("one statement")).to_string(),
            "UPDATE \"work_items\" SET \"root_id\" = v.column2 FROM (VALUES ($1, $2)) AS v \
             WHERE \"work_items\".\"id\" = v.column1 -- binds: [0, 0]"
        );
    }

    #[test]
    fn statements_stay_within_the_limits() {
        let insert = Insert { rows: rows(401, 1), ..Insert::into("t", &["a"]) };
        assert_eq!(insert.statements().map(|s| s.rows.len()).collect::<Vec<_>>(), [200, 200, 1]);
        assert_eq!(insert.statements().map(|s| s.recurs).collect::<Vec<_>>(), [true, true, false]);
        assert_eq!(rows_a_statement(1000), 32);
        assert_eq!(Insert::into("t", &["a"]).statements().count(), 0);
    }
}
