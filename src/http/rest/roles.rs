//! `/users/roles` (contract §4.2, AU-84).

use std::sync::Arc;

use super::objects::{FailedEntry, FailureObject, RolesSet, UserWithRole};
use crate::domain::changes::Origin;
use crate::domain::people::{self, Who};
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::settings::Settings;
use crate::http::api::shape::Body;
use crate::http::api::{Answer, Call, Job};
use crate::policy::Role;

/// People that one request may name.
const MOST: usize = 500;

/// Everybody with a role; those without one only where they are asked for.
pub fn list(call: &Arc<Call>) -> Result<Job, Refusal> {
    let (skip, count) = call.options.page()?;
    let least = if call.options.bool("includeNoneRoles")? { Role::None } else { Role::Team };
    let with_names = call.options.expands_names();
    Job::read(move |conn| {
        let site = Settings::read(conn)?.site_id;
        let people = people::page(conn, least, skip, count)?;
        let shown = people.iter().map(|person| UserWithRole::of(person, person.role, site, with_names));
        Answer::data(shown.collect::<Vec<_>>())
    })
}

/// A role to be given.
#[derive(Clone, Debug)]
struct Wish {
    who: Who,
    role: Role,
}

/// Gives roles: all or none, or with `skipErrors` those that can be given.
pub fn set(call: &Arc<Call>) -> Result<Job, Refusal> {
    let body = call.body()?;
    let entries = body.list("users").ok_or_else(|| Refusal::malformed("users", "users is missing: an array."))?;
    if entries.len() > MOST {
        return Err(Refusal::new(Kind::TooLarge, format!("users has at most {MOST} members.")));
    }
    let wishes: Vec<Wish> = entries.iter().enumerate().map(|(n, entry)| wish(n, entry)).collect::<Result<_, _>>()?;
    let skip_errors = body.bool("skipErrors").unwrap_or(false);
    let call = Arc::clone(call);
    Job::write(move |tx| {
        let site = Settings::read(tx)?.site_id;
        let by = call.author(Origin::Rest);
        let mut failed_entries = Vec::new();
        for (n, Wish { who, role }) in wishes.iter().enumerate() {
            let refused = match people::give_role(tx, &by, who, *role) {
                Ok(_) => continue,
                Err(refusal) if !skip_errors || matches!(refusal.kind, Kind::Database(_)) => {
                    return Err(refusal.of_item(n));
                }
                Err(refusal) => refusal,
            };
            let entity = match people::known(tx, who)? {
                Some(person) => UserWithRole::of(&person, *role, site, false),
                None => UserWithRole::unknown(who.id, who.name.as_deref(), *role, site),
            };
            failed_entries.push(FailedEntry { entity, error: FailureObject { message: refused.message } });
        }
        let failed = failed_entries.len();
        Answer::data(RolesSet { succeeded: wishes.len() - failed, failed, failed_entries })
    })
}

fn wish(n: usize, entry: &Body) -> Result<Wish, Refusal> {
    let who = Who { id: entry.guid("id"), sk: entry.guid("vstsId"), name: entry.text("email").map(str::to_owned) };
    let place = |member: &str| format!("users[{n}].{member}");
    if who == Who::default() {
        let member = place("id");
        return Err(Refusal::malformed(&member, format!("{member}, vstsId or email is needed.")));
    }
    let member = place("role");
    let by_number = |number: i64| Role::ALL.into_iter().find(|role| i64::from(role.number()) == number);
    let role = entry.object("role").and_then(|role| match (role.int("id"), role.text("name")) {
        (_, Some(name)) => name.parse().ok(),
        (Some(number), None) => by_number(number),
        (None, None) => None,
    });
    let role = role.ok_or_else(|| Refusal::malformed(&member, format!("{member} must have the id or name of a role.")));
    Ok(Wish { who, role: role? })
}
