//! The calendar of our own model: a day a row, so that reports group and relate without computing.

use super::WORKLOG;
use crate::odata::edm::Edm::{Boolean, Date, Int32, String};
use crate::odata::edm::{Entity, col, entity, many, prop};

/// A day. Names are English.
pub static DATE: Entity = entity("CalendarDate")
    .table("dates")
    .key(&["DateSK"])
    .row("date_sk")
    .props(&[&[
        prop("DateSK", Int32, col("date_sk")).doc("The day as yyyymmdd."),
        prop("Date", Date, col("day")).doc("The day."),
        prop("Year", Int32, col("year")).doc("Year."),
        prop("Quarter", Int32, col("quarter")).doc("Quarter of the year, 1 to 4."),
        prop("Month", Int32, col("month")).doc("Month of the year, 1 to 12."),
        prop("YearMonth", Int32, col("year_month")).doc("Year and month as yyyymm."),
        prop("Day", Int32, col("day_of_month")).doc("Day of the month, 1 to 31."),
        prop("DayOfWeek", Int32, col("day_of_week")).doc("Day of the week, 1 for Monday to 7 for Sunday."),
        prop("IsoYear", Int32, col("iso_year")).doc("Year that the ISO 8601 week belongs to."),
        prop("IsoWeek", Int32, col("iso_week")).doc("ISO 8601 week, 1 to 53."),
        prop("MonthName", String, col("month_name")).doc("Name of the month, in English."),
        prop("DayName", String, col("day_name")).doc("Name of the day of the week, in English."),
        prop("IsWeekend", Boolean, col("is_weekend")).doc("Whether it is a Saturday or Sunday."),
    ]])
    .navs(&[many("Worklogs", &WORKLOG, ("day", "work_date"))
        .by_day()
        .bound_to("Worklogs")
        .partner("WorkedOn")
        .doc("Logs of work on this day.")])
    .doc("A day of the calendar.");
