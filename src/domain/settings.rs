//! Settings of the site that rules depend on (contract §6.3): one declaration, the fields of [`Settings`].
//!
//! In: rows of `settings`, each a name and a JSON value. Out: [`Settings`] with the defaults of what is not set. A writer
//! reads them in its own transaction, so that a change holds for the very next write.

use diesel::prelude::*;
use jiff::civil::Date;
use jiff::{Span, ToSpan};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::calendar;
use super::changes::{self, Action, Author, Change, Subject};
use super::refusal::{Kind, Refusal};
use super::wall::ZonePolicy;
use crate::db::tables::{approvals, settings, week_locks, worklogs};
use crate::db::{AsConn, DbError, Hold, Tx};
use crate::on;
use crate::policy::Role;
use crate::sql::{Day, Instant};

/// Everything that an administrator may set. A field's name, in camel case, is that of its row; its comment documents it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// First day of the week: 1 is Monday, 7 Sunday. To change it resets all approvals.
    pub first_weekday: i32,
    /// What becomes of a zone in a time stamp: `keep` drops it, `convert` moves the instant into the person's zone.
    pub timestamp_zone: ZonePolicy,
    /// A log without a billable length is billable in full.
    pub billable_by_default: bool,
    /// Days ahead that time may be entered for; null: any.
    pub future_days: Option<i32>,
    /// Longest single log in seconds; null: any.
    pub max_length: Option<i32>,
    pub work_item_required: bool,
    pub comment_required: bool,
    /// A required type clears the defaults.
    pub activity_type_required: bool,
    /// Logs have types.
    pub activity_types_enabled: bool,
    /// The type of logs that name none, unless their person has a favourite.
    pub default_activity_type_id: Option<Uuid>,
    /// No time on closed work items.
    pub closed_items_refused: bool,
    /// Hours after its closing in which a work item still takes time.
    pub closed_items_grace_hours: i32,
    /// The role, and those above it, that may change the time of others.
    pub editing_role: RoleName,
    /// The role of people who are new.
    pub default_role: RoleName,
    /// Weeks are submitted and approved.
    pub approval_enabled: bool,
    /// Days before it are locked; null: none.
    pub approval_start_date: Option<Date>,
    /// Weeks that have not begun may be submitted.
    pub future_weeks_submitted: bool,
    /// People may decide their own weeks.
    pub own_weeks_approved: bool,
    /// A week is locked as soon as nobody's is pending or unsubmitted.
    pub automatic_locking: bool,
    /// Nothing that the reference product does not know, such as the rejection of a week.
    pub strict_compatibility: bool,
    /// Longest run of the timer in seconds; null: any.
    pub max_track_length: Option<i32>,
    /// Minutes between two activity checks; null: none.
    pub activity_check_interval: Option<i32>,
    /// Seconds that an activity check waits for its answer.
    pub activity_check_wait: i32,
    /// Names the site to clients; made once.
    pub site_id: Uuid,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            first_weekday: 1,
            timestamp_zone: ZonePolicy::Keep,
            billable_by_default: false,
            future_days: Some(1),
            max_length: Some(86_400),
            work_item_required: false,
            comment_required: false,
            activity_type_required: false,
            activity_types_enabled: true,
            default_activity_type_id: None,
            closed_items_refused: false,
            closed_items_grace_hours: 0,
            editing_role: RoleName(Role::Administrator),
            default_role: RoleName(Role::Team),
            approval_enabled: true,
            approval_start_date: None,
            future_weeks_submitted: false,
            own_weeks_approved: false,
            automatic_locking: false,
            strict_compatibility: false,
            max_track_length: None,
            activity_check_interval: None,
            activity_check_wait: 60,
            site_id: Uuid::nil(),
        }
    }
}

/// A role, by its name in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleName(pub Role);

impl Serialize for RoleName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for RoleName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<RoleName, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map(RoleName).map_err(serde::de::Error::custom)
    }
}

/// Rows that describe the site rather than set anything.
const FIXED: &str = "siteId";
const START: &str = "approvalStartDate";

impl Settings {
    pub fn read(conn: &mut impl AsConn) -> Result<Settings, DbError> {
        let rows: Vec<(String, String)> =
            on!(conn, c => settings::table.select((settings::name, settings::value)).load(c))?;
        let mut members = Map::new();
        for (name, value) in rows {
            let value = serde_json::from_str(&value).map_err(|e| DbError::Other(format!("settings.{name}: {e}")))?;
            members.insert(name, value);
        }
        serde_json::from_value(Value::Object(members)).map_err(|e| DbError::Other(format!("settings: {e}")))
    }

    /// The first day that is not locked for being before the approval start date.
    pub fn approval_start(&self) -> Option<Day> {
        self.approval_start_date.filter(|_| self.approval_enabled).map(calendar::day_of)
    }

    /// As JSON, every setting by its name.
    pub fn to_json(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        }
    }

    /// These settings with some members changed.
    fn with(&self, patch: &Map<String, Value>) -> Result<Settings, Refusal> {
        let mut members = self.to_json();
        for (name, value) in patch {
            if name == FIXED || !members.contains_key(name) {
                return Err(Refusal::malformed(name, format!("`{name}` is no setting.")));
            }
            let before = members.insert(name.clone(), value.clone());
            let read = serde_json::from_value::<Settings>(Value::Object(members.clone()));
            if let Err(error) = read {
                drop(before);
                return Err(Refusal::malformed(name, format!("{name}: {error}.")));
            }
        }
        let changed: Settings = serde_json::from_value(Value::Object(members))
            .map_err(|error| Refusal::new(Kind::Malformed, error.to_string()))?;
        changed.check()?;
        Ok(changed)
    }

    fn check(&self) -> Result<(), Refusal> {
        let bounds: [(&str, Option<i32>, i32, i32); 7] = [
            ("firstWeekday", Some(self.first_weekday), 1, 7),
            ("futureDays", self.future_days, 0, 36_500),
            ("maxLength", self.max_length, 1, i32::MAX),
            ("closedItemsGraceHours", Some(self.closed_items_grace_hours), 0, 87_600),
            ("maxTrackLength", self.max_track_length, 60, 31_622_400),
            ("activityCheckInterval", self.activity_check_interval, 1, 1440),
            ("activityCheckWait", Some(self.activity_check_wait), 5, 3600),
        ];
        for (name, value, least, most) in bounds {
            if value.is_some_and(|value| !(least..=most).contains(&value)) {
                return Err(Refusal::malformed(name, format!("{name} lies between {least} and {most}.")));
            }
        }
        if self.approval_start_date.is_some_and(|date| date.year() < 1) {
            return Err(Refusal::malformed(START, "approvalStartDate is a day of the years 1 to 9999."));
        }
        Ok(())
    }
}

/// Changes some settings, with an entry in the trail; gives them as they are then.
pub fn write(tx: &mut Tx<'_>, by: &Author<'_>, patch: &Map<String, Value>) -> Result<Settings, Refusal> {
    tx.must_hold(Hold::Exclusive)?;
    let (before, after) = change(tx, patch)?;
    let (old, new) = (before.to_json(), after.to_json());
    if old == new {
        return Ok(after);
    }
    let differing = |these: &Map<String, Value>, those: &Map<String, Value>| {
        let some = these.iter().filter(|(name, value)| those.get(*name) != Some(value));
        Some(Value::Object(some.map(|(name, value)| (name.clone(), value.clone())).collect()).to_string())
    };
    let entry = Change {
        subject: Subject::Settings,
        subject_id: 0,
        action: Action::Changed,
        before: differing(&old, &new),
        after: differing(&new, &old),
        comment: None,
    };
    changes::write(tx, by, [entry])?;
    Ok(after)
}

/// Changes some settings; gives those before and after. A new first weekday takes all approvals and locks with it.
pub(super) fn change(tx: &mut Tx<'_>, patch: &Map<String, Value>) -> Result<(Settings, Settings), Refusal> {
    let before = Settings::read(tx)?;
    let after = before.with(patch)?;
    if let Some(id) = after.default_activity_type_id.filter(|id| Some(*id) != before.default_activity_type_id) {
        super::activity_types::active_id(tx, crate::sql::Guid(id))?
            .ok_or_else(|| Refusal::unknown("defaultActivityTypeId", "activity type", id))?;
    }
    let (old, new) = (before.to_json(), after.to_json());
    for (name, value) in new.iter().filter(|(name, value)| old.get(*name) != Some(value)) {
        store(tx, name, value)?;
    }
    if after.first_weekday != before.first_weekday {
        on!(tx, c => diesel::delete(approvals::table).execute(c))?;
        on!(tx, c => diesel::delete(week_locks::table).execute(c))?;
    }
    Ok((before, after))
}

fn store(tx: &mut Tx<'_>, name: &str, value: &Value) -> Result<(), DbError> {
    let value = value.to_string();
    on!(tx, c => diesel::insert_into(settings::table)
        .values((settings::name.eq(name), settings::value.eq(&value)))
        .on_conflict(settings::name)
        .do_update()
        .set(settings::value.eq(&value))
        .execute(c))?;
    Ok(())
}

/// What a site has from its first day: a name for clients, and the day from which time is open, a year and a day before
/// (contract §6.2). Does nothing where that is there.
pub fn install(tx: &mut Tx<'_>, now: Instant) -> Result<(), DbError> {
    tx.must_hold(Hold::Exclusive)?;
    let there: Vec<String> = on!(tx, c => settings::table.select(settings::name).load(c))?;
    let missing = |name: &str| !there.iter().any(|row| row == name);
    if missing(FIXED) {
        store(tx, FIXED, &Value::String(Uuid::new_v4().to_string()))?;
    }
    if missing(START) {
        let back: Span = 1.year().days(1);
        let start = calendar::date_of(now.day()).and_then(|day| day.checked_sub(back).ok());
        store(tx, START, &serde_json::json!(start))?;
    }
    Ok(())
}

/// Opens the weeks from the first log on, for logs that came in bulk. Never moves the start forward.
pub fn open_from_first_log(tx: &mut Tx<'_>) -> Result<(), DbError> {
    tx.must_hold(Hold::Exclusive)?;
    let days = worklogs::table.select(worklogs::work_date).order(worklogs::work_date);
    let first: Option<Day> = on!(tx, c => days.first(c).optional())?;
    let Some(date) = first.and_then(calendar::date_of) else { return Ok(()) };
    let settings = Settings::read(tx)?;
    if settings.approval_start_date.is_none_or(|start| date < start) {
        store(tx, START, &serde_json::json!(date))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patched(patch: Value) -> Result<Settings, Refusal> {
        Settings::default().with(patch.as_object().expect("an object"))
    }

    #[test]
    fn a_change_is_checked_and_names_its_member() {
        assert_eq!(patched(json!({"firstWeekday": 7})).unwrap().first_weekday, 7);
        assert_eq!(patched(json!({"futureDays": null})).unwrap().future_days, None);
        assert_eq!(patched(json!({"editingRole": "product"})).unwrap().editing_role.0, Role::Product);
        assert_eq!(patched(json!({"timestampZone": "convert"})).unwrap().timestamp_zone, ZonePolicy::Convert);
        for (patch, member) in [
            (json!({"firstWeekday": 0}), "firstWeekday"),
            (json!({"firstWeekday": "Monday"}), "firstWeekday"),
            (json!({"futureDays": -1}), "futureDays"),
            (json!({"editingRole": "Owner"}), "editingRole"),
            (json!({"timestampZone": "guess"}), "timestampZone"),
            (json!({"approvalStartDate": "2024-02-30"}), "approvalStartDate"),
            (json!({"siteId": "00000000-0000-0000-0000-000000000001"}), "siteId"),
            (json!({"colour": 1}), "colour"),
        ] {
            let refused = patched(patch.clone()).expect_err(&patch.to_string());
            assert_eq!((refused.kind, refused.member.as_deref()), (Kind::Malformed, Some(member)), "{patch}");
        }
    }
}
