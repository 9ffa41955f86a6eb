//! Expressions as the generator makes them: typed trees, written as OData with no more parentheses than precedence
//! needs (Part 2 §5.1.1.16).

use std::fmt;

use super::value::{Type, Value};

/// Names with `/` between them; the first may be a lambda variable or `$it`.
pub type Path = Vec<String>;

#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    pub ty: Type,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A value and how it is written.
    Literal(Value, String),
    Path(Path),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary(Op, Box<Expr>, Box<Expr>),
    In(Box<Expr>, Vec<Expr>),
    Call(&'static str, Vec<Expr>),
    Cast(Box<Expr>),
    Case(Vec<(Expr, Expr)>),
    /// `Parent eq null` (true), `Parent ne null` (false).
    Absent(Path, bool),
    Any(Path, String, Option<Box<Expr>>),
    All(Path, String, Box<Expr>),
    Count(Path, Option<Box<Expr>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Or,
    And,
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    Add,
    Sub,
    Mul,
    Div,
    DivBy,
    Mod,
}

impl Op {
    fn name(self) -> &'static str {
        match self {
            Op::Or => "or",
            Op::And => "and",
            Op::Eq => "eq",
            Op::Ne => "ne",
            Op::Gt => "gt",
            Op::Ge => "ge",
            Op::Lt => "lt",
            Op::Le => "le",
            Op::Add => "add",
            Op::Sub => "sub",
            Op::Mul => "mul",
            Op::Div => "div",
            Op::DivBy => "divby",
            Op::Mod => "mod",
        }
    }

    /// What binds tighter is higher.
    fn precedence(self) -> u8 {
        match self {
            Op::Or => 1,
            Op::And => 2,
            Op::Eq | Op::Ne => 3,
            Op::Gt | Op::Ge | Op::Lt | Op::Le => 4,
            Op::Add | Op::Sub => 5,
            Op::Mul | Op::Div | Op::DivBy | Op::Mod => 6,
        }
    }
}

/// Above every operator.
const PRIMARY: u8 = 9;

impl Expr {
    pub fn new(ty: Type, kind: Kind) -> Expr {
        Expr { ty, kind }
    }

    pub fn literal(value: Value, ty: Type) -> Expr {
        let text = value.literal(&ty);
        Expr::new(ty, Kind::Literal(value, text))
    }

    pub fn null(ty: Type) -> Expr {
        Expr::new(ty, Kind::Literal(Value::Null, "null".to_owned()))
    }

    fn precedence(&self) -> u8 {
        match &self.kind {
            Kind::Binary(op, ..) => op.precedence(),
            Kind::Absent(..) => Op::Eq.precedence(),
            // Written in parentheses wherever they stand inside something.
            Kind::Not(_) | Kind::Negate(_) | Kind::In(..) => 0,
            _ => PRIMARY,
        }
    }

    /// In parentheses, if it binds less than this.
    fn inside(&self, least: u8) -> Wrapped<'_> {
        Wrapped { expr: self, parentheses: self.precedence() < least }
    }

    /// The expressions directly below, and how to put others in their place. Those below a lambda or a count see other
    /// variables, the rest the same ones.
    pub fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            Kind::Literal(..) | Kind::Path(_) | Kind::Absent(..) => Vec::new(),
            Kind::Not(inner) | Kind::Negate(inner) | Kind::Cast(inner) | Kind::All(_, _, inner) => vec![inner],
            Kind::Binary(_, left, right) => vec![left, right],
            Kind::In(value, members) => std::iter::once(&**value).chain(members).collect(),
            Kind::Call(_, arguments) => arguments.iter().collect(),
            Kind::Case(arms) => arms.iter().flat_map(|(condition, value)| [condition, value]).collect(),
            Kind::Any(_, _, inner) | Kind::Count(_, inner) => inner.iter().map(|inner| &**inner).collect(),
        }
    }

    pub fn children_mut(&mut self) -> Vec<&mut Expr> {
        match &mut self.kind {
            Kind::Literal(..) | Kind::Path(_) | Kind::Absent(..) => Vec::new(),
            Kind::Not(inner) | Kind::Negate(inner) | Kind::Cast(inner) | Kind::All(_, _, inner) => vec![inner],
            Kind::Binary(_, left, right) => vec![left, right],
            Kind::In(value, members) => std::iter::once(&mut **value).chain(members).collect(),
            Kind::Call(_, arguments) => arguments.iter_mut().collect(),
            Kind::Case(arms) => arms.iter_mut().flat_map(|(condition, value)| [condition, value]).collect(),
            Kind::Any(_, _, inner) | Kind::Count(_, inner) => inner.iter_mut().map(|inner| &mut **inner).collect(),
        }
    }

    /// Whether the expressions below see the row that this one sees, and no other.
    pub fn binds(&self) -> bool {
        matches!(self.kind, Kind::Any(..) | Kind::All(..) | Kind::Count(..))
    }

    /// Whether some row could make it fail: a divisor or product that is not written down.
    pub fn can_fail(&self) -> bool {
        let mut found = false;
        self.walk(&mut |expr| {
            if let Kind::Binary(Op::Div | Op::Mod | Op::Mul, _, right) = &expr.kind {
                found |= !matches!(right.kind, Kind::Literal(..));
            }
        });
        found
    }

    /// Whether it is the same for every row.
    pub fn is_constant(&self) -> bool {
        let mut constant = true;
        self.walk(&mut |expr| constant &= !matches!(expr.kind, Kind::Path(_) | Kind::Absent(..)) && !expr.binds());
        constant
    }

    /// This one and everything below.
    pub fn walk(&self, visit: &mut dyn FnMut(&Expr)) {
        visit(self);
        for child in self.children() {
            child.walk(visit);
        }
    }
}

struct Wrapped<'e> {
    expr: &'e Expr,
    parentheses: bool,
}

impl fmt::Display for Wrapped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.parentheses { write!(f, "({})", self.expr) } else { self.expr.fmt(f) }
    }
}

/// With commas between them.
pub fn listed<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}

/// The name of a type in `cast`.
fn type_name(ty: &Type) -> String {
    match ty {
        Type::Enum(name) => name.clone(),
        other => format!("Edm.{other:?}"),
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.kind {
            Kind::Literal(_, text) => f.write_str(text),
            Kind::Path(path) => f.write_str(&path.join("/")),
            Kind::Not(inner) => write!(f, "not {}", inner.inside(PRIMARY)),
            Kind::Negate(inner) => match inner.kind {
                Kind::Path(_) | Kind::Call(..) => write!(f, "-{inner}"),
                _ => write!(f, "-({inner})"),
            },
            Kind::Binary(op, left, right) => {
                // Comparisons do not associate in our texts: `(a eq b) eq c` keeps its parentheses.
                let own = op.precedence();
                let left_least = if (3..=4).contains(&own) { own + 1 } else { own };
                write!(f, "{} {} {}", left.inside(left_least), op.name(), right.inside(own + 1))
            }
            Kind::In(value, members) => write!(f, "{} in ({})", value.inside(PRIMARY), listed(members)),
            Kind::Call(name, arguments) => write!(f, "{name}({})", listed(arguments)),
            Kind::Cast(inner) => write!(f, "cast({inner},{})", type_name(&self.ty)),
            Kind::Case(arms) => {
                let arms: Vec<String> = arms.iter().map(|(condition, value)| format!("{condition}:{value}")).collect();
                write!(f, "case({})", arms.join(","))
            }
            Kind::Absent(path, true) => write!(f, "{} eq null", path.join("/")),
            Kind::Absent(path, false) => write!(f, "{} ne null", path.join("/")),
            Kind::Any(path, _, None) => write!(f, "{}/any()", path.join("/")),
            Kind::Any(path, variable, Some(inner)) => write!(f, "{}/any({variable}:{inner})", path.join("/")),
            Kind::All(path, variable, inner) => write!(f, "{}/all({variable}:{inner})", path.join("/")),
            Kind::Count(path, None) => write!(f, "{}/$count", path.join("/")),
            Kind::Count(path, Some(inner)) => write!(f, "{}/$count($filter={inner})", path.join("/")),
        }
    }
}
