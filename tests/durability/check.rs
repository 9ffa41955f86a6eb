//! What the database holds, beside the ledgers of all clients.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use serde_json::Value;
use timeledger::db::{Role, tables};
use timeledger::on;

use super::client::Ledger;
use crate::rest::{ADA, ask};
use crate::support::server::Server;

/// What was there before anybody wrote.
pub struct Before {
    seconds: i64,
    items: BTreeMap<i64, i64>,
    logs: i64,
}

impl Before {
    pub fn of(server: &Server) -> Before {
        Before { seconds: total(server), items: tracked(server), logs: count(server) }
    }
}

/// Checks everything; how many imports were given up.
pub fn all(server: &Server, before: &Before, ledgers: &mut [Ledger]) -> usize {
    let given_up = imports_are_over(server, ledgers);
    for ledger in ledgers.iter() {
        logs_are_those_of(server, ledger);
    }
    weeks_are_those_of(server, ledgers);
    sums_are_those_of(server, before, ledgers);
    budgets_are_those_of_the_items(server);
    given_up
}

/// Each is done, or was given up since the server died under it too often; then none of its rows may be there. How many were
/// given up.
fn imports_are_over(server: &Server, ledgers: &mut [Ledger]) -> usize {
    let until = Instant::now() + Duration::from_secs(120);
    let mut given_up = 0;
    for ledger in ledgers {
        for (address, prefix) in &ledger.imports {
            let job = loop {
                let job = ask(server, ADA, "GET", address, &Value::Null).json();
                if !matches!(job["state"].as_str(), Some("queued" | "running")) {
                    break job;
                }
                assert!(Instant::now() < until, "not over: {job}");
                std::thread::sleep(Duration::from_millis(100));
            };
            if job["state"] == "failed" && job["error"] == "given up after 5 attempts: the server ended while it ran" {
                ledger.logs.retain(|comment, _| !comment.starts_with(prefix));
                given_up += 1;
            } else {
                assert_eq!(job["state"], "succeeded", "{job}");
            }
        }
    }
    given_up
}

/// Every log that was acknowledged, as it was; no other, and none twice.
fn logs_are_those_of(server: &Server, ledger: &Ledger) {
    use tables::worklogs as w;
    let conn = &mut server.database.connect(Role::Reader);
    let mine = w::user_id.eq(ledger.user).and(w::deleted.eq(false));
    let rows: Vec<(Option<String>, i32, Option<i32>)> = on!(conn, c => w::table
        .filter(mine)
        .select((w::comment, w::length_seconds, w::work_item_id))
        .load(c))
    .expect("rows");
    let count = rows.len();
    let found: BTreeMap<String, (i64, Option<i64>)> = rows
        .into_iter()
        .map(|(comment, seconds, item)| (comment.unwrap_or_default(), (seconds.into(), item.map(Into::into))))
        .collect();
    assert_eq!(count, found.len(), "a comment of person {} is there twice", ledger.user);
    let missing: Vec<_> = ledger.logs.iter().filter(|(comment, _)| !found.contains_key(*comment)).collect();
    let unknown: Vec<_> = found.iter().filter(|(comment, _)| !ledger.logs.contains_key(*comment)).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing: {missing:?}\nunknown: {unknown:?}");
    assert_eq!(found, ledger.logs);
}

fn weeks_are_those_of(server: &Server, ledgers: &[Ledger]) {
    use tables::approvals as a;
    let conn = &mut server.database.connect(Role::Reader);
    for ledger in ledgers {
        let states: Vec<i32> =
            on!(conn, c => a::table.filter(a::user_id.eq(ledger.user)).select(a::state).load(c)).expect("rows");
        let submitted = states == [1];
        assert_eq!(submitted, ledger.submitted, "person {}: {states:?}", ledger.user);
    }
}

fn sums_are_those_of(server: &Server, before: &Before, ledgers: &[Ledger]) {
    let of_ledger = |ledger: &Ledger| ledger.logs.values().map(|log| log.0).sum::<i64>();
    let written: i64 = ledgers.iter().map(of_ledger).sum();
    assert_eq!(total(server), before.seconds + written);
    let logs: usize = ledgers.iter().map(|ledger| ledger.logs.len()).sum();
    assert_eq!(count(server), before.logs + i64::try_from(logs).expect("a count"));
    // By item, each with what is below it: 7 and 2 below 1, 3 below 2, 4 below 3, 5 below 4.
    let itself = |item: i64| -> i64 {
        let logs = ledgers.iter().flat_map(|ledger| ledger.logs.values());
        logs.filter(|log| log.1 == Some(item)).map(|log| log.0).sum()
    };
    let (two, three, four, five, seven) = (itself(2), itself(3), itself(4), itself(5), itself(7));
    let after = tracked(server);
    for (item, more) in [
        (5, five),
        (4, four + five),
        (3, three + four + five),
        (2, two + three + four + five),
        (7, seven),
        (1, two + three + four + five + seven),
        (6, 0),
    ] {
        assert_eq!(after[&item], before.items[&item] + more, "item {item}");
    }
    for ledger in ledgers {
        let target = format!(
            "/api/odata/v4.0/Worklogs?$apply=filter(User/Name eq '{}')/aggregate(PeriodLength with sum as S)",
            name(server, ledger.user)
        );
        let sum = server.get(ADA, &target).json();
        assert_eq!(sum["value"][0]["S"].as_i64().unwrap_or(0), of_ledger(ledger));
    }
}

fn name(server: &Server, user: i32) -> String {
    let conn = &mut server.database.connect(Role::Reader);
    on!(conn, c => tables::users::table.find(user).select(tables::users::name).first(c)).expect("a person")
}

fn total(server: &Server) -> i64 {
    let sum = server.get(ADA, "/api/odata/v4.0/Worklogs?$apply=aggregate(PeriodLength with sum as S)").json();
    sum["value"][0]["S"].as_i64().expect("a sum")
}

fn count(server: &Server) -> i64 {
    server.get(ADA, "/api/odata/v3.3/workLogsOnly/$count").text().parse().expect("a number")
}

/// Seconds of items, with all below them.
fn tracked(server: &Server) -> BTreeMap<i64, i64> {
    let (rows, _) = server.walk(ADA, "/api/odata/v4.0/WorkItems?$select=WorkItemId,TrackedTotal");
    let row = |row: Value| (row["WorkItemId"].as_i64().expect("an id"), row["TrackedTotal"].as_i64().unwrap_or(0));
    rows.into_iter().map(row).collect()
}

/// An item has its own budget, or that of the nearest above it; a log without one of its own has its item's. No budget of the
/// test is closed, and none is an iteration's of its items.
fn budgets_are_those_of_the_items(server: &Server) {
    use tables::{budget_work_items as b, work_items as i, worklogs as w};
    let conn = &mut server.database.connect(Role::Reader);
    let assigned: Vec<(i32, i32)> =
        on!(conn, c => b::table.select((b::work_item_id, b::budget_id)).load(c)).expect("rows");
    let assigned: BTreeMap<i32, i32> = assigned.into_iter().collect();
    let items: Vec<(i32, Option<i32>, Option<i32>)> =
        on!(conn, c => i::table.filter(i::id.le(7)).select((i::id, i::parent_id, i::budget_id)).load(c)).expect("rows");
    let parents: BTreeMap<i32, Option<i32>> = items.iter().map(|item| (item.0, item.1)).collect();
    let mut of_items = BTreeMap::from([(None, None)]);
    for (item, _, budget) in items {
        let above = std::iter::successors(Some(item), |item| parents[item]);
        let expected = above.filter_map(|item| assigned.get(&item)).next().copied();
        assert_eq!(budget, expected, "item {item}");
        of_items.insert(Some(item), expected);
    }
    let logs: Vec<(Option<i32>, Option<i32>)> = on!(conn, c => w::table
        .filter(w::deleted.eq(false).and(w::own_budget_id.is_null()))
        .select((w::work_item_id, w::budget_id))
        .load(c))
    .expect("rows");
    for (item, budget) in logs {
        if let Some(expected) = of_items.get(&item) {
            assert_eq!(&budget, expected, "a log of item {item:?}");
        }
    }
}
