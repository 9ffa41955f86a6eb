//! The proleptic Gregorian calendar (ISO 8601), and parts of a day that are cheaper taken from its number than asked of
//! the database.

use super::value::{Cell, Type};

/// Year, month and day from days since 1970. Counted from 1 March, so that a leap day ends its year; an era is the 400
/// years after which the calendar repeats (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
#[inline]
pub fn civil(days: i64) -> (i64, u64, u64) {
    const FROM_MARCH_OF_YEAR_0: i64 = 719_468;
    const ERA: i64 = 146_097;
    let days = days + FROM_MARCH_OF_YEAR_0;
    let day_of_era = days.rem_euclid(ERA);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + days.div_euclid(ERA) * 400 + i64::from(month <= 2);
    (year, month as u64, day as u64)
}

/// What a function of one Day gives, taken when its row is written: the database hands over the day alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    Year,
    Month,
    Day,
    /// `yyyymmdd` as a number.
    Number,
    /// `yyyy-MM-dd`; years outside 0 to 9999 are not for it.
    Text,
}

impl Late {
    /// The type of the argument.
    pub const ARGUMENT: Type = Type::Day;

    /// Hands the value to `read`; null stays null.
    #[inline]
    pub fn of<T>(self, cell: Cell<'_>, read: impl FnOnce(Cell<'_>) -> T) -> T {
        let Cell::Day(days) = cell else { return read(Cell::Null) };
        let (year, month, day) = civil(days.0.into());
        match self {
            Late::Year => read(Cell::Int(year)),
            Late::Month => read(Cell::Int(month as i64)),
            Late::Day => read(Cell::Int(day as i64)),
            Late::Number => read(Cell::Int(year * 10_000 + (month * 100 + day) as i64)),
            Late::Text => {
                let digit = |value: u64, of: u64| b'0' + (value / of % 10) as u8;
                let year = year.unsigned_abs();
                let text = [
                    digit(year, 1000),
                    digit(year, 100),
                    digit(year, 10),
                    digit(year, 1),
                    b'-',
                    digit(month, 10),
                    digit(month, 1),
                    b'-',
                    digit(day, 10),
                    digit(day, 1),
                ];
                read(std::str::from_utf8(&text).map_or(Cell::Null, Cell::Text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;
    use proptest::prelude::*;

    use super::*;
    use crate::sql::Day;

    const EPOCH: Date = Date::constant(1970, 1, 1);

    proptest! {
        #[test]
        fn days_are_those_of_another_calendar(days in -700_000_i32..2_900_000) {
            let date = EPOCH + jiff::Span::new().days(days);
            let is = |late: Late, expected: i64| late.of(Cell::Day(Day(days)), |cell| cell == Cell::Int(expected));
            let (year, month, day) = (i64::from(date.year()), i64::from(date.month()), i64::from(date.day()));
            prop_assert!(is(Late::Year, year));
            prop_assert!(is(Late::Month, month));
            prop_assert!(is(Late::Day, day));
            prop_assert!(is(Late::Number, year * 10_000 + month * 100 + day));
            let text = date.to_string();
            prop_assert!(Late::Text.of(Cell::Day(Day(days)), |cell| cell == Cell::Text(&text)));
        }
    }

    #[test]
    fn null_stays_null() {
        assert!(Late::Text.of(Cell::Null, |cell| cell == Cell::Null));
    }
}
