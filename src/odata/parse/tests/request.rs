//! Whole requests: paths, options of every kind, bodies, merging.

use super::*;
use crate::odata::error::Code;

#[track_caller]
fn check_path(raw: &str, expected: &str) {
    check(raw, path, show::segments, expected);
}

#[track_caller]
fn check_options(query: &str, expected: &str) {
    let request = RawRequest { path: "", query, body: None };
    match parse(&request, &limits()) {
        Ok(request) => assert_eq!(show::options(&request.options), expected, "{query}"),
        Err(error) => panic!("{query}: {error} ({:?})", error.target),
    }
}

#[test]
fn part2_4_paths() {
    for (raw, expected) in [
        ("", ""),
        ("/", ""),
        ("/workItems/", "workItems"),
        ("$metadata", "$metadata"),
        ("%24Metadata", "$metadata"),
        ("workItems(42)", "workItems(42)"),
        ("workItems(System_Id=42)", "workItems(System_Id=42)"),
        ("workItems(@k)/System_Title/$value", "workItems(@k)/System_Title/$value"),
        ("OrderItems(OrderID=1, ItemID='a')", "OrderItems(OrderID=1,ItemID='a')"),
        ("Customers('O''Neil')", "Customers('O'Neil')"),
        ("Customers%28%27O%27%27Neil%27%29", "Customers('O'Neil')"),
        ("Categories('Smartphone%2FTablet')", "Categories('Smartphone/Tablet')"),
        ("Categories('Tablet%20)small(')", "Categories('Tablet )small(')"),
        ("Categories('a+b')", "Categories('a+b')"),
        ("Categories(2018-02-13T00%3A00%3A00Z)", "Categories(instant 1518480000000000.0)"),
        ("workItems/42/Children/$count", "workItems/42/Children/$count"),
        ("People/O'Neil/x y", "People/O'Neil/x y"),
        ("workLogsOnly/$query", "workLogsOnly/$query"),
        ("workLogsOnly/$count/$query", "workLogsOnly/$count/$query"),
        (
            "budgets(01234567-89ab-cdef-0123-456789abcdef)/Worklogs/$ref",
            "budgets(01234567-89ab-cdef-0123-456789abcdef)/Worklogs/$ref",
        ),
        ("workLogsOnly/$filter(User/Name eq 'a/b')/$count", "workLogsOnly/$filter((eq User/Name 'a/b'))/$count"),
        ("workLogsOnly/%24filter%28User/Name eq %27)%27%29/x", "workLogsOnly/$filter((eq User/Name ')'))/x"),
        ("$crossjoin(budgets,workItems)", "$crossjoin(budgets/workItems)"),
        ("$entity/Ns.T", "$entity/Ns.T"),
        ("Set/Ns.F(a=@a,c=[\"x\"])/$each", "Set/Ns.F(a=@a,c=['x'])/$each"),
    ] {
        check_path(raw, expected);
    }
    for (raw, status) in [
        ("Categories('Tablet/Slate')", 400),
        ("Customers('O%27Neil')", 400),
        ("workItems(42", 400),
        ("workItems(42)x", 400),
        ("workItems(wrong)", 400),
        ("workItems(1,2)", 400),
        ("OrderItems(OrderID=1;ItemID='a')", 400),
        ("workItems//x", 400),
        ("workItems/$count/foo", 400),
        ("workItems/%zz", 400),
        ("workItems/%00", 400),
        ("workItems/$value/x", 400),
        (".Products('foo')", 404),
        ("workItems/$conut", 404),
        ("F(a=1)(2)", 501),
    ] {
        assert_eq!(path(raw, &limits()).map_err(|e| e.status()), Err(status), "{raw}");
    }
}

#[test]
fn od_18_key_segments() {
    for (text, expected) in [
        ("42", "42"),
        ("-1", "-1"),
        ("ABCDEF01-89ab-cdef-0123-456789abcdef", "abcdef01-89ab-cdef-0123-456789abcdef"),
        ("'O''Neil'", "'O'Neil'"),
        ("O'Neil", "'O'Neil'"),
        ("A1245", "'A1245'"),
        ("1970-01-02", "day 1"),
        ("2024-02-30", "'2024-02-30'"),
        ("", "''"),
    ] {
        assert_eq!(show::literal(&key_segment(text)), expected, "{text}");
    }
}

#[test]
fn od_9_option_names() {
    check_options("FILTER=a&Top=2&%24skip=1&$OrderBy=b&count=TRUE", "filter=a;orderby=b;top=2;skip=1;count=true");
    check_options("customFields=a,b&x=1&$format=json", "format=json;!customFields=a,b;!x=1");
    check_options("levels=3&!deltatoken='x'&find", "!levels=3;!!deltatoken='x';!find=");
    check_options(
        "$skiptoken=Start@Next_Chunk:From?=Here!&$id=urn:some:id",
        "skiptoken=Start@Next_Chunk:From?=Here!;id=urn:some:id",
    );
    check_options(
        "$format=application/json;metadata=full&$index=-42&$schemaversion=*",
        "format=application/json;metadata=full;index=-42;schemaversion=*",
    );
    check_options("&&", "");
}

#[test]
fn od_16_plus() {
    check_options("$filter=a+ge+1970-01-01T02:00:00+02:00", "filter=(ge a instant 0.0)");
    check_options("$filter=a+ge+1970-01-01T02:00:00%2B02:00", "filter=(ge a instant 0.0)");
    check_options(
        "$filter=(a ge 1970-01-01T02:00:00+02:00) and b eq '1+%2B1'",
        "filter=(and (ge a instant 0.0) (eq b '1 +1'))",
    );
}

#[test]
fn od_43_aliases() {
    check_options("$filter=x in @ids&@ids=[1,2]&@p=null&@q='a'", "filter=(in x @ids);@ids=[1 2];@p=null;@q='a'");
    check_options("@c={\"Name\":false,\"Sub\":{\"a\":[$root/Orders]}}", "@c={Name:false Sub:{a:[$root/Orders]}}");
    check_options("@e=Age gt 3 and b", "@e=(and (gt Age 3) b)");
}

#[test]
fn od_50_select() {
    for (text, expected) in [
        ("*", "*"),
        ("Id, User/Name ,Budget", "Id,User/Name,Budget"),
        ("User($select=Name,Email),Id", "User(select=Name,Email),Id"),
        (
            "Tags(filter=startswith($this,'x');$top=5;$skip=0;$count=true;$orderby=$this desc;@c=15)",
            "Tags(filter=(startswith $this 'x');orderby=$this desc;top=5;skip=0;count=true;@c=15)",
        ),
        ("Ns.*,Ns.Action,Ns.F(A,B),F(A)", "op Ns.*,Ns.Action,op Ns.F(A,B),op F(A)"),
        ("@Core.Messages($top=5),A/@X.Y", "@Core.Messages(top=5),A/@X.Y"),
    ] {
        check(text, select, |items| show::select(items), expected);
    }
}

#[test]
fn od_52_expand() {
    for (text, expected) in [
        ("Worklogs,Parent/Root", "Worklogs,Parent/Root"),
        (
            "Worklogs($select=Id;$filter=IsBillable and a in ('x;y)');$orderby=Timestamp desc,b;$top=5;$skip=1;$count=true;$search=x y;$compute=a add 1 as B;$expand=C($levels=max))",
            "Worklogs(filter=(and IsBillable (in a ['x;y)']));select=Id;expand=C(levels=Max);orderby=Timestamp desc,b;top=5;skip=1;count=true;compute=(add a 1) as B;search=(and x y))",
        ),
        ("*,*/$ref,*($levels=2),A/*,A/*/$ref", "*,*/$ref,*(levels=Number(2)),A/*,A/*/$ref"),
        (
            "A/$ref,B/$count(filter=x),C/Ns.T($apply=aggregate(P with sum as S))",
            "A/$ref,B/$count(filter=x),C/Ns.T(apply=aggregate(P with sum as S))",
        ),
        ("$value,@N.Term($top=2)", "$value,@N.Term(top=2)"),
        ("A(@m=$this;expand=B(filter=@m/N eq N))", "A(expand=B(filter=(eq @m/N N));@m=$this)"),
        ("A($search=(green OR 'x);$top=1)", "A(top=1;search=(or green 'x))"),
        ("A( $top = 1 ; $skip = 2 )", "A(top=1;skip=2)"),
    ] {
        check(text, expand, |items| show::expand(items), expected);
    }
}

#[test]
fn od_46_search() {
    for (text, expected) in [
        ("blue", "blue"),
        ("foo AND NOT \"bar baz\"", "(and foo (not \"bar baz\"))"),
        ("blue green", "(and blue green)"),
        ("a OR b c AND d", "(or a (and b c d))"),
        ("(a OR b) (c)", "(and (or a b) c)"),
        ("a(b)", "(and a b)"),
        ("AND", "AND"),
        ("NOT", "NOT"),
        ("NOT NOT", "(not NOT)"),
        ("AND OR", "(and AND OR)"),
        ("OR AND", "(and OR AND)"),
        ("AND OR NOT", "(or AND NOT)"),
        ("blue NOT green", "(and blue (not green))"),
        ("NOT (blue green)", "(not (and blue green))"),
        ("ORder ANDes", "(and ORder ANDes)"),
        ("\"a \\\"b\\\\\"", "\"a \"b\\\""),
        ("'\"blue p", "(and ' \"blue p)"),
        ("'\"blue p'", "(and blue p)"),
        ("'('", "("),
        ("Daniel's 08/15 $search 9,81", "(and Daniel's 08/15 $search 9,81)"),
    ] {
        if text == "'\"blue p" {
            assert!(search(text, &limits()).is_err());
            continue;
        }
        check(text, search, show::search, expected);
    }
    for text in ["", " ", "\"blue", "\"\"", "(a", "a)", "()", "\"a\"b", "''"] {
        assert!(search(text, &limits()).is_err(), "{text}");
    }
}

#[test]
fn od_56_orderby_and_od_60_compute() {
    check(
        "User/Name desc,Timestamp ASC , a add 1",
        orderby,
        |i| show::orderby(i),
        "User/Name desc,Timestamp,(add a 1)",
    );
    check("Worklogs/$count desc", orderby, |i| show::orderby(i), "Worklogs/$count desc");
    check("descending", orderby, |i| show::orderby(i), "descending");
    check(
        "PeriodLength divby 3600 as Hours, b as C",
        compute,
        |i| show::compute(i),
        "(divby PeriodLength 3600) as Hours,b as C",
    );
}

#[test]
fn od_21_bodies_merge_with_the_url() {
    let merged = |query, body| {
        let request = RawRequest { path: "budgets/$query", query, body: Some(body) };
        parse(&request, &limits()).map(|request| show::options(&request.options)).map_err(|e| (e.code, e.target))
    };
    let text = Body::Text(b"filter=Name eq 'A%26B'\r\n and x\n&$top=5");
    assert_eq!(merged("prefilter=Me", text), Ok("filter=(and (eq Name 'A&B') x);top=5;!prefilter=Me".into()));
    let json = Body::Json(br#"{"$filter":"x in @ids","@ids":[1,2],"top":3,"worklogsFilter":"a eq 1+1"}"#);
    assert_eq!(merged("", json), Ok("filter=(in x @ids);top=3;@ids=[1 2];!worklogsFilter=a eq 1+1".into()));
    let clash = (Code::DuplicateOption, Some("$top".to_owned()));
    assert_eq!(merged("top=1", Body::Text(b"$top=1")), Err(clash.clone()));
    assert_eq!(merged("$TOP=1", Body::Json(br#"{"top":1}"#)), Err(clash));
}
