//! Made-up work logs, in the order of their days.
//!
//! Each person's logs of a day follow each other from the morning on. Rows come one at a time: nothing but a clock per
//! person is held.

use super::generate::Recipe;
use super::items::Items;
use super::money::Money;
use super::people::People;
use super::random::{Random, guid};
use super::words::{ACTIVITY_TYPES, COMMENTS, OTHER_WORK};
use crate::domain::calendar;
use crate::domain::worklogs::{Flags, NewWorklog};
use crate::sql::{Day, Instant};

const MICROS: i64 = 1_000_000;
const HOUR: i64 = 3600;

/// An iterator over every log.
pub(super) struct Logs<'a> {
    recipe: &'a Recipe,
    people: &'a People,
    items: &'a Items,
    money: &'a Money,
    random: Random,
    days: Vec<Day>,
    made: usize,
    /// By id of a person: the day, and the second of it at which they are free again.
    free: Vec<(Day, i64)>,
    usual_length: i64,
}

impl<'a> Logs<'a> {
    pub fn new(recipe: &'a Recipe, people: &'a People, items: &'a Items, money: &'a Money) -> Logs<'a> {
        let days = working_days(recipe);
        let person_days = (people.working().len() * days.len()).max(1);
        let a_day = (recipe.worklogs / person_days).max(1) as i64;
        Logs {
            free: vec![(Day(0), 0); recipe.roles.len() + 1],
            usual_length: (8 * HOUR / a_day).clamp(HOUR / 6, HOUR * 5 / 4),
            random: Random::stream(recipe.seed, "work logs"),
            made: 0,
            days,
            recipe,
            people,
            items,
            money,
        }
    }

    /// A start and a length that follow what the person did before.
    fn time(&mut self, person: i32, day: Day, is_tracked: bool) -> (i64, i64) {
        let (last_day, mut start) = self.free[person as usize];
        if last_day != day || start > 22 * HOUR {
            start = 7 * HOUR + self.random.between(0, 24) * 300;
        }
        let length = self.random.between(self.usual_length / 3, self.usual_length * 5 / 3);
        let length = if is_tracked { length } else { (length / 300).max(1) * 300 };
        let pause = if self.random.in_thousand(300) { self.random.between(1, 12) * 300 } else { 0 };
        self.free[person as usize] = (day, start + length + pause);
        (start, length)
    }

    fn comment(&mut self, has_item: bool) -> Option<String> {
        let random = &mut self.random;
        if !has_item {
            return Some((*random.pick(&OTHER_WORK)).to_owned());
        }
        match random.below(100) {
            0..36 => None,
            36 => Some(String::new()),
            37..80 => Some((*random.pick(&COMMENTS)).to_owned()),
            _ => Some(format!("{} (#{})", random.pick(&COMMENTS), random.below(5000))),
        }
    }

    fn billable(&mut self, length: i64) -> (bool, Option<i64>) {
        let random = &mut self.random;
        if !random.in_thousand(700) {
            return (false, random.in_thousand(200).then_some(0));
        }
        let quarter = HOUR / 4;
        (
            true,
            Some(match random.below(10) {
                0 => length / 2,
                1 | 2 => (length + quarter - 1) / quarter * quarter,
                _ => length,
            }),
        )
    }

    fn flags(&mut self, is_tracked: bool) -> Flags {
        let random = &mut self.random;
        let way = random.below(100);
        Flags {
            is_tracked,
            is_tracked_extended: is_tracked && random.in_thousand(100),
            is_imported: !is_tracked && way < 4,
            is_from_api: !is_tracked && (4..10).contains(&way),
            is_manually_entered: !is_tracked && way >= 10,
            is_changed: random.in_thousand(100),
            is_billable: false,
        }
    }

    /// When it was written down, when it was touched last, and by whom if not by its owner.
    fn history(&mut self, person: i32, end: Instant, flags: Flags, deleted: bool) -> (Instant, Instant, Option<i32>) {
        let last = Instant(Day(self.recipe.to.0 + 1).midnight().0 - MICROS);
        let random = &mut self.random;
        let delay = match (flags.is_tracked, random.below(10)) {
            (true, _) => random.between(0, 3 * MICROS),
            (false, 0) => random.between(HOUR, 72 * HOUR) * MICROS,
            (false, _) => random.between(0, 3 * HOUR) * MICROS,
        };
        let created_at = Instant(end.0 + delay).min(last);
        if !flags.is_changed && !deleted {
            return (created_at, created_at, None);
        }
        let edited_at = Instant(created_at.0 + random.between(60, 480 * HOUR) * MICROS).min(last);
        let leading = self.people.leading();
        let by_other = (!leading.is_empty() && random.in_thousand(200)).then(|| *random.pick(leading));
        (created_at, edited_at, by_other.filter(|id| *id != person))
    }
}

/// Working days, and one in eight of the others.
fn working_days(recipe: &Recipe) -> Vec<Day> {
    let mut random = Random::stream(recipe.seed, "days");
    let is_worked = |day: &Day| {
        let weekday = calendar::date_of(*day).map_or(1, |date| date.weekday().to_monday_one_offset());
        random.in_thousand(if weekday < 6 { 1000 } else { 125 })
    };
    let days: Vec<Day> = (recipe.from.0..=recipe.to.0).map(Day).filter(is_worked).collect();
    if days.is_empty() { vec![recipe.to] } else { days }
}

impl Iterator for Logs<'_> {
    type Item = NewWorklog;

    fn next(&mut self) -> Option<NewWorklog> {
        let working = self.people.working();
        if self.made == self.recipe.worklogs || working.is_empty() {
            return None;
        }
        let day = self.days[self.made * self.days.len() / self.recipe.worklogs];
        // Everybody once, then by chance.
        let turn = self.made;
        let is_first = turn < working.len();
        let user_id = if is_first { working[turn] } else { *self.random.pick(working) };
        self.made += 1;
        let is_tracked = self.random.in_thousand(350);
        let (start, length) = self.time(user_id, day, is_tracked);
        let started_at = Instant(day.midnight().0 + start * MICROS);
        let deleted = !is_first && self.random.in_thousand(20);
        let mut flags = self.flags(is_tracked);
        let (is_billable, billable) = self.billable(length);
        flags.is_billable = is_billable;
        let end = Instant(started_at.0 + length * MICROS);
        let (created_at, edited_at, edited_by_user_id) = self.history(user_id, end, flags, deleted);
        let leading = self.people.leading();
        let for_somebody = !leading.is_empty() && self.random.in_thousand(30);
        let added_by = if for_somebody { *self.random.pick(leading) } else { user_id };
        let work_item_id = if self.random.in_thousand(80) { None } else { self.items.pick(&mut self.random, day) };
        let singles = &self.money.of_single_logs;
        let own_budget_id = (!singles.is_empty() && self.random.in_thousand(15)).then(|| *self.random.pick(singles));
        let activity_type_id =
            (!self.random.in_thousand(100)).then(|| self.random.below(ACTIVITY_TYPES.len()) as i32 + 1);
        Some(NewWorklog {
            id: self.made as i64,
            guid: guid(self.recipe.seed, "work log", self.made as u64),
            user_id,
            added_by_user_id: Some(added_by),
            edited_by_user_id,
            work_item_id,
            item_budget: work_item_id.map(|id| self.items.effective(id)),
            activity_type_id,
            own_budget_id,
            started_at,
            length_seconds: length as i32,
            billable_seconds: billable.map(|seconds| seconds as i32),
            comment: self.comment(work_item_id.is_some()),
            flags,
            deleted,
            created_at,
            edited_at,
        })
    }
}
