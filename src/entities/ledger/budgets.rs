//! Budgets of our own model.

use super::{WORK_ITEM, WORKLOG};
use crate::entities::time::{self, BILLABLE, TRACKED, TRACKED_ON_BUDGET};
use crate::odata::edm::Edm::{Boolean, DateTimeOffset, Guid, Int32, Int64, String};
use crate::odata::edm::{Entity, col, entity, expr, many, prop, searched};
use crate::sql::{Arithmetic, Type};

/// A budget of time.
pub static BUDGET: Entity = entity("Budget")
    .table("budgets")
    .key(&["Id"])
    .props(&[&[
        prop("Id", Guid, col("guid")).doc("Never changes."),
        prop("BudgetName", String, col("name")).doc("Name."),
        prop("Planned", Int32, col("planned_seconds")).doc("Planned time, in seconds.").seconds(),
        prop("Tracked", Int64, expr(|at| time::seconds_64(at, &TRACKED_ON_BUDGET, TRACKED)))
            .doc("Time of the logs whose effective budget it is, in seconds.")
            .seconds(),
        prop("Billed", Int64, expr(|at| time::seconds_64(at, &TRACKED_ON_BUDGET, BILLABLE)))
            .doc("Time to bill of these logs, in seconds.")
            .seconds(),
        prop(
            "Remaining",
            Int64,
            expr(|at| {
                at.col("planned_seconds")
                    .cast(Type::Int64)
                    .arithmetic(Arithmetic::Sub, time::seconds_64(at, &TRACKED_ON_BUDGET, TRACKED))
            }),
        )
        .doc("What is left of the planned time, in seconds; below zero where more was tracked.")
        .seconds(),
        prop("Comment", String, col("comment")).nullable().doc("What its manager says of it."),
        prop("Closed", Boolean, col("closed")).doc("Whether it takes no more assignments."),
        prop("ClosedDate", DateTimeOffset, col("closed_at")).nullable().doc("When it was closed, in UTC."),
        prop("CreatedDate", DateTimeOffset, col("created_at")).doc("When it was made, in UTC."),
    ]])
    .navs(&[
        many("WorkItems", &WORK_ITEM, ("id", "budget_id"))
            .bound_to("WorkItems")
            .partner("Budget")
            .doc("Work items whose effective budget it is."),
        many("Worklogs", &WORKLOG, ("id", "budget_id"))
            .bound_to("Worklogs")
            .partner("Budget")
            .doc("Logs whose effective budget it is."),
    ])
    .search(&[searched("BudgetName", "name"), searched("Comment", "comment")])
    .doc("A budget of time.");
