//! What is wrong with a file or a row: the one form in which every stage of an import says it.
//!
//! Codes are those of the product's list, and the contract's for what a rule refuses.

use serde::{Deserialize, Serialize};

use super::columns::Field;
use crate::sheets::{FileProblem, column_name};

/// Codes of what a file's reader and mapper find. Rules and lookups of the domain have their own.
pub mod code {
    pub const HEADER_MISSING: &str = "HeaderMissing";
    pub const COLUMN_UNKNOWN: &str = "ColumnUnknown";
    pub const PERSON_UNKNOWN: &str = "PersonUnknown";
    pub const WORK_ITEM_UNKNOWN: &str = "WorkItemUnknown";
    pub const ACTIVITY_UNKNOWN: &str = "ActivityUnknown";
    pub const DATE_UNREADABLE: &str = "DateUnreadable";
    pub const DURATION_UNREADABLE: &str = "DurationUnreadable";
    pub const FORMULA_WITHOUT_VALUE: &str = "FormulaWithoutValue";
    pub const DUPLICATE_ROW: &str = "DuplicateRow";
}

/// Letters of a value that a report repeats.
const SHOWN: usize = 120;

/// A name of the file's in a sentence: in quotes, and not longer than a sentence bears.
pub fn quoted(name: &str) -> String {
    const LETTERS: usize = 60;
    match name.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("\"{}…\"", &name[..end]),
        None => format!("\"{name}\""),
    }
}

/// One problem, with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The row as a spreadsheet numbers it; none for the file as a whole.
    pub row: Option<u32>,
    /// The column's letter.
    pub column: Option<Box<str>>,
    /// What stands in the cell.
    pub value: Option<Box<str>>,
    pub code: String,
    pub reason: String,
    pub suggestion: Option<String>,
}

impl Problem {
    /// A problem of the file as a whole.
    pub fn of_file(code: &str, reason: impl Into<String>, suggestion: impl Into<String>) -> Problem {
        let (reason, suggestion) = (reason.into(), Some(suggestion.into()));
        Problem { row: None, column: None, value: None, code: code.to_owned(), reason, suggestion }
    }

    /// A problem of a row.
    pub fn of_row(row: u32, code: &str, reason: impl Into<String>, suggestion: Option<String>) -> Problem {
        Problem { row: Some(row), suggestion, ..Problem::of_file(code, reason, "") }
    }

    /// In that column.
    #[must_use]
    pub fn in_column(mut self, column: Option<u16>) -> Problem {
        self.column = column.map(|column| column_name(column).into());
        self
    }

    #[must_use]
    pub fn with_value(mut self, value: impl AsRef<str>) -> Problem {
        let value = value.as_ref();
        let mut shown: String = value.chars().take(SHOWN).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        self.value = Some(shown.into());
        self
    }

    /// `C7`, as far as it is known.
    pub fn place(&self) -> String {
        let row = self.row.map(|row| row.to_string()).unwrap_or_default();
        format!("{}{row}", self.column.as_deref().unwrap_or_default())
    }
}

impl From<FileProblem> for Problem {
    fn from(file: FileProblem) -> Problem {
        let FileProblem { code, reason, suggestion, row, column } = file;
        Problem {
            row,
            column: column.map(Into::into),
            value: None,
            code: code.name().to_owned(),
            reason,
            suggestion: Some(suggestion),
        }
    }
}

/// Where the members of a row stand, for those who find fault with one later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places([Option<u16>; Field::COUNT]);

impl Places {
    pub fn set(&mut self, field: Field, column: u16) {
        self.0[field as usize] = Some(column);
    }

    /// The column that a member was taken from, from 0.
    pub fn of(&self, field: Field) -> Option<u16> {
        self.0[field as usize]
    }
}
