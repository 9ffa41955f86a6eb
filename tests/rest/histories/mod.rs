//! Generated histories: logs that are created and edited singly and in batches, moved, deleted, restored and undone; budgets
//! that are assigned, taken away and closed; items that go to other parents and iterations; weeks that are submitted, decided and
//! locked. Their end is what an independent recomputation from the contract's words gives: budgets of items and logs
//! (§6.1), states of weeks (§6.2), the tree and its roll-ups, and for each step whether it was allowed and what it moved.
//!
//! Each history runs in a transaction that is rolled back, on both back ends; 5,000 with `TIMELEDGER_TEST_PROOF=1`. One that
//! fails is printed as short as it can be.

mod steps;
mod world;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use timeledger::db::{Hold, Role as ConnRole};
use timeledger::domain::calendar::day_of;
use timeledger::domain::refusal::{Kind, Refusal};
use timeledger::domain::wall::Written;
use timeledger::policy::{Caller, Duties, Role};
use timeledger::sql::{Day, Guid, Instant};

use crate::backend::{BACKENDS, Database, Fixture};
use world::World;

/// Something that is done; small numbers choose among what is there.
#[derive(Clone, Debug)]
enum Act {
    /// Day, item and seconds of each.
    Create {
        who: usize,
        drafts: Vec<(u8, Option<i32>, i32)>,
    },
    Edit {
        log: usize,
        item: Option<i32>,
        seconds: i32,
    },
    Move {
        log: usize,
        day: u8,
    },
    Delete {
        log: usize,
    },
    Restore {
        log: usize,
    },
    EditMany {
        who: usize,
        picks: Vec<usize>,
        item: Option<i32>,
        day: u8,
    },
    Undo {
        operation: usize,
    },
    Assign {
        target: usize,
        budget: Option<i32>,
    },
    Close {
        budget: i32,
        closed: bool,
    },
    Reparent {
        item: i32,
        parent: Option<i32>,
    },
    Plan {
        item: i32,
        iteration: Option<usize>,
    },
    Submit {
        who: usize,
        week: u8,
    },
    Revoke {
        who: usize,
        week: u8,
    },
    Decide {
        who: usize,
        week: u8,
        step: usize,
    },
    Lock {
        week: u8,
    },
    Unlock {
        week: u8,
    },
}

const ITEMS: i32 = 9;
const WEEKS: u8 = 3;
/// Tim and Tess, of the fixture.
const WHO: [i32; 2] = [4, 5];
const MONDAY: jiff::civil::Date = jiff::civil::date(2024, 5, 6);
/// 2024-07-01: all weeks of the histories are past.
const NOW: Instant = Instant(1_719_792_000_000_000);

fn act() -> impl Strategy<Value = Act> {
    let item = || prop::option::weighted(0.8, 1..=ITEMS);
    let (who, week, day, log) = (0..WHO.len(), 0..WEEKS, 0..WEEKS * 7, 0..64_usize);
    let budget = prop::option::weighted(0.7, 1..=4);
    let seconds = 1..7200;
    let draft = (day.clone(), item(), seconds.clone());
    prop_oneof![
        4 => (who.clone(), draft.clone()).prop_map(|(who, draft)| Act::Create { who, drafts: vec![draft] }),
        1 => (who.clone(), prop::collection::vec(draft, 2..5))
            .prop_map(|(who, drafts)| Act::Create { who, drafts }),
        4 => (log.clone(), item(), seconds).prop_map(|(log, item, seconds)| Act::Edit { log, item, seconds }),
        3 => (log.clone(), day.clone()).prop_map(|(log, day)| Act::Move { log, day }),
        2 => log.clone().prop_map(|log| Act::Delete { log }),
        1 => log.clone().prop_map(|log| Act::Restore { log }),
        2 => (who.clone(), prop::collection::vec(log.clone(), 1..6), item(), day.clone())
            .prop_map(|(who, picks, item, day)| Act::EditMany { who, picks, item, day }),
        3 => log.prop_map(|operation| Act::Undo { operation }),
        5 => (0..64_usize, budget).prop_map(|(target, budget)| Act::Assign { target, budget }),
        1 => (1..=4, any::<bool>()).prop_map(|(budget, closed)| Act::Close { budget, closed }),
        3 => (1..=ITEMS, item()).prop_map(|(item, parent)| Act::Reparent { item, parent }),
        1 => (1..=ITEMS, prop::option::weighted(0.8, 0..8_usize))
            .prop_map(|(item, iteration)| Act::Plan { item, iteration }),
        2 => (who.clone(), week.clone()).prop_map(|(who, week)| Act::Submit { who, week }),
        1 => (who.clone(), week.clone()).prop_map(|(who, week)| Act::Revoke { who, week }),
        3 => (who, week.clone(), 0..4_usize).prop_map(|(who, week, step)| Act::Decide { who, week, step }),
        1 => week.clone().prop_map(|week| Act::Lock { week }),
        1 => week.prop_map(|week| Act::Unlock { week }),
    ]
}

fn day(n: u8) -> Day {
    Day(day_of(MONDAY).0 + i32::from(n))
}

fn week_of(day: Day) -> Option<u8> {
    let n = (day.0 - day_of(MONDAY).0).div_euclid(7);
    u8::try_from(n).ok().filter(|n| *n < WEEKS)
}

fn person(id: i32, role: Role) -> Caller {
    let user_guid = Guid(uuid::Uuid::from_u128(0x4000_8000_0000_0000_0000 | id as u128));
    Caller { user_id: id, user_guid, name: String::new(), role, duties: Duties::NONE }
}

fn at_nine(day: Day) -> Written {
    Written { wall: Instant(day.midnight().0 + 9 * 3_600_000_000), offset: None }
}

#[test]
fn histories_end_as_the_contract_says() {
    let cases = if std::env::var_os("TIMELEDGER_TEST_PROOF").is_some() { 5_000 } else { 100 };
    for backend in BACKENDS {
        let began = std::time::Instant::now();
        let database = Database::loaded(backend, Fixture::SMALL);
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        let outcome = runner.run(&prop::collection::vec(act(), 1..60), |acts| {
            // A connection each: a failed history leaves its transaction open.
            let over = database.connect(ConnRole::Writer).write::<(), Refusal>(|tx| {
                tx.hold(Hold::Exclusive)?;
                let mut world = World::read(tx);
                // The others' weeks are done with, so that a week can be locked.
                for who in [1, 2, 3] {
                    for week in 0..WEEKS {
                        steps::close_week(tx, &mut world, who, week);
                    }
                }
                for act in &acts {
                    steps::run(tx, &mut world, act);
                }
                world.compare(tx);
                Err(Refusal::new(Kind::Conflict, "rolled back"))
            });
            assert_eq!(over, Err(Refusal::new(Kind::Conflict, "rolled back")));
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{backend:?}: {error}"));
        println!("{backend:?}: {cases} histories in {} s", began.elapsed().as_secs());
    }
}
