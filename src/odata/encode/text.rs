//! Values as text, appended to the chunk being made: the one form that JSON and CSV share (OD-74, OData ABNF 7
//! `primitiveValue`).
//!
//! Nothing is allocated. Dates are of the proleptic Gregorian calendar, as ISO 8601 has it.

use uuid::Uuid;

use crate::sql::calendar::civil;

const SECOND: u64 = 1_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
2021222324252627282930313233343536373839\
4041424344454647484950515253545556575859\
6061626364656667686970717273747576777879\
8081828384858687888990919293949596979899";

/// `2025-03-10T09:00:00.25Z` from microseconds since 1970.
#[inline]
pub fn instant(micros: i64, out: &mut Vec<u8>) {
    let (days, time) = split(micros);
    date(days, out);
    out.push(b'T');
    clock(time, out);
    out.push(b'Z');
}

/// `2025-03-10` from days since 1970.
#[inline]
pub fn day(days: i32, out: &mut Vec<u8>) {
    date(i64::from(days), out);
}

/// `09:00:00.25` from microseconds since midnight; a whole day's turn counts for nothing.
#[inline]
pub fn time_of_day(micros: i64, out: &mut Vec<u8>) {
    clock(split(micros).1, out);
}

/// `P1DT2H0M0.5S` without the parts that are zero; `PT0S` where all are.
pub fn duration(micros: i64, out: &mut Vec<u8>) {
    if micros < 0 {
        out.push(b'-');
    }
    out.push(b'P');
    let all = micros.unsigned_abs();
    if all == 0 {
        out.extend_from_slice(b"T0S");
        return;
    }
    part(all / DAY, b'D', out);
    let time = all % DAY;
    if time == 0 {
        return;
    }
    out.push(b'T');
    part(time / HOUR, b'H', out);
    part(time / MINUTE % 60, b'M', out);
    let seconds = time % MINUTE;
    if seconds != 0 {
        unsigned(seconds / SECOND, out);
        fraction(seconds % SECOND, out);
        out.push(b'S');
    }
}

/// A number of 10^-`scale`, exact: `1.5` for 1500 of scale 3.
pub fn decimal(value: i64, scale: u8, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    let mut rest = value.unsigned_abs();
    let mut scale = usize::from(scale);
    while scale > 0 && rest.is_multiple_of(10) {
        rest /= 10;
        // Zero has no end of zeros.
        scale = if rest == 0 { 0 } else { scale - 1 };
    }
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(rest).as_bytes();
    if scale == 0 {
        out.extend_from_slice(digits);
    } else if let Some(whole) = digits.len().checked_sub(scale).filter(|whole| *whole > 0) {
        out.extend_from_slice(&digits[..whole]);
        out.push(b'.');
        out.extend_from_slice(&digits[whole..]);
    } else {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + scale - digits.len(), b'0');
        out.extend_from_slice(digits);
    }
}

/// The shortest digits that read back as the same number: `1.5`, `100`, `1e300`; zero has no sign. Infinities and NaN
/// are the caller's: every format has its own words for them.
#[inline]
pub fn double(value: f64, out: &mut Vec<u8>) {
    let mut buffer = ryu::Buffer::new();
    // −0 + 0 is 0.
    let text = buffer.format(value + 0.0);
    out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
}

/// `3f2504e0-4f89-11d3-9a0c-0305e82c3301`
#[inline]
pub fn guid(value: Uuid, out: &mut Vec<u8>) {
    let mut buffer = Uuid::encode_buffer();
    out.extend_from_slice(value.hyphenated().encode_lower(&mut buffer).as_bytes());
}

#[inline]
pub fn integer(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[inline]
fn unsigned(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn part(value: u64, unit: u8, out: &mut Vec<u8>) {
    if value != 0 {
        unsigned(value, out);
        out.push(unit);
    }
}

/// Days since 1970, and microseconds into the day.
#[inline]
fn split(micros: i64) -> (i64, u64) {
    (micros.div_euclid(DAY as i64), micros.rem_euclid(DAY as i64) as u64)
}

/// Two digits of a number below 100.
#[inline]
fn pair(value: u64) -> [u8; 2] {
    let at = (value % 100) as usize * 2;
    [PAIRS[at], PAIRS[at + 1]]
}

/// `hh:mm:ss` and what there is of a fraction.
#[inline]
fn clock(time: u64, out: &mut Vec<u8>) {
    let ([h1, h2], [m1, m2], [s1, s2]) = (pair(time / HOUR), pair(time / MINUTE % 60), pair(time / SECOND % 60));
    out.extend_from_slice(&[h1, h2, b':', m1, m2, b':', s1, s2]);
    fraction(time % SECOND, out);
}

#[inline]
fn fraction(micros: u64, out: &mut Vec<u8>) {
    if micros == 0 {
        return;
    }
    let ([a, b], [c, d], [e, f]) = (pair(micros / 10_000), pair(micros / 100), pair(micros));
    out.extend_from_slice(&[b'.', a, b, c, d, e, f]);
    let zeros = out.iter().rev().take_while(|digit| **digit == b'0').count();
    out.truncate(out.len() - zeros);
}

/// `yyyy-mm-dd`; a year outside 0000..=9999 has its sign and as many digits as it needs.
#[inline]
fn date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil(days);
    match u64::try_from(year) {
        Ok(year @ 0..=9999) => {
            let ([a, b], [c, d]) = (pair(year / 100), pair(year));
            out.extend_from_slice(&[a, b, c, d]);
        }
        _ => far_year(year, out),
    }
    let ([m1, m2], [d1, d2]) = (pair(month), pair(day));
    out.extend_from_slice(&[b'-', m1, m2, b'-', d1, d2]);
}

#[cold]
fn far_year(year: i64, out: &mut Vec<u8>) {
    if year < 0 {
        out.push(b'-');
    }
    let year = year.unsigned_abs();
    for bound in [1000, 100, 10] {
        if year < bound {
            out.push(b'0');
        }
    }
    unsigned(year, out);
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn moments() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (1_741_597_200_000_000, "2025-03-10T09:00:00Z"),
            (1_741_597_200_250_000, "2025-03-10T09:00:00.25Z"),
            (1_741_597_200_000_001, "2025-03-10T09:00:00.000001Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00Z"),
            (-62_135_596_800_000_000, "0001-01-01T00:00:00Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
            (253_402_300_800_000_000, "10000-01-01T00:00:00Z"),
            (-62_198_755_200_000_000, "-0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(written(|out| instant(micros, out)), text);
        }
        for micros in [i64::MIN, i64::MAX] {
            assert!(written(|out| instant(micros, out)).ends_with('Z'));
        }
        for days in [i32::MIN, i32::MAX] {
            assert!(written(|out| day(days, out)).len() > "yyyy-mm-dd".len());
        }
    }

    #[test]
    fn times() {
        for (micros, text) in [
            (0, "00:00:00"),
            (43_200_000_000, "12:00:00"),
            (86_399_999_999, "23:59:59.999999"),
            (500_000, "00:00:00.5"),
            (100, "00:00:00.0001"),
        ] {
            assert_eq!(written(|out| time_of_day(micros, out)), text);
        }
    }

    #[test]
    fn durations() {
        for (micros, text) in [
            (0, "PT0S"),
            (1, "PT0.000001S"),
            (3_600_000_000, "PT1H"),
            (5_400_000_000, "PT1H30M"),
            (86_400_000_000, "P1D"),
            (90_061_500_000, "P1DT1H1M1.5S"),
            (-90_000_000, "-PT1M30S"),
            (i64::MIN, "-P106751991DT4H54.775808S"),
        ] {
            assert_eq!(written(|out| duration(micros, out)), text);
        }
    }

    #[test]
    fn decimals() {
        for (value, scale, text) in [
            (0, 0, "0"),
            (0, 4, "0"),
            (15_000, 4, "1.5"),
            (10_000, 4, "1"),
            (1_000_000, 4, "100"),
            (5, 4, "0.0005"),
            (-50, 4, "-0.005"),
            (-12_345, 2, "-123.45"),
            (100, 0, "100"),
            (1, 25, "0.0000000000000000000000001"),
            (i64::MIN, 6, "-9223372036854.775808"),
            (i64::MAX, 19, "0.9223372036854775807"),
        ] {
            assert_eq!(written(|out| decimal(value, scale, out)), text, "{value} of scale {scale}");
        }
    }

    #[test]
    fn doubles() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.5, "1.5"),
            (100.0, "100"),
            (0.1, "0.1"),
            (-2.0, "-2"),
            (1e300, "1e300"),
            (5e-324, "5e-324"),
        ] {
            assert_eq!(written(|out| double(value, out)), text);
        }
    }

    #[test]
    fn guids_and_integers() {
        let id = Uuid::from_u128(0x3F25_04E0_4F89_11D3_9A0C_0305_E82C_3301);
        assert_eq!(written(|out| guid(id, out)), "3f2504e0-4f89-11d3-9a0c-0305e82c3301");
        assert_eq!(written(|out| integer(i64::MIN, out)), "-9223372036854775808");
    }

    proptest! {
        #[test]
        fn dates_are_those_of_the_calendar(micros in -62_135_596_800_000_000..=253_402_207_200_999_999_i64) {
            let moment = jiff::Timestamp::from_microsecond(micros).expect("within its range");
            prop_assert_eq!(written(|out| instant(micros, out)), moment.to_string());
            let days = split(micros).0;
            let date: Date = moment.to_zoned(jiff::tz::TimeZone::UTC).date();
            prop_assert_eq!(written(|out| day(days as i32, out)), date.to_string());
        }

        #[test]
        fn doubles_read_back(value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            let text = written(|out| double(value, out));
            prop_assert_eq!(text.parse::<f64>().expect("a number"), value);
            prop_assert!(serde_json::from_str::<serde_json::Number>(&text).is_ok());
        }

        #[test]
        fn decimals_are_exact(value: i64, scale in 0..18_u8) {
            let text = written(|out| decimal(value, scale, out));
            let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
            let padded = format!("{whole}{part:0<width$}", width = usize::from(scale));
            prop_assert_eq!(padded.parse::<i64>().expect("the same digits"), value);
        }
    }
}
