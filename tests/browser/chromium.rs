//! The pages in a browser itself: Debian's Chromium, headless, driven by playwright-core.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use timeledger::auth::links::For;
use timeledger::config::{Config, Server};
use timeledger::sql::Instant;

use super::provider;
use super::{PASSWORD, audited, give_passwords, link};
use crate::backend::{Backend, Database, Fixture, for_each_backend};
use crate::rest::request;
use crate::signin::oidc::Provider;
use crate::support::http::Request;
use crate::tracking::{ADA, Site, TIM};

/// What a browser saw at each step, and last of all what went wrong in its pages.
fn browse(site: &Site, steps: Value) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut node = Command::new("node");
    node.arg(root.join("tests/clients/browser.cjs")).env("NODE_PATH", root.join(".cache/clients/node_modules"));
    node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = node.spawn().expect("node starts");
    let task = json!({"base": base(site), "steps": steps});
    child.stdin.take().expect("its input").write_all(task.to_string().as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).expect("UTF-8");
    told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn base(site: &Site) -> String {
    format!("http://{}", site.address(0))
}

fn site(backend: Backend) -> Site {
    let now = Instant(jiff::Timestamp::now().as_microsecond());
    let database = Database::loaded(backend, Fixture::SMALL);
    let site = Site::at_address(database, 1, now, |address| {
        let server = Server { public_url: format!("http://{address}"), ..Server::default() };
        Config { server, ..Config::default() }
    });
    give_passwords(&site);
    site
}

fn count(site: &Site) -> String {
    let token = site.token(ADA);
    Request::get("/api/odata/v3.2/workLogsOnly/$count").bearer(&token).send(site.address(0)).text().to_owned()
}

#[test]
fn a_person_signs_in_makes_a_token_and_signs_out() {
    for_each_backend(|backend| {
        let site = site(backend);
        let seen = browse(
            &site,
            json!([
                ["open", "/account"],
                // By the keyboard alone.
                ["keys", "Tab", format!("={TIM}"), "Tab", "=a wrong password", "Enter"],
                ["sees", ".trouble", "The name or the password is wrong."],
                ["fill", "input[name=password]", PASSWORD],
                ["click", "main button"],
                ["cookies"],
                ["sees", "#me", "tim@example.com"],
                ["sees", "#sessions td", "This one"],
                ["fill", "#token-name", "Power BI"],
                ["click", "#new-token button"],
                ["sees", "#secret", "tlt_"],
                ["sees", "#tokens td", "Power BI"],
                ["fill", "#current", PASSWORD],
                ["fill", "#password", "an entirely new one"],
                ["click", "#change-password button"],
                ["sees", "#secret", "Your password is changed."],
                ["click", "#sign-out"],
                ["at", "/signin"],
                ["cookies"],
                ["open", "/account"],
            ]),
        );
        assert_eq!(seen[0], json!({"path": "/signin", "title": "Sign in"}));
        assert_eq!(seen[4], json!({"path": "/account", "title": "Your account"}));
        assert_eq!(seen[5], json!([{"name": "tl_session", "httpOnly": true, "sameSite": "Lax"}]));
        let token =
            seen[10].as_str().and_then(|text| text.split(' ').find(|word| word.starts_with("tlt_"))).expect("a token");
        assert_eq!(Request::get("/api/rest/me").bearer(token).send(site.address(0)).status, 200);
        assert_eq!((&seen[18], &seen[19]["path"]), (&json!([]), &json!("/signin")));
        // The refused sign-in is what the browser itself tells of.
        let troubles = seen.last().expect("troubles").as_array().expect("a list");
        assert!(
            troubles.iter().all(|trouble| trouble.as_str().is_some_and(|text| text.contains("401"))),
            "{troubles:?}"
        );
    });
}

#[test]
fn a_link_sets_a_password_and_a_pin_lets_a_program_in() {
    for_each_backend(|backend| {
        let site = site(backend);
        let secret = link(&site, For::Person(1));
        let made = request("POST", "/api/pin/create", &json!({})).send(site.address(0)).json();
        let (pin, code) = (made["pin"].as_str().expect("a PIN"), made["secret"].clone());
        let seen = browse(
            &site,
            json!([
                ["open", format!("/setup#{secret}&ada%40example.com")],
                ["fill", "#password", "too short"],
                ["fill", "#password", "an entirely new one"],
                ["fill", "#again", "another one, by mistake"],
                ["click", "#setup button"],
                ["sees", "#trouble", "The two are not the same."],
                ["fill", "#again", "an entirely new one"],
                ["click", "#setup button"],
                ["at", "/account"],
                ["sees", "#me", ADA],
                ["open", "/pair"],
                ["fill", "#pin", "000000"],
                ["click", "#look button"],
                ["sees", "#trouble", "This PIN is wrong"],
                ["fill", "#pin", pin],
                ["click", "#look button"],
                ["sees", "#asked", "127.0.0.1"],
                ["click", "#allow"],
                ["sees", "#done", "Done."],
            ]),
        );
        assert_eq!(seen[10]["path"], json!("/pair"));
        let status = request("POST", "/api/pin/status", &code).send(site.address(0)).json();
        assert_eq!(status["status"], json!("Validated"));
    });
}

/// The real provider's own pages: sign-in, sign-out there, and in again as somebody else.
#[test]
fn people_go_through_the_providers_pages() {
    for_each_backend(|backend| {
        let (site, provider) = provider::site(backend, |_| {});
        let told = json!({"user": "ann", "claims": {"name": "Ann", "preferred_username": "ann@example.com", "groups": ["leads"]}});
        provider.ask("/person", &told);
        let seen = browse(
            &site,
            json!([
                ["open", "/account"],
                ["click", "a.button"],
                ["provider", "ann"],
                ["sees", "#me", "Ann (ann@example.com), Product"],
                ["value", "tl_session"],
                ["click", "#sign-out"],
                // The provider asks whether to sign out there, too.
                ["click", "button[name=logout]"],
                ["at", "/signin"],
                ["value", "tl_session"],
            ]),
        );
        assert_eq!(seen[2], json!({"path": "/account", "title": "Your account"}));
        assert!(seen[4].as_str().is_some_and(|cookie| cookie.len() == 43) && seen[8].is_null(), "{seen:?}");
        assert!(audited(&site, 5).iter().any(|(event, ..)| event == "sign-out"));
        // The provider starts anew, with other keys, and Ann is in another group.
        let port = provider.issuer.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        drop(provider);
        let provider = Provider::start_for(port, Some(&base(&site)));
        site.pass(61);
        provider.ask("/person", &json!({"user": "ann", "claims": {"name": "Ann", "groups": ["chiefs"]}}));
        let seen = browse(
            &site,
            json!([
                ["open", "/account"],
                ["click", "a.button"],
                ["provider", "ann"],
                ["sees", "#me", "Ann (ann@example.com), Administrator"],
            ]),
        );
        assert_eq!(seen[2]["path"], json!("/account"));
    });
}

/// Attack 26: a page of another origin, in the browser of somebody who is signed in.
#[test]
fn attack_26_a_page_elsewhere_writes_and_reads_nothing() {
    for_each_backend(|backend| {
        let site = site(backend);
        let before = count(&site);
        let seen = browse(
            &site,
            json!([
                ["open", "/signin"],
                ["fill", "input[name=name]", ADA],
                ["fill", "input[name=password]", PASSWORD],
                ["click", "main button"],
                ["evil", "/api/rest/workLogs", "/api/rest/workLogs"],
            ]),
        );
        assert_eq!(seen[4], json!({"script": ["unreadable", "unreadable", "unreadable"], "form": 403}));
        assert_eq!(count(&site), before);
        assert!(audited(&site, 5).iter().any(|(event, ..)| event == "csrf"));
    });
}
