//! A run over midnight is a log for each local day (contract §5).
//!
//! In: start and end as instants, the zone of the run, the longest single log. Out: pieces, each with its wall clock and
//! its length. Elapsed time is what counts: the day of a change to or from daylight saving has its 23 or 25 hours. The
//! whole is rounded up to a second, and the pieces add up to it.

use jiff::tz::{Offset, TimeZone};

use super::SECOND;
use crate::domain::wall;
use crate::sql::{Day, Instant};

/// A part of a run within one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Wall clock.
    pub start: Instant,
    /// Seconds, more than 0.
    pub length: i64,
}

/// Logs that a run may become; a longer one is a forgotten timer that no list of logs would mend.
pub(super) const MOST: usize = 800;

/// The zone of a run: the person's, or the offset that the client said where that differs at the start.
pub(super) fn zone(person: &TimeZone, said: Option<i32>, start: Instant) -> TimeZone {
    let seconds = said.map(|minutes| minutes.saturating_mul(60)).filter(|said| wall::offset_at(start, person) != *said);
    let fixed = seconds.and_then(|seconds| Offset::from_seconds(seconds).ok());
    fixed.map_or_else(|| person.clone(), TimeZone::fixed)
}

/// The pieces of a run. None: there would be more than [`MOST`].
pub(super) fn split(start: Instant, end: Instant, zone: &TimeZone, longest: Option<i32>) -> Option<Vec<Piece>> {
    let whole = ((end.0 - start.0).max(1) + SECOND - 1) / SECOND;
    let longest = longest.map_or(i64::MAX, i64::from).max(1);
    let mut pieces = Vec::new();
    let mut done = 0;
    while done < whole {
        let at = Instant(start.0 + done * SECOND);
        let midnight = next_midnight(at, zone);
        // What crosses midnight by less than a second belongs to the day in which it began.
        let to_midnight = (midnight.0 - at.0 + SECOND - 1) / SECOND;
        let length = to_midnight.max(1).min(whole - done).min(longest);
        pieces.push(Piece { start: wall::at_zone(at, zone), length });
        if pieces.len() > MOST {
            return None;
        }
        done += length;
    }
    Some(pieces)
}

/// When the next local day begins.
fn next_midnight(at: Instant, zone: &TimeZone) -> Instant {
    let today = wall::at_zone(at, zone).day();
    let midnight = |days: i32| wall::instant_of(Day(today.0 + days).midnight(), zone);
    // Where a change skips or repeats a midnight, the day after the next one is as good.
    (1..3).map(midnight).find(|midnight| midnight.0 > at.0).unwrap_or(Instant(at.0 + 86_400 * SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::wall::Written;

    fn at(text: &str) -> Instant {
        Written::parse(text).unwrap().wall
    }

    fn pieces(from: &str, to: &str, zone: &str, longest: Option<i32>) -> Vec<(String, i64)> {
        let zone = wall::zone(zone);
        let split = split(at(from), at(to), &zone, longest).unwrap();
        split.iter().map(|piece| (wall::written(piece.start), piece.length)).collect()
    }

    fn expect(found: &[(String, i64)], expected: &[(&str, i64)]) {
        let found: Vec<(&str, i64)> = found.iter().map(|(start, length)| (start.as_str(), *length)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_run_is_one_log_a_day() {
        expect(&pieces("2024-05-02T08:00", "2024-05-02T09:30", "UTC", None), &[("2024-05-02T08:00:00", 5400)]);
        expect(
            &pieces("2024-05-01T21:00", "2024-05-02T23:30", "Europe/Berlin", None),
            &[("2024-05-01T23:00:00", 3600), ("2024-05-02T00:00:00", 86_400), ("2024-05-03T00:00:00", 5400)],
        );
        // At midnight sharp there is no second log, and a short run is kept.
        expect(&pieces("2024-05-01T23:00", "2024-05-02T00:00", "UTC", None), &[("2024-05-01T23:00:00", 3600)]);
        expect(&pieces("2024-05-01T23:00", "2024-05-01T23:00", "UTC", None), &[("2024-05-01T23:00:00", 1)]);
        expect(&pieces("2024-05-01T23:00", "2024-05-01T22:00", "UTC", None), &[("2024-05-01T23:00:00", 1)]);
        expect(
            &pieces("2024-05-01T23:59:58.5", "2024-05-02T00:00:01.25", "UTC", None),
            &[("2024-05-01T23:59:58.5", 2), ("2024-05-02T00:00:00.5", 1)],
        );
    }

    #[test]
    fn days_of_daylight_saving_have_their_own_length() {
        expect(
            &pieces("2024-03-30T22:00", "2024-03-31T23:00", "Europe/Berlin", None),
            &[("2024-03-30T23:00:00", 3600), ("2024-03-31T00:00:00", 82_800), ("2024-04-01T00:00:00", 3600)],
        );
        // 25 hours, which no single log of a site with 24 hours may have.
        expect(
            &pieces("2024-10-26T22:00", "2024-10-27T23:30", "Europe/Berlin", Some(86_400)),
            &[("2024-10-27T00:00:00", 86_400), ("2024-10-27T23:00:00", 3600), ("2024-10-28T00:00:00", 1800)],
        );
        // Beirut skips midnight: the day begins at one o'clock.
        expect(
            &pieces("2024-03-30T21:00", "2024-03-30T23:00", "Asia/Beirut", None),
            &[("2024-03-30T23:00:00", 3600), ("2024-03-31T01:00:00", 3600)],
        );
        // Apia had no 30 December 2011.
        expect(
            &pieces("2011-12-30T09:00", "2011-12-30T11:00", "Pacific/Apia", None),
            &[("2011-12-29T23:00:00", 3600), ("2011-12-31T00:00:00", 3600)],
        );
    }

    #[test]
    fn a_forgotten_timer_has_an_end() {
        let days = pieces("2023-03-01T12:00", "2024-04-04T12:00", "Europe/Berlin", Some(86_400));
        // The day of 25 hours is two.
        assert_eq!(days.len(), 402);
        assert_eq!(days.iter().map(|(_, length)| length).sum::<i64>(), 400 * 86_400);
        assert_eq!(split(at("2001-01-01"), at("2024-01-01"), &TimeZone::UTC, None), None);
    }

    #[test]
    fn contract_5_the_clients_offset_counts_where_the_zone_has_another() {
        let berlin = wall::zone("Europe/Berlin");
        let shown =
            |said| wall::written(wall::at_zone(at("2024-07-01T10:00"), &zone(&berlin, said, at("2024-07-01T10:00"))));
        assert_eq!(shown(None), "2024-07-01T12:00:00");
        assert_eq!(shown(Some(120)), "2024-07-01T12:00:00");
        assert_eq!(shown(Some(-300)), "2024-07-01T05:00:00");
        assert_eq!(zone(&berlin, Some(120), at("2024-07-01T10:00")), berlin);
    }
}
