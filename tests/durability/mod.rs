//! `kill -9` at random moments under sixteen clients that write all the time: logs, batches, imports, timers, weeks and
//! assignments of budgets. What was acknowledged is there, what was in doubt is there as a whole or not at all, nothing is
//! there twice, and every sum is that of the logs.
//!
//! A few kills in the suite, 200 on each back end with `TIMELEDGER_TEST_PROOF=1`. The moments come from a seed, which is
//! printed; `TIMELEDGER_TEST_SEED` repeats it, as far as a race can be repeated.

mod check;
mod client;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use timeledger::auth::{self, NewToken, Scopes, TokenError};
use timeledger::db::{Hold, Role};
use timeledger::domain::people::{self, NewPerson, PeopleError};
use timeledger::policy;
use timeledger::sql::Instant as Moment;

use crate::backend::{Backend, Database, Fixture};
use crate::support::server::Server;
use client::{Client, Ledger};

const CLIENTS: usize = 16;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        usize::try_from(z % end as u64).expect("below a usize")
    }

    /// Both included.
    fn between(&mut self, first: usize, last: usize) -> i64 {
        i64::try_from(first + self.below(last - first + 1)).expect("a small number")
    }
}

#[test]
fn killed_under_writers_on_sqlite() {
    killed_under_writers(Backend::Sqlite);
}

#[test]
fn killed_under_writers_on_postgres() {
    killed_under_writers(Backend::Postgres);
}

fn killed_under_writers(backend: Backend) {
    let kills = if std::env::var_os("TIMELEDGER_TEST_PROOF").is_some() { 200 } else { 6 };
    let given = std::env::var("TIMELEDGER_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = given.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    println!("{backend:?}: TIMELEDGER_TEST_SEED={seed}");
    let mut random = Random(seed);
    let mut server = Server::start(Database::loaded(backend, Fixture::SMALL));
    let before = check::Before::of(&server);
    let clients: Vec<Client> = (0..CLIENTS).map(|n| newcomer(&server, n, seed)).collect();
    let over = AtomicBool::new(false);
    let began = Instant::now();
    let mut ledgers: Vec<Ledger> = std::thread::scope(|scope| {
        let over = &over;
        let run = |client: Client| scope.spawn(move || client.write_until(over));
        let threads: Vec<_> = clients.into_iter().map(run).collect();
        for kill in 0..kills {
            std::thread::sleep(Duration::from_millis(random.between(20, 900).unsigned_abs()));
            server.kill_and_restart();
            if threads.iter().any(|thread| thread.is_finished()) {
                println!("a client gave up before kill {}", kill + 2);
                break;
            }
        }
        over.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().expect("the client saw nothing wrong")).collect()
    });
    let took = began.elapsed();
    let given_up = check::all(&server, &before, &mut ledgers);
    let sum = |figure: fn(&Ledger) -> usize| ledgers.iter().map(figure).sum::<usize>();
    println!(
        "{backend:?}: {kills} kills in {} s; {} writes acknowledged, {} in doubt; {} logs, {} imports, \
         {given_up} of them given up, {} timers at the end",
        took.as_secs(),
        sum(|ledger| ledger.acknowledged),
        sum(|ledger| ledger.in_doubt),
        sum(|ledger| ledger.logs.len()),
        sum(|ledger| ledger.imports.len()),
        sum(|ledger| usize::from(ledger.timer.is_some())),
    );
}

/// A person of role Budget who was not there before, and a client of theirs.
fn newcomer(server: &Server, n: usize, seed: u64) -> Client {
    let name = format!("writer{n}");
    let new = NewPerson { unique_name: name.clone(), name: name.clone(), email: None, role: policy::Role::Budget };
    let mut conn = server.database.connect(Role::Writer);
    let now = Moment(1_704_067_200_000_000);
    let added = conn.write::<_, PeopleError>(|tx| {
        tx.hold(Hold::Exclusive)?;
        people::add(tx, &new, now)
    });
    added.expect("a person");
    let person = people::find(&mut conn, &name).expect("the person");
    // Valid for long enough from now, not from the fixture's day.
    let made = Moment(jiff::Timestamp::now().as_microsecond());
    let token = NewToken { user_id: person.id, name: "test", days: Some(30), scopes: Scopes::ALL, per_minute: None };
    let token = conn.write::<_, TokenError>(|tx| auth::create(tx, token, made)).expect("a token");
    Client::new(server.address, token.expose().to_owned(), n, person.id, Random(seed ^ (n as u64) << 32))
}
