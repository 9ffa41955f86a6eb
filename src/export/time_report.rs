//! The time report: who worked on what in a range of days, for whoever bills it (contract §6.7).
//!
//! Three options: the story points of all below the topmost item, one row a day and item, what is billable.

use super::compile::{Options, Wanted, compile, refused};
use super::{Export, Maker, Numbers};
use crate::domain::refusal::Refusal;
use crate::domain::wall;
use crate::odata::own;
use crate::sql::Day;

/// What the report tells of.
#[derive(Clone, Debug)]
pub struct Order {
    /// Both included.
    pub from: Day,
    pub to: Day,
    /// Names; none: all.
    pub projects: Vec<String>,
    /// `Top Work Item Story Point` beside that of the parent.
    pub sums_points_to_top: bool,
    /// `Record Date` instead of `Start` and `End`, `Tracked` a sum.
    pub groups_per_day_and_item: bool,
    /// `Is Billable`, `Billable Period Length`.
    pub is_billable: bool,
}

fn column(title: &str, expression: &str) -> Wanted {
    Wanted { title: title.to_owned(), expression: expression.to_owned(), in_seconds: false }
}

fn seconds(title: &str, expression: &str) -> Wanted {
    Wanted { in_seconds: true, ..column(title, expression) }
}

const TOP: &str = "Top Work Item Story Point";

impl Order {
    /// What is said of the item of a row.
    fn of_item(&self) -> Vec<Wanted> {
        let mut columns = vec![
            column("Project", "WorkItem/Project/ProjectName"),
            column("Iteration", "WorkItem/Iteration/IterationPath"),
            column("Work Item Id", "WorkItemId"),
            column("Work Item Type", "WorkItem/WorkItemType"),
            column("Work Item Title", "WorkItem/Title"),
            column("Parent Work Item Id", "WorkItem/ParentWorkItemId"),
            column("Parent Work Item Title", "WorkItem/Parent/Title"),
            column("Parent Work Item Story Point", "WorkItem/Parent/StoryPoints"),
        ];
        if self.sums_points_to_top {
            // The number that stands for the sum: see `points`.
            columns.push(column(TOP, "WorkItem/Root/WorkItemId"));
        }
        columns
    }

    fn of_log(&self, sees_budgets: bool) -> Vec<Wanted> {
        let mut columns = vec![column("User", "User/Name"), column("Activity Type", "ActivityType/Name")];
        if sees_budgets {
            columns.push(column("Budget", "Budget/BudgetName"));
        }
        columns.extend([
            column("Comment", "Comment"),
            column("Start", "Timestamp"),
            column("End", "Timestamp add PeriodLength mul duration'PT1S'"),
            seconds("Tracked", "PeriodLength"),
        ]);
        if self.is_billable {
            columns.push(column("Is Billable", "IsBillable"));
            columns.push(seconds("Billable Period Length", BILLED));
        }
        columns.push(column("Created Date", "CreatedTimestamp"));
        columns
    }

    /// `$filter` of the logs.
    fn filter(&self) -> String {
        let day = wall::written_day;
        let mut filter = format!("Date ge {} and Date le {}", day(self.from), day(self.to));
        if !self.projects.is_empty() {
            let quoted = |name: &String| format!("'{}'", name.replace('\'', "''"));
            let names: Vec<String> = self.projects.iter().map(quoted).collect();
            filter.push_str(&format!(" and WorkItem/Project/ProjectName in ({})", names.join(",")));
        }
        filter
    }
}

/// Seconds to bill: none of a log that is not billable, whatever its length says.
const BILLED: &str = "case(IsBillable:BillablePeriodLength,true:0)";

/// The report's file.
pub fn export(order: &Order, maker: &Maker<'_>) -> Result<Export, Refusal> {
    let filter = order.filter();
    let mut columns: Vec<Wanted>;
    let rows = if order.groups_per_day_and_item {
        columns = vec![column("Record Date", "Date")];
        columns.extend(order.of_item());
        let keys: Vec<&str> = columns.iter().map(|column| column.expression.as_str()).collect();
        let sums = format!("PeriodLength with sum as Tracked,{BILLED} with sum as Billed");
        let apply = format!("filter({filter})/groupby(({}),aggregate({sums}))", keys.join(","));
        let ordered = columns.len();
        columns.push(seconds("Tracked", "Tracked"));
        if order.is_billable {
            columns.push(column("Is Billable", "Billed gt 0"));
            columns.push(seconds("Billable Period Length", "Billed"));
        }
        compile(&columns, &Options { apply: Some(&apply), ordered, ..Options::default() }, &maker.asker)?
    } else {
        columns = [order.of_item(), order.of_log(maker.sees_budgets)].concat();
        let options = Options { filter: Some(&filter), orderby: Some("Timestamp"), ..Options::default() };
        compile(&columns, &options, &maker.asker)?
    };
    let mut export = maker.export(rows, 0, vec![("Query", format!("Worklogs?$filter={filter}"))]);
    if let Some(column) = columns.iter().position(|column| column.title == TOP) {
        export.numbers = Some(points(column, maker)?);
    }
    Ok(export)
}

/// Story points of each topmost item with all below it, by the item's number.
fn points(column: usize, maker: &Maker<'_>) -> Result<Numbers, Refusal> {
    let apply = "groupby((Root/WorkItemId),aggregate(StoryPoints with sum as Points))";
    let plan = own::plan("WorkItems", &[("$apply", apply)], &maker.asker).map_err(refused)?;
    Numbers::new(column, &plan, ("Root_WorkItemId", "Points"))
}
