//! The wire contract's model, v3.0 to v3.3: names, types and nullability of contract §3, for clients are generated from it.
//!
//! Every role has the same model here; what a role may not see is null or empty (contract §6.6, row policy).

mod budgets;
mod custom;
mod parameters;
mod work_items;
mod worklogs;

pub use budgets::BUDGET_EXTENDED;
pub use work_items::{FLAT, HIERARCHY, PARENT};
pub use worklogs::{WORK_LOG, WORK_LOG_WITH_DELETED, WORK_LOG_WORK_ITEM, WORK_LOG_WORK_ITEM_WITH_DELETED};

use crate::odata::edm::{Schema, Set, Version, set};

pub const V3_0: Version = Version(30);
pub const V3_1: Version = Version(31);
pub const V3_2: Version = Version(32);
pub const V3_3: Version = Version(33);

pub static REPORTING: Schema = Schema {
    namespace: "TimetrackerOnline.Reporting.Models",
    enum_namespace: "TimetrackerOnline.Entities.Extensions",
    container_namespace: "Default",
    container: "Container",
    sets: SETS,
    parameters: parameters::PARAMETERS,
    annotated: false,
    folds_case: true,
};

/// Rows a page of work logs and budgets (contract §3.1).
const LARGE: usize = 1_000;
/// Rows a page of work items.
const SMALL: usize = 100;

// `workItemsFilter` restricts logs on the log sets only (contract §3.7), so it stands here and not on their entity:
// below a work item `AllWorklogs` stays what `TrackedTotal` sums up.
static SETS: &[Set] = &[
    set("workLogsOnly", &WORK_LOG, LARGE).rows(parameters::on_matching_items).doc("Work logs."),
    set("workLogsWorkItems", &WORK_LOG_WORK_ITEM, LARGE)
        .rows(parameters::on_matching_items)
        .doc("Work logs, each with its work item."),
    set("workLogsOnlyWithDeleted", &WORK_LOG_WITH_DELETED, LARGE)
        .rows(parameters::on_matching_items)
        .since(V3_3)
        .doc("Work logs, deleted ones too."),
    set("workLogsWorkItemsWithDeleted", &WORK_LOG_WORK_ITEM_WITH_DELETED, LARGE)
        .rows(parameters::on_matching_items)
        .since(V3_3)
        .doc("Work logs, deleted ones too, each with its work item."),
    set("workItems", &FLAT, SMALL).doc("All work items."),
    set("workItemsHierarchy", &HIERARCHY, SMALL)
        .rows(|at| at.col("parent_id").is_null())
        .doc("The work items without a parent, with times rolled up."),
    set("workItemsHierarchyAllLevels", &HIERARCHY, SMALL).doc("All work items, with times rolled up."),
    set("budgets", &BUDGET_EXTENDED, LARGE).doc("Budgets. Empty for callers who may not see budgets."),
];
