//! What the steps of a history make of the world, by the contract's words alone, and the comparison with what is stored.
//! Shares no code with the product.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use diesel::prelude::*;
use timeledger::db::{Tx, tables};
use timeledger::on;
use timeledger::sql::{Day, Guid};

use super::week_of;

/// A log as the history has it.
#[derive(Clone, Debug)]
pub struct Log {
    pub id: i64,
    pub guid: Guid,
    pub owner: i32,
    pub item: Option<i32>,
    pub own_budget: Option<i32>,
    pub day: Day,
    pub seconds: i64,
    pub deleted: bool,
    /// The operation that touched it last, if nothing else did since.
    pub last: Option<usize>,
}

/// What one request did to logs.
#[derive(Debug)]
pub struct Operation {
    pub id: Guid,
    /// Logs by their place, and how they were before; none was not there.
    pub befores: Vec<(usize, Option<Log>)>,
    /// As it left them.
    pub afters: Vec<Log>,
}

#[derive(Debug, Default)]
pub struct World {
    pub parents: HashMap<i32, i32>,
    pub planned: HashMap<i32, i32>,
    pub above: HashMap<i32, i32>,
    pub items: HashMap<i32, i32>,
    pub iterations: HashMap<i32, i32>,
    pub closed: HashSet<i32>,
    pub logs: Vec<Log>,
    /// Logs of the history, which it may change.
    pub mine: Vec<usize>,
    pub operations: Vec<Operation>,
    /// Person and week → a number of §4.3, 4 for rejected.
    pub weeks: HashMap<(i32, u8), i32>,
    pub locked: HashSet<u8>,
}

impl Log {
    /// What a reader sees of it.
    pub fn shown(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        (self.id, self.owner, self.item, self.own_budget, self.day, self.seconds, self.deleted)
    }
}

impl World {
    /// What the database holds at the beginning.
    pub fn read(tx: &mut Tx<'_>) -> World {
        use tables::{budgets, iterations, work_items as i};
        let mut world = World::default();
        let items: Vec<(i32, Option<i32>, Option<i32>)> =
            on!(tx, c => i::table.select((i::id, i::parent_id, i::iteration_id)).load(c)).expect("items");
        for (id, parent, iteration) in items {
            world.parents.extend(parent.map(|parent| (id, parent)));
            world.planned.extend(iteration.map(|iteration| (id, iteration)));
        }
        let pairs: Vec<(i32, Option<i32>)> =
            on!(tx, c => iterations::table.select((iterations::id, iterations::parent_id)).load(c))
                .expect("iterations");
        world.above = pairs.into_iter().filter_map(|(id, above)| Some((id, above?))).collect();
        let pairs: Vec<(i32, i32)> = on!(tx, c => tables::budget_work_items::table.load(c)).expect("assigned items");
        world.items = pairs.into_iter().collect();
        let pairs: Vec<(i32, i32)> =
            on!(tx, c => tables::budget_iterations::table.load(c)).expect("assigned iterations");
        world.iterations = pairs.into_iter().collect();
        let closed: Vec<i32> =
            on!(tx, c => budgets::table.filter(budgets::closed).select(budgets::id).load(c)).expect("budgets");
        world.closed = closed.into_iter().collect();
        world.logs = logs(tx).into_iter().map(|(log, _)| log).collect();
        world
    }

    /// An item and what is above it, nearest first.
    pub fn upward(&self, item: i32) -> impl Iterator<Item = i32> {
        std::iter::successors(Some(item), |at| self.parents.get(at).copied())
    }

    pub fn all_iterations(&self) -> BTreeSet<i32> {
        self.above.keys().chain(self.above.values()).copied().collect()
    }

    /// §6.1, for an item: where it comes from, too.
    fn of_item(&self, item: i32) -> (Option<i32>, i32) {
        for here in self.upward(item) {
            if let Some(budget) = self.items.get(&here) {
                return (Some(*budget), if here == item { 2 } else { 3 });
            }
        }
        let mut at = self.planned.get(&item).copied();
        while let Some(here) = at {
            if let Some(budget) = self.iterations.get(&here) {
                return (Some(*budget), 4);
            }
            at = self.above.get(&here).copied();
        }
        (None, 1)
    }

    pub fn of_log(&self, log: &Log) -> Option<i32> {
        log.own_budget.or(log.item.and_then(|item| self.of_item(item).0))
    }

    pub fn state(&self, who: i32, week: u8) -> i32 {
        self.weeks.get(&(who, week)).copied().unwrap_or(0)
    }

    /// §4.5: an open, reopened or rejected week that is not locked.
    pub fn takes_time(&self, who: i32, day: Day) -> bool {
        let Some(week) = week_of(day) else { return true };
        [0, 2, 4].contains(&self.state(who, week)) && !self.locked.contains(&week)
    }

    /// Notes what an operation did to logs, which are as they are now.
    pub fn operated(&mut self, id: Guid, befores: Vec<(usize, Option<Log>)>) {
        for (at, _) in &befores {
            self.logs[*at].last = Some(self.operations.len());
        }
        let afters = befores.iter().map(|(at, _)| self.logs[*at].clone()).collect();
        self.operations.push(Operation { id, befores, afters });
    }

    /// The end of a history is what the world says.
    pub fn compare(&self, tx: &mut Tx<'_>) {
        self.compare_logs(tx);
        self.compare_items(tx);
        self.compare_weeks(tx);
    }

    fn compare_logs(&self, tx: &mut Tx<'_>) {
        let stored = logs(tx);
        assert_eq!(stored.len(), self.logs.len());
        let mut sums: BTreeMap<Option<i32>, i64> = BTreeMap::new();
        for ((found, budget), log) in stored.iter().zip(&self.logs) {
            assert_eq!(found.shown(), log.shown());
            assert_eq!(*budget, self.of_log(log), "the budget of {log:?}");
            if !log.deleted {
                *sums.entry(self.of_log(log)).or_default() += log.seconds;
            }
        }
        let budget = tables::worklogs::budget_id;
        let found: Vec<(Option<i32>, Option<i64>)> = on!(tx, c => tables::worklogs::table
            .filter(tables::worklogs::deleted.eq(false))
            .group_by(budget)
            .select((budget, diesel::dsl::sum(tables::worklogs::length_seconds)))
            .load(c))
        .expect("sums");
        assert_eq!(found.into_iter().map(|(budget, sum)| (budget, sum.unwrap_or(0))).collect::<BTreeMap<_, _>>(), sums);
        let days: HashSet<Day> = on!(tx, c => tables::dates::table.select(tables::dates::day).load(c))
            .expect("the calendar")
            .into_iter()
            .collect();
        assert!(self.logs.iter().all(|log| days.contains(&log.day)), "a day is missing in the calendar");
    }

    /// Budgets, roots, children, the closure, and the seconds that it rolls up.
    fn compare_items(&self, tx: &mut Tx<'_>) {
        use tables::{work_item_tree as t, work_items as i, worklogs as w};
        type Row = (i32, Option<i32>, Option<i32>, i32, i32, bool);
        let columns = (i::id, i::parent_id, i::budget_id, i::budget_assignment, i::root_id, i::has_children);
        let items: Vec<Row> = on!(tx, c => i::table.select(columns).load(c)).expect("items");
        let mut closure: BTreeSet<(i32, i32, i32)> = BTreeSet::new();
        for (item, parent, budget, assignment, root, has_children) in items {
            assert_eq!(parent, self.parents.get(&item).copied(), "the parent of {item}");
            assert_eq!((budget, assignment), self.of_item(item), "the budget of item {item}");
            assert_eq!(Some(root), self.upward(item).last(), "the root of {item}");
            assert_eq!(has_children, self.parents.values().any(|parent| *parent == item), "children of {item}");
            closure.extend((0..).zip(self.upward(item)).map(|(depth, above)| (above, item, depth)));
        }
        let found: Vec<(i32, i32, i32)> =
            on!(tx, c => t::table.select((t::ancestor_id, t::descendant_id, t::depth)).load(c)).expect("the closure");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), closure);
        let mut expected: BTreeMap<i32, i64> = BTreeMap::new();
        for log in self.logs.iter().filter(|log| !log.deleted) {
            for above in log.item.into_iter().flat_map(|item| self.upward(item)) {
                *expected.entry(above).or_default() += log.seconds;
            }
        }
        let found: Vec<(i32, Option<i64>)> = on!(tx, c => w::table
            .inner_join(t::table.on(w::work_item_id.eq(t::descendant_id.nullable())))
            .filter(w::deleted.eq(false))
            .group_by(t::ancestor_id)
            .select((t::ancestor_id, diesel::dsl::sum(w::length_seconds)))
            .load(c))
        .expect("roll-ups");
        let found: BTreeMap<i32, i64> = found.into_iter().map(|(item, sum)| (item, sum.unwrap_or(0))).collect();
        assert_eq!(found, expected);
    }

    fn compare_weeks(&self, tx: &mut Tx<'_>) {
        let columns = (tables::approvals::user_id, tables::approvals::week_start, tables::approvals::state);
        let weeks: Vec<(i32, Day, i32)> =
            on!(tx, c => tables::approvals::table.select(columns).load(c)).expect("weeks");
        let found: HashMap<(i32, u8), i32> =
            weeks.into_iter().filter_map(|(who, start, state)| Some(((who, week_of(start)?), state))).collect();
        assert_eq!(found, self.weeks);
    }
}

/// Every log, and the budget that is stored with it.
fn logs(tx: &mut Tx<'_>) -> Vec<(Log, Option<i32>)> {
    use tables::worklogs as w;
    type Row = (i64, Guid, i32, Option<i32>, Option<i32>, Day, i32, bool, Option<i32>);
    let columns = (
        w::id,
        w::guid,
        w::user_id,
        w::work_item_id,
        w::own_budget_id,
        w::work_date,
        w::length_seconds,
        w::deleted,
        w::budget_id,
    );
    let rows: Vec<Row> = on!(tx, c => w::table.select(columns).order(w::id).load(c)).expect("logs");
    let log = |(id, guid, owner, item, own_budget, day, seconds, deleted, budget): Row| {
        (Log { id, guid, owner, item, own_budget, day, seconds: seconds.into(), deleted, last: None }, budget)
    };
    rows.into_iter().map(log).collect()
}
