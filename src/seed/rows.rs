//! Rows of the small tables, and of work items with all their fields.
//!
//! In: structs with internal ids. Out: rows of one `INSERT` for both back ends. Work logs have their own writer,
//! `domain::worklogs`.

use std::sync::LazyLock;

use super::known_fields::{self, KNOWN};
use crate::db::tables::name_key;
use crate::db::{DbError, Tx};
use crate::domain::budgets::{Assignment, Effective};
use crate::domain::fields::FieldKind;
use crate::policy::Role;
use crate::sql::{Day, Guid, Insert, Instant, Type, Value};

/// A struct that is a row of a table.
pub(super) trait Row {
    const TABLE: &'static str;
    fn columns() -> &'static [&'static str];
    fn values(self) -> Vec<Value>;
}

const BATCH: usize = 4_000;

/// Inserts rows, holding few of them.
pub(super) fn insert<R: Row>(tx: &mut Tx<'_>, rows: impl IntoIterator<Item = R>) -> Result<(), DbError> {
    let mut insert = Insert::into(R::TABLE, R::columns());
    for row in rows {
        insert.rows.push(row.values());
        if insert.rows.len() == BATCH {
            tx.insert(&insert)?;
            insert.rows.clear();
        }
    }
    tx.insert(&insert)
}

fn int(value: Option<i32>) -> Value {
    value.map_or(Value::Null(Type::Int32), Value::Int32)
}

fn text(value: Option<String>) -> Value {
    value.map_or(Value::Null(Type::Text), Value::Text)
}

fn day(value: Option<Day>) -> Value {
    value.map_or(Value::Null(Type::Day), Value::Day)
}

#[derive(Clone, Debug)]
pub(super) struct User {
    pub id: i32,
    pub guid: Guid,
    pub name: String,
    pub unique_name: String,
    pub email: Option<String>,
    pub sk: Option<Guid>,
    pub role: Role,
    pub is_active: bool,
    pub time_zone: &'static str,
    pub created_at: Instant,
}

impl Row for User {
    const TABLE: &'static str = "users";

    fn columns() -> &'static [&'static str] {
        &[
            "id",
            "guid",
            "name",
            "unique_name",
            "unique_name_key",
            "email",
            "sk",
            "role",
            "is_active",
            "time_zone",
            "created_at",
        ]
    }

    fn values(self) -> Vec<Value> {
        vec![
            Value::Int32(self.id),
            Value::Guid(self.guid),
            Value::Text(self.name),
            Value::Text(self.unique_name.clone()),
            Value::Text(name_key(&self.unique_name)),
            text(self.email),
            self.sk.map_or(Value::Null(Type::Guid), Value::Guid),
            Value::Int32(self.role.number()),
            Value::Bool(self.is_active),
            Value::Text(self.time_zone.into()),
            Value::Instant(self.created_at),
        ]
    }
}

#[derive(Clone, Debug)]
pub(super) struct Project {
    pub id: i32,
    pub guid: Guid,
    pub name: String,
}

impl Row for Project {
    const TABLE: &'static str = "projects";

    fn columns() -> &'static [&'static str] {
        &["id", "guid", "name"]
    }

    fn values(self) -> Vec<Value> {
        vec![Value::Int32(self.id), Value::Guid(self.guid), Value::Text(self.name)]
    }
}

#[derive(Clone, Debug)]
pub(super) struct Team {
    pub id: i32,
    pub guid: Guid,
    pub name: String,
    pub project_id: Option<i32>,
}

impl Row for Team {
    const TABLE: &'static str = "teams";

    fn columns() -> &'static [&'static str] {
        &["id", "guid", "name", "project_id"]
    }

    fn values(self) -> Vec<Value> {
        vec![Value::Int32(self.id), Value::Guid(self.guid), Value::Text(self.name), int(self.project_id)]
    }
}

/// A pair of ids, of one of the tables that only relate two others.
macro_rules! pair {
    ($(#[$doc:meta])* $name:ident, $table:literal, $first:literal, $second:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(super) struct $name(pub i32, pub i32);

        impl Row for $name {
            const TABLE: &'static str = $table;

            fn columns() -> &'static [&'static str] {
                &[$first, $second]
            }

            fn values(self) -> Vec<Value> {
                vec![Value::Int32(self.0), Value::Int32(self.1)]
            }
        }
    };
}

pair!(
    /// Team, person.
    TeamMember, "team_members", "team_id", "user_id"
);
pair!(
    /// Work item, budget.
    BudgetWorkItem, "budget_work_items", "work_item_id", "budget_id"
);
pair!(
    /// Iteration, budget.
    BudgetIteration, "budget_iterations", "iteration_id", "budget_id"
);

/// An area or an iteration: a node of a path.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub id: i32,
    pub guid: Guid,
    pub name: String,
    pub path: String,
    pub depth: i32,
    pub project_id: i32,
    pub parent_id: Option<i32>,
}

impl Node {
    fn common(self) -> Vec<Value> {
        vec![
            Value::Int32(self.id),
            Value::Guid(self.guid),
            Value::Text(self.name),
            Value::Text(self.path),
            Value::Int32(self.depth),
            Value::Int32(self.project_id),
            int(self.parent_id),
            Value::Int32(self.id),
        ]
    }
}

#[derive(Clone, Debug)]
pub(super) struct Area(pub Node);

impl Row for Area {
    const TABLE: &'static str = "areas";

    fn columns() -> &'static [&'static str] {
        &["id", "guid", "name", "path", "depth", "project_id", "parent_id", "ado_id"]
    }

    fn values(self) -> Vec<Value> {
        self.0.common()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Iteration {
    pub node: Node,
    pub start: Option<Day>,
    pub end: Option<Day>,
}

impl Row for Iteration {
    const TABLE: &'static str = "iterations";

    fn columns() -> &'static [&'static str] {
        &["id", "guid", "name", "path", "depth", "project_id", "parent_id", "ado_id", "start_date", "end_date"]
    }

    fn values(self) -> Vec<Value> {
        let mut values = self.node.common();
        values.extend([day(self.start), day(self.end)]);
        values
    }
}

#[derive(Clone, Debug)]
pub(super) struct ActivityType {
    pub id: i32,
    pub guid: Guid,
    pub name: String,
    pub color: Option<String>,
    pub is_active: bool,
}

impl Row for ActivityType {
    const TABLE: &'static str = "activity_types";

    fn columns() -> &'static [&'static str] {
        &["id", "guid", "name", "color", "is_active"]
    }

    fn values(self) -> Vec<Value> {
        vec![
            Value::Int32(self.id),
            Value::Guid(self.guid),
            Value::Text(self.name),
            text(self.color),
            Value::Bool(self.is_active),
        ]
    }
}

#[derive(Clone, Debug)]
pub(super) struct Budget {
    pub id: i32,
    pub guid: Guid,
    pub name: String,
    pub planned_seconds: i32,
    pub comment: Option<String>,
    /// Open as long as it has none and `closed` is not set.
    pub closed_at: Option<Instant>,
    pub closed: bool,
    pub created_at: Instant,
}

impl Row for Budget {
    const TABLE: &'static str = "budgets";

    fn columns() -> &'static [&'static str] {
        &["id", "guid", "name", "planned_seconds", "comment", "closed", "closed_at", "created_at"]
    }

    fn values(self) -> Vec<Value> {
        vec![
            Value::Int32(self.id),
            Value::Guid(self.guid),
            Value::Text(self.name),
            Value::Int32(self.planned_seconds),
            text(self.comment),
            Value::Bool(self.closed),
            self.closed_at.map_or(Value::Null(Type::Instant), Value::Instant),
            Value::Instant(self.created_at),
        ]
    }
}

#[derive(Clone, Debug)]
pub(super) struct Field {
    pub id: i32,
    pub reference_name: String,
    pub kind: FieldKind,
}

impl Row for Field {
    const TABLE: &'static str = "fields";

    fn columns() -> &'static [&'static str] {
        &["id", "reference_name", "type"]
    }

    fn values(self) -> Vec<Value> {
        vec![Value::Int32(self.id), Value::Text(self.reference_name), Value::Int32(self.kind as i32)]
    }
}

#[derive(Clone, Debug)]
pub(super) struct FieldValue {
    pub work_item_id: i32,
    pub field_id: i32,
    /// A Text, Double or Bool.
    pub value: Value,
}

impl Row for FieldValue {
    const TABLE: &'static str = "work_item_fields";

    fn columns() -> &'static [&'static str] {
        &["work_item_id", "field_id", "text_value", "number_value", "bool_value"]
    }

    fn values(self) -> Vec<Value> {
        let (mut text, mut number, mut truth) =
            (Value::Null(Type::Text), Value::Null(Type::Double), Value::Null(Type::Bool));
        match self.value {
            Value::Double(_) => number = self.value,
            Value::Bool(_) => truth = self.value,
            _ => text = self.value,
        }
        vec![Value::Int32(self.work_item_id), Value::Int32(self.field_id), text, number, truth]
    }
}

/// A work item; until [`WorkItem::placed`], alone and without a budget computed.
#[derive(Clone, Debug)]
pub(super) struct WorkItem {
    pub id: i32,
    pub parent_id: Option<i32>,
    pub project_id: Option<i32>,
    pub area_id: Option<i32>,
    pub iteration_id: Option<i32>,
    pub assigned_to_user_id: Option<i32>,
    pub state_category: Option<&'static str>,
    root_id: i32,
    has_children: bool,
    effective: Effective,
    /// As long as [`KNOWN`].
    fields: Vec<Value>,
}

const PLACE: [&str; 11] = [
    "id",
    "parent_id",
    "root_id",
    "has_children",
    "budget_id",
    "budget_assignment",
    "project_id",
    "area_id",
    "iteration_id",
    "assigned_to_user_id",
    "state_category",
];

static WORK_ITEM_COLUMNS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| PLACE.into_iter().chain(KNOWN.iter().map(|field| field.column)).collect());

impl WorkItem {
    pub fn new(id: i32) -> WorkItem {
        WorkItem {
            id,
            parent_id: None,
            project_id: None,
            area_id: None,
            iteration_id: None,
            assigned_to_user_id: None,
            state_category: None,
            root_id: id,
            has_children: false,
            effective: Effective { budget: None, assignment: Assignment::NotComputed },
            fields: KNOWN.iter().map(known_fields::Known::unset).collect(),
        }
    }

    /// With its place in the tree and its budget.
    pub fn placed(self, root_id: i32, has_children: bool, effective: Effective) -> WorkItem {
        WorkItem { root_id, has_children, effective, ..self }
    }

    /// Sets a known field by its position in [`KNOWN`].
    pub fn set_at(&mut self, field: usize, value: Value) {
        self.fields[field] = value;
    }

    /// Sets a known field by its reference name, where there is a value.
    pub fn set(&mut self, name: &str, value: Option<Value>) {
        if let (Some(position), Some(value)) = (known_fields::position(name), value) {
            self.set_at(position, value);
        }
    }
}

impl Row for WorkItem {
    const TABLE: &'static str = "work_items";

    fn columns() -> &'static [&'static str] {
        &WORK_ITEM_COLUMNS
    }

    fn values(self) -> Vec<Value> {
        let mut values = vec![
            Value::Int32(self.id),
            int(self.parent_id),
            Value::Int32(self.root_id),
            Value::Bool(self.has_children),
            int(self.effective.budget),
            Value::Int32(self.effective.assignment.number()),
            int(self.project_id),
            int(self.area_id),
            int(self.iteration_id),
            int(self.assigned_to_user_id),
            text(self.state_category.map(str::to_owned)),
        ];
        values.extend(self.fields);
        values
    }
}
