//! Arithmetic (Part 2 §5.1.1.2) as OD-33 narrows it: integers are Int64, a Decimal under `mul div divby mod` is a
//! Double, a zero divisor fails but for `divby`.

use super::calendar;
use super::evaluate::{Failure, Result};
use super::expression::Op;
use super::value::{Decimal, Type, Value};

/// The type of a result; None where the types do not go together.
pub fn arithmetic_type(op: Op, left: &Type, right: &Type) -> Option<Type> {
    use Type::{Date, DateTimeOffset, Duration};
    if left.is_number() && right.is_number() {
        let wider = left.wider(right);
        let exact = matches!(op, Op::Add | Op::Sub);
        return Some(match wider {
            _ if op == Op::DivBy => Type::Double,
            Type::Int32 | Type::Int64 => Type::Int64,
            Type::Decimal if exact => Type::Decimal,
            _ => Type::Double,
        });
    }
    Some(match (left, op, right) {
        (DateTimeOffset, Op::Add | Op::Sub, Duration) => DateTimeOffset,
        (Date, Op::Add | Op::Sub, Duration) => Date,
        (DateTimeOffset, Op::Sub, DateTimeOffset) | (Date, Op::Sub, Date) => Duration,
        (Duration, Op::Add | Op::Sub, Duration) => Duration,
        (Duration, Op::Mul | Op::Div | Op::DivBy, number) if number.is_number() => Duration,
        _ => return None,
    })
}

/// Neither operand is null.
pub fn arithmetic(op: Op, left: Value, right: Value, ty: &Type) -> Result {
    match ty {
        Type::Int64 => integers(op, integer(&left), integer(&right)),
        Type::Decimal => decimals(op, left.to_decimal(), right.to_decimal()),
        Type::Double => doubles(op, left.to_double(), right.to_double()),
        _ => temporal(op, left, right),
    }
}

fn integer(value: &Value) -> i64 {
    match value {
        Value::Int(n) => *n,
        other => panic!("{other:?} is no integer"),
    }
}

fn integers(op: Op, left: i64, right: i64) -> Result {
    let result = match op {
        Op::Add => left.checked_add(right),
        Op::Sub => left.checked_sub(right),
        Op::Mul => left.checked_mul(right),
        Op::Div | Op::Mod if right == 0 => return Err(Failure::DivisionByZero),
        Op::Div => left.checked_div(right),
        _ => Some(left.wrapping_rem(right)),
    };
    result.map(Value::Int).ok_or(Failure::Overflow)
}

fn decimals(op: Op, left: Decimal, right: Decimal) -> Result {
    let scale = left.scale.max(right.scale);
    let fits = |side: Decimal| side.at_scale(scale).filter(|kept| i64::try_from(*kept).is_ok());
    let both = fits(left).zip(fits(right));
    let result = both.and_then(|(l, r)| if op == Op::Add { l.checked_add(r) } else { l.checked_sub(r) });
    bounded(result.map(|mantissa| Decimal { mantissa, scale }))
}

/// Decimals are Int64 of their last digit.
fn bounded(decimal: Option<Decimal>) -> Result {
    let kept = decimal.filter(|decimal| i64::try_from(decimal.mantissa).is_ok());
    kept.map(Value::Decimal).ok_or(Failure::Overflow)
}

/// Whether a decimal may be too large where others have more digits behind the point.
pub fn is_large(value: &Value) -> bool {
    match value {
        Value::Int(_) => is_large(&value.clone().promoted(&Type::Decimal)),
        Value::Decimal(d) => d.at_scale(d.scale.max(6)).is_none_or(|kept| i64::try_from(kept).is_err()),
        _ => false,
    }
}

fn doubles(op: Op, left: f64, right: f64) -> Result {
    let result = match op {
        Op::Add => left + right,
        Op::Sub => left - right,
        Op::Mul => left * right,
        Op::DivBy if right == 0.0 => left.signum() * if left == 0.0 { f64::NAN } else { f64::INFINITY },
        Op::Div | Op::Mod if right == 0.0 => return Err(Failure::DivisionByZero),
        Op::Div | Op::DivBy => left / right,
        // As OD-33 has it: by the truncated quotient, which both back ends compute alike.
        _ => left - right * (left / right).trunc(),
    };
    // SQLite holds no NaN: it is null on both back ends (OD-33).
    Ok(if result.is_nan() { Value::Null } else { Value::Double(result) })
}

fn temporal(op: Op, left: Value, right: Value) -> Result {
    if let (Value::Duration(micros), Value::Int(_) | Value::Decimal(_) | Value::Double(_)) = (&left, &right) {
        return scaled(op, *micros as f64, right.to_double());
    }
    let sign = if op == Op::Sub { -1 } else { 1 };
    Ok(match (left, right) {
        (Value::Instant(a), Value::Duration(b)) => Value::Instant(a + sign * b),
        (Value::Date(a), Value::Duration(b)) => Value::Date((a * calendar::DAY + sign * b).div_euclid(calendar::DAY)),
        (Value::Instant(a), Value::Instant(b)) => Value::Duration(a - b),
        (Value::Date(a), Value::Date(b)) => Value::Duration((a - b) * calendar::DAY),
        (Value::Duration(a), Value::Duration(b)) => Value::Duration(a + sign * b),
        (a, b) => panic!("{a:?} and {b:?} do not go together"),
    })
}

/// A duration times or by a number, to the nearest microsecond.
fn scaled(op: Op, micros: f64, by: f64) -> Result {
    if op != Op::Mul && by == 0.0 {
        return Err(Failure::DivisionByZero);
    }
    let result = if op == Op::Mul { micros * by } else { micros / by }.round();
    // 2^63 itself is out.
    let fits = result >= i64::MIN as f64 && result < -(i64::MIN as f64);
    if fits { Ok(Value::Duration(result as i64)) } else { Err(Failure::Overflow) }
}

pub fn negated(value: Value) -> Result {
    Ok(match value {
        Value::Int(n) => Value::Int(n.checked_neg().ok_or(Failure::Overflow)?),
        Value::Decimal(d) => return bounded(Some(Decimal { mantissa: -d.mantissa, ..d })),
        Value::Double(n) => Value::Double(-n),
        Value::Duration(n) => Value::Duration(-n),
        other => other,
    })
}
