//! Data Aggregation §3: transformations, aggregates, grouping.

use super::*;

#[track_caller]
fn check_apply(text: &str, expected: &str) {
    check(text, apply, |steps| show::apply(steps), expected);
}

#[test]
fn od_80_aggregate() {
    for (text, expected) in [
        (
            "aggregate(PeriodLength with sum as Total, $count as N,UserId with CountDistinct as Users)",
            "aggregate(PeriodLength with sum as Total,$count as N,UserId with CountDistinct as Users)",
        ),
        ("aggregate(PeriodLength div 3600 with sum as H)", "aggregate((div PeriodLength 3600) with sum as H)"),
        ("aggregate(case(B:P,true:0) with sum as H)", "aggregate((case B:P true:0) with sum as H)"),
        ("aggregate(Sales/$count as N,Forecast,Sales/F as G)", "aggregate(Sales/$count as N,Forecast,Sales/F as G)"),
        ("aggregate(Name with Custom.concat as X)", "aggregate(Name with Custom.concat as X)"),
        (
            "aggregate(A with sum from T,P/N with average from U with max as X, b with min as B)",
            "aggregate(A with sum from T,P/N with average from U with max as X,b with min as B)",
        ),
        ("aggregate(F from T with average from P as X)", "aggregate(F from T with average from P as X)"),
        ("aggregate(Sales/$count from T with max as X)", "aggregate(Sales/$count from T with max as X)"),
    ] {
        check_apply(text, expected);
    }
}

#[test]
fn sequences() {
    for (text, expected) in [
        (
            "filter(a ge 1 and b)/groupby((User/Name,Y),aggregate(P with sum as P))/filter(P gt 100)",
            "filter((and (ge a 1) b))/groupby([User/Name Y] aggregate(P with sum as P))/filter((gt P 100))",
        ),
        ("groupby((A))", "groupby([A] )"),
        ("GroupBy((rollup(A/B,C),D), TopCount(2,P)/identity)", "groupby([rollup(A/B,C) D] topcount(2,P)/identity)"),
        ("concat(identity,filter(a)/skip(1) , top(2))", "concat(identity,filter(a)/skip(1),top(2))"),
        ("compute(a as B)/orderby(B desc,c)/search(x OR y)", "compute(a as B)/orderby(B desc,c)/search((or x y))"),
        ("search(')/top(1')/top(1)", "search((and /top 1))/top(1)"),
        (
            "groupby((rolluprecursive($root/S,H,ID,f(')'))),aggregate($count as N))",
            "groupby([?rolluprecursive] aggregate($count as N))",
        ),
        (
            "addnested(Sales,filter(A eq ')') as F)/Custom.condense()/traverse($root/S,H,ID,preorder)",
            "?addnested/?Custom.condense/?traverse",
        ),
        ("topcount($these/$count div 10,A)", "topcount((div $these/$count 10),A)"),
        (
            "filter(a) / groupby( ( A , B ) , aggregate( P with sum as S ) )",
            "filter(a)/groupby([A B] aggregate(P with sum as S))",
        ),
    ] {
        check_apply(text, expected);
    }
}

#[test]
fn refused_sequences() {
    for text in [
        "",
        "aggregate()",
        "aggregate(A with sum)",
        "aggregate(A add 1)",
        "aggregate(A with average from T as X)",
        "aggregate(A with avg as X)",
        "aggregate($count with sum as X)",
        "aggregate(A from T with sum)",
        "groupby(A)",
        "groupby(())",
        "groupby((A),)",
        "groupby((f(A)))",
        "concat(identity)",
        "top(-1)",
        "top(1.5)",
        "top()",
        "identity()",
        "identity/",
        "nest(a",
        "nest",
        "filtre(a)",
        "compute(a)",
        "topcount(1)",
    ] {
        assert_eq!(apply(text, &limits()).map_err(|e| e.status()), Err(400), "{text}");
    }
}
