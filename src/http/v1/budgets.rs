//! `/api/v1/budgets` and what is assigned to them (contract §6.1).

use std::sync::Arc;

use super::objects::{AssignmentObject, BudgetObject, MovesObject};
use crate::db::AsConn;
use crate::domain::budgets::assign::{self, Moves, Target};
use crate::domain::budgets::write::{self, Budget, Changed};
use crate::domain::changes::Origin;
use crate::domain::refusal::Refusal;
use crate::domain::worklogs;
use crate::http::api::shape::Body;
use crate::http::api::{Answer, Call, Job};
use crate::policy::Caller;
use crate::sql::Guid;

pub fn list(_: &Arc<Call>) -> Result<Job, Refusal> {
    Job::read(|conn| {
        let budgets = write::list(conn)?;
        Answer::items(budgets.iter().map(BudgetObject::from))
    })
}

pub fn one(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "budget")?;
    Job::read(move |conn| shown(&write::find(conn, guid)?))
}

pub fn create(call: &Arc<Call>) -> Result<Job, Refusal> {
    let new = changed(&call.body()?);
    let call = Arc::clone(call);
    Job::write(move |tx| {
        let budget = write::create(tx, &call.author(Origin::Rest), &new)?;
        Ok(shown(&budget)?.created(format!("/api/v1/budgets/{}", budget.guid)))
    })
}

pub fn change(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "budget")?;
    let changed = changed(&call.body()?);
    let call = Arc::clone(call);
    Job::write(move |tx| {
        let before = write::find(tx, guid)?;
        call.expects_of(&shown(&before)?)?;
        shown(&write::change(tx, &call.author(Origin::Rest), &before, &changed)?)
    })
}

pub fn delete(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "budget")?;
    let call = Arc::clone(call);
    Job::write(move |tx| {
        let budget = write::find(tx, guid)?;
        call.expects_of(&shown(&budget)?)?;
        write::delete(tx, &call.author(Origin::Rest), &budget)?;
        Ok(Answer::nothing())
    })
}

pub fn assignments(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "budget")?;
    Job::read(move |conn| {
        let budget = write::find(conn, guid)?;
        Answer::items(write::assignments(conn, budget.id)?.into_iter().map(AssignmentObject::from))
    })
}

pub fn assign(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "budget")?;
    let body = call.body()?;
    let missing = |member: &str| Refusal::malformed(member, format!("{member} is missing."));
    let kind = body.text("kind").ok_or_else(|| missing("kind"))?;
    let named = Named::read(kind, body.text("target").ok_or_else(|| missing("target"))?)?;
    let call = Arc::clone(call);
    if call.options.bool("preview")? {
        return Job::read(move |conn| {
            let budget = write::find(conn, guid)?;
            write::open(&budget)?;
            let target = named.found(conn, &call.caller)?;
            let moves = assign::plan(conn, target, Some(budget.id))?;
            told(conn, &moves, Preview::Yes)
        });
    }
    Job::write(move |tx| {
        let budget = write::find(tx, guid)?;
        let target = named.found(tx, &call.caller)?;
        let moves = write::assign(tx, &call.author(Origin::Rest), &budget, target)?;
        told(tx, &moves, Preview::No)
    })
}

pub fn unassign(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "budget")?;
    let named = Named::read(call.value(1), call.value(2))?;
    let call = Arc::clone(call);
    if call.options.bool("preview")? {
        return Job::read(move |conn| {
            let budget = write::find(conn, guid)?;
            let target = named.found(conn, &call.caller)?;
            write::holds(conn, &budget, target)?;
            let moves = assign::plan(conn, target, None)?;
            told(conn, &moves, Preview::Yes)
        });
    }
    Job::write(move |tx| {
        let budget = write::find(tx, guid)?;
        let target = named.found(tx, &call.caller)?;
        let moves = write::unassign(tx, &call.author(Origin::Rest), &budget, target)?;
        told(tx, &moves, Preview::No)
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Preview {
    Yes,
    No,
}

fn told(conn: &mut impl AsConn, moves: &Moves, preview: Preview) -> Result<Answer, Refusal> {
    let budgets = write::list(conn)?;
    Answer::bare(MovesObject::of(moves, &budgets, preview == Preview::Yes))
}

fn shown(budget: &Budget) -> Result<Answer, Refusal> {
    Answer::state(BudgetObject::from(budget))
}

fn changed(body: &Body) -> Changed {
    Changed {
        name: body.patch("name", body.text("name").map(str::to_owned)),
        planned: body.patch("planned", body.int("planned")),
        comment: body.patch("comment", body.text("comment").map(str::to_owned)),
        closed: body.bool("closed"),
    }
}

/// A target as a client names it.
#[derive(Clone, Copy, Debug)]
enum Named {
    WorkItem(i64),
    Iteration(Guid),
    Worklog(Guid),
}

impl Named {
    fn read(kind: &str, target: &str) -> Result<Named, Refusal> {
        let guid = || {
            let read = uuid::Uuid::try_parse(target.trim()).map(Guid);
            read.map_err(|_| Refusal::malformed("target", "target must be a GUID."))
        };
        match kind.to_ascii_lowercase().as_str() {
            "workitem" => {
                let read = target.trim().parse().map(Named::WorkItem);
                read.map_err(|_| Refusal::malformed("target", "target must be the id of a work item."))
            }
            "iteration" => guid().map(Named::Iteration),
            "worklog" => guid().map(Named::Worklog),
            _ => Err(Refusal::malformed("kind", "kind must be workItem, iteration or worklog.")),
        }
    }

    fn found(self, conn: &mut impl AsConn, caller: &Caller) -> Result<Target, Refusal> {
        let target = match self {
            Named::WorkItem(id) => match i32::try_from(id) {
                Ok(id) if write::is_work_item(conn, id)? => Some(Target::WorkItem(id)),
                _ => None,
            },
            Named::Iteration(guid) => write::iteration(conn, guid)?.map(Target::Iteration),
            Named::Worklog(guid) => worklogs::read::find(conn, caller, guid)?.map(|log| Target::Worklog(log.id)),
        };
        target.ok_or_else(|| match self {
            Named::WorkItem(id) => Refusal::unknown("target", "work item", id),
            Named::Iteration(guid) => Refusal::unknown("target", "iteration", guid),
            Named::Worklog(guid) => Refusal::unknown("target", "work log", guid),
        })
    }
}
