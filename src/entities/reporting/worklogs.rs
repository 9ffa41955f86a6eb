//! Work logs of the wire contract (§3.3), alone and with their work item, without and with deleted ones.

use super::work_items::{ITEM, PARENT};
use super::{V3_2, budgets};
use crate::entities::search;
use crate::entities::{LOGS_INDEXED, time};
use crate::odata::edm::Edm::{Boolean, DateTimeOffset, Guid, Int32, String};
use crate::odata::edm::{
    Complex, ComplexType, Entity, Link, Nav, Origin, Prop, Searched, col, complex, either, entity, expr, joined, one,
    prop, searched,
};
use crate::sql::{Expr, functions as f};

/// A log by itself. Deleted ones are not there.
pub static WORK_LOG: Entity = log("ReportingWorkLog")
    .props(&[LOG])
    .rows(time::counted)
    .complexes(OF_LOG)
    .search(TEXTS)
    .doc("Work done by a person.");

/// The same with deleted ones, for whoever keeps a copy.
pub static WORK_LOG_WITH_DELETED: Entity = log("ReportingWorkLogWithDeleted")
    .props(&[LOG, DELETED])
    .rows(time::prefiltered)
    .complexes(OF_LOG)
    .search(TEXTS)
    .doc("Work done by a person, deleted or not.");

/// A log and its work item.
pub static WORK_LOG_WORK_ITEM: Entity = log("ReportingWorkLogWorkItem")
    .props(&[LOG])
    .rows(time::counted)
    .complexes(WITH_ITEM)
    .search(TEXTS_WITH_ITEM)
    .navs(ITEMS_ABOVE)
    .doc("Work done by a person, with its work item.");

/// The same with deleted ones.
pub static WORK_LOG_WORK_ITEM_WITH_DELETED: Entity = log("ReportingWorkLogWorkItemWithDeleted")
    .props(&[LOG, DELETED])
    .rows(time::prefiltered)
    .complexes(WITH_ITEM)
    .search(TEXTS_WITH_ITEM)
    .navs(ITEMS_ABOVE)
    .doc("Work done by a person, deleted or not, with its work item.");

const fn log(name: &'static str) -> Entity {
    entity(name).table("worklogs").key(&["Id"]).ordered_by_row().indexed(LOGS_INDEXED)
}

/// Of a log by itself.
static TEXTS: &[Searched] = &[COMMENT, USER_NAME, BUDGET_NAME];
static TEXTS_WITH_ITEM: &[Searched] = &[COMMENT, USER_NAME, ITEM_TITLE, BUDGET_NAME];

const COMMENT: Searched = searched("Comment", "comment").listed(&search::COMMENTS);
const USER_NAME: Searched = searched("User/Name", "name").over(&[("users", "user_id", "id")]);
const ITEM_TITLE: Searched =
    searched("WorkItem/System_Title", "title").over(&[("work_items", "work_item_id", "id")]).listed(&search::TITLES);
const BUDGET_NAME: Searched = searched("Budget/BudgetName", "name").over(&[("budgets", "budget_id", "id")]);

/// Where nobody else is on record, the owner entered the log: AddedByUser may not be null (contract §3.3).
const ADDER: [&str; 2] = ["added_by_user_id", "user_id"];

static LOG: &[Prop] = &[
    prop("Id", Guid, col("guid")).doc("Never changes."),
    prop("UserId", Guid, expr(|at| at.join("users", "user_id", "id").col("guid"))).nullable().doc("Who did the work."),
    prop("AddedByUserId", Guid, expr(|at| at.join_either("users", ADDER, "id").col("guid")))
        .nullable()
        .doc("Who entered the log."),
    prop("BudgetId", Guid, expr(|at| at.join("budgets", "budget_id", "id").col("guid")))
        .nullable()
        .doc("The effective budget."),
    prop("ActivityTypeId", Guid, expr(|at| at.join("activity_types", "activity_type_id", "id").col("guid")))
        .nullable()
        .doc("Kind of work."),
    prop("WorkItemId", Int32, col("work_item_id")).nullable().doc("Null for a log with a comment alone."),
    prop("Timestamp", DateTimeOffset, col("started_at")).doc("Start, in the person's wall clock, written as if UTC."),
    prop("PeriodLength", Int32, col("length_seconds")).doc("Seconds of work."),
    prop("Comment", String, col("comment")).nullable(),
    prop("EditedTimestamp", DateTimeOffset, col("edited_at"))
        .doc("UTC. Changes when the log is made, edited or deleted."),
    prop("CreatedTimestamp", DateTimeOffset, col("created_at")).doc("UTC."),
    prop("IsTracked", Boolean, col("is_tracked")).doc("Made with the timer."),
    prop("IsManuallyEntered", Boolean, col("is_manually_entered")).doc("Typed in."),
    prop("IsChanged", Boolean, col("is_changed")).doc("Edited after it was made."),
    prop("IsTrackedExtended", Boolean, col("is_tracked_extended")).doc("Made with the timer and lengthened since."),
    prop("IsImported", Boolean, col("is_imported")).doc("From a file or a batch."),
    prop("IsFromApi", Boolean, col("is_from_api")).doc("Written by another program."),
    prop("IsBillable", Boolean, col("is_billable")),
    prop("BillablePeriodLength", Int32, col("billable_seconds"))
        .nullable()
        .doc("Seconds to bill; may differ from PeriodLength."),
];

static DELETED: &[Prop] = &[prop("IsDeleted", Boolean, col("deleted"))];

/// Each member once; the two kinds of log differ in whether the people may be null (contract §3.3).
const USER: Complex = complex("User", &USER_TYPE, joined("users", "user_id", "id")).doc("Who did the work.");
const ADDED_BY: Complex = complex("AddedByUser", &USER_TYPE, either("users", ADDER, "id")).doc("Who entered the log.");
const EDITED_BY: Complex = complex("EditedByUser", &USER_TYPE, joined("users", "edited_by_user_id", "id"))
    .nullable()
    .doc("Who edited it last, if not its owner.");
const ACTIVITY_TYPE: Complex =
    complex("ActivityType", &ACTIVITY_TYPE_TYPE, joined("activity_types", "activity_type_id", "id"))
        .nullable()
        .doc("Kind of work.");
const WORKLOG_DATE: Complex =
    complex("WorklogDate", &DATE_TYPE, Origin::Owner).nullable().doc("Calendar date of Timestamp.");

static OF_LOG: &[Complex] = &[USER, ADDED_BY, EDITED_BY, ACTIVITY_TYPE, budgets::BUDGET, WORKLOG_DATE];

static WITH_ITEM: &[Complex] = &[
    USER.nullable(),
    ADDED_BY.nullable(),
    EDITED_BY,
    ACTIVITY_TYPE,
    budgets::BUDGET,
    WORKLOG_DATE,
    complex("WorkItem", &ITEM, joined("work_items", "work_item_id", "id"))
        .nullable()
        .doc("Null for a log with a comment alone."),
];

static ITEMS_ABOVE: &[Nav] = &[
    above("Parent", "parent_id").doc("The work item's direct parent."),
    above("Root", "root_id").doc("The work item's topmost ancestor, itself if it has no parent."),
];

/// From the log over its work item.
const fn above(name: &'static str, column: &'static str) -> Nav {
    let link = Link::Via { table: "work_items", from: "work_item_id", near: "id", far: column, to: "id", only: None };
    one(name, &PARENT, ("work_item_id", "id")).via(link).contained().since(V3_2)
}

static USER_TYPE: ComplexType = ComplexType {
    name: "ReportingUser",
    props: &[&[
        prop("Id", Guid, col("guid")),
        prop("Name", String, col("name")).nullable(),
        prop("Email", String, col("email")).nullable(),
    ]],
    complexes: &[],
};

static ACTIVITY_TYPE_TYPE: ComplexType = ComplexType {
    name: "ReportingActivityType",
    props: &[&[
        prop("Id", Guid, col("guid")),
        prop("Color", String, col("color")).nullable().doc("Six hex digits."),
        prop("Name", String, col("name")).nullable(),
    ]],
    complexes: &[],
};

static DATE_TYPE: ComplexType = ComplexType {
    name: "ReportingDate",
    props: &[&[
        prop("Year", Int32, expr(|at| Expr::Call(&f::DAY_YEAR, vec![at.col("work_date")]))),
        prop("Month", Int32, expr(|at| Expr::Call(&f::DAY_MONTH, vec![at.col("work_date")]))).doc("1 to 12."),
        prop("Day", Int32, expr(|at| Expr::Call(&f::DAY_DAY, vec![at.col("work_date")]))).doc("1 to 31."),
        prop("ShortDate", String, expr(|at| Expr::Call(&f::DAY_TEXT, vec![at.col("work_date")])))
            .nullable()
            .doc("yyyy-MM-dd."),
    ]],
    complexes: &[],
};
