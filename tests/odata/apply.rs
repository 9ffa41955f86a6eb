//! `$apply`: OD-80 to OD-85, OD-93 to OD-95.

use serde_json::{Value, json};

use super::{V4, V33, check_refused, get};

/// Rows without their annotations.
#[track_caller]
fn check_apply(root: &str, cases: &[(&str, Value)]) {
    let mut wrong = Vec::new();
    for (target, expected) in cases {
        let reply = get(&format!("{root}/{target}"));
        let found = (reply.status == 200).then(|| plain(reply.json()["value"].take()));
        if found.as_ref() != Some(expected) {
            let found = found.map_or_else(|| reply.lossy(), |rows| rows.to_string());
            wrong.push(format!("  {target}\n      expected {expected}\n      found    {found}"));
        }
    }
    super::report(&wrong);
}

fn plain(value: Value) -> Value {
    match value {
        Value::Array(rows) => rows.into_iter().map(plain).collect(),
        Value::Object(members) => members
            .into_iter()
            .filter(|(name, _)| !name.contains('@'))
            .map(|(name, value)| (name, plain(value)))
            .collect(),
        other => other,
    }
}

#[test]
fn od_80_aggregate() {
    check_apply(
        V4,
        &[
            (
                "Worklogs?$apply=aggregate(PeriodLength with sum as Total,$count as N,UserId with countdistinct as Users,\
                 Timestamp with max as Last,Timestamp with min as First,Comment with max as Text)",
                json!([{
                    "Total": 2_147_505_727_i64, "N": 11, "Users": 5,
                    "Last": "2025-02-03T08:30:00Z", "First": "2024-01-02T09:00:00Z", "Text": "日本語",
                }]),
            ),
            (
                "Worklogs?$apply=filter(User/Name eq 'Tim Tëam')/aggregate(PeriodLength with average as A,\
                 BillablePeriodLength with average as B,BillablePeriodLength with min as Least)",
                json!([{"A": 2100, "B": 1800, "Least": 0}]),
            ),
            (
                "Worklogs?$apply=filter(false)/aggregate(PeriodLength with sum as S,PeriodLength with max as M,\
                 PeriodLength with average as A,UserId with countdistinct as U,$count as N)",
                json!([{"S": null, "M": null, "A": null, "U": 0, "N": 0}]),
            ),
            ("Worklogs?$apply=aggregate(WorkItemId with countdistinct as Items)", json!([{"Items": 9}])),
            ("Worklogs?$apply=aggregate(Hours with sum as H)&$filter=H gt 1", json!([{"H": 596_529.368_611}])),
            (
                "Worklogs?$apply=aggregate(null with min as Nothing)&$filter=not (Nothing gt 2.5)",
                json!([{"Nothing": null}]),
            ),
        ],
    );
}

#[test]
fn od_82_aggregates_of_expressions() {
    check_apply(
        V4,
        &[
            ("Worklogs?$apply=aggregate(PeriodLength mul 2 with sum as X)", json!([{"X": 4_295_011_454_i64}])),
            ("Worklogs?$apply=aggregate(case(IsBillable:PeriodLength,true:0) with sum as B)", json!([{"B": 19_080}])),
            ("Worklogs?$apply=aggregate(length(Comment) with max as L)", json!([{"L": 23}])),
            ("Worklogs?$apply=aggregate(WorkItem/Priority with max as P)", json!([{"P": 2}])),
            ("WorkItems?$apply=aggregate(Children/$count with sum as C)", json!([{"C": 6}])),
            (
                "Worklogs?$apply=aggregate(case(IsBillable:1,true:-1) divby 0 with sum as S,INF with average as A)",
                json!([{"S": null, "A": "INF"}]),
            ),
        ],
    );
}

#[test]
fn od_83_groupby() {
    check_apply(
        V4,
        &[
            (
                "Worklogs?$apply=groupby((User/Name),aggregate(PeriodLength with sum as T))&$orderby=User/Name",
                json!([
                    {"User": {"Name": "Ada Admin"}, "T": 300},
                    {"User": {"Name": "Bo Budget"}, "T": 2700},
                    {"User": {"Name": "Petra Product"}, "T": 2_147_489_167_i64},
                    {"User": {"Name": "Tess O'Team"}, "T": 7260},
                    {"User": {"Name": "Tim Tëam"}, "T": 6300},
                ]),
            ),
            (
                "Worklogs?$apply=groupby((WorkItem/State),aggregate($count as N))&$orderby=WorkItem/State",
                json!([
                    {"WorkItem": {"State": null}, "N": 2},
                    {"WorkItem": {"State": "Active"}, "N": 3},
                    {"WorkItem": {"State": "Closed"}, "N": 2},
                    {"WorkItem": {"State": "Done"}, "N": 1},
                    {"WorkItem": {"State": "New"}, "N": 3},
                ]),
            ),
            (
                "Worklogs?$apply=groupby((WorkedOn/Year,IsBillable))&$orderby=WorkedOn/Year,IsBillable",
                json!([
                    {"WorkedOn": {"Year": 2024}, "IsBillable": false},
                    {"WorkedOn": {"Year": 2024}, "IsBillable": true},
                    {"WorkedOn": {"Year": 2025}, "IsBillable": false},
                    {"WorkedOn": {"Year": 2025}, "IsBillable": true},
                ]),
            ),
        ],
    );
    check_apply(
        V33,
        &[
            (
                "workLogsWorkItems?$apply=groupby((User/Name,WorkItem/System_TeamProject),\
                 aggregate(PeriodLength with sum as PeriodLength))&$orderby=User/Name,WorkItem/System_TeamProject&$top=3",
                json!([
                    {"User": {"Name": "Ada Admin"}, "WorkItem": {"System_TeamProject": "Alpha"}, "PeriodLength": 300},
                    {"User": {"Name": "Bo Budget"}, "WorkItem": {"System_TeamProject": "Alpha"}, "PeriodLength": 2700},
                    {"User": {"Name": "Petra Product"}, "WorkItem": {"System_TeamProject": null}, "PeriodLength": 120},
                ]),
            ),
            (
                "workLogsOnly?$apply=aggregate(PeriodLength div 3600 with sum as PeriodLength)",
                json!([{"PeriodLength": 596_527}]),
            ),
        ],
    );
}

#[test]
fn od_85_each_step_sees_the_last() {
    check_apply(
        V4,
        &[
            (
                "Worklogs?$apply=groupby((User/Name),aggregate(PeriodLength with sum as T))/filter(T gt 7000)\
                 &$orderby=T",
                json!([
                    {"User": {"Name": "Tess O'Team"}, "T": 7260},
                    {"User": {"Name": "Petra Product"}, "T": 2_147_489_167_i64},
                ]),
            ),
            (
                "Worklogs?$apply=groupby((User/Name,IsBillable),aggregate($count as N))/groupby((IsBillable),\
                 aggregate($count as People,N with max as Most))&$orderby=IsBillable",
                json!([
                    {"IsBillable": false, "People": 4, "Most": 2},
                    {"IsBillable": true, "People": 4, "Most": 2},
                ]),
            ),
            (
                "Worklogs?$apply=groupby((User/Name),aggregate(PeriodLength with sum as T))/aggregate(T with max as Most,\
                 $count as People)",
                json!([{"Most": 2_147_489_167_i64, "People": 5}]),
            ),
        ],
    );
    check_refused(
        V4,
        &[
            ("Worklogs?$apply=groupby((User/Name))/filter(PeriodLength gt 1)", 400, "UnknownProperty"),
            ("Worklogs?$apply=aggregate(PeriodLength with sum as T)&$filter=PeriodLength gt 1", 400, "UnknownProperty"),
            ("Worklogs?$apply=aggregate(PeriodLength with sum as T)&$orderby=PeriodLength", 400, "UnknownProperty"),
            ("Worklogs?$apply=aggregate(PeriodLength with median as T)", 400, "UnknownFunction"),
            ("Worklogs?$apply=aggregate(Comment with sum as T)", 400, "TypeMismatch"),
            ("Worklogs?$apply=topcount(2,PeriodLength)", 501, "NotImplemented"),
            ("Worklogs?$apply=groupby((User/Name))&$expand=WorkItem", 400, "OptionNotApplicable"),
        ],
    );
}

#[test]
fn od_93_options_after_it() {
    check_apply(
        V4,
        &[
            (
                "Worklogs?$apply=groupby((User/Name),aggregate($count as N))&$filter=N gt 2&$orderby=N desc,User/Name&$top=2",
                json!([{"User": {"Name": "Petra Product"}, "N": 3}, {"User": {"Name": "Tess O'Team"}, "N": 3}]),
            ),
            (
                "Worklogs?$apply=groupby((User/Name),aggregate($count as N))&$orderby=User/Name&$skip=3&$select=N",
                json!([{"N": 3}, {"N": 3}]),
            ),
        ],
    );
    let reply = get(&format!("{V4}/Worklogs?$apply=groupby((User/Name))&$count=true&$top=1&$orderby=User/Name"));
    assert_eq!(reply.json()["@odata.count"], 5, "{}", reply.text());
}

#[test]
fn od_93_parts_of_the_result_are_selected() {
    let groups = "$apply=groupby((User/Name,User/UniqueName,IsBillable),aggregate($count as N))/filter(N eq 1)\
                  &$filter=startswith(User/Name,'Ada')";
    check_apply(
        V4,
        &[
            (&format!("Worklogs?{groups}&$select=User/Name,N"), json!([{"User": {"Name": "Ada Admin"}, "N": 1}])),
            (&format!("Worklogs?{groups}&$select=User($select=Name)"), json!([{"User": {"Name": "Ada Admin"}}])),
            (
                &format!("Worklogs?{groups}&$select=User/Name,User"),
                json!([{"User": {"Name": "Ada Admin", "UniqueName": "ada@example.com"}}]),
            ),
        ],
    );
    check_apply(
        V33,
        &[(
            "workLogsOnly?$apply=groupby((User/Name),aggregate($count as N))&$filter=N eq 1&$select=user/name,n&$orderby=user/Name",
            json!([{"User": {"Name": "Ada Admin"}, "N": 1}, {"User": {"Name": "Bo Budget"}, "N": 1}]),
        )],
    );
    let reply = get(&format!("{V4}/Worklogs?{groups}&$select=User/Name"));
    assert!(reply.text().contains("#Worklogs(User(Name))\""), "{}", reply.text());
    let by_item = "Worklogs?$apply=groupby((WorkItem))";
    check_refused(
        V4,
        &[
            (&format!("Worklogs?{groups}&$select=User/Nope"), 400, "UnknownProperty"),
            (&format!("Worklogs?{groups}&$select=N/Name"), 400, "UnknownProperty"),
            (&format!("Worklogs?{groups}&$select=N($select=Name)"), 400, "OptionNotApplicable"),
            (&format!("Worklogs?{groups}&$select=User($top=1)"), 400, "OptionNotApplicable"),
            (&format!("Worklogs?{groups}&$select=User($compute=1 as A)"), 501, "NotImplemented"),
            (&format!("{by_item}&$expand=WorkItem,WorkItem"), 400, "DuplicateOption"),
            (&format!("{by_item}&$expand=WorkItem/$ref"), 501, "NotImplemented"),
            (&format!("{by_item}&$expand=WorkItem($levels=2)"), 501, "NotImplemented"),
            (&format!("{by_item}&$expand=WorkItem($top=1)"), 400, "OptionNotApplicable"),
        ],
    );
}

#[test]
fn od_81_94_types_and_shape() {
    let reply = get(&format!(
        "{V4}/Worklogs?$apply=groupby((User/Name),aggregate(PeriodLength with sum as Total))&$orderby=User/Name&$top=1"
    ));
    assert_eq!(
        reply.text(),
        "{\"@odata.context\":\"http://timeledger.test/api/odata/v4.0/$metadata#Worklogs(User(Name),Total)\",\"value\":[\
         {\"User\":{\"Name\":\"Ada Admin\"},\"Total@odata.type\":\"#Int64\",\"Total\":300}]}"
    );
}
