//! A request asked of the server on both back ends and compared with what the evaluator says.

use percent_encoding::percent_decode_str;

use super::answer::{Answer, answer};
use super::evaluate::{Node, Object};
use super::json::Json;
use super::query::{Method, Query, Step};
use super::value::{Decimal, Type, Value};
use super::world::World;
use crate::backend::{BACKENDS, Fixture};
use crate::support::http::{Reply, Request};
use crate::support::server::{Server, path_of};

/// Many kinds of values, nulls and ties in every column.
pub const SITE: Fixture = Fixture("varied");

/// How a request was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Equal,
    /// Refused with the overflow or division by zero that was to be expected.
    Failed,
    /// Refused for its size (OD-151).
    TooComplex,
}

/// All pages of an answer.
pub struct Walk {
    pub status: u16,
    code: String,
    pub complete: bool,
    pub rows: Vec<Json>,
    count: Option<usize>,
    /// The bytes of all pages, without the tokens of next links.
    bytes: String,
}

/// Longer requests travel in a body.
const LONG: usize = 8_000;

/// Asks, and follows the next links.
pub fn ask(server: &Server, user: &str, target: &str, page: Option<usize>) -> Walk {
    let with_page = |request: Request| match page {
        Some(page) => request.header("Prefer", &format!("maxpagesize={page}")),
        None => request,
    };
    let first = match target.split_once('?') {
        Some((path, query)) if target.len() > LONG => {
            Request::post(&format!("{path}/$query"), "text/plain", query.as_bytes())
        }
        _ => Request::get(target),
    };
    let mut reply = server.send(user, with_page(first));
    let mut walk = Walk {
        status: reply.status,
        code: reply.error_code(),
        complete: reply.complete,
        rows: Vec::new(),
        count: None,
        bytes: String::new(),
    };
    for _ in 0..5_000 {
        let next = walk.take(&reply);
        let Some(next) = next else { return walk };
        reply = server.send(user, with_page(Request::get(&next)));
        (walk.status, walk.code, walk.complete) = (reply.status, reply.error_code(), reply.complete);
    }
    panic!("the walk of {target} does not end");
}

impl Walk {
    /// A page, and the link to the next one.
    fn take(&mut self, reply: &Reply) -> Option<String> {
        let token = regex::Regex::new("skiptoken=[A-Za-z0-9_.%-]+").expect("a pattern");
        self.bytes.push_str(&token.replace_all(&reply.lossy(), "skiptoken=…"));
        if self.status != 200 || !self.complete {
            return None;
        }
        let mut body = Json::parse(reply.text());
        if let (None, Some(Json::Number(count))) = (self.count, body.get("@odata.count")) {
            self.count = Some(count.parse().expect("a whole number"));
        }
        let next = body.get("@odata.nextLink").and_then(Json::text).map(|link| path_of(link).to_owned());
        if let Json::Object(members) = &mut body
            && let Some((_, Json::Array(rows))) = members.iter_mut().find(|(name, _)| name == "value")
        {
            self.rows.append(rows);
        }
        next
    }

    fn shown(&self) -> String {
        format!("{} {}", self.status, self.bytes.chars().take(1_500).collect::<String>())
    }
}

/// Compares, and says what differs.
pub fn check(world: &World, query: &Query) -> Result<Verdict, String> {
    let target = query.target(world);
    let expected = answer(world, query);
    let [sqlite, postgres] = std::thread::scope(|scope| {
        let both = BACKENDS.map(|backend| {
            scope.spawn({
                let target = &target;
                move || ask(Server::shared(backend, SITE), world.user, target, query.page)
            })
        });
        both.map(|walk| walk.join().expect("a walk"))
    });
    let verdicts = [("SQLite", &sqlite), ("PostgreSQL", &postgres)]
        .map(|(name, walk)| judge(query, &expected, walk).map_err(|why| format!("{why}\n{name}: {}", walk.shown())));
    let [left, right] = verdicts;
    let (left, right) = (left?, right?);
    if left != Verdict::Failed && right != Verdict::Failed && !adds_doubles(query) && sqlite.bytes != postgres.bytes {
        return Err(format!("the back ends differ\nSQLite: {}\nPostgreSQL: {}", sqlite.shown(), postgres.shown()));
    }
    Ok(left)
}

fn judge(query: &Query, expected: &Answer, walk: &Walk) -> Result<Verdict, String> {
    if walk.status == 400 && walk.code == "QueryTooComplex" {
        return Ok(Verdict::TooComplex);
    }
    let allowed = &expected.risks;
    if allowed.contains(&walk.code.as_str()) || (walk.status == 200 && !walk.complete && !allowed.is_empty()) {
        return Ok(Verdict::Failed);
    }
    let rows = match &expected.rows {
        // A page may end before the row that fails.
        Err(_) if query.is_cut() && walk.status == 200 => return Ok(Verdict::Failed),
        Err(failure) => return Err(format!("expected: 400 {}", failure.code())),
        Ok(rows) => rows,
    };
    if walk.status != 200 || !walk.complete {
        return Err(format!("expected: {} rows", rows.rows.len()));
    }
    let differs = |why: String| format!("{why}\nexpected: {}", shown(&rows.rows));
    if rows.count != walk.count {
        return Err(differs(format!("expected count: {:?}", rows.count)));
    }
    if rows.rows.len() != walk.rows.len() {
        return Err(differs(format!("expected {} rows, got {}", rows.rows.len(), walk.rows.len())));
    }
    let tolerance = if adds_doubles(query) { 1e-12 } else { 0.0 };
    for (at, (row, got)) in rows.rows.iter().zip(&walk.rows).enumerate() {
        object(row, got, tolerance).map_err(|why| differs(format!("row {at}: {why}")))?;
    }
    Ok(Verdict::Equal)
}

/// The order in which a database adds up is its own (OD-201).
fn adds_doubles(query: &Query) -> bool {
    query.apply.iter().any(|step| match step {
        Step::GroupBy(_, aggregates) | Step::Aggregate(aggregates) => aggregates.iter().any(|aggregate| {
            let what = aggregate.what.as_ref();
            what.is_some_and(|(expr, method)| {
                expr.ty == Type::Double && matches!(method, Method::Sum | Method::Average)
            })
        }),
        _ => false,
    })
}

/// Whether a row is as expected, members in any order; doubles within this part of their size.
pub fn object(expected: &Object, got: &Json, tolerance: f64) -> Result<(), String> {
    let Json::Object(members) = got else { return Err(format!(": {got:?} is no object")) };
    for (name, node) in expected {
        let json = got.get(name).ok_or_else(|| format!("{name} is missing"))?;
        let wrong = |why: String| format!("{name}{why}");
        match (node, json) {
            (Node::Value(value), json) if same(value, json, tolerance) => {}
            (Node::Object(inner), json @ Json::Object(_)) => {
                object(inner, json, tolerance).map_err(|why| wrong(format!("/{why}")))?;
            }
            (Node::Array(inner), Json::Array(json)) if inner.len() == json.len() => {
                for (at, (inner, json)) in inner.iter().zip(json).enumerate() {
                    object(inner, json, tolerance).map_err(|why| wrong(format!("[{at}]/{why}")))?;
                }
            }
            (node, json) => return Err(wrong(format!(": expected {node:?}, got {json:?}"))),
        }
    }
    let unexpected = |name: &&String| !name.contains('@') && expected.iter().all(|(known, _)| known != *name);
    match members.iter().map(|(name, _)| name).find(unexpected) {
        Some(name) => Err(format!("{name} was not asked for")),
        None => Ok(()),
    }
}

fn same(expected: &Value, got: &Json, tolerance: f64) -> bool {
    let ty = match expected {
        Value::Null => return *got == Json::Null,
        Value::Bool(_) => Type::Boolean,
        Value::Int(_) => Type::Int64,
        Value::Decimal(_) | Value::Double(_) => Type::Double,
        Value::Text(_) => Type::String,
        Value::Date(_) => Type::Date,
        Value::Instant(_) => Type::DateTimeOffset,
        Value::Time(_) => Type::TimeOfDay,
        Value::Duration(_) => Type::Duration,
        Value::Guid(_) => Type::Guid,
        Value::Member(_) => Type::Enum(String::new()),
    };
    match (expected, got) {
        // What was exact is compared digit by digit.
        (Value::Decimal(decimal), Json::Number(text)) if !text.contains('E') => {
            Decimal::parse(text).is_some_and(|got| Value::Decimal(got).equals(&Value::Decimal(*decimal)))
                || text.parse() == Ok(decimal.to_double())
        }
        _ => match (expected, Value::from_json(got, &ty)) {
            (Value::Decimal(_) | Value::Double(_), Some(Value::Double(got))) => {
                let expected = expected.to_double();
                expected == got || (expected - got).abs() <= tolerance * expected.abs()
            }
            (expected, Some(got)) => *expected == got,
            (_, None) => false,
        },
    }
}

fn shown(rows: &[Object]) -> String {
    let node = |node: &Node| match node {
        Node::Value(value) => format!("{value:?}"),
        other => format!("{other:?}"),
    };
    let row = |row: &Object| {
        row.iter().map(|(name, value)| format!("{name}: {}", node(value))).collect::<Vec<_>>().join(", ")
    };
    rows.iter().take(20).map(|one| format!("\n  {{{}}}", row(one))).collect()
}

/// As it is said in a message: the URL with its signs as they are.
pub fn readable(target: &str) -> String {
    percent_decode_str(target).decode_utf8_lossy().into_owned()
}
