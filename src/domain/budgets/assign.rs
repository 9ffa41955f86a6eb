//! Assigning work items, iterations and single logs to budgets, and what that moves.
//!
//! In: an item, iteration or log and its new budget, or none. Out: [`Moves`]: the items and logs that change hands, by
//! the budget that they leave and the one that they come to. [`plan`] only looks, [`put`] writes the same. Of the tree
//! only what lies below the item or iteration is computed anew.

use std::collections::{BTreeMap, HashMap, HashSet};

use diesel::dsl::{count_star, sum};
use diesel::prelude::*;

use super::{Assigned, Effective};
use crate::db::tables::{budget_iterations, budget_work_items, iterations, work_item_tree, work_items, worklogs};
use crate::db::{AsConn, DbError, Hold, Tx};
use crate::domain::tree::{Forest, TreeError};
use crate::on;
use crate::sql::{Type, Update, Value};

/// What can be assigned, by internal ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    WorkItem(i32),
    Iteration(i32),
    Worklog(i64),
}

/// Logs that go from one budget to another; none is no budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    pub from: Option<i32>,
    pub to: Option<i32>,
    pub worklogs: i64,
    pub seconds: i64,
}

/// What an assignment changes.
#[derive(Clone, Debug, Default)]
pub struct Moves {
    items: Vec<(i32, Effective)>,
    /// Deleted logs are not counted, though they move too.
    pub logs: Vec<Move>,
}

impl Moves {
    /// Items whose budget changes, or where it comes from.
    pub fn work_items(&self) -> usize {
        self.items.len()
    }
}

/// What would change if `target` had this budget of its own, or none.
pub fn plan(conn: &mut impl AsConn, target: Target, budget: Option<i32>) -> Result<Moves, DbError> {
    let below = match target {
        Target::Worklog(log) => return plan_log(conn, log, budget),
        Target::WorkItem(item) => Below::of_item(conn, item)?,
        Target::Iteration(iteration) => Below::of_iteration(conn, iteration)?,
    };
    let mut assigned = assignments(conn)?;
    let (of, id) = match target {
        Target::Iteration(iteration) => (&mut assigned.iterations, iteration),
        Target::WorkItem(item) => (&mut assigned.items, item),
        Target::Worklog(_) => return Ok(Moves::default()),
    };
    match budget {
        Some(budget) => of.insert(id, budget),
        None => of.remove(&id),
    };
    below.moves(conn, &mut assigned)
}

/// Gives `target` a budget of its own, or takes it away; keeps what counts for it.
pub fn put(tx: &mut Tx<'_>, target: Target, budget: Option<i32>) -> Result<Moves, DbError> {
    tx.must_hold(Hold::Exclusive)?;
    let moves = plan(tx, target, budget)?;
    match (target, budget) {
        (Target::WorkItem(item), Some(budget)) => {
            on!(tx, c => diesel::insert_into(budget_work_items::table)
                .values((budget_work_items::work_item_id.eq(item), budget_work_items::budget_id.eq(budget)))
                .on_conflict(budget_work_items::work_item_id)
                .do_update()
                .set(budget_work_items::budget_id.eq(budget))
                .execute(c))?;
        }
        (Target::WorkItem(item), None) => {
            on!(tx, c => diesel::delete(budget_work_items::table.find(item)).execute(c))?;
        }
        (Target::Iteration(iteration), Some(budget)) => {
            on!(tx, c => diesel::insert_into(budget_iterations::table)
                .values((budget_iterations::iteration_id.eq(iteration), budget_iterations::budget_id.eq(budget)))
                .on_conflict(budget_iterations::iteration_id)
                .do_update()
                .set(budget_iterations::budget_id.eq(budget))
                .execute(c))?;
        }
        (Target::Iteration(iteration), None) => {
            on!(tx, c => diesel::delete(budget_iterations::table.find(iteration)).execute(c))?;
        }
        (Target::Worklog(log), budget) => {
            let effective = match budget {
                Some(budget) => Some(budget),
                None => of_logs_item(tx, log)?,
            };
            on!(tx, c => diesel::update(worklogs::table.find(log))
                .set((worklogs::own_budget_id.eq(budget), worklogs::budget_id.eq(effective)))
                .execute(c))?;
        }
    }
    store(tx, &moves)?;
    Ok(moves)
}

/// After an item came to another parent or iteration: it and all below it count for what is above them now.
pub fn follow(tx: &mut Tx<'_>, item: i32) -> Result<Moves, DbError> {
    tx.must_hold(Hold::Exclusive)?;
    let below = Below::of_item(tx, item)?;
    let mut assigned = assignments(tx)?;
    let moves = below.moves(tx, &mut assigned)?;
    store(tx, &moves)?;
    Ok(moves)
}

/// Items that an assignment may concern, with all that lies above them.
struct Below {
    affected: Vec<Row>,
    parents: HashMap<i32, Option<i32>>,
}

/// Item, its parent, iteration, budget and where that comes from.
type Row = (i32, Option<i32>, Option<i32>, Option<i32>, i32);

impl Below {
    fn of_item(conn: &mut impl AsConn, item: i32) -> Result<Below, DbError> {
        let below =
            work_item_tree::table.filter(work_item_tree::ancestor_id.eq(item)).select(work_item_tree::descendant_id);
        let affected = on!(conn, c => work_items::table.filter(work_items::id.eq_any(below)).select(COLUMNS).load(c))?;
        let inside =
            work_item_tree::table.filter(work_item_tree::ancestor_id.eq(item)).select(work_item_tree::descendant_id);
        // Above an item of the tree: the tree itself, and what lies above the item.
        let above =
            work_item_tree::table.filter(work_item_tree::descendant_id.eq(item)).select(work_item_tree::ancestor_id);
        let near = work_items::id.eq_any(inside).or(work_items::id.eq_any(above));
        let parents: Vec<(i32, Option<i32>)> =
            on!(conn, c => work_items::table.filter(near).select((work_items::id, work_items::parent_id)).load(c))?;
        Ok(Below { affected, parents: parents.into_iter().collect() })
    }

    fn of_iteration(conn: &mut impl AsConn, iteration: i32) -> Result<Below, DbError> {
        let inside = iterations_below(conn, iteration)?;
        let affected: Vec<Row> = on!(conn, c => work_items::table
            .filter(work_items::iteration_id.eq_any(&inside))
            .select(COLUMNS)
            .load(c))?;
        let planned = work_items::table.filter(work_items::iteration_id.eq_any(&inside)).select(work_items::id);
        let above = work_item_tree::table
            .filter(work_item_tree::descendant_id.eq_any(planned))
            .select(work_item_tree::ancestor_id);
        let parents: Vec<(i32, Option<i32>)> = on!(conn, c => {
            let alike = diesel::alias!(work_items as near);
            alike
                .filter(alike.field(work_items::id).eq_any(above))
                .select((alike.field(work_items::id), alike.field(work_items::parent_id)))
                .load(c)
        })?;
        Ok(Below { affected, parents: parents.into_iter().collect() })
    }

    fn moves(self, conn: &mut impl AsConn, assigned: &mut Assigned) -> Result<Moves, DbError> {
        let forest = Forest::new(self.parents).map_err(|error| match error {
            TreeError::Database(error) => error,
            other => DbError::Other(other.to_string()),
        })?;
        assigned.item_iterations = self.affected.iter().filter_map(|row| Some((row.0, row.2?))).collect();
        let mut moves = Moves::default();
        let mut moving = HashMap::new();
        for (item, _, _, budget, assignment) in self.affected {
            let is = assigned.effective(&forest, item);
            if (budget, assignment) == (is.budget, is.assignment.number()) {
                continue;
            }
            moves.items.push((item, is));
            if budget != is.budget {
                moving.insert(item, is.budget);
            }
        }
        moves.logs = moved_logs(conn, &moving)?;
        Ok(moves)
    }
}

const COLUMNS: (
    work_items::id,
    work_items::parent_id,
    work_items::iteration_id,
    work_items::budget_id,
    work_items::budget_assignment,
) = (
    work_items::id,
    work_items::parent_id,
    work_items::iteration_id,
    work_items::budget_id,
    work_items::budget_assignment,
);

/// Ids of one statement; SQLite takes 32,766 binds.
const CHUNK: usize = 10_000;

/// Logs of these items that go by their item, counted by where they come from and go to.
fn moved_logs(conn: &mut impl AsConn, moving: &HashMap<i32, Option<i32>>) -> Result<Vec<Move>, DbError> {
    type Sum = (Option<i32>, Option<i32>, i64, Option<i64>);
    let ids: Vec<i32> = moving.keys().copied().collect();
    let mut sums: BTreeMap<(Option<i32>, Option<i32>), (i64, i64)> = BTreeMap::new();
    for chunk in ids.chunks(CHUNK) {
        let rows: Vec<Sum> = on!(conn, c => worklogs::table
            .filter(worklogs::work_item_id.eq_any(chunk))
            .filter(worklogs::own_budget_id.is_null())
            .filter(worklogs::deleted.eq(false))
            .group_by((worklogs::work_item_id, worklogs::budget_id))
            .select((worklogs::work_item_id, worklogs::budget_id, count_star(), sum(worklogs::length_seconds)))
            .load(c))?;
        for (item, from, logs, seconds) in rows {
            let to = item.and_then(|item| moving.get(&item).copied().flatten());
            let sum = sums.entry((from, to)).or_default();
            *sum = (sum.0 + logs, sum.1 + seconds.unwrap_or_default());
        }
    }
    let moved = sums.into_iter().filter(|((from, to), _)| from != to);
    Ok(moved.map(|((from, to), (worklogs, seconds))| Move { from, to, worklogs, seconds }).collect())
}

fn plan_log(conn: &mut impl AsConn, log: i64, budget: Option<i32>) -> Result<Moves, DbError> {
    let row: (Option<i32>, i32, bool) = on!(conn, c => worklogs::table
        .find(log)
        .select((worklogs::budget_id, worklogs::length_seconds, worklogs::deleted))
        .first(c))?;
    let to = match budget {
        Some(budget) => Some(budget),
        None => of_logs_item(conn, log)?,
    };
    let moved = Move { from: row.0, to, worklogs: 1, seconds: row.1.into() };
    let logs = if row.2 || row.0 == to { Vec::new() } else { vec![moved] };
    Ok(Moves { items: Vec::new(), logs })
}

/// The budget of the item that a log is on.
fn of_logs_item(conn: &mut impl AsConn, log: i64) -> Result<Option<i32>, DbError> {
    let found: Option<Option<i32>> = on!(conn, c => worklogs::table
        .inner_join(work_items::table)
        .filter(worklogs::id.eq(log))
        .select(work_items::budget_id)
        .first(c)
        .optional())?;
    Ok(found.flatten())
}

/// The iteration and all below it.
fn iterations_below(conn: &mut impl AsConn, top: i32) -> Result<Vec<i32>, DbError> {
    let pairs: Vec<(i32, Option<i32>)> =
        on!(conn, c => iterations::table.select((iterations::id, iterations::parent_id)).load(c))?;
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for (id, parent) in pairs {
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(id);
        }
    }
    let mut seen = HashSet::from([top]);
    let mut all = vec![top];
    let mut at = 0;
    while let Some(id) = all.get(at).copied() {
        let below = children.get(&id).into_iter().flatten().copied();
        all.extend(below.filter(|id| seen.insert(*id)));
        at += 1;
    }
    Ok(all)
}

/// Assignments of items and iterations, and the path of each iteration.
fn assignments(conn: &mut impl AsConn) -> Result<Assigned, DbError> {
    let items: Vec<(i32, i32)> = on!(conn, c => budget_work_items::table
        .select((budget_work_items::work_item_id, budget_work_items::budget_id)).load(c))?;
    let of_iterations: Vec<(i32, i32)> = on!(conn, c => budget_iterations::table
        .select((budget_iterations::iteration_id, budget_iterations::budget_id)).load(c))?;
    let parents: Vec<(i32, i32)> = on!(conn, c => iterations::table
        .filter(iterations::parent_id.is_not_null())
        .select((iterations::id, iterations::parent_id.assume_not_null())).load(c))?;
    Ok(Assigned {
        items: items.into_iter().collect(),
        iterations: of_iterations.into_iter().collect(),
        iteration_parents: parents.into_iter().collect(),
        item_iterations: HashMap::new(),
    })
}

/// Writes the items' budgets and those of the logs that go by them.
fn store(tx: &mut Tx<'_>, moves: &Moves) -> Result<(), DbError> {
    let row = |(item, is): &(i32, Effective)| {
        vec![
            Value::Int32(*item),
            is.budget.map_or(Value::Null(Type::Int32), Value::Int32),
            Value::Int32(is.assignment.number()),
        ]
    };
    let rows = moves.items.iter().map(row).collect();
    tx.update(&Update { table: "work_items", key: "id", columns: &["budget_id", "budget_assignment"], rows })?;
    let ids: Vec<i32> = moves.items.iter().map(|(item, _)| *item).collect();
    for chunk in ids.chunks(CHUNK) {
        let of_item = work_items::table
            .filter(work_items::id.nullable().eq(worklogs::work_item_id))
            .select(work_items::budget_id)
            .single_value();
        on!(tx, c => diesel::update(worklogs::table)
            .filter(worklogs::work_item_id.eq_any(chunk))
            .filter(worklogs::own_budget_id.is_null())
            .set(worklogs::budget_id.eq(of_item))
            .execute(c))?;
    }
    Ok(())
}
