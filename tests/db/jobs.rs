//! Jobs on the database's threads: whole and streamed answers, and every way in which they end early.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use timeledger::db::{Conn, Db, DbError, Fields, First, Lane, Options, Rest, Role, Sink, Visit};
use timeledger::on;
use timeledger::sql::{Cell, Type};

use super::statements::Handmade;
use crate::backend::{BACKENDS, Backend, Database};

/// Writes each row's first column, an integer, as a line.
struct Lines<'a, 'b> {
    sink: &'a mut Sink<'b>,
}

impl Visit for Lines<'_, '_> {
    type Error = DbError;

    fn row(&mut self, row: &impl Fields) -> Result<(), DbError> {
        row.read(0, Type::Int64, |cell| {
            if let Cell::Int(n) = cell {
                self.sink.buffer().extend_from_slice(format!("{n}\n").as_bytes());
            }
        })?;
        self.sink.checkpoint()
    }
}

/// The numbers from 1 to `n`, without a table.
fn numbers(n: i64) -> Handmade {
    use super::statements::Piece::{Bind, Text};
    Handmade(vec![
        Text("WITH RECURSIVE n(i) AS (SELECT CAST(1 AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i < "),
        Bind(timeledger::sql::Value::Int64(n)),
        Text(") SELECT i FROM n"),
    ])
}

/// Sorts for ever before its first row.
fn endless() -> Handmade {
    Handmade::text(
        "WITH RECURSIVE n(i) AS (SELECT CAST(1 AS bigint) UNION ALL SELECT i + 1 FROM n) SELECT i FROM n ORDER BY i DESC",
    )
}

fn lines(n: i64) -> impl FnMut(&mut Conn, &mut Sink<'_>) -> Result<(), DbError> + Send + 'static {
    move |conn, sink| conn.for_each(&numbers(n), &mut Lines { sink })
}

fn options(database: &Database) -> Options {
    Options::new(database.url.clone())
}

fn on_runtime<T>(test: impl AsyncFnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(test())
}

async fn all(first: First<DbError>) -> Result<Vec<u8>, DbError> {
    let (mut bytes, mut rest) = match first {
        First::Whole(bytes) => return Ok(bytes.to_vec()),
        First::More(bytes, rest) => (bytes.to_vec(), rest),
    };
    while let Some(chunk) = rest.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes)
}

async fn begun(db: &Db, lane: Lane, n: i64) -> Rest<DbError> {
    match db.stream(lane, lines(n)).await.expect("a first chunk") {
        First::More(_, rest) => rest,
        First::Whole(_) => panic!("{n} rows fit into one chunk"),
    }
}

/// Waits until nothing runs; a job that was stopped ends soon, not at once.
async fn quiet(db: &Db) -> Duration {
    let since = Instant::now();
    while db.lanes().iter().any(|lane| lane.running > 0) {
        assert!(since.elapsed() < Duration::from_secs(60), "the job goes on");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    since.elapsed()
}

#[test]
fn small_answers_are_whole_and_large_ones_flow() {
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        on_runtime(async || {
            let db = Db::open(options(&database));
            let small = db.stream(Lane::Interactive, lines(3)).await.expect("three rows");
            assert!(matches!(&small, First::Whole(bytes) if &bytes[..] == b"1\n2\n3\n"), "{backend:?}");
            let large = db.stream(Lane::Bulk, lines(200_000)).await.expect("many rows");
            assert!(matches!(&large, First::More(..)), "{backend:?}");
            let expected: String = (1..=200_000).map(|n| format!("{n}\n")).collect();
            assert!(all(large).await.expect("all rows") == expected.as_bytes(), "{backend:?}");
        });
    }
}

#[test]
fn an_error_before_the_first_chunk_is_clean_and_one_after_it_shows() {
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        on_runtime(async || {
            let db = Db::open(options(&database));
            let early = db
                .stream(Lane::Interactive, |_: &mut Conn, sink: &mut Sink<'_>| {
                    sink.buffer().extend_from_slice(b"{");
                    Err::<(), _>(DbError::NotFound)
                })
                .await;
            assert!(matches!(early, Err(DbError::NotFound)), "{backend:?}");
            let mut job = lines(100_000);
            let late = db
                .stream(Lane::Bulk, move |conn: &mut Conn, sink: &mut Sink<'_>| {
                    job(conn, sink)?;
                    Err::<(), _>(DbError::Overflow)
                })
                .await
                .expect("a first chunk");
            assert_eq!(all(late).await, Err(DbError::Overflow), "{backend:?}");
        });
    }
}

#[test]
fn a_reader_that_leaves_stops_the_query() {
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        on_runtime(async || {
            let db = Db::open(Options { bulk: 1, interactive: 1, ..options(&database) });
            // In the middle of a stream, and before the first row.
            drop(begun(&db, Lane::Bulk, 1_000_000_000).await);
            quiet(&db).await;
            let sorting = db.stream(Lane::Interactive, |conn: &mut Conn, sink: &mut Sink<'_>| {
                conn.snapshot(|conn| conn.for_each(&endless(), &mut Lines { sink }))
            });
            assert!(tokio::time::timeout(Duration::from_millis(200), sorting).await.is_err());
            let took = quiet(&db).await;
            assert!(took < Duration::from_secs(1), "{backend:?}: {took:?}");
            // The connections serve on.
            for lane in [Lane::Bulk, Lane::Interactive] {
                for _ in 0..20 {
                    let next = db.stream(lane, lines(2)).await.expect("the next job");
                    assert_eq!(all(next).await.expect("two rows"), b"1\n2\n", "{backend:?}");
                }
            }
        });
    }
}

#[test]
fn the_time_out_is_told_from_a_client_that_left() {
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        on_runtime(async || {
            let db = Db::open(Options { statement_timeout: Some(Duration::from_millis(300)), ..options(&database) });
            let since = Instant::now();
            let late = db.read(|conn| conn.rows(&endless(), &[Type::Int64])).await;
            assert_eq!(late, Err(DbError::TimedOut), "{backend:?}");
            assert!(since.elapsed() < Duration::from_secs(30), "{backend:?}");
            let next = db.read(|conn| conn.rows(&numbers(1), &[Type::Int64])).await;
            assert_eq!(next.map(|rows| rows.len()), Ok(1), "{backend:?}");
        });
    }
}

#[test]
fn a_full_queue_says_so() {
    let database = Database::migrated(Backend::Sqlite);
    on_runtime(async || {
        let db = Db::open(Options { bulk: 1, bulk_queue: 1, ..options(&database) });
        let slow = begun(&db, Lane::Bulk, 1_000_000_000).await;
        let waits = db.stream(Lane::Bulk, lines(1));
        let mut waits = std::pin::pin!(waits);
        assert!(tokio::time::timeout(Duration::from_millis(20), &mut waits).await.is_err());
        let refused = db.stream(Lane::Bulk, lines(1)).await;
        assert!(matches!(refused, Err(DbError::Busy)));
        // Another lane has room, and the queue moves on once the slow client goes.
        assert!(db.stream(Lane::Interactive, lines(1)).await.is_ok());
        drop(slow);
        assert!(waits.await.is_ok());
    });
}

#[test]
fn a_short_job_waits_for_so_long_and_an_export_for_as_long_as_it_takes() {
    let database = Database::migrated(Backend::Sqlite);
    on_runtime(async || {
        let patience = Duration::from_millis(100);
        let db = Db::open(Options { bulk: 1, interactive: 1, patience, ..options(&database) });
        for (lane, is_given_up) in [(Lane::Interactive, true), (Lane::Bulk, false)] {
            let slow = begun(&db, lane, 1_000_000_000).await;
            let waits = db.stream(lane, lines(1));
            let mut waits = std::pin::pin!(waits);
            assert!(tokio::time::timeout(2 * patience, &mut waits).await.is_err());
            drop(slow);
            assert_eq!(matches!(waits.await, Err(DbError::Busy)), is_given_up, "{lane:?}");
        }
    });
}

#[test]
fn a_panicking_job_is_an_error_and_its_lane_lives_on() {
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        on_runtime(async || {
            let db = Db::open(Options { bulk: 1, ..options(&database) });
            let mut job = lines(100_000);
            let cut = db
                .stream(Lane::Bulk, move |conn: &mut Conn, sink: &mut Sink<'_>| -> Result<(), DbError> {
                    job(conn, sink)?;
                    panic!("a test's panic");
                })
                .await
                .expect("a first chunk");
            assert!(matches!(all(cut).await, Err(DbError::Other(_))), "{backend:?}");
            assert!(db.stream(Lane::Bulk, lines(1)).await.is_ok(), "{backend:?}");
        });
    }
}

#[test]
fn a_lost_connection_is_made_anew() {
    let database = Database::migrated(Backend::Postgres);
    on_runtime(async || {
        let db = Db::open(Options { interactive: 1, writers: 1, ..options(&database) });
        let kill = || {
            let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                          WHERE datname = current_database() AND pid <> pg_backend_pid()";
            let conn = &mut database.connect(Role::Migrator);
            on!(conn, c => c.batch_execute(others)).expect("an administrator");
        };
        let kill = || std::thread::scope(|scope| scope.spawn(kill).join().expect("killed"));
        let tries = Arc::new(AtomicUsize::new(0));
        for _ in 0..3 {
            let seen = Arc::clone(&tries);
            let read = db.read(move |conn| {
                seen.fetch_add(1, Ordering::Relaxed);
                conn.rows(&numbers(2), &[Type::Int64])
            });
            assert_eq!(read.await.map(|rows| rows.len()), Ok(2));
            let written = db.write(|tx| tx.rows(&numbers(1), &[Type::Int64]));
            assert_eq!(written.await.map(|rows| rows.len()), Ok(1));
            let streamed = db.stream(Lane::Interactive, lines(2)).await.expect("two lines");
            assert_eq!(all(streamed).await.expect("two lines"), b"1\n2\n");
            kill();
        }
        assert!(tries.load(Ordering::Relaxed) >= 3);
    });
}

#[test]
fn closing_stops_and_waits() {
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        on_runtime(async || {
            let db = Db::open(options(&database));
            let mut rest = begun(&db, Lane::Bulk, 1_000_000_000).await;
            let closing = db.clone();
            let closed = tokio::task::spawn_blocking(move || closing.close());
            let mut end = None;
            while let Some(chunk) = rest.next().await {
                end = chunk.err();
            }
            assert_eq!(end, Some(DbError::Cancelled), "{backend:?}");
            closed.await.expect("closed");
            assert!(matches!(db.stream(Lane::Bulk, lines(1)).await, Err(DbError::Busy)), "{backend:?}");
        });
    }
}
