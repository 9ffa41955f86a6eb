//! The one who asks.

use super::{Duties, Role, Whose, visible};
use crate::sql::{Alias, Guard, Guid, Viewer};

/// A person as proven by a credential, with their role at that moment (AU-5: checked again in every database job).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub user_id: i32,
    pub user_guid: Guid,
    pub name: String,
    pub role: Role,
    pub duties: Duties,
}

impl Caller {
    /// Whether budgets, and the time of others, are open to the caller.
    pub fn sees_budgets(&self) -> bool {
        self.role.sees_budgets()
    }

    /// Whether the caller has any of these duties. Approving needs a role beside; to manage people does not (AU-81).
    pub fn has(&self, any: Duties) -> bool {
        let none = self.role == Role::None;
        self.duties.include(if none { any.among(Duties::COLLECTION_ADMINISTRATOR) } else { any })
    }

    /// Whose time the caller sees.
    pub fn sees_time_of(&self) -> Whose {
        Whose::seen_by(self.role, self.user_id)
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
