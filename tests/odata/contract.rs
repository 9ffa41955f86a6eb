//! The wire contract §3: its example queries, its sets, its parameters.

use serde_json::json;

use super::{ADA, TIM, V33, check_filter, check_values, get, names, send, servers};
use crate::support::http::Request;

/// Contract §3.6, §3.7: each of these must work.
const EXAMPLES: &[&str] = &[
    "workLogsOnly?$apply=filter(Timestamp ge 2019-11-01T00:00:00Z and Timestamp lt 2019-12-01T00:00:00Z)/groupby((User/Name),aggregate(PeriodLength with sum as PeriodLength))&$orderby=User/Name",
    "workLogsOnly?$apply=filter(Timestamp ge 2024-01-01T00:00:00Z and Timestamp le 2025-01-01T00:00:00Z)/aggregate(PeriodLength with sum as total)",
    "workLogsWorkItems?$apply=groupby((User/Name,WorkItem/System_TeamProject,WorklogDate/ShortDate),aggregate(PeriodLength with sum as PeriodLength))&$orderby=WorklogDate/ShortDate desc",
    "workItems?$apply=filter(System_State ne 'Closed' and contains(System_AreaPath,'x'))/groupby((System_AreaPath))&$orderby=System_AreaPath asc",
    "workItems?$filter=TrackedItself gt 0 and System_IterationPath eq 'P/It'",
    "workItemsHierarchy?$select=System_Id,TrackedTotal,RollupValue1,HasChildren&$filter=TrackedTotal gt 0&$orderby=TrackedTotal desc&rollupFields=Microsoft.VSTS.Scheduling.Effort",
    "workItemsHierarchyAllLevels?$select=System_Id,TrackedTotal&$filter=TrackedTotal gt 0&workItemsFilter=System_WorkItemType eq 'Product Backlog Item' or System_WorkItemType eq 'Bug'",
    "workItems?$expand=Parent($select=System_Id)&$select=System_Id,Parent,Budget/BudgetName&workItemsFilter=Budget/BudgetName eq 'B'",
    "workItemsHierarchy(1)/Children",
    "workItems(3)/DirectWorklogs",
    "workItems(3)/AllWorklogs",
    "workItems(3)/Parent",
    "workItems(3)/Root",
    "workLogsWorkItemsWithDeleted?$filter=EditedTimestamp ge 2022-06-01T00:00:00%2B02:00 and EditedTimestamp lt 2022-06-09T00:00:00%2B02:00",
    "workLogsOnly?$filter=(Timestamp ge 2025-03-10T00:00:00Z and Timestamp le 2025-03-17T23:59:59Z)",
    "workLogsOnly?$filter=Timestamp ge 2026-02-01T10:00:00.000Z",
    "workLogsOnly?$filter=Timestamp ge 2022-06-01T00:00:00+02:00",
    "workLogsOnly?$filter=Timestamp ge 2023-05-01",
    "workLogsOnly?$filter=User/Email eq 'a@b.c' and Budget/BudgetName eq 'B'&$orderby=WorklogDate/ShortDate",
    "workLogsWorkItems?$filter=WorkItem/System_TeamProject eq 'X' and WorkItem ne null and Parent ne null",
    "workItems?$filter=System_Id ne null and System_Id in (7128,7129) and contains(System_Title,'x''y')",
    "workLogsWorkItems?$select=User,ActivityType,WorkItem/System_Title,WorkItem/System_State",
    "workLogsWorkItems?$expand=Root($select=System_Id)&$select=Id,Root",
    "workItems?$expand=Root($select=System_Id)&$select=System_Id,Root",
    "workItems?$apply=groupby((Parent))&$expand=Parent($select=System_Title)",
    "workLogsWorkItems?$select=WorkItem,Budget",
    "budgets?$expand=WorkItems($select=System_Id),Worklogs($select=Id)",
    "workLogsOnlyWithDeleted?$filter=IsDeleted",
];

#[test]
fn every_example_of_the_contract_answers() {
    let mut wrong = Vec::new();
    for target in EXAMPLES {
        let reply = get(&format!("{V33}/{target}"));
        if reply.status != 200 {
            wrong.push(format!("  {target}: {} {}", reply.status, reply.lossy()));
        }
    }
    super::report(&wrong);
}

#[test]
fn the_same_query_by_post() {
    for target in EXAMPLES.iter().filter(|target| target.contains('?')) {
        let (set, query) = target.split_once('?').expect("options");
        let by_get = get(&format!("{V33}/{target}"));
        let query = query.replace('$', "").replace("+02", "%2B02");
        let by_post = send(ADA, Request::post(&format!("{V33}/{set}/$query"), "text/plain", query.as_bytes()));
        assert_eq!(by_post.lossy(), by_get.lossy(), "{target}");
    }
}

#[test]
fn letter_case_does_not_matter() {
    let canonical = get(&format!("{V33}/workLogsOnly?$filter=User/Name eq 'Tim Tëam'&$orderby=Id&$select=Id"));
    assert_eq!(names(&canonical.json(), "Id"), "1 2 3");
    for target in [
        "/API/ODATA/V3.3/WORKLOGSONLY?$FILTER=user/name eq 'Tim Tëam'&$ORDERBY=id&$SELECT=id",
        "/api/odata/v3.3/worklogsonly?%24filter=User/Name eq 'Tim Tëam'&orderBy=Id&%24Select=Id",
    ] {
        assert_eq!(get(target).json()["value"], canonical.json()["value"], "{target}");
    }
}

#[test]
fn addresses_with_a_collection_and_without_a_version() {
    for target in
        ["/api/DefaultCollection/odata/v3.3/budgets?$select=BudgetName", "/api/odata/budgets?$select=BudgetName"]
    {
        let reply = get(target);
        assert_eq!(reply.status, 200, "{target}: {}", reply.lossy());
        let root = target.split("budgets").next().expect("a root");
        let context = format!("http://timeledger.test{root}$metadata#budgets(BudgetName)");
        assert_eq!(reply.json()["@odata.context"], context.as_str(), "{target}");
    }
    for target in ["/api/odata/v2.1/budgets", "/api/odata/v9/budgets"] {
        assert_eq!(get(target).status, 404, "{target}");
    }
}

#[test]
fn versions_differ_as_the_contract_says() {
    for (target, status) in [
        ("v3.0/workItems?$expand=ParentItem", 200),
        ("v3.0/workItems?$expand=Parent", 400),
        ("v3.0/workItems?$expand=Root", 400),
        ("v3.0/workItemsHierarchyAllLevels?$expand=Parent", 200),
        ("v3.1/workItems?$expand=Parent", 200),
        ("v3.1/workItems?$expand=ParentItem", 400),
        ("v3.1/workItems?$expand=AllWorklogs", 200),
        ("v3.1/workItems?$expand=Root", 400),
        ("v3.2/workItems?$expand=Root", 200),
        ("v3.2/workLogsWorkItems?$expand=Parent,Root", 200),
        ("v3.2/workLogsOnlyWithDeleted", 404),
        ("v3.3-beta/workLogsOnlyWithDeleted", 200),
        ("v3.3/workLogsWorkItemsWithDeleted", 200),
    ] {
        let reply = get(&format!("/api/odata/{target}"));
        assert_eq!(reply.status, status, "{target}: {}", reply.lossy());
    }
}

#[test]
fn deleted_logs_are_in_the_sets_that_say_so() {
    check_values(
        V33,
        &[
            ("workLogsOnly/$count", json!(11)),
            ("workLogsOnlyWithDeleted/$count", json!(13)),
            ("workLogsWorkItemsWithDeleted/$count", json!(13)),
            (
                "workLogsOnlyWithDeleted?$filter=IsDeleted&$select=Comment,IsDeleted,EditedTimestamp&$orderby=Id",
                json!([
                    {"Comment": "deleted one", "IsDeleted": true, "EditedTimestamp": "2024-07-01T00:00:00Z"},
                    {"Comment": "deleted two", "IsDeleted": true, "EditedTimestamp": "2024-07-02T00:00:00Z"},
                ]),
            ),
        ],
    );
}

#[test]
fn sums_over_the_tree() {
    check_values(
        V33,
        &[
            (
                "workItemsHierarchy?$select=System_Id,TrackedItself,TrackedTotal,HasChildren&$filter=System_Id lt 8",
                json!([
                    {"System_Id": 1, "TrackedItself": 0, "TrackedTotal": 13_800, "HasChildren": true},
                    {"System_Id": 6, "TrackedItself": 60, "TrackedTotal": 60, "HasChildren": false},
                ]),
            ),
            (
                "workItemsHierarchyAllLevels?$select=System_Id,TrackedTotal,TrackedTotalBillable&$filter=System_Id in (2,4)",
                json!([
                    {"System_Id": 2, "TrackedTotal": 13_500, "TrackedTotalBillable": 10_350},
                    {"System_Id": 4, "TrackedTotal": 5400, "TrackedTotalBillable": 3600},
                ]),
            ),
            (
                "workItemsHierarchy?$select=TrackedTotal,RollupValue1&rollupFields=Microsoft.VSTS.Scheduling.Effort&\
                 $filter=System_Id eq 1",
                json!([{"TrackedTotal": 13_800, "RollupValue1": 7.5}]),
            ),
            (
                "workItemsHierarchy?$select=TrackedTotal&$filter=System_Id eq 1&worklogsFilter=IsBillable",
                json!([{"TrackedTotal": 11_700}]),
            ),
            (
                "workItems?$select=System_Id,TrackedItself,TrackedItselfBillable&$filter=System_Id in (2,4,8)",
                json!([
                    {"System_Id": 2, "TrackedItself": 2700, "TrackedItselfBillable": 1350},
                    {"System_Id": 4, "TrackedItself": 1800, "TrackedItselfBillable": 0},
                    {"System_Id": 8, "TrackedItself": 2_147_483_647, "TrackedItselfBillable": 0},
                ]),
            ),
        ],
    );
}

#[test]
fn effective_budgets() {
    check_values(
        V33,
        &[
            (
                "workItems?$select=System_Id,BudgetAssignmentType,Budget/BudgetName&$filter=System_Id in (1,2,5,9)",
                json!([
                    {"System_Id": 1, "BudgetAssignmentType": "NoBudget", "Budget": null},
                    {"System_Id": 2, "BudgetAssignmentType": "DirectlyAssigned", "Budget": {"BudgetName": "Budget One"}},
                    {"System_Id": 5, "BudgetAssignmentType": "InheritedFromParent", "Budget": {"BudgetName": "Budget One"}},
                    {"System_Id": 9, "BudgetAssignmentType": "InheritedFromIteration", "Budget": {"BudgetName": "A&B"}},
                ]),
            ),
            (
                "budgets?$select=BudgetName,Planned,Tracked,Billed,Closed&$filter=startswith(BudgetName,'B')",
                json!([{"BudgetName": "Budget One", "Planned": 36_000, "Tracked": 13_620, "Billed": 10_470, "Closed": false}]),
            ),
        ],
    );
}

#[test]
fn extension_parameters() {
    let logs = format!("{V33}/workLogsOnly");
    check_filter(
        &logs,
        "Id",
        &[
            ("true&worklogsFilter=PeriodLength gt 5400", "5 8"),
            ("IsBillable&worklogsFilter=PeriodLength gt 5400", "5"),
            ("true&workItemsFilter=System_State eq 'Active'", "5 7 13"),
            ("true&workItemsFilter=System_TeamProject eq 'Beta'&worklogsFilter=IsBillable", "5"),
            ("true&prefilter=Me", "10"),
            ("true&prefilter=NoFilter", "1 2 3 4 5 6 7 8 9 10 13"),
            ("true&WORKLOGSFILTER=PeriodLength gt 5400", "5 8"),
        ],
    );
    check_filter(
        &format!("{V33}/workItemsHierarchyAllLevels"),
        "System_Id",
        &[
            ("true&workItemsFilter=System_State eq 'Active'", "2 3 9"),
            ("true&workItemsFilter=System_TeamProject eq 'Beta'&workItemFilterApplyTarget=RootWorkItems", "8 9"),
            ("true&workItemsFilter=System_State eq 'New'&workItemFilterApplyTarget=RootWorkItems", "1 2 3 4 5 7 8 9"),
        ],
    );
    check_values(
        V33,
        &[
            (
                "workItems?$select=System_Id,CustomStringField1,CustomNumericField2,CustomBooleanField3,CustomStringField4\
                 &customFields=Custom.Team,Custom.Score,Custom.Approved,Custom.Nothing&$filter=CustomStringField1 ne null",
                json!([
                    {"System_Id": 3, "CustomStringField1": "Red", "CustomNumericField2": 1.5,
                     "CustomBooleanField3": true, "CustomStringField4": null},
                    {"System_Id": 4, "CustomStringField1": "Blue", "CustomNumericField2": -2,
                     "CustomBooleanField3": false, "CustomStringField4": null},
                    {"System_Id": 6, "CustomStringField1": "red", "CustomNumericField2": null,
                     "CustomBooleanField3": null, "CustomStringField4": null},
                ]),
            ),
            (
                "workLogsWorkItems?$filter=PeriodLength eq 5400&$select=WorkItem/CustomStringField1&customFields=Custom.Team",
                json!([{"WorkItem": {"CustomStringField1": "Red"}}]),
            ),
        ],
    );
}

/// §3.3, §3.6: a log without a work item has no object, and no error.
#[test]
fn logs_without_a_work_item() {
    check_values(
        V33,
        &[(
            "workLogsWorkItems?$filter=WorkItem eq null&$select=Comment,WorkItem,Parent&$expand=Parent($select=System_Id)&$orderby=Id",
            json!([
                {"Comment": "stand-up 🎉", "WorkItem": null, "Parent": null},
                {"Comment": "日本語", "WorkItem": null, "Parent": null},
            ]),
        )],
    );
}

/// §6.6: the model is the same for every role, its budgets are not.
#[test]
fn a_team_caller_sees_no_budget() {
    for server in servers() {
        let value = |target: &str| server.get(TIM, &format!("{V33}/{target}")).json()["value"].take();
        assert_eq!(value("budgets"), json!([]));
        assert_eq!(
            value("workLogsOnly?$filter=PeriodLength eq 3600&$select=BudgetId,Budget,IsBillable,BillablePeriodLength"),
            json!([{"BudgetId": null, "Budget": null, "IsBillable": true, "BillablePeriodLength": 3600}])
        );
        assert_eq!(
            value("workItems?$filter=System_Id eq 2&$select=BudgetAssignmentType,Budget,TrackedItself"),
            json!([{"BudgetAssignmentType": "NotComputed", "Budget": null, "TrackedItself": 0}])
        );
        assert_eq!(names(&server.get(TIM, &format!("{V33}/workLogsOnly?$select=Id")).json(), "Id"), "1 2 3");
    }
}
