//! Times of work items and budgets: which logs count, and their sums.
//!
//! In: the caller's parameters, from [`At`]. Out: conditions and [`Derivation`]s that both models share. A roll-up over
//! the tree sums per item first and climbs the closure then; joined straight to the logs it costs forty times as much.

use crate::odata::edm::{Entity, entity};
use crate::odata::plan::{At, Derivation, Planner};
use crate::sql::{Expr, Join, JoinKind, Select, Type, functions as f};

pub const PREFILTER: &str = "prefilter";
pub const ME: &str = "Me";
pub const WORKLOGS_FILTER: &str = "worklogsFilter";

/// Column of [`TRACKED_ITSELF`], [`TRACKED_TOTAL`] and [`TRACKED_ON_BUDGET`]: seconds worked.
pub const TRACKED: usize = 1;
/// Column of the same: seconds to bill.
pub const BILLABLE: usize = 2;

/// The logs that sums are made of.
static LOG: Entity = entity("CountedLog").table("worklogs").rows(counted);
/// An item and one of those below it, or itself.
pub static TREE: Entity = entity("WorkItemTree").table("work_item_tree").row("ancestor_id");

/// Not deleted, and what `prefilter` and `worklogsFilter` leave (contract §3.7: steps before `workItemsFilter`).
pub fn counted(at: &mut At) -> Expr {
    at.col("deleted").not().and(prefiltered(at))
}

/// What `prefilter` and `worklogsFilter` leave, deleted ones too.
pub fn prefiltered(at: &mut At) -> Expr {
    let whose = match at.choice(PREFILTER) {
        Some(ME) => at.me().map_or(Expr::False, |me| at.col("user_id").eq(me)),
        _ => Expr::True,
    };
    whose.and(at.filter_param(WORKLOGS_FILTER).unwrap_or(Expr::True))
}

/// Seconds to bill of a log: none where it is not billable, whatever its length says.
fn billable(at: &mut At) -> Expr {
    Expr::Case(vec![(at.col("is_billable").is_true(), at.col("billable_seconds"))], Box::new(Expr::Int(0)))
}

/// Sums of one group of logs, by `column`; Int64.
fn sum(at: &mut At, column: usize) -> Expr {
    let seconds = if column == BILLABLE { billable(at) } else { at.col("length_seconds") };
    seconds.sum().cast(Type::Int64)
}

/// Logs on the very item.
pub static TRACKED_ITSELF: Derivation = Derivation {
    name: "tracked itself",
    key: "id",
    grouped: |planner| logs_by(planner, "work_item_id"),
    single: |planner, item, column| {
        planner.select(&LOG, |at, select| {
            select.columns.push(sum(at, column));
            select.filter.push(at.col("work_item_id").eq(item));
        })
    },
};

/// Logs on the item and on everything below it.
pub static TRACKED_TOTAL: Derivation = Derivation {
    name: "tracked total",
    key: "id",
    grouped: |planner| {
        planner.select(&TREE, |at, select| {
            let per_item = at.select(&LOG, |at, select| sums_by(at, select, "work_item_id"));
            let per_item = at.nested(per_item);
            let sums = per_item.alias();
            let on = sums.output(0).eq(at.col("descendant_id"));
            select.joins.push(Join { kind: JoinKind::Inner, with: per_item, on });
            select.columns.push(at.col("ancestor_id"));
            for column in [TRACKED, BILLABLE] {
                select.columns.push(sums.output(column).sum().cast(Type::Int64));
            }
            select.group.push(at.col("ancestor_id"));
        })
    },
    single: |planner, item, column| {
        planner.select(&LOG, |at, select| {
            let below = at.select(&TREE, |at, select| {
                select.columns.push(at.col("descendant_id"));
                select.filter.push(at.col("ancestor_id").eq(item));
            });
            select.columns.push(sum(at, column));
            select.filter.push(Expr::InSelect(Box::new(at.col("work_item_id")), Box::new(below)));
        })
    },
};

/// Logs whose effective budget it is.
pub static TRACKED_ON_BUDGET: Derivation = Derivation {
    name: "tracked on budget",
    key: "id",
    grouped: |planner| logs_by(planner, "budget_id"),
    single: |planner, budget, column| {
        planner.select(&LOG, |at, select| {
            select.columns.push(sum(at, column));
            select.filter.push(at.col("budget_id").eq(budget));
        })
    },
};

fn logs_by(planner: &mut Planner, key: &'static str) -> Select {
    planner.select(&LOG, |at, select| sums_by(at, select, key))
}

fn sums_by(at: &mut At, select: &mut Select, key: &'static str) {
    select.columns.push(at.col(key));
    for column in [TRACKED, BILLABLE] {
        select.columns.push(sum(at, column));
    }
    select.filter.push(at.col(key).is_not_null());
    select.group.push(at.col(key));
}

/// A sum of seconds, 0 without logs, in the Int32 that the wire contract fixed.
pub fn seconds_32(at: &mut At, from: &'static Derivation, column: usize) -> Expr {
    Expr::Call(&f::SATURATED_INT32, vec![seconds_64(at, from, column)])
}

/// A sum of seconds, 0 without logs.
pub fn seconds_64(at: &mut At, from: &'static Derivation, column: usize) -> Expr {
    at.derive(from, column).or_else(Expr::Int(0))
}
