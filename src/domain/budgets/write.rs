//! Budgets made, changed, closed and deleted.
//!
//! In: what a budget is to be, its [`Author`]. Out: the budget as it is then, with an entry of the trail. A closed budget
//! takes no new assignment and keeps its time; a budget with time cannot be deleted.

use diesel::prelude::*;

use super::assign::{self, Moves, Target};
use crate::db::tables::{budget_iterations, budget_work_items, budgets, iterations, work_items, worklogs};
use crate::db::{AsConn, DbError, Hold, Tx};
use crate::domain::changes::{self, Action, Author, Change, Subject};
use crate::domain::refusal::{Kind, Refusal, Rule};
use crate::domain::worklogs::Patch;
use crate::on;
use crate::sql::{Guid, Instant};

/// A budget, as its table has it.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Budget {
    /// Inside; the GUID is what the outside knows.
    pub id: i32,
    pub guid: Guid,
    pub name: String,
    pub planned_seconds: i32,
    pub comment: Option<String>,
    pub closed: bool,
    pub closed_at: Option<Instant>,
    pub created_at: Instant,
}

/// What becomes of a budget's members.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    pub name: Patch<String>,
    /// Seconds.
    pub planned: Patch<i64>,
    pub comment: Patch<String>,
    pub closed: Option<bool>,
}

/// Something assigned, as clients know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assigned {
    WorkItem { id: i32, title: Option<String> },
    Iteration { guid: Guid, path: String },
    Worklog { guid: Guid },
}

/// All budgets, by name.
pub fn list(conn: &mut impl AsConn) -> Result<Vec<Budget>, DbError> {
    Ok(on!(conn, c => budgets::table.order((budgets::name, budgets::id)).load(c))?)
}

pub fn find(conn: &mut impl AsConn, guid: Guid) -> Result<Budget, Refusal> {
    let found: Option<Budget> = on!(conn, c => budgets::table.filter(budgets::guid.eq(guid)).first(c).optional())?;
    found.ok_or_else(|| Refusal::not_found("budget", guid))
}

pub fn create(tx: &mut Tx<'_>, by: &Author<'_>, new: &Changed) -> Result<Budget, Refusal> {
    tx.must_hold(Hold::Exclusive)?;
    let blank = Budget {
        id: 0,
        guid: Guid(uuid::Uuid::now_v7()),
        name: String::new(),
        planned_seconds: 0,
        comment: None,
        closed: false,
        closed_at: None,
        created_at: by.now,
    };
    let budget = altered(tx, by, &blank, new)?;
    let row = (
        budgets::guid.eq(budget.guid),
        budgets::name.eq(&budget.name),
        budgets::planned_seconds.eq(budget.planned_seconds),
        budgets::comment.eq(&budget.comment),
        budgets::closed.eq(budget.closed),
        budgets::closed_at.eq(budget.closed_at),
        budgets::created_at.eq(budget.created_at),
    );
    let id = on!(tx, c => diesel::insert_into(budgets::table).values(row).returning(budgets::id).get_result(c))?;
    let budget = Budget { id, ..budget };
    told(tx, by, Action::Created, None, Some(&budget))?;
    Ok(budget)
}

pub fn change(tx: &mut Tx<'_>, by: &Author<'_>, before: &Budget, changed: &Changed) -> Result<Budget, Refusal> {
    tx.must_hold(Hold::Exclusive)?;
    let after = altered(tx, by, before, changed)?;
    if after == *before {
        return Ok(after);
    }
    on!(tx, c => diesel::update(budgets::table.find(before.id))
        .set((
            budgets::name.eq(&after.name),
            budgets::planned_seconds.eq(after.planned_seconds),
            budgets::comment.eq(&after.comment),
            budgets::closed.eq(after.closed),
            budgets::closed_at.eq(after.closed_at),
        ))
        .execute(c))?;
    told(tx, by, Action::Changed, Some(before), Some(&after))?;
    Ok(after)
}

/// Deletes a budget without time, and its assignments.
pub fn delete(tx: &mut Tx<'_>, by: &Author<'_>, budget: &Budget) -> Result<(), Refusal> {
    tx.must_hold(Hold::Exclusive)?;
    let used: i64 = on!(tx, c => worklogs::table
        .filter(worklogs::budget_id.eq(budget.id))
        .filter(worklogs::deleted.eq(false))
        .count()
        .get_result(c))?;
    if used > 0 {
        let message = format!("Budget `{}` has time and cannot be deleted; close it instead.", budget.name);
        return Err(Refusal::new(Kind::Conflict, message));
    }
    for target in targets(tx, budget.id)? {
        assign::put(tx, target, None)?;
    }
    on!(tx, c => diesel::delete(budgets::table.find(budget.id)).execute(c))?;
    told(tx, by, Action::Deleted, Some(budget), None)
}

/// Assigns something to a budget, in place of the one that it had.
pub fn assign(tx: &mut Tx<'_>, by: &Author<'_>, budget: &Budget, target: Target) -> Result<Moves, Refusal> {
    open(budget)?;
    let moves = assign::put(tx, target, Some(budget.id))?;
    assigned(tx, by, budget, target, Action::Created)?;
    Ok(moves)
}

/// A closed budget cannot be newly assigned.
pub fn open(budget: &Budget) -> Result<(), Refusal> {
    if budget.closed {
        return Err(Refusal::new(Kind::Conflict, format!("Budget `{}` is closed.", budget.name)));
    }
    Ok(())
}

/// Takes something away from a budget that it is assigned to.
pub fn unassign(tx: &mut Tx<'_>, by: &Author<'_>, budget: &Budget, target: Target) -> Result<Moves, Refusal> {
    holds(tx, budget, target)?;
    let moves = assign::put(tx, target, None)?;
    assigned(tx, by, budget, target, Action::Deleted)?;
    Ok(moves)
}

/// Whether this very thing is assigned to the budget, or 404.
pub fn holds(conn: &mut impl AsConn, budget: &Budget, target: Target) -> Result<(), Refusal> {
    if targets(conn, budget.id)?.contains(&target) {
        return Ok(());
    }
    Err(Refusal::new(Kind::NotFound, format!("That is not assigned to budget `{}`.", budget.name)))
}

/// What is assigned to a budget.
pub fn assignments(conn: &mut impl AsConn, budget: i32) -> Result<Vec<Assigned>, DbError> {
    let items: Vec<(i32, Option<String>)> = on!(conn, c => budget_work_items::table
        .inner_join(work_items::table)
        .filter(budget_work_items::budget_id.eq(budget))
        .order(work_items::id)
        .select((work_items::id, work_items::title))
        .load(c))?;
    let of_iterations: Vec<(Guid, String)> = on!(conn, c => budget_iterations::table
        .inner_join(iterations::table)
        .filter(budget_iterations::budget_id.eq(budget))
        .order((iterations::path, iterations::id))
        .select((iterations::guid, iterations::path))
        .load(c))?;
    let logs: Vec<Guid> = on!(conn, c => worklogs::table
        .filter(worklogs::own_budget_id.eq(budget))
        .filter(worklogs::deleted.eq(false))
        .order(worklogs::id)
        .select(worklogs::guid)
        .load(c))?;
    let items = items.into_iter().map(|(id, title)| Assigned::WorkItem { id, title });
    let of_iterations = of_iterations.into_iter().map(|(guid, path)| Assigned::Iteration { guid, path });
    Ok(items.chain(of_iterations).chain(logs.into_iter().map(|guid| Assigned::Worklog { guid })).collect())
}

/// The internal id of an iteration.
pub fn iteration(conn: &mut impl AsConn, guid: Guid) -> Result<Option<i32>, DbError> {
    Ok(on!(conn, c => iterations::table.filter(iterations::guid.eq(guid)).select(iterations::id).first(c).optional())?)
}

/// Whether there is such a work item.
pub fn is_work_item(conn: &mut impl AsConn, id: i32) -> Result<bool, DbError> {
    let found: i64 = on!(conn, c => work_items::table.find(id).count().get_result(c))?;
    Ok(found > 0)
}

fn targets(conn: &mut impl AsConn, budget: i32) -> Result<Vec<Target>, DbError> {
    let items: Vec<i32> = on!(conn, c => budget_work_items::table
        .filter(budget_work_items::budget_id.eq(budget))
        .select(budget_work_items::work_item_id)
        .load(c))?;
    let of_iterations: Vec<i32> = on!(conn, c => budget_iterations::table
        .filter(budget_iterations::budget_id.eq(budget))
        .select(budget_iterations::iteration_id)
        .load(c))?;
    let logs: Vec<i64> = on!(conn, c => worklogs::table
        .filter(worklogs::own_budget_id.eq(budget))
        .select(worklogs::id)
        .load(c))?;
    let items = items.into_iter().map(Target::WorkItem);
    let of_iterations = of_iterations.into_iter().map(Target::Iteration);
    Ok(items.chain(of_iterations).chain(logs.into_iter().map(Target::Worklog)).collect())
}

/// A budget with its changes, checked.
fn altered(conn: &mut impl AsConn, by: &Author<'_>, before: &Budget, changed: &Changed) -> Result<Budget, Refusal> {
    let mut budget = before.clone();
    match &changed.name {
        Patch::Keep => {}
        Patch::Clear => budget.name.clear(),
        Patch::Set(name) => name.trim().clone_into(&mut budget.name),
    }
    let refused = |member: &str, message: &str| Err(Refusal::rule(Rule::DbValidationError, member, message));
    if budget.name.is_empty() || budget.name.chars().count() > LONGEST_NAME {
        return refused("name", "name must be 1 to 200 characters.");
    }
    let others: i64 = on!(conn, c => budgets::table
        .filter(budgets::name.eq(&budget.name))
        .filter(budgets::id.ne(before.id))
        .count()
        .get_result(c))?;
    if others > 0 && budget.name != before.name {
        return refused("name", "name: there is a budget of this name already.");
    }
    budget.planned_seconds = match changed.planned {
        Patch::Keep => before.planned_seconds,
        Patch::Clear => 0,
        Patch::Set(seconds) => match i32::try_from(seconds) {
            Ok(seconds) if seconds >= 0 => seconds,
            _ => return refused("planned", "planned must be 0 to 2,147,483,647 seconds."),
        },
    };
    match &changed.comment {
        Patch::Keep => {}
        Patch::Clear => budget.comment = None,
        Patch::Set(comment) => budget.comment = Some(comment.clone()),
    }
    if let Some(closed) = changed.closed.filter(|closed| *closed != before.closed) {
        budget.closed = closed;
        budget.closed_at = closed.then_some(by.now);
    }
    Ok(budget)
}

const LONGEST_NAME: usize = 200;

fn told(
    tx: &mut Tx<'_>,
    by: &Author<'_>,
    action: Action,
    before: Option<&Budget>,
    after: Option<&Budget>,
) -> Result<(), Refusal> {
    let text = |budget: &Budget| {
        serde_json::json!({
            "name": budget.name, "planned": budget.planned_seconds, "comment": budget.comment, "closed": budget.closed,
        })
        .to_string()
    };
    let subject_id = before.or(after).map_or(0, |budget| budget.id.into());
    let subject_id = after.map_or(subject_id, |budget| budget.id.into());
    let entry = Change {
        subject: Subject::Budget,
        subject_id,
        action,
        before: before.map(text),
        after: after.map(text),
        comment: None,
    };
    Ok(changes::write(tx, by, [entry])?)
}

fn assigned(tx: &mut Tx<'_>, by: &Author<'_>, budget: &Budget, target: Target, action: Action) -> Result<(), Refusal> {
    let text = match target {
        Target::WorkItem(id) => serde_json::json!({"workItem": id}),
        Target::Iteration(id) => serde_json::json!({"iteration": id}),
        Target::Worklog(id) => serde_json::json!({"worklog": id}),
    };
    let text = Some(text.to_string());
    let is_new = action == Action::Created;
    let entry = Change {
        subject: Subject::BudgetAssignment,
        subject_id: budget.id.into(),
        action,
        before: text.clone().filter(|_| !is_new),
        after: text.filter(|_| is_new),
        comment: None,
    };
    Ok(changes::write(tx, by, [entry])?)
}
