//! Made-up projects with their areas, iterations and teams.
//!
//! Iterations are years, quarters and sprints of two weeks: `Platform\2023\Q2\Sprint 3`.

use std::collections::HashMap;

use jiff::civil::Date;

use super::generate::Recipe;
use super::people::People;
use super::random::guid;
use super::rows::{self, Area, Iteration, Node, Project, Team, TeamMember};
use super::words::{AREAS, PROJECTS, SUB_AREAS};
use crate::db::{DbError, Tx};
use crate::domain::calendar;
use crate::sql::Day;

/// All nodes; ids are positions and one.
pub(super) struct Planning {
    pub projects: Vec<Project>,
    pub areas: Vec<Node>,
    pub iterations: Vec<Iteration>,
    teams: Vec<Team>,
}

impl Planning {
    pub fn new(recipe: &Recipe) -> Planning {
        let mut planning =
            Planning { projects: Vec::new(), areas: Vec::new(), iterations: Vec::new(), teams: Vec::new() };
        for n in 0..recipe.projects {
            let name = match PROJECTS.get(n) {
                Some(name) => (*name).to_owned(),
                None => format!("Project {}", n + 1),
            };
            let id = n as i32 + 1;
            planning.projects.push(Project { id, guid: guid(recipe.seed, "project", id as u64), name: name.clone() });
            planning.add_areas(recipe.seed, id, &name);
            planning.add_iterations(recipe, id, &name);
            for sub_area in SUB_AREAS {
                let team = planning.teams.len() as i32 + 1;
                planning.teams.push(Team {
                    id: team,
                    guid: guid(recipe.seed, "team", team as u64),
                    name: format!("{name} {sub_area}"),
                    project_id: Some(id),
                });
            }
        }
        planning
    }

    fn add_areas(&mut self, seed: u64, project_id: i32, project: &str) {
        let top = self.add_area(seed, project_id, None, project);
        for (n, area) in AREAS.into_iter().enumerate() {
            let parent = self.add_area(seed, project_id, Some(top), area);
            for sub_area in SUB_AREAS.into_iter().take(n % 4) {
                self.add_area(seed, project_id, Some(parent), sub_area);
            }
        }
    }

    fn add_area(&mut self, seed: u64, project_id: i32, parent: Option<i32>, name: &str) -> i32 {
        let above = parent.map(|id| &self.areas[id as usize - 1]);
        let node = node(seed, "area", self.areas.len(), project_id, above, name);
        self.areas.push(node);
        self.areas.len() as i32
    }

    fn add_iterations(&mut self, recipe: &Recipe, project_id: i32, project: &str) {
        let (Some(from), Some(to)) = (calendar::date_of(recipe.from), calendar::date_of(recipe.to)) else {
            return;
        };
        let top = self.add_iteration(recipe.seed, project_id, None, project, None);
        for year in from.year()..=to.year() {
            let day = |month, day| calendar::day_of(Date::constant(year, month, day));
            let span = (day(1, 1), day(12, 31));
            let of_year = self.add_iteration(recipe.seed, project_id, Some(top), &year.to_string(), Some(span));
            let ends = [(1, (3, 31)), (4, (6, 30)), (7, (9, 30)), (10, (12, 31))];
            for (quarter, (first, last)) in (1..).zip(ends) {
                let span = (day(first, 1), day(last.0, last.1));
                let name = format!("Q{quarter}");
                let of_quarter = self.add_iteration(recipe.seed, project_id, Some(of_year), &name, Some(span));
                for sprint in 1..=6 {
                    let start = Day(span.0.0 + (sprint - 1) * 15);
                    let end = if sprint == 6 { span.1 } else { Day(start.0 + 14) };
                    let name = format!("Sprint {sprint}");
                    self.add_iteration(recipe.seed, project_id, Some(of_quarter), &name, Some((start, end)));
                }
            }
        }
    }

    fn add_iteration(
        &mut self,
        seed: u64,
        project_id: i32,
        parent: Option<i32>,
        name: &str,
        span: Option<(Day, Day)>,
    ) -> i32 {
        let above = parent.map(|id| &self.iterations[id as usize - 1].node);
        let node = node(seed, "iteration", self.iterations.len(), project_id, above, name);
        self.iterations.push(Iteration { node, start: span.map(|(start, _)| start), end: span.map(|(_, end)| end) });
        self.iterations.len() as i32
    }

    pub fn insert(&self, tx: &mut Tx<'_>, people: &People) -> Result<(), DbError> {
        rows::insert(tx, self.projects.iter().cloned())?;
        rows::insert(tx, self.areas.iter().cloned().map(Area))?;
        rows::insert(tx, self.iterations.iter().cloned())?;
        rows::insert(tx, self.teams.iter().cloned())?;
        let members = (0..).zip(people.working()).map(|(n, id)| TeamMember(n % self.teams.len() as i32 + 1, *id));
        rows::insert(tx, members)
    }

    pub fn iteration_parents(&self) -> HashMap<i32, i32> {
        self.iterations.iter().filter_map(|iteration| Some((iteration.node.id, iteration.node.parent_id?))).collect()
    }

    pub fn areas_of(&self, project: i32) -> Vec<i32> {
        self.areas.iter().filter(|node| node.project_id == project).map(|node| node.id).collect()
    }

    /// Those at a depth: 1 years, 2 quarters, 3 sprints.
    pub fn iterations_of(&self, project: i32, depth: i32) -> Vec<i32> {
        let here = self.iterations.iter().map(|iteration| &iteration.node);
        here.filter(|node| node.project_id == project && node.depth == depth).map(|node| node.id).collect()
    }
}

fn node(seed: u64, kind: &str, there: usize, project_id: i32, above: Option<&Node>, name: &str) -> Node {
    let id = there as i32 + 1;
    Node {
        id,
        guid: guid(seed, kind, id as u64),
        name: name.to_owned(),
        path: above.map_or_else(|| name.to_owned(), |above| format!("{}\\{name}", above.path)),
        depth: above.map_or(0, |above| above.depth + 1),
        project_id,
        parent_id: above.map(|above| above.id),
    }
}
