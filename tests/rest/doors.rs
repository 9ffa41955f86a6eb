//! The doors of REST: addresses, credentials, methods, keys, tags.

use serde_json::{Value, json};
use timeledger::http::api::{Verb, routes};

use super::{ADA, TIM, ask, enter, error_code, request, server};
use crate::backend::for_each_backend;
use crate::backend::{Backend, Database, Fixture};
use crate::support::http::Request;
use crate::support::server::Server;

#[test]
fn contract_1_every_spelling_of_the_address() {
    let server = server(Backend::Sqlite);
    for root in ["/api/rest", "/API/Rest", "/api/DefaultCollection/rest", "/api/My%20Team/rest", "/api-internal/rest"] {
        for path in ["workLogs", "worklogs/", "WORKLOGS?api-version=3.2"] {
            let reply = server.get(TIM, &format!("{root}/{path}"));
            assert_eq!(reply.status, 200, "{root}/{path}: {}", reply.lossy());
        }
    }
    let known = [("TIMELEDGER_SERVER__ORGANIZATIONS", "One,Two")];
    let server = Server::start_with(Database::loaded(Backend::Sqlite, Fixture::SMALL), &known);
    assert_eq!(server.get(TIM, "/api/two/rest/me").json()["data"]["account"]["name"], json!("Two"));
    let reply = server.get(TIM, "/api/Three/rest/me");
    assert_eq!((reply.status, error_code(&reply).as_str()), (404, "EntityNotFound"));
}

/// Whatever the route: without a credential 401 in REST's envelope, before any body is looked at.
#[test]
fn every_route_asks_who_is_there() {
    let server = server(Backend::Sqlite);
    for route in routes() {
        let target = route.pattern().replace("{id}", "cccccccc-0000-4000-8000-000000000001");
        let asked = request(route.verb.name(), &target, &json!("nonsense"));
        let reply = asked.send(server.address);
        assert_eq!(reply.status, 401, "{target}");
        assert_eq!(reply.all("WWW-Authenticate").collect::<Vec<_>>(), ["Bearer", "Basic realm=\"timetracker\""]);
        if target.starts_with("/api/rest") {
            assert_eq!(error_code(&reply), "UnauthorizedError", "{target}");
        }
        let options = Request::get(&target).method("OPTIONS").send(server.address);
        assert!(options.header("Allow").is_some_and(|allow| allow.contains(route.verb.name())), "{target}");
        if route.verb == Verb::Get {
            let head = Request::get(&target).method("HEAD").bearer(&server.full_token(ADA)).send(server.address);
            // A report without its days is refused as with GET.
            let expected = if target.ends_with("/time-report") { [400; 2] } else { [200, 404] };
            assert!(expected.contains(&head.status), "{target}: {}", head.status);
        }
    }
    let reply = ask(&server, TIM, "PUT", "/api/rest/me", &json!({}));
    assert_eq!((reply.status, reply.header("Allow")), (405, Some("GET, HEAD, OPTIONS")));
}

#[test]
fn contract_1_a_strict_site_wants_a_version() {
    let strict = [("TIMELEDGER_REST__STRICT_API_VERSION", "true"), ("TIMELEDGER_REST__BATCH_IN_ENVELOPE", "true")];
    let server = Server::start_with(Database::loaded(Backend::Sqlite, Fixture::SMALL), &strict);
    let reply = server.get(TIM, "/api/rest/me");
    assert_eq!((reply.status, error_code(&reply).as_str()), (400, "ApiVersionError"));
    assert_eq!(server.get(TIM, "/api/rest/me?API-Version=3.2").status, 200);
    let batch = ask(&server, TIM, "POST", "/api/rest/workLogs/batch?api-version=3.2", &json!([]));
    assert_eq!(batch.json(), json!({"data": []}));
}

#[test]
fn a_body_has_a_limit() {
    let small = [("TIMELEDGER_REST__MAX_BODY_BYTES", "1000")];
    let server = Server::start_with(Database::loaded(Backend::Sqlite, Fixture::SMALL), &small);
    let body = json!({"length": 60, "comment": "x".repeat(2000)});
    let reply = ask(&server, TIM, "POST", "/api/rest/workLogs", &body);
    assert_eq!((reply.status, error_code(&reply).as_str()), (413, "UnknownError"));
}

#[test]
fn a_key_makes_a_post_once() {
    for_each_backend(|backend| {
        let server = server(backend);
        let post = |user: &str, key: &str, length: i32| {
            let body = json!({"timeStamp": "2024-07-01T08:00:00", "length": length, "comment": "once"});
            let request = request("POST", "/api/rest/workLogs", &body).header("Idempotency-Key", key);
            server.send(user, request)
        };
        let first = post(TIM, "k-1", 60);
        let again = post(TIM, "k-1", 60);
        assert_eq!((first.status, first.text()), (200, again.text()));
        assert_eq!(first.header("ETag"), again.header("ETag"));
        let other = post(TIM, "k-1", 61);
        assert_eq!((other.status, error_code(&other).as_str()), (422, "DbValidationError"));
        // Another key, another caller: another log.
        assert_ne!(post(TIM, "k-2", 60).text(), first.text());
        assert_ne!(post(ADA, "k-1", 60).text(), first.text());
        // A refused one may be tried again with its key.
        assert_eq!(post(TIM, "k-3", 0).status, 422);
        assert_eq!(post(TIM, "k-3", 5).status, 200);
        for key in ["with blank", "ü", &"k".repeat(201)] {
            assert_eq!(post(TIM, key, 60).status, 400, "{key}");
        }
        let logs = ask(&server, TIM, "GET", "/api/rest/workLogs?from=2024-07-01", &Value::Null).json();
        assert_eq!(logs["data"].as_array().map(Vec::len), Some(3));
        std::thread::scope(|scope| {
            let post = &post;
            let all: Vec<_> = (0..8).map(|_| scope.spawn(move || post(TIM, "k-9", 90))).collect();
            let answers: Vec<_> = all.into_iter().map(|one| one.join().expect("an answer")).collect();
            for answer in &answers {
                assert_eq!((answer.status, answer.text()), (200, answers[0].text()));
            }
        });
        let logs = ask(&server, TIM, "GET", "/api/rest/workLogs?from=2024-07-01", &Value::Null).json();
        assert_eq!(logs["data"].as_array().map(Vec::len), Some(4));
    });
}

#[test]
fn a_tag_keeps_changes_from_being_lost() {
    for_each_backend(|backend| {
        let server = server(backend);
        let target = format!("/api/rest/workLogs/{}", enter(&server, TIM, "2024-07-01T08:00:00"));
        let read = server.get(TIM, &target);
        let tag = read.header("ETag").expect("a tag").to_owned();
        let unchanged = server.send(TIM, Request::get(&target).header("If-None-Match", &tag));
        assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
        let patch = |tag: &str, length: i32| {
            server.send(TIM, request("PATCH", &target, &json!({"length": length})).header("If-Match", tag))
        };
        let changed = patch(&tag, 700);
        assert_eq!(changed.status, 200);
        assert_eq!(patch(&tag, 800).status, 412);
        assert_eq!(server.send(TIM, Request::get(&target).method("DELETE").header("If-Match", &tag)).status, 412);
        assert_eq!(patch(changed.header("ETag").expect("a tag"), 900).status, 200);
        assert_eq!(patch("*", 901).status, 200);
    });
}
