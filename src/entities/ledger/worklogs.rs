//! Work logs of our own model.

use super::{ACTIVITY_TYPE, BUDGET, DATE, HOURS, USER, WORK_ITEM, day_key, guid_of, hours};
use crate::entities::search;
use crate::entities::{BUDGETS, LOGS_INDEXED, time};
use crate::odata::edm::Edm::{Boolean, Date, DateTimeOffset, Guid, Int32, String};
use crate::odata::edm::{Entity, Prop, col, entity, expr, one, prop, searched};

/// Work done by a person.
pub static WORKLOG: Entity = entity("Worklog")
    .table("worklogs")
    .key(&["Id"])
    .ordered_by_row()
    .indexed(LOGS_INDEXED)
    .props(&[SCALARS])
    .navs(&[
        one("User", &USER, ("user_id", "id"))
            .required()
            .bound_to("Users")
            .partner("Worklogs")
            .constraint("UserId", "Id")
            .doc("Who did the work."),
        one("AddedByUser", &USER, ("added_by_user_id", "id"))
            .bound_to("Users")
            .constraint("AddedByUserId", "Id")
            .doc("Who entered the log."),
        one("EditedByUser", &USER, ("edited_by_user_id", "id"))
            .bound_to("Users")
            .constraint("EditedByUserId", "Id")
            .doc("Who edited it last, if not its owner."),
        one("ActivityType", &ACTIVITY_TYPE, ("activity_type_id", "id"))
            .bound_to("ActivityTypes")
            .partner("Worklogs")
            .constraint("ActivityTypeId", "Id")
            .doc("Kind of work."),
        one("Budget", &BUDGET, ("budget_id", "id"))
            .needs(BUDGETS)
            .bound_to("Budgets")
            .partner("Worklogs")
            .constraint("BudgetId", "Id")
            .doc("The effective budget: the log's own, or its work item's, or its iteration's."),
        one("WorkItem", &WORK_ITEM, ("work_item_id", "id"))
            .bound_to("WorkItems")
            .partner("Worklogs")
            .constraint("WorkItemId", "WorkItemId")
            .doc("What was worked on."),
        one("WorkedOn", &DATE, ("work_date", "day"))
            .by_day()
            .required()
            .bound_to("Dates")
            .partner("Worklogs")
            .constraint("DateSK", "DateSK")
            .doc("The day in the calendar."),
    ])
    .rows(time::counted)
    .search(&[
        searched("Comment", "comment").listed(&search::COMMENTS),
        searched("User/Name", "name").over(&[("users", "user_id", "id")]),
        searched("WorkItem/Title", "title").over(&[("work_items", "work_item_id", "id")]).listed(&search::TITLES),
        searched("Budget/BudgetName", "name").over(&[("budgets", "budget_id", "id")]),
    ])
    .doc("Work done by a person.");

pub static SCALARS: &[Prop] = &[
    prop("Id", Guid, col("guid")).doc("Never changes."),
    prop("UserId", Guid, expr(|at| guid_of(at, "users", "user_id"))).doc("Who did the work."),
    prop("AddedByUserId", Guid, expr(|at| guid_of(at, "users", "added_by_user_id")))
        .nullable()
        .doc("Who entered the log."),
    prop("EditedByUserId", Guid, expr(|at| guid_of(at, "users", "edited_by_user_id")))
        .nullable()
        .doc("Who edited it last, if not its owner."),
    prop("BudgetId", Guid, expr(|at| guid_of(at, "budgets", "budget_id")))
        .nullable()
        .needs(BUDGETS)
        .doc("The effective budget."),
    prop("ActivityTypeId", Guid, expr(|at| guid_of(at, "activity_types", "activity_type_id")))
        .nullable()
        .doc("Kind of work."),
    prop("WorkItemId", Int32, col("work_item_id")).nullable().doc("Id in Azure DevOps of what was worked on."),
    prop("Timestamp", DateTimeOffset, col("started_at"))
        .doc("Start of the work: the person's wall clock, written as if it were UTC."),
    prop("Date", Date, col("work_date")).doc("Calendar date of Timestamp."),
    prop("DateSK", Int32, expr(|at| day_key(at, "work_date"))).doc("Calendar date of Timestamp, as yyyymmdd."),
    prop("PeriodLength", Int32, col("length_seconds")).doc("Length of the work, in seconds.").seconds(),
    prop("BillablePeriodLength", Int32, col("billable_seconds"))
        .nullable()
        .doc("Length to bill, in seconds.")
        .seconds(),
    prop("Hours", HOURS, expr(|at| hours(at.col("length_seconds")))).doc("Length of the work, in hours."),
    prop("BillableHours", HOURS, expr(|at| hours(at.col("billable_seconds"))))
        .nullable()
        .doc("Length to bill, in hours."),
    prop("Comment", String, col("comment")).nullable().doc("What the person says of it."),
    prop("IsBillable", Boolean, col("is_billable")).doc("Whether it is billed at all."),
    prop("IsTracked", Boolean, col("is_tracked")).doc("Whether it was made with the timer."),
    prop("IsManuallyEntered", Boolean, col("is_manually_entered")).doc("Whether it was typed in."),
    prop("IsChanged", Boolean, col("is_changed")).doc("Whether it was edited after it was made."),
    prop("IsTrackedExtended", Boolean, col("is_tracked_extended"))
        .doc("Whether it was made with the timer and lengthened since."),
    prop("IsImported", Boolean, col("is_imported")).doc("Whether it came from a file or a batch."),
    prop("IsFromApi", Boolean, col("is_from_api")).doc("Whether another program wrote it."),
    prop("CreatedTimestamp", DateTimeOffset, col("created_at")).doc("When it was made, in UTC."),
    prop("EditedTimestamp", DateTimeOffset, col("edited_at")).doc("When it was made or last edited, in UTC."),
];
