//! An independent evaluator of OData: the same requests answered from rows in memory, by the standard's text and
//! nothing of the compiler. Generated requests must be answered alike by it and by the server on both back ends.
//!
//! A request that is answered otherwise is made small and printed with its URL. `TIMELEDGER_TEST_SEED` begins the
//! sequence of each topic at the seed that a failure names; `TIMELEDGER_TEST_PROOF=1` asks as many as the proof needs.
//!
//! Differences by decision: `divby` and Decimals under `mul div mod` in doubles, `0 divby 0` null (OD-33); patterns that
//! every engine reads alike (OD-34); the casts of OD-38.

mod answer;
mod apply;
mod calendar;
mod check;
mod deviations;
mod evaluate;
mod expression;
mod functions;
mod generate;
mod json;
mod number;
mod query;
mod search;
mod second;
mod shrink;
mod value;
mod world;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use self::check::{SITE, Verdict, check, readable};
use self::deviations::Deviation;
use self::generate::{Generator, Topic};
use self::second::{Outcome, Second};
use self::world::{ADA, World, ZOE};
use crate::backend::Backend;
use crate::support::server::Server;

static WORLD: LazyLock<World> = LazyLock::new(|| World::read(Server::shared(Backend::Sqlite, SITE), ADA));
/// What a Team caller sees.
static OWN_WORLD: LazyLock<World> = LazyLock::new(|| World::read(Server::shared(Backend::Sqlite, SITE), ZOE));

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Asks as many requests of a topic as the suite takes, or the proof.
fn agree(world: &World, topic: Topic, in_suite: u64, in_proof: u64) {
    let first = variable("TIMELEDGER_TEST_SEED").unwrap_or(1_000_000 * (topic as u64 + 1));
    let count = if variable("TIMELEDGER_TEST_PROOF").is_some() { in_proof } else { in_suite };
    let mut verdicts = Vec::new();
    let mut failures = Vec::new();
    for seed in first..first + count {
        let query = Generator::new(world, seed).query(topic);
        match check(world, &query) {
            Ok(verdict) => verdicts.push(verdict),
            Err(_) => {
                let small = shrink::shrunk(query, true, &mut |query| check(world, query).is_err());
                let why = check(world, &small).expect_err("a request that fails");
                let target = small.target(world);
                failures.push(format!("{topic:?}, seed {seed}: {}\nGET {target}\n{why}", readable(&target)));
            }
        }
        if failures.len() >= 12 {
            break;
        }
    }
    let equal = verdicts.iter().filter(|verdict| **verdict == Verdict::Equal).count();
    let failed = verdicts.iter().filter(|verdict| **verdict == Verdict::Failed).count();
    println!("{topic:?}: {} asked, {equal} equal, {failed} failed as they must", verdicts.len());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(equal as u64 * 10 >= count * 8, "only {equal} of {count} were answered with rows");
}

#[test]
fn filters() {
    agree(&WORLD, Topic::Filter, 200, 2_000);
}

#[test]
fn orders_with_paging() {
    agree(&WORLD, Topic::Orderby, 40, 500);
}

#[test]
fn applies() {
    agree(&WORLD, Topic::Apply, 100, 1_000);
}

#[test]
fn expands() {
    agree(&WORLD, Topic::Expand, 60, 500);
}

#[test]
fn computes() {
    agree(&WORLD, Topic::Compute, 60, 500);
}

#[test]
fn searches() {
    agree(&WORLD, Topic::Search, 40, 500);
}

/// A request that the row policy stands under.
#[test]
fn requests_of_a_team_caller() {
    for topic in [Topic::Filter, Topic::Orderby, Topic::Apply, Topic::Expand, Topic::Compute, Topic::Search] {
        agree(&OWN_WORLD, topic, 10, 300);
    }
}

/// OD-202: what odatapy answers otherwise is of a class that is noted with its reason.
#[test]
fn odatapy() {
    let mut second = Second::start(&WORLD, Server::shared(Backend::Sqlite, SITE));
    let first = variable("TIMELEDGER_TEST_SEED").unwrap_or(9_000_000);
    let count = if variable("TIMELEDGER_TEST_PROOF").is_some() { 500 } else { 40 };
    let (mut equal, mut noted, mut unknown) = (0, BTreeMap::<&str, usize>::new(), Vec::new());
    for seed in first..first + count {
        let topic = [Topic::Filter, Topic::Orderby, Topic::Compute, Topic::Apply][seed as usize % 4];
        let query = Generator::new(&WORLD, seed).query_for_others(topic);
        let found = match second.compare(&WORLD, &query) {
            Outcome::Equal => {
                equal += 1;
                continue;
            }
            Outcome::NotAsked => continue,
            Outcome::Other(found) => found,
        };
        // Without nulls put in, which would differ by themselves, and with the order of equals told.
        let small = shrink::shrunk(query, false, &mut |query| {
            let outcome = second.compare(&WORLD, query);
            query.tells_equals_apart(&WORLD) && matches!(outcome, Outcome::Other(smaller) if smaller.is_like(&found))
        });
        let Outcome::Other(found) = second.compare(&WORLD, &small) else { panic!("seed {seed}: it differs no more") };
        match Deviation::of(&small, &found) {
            Some(deviation) => *noted.entry(deviation.name).or_default() += 1,
            None => {
                let target = small.target(&WORLD);
                unknown.push(format!("seed {seed}: GET {}\n{} {}", readable(&target), found.status, found.why));
            }
        }
    }
    println!("odatapy: {count} asked, {equal} equal, {noted:#?}");
    assert!(unknown.is_empty(), "{} of no class that is noted:\n{}", unknown.len(), unknown.join("\n\n"));
    assert!(equal * 10 >= count * 6, "only {equal} of {count} were answered alike");
}
