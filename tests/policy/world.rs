//! Two databases that a Team caller cannot tell apart: one with the time of others and budgets, one without.

use timeledger::db::{Conn, DbError, Role as ConnRole};
use timeledger::domain::calendar;
use timeledger::policy::{Caller, Duties, Role};
use timeledger::sql::{Day, Guid, Insert, Instant, Type, Value};

use crate::backend::{Backend, Database};

/// What only others' rows carry.
pub const MARKER: &str = "SECRET-";
/// How requests look for it; the hyphen tells an echo of the request from a row.
pub const PROBE: &str = "SECRET";

/// A log: who, item, kind of work, seconds, seconds to bill, budget, deleted.
struct Log(i32, Option<i32>, Option<i32>, i32, Option<i32>, Option<i32>, bool);

/// Of person 1, who asks, and of person 2. Others work on the same items, kinds and days, and on some of their own; one
/// log of theirs divides by zero, one is deleted.
const LOGS: [Log; 11] = [
    Log(1, Some(1), Some(1), 100, Some(60), Some(1), false),
    Log(2, Some(1), Some(1), 7_001, Some(7_001), Some(1), false),
    Log(1, Some(3), Some(1), 200, None, None, false),
    Log(2, Some(2), Some(2), 7_002, None, Some(2), false),
    Log(1, None, None, 400, Some(400), None, false),
    Log(2, Some(3), Some(1), 0, Some(0), None, false),
    Log(1, Some(2), Some(1), 800, Some(800), Some(2), true),
    Log(2, Some(4), Some(2), 7_004, Some(1), Some(2), false),
    Log(2, None, Some(3), 7_008, None, Some(1), false),
    Log(2, Some(3), Some(3), 7_016, Some(7_016), None, true),
    Log(2, Some(3), None, i32::MAX, Some(i32::MAX), Some(1), false),
];

/// Logs and seconds that person 1 has, by the table above; with the deleted ones or without.
pub fn own_time(deleted_too: bool) -> (i64, i64) {
    let own = LOGS.iter().filter(|log| log.0 == 1 && (deleted_too || !log.6));
    own.fold((0, 0), |(logs, seconds), log| (logs + 1, seconds + i64::from(log.3)))
}

/// Who asks: person 1, whose role the test sets.
pub fn person(role: Role) -> Caller {
    Caller { user_id: 1, user_guid: guid(0x11, 1), name: "Tia".into(), role, duties: Duties::NONE }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    Present,
    Absent,
}

pub fn database(backend: Backend, others: Others) -> Database {
    let database = Database::migrated(backend);
    let mut conn = database.connect(ConnRole::Migrator);
    conn.write::<_, DbError>(|tx| {
        calendar::cover(tx, DAY, DAY)?;
        fill(tx, others)
    })
    .expect("rows are stored");
    database
}

/// 2024-03-01
const DAY: Day = Day(19_783);

fn guid(kind: u128, n: u128) -> Guid {
    Guid(uuid::Uuid::from_u128(kind << 64 | n))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn int(value: Option<i32>) -> Value {
    value.map_or(Value::Null(Type::Int32), Value::Int32)
}

fn at(days: i32) -> Instant {
    Instant(Day(DAY.0 + days).midnight().0 + 36_000_000_000)
}

fn fill(conn: &mut Conn, others: Others) -> Result<(), DbError> {
    people(conn)?;
    places(conn)?;
    if others == Others::Present {
        budgets(conn)?;
    }
    items(conn, others)?;
    if others == Others::Present {
        assignments(conn)?;
    }
    logs(conn, others)
}

fn people(conn: &mut Conn) -> Result<(), DbError> {
    let columns = &["id", "guid", "name", "unique_name", "unique_name_key", "email", "role", "is_active", "created_at"];
    let mut users = Insert::into("users", columns);
    let all = [("tia", Role::Team), ("petra", Role::Product), ("nil", Role::None), ("root", Role::Administrator)];
    for (id, (name, role)) in (1..).zip(all) {
        users.rows.push(vec![
            Value::Int32(id),
            Value::Guid(guid(0x11, id as u128)),
            text(name),
            text(name),
            text(name),
            text(&format!("{name}@example.com")),
            Value::Int32(role.number()),
            Value::Bool(true),
            Value::Instant(at(-100)),
        ]);
    }
    conn.insert(&users)?;
    let mut kinds = Insert::into("activity_types", &["id", "guid", "name", "color", "is_active"]);
    for id in 1..=3 {
        let name = format!("Kind {id}");
        kinds.rows.push(vec![
            Value::Int32(id),
            Value::Guid(guid(0x22, id as u128)),
            text(&name),
            text("00aa00"),
            Value::Bool(true),
        ]);
    }
    conn.insert(&kinds)
}

fn places(conn: &mut Conn) -> Result<(), DbError> {
    let mut projects = Insert::into("projects", &["id", "guid", "name"]);
    projects.rows.push(vec![Value::Int32(1), Value::Guid(guid(0x33, 1)), text("Alpha")]);
    conn.insert(&projects)?;
    let columns = &["id", "guid", "name", "path", "depth", "project_id", "ado_id"];
    for (table, kind) in [("areas", 0x44), ("iterations", 0x55)] {
        let mut nodes = Insert::into(table, columns);
        for id in 1..=2 {
            let name = format!("Node {id}");
            nodes.rows.push(vec![
                Value::Int32(id),
                Value::Guid(guid(kind, id as u128)),
                text(&name),
                text(&format!("Alpha\\{name}")),
                Value::Int32(1),
                Value::Int32(1),
                Value::Int32(10 + id),
            ]);
        }
        conn.insert(&nodes)?;
    }
    Ok(())
}

fn budgets(conn: &mut Conn) -> Result<(), DbError> {
    let mut budgets =
        Insert::into("budgets", &["id", "guid", "name", "planned_seconds", "comment", "closed", "created_at"]);
    for id in 1..=2 {
        budgets.rows.push(vec![
            Value::Int32(id),
            Value::Guid(guid(0x66, id as u128)),
            text(&format!("{MARKER}budget {id}")),
            Value::Int32(77_000 + id),
            text(&format!("{MARKER}comment of budget {id}")),
            Value::Bool(false),
            Value::Instant(at(-10)),
        ]);
    }
    conn.insert(&budgets)
}

fn assignments(conn: &mut Conn) -> Result<(), DbError> {
    let mut assigned = Insert::into("budget_work_items", &["work_item_id", "budget_id"]);
    assigned.rows.push(vec![Value::Int32(1), Value::Int32(1)]);
    conn.insert(&assigned)?;
    let mut assigned = Insert::into("budget_iterations", &["iteration_id", "budget_id"]);
    assigned.rows.push(vec![Value::Int32(2), Value::Int32(2)]);
    conn.insert(&assigned)
}

/// Items 1 ← 2 ← 3, and 4 by itself; a custom field on one.
fn items(conn: &mut Conn, others: Others) -> Result<(), DbError> {
    let columns = &[
        "id",
        "parent_id",
        "root_id",
        "has_children",
        "budget_id",
        "budget_assignment",
        "project_id",
        "area_id",
        "iteration_id",
        "area_ado_id",
        "iteration_ado_id",
        "assigned_to_user_id",
        "title",
        "state",
        "work_item_type",
        "effort",
        "priority",
        "created_date",
        "changed_at",
    ];
    let mut items = Insert::into("work_items", columns);
    // id, parent, root, budget, where it comes from
    for (id, parent, root, budget, assignment) in
        [(1, None, 1, Some(1), 2), (2, Some(1), 1, Some(1), 3), (3, Some(2), 1, None, 1), (4, None, 4, Some(2), 4)]
    {
        let (budget, assignment) = if others == Others::Present { (budget, assignment) } else { (None, 1) };
        items.rows.push(vec![
            Value::Int32(id),
            int(parent),
            Value::Int32(root),
            Value::Bool(id < 3),
            int(budget),
            Value::Int32(assignment),
            Value::Int32(1),
            Value::Int32(1 + id % 2),
            Value::Int32(1 + id % 2),
            Value::Int32(11 + id % 2),
            Value::Int32(11 + id % 2),
            int((id == 3).then_some(1)),
            text(&format!("Item {id}")),
            text("Active"),
            text("Task"),
            Value::Double(f64::from(id) / 2.0),
            Value::Int32(id),
            Value::Instant(at(-50)),
            Value::Instant(at(-40)),
        ]);
    }
    conn.insert(&items)?;
    let mut tree = Insert::into("work_item_tree", &["ancestor_id", "descendant_id", "depth"]);
    for (above, below, depth) in [(1, 1, 0), (2, 2, 0), (3, 3, 0), (4, 4, 0), (1, 2, 1), (2, 3, 1), (1, 3, 2)] {
        tree.rows.push([above, below, depth].map(Value::Int32).to_vec());
    }
    conn.insert(&tree)?;
    let mut fields = Insert::into("fields", &["id", "reference_name", "type"]);
    fields.rows.push(vec![Value::Int32(1), text("Custom.Team"), Value::Int32(0)]);
    conn.insert(&fields)?;
    let mut values = Insert::into("work_item_fields", &["work_item_id", "field_id", "text_value"]);
    values.rows.push(vec![Value::Int32(3), Value::Int32(1), text("Red")]);
    conn.insert(&values)
}

fn logs(conn: &mut Conn, others: Others) -> Result<(), DbError> {
    let columns = &[
        "id",
        "guid",
        "user_id",
        "added_by_user_id",
        "work_item_id",
        "activity_type_id",
        "budget_id",
        "own_budget_id",
        "started_at",
        "work_date",
        "length_seconds",
        "billable_seconds",
        "comment",
        "is_billable",
        "is_tracked",
        "is_manually_entered",
        "is_changed",
        "is_tracked_extended",
        "is_imported",
        "is_from_api",
        "deleted",
        "created_at",
        "edited_at",
    ];
    let mut logs = Insert::into("worklogs", columns);
    for (id, Log(user, item, kind, seconds, to_bill, budget, deleted)) in (1..).zip(&LOGS) {
        let own = *user == 1;
        if !own && others == Others::Absent {
            continue;
        }
        let budget = if others == Others::Present { *budget } else { None };
        let day = id % 4;
        let comment = if own { format!("mine {id}") } else { format!("{MARKER}{id}") };
        let mut row = vec![
            Value::Int64(i64::from(id)),
            Value::Guid(guid(if own { 0x77 } else { 0x88 }, id as u128)),
            Value::Int32(*user),
            int((id == 3).then_some(2)),
            int(*item),
            int(*kind),
            int(budget),
            Value::Null(Type::Int32),
            Value::Instant(at(day)),
            Value::Day(Day(DAY.0 + day)),
            Value::Int32(*seconds),
            int(*to_bill),
            text(&comment),
            Value::Bool(to_bill.is_some()),
        ];
        row.extend([true, false, false, false, false, false, *deleted].map(Value::Bool));
        row.extend([Value::Instant(at(day)), Value::Instant(at(day + id))]);
        logs.rows.push(row);
    }
    conn.insert(&logs)?;
    conn.advance_keys()
}
