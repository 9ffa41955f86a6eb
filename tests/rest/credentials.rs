//! `/api/v1/tokens`: made, rotated and revoked, by whom they may be, and nothing kept that is one.

use serde_json::{Value, json};
use timeledger::auth::audit;
use timeledger::db::Role;
use timeledger::http::v1::credentials::{MADE, TOKEN};

use super::{ADA, TESS, TIM, ask, check_members, error_code, request, server};
use crate::backend::for_each_backend;
use crate::support::http::{Reply, Request};
use crate::support::server::Server;

const TIM_ID: &str = "00000000-0000-4000-8000-000000000004";

fn make(server: &Server, user: &str, body: &Value) -> Reply {
    ask(server, user, "POST", "/api/v1/tokens", body)
}

fn made(reply: &Reply) -> (String, String) {
    assert_eq!(reply.status, 201, "{}", reply.lossy());
    check_members(&MADE, &reply.json(), "made");
    let text = |name: &str| reply.json()[name].as_str().expect("a text").to_owned();
    (text("id"), text("token"))
}

fn reads(server: &Server, token: &str) -> u16 {
    Request::get("/api/odata/v3.2/workLogsOnly/$count").bearer(token).send(server.address).status
}

#[test]
fn a_token_is_made_rotated_and_revoked() {
    for_each_backend(|backend| {
        let one = server(backend);
        let other = Server::beside(&one);
        let both = |token: &str| [reads(&one, token), reads(&other, token)];
        let list = |user: &str, path: &str| ask(&one, user, "GET", &format!("/api/v1/{path}"), &Value::Null).json();
        let (id, token) = made(&make(&one, TIM, &json!({"name": "Power BI", "days": 30, "scopes": "reports.read"})));
        assert_eq!(both(&token), [200, 200]);
        // It reads, and does no more.
        let write = request("POST", "/api/rest/workLogs", &json!({"length": 60, "comment": "x"})).bearer(&token);
        assert_eq!(write.send(one.address).status, 403);
        let again = request("POST", "/api/v1/tokens", &json!({})).bearer(&token).send(one.address);
        assert_eq!((again.status, error_code(&again).as_str()), (403, "AccessDenied"));
        let shown = list(TIM, "tokens");
        let shown =
            shown["items"].as_array().expect("items").iter().find(|token| token["id"] == json!(id)).expect("it");
        check_members(&TOKEN, shown, "token");
        assert_eq!((&shown["name"], &shown["scopes"]), (&json!("Power BI"), &json!("reports.read")));
        assert!(!shown.to_string().contains(&token) && token.starts_with(shown["prefix"].as_str().expect("a text")));
        assert_eq!(list(ADA, &format!("users/{TIM_ID}/tokens"))["items"][0]["id"], json!(id));
        assert_eq!(ask(&one, TIM, "GET", &format!("/api/v1/users/{TIM_ID}/tokens"), &Value::Null).status, 403);

        // A token makes none that may do more than itself.
        let (_, narrow) = made(&make(&one, TIM, &json!({"scopes": "reports.read admin"})));
        let by_it = |method, path: &str, body: &Value| request(method, path, body).bearer(&narrow).send(one.address);
        let wider = by_it("POST", "/api/v1/tokens", &json!({}));
        assert_eq!((wider.status, error_code(&wider).as_str()), (403, "AccessDenied"));
        assert_eq!(by_it("POST", "/api/v1/tokens", &json!({"scopes": "reports.read"})).status, 201);
        let (wide, _) = made(&make(&one, TIM, &json!({})));
        assert_eq!(by_it("POST", &format!("/api/v1/tokens/{wide}/rotate"), &json!({})).status, 403);

        // Both secrets for some hours, or the old one's end at once.
        let rotate = |id: &str, hours: i64| {
            ask(&one, TIM, "POST", &format!("/api/v1/tokens/{id}/rotate"), &json!({"overlapHours": hours}))
        };
        let (second_id, second) = made(&rotate(&id, 168));
        assert_eq!((both(&token), both(&second)), ([200, 200], [200, 200]));
        assert_eq!(list(TIM, "tokens")["items"][0]["name"], json!("Power BI"));
        let (third_id, third) = made(&rotate(&second_id, 0));
        assert_eq!((both(&second), both(&third)), ([401, 401], [200, 200]));
        assert_eq!((rotate(&second_id, 0).status, rotate(&third_id, 169).status), (404, 400));
        assert_eq!(ask(&one, TESS, "POST", &format!("/api/v1/tokens/{third_id}/rotate"), &json!({})).status, 404);

        // Its person, an administrator, and whoever holds it, on the next request everywhere.
        let delete =
            |user: &str, path: &str| ask(&one, user, "DELETE", &format!("/api/v1/{path}"), &Value::Null).status;
        assert_eq!((delete(TESS, &format!("tokens/{third_id}")), both(&third)), (404, [200, 200]));
        assert_eq!((delete(TIM, &format!("tokens/{third_id}")), both(&third)), (204, [401, 401]));
        assert_eq!(delete(TIM, &format!("tokens/{third_id}")), 204);
        let (id, token) = made(&make(&one, TIM, &json!({})));
        assert_eq!((delete(TIM, &format!("users/{TIM_ID}/tokens/{id}")), both(&token)), (403, [200, 200]));
        assert_eq!((delete(ADA, &format!("users/{TIM_ID}/tokens/{id}")), both(&token)), (204, [401, 401]));
        let (_, token) = made(&make(&one, TIM, &json!({"scopes": "reports.read"})));
        for held in [token.as_str(), "tlt_nothing", ""] {
            let body = json!({"token": held});
            assert_eq!(ask(&one, TESS, "POST", "/api/v1/tokens/revoke", &body).text(), "{}", "{held}");
        }
        assert_eq!(both(&token), [401, 401]);
        let events = audit::latest(&mut one.database.connect(Role::Reader), 50).expect("rows");
        let of = |event: &str| events.iter().filter(|(name, ..)| name == event).count();
        assert_eq!((of("token-made"), of("token-rotated"), of("token-revoked")), (8, 2, 3), "{events:?}");
    });
}

/// AU-17: one program that runs wild is no harm to others.
#[test]
fn a_token_may_have_a_limit_a_minute() {
    for_each_backend(|backend| {
        let server = server(backend);
        let (id, token) = made(&make(&server, TIM, &json!({"requestsPerMinute": 3})));
        // A minute may end among them, once.
        let replies: Vec<Reply> = (0..8)
            .map(|_| Request::get("/api/odata/v3.2/workLogsOnly/$count").bearer(&token).send(server.address))
            .collect();
        let refused: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 429).collect();
        assert!((2..=5).contains(&refused.len()), "{}", refused.len());
        let wait: u64 = refused[0].header("Retry-After").expect("seconds").parse().expect("a number");
        assert!((1..=60).contains(&wait) && error_code(refused[0]).is_empty(), "{}", refused[0].lossy());
        assert_eq!(refused[0].json()["error"]["code"], "TooManyRequests");
        // Another of the same person's has none, and a rotation keeps it.
        assert_eq!(reads(&server, &server.full_token(TIM)), 200);
        let path = format!("/api/v1/tokens/{id}/rotate");
        let (_, next) = made(&ask(&server, TIM, "POST", &path, &json!({"overlapHours": 0})));
        let read = (0..8).map(|_| reads(&server, &next)).collect::<Vec<_>>();
        assert!(read.contains(&200) && read.contains(&429), "{read:?}");
        let wrong = make(&server, TIM, &json!({"requestsPerMinute": 0}));
        assert_eq!((wrong.status, wrong.json()["target"].as_str()), (400, Some("requestsPerMinute")));
    });
}

#[test]
fn a_token_that_cannot_be_is_not_made() {
    for_each_backend(|backend| {
        let server = server(backend);
        for (body, status, target) in [
            (json!({"days": 0}), 422, "days"),
            (json!({"days": 367}), 422, "days"),
            (json!({"days": "soon"}), 400, "days"),
            (json!({"scopes": "everything"}), 400, "scopes"),
            (json!({"scopes": " "}), 400, "scopes"),
            (json!({"name": "a\nb"}), 400, "name"),
            (json!({"name": "x".repeat(201)}), 400, "name"),
        ] {
            let reply = make(&server, TIM, &body);
            assert_eq!((reply.status, reply.json()["target"].as_str()), (status, Some(target)), "{body}");
        }
        // An answer that is kept for a key would be a secret that is kept.
        let keyed = request("POST", "/api/v1/tokens", &json!({})).header("Idempotency-Key", "k");
        let keyed = keyed.bearer(&server.full_token(TIM)).send(server.address);
        assert_eq!((keyed.status, keyed.json()["target"].as_str()), (400, Some("Idempotency-Key")));
        let made = (0..60).map(|_| make(&server, TESS, &json!({"days": 1})).status).collect::<Vec<_>>();
        assert!(made.contains(&201) && made.ends_with(&[409, 409]), "{made:?}");
    });
}
