//! The text of every SQL function, once for each back end where they differ.
//!
//! `{0}`, `{1}`, … stand for the arguments, written in parentheses where they need them. Functions whose name begins
//! with `tl_` are our own on SQLite (`db/sqlite`). Null in, null out, unless a comment says otherwise.

use super::calendar::Late;

/// One function's spelling.
#[derive(Debug, PartialEq)]
pub struct Function {
    pub sqlite: &'static str,
    pub postgres: &'static str,
    /// How to get its value from its argument without the database, where a value is only written.
    pub late: Option<Late>,
}

const fn same(text: &'static str) -> Function {
    differs(text, text)
}

/// A function with a text for each back end.
pub const fn differs(sqlite: &'static str, postgres: &'static str) -> Function {
    Function { sqlite, postgres, late: None }
}

impl Function {
    const fn late(self, late: Late) -> Function {
        Function { late: Some(late), ..self }
    }
}

// Text. Positions count code points, from 0.
pub static CONTAINS: Function = differs("instr({0}, {1}) > 0", "strpos({0}, {1}) > 0");
pub static STARTS_WITH: Function = differs("substr({0}, 1, length({1})) = {1}", "starts_with({0}, {1})");
pub static ENDS_WITH: Function = differs("tl_endswith({0}, {1})", "right({0}, length({1})) = {1}");
pub static LENGTH: Function = same("length({0})");
pub static INDEX_OF: Function = differs("instr({0}, {1}) - 1", "strpos({0}, {1}) - 1");
/// text, start; a negative start counts from the end.
///
/// `least` and `greatest` of PostgreSQL pass over nulls.
pub static SUBSTRING: Function = differs(
    "tl_substring({0}, {1}, 2147483647)",
    "CASE WHEN {1} IS NOT NULL THEN \
     substr({0}, least(CASE WHEN {1} < 0 THEN greatest(length({0}) + {1}, 0) ELSE {1} END, 1000000000)::int + 1) END",
);
/// text, start, length
pub static SUBSTRING_OF_LENGTH: Function = differs(
    "tl_substring({0}, {1}, {2})",
    "CASE WHEN {1} IS NOT NULL AND {2} IS NOT NULL THEN \
     substr({0}, least(CASE WHEN {1} < 0 THEN greatest(length({0}) + {1}, 0) ELSE {1} END, 1000000000)::int + 1, \
     least(greatest({2}, 0), 1000000000)::int) END",
);
pub static TO_LOWER: Function = differs("tl_lower({0})", "lower({0} COLLATE \"und-x-icu\") COLLATE \"C\"");
pub static TO_UPPER: Function = differs("tl_upper({0})", "upper({0} COLLATE \"und-x-icu\") COLLATE \"C\"");
/// Unicode's white space (OD-34).
pub static TRIM: Function = differs(
    "trim({0}, char(9,10,11,12,13,32,133,160,5760,8192,8193,8194,8195,8196,8197,8198,8199,8200,8201,8202,8232,8233,8239,8287,12288))",
    "btrim({0}, U&'\\0009\\000A\\000B\\000C\\000D\\0020\\0085\\00A0\\1680\\2000\\2001\\2002\\2003\\2004\\2005\\2006\\2007\\2008\\2009\\200A\\2028\\2029\\202F\\205F\\3000')",
);
pub static CONCAT: Function = same("{0} || {1}");
/// text, pattern; the pattern is already written for this back end.
pub static MATCHES: Function = differs("tl_matches({0}, {1})", "{0} ~ {1}");

// Parts of an Instant, in UTC.
pub static INSTANT_YEAR: Function = differs("tl_part('year', {0})", "extract(year from {0})::int");
pub static INSTANT_MONTH: Function = differs("tl_part('month', {0})", "extract(month from {0})::int");
pub static INSTANT_DAY: Function = differs("tl_part('day', {0})", "extract(day from {0})::int");
pub static INSTANT_HOUR: Function = differs("tl_part('hour', {0})", "extract(hour from {0})::int");
pub static INSTANT_MINUTE: Function = differs("tl_part('minute', {0})", "extract(minute from {0})::int");
pub static INSTANT_SECOND: Function = differs("tl_part('second', {0})", "floor(extract(second from {0}))::int");
/// In millionths.
pub static INSTANT_FRACTION: Function =
    differs("(({0} % 1000000) + 1000000) % 1000000", "extract(microseconds from {0})::bigint % 1000000");
pub static INSTANT_DATE: Function = differs("tl_date({0})", "({0} AT TIME ZONE 'UTC')::date");
pub static INSTANT_TIME: Function =
    differs("tl_time({0})", "(extract(epoch from ({0} AT TIME ZONE 'UTC')::time) * 1000000)::bigint");
/// Always UTC as we write it.
pub static INSTANT_OFFSET: Function = same("CASE WHEN {0} IS NOT NULL THEN 0 END");

// Parts of a Day.
pub static DAY_YEAR: Function =
    differs("tl_part('year', {0} * 86400000000)", "extract(year from {0})::int").late(Late::Year);
pub static DAY_MONTH: Function =
    differs("tl_part('month', {0} * 86400000000)", "extract(month from {0})::int").late(Late::Month);
pub static DAY_DAY: Function =
    differs("tl_part('day', {0} * 86400000000)", "extract(day from {0})::int").late(Late::Day);
/// `yyyy-MM-dd`
pub static DAY_TEXT: Function =
    differs("strftime('%Y-%m-%d', {0} * 86400, 'unixepoch')", "to_char({0}, 'YYYY-MM-DD') COLLATE \"C\"")
        .late(Late::Text);
/// `yyyymmdd` as a number.
pub static DAY_NUMBER: Function = differs(
    "tl_part('year', {0} * 86400000000) * 10000 + tl_part('month', {0} * 86400000000) * 100 + tl_part('day', {0} * 86400000000)",
    "(extract(year from {0})::int * 10000 + extract(month from {0})::int * 100 + extract(day from {0})::int)",
)
.late(Late::Number);
/// Midnight UTC.
pub static DAY_INSTANT: Function = differs("{0} * 86400000000", "({0}::timestamp AT TIME ZONE 'UTC')");

// Parts of a TimeOfDay, in microseconds since midnight.
pub static TIME_HOUR: Function = differs("{0} / 3600000000", "({0} / 3600000000)::int");
pub static TIME_MINUTE: Function = differs("{0} / 60000000 % 60", "({0} / 60000000 % 60)::int");
pub static TIME_SECOND: Function = differs("{0} / 1000000 % 60", "({0} / 1000000 % 60)::int");
pub static TIME_FRACTION: Function = same("{0} % 1000000");

// Dates and durations (microseconds).
pub static INSTANT_PLUS: Function = differs("tl_add({0}, {1})", "({0} + {1} * interval '1 microsecond')");
pub static INSTANT_MINUS: Function = differs("tl_sub({0}, {1})", "({0} - {1} * interval '1 microsecond')");
pub static INSTANT_DIFFERENCE: Function =
    differs("tl_sub({0}, {1})", "(extract(epoch from ({0} - {1})) * 1000000)::bigint");
pub static DAY_PLUS: Function =
    differs("tl_date(tl_add({0} * 86400000000, {1}))", "(({0}::timestamp) + {1} * interval '1 microsecond')::date");
pub static DAY_MINUS: Function =
    differs("tl_date(tl_sub({0} * 86400000000, {1}))", "(({0}::timestamp) - {1} * interval '1 microsecond')::date");
pub static DAY_DIFFERENCE: Function = differs("({0} - {1}) * 86400000000", "({0} - {1})::bigint * 86400000000");
/// Microseconds times a Double, halves away from zero. A cast would round them to even on PostgreSQL, and bound what leaves
/// Int64 on SQLite.
pub static DURATION_TIMES: Function =
    differs("tl_int(tl_round({0} * {1}))", "(trunc({0} * {1}) + trunc(({0} * {1} - trunc({0} * {1})) * 2))::bigint");
pub static DURATION_BY: Function = differs(
    "tl_int(tl_round({0} / CASE WHEN {1} = 0 AND {0} IS NOT NULL THEN tl_div(1, 0) ELSE {1} END))",
    "(trunc({0} / {1}) + trunc(({0} / {1} - trunc({0} / {1})) * 2))::bigint",
);

// Numbers.
pub static DOUBLE_ROUND: Function = differs("tl_round({0})", "(trunc({0}) + trunc(({0} - trunc({0})) * 2))");
pub static DOUBLE_FLOOR: Function = differs("tl_floor({0})", "floor({0})");
pub static DOUBLE_CEILING: Function = differs("tl_ceiling({0})", "ceil({0})");
/// scaled integer, power of ten
pub static DECIMAL_ROUND: Function =
    same("CASE WHEN {0} < 0 THEN -((-{0} + {1} / 2) / {1}) ELSE ({0} + {1} / 2) / {1} END");
pub static DECIMAL_FLOOR: Function = same("({0} - (({0} % {1}) + {1}) % {1}) / {1}");
pub static DECIMAL_CEILING: Function = same("({0} + ((-{0} % {1}) + {1}) % {1}) / {1}");
/// integer, the most that stays in Int64, factor: what does not stay becomes the end of Int64.
pub static SCALED_TO_COMPARE: Function =
    same("CASE WHEN {0} > {1} THEN 9223372036854775807 WHEN {0} < -{1} THEN -9223372036854775807 ELSE {0} * {2} END");
/// A positive number divided by 10^n, half up.
pub static HALF_UP: Function = same("({0} + {1} / 2) / {1}");

/// Towards zero; null beyond Int64.
pub static DOUBLE_INTEGER: Function = differs(
    "CASE WHEN {0} > -9.2e18 AND {0} < 9.2e18 THEN CAST({0} AS INTEGER) END",
    "CASE WHEN {0} > -9.2e18 AND {0} < 9.2e18 THEN trunc({0})::bigint END",
);
/// As an Int32, at most its largest: for sums whose type a contract fixed too small.
pub static SATURATED_INT32: Function = differs("min({0}, 2147483647)", "least({0}, 2147483647)::int");

// Checked integer arithmetic: the error is a 400 (OD-33). PostgreSQL's own operators check already.
pub static ADD: Function = differs("tl_add({0}, {1})", "{0} + {1}");
pub static SUB: Function = differs("tl_sub({0}, {1})", "{0} - {1}");
pub static MUL: Function = differs("tl_mul({0}, {1})", "{0} * {1}");
pub static DIV: Function = differs("tl_div({0}, {1})", "{0} / {1}");
pub static MOD: Function = differs("tl_mod({0}, {1})", "{0} % {1}");
pub static NEG: Function = differs("tl_neg({0})", "-{0}");

// Doubles. A zero divisor fails `div` and `mod`; `divby` gives an infinity, and null for 0 by 0.
pub static DOUBLE_DIV: Function =
    differs("CASE WHEN {1} = 0 AND {0} IS NOT NULL THEN tl_div(1, 0) ELSE {0} / {1} END", "{0} / {1}");
pub static DOUBLE_MOD: Function = differs(
    "CASE WHEN {1} = 0 AND {0} IS NOT NULL THEN tl_div(1, 0) ELSE {0} - {1} * tl_trunc({0} / {1}) END",
    "{0} - {1} * trunc({0} / {1})",
);
pub static DOUBLE_DIV_BY: Function = differs(
    "CASE WHEN {1} <> 0 THEN {0} / {1} WHEN {1} = 0 AND {0} > 0 THEN 9e999 WHEN {1} = 0 AND {0} < 0 THEN -9e999 END",
    "CASE WHEN {1} <> 0 THEN {0} / {1} WHEN {1} = 0 AND {0} > 0 THEN 'Infinity'::float8 \
     WHEN {1} = 0 AND {0} < 0 THEN '-Infinity'::float8 END",
);

/// SQLite makes a null of what is not a number.
pub static NOT_NAN: Function = differs("{0}", "NULLIF({0}, 'NaN'::float8)");

// Casts to text (OD-38).
pub static INTEGER_TEXT: Function = differs("CAST({0} AS TEXT)", "{0}::text COLLATE \"C\"");
pub static BOOLEAN_TEXT: Function = same("CASE WHEN {0} THEN 'true' WHEN NOT {0} THEN 'false' END");
/// SQLite's `hex` of null is an empty text.
pub static GUID_TEXT: Function = differs(
    "CASE WHEN {0} IS NOT NULL THEN lower(substr(hex({0}), 1, 8) || '-' || substr(hex({0}), 9, 4) || '-' || \
     substr(hex({0}), 13, 4) || '-' || substr(hex({0}), 17, 4) || '-' || substr(hex({0}), 21)) END",
    "{0}::text COLLATE \"C\"",
);
