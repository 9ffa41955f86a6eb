//! `/api/v1/exports`: times as workbooks (contract §6.7, UX-59).

use std::sync::Arc;

use crate::db::{Conn, DbError};
use crate::domain::refusal::Refusal;
use crate::domain::{fields, people};
use crate::export::explorer::{self, Layout};
use crate::export::time_report::{self, Order};
use crate::export::{Export, Maker};
use crate::http::api::{Call, Job};
use crate::http::dynamic_properties;
use crate::sql::Day;

/// The Times Explorer's file.
pub fn times(call: &Arc<Call>) -> Result<Job, Refusal> {
    let call = Arc::clone(call);
    Job::export(move |conn| {
        let of = |name: &str| call.options.get(name);
        let layout = Layout {
            columns: of("columns"),
            group_by: of("groupBy"),
            filter: of("filter"),
            search: of("search"),
            orderby: of("orderby"),
        };
        made(conn, &call, |maker| explorer::export(&layout, maker))
    })
}

/// The time report.
pub fn time_report(call: &Arc<Call>) -> Result<Job, Refusal> {
    let options = &call.options;
    let missing = |name: &str| Refusal::malformed(name, format!("{name} is missing: a day such as 2024-03-01."));
    let day = |name: &str| -> Result<Day, Refusal> { options.day(name)?.ok_or_else(|| missing(name)) };
    let projects = options.get("projects").unwrap_or_default().split(',').map(str::trim);
    let order = Order {
        from: day("from")?,
        to: day("to")?,
        projects: projects.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        sums_points_to_top: options.bool("sumStoryPointsToTopParent")?,
        groups_per_day_and_item: options.bool("groupPerDayAndItem")?,
        is_billable: options.bool("billable")?,
    };
    if order.from.0 > order.to.0 {
        return Err(Refusal::malformed("to", "to lies before from."));
    }
    let call = Arc::clone(call);
    Job::export(move |conn| made(conn, &call, |maker| time_report::export(&order, maker)))
}

fn made(
    conn: &mut Conn,
    call: &Call,
    make: impl FnOnce(&Maker<'_>) -> Result<Export, Refusal>,
) -> Result<Export, Refusal> {
    let caller = &call.caller;
    let person = people::by_ids(conn, &[caller.user_id])?.remove(&caller.user_id);
    let person = person.ok_or_else(|| DbError::Other(format!("no person {}", caller.user_id)))?;
    let fields = dynamic_properties(fields::list(conn)?);
    let asker = call.asker(&fields);
    make(&Maker { asker, sees_budgets: caller.sees_budgets(), user: &person.unique_name, zone: &person.time_zone })
}
