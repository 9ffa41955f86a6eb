//! Made-up work items: trees of five levels, and items that stand alone.
//!
//! A tenth stands alone. The rest hangs together as epics, features, backlog items, tasks and sub-tasks, numbered tree by
//! tree, so that what belongs together lies together on the disk. What reports need is held; the other fields are made
//! up when a row is written.

use std::collections::HashMap;

use super::generate::Recipe;
use super::item_fields::ItemFields;
use super::people::People;
use super::planning::Planning;
use super::random::Random;
use super::rows::{self, WorkItem};
use crate::db::{DbError, Tx};
use crate::domain::budgets::{Assigned, Assignment, Effective};
use crate::domain::tree::Forest;
use crate::sql::Day;

/// All items; ids are positions and one.
pub(super) struct Items {
    items: Vec<Item>,
    forest: Forest,
    effective: Vec<Effective>,
    fields: ItemFields,
    /// Those that most time goes to.
    worked_on: Vec<i32>,
}

#[derive(Clone, Debug)]
pub(super) struct Item {
    pub id: i32,
    pub parent: Option<i32>,
    /// 1 to 5; 0 for one that stands alone.
    pub level: usize,
    pub project: i32,
    pub area: i32,
    pub iteration: Option<i32>,
    pub assigned_to: Option<i32>,
    pub created: Day,
    pub closed: Option<Day>,
    pub state: &'static str,
}

pub(super) const LEVELS: usize = 5;

/// How many items on each level, with those that stand alone at 0.
fn level_sizes(count: usize) -> [usize; LEVELS + 1] {
    let alone = count / 10;
    let in_trees = count - alone;
    if in_trees < LEVELS {
        let mut sizes = [alone, 0, 0, 0, 0, 0];
        sizes[1..=in_trees].fill(1);
        return sizes;
    }
    let share = |percent: usize| (in_trees * percent / 100).max(1);
    let [epics, features, stories, subtasks] = [share(1), share(4), share(20), share(25)];
    [alone, epics, features, stories, in_trees - epics - features - stories - subtasks, subtasks]
}

impl Items {
    pub fn new(recipe: &Recipe, planning: &Planning, people: &People) -> Items {
        let mut growing = Growing {
            recipe,
            people,
            random: Random::stream(recipe.seed, "work items"),
            sizes: level_sizes(recipe.work_items),
            nodes: Nodes::of(planning),
            items: Vec::with_capacity(recipe.work_items),
        };
        let [alone, epics, ..] = growing.sizes;
        for epic in 0..epics {
            growing.grow(1, epic, None);
            for _ in alone * epic / epics..alone * (epic + 1) / epics {
                growing.add(0, None);
            }
        }
        let items = growing.items;
        let worked_on = items.iter().filter(|item| item.level == 0 || item.level > 2).map(|item| item.id).collect();
        Items {
            forest: Forest::default(),
            effective: Vec::new(),
            fields: ItemFields::new(recipe, planning, people),
            worked_on,
            items,
        }
    }

    /// Computes the tree and the budgets.
    pub fn place(&mut self, assigned: &Assigned) {
        // Parents come before their children here, so this cannot fail.
        self.forest = Forest::new(self.items.iter().map(|item| (item.id, item.parent))).unwrap_or_default();
        self.effective = self.items.iter().map(|item| assigned.effective(&self.forest, item.id)).collect();
    }

    pub fn insert(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        let row = |item: &Item| {
            let mut row = WorkItem::new(item.id);
            row.parent_id = item.parent;
            row.project_id = Some(item.project);
            row.area_id = Some(item.area);
            row.iteration_id = item.iteration;
            row.assigned_to_user_id = item.assigned_to;
            self.fields.fill(item, &mut row);
            row.placed(self.forest.root(item.id), self.forest.has_children(item.id), self.effective(item.id))
        };
        rows::insert(tx, self.items.iter().map(row))?;
        self.forest.insert_descents(tx)?;
        self.fields.insert_custom(tx, &self.items)
    }

    pub fn effective(&self, id: i32) -> Effective {
        let none = Effective { budget: None, assignment: Assignment::NotComputed };
        self.effective.get(id as usize - 1).copied().unwrap_or(none)
    }

    pub fn iterations(&self) -> HashMap<i32, i32> {
        self.items.iter().filter_map(|item| Some((item.id, item.iteration?))).collect()
    }

    /// Ids of a level's items.
    pub fn of_level(&self, level: usize) -> Vec<i32> {
        self.items.iter().filter(|item| item.level == level).map(|item| item.id).collect()
    }

    /// An item that somebody may work on that day; none where there are no items.
    pub fn pick(&self, random: &mut Random, day: Day) -> Option<i32> {
        if self.items.is_empty() {
            return None;
        }
        let mut id = 0;
        // One that is there already, if a few tries find one.
        for _ in 0..4 {
            let anywhere = self.worked_on.is_empty() || random.in_thousand(40);
            id = if anywhere { random.below(self.items.len()) as i32 + 1 } else { *random.pick(&self.worked_on) };
            if self.items[id as usize - 1].created <= day {
                break;
            }
        }
        Some(id)
    }
}

/// Nodes by project.
struct Nodes {
    areas: Vec<Vec<i32>>,
    years: Vec<Vec<i32>>,
    quarters: Vec<Vec<i32>>,
    sprints: Vec<Vec<i32>>,
}

impl Nodes {
    fn of(planning: &Planning) -> Nodes {
        let projects = || 1..=planning.projects.len() as i32;
        let iterations = |depth| projects().map(|project| planning.iterations_of(project, depth)).collect();
        Nodes {
            areas: projects().map(|project| planning.areas_of(project)).collect(),
            years: iterations(1),
            quarters: iterations(2),
            sprints: iterations(3),
        }
    }
}

struct Growing<'a> {
    recipe: &'a Recipe,
    people: &'a People,
    random: Random,
    sizes: [usize; LEVELS + 1],
    nodes: Nodes,
    items: Vec<Item>,
}

impl Growing<'_> {
    /// Adds the `position`-th item of a level, then what hangs below it.
    fn grow(&mut self, level: usize, position: usize, parent: Option<i32>) {
        let id = self.add(level, parent);
        if level == LEVELS {
            return;
        }
        let (here, below) = (self.sizes[level], self.sizes[level + 1]);
        // The level below is dealt out evenly, in order.
        for child in (below * position).div_ceil(here)..(below * (position + 1)).div_ceil(here) {
            self.grow(level + 1, child, Some(id));
        }
    }

    fn add(&mut self, level: usize, parent: Option<i32>) -> i32 {
        let id = self.items.len() as i32 + 1;
        let parent = parent.map(|id| self.items[id as usize - 1].clone());
        let random = &mut self.random;
        let project = match &parent {
            Some(parent) => parent.project,
            None => random.below(self.recipe.projects) as i32 + 1,
        };
        let of_project = project as usize - 1;
        let area = match &parent {
            Some(parent) if !random.in_thousand(150) => parent.area,
            _ => *random.pick(&self.nodes.areas[of_project]),
        };
        let (from, to) = (i64::from(self.recipe.from.0), i64::from(self.recipe.to.0));
        let since = parent.as_ref().map_or(from - 120, |parent| i64::from(parent.created.0));
        // Later in the tree is later in time, and a third of the time is left to work on it.
        let created = random.between(since, (since + (to - from) / 3).min(to - 20).max(since));
        let iteration = self.iteration(level, of_project, created, parent.as_ref());
        let random = &mut self.random;
        let age = to - created;
        let closed = (age > 60 && random.in_thousand(if level < 3 { 350 } else { 700 }))
            .then(|| created + random.between(3, age - 20));
        let state = match (closed, random.below(4)) {
            (Some(_), 0) => "Done",
            (Some(_), _) => "Closed",
            (None, 0) => "New",
            (None, 1) => "Resolved",
            (None, _) => "Active",
        };
        let day = |number: i64| Day(number as i32);
        let working = self.people.working();
        let assigned_to = (!working.is_empty() && random.in_thousand(800)).then(|| *random.pick(working));
        self.items.push(Item {
            id,
            parent: parent.map(|parent| parent.id),
            level,
            project,
            area,
            iteration,
            assigned_to,
            created: day(created),
            closed: closed.map(day),
            state,
        });
        id
    }

    /// Epics are planned for a year, features for a quarter, what is below for a sprint, mostly that of its parent.
    fn iteration(&mut self, level: usize, of_project: usize, created: i64, parent: Option<&Item>) -> Option<i32> {
        let random = &mut self.random;
        if random.in_thousand(30) {
            return None;
        }
        if let Some(parent) = parent.filter(|_| level > 3 && random.in_thousand(850)) {
            return parent.iteration;
        }
        let nodes = match level {
            1 => &self.nodes.years[of_project],
            2 => &self.nodes.quarters[of_project],
            _ => &self.nodes.sprints[of_project],
        };
        let (from, to) = (i64::from(self.recipe.from.0), i64::from(self.recipe.to.0));
        let due = (created + random.between(0, 90)).clamp(from, to) - from;
        let last = nodes.len().checked_sub(1)?;
        nodes.get(((due * nodes.len() as i64) / (to - from + 1)) as usize).or(nodes.get(last)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_add_up() {
        for (count, sizes) in [
            (0, [0, 0, 0, 0, 0, 0]),
            (1, [0, 1, 0, 0, 0, 0]),
            (4, [0, 1, 1, 1, 1, 0]),
            (5, [0, 1, 1, 1, 1, 1]),
            (100, [10, 1, 3, 18, 46, 22]),
            (50_000, [5000, 450, 1800, 9000, 22_500, 11_250]),
        ] {
            assert_eq!(level_sizes(count), sizes);
            assert_eq!(level_sizes(count).iter().sum::<usize>(), count);
        }
    }
}
