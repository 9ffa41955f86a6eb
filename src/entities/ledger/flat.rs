//! Logs and items as one table each, for tools that know neither complex types, enumerations nor navigation (OD-188).
//!
//! A column from elsewhere is called by its path with `_` for each `/`.

use super::{work_items, worklogs};
use crate::entities::search;
use crate::entities::{BUDGET_ASSIGNMENT, BUDGETS, LOGS_INDEXED, time};
use crate::odata::edm::Edm::{Int32, String};
use crate::odata::edm::{Entity, entity, expr, prop, searched};
use crate::odata::plan::At;
use crate::sql::{Expr, Type, Value, functions as f};

/// A log and the names of all it refers to.
pub static WORKLOG_FLAT: Entity = entity("WorklogFlat")
    .table("worklogs")
    .key(&["Id"])
    .ordered_by_row()
    .indexed(LOGS_INDEXED)
    .props(&[
        worklogs::SCALARS,
        &[
            prop("User_Name", String, expr(|at| at.join("users", "user_id", "id").col("name")))
                .doc("Name of who did the work."),
            prop("User_Email", String, expr(|at| at.join("users", "user_id", "id").col("email")))
                .nullable()
                .doc("Mail address of who did the work."),
            prop("AddedByUser_Name", String, expr(|at| at.join("users", "added_by_user_id", "id").col("name")))
                .nullable()
                .doc("Name of who entered the log."),
            prop(
                "ActivityType_Name",
                String,
                expr(|at| at.join("activity_types", "activity_type_id", "id").col("name")),
            )
            .nullable()
            .doc("Name of the kind of work."),
            prop("Budget_BudgetName", String, expr(budget_name))
                .nullable()
                .needs(BUDGETS)
                .doc("Name of the effective budget."),
            prop("WorkItem_Title", String, expr(|at| item(at).col("title"))).nullable().doc("Title of the work item."),
            prop("WorkItem_WorkItemType", String, expr(|at| item(at).col("work_item_type")))
                .nullable()
                .doc("Type of the work item."),
            prop("WorkItem_State", String, expr(|at| item(at).col("state"))).nullable().doc("State of the work item."),
            prop("WorkItem_Parent_Title", String, expr(|at| parent_title(&mut item(at))))
                .nullable()
                .doc("Title of the item above the work item."),
            prop("Project_ProjectName", String, expr(|at| project_name(&mut item(at))))
                .nullable()
                .doc("Name of the work item's project."),
            prop("Area_AreaPath", String, expr(|at| area_path(&mut item(at))))
                .nullable()
                .doc("Path of the work item's area."),
            prop("Iteration_IterationPath", String, expr(|at| iteration_path(&mut item(at))))
                .nullable()
                .doc("Path of the work item's iteration."),
            prop("WorkedOn_Year", Int32, expr(|at| Expr::Call(&f::DAY_YEAR, vec![at.col("work_date")])))
                .doc("Year of Date."),
            prop("WorkedOn_Month", Int32, expr(|at| Expr::Call(&f::DAY_MONTH, vec![at.col("work_date")])))
                .doc("Month of Date, 1 to 12."),
            prop("WorkedOn_IsoWeek", Int32, expr(|at| at.join("dates", "work_date", "day").col("iso_week")))
                .doc("ISO 8601 week of Date, 1 to 53."),
        ],
    ])
    .rows(time::counted)
    .search(&[
        searched("Comment", "comment").listed(&search::COMMENTS),
        searched("User_Name", "name").over(&[("users", "user_id", "id")]),
        searched("WorkItem_Title", "title").over(&[("work_items", "work_item_id", "id")]).listed(&search::TITLES),
        searched("Budget_BudgetName", "name").over(&[("budgets", "budget_id", "id")]),
    ])
    .doc("Work done by a person, with the names of what it refers to.");

/// A work item and the names of all it refers to.
pub static WORK_ITEM_FLAT: Entity = entity("WorkItemFlat")
    .table("work_items")
    .key(&["WorkItemId"])
    .props(&[
        work_items::SCALARS,
        &[
            prop("BudgetAssignment", String, expr(assignment_name)).needs(BUDGETS).doc(work_items::ASSIGNMENT_DOC),
            prop("Parent_Title", String, expr(parent_title)).nullable().doc("Title of the item above."),
            prop("Project_ProjectName", String, expr(project_name)).nullable().doc("Name of its project."),
            prop("Area_AreaPath", String, expr(area_path)).nullable().doc("Path of its area."),
            prop("Iteration_IterationPath", String, expr(iteration_path)).nullable().doc("Path of its iteration."),
            prop("AssignedTo_Name", String, expr(|at| at.join("users", "assigned_to_user_id", "id").col("name")))
                .nullable()
                .doc("Name of who it is assigned to."),
            prop("Budget_BudgetName", String, expr(budget_name))
                .nullable()
                .needs(BUDGETS)
                .doc("Name of the effective budget."),
        ],
    ])
    .search(&[
        searched("Title", "title").listed(&search::TITLES),
        searched("AssignedTo_Name", "name").over(&[("users", "assigned_to_user_id", "id")]),
        searched("Area_AreaPath", "path").over(&[("areas", "area_id", "id")]),
        searched("Iteration_IterationPath", "path").over(&[("iterations", "iteration_id", "id")]),
        searched("Budget_BudgetName", "name").over(&[("budgets", "budget_id", "id")]),
    ])
    .doc("A work item of Azure DevOps, with the names of what it refers to.");

/// The work item of a log.
fn item<'a, 'p>(log: &'a mut At<'_, 'p>) -> At<'a, 'p> {
    log.join("work_items", "work_item_id", "id")
}

fn parent_title(item: &mut At) -> Expr {
    item.join("work_items", "parent_id", "id").col("title")
}

fn project_name(item: &mut At) -> Expr {
    item.join("projects", "project_id", "id").col("name")
}

fn area_path(item: &mut At) -> Expr {
    item.join("areas", "area_id", "id").col("path")
}

fn iteration_path(item: &mut At) -> Expr {
    item.join("iterations", "iteration_id", "id").col("path")
}

/// Of a log as of a work item.
fn budget_name(at: &mut At) -> Expr {
    at.join("budgets", "budget_id", "id").col("name")
}

fn assignment_name(item: &mut At) -> Expr {
    let named = |(name, number): &(&str, i32)| {
        let is = item.col("budget_assignment").eq(Expr::Int(i64::from(*number)));
        (is, Expr::bind(Value::Text((*name).to_owned())))
    };
    Expr::Case(BUDGET_ASSIGNMENT.members.iter().map(named).collect(), Box::new(Expr::Null(Type::Text)))
}
