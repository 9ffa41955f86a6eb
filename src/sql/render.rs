//! The tree → SQL text and binds, for either back end.
//!
//! One walk serves both; [`Dialect`] is asked only where the spellings differ. `AND`, `OR` and their like are written
//! as balanced trees: SQLite stops at an expression depth of 1,000.

use diesel::pg::{Pg, PgQueryBuilder};
use diesel::query_builder::{AstPass, Query, QueryBuilder, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::Untyped;
use diesel::sqlite::{Sqlite, SqliteQueryBuilder};

use super::dialect::Dialect;
use super::functions::Function;
use super::tree::{
    Aggregate, Alias, Arithmetic, Compare, Direction, Each, Expr, From, Guard, JoinKind, Order, Select, Statement,
};
use super::value::Type;

impl Statement {
    /// As SQLite is asked, a `?` for each bind.
    pub fn sqlite_text(&self) -> QueryResult<String> {
        self.text(&Sqlite, SqliteQueryBuilder::new())
    }

    /// As PostgreSQL is asked, `$1`, `$2`, … for the binds.
    pub fn postgres_text(&self) -> QueryResult<String> {
        self.text(&Pg, PgQueryBuilder::default())
    }

    fn text<DB: Dialect>(&self, backend: &DB, mut text: DB::QueryBuilder) -> QueryResult<String> {
        self.to_sql(&mut text, backend)?;
        Ok(text.finish())
    }
}

impl Query for Statement {
    type SqlType = Untyped;
}

impl QueryId for Statement {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Dialect> QueryFragment<DB> for Statement {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if !self.cacheable {
            pass.unsafe_to_cache_prepared();
        }
        select(&self.select, &mut pass)
    }
}

type Pass<'a, 'b, DB> = AstPass<'a, 'b, DB>;

fn select<'b, DB: Dialect>(s: &'b Select, out: &mut Pass<'_, 'b, DB>) -> QueryResult<()> {
    out.push_sql(if s.distinct { "SELECT DISTINCT " } else { "SELECT " });
    for (n, column) in s.columns.iter().enumerate() {
        if n > 0 {
            out.push_sql(", ");
        }
        expr(column, out)?;
        numbered(" AS c", n, out);
    }
    out.push_sql(" FROM ");
    from(&s.from, out)?;
    for join in &s.joins {
        out.push_sql(match join.kind {
            JoinKind::Inner => " JOIN ",
            JoinKind::Left => " LEFT JOIN ",
        });
        from(&join.with, out)?;
        out.push_sql(" ON ");
        let guard = guard(&join.with);
        conjunction(std::iter::once(&join.on).chain(guard), out)?;
    }
    let mut conditions = guard(&s.from).into_iter().chain(&s.filter).filter(|c| **c != Expr::True).peekable();
    if conditions.peek().is_some() {
        out.push_sql(" WHERE ");
        conjunction(conditions, out)?;
    }
    list(" GROUP BY ", &s.group, out, |e, out| expr(e, out))?;
    list(" ORDER BY ", &s.order, out, order)?;
    if let Some(limit) = s.limit {
        numbered(" LIMIT ", limit, out);
    } else if s.offset.is_some() && !DB::POSTGRES {
        out.push_sql(" LIMIT -1");
    }
    if let Some(offset) = s.offset {
        numbered(" OFFSET ", offset, out);
    }
    Ok(())
}

fn numbered<DB: Dialect>(head: &str, n: impl itoa::Integer, out: &mut Pass<'_, '_, DB>) {
    out.push_sql(head);
    out.push_sql(itoa::Buffer::new().format(n));
}

fn list<'b, DB: Dialect, T>(
    head: &str,
    items: &'b [T],
    out: &mut Pass<'_, 'b, DB>,
    mut item: impl FnMut(&'b T, &mut Pass<'_, 'b, DB>) -> QueryResult<()>,
) -> QueryResult<()> {
    for (n, each) in items.iter().enumerate() {
        out.push_sql(if n == 0 { head } else { ", " });
        item(each, out)?;
    }
    Ok(())
}

/// A hidden table's rows are absent whatever else is asked.
static NOTHING: Expr = Expr::False;

fn guard(from: &From) -> Option<&Expr> {
    match from {
        From::Scan(scan) => match scan.guard() {
            Guard::All => None,
            Guard::Where(condition) => Some(condition),
            Guard::Nothing => Some(&NOTHING),
        },
        From::Select(..) => None,
    }
}

fn from<'b, DB: Dialect>(from: &'b From, out: &mut Pass<'_, 'b, DB>) -> QueryResult<()> {
    match from {
        From::Scan(scan) => out.push_sql(scan.table()),
        From::Select(inner, _) => {
            out.push_sql("(");
            select(inner, out)?;
            out.push_sql(")");
        }
    }
    numbered(" AS t", from.alias().0, out);
    Ok(())
}

fn order<'b, DB: Dialect>(order: &'b Order, out: &mut Pass<'_, 'b, DB>) -> QueryResult<()> {
    match &order.by {
        // PostgreSQL refuses to order by a bare constant.
        constant @ (Expr::True | Expr::False) => cast::<DB>(constant, Type::Bool, out)?,
        by => expr(by, out)?,
    }
    // On columns without nulls the words would keep PostgreSQL from using an index.
    out.push_sql(match (order.direction, order.nullable && DB::POSTGRES) {
        (Direction::Asc, false) => "",
        (Direction::Asc, true) => " NULLS FIRST",
        (Direction::Desc, false) => " DESC",
        (Direction::Desc, true) => " DESC NULLS LAST",
    });
    Ok(())
}

fn conjunction<'b, DB: Dialect>(parts: impl Iterator<Item = &'b Expr>, out: &mut Pass<'_, 'b, DB>) -> QueryResult<()> {
    let parts: Vec<&Expr> = parts.collect();
    balanced(&parts, " AND ", out)
}

fn balanced<'b, DB: Dialect>(parts: &[&'b Expr], word: &str, out: &mut Pass<'_, 'b, DB>) -> QueryResult<()> {
    match parts {
        [] => Ok(()),
        [one] => atom(one, out),
        few if few.len() <= 8 => {
            for (n, part) in few.iter().enumerate() {
                if n > 0 {
                    out.push_sql(word);
                }
                atom(part, out)?;
            }
            Ok(())
        }
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            out.push_sql("(");
            balanced(left, word, out)?;
            out.push_sql(")");
            out.push_sql(word);
            out.push_sql("(");
            balanced(right, word, out)?;
            out.push_sql(")");
            Ok(())
        }
    }
}

/// An expression that may stand beside any operator.
fn atom<'b, DB: Dialect>(e: &'b Expr, out: &mut Pass<'_, 'b, DB>) -> QueryResult<()> {
    let bare = match e {
        Expr::Column(..)
        | Expr::Output(..)
        | Expr::Bind(_)
        | Expr::True
        | Expr::False
        | Expr::Coalesce(_)
        | Expr::Case(..)
        | Expr::Exists(_)
        | Expr::Scalar(_)
        | Expr::Aggregate(..)
        | Expr::Cast(..) => true,
        Expr::Int(n) => *n >= 0,
        _ => false,
    };
    if bare {
        return expr(e, out);
    }
    out.push_sql("(");
    expr(e, out)?;
    out.push_sql(")");
    Ok(())
}

fn expr<'b, DB: Dialect>(e: &'b Expr, out: &mut Pass<'_, 'b, DB>) -> QueryResult<()> {
    match e {
        Expr::Column(Alias(n), name) => {
            numbered("t", *n, out);
            out.push_sql(".");
            out.push_sql(name);
        }
        Expr::Output(Alias(n), column) => {
            numbered("t", *n, out);
            numbered(".c", *column, out);
        }
        Expr::Bind(value) => DB::bind(value, out)?,
        Expr::Int(n) => out.push_sql(&n.to_string()),
        Expr::True => out.push_sql("TRUE"),
        Expr::False => out.push_sql("FALSE"),
        Expr::Null(ty) if DB::POSTGRES => {
            out.push_sql("NULL::");
            out.push_sql(DB::type_name(*ty));
        }
        Expr::Null(_) => out.push_sql("NULL"),
        Expr::Compare(op, left, right) => compare::<DB>(*op, left, right, out)?,
        Expr::IsNull(inner) => suffixed(inner, " IS NULL", out)?,
        Expr::IsNotNull(inner) => suffixed(inner, " IS NOT NULL", out)?,
        Expr::IsTrue(inner) => suffixed(inner, " IS TRUE", out)?,
        Expr::And(parts) if parts.is_empty() => out.push_sql("TRUE"),
        Expr::Or(parts) if parts.is_empty() => out.push_sql("FALSE"),
        Expr::And(parts) => balanced(&parts.iter().collect::<Vec<_>>(), " AND ", out)?,
        Expr::Or(parts) => balanced(&parts.iter().collect::<Vec<_>>(), " OR ", out)?,
        Expr::Not(inner) => {
            out.push_sql("NOT ");
            atom(inner, out)?;
        }
        Expr::In(value, members) if members.is_empty() => {
            // No member at all: false, and null for a null value as with any other list.
            atom(value, out)?;
            out.push_sql(" <> ");
            atom(value, out)?;
        }
        Expr::In(value, members) => {
            atom(value, out)?;
            DB::in_list(members, out)?;
        }
        Expr::InEach(value, each) => in_each(value, each, out)?,
        Expr::InSelect(value, inner) => {
            atom(value, out)?;
            out.push_sql(" IN (");
            select(inner, out)?;
            out.push_sql(")");
        }
        Expr::Coalesce(parts) => {
            list("COALESCE(", parts, out, |part, out| expr(part, out))?;
            out.push_sql(")");
        }
        Expr::Case(arms, otherwise) => {
            out.push_sql("CASE");
            for (condition, value) in arms {
                out.push_sql(" WHEN ");
                expr(condition, out)?;
                out.push_sql(" THEN ");
                expr(value, out)?;
            }
            out.push_sql(" ELSE ");
            expr(otherwise, out)?;
            out.push_sql(" END");
        }
        Expr::Arithmetic(op, left, right) => {
            atom(left, out)?;
            out.push_sql(match op {
                Arithmetic::Add => " + ",
                Arithmetic::Sub => " - ",
                Arithmetic::Mul => " * ",
                Arithmetic::Div => " / ",
                Arithmetic::Mod => " % ",
            });
            atom(right, out)?;
        }
        Expr::Neg(inner) => {
            out.push_sql("- ");
            atom(inner, out)?;
        }
        Expr::Call(function, args) => call(function, args, out)?,
        Expr::Cast(inner, ty) => cast::<DB>(inner, *ty, out)?,
        Expr::Exists(inner) => {
            out.push_sql("EXISTS (");
            select(inner, out)?;
            out.push_sql(")");
        }
        Expr::Scalar(inner) => {
            out.push_sql("(");
            select(inner, out)?;
            out.push_sql(")");
        }
        Expr::Aggregate(method, operand) => aggregate::<DB>(*method, operand.as_deref(), out)?,
        Expr::RowNumber(partition, by) => {
            out.push_sql("ROW_NUMBER() OVER (PARTITION BY ");
            expr(partition, out)?;
            list(" ORDER BY ", by, out, order)?;
            out.push_sql(")");
        }
    }
    Ok(())
}

fn suffixed<'b, DB: Dialect>(inner: &'b Expr, suffix: &str, out: &mut Pass<'_, 'b, DB>) -> QueryResult<()> {
    atom(inner, out)?;
    out.push_sql(suffix);
    Ok(())
}

fn compare<'b, DB: Dialect>(
    op: Compare,
    left: &'b Expr,
    right: &'b Expr,
    out: &mut Pass<'_, 'b, DB>,
) -> QueryResult<()> {
    atom(left, out)?;
    out.push_sql(match op {
        Compare::Eq => " = ",
        Compare::Ne => " <> ",
        Compare::Lt => " < ",
        Compare::Le => " <= ",
        Compare::Gt => " > ",
        Compare::Ge => " >= ",
        Compare::Same if DB::POSTGRES => " IS NOT DISTINCT FROM ",
        Compare::Same => " IS ",
        Compare::Distinct if DB::POSTGRES => " IS DISTINCT FROM ",
        Compare::Distinct => " IS NOT ",
    });
    atom(right, out)
}

/// SQLite's integers have one width, so a cast between them would only cost.
fn cast<'b, DB: Dialect>(inner: &'b Expr, ty: Type, out: &mut Pass<'_, 'b, DB>) -> QueryResult<()> {
    if !DB::POSTGRES && matches!(ty, Type::Int32 | Type::Int64) {
        return atom(inner, out);
    }
    out.push_sql("CAST(");
    expr(inner, out)?;
    out.push_sql(" AS ");
    out.push_sql(DB::type_name(ty));
    out.push_sql(")");
    Ok(())
}

fn aggregate<'b, DB: Dialect>(
    method: Aggregate,
    operand: Option<&'b Expr>,
    out: &mut Pass<'_, 'b, DB>,
) -> QueryResult<()> {
    out.push_sql(match method {
        Aggregate::Sum => "SUM(",
        Aggregate::Min => "MIN(",
        Aggregate::Max => "MAX(",
        Aggregate::Count => "COUNT(",
        Aggregate::CountDistinct => "COUNT(DISTINCT ",
    });
    match operand {
        Some(operand) => expr(operand, out)?,
        None => out.push_sql("*"),
    }
    out.push_sql(")");
    Ok(())
}

/// A row-wise sub-select: PostgreSQL has LATERAL for it; SQLite has not, but lets a table function read what stands
/// before it.
fn in_each<'b, DB: Dialect>(value: &'b Expr, each: &'b Each, out: &mut Pass<'_, 'b, DB>) -> QueryResult<()> {
    atom(value, out)?;
    out.push_sql(if DB::POSTGRES { " IN (SELECT found.c0 FROM " } else { " IN (SELECT found.value FROM " });
    DB::members(&each.list, out)?;
    numbered(" AS t", each.alias.0, out);
    out.push_sql(if DB::POSTGRES {
        "(value) CROSS JOIN LATERAL ("
    } else {
        ", json_each((SELECT json_group_array(c0) FROM ("
    });
    select(&each.select, out)?;
    out.push_sql(if DB::POSTGRES { ") AS found)" } else { "))) AS found)" });
    Ok(())
}

/// Fills a function's template.
fn call<'b, DB: Dialect>(function: &'static Function, args: &'b [Expr], out: &mut Pass<'_, 'b, DB>) -> QueryResult<()> {
    let mut rest = if DB::POSTGRES { function.postgres } else { function.sqlite };
    while let Some(open) = rest.find('{') {
        out.push_sql(&rest[..open]);
        let close = rest[open..].find('}').map_or(rest.len(), |n| open + n);
        if let Some(arg) = rest[open + 1..close].parse::<usize>().ok().and_then(|n| args.get(n)) {
            atom(arg, out)?;
        }
        rest = rest.get(close + 1..).unwrap_or("");
    }
    out.push_sql(rest);
    Ok(())
}
