//! What is said of the whole service.

use serde_json::Value;

use super::super::{V4, send};
use super::{Service, flag, object, texts};
use crate::support::http::Request;

pub fn check(service: &mut Service, term: &str, value: &Value) {
    match term {
        "Core.ODataVersions" => versions(service, term, value.as_str().expect("a list of versions")),
        "Capabilities.ConformanceLevel" => level(service, value.as_str().expect("a level")),
        "Capabilities.SupportedFormats" => formats(service, term, &texts(value)),
        "Capabilities.SupportedMetadataFormats" => metadata_formats(service, term, &texts(value)),
        "Capabilities.FilterFunctions" => functions(service, term, &texts(value)),
        "Capabilities.CustomQueryOptions" => {
            assert_eq!(value, &Value::Array(Vec::new()), "a custom option that nobody asks for");
        }
        "Capabilities.AsynchronousRequestsSupported" => preference(service, term, flag(value), "respond-async", 202),
        "Capabilities.BatchSupported" => batch(service, term, flag(value)),
        "Capabilities.BatchSupport" => {
            let supported = object(value).iter().map(|(name, value)| (name.as_str(), value)).collect::<Vec<_>>();
            assert_eq!(supported, [("Supported", &Value::Bool(false))], "a batch that nobody asks for");
            batch(service, term, false);
        }
        "Capabilities.CrossJoinSupported" => {
            service.answered_if(flag(value), term, "$crossjoin(Users,Projects)?$filter=Users/Id ne null");
        }
        "Capabilities.KeyAsSegmentSupported" => key_as_segment(service, term, flag(value)),
        "Capabilities.QuerySegmentSupported" => query_segment(service, term, flag(value)),
        "Capabilities.SelectSupport" => select(service, term, value),
        other => panic!("the annotation {other} of the container, and nobody asks for it"),
    }
}

fn versions(service: &mut Service, term: &str, value: &str) {
    let listed: Vec<&str> = value.split(',').collect();
    for version in ["4.0", "4.01"] {
        let request = Request::get(&format!("{V4}/Users")).header("OData-MaxVersion", version);
        let reply = send(service.user, request);
        let answers_it = reply.status == 200 && reply.header("OData-Version") == Some(version);
        service.expect(term, version, answers_it == listed.contains(&version), &reply);
    }
    assert!(listed.iter().all(|version| ["4.0", "4.01"].contains(version)), "a version that nobody asks for");
}

/// What the lower levels ask of a service that is only read (Part 1 §13).
fn level(service: &mut Service, level: &str) {
    const MINIMAL: &[&str] = &["", "$metadata", "Users", "Users?$format=json"];
    const INTERMEDIATE: &[&str] = &[
        "Users?$filter=Name eq 'x' or not (Name ne 'y' and Name gt 'z')",
        "Users?$filter=Name in ('x','y') and contains(Name,@p)&@p='x'",
        "Worklogs?$filter=User/Name eq null",
        "Worklogs?$filter=PeriodLength add 1 gt 2 and Timestamp lt now()",
        "Users?$select=Id,Name",
        "Users?$top=1",
        "Users/$count",
        "Users?$filter=Worklogs/any(w:w/PeriodLength gt 1)",
        "Users?$expand=Worklogs",
    ];
    const ADVANCED: &[&str] = &[
        "$metadata?$format=json",
        "Users?$filter=Worklogs/all(w:w/PeriodLength gt 1)",
        "Users?$filter=Worklogs/$count gt 1",
        "Users?$orderby=Name desc,Worklogs/$count",
        "Users?$skip=1&$count=true",
        "Users?$search=x",
        "Users?$compute=length(Name) as Length",
        "Users?$expand=Worklogs($filter=true;$select=Id;$orderby=Id;$skip=1;$top=1;$count=true;$search=x)",
        "Users?$expand=Worklogs/$ref",
        "Users?$expand=Worklogs/$count",
        "WorkItems?$expand=Children($levels=2)",
        "Users/$filter(true)",
    ];
    let levels = ["Minimal", "Intermediate", "Advanced"];
    let reached = levels.iter().position(|known| *known == level).expect("a level of the vocabulary");
    for requests in [MINIMAL, INTERMEDIATE, ADVANCED].iter().take(reached + 1) {
        requests.iter().for_each(|target| drop(service.answered(level, target)));
    }
}

fn formats(service: &mut Service, term: &str, listed: &[&str]) {
    let others = ["application/xml", "application/atom+xml", "text/html", "application/pdf"];
    for format in listed.iter().chain(&others) {
        let promised = listed.contains(format);
        let target = format!("{V4}/Users");
        let encoded = format.replace('+', "%2B");
        for request in
            [Request::get(&target).header("Accept", format), Request::get(&format!("{target}?$format={encoded}"))]
        {
            let shown = format!("{format}: {}", request.shown());
            let reply = send(service.user, request);
            let kind = reply.header("Content-Type").unwrap_or_default().to_owned();
            let (media, parameter) = format.split_once(';').unwrap_or((format, ""));
            let is_it = kind.starts_with(media) && kind.contains(parameter);
            let holds = if promised { reply.status == 200 && is_it } else { reply.status == 406 };
            service.expect(term, &shown, holds, &reply);
        }
    }
}

fn metadata_formats(service: &mut Service, term: &str, listed: &[&str]) {
    for format in listed.iter().chain(&["text/csv", "application/x-ndjson"]) {
        let target = format!("$metadata?$format={format}");
        let reply = service.get(&target);
        let holds = match listed.contains(format) {
            true => reply.status == 200 && reply.header("Content-Type").is_some_and(|kind| kind.starts_with(format)),
            false => reply.status == 406,
        };
        service.expect(term, &target, holds, &reply);
    }
}

/// Every canonical function of the standard (Part 2 §5.1.1.4 to 14), in a filter of work logs.
const FUNCTIONS: &[(&str, &str)] = &[
    ("concat", "concat(Comment,'x') eq 'x'"),
    ("contains", "contains(Comment,'x')"),
    ("endswith", "endswith(Comment,'x')"),
    ("indexof", "indexof(Comment,'x') eq 1"),
    ("length", "length(Comment) eq 1"),
    ("startswith", "startswith(Comment,'x')"),
    ("substring", "substring(Comment,1) eq substring(Comment,1,2)"),
    ("hassubset", "hassubset(@a,@a)&@a=[1]"),
    ("hassubsequence", "hassubsequence(@a,@a)&@a=[1]"),
    ("matchesPattern", "matchesPattern(Comment,'x')"),
    ("tolower", "tolower(Comment) eq 'x'"),
    ("toupper", "toupper(Comment) eq 'X'"),
    ("trim", "trim(Comment) eq 'x'"),
    ("date", "date(Timestamp) eq 2024-01-01"),
    ("day", "day(Timestamp) eq 1"),
    ("fractionalseconds", "fractionalseconds(Timestamp) eq 0.5"),
    ("hour", "hour(Timestamp) eq 1"),
    ("maxdatetime", "Timestamp lt maxdatetime()"),
    ("mindatetime", "Timestamp gt mindatetime()"),
    ("minute", "minute(Timestamp) eq 1"),
    ("month", "month(Timestamp) eq 1"),
    ("now", "Timestamp lt now()"),
    ("second", "second(Timestamp) eq 1"),
    ("time", "time(Timestamp) eq 01:00:00"),
    ("totaloffsetminutes", "totaloffsetminutes(Timestamp) eq 0"),
    ("totalseconds", "totalseconds(Timestamp sub Timestamp) eq 0"),
    ("year", "year(Timestamp) eq 2024"),
    ("ceiling", "ceiling(Hours) eq 1"),
    ("floor", "floor(Hours) eq 1"),
    ("round", "round(Hours) eq 1"),
    ("cast", "cast(PeriodLength,Edm.String) eq '1'"),
    ("isof", "isof(Comment,Edm.String)"),
    ("geo.distance", "geo.distance(Comment,Comment) eq 1"),
    ("geo.intersects", "geo.intersects(Comment,Comment)"),
    ("geo.length", "geo.length(Comment) eq 1"),
    ("case", "case(PeriodLength gt 1:true,true:false)"),
];

fn functions(service: &mut Service, term: &str, listed: &[&str]) {
    for name in listed {
        assert!(FUNCTIONS.iter().any(|(known, _)| known == name), "the function {name}, and nobody asks for it");
    }
    for (name, filter) in FUNCTIONS {
        let target = format!("Worklogs?$top=1&$filter={filter}");
        service.answered_if(listed.contains(name), &format!("{term} {name}"), &target);
    }
}

/// Whether a preference is honoured: the status that shows it, or its echo.
fn preference(service: &mut Service, term: &str, promised: bool, preference: &str, status: u16) {
    let reply = send(service.user, Request::get(&format!("{V4}/Users")).header("Prefer", preference));
    let honoured = reply.status == status || reply.header("Preference-Applied").is_some();
    service.expect(term, preference, honoured == promised && reply.status < 300, &reply);
}

fn batch(service: &mut Service, term: &str, promised: bool) {
    let body = br#"{"requests":[{"id":"1","method":"get","url":"Users"}]}"#;
    let reply = send(service.user, Request::post(&format!("{V4}/$batch"), "application/json", body));
    let status = if promised { 200 } else { 501 };
    service.expect(term, "POST $batch", reply.status == status, &reply);
}

fn key_as_segment(service: &mut Service, term: &str, promised: bool) {
    let rows = service.answered(term, "Users?$top=1&$select=Id").json();
    let id = rows["value"][0]["Id"].as_str().expect("an id").to_owned();
    let known = service.answered(term, &format!("Users({id})")).lossy();
    let reply = service.get(&format!("Users/{id}"));
    service.expect(term, "Users/key", (reply.status == 200 && reply.lossy() == known) == promised, &reply);
}

fn query_segment(service: &mut Service, term: &str, promised: bool) {
    let reply = send(service.user, Request::post(&format!("{V4}/Users/$query"), "text/plain", b"$top=1"));
    service.expect(term, "POST Users/$query", (reply.status == 200) == promised, &reply);
}

/// `$select` itself; what may stand within its items is not promised, as no property is a collection.
fn select(service: &mut Service, term: &str, value: &Value) {
    for (name, value) in object(value) {
        match name.as_str() {
            "Supported" => service.answered_if(flag(value), term, "Users?$select=Id"),
            other => panic!("{term}/{other}, and nobody asks for it"),
        }
    }
}
