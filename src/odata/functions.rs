//! The canonical functions (Part 2 §5.1.1.4 to §5.1.1.14) as one table: name, argument types, result, SQL.
//!
//! All of them give null for a null argument. A function of several signatures has a row for each; the binder takes
//! the first whose arguments can be promoted. What a table can't say (`cast`, `now`, `matchesPattern`) is in `bind/call`.

use super::edm::Edm;
use crate::sql::functions as f;

/// What an argument must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arg {
    Text,
    Integer,
    Double,
    Date,
    DateTimeOffset,
    TimeOfDay,
}

impl Arg {
    /// The type as a request's author knows it.
    pub fn name(self) -> &'static str {
        match self {
            Arg::Text => "Edm.String",
            Arg::Integer => "Edm.Int64",
            Arg::Double => "Edm.Double",
            Arg::Date => "Edm.Date",
            Arg::DateTimeOffset => "Edm.DateTimeOffset",
            Arg::TimeOfDay => "Edm.TimeOfDay",
        }
    }
}

/// One signature.
#[derive(Debug)]
pub struct Overload {
    pub name: &'static str,
    pub args: &'static [Arg],
    pub returns: Edm,
    pub sql: &'static f::Function,
    /// Bounds of an integer result.
    pub range: Option<(i64, i64)>,
}

const fn row(name: &'static str, args: &'static [Arg], returns: Edm, sql: &'static f::Function) -> Overload {
    Overload { name, args, returns, sql, range: None }
}

const fn within(mut overload: Overload, low: i64, high: i64) -> Overload {
    overload.range = Some((low, high));
    overload
}

const MILLIONTHS: Edm = Edm::Decimal { precision: 18, scale: 6 };
const SIZE: i64 = 1_000_000_000;

use Arg::{Date, DateTimeOffset, Double, Integer, Text, TimeOfDay};

/// The table, in the order of the standard.
pub static OVERLOADS: &[Overload] = &[
    row("concat", &[Text, Text], Edm::String, &f::CONCAT),
    row("contains", &[Text, Text], Edm::Boolean, &f::CONTAINS),
    row("endswith", &[Text, Text], Edm::Boolean, &f::ENDS_WITH),
    within(row("indexof", &[Text, Text], Edm::Int32, &f::INDEX_OF), -1, SIZE),
    within(row("length", &[Text], Edm::Int32, &f::LENGTH), 0, SIZE),
    row("startswith", &[Text, Text], Edm::Boolean, &f::STARTS_WITH),
    row("substring", &[Text, Integer], Edm::String, &f::SUBSTRING),
    row("substring", &[Text, Integer, Integer], Edm::String, &f::SUBSTRING_OF_LENGTH),
    row("tolower", &[Text], Edm::String, &f::TO_LOWER),
    row("toupper", &[Text], Edm::String, &f::TO_UPPER),
    row("trim", &[Text], Edm::String, &f::TRIM),
    row("date", &[DateTimeOffset], Edm::Date, &f::INSTANT_DATE),
    within(row("day", &[DateTimeOffset], Edm::Int32, &f::INSTANT_DAY), 1, 31),
    within(row("day", &[Date], Edm::Int32, &f::DAY_DAY), 1, 31),
    within(row("fractionalseconds", &[DateTimeOffset], MILLIONTHS, &f::INSTANT_FRACTION), 0, 999_999),
    within(row("fractionalseconds", &[TimeOfDay], MILLIONTHS, &f::TIME_FRACTION), 0, 999_999),
    within(row("hour", &[DateTimeOffset], Edm::Int32, &f::INSTANT_HOUR), 0, 23),
    within(row("hour", &[TimeOfDay], Edm::Int32, &f::TIME_HOUR), 0, 23),
    within(row("minute", &[DateTimeOffset], Edm::Int32, &f::INSTANT_MINUTE), 0, 59),
    within(row("minute", &[TimeOfDay], Edm::Int32, &f::TIME_MINUTE), 0, 59),
    within(row("month", &[DateTimeOffset], Edm::Int32, &f::INSTANT_MONTH), 1, 12),
    within(row("month", &[Date], Edm::Int32, &f::DAY_MONTH), 1, 12),
    within(row("second", &[DateTimeOffset], Edm::Int32, &f::INSTANT_SECOND), 0, 59),
    within(row("second", &[TimeOfDay], Edm::Int32, &f::TIME_SECOND), 0, 59),
    row("time", &[DateTimeOffset], Edm::TimeOfDay, &f::INSTANT_TIME),
    within(row("totaloffsetminutes", &[DateTimeOffset], Edm::Int32, &f::INSTANT_OFFSET), 0, 0),
    within(row("year", &[DateTimeOffset], Edm::Int32, &f::INSTANT_YEAR), -9_999, 9_999),
    within(row("year", &[Date], Edm::Int32, &f::DAY_YEAR), -9_999, 9_999),
    row("ceiling", &[Double], Edm::Double, &f::DOUBLE_CEILING),
    row("floor", &[Double], Edm::Double, &f::DOUBLE_FLOOR),
    row("round", &[Double], Edm::Double, &f::DOUBLE_ROUND),
];

/// Functions that are bound by rules of their own; with [`OVERLOADS`], all that this service has.
pub static SPECIAL: &[&str] =
    &["cast", "isof", "case", "now", "mindatetime", "maxdatetime", "matchesPattern", "totalseconds"];

/// Canonical functions that the standard has and this service does not (OD-12).
pub static ABSENT: &[&str] = &["geo.distance", "geo.intersects", "geo.length", "hassubset", "hassubsequence"];

/// The rows of a function, by its name in any letter case (OD-9).
pub fn overloads(name: &str) -> impl Iterator<Item = &'static Overload> {
    OVERLOADS.iter().filter(move |o| o.name.eq_ignore_ascii_case(name))
}

/// Every name that can be called, for near misses and for `Capabilities.FilterFunctions`.
pub fn names() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    let table = OVERLOADS.iter().map(|o| o.name).filter(move |name| std::mem::replace(&mut last, name) != *name);
    table.chain(SPECIAL.iter().copied())
}
