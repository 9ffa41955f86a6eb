//! How a person wants to be told: of which kinds by mail, and at what hours not (UX-71).
//!
//! The app shows every notice; quiet hours and kinds concern mail alone. Hours are those of the person's own zone.

use diesel::prelude::*;

use super::Kind;
use crate::db::tables::{notice_settings, users};
use crate::db::{AsConn, DbError, Hold, Tx};
use crate::domain::wall;
use crate::on;
use crate::sql::{Guid, Instant};

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// What a person has set. Nothing: mail of every kind, at any hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Names of the kinds of which no mail is sent, also of kinds that only a newer version knows.
    pub unmailed: Vec<String>,
    pub quiet: Option<Quiet>,
}

/// From one minute of the day to before another; over midnight where the first is the later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    pub from: i32,
    pub to: i32,
}

impl Quiet {
    /// When it is over, if it is quiet now.
    fn until(self, now: Instant, zone: &str) -> Option<Instant> {
        let zone = wall::zone(zone);
        let local = wall::at_zone(now, &zone).0;
        let midnight = local - local.rem_euclid(DAY);
        let (from, to) = (midnight + i64::from(self.from) * MINUTE, midnight + i64::from(self.to) * MINUTE);
        let end = match (from <= to, local >= from, local < to) {
            (true, true, true) | (false, false, true) => to,
            (false, true, _) => to + DAY,
            _ => return None,
        };
        // Where the clock is put back, the hour comes twice, and its first end may be past.
        Some(wall::instant_of(Instant(end), &zone)).filter(|until| *until > now)
    }
}

impl Settings {
    pub fn read(conn: &mut impl AsConn, user_id: i32) -> Result<Settings, DbError> {
        let columns = (notice_settings::unmailed, notice_settings::quiet_from, notice_settings::quiet_to);
        let row: Option<(String, Option<i32>, Option<i32>)> =
            on!(conn, c => notice_settings::table.find(user_id).select(columns).first(c).optional())?;
        let Some((unmailed, from, to)) = row else { return Ok(Settings::default()) };
        let quiet = from.zip(to).map(|(from, to)| Quiet { from, to });
        Ok(Settings { unmailed: serde_json::from_str(&unmailed).unwrap_or_default(), quiet })
    }

    pub fn write(&self, tx: &mut Tx<'_>, user_id: i32, now: Instant) -> Result<(), DbError> {
        tx.must_hold(Hold::Shared)?;
        let unmailed = serde_json::json!(self.unmailed).to_string();
        let set = (
            notice_settings::unmailed.eq(unmailed),
            notice_settings::quiet_from.eq(self.quiet.map(|quiet| quiet.from)),
            notice_settings::quiet_to.eq(self.quiet.map(|quiet| quiet.to)),
            notice_settings::changed_at.eq(now),
        );
        on!(tx, c => diesel::delete(notice_settings::table.find(user_id)).execute(c))?;
        let row = (notice_settings::user_id.eq(user_id), set);
        on!(tx, c => diesel::insert_into(notice_settings::table)
            .values((row.0, row.1.0, row.1.1, row.1.2, row.1.3))
            .execute(c))?;
        Ok(())
    }

    pub fn mails(&self, kind: Kind) -> bool {
        !self.unmailed.iter().any(|name| name == kind.name())
    }

    /// Whether mails of a kind are wanted from now on.
    pub fn set_mails(&mut self, kind: Kind, wanted: bool) {
        self.unmailed.retain(|name| name != kind.name());
        if !wanted {
            self.unmailed.push(kind.name().to_owned());
            self.unmailed.sort_unstable();
        }
    }

    /// When mail may come again, if it is quiet now.
    pub fn quiet_until(&self, now: Instant, zone: &str) -> Option<Instant> {
        self.quiet?.until(now, zone)
    }
}

/// One writer of a person's settings at a time; what was read before is read again.
pub fn hold(tx: &mut Tx<'_>, person: Guid) -> Result<(), DbError> {
    tx.must_hold(Hold::Shared)?;
    tx.hold_row(person)
}

/// Sends a person no more mails of a kind. False: nobody is this person.
pub fn mute(tx: &mut Tx<'_>, person: Guid, kind: Kind, now: Instant) -> Result<bool, DbError> {
    hold(tx, person)?;
    let found: Option<i32> =
        on!(tx, c => users::table.filter(users::guid.eq(person)).select(users::id).first(c).optional())?;
    let Some(user_id) = found else { return Ok(false) };
    let mut settings = Settings::read(tx, user_id)?;
    if settings.mails(kind) {
        settings.set_mails(kind, false);
        settings.write(tx, user_id, now)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        let at: jiff::Timestamp = text.parse().unwrap();
        Instant(at.as_microsecond())
    }

    #[test]
    fn ux_71_quiet_hours_are_those_of_the_zone() {
        let night = Quiet { from: 22 * 60, to: 7 * 60 };
        let noon = Quiet { from: 12 * 60, to: 13 * 60 };
        let cases = [
            (night, "UTC", "2024-05-02T21:59:00Z", None),
            (night, "UTC", "2024-05-02T22:00:00Z", Some("2024-05-03T07:00:00Z")),
            (night, "UTC", "2024-05-03T06:59:59Z", Some("2024-05-03T07:00:00Z")),
            (night, "UTC", "2024-05-03T07:00:00Z", None),
            (night, "Europe/Berlin", "2024-05-02T20:30:00Z", Some("2024-05-03T05:00:00Z")),
            (night, "America/New_York", "2024-05-02T22:30:00Z", None),
            // In the night to 27 October Berlin's clock goes back, in that to 31 March forward.
            (night, "Europe/Berlin", "2024-10-26T21:00:00Z", Some("2024-10-27T06:00:00Z")),
            (night, "Europe/Berlin", "2024-03-30T22:00:00Z", Some("2024-03-31T05:00:00Z")),
            (noon, "UTC", "2024-05-02T12:00:00Z", Some("2024-05-02T13:00:00Z")),
            (noon, "UTC", "2024-05-02T13:00:00Z", None),
            (noon, "UTC", "2024-05-02T11:59:59Z", None),
            (Quiet { from: 60, to: 60 }, "UTC", "2024-05-02T01:00:00Z", None),
            (night, "No/Where", "2024-05-02T22:00:00Z", Some("2024-05-03T07:00:00Z")),
        ];
        for (quiet, zone, now, until) in cases {
            let settings = Settings { quiet: Some(quiet), ..Settings::default() };
            assert_eq!(settings.quiet_until(at(now), zone), until.map(at), "{quiet:?} {zone} {now}");
        }
        assert_eq!(Settings::default().quiet_until(at("2024-05-02T22:00:00Z"), "UTC"), None);
    }
}
