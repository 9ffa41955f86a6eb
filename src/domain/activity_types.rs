//! Kinds of work (contract §6.4). A retired one stays, for the logs that carry it.

use diesel::prelude::*;

use super::changes::{self, Action, Author, Change, Subject};
use super::refusal::{Kind, Refusal, Rule};
use super::settings::{self, Settings};
use super::worklogs::Patch;
use crate::db::tables::{activity_types, users, worklogs};
use crate::db::{AsConn, DbError, Hold, Tx};
use crate::on;
use crate::sql::Guid;

/// The type of a log that has none, as clients know it.
pub const NOT_SET: Guid = Guid(uuid::Uuid::nil());
pub const NOT_SET_NAME: &str = "[Not Set]";
pub const NOT_SET_COLOR: &str = "ffffff";

/// A kind of work.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct ActivityType {
    /// Inside; the GUID is what the outside knows.
    pub id: i32,
    pub guid: Guid,
    pub name: String,
    pub color: Option<String>,
    pub is_active: bool,
}

/// All of them, retired ones too, by name.
pub fn list(conn: &mut impl AsConn) -> Result<Vec<ActivityType>, DbError> {
    Ok(on!(conn, c => activity_types::table.order((activity_types::name, activity_types::id)).load(c))?)
}

/// The internal id of one that is not retired.
pub fn active_id(conn: &mut impl AsConn, guid: Guid) -> Result<Option<i32>, DbError> {
    Ok(on!(conn, c => activity_types::table
        .filter(activity_types::guid.eq(guid))
        .filter(activity_types::is_active.eq(true))
        .select(activity_types::id)
        .first(c)
        .optional())?)
}

/// What becomes of a kind's members.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    pub name: Patch<String>,
    /// Six hex digits.
    pub color: Patch<String>,
    pub is_active: Option<bool>,
}

/// One of them, retired or not.
pub fn find(conn: &mut impl AsConn, guid: Guid) -> Result<ActivityType, Refusal> {
    let found: Option<ActivityType> =
        on!(conn, c => activity_types::table.filter(activity_types::guid.eq(guid)).first(c).optional())?;
    found.ok_or_else(|| Refusal::not_found("activity type", guid))
}

pub fn create(tx: &mut Tx<'_>, by: &Author<'_>, new: &Changed) -> Result<ActivityType, Refusal> {
    tx.must_hold(Hold::Exclusive)?;
    let guid = Guid(uuid::Uuid::now_v7());
    let blank = ActivityType { id: 0, guid, name: String::new(), color: None, is_active: true };
    let kind = altered(tx, &blank, new)?;
    let row = (
        activity_types::guid.eq(kind.guid),
        activity_types::name.eq(&kind.name),
        activity_types::color.eq(&kind.color),
        activity_types::is_active.eq(kind.is_active),
    );
    let id = on!(tx, c => diesel::insert_into(activity_types::table)
        .values(row)
        .returning(activity_types::id)
        .get_result(c))?;
    let kind = ActivityType { id, ..kind };
    told(tx, by, Action::Created, None, Some(&kind))?;
    Ok(kind)
}

pub fn change(
    tx: &mut Tx<'_>,
    by: &Author<'_>,
    before: &ActivityType,
    changed: &Changed,
) -> Result<ActivityType, Refusal> {
    tx.must_hold(Hold::Exclusive)?;
    let after = altered(tx, before, changed)?;
    if after == *before {
        return Ok(after);
    }
    on!(tx, c => diesel::update(activity_types::table.find(before.id))
        .set((
            activity_types::name.eq(&after.name),
            activity_types::color.eq(&after.color),
            activity_types::is_active.eq(after.is_active),
        ))
        .execute(c))?;
    told(tx, by, Action::Changed, Some(before), Some(&after))?;
    Ok(after)
}

/// Deletes a kind. Its logs and the people whose favourite it is get the replacement; without one it must have no logs.
pub fn delete(tx: &mut Tx<'_>, by: &Author<'_>, kind: &ActivityType, replacement: Option<Guid>) -> Result<(), Refusal> {
    tx.must_hold(Hold::Exclusive)?;
    let next = match replacement {
        Some(guid) if guid == kind.guid => {
            return Err(Refusal::rule(Rule::DbValidationError, "replacement", "A type cannot replace itself."));
        }
        Some(guid) => Some(active_id(tx, guid)?.ok_or_else(|| Refusal::unknown("replacement", "activity type", guid))?),
        None => None,
    };
    let carried = worklogs::table.filter(worklogs::activity_type_id.eq(kind.id));
    let logs: i64 = on!(tx, c => carried.count().get_result(c))?;
    if logs > 0 && next.is_none() {
        let message = format!("{logs} work logs are of type `{}`; name its replacement, or retire it.", kind.name);
        return Err(Refusal::new(Kind::Conflict, message).at("replacement"));
    }
    on!(tx, c => diesel::update(carried)
        .set((worklogs::activity_type_id.eq(next), worklogs::edited_at.eq(by.now)))
        .execute(c))?;
    on!(tx, c => diesel::update(users::table.filter(users::default_activity_type_id.eq(kind.id)))
        .set(users::default_activity_type_id.eq(next))
        .execute(c))?;
    if Settings::read(tx)?.default_activity_type_id == Some(kind.guid.0) {
        let value = replacement.map_or(serde_json::Value::Null, |guid| guid.to_string().into());
        let patch = [("defaultActivityTypeId".to_owned(), value)].into_iter().collect();
        settings::change(tx, &patch)?;
    }
    on!(tx, c => diesel::delete(activity_types::table.find(kind.id)).execute(c))?;
    told(tx, by, Action::Deleted, Some(kind), None)
}

/// A kind with its changes, checked: a name of its own in any letter case, a color of six hex digits.
fn altered(conn: &mut impl AsConn, before: &ActivityType, changed: &Changed) -> Result<ActivityType, Refusal> {
    let mut kind = before.clone();
    match &changed.name {
        Patch::Keep => {}
        Patch::Clear => kind.name.clear(),
        Patch::Set(name) => name.trim().clone_into(&mut kind.name),
    }
    let refused = |member: &str, message: &str| Err(Refusal::rule(Rule::DbValidationError, member, message));
    if kind.name.is_empty() || kind.name.chars().count() > LONGEST_NAME {
        return refused("name", "name must be 1 to 100 characters.");
    }
    let same = |other: &ActivityType| other.id != before.id && other.name.to_lowercase() == kind.name.to_lowercase();
    if kind.name == NOT_SET_NAME || list(conn)?.iter().any(same) {
        return refused("name", "name: there is an activity type of this name already.");
    }
    kind.color = match &changed.color {
        Patch::Keep => before.color.clone(),
        Patch::Clear => None,
        Patch::Set(color) => {
            let digits = color.trim_start_matches('#').to_ascii_lowercase();
            if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return refused("color", "color must be six hex digits.");
            }
            Some(digits)
        }
    };
    kind.is_active = changed.is_active.unwrap_or(before.is_active);
    Ok(kind)
}

const LONGEST_NAME: usize = 100;

fn told(
    tx: &mut Tx<'_>,
    by: &Author<'_>,
    action: Action,
    before: Option<&ActivityType>,
    after: Option<&ActivityType>,
) -> Result<(), Refusal> {
    let text = |kind: &ActivityType| {
        serde_json::json!({"name": kind.name, "color": kind.color, "isActive": kind.is_active}).to_string()
    };
    let subject_id = after.or(before).map_or(0, |kind| kind.id.into());
    let entry = Change {
        subject: Subject::ActivityType,
        subject_id,
        action,
        before: before.map(text),
        after: after.map(text),
        comment: None,
    };
    Ok(changes::write(tx, by, [entry])?)
}
