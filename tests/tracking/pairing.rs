//! Pairing by PIN (contract §2.1), up to a validated secret; from there on: grants.rs.

use serde_json::{Value, json};
use timeledger::auth::grants;
use timeledger::config::{Auth, Config, Mode};
use timeledger::db::{DbError, Hold, Tx};
use timeledger::sql::Instant;

use super::{Client, NORA, Site, TESS, TIM};
use crate::backend::{Database, Fixture, for_each_backend};
use crate::rest::{error_code, request};
use crate::support::http::{Reply, Request};

fn anybody(site: &Site, path: &str, body: &[u8]) -> Reply {
    Request::post(&format!("/api/pin/{path}?api-version=3.2"), "application/json", body).send(site.address(0))
}

pub fn create(site: &Site) -> (String, String) {
    let reply = anybody(site, "create", b"");
    assert_eq!(reply.status, 200, "{}", reply.lossy());
    let answer = reply.json();
    let text = |name: &str| answer[name].as_str().expect("a text").to_owned();
    (text("pin"), text("secret"))
}

pub fn status(site: &Site, secret: &str) -> String {
    let reply = anybody(site, "status", json!(secret).to_string().as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.lossy());
    let answer = reply.json();
    assert_eq!(answer["data"]["status"], answer["status"]);
    answer["status"].as_str().expect("a word").to_owned()
}

pub fn validate(client: &Client, pin: &Value) -> (u16, String) {
    let reply = client.send(request("POST", "/api/pin/validate", &json!({"PIN": pin, "other": 1})));
    if reply.status == 200 {
        assert_eq!(reply.json(), json!({"status": "Validated"}));
    }
    (reply.status, error_code(&reply))
}

/// A PIN that is none of these.
fn wrong(pins: &[&str]) -> String {
    (0..).map(|n| format!("{n:06}")).find(|pin| !pins.contains(&pin.as_str())).expect("one of a million")
}

#[test]
fn contract_2_1_a_client_is_paired() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        let (pin, secret) = create(&site);
        assert!(pin.len() == 6 && pin.bytes().all(|byte| byte.is_ascii_digit()) && secret.len() >= 40);
        assert_eq!(status(&site, &secret), "Validating");
        let tim = site.client(TIM);
        let not_found = (404, "EntityNotFound".to_owned());
        assert_eq!(validate(&tim, &json!(wrong(&[&pin]))), not_found);
        assert_eq!(validate(&tim, &json!(pin)), (200, String::new()));
        assert_eq!(status(&site, &secret), "Validated");
        // Good once, and for its time.
        assert_eq!(validate(&site.client(TESS), &json!(pin)), not_found);
        site.pass(59);
        assert_eq!(status(&site, &secret), "Validated");
        site.pass(1);
        assert_eq!(status(&site, &secret), "WrongOrExpired");

        let (pin, secret) = create(&site);
        site.pass(60);
        assert_eq!(validate(&tim, &json!(pin)), not_found);
        assert_eq!(status(&site, &secret), "WrongOrExpired");
        // A PIN that a client sent as a number.
        let (pin, _) = create(&site);
        assert_eq!(validate(&tim, &json!(pin.parse::<u32>().expect("digits"))), (200, String::new()));
        assert_eq!(anybody(&site, "status", secret.as_bytes()).json()["status"], json!("WrongOrExpired"));
    });
}

/// AU-1: on-prem, programs sign in with Windows accounts.
#[test]
fn au_1_on_prem_no_program_has_a_pin() {
    for_each_backend(|backend| {
        let auth = Auth { mode: Mode::OnPrem, ..Auth::default() };
        let config = Config { auth, ..Config::default() };
        let site =
            Site::configured(Database::loaded(backend, Fixture::SMALL), 1, &config, Instant(1_700_000_000_000_000));
        let reply = anybody(&site, "create", b"");
        assert_eq!((reply.status, error_code(&reply).as_str()), (403, "ApiDisabled"));
        let form = b"grant_type=refresh_token&client_id=OpenApi&refresh_token=x";
        let reply = Request::post("/token", "application/x-www-form-urlencoded", form).send(site.address(0));
        assert_eq!(reply.status, 403);
        let open = |tx: &mut Tx<'_>| {
            tx.hold(Hold::Shared)?;
            grants::open(tx, 4, "192.0.2.1", site.clock.now())
        };
        let access = site.conn().write::<_, DbError>(open).expect("a pair").access;
        assert_eq!(Request::get("/api/rest/me").bearer(&access).send(site.address(0)).status, 401);
    });
}

#[test]
fn nobody_finds_a_pin_by_trying() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        let tim = site.client(TIM);
        let (pin, secret) = create(&site);
        for _ in 0..5 {
            assert_eq!(validate(&tim, &json!(wrong(&[&pin]))).0, 404);
        }
        assert_eq!(validate(&tim, &json!(pin)), (429, "QuoteExceededError".to_owned()));
        // It counts for the person, with any of their tokens, and for nobody else.
        assert_eq!(validate(&site.client(TIM), &json!(pin)).0, 429);
        assert_eq!(validate(&site.client(TESS), &json!(pin)).0, 200);
        assert_eq!(status(&site, &secret), "Validated");
        site.pass(60);
        let (pin, _) = create(&site);
        assert_eq!(validate(&tim, &json!(pin)).0, 200);
        // Twenty an hour, five a minute.
        for minute in 0..4 {
            let wrong = (0..5).filter(|_| validate(&tim, &json!(wrong(&[&pin]))).0 == 404).count();
            assert_eq!(wrong, if minute < 3 { 5 } else { 0 }, "{minute}");
            site.pass(60);
        }
        site.pass(3_600 - 6 * 60);
        assert_eq!(validate(&tim, &json!("000000")).0, 429);
        site.pass(120);
        let (pin, _) = create(&site);
        assert_eq!(validate(&tim, &json!(pin)).0, 200);
        // How many live at once is bounded.
        site.pass(60);
        let made = (0..25).map(|_| anybody(&site, "create", b"").status).collect::<Vec<_>>();
        assert_eq!(made.iter().filter(|status| **status == 200).count(), 10);
        assert_eq!(made[24], 429);
        site.pass(60);
        let (_, secret) = create(&site);
        // Nor is it asked without end how a secret stands.
        let asked = |_| anybody(&site, "status", json!(secret).to_string().as_bytes()).status;
        assert_eq!((0..7).map(asked).collect::<Vec<_>>(), [200, 200, 200, 200, 200, 429, 429]);
    });
}

#[test]
fn what_pairing_refuses() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        let tim = site.client(TIM);
        let long = vec![b'x'; 5_000];
        let bad: [(&str, &[u8], u16); 5] = [
            ("status", b"{\"secret\": \"x\"}", 400),
            ("status", b"[]", 400),
            ("status", &long, 413),
            ("nothing", b"", 404),
            ("validate", b"{\"pin\": \"000000\"}", 401),
        ];
        for (path, body, expected) in bad {
            let reply = anybody(&site, path, body);
            assert_eq!(reply.status, expected, "{path}: {}", reply.lossy());
            assert!(!error_code(&reply).is_empty());
        }
        for nothing in [&b""[..], b"null", b"\"\"", b"\xff\xfe", b"\"a\\u0000\""] {
            assert_eq!(anybody(&site, "status", nothing).json()["status"], json!("WrongOrExpired"));
        }
        for body in [json!({}), json!({"pin": null}), json!({"pin": [1]}), json!([]), json!("123456")] {
            assert_eq!(tim.send(request("POST", "/api/pin/validate", &body)).status, 400, "{body}");
        }
        assert_eq!(validate(&site.client(NORA), &json!("000000")).0, 403);
        assert_eq!(tim.send(Request::get("/api/pin/create")).status, 405);
        assert_eq!(tim.send(Request::post("/api/pin/create?api-version=9", "", b"")).status, 400);
        // Neither PIN nor secret is in the database.
        let (pin, secret) = create(&site);
        let stored = site.pairings();
        assert_eq!(stored.len(), 1);
        for kept in &stored[0] {
            assert!(kept.len() == 32 && !kept.ends_with(pin.as_bytes()) && kept.as_slice() != &secret.as_bytes()[..32]);
        }
    });
}
