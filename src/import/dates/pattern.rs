//! Patterns of dates and times as .NET writes them: `dd.MM.yyyy HH:mm`, `MM/dd/yyyy h:mm tt` (contract §6.7).
//!
//! In: a pattern, once; then texts. Out: what a text means by it. Numbers may lack the zero before them where a sign
//! follows. Names of months are English or German.

use std::fmt;

use jiff::civil::{Date, DateTime, Time};

/// A pattern that has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Year,
    /// `yy`: 1970 to 2069.
    ShortYear,
    Month,
    MonthName,
    Day,
    DayName,
    Hour,
    HalfHour,
    Minute,
    Second,
    /// Up to so many digits.
    Fraction(usize),
    Half,
    Sign(char),
}

/// Why a pattern cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPattern(pub String);

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The longest pattern.
const LONGEST: usize = 60;

impl Pattern {
    pub fn parse(text: &str) -> Result<Pattern, BadPattern> {
        let bad = |what: String| Err(BadPattern(what));
        if text.len() > LONGEST {
            return bad(format!("a pattern has at most {LONGEST} letters"));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let run = rest.chars().take_while(|c| *c == first).count();
            let part = match (first, run) {
                ('y', 4) => Part::Year,
                ('y', 2) => Part::ShortYear,
                ('M', 1 | 2) => Part::Month,
                ('M', 3 | 4) => Part::MonthName,
                ('d', 1 | 2) => Part::Day,
                ('d', 3 | 4) => Part::DayName,
                ('H', 1 | 2) => Part::Hour,
                ('h', 1 | 2) => Part::HalfHour,
                ('m', 1 | 2) => Part::Minute,
                ('s', 1 | 2) => Part::Second,
                ('f' | 'F', 1..=7) => Part::Fraction(run),
                ('t', 1 | 2) => Part::Half,
                ('\'' | '"', _) => {
                    let Some((quoted, behind)) = rest[1..].split_once(first) else {
                        return bad("a quote in the pattern is not closed".to_owned());
                    };
                    parts.extend(quoted.chars().map(Part::Sign));
                    rest = behind;
                    continue;
                }
                ('\\', _) => {
                    let Some(sign) = rest.chars().nth(1) else { return bad("the pattern ends in \\".to_owned()) };
                    parts.push(Part::Sign(sign));
                    rest = &rest[1 + sign.len_utf8()..];
                    continue;
                }
                (letter, _) if letter.is_alphanumeric() => {
                    return bad(format!("{:?} means nothing in a pattern", letter.to_string().repeat(run.min(8))));
                }
                (sign, _) => {
                    // Blanks are one, however many.
                    if !(sign.is_whitespace() && matches!(parts.last(), Some(Part::Sign(last)) if last.is_whitespace()))
                    {
                        parts.push(Part::Sign(sign));
                    }
                    rest = &rest[sign.len_utf8()..];
                    continue;
                }
            };
            parts.push(part);
            rest = &rest[run * first.len_utf8()..];
        }
        let pattern = Pattern { text: text.to_owned(), parts };
        pattern.check()?;
        Ok(pattern)
    }

    /// Each thing once, and enough of them for a date or for a time.
    fn check(&self) -> Result<(), BadPattern> {
        let count = |wanted: &[Part]| self.parts.iter().filter(|part| wanted.contains(part)).count();
        let years = count(&[Part::Year, Part::ShortYear]);
        let months = count(&[Part::Month, Part::MonthName]);
        let days = count(&[Part::Day]);
        let (hours, half_hours, halves) = (count(&[Part::Hour]), count(&[Part::HalfHour]), count(&[Part::Half]));
        let (minutes, seconds) = (count(&[Part::Minute]), count(&[Part::Second]));
        if [years, months, days, hours + half_hours, halves, minutes, seconds].iter().any(|times| *times > 1) {
            return Err(BadPattern("the pattern names a thing twice".to_owned()));
        }
        let date = years + months + days;
        if date != 0 && date != 3 {
            return Err(BadPattern("a date's pattern has a year, a month and a day (yyyy, MM, dd)".to_owned()));
        }
        let time = hours + half_hours;
        if (time == 0) != (minutes == 0) || (minutes == 0 && seconds + halves > 0) {
            return Err(BadPattern("a time's pattern has hours and minutes (HH:mm; MM are months)".to_owned()));
        }
        if half_hours != halves {
            return Err(BadPattern("hours up to 12 (h) need AM or PM (tt), those up to 23 are H".to_owned()));
        }
        if date + time == 0 {
            Err(BadPattern("the pattern names neither a date nor a time".to_owned()))
        } else {
            Ok(())
        }
    }

    pub fn has_date(&self) -> bool {
        self.parts.contains(&Part::Day)
    }

    pub fn has_time(&self) -> bool {
        self.parts.contains(&Part::Minute)
    }

    /// The moment of a text; midnight where the pattern has no time.
    pub fn moment(&self, text: &str) -> Option<DateTime> {
        let found = self.has_date().then(|| self.read(text))??;
        Some(found.date()?.to_datetime(found.time()?))
    }

    /// The time of a text, by a pattern of times.
    pub fn time(&self, text: &str) -> Option<Time> {
        self.has_time().then(|| self.read(text))??.time()
    }

    fn read(&self, text: &str) -> Option<Found> {
        let mut found = Found::default();
        let mut rest = text;
        for (n, part) in self.parts.iter().enumerate() {
            // Where figures follow without a sign, each number has all of its digits.
            let alone = !matches!(
                self.parts.get(n + 1),
                Some(Part::Year | Part::ShortYear | Part::Month | Part::Day | Part::Hour | Part::HalfHour)
                    | Some(Part::Minute | Part::Second | Part::Fraction(_))
            );
            let mut two = || number(&mut rest, if alone { 1 } else { 2 }, 2);
            match part {
                Part::Year => found.year = number(&mut rest, 4, 4)?,
                Part::ShortYear => {
                    let year = number(&mut rest, 2, 2)?;
                    found.year = if year < 70 { 2000 + year } else { 1900 + year };
                }
                Part::Month => found.month = two()?,
                Part::Day => found.day = two()?,
                Part::Hour => found.hour = two()?,
                Part::HalfHour => found.hour = two().filter(|hour| (1..=12).contains(hour))?,
                Part::Minute => found.minute = two()?,
                Part::Second => found.second = two()?,
                Part::Fraction(most) => drop(number(&mut rest, 1, *most)?),
                Part::MonthName => found.month = month(word(&mut rest)?)?,
                Part::DayName => drop(word(&mut rest)?),
                Part::Half => match word(&mut rest)?.to_ascii_lowercase().as_str() {
                    "a" | "am" => found.afternoon = Some(false),
                    "p" | "pm" => found.afternoon = Some(true),
                    _ => return None,
                },
                Part::Sign(sign) if sign.is_whitespace() => {
                    let behind = rest.trim_start();
                    if behind.len() == rest.len() {
                        return None;
                    }
                    rest = behind;
                }
                Part::Sign(sign) => rest = rest.strip_prefix(*sign)?,
            }
        }
        rest.is_empty().then_some(found)
    }
}

#[derive(Default)]
struct Found {
    year: i32,
    month: i32,
    day: i32,
    hour: i32,
    minute: i32,
    second: i32,
    afternoon: Option<bool>,
}

impl Found {
    fn date(&self) -> Option<Date> {
        let (year, month, day) =
            (i16::try_from(self.year).ok()?, i8::try_from(self.month).ok()?, i8::try_from(self.day).ok()?);
        if year < 1 { None } else { Date::new(year, month, day).ok() }
    }

    fn time(&self) -> Option<Time> {
        let part = |number: i32| i8::try_from(number).ok();
        let hour = match self.afternoon {
            None => self.hour,
            Some(afternoon) => self.hour % 12 + if afternoon { 12 } else { 0 },
        };
        Time::new(part(hour)?, part(self.minute)?, part(self.second)?, 0).ok()
    }
}

fn number(rest: &mut &str, least: usize, most: usize) -> Option<i32> {
    let digits = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if digits < least {
        return None;
    }
    let (number, behind) = rest.split_at(digits);
    *rest = behind;
    number.parse().ok()
}

/// Letters, and the full stop of an abbreviation.
fn word<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
    let (word, behind) = rest.split_at(end);
    *rest = behind.strip_prefix('.').unwrap_or(behind);
    (!word.is_empty()).then_some(word)
}

/// Three letters tell a month; where the languages differ both are listed.
fn month(word: &str) -> Option<i32> {
    const NAMES: [&[&str]; 12] = [
        &["january", "januar", "jänner"],
        &["february", "februar"],
        &["march", "märz", "maerz", "mrz"],
        &["april"],
        &["may", "mai"],
        &["june", "juni"],
        &["july", "juli"],
        &["august"],
        &["september", "sept"],
        &["october", "oktober"],
        &["november"],
        &["december", "dezember"],
    ];
    let word = word.to_lowercase();
    let long = word.chars().count() >= 3;
    let is = |name: &str| name == word || (word.chars().count() == 3 && long && name.starts_with(&word));
    let found = NAMES.iter().position(|names| names.iter().any(|name| is(name)))?;
    i32::try_from(found + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_read_what_they_say() {
        for (pattern, text, expected) in [
            ("MM/dd/yyyy h:mm tt", "05/29/2021 9:05 PM", "2021-05-29T21:05:00"),
            ("dd.MM.yyyy HH:mm", "29.05.2021 21:05", "2021-05-29T21:05:00"),
            ("yyyy-MM-dd HH:mm:ss.fff", "2021-05-29 21:05:06.123", "2021-05-29T21:05:06"),
            ("yyyyMMdd", "20210529", "2021-05-29T00:00:00"),
            ("yyyyMMddHHmm", "202105292105", "2021-05-29T21:05:00"),
            ("d.M.yy", "9.5.21", "2021-05-09T00:00:00"),
            ("dd MMM yyyy", "29 Oct 1999", "1999-10-29T00:00:00"),
            ("dddd, d. MMMM yyyy", "Samstag, 1. Dezember 2029", "2029-12-01T00:00:00"),
            ("dd MMM yyyy", "01 Sep. 2020", "2020-09-01T00:00:00"),
            ("yyyy'y'MM\\mdd", "2021y05m29", "2021-05-29T00:00:00"),
            ("dd/MM/yyyy   HH:mm", "29/05/2021 07:05", "2021-05-29T07:05:00"),
        ] {
            let pattern = Pattern::parse(pattern).expect(pattern);
            let found = pattern.moment(text).unwrap_or_else(|| panic!("{text} by {pattern}"));
            assert_eq!(found.to_string(), expected, "{text} by {pattern}");
        }
        for (pattern, text) in [
            ("dd.MM.yyyy", "31.02.2024"),
            ("dd.MM.yyyy", "2024-02-03"),
            ("dd.MM.yyyy", "03.02.2024 "),
            ("dd.MM.yyyy", "03.02.24"),
            ("dd.MM.yyyy HH:mm", "03.02.2024 24:00"),
            ("dd.MM.yyyy h:mm tt", "03.02.2024 13:00 PM"),
            ("yyyyMMdd", "2021529"),
            ("dd MMM yyyy", "29 Juno 2020"),
            ("dd.MM.yyyy", "03.02.0000"),
            ("HH:mm", "10:00"),
        ] {
            assert_eq!(Pattern::parse(pattern).expect(pattern).moment(text), None, "{text} by {pattern}");
        }
        assert_eq!(Pattern::parse("h:mm tt").unwrap().time("12:05 am").unwrap().to_string(), "00:05:00");
    }

    #[test]
    fn bad_patterns_are_told() {
        for (pattern, part) in [
            ("", "neither"),
            ("dd.MM", "a year"),
            ("dd.mm.yyyy", "a month"),
            ("hh:mm", "tt"),
            ("HH:mm tt", "tt"),
            ("HH", "minutes"),
            ("dd.MM.yyyy dd", "twice"),
            ("dd.MM.yyyy Q", "\"Q\""),
            ("yyy-MM-dd", "\"yyy\""),
            ("dd 'of MM", "quote"),
            ("dd.MM.yyyy\\", "\\"),
            ("é.MM.yyyy", "é"),
        ] {
            let bad = Pattern::parse(pattern).expect_err(pattern);
            assert!(bad.0.contains(part), "{pattern}: {bad}");
        }
        assert!(Pattern::parse(&"y".repeat(61)).is_err());
    }
}
