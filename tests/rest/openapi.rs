//! The description in OpenAPI: every route is in it, every reference leads somewhere, and its copy in `schema/` is of today.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use timeledger::http::api::routes;
use timeledger::http::openapi;

use super::{TIM, ask, server};
use crate::backend::Backend;

/// References of a document, and whether each leads somewhere.
fn check_references(document: &Value, at: &Value) {
    match at {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                let found = document.pointer(reference.trim_start_matches('#'));
                assert!(found.is_some_and(Value::is_object), "{reference} leads nowhere");
            }
            members.values().for_each(|member| check_references(document, member));
        }
        Value::Array(members) => members.iter().for_each(|member| check_references(document, member)),
        _ => {}
    }
}

/// With `UPDATE_SCHEMA=1` the copy is written anew.
#[test]
fn the_description_is_that_of_the_routes() {
    let document = openapi::document();
    check_references(&document, &document);
    let mut names = BTreeSet::new();
    for route in routes() {
        let operation = &document["paths"][route.pattern()][route.verb.name().to_ascii_lowercase()];
        assert_eq!(operation["summary"].as_str(), Some(route.summary), "{}", route.pattern());
        assert!(names.insert(operation["operationId"].as_str().expect("a name").to_owned()), "{}", route.pattern());
        assert_eq!(
            operation.get("requestBody").is_some(),
            route.request.is_some() || route.takes_file,
            "{}",
            route.pattern()
        );
    }
    for path in ["/api/pin/create", "/api/pin/status", "/api/pin/validate", "/token"] {
        let operation = &document["paths"][path]["post"];
        assert!(names.insert(operation["operationId"].as_str().expect("a name").to_owned()), "{path}");
        assert_eq!(operation.get("security").is_none(), path == "/api/pin/validate", "{path}");
    }
    let copy = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/openapi.json");
    let text = format!("{}\n", serde_json::to_string_pretty(&document).expect("JSON"));
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&copy, &text).expect("the copy is written");
    }
    let kept = fs::read_to_string(&copy).expect("schema/openapi.json");
    assert!(kept == text, "schema/openapi.json is not of today; run with UPDATE_SCHEMA=1 and look at what changed");
    let server = server(Backend::Sqlite);
    assert_eq!(ask(&server, TIM, "GET", "/api/v1/openapi.json", &Value::Null).json(), document);
}
