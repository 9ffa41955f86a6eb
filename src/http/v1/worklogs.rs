//! `/api/v1/worklogs`: the trail of a log, and its return.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::objects::{ChangeObject, Undone};
use crate::db::{AsConn, DbError};
use crate::domain::changes::{self, Origin, Subject, Written};
use crate::domain::refusal::Refusal;
use crate::domain::worklogs::{Snapshot, read, write};
use crate::domain::{self, activity_types, budgets, people, wall};
use crate::http::api::call::etag;
use crate::http::api::{Answer, Call, Job};
use crate::http::rest::objects::References;
use crate::sql::Instant;

/// Who changed the log, when, how it was before and after. The log need not be there any more.
pub fn changes(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "work log")?;
    let call = Arc::clone(call);
    Job::read(move |conn| {
        let log = read::any(conn, &call.caller, guid)?.ok_or_else(|| Refusal::not_found("work log", guid))?;
        let trail = changes::of(conn, Subject::Worklog, log.id)?;
        let outside = Outside::of(conn, &trail, call.caller.sees_budgets())?;
        Answer::items(ChangeObject::all(conn, trail, |text| outside.shown(text))?.into_iter())
    })
}

pub fn restore(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "work log")?;
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        let log = write::restore(tx, &call.author(Origin::Rest), guid)?;
        let references = References::of(tx, std::slice::from_ref(&log), false)?;
        Ok(Answer::bare(references.work_log(&log))?.tagged(etag(&log.snapshot().to_text())))
    })
}

/// Takes back all that one request did to logs.
pub fn undo(call: &Arc<Call>) -> Result<Job, Refusal> {
    let operation = call.id(0, "operation on work logs")?;
    let call = Arc::clone(call);
    Job::write(move |tx| {
        let worklogs = domain::worklogs::undo(tx, &call.author(Origin::Undo), operation)?;
        Answer::bare(Undone { worklogs })
    })
}

/// Ids as the outside knows them.
struct Outside {
    people: HashMap<i32, String>,
    kinds: HashMap<i32, String>,
    /// None: the caller sees no budgets.
    budgets: Option<HashMap<i32, String>>,
}

impl Outside {
    fn of(conn: &mut impl AsConn, trail: &[Written], sees_budgets: bool) -> Result<Outside, DbError> {
        let states = trail.iter().flat_map(|entry| [entry.before.as_deref(), entry.after.as_deref()]).flatten();
        let states: Vec<Snapshot> = states.filter_map(|text| serde_json::from_str(text).ok()).collect();
        let ids: Vec<i32> = states.iter().flat_map(|state| [Some(state.user), state.edited_by]).flatten().collect();
        let people = people::by_ids(conn, &ids)?.into_iter().map(|(id, person)| (id, person.guid.to_string()));
        let kinds = activity_types::list(conn)?.into_iter().map(|kind| (kind.id, kind.guid.to_string()));
        let budgets = if sees_budgets {
            let budgets = budgets::write::list(conn)?.into_iter();
            Some(budgets.map(|budget| (budget.id, budget.guid.to_string())).collect())
        } else {
            None
        };
        Ok(Outside { people: people.collect(), kinds: kinds.collect(), budgets })
    }

    fn shown(&self, text: &str) -> Option<Value> {
        let state: Snapshot = serde_json::from_str(text).ok()?;
        let mut shown = json!({
            "userId": self.people.get(&state.user),
            "timestamp": wall::written(Instant(state.started_at)),
            "length": state.length,
            "billableLength": state.billable,
            "workItemId": state.work_item,
            "comment": state.comment,
            "activityTypeId": state.activity_type.and_then(|id| self.kinds.get(&id)),
            "editedByUserId": state.edited_by.and_then(|id| self.people.get(&id)),
            "deleted": state.deleted,
        });
        if let (Some(budgets), Value::Object(members)) = (&self.budgets, &mut shown) {
            let own = state.own_budget.and_then(|id| budgets.get(&id));
            members.insert("budgetId".to_owned(), json!(own));
        }
        Some(shown)
    }
}
