//! `/workLogs` (contract §4.2, §4.4): what is sent becomes drafts and changes of the domain, its logs become objects.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::objects::{References, WorkLog};
use crate::db::AsConn;
use crate::domain::changes::Origin;
use crate::domain::people;
use crate::domain::refusal::{Refusal, Rule};
use crate::domain::wall::{self, Written, ZonePolicy};
use crate::domain::worklogs::read::Filter;
use crate::domain::worklogs::{Changes, Draft, Facts, Patch, Worklog, read, write};
use crate::http::api::call::etag;
use crate::http::api::options::Options;
use crate::http::api::shape::Body;
use crate::http::api::{Answer, Call, Job};
use crate::sql::{Day, Guid, Instant};

/// Logs of a batch.
const MOST: usize = 500;
/// Work items of a filter.
const MOST_ITEMS: usize = 100;

pub fn create(call: &Arc<Call>) -> Result<Job, Refusal> {
    let draft = draft(&call.body()?);
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        let logs = write::create(tx, &call.author(Origin::Rest), std::slice::from_ref(&draft))?;
        one_of(tx, &call, &logs)
    })
}

/// Many logs, all or none. With `validateOnly` nothing is written and the logs have no id.
pub fn batch(call: &Arc<Call>) -> Result<Job, Refusal> {
    let drafts: Vec<Draft> = call.bodies(MOST)?.iter().map(draft).collect();
    let validate_only = call.options.bool("validateOnly")?;
    let call = Arc::clone(call);
    if validate_only {
        return Job::read(move |conn| {
            let logs = write::prepare(conn, &call.author(Origin::Batch), &drafts)?;
            all_of(conn, &call, &logs)
        });
    }
    Job::write_logs(move |tx| {
        let logs = write::create(tx, &call.author(Origin::Batch), &drafts)?;
        all_of(tx, &call, &logs)
    })
}

/// The published description has a bare array here, the envelope everywhere else.
fn all_of(conn: &mut impl AsConn, call: &Call, logs: &[Worklog]) -> Result<Answer, Refusal> {
    let objects = shown(conn, call, logs)?;
    if call.app.config.rest.batch_in_envelope { Answer::data(objects) } else { Answer::bare(objects) }
}

pub fn change(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "work log")?;
    let changes = changes(&call.body()?);
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        tx.hold_row(guid)?;
        expected(tx, &call, guid)?;
        let log = write::change(tx, &call.author(Origin::Rest), guid, &changes)?;
        one_of(tx, &call, &[log])
    })
}

pub fn delete(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "work log")?;
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        tx.hold_row(guid)?;
        expected(tx, &call, guid)?;
        write::delete(tx, &call.author(Origin::Rest), guid)?;
        Answer::data(None::<()>)
    })
}

/// `If-Match`: the log must be as the client knows it.
fn expected(conn: &mut impl AsConn, call: &Call, guid: Guid) -> Result<(), Refusal> {
    match read::find(conn, &call.caller, guid)? {
        Some(log) => call.expects(&etag(&log.snapshot().to_text())),
        None => Ok(()),
    }
}

/// The caller's logs.
pub fn own(call: &Arc<Call>) -> Result<Job, Refusal> {
    list(call, Some(call.caller.user_id))
}

/// Everybody's.
pub fn all(call: &Arc<Call>) -> Result<Job, Refusal> {
    list(call, None)
}

fn list(call: &Arc<Call>, user_id: Option<i32>) -> Result<Job, Refusal> {
    let options = &call.options;
    let (skip, count) = options.page()?;
    let items = work_items(options)?;
    let times = ["fromTimestamp", "toTimestamp", "fromCreatedTimestamp", "toCreatedTimestamp"];
    let [from, to, created_from, created_to] = times.map(|name| options.time(name));
    let (from, to) = (from?, to?);
    let days = (options.day("from")?, options.day("to")?);
    let utc = |time: Option<Written>| time.map(|time| time.in_zone(ZonePolicy::Convert, &TimeZone::UTC));
    let (created_from, created_to) = (utc(created_from?), utc(created_to?));
    options.bool("includeEditable")?;
    let call = Arc::clone(call);
    Job::read(move |conn| {
        let zone = caller_zone(conn, &call)?;
        let local = |time: Option<Written>| time.map(|time| time.in_zone(ZonePolicy::Convert, &zone));
        // Whole days, both included; the other bounds are exclusive.
        let first = days.0.map(|day| Instant(day.midnight().0 - 1));
        let end = days.1.map(|day| Day(day.0.saturating_add(1)).midnight());
        let filter = Filter {
            user_id,
            work_items: items.clone(),
            from: local(from).max(first),
            to: local(to).into_iter().chain(end).min(),
            created_from,
            created_to,
            skip,
            count,
        };
        let logs = read::list(conn, &call.caller, &filter)?;
        Answer::data(shown(conn, &call, &logs)?)
    })
}

/// The items of a filter; one that cannot be an item's id has no logs.
fn work_items(options: &Options) -> Result<Option<Vec<i32>>, Refusal> {
    let Some(ids) = options.work_items()? else { return Ok(None) };
    if ids.len() > MOST_ITEMS {
        let message = format!("workItemIds has at most {MOST_ITEMS} ids; this one has {}.", ids.len());
        return Err(Refusal::rule(Rule::FilterWorkItemIdsCountExceeded, "workItemIds", message));
    }
    Ok(Some(ids.into_iter().filter_map(|id| i32::try_from(id).ok()).collect()))
}

fn caller_zone(conn: &mut impl AsConn, call: &Call) -> Result<TimeZone, Refusal> {
    let people = people::by_ids(conn, &[call.caller.user_id])?;
    Ok(people.get(&call.caller.user_id).map_or(TimeZone::UTC, |person| wall::zone(&person.time_zone)))
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
fn shown(conn: &mut impl AsConn, call: &Call, logs: &[Worklog]) -> Result<Vec<WorkLog>, Refusal> {
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
        budget: None,
    }
}

/// A partial creation body: absent members keep their value, null clears (§4.2).
fn changes(body: &Body) -> Changes {
    let kind_of = kind(body);
    let names_kind = body.has("activityTypeId") || body.has("activityType");
    Changes {
        user: body.guid("userId"),
        start: start(body),
        length: body.patch("length", body.int("length")),
        billable: body.patch("billableLength", body.int("billableLength")),
        work_item: body.patch("workItemId", body.int("workItemId")),
        comment: body.patch("comment", body.text("comment").map(str::to_owned)),
        activity_type: match kind_of {
            Some(guid) => Patch::Set(guid),
            None if names_kind => Patch::Clear,
            None => Patch::Keep,
        },
    }
}

/// `timeStamp`, else the midnight of `date`.
fn start(body: &Body) -> Option<Written> {
    body.time("timeStamp").or_else(|| body.day("date").map(Written::midnight))
}

/// `activityTypeId`, else the id of `activityType`.
fn kind(body: &Body) -> Option<Guid> {
    body.guid("activityTypeId").or_else(|| body.object("activityType")?.guid("id"))
}
