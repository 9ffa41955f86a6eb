//! Bound expressions → SQL.
//!
//! OData orders and negates null unlike SQL (Part 2 §5.1.1.1); this module alone knows both. A comparison is made
//! null-safe, or gets its COALESCE, only under `not` or where its value is shown: at a positive place null and false
//! drop the row alike, and the wrapper would cost the index.

use super::super::bound::{Arithmetic, Collection, Compare, Decimal, Expr, Kind, Step, Var};
use super::super::edm::{Edm, Link, Nav, Origin, Prop, Value as Source};
use super::scope::{Place, Planner};
use crate::sql::functions as f;
use crate::sql::{self, Arithmetic as Op, Compare as Cmp, From, Guard, Join, JoinKind, Select, Type, Value};

impl Planner<'_> {
    /// A condition of WHERE or ON: null and false mean the same.
    pub fn predicate(&mut self, e: &Expr) -> sql::Expr {
        match &e.kind {
            Kind::And(parts) => sql::Expr::And(parts.iter().map(|p| self.predicate(p)).collect()),
            Kind::Or(parts) => sql::Expr::Or(parts.iter().map(|p| self.predicate(p)).collect()),
            Kind::Compare(op, left, right) => self.comparison(*op, left, right, Sight::Positive),
            Kind::In { value, list, with_null } => {
                let value = self.value(value);
                let found = sql::Expr::In(Box::new(value.clone()), list.clone());
                if *with_null { sql::Expr::Or(vec![found, value.is_null()]) } else { found }
            }
            Kind::Null => sql::Expr::False,
            Kind::Search { var, texts, term } => self.search(*var, texts, term),
            _ => self.value(e),
        }
    }

    /// An expression whose exact value counts.
    pub fn value(&mut self, e: &Expr) -> sql::Expr {
        match &e.kind {
            Kind::Null => sql::Expr::Null(e.ty.sql()),
            Kind::Literal(Value::Bool(true)) => sql::Expr::True,
            Kind::Literal(Value::Bool(false)) => sql::Expr::False,
            Kind::Literal(Value::Double(n)) if n.is_nan() => sql::Expr::Null(Type::Double),
            Kind::Literal(value) => sql::Expr::Bind(value.clone()),
            Kind::Decimal(decimal) => match i64::try_from(decimal.mantissa) {
                Ok(scaled) => sql::Expr::Bind(Value::Int64(scaled)),
                Err(_) => sql::Expr::Bind(Value::Double(decimal.as_f64())),
            },
            Kind::Prop { var, steps, prop } => {
                let place = self.walk(*var, steps);
                let value = self.prop_at(place, prop);
                // A sum is 0 also for a row that the outer join did not find, and a path through null is null.
                let made_up = e.nullable && !prop.nullable && matches!(prop.value, Source::Expr(_));
                match self.presence(place, steps).filter(|_| made_up) {
                    Some(column) => {
                        let absent = sql::Expr::Null(prop.ty.sql());
                        sql::Expr::Case(vec![(column.is_not_null(), value)], Box::new(absent))
                    }
                    None => value,
                }
            }
            Kind::Dynamic { var, steps, field } => {
                let place = self.walk(*var, steps);
                let entity = place.entity.and_then(|e| e.open.map(|open| (open, e.row)));
                match entity {
                    Some((open, row)) => self.at(place).field(open, row, field),
                    None => sql::Expr::Null(field.ty.sql()),
                }
            }
            Kind::Column { var, index } => self.place(*var).alias.output(*index),
            Kind::Present { var, steps } => self.present(*var, steps),
            Kind::Compare(op, left, right) => self.comparison(*op, left, right, Sight::Shown),
            Kind::And(parts) => sql::Expr::And(parts.iter().map(|p| self.value(p)).collect()),
            Kind::Or(parts) => sql::Expr::Or(parts.iter().map(|p| self.value(p)).collect()),
            Kind::Not(inner) => self.value(inner).not(),
            Kind::In { value, list, with_null } => {
                let nullable = value.nullable;
                let value = self.value(value);
                let found = sql::Expr::In(Box::new(value.clone()), list.clone());
                match (nullable, with_null) {
                    (_, true) => sql::Expr::Or(vec![value.is_null(), found]),
                    (true, false) => found.or_else(sql::Expr::False),
                    (false, false) => found,
                }
            }
            Kind::Arithmetic(op, left, right) => self.arithmetic(e, *op, left, right),
            Kind::Neg(inner) => {
                let fits = fits_int64(e);
                let inner = self.number(inner, e.ty);
                if e.ty == Edm::Double || fits {
                    sql::Expr::Neg(Box::new(inner))
                } else {
                    self.guarded(call(&f::NEG, [inner]), e.ty)
                }
            }
            Kind::Call(overload, args) => {
                let args = args.iter().map(|a| self.value(a)).collect();
                sql::Expr::Call(overload.sql, args)
            }
            Kind::Case(arms) => {
                let planned = arms.iter().map(|(c, v)| (self.predicate(c), self.number(v, e.ty))).collect();
                sql::Expr::Case(planned, Box::new(sql::Expr::Null(e.ty.sql())))
            }
            Kind::Convert(inner) => self.convert(inner, e.ty),
            Kind::Search { var, texts, term } => self.search(*var, texts, term).is_true(),
            Kind::Any(collection, predicate) => {
                let select = self.members(collection, |planner, select| {
                    select.columns.push(sql::Expr::Int(1));
                    if let Some(predicate) = predicate {
                        let condition = planner.predicate(predicate);
                        select.filter.push(condition);
                    }
                });
                sql::Expr::Exists(Box::new(select))
            }
            Kind::All(collection, predicate) => {
                let select = self.members(collection, |planner, select| {
                    select.columns.push(sql::Expr::Int(1));
                    let condition = planner.value(predicate).is_true().not();
                    select.filter.push(condition);
                });
                sql::Expr::Exists(Box::new(select)).not()
            }
            Kind::Count(collection, filter) => {
                let select = self.members(collection, |planner, select| {
                    select.columns.push(sql::Expr::count());
                    if let Some(filter) = filter {
                        let condition = planner.predicate(filter);
                        select.filter.push(condition);
                    }
                });
                sql::Expr::Scalar(Box::new(select))
            }
        }
    }

    /// A value in `ty`, where an Int32 may stand for an Int64 on one back end and must be widened on the other.
    fn number(&mut self, e: &Expr, ty: Edm) -> sql::Expr {
        let value = self.value(e);
        if e.ty.sql() == Type::Int32 && ty.sql() == Type::Int64 { value.cast(Type::Int64) } else { value }
    }

    fn comparison(&mut self, op: Compare, left: &Expr, right: &Expr, place: Sight) -> sql::Expr {
        if let Some(folded) = self.with_null(op, left, right) {
            return folded;
        }
        let nullable = (left.nullable, right.nullable);
        let (l, r) = (self.compared(left), self.compared(right));
        let one_literal = is_literal(left) || is_literal(right);
        let plain = match op {
            Compare::Eq => Cmp::Eq,
            Compare::Ne => Cmp::Ne,
            Compare::Gt => Cmp::Gt,
            Compare::Ge => Cmp::Ge,
            Compare::Lt => Cmp::Lt,
            Compare::Le => Cmp::Le,
        };
        match (op, nullable, place) {
            (_, (false, false), _) => l.compare(plain, r),
            (Compare::Eq, (true, true), Sight::Positive) if !one_literal => l.compare(Cmp::Same, r),
            (Compare::Eq, _, Sight::Positive) => l.compare(Cmp::Eq, r),
            (Compare::Eq, _, Sight::Shown) => l.compare(Cmp::Same, r),
            (Compare::Ne, _, _) => l.compare(Cmp::Distinct, r),
            (_, _, Sight::Positive) => l.compare(plain, r),
            (_, _, Sight::Shown) => l.compare(plain, r).or_else(sql::Expr::False),
        }
    }

    /// A side of a comparison. A number that leaves Int64 at the scale of the Decimal beside it is still compared: it is
    /// more, or less, than any of them.
    fn compared(&mut self, e: &Expr) -> sql::Expr {
        if let (Kind::Convert(inner), Edm::Decimal { scale, .. }) = (&e.kind, e.ty)
            && !fits_int64(e)
            && let Some(digits) = scale_of(inner.ty).and_then(|from| scale.checked_sub(from))
            && digits > 0
        {
            let factor = 10i64.pow(digits.into());
            let bounds = [i64::MAX / factor, factor];
            let mut args = vec![self.value(inner).cast(Type::Int64)];
            args.extend(bounds.map(sql::Expr::Int));
            return sql::Expr::Call(&f::SCALED_TO_COMPARE, args);
        }
        self.value(e)
    }

    /// Comparison with a bare null (Part 2 §5.1.1.1.1 to 6).
    fn with_null(&mut self, op: Compare, left: &Expr, right: &Expr) -> Option<sql::Expr> {
        let other = match (left.is_null(), right.is_null()) {
            (false, false) => return None,
            (true, true) => {
                return Some(if op == Compare::Eq { sql::Expr::True } else { sql::Expr::False });
            }
            (true, false) => right,
            (false, true) => left,
        };
        Some(match op {
            Compare::Eq if other.nullable => self.value(other).is_null(),
            Compare::Ne if other.nullable => self.value(other).is_not_null(),
            Compare::Ne => sql::Expr::True,
            _ => sql::Expr::False,
        })
    }

    fn arithmetic(&mut self, e: &Expr, op: Arithmetic, left: &Expr, right: &Expr) -> sql::Expr {
        if let Some(on_dates) = self.date_arithmetic(e, op, left, right) {
            return on_dates;
        }
        let constant = nonzero_constant(right);
        if e.ty == Edm::Double {
            let (l, r) = (self.double(left), self.double(right));
            let result = match op {
                Arithmetic::Add => l.arithmetic(Op::Add, r),
                Arithmetic::Sub => l.arithmetic(Op::Sub, r),
                Arithmetic::Mul => l.arithmetic(Op::Mul, r),
                Arithmetic::Div | Arithmetic::DivBy if constant => l.arithmetic(Op::Div, r),
                Arithmetic::DivBy => call(&f::DOUBLE_DIV_BY, [l, r]),
                Arithmetic::Div => self.guarded(call(&f::DOUBLE_DIV, [l, r]), e.ty),
                Arithmetic::Mod => self.guarded(call(&f::DOUBLE_MOD, [l, r]), e.ty),
            };
            return if left.may_be_infinite() || right.may_be_infinite() {
                call(&f::NOT_NAN, [result])
            } else {
                result
            };
        }
        let fits = fits_int64(e);
        let (l, r) = (self.number(left, Edm::Int64), self.number(right, Edm::Int64));
        match op {
            Arithmetic::Add if fits => l.arithmetic(Op::Add, r),
            Arithmetic::Sub if fits => l.arithmetic(Op::Sub, r),
            Arithmetic::Mul if fits => l.arithmetic(Op::Mul, r),
            Arithmetic::Div | Arithmetic::DivBy if constant && fits => l.arithmetic(Op::Div, r),
            Arithmetic::Mod if constant => l.arithmetic(Op::Mod, r),
            Arithmetic::Add => self.guarded(call(&f::ADD, [l, r]), e.ty),
            Arithmetic::Sub => self.guarded(call(&f::SUB, [l, r]), e.ty),
            Arithmetic::Mul => self.guarded(call(&f::MUL, [l, r]), e.ty),
            Arithmetic::Div | Arithmetic::DivBy => self.guarded(call(&f::DIV, [l, r]), e.ty),
            Arithmetic::Mod => self.guarded(call(&f::MOD, [l, r]), e.ty),
        }
    }

    /// OD-37; None where neither side is a date or duration.
    fn date_arithmetic(&mut self, e: &Expr, op: Arithmetic, left: &Expr, right: &Expr) -> Option<sql::Expr> {
        let function = match (left.ty, op, right.ty) {
            (Edm::DateTimeOffset, Arithmetic::Add, Edm::Duration) => &f::INSTANT_PLUS,
            (Edm::DateTimeOffset, Arithmetic::Sub, Edm::Duration) => &f::INSTANT_MINUS,
            (Edm::DateTimeOffset, Arithmetic::Sub, Edm::DateTimeOffset) => &f::INSTANT_DIFFERENCE,
            (Edm::Date, Arithmetic::Add, Edm::Duration) => &f::DAY_PLUS,
            (Edm::Date, Arithmetic::Sub, Edm::Duration) => &f::DAY_MINUS,
            (Edm::Date, Arithmetic::Sub, Edm::Date) => &f::DAY_DIFFERENCE,
            (Edm::Duration, Arithmetic::Mul, _) if e.ty == Edm::Duration => {
                let args = [self.value(left), self.double(right)];
                return Some(self.guarded(call(&f::DURATION_TIMES, args), e.ty));
            }
            (Edm::Duration, Arithmetic::Div | Arithmetic::DivBy, _) if right.ty != Edm::Duration => {
                let args = [self.value(left), self.double(right)];
                return Some(self.guarded(call(&f::DURATION_BY, args), e.ty));
            }
            _ => return None,
        };
        let args = [self.value(left), self.value(right)];
        Some(self.guarded(call(function, args), e.ty))
    }

    fn double(&mut self, e: &Expr) -> sql::Expr {
        match e.ty {
            Edm::Double => self.value(e),
            _ => self.convert(e, Edm::Double),
        }
    }

    /// `e` in the type `to` (bind has made sure that there is a way).
    fn convert(&mut self, e: &Expr, to: Edm) -> sql::Expr {
        if let (Kind::Literal(Value::Int64(n)), Edm::Double) = (&e.kind, to) {
            return sql::Expr::Bind(Value::Double(scaled(*n, e.ty)));
        }
        if let (Kind::Decimal(decimal), Edm::Double) = (&e.kind, to) {
            return sql::Expr::Bind(Value::Double(decimal.as_f64()));
        }
        let value = self.value(e);
        match (e.ty, to) {
            (from, Edm::Decimal { scale, .. }) if from.is_integer() => self.scale_up(value, e, u32::from(scale)),
            (Edm::Decimal { scale: from, .. }, Edm::Decimal { scale, .. }) => {
                self.scale_up(value, e, u32::from(scale.saturating_sub(from)))
            }
            (Edm::Decimal { scale, .. }, Edm::Double) => value
                .cast(Type::Double)
                .arithmetic(Op::Div, sql::Expr::Bind(Value::Double(10f64.powi(i32::from(scale))))),
            (from, Edm::Double) if from.is_number() => value.cast(Type::Double),
            (Edm::Double, Edm::Int32 | Edm::Int64) => call(&f::DOUBLE_INTEGER, [value]),
            (Edm::Decimal { scale, .. }, Edm::Int32 | Edm::Int64) => match 10i64.checked_pow(u32::from(scale)) {
                Some(factor) => value.arithmetic(Op::Div, sql::Expr::Int(factor)),
                // Less than one, whatever Int64 carries it.
                None => value.arithmetic(Op::Mul, sql::Expr::Int(0)),
            },
            (Edm::Int32, Edm::Int64) => value.cast(Type::Int64),
            (Edm::Date, Edm::DateTimeOffset) => call(&f::DAY_INSTANT, [value]),
            (Edm::DateTimeOffset, Edm::Date) => call(&f::INSTANT_DATE, [value]),
            (Edm::Enum(of), Edm::String) => {
                let arms = of.members.iter().map(|(name, n)| {
                    let is = value.clone().eq(sql::Expr::Int(i64::from(*n)));
                    (is, sql::Expr::Bind(Value::Text((*name).to_owned())))
                });
                sql::Expr::Case(arms.collect(), Box::new(sql::Expr::Null(Type::Text)))
            }
            (from, Edm::String) if from.is_integer() => call(&f::INTEGER_TEXT, [value]),
            (Edm::Boolean, Edm::String) => call(&f::BOOLEAN_TEXT, [value]),
            (Edm::Guid, Edm::String) => call(&f::GUID_TEXT, [value]),
            (Edm::Date, Edm::String) => call(&f::DAY_TEXT, [value]),
            _ => value,
        }
    }

    fn scale_up(&mut self, value: sql::Expr, e: &Expr, digits: u32) -> sql::Expr {
        if digits == 0 {
            return if e.ty == Edm::Int32 { value.cast(Type::Int64) } else { value };
        }
        let factor = 10i128.saturating_pow(digits);
        let fits = e.range.is_some_and(|(low, high)| {
            let (low, high) = (low.saturating_mul(factor), high.saturating_mul(factor));
            i128::from(i64::MIN) <= low && high <= i128::from(i64::MAX)
        });
        let value = value.cast(Type::Int64);
        match i64::try_from(factor) {
            Ok(factor) if fits => value.arithmetic(Op::Mul, sql::Expr::Int(factor)),
            Ok(factor) => self.guarded(call(&f::MUL, [value, sql::Expr::Int(factor)]), Edm::Int64),
            // Nothing but zero has room for so many digits.
            Err(_) => {
                let most = || sql::Expr::Int(10i64.pow(18));
                let once = call(&f::MUL, [value, most()]);
                self.guarded(call(&f::MUL, [once, most()]), Edm::Int64)
            }
        }
    }

    /// An expression that can fail stands behind the row policy: its error must not tell of a hidden row (OD-33).
    fn guarded(&mut self, e: sql::Expr, ty: Edm) -> sql::Expr {
        let guards: Vec<sql::Expr> = self
            .places()
            .filter_map(|place| Some(self.context.viewer.rows(place.entity?.table, place.alias)))
            .filter_map(|guard| match guard {
                Guard::All => None,
                Guard::Where(condition) => Some(condition),
                Guard::Nothing => Some(sql::Expr::False),
            })
            .collect();
        if guards.is_empty() {
            return e;
        }
        sql::Expr::Case(vec![(sql::Expr::all(guards), e)], Box::new(sql::Expr::Null(ty.sql())))
    }

    pub(super) fn prop_at(&mut self, place: Place, prop: &'static Prop) -> sql::Expr {
        match prop.value {
            Source::Column(name) => place.alias.col(name),
            Source::Expr(build) => build(&mut self.at(place)),
        }
    }

    /// The row at the end of the steps.
    pub(super) fn walk(&mut self, var: Var, steps: &[Step]) -> Place {
        steps.iter().fold(self.place(var), |place, step| self.step(place, *step))
    }

    pub(super) fn present(&mut self, var: Var, steps: &[Step]) -> sql::Expr {
        let place = self.walk(var, steps);
        match self.presence(place, steps) {
            Some(column) => column.is_not_null(),
            None => sql::Expr::True,
        }
    }

    /// A column that is null where the row at `place`, reached by `steps`, is absent; None where it is always there.
    pub(super) fn presence(&mut self, place: Place, steps: &[Step]) -> Option<sql::Expr> {
        steps.iter().rev().find_map(|step| match step {
            Step::Nav(nav) => Some(place.alias.col(nav.target.row)),
            Step::Complex(complex) => match complex.origin {
                Origin::Joined { to, .. } | Origin::Either { to, .. } => Some(place.alias.col(to)),
                Origin::Owner => None,
            },
        })
    }

    /// A SELECT over the members of a collection of the row at hand; `build` adds columns and conditions.
    fn members(&mut self, of: &Collection, build: impl FnOnce(&mut Self, &mut Select)) -> Select {
        let owner = self.walk(of.var, &of.steps);
        let scope = self.open_scope();
        let scan = self.scan(of.nav.target.table);
        let place = Place { scope, alias: scan.alias(), entity: Some(of.nav.target) };
        let mut select = Select::from(From::Scan(scan));
        let linked = self.link(of.nav, owner, place, &mut select);
        select.filter.push(linked);
        if let Some(rows) = of.nav.target.rows {
            select.filter.push(rows(&mut self.at(place)));
        }
        // Outside of this SELECT the member is out of reach, for guards too.
        let old = self.set_place(of.member, place);
        build(self, &mut select);
        self.restore_place(of.member, old);
        let mut joins = self.close_scope();
        select.joins.append(&mut joins);
        select
    }

    /// The condition that ties a member's row to its owner's; a table between is joined to `select`.
    pub(super) fn link(&mut self, nav: &'static Nav, owner: Place, member: Place, select: &mut Select) -> sql::Expr {
        match nav.link {
            Link::Direct { from, to } => member.alias.col(to).eq(owner.alias.col(from)),
            Link::Via { from, .. } => self.near(nav, member, select).eq(owner.alias.col(from)),
        }
    }

    /// The column that holds the owner's link value, on the member's side.
    pub(super) fn near(&mut self, nav: &'static Nav, member: Place, select: &mut Select) -> sql::Expr {
        match nav.link {
            Link::Direct { to, .. } => member.alias.col(to),
            Link::Via { table, near, far, to, only, .. } => {
                let between = self.scan(table);
                let middle = between.alias();
                let mut on = middle.col(far).eq(member.alias.col(to));
                if let Some(only) = only {
                    on = on.and(only(middle));
                }
                select.joins.push(Join { kind: JoinKind::Inner, with: From::Scan(between), on });
                middle.col(near)
            }
        }
    }
}

/// Whether null and false are the same where a comparison stands.
#[derive(Clone, Copy, PartialEq)]
enum Sight {
    /// As a condition: they are.
    Positive,
    /// Under `not`, or as a value.
    Shown,
}

pub(super) fn call<const N: usize>(function: &'static f::Function, args: [sql::Expr; N]) -> sql::Expr {
    sql::Expr::Call(function, args.into())
}

fn is_literal(e: &Expr) -> bool {
    matches!(e.kind, Kind::Literal(_) | Kind::Decimal(_))
}

/// Digits behind the point of an exact number.
fn scale_of(ty: Edm) -> Option<u8> {
    match ty {
        Edm::Int32 | Edm::Int64 => Some(0),
        Edm::Decimal { scale, .. } => Some(scale),
        _ => None,
    }
}

fn fits_int64(e: &Expr) -> bool {
    e.range.is_some_and(|(low, high)| i128::from(i64::MIN) <= low && high <= i128::from(i64::MAX))
}

fn nonzero_constant(e: &Expr) -> bool {
    match &e.kind {
        Kind::Literal(Value::Int64(n)) => *n != 0,
        Kind::Literal(Value::Int32(n)) => *n != 0,
        Kind::Literal(Value::Double(n)) => *n != 0.0,
        Kind::Decimal(Decimal { mantissa, .. }) => *mantissa != 0,
        Kind::Convert(inner) => nonzero_constant(inner),
        _ => false,
    }
}

fn scaled(n: i64, ty: Edm) -> f64 {
    match ty {
        Edm::Decimal { scale, .. } => Decimal { mantissa: n.into(), scale }.as_f64(),
        _ => n as f64,
    }
}
