//! `/me` and `/users` (contract §4.2).

use std::sync::Arc;

use super::objects::{Account, ActivityTypeObject, Me, User};
use crate::domain::activity_types;
use crate::domain::people;
use crate::domain::refusal::Refusal;
use crate::domain::settings::Settings;
use crate::domain::wall;
use crate::domain::worklogs::Facts;
use crate::http::api::{Answer, Call, Job};
use crate::policy::Role;

pub fn me(call: &Arc<Call>) -> Result<Job, Refusal> {
    let call = Arc::clone(call);
    Job::read(move |conn| {
        let mut facts = Facts::read(conn)?;
        facts.load_people(conn, &[call.caller.user_id], &[])?;
        let person = facts.person(call.caller.user_id).ok_or_else(|| gone(call.caller.user_guid))?;
        let default = facts.default_type(person).and_then(|id| facts.types().iter().find(|kind| kind.id == id));
        let site = facts.settings.site_id;
        Answer::data(Me {
            user: User::of(person, site, call.options.expands_names()),
            account: Account {
                id: site.to_string(),
                name: call.organization.clone().unwrap_or_else(|| "Timeledger".to_owned()),
                vsts_id: site.to_string(),
                vsts_collection_id: site.to_string(),
            },
            default_activity_type: default.map_or_else(ActivityTypeObject::not_set, ActivityTypeObject::of),
            time_zone: wall::offset_at(call.now, &facts.zone(person)) / 60,
        })
    })
}

pub fn list(call: &Arc<Call>) -> Result<Job, Refusal> {
    let (skip, count) = call.options.page()?;
    let with_names = call.options.expands_names();
    Job::read(move |conn| {
        let site = Settings::read(conn)?.site_id;
        let people = people::page(conn, Role::None, skip, count)?;
        Answer::data(people.iter().map(|person| User::of(person, site, with_names)).collect::<Vec<_>>())
    })
}

pub fn one(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "person")?;
    let with_names = call.options.expands_names();
    Job::read(move |conn| {
        let site = Settings::read(conn)?.site_id;
        let found = people::by_guids(conn, &[guid])?;
        let person = found.get(&guid).ok_or_else(|| gone(guid))?;
        Answer::data(User::of(person, site, with_names))
    })
}

fn gone(guid: crate::sql::Guid) -> Refusal {
    Refusal::not_found("person", guid)
}

/// The kind of work that the site takes where nobody names one.
pub(super) fn site_default(settings: &Settings) -> String {
    settings.default_activity_type_id.unwrap_or(activity_types::NOT_SET.0).to_string()
}
