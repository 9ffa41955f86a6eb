//! The Times Explorer's file: logs as filtered, in the columns and groups of a layout (contract §6.7, UX-55, UX-59).

use super::compile::{Options, Wanted, compile};
use super::{Export, Maker};
use crate::domain::refusal::Refusal;
use crate::odata::edm::Model;

/// Groups within groups (UX-55).
const MOST_GROUPS: usize = 4;
/// Columns of a layout.
const MOST_COLUMNS: usize = 100;
/// Characters of a column's title.
const LONGEST_TITLE: usize = 200;

/// The columns of a layout that names none, and those that only callers who see budgets have.
const COLUMNS: &str =
    "Date,User/Name,WorkItemId,WorkItem/Title,ActivityType/Name,Comment,PeriodLength,BillablePeriodLength";
const BUDGET_COLUMNS: &str = "Budget/BudgetName";

/// What is shown of which logs, as a client sends it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layout<'a> {
    /// Paths over Worklogs with commas between, each perhaps with a title: `User/Name as Person`.
    pub columns: Option<&'a str>,
    /// Paths in the same form, the outermost group first.
    pub group_by: Option<&'a str>,
    pub filter: Option<&'a str>,
    pub search: Option<&'a str>,
    pub orderby: Option<&'a str>,
}

/// The file of a layout.
pub fn export(layout: &Layout<'_>, maker: &Maker<'_>) -> Result<Export, Refusal> {
    let model = &maker.asker.model;
    let groups = listed(layout.group_by.unwrap_or_default(), "groupBy", model)?;
    if groups.len() > MOST_GROUPS {
        return Err(Refusal::malformed("groupBy", format!("groupBy takes at most {MOST_GROUPS} columns.")));
    }
    let standard = if maker.sees_budgets { format!("{COLUMNS},{BUDGET_COLUMNS}") } else { COLUMNS.to_owned() };
    let shown = listed(layout.columns.unwrap_or(&standard), "columns", model)?;
    let depth = groups.len();
    let mut columns = groups;
    let shown = shown.into_iter().filter(|column| columns.iter().all(|group| group.expression != column.expression));
    let shown: Vec<Wanted> = shown.collect();
    columns.extend(shown);
    if columns.len() > MOST_COLUMNS {
        return Err(Refusal::malformed("columns", format!("A layout has at most {MOST_COLUMNS} columns.")));
    }
    distinct(&columns)?;
    let options = Options {
        filter: layout.filter,
        search: layout.search,
        orderby: Some(layout.orderby.unwrap_or("Timestamp")),
        ordered: depth,
        ..Options::default()
    };
    let rows = compile(&columns, &options, &maker.asker)?;
    let titles = |columns: &[Wanted]| columns.iter().map(|column| column.title.as_str()).collect::<Vec<_>>().join(", ");
    let mut record = vec![("Query", query_of(layout))];
    if depth > 0 {
        record.push(("Grouped by", titles(&columns[..depth])));
    }
    record.push(("Columns", titles(&columns[depth..])));
    Ok(maker.export(rows, depth, record))
}

/// The query as a person would write it.
fn query_of(layout: &Layout<'_>) -> String {
    let options = [("$filter", layout.filter), ("$search", layout.search), ("$orderby", layout.orderby)];
    let given: Vec<String> =
        options.iter().filter_map(|(option, text)| Some(format!("{option}={}", (*text)?))).collect();
    format!("Worklogs{}{}", if given.is_empty() { "" } else { "?" }, given.join("&"))
}

/// A list of paths, each perhaps with a title.
fn listed(text: &str, option: &str, model: &Model<'_>) -> Result<Vec<Wanted>, Refusal> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let column = |part: &str| {
        let (path, title) = match part.split_once(" as ") {
            Some((path, title)) => (path.trim(), title.trim().to_owned()),
            None => (part, titled(part)),
        };
        if !is_path(path) {
            let message = format!("{option}: `{path}` is no path of a property, such as User/Name.");
            return Err(Refusal::malformed(option, message));
        }
        let is_title = !title.is_empty() && title.chars().count() <= LONGEST_TITLE;
        if !is_title || title.chars().any(char::is_control) {
            let message =
                format!("{option}: the title of `{path}` must have 1 to {LONGEST_TITLE} characters in one line.");
            return Err(Refusal::malformed(option, message));
        }
        let prop = model.set("Worklogs").and_then(|set| model.prop_at(set.entity, path));
        let in_seconds = prop.is_some_and(|prop| prop.in_seconds);
        Ok(Wanted { title, expression: path.to_owned(), in_seconds })
    };
    parts.map(column).collect()
}

fn is_path(text: &str) -> bool {
    let is_name = |name: &str| {
        name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
            && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
    };
    text.split('/').all(is_name)
}

/// `WorkItem/Title` → `Work Item Title`; what a step says is not said twice: `Budget/BudgetName` → `Budget Name`
fn titled(path: &str) -> String {
    let mut title = String::new();
    for step in path.split('/').map(spaced) {
        if title.is_empty() || step.starts_with(&title) {
            title = step;
        } else {
            title = format!("{title} {step}");
        }
    }
    title
}

/// `PeriodLength` → `Period Length`
fn spaced(name: &str) -> String {
    let mut words = String::new();
    let mut before = ' ';
    for letter in name.chars() {
        let letter = if letter == '_' { ' ' } else { letter };
        if letter.is_uppercase() && before.is_lowercase() {
            words.push(' ');
        }
        words.push(letter);
        before = letter;
    }
    words
}

/// A table has no two columns of one title, whatever their letter case.
fn distinct(columns: &[Wanted]) -> Result<(), Refusal> {
    let mut known = std::collections::HashSet::new();
    match columns.iter().find(|column| !known.insert(column.title.to_lowercase())) {
        None => Ok(()),
        Some(twice) => {
            let message = format!("Two columns are called {}. Give one another title: `path as Title`.", twice.title);
            Err(Refusal::malformed("columns", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_of_paths() {
        for (path, title) in [
            ("PeriodLength", "Period Length"),
            ("User/Name", "User Name"),
            ("WorkItem/ParentWorkItemId", "Work Item Parent Work Item Id"),
            ("Budget/BudgetName", "Budget Name"),
            ("WorkItem/WorkItemType", "Work Item Type"),
            ("DateSK", "Date SK"),
            ("WorkItem/Custom_Team", "Work Item Custom Team"),
        ] {
            assert_eq!(titled(path), title);
        }
    }

    #[test]
    fn what_is_a_path() {
        for path in ["A", "User/Name", "WorkItem/Custom_Team", "Größe", "_x1"] {
            assert!(is_path(path), "{path}");
        }
        for text in ["", "/A", "A/", "1", "A eq 1", "A,B", "$it", "length(A)", "A-B", "'x'", "A//B"] {
            assert!(!is_path(text), "{text}");
        }
    }
}
