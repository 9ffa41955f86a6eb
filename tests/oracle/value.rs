//! Values and types of the evaluator, and their order (Part 2 §5.1.1.1, §5.1.1.14).

use std::cmp::Ordering;

use super::calendar;
use super::json::Json;

/// A primitive type, or an enumeration by its qualified name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    Boolean,
    Int32,
    Int64,
    Decimal,
    Double,
    String,
    Date,
    DateTimeOffset,
    TimeOfDay,
    Duration,
    Guid,
    Enum(String),
}

impl Type {
    /// By its name in `$metadata`.
    pub fn named(name: &str) -> Type {
        match name {
            "Edm.Boolean" => Type::Boolean,
            "Edm.Int32" => Type::Int32,
            "Edm.Int64" => Type::Int64,
            "Edm.Decimal" => Type::Decimal,
            "Edm.Double" => Type::Double,
            "Edm.String" => Type::String,
            "Edm.Date" => Type::Date,
            "Edm.DateTimeOffset" => Type::DateTimeOffset,
            "Edm.TimeOfDay" => Type::TimeOfDay,
            "Edm.Duration" => Type::Duration,
            "Edm.Guid" => Type::Guid,
            other => Type::Enum(other.to_owned()),
        }
    }

    pub fn is_number(&self) -> bool {
        matches!(self, Type::Int32 | Type::Int64 | Type::Decimal | Type::Double)
    }

    pub fn is_integer(&self) -> bool {
        matches!(self, Type::Int32 | Type::Int64)
    }

    /// Numbers are promoted Int32 → Int64 → Decimal → Double (§5.1.1.14.1).
    pub fn wider(&self, other: &Type) -> Type {
        let rank = |ty: &Type| match ty {
            Type::Int32 => 0,
            Type::Int64 => 1,
            Type::Decimal => 2,
            _ => 3,
        };
        if !self.is_number() || rank(self) >= rank(other) { self.clone() } else { other.clone() }
    }
}

/// `mantissa · 10^-scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decimal {
    pub mantissa: i128,
    pub scale: u32,
}

impl Decimal {
    pub fn parse(text: &str) -> Option<Decimal> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let mantissa = format!("{whole}{fraction}").parse().ok()?;
        Some(Decimal { mantissa, scale: fraction.len() as u32 })
    }

    pub fn at_scale(self, scale: u32) -> Option<i128> {
        self.mantissa.checked_mul(10_i128.checked_pow(scale.checked_sub(self.scale)?)?)
    }

    pub fn to_double(self) -> f64 {
        // The nearest double, by the one conversion that is exact: from text.
        format!("{}e-{}", self.mantissa, self.scale).parse().expect("a number")
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Decimal(Decimal),
    Double(f64),
    Text(String),
    /// Days since 1970.
    Date(i64),
    /// Microseconds since 1970.
    Instant(i64),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds.
    Duration(i64),
    /// In lower case.
    Guid(String),
    /// The member's name.
    Member(String),
}

impl Value {
    pub fn is_null(&self) -> bool {
        *self == Value::Null
    }

    /// A value in JSON, read as this type (JSON Format §7.1).
    pub fn from_json(json: &Json, ty: &Type) -> Option<Value> {
        Some(match (json, ty) {
            (Json::Null, _) => Value::Null,
            (Json::Bool(b), Type::Boolean) => Value::Bool(*b),
            (Json::Number(n), Type::Int32 | Type::Int64) => Value::Int(n.parse().ok()?),
            (Json::Number(n), Type::Decimal) => Value::Decimal(decimal_of(n)?),
            (Json::Number(n), Type::Double) => Value::Double(n.parse().ok()?),
            (Json::Text(text), Type::Double) => match text.as_str() {
                "INF" => Value::Double(f64::INFINITY),
                "-INF" => Value::Double(f64::NEG_INFINITY),
                _ => return None,
            },
            (Json::Text(text), Type::String) => Value::Text(text.clone()),
            (Json::Text(text), Type::Guid) => Value::Guid(text.clone()),
            (Json::Text(text), Type::Enum(_)) => Value::Member(text.clone()),
            (Json::Text(text), Type::Date) => Value::Date(calendar::date(text)?),
            (Json::Text(text), Type::DateTimeOffset) => Value::Instant(calendar::instant(text)?),
            (Json::Text(text), Type::TimeOfDay) => Value::Time(calendar::time(text)?),
            (Json::Text(text), Type::Duration) => Value::Duration(calendar::duration(text)?),
            _ => return None,
        })
    }

    /// As a number of this type; what is no number stays what it is.
    pub fn promoted(self, ty: &Type) -> Value {
        match (self, ty) {
            (Value::Int(n), Type::Decimal) => Value::Decimal(Decimal { mantissa: n.into(), scale: 0 }),
            (Value::Int(n), Type::Double) => Value::Double(n as f64),
            (Value::Decimal(d), Type::Double) => Value::Double(d.to_double()),
            (Value::Date(days), Type::DateTimeOffset) => Value::Instant(days * calendar::DAY),
            (value, _) => value,
        }
    }

    /// The order of two values that are not null; numbers after promotion, strings by code point, a date as its midnight
    /// in UTC (OD-36).
    pub fn compare(&self, other: &Value) -> Ordering {
        let doubles = |a: f64, b: f64| a.partial_cmp(&b).expect("no NaN");
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Int(a), Value::Int(b))
            | (Value::Date(a), Value::Date(b))
            | (Value::Instant(a), Value::Instant(b))
            | (Value::Time(a), Value::Time(b))
            | (Value::Duration(a), Value::Duration(b)) => a.cmp(b),
            (Value::Date(a), Value::Instant(b)) => (a * calendar::DAY).cmp(b),
            (Value::Instant(a), Value::Date(b)) => a.cmp(&(b * calendar::DAY)),
            (Value::Text(a), Value::Text(b))
            | (Value::Guid(a), Value::Guid(b))
            | (Value::Member(a), Value::Member(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Value::Double(a), b) => doubles(*a, b.to_double()),
            (a, Value::Double(b)) => doubles(a.to_double(), *b),
            (a, b) => {
                let (a, b) = (a.to_decimal(), b.to_decimal());
                let scale = a.scale.max(b.scale);
                a.at_scale(scale).cmp(&b.at_scale(scale))
            }
        }
    }

    /// Equality of `eq`: null is equal to null (§5.1.1.1.1).
    pub fn equals(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, other) | (other, Value::Null) => other.is_null(),
            (a, b) => a.compare(b) == Ordering::Equal,
        }
    }

    /// The order of `$orderby`: null stands before everything else.
    pub fn order(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Null, _) => Ordering::Less,
            (_, Value::Null) => Ordering::Greater,
            (a, b) => a.compare(b),
        }
    }

    pub fn to_double(&self) -> f64 {
        match self {
            Value::Int(n) => *n as f64,
            Value::Decimal(d) => d.to_double(),
            Value::Double(n) => *n,
            other => panic!("{other:?} is no number"),
        }
    }

    pub fn to_decimal(&self) -> Decimal {
        match self {
            Value::Int(n) => Decimal { mantissa: (*n).into(), scale: 0 },
            Value::Decimal(d) => *d,
            other => panic!("{other:?} is no exact number"),
        }
    }

    /// As JSON (JSON Format §7.1).
    pub fn to_json(&self) -> String {
        match self {
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Decimal(_) => self.literal(&Type::String),
            Value::Double(n) => format!("{n:?}"),
            Value::Text(text) | Value::Guid(text) | Value::Member(text) => {
                serde_json::to_string(text).expect("a string")
            }
            Value::Date(_) | Value::Instant(_) | Value::Time(_) => format!("\"{}\"", self.literal(&Type::String)),
            Value::Duration(micros) => format!("\"{}\"", calendar::duration_text(*micros)),
        }
    }

    /// As a literal of a URL; null for what has none.
    pub fn literal(&self, ty: &Type) -> String {
        match self {
            Value::Null => "null".to_owned(),
            Value::Bool(b) => b.to_string(),
            Value::Int(n) => n.to_string(),
            Value::Decimal(d) => decimal_text(*d),
            Value::Double(n) if n.is_infinite() => if *n > 0.0 { "INF" } else { "-INF" }.to_owned(),
            Value::Double(n) => format!("{n:e}"),
            Value::Text(text) => quoted(text),
            Value::Date(days) => calendar::date_text(*days),
            Value::Instant(micros) => calendar::instant_text(*micros),
            Value::Time(micros) => calendar::time_text(*micros),
            Value::Duration(micros) => format!("duration'{}'", calendar::duration_text(*micros)),
            Value::Guid(text) => text.clone(),
            Value::Member(name) => match ty {
                Type::Enum(of) => format!("{of}'{name}'"),
                _ => quoted(name),
            },
        }
    }
}

/// Decimals of the model are kept with six digits behind the point, which bounds what can be added to them.
const SCALE: u32 = 6;

fn decimal_of(number: &str) -> Option<Decimal> {
    let mantissa = Decimal::parse(number)?.at_scale(SCALE)?;
    Some(Decimal { mantissa, scale: SCALE })
}

fn decimal_text(d: Decimal) -> String {
    let sign = if d.mantissa < 0 { "-" } else { "" };
    let digits = format!("{:0width$}", d.mantissa.unsigned_abs(), width = d.scale as usize + 1);
    let (whole, fraction) = digits.split_at(digits.len() - d.scale as usize);
    format!("{sign}{whole}{}{fraction}", if fraction.is_empty() { "" } else { "." })
}

fn quoted(text: &str) -> String {
    format!("'{}'", encoded(text).replace('\'', "''"))
}

/// With what the URL itself would take for its own encoded.
pub fn encoded(text: &str) -> String {
    let sign = |c: char| match c {
        '%' | '&' | '#' | '+' => format!("%{:02X}", c as u32),
        c => c.to_string(),
    };
    text.chars().map(sign).collect()
}
