//! What is fuzzed: each parser that a request reaches, and what must hold of its outcome whatever the input.
//!
//! A request goes through parse, bind and plan, and every statement of its plan is written for both back ends.

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::test::TestRequest;
use timeledger::auth;
use timeledger::entities;
use timeledger::http::odata::conditional::KnownTags;
use timeledger::http::odata::negotiate;
use timeledger::http::odata::prefer::Preferences;
use timeledger::odata::ODataError;
use timeledger::odata::edm::{Edm, Field, Model};
use timeledger::odata::encode::json::Metadata;
use timeledger::odata::limits::Limits;
use timeledger::odata::parse::{Body, RawRequest};
use timeledger::odata::plan::{Child, Plan};
use timeledger::odata::service::{self, Format, Setup};
use timeledger::odata::skiptoken::{Position, Sealer};
use timeledger::policy::{Caller, Duties, Role};
use timeledger::sql::value::Items;
use timeledger::sql::{Guid, Instant, List, Statement, Value};

use super::{browser, files, sign_in};

/// Whether an input was accepted; an error is a finding.
pub type Outcome = Result<bool, String>;

pub struct Target {
    pub name: &'static str,
    pub check: fn(&[u8]) -> Outcome,
    /// Inputs to begin with.
    pub seeds: &'static [&'static str],
    /// What an address holds for this target: its `$filter`, for one.
    pub part: fn(&str) -> Option<String>,
}

pub static TARGETS: &[&Target] = &[
    &Target { name: "url", check: url, seeds: &["Worklogs?$top=1", "$entity?$id=Users(1)", "$metadata"], part: whole },
    &Target { name: "filter", check: |i| option("$filter", i), seeds: FILTERS, part: |a| part(a, "filter") },
    &Target { name: "orderby", check: |i| option("$orderby", i), seeds: &["Id desc"], part: |a| part(a, "orderby") },
    &Target { name: "select", check: |i| option("$select", i), seeds: &["Id,User/Name"], part: |a| part(a, "select") },
    &Target { name: "expand", check: |i| option("$expand", i), seeds: EXPANDS, part: |a| part(a, "expand") },
    &Target { name: "apply", check: |i| option("$apply", i), seeds: APPLIES, part: |a| part(a, "apply") },
    &Target { name: "compute", check: |i| option("$compute", i), seeds: COMPUTES, part: |a| part(a, "compute") },
    &Target { name: "search", check: |i| option("$search", i), seeds: SEARCHES, part: |a| part(a, "search") },
    &Target { name: "skiptoken", check: skiptoken, seeds: &["AAAA", "a.b"], part: |a| part(a, "skiptoken") },
    &Target {
        name: "body",
        check: body,
        seeds: BODIES,
        part: |a| a.split_once('?').map(|(_, query)| query.to_owned()),
    },
    &Target { name: "headers", check: headers, seeds: HEADERS, part: |_| None },
    &files::CSV,
    &files::XLSX,
    &files::ODS,
    &files::DURATIONS,
    &files::DATES,
    &sign_in::AUTHORIZATION,
    &sign_in::JWT,
    &sign_in::NTLM,
    &sign_in::SPNEGO,
    &browser::RETURN_TO,
    &browser::STATE,
    &browser::ID_TOKEN,
    &browser::PASSWORD,
];

const FILTERS: &[&str] = &[
    "contains(Comment,'x') and not (PeriodLength gt 60)",
    "WorkItem/Children/any(c:c/Worklogs/$count($filter=IsBillable;$search=x) gt 1)",
    "case(IsBillable:PeriodLength,true:0) divby 2 eq 1.5",
    "WorkItem/Custom_Team in ('a',null) or Hours mod 2 eq 1",
    "cast(PeriodLength,Edm.String) eq '1' and isof(Comment,Edm.String)",
    "matchesPattern(Comment,'^[a-z]+(x|y){2,3}$')",
];
const EXPANDS: &[&str] = &[
    "User($select=Name),WorkItem($expand=Children($top=2;$skip=1;$count=true;$filter=true;$orderby=Title))",
    "WorkItem($expand=Children($levels=3)),*",
    "User/$ref",
    "WorkItem($compute=1 as X;$search=a OR b)",
];
const APPLIES: &[&str] = &[
    "filter(IsBillable)/groupby((User/Name),aggregate(PeriodLength with sum as S,$count as N))/filter(S gt 1)",
    "aggregate(PeriodLength mul 2 with average as X)",
    "search(a b)/identity",
    "groupby((rollup(A,B)),topcount(1,S))",
];
const COMPUTES: &[&str] = &["PeriodLength divby 3600 as Hours2,Hours2 add 1 as More", "length(Comment) as L"];
const SEARCHES: &[&str] = &["foo AND NOT \"bar baz\"", "(a OR b) c", "\"", "NOT NOT a"];
const BODIES: &[&str] = &[
    r#"{"$filter":"PeriodLength gt 1","top":5,"@a":[1,2],"count":true}"#,
    "$filter=Comment eq 'a%26b'&$top=5",
    r#"{"$filter":{"a":1}}"#,
];
const HEADERS: &[&str] = &[
    "accept: application/json;odata.metadata=minimal;q=1.0,application/xml;q=0.7",
    "prefer: odata.maxpagesize=5; foo=\"a,b\", include-annotations=\"*\",omit-values=nulls",
    "authorization: Basic OnRsdF9hYmM=",
    "authorization: Bearer tlt_abcdefghijklmnopqrstuvwxyz",
    "if-none-match: W/\"abc\", \"d\", *",
    "odata-maxversion: 4.01",
];

fn whole(address: &str) -> Option<String> {
    Some(address.to_owned())
}

/// The value of an option of an address.
fn part(address: &str, name: &str) -> Option<String> {
    let query = address.split_once('?').map_or(address, |(_, query)| query);
    let mut options = query.split('&').filter_map(|option| option.split_once('='));
    options.find(|(key, _)| key.trim_start_matches('$').eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
}

fn url(input: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(input);
    let (path, query) = text.split_once('?').unwrap_or((&text, ""));
    requests(&RawRequest { path, query, body: None })
}

/// The value of one option, as a body in JSON carries it: any text gets to the parser.
fn option(name: &str, input: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(input);
    let body = serde_json::json!({ name: text }).to_string();
    let mut accepted = false;
    for path in ["Worklogs", "WorkItems", "workItems"] {
        accepted |= requests(&RawRequest { path, query: "", body: Some(Body::Json(body.as_bytes())) })?;
    }
    Ok(accepted)
}

/// The bytes of a body, as text and as JSON.
fn body(input: &[u8]) -> Outcome {
    let mut accepted = false;
    for body in [Body::Text(input), Body::Json(input)] {
        accepted |= requests(&RawRequest { path: "Worklogs/$query", query: "", body: Some(body) })?;
    }
    Ok(accepted)
}

/// The token as it arrives, and a true one with its bytes changed.
fn skiptoken(input: &[u8]) -> Outcome {
    let sealer = Sealer::new([7; 32]);
    let text = String::from_utf8_lossy(input);
    let after = vec![Value::Int64(5), Value::Text(text.chars().take(100).collect())];
    let position = Position { after, left: Some(3), size: None };
    let token = sealer.seal(&position, "binding", NOW).map_err(|error| error.to_string())?;
    if sealer.open(&token, "binding", NOW).map_err(|error| error.to_string())? != position {
        return Err("a token does not open as it was sealed".to_owned());
    }
    let mut changed = token.clone().into_bytes();
    for (n, byte) in input.iter().take(8).enumerate() {
        let at = usize::from(*byte) * (n + 1) % changed.len();
        changed[at] = byte & 0x7f;
    }
    let changed = String::from_utf8_lossy(&changed).into_owned();
    for forged in [text.as_ref(), changed.as_str()] {
        match sealer.open(forged, "binding", NOW) {
            Ok(_) if forged != token => return Err(format!("a forged token opens: {forged}")),
            Ok(_) => {}
            Err(error) => refused(&error)?,
        }
    }
    let encoded: String = input.iter().map(|byte| format!("%{byte:02x}")).collect();
    requests(&RawRequest { path: "Worklogs", query: &format!("$skiptoken={encoded}"), body: None })
}

/// `name: value`, each header by its reader; preferences cannot fail.
fn headers(input: &[u8]) -> Outcome {
    let (name, value) = match input.iter().position(|byte| *byte == b':') {
        Some(at) => (&input[..at], input[at + 1..].trim_ascii()),
        None => (&b"accept"[..], input),
    };
    let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) else {
        return Ok(false);
    };
    let request = TestRequest::default().insert_header((name, value.clone())).to_http_request();
    let preferences = Preferences::of(request.headers());
    if preferences.page.is_some_and(|(size, _)| size == 0) {
        return Err("a page of no rows is preferred".to_owned());
    }
    let tags = KnownTags::of(&request);
    drop(tags.find("\"tag\""));
    let _who = auth::presented([value.as_bytes()].into_iter());
    let option = value.to_str().ok();
    let outcomes = [
        negotiate::protocol(&request).map(drop),
        negotiate::format(&request, None, false).map(drop),
        negotiate::format(&request, option, false).map(drop),
        negotiate::wants_json_metadata(&request, None).map(drop),
        negotiate::wants_json_metadata(&request, option).map(drop),
    ];
    let mut accepted = true;
    for outcome in outcomes {
        if let Err(error) = outcome {
            refused(&error)?;
            accepted = false;
        }
    }
    Ok(accepted)
}

/// 2024-01-02T03:04:05Z
const NOW: Instant = Instant(1_704_164_645_000_000);

/// A request of both models, as two roles.
fn requests(request: &RawRequest) -> Outcome {
    let mut accepted = false;
    for (segment, role) in [("v4.0", Role::Administrator), ("v4.0", Role::Team), ("v3.3", Role::Team)] {
        accepted |= prepared(request, segment, role)?;
    }
    Ok(accepted)
}

fn prepared(request: &RawRequest, segment: &str, role: Role) -> Outcome {
    let (schema, version) = entities::schema_for(segment).ok_or("no such version")?;
    let fields = if segment == "v4.0" { custom_fields().to_vec() } else { Vec::new() };
    let caller =
        Caller { user_id: 7, user_guid: Guid(uuid::Uuid::nil()), name: "Ann".into(), role, duties: Duties::NONE };
    let setup = Setup {
        model: Model { schema, version, granted: entities::rights(caller.sees_budgets()), fields: &fields },
        limits: &Limits::default(),
        viewer: &caller,
        me: Some(7),
        caller: "7",
        now: NOW,
        sealer: &Sealer::new([7; 32]),
        root: "https://host/api/odata/",
        format: Format::Json { metadata: Metadata::Full, ieee754: false },
        payload_401: true,
        continuation: None,
        omit_nulls: false,
        page: None,
        page_limit: None,
    };
    match service::prepare(request, &setup) {
        Err(error) => refused(&error).map(|()| false),
        Ok(prepared) => written(&prepared.plan).map(|()| true),
    }
}

fn custom_fields() -> [Field; 2] {
    let field = |id, name: &str, ty| Field { id, name: name.replace('.', "_"), reference_name: name.to_owned(), ty };
    [field(1, "Custom.Team", Edm::String), field(2, "Custom.Score", Edm::Double)]
}

/// An error is the request's fault, or says what is not there.
fn refused(error: &ODataError) -> Result<(), String> {
    let status = error.status();
    if !(400..500).contains(&status) && status != 501 {
        return Err(format!("answered {status}: {error}"));
    }
    if error.message.is_empty() || error.message.len() > 5_000 {
        return Err(format!("a message of {} bytes: {}", error.message.len(), error.message.escape_debug()));
    }
    Ok(())
}

/// Every statement has a text on both back ends, and no value of the request's is in it as text.
fn written(plan: &Plan) -> Result<(), String> {
    plan.owner.iter().chain(&plan.count).try_for_each(statement)?;
    statement(&plan.level.statement())?;
    children(&plan.level.children)
}

fn children(level: &[Child]) -> Result<(), String> {
    let parents = || List::new(Items::Ints(vec![1, 2]));
    for child in level {
        child.count_statement(parents()).iter().try_for_each(statement)?;
        if child.has_members() {
            statement(&child.statement(parents()))?;
        }
        children(&child.level.children)?;
    }
    Ok(())
}

fn statement(statement: &Statement) -> Result<(), String> {
    for text in [statement.sqlite_text(), statement.postgres_text()] {
        let text = text.map_err(|error| format!("no SQL: {error}"))?;
        if text.contains('\0') {
            return Err("a NUL in SQL".to_owned());
        }
    }
    Ok(())
}
