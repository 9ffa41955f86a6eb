//! Sessions: their cookie, their end, and what a page may do with them (AU-72, AU-73, AU-74).

use serde_json::{Value, json};
use timeledger::config::{Config, Server};
use timeledger::db::{Hold, Tx};
use timeledger::domain::people::{self, PeopleError};

use super::{Browser, PASSWORD, entry, newest, site};
use crate::backend::for_each_backend;
use crate::rest::{error_code, request};
use crate::support::http::Request;
use crate::tracking::{ADA, NORA, TIM};

const COOKIE: &str = "tl_session";

#[test]
fn au_72_a_cookie_speaks_for_its_person_on_every_api() {
    for_each_backend(|backend| {
        let site = site(backend, 2, &Config::default());
        let to = site.address(0);
        let mut ada = Browser::default();
        // A planted cookie is never adopted (attack 25).
        ada.jar.insert(COOKIE.into(), "A".repeat(43));
        let reply = ada.try_sign_in(to, ADA, PASSWORD);
        let line = reply.header("Set-Cookie").expect("a cookie").to_owned();
        assert!(line.ends_with("; HttpOnly; SameSite=Lax; Path=/") && line.starts_with("tl_session="), "{line}");
        let first = ada.jar[COOKIE].clone();
        assert!(first.len() == 43 && first != "A".repeat(43));
        let me = ada.learn(to);
        assert_eq!((&me["uniqueName"], &me["session"]["kind"]), (&json!(ADA), &json!("local")));
        for target in [
            "/api/odata/v3.2/workLogsOnly/$count",
            "/api/odata/v4.0/Worklogs?$top=1",
            "/api/rest/me",
            "/api/tracking/client/current",
            "/api/v1/tokens",
            "/api/Any/rest/me",
            "/account",
            "/pair",
        ] {
            for server in 0..2 {
                assert_eq!(ada.get(site.address(server), target).status, 200, "{target}");
            }
        }
        // Each sign-in has a cookie of its own, and ends what this browser was before.
        ada.sign_in(to, TIM, PASSWORD);
        assert_ne!(ada.jar[COOKIE], first);
        let mut former = Browser { jar: [(COOKIE.to_owned(), first)].into(), ..Browser::default() };
        assert!(!former.is_signed_in(to));
        assert_eq!(former.get(to, "/account").header("Location"), Some("/signin?return_to=/account"));
        // Its script goes to the sign-in by itself; the browser does not ask for a password of Basic.
        let by_script =
            Request::get("/api/v1/me").header("Sec-Fetch-Site", "same-origin").header("Sec-Fetch-Dest", "empty");
        let reply = former.send(to, by_script);
        assert_eq!((reply.status, reply.all("WWW-Authenticate").collect::<Vec<_>>()), (401, vec!["Bearer"]));
        // Two credentials: the header alone counts (attack 37).
        let both = Request::get("/api/v1/me").header("Authorization", "Bearer tlt_wrong");
        assert_eq!(ada.send(to, both).status, 401);
        // Sign-out, on both servers at once.
        let reply = ada.ask(to, "POST", "/signout", &Value::Null);
        assert_eq!((reply.status, reply.json()), (200, json!({"location": "/signin"})), "{}", reply.lossy());
        assert_eq!((newest(&site), ada.jar.len()), (("sign-out".into(), "ok".into()), 0));
    });
}

/// Over https the cookie is bound to its host.
#[test]
fn au_72_behind_https_the_cookie_is_for_its_host_alone() {
    let server = Server { public_url: "https://time.example.com/tracking".into(), ..Server::default() };
    for_each_backend(|backend| {
        let site = site(backend, 1, &Config { server: server.clone(), ..Config::default() });
        let reply = Browser::default().try_sign_in(site.address(0), ADA, PASSWORD);
        let line = reply.header("Set-Cookie").expect("a cookie");
        assert!(line.starts_with("__Host-tl_session=") && line.contains("; Secure;"), "{line}");
        assert_eq!(reply.header("Location"), Some("/tracking/account"));
        let page = Request::get("/signin").send(site.address(0)).lossy();
        assert!(page.contains("action=\"/tracking/signin\""), "{page}");
    });
}

#[test]
fn au_72_a_session_ends_by_rest_by_age_and_at_once() {
    for_each_backend(|backend| {
        let site = site(backend, 1, &Config::default());
        let to = site.address(0);
        let mut idle = Browser::default();
        idle.sign_in(to, ADA, PASSWORD);
        site.pass(8 * 3_600 - 1);
        assert!(idle.is_signed_in(to));
        site.pass(1);
        assert!(!idle.is_signed_in(to), "its use was not written yet, and eight hours are over");
        let mut busy = Browser::default();
        busy.sign_in(to, ADA, PASSWORD);
        // Uses as they are written every few minutes.
        site.sql(&format!("UPDATE sessions SET idle_until = {}", far(backend)));
        site.pass(14 * 86_400 - 1);
        assert!(busy.is_signed_in(to));
        site.pass(1);
        assert!(!busy.is_signed_in(to));
    });
}

fn far(backend: crate::backend::Backend) -> &'static str {
    match backend {
        crate::backend::Backend::Sqlite => "9000000000000000",
        crate::backend::Backend::Postgres => "'2200-01-01'",
    }
}

/// AU-5: on the next request, on both servers; and another cookie, so that the old one is worth nothing.
#[test]
fn au_72_rights_that_change_bring_another_cookie() {
    for_each_backend(|backend| {
        let site = site(backend, 2, &Config::default());
        let mut tim = Browser::default();
        tim.sign_in(site.address(0), TIM, PASSWORD);
        let old = tim.jar[COOKIE].clone();
        let everybody = "/api/v1/approvals?weekStart=2024-04-29";
        assert_eq!(tim.get(site.address(1), everybody).status, 403);
        site.sql("UPDATE users SET role = 4, auth_version = auth_version + 1 WHERE id = 4");
        let reply = tim.get(site.address(1), "/api/rest/users/roles");
        assert_eq!(reply.status, 200, "{}", reply.lossy());
        assert!(tim.is_signed_in(site.address(1)));
        assert_ne!(tim.jar[COOKIE], old);
        // What was under way with the former one comes to its end, for a minute.
        let mut former = Browser { jar: [(COOKIE.to_owned(), old)].into(), ..Browser::default() };
        assert!(former.is_signed_in(site.address(0)));
        site.pass(61);
        assert!(!former.is_signed_in(site.address(0)));
        assert!(tim.is_signed_in(site.address(0)));
        // The token of its pages is that of before.
        assert_eq!(tim.ask(site.address(0), "POST", "/api/rest/workLogs", &entry()).status, 200);
        site.sql("UPDATE users SET is_active = FALSE, auth_version = auth_version + 1 WHERE id = 4");
        assert!(!tim.is_signed_in(site.address(0)) && !tim.is_signed_in(site.address(1)));
    });
}

#[test]
fn au_74_what_one_signed_in_with_is_listed_and_ended() {
    for_each_backend(|backend| {
        let site = site(backend, 2, &Config::default());
        let to = site.address(0);
        let (mut here, mut there) = (Browser::default(), Browser::default());
        here.sign_in(to, TIM, PASSWORD);
        there.sign_in(site.address(1), TIM, PASSWORD);
        let list = here.get(to, "/api/v1/sessions").json();
        let items = list["items"].as_array().expect("sessions");
        assert_eq!(items.iter().map(|one| &one["current"]).collect::<Vec<_>>(), [&json!(false), &json!(true)]);
        let other = items[0]["id"].as_str().expect("an id");
        assert_eq!(here.ask(to, "DELETE", &format!("/api/v1/sessions/{other}"), &Value::Null).status, 204);
        assert!(here.is_signed_in(site.address(1)) && !there.is_signed_in(to) && !there.is_signed_in(site.address(1)));
        let again = here.ask(to, "DELETE", &format!("/api/v1/sessions/{other}"), &Value::Null);
        assert_eq!(again.status, 404);
        // Nobody ends another's, but an administrator.
        let mut ada = Browser::default();
        ada.sign_in(to, ADA, PASSWORD);
        let mine = ada.get(to, "/api/v1/sessions").json()["items"][0]["id"].as_str().expect("an id").to_owned();
        assert_eq!(here.ask(to, "DELETE", &format!("/api/v1/sessions/{mine}"), &Value::Null).status, 404);
        let tim = here.learn(to)["id"].as_str().expect("an id").to_owned();
        let theirs = ada.get(to, &format!("/api/v1/users/{tim}/sessions")).json()["items"][0]["id"].clone();
        let target = format!("/api/v1/users/{tim}/sessions/{}", theirs.as_str().expect("an id"));
        assert_eq!(ada.ask(to, "DELETE", &target, &Value::Null).status, 204);
        assert!(!here.is_signed_in(to));
        // Everywhere: sessions, then tokens by choice.
        here.sign_in(to, TIM, PASSWORD);
        let made = here.ask(to, "POST", "/api/v1/tokens", &json!({"name": "report"})).json();
        let token = made["token"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        let with_token = || Request::get("/api/v1/me").bearer(&token).send(site.address(1)).status;
        let ended = here.ask(to, "POST", "/api/v1/sign-out-everywhere", &json!({}));
        assert_eq!(ended.json(), json!({"sessions": 1, "grants": 0, "tokens": 0}));
        assert!(!here.is_signed_in(to) && with_token() == 200);
        let ended = ada.ask(to, "POST", &format!("/api/v1/users/{tim}/sign-out-everywhere"), &json!({"tokens": true}));
        assert_eq!((ended.json(), with_token()), (json!({"sessions": 0, "grants": 0, "tokens": 1}), 401));
        assert_eq!(newest(&site), ("signed-out-everywhere".into(), "ok".into()));
    });
}

#[test]
fn au_74_credentials_are_made_by_who_signed_in_a_moment_ago() {
    for_each_backend(|backend| {
        let site = site(backend, 1, &Config::default());
        let to = site.address(0);
        let (mut ada, mut other) = (Browser::default(), Browser::default());
        ada.sign_in(to, ADA, PASSWORD);
        other.sign_in(to, ADA, PASSWORD);
        let make = |browser: &mut Browser| browser.ask(to, "POST", "/api/v1/tokens", &json!({"name": "x"}));
        let made = make(&mut ada).json()["id"].as_str().expect("an id").to_owned();
        site.pass(900);
        assert_eq!(make(&mut ada).status, 201);
        site.pass(1);
        for target in ["/api/v1/tokens".to_owned(), format!("/api/v1/tokens/{made}/rotate")] {
            let reply = ada.ask(to, "POST", &target, &json!({}));
            assert_eq!((reply.status, error_code(&reply).as_str()), (403, "ReauthRequired"), "{target}");
        }
        assert_eq!(ada.learn(to)["session"]["isRecent"], json!(false));
        // Its own password shows who it is; the other browsers are signed out.
        let change = json!({"current": PASSWORD, "password": "an entirely new one"});
        assert_eq!(ada.ask(to, "POST", "/account/password", &change).status, 204);
        assert!(ada.is_signed_in(to) && !other.is_signed_in(to));
        assert_eq!(ada.ask(to, "POST", "/account/password", &json!({"password": "x".repeat(20)})).status, 403);
        ada.sign_in(to, ADA, "an entirely new one");
        assert_eq!(make(&mut ada).status, 201);
        // A token that administers needs no such thing.
        assert_eq!(site.client(ADA).send(request("POST", "/api/v1/tokens", &json!({}))).status, 201);
    });
}

/// Who was disabled signs in again; and who looks at a page of somebody else's browser is not that person.
#[test]
fn a_session_does_not_come_back() {
    for_each_backend(|backend| {
        let site = site(backend, 1, &Config::default());
        let to = site.address(0);
        let mut tim = Browser::default();
        tim.sign_in(to, TIM, PASSWORD);
        for undo in [false, true] {
            let set = |tx: &mut Tx<'_>| {
                tx.hold(Hold::Exclusive)?;
                people::set_active(tx, TIM, undo)
            };
            site.conn().write::<_, PeopleError>(set).expect("somebody");
            assert!(!tim.is_signed_in(to));
        }
        // Nora has no role: the browser is nobody's from then on.
        tim.sign_in(to, TIM, PASSWORD);
        let before = tim.clone();
        assert_eq!(tim.try_sign_in(to, NORA, PASSWORD).status, 403);
        assert!(tim.jar.is_empty() && !before.clone().is_signed_in(to));
        // Who loses their role while signed in can still sign out.
        tim.sign_in(to, TIM, PASSWORD);
        site.sql("UPDATE users SET role = 0, auth_version = auth_version + 1 WHERE id = 4");
        assert_eq!(tim.get(to, "/api/rest/me").status, 403);
        assert_eq!(tim.learn(to)["role"], json!("None"));
        assert_eq!(tim.ask(to, "POST", "/signout", &Value::Null).status, 200);
    });
}

/// Other programs on this host set cookies, too.
#[test]
fn cookies_of_neighbours_do_not_matter() {
    for_each_backend(|backend| {
        let site = site(backend, 1, &Config::default());
        let mut ada = Browser::default();
        ada.sign_in(site.address(0), ADA, PASSWORD);
        let good = &ada.jar[COOKIE];
        for line in [
            format!("x=\u{e9}; tl_session={good}"),
            format!("tl_session=zz; tl_session={good}"),
            format!("; ;tl_session={good};"),
        ] {
            assert_eq!(Request::get("/api/v1/me").header("Cookie", &line).send(site.address(0)).status, 200, "{line}");
        }
        assert_eq!(Request::get("/api/v1/me").header("Cookie", "tl_session").send(site.address(0)).status, 401);
    });
}

/// A token that writes time, and a program that was let in, end nothing else.
#[test]
fn a_narrow_token_signs_nobody_out() {
    for_each_backend(|backend| {
        let site = site(backend, 1, &Config::default());
        let to = site.address(0);
        let mut tim = Browser::default();
        tim.sign_in(to, TIM, PASSWORD);
        let made = tim.ask(to, "POST", "/api/v1/tokens", &json!({"scopes": "reports.read time.write"})).json();
        let token = made["token"].as_str().expect("a token");
        let reply = request("POST", "/api/v1/sign-out-everywhere", &json!({"tokens": true})).bearer(token).send(to);
        assert_eq!((reply.status, tim.is_signed_in(to)), (403, true));
        // Nor does a sign-in of long ago let a program in for a year.
        site.pass(901);
        let reply = tim.ask(to, "POST", "/api/pin/validate", &json!({"pin": "123456"}));
        assert_eq!((reply.status, error_code(&reply).as_str()), (403, "ReauthRequired"));
    });
}

/// Fifty sessions a person; the least used go.
#[test]
fn sessions_of_a_person_are_bounded() {
    for_each_backend(|backend| {
        let site = site(backend, 1, &Config::default());
        let to = site.address(0);
        let mut first = Browser::default();
        first.sign_in(to, TIM, PASSWORD);
        for _ in 0..49 {
            site.pass(1);
            assert_eq!(Browser::default().try_sign_in(to, TIM, PASSWORD).status, 303);
        }
        assert!(first.is_signed_in(to));
        assert_eq!(Browser::default().try_sign_in(to, TIM, PASSWORD).status, 303);
        assert!(!first.is_signed_in(to));
    });
}
