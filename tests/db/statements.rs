//! Values go in and come out alike on both back ends; transactions hold; errors have their class.

use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Untyped;
use timeledger::db::tables::{projects, secrets, settings, users};
use timeledger::db::{Conn, DbError, Role};
use timeledger::on;
use timeledger::sql::value::Items;
use timeledger::sql::{Day, Dialect, Guid, Instant, List, Type, Value};

use crate::backend::{BACKENDS, Backend, Database};

/// A statement written by hand; the reporting path has its tree.
pub struct Handmade(pub Vec<Piece>);

pub enum Piece {
    Text(&'static str),
    Bind(Value),
    In(List),
}

impl Handmade {
    pub fn text(text: &'static str) -> Handmade {
        Handmade(vec![Piece::Text(text)])
    }
}

impl Query for Handmade {
    type SqlType = Untyped;
}

impl QueryId for Handmade {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Dialect> QueryFragment<DB> for Handmade {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_sql(text),
                Piece::Bind(value) => DB::bind(value, &mut out)?,
                Piece::In(list) => DB::in_list(list, &mut out)?,
            }
        }
        Ok(())
    }
}

fn samples() -> Vec<Value> {
    let guid = uuid::Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
    vec![
        Value::Bool(true),
        Value::Int32(-7),
        Value::Int64(i64::MIN),
        Value::Double(0.1),
        Value::Text("Größe 'x' 🦀".into()),
        Value::Instant(Instant(-1)),
        Value::Instant(Instant(1_700_000_000_123_456)),
        Value::Day(Day(-1)),
        Value::Day(Day(19_782)),
        Value::Guid(Guid(guid)),
        Value::Null(Type::Bool),
        Value::Null(Type::Int32),
        Value::Null(Type::Int64),
        Value::Null(Type::Double),
        Value::Null(Type::Text),
        Value::Null(Type::Instant),
        Value::Null(Type::Day),
        Value::Null(Type::Guid),
    ]
}

#[test]
fn values_come_back() {
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        let conn = &mut database.connect(Role::Reader);
        for value in samples() {
            let ty = value.ty();
            let echo = Handmade(vec![Piece::Text("SELECT "), Piece::Bind(value.clone())]);
            // The third time it comes from the cache of prepared statements.
            for _ in 0..3 {
                assert_eq!(conn.rows(&echo, &[ty]), Ok(vec![vec![value.clone()]]), "{backend:?}");
            }
        }
    }
}

#[test]
fn lists_are_one_bind() {
    let guid = |n| Guid(uuid::Uuid::from_u128(n));
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        let conn = &mut database.connect(Role::Reader);
        for (member, items) in [
            (Value::Int32(2), Items::Ints(vec![1, 2])),
            (Value::Double(0.5), Items::Doubles(vec![0.5])),
            (Value::Text("b\"'".into()), Items::Texts(vec!["a".into(), "b\"'".into()])),
            (Value::Instant(Instant(5)), Items::Instants(vec![Instant(5)])),
            (Value::Day(Day(5)), Items::Days(vec![Day(4), Day(5)])),
            (Value::Guid(guid(9)), Items::Guids(vec![guid(8), guid(9)])),
        ] {
            let ty = member.ty();
            let list = List::new(items);
            let pieces = vec![Piece::Text("SELECT "), Piece::Bind(member), Piece::In(list)];
            assert_eq!(
                conn.rows(&Handmade(pieces), &[Type::Bool]),
                Ok(vec![vec![Value::Bool(true)]]),
                "{backend:?} {ty:?}"
            );
        }
        let all = List::new(Items::Ints((0..10_000).collect()));
        let pieces = vec![Piece::Text("SELECT "), Piece::Bind(Value::Int32(9_999)), Piece::In(all)];
        assert_eq!(conn.rows(&Handmade(pieces), &[Type::Bool]), Ok(vec![vec![Value::Bool(true)]]), "{backend:?}");
    }
}

#[test]
fn a_wrong_type_is_an_error_on_postgres() {
    let database = Database::migrated(Backend::Postgres);
    let conn = &mut database.connect(Role::Reader);
    let numeric = Handmade::text("SELECT 1.5::numeric");
    assert!(matches!(conn.rows(&numeric, &[Type::Double]), Err(DbError::Other(_))));
}

fn arithmetic(left: i64, op: [&'static str; 2], right: i64, backend: Backend) -> Handmade {
    let op = op[usize::from(backend == Backend::Postgres)];
    let (open, middle) = if backend == Backend::Sqlite { (op, ", ") } else { ("(", op) };
    Handmade(vec![
        Piece::Text("SELECT "),
        Piece::Text(open),
        Piece::Bind(Value::Int64(left)),
        Piece::Text(middle),
        Piece::Bind(Value::Int64(right)),
        Piece::Text(")"),
    ])
}

#[test]
fn errors_have_their_class() {
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        let conn = &mut database.connect(Role::Writer);
        let overflow = arithmetic(i64::MAX, ["tl_add(", " + "], 1, backend);
        assert_eq!(conn.rows(&overflow, &[Type::Int64]), Err(DbError::Overflow), "{backend:?}");
        let by_zero = arithmetic(1, ["tl_div(", " / "], 0, backend);
        assert_eq!(conn.rows(&by_zero, &[Type::Int64]), Err(DbError::DivisionByZero), "{backend:?}");

        let name = |n: &'static str| (settings::name.eq(n), settings::value.eq("v"));
        let insert =
            |conn: &mut Conn, n| on!(conn, c => diesel::insert_into(settings::table).values(name(n)).execute(c));
        insert(conn, "a").expect("the first");
        assert!(matches!(insert(conn, "a").map_err(DbError::from), Err(DbError::Unique(_))), "{backend:?}");

        let orphan = "INSERT INTO team_members (team_id, user_id) VALUES (1, 1)";
        let orphan = on!(conn, c => diesel::sql_query(orphan).execute(c)).map_err(DbError::from);
        assert!(matches!(orphan, Err(DbError::ForeignKey(_))), "{backend:?} {orphan:?}");

        let void = "INSERT INTO projects (guid, name) VALUES (NULL, 'x')";
        let void = on!(conn, c => diesel::sql_query(void).execute(c)).map_err(DbError::from);
        assert!(matches!(void, Err(DbError::Check(_))), "{backend:?} {void:?}");

        let reader = &mut database.connect(Role::Reader);
        assert!(insert(reader, "b").is_err(), "{backend:?}: a reader writes");
        let none: QueryResult<String> =
            on!(reader, c => settings::table.find("none").select(settings::value).get_result(c));
        assert_eq!(none.map_err(DbError::from), Err(DbError::NotFound), "{backend:?}");
    }
}

#[derive(Insertable)]
#[diesel(table_name = projects)]
struct NewProject {
    guid: Guid,
    name: &'static str,
}

#[test]
fn the_typed_language_knows_upserts_and_returning() {
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        let conn = &mut database.connect(Role::Writer);
        let guid = Guid(uuid::Uuid::from_u128(7));
        let upsert = |name| {
            diesel::insert_into(projects::table)
                .values(NewProject { guid, name })
                .on_conflict(projects::guid)
                .do_update()
                .set(projects::name.eq(name))
                .returning((projects::id, projects::guid, projects::name))
        };
        let mut store = |name| -> (i32, Guid, String) {
            conn.write(|tx| Ok::<_, DbError>(on!(tx, c => upsert(name).get_result(c))?)).expect("an upsert")
        };
        let (first, _, _) = store("old");
        assert_eq!(store("new"), (first, guid, "new".to_owned()), "{backend:?}");

        let user = (
            users::guid.eq(guid),
            users::name.eq("Ä"),
            users::unique_name.eq("CORP\\Ä"),
            users::unique_name_key.eq(timeledger::db::tables::name_key("CORP\\Ä")),
            users::role.eq(4),
            users::is_active.eq(true),
            users::created_at.eq(Instant(1_700_000_000_000_001)),
        );
        on!(conn, c => diesel::insert_into(users::table).values(user).execute(c)).expect("a person");
        let found: (Instant, String, bool) = on!(conn, c => users::table
            .filter(users::unique_name_key.eq("corp\\ä").and(users::created_at.gt(Instant(0))))
            .select((users::created_at, users::time_zone, users::is_active))
            .get_result(c))
        .expect("that person");
        assert_eq!(found, (Instant(1_700_000_000_000_001), "UTC".to_owned(), true), "{backend:?}");
    }
}

fn count(conn: &mut Conn) -> i64 {
    on!(conn, c => secrets::table.count().get_result(c)).expect("a count")
}

fn add(conn: &mut Conn, name: &str) -> Result<(), DbError> {
    let row = (secrets::name.eq(name), secrets::value.eq(vec![0_u8, 255]));
    on!(conn, c => diesel::insert_into(secrets::table).values(row).execute(c))?;
    Ok(())
}

#[test]
fn a_snapshot_does_not_move_and_a_failed_write_leaves_nothing() {
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        let (writer, reader) = (&mut database.connect(Role::Writer), &mut database.connect(Role::Reader));
        reader
            .snapshot(|reader| {
                assert_eq!(count(reader), 0);
                writer.write(|tx| add(tx, "a"))?;
                assert_eq!(count(reader), 0, "{backend:?}");
                Ok::<_, DbError>(())
            })
            .expect("a snapshot");
        assert_eq!(count(reader), 1, "{backend:?}");
        let failed = writer.write(|tx| {
            add(tx, "b")?;
            Err::<(), _>(DbError::NotFound)
        });
        assert_eq!(failed, Err(DbError::NotFound));
        assert_eq!(count(reader), 1, "{backend:?}");
    }
}

#[test]
fn concurrent_writers_do_not_lose_updates() {
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        let number = "0".to_owned();
        on!(&mut database.connect(Role::Writer), c => diesel::insert_into(settings::table)
            .values((settings::name.eq("n"), settings::value.eq(&number)))
            .execute(c))
        .expect("a counter");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let conn = &mut database.connect(Role::Writer);
                    for _ in 0..5 {
                        let mut add_one = || {
                            conn.write(|tx| {
                                let row = settings::table.find("n");
                                let n: String = on!(tx, c => row.select(settings::value).get_result(c))?;
                                let next = n.parse::<i64>().expect("a number") + 1;
                                let next = settings::value.eq(next.to_string());
                                on!(tx, c => diesel::update(settings::table.find("n")).set(next).execute(c))?;
                                Ok::<_, DbError>(())
                            })
                        };
                        // Past its retries a conflict goes to the caller, who may try again.
                        while let Err(error) = add_one() {
                            assert!(matches!(error, DbError::Conflict(_)), "{backend:?}: {error}");
                        }
                    }
                });
            }
        });
        let conn = &mut database.connect(Role::Reader);
        let n: String = on!(conn, c => settings::table.find("n").select(settings::value).get_result(c)).expect("it");
        assert_eq!(n, "20", "{backend:?}");
    }
}

#[test]
fn keys_go_on_after_those_that_were_given() {
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        let conn = &mut database.connect(Role::Writer);
        let project = |n: u128| (projects::guid.eq(Guid(uuid::Uuid::from_u128(n))), projects::name.eq("p"));
        conn.write(|tx| {
            let given = (projects::id.eq(41), project(1));
            on!(tx, c => diesel::insert_into(projects::table).values(given).execute(c))?;
            tx.advance_keys()
        })
        .expect("a row with its key");
        let insert = diesel::insert_into(projects::table).values(project(2)).returning(projects::id);
        assert_eq!(on!(conn, c => insert.get_result::<i32>(c)), Ok(42), "{backend:?}");
        assert_eq!(conn.analyze(), Ok(()), "{backend:?}");
    }
}

#[test]
fn a_locked_a_full_and_a_foreign_file_are_told_apart() {
    let database = Database::migrated(Backend::Sqlite);
    let (one, other) = (&mut database.connect(Role::Writer), &mut database.connect(Role::Writer));
    on!(other, c => diesel::sql_query("PRAGMA busy_timeout = 1").execute(c)).expect("a pragma");
    one.write(|_| {
        assert_eq!(other.write(|tx| add(tx, "a")), Err(DbError::Locked));
        Ok::<_, DbError>(())
    })
    .expect("the lock");

    on!(other, c => diesel::sql_query("PRAGMA max_page_count = 1").execute(c)).expect("a pragma");
    let large = (secrets::name.eq("large"), secrets::value.eq(vec![0_u8; 1 << 20]));
    let full = other.write(|tx| {
        on!(tx, c => diesel::insert_into(secrets::table).values(&large).execute(c))?;
        Ok::<_, DbError>(())
    });
    assert!(matches!(full, Err(DbError::Full(_))), "{full:?}");
    assert_eq!(count(one), 0);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("letter.txt");
    std::fs::write(&path, "Dear database, ".repeat(1000)).expect("a file");
    for role in [Role::Reader, Role::Migrator] {
        let foreign = timeledger::db::DatabaseUrl::sqlite(&path);
        let opened = Conn::open(&foreign, role)
            .and_then(|mut conn| conn.rows(&Handmade::text("SELECT 1 FROM sqlite_master"), &[]));
        assert!(matches!(opened, Err(DbError::Unavailable(_))), "{role:?} {opened:?}");
    }
}

/// Sees every row of every table.
struct Everything;

impl timeledger::sql::Viewer for Everything {
    fn rows(&self, _table: &'static str, _at: timeledger::sql::Alias) -> timeledger::sql::Guard {
        timeledger::sql::Guard::All
    }
}

#[test]
fn the_tree_of_the_reporting_path_runs() {
    use timeledger::sql::{Direction, Expr, From, Names, Order, Scan, Select, Statement};

    let mut names = Names::default();
    let scan = Scan::new("secrets", &mut names, &Everything);
    let name = scan.alias().col("name");
    let mut select = Select::from(From::Scan(scan)).filter(name.clone().ge(Expr::bind(Value::Text("b".into()))));
    select.columns = vec![name.clone()];
    select.order = vec![Order { by: name, direction: Direction::Desc, nullable: false }];
    let statement = Statement { select, types: vec![Type::Text], cacheable: true };
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        let conn = &mut database.connect(Role::Writer);
        for name in ["a", "b", "Ä", "B"] {
            add(conn, name).expect("a row");
        }
        // By code point, and more than once: the shape is kept from the second time on.
        let expected = ["Ä", "b"].map(|name| vec![Value::Text(name.into())]).to_vec();
        for _ in 0..3 {
            assert_eq!(conn.rows(&statement, &statement.types), Ok(expected.clone()), "{backend:?}");
        }
    }
}
