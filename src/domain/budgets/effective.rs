//! Effective budgets (contract §6.1).
//!
//! In: which items, iterations and single logs have a budget of their own. Out: the budget that each item and log counts
//! for. A log's is its own, else its item's. An item's is that of the nearest item up the parent chain, beginning with
//! itself; where none has one, that of the nearest iteration up the item's iteration path; else none. Whether a budget
//! is closed plays no part: it takes no new assignment, and keeps its time.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::db::tables::{budget_iterations, budget_work_items, iterations, work_items, worklogs};
use crate::db::{DbError, Tx};
use crate::domain::tree::Forest;
use crate::on;
use crate::sql::{Type, Update, Value};

/// Where an item's budget comes from; the numbers are those of `work_items.budget_assignment`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignment {
    /// Not known yet. No reader sees it: budgets are computed before the writer commits.
    NotComputed = 0,
    NoBudget = 1,
    DirectlyAssigned = 2,
    InheritedFromParent = 3,
    InheritedFromIteration = 4,
}

impl Assignment {
    pub fn number(self) -> i32 {
        self as i32
    }
}

/// An item's budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effective {
    pub budget: Option<i32>,
    pub assignment: Assignment,
}

/// The budget of a log: its own, else its item's.
pub fn of_worklog(own: Option<i32>, item: Option<Effective>) -> Option<i32> {
    own.or(item.and_then(|item| item.budget))
}

/// What has been assigned to budgets, by internal ids.
#[derive(Clone, Debug, Default)]
pub struct Assigned {
    /// Work item → budget.
    pub items: HashMap<i32, i32>,
    /// Iteration → budget.
    pub iterations: HashMap<i32, i32>,
    /// Iteration → the one above.
    pub iteration_parents: HashMap<i32, i32>,
    /// Work item → iteration.
    pub item_iterations: HashMap<i32, i32>,
}

impl Assigned {
    /// The budget of an item.
    pub fn effective(&self, forest: &Forest, item: i32) -> Effective {
        let nearest = forest.upward(item).find_map(|above| Some((above, *self.items.get(&above)?)));
        if let Some((holder, budget)) = nearest {
            let assignment =
                if holder == item { Assignment::DirectlyAssigned } else { Assignment::InheritedFromParent };
            return Effective { budget: Some(budget), assignment };
        }
        match self.of_iteration(self.item_iterations.get(&item).copied()) {
            Some(budget) => Effective { budget: Some(budget), assignment: Assignment::InheritedFromIteration },
            None => Effective { budget: None, assignment: Assignment::NoBudget },
        }
    }

    fn of_iteration(&self, iteration: Option<i32>) -> Option<i32> {
        std::iter::successors(iteration, |at| self.iteration_parents.get(at).copied())
            .find_map(|at| self.iterations.get(&at).copied())
    }

    fn read(tx: &mut Tx<'_>) -> Result<Assigned, DbError> {
        let pairs = |rows: Vec<(i32, i32)>| rows.into_iter().collect::<HashMap<_, _>>();
        let items = on!(tx, c => budget_work_items::table
            .select((budget_work_items::work_item_id, budget_work_items::budget_id)).load(c))?;
        let of_iterations = on!(tx, c => budget_iterations::table
            .select((budget_iterations::iteration_id, budget_iterations::budget_id)).load(c))?;
        let parents = on!(tx, c => iterations::table
            .filter(iterations::parent_id.is_not_null())
            .select((iterations::id, iterations::parent_id.assume_not_null())).load(c))?;
        let planned = on!(tx, c => work_items::table
            .filter(work_items::iteration_id.is_not_null())
            .select((work_items::id, work_items::iteration_id.assume_not_null())).load(c))?;
        Ok(Assigned {
            items: pairs(items),
            iterations: pairs(of_iterations),
            iteration_parents: pairs(parents),
            item_iterations: pairs(planned),
        })
    }
}

/// Computes the budget of every item and log anew; `forest` is that of all items. Writes only what differs, and gives
/// the budget of each item.
pub fn recompute_all(tx: &mut Tx<'_>, forest: &Forest) -> Result<HashMap<i32, Effective>, DbError> {
    let assigned = Assigned::read(tx)?;
    let stored: Vec<(i32, Option<i32>, i32)> = on!(tx, c => work_items::table
        .select((work_items::id, work_items::budget_id, work_items::budget_assignment))
        .load(c))?;
    let mut update =
        Update { table: "work_items", key: "id", columns: &["budget_id", "budget_assignment"], rows: Vec::new() };
    let mut computed = HashMap::with_capacity(stored.len());
    for (item, budget, assignment) in stored {
        let is = assigned.effective(forest, item);
        computed.insert(item, is);
        if (budget, assignment) != (is.budget, is.assignment.number()) {
            update.rows.push(vec![
                Value::Int32(item),
                is.budget.map_or(Value::Null(Type::Int32), Value::Int32),
                Value::Int32(is.assignment.number()),
            ]);
        }
    }
    tx.update(&update)?;
    recompute_worklogs(tx)?;
    Ok(computed)
}

/// Brings `worklogs.budget_id` in line with the logs' own budgets and their items'.
fn recompute_worklogs(tx: &mut Tx<'_>) -> Result<(), DbError> {
    use worklogs::{budget_id, own_budget_id, work_item_id};
    on!(tx, c => diesel::update(worklogs::table)
        .filter(own_budget_id.is_not_null().and(budget_id.is_null().or(budget_id.ne(own_budget_id))))
        .set(budget_id.eq(own_budget_id))
        .execute(c))?;
    let of_item = || {
        work_items::table
            .filter(work_items::id.nullable().eq(work_item_id))
            .select(work_items::budget_id)
            .single_value()
    };
    let appeared = budget_id.is_null().and(of_item().is_not_null());
    let vanished = budget_id.is_not_null().and(of_item().is_null());
    let differs = appeared.or(vanished).or(budget_id.ne(of_item()));
    on!(tx, c => diesel::update(worklogs::table)
        .filter(own_budget_id.is_null().and(differs))
        .set(budget_id.eq(of_item()))
        .execute(c))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Items 1 ← 2 ← 3 and the lone 4; iterations 10 ← 11 ← 12. Items 3 and 4 are planned in iteration 12.
    fn check(items: &[(i32, i32)], iterations: &[(i32, i32)], item: i32, expected: (Option<i32>, Assignment)) {
        let forest = Forest::new([(1, None), (2, Some(1)), (3, Some(2)), (4, None)]).expect("a tree");
        let assigned = Assigned {
            items: items.iter().copied().collect(),
            iterations: iterations.iter().copied().collect(),
            iteration_parents: HashMap::from([(12, 11), (11, 10)]),
            item_iterations: HashMap::from([(3, 12), (4, 12)]),
        };
        let Effective { budget, assignment } = assigned.effective(&forest, item);
        assert_eq!((budget, assignment), expected, "{items:?} {iterations:?} {item}");
    }

    #[test]
    fn contract_6_1_effective_budget_of_an_item() {
        use Assignment::{DirectlyAssigned, InheritedFromIteration, InheritedFromParent, NoBudget};
        check(&[], &[], 3, (None, NoBudget));
        check(&[(3, 7)], &[], 3, (Some(7), DirectlyAssigned));
        check(&[(1, 7)], &[], 1, (Some(7), DirectlyAssigned));
        check(&[(2, 7)], &[], 3, (Some(7), InheritedFromParent));
        check(&[(1, 7)], &[], 3, (Some(7), InheritedFromParent));
        // The nearest wins.
        check(&[(1, 7), (2, 8)], &[], 3, (Some(8), InheritedFromParent));
        // Excluded: under an included item, with another budget of its own.
        check(&[(1, 7), (3, 9)], &[], 3, (Some(9), DirectlyAssigned));
        check(&[(1, 7), (3, 9)], &[], 2, (Some(7), InheritedFromParent));
        // An assignment does not climb.
        check(&[(3, 7)], &[], 2, (None, NoBudget));
        check(&[(3, 7)], &[], 4, (None, NoBudget));
        // Iterations, nearest up the path.
        check(&[], &[(12, 5)], 3, (Some(5), InheritedFromIteration));
        check(&[], &[(10, 5)], 4, (Some(5), InheritedFromIteration));
        check(&[], &[(10, 5), (11, 6)], 4, (Some(6), InheritedFromIteration));
        // Item 2 is planned in none; its child's iteration is not its own.
        check(&[], &[(12, 5)], 2, (None, NoBudget));
        // A parent beats an iteration, however far it is.
        check(&[(1, 7)], &[(12, 5)], 3, (Some(7), InheritedFromParent));
    }

    #[test]
    fn contract_6_1_effective_budget_of_a_log() {
        let item = |budget| Some(Effective { budget, assignment: Assignment::DirectlyAssigned });
        assert_eq!(of_worklog(Some(1), item(Some(2))), Some(1));
        assert_eq!(of_worklog(None, item(Some(2))), Some(2));
        assert_eq!(of_worklog(None, item(None)), None);
        assert_eq!(of_worklog(Some(1), None), Some(1));
        assert_eq!(of_worklog(None, None), None);
    }
}
