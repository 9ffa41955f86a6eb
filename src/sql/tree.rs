//! The relational tree: what a statement says, before either back end's spelling.
//!
//! Invariant: a table enters a statement through [`Scan::new`] alone, which asks the [`Viewer`] for the rows that
//! the caller may see. There is no other constructor, so no reader can forget the row policy.

use super::functions::Function;
use super::value::{List, Type, Value};

/// A table, sub-select or join partner inside one statement; written `t0`, `t1`, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alias(pub u32);

impl Alias {
    pub fn col(self, name: &'static str) -> Expr {
        Expr::Column(self, name)
    }

    /// The *n*-th column of a sub-select, written `c0`, `c1`, …
    pub fn output(self, column: usize) -> Expr {
        Expr::Output(self, column)
    }
}

/// Hands out aliases; one a statement.
#[derive(Debug, Default)]
pub struct Names {
    next: u32,
}

impl Names {
    pub fn fresh(&mut self) -> Alias {
        let alias = Alias(self.next);
        self.next += 1;
        alias
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    /// Null-safe `=`.
    Same,
    /// Null-safe `<>`.
    Distinct,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    Add,
    Sub,
    Mul,
    /// Truncates on integers. Zero divisors and overflow are the planner's business.
    Div,
    Mod,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Of Int32 or Int64: Int64. Of Double: Double.
    Sum,
    Min,
    Max,
    /// Counts non-null values, or rows when it has no operand.
    Count,
    CountDistinct,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Column(Alias, &'static str),
    Output(Alias, usize),
    Bind(Value),
    /// A number that the program itself knows, written into the text so that the plan can use it.
    Int(i64),
    True,
    False,
    Null(Type),
    Compare(Compare, Box<Expr>, Box<Expr>),
    IsNull(Box<Expr>),
    IsNotNull(Box<Expr>),
    /// `x IS TRUE`: false for null.
    IsTrue(Box<Expr>),
    /// Written as a balanced tree; empty is true.
    And(Vec<Expr>),
    /// Written as a balanced tree; empty is false.
    Or(Vec<Expr>),
    Not(Box<Expr>),
    In(Box<Expr>, List),
    InSelect(Box<Expr>, Box<Select>),
    /// Whether the value is among what a select gives for any of a list's members.
    InEach(Box<Expr>, Box<Each>),
    Coalesce(Vec<Expr>),
    Case(Vec<(Expr, Expr)>, Box<Expr>),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    Neg(Box<Expr>),
    Call(&'static Function, Vec<Expr>),
    Cast(Box<Expr>, Type),
    Exists(Box<Select>),
    Scalar(Box<Select>),
    Aggregate(Aggregate, Option<Box<Expr>>),
    /// `ROW_NUMBER() OVER (PARTITION BY … ORDER BY …)`
    RowNumber(Box<Expr>, Vec<Order>),
}

/// A select for each member of a list: its first column, and no more rows of each than its limit says.
#[derive(Clone, Debug, PartialEq)]
pub struct Each {
    pub list: List,
    /// Where the select finds the member: [`Each::member`] of this.
    pub alias: Alias,
    pub select: Select,
}

impl Each {
    /// The member of the list that a select is for.
    pub fn member(alias: Alias) -> Expr {
        alias.col("value")
    }
}

impl Expr {
    pub fn bind(value: Value) -> Expr {
        Expr::Bind(value)
    }

    pub fn compare(self, op: Compare, other: Expr) -> Expr {
        Expr::Compare(op, Box::new(self), Box::new(other))
    }

    pub fn eq(self, other: Expr) -> Expr {
        self.compare(Compare::Eq, other)
    }

    pub fn ge(self, other: Expr) -> Expr {
        self.compare(Compare::Ge, other)
    }

    pub fn is_null(self) -> Expr {
        Expr::IsNull(Box::new(self))
    }

    pub fn is_not_null(self) -> Expr {
        Expr::IsNotNull(Box::new(self))
    }

    pub fn is_true(self) -> Expr {
        Expr::IsTrue(Box::new(self))
    }

    #[expect(clippy::should_implement_trait, reason = "reads as SQL does, beside eq and and")]
    pub fn not(self) -> Expr {
        match self {
            // Neither is ever null, so that the opposite word says it.
            Expr::IsNull(inner) => Expr::IsNotNull(inner),
            Expr::IsNotNull(inner) => Expr::IsNull(inner),
            other => Expr::Not(Box::new(other)),
        }
    }

    pub fn and(self, other: Expr) -> Expr {
        match (self, other) {
            (Expr::True, e) | (e, Expr::True) => e,
            (Expr::And(mut all), e) => {
                all.push(e);
                Expr::And(all)
            }
            (a, b) => Expr::And(vec![a, b]),
        }
    }

    pub fn all(parts: Vec<Expr>) -> Expr {
        parts.into_iter().fold(Expr::True, Expr::and)
    }

    pub fn or_else(self, otherwise: Expr) -> Expr {
        Expr::Coalesce(vec![self, otherwise])
    }

    pub fn arithmetic(self, op: Arithmetic, other: Expr) -> Expr {
        Expr::Arithmetic(op, Box::new(self), Box::new(other))
    }

    pub fn cast(self, ty: Type) -> Expr {
        Expr::Cast(Box::new(self), ty)
    }

    pub fn sum(self) -> Expr {
        Expr::Aggregate(Aggregate::Sum, Some(Box::new(self)))
    }

    pub fn count() -> Expr {
        Expr::Aggregate(Aggregate::Count, None)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Asc,
    Desc,
}

/// An order key. Nulls come first in `asc` and last in `desc` (OD-56); `nullable` says whether PostgreSQL needs telling.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    pub by: Expr,
    pub direction: Direction,
    pub nullable: bool,
}

/// Which rows of a table a caller may see.
#[derive(Clone, Debug, PartialEq)]
pub enum Guard {
    All,
    Where(Expr),
    Nothing,
}

/// The one who reads: says, per table, which rows there are for them.
pub trait Viewer {
    fn rows(&self, table: &'static str, at: Alias) -> Guard;
}

/// A table as its viewer sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    table: &'static str,
    alias: Alias,
    guard: Guard,
}

impl Scan {
    pub fn new(table: &'static str, names: &mut Names, viewer: &dyn Viewer) -> Scan {
        let alias = names.fresh();
        Scan { table, alias, guard: viewer.rows(table, alias) }
    }

    pub fn alias(&self) -> Alias {
        self.alias
    }

    pub fn table(&self) -> &'static str {
        self.table
    }

    pub fn guard(&self) -> &Guard {
        &self.guard
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum From {
    Scan(Scan),
    Select(Box<Select>, Alias),
}

impl From {
    pub fn alias(&self) -> Alias {
        match self {
            From::Scan(scan) => scan.alias(),
            From::Select(_, alias) => *alias,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    Inner,
    Left,
}

/// The guard of a joined scan goes into ON, so that a hidden row reads as absent.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    pub kind: JoinKind,
    pub with: From,
    pub on: Expr,
}

/// A SELECT. Its columns are named `c0`, `c1`, … in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    pub columns: Vec<Expr>,
    pub from: From,
    pub joins: Vec<Join>,
    pub filter: Vec<Expr>,
    pub group: Vec<Expr>,
    pub order: Vec<Order>,
    pub limit: Option<i64>,
    pub offset: Option<i64>,
    pub distinct: bool,
}

impl Select {
    pub fn from(from: From) -> Select {
        Select {
            columns: Vec::new(),
            from,
            joins: Vec::new(),
            filter: Vec::new(),
            group: Vec::new(),
            order: Vec::new(),
            limit: None,
            offset: None,
            distinct: false,
        }
    }

    pub fn filter(mut self, condition: Expr) -> Select {
        self.filter.push(condition);
        self
    }
}

/// A statement to run: the tree and the types in which its columns are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    pub select: Select,
    pub types: Vec<Type>,
    /// Whether its shape recurs often enough to keep it prepared (ARCHITECTURE.md, "Traps").
    pub cacheable: bool,
}
