//! Text → values: dates, times, durations, guids, numbers, binary (ABNF "literals", Part 2 §5.1.1.14).
//!
//! In: decoded text, whole or from some point on. Out: a value and how far it reaches. Values that no calendar or
//! clock has are refused with what is wrong; precision beyond a tenth of a microsecond is cut.

use super::syntax::Literal;

const MICROS: i64 = 1_000_000;
const DAY: i64 = 86_400 * MICROS;

/// Why a text that looks like a literal is none, and where in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Flaw {
    pub at: usize,
    pub message: String,
}

fn flaw<T>(at: usize, message: impl Into<String>) -> Result<T, Flaw> {
    Err(Flaw { at, message: message.into() })
}

/// Whether `10:15` may be a time of day. In a condition of `case(…)` the colon is the separator, unless seconds follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colon {
    InTime,
    Separates,
}

/// The literal without quotes that `text` begins with, and its length in bytes; `None` if there is none.
pub fn scan(text: &str, colon: Colon) -> Result<Option<(Literal, usize)>, Flaw> {
    if let Some(value) = scan_guid(text) {
        return Ok(Some((Literal::Guid(value), 36)));
    }
    if let Some(length) = date_length(text) {
        return scan_date(text, length).map(Some);
    }
    if looks_like_time(text.as_bytes(), colon) {
        let time = scan_clock(text, 0)?;
        let micros = time.micros;
        if micros >= DAY {
            return flaw(0, "A time of day ends before 24:00.");
        }
        return Ok(Some((Literal::TimeOfDay(micros), time.end)));
    }
    Ok(scan_number(text))
}

/// A date such as `2024-02-29`: days since 1970-01-01.
pub fn date(text: &str) -> Result<i32, Flaw> {
    match date_length(text) {
        Some(length) if length == text.len() => scan_day(text, length),
        _ => flaw(0, "Expected a date such as 2024-02-29."),
    }
}

/// A date-time with offset; a date alone is its midnight in UTC. Microseconds since 1970 and tenths.
pub fn date_time_offset(text: &str) -> Result<(i64, u8), Flaw> {
    let Some(length) = date_length(text) else {
        return flaw(0, "Expected a date-time such as 2024-02-29T08:00:00Z.");
    };
    match scan_date(text, length)? {
        (Literal::DateTimeOffset { micros, tenths }, end) if end == text.len() => Ok((micros, tenths)),
        (Literal::Date(days), end) if end == text.len() => Ok((i64::from(days) * DAY, 0)),
        (_, end) => flaw(end, "Unexpected characters behind the date-time."),
    }
}

/// A time of day such as `08:00:00.5`: microseconds since midnight.
pub fn time_of_day(text: &str) -> Result<i64, Flaw> {
    if !looks_like_time(text.as_bytes(), Colon::InTime) {
        return flaw(0, "Expected a time of day such as 08:30:00.");
    }
    let time = scan_clock(text, 0)?;
    match time {
        Clock { end, micros, .. } if end == text.len() && micros < DAY => Ok(micros),
        Clock { end, .. } => flaw(end, "Unexpected characters behind the time of day."),
    }
}

/// A duration such as `-P1DT2H3M4.5S`: microseconds. No years and months, whose lengths differ.
pub fn duration(text: &str) -> Result<i64, Flaw> {
    let mut at = usize::from(text.starts_with('-'));
    let negative = at == 1;
    let bytes = text.as_bytes();
    let is = |at: usize, letter: u8| bytes.get(at).is_some_and(|b| b.eq_ignore_ascii_case(&letter));
    let wrong = "Expected a duration such as P1DT2H30M or PT90.5S.";
    if !is(at, b'P') {
        return flaw(at, wrong);
    }
    at += 1;
    // Units in their order; `T` stands before those of the clock.
    let mut units: &[(u8, i64)] = &[(b'D', 86_400), (b'H', 3_600), (b'M', 60), (b'S', 1)];
    let (mut total, mut parts, mut clock) = (0_i128, 0, false);
    while at < bytes.len() {
        if is(at, b'T') && !clock {
            clock = true;
            units = &[(b'H', 3_600), (b'M', 60), (b'S', 1)];
            at += 1;
        }
        let start = at;
        at += digits(&bytes[at..]);
        let Some(whole) = text[start..at].parse::<i64>().ok() else {
            return flaw(start, wrong);
        };
        let mut fraction = 0;
        if is(at, b'.') {
            let (value, _, end) = scan_fraction(bytes, at + 1);
            if end == at + 1 || !is(end, b'S') {
                return flaw(at, wrong);
            }
            (fraction, at) = (value, end);
        }
        let Some(unit) = units.iter().position(|(letter, _)| is(at, *letter)) else {
            return flaw(at, wrong);
        };
        let (letter, seconds) = units[unit];
        if clock != (letter != b'D') {
            return flaw(at, wrong);
        }
        total += i128::from(whole) * i128::from(seconds) * i128::from(MICROS) + i128::from(fraction);
        units = &units[unit + 1..];
        parts += 1;
        at += 1;
    }
    if parts == 0 || is(bytes.len() - 1, b'T') {
        return flaw(at, wrong);
    }
    i64::try_from(if negative { -total } else { total })
        .map_err(|_| Flaw { at: 0, message: "The duration is too long; at most some 292,000 years fit.".into() })
}

/// A guid with dashes, in any letter case.
pub fn guid(text: &str) -> Option<uuid::Uuid> {
    (text.len() == 36).then(|| scan_guid(text)).flatten()
}

/// Base64url, with or without padding.
pub fn binary(text: &str) -> Result<Vec<u8>, Flaw> {
    let bare = text.trim_end_matches('=');
    let padding = text.len() - bare.len();
    if bare.len() % 4 == 1 || (padding > 0 && (!text.len().is_multiple_of(4) || padding > 2)) {
        return flaw(bare.len(), "The length is not that of base64url.");
    }
    let mut bytes = Vec::with_capacity(bare.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0);
    for (at, byte) in bare.bytes().enumerate() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return flaw(at, "Expected base64url: letters, digits, `-` and `_`."),
        };
        bits = (bits << 6 | u32::from(six)) & 0xfff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap_or_default());
        }
    }
    Ok(bytes)
}

fn scan_guid(text: &str) -> Option<uuid::Uuid> {
    let head = text.as_bytes().get(..36)?;
    let shaped = head.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    if shaped { uuid::Uuid::try_parse_ascii(head).ok() } else { None }
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| b.is_ascii_digit()).count()
}

/// The value of exactly two digits at `at`.
fn two_digits(bytes: &[u8], at: usize) -> Option<u8> {
    let pair = bytes.get(at..at + 2)?;
    pair.iter().all(u8::is_ascii_digit).then(|| (pair[0] - b'0') * 10 + pair[1] - b'0')
}

/// The length of what has the form of a date at the start of `text`.
fn date_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let sign = usize::from(bytes.first() == Some(&b'-'));
    let year = digits(&bytes[sign..]);
    let month = sign + year;
    let shaped = year >= 4
        && bytes.get(month) == Some(&b'-')
        && two_digits(bytes, month + 1).is_some()
        && bytes.get(month + 3) == Some(&b'-')
        && two_digits(bytes, month + 4).is_some()
        && !bytes.get(month + 6).is_some_and(u8::is_ascii_digit);
    shaped.then_some(month + 6)
}

fn scan_day(text: &str, length: usize) -> Result<i32, Flaw> {
    let year_text = &text[..length - 6];
    let digits_of_year = year_text.trim_start_matches('-');
    if digits_of_year.len() > 4 && digits_of_year.starts_with('0') {
        return flaw(0, "A year of more than four digits does not begin with 0.");
    }
    let year: i64 = match year_text.parse() {
        Ok(year) if (-290_000..=290_000).contains(&year) => year,
        _ => return flaw(0, "The year is out of range."),
    };
    let bytes = text.as_bytes();
    let month = i64::from(two_digits(bytes, length - 5).unwrap_or_default());
    let day = i64::from(two_digits(bytes, length - 2).unwrap_or_default());
    if !(1..=12).contains(&month) {
        return flaw(length - 5, format!("There is no month {month:02}."));
    }
    if day < 1 || day > days_in_month(year, month) {
        return flaw(length - 2, format!("The month {} has no day {day:02}.", &text[..length - 3]));
    }
    i32::try_from(days_from_civil(year, month, day))
        .map_err(|_| Flaw { at: 0, message: "The year is out of range.".into() })
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, counted in eras of 400 years that begin in March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// A date, and the time behind it if there is one.
fn scan_date(text: &str, length: usize) -> Result<(Literal, usize), Flaw> {
    let days = scan_day(text, length)?;
    let bytes = text.as_bytes();
    match bytes.get(length) {
        Some(b'Z' | b'z') => return Ok((Literal::Date(days), length + 1)),
        Some(b'T' | b't') => {}
        _ => return Ok((Literal::Date(days), length)),
    }
    if !looks_like_time(&bytes[length + 1..], Colon::InTime) {
        return flaw(length + 1, "Expected a time such as 08:00 behind `T`.");
    }
    let time = scan_clock(text, length + 1)?;
    let (offset, end) = scan_offset(bytes, time.end)?;
    // The year is within ±290,000, so the sum stays far inside of Int64.
    let micros = i64::from(days) * DAY + time.micros - offset * 60 * MICROS;
    Ok((Literal::DateTimeOffset { micros, tenths: time.tenths }, end))
}

/// `Z` or `±hh:mm` in minutes. A blank stands for a `+` that was sent unencoded (OD-16).
fn scan_offset(bytes: &[u8], at: usize) -> Result<(i64, usize), Flaw> {
    let sign = match bytes.get(at) {
        Some(b'Z' | b'z') => return Ok((0, at + 1)),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(b' ') if looks_like_time(&bytes[at + 1..], Colon::InTime) => 1,
        _ => return flaw(at, "The date-time has no offset: add Z or an offset such as +02:00 (%2B02:00 in a URL)."),
    };
    let hours = two_digits(bytes, at + 1).filter(|hours| *hours < 24);
    let minutes = two_digits(bytes, at + 4).filter(|minutes| *minutes < 60 && bytes[at + 3] == b':');
    match hours.zip(minutes) {
        Some((hours, minutes)) => Ok((sign * (i64::from(hours) * 60 + i64::from(minutes)), at + 6)),
        None => flaw(at, "Expected an offset such as +02:00."),
    }
}

fn looks_like_time(bytes: &[u8], colon: Colon) -> bool {
    let minutes = |at: usize| bytes.get(at) == Some(&b':') && two_digits(bytes, at + 1).is_some();
    two_digits(bytes, 0).is_some() && minutes(2) && (colon == Colon::InTime || minutes(5))
}

struct Clock {
    micros: i64,
    tenths: u8,
    end: usize,
}

/// `hh:mm[:ss[.f…]]` at `start`; a leap second counts as the first of the next minute.
fn scan_clock(text: &str, start: usize) -> Result<Clock, Flaw> {
    let bytes = text.as_bytes();
    let part = |at: usize, most: u8, what: &str| match two_digits(bytes, at) {
        Some(value) if value <= most => Ok(i64::from(value)),
        Some(value) => flaw(at, format!("{value:02} is no {what}: at most {most}.")),
        None => flaw(at, format!("Expected two digits for the {what}.")),
    };
    let hour = part(start, 23, "hour")?;
    let minute = part(start + 3, 59, "minute")?;
    let mut clock = Clock { micros: (hour * 60 + minute) * 60 * MICROS, tenths: 0, end: start + 5 };
    if bytes.get(clock.end) != Some(&b':') {
        return Ok(clock);
    }
    clock.micros += part(start + 6, 60, "second")? * MICROS;
    clock.end = start + 8;
    if bytes.get(clock.end) == Some(&b'.') {
        let first = clock.end + 1;
        let (micros, tenths, end) = scan_fraction(bytes, first);
        if end == first || end - first > 12 {
            return flaw(first, "Expected 1 to 12 digits behind the point of the seconds.");
        }
        clock.micros += micros;
        clock.tenths = tenths;
        clock.end = end;
    }
    Ok(clock)
}

/// Digits of a fraction of a second: microseconds, tenths of one, end. What lies beyond the tenths is cut, but never
/// to nothing: a literal above a whole microsecond stays above it.
fn scan_fraction(bytes: &[u8], start: usize) -> (i64, u8, usize) {
    let end = start + digits(&bytes[start..]);
    let digit = |at: usize| bytes[start..end].get(at).map_or(0, |b| b - b'0');
    let micros = (0..6).fold(0, |sum, at| sum * 10 + i64::from(digit(at)));
    let beyond = (7..end - start).any(|at| digit(at) != 0);
    (micros, digit(6).max(u8::from(beyond)), end)
}

/// Integers beyond Int64 and numbers with a point are decimals, those with an exponent doubles (OD-45).
fn scan_number(text: &str) -> Option<(Literal, usize)> {
    let bytes = text.as_bytes();
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    if text[sign..].starts_with("INF") {
        let value = if bytes[0] == b'-' { f64::NEG_INFINITY } else { f64::INFINITY };
        return Some((Literal::Double(value), sign + 3));
    }
    let whole = digits(&bytes[sign..]);
    if whole == 0 {
        return None;
    }
    let mut end = sign + whole;
    let fraction = if bytes.get(end) == Some(&b'.') { digits(&bytes[end + 1..]) } else { 0 };
    if fraction > 0 {
        end += 1 + fraction;
    }
    if let Some((value, length)) = scan_exponent(&text[..end], &bytes[end..]) {
        return Some((Literal::Double(value), end + length));
    }
    let shown = text[..end].trim_start_matches('+');
    match shown.parse::<i64>() {
        Ok(value) => Some((Literal::Int(value), end)),
        Err(_) => Some((Literal::Decimal(shown.to_owned()), end)),
    }
}

/// `e±n` behind a mantissa; a blank is the `+` that a query string made of it. Too large is INF.
fn scan_exponent(mantissa: &str, rest: &[u8]) -> Option<(f64, usize)> {
    if !matches!(rest.first(), Some(b'e' | b'E')) {
        return None;
    }
    let signed = usize::from(matches!(rest.get(1), Some(b'+' | b'-' | b' ')));
    let exponent = digits(&rest[1 + signed..]);
    if exponent == 0 {
        return None;
    }
    let sign = if rest[1] == b'-' { "-" } else { "" };
    let power = std::str::from_utf8(&rest[1 + signed..1 + signed + exponent]).ok()?;
    let value = format!("{mantissa}e{sign}{power}").parse().ok()?;
    Some((value, 1 + signed + exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(text: &str) -> Literal {
        match scan(text, Colon::InTime) {
            Ok(Some((literal, end))) if end == text.len() => literal,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn numbers() {
        let decimal = |text: &str| Literal::Decimal(text.into());
        for (text, expected) in [
            ("0", Literal::Int(0)),
            ("-5", Literal::Int(-5)),
            ("+42", Literal::Int(42)),
            ("9223372036854775807", Literal::Int(i64::MAX)),
            ("-9223372036854775808", Literal::Int(i64::MIN)),
            ("9223372036854775808", decimal("9223372036854775808")),
            ("5.00", decimal("5.00")),
            ("-0.5", decimal("-0.5")),
            ("1e3", Literal::Double(1000.0)),
            ("0.25e+1", Literal::Double(2.5)),
            ("0.25e 1", Literal::Double(2.5)),
            ("1e400", Literal::Double(f64::INFINITY)),
            ("-1e-400", Literal::Double(-0.0)),
            ("-INF", Literal::Double(f64::NEG_INFINITY)),
        ] {
            assert_eq!(scanned(text), expected, "{text}");
        }
    }

    #[test]
    fn dates_and_times() {
        let instant = |micros, tenths| Literal::DateTimeOffset { micros, tenths };
        for (text, expected) in [
            ("1970-01-01", Literal::Date(0)),
            ("2024-02-29", Literal::Date(19_782)),
            ("2025-01-01Z", Literal::Date(20_089)),
            ("0000-01-01", Literal::Date(-719_528)),
            ("1969-12-31T23:59:59.9999999Z", instant(-1, 9)),
            ("1970-01-01T00:00Z", instant(0, 0)),
            ("1970-01-01T02:00:00+02:00", instant(0, 0)),
            ("1970-01-01T02:00:00 02:00", instant(0, 0)),
            ("1970-01-01t00:00:00.1234567z", instant(123_456, 7)),
            ("1970-01-01T00:00:00.000000000001Z", instant(0, 1)),
            ("1972-06-30T23:59:60Z", instant(78_796_800_000_000, 0)),
            ("08:00:00.5", Literal::TimeOfDay(28_800_500_000)),
            ("11:22", Literal::TimeOfDay(40_920_000_000)),
        ] {
            assert_eq!(scanned(text), expected, "{text}");
        }
    }

    #[test]
    fn what_no_calendar_has() {
        for (text, at) in [
            ("2024-02-30", 8),
            ("2023-02-29", 8),
            ("2024-13-01", 5),
            ("2024-01-01T24:00Z", 11),
            ("2024-01-01T23:60Z", 14),
            ("2024-01-01T08:00:00", 19),
            ("2024-01-01T08:00:00+25:00", 19),
            ("2024-01-01T08:00:00.Z", 20),
            ("24:00:00", 0),
            ("999999-01-01", 0),
        ] {
            match scan(text, Colon::InTime) {
                Err(flaw) => assert_eq!(flaw.at, at, "{text}: {}", flaw.message),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn durations() {
        for (text, expected) in [
            ("PT1H", 3_600 * MICROS),
            ("P1D", DAY),
            ("-P6DT23H59M59.9999S", -(7 * DAY - 100)),
            ("pt0.5s", 500_000),
            ("P0D", 0),
        ] {
            assert_eq!(duration(text), Ok(expected), "{text}");
        }
        for text in
            ["", "P", "PT", "P1DT", "+P1D", "P1Y", "P1M", "PT1D", "PT1M1H", "PT1.5M", "1D", "PT1S ", "P99999999999999D"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn binaries() {
        for (text, expected) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zg", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9vYmFy", b"foobar"),
            ("_-8", b"\xff\xef"),
        ] {
            assert_eq!(binary(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["Z", "Zg=", "Zg===", "Zm+8", "Z=g="] {
            assert!(binary(text).is_err(), "{text}");
        }
    }
}
