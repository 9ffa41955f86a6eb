//! Activity types of our own model.

use super::WORKLOG;
use crate::odata::edm::Edm::{Boolean, Guid, String};
use crate::odata::edm::{Entity, col, entity, many, prop, searched};

/// A kind of work. Retired ones stay, for the logs that carry them.
pub static ACTIVITY_TYPE: Entity = entity("ActivityType")
    .table("activity_types")
    .key(&["Id"])
    .props(&[&[
        prop("Id", Guid, col("guid")).doc("Never changes."),
        prop("Name", String, col("name")).doc("Name."),
        prop("Color", String, col("color")).nullable().doc("Colour in six hex digits."),
        prop("IsActive", Boolean, col("is_active")).doc("Whether new logs may have it."),
    ]])
    .navs(&[many("Worklogs", &WORKLOG, ("id", "activity_type_id"))
        .bound_to("Worklogs")
        .partner("ActivityType")
        .doc("Logs of this kind.")])
    .search(&[searched("Name", "name")])
    .doc("A kind of work.");
