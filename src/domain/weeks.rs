//! Weeks of approval: seven days from the first weekday of the site (contract §6.2).

use crate::sql::Day;

/// A week, named by its first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Week {
    pub start: Day,
}

impl Week {
    /// The week of a day, where weeks begin on this weekday: 1 is Monday, 7 Sunday.
    pub fn of(day: Day, first_weekday: i32) -> Week {
        // The first of January 1970 was a Thursday.
        let weekday = (day.0 + 3).rem_euclid(7) + 1;
        Week { start: Day(day.0 - (weekday - first_weekday).rem_euclid(7)) }
    }

    /// Its last day.
    pub fn end(self) -> Day {
        Day(self.start.0 + 6)
    }

    /// Whether it is over on that day.
    pub fn is_past(self, today: Day) -> bool {
        self.end() < today
    }

    /// Whether it has not begun on that day.
    pub fn is_future(self, today: Day) -> bool {
        self.start > today
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::day_of;

    #[test]
    fn a_week_begins_on_the_first_weekday() {
        let day = |d: i8| day_of(jiff::civil::date(2024, 3, d));
        // The fourth of March 2024 was a Monday.
        for (of, first, start) in [(4, 1, 4), (10, 1, 4), (11, 1, 11), (10, 7, 10), (9, 7, 3), (8, 6, 2), (4, 2, -1)] {
            let expected = if start < 1 { Day(day(4).0 - 6) } else { day(start) };
            assert_eq!(Week::of(day(of), first).start, expected, "{of} {first}");
        }
        assert_eq!(Week::of(Day(-1), 1).start, Day(-3));
        let week = Week::of(day(4), 1);
        assert!(week.is_past(day(11)) && !week.is_past(day(10)));
        assert!(week.is_future(Day(week.start.0 - 1)) && !week.is_future(week.start));
    }
}
