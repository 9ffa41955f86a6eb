//! The protocol around a query: OD-2, OD-4, OD-5, OD-14 to OD-16, OD-21 to OD-23, and who is asking.

use serde_json::json;

use super::{ADA, TIM, V4, V33, check_values, get, names, send, servers};
use crate::support::http::Request;

#[test]
fn od_2_4_metadata_is_xml_unless_json_is_all_that_is_wanted() {
    let excel = "application/json;odata.metadata=minimal;q=1.0,application/atomsvc+xml;q=0.8,application/xml;q=0.7";
    for accept in ["application/xml", "text/html", "*/*", excel] {
        let reply = send(ADA, Request::get(&format!("{V4}/$metadata")).header("Accept", accept));
        assert_eq!(reply.status, 200, "{accept}");
        assert!(reply.header("Content-Type").is_some_and(|kind| kind.starts_with("application/xml")), "{accept}");
        assert!(reply.text().contains("<edmx:Edmx") && reply.text().contains("Version=\"4.0\""), "{accept}");
    }
    let newer = send(ADA, Request::get(&format!("{V4}/$metadata")).header("OData-MaxVersion", "4.01"));
    assert!(newer.text().contains("Version=\"4.01\""));
}

/// The same model as in XML: `contract::published` compares every version.
#[test]
fn od_3_metadata_as_json() {
    for (root, container) in [(V4, "Timeledger.Container"), (V33, "Default.Container")] {
        let metadata = format!("{root}/$metadata");
        let by_option = [format!("{metadata}?$format=json"), format!("{metadata}?$format=application/json")];
        let by_accept = Request::get(&metadata).header("Accept", "application/json;odata.metadata=minimal, */*;q=0");
        let asked = by_option.iter().map(|target| Request::get(target).header("Accept", "application/xml"));
        for request in asked.chain([by_accept]) {
            let shown = request.shown();
            for (header, version) in [("4.0", "4.0"), ("4.01", "4.01"), ("4.02", "4.01")] {
                let reply = send(ADA, request.clone().header("OData-MaxVersion", header));
                assert_eq!((reply.status, reply.header("Content-Type")), (200, Some("application/json")), "{shown}");
                assert_eq!(reply.header("OData-Version"), Some(version), "{shown}");
                let document = reply.json();
                assert_eq!(
                    (&document["$Version"], &document["$EntityContainer"]),
                    (&json!(version), &json!(container))
                );
            }
        }
        let (xml, json) = (get(&metadata), get(&by_option[0]));
        let tag = json.header("ETag").expect("an ETag").to_owned();
        assert_ne!(xml.header("ETag"), Some(tag.as_str()));
        let known = |tag: &str| send(ADA, Request::get(&by_option[0]).header("If-None-Match", tag));
        assert_eq!((known(&tag).status, known(&tag).body.len()), (304, 0));
        assert_eq!(known(xml.header("ETag").expect("an ETag")).status, 200);
        assert_eq!(get(&format!("{metadata}?$format=csv")).error_code(), "NotAcceptable");
    }
    let budgets = |user: &str| {
        let reply = send(user, Request::get(&format!("{V4}/$metadata?$format=json")));
        reply.json()["Timeledger"]["Container"]["Budgets"].is_object()
    };
    assert!(budgets(ADA) && !budgets(TIM));
}

#[test]
fn od_5_accept() {
    let ask = |root: &str, accept: &str| {
        send(
            ADA,
            Request::get(&format!("{root}/{}", if root == V4 { "Budgets" } else { "budgets" }))
                .header("Accept", accept),
        )
    };
    for accept in ["application/atom+xml,application/json;q=0.5", "*/*", "application/*", "text/html,*/*;q=0.1"] {
        assert!(
            ask(V4, accept).header("Content-Type").is_some_and(|kind| kind.starts_with("application/json")),
            "{accept}"
        );
    }
    let reply = ask(V4, "application/atom+xml");
    assert_eq!((reply.status, reply.error_code().as_str()), (406, "NotAcceptable"));
    assert_eq!(ask(V33, "application/atom+xml").status, 200);
    let count = send(ADA, Request::get(&format!("{V4}/Budgets/$count")).header("Accept", "application/atom+xml"));
    assert_eq!((count.status, count.text()), (200, "4"));
    let reply = get(&format!("{V4}/Budgets?$format=xml"));
    assert_eq!((reply.status, reply.error_code().as_str()), (406, "NotAcceptable"));
}

#[test]
fn od_14_methods() {
    let set = format!("{V4}/Budgets");
    let head = send(ADA, Request::get(&set).method("HEAD"));
    assert_eq!((head.status, head.body.len()), (200, 0));
    for method in ["PUT", "PATCH", "DELETE", "POST"] {
        let reply = send(ADA, Request::get(&set).method(method));
        assert_eq!((reply.status, reply.error_code().as_str()), (405, "MethodNotAllowed"), "{method}");
        assert_eq!(reply.header("Allow"), Some("GET, HEAD, OPTIONS"), "{method}");
        assert_eq!(reply.header("OData-Version"), Some("4.0"), "{method}");
    }
}

#[test]
fn od_15_16_decoding() {
    for (target, expected) in [
        ("Budgets?$select=Id&$filter=BudgetName eq 'A%26B'", "2"),
        ("Budgets?$select=Id&$filter=BudgetName+eq+'Budget+One'", "1"),
        ("Budgets?%24select=Id&%24filter=BudgetName%20eq%20%27Budget%20One%27", "1"),
        ("Budgets?$select=Id&$filter=contains(Comment,'%6eothing')", "4"),
    ] {
        assert_eq!(names(&get(&format!("{V4}/{target}")).json(), "Id"), expected, "{target}");
    }
    for target in [
        "Budgets?$filter=BudgetName eq '%zz'",
        "Budgets?$filter=BudgetName eq '%ff'",
        "Budgets?$filter=Comment eq 'a%00b'",
        "%ff",
        "Bud%zzgets",
    ] {
        let reply = send(ADA, Request::raw(format!("{V4}/{}", target.replace(' ', "%20")).as_bytes()));
        assert_eq!((reply.status, reply.error_code().as_str()), (400, "InvalidEncoding"), "{target}");
    }
}

#[test]
fn od_21_queries_in_a_body() {
    let by_get = get(&format!("{V4}/Budgets?$select=BudgetName&$filter=contains(BudgetName,'%26')"));
    let ask = |target: &str, kind: &str, body: &str| {
        send(ADA, Request::post(&format!("{V4}/{target}"), kind, body.as_bytes()))
    };
    let text = "$select=BudgetName&$filter=contains(BudgetName,'%26')";
    let json = json!({"$select": "BudgetName", "filter": "contains(BudgetName,'&')"}).to_string();
    for (target, kind, body) in [
        ("Budgets/$query", "text/plain", text),
        ("Budgets/$query", "text/plain;charset=utf-8", text),
        ("Budgets/$query?$select=BudgetName", "text/plain", "filter=contains(BudgetName,'%26')"),
        ("Budgets/$query", "application/json", &json),
    ] {
        assert_eq!(ask(target, kind, body).lossy(), by_get.lossy(), "{target} {kind} {body}");
    }
    for (target, kind, body, status, code) in [
        ("Budgets/$query?$select=Id", "text/plain", text, 400, "DuplicateOption"),
        ("Budgets/$query", "application/xml", text, 415, "UnsupportedMediaType"),
        ("Budgets/$query", "application/json", "{\"$select\":", 400, "SyntaxError"),
        ("Budgets/$query", "text/plain", "$filter=Nope eq 1", 400, "UnknownProperty"),
    ] {
        let reply = ask(target, kind, body);
        assert_eq!((reply.status, reply.error_code().as_str()), (status, code), "{target} {kind} {body}");
    }
    assert_eq!(get(&format!("{V4}/Budgets/$query")).status, 405);
}

#[test]
fn od_23_compression() {
    let set = format!("{V4}/Worklogs");
    let plain = get(&set);
    for encoding in ["gzip", "br", "zstd"] {
        let reply = send(ADA, Request::get(&set).header("Accept-Encoding", encoding));
        assert_eq!(reply.header("Content-Encoding"), Some(encoding));
        assert!(reply.body.len() < plain.body.len() / 2, "{encoding}: {} of {}", reply.body.len(), plain.body.len());
        let vary = reply.all("Vary").collect::<Vec<_>>().join(",").to_lowercase();
        for name in ["accept", "accept-encoding", "authorization", "odata-maxversion", "prefer"] {
            assert!(vary.split(',').any(|part| part.trim() == name), "{name} in {vary}");
        }
    }
}

#[test]
fn od_36_45_custom_options_are_ignored() {
    check_values(V4, &[("Users?$select=Name&$orderby=Name&$top=1&foo=bar&_=1", json!([{"Name": "Ada Admin"}]))]);
}

#[test]
fn od_185_who_is_asking() {
    for server in servers() {
        let root = format!("{V33}/");
        let token = server.token(ADA);
        let basic = |pair: String| {
            use base64::Engine;
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
        };
        for authorization in [
            format!("Bearer {token}"),
            format!("bearer {token}"),
            basic(format!(":{token}")),
            basic(format!("somebody:{token}")),
            format!("Basic {token}"),
        ] {
            let reply = Request::get(&root).header("Authorization", &authorization).send(server.address);
            assert_eq!(reply.status, 200, "{}", authorization.split(' ').next().unwrap_or_default());
        }
        let other = if token.ends_with('x') { "y" } else { "x" };
        let wrong = format!("{}{other}", &token[..token.len() - 1]);
        for authorization in
            ["", "Bearer", "Bearer ", &format!("Bearer {wrong}"), "Basic !!!", &basic(format!(":{wrong}")), "Digest x"]
        {
            let mut request = Request::get(&root);
            if !authorization.is_empty() {
                request = request.header("Authorization", authorization);
            }
            let reply = request.send(server.address);
            assert_eq!((reply.status, reply.error_code().as_str()), (401, "UnauthorizedError"), "{authorization}");
            let challenges: Vec<_> = reply.all("WWW-Authenticate").collect();
            assert!(challenges.len() == 2 && challenges[0].starts_with("Bearer"), "{authorization}: {challenges:?}");
            assert_eq!(challenges[1], "Basic realm=\"timetracker\"");
            assert_eq!(reply.header("OData-Version"), Some("4.0"));
        }
        let reply = server.get("nora@example.com", &root);
        assert_eq!((reply.status, reply.error_code().as_str()), (403, "AccessDenied"));
    }
}
