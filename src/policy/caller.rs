//! The one who asks.

use super::{Role, visible};
use crate::sql::{Alias, Guard, Guid, Viewer};

/// A person as proven by a credential, with their role at that moment (AU-5: checked again in every database job).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub user_id: i32,
    pub user_guid: Guid,
    pub name: String,
    pub role: Role,
}

impl Caller {
    /// Whether budgets, and the time of others, are open to the caller.
    pub fn sees_budgets(&self) -> bool {
        self.role.sees_budgets()
    }
}

impl Viewer for Caller {
    fn rows(&self, table: &'static str, at: Alias) -> Guard {
        visible(self.role, self.user_id, table, at)
    }
}

/// Who works on the machine itself: the command line sees what an administrator sees. Credentials and secrets stay
/// closed, for no report asks for them.
#[derive(Clone, Copy, Debug)]
pub struct Everything;

impl Viewer for Everything {
    fn rows(&self, table: &'static str, at: Alias) -> Guard {
        visible(Role::Administrator, 0, table, at)
    }
}
