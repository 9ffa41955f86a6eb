//! What other sites, thieves and readers of logs try (attacks 22, 25 to 29, 36, 37).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use timeledger::config::{Config, Cors, Server};

use super::{Browser, PASSWORD, audited, entry, newest, site};
use crate::backend::{Database, Fixture, for_each_backend};
use crate::rest::{error_code, request};
use crate::support::http::{HOST, Request};
use crate::support::server;
use crate::tracking::{ADA, TIM};

fn logs(browser: &mut Browser, site: &crate::tracking::Site) -> String {
    browser.get(site.address(0), "/api/odata/v3.2/workLogsOnly/$count").text().to_owned()
}

#[test]
fn au_73_a_page_of_another_site_changes_nothing() {
    for_each_backend(|backend| {
        let site = site(backend, 1, &Config::default());
        let to = site.address(0);
        let mut ada = Browser::default();
        ada.sign_in(to, ADA, PASSWORD);
        let before = logs(&mut ada, &site);
        let token = ada.csrf.clone();
        let own = format!("http://{HOST}");
        let post = |target: &str| request("POST", target, &entry());
        for (asked, reason) in [
            (post("/api/rest/workLogs"), "without the token"),
            (post("/api/rest/workLogs").header("X-CSRF-Token", "x"), "without the token"),
            (
                post("/api/rest/workLogs").header("X-CSRF-Token", &token).header("Origin", "https://evil.example"),
                "another site",
            ),
            (post("/api/rest/workLogs").header("X-CSRF-Token", &token).header("Origin", "null"), "another site"),
            (
                post("/api/rest/workLogs").header("X-CSRF-Token", &token).header("Sec-Fetch-Site", "cross-site"),
                "another site",
            ),
            (
                post("/api/rest/workLogs").header("X-CSRF-Token", &token).header("Sec-Fetch-Site", "same-site"),
                "another site",
            ),
            (Request::post("/api/rest/workLogs", "text/plain", entry().to_string().as_bytes()), "without the token"),
            (Request::post("/api/odata/v4.0/Worklogs/$query", "text/plain", b"$top=1"), "without the token"),
            (post("/api/v1/sign-out-everywhere"), "without the token"),
            (post("/signout"), "without the token"),
            (request("DELETE", "/api/v1/tokens/x", &Value::Null), "without the token"),
        ] {
            let shown = asked.shown();
            let reply = ada.send(to, asked);
            let code = reply.json()["error"]["code"].as_str().map_or_else(|| error_code(&reply), str::to_owned);
            assert_eq!((reply.status, code.as_str()), (403, "CsrfFailed"), "{shown}: {}", reply.lossy());
            let rows = audited(&site, 5);
            assert!(rows.iter().any(|(event, outcome, _)| event == "csrf" && outcome.contains(reason)), "{rows:?}");
        }
        // The token of another session.
        let mut other = Browser::default();
        other.sign_in(to, ADA, PASSWORD);
        let foreign = post("/api/rest/workLogs").header("X-CSRF-Token", &other.csrf);
        assert_eq!(ada.send(to, foreign).status, 403);
        assert_eq!(logs(&mut ada, &site), before);
        // A page of ours.
        let good = post("/api/rest/workLogs").header("X-CSRF-Token", &token).header("Origin", &own);
        assert_eq!(ada.send(to, good.header("Sec-Fetch-Site", "same-origin")).status, 200);
        assert_eq!(ada.ask(to, "POST", "/signout", &Value::Null).status, 200);
        // Nobody is signed in as somebody else by another site's form.
        let body = format!("name={ADA}&password={}", PASSWORD.replace(' ', "+"));
        let form = || Request::post("/signin", "application/x-www-form-urlencoded", body.as_bytes());
        for (name, value) in [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")] {
            let reply = Browser::default().send(to, form().header(name, value));
            assert_eq!((reply.status, reply.header("Set-Cookie")), (403, None), "{name}");
        }
        assert_eq!(newest(&site).0, "csrf");
    });
}

#[test]
fn attack_22_a_sign_in_leads_to_pages_of_ours_alone() {
    for_each_backend(|backend| {
        let site = site(backend, 1, &Config::default());
        let to = site.address(0);
        for (asked, expected) in [
            ("/pair", "/pair"),
            ("/account?x=%31", "/account?x=%31"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https:evil.example", "/"),
            ("https://evil.example/", "/"),
            ("/%0d%0aSet-Cookie: x=y", "/"),
            ("/\r\nSet-Cookie: x=y", "/"),
            ("javascript:alert(1)", "/"),
        ] {
            let fields = [("name", ADA), ("password", PASSWORD), ("return_to", asked)];
            let reply = Browser::default().form(to, "/signin", &fields);
            assert_eq!((reply.status, reply.header("Location")), (303, Some(expected)), "{asked:?}");
            assert_eq!(reply.all("Set-Cookie").count(), 1, "{asked:?}");
        }
        // What comes back in a page stays a text.
        let spoilt = "\"><script>alert(1)</script>{prefix}";
        let page = Browser::default().try_sign_in(to, spoilt, "x").lossy();
        assert!(page.contains("&quot;&gt;&lt;script&gt;") && !page.contains("<script>alert"), "{page}");
        assert!(page.contains("&#123;prefix}"), "{page}");
    });
}

#[test]
fn au_92_pages_run_in_no_frame_and_with_no_foreign_script() {
    for_each_backend(|backend| {
        let site = site(backend, 1, &Config::default());
        let mut ada = Browser::default();
        ada.sign_in(site.address(0), ADA, PASSWORD);
        for target in ["/", "/signin", "/setup", "/account", "/pair"] {
            let reply = ada.get(site.address(0), target);
            let policy = reply.header("Content-Security-Policy").unwrap_or_default();
            for part in ["default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"] {
                assert!(policy.contains(part), "{target}: {policy}");
            }
            assert_eq!(reply.header("X-Content-Type-Options"), Some("nosniff"));
            let inline = reply.lossy().matches("<script").count()
                - reply.lossy().matches("<script type=\"module\" src=").count();
            assert_eq!(inline, 0, "{target}");
        }
    });
}

#[test]
fn attack_27_no_other_origin_reads() {
    for_each_backend(|backend| {
        let cors = Cors { origins: vec!["https://reports.example.com".into()], credentials: true };
        let site = site(backend, 1, &Config { cors, ..Config::default() });
        let to = site.address(0);
        let mut ada = Browser::default();
        ada.sign_in(to, ADA, PASSWORD);
        for origin in [
            "https://evil.example",
            "null",
            "https://reports.example.com.evil.example",
            "https://evilreports.example.com",
            "http://reports.example.com",
        ] {
            let reply = ada.send(to, Request::get("/api/v1/me").header("Origin", origin));
            assert_eq!(reply.header("Access-Control-Allow-Origin"), None, "{origin}");
            let asked = Request::get("/api/v1/me").method("OPTIONS").header("Origin", origin);
            let reply = ada.send(to, asked.header("Access-Control-Request-Method", "POST"));
            assert_eq!(reply.header("Access-Control-Allow-Origin"), None, "{origin}");
        }
        let listed = Request::get("/api/v1/me").header("Origin", "https://reports.example.com");
        let reply = ada.send(to, listed);
        assert_eq!(reply.header("Access-Control-Allow-Origin"), Some("https://reports.example.com"));
        assert_eq!(reply.header("Access-Control-Allow-Credentials"), Some("true"));
    });
}

#[test]
fn attack_29_a_host_that_is_not_ours_gets_no_links() {
    for_each_backend(|backend| {
        let server = Server { hosts: vec!["time.example.com".into(), "[::1]".into()], ..Server::default() };
        let site = site(backend, 1, &Config { server, ..Config::default() });
        let send = |head: &str| {
            let mut stream = TcpStream::connect(site.address(0)).expect("a connection");
            stream.write_all(head.as_bytes()).expect("it reads");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("an answer");
            answer
        };
        let get = |hosts: &str| send(&format!("GET /signin HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n"));
        for good in ["Host: time.example.com\r\n", "Host: TIME.example.com:8443\r\n", "Host: [::1]:7177\r\n"] {
            assert!(get(good).starts_with("HTTP/1.1 200"), "{good}");
        }
        for bad in [
            "Host: evil.example\r\n",
            "Host: time.example.com.evil\r\n",
            "Host: time.example.com:x\r\n",
            "Host: \r\n",
            "Host: [::1\r\n",
        ] {
            let answer = get(bad);
            assert!(answer.starts_with("HTTP/1.1 400") && !answer.contains("evil"), "{bad}: {answer}");
        }
        // No header of a client splits an answer.
        let split = get("Host: time.example.com\r\nX-Forwarded-Host: a%0d%0aX: y\r\nX-Forwarded-Prefix: /a\r\n");
        assert!(split.starts_with("HTTP/1.1 200") && !split.contains("X: y"), "{split}");
    });
}

/// AU-95, attack 28: every way to show a secret, and none of them in what the server writes or keeps.
#[test]
fn au_95_no_secret_is_written_down() {
    for_each_backend(|backend| {
        let database = Database::loaded(backend, Fixture::SMALL);
        let environment = [("TIMELEDGER_LOG__LEVEL", "trace"), ("TIMELEDGER_LOG__FORMAT", "json")];
        let server = server::Server::start_with(database, &environment);
        let to = server.address;
        let link = crate::support::program::run(&["user", "link", ADA, "--database", &server.database.text]);
        let secret =
            link.trim().split_once('#').and_then(|(_, rest)| rest.split_once('&')).expect("a secret").0.to_owned();
        let marked = "marked-secret-0123456789";
        let mut browser = Browser::default();
        let body = json!({"secret": secret, "password": format!("{marked} password")});
        assert_eq!(browser.send(to, request("POST", "/setup", &body)).status, 200);
        let cookie = browser.jar["tl_session"].clone();
        browser.learn(to);
        let csrf = browser.csrf.clone();
        let made = browser.ask(to, "POST", "/api/v1/tokens", &json!({"name": "x"})).json();
        let token = made["token"].as_str().expect("a token").to_owned();
        assert_eq!(Request::get("/api/v1/me").bearer(&token).send(to).status, 200);
        let mut shown = vec![secret, cookie, csrf, token];
        shown.push(marked.to_owned());
        for reply in [
            Browser::default().try_sign_in(to, ADA, marked),
            Browser::default().try_sign_in(to, TIM, &format!("{marked}2")),
            browser.ask(to, "POST", "/account/password", &json!({"current": marked, "password": marked, "x": marked})),
            browser.ask(
                to,
                "POST",
                "/account/password",
                &json!({"current": marked, "password": format!("{marked} new")}),
            ),
            request("POST", "/setup", &json!({"secret": marked, "password": marked})).send(to),
            Request::get(&format!("/signin/oidc/callback?code={marked}&state={marked}")).send(to),
            Request::get(&format!("/api/rest/me?access_token={marked}&pin={marked}")).send(to),
            Request::get("/api/rest/me").bearer(marked).send(to),
            Request::get("/api/rest/me").header("Authorization", &format!("Basic {marked}")).send(to),
            Request::get("/api/rest/me").header("Proxy-Authorization", marked).send(to),
            Request::get("/api/rest/me")
                .header("Cookie", &format!("tl_session={marked}; __Host-tl_login={marked}"))
                .send(to),
            Browser::default().form(
                to,
                "/token",
                &[("grant_type", "refresh_token"), ("client_id", "OpenApi"), ("refresh_token", marked)],
            ),
            Browser::default().form(
                to,
                "/token",
                &[("grant_type", "authorization_code"), ("client_id", "OpenApi"), ("code", marked)],
            ),
            request("POST", "/api/pin/status", &json!(marked)).send(to),
            browser.ask(to, "POST", "/api/v1/tokens/revoke", &json!({"token": marked})),
        ] {
            assert!(!reply.lossy().contains(marked), "{}", reply.lossy());
        }
        let kept = {
            let rows = timeledger::auth::audit::list(
                &mut server.database.connect(timeledger::db::Role::Reader),
                &timeledger::auth::audit::Filter { count: 1_000, ..Default::default() },
            );
            format!("{:?}", rows.expect("the audit"))
        };
        let log = server.log();
        assert!(log.lines().count() > 20, "it logs: {log}");
        let metrics = Request::get("/metrics").send(to).lossy();
        for secret in &shown {
            for (what, text) in [("log", &log), ("audit", &kept), ("metrics", &metrics)] {
                assert!(!text.contains(secret.as_str()), "{what} has {secret}");
            }
        }
    });
}

/// Attack 36: who dawdles is let go.
#[test]
fn attack_36_slow_clients_are_let_go() {
    for_each_backend(|backend| {
        let server = Server { header_timeout: 1, ..Server::default() };
        let site = site(backend, 1, &Config { server: server.clone(), ..Config::default() });
        let ended = |mut stream: TcpStream, within: u64| {
            stream.set_read_timeout(Some(Duration::from_secs(within))).expect("a time-out");
            let mut answer = Vec::new();
            match stream.read_to_end(&mut answer) {
                Ok(_) => String::from_utf8_lossy(&answer).into_owned(),
                Err(error) => panic!("still open: {error}"),
            }
        };
        let mut stream = TcpStream::connect(site.address(0)).expect("a connection");
        stream.write_all(b"GET /signin HTTP/1.1\r\nHost: x\r\n").expect("it reads");
        let answer = ended(stream, 20);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
        // Bodies that never end, of somebody who is nobody.
        let mut stream = TcpStream::connect(site.address(0)).expect("a connection");
        let slow: Vec<TcpStream> = ["/signin", "/setup", "/token", "/api/pin/status"]
            .map(|path| {
                let mut stream = TcpStream::connect(site.address(0)).expect("a connection");
                let kind = "Content-Type: application/x-www-form-urlencoded";
                write!(stream, "POST {path} HTTP/1.1\r\nHost: x\r\n{kind}\r\nContent-Length: 1000\r\n\r\nab")
                    .expect("it reads");
                stream
            })
            .into();
        stream
        .write_all(b"POST /api/rest/workLogs HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nAuthorization: Bearer x\r\n\r\nabc")
        .expect("it reads");
        let answer = ended(stream, 40);
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        for stream in slow {
            let answer = ended(stream, 40);
            assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        }
    });
}
