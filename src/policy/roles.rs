//! Roles of the wire contract §6.6, from none to all.

use std::fmt;
use std::str::FromStr;

/// What a person may do. Each role may what the one before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The door is locked: 403 `AccessDenied`.
    None,
    /// Own time only.
    Team,
    /// Everybody's time, budget and billable columns.
    Product,
    /// Manages budgets too.
    Budget,
    /// Settings and people too.
    Administrator,
}

impl Role {
    pub const ALL: [Role; 5] = [Role::None, Role::Team, Role::Product, Role::Budget, Role::Administrator];

    pub fn name(self) -> &'static str {
        match self {
            Role::None => "None",
            Role::Team => "Team",
            Role::Product => "Product",
            Role::Budget => "Budget",
            Role::Administrator => "Administrator",
        }
    }

    /// The number that tables keep. Stable: a new role takes a new number.
    pub fn number(self) -> i32 {
        match self {
            Role::None => 0,
            Role::Team => 1,
            Role::Product => 2,
            Role::Budget => 3,
            Role::Administrator => 4,
        }
    }

    /// The role of a number; one that this version does not know may nothing.
    pub fn from_number(number: i32) -> Role {
        Role::ALL.into_iter().find(|role| role.number() == number).unwrap_or(Role::None)
    }

    /// Whether budgets, and the time of others, are open to the role.
    pub fn sees_budgets(self) -> bool {
        self >= Role::Product
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    /// By name, in any letter case.
    fn from_str(text: &str) -> Result<Role, String> {
        Role::ALL
            .into_iter()
            .find(|role| role.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("`{text}` is no role; the roles are {}", Role::ALL.map(Role::name).join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_survives_its_name_and_its_number() {
        for role in Role::ALL {
            assert_eq!(role.name().to_lowercase().parse(), Ok(role));
            assert_eq!(Role::from_number(role.number()), role);
        }
        assert_eq!(Role::from_number(99), Role::None);
        assert!("Owner".parse::<Role>().is_err());
    }

    #[test]
    fn budgets_open_at_product() {
        assert_eq!(Role::ALL.map(Role::sees_budgets), [false, false, true, true, true]);
    }
}
