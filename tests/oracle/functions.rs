//! The canonical functions (Part 2 §5.1.1.5 to §5.1.1.11) for arguments that are not null.

use super::calendar;
use super::value::{Decimal, Type, Value};

/// The result of a function by its name; names and arguments are the generator's, so they fit.
pub fn call(name: &str, arguments: &[Value]) -> Value {
    match (name, arguments) {
        ("concat", [Value::Text(a), Value::Text(b)]) => Value::Text(format!("{a}{b}")),
        ("contains", [Value::Text(a), Value::Text(b)]) => Value::Bool(a.contains(b.as_str())),
        ("startswith", [Value::Text(a), Value::Text(b)]) => Value::Bool(a.starts_with(b.as_str())),
        ("endswith", [Value::Text(a), Value::Text(b)]) => Value::Bool(a.ends_with(b.as_str())),
        ("matchesPattern", [Value::Text(a), Value::Text(b)]) => {
            // ECMAScript's dot matches no end of a line.
            let pattern = b.replace('.', "[^\n\r\u{2028}\u{2029}]");
            Value::Bool(regex::Regex::new(&pattern).expect("a pattern of the generator's").is_match(a))
        }
        ("length", [Value::Text(a)]) => Value::Int(a.chars().count() as i64),
        ("indexof", [Value::Text(a), Value::Text(b)]) => {
            Value::Int(a.find(b.as_str()).map_or(-1, |at| a[..at].chars().count() as i64))
        }
        ("substring", [Value::Text(a), Value::Int(from)]) => Value::Text(substring(a, *from, i64::MAX)),
        ("substring", [Value::Text(a), Value::Int(from), Value::Int(most)]) => Value::Text(substring(a, *from, *most)),
        ("tolower", [Value::Text(a)]) => Value::Text(a.to_lowercase()),
        ("toupper", [Value::Text(a)]) => Value::Text(a.to_uppercase()),
        ("trim", [Value::Text(a)]) => Value::Text(a.trim().to_owned()),
        ("round", [n]) => {
            rounded(n, f64::round, |whole, rest, unit| whole + if 2 * rest.abs() >= unit { rest.signum() } else { 0 })
        }
        ("floor", [n]) => rounded(n, f64::floor, |whole, rest, _| if rest < 0 { whole - 1 } else { whole }),
        ("ceiling", [n]) => rounded(n, f64::ceil, |whole, rest, _| if rest > 0 { whole + 1 } else { whole }),
        ("totalseconds", [Value::Duration(n)]) => Value::Decimal(Decimal { mantissa: (*n).into(), scale: 6 }),
        (part, [moment]) => part_of(part, moment),
        other => panic!("{other:?} is no function"),
    }
}

/// By code points; a negative start counts from the end (§5.1.1.5.7).
fn substring(text: &str, from: i64, most: i64) -> String {
    let length = text.chars().count() as i64;
    let start = if from < 0 { (length + from).max(0) } else { from };
    text.chars().skip(start as usize).take(most.max(0) as usize).collect()
}

/// A double by the first way, a decimal exactly by the second, which gets the whole part, the rest and what is one.
fn rounded(value: &Value, double: fn(f64) -> f64, exact: fn(i128, i128, i128) -> i128) -> Value {
    match value {
        Value::Double(n) => Value::Double(double(*n)),
        other => {
            let d = other.to_decimal();
            let unit = 10_i128.pow(d.scale);
            let mantissa = exact(d.mantissa / unit, d.mantissa % unit, unit);
            Value::Decimal(Decimal { mantissa, scale: 0 })
        }
    }
}

/// A component of a date, a time of day, or a moment in UTC.
fn part_of(name: &str, of: &Value) -> Value {
    let (days, micros) = match of {
        Value::Instant(micros) => (micros.div_euclid(calendar::DAY), micros.rem_euclid(calendar::DAY)),
        Value::Date(days) => (*days, 0),
        Value::Time(micros) => (0, *micros),
        other => panic!("{name} of {other:?}"),
    };
    let (year, month, day) = calendar::civil(days);
    let seconds = micros / 1_000_000;
    Value::Int(match name {
        "date" => return Value::Date(days),
        "time" => return Value::Time(micros),
        "fractionalseconds" => {
            return Value::Decimal(Decimal { mantissa: (micros % 1_000_000).into(), scale: 6 });
        }
        "year" => year,
        "month" => month,
        "day" => day,
        "hour" => seconds / 3600,
        "minute" => seconds / 60 % 60,
        "second" => seconds % 60,
        "totaloffsetminutes" => 0,
        other => panic!("{other} is no function"),
    })
}

/// The casts that OD-38 promises.
pub fn cast(value: Value, ty: &Type) -> Value {
    match (value, ty) {
        (Value::Null, _) => Value::Null,
        (value @ (Value::Text(_) | Value::Guid(_) | Value::Member(_)), Type::String) => match value {
            Value::Text(text) | Value::Guid(text) | Value::Member(text) => Value::Text(text),
            other => other,
        },
        (value @ (Value::Int(_) | Value::Bool(_) | Value::Date(_)), Type::String) => {
            Value::Text(value.literal(&Type::String))
        }
        (Value::Instant(micros), Type::Date) => Value::Date(micros.div_euclid(calendar::DAY)),
        (value, ty) => value.promoted(ty),
    }
}

#[test]
fn functions_are_those_of_the_standard() {
    let text = |text: &str| Value::Text(text.to_owned());
    assert_eq!(call("substring", &[text("aß🎉d"), Value::Int(-2)]), text("🎉d"));
    assert_eq!(call("substring", &[text("abc"), Value::Int(-9), Value::Int(2)]), text("ab"));
    assert_eq!(call("indexof", &[text("日本語"), text("語")]), Value::Int(2));
    assert_eq!(call("toupper", &[text("Straße ΑΣ")]), text("STRASSE ΑΣ"));
    assert_eq!(call("tolower", &[text("ΑΣ")]), text("ας"));
    for (from, to) in [("2.5", 3), ("-2.5", -3), ("-2.4", -2), ("0.5", 1)] {
        let half = Value::Decimal(Decimal::parse(from).expect("a decimal"));
        assert_eq!(call("round", &[half]).to_double(), f64::from(to), "{from}");
        assert_eq!(call("round", &[Value::Double(from.parse().expect("a double"))]), Value::Double(f64::from(to)));
    }
    assert_eq!(call("floor", &[Value::Decimal(Decimal::parse("-0.1").expect("a decimal"))]).to_double(), -1.0);
    assert_eq!(call("hour", &[Value::Instant(-1)]), Value::Int(23));
}
