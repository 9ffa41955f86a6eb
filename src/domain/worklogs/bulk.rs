//! One change of many logs: which it would change, which refuse, and doing it.
//!
//! In: logs that the caller sees, and an [`Edit`]. Out: a [`Plan`], which counts what becomes of each and, written, is an
//! operation of the trail that can be undone in one step.

use super::batch::{self, Change, Step};
use super::write::{Changes, Patch};
use super::{Facts, Worklog};
use crate::db::{AsConn, DbError, Hold, Tx};
use crate::domain::changes::{Action, Author};
use crate::domain::refusal::{Kind, Refusal, Rule};
use crate::domain::wall::Written;
use crate::sql::{Guid, Instant};

/// Logs that are decided on and stored at once.
const BATCH: usize = 1_000;
/// Refusals that are told; further ones are counted.
const MOST_TOLD: usize = 100;
/// Days of a shift, back or forth: a century.
pub const MOST_DAYS: i64 = 36_525;
const MICROS_A_DAY: i64 = 86_400_000_000;

/// What becomes of each log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    Change(Box<Common>),
    Delete,
}

/// A change that makes sense for any log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Common {
    pub comment: Patch<String>,
    pub activity_type: Patch<Guid>,
    pub work_item: Patch<i64>,
    /// Billable in full, or not at all; a log that is so already keeps its billable length.
    pub billable: Option<bool>,
    /// Internal id of its own budget, which is open.
    pub budget: Patch<i32>,
    /// Days by which it moves; at most [`MOST_DAYS`].
    pub shift: i64,
}

impl Common {
    fn of(&self, log: &Worklog) -> Changes {
        let start = Written { wall: Instant(log.started_at.0 + self.shift * MICROS_A_DAY), offset: None };
        let billable = self.billable.filter(|billable| *billable != log.is_billable);
        let seconds = |billable| if billable { i64::from(log.length_seconds) } else { 0 };
        Changes {
            start: (self.shift != 0).then_some(start),
            billable: billable.map_or(Patch::Keep, |billable| Patch::Set(seconds(billable))),
            work_item: self.work_item,
            comment: self.comment.clone(),
            activity_type: self.activity_type,
            ..Changes::default()
        }
    }
}

/// What becomes of the logs: every one is in one of these numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub changed: usize,
    pub unchanged: usize,
    /// Their week takes no changes, or the one that they would move to.
    pub locked: usize,
    pub no_right: usize,
    /// Other rules forbid it.
    pub refused: usize,
    /// The first of those that refuse.
    pub told: Vec<(Guid, Refusal)>,
}

impl Tally {
    /// How many logs refuse.
    pub fn refusals(&self) -> usize {
        self.locked + self.no_right + self.refused
    }

    fn refuses(&mut self, log: Guid, refusal: Refusal) {
        *match refusal.kind {
            Kind::Rule(Rule::ApprovalStateFailed) => &mut self.locked,
            Kind::NotYours | Kind::Denied => &mut self.no_right,
            _ => &mut self.refused,
        } += 1;
        if self.told.len() < MOST_TOLD {
            self.told.push((log, refusal));
        }
    }
}

/// What an edit does.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub tally: Tally,
    steps: Vec<Step>,
}

/// What the edit would do to these logs, which are there and which the caller sees.
pub fn plan(conn: &mut impl AsConn, by: &Author<'_>, logs: Vec<Worklog>, edit: &Edit) -> Result<Plan, DbError> {
    let mut facts = Facts::read(conn)?;
    let mut plan = Plan::default();
    let mut logs = logs.into_iter();
    loop {
        let some: Vec<Worklog> = logs.by_ref().take(BATCH).collect();
        if some.is_empty() {
            return Ok(plan);
        }
        match edit {
            Edit::Change(common) => change(conn, by, &mut facts, some, common, &mut plan)?,
            Edit::Delete => delete(conn, by, &mut facts, some, &mut plan)?,
        }
    }
}

fn change(
    conn: &mut impl AsConn,
    by: &Author<'_>,
    facts: &mut Facts,
    logs: Vec<Worklog>,
    common: &Common,
    plan: &mut Plan,
) -> Result<(), DbError> {
    let wanted = |before: Worklog| Change { changes: common.of(&before), budget: common.budget, before };
    let wanted: Vec<Change> = logs.into_iter().map(wanted).collect();
    let after = batch::changed(conn, by, facts, &wanted)?;
    for (Change { before, .. }, after) in wanted.into_iter().zip(after) {
        match after {
            Ok(after) if after == before => plan.tally.unchanged += 1,
            Ok(after) => {
                plan.tally.changed += 1;
                plan.steps.push(Step { before, after, action: Action::Changed });
            }
            Err(refusal) => plan.tally.refuses(before.guid, refusal),
        }
    }
    Ok(())
}

fn delete(
    conn: &mut impl AsConn,
    by: &Author<'_>,
    facts: &mut Facts,
    logs: Vec<Worklog>,
    plan: &mut Plan,
) -> Result<(), DbError> {
    facts.load_items(conn, logs.iter().filter_map(|log| log.work_item_id))?;
    facts.load_weeks(conn, logs.iter().map(|log| (log.user_id, log.work_date)))?;
    for before in logs {
        match facts.may_change(by.caller, &before, by.now) {
            Ok(()) => {
                plan.tally.changed += 1;
                let after = Worklog { deleted: true, ..before.clone() };
                plan.steps.push(Step { before, after, action: Action::Deleted });
            }
            Err(refusal) => plan.tally.refuses(before.guid, refusal),
        }
    }
    Ok(())
}

/// Does what was planned in this transaction.
pub fn store(tx: &mut Tx<'_>, by: &Author<'_>, plan: &mut Plan) -> Result<(), DbError> {
    tx.must_hold(Hold::Exclusive)?;
    for steps in plan.steps.chunks_mut(BATCH) {
        batch::store(tx, by, steps)?;
    }
    Ok(())
}
