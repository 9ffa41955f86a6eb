//! What nobody sends in good faith: OD-15, OD-112, OD-150 to OD-152, OD-161 to OD-165. Each is answered within a second, with
//! the right status, and the server lives on.

mod short;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::{ADA, V4, servers};
use crate::support::http::Request;

struct Case {
    name: &'static str,
    request: Request,
    status: u16,
    code: &'static str,
}

fn case(name: &'static str, request: Request, status: u16, code: &'static str) -> Case {
    Case { name, request, status, code }
}

/// A filter by POST, for what a URL can't hold.
fn filter(text: &str) -> Request {
    Request::post(&format!("{V4}/Worklogs/$query"), "text/plain", format!("$select=Id&$filter={text}").as_bytes())
}

fn get(target: &str) -> Request {
    Request::get(&format!("{V4}/{target}"))
}

fn nested(times: usize, open: &str, middle: &str, close: &str) -> String {
    format!("{}{middle}{}", open.repeat(times), close.repeat(times))
}

/// `1 as X0,… as X1,…`, each by the one before it.
fn computed(count: usize, how: &str) -> String {
    let each = |n: usize| format!("{} as X{n}", how.replace("{before}", &(n - 1).to_string()));
    std::iter::once("1 as X0".to_owned()).chain((1..count).map(each)).collect::<Vec<_>>().join(",")
}

fn numbers(count: usize) -> String {
    let mut list = String::new();
    for number in 1..=count {
        let _ = write!(list, "{number},");
    }
    list.pop();
    list
}

fn all_cases() -> Vec<Case> {
    let short = short::ADDRESSES.iter().map(|(address, status, code)| case(address, get(address), *status, code));
    cases().into_iter().chain(short).collect()
}

fn cases() -> Vec<Case> {
    let bytes = |text: &[u8]| Request::raw(&[V4.as_bytes(), text].concat());
    let chain = |count: usize| vec!["PeriodLength eq 60"; count].join(" or ");
    vec![
        case("100,000 parentheses", filter(&nested(100_000, "(", "true", ")")), 400, "QueryTooComplex"),
        case("100,000 parentheses, open", filter(&"(".repeat(100_000)), 400, "QueryTooComplex"),
        case("100,000 not", filter(&format!("{}true", "not ".repeat(100_000))), 400, "QueryTooComplex"),
        case("100,000 minus", filter(&format!("{}1 eq 1", "-".repeat(100_000))), 400, "QueryTooComplex"),
        case(
            "nested functions",
            filter(&format!("{} eq ''", nested(10_000, "trim(", "Comment", ")"))),
            400,
            "QueryTooComplex",
        ),
        case("nested lists", filter(&format!("1 in {}", nested(10_000, "(", "1", ")"))), 400, "QueryTooComplex"),
        case("a chain of 500", filter(&chain(500)), 200, ""),
        case("a chain of 40,000", filter(&chain(40_000)), 400, "QueryTooComplex"),
        case("a text of 1 MB", filter(&format!("Comment eq '{}'", "x".repeat(1_000_000))), 200, ""),
        case("quotes without end", filter(&"'".repeat(900_001)), 400, "SyntaxError"),
        case("a body over 1 MiB", filter(&format!("Comment eq '{}'", "x".repeat(1_100_000))), 413, "PayloadTooLarge"),
        case(
            "a name of 900,000 letters",
            filter(&format!("{} eq 1", "TrackedTotal".repeat(75_000))),
            400,
            "UnknownProperty",
        ),
        case(
            "a text that doubles with each function",
            filter(&format!("{} eq 'x'", nested(29, "substring(", "Comment", ",-1)"))),
            400,
            "QueryTooComplex",
        ),
        case(
            "a number that doubles with each function",
            filter(&format!("{} gt 0", nested(29, "round(", "Hours", ")"))),
            400,
            "QueryTooComplex",
        ),
        case("in with 10,000 members", filter(&format!("WorkItemId in ({})", numbers(10_000))), 200, ""),
        case("in with 10,001 members", filter(&format!("WorkItemId in ({})", numbers(10_001))), 400, "QueryTooComplex"),
        case(
            "an alias with 10,001 members",
            filter(&format!("WorkItemId in @a&@a=[{}]", numbers(10_001))),
            400,
            "QueryTooComplex",
        ),
        case(
            "1,001 computed values",
            get(&format!("Worklogs?$compute={}", computed(1_001, "1"))),
            400,
            "QueryTooComplex",
        ),
        case("900 computed values", get(&format!("Worklogs?$top=1&$compute={}", computed(900, "1"))), 200, ""),
        case(
            "computed values that double",
            get(&format!("Worklogs?$compute={}", computed(60, "X{before} add X{before}"))),
            400,
            "QueryTooComplex",
        ),
        case(
            "computed values in a chain",
            get(&format!("Worklogs?$compute={}", computed(200, "PeriodLength sub X{before}"))),
            400,
            "QueryTooComplex",
        ),
        case(
            "computed values that reckon with all others",
            get(&format!("WorkItems?$compute={}", computed(60, "Children/$count add X0"))),
            200,
            "",
        ),
        case(
            "expand too deep",
            get(&format!("WorkItems?$expand={}", nested(6, "Children($expand=", "Children", ")"))),
            400,
            "QueryTooComplex",
        ),
        case(
            "expand far too deep",
            get(&format!("WorkItems?$expand={}", nested(500, "Children($expand=", "Children", ")"))),
            400,
            "QueryTooComplex",
        ),
        case("ten thousand levels", get("WorkItems?$expand=Children($levels=10000)"), 400, "QueryTooComplex"),
        case("levels within levels within levels", get(&nested_levels()), 400, "QueryTooComplex"),
        case("everything to the end", get("WorkItems?$expand=*($levels=10)"), 400, "QueryTooComplex"),
        case(
            "a search of a thousand terms",
            get(&format!("Worklogs?$search={}", vec!["ab"; 1_000].join(" "))),
            400,
            "QueryTooComplex",
        ),
        case("a term of 14,000 characters", get(&format!("Worklogs?$search={}", "ab".repeat(7_000))), 200, ""),
        case(
            "a search in FTS5's words",
            get("Worklogs?$search=comment : ^a* NEAR( b c, 2 ) + {x y} - \"--\""),
            200,
            "",
        ),
        case("a search that never closes", get(&format!("Worklogs?$search={}", "(".repeat(50))), 400, "SyntaxError"),
        case("NOT and NOT", get(&format!("Worklogs?$search={}zero", "NOT ".repeat(2_000))), 400, "QueryTooComplex"),
        case("an id within an id", get("$entity?$id=$entity?$id=WorkItems(1)"), 400, "InvalidValue"),
        case("fifty filters in a path", get(&format!("Worklogs{}/$count", "/$filter(IsBillable)".repeat(50))), 200, ""),
        case(
            "lambdas too deep",
            get("WorkItems?$filter=Children/any(a:a/Children/any(b:b/Children/any(c:c/Children/any(d:true))))"),
            400,
            "QueryTooComplex",
        ),
        case("21 orders", get(&format!("Worklogs?$orderby={}", vec!["Id"; 21].join(","))), 400, "QueryTooComplex"),
        case(
            "21 steps",
            get(&format!("Worklogs?$apply={}", vec!["filter(true)"; 21].join("/"))),
            400,
            "QueryTooComplex",
        ),
        case(
            "a URL of 17 KiB",
            get(&format!("Worklogs?$filter=Comment eq '{}'", "x".repeat(17_000))),
            414,
            "UriTooLong",
        ),
        case("a header of 70 KiB", get("Worklogs").header("X-Long", &"x".repeat(70_000)), 431, "HeaderTooLarge"),
        case("NUL", get("Worklogs?$filter=Comment eq 'a%00b'"), 400, "InvalidEncoding"),
        case("NUL in a body", filter("Comment eq 'a%00b'"), 400, "InvalidEncoding"),
        case("NUL in a path", get("Work%00logs"), 400, "InvalidEncoding"),
        case("broken UTF-8, encoded", get("Worklogs?$filter=Comment eq '%c3%28'"), 400, "InvalidEncoding"),
        case("a surrogate", get("Worklogs?$filter=Comment eq '%ed%a0%80'"), 400, "InvalidEncoding"),
        case("half an escape", get("Worklogs?$filter=Comment eq '%4"), 400, "InvalidEncoding"),
        case(
            "broken UTF-8 in a body",
            Request::post(&format!("{V4}/Worklogs/$query"), "text/plain", b"$filter=Comment eq '\xc3\x28'"),
            400,
            "InvalidEncoding",
        ),
        case(
            "broken JSON",
            Request::post(&format!("{V4}/Worklogs/$query"), "application/json", b"{\"$filter\":\"\xff\"}"),
            400,
            "InvalidEncoding",
        ),
        case(
            "JSON without end",
            Request::post(&format!("{V4}/Worklogs/$query"), "application/json", "[".repeat(500_000).as_bytes()),
            400,
            "SyntaxError",
        ),
        case("SQL in a text", get("Worklogs?$filter=Comment eq 'x'';DROP TABLE worklogs;--'"), 200, ""),
        case("SQL in a name", get("Worklogs?$filter=Comment\"; DROP TABLE worklogs;-- eq 'x'"), 400, "SyntaxError"),
        case("SQL in an alias", get("Worklogs?$apply=aggregate(PeriodLength with sum as \"x\")"), 400, "SyntaxError"),
        case("SQL in an order", get("Worklogs?$orderby=Id;DROP TABLE worklogs"), 400, "SyntaxError"),
        case(
            "a forged token",
            get("Worklogs?$skiptoken=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            400,
            "InvalidSkipToken",
        ),
        case("a huge exponent", filter("PeriodLength lt 1e400"), 200, ""),
        case("a huge integer", filter(&format!("PeriodLength lt {}", "9".repeat(100_000))), 400, "InvalidLiteral"),
        case("a huge duration", filter("duration'P99999999999999999999D' gt duration'PT1S'"), 400, "InvalidLiteral"),
        case("a year of five digits", filter("Timestamp gt 99999-01-01T00:00:00Z"), 200, ""),
        case("a pattern that explodes", filter("matchesPattern(Comment,'(a%2B)%2B$')"), 200, ""),
        case("a pattern too large", filter("matchesPattern(Comment,'((a{255}){255}){255}')"), 400, "InvalidLiteral"),
        case("a bad pattern", filter("matchesPattern(Comment,'(')"), 400, "InvalidValue"),
        case("a class that begins with its end", filter("matchesPattern(Comment,'[]a]')"), 501, "NotImplemented"),
        case(
            "columns beyond all bounds",
            get(&format!("Worklogs?$select={}", vec!["Id"; 1_500].join(","))),
            400,
            "QueryTooComplex",
        ),
        case("an option of nothing", get("Worklogs?$filter="), 400, "SyntaxError"),
        case("no option at all", get("Worklogs?&&=&"), 200, ""),
        case("slashes", get("///"), 200, ""),
        case("raw bytes", bytes(b"/Worklogs?$filter=Comment%20eq%20'%f0%9f%8e%89'"), 200, ""),
    ]
}

#[test]
fn hostile_requests_get_the_right_status() {
    let mut wrong = Vec::new();
    for server in servers() {
        let token = server.token(ADA);
        for Case { name, request, status, code } in all_cases() {
            let started = Instant::now();
            let reply = request.bearer(&token).try_send(server.address);
            let took = started.elapsed();
            match reply {
                Err(error) => wrong.push(format!("  {name}: {error}")),
                Ok(reply) if (reply.status, reply.error_code().as_str()) != (status, code) => {
                    let text: String = reply.lossy().chars().take(300).collect();
                    wrong.push(format!("  {name}: expected {status} {code}, found {} {text}", reply.status));
                }
                Ok(_) if took > Duration::from_secs(20) => wrong.push(format!("  {name}: took {took:?}")),
                Ok(_) => {}
            }
        }
        assert_eq!(server.get(ADA, &format!("{V4}/Users/$count")).text(), "6", "the server lives on");
    }
    super::report(&wrong);
    assert!(all_cases().len() >= 200, "{} hostile requests", all_cases().len());
}

/// A request line that is no URL is the HTTP library's to refuse; it must not cost the server its life.
#[test]
fn bytes_that_are_no_request() {
    for server in servers() {
        for target in
            [&b"/api/odata/v4.0/Worklogs?$filter=\xff"[..], b"\x00", b"/api/odata/v4.0/Worklogs?$filter=Comment eq 'x'"]
        {
            if let Ok(reply) = Request::raw(target).bearer(&server.token(ADA)).try_send(server.address) {
                assert!((400..500).contains(&reply.status), "{target:?}: {}", reply.status);
            }
        }
        assert_eq!(server.get(ADA, &format!("{V4}/Users/$count")).text(), "6");
    }
}

/// Ten levels in ten levels in ten levels.
fn nested_levels() -> String {
    let inner = "Ancestors($levels=10;$select=Title)";
    format!(
        "WorkItems?$expand=Children($levels=10;$select=Title;$expand=Descendants($levels=10;$select=Title;$expand={inner}))"
    )
}
