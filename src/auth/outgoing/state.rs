//! How a credential stands at a moment (AU-63).
//!
//! In: whether it was refused, its end where that is known, the time. Out: a [`State`], and the days of which its people
//! are due to be told.

use crate::sql::Instant;

const DAY: i64 = 86_400_000_000;

/// Days before the end on which people are told.
pub const WARNED: [i64; 3] = [14, 3, 0];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Ok,
    /// It ends within fourteen days.
    Yellow,
    /// Expired, revoked or refused.
    Red,
}

impl State {
    pub const ALL: [State; 3] = [State::Ok, State::Yellow, State::Red];

    pub fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Yellow => "yellow",
            State::Red => "red",
        }
    }

    pub fn at(is_red: bool, expires_at: Option<Instant>, now: Instant) -> State {
        match expires_at.map(|end| end.0 - now.0) {
            _ if is_red => State::Red,
            Some(left) if left <= 0 => State::Red,
            Some(left) if left <= WARNED[0] * DAY => State::Yellow,
            _ => State::Ok,
        }
    }
}

/// The smallest of [`WARNED`] that has come; on the last day that is 0.
pub fn due(expires_at: Instant, now: Instant) -> Option<i64> {
    let left = expires_at.0 - now.0;
    WARNED.into_iter().rfind(|days| left <= (*days).max(1) * DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn au_63_yellow_from_fourteen_days_and_red_at_the_end() {
        let end = Instant(100 * DAY);
        let cases = [
            (15 * DAY, State::Ok, None),
            (14 * DAY + 1, State::Ok, None),
            (14 * DAY, State::Yellow, Some(14)),
            (3 * DAY + 1, State::Yellow, Some(14)),
            (3 * DAY, State::Yellow, Some(3)),
            (DAY + 1, State::Yellow, Some(3)),
            (DAY, State::Yellow, Some(0)),
            (1, State::Yellow, Some(0)),
            (0, State::Red, Some(0)),
            (-DAY, State::Red, Some(0)),
        ];
        for (left, state, days) in cases {
            let now = Instant(end.0 - left);
            assert_eq!((State::at(false, Some(end), now), due(end, now)), (state, days), "{left}");
            assert_eq!(State::at(true, Some(end), now), State::Red);
        }
        assert_eq!(State::at(false, None, end), State::Ok);
    }
}
