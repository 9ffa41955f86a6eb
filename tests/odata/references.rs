//! `/$ref`, `$entity` and `/$filter(…)` in paths: OD-17, OD-19, OD-20, OD-64.

use serde_json::json;

use super::{ADA, TIM, V4, V33, check_refused, check_values, get, send, servers};
use crate::support::http::Request;
use crate::support::server::path_of;

const ROOT: &str = "http://timeledger.test/api/odata/v4.0";
const ONE: &str = "bbbbbbbb-0000-4000-8000-000000000001";

#[test]
fn od_64_references() {
    let item = |n: u32| json!({"@odata.id": format!("{ROOT}/WorkItems({n})")});
    let body = get(&format!("{V4}/WorkItems(1)/Children/$ref?$orderby=WorkItemId desc&$count=true")).json();
    assert_eq!(
        body,
        json!({
            "@odata.context": format!("{ROOT}/$metadata#Collection($ref)"),
            "@odata.count": 2,
            "value": [item(7), item(2)],
        })
    );
    let body = get(&format!("{V4}/WorkItems(2)/Parent/$ref")).json();
    assert_eq!(
        body,
        json!({"@odata.context": format!("{ROOT}/$metadata#$ref"), "@odata.id": format!("{ROOT}/WorkItems(1)")})
    );
    check_values(
        V4,
        &[
            ("WorkItems(3)/$ref", item(3)),
            ("WorkItems/$ref?$filter=WorkItemId lt 3&$orderby=WorkItemId", json!([item(1), item(2)])),
            ("WorkItems/$ref?$orderby=WorkItemId&$skip=1&$top=1", json!([item(2)])),
            (
                &format!("Budgets({ONE})/Worklogs/$ref?$filter=PeriodLength eq 2700"),
                json!([{"@odata.id": format!("{ROOT}/Worklogs(cccccccc-0000-4000-8000-000000000013)")}]),
            ),
        ],
    );
    check_values(
        V33,
        &[(
            "workItems(2)/Parent/$ref",
            json!({"@odata.id": "http://timeledger.test/api/odata/v3.3/workItems(2)/Parent"}),
        )],
    );
    assert_eq!(get(&format!("{V4}/WorkItems(1)/Parent/$ref")).status, 204);
    check_refused(
        V4,
        &[
            ("WorkItems(4711)/$ref", 404, "ResourceNotFound"),
            ("WorkItems(4711)/Children/$ref", 404, "ResourceNotFound"),
            ("WorkItems(1)/Title/$ref", 404, "ResourceNotFound"),
            ("WorkItems/$count/$ref", 400, "SyntaxError"),
            ("WorkItems/$ref/$count", 400, "SyntaxError"),
            ("WorkItems/$ref?$select=Title", 400, "OptionNotApplicable"),
            ("WorkItems/$ref?$expand=Parent", 400, "OptionNotApplicable"),
            ("WorkItems/$ref?$apply=aggregate($count as N)", 400, "OptionNotApplicable"),
            ("WorkItems(1)/$ref?$top=1", 400, "OptionNotApplicable"),
            ("WorkItems/$ref?$format=csv", 400, "OptionNotApplicable"),
        ],
    );
}

#[test]
fn od_64_pages_of_references() {
    for server in servers() {
        let mut target = format!("{V4}/WorkItems(1)/Descendants/$ref?$orderby=WorkItemId");
        let mut found = String::new();
        loop {
            let request = Request::get(&target).header("Prefer", "odata.maxpagesize=2");
            let body = server.send(ADA, request).json();
            for row in body["value"].as_array().expect("references") {
                let id = row["@odata.id"].as_str().expect("an id");
                // Each is an address that answers.
                assert_eq!(server.get(ADA, path_of(id)).status, 200, "{id}");
                found += id.rsplit_once('(').map_or(id, |(_, key)| key);
            }
            match body["@odata.nextLink"].as_str() {
                Some(next) => target = path_of(next).to_owned(),
                None => break,
            }
        }
        assert_eq!(found, "2)3)4)5)7)");
    }
}

#[test]
fn od_19_an_entity_by_its_id() {
    let title = json!({"Title": "Größe ändern"});
    check_values(
        V4,
        &[
            ("$entity?$id=WorkItems(3)&$select=Title", title.clone()),
            ("$entity?$id=WorkItems/3&$select=Title", title.clone()),
            ("$entity?$id=/api/odata/v4.0/WorkItems(3)&$select=Title", title.clone()),
            ("$entity?$id=http://timeledger.test/api/odata/v4.0/WorkItems(3)&$select=Title", title.clone()),
            ("$entity?id=WorkItems(WorkItemId=3)&$select=Title", title.clone()),
            ("$entity/Timeledger.WorkItem?$id=WorkItems(3)&$select=Title", title),
            (
                "$entity?$id=WorkItems(3)&$select=WorkItemId&$expand=Parent($select=Title)",
                json!({"WorkItemId": 3, "Parent": {"Title": "Feature two"}}),
            ),
            ("$entity?$id=WorkItems(3)/Parent&$select=Title", json!({"Title": "Feature two"})),
            ("$entity?$id=WorkItems(@k)&@k=2&$select=Title", json!({"Title": "Feature two"})),
        ],
    );
    check_values(V33, &[("$entity?$id=workItems(2)/Parent&$select=System_Id", json!({"System_Id": 1}))]);
    let body = get(&format!("{V4}/$entity?$id=WorkItems(3)")).json();
    assert_eq!(body["@odata.context"], format!("{ROOT}/$metadata#WorkItems/$entity"));
    check_refused(
        V4,
        &[
            ("$entity", 400, "SyntaxError"),
            ("$entity?$id=", 400, "InvalidValue"),
            ("$entity?$id=WorkItems(4711)", 404, "ResourceNotFound"),
            ("$entity?$id=Nope(1)", 404, "ResourceNotFound"),
            ("$entity?$id=WorkItems", 400, "InvalidValue"),
            ("$entity?$id=WorkItems(3)/Title", 400, "InvalidValue"),
            ("$entity?$id=WorkItems(3)/$ref", 400, "InvalidValue"),
            ("$entity?$id=WorkItems('x')", 400, "TypeMismatch"),
            ("$entity?$id=https://evil.example/api/odata/v4.0/WorkItems(3)", 400, "InvalidValue"),
            ("$entity?$id=//evil.example/WorkItems(3)", 400, "InvalidValue"),
            ("$entity?$id=/api/odata/v3.3/workItems(3)", 400, "InvalidValue"),
            ("$entity?$id=$entity", 400, "InvalidValue"),
            ("$entity/Title?$id=WorkItems(3)", 404, "ResourceNotFound"),
            ("$entity/Timeledger.Budget?$id=WorkItems(3)", 404, "ResourceNotFound"),
            ("$entity?$id=WorkItems(3)&$filter=true", 400, "OptionNotApplicable"),
            ("WorkItems?$id=WorkItems(3)", 400, "OptionNotApplicable"),
        ],
    );
    // What a caller may not see is not there by its id either.
    let id = "Worklogs(cccccccc-0000-4000-8000-000000000005)";
    assert_eq!(get(&format!("{V4}/$entity?$id={id}")).status, 200);
    assert_eq!(send(TIM, Request::get(&format!("{V4}/$entity?$id={id}"))).status, 404);
}

#[test]
fn od_20_filters_in_paths() {
    for (target, expected) in [
        ("Worklogs/$filter(IsBillable)/$count", "6"),
        ("Worklogs/$filter(IsBillable)/$filter(PeriodLength gt 3600)/$count", "2"),
        ("Worklogs/$filter(User/Name eq 'Tess O''Team')/$count?$filter=IsBillable", "2"),
        ("Worklogs/$filter(@p)/$count?@p=IsBillable", "6"),
        ("WorkItems/$filter(Children/any(c:c/State eq 'Done'))/$count", "1"),
        ("WorkItems(1)/Children/$filter(State eq 'Done')/$count", "1"),
        ("WorkItems/$filter(WorkItemId eq 1)/1/Children/$filter(Parent/Title eq 'Epic one')/$count", "2"),
    ] {
        let reply = get(&format!("{V4}/{target}"));
        assert_eq!((reply.status, reply.text()), (200, expected), "{target}: {}", reply.lossy());
    }
    let item = json!({"@odata.id": format!("{ROOT}/WorkItems(7)")});
    check_values(
        V4,
        &[
            (
                "WorkItems/$filter(State eq 'Done')?$select=WorkItemId&$filter=Project/ProjectName eq 'Alpha'",
                json!([{"WorkItemId": 7}]),
            ),
            ("WorkItems/$filter(State eq 'Done')(7)?$select=WorkItemId", json!({"WorkItemId": 7})),
            ("WorkItems/$filter(State eq 'Done')/7?$select=WorkItemId", json!({"WorkItemId": 7})),
            ("WorkItems/$filter(State eq 'Done')/7/Parent/Title", json!("Epic one")),
            ("WorkItems/$filter(State eq 'Done')/$ref", json!([item])),
            (
                "Worklogs/$filter(IsBillable)?$apply=aggregate(PeriodLength with sum as T)",
                json!([{"T@odata.type": "#Int64", "T": 19_080}]),
            ),
        ],
    );
    check_refused(
        V4,
        &[
            ("WorkItems/$filter(State eq 'Done')(2)", 404, "ResourceNotFound"),
            ("WorkItems/$filter(State eq 'Done')(2)/Children", 404, "ResourceNotFound"),
            ("WorkItems(2)/$filter(true)", 400, "OptionNotApplicable"),
            ("WorkItems/$filter(Nope)", 400, "UnknownProperty"),
            ("WorkItems/$filter(Title)", 400, "TypeMismatch"),
            ("WorkItems/$filter()", 400, "SyntaxError"),
            ("WorkItems/$filter(true", 400, "SyntaxError"),
            ("WorkItems/$filter(true)x", 400, "SyntaxError"),
            ("WorkItems/$filter(true)(1)(2)", 501, "NotImplemented"),
            ("WorkItems/$each", 501, "NotImplemented"),
            ("WorkItems/$filter(true)/$each", 501, "NotImplemented"),
        ],
    );
    // Pages go on within the filter.
    for server in servers() {
        let request =
            Request::get(&format!("{V4}/WorkItems/$filter(WorkItemId ge 3)?$select=WorkItemId&$orderby=Title"));
        let body = server.send(ADA, request.header("Prefer", "odata.maxpagesize=4")).json();
        let next = body["@odata.nextLink"].as_str().expect("a next link");
        let rest = server.get(ADA, path_of(next)).json();
        assert_eq!(rest["value"].as_array().map(Vec::len), Some(3), "{next}");
    }
}

/// Two keys on one way: each entity is sought at its own place.
#[test]
fn od_63_the_owner_of_an_owner() {
    let log = "cccccccc-0000-4000-8000-000000000013";
    check_values(
        V4,
        &[
            (&format!("Budgets({ONE})/Worklogs({log})/WorkItem?$select=WorkItemId"), json!({"WorkItemId": 2})),
            (
                &format!("Budgets({ONE})/Worklogs({log})/WorkItem/Children?$select=WorkItemId"),
                json!([{"WorkItemId": 3}]),
            ),
        ],
    );
    let other = "cccccccc-0000-4000-8000-000000000005";
    check_refused(V4, &[(&format!("Budgets({ONE})/Worklogs({other})/WorkItem"), 404, "ResourceNotFound")]);
}
