//! Every member can be read on both back ends, and the sums of the declarations are right.

use diesel::connection::SimpleConnection;
use timeledger::db::{Conn, Role};
use timeledger::odata::bind::{self, Environment};
use timeledger::odata::edm::{Edm, Field, Model, Structured};
use timeledger::odata::limits::Limits;
use timeledger::odata::parse::{self, RawRequest};
use timeledger::odata::plan::{self, Context, Field as Member, Page};
use timeledger::on;
use timeledger::policy::{self, Caller};
use timeledger::sql::{Cell, Guid, Instant, Value};

use super::models;
use crate::backend::{BACKENDS, Backend, Database};

const NOW: Instant = Instant(1_700_000_000_000_000);

/// Who asks: person 1 of [`tree_of_items`].
fn caller(role: policy::Role) -> Caller {
    Caller {
        user_id: 1,
        user_guid: Guid(uuid::Uuid::from_u128(1)),
        name: "Ada".into(),
        role,
        duties: policy::Duties::NONE,
    }
}

/// The rows behind an address, as the caller reads them, and what is written of them.
fn rows(conn: &mut Conn, model: &Model, who: &Caller, path: &str, options: &str) -> (Vec<Member>, Vec<Vec<Value>>) {
    let limits = Limits { columns: 1_000, ..Limits::default() };
    let request = RawRequest { path, query: options, body: None };
    let syntax = parse::parse(&request, &limits).unwrap_or_else(|e| panic!("{path}?{options}: {e:?}"));
    let environment = Environment { limits: &limits, now: NOW };
    let query = bind::bind(&syntax, model, environment).unwrap_or_else(|e| panic!("{path}?{options}: {e:?}"));
    let me = Some(i64::from(who.user_id));
    let context = Context { viewer: who, me, params: &query.params, schema: model.schema, few_rows: false };
    let plan =
        plan::plan(&query, context, &Page::default(), &limits).unwrap_or_else(|e| panic!("{path}?{options}: {e:?}"));
    let statement = plan.level.statement();
    let rows = conn.rows(&statement, &statement.types).unwrap_or_else(|e| panic!("{path}?{options}: {e}"));
    (plan.level.fields, rows)
}

/// A custom field, so that the open type has a dynamic property.
fn custom() -> Field {
    Field { id: 1, name: "Custom_Points".into(), reference_name: "Custom.Points".into(), ty: Edm::Double }
}

/// Each set whole, each of its to-one navigations expanded, in both forms of derived values: a few rows and all.
#[test]
fn every_member_can_be_read() {
    let fields = [custom()];
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        let conn = &mut database.connect(Role::Migrator);
        for (segment, sees_budgets, model) in models() {
            let model = Model { fields: &fields, ..model };
            let who = caller(if sees_budgets { policy::Role::Administrator } else { policy::Role::Team });
            let parameters = if segment.starts_with("v3") {
                "prefilter=Me&worklogsFilter=PeriodLength gt 1 and User/Name ne 'x'\
                 &workItemsFilter=System_Id gt 0 and Children/any(c: c/TrackedTotal ge 0)\
                 &workItemFilterApplyTarget=RootWorkItems\
                 &customFields=Custom.Points,System.Title,Microsoft.VSTS.Common.Priority,No.Such\
                 &rollupFields=Custom.Points,Microsoft.VSTS.Scheduling.Effort,No.Such"
            } else {
                ""
            };
            for set in model.sets() {
                let one: Vec<&str> =
                    model.navs(Structured::Entity(set.entity)).filter(|n| !n.many).map(|n| n.name).collect();
                let expand = if one.is_empty() { String::new() } else { format!("$expand={}", one.join(",")) };
                for options in [expand.clone(), format!("{expand}&$top=5"), format!("{expand}&$top=5&{parameters}")] {
                    assert!(rows(conn, &model, &who, set.name, options.trim_matches('&')).1.is_empty());
                }
            }
            for entity in model.types().entities {
                let Some(set) = model.set_of(entity) else { continue };
                for nav in model.navs(Structured::Entity(entity)) {
                    let options = match nav.many {
                        true => format!("$filter={}/any()&{parameters}", nav.name),
                        false => format!("$filter={} ne null&{parameters}", nav.name),
                    };
                    rows(conn, &model, &who, set.name, options.trim_matches('&'));
                }
            }
        }
    }
}

/// Spellings of literals that differ between the back ends.
struct Literals(Backend);

impl Literals {
    fn guid(&self, n: u128) -> String {
        match self.0 {
            Backend::Sqlite => format!("X'{n:032x}'"),
            Backend::Postgres => format!("'{}'", uuid::Uuid::from_u128(n)),
        }
    }

    fn instant(&self) -> String {
        match self.0 {
            Backend::Sqlite => "1700000000000000".into(),
            Backend::Postgres => "to_timestamp(1700000000)".into(),
        }
    }

    fn day(&self) -> String {
        match self.0 {
            Backend::Sqlite => "19675".into(),
            Backend::Postgres => "DATE '2023-11-14'".into(),
        }
    }
}

/// Items 1 ← 2 ← 3, and 4 by itself; two people; six logs.
///
/// | log | person | item | seconds | to bill | |
/// |---|---|---|---|---|---|
/// | 1 | 1 | 1 | 100 | 60 | billable, on budget 1 |
/// | 2 | 1 | 2 | 200 | 50 | not billable |
/// | 3 | 2 | 3 | 400 | null | billable, on budget 1 |
/// | 4 | 2 | 3 | 800 | 800 | billable, deleted |
/// | 5 | 1 | none | 1600 | 1600 | billable |
fn tree_of_items(backend: Backend, conn: &mut Conn) {
    let spell = Literals(backend);
    let (at, day) = (spell.instant(), spell.day());
    let mut sql = String::new();
    for (id, name) in [(1, "Ada"), (2, "Bob")] {
        sql += &format!(
            "INSERT INTO users (id, guid, name, unique_name, unique_name_key, role, is_active, created_at)
             VALUES ({id}, {}, '{name}', '{name}', '{}', 4, TRUE, {at});",
            spell.guid(id),
            name.to_lowercase()
        );
    }
    sql += &format!(
        "INSERT INTO budgets (id, guid, name, planned_seconds, closed, created_at)
         VALUES (1, {}, 'Build', 3600, FALSE, {at});",
        spell.guid(7)
    );
    let items = [(1, "NULL", 1, "NULL"), (2, "1", 1, "3.5"), (3, "2", 1, "5"), (4, "NULL", 4, "NULL")];
    for (id, parent, root, effort) in items {
        sql += &format!(
            "INSERT INTO work_items
                 (id, parent_id, root_id, has_children, budget_assignment, area_ado_id, iteration_ado_id, title, effort,
                  priority, created_date)
             VALUES ({id}, {parent}, {root}, {}, 1, 10, 20, 'Item {id}', {effort}, {id}, {at});",
            matches!(id, 1 | 2)
        );
    }
    for (above, below, depth) in [(1, 1, 0), (2, 2, 0), (3, 3, 0), (4, 4, 0), (1, 2, 1), (2, 3, 1), (1, 3, 2)] {
        sql += &format!("INSERT INTO work_item_tree VALUES ({above}, {below}, {depth});");
    }
    sql += "INSERT INTO fields (id, reference_name, type) VALUES (1, 'Custom.Points', 1);
            INSERT INTO work_item_fields (work_item_id, field_id, number_value) VALUES (3, 1, 7);";
    for (id, person, item, seconds, to_bill, billable, budget, deleted) in [
        (1, 1, "1", 100, "60", true, "1", false),
        (2, 1, "2", 200, "50", false, "NULL", false),
        (3, 2, "3", 400, "NULL", true, "1", false),
        (4, 2, "3", 800, "800", true, "NULL", true),
        (5, 1, "NULL", 1_600, "1600", true, "NULL", false),
    ] {
        sql += &format!(
            "INSERT INTO worklogs
                 (id, guid, user_id, work_item_id, budget_id, started_at, work_date, length_seconds, billable_seconds,
                  is_billable, is_tracked, is_manually_entered, is_changed, is_tracked_extended, is_imported, is_from_api,
                  deleted, created_at, edited_at)
             VALUES ({id}, {}, {person}, {item}, {budget}, {at}, {day}, {seconds}, {to_bill}, {billable}, FALSE, TRUE,
                     FALSE, FALSE, FALSE, FALSE, {deleted}, {at}, {at});",
            spell.guid(100 + id)
        );
    }
    on!(conn, c => c.batch_execute(&sql)).expect("rows to read");
}

/// A row as a test writes it.
fn written(row: &[Value], members: &[Member]) -> String {
    let value = |member: &Member| {
        let Member::Value { slot, .. } = member else { panic!("{member:?} is no value") };
        match (&row[slot.column], slot.late) {
            (Value::Day(day), Some(late)) => late.of(Cell::Day(*day), |cell| match cell {
                Cell::Int(n) => n.to_string(),
                other => format!("{other:?}"),
            }),
            (value, _) => text(value),
        }
    };
    members.iter().map(value).collect::<Vec<_>>().join(" ")
}

fn text(value: &Value) -> String {
    match value {
        Value::Null(_) => "null".to_owned(),
        Value::Int32(n) => n.to_string(),
        Value::Int64(n) => n.to_string(),
        Value::Double(n) => n.to_string(),
        Value::Text(text) => text.clone(),
        Value::Bool(is) => is.to_string(),
        other => format!("{other:?}"),
    }
}

/// The selected columns of each row, in the order of the declaration and in both forms of derived values.
fn check(segment: &str, role: policy::Role, address: &str, columns: &str, options: &str, expected: &[&str]) {
    let (schema, version) = timeledger::entities::schema_for(segment).expect("a version of ours");
    let granted = timeledger::entities::rights(role.sees_budgets());
    let fields = [custom()];
    let model = Model { schema, version, granted, fields: &fields };
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        let conn = &mut database.connect(Role::Migrator);
        tree_of_items(backend, conn);
        for few in ["", "&$top=50"] {
            let all = format!("$select={columns}{few}{options}");
            let (members, found) = rows(conn, &model, &caller(role), address, &all);
            let found: Vec<String> = found.iter().map(|row| written(row, &members)).collect();
            assert_eq!(found, expected, "{backend:?}: {segment}/{address}?{all}");
        }
    }
}

const ADMINISTRATOR: policy::Role = policy::Role::Administrator;
const TIMES: &str = "System_Id,TrackedItself,TrackedItselfBillable,TrackedTotal,TrackedTotalBillable";

/// Contract §3.4: items, and items with all below; billable is 0 where the log is not.
#[test]
fn times_of_work_items() {
    let all = "workItemsHierarchyAllLevels";
    let sums = ["1 100 60 700 60", "2 200 0 600 0", "3 400 0 400 0", "4 0 0 0 0"];
    check("v3.0", ADMINISTRATOR, all, TIMES, "", &sums);
    check("v3.0", ADMINISTRATOR, "workItemsHierarchy", TIMES, "", &["1 100 60 700 60", "4 0 0 0 0"]);
    check("v3.0", ADMINISTRATOR, "workItems", "System_Id,TrackedItself", "", &["1 100", "2 200", "3 400", "4 0"]);
    check("v4.0", ADMINISTRATOR, "WorkItems", "WorkItemId,TrackedTotal", "", &["1 700", "2 600", "3 400", "4 0"]);
}

/// Contract §3.7: sums use what `prefilter` and `worklogsFilter` leave, and a Team caller's own logs alone (§6.6).
#[test]
fn times_of_the_logs_that_are_left() {
    let all = "workItemsHierarchyAllLevels";
    let own = ["1 100 60 300 60", "2 200 0 200 0", "3 0 0 0 0", "4 0 0 0 0"];
    check("v3.0", ADMINISTRATOR, all, TIMES, "&prefilter=Me", &own);
    check("v3.0", policy::Role::Team, all, TIMES, "", &own);
    let long = ["1 0 0 600 0", "2 200 0 600 0", "3 400 0 400 0", "4 0 0 0 0"];
    check("v3.0", ADMINISTRATOR, all, TIMES, "&worklogsFilter=PeriodLength ge 200", &long);
    check("v3.0", ADMINISTRATOR, all, TIMES, "&worklogsFilter=User/Name eq 'Ada'", &own);
}

/// Contract §3.7: the filter narrows items, and on the log sets the logs; sums stay.
#[test]
fn work_items_filter() {
    let all = "workItemsHierarchyAllLevels";
    let second = "&workItemsFilter=System_Title eq 'Item 2'";
    check("v3.0", ADMINISTRATOR, all, TIMES, second, &["2 200 0 600 0"]);
    check("v3.0", ADMINISTRATOR, "workLogsOnly", "PeriodLength", second, &["200"]);
    check("v3.0", ADMINISTRATOR, "workItems(2)/DirectWorklogs", "PeriodLength", second, &["200"]);
    let roots = "&workItemsFilter=System_Title eq 'Item 1'&workItemFilterApplyTarget=RootWorkItems";
    check("v3.0", ADMINISTRATOR, all, "System_Id", roots, &["1", "2", "3"]);
    check("v3.0", ADMINISTRATOR, "workLogsOnly", "PeriodLength", roots, &["100", "200", "400"]);
    let parents = "&workItemsFilter=Children/any(c: c/System_Id eq 3)";
    check("v3.0", ADMINISTRATOR, "workItems", "System_Id", parents, &["2"]);
}

/// Contract §3.7: the n-th name fills slot n of the field's type; a name that no field bears fills none.
#[test]
fn custom_and_rollup_fields() {
    let columns = "System_Id,CustomStringField1,CustomStringField3,CustomNumericField2,CustomNumericField3";
    let names = "&customFields=System.Title,Custom.Points,Microsoft.VSTS.Common.Priority";
    let filled = ["1 Item 1 null null 1", "2 Item 2 null null 2", "3 Item 3 null 7 3", "4 Item 4 null null 4"];
    check("v3.0", ADMINISTRATOR, "workItems", columns, names, &filled);
    let columns = "System_Id,RollupValue1,RollupValue2,RollupValue3";
    let names = "&rollupFields=Microsoft.VSTS.Scheduling.Effort,Custom.Points,No.Such";
    let sums = ["1 8.5 7 null", "2 8.5 7 null", "3 5 7 null", "4 null null null"];
    check("v3.0", ADMINISTRATOR, "workItemsHierarchyAllLevels", columns, names, &sums);
    check("v4.0", ADMINISTRATOR, "WorkItems", "WorkItemId,Custom_Points", "&$filter=Custom_Points eq 7", &["3 7"]);
}

/// Contract §6.1 and §6.6: Team sees no budgets; their model of v3 is the same, with nothing in it.
#[test]
fn budgets_and_who_sees_them() {
    let columns = "BudgetName,Planned,Tracked,Billed";
    check("v3.0", ADMINISTRATOR, "budgets", columns, "", &["Build 3600 500 60"]);
    check("v3.0", policy::Role::Team, "budgets", columns, "", &[]);
    check("v4.0", ADMINISTRATOR, "Budgets", columns, "", &["Build 3600 500 60"]);
    check("v3.0", ADMINISTRATOR, "workItems", "BudgetAssignmentType", "&$filter=System_Id eq 1", &["1"]);
    check("v3.0", policy::Role::Team, "workItems", "BudgetAssignmentType", "&$filter=System_Id eq 1", &["0"]);
    let first = "&$filter=PeriodLength eq 100";
    check("v3.0", policy::Role::Team, "workLogsOnly", "BudgetId", first, &["null"]);
}

/// Contract §3.1: `…WithDeleted` alone shows deleted logs.
#[test]
fn deleted_logs() {
    check("v3.3", ADMINISTRATOR, "workLogsOnly", "PeriodLength", "&$filter=WorkItemId eq 3", &["400"]);
    let deleted = ["400 false", "800 true"];
    let of_third = "&$filter=WorkItemId eq 3";
    check("v3.3", ADMINISTRATOR, "workLogsOnlyWithDeleted", "PeriodLength,IsDeleted", of_third, &deleted);
}

/// Contract §3.3: AddedByUser is never null, so without a record of it the owner stands there.
#[test]
fn who_added_a_log() {
    let first = "&$filter=PeriodLength eq 400 and AddedByUser/Name eq 'Bob' and AddedByUserId eq UserId";
    check("v3.0", ADMINISTRATOR, "workLogsOnly", "PeriodLength", first, &["400"]);
}

/// Hours to the millionth, half up; a flat column by each path.
#[test]
fn columns_of_v4() {
    let columns =
        "DateSK,PeriodLength,Hours,User_Name,Budget_BudgetName,WorkItem_Title,WorkItem_Parent_Title,WorkedOn_Year";
    let first = ["20231114 100 27778 Ada Build Item 1 null 2023", "20231114 200 55556 Ada null Item 2 Item 1 2023"];
    check("v4.0", ADMINISTRATOR, "WorklogsFlat", columns, "&$filter=PeriodLength lt 300", &first);
    let assigned = "&$filter=WorkItemId eq 3";
    check("v4.0", ADMINISTRATOR, "WorkItemsFlat", "BudgetAssignment,Parent_Title", assigned, &["NoBudget Item 2"]);
    let above = "&$filter=Descendants/any(d: d/WorkItemId eq 3)";
    check("v4.0", ADMINISTRATOR, "WorkItems", "WorkItemId", above, &["1", "2"]);
    check("v4.0", ADMINISTRATOR, "WorkItems(1)/AllWorklogs", "PeriodLength", "", &["100", "200", "400"]);
}
