//! Made-up data: people, projects, trees of work items, budgets and their logs, the same from the same number.
//!
//! In: how many of each. Out: rows in one transaction. Nothing here asks the clock or the machine, and rows carry their
//! ids, so that both back ends hold the same. The order of the writing is that of references; logs come last and pass one
//! at a time.

use diesel::prelude::*;
use jiff::civil::Date;

use super::items::Items;
use super::logs::Logs;
use super::people::People;
use super::planning::Planning;
use super::random::guid;
use super::rows::{self, ActivityType};
use super::{Progress, Summary, money, words};
use crate::db::migrate::{self, MigrateError};
use crate::db::tables::{budgets, users, work_items};
use crate::db::{Conn, DbError, Failure, Hold, Tx};
use crate::domain::budgets::Assigned;
use crate::domain::worklogs::{Before, Writer};
use crate::domain::{calendar, settings};
use crate::on;
use crate::policy::Role;
use crate::sql::Day;

/// How many of each, and the number that they are made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeedOptions {
    pub users: u32,
    pub work_items: u32,
    pub worklogs: u32,
    pub budgets: u32,
    pub random_seed: u64,
}

/// Why nothing was made up.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    #[error("the database has data already; made-up data goes into an empty one")]
    NotEmpty,
    #[error("work logs need at least one person of role Team or up")]
    NobodyWorks,
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error(transparent)]
    Database(#[from] DbError),
}

impl Failure for SeedError {
    fn database(&self) -> Option<&DbError> {
        match self {
            SeedError::Database(error) => Some(error),
            _ => None,
        }
    }
}

/// What is to be made, in full.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub seed: u64,
    pub roles: Vec<Role>,
    pub projects: usize,
    pub work_items: usize,
    pub worklogs: usize,
    pub budgets: usize,
    /// First and last day of the logs.
    pub from: Day,
    pub to: Day,
}

const FIRST_DAY: Date = jiff::civil::date(2022, 1, 1);
const LAST_DAY: Date = jiff::civil::date(2024, 12, 31);

/// Brings the schema up to date, then fills the empty database. Dates lie in 2022 to 2024.
pub fn generate(
    conn: &mut Conn,
    options: &SeedOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Summary, SeedError> {
    let work_items = options.work_items as usize;
    let recipe = Recipe {
        seed: options.random_seed,
        roles: super::people::roles(options.users as usize),
        projects: (work_items / 4).clamp(1, 8),
        work_items,
        worklogs: options.worklogs as usize,
        budgets: options.budgets as usize,
        from: calendar::day_of(FIRST_DAY),
        to: calendar::day_of(LAST_DAY),
    };
    fill(conn, &recipe, progress)
}

pub(super) fn fill(conn: &mut Conn, recipe: &Recipe, progress: &mut dyn FnMut(Progress)) -> Result<Summary, SeedError> {
    migrate::run(conn)?;
    if recipe.worklogs > 0 && recipe.roles.iter().all(|role| *role < Role::Team) {
        return Err(SeedError::NobodyWorks);
    }
    let summary = conn.write(|tx| {
        tx.hold(Hold::Exclusive)?;
        if !is_empty(tx)? {
            return Err(SeedError::NotEmpty);
        }
        Ok(write(tx, recipe, progress)?)
    })?;
    conn.analyze()?;
    Ok(summary)
}

/// Without people there are no logs.
fn is_empty(tx: &mut Tx<'_>) -> Result<bool, DbError> {
    let counts: [i64; 3] = [
        on!(tx, c => users::table.count().get_result(c))?,
        on!(tx, c => work_items::table.count().get_result(c))?,
        on!(tx, c => budgets::table.count().get_result(c))?,
    ];
    Ok(counts == [0; 3])
}

fn write(tx: &mut Tx<'_>, recipe: &Recipe, progress: &mut dyn FnMut(Progress)) -> Result<Summary, DbError> {
    let mut report = |stage, done: usize, total: usize| {
        progress(Progress { stage, done: done as u64, total: Some(total as u64) });
    };
    let people = People::new(recipe);
    rows::insert(tx, people.rows(recipe))?;
    rows::insert(tx, activity_types(recipe.seed))?;
    report("users", recipe.roles.len(), recipe.roles.len());

    let planning = Planning::new(recipe);
    planning.insert(tx, &people)?;
    let mut items = Items::new(recipe, &planning, &people);
    let money = money::assign(recipe, &planning, &items);
    rows::insert(tx, money.budgets.iter().cloned())?;
    rows::insert(tx, money.iterations.iter().copied())?;
    let assigned = Assigned {
        items: money.items.iter().map(|pair| (pair.0, pair.1)).collect(),
        iterations: money.iterations.iter().map(|pair| (pair.0, pair.1)).collect(),
        iteration_parents: planning.iteration_parents(),
        item_iterations: items.iterations(),
    };
    items.place(&assigned);
    items.insert(tx)?;
    rows::insert(tx, money.items.iter().copied())?;
    report("workItems", recipe.work_items, recipe.work_items);
    report("budgets", recipe.budgets, recipe.budgets);

    let mut summary = Summary {
        users: recipe.roles.len() as u64,
        activity_types: words::ACTIVITY_TYPES.len() as u64,
        work_items: recipe.work_items as u64,
        budgets: recipe.budgets as u64,
        ..Summary::default()
    };
    let mut writer = Writer::new(Before::Empty);
    for (n, new) in Logs::new(recipe, &people, &items, &money).enumerate() {
        summary.count(&new);
        writer.push(tx, new)?;
        if n.is_multiple_of(10_000) {
            report("worklogs", n, recipe.worklogs);
        }
    }
    writer.finish(tx)?;
    calendar::cover(tx, recipe.from, recipe.to)?;
    tx.advance_keys()?;
    settings::open_from_first_log(tx)?;
    report("worklogs", recipe.worklogs, recipe.worklogs);
    Ok(summary)
}

fn activity_types(seed: u64) -> impl Iterator<Item = ActivityType> {
    (1..).zip(words::ACTIVITY_TYPES).map(move |(id, (name, color, is_active))| ActivityType {
        id,
        guid: guid(seed, "activity type", id as u64),
        name: name.into(),
        color: Some(color.into()),
        is_active,
    })
}
