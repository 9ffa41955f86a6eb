//! `timeledger import`: work logs from a spreadsheet, under the rules and in the name of somebody.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::failure::{Exit, Failure, Result};
use super::output;
use super::settings::{ConfigArgs, DatabaseArgs, connect};
use crate::clock::Clock;
use crate::db::{Conn, DbError, Failure as _, Hold, Role as ConnRole};
use crate::domain::imports;
use crate::domain::jobs::{Job, queue};
use crate::domain::people::{self, Person};
use crate::import::job::{Halt, KIND, Order, author};
use crate::import::profile::Profile;
use crate::import::run::{self, ImportError, Outcome, Source};
use crate::import::{problem::Problem, report};
use crate::policy::{Caller, Role};
use crate::sheets::{Limits, Program};
use crate::sql::Guid;

/// Import work logs from a spreadsheet: all rows, or none
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  timeledger import times.xlsx --dry-run
  timeledger import times.csv --map german --user ann@example.com
  timeledger import times.xlsx --only-good --report problems.xlsx

Reads .xlsx, .xls, .ods and .csv; docs/import.md says how. The same file again changes nothing. Exit code 4 where rows have
problems: they are listed with their cells.")]
pub struct Import {
    #[command(flatten)]
    database: DatabaseArgs,
    file: PathBuf,
    /// Who imports, by unique name; otherwise the first administrator
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A mapping profile of that person, or a JSON file with one
    #[arg(long, value_name = "PROFILE")]
    map: Option<String>,
    /// Check alone; write nothing
    #[arg(long)]
    dry_run: bool,
    /// Write the good rows, leave out those with problems
    #[arg(long)]
    only_good: bool,
    /// Write the same workbook with a Problem column, if rows have problems
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print counts and problems as JSON
    #[arg(long)]
    json: bool,
}

impl Import {
    pub fn run(self, args: &ConfigArgs) -> Result<ExitCode> {
        let config = args.load(&self.database, None)?.config;
        let mut conn = connect(&config, ConnRole::Writer)?;
        let person = importer(&mut conn, self.user.as_deref())?;
        let profile = self.map.as_deref().map(|map| profile(&mut conn, &person, map)).transpose()?.unwrap_or_default();
        let unreadable = |error: std::io::Error| {
            let what = format!("{} cannot be read", self.file.display());
            Failure::new(Exit::Failed, what, error.to_string(), "name a file that this user may read")
        };
        let file = File::open(&self.file).map_err(unreadable)?;
        let bytes = file.metadata().map_err(unreadable)?.len();
        let file_name = self.file.file_name().map(|name| name.to_string_lossy().into_owned());
        let order = Order {
            file_name: file_name.clone(),
            dry_run: self.dry_run,
            only_good: self.only_good,
            profile: profile.clone(),
            bytes,
            digest: String::new(),
        };
        let source = Source { program: Program::this()?, file, file_name, profile, limits: Limits::default() };
        let (outcome, written) = import(&mut conn, &person, &order, &source)?;
        if let Some(path) = &self.report {
            write_report(&source, &outcome, path)?;
        }
        show(&order, &outcome, written, self.json)?;
        Ok(if outcome.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(Exit::Data as u8) })
    }
}

fn importer(conn: &mut Conn, named: Option<&str>) -> Result<Person> {
    if let Some(name) = named {
        return Ok(people::find(conn, name)?);
    }
    let administrators = people::list(conn)?.into_iter();
    let first = administrators.filter(|one| one.is_active && one.role == Role::Administrator).min_by_key(|one| one.id);
    first.ok_or_else(|| {
        Failure::new(Exit::Failed, "nobody imports", "there is no active administrator", "--user ann@example.com")
    })
}

fn profile(conn: &mut Conn, person: &Person, map: &str) -> Result<Profile> {
    let wrong = |why: String| {
        let what = format!("the mapping {map} cannot be used");
        Failure::new(Exit::Usage, what, why, "PUT /api/v1/import-profiles/NAME keeps one; or name a JSON file")
    };
    let text = match imports::profile(conn, person.id, map)? {
        Some(text) => text,
        None if Path::new(map).is_file() => fs::read_to_string(map).map_err(|error| wrong(error.to_string()))?,
        None => return Err(wrong(format!("{} has no profile of this name", person.unique_name))),
    };
    Profile::from_json(&text).map_err(wrong)
}

/// Checks the file and writes what may be written; says whether it was.
fn import(conn: &mut Conn, person: &Person, order: &Order, source: &Source) -> Result<(Outcome, bool)> {
    let caller = Caller {
        user_id: person.id,
        user_guid: person.guid,
        name: person.name.clone(),
        role: person.role,
        duties: person.duties,
    };
    let (id, now) = (Guid(uuid::Uuid::now_v7()), Clock::system().now());
    let by = author(&caller, id, now);
    let quiet = &mut |_: u64, _: &[_]| Ok(());
    let checked = conn.snapshot(|conn| run::check(conn, &by, source, quiet)).map_err(failed)?;
    if !order.is_written(&checked) {
        return Ok((checked, false));
    }
    let payload = serde_json::to_string(order).map_err(std::io::Error::from)?;
    let job = Job::held(KIND, payload, person.id, (id, now));
    let written = conn.write(|tx| {
        // Of many logs that change none may be another writer's meanwhile.
        tx.hold(if checked.changes_logs() { Hold::Exclusive } else { Hold::Shared })?;
        queue::add(tx, &job)?;
        let outcome = order.write(tx, &by, source, &mut |_, _| Ok(()))?;
        if outcome.changes_logs() {
            tx.must_hold(Hold::Exclusive)?;
        }
        queue::end(tx, id, id, &order.ending(&outcome, true, None), now)?;
        Ok::<_, Halt>(outcome)
    });
    match written {
        Ok(outcome) => Ok((outcome, true)),
        Err(Halt::Spoilt(outcome)) => Ok((*outcome, false)),
        Err(Halt::Failed(error)) => Err(failed(error)),
    }
}

fn failed(error: ImportError) -> Failure {
    let database: Option<&DbError> = error.database();
    match database {
        Some(database) => database.clone().into(),
        None => Failure::new(Exit::Failed, "the file cannot be imported", error.to_string(), ""),
    }
}

fn write_report(source: &Source, outcome: &Outcome, path: &Path) -> Result {
    let Some(place) = outcome.place.filter(|_| outcome.problems.iter().any(|problem| problem.row.is_some())) else {
        return Ok(());
    };
    let what = format!("{} cannot be written", path.display());
    let wrong = |why: String| Failure::new(Exit::Failed, what.clone(), why, "name a file that this user may write");
    let out = File::create(path).map_err(|error| wrong(error.to_string()))?;
    let rows = source.rows().map_err(|error| wrong(error.to_string()))?;
    report::write(rows, outcome.problems.clone(), place, out).map_err(|error| wrong(error.to_string()))
}

fn show(order: &Order, outcome: &Outcome, written: bool, as_json: bool) -> Result {
    if as_json {
        let result = order.ending(outcome, written, None).result.unwrap_or_default();
        let mut result: Value = serde_json::from_str(&result).unwrap_or_default();
        result["list"] = json!(outcome.problems);
        return output::json(&result);
    }
    let counts = [
        ("rows", outcome.rows),
        ("new", outcome.new),
        ("changed", outcome.changed),
        ("brought back", outcome.restored),
        ("unchanged", outcome.unchanged),
        ("with problems", outcome.wrong),
    ];
    let heading = if written { "Imported" } else { "Checked, nothing written" };
    output::table([heading, "Number"], counts.map(|(name, count)| [name.to_owned(), count.to_string()]))?;
    if outcome.is_clean() {
        return Ok(());
    }
    let row = |problem: &Problem| {
        let value = problem.value.as_deref().unwrap_or_default().to_owned();
        let suggestion = problem.suggestion.clone().unwrap_or_default();
        [problem.place(), problem.code.clone(), value, problem.reason.clone(), suggestion]
    };
    output::line("")?;
    output::table(["Cell", "Problem", "Value", "Why", "Try"], outcome.problems.iter().take(SHOWN).map(row))?;
    let further = (outcome.problems.len().saturating_sub(SHOWN)) as u64 + outcome.further;
    if further > 0 {
        output::line(format!("and {further} more; --report FILE or --json has them"))?;
    }
    Ok(())
}

/// Problems that a terminal is shown.
const SHOWN: usize = 200;
