//! `/api/v1/activity-types` (contract §6.4).

use std::sync::Arc;

use super::objects::ActivityTypeObject;
use crate::domain::activity_types::{self, ActivityType, Changed};
use crate::domain::changes::Origin;
use crate::domain::refusal::Refusal;
use crate::http::api::shape::Body;
use crate::http::api::{Answer, Call, Job};

pub fn list(_: &Arc<Call>) -> Result<Job, Refusal> {
    Job::read(|conn| {
        let kinds = activity_types::list(conn)?;
        Answer::items(kinds.iter().map(ActivityTypeObject::from))
    })
}

pub fn one(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "activity type")?;
    Job::read(move |conn| shown(&activity_types::find(conn, guid)?))
}

pub fn create(call: &Arc<Call>) -> Result<Job, Refusal> {
    let new = changed(&call.body()?);
    let call = Arc::clone(call);
    Job::write(move |tx| {
        let kind = activity_types::create(tx, &call.author(Origin::Rest), &new)?;
        Ok(shown(&kind)?.created(format!("/api/v1/activity-types/{}", kind.guid)))
    })
}

pub fn change(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "activity type")?;
    let changed = changed(&call.body()?);
    let call = Arc::clone(call);
    Job::write(move |tx| {
        let before = activity_types::find(tx, guid)?;
        call.expects_of(&shown(&before)?)?;
        shown(&activity_types::change(tx, &call.author(Origin::Rest), &before, &changed)?)
    })
}

pub fn delete(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "activity type")?;
    let replacement = call.options.guid("replacement")?;
    let call = Arc::clone(call);
    Job::write(move |tx| {
        let kind = activity_types::find(tx, guid)?;
        call.expects_of(&shown(&kind)?)?;
        activity_types::delete(tx, &call.author(Origin::Rest), &kind, replacement)?;
        Ok(Answer::nothing())
    })
}

fn shown(kind: &ActivityType) -> Result<Answer, Refusal> {
    Answer::state(ActivityTypeObject::from(kind))
}

fn changed(body: &Body) -> Changed {
    Changed {
        name: body.patch("name", body.text("name").map(str::to_owned)),
        color: body.patch("color", body.text("color").map(str::to_owned)),
        is_active: body.bool("isActive"),
    }
}
