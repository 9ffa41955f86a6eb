//! What a request means: names resolved, types known, limits kept. `bind` makes it, `plan` reads it.
//!
//! There is no variant for a name that is not resolved, and no check is left to do.

use std::sync::Arc;

use super::edm::{Complex, ComplexType, Edm, Entity, EnumType, Field, Nav, Prop, Searched, Set};
use super::functions::Overload;
use crate::sql;

/// A whole request.
#[derive(Debug)]
pub struct Query {
    pub resource: Resource,
    pub params: Params,
    pub options: Options,
    /// The `$skiptoken` as it came; `plan` opens it.
    pub skiptoken: Option<String>,
    pub format: Option<String>,
}

/// What the path addresses.
#[derive(Debug)]
pub struct Resource {
    pub set: &'static Set,
    /// The key and the navigations followed from it, in order; empty for the whole set.
    pub hops: Vec<Hop>,
    /// `/$filter(…)` segments behind the last hop: which members of the collection are meant.
    pub filters: Vec<Expr>,
    pub target: Target,
    /// Whether `/$ref` ends the path: references to the entities are asked for.
    pub reference: bool,
    /// The type that `Target` is about: of the rows, the entity, or the owner of the property.
    pub entity: &'static Entity,
}

/// One step of the path: an entity by key, perhaps with a navigation from it.
#[derive(Debug, Default)]
pub struct Hop {
    /// `/$filter(…)` segments before the key: the entity must be among these.
    pub filters: Vec<Expr>,
    /// Predicate over the entity so far: its key equals these values. Absent after a to-one navigation.
    pub key: Option<Vec<(&'static Prop, Expr)>>,
    pub nav: Option<&'static Nav>,
}

#[derive(Debug)]
pub enum Target {
    Collection,
    /// `/$count` of a collection.
    Count,
    /// One entity.
    Entity,
    /// A property of one entity: the complex members on the way, then what is asked for.
    Property {
        steps: Vec<Step>,
        leaf: Leaf,
        raw: bool,
    },
}

#[derive(Clone, Debug)]
pub enum Leaf {
    Prop(&'static Prop),
    Complex(&'static Complex),
    Dynamic(Field),
}

/// Options after binding; the same for a request and for an expand item.
#[derive(Debug, Default)]
pub struct Options {
    /// The steps of `$apply`; what follows sees their result.
    pub apply: Vec<Transformation>,
    pub filter: Option<Expr>,
    pub orderby: Vec<OrderItem>,
    pub top: Option<u64>,
    pub skip: Option<u64>,
    pub count: bool,
    pub output: Output,
    /// Of an expand item alone.
    pub expansion: Expansion,
}

/// What an expand item says besides the options of its members.
#[derive(Clone, Debug, Default)]
pub struct Expansion {
    /// Where the item stands in the decoded `$expand`: the text that a nested next link repeats.
    pub span: std::ops::Range<usize>,
    pub form: Form,
    /// Levels of `$levels` that follow below this one.
    pub below: u64,
    /// `$levels=max`: an entity that is in the chain above already is only referred to, so that cycles end.
    pub cut: bool,
}

/// How the members of an expanded navigation are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    #[default]
    Entities,
    /// `Nav/$ref`
    References,
    /// `Nav/$count`: their number alone.
    Count,
}

/// What is written of each row, in order: `$select` and `$expand` put together.
#[derive(Debug, Default)]
pub struct Output {
    pub items: Vec<OutputItem>,
    /// The list in parentheses behind the set in `@odata.context`, without them; empty when all is written.
    pub context: String,
    /// The same for 4.01 payloads, where an expand without select has its `()` (OD-75).
    pub context_401: String,
}

#[derive(Debug)]
pub enum OutputItem {
    Prop(&'static Prop),
    Dynamic(Field),
    Complex(&'static Complex, Output),
    /// An expanded to-one navigation, joined to the row.
    One(&'static Nav, Output),
    /// An expanded navigation that a statement of its own reads: a collection, references, levels of a hierarchy.
    Apart(&'static Nav, Box<Options>),
    /// A property that `$compute` made, over the row of this variable.
    Computed {
        name: Arc<str>,
        var: Var,
        expr: Expr,
    },
    /// A column of a shape that `$apply` made.
    Column {
        name: Arc<str>,
        index: usize,
        ty: Edm,
        dynamic: bool,
    },
    /// An object of such a shape; `nav` where it stands for a grouped navigation that may be null as a whole.
    Object {
        name: Arc<str>,
        presence: Option<usize>,
        items: Vec<OutputItem>,
    },
    /// A grouped navigation that is expanded: read through its key column.
    Grouped {
        nav: &'static Nav,
        key: usize,
        source: &'static Prop,
        output: Output,
    },
}

/// Values of the extension parameters.
#[derive(Debug, Default)]
pub struct Params {
    pub filters: Vec<(&'static str, Expr)>,
    pub names: Vec<(&'static str, Vec<String>)>,
    pub choices: Vec<(&'static str, &'static str)>,
}

#[derive(Clone, Debug)]
pub struct OrderItem {
    pub expr: Expr,
    pub descending: bool,
}

/// A row variable: 0 is the row of the option itself, lambdas add theirs.
pub type Var = usize;

/// One hop to a single row (or to the owner's own, for inline complex values).
#[derive(Clone, Copy)]
pub enum Step {
    Complex(&'static Complex),
    Nav(&'static Nav),
}

impl Step {
    pub fn name(&self) -> &'static str {
        match self {
            Step::Complex(c) => c.name,
            Step::Nav(n) => n.name,
        }
    }
}

impl PartialEq for Step {
    fn eq(&self, other: &Step) -> bool {
        match (self, other) {
            (Step::Complex(a), Step::Complex(b)) => std::ptr::eq(*a, *b),
            (Step::Nav(a), Step::Nav(b)) => std::ptr::eq(*a, *b),
            _ => false,
        }
    }
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A typed expression.
#[derive(Clone, Debug)]
pub struct Expr {
    pub kind: Kind,
    pub ty: Edm,
    pub nullable: bool,
    /// Bounds of an integer-carried value, where known: arithmetic inside Int64 needs no check (OD-33).
    pub range: Option<(i128, i128)>,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Null,
    Literal(sql::Value),
    /// A number with a point or beyond Int64; comparison places it exactly, arithmetic takes it as a Double.
    Decimal(Decimal),
    Prop {
        var: Var,
        steps: Vec<Step>,
        prop: &'static Prop,
    },
    Dynamic {
        var: Var,
        steps: Vec<Step>,
        field: Field,
    },
    /// A column of a shape that `$apply` made.
    Column {
        var: Var,
        index: usize,
    },
    /// Whether a complex value or to-one navigation is not null.
    Present {
        var: Var,
        steps: Vec<Step>,
    },
    Compare(Compare, Box<Expr>, Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    In {
        value: Box<Expr>,
        list: sql::List,
        with_null: bool,
    },
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    Neg(Box<Expr>),
    Call(&'static Overload, Vec<Expr>),
    Case(Vec<(Expr, Expr)>),
    /// To another type of the same family: see `bind::promote`.
    Convert(Box<Expr>),
    /// Whether one of these texts of a row holds the term, in any letter case.
    Search {
        var: Var,
        texts: Vec<&'static Searched>,
        term: String,
    },
    Any(Box<Collection>, Option<Box<Expr>>),
    All(Box<Collection>, Box<Expr>),
    Count(Box<Collection>, Option<Box<Expr>>),
}

/// An exact decimal literal: mantissa × 10^-scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decimal {
    pub mantissa: i128,
    pub scale: u8,
}

impl Decimal {
    pub fn as_f64(self) -> f64 {
        // Rounded once, from the decimal text: dividing would round twice.
        format!("{}e-{}", self.mantissa, self.scale).parse().unwrap_or(f64::NAN)
    }
}

/// A collection seen from a row: the hops to its owner, the navigation, and the variable of its members.
#[derive(Clone, Debug)]
pub struct Collection {
    pub var: Var,
    pub steps: Vec<Step>,
    pub nav: &'static Nav,
    pub member: Var,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    DivBy,
    Mod,
}

impl std::fmt::Display for Arithmetic {
    /// As a request writes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Arithmetic::Add => "add",
            Arithmetic::Sub => "sub",
            Arithmetic::Mul => "mul",
            Arithmetic::Div => "div",
            Arithmetic::DivBy => "divby",
            Arithmetic::Mod => "mod",
        })
    }
}

impl Expr {
    pub fn null() -> Expr {
        Expr { kind: Kind::Null, ty: Edm::Untyped, nullable: true, range: None }
    }

    pub fn boolean(value: bool) -> Expr {
        Expr { kind: Kind::Literal(sql::Value::Bool(value)), ty: Edm::Boolean, nullable: false, range: None }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// Whether it may be an infinity, of which arithmetic makes what is no number. Stored doubles are finite.
    pub fn may_be_infinite(&self) -> bool {
        self.ty == Edm::Double
            && match &self.kind {
                Kind::Literal(sql::Value::Double(n)) => n.is_infinite(),
                Kind::Arithmetic(Arithmetic::DivBy, ..) | Kind::Column { .. } => true,
                _ => self.operands().into_iter().any(Expr::may_be_infinite),
            }
    }

    /// What it costs every later stage, which recurses over it; a hundred members of a list count as a part.
    pub fn size(&self) -> Size {
        let own = if let Kind::In { list, .. } = &self.kind { 1 + list.len() / 100 } else { 1 };
        self.operands().into_iter().map(Expr::size).fold(Size { parts: own, height: 1 }, |all, below| Size {
            parts: all.parts.saturating_add(below.parts),
            height: all.height.max(below.height + 1),
        })
    }

    fn operands(&self) -> Vec<&Expr> {
        match &self.kind {
            Kind::Null
            | Kind::Literal(_)
            | Kind::Decimal(_)
            | Kind::Prop { .. }
            | Kind::Dynamic { .. }
            | Kind::Column { .. }
            | Kind::Present { .. }
            | Kind::Search { .. } => Vec::new(),
            Kind::Compare(_, left, right) | Kind::Arithmetic(_, left, right) => vec![left, right],
            Kind::And(parts) | Kind::Or(parts) | Kind::Call(_, parts) => parts.iter().collect(),
            Kind::Not(inner) | Kind::Neg(inner) | Kind::Convert(inner) | Kind::All(_, inner) => vec![inner],
            Kind::In { value, .. } => vec![value],
            Kind::Case(arms) => arms.iter().flat_map(|(condition, value)| [condition, value]).collect(),
            Kind::Any(_, inner) | Kind::Count(_, inner) => inner.iter().map(|inner| &**inner).collect(),
        }
    }
}

/// The extent of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub parts: usize,
    pub height: usize,
}

/// A property that `$compute` adds to a row: each use of its name is its expression.
#[derive(Clone, Debug)]
pub struct Computed {
    pub name: Arc<str>,
    pub expr: Expr,
    pub size: Size,
}

/// A step of `$apply` that this service runs (Data Aggregation §3).
#[derive(Debug)]
pub enum Transformation {
    Filter(Expr),
    Aggregate(Aggregation),
    GroupBy { by: Vec<Grouping>, then: Option<Aggregation> },
}

/// `aggregate(…)`: one column a part.
#[derive(Debug)]
pub struct Aggregation {
    pub parts: Vec<AggregatePart>,
}

#[derive(Debug)]
pub struct AggregatePart {
    pub method: Method,
    /// None for `$count`.
    pub operand: Option<Expr>,
    pub ty: Edm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Sum,
    Min,
    Max,
    Average,
    CountDistinct,
    Count,
}

/// A grouping path; columns of the result follow the order of these.
#[derive(Debug)]
pub struct Grouping {
    pub value: Expr,
}

/// The shape of a row that `$apply` made: a tree of names over columns.
#[derive(Clone, Debug, Default)]
pub struct Derived {
    pub fields: Vec<DerivedField>,
    /// How many columns the sub-select has.
    pub columns: usize,
}

#[derive(Clone, Debug)]
pub struct DerivedField {
    pub name: Arc<str>,
    pub kind: DerivedKind,
}

#[derive(Clone, Debug)]
pub enum DerivedKind {
    Value { column: usize, ty: Edm, nullable: bool, range: Option<(i128, i128)>, source: Option<&'static Prop> },
    Object { fields: Vec<DerivedField>, nav: Option<&'static Nav> },
}

/// What a variable ranges over.
#[derive(Clone, Debug)]
pub enum Shape {
    Entity(&'static Entity),
    Complex(&'static ComplexType),
    Derived(Arc<Derived>),
}

/// The members of an enumeration as literals may name them.
pub fn enum_literal(of: &'static EnumType, text: &str) -> Option<i32> {
    of.value(text).or_else(|| text.parse::<i32>().ok().filter(|n| of.member(i64::from(*n)).is_some()))
}

impl std::fmt::Debug for Prop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl std::fmt::Debug for Complex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl std::fmt::Debug for ComplexType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl std::fmt::Debug for Nav {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl std::fmt::Debug for Entity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
