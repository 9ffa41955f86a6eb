//! OD-151, OD-152, OD-165: limits are named, time is linear, nothing panics.

use std::time::{Duration, Instant};

use super::*;
use crate::odata::error::Code;
use proptest::prelude::*;

#[track_caller]
fn check_too_complex(query: &str, knob: &str) {
    let start = Instant::now();
    let error = refused(query);
    let spent = start.elapsed();
    let shown: String = query.chars().take(60).collect();
    assert_eq!(error.code, Code::QueryTooComplex, "{shown}: {error}");
    assert!(error.message.contains(knob), "{shown}: {error}");
    assert!(spent < Duration::from_secs(20), "{shown}: {spent:?}");
}

#[test]
fn od_152_deep_texts_are_refused_at_once() {
    let many = 100_000;
    let depth = "odata.max_expression_depth";
    for part in ["(", "not ", "-", "[", "{\"a\":", "a eq (", "a in (", "a in (1 add (", "a and (", "x/$filter("] {
        check_too_complex(&format!("$filter={}", part.repeat(many)), depth);
        check_too_complex(&format!("@a={}", part.repeat(many)), depth);
    }
    for part in ["a add ", "a eq ", "a mul ", "a in b in ", "a has "] {
        check_too_complex(&format!("$filter={}a", part.repeat(many)), depth);
    }
    for part in ["contains(", "cast(a add cast(", "case(true:", "Ns.F(A=", "x/F("] {
        check_too_complex(&format!("$filter={}", part.repeat(many)), "odata.max_function_depth");
    }
    for part in ["(", "NOT "] {
        check_too_complex(&format!("$search={}", part.repeat(many)), depth);
    }
    check_too_complex(&format!("$filter={}", "w/any(x:".repeat(many)), "odata.max_lambda_depth");
    check_too_complex(&format!("$filter={}a", "a and ".repeat(many)), "odata.max_expression_nodes");
    check_too_complex(&format!("$filter={}a", "a or b and ".repeat(many)), "odata.max_expression_nodes");
    check_too_complex(&format!("$search={}a", "a ".repeat(many)), "odata.max_expression_nodes");
    check_too_complex(&format!("$expand={}", "A($expand=".repeat(many)), "odata.max_expand_depth");
    check_too_complex(&format!("$filter={}", "A/$count($filter=".repeat(many)), "odata.max_expand_depth");
    check_too_complex(&format!("$select={}", "A($select=".repeat(many)), "odata.max_expand_depth");
    check_too_complex(&format!("$apply={}", "concat(".repeat(many)), "odata.max_apply_steps");
    check_too_complex(&format!("$apply={}", "groupby((a),".repeat(many)), "odata.max_apply_steps");
    check_too_complex(&format!("$apply={}identity", "identity/".repeat(many)), "odata.max_apply_steps");
}

#[test]
fn od_151_widths() {
    check_too_complex(&format!("$filter=a in ({}1)", "1,".repeat(10_000)), "odata.max_in_members");
    check_too_complex(&format!("$filter=a in @a&@a=[{}1]", "1,".repeat(10_000)), "odata.max_in_members");
    check_too_complex(&format!("$orderby={}a", "a,".repeat(20)), "odata.max_orderby");
    check_too_complex(&format!("$select={}a", "a,".repeat(1_000)), "odata.max_columns");
    check_too_complex(&format!("$expand={}a", "a,".repeat(50)), "odata.max_expand_breadth");
    let aliases: String = (0..100_000).map(|n| format!("&@a{n}=1")).collect();
    check_too_complex(&aliases, "odata.max_expression_nodes");
    for query in [
        format!("$filter=a in ({}1)", "1,".repeat(9_999)),
        format!("@a=[{}'x']", "'x',".repeat(9_999)),
        format!("$filter={}a", "a or ".repeat(1_990)),
        format!("$filter={}a{}", "(".repeat(99), ")".repeat(99)),
        format!("$filter={}a{}", "trim(".repeat(30), ")".repeat(30)),
        format!("$orderby={}a", "a,".repeat(19)),
        "$filter=a/any(x:x/b/any(y:y/c/any(z:z)))".to_owned(),
        "$expand=A($expand=B($expand=C($expand=D($expand=E))))".to_owned(),
    ] {
        let request = RawRequest { path: "x", query: &query, body: None };
        assert!(parse(&request, &limits()).is_ok(), "{}", &query[..40]);
    }
}

#[test]
fn long_texts_without_depth_are_linear() {
    let long = |text: &str| text.repeat(1 << 18);
    let start = Instant::now();
    for text in [long("a"), long("'"), long(" "), long("a."), long("1"), long("@a/"), long("\\\""), long("a/")] {
        for rule in [filter, |text: &str, limits: &Limits| orderby(text, limits).map(|mut items| items.remove(0).expr)]
        {
            let _ = rule(&text, &limits());
        }
        let _ = (search(&text, &limits()), select(&text, &limits()), expand(&text, &limits()));
        let _ = (apply(&text, &limits()), path(&text, &limits()), literal(&text));
    }
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

/// No message repeats a long text, and no near miss is sought for it.
#[test]
fn long_names_make_short_messages() {
    let long = "x".repeat(1 << 20);
    for query in [
        format!("${long}=1"),
        format!("@{long}-=1"),
        format!("$filter=a {long}"),
        format!("$filter=${long}"),
        format!("$apply={long}(a)"),
        format!("$apply=aggregate(a with {long} as b)"),
        format!("$expand=A({long}=1)"),
        format!("$expand=${long}"),
    ] {
        let start = Instant::now();
        let error = refused(&query);
        assert!(error.message.len() < 250, "{}", error.message);
        assert!(start.elapsed() < Duration::from_secs(20), "{}", error.message);
    }
}

fn every_entry(text: &str) {
    let limits = limits();
    let _ = (filter(text, &limits), orderby(text, &limits), select(text, &limits), expand(text, &limits));
    let _ = (compute(text, &limits), search(text, &limits), apply(text, &limits), path(text, &limits));
    let _ = (literal(text), key_segment(text), split_options(text));
    let bytes = text.as_bytes();
    for body in [None, Some(Body::Text(bytes)), Some(Body::Json(bytes))] {
        let _ = parse(&RawRequest { path: text, query: text, body }, &limits);
    }
}

/// Pieces that make texts which get far into the grammar.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "Ns.T",
        "é",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "'",
        "''",
        "\"",
        "\\",
        ",",
        ";",
        ":",
        "/",
        "=",
        "&",
        "$",
        "@",
        "%",
        "%27",
        "%2",
        "+",
        "-",
        ".",
        "#",
        " ",
        " eq ",
        " in ",
        "not ",
        " and ",
        " has ",
        "any(",
        "all(x:",
        "$count",
        "$filter",
        "$expand=",
        "$it",
        "$these/",
        "aggregate(",
        "groupby((",
        " with sum",
        " as ",
        " from ",
        "case(",
        "cast(",
        "duration'P",
        "2024-02-29",
        "T08:00",
        "Z",
        "12:30",
        ":15.5",
        "1e",
        "9",
        "INF",
        "null",
        "01234567-89ab-cdef-0123-456789abcdef",
        "search(",
        "AND ",
        "NOT ",
        "*",
        "\0",
        "\u{300}",
        "𝄞",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn od_165_no_text_panics(text in "\\PC*") {
        every_entry(&text);
    }

    #[test]
    fn od_165_no_likely_text_panics(text in pieces()) {
        every_entry(&text);
    }

    #[test]
    fn od_165_no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let limits = limits();
        let _ = parse(&RawRequest { path: "x", query: "", body: Some(Body::Text(&bytes)) }, &limits);
        let _ = parse(&RawRequest { path: "x", query: "", body: Some(Body::Json(&bytes)) }, &limits);
    }
}
