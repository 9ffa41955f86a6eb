//! `/activityTypes` (contract §4.2).

use std::sync::Arc;

use super::objects::{ActivityTypeObject, ActivityTypes};
use super::people::site_default;
use crate::domain::activity_types;
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::settings::Settings;
use crate::http::api::{Answer, Call, Job};

/// Kinds that are in use, `[Not Set]` among them always.
pub fn list(_: &Arc<Call>) -> Result<Job, Refusal> {
    Job::read(|conn| {
        let settings = Settings::read(conn)?;
        let kinds = activity_types::list(conn)?;
        let active = kinds.iter().filter(|kind| kind.is_active).map(ActivityTypeObject::of);
        Answer::data(ActivityTypes {
            enabled: settings.activity_types_enabled,
            system_default_activity_type_id: site_default(&settings),
            activity_types: std::iter::once(ActivityTypeObject::not_set()).chain(active).collect(),
        })
    })
}

pub fn one(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "activity type")?;
    Job::read(move |conn| {
        if !Settings::read(conn)?.activity_types_enabled {
            return Err(Refusal::new(Kind::TypesOff, "This site has switched activity types off."));
        }
        if guid == activity_types::NOT_SET {
            return Answer::data(ActivityTypeObject::not_set());
        }
        let kinds = activity_types::list(conn)?;
        let found = kinds.iter().find(|kind| kind.guid == guid);
        Answer::data(ActivityTypeObject::of(found.ok_or_else(|| Refusal::not_found("activity type", guid))?))
    })
}
