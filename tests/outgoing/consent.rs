//! AU-55: the way to Entra ID and back: whose browser, once, within ten minutes, to a page of ours.

use serde_json::{Value, json};
use timeledger::auth::audit;
use timeledger::db::Role;

use super::World;
use crate::backend::for_each_backend;
use crate::rest::error_code;
use crate::tracking::{ADA, NORA, TIM};

#[test]
fn au_55_a_state_is_good_once_in_its_browser_for_ten_minutes() {
    for_each_backend(|backend| {
        let world = World::start(backend, 2, "services");
        let refused = |target: &str, cookie: &str, why: &str| {
            let back = world.come_back(target, cookie);
            assert_eq!(back.status, 400, "{why}");
            let page = back.text();
            assert!(page.contains("Not connected") && !page.contains("state") && back.header("Location").is_none());
            let own = world.site.client(TIM).send(crate::rest::request("GET", "/api/v1/my-credentials", &Value::Null));
            assert_eq!(own.json()["items"][0]["credential"], Value::Null, "{why}");
        };
        let (url, cookie) = world.depart(TIM, false);
        let target = world.entra.consent(&url, "Tim");
        refused("/connect/callback", &cookie, "nothing");
        refused("/connect/callback?code=x&state=made-up", &cookie, "an unknown state");
        // Another's link in one's own browser: the state is over with that.
        let (_, other) = world.depart(ADA, false);
        refused(&target, &other, "another browser");
        refused(&target, &cookie, "used");
        let (url, cookie) = world.depart(TIM, false);
        let target = world.entra.consent(&url, "Tim");
        refused(&target, "", "no cookie");
        world.site.pass(601);
        refused(&target, &cookie, "after ten minutes");
        let (url, cookie) = world.depart(TIM, false);
        let target = world.entra.consent(&url, "Tim");
        let error = target.replace("code=", "error=access_denied&other=");
        refused(&error, &cookie, "the person says no");
        let (first, old) = world.depart(TIM, false);
        let first = world.entra.consent(&first, "Tim");
        let (url, cookie) = world.depart(TIM, false);
        refused(&first, &old, "begun anew since");
        let target = world.entra.consent(&url, "Tim");
        let back = world.come_back(&target, &cookie);
        assert_eq!((back.status, back.header("Location")), (303, Some("/tracking/connections")));
        assert!(back.header("Set-Cookie").is_some_and(|cookie| cookie.contains("Max-Age=0")));
        assert_eq!(world.test(TIM)["name"], "Tim");
        let again = world.come_back(&target, &cookie);
        assert_eq!(again.status, 400);
        // A code that is no good brings nothing.
        let (url, cookie) = world.depart(TIM, false);
        let target = world.entra.consent(&url, "Tim").replace("code=", "code=bent");
        assert_eq!(world.come_back(&target, &cookie).status, 400);
        let rows = audit::latest(&mut world.site.database.connect(Role::Reader), 50).expect("rows");
        let refusals = rows.iter().filter(|(event, ..)| event == "refused").count();
        assert!(refusals >= 3, "{rows:?}");
    });
}

#[test]
fn au_55_where_a_browser_comes_back_to_and_with_what() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        for (return_to, landed) in
            [("/a?b=1", "/a?b=1"), ("//evil", "/"), ("https:evil", "/"), ("/\\evil", "/"), ("", "/")]
        {
            let body = json!({"returnTo": return_to});
            let reply = world.ask(TIM, "POST", "/authorize", &body);
            let cookie = reply.header("Set-Cookie").expect("a cookie");
            assert!(
                cookie.starts_with("tl_connect=")
                    && ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"].iter().all(|part| cookie.contains(part)),
                "{cookie}"
            );
            let cookie = cookie.split(';').next().expect("a pair");
            let url = reply.json()["url"].as_str().expect("an address").to_owned();
            // From the configuration, whatever the request called its host.
            assert!(url.contains("redirect_uri=http%3A%2F%2Ftimeledger.test%2Ftracking%2Fconnect%2Fcallback"), "{url}");
            let back = world.come_back(&world.entra.consent(&url, "Tim"), cookie);
            assert_eq!(
                (back.status, back.header("Location")),
                (303, Some(format!("/tracking{landed}").as_str())),
                "{return_to}"
            );
        }
    });
}

#[test]
fn a_service_account_is_authorised_by_administrators_who_still_are() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        let reply = world.ask(TIM, "POST", "/authorize", &json!({"service": true}));
        assert_eq!((reply.status, error_code(&reply).as_str()), (403, "AccessDenied"));
        assert_eq!(world.ask(NORA, "POST", "/authorize", &json!({})).status, 403);
        let (url, cookie) = world.depart(ADA, true);
        let target = world.entra.consent(&url, "Svc");
        world.site.sql("UPDATE users SET role = 3 WHERE id = 1");
        assert_eq!(world.come_back(&target, &cookie).status, 400);
        world.site.sql("UPDATE users SET role = 9 WHERE id = 1");
    });
}

#[test]
fn a_site_that_is_not_registered_says_what_is_missing() {
    for_each_backend(|backend| {
        let server = crate::rest::server(backend);
        let ask = |path: &str, body: &Value| crate::rest::ask(&server, ADA, "POST", path, body);
        let made = ask("/api/v1/connections", &json!({"name": "Main", "baseUrl": "https://dev.azure.com/example"}));
        let id = made.json()["id"].as_str().expect("an id").to_owned();
        let reply = ask(&format!("/api/v1/connections/{id}/authorize"), &json!({}));
        assert!(
            reply.status == 409 && reply.lossy().contains("azure_devops.client_id is not set"),
            "{}",
            reply.lossy()
        );
        // Nor is anything kept without a key.
        let body = super::fakes::body("pat", "m4rked");
        let reply = crate::rest::ask(&server, ADA, "PUT", &format!("/api/v1/connections/{id}/credential"), &body);
        assert!(reply.status == 409 && reply.lossy().contains("no key is configured"), "{}", reply.lossy());
        let made = ask("/api/v1/connections", &json!({"name": "S", "kind": "server", "baseUrl": "https://tfs/C"}));
        let id = made.json()["id"].as_str().expect("an id").to_owned();
        let reply = ask(&format!("/api/v1/connections/{id}/authorize"), &json!({}));
        assert!(reply.status == 409 && reply.lossy().contains("does not know Entra ID"), "{}", reply.lossy());
    });
}
