//! Generated histories: logs that are created, edited, moved, deleted and restored, budgets assigned and taken away, weeks
//! submitted, decided, locked. Their end is what an independent recomputation from the contract's words gives: budgets of
//! items and logs (§6.1), states of weeks (§6.2), sums of time, and for each step whether it was allowed.
//!
//! Each history runs in a transaction that is rolled back, on both back ends.

use std::collections::{BTreeMap, HashMap, HashSet};

use diesel::prelude::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use timeledger::db::{Hold, Role as ConnRole, Tx, tables};
use timeledger::domain::approvals::{Step, locks, steps};
use timeledger::domain::budgets::assign::{self, Target};
use timeledger::domain::calendar::day_of;
use timeledger::domain::changes::{Author, Origin};
use timeledger::domain::refusal::{Kind, Refusal};
use timeledger::domain::wall::Written;
use timeledger::domain::worklogs::{Changes, Draft, Patch, write};
use timeledger::on;
use timeledger::policy::{Caller, Duties, Role};
use timeledger::sql::{Day, Guid, Instant};

use crate::backend::{BACKENDS, Database, Fixture};

/// Something that is done; small numbers choose among what is there.
#[derive(Clone, Debug)]
enum Act {
    Create { who: usize, day: u8, item: Option<i32>, seconds: i32 },
    Edit { log: usize, item: Option<i32>, seconds: i32 },
    Move { log: usize, day: u8 },
    Delete { log: usize },
    Restore { log: usize },
    Assign { target: usize, budget: Option<i32> },
    Submit { who: usize, week: u8 },
    Revoke { who: usize, week: u8 },
    Decide { who: usize, week: u8, step: usize },
    Lock { week: u8 },
    Unlock { week: u8 },
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
    prop_oneof![
        5 => (who.clone(), day.clone(), item(), seconds.clone())
            .prop_map(|(who, day, item, seconds)| Act::Create { who, day, item, seconds }),
        4 => (log.clone(), item(), seconds).prop_map(|(log, item, seconds)| Act::Edit { log, item, seconds }),
        3 => (log.clone(), day).prop_map(|(log, day)| Act::Move { log, day }),
        2 => log.clone().prop_map(|log| Act::Delete { log }),
        1 => log.prop_map(|log| Act::Restore { log }),
        5 => (0..64_usize, budget).prop_map(|(target, budget)| Act::Assign { target, budget }),
        2 => (who.clone(), week.clone()).prop_map(|(who, week)| Act::Submit { who, week }),
        1 => (who.clone(), week.clone()).prop_map(|(who, week)| Act::Revoke { who, week }),
        3 => (who, week.clone(), 0..4_usize).prop_map(|(who, week, step)| Act::Decide { who, week, step }),
        1 => week.clone().prop_map(|week| Act::Lock { week }),
        1 => week.prop_map(|week| Act::Unlock { week }),
    ]
}

/// A log as the history has it.
#[derive(Clone, Debug)]
struct Log {
    id: i64,
    guid: Guid,
    owner: i32,
    item: Option<i32>,
    own_budget: Option<i32>,
    day: Day,
    seconds: i64,
    deleted: bool,
}

/// The world by the contract's words. Shares no code with the product.
#[derive(Debug, Default)]
struct World {
    parents: HashMap<i32, i32>,
    planned: HashMap<i32, i32>,
    above: HashMap<i32, i32>,
    items: HashMap<i32, i32>,
    iterations: HashMap<i32, i32>,
    logs: Vec<Log>,
    /// Logs of the history, which it may change.
    mine: Vec<usize>,
    /// Person and week → a number of §4.3, 4 for rejected.
    weeks: HashMap<(i32, u8), i32>,
    locked: HashSet<u8>,
}

impl World {
    /// §6.1, for an item: where it comes from, too.
    fn of_item(&self, item: i32) -> (Option<i32>, i32) {
        let mut at = Some(item);
        while let Some(here) = at {
            if let Some(budget) = self.items.get(&here) {
                return (Some(*budget), if here == item { 2 } else { 3 });
            }
            at = self.parents.get(&here).copied();
        }
        let mut at = self.planned.get(&item).copied();
        while let Some(here) = at {
            if let Some(budget) = self.iterations.get(&here) {
                return (Some(*budget), 4);
            }
            at = self.above.get(&here).copied();
        }
        (None, 1)
    }

    fn of_log(&self, log: &Log) -> Option<i32> {
        log.own_budget.or(log.item.and_then(|item| self.of_item(item).0))
    }

    fn state(&self, who: i32, week: u8) -> i32 {
        self.weeks.get(&(who, week)).copied().unwrap_or(0)
    }

    /// §4.5: an open, reopened or rejected week that is not locked.
    fn takes_time(&self, who: i32, day: Day) -> bool {
        let Some(week) = week_of(day) else { return true };
        [0, 2, 4].contains(&self.state(who, week)) && !self.locked.contains(&week)
    }
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

/// What the database holds at the beginning.
fn world(tx: &mut Tx<'_>) -> World {
    let mut world = World::default();
    let items: Vec<(i32, Option<i32>, Option<i32>)> = on!(tx, c => tables::work_items::table
        .select((tables::work_items::id, tables::work_items::parent_id, tables::work_items::iteration_id))
        .load(c))
    .expect("items");
    for (id, parent, iteration) in items {
        world.parents.extend(parent.map(|parent| (id, parent)));
        world.planned.extend(iteration.map(|iteration| (id, iteration)));
    }
    let iterations: Vec<(i32, Option<i32>)> = on!(tx, c => tables::iterations::table
        .select((tables::iterations::id, tables::iterations::parent_id)).load(c))
    .expect("iterations");
    world.above = iterations.into_iter().filter_map(|(id, above)| Some((id, above?))).collect();
    let pairs: Vec<(i32, i32)> = on!(tx, c => tables::budget_work_items::table.load(c)).expect("assigned items");
    world.items = pairs.into_iter().collect();
    let pairs: Vec<(i32, i32)> = on!(tx, c => tables::budget_iterations::table.load(c)).expect("assigned iterations");
    world.iterations = pairs.into_iter().collect();
    world.logs = logs(tx).into_iter().map(|(log, _)| log).collect();
    world
}

/// Every log, and the budget that is stored with it.
fn logs(tx: &mut Tx<'_>) -> Vec<(Log, Option<i32>)> {
    use tables::worklogs as w;
    type Row = (i64, Guid, i32, Option<i32>, Option<i32>, Day, i32, bool, Option<i32>);
    let columns = (
        w::id,
        w::guid,
        w::user_id,
        w::work_item_id,
        w::own_budget_id,
        w::work_date,
        w::length_seconds,
        w::deleted,
        w::budget_id,
    );
    let rows: Vec<Row> = on!(tx, c => w::table.select(columns).order(w::id).load(c)).expect("logs");
    let log = |(id, guid, owner, item, own_budget, day, seconds, deleted, budget): Row| {
        (Log { id, guid, owner, item, own_budget, day, seconds: seconds.into(), deleted }, budget)
    };
    rows.into_iter().map(log).collect()
}

fn at_nine(day: Day) -> Written {
    Written { wall: Instant(day.midnight().0 + 9 * 3_600_000_000), offset: None }
}

/// Whether a refusal is one of the rules of approval, which is all that a history may meet.
fn allowed<T>(result: Result<T, Refusal>, act: &Act) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Refusal { kind: Kind::Rule(rule), .. }) if rule.code() == "ApprovalStateFailed" => None,
        Err(refusal) => panic!("{act:?}: {refusal:?}"),
    }
}

/// Does it, in the database and in the world; they must agree on whether it may be done.
fn run(tx: &mut Tx<'_>, world: &mut World, act: &Act) {
    match act {
        Act::Create { who, day: n, item, seconds } => create(tx, world, act, (WHO[*who], day(*n), *item, *seconds)),
        Act::Edit { log, .. } | Act::Move { log, .. } | Act::Delete { log } | Act::Restore { log } => {
            if !world.mine.is_empty() {
                let at = world.mine[log % world.mine.len()];
                on_log(tx, world, act, at);
            }
        }
        Act::Assign { target, budget } => assign(tx, world, *target, *budget),
        Act::Lock { week } | Act::Unlock { week } => lock(tx, world, act, *week),
        Act::Submit { who, week } | Act::Revoke { who, week } | Act::Decide { who, week, .. } => {
            step(tx, world, act, (WHO[*who], *week));
        }
    }
}

fn create(tx: &mut Tx<'_>, world: &mut World, act: &Act, (owner, day, item, seconds): (i32, Day, Option<i32>, i32)) {
    let draft = Draft {
        start: Some(at_nine(day)),
        length: Some(seconds.into()),
        work_item: item.map(i64::from),
        comment: Some("generated".to_owned()),
        ..Draft::default()
    };
    let caller = person(owner, Role::Team);
    let made = allowed(write::create(tx, &Author::new(&caller, NOW, Origin::Rest), &[draft]), act);
    assert_eq!(made.is_some(), world.takes_time(owner, day), "{act:?}");
    for log in made.into_iter().flatten() {
        world.mine.push(world.logs.len());
        let (id, guid, seconds) = (log.id, log.guid, seconds.into());
        world.logs.push(Log { id, guid, owner, item, own_budget: None, day, seconds, deleted: false });
    }
}

fn on_log(tx: &mut Tx<'_>, world: &mut World, act: &Act, at: usize) {
    let mut log = world.logs[at].clone();
    if log.deleted != matches!(act, Act::Restore { .. }) {
        return;
    }
    let caller = person(log.owner, Role::Team);
    let by = &Author::new(&caller, NOW, Origin::Rest);
    let mut may = world.takes_time(log.owner, log.day);
    let done = match act {
        Act::Edit { item, seconds, .. } => {
            log.item = *item;
            log.seconds = i64::from(*seconds);
            let work_item = item.map_or(Patch::Clear, |item| Patch::Set(item.into()));
            let changes = Changes { length: Patch::Set(log.seconds), work_item, ..Changes::default() };
            write::change(tx, by, log.guid, &changes)
        }
        Act::Move { day: n, .. } => {
            log.day = day(*n);
            may &= world.takes_time(log.owner, log.day);
            let changes = Changes { start: Some(at_nine(log.day)), ..Changes::default() };
            write::change(tx, by, log.guid, &changes)
        }
        Act::Delete { .. } => {
            log.deleted = true;
            write::delete(tx, by, log.guid)
        }
        _ => {
            log.deleted = false;
            write::restore(tx, by, log.guid)
        }
    };
    assert_eq!(allowed(done, act).is_some(), may, "{act:?}");
    if may {
        world.logs[at] = log;
    }
}

/// One of the items, one of the iterations, or one of the logs.
fn assign(tx: &mut Tx<'_>, world: &mut World, target: usize, budget: Option<i32>) {
    let mut iterations: Vec<i32> = world.above.keys().chain(world.above.values()).copied().collect();
    iterations.sort_unstable();
    iterations.dedup();
    let n = target / 3;
    let before: Vec<Option<i32>> = world.logs.iter().map(|log| world.of_log(log)).collect();
    let target = match target % 3 {
        1 if !iterations.is_empty() => {
            let iteration = iterations[n % iterations.len()];
            put(&mut world.iterations, iteration, budget);
            Target::Iteration(iteration)
        }
        2 => {
            let at = n % world.logs.len();
            world.logs[at].own_budget = budget;
            Target::Worklog(world.logs[at].id)
        }
        _ => {
            let item = i32::try_from(n).expect("a small number") % ITEMS + 1;
            put(&mut world.items, item, budget);
            Target::WorkItem(item)
        }
    };
    let preview = assign::plan(tx, target, budget).expect("a plan");
    let moves = assign::put(tx, target, budget).expect("an assignment");
    assert_eq!((preview.work_items(), &preview.logs), (moves.work_items(), &moves.logs));
    let mut expected: BTreeMap<(Option<i32>, Option<i32>), (i64, i64)> = BTreeMap::new();
    for (log, from) in world.logs.iter().zip(before) {
        let to = world.of_log(log);
        if !log.deleted && from != to {
            let sum = expected.entry((from, to)).or_default();
            *sum = (sum.0 + 1, sum.1 + log.seconds);
        }
    }
    let found = moves.logs.iter().map(|moved| ((moved.from, moved.to), (moved.worklogs, moved.seconds))).collect();
    assert_eq!(expected, found, "what {target:?} moves");
}

fn put(map: &mut HashMap<i32, i32>, key: i32, value: Option<i32>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}

/// §6.2 as a table: from which states, to which.
fn step(tx: &mut Tx<'_>, world: &mut World, act: &Act, (who, week): (i32, u8)) {
    let monday = day(week * 7);
    let owner = person(who, Role::Team);
    let ada = person(1, Role::Administrator);
    let (done, from, to): (_, &[i32], _) = match act {
        Act::Submit { .. } => (steps::submit(tx, &Author::new(&owner, NOW, Origin::Rest), monday, None), &[0, 2, 4], 1),
        Act::Revoke { .. } => (steps::revoke(tx, &Author::new(&owner, NOW, Origin::Rest), monday), &[1], 2),
        Act::Decide { step, .. } => {
            let table: [(Step, &[i32], i32); 4] = [
                (Step::Approve, &[1], 3),
                (Step::Reject, &[1], 4),
                (Step::Reopen, &[3, 99], 2),
                (Step::Close, &[0, 2, 4], 99),
            ];
            let (step, from, to) = table[*step];
            let by = Author::new(&ada, NOW, Origin::Rest);
            (steps::decide(tx, &by, owner.user_guid, monday, step, Some("because")), from, to)
        }
        other => panic!("{other:?} is no step"),
    };
    let may = from.contains(&world.state(who, week)) && !world.locked.contains(&week);
    assert_eq!(allowed(done, act).is_some(), may, "{act:?}");
    if may {
        world.weeks.insert((who, week), to);
    }
}

/// Everybody who was there by the week's end and is of role Team or up must be approved or closed.
fn lock(tx: &mut Tx<'_>, world: &mut World, act: &Act, week: u8) {
    let ada = person(1, Role::Administrator);
    let by = Author::new(&ada, NOW, Origin::Rest);
    if let Act::Unlock { .. } = act {
        locks::unlock(tx, &by, day(week * 7)).expect("an unlocked week");
        world.locked.remove(&week);
        return;
    }
    let may = world.locked.contains(&week) || (1..=5).all(|who| [3, 99].contains(&world.state(who, week)));
    let done = locks::lock(tx, &by, day(week * 7));
    assert_eq!(allowed(done, act).is_some(), may, "{act:?}");
    if may {
        world.locked.insert(week);
    }
}

/// The end of a history is what the world says.
fn compare(tx: &mut Tx<'_>, world: &World) {
    let stored = logs(tx);
    assert_eq!(stored.len(), world.logs.len());
    let mut sums: BTreeMap<Option<i32>, i64> = BTreeMap::new();
    for ((found, budget), log) in stored.iter().zip(&world.logs) {
        let shown = |log: &Log| (log.id, log.owner, log.item, log.own_budget, log.day, log.seconds, log.deleted);
        assert_eq!(shown(found), shown(log));
        assert_eq!(*budget, world.of_log(log), "the budget of {log:?}");
        if !log.deleted {
            *sums.entry(world.of_log(log)).or_default() += log.seconds;
        }
    }
    let budget = tables::worklogs::budget_id;
    let found: Vec<(Option<i32>, Option<i64>)> = on!(tx, c => tables::worklogs::table
        .filter(tables::worklogs::deleted.eq(false))
        .group_by(budget)
        .select((budget, diesel::dsl::sum(tables::worklogs::length_seconds)))
        .load(c))
    .expect("sums");
    assert_eq!(found.into_iter().map(|(budget, sum)| (budget, sum.unwrap_or(0))).collect::<BTreeMap<_, _>>(), sums);
    let columns = (tables::work_items::id, tables::work_items::budget_id, tables::work_items::budget_assignment);
    let items: Vec<(i32, Option<i32>, i32)> =
        on!(tx, c => tables::work_items::table.select(columns).load(c)).expect("items");
    for (item, budget, assignment) in items {
        assert_eq!((budget, assignment), world.of_item(item), "item {item}");
    }
    let columns = (tables::approvals::user_id, tables::approvals::week_start, tables::approvals::state);
    let weeks: Vec<(i32, Day, i32)> = on!(tx, c => tables::approvals::table.select(columns).load(c)).expect("weeks");
    let found: HashMap<(i32, u8), i32> =
        weeks.into_iter().filter_map(|(who, start, state)| Some(((who, week_of(start)?), state))).collect();
    assert_eq!(found, world.weeks);
    let days: HashSet<Day> = on!(tx, c => tables::dates::table.select(tables::dates::day).load(c))
        .expect("the calendar")
        .into_iter()
        .collect();
    assert!(world.logs.iter().all(|log| days.contains(&log.day)), "a day is missing in the calendar");
}

#[test]
fn histories_end_as_the_contract_says() {
    for backend in BACKENDS {
        let database = Database::loaded(backend, Fixture::SMALL);
        let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
        let outcome = runner.run(&prop::collection::vec(act(), 1..60), |acts| {
            // A connection each: a failed history leaves its transaction open.
            let over = database.connect(ConnRole::Writer).write::<(), Refusal>(|tx| {
                tx.hold(Hold::Exclusive)?;
                let mut world = world(tx);
                // The others' weeks are done with, so that a week can be locked.
                for who in [1, 2, 3] {
                    for week in 0..WEEKS {
                        close(tx, &mut world, who, week);
                    }
                }
                for act in &acts {
                    run(tx, &mut world, act);
                }
                compare(tx, &world);
                Err(Refusal::new(Kind::Conflict, "rolled back"))
            });
            assert_eq!(over, Err(Refusal::new(Kind::Conflict, "rolled back")));
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{backend:?}: {error}"));
    }
}

fn close(tx: &mut Tx<'_>, world: &mut World, who: i32, week: u8) {
    // Nobody closes their own week.
    let by = if who == 1 { admin_beside_ada() } else { person(1, Role::Administrator) };
    let by = Author::new(&by, NOW, Origin::Rest);
    let owner = person(who, Role::Team).user_guid;
    steps::decide(tx, &by, owner, day(week * 7), Step::Close, None).expect("a closed week");
    world.weeks.insert((who, week), 99);
}

/// Bo with another role, as a caller.
fn admin_beside_ada() -> Caller {
    person(2, Role::Administrator)
}
