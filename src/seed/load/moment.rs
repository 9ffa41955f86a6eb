//! Text → a wall clock: `2024-03-01T09:30:00`, with or without `Z`; a date alone is its midnight.
//!
//! A wall clock has no offset: one that is given is refused, for dropping or applying it would be a guess.

use serde::de::{self, Deserialize, Deserializer};

use crate::sql::Instant;

/// A time as a person's clock shows it, kept as if UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(pub Instant);

pub(super) fn parse(text: &str) -> Option<Instant> {
    let text = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let (date, time) = match text.split_once(['T', 't', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let [year, month, day] = digits(date, '-', [4, 2, 2])?;
    let (mut hour, mut minute, mut second, mut micros) = (0, 0, 0, 0);
    if let Some(time) = time {
        let (clock, fraction) = time.split_once('.').map_or((time, None), |(clock, fraction)| (clock, Some(fraction)));
        if let Some([h, m, s]) = digits(clock, ':', [2, 2, 2]) {
            (hour, minute, second) = (h, m, s);
            micros = fraction.map_or(Some(0), microseconds)?;
        } else {
            [hour, minute] = digits(clock, ':', [2, 2])?;
            if fraction.is_some() {
                return None;
            }
        }
    }
    let small = |n: i32| i8::try_from(n).ok();
    let year = i16::try_from(year).ok().filter(|year| *year > 0)?;
    let date = jiff::civil::Date::new(year, small(month)?, small(day)?).ok()?;
    let at = jiff::civil::Time::new(small(hour)?, small(minute)?, small(second)?, micros * 1000).ok()?;
    // Not through a timestamp, whose range ends a day before the calendar's.
    let since = date.to_datetime(at).duration_since(jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0));
    Some(Instant(i64::try_from(since.as_micros()).ok()?))
}

/// Numbers of fixed length, divided by one letter.
fn digits<const N: usize>(text: &str, divider: char, lengths: [usize; N]) -> Option<[i32; N]> {
    let mut parts = text.split(divider);
    let mut numbers = [0; N];
    for (number, length) in numbers.iter_mut().zip(lengths) {
        let part = parts.next().filter(|part| part.len() == length && part.bytes().all(|b| b.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// The first six digits of a fraction; what is finer is dropped.
fn microseconds(fraction: &str) -> Option<i32> {
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(
        fraction
            .bytes()
            .chain(std::iter::repeat(b'0'))
            .take(6)
            .fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0')),
    )
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        parse(&text).map(Moment).ok_or_else(|| {
            de::Error::custom(format!(
                "`{text}` is no time; it should look like 2024-03-01T09:30:00, with or without Z"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        const DAY: i64 = 19_783 * 86_400_000_000;
        for (text, after_midnight) in [
            ("2024-03-01", 0),
            ("2024-03-01T09:30:00Z", 34_200_000_000),
            ("2024-03-01T09:30:00", 34_200_000_000),
            ("2024-03-01T09:30", 34_200_000_000),
            ("2024-03-01 09:30:00.5", 34_200_500_000),
            ("2024-03-01T23:59:59.9999999Z", 86_399_999_999),
        ] {
            assert_eq!(parse(text), Some(Instant(DAY + after_midnight)), "{text}");
        }
        assert!(parse("0001-01-01T00:00:00Z").is_some() && parse("9999-12-31T23:59:59Z").is_some());
    }

    #[test]
    fn no_times() {
        for text in [
            "",
            "Z",
            "2024-02-30",
            "2024-03-01T24:00:00",
            "2024-03-01T09:30:60",
            "2024-03-01T09:30:00+02:00",
            "2024-03-01T09:30:00.",
            "2024-3-1",
            "0000-01-01",
            "20240301",
            "2024-03-01T",
            "2024-03-01T09:30.5",
            "2024-03-01T09:30:00ZZ",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
