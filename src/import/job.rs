//! An import as a job: what was ordered, and how it ends.
//!
//! In: an [`Order`], and the file. Out: an [`Ending`] for the job's row, and the logs in the same transaction: all rows or
//! none, or the good ones where that was ordered.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::profile::Profile;
use super::run::{self, ImportError, Outcome, Progress, Source};
use crate::db::{DbError, Failure, Tx};
use crate::domain::changes::{Author, Origin};
use crate::domain::jobs::queue::Ending;
use crate::policy::Caller;
use crate::sql::{Guid, Instant};

/// The kind of its jobs.
pub const KIND: &str = "import";

/// What is to be done with a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    pub file_name: Option<String>,
    /// Nothing is written.
    pub dry_run: bool,
    /// Rows with problems are left out; otherwise one of them keeps all out.
    pub only_good: bool,
    pub profile: Profile,
    pub bytes: u64,
    /// Hexadecimal digits of SHA-256.
    pub digest: String,
}

/// Who writes the rows of a job; its id is that of the operation, by which it can be undone.
pub fn author(caller: &Caller, job: Guid, now: Instant) -> Author<'_> {
    Author { operation: job, ..Author::new(caller, now, Origin::Import) }
}

/// Why rows that were good are not written.
#[derive(Debug)]
pub enum Halt {
    Failed(ImportError),
    /// Since they were checked somebody changed what they are about.
    Spoilt(Box<Outcome>),
}

impl<E: Into<ImportError>> From<E> for Halt {
    fn from(error: E) -> Halt {
        Halt::Failed(error.into())
    }
}

impl Failure for Halt {
    fn database(&self) -> Option<&DbError> {
        match self {
            Halt::Failed(error) => error.database(),
            Halt::Spoilt(_) => None,
        }
    }
}

impl Order {
    /// Whether a file with this outcome of its check is written.
    pub fn is_written(&self, checked: &Outcome) -> bool {
        !self.dry_run && !checked.unusable && (checked.is_clean() || self.only_good)
    }

    /// Writes the rows.
    pub fn write(
        &self,
        tx: &mut Tx<'_>,
        by: &Author<'_>,
        source: &Source,
        progress: Progress<'_>,
    ) -> Result<Outcome, Halt> {
        let outcome = run::write(tx, by, source, progress)?;
        if self.is_written(&outcome) { Ok(outcome) } else { Err(Halt::Spoilt(Box::new(outcome))) }
    }

    /// How the job ends. A dry run that finds problems has done what was asked.
    pub fn ending(&self, outcome: &Outcome, written: bool, report: Option<Guid>) -> Ending {
        let result = json!({
            "dryRun": self.dry_run,
            "onlyGood": self.only_good,
            "written": written,
            "rows": outcome.rows,
            "new": outcome.new,
            "changed": outcome.changed,
            "restored": outcome.restored,
            "unchanged": outcome.unchanged,
            "duplicates": outcome.duplicates,
            "wrong": outcome.wrong,
            "problems": outcome.problems.len() as u64 + outcome.further,
        });
        let failed = !written && !self.dry_run;
        let problems = outcome.problems.iter().filter_map(|problem| serde_json::to_string(problem).ok());
        Ending {
            result: Some(result.to_string()),
            error: failed.then(|| told(outcome)),
            problems: problems.collect(),
            report,
            done: i64::try_from(outcome.rows).unwrap_or(i64::MAX),
        }
    }
}

/// Why nothing was written, in a sentence.
fn told(outcome: &Outcome) -> String {
    match (outcome.problems.first(), outcome.wrong) {
        (Some(problem), _) if outcome.unusable => format!("{}: {}; nothing was written", problem.code, problem.reason),
        (_, 1) => "1 row has problems; nothing was written".to_owned(),
        (_, wrong) => format!("{wrong} rows have problems; nothing was written"),
    }
}
