//! OD-200: the OASIS cases for the ABNF of OData 4.01 and of Data Aggregation, read from `../shared/odata-abnf`.
//!
//! A positive case must be accepted: parsed, or answered 501, which says that the standard has it. A negative one must
//! be refused with a 4xx. What differs stands in `exemptions`, each with its reason; an exemption that no longer
//! differs fails the test as well. The files are not ours to ship, so the test is skipped where they are missing.

mod cases;
mod exemptions;

use std::io::Write;
use std::path::{Path, PathBuf};

use timeledger::http::odata::prefer::Preferences;
use timeledger::odata::error::{Code, ODataError, Result};
use timeledger::odata::limits::Limits;
use timeledger::odata::parse::{self, RawRequest};
use timeledger::odata::syntax::{ExprKind, Literal};
use timeledger::odata::{lex, literal, url};

use cases::Case;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/odata-abnf")
}

#[test]
fn core_cases() {
    check_file("odata-abnf-testcases.yaml", 840, exemptions::CORE);
}

#[test]
fn aggregation_cases() {
    check_file("odata-aggregation-testcases.yaml", 201, exemptions::AGGREGATION);
}

fn check_file(file: &str, expected_cases: usize, exemptions: &[(&str, &[&str])]) {
    let path = folder().join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        // Not `eprintln!`, whose text a passing test keeps to itself.
        let _ = writeln!(std::io::stderr(), "SKIPPED: the standard's grammar cases, for {} is missing", path.display());
        return;
    };
    let cases = cases::read(&text);
    assert_eq!(cases.len(), expected_cases, "cases read from {file}");
    let mut wrong = Vec::new();
    let (mut compared, mut exempt, mut foreign) = (0, 0, 0);
    for case in &cases {
        let Some(outcome) = outcome(case) else {
            foreign += 1;
            let rule = if case.input.contains('#') { "context" } else { case.rule.as_str() };
            if !exemptions::FOREIGN.iter().any(|(_, rules)| rules.contains(&rule)) {
                wrong.push(format!("nobody reads the rule {rule}, and no reason is given: {}", case.input));
            }
            continue;
        };
        compared += 1;
        let agrees = match (&outcome, case.negative) {
            (Ok(()), negative) => !negative,
            (Err(error), true) => error.status() < 500,
            (Err(error), false) => error.code == Code::NotImplemented,
        };
        let reason = exemptions.iter().find(|(_, inputs)| inputs.contains(&case.input.as_str()));
        match (agrees, reason) {
            (true, None) => {}
            (false, Some(_)) => exempt += 1,
            (true, Some((reason, _))) => wrong.push(format!("no longer exempt: {} ({reason})", case.input)),
            (false, None) => wrong.push(describe(case, &outcome)),
        }
    }
    eprintln!("{file}: {compared} compared, {exempt} of them exempt; {foreign} of rules that are not the parser's");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn describe(case: &Case, outcome: &Result<()>) -> String {
    let verdict = match outcome {
        Ok(()) => "accepted".to_owned(),
        Err(error) => format!("refused: {error}"),
    };
    format!("{} {:?}\n    ({}) {verdict}", case.rule, case.input, case.name)
}

/// What our grammar says of a case; nothing where its rule is none of ours.
fn outcome(case: &Case) -> Option<Result<()>> {
    let limits = Limits::default();
    let input = case.input.as_str();
    let query = |query: &str| parse::parse(&RawRequest { path: "Set", query, body: None }, &limits).map(drop);
    Some(match case.rule.as_str() {
        "odataUri" | "odataRelativeUri" | "resourcePath" if input.contains('#') => return None,
        "odataUri" => behind_service_root(input).and_then(|relative| relative_uri(relative, &limits)),
        "odataRelativeUri" | "resourcePath" => relative_uri(input, &limits),
        "queryOptions" | "systemQueryOption" | "customQueryOption" | "filter" | "select" | "expand" | "orderby"
        | "orderBy" | "compute" | "search" | "skiptoken" | "deltatoken" => query(input),
        "commonExpr" | "boolCommonExpr" | "boolcommonExpr" | "notExpr" | "isofExpr" => expression(input, &limits),
        "firstMemberExpr" | "propertyPathExpr" => path_expression(input, &limits),
        "anyExpr" => expression(&format!("Set/{input}"), &limits),
        "functionParameter" => expression(&format!("Model.F({input})"), &limits),
        "searchExpr" => url::decode_query(input).and_then(|text| parse::search(&text, &limits)).map(drop),
        "maxpagesizePreference" => page_size(input),
        "preference" if input.contains("maxpagesize") => page_size(input),
        "odataIdentifier" | "entitySetName" => identifier(input),
        rule => return literal_outcome(rule, input),
    })
}

fn behind_service_root(uri: &str) -> Result<&str> {
    let malformed = || ODataError::new(Code::SyntaxError, "no absolute URI");
    let (_, rest) = uri.split_once("://").ok_or_else(malformed)?;
    let (_, path) = rest.split_once('/').ok_or_else(malformed)?;
    let root = ["OData/OData.svc/", "MyService/", "service/"].into_iter().find(|root| path.starts_with(root));
    Ok(path.strip_prefix(root.unwrap_or_default()).unwrap_or(path))
}

fn relative_uri(uri: &str, limits: &Limits) -> Result<()> {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    parse::parse(&RawRequest { path, query, body: None }, limits).map(drop)
}

fn expression(text: &str, limits: &Limits) -> Result<()> {
    parse::filter(&url::decode_query(text)?, limits).map(drop)
}

fn path_expression(text: &str, limits: &Limits) -> Result<()> {
    match parse::filter(&url::decode_query(text)?, limits)?.kind {
        ExprKind::Path(_) => Ok(()),
        _ => Err(ODataError::new(Code::SyntaxError, "no path")),
    }
}

/// Ignored is refused here: a preference never fails a request.
fn page_size(text: &str) -> Result<()> {
    let request = actix_web::test::TestRequest::default().insert_header(("Prefer", text)).to_http_request();
    let size = Preferences::of(request.headers()).page;
    size.map(drop).ok_or_else(|| ODataError::new(Code::InvalidValue, "no page size"))
}

fn identifier(text: &str) -> Result<()> {
    if lex::identifier_length(text) == text.len() && !text.is_empty() {
        return Ok(());
    }
    Err(ODataError::new(Code::SyntaxError, "no identifier"))
}

/// Rules of literals in URLs, percent-encoded, and of values in payloads, plain. Each must be of the rule's type.
fn literal_outcome(rule: &str, input: &str) -> Option<Result<()>> {
    let value = |flaw: literal::Flaw| ODataError::new(Code::InvalidLiteral, flaw.message);
    let of_type = |text: &str, is: fn(&Literal) -> bool| match parse::literal(text) {
        Ok(literal) if is(&literal) => Ok(()),
        Ok(other) => Err(ODataError::new(Code::InvalidLiteral, format!("of another type: {other:?}"))),
        Err(error) => Err(error),
    };
    let decoded = match url::decode_segment(input) {
        Ok(decoded) => decoded,
        Err(error) => return Some(Err(error)),
    };
    let number = |l: &Literal| matches!(l, Literal::Int(_) | Literal::Decimal(_) | Literal::Double(_));
    Some(match rule {
        "primitiveLiteral" => of_type(&decoded, |_| true),
        "binaryLiteral" => of_type(&decoded, |l| matches!(l, Literal::Binary(_))),
        "boolean" => of_type(&decoded, |l| matches!(l, Literal::Bool(_))),
        "null" => of_type(&decoded, |l| matches!(l, Literal::Null)),
        "guid" => of_type(&decoded, |l| matches!(l, Literal::Guid(_))),
        "stringLiteral" => of_type(&decoded, |l| matches!(l, Literal::String(_))),
        "enumLiteral" => of_type(&decoded, |l| matches!(l, Literal::Enum { .. } | Literal::String(_))),
        "date" | "dateValue" => literal::date(&decoded).map(drop).map_err(value),
        "dateTimeOffsetLiteral" | "dateTimeOffsetValueInUrl" => {
            of_type(&decoded, |l| matches!(l, Literal::DateTimeOffset { .. }))
        }
        "timeOfDayLiteral" => of_type(&decoded, |l| matches!(l, Literal::TimeOfDay(_))),
        "durationLiteral" => of_type(&decoded, |l| matches!(l, Literal::Duration(_) | Literal::String(_))),
        "dateTimeOffsetValue" => literal::date_time_offset(input).map(drop).map_err(value),
        "timeOfDayValue" => literal::time_of_day(input).map(drop).map_err(value),
        "durationValue" => literal::duration(input).map(drop).map_err(value),
        "decimalLiteral" | "doubleLiteral" | "singleLiteral" | "sbyteLiteral" | "int16Literal" | "int32Literal"
        | "int64Literal" => of_type(&decoded, number),
        "decimalValue" | "doubleValue" | "singleValue" | "byteValue" | "sbyteValue" | "int16Value" | "int32Value"
        | "int64Value" => of_type(input, number),
        rule if rule.starts_with("geography") || rule.starts_with("geometry") => {
            of_type(&decoded, |l| matches!(l, Literal::Geo(_)))
        }
        _ => return None,
    })
}
