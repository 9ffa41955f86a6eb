//! Paths of areas and iterations → their nodes and projects.
//!
//! In: paths such as `Web\2024\Sprint 3`. Out: internal ids, and rows for what was not there: each node above, and the
//! project that the first part names. Nodes keep the order in which they were met.

use std::collections::HashMap;

use diesel::prelude::*;

use super::super::rows::{self, Area, Iteration, Node, Project};
use super::derived_guid;
use crate::db::tables::{areas, iterations, projects};
use crate::db::{DbError, Tx};
use crate::on;

/// Everything by its path.
#[derive(Debug, Default)]
pub(super) struct Paths {
    projects: Projects,
    areas: Nodes,
    iterations: Nodes,
}

#[derive(Debug, Default)]
struct Projects {
    by_name: HashMap<String, i32>,
    last_id: i32,
    new: Vec<Project>,
}

#[derive(Debug, Default)]
struct Nodes {
    by_path: HashMap<String, i32>,
    last_id: i32,
    new: Vec<Node>,
}

impl Paths {
    /// With what the database has.
    pub fn read(tx: &mut Tx<'_>) -> Result<Paths, DbError> {
        let projects: Vec<(String, i32)> =
            on!(tx, c => projects::table.select((projects::name, projects::id)).load(c))?;
        let areas: Vec<(String, i32)> = on!(tx, c => areas::table.select((areas::path, areas::id)).load(c))?;
        let iterations: Vec<(String, i32)> =
            on!(tx, c => iterations::table.select((iterations::path, iterations::id)).load(c))?;
        let last = |rows: &[(String, i32)]| rows.iter().map(|(_, id)| *id).max().unwrap_or(0);
        Ok(Paths {
            projects: Projects { last_id: last(&projects), by_name: projects.into_iter().collect(), new: Vec::new() },
            areas: Nodes { last_id: last(&areas), by_path: areas.into_iter().collect(), new: Vec::new() },
            iterations: Nodes {
                last_id: last(&iterations),
                by_path: iterations.into_iter().collect(),
                new: Vec::new(),
            },
        })
    }

    pub fn project(&mut self, name: &str) -> i32 {
        self.projects.id(name)
    }

    pub fn area(&mut self, path: &str) -> i32 {
        self.areas.id(path, "area", &mut self.projects)
    }

    pub fn iteration(&mut self, path: &str) -> i32 {
        self.iterations.id(path, "iteration", &mut self.projects)
    }

    /// An iteration that is there.
    pub fn known_iteration(&self, path: &str) -> Option<i32> {
        self.iterations.by_path.get(path).copied()
    }

    /// Stores what is new.
    pub fn flush(&mut self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        rows::insert(tx, self.projects.new.drain(..))?;
        rows::insert(tx, self.areas.new.drain(..).map(Area))?;
        rows::insert(tx, self.iterations.new.drain(..).map(|node| Iteration { node, start: None, end: None }))
    }
}

impl Projects {
    fn id(&mut self, name: &str) -> i32 {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        self.last_id += 1;
        self.by_name.insert(name.to_owned(), self.last_id);
        self.new.push(Project { id: self.last_id, guid: derived_guid("project", name), name: name.to_owned() });
        self.last_id
    }
}

impl Nodes {
    fn id(&mut self, path: &str, kind: &str, projects: &mut Projects) -> i32 {
        if let Some(id) = self.by_path.get(path) {
            return *id;
        }
        let project_id = projects.id(path.split('\\').next().unwrap_or_default());
        let ends = path.match_indices('\\').map(|(at, _)| at).chain([path.len()]);
        let (mut parent_id, mut begin) = (None, 0);
        for (depth, end) in (0..).zip(ends) {
            let here = &path[..end];
            let id = match self.by_path.get(here) {
                Some(id) => *id,
                None => {
                    self.last_id += 1;
                    self.by_path.insert(here.to_owned(), self.last_id);
                    self.new.push(Node {
                        id: self.last_id,
                        guid: derived_guid(kind, here),
                        name: path[begin..end].to_owned(),
                        path: here.to_owned(),
                        depth,
                        project_id,
                        parent_id,
                    });
                    self.last_id
                }
            };
            parent_id = Some(id);
            begin = end + 1;
        }
        parent_id.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_brings_the_nodes_above_it() {
        let mut paths = Paths::default();
        let deep = paths.area(r"Web\Team A\Core");
        assert_eq!(paths.area(r"Web\Team A"), 2);
        assert_eq!(paths.area(r"Web\Team A\Core"), deep);
        let nodes: Vec<_> =
            paths.areas.new.iter().map(|n| (n.id, n.parent_id, n.depth, n.name.as_str(), n.path.as_str())).collect();
        assert_eq!(
            nodes,
            [
                (1, None, 0, "Web", "Web"),
                (2, Some(1), 1, "Team A", r"Web\Team A"),
                (3, Some(2), 2, "Core", r"Web\Team A\Core")
            ]
        );
        assert_eq!(paths.iteration("Web"), 1);
        assert_eq!(paths.projects.new.len(), 1);
        assert_eq!((paths.known_iteration("Web"), paths.known_iteration("App")), (Some(1), None));
    }
}
