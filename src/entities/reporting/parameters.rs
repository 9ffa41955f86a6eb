//! The parameters without `$` (contract §3.7), in the order of their steps, and what `workItemsFilter` restricts.
//!
//! `prefilter` and `worklogsFilter` are the business of [`crate::entities::time`], for sums obey them in the same way.

use super::work_items::HIERARCHY;
use super::worklogs::WORK_LOG;
use crate::entities::time;
use crate::odata::edm::{Parameter, ParameterKind};
use crate::odata::plan::At;
use crate::sql::{Expr, From, Select};

pub const CUSTOM_FIELDS: &str = "customFields";
pub const ROLLUP_FIELDS: &str = "rollupFields";
const WORK_ITEMS_FILTER: &str = "workItemsFilter";
const APPLY_TARGET: &str = "workItemFilterApplyTarget";
const ROOTS: &str = "RootWorkItems";

/// Fields that `customFields` and `rollupFields` may name.
pub const SLOTS: usize = 5;

pub static PARAMETERS: &[Parameter] = &[
    Parameter { name: time::PREFILTER, kind: ParameterKind::Choice(&["NoFilter", time::ME]) },
    Parameter { name: time::WORKLOGS_FILTER, kind: ParameterKind::Filter(&WORK_LOG) },
    // The richest of the work item types: its filter may test times and roll-ups on every set.
    Parameter { name: WORK_ITEMS_FILTER, kind: ParameterKind::Filter(&HIERARCHY) },
    Parameter { name: APPLY_TARGET, kind: ParameterKind::Choice(&["AllWorkItems", ROOTS]) },
    Parameter { name: CUSTOM_FIELDS, kind: ParameterKind::Names(SLOTS) },
    Parameter { name: ROLLUP_FIELDS, kind: ParameterKind::Names(SLOTS) },
];

/// Of work items: those that match `workItemsFilter`, or whose root does.
pub fn matching(at: &mut At) -> Expr {
    let matches = match at.choice(APPLY_TARGET) {
        Some(ROOTS) => at.matching(WORK_ITEMS_FILTER).map(|roots| within(at.col("root_id"), roots)),
        _ => at.filter_param(WORK_ITEMS_FILTER),
    };
    matches.unwrap_or(Expr::True)
}

/// Of work logs: those on a work item that matches.
pub fn on_matching_items(at: &mut At) -> Expr {
    let Some(items) = at.matching(WORK_ITEMS_FILTER) else {
        return Expr::True;
    };
    let items = match at.choice(APPLY_TARGET) {
        Some(ROOTS) => below(at, items),
        _ => items,
    };
    within(at.col("work_item_id"), items)
}

/// The items of the trees whose roots these are.
fn below(at: &mut At, roots: Select) -> Select {
    let items = at.scan("work_items");
    let item = items.alias();
    let mut select = Select::from(From::Scan(items)).filter(within(item.col("root_id"), roots));
    select.columns.push(item.col("id"));
    select
}

fn within(id: Expr, select: Select) -> Expr {
    Expr::InSelect(Box::new(id), Box::new(select))
}
