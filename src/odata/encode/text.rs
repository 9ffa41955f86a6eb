//! Values as text, one form for all encoders (JSON Format §7, ABNF §7). Each function appends and allocates nothing.

use uuid::Uuid;

const DAY: i64 = 86_400_000_000;

pub fn integer(n: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

/// A finite double, in the shortest form that reads back the same; whole numbers without a point, no negative zero.
pub fn double(n: f64, out: &mut Vec<u8>) {
    if n == 0.0 {
        out.push(b'0');
        return;
    }
    if n.fract() == 0.0 && n.abs() < 1e15 {
        return integer(n as i64, out);
    }
    out.extend_from_slice(ryu::Buffer::new().format_finite(n).as_bytes());
}

/// A decimal carried as an integer of 10^-scale; trailing zeros are left out, and there is never an exponent (OD-70).
pub fn decimal(n: i64, scale: u8, out: &mut Vec<u8>) {
    if scale == 0 {
        return integer(n, out);
    }
    if n < 0 {
        out.push(b'-');
    }
    let unit = 10u64.checked_pow(scale.into()).unwrap_or(u64::MAX);
    let (whole, mut fraction) = (n.unsigned_abs() / unit, n.unsigned_abs() % unit);
    out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    if fraction > 0 {
        let mut digits = usize::from(scale);
        while fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        out.push(b'.');
        padded(fraction, digits, out);
    }
}

/// `2024-02-29`
pub fn day(days: i32, out: &mut Vec<u8>) {
    let (year, month, day) = civil(days.into());
    if year < 0 {
        out.push(b'-');
    }
    padded(year.unsigned_abs(), 4, out);
    out.push(b'-');
    padded(month, 2, out);
    out.push(b'-');
    padded(day, 2, out);
}

/// `2024-02-29T08:00:00.5Z`, always in UTC (OD-74).
pub fn instant(micros: i64, out: &mut Vec<u8>) {
    // Within i32: i64 microseconds span some 584,000 years.
    day(micros.div_euclid(DAY) as i32, out);
    out.push(b'T');
    time_of_day(micros.rem_euclid(DAY), out);
    out.push(b'Z');
}

/// `08:00:00.5`
pub fn time_of_day(micros: i64, out: &mut Vec<u8>) {
    let micros = micros.unsigned_abs();
    let seconds = micros / 1_000_000;
    padded(seconds / 3600, 2, out);
    out.push(b':');
    padded(seconds / 60 % 60, 2, out);
    out.push(b':');
    padded(seconds % 60, 2, out);
    fraction(micros % 1_000_000, out);
}

/// `P1DT2H30M0.5S`; `PT0S` for none.
pub fn duration(micros: i64, out: &mut Vec<u8>) {
    if micros < 0 {
        out.push(b'-');
    }
    out.push(b'P');
    let micros = micros.unsigned_abs();
    let (days, rest) = (micros / DAY.unsigned_abs(), micros % DAY.unsigned_abs());
    let part = |n: u64, unit: u8, out: &mut Vec<u8>| {
        if n > 0 {
            out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
            out.push(unit);
        }
    };
    part(days, b'D', out);
    if rest == 0 && days > 0 {
        return;
    }
    out.push(b'T');
    let (seconds, below) = (rest / 1_000_000, rest % 1_000_000);
    part(seconds / 3600, b'H', out);
    part(seconds / 60 % 60, b'M', out);
    let seconds_left = seconds % 60;
    if seconds_left > 0 || below > 0 || rest == 0 {
        out.extend_from_slice(itoa::Buffer::new().format(seconds_left).as_bytes());
        fraction(below, out);
        out.push(b'S');
    }
}

pub fn guid(guid: Uuid, out: &mut Vec<u8>) {
    let mut buffer = Uuid::encode_buffer();
    out.extend_from_slice(guid.as_hyphenated().encode_lower(&mut buffer).as_bytes());
}

/// `.5`, or nothing.
fn fraction(mut micros: u64, out: &mut Vec<u8>) {
    if micros == 0 {
        return;
    }
    let mut digits = 6;
    while micros % 10 == 0 {
        micros /= 10;
        digits -= 1;
    }
    out.push(b'.');
    padded(micros, digits, out);
}

fn padded(n: u64, width: usize, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(n);
    out.extend(std::iter::repeat_n(b'0', width.saturating_sub(text.len())));
    out.extend_from_slice(text.as_bytes());
}

/// Days since 1970-01-01 → year, month, day of the proleptic Gregorian calendar: eras of 400 years, years from March.
fn civil(days: i64) -> (i64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097).unsigned_abs();
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = i64::try_from(year_of_era).unwrap_or(0) + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_have_one_form() {
        assert_eq!(text(|o| day(0, o)), "1970-01-01");
        assert_eq!(text(|o| day(19_782, o)), "2024-02-29");
        assert_eq!(text(|o| day(-719_162, o)), "0001-01-01");
        assert_eq!(text(|o| instant(-1, o)), "1969-12-31T23:59:59.999999Z");
        assert_eq!(text(|o| instant(1_500_000, o)), "1970-01-01T00:00:01.5Z");
        assert_eq!(text(|o| duration(0, o)), "PT0S");
        assert_eq!(text(|o| duration(DAY, o)), "P1D");
        assert_eq!(text(|o| duration(-5_400_500_000, o)), "-PT1H30M0.5S");
        assert_eq!(text(|o| decimal(1_500_000, 6, o)), "1.5");
        assert_eq!(text(|o| decimal(-1, 6, o)), "-0.000001");
        assert_eq!(text(|o| decimal(3_000_000, 6, o)), "3");
        assert_eq!(text(|o| double(-0.0, o)), "0");
        assert_eq!(text(|o| double(100.0, o)), "100");
        assert_eq!(text(|o| double(0.1, o)), "0.1");
    }

    proptest::proptest! {
        #[test]
        fn days_agree_with_the_calendar(n in -719_162i32..=2_932_896) {
            let date = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(n)).unwrap();
            proptest::prop_assert_eq!(text(|o| day(n, o)), date.to_string());
        }
    }
}
