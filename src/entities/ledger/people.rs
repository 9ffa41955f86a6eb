//! People of our own model.

use super::{WORK_ITEM, WORKLOG};
use crate::odata::edm::Edm::{Boolean, Guid, String};
use crate::odata::edm::{Entity, col, entity, many, prop, searched};

/// A person, whether or not they still sign in.
pub static USER: Entity = entity("User")
    .table("users")
    .key(&["Id"])
    .props(&[&[
        prop("Id", Guid, col("guid")).doc("Never changes."),
        prop("Name", String, col("name")).doc("Name as displayed."),
        prop("UniqueName", String, col("unique_name")).doc("Name to sign in with."),
        prop("Email", String, col("email")).nullable().doc("Mail address."),
        prop("UserSK", Guid, col("sk")).nullable().doc("The identity in Azure DevOps."),
        prop("IsActive", Boolean, col("is_active")).doc("Whether the person may sign in."),
    ]])
    .navs(&[
        many("Worklogs", &WORKLOG, ("id", "user_id"))
            .bound_to("Worklogs")
            .partner("User")
            .doc("Logs of the person's work."),
        many("AssignedWorkItems", &WORK_ITEM, ("id", "assigned_to_user_id"))
            .bound_to("WorkItems")
            .partner("AssignedTo")
            .doc("Work items assigned to the person."),
    ])
    .search(&[searched("Name", "name"), searched("UniqueName", "unique_name"), searched("Email", "email")])
    .doc("A person.");
