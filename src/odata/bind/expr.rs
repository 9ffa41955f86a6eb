//! Common expressions (Part 2 §5.1.1): operators, literals, lists, aliases.

use super::super::bound::{Compare, Expr, Kind};
use super::super::edm::Edm;
use super::super::error::{Code, ODataError, Result};
use super::super::syntax::{self, BinaryOp, ExprKind, Literal, UnaryOp};
use super::Binder;
use super::promote::common_type;
use super::row::Found;
use crate::sql::value::Items;
use crate::sql::{Day, Guid, Instant, List, Value};

impl Binder<'_> {
    /// Any expression that has a single value. The parser has bounded each expression; aliases within aliases could
    /// multiply that, so what is bound on their behalf is counted against the same limits.
    pub(super) fn value(&mut self, e: &syntax::Expr) -> Result<Expr> {
        let limits = self.environment.limits;
        self.depth += 1;
        if !self.open_aliases.is_empty() && !matches!(e.kind, ExprKind::Literal(_)) {
            self.behind_aliases += 1;
        }
        if self.depth > limits.expression_depth {
            let limit = format!("nested deeper than {} (odata.max_expression_depth)", limits.expression_depth);
            return Err(too_complex(&limit, e.span.start));
        }
        if self.behind_aliases > limits.expression_nodes {
            let limit = format!("of more parts than {} (odata.max_expression_nodes)", limits.expression_nodes);
            return Err(too_complex(&limit, e.span.start));
        }
        let bound = self.value_of(e);
        self.depth -= 1;
        bound
    }

    fn value_of(&mut self, e: &syntax::Expr) -> Result<Expr> {
        let position = e.span.start;
        match &e.kind {
            ExprKind::Literal(literal) => self.literal(literal).map_err(|e| e.at(position)),
            ExprKind::Alias(name) => self.alias(name, position),
            ExprKind::Path(path) => self.member_path(path, position),
            ExprKind::Unary(UnaryOp::Not, operand) => self.not(operand),
            ExprKind::Unary(UnaryOp::Neg, operand) => self.negation(operand),
            ExprKind::Chain(op, operands) => self.chain(*op, operands),
            ExprKind::Binary(op, left, right) => self.binary(*op, left, right, position),
            ExprKind::In(left, right) => self.within(left, right),
            ExprKind::Call(name, args) => self.call(name, args),
            ExprKind::Case(arms) => self.case(arms, position),
            ExprKind::Cast(subject, name) => self.cast(subject.as_deref(), name, position),
            ExprKind::IsOf(subject, name) => self.is_of(subject.as_deref(), name, position),
            ExprKind::List(_) => {
                Err(ODataError::new(Code::TypeMismatch, "A list has its place only behind `in`.").at(position))
            }
            ExprKind::Object(_) | ExprKind::Named(..) => {
                Err(ODataError::not_implemented("An object in an expression").at(position))
            }
        }
    }

    fn literal(&self, literal: &Literal) -> Result<Expr> {
        let of = |value: Value, ty: Edm| Expr { kind: Kind::Literal(value), ty, nullable: false, range: None };
        Ok(match literal {
            Literal::Null => Expr::null(),
            Literal::Bool(b) => Expr::boolean(*b),
            Literal::Int(n) => super::number::integer(*n),
            Literal::Decimal(text) => super::number::decimal(text)?,
            // SQLite holds no NaN: where its value is shown it is null, on both back ends (OD-33).
            Literal::Double(n) => Expr { nullable: n.is_nan(), ..of(Value::Double(*n), Edm::Double) },
            Literal::String(text) => of(Value::Text(text.clone()), Edm::String),
            Literal::Guid(guid) => of(Value::Guid(Guid(*guid)), Edm::Guid),
            Literal::Date(day) => of(Value::Day(Day(kept(i64::from(*day), FIRST_DAY).map(|_| *day)?)), Edm::Date),
            // The tenth of a microsecond that no stored value has: it shows in comparisons only, see `promote`.
            Literal::DateTimeOffset { micros, .. } => {
                of(Value::Instant(Instant(kept(*micros, FIRST_DAY * DAY_MICROS)?)), Edm::DateTimeOffset)
            }
            Literal::TimeOfDay(micros) => of(Value::Int64(*micros), Edm::TimeOfDay),
            Literal::Duration(micros) => of(Value::Int64(*micros), Edm::Duration),
            Literal::Enum { type_name, value } => self.enum_literal(type_name, value)?,
            Literal::Binary(_) => return Err(ODataError::not_implemented("Edm.Binary")),
            Literal::Geo(_) => return Err(ODataError::not_implemented("Geo values")),
        })
    }

    /// `Ns.Type'Member'`; the namespace is not insisted on beyond its dots (OD-42).
    fn enum_literal(&self, type_name: &str, value: &str) -> Result<Expr> {
        let wanted = type_name.rsplit('.').next().unwrap_or(type_name);
        let found = self.model.types().enumeration(wanted);
        let Some(of) = found else {
            return Err(ODataError::new(Code::UnknownProperty, format!("There is no type {type_name}.")));
        };
        super::promote::enum_value(of, value)
    }

    fn not(&mut self, operand: &syntax::Expr) -> Result<Expr> {
        let inner = self.condition(operand)?;
        if inner.is_null() {
            return Ok(inner);
        }
        let nullable = inner.nullable;
        Ok(Expr { kind: Kind::Not(Box::new(inner)), ty: Edm::Boolean, nullable, range: None })
    }

    fn chain(&mut self, op: BinaryOp, operands: &[syntax::Expr]) -> Result<Expr> {
        let parts = operands.iter().map(|o| self.condition(o)).collect::<Result<Vec<_>>>()?;
        let nullable = parts.iter().any(|p| p.nullable);
        let kind = if op == BinaryOp::Or { Kind::Or(parts) } else { Kind::And(parts) };
        Ok(Expr { kind, ty: Edm::Boolean, nullable, range: None })
    }

    fn binary(&mut self, op: BinaryOp, left: &syntax::Expr, right: &syntax::Expr, position: usize) -> Result<Expr> {
        let compare = match op {
            BinaryOp::And | BinaryOp::Or => {
                return self.chain(op, &[left.clone(), right.clone()]);
            }
            BinaryOp::Eq => Compare::Eq,
            BinaryOp::Ne => Compare::Ne,
            BinaryOp::Gt => Compare::Gt,
            BinaryOp::Ge => Compare::Ge,
            BinaryOp::Lt => Compare::Lt,
            BinaryOp::Le => Compare::Le,
            BinaryOp::Has => return self.has(left, right, position),
            _ => {
                let (l, r) = (self.value(left)?, self.value(right)?);
                return super::number::arithmetic(op, l, r).map_err(|e| e.at(position));
            }
        };
        if let Some(presence) = self.null_test(compare, left, right)? {
            return Ok(presence);
        }
        let (l, r) = (self.value(left)?, self.value(right)?);
        let tenths = (tenths(left), tenths(right));
        super::promote::comparison(compare, l, r, tenths).map_err(|e| e.at(position))
    }

    /// `WorkItem ne null`, `Parent eq null`: a complex value or a single entity against null (OD-39).
    fn null_test(&mut self, op: Compare, left: &syntax::Expr, right: &syntax::Expr) -> Result<Option<Expr>> {
        let path = match (&left.kind, &right.kind) {
            (ExprKind::Path(path), ExprKind::Literal(Literal::Null)) => (path, left),
            (ExprKind::Literal(Literal::Null), ExprKind::Path(path)) => (path, right),
            _ => return Ok(None),
        };
        let Found::Structure(structure) = self.found(path.0, path.1.span.start)? else { return Ok(None) };
        let kind = Kind::Present { var: structure.var, steps: structure.steps };
        let present = Expr { kind, ty: Edm::Boolean, nullable: false, range: None };
        Ok(Some(match op {
            _ if !structure.nullable => Expr::boolean(op == Compare::Ne),
            Compare::Ne => present,
            Compare::Eq => Expr { kind: Kind::Not(Box::new(present)), ty: Edm::Boolean, nullable: false, range: None },
            _ => Expr::boolean(false),
        }))
    }

    /// None of our enumerations is a flags type, so `has` is equality with the member.
    fn has(&mut self, left: &syntax::Expr, right: &syntax::Expr, position: usize) -> Result<Expr> {
        let (l, r) = (self.value(left)?, self.value(right)?);
        if !matches!(l.ty, Edm::Enum(_)) {
            let message = format!("`has` asks for members of an enumeration, and its left side is an {}.", l.ty.name());
            return Err(ODataError::new(Code::TypeMismatch, message).at(position));
        }
        super::promote::comparison(Compare::Eq, l, r, (0, 0)).map_err(|e| e.at(position))
    }

    /// OD-32.
    fn within(&mut self, left: &syntax::Expr, right: &syntax::Expr) -> Result<Expr> {
        let value = self.value(left)?;
        let members = self.members(right)?;
        let limit = self.environment.limits.in_members;
        if members.len() > limit {
            let message = format!("A list has more than {limit} members (odata.max_in_members).");
            return Err(ODataError::new(Code::QueryTooComplex, message).at(right.span.start));
        }
        let with_null = members.iter().any(|(m, _)| m.is_null());
        // What has no type is null, however it is written.
        let value = if value.ty == Edm::Untyped { Expr::null() } else { value };
        if let Kind::Decimal(_) = value.kind {
            return constant_within(&value, members);
        }
        let mut values = Vec::with_capacity(members.len());
        for (member, position) in members {
            if member.is_null() {
                continue;
            }
            let (Kind::Literal(_) | Kind::Decimal(_)) = member.kind else {
                return Err(ODataError::not_implemented("A member of a list that is not a constant").at(position));
            };
            let placed = super::promote::member(&value, member).map_err(|e| e.at(position))?;
            values.extend(placed);
        }
        if value.is_null() {
            return Ok(Expr::boolean(with_null));
        }
        if value.ty == Edm::Boolean {
            return self.boolean_within(value, values, with_null);
        }
        let list = list(values);
        let nullable = false;
        let kind = Kind::In { value: Box::new(value), list, with_null };
        Ok(Expr { kind, ty: Edm::Boolean, nullable, range: None })
    }

    fn boolean_within(&mut self, value: Expr, values: Vec<Value>, with_null: bool) -> Result<Expr> {
        let mut parts = Vec::new();
        for member in values {
            let literal = Expr { kind: Kind::Literal(member), ty: Edm::Boolean, nullable: false, range: None };
            parts.push(super::promote::comparison(Compare::Eq, value.clone(), literal, (0, 0))?);
        }
        if with_null {
            parts.push(super::promote::comparison(Compare::Eq, value, Expr::null(), (0, 0))?);
        }
        Ok(Expr { kind: Kind::Or(parts), ty: Edm::Boolean, nullable: false, range: None })
    }

    fn members(&mut self, e: &syntax::Expr) -> Result<Vec<(Expr, usize)>> {
        match &e.kind {
            ExprKind::List(items) => items.iter().map(|i| Ok((self.value(i)?, i.span.start))).collect(),
            ExprKind::Alias(name) => {
                let members = self.through_alias(name, e.span.start, |binder, value| binder.members(value))?;
                Ok(members.unwrap_or_default())
            }
            ExprKind::Literal(_) => Ok(vec![(self.value(e)?, e.span.start)]),
            _ => Err(ODataError::not_implemented("`in` with a collection path").at(e.span.start)),
        }
    }

    fn case(&mut self, arms: &[(syntax::Expr, syntax::Expr)], position: usize) -> Result<Expr> {
        let mut bound = Vec::with_capacity(arms.len());
        for (condition, value) in arms {
            bound.push((self.condition(condition)?, self.value(value)?));
        }
        let mut ty = Edm::Untyped;
        for (_, value) in &bound {
            ty = common_type(ty, value.ty).ok_or_else(|| {
                let message =
                    format!("The values of case() have no common type: {} and {}.", ty.name(), value.ty.name());
                ODataError::new(Code::TypeMismatch, message).at(position)
            })?;
        }
        let always = bound.iter().any(|(c, _)| matches!(c.kind, Kind::Literal(Value::Bool(true))));
        let nullable = !always || bound.iter().any(|(_, v)| v.nullable);
        let range = bound
            .iter()
            .try_fold((i128::MAX, i128::MIN), |(low, high), (_, v)| v.range.map(|(l, h)| (low.min(l), high.max(h))));
        let arms = bound
            .into_iter()
            .map(|(c, v)| Ok((c, super::promote::to(v, ty)?)))
            .collect::<Result<Vec<_>>>()
            .map_err(|e| e.at(position))?;
        Ok(Expr { kind: Kind::Case(arms), ty, nullable, range })
    }
}

/// A number with a point takes no form of its own, into which members could be brought.
fn constant_within(value: &Expr, members: Vec<(Expr, usize)>) -> Result<Expr> {
    let equal = |(member, position): (Expr, usize)| {
        super::promote::comparison(Compare::Eq, value.clone(), member, (0, 0)).map_err(|e| e.at(position))
    };
    let parts = members.into_iter().map(equal).collect::<Result<_>>()?;
    Ok(Expr { kind: Kind::Or(parts), ty: Edm::Boolean, nullable: false, range: None })
}

fn too_complex(how: &str, position: usize) -> ODataError {
    let message = format!("With its parameter aliases filled in the expression is {how}. Simplify it.");
    ODataError::new(Code::QueryTooComplex, message).at(position)
}

/// The part of a date-time literal below a microsecond, in tenths.
fn tenths(e: &syntax::Expr) -> u8 {
    match &e.kind {
        ExprKind::Literal(Literal::DateTimeOffset { tenths, .. }) => *tenths,
        _ => 0,
    }
}

/// All members are of one type: `promote::member` has seen to it.
fn list(values: Vec<Value>) -> List {
    macro_rules! gather {
        ($variant:ident, $items:ident) => {
            Items::$items(
                values.into_iter().filter_map(|v| if let Value::$variant(v) = v { Some(v) } else { None }).collect(),
            )
        };
    }
    List::new(match values.first() {
        Some(Value::Double(_)) => gather!(Double, Doubles),
        Some(Value::Text(_)) => gather!(Text, Texts),
        Some(Value::Instant(_)) => gather!(Instant, Instants),
        Some(Value::Day(_)) => gather!(Day, Days),
        Some(Value::Guid(_)) => gather!(Guid, Guids),
        _ => gather!(Int64, Ints),
    })
}

/// The first day that PostgreSQL has (24 November 4714 BC), counted from 1970; neither back end is asked for an earlier one.
const FIRST_DAY: i64 = -2_440_588;
const DAY_MICROS: i64 = 86_400_000_000;

fn kept(moment: i64, first: i64) -> Result<i64> {
    if moment >= first {
        return Ok(moment);
    }
    let message = "No moment before the year -4712 is kept here. Write a later one.";
    Err(ODataError::new(Code::InvalidLiteral, message))
}

#[cfg(test)]
mod tests {
    use super::super::Environment;
    use super::*;
    use crate::odata::edm::{Model, Right, Schema, Version};
    use crate::odata::limits::Limits;
    use crate::odata::parse::{self, RawRequest};

    static EMPTY: Schema = Schema {
        namespace: "N",
        enum_namespace: "N",
        container_namespace: "N",
        container: "C",
        sets: &[],
        parameters: &[],
        annotated: false,
        folds_case: false,
    };

    /// What becomes of `$filter=@a0` with these aliases.
    fn check_aliases(aliases: &str, expected: Result<(), Code>) {
        let limits = Limits::default();
        let query = format!("$filter=@a0{aliases}");
        let request = parse::parse(&RawRequest { path: "", query: &query, body: None }, &limits).unwrap();
        let model = Model { schema: &EMPTY, version: Version(40), granted: Right::NONE, fields: &[] };
        let environment = Environment { limits: &limits, now: Instant(0) };
        let mut binder = Binder::new(&model, environment, super::super::alias::aliases(&request.options.aliases));
        let bound = binder.condition(request.options.filter.as_ref().unwrap());
        assert_eq!(bound.map(drop).map_err(|e| e.code), expected, "{aliases}");
    }

    /// Aliases that double at each step would take 2^60 expressions, a chain of them a stack of any depth.
    #[test]
    fn od_43_aliases_of_aliases_are_bounded() {
        let steps = |count: usize, step: fn(usize) -> String| (0..count).map(step).collect::<String>();
        check_aliases("&@a0=@a1 and @a1&@a1=true", Ok(()));
        check_aliases("&@a0=@a1&@a1=@a0", Err(Code::SyntaxError));
        let doubled = steps(60, |n| format!("&@a{n}=@a{m} or @a{m}", m = n + 1));
        check_aliases(&doubled, Err(Code::QueryTooComplex));
        let chain = steps(1_500, |n| format!("&@a{n}=not @a{}", n + 1));
        check_aliases(&chain, Err(Code::QueryTooComplex));
    }
}
