//! The fields of Azure DevOps that have a column of their own in `work_items` (contract §3.4, and those of v4.0).
//!
//! In: a reference name. Out: the column and the type of its values. What is not listed is a custom field.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::sql::{Type, Value};

/// A field with a column.
#[derive(Debug)]
pub(super) struct Known {
    pub name: &'static str,
    pub column: &'static str,
    pub ty: Type,
}

impl Known {
    /// Whether reports relate it to the calendar (`CreatedDateSK` and its like).
    pub fn has_date_key(&self) -> bool {
        matches!(
            self.column,
            "created_date" | "changed_at" | "closed_date" | "state_change_date" | "activated_date" | "resolved_date"
        )
    }

    /// What the column holds where nothing is given. The two node ids are never null (contract §3.4).
    pub fn unset(&self) -> Value {
        match self.column {
            "area_ado_id" | "iteration_ado_id" => Value::Int32(0),
            _ => Value::Null(self.ty),
        }
    }
}

/// The position of a field in [`KNOWN`].
pub(super) fn position(name: &str) -> Option<usize> {
    static POSITIONS: LazyLock<HashMap<&'static str, usize>> =
        LazyLock::new(|| KNOWN.iter().enumerate().map(|(n, field)| (field.name, n)).collect());
    POSITIONS.get(name).copied()
}

/// The category of a state in the process templates of Azure DevOps; none for a state of somebody's own.
pub(super) fn state_category(state: &str) -> Option<&'static str> {
    Some(match state {
        "New" | "To Do" | "Proposed" | "Approved" | "Design" => "Proposed",
        "Active" | "In Progress" | "Committed" | "Doing" | "Open" | "Accepted" | "Ready" => "InProgress",
        "Resolved" => "Resolved",
        "Closed" | "Done" | "Completed" | "Inactive" => "Completed",
        "Removed" => "Removed",
        _ => return None,
    })
}

const fn known(name: &'static str, column: &'static str, ty: Type) -> Known {
    Known { name, column, ty }
}

/// In the order of the columns.
pub(super) static KNOWN: [Known; 65] = [
    known("System.Tags", "tags", Type::Text),
    known("System.ChangedDate", "changed_at", Type::Instant),
    known("System.AreaId", "area_ado_id", Type::Int32),
    known("System.IterationId", "iteration_ado_id", Type::Int32),
    known("Microsoft.VSTS.CMMI.Probability", "probability", Type::Int32),
    known("Microsoft.VSTS.Common.BusinessValue", "business_value", Type::Int32),
    known("Microsoft.VSTS.Common.Priority", "priority", Type::Int32),
    known("System.CreatedDate", "created_date", Type::Instant),
    known("System.RevisedDate", "revised_date", Type::Instant),
    known("Microsoft.VSTS.CMMI.TargetResolveDate", "target_resolve_date", Type::Instant),
    known("Microsoft.VSTS.Common.ActivatedDate", "activated_date", Type::Instant),
    known("Microsoft.VSTS.Common.ClosedDate", "closed_date", Type::Instant),
    known("Microsoft.VSTS.Common.ResolvedDate", "resolved_date", Type::Instant),
    known("Microsoft.VSTS.Common.StateChangeDate", "state_change_date", Type::Instant),
    known("Microsoft.VSTS.Scheduling.DueDate", "due_date", Type::Instant),
    known("Microsoft.VSTS.Scheduling.FinishDate", "finish_date", Type::Instant),
    known("Microsoft.VSTS.Scheduling.StartDate", "start_date", Type::Instant),
    known("Microsoft.VSTS.Scheduling.TargetDate", "target_date", Type::Instant),
    known("Microsoft.VSTS.Common.BacklogPriority", "backlog_priority", Type::Double),
    known("Microsoft.VSTS.Common.StackRank", "stack_rank", Type::Double),
    known("Microsoft.VSTS.Common.TimeCriticality", "time_criticality", Type::Double),
    known("Microsoft.VSTS.Scheduling.CompletedWork", "completed_work", Type::Double),
    known("Microsoft.VSTS.Scheduling.Effort", "effort", Type::Double),
    known("Microsoft.VSTS.Scheduling.OriginalEstimate", "original_estimate", Type::Double),
    known("Microsoft.VSTS.Scheduling.RemainingWork", "remaining_work", Type::Double),
    known("Microsoft.VSTS.Scheduling.Size", "size", Type::Double),
    known("Microsoft.VSTS.Scheduling.StoryPoints", "story_points", Type::Double),
    known("System.AreaPath", "area_path", Type::Text),
    known("System.AssignedTo", "assigned_to", Type::Text),
    known("System.CreatedBy", "created_by", Type::Text),
    known("System.IterationPath", "iteration_path", Type::Text),
    known("System.NodeName", "node_name", Type::Text),
    known("System.Reason", "reason", Type::Text),
    known("System.State", "state", Type::Text),
    known("System.TeamProject", "team_project", Type::Text),
    known("System.Title", "title", Type::Text),
    known("System.WorkItemType", "work_item_type", Type::Text),
    known("Microsoft.VSTS.Build.FoundIn", "found_in", Type::Text),
    known("Microsoft.VSTS.Build.IntegrationBuild", "integration_build", Type::Text),
    known("Microsoft.VSTS.CMMI.Blocked", "blocked", Type::Text),
    known("Microsoft.VSTS.CMMI.Committed", "committed", Type::Text),
    known("Microsoft.VSTS.CMMI.Escalate", "escalate", Type::Text),
    known("Microsoft.VSTS.CMMI.FoundInEnvironment", "found_in_environment", Type::Text),
    known("Microsoft.VSTS.CMMI.HowFound", "how_found", Type::Text),
    known("Microsoft.VSTS.CMMI.MeetingType", "meeting_type", Type::Text),
    known("Microsoft.VSTS.CMMI.RequirementType", "requirement_type", Type::Text),
    known("Microsoft.VSTS.CMMI.RequiresReview", "requires_review", Type::Text),
    known("Microsoft.VSTS.CMMI.RequiresTest", "requires_test", Type::Text),
    known("Microsoft.VSTS.CMMI.RootCause", "root_cause", Type::Text),
    known("Microsoft.VSTS.CMMI.TaskType", "task_type", Type::Text),
    known("Microsoft.VSTS.CMMI.UserAcceptanceTest", "user_acceptance_test", Type::Text),
    known("Microsoft.VSTS.Common.ActivatedBy", "activated_by", Type::Text),
    known("Microsoft.VSTS.Common.Activity", "activity", Type::Text),
    known("Microsoft.VSTS.Common.ClosedBy", "closed_by", Type::Text),
    known("Microsoft.VSTS.Common.Discipline", "discipline", Type::Text),
    known("Microsoft.VSTS.Common.Issue", "issue", Type::Text),
    known("Microsoft.VSTS.Common.Rating", "rating", Type::Text),
    known("Microsoft.VSTS.Common.ResolvedBy", "resolved_by", Type::Text),
    known("Microsoft.VSTS.Common.ResolvedReason", "resolved_reason", Type::Text),
    known("Microsoft.VSTS.Common.ReviewedBy", "reviewed_by", Type::Text),
    known("Microsoft.VSTS.Common.Risk", "risk", Type::Text),
    known("Microsoft.VSTS.Common.Severity", "severity", Type::Text),
    known("Microsoft.VSTS.Common.Triage", "triage", Type::Text),
    known("Microsoft.VSTS.Common.ValueArea", "value_area", Type::Text),
    known("Microsoft.VSTS.Feedback.ApplicationType", "application_type", Type::Text),
];
