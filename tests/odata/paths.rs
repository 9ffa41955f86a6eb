//! Resource paths: OD-17, OD-18, OD-63.

use serde_json::json;

use super::{V4, V33, check_refused, check_values, get};

const ONE: &str = "bbbbbbbb-0000-4000-8000-000000000001";

#[test]
fn od_17_18_entities_by_key() {
    let title = json!({"Title": "Größe ändern"});
    check_values(
        V4,
        &[
            ("WorkItems(3)?$select=Title", title.clone()),
            ("WorkItems(WorkItemId=3)?$select=Title", title.clone()),
            ("WorkItems/3?$select=Title", title.clone()),
            ("WorkItems(@k)?@k=3&$select=Title", title),
            ("Budgets(bbbbbbbb-0000-4000-8000-000000000001)?$select=BudgetName", json!({"BudgetName": "Budget One"})),
            ("Budgets/bbbbbbbb-0000-4000-8000-000000000001?$select=BudgetName", json!({"BudgetName": "Budget One"})),
        ],
    );
    check_refused(
        V4,
        &[
            ("WorkItems(4711)", 404, "ResourceNotFound"),
            ("WorkItems('x')", 400, "TypeMismatch"),
            ("WorkItems(Nope=3)", 400, "InvalidValue"),
            ("Nope", 404, "ResourceNotFound"),
            ("WorkItems(3)/Nope", 404, "ResourceNotFound"),
            ("WorkItems(4711)/Title", 404, "ResourceNotFound"),
            ("WorkItems(4711)/Children", 404, "ResourceNotFound"),
            ("workitems", 404, "ResourceNotFound"),
        ],
    );
}

#[test]
fn od_17_properties() {
    check_values(
        V4,
        &[
            ("WorkItems(3)/Title", json!("Größe ändern")),
            ("WorkItems(3)/Priority", json!(1)),
            ("WorkItems(3)/Custom_Team", json!("Red")),
        ],
    );
    let raw = get(&format!("{V4}/WorkItems(3)/Title/$value"));
    assert_eq!((raw.status, raw.text()), (200, "Größe ändern"));
    assert!(raw.header("Content-Type").is_some_and(|kind| kind.starts_with("text/plain")), "{:?}", raw.headers);
    for absent in ["WorkItems(1)/Priority", "WorkItems(1)/Priority/$value", "WorkItems(1)/Parent"] {
        let reply = get(&format!("{V4}/{absent}"));
        assert_eq!((reply.status, reply.text()), (204, ""), "{absent}");
        assert_eq!(reply.header("OData-Version"), Some("4.0"), "{absent}");
    }
    check_values(
        V33,
        &[
            ("workLogsOnly(cccccccc-0000-4000-8000-000000000004)/User/Name", json!("Tess O'Team")),
            (
                "workLogsOnly(cccccccc-0000-4000-8000-000000000004)/Budget",
                json!({"Id": "bbbbbbbb-0000-4000-8000-000000000003", "BudgetName": "Directly"}),
            ),
        ],
    );
}

#[test]
fn od_63_navigation() {
    check_values(
        V4,
        &[
            (
                &format!(
                    "Budgets({ONE})/Worklogs?$select=PeriodLength&$filter=IsBillable&$orderby=PeriodLength&$count=true"
                ),
                json!({"@odata.count": 4, "value": [
                    {"PeriodLength": 120}, {"PeriodLength": 2700}, {"PeriodLength": 3600}, {"PeriodLength": 5400},
                ]}),
            ),
            (
                "WorkItems(1)/Children?$select=WorkItemId&$orderby=WorkItemId",
                json!([{"WorkItemId": 2}, {"WorkItemId": 7}]),
            ),
            ("WorkItems(3)/Parent?$select=Title", json!({"Title": "Feature two"})),
            ("WorkItems(3)/Parent/Title", json!("Feature two")),
            ("WorkItems(3)/Parent/Children?$select=WorkItemId", json!([{"WorkItemId": 3}])),
            ("WorkItems(9)/Worklogs?$select=PeriodLength", json!([{"PeriodLength": 7200}])),
            (
                "WorkItems(8)/AllWorklogs?$select=PeriodLength&$orderby=PeriodLength&$top=1",
                json!([{"PeriodLength": 7200}]),
            ),
        ],
    );
}
