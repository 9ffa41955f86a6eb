//! Wall clocks: what clients write as a time, and what time it is where a person is (contract §4.4).
//!
//! In: texts of the accepted forms, or an instant and a zone. Out: wall clocks, kept as if UTC. By the setting
//! `timestampZone` a zone that stands in a text is dropped, or the instant is moved into the person's zone. Digits that
//! fall into a gap or a fold of daylight saving are stored as written; only where an instant is meant a gap moves forward
//! and a fold takes the earlier one.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::sql::{Day, Instant};

/// What becomes of a zone in a time stamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZonePolicy {
    /// It is dropped: clients send a local day with a false `Z`, others the true local offset.
    #[default]
    Keep,
    /// The instant moves into the person's zone.
    Convert,
}

/// A time as written: its digits, and the offset behind them in seconds east of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub wall: Instant,
    pub offset: Option<i32>,
}

impl Written {
    /// Midnight of a day.
    pub fn midnight(day: Day) -> Written {
        Written { wall: day.midnight(), offset: None }
    }

    /// Reads one of the accepted forms. Nothing else is guessed at.
    pub fn parse(text: &str) -> Option<Written> {
        let text = text.trim();
        if text.contains('/') { us_locale(text) } else { iso(text) }
    }

    /// The moment that it means: of UTC, unless it names a zone.
    pub fn utc(self) -> Instant {
        Instant(self.wall.0 - micros(i64::from(self.offset.unwrap_or_default())))
    }

    /// The wall clock that it means for somebody in this zone.
    pub fn in_zone(self, policy: ZonePolicy, zone: &TimeZone) -> Instant {
        match (policy, self.offset) {
            (ZonePolicy::Convert, Some(offset)) => at_zone(Instant(self.wall.0 - micros(i64::from(offset))), zone),
            _ => self.wall,
        }
    }
}

/// A zone by its IANA name; UTC where the system does not know it.
pub fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// The wall clock of an instant.
pub fn at_zone(instant: Instant, zone: &TimeZone) -> Instant {
    Instant(instant.0.saturating_add(micros(i64::from(offset_at(instant, zone)))))
}

/// Seconds east of UTC at an instant.
pub fn offset_at(instant: Instant, zone: &TimeZone) -> i32 {
    jiff::Timestamp::from_microsecond(instant.0).map_or(0, |at| zone.to_offset(at).seconds())
}

/// The instant that a wall clock means in a zone: the earlier one in a fold, moved forward over a gap.
pub fn instant_of(wall: Instant, zone: &TimeZone) -> Instant {
    let Some(civil) = civil(wall) else { return wall };
    let resolved = zone.to_ambiguous_timestamp(civil).compatible();
    resolved.map_or(wall, |at| Instant(at.as_microsecond()))
}

/// The date and clock of a wall clock.
pub fn civil(wall: Instant) -> Option<DateTime> {
    DateTime::constant(1970, 1, 1, 0, 0, 0, 0).checked_add(jiff::SignedDuration::from_micros(wall.0)).ok()
}

/// `2018-06-29T05:36:21.39`: without a zone, a fraction only as long as it says something (contract §4.3).
pub fn written(wall: Instant) -> String {
    let Some(civil) = civil(wall) else { return String::new() };
    let mut text = civil.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let fraction = wall.0.rem_euclid(1_000_000);
    if fraction > 0 {
        text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
    }
    text
}

/// `yyyy-MM-dd`
pub fn written_day(day: Day) -> String {
    super::calendar::date_of(day).map(|date| date.to_string()).unwrap_or_default()
}

fn micros(seconds: i64) -> i64 {
    seconds * 1_000_000
}

fn wall_of(date: Date, time: Time) -> Instant {
    let since = date.to_datetime(time).duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
    Instant(i64::try_from(since.as_micros()).unwrap_or_default())
}

/// `2021-11-06`, `2021-11-06T10:28`, `2021-11-06 10:28:00.123+02:00`; a `+` that a URL turned into a blank counts.
fn iso(text: &str) -> Option<Written> {
    let (date, rest) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let (year, month, day) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    if parts.next().is_some() || year < 1 {
        return None;
    }
    let date = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let Some(rest) = rest else { return Some(Written { wall: wall_of(date, Time::midnight()), offset: None }) };
    let (clock, offset) = clock_and_offset(rest)?;
    Some(Written { wall: wall_of(date, time(clock)?), offset })
}

fn clock_and_offset(text: &str) -> Option<(&str, Option<i32>)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock.trim_end(), Some(0)));
    }
    let Some(at) = text.rfind(['+', '-', ' ']) else { return Some((text, None)) };
    let sign = if text.as_bytes().get(at) == Some(&b'-') { -1 } else { 1 };
    let digits: String = text[at + 1..].chars().filter(|letter| *letter != ':').collect();
    let (hours, minutes) = (number(digits.get(..2)?, 2)?, number(digits.get(2..)?, 2)?);
    if hours > 18 || minutes > 59 {
        return None;
    }
    Some((text[..at].trim_end(), Some(sign * (hours * 60 + minutes) * 60)))
}

fn time(clock: &str) -> Option<Time> {
    let (clock, fraction) = match clock.split_once(['.', ',']) {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (clock, None),
    };
    let mut parts = clock.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = match parts.next() {
        Some(second) => number(second, 2)?,
        None if fraction.is_none() => 0,
        None => return None,
    };
    if parts.next().is_some() {
        return None;
    }
    let nanos = fraction.map_or(Some(0), nanoseconds)?;
    Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, i8::try_from(second).ok()?, nanos).ok()
}

/// Microseconds are kept; what is finer is dropped.
fn nanoseconds(fraction: &str) -> Option<i32> {
    if fraction.is_empty() || fraction.len() > 12 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let six: String = fraction.chars().chain(std::iter::repeat('0')).take(6).collect();
    six.parse::<i32>().ok().map(|micros| micros * 1000)
}

/// Exactly so many digits.
fn number(text: &str, digits: usize) -> Option<i32> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// `5/29/2021, 10:12:00 AM`: JavaScript's `toLocaleString()`, which the vendor's import program sends.
fn us_locale(text: &str) -> Option<Written> {
    let (date, clock) = match text.split_once([',', ' ']) {
        Some((date, clock)) => (date, Some(clock.trim())),
        None => (text, None),
    };
    let mut parts = date.split('/');
    let short = |part: &str| (1..=2).contains(&part.len()).then(|| number(part, part.len()))?;
    let (month, day, year) = (short(parts.next()?)?, short(parts.next()?)?, number(parts.next()?, 4)?);
    if parts.next().is_some() || year < 1 {
        return None;
    }
    let date = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let time = clock.map_or(Some(Time::midnight()), us_clock)?;
    Some(Written { wall: wall_of(date, time), offset: None })
}

fn us_clock(text: &str) -> Option<Time> {
    // Newer JavaScript engines put a narrow no-break space before the half of the day.
    let text = text.replace(['\u{202f}', '\u{a0}'], " ");
    let (clock, half) = match text.split_once(' ') {
        Some((clock, half)) => (clock, Some(half.trim().to_ascii_uppercase())),
        None => (text.as_str(), None),
    };
    let mut parts = clock.split(':');
    let first = parts.next()?;
    let hour = (1..=2).contains(&first.len()).then(|| number(first, first.len()))??;
    let minute = number(parts.next()?, 2)?;
    let second = parts.next().map_or(Some(0), |second| number(second, 2))?;
    if parts.next().is_some() {
        return None;
    }
    let hour = match half.as_deref() {
        None => hour,
        Some("AM" | "PM") if !(1..=12).contains(&hour) => return None,
        Some("AM") => hour % 12,
        Some("PM") => hour % 12 + 12,
        Some(_) => return None,
    };
    Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, i8::try_from(second).ok()?, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str, offset: Option<i32>) {
        let read = Written::parse(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!((written(read.wall).as_str(), read.offset), (expected, offset), "{text}");
    }

    #[test]
    fn contract_4_4_accepted_forms() {
        check("2021-11-06T10:28:00", "2021-11-06T10:28:00", None);
        check("2021-11-06T10:28", "2021-11-06T10:28:00", None);
        check("2021-11-06", "2021-11-06T00:00:00", None);
        check("2021-11-06T10:28:00.1234567", "2021-11-06T10:28:00.123456", None);
        check("2021-11-06T10:28:00.39Z", "2021-11-06T10:28:00.39", Some(0));
        check("2021-11-06T10:28:00+02:00", "2021-11-06T10:28:00", Some(7200));
        check("2021-11-06T10:28:00 02:00", "2021-11-06T10:28:00", Some(7200));
        check("2021-11-06 10:28:00-0530", "2021-11-06T10:28:00", Some(-19800));
        check("5/29/2021, 10:12:00 AM", "2021-05-29T10:12:00", None);
        check("12/1/2021, 12:00:00 AM", "2021-12-01T00:00:00", None);
        check("12/1/2021, 12:05:09\u{202f}PM", "2021-12-01T12:05:09", None);
        check("12/31/2021 23:59", "2021-12-31T23:59:00", None);
        check("2024-02-29T00:00:00", "2024-02-29T00:00:00", None);
        check("9999-12-31T23:59:59.999999", "9999-12-31T23:59:59.999999", None);
        check("0001-01-01T00:00:00", "0001-01-01T00:00:00", None);
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "yesterday",
            "2021-11-06T24:00:00",
            "2021-02-30",
            "2023-02-29T10:00:00",
            "2021-13-01",
            "2021-11-06T10:60:00",
            "2021-11-06T10:28:60",
            "2021-11-06T1:28:00",
            "0000-01-01",
            "10000-01-01",
            "2021-11-06T10:28:00+25:00",
            "2021-11-06T10:28:00+2",
            "13/1/2021, 1:00:00 AM",
            "5/29/2021, 13:00:00 PM",
            "5/29/2021, 0:00:00 AM",
            "5/29/21, 1:00:00 AM",
            "2021-11-06T",
            "2021-11-06T10:28:00é",
            "é/1/2021",
            "1636194480",
        ] {
            assert_eq!(Written::parse(text), None, "{text}");
        }
    }

    #[test]
    fn contract_4_4_zones_are_dropped_or_converted() {
        let berlin = zone("Europe/Berlin");
        let shown = |text: &str, policy| written(Written::parse(text).unwrap().in_zone(policy, &berlin));
        for (text, kept, converted) in [
            ("2021-07-01T10:00:00Z", "2021-07-01T10:00:00", "2021-07-01T12:00:00"),
            ("2021-01-01T10:00:00Z", "2021-01-01T10:00:00", "2021-01-01T11:00:00"),
            ("2021-01-01T10:00:00-05:00", "2021-01-01T10:00:00", "2021-01-01T16:00:00"),
            ("2021-01-01T10:00:00", "2021-01-01T10:00:00", "2021-01-01T10:00:00"),
            // In the gap of Berlin's spring and the fold of its autumn: as written.
            ("2021-03-28T02:30:00", "2021-03-28T02:30:00", "2021-03-28T02:30:00"),
            ("2021-10-31T02:30:00", "2021-10-31T02:30:00", "2021-10-31T02:30:00"),
        ] {
            assert_eq!(shown(text, ZonePolicy::Keep), kept, "{text}");
            assert_eq!(shown(text, ZonePolicy::Convert), converted, "{text}");
        }
    }

    #[test]
    fn a_gap_moves_forward_and_a_fold_takes_the_earlier_instant() {
        let berlin = zone("Europe/Berlin");
        let back = |text: &str| written(instant_of(Written::parse(text).unwrap().wall, &berlin));
        assert_eq!(back("2021-03-28T02:30:00"), "2021-03-28T01:30:00");
        assert_eq!(back("2021-10-31T02:30:00"), "2021-10-31T00:30:00");
        assert_eq!(back("2021-07-01T12:00:00"), "2021-07-01T10:00:00");
    }
}
