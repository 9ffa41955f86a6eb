//! `timeledger query --explain`: how a request is understood and answered, step by step.
//!
//! In: a request. Out, on standard output: its syntax, the plan, and for each statement its text for this back end, the
//! binds in their order and the database's own plan. Values are shown, for they are those of whoever asks.

use std::fmt::Write as _;

use diesel::debug_query;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::Untyped;
use diesel::sqlite::Sqlite;
use regex::Regex;

use super::failure::Result;
use super::output;
use super::query::refused;
use crate::db::Conn;
use crate::odata::parse::{self, RawRequest};
use crate::odata::plan::{Answer, Child, Field, Plan};
use crate::odata::service::{self, Setup};
use crate::sql::layout::laid_out;
use crate::sql::value::Items;
use crate::sql::{Dialect, List, Statement, Type, Value};

/// Prints how the request would be answered.
pub fn print(request: &RawRequest<'_>, setup: &Setup<'_>, conn: &mut Conn) -> Result {
    let syntax = parse::parse(request, setup.limits).map_err(refused)?;
    let prepared = service::prepare(request, setup).map_err(refused)?;
    let mut out = format!("syntax\n  path: {}\n", compact(&format!("{:?}", syntax.path.segments)));
    members_of(&compact(&format!("{:?}", syntax.options)), &mut out);
    out.push('\n');
    describe(&prepared.plan, &mut out);
    for (what, statement) in statements(&prepared.plan) {
        explain(&what, &statement, conn, &mut out)?;
    }
    output::line(out.trim_end())
}

/// The tree without its wrappers and places: `Binary(Ge, Path(["Date"]), Literal(Date(19723)))`.
fn compact(tree: &str) -> String {
    const WRAPPERS: [&str; 5] =
        ["Some(", "Expr { kind: ", "Name { text: ", "MemberPath { root: Implicit, names: ", "Names("];
    let tree = without(tree, r"[a-z_]+: (?:None|\[\]|\d+\.\.\d+)(?:, )?");
    let tree = without(&tree, r"[a-z_]+: Options \{ *\}(?:, )?");
    let mut out = String::new();
    // Whether each open bracket is shown.
    let mut open: Vec<bool> = Vec::new();
    let mut rest = tree.as_str();
    while let Some(c) = rest.chars().next() {
        if let Some(wrapper) = WRAPPERS.iter().find(|wrapper| rest.starts_with(**wrapper)) {
            open.push(false);
            rest = &rest[wrapper.len()..];
            continue;
        }
        if c == '"' {
            let end = end_of_text(rest);
            out += &rest[..end];
            rest = &rest[end..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '(' | '[' | '{' => open.push(true),
            ')' | ']' | '}' => {
                out.truncate(out.trim_end_matches([' ', ',']).len());
                if open.pop() == Some(false) {
                    continue;
                }
            }
            _ => {}
        }
        out.push(c);
    }
    out
}

/// The tree without what the pattern finds outside its texts.
fn without(tree: &str, pattern: &str) -> String {
    let pattern = Regex::new(&format!(r#"("(?:[^"\\]|\\.)*")|{pattern}"#)).expect("a pattern of ours");
    pattern.replace_all(tree, "$1").into_owned()
}

/// Behind the closing quote of the text that `shown` begins with.
fn end_of_text(shown: &str) -> usize {
    let mut escaped = false;
    for (at, c) in shown.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    shown.len()
}

/// The members of a struct's text that are there, a line each.
fn members_of(shown: &str, out: &mut String) {
    let inner = shown.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map_or("", |(inner, _)| inner);
    let (mut depth, mut start, mut at) = (0_usize, 0, 0);
    let mut member = |text: &str| {
        let text = text.trim();
        if !text.is_empty() {
            let _ = writeln!(out, "  {text}");
        }
    };
    while let Some(c) = inner[at..].chars().next() {
        match c {
            '"' => {
                at += end_of_text(&inner[at..]);
                continue;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                member(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        at += c.len_utf8();
    }
    member(&inner[start..]);
}

fn describe(plan: &Plan, out: &mut String) {
    let _ = write!(out, "plan\n  {} of {}", answer(&plan.answer), plan.entity.name);
    if let (Answer::Collection, Some(size)) = (&plan.answer, plan.paging.size) {
        let _ = write!(out, ", in pages of {size}");
    }
    if let Some(top) = plan.paging.top {
        let _ = write!(out, ", {top} in all");
    }
    let _ = writeln!(out, "\n  members: {}", members(&plan.level.fields, &plan.level.children));
    let joins = plan.level.select.joins.len();
    let _ = writeln!(out, "  columns read: {}; tables joined: {joins}\n", plan.level.types.len());
}

fn answer(answer: &Answer) -> &'static str {
    match answer {
        Answer::Collection => "a collection",
        Answer::Entity { .. } => "one entity",
        Answer::Property { raw: false } => "a property",
        Answer::Property { raw: true } => "the raw value of a property",
        Answer::Count => "the number",
    }
}

fn members(fields: &[Field], children: &[Child]) -> String {
    let member = |field: &Field| match field {
        Field::Value { name, .. } => name.to_string(),
        Field::Object { name, fields, .. } => format!("{name}({})", members(fields, children)),
        Field::Apart { name, child, .. } => match children.get(*child) {
            Some(child) => format!("{name}[{}]", members(&child.level.fields, &child.level.children)),
            None => (*name).to_owned(),
        },
    };
    fields.iter().map(member).collect::<Vec<_>>().join(", ")
}

/// Every statement in the order in which they run; expanded collections as if for one parent.
fn statements(plan: &Plan) -> Vec<(String, Statement)> {
    let mut all: Vec<(String, Statement)> = Vec::new();
    all.extend(plan.owner.clone().map(|owner| ("the owner exists".to_owned(), owner)));
    all.extend(plan.count.clone().map(|count| ("$count".to_owned(), count)));
    all.push(("rows".to_owned(), plan.level.statement()));
    expanded(&plan.level.children, "", &mut all);
    all
}

fn expanded(children: &[Child], path: &str, all: &mut Vec<(String, Statement)>) {
    for child in children {
        let path = format!("{path}{}", child.nav.name);
        let parents =
            || List::new(if child.nav.linked_by == Type::Day { Items::Days(vec![]) } else { Items::Ints(vec![1]) });
        all.extend(child.count_statement(parents()).map(|count| (format!("$count of {path}"), count)));
        all.push((format!("rows of {path}, for all parents of a page"), child.statement(parents())));
        expanded(&child.level.children, &format!("{path}/"), all);
    }
}

fn explain(what: &str, statement: &Statement, conn: &mut Conn, out: &mut String) -> Result {
    let (text, shown, types) = match conn {
        Conn::Sqlite(_) => (
            statement.sqlite_text(),
            debug_query::<Sqlite, _>(statement).to_string(),
            [Type::Int64, Type::Int64, Type::Int64, Type::Text].as_slice(),
        ),
        Conn::Postgres(_) => {
            (statement.postgres_text(), debug_query::<Pg, _>(statement).to_string(), [Type::Text].as_slice())
        }
    };
    let text = text.map_err(crate::db::DbError::from)?;
    let binds = shown.rsplit_once(" -- binds: ").map_or("[]", |(_, binds)| binds);
    let _ = writeln!(out, "{what}\n{}\n  binds: {binds}", indented(&laid_out(&text)));
    let mut depths = vec![0_i64];
    for row in conn.rows(&Explained(statement), types)? {
        match row.as_slice() {
            [Value::Int64(id), Value::Int64(parent), _, Value::Text(step)] => {
                let depth = depths.iter().position(|id| id == parent).unwrap_or(0);
                depths.truncate(depth + 1);
                depths.push(*id);
                let _ = writeln!(out, "  | {}{step}", "  ".repeat(depth));
            }
            [Value::Text(step)] => {
                let _ = writeln!(out, "  | {step}");
            }
            _ => {}
        }
    }
    out.push('\n');
    Ok(())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// The database's plan for a statement.
struct Explained<'a>(&'a Statement);

impl Query for Explained<'_> {
    type SqlType = Untyped;
}

impl QueryId for Explained<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Dialect> QueryFragment<DB> for Explained<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql(if DB::POSTGRES { "EXPLAIN " } else { "EXPLAIN QUERY PLAN " });
        self.0.walk_ast(out)
    }
}
