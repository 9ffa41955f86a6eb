//! REST (contract §4) through HTTP on both back ends.

mod audit;
pub mod bad_input;
mod bulk;
mod contract;
mod credentials;
mod doors;
mod exports;
mod histories;
pub mod matrix;
mod openapi;
mod sight;
mod v1;
mod worklogs;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use timeledger::http::api::shape::{Shape, Type};

use crate::backend::{Backend, Database, Fixture};
use crate::support::http::{Reply, Request};
use crate::support::server::Server;

pub const ADA: &str = "ada@example.com";
pub const BO: &str = "bo@example.com";
pub const PETRA: &str = "petra@example.com";
pub const TIM: &str = "tim@example.com";
pub const TESS: &str = "tess@example.com";
pub const NORA: &str = "nora@example.com";

/// A server of one's own with the small fixture.
pub fn server(backend: Backend) -> Server {
    Server::start(Database::loaded(backend, Fixture::SMALL))
}

/// A request with a JSON body, or without one where it is null.
pub fn request(method: &'static str, target: &str, body: &Value) -> Request {
    if body.is_null() {
        return Request::get(target).method(method);
    }
    Request::post(target, "application/json", body.to_string().as_bytes()).method(method)
}

/// As that person, with every scope.
pub fn ask(server: &Server, user: &str, method: &'static str, target: &str, body: &Value) -> Reply {
    request(method, target, body).bearer(&server.full_token(user)).send(server.address)
}

/// The code of an error of REST or of `/api/v1`.
pub fn error_code(reply: &Reply) -> String {
    let body: Option<Value> = serde_json::from_slice(&reply.body).ok();
    let code = |body: Value| Some(body.pointer("/error/errorCode").or(body.get("code"))?.as_str()?.to_owned());
    body.and_then(code).unwrap_or_default()
}

/// Enters a log and gives its id.
pub fn enter(server: &Server, user: &str, start: &str) -> String {
    let body = json!({"timeStamp": start, "length": 600, "workItemId": 3, "comment": "entered"});
    let reply = ask(server, user, "POST", "/api/rest/workLogs", &body);
    assert_eq!(reply.status, 200, "{}", reply.lossy());
    reply.json()["data"]["id"].as_str().expect("an id").to_owned()
}

/// Members that come only where they are asked for or have something to say.
const SOMETIMES: [&str; 3] = ["isCanEdit", "isCanDelete", "comment"];

/// An object has the members of its declaration, each of its type, and no other.
pub fn check_members(shape: &Shape, object: &Value, place: &str) {
    let Value::Object(sent) = object else { panic!("{place} is no object: {object}") };
    let declared: BTreeSet<&str> = shape.members.iter().map(|member| member.name).collect();
    for name in sent.keys() {
        assert!(declared.contains(name.as_str()), "{place}.{name} is not declared in {}", shape.name);
    }
    for member in shape.members {
        let place = format!("{place}.{}", member.name);
        let Some(value) = sent.get(member.name) else {
            assert!(SOMETIMES.contains(&member.name), "{place} is missing");
            continue;
        };
        if value.is_null() {
            continue;
        }
        let fits = match member.ty {
            Type::Bool => value.is_boolean(),
            Type::Int => value.is_i64(),
            Type::Text => value.is_string(),
            Type::Guid => value.as_str().is_some_and(|text| text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()),
            Type::Instant => value.as_str().is_some_and(|text| text.starts_with("20") && text.ends_with('Z')),
            Type::Time | Type::Day => value.as_str().is_some_and(|text| text.starts_with("20") && !text.ends_with('Z')),
            Type::Json => true,
            Type::Object(shape) => {
                check_members(shape, value, &place);
                true
            }
            Type::List(shape) => {
                let members = value.as_array().unwrap_or_else(|| panic!("{place} is no array"));
                members.iter().for_each(|member| check_members(shape, member, &place));
                true
            }
        };
        assert!(fits, "{place} has another type: {value}");
    }
}
