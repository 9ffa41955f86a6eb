//! Role and table → the rows that are there for the caller.
//!
//! In: the name of a table. Out: its [`Guard`]. A table that is not listed holds nothing for anybody, so that one added
//! later is closed until somebody opens it here.

use super::Role;
use crate::sql::{Alias, Expr, Guard, Value};

/// How a table opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// Every role but None sees every row.
    Open,
    /// Team sees the rows of its own person, by this column; the roles above see all.
    Own(&'static str),
    /// Product and above (contract §6.1: "Only Product and higher see budget").
    Budgets,
}

/// Names and mail addresses of people are open to every role (contract `/users`, AU-80).
const DOORS: [(&str, Door); 16] = [
    ("worklogs", Door::Own("user_id")),
    ("budgets", Door::Budgets),
    ("budget_work_items", Door::Budgets),
    ("budget_iterations", Door::Budgets),
    ("work_items", Door::Open),
    ("work_item_tree", Door::Open),
    ("work_item_fields", Door::Open),
    ("fields", Door::Open),
    ("users", Door::Open),
    ("teams", Door::Open),
    ("team_members", Door::Open),
    ("projects", Door::Open),
    ("areas", Door::Open),
    ("iterations", Door::Open),
    ("activity_types", Door::Open),
    ("dates", Door::Open),
];

/// Whose work logs somebody sees: the door of `worklogs` for writers, who read typed rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Nobodys,
    Own(i32),
    Everybodys,
}

impl Whose {
    pub(super) fn seen_by(role: Role, user_id: i32) -> Whose {
        match role {
            Role::None => Whose::Nobodys,
            Role::Team => Whose::Own(user_id),
            _ => Whose::Everybodys,
        }
    }

    /// Whether the log of this person is among them.
    pub fn include(self, owner: i32) -> bool {
        match self {
            Whose::Nobodys => false,
            Whose::Own(me) => me == owner,
            Whose::Everybodys => true,
        }
    }
}

/// The rows of `table`, here called `at`, that this person sees in this role.
pub fn visible(role: Role, user_id: i32, table: &str, at: Alias) -> Guard {
    let door = DOORS.iter().find(|(name, _)| *name == table).map(|(_, door)| *door);
    match (door, role) {
        (None, _) | (_, Role::None) => Guard::Nothing,
        (Some(Door::Open), _) => Guard::All,
        (Some(Door::Own(column)), Role::Team) => Guard::Where(at.col(column).eq(Expr::bind(Value::Int32(user_id)))),
        (Some(Door::Budgets), role) if !role.sees_budgets() => Guard::Nothing,
        (Some(Door::Own(_) | Door::Budgets), _) => Guard::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What typed readers are told of `worklogs` is what its guard says.
    #[test]
    fn whose_time_is_that_of_the_door() {
        let at = Alias(0);
        for role in Role::ALL {
            let guard = match Whose::seen_by(role, 7) {
                Whose::Nobodys => Guard::Nothing,
                Whose::Own(me) => Guard::Where(at.col("user_id").eq(Expr::bind(Value::Int32(me)))),
                Whose::Everybodys => Guard::All,
            };
            assert_eq!(visible(role, 7, "worklogs", at), guard, "{role}");
        }
    }

    #[test]
    fn each_role_sees_what_the_contract_says() {
        let at = Alias(0);
        let own = Guard::Where(at.col("user_id").eq(Expr::bind(Value::Int32(7))));
        let (all, nothing) = (Guard::All, Guard::Nothing);
        let cases = [
            // table, None, Team, Product, Budget, Administrator
            ("worklogs", [&nothing, &own, &all, &all, &all]),
            ("budgets", [&nothing, &nothing, &all, &all, &all]),
            ("budget_work_items", [&nothing, &nothing, &all, &all, &all]),
            ("budget_iterations", [&nothing, &nothing, &all, &all, &all]),
            ("work_items", [&nothing, &all, &all, &all, &all]),
            ("users", [&nothing, &all, &all, &all, &all]),
            ("api_tokens", [&nothing; 5]),
            ("secrets", [&nothing; 5]),
            ("settings", [&nothing; 5]),
            ("added_next_year", [&nothing; 5]),
        ];
        for (table, expected) in cases {
            for (role, guard) in Role::ALL.into_iter().zip(expected) {
                assert_eq!(&visible(role, 7, table, at), guard, "{table} for {role}");
            }
        }
    }
}
