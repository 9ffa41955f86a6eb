//! `/api/v1/users/{id}`: what a person may beside the role, and what they prefer (AU-81).

use std::sync::Arc;

use super::objects::PersonObject;
use crate::db::AsConn;
use crate::domain::activity_types;
use crate::domain::changes::Origin;
use crate::domain::people::{self, Changed, Person};
use crate::domain::refusal::Refusal;
use crate::http::api::shape::Body;
use crate::http::api::{Answer, Call, Job};
use crate::sql::Guid;

pub fn one(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "person")?;
    Job::read(move |conn| {
        let person = find(conn, guid)?;
        shown(conn, &person)
    })
}

pub fn change(call: &Arc<Call>) -> Result<Job, Refusal> {
    let guid = call.id(0, "person")?;
    let changed = changed(&call.body()?);
    let call = Arc::clone(call);
    Job::write(move |tx| {
        let before = find(tx, guid)?;
        call.expects_of(&shown(tx, &before)?)?;
        let after = people::change(tx, &call.author(Origin::Rest), &before, &changed)?;
        shown(tx, &after)
    })
}

fn find(conn: &mut impl AsConn, guid: Guid) -> Result<Person, Refusal> {
    people::by_guids(conn, &[guid])?.remove(&guid).ok_or_else(|| Refusal::not_found("person", guid))
}

fn shown(conn: &mut impl AsConn, person: &Person) -> Result<Answer, Refusal> {
    let managers = people::by_ids(conn, person.manager_id.as_slice())?;
    let manager = person.manager_id.and_then(|id| managers.get(&id));
    let kinds = activity_types::list(conn)?;
    let kind = kinds.iter().find(|kind| Some(kind.id) == person.default_activity_type_id);
    Answer::state(PersonObject::of(person, manager, kind))
}

fn changed(body: &Body) -> Changed {
    Changed {
        time_zone: body.text("timeZone").map(str::to_owned),
        approval_manager: body.bool("approvalManager"),
        global_approval_manager: body.bool("globalApprovalManager"),
        collection_administrator: body.bool("collectionAdministrator"),
        manager: body.patch("managerId", body.guid("managerId")),
        default_activity_type: body.patch("defaultActivityTypeId", body.guid("defaultActivityTypeId")),
    }
}
