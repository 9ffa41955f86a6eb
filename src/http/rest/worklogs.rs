//! `/workLogs` (contract §4.2, §4.4): what is sent becomes drafts and changes of the domain, its logs become objects.

use std::sync::Arc;

use super::objects::References;
use crate::db::AsConn;
use crate::domain::changes::Origin;
use crate::domain::refusal::Refusal;
use crate::domain::wall::Written;
use crate::domain::worklogs::{Draft, Facts, Worklog, read, write};
use crate::http::api::call::etag;
use crate::http::api::shape::Body;
use crate::http::api::{Answer, Call, Job};

pub fn create(call: &Arc<Call>) -> Result<Job, Refusal> {
    let draft = draft(&call.body()?);
    let call = Arc::clone(call);
    Job::write(move |tx| {
        let logs = write::create(tx, &call.author(Origin::Rest), std::slice::from_ref(&draft))?;
        one_of(tx, &call, &logs)
    })
}

pub fn one(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "work log")?;
    call.options.bool("includeEditable")?;
    let call = Arc::clone(call);
    Job::read(move |conn| {
        let log = read::find(conn, &call.caller, guid)?.ok_or_else(|| Refusal::not_found("work log", guid))?;
        one_of(conn, &call, &[log])
    })
}

/// An answer of one log.
fn one_of(conn: &mut impl AsConn, call: &Call, logs: &[Worklog]) -> Result<Answer, Refusal> {
    let mut objects = shown(conn, call, logs)?;
    let tag = logs.first().map(|log| etag(&log.snapshot().to_text())).unwrap_or_default();
    Ok(Answer::data(objects.pop())?.tagged(tag))
}

/// Logs as objects, with whether the caller may change them where that is asked for.
fn shown(conn: &mut impl AsConn, call: &Call, logs: &[Worklog]) -> Result<Vec<super::objects::WorkLog>, Refusal> {
    let references = References::of(conn, logs, call.options.expands_names())?;
    if !call.options.bool("includeEditable")? {
        return Ok(logs.iter().map(|log| references.work_log(log)).collect());
    }
    let facts = Facts::of_logs(conn, logs)?;
    let may = |log: &Worklog| facts.may_change(&call.caller, log, call.now).is_ok();
    Ok(logs.iter().map(|log| references.work_log(log).editable(may(log))).collect())
}

/// The creation body (§4.4).
fn draft(body: &Body) -> Draft {
    Draft {
        user: body.guid("userId"),
        start: start(body),
        length: body.int("length"),
        billable: body.int("billableLength"),
        work_item: body.int("workItemId"),
        comment: body.text("comment").map(str::to_owned),
        activity_type: kind(body),
    }
}

/// `timeStamp`, else the midnight of `date`.
fn start(body: &Body) -> Option<Written> {
    body.time("timeStamp").or_else(|| body.day("date").map(Written::midnight))
}

/// `activityTypeId`, else the id of `activityType`.
fn kind(body: &Body) -> Option<crate::sql::Guid> {
    body.guid("activityTypeId").or_else(|| body.object("activityType")?.guid("id"))
}
