//! Numbers: literals, exact decimals, arithmetic and its bounds (OD-33, OD-45).

use super::super::bound::{Arithmetic, Decimal, Expr, Kind};
use super::super::edm::Edm;
use super::super::error::{Code, ODataError, Result};
use super::super::syntax::{self, BinaryOp, ExprKind, Literal};
use super::Binder;
use super::promote;
use crate::sql::Value;

const INT64: (i128, i128) = (i64::MIN as i128, i64::MAX as i128);

/// An integer literal: Int32 where it fits.
pub(super) fn integer(n: i64) -> Expr {
    let ty = if i32::try_from(n).is_ok() { Edm::Int32 } else { Edm::Int64 };
    Expr { kind: Kind::Literal(Value::Int64(n)), ty, nullable: false, range: Some((n.into(), n.into())) }
}

/// Digits with a point, or too many for Int64.
pub(super) fn decimal(text: &str) -> Result<Expr> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("{whole}{fraction}");
    let too_long = || ODataError::new(Code::InvalidLiteral, "A number may have up to 38 digits.");
    let mantissa: i128 = digits.parse().map_err(|_| too_long())?;
    let scale = u8::try_from(fraction.len()).ok().filter(|s| *s <= 38).ok_or_else(too_long)?;
    match i64::try_from(mantissa) {
        // `7.0 div 2` is 3.5: what was written with a point stays a Decimal.
        Ok(n) if !text.contains('.') => Ok(integer(n)),
        _ => Ok(literal(Decimal { mantissa, scale })),
    }
}

fn literal(decimal: Decimal) -> Expr {
    let ty = Edm::Decimal { precision: 38, scale: decimal.scale };
    Expr { kind: Kind::Decimal(decimal), ty, nullable: false, range: None }
}

impl Binder<'_> {
    pub(super) fn negation(&mut self, operand: &syntax::Expr) -> Result<Expr> {
        let inner = match &operand.kind {
            ExprKind::Literal(Literal::Decimal(text)) => return decimal(&negated(text)),
            _ => self.value(operand)?,
        };
        let result = match (&inner.kind, inner.ty) {
            (Kind::Null, _) => return Ok(inner),
            (Kind::Literal(Value::Int64(n)), ty) if ty.is_integer() => match n.checked_neg() {
                Some(n) => return Ok(integer(n)),
                None => return Ok(literal(Decimal { mantissa: -i128::from(*n), scale: 0 })),
            },
            (Kind::Literal(Value::Int64(n)), Edm::Duration) => {
                return Ok(Expr { kind: Kind::Literal(Value::Int64(n.saturating_neg())), ..inner });
            }
            (Kind::Literal(Value::Double(n)), _) => {
                return Ok(Expr { kind: Kind::Literal(Value::Double(-n)), ..inner });
            }
            (Kind::Decimal(d), _) => return Ok(literal(Decimal { mantissa: -d.mantissa, ..*d })),
            (_, Edm::Int32 | Edm::Int64) => Edm::Int64,
            (_, Edm::Decimal { .. } | Edm::Duration | Edm::Double) => inner.ty,
            (_, other) => {
                let message = format!("A minus sign needs a number or a duration, and this is an {}.", other.name());
                return Err(ODataError::new(Code::TypeMismatch, message).at(operand.span.start));
            }
        };
        let (nullable, range) =
            (inner.nullable, inner.range.map(|(low, high)| (high.saturating_neg(), low.saturating_neg())));
        Ok(Expr { kind: Kind::Neg(Box::new(inner)), ty: result, nullable, range })
    }
}

fn negated(text: &str) -> String {
    text.strip_prefix('-').map_or_else(|| format!("-{text}"), str::to_owned)
}

/// `add sub mul div divby mod` (Part 2 §5.1.1.2), dates and durations included (OD-37).
pub(super) fn arithmetic(op: BinaryOp, left: Expr, right: Expr) -> Result<Expr> {
    let operation = match op {
        BinaryOp::Add => Arithmetic::Add,
        BinaryOp::Sub => Arithmetic::Sub,
        BinaryOp::Mul => Arithmetic::Mul,
        BinaryOp::Div => Arithmetic::Div,
        BinaryOp::DivBy => Arithmetic::DivBy,
        _ => Arithmetic::Mod,
    };
    // What has no type is null, however it is written.
    let null = |e: &Expr| e.is_null() || e.ty == Edm::Untyped;
    if null(&left) || null(&right) {
        let other = if null(&left) { right.ty } else { left.ty };
        return Ok(Expr { ty: other, ..Expr::null() });
    }
    if left.ty.is_number() && right.ty.is_number() {
        return numeric(operation, left, right);
    }
    temporal(operation, left, right)
}

fn numeric(op: Arithmetic, left: Expr, right: Expr) -> Result<Expr> {
    if matches!(op, Arithmetic::Div | Arithmetic::Mod) && is_zero(&right) {
        let message = "The divisor is zero. Use divby if infinity is meant.";
        return Err(ODataError::new(Code::DivisionByZero, message));
    }
    let decimals = matches!(left.ty, Edm::Decimal { .. }) || matches!(right.ty, Edm::Decimal { .. });
    let doubles = left.ty == Edm::Double || right.ty == Edm::Double;
    let exact = matches!(op, Arithmetic::Add | Arithmetic::Sub);
    if doubles || op == Arithmetic::DivBy || (decimals && !exact) {
        let (l, r) = (promote::to(left, Edm::Double)?, promote::to(right, Edm::Double)?);
        return Ok(node(op, l, r, Edm::Double, None));
    }
    if decimals {
        let ty = promote::common_type(left.ty, right.ty).unwrap_or(Edm::Double);
        let (l, r) = (promote::to(left, ty)?, promote::to(right, ty)?);
        let range = bounds(op, &l, &r)?;
        return Ok(node(op, l, r, ty, range));
    }
    let range = bounds(op, &left, &right)?;
    Ok(node(op, left, right, Edm::Int64, range))
}

fn node(op: Arithmetic, left: Expr, right: Expr, ty: Edm, range: Option<(i128, i128)>) -> Expr {
    // `0 divby 0` is null, and so is every other result that is no number (OD-33).
    let infinite = left.may_be_infinite() || right.may_be_infinite();
    let nullable = left.nullable || right.nullable || op == Arithmetic::DivBy || infinite;
    Expr { kind: Kind::Arithmetic(op, Box::new(left), Box::new(right)), ty, nullable, range }
}

/// Interval arithmetic. A result that can't be in Int64 whatever the row is refused here.
fn bounds(op: Arithmetic, left: &Expr, right: &Expr) -> Result<Option<(i128, i128)>> {
    let (Some((a, b)), Some((c, d))) = (left.range, right.range) else { return Ok(None) };
    let corners = |f: fn(i128, i128) -> i128| {
        let all = [f(a, c), f(a, d), f(b, c), f(b, d)];
        (all.into_iter().min().unwrap_or(0), all.into_iter().max().unwrap_or(0))
    };
    let (low, high) = match op {
        Arithmetic::Add => (a.saturating_add(c), b.saturating_add(d)),
        Arithmetic::Sub => (a.saturating_sub(d), b.saturating_sub(c)),
        Arithmetic::Mul => corners(i128::saturating_mul),
        // |x div y| ≤ |x| for every whole y.
        Arithmetic::Div | Arithmetic::DivBy => {
            let most = a.saturating_abs().max(b.saturating_abs());
            if c == d && c != 0 { corners(|x, y| x / y) } else { (-most, most) }
        }
        Arithmetic::Mod => {
            let most = c.saturating_abs().max(d.saturating_abs()).saturating_sub(1).max(0);
            (-most, most)
        }
    };
    if low > INT64.1 || high < INT64.0 {
        return Err(ODataError::new(Code::Overflow, "The result is too large for a 64-bit integer."));
    }
    Ok(Some((low, high)))
}

fn is_zero(e: &Expr) -> bool {
    match &e.kind {
        Kind::Literal(Value::Int64(n)) => *n == 0,
        Kind::Literal(Value::Double(n)) => *n == 0.0,
        Kind::Decimal(d) => d.mantissa == 0,
        _ => false,
    }
}

fn temporal(op: Arithmetic, left: Expr, right: Expr) -> Result<Expr> {
    use Arithmetic::{Add, Div, DivBy, Mul, Sub};
    let (left, right) = promote::temporal_literals(left, right);
    let ty = match (left.ty, op, right.ty) {
        (Edm::DateTimeOffset, Add | Sub, Edm::Duration) => Edm::DateTimeOffset,
        (Edm::Duration, Add, Edm::DateTimeOffset | Edm::Date) => return temporal(op, right, left),
        (Edm::Date, Add | Sub, Edm::Duration) => Edm::Date,
        (Edm::DateTimeOffset, Sub, Edm::DateTimeOffset) | (Edm::Date, Sub, Edm::Date) => Edm::Duration,
        (Edm::DateTimeOffset, Sub, Edm::Date) => {
            let right = promote::to(right, Edm::DateTimeOffset)?;
            return Ok(node(op, left, right, Edm::Duration, None));
        }
        (Edm::Date, Sub, Edm::DateTimeOffset) => {
            let left = promote::to(left, Edm::DateTimeOffset)?;
            return Ok(node(op, left, right, Edm::Duration, None));
        }
        (Edm::Duration, Add | Sub, Edm::Duration) => Edm::Duration,
        (Edm::Duration, Mul | Div | DivBy, n) if n.is_number() => {
            if !matches!(op, Mul) && is_zero(&right) {
                return Err(ODataError::new(Code::DivisionByZero, "The divisor is zero."));
            }
            Edm::Duration
        }
        (n, Mul, Edm::Duration) if n.is_number() => return temporal(op, right, left),
        (l, _, r) => {
            let message = format!("{op} does not go with {} and {}.", l.name(), r.name());
            return Err(ODataError::new(Code::TypeMismatch, message));
        }
    };
    Ok(node(op, left, right, ty, None))
}
