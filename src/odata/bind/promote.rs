//! Types that meet: promotion (Part 2 §5.1.1.14, OD-36, OD-38, OD-44), and where exactly a literal falls.

use std::cmp::Ordering;

use super::super::bound::{Compare, Decimal, Expr, Kind, enum_literal};
use super::super::edm::{Edm, EnumType};
use super::super::error::{Code, ODataError, Result};
use super::super::parse;
use super::super::syntax::Literal;
use crate::sql::{Day, Guid, Instant, Value};

/// The type in which both can be compared or mixed; None where there is none.
pub(super) fn common_type(a: Edm, b: Edm) -> Option<Edm> {
    use Edm::{Date, DateTimeOffset, Decimal, Double, Int32, Int64, Untyped};
    Some(match (a, b) {
        (Untyped, other) | (other, Untyped) => other,
        (Decimal { scale: p, .. }, Decimal { scale: q, .. }) => Decimal { precision: 18, scale: p.max(q) },
        (a, b) if a == b => a,
        (Double, n) | (n, Double) if n.is_number() => Double,
        (d @ Decimal { .. }, n) | (n, d @ Decimal { .. }) if n.is_number() => d,
        (Int32 | Int64, Int32 | Int64) => Int64,
        (Date, DateTimeOffset) | (DateTimeOffset, Date) => DateTimeOffset,
        _ => return None,
    })
}

/// `e` as a `ty`, which [`common_type`] has given or a function asks for.
pub(super) fn to(e: Expr, ty: Edm) -> Result<Expr> {
    // A literal with a point is not yet in the form in which a column of its type travels.
    if e.ty == ty && !matches!(e.kind, Kind::Decimal(_)) {
        return Ok(e);
    }
    // What has no type is null, however it is written.
    if e.is_null() || e.ty == Edm::Untyped {
        return Ok(Expr { ty, ..Expr::null() });
    }
    match (&e.kind, ty) {
        (Kind::Decimal(d), Edm::Double) => {
            let kind = Kind::Literal(Value::Double(d.as_f64()));
            return Ok(Expr { kind, ty, nullable: false, range: None });
        }
        (Kind::Decimal(d), Edm::Decimal { scale, .. }) => return scaled_literal(*d, scale, ty),
        (Kind::Literal(Value::Int64(n)), Edm::Decimal { scale, .. }) if e.ty.is_integer() => {
            return scaled_literal(Decimal { mantissa: i128::from(*n), scale: 0 }, scale, ty);
        }
        (Kind::Literal(Value::Int64(n)), Edm::Double) if e.ty.is_integer() => {
            let kind = Kind::Literal(Value::Double(*n as f64));
            return Ok(Expr { kind, ty, nullable: false, range: None });
        }
        (Kind::Literal(Value::Int64(_)), Edm::Int64) => return Ok(Expr { ty, ..e }),
        (Kind::Literal(Value::Day(day)), Edm::DateTimeOffset) => {
            let kind = Kind::Literal(Value::Instant(day.midnight()));
            return Ok(Expr { kind, ty, nullable: false, range: None });
        }
        (Kind::Literal(Value::Text(text)), _) if ty != Edm::String => return from_text(text, ty),
        _ => {}
    }
    let (nullable, range) = (e.nullable, if ty.is_integer() { e.range } else { scaled_range(&e, ty) });
    Ok(Expr { kind: Kind::Convert(Box::new(e)), ty, nullable, range })
}

fn scaled_range(e: &Expr, ty: Edm) -> Option<(i128, i128)> {
    let Edm::Decimal { scale, .. } = ty else { return None };
    let from = if let Edm::Decimal { scale, .. } = e.ty { scale } else { 0 };
    let factor = 10i128.checked_pow(u32::from(scale.saturating_sub(from)))?;
    e.range.map(|(low, high)| (low.saturating_mul(factor), high.saturating_mul(factor)))
}

fn scaled_literal(d: Decimal, scale: u8, ty: Edm) -> Result<Expr> {
    let up = u32::from(scale.saturating_sub(d.scale));
    let scaled = 10i128.checked_pow(up).and_then(|f| d.mantissa.checked_mul(f)).and_then(|n| i64::try_from(n).ok());
    match scaled {
        Some(n) if d.scale <= scale => {
            let kind = Kind::Literal(Value::Int64(n));
            Ok(Expr { kind, ty, nullable: false, range: Some((n.into(), n.into())) })
        }
        _ => Err(ODataError::new(Code::Overflow, "The number has more digits than can be kept exactly.")),
    }
}

/// A string where another type is meant: `Id eq '…guid…'`, `'PT1H'`, `'NoBudget'` (OD-38, OD-42).
fn from_text(text: &str, ty: Edm) -> Result<Expr> {
    if let Edm::Enum(of) = ty {
        return enum_value(of, text);
    }
    let wrong = || ODataError::new(Code::TypeMismatch, format!("'{text}' is not an {}.", ty.name()));
    let literal = match ty {
        Edm::Duration => parse::literal(&format!("duration'{text}'")),
        _ => parse::literal(text),
    };
    let literal = literal.map_err(|_| wrong())?;
    let value = match (ty, literal) {
        (Edm::Guid, Literal::Guid(guid)) => Value::Guid(Guid(guid)),
        (Edm::Date, Literal::Date(day)) => Value::Day(Day(day)),
        (Edm::DateTimeOffset, Literal::DateTimeOffset { micros, .. }) => Value::Instant(Instant(micros)),
        (Edm::DateTimeOffset, Literal::Date(day)) => Value::Instant(Day(day).midnight()),
        (Edm::TimeOfDay, Literal::TimeOfDay(micros)) | (Edm::Duration, Literal::Duration(micros)) => {
            Value::Int64(micros)
        }
        _ => return Err(wrong()),
    };
    Ok(Expr { kind: Kind::Literal(value), ty, nullable: false, range: None })
}

/// A member of an enumeration, by name or number.
pub(super) fn enum_value(of: &'static EnumType, text: &str) -> Result<Expr> {
    match enum_literal(of, text) {
        Some(n) => {
            let kind = Kind::Literal(Value::Int64(n.into()));
            Ok(Expr { kind, ty: Edm::Enum(of), nullable: false, range: None })
        }
        None => {
            let names: Vec<&str> = of.members.iter().map(|(name, _)| *name).collect();
            let message = format!("{} has no member '{text}'; it has {}.", of.name, names.join(", "));
            Err(ODataError::new(Code::InvalidLiteral, message))
        }
    }
}

/// Strings beside dates and durations in arithmetic take the other side's family.
pub(super) fn temporal_literals(left: Expr, right: Expr) -> (Expr, Expr) {
    let read = |e: Expr| match &e.kind {
        Kind::Literal(Value::Text(text)) => from_text(text, Edm::Duration).unwrap_or(e),
        _ => e,
    };
    (read(left), read(right))
}

/// A comparison; both sides take their common type. `tenths`: what each literal has below a microsecond (OD-117).
pub(super) fn comparison(op: Compare, left: Expr, right: Expr, tenths: (u8, u8)) -> Result<Expr> {
    // What has no type is null, however it is written.
    let typed = |e: Expr| if e.ty == Edm::Untyped { Expr::null() } else { e };
    let (left, right) = (typed(left), typed(right));
    let is_nan = |e: &Expr| matches!(e.kind, Kind::Literal(Value::Double(n)) if n.is_nan());
    let with_nan = is_nan(&left) || is_nan(&right);
    if (left.is_null() || right.is_null()) && !with_nan {
        return Ok(compared(op, left, right));
    }
    let (left, right) = match (left.ty, right.ty) {
        (Edm::Enum(of), ty) if ty.is_integer() || ty == Edm::String => (left, member_literal(of, right)?),
        (ty, Edm::Enum(of)) if ty.is_integer() || ty == Edm::String => (member_literal(of, left)?, right),
        _ => (left, right),
    };
    let (left, right) = strings_beside(left, right)?;
    let Some(ty) = common_type(left.ty, right.ty) else {
        let message = format!(
            "{} and {} can't be compared. Write a value of the first type, or use cast().",
            left.ty.name(),
            right.ty.name()
        );
        return Err(ODataError::new(Code::TypeMismatch, message));
    };
    // Not a number is equal to nothing, itself included, and in no order with anything.
    if with_nan {
        return Ok(Expr::boolean(op == Compare::Ne));
    }
    if let (Kind::Decimal(a), Kind::Decimal(b)) = (&left.kind, &right.kind) {
        let order = order(*a, *b);
        return Ok(Expr::boolean(match op {
            Compare::Eq => order.is_eq(),
            Compare::Ne => order.is_ne(),
            Compare::Gt => order.is_gt(),
            Compare::Ge => order.is_ge(),
            Compare::Lt => order.is_lt(),
            Compare::Le => order.is_le(),
        }));
    }
    if let Some(placed) = against_decimal(op, &left, &right) {
        return Ok(placed);
    }
    if ty == Edm::DateTimeOffset && tenths != (0, 0) {
        return Ok(below_microsecond(op, to(left, ty)?, to(right, ty)?, tenths));
    }
    Ok(compared(op, to(left, ty)?, to(right, ty)?))
}

fn member_literal(of: &'static EnumType, e: Expr) -> Result<Expr> {
    match &e.kind {
        Kind::Literal(Value::Text(text)) => enum_value(of, text),
        Kind::Literal(Value::Int64(n)) => enum_value(of, &n.to_string()),
        _ => {
            let message = format!("{} can be compared with its members only.", of.name);
            Err(ODataError::new(Code::TypeMismatch, message))
        }
    }
}

/// A string literal beside a Guid, date or duration is read as one.
fn strings_beside(left: Expr, right: Expr) -> Result<(Expr, Expr)> {
    let readable = |ty| matches!(ty, Edm::Guid | Edm::Date | Edm::DateTimeOffset | Edm::TimeOfDay | Edm::Duration);
    let is_text = |e: &Expr| matches!(e.kind, Kind::Literal(Value::Text(_)));
    Ok(match (is_text(&left), is_text(&right)) {
        (false, true) if readable(left.ty) => {
            let ty = left.ty;
            (left, to(right, ty)?)
        }
        (true, false) if readable(right.ty) => (to(left, right.ty)?, right),
        _ => (left, right),
    })
}

fn compared(op: Compare, left: Expr, right: Expr) -> Expr {
    // OData's comparisons are never null: `x ne 5` is true for a null x.
    Expr { kind: Kind::Compare(op, Box::new(left), Box::new(right)), ty: Edm::Boolean, nullable: false, range: None }
}

fn mirrored(op: Compare) -> Compare {
    match op {
        Compare::Gt => Compare::Lt,
        Compare::Ge => Compare::Le,
        Compare::Lt => Compare::Gt,
        Compare::Le => Compare::Ge,
        same => same,
    }
}

/// An integer-carried value against an exact decimal: the literal moves to the nearest integer, so that nothing is
/// rounded and an index is used.
fn against_decimal(op: Compare, left: &Expr, right: &Expr) -> Option<Expr> {
    let (value, decimal, op) = match (&left.kind, &right.kind) {
        (_, Kind::Decimal(d)) if left.ty != Edm::Double => (left, *d, op),
        (Kind::Decimal(d), _) if right.ty != Edm::Double => (right, *d, mirrored(op)),
        _ => match (left.ty, right.ty, &left.kind, &right.kind) {
            (Edm::Decimal { .. }, ty, _, Kind::Literal(Value::Int64(n))) if ty.is_integer() => {
                (left, Decimal { mantissa: (*n).into(), scale: 0 }, op)
            }
            (ty, Edm::Decimal { .. }, Kind::Literal(Value::Int64(n)), _) if ty.is_integer() => {
                (right, Decimal { mantissa: (*n).into(), scale: 0 }, mirrored(op))
            }
            _ => return None,
        },
    };
    let scale = if let Edm::Decimal { scale, .. } = value.ty { scale } else { 0 };
    let (floor, exact) = floor(decimal, scale);
    let (op, bound) = match (op, exact) {
        (Compare::Eq, false) => return Some(Expr::boolean(false)),
        (Compare::Ne, false) => return Some(Expr::boolean(true)),
        (Compare::Ge, false) => (Compare::Gt, floor),
        (Compare::Lt, false) => (Compare::Le, floor),
        (op, _) => (op, floor),
    };
    let clamped = match (op, i64::try_from(bound)) {
        (op, Ok(n)) => (op, n),
        (Compare::Eq, Err(_)) => return Some(Expr::boolean(false)),
        (Compare::Ne, Err(_)) => return Some(Expr::boolean(true)),
        (Compare::Gt | Compare::Ge, Err(_)) if bound > 0 => return Some(Expr::boolean(false)),
        (Compare::Lt | Compare::Le, Err(_)) if bound < 0 => return Some(Expr::boolean(false)),
        (Compare::Gt | Compare::Ge, Err(_)) => (Compare::Ge, i64::MIN),
        (_, Err(_)) => (Compare::Le, i64::MAX),
    };
    let literal = Expr { kind: Kind::Literal(Value::Int64(clamped.1)), ty: value.ty, nullable: false, range: None };
    Some(compared(clamped.0, value.clone(), literal))
}

/// One of them has the larger scale already; where the other leaves i128 at it, its sign decides.
fn order(a: Decimal, b: Decimal) -> Ordering {
    let scale = a.scale.max(b.scale);
    let at_scale = |d: Decimal| {
        let factor = 10i128.checked_pow(u32::from(scale - d.scale)).unwrap_or(i128::MAX);
        d.mantissa.saturating_mul(factor)
    };
    at_scale(a).cmp(&at_scale(b))
}

/// The decimal at a scale: rounded down, and whether nothing was lost. Beyond i128 it saturates.
fn floor(d: Decimal, scale: u8) -> (i128, bool) {
    if d.scale <= scale {
        let factor = 10i128.checked_pow(u32::from(scale - d.scale)).unwrap_or(i128::MAX);
        return (d.mantissa.saturating_mul(factor), true);
    }
    match 10i128.checked_pow(u32::from(d.scale - scale)) {
        Some(divisor) => (d.mantissa.div_euclid(divisor), d.mantissa.rem_euclid(divisor) == 0),
        None => (if d.mantissa < 0 { -1 } else { 0 }, d.mantissa == 0),
    }
}

/// Stored values are whole microseconds; a literal between two of them equals none.
fn below_microsecond(op: Compare, left: Expr, right: Expr, tenths: (u8, u8)) -> Expr {
    let (value, literal, op) = if tenths.1 != 0 { (left, right, op) } else { (right, left, mirrored(op)) };
    match op {
        Compare::Eq => Expr::boolean(false),
        Compare::Ne => Expr::boolean(true),
        Compare::Gt | Compare::Ge => compared(Compare::Gt, value, literal),
        Compare::Lt | Compare::Le => compared(Compare::Le, value, literal),
    }
}

/// A member of an `in` list in the carried form of `value`; None where no value can equal it.
pub(super) fn member(value: &Expr, member: Expr) -> Result<Option<Value>> {
    if value.is_null() {
        return Ok(None);
    }
    let placed = comparison(Compare::Eq, value.clone(), member, (0, 0))?;
    match placed.kind {
        Kind::Compare(_, left, right) => match (left.kind, right.kind) {
            (_, Kind::Literal(v)) | (Kind::Literal(v), _) => Ok(Some(v)),
            _ => Err(ODataError::not_implemented("A list member of this kind")),
        },
        // A constant answer: the member is no value of this type's.
        _ => Ok(None),
    }
}
