//! Where the header is, and what each column is.
//!
//! In: the first rows of a file, and a profile. Out: a [`Layout`], or the problem of the file.

use serde::Serialize;

use super::guess::guess;
use super::{Field, names};
use crate::import::dates;
use crate::import::durations;
use crate::import::problem::{Problem, code, quoted};
use crate::import::profile::{Profile, Rule, Way};
use crate::import::report;
use crate::sheets::{Cell, Row, column_name, column_number};

/// Rows in which a header is looked for: titles and notes stand above.
pub(super) const LOOKED_AT: usize = 20;

/// A column that counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub number: u16,
    /// Its header; empty in a file without one.
    pub name: String,
    pub field: Field,
    /// Of several columns of one field the first that is filled counts: they stand in this order.
    pub rank: u8,
    pub way: Way,
}

/// A column as it is understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Described {
    /// Its letter.
    pub column: String,
    pub header: String,
    pub field: Field,
    /// What its plain numbers count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<durations::Unit>,
}

/// What each column is.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// The row of the header; `None` in a file without one.
    pub header_row: Option<u32>,
    /// By field and rank.
    pub columns: Vec<Column>,
    /// Headers that mean nothing here.
    pub ignored: Vec<String>,
    /// The column of an earlier report.
    pub problems: Option<u16>,
}

impl Layout {
    /// The columns of a field, the best first.
    pub fn of(&self, field: Field) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(move |column| column.field == field)
    }

    /// What each column is taken for, in the file's order: for whoever is to agree.
    pub fn described(&self) -> Vec<Described> {
        let described = |column: &Column| Described {
            column: column_name(column.number),
            header: column.name.clone(),
            field: column.field,
            unit: (matches!(column.field, Field::Duration | Field::Billable)).then_some(column.way.grammar.unit),
        };
        let mut columns: Vec<&Column> = self.columns.iter().collect();
        columns.sort_by_key(|column| column.number);
        columns.into_iter().map(described).collect()
    }

    fn has(&self, field: Field) -> bool {
        self.of(field).next().is_some()
    }

    /// The layout, and how many of the rows lie above the first row of data.
    pub(super) fn find(rows: &[Row], profile: &Profile) -> Result<(Layout, usize), Problem> {
        if let Some(wanted) = profile.header_row {
            return Layout::at(rows, wanted, profile);
        }
        // No row of names has a moment and a length in the second and third column.
        if let Some(first) = rows.first()
            && looks_like_data(first, profile)
        {
            return Ok((Layout::of_contract(profile)?, 0));
        }
        let best = rows.iter().enumerate().max_by_key(|(n, row)| (names_known(row, profile), std::cmp::Reverse(*n)));
        match best {
            Some((n, row)) if names_known(row, profile) >= 2 => {
                let layout = Layout::of_header(row, profile);
                Ok((layout.map_err(|problem| with_guesses(problem, row, &rows[n + 1..]))?, n + 1))
            }
            _ => Err(no_header(rows)),
        }
    }

    fn at(rows: &[Row], wanted: u32, profile: &Profile) -> Result<(Layout, usize), Problem> {
        if wanted == 0 {
            return Ok((Layout::of_contract(profile)?, 0));
        }
        match rows.iter().position(|row| row.number == wanted) {
            Some(n) => {
                let layout = Layout::of_header(&rows[n], profile);
                Ok((layout.map_err(|problem| with_guesses(problem, &rows[n], &rows[n + 1..]))?, n + 1))
            }
            None => {
                let reason = format!("row {wanted}, the header by the mapping, is empty or too far down");
                Err(Problem::of_file(code::HEADER_MISSING, reason, "name the row of the header"))
            }
        }
    }

    /// Contract §6.7: A user, B time stamp, C duration, D activity type, E comment, F work item, G billable.
    fn of_contract(profile: &Profile) -> Result<Layout, Problem> {
        const ORDER: [Field; 7] = [
            Field::Person,
            Field::TimeStamp,
            Field::Duration,
            Field::Activity,
            Field::Comment,
            Field::WorkItem,
            Field::Billable,
        ];
        let mut layout = Layout { header_row: None, columns: Vec::new(), ignored: Vec::new(), problems: None };
        let by_profile = profile.columns.iter().filter_map(|(name, rule)| Some((column_number(name.trim())?, rule)));
        let mut named: Vec<(u16, Option<&Rule>, Field)> =
            by_profile.map(|(number, rule)| (number, Some(rule), rule.field())).collect();
        for (number, field) in (0..).zip(ORDER) {
            let taken = named.iter().any(|(at, _, named)| *at == number || *named == field);
            if !taken {
                named.push((number, None, field));
            }
        }
        for (number, rule, field) in named {
            layout.add(number, String::new(), field, 0, way(profile, rule, None)?);
        }
        layout.complete(None)?;
        Ok(layout)
    }

    fn of_header(row: &Row, profile: &Profile) -> Result<Layout, Problem> {
        let mut layout =
            Layout { header_row: Some(row.number), columns: Vec::new(), ignored: Vec::new(), problems: None };
        let headers: Vec<(u16, &str)> = headers(row).collect();
        let chosen = chosen(&headers, row.number, profile)?;
        let by_profile = |field: Field| chosen.iter().any(|(_, _, rule)| rule.field() == field);
        for (number, name, rule) in &chosen {
            let named = names::known_as(name).and_then(|known| known.unit);
            layout.add(*number, (*name).to_owned(), rule.field(), 0, way(profile, Some(rule), named)?);
        }
        let mut slips = Vec::new();
        for (number, name) in headers {
            if chosen.iter().any(|(taken, ..)| *taken == number) {
                continue;
            }
            match names::known_as(name) {
                Some(known) if known.field != Field::Ignore && !by_profile(known.field) => {
                    layout.add(number, name.to_owned(), known.field, known.rank, way(profile, None, known.unit)?);
                }
                Some(_) if name.eq_ignore_ascii_case(report::COLUMN) => layout.problems = Some(number),
                Some(_) => {}
                None => {
                    slips.extend(names::nearest(name).map(|(near, known)| (number, name, near, known.field)));
                    layout.ignored.push(name.to_owned());
                }
            }
        }
        layout.twice(row.number)?;
        // A slip in a name would leave the column out without a word.
        if let Some((number, name, near, _)) = slips.into_iter().find(|(_, _, _, field)| !layout.has(*field)) {
            let reason = format!("no column is called {}", quoted(name));
            let suggestion = Some(format!("did you mean {near:?}? Leave it out by mapping it to \"ignore\""));
            let problem = Problem::of_row(row.number, code::COLUMN_UNKNOWN, reason, suggestion);
            return Err(problem.in_column(Some(number)).with_value(name));
        }
        layout.complete(Some(row))?;
        Ok(layout)
    }

    fn add(&mut self, number: u16, name: String, field: Field, rank: u8, way: Way) {
        if field != Field::Ignore {
            self.columns.push(Column { number, name, field, rank, way });
        }
    }

    /// Two columns of one name: which is meant?
    fn twice(&mut self, row: u32) -> Result<(), Problem> {
        self.columns.sort_by_key(|column| (column.field, column.rank, column.number));
        for pair in self.columns.windows(2) {
            let same = pair[0].field == pair[1].field && pair[0].rank == pair[1].rank;
            if same && pair[0].name.eq_ignore_ascii_case(&pair[1].name) && !pair[0].name.is_empty() {
                let name = &pair[1].name;
                let (one, other) = (letter(&pair[0]), letter(&pair[1]));
                let reason = format!("columns {one} and {other} are both called {}", quoted(name));
                let suggestion = Some("rename one, or map one to \"ignore\"".to_owned());
                let problem = Problem::of_row(row, code::COLUMN_UNKNOWN, reason, suggestion);
                return Err(problem.in_column(Some(pair[1].number)).with_value(name));
            }
        }
        Ok(())
    }

    /// A log has a length and a date.
    fn complete(&mut self, header: Option<&Row>) -> Result<(), Problem> {
        self.columns.sort_by_key(|column| (column.field, column.rank, column.number));
        // A start without any date beside it is a moment.
        if !self.has(Field::TimeStamp) && !self.has(Field::Date) {
            let starts = self.columns.iter_mut().filter(|column| column.field == Field::Start);
            starts.for_each(|column| column.field = Field::TimeStamp);
            self.columns.sort_by_key(|column| (column.field, column.rank, column.number));
        }
        // An empty length that is billed says nothing, whatever a flag beside it says.
        let billable = self.of(Field::Billable).next().map(|column| column.rank);
        self.columns.retain(|column| column.field != Field::Billable || Some(column.rank) == billable);
        let missing = if !self.has(Field::Duration) {
            "Duration"
        } else if !self.has(Field::TimeStamp) && !self.has(Field::Date) {
            "TimeStamp or Date"
        } else {
            return Ok(());
        };
        let reason = format!("the header names no column {missing}");
        let suggestion = "name it, or map a column to it";
        let problem = Problem::of_file(code::HEADER_MISSING, reason, suggestion);
        Err(Problem { row: header.map(|row| row.number), ..problem })
    }
}

fn letter(column: &Column) -> String {
    column_name(column.number)
}

fn headers(row: &Row) -> impl Iterator<Item = (u16, &str)> {
    row.cells.iter().filter_map(|(number, cell)| match cell {
        Cell::Text(text) if !text.trim().is_empty() => Some((*number, text.trim())),
        _ => None,
    })
}

/// The profile's columns, by header or, where no header is called so, by letter.
fn chosen<'a>(
    headers: &[(u16, &'a str)],
    row: u32,
    profile: &'a Profile,
) -> Result<Vec<(u16, &'a str, &'a Rule)>, Problem> {
    let mut chosen: Vec<(u16, &'a str, &'a Rule)> = Vec::new();
    for (name, rule) in &profile.columns {
        let by_name = headers.iter().find(|(_, header)| header.eq_ignore_ascii_case(name.trim()));
        // A column may have no header at all.
        let by_letter = || {
            let number = column_number(name.trim())?;
            Some(headers.iter().find(|(at, _)| *at == number).copied().unwrap_or((number, "")))
        };
        match by_name.copied().or_else(by_letter) {
            Some((number, _)) if chosen.iter().any(|(taken, ..)| *taken == number) => {
                let reason = format!("the mapping names column {} twice", column_name(number));
                let suggestion = Some("by its header or by its letter: leave one out".to_owned());
                let problem = Problem::of_row(row, code::COLUMN_UNKNOWN, reason, suggestion).with_value(name);
                return Err(problem.in_column(Some(number)));
            }
            Some((number, header)) => chosen.push((number, header, rule)),
            None if rule.field() == Field::Ignore => {}
            None => {
                let shown = headers.iter().take(12).map(|(_, header)| quoted(header)).collect::<Vec<_>>().join(", ");
                let reason = format!("the mapping names a column {}, which the file has not", quoted(name));
                let suggestion = Some(format!("the file has {shown}"));
                return Err(Problem::of_row(row, code::COLUMN_UNKNOWN, reason, suggestion).with_value(name));
            }
        }
    }
    Ok(chosen)
}

/// How a column is written: the rule's unit, else the one in its name, else the profile's.
fn way(profile: &Profile, rule: Option<&Rule>, named: Option<durations::Unit>) -> Result<Way, Problem> {
    // Profiles are checked where they are saved; one that was not is the file's problem, not a failure.
    let way = profile.way(rule).map_err(|error| {
        Problem::of_file(code::COLUMN_UNKNOWN, format!("the mapping cannot be used: {error}"), "correct the mapping")
    });
    let mut way = way?;
    if let (Some(unit), None) = (named, rule.and_then(Rule::unit)) {
        way.grammar.unit = unit;
    }
    Ok(way)
}

/// How many fields the row names.
fn names_known(row: &Row, profile: &Profile) -> usize {
    let mapped = |name: &str| profile.columns.keys().any(|key| key.trim().eq_ignore_ascii_case(name));
    headers(row).filter(|(_, name)| names::known_as(name).is_some() || mapped(name)).count()
}

/// Whether a first row is of the contract's form without a header: a moment in B, a length in C.
fn looks_like_data(row: &Row, profile: &Profile) -> bool {
    let Ok(way) = profile.way(None) else { return false };
    let moment = match row.cell(1) {
        Some(Cell::Serial(..) | Cell::IsoDate(_)) => true,
        Some(Cell::Text(text)) => match dates::moment(text, &way.patterns) {
            Ok(_) => true,
            Err(fault) => fault.day_first,
        },
        _ => false,
    };
    let length = match row.cell(2) {
        Some(Cell::Number(_) | Cell::Serial(..) | Cell::IsoSpan(_) | Cell::NoValue) => true,
        Some(Cell::Text(text)) => durations::parse(text, &way.grammar).is_ok(),
        _ => false,
    };
    moment && length
}

fn no_header(rows: &[Row]) -> Problem {
    const SUGGESTION: &str = "the first row names the columns: UserName, TimeStamp (or Date and Start), Duration, ActivityType, Comment, WorkItem";
    let Some(first) = rows.first() else {
        return Problem::of_file(code::HEADER_MISSING, "the sheet is empty", SUGGESTION);
    };
    let shown = headers(first).take(8).map(|(_, name)| name).collect::<Vec<_>>().join(", ");
    let problem = Problem::of_file(code::HEADER_MISSING, "no row names the columns of work logs", SUGGESTION);
    let problem = Problem { row: Some(first.number), ..problem }.with_value(shown);
    with_guesses(problem, first, &rows[1..])
}

/// With what the unnamed columns look like, by what stands in them.
fn with_guesses(mut problem: Problem, header: &Row, rows: &[Row]) -> Problem {
    if problem.code != code::HEADER_MISSING {
        return problem;
    }
    let unnamed = headers(header).filter(|(_, name)| names::known_as(name).is_none());
    let guesses = unnamed.filter_map(|(number, name)| {
        let field = guess(rows, number)?;
        Some(format!("{} looks like {:?}", quoted(name), field.name()))
    });
    let guesses = guesses.take(5).collect::<Vec<_>>().join(", ");
    if let (Some(suggestion), false) = (&mut problem.suggestion, guesses.is_empty()) {
        suggestion.push_str(&format!("; by its contents {guesses}"));
    }
    problem
}
