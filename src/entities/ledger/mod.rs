//! Our own model, v4.0: nine sets that lead to each other, and two flat ones for tools that know columns only (OD-188).
//!
//! Names are a contract for reports; types may grow. Who may not see budgets has a model without them (AU-80).

mod activity_types;
mod budgets;
mod dates;
mod flat;
mod people;
mod places;
mod work_items;
mod worklogs;

pub use activity_types::ACTIVITY_TYPE;
pub use budgets::BUDGET;
pub use dates::DATE;
pub use flat::{WORK_ITEM_FLAT, WORKLOG_FLAT};
pub use people::USER;
pub use places::{AREA, ITERATION, PROJECT};
pub use work_items::WORK_ITEM;
pub use worklogs::WORKLOG;

use super::BUDGETS;
use crate::odata::edm::{Edm, Schema, Set, Version, set};
use crate::odata::plan::At;
use crate::sql::{Arithmetic, Expr, Type, functions as f};

pub const V4_0: Version = Version(40);

pub static TIMELEDGER: Schema = Schema {
    namespace: "Timeledger",
    enum_namespace: "Timeledger",
    container_namespace: "Timeledger",
    container: "Container",
    sets: SETS,
    parameters: &[],
    annotated: true,
    folds_case: false,
};

/// Rows a page.
const PAGE: usize = 10_000;

static SETS: &[Set] = &[
    set("Worklogs", &WORKLOG, PAGE).doc("Work logs: who worked how long on what."),
    set("WorkItems", &WORK_ITEM, PAGE).doc("Work items of Azure DevOps and the time on them."),
    set("Budgets", &BUDGET, PAGE).needs(BUDGETS).doc("Budgets: how much is planned, and how much is used."),
    set("Users", &USER, PAGE).doc("People."),
    set("ActivityTypes", &ACTIVITY_TYPE, PAGE).doc("Kinds of work."),
    set("Projects", &PROJECT, PAGE).doc("Projects of Azure DevOps."),
    set("Areas", &AREA, PAGE).doc("Areas of Azure DevOps, a tree for each project."),
    set("Iterations", &ITERATION, PAGE).doc("Iterations of Azure DevOps, a tree for each project."),
    set("Dates", &DATE, PAGE).doc("The calendar."),
    set("WorklogsFlat", &WORKLOG_FLAT, PAGE).doc("Work logs in one table, with the names of what they refer to."),
    set("WorkItemsFlat", &WORK_ITEM_FLAT, PAGE).doc("Work items in one table, with the names of what they refer to."),
];

/// Hours to the millionth, in a Decimal: binary fractions would not add up.
const HOURS: Edm = Edm::Decimal { precision: 18, scale: 6 };

/// Seconds as [`HOURS`], rounded half up in integers so that both back ends agree.
fn hours(seconds: Expr) -> Expr {
    let millionths = seconds.cast(Type::Int64).arithmetic(Arithmetic::Mul, Expr::Int(1_000_000));
    Expr::Call(&f::HALF_UP, vec![millionths, Expr::Int(3_600)])
}

/// `yyyymmdd` of a day column.
fn day_key(at: &At, day: &'static str) -> Expr {
    Expr::Call(&f::DAY_NUMBER, vec![at.col(day)])
}

/// `yyyymmdd` of an instant column, in UTC.
fn date_key(at: &At, instant: &'static str) -> Expr {
    Expr::Call(&f::DAY_NUMBER, vec![Expr::Call(&f::INSTANT_DATE, vec![at.col(instant)])])
}

/// The GUID of a row elsewhere; null where there is none.
fn guid_of(at: &mut At, table: &'static str, from: &'static str) -> Expr {
    at.join(table, from, "id").col("guid")
}
