//! The steps of a history: done in the database and in the world, which must agree on whether they may be done.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::prelude::*;
use timeledger::db::{Tx, tables};
use timeledger::domain::approvals::{Step, locks, steps};
use timeledger::domain::budgets::assign::{self, Target};
use timeledger::domain::budgets::write as budgets;
use timeledger::domain::changes::{Action, Author, Origin};
use timeledger::domain::refusal::{Kind, Refusal};
use timeledger::domain::tree::TreeError;
use timeledger::domain::work_items::{self, Place};
use timeledger::domain::worklogs::{self, Changes, Draft, Facts, Patch, Worklog, batch, write};
use timeledger::on;
use timeledger::policy::{Caller, Role};
use timeledger::sql::Day;

use super::world::{Log, World};
use super::{Act, ITEMS, NOW, WHO, at_nine, day, person};

/// Whether a refusal is one of the rules of approval, which is all that a history may meet.
fn allowed<T>(result: Result<T, Refusal>, act: &Act) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Refusal { kind: Kind::Rule(rule), .. }) if rule.code() == "ApprovalStateFailed" => None,
        Err(refusal) => panic!("{act:?}: {refusal:?}"),
    }
}

fn author(caller: &Caller) -> Author<'_> {
    Author::new(caller, NOW, Origin::Rest)
}

/// Does it, in the database and in the world; they must agree on whether it may be done.
pub fn run(tx: &mut Tx<'_>, world: &mut World, act: &Act) {
    match act {
        Act::Create { who, drafts } => create(tx, world, act, WHO[*who], drafts),
        Act::Edit { log, .. } | Act::Move { log, .. } | Act::Delete { log } | Act::Restore { log } => {
            if !world.mine.is_empty() {
                let at = world.mine[log % world.mine.len()];
                on_log(tx, world, act, at);
            }
        }
        Act::EditMany { who, picks, item, day } => edit_many(tx, world, act, WHO[*who], picks, *item, *day),
        Act::Undo { operation } => {
            if !world.operations.is_empty() {
                let operation = operation % world.operations.len();
                take_back(tx, world, act, operation);
            }
        }
        Act::Assign { target, budget } => assign(tx, world, *target, *budget),
        Act::Close { budget, closed } => close(tx, world, *budget, *closed),
        Act::Reparent { item, parent } => reparent(tx, world, *item, *parent),
        Act::Plan { item, iteration } => plan(tx, world, *item, *iteration),
        Act::Lock { week } | Act::Unlock { week } => lock(tx, world, act, *week),
        Act::Submit { who, week } | Act::Revoke { who, week } | Act::Decide { who, week, .. } => {
            step(tx, world, act, (WHO[*who], *week));
        }
    }
}

/// One log, or a batch of which all are made or none.
fn create(tx: &mut Tx<'_>, world: &mut World, act: &Act, owner: i32, drafts: &[(u8, Option<i32>, i32)]) {
    let draft = |(n, item, seconds): &(u8, Option<i32>, i32)| Draft {
        start: Some(at_nine(day(*n))),
        length: Some(i64::from(*seconds)),
        work_item: item.map(i64::from),
        comment: Some("generated".to_owned()),
        ..Draft::default()
    };
    let caller = person(owner, Role::Team);
    let by = author(&caller);
    let made = allowed(write::create(tx, &by, &drafts.iter().map(draft).collect::<Vec<_>>()), act);
    let may = drafts.iter().all(|(n, ..)| world.takes_time(owner, day(*n)));
    assert_eq!(made.is_some(), may, "{act:?}");
    let Some(made) = made else { return };
    let mut befores = Vec::new();
    for (log, (n, item, seconds)) in made.into_iter().zip(drafts) {
        let at = world.logs.len();
        world.mine.push(at);
        befores.push((at, None));
        world.logs.push(Log {
            id: log.id,
            guid: log.guid,
            owner,
            item: *item,
            own_budget: None,
            day: day(*n),
            seconds: i64::from(*seconds),
            deleted: false,
            last: None,
        });
    }
    world.operated(by.operation, befores);
}

fn on_log(tx: &mut Tx<'_>, world: &mut World, act: &Act, at: usize) {
    let before = world.logs[at].clone();
    let mut log = before.clone();
    if log.deleted != matches!(act, Act::Restore { .. }) {
        return;
    }
    let caller = person(log.owner, Role::Team);
    let by = &author(&caller);
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
    let same =
        (log.item, log.seconds, log.day, log.deleted) == (before.item, before.seconds, before.day, before.deleted);
    // What changes nothing is no operation.
    if may && !same {
        world.logs[at] = log;
        world.operated(by.operation, vec![(at, Some(before))]);
    }
}

/// Some logs of a person's at once, in one operation: those that may change do, the others are left out.
fn edit_many(tx: &mut Tx<'_>, world: &mut World, act: &Act, owner: i32, picks: &[usize], item: Option<i32>, n: u8) {
    let theirs: Vec<usize> =
        world.mine.iter().copied().filter(|at| world.logs[*at].owner == owner && !world.logs[*at].deleted).collect();
    if theirs.is_empty() {
        return;
    }
    let chosen: BTreeSet<usize> = picks.iter().map(|pick| theirs[pick % theirs.len()]).collect();
    let caller = person(owner, Role::Team);
    let by = &author(&caller);
    let changes = Changes {
        start: Some(at_nine(day(n))),
        work_item: item.map_or(Patch::Clear, |item| Patch::Set(item.into())),
        ..Changes::default()
    };
    let wanted = chosen.iter().map(|at| {
        let before: Worklog = on!(tx, c => tables::worklogs::table.find(world.logs[*at].id).first(c)).expect("a log");
        batch::Change { before, changes: changes.clone(), budget: Patch::Keep }
    });
    let wanted: Vec<batch::Change> = wanted.collect();
    let mut facts = Facts::read(tx).expect("facts");
    let each = batch::changed(tx, by, &mut facts, &wanted).expect("an answer for each");
    let (mut steps, mut befores) = (Vec::new(), Vec::new());
    for ((at, change), after) in chosen.into_iter().zip(wanted).zip(each) {
        let log = &world.logs[at];
        let may = world.takes_time(owner, log.day) && world.takes_time(owner, day(n));
        let after = allowed(after, act);
        assert_eq!(after.is_some(), may, "{act:?}");
        if let Some(after) = after.filter(|_| (log.item, log.day) != (item, day(n))) {
            steps.push(batch::Step { before: change.before, after, action: Action::Changed });
            befores.push((at, Some(log.clone())));
            (world.logs[at].item, world.logs[at].day) = (item, day(n));
        }
    }
    batch::store(tx, by, &mut steps).expect("stored logs");
    if !befores.is_empty() {
        world.operated(by.operation, befores);
    }
}

/// All that one request did, or nothing of it: where something else changed its logs since, nothing.
fn take_back(tx: &mut Tx<'_>, world: &mut World, act: &Act, operation: usize) {
    let taken = &world.operations[operation];
    let current = || taken.befores.iter().map(|(at, _)| &world.logs[*at]);
    let untouched = current().all(|log| log.last == Some(operation));
    let stands = current().zip(&taken.afters).all(|(log, after)| log.shown() == after.shown());
    let owner = current().next().expect("a log").owner;
    let caller = person(owner, Role::Team);
    let by = &author(&caller);
    let open = |(at, before): &(usize, Option<Log>)| {
        let days = [Some(world.logs[*at].day), before.as_ref().map(|before| before.day)];
        days.into_iter().flatten().all(|day| world.takes_time(owner, day))
    };
    let open = taken.befores.iter().all(open);
    let done = match worklogs::undo(tx, by, taken.id) {
        Err(Refusal { kind: Kind::Conflict, .. }) => {
            assert!(!untouched, "{act:?} of {taken:?}");
            return;
        }
        done => allowed(done, act).is_some(),
    };
    // What was changed and changed back may be taken back as well as what nobody touched.
    assert_eq!(done, open && stands, "{act:?} of {taken:?}");
    if !done {
        return;
    }
    let befores: Vec<(usize, Option<Log>)> = taken.befores.clone();
    let steps = befores.iter().map(|(at, _)| (*at, Some(world.logs[*at].clone()))).collect();
    for (at, before) in befores {
        match before {
            Some(before) => world.logs[at] = before,
            None => world.logs[at].deleted = true,
        }
    }
    world.operated(by.operation, steps);
}

/// One of the items, one of the iterations, or one of the logs. A closed budget takes none.
fn assign(tx: &mut Tx<'_>, world: &mut World, target: usize, budget: Option<i32>) {
    let iterations: Vec<i32> = world.all_iterations().into_iter().collect();
    let n = target / 3;
    let item = i32::try_from(n).expect("a small number") % ITEMS + 1;
    let at = n % world.logs.len();
    let target = match target % 3 {
        1 if !iterations.is_empty() => Target::Iteration(iterations[n % iterations.len()]),
        2 => Target::Worklog(world.logs[at].id),
        _ => Target::WorkItem(item),
    };
    if let Some(closed) = budget.filter(|budget| world.closed.contains(budget)) {
        let bo = person(2, Role::Budget);
        let budget = budget_of(tx, closed);
        let refused = budgets::assign(tx, &author(&bo), &budget, target);
        assert!(matches!(refused, Err(Refusal { kind: Kind::Conflict, .. })), "{target:?} to {budget:?}");
        return;
    }
    let before: Vec<Option<i32>> = world.logs.iter().map(|log| world.of_log(log)).collect();
    match target {
        Target::Iteration(iteration) => put(&mut world.iterations, iteration, budget),
        Target::WorkItem(item) => put(&mut world.items, item, budget),
        Target::Worklog(_) => {
            world.logs[at].own_budget = budget;
            world.logs[at].last = None;
        }
    }
    let preview = assign::plan(tx, target, budget).expect("a plan");
    let moves = match budget {
        Some(id) => {
            let (bo, budget) = (person(2, Role::Budget), budget_of(tx, id));
            budgets::assign(tx, &author(&bo), &budget, target).expect("an assignment")
        }
        None => assign::put(tx, target, None).expect("an assignment"),
    };
    assert_eq!((preview.work_items(), &preview.logs), (moves.work_items(), &moves.logs));
    assert_eq!(moved(world, &before), told(&moves), "what {target:?} moves");
}

type Moved = BTreeMap<(Option<i32>, Option<i32>), (i64, i64)>;

/// Logs and seconds that changed hands, by from and to.
fn moved(world: &World, before: &[Option<i32>]) -> Moved {
    let mut moved = Moved::new();
    for (log, from) in world.logs.iter().zip(before) {
        let to = world.of_log(log);
        if !log.deleted && *from != to {
            let sum = moved.entry((*from, to)).or_default();
            *sum = (sum.0 + 1, sum.1 + log.seconds);
        }
    }
    moved
}

fn told(moves: &assign::Moves) -> Moved {
    moves.logs.iter().map(|moved| ((moved.from, moved.to), (moved.worklogs, moved.seconds))).collect()
}

fn put(map: &mut HashMap<i32, i32>, key: i32, value: Option<i32>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}

fn budget_of(tx: &mut Tx<'_>, id: i32) -> budgets::Budget {
    on!(tx, c => tables::budgets::table.find(id).first(c)).expect("a budget")
}

/// It keeps its time.
fn close(tx: &mut Tx<'_>, world: &mut World, id: i32, closed: bool) {
    let bo = person(2, Role::Budget);
    let budget = budget_of(tx, id);
    let changed = budgets::Changed { closed: Some(closed), ..budgets::Changed::default() };
    budgets::change(tx, &author(&bo), &budget, &changed).expect("a budget");
    if closed {
        world.closed.insert(id);
    } else {
        world.closed.remove(&id);
    }
}

/// An item goes elsewhere with all below it, and its logs go by what is above it then.
fn put_item(tx: &mut Tx<'_>, world: &mut World, item: i32, to: Place) {
    let before: Vec<Option<i32>> = world.logs.iter().map(|log| world.of_log(log)).collect();
    let own = to.parent.is_some_and(|parent| world.upward(parent).any(|above| above == item));
    let moves = match work_items::put(tx, item, to) {
        Ok(moves) => moves,
        Err(TreeError::Cycle { path }) => {
            assert!(own && path.first() == Some(&item) && path.last() == Some(&item), "{path:?}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    assert!(!own, "{item} is its own ancestor");
    put(&mut world.parents, item, to.parent);
    put(&mut world.planned, item, to.iteration);
    assert_eq!(moved(world, &before), told(&moves), "what {item} at {to:?} moves");
}

fn reparent(tx: &mut Tx<'_>, world: &mut World, item: i32, parent: Option<i32>) {
    let iteration = world.planned.get(&item).copied();
    put_item(tx, world, item, Place { parent, iteration });
}

fn plan(tx: &mut Tx<'_>, world: &mut World, item: i32, iteration: Option<usize>) {
    let iterations: Vec<i32> = world.all_iterations().into_iter().collect();
    let iteration = iteration.map(|n| iterations[n % iterations.len()]);
    let parent = world.parents.get(&item).copied();
    put_item(tx, world, item, Place { parent, iteration });
}

/// §6.2 as a table: from which states, to which.
fn step(tx: &mut Tx<'_>, world: &mut World, act: &Act, (who, week): (i32, u8)) {
    let monday = day(week * 7);
    let owner = person(who, Role::Team);
    let ada = person(1, Role::Administrator);
    let (done, from, to): (_, &[i32], _) = match act {
        Act::Submit { .. } => (steps::submit(tx, &author(&owner), monday, None), &[0, 2, 4], 1),
        Act::Revoke { .. } => (steps::revoke(tx, &author(&owner), monday), &[1], 2),
        Act::Decide { step, .. } => {
            let table: [(Step, &[i32], i32); 4] = [
                (Step::Approve, &[1], 3),
                (Step::Reject, &[1], 4),
                (Step::Reopen, &[3, 99], 2),
                (Step::Close, &[0, 2, 4], 99),
            ];
            let (step, from, to) = table[*step];
            (steps::decide(tx, &author(&ada), owner.user_guid, monday, step, Some("because")), from, to)
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
    let by = author(&ada);
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

/// A week of somebody's that is done with from the beginning.
pub fn close_week(tx: &mut Tx<'_>, world: &mut World, who: i32, week: u8) {
    // Nobody closes their own week: Bo, with another role.
    let by = if who == 1 { person(2, Role::Administrator) } else { person(1, Role::Administrator) };
    let owner = person(who, Role::Team).user_guid;
    let monday: Day = day(week * 7);
    steps::decide(tx, &author(&by), owner, monday, Step::Close, None).expect("a closed week");
    world.weeks.insert((who, week), 99);
}
