//! `/timeApproval` (contract §4.2, §6.2).

use std::sync::Arc;

use super::objects::TimeApproval;
use crate::domain::approvals::{read, steps};
use crate::domain::changes::Origin;
use crate::domain::refusal::Refusal;
use crate::http::api::{Answer, Call, Job};

/// Hands the caller's week in.
pub fn submit(call: &Arc<Call>) -> Result<Job, Refusal> {
    let body = call.body()?;
    let day = body.day("weekStart").ok_or_else(missing)?;
    let manager = body.guid("assignedManagerId");
    let call = Arc::clone(call);
    Job::write(move |tx| {
        steps::submit(tx, &call.author(Origin::Rest), day, manager)?;
        Answer::data(true)
    })
}

/// Takes it back.
pub fn revoke(call: &Arc<Call>) -> Result<Job, Refusal> {
    let day = call.options.day("weekStart")?.ok_or_else(missing)?;
    let call = Arc::clone(call);
    Job::write(move |tx| {
        steps::revoke(tx, &call.author(Origin::Rest), day)?;
        Answer::data(true)
    })
}

fn missing() -> Refusal {
    Refusal::malformed("weekStart", "weekStart is missing: any day of the week, such as 2021-11-15.")
}

/// Weeks that the caller decides.
pub fn all(call: &Arc<Call>) -> Result<Job, Refusal> {
    let (skip, count) = call.options.page()?;
    let day = |name: &str| call.options.time(name).map(|time| time.map(|time| time.wall.day()));
    let filter = read::Filter { from: day("fromTimestamp")?, to: day("toTimestamp")?, skip, count };
    let call = Arc::clone(call);
    Job::read(move |conn| {
        let weeks = read::list(conn, &call.caller, filter)?;
        Answer::data(TimeApproval::all(conn, &weeks, call.options.expands_names())?)
    })
}
