//! Rows of a file → rows of the database, in one transaction.
//!
//! In: the rows as the document gives them. Out: the same rows stored, with the tree, the budgets and the calendar kept;
//! or a [`Fault`] that says where and why not. Holds ids and names, and a batch of rows.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use super::LoadError;
use super::document::{FieldValue, Fields, Member, Refused, Text};
use super::fields::{kind_name, known_value};
use super::links::{Found, Named};
use super::paths::Paths;
use crate::db::tables::{name_key, work_items, worklogs};
use crate::db::{DbError, Tx};
use crate::domain::budgets::Effective;
use crate::domain::calendar::Years;
use crate::domain::fields::FieldKind;
use crate::domain::settings;
use crate::domain::tree::{Forest, TreeError};
use crate::domain::worklogs::{Before, Flags, NewWorklog, Writer};
use crate::on;
use crate::seed::known_fields::{self, KNOWN};
use crate::seed::rows::{self, Field, WorkItem};
use crate::seed::{Progress, Summary};
use crate::sql::{Guid, Instant, Value};

/// Why a row was refused.
#[derive(Debug)]
pub(super) enum Fault {
    /// At a member of the row at hand.
    Member {
        member: String,
        reason: String,
    },
    /// At a place that shows only later.
    Path {
        path: String,
        reason: String,
    },
    Database(DbError),
}

/// The transaction and what must be remembered of the rows before.
pub(super) struct Store<'s, 't, 'p> {
    pub(super) tx: &'s mut Tx<'t>,
    pub(super) progress: &'p mut dyn FnMut(Progress),
    pub(super) now: Instant,
    pub(super) summary: Summary,
    pub(super) fault: Option<Fault>,
    pub(super) users: Named,
    pub(super) activity_types: Named,
    pub(super) budgets: Named,
    pub(super) paths: Paths,
    pub(super) fields: HashMap<String, (i32, FieldKind)>,
    /// Items of the file and their places in it.
    pub(super) items: HashMap<i32, usize>,
    pub(super) items_before: HashSet<i32>,
    pub(super) pending_items: Vec<WorkItem>,
    pub(super) pending_values: Vec<rows::FieldValue>,
    pub(super) forest: Forest,
    pub(super) effective: HashMap<i32, Effective>,
    /// Item or iteration → the budget that holds it.
    pub(super) assigned_items: HashMap<i32, String>,
    pub(super) assigned_iterations: HashMap<i32, String>,
    pub(super) writer: Option<Writer>,
    /// Of the items' dates; the writer has those of the logs.
    pub(super) years: Years,
    pub(super) last_worklog: i64,
    /// GUIDs of the logs that are not stored yet, and where those begin.
    pub(super) pending_guids: HashSet<Guid>,
    pub(super) pending_from: usize,
}

pub(super) const ITEMS_AT_ONCE: usize = 2_000;

impl<'s, 't, 'p> Store<'s, 't, 'p> {
    pub fn new(
        tx: &'s mut Tx<'t>,
        now: Instant,
        progress: &'p mut dyn FnMut(Progress),
    ) -> Result<Store<'s, 't, 'p>, DbError> {
        let users = Named::users(tx)?;
        let activity_types = Named::activity_types(tx)?;
        let budgets = Named::budgets(tx)?;
        let paths = Paths::read(tx)?;
        let fields = crate::domain::fields::list(tx)?;
        let items_before: Vec<i32> = on!(tx, c => work_items::table.select(work_items::id).load(c))?;
        let last_worklog: Option<i64> =
            on!(tx, c => worklogs::table.select(diesel::dsl::max(worklogs::id)).get_result(c))?;
        let (assigned_items, assigned_iterations) = assigned(tx)?;
        let before = if last_worklog.is_none() { Before::Empty } else { Before::Filled };
        Ok(Store {
            tx,
            progress,
            now,
            summary: Summary::default(),
            fault: None,
            users,
            activity_types,
            budgets,
            paths,
            fields: fields.into_iter().map(|field| (field.reference_name, (field.id, field.kind))).collect(),
            items: HashMap::new(),
            items_before: items_before.into_iter().collect(),
            pending_items: Vec::new(),
            pending_values: Vec::new(),
            forest: Forest::default(),
            effective: HashMap::new(),
            assigned_items,
            assigned_iterations,
            writer: Some(Writer::new(before)),
            years: Years::default(),
            last_worklog: last_worklog.unwrap_or(0),
            pending_guids: HashSet::new(),
            pending_from: 0,
        })
    }

    pub fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// After the last row.
    pub fn finish(mut self) -> Result<Summary, LoadError> {
        if let Some(writer) = self.writer.take() {
            let stored = writer.finish(self.tx);
            if self.stored(stored).is_err() {
                return Err(match self.fault {
                    Some(Fault::Path { path, reason }) => LoadError::Row { path, reason },
                    Some(Fault::Database(error)) => LoadError::Database(error),
                    _ => LoadError::Database(DbError::Other("the last rows could not be stored".into())),
                });
            }
        }
        self.years.cover(self.tx)?;
        self.tx.advance_keys()?;
        settings::open_from_first_log(self.tx)?;
        (self.progress)(Progress { stage: "worklogs", done: self.summary.worklogs, total: None });
        Ok(self.summary)
    }

    pub(super) fn refuse(&mut self, member: impl Into<String>, reason: impl Into<String>) -> Refused {
        self.fault = Some(Fault::Member { member: member.into(), reason: reason.into() });
        Refused
    }

    fn refuse_at(&mut self, path: impl Into<String>, reason: impl Into<String>) -> Refused {
        self.fault = Some(Fault::Path { path: path.into(), reason: reason.into() });
        Refused
    }

    pub(super) fn checked<T>(&mut self, result: Result<T, DbError>) -> Result<T, Refused> {
        result.map_err(|error| {
            self.fault = Some(Fault::Database(error));
            Refused
        })
    }

    pub(super) fn report(&mut self, stage: Member, done: usize) {
        if done.is_multiple_of(1000) {
            (self.progress)(Progress { stage: stage.name(), done: done as u64, total: None });
        }
    }

    /// Items that wait, and what they refer to.
    pub(super) fn flush_items(&mut self) -> Result<(), Refused> {
        let stored = self
            .paths
            .flush(self.tx)
            .and_then(|()| rows::insert(self.tx, self.pending_items.drain(..)))
            .and_then(|()| rows::insert(self.tx, self.pending_values.drain(..)));
        self.checked(stored)
    }

    /// Logs whose GUIDs met others.
    fn stored(&mut self, result: Result<(), DbError>) -> Result<(), Refused> {
        match result {
            Err(DbError::Unique(_)) => {
                let last = self.pending_from + self.pending_guids.len().saturating_sub(1);
                let path = format!("worklogs[{}..{last}].id", self.pending_from);
                Err(self.refuse_at(path, "one of these ids is in use already"))
            }
            other => self.checked(other),
        }
    }

    pub(super) fn tree_fault(&mut self, error: TreeError) -> Refused {
        let reason = error.to_string();
        match (error.item().and_then(|item| self.items.get(&item).copied()), error) {
            (_, TreeError::Database(error)) => {
                self.fault = Some(Fault::Database(error));
                Refused
            }
            (Some(index), _) => self.refuse_at(format!("workItems[{index}].parentId"), reason),
            (None, _) => self.refuse_at("workItems", reason),
        }
    }

    pub(super) fn set_fields(&mut self, item: &mut WorkItem, given: Fields) -> Result<(), Refused> {
        for (name, value) in given.0 {
            if let Some(position) = known_fields::position(&name) {
                match known_value(KNOWN[position].ty, value) {
                    Ok(Some(value)) => {
                        if let (Value::Instant(at), true) = (&value, KNOWN[position].has_date_key()) {
                            self.years.touch(at.day());
                        }
                        item.set_at(position, value);
                    }
                    Ok(None) => {}
                    Err(reason) => return Err(self.refuse(format!("fields.{name}"), reason)),
                }
                continue;
            }
            let (kind, value) = match value {
                FieldValue::Null => continue,
                FieldValue::Text(text) => (FieldKind::Text, Value::Text(text)),
                FieldValue::Integer(number) => (FieldKind::Number, Value::Double(number as f64)),
                FieldValue::Number(number) => (FieldKind::Number, Value::Double(number)),
                FieldValue::Boolean(truth) => (FieldKind::Boolean, Value::Bool(truth)),
            };
            let field_id = self.field(name, kind)?;
            self.pending_values.push(rows::FieldValue { work_item_id: item.id, field_id, value });
        }
        Ok(())
    }

    /// The id of a custom field, which is made when it is first met.
    fn field(&mut self, name: String, kind: FieldKind) -> Result<i32, Refused> {
        match self.fields.get(&name) {
            Some((id, known)) if *known == kind => Ok(*id),
            Some((_, known)) => {
                let reason = format!("{} here, {} elsewhere; a field has one type", kind_name(kind), kind_name(*known));
                Err(self.refuse(format!("fields.{name}"), reason))
            }
            None => {
                let id = self.fields.values().map(|(id, _)| *id).max().unwrap_or(0) + 1;
                self.fields.insert(name.clone(), (id, kind));
                let stored = rows::insert(self.tx, [Field { id, reference_name: name, kind }]);
                self.checked(stored)?;
                Ok(id)
            }
        }
    }

    /// The person that an identity field such as `Ann Lee <ann@example.com>` names.
    pub(super) fn assignee(&self, identity: &str) -> Option<i32> {
        let account = identity.rsplit_once('<').and_then(|(_, rest)| rest.strip_suffix('>')).unwrap_or(identity);
        match self.users.find(&name_key(account)) {
            Some(Found::One(id)) => Some(id),
            _ => None,
        }
    }

    pub(super) fn flags(&mut self, given: Vec<Text>, is_billable: Option<bool>) -> Result<Flags, Refused> {
        let mut flags = Flags::default();
        for (n, Text(name)) in given.iter().enumerate() {
            match flags.by_name(name) {
                Some(flag) => *flag = true,
                None => {
                    let reason = format!("no flag `{name}`; the flags are {}", Flags::NAMES.join(", "));
                    return Err(self.refuse(format!("flags[{n}]"), reason));
                }
            }
        }
        flags.is_billable = is_billable.unwrap_or(flags.is_billable);
        Ok(flags)
    }

    /// Hands a log to the writer.
    pub(super) fn push(&mut self, index: usize, new: NewWorklog) -> Result<(), Refused> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        let stored = writer.push(self.tx, new);
        let is_flushed = writer.pending() == 0;
        self.stored(stored)?;
        if is_flushed {
            self.pending_guids.clear();
            self.pending_from = index + 1;
        }
        Ok(())
    }

    /// The row that a name leads to.
    pub(super) fn named(
        &mut self,
        member: &'static str,
        kind: &'static str,
        in_table: fn(&Self) -> &Named,
        name: &str,
    ) -> Result<i32, Refused> {
        match in_table(self).find(name) {
            Some(Found::One(id)) => Ok(id),
            Some(Found::Several) => Err(self.refuse(member, format!("there is more than one {kind} `{name}`"))),
            None => Err(self.refuse(member, format!("no {kind} `{name}`"))),
        }
    }
}

/// What belongs to budgets already.
#[expect(clippy::type_complexity, reason = "two maps alike, taken apart at once")]
fn assigned(tx: &mut Tx<'_>) -> Result<(HashMap<i32, String>, HashMap<i32, String>), DbError> {
    use crate::db::tables::{budget_iterations, budget_work_items, budgets};
    let items: Vec<(i32, String)> = on!(tx, c => budget_work_items::table
        .inner_join(budgets::table)
        .select((budget_work_items::work_item_id, budgets::name))
        .load(c))?;
    let iterations: Vec<(i32, String)> = on!(tx, c => budget_iterations::table
        .inner_join(budgets::table)
        .select((budget_iterations::iteration_id, budgets::name))
        .load(c))?;
    Ok((items.into_iter().collect(), iterations.into_iter().collect()))
}
