//! Work items of our own model, by the names of Azure DevOps Analytics; custom fields are dynamic properties (OD-77).

use super::{AREA, BUDGET, ITERATION, PROJECT, USER, WORKLOG, date_key, guid_of};
use crate::entities::search;
use crate::entities::time::{self, BILLABLE, TRACKED, TRACKED_ITSELF, TRACKED_TOTAL};
use crate::entities::{BUDGET_ASSIGNMENT, BUDGETS};
use crate::odata::edm::Edm::{Boolean, DateTimeOffset, Double, Enum, Guid, Int32, Int64, String};
use crate::odata::edm::{Entity, Link, Open, Prop, col, entity, expr, many, one, prop, searched};
use crate::sql::{Alias, Compare, Expr};

/// A work item of Azure DevOps.
pub static WORK_ITEM: Entity = entity("WorkItem")
    .table("work_items")
    .key(&["WorkItemId"])
    .open(&CUSTOM_FIELDS)
    .props(&[
        SCALARS,
        &[prop("BudgetAssignment", Enum(&BUDGET_ASSIGNMENT), col("budget_assignment"))
            .needs(BUDGETS)
            .doc(ASSIGNMENT_DOC)],
    ])
    .navs(&[
        one("Parent", &WORK_ITEM, ("parent_id", "id"))
            .bound_to("WorkItems")
            .partner("Children")
            .constraint("ParentWorkItemId", "WorkItemId")
            .doc("The item directly above."),
        one("Root", &WORK_ITEM, ("root_id", "id"))
            .required()
            .bound_to("WorkItems")
            .doc("The topmost item above; the item itself if there is none."),
        many("Children", &WORK_ITEM, ("id", "parent_id"))
            .bound_to("WorkItems")
            .partner("Parent")
            .doc("The items directly below."),
        many("Ancestors", &WORK_ITEM, ("id", "id"))
            .via(tree("descendant_id", "ancestor_id", "id", Some(others)))
            .bound_to("WorkItems")
            .partner("Descendants")
            .doc("All items above, without the item itself."),
        many("Descendants", &WORK_ITEM, ("id", "id"))
            .via(tree("ancestor_id", "descendant_id", "id", Some(others)))
            .bound_to("WorkItems")
            .partner("Ancestors")
            .doc("All items below, without the item itself."),
        many("Worklogs", &WORKLOG, ("id", "work_item_id"))
            .bound_to("Worklogs")
            .partner("WorkItem")
            .doc("Logs on the item itself."),
        many("AllWorklogs", &WORKLOG, ("id", "work_item_id"))
            .via(tree("ancestor_id", "descendant_id", "work_item_id", None))
            .bound_to("Worklogs")
            .doc("Logs on the item and on all items below."),
        one("Area", &AREA, ("area_id", "id"))
            .bound_to("Areas")
            .partner("WorkItems")
            .constraint("AreaSK", "AreaSK")
            .doc("Its area."),
        one("Iteration", &ITERATION, ("iteration_id", "id"))
            .bound_to("Iterations")
            .partner("WorkItems")
            .constraint("IterationSK", "IterationSK")
            .doc("Its iteration."),
        one("Project", &PROJECT, ("project_id", "id"))
            .bound_to("Projects")
            .partner("WorkItems")
            .constraint("ProjectSK", "ProjectSK")
            .doc("Its project."),
        one("Budget", &BUDGET, ("budget_id", "id"))
            .needs(BUDGETS)
            .bound_to("Budgets")
            .partner("WorkItems")
            .constraint("BudgetId", "Id")
            .doc("The effective budget."),
        one("AssignedTo", &USER, ("assigned_to_user_id", "id"))
            .bound_to("Users")
            .partner("AssignedWorkItems")
            .constraint("AssignedToUserId", "Id")
            .doc("Who it is assigned to."),
    ])
    .search(&[
        searched("Title", "title").listed(&search::TITLES),
        searched("AssignedTo/Name", "name").over(&[("users", "assigned_to_user_id", "id")]),
        searched("Area/AreaPath", "path").over(&[("areas", "area_id", "id")]),
        searched("Iteration/IterationPath", "path").over(&[("iterations", "iteration_id", "id")]),
        searched("Budget/BudgetName", "name").over(&[("budgets", "budget_id", "id")]),
    ])
    .doc("A work item of Azure DevOps. Its custom fields are dynamic properties, named with _ for each dot.");

pub const ASSIGNMENT_DOC: &str = "Where the effective budget comes from.";

static CUSTOM_FIELDS: Open = Open {
    table: "work_item_fields",
    owner: "work_item_id",
    field: "field_id",
    text: "text_value",
    number: "number_value",
    boolean: "bool_value",
};

/// Through the closure of the tree, from this item's rows by `near` to the others by `far`.
const fn tree(near: &'static str, far: &'static str, to: &'static str, only: Option<fn(Alias) -> Expr>) -> Link {
    Link::Via { table: "work_item_tree", from: "id", near, far, to, only }
}

fn others(tree: Alias) -> Expr {
    tree.col("depth").compare(Compare::Gt, Expr::Int(0))
}

pub static SCALARS: &[Prop] = &[
    prop("WorkItemId", Int32, col("id")).doc("Id in Azure DevOps."),
    prop("Title", String, col("title")).nullable().doc("Title."),
    prop("WorkItemType", String, col("work_item_type")).nullable().doc("Type, such as Bug or User Story."),
    prop("State", String, col("state")).nullable().doc("State in its workflow."),
    prop("StateCategory", String, col("state_category"))
        .nullable()
        .doc("What the state means: Proposed, InProgress, Resolved, Completed or Removed."),
    prop("Reason", String, col("reason")).nullable().doc("Why it is in its state."),
    prop("Activity", String, col("activity")).nullable().doc("Kind of activity that the work item plans."),
    prop("Severity", String, col("severity")).nullable().doc("Severity of a bug, such as 2 - High."),
    prop("TagNames", String, col("tags")).nullable().doc("Its tags, with a semicolon and a blank between."),
    prop("Priority", Int32, col("priority")).nullable().doc("Priority; 1 is highest."),
    prop("StoryPoints", Double, col("story_points")).nullable().doc("Size in story points."),
    prop("Effort", Double, col("effort")).nullable().doc("Effort, in the unit that the team chose."),
    prop("Size", Double, col("size")).nullable().doc("Size, in the unit that the team chose."),
    prop("OriginalEstimate", Double, col("original_estimate")).nullable().doc("Estimate at the start, in hours."),
    prop("RemainingWork", Double, col("remaining_work")).nullable().doc("Work that remains, in hours."),
    prop("CompletedWork", Double, col("completed_work"))
        .nullable()
        .doc("Work done, in hours, as the work item itself says; tracked time is in TrackedItself."),
    prop("ParentWorkItemId", Int32, col("parent_id")).nullable().doc("Id of the item directly above."),
    prop("AreaSK", Guid, expr(|at| guid_of(at, "areas", "area_id"))).nullable().doc("Its area."),
    prop("IterationSK", Guid, expr(|at| guid_of(at, "iterations", "iteration_id"))).nullable().doc("Its iteration."),
    prop("ProjectSK", Guid, expr(|at| guid_of(at, "projects", "project_id"))).nullable().doc("Its project."),
    prop("AssignedToUserId", Guid, expr(|at| guid_of(at, "users", "assigned_to_user_id")))
        .nullable()
        .doc("Who it is assigned to."),
    prop("BudgetId", Guid, expr(|at| guid_of(at, "budgets", "budget_id")))
        .nullable()
        .needs(BUDGETS)
        .doc("The effective budget."),
    prop("CreatedDate", DateTimeOffset, col("created_date")).nullable().doc("When it was created, in UTC."),
    prop("CreatedDateSK", Int32, expr(|at| date_key(at, "created_date"))).nullable().doc("CreatedDate as yyyymmdd."),
    prop("ChangedDate", DateTimeOffset, col("changed_at")).nullable().doc("When it was last changed, in UTC."),
    prop("ChangedDateSK", Int32, expr(|at| date_key(at, "changed_at"))).nullable().doc("ChangedDate as yyyymmdd."),
    prop("ClosedDate", DateTimeOffset, col("closed_date")).nullable().doc("When it was closed, in UTC."),
    prop("ClosedDateSK", Int32, expr(|at| date_key(at, "closed_date"))).nullable().doc("ClosedDate as yyyymmdd."),
    prop("StateChangeDate", DateTimeOffset, col("state_change_date"))
        .nullable()
        .doc("When its state last changed, in UTC."),
    prop("StateChangeDateSK", Int32, expr(|at| date_key(at, "state_change_date")))
        .nullable()
        .doc("StateChangeDate as yyyymmdd."),
    prop("ActivatedDate", DateTimeOffset, col("activated_date")).nullable().doc("When it was activated, in UTC."),
    prop("ActivatedDateSK", Int32, expr(|at| date_key(at, "activated_date")))
        .nullable()
        .doc("ActivatedDate as yyyymmdd."),
    prop("ResolvedDate", DateTimeOffset, col("resolved_date")).nullable().doc("When it was resolved, in UTC."),
    prop("ResolvedDateSK", Int32, expr(|at| date_key(at, "resolved_date"))).nullable().doc("ResolvedDate as yyyymmdd."),
    prop("HasChildren", Boolean, col("has_children")).doc("Whether there are items below."),
    prop("TrackedItself", Int64, expr(|at| time::seconds_64(at, &TRACKED_ITSELF, TRACKED)))
        .doc("Time on the item itself, in seconds, of the logs that the caller may see.")
        .seconds(),
    prop("TrackedItselfBillable", Int64, expr(|at| time::seconds_64(at, &TRACKED_ITSELF, BILLABLE)))
        .doc("Time to bill on the item itself, in seconds, of the logs that the caller may see.")
        .seconds(),
    prop("TrackedTotal", Int64, expr(|at| time::seconds_64(at, &TRACKED_TOTAL, TRACKED)))
        .doc("Time on the item and all items below, in seconds, of the logs that the caller may see.")
        .seconds(),
    prop("TrackedTotalBillable", Int64, expr(|at| time::seconds_64(at, &TRACKED_TOTAL, BILLABLE)))
        .doc("Time to bill on the item and all items below, in seconds, of the logs that the caller may see.")
        .seconds(),
];
