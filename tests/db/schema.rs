//! Migrations go up and down; what they make is what `tables.rs` declares.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use timeledger::db::migrate::{self, MigrateError, Step};
use timeledger::db::{Conn, DbError, Role, tables};
use timeledger::on;

use crate::backend::{BACKENDS, Backend, Database};

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = Text)]
    data_type: String,
    #[diesel(sql_type = Bool)]
    nullable: bool,
}

/// Column names and whether they may be null, by table.
type Tables = BTreeMap<String, BTreeMap<String, (String, bool)>>;

const SQLITE_COLUMNS: &str = "SELECT m.name AS table_name, p.name AS column_name, p.type AS data_type, \
     p.\"notnull\" = 0 AND p.pk = 0 AS nullable FROM sqlite_master m, pragma_table_info(m.name) p \
     WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\' \
     AND m.name NOT LIKE '%\\_search%' ESCAPE '\\'";
const POSTGRES_COLUMNS: &str = "SELECT table_name::text, column_name::text, \
     data_type::text || coalesce(' ' || collation_name::text, '') AS data_type, is_nullable = 'YES' AS nullable \
     FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%'";

fn introspect(conn: &mut Conn) -> Tables {
    let query = match conn {
        Conn::Sqlite(_) => SQLITE_COLUMNS,
        Conn::Postgres(_) => POSTGRES_COLUMNS,
    };
    let columns: Vec<Column> = on!(conn, c => diesel::sql_query(query).load(c)).expect("the catalogue answers");
    let mut found = Tables::new();
    for Column { table_name, column_name, data_type, nullable } in columns {
        found.entry(table_name).or_default().insert(column_name, (data_type, nullable));
    }
    found
}

/// Tables whose `guid` is unique by an index.
const UNIQUE_GUIDS: [&str; 2] = [
    "SELECT m.name AS table_name FROM sqlite_master m, pragma_index_list(m.name) l \
     WHERE m.type = 'table' AND l.\"unique\" AND NOT l.partial \
     AND (SELECT group_concat(i.name) FROM pragma_index_info(l.name) i) = 'guid'",
    "SELECT tablename::text AS table_name FROM pg_indexes WHERE schemaname = 'public' \
     AND indexdef LIKE 'CREATE UNIQUE INDEX%USING btree (guid)'",
];

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    table_name: String,
}

/// The planner looks keys up by them, and a second row would be an error of the database.
#[test]
fn guids_are_unique() {
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        let conn = &mut database.connect(Role::Reader);
        let query = UNIQUE_GUIDS[usize::from(backend == Backend::Postgres)];
        let unique: Vec<Table> = on!(conn, c => diesel::sql_query(query).load(c)).expect("the catalogue answers");
        let mut unique: Vec<String> = unique.into_iter().map(|table| table.table_name).collect();
        unique.sort();
        let all = introspect(conn);
        let expected: Vec<&String> =
            all.iter().filter(|(_, columns)| columns.contains_key("guid")).map(|t| t.0).collect();
        assert!(expected.len() >= 8, "{expected:?}");
        assert_eq!(unique.iter().collect::<Vec<_>>(), expected, "{backend:?}");
    }
}

const NAMES: [&str; 11] = [
    "0001_initial",
    "0002_writing",
    "0003_search",
    "0004_tracking",
    "0005_jobs",
    "0006_signin",
    "0007_grants",
    "0008_audit",
    "0009_sessions",
    "0010_notices",
    "0011_connections",
];

#[test]
fn migrations_go_up_and_down() {
    for backend in BACKENDS {
        let database = Database::empty(backend);
        let conn = &mut database.connect(Role::Migrator);
        assert!(matches!(migrate::check(conn), Err(MigrateError::Behind(n)) if n == NAMES.len()), "{backend:?}");
        assert_eq!(migrate::run(conn), Ok(NAMES.map(String::from).to_vec()), "{backend:?}");
        assert_eq!(migrate::run(conn), Ok(vec![]), "{backend:?}");
        assert_eq!(migrate::check(conn), Ok(()), "{backend:?}");
        assert_eq!(migrate::check(&mut database.connect(Role::Reader)), Ok(()), "{backend:?}");
        let applied = |name: &str| Step { name: name.into(), applied: true };
        assert_eq!(migrate::status(conn), Ok(NAMES.map(applied).to_vec()));
        for name in NAMES.into_iter().rev() {
            assert_eq!(migrate::revert(conn), Ok(name.into()), "{backend:?}");
        }
        assert_eq!(introspect(conn), Tables::new(), "{backend:?}");
        assert_eq!(migrate::revert(conn), Err(MigrateError::NothingToRevert), "{backend:?}");
        assert_eq!(migrate::run(conn), Ok(NAMES.map(String::from).to_vec()), "{backend:?}");
    }
}

#[test]
fn a_newer_database_is_left_alone() {
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        let conn = &mut database.connect(Role::Migrator);
        let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')";
        on!(conn, c => diesel::sql_query(newer).execute(c)).expect("a row of the future");
        for result in [migrate::check(conn), migrate::run(conn).map(drop), migrate::revert(conn).map(drop)] {
            assert_eq!(result, Err(MigrateError::Newer("9999".into())), "{backend:?}");
        }
    }
}

#[test]
fn two_servers_may_migrate_at_once() {
    for backend in BACKENDS {
        let database = Database::empty(backend);
        drop(database.connect(Role::Migrator));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    migrate::run(&mut database.connect(Role::Migrator)).expect("each finds it done or does it")
                });
            }
        });
        assert_eq!(migrate::check(&mut database.connect(Role::Reader)), Ok(()), "{backend:?}");
    }
}

#[test]
fn a_missing_database_is_named() {
    let gone = Database::empty(Backend::Sqlite);
    assert!(
        matches!(Conn::open(&gone.url, Role::Reader), Err(DbError::Unavailable(text)) if text.contains("timeledger.db"))
    );
    let unreachable = "postgres://nobody@127.0.0.1:1/none".parse().expect("a URL");
    assert!(matches!(Conn::open(&unreachable, Role::Reader), Err(DbError::Unavailable(_))));
}

#[test]
fn both_back_ends_have_the_same_columns() {
    let [sqlite, postgres] = BACKENDS.map(|backend| introspect(&mut Database::migrated(backend).connect(Role::Reader)));
    let names = |tables: &Tables| -> BTreeMap<String, BTreeMap<String, bool>> {
        let nullable = |columns: &BTreeMap<String, (String, bool)>| {
            columns.iter().map(|(name, (_, nullable))| (name.clone(), *nullable)).collect()
        };
        tables.iter().map(|(table, columns)| (table.clone(), nullable(columns))).collect()
    };
    assert_eq!(names(&sqlite), names(&postgres));
    for (table, columns) in &postgres {
        for (column, (pg, _)) in columns {
            let lite = &sqlite[table][column].0;
            let pairs = [
                ("INTEGER", "integer"),
                ("INTEGER", "bigint"),
                ("INTEGER", "boolean"),
                ("INTEGER", "timestamp with time zone"),
                ("INTEGER", "date"),
                ("REAL", "double precision"),
                ("TEXT", "text C"),
                ("BLOB", "uuid"),
                ("BLOB", "bytea"),
            ];
            assert!(pairs.contains(&(lite.as_str(), pg.as_str())), "{table}.{column}: {lite} and {pg}");
        }
    }
}

/// The SQL type of a declared column, as PostgreSQL names it, and whether it may be null.
trait Declared {
    const PG: &'static str;
    const NULLABLE: bool = false;
}

macro_rules! declared {
    ($($ty:ty => $pg:literal,)*) => { $(impl Declared for $ty { const PG: &'static str = $pg; })* };
}

declared! {
    diesel::sql_types::Integer => "integer",
    diesel::sql_types::BigInt => "bigint",
    diesel::sql_types::Bool => "boolean",
    diesel::sql_types::Double => "double precision",
    diesel::sql_types::Text => "text C",
    diesel::sql_types::Binary => "bytea",
    timeledger::sql::dialect::InstantType => "timestamp with time zone",
    timeledger::sql::dialect::DayType => "date",
    timeledger::sql::dialect::GuidType => "uuid",
}

impl<T: Declared + diesel::sql_types::SqlType> Declared for diesel::sql_types::Nullable<T> {
    const PG: &'static str = T::PG;
    const NULLABLE: bool = true;
}

/// Name, type and nullability of every column of a declared table.
trait DeclaredColumns {
    fn columns() -> BTreeMap<String, (String, bool)>;
}

fn column<C>() -> (String, (String, bool))
where
    C: diesel::Column,
    C::SqlType: Declared,
{
    (C::NAME.to_owned(), (C::SqlType::PG.to_owned(), C::SqlType::NULLABLE))
}

macro_rules! tuples {
    ($first:ident $($rest:ident)*) => {
        impl<$first: diesel::Column, $($rest: diesel::Column),*> DeclaredColumns for ($first, $($rest,)*)
        where
            $first::SqlType: Declared,
            $($rest::SqlType: Declared,)*
        {
            fn columns() -> BTreeMap<String, (String, bool)> {
                BTreeMap::from([column::<$first>(), $(column::<$rest>()),*])
            }
        }
        tuples! { $($rest)* }
    };
    () => {};
}

tuples! { A B C D E F G H I J K L M N O P Q R S T U V W X Y Z AA AB AC AD AE AF }

macro_rules! compare {
    ($real:ident: $($table:ident)*) => {
        $({
            let declared = <<tables::$table::table as diesel::Table>::AllColumns as DeclaredColumns>::columns();
            let real = $real.remove(stringify!($table)).unwrap_or_default();
            for (name, expected) in &declared {
                assert_eq!(real.get(name), Some(expected), concat!(stringify!($table), ".{}"), name);
            }
            // Of work_items only what the domain touches is declared.
            if stringify!($table) != "work_items" {
                assert_eq!(real.len(), declared.len(), stringify!($table));
            }
        })*
        assert!($real.is_empty(), "not declared: {:?}", $real.keys());
    };
}

#[test]
fn the_tables_are_as_declared() {
    let database = Database::migrated(Backend::Postgres);
    let mut real = introspect(&mut database.connect(Role::Reader));
    compare! { real:
        users projects teams team_members areas iterations activity_types budgets
        work_items work_item_tree fields work_item_fields
        budget_work_items budget_iterations worklogs dates api_tokens grants access_tokens refresh_tokens settings secrets
        continuations approvals week_locks changes idempotency_keys
        timers pairings pairing_attempts
        jobs job_files job_problems import_rows import_profiles
        identities windows_passwords sign_in_counts audit audit_cuts
        sessions local_passwords password_links used_sign_ins notices notice_settings
        connections outgoing_credentials connect_states
    }
}
