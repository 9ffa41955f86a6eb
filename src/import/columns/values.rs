//! A row's cells → the members of a work log, each by the way of its column.
//!
//! In: a row and the layout. Out: the row, or everything that is wrong with it. A cell whose formula has no value, or an
//! error for one, is a problem wherever it counts.

use jiff::civil::Time;

use super::{Column, Field, ImportRow, Layout, Mapped, dates, items, names};
use crate::domain::wall::Written;
use crate::import::durations;
use crate::import::problem::{Places, Problem, code};
use crate::sheets::{Cell, Row, SerialKind};

/// A row, and the date in it that can only be day first.
pub(super) struct Read {
    pub mapped: Mapped,
    pub day_first: Option<Problem>,
}

/// Reads a row; `None` if nothing stands in the columns that count.
pub(super) fn read(row: &Row, layout: &Layout) -> Option<Read> {
    let filled = layout.columns.iter().any(|column| row.cell(column.number).is_some_and(|cell| !is_blank(cell)));
    if !filled {
        return None;
    }
    let mut reader = Reader { row, layout, places: Places::default(), problems: Vec::new(), day_first: None };
    let found = reader.import_row();
    let mapped = match found {
        Some(found) if reader.problems.is_empty() => Mapped::Row(Box::new(found)),
        _ => Mapped::Problems { row_number: row.number, problems: reader.problems },
    };
    Some(Read { mapped, day_first: reader.day_first })
}

fn is_blank(cell: &Cell) -> bool {
    matches!(cell, Cell::Text(text) if text.trim().is_empty())
}

struct Reader<'a> {
    row: &'a Row,
    layout: &'a Layout,
    places: Places,
    problems: Vec<Problem>,
    day_first: Option<Problem>,
}

impl<'a> Reader<'a> {
    fn import_row(&mut self) -> Option<ImportRow> {
        let (worklog_id, from_id) = self.id();
        let external_id = self.text(Field::ExternalId).or(from_id);
        let person = self.person();
        let when = self.when();
        let length = self.length();
        let activity = self.text(Field::Activity);
        let comment = self.comment();
        // A log that was exported keeps its item if its column was left out.
        let mentions = comment.as_deref().filter(|_| worklog_id.is_none());
        let work_item = self.work_item(mentions);
        let billable = self.billable(length);
        let budget = self.text(Field::Budget);
        Some(ImportRow {
            row_number: self.row.number,
            external_id,
            worklog_id,
            person,
            when: when?,
            length_seconds: length?,
            activity,
            comment,
            work_item,
            billable_seconds: billable,
            budget,
            places: self.places,
        })
    }

    /// The first column of a field that is filled, and its cell. One without a value is a problem, and no cell.
    fn cell(&mut self, field: Field) -> Option<(&'a Column, &'a Cell)> {
        let (column, cell) = self.filled(field).next()?;
        self.places.set(field, column.number);
        match cell {
            Cell::NoValue => {
                self.problem(column, "", code::FORMULA_WITHOUT_VALUE, "the formula has no stored value", CALCULATE);
                None
            }
            Cell::Error(error) => {
                let reason = format!("the cell holds the error {error}");
                let suggestion = "correct its formula, or write a value";
                self.problem(column, error, code::FORMULA_WITHOUT_VALUE, &reason, suggestion);
                None
            }
            cell => Some((column, cell)),
        }
    }

    fn problem(&mut self, column: &Column, value: &str, code: &str, reason: &str, suggestion: &str) -> Problem {
        let problem = Problem::of_row(self.row.number, code, reason, Some(suggestion.to_owned()));
        let problem = problem.in_column(Some(column.number)).with_value(value);
        self.problems.push(problem.clone());
        problem
    }

    fn text(&mut self, field: Field) -> Option<String> {
        self.cell(field).map(|(_, cell)| shown(cell))
    }

    /// As it stands, blanks at its ends too: what we exported comes in as it was.
    fn comment(&mut self) -> Option<String> {
        self.cell(Field::Comment).map(|(_, cell)| match cell {
            Cell::Text(text) => text.clone(),
            cell => shown(cell),
        })
    }

    fn person(&mut self) -> Option<String> {
        if let Some(person) = self.text(Field::Person) {
            return Some(person);
        }
        let (first, last) = (self.text(Field::FirstName), self.text(Field::LastName));
        let column = self.places.of(Field::FirstName).or(self.places.of(Field::LastName))?;
        self.places.set(Field::Person, column);
        Some([first, last].into_iter().flatten().collect::<Vec<_>>().join(" "))
    }

    /// An id of ours, or anybody else's.
    fn id(&mut self) -> (Option<uuid::Uuid>, Option<String>) {
        let Some(text) = self.text(Field::Id) else { return (None, None) };
        match uuid::Uuid::try_parse(&text) {
            Ok(id) => (Some(id), None),
            Err(_) => (None, Some(text)),
        }
    }

    /// The time stamp, or the date and the start. A date without a start is midnight.
    fn when(&mut self) -> Option<Written> {
        let before = self.problems.len();
        if let Some((column, cell)) = self.cell(Field::TimeStamp) {
            let when = self.moment(column, cell)?;
            return self.same_day(when).then_some(when);
        }
        let date = match self.cell(Field::Date) {
            Some((column, cell)) => self.moment(column, cell),
            None => {
                if self.problems.len() == before {
                    let missing =
                        self.missing(&[Field::TimeStamp, Field::Date], code::DATE_UNREADABLE, "there is no date");
                    self.problems.push(missing);
                }
                None
            }
        };
        let before = self.problems.len();
        match self.cell(Field::Start) {
            Some((column, cell)) => {
                let start = self.start(column, cell);
                Some(dates::at(date?, start?))
            }
            None if self.problems.len() > before => None,
            None => date,
        }
    }

    /// A date beside the time stamp is of that day: who changed one of them alone means something.
    fn same_day(&mut self, when: Written) -> bool {
        const DAY: i64 = 86_400_000_000;
        let Some((column, cell)) = self.filled(Field::Date).next() else { return true };
        match read_moment(column, cell) {
            Ok(date) if date.wall.0.div_euclid(DAY) != when.wall.0.div_euclid(DAY) => {
                let reason = "the date is not that of the time stamp";
                self.problem(
                    column,
                    &shown(cell),
                    code::DATE_UNREADABLE,
                    reason,
                    "change both, or leave one column out",
                );
                false
            }
            _ => true,
        }
    }

    /// The columns of a field that are filled, the best first.
    fn filled(&self, field: Field) -> impl Iterator<Item = (&'a Column, &'a Cell)> + use<'a> {
        let (row, layout) = (self.row, self.layout);
        let cell = |column: &Column| row.cell(column.number).filter(|cell| !is_blank(cell));
        layout.of(field).filter_map(move |column| Some((column, cell(column)?)))
    }

    fn missing(&self, fields: &[Field], code: &str, reason: &str) -> Problem {
        let column = fields.iter().find_map(|field| self.layout.of(*field).next()).map(|column| column.number);
        Problem::of_row(self.row.number, code, reason, Some("fill the cell, or delete the row".to_owned()))
            .in_column(column)
    }

    fn moment(&mut self, column: &Column, cell: &Cell) -> Option<Written> {
        read_moment(column, cell).map_err(|fault| self.date_fault(column, cell, &fault)).ok()
    }

    fn start(&mut self, column: &Column, cell: &Cell) -> Option<Time> {
        let read = match cell {
            Cell::Serial(days, _) => dates::clock_of_serial(if *days >= 1.0 { days.fract() } else { *days }),
            // A time whose format got lost.
            Cell::Number(days) if (0.0..1.0).contains(days) => dates::clock_of_serial(*days),
            Cell::IsoSpan(text) => match durations::parse(text, &column.way.grammar) {
                Ok(seconds) => dates::clock_of_serial(seconds as f64 / 86_400.0),
                Err(_) => dates::clock(text, &dates::Patterns::default()),
            },
            Cell::IsoDate(text) => {
                let clock = text.split_once('T').map_or(text.as_str(), |(_, clock)| clock);
                dates::clock(clock, &dates::Patterns::default())
            }
            cell => dates::clock(&shown(cell), &column.way.patterns),
        };
        read.map_err(|fault| self.date_fault(column, cell, &fault)).ok()
    }

    fn date_fault(&mut self, column: &Column, cell: &Cell, fault: &dates::Fault) {
        let problem = self.problem(column, &shown(cell), code::DATE_UNREADABLE, &fault.reason, &fault.suggestion);
        if fault.day_first && self.day_first.is_none() {
            self.day_first = Some(problem);
        }
    }

    fn length(&mut self) -> Option<i64> {
        let before = self.problems.len();
        let Some((column, cell)) = self.cell(Field::Duration) else {
            if self.problems.len() == before {
                let missing = self.missing(&[Field::Duration], code::DURATION_UNREADABLE, "there is no length");
                self.problems.push(missing);
            }
            return None;
        };
        let seconds = self.seconds(column, cell)?;
        self.same_length(seconds).then_some(seconds)
    }

    /// Lengths beside it are about the same: who changed one of them alone means something, and hours and minutes may be
    /// parts of one length.
    fn same_length(&mut self, seconds: i64) -> bool {
        const ROUNDED: i64 = 60;
        for (column, cell) in self.filled(Field::Duration).skip(1) {
            let other = read_length(column, cell).unwrap_or(seconds);
            if other.abs_diff(seconds) > ROUNDED.unsigned_abs() {
                let reason = "the lengths of the row differ";
                let suggestion = "change both, or map one column to \"ignore\"";
                self.problem(column, &shown(cell), code::DURATION_UNREADABLE, reason, suggestion);
                return false;
            }
        }
        true
    }

    fn seconds(&mut self, column: &Column, cell: &Cell) -> Option<i64> {
        match read_length(column, cell) {
            Ok(seconds) => Some(seconds),
            Err(fault) => {
                let value = shown(cell);
                self.problem(column, &value, code::DURATION_UNREADABLE, fault.reason(), fault.suggestion());
                None
            }
        }
    }

    /// A length, or yes (all of it) and no (nothing).
    fn billable(&mut self, length: Option<i64>) -> Option<i64> {
        let (column, cell) = self.cell(Field::Billable)?;
        let all = match cell {
            Cell::Bool(all) => Some(*all),
            Cell::Text(text) => match text.trim().to_lowercase().as_str() {
                "yes" | "true" | "ja" | "wahr" | "x" => Some(true),
                "no" | "false" | "nein" | "falsch" => Some(false),
                _ => None,
            },
            _ => None,
        };
        // In a column of that name alone; `BillableDuration` says what it counts.
        let flag = self.layout.header_row.is_some() && column.rank == names::FLAG;
        if flag && all.is_none() && shown(cell) == "1" {
            let reason = "is this one hour, or a yes?";
            self.problem(column, "1", code::DURATION_UNREADABLE, reason, "write 1:00 or yes");
            return None;
        }
        match all {
            Some(true) => length,
            Some(false) => Some(0),
            None => match read_length(column, cell) {
                Ok(seconds) => Some(seconds),
                Err(fault) => {
                    let suggestion = "write a length such as 1:30, or yes or no";
                    self.problem(column, &shown(cell), code::DURATION_UNREADABLE, fault.reason(), suggestion);
                    None
                }
            },
        }
    }

    /// The item of its column; in a file without one, what the comment mentions.
    fn work_item(&mut self, comment: Option<&str>) -> Option<i64> {
        if self.layout.of(Field::WorkItem).next().is_none() {
            return comment.and_then(items::mentioned);
        }
        let (column, cell) = self.cell(Field::WorkItem)?;
        let text = shown(cell);
        let item = items::named(&text);
        // Other trackers keep links of any kind in one column.
        if item.is_none() && !(column.rank == names::LINK && items::is_other_address(&text)) {
            let reason = "this is no number of a work item";
            self.problem(column, &text, code::WORK_ITEM_UNKNOWN, reason, "write its number, such as 123");
        }
        item
    }
}

fn read_moment(column: &Column, cell: &Cell) -> Result<Written, dates::Fault> {
    match cell {
        Cell::Serial(days, SerialKind::Date) => dates::of_serial(*days, false),
        Cell::Serial(days, SerialKind::Date1904) => dates::of_serial(*days, true),
        Cell::IsoDate(text) => dates::moment(text, &dates::Patterns::default()),
        // 45441 may be a day, 20240529 another: a pattern tells, or the cell's format.
        Cell::Number(_) if column.way.patterns.date.is_none() => Err(dates::Fault::unformatted()),
        cell => dates::moment(&shown(cell), &column.way.patterns),
    }
}

fn read_length(column: &Column, cell: &Cell) -> Result<i64, durations::Fault> {
    match cell {
        Cell::Number(number) => durations::from_number(*number, column.way.grammar.unit),
        Cell::Serial(days, _) => durations::from_days(*days),
        cell => durations::parse(&shown(cell), &column.way.grammar),
    }
}

const CALCULATE: &str = "open the file in a spreadsheet program, let it calculate, and save it";

/// A cell's value as a text: what a spreadsheet would show of it, about.
fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) | Cell::IsoDate(text) | Cell::IsoSpan(text) | Cell::Error(text) => text.trim().to_owned(),
        Cell::Number(number) => plain_number(*number),
        Cell::Bool(value) => if *value { "TRUE" } else { "FALSE" }.to_owned(),
        Cell::Serial(days, SerialKind::Span) => match durations::from_days(*days) {
            Ok(seconds) => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
            Err(_) => plain_number(*days),
        },
        Cell::Serial(days, kind) => match dates::of_serial(*days, *kind == SerialKind::Date1904) {
            Ok(found) => crate::domain::wall::written(found.wall),
            Err(_) => plain_number(*days),
        },
        Cell::NoValue => String::new(),
    }
}

/// Fifteen digits, as spreadsheets show them.
fn plain_number(number: f64) -> String {
    if number.abs() < 1e15 && number.fract() == 0.0 {
        return format!("{number:.0}");
    }
    let rounded: f64 = format!("{number:.14e}").parse().unwrap_or(number);
    rounded.to_string()
}
