//! Custom fields of work items: rows of a table, for each site has its own (OD-77).

use diesel::prelude::*;

use crate::db::tables::fields;
use crate::db::{AsConn, DbError};
use crate::on;

/// A custom field as its source declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomField {
    pub id: i32,
    /// `Custom.Team`
    pub reference_name: String,
    pub kind: FieldKind,
}

/// The type of a field's values; the number is that of `fields.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    Text = 0,
    Number = 1,
    Boolean = 2,
}

/// Every custom field, by its reference name.
pub fn list(conn: &mut impl AsConn) -> Result<Vec<CustomField>, DbError> {
    let rows: Vec<(i32, String, i32)> = on!(conn, c => fields::table
        .select((fields::id, fields::reference_name, fields::kind))
        .order(fields::reference_name)
        .load(c))?;
    let field = |(id, reference_name, kind)| {
        let kind = match kind {
            1 => FieldKind::Number,
            2 => FieldKind::Boolean,
            _ => FieldKind::Text,
        };
        CustomField { id, reference_name, kind }
    };
    Ok(rows.into_iter().map(field).collect())
}
