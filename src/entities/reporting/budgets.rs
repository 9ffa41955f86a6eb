//! Budgets of the wire contract: as a part of logs and work items (§3.2) and as a set (§3.5).

use super::{work_items, worklogs};
use crate::entities::time::{self, BILLABLE, TRACKED, TRACKED_ON_BUDGET};
use crate::odata::edm::Edm::{Boolean, DateTimeOffset, Guid, Int32, String};
use crate::odata::edm::{Complex, ComplexType, Entity, col, complex, entity, expr, joined, many, prop, searched};

/// The effective budget of a log or work item; null for who may not see budgets, by the row policy on the joined table.
pub const BUDGET: Complex =
    complex("Budget", &BUDGET_TYPE, joined("budgets", "budget_id", "id")).nullable().doc("The effective budget.");

static BUDGET_TYPE: ComplexType = ComplexType {
    name: "ReportingBudget",
    props: &[&[prop("Id", Guid, col("guid")).nullable(), prop("BudgetName", String, col("name")).nullable()]],
    complexes: &[],
};

/// A budget and its times.
pub static BUDGET_EXTENDED: Entity = entity("ReportingBudgetExtended")
    .table("budgets")
    .key(&["Id"])
    .props(&[&[
        prop("Id", Guid, col("guid")),
        prop("BudgetName", String, col("name")).nullable(),
        prop("Planned", Int32, col("planned_seconds")).doc("Seconds."),
        prop("Tracked", Int32, expr(|at| time::seconds_32(at, &TRACKED_ON_BUDGET, TRACKED)))
            .nullable()
            .doc("Seconds of the logs whose effective budget it is."),
        prop("Billed", Int32, expr(|at| time::seconds_32(at, &TRACKED_ON_BUDGET, BILLABLE)))
            .nullable()
            .doc("Seconds to bill of these logs."),
        prop("Comment", String, col("comment")).nullable(),
        prop("Closed", Boolean, col("closed")),
        prop("ClosedDate", DateTimeOffset, col("closed_at")).nullable(),
        prop("CreatedDate", DateTimeOffset, col("created_at")).nullable(),
    ]])
    .navs(&[
        many("WorkItems", &work_items::FLAT, ("id", "budget_id"))
            .bound_to("workItems")
            .doc("Work items whose effective budget it is."),
        many("Worklogs", &worklogs::WORK_LOG, ("id", "budget_id"))
            .bound_to("workLogsOnly")
            .doc("Work logs whose effective budget it is."),
    ])
    .search(&[searched("BudgetName", "name"), searched("Comment", "comment")])
    .doc("A budget and the time on it.");
