//! The many fields of made-up work items: what Azure DevOps would hold, and custom fields of each type on some.

use super::generate::Recipe;
use super::items::{Item, LEVELS};
use super::known_fields::state_category;
use super::people::People;
use super::planning::Planning;
use super::random::Random;
use super::rows::{self, Field, FieldValue, WorkItem};
use super::words::{THINGS, VERBS};
use crate::db::{DbError, Tx};
use crate::domain::fields::FieldKind;
use crate::sql::{Day, Instant, Value};

/// What the fields of every item are made from.
pub(super) struct ItemFields {
    seed: u64,
    last: Instant,
    projects: Vec<String>,
    /// Path and name.
    areas: Vec<(String, String)>,
    iterations: Vec<String>,
    identities: Vec<String>,
}

const TYPES: [&str; LEVELS + 1] = ["Bug", "Epic", "Feature", "Product Backlog Item", "Task", "Sub-task"];
const MICROS: i64 = 1_000_000;

impl ItemFields {
    pub fn new(recipe: &Recipe, planning: &Planning, people: &People) -> ItemFields {
        ItemFields {
            seed: recipe.seed,
            last: Instant(Day(recipe.to.0 + 1).midnight().0 - MICROS),
            projects: planning.projects.iter().map(|project| project.name.clone()).collect(),
            areas: planning.areas.iter().map(|area| (area.path.clone(), area.name.clone())).collect(),
            iterations: planning.iterations.iter().map(|iteration| iteration.node.path.clone()).collect(),
            identities: (1..=recipe.roles.len() as i32).map(|id| people.identity(id)).collect(),
        }
    }

    /// The same for an item whatever the order of asking.
    pub fn fill(&self, item: &Item, row: &mut WorkItem) {
        let mut random = Random::stream(self.seed.wrapping_add(item.id as u64), "item fields");
        row.state_category = state_category(item.state);
        self.fill_texts(item, row, &mut random);
        self.fill_times(item, row, &mut random);
        fill_numbers(item, row, &mut random);
    }

    fn fill_texts(&self, item: &Item, row: &mut WorkItem, random: &mut Random) {
        let mut text = |name: &str, value: &str| row.set(name, Some(Value::Text(value.to_owned())));
        let is_bug = item.level == 0 || (item.level == 3 && random.in_thousand(250));
        let (verb, thing) = (random.pick(&VERBS), random.pick(&THINGS));
        text("System.Title", &format!("{verb} {thing} ({})", item.id));
        text("System.WorkItemType", if is_bug { "Bug" } else { TYPES[item.level] });
        text("System.State", item.state);
        text("System.Reason", if item.closed.is_some() { "Work finished" } else { "Moved to state" });
        text("System.TeamProject", &self.projects[item.project as usize - 1]);
        let (path, name) = &self.areas[item.area as usize - 1];
        text("System.AreaPath", path);
        text("System.NodeName", name);
        if let Some(iteration) = item.iteration {
            text("System.IterationPath", &self.iterations[iteration as usize - 1]);
        }
        if let Some(id) = item.assigned_to {
            text("System.AssignedTo", &self.identities[id as usize - 1]);
        }
        if !self.identities.is_empty() {
            text("System.CreatedBy", random.pick::<String>(&self.identities));
        }
        if random.in_thousand(250) {
            text(
                "System.Tags",
                random.pick::<&str>(&["urgent", "customer; urgent", "Rückfrage", "tech debt; later", "\"v2\""]),
            );
        }
        if item.level >= 4 && random.in_thousand(700) {
            text(
                "Microsoft.VSTS.Common.Activity",
                random.pick::<&str>(&["Development", "Testing", "Design", "Documentation"]),
            );
        }
        if is_bug {
            text(
                "Microsoft.VSTS.Common.Severity",
                random.pick::<&str>(&["1 - Critical", "2 - High", "3 - Medium", "4 - Low"]),
            );
            text("Microsoft.VSTS.Build.FoundIn", &format!("4.{}.{}", random.below(20), random.below(100)));
        }
        if item.level == 3 || item.level == 1 {
            text("Microsoft.VSTS.Common.ValueArea", random.pick::<&str>(&["Business", "Architectural"]));
        }
        if item.level >= 3 && random.in_thousand(60) {
            text("Microsoft.VSTS.CMMI.Blocked", "Yes");
        }
        if let Some(id) = item.assigned_to.filter(|_| item.closed.is_some()) {
            text("Microsoft.VSTS.Common.ClosedBy", &self.identities[id as usize - 1]);
        }
    }

    fn fill_times(&self, item: &Item, row: &mut WorkItem, random: &mut Random) {
        let mut at = |day: Day| Instant(day.midnight().0 + random.between(7 * 3600, 19 * 3600) * MICROS).min(self.last);
        let created = at(item.created);
        let closed = item.closed.map(&mut at).map(|closed| closed.max(created));
        let activated = (item.state != "New").then(|| at(Day(item.created.0 + 1)).max(created));
        let activated = activated.map(|at| closed.map_or(at, |closed| at.min(closed)));
        let resolved = matches!(item.state, "Resolved").then(|| at(Day(item.created.0 + 5)).max(created));
        let newest = [Some(created), closed, activated, resolved].into_iter().flatten().max().unwrap_or(created);
        row.set("System.AreaId", Some(Value::Int32(item.area)));
        row.set("System.IterationId", item.iteration.map(Value::Int32));
        for (name, value) in [
            ("System.CreatedDate", Some(created)),
            ("System.ChangedDate", Some(newest)),
            ("Microsoft.VSTS.Common.ClosedDate", closed),
            ("Microsoft.VSTS.Common.ActivatedDate", activated),
            ("Microsoft.VSTS.Common.ResolvedDate", resolved),
            ("Microsoft.VSTS.Common.StateChangeDate", Some(newest)),
        ] {
            row.set(name, value.map(Value::Instant));
        }
        if item.level == 1 || item.level == 2 {
            let target = Day(item.created.0 + random.between(60, 240) as i32).midnight();
            row.set("Microsoft.VSTS.Scheduling.TargetDate", Some(Value::Instant(target)));
        }
    }

    /// Three fields, one of each type, each on about a third of the items.
    pub fn insert_custom(&self, tx: &mut Tx<'_>, items: &[Item]) -> Result<(), DbError> {
        if items.is_empty() {
            return Ok(());
        }
        let field = |id, name: &str, kind| Field { id, reference_name: name.into(), kind };
        rows::insert(
            tx,
            [
                field(1, "Custom.Team", FieldKind::Text),
                field(2, "Custom.CostCenter", FieldKind::Number),
                field(3, "Custom.Approved", FieldKind::Boolean),
            ],
        )?;
        let mut random = Random::stream(self.seed, "custom fields");
        let values = items.iter().flat_map(|item| {
            let teams = ["Red", "Blue", "Grün", "O'Hara's \"A\" team"];
            let values = [
                Value::Text((*random.pick(&teams)).into()),
                Value::Double(4000.0 + random.below(40) as f64 / 4.0),
                Value::Bool(random.in_thousand(500)),
            ];
            let drawn = values.map(|value| random.in_thousand(330).then_some(value));
            (1..)
                .zip(drawn)
                .filter_map(|(field_id, value)| Some(FieldValue { work_item_id: item.id, field_id, value: value? }))
        });
        rows::insert(tx, values)
    }
}

fn fill_numbers(item: &Item, row: &mut WorkItem, random: &mut Random) {
    let mut number = |name: &str, value: f64| row.set(name, Some(Value::Double(value)));
    match item.level {
        0 | 3 => {
            number("Microsoft.VSTS.Scheduling.StoryPoints", *random.pick(&[1.0, 2.0, 3.0, 5.0, 8.0, 13.0]));
            number("Microsoft.VSTS.Scheduling.Effort", random.between(1, 40) as f64 / 2.0);
        }
        1 | 2 => number("Microsoft.VSTS.Scheduling.Effort", random.between(20, 400) as f64),
        _ => {
            let estimate = random.between(1, 48) as f64 / 2.0;
            let done = (estimate * random.between(0, 4) as f64) / 4.0;
            number("Microsoft.VSTS.Scheduling.OriginalEstimate", estimate);
            number("Microsoft.VSTS.Scheduling.CompletedWork", done);
            number(
                "Microsoft.VSTS.Scheduling.RemainingWork",
                if item.closed.is_some() { 0.0 } else { estimate - done },
            );
        }
    }
    number("Microsoft.VSTS.Common.StackRank", f64::from(item.id) * 1024.0);
    if !random.in_thousand(100) {
        row.set("Microsoft.VSTS.Common.Priority", Some(Value::Int32(random.between(1, 4) as i32)));
    }
    if item.level == 1 || item.level == 2 {
        row.set("Microsoft.VSTS.Common.BusinessValue", Some(Value::Int32(random.between(1, 100) as i32)));
    }
}
