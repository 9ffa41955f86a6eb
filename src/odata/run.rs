//! A plan and a connection → bytes.
//!
//! A page's rows go from the driver's buffer into the sink's. Where collections are expanded, the page is encoded with
//! holes, each child statement runs once for all parents, and its rows fill the holes (OD-53): what is held is bounded by
//! the page sizes, and in bytes. A failure after the first chunk has left aborts the body (OD-155).

mod expand;

use super::edm::Entity;
use super::encode::Encoder;
use super::encode::json::{self, Hole, Identity, Steps, Style};
use super::encode::text;
use super::error::{Code, ODataError};
use super::plan::{Answer, Child, Level, Plan};
use crate::db::{Conn, DbError, Failure, Fields, Sink, Visit};
use crate::sql::{Cell, Day, Guid, Instant, Type, Value};
use expand::{Chain, Written};

/// Why a run ended early.
#[derive(Debug)]
pub enum RunError {
    /// The request's fault, found in the data: a zero divisor, an overflow, an absent entity.
    Request(ODataError),
    /// The entity that was asked for is null: 204.
    NoContent,
    Database(DbError),
}

impl From<DbError> for RunError {
    fn from(error: DbError) -> RunError {
        match error {
            DbError::DivisionByZero => {
                let message = "A row has a zero divisor. Leave such rows out with $filter, or use divby.";
                RunError::Request(ODataError::new(Code::DivisionByZero, message))
            }
            DbError::Overflow => {
                let message = "A result is too large for its type. Narrow the rows, or reckon with divby in doubles.";
                RunError::Request(ODataError::new(Code::Overflow, message))
            }
            other => RunError::Database(other),
        }
    }
}

impl From<ODataError> for RunError {
    fn from(error: ODataError) -> RunError {
        RunError::Request(error)
    }
}

impl Failure for RunError {
    fn database(&self) -> Option<&DbError> {
        match self {
            RunError::Database(error) => Some(error),
            RunError::Request(_) | RunError::NoContent => None,
        }
    }
}

/// What a JSON answer links to; the edge knows addresses, the core does not.
pub trait Links {
    /// The absolute context URL (OD-75).
    fn context(&self) -> &str;

    /// The address of the page after the row with these order values; `left` is what remains of `$top` (OD-110).
    fn next(&self, after: &[Value], left: Option<u64>) -> Result<String, ODataError>;

    /// Where the resource itself is found, without `/$ref`.
    fn resource(&self) -> String;

    /// The address of what is reached from an entity over `path`. `key` is its key in parentheses.
    fn related(&self, owner: &'static Entity, key: &str, path: &str) -> String;

    /// The address of an expanded collection's rows after `skip` (OD-55).
    fn nested(&self, owner: &'static Entity, key: &str, path: &str, child: &Child, skip: u64) -> String;

    /// The name of the set that holds the type.
    fn set(&self, entity: &'static Entity) -> Option<&str>;

    /// The navigations of the type that the caller sees.
    fn navigations(&self, entity: &'static Entity) -> Vec<&'static str>;
}

/// Answers a plan in JSON; the number of rows written.
pub fn json(plan: &Plan, conn: &mut Conn, sink: &mut Sink, style: &Style, links: &dyn Links) -> Result<u64, RunError> {
    check_owner(plan, conn)?;
    let run = Run { style, links, room: std::cell::Cell::new(plan.room) };
    match plan.answer {
        Answer::Collection => run.collection(plan, conn, sink),
        Answer::Entity { by_key } => run.entity(plan, by_key, conn, sink),
        Answer::Property { raw } => run.property(plan, raw, conn, sink),
        Answer::Count => run.count(plan, conn, sink),
    }
}

/// Answers a plan in another format: all rows, no pages.
pub fn rows(plan: &Plan, conn: &mut Conn, sink: &mut Sink, encoder: &mut impl Encoder) -> Result<u64, RunError> {
    check_owner(plan, conn)?;
    let total = total(plan, conn)?;
    encoder.begin(total, sink)?;
    let mut visit = Rows { encoder, sink, rows: 0 };
    conn.for_each(&plan.level.statement(), &mut visit)?;
    let rows = visit.rows;
    encoder.end(sink)?;
    Ok(rows)
}

struct Rows<'a, 'b, E> {
    encoder: &'a mut E,
    sink: &'a mut Sink<'b>,
    rows: u64,
}

impl<E: Encoder> Visit for Rows<'_, '_, E> {
    type Error = RunError;

    fn row(&mut self, row: &impl Fields) -> Result<(), RunError> {
        self.encoder.row(row, self.sink)?;
        self.rows += 1;
        Ok(self.sink.checkpoint()?)
    }
}

fn check_owner(plan: &Plan, conn: &mut Conn) -> Result<(), RunError> {
    let Some(owner) = &plan.owner else { return Ok(()) };
    if conn.rows(owner, &owner.types)?.is_empty() { Err(not_found()) } else { Ok(()) }
}

fn not_found() -> RunError {
    RunError::Request(ODataError::new(Code::ResourceNotFound, "There is no entity with this key."))
}

fn total(plan: &Plan, conn: &mut Conn) -> Result<Option<i64>, RunError> {
    let Some(count) = &plan.count else { return Ok(None) };
    let rows = conn.rows(count, &count.types)?;
    Ok(rows
        .first()
        .and_then(|row| row.first())
        .and_then(|value| if let Value::Int64(n) = value { Some(*n) } else { None }))
}

struct Run<'a> {
    style: &'a Style,
    links: &'a dyn Links,
    /// Bytes of expanded members that may still be held.
    room: std::cell::Cell<usize>,
}

impl Run<'_> {
    fn collection(&self, plan: &Plan, conn: &mut Conn, sink: &mut Sink) -> Result<u64, RunError> {
        let total = total(plan, conn)?;
        self.head(sink.buffer(), total);
        sink.buffer().extend_from_slice(b"\"value\":[");
        let steps = self.steps(&plan.level, plan.entity, plan.derived);
        let mut page = JsonPage {
            plan,
            steps: &steps,
            style: self.style,
            first: true,
            written: 0,
            last: Vec::new(),
            more: false,
            sink: Some(sink),
            text: Vec::new(),
            holes: Vec::new(),
            buffered: !plan.level.children.is_empty(),
        };
        conn.for_each(&plan.level.statement(), &mut page)?;
        let JsonPage { written, last, more, sink, text, holes, .. } = page;
        let Some(sink) = sink else { return Ok(written) };
        if !plan.level.children.is_empty() {
            let filled = self.children(&plan.level.children, &holes, conn)?;
            let written = Written {
                owner: plan.entity,
                children: &plan.level.children,
                text: &text,
                holes: &holes,
                filled: &filled,
            };
            self.assemble(written, 0..text.len(), &mut Chain::new(), sink)?;
        }
        sink.buffer().push(b']');
        if more {
            let left = plan.paging.top.map(|top| top - written);
            let next = self.links.next(&last, left)?;
            self.control("nextLink", sink.buffer());
            json::string(&next, sink.buffer());
        }
        sink.buffer().push(b'}');
        Ok(written)
    }

    /// `{"@odata.context":"…","@odata.count":…,`
    fn head(&self, out: &mut Vec<u8>, total: Option<i64>) {
        out.push(b'{');
        if self.style.metadata != json::Metadata::None {
            json::string(&self.style.control("context"), out);
            out.push(b':');
            json::string(self.links.context(), out);
            out.push(b',');
        }
        if let Some(total) = total {
            json::string(&self.style.control("count"), out);
            out.push(b':');
            json::value(Cell::Int(total), super::edm::Edm::Int64, self.style, out);
            out.push(b',');
        }
    }

    /// The head of a single object, whose first brace it takes the place of.
    fn head_of(&self, object: &[u8], out: &mut Vec<u8>) {
        self.head(out, None);
        if object == b"{}" && out.last() == Some(&b',') {
            out.pop();
        }
    }

    fn control(&self, name: &str, out: &mut Vec<u8>) {
        out.push(b',');
        json::string(&self.style.control(name), out);
        out.push(b':');
    }

    fn steps(&self, level: &Level, entity: &'static Entity, derived: bool) -> Steps {
        let navigations =
            if self.style.metadata == json::Metadata::Full { self.links.navigations(entity) } else { Vec::new() };
        let address = if level.reference { self.links.resource() } else { String::new() };
        let set = self.links.set(entity);
        let identity = Identity { entity, set, address: &address, navigations: &navigations, derived };
        Steps::compile(level, identity, self.style)
    }

    fn entity(&self, plan: &Plan, by_key: bool, conn: &mut Conn, sink: &mut Sink) -> Result<u64, RunError> {
        let steps = self.steps(&plan.level, plan.entity, false);
        let mut one = One { steps: &steps, style: self.style, text: Vec::new(), holes: Vec::new(), found: false };
        conn.for_each(&plan.level.statement(), &mut one)?;
        let One { text, mut holes, found, .. } = one;
        if !found {
            return Err(if by_key { not_found() } else { RunError::NoContent });
        }
        self.head_of(&text, sink.buffer());
        // The row's own brace is the head's.
        let body = &text[1..];
        for hole in &mut holes {
            hole.offset -= 1;
        }
        let filled = self.children(&plan.level.children, &holes, conn)?;
        let written =
            Written { owner: plan.entity, children: &plan.level.children, text: body, holes: &holes, filled: &filled };
        self.assemble(written, 0..body.len(), &mut Chain::new(), sink)?;
        Ok(1)
    }

    fn property(&self, plan: &Plan, raw: bool, conn: &mut Conn, sink: &mut Sink) -> Result<u64, RunError> {
        let steps = Steps::compile_value(&plan.level, self.style);
        let mut value =
            Property { plan, raw, steps: &steps, style: self.style, text: Vec::new(), found: false, null: false };
        conn.for_each(&plan.level.statement(), &mut value)?;
        if !value.found {
            return Err(not_found());
        }
        if value.null {
            return Err(RunError::NoContent);
        }
        if raw {
            sink.buffer().extend_from_slice(&value.text);
            return Ok(1);
        }
        let out = sink.buffer();
        if value.text.first() == Some(&b'{') {
            self.head_of(&value.text, out);
            out.extend_from_slice(&value.text[1..]);
            return Ok(1);
        }
        self.head(out, None);
        out.extend_from_slice(b"\"value\":");
        out.extend_from_slice(&value.text);
        out.push(b'}');
        Ok(1)
    }

    fn count(&self, plan: &Plan, conn: &mut Conn, sink: &mut Sink) -> Result<u64, RunError> {
        let statement = plan.level.statement();
        let rows = conn.rows(&statement, &statement.types)?;
        if let Some(Value::Int64(n)) = rows.first().and_then(|row| row.first()) {
            text::integer(*n, sink.buffer());
        }
        Ok(1)
    }
}

/// A page of a collection: straight into the sink, or buffered where it has holes.
struct JsonPage<'a, 'b> {
    plan: &'a Plan,
    steps: &'a Steps,
    style: &'a Style,
    first: bool,
    written: u64,
    last: Vec<Value>,
    more: bool,
    sink: Option<&'a mut Sink<'b>>,
    text: Vec<u8>,
    holes: Vec<Hole>,
    buffered: bool,
}

impl Visit for JsonPage<'_, '_> {
    type Error = RunError;

    fn row(&mut self, row: &impl Fields) -> Result<(), RunError> {
        let paging = &self.plan.paging;
        if paging.size.is_some_and(|size| self.written >= size) {
            self.more = true;
            return Ok(());
        }
        let Some(sink) = &mut self.sink else { return Ok(()) };
        let out = if self.buffered { &mut self.text } else { sink.buffer() };
        if !std::mem::replace(&mut self.first, false) {
            out.push(b',');
        }
        self.steps.row(row, self.style, out, &mut self.holes)?;
        self.written += 1;
        if paging.size == Some(self.written) {
            for key in &paging.keys {
                self.last.push(row.read(key.column, key.ty, |cell| owned(cell, key.ty))?);
            }
        }
        if !self.buffered {
            sink.checkpoint()?;
        }
        Ok(())
    }
}

/// One entity.
struct One<'a> {
    steps: &'a Steps,
    style: &'a Style,
    text: Vec<u8>,
    holes: Vec<Hole>,
    found: bool,
}

impl Visit for One<'_> {
    type Error = RunError;

    fn row(&mut self, row: &impl Fields) -> Result<(), RunError> {
        self.found = true;
        Ok(self.steps.row(row, self.style, &mut self.text, &mut self.holes)?)
    }
}

/// One property.
struct Property<'a> {
    plan: &'a Plan,
    raw: bool,
    steps: &'a Steps,
    style: &'a Style,
    text: Vec<u8>,
    found: bool,
    null: bool,
}

impl Visit for Property<'_> {
    type Error = RunError;

    fn row(&mut self, row: &impl Fields) -> Result<(), RunError> {
        use super::plan::Field;
        self.found = true;
        match self.plan.level.fields.first() {
            Some(Field::Value { slot, .. }) if self.raw => {
                let text = &mut self.text;
                self.null = slot.read(row, |cell| {
                    json::raw(cell, slot.ty, text);
                    cell == Cell::Null
                })?;
            }
            _ => {
                self.steps.row(row, self.style, &mut self.text, &mut Vec::new())?;
                self.null = self.text == b"null";
            }
        }
        Ok(())
    }
}

/// A cell as a value of its own, for a skip token.
fn owned(cell: Cell, ty: Type) -> Value {
    match cell {
        Cell::Null => Value::Null(ty),
        Cell::Bool(b) => Value::Bool(b),
        Cell::Int(n) if ty == Type::Int32 => i32::try_from(n).map_or(Value::Int64(n), Value::Int32),
        Cell::Int(n) => Value::Int64(n),
        Cell::Double(n) => Value::Double(n),
        Cell::Text(s) => Value::Text(s.to_owned()),
        Cell::Instant(at) => Value::Instant(Instant(at.0)),
        Cell::Day(day) => Value::Day(Day(day.0)),
        Cell::Guid(guid) => Value::Guid(Guid(guid.0)),
    }
}
