//! Sign-in at an OpenID provider that others wrote (npm oidc-provider), by redirects as a browser follows them (AU-55;
//! attacks 21, 25).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use reqwest::Url;
use serde_json::{Value, json};
use timeledger::config::{Config, Oidc, Secret, Server};
use timeledger::sql::Instant;

use super::{Browser, audited, entry, newest};
use crate::backend::{Backend, Database, Fixture, for_each_backend};
use crate::signin::oidc::{Provider, free_port};
use crate::support::http::{Reply, Request};
use crate::tracking::Site;

pub const SECRET: &str = "client-secret-of-timeledger";

/// Servers whose people sign in at a provider, which runs beside them.
pub fn site(backend: Backend, more: impl Fn(&mut Config)) -> (Site, Provider) {
    let port = free_port();
    let now = Instant(jiff::Timestamp::now().as_microsecond());
    let site = Site::at_address(Database::loaded(backend, Fixture::SMALL), 2, now, |address| {
        let oidc = Oidc {
            issuer: format!("http://127.0.0.1:{port}"),
            audiences: vec!["api://timeledger".into()],
            client_id: "timeledger".into(),
            client_secret: Secret::new(SECRET),
            scopes: ["openid", "profile", "email", "groups"].map(str::to_owned).to_vec(),
            roles: vec!["leads=Product".into(), "chiefs=Administrator".into()],
            ..Oidc::default()
        };
        let server = Server { public_url: format!("http://{address}"), ..Server::default() };
        let mut config = Config { oidc, server, ..Config::default() };
        more(&mut config);
        config
    });
    let provider = Provider::start_for(port, Some(&format!("http://{}", site.address(0))));
    (site, provider)
}

/// A browser at the provider: its own cookies there.
#[derive(Clone, Default)]
struct There(BTreeMap<String, String>);

impl There {
    fn send(&mut self, to: SocketAddr, mut request: Request) -> Reply {
        let cookies: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header("Cookie", &cookies.join("; "));
        }
        let reply = request.send(to);
        for line in reply.all("Set-Cookie") {
            let (name, value) = line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            self.0.insert(name.to_owned(), value.to_owned());
        }
        reply
    }
}

/// Whoever is at the provider, with what it tells of them.
fn known(provider: &Provider, user: &str, claims: &Value) {
    provider.ask("/person", &json!({"user": user, "claims": claims}));
}

/// Goes through the provider's pages as this user; the address to which it sends the browser back.
fn at_provider(there: &mut There, address: &str, user: &str) -> Url {
    let mut at = Url::parse(address).expect("an address");
    for _ in 0..12 {
        if at.path() == "/signin/oidc/callback" {
            return at;
        }
        let to: SocketAddr = format!("127.0.0.1:{}", at.port().expect("a port")).parse().expect("an address");
        let target = target(&at);
        let reply = if target.contains("/interaction/") {
            let page = there.send(to, Request::get(&target).header("Host", to.to_string().as_str())).lossy();
            let prompt = if page.contains("value=\"login\"") { "login" } else { "consent" };
            let body = format!("prompt={prompt}&login={user}&password=x");
            there.send(to, Request::post(&target, "application/x-www-form-urlencoded", body.as_bytes()))
        } else {
            there.send(to, Request::get(&target))
        };
        let next = reply.header("Location").unwrap_or_else(|| panic!("{at}: {} {}", reply.status, reply.lossy()));
        at = at.join(next).expect("an address");
        // The tests' client names a host of its own.
        if at.host_str() == Some(crate::support::http::HOST) {
            at.set_host(Some("127.0.0.1")).expect("a host");
            at.set_port(Some(to.port())).expect("a port");
        }
    }
    panic!("the provider goes in circles");
}

/// Path and query of an address.
fn target(url: &Url) -> String {
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}{query}", url.path())
}

/// Leaves for the provider; where it is.
fn leave(browser: &mut Browser, site: &Site, query: &str) -> String {
    let reply = browser.get(site.address(0), &format!("/signin/oidc{query}"));
    assert_eq!(reply.status, 303, "{}", reply.lossy());
    reply.header("Location").expect("the provider").to_owned()
}

fn sign_in(browser: &mut Browser, there: &mut There, site: &Site, user: &str, query: &str) -> Reply {
    let address = leave(browser, site, query);
    let back = at_provider(there, &address, user);
    browser.get(site.address(0), &target(&back))
}

#[test]
fn au_55_people_sign_in_at_the_provider() {
    for_each_backend(|backend| {
        let (site, provider) = site(backend, |_| {});
        let to = site.address(0);
        let told = json!({"name": "Ann", "preferred_username": "ann@example.com", "groups": ["leads"]});
        known(&provider, "ann", &told);
        let (mut browser, mut there) = (Browser::default(), There::default());
        let address = leave(&mut browser, &site, "?return_to=/pair");
        for part in [
            "response_type=code",
            "code_challenge_method=S256",
            "nonce=",
            "state=",
            "scope=openid+profile+email+groups",
        ] {
            assert!(address.contains(part), "{part}: {address}");
        }
        assert!(!address.contains(SECRET));
        let back = at_provider(&mut there, &address, "ann");
        assert!(back.query().is_some_and(|query| query.contains("iss=")), "RFC 9207: {back}");
        let reply = browser.get(to, &target(&back));
        assert_eq!((reply.status, reply.header("Location")), (303, Some("/pair")), "{}", reply.lossy());
        let me = browser.learn(to);
        assert_eq!(
            (&me["name"], &me["uniqueName"], &me["role"], &me["session"]["kind"]),
            (&json!("Ann"), &json!("ann@example.com"), &json!("Product"), &json!("oidc")),
            "as the provider tells at its userinfo endpoint"
        );
        assert!(browser.is_signed_in(site.address(1)));
        assert_eq!(browser.ask(to, "POST", "/api/rest/workLogs", &entry()).status, 200);
        // A code is good once; so is a state (attack 21).
        let again = browser.get(to, &target(&back));
        assert_eq!(
            (again.status, again.header("Set-Cookie").is_some_and(|line| line.contains("session"))),
            (400, false)
        );
        assert_eq!(newest(&site), ("refused".into(), "a state that was used before".into()));
        // Another group, with the next sign-in; and the same person.
        known(&provider, "ann", &json!({"name": "Ann", "preferred_username": "ann@example.com", "groups": ["chiefs"]}));
        let reply = sign_in(&mut browser, &mut there, &site, "ann", "");
        assert_eq!((reply.status, reply.header("Location")), (303, Some("/")));
        let again = browser.learn(to);
        assert_eq!((&again["id"], &again["role"]), (&me["id"], &json!("Administrator")));
        assert_eq!(audited(&site, 1)[0].0, "sign-in");
        // Signed out, here and there.
        let reply = browser.ask(to, "POST", "/signout", &Value::Null);
        let location = reply.json()["location"].as_str().expect("an address").to_owned();
        assert!(location.starts_with(&format!("{}/session/end?client_id=timeledger&", provider.issuer)), "{location}");
        assert!(!browser.is_signed_in(to));
        // No group at all: the door is locked, and no cookie is given.
        known(&provider, "ann", &json!({"preferred_username": "ann@example.com", "groups": ["others"]}));
        let reply = sign_in(&mut browser, &mut there, &site, "ann", "");
        assert_eq!((reply.status, browser.jar.contains_key("tl_session")), (403, false), "{}", reply.lossy());
    });
}

/// AU-74: what makes credentials asks for a sign-in of now, which the provider must ask for again.
#[test]
fn au_74_a_sign_in_without_a_question_is_not_recent() {
    for_each_backend(|backend| {
        let (site, provider) = site(backend, |_| {});
        known(&provider, "ann", &json!({"preferred_username": "ann@example.com", "groups": ["leads"]}));
        let to = site.address(0);
        let (mut browser, mut there) = (Browser::default(), There::default());
        let make = |browser: &mut Browser| browser.ask(to, "POST", "/api/v1/tokens", &json!({"name": "x"})).status;
        assert_eq!(sign_in(&mut browser, &mut there, &site, "ann", "").status, 303);
        browser.learn(to);
        assert_eq!(make(&mut browser), 403, "the provider did not say when it asked");
        assert_eq!(sign_in(&mut browser, &mut there, &site, "ann", "?again=1").status, 303);
        browser.learn(to);
        assert_eq!(make(&mut browser), 201);
        site.pass(901);
        assert_eq!(make(&mut browser), 403);
    });
}

/// Attack 21.
#[test]
fn attack_21_a_foreign_or_bent_answer_signs_nobody_in() {
    for_each_backend(|backend| {
        let (site, provider) = site(backend, |_| {});
        known(&provider, "ann", &json!({"preferred_username": "ann@example.com", "groups": ["leads"]}));
        let to = site.address(0);
        let (mut browser, mut there) = (Browser::default(), There::default());
        let refused = |browser: &mut Browser, target: &str, reason: &str| {
            let reply = browser.get(to, target);
            assert_eq!(reply.status, 400, "{target}: {}", reply.lossy());
            assert!(!browser.jar.contains_key("tl_session") && !reply.lossy().contains(reason), "{target}");
            let rows = audited(&site, 3);
            assert!(
                rows.iter().any(|(event, why, _)| event == "refused" && why.contains(reason)),
                "{reason}: {rows:?}"
            );
        };
        refused(&mut Browser::default(), "/signin/oidc/callback", "another browser");
        refused(&mut Browser::default(), "/signin/oidc/callback?state=x&code=y", "another browser");
        // A thief sends their own answer to somebody's browser, or takes somebody's.
        let address = leave(&mut browser, &site, "");
        let back = at_provider(&mut there, &address, "ann");
        refused(&mut Browser::default(), &target(&back), "another browser");
        let mut victim = Browser::default();
        leave(&mut victim, &site, "");
        refused(&mut victim, &target(&back), "another browser");
        // The code of another sign-in: verifier and nonce are not its own.
        let mine = leave(&mut browser, &site, "");
        let state = |address: &str| {
            let url = Url::parse(address).expect("an address");
            url.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned()
        };
        let mut thief = Browser::default();
        let theirs = leave(&mut thief, &site, "");
        let theirs = at_provider(&mut There::default(), &theirs, "mallory");
        let code = theirs.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
        let mixed = format!("/signin/oidc/callback?code={code}&state={}", state(&mine));
        refused(&mut browser, &mixed, "invalid_grant");
        // Another issuer's answer (RFC 9207), a provider that let nobody in, a code that is none.
        for (query, reason) in [
            ("code=x&iss=https%3A%2F%2Fevil.example", "another issuer"),
            ("error=access_denied", "let nobody in"),
            ("code=", "let nobody in"),
            ("code=nonsense", "invalid_grant"),
        ] {
            let state = state(&leave(&mut browser, &site, ""));
            refused(&mut browser, &format!("/signin/oidc/callback?{query}&state={state}"), reason);
        }
        // Ten minutes.
        let late = state(&leave(&mut browser, &site, ""));
        site.pass(600);
        refused(&mut browser, &format!("/signin/oidc/callback?code=x&state={late}"), "another time");
        // Where to go on to is chosen before, and only within the site.
        let reply = sign_in(&mut browser, &mut there, &site, "ann", "?return_to=//evil.example");
        assert_eq!((reply.status, reply.header("Location")), (303, Some("/")), "{}", reply.lossy());
    });
}

#[test]
fn au_55_a_sign_out_at_the_provider_ends_the_session_here() {
    for_each_backend(|backend| {
        let (site, provider) = site(backend, |_| {});
        known(&provider, "ann", &json!({"preferred_username": "ann@example.com", "groups": ["leads"]}));
        let to = site.address(0);
        let (mut browser, mut there) = (Browser::default(), There::default());
        assert_eq!(sign_in(&mut browser, &mut there, &site, "ann", "").status, 303);
        assert!(browser.is_signed_in(to));
        // The provider's own page, as its person clicks through it.
        let at: SocketAddr = provider.issuer.trim_start_matches("http://").parse().expect("an address");
        let page = there.send(at, Request::get("/session/end?client_id=timeledger")).lossy();
        let xsrf = page.split("name=\"xsrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a form");
        let body = format!("xsrf={xsrf}&logout=yes");
        let confirm = Request::post("/session/end/confirm", "application/x-www-form-urlencoded", body.as_bytes());
        let reply = there.send(at, confirm);
        assert!(reply.status < 400, "{} {}", reply.status, reply.lossy());
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while browser.is_signed_in(site.address(1)) {
            assert!(std::time::Instant::now() < until, "{:?}", audited(&site, 3));
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        assert_eq!(newest(&site), ("sign-out".into(), "as the provider says".into()));
        // What the provider did not sign ends nothing.
        assert_eq!(sign_in(&mut browser, &mut there, &site, "ann", "").status, 303);
        let event = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
        for what in [
            json!({"key": "foreign", "claims": {"aud": "timeledger", "sub": "ann", "jti": "j", "events": event}}),
            json!({"claims": {"aud": "other", "sub": "ann", "jti": "j", "events": event}}),
            json!({"claims": {"aud": "timeledger", "sub": "ann", "jti": "j"}}),
            json!({"claims": {"aud": "timeledger", "sub": "ann", "jti": "j", "events": event, "nonce": "n"}}),
        ] {
            let token = provider.forged(what.clone());
            let reply = Browser::default().form(to, "/signin/oidc/logout", &[("logout_token", &token)]);
            assert_eq!(reply.status, 400, "{what}");
        }
        assert!(browser.is_signed_in(to));
        let good = provider.forged(json!({"claims": {"aud": "timeledger", "sub": "ann", "jti": "j", "events": event}}));
        let reply = Browser::default().form(to, "/signin/oidc/logout", &[("logout_token", &good)]);
        assert_eq!((reply.status, browser.is_signed_in(to)), (200, false));
    });
}

/// The same by curl, which follows redirects and keeps cookies as a browser does.
#[test]
fn au_55_by_curl() {
    for_each_backend(|backend| {
        let (site, provider) = site(backend, |_| {});
        known(&provider, "ann", &json!({"preferred_username": "ann@example.com", "groups": ["leads"]}));
        let base = format!("http://{}", site.address(0));
        let jar = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("jar-{}.txt", site.address(0).port()));
        let curl = |arguments: &[&str]| {
            let jar = jar.to_str().expect("UTF-8");
            let mut curl = Command::new("curl");
            curl.args(["-sL", "-b", jar, "-c", jar, "-w", "\n%{http_code} %{url_effective}"]).args(arguments);
            let output = curl.output().expect("curl runs");
            let text = String::from_utf8(output.stdout).expect("UTF-8");
            let (body, told) = text.rsplit_once('\n').expect("what -w says");
            let (status, at) = told.split_once(' ').expect("a status and an address");
            (status.to_owned(), at.to_owned(), body.to_owned())
        };
        let (mut status, mut at, mut page) = curl(&[&format!("{base}/signin/oidc?return_to=/account")]);
        for _ in 0..3 {
            if at.contains("/interaction/") {
                let prompt = if page.contains("value=\"login\"") { "login" } else { "consent" };
                let form = format!("prompt={prompt}&login=ann&password=x");
                (status, at, page) = curl(&["-d", &form, &at.clone()]);
            }
        }
        assert_eq!((status.as_str(), at), ("200", format!("{base}/account")), "{page}");
        let me: Value = serde_json::from_str(&curl(&[&format!("{base}/api/v1/me")]).2).expect("JSON");
        assert_eq!(me["uniqueName"], json!("ann@example.com"));
        let csrf = format!("X-CSRF-Token: {}", me["session"]["csrfToken"].as_str().expect("a token"));
        let body = entry().to_string();
        let write = ["-H", "Content-Type: application/json", "-d", &body];
        assert_eq!(curl(&[&write[..], &[&format!("{base}/api/rest/workLogs")]].concat()).0, "403");
        assert_eq!(curl(&[&write[..], &["-H", &csrf, &format!("{base}/api/rest/workLogs")]].concat()).0, "200");
        assert_eq!(curl(&["-X", "POST", "-H", &csrf, &format!("{base}/signout")]).0, "200");
        assert_eq!(curl(&[&format!("{base}/api/v1/me")]).0, "401");
    });
}

/// AU-90: an address whose sign-ins fail is closed, before the provider is asked.
#[test]
fn au_90_strangers_do_not_drive_the_provider() {
    for_each_backend(|backend| {
        let (site, _provider) = site(backend, |config| config.auth.address_failures = 5);
        let to = site.address(0);
        for n in 0..8 {
            let mut browser = Browser::default();
            let address = Url::parse(&leave(&mut browser, &site, "")).expect("an address");
            let state = address.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned();
            let reply = browser.get(to, &format!("/signin/oidc/callback?code=x&state={state}"));
            assert_eq!(reply.status, if n < 5 { 400 } else { 429 }, "{n}: {}", reply.lossy());
        }
        assert_eq!(newest(&site).0, "locked");
    });
}

#[test]
fn a_provider_that_is_down_is_said_to_be() {
    for_each_backend(|backend| {
        let (site, provider) = site(backend, |_| {});
        drop(provider);
        let reply = Request::get("/signin/oidc").send(site.address(0));
        assert_eq!((reply.status, reply.header("Retry-After")), (503, Some("5")));
        assert!(reply.lossy().contains("cannot be reached"));
    });
}
