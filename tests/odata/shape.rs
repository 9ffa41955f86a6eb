//! `$select $expand $orderby $top $skip $count`: OD-50 to OD-59.

use serde_json::json;

use super::{V4, V33, check_refused, check_values, get, names};

#[test]
fn od_50_select() {
    check_values(
        V4,
        &[
            (
                "Budgets?$select=BudgetName,Closed&$orderby=BudgetName",
                json!([
                    {"BudgetName": "A&B", "Closed": true},
                    {"BudgetName": "Budget One", "Closed": false},
                    {"BudgetName": "Directly", "Closed": false},
                    {"BudgetName": "Empty", "Closed": false},
                ]),
            ),
            (
                "Budgets?$select=BudgetName,Planned,Tracked,Billed&$orderby=BudgetName",
                json!([
                    {"BudgetName": "A&B", "Planned": 7200, "Tracked": 7200, "Billed": 5400},
                    {"BudgetName": "Budget One", "Planned": 36000, "Tracked": 13620, "Billed": 10470},
                    {"BudgetName": "Directly", "Planned": 0, "Tracked": 60, "Billed": 60},
                    {"BudgetName": "Empty", "Planned": 100, "Tracked": 0, "Billed": 0},
                ]),
            ),
            ("Projects?$select=*&$filter=ProjectName eq 'none'", json!([])),
            ("WorkItems(3)?$select=Title,Custom_Score", json!({"Title": "Größe ändern", "Custom_Score": 1.5})),
        ],
    );
    check_values(
        V33,
        &[
            (
                "workLogsOnly?$filter=PeriodLength eq 60&$select=PeriodLength,User/Name,Budget/BudgetName",
                json!([{"PeriodLength": 60, "User": {"Name": "Tess O'Team"}, "Budget": {"BudgetName": "Directly"}}]),
            ),
            (
                "workLogsOnly?$filter=PeriodLength eq 60&$select=User($select=Name),ActivityType",
                json!([{"User": {"Name": "Tess O'Team"}, "ActivityType": null}]),
            ),
            (
                "workLogsOnly?$filter=PeriodLength eq 60&$select=WorklogDate",
                json!([{"WorklogDate": {"Year": 2024, "Month": 1, "Day": 3, "ShortDate": "2024-01-03"}}]),
            ),
        ],
    );
}

/// No property of the models is a collection, so that of the options within `$select` those that pick among rows have
/// no place.
#[test]
fn od_51_options_inside_select() {
    let short = "workLogsOnly?$filter=PeriodLength eq 60&$select=";
    let cases = [
        ("User($select=Name)", json!({"User": {"Name": "Tess O'Team"}})),
        ("User(select=name)", json!({"User": {"Name": "Tess O'Team"}})),
        ("User/Name,User($select=Email)", json!({"User": {"Name": "Tess O'Team", "Email": "tess@example.com"}})),
        (
            "User($select=Letters,Name;$compute=length(Email) as Letters,Letters mul 2 as Twice)",
            json!({"User": {"Name": "Tess O'Team", "Letters": 16}}),
        ),
        (
            "Budget($compute=length(BudgetName) as Letters)",
            json!({"Budget": {"Id": "bbbbbbbb-0000-4000-8000-000000000003", "BudgetName": "Directly", "Letters": 8}}),
        ),
        ("ActivityType($compute=length(Name) as Letters;$select=Letters)", json!({"ActivityType": null})),
    ];
    let cases: Vec<_> = cases.into_iter().map(|(select, row)| (format!("{short}{select}"), json!([row]))).collect();
    check_values(V33, &cases.iter().map(|(target, rows)| (target.as_str(), rows.clone())).collect::<Vec<_>>());
    let context = get(&format!("{V33}/{short}PeriodLength,User($select=Name,L;$compute=1 as L),Budget($select=*)"));
    assert!(context.text().contains("#workLogsOnly(PeriodLength,User/Name,User/L,Budget)\""), "{}", context.text());
    let log = "workLogsOnly(cccccccc-0000-4000-8000-000000000004)/User";
    let reply = get(&format!("{V33}/{log}?$select=Name,L&$compute=length(Name) as L"));
    assert_eq!((&reply.json()["Name"], &reply.json()["L"]), (&json!("Tess O'Team"), &json!(11)), "{}", reply.text());
    assert!(reply.text().contains("/User(Name,L)\"") && !reply.text().contains("Email"), "{}", reply.text());
    check_refused(
        V33,
        &[
            ("workLogsOnly?$select=User($filter=Name eq 'x')", 400, "OptionNotApplicable"),
            ("workLogsOnly?$select=User($orderby=Name)", 400, "OptionNotApplicable"),
            ("workLogsOnly?$select=User($top=1)", 400, "OptionNotApplicable"),
            ("workLogsOnly?$select=User($skip=1)", 400, "OptionNotApplicable"),
            ("workLogsOnly?$select=User($count=true)", 400, "OptionNotApplicable"),
            ("workLogsOnly?$select=User($search=x)", 400, "OptionNotApplicable"),
            ("workLogsOnly?$select=User($expand=Name)", 400, "OptionNotApplicable"),
            ("workLogsOnly?$select=User($levels=1)", 400, "OptionNotApplicable"),
            ("workLogsOnly?$select=User($nope=1)", 400, "UnknownOption"),
            ("workLogsOnly?$select=User($select=Nope)", 400, "UnknownProperty"),
            ("workLogsOnly?$select=User($select=Name,Nope)", 400, "UnknownProperty"),
            ("workLogsOnly?$select=*,Nope", 400, "UnknownProperty"),
            ("workLogsOnly?$select=User($compute=1 as L),User/L", 400, "UnknownProperty"),
            ("workLogsOnly?$select=User($compute=1 as L),User($compute=2 as L)", 400, "InvalidValue"),
            ("workLogsOnly?$select=User($compute=1 as Name)", 400, "InvalidValue"),
            ("workLogsOnly?$select=User($compute=PeriodLength as L)", 400, "UnknownProperty"),
            ("workLogsOnly?$select=Comment($filter=true)", 400, "OptionNotApplicable"),
            ("workLogsOnly?$select=Comment($select=X)", 400, "OptionNotApplicable"),
            ("workItems?$select=Children($select=System_Id)", 400, "OptionNotApplicable"),
            ("workLogsOnly(cccccccc-0000-4000-8000-000000000004)/Comment?$select=X", 400, "OptionNotApplicable"),
        ],
    );
}

#[test]
fn od_52_expand() {
    check_values(
        V4,
        &[
            (
                "WorkItems(2)?$select=Title&$expand=Children($select=WorkItemId),Parent($select=Title)",
                json!({"Title": "Feature two", "Children": [{"WorkItemId": 3}], "Parent": {"Title": "Epic one"}}),
            ),
            (
                "WorkItems?$filter=WorkItemId in (1,3)&$select=WorkItemId&$expand=Parent($select=WorkItemId),\
                 Worklogs($select=Comment;$filter=IsBillable)",
                json!([
                    {"WorkItemId": 1, "Parent": null, "Worklogs": []},
                    {"WorkItemId": 3, "Parent": {"WorkItemId": 2}, "Worklogs": [{"Comment": "ÄÖÜ äöü ß Straße"}]},
                ]),
            ),
            (
                "Users?$select=Name&$filter=startswith(UniqueName,'t')&$orderby=Name\
                 &$expand=Worklogs($select=PeriodLength;$orderby=PeriodLength desc;$top=2)",
                json!([
                    {"Name": "Tess O'Team", "Worklogs": [{"PeriodLength": 7200}, {"PeriodLength": 60}]},
                    {"Name": "Tim Tëam", "Worklogs": [{"PeriodLength": 3600}, {"PeriodLength": 1800}]},
                ]),
            ),
            (
                "Users?$select=Name&$filter=startswith(UniqueName,'t')&$orderby=Name\
                 &$expand=Worklogs($select=PeriodLength;$orderby=PeriodLength desc;$skip=1;$top=1;$count=true)",
                json!([
                    {"Name": "Tess O'Team", "Worklogs@odata.count": 3, "Worklogs": [{"PeriodLength": 60}]},
                    {"Name": "Tim Tëam", "Worklogs@odata.count": 3, "Worklogs": [{"PeriodLength": 1800}]},
                ]),
            ),
            (
                "Projects?$select=ProjectName&$orderby=ProjectName&$expand=WorkItems($select=WorkItemId;\
                 $filter=State eq 'Active';$orderby=WorkItemId;$expand=Worklogs($select=PeriodLength;\
                 $expand=User($select=Name)))",
                json!([
                    {"ProjectName": "Alpha", "WorkItems": [
                        {"WorkItemId": 2, "Worklogs": [{"PeriodLength": 2700, "User": {"Name": "Bo Budget"}}]},
                        {"WorkItemId": 3, "Worklogs": [{"PeriodLength": 5400, "User": {"Name": "Petra Product"}}]},
                    ]},
                    {"ProjectName": "Beta", "WorkItems": [
                        {"WorkItemId": 9, "Worklogs": [{"PeriodLength": 7200, "User": {"Name": "Tess O'Team"}}]},
                    ]},
                ]),
            ),
            (
                "Dates?$select=DateSK&$filter=DateSK ge 20240102 and DateSK le 20240103\
                 &$expand=Worklogs($select=PeriodLength;$count=true;$expand=WorkedOn($select=DayName))",
                json!([
                    {"DateSK": 20_240_102, "Worklogs@odata.count": 2, "Worklogs": [
                        {"PeriodLength": 3600, "WorkedOn": {"DayName": "Tuesday"}},
                        {"PeriodLength": 1800, "WorkedOn": {"DayName": "Tuesday"}},
                    ]},
                    {"DateSK": 20_240_103, "Worklogs@odata.count": 2, "Worklogs": [
                        {"PeriodLength": 900, "WorkedOn": {"DayName": "Wednesday"}},
                        {"PeriodLength": 60, "WorkedOn": {"DayName": "Wednesday"}},
                    ]},
                ]),
            ),
            (
                "WorkItems(5)?$select=WorkItemId&$expand=Ancestors($select=WorkItemId;$orderby=WorkItemId),Descendants",
                json!({
                    "WorkItemId": 5,
                    "Ancestors": [{"WorkItemId": 1}, {"WorkItemId": 2}, {"WorkItemId": 3}, {"WorkItemId": 4}],
                    "Descendants": [],
                }),
            ),
        ],
    );
}

/// The name of each log in the order of the answer.
#[track_caller]
fn check_order(set: &str, key: &str, cases: &[(&str, &str)]) {
    for (order, expected) in cases {
        let reply = get(&format!("{V4}/{set}?$select={key}&$orderby={order}"));
        assert_eq!(reply.status, 200, "{order}: {}", reply.text());
        assert_eq!(names(&reply.json(), key), *expected, "{order}");
    }
}

#[test]
fn od_56_orderby() {
    check_order(
        "Worklogs",
        "Id",
        &[
            ("BillablePeriodLength,Id", "3 6 8 10 2 4 9 13 1 5 7"),
            ("BillablePeriodLength desc,Id", "5 7 1 13 9 4 2 3 6 8 10"),
            ("BillablePeriodLength desc,Id desc", "7 5 1 13 9 4 2 10 8 6 3"),
            ("User/Name desc,Timestamp", "1 2 3 4 5 6 7 8 9 13 10"),
            ("PeriodLength mod 7 desc,Id", "10 13 3 4 5 7 1 2 8 9 6"),
            ("WorkItem/Title,Id", "3 9 4 10 8 5 6 13 1 7 2"),
            ("Budget/BudgetName,PeriodLength", "6 10 3 8 5 9 2 13 1 7 4"),
            ("IsBillable desc,Timestamp desc", "13 9 7 5 4 1 10 8 6 3 2"),
        ],
    );
    check_order("WorkItems", "WorkItemId", &[("AllWorklogs/$count desc,WorkItemId", "1 2 3 4 8 5 6 7 9")]);
}

#[test]
fn od_57_58_top_skip_count() {
    check_values(
        V4,
        &[
            ("Users?$select=Name&$orderby=Name&$top=2&$skip=1", json!([{"Name": "Bo Budget"}, {"Name": "Nora None"}])),
            ("Users?$top=0", json!([])),
            ("Users?$top=0&$count=true", json!({"@odata.count": 6, "value": []})),
            (
                "Users?$select=Name&$orderby=Name&$top=1&$count=true&$filter=startswith(UniqueName,'t')",
                json!({"@odata.count": 2, "value": [{"Name": "Tess O'Team"}]}),
            ),
            ("Users?$select=Name&$top=1&$count=false&$orderby=Name", json!([{"Name": "Ada Admin"}])),
            ("Users?$skip=6", json!([])),
        ],
    );
}

#[test]
fn od_59_the_count_alone() {
    for (target, expected) in [
        ("Worklogs/$count", "11"),
        ("Worklogs/$count?$filter=IsBillable", "6"),
        ("Worklogs/$count?$filter=IsBillable&$orderby=Id&$select=Id&$format=json", "6"),
        ("WorkItems(3)/Children/$count", "1"),
        ("WorkItems(1)/AllWorklogs/$count?$filter=not IsBillable", "3"),
    ] {
        let reply = get(&format!("{V4}/{target}"));
        assert_eq!((reply.status, reply.text()), (200, expected), "{target}");
        assert!(reply.header("Content-Type").is_some_and(|kind| kind.starts_with("text/plain")), "{target}");
    }
}
