//! Rows of cells → rows of an import: which column is what, and what its cells say.
//!
//! In: rows as they come from the file, and a [`Profile`]. Out: [`Mapped`] rows in the same order, as they are asked for:
//! an [`ImportRow`], or everything that is wrong with it. The header is looked for in the first rows; a file without one
//! has the contract's columns A to G (§6.7). Who is meant, and whether it may be written, is told later.

mod guess;
mod header;
mod items;
mod names;
mod values;

use serde::{Deserialize, Serialize};

pub use self::header::{Column, Described, Layout};
use super::dates;
use super::problem::{Places, Problem, code};
use super::profile::Profile;
use crate::domain::wall::Written;
use crate::sheets::{Failure, Row};

/// What a column may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Field {
    ExternalId,
    /// A work log's own id; any other text in such a column is an external id.
    Id,
    Person,
    /// With the last name, where no column names the person.
    FirstName,
    LastName,
    TimeStamp,
    Date,
    Start,
    Duration,
    Activity,
    Comment,
    WorkItem,
    /// A length, or yes and no.
    Billable,
    Budget,
    Ignore,
}

impl Field {
    pub const COUNT: usize = Field::Ignore as usize + 1;

    /// As profiles and reports name it.
    pub const fn name(self) -> &'static str {
        match self {
            Field::ExternalId => "externalId",
            Field::Id => "id",
            Field::Person => "person",
            Field::FirstName => "firstName",
            Field::LastName => "lastName",
            Field::TimeStamp => "timeStamp",
            Field::Date => "date",
            Field::Start => "start",
            Field::Duration => "duration",
            Field::Activity => "activity",
            Field::Comment => "comment",
            Field::WorkItem => "workItem",
            Field::Billable => "billable",
            Field::Budget => "budget",
            Field::Ignore => "ignore",
        }
    }
}

/// A row whose cells have been read. Texts are trimmed and never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportRow {
    pub row_number: u32,
    pub external_id: Option<String>,
    /// Of a file that we exported.
    pub worklog_id: Option<uuid::Uuid>,
    /// A unique name, an address, an id or a name; whoever imports without one.
    pub person: Option<String>,
    /// The wall clock as written. Cells with a date's format are exact to the second.
    pub when: Written,
    pub length_seconds: i64,
    /// A name or an id.
    pub activity: Option<String>,
    pub comment: Option<String>,
    pub work_item: Option<i64>,
    /// `None` where the file says nothing, 0 where it says that nothing is.
    pub billable_seconds: Option<i64>,
    pub budget: Option<String>,
    /// Where each of them stands.
    pub places: Places,
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Mapped {
    Row(Box<ImportRow>),
    /// Everything that is wrong with its cells.
    Problems {
        row_number: u32,
        problems: Vec<Problem>,
    },
}

/// Why there are no rows at all.
#[derive(Debug)]
pub enum Stop {
    /// The file is at fault.
    Problem(Problem),
    /// The server is.
    Io(std::io::Error),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        match failure {
            Failure::Problem(problem) => Stop::Problem(problem.into()),
            Failure::Io(error) => Stop::Io(error),
        }
    }
}

/// Rows as they are mapped.
pub struct Mapping<I> {
    layout: Layout,
    /// Rows that were read to find the header, and come behind it.
    first: std::vec::IntoIter<Row>,
    rest: I,
    day_first: Option<Problem>,
    widest: u16,
    /// Whether a row has named a person.
    named: bool,
}

/// Finds the header, and maps what follows it.
pub fn map<I>(mut rows: I, profile: &Profile) -> Result<Mapping<I>, Stop>
where
    I: Iterator<Item = Result<Row, Failure>>,
{
    let mut first = Vec::new();
    while first.len() < header::LOOKED_AT {
        match rows.next() {
            Some(row) => first.push(row?),
            None => break,
        }
    }
    let (layout, skipped) = Layout::find(&first, profile).map_err(Stop::Problem)?;
    let widest = first.iter().map(last_column).max().unwrap_or_default();
    first.drain(..skipped);
    Ok(Mapping { layout, first: first.into_iter(), rest: rows, day_first: None, widest, named: false })
}

fn last_column(row: &Row) -> u16 {
    row.cells.last().map_or(0, |(column, _)| *column)
}

impl<I> Mapping<I> {
    /// The last column of the rows so far: a report goes behind it.
    pub fn widest(&self) -> u16 {
        self.widest
    }

    /// Which column is what.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The first date that can only be day first, of the rows so far. Such a file is not written, not even in part: where
    /// the day is below 13 its rows say another date than was meant.
    pub fn day_first(&self) -> Option<&Problem> {
        self.day_first.as_ref()
    }
}

impl<I> Iterator for Mapping<I>
where
    I: Iterator<Item = Result<Row, Failure>>,
{
    type Item = Result<Mapped, Stop>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let row = match self.first.next() {
                Some(row) => row,
                None => match self.rest.next()? {
                    Ok(row) => row,
                    Err(failure) => return Some(Err(failure.into())),
                },
            };
            self.widest = self.widest.max(last_column(&row));
            // A row with nothing in the columns that count is as good as empty.
            if let Some(read) = values::read(&row, &self.layout) {
                if self.day_first.is_none() {
                    self.day_first = read.day_first;
                }
                return Some(Ok(self.with_person(read.mapped)));
            }
        }
    }
}

impl<I> Mapping<I> {
    /// A file that names no person is its sender's. In one that does, a row without a name is nobody's: the cell may mean
    /// "as above".
    fn with_person(&mut self, mapped: Mapped) -> Mapped {
        let Mapped::Row(row) = mapped else { return mapped };
        self.named |= row.person.is_some();
        if row.person.is_some() || !self.named {
            return Mapped::Row(row);
        }
        let row_number = row.row_number;
        let suggestion = Some("write the name in each row".to_owned());
        let problem = Problem::of_row(row_number, code::PERSON_UNKNOWN, "the row names no person", suggestion);
        let column = self.layout.of(Field::Person).chain(self.layout.of(Field::FirstName)).next();
        let problem = problem.in_column(column.map(|column| column.number));
        Mapped::Problems { row_number, problems: vec![problem] }
    }
}
