//! Projects, areas and iterations of our own model. `…SK` are the GUIDs of Azure DevOps.

use super::{WORK_ITEM, guid_of};
use crate::odata::edm::Edm::{Date, Guid, Int32, String};
use crate::odata::edm::{Entity, col, entity, expr, many, one, prop, searched};

/// A project of Azure DevOps.
pub static PROJECT: Entity = entity("Project")
    .table("projects")
    .key(&["ProjectSK"])
    .props(&[&[
        prop("ProjectSK", Guid, col("guid")).doc("Id in Azure DevOps."),
        prop("ProjectName", String, col("name")).doc("Name."),
    ]])
    .navs(&[
        many("WorkItems", &WORK_ITEM, ("id", "project_id"))
            .bound_to("WorkItems")
            .partner("Project")
            .doc("Its work items."),
        many("Areas", &AREA, ("id", "project_id")).bound_to("Areas").partner("Project").doc("Its areas."),
        many("Iterations", &ITERATION, ("id", "project_id"))
            .bound_to("Iterations")
            .partner("Project")
            .doc("Its iterations."),
    ])
    .search(&[searched("ProjectName", "name")])
    .doc("A project of Azure DevOps.");

/// What part of the product a work item is about.
pub static AREA: Entity = entity("Area")
    .table("areas")
    .key(&["AreaSK"])
    .props(&[&[
        prop("AreaSK", Guid, col("guid")).doc("Id in Azure DevOps."),
        prop("AreaName", String, col("name")).doc("Last part of AreaPath."),
        prop("AreaPath", String, col("path")).doc("Names from the project down, with backslashes between."),
        prop("Depth", Int32, col("depth")).doc("Areas above; 0 for the topmost."),
        prop("ProjectSK", Guid, expr(|at| guid_of(at, "projects", "project_id"))).doc("Its project."),
        prop("ParentAreaSK", Guid, expr(|at| guid_of(at, "areas", "parent_id"))).nullable().doc("The area above."),
    ]])
    .navs(&[
        one("Project", &PROJECT, ("project_id", "id"))
            .required()
            .bound_to("Projects")
            .partner("Areas")
            .constraint("ProjectSK", "ProjectSK")
            .doc("Its project."),
        one("Parent", &AREA, ("parent_id", "id"))
            .bound_to("Areas")
            .partner("Children")
            .constraint("ParentAreaSK", "AreaSK")
            .doc("The area above."),
        many("Children", &AREA, ("id", "parent_id"))
            .bound_to("Areas")
            .partner("Parent")
            .doc("The areas directly below."),
        many("WorkItems", &WORK_ITEM, ("id", "area_id"))
            .bound_to("WorkItems")
            .partner("Area")
            .doc("Work items of this very area."),
    ])
    .search(&[searched("AreaPath", "path")])
    .doc("An area of a project.");

/// A stretch of time that a team plans for.
pub static ITERATION: Entity = entity("Iteration")
    .table("iterations")
    .key(&["IterationSK"])
    .props(&[&[
        prop("IterationSK", Guid, col("guid")).doc("Id in Azure DevOps."),
        prop("IterationName", String, col("name")).doc("Last part of IterationPath."),
        prop("IterationPath", String, col("path")).doc("Names from the project down, with backslashes between."),
        prop("Depth", Int32, col("depth")).doc("Iterations above; 0 for the topmost."),
        prop("StartDate", Date, col("start_date")).nullable().doc("First day."),
        prop("EndDate", Date, col("end_date")).nullable().doc("Last day."),
        prop("ProjectSK", Guid, expr(|at| guid_of(at, "projects", "project_id"))).doc("Its project."),
        prop("ParentIterationSK", Guid, expr(|at| guid_of(at, "iterations", "parent_id")))
            .nullable()
            .doc("The iteration above."),
    ]])
    .navs(&[
        one("Project", &PROJECT, ("project_id", "id"))
            .required()
            .bound_to("Projects")
            .partner("Iterations")
            .constraint("ProjectSK", "ProjectSK")
            .doc("Its project."),
        one("Parent", &ITERATION, ("parent_id", "id"))
            .bound_to("Iterations")
            .partner("Children")
            .constraint("ParentIterationSK", "IterationSK")
            .doc("The iteration above."),
        many("Children", &ITERATION, ("id", "parent_id"))
            .bound_to("Iterations")
            .partner("Parent")
            .doc("The iterations directly below."),
        many("WorkItems", &WORK_ITEM, ("id", "iteration_id"))
            .bound_to("WorkItems")
            .partner("Iteration")
            .doc("Work items of this very iteration."),
    ])
    .search(&[searched("IterationPath", "path")])
    .doc("An iteration of a project.");
