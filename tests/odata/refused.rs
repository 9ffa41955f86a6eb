//! What is refused, with which code: OD-9 to OD-12, OD-15, OD-44, OD-45, OD-57, OD-160 to OD-164.

use super::{TIM, V4, V33, check_refused, get, servers};

#[test]
fn od_44_types_are_checked_before_sql() {
    check_refused(
        V4,
        &[
            ("Worklogs?$filter=PeriodLength eq 'x'", 400, "TypeMismatch"),
            ("Worklogs?$filter=contains(PeriodLength,'1')", 400, "TypeMismatch"),
            ("Worklogs?$filter=Comment gt 5", 400, "TypeMismatch"),
            ("Worklogs?$filter=PeriodLength", 400, "TypeMismatch"),
            ("Worklogs?$filter=Comment and true", 400, "TypeMismatch"),
            ("Worklogs?$filter=not Comment", 400, "TypeMismatch"),
            ("Worklogs?$filter=IsBillable add 1 eq 2", 400, "TypeMismatch"),
            ("Worklogs?$filter=Timestamp ge 2024-02-30", 400, "InvalidLiteral"),
            ("Worklogs?$filter=Timestamp ge 2024-01-01T00:00:00", 400, "InvalidLiteral"),
            ("Worklogs?$filter=Id eq 'no guid'", 400, "TypeMismatch"),
            ("WorkItems?$filter=BudgetAssignment eq 'Nope'", 400, "InvalidLiteral"),
        ],
    );
}

#[test]
fn od_9_names() {
    check_refused(
        V4,
        &[
            ("Worklogs?$filter=comment eq 'x'", 400, "UnknownProperty"),
            ("Worklogs?$filter=User/Nope eq 'x'", 400, "UnknownProperty"),
            ("Worklogs?$select=Nope", 400, "UnknownProperty"),
            ("Worklogs?$expand=Nope", 400, "UnknownProperty"),
            ("Worklogs?$expand=Comment", 400, "OptionNotApplicable"),
            ("Worklogs?$orderby=Nope", 400, "UnknownProperty"),
            ("Worklogs?$filter=foo(Comment)", 400, "UnknownFunction"),
            ("Worklogs?$filter=contains(Comment)", 400, "TypeMismatch"),
        ],
    );
    let reply = get(&format!("{V4}/Worklogs?$filter=comment eq 'x'"));
    let error = &reply.json()["error"];
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|text| text.contains("Did you mean Comment?") && text.contains("position 0")),
        "{error}"
    );
    assert_eq!(error["target"], "$filter");
    assert!(reply.header("Content-Type").is_some_and(|kind| kind.starts_with("application/json")));
    assert_eq!(reply.all("OData-Version").collect::<Vec<_>>(), ["4.0"]);
}

#[test]
fn od_10_11_12_options() {
    check_refused(
        V4,
        &[
            ("Worklogs?$nope=1", 400, "UnknownOption"),
            ("Worklogs?$top=1&$top=2", 400, "DuplicateOption"),
            ("Worklogs?$filter=true&filter=true", 400, "DuplicateOption"),
            ("Worklogs?$top=-1", 400, "InvalidValue"),
            ("Worklogs?$top=1.5", 400, "InvalidValue"),
            ("Worklogs?$top=x", 400, "InvalidValue"),
            ("Worklogs?$top=99999999999999999999", 400, "InvalidValue"),
            ("Worklogs?$skip=-1", 400, "InvalidValue"),
            ("Worklogs?$count=maybe", 400, "InvalidValue"),
            ("Worklogs/$count?$top=1", 400, "OptionNotApplicable"),
            ("Worklogs/$count?$skip=1", 400, "OptionNotApplicable"),
            ("Worklogs?$deltatoken=x", 501, "NotImplemented"),
            ("$batch", 501, "NotImplemented"),
            ("$crossjoin(Users,Budgets)", 501, "NotImplemented"),
            ("$all", 501, "NotImplemented"),
            ("Worklogs?$filter=PeriodLength eq", 400, "SyntaxError"),
            ("Worklogs?$filter=(true", 400, "SyntaxError"),
            ("Worklogs?$filter=contains(Comment,'x", 400, "SyntaxError"),
            ("Worklogs?$orderby=Id sideways", 400, "SyntaxError"),
            ("Worklogs?$expand=User,User", 400, "DuplicateOption"),
            ("Worklogs?$filter=@a&@a=@b&@b=@a", 400, "SyntaxError"),
            ("WorkItems?$filter=Worklogs/any(w:w/WorkItem/Children/any(w:true))", 400, "SyntaxError"),
        ],
    );
}

#[test]
fn contract_3_7_extension_parameters() {
    check_refused(
        V33,
        &[
            ("workLogsOnly?prefilter=You", 400, "InvalidValue"),
            ("workItems?workItemFilterApplyTarget=None", 400, "InvalidValue"),
            ("workLogsOnly?worklogsFilter=Nope eq 1", 400, "UnknownProperty"),
            ("workItems?customFields=A,B,C,D,E,F", 400, "InvalidValue"),
            ("workItemsHierarchy?rollupFields=A,B,C,D,E,F", 400, "InvalidValue"),
            ("workLogsOnly?customFields=A,B,C,D,E,F", 400, "InvalidValue"),
        ],
    );
}

#[test]
fn od_33_what_fails_in_a_row_is_the_requests_fault() {
    check_refused(
        V4,
        &[
            ("Worklogs?$filter=PeriodLength div 0 eq 1", 400, "DivisionByZero"),
            ("Worklogs?$filter=PeriodLength mod 0 eq 1", 400, "DivisionByZero"),
            ("Worklogs?$filter=100 div PeriodLength eq 1", 400, "DivisionByZero"),
            ("Worklogs?$filter=PeriodLength mul 9223372036854775807 gt 1", 400, "Overflow"),
            ("Worklogs?$filter=duration'P1D' mul 1e15 gt duration'P1D'", 400, "Overflow"),
            ("Worklogs?$filter=duration'P1D' div PeriodLength gt duration'P1D'", 400, "DivisionByZero"),
            ("Worklogs?$apply=aggregate(100 mod PeriodLength with sum as T)", 400, "DivisionByZero"),
        ],
    );
    // The log of no length is another person's: nothing may tell Tim of it.
    for server in servers() {
        let reply = server.get(TIM, &format!("{V4}/Worklogs?$select=Id&$filter=7200 div PeriodLength eq 2"));
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(super::names(&reply.json(), "Id"), "1");
    }
}

#[test]
fn od_162_errors_tell_nothing_of_the_inside() {
    for target in ["Worklogs?$filter=100 div PeriodLength eq 1", "Worklogs?$filter=Nope eq 1", "Nope"] {
        let reply = get(&format!("{V4}/{target}"));
        let text = reply.text().to_lowercase();
        for word in ["select ", "worklogs.", "length_seconds", "sqlite", "postgres", "src/", "tl_"] {
            assert!(!text.contains(word), "{target} says {word}: {text}");
        }
    }
}
