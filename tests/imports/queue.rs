//! Who runs a job: leases, attempts and ends, on a clock that stands still.

use timeledger::db::{Conn, DbError, Hold, Role, Tx};
use timeledger::domain::jobs::queue::{self, Ending, LEASE, MOST_ATTEMPTS};
use timeledger::domain::jobs::{Job, State, files, read};
use timeledger::domain::refusal::{Kind, Refusal};
use timeledger::sql::{Guid, Instant};

use crate::backend::{Database, Fixture, for_each_backend};

const NOW: Instant = Instant(1_700_000_000_000_000);

fn at(seconds: i64) -> Instant {
    Instant(NOW.0 + seconds * 1_000_000)
}

fn tx<T>(conn: &mut Conn, mut job: impl FnMut(&mut Tx<'_>) -> Result<T, Refusal>) -> Result<T, Refusal> {
    conn.write(|tx| {
        tx.hold(Hold::Shared)?;
        job(tx)
    })
}

fn claim(conn: &mut Conn, owner: Guid, now: Instant) -> Option<Guid> {
    tx(conn, |tx| Ok(queue::claim(tx, owner, now)?)).expect("claimed or not").map(|job| job.id)
}

fn state(conn: &mut Conn, id: Guid) -> (State, i32, Option<String>) {
    let job = read::any(conn, id).expect("read").expect("there");
    (job.state(), job.attempts, job.last_error)
}

#[test]
fn ux_70_a_job_is_in_one_hand_at_a_time() {
    for_each_backend(|backend| {
        let database = Database::loaded(backend, Fixture::SMALL);
        let conn = &mut database.connect(Role::Writer);
        let [one, other] = [1, 2].map(|n| Guid(uuid::Uuid::from_u128(n)));
        let job = Job::new("test", "{}".into(), 1, NOW);
        tx(conn, |tx| queue::add(tx, &job)).expect("added");
        assert_eq!(claim(conn, one, at(-1)), None);
        assert_eq!(claim(conn, one, NOW), Some(job.id));
        assert_eq!(claim(conn, other, at(1)), None);
        // Its holder lives.
        let renewed = |conn: &mut Conn, owner: Guid, now: Instant| {
            tx(conn, |tx| Ok(queue::renew(tx, job.id, owner, (5, Some(9)), now)?)).expect("asked")
        };
        assert!(renewed(conn, one, at(10)));
        assert!(!renewed(conn, other, at(10)));
        assert_eq!(claim(conn, other, at(LEASE / 1_000_000)), None);
        // Its holder is silent.
        assert_eq!(claim(conn, other, at(11 + LEASE / 1_000_000)), Some(job.id));
        assert!(!renewed(conn, one, at(40)));
        let ended = tx(conn, |tx| queue::end(tx, job.id, one, &Ending::default(), at(41)));
        assert_eq!(ended.map_err(|refusal| refusal.kind), Err(Kind::Conflict));
        tx(conn, |tx| queue::end(tx, job.id, other, &Ending::default(), at(42))).expect("its holder ends it");
        assert_eq!(state(conn, job.id), (State::Succeeded, 2, None));
        let late = tx(conn, |tx| queue::cancel(tx, &job, at(43)));
        assert_eq!(late.map_err(|refusal| refusal.kind), Err(Kind::Conflict));
    });
}

#[test]
fn ux_70_a_job_that_always_fails_or_kills_ends_and_blocks_nobody() {
    for_each_backend(|backend| {
        let database = Database::loaded(backend, Fixture::SMALL);
        let conn = &mut database.connect(Role::Writer);
        let owner = Guid(uuid::Uuid::from_u128(1));
        let (fails, kills, good) = (
            Job::new("a", "{}".into(), 1, NOW),
            Job::new("b", "{}".into(), 1, at(1)),
            Job::new("c", "{}".into(), 1, at(2)),
        );
        for job in [&fails, &kills, &good] {
            tx(conn, |tx| queue::add(tx, job)).expect("added");
        }
        let mut now = 10;
        let mut good_at = None;
        for _ in 0..40 {
            now += 60;
            while let Some(id) = claim(conn, owner, at(now)) {
                let job = read::any(conn, id).expect("read").expect("there");
                if id == fails.id {
                    tx(conn, |tx| Ok(queue::give_back(tx, &job, owner, "no luck", at(now))?)).expect("given back");
                } else if id == good.id {
                    tx(conn, |tx| queue::end(tx, id, owner, &Ending::default(), at(now))).expect("ended");
                    good_at = Some(now);
                }
                // The server of the third dies with it.
            }
        }
        assert_eq!(good_at, Some(70));
        let why = |text: &str| Some(format!("given up after {MOST_ATTEMPTS} attempts: {text}"));
        assert_eq!(state(conn, fails.id), (State::Failed, MOST_ATTEMPTS, why("no luck")));
        assert_eq!(state(conn, kills.id), (State::Failed, MOST_ATTEMPTS, why("the server ended while it ran")));
    });
}

#[test]
fn ux_70_cancelling_and_what_is_left_behind() {
    for_each_backend(|backend| {
        let database = Database::loaded(backend, Fixture::SMALL);
        let conn = &mut database.connect(Role::Writer);
        let owner = Guid(uuid::Uuid::from_u128(1));
        let file = Guid(uuid::Uuid::from_u128(7));
        let orphan = Guid(uuid::Uuid::from_u128(8));
        let (waits, mut runs) = (Job::new("a", "{}".into(), 1, at(5)), Job::new("b", "{}".into(), 1, NOW));
        runs.upload_id = Some(file);
        for job in [&waits, &runs] {
            tx(conn, |tx| queue::add(tx, job)).expect("added");
        }
        for file in [file, orphan] {
            tx(conn, |tx| Ok(files::add(tx, file, 0, b"abc", NOW)?)).expect("kept");
        }
        assert_eq!(claim(conn, owner, NOW), Some(runs.id));
        for job in [&waits, &runs] {
            tx(conn, |tx| queue::cancel(tx, job, at(1))).expect("asked");
        }
        assert_eq!(state(conn, waits.id).0, State::Cancelled);
        assert_eq!(state(conn, runs.id).0, State::Running);
        assert_eq!(read::cancel_asked(conn, runs.id), Ok(true));
        // What it did must not count any more.
        let ended = tx(conn, |tx| queue::end(tx, runs.id, owner, &Ending::default(), at(2)));
        assert_eq!(ended.map_err(|refusal| refusal.kind), Err(Kind::Conflict));
        tx(conn, |tx| Ok(queue::cancelled(tx, runs.id, owner, at(3))?)).expect("ended");
        assert_eq!(state(conn, runs.id).0, State::Cancelled);
        let sweep = |conn: &mut Conn, until: Instant| {
            tx(conn, |tx| Ok(queue::sweep(tx, until, at(100))?)).expect("swept");
        };
        let piece = |conn: &mut Conn, file: Guid| -> Result<_, DbError> { files::piece(conn, file, 0) };
        sweep(conn, at(2));
        assert_eq!((piece(conn, file), piece(conn, orphan)), (Ok(Some(b"abc".to_vec())), Ok(None)));
        sweep(conn, at(4));
        assert_eq!((piece(conn, file), read::any(conn, runs.id)), (Ok(None), Ok(None)));
    });
}
