//! `/api/v1/notices`: one's own, what was read, and how one wants to be told.

use serde_json::{Value, json};
use timeledger::http::v1::notices::{NOTICE, SETTINGS};

use super::{People, member, reused, tell};
use crate::backend::for_each_backend;
use crate::rest::{check_members, request};
use crate::support::http::Request;
use crate::tracking::{ADA, NORA, Site, TESS, TIM};

#[test]
fn ux_71_unread_ones_come_first_and_are_ones_own() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 2);
        let people = People::of(&site);
        for n in 1..=5 {
            tell(&site, &reused(&format!("g{n}"), &format!("192.0.2.{n}")));
            site.pass(1);
        }
        let tim = people.client(0, TIM);
        let post = |path: &str| tim.send(request("POST", &format!("/api/v1/notices/{path}"), &json!({})));
        let unread = |server: usize, user: &str| {
            let reply = people.client(server, user).send(Request::get("/api/v1/notices/unread"));
            reply.json()["unread"].as_i64().expect("a number")
        };
        let order = |server: usize| -> Vec<String> {
            let all = people.list(server, TIM);
            all.iter().map(|notice| notice["facts"]["address"].as_str().expect("a fact").to_owned()).collect()
        };
        let numbers = |numbers: &[u8]| -> Vec<String> { numbers.iter().map(|n| format!("192.0.2.{n}")).collect() };
        assert_eq!((order(0), unread(0, TIM)), (numbers(&[5, 4, 3, 2, 1]), 5), "{backend:?}");
        let ids = member(&people.list(0, TIM), "id");
        let read = post(&format!("{}/read", ids[1]));
        assert_eq!(read.status, 200);
        check_members(&NOTICE, &read.json(), "a notice");
        let at = read.json()["readAt"].clone();
        assert_eq!(at, json!("2024-05-02T09:00:05Z"));
        assert_eq!((order(1), unread(1, TIM)), (numbers(&[5, 3, 2, 1, 4]), 4));
        // Again: it was read then.
        site.pass(60);
        assert_eq!(post(&format!("{}/read", ids[1])).json()["readAt"], at);
        // Pages.
        let page = tim.send(Request::get("/api/v1/notices?$skip=3&$count=2")).json();
        let page = member(page["items"].as_array().expect("a list"), "id");
        assert_eq!(page, [ids[4].clone(), ids[1].clone()]);
        assert_eq!(tim.send(Request::get("/api/v1/notices?$count=x")).status, 400);
        // Nobody else sees or reads it, an administrator neither.
        for user in [TESS, ADA] {
            assert_eq!((people.list(0, user), unread(0, user)), (Vec::<Value>::new(), 0));
            let other = people.client(0, user);
            let stolen = other.send(request("POST", &format!("/api/v1/notices/{}/read", ids[0]), &json!({})));
            assert_eq!(stolen.status, 404);
            assert_eq!(other.send(request("POST", "/api/v1/notices/read", &json!({}))).status, 204);
        }
        assert_eq!(unread(0, TIM), 4);
        assert_eq!((post("nothing/read").status, post("read").status), (404, 204));
        assert_eq!((order(0), unread(1, TIM)), (numbers(&[5, 4, 3, 2, 1]), 0));
        assert_eq!(people.client(0, NORA).send(Request::get("/api/v1/notices")).status, 403);
    });
}

#[test]
fn ux_71_settings_are_checked_and_ones_own() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 2);
        let people = People::of(&site);
        site.zone(TIM, "Europe/Berlin");
        const PATH: &str = "/api/v1/notices/settings";
        let read = |server: usize, user: &str| people.client(server, user).send(Request::get(PATH));
        let change = |body: &Value| people.client(0, TIM).send(request("PATCH", PATH, body));
        let before = read(0, TIM);
        check_members(&SETTINGS, &before.json(), "settings");
        let all = json!({
            "tokenExpires": true, "credentialExpires": true, "credentialFailed": true, "grantReused": true,
            "guessed": true,
        });
        let as_new = json!({
            "mail": all, "quietFrom": null, "quietTo": null, "timeZone": "Europe/Berlin", "address": "tim@example.com",
        });
        assert_eq!(before.json(), as_new, "{backend:?}");
        let changed = change(&json!({"mail": {"guessed": false}, "quietFrom": "22:00", "quietTo": "07:30"}));
        assert_eq!(changed.status, 200, "{}", changed.lossy());
        let mut expected = as_new.clone();
        expected["mail"]["guessed"] = json!(false);
        expected["quietFrom"] = json!("22:00");
        expected["quietTo"] = json!("07:30");
        assert_eq!((changed.json(), read(1, TIM).json()), (expected.clone(), expected.clone()));
        // What is left out stays.
        expected["mail"]["tokenExpires"] = json!(false);
        assert_eq!(change(&json!({"mail": {"tokenExpires": false}})).json(), expected);
        for (body, member) in [
            (json!({"quietFrom": "24:00"}), "quietFrom"),
            (json!({"quietFrom": "7:00"}), "quietFrom"),
            (json!({"quietTo": "22:60"}), "quietTo"),
            (json!({"quietTo": "22:00"}), "quietTo"),
            (json!({"quietTo": null}), "quietTo"),
            (json!({"quietFrom": null}), "quietFrom"),
            (json!({"quietFrom": 5}), "quietFrom"),
            (json!({"mail": {"guessed": "maybe"}}), "mail.guessed"),
        ] {
            let refused = change(&body);
            assert_eq!((refused.status, refused.json()["target"].as_str()), (400, Some(member)), "{body}");
        }
        assert_eq!(change(&json!({"mail": true})).status, 400);
        assert_eq!(read(0, TIM).json(), expected);
        let stale = request("PATCH", PATH, &json!({"mail": {"guessed": true}}))
            .header("If-Match", before.header("ETag").expect("a tag"));
        assert_eq!(people.client(0, TIM).send(stale).status, 412);
        let back = json!({"mail": all, "quietFrom": null, "quietTo": null});
        assert_eq!(change(&back).json(), as_new);
        // A token that only enters time keeps nobody from hearing of it.
        let made = people.client(0, TIM).send(request(
            "POST",
            "/api/v1/tokens",
            &json!({"scopes": "time.write reports.read"}),
        ));
        let token = made.json()["token"].as_str().expect("a secret").to_owned();
        let muting = request("PATCH", PATH, &json!({"mail": {"guessed": false}})).bearer(&token);
        assert_eq!(muting.send(site.address(0)).status, 403);
        assert_eq!(read(0, TESS).json()["timeZone"], json!("UTC"));
    });
}
