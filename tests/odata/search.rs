//! `$search`: OD-46, and where it stands besides: OD-41, OD-52, OD-58, OD-59, OD-62.

use std::collections::BTreeSet;

use diesel::prelude::*;
use serde_json::{Value, json};
use timeledger::db::tables::worklogs;
use timeledger::db::{DbError, Role};
use timeledger::entities;
use timeledger::odata::edm::{Model, Structured};
use timeledger::on;
use timeledger::sql::Guid;

use super::{ADA, TIM, V4, V33, check_refused, check_values, get, names, send, servers};
use crate::backend::{Database, Fixture, for_each_backend};
use crate::support::http::Request;
use crate::support::server::{Server, path_of};
use crate::support::site;

/// Rows of a set by their names, for searches.
#[track_caller]
fn check_search(set: &str, key: &str, cases: &[(&str, &str)]) {
    for (search, expected) in cases {
        let reply = get(&format!("{V4}/{set}?$select={key}&$orderby={key}&$search={search}"));
        assert_eq!(reply.status, 200, "{search}: {}", reply.lossy());
        assert_eq!(names(&reply.json(), key), *expected, "{set}: {search}");
    }
}

#[test]
fn od_46_terms_phrases_and_operators() {
    check_search(
        "Worklogs",
        "Id",
        &[
            ("zero", "6"),
            ("ZERO", "6"),
            // Under three characters, in the middle of a word, in other scripts.
            ("ze", "6"),
            ("er", "1 6 7"),
            ("日本", "9"),
            ("日本語", "9"),
            ("🎉", "3"),
            ("STRASSE", ""),
            ("straße", "7"),
            ("ÄÖÜ", "7"),
            ("müller", "1"),
            // The name of a person, the title of an item, the name of a budget.
            ("tess", "4 5 6"),
            ("\"Beta task\"", "5"),
            ("\"budget one\"", "1 2 7 9 13"),
            // Nothing of these has a meaning to the index.
            ("100%25", "4 5"),
            ("\"100%25 of _this_\"", "5"),
            ("_this_", "5"),
            ("%25%25%25", ""),
            ("___", ""),
            ("comment:zero", ""),
            ("zer*", ""),
            ("^zero", ""),
            ("NEAR", ""),
            ("\"\\\"quoted\\\"\"", "1"),
            ("\"; \\\"q\"", "1"),
            ("it's", "1"),
            ("=1%2B1", "10"),
            // Operators.
            ("tess zero", "6"),
            ("tess AND zero", "6"),
            ("zero OR half", "6 13"),
            ("tess NOT zero", "4 5"),
            ("tess AND NOT zero", "4 5"),
            ("NOT er", "2 3 4 5 8 9 10 13"),
            ("(zero OR half) AND bo", "13"),
            ("zero OR half AND bo", "6 13"),
            ("NOT (zero OR tess)", "1 2 3 7 8 9 10 13"),
            ("NOT NOT zero", "6"),
            ("and", "3"),
            // The comment of log 4 is null: it does not hold the term.
            ("NOT zzz tess", "4 5 6"),
        ],
    );
    check_search(
        "WorkItems",
        "WorkItemId",
        &[
            ("größe", "3"),
            ("GRÖSSE", ""),
            ("\"A'B %26 100%25 _x_ \\\\ [y]\"", "6"),
            ("\"alpha\\\\core\"", "2 4 6"),
            ("tim", "3"),
            ("A%26B", "9"),
        ],
    );
    check_values(
        V4,
        &[
            ("Budgets?$select=BudgetName&$search=nothing", json!([{"BudgetName": "Empty"}])),
            ("Users?$select=Name&$search=tess@example", json!([{"Name": "Tess O'Team"}])),
            ("Areas?$select=AreaPath&$search=\"beta\\\\c\"", json!([{"AreaPath": "Beta\\Core"}])),
        ],
    );
    check_values(
        V33,
        &[
            ("workLogsWorkItems?$select=Comment&$search=\"beta task\"", json!([{"Comment": "100% of _this_"}])),
            ("workItems?$select=System_Id&$search=seven", json!([{"System_Id": 7}])),
        ],
    );
}

#[test]
fn od_46_places_of_a_search() {
    check_values(
        V4,
        &[
            (
                "Worklogs?$select=PeriodLength&$search=tess&$filter=IsBillable&$orderby=PeriodLength&$count=true",
                json!({"@odata.count": 2, "value": [{"PeriodLength": 60}, {"PeriodLength": 7200}]}),
            ),
            (
                "Users?$select=Name&$filter=startswith(UniqueName,'t')&$orderby=Name\
                 &$expand=Worklogs($select=PeriodLength;$search=\"zero\" OR \"MÜLLER'S; \";$count=true)",
                json!([
                    {"Name": "Tess O'Team", "Worklogs@odata.count": 1, "Worklogs": [{"PeriodLength": 0}]},
                    {"Name": "Tim Tëam", "Worklogs@odata.count": 1, "Worklogs": [{"PeriodLength": 3600}]},
                ]),
            ),
            (
                "WorkItems(1)?$select=WorkItemId&$expand=AllWorklogs/$count($search=development OR half),\
                 Children/$ref($search=seven)",
                json!({"WorkItemId": 1, "AllWorklogs@odata.count": 1,
                       "Children": [{"@odata.id": "http://timeledger.test/api/odata/v4.0/WorkItems(7)"}]}),
            ),
            ("Users?$select=Name&$filter=Worklogs/$count($search=zero) gt 0", json!([{"Name": "Tess O'Team"}])),
            (
                "Users?$select=Name&$orderby=Worklogs/$count($filter=IsBillable;$search=\"beta task\") desc&$top=1",
                json!([{"Name": "Tess O'Team"}]),
            ),
            ("WorkItems(1)/Descendants?$select=WorkItemId&$search=seven", json!([{"WorkItemId": 7}])),
            ("Worklogs?$apply=search(tess)/aggregate($count as N)", json!([{"N@odata.type": "#Decimal", "N": 3}])),
            (
                "Worklogs?$apply=filter(IsBillable)/search(tess)&$search=task&$select=PeriodLength",
                json!([{"PeriodLength": 7200}]),
            ),
            (
                "WorkItems/$ref?$search=seven",
                json!([{"@odata.id": "http://timeledger.test/api/odata/v4.0/WorkItems(7)"}]),
            ),
        ],
    );
    for (target, expected) in [
        ("Worklogs/$count?$search=tess", "3"),
        ("Worklogs/$count?$search=NOT tess&$filter=IsBillable", "4"),
        ("Worklogs/$filter(IsBillable)/$count?$search=tess", "2"),
    ] {
        let reply = get(&format!("{V4}/{target}"));
        assert_eq!((reply.status, reply.text()), (200, expected), "{target}");
    }
}

#[test]
fn od_46_what_is_no_search() {
    let many = (0..600).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ");
    let deep = "(".repeat(300);
    check_refused(
        V4,
        &[
            ("Worklogs?$search=", 400, "SyntaxError"),
            ("Worklogs?$search=%20", 400, "SyntaxError"),
            ("Worklogs?$search=\"zero", 400, "SyntaxError"),
            ("Worklogs?$search=\"\"", 400, "SyntaxError"),
            ("Worklogs?$search=(zero", 400, "SyntaxError"),
            ("Worklogs?$search=zero)", 400, "SyntaxError"),
            ("Worklogs?$search=()", 400, "SyntaxError"),
            ("Worklogs?$search=a%00b", 400, "InvalidEncoding"),
            (&format!("Worklogs?$search={many}"), 400, "QueryTooComplex"),
            (&format!("Worklogs?$search={deep}a"), 400, "QueryTooComplex"),
            ("Dates?$search=monday", 400, "OptionNotApplicable"),
            ("Worklogs?$apply=groupby((WorkItemId))&$search=zero", 400, "OptionNotApplicable"),
            ("Worklogs?$apply=groupby((WorkItemId))/search(zero)", 400, "OptionNotApplicable"),
            ("WorkItems(1)?$search=zero", 400, "OptionNotApplicable"),
            ("WorkItems(1)/Title?$search=zero", 400, "OptionNotApplicable"),
            ("WorkItems?$expand=Parent($search=zero)", 400, "OptionNotApplicable"),
        ],
    );
}

/// The definition, asked by `$filter` of every text of every set.
#[test]
fn od_46_a_search_is_contains_of_each_text() {
    for (segment, root) in [("v4.0", V4), ("v3.3", V33)] {
        let (schema, version) = entities::schema_for(segment).expect("a version of ours");
        let model = Model { schema, version, granted: entities::rights(true), fields: &[] };
        for set in model.sets() {
            let texts: Vec<&str> = model.searched(set.entity).map(|text| text.path).collect();
            assert_eq!(texts.len(), set.entity.search.len(), "{} has each of its texts", set.name);
            if texts.is_empty() {
                continue;
            }
            let key = model.key(set.entity).next().expect("a key").name;
            let mut found = 0;
            for term in
                ["e", "ta", "alpha", "BUDGET", "team", "ß", "ËAM", "tim t", "100%25", "größe", "o't", "_x_", "sprint"]
            {
                let quoted = term.replace('\'', "''");
                let holds = |text: &&str| format!("contains(tolower({text}),tolower('{quoted}'))");
                let filter = texts.iter().map(holds).collect::<Vec<_>>().join(" or ");
                let rows = |option: String| {
                    let reply = get(&format!("{root}/{}?$select={key}&{option}", set.name));
                    assert_eq!(reply.status, 200, "{}: {option}: {}", set.name, reply.lossy());
                    reply.json()["value"].take()
                };
                let searched = rows(format!("$search=\"{term}\""));
                assert_eq!(searched, rows(format!("$filter={filter}")), "{} {term}", set.name);
                let others = rows(format!("$search=NOT \"{term}\""));
                let count = |rows: &Value| rows.as_array().expect("rows").len();
                assert_eq!(count(&searched) + count(&others), count(&rows("$top=10000".into())), "{} {term}", set.name);
                found += count(&searched);
            }
            assert!(found > 0, "some term is in {}", set.name);
            let structured = Structured::Entity(set.entity);
            assert!(model.members(structured).count() > 0);
        }
    }
}

/// A search finds nothing that its caller could not read.
#[test]
fn od_46_the_row_policy_is_under_it() {
    let tim = |target: &str| send(TIM, Request::get(&format!("{V4}/{target}"))).json();
    assert_eq!(names(&tim("Worklogs?$select=Id&$search=tess"), "Id"), "");
    assert_eq!(names(&tim("Worklogs?$select=Id&$search=zero"), "Id"), "");
    assert_eq!(names(&tim("Worklogs?$select=Id&$search=NOT zzz"), "Id"), "1 2 3");
    // Two of these logs are on Budget One.
    assert_eq!(names(&tim("Worklogs?$select=Id&$search=\"budget one\""), "Id"), "");
    assert_eq!(names(&tim("WorkItems?$select=WorkItemId&$search=\"budget one\""), "WorkItemId"), "");
    assert_eq!(names(&tim("Users?$select=Name&$filter=Worklogs/$count($search=zero) gt 0"), "Name"), "");
    let contract = send(TIM, Request::get(&format!("{V33}/workItems?$select=System_Id&$search=\"budget one\"")));
    assert_eq!(contract.json()["value"], json!([]));
}

#[test]
fn od_46_next_links_search_on() {
    for server in servers() {
        let mut target = format!("{V4}/Worklogs?$select=Id&$orderby=Timestamp&$search=tess OR \"müller's; \"");
        let mut found = Vec::new();
        loop {
            let body = server.send(ADA, Request::get(&target).header("Prefer", "odata.maxpagesize=2")).json();
            found.push(names(&body, "Id"));
            match body["@odata.nextLink"].as_str() {
                Some(next) => target = path_of(next).to_owned(),
                None => break,
            }
        }
        assert_eq!(found, ["1 4", "5 6"]);
    }
    const LOGS: usize = 2_400;
    for_each_backend(|backend| {
        let server = Server::start(Database::load(backend, &site::logs(&format!("search-{backend:?}"), 1, LOGS, true)));
        let options = "Worklogs($search=\"LOG 1\" OR O'Neil;$select=PeriodLength;$orderby=PeriodLength)";
        let body = server.get(ADA, &format!("{V4}/Users?$select=Name&$expand={options}")).json();
        let user = &body["value"][0];
        let mut rows = user["Worklogs"].as_array().expect("rows").clone();
        let next = user["Worklogs@odata.nextLink"].as_str().unwrap_or_else(|| panic!("a next link: {}", rows.len()));
        let rest = server.get(ADA, path_of(next)).json();
        rows.extend(rest["value"].as_array().unwrap_or_else(|| panic!("{next}: {rest}")).clone());
        let seconds: Vec<u64> = rows.iter().map(|row| row["PeriodLength"].as_u64().expect("seconds")).collect();
        let expected: Vec<u64> = (1..=LOGS as u64).filter(|n| n.to_string().starts_with('1')).collect();
        assert_eq!(seconds, expected);
    });
}

/// What is written, changed and deleted is found as it is now, with and without the index of PostgreSQL.
#[test]
fn od_46_the_index_is_kept() {
    for_each_backend(|backend| {
        for indexed in [true, false] {
            let server = Server::start(Database::loaded(backend, Fixture::SMALL));
            let mut conn = server.database.connect(Role::Migrator);
            if let (timeledger::db::Conn::Postgres(_), false) = (&conn, indexed) {
                on!(&mut conn, c => diesel::sql_query("DROP INDEX worklogs_search").execute(c)).expect("an index");
            }
            let found =
                |term: &str| names(&server.get(ADA, &format!("{V4}/Worklogs?$select=Id&$search={term}")).json(), "Id");
            let set = |conn: &mut timeledger::db::Conn, n: u64, comment: Option<&str>| {
                let guid = Guid(format!("cccccccc-0000-4000-8000-{n:012}").parse().expect("a GUID"));
                let done: Result<usize, DbError> = conn.write(|tx| {
                    Ok(on!(tx, c => diesel::update(worklogs::table.filter(worklogs::guid.eq(guid)))
                        .set(worklogs::comment.eq(comment)).execute(c))?)
                });
                assert_eq!(done.ok(), Some(1));
            };
            assert_eq!(found("zero"), "6");
            set(&mut conn, 6, Some("Kelvin \u{212a}ELVIN \u{130}stanbul"));
            assert_eq!(found("zero"), "");
            // Unicode's full mapping: the sign of Kelvin is a k, and a dotted I is an i with a dot.
            assert_eq!(found("kelvin"), "6");
            assert_eq!(found("\"n i\""), "6");
            assert_eq!(found("\u{130}stan"), "6");
            set(&mut conn, 6, None);
            assert_eq!(found("kelvin"), "");
            set(&mut conn, 4, Some("was null before"));
            assert_eq!(found("\"null bef\""), "4");
        }
    });
}

/// Loaded into an empty database, the triggers being set aside, and after that into a filled one.
#[test]
fn od_46_bulk_loads_are_found() {
    for_each_backend(|backend| {
        let database = Database::load(backend, &site::logs(&format!("bulk-{backend:?}"), 1, 300, true));
        database.load_more(&site::logs(&format!("bulk-more-{backend:?}"), 301, 50, false));
        let server = Server::start(database);
        let mut found = BTreeSet::new();
        for n in [1, 150, 300, 301, 350] {
            let reply = server.get(ADA, &format!("{V4}/Worklogs?$select=PeriodLength&$search=\"log {n}\""));
            found.extend(
                reply.json()["value"].as_array().expect("rows").iter().filter_map(|r| r["PeriodLength"].as_u64()),
            );
            assert!(found.contains(&n), "log {n}: {}", reply.lossy());
        }
    });
}
