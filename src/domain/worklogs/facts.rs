//! What the rules ask about, loaded at once for as many logs as a request holds.
//!
//! In: people, items and days. Out: [`Facts`]. A batch of 500 asks the database as often as a single log does.

use std::collections::{BTreeSet, HashMap, HashSet};

use diesel::prelude::*;
use jiff::tz::TimeZone;

use super::rules::{self, DayFacts, Ownership};
use super::{Content, Worklog};
use crate::db::tables::{approvals, week_locks, work_items};
use crate::db::{AsConn, DbError};
use crate::domain::activity_types::{self, ActivityType};
use crate::domain::approvals::State;
use crate::domain::people::{self, Person};
use crate::domain::refusal::Refusal;
use crate::domain::settings::Settings;
use crate::domain::wall;
use crate::domain::weeks::Week;
use crate::on;
use crate::policy::Caller;
use crate::sql::{Day, Guid, Instant};

/// What is known of a work item.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Effective.
    pub budget: Option<i32>,
    pub closed_at: Option<Instant>,
}

/// Settings, people, items, kinds of work and weeks.
#[derive(Debug)]
pub struct Facts {
    pub settings: Settings,
    people: HashMap<i32, Person>,
    ids: HashMap<Guid, i32>,
    items: HashMap<i32, Item>,
    types: Vec<ActivityType>,
    weeks: HashMap<(i32, Day), State>,
    locks: HashSet<Day>,
    zones: HashMap<String, TimeZone>,
}

impl Facts {
    /// Settings and kinds of work; the rest is loaded as it is needed.
    pub fn read(conn: &mut impl AsConn) -> Result<Facts, DbError> {
        let settings = Settings::read(conn)?;
        let types = activity_types::list(conn)?;
        Ok(Facts {
            settings,
            types,
            people: HashMap::new(),
            ids: HashMap::new(),
            items: HashMap::new(),
            weeks: HashMap::new(),
            locks: HashSet::new(),
            zones: HashMap::new(),
        })
    }

    /// What there is to know of these logs, for whoever may want to change them.
    pub fn of_logs(conn: &mut impl AsConn, logs: &[Worklog]) -> Result<Facts, DbError> {
        let mut facts = Facts::read(conn)?;
        facts.load_items(conn, logs.iter().filter_map(|log| log.work_item_id))?;
        facts.load_weeks(conn, logs.iter().map(|log| (log.user_id, log.work_date)))?;
        Ok(facts)
    }

    fn know(&mut self, people: impl IntoIterator<Item = Person>) {
        for person in people {
            self.zones.entry(person.time_zone.clone()).or_insert_with(|| wall::zone(&person.time_zone));
            self.ids.insert(person.guid, person.id);
            self.people.insert(person.id, person);
        }
    }

    pub fn load_people(&mut self, conn: &mut impl AsConn, ids: &[i32], guids: &[Guid]) -> Result<(), DbError> {
        let ids: Vec<i32> = ids.iter().copied().filter(|id| !self.people.contains_key(id)).collect();
        if !ids.is_empty() {
            self.know(people::by_ids(conn, &ids)?.into_values());
        }
        let guids: Vec<Guid> = guids.iter().copied().filter(|guid| !self.ids.contains_key(guid)).collect();
        if !guids.is_empty() {
            self.know(people::by_guids(conn, &guids)?.into_values());
        }
        Ok(())
    }

    pub fn load_items(&mut self, conn: &mut impl AsConn, ids: impl Iterator<Item = i32>) -> Result<(), DbError> {
        type Row = (i32, Option<i32>, Option<String>, [Option<Instant>; 3]);
        let unknown = ids.filter(|id| !self.items.contains_key(id));
        let ids: Vec<i32> = unknown.collect::<BTreeSet<_>>().into_iter().collect();
        if ids.is_empty() {
            return Ok(());
        }
        type Columns = (i32, Option<i32>, Option<String>, Option<Instant>, Option<Instant>, Option<Instant>);
        let rows: Vec<Columns> = on!(conn, c => work_items::table
            .filter(work_items::id.eq_any(&ids))
            .select((
                work_items::id,
                work_items::budget_id,
                work_items::state_category,
                work_items::closed_date,
                work_items::state_change_date,
                work_items::changed_at,
            ))
            .load(c))?;
        let rows = rows.into_iter().map(|row| -> Row { (row.0, row.1, row.2, [row.3, row.4, row.5]) });
        for (id, budget, category, dates) in rows {
            let closed_at = closed_at(category.as_deref(), dates);
            self.items.insert(id, Item { budget, closed_at });
        }
        Ok(())
    }

    /// States and locks of the weeks of these days.
    pub fn load_weeks(
        &mut self,
        conn: &mut impl AsConn,
        days: impl Iterator<Item = (i32, Day)>,
    ) -> Result<(), DbError> {
        let mut users = BTreeSet::new();
        let mut starts = BTreeSet::new();
        for (user, day) in days {
            users.insert(user);
            starts.insert(self.week(day).start);
        }
        if starts.is_empty() || !self.settings.approval_enabled {
            return Ok(());
        }
        let users: Vec<i32> = users.into_iter().collect();
        let starts: Vec<Day> = starts.into_iter().collect();
        let states: Vec<(i32, Day, i32)> = on!(conn, c => approvals::table
            .filter(approvals::user_id.eq_any(&users))
            .filter(approvals::week_start.eq_any(&starts))
            .select((approvals::user_id, approvals::week_start, approvals::state))
            .load(c))?;
        self.weeks.extend(states.into_iter().map(|(user, week, state)| ((user, week), State::from_number(state))));
        let locked: Vec<Day> = on!(conn, c => week_locks::table
            .filter(week_locks::week_start.eq_any(&starts))
            .select(week_locks::week_start)
            .load(c))?;
        self.locks.extend(locked);
        Ok(())
    }

    pub fn week(&self, day: Day) -> Week {
        Week::of(day, self.settings.first_weekday)
    }

    pub fn person(&self, id: i32) -> Option<&Person> {
        self.people.get(&id)
    }

    pub fn person_of(&self, guid: Guid) -> Option<&Person> {
        self.people.get(self.ids.get(&guid)?)
    }

    pub fn item(&self, id: i32) -> Option<Item> {
        self.items.get(&id).copied()
    }

    pub fn types(&self) -> &[ActivityType] {
        &self.types
    }

    /// The zone of a person who is loaded.
    pub fn zone(&self, person: &Person) -> TimeZone {
        self.zones.get(&person.time_zone).cloned().unwrap_or(TimeZone::UTC)
    }

    /// The kind of work of a log that names none: the person's favourite, else the site's.
    pub fn default_type(&self, person: &Person) -> Option<i32> {
        if !self.settings.activity_types_enabled || self.settings.activity_type_required {
            return None;
        }
        let active = |id: i32| self.types.iter().any(|kind| kind.id == id && kind.is_active).then_some(id);
        let of_site = || {
            let guid = Guid(self.settings.default_activity_type_id?);
            self.types.iter().find(|kind| kind.guid == guid && kind.is_active).map(|kind| kind.id)
        };
        person.default_activity_type_id.and_then(active).or_else(of_site)
    }

    fn day(&self, user: i32, day: Day) -> DayFacts {
        let week = self.week(day).start;
        DayFacts {
            day,
            week: self.weeks.get(&(user, week)).copied().unwrap_or_default(),
            week_is_locked: self.locks.contains(&week),
        }
    }

    /// Whether a person's day takes changes.
    pub fn unlocked(&self, user: i32, day: Day) -> Result<(), Refusal> {
        rules::unlocked(self.day(user, day), &self.settings)
    }

    /// Whether an item takes time.
    pub fn item_open(&self, item: Option<i32>, now: Instant) -> Result<(), Refusal> {
        let Some((id, item)) = item.and_then(|id| Some((id, self.item(id)?))) else { return Ok(()) };
        rules::item_open(id, item.closed_at, now, &self.settings)
    }

    /// Whether a log, as it is, takes a change by this caller.
    pub fn may_change(&self, caller: &Caller, log: &Worklog, now: Instant) -> Result<(), Refusal> {
        let ownership =
            Ownership { owner: log.user_id, added_by: log.added_by_user_id, owner_edited: log.owner_edited };
        if !rules::may_change(caller, ownership, &self.settings) {
            return Err(rules::not_yours());
        }
        self.unlocked(log.user_id, log.work_date)?;
        self.item_open(log.work_item_id, now)
    }

    pub fn content(&self, log: &Worklog) -> Result<(), Refusal> {
        let content = Content {
            work_item: log.work_item_id,
            comment: log.comment.as_deref(),
            activity_type: log.activity_type_id,
        };
        rules::content(content, &self.settings)
    }
}

/// When an item was closed. Azure DevOps clears the closing date when an item is opened again; where the process has
/// none, the category of the state and its last change tell.
fn closed_at(category: Option<&str>, [closed, changed_state, changed]: [Option<Instant>; 3]) -> Option<Instant> {
    match category {
        Some("Completed" | "Removed") => Some(closed.or(changed_state).or(changed).unwrap_or(Instant(i64::MIN))),
        Some(_) => None,
        None => closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_an_item_was_closed() {
        let at = |n| Some(Instant(n));
        for (category, dates, expected) in [
            (None, [None, at(2), at(3)], None),
            (None, [at(1), at(2), at(3)], at(1)),
            (Some("InProgress"), [at(1), at(2), at(3)], None),
            (Some("Completed"), [at(1), at(2), at(3)], at(1)),
            (Some("Completed"), [None, at(2), at(3)], at(2)),
            (Some("Completed"), [None, None, at(3)], at(3)),
            (Some("Removed"), [None, None, None], at(i64::MIN)),
        ] {
            assert_eq!(closed_at(category, dates), expected, "{category:?} {dates:?}");
        }
    }
}
