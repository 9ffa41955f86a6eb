//! A file and a database → what the file would do, or has done (UX-81 to UX-83).
//!
//! In: an open file, how it is to be read, and whoever imports it. Out: an [`Outcome`]: how many rows are new, changed,
//! unchanged or at fault, and everything that is wrong with them. [`check`] reads alone; [`write`](fn@write) is the same walk in an open
//! transaction, with its rows stored, so that nothing can be written that was not checked on the state that it meets. The
//! file is read as a stream and in batches: memory does not grow with its rows, but for their keys and their problems.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};

use super::columns::{self, Field, ImportRow, Layout, Mapped, Stop};
use super::keys::{Keys, Marks};
use super::listing::Fate;
use super::problem::{Problem, code};
use super::profile::Profile;
use super::report::Place;
use super::resolve::{self, Names};
use crate::db::{AsConn, Conn, DbError, Failure, Tx};
use crate::domain::activity_types::NOT_SET;
use crate::domain::changes::{Action, Author};
use crate::domain::imports;
use crate::domain::refusal::{Kind, Refusal, Rule};
use crate::domain::wall::Written;
use crate::domain::worklogs::batch::{self, Change, Step};
use crate::domain::worklogs::{Changes, Draft, Facts, Patch, Worklog};
use crate::sheets::{self, Limits, Program, Rows};
use crate::sql::{Guid, Instant};

/// Rows that are looked up and stored together.
const BATCH: usize = 1_000;
/// Problems that are kept; further ones are counted.
pub const MOST_PROBLEMS: usize = 10_000;

/// A file that is to be read, as often as it is wanted.
#[derive(Debug)]
pub struct Source {
    pub program: Program,
    pub file: File,
    /// The name that it was sent under.
    pub file_name: Option<String>,
    pub profile: Profile,
    pub limits: Limits,
}

impl Source {
    /// The rows, from the first.
    pub fn rows(&self) -> Result<Rows, sheets::Failure> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        let request = sheets::Request {
            file_name: self.file_name.clone(),
            sheet: self.profile.sheet.clone(),
            limits: self.limits.clone(),
        };
        Rows::open(&self.program, file, &request)
    }
}

/// What a file does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    pub rows: u64,
    pub new: u64,
    /// Logs of earlier imports, or of our own export, that say something else now.
    pub changed: u64,
    /// Logs that were deleted since, and come back.
    pub restored: u64,
    pub unchanged: u64,
    pub duplicates: u64,
    /// Rows with a problem.
    pub wrong: u64,
    /// In the order of their rows; those of the file as a whole first.
    pub problems: Vec<Problem>,
    /// Problems beyond those.
    pub further: u64,
    /// Nothing of the file may be written, not even its good rows.
    pub unusable: bool,
    /// Where a report's column goes.
    pub place: Option<Place>,
}

impl Outcome {
    /// The outcome of a file that cannot be read.
    fn of_file(problem: Problem) -> Outcome {
        Outcome { problems: vec![problem], unusable: true, ..Outcome::default() }
    }

    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether logs that are there change.
    pub fn changes_logs(&self) -> bool {
        self.changed + self.restored > 0
    }

    fn add(&mut self, problems: impl IntoIterator<Item = Problem>) {
        for problem in problems {
            if self.problems.len() < MOST_PROBLEMS {
                self.problems.push(problem);
            } else {
                self.further += 1;
            }
        }
    }
}

/// Why there is no outcome: the server is at fault, not the file.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the file cannot be read here: {0}")]
    Io(#[from] io::Error),
}

impl From<DbError> for ImportError {
    fn from(error: DbError) -> ImportError {
        ImportError::Refused(error.into())
    }
}

impl Failure for ImportError {
    fn database(&self) -> Option<&DbError> {
        match self {
            ImportError::Refused(refusal) => refusal.database(),
            ImportError::Io(_) => None,
        }
    }
}

/// Hears how many rows are done, and what became of those since the last time; an error ends the walk.
pub type Progress<'p> = &'p mut dyn FnMut(u64, &[(u32, Fate)]) -> Result<(), DbError>;

/// What the file would do.
pub fn check(
    conn: &mut Conn,
    by: &Author<'_>,
    source: &Source,
    progress: Progress<'_>,
) -> Result<Outcome, ImportError> {
    walk(&mut Reading(conn), by, source, progress)
}

/// Does it. The caller decides by the outcome whether the transaction is kept: rows at fault are left out.
pub fn write(
    tx: &mut Tx<'_>,
    by: &Author<'_>,
    source: &Source,
    progress: Progress<'_>,
) -> Result<Outcome, ImportError> {
    walk(&mut Writing(tx), by, source, progress)
}

/// What becomes of the good rows.
trait Target {
    fn conn(&mut self) -> &mut Conn;
    fn store(&mut self, by: &Author<'_>, plan: Plan) -> Result<(), DbError>;
}

struct Reading<'c>(&'c mut Conn);

impl Target for Reading<'_> {
    fn conn(&mut self) -> &mut Conn {
        self.0
    }

    fn store(&mut self, _: &Author<'_>, _: Plan) -> Result<(), DbError> {
        Ok(())
    }
}

struct Writing<'t, 'c>(&'t mut Tx<'c>);

impl Target for Writing<'_, '_> {
    fn conn(&mut self) -> &mut Conn {
        self.0.as_conn()
    }

    fn store(&mut self, by: &Author<'_>, mut plan: Plan) -> Result<(), DbError> {
        let tx = &mut *self.0;
        batch::insert(tx, by, &mut plan.new)?;
        let new = plan.new.iter().zip(&plan.new_marks).map(|(log, marks)| (marks.key, marks.content, log.id));
        imports::remember(tx, &new.collect::<Vec<_>>())?;
        batch::store(tx, by, &mut plan.steps)?;
        imports::remember_anew(tx, &plan.anew)
    }
}

/// The good rows of a batch.
#[derive(Debug, Default)]
struct Plan {
    new: Vec<Worklog>,
    new_marks: Vec<Marks>,
    steps: Vec<Step>,
    anew: Vec<imports::Remembered>,
}

fn walk(
    target: &mut impl Target,
    by: &Author<'_>,
    source: &Source,
    mut progress: Progress<'_>,
) -> Result<Outcome, ImportError> {
    let mapping = source.rows().map_err(Stop::from).and_then(|rows| columns::map(rows, &source.profile));
    let mut mapping = match mapping {
        Ok(mapping) => mapping,
        Err(Stop::Problem(problem)) => return Ok(Outcome::of_file(problem)),
        Err(Stop::Io(error)) => return Err(error.into()),
    };
    let mut pass = Pass::begin(target.conn(), by, Present::of(mapping.layout()))?;
    let mut rows = Vec::with_capacity(BATCH);
    let mut problems = Vec::new();
    loop {
        match mapping.next() {
            Some(Ok(Mapped::Row(row))) => rows.push(*row),
            Some(Ok(Mapped::Problems { row_number, problems: of_row })) => {
                pass.outcome.rows += 1;
                pass.becomes(row_number, Fate::Error);
                problems.extend(of_row);
            }
            Some(Err(Stop::Problem(problem))) => return Ok(Outcome::of_file(problem)),
            Some(Err(Stop::Io(error))) => return Err(error.into()),
            None => {
                let plan = pass.plan(target.conn(), std::mem::take(&mut rows), &mut problems)?;
                target.store(by, plan)?;
                break;
            }
        }
        if rows.len() >= BATCH || problems.len() >= BATCH {
            let plan = pass.plan(target.conn(), std::mem::take(&mut rows), &mut problems)?;
            target.store(by, plan)?;
            pass.tell(&mut progress)?;
        }
    }
    pass.tell(&mut progress)?;
    let mut outcome = pass.outcome;
    outcome.place = Some(Place::behind(mapping.layout(), mapping.widest()));
    if let Some(problem) = mapping.day_first() {
        outcome.unusable = true;
        // It speaks for the whole file: first of all, and not once more with its row.
        outcome.problems.retain(|other| other != problem);
        outcome.problems.insert(0, problem.clone());
    }
    Ok(outcome)
}

/// Which columns the file has: an empty cell of one clears, a missing one keeps.
#[derive(Clone, Copy, Debug)]
struct Present {
    comment: bool,
    work_item: bool,
}

impl Present {
    fn of(layout: &Layout) -> Present {
        let has = |field| layout.of(field).next().is_some();
        Present { comment: has(Field::Comment), work_item: has(Field::WorkItem) }
    }
}

/// A row whose names are resolved.
#[derive(Debug)]
struct Resolved {
    row: ImportRow,
    draft: Draft,
    owner: Guid,
    start: Instant,
    marks: Marks,
}

struct Pass<'a> {
    by: &'a Author<'a>,
    present: Present,
    facts: Facts,
    names: Names,
    keys: Keys,
    outcome: Outcome,
    /// Of the rows of this batch.
    fates: Vec<(u32, Fate)>,
}

impl<'a> Pass<'a> {
    fn begin(conn: &mut Conn, by: &'a Author<'a>, present: Present) -> Result<Pass<'a>, DbError> {
        conn.plan_anew()?;
        let facts = Facts::read(conn)?;
        let names = Names::read(conn, by.caller)?;
        Ok(Pass { by, present, facts, names, keys: Keys::default(), outcome: Outcome::default(), fates: Vec::new() })
    }

    fn becomes(&mut self, row: u32, fate: Fate) {
        let outcome = &mut self.outcome;
        *match fate {
            Fate::New => &mut outcome.new,
            Fate::Changed => &mut outcome.changed,
            Fate::Restored => &mut outcome.restored,
            Fate::Unchanged => &mut outcome.unchanged,
            Fate::Duplicate | Fate::Error => &mut outcome.wrong,
        } += 1;
        outcome.duplicates += u64::from(fate == Fate::Duplicate);
        self.fates.push((row, fate));
    }

    fn tell(&mut self, progress: &mut Progress<'_>) -> Result<(), DbError> {
        self.fates.sort_unstable_by_key(|(row, _)| *row);
        progress(self.outcome.rows, &self.fates)?;
        self.fates.clear();
        Ok(())
    }

    /// What becomes of some rows; `problems` are those of their cells.
    fn plan(&mut self, conn: &mut Conn, rows: Vec<ImportRow>, problems: &mut Vec<Problem>) -> Result<Plan, DbError> {
        self.outcome.rows += rows.len() as u64;
        let resolved = self.resolve(conn, rows, problems)?;
        let keys: Vec<Guid> = resolved.iter().map(|row| row.marks.key).collect();
        let known = if keys.is_empty() { HashMap::new() } else { imports::known(conn, &keys)? };
        let named: Vec<Guid> = resolved.iter().filter_map(|row| row.row.worklog_id.map(Guid)).collect();
        let mut by_guid = if named.is_empty() { HashMap::new() } else { imports::logs_by_guid(conn, &named)? };
        // What the importer does not see is not there.
        by_guid.retain(|_, log| self.by.caller.sees_time_of().include(log.user_id));
        let differs = |row: &Resolved| {
            let known = known.get(&row.marks.key)?;
            (known.deleted || known.content != row.marks.content).then_some(known.worklog_id)
        };
        let ids: Vec<i64> = resolved.iter().filter_map(differs).collect();
        let mut by_id = if ids.is_empty() { HashMap::new() } else { imports::logs(conn, &ids)? };
        let (mut new, mut edits) = (Vec::new(), Vec::new());
        for row in resolved {
            let exported = row.row.worklog_id.and_then(|id| by_guid.remove(&Guid(id)));
            match (exported, known.get(&row.marks.key)) {
                (Some(log), _) => edits.push((row, log, false)),
                (None, None) => new.push(row),
                (None, Some(_)) => match differs(&row).and_then(|id| by_id.remove(&id)) {
                    Some(log) => edits.push((row, log, true)),
                    None => self.becomes(row.row.row_number, Fate::Unchanged),
                },
            }
        }
        let mut plan = Plan::default();
        self.plan_new(conn, new, &mut plan, problems)?;
        self.plan_edits(conn, edits, &mut plan, problems)?;
        problems.sort_by_key(|problem| problem.row);
        self.outcome.add(problems.drain(..));
        Ok(plan)
    }

    fn resolve(
        &mut self,
        conn: &mut Conn,
        rows: Vec<ImportRow>,
        problems: &mut Vec<Problem>,
    ) -> Result<Vec<Resolved>, DbError> {
        let owners: Vec<Guid> = rows.iter().filter_map(|row| self.names.person(row, self.by.caller).ok()).collect();
        self.facts.load_people(conn, &[], &owners)?;
        let mut resolved = Vec::with_capacity(rows.len());
        for row in rows {
            let row_number = row.row_number;
            match self.resolve_row(row) {
                Ok(row) => resolved.push(row),
                Err(of_row) => {
                    let is_duplicate = of_row.iter().any(|one| one.code == code::DUPLICATE_ROW);
                    self.becomes(row_number, if is_duplicate { Fate::Duplicate } else { Fate::Error });
                    problems.extend(of_row);
                }
            }
        }
        Ok(resolved)
    }

    fn resolve_row(&mut self, row: ImportRow) -> Result<Resolved, Vec<Problem>> {
        let owner = self.names.person(&row, self.by.caller);
        let kind = self.names.kind(&row);
        let budget = self.names.budget(&row);
        let (owner, kind, budget) = match (owner, kind, budget) {
            (Ok(owner), Ok(kind), Ok(budget)) => (owner, kind, budget),
            (owner, kind, budget) => {
                return Err([owner.err(), kind.err(), budget.err()].into_iter().flatten().collect());
            }
        };
        let zone = self.facts.person_of(owner).map(|person| self.facts.zone(person));
        let policy = self.facts.settings.timestamp_zone;
        let start = zone.map_or(row.when.wall, |zone| row.when.in_zone(policy, &zone));
        let draft = Draft {
            user: Some(owner),
            start: Some(Written { wall: start, offset: None }),
            length: Some(row.length_seconds),
            billable: row.billable_seconds,
            work_item: row.work_item,
            // PostgreSQL keeps no zero character; it says nothing either.
            comment: row.comment.as_deref().map(|comment| comment.replace('\0', "")),
            activity_type: kind,
            budget,
        };
        match self.keys.of(&row, owner, start, &draft) {
            Some(marks) => Ok(Resolved { row, draft, owner, start, marks }),
            None => {
                let id =
                    row.worklog_id.map(|id| id.to_string()).or_else(|| row.external_id.clone()).unwrap_or_default();
                let field = if row.worklog_id.is_some() { Field::Id } else { Field::ExternalId };
                let reason = "a row above has the same id".to_owned();
                let suggestion = Some("leave one of the two".to_owned());
                Err(vec![resolve::at(&row, field, &id, code::DUPLICATE_ROW, reason, suggestion)])
            }
        }
    }

    fn plan_new(
        &mut self,
        conn: &mut Conn,
        rows: Vec<Resolved>,
        plan: &mut Plan,
        problems: &mut Vec<Problem>,
    ) -> Result<(), DbError> {
        if rows.is_empty() {
            return Ok(());
        }
        let drafts: Vec<Draft> = rows.iter().map(|row| row.draft.clone()).collect();
        let logs = batch::drafted(conn, self.by, &mut self.facts, &drafts)?;
        for (row, log) in rows.into_iter().zip(logs) {
            match log {
                Ok(log) => {
                    self.becomes(row.row.row_number, Fate::New);
                    plan.new.push(log);
                    plan.new_marks.push(row.marks);
                }
                Err(refusal) => {
                    self.becomes(row.row.row_number, Fate::Error);
                    problems.push(problem_of(refusal, &row));
                }
            }
        }
        Ok(())
    }

    fn plan_edits(
        &mut self,
        conn: &mut Conn,
        rows: Vec<(Resolved, Worklog, bool)>,
        plan: &mut Plan,
        problems: &mut Vec<Problem>,
    ) -> Result<(), DbError> {
        if rows.is_empty() {
            return Ok(());
        }
        let wanted = |(row, log, _): &(Resolved, Worklog, bool)| self.change(row, log);
        let wanted: Vec<Change> = rows.iter().map(wanted).collect();
        let logs = batch::changed(conn, self.by, &mut self.facts, &wanted)?;
        for ((row, before, remembered), after) in rows.into_iter().zip(logs) {
            let seen = self.by.caller.sees_time_of().include(before.user_id);
            let after = after.and_then(|after| if seen { Ok(after) } else { Err(unseen()) });
            let after = match after {
                Ok(after) => after,
                // What nothing would change may lie in a locked week: our own export comes in as it went out.
                Err(refusal) if is_lock(&refusal) && self.says_the_same(&row, &before) => {
                    self.becomes(row.row.row_number, Fate::Unchanged);
                    continue;
                }
                Err(refusal) => {
                    self.becomes(row.row.row_number, Fate::Error);
                    problems.push(problem_of(refusal, &row));
                    continue;
                }
            };
            if remembered {
                plan.anew.push((row.marks.key, row.marks.content, before.id));
            }
            if after == before {
                self.becomes(row.row.row_number, Fate::Unchanged);
                continue;
            }
            let (action, fate) =
                if before.deleted { (Action::Restored, Fate::Restored) } else { (Action::Changed, Fate::Changed) };
            self.becomes(row.row.row_number, fate);
            plan.steps.push(Step { before, after, action });
        }
        Ok(())
    }

    /// What the row says otherwise than the log.
    fn change(&self, row: &Resolved, log: &Worklog) -> Change {
        let seconds = |at: Instant| at.0.div_euclid(1_000_000);
        let text = |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let start = (seconds(row.start) != seconds(log.started_at)).then_some(row.draft.start).flatten();
        let comment = text(row.draft.comment.as_deref());
        let is_same =
            comment == text(log.comment.as_deref()) || comment.as_deref().map(unguarded) == log.comment.as_deref();
        let comment = match (self.present.comment, is_same) {
            (false, _) | (_, true) => Patch::Keep,
            (true, false) => comment.map_or(Patch::Clear, Patch::Set),
        };
        let work_item =
            if self.present.work_item { row.draft.work_item.map_or(Patch::Clear, Patch::Set) } else { Patch::Keep };
        let billed = log.billable_seconds.unwrap_or_default();
        let billable = row.draft.billable.filter(|seconds| *seconds != i64::from(billed));
        let changes = Changes {
            user: Some(row.owner),
            start,
            length: if row.draft.length == Some(log.length_seconds.into()) {
                Patch::Keep
            } else {
                row.draft.length.map_or(Patch::Clear, Patch::Set)
            },
            billable: billable.map_or(Patch::Keep, Patch::Set),
            work_item,
            comment,
            activity_type: row.draft.activity_type.map_or(Patch::Keep, Patch::Set),
        };
        let budget = row.draft.budget.filter(|id| Some(*id) != log.own_budget_id);
        Change { before: log.clone(), changes, budget: budget.map_or(Patch::Keep, Patch::Set) }
    }

    fn says_the_same(&self, row: &Resolved, log: &Worklog) -> bool {
        let Change { changes, budget, .. } = self.change(row, log);
        let owner = self.facts.person(log.user_id).map(|person| person.guid);
        let kind = self.facts.types().iter().find(|kind| Some(kind.id) == log.activity_type_id).map(|kind| kind.guid);
        let same_item = match changes.work_item {
            Patch::Keep => true,
            Patch::Clear => log.work_item_id.is_none(),
            Patch::Set(item) => log.work_item_id.map(i64::from) == Some(item),
        };
        let same_kind = match changes.activity_type {
            Patch::Set(guid) => kind.unwrap_or(NOT_SET) == guid,
            _ => true,
        };
        let nothing = (changes.start.is_none(), changes.length, changes.billable, changes.comment);
        !log.deleted
            && owner == changes.user
            && budget == Patch::Keep
            && same_item
            && same_kind
            && nothing == (true, Patch::Keep, Patch::Keep, Patch::Keep)
    }
}

/// Our exports put a `'` before what a spreadsheet would take for a formula.
fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| rest.starts_with(['=', '+', '-', '@'])).unwrap_or(text)
}

fn is_lock(refusal: &Refusal) -> bool {
    matches!(refusal.kind, Kind::Rule(Rule::ApprovalStateFailed | Rule::ClosedWorkItem) | Kind::NotYours)
}

fn unseen() -> Refusal {
    crate::domain::worklogs::rules::not_yours()
}

/// The refusal of a row, with the cell that it is about.
fn problem_of(refusal: Refusal, row: &Resolved) -> Problem {
    let row = &row.row;
    let named = refusal.member.as_deref();
    let when = if row.places.of(Field::TimeStamp).is_some() { Field::TimeStamp } else { Field::Date };
    let (field, value) = match named {
        Some("userId") => (Some(Field::Person), row.person.clone()),
        Some("timeStamp") => (Some(when), Some(crate::domain::wall::written(row.when.wall))),
        Some("length") => (Some(Field::Duration), Some(format!("{} s", row.length_seconds))),
        Some("billableLength") => (Some(Field::Billable), row.billable_seconds.map(|seconds| format!("{seconds} s"))),
        Some("workItemId") => (Some(Field::WorkItem), row.work_item.map(|item| item.to_string())),
        Some("comment") => (Some(Field::Comment), row.comment.clone()),
        Some("activityTypeId") => (Some(Field::Activity), row.activity.clone()),
        Some("budgetId") => (Some(Field::Budget), row.budget.clone()),
        _ => (None, None),
    };
    let (code, suggestion) = match (&refusal.kind, field) {
        (Kind::Rule(Rule::DbValidationError), Some(Field::WorkItem)) => {
            (code::WORK_ITEM_UNKNOWN, Some("correct the number, or have the work item loaded first"))
        }
        (Kind::Rule(Rule::DbValidationError), Some(Field::Activity)) => {
            (code::ACTIVITY_UNKNOWN, Some("choose a kind of work that is in use"))
        }
        (Kind::Rule(Rule::ApprovalStateFailed), _) => {
            (Rule::ApprovalStateFailed.code(), Some("have the week reopened, or leave the row out"))
        }
        (Kind::Rule(rule), _) => (rule.code(), None),
        (Kind::NotYours, _) => ("NoRightsToWorkLogModification", None),
        (Kind::Malformed, _) => (code::DATE_UNREADABLE, None),
        _ => ("AccessDenied", None),
    };
    let reason = refusal.message.trim_end_matches('.').to_owned();
    let problem = Problem::of_row(row.row_number, code, reason, suggestion.map(str::to_owned));
    let problem = problem.in_column(field.and_then(|field| row.places.of(field)));
    match value {
        Some(value) => problem.with_value(value),
        None => problem,
    }
}
