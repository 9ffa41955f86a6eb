//! Rows as OData JSON 4.0 and 4.01 (OD-70 to OD-75).
//!
//! A level's members are compiled once into [`Steps`]: names and punctuation as ready bytes, values as columns, expansions
//! with a statement of their own as holes to be filled when the children are read. No value tree is built.

use super::super::edm::{Edm, Entity};
use super::super::plan::{Field, Level, ObjectOf, Slot, Typing};
use super::text;
use crate::db::{DbError, Fields};
use crate::sql::{Cell, Type};

/// How much control information an answer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metadata {
    Minimal,
    Full,
    None,
}

/// The form of a JSON answer.
#[derive(Clone, Debug)]
pub struct Style {
    pub metadata: Metadata,
    /// 4.01 payloads leave the `odata.` prefix out.
    pub prefix: &'static str,
    /// Int64 and Decimal as strings.
    pub ieee754: bool,
    /// Leave out single values that are null (OD-72).
    pub omit_nulls: bool,
    /// Rows that `$apply` made carry `@odata.id: null` at any level of metadata (contract §3.6), and no types.
    pub null_ids: bool,
    /// Absolute service root with its slash, for links.
    pub root: String,
    /// Namespaces of types and of enumerations.
    pub namespace: &'static str,
    pub enum_namespace: &'static str,
}

impl Style {
    /// `@odata.context` or `@context`.
    pub fn control(&self, name: &str) -> String {
        format!("@{}{name}", self.prefix)
    }
}

/// One level's rows as a program.
#[derive(Debug, Default)]
pub struct Steps {
    steps: Vec<Step>,
    /// The key of the level's rows, for the links of their collections.
    key: Vec<(usize, Edm)>,
    /// The column of the row key, where cycles are cut.
    row: Option<usize>,
}

#[derive(Debug)]
enum Step {
    Literal(Box<[u8]>),
    Value(Slot),
    /// Where the column is null: writes null and goes on behind the object.
    Open {
        column: usize,
        end: usize,
    },
    /// Where the column is null: goes on behind the member.
    Skip {
        column: usize,
        end: usize,
    },
    /// A comma, unless the member is the first of those that are written.
    Comma,
    /// Whether a member has been written already, where an object begins and where it is over.
    Follows(bool),
    Hole {
        child: usize,
        key: usize,
        sql: Type,
        path: String,
    },
    /// The key of the row's entity as it stands in a URL.
    Key(Vec<(usize, Edm)>),
}

/// An expansion still to be written at `offset` of its row's text.
#[derive(Debug)]
pub struct Hole {
    pub offset: usize,
    pub child: usize,
    /// The parent's key; none where the row that would be the parent is absent.
    pub key: Option<i64>,
    /// The row key of the row that has the hole, where cycles are cut.
    pub row: Option<i64>,
    /// The parent's address behind its set: `(42)/Parent`, for a next link.
    pub owner: String,
    /// The navigation path from that address.
    pub path: String,
}

/// The identity of a level's rows, for links.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    pub entity: &'static Entity,
    /// The set's name, if there is one to link to.
    pub set: Option<&'a str>,
    /// Where the row itself is found, for a reference to it where no set holds its type.
    pub address: &'a str,
    /// Names of the navigations, for `metadata=full`.
    pub navigations: &'a [&'static str],
    pub derived: bool,
}

impl Steps {
    /// Compiles `{…}` for the rows of a level.
    pub fn compile(level: &Level, identity: Identity, style: &Style) -> Steps {
        let mut compiler = Compiler { level, style, steps: Vec::new(), text: Vec::new() };
        if level.reference {
            compiler.reference(identity);
        } else {
            compiler.object(&level.fields, "", |compiler, first| compiler.identity(identity, first));
        }
        compiler.cut();
        Steps { steps: compiler.steps, key: level.key.clone(), row: level.row }
    }

    /// Compiles the value of a single property.
    pub fn compile_value(level: &Level, style: &Style) -> Steps {
        let mut compiler = Compiler { level, style, steps: Vec::new(), text: Vec::new() };
        match level.fields.first() {
            Some(Field::Value { slot, .. }) => compiler.value(*slot),
            Some(Field::Object { presence, fields, .. }) => {
                let open = compiler.open(*presence);
                compiler.object(fields, "", |_, _| {});
                compiler.close(open);
            }
            Some(Field::Apart { .. }) | None => {}
        }
        compiler.cut();
        Steps { steps: compiler.steps, key: level.key.clone(), row: level.row }
    }

    /// Writes one row; collections leave holes.
    pub fn row(
        &self,
        row: &impl Fields,
        style: &Style,
        out: &mut Vec<u8>,
        holes: &mut Vec<Hole>,
    ) -> Result<(), DbError> {
        let mut at = 0;
        let mut owner: Option<String> = None;
        let mut follows = false;
        while let Some(step) = self.steps.get(at) {
            at += 1;
            match step {
                Step::Literal(bytes) => out.extend_from_slice(bytes),
                Step::Value(slot) => slot.read(row, |cell| value(cell, slot.ty, style, out))?,
                Step::Open { column, end } => {
                    if row.is_null(*column)? {
                        out.extend_from_slice(b"null");
                        at = *end;
                    }
                }
                Step::Skip { column, end } => {
                    if row.is_null(*column)? {
                        at = *end;
                    }
                }
                Step::Comma => {
                    if std::mem::replace(&mut follows, true) {
                        out.push(b',');
                    }
                }
                Step::Follows(written) => follows = *written,
                Step::Key(columns) => {
                    let mut text = Vec::new();
                    key(row, columns, &mut text)?;
                    out.extend_from_slice(&text);
                }
                Step::Hole { child, key: column, sql, path } => {
                    let parent = row.read(*column, *sql, |cell| match cell {
                        Cell::Int(n) => Some(n),
                        Cell::Day(day) => Some(day.0.into()),
                        _ => None,
                    })?;
                    if owner.is_none() {
                        owner = Some(self.key(row)?);
                    }
                    let (owner, own) = (owner.clone().unwrap_or_default(), self.row_key(row)?);
                    let path = path.clone();
                    holes.push(Hole { offset: out.len(), child: *child, key: parent, row: own, owner, path });
                }
            }
        }
        Ok(())
    }

    /// The key of a row as it stands in a URL: `(42)`.
    pub fn key(&self, row: &impl Fields) -> Result<String, DbError> {
        let mut text = Vec::new();
        key(row, &self.key, &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The row key, where cycles are cut.
    pub fn row_key(&self, row: &impl Fields) -> Result<Option<i64>, DbError> {
        let Some(column) = self.row else { return Ok(None) };
        row.read(column, Type::Int64, |cell| if let Cell::Int(n) = cell { Some(n) } else { None })
    }
}

/// `(42)` or `(3f25…)`.
fn key(row: &impl Fields, columns: &[(usize, Edm)], out: &mut Vec<u8>) -> Result<(), DbError> {
    out.push(b'(');
    for (n, (column, ty)) in columns.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        row.read(*column, ty.sql(), |cell| match cell {
            Cell::Int(n) => text::integer(n, out),
            Cell::Guid(guid) => text::guid(guid.0, out),
            _ => {}
        })?;
    }
    out.push(b')');
    Ok(())
}

struct Compiler<'a> {
    level: &'a Level,
    style: &'a Style,
    steps: Vec<Step>,
    /// The literal being gathered.
    text: Vec<u8>,
}

impl Compiler<'_> {
    fn cut(&mut self) {
        if !self.text.is_empty() {
            self.steps.push(Step::Literal(std::mem::take(&mut self.text).into()));
        }
    }

    fn name(&mut self, name: &str, first: &mut bool) {
        if !std::mem::replace(first, false) {
            self.text.push(b',');
        }
        string(name, &mut self.text);
        self.text.push(b':');
    }

    fn control(&mut self, name: &str, first: &mut bool) {
        let name = self.style.control(name);
        self.name(&name, first);
    }

    /// Links of `metadata=full` (JSON Format §4.5.7 to 4.5.9).
    fn identity(&mut self, identity: Identity, first: &mut bool) {
        let full = self.style.metadata == Metadata::Full;
        if identity.derived {
            if full || (self.style.null_ids && self.style.metadata != Metadata::None) {
                self.control("id", first);
                self.text.extend_from_slice(b"null");
            }
            return;
        }
        if !full {
            return;
        }
        self.control("type", first);
        string(&format!("#{}.{}", self.style.namespace, identity.entity.name), &mut self.text);
        let Some(set) = identity.set.filter(|_| !self.level.key.is_empty()) else { return };
        let root = self.style.root.clone();
        self.control("id", first);
        self.link(&format!("{root}{set}"), "");
        self.control("editLink", first);
        self.link(set, "");
        for nav in identity.navigations {
            let name = format!("{nav}{}", self.style.control("navigationLink"));
            self.name(&name, first);
            self.link(set, &format!("/{nav}"));
        }
    }

    /// A reference is its `@odata.id` and nothing else, so that it stays at any level of metadata (JSON Format §14).
    fn reference(&mut self, identity: Identity) {
        self.text.push(b'{');
        self.control("id", &mut true);
        match identity.set {
            Some(set) => {
                let root = self.style.root.clone();
                self.link(&format!("{root}{set}"), "");
            }
            None => string(identity.address, &mut self.text),
        }
        self.text.push(b'}');
    }

    fn link(&mut self, base: &str, rest: &str) {
        self.text.push(b'"');
        self.text.extend_from_slice(base.as_bytes());
        self.cut();
        self.steps.push(Step::Key(self.level.key.clone()));
        self.text.extend_from_slice(rest.as_bytes());
        self.text.push(b'"');
    }

    /// `{…}`; `identity` writes what stands before the members.
    fn object(&mut self, fields: &[Field], path: &str, identity: impl FnOnce(&mut Self, &mut bool)) {
        self.text.push(b'{');
        let mut first = true;
        identity(self, &mut first);
        self.follows(!first);
        for field in fields {
            self.field(field, path, &mut first);
        }
        self.text.push(b'}');
        self.follows(true);
    }

    fn field(&mut self, field: &Field, path: &str, first: &mut bool) {
        match field {
            Field::Value { name, slot, typing } => self.member(Some(slot.column), first, |compiler, first| {
                compiler.type_of(name, slot.ty, *typing, first);
                compiler.name(name, first);
                compiler.value(*slot);
            }),
            Field::Object { name, presence, fields, of } => self.member(*presence, first, |compiler, first| {
                compiler.name(name, first);
                let open = compiler.open(*presence);
                let path = format!("{path}/{name}");
                compiler.object(fields, &path, |compiler, first| compiler.object_identity(*of, first));
                compiler.close(open);
            }),
            Field::Apart { name, child, key } => {
                // A single value is null where its key is.
                let presence = self.level.children.get(*child).is_some_and(|c| !c.nav.many).then_some(*key);
                self.member(presence, first, |compiler, first| {
                    if !std::mem::replace(first, false) {
                        compiler.text.push(b',');
                    }
                    compiler.cut();
                    let (sql, path) = (compiler.level.types[*key], format!("{path}/{name}"));
                    compiler.steps.push(Step::Hole { child: *child, key: *key, sql, path });
                });
            }
        }
    }

    /// A member with its comma. Where nulls are left out, which one is the first shows in the row alone.
    fn member(&mut self, column: Option<usize>, first: &mut bool, write: impl FnOnce(&mut Self, &mut bool)) {
        if !self.style.omit_nulls {
            return write(self, first);
        }
        self.cut();
        let skip = column.map(|column| {
            self.steps.push(Step::Skip { column, end: 0 });
            self.steps.len() - 1
        });
        self.steps.push(Step::Comma);
        write(self, &mut true);
        self.cut();
        let here = self.steps.len();
        if let Some(Step::Skip { end, .. }) = skip.and_then(|skip| self.steps.get_mut(skip)) {
            *end = here;
        }
    }

    fn follows(&mut self, written: bool) {
        if self.style.omit_nulls {
            self.cut();
            self.steps.push(Step::Follows(written));
        }
    }

    fn object_identity(&mut self, of: ObjectOf, first: &mut bool) {
        let full = self.style.metadata == Metadata::Full;
        match of {
            ObjectOf::Derived if full || (self.style.null_ids && self.style.metadata != Metadata::None) => {
                self.control("id", first);
                self.text.extend_from_slice(b"null");
            }
            ObjectOf::Complex(name) if full => {
                self.control("type", first);
                string(&format!("#{}.{name}", self.style.namespace), &mut self.text);
            }
            ObjectOf::Entity(entity) if full => {
                self.control("type", first);
                string(&format!("#{}.{}", self.style.namespace, entity.name), &mut self.text);
            }
            _ => {}
        }
    }

    /// `X@odata.type` where the JSON value does not tell: on all with `metadata=full`, else on what no declaration types
    /// (OD-81).
    fn type_of(&mut self, name: &str, ty: Edm, typing: Typing, first: &mut bool) {
        let told = match self.style.metadata {
            Metadata::Full => true,
            Metadata::Minimal => match typing {
                Typing::Declared => false,
                Typing::Dynamic => !self.style.null_ids,
                Typing::Computed => true,
            },
            Metadata::None => false,
        };
        if !told || matches!(ty, Edm::Boolean | Edm::String | Edm::Double | Edm::Int32 | Edm::Untyped) {
            return;
        }
        let name = format!("{name}{}", self.style.control("type"));
        self.name(&name, first);
        let of = match ty {
            Edm::Enum(of) => format!("#{}.{}", self.style.enum_namespace, of.name),
            other => format!("#{}", other.name().trim_start_matches("Edm.")),
        };
        string(&of, &mut self.text);
    }

    fn value(&mut self, slot: Slot) {
        self.cut();
        self.steps.push(Step::Value(slot));
    }

    fn open(&mut self, presence: Option<usize>) -> Option<usize> {
        let column = presence?;
        self.cut();
        self.steps.push(Step::Open { column, end: 0 });
        Some(self.steps.len() - 1)
    }

    fn close(&mut self, open: Option<usize>) {
        let Some(open) = open else { return };
        self.cut();
        let here = self.steps.len();
        if let Some(Step::Open { end, .. }) = self.steps.get_mut(open) {
            *end = here;
        }
    }
}

/// A primitive value (JSON Format §7).
pub fn value(cell: Cell, ty: Edm, style: &Style, out: &mut Vec<u8>) {
    let quoted = style.ieee754 && matches!(ty, Edm::Int64 | Edm::Decimal { .. });
    match (cell, ty) {
        (Cell::Null, _) => out.extend_from_slice(b"null"),
        (Cell::Bool(b), _) => out.extend_from_slice(if b { b"true" } else { b"false" }),
        (Cell::Int(n), Edm::Enum(of)) => match of.member(n) {
            Some(name) => string(name, out),
            None => text::integer(n, out),
        },
        (Cell::Int(n), Edm::TimeOfDay) => within(out, |out| text::time_of_day(n, out)),
        (Cell::Int(n), Edm::Duration) => within(out, |out| text::duration(n, out)),
        (Cell::Int(n), Edm::Decimal { scale, .. }) if quoted => within(out, |out| text::decimal(n, scale, out)),
        (Cell::Int(n), Edm::Decimal { scale, .. }) => text::decimal(n, scale, out),
        (Cell::Int(n), _) if quoted => within(out, |out| text::integer(n, out)),
        (Cell::Int(n), Edm::Double) => text::double(n as f64, out),
        (Cell::Int(n), _) => text::integer(n, out),
        (Cell::Double(n), _) => match special(n) {
            Some(word) => string(word, out),
            None => text::double(n, out),
        },
        (Cell::Text(s), _) => string(s, out),
        (Cell::Instant(at), _) => within(out, |out| text::instant(at.0, out)),
        (Cell::Day(day), _) => within(out, |out| text::day(day.0, out)),
        (Cell::Guid(guid), _) => within(out, |out| text::guid(guid.0, out)),
    }
}

/// A value as `/$value` writes it.
pub fn raw(cell: Cell, ty: Edm, out: &mut Vec<u8>) {
    match (cell, ty) {
        (Cell::Null, _) => {}
        (Cell::Bool(b), _) => out.extend_from_slice(if b { b"true" } else { b"false" }),
        (Cell::Int(n), Edm::Enum(of)) => match of.member(n) {
            Some(name) => out.extend_from_slice(name.as_bytes()),
            None => text::integer(n, out),
        },
        (Cell::Int(n), Edm::TimeOfDay) => text::time_of_day(n, out),
        (Cell::Int(n), Edm::Duration) => text::duration(n, out),
        (Cell::Int(n), Edm::Decimal { scale, .. }) => text::decimal(n, scale, out),
        (Cell::Int(n), _) => text::integer(n, out),
        (Cell::Double(n), _) => match special(n) {
            Some(word) => out.extend_from_slice(word.as_bytes()),
            None => text::double(n, out),
        },
        (Cell::Text(s), _) => out.extend_from_slice(s.as_bytes()),
        (Cell::Instant(at), _) => text::instant(at.0, out),
        (Cell::Day(day), _) => text::day(day.0, out),
        (Cell::Guid(guid), _) => text::guid(guid.0, out),
    }
}

fn special(n: f64) -> Option<&'static str> {
    if n.is_nan() {
        return Some("NaN");
    }
    n.is_infinite().then_some(if n > 0.0 { "INF" } else { "-INF" })
}

fn within(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

/// A JSON string (RFC 8259 §7).
pub fn string(s: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = s.as_bytes();
    let (eights, _) = bytes.as_chunks();
    let plain = 8 * eights.iter().take_while(|eight| is_plain(**eight)).count();
    out.extend_from_slice(&bytes[..plain]);
    escaped(&bytes[plain..], out);
    out.push(b'"');
}

/// Whether none of eight bytes is a control, a quote or a backslash.
#[inline]
fn is_plain(eight: [u8; 8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    let all = u64::from_ne_bytes(eight);
    // The high bit of a byte is set where it is below the limit (or, harmlessly, beside one that is).
    let below = |bytes: u64, limit: u64| bytes.wrapping_sub(ONES * limit) & !bytes;
    let is = |byte: u8| below(all ^ (ONES * u64::from(byte)), 1);
    (below(all, 0x20) | is(b'"') | is(b'\\')) & (ONES << 7) == 0
}

fn escaped(bytes: &[u8], out: &mut Vec<u8>) {
    let mut start = 0;
    for (n, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[start..n]);
        start = n + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => out.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
        }
    }
    out.extend_from_slice(&bytes[start..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_byte_at_every_place() {
        for byte in 0..=0x7F_u8 {
            for at in 0..17 {
                let mut text = vec![b'x'; 17];
                text[at] = byte;
                let text = String::from_utf8(text).expect("ASCII");
                let mut out = Vec::new();
                string(&text, &mut out);
                let special = byte < 0x20 || byte == b'"' || byte == b'\\';
                assert_eq!(out.len() > text.len() + 2, special, "{byte} at {at}");
                assert_eq!(serde_json::from_slice::<String>(&out).expect("JSON"), text);
            }
        }
    }

    proptest! {
        #[test]
        fn readers_get_the_text_back(text in any::<String>()) {
            let mut out = Vec::new();
            string(&text, &mut out);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).expect("JSON"), text);
        }
    }
}
