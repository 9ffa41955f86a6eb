//! `/api/v1/connections`: made, changed, deleted by administrators; shown without a secret; told to the audit.

use serde_json::{Value, json};
use timeledger::auth::audit;
use timeledger::db::Role;
use timeledger::http::v1::connections::{CONNECTION, HELD, OWN, TESTED};

use super::World;
use super::fakes::pat;
use crate::backend::for_each_backend;
use crate::rest::{BO, check_members, error_code, request};
use crate::support::http::Request as HttpRequest;
use crate::tracking::{ADA, NORA, TIM};

#[test]
fn connections_are_administrators_and_own_credentials_are_everybodys() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        let client = |user: &str| world.site.client(user);
        for user in [TIM, BO, NORA] {
            for (method, path, body) in [
                ("GET", "", Value::Null),
                ("PATCH", "", json!({"name": "Mine"})),
                ("DELETE", "", Value::Null),
                ("PUT", "/credential", super::fakes::body("pat", "x")),
                ("DELETE", "/credential", Value::Null),
                ("POST", "/test", json!({"service": true})),
                ("POST", "/authorize", json!({"service": true})),
            ] {
                let reply = world.ask(user, method, path, &body);
                assert_eq!(
                    (reply.status, error_code(&reply).as_str()),
                    (403, "AccessDenied"),
                    "{user} {method} {path}"
                );
            }
        }
        world.keep(TIM, "/my-credential", &pat("tim"));
        world.keep(ADA, "/credential", &pat("svc"));
        let own = client(TIM).send(HttpRequest::get("/api/v1/my-credentials")).json();
        check_members(&OWN, &own["items"][0], "own");
        assert_eq!(own["items"][0]["credential"]["kind"], "pat");
        // A badge needs one question.
        let me = |user| client(user).send(HttpRequest::get("/api/v1/me")).json();
        assert_eq!((&me(TIM)["credentials"], me(TIM)["unreadNotices"].as_i64()), (&own["items"], Some(0)));
        assert_eq!(me(BO)["credentials"], json!([]));
        assert_eq!(me(NORA)["credentials"], json!([]));
        check_members(&TESTED, &world.test(TIM), "tested");
        let list = client(ADA).send(HttpRequest::get("/api/v1/connections")).json();
        check_members(&CONNECTION, &list["items"][0], "connection");
        check_members(&HELD, &list["items"][0]["credential"], "credential");
        assert_eq!(
            client(BO).send(HttpRequest::get("/api/v1/my-credentials")).json()["items"][0]["credential"],
            Value::Null
        );
        assert_eq!(client(NORA).send(HttpRequest::get("/api/v1/my-credentials")).status, 403);
        // An administrator's list says nothing of people's own.
        assert!(!list.to_string().contains("tim"), "{list}");
    });
}

#[test]
fn a_connection_is_changed_on_condition_and_told_to_the_audit() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        let client = world.site.client(ADA);
        let create = |body: Value| client.send(request("POST", "/api/v1/connections", &body));
        let refused = [
            (json!({"baseUrl": "https://dev.azure.com/x"}), "name"),
            (json!({"name": " ", "baseUrl": "https://dev.azure.com/x"}), "name"),
            (json!({"name": "mAIN", "baseUrl": "https://dev.azure.com/x"}), "name"),
            (json!({"name": "B"}), "baseUrl"),
            (json!({"name": "B", "baseUrl": "http://tfs/C"}), "baseUrl"),
            (json!({"name": "B", "baseUrl": "https://a:b@tfs/C"}), "baseUrl"),
            (json!({"name": "B", "baseUrl": "ftp://tfs/C"}), "baseUrl"),
            (json!({"name": "B", "baseUrl": "https://dev.azure.com/x", "kind": "cloud"}), "kind"),
        ];
        for (body, member) in refused {
            let reply = create(body.clone());
            assert_eq!(
                (reply.status, reply.json()["target"].as_str()),
                (422, Some(member)),
                "{body}: {}",
                reply.lossy()
            );
        }
        let made = create(json!({"name": "Old", "baseUrl": "https://example.visualstudio.com/DefaultCollection/"}));
        assert_eq!((made.status, &made.json()["baseUrl"]), (201, &json!("https://dev.azure.com/example")));
        let location = made.header("Location").expect("an address").to_owned();
        let tag = client.send(HttpRequest::get(&location)).header("ETag").expect("a tag").to_owned();
        let change = |tag: &str| request("PATCH", &location, &json!({"name": "New"})).header("If-Match", tag);
        let changed = client.send(change(&tag));
        assert_eq!((changed.status, &changed.json()["name"]), (200, &json!("New")), "{}", changed.lossy());
        assert_eq!(client.send(change(&tag)).status, 412);
        assert_eq!(client.send(request("DELETE", &location, &Value::Null)).status, 204);
        assert_eq!(client.send(HttpRequest::get(&location)).status, 404);
        // A member of the wrong kind of connection.
        let given = json!({"kind": "oauth", "secret": "x"});
        assert_eq!(world.ask(ADA, "PUT", "/credential", &given).status, 422);
        world.keep(ADA, "/credential", &pat("svc"));
        assert_eq!(world.ask(ADA, "DELETE", "", &Value::Null).status, 204);
        let rows = audit::latest(&mut world.site.database.connect(Role::Reader), 30).expect("rows");
        let of = |event: &str| rows.iter().filter(|(name, ..)| name == event).count();
        let counts =
            ["connection-made", "connection-changed", "connection-removed", "credential-kept", "plain-http-allowed"]
                .map(of);
        assert_eq!(counts, [2, 1, 2, 1, 1], "{backend:?} {rows:?}");
    });
}
