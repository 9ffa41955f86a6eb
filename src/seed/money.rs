//! Made-up budgets in all states: open and closed, with and without a plan, used up and untouched, held by iterations, by
//! items, by items under others that have another budget, and by single logs.

use std::collections::HashSet;

use super::generate::Recipe;
use super::items::Items;
use super::planning::Planning;
use super::random::{Random, guid};
use super::rows::{Budget, BudgetIteration, BudgetWorkItem};
use crate::sql::{Day, Instant};

/// Budgets, and what is assigned to them.
pub(super) struct Money {
    pub budgets: Vec<Budget>,
    pub items: Vec<BudgetWorkItem>,
    pub iterations: Vec<BudgetIteration>,
    /// Those that single logs may name.
    pub of_single_logs: Vec<i32>,
}

const KINDS: [&str; 5] = ["Iteration", "Epic", "Feature", "Einzelbuchung", "Reserve"];

pub(super) fn assign(recipe: &Recipe, planning: &Planning, items: &Items) -> Money {
    let mut random = Random::stream(recipe.seed, "budgets");
    let mut money =
        Money { budgets: Vec::new(), items: Vec::new(), iterations: Vec::new(), of_single_logs: Vec::new() };
    let [epics, features, stories] = [1, 2, 3].map(|level| items.of_level(level));
    let below_epics: Vec<i32> = features.into_iter().chain(stories).collect();
    let iterations: Vec<i32> =
        planning.iterations.iter().map(|i| &i.node).filter(|node| matches!(node.depth, 1 | 2)).map(|n| n.id).collect();
    let (mut taken_items, mut taken_iterations) = (HashSet::new(), HashSet::new());
    for n in 0..recipe.budgets {
        let id = n as i32 + 1;
        money.budgets.push(budget(recipe, &mut random, n));
        let most = 1 + random.below(3);
        match n % KINDS.len() {
            0 => {
                let free = draw(&mut random, &iterations, &mut taken_iterations, most);
                money.iterations.extend(free.into_iter().map(|iteration| BudgetIteration(iteration, id)));
            }
            1 | 2 => {
                let from = if n % KINDS.len() == 1 { &epics } else { &below_epics };
                let free = draw(&mut random, from, &mut taken_items, most);
                money.items.extend(free.into_iter().map(|item| BudgetWorkItem(item, id)));
            }
            3 => money.of_single_logs.push(id),
            // Untouched.
            _ => {}
        }
    }
    money
}

/// At most so many that are not taken yet.
fn draw(random: &mut Random, from: &[i32], taken: &mut HashSet<i32>, most: usize) -> Vec<i32> {
    if from.is_empty() {
        return Vec::new();
    }
    let mut drawn = Vec::new();
    for _ in 0..most * 4 {
        let one = *random.pick(from);
        if drawn.len() < most && taken.insert(one) {
            drawn.push(one);
        }
    }
    drawn
}

fn budget(recipe: &Recipe, random: &mut Random, n: usize) -> Budget {
    let at = |day: i64| Instant(Day(day as i32).midnight().0 + 10 * 3_600_000_000);
    let (from, to) = (i64::from(recipe.from.0), i64::from(recipe.to.0));
    let created = from + random.between(0, (to - from) / 2);
    let closed = n % 4 == 3;
    let hours = match n % 9 {
        8 => 0,
        0..=2 => random.between(10, 80),
        _ => random.between(200, 8000),
    };
    Budget {
        id: n as i32 + 1,
        guid: guid(recipe.seed, "budget", n as u64 + 1),
        name: format!("{} {:03}", KINDS[n % KINDS.len()], n + 1),
        planned_seconds: i32::try_from(hours * 3600).unwrap_or(i32::MAX),
        comment: match n % 3 {
            0 => None,
            1 => Some("Fixed price; don't exceed".into()),
            _ => Some("Größe geprüft – \"ok\"".into()),
        },
        closed_at: closed.then(|| at(random.between(created, to))),
        closed,
        created_at: at(created),
    }
}
