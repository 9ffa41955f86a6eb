//! `$filter`: OD-30 to OD-45.

use serde_json::json;

use super::{TIM, V4, check_items, check_logs, names, send};
use crate::support::http::Request;

const ALL: &str = "1 2 3 4 5 6 7 8 9 10 13";
/// All but log 4, which has no comment.
const COMMENTED: &str = "1 2 3 5 6 7 8 9 10 13";
const NONE: &str = "";

#[test]
fn od_30_operators_and_their_precedence() {
    check_logs(&[
        ("PeriodLength eq 3600", "1"),
        ("PeriodLength ne 3600", "2 3 4 5 6 7 8 9 10 13"),
        ("PeriodLength gt 5400", "5 8"),
        ("PeriodLength ge 5400", "5 7 8"),
        ("PeriodLength lt 60", "6"),
        ("PeriodLength le 60", "4 6"),
        ("PeriodLength eq 0 or PeriodLength eq 60 and IsBillable", "4 6"),
        ("(PeriodLength eq 0 or PeriodLength eq 60) and IsBillable", "4"),
        ("not IsBillable", "2 3 6 8 10"),
        ("not (PeriodLength gt 100)", "4 6"),
        ("NOT IsBillable AND PeriodLength GT 1000", "2 8"),
        ("PeriodLength add 60 mul 2 eq 120", "6"),
        ("PeriodLength mul 2 add 60 eq 180", "4"),
        ("-PeriodLength lt -5400", "5 8"),
        ("PeriodLength sub -60 eq 60", "6"),
        ("true", ALL),
        ("false", NONE),
    ]);
}

#[test]
fn od_31_null_is_not_that_of_sql() {
    check_logs(&[
        ("BillablePeriodLength eq null", "3 6 8 10"),
        ("BillablePeriodLength ne null", "1 2 4 5 7 9 13"),
        ("null eq null", ALL),
        ("null ne null", NONE),
        ("BillablePeriodLength ne 60", "1 2 3 5 6 7 8 9 10 13"),
        ("not (BillablePeriodLength eq 60)", "1 2 3 5 6 7 8 9 10 13"),
        ("BillablePeriodLength eq BillablePeriodLength", ALL),
        ("BillablePeriodLength gt 60", "1 5 7 9 13"),
        ("not (BillablePeriodLength gt 60)", "2 3 4 6 8 10"),
        ("BillablePeriodLength gt null", NONE),
        ("not (BillablePeriodLength gt null)", ALL),
        ("(BillablePeriodLength gt 60) eq false", "2 3 4 6 8 10"),
        ("Comment eq null", "4"),
        ("Comment eq ''", "2"),
        ("contains(Comment,'e')", "1 6 7 8"),
        ("not contains(Comment,'e')", "2 3 5 9 10 13"),
        ("contains(Comment,'e') or Comment eq null", "1 4 6 7 8"),
        ("not (contains(Comment,'e') or IsBillable)", "2 3 10"),
        ("not (contains(Comment,'e') and IsBillable)", "2 3 5 6 8 9 10 13"),
        ("BillablePeriodLength add 1 eq null", "3 6 8 10"),
        ("length(Comment) eq null", "4"),
        ("null", NONE),
        ("not null", NONE),
        ("null or true", ALL),
    ]);
}

#[test]
fn od_32_in() {
    check_logs(&[
        ("WorkItemId in (5,9,12345)", "1 5"),
        ("WorkItemId in (5)", "1"),
        ("WorkItemId in ()", NONE),
        ("not (WorkItemId in ())", ALL),
        ("WorkItemId in @ids&@ids=[4,6]", "2 4"),
        ("WorkItemId in (9,null)", "3 5 9"),
        ("Comment in ('zero','huge')", "6 8"),
        ("Id in (cccccccc-0000-4000-8000-000000000001,cccccccc-0000-4000-8000-000000000013)", "1 13"),
        ("WorkItem/BudgetAssignment in ('InheritedFromIteration','DirectlyAssigned')", "5 13"),
        ("BillablePeriodLength in (null,60)", "3 4 6 8 10"),
        ("not (BillablePeriodLength in (60,120))", "1 2 3 5 6 7 8 10 13"),
        ("Date in (2024-02-29,2025-01-01)", "5 6 9"),
        ("Timestamp in (2024-02-29T12:00:00Z)", "6"),
        ("Hours in (0.25,1.5)", "3 7"),
        ("1.0 in (7,0.1,1000.000001,null)", NONE),
        ("1.0 in (7,1)", ALL),
        ("1.50 in (0.1,1.5)", ALL),
        ("1.0 in (1e0)", ALL),
    ]);
}

#[test]
fn od_33_arithmetic() {
    check_logs(&[
        ("PeriodLength div 7 eq 8", "4"),
        ("PeriodLength divby 7 gt 8.5 and PeriodLength divby 7 lt 8.6", "4"),
        ("PeriodLength mod 7 eq 4", "3 4 5"),
        ("(0 sub PeriodLength) mod 7 eq -4", "3 4 5"),
        ("PeriodLength add 1 gt 2147483647", "8"),
        ("PeriodLength mul PeriodLength gt 4611686014132420608", "8"),
        ("-7 div 2 eq -3", ALL),
        ("floor(7) div 2 eq 3.5", ALL),
        ("(PeriodLength add ceiling(PeriodLength)) divby 2 eq PeriodLength", ALL),
        // At the scale of Hours the left side leaves Int64.
        ("PeriodLength mul 4000000000 gt Hours", "1 2 3 4 5 7 8 9 10 13"),
        ("not (PeriodLength mul -4000000000 ge Hours)", "1 2 3 4 5 7 8 9 10 13"),
        ("7 div 2 eq 3.5", NONE),
        ("7 divby 2 eq 3.5", ALL),
        ("7.0 div 2 eq 3.5", ALL),
        ("Hours add 0.5 eq 1.5", "1"),
        ("Hours mul 2 eq 3", "7"),
        ("1 divby PeriodLength eq INF", "6"),
        ("-1 divby PeriodLength eq -INF", "6"),
        ("0 divby PeriodLength eq null", "6"),
        ("BillablePeriodLength div 60 eq null", "3 6 8 10"),
        // What is no number is null on both back ends.
        ("(1 divby PeriodLength) sub INF eq null", "6"),
        ("(1 divby PeriodLength) mod 3 eq null", "6"),
        ("(1 divby PeriodLength) mul PeriodLength eq null", "6"),
        ("INF sub INF eq null", ALL),
    ]);
    check_items(&[
        // A null is not divided, whatever the divisor.
        ("Effort div (WorkItemId sub 1e0) eq null", "1 4 5 6 7 8 9"),
        ("Effort mod (WorkItemId sub 1e0) eq null", "1 4 5 6 7 8 9"),
    ]);
}

#[test]
fn od_34_text() {
    check_logs(&[
        ("contains(Comment,'%25')", "5"),
        ("contains(Comment,'_')", "5"),
        ("contains(Comment,'''')", "1"),
        ("contains(Comment,'\"')", "1"),
        ("contains(Comment,'')", COMMENTED),
        ("startswith(Comment,'st')", "3"),
        ("startswith(Comment,'St')", NONE),
        ("endswith(Comment,'Straße')", "7"),
        ("endswith(Comment,'')", COMMENTED),
        ("length(Comment) eq 3", "9"),
        ("length(Comment) eq 10", "3"),
        ("length(Comment) eq 0", "2"),
        ("indexof(Comment,'🎉') eq 9", "3"),
        ("indexof(Comment,'nope') eq -1", COMMENTED),
        ("substring(Comment,1) eq '本語'", "9"),
        ("substring(Comment,-1) eq '語'", "9"),
        ("substring(Comment,1,2) eq 'er'", "6"),
        ("substring(Comment,99) eq ''", COMMENTED),
        ("substring('abc',BillablePeriodLength) eq null", "3 6 8 10"),
        ("substring('abc',0,BillablePeriodLength) eq null", "3 6 8 10"),
        ("tolower(Comment) eq 'äöü äöü ß straße'", "7"),
        ("toupper(Comment) eq 'ÄÖÜ ÄÖÜ SS STRASSE'", "7"),
        ("trim(' \t zero ') eq Comment", "6"),
        ("concat(Comment,'!') eq 'half!'", "13"),
        ("concat(concat(Comment,'-'),Comment) eq 'half-half'", "13"),
        ("matchesPattern(Comment,'^h[ua]')", "8 13"),
        ("matchesPattern(Comment,'^[0-9]%2B%25')", "5"),
        ("matchesPattern(concat(Comment,'%0Ab'),'^z.*b')", NONE),
        ("matchesPattern(concat(Comment,'%0Ab'),'^z[^a]*b')", "6"),
        ("matchesPattern(Comment,'^[.]|^=1.1$|0\\%25')", "5 10"),
        ("Comment eq 'Zero'", NONE),
        ("Comment gt 'zero'", "7 9"),
        ("Comment lt '='", "2 5"),
        ("Comment eq '=1%2B1'", "10"),
        ("Comment eq 'x''; DROP TABLE worklogs;--'", NONE),
    ]);
    check_items(&[
        ("contains(Title,'\\')", "6"),
        ("contains(Title,'[y]')", "6"),
        ("contains(Title,'A''B %26 100%25 _x_')", "6"),
        ("contains(Title,'%25%25')", NONE),
        ("contains(Title,'__')", NONE),
    ]);
}

#[test]
fn od_35_parts_of_dates_and_literals() {
    check_logs(&[
        ("year(Timestamp) eq 2025", "9 10 13"),
        ("month(Timestamp) eq 2", "5 6 13"),
        ("day(Timestamp) eq 31", "7 8"),
        ("hour(Timestamp) eq 23", "4 8"),
        ("minute(Timestamp) eq 30", "13"),
        ("second(Timestamp) eq 59", "4"),
        ("fractionalseconds(EditedTimestamp) eq 0.123456", ALL),
        ("fractionalseconds(Timestamp) eq 0", ALL),
        ("date(Timestamp) eq 2024-01-03", "3 4"),
        ("time(Timestamp) lt 08:30:00", "3 5 9"),
        ("time(Timestamp) eq 08:30", "13"),
        ("totaloffsetminutes(Timestamp) eq 0", ALL),
        ("totalseconds(duration'PT1H') eq 3600", ALL),
        ("totalseconds(duration'PT1H' mul 0.5) eq 1800", ALL),
        ("totalseconds((EditedTimestamp sub CreatedTimestamp) div 2) gt 6588000", "1 2 3 4 5 6 7 8 9 10 13"),
        ("Timestamp lt now()", ALL),
        ("Timestamp gt mindatetime() and Timestamp lt maxdatetime()", ALL),
        ("year(Date) eq 2025 and month(Date) eq 1 and day(Date) eq 6", "10"),
        ("Date eq 2024-02-29", "5 6"),
        ("Timestamp eq 2024-01-02T09:00Z", "1"),
        ("Timestamp eq 2024-01-02T10:00:00%2B01:00", "1"),
        ("Timestamp eq 2024-01-02T10:00:00+01:00", "1"),
        ("Timestamp eq 2024-01-02T08:00:00-01:00", "1"),
        ("EditedTimestamp eq 2024-06-01T12:00:01.123456Z", "1"),
        ("EditedTimestamp eq 2024-06-01T12:00:01.1234560Z", "1"),
        ("EditedTimestamp eq 2024-06-01T12:00:01.1234561Z", NONE),
        ("EditedTimestamp lt 2024-06-01T12:00:01.1234561Z", "1"),
    ]);
}

#[test]
fn od_36_a_date_is_its_midnight() {
    check_logs(&[
        ("Timestamp ge 2025-01-01", "9 10 13"),
        ("Timestamp ge 2025-01-01Z", "9 10 13"),
        ("Timestamp gt 2025-01-01", "10 13"),
        ("Timestamp ge 2024-01-02 and Timestamp lt 2024-01-03", "1 2"),
        ("2024-02-29 eq Timestamp", "5"),
    ]);
}

#[test]
fn od_37_durations() {
    check_logs(&[
        ("EditedTimestamp sub Timestamp gt duration'P100D'", "1 2 3 4"),
        ("EditedTimestamp sub Timestamp gt 'P100D'", "1 2 3 4"),
        ("Timestamp add duration'P1D' eq 2024-01-03T09:00:00Z", "1"),
        ("Timestamp sub duration'PT9H' eq 2024-01-02T00:00:00Z", "1"),
        ("Date add duration'P1D' eq 2024-03-01", "5 6"),
        ("Date sub 2024-02-28 eq duration'P1D'", "5 6"),
        ("duration'PT0.000001S' mul 2.5 eq duration'PT0.000003S'", ALL),
        ("duration'PT0.000005S' div 2 eq duration'PT0.000003S'", ALL),
        ("duration'-PT0.000005S' divby 2.0 eq duration'-PT0.000003S'", ALL),
        ("duration'PT1H' mul BillablePeriodLength eq duration'P150D'", "1"),
        ("Timestamp sub 2024-01-02T08:00:00Z eq duration'PT1H'", "1"),
    ]);
}

/// What can fail stands behind the row policy, in the type that it has.
#[test]
fn od_37_durations_of_a_team_caller() {
    let target =
        format!("{V4}/Worklogs?$select=Id&$orderby=Id&$filter=Timestamp add duration'P1D' gt 2024-01-03T10:00:00Z");
    let reply = send(TIM, Request::get(&target));
    assert_eq!((reply.status, names(&reply.json(), "Id").as_str()), (200, "2 3"), "{}", reply.lossy());
    let target = format!("{V4}/Worklogs?$select=Id&$orderby=Id&$filter=Date sub duration'P1D' eq 2024-01-01");
    let reply = send(TIM, Request::get(&target));
    assert_eq!((reply.status, names(&reply.json(), "Id").as_str()), (200, "1 2"), "{}", reply.lossy());
}

#[test]
fn od_38_mathematics_types_and_conditions() {
    check_logs(&[
        ("round(PeriodLength divby 7) eq 9", "4"),
        ("floor(PeriodLength divby 7) eq 8", "4"),
        ("ceiling(PeriodLength divby 7) eq 9", "4"),
        ("round(2.5) eq 3 and round(-2.5) eq -3", ALL),
        ("round(Hours) eq 1", "1 2 13"),
        ("cast(PeriodLength,Edm.String) eq '3600'", "1"),
        ("cast(IsBillable,Edm.String) eq 'true'", "1 4 5 7 9 13"),
        ("cast(Id,Edm.String) eq 'cccccccc-0000-4000-8000-000000000001'", "1"),
        ("cast(Date,Edm.DateTimeOffset) eq 2024-02-29T00:00:00Z", "5 6"),
        ("Id eq 'cccccccc-0000-4000-8000-000000000001'", "1"),
        ("Id eq CCCCCCCC-0000-4000-8000-000000000001", "1"),
        ("case(PeriodLength gt 5000:'long',true:'short') eq 'long'", "5 7 8"),
        ("case(PeriodLength gt 5000:1) eq null", "1 2 3 4 6 9 10 13"),
        ("case(BillablePeriodLength gt 60:1,true:0) eq 0", "2 3 4 6 8 10"),
        ("cast(BudgetId,Edm.String) eq null", "3 6 8 10"),
        ("case(true:null,true:null) in (3600,null)", ALL),
        ("case(true:null,true:null) sub 1.5 eq null", ALL),
        ("date(case(true:null)) eq null", ALL),
        ("totalseconds(case(true:null)) eq null", ALL),
    ]);
}

#[test]
fn od_39_paths() {
    check_logs(&[
        ("User/Name eq 'Tim Tëam'", "1 2 3"),
        ("User/Name eq 'Tess O''Team'", "4 5 6"),
        ("WorkItem/Parent/Title eq 'Write it'", "1"),
        ("WorkItem eq null", "3 9"),
        ("WorkItem ne null", "1 2 4 5 6 7 8 10 13"),
        ("WorkItem/Parent eq null", "3 4 6 8 9"),
        ("WorkItem/Parent ne null", "1 2 5 7 10 13"),
        ("WorkItem/Parent/Title ne null", "1 2 5 7 10 13"),
        ("Budget/BudgetName eq 'A%26B'", "5"),
        ("Budget/BudgetName eq 'Budget One'", "1 2 7 9 13"),
        ("Budget eq null", "3 6 8 10"),
        ("ActivityType/Name eq 'Besprechung Ä'", "3 6 9"),
        ("ActivityType/Name ne 'Development'", "2 3 4 6 8 9"),
        ("WorkedOn/Year eq 2025", "9 10 13"),
        ("WorkItem/Root/WorkItemId eq 1", "1 2 6 7 10 13"),
        ("WorkItem/Project/ProjectName eq 'Beta'", "5 8"),
        // Sums are 0 without logs, but null without the item or budget.
        ("WorkItem/TrackedTotal eq null", "3 9"),
        ("WorkItem/Parent/TrackedItself eq null", "3 4 6 8 9"),
        ("Budget/Tracked eq null", "3 6 8 10"),
    ]);
}

#[test]
fn od_40_lambdas() {
    check_items(&[
        ("Worklogs/any()", "1 2 3 4 5 6 7 8 9"),
        ("Worklogs/any(w:w/IsBillable)", "2 3 5 6 9"),
        ("Worklogs/any(w:w/IsBillable and w/PeriodLength gt 3600)", "3 9"),
        ("Worklogs/all(w:w/IsBillable)", "2 3 5 6 9"),
        ("Worklogs/any(w:w/BillablePeriodLength gt 60)", "2 3 5 9"),
        ("Worklogs/all(w:w/BillablePeriodLength gt 60)", "2 3 5 9"),
        ("Worklogs/any(w:contains(w/Comment,'e'))", "1 3 5 8"),
        ("Worklogs/all(w:contains(w/Comment,'e'))", "1 3 5 8"),
        ("not Worklogs/all(w:contains(w/Comment,'e'))", "2 4 6 7 9"),
        ("Children/any()", "1 2 3 4 8"),
        ("not Children/any()", "5 6 7 9"),
        ("Children/all(c:c/State eq 'Active')", "2 5 6 7 8 9"),
        ("Children/any(c:c/Worklogs/any(w:w/IsBillable))", "1 2 4 8"),
        ("Worklogs/any(w:w/User/Name eq 'Tim Tëam')", "4 5"),
        ("Worklogs/any(w:w/PeriodLength gt $it/Priority)", "3 4 6"),
        ("Descendants/any(d:d/State eq 'New')", "1 2 3 4"),
        ("Ancestors/any(a:a/WorkItemType eq 'Epic')", "2 3 4 5 7 9"),
        ("AllWorklogs/any(w:w/Comment eq 'zero')", "1"),
        ("Parent/Worklogs/any(w:w/IsBillable)", "3 4"),
    ]);
}

#[test]
fn od_41_counts_in_expressions() {
    check_items(&[
        ("AllWorklogs/$count gt 1", "1 2 3 4 8"),
        ("Worklogs/$count($filter=IsBillable) eq 0", "1 4 7 8"),
        ("Children/$count eq 2", "1"),
        ("Children/$count add Worklogs/$count eq 2", "2 3 4 8"),
    ]);
}

#[test]
fn od_42_enumerations() {
    check_items(&[
        ("BudgetAssignment eq 'NoBudget'", "1 6 7 8"),
        ("BudgetAssignment eq Timeledger.BudgetAssignmentType'DirectlyAssigned'", "2"),
        ("BudgetAssignment eq 'InheritedFromParent'", "3 4 5"),
        ("BudgetAssignment eq '4'", "9"),
        ("BudgetAssignment ne 'NoBudget'", "2 3 4 5 9"),
    ]);
}

/// Parentheses have aliases of their own, which hide those outside.
#[test]
fn od_43_aliases_in_parentheses() {
    super::check_values(
        super::V4,
        &[
            (
                "WorkItems(1)?$select=WorkItemId&$expand=Children($select=WorkItemId;$filter=WorkItemId gt @n;@n=@m add 1),\
                 AllWorklogs($select=PeriodLength;$filter=PeriodLength eq @n)&@n=300&@m=2",
                json!({
                    "WorkItemId": 1,
                    "Children": [{"WorkItemId": 7}],
                    "AllWorklogs": [{"PeriodLength": 300}],
                }),
            ),
            (
                "WorkItems?$select=WorkItemId&$filter=Children/$count($filter=WorkItemId in @n;@n=[2,7]) eq 2",
                json!([{"WorkItemId": 1}]),
            ),
            ("Budgets?$select=BudgetName&$filter=Closed eq @n&@n=true&@m=1", json!([{"BudgetName": "A&B"}])),
        ],
    );
    super::check_refused(super::V4, &[("WorkItems?$expand=Children($filter=@n;@n=@m;@m=@n)", 400, "SyntaxError")]);
}

#[test]
fn od_43_aliases() {
    check_logs(&[
        ("PeriodLength eq @p&@p=60", "4"),
        ("PeriodLength eq @p add @q&@p=50&@q=10", "4"),
        ("Comment eq @p&@p='zero'", "6"),
        ("Comment eq @p&@p=null", "4"),
        ("Comment eq @undefined", "4"),
        ("@f&@f=PeriodLength eq 60", "4"),
    ]);
}

#[test]
fn od_45_ranges_of_literals() {
    check_logs(&[
        ("PeriodLength lt 99999999999", ALL),
        ("PeriodLength lt 99999999999999999999", ALL),
        ("PeriodLength gt -99999999999999999999", ALL),
        ("PeriodLength eq 99999999999", NONE),
        ("PeriodLength lt INF", ALL),
        ("PeriodLength gt -INF", ALL),
        ("PeriodLength eq NaN", NONE),
        ("BillablePeriodLength eq NaN", NONE),
        ("not (BillablePeriodLength eq NaN)", ALL),
        ("BillablePeriodLength ne NaN", ALL),
        ("PeriodLength lt NaN or PeriodLength ge NaN or NaN eq NaN or null eq NaN", NONE),
        ("BillablePeriodLength in (NaN,60)", "4"),
        ("PeriodLength eq 60.0", "4"),
        ("PeriodLength eq 6e1", "4"),
        ("PeriodLength eq 60.5", NONE),
        ("PeriodLength lt 60.5", "4 6"),
    ]);
}

#[test]
fn od_77_custom_fields() {
    check_items(&[
        ("Custom_Team eq 'Red'", "3"),
        ("Custom_Team ne 'Red'", "1 2 4 5 6 7 8 9"),
        ("contains(tolower(Custom_Team),'red')", "3 6"),
        ("Custom_Score lt 0", "4"),
        ("Custom_Score add 1 eq 2.5", "3"),
        ("Custom_Approved", "3"),
        ("Custom_Approved eq false", "4"),
        ("Custom_Approved eq null", "1 2 5 6 7 8 9"),
        ("Children/any(c:c/Custom_Team eq 'Blue')", "3"),
    ]);
}
