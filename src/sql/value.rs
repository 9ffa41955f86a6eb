//! Values that travel between the two back ends and us: binds on the way in, cells on the way out.

use std::fmt;

/// How a value is carried by the database. OData's finer types (Decimal, Duration, TimeOfDay, enums) ride on these:
/// a Decimal of scale *s* is an `Int64` of 10^-s, a Duration or TimeOfDay an `Int64` of microseconds, an enum an `Int32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    Bool,
    Int32,
    Int64,
    Double,
    Text,
    /// Microseconds since 1970-01-01T00:00:00Z.
    Instant,
    /// Days since 1970-01-01.
    Day,
    Guid,
}

/// Microseconds since 1970-01-01T00:00:00Z: INTEGER on SQLite, `timestamptz` on PostgreSQL.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    diesel::expression::AsExpression,
    diesel::deserialize::FromSqlRow,
)]
#[diesel(sql_type = super::dialect::InstantType)]
pub struct Instant(pub i64);

/// Days since 1970-01-01: INTEGER on SQLite, `date` on PostgreSQL.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    diesel::expression::AsExpression,
    diesel::deserialize::FromSqlRow,
)]
#[diesel(sql_type = super::dialect::DayType)]
pub struct Day(pub i32);

/// A GUID: 16-byte BLOB on SQLite, `uuid` on PostgreSQL.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    diesel::expression::AsExpression,
    diesel::deserialize::FromSqlRow,
)]
#[diesel(sql_type = super::dialect::GuidType)]
pub struct Guid(pub uuid::Uuid);

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl Instant {
    const DAY: i64 = 86_400_000_000;

    /// The calendar day in UTC.
    pub fn day(self) -> Day {
        Day(self.0.div_euclid(Self::DAY) as i32)
    }
}

impl Day {
    /// Midnight UTC of the day.
    pub fn midnight(self) -> Instant {
        Instant(i64::from(self.0) * Instant::DAY)
    }
}

/// A value bound into a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null(Type),
    Bool(bool),
    Int32(i32),
    Int64(i64),
    Double(f64),
    Text(String),
    Instant(Instant),
    Day(Day),
    Guid(Guid),
}

impl Value {
    pub fn ty(&self) -> Type {
        match self {
            Value::Null(ty) => *ty,
            Value::Bool(_) => Type::Bool,
            Value::Int32(_) => Type::Int32,
            Value::Int64(_) => Type::Int64,
            Value::Double(_) => Type::Double,
            Value::Text(_) => Type::Text,
            Value::Instant(_) => Type::Instant,
            Value::Day(_) => Type::Day,
            Value::Guid(_) => Type::Guid,
        }
    }
}

/// The members of an `IN`: one bind whatever their number. No nulls; the caller spells them out.
///
/// PostgreSQL binds `items` as an array; SQLite binds `json`, the same members as a JSON array (GUIDs as hex).
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    pub items: Items,
    pub json: String,
}

/// The members by type; `Int32` members travel as `Ints`.
#[derive(Clone, Debug, PartialEq)]
pub enum Items {
    Ints(Vec<i64>),
    Doubles(Vec<f64>),
    Texts(Vec<String>),
    Instants(Vec<Instant>),
    Days(Vec<Day>),
    Guids(Vec<Guid>),
}

impl List {
    pub fn new(items: Items) -> List {
        let json = match &items {
            Items::Ints(v) => serde_json::to_string(v),
            Items::Doubles(v) => serde_json::to_string(v),
            Items::Texts(v) => serde_json::to_string(v),
            Items::Instants(v) => serde_json::to_string(&v.iter().map(|i| i.0).collect::<Vec<_>>()),
            Items::Days(v) => serde_json::to_string(&v.iter().map(|d| d.0).collect::<Vec<_>>()),
            Items::Guids(v) => {
                serde_json::to_string(&v.iter().map(|g| g.0.as_simple().to_string()).collect::<Vec<_>>())
            }
        };
        List { items, json: json.unwrap_or_default() }
    }

    pub fn len(&self) -> usize {
        match &self.items {
            Items::Ints(v) => v.len(),
            Items::Doubles(v) => v.len(),
            Items::Texts(v) => v.len(),
            Items::Instants(v) => v.len(),
            Items::Days(v) => v.len(),
            Items::Guids(v) => v.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One field of a row as read, borrowed from the driver's buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    Null,
    Bool(bool),
    /// `Int32` and `Int64` alike.
    Int(i64),
    Double(f64),
    Text(&'a str),
    Instant(Instant),
    Day(Day),
    Guid(Guid),
}
