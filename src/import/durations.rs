//! Lengths of work as people write them: `1:30`, `1h 30m`, `90m`, `1,5`, `PT1H30M` (UX-39; contract §6.7).
//!
//! In: a text or a cell's number. Out: whole seconds, or a [`Fault`]. Hours become seconds by `ceil(h × 3600)` over exact
//! decimals of at most 15 significant digits, so that 1.1 h is 3960 s; a cell with a clock's format is a fraction of a
//! day, rounded to the nearest second. Whether a length may be zero, negative or a year long is a rule of the domain.
//! `fixtures/durations.json` is the grammar as a table, for every program that reads lengths.

use serde::{Deserialize, Serialize};

/// What a plain number counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    #[default]
    Hours,
    Minutes,
    Seconds,
}

impl Unit {
    const fn seconds(self) -> u64 {
        match self {
            Unit::Hours => 3600,
            Unit::Minutes => 60,
            Unit::Seconds => 1,
        }
    }
}

/// Where a text was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A field of time entry: at most 24 hours, no sign, at most four decimals.
    Entry,
    /// The same with a sign, where it adds to what is there.
    Relative,
    /// A file: ISO 8601 too, any length, signs (which the rules refuse by their own code), 15 digits.
    #[default]
    Import,
}

/// How texts are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grammar {
    pub form: Form,
    pub unit: Unit,
    /// The one decimal mark; both `.` and `,` without.
    pub mark: Option<char>,
    /// Seconds of a `d`: a working day.
    pub day_seconds: u32,
}

impl Default for Grammar {
    fn default() -> Grammar {
        Grammar { form: Form::Import, unit: Unit::Hours, mark: None, day_seconds: 8 * 3600 }
    }
}

/// Why a text is no length. The words of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    Empty,
    NotADuration,
    /// Minutes or seconds of a clock past 59.
    PastFiftyNine,
    /// Units out of order, or one of them twice.
    UnitOrder,
    /// `1.234,5`, or a mark that is not the chosen one.
    DecimalMark,
    TooManyDigits,
    /// A sign where lengths are not relative.
    Signed,
    TooLong,
}

impl Fault {
    pub const fn reason(self) -> &'static str {
        match self {
            Fault::Empty => "there is no length",
            Fault::NotADuration => "this is no length of time",
            Fault::PastFiftyNine => "minutes and seconds behind a colon end at 59",
            Fault::UnitOrder => "days, hours and minutes stand in this order, each once",
            Fault::DecimalMark => "the decimal mark is not clear",
            Fault::TooManyDigits => "the number has too many digits",
            Fault::Signed => "a length has no sign here",
            Fault::TooLong => "the length is longer than is possible",
        }
    }

    pub const fn suggestion(self) -> &'static str {
        match self {
            Fault::DecimalMark => "write 1.5 or 1,5, without a mark for thousands",
            Fault::TooLong => "check the unit: plain numbers are hours unless the mapping says otherwise",
            _ => "write 1:30, 1h 30m or 1.5",
        }
    }
}

/// Significant digits that count: those that a spreadsheet keeps.
const DIGITS: u32 = 15;
/// Digits behind the mark that a person types.
const TYPED_DECIMALS: usize = 4;
const TYPED_HOURS: usize = 4;
/// What an entry holds at most.
const DAY: i64 = 24 * 3600;

/// Reads a text.
pub fn parse(text: &str, grammar: &Grammar) -> Result<i64, Fault> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Fault::Empty);
    }
    let (negative, rest) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest.len() < text.len() && grammar.form == Form::Entry {
        return Err(Fault::Signed);
    }
    let seconds = value(rest.trim_start(), grammar)?;
    let most = if grammar.form == Form::Import { i64::from(i32::MAX) } else { DAY };
    if seconds > most {
        return Err(Fault::TooLong);
    }
    Ok(if negative { -seconds } else { seconds })
}

/// A cell's plain number.
pub fn from_number(number: f64, unit: Unit) -> Result<i64, Fault> {
    let decimal = Decimal::of_number(number).ok_or(Fault::NotADuration)?;
    let seconds = decimal.times_ceil(unit.seconds()).filter(|seconds| *seconds <= i64::from(i32::MAX));
    let seconds = seconds.ok_or(Fault::TooLong)?;
    Ok(if number < 0.0 { -seconds } else { seconds })
}

/// A cell with a clock's format: a fraction of a day.
pub fn from_days(days: f64) -> Result<i64, Fault> {
    let seconds = (days * 86_400.0).round();
    if seconds.abs() <= f64::from(i32::MAX) { Ok(seconds as i64) } else { Err(Fault::TooLong) }
}

fn value(text: &str, grammar: &Grammar) -> Result<i64, Fault> {
    if grammar.form == Form::Import && text.starts_with(['P', 'p']) {
        return iso(text);
    }
    if text.contains(':') {
        return clock(text);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || is_mark(byte)) {
        let decimal = decimal(text, grammar)?;
        return decimal.times_ceil(grammar.unit.seconds()).ok_or(Fault::TooLong);
    }
    units(text, grammar)
}

const fn is_mark(byte: u8) -> bool {
    matches!(byte, b'.' | b',')
}

/// `clock = 1*4DIGIT ":" 1*2DIGIT [":" 1*2DIGIT]`
fn clock(text: &str) -> Result<i64, Fault> {
    let mut parts = text.split(':');
    let hours = digits(parts.next().unwrap_or_default(), 4)?;
    let minutes = sixtieth(parts.next().unwrap_or_default())?;
    let seconds = parts.next().map_or(Ok(0), sixtieth)?;
    if parts.next().is_some() {
        return Err(Fault::NotADuration);
    }
    Ok(hours * 3600 + minutes * 60 + seconds)
}

fn sixtieth(text: &str) -> Result<i64, Fault> {
    let number = digits(text, 2)?;
    if number > 59 { Err(Fault::PastFiftyNine) } else { Ok(number) }
}

fn digits(text: &str, most: usize) -> Result<i64, Fault> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain {
        return Err(Fault::NotADuration);
    }
    if text.len() > most {
        return Err(Fault::TooManyDigits);
    }
    text.parse().map_err(|_| Fault::NotADuration)
}

/// `decimal = (*DIGIT sep 1*4DIGIT) | 1*4DIGIT`; files have numbers of more digits.
fn decimal(text: &str, grammar: &Grammar) -> Result<Decimal, Fault> {
    let marks = text.bytes().filter(|byte| is_mark(*byte)).count();
    let wrong = |mark: char| grammar.mark.is_some_and(|right| right != mark);
    let (whole, fraction) = match text.find(['.', ',']) {
        Some(_) if marks > 1 => return Err(Fault::DecimalMark),
        Some(at) if text[at..].starts_with(wrong) => return Err(Fault::DecimalMark),
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    };
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let missing = if marks == 1 { fraction.is_empty() } else { whole.is_empty() };
    if missing || !plain(whole) || !plain(fraction) {
        return Err(Fault::NotADuration);
    }
    let typed = grammar.form != Form::Import;
    if typed && (fraction.len() > TYPED_DECIMALS || whole.len() > TYPED_HOURS) {
        return Err(Fault::TooManyDigits);
    }
    Decimal::of_digits(whole, fraction).ok_or(Fault::TooManyDigits)
}

/// `units = [num d] [num h] [num m]`; a bare number behind hours is minutes.
fn units(text: &str, grammar: &Grammar) -> Result<i64, Fault> {
    let mut rest = text;
    let mut total = 0_i64;
    let mut last: Option<Part> = None;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',').unwrap_or(rest.len());
        let (number, behind) = rest.split_at(end);
        let behind = behind.trim_start();
        let end = behind.find(|c: char| !c.is_alphabetic()).unwrap_or(behind.len());
        let (word, behind) = behind.split_at(end);
        let behind = if word.is_empty() { behind } else { behind.strip_prefix('.').unwrap_or(behind) };
        if number.is_empty() {
            return Err(Fault::NotADuration);
        }
        let part = match (Part::of(word), last) {
            (Some(part), _) => part,
            (None, Some(Part::Hour)) if word.is_empty() && behind.is_empty() => {
                sixtieth(number)?;
                Part::Minute
            }
            _ => return Err(Fault::NotADuration),
        };
        if last.is_some_and(|last| last >= part) {
            return Err(Fault::UnitOrder);
        }
        let length = decimal(number, grammar)?.times_ceil(part.seconds(grammar)).ok_or(Fault::TooLong)?;
        total = total.checked_add(length).ok_or(Fault::TooLong)?;
        last = Some(part);
        rest = behind.trim_start();
    }
    Ok(total)
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Day,
    Hour,
    Minute,
}

impl Part {
    /// By its word in English or German.
    fn of(word: &str) -> Option<Part> {
        Some(match word.to_lowercase().as_str() {
            "d" | "day" | "days" | "t" | "tag" | "tage" | "tagen" => Part::Day,
            "h" | "hr" | "hrs" | "hour" | "hours" | "std" | "stunde" | "stunden" => Part::Hour,
            "m" | "min" | "mins" | "minute" | "minutes" | "minuten" => Part::Minute,
            _ => return None,
        })
    }

    fn seconds(self, grammar: &Grammar) -> u64 {
        match self {
            Part::Day => grammar.day_seconds.into(),
            Part::Hour => 3600,
            Part::Minute => 60,
        }
    }
}

/// `PT1H30M`, `P1DT2H`, `PT0.5S`; days of 24 hours, a fraction in the last part alone.
fn iso(text: &str) -> Result<i64, Fault> {
    let text = text.to_ascii_uppercase();
    let body = text.strip_prefix('P').ok_or(Fault::NotADuration)?;
    let (days, clock) = match body.split_once('T') {
        Some((_, "")) => return Err(Fault::NotADuration),
        Some((days, clock)) => (days, clock),
        None => (body, ""),
    };
    let grammar = Grammar::default();
    let mut total = 0_i64;
    let mut parts = 0;
    let mut fraction = false;
    for (section, letters) in [(days, &[('D', 86_400)][..]), (clock, &[('H', 3600), ('M', 60), ('S', 1)])] {
        let mut letters = letters.iter();
        let mut rest = section;
        while let Some(end) = rest.find(|c: char| c.is_ascii_alphabetic()) {
            let (number, behind) = rest.split_at(end);
            let letter = behind.chars().next().unwrap_or_default();
            let (_, seconds) = letters.find(|(known, _)| *known == letter).ok_or(Fault::NotADuration)?;
            if fraction {
                return Err(Fault::NotADuration);
            }
            fraction = number.contains(['.', ',']);
            let length = decimal(number, &grammar)?.times_ceil(*seconds).ok_or(Fault::TooLong)?;
            total = total.checked_add(length).ok_or(Fault::TooLong)?;
            parts += 1;
            rest = &behind[1..];
        }
        if !rest.is_empty() {
            return Err(Fault::NotADuration);
        }
    }
    if parts == 0 { Err(Fault::NotADuration) } else { Ok(total) }
}

/// `digits × 10^-scale`, of at most [`DIGITS`] significant digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Decimal {
    digits: u64,
    scale: i32,
}

impl Decimal {
    /// Of a number that a spreadsheet stores: what it shows of it.
    fn of_number(number: f64) -> Option<Decimal> {
        if !number.is_finite() {
            return None;
        }
        // `1.10000000000000e0`
        let shown = format!("{:.14e}", number.abs());
        let (mantissa, exponent) = shown.split_once('e')?;
        let digits = mantissa.replace('.', "").parse().ok()?;
        Some(Decimal { digits, scale: 14 - exponent.parse::<i32>().ok()? })
    }

    /// Of its digits before and behind the mark; those past the last that counts are rounded away.
    fn of_digits(whole: &str, fraction: &str) -> Option<Decimal> {
        if whole.len() + fraction.len() > 100 {
            return None;
        }
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let scale = i32::try_from(fraction.len()).ok()?;
        let most = DIGITS as usize;
        if significant.len() <= most {
            return Some(Decimal { digits: significant.parse().unwrap_or_default(), scale });
        }
        let kept: u64 = significant[..most].parse().ok()?;
        let up = significant.as_bytes()[most] >= b'5';
        let dropped = i32::try_from(significant.len() - most).ok()?;
        Some(Decimal { digits: kept + u64::from(up), scale: scale - dropped })
    }

    /// `ceil(self × factor)`, exactly; `None` beyond what counts seconds.
    fn times_ceil(self, factor: u64) -> Option<i64> {
        let product = u128::from(self.digits) * u128::from(factor);
        let product = match self.scale {
            // Less than the smallest part, and more than nothing.
            39.. => u128::from(product > 0),
            0..39 => product.div_ceil(10_u128.checked_pow(self.scale.unsigned_abs())?),
            _ if product == 0 => 0,
            _ => product.checked_mul(10_u128.checked_pow(self.scale.unsigned_abs())?)?,
        };
        i64::try_from(product).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Vector {
        text: String,
        form: Form,
        #[serde(default)]
        unit: Unit,
        mark: Option<char>,
        seconds: Option<i64>,
        fault: Option<Fault>,
        #[expect(dead_code, reason = "for whoever reads the table")]
        why: String,
    }

    #[test]
    fn ux_39_the_table_of_lengths() {
        let table = include_str!("../../fixtures/durations.json");
        let vectors: Vec<Vector> = serde_json::from_str(table).expect("the table");
        assert!(vectors.len() > 100);
        for Vector { text, form, unit, mark, seconds, fault, .. } in vectors {
            let grammar = Grammar { form, unit, mark, ..Grammar::default() };
            let expected = match (seconds, fault) {
                (Some(seconds), None) => Ok(seconds),
                (None, Some(fault)) => Err(fault),
                _ => panic!("{text:?} has one outcome"),
            };
            assert_eq!(parse(&text, &grammar), expected, "{text:?} as {form:?} in {unit:?}");
        }
    }

    #[test]
    fn contract_6_7_numbers_of_cells() {
        for (hours, seconds) in
            [(1.1, 3960), (0.1, 360), (1.0 / 3.0, 1200), (8.0, 28_800), (0.0001, 1), (0.0, 0), (-1.5, -5400)]
        {
            assert_eq!(from_number(hours, Unit::Hours), Ok(seconds), "{hours}");
        }
        assert_eq!(from_number(90.0, Unit::Minutes), Ok(5400));
        assert_eq!(from_number(5400.0, Unit::Seconds), Ok(5400));
        assert_eq!(from_number(1e300, Unit::Hours), Err(Fault::TooLong));
        assert_eq!(from_number(1e-300, Unit::Hours), Ok(1));
        assert_eq!(from_number(f64::NAN, Unit::Hours), Err(Fault::NotADuration));
        // 1:30 and 36:00 as Excel keeps them, and 100 ms more.
        for (days, seconds) in [(0.0625, 5400), (1.5, 129_600), (0.062_501_157, 5400), (-0.0625, -5400)] {
            assert_eq!(from_days(days), Ok(seconds), "{days}");
        }
        assert_eq!(from_days(f64::INFINITY), Err(Fault::TooLong));
        assert_eq!(from_days(f64::NAN), Err(Fault::TooLong));
    }

    proptest! {
        /// Whatever is written, the answer is a length or a fault, and a sign turns it round.
        #[test]
        fn any_text_has_an_answer(text in "\\PC{0,24}|[0-9:.,hmdPTS +-]{0,20}") {
            for form in [Form::Entry, Form::Relative, Form::Import] {
                let grammar = Grammar { form, ..Grammar::default() };
                if let Ok(seconds) = parse(&text, &grammar) {
                    prop_assert!(form == Form::Import || seconds.abs() <= DAY);
                    if form != Form::Entry && seconds > 0 && !text.trim().starts_with('+') {
                        prop_assert_eq!(parse(&format!("-{}", text.trim()), &grammar), Ok(-seconds));
                    }
                }
            }
        }

        /// One length, however it is written.
        #[test]
        fn forms_agree(hours in 0_i64..24, minutes in 0_i64..60, seconds in 0_i64..60) {
            let grammar = Grammar::default();
            let whole = hours * 3600 + minutes * 60;
            let all = whole + seconds;
            prop_assert_eq!(parse(&format!("{hours}:{minutes:02}"), &grammar), Ok(whole));
            prop_assert_eq!(parse(&format!("{hours}:{minutes}:{seconds}"), &grammar), Ok(all));
            prop_assert_eq!(parse(&format!("{hours}h {minutes}m"), &grammar), Ok(whole));
            prop_assert_eq!(parse(&format!("{hours}h{minutes:02}"), &grammar), Ok(whole));
            prop_assert_eq!(parse(&format!("{hours} Std. {minutes} Min."), &grammar), Ok(whole));
            prop_assert_eq!(parse(&format!("{}m", whole / 60), &grammar), Ok(whole));
            prop_assert_eq!(parse(&format!("PT{hours}H{minutes}M{seconds}S"), &grammar), Ok(all));
            prop_assert_eq!(from_days(all as f64 / 86_400.0), Ok(all));
        }

        /// Hundredths of an hour are 36 seconds each, with either mark, as text and as a cell.
        #[test]
        fn hours_are_exact(hundredths in 0_i64..100_000) {
            let (whole, part) = (hundredths / 100, hundredths % 100);
            let grammar = Grammar::default();
            for text in [format!("{whole}.{part:02}"), format!("{whole},{part:02}")] {
                prop_assert_eq!(parse(&text, &grammar), Ok(hundredths * 36));
            }
            prop_assert_eq!(from_number(hundredths as f64 / 100.0, Unit::Hours), Ok(hundredths * 36));
        }
    }
}
