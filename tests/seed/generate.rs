//! Made-up data: the same from the same number, on both back ends, and with everything that the issue lists.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use timeledger::db::{Conn, Role, tables};
use timeledger::on;
use timeledger::seed::{self, SeedError, SeedOptions, Summary};
use timeledger::sql::{Day, Instant};

use crate::backend::{BACKENDS, Backend, Database};

const SMALL: SeedOptions = SeedOptions { users: 12, work_items: 300, worklogs: 9_000, budgets: 20, random_seed: 42 };

fn generate(database: &Database, options: &SeedOptions) -> (Conn, Summary) {
    let mut conn = database.connect(Role::Migrator);
    let summary = seed::generate(&mut conn, options, &mut |_| {}).unwrap_or_else(|e| panic!("{}: {e}", database.text));
    (conn, summary)
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// Every row of every table as text that both back ends write alike, in order.
fn dump(conn: &mut Conn) -> BTreeMap<&'static str, Vec<String>> {
    let tables: [(&str, &str); 16] = [
        (
            "users",
            "id, ~guid, name, unique_name, unique_name_key, email, ~sk, role, ?is_active, time_zone, @created_at",
        ),
        ("projects", "id, ~guid, name"),
        ("teams", "id, ~guid, name, project_id"),
        ("team_members", "team_id, user_id"),
        ("areas", "id, ~guid, name, path, depth, project_id, parent_id, ado_id"),
        ("iterations", "id, ~guid, path, parent_id, ^start_date, ^end_date"),
        ("activity_types", "id, ~guid, name, color, ?is_active"),
        ("budgets", "id, ~guid, name, planned_seconds, comment, ?closed, @closed_at, @created_at"),
        (
            "work_items",
            "id, parent_id, root_id, ?has_children, budget_id, budget_assignment, project_id, area_id, iteration_id, \
             assigned_to_user_id, state_category, title, state, assigned_to, created_by, tags, area_path, iteration_path, \
             @changed_at, @created_date, @closed_date, priority, !story_points, !remaining_work, severity",
        ),
        ("work_item_tree", "ancestor_id, descendant_id, depth"),
        ("fields", "id, reference_name, type"),
        ("work_item_fields", "work_item_id, field_id, text_value, !number_value, ?bool_value"),
        ("budget_work_items", "work_item_id, budget_id"),
        ("budget_iterations", "iteration_id, budget_id"),
        (
            "worklogs",
            "id, ~guid, user_id, added_by_user_id, edited_by_user_id, work_item_id, activity_type_id, budget_id, \
             own_budget_id, @started_at, ^work_date, length_seconds, billable_seconds, comment, ?is_billable, ?is_tracked, \
             ?is_manually_entered, ?is_changed, ?is_tracked_extended, ?is_imported, ?is_from_api, ?deleted, @created_at, \
             @edited_at",
        ),
        ("dates", "date_sk, ^day, iso_year, iso_week, month_name, day_name, ?is_weekend"),
    ];
    let is_sqlite = matches!(conn, Conn::Sqlite(_));
    let written = |column: &str| {
        let (kind, name) = column.split_at(1);
        let expression = match (kind, is_sqlite) {
            ("~", true) => format!("nullif(lower(hex({name})), '')"),
            ("~", false) => format!("replace({name}::text, '-', '')"),
            ("@", true) | ("^", true) | ("?", true) => name.to_owned(),
            ("@", false) => format!("(extract(epoch from {name}) * 1000000)::bigint"),
            ("^", false) => format!("{name} - date '1970-01-01'"),
            ("?", false) => format!("{name}::int"),
            ("!", true) => format!("cast({name} * 1000 as integer)"),
            ("!", false) => format!("({name} * 1000)::bigint"),
            _ => column.to_owned(),
        };
        format!("coalesce(cast({expression} as text), '-')")
    };
    let mut dump = BTreeMap::new();
    for (table, columns) in tables {
        let columns: Vec<&str> = columns.split(", ").map(str::trim).collect();
        let line = columns.iter().map(|column| written(column)).collect::<Vec<_>>().join(" || '|' || ");
        let order = columns.iter().take(2).map(|c| c.trim_start_matches(['~', '^'])).collect::<Vec<_>>().join(", ");
        let query = format!("SELECT {line} AS line FROM {table} ORDER BY {order}");
        let lines: Vec<Line> =
            on!(conn, c => diesel::sql_query(&query).load(c)).unwrap_or_else(|e| panic!("{query}: {e}"));
        dump.insert(table, lines.into_iter().map(|line| line.line).collect());
    }
    dump
}

fn number(conn: &mut Conn, query: &str) -> i64 {
    let number: Number =
        on!(conn, c => diesel::sql_query(format!("SELECT count(*) AS number FROM {query}")).get_result(c))
            .unwrap_or_else(|e| panic!("{query}: {e}"));
    number.number
}

#[test]
fn the_same_number_gives_the_same_rows_on_both_back_ends() {
    let databases = BACKENDS.map(Database::empty);
    let [sqlite, postgres] = databases.each_ref().map(|database| generate(database, &SMALL));
    assert_eq!(sqlite.1, postgres.1);
    let (mut sqlite, mut postgres) = (sqlite.0, postgres.0);
    let (ours, theirs) = (dump(&mut sqlite), dump(&mut postgres));
    for (table, lines) in &ours {
        assert_eq!(lines.len(), theirs[table].len(), "{table}");
        assert!(!lines.is_empty(), "{table}");
        let difference = lines.iter().zip(&theirs[table]).find(|(ours, theirs)| ours != theirs);
        assert_eq!(difference, None, "{table}");
    }
    let again = Database::empty(Backend::Sqlite);
    let (mut conn, _) = generate(&again, &SMALL);
    assert!(dump(&mut conn) == ours, "another run differs");
    let other = Database::empty(Backend::Sqlite);
    let (mut conn, _) = generate(&other, &SeedOptions { random_seed: 43, ..SMALL });
    assert!(dump(&mut conn)["worklogs"] != ours["worklogs"], "another number gives the same");
}

#[test]
fn everything_is_among_the_rows() {
    let database = Database::empty(Backend::Sqlite);
    let (mut conn, summary) = generate(&database, &SMALL);
    let conn = &mut conn;
    assert_eq!(summary.users, 12);
    assert_eq!((summary.work_items, summary.worklogs, summary.budgets), (300, 9_000, 20));
    assert_eq!(i64::try_from(summary.deleted).ok(), Some(number(conn, "worklogs WHERE deleted")));
    let sums: (Option<i64>, Option<i64>) = on!(conn, c => {
        use diesel::dsl::sum;
        use tables::worklogs::{billable_seconds, deleted, length_seconds, table};
        table.filter(deleted.eq(false)).select((sum(length_seconds), sum(billable_seconds))).get_result(c)
    })
    .expect("sums");
    assert_eq!(sums, (Some(summary.seconds as i64), Some(summary.billable_seconds as i64)));
    for role in 0..5 {
        assert!(number(conn, &format!("users WHERE role = {role}")) > 0, "role {role}");
    }
    for query in [
        "worklogs WHERE work_item_id IS NULL AND NOT deleted",
        "worklogs WHERE deleted",
        "worklogs WHERE comment LIKE '%\"%'",
        "worklogs WHERE comment LIKE '%''%'",
        "worklogs WHERE comment GLOB '*[^ -~]*'",
        "worklogs WHERE comment IS NULL",
        "worklogs WHERE comment = ''",
        "worklogs WHERE own_budget_id IS NOT NULL",
        "worklogs WHERE edited_by_user_id IS NOT NULL",
        "worklogs WHERE is_tracked AND is_tracked_extended",
        "worklogs WHERE billable_seconds = 0 AND NOT is_billable",
        "worklogs WHERE billable_seconds IS NULL",
        "worklogs WHERE activity_type_id IS NULL",
        "work_item_tree WHERE depth = 4",
        "work_items WHERE parent_id IS NULL AND NOT has_children",
        "work_items WHERE closed_date IS NOT NULL",
        "work_items WHERE state = 'New'",
        "work_items WHERE iteration_id IS NULL",
        "work_items WHERE budget_assignment = 1",
        "work_items WHERE budget_assignment = 2",
        "work_items WHERE budget_assignment = 3",
        "work_items WHERE budget_assignment = 4",
        "work_item_fields WHERE text_value IS NOT NULL",
        "work_item_fields WHERE number_value IS NOT NULL",
        "work_item_fields WHERE bool_value",
        "budgets WHERE closed AND closed_at IS NOT NULL",
        "budgets WHERE NOT closed",
        "budgets WHERE planned_seconds = 0",
        "budgets WHERE id NOT IN (SELECT budget_id FROM worklogs WHERE budget_id IS NOT NULL)",
        "budgets WHERE planned_seconds < (SELECT sum(length_seconds) FROM worklogs WHERE budget_id = budgets.id)",
    ] {
        assert!(number(conn, query) > 0, "none of {query}");
    }
    for query in [
        "users WHERE role > 0 AND (email IS NULL OR NOT is_active)",
        "users WHERE role > 0 AND id NOT IN (SELECT user_id FROM worklogs WHERE NOT deleted)",
        "(SELECT email FROM users WHERE email IS NOT NULL GROUP BY email HAVING count(*) > 1) AS twice",
        "work_items WHERE budget_assignment = 0",
        "worklogs WHERE work_date NOT IN (SELECT day FROM dates)",
        // 2022-01-01 to 2024-12-31.
        "worklogs WHERE work_date < 18993 OR work_date > 20088",
        "worklogs WHERE edited_at < created_at OR created_at < started_at",
        "worklogs WHERE length_seconds <= 0",
    ] {
        assert_eq!(number(conn, query), 0, "{query}");
    }
}

#[test]
fn what_the_writers_keep_is_what_recomputing_gives() {
    for backend in BACKENDS {
        let database = Database::empty(backend);
        let (mut conn, _) = generate(&database, &SMALL);
        let before = dump(&mut conn);
        conn.write(|tx| {
            on!(tx, c => diesel::update(tables::worklogs::table)
                .set(tables::worklogs::budget_id.eq(None::<i32>))
                .execute(c))
            .map_err(timeledger::db::DbError::from)?;
            let forest = timeledger::domain::tree::recompute_all(tx)?;
            timeledger::domain::budgets::recompute_all(tx, &forest)?;
            Ok::<_, timeledger::domain::tree::TreeError>(())
        })
        .expect("recomputed");
        assert!(dump(&mut conn) == before, "{backend:?}");
    }
}

#[test]
fn small_numbers_are_fine_and_full_databases_are_left_alone() {
    for (users, work_items, worklogs, budgets) in
        [(0, 0, 0, 0), (1, 0, 5, 1), (2, 1, 1, 3), (5, 7, 3, 0), (3, 40, 0, 2)]
    {
        let database = Database::empty(Backend::Sqlite);
        let options = SeedOptions { users, work_items, worklogs, budgets, random_seed: 1 };
        let (mut conn, summary) = generate(&database, &options);
        assert_eq!((summary.users, summary.worklogs), (u64::from(users), u64::from(worklogs)));
        if users > 0 {
            let again = seed::generate(&mut conn, &options, &mut |_| {});
            assert!(matches!(again, Err(SeedError::NotEmpty)), "{again:?}");
        }
    }
    let nobody = SeedOptions { users: 0, work_items: 0, worklogs: 1, budgets: 0, random_seed: 1 };
    let refused = seed::generate(&mut Database::empty(Backend::Sqlite).connect(Role::Migrator), &nobody, &mut |_| {});
    assert!(matches!(refused, Err(SeedError::NobodyWorks)), "{refused:?}");
}

#[test]
fn demo_data_end_today() {
    let database = Database::empty(Backend::Sqlite);
    let mut conn = database.connect(Role::Migrator);
    let now = Instant(1_700_000_000_000_000);
    let summary = seed::demo(&mut conn, now, &mut |_| {}).expect("demo data");
    assert_eq!((summary.users, summary.worklogs), (8, 100_000));
    let days: Vec<Day> = on!(&mut conn, c => {
        use tables::worklogs::{table, work_date};
        table.select(work_date).order(work_date).load(c)
    })
    .expect("days");
    let (first, last) = (days[0], days[days.len() - 1]);
    assert!(now.day().0 - last.0 < 4 && (1080..1096).contains(&(last.0 - first.0)), "{first:?} {last:?}");
    assert_eq!(number(&mut conn, "projects"), 4);
}
