//! `/api/v1/settings` (contract §6.3).

use std::sync::Arc;

use serde_json::Value;

use crate::domain::changes::Origin;
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::settings::{self, Settings};
use crate::http::api::{Answer, Call, Job};

pub fn read(_: &Arc<Call>) -> Result<Job, Refusal> {
    Job::read(|conn| Answer::state(Settings::read(conn)?))
}

/// Takes the members that are to change; an unknown one is refused, so that a slip of the pen shows.
pub fn change(call: &Arc<Call>) -> Result<Job, Refusal> {
    let Some(Value::Object(patch)) = call.raw_body() else {
        return Err(Refusal::new(Kind::Malformed, "The body must be a JSON object."));
    };
    let patch = patch.clone();
    let call = Arc::clone(call);
    Job::write(move |tx| {
        call.expects_of(&Answer::state(Settings::read(tx)?)?)?;
        Answer::state(settings::write(tx, &call.author(Origin::Rest), &patch)?)
    })
}
