//! What a caller is told: code, option, place, and what to do (OD-160).

use super::*;
use crate::odata::error::Code;

/// Query, code, option, place, and a part of the message.
#[track_caller]
fn check_error(query: &str, code: Code, target: &str, position: Option<usize>, part: &str) {
    let error = refused(query);
    assert_eq!(
        (error.code, error.target.as_deref(), error.position),
        (code, Some(target), position),
        "{query}: {error}"
    );
    assert!(error.message.contains(part), "{query}: {error}");
}

#[test]
fn options_that_are_no_options() {
    check_error("$fliter=a", Code::UnknownOption, "$fliter", None, "Did you mean `$filter`?");
    check_error("$filter=a&filter=b", Code::DuplicateOption, "$filter", None, "more than once");
    check_error("@a=1&@a=2", Code::DuplicateOption, "@a", None, "more than once");
    check_error("@=1", Code::SyntaxError, "@", None, "alias");
    check_error("$levels=1", Code::OptionNotApplicable, "$levels", None, "$expand");
    check_error("$expand=A/$ref($levels=4)", Code::OptionNotApplicable, "$expand", Some(7), "/$ref");
    check_error("$expand=A/$count($count=true)", Code::OptionNotApplicable, "$expand", Some(9), "/$count");
    check_error("$expand=A($top=1;top=2)", Code::DuplicateOption, "$top", Some(9), "more than once");
    check_error("$expand=A(fliter=x)", Code::UnknownOption, "$expand", Some(2), "Did you mean `$filter`?");
    check_error("$expand=A($fliter=x)", Code::UnknownOption, "$fliter", Some(2), "Did you mean `$filter`?");
}

#[test]
fn od_57_numbers_of_options() {
    for value in ["-1", "1.5", "x", "", "9223372036854775808", "1e3", "0x1", "1 2"] {
        for option in ["$top", "$skip"] {
            check_error(&format!("{option}={value}"), Code::InvalidValue, option, Some(0), "whole number from 0");
        }
    }
    for query in ["$top=0", "$skip=9223372036854775807", "$top= 5 "] {
        assert!(parse(&RawRequest { path: "x", query, body: None }, &limits()).is_ok(), "{query}");
    }
    check_error("$count", Code::InvalidValue, "$count", Some(0), "true or false");
    check_error("$count=1", Code::InvalidValue, "$count", Some(0), "true or false");
    check_error("$expand=A($levels=04)", Code::InvalidValue, "$expand", Some(10), "leading zeros");
    check_error("$expand=A($levels=11)", Code::QueryTooComplex, "$expand", Some(10), "odata.max_levels");
    check_error("$index=fortytwo", Code::InvalidValue, "$index", Some(0), "whole number");
    check_error("$format=", Code::InvalidValue, "$format", Some(0), "no value");
}

#[test]
fn places_count_characters_of_the_decoded_value() {
    check_error("$filter=%C3%BC eq %27%C3%BC%27 foo", Code::SyntaxError, "$filter", Some(9), "found `foo`");
    check_error("$filter=Name equals 'x'", Code::SyntaxError, "$filter", Some(5), "Did you mean `eq`?");
    check_error("$filter=Name = 'x'", Code::SyntaxError, "$filter", Some(5), "Write `eq`");
    check_error("$filter=Name like 'x'", Code::SyntaxError, "$filter", Some(5), "`contains`");
    check_error("$filter=", Code::SyntaxError, "$filter", Some(0), "Expected an expression, found the end");
    check_error("$filter=a eq", Code::SyntaxError, "$filter", Some(4), "found the end");
    check_error("$filter=(a", Code::SyntaxError, "$filter", Some(2), "closing parenthesis");
    check_error("$filter=a)", Code::SyntaxError, "$filter", Some(1), "no parenthesis is open");
    check_error("$filter=a eq \"x\"", Code::SyntaxError, "$filter", Some(5), "single quotes");
    check_error("$filter=a eq 'x", Code::SyntaxError, "$filter", Some(5), "no closing quote");
    check_error("$filter=a in (b,c)", Code::SyntaxError, "$filter", Some(7), "right of `in`");
    check_error("$filter=a in (1,c)", Code::SyntaxError, "$filter", Some(8), "lists hold no expressions");
    check_error("$filter=a eq (1,2)", Code::SyntaxError, "$filter", Some(7), "right of `in`");
    check_error("$filter=any(x:x)", Code::SyntaxError, "$filter", Some(3), "path of a collection");
    check_error("$filter=A/all()", Code::SyntaxError, "$filter", Some(6), "predicate");
    check_error("$filter=A/$cuont gt 1", Code::SyntaxError, "$filter", Some(2), "`$count`");
    check_error("$orderby=a,", Code::SyntaxError, "$orderby", Some(2), "Expected an expression");
    check_error("$orderby=a dsc", Code::SyntaxError, "$orderby", Some(2), "found `dsc`");
    check_error("$select=a b", Code::SyntaxError, "$select", Some(2), "found `b`");
    check_error("$expand=A($filter=x", Code::SyntaxError, "$expand", Some(11), "closing parenthesis");
    check_error("$apply=aggregate(A with avg as B)", Code::UnknownFunction, "$apply", Some(17), "`average`");
    check_error("$apply=gruopby((A))", Code::UnknownFunction, "$apply", Some(0), "`groupby`");
    check_error("$compute=a", Code::SyntaxError, "$compute", Some(1), "`as`");
}

#[test]
fn spans_count_characters_too() {
    let tree = filter("'üü' eq Größe and ü eq 1", &limits()).unwrap();
    assert_eq!(tree.span, 0..24);
    let crate::odata::syntax::ExprKind::Chain(_, parts) = tree.kind else { panic!("no chain") };
    assert_eq!((parts[0].span.clone(), parts[1].span.clone()), (0..13, 18..24));
}

#[test]
fn literals_that_are_no_values() {
    for (text, position, part) in [
        ("2024-02-30", 13, "no day 30"),
        ("2024-01-01T08:00:00", 24, "add Z or an offset"),
        ("2024-01-01T24:00:00Z", 16, "hour"),
        ("25:00", 5, "hour"),
        ("duration'1H'", 14, "duration"),
        ("binary'%%'", 12, "base64url"),
        ("12abc", 7, "operator"),
        ("42.", 7, "operator"),
        ("01234567-89ab-cdef-456789abcdef", 13, "operator"),
    ] {
        let query = format!("$filter=a gt {}", text.replace('%', "%25"));
        let error = refused(&query);
        assert_eq!((error.status(), error.position), (400, Some(position)), "{query}: {error}");
        assert!(error.message.contains(part), "{query}: {error}");
    }
}

#[test]
fn od_15_encoding() {
    for query in ["$filter=%zz", "$filter=%FF", "$filter=a eq '%00'", "%zz=1", "x=%2"] {
        assert_eq!(refused(query).code, Code::InvalidEncoding, "{query}");
    }
    assert_eq!(refused("@a=[\"\\u0000\"]").code, Code::InvalidEncoding);
    assert_eq!(refused("@a=[\"\\ud800\"]").code, Code::InvalidLiteral);
}
