//! The declarations: what this service has to tell, one file a subject and version.
//!
//! Properties, types, sets and their rows stand here and nowhere else; `$metadata`, binding, SQL and the encoders
//! derive from them. Tables are named here and in `policy`, `domain` and `db` only.

pub mod ledger;
pub mod reporting;
mod search;
mod time;

use crate::odata::edm::{EnumType, Right, Schema, Version};

/// Where an effective budget comes from (contract §3.2); the numbers are those of `work_items.budget_assignment`.
pub static BUDGET_ASSIGNMENT: EnumType = EnumType {
    name: "BudgetAssignmentType",
    members: &[
        ("NotComputed", 0),
        ("NoBudget", 1),
        ("DirectlyAssigned", 2),
        ("InheritedFromParent", 3),
        ("InheritedFromIteration", 4),
    ],
};

/// A person's logs and an item's come in their order from an index.
const LOGS_INDEXED: &[(&str, &str)] = &[("user_id", "started_at"), ("work_item_id", "started_at")];

/// To see budgets.
pub const BUDGETS: Right = Right(1);

/// What a caller may see of a model.
pub fn rights(sees_budgets: bool) -> Right {
    if sees_budgets { BUDGETS } else { Right::NONE }
}

/// The schema behind a version segment of an address (`v3.1`, in any letter case) and the version of it that is meant.
pub fn schema_for(segment: &str) -> Option<(&'static Schema, Version)> {
    VERSIONS
        .iter()
        .find(|(name, ..)| name.eq_ignore_ascii_case(segment))
        .map(|(_, schema, version)| (*schema, *version))
}

/// Every version segment there is.
pub static VERSIONS: &[(&str, &Schema, Version)] = &[
    ("v3.0", &reporting::REPORTING, reporting::V3_0),
    ("v3.1", &reporting::REPORTING, reporting::V3_1),
    ("v3.2", &reporting::REPORTING, reporting::V3_2),
    ("v3.3", &reporting::REPORTING, reporting::V3_3),
    ("v3.3-beta", &reporting::REPORTING, reporting::V3_3),
    ("v4.0", &ledger::TIMELEDGER, ledger::V4_0),
];
