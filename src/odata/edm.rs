//! The entity model: what a declaration says, and how one API version and one caller see it.
//!
//! Declarations are statics that refer to each other, in cycles too. A [`Model`] is a view of a [`Schema`]: members
//! outside its version or beyond the caller's rights are absent from it, so that `$metadata`, binding, SQL and the
//! encoders can't know more than they may. CSDL 4.01 §5 to §13.

mod types;

pub use types::Types;

mod search;

use super::plan::At;
use crate::sql::{Alias, Expr, Type};

pub use search::{Searched, searched};

/// An API version as an ordered number: major × 10 + minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u16);

/// From which version on, and up to which (exclusive), a member exists.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    since: Version,
    until: Version,
}

impl Life {
    const ALWAYS: Life = Life { since: Version(0), until: Version(u16::MAX) };

    fn holds(self, version: Version) -> bool {
        self.since <= version && version < self.until
    }
}

/// A right that a member asks of its reader, as a bit; the meaning is the declaring room's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right(pub u8);

impl Right {
    pub const NONE: Right = Right(0);

    pub const fn with(self, other: Right) -> Right {
        Right(self.0 | other.0)
    }

    fn covers(self, needed: Right) -> bool {
        self.0 & needed.0 == needed.0
    }
}

/// Primitive and enumeration types (CSDL §3.3, §8). `Untyped` is the type of a bare null.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Edm {
    Untyped,
    Boolean,
    Int32,
    Int64,
    Double,
    Decimal { precision: u8, scale: u8 },
    String,
    Guid,
    Date,
    TimeOfDay,
    DateTimeOffset,
    Duration,
    Enum(&'static EnumType),
}

impl Edm {
    /// How the database carries it.
    pub fn sql(self) -> Type {
        match self {
            Edm::Boolean => Type::Bool,
            Edm::Int32 | Edm::Enum(_) => Type::Int32,
            Edm::Int64 | Edm::Decimal { .. } | Edm::TimeOfDay | Edm::Duration => Type::Int64,
            Edm::Double => Type::Double,
            Edm::String | Edm::Untyped => Type::Text,
            Edm::Guid => Type::Guid,
            Edm::Date => Type::Day,
            Edm::DateTimeOffset => Type::Instant,
        }
    }

    /// `Edm.…`; an enumeration's name without its namespace.
    pub fn name(self) -> &'static str {
        match self {
            Edm::Untyped => "Edm.Untyped",
            Edm::Boolean => "Edm.Boolean",
            Edm::Int32 => "Edm.Int32",
            Edm::Int64 => "Edm.Int64",
            Edm::Double => "Edm.Double",
            Edm::Decimal { .. } => "Edm.Decimal",
            Edm::String => "Edm.String",
            Edm::Guid => "Edm.Guid",
            Edm::Date => "Edm.Date",
            Edm::TimeOfDay => "Edm.TimeOfDay",
            Edm::DateTimeOffset => "Edm.DateTimeOffset",
            Edm::Duration => "Edm.Duration",
            Edm::Enum(of) => of.name,
        }
    }

    pub fn is_number(self) -> bool {
        matches!(self, Edm::Int32 | Edm::Int64 | Edm::Double | Edm::Decimal { .. })
    }

    pub fn is_integer(self) -> bool {
        matches!(self, Edm::Int32 | Edm::Int64)
    }
}

/// An enumeration; members travel as Int32 and are written by name (OD-42, OD-74).
#[derive(Debug)]
pub struct EnumType {
    pub name: &'static str,
    pub members: &'static [(&'static str, i32)],
}

impl PartialEq for EnumType {
    fn eq(&self, other: &EnumType) -> bool {
        std::ptr::eq(self, other)
    }
}

impl EnumType {
    pub fn member(&self, value: i64) -> Option<&'static str> {
        self.members.iter().find(|(_, v)| i64::from(*v) == value).map(|(name, _)| *name)
    }

    pub fn value(&self, member: &str) -> Option<i32> {
        self.members.iter().find(|(name, _)| *name == member).map(|(_, v)| *v)
    }
}

/// Where a property's value comes from.
#[derive(Clone, Copy)]
pub enum Value {
    Column(&'static str),
    Expr(fn(&mut At) -> Expr),
}

pub const fn col(name: &'static str) -> Value {
    Value::Column(name)
}

pub const fn expr(build: fn(&mut At) -> Expr) -> Value {
    Value::Expr(build)
}

/// A primitive structural property.
pub struct Prop {
    pub name: &'static str,
    pub ty: Edm,
    pub nullable: bool,
    pub max_length: Option<u32>,
    pub doc: &'static str,
    pub value: Value,
    /// A number of seconds, which a workbook shows as a duration.
    pub in_seconds: bool,
    life: Life,
    needs: Right,
}

pub const fn prop(name: &'static str, ty: Edm, value: Value) -> Prop {
    let (life, needs) = (Life::ALWAYS, Right::NONE);
    Prop { name, ty, nullable: false, max_length: None, doc: "", value, in_seconds: false, life, needs }
}

/// `since`, `until` and `needs` mean the same on every kind of member.
macro_rules! seen {
    ($($kind:ident),*) => {$(
        impl $kind {
            pub const fn since(mut self, version: Version) -> $kind {
                self.life.since = version;
                self
            }

            pub const fn until(mut self, version: Version) -> $kind {
                self.life.until = version;
                self
            }

            pub const fn needs(mut self, right: Right) -> $kind {
                self.needs = right;
                self
            }
        }

        impl Seen for $kind {
            fn seen(&self) -> (Life, Right) {
                (self.life, self.needs)
            }
        }
    )*};
}

/// What is there only for some versions and callers.
pub trait Seen {
    fn seen(&self) -> (Life, Right);
}

seen!(Prop, Complex, Nav, Set);

impl Prop {
    pub const fn nullable(mut self) -> Prop {
        self.nullable = true;
        self
    }

    pub const fn max_length(mut self, characters: u32) -> Prop {
        self.max_length = Some(characters);
        self
    }

    pub const fn doc(mut self, text: &'static str) -> Prop {
        self.doc = text;
        self
    }

    pub const fn seconds(mut self) -> Prop {
        self.in_seconds = true;
        self
    }
}

/// A complex type; its columns are those of the table that the complex property joins.
pub struct ComplexType {
    pub name: &'static str,
    pub props: &'static [&'static [Prop]],
    pub complexes: &'static [Complex],
}

/// Where the row of a complex property comes from.
#[derive(Clone, Copy)]
pub enum Origin {
    /// The owner's own row; always present.
    Owner,
    /// Another table's row: `owner.from = table.to`; null when there is none.
    Joined { table: &'static str, from: &'static str, to: &'static str },
    /// The same by the first of two columns that is not null.
    Either { table: &'static str, from: [&'static str; 2], to: &'static str },
}

/// A complex property.
pub struct Complex {
    pub name: &'static str,
    pub ty: &'static ComplexType,
    pub origin: Origin,
    pub nullable: bool,
    pub doc: &'static str,
    life: Life,
    needs: Right,
}

pub const fn complex(name: &'static str, ty: &'static ComplexType, origin: Origin) -> Complex {
    Complex { name, ty, origin, nullable: false, doc: "", life: Life::ALWAYS, needs: Right::NONE }
}

pub const fn joined(table: &'static str, from: &'static str, to: &'static str) -> Origin {
    Origin::Joined { table, from, to }
}

pub const fn either(table: &'static str, from: [&'static str; 2], to: &'static str) -> Origin {
    Origin::Either { table, from, to }
}

impl Complex {
    pub const fn nullable(mut self) -> Complex {
        self.nullable = true;
        self
    }

    pub const fn doc(mut self, text: &'static str) -> Complex {
        self.doc = text;
        self
    }
}

/// How the rows of a navigation are found.
#[derive(Clone, Copy)]
pub enum Link {
    /// `owner.from = target.to`
    Direct { from: &'static str, to: &'static str },
    /// `owner.from = via.near` and `via.far = target.to`, where `only` holds on the table between.
    Via {
        table: &'static str,
        from: &'static str,
        near: &'static str,
        far: &'static str,
        to: &'static str,
        only: Option<fn(Alias) -> Expr>,
    },
}

/// A navigation property.
pub struct Nav {
    pub name: &'static str,
    pub target: &'static Entity,
    pub many: bool,
    pub link: Link,
    pub nullable: bool,
    pub partner: Option<&'static str>,
    /// The set that it is bound to; none where the target has no set.
    pub set: Option<&'static str>,
    /// `(property here, property there)` where a foreign key is exposed.
    pub constraint: Option<(&'static str, &'static str)>,
    pub contained: bool,
    /// How the columns of the link travel: row keys are integers, the calendar is linked by its days.
    pub linked_by: Type,
    pub doc: &'static str,
    life: Life,
    needs: Right,
}

pub const fn one(name: &'static str, target: &'static Entity, link: (&'static str, &'static str)) -> Nav {
    Nav {
        name,
        target,
        many: false,
        link: Link::Direct { from: link.0, to: link.1 },
        nullable: true,
        partner: None,
        set: None,
        constraint: None,
        contained: false,
        linked_by: Type::Int64,
        doc: "",
        life: Life::ALWAYS,
        needs: Right::NONE,
    }
}

pub const fn many(name: &'static str, target: &'static Entity, link: (&'static str, &'static str)) -> Nav {
    Nav { many: true, ..one(name, target, link) }
}

impl Nav {
    /// Through a table between: see [`Link::Via`].
    pub const fn via(mut self, link: Link) -> Nav {
        self.link = link;
        self
    }

    /// The link's columns are days.
    pub const fn by_day(mut self) -> Nav {
        self.linked_by = Type::Day;
        self
    }

    /// The same navigation under another name.
    pub const fn renamed(mut self, name: &'static str) -> Nav {
        self.name = name;
        self
    }

    pub const fn required(mut self) -> Nav {
        self.nullable = false;
        self
    }

    pub const fn partner(mut self, name: &'static str) -> Nav {
        self.partner = Some(name);
        self
    }

    pub const fn bound_to(mut self, set: &'static str) -> Nav {
        self.set = Some(set);
        self
    }

    pub const fn constraint(mut self, here: &'static str, there: &'static str) -> Nav {
        self.constraint = Some((here, there));
        self
    }

    pub const fn contained(mut self) -> Nav {
        self.contained = true;
        self
    }

    pub const fn doc(mut self, text: &'static str) -> Nav {
        self.doc = text;
        self
    }
}

/// Where an open type keeps its dynamic properties: one row a field and owner.
pub struct Open {
    pub table: &'static str,
    /// Column of the owner's row key.
    pub owner: &'static str,
    pub field: &'static str,
    pub text: &'static str,
    pub number: &'static str,
    pub boolean: &'static str,
}

/// An entity type over one table.
pub struct Entity {
    pub name: &'static str,
    pub table: &'static str,
    /// Key properties, by name.
    pub key: &'static [&'static str],
    /// The integer primary key column: what links and expands go by, and the default order where `ordered_by_row`.
    pub row: &'static str,
    pub ordered_by_row: bool,
    /// Pairs of columns: an index has the rows of one value of the first in the order of the second.
    pub indexed: &'static [(&'static str, &'static str)],
    pub props: &'static [&'static [Prop]],
    pub complexes: &'static [Complex],
    pub navs: &'static [Nav],
    pub open: Option<&'static Open>,
    /// Which rows of the table are entities at all (the row policy is not its business).
    pub rows: Option<fn(&mut At) -> Expr>,
    /// The texts that `$search` looks into.
    pub search: &'static [Searched],
    pub doc: &'static str,
}

pub const fn entity(name: &'static str) -> Entity {
    Entity {
        name,
        table: "",
        key: &[],
        row: "id",
        ordered_by_row: false,
        indexed: &[],
        props: &[],
        complexes: &[],
        navs: &[],
        open: None,
        rows: None,
        search: &[],
        doc: "",
    }
}

impl Entity {
    pub const fn table(mut self, table: &'static str) -> Entity {
        self.table = table;
        self
    }

    pub const fn key(mut self, properties: &'static [&'static str]) -> Entity {
        self.key = properties;
        self
    }

    pub const fn row(mut self, column: &'static str) -> Entity {
        self.row = column;
        self
    }

    pub const fn ordered_by_row(mut self) -> Entity {
        self.ordered_by_row = true;
        self
    }

    pub const fn indexed(mut self, columns: &'static [(&'static str, &'static str)]) -> Entity {
        self.indexed = columns;
        self
    }

    pub const fn props(mut self, groups: &'static [&'static [Prop]]) -> Entity {
        self.props = groups;
        self
    }

    pub const fn complexes(mut self, members: &'static [Complex]) -> Entity {
        self.complexes = members;
        self
    }

    pub const fn navs(mut self, members: &'static [Nav]) -> Entity {
        self.navs = members;
        self
    }

    pub const fn open(mut self, fields: &'static Open) -> Entity {
        self.open = Some(fields);
        self
    }

    pub const fn rows(mut self, only: fn(&mut At) -> Expr) -> Entity {
        self.rows = Some(only);
        self
    }

    pub const fn search(mut self, texts: &'static [Searched]) -> Entity {
        self.search = texts;
        self
    }

    pub const fn doc(mut self, text: &'static str) -> Entity {
        self.doc = text;
        self
    }
}

/// An entity set of the container.
pub struct Set {
    pub name: &'static str,
    pub entity: &'static Entity,
    /// Rows a page.
    pub page: usize,
    /// Which entities are members.
    pub rows: Option<fn(&mut At) -> Expr>,
    pub doc: &'static str,
    life: Life,
    needs: Right,
}

pub const fn set(name: &'static str, entity: &'static Entity, page: usize) -> Set {
    Set { name, entity, page, rows: None, doc: "", life: Life::ALWAYS, needs: Right::NONE }
}

impl Set {
    pub const fn rows(mut self, only: fn(&mut At) -> Expr) -> Set {
        self.rows = Some(only);
        self
    }

    pub const fn doc(mut self, text: &'static str) -> Set {
        self.doc = text;
        self
    }
}

/// An option of ours without `$` (contract §3.7); its name is matched in any letter case.
pub struct Parameter {
    pub name: &'static str,
    pub kind: ParameterKind,
}

pub enum ParameterKind {
    /// A `$filter` over this entity.
    Filter(&'static Entity),
    /// A comma list of names, at most so many.
    Names(usize),
    /// One of these words; the first is the default.
    Choice(&'static [&'static str]),
}

/// All that is declared of one service.
pub struct Schema {
    pub namespace: &'static str,
    pub enum_namespace: &'static str,
    pub container_namespace: &'static str,
    pub container: &'static str,
    pub sets: &'static [Set],
    pub parameters: &'static [Parameter],
    /// Whether `$metadata` carries annotations (OD-105).
    pub annotated: bool,
    /// Property names fall back to any letter case (contract §0.5).
    pub folds_case: bool,
}

/// A custom field of the site: a dynamic property of an open type (OD-77).
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub id: i32,
    /// As the property is called: `Custom_Team`.
    pub name: String,
    /// As the source calls it: `Custom.Team`.
    pub reference_name: String,
    pub ty: Edm,
}

/// One version of a schema, as one caller sees it.
#[derive(Clone, Copy)]
pub struct Model<'a> {
    pub schema: &'static Schema,
    pub version: Version,
    pub granted: Right,
    /// The site's custom fields, for open types.
    pub fields: &'a [Field],
}

/// Something with properties: an entity or a complex type.
#[derive(Clone, Copy)]
pub enum Structured {
    Entity(&'static Entity),
    Complex(&'static ComplexType),
}

impl Structured {
    pub fn name(self) -> &'static str {
        match self {
            Structured::Entity(e) => e.name,
            Structured::Complex(c) => c.name,
        }
    }

    fn parts(self) -> (&'static [&'static [Prop]], &'static [Complex], &'static [Nav]) {
        match self {
            Structured::Entity(e) => (e.props, e.complexes, e.navs),
            Structured::Complex(c) => (c.props, c.complexes, &[]),
        }
    }
}

/// What a name can mean inside a type.
#[derive(Clone, Copy)]
pub enum Member<'a> {
    Prop(&'static Prop),
    Complex(&'static Complex),
    Nav(&'static Nav),
    Dynamic(&'a Field),
}

impl<'a> Member<'a> {
    pub fn name(self) -> &'a str {
        match self {
            Member::Prop(p) => p.name,
            Member::Complex(c) => c.name,
            Member::Nav(n) => n.name,
            Member::Dynamic(f) => &f.name,
        }
    }
}

impl<'a> Model<'a> {
    pub fn sees(&self, member: &impl Seen) -> bool {
        let (life, needs) = member.seen();
        life.holds(self.version) && self.granted.covers(needs)
    }

    pub fn sets(&self) -> impl Iterator<Item = &'static Set> {
        let model = Model { fields: &[], ..*self };
        self.schema.sets.iter().filter(move |set| model.sees(*set))
    }

    /// A set by name; in any letter case where the schema folds it (contract §0.1).
    pub fn set(&self, name: &str) -> Option<&'static Set> {
        let folds = self.schema.folds_case;
        self.sets()
            .find(|s| s.name == name)
            .or_else(|| self.sets().find(|s| folds && s.name.eq_ignore_ascii_case(name)))
    }

    /// The set that holds this entity type, the one of the same set first.
    pub fn set_of(&self, entity: &'static Entity) -> Option<&'static Set> {
        self.sets().find(|s| std::ptr::eq(s.entity, entity))
    }

    pub fn props(&self, of: Structured) -> impl Iterator<Item = &'static Prop> {
        let model = Model { fields: &[], ..*self };
        of.parts().0.iter().copied().flatten().filter(move |p| model.sees(*p))
    }

    pub fn complexes(&self, of: Structured) -> impl Iterator<Item = &'static Complex> {
        let model = Model { fields: &[], ..*self };
        of.parts().1.iter().filter(move |c| model.sees(*c))
    }

    pub fn navs(&self, of: Structured) -> impl Iterator<Item = &'static Nav> {
        let model = Model { fields: &[], ..*self };
        of.parts().2.iter().filter(move |n| model.sees(*n))
    }

    /// The property at the end of a path over single navigations, such as `User/Name`.
    pub fn prop_at(&self, from: &'static Entity, path: &str) -> Option<&'static Prop> {
        let (navs, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut entity = from;
        for step in navs.split('/').filter(|step| !step.is_empty()) {
            entity = self.navs(Structured::Entity(entity)).find(|nav| nav.name == step && !nav.many)?.target;
        }
        self.props(Structured::Entity(entity)).find(|prop| prop.name == name)
    }

    /// The dynamic properties that this type has here.
    pub fn dynamic(&self, of: Structured) -> &'a [Field] {
        match of {
            Structured::Entity(e) if e.open.is_some() => self.fields,
            _ => &[],
        }
    }

    pub fn members(&self, of: Structured) -> impl Iterator<Item = Member<'a>> {
        self.props(of)
            .map(Member::Prop)
            .chain(self.complexes(of).map(Member::Complex))
            .chain(self.navs(of).map(Member::Nav))
            .chain(self.dynamic(of).iter().map(Member::Dynamic))
    }

    /// A member by name: an exact match wins, any letter case where the schema folds it.
    pub fn member(&self, of: Structured, name: &str) -> Option<Member<'a>> {
        if let Some(found) = self.members(of).find(|m| m.name() == name) {
            return Some(found);
        }
        self.schema.folds_case.then(|| self.members(of).find(|m| m.name().eq_ignore_ascii_case(name))).flatten()
    }

    pub fn parameter(&self, name: &str) -> Option<&'static Parameter> {
        self.schema.parameters.iter().find(|p| p.name.eq_ignore_ascii_case(name))
    }

    /// The properties of the key, in its order.
    pub fn key(&self, entity: &'static Entity) -> impl Iterator<Item = &'static Prop> {
        entity.key.iter().filter_map(move |name| entity.props.iter().copied().flatten().find(|p| p.name == *name))
    }

    /// Every type that can be reached from the sets.
    pub fn types(&self) -> Types {
        Types::of(self)
    }

    /// `4.0`: what `Core.SchemaVersion` says.
    pub fn schema_version(&self) -> String {
        format!("{}.{}", self.version.0 / 10, self.version.0 % 10)
    }

    /// Namespace-qualified name of a type, as `$metadata` and literals write it.
    pub fn qualified(&self, name: &str) -> String {
        format!("{}.{name}", self.schema.namespace)
    }

    /// A primitive or enumeration type as `$metadata` and payloads name it.
    pub fn type_name(&self, ty: Edm) -> String {
        match ty {
            Edm::Enum(of) => format!("{}.{}", self.schema.enum_namespace, of.name),
            _ => ty.name().to_owned(),
        }
    }
}
