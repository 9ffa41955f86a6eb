//! The description of REST, tracking, pairing and `/api/v1` in OpenAPI 3.1, made from the tables of routes.
//!
//! In: the declarations of `http/rest`, `http/tracking` and `http/v1`. Out: one JSON document; `schema/openapi.json` is its copy, so that a
//! change of the interface shows in review.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::address::Api;
use super::api::shape::{Shape, Type};
use super::api::{Answer, Call, Job, Route, routes};
use crate::domain::refusal::Refusal;
use crate::policy::Duties;

/// `GET /api/v1/openapi.json`
pub fn serve(_: &Arc<Call>) -> Result<Job, Refusal> {
    Job::read(|_| Answer::bare(document()))
}

/// The document.
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut schemas = Map::new();
    for route in routes() {
        let operation = operation(route, &mut schemas);
        let path = paths.entry(route.pattern()).or_insert_with(|| json!({}));
        if let Value::Object(methods) = path {
            methods.insert(route.verb.name().to_ascii_lowercase(), operation);
        }
    }
    paths.extend(pairing());
    schemas.insert("RestError".to_owned(), rest_error());
    schemas.insert("Problem".to_owned(), problem());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Timeledger",
            "version": "1",
            "description": "REST is also at /api/{collection}/rest and /api-internal/rest. Reports are OData: /api/odata/v4.0/$metadata.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "Any user name, the token as password."},
            },
        },
        "security": [{"bearer": []}, {"basic": []}],
    })
}

/// What is in no table: these routes ask for no credential, but one (contract §2.1).
fn pairing() -> Map<String, Value> {
    let text = json!({"type": "string"});
    let object = |names: &[&str]| {
        let members: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), text.clone())).collect();
        json!({"type": "object", "properties": members})
    };
    let answer = |schema: Value| json!({"description": "Done.", "content": {"application/json": {"schema": schema}}});
    let refused =
        json!({"description": "Refused.", "content": {"application/json": {"schema": reference("RestError")}}});
    let post = |id: &str, summary: &str, body: Option<(&str, Value)>, done: Value, default: Value| {
        let mut operation = json!({
            "summary": summary,
            "operationId": id,
            "security": [],
            "responses": {"2XX": answer(done), "default": default},
        });
        if let (Some((kind, schema)), Value::Object(members)) = (body, &mut operation) {
            members.insert("requestBody".to_owned(), json!({"content": {kind: {"schema": schema}}}));
        }
        json!({"post": operation})
    };
    let create =
        post("pin_create", "A PIN to show, a secret to keep", None, object(&["pin", "secret"]), refused.clone());
    let status = post(
        "pin_status",
        "How a secret stands: Validating, Validated or WrongOrExpired",
        Some(("application/json", text.clone())),
        object(&["status"]),
        refused.clone(),
    );
    let mut validate = post(
        "pin_validate",
        "Let the client in that shows this PIN",
        Some(("application/json", object(&["pin"]))),
        object(&["status"]),
        refused,
    );
    if let Some(operation) = validate["post"].as_object_mut() {
        operation.remove("security");
    }
    let mut pair = object(&["access_token", "token_type", "refresh_token", "client_id", ".issued", ".expires"]);
    pair["properties"]["expires_in"] = json!({"type": "integer"});
    let error = answer(object(&["error", "error_description"]));
    let form = object(&["client_id", "grant_type", "code", "refresh_token"]);
    let token = post(
        "token",
        "A validated secret, or a refresh token, for a pair of tokens",
        Some(("application/x-www-form-urlencoded", form)),
        pair,
        error,
    );
    let all =
        [("/api/pin/create", create), ("/api/pin/status", status), ("/api/pin/validate", validate), ("/token", token)];
    all.into_iter().map(|(path, methods)| (path.to_owned(), methods)).collect()
}

fn operation(route: &Route, schemas: &mut Map<String, Value>) -> Value {
    let is_rest = matches!(route.api, Api::Rest | Api::Tracking);
    let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path =
        in_path.map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
    let dollar = |name: &str| {
        let name = if is_rest && !NO_DOLLAR.contains(&name) { format!("${name}") } else { name.to_owned() };
        json!({"name": name, "in": "query", "schema": {"type": "string"}})
    };
    let version = is_rest.then(|| json!({"name": "api-version", "in": "query", "schema": {"type": "string"}}));
    let in_query = route.options.iter().map(|name| dollar(name)).chain(version);
    let error = if is_rest { ("application/json", "RestError") } else { ("application/problem+json", "Problem") };
    let mut operation = json!({
        "summary": route.summary,
        "operationId": operation_id(route),
        "description": needed(route),
        "parameters": in_path.chain(in_query).collect::<Vec<_>>(),
        "responses": {
            "2XX": answer(route, schemas),
            "default": {"description": "Refused.", "content": {error.0: {"schema": reference(error.1)}}},
        },
    });
    if let (Some(shape), Value::Object(members)) = (route.request, &mut operation) {
        let body = of_shape(route.api, shape, schemas);
        let body = if route.many { json!({"type": "array", "items": body, "maxItems": 500}) } else { body };
        members.insert("requestBody".to_owned(), json!({"content": {"application/json": {"schema": body}}}));
    }
    if let (true, Value::Object(members)) = (route.takes_file, &mut operation) {
        let file = json!({"schema": {"type": "string", "format": "binary"}});
        members.insert("requestBody".to_owned(), json!({"content": {"application/octet-stream": file}}));
    }
    operation
}

fn needed(route: &Route) -> String {
    let duty = if route.duties == Duties::NONE { "" } else { ", or the duty that it is about" };
    format!("At least the role {}{duty}; scope of the token: {}.", route.least, route.scope)
}

/// `post_rest_workLogs_batch`
fn operation_id(route: &Route) -> String {
    let words = route.pattern().replace("/api", "").replace(['{', '}'], "").replace(['/', '-', '.'], "_");
    format!("{}{words}", route.verb.name().to_ascii_lowercase())
}

/// Options that the contract writes without `$`.
const NO_DOLLAR: [&str; 6] = ["from", "to", "userId", "weekStart", "validateOnly", "includeNoneRoles"];

fn answer(route: &Route, schemas: &mut Map<String, Value>) -> Value {
    let done = |schema: Value| json!({"description": "Done.", "content": {"application/json": {"schema": schema}}});
    let object = |name: &str, schema: Value| json!({"type": "object", "properties": {name: schema}});
    let one = route.answer.map(|shape| of_shape(route.api, shape, schemas));
    match (route.api, one, route.gives_many) {
        // As the version of the request spells it: docs/tracking.md.
        (Api::Tracking, ..) => done(json!({"type": "object"})),
        (Api::V1, ..) if route.gives_file => {
            let file = json!({"schema": {"type": "string", "format": "binary"}});
            json!({"description": "The file.", "content": {"application/octet-stream": file}})
        }
        (Api::V1, None, _) => json!({"description": "Done."}),
        (_, None, _) => done(object("data", json!({"type": ["boolean", "null"]}))),
        (Api::V1, Some(one), true) => done(object("items", json!({"type": "array", "items": one}))),
        (Api::V1, Some(one), false) => done(one),
        (_, Some(one), true) if route.many => done(json!({"type": "array", "items": one})),
        (_, Some(one), true) => done(object("data", json!({"type": "array", "items": one}))),
        (_, Some(one), false) => done(object("data", one)),
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// A reference to the schema of a shape, which is added if it is not there.
fn of_shape(api: Api, shape: &Shape, schemas: &mut Map<String, Value>) -> Value {
    let prefix = if api == Api::Rest { "Rest" } else { "" };
    let name = format!("{prefix}{}", shape.name);
    if !schemas.contains_key(&name) {
        schemas.insert(name.clone(), Value::Null);
        let members = shape.members.iter().map(|member| {
            let mut schema = of_type(api, member.ty, schemas);
            if let (false, Value::Object(parts)) = (member.doc.is_empty(), &mut schema) {
                parts.insert("description".to_owned(), json!(member.doc));
            }
            (member.name.to_owned(), schema)
        });
        let members: Map<String, Value> = members.collect();
        schemas.insert(name.clone(), json!({"type": "object", "properties": members}));
    }
    reference(&name)
}

fn of_type(api: Api, ty: Type, schemas: &mut Map<String, Value>) -> Value {
    let text = |format: &str| json!({"type": ["string", "null"], "format": format});
    match ty {
        Type::Bool => json!({"type": ["boolean", "null"]}),
        Type::Int => json!({"type": ["integer", "null"], "format": "int64"}),
        Type::Text => json!({"type": ["string", "null"]}),
        Type::Guid => text("uuid"),
        Type::Instant => text("date-time"),
        // A wall clock has no zone, which `date-time` would ask for.
        Type::Time => json!({"type": ["string", "null"], "examples": ["2024-03-01T09:30:00"]}),
        Type::Day => json!({"type": ["string", "null"], "examples": ["2024-03-01"]}),
        Type::Object(shape) => of_shape(api, shape, schemas),
        Type::List(shape) => json!({"type": "array", "items": of_shape(api, shape, schemas)}),
        Type::Json => json!({}),
    }
}

fn rest_error() -> Value {
    let error = json!({
        "type": "object",
        "properties": {
            "statusCode": {"type": "integer"},
            "errorCode": {"type": "string"},
            "errorDescription": {"type": "string"},
            "message": {"type": ["string", "null"], "description": "Names the member at fault."},
        },
    });
    json!({"type": "object", "properties": {"error": error}})
}

/// RFC 9457.
fn problem() -> Value {
    json!({
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "instance": {"type": ["string", "null"]},
            "code": {"type": "string"},
            "target": {"type": "string", "description": "The member at fault."},
        },
    })
}
