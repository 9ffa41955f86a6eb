//! The scalar functions that SQLite lacks, or has with another meaning than OData asks for.
//!
//! Goes in: a fresh `sqlite3` handle. Comes out: the same with functions named `tl_…`, all deterministic and null-strict
//! (a null argument gives null). Integers are checked: what does not fit raises [`OVERFLOW`], a zero divisor
//! [`DIVISION_BY_ZERO`], texts by which `db::DbError` knows them. Meanings: OData Part 2 §5.1.1.2 (arithmetic),
//! §5.1.1.5 to §5.1.1.9 (functions). Positions and lengths count code points.

#![expect(unsafe_code, reason = "SQLite's function interface is C")]

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;

use libsqlite3_sys as ffi;
use regex::{Regex, RegexBuilder};

use crate::sql::calendar::civil;

/// Error text of an integer result outside 64 bits.
pub const OVERFLOW: &str = "Overflow";
/// Error text of a division by zero.
pub const DIVISION_BY_ZERO: &str = "DivisionByZero";
/// Error text of a pattern that is no regular expression, or too large a one.
pub const BAD_PATTERN: &str = "BadPattern";

const MICROS_PER_DAY: i64 = 86_400_000_000;

type Raised = &'static str;
type Body = fn(&Arguments<'_>) -> Result<Out, Raised>;

struct Scalar {
    name: &'static CStr,
    arity: c_int,
    body: Body,
}

const fn scalar(name: &'static CStr, arity: c_int, body: Body) -> Scalar {
    Scalar { name, arity, body }
}

static SCALARS: [Scalar; 20] = [
    scalar(c"tl_add", 2, |a| checked(a.int(0).checked_add(a.int(1)))),
    scalar(c"tl_sub", 2, |a| checked(a.int(0).checked_sub(a.int(1)))),
    scalar(c"tl_mul", 2, |a| checked(a.int(0).checked_mul(a.int(1)))),
    scalar(c"tl_neg", 1, |a| checked(a.int(0).checked_neg())),
    scalar(c"tl_div", 2, |a| divide(a.int(0), a.int(1), i64::checked_div)),
    scalar(c"tl_mod", 2, |a| divide(a.int(0), a.int(1), |x, y| Some(x.wrapping_rem(y)))),
    scalar(c"tl_lower", 1, |a| Ok(Out::Text(a.text(0).to_lowercase()))),
    scalar(c"tl_upper", 1, |a| Ok(Out::Text(a.text(0).to_uppercase()))),
    scalar(c"tl_trim", 1, |a| Ok(Out::Text(a.text(0).trim().to_owned()))),
    scalar(c"tl_substring", 3, |a| Ok(Out::Text(substring(a.text(0), a.int(1), a.int(2)).to_owned()))),
    scalar(c"tl_endswith", 2, |a| Ok(Out::Int(a.text(0).ends_with(a.text(1)).into()))),
    scalar(c"tl_matches", 2, |a| matches(a.text(0), a.text(1))),
    scalar(c"tl_part", 2, |a| part(a.text(0), a.int(1))),
    scalar(c"tl_date", 1, |a| Ok(Out::Int(a.int(0).div_euclid(MICROS_PER_DAY)))),
    scalar(c"tl_time", 1, |a| Ok(Out::Int(a.int(0).rem_euclid(MICROS_PER_DAY)))),
    scalar(c"tl_round", 1, |a| Ok(Out::Double(a.double(0).round()))),
    scalar(c"tl_floor", 1, |a| Ok(Out::Double(a.double(0).floor()))),
    scalar(c"tl_ceiling", 1, |a| Ok(Out::Double(a.double(0).ceil()))),
    scalar(c"tl_trunc", 1, |a| Ok(Out::Double(a.double(0).trunc()))),
    scalar(c"tl_int", 1, |a| whole(a.double(0))),
];

enum Out {
    Int(i64),
    Double(f64),
    Text(String),
}

/// The arguments of one call; none is null.
struct Arguments<'a>(&'a [*mut ffi::sqlite3_value]);

impl Arguments<'_> {
    fn any_null(&self) -> bool {
        // SAFETY: SQLite passes valid values that live as long as the call.
        self.0.iter().any(|value| unsafe { ffi::sqlite3_value_type(*value) } == ffi::SQLITE_NULL)
    }

    fn int(&self, index: usize) -> i64 {
        // SAFETY: as above; indexing checks the count.
        unsafe { ffi::sqlite3_value_int64(self.0[index]) }
    }

    fn double(&self, index: usize) -> f64 {
        // SAFETY: as above.
        unsafe { ffi::sqlite3_value_double(self.0[index]) }
    }

    /// A text that is not UTF-8 can only come from a foreign writer; it reads as empty.
    fn text(&self, index: usize) -> &str {
        let value = self.0[index];
        // SAFETY: `sqlite3_value_text` comes before `sqlite3_value_bytes`, as SQLite demands; the bytes live until
        // the value is converted again, and no value of one call is read in two forms.
        let bytes = unsafe {
            let start = ffi::sqlite3_value_text(value);
            if start.is_null() {
                return "";
            }
            slice::from_raw_parts(start, usize::try_from(ffi::sqlite3_value_bytes(value)).unwrap_or(0))
        };
        std::str::from_utf8(bytes).unwrap_or("")
    }
}

fn checked(result: Option<i64>) -> Result<Out, Raised> {
    result.map(Out::Int).ok_or(OVERFLOW)
}

fn divide(x: i64, y: i64, by: fn(i64, i64) -> Option<i64>) -> Result<Out, Raised> {
    if y == 0 { Err(DIVISION_BY_ZERO) } else { checked(by(x, y)) }
}

/// A whole double as an integer; CAST would clamp what does not fit.
fn whole(x: f64) -> Result<Out, Raised> {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if (-BOUND..BOUND).contains(&x) { Ok(Out::Int(x as i64)) } else { Err(OVERFLOW) }
}

/// A negative start counts from the end (OData 4.01, Part 2 §5.1.1.5.7); what lies outside the text is left out.
fn substring(text: &str, start: i64, length: i64) -> &str {
    let begin = if start < 0 {
        let count = text.chars().count() as i64;
        count.saturating_add(start).max(0)
    } else {
        start
    };
    let rest = &text[offset(text, begin)..];
    &rest[..offset(rest, length.max(0))]
}

/// Byte offset of the n-th code point, or the end.
fn offset(text: &str, n: i64) -> usize {
    let n = usize::try_from(n).unwrap_or(usize::MAX);
    text.char_indices().nth(n).map_or(text.len(), |(at, _)| at)
}

thread_local! {
    /// Compiled patterns, newest last. A connection belongs to one thread, so this is a cache per connection.
    static PATTERNS: RefCell<Vec<(String, Regex)>> = const { RefCell::new(Vec::new()) };
}

const PATTERNS_KEPT: usize = 16;
const PATTERN_BYTES: usize = 1 << 20;

fn matches(text: &str, pattern: &str) -> Result<Out, Raised> {
    PATTERNS.with_borrow_mut(|kept| {
        let at = match kept.iter().position(|(known, _)| known == pattern) {
            Some(at) => at,
            None => {
                let compiled = RegexBuilder::new(pattern)
                    .size_limit(PATTERN_BYTES)
                    .dfa_size_limit(PATTERN_BYTES)
                    .build()
                    .map_err(|_| BAD_PATTERN)?;
                if kept.len() == PATTERNS_KEPT {
                    kept.remove(0);
                }
                kept.push((pattern.to_owned(), compiled));
                kept.len() - 1
            }
        };
        Ok(Out::Int(kept[at].1.is_match(text).into()))
    })
}

fn part(kind: &str, micros: i64) -> Result<Out, Raised> {
    let second_of_day = micros.rem_euclid(MICROS_PER_DAY) / 1_000_000;
    Ok(Out::Int(match kind {
        "hour" => second_of_day / 3600,
        "minute" => second_of_day / 60 % 60,
        "second" => second_of_day % 60,
        _ => {
            let (year, month, day) = civil(micros.div_euclid(MICROS_PER_DAY));
            match kind {
                "year" => year,
                "month" => month as i64,
                "day" => day as i64,
                _ => return Err("tl_part: unknown part"),
            }
        }
    }))
}

/// Registers every function on an open handle.
///
/// # Safety
/// `db` must be an open connection that no other thread uses meanwhile.
pub unsafe fn register(db: *mut ffi::sqlite3) -> Result<(), c_int> {
    let flags = ffi::SQLITE_UTF8 | ffi::SQLITE_DETERMINISTIC | ffi::SQLITE_INNOCUOUS;
    for scalar in &SCALARS {
        let user_data = std::ptr::from_ref(scalar).cast_mut().cast::<c_void>();
        // SAFETY: the name and the user data are statics.
        let code = unsafe {
            ffi::sqlite3_create_function_v2(
                db,
                scalar.name.as_ptr(),
                scalar.arity,
                flags,
                user_data,
                Some(call),
                None,
                None,
                None,
            )
        };
        if code != ffi::SQLITE_OK {
            return Err(code);
        }
    }
    Ok(())
}

unsafe extern "C" fn call(context: *mut ffi::sqlite3_context, count: c_int, values: *mut *mut ffi::sqlite3_value) {
    // SAFETY: SQLite passes `count` valid values and the user data given at registration, a static `Scalar`.
    let (scalar, arguments) = unsafe {
        let scalar = &*ffi::sqlite3_user_data(context).cast::<Scalar>();
        (scalar, Arguments(slice::from_raw_parts(values, usize::try_from(count).unwrap_or(0))))
    };
    if arguments.any_null() {
        // SAFETY: `context` is that of this call.
        return unsafe { ffi::sqlite3_result_null(context) };
    }
    // A panic must not cross C frames.
    let result = catch_unwind(AssertUnwindSafe(|| (scalar.body)(&arguments))).unwrap_or(Err("a function panicked"));
    // SAFETY: `context` is that of this call; SQLITE_TRANSIENT has SQLite copy the text before we drop it.
    unsafe {
        match result {
            Ok(Out::Int(value)) => ffi::sqlite3_result_int64(context, value),
            Ok(Out::Double(value)) => ffi::sqlite3_result_double(context, value),
            Ok(Out::Text(text)) => ffi::sqlite3_result_text64(
                context,
                text.as_ptr().cast::<c_char>(),
                text.len() as ffi::sqlite3_uint64,
                ffi::SQLITE_TRANSIENT(),
                ffi::SQLITE_UTF8 as u8,
            ),
            Err(message) => {
                let length = c_int::try_from(message.len()).unwrap_or(0);
                ffi::sqlite3_result_error(context, message.as_ptr().cast::<c_char>(), length);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substring_counts_code_points() {
        for (text, start, length, expected) in [
            ("Größe", 2, i64::MAX, "öße"),
            ("Größe", -2, i64::MAX, "ße"),
            ("Größe", -9, 2, "Gr"),
            ("Größe", 5, 1, ""),
            ("Größe", 9, 1, ""),
            ("Größe", 1, 0, ""),
            ("Größe", 1, -3, ""),
            ("abc", 1, 1, "b"),
            ("", 0, 1, ""),
        ] {
            assert_eq!(substring(text, start, length), expected, "{text} {start} {length}");
        }
    }
}
