//! The works W1 to W8 of the specification: what the server is asked, and the SQL of the limit.

use serde::{Deserialize, Serialize};

use super::json::{Shape, civil};

/// What the requests name, found in the data so that any seed will do.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Facts {
    pub postgres: bool,
    pub user: i64,
    pub user_guid: String,
    /// First day and the day after the last, since 1970.
    pub half_year: (i64, i64),
    pub month: (i64, i64),
    pub week: (i64, i64),
    pub epic: i64,
    /// Work items with ten logs or more.
    pub items: Vec<i64>,
}

impl Facts {
    fn instant(&self, day: i64) -> String {
        if self.postgres {
            format!("timestamptz '{} 00:00:00+00'", day_text(day))
        } else {
            (day * 86_400_000_000).to_string()
        }
    }

    fn day(&self, day: i64) -> String {
        if self.postgres { format!("date '{}'", day_text(day)) } else { day.to_string() }
    }
}

pub fn day_text(day: i64) -> String {
    let (year, month, day) = civil(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// One query of the limit program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    User,
    Expanded,
    Page,
    Stream,
    Groups,
    Count,
    Rollup,
    Epic,
    Ten,
    Sheet,
}

pub const WORKS: [Work; 10] = [
    Work::User,
    Work::Expanded,
    Work::Page,
    Work::Stream,
    Work::Groups,
    Work::Count,
    Work::Rollup,
    Work::Epic,
    Work::Ten,
    Work::Sheet,
];

impl Work {
    pub fn shape(self) -> Shape {
        match self {
            Work::Expanded => Shape::Expanded,
            Work::Groups => Shape::Group,
            Work::Rollup | Work::Epic => Shape::Total,
            _ => Shape::Worklog,
        }
    }

    /// The fixed SQL; `$1` is an integer where there is one.
    pub fn sql(self, facts: &Facts) -> String {
        match self {
            Work::User => {
                let (from, to) = facts.half_year;
                format!(
                    "{WORKLOG} WHERE w.user_id = {} AND w.started_at >= {} AND w.started_at < {} AND NOT w.deleted \
                     ORDER BY w.started_at, w.id LIMIT 1000",
                    facts.user,
                    facts.instant(from),
                    facts.instant(to)
                )
            }
            Work::Expanded => {
                let (from, to) = facts.week;
                // The row look-up comes late (performance.md §1.6). PostgreSQL does not know that the two columns move
                // together (§1.11); on SQLite the second range would only draw it to another index.
                let implied = if facts.postgres {
                    format!(" AND started_at >= {} AND started_at < {}", facts.instant(from - 2), facts.instant(to + 2))
                } else {
                    String::new()
                };
                let page = format!(
                    "SELECT id FROM worklogs WHERE work_date >= {} AND work_date < {}{implied} AND NOT deleted \
                     ORDER BY started_at, id LIMIT 1000",
                    facts.day(from),
                    facts.day(to)
                );
                format!("{EXPANDED} FROM ({page}) p JOIN worklogs w ON w.id = p.id {EXPANDED_JOINS}")
            }
            Work::Page => {
                format!("{WORKLOG} WHERE w.id > CAST($1 AS bigint) AND NOT w.deleted ORDER BY w.id LIMIT 1000")
            }
            Work::Stream => format!("{WORKLOG} WHERE NOT w.deleted ORDER BY w.id"),
            Work::Groups => GROUPS.to_owned(),
            Work::Count => {
                let (from, to) = facts.month;
                format!(
                    "SELECT count(*) FROM worklogs WHERE work_date >= {} AND work_date < {} AND is_billable \
                     AND NOT deleted",
                    facts.day(from),
                    facts.day(to)
                )
            }
            Work::Rollup => ROLLUP.to_owned(),
            Work::Epic => format!(
                "SELECT {0}, CAST(sum(l.length_seconds) AS bigint) FROM work_item_tree t \
                 JOIN worklogs l ON l.work_item_id = t.descendant_id WHERE t.ancestor_id = {0} AND NOT l.deleted",
                facts.epic
            ),
            Work::Ten => format!(
                "{WORKLOG} WHERE w.work_item_id = CAST(CAST($1 AS bigint) AS integer) AND NOT w.deleted \
                 ORDER BY w.id LIMIT 10"
            ),
            Work::Sheet => "SELECT guid, work_item_id, started_at, length_seconds, billable_seconds, is_billable, \
                            comment, created_at, edited_at, is_tracked, is_imported, is_from_api FROM worklogs \
                            WHERE NOT deleted ORDER BY id"
                .to_owned(),
        }
    }

    /// The path and query that ask the server for the same.
    pub fn address(self, facts: &Facts) -> String {
        let path = match self {
            Work::User => {
                let (from, to) = facts.half_year;
                format!(
                    "v3.3/workLogsOnly?$filter=UserId eq {} and Timestamp ge {}T00:00:00Z and Timestamp lt \
                     {}T00:00:00Z&$orderby=Timestamp&$top=1000",
                    facts.user_guid,
                    day_text(from),
                    day_text(to)
                )
            }
            Work::Expanded => {
                let (from, to) = facts.week;
                format!(
                    "v4.0/Worklogs?$filter=Date ge {} and Date lt {}&$orderby=Timestamp&$top=1000&$select=Id,\
                     Timestamp,Date,PeriodLength,BillablePeriodLength,Comment,IsBillable,CreatedTimestamp,\
                     EditedTimestamp&$expand=User($select=Id,Name,Email),WorkItem($select=WorkItemId,Title,\
                     WorkItemType,State,Reason,Priority,StoryPoints,OriginalEstimate,ParentWorkItemId,CreatedDate,\
                     ChangedDate,HasChildren)",
                    day_text(from),
                    day_text(to)
                )
            }
            Work::Page => "v3.3/workLogsOnly".to_owned(),
            Work::Stream => "v3.3/workLogsOnly?$format=ndjson".to_owned(),
            Work::Groups => "v4.0/Worklogs?$apply=groupby((UserId,WorkedOn/YearMonth),aggregate(PeriodLength with \
                             sum as Seconds))"
                .to_owned(),
            Work::Count => {
                let (from, to) = facts.month;
                format!(
                    "v4.0/Worklogs/$count?$filter=Date ge {} and Date lt {} and IsBillable eq true",
                    day_text(from),
                    day_text(to)
                )
            }
            Work::Rollup => "v4.0/WorkItems?$select=WorkItemId,TrackedTotal&$format=ndjson".to_owned(),
            Work::Epic => {
                format!("v4.0/WorkItems?$filter=WorkItemId eq {}&$select=WorkItemId,TrackedTotal", facts.epic)
            }
            Work::Ten => "v3.3/workLogsOnly?$top=10&$filter=WorkItemId eq ".to_owned(),
            Work::Sheet => "v3.3/workLogsOnly?$format=xlsx&$select=Id,WorkItemId,Timestamp,PeriodLength,\
                            BillablePeriodLength,IsBillable,Comment,CreatedTimestamp,EditedTimestamp,IsTracked,\
                            IsImported,IsFromApi"
                .to_owned(),
        };
        format!("/api/odata/{}", path.replace(' ', "%20"))
    }

    /// The same on the limit server.
    pub fn limit_address(self) -> String {
        format!("/{self:?}?")
    }
}

const WORKLOG: &str = "SELECT w.guid, u.guid, a.guid, b.guid, t.guid, w.work_item_id, w.started_at, w.length_seconds, \
    w.comment, w.edited_at, w.created_at, w.is_tracked, w.is_manually_entered, w.is_changed, w.is_tracked_extended, \
    w.is_imported, w.is_from_api, w.is_billable, w.billable_seconds, u.name, u.email, a.name, a.email, e.guid, e.name, \
    e.email, t.color, t.name, b.name, w.work_date, w.id FROM worklogs w \
    LEFT JOIN users u ON u.id = w.user_id \
    LEFT JOIN users a ON a.id = coalesce(w.added_by_user_id, w.user_id) \
    LEFT JOIN users e ON e.id = w.edited_by_user_id \
    LEFT JOIN activity_types t ON t.id = w.activity_type_id \
    LEFT JOIN budgets b ON b.id = w.budget_id";

/// The place of `w.id` among the columns of [`WORKLOG`].
pub const ROW_KEY: usize = 30;

const EXPANDED: &str = "SELECT w.guid, w.started_at, w.work_date, w.length_seconds, w.billable_seconds, w.comment, \
    w.is_billable, w.created_at, w.edited_at, u.guid, u.name, u.email, i.id, i.title, i.work_item_type, i.state, \
    i.reason, i.priority, i.story_points, i.original_estimate, i.parent_id, i.created_date, i.changed_at, \
    i.has_children";

const EXPANDED_JOINS: &str = "LEFT JOIN users u ON u.id = w.user_id \
    LEFT JOIN work_items i ON i.id = w.work_item_id ORDER BY w.started_at, w.id";

/// By day first, which an index answers alone, then by month (performance.md §1.6).
const GROUPS: &str = "SELECT u.guid, m.month, m.seconds FROM (\
    SELECT d.user_id, c.year_month AS month, CAST(sum(d.seconds) AS bigint) AS seconds FROM (\
    SELECT user_id, work_date, sum(length_seconds) AS seconds FROM worklogs WHERE NOT deleted \
    GROUP BY user_id, work_date) d JOIN dates c ON c.day = d.work_date GROUP BY d.user_id, c.year_month) m \
    JOIN users u ON u.id = m.user_id ORDER BY u.guid, m.month";

/// Sums per item first, then up the closure (performance.md §1.7).
const ROLLUP: &str = "SELECT i.id, coalesce(t.seconds, 0) FROM work_items i LEFT JOIN (\
    SELECT c.ancestor_id, CAST(sum(s.seconds) AS bigint) AS seconds FROM work_item_tree c JOIN (\
    SELECT work_item_id, sum(length_seconds) AS seconds FROM worklogs WHERE NOT deleted AND work_item_id IS NOT NULL \
    GROUP BY work_item_id) s ON s.work_item_id = c.descendant_id GROUP BY c.ancestor_id) t \
    ON t.ancestor_id = i.id ORDER BY i.id";
