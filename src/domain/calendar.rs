//! The table `dates`: a row for each day of every year that some date of ours lies in, and of the years around.
//!
//! In: days that a writer is about to store. Out: rows, in the writer's transaction, so that each log's `work_date` has
//! its day. Names are English; weeks are those of ISO 8601.

use std::collections::BTreeSet;

use diesel::prelude::*;
use jiff::civil::{Date, Weekday};

use crate::db::tables::dates;
use crate::db::{DbError, Tx};
use crate::on;
use crate::sql::{Day, Insert, Value};

/// Years whose days are needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Years {
    needed: BTreeSet<i16>,
    /// Most days come in the year of the one before.
    last: Option<(Day, Day)>,
}

const FIRST: i16 = 1;
const LAST: i16 = 9999;
const EPOCH: Date = jiff::civil::date(1970, 1, 1);

impl Years {
    /// Notes the year of a day.
    pub fn touch(&mut self, day: Day) {
        if self.last.is_some_and(|(from, to)| from <= day && day <= to) {
            return;
        }
        let Some(date) = date_of(day) else { return };
        self.needed.insert(date.year());
        self.last = Some((day_of(date.first_of_year()), day_of(date.last_of_year())));
    }

    /// Notes every year from the one of `from` to the one of `to`.
    pub fn touch_all(&mut self, from: Day, to: Day) {
        if let (Some(from), Some(to)) = (date_of(from), date_of(to)) {
            self.needed.extend(from.year()..=to.year());
        }
    }

    /// Adds the days that are not there yet, a year around each noted one too.
    pub fn cover(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        let with_neighbours: BTreeSet<i16> = self
            .needed
            .iter()
            .flat_map(|year| year - 1..=year + 1)
            .filter(|year| (FIRST..=LAST).contains(year))
            .collect();
        if with_neighbours.is_empty() {
            return Ok(());
        }
        let there: Vec<i32> = on!(tx, c => dates::table
            .filter(dates::month.eq(1).and(dates::day_of_month.eq(1)))
            .select(dates::year)
            .load(c))?;
        let mut insert = Insert { only_new: true, ..Insert::into("dates", COLUMNS) };
        for year in with_neighbours.into_iter().filter(|year| !there.contains(&i32::from(*year))) {
            let first = jiff::civil::date(year, 1, 1);
            let mut day = Some(first);
            while let Some(date) = day.filter(|date| date.year() == year) {
                insert.rows.push(row(date));
                day = date.tomorrow().ok();
            }
        }
        tx.insert(&insert)
    }
}

/// Adds the days of whole years from the one of `from` to the one of `to`, and of a year around.
pub fn cover(tx: &mut Tx<'_>, from: Day, to: Day) -> Result<(), DbError> {
    let mut years = Years::default();
    years.touch_all(from, to);
    years.cover(tx)
}

/// The civil date of a day; none outside the years that a calendar has.
pub fn date_of(day: Day) -> Option<Date> {
    EPOCH.checked_add(jiff::Span::new().try_days(day.0).ok()?).ok()
}

/// The day of a civil date.
pub fn day_of(date: Date) -> Day {
    Day(date.duration_since(EPOCH).as_hours() as i32 / 24)
}

const COLUMNS: &[&str] = &[
    "day",
    "date_sk",
    "year",
    "quarter",
    "month",
    "year_month",
    "day_of_month",
    "day_of_week",
    "iso_year",
    "iso_week",
    "month_name",
    "day_name",
    "is_weekend",
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn day_name(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

fn row(date: Date) -> Vec<Value> {
    let (year, month, day) = (i32::from(date.year()), i32::from(date.month()), i32::from(date.day()));
    let week = date.iso_week_date();
    let weekday = date.weekday();
    let month_name = usize::try_from(month - 1).ok().and_then(|n| MONTHS.get(n)).copied().unwrap_or_default();
    vec![
        Value::Day(day_of(date)),
        Value::Int32(year * 10_000 + month * 100 + day),
        Value::Int32(year),
        Value::Int32((month + 2) / 3),
        Value::Int32(month),
        Value::Int32(year * 100 + month),
        Value::Int32(day),
        Value::Int32(i32::from(weekday.to_monday_one_offset())),
        Value::Int32(i32::from(week.year())),
        Value::Int32(i32::from(week.week())),
        Value::Text(month_name.into()),
        Value::Text(day_name(weekday).into()),
        Value::Bool(matches!(weekday, Weekday::Saturday | Weekday::Sunday)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_row(year: i16, month: i8, day: i8, expected: [i32; 9], names: [&str; 2], is_weekend: bool) {
        let found = row(jiff::civil::date(year, month, day));
        let numbers: Vec<_> = expected.into_iter().map(Value::Int32).collect();
        assert_eq!(found[1..10], numbers[..]);
        assert_eq!(found[10..12], names.map(|name| Value::Text(name.into()))[..]);
        assert_eq!(found[12], Value::Bool(is_weekend));
    }

    #[test]
    fn days() {
        // A Sunday in the last week of the ISO year before.
        check_row(2023, 1, 1, [20230101, 2023, 1, 1, 202301, 1, 7, 2022, 52], ["January", "Sunday"], true);
        // A Monday in the first week of the ISO year after.
        check_row(2024, 12, 30, [20241230, 2024, 4, 12, 202412, 30, 1, 2025, 1], ["December", "Monday"], false);
        check_row(2024, 2, 29, [20240229, 2024, 1, 2, 202402, 29, 4, 2024, 9], ["February", "Thursday"], false);
        check_row(9999, 12, 31, [99991231, 9999, 4, 12, 999912, 31, 5, 9999, 52], ["December", "Friday"], false);
    }

    #[test]
    fn day_and_date_are_one() {
        for (number, date) in [(0, (1970, 1, 1)), (-1, (1969, 12, 31)), (19_782, (2024, 2, 29)), (-719_162, (1, 1, 1))]
        {
            let date = jiff::civil::date(date.0, date.1, date.2);
            assert_eq!((date_of(Day(number)), day_of(date)), (Some(date), Day(number)));
        }
        assert_eq!(date_of(Day(i32::MAX)), None);
    }

    #[test]
    fn years_are_noted_once() {
        let mut years = Years::default();
        for day in [19_723, 20_088, 19_722, 19_723, i32::MAX] {
            years.touch(Day(day));
        }
        years.touch_all(Day(0), Day(400));
        assert_eq!(years.needed, BTreeSet::from([1970, 1971, 2023, 2024]));
    }
}
