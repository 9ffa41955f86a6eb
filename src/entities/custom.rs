//! The site's custom fields of work items: rows of a table, not declarations (OD-77).

use std::collections::HashSet;

use diesel::prelude::*;

use crate::db::tables::fields;
use crate::db::{AsConn, DbError};
use crate::odata::edm::{Edm, Field};
use crate::on;

/// Every custom field, by its reference name. As a property it is named with `_` for each dot; of two that would then be
/// called alike (`A.B_C`, `A_B.C`) the first has the name.
pub fn custom_fields(conn: &mut impl AsConn) -> Result<Vec<Field>, DbError> {
    let rows: Vec<(i32, String, i32)> = on!(conn, c => fields::table
        .select((fields::id, fields::reference_name, fields::kind))
        .order(fields::reference_name)
        .load(c))?;
    let field = |(id, reference_name, kind): (i32, String, i32)| {
        let ty = match kind {
            1 => Edm::Double,
            2 => Edm::Boolean,
            _ => Edm::String,
        };
        Field { id, name: reference_name.replace('.', "_"), reference_name, ty }
    };
    let mut names = HashSet::new();
    Ok(rows.into_iter().map(field).filter(|field| names.insert(field.name.clone())).collect())
}
