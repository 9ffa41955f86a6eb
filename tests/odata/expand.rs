//! `$levels`, `*`, `Nav/$ref` and `Nav/$count` in `$expand`: OD-52, OD-54, OD-55, OD-75.

use serde_json::{Value, json};

use super::{ADA, TIM, V4, V33, check_refused, check_values, get, send};
use crate::backend::{Database, Fixture, for_each_backend};
use crate::support::http::Request;
use crate::support::server::{Server, path_of};
use crate::support::site;

const ROOT: &str = "http://timeledger.test/api/odata/v4.0";

#[test]
fn od_54_levels_of_a_collection() {
    check_values(
        V4,
        &[
            (
                "WorkItems(1)?$select=WorkItemId&$expand=Children($levels=2;$select=WorkItemId;$orderby=WorkItemId)",
                json!({"WorkItemId": 1, "Children": [
                    {"WorkItemId": 2, "Children": [{"WorkItemId": 3}]},
                    {"WorkItemId": 7, "Children": []},
                ]}),
            ),
            // Each level has the options: the filter, the count, the expansion of something else.
            (
                "WorkItems(1)?$select=WorkItemId&$expand=Children($levels=3;$select=WorkItemId;$count=true;\
                 $filter=State ne 'Done';$expand=Project($select=ProjectName))",
                json!({"WorkItemId": 1, "Children@odata.count": 1, "Children": [
                    {"WorkItemId": 2, "Project": {"ProjectName": "Alpha"},
                     "Children@odata.count": 1, "Children": [
                        {"WorkItemId": 3, "Project": {"ProjectName": "Alpha"},
                         "Children@odata.count": 1, "Children": [
                            {"WorkItemId": 4, "Project": {"ProjectName": "Alpha"}},
                        ]},
                    ]},
                ]}),
            ),
            (
                "WorkItems(4)?$select=WorkItemId&$expand=Children($levels=max;$select=WorkItemId)",
                json!({"WorkItemId": 4, "Children": [{"WorkItemId": 5, "Children": []}]}),
            ),
            (
                "WorkItems(1)?$select=WorkItemId&$expand=Children($levels=1;$select=WorkItemId;$top=1)",
                json!({"WorkItemId": 1, "Children": [{"WorkItemId": 2}]}),
            ),
            (
                "WorkItems(1)?$select=WorkItemId&$expand=Worklogs($levels=max;$select=Comment)",
                json!({"WorkItemId": 1, "Worklogs": [{"Comment": "zero"}]}),
            ),
        ],
    );
    check_values(
        V33,
        &[(
            "workItems(2)?$select=System_Id&$expand=Children($levels=max;$select=System_Id),Parent($levels=1;$select=System_Id)",
            json!({"System_Id": 2, "Children": [{"System_Id": 3, "Children": [
                {"System_Id": 4, "Children": [{"System_Id": 5, "Children": []}]},
            ]}], "Parent": {"System_Id": 1}}),
        )],
    );
}

#[test]
fn od_54_levels_of_a_single_value() {
    check_values(
        V4,
        &[
            (
                "WorkItems(4)?$select=WorkItemId&$expand=Parent($levels=2;$select=WorkItemId)",
                json!({"WorkItemId": 4, "Parent": {"WorkItemId": 3, "Parent": {"WorkItemId": 2}}}),
            ),
            (
                "WorkItems?$select=WorkItemId&$filter=WorkItemId in (1,3,9)&$expand=Parent($levels=max;$select=WorkItemId)",
                json!([
                    {"WorkItemId": 1, "Parent": null},
                    {"WorkItemId": 3, "Parent": {"WorkItemId": 2, "Parent": {"WorkItemId": 1, "Parent": null}}},
                    {"WorkItemId": 9, "Parent": {"WorkItemId": 8, "Parent": null}},
                ]),
            ),
        ],
    );
}

/// Left out as any other null is.
#[test]
fn od_72_no_parent_is_a_null_to_omit() {
    let target = "WorkItems(2)?$select=WorkItemId&$expand=Parent($levels=2;$select=WorkItemId),Budget/$ref,Area/$ref";
    let body = send(ADA, Request::get(&format!("{V4}/{target}")).header("Prefer", "omit-values=nulls")).json();
    assert_eq!(body["Parent"], json!({"WorkItemId": 1}), "{body}");
    assert!(body["Area"]["@odata.id"].is_string(), "{body}");
    let target = "WorkItems(6)?$select=WorkItemId&$expand=Parent($levels=2;$select=WorkItemId),Budget/$ref";
    let mut body = send(ADA, Request::get(&format!("{V4}/{target}")).header("Prefer", "omit-values=nulls")).json();
    body.as_object_mut().expect("an entity").remove("@odata.context");
    assert_eq!(body, json!({"WorkItemId": 6}));
}

/// A topmost item is its own root: the one cycle that the data can have.
#[test]
fn od_54_a_cycle_ends_in_a_reference() {
    let reference = json!({"@odata.id": format!("{ROOT}/WorkItems(1)")});
    check_values(
        V4,
        &[
            (
                "WorkItems(3)?$select=WorkItemId&$expand=Root($levels=max;$select=WorkItemId)",
                json!({"WorkItemId": 3, "Root": {"WorkItemId": 1, "Root": reference}}),
            ),
            (
                "WorkItems(1)?$select=WorkItemId&$expand=Root($levels=max;$select=WorkItemId)",
                json!({"WorkItemId": 1, "Root": reference}),
            ),
            (
                "WorkItems(1)?$select=WorkItemId&$expand=Root($levels=2;$select=WorkItemId)",
                json!({"WorkItemId": 1, "Root": {"WorkItemId": 1, "Root": {"WorkItemId": 1}}}),
            ),
        ],
    );
}

#[test]
fn od_54_what_levels_can_not_be() {
    check_refused(
        V4,
        &[
            ("WorkItems?$expand=Children($levels=11)", 400, "QueryTooComplex"),
            ("WorkItems?$expand=Children($levels=10000000000000000000000)", 400, "QueryTooComplex"),
            ("WorkItems?$expand=Children($levels=0)", 400, "InvalidValue"),
            ("WorkItems?$expand=Children($levels=-1)", 400, "InvalidValue"),
            ("WorkItems?$expand=Children($levels=maximum)", 400, "InvalidValue"),
            ("WorkItems?$expand=Worklogs($levels=2)", 400, "OptionNotApplicable"),
            ("WorkItems?$expand=Children($levels=2;$expand=Children)", 400, "DuplicateOption"),
            ("WorkItems?$expand=Children/$ref($levels=2)", 400, "OptionNotApplicable"),
            ("WorkItems?$levels=2", 400, "OptionNotApplicable"),
            (
                "WorkItems?$expand=Children($levels=10;$expand=Descendants($levels=10;$expand=Ancestors($levels=10)))",
                400,
                "QueryTooComplex",
            ),
            ("WorkItems?$expand=*($levels=3)", 400, "QueryTooComplex"),
            ("WorkItems?$expand=*($levels=2;$select=Title)", 400, "OptionNotApplicable"),
            ("WorkItems?$expand=*,*/$ref", 400, "DuplicateOption"),
            ("WorkItems?$expand=Children,Children/$count", 400, "DuplicateOption"),
            ("WorkItems?$expand=Parent/$count", 400, "OptionNotApplicable"),
            ("WorkItems?$expand=Parent/$ref($filter=true)", 400, "OptionNotApplicable"),
            ("WorkItems?$expand=Children/$count($top=1)", 400, "OptionNotApplicable"),
            ("WorkItems?$expand=Children/$ref($select=Title)", 400, "OptionNotApplicable"),
            ("WorkItems?$expand=Children/$value", 501, "NotImplemented"),
            ("WorkItems?$expand=Children/$ref&$format=csv", 400, "OptionNotApplicable"),
            ("WorkItems?$expand=Parent($levels=2)&$format=csv", 400, "OptionNotApplicable"),
        ],
    );
    let reply = get(&format!("{V4}/WorkItems?$expand=Children($levels=11)"));
    assert!(reply.text().contains("at most 10"), "the limit is told: {}", reply.text());
}

#[test]
fn od_52_everything_related() {
    let body = get(&format!("{V4}/WorkItems(5)?$select=WorkItemId&$expand=*")).json();
    let names: Vec<&String> = body.as_object().expect("an entity").keys().collect();
    for name in ["Parent", "Root", "Children", "Ancestors", "Worklogs", "AllWorklogs", "Area", "Budget", "AssignedTo"] {
        assert!(names.iter().any(|n| *n == name), "{name} is expanded: {names:?}");
    }
    assert_eq!(body["Worklogs"][0]["PeriodLength"], 3600);
    // What is named beside the star has its own options.
    check_values(
        V4,
        &[(
            "Budgets?$select=BudgetName&$filter=BudgetName eq 'A%26B'&$expand=*/$ref,WorkItems($select=WorkItemId)",
            json!([{
                "BudgetName": "A&B",
                "Worklogs": [{"@odata.id": format!("{ROOT}/Worklogs(cccccccc-0000-4000-8000-000000000005)")}],
                "WorkItems": [{"WorkItemId": 9}],
            }]),
        )],
    );
    let body = get(&format!("{V4}/Areas?$select=AreaPath&$orderby=AreaPath&$top=1&$expand=*($levels=2)")).json();
    assert_eq!(body["value"][0]["Children"][0]["Parent"]["AreaPath"], "Alpha", "{body}");
    assert_eq!(body["value"][0]["Parent"], Value::Null);
    // As many levels as the limits hold, and no entity within itself.
    let body = get(&format!("{V4}/Areas?$orderby=AreaPath&$top=1&$expand=*($levels=max)")).json();
    let parent = &body["value"][0]["Children"][0]["Parent"];
    assert!(parent["@odata.id"].as_str().is_some_and(|id| id.contains("/Areas(")), "{body}");
    // A Team caller's model has no budgets, and `*` does not bring them.
    let reply = send(TIM, Request::get(&format!("{V4}/WorkItems(5)?$expand=*")));
    assert_eq!(reply.status, 200, "{}", reply.lossy());
    assert!(!reply.text().contains("Budget"), "{}", reply.text());
}

#[test]
fn od_52_references_and_counts() {
    let item = |n: u32| json!({"@odata.id": format!("{ROOT}/WorkItems({n})")});
    check_values(
        V4,
        &[
            (
                "WorkItems(1)?$select=WorkItemId&$expand=Children/$ref($orderby=WorkItemId desc),Parent/$ref",
                json!({"WorkItemId": 1, "Children": [item(7), item(2)], "Parent": null}),
            ),
            (
                "WorkItems(2)?$select=WorkItemId&$expand=Children/$count,Parent/$ref,Worklogs/$count($filter=not IsBillable)",
                json!({"WorkItemId": 2, "Children@odata.count": 1, "Parent": item(1), "Worklogs@odata.count": 0}),
            ),
            (
                "WorkItems?$select=WorkItemId&$filter=WorkItemId le 2&$expand=AllWorklogs/$count,\
                 Children/$ref($filter=State eq 'Done';$count=true)",
                json!([
                    {"WorkItemId": 1, "AllWorklogs@odata.count": 6, "Children@odata.count": 1, "Children": [item(7)]},
                    {"WorkItemId": 2, "AllWorklogs@odata.count": 4, "Children@odata.count": 0, "Children": []},
                ]),
            ),
            (
                "Projects?$select=ProjectName&$filter=ProjectName eq 'Beta'&$expand=WorkItems($select=WorkItemId;\
                 $orderby=WorkItemId;$expand=Worklogs/$count,Parent/$ref)",
                json!([{"ProjectName": "Beta", "WorkItems": [
                    {"WorkItemId": 8, "Worklogs@odata.count": 1, "Parent": null},
                    {"WorkItemId": 9, "Worklogs@odata.count": 1, "Parent": item(8)},
                ]}]),
            ),
        ],
    );
    // No set holds a parent of the wire contract: it is found over its child.
    check_values(
        V33,
        &[(
            "workItems(2)?$select=System_Id&$expand=Parent/$ref",
            json!({"System_Id": 2, "Parent": {
                "@odata.id": "http://timeledger.test/api/odata/v3.3/workItems(2)/Parent",
            }}),
        )],
    );
    // A reference is nothing but its id, whatever the metadata.
    let bare = Request::get(&format!("{V4}/WorkItems(2)?$select=Title&$expand=Parent/$ref"));
    let body = send(ADA, bare.header("Accept", "application/json;odata.metadata=none")).json();
    assert_eq!(body["Parent"], item(1));
    // A Team caller counts what it sees.
    let reply = send(TIM, Request::get(&format!("{V4}/WorkItems(1)?$select=WorkItemId&$expand=AllWorklogs/$count")));
    assert_eq!(reply.json()["AllWorklogs@odata.count"], 2);
}

#[test]
fn od_75_context_of_expansions() {
    for (target, expected) in [
        ("WorkItems?$expand=Children($levels=2;$select=Title)", "WorkItems(Children+(Title))"),
        ("WorkItems?$select=Title&$expand=Children($levels=2)", "WorkItems(Title,Children+)"),
        ("WorkItems?$expand=Children($levels=2)", "WorkItems"),
        ("WorkItems?$select=Title&$expand=Children/$ref,Worklogs/$count", "WorkItems(Title,Children)"),
        ("WorkItems?$expand=Children/$count", "WorkItems"),
    ] {
        let body = get(&format!("{V4}/{target}")).json();
        assert_eq!(body["@odata.context"], format!("{ROOT}/$metadata#{expected}"), "{target}");
    }
    let newer = Request::get(&format!("{V4}/WorkItems?$expand=Children($levels=2)")).header("OData-MaxVersion", "4.01");
    let body = send(ADA, newer).json();
    assert_eq!(body["@context"], format!("{ROOT}/$metadata#WorkItems(Children+())"));
}

/// The address that a nested page goes on at gives what the levels would.
#[test]
fn od_55_next_links_name_the_levels_that_are_left() {
    const CHILDREN: usize = 1_200;
    for_each_backend(|backend| {
        // A root, its many children, and a chain below the last of them.
        let last = CHILDREN + 1;
        let children = (2..=last).map(|id| (id, Some(1)));
        let items = std::iter::once((1, None)).chain(children).chain((last + 1..last + 4).map(|id| (id, Some(id - 1))));
        let site = site::items(&format!("levels-{backend:?}"), items);
        let server = Server::start(Database::load(backend, &site));
        let parts =
            "$select=WorkItemId;$filter=State eq 'New';$orderby=WorkItemId;$expand=Project($select=ProjectName)";
        for (item, below) in [("Children($levels=3;", 2), ("Children($top=1100;$levels=3;", 2), ("Children(", 0)] {
            let body = server.get(ADA, &format!("{V4}/WorkItems(1)?$select=WorkItemId&$expand={item}{parts})")).json();
            assert_eq!(body["Children"].as_array().map(Vec::len), Some(1_000), "{item}");
            let next = path_of(body["Children@odata.nextLink"].as_str().expect("a next link")).to_owned();
            let page = server.get(ADA, &next).json();
            let rows = page["value"].as_array().unwrap_or_else(|| panic!("{next}: {page}"));
            assert_eq!(rows[0]["WorkItemId"], 1_002, "{next}");
            assert_eq!(rows[0]["Project"], json!({"ProjectName": "P"}), "{next}");
            if item.contains("$top") {
                assert_eq!(rows.len(), 100, "{next}");
                continue;
            }
            assert_eq!(rows.len(), CHILDREN - 1_000, "{next}");
            // As deep as the first page goes.
            let mut row = rows.last().expect("rows");
            for level in 0..below {
                row = &row["Children"][0];
                assert_eq!(row["WorkItemId"], last + 1 + level, "{next}");
            }
            assert_eq!(row.get("Children"), None, "{next}");
        }
    });
}

/// Every navigation of the model, read by a statement of its own.
#[test]
fn od_52_two_levels_of_everything() {
    for set in
        ["Worklogs", "WorkItems", "Budgets", "Users", "ActivityTypes", "Projects", "Areas", "Iterations", "Dates"]
    {
        let reply = get(&format!("{V4}/{set}?$top=2&$expand=*($levels=2)"));
        assert_eq!(reply.status, 200, "{set}");
    }
    for set in ["workLogsWorkItems", "workItems", "workItemsHierarchy", "budgets"] {
        let reply = get(&format!("{V33}/{set}?$top=2&$expand=*($levels=2)"));
        assert_eq!(reply.status, 200, "{set}");
    }
}

/// What a page holds has a limit in bytes; below it the answer is whole.
#[test]
fn od_153_what_is_held_is_bounded() {
    for_each_backend(|backend| {
        let limit = [("TIMELEDGER_ODATA__MAX_EXPANDED_BYTES", "400")];
        let server = Server::start_with(Database::loaded(backend, Fixture::SMALL), &limit);
        let status = |target: &str| {
            let reply = server.get(ADA, &format!("{V4}/{target}"));
            (reply.status, if reply.status == 200 { String::new() } else { reply.error_code() })
        };
        assert_eq!(status("WorkItems?$expand=Descendants"), (400, "QueryTooComplex".to_owned()));
        assert_eq!(
            status("WorkItems(1)?$expand=Descendants($levels=4;$select=Title)"),
            (400, "QueryTooComplex".to_owned())
        );
        assert_eq!(status("WorkItems(1)?$expand=Descendants($select=Title)").0, 200);
        assert_eq!(status("WorkItems?$expand=Descendants/$count").0, 200);
    });
}
