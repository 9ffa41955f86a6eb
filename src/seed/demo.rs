//! A small company to look at: eight people, four projects, three years up to today.
//!
//! In: today. Out: the same rows for the same day.

use super::generate::{Recipe, SeedError, fill};
use super::{Progress, Summary};
use crate::db::Conn;
use crate::domain::calendar;
use crate::policy::Role;
use crate::sql::{Day, Instant};

const ROLES: [Role; 8] =
    [Role::Administrator, Role::Team, Role::Product, Role::Budget, Role::Team, Role::Team, Role::Team, Role::Team];

/// Brings the schema up to date, then fills the empty database with 100,000 logs of the three years that end at `now`.
pub fn demo(conn: &mut Conn, now: Instant, progress: &mut dyn FnMut(Progress)) -> Result<Summary, SeedError> {
    let today = now.day();
    let three_years_ago = calendar::date_of(today)
        .and_then(|date| date.checked_sub(jiff::Span::new().years(3)).ok())
        .map_or(Day(today.0 - 1095), calendar::day_of);
    let recipe = Recipe {
        seed: 7,
        roles: ROLES.to_vec(),
        projects: 4,
        work_items: 2_000,
        worklogs: 100_000,
        budgets: 20,
        from: Day(three_years_ago.0 + 1),
        to: today,
    };
    fill(conn, &recipe, progress)
}
