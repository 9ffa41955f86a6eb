//! Dates, moments and durations as numbers, from and to their text (ABNF `date`, `dateTimeOffset`, `timeOfDay`, `duration`).
//! The calendar is the proleptic Gregorian one.

/// Microseconds of a day.
pub const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;

/// Days since 1970 of a date.
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March, so that the leap day is the last one.
    let shifted = if month > 2 { year } else { year - 1 };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day.
pub fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + shifted.div_euclid(146_097) * 400 + i64::from(month <= 2), month, day)
}

pub fn date(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-').map(str::parse);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    Some(days(year, month, day))
}

pub fn date_text(of: i64) -> String {
    let (year, month, day) = civil(of);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `hh:mm`, `hh:mm:ss`, `hh:mm:ss.f…`
pub fn time(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    Some((hours * 60 + minutes) * 60 * SECOND + seconds(parts.next().unwrap_or("0"))?)
}

fn seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    Some(whole.parse::<i64>().ok()? * SECOND + micros)
}

pub fn time_text(micros: i64) -> String {
    let (seconds, fraction) = (micros / SECOND, micros % SECOND);
    let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction == 0 { text } else { format!("{text}.{fraction:06}") }
}

/// With `Z`, which is all that the service writes.
pub fn instant(text: &str) -> Option<i64> {
    let (day, of_day) = text.strip_suffix('Z')?.split_once('T')?;
    Some(date(day)? * DAY + time(of_day)?)
}

pub fn instant_text(micros: i64) -> String {
    format!("{}T{}Z", date_text(micros.div_euclid(DAY)), time_text(micros.rem_euclid(DAY)))
}

/// `P1DT2H3M4.5S`, with a sign or without.
pub fn duration(text: &str) -> Option<i64> {
    let (sign, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (day, of_day) = rest.strip_prefix('P')?.split_once('T').unwrap_or((&rest[1..], ""));
    let mut micros = match day {
        "" => 0,
        days => days.strip_suffix('D')?.parse::<i64>().ok()? * DAY,
    };
    let mut number = String::new();
    for c in of_day.chars() {
        match c {
            'H' => micros += seconds(&std::mem::take(&mut number))? * 3600,
            'M' => micros += seconds(&std::mem::take(&mut number))? * 60,
            'S' => micros += seconds(&std::mem::take(&mut number))?,
            digit => number.push(digit),
        }
    }
    Some(sign * micros)
}

pub fn duration_text(micros: i64) -> String {
    let (sign, size) = (if micros < 0 { "-" } else { "" }, micros.abs());
    let (days, rest) = (size / DAY, size % DAY);
    let (seconds, fraction) = (rest / SECOND, rest % SECOND);
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:06}") };
    format!("{sign}P{days}DT{}H{}M{}{fraction}S", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[test]
fn dates_and_durations_are_read_as_they_are_written() {
    for day in (-800_000..100_000).step_by(97) {
        let (year, month, of_month) = civil(day);
        assert_eq!(days(year, month, of_month), day);
    }
    assert_eq!((date("1970-01-01"), date("2000-02-29"), date("0000-03-01")), (Some(0), Some(11_016), Some(-719_468)));
    assert_eq!(instant("1970-01-02T00:00:01.5Z"), Some(DAY + 1_500_000));
    assert_eq!(instant_text(-1), "1969-12-31T23:59:59.999999Z");
    for micros in [0, 1, -1, DAY, -3 * DAY - 500_000, 3_600_000_000, 59_999_999] {
        assert_eq!(duration(&duration_text(micros)), Some(micros));
    }
}
