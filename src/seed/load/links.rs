//! What rows refer to by name: people, activity types, budgets.
//!
//! In: names and the GUIDs that are taken. Out: internal ids; a name that two rows bear leads nowhere, for either would
//! be a guess.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use crate::db::tables::{activity_types, budgets, users};
use crate::db::{DbError, Tx};
use crate::on;
use crate::sql::Guid;

/// Rows of one table by name.
#[derive(Debug, Default)]
pub(super) struct Named {
    by_name: HashMap<String, Found>,
    guids: HashSet<Guid>,
    last_id: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    One(i32),
    Several,
}

impl Named {
    fn of(rows: Vec<(i32, Guid, String)>) -> Named {
        let mut named = Named::default();
        for (id, guid, name) in rows {
            named.last_id = named.last_id.max(id);
            named.guids.insert(guid);
            named.note(name, id);
        }
        named
    }

    /// People by unique name, in lower case.
    pub fn users(tx: &mut Tx<'_>) -> Result<Named, DbError> {
        use users::{guid, id, table, unique_name_key};
        Ok(Named::of(on!(tx, c => table.select((id, guid, unique_name_key)).load(c))?))
    }

    pub fn activity_types(tx: &mut Tx<'_>) -> Result<Named, DbError> {
        use activity_types::{guid, id, name, table};
        Ok(Named::of(on!(tx, c => table.select((id, guid, name)).load(c))?))
    }

    pub fn budgets(tx: &mut Tx<'_>) -> Result<Named, DbError> {
        use budgets::{guid, id, name, table};
        Ok(Named::of(on!(tx, c => table.select((id, guid, name)).load(c))?))
    }

    fn note(&mut self, name: String, id: i32) {
        self.by_name.entry(name).and_modify(|found| *found = Found::Several).or_insert(Found::One(id));
    }

    pub fn find(&self, name: &str) -> Option<Found> {
        self.by_name.get(name).copied()
    }

    /// The next internal id; none where the GUID is in use.
    pub fn add(&mut self, guid: Guid, name: String) -> Option<i32> {
        if !self.guids.insert(guid) {
            return None;
        }
        self.last_id += 1;
        self.note(name, self.last_id);
        Some(self.last_id)
    }
}
