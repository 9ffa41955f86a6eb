//! `$compute`: OD-60, OD-62 (Part 2 §5.1.3.2).

use serde_json::{Value, json};

use super::{ADA, TIM, V4, V33, check_refused, check_values, get, send, servers};
use crate::support::http::Request;
use crate::support::server::path_of;

#[test]
fn od_60_computed_properties_are_selected_filtered_and_ordered() {
    check_values(
        V4,
        &[
            (
                "Worklogs?$compute=PeriodLength div 60 as Minutes&$select=Minutes&$filter=Minutes gt 15&$orderby=Minutes desc&$top=3",
                json!([
                    {"Minutes@odata.type": "#Int64", "Minutes": 35_791_394},
                    {"Minutes@odata.type": "#Int64", "Minutes": 120},
                    {"Minutes@odata.type": "#Int64", "Minutes": 90},
                ]),
            ),
            (
                "Worklogs?$compute=PeriodLength divby 3600 as InHours&$select=PeriodLength,InHours&$filter=InHours le 0.25&$orderby=InHours,Id",
                json!([
                    {"PeriodLength": 0, "InHours": 0},
                    {"PeriodLength": 60, "InHours": 1.0 / 60.0},
                    {"PeriodLength": 120, "InHours": 1.0 / 30.0},
                    {"PeriodLength": 300, "InHours": 1.0 / 12.0},
                    {"PeriodLength": 900, "InHours": 0.25},
                ]),
            ),
            // Those further along the list may use those before them.
            (
                "Worklogs?$compute=PeriodLength div 60 as M,M div 60 as H,H gt 0 and M lt 100 as Fits&$select=H,Fits&$filter=Fits",
                json!([
                    {"H@odata.type": "#Int64", "H": 1, "Fits": true},
                    {"H@odata.type": "#Int64", "H": 1, "Fits": true},
                ]),
            ),
            // Every type as it is written.
            (
                "Worklogs?$filter=PeriodLength eq 900&$select=T,W,D,L,C,G,N,B,K,E,S,O&$compute=toupper(Comment) as T,Date as W,\
                 EditedTimestamp sub CreatedTimestamp as D,length(Comment) as L,Hours add 1 as C,Id as G,null as N,\
                 BillablePeriodLength eq null as B,1.5 as K,case(IsBillable:1) as E,time(Timestamp) as S,\
                 WorkItem/Worklogs/$count as O",
                json!([{
                    "T": "STAND-UP 🎉", "W@odata.type": "#Date", "W": "2024-01-03",
                    "D@odata.type": "#Duration", "D": "P152DT12H0.123456S", "L": 10,
                    "C@odata.type": "#Decimal", "C": 1.25,
                    "G@odata.type": "#Guid", "G": "cccccccc-0000-4000-8000-000000000003", "N": null, "B": true,
                    "K@odata.type": "#Decimal", "K": 1.5, "E": null,
                    "S@odata.type": "#TimeOfDay", "S": "08:00:00",
                    "O@odata.type": "#Int64", "O": 0,
                }]),
            ),
            // Paths through a navigation, lambdas and counts, each also under a lambda of the filter.
            (
                "WorkItems?$select=WorkItemId,Long,Kids&$compute=Worklogs/any(w:w/PeriodLength gt 3000) as Long,\
                 Children/$count as Kids,Parent/Title as Above&$filter=Children/any(c:Long or c/WorkItemId eq 4 and $it/Kids eq 1) \
                 and Above ne null",
                json!([{"WorkItemId": 3, "Long": true, "Kids@odata.type": "#Int64", "Kids": 1}]),
            ),
            (
                "Worklogs?$compute=INF as Inf,-INF as Least,NaN as NotOne,NaN add 1 as Nor&$select=Inf,Least,NotOne,Nor&$top=1\
                 &$orderby=NotOne,Nor desc,Inf",
                json!([{"Inf": "INF", "Least": "-INF", "NotOne": null, "Nor": null}]),
            ),
            ("WorkItems(3)?$compute=concat(Title,'!') as Loud&$select=Loud", json!({"Loud": "Größe ändern!"})),
            (
                "WorkItems(1)/AllWorklogs?$compute=User/Name as Who&$select=Who&$filter=startswith(Who,'P')",
                json!([{"Who": "Petra Product"}]),
            ),
        ],
    );
    let reply = get(&format!("{V4}/Worklogs/$count?$compute=PeriodLength div 60 as M&$filter=M gt 15"));
    assert_eq!((reply.status, reply.text()), (200, "6"));
    let reply =
        get(&format!("{V4}/Worklogs?$compute=PeriodLength div 60 as M&$filter=M gt 15&$count=true&$top=1&$select=M"));
    assert_eq!(reply.json()["@odata.count"], 6);
}

/// "SHOULD be included as dynamic properties in the result and MUST be included if `$select` is specified with the
/// computed property name, or star."
#[test]
fn od_60_computed_properties_in_the_answer() {
    let budget = |query: &str| get(&format!("{V4}/Budgets?$filter=Closed&{query}"));
    let whole = budget("$compute=Planned div 60 as Minutes");
    let row = &whole.json()["value"][0];
    assert_eq!((&row["Minutes"], &row["BudgetName"]), (&json!(120), &json!("A&B")), "{}", whole.text());
    assert!(whole.text().contains("$metadata#Budgets\""), "{}", whole.text());
    let star = budget("$compute=Planned div 60 as Minutes&$select=*");
    assert_eq!(star.json()["value"][0]["Minutes"], 120);
    assert!(star.text().contains("#Budgets(*)\""), "{}", star.text());
    let other = budget("$compute=Planned div 60 as Minutes&$select=BudgetName");
    assert_eq!(other.json()["value"], json!([{"BudgetName": "A&B"}]));
    let named = budget("$compute=Planned div 60 as Minutes,1 as One&$select=Minutes,BudgetName");
    assert_eq!(
        named.text(),
        "{\"@odata.context\":\"http://timeledger.test/api/odata/v4.0/$metadata#Budgets(Minutes,BudgetName)\",\
         \"value\":[{\"BudgetName\":\"A&B\",\"Minutes@odata.type\":\"#Int64\",\"Minutes\":120}]}"
    );
    let request =
        Request::get(&format!("{V4}/Budgets?$filter=Closed&$compute=Planned div 60 as Minutes&$select=Minutes"));
    let newer = send(ADA, request.header("OData-MaxVersion", "4.01"));
    assert!(newer.text().contains("\"value\":[{\"Minutes@type\":\"#Int64\",\"Minutes\":120}]"), "{}", newer.text());
    let strings =
        budget("$compute=Planned div 60 as Minutes&$select=Minutes&$format=application/json;IEEE754Compatible=true");
    assert_eq!(strings.json()["value"][0]["Minutes"], "120");
    let none = budget("$compute=Planned div 60 as Minutes&$select=Minutes&$format=application/json;metadata=none");
    assert_eq!(none.text(), "{\"value\":[{\"Minutes\":120}]}");
    let full = budget("$compute=length(BudgetName) as L&$select=L&$format=application/json;metadata=full");
    assert_eq!(full.json()["value"][0]["L"], 3);
}

#[test]
fn od_60_in_expanded_navigation() {
    check_values(
        V4,
        &[
            (
                "WorkItems?$select=WorkItemId&$filter=WorkItemId in (4,6)&$expand=Worklogs($compute=PeriodLength div 60 as M,\
                 M mul 2 as Twice;$select=Twice;$filter=M gt 0;$orderby=M desc;$count=true)",
                json!([
                    {"WorkItemId": 4, "Worklogs@odata.count": 1,
                     "Worklogs": [{"Twice@odata.type": "#Int64", "Twice": 60}]},
                    {"WorkItemId": 6, "Worklogs@odata.count": 1,
                     "Worklogs": [{"Twice@odata.type": "#Int64", "Twice": 2}]},
                ]),
            ),
            (
                "WorkItems?$select=WorkItemId&$filter=WorkItemId in (1,2)&$compute=length(Title) as L&$expand=Parent($compute=length(Title) as L;\
                 $select=L;$expand=Parent($compute=1 as One))",
                json!([{"WorkItemId": 1, "Parent": null}, {"WorkItemId": 2, "Parent": {"L": 8, "Parent": null}}]),
            ),
            (
                "Worklogs?$apply=groupby((WorkItem))&$filter=WorkItem/WorkItemId eq 9&$expand=WorkItem($compute=length(Title) as L;$select=L)",
                json!([{"WorkItem": {"L": 9}}]),
            ),
        ],
    );
    let reply =
        get(&format!("{V4}/WorkItems(2)?$select=WorkItemId&$expand=Parent($compute=length(Title) as L;$select=L)"));
    assert!(reply.text().contains("#WorkItems(WorkItemId,Parent(L))/$entity"), "{}", reply.text());
}

/// "TotalPrice is available outside of the expand" (Part 1 §11.2.5.3, its example).
#[test]
fn od_60_what_an_expansion_computes_is_known_outside() {
    let minutes =
        "$expand=Worklogs($compute=PeriodLength div @m as Minutes;@m=60;$select=Minutes;$filter=Minutes gt 50)";
    let titled = "$expand=Parent($compute=length(Title) as L,L mul 2 as Twice;$select=Twice)";
    check_values(
        V4,
        &[
            (
                &format!(
                    "WorkItems?$select=WorkItemId&$filter=Worklogs/any(w:w/Minutes gt 50 and w/Minutes lt 90)&{minutes}"
                ),
                json!([{"WorkItemId": 5, "Worklogs": [{"Minutes@odata.type": "#Int64", "Minutes": 60}]}]),
            ),
            (
                &format!(
                    "WorkItems?$select=WorkItemId&$filter=Worklogs/$count($filter=Minutes eq 2 or Minutes eq 60) eq 1&{minutes}"
                ),
                json!([{"WorkItemId": 5, "Worklogs": [{"Minutes@odata.type": "#Int64", "Minutes": 60}]}]),
            ),
            (
                &format!(
                    "WorkItems?$select=WorkItemId&$filter=Parent/Twice ne 16 and Parent/L le 11&$orderby=Parent/Twice desc,WorkItemId&{titled}"
                ),
                json!([
                    {"WorkItemId": 3, "Parent": {"Twice@odata.type": "#Int64", "Twice": 22}},
                    {"WorkItemId": 9, "Parent": {"Twice@odata.type": "#Int64", "Twice": 18}},
                ]),
            ),
        ],
    );
    let many: String = (1..100).map(|n| format!(",PeriodLength add {n} as X{n}")).collect();
    let used = vec!["Worklogs/any(w:w/X1 gt 1)"; 30].join(" or ");
    check_refused(
        V4,
        &[
            ("WorkItems?$filter=Worklogs/any(w:w/Minutes gt 50)", 400, "UnknownProperty"),
            (&format!("WorkItems?$filter=Children/any(c:c/Minutes gt 50)&{minutes}"), 400, "UnknownProperty"),
            (&format!("WorkItems?$filter=Minutes gt 50&{minutes}"), 400, "UnknownProperty"),
            (&format!("WorkItems?$filter=Parent/Worklogs/any(w:w/Minutes gt 50)&{minutes}"), 400, "UnknownProperty"),
            (&format!("WorkItems?$filter=Parent/Nope eq 1&{titled}"), 400, "UnknownProperty"),
            (&format!("WorkItems?$filter=Parent/Parent/L eq 1&{titled}"), 400, "UnknownProperty"),
            (&format!("WorkItems?$filter=Parent/L/X eq 1&{titled}"), 400, "UnknownProperty"),
            (&format!("WorkItems?$filter={used}&$expand=Worklogs($compute=1 as X0{many})"), 400, "QueryTooComplex"),
        ],
    );
}

#[test]
fn od_62_it_sees_the_result_of_apply() {
    check_values(
        V4,
        &[
            (
                "Worklogs?$apply=groupby((User/Name),aggregate(PeriodLength with sum as T))&$compute=T div 60 as M,User/Name as Who\
                 &$filter=M lt 100&$orderby=M desc&$select=Who,M",
                json!([
                    {"M@odata.type": "#Int64", "M": 45, "Who": "Bo Budget"},
                    {"M@odata.type": "#Int64", "M": 5, "Who": "Ada Admin"},
                ]),
            ),
            (
                "Worklogs?$apply=aggregate($count as N)&$compute=N mul 2 as Twice",
                json!([{"N@odata.type": "#Decimal", "N": 11, "Twice": 22}]),
            ),
        ],
    );
    let reply = get(&format!(
        "{V4}/Worklogs?$apply=groupby((User/Name),aggregate($count as N))&$compute=length(User/Name) as L&$top=1&$orderby=L"
    ));
    assert!(reply.text().contains("#Worklogs(User(Name),N,L)\""), "{}", reply.text());
}

#[test]
fn od_60_at_the_wire_contract() {
    check_values(
        V33,
        &[
            (
                "workLogsOnly?$compute=periodLength div 60 as Minutes&$select=minutes&$filter=MINUTES gt 100&$orderby=Minutes",
                json!([
                    {"Minutes@odata.type": "#Int64", "Minutes": 120},
                    {"Minutes@odata.type": "#Int64", "Minutes": 35_791_394},
                ]),
            ),
            (
                "workLogsOnly?compute=User/Name as Who&select=Who&$filter=PeriodLength eq 60",
                json!([{"Who": "Tess O'Team"}]),
            ),
        ],
    );
    check_refused(
        V33,
        &[
            ("workLogsOnly?$compute=1 as periodlength", 400, "InvalidValue"),
            ("workLogsOnly?$compute=1 as A,2 as a", 400, "InvalidValue"),
        ],
    );
}

#[test]
fn od_60_in_files() {
    let file = |form: &str| {
        get(&format!(
            "{V4}/Worklogs?$compute=PeriodLength divby 3600 as InHours,User/Name as Who&$select=InHours,Who&$filter=PeriodLength in (900,7200)\
             &$orderby=Who&$format={form}"
        ))
    };
    let csv = file("csv");
    let text = csv.text().trim_start_matches('\u{feff}').replace("\r\n", "\n");
    assert_eq!(text, "InHours,Who\n2,Tess O'Team\n0.25,Tim Tëam\n");
    assert_eq!(
        file("ndjson").text(),
        "{\"InHours\":2,\"Who\":\"Tess O'Team\"}\n{\"InHours\":0.25,\"Who\":\"Tim Tëam\"}\n"
    );
    let xlsx = file("xlsx");
    assert_eq!(xlsx.status, 200, "{}", xlsx.lossy());
    // A file has one column of a name; the parts of a navigation are called `User_Name` there.
    check_refused(
        V4,
        &[(
            "Worklogs?$compute=1 as User_Name&$select=Id,User_Name&$expand=User($select=Name)&$format=csv",
            400,
            "InvalidValue",
        )],
    );
}

#[test]
fn od_111_pages_in_an_order_of_computed_values() {
    let targets = [
        "Worklogs?$compute=PeriodLength mod 7 as R&$select=Id,R&$orderby=R desc",
        "Worklogs?$compute=BillablePeriodLength divby 60 as M&$select=Id&$orderby=M",
        "Worklogs?$compute=BillablePeriodLength divby 60 as M&$select=Id&$orderby=M desc",
        "Worklogs?$compute=PeriodLength gt 900 as Long,WorkItem/Title as Of&$select=Id,Of&$orderby=Long,Of desc",
        "WorkItems?$compute=AllWorklogs/$count as N&$select=WorkItemId&$orderby=N desc",
        "Worklogs?$apply=groupby((User/Name),aggregate(PeriodLength with sum as T))&$compute=T mod 60 as R&$orderby=R,User/Name desc",
        "Worklogs?$compute=true as T,null as N,1 as One&$select=Id&$orderby=T,N desc,One",
        "WorkItems?$compute=length(Title) as L&$select=L&$expand=Parent($compute=length(Title) as L;$select=L)&$orderby=L",
    ];
    for server in servers() {
        for target in targets {
            let target = format!("{V4}/{target}");
            let reply = server.get(ADA, &target);
            assert_eq!(reply.status, 200, "{target}: {}", reply.lossy());
            let whole = reply.json()["value"].take();
            let mut rows = Vec::new();
            let mut next = Some(target.clone());
            while let Some(target) = next {
                let mut page = server.send(ADA, Request::get(&target).header("Prefer", "maxpagesize=2")).json();
                rows.append(page["value"].as_array_mut().unwrap_or_else(|| panic!("{target}: no rows")));
                next = page["@odata.nextLink"].as_str().map(|link| path_of(link).to_owned());
            }
            assert_eq!(Value::Array(rows), whole, "{target}");
        }
    }
}

#[test]
fn od_60_what_is_refused() {
    let doubled: String = (1..30).map(|n| format!(",X{0} add X{0} as X{n}", n - 1)).collect();
    let chained: String = (1..150).map(|n| format!(",X{} add 1 as X{n}", n - 1)).collect();
    check_refused(
        V4,
        &[
            ("Worklogs?$compute=PeriodLength div 60 as Comment", 400, "InvalidValue"),
            ("Worklogs?$compute=PeriodLength div 60 as User", 400, "InvalidValue"),
            ("WorkItems?$compute=1 as Custom_Team", 400, "InvalidValue"),
            ("Worklogs?$compute=1 as A,2 as A", 400, "InvalidValue"),
            ("Worklogs?$apply=aggregate($count as N)&$compute=1 as N", 400, "InvalidValue"),
            ("WorkItems?$expand=Parent($compute=1 as Title)", 400, "InvalidValue"),
            // Only what stands before it.
            ("Worklogs?$compute=B as A,1 as B", 400, "UnknownProperty"),
            ("Worklogs?$compute=A as A", 400, "UnknownProperty"),
            ("Worklogs?$compute=1 as A&$filter=a eq 1", 400, "UnknownProperty"),
            ("Worklogs?$compute=1 as A&$select=B", 400, "UnknownProperty"),
            ("Worklogs?$compute=1 as A&$select=A/B", 400, "UnknownProperty"),
            ("Worklogs?$compute=1 as A&$filter=A/B eq 1", 400, "UnknownProperty"),
            ("Worklogs?$compute=1 as A&$select=A($select=B)", 400, "OptionNotApplicable"),
            ("Worklogs?$compute=1 as A&$filter=User/A eq 1", 400, "UnknownProperty"),
            ("WorkItems?$compute=1 as A&$filter=Children/any(c:c/A eq 1)", 400, "UnknownProperty"),
            ("WorkItems?$compute=1 as A&$expand=Children($filter=A eq 1)", 400, "UnknownProperty"),
            ("Worklogs?$apply=aggregate($count as N)&$compute=PeriodLength as A", 400, "UnknownProperty"),
            ("Worklogs?$compute=Nope as A", 400, "UnknownProperty"),
            ("Worklogs?$compute=PeriodLength", 400, "SyntaxError"),
            ("Worklogs?$compute=", 400, "SyntaxError"),
            ("Worklogs?$compute=1 as", 400, "SyntaxError"),
            ("Worklogs?$compute=1 as A B", 400, "SyntaxError"),
            ("Worklogs?$compute=1 as A,", 400, "SyntaxError"),
            ("Worklogs?$compute=1 as 2", 400, "SyntaxError"),
            ("Worklogs?$compute=1 as A&compute=1 as B", 400, "DuplicateOption"),
            ("Worklogs?$compute=1 div 0 as A", 400, "DivisionByZero"),
            ("Worklogs?$compute=100 div PeriodLength as A", 400, "DivisionByZero"),
            ("Worklogs?$compute=PeriodLength add 'x' as A", 400, "TypeMismatch"),
            ("Worklogs?$compute=PeriodLength as A&$filter=A", 400, "TypeMismatch"),
            ("Worklogs?$compute=12345678901234567890.5 as A", 400, "Overflow"),
            ("Worklogs?$compute=User as A", 501, "NotImplemented"),
            ("WorkItems?$compute=Children as A", 501, "NotImplemented"),
            ("WorkItems(1)/Title?$compute=1 as A", 400, "OptionNotApplicable"),
            ("WorkItems?$expand=Children/$count($compute=1 as A)", 400, "OptionNotApplicable"),
            (&format!("Worklogs?$compute=PeriodLength as X0{doubled}"), 400, "QueryTooComplex"),
            (&format!("Worklogs?$compute=PeriodLength as X0{chained}"), 400, "QueryTooComplex"),
        ],
    );
    let reply = get(&format!("{V4}/Worklogs?$compute=1 as Minutes&$filter=minutes eq 1"));
    assert!(reply.text().contains("Did you mean Minutes?"), "{}", reply.text());
    assert_eq!(get(&format!("{V4}/Worklogs?$compute=Nope as A")).json()["error"]["target"], "$compute");
}

/// More digits than Int64 has, in every place where they could meet a column.
#[test]
fn od_33_long_decimals_do_no_harm() {
    let tiny = "0.00000000000000000000000000000000001";
    for query in [
        format!("$compute={tiny} as D&$filter=Hours eq D"),
        format!("$compute={tiny} as D&$filter=cast(D,Edm.Int32) eq 0"),
        format!("$compute={tiny} as D&$orderby=D"),
        format!("$filter=cast({tiny},Edm.Int32) eq 0"),
        format!("$filter=Hours add {tiny} gt 1"),
        format!("$compute=Hours add {tiny} as D"),
        format!("$compute=case(IsBillable:Hours,true:{tiny}) as D"),
    ] {
        let reply = get(&format!("{V4}/Worklogs?$top=1&{query}"));
        assert!([200, 400].contains(&reply.status), "{query}: {} {}", reply.status, reply.lossy());
    }
}

/// What a role does not see does not exist for it (OD-164): its name is free, and its value stays where it is.
#[test]
fn od_164_hidden_properties_and_rows() {
    for server in servers() {
        let ask = |query: &str| server.get(TIM, &format!("{V4}/Worklogs?{query}"));
        let reply = ask("$compute='mine' as BudgetId&$select=BudgetId&$filter=BudgetId eq 'mine'&$top=1");
        assert_eq!(reply.json()["value"], json!([{"BudgetId": "mine"}]), "{}", reply.text());
        let reply = ask("$compute=Budget/BudgetName as B");
        assert_eq!((reply.status, reply.error_code().as_str()), (400, "UnknownProperty"));
        // The log of no length is another person's, and so are those of most items.
        let reply = ask("$compute=7200 div PeriodLength as N&$select=N&$orderby=N");
        assert_eq!(reply.status, 200, "{}", reply.text());
        let target = format!(
            "{V4}/WorkItems?$compute=AllWorklogs/$count as N,Worklogs/any(w:7200 div w/PeriodLength gt 0) as Own&$select=N,Own\
             &$filter=AllWorklogs/any(w:w/PeriodLength gt 0) and 100 div WorkItemId ge 0&$orderby=WorkItemId"
        );
        let reply = server.get(TIM, &target);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let found: Vec<_> =
            reply.json()["value"].as_array().expect("rows").iter().map(|row| row["N"].clone()).collect();
        assert_eq!(found, [2, 2, 2, 2, 1], "{}", reply.text());
    }
}

#[test]
fn od_60_options_carry_it_along() {
    let body = "$compute=PeriodLength add @n as P&@n=1&$select=P&$filter=P eq 61";
    let reply = send(ADA, Request::post(&format!("{V4}/Worklogs/$query"), "text/plain", body.as_bytes()));
    assert_eq!(reply.json()["value"], json!([{"P@odata.type": "#Int64", "P": 61}]), "{}", reply.text());
    // A long list is bound each time that its name is used.
    let list: Vec<String> = (1..=5_000).map(|n| n.to_string()).collect();
    let body =
        format!("$compute=PeriodLength in ({}) as Short&$filter=Short and not not Short&$select=Short", list.join(","));
    let reply = send(ADA, Request::post(&format!("{V4}/Worklogs/$query"), "text/plain", body.as_bytes()));
    assert_eq!(reply.json()["value"].as_array().map(Vec::len), Some(7), "{}", reply.lossy());
}
