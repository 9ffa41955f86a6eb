//! The value of an expression for a row (Part 2 §5.1.1).
//!
//! Nothing is left out when a result is known early: every failure that any part could meet is noted, for the standard
//! does not say which parts a service looks at, and OD-33 lets it fail there.

use std::cell::Cell;
use std::rc::Rc;

use super::expression::{Expr, Kind, Op, Path};
use super::value::{Type, Value};
use super::world::World;
use super::{functions, number};

/// Why a request fails as a whole (OD-33).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    Overflow,
    DivisionByZero,
}

impl Failure {
    /// `error.code` of the answer.
    pub fn code(self) -> &'static str {
        match self {
            Failure::Overflow => "Overflow",
            Failure::DivisionByZero => "DivisionByZero",
        }
    }
}

pub type Result<T = Value> = std::result::Result<T, Failure>;

/// What stands in an answer under a name.
#[derive(Clone, Debug)]
pub enum Node {
    Value(Value),
    Object(Object),
    Array(Vec<Object>),
}

pub type Object = Vec<(String, Node)>;

/// A row of a set, or what `$apply` made.
#[derive(Clone, Debug)]
pub enum Base {
    Entity { set: usize, row: usize },
    Derived(Rc<Object>),
}

/// With what `$compute` added.
#[derive(Clone, Debug)]
pub struct Row {
    pub base: Base,
    pub computed: Vec<(String, Result)>,
}

impl Row {
    pub fn entity(set: usize, row: usize) -> Row {
        Row { base: Base::Entity { set, row }, computed: Vec::new() }
    }
}

/// Failures that some part of the request could meet, met or not.
#[derive(Default)]
pub struct Risks {
    overflow: Cell<bool>,
    zero: Cell<bool>,
}

impl Risks {
    pub fn note(&self, failure: Failure) {
        match failure {
            Failure::Overflow => self.overflow.set(true),
            Failure::DivisionByZero => self.zero.set(true),
        }
    }

    pub fn noted(&self, result: Result) -> Result {
        if let Err(failure) = result {
            self.note(failure);
        }
        result
    }

    pub fn codes(&self) -> Vec<&'static str> {
        let all = [(Failure::Overflow, self.overflow.get()), (Failure::DivisionByZero, self.zero.get())];
        all.into_iter().filter(|(_, noted)| *noted).map(|(failure, _)| failure.code()).collect()
    }
}

/// What names mean at a place.
#[derive(Clone)]
pub struct Scope<'s> {
    pub world: &'s World,
    pub risks: &'s Risks,
    /// What a path without a variable begins at.
    pub row: &'s Row,
    /// `$it`
    pub it: &'s Row,
    variables: Vec<(&'s str, Row)>,
}

impl<'s> Scope<'s> {
    pub fn new(world: &'s World, risks: &'s Risks, row: &'s Row) -> Scope<'s> {
        Scope { world, risks, row, it: row, variables: Vec::new() }
    }

    pub fn evaluate(&self, expr: &Expr) -> Result {
        self.risks.noted(self.value(expr))
    }

    fn value(&self, expr: &Expr) -> Result {
        match &expr.kind {
            Kind::Literal(value, _) => Ok(value.clone()),
            Kind::Path(path) => self.path(path),
            Kind::Not(inner) => Ok(match self.evaluate(inner)? {
                Value::Bool(b) => Value::Bool(!b),
                _ => Value::Null,
            }),
            Kind::Negate(inner) => number::negated(self.evaluate(inner)?),
            Kind::Binary(Op::And, left, right) => self.either(left, right, false),
            Kind::Binary(Op::Or, left, right) => self.either(left, right, true),
            Kind::Binary(op, left, right) => {
                let (left, right) = (self.evaluate(left), self.evaluate(right));
                // Nothing is reckoned with a null, and nothing but null is equal to it.
                if !matches!(op, Op::Eq | Op::Ne) && (left == Ok(Value::Null) || right == Ok(Value::Null)) {
                    return binary(*op, Value::Null, Value::Null, &expr.ty);
                }
                binary(*op, left?, right?, &expr.ty)
            }
            Kind::In(value, members) => {
                let value = self.evaluate(value)?;
                let found = |member: &Expr| matches!(&member.kind, Kind::Literal(v, _) if v.equals(&value));
                Ok(Value::Bool(members.iter().any(found)))
            }
            Kind::Call(name, arguments) => {
                let values: Vec<Result> = arguments.iter().map(|argument| self.evaluate(argument)).collect();
                if values.contains(&Ok(Value::Null)) {
                    return Ok(Value::Null);
                }
                Ok(functions::call(name, &values.into_iter().collect::<Result<Vec<Value>>>()?))
            }
            Kind::Cast(inner) => Ok(functions::cast(self.evaluate(inner)?, &expr.ty)),
            Kind::Case(arms) => self.case(arms, &expr.ty),
            Kind::Absent(path, meant) => Ok(Value::Bool(self.entities(path).is_empty() == *meant)),
            Kind::Any(path, _, None) => Ok(Value::Bool(!self.entities(path).is_empty())),
            Kind::Any(path, variable, Some(inner)) => self.quantified(path, variable, inner, true),
            Kind::All(path, variable, inner) => self.quantified(path, variable, inner, false),
            Kind::Count(path, inner) => self.count(path, inner.as_deref()),
        }
    }

    /// `and` and `or` with three values; the one that decides alone decides over a failure too.
    fn either(&self, left: &Expr, right: &Expr, deciding: bool) -> Result {
        let (left, right) = (self.evaluate(left), self.evaluate(right));
        let decides = |side: &Result| *side == Ok(Value::Bool(deciding));
        if decides(&left) || decides(&right) {
            return Ok(Value::Bool(deciding));
        }
        let both = (left?, right?);
        Ok(if both.0.is_null() || both.1.is_null() { Value::Null } else { Value::Bool(!deciding) })
    }

    fn case(&self, arms: &[(Expr, Expr)], ty: &Type) -> Result {
        let evaluated: Vec<(Result, Result)> =
            arms.iter().map(|(condition, value)| (self.evaluate(condition), self.evaluate(value))).collect();
        for (condition, value) in evaluated {
            if condition? == Value::Bool(true) {
                let value = value?.promoted(ty);
                // Kept with the digits of the other values, it may not fit.
                if number::is_large(&value) {
                    self.risks.note(Failure::Overflow);
                }
                return Ok(value);
            }
        }
        Ok(Value::Null)
    }

    /// A lambda: the members for which the predicate is true are those that count; null is not true.
    fn quantified(&self, path: &Path, variable: &str, inner: &Expr, any: bool) -> Result {
        self.look_at_all(path, Some(variable), inner);
        let mut failed = None;
        for (set, row) in self.entities(path) {
            let mut scope = self.clone();
            scope.variables.push((variable, Row::entity(set, row)));
            match scope.evaluate(inner) {
                Ok(value) if (value == Value::Bool(true)) == any => return Ok(Value::Bool(any)),
                Ok(_) => {}
                Err(failure) => failed = Some(failure),
            }
        }
        failed.map_or(Ok(Value::Bool(!any)), Err)
    }

    /// Notes what fails for any row of the collection's set: a database may look at members of others first (OD-33).
    fn look_at_all(&self, path: &Path, variable: Option<&str>, inner: &Expr) {
        if !inner.can_fail() {
            return;
        }
        let set = self.set_of(path);
        for row in (0..self.world.sets[set].rows.len()).map(|row| Row::entity(set, row)) {
            let mut scope = Scope { row: if variable.is_some() { self.row } else { &row }, ..self.clone() };
            scope.variables.extend(variable.map(|name| (name, row.clone())));
            let _ = scope.evaluate(inner);
        }
    }

    /// The set that a path of navigation properties leads to.
    fn set_of(&self, path: &[String]) -> usize {
        let (row, path) = self.start(path);
        let Base::Entity { set, .. } = row.base else { panic!("{} begins at no entity", path.join("/")) };
        let step = |set: usize, name: &String| self.world.sets[set].nav(name).expect("a navigation property").target;
        path.iter().fold(set, step)
    }

    fn count(&self, path: &Path, inner: Option<&Expr>) -> Result {
        if let Some(inner) = inner {
            self.look_at_all(path, None, inner);
        }
        let mut count = 0;
        let mut failed = None;
        for (set, row) in self.entities(path) {
            let row = Row::entity(set, row);
            let scope = Scope { row: &row, ..self.clone() };
            match inner.map_or(Ok(Value::Bool(true)), |inner| scope.evaluate(inner)) {
                Ok(value) => count += i64::from(value == Value::Bool(true)),
                Err(failure) => failed = Some(failure),
            }
        }
        failed.map_or(Ok(Value::Int(count)), Err)
    }

    /// Where a path begins, and what is left of it.
    fn start<'p>(&self, path: &'p [String]) -> (Row, &'p [String]) {
        let (first, rest) = path.split_first().expect("a path has a name");
        if first == "$it" {
            return (self.it.clone(), rest);
        }
        match self.variables.iter().find(|(name, _)| name == first) {
            Some((_, row)) => (row.clone(), rest),
            None => (self.row.clone(), path),
        }
    }

    pub fn path(&self, path: &[String]) -> Result {
        let (row, path) = self.start(path);
        if let Some((_, value)) = row.computed.iter().find(|(name, _)| *name == path[0]) {
            return value.clone();
        }
        match row.base {
            Base::Derived(object) => Ok(inside(&object, path)),
            Base::Entity { set, row } => {
                let (last, navs) = path.split_last().expect("a path has a name");
                let Some((set, row)) = self.followed(set, row, navs).first().copied() else { return Ok(Value::Null) };
                let set = &self.world.sets[set];
                Ok(set.rows[row][set.prop(last).unwrap_or_else(|| panic!("{} has no {last}", set.name))].clone())
            }
        }
    }

    /// What a path of navigation properties leads to.
    pub fn entities(&self, path: &[String]) -> Vec<(usize, usize)> {
        let (row, path) = self.start(path);
        match row.base {
            Base::Entity { set, row } => self.followed(set, row, path),
            Base::Derived(_) => panic!("{} begins at no entity", path.join("/")),
        }
    }

    fn followed(&self, set: usize, row: usize, navs: &[String]) -> Vec<(usize, usize)> {
        let Some((first, rest)) = navs.split_first() else { return vec![(set, row)] };
        let nav = self.world.sets[set].nav(first).unwrap_or_else(|| panic!("no navigation property {first}"));
        nav.links[row].iter().flat_map(|row| self.followed(nav.target, *row, rest)).collect()
    }
}

fn inside(object: &Object, path: &[String]) -> Value {
    let node = object.iter().find(|(name, _)| *name == path[0]).map(|(_, node)| node);
    match node {
        Some(Node::Value(value)) => value.clone(),
        Some(Node::Object(object)) => inside(object, &path[1..]),
        _ => panic!("the result has no {}", path.join("/")),
    }
}

fn binary(op: Op, left: Value, right: Value, ty: &Type) -> Result {
    let compared = |wanted: fn(std::cmp::Ordering) -> bool| {
        // "If any operand is null, the operator returns false" (§5.1.1.1.3 to §5.1.1.1.6).
        Ok(Value::Bool(!left.is_null() && !right.is_null() && wanted(left.compare(&right))))
    };
    match op {
        Op::Eq => Ok(Value::Bool(left.equals(&right))),
        Op::Ne => Ok(Value::Bool(!left.equals(&right))),
        Op::Gt => compared(|order| order.is_gt()),
        Op::Ge => compared(|order| order.is_ge()),
        Op::Lt => compared(|order| order.is_lt()),
        Op::Le => compared(|order| order.is_le()),
        _ if left.is_null() || right.is_null() => Ok(Value::Null),
        _ => number::arithmetic(op, left, right, ty),
    }
}
