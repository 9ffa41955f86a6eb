//! What a request says, before any name is looked up: the trees that `parse` makes and `bind` reads.
//!
//! Names are raw text with spans (0-based positions in the decoded option value, in characters); literals are values. Nothing
//! here knows the model.

use super::error::Span;

/// A name or word with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    pub text: String,
    pub span: Span,
}

/// A whole request: where and with which options.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    pub path: Path,
    pub options: Options,
}

/// The resource path behind the service root, one entry a segment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Path {
    pub segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Segment {
    Metadata,
    /// A set, property, navigation or, standing alone behind a set, a key (OD-18): `bind` knows which.
    Name(Name),
    /// A name with a parenthesised key: `workItems(42)`, `X(A=1,B=2)`. In the unnamed form the name is `None`.
    Keyed(Name, Vec<KeyPart>),
    Value,
    Count,
    Ref,
    Query,
    /// `/$filter(expr)`
    Filter(Expr),
    /// A key in parentheses right behind `$filter(expr)`.
    Key(Vec<KeyPart>),
    Each,
    Batch,
    All,
    /// `$entity`
    Entity,
    Crossjoin(Vec<Name>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct KeyPart {
    pub name: Option<Name>,
    /// A literal or an alias.
    pub value: Expr,
}

/// The options of a request, an expand item or a select item, each once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    pub filter: Option<Expr>,
    pub select: Option<Vec<SelectItem>>,
    pub expand: Option<Vec<ExpandItem>>,
    pub orderby: Option<Vec<OrderItem>>,
    pub top: Option<u64>,
    pub skip: Option<u64>,
    pub count: Option<bool>,
    pub apply: Option<Vec<Transformation>>,
    pub compute: Option<Vec<ComputeItem>>,
    pub search: Option<Search>,
    pub levels: Option<Levels>,
    pub skiptoken: Option<String>,
    pub deltatoken: Option<String>,
    pub format: Option<String>,
    pub index: Option<i64>,
    pub id: Option<String>,
    pub schemaversion: Option<String>,
    /// Extension parameters and options that are not ours, in the order of the request: name as written, decoded value.
    pub custom: Vec<(String, String)>,
    /// Parameter aliases by name, without the `@`, in order.
    pub aliases: Vec<(String, Expr)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Levels {
    Number(u64),
    Max,
}

/// A common expression (Part 2 §5.1.1).
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    Literal(Literal),
    /// `@name`
    Alias(String),
    /// A path such as `User/Name`, `$it/Comment`, `Worklogs/any(w:…)`, `Worklogs/$count($filter=…)`.
    Path(MemberPath),
    Unary(UnaryOp, Box<Expr>),
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// One operator over many operands, flat: `a or b or c` is one node (OD-151). Only `and` and `or`.
    Chain(BinaryOp, Vec<Expr>),
    /// `x in (a,b,c)` has a `List` on the right; `x in @ids` or `x in Nav/Id` any other expression.
    In(Box<Expr>, Box<Expr>),
    /// `(a,b,c)` or a JSON array behind an alias.
    List(Vec<Expr>),
    /// A canonical or dotted function: name as written, in any letter case.
    Call(Name, Vec<Expr>),
    /// `case(cond:value,…)`
    Case(Vec<(Expr, Expr)>),
    /// `cast(expr,Type)`, `cast(Type)`; the subject is `None` in the short form.
    Cast(Option<Box<Expr>>, Name),
    IsOf(Option<Box<Expr>>, Name),
    /// `{"Name":value,…}`, whose values may be expressions.
    Object(Vec<(String, Expr)>),
    /// `Name=value`, a parameter of a dotted function; nowhere else.
    Named(Name, Box<Expr>),
}

/// `a/b/c`, perhaps ended by a lambda or a count.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberPath {
    pub root: PathRoot,
    pub names: Vec<Name>,
    pub end: PathEnd,
}

#[derive(Clone, Debug, PartialEq)]
pub enum PathRoot {
    /// The row of the innermost option, a lambda variable being an ordinary first name.
    Implicit,
    It,
    This,
    /// `$root/…`
    Root,
    /// `$these`
    These,
    /// `@name/…`: a path behind an alias.
    Alias(String),
}

#[derive(Clone, Debug, PartialEq)]
pub enum PathEnd {
    None,
    /// `/$count`, with options in parentheses or without.
    Count(Box<Options>),
    /// `/any(v:expr)`; `/any()` has neither.
    Any(Option<Lambda>),
    All(Lambda),
    /// `$these/aggregate(…)`, `Nav/aggregate(…)`
    Aggregate(Box<AggregateItem>),
    /// A key, a bound function, an annotation or `$filter(…)` within the path: parsed with all that follows, but only
    /// the first such segment is kept, by name.
    Other(Name),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Lambda {
    pub variable: Name,
    pub predicate: Box<Expr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    Not,
    Neg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    Or,
    And,
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    Has,
    Add,
    Sub,
    Mul,
    Div,
    DivBy,
    Mod,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    /// A number with a point, or an integer beyond Int64: digits as written, sign included, no exponent.
    Decimal(String),
    /// With an exponent, or INF, -INF, NaN.
    Double(f64),
    String(String),
    Guid(uuid::Uuid),
    /// Days since 1970-01-01; `2025-01-01Z` too (OD-36).
    Date(i32),
    /// Microseconds since the epoch and, where the literal has a seventh fraction digit, what is left of it in
    /// tenths of a microsecond (OD-117).
    DateTimeOffset {
        micros: i64,
        tenths: u8,
    },
    /// Microseconds since midnight.
    TimeOfDay(i64),
    /// Microseconds.
    Duration(i64),
    Binary(Vec<u8>),
    /// `Full.Type.Name'Member'`
    Enum {
        type_name: String,
        value: String,
    },
    /// `geography'…'`, `geometry'…'`, as written between the quotes.
    Geo(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct OrderItem {
    pub expr: Expr,
    pub descending: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ComputeItem {
    pub expr: Expr,
    pub alias: Name,
}

/// `*`, `User/Name`, `User($select=Name)`.
#[derive(Clone, Debug, PartialEq)]
pub struct SelectItem {
    pub path: SelectPath,
    pub options: Options,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SelectPath {
    Star,
    /// `Namespace.*`, or an operation with the names of its parameters: `Ns.F(A,B)`.
    Operations(Name),
    Names(Vec<Name>),
}

/// `Nav`, `Nav/$ref`, `Nav/$count`, `*`, each with options.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpandItem {
    pub path: ExpandPath,
    pub suffix: ExpandSuffix,
    pub options: Options,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ExpandPath {
    Star,
    /// The last name may be `*` (all navigation of a complex value) or `$value`; an annotation keeps its `@`.
    Names(Vec<Name>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpandSuffix {
    None,
    Ref,
    Count,
}

/// A step of `$apply` (Data Aggregation §3).
#[derive(Clone, Debug, PartialEq)]
pub struct Transformation {
    pub kind: TransformationKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum TransformationKind {
    Filter(Expr),
    Search(Search),
    Compute(Vec<ComputeItem>),
    Orderby(Vec<OrderItem>),
    Skip(u64),
    Top(u64),
    Identity,
    Aggregate(Vec<AggregateItem>),
    GroupBy {
        by: Vec<GroupItem>,
        then: Vec<Transformation>,
    },
    Concat(Vec<Vec<Transformation>>),
    /// `topcount(n,expr)` and its five siblings: the name in lower case, then the two parameters.
    Rank {
        name: &'static str,
        amount: Box<Expr>,
        by: Box<Expr>,
    },
    /// Anything else of the standard that is parsed only by its name and balanced parentheses: `nest`, `addnested`,
    /// `join`, `outerjoin`, `ancestors`, `descendants`, `traverse`, a dotted custom function.
    Other(Name),
}

#[derive(Clone, Debug, PartialEq)]
pub enum GroupItem {
    Path(Vec<Name>),
    Rollup(Vec<Vec<Name>>),
    /// `rolluprecursive(…)`, by name only.
    Recursive(Name),
}

/// `expr with method as Alias`, `$count as N`, a bare custom aggregate.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateItem {
    pub kind: AggregateKind,
    /// `from path with method …`, in the order written.
    pub from: Vec<FromItem>,
    /// Absent for a custom aggregate that keeps its name, and in the function `…/aggregate(…)`.
    pub alias: Option<Name>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum AggregateKind {
    /// `$count`, or `Nav/$count` with the path before it.
    Count(Vec<Name>),
    /// `expr with method`
    Method {
        expr: Expr,
        method: Name,
    },
    Custom(Vec<Name>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct FromItem {
    pub paths: Vec<Vec<Name>>,
    /// Absent only behind a custom aggregate.
    pub method: Option<Name>,
}

/// `$search` (Part 2 §5.1.7).
#[derive(Clone, Debug, PartialEq)]
pub enum Search {
    Term(String),
    Phrase(String),
    Not(Box<Search>),
    And(Vec<Search>),
    Or(Vec<Search>),
}
