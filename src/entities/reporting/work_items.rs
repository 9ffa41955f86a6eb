//! Work items of the wire contract (§3.4): one list of fields, and four types that differ around it.

use super::budgets::BUDGET;
use super::custom::{CUSTOM, ROLLUPS};
use super::worklogs::WORK_LOG;
use super::{V3_1, V3_2, parameters};
use crate::entities::BUDGET_ASSIGNMENT;
use crate::entities::search;
use crate::entities::time::{self, BILLABLE, TRACKED, TRACKED_ITSELF, TRACKED_TOTAL};
use crate::odata::edm::Edm::{Boolean, DateTimeOffset, Double, Enum, Int32, String};
use crate::odata::edm::{
    Complex, ComplexType, Entity, Link, Nav, Prop, Searched, Value, col, entity, expr, many, one, prop, searched,
};
use crate::odata::plan::At;
use crate::sql::{Expr, Type};

/// The work item of a log.
pub static ITEM: ComplexType =
    ComplexType { name: "ReportingWorkItem", props: &[REQUIRED, KEY, FIELDS, CUSTOM], complexes: BUDGETED };

/// A parent or root. It is reached from others only, so no filter of the request restricts it.
pub static PARENT: Entity =
    item("ReportingWorkItemParent").props(&[KEY, FIELDS, CUSTOM]).doc("A work item above another.");

/// A work item with its own time.
pub static FLAT: Entity = item("ReportingWorkItemFlat")
    .props(&[KEY, OPTIONAL, FIELDS, CUSTOM, &[TRACKED_BY_LOGS.nullable(), TRACKED_BY_LOGS_BILLABLE.nullable()]])
    .rows(parameters::matching)
    .navs(&[
        PARENT_ITEM.renamed("ParentItem").until(V3_1),
        PARENT_ITEM.since(V3_1),
        ROOT_ITEM,
        DIRECT_LOGS,
        ALL_LOGS.since(V3_1),
        many("Children", &FLAT, ("id", "parent_id")).bound_to("workItems").doc("Work items directly below."),
    ])
    .doc("A work item and the time on it.");

/// A work item with the time of all below it.
pub static HIERARCHY: Entity = item("ReportingWorkItemHierarchy")
    .props(&[
        KEY,
        REQUIRED,
        FIELDS,
        CUSTOM,
        &[
            TRACKED_BY_LOGS,
            TRACKED_BY_LOGS_BILLABLE,
            prop("TrackedTotal", Int32, expr(|at| time::seconds_32(at, &TRACKED_TOTAL, TRACKED)))
                .doc("Seconds of the logs on the item and on all below it."),
            prop("TrackedTotalBillable", Int32, expr(|at| time::seconds_32(at, &TRACKED_TOTAL, BILLABLE)))
                .doc("Seconds to bill of these logs."),
            prop("HasChildren", Boolean, col("has_children")).doc("Whether there is a work item below."),
        ],
        ROLLUPS,
    ])
    .rows(parameters::matching)
    .navs(&[
        PARENT_ITEM,
        ROOT_ITEM,
        many("Children", &HIERARCHY, ("id", "parent_id"))
            .bound_to("workItemsHierarchyAllLevels")
            .doc("Work items directly below."),
        DIRECT_LOGS,
        ALL_LOGS,
    ])
    .doc("A work item, the time on it and the time on all below it.");

const fn item(name: &'static str) -> Entity {
    entity(name).table("work_items").key(&["System_Id"]).complexes(BUDGETED).search(TEXTS)
}

static TEXTS: &[Searched] = &[
    searched("System_Title", "title").listed(&search::TITLES),
    searched("System_AreaPath", "area_path"),
    searched("System_IterationPath", "iteration_path"),
    searched("Budget/BudgetName", "name").over(&[("budgets", "budget_id", "id")]),
];

static BUDGETED: &[Complex] = &[BUDGET];

static KEY: &[Prop] = &[prop("System_Id", Int32, col("id")).doc("The id in Azure DevOps.")];

const ASSIGNMENT: Prop = prop("BudgetAssignmentType", Enum(&BUDGET_ASSIGNMENT), expr(assignment))
    .doc("Where the effective budget comes from.");
const AREA: Prop = prop("System_AreaId", Int32, col("area_ado_id"));
const ITERATION: Prop = prop("System_IterationId", Int32, col("iteration_ado_id"));
const CREATED: Prop = prop("System_CreatedDate", DateTimeOffset, col("created_date"));

/// What a parent lacks, and a flat item may lack.
pub static REQUIRED: &[Prop] = &[ASSIGNMENT, AREA, ITERATION, CREATED];
static OPTIONAL: &[Prop] = &[ASSIGNMENT.nullable(), AREA.nullable(), ITERATION.nullable(), CREATED.nullable()];

/// Hidden from who may not see budgets, but still null where there is no work item.
fn assignment(at: &mut At) -> Expr {
    if at.sees("budgets") {
        return at.col("budget_assignment");
    }
    Expr::Case(vec![(at.col("id").is_not_null(), Expr::Int(0))], Box::new(Expr::Null(Type::Int32)))
}

const TRACKED_BY_LOGS: Prop =
    prop("TrackedItself", Int32, Value::Expr(|at| time::seconds_32(at, &TRACKED_ITSELF, TRACKED)))
        .doc("Seconds of the logs on the item itself.");
const TRACKED_BY_LOGS_BILLABLE: Prop =
    prop("TrackedItselfBillable", Int32, Value::Expr(|at| time::seconds_32(at, &TRACKED_ITSELF, BILLABLE)))
        .doc("Seconds to bill of these logs.");

const PARENT_ITEM: Nav = one("Parent", &PARENT, ("parent_id", "id")).contained().doc("The direct parent.");
const ROOT_ITEM: Nav = one("Root", &PARENT, ("root_id", "id"))
    .contained()
    .since(V3_2)
    .doc("The topmost ancestor; the item itself if it has no parent.");
const DIRECT_LOGS: Nav = many("DirectWorklogs", &WORK_LOG, ("id", "work_item_id"))
    .bound_to("workLogsOnly")
    .doc("Work logs on the item itself.");
const ALL_LOGS: Nav = many("AllWorklogs", &WORK_LOG, ("id", "work_item_id"))
    .via(Link::Via {
        table: "work_item_tree",
        from: "id",
        near: "ancestor_id",
        far: "descendant_id",
        to: "work_item_id",
        only: None,
    })
    .bound_to("workLogsOnly")
    .doc("Work logs on the item and on all below it.");

/// The fields of Azure DevOps, by reference name with `_` for each dot. Long texts are never among them.
pub static FIELDS: &[Prop] = &[
    prop("Microsoft_VSTS_CMMI_Probability", Int32, col("probability")).nullable(),
    prop("Microsoft_VSTS_Common_BusinessValue", Int32, col("business_value")).nullable(),
    prop("Microsoft_VSTS_Common_Priority", Int32, col("priority")).nullable(),
    prop("System_RevisedDate", DateTimeOffset, col("revised_date")).nullable(),
    prop("Microsoft_VSTS_CMMI_TargetResolveDate", DateTimeOffset, col("target_resolve_date")).nullable(),
    prop("Microsoft_VSTS_Common_ActivatedDate", DateTimeOffset, col("activated_date")).nullable(),
    prop("Microsoft_VSTS_Common_ClosedDate", DateTimeOffset, col("closed_date")).nullable(),
    prop("Microsoft_VSTS_Common_ResolvedDate", DateTimeOffset, col("resolved_date")).nullable(),
    prop("Microsoft_VSTS_Common_StateChangeDate", DateTimeOffset, col("state_change_date")).nullable(),
    prop("Microsoft_VSTS_Scheduling_DueDate", DateTimeOffset, col("due_date")).nullable(),
    prop("Microsoft_VSTS_Scheduling_FinishDate", DateTimeOffset, col("finish_date")).nullable(),
    prop("Microsoft_VSTS_Scheduling_StartDate", DateTimeOffset, col("start_date")).nullable(),
    prop("Microsoft_VSTS_Scheduling_TargetDate", DateTimeOffset, col("target_date")).nullable(),
    prop("Microsoft_VSTS_Common_BacklogPriority", Double, col("backlog_priority")).nullable(),
    prop("Microsoft_VSTS_Common_StackRank", Double, col("stack_rank")).nullable(),
    prop("Microsoft_VSTS_Common_TimeCriticality", Double, col("time_criticality")).nullable(),
    prop("Microsoft_VSTS_Scheduling_CompletedWork", Double, col("completed_work")).nullable(),
    prop("Microsoft_VSTS_Scheduling_Effort", Double, col("effort")).nullable(),
    prop("Microsoft_VSTS_Scheduling_OriginalEstimate", Double, col("original_estimate")).nullable(),
    prop("Microsoft_VSTS_Scheduling_RemainingWork", Double, col("remaining_work")).nullable(),
    prop("Microsoft_VSTS_Scheduling_Size", Double, col("size")).nullable(),
    prop("Microsoft_VSTS_Scheduling_StoryPoints", Double, col("story_points")).nullable(),
    prop("System_AreaPath", String, col("area_path")).nullable(),
    prop("System_AssignedTo", String, col("assigned_to")).nullable(),
    prop("System_CreatedBy", String, col("created_by")).nullable(),
    prop("System_IterationPath", String, col("iteration_path")).nullable(),
    prop("System_NodeName", String, col("node_name")).nullable(),
    prop("System_Reason", String, col("reason")).nullable(),
    prop("System_State", String, col("state")).nullable(),
    prop("System_TeamProject", String, col("team_project")).nullable(),
    prop("System_Title", String, col("title")).nullable(),
    prop("System_WorkItemType", String, col("work_item_type")).nullable(),
    prop("Microsoft_VSTS_Build_FoundIn", String, col("found_in")).nullable(),
    prop("Microsoft_VSTS_Build_IntegrationBuild", String, col("integration_build")).nullable(),
    prop("Microsoft_VSTS_CMMI_Blocked", String, col("blocked")).nullable(),
    prop("Microsoft_VSTS_CMMI_Committed", String, col("committed")).nullable(),
    prop("Microsoft_VSTS_CMMI_Escalate", String, col("escalate")).nullable(),
    prop("Microsoft_VSTS_CMMI_FoundInEnvironment", String, col("found_in_environment")).nullable(),
    prop("Microsoft_VSTS_CMMI_HowFound", String, col("how_found")).nullable(),
    prop("Microsoft_VSTS_CMMI_MeetingType", String, col("meeting_type")).nullable(),
    prop("Microsoft_VSTS_CMMI_RequirementType", String, col("requirement_type")).nullable(),
    prop("Microsoft_VSTS_CMMI_RequiresReview", String, col("requires_review")).nullable(),
    prop("Microsoft_VSTS_CMMI_RequiresTest", String, col("requires_test")).nullable(),
    prop("Microsoft_VSTS_CMMI_RootCause", String, col("root_cause")).nullable(),
    prop("Microsoft_VSTS_CMMI_TaskType", String, col("task_type")).nullable(),
    prop("Microsoft_VSTS_CMMI_UserAcceptanceTest", String, col("user_acceptance_test")).nullable(),
    prop("Microsoft_VSTS_Common_ActivatedBy", String, col("activated_by")).nullable(),
    prop("Microsoft_VSTS_Common_Activity", String, col("activity")).nullable(),
    prop("Microsoft_VSTS_Common_ClosedBy", String, col("closed_by")).nullable(),
    prop("Microsoft_VSTS_Common_Discipline", String, col("discipline")).nullable(),
    prop("Microsoft_VSTS_Common_Issue", String, col("issue")).nullable(),
    prop("Microsoft_VSTS_Common_Rating", String, col("rating")).nullable(),
    prop("Microsoft_VSTS_Common_ResolvedBy", String, col("resolved_by")).nullable(),
    prop("Microsoft_VSTS_Common_ResolvedReason", String, col("resolved_reason")).nullable(),
    prop("Microsoft_VSTS_Common_ReviewedBy", String, col("reviewed_by")).nullable(),
    prop("Microsoft_VSTS_Common_Risk", String, col("risk")).nullable(),
    prop("Microsoft_VSTS_Common_Severity", String, col("severity")).nullable(),
    prop("Microsoft_VSTS_Common_Triage", String, col("triage")).nullable(),
    prop("Microsoft_VSTS_Common_ValueArea", String, col("value_area")).nullable(),
    prop("Microsoft_VSTS_Feedback_ApplicationType", String, col("application_type")).nullable(),
];
