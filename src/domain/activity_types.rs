//! Kinds of work (contract §6.4). A retired one stays, for the logs that carry it.

use diesel::prelude::*;

use crate::db::tables::activity_types;
use crate::db::{AsConn, DbError};
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
