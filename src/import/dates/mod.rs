//! Dates, moments and times of day as files hold them (contract §6.7, §4.4).
//!
//! In: a cell's text or serial number, and the patterns that a mapping profile names. Out: wall clocks as written, or a
//! [`Fault`] with what to do. Without a pattern numbers parted by `/` or `.` are month, day, year, as the contract says:
//! an order is never guessed, neither from one row nor from many. A date that can only be day first is a fault that says
//! so ([`Fault::day_first`]), for a file of such dates is read wrongly wherever the day is below 13.
//!
//! Local times that daylight saving skips or repeats stay as written. 24:00 is no time of a day.

mod pattern;

use jiff::civil::{Date, DateTime, Time};

pub use self::pattern::{BadPattern, Pattern};
use crate::domain::wall::Written;
use crate::sql::{Day, Instant};

/// The patterns of a profile; the contract's forms without.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patterns {
    /// Of dates and moments.
    pub date: Option<Pattern>,
    /// Of times of day; behind the date in a moment whose pattern has none.
    pub time: Option<Pattern>,
}

/// Why a text is no date, moment or time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub reason: String,
    pub suggestion: String,
    /// The date makes sense if its day stands first.
    pub day_first: bool,
}

impl Fault {
    fn new(reason: impl Into<String>, suggestion: impl Into<String>) -> Fault {
        Fault { reason: reason.into(), suggestion: suggestion.into(), day_first: false }
    }
}

impl Fault {
    /// A number where a date should be.
    pub fn unformatted() -> Fault {
        Fault::new(
            "the cell holds a number that is not formatted as a date",
            "format it as a date, or write 2024-05-29",
        )
    }
}

type Read<T> = Result<T, Fault>;

/// A moment of a text. A date alone is its midnight.
pub fn moment(text: &str, patterns: &Patterns) -> Read<Written> {
    let text = text.trim();
    match &patterns.date {
        Some(pattern) => by_pattern(text, pattern, patterns.time.as_ref()),
        None => contract(text),
    }
}

/// A time of day of a text.
pub fn clock(text: &str, patterns: &Patterns) -> Read<Time> {
    let text = text.trim();
    match &patterns.time {
        Some(pattern) => pattern.time(text).ok_or_else(|| mismatch(text, pattern)),
        None => plain_clock(text).ok_or_else(|| no_clock(text)),
    }
}

/// A moment of a cell with a date's format, to the second. `from_1904` tells the epoch.
pub fn of_serial(days: f64, from_1904: bool) -> Read<Written> {
    const SECONDS: i64 = 86_400;
    /// 9999-12-31, the last day of spreadsheets.
    const LAST: f64 = 2_958_466.0;
    if !(0.0..LAST).contains(&days) {
        return Err(Fault::new("this is no date that a spreadsheet knows", "write a date from 1900 on"));
    }
    let seconds = (days * SECONDS as f64).round() as i64;
    let (day, second) = (seconds.div_euclid(SECONDS), seconds.rem_euclid(SECONDS));
    // Day 60 is the 29th of February 1900, which was not; those before it are counted from a day later.
    let since_1970 = match (from_1904, day) {
        (true, day) => day - 24_107,
        (false, 0) => return Err(Fault::new("this is a time without a date", "write the date too")),
        (false, 60) => return Err(Fault::new("February 1900 has 28 days", "write a date that exists")),
        (false, day) if day < 60 => day - 25_568,
        (false, day) => day - 25_569,
    };
    let day = Day(i32::try_from(since_1970).unwrap_or_default());
    Ok(Written { wall: Instant(day.midnight().0 + second * 1_000_000), offset: None })
}

/// A time of day of a cell with a clock's format, to the second.
pub fn clock_of_serial(days: f64) -> Read<Time> {
    let seconds = (days * 86_400.0).round();
    if !(0.0..86_400.0).contains(&seconds) {
        return Err(no_midnight_of_the_next_day());
    }
    let seconds = seconds as i32;
    let part = |number: i32| i8::try_from(number).unwrap_or_default();
    Time::new(part(seconds / 3600), part(seconds / 60 % 60), part(seconds % 60), 0)
        .map_err(|_| no_midnight_of_the_next_day())
}

/// The day of a moment at another time.
pub fn at(day: Written, clock: Time) -> Written {
    let seconds = i64::from(clock.hour()) * 3600 + i64::from(clock.minute()) * 60 + i64::from(clock.second());
    let micros = seconds * 1_000_000 + i64::from(clock.subsec_nanosecond()) / 1000;
    let midnight = day.wall.0 - day.wall.0.rem_euclid(86_400_000_000);
    Written { wall: Instant(midnight + micros), offset: None }
}

fn no_midnight_of_the_next_day() -> Fault {
    Fault::new("24:00 and later are no times of a day", "write 00:00 of the next day")
}

fn written(date: Date, time: Time) -> Option<Written> {
    let since = date.to_datetime(time).duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
    Some(Written { wall: Instant(i64::try_from(since.as_micros()).ok()?), offset: None })
}

fn by_pattern(text: &str, pattern: &Pattern, time: Option<&Pattern>) -> Read<Written> {
    let whole = pattern.moment(text);
    let parted = || {
        let time = time.filter(|_| !pattern.has_time())?;
        // The date ends where the first of its blanks lies behind a whole date.
        text.match_indices(' ').find_map(|(at, _)| {
            let date = pattern.moment(&text[..at])?;
            Some(date.date().to_datetime(time.time(text[at..].trim())?))
        })
    };
    let found = whole.or_else(parted).and_then(|found| written(found.date(), found.time()));
    found.ok_or_else(|| mismatch(text, pattern))
}

fn mismatch(text: &str, pattern: &Pattern) -> Fault {
    if names_midnight_as_24(text) {
        return no_midnight_of_the_next_day();
    }
    Fault::new(
        format!("this is not of the form {pattern}, or no day that exists"),
        "correct it, or choose another form",
    )
}

/// ISO 8601, and US order parted by `/` or `.` (contract §6.7), with a clock of 24 or 12 hours.
fn contract(text: &str) -> Read<Written> {
    let dotted = dotted(text);
    if let Some(found) = Written::parse(dotted.as_deref().unwrap_or(text)).or_else(|| us(text)) {
        return Ok(found);
    }
    Err(diagnosed(text))
}

/// `5.29.2021 10:12` with slashes, if it is of that shape.
fn dotted(text: &str) -> Option<String> {
    let (date, rest) = text.split_at(text.find([' ', ',']).unwrap_or(text.len()));
    let parts = date.split('.').count() == 3 && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    parts.then(|| format!("{}{rest}", date.replace('.', "/")))
}

/// Month, day, year; what the contract's own reader of times does not take: a fraction, an hour of one digit.
fn us(text: &str) -> Option<Written> {
    let (date, rest) = text.split_at(text.find([' ', ',']).unwrap_or(text.len()));
    let [month, day, year] = numbers(date)?;
    let date = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let rest = rest.trim_start_matches(',').trim();
    written(date, if rest.is_empty() { Time::midnight() } else { plain_clock(rest)? })
}

/// Three numbers parted by one sign, the last of four digits.
fn numbers(date: &str) -> Option<[i32; 3]> {
    let sign = date.chars().find(|c| !c.is_ascii_digit()).filter(|c| matches!(c, '/' | '.'))?;
    let mut parts = date.split(sign);
    let mut part = |lengths: std::ops::RangeInclusive<usize>| {
        let part = parts.next().filter(|part| lengths.contains(&part.len()))?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let found = [part(1..=2)?, part(1..=2)?, part(4..=4)?];
    parts.next().is_none().then_some(found)
}

/// `9:30`, `09:30:15`, `9:30 AM`, `12:00 am`.
fn plain_clock(text: &str) -> Option<Time> {
    // Newer JavaScript engines put a narrow no-break space before the half of the day.
    let text = text.replace(['\u{202f}', '\u{a0}'], " ");
    let text = text.trim();
    let (clock, half) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => (text[..at].trim_end(), Some(text[at..].replace('.', "").to_ascii_lowercase())),
        None => (text, None),
    };
    let mut parts = clock.split(':');
    let mut part = |least: usize| {
        let Some(part) = parts.next() else { return Some(None) };
        let good = (least..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        good.then(|| part.parse::<i8>().ok()).flatten().map(Some)
    };
    let (hour, minute, second) = (part(1)??, part(2)??, part(2)?.unwrap_or(0));
    if parts.next().is_some() {
        return None;
    }
    let hour = match half.as_deref() {
        None => hour,
        Some("am" | "pm") if !(1..=12).contains(&hour) => return None,
        Some("am") => hour % 12,
        Some("pm") => hour % 12 + 12,
        Some(_) => return None,
    };
    Time::new(hour, minute, second, 0).ok()
}

fn no_clock(text: &str) -> Fault {
    if names_midnight_as_24(text) {
        return no_midnight_of_the_next_day();
    }
    Fault::new("this is no time of a day", "write 09:30 or 9:30 AM")
}

fn names_midnight_as_24(text: &str) -> bool {
    let clock = text.rsplit([' ', 'T', 't']).next().unwrap_or_default();
    clock.starts_with("24:")
}

/// What is wrong with a text that none of the contract's forms fits.
fn diagnosed(text: &str) -> Fault {
    const FORMS: &str = "write 2024-05-29 09:30 or 05/29/2024 09:30, or choose the form in the mapping";
    if names_midnight_as_24(text) {
        return no_midnight_of_the_next_day();
    }
    let date = &text[..text.find([' ', ',', 'T', 't']).unwrap_or(text.len())];
    if let Some([first, second, year]) = numbers(date) {
        let sign = if date.contains('.') { '.' } else { '/' };
        if first > 12 && exists(year, second, first) {
            let reason = format!("there is no month {first}: the month stands first");
            let suggestion = format!("choose the form dd{sign}MM{sign}yyyy in the mapping");
            return Fault { day_first: true, ..Fault::new(reason, suggestion) };
        }
        if !exists(year, first, second) {
            return Fault::new("there is no such day (month, day, year)", FORMS);
        }
        return Fault::new("this is no time of a day", "write 09:30 or 9:30 AM behind the date");
    }
    let iso: Vec<i32> = date.split('-').filter_map(|part| part.parse().ok()).collect();
    match iso.as_slice() {
        [year, month, day] if date.find('-') == Some(4) && !exists(*year, *month, *day) => {
            Fault::new("there is no such day", "write a day that exists")
        }
        _ => Fault::new("this is no date and time", FORMS),
    }
}

fn exists(year: i32, month: i32, day: i32) -> bool {
    let parts = (i16::try_from(year), i8::try_from(month), i8::try_from(day));
    matches!(parts, (Ok(year), Ok(month), Ok(day)) if year > 0 && Date::new(year, month, day).is_ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::wall;

    fn shown(read: Read<Written>) -> Result<String, Fault> {
        read.map(|found| wall::written(found.wall))
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(shown(moment(text, &Patterns::default())).as_deref(), Ok(expected), "{text}");
    }

    #[test]
    fn contract_6_7_us_order_and_iso() {
        check("05.29.2021 10:12", "2021-05-29T10:12:00");
        check("5/9/2021 9:05", "2021-05-09T09:05:00");
        check("05/29/2021 10:12:13", "2021-05-29T10:12:13");
        check("5/29/2021, 10:12:00 AM", "2021-05-29T10:12:00");
        check("5/29/2021 12:00 am", "2021-05-29T00:00:00");
        check("5.29.2021 1:02 p.m.", "2021-05-29T13:02:00");
        check("03/04/2024", "2024-03-04T00:00:00");
        check("2024-03-04", "2024-03-04T00:00:00");
        check("2024-03-04T09:30", "2024-03-04T09:30:00");
        check("2024-03-04 09:30:15.25+02:00", "2024-03-04T09:30:15.25");
        // A leap day, and times that daylight saving skips and repeats: as written.
        check("2/29/2024 08:00", "2024-02-29T08:00:00");
        check("2021-03-28T02:30:00", "2021-03-28T02:30:00");
        check("10/31/2021 2:30", "2021-10-31T02:30:00");
    }

    #[test]
    fn what_is_wrong_with_a_date_is_said() {
        for (text, part, day_first) in [
            ("31.12.2024 10:00", "no month 31", true),
            ("31/12/2024", "no month 31", true),
            ("13/13/2024", "no such day", false),
            ("2/29/2023", "no such day", false),
            ("2023-02-29", "no such day", false),
            ("29.02.2023", "no such day", false),
            ("5/29/2021 24:00", "24:00", false),
            ("2021-05-29T24:00:00", "24:00", false),
            ("5/29/2021 10", "no time of a day", false),
            ("5/29/2021 13:00 PM", "no time of a day", false),
            ("5/29/21", "no date", false),
            ("29-05-2021", "no date", false),
            ("yesterday", "no date", false),
            ("45000", "no date", false),
            ("", "no date", false),
            ("é/1/2021", "no date", false),
        ] {
            let fault = moment(text, &Patterns::default()).expect_err(text);
            assert!(fault.reason.contains(part) && fault.day_first == day_first, "{text}: {fault:?}");
            assert!(!fault.suggestion.is_empty());
        }
    }

    #[test]
    fn times_of_a_day() {
        for (text, expected) in [
            ("9:30", "09:30:00"),
            ("09:30:15", "09:30:15"),
            ("12:00 AM", "00:00:00"),
            ("12:15pm", "12:15:00"),
            ("0:00", "00:00:00"),
        ] {
            let found = clock(text, &Patterns::default()).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
            assert_eq!(found.to_string(), expected);
        }
        for text in ["24:00", "9", "9:3", "25:00", "9:60", "0:30 AM", "13:00 PM", "morning", "-1:00", "9:30:15:1", ""] {
            assert!(clock(text, &Patterns::default()).is_err(), "{text}");
        }
        assert!(clock("24:00", &Patterns::default()).unwrap_err().suggestion.contains("next day"));
    }

    #[test]
    fn serial_numbers_of_cells() {
        for (days, from_1904, expected) in [
            (1.0, false, "1900-01-01T00:00:00"),
            (59.0, false, "1900-02-28T00:00:00"),
            (61.0, false, "1900-03-01T00:00:00"),
            (45_351.5, false, "2024-02-29T12:00:00"),
            // A microsecond before midnight is midnight of the next day.
            (45_351.999_999_999, false, "2024-03-01T00:00:00"),
            (0.25, true, "1904-01-01T06:00:00"),
            (43_889.0, true, "2024-02-29T00:00:00"),
            (2_958_465.0, false, "9999-12-31T00:00:00"),
        ] {
            assert_eq!(shown(of_serial(days, from_1904)).as_deref(), Ok(expected), "{days}");
        }
        for days in [0.5, 60.0, -1.0, 2_958_466.0, f64::NAN, f64::INFINITY] {
            assert!(of_serial(days, false).is_err(), "{days}");
        }
        assert_eq!(clock_of_serial(0.395_833_333_333_333_3).unwrap().to_string(), "09:30:00");
        for days in [1.0, 0.999_999_999, -0.1, f64::NAN] {
            assert!(clock_of_serial(days).is_err(), "{days}");
        }
    }

    #[test]
    fn a_profile_names_the_order() {
        let patterns = |date: &str, time: Option<&str>| Patterns {
            date: Some(Pattern::parse(date).expect(date)),
            time: time.map(|time| Pattern::parse(time).expect(time)),
        };
        for (date, time, text, expected) in [
            ("dd.MM.yyyy", None, "03.04.2024", "2024-04-03T00:00:00"),
            ("dd.MM.yyyy HH:mm", None, "3.4.2024 9:30", "2024-04-03T09:30:00"),
            ("dd.MM.yyyy", Some("HH:mm"), "03.04.2024 09:30", "2024-04-03T09:30:00"),
            ("MM/dd/yyyy", Some("h:mm tt"), "03/04/2024 12:30 PM", "2024-03-04T12:30:00"),
            ("yyyy-MM-dd", Some("HH:mm"), "2024-03-04", "2024-03-04T00:00:00"),
            ("d. MMMM yyyy", None, "3. März 2024", "2024-03-03T00:00:00"),
        ] {
            assert_eq!(shown(moment(text, &patterns(date, time))).as_deref(), Ok(expected), "{text} as {date}");
        }
        for (date, text) in
            [("dd.MM.yyyy", "04/03/2024"), ("dd.MM.yyyy", "30.02.2024"), ("yyyy-MM-dd", "2024-03-04 9:00")]
        {
            let fault = moment(text, &patterns(date, None)).expect_err(text);
            assert!(fault.reason.contains(date), "{fault:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_an_answer(text in "\\PC{0,30}|[0-9/.: ,TAPM-]{0,24}") {
            for patterns in [Patterns::default(), Patterns {
                date: Pattern::parse("dd.MM.yyyy HH:mm").ok(),
                time: Pattern::parse("h:mm tt").ok(),
            }] {
                drop(moment(&text, &patterns));
                drop(clock(&text, &patterns));
            }
        }

        /// A moment in any of its forms is that moment.
        #[test]
        fn forms_agree(day in 0_i64..40_000, second in 0_i64..86_400) {
            let seconds = day * 86_400 + second;
            let at = wall::civil(Instant(seconds * 1_000_000)).expect("in range");
            let expected = wall::written(Instant(seconds * 1_000_000));
            for form in ["%Y-%m-%dT%H:%M:%S", "%m/%d/%Y %H:%M:%S", "%m.%d.%Y %H:%M:%S", "%m/%d/%Y, %I:%M:%S %p"] {
                let text = at.strftime(form).to_string();
                prop_assert_eq!(shown(moment(&text, &Patterns::default())), Ok(expected.clone()), "{}", text);
            }
            let serial = (day + 25_569) as f64 + second as f64 / 86_400.0;
            prop_assert_eq!(shown(of_serial(serial, false)), Ok(expected.clone()));
            let pattern = Patterns { date: Pattern::parse("dd.MM.yyyy HH:mm:ss").ok(), time: None };
            let text = at.strftime("%d.%m.%Y %H:%M:%S").to_string();
            prop_assert_eq!(shown(moment(&text, &pattern)), Ok(expected));
        }
    }
}
