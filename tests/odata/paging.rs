//! Pages and next links: OD-57, OD-76, OD-93, OD-110 to OD-114.

use std::collections::BTreeMap;

use diesel::prelude::*;
use serde_json::Value;
use timeledger::db::tables::worklogs;
use timeledger::db::{DbError, Role};
use timeledger::on;
use timeledger::sql::Guid;

use super::{ADA, TIM, V4, V33, send, servers};
use crate::backend::{Database, for_each_backend};
use crate::support::http::{Reply, Request};
use crate::support::server::{Server, path_of};
use crate::support::site;

/// Walks with pages of `size`; every page but the last is full.
fn walk(server: &Server, target: &str, size: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut next = Some(target.to_owned());
    while let Some(target) = next {
        let reply = page(server, &target, size);
        assert_eq!(reply.status, 200, "{target}: {}", reply.lossy());
        let mut body = reply.json();
        let page = body["value"].as_array_mut().expect("rows");
        let count = page.len();
        rows.append(page);
        next = body["@odata.nextLink"].as_str().map(|link| {
            assert!(link.starts_with("http://timeledger.test/api/odata/"), "{link}");
            assert_eq!(count, size, "a page that is not the last is full");
            path_of(link).to_owned()
        });
        assert!(count > 0 || rows.is_empty(), "no page is empty");
    }
    rows
}

fn page(server: &Server, target: &str, size: usize) -> Reply {
    server.send(ADA, Request::get(target).header("Prefer", &format!("odata.maxpagesize={size}")))
}

#[test]
fn od_110_111_a_walk_gives_what_one_page_gives() {
    let targets = [
        "Worklogs?$select=Id",
        "Worklogs?$select=Id&$orderby=BillablePeriodLength",
        "Worklogs?$select=Id&$orderby=BillablePeriodLength desc",
        "Worklogs?$select=Id&$orderby=IsBillable desc,WorkItem/Title,Hours desc",
        "Worklogs?$select=Id&$orderby=Comment desc,Timestamp",
        "Worklogs?$select=Id&$orderby=PeriodLength mod 7 desc",
        "Worklogs?$select=Id&$orderby=User/Name,WorkItem/Parent/Title desc",
        "Worklogs?$select=Id&$orderby=PeriodLength divby 7",
        "Worklogs?$select=Id&$orderby=EditedTimestamp desc",
        "Worklogs?$select=Id&$orderby=true desc,null eq null",
        "Worklogs?$select=Id&$filter=IsBillable&$orderby=Date",
        "Worklogs?$select=Id&$top=7&$skip=2&$orderby=Timestamp",
        "WorkItems?$select=WorkItemId&$orderby=AllWorklogs/$count desc",
        "WorkItems?$select=WorkItemId&$expand=Worklogs($select=Id),Parent($select=Title)",
        "Worklogs?$apply=groupby((User/Name),aggregate(PeriodLength with sum as T))&$orderby=T desc",
        "Worklogs?$apply=groupby((WorkItem/State,IsBillable),aggregate($count as N))",
        "Worklogs?$apply=groupby((BillablePeriodLength))",
        "WorkItems(1)/AllWorklogs?$select=Id",
        "Dates?$select=DateSK&$filter=Year eq 2024 and Month eq 2&$orderby=DayOfWeek desc",
    ];
    for server in servers() {
        for target in targets {
            let target = format!("{V4}/{target}");
            let whole = server.get(ADA, &target).json()["value"].take();
            assert!(whole.as_array().is_some_and(|rows| rows.len() > 2), "{target}: {whole}");
            for size in [1, 2, 3] {
                assert_eq!(Value::Array(walk(server, &target, size)), whole, "{target} by {size}");
            }
        }
    }
}

#[test]
fn od_57_58_top_and_count_over_pages() {
    for server in servers() {
        let rows = walk(server, &format!("{V4}/Worklogs?$select=Id&$top=5&$orderby=Id"), 2);
        assert_eq!(rows.len(), 5);
        let mut target = format!("{V4}/Worklogs?$select=Id&$count=true&$filter=IsBillable");
        for expected in [4, 2] {
            let body = page(server, &target, 4).json();
            assert_eq!(body["@odata.count"], 6);
            assert_eq!(body["value"].as_array().map(Vec::len), Some(expected));
            target = body["@odata.nextLink"].as_str().map(path_of).unwrap_or_default().to_owned();
        }
    }
}

#[test]
fn od_110_no_next_link_where_nothing_is_next() {
    for server in servers() {
        for (target, size) in [("Worklogs", 11), ("Worklogs?$filter=IsBillable", 6), ("Worklogs?$top=4", 4)] {
            let body = page(server, &format!("{V4}/{target}"), size).json();
            assert_eq!(body["@odata.nextLink"], Value::Null, "{target}");
            assert_eq!(body["value"].as_array().map(Vec::len), Some(size), "{target}");
        }
    }
}

#[test]
fn contract_3_9_next_links_repeat_the_parameters() {
    let target = format!("{V33}/workLogsOnly?$select=Id&worklogsFilter=PeriodLength gt 60&prefilter=NoFilter");
    for server in servers() {
        let body = page(server, &target, 2).json();
        let link = body["@odata.nextLink"].as_str().expect("a next link");
        assert!(link.contains("worklogsFilter=") && link.contains("prefilter=NoFilter"), "{link}");
        assert_eq!(walk(server, &target, 2).len(), 9);
        // The next link of a POST is a GET link.
        let post = Request::post(&format!("{V33}/workLogsOnly/$query"), "text/plain", b"select=Id&orderby=Id");
        let body = server.send(ADA, post.header("Prefer", "maxpagesize=10")).json();
        let next = body["@odata.nextLink"].as_str().map(path_of).expect("a next link").to_owned();
        assert_eq!(super::names(&server.get(ADA, &next).json(), "Id"), "13");
    }
}

#[test]
fn od_112_forged_and_foreign_tokens() {
    for server in servers() {
        let link =
            page(server, &format!("{V4}/Worklogs?$select=Id&$orderby=Comment"), 2).json()["@odata.nextLink"].take();
        let next = path_of(link.as_str().expect("a next link")).to_owned();
        let (before, token) = next.rsplit_once("skiptoken=").expect("a token");
        assert!(!before.contains("stand"), "no value of a row stands in a link: {before}");
        let refused = |user: &str, target: &str| {
            let reply = server.get(user, target);
            assert_eq!(
                (reply.status, reply.error_code().as_str()),
                (400, "InvalidSkipToken"),
                "{target}: {}",
                reply.lossy()
            );
        };
        refused(ADA, &format!("{before}skiptoken={}", flipped(token)));
        refused(ADA, &format!("{before}skiptoken=AAAA"));
        refused(ADA, &format!("{V4}/Worklogs?$select=Id&$orderby=Timestamp&$skiptoken={token}"));
        refused(ADA, &format!("{V4}/Worklogs?$select=Id&$orderby=Comment&$filter=true&$skiptoken={token}"));
        refused(ADA, &format!("{V4}/Users?$skiptoken={token}"));
        refused(TIM, &next);
        assert_eq!(server.get(ADA, &next).status, 200);
    }
}

/// The token with a letter in its middle changed.
fn flipped(token: &str) -> String {
    let middle = token.len() / 2;
    let other = if token.as_bytes()[middle] == b'A' { 'B' } else { 'A' };
    format!("{}{other}{}", &token[..middle], &token[middle + 1..])
}

#[test]
fn od_114_preferences() {
    let ask = |prefer: &str| send(ADA, Request::get(&format!("{V4}/Worklogs?$select=Id")).header("Prefer", prefer));
    let rows = |reply: &Reply| reply.json()["value"].as_array().map(Vec::len);
    for (prefer, count, applied) in [
        ("maxpagesize=2", 2, Some("maxpagesize=2")),
        ("odata.maxpagesize=3", 3, Some("odata.maxpagesize=3")),
        ("odata.maxpagesize=3, maxpagesize=2", 2, Some("maxpagesize=2")),
        ("maxpagesize=0", 11, None),
        ("maxpagesize=-1", 11, None),
        ("maxpagesize=x", 11, None),
        ("maxpagesize=999999999", 11, Some("maxpagesize=10000")),
        ("respond-later", 11, None),
    ] {
        let reply = ask(prefer);
        assert_eq!(
            (reply.status, rows(&reply), reply.header("Preference-Applied")),
            (200, Some(count), applied),
            "{prefer}"
        );
    }
}

#[test]
fn od_114_the_size_is_kept_in_next_links() {
    for server in servers() {
        let next = page(server, &format!("{V4}/Worklogs?$select=Id"), 2).json()["@odata.nextLink"].take();
        let reply = server.get(ADA, path_of(next.as_str().expect("a next link")));
        assert_eq!(reply.json()["value"].as_array().map(Vec::len), Some(2));
    }
}

#[test]
fn od_113_snapshots_are_not_served() {
    let reply = send(ADA, Request::get(&format!("{V4}/Worklogs")).header("OData-Isolation", "snapshot"));
    assert_eq!((reply.status, reply.error_code().as_str()), (412, "IsolationNotSupported"));
}

/// Rows that stand unchanged through the whole walk come exactly once, whatever comes and goes between its pages.
#[test]
fn od_113_rows_come_and_go_during_a_walk() {
    const THERE: usize = 1_000;
    for_each_backend(|backend| {
        for order in ["", "&$orderby=Timestamp desc", "&$orderby=WorkItemId,PeriodLength desc"] {
            let database = Database::load(backend, &site::logs(&format!("walk-{backend:?}"), 1, THERE, true));
            let server = Server::start(database);
            let mut next = Some(format!("{V4}/Worklogs?$select=PeriodLength{order}"));
            let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
            let (mut added, mut removed) = (0, Vec::new());
            while let Some(target) = next {
                let body = page(&server, &target, 100).json();
                for row in body["value"].as_array().expect("rows") {
                    *seen.entry(row["PeriodLength"].as_u64().expect("seconds")).or_default() += 1;
                }
                next = body["@odata.nextLink"].as_str().map(|link| path_of(link).to_owned());
                if added < 500 {
                    add(&server, backend, THERE + 1 + added, 50);
                    added += 50;
                }
                // Some that were seen and some that were not.
                let gone: Vec<u64> = (1..=10).map(|n| n * 97 + removed.len() as u64 / 10).collect();
                remove(&server, &gone);
                removed.extend(gone);
            }
            for n in 1..=THERE as u64 {
                let times = seen.get(&n).copied().unwrap_or(0);
                let stayed = !removed.contains(&n);
                assert!(times == 1 || (!stayed && times == 0), "log {n} came {times} times{order}");
            }
            assert!(seen.values().all(|times| *times == 1), "no row comes twice{order}");
        }
    });
}

fn add(server: &Server, backend: crate::backend::Backend, from: usize, count: usize) {
    let file = site::logs(&format!("walk-more-{backend:?}"), from, count, false);
    server.database.load_more(&file);
}

/// OD-55: an expanded collection of more rows than fit goes on behind a link of its own.
#[test]
fn od_55_pages_of_an_expanded_collection() {
    const LOGS: usize = 2_500;
    for_each_backend(|backend| {
        let server = Server::start(Database::load(backend, &site::logs(&format!("nested-{backend:?}"), 1, LOGS, true)));
        let options = "Worklogs($select=PeriodLength;$compute=PeriodLength mul 2 as Twice;$orderby=Twice desc;\
                       $filter=Twice gt @least;@least=@hundred mul 2)";
        let around = "@least=0&@hundred=100&$schemaversion=4.0";
        let body = server.get(ADA, &format!("{V4}/Users?$select=Name&$expand={options}&{around}")).json();
        let user = &body["value"][0];
        let mut seconds: Vec<u64> = Vec::new();
        let mut take = |rows: &Value| {
            let rows = rows.as_array().expect("rows");
            seconds.extend(rows.iter().map(|row| row["PeriodLength"].as_u64().expect("seconds")));
        };
        take(&user["Worklogs"]);
        let mut next = user["Worklogs@odata.nextLink"].as_str().map(|link| path_of(link).to_owned());
        assert!(next.as_ref().is_some_and(|next| next.contains("$schemaversion=4.0")), "{next:?}");
        while let Some(target) = next {
            let reply = server.get(ADA, &target);
            assert_eq!(reply.status, 200, "{target}: {}", reply.lossy());
            let body = reply.json();
            take(&body["value"]);
            next = body["@odata.nextLink"].as_str().map(|link| path_of(link).to_owned());
        }
        assert_eq!(seconds, (101..=LOGS as u64).rev().collect::<Vec<_>>());
    });
}

/// As the product deletes: the row stays and says so.
fn remove(server: &Server, numbers: &[u64]) {
    let guids: Vec<Guid> = numbers
        .iter()
        .map(|n| {
            let text = format!("cccccccc-0000-4000-8000-{n:012}");
            Guid(text.parse().expect("a GUID"))
        })
        .collect();
    let mut conn = server.database.connect(Role::Writer);
    let done: Result<usize, DbError> = conn.write(|tx| {
        Ok(on!(tx, c => diesel::update(worklogs::table.filter(worklogs::guid.eq_any(guids.clone())))
            .set(worklogs::deleted.eq(true)).execute(c))?)
    });
    assert!(done.is_ok_and(|rows| rows > 0));
}
