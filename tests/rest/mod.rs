//! REST (contract §4) through HTTP on both back ends.

mod worklogs;

use serde_json::Value;

use crate::backend::{Backend, Database, Fixture};
use crate::support::http::Request;
use crate::support::server::Server;

pub const TIM: &str = "tim@example.com";

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
