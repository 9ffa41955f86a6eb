//! The site's custom fields as dynamic properties of its work items (OD-77); remembered for a moment, for they change
//! when a new field is first loaded.

use std::collections::HashSet;
use std::sync::{Arc, RwLock};

use crate::domain::fields::{CustomField, FieldKind};
use crate::odata::edm::{Edm, Field};
use crate::sql::Instant;

/// Microseconds for which the fields are taken as known.
const FRESH: i64 = 2_000_000;

/// The last that was read, and when.
#[derive(Default)]
pub struct KnownFields {
    last: RwLock<Option<(Instant, Arc<Vec<Field>>)>>,
}

impl KnownFields {
    pub fn recall(&self, now: Instant) -> Option<Arc<Vec<Field>>> {
        let last = self.last.read().ok()?;
        let (at, fields) = last.as_ref()?;
        (now.0.saturating_sub(at.0) < FRESH).then(|| Arc::clone(fields))
    }

    pub fn remember(&self, fields: Vec<Field>, now: Instant) -> Arc<Vec<Field>> {
        let fields = Arc::new(fields);
        if let Ok(mut last) = self.last.write() {
            *last = Some((now, Arc::clone(&fields)));
        }
        fields
    }
}

/// Names each field as a property, with `_` for each dot. Of two that would then be called alike (`A.B_C`, `A_B.C`) the
/// first has the name.
pub fn dynamic_properties(fields: Vec<CustomField>) -> Vec<Field> {
    let property = |field: CustomField| Field {
        id: field.id,
        name: field.reference_name.replace('.', "_"),
        reference_name: field.reference_name,
        ty: match field.kind {
            FieldKind::Text => Edm::String,
            FieldKind::Number => Edm::Double,
            FieldKind::Boolean => Edm::Boolean,
        },
    };
    let mut names = HashSet::new();
    fields.into_iter().map(property).filter(|field| names.insert(field.name.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn od_77_a_dot_becomes_an_underscore_and_no_name_is_given_twice() {
        let field = |id, name: &str| CustomField { id, reference_name: name.to_owned(), kind: FieldKind::Number };
        let properties = dynamic_properties(vec![field(1, "Custom.Team"), field(2, "Custom_Team"), field(3, "Other")]);
        let named: Vec<_> = properties.iter().map(|field| (field.id, field.name.as_str(), field.ty)).collect();
        assert_eq!(named, [(1, "Custom_Team", Edm::Double), (3, "Other", Edm::Double)]);
    }
}
