//! Names in a file → who and what is meant.
//!
//! In: everybody, the kinds of work and the budgets of the site. Out: their ids, or a problem with the nearest name. A
//! person is a unique name, an address, an id or a name that one alone has; letter case says nothing.

use std::collections::HashMap;

use super::columns::{Field, ImportRow};
use super::problem::{Problem, code, quoted};
use crate::db::{AsConn, DbError};
use crate::domain::activity_types::{self, ActivityType};
use crate::domain::budgets;
use crate::domain::people::{self, PeopleError};
use crate::domain::refusal::Rule;
use crate::policy::{Caller, Role};
use crate::sql::Guid;

/// Whom a name means.
#[derive(Clone, Copy, Debug)]
enum Meant {
    One(Guid),
    Several,
}

/// The names of a site.
#[derive(Debug)]
pub struct Names {
    people: HashMap<String, Meant>,
    /// As they are shown.
    shown: Vec<String>,
    kinds: Vec<ActivityType>,
    /// None: the importer assigns none.
    budgets: Option<Vec<(String, i32, bool)>>,
}

impl Names {
    pub fn read(conn: &mut impl AsConn, importer: &Caller) -> Result<Names, DbError> {
        let everybody = people::list(conn).map_err(|error| match error {
            PeopleError::Database(error) => error,
            other => DbError::Other(other.to_string()),
        })?;
        let mut names = Names {
            people: HashMap::new(),
            shown: everybody.iter().map(|person| person.name.clone()).collect(),
            kinds: activity_types::list(conn)?,
            budgets: None,
        };
        for person in &everybody {
            names.people.insert(person.unique_name.to_lowercase(), Meant::One(person.guid));
            names.people.insert(person.guid.to_string(), Meant::One(person.guid));
        }
        let further = everybody.iter().filter_map(|person| Some((person.email.as_deref()?, person.guid)));
        names.add(further);
        names.add(everybody.iter().map(|person| (person.name.as_str(), person.guid)));
        if importer.role >= Role::Budget {
            let budgets = budgets::write::list(conn)?.into_iter();
            names.budgets = Some(budgets.map(|budget| (budget.name, budget.id, budget.closed)).collect());
        }
        Ok(names)
    }

    /// Adds names of a weaker sort: what is taken stays, what two have means neither.
    fn add<'n>(&mut self, named: impl Iterator<Item = (&'n str, Guid)>) {
        let mut sort: HashMap<String, Meant> = HashMap::new();
        for (name, guid) in named {
            let meant = sort.entry(name.to_lowercase()).or_insert(Meant::One(guid));
            if matches!(meant, Meant::One(other) if *other != guid) {
                *meant = Meant::Several;
            }
        }
        for (name, meant) in sort {
            self.people.entry(name).or_insert(meant);
        }
    }

    /// Whose time the row is; the importer's where it names nobody.
    pub fn person(&self, row: &ImportRow, importer: &Caller) -> Result<Guid, Problem> {
        let Some(name) = &row.person else { return Ok(importer.user_guid) };
        let (reason, suggestion) = match self.people.get(&name.to_lowercase()) {
            Some(Meant::One(guid)) => return Ok(*guid),
            Some(Meant::Several) => {
                let reason = format!("several people are called {}", quoted(name));
                (reason, Some("write the unique name or the mail address".to_owned()))
            }
            None => {
                let reason = format!("{} matches no person", quoted(name));
                (reason, nearest(name, self.shown.iter().map(String::as_str)))
            }
        };
        Err(at(row, Field::Person, name, code::PERSON_UNKNOWN, reason, suggestion))
    }

    /// The kind of work that the row names; a retired one is known too, for logs that carry it.
    pub fn kind(&self, row: &ImportRow) -> Result<Option<Guid>, Problem> {
        let Some(name) = row.activity.as_deref() else { return Ok(None) };
        if name.eq_ignore_ascii_case(activity_types::NOT_SET_NAME) {
            return Ok(Some(activity_types::NOT_SET));
        }
        let guid = uuid::Uuid::try_parse(name).ok().map(Guid);
        let lower = name.to_lowercase();
        let named = |kind: &&ActivityType| Some(kind.guid) == guid || kind.name.to_lowercase() == lower;
        if let Some(kind) = self.kinds.iter().find(named) {
            return Ok(Some(kind.guid));
        }
        let reason = format!("{} is no kind of work here", quoted(name));
        let usable = self.kinds.iter().filter(|kind| kind.is_active).map(|kind| kind.name.as_str());
        Err(at(row, Field::Activity, name, code::ACTIVITY_UNKNOWN, reason, nearest(name, usable)))
    }

    /// The budget that the row names for its log alone.
    pub fn budget(&self, row: &ImportRow) -> Result<Option<i32>, Problem> {
        let Some(name) = row.budget.as_deref() else { return Ok(None) };
        let unknown = Rule::DbValidationError.code();
        let Some(budgets) = &self.budgets else {
            let reason = "your role does not assign budgets".to_owned();
            let suggestion = Some("leave the column out, or have somebody import it who manages budgets".to_owned());
            return Err(at(row, Field::Budget, name, "AccessDenied", reason, suggestion));
        };
        let lower = name.to_lowercase();
        match budgets.iter().find(|(known, ..)| known.to_lowercase() == lower) {
            Some((_, id, false)) => Ok(Some(*id)),
            Some(_) => {
                let reason = format!("the budget {} is closed and takes no time", quoted(name));
                Err(at(row, Field::Budget, name, unknown, reason, None))
            }
            None => {
                let reason = format!("there is no budget {}", quoted(name));
                let open = budgets.iter().filter(|(_, _, closed)| !closed).map(|(name, ..)| name.as_str());
                Err(at(row, Field::Budget, name, unknown, reason, nearest(name, open)))
            }
        }
    }
}

/// A problem of one cell of a row.
pub(super) fn at(
    row: &ImportRow,
    field: Field,
    value: &str,
    code: &str,
    reason: String,
    suggestion: Option<String>,
) -> Problem {
    let problem = Problem::of_row(row.row_number, code, reason, suggestion);
    problem.in_column(row.places.of(field)).with_value(value)
}

/// "did you mean …?", where a name is like enough: a part of it, or a few letters off.
fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<String> {
    const LONGEST: usize = 100;
    if name.len() > LONGEST {
        return None;
    }
    let lower = name.to_lowercase();
    let likeness = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let whole = strsim::normalized_damerau_levenshtein(&lower, &candidate);
        let words = candidate.split([' ', ',', '.', '@']).filter(|word| word.len() > 2);
        let part = words.map(|word| strsim::normalized_damerau_levenshtein(&lower, word) * 0.9).fold(0.0, f64::max);
        whole.max(part)
    };
    let likely = known.map(|name| (likeness(name), name)).filter(|(likeness, _)| *likeness > 0.55);
    let best = likely.max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(format!("did you mean {}?", quoted(best.1)))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn ux_81_the_nearest_name_is_suggested() {
        let known = ["Jan Novak", "Petra Product", "Development"];
        let near = |name: &str| nearest(name, known.into_iter());
        assert_eq!(near("Jon").as_deref(), Some("did you mean \"Jan Novak\"?"));
        assert_eq!(near("Developmnt").as_deref(), Some("did you mean \"Development\"?"));
        assert_eq!(near("petra  product").as_deref(), Some("did you mean \"Petra Product\"?"));
        assert_eq!(near("zzzzzz"), None);
        assert_eq!(near(&"Jan Novak".repeat(100)), None);
    }
}
