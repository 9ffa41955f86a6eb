//! `/api/v1/worklogs/bulk`: one change of all logs that an OData filter picks (UX-66).
//!
//! The filter is that of `/api/odata/v4.0/Worklogs`, compiled by the same code for the same caller: what a caller cannot
//! read cannot be picked, nor told of.

use std::sync::Arc;

use serde::Serialize;

use crate::db::{AsConn, Conn, DbError};
use crate::domain::changes::{Author, Origin};
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::worklogs::bulk::{self, Common, Edit, Plan};
use crate::domain::worklogs::{Patch, Worklog, read, rules};
use crate::domain::{budgets, fields};
use crate::http::api::shape::Type::{Bool, Guid as GuidType, Int, List, Object, Text};
use crate::http::api::shape::{Body, Shape, member};
use crate::http::api::{Answer, Call, Job};
use crate::http::{Problem, dynamic_properties};
use crate::odata::own::{self, Picked};
use crate::sql::{Guid, Value};

static CHANGES: Shape = Shape {
    name: "BulkChanges",
    members: &[
        member("comment", Text, "Null clears it."),
        member("activityTypeId", GuidType, "Null clears it."),
        member("workItemId", Int, "Null clears it."),
        member(
            "billable",
            Bool,
            "Billable in full, or not at all; a log that is so already keeps its billable length.",
        ),
        member("budgetId", GuidType, "The log's own budget, an open one; null: its work item's counts."),
        member("shiftDays", Int, "Days by which a log moves, back where negative."),
    ],
};

pub static EDIT: Shape = Shape {
    name: "BulkEdit",
    members: &[
        member("filter", Text, "A $filter over Worklogs of the model 4.0, such as `Date lt 2026-02-01`."),
        member("search", Text, "A $search over the same; with a filter, both."),
        member("changes", Object(&CHANGES), "What becomes of each log."),
        member("delete", Bool, "Instead of changes."),
        member("skipRefused", Bool, "Logs that refuse stay as they are. Otherwise one that refuses stops all."),
    ],
};

static REFUSED: Shape = Shape {
    name: "RefusedLog",
    members: &[member("worklogId", GuidType, ""), member("code", Text, ""), member("reason", Text, "")],
};

pub static TALLY: Shape = Shape {
    name: "BulkTally",
    members: &[
        member("preview", Bool, "True: nothing was written."),
        member("matched", Int, "Logs that were picked; each is in one of the numbers below."),
        member("changed", Int, ""),
        member("unchanged", Int, "Nothing of them differs."),
        member("locked", Int, "Their week takes no changes, or the one that they would move to."),
        member("noRight", Int, "The caller's role does not let them be changed."),
        member("refused", Int, "Other rules forbid it."),
        member("operationId", GuidType, "What …/operations/{id}/undo takes back; null where nothing changed."),
        member("problems", List(&REFUSED), "The first hundred logs that refuse."),
    ],
};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RefusedObject {
    worklog_id: String,
    code: &'static str,
    reason: String,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TallyObject {
    preview: bool,
    matched: usize,
    changed: usize,
    unchanged: usize,
    locked: usize,
    no_right: usize,
    refused: usize,
    operation_id: Option<String>,
    problems: Vec<RefusedObject>,
}

impl TallyObject {
    fn of(plan: Plan, operation: Option<Guid>) -> TallyObject {
        let tally = plan.tally;
        let refused = |(log, refusal): (Guid, Refusal)| RefusedObject {
            worklog_id: log.to_string(),
            reason: refusal.message.clone(),
            code: Problem::from(refusal).code(),
        };
        TallyObject {
            preview: operation.is_none(),
            matched: tally.changed + tally.unchanged + tally.refusals(),
            changed: tally.changed,
            unchanged: tally.unchanged,
            locked: tally.locked,
            no_right: tally.no_right,
            refused: tally.refused,
            operation_id: operation.filter(|_| tally.changed > 0).map(|id| id.to_string()),
            problems: tally.told.into_iter().map(refused).collect(),
        }
    }
}

/// What was asked for.
#[derive(Clone, Debug)]
struct Order {
    filter: Option<String>,
    search: Option<String>,
    edit: Edit,
    /// The budget by the name that the outside has for it; `edit` has the internal one.
    budget: Patch<Guid>,
    skips: bool,
}

impl Order {
    fn read(body: &Body) -> Result<Order, Refusal> {
        let text = |name: &str| body.text(name).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let (filter, search) = (text("filter"), text("search"));
        if filter.is_none() && search.is_none() {
            let message = "filter is missing: say which logs are meant, such as `WorkItemId eq 42`.";
            return Err(Refusal::malformed("filter", message));
        }
        let deletes = body.bool("delete").unwrap_or_default();
        let (edit, budget) = match (body.object("changes"), deletes) {
            (None, true) => (Edit::Delete, Patch::Keep),
            (Some(changes), false) => {
                let budget = changes.patch("budgetId", changes.guid("budgetId"));
                (Edit::Change(Box::new(common(changes)?)), budget)
            }
            _ => return Err(Refusal::malformed("changes", "Send either changes, or delete: true.")),
        };
        if edit == Edit::Change(Box::default()) && budget == Patch::Keep {
            return Err(Refusal::malformed("changes", "changes names nothing that is to change."));
        }
        Ok(Order { filter, search, edit, budget, skips: body.bool("skipRefused").unwrap_or_default() })
    }

    /// The edit, its budget found.
    fn edit(&self, conn: &mut impl AsConn, by: &Author<'_>) -> Result<Edit, Refusal> {
        let (Edit::Change(common), budget) = (&self.edit, self.budget) else { return Ok(self.edit.clone()) };
        let budget = match budget {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(guid) => {
                rules::may_assign_budget(by.caller)?;
                let unknown = |_| Refusal::unknown("changes.budgetId", "budget", guid);
                let budget = budgets::write::find(conn, guid).map_err(unknown)?;
                budgets::write::open(&budget)?;
                Patch::Set(budget.id)
            }
        };
        Ok(Edit::Change(Box::new(Common { budget, ..(**common).clone() })))
    }
}

fn common(changes: &Body) -> Result<Common, Refusal> {
    let shift = changes.int("shiftDays").unwrap_or_default();
    if shift.abs() > bulk::MOST_DAYS {
        let message = format!("shiftDays is at most {} days, back or forth.", bulk::MOST_DAYS);
        return Err(Refusal::malformed("changes.shiftDays", message));
    }
    Ok(Common {
        comment: changes.patch("comment", changes.text("comment").map(str::to_owned)),
        activity_type: changes.patch("activityTypeId", changes.guid("activityTypeId")),
        work_item: changes.patch("workItemId", changes.int("workItemId")),
        billable: changes.bool("billable"),
        budget: Patch::Keep,
        shift,
    })
}

pub fn edit(call: &Arc<Call>) -> Result<Job, Refusal> {
    let order = Order::read(&call.body()?)?;
    let call = Arc::clone(call);
    if call.options.bool("preview")? {
        return Job::read(move |conn| {
            let plan = planned(conn, &call, &call.author(Origin::Bulk), &order)?;
            Answer::bare(TallyObject::of(plan, None))
        });
    }
    Job::write(move |tx| {
        let by = call.author(Origin::Bulk);
        let mut plan = planned(tx.as_conn(), &call, &by, &order)?;
        if !order.skips {
            refuse(&plan)?;
        }
        bulk::store(tx, &by, &mut plan)?;
        Answer::bare(TallyObject::of(plan, Some(by.operation)))
    })
}

fn planned(conn: &mut Conn, call: &Call, by: &Author<'_>, order: &Order) -> Result<Plan, Refusal> {
    let edit = order.edit(conn, by)?;
    let logs = picked(conn, call, order)?;
    Ok(bulk::plan(conn, by, logs, &edit)?)
}

/// The logs that the caller sees and the order picks.
fn picked(conn: &mut Conn, call: &Call, order: &Order) -> Result<Vec<Worklog>, Refusal> {
    let most = call.app.config.rest.max_bulk_worklogs;
    let fields = dynamic_properties(fields::list(conn)?);
    let asker = call.asker(&fields);
    let (filter, search) = (order.filter.as_deref(), order.search.as_deref());
    let statement = own::keys(Picked { set: "Worklogs", filter, search, most: most + 1 }, &asker).map_err(|error| {
        let member = if error.target.as_deref() == Some("$search") { "search" } else { "filter" };
        Refusal::malformed(member, error.message)
    })?;
    let rows = conn.rows(&statement, &statement.types)?;
    if rows.len() > most {
        let message = format!(
            "More than {most} logs are picked, which is the limit (rest.max_bulk_worklogs). Narrow the filter, such as \
             to a month, and go on with the next."
        );
        return Err(Refusal::new(Kind::TooLarge, message));
    }
    let guid = |row: Vec<Value>| match row.first() {
        Some(Value::Guid(guid)) => Ok(*guid),
        other => Err(DbError::Other(format!("a log's key: {other:?}"))),
    };
    let guids: Vec<Guid> = rows.into_iter().map(guid).collect::<Result<_, _>>()?;
    Ok(read::all(conn, &call.caller, &guids)?)
}

/// The first refusal, which speaks for all.
fn refuse(plan: &Plan) -> Result<(), Refusal> {
    let tally = &plan.tally;
    let Some((_, first)) = tally.told.first() else { return Ok(()) };
    let others = tally.refusals() - 1;
    let message = format!(
        "{} {}Nothing was changed. preview=true lists what refuses; skipRefused leaves it out.",
        first.message,
        if others > 0 { format!("{others} more logs refuse. ") } else { String::new() }
    );
    Err(Refusal { message, ..first.clone() })
}
