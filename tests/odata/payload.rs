//! How answers look, byte by byte: OD-1, OD-6, OD-70 to OD-76.

use super::{ADA, V4, V33, get, send};
use crate::support::http::Request;

#[test]
fn od_70_73_minimal_metadata() {
    let reply = get(&format!("{V4}/Budgets?$select=BudgetName,Closed&$orderby=BudgetName&$top=1&$count=true"));
    assert_eq!(
        reply.text(),
        "{\"@odata.context\":\"http://timeledger.test/api/odata/v4.0/$metadata#Budgets(BudgetName,Closed)\",\
         \"@odata.count\":4,\"value\":[{\"BudgetName\":\"A&B\",\"Closed\":true}]}"
    );
    assert_eq!(
        reply.header("Content-Type"),
        Some("application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8")
    );
    assert_eq!(reply.all("OData-Version").collect::<Vec<_>>(), ["4.0"]);
}

#[test]
fn od_7_70_payload_4_01() {
    let ask = |version| {
        let target =
            format!("{V4}/Budgets?$select=BudgetName&$orderby=BudgetName&$top=1&$count=true&$expand=WorkItems($top=0)");
        send(ADA, Request::get(&target).header("OData-MaxVersion", version))
    };
    let reply = ask("4.01");
    assert_eq!(reply.header("OData-Version"), Some("4.01"));
    assert_eq!(
        reply.text(),
        "{\"@context\":\"http://timeledger.test/api/odata/v4.0/$metadata#Budgets(BudgetName,WorkItems())\",\
         \"@count\":4,\"value\":[{\"BudgetName\":\"A&B\",\"WorkItems\":[]}]}"
    );
    let reply = ask("4.0");
    assert!(reply.text().contains("$metadata#Budgets(BudgetName,WorkItems)\""), "{}", reply.text());
    for bad in ["3.0", "x", ""] {
        let reply = ask(bad);
        assert_eq!((reply.status, reply.error_code().as_str()), (400, "UnsupportedVersion"), "{bad:?}");
    }
}

#[test]
fn od_71_metadata_full_and_none() {
    let full = get(&format!("{V4}/WorkItems(3)?$select=Title&$format=application/json;metadata=full")).json();
    assert_eq!(full["@odata.type"], "#Timeledger.WorkItem", "{full}");
    assert_eq!(full["@odata.id"], "http://timeledger.test/api/odata/v4.0/WorkItems(3)", "{full}");
    assert_eq!(full["Children@odata.navigationLink"], "WorkItems(3)/Children", "{full}");
    let none = get(&format!(
        "{V4}/Users?$select=Name&$top=1&$count=true&$orderby=Name&$format=application/json;metadata=none"
    ));
    assert_eq!(none.text(), "{\"@odata.count\":6,\"value\":[{\"Name\":\"Ada Admin\"}]}");
}

#[test]
fn od_74_values() {
    let target = format!(
        "{V4}/Worklogs(cccccccc-0000-4000-8000-000000000001)?$select=Id,Timestamp,EditedTimestamp,Date,Hours,Comment,\
         IsBillable,WorkItemId,EditedByUserId"
    );
    let expected = "\"Id\":\"cccccccc-0000-4000-8000-000000000001\",\"Timestamp\":\"2024-01-02T09:00:00Z\",\
                    \"EditedTimestamp\":\"2024-06-01T12:00:01.123456Z\",\"Date\":\"2024-01-02\",\"Hours\":1,\
                    \"Comment\":\"It's Müller's; \\\"quoted\\\"\",\"IsBillable\":true,\"WorkItemId\":5,\
                    \"EditedByUserId\":null}";
    let reply = get(&target);
    let found = reply.text().split_once("$entity\",").map_or("", |(_, members)| members);
    let sorted = |text: &str| {
        let value: serde_json::Value = serde_json::from_str(&format!("{{{text}")).expect("members");
        value.to_string()
    };
    assert_eq!(sorted(found), sorted(expected), "{}", reply.text());
    assert!(found.contains("\"Hours\":1"), "{found}");

    let reply = send(ADA, Request::get(&target).header("Accept", "application/json;IEEE754Compatible=true"));
    assert!(reply.text().contains("\"Hours\":\"1"), "{}", reply.text());
    assert!(reply.header("Content-Type").is_some_and(|kind| kind.contains("IEEE754Compatible=true")));
}

#[test]
fn od_75_context_urls() {
    for (target, context) in [
        ("Budgets", "Budgets"),
        ("Budgets(bbbbbbbb-0000-4000-8000-000000000001)", "Budgets/$entity"),
        ("Budgets(bbbbbbbb-0000-4000-8000-000000000001)?$select=BudgetName", "Budgets(BudgetName)/$entity"),
        ("WorkItems(3)/Title", "WorkItems(3)/Title"),
        ("WorkItems?$top=1&$expand=Parent", "WorkItems"),
        ("WorkItems?$top=1&$select=Title&$expand=Parent($select=Title)", "WorkItems(Title,Parent(Title))"),
        ("WorkItems(3)/Children", "WorkItems"),
        ("WorkItems(3)/Parent", "WorkItems/$entity"),
    ] {
        let reply = get(&format!("{V4}/{target}"));
        let expected = format!("http://timeledger.test/api/odata/v4.0/$metadata#{context}");
        assert_eq!(reply.json()["@odata.context"], expected.as_str(), "{target}");
    }
}

#[test]
fn od_1_the_service_document() {
    for root in ["/api/odata/v3.2", "/api/odata/v3.2/"] {
        let reply = get(root);
        assert_eq!(reply.status, 200, "{root}: {}", reply.lossy());
        let body = reply.json();
        assert_eq!(body["@odata.context"], "http://timeledger.test/api/odata/v3.2/$metadata");
        let sets: Vec<_> = body["value"]
            .as_array()
            .expect("sets")
            .iter()
            .map(|set| {
                assert_eq!(set["kind"], "EntitySet");
                assert_eq!(set["url"], set["name"]);
                set["name"].as_str().expect("a name").to_owned()
            })
            .collect();
        assert_eq!(
            sets,
            [
                "workLogsOnly",
                "workLogsWorkItems",
                "workItems",
                "workItemsHierarchy",
                "workItemsHierarchyAllLevels",
                "budgets"
            ]
        );
    }
    let reply = get(V33);
    assert_eq!(reply.json()["value"].as_array().map(Vec::len), Some(8));
}
