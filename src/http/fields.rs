//! The site's custom fields, remembered for a moment: they change when a new field is first loaded.

use std::sync::{Arc, RwLock};

use crate::odata::edm::Field;
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
