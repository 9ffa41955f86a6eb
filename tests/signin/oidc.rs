//! Access tokens of an OpenID provider that others wrote (npm oidc-provider), and forged ones (AU-50 to AU-54, attacks 16
//! to 20).

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use timeledger::auth::audit;
use timeledger::config::{Config, Oidc, Provision};
use timeledger::db::Role;
use timeledger::sql::Instant;

use crate::backend::{Backend, Database, Fixture, for_each_backend};
use crate::support::http::{Reply, Request};
use crate::tracking::Site;

/// The provider's program.
pub struct Provider {
    child: Child,
    pub issuer: String,
    control: SocketAddr,
}

impl Provider {
    pub fn start(port: u16) -> Provider {
        Provider::start_for(port, None)
    }

    /// With a client for people in browsers of the server at this address.
    pub fn start_for(port: u16, site: Option<&str>) -> Provider {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut node = Command::new("node");
        node.arg(root.join("tests/clients/provider.cjs")).arg(port.to_string()).args(site);
        node.env("NODE_PATH", root.join(".cache/clients/node_modules"));
        node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = node.spawn().expect("node starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok);
        let told = lines.find(|line| line.starts_with("{\"issuer\"")).expect("it listens");
        // It goes on talking, and ends where nobody listens.
        std::thread::spawn(move || lines.count());
        let told: Value = serde_json::from_str(&told).expect("JSON");
        let text = |name: &str| told[name].as_str().expect("a text").to_owned();
        Provider { child, issuer: text("issuer"), control: text("control").parse().expect("an address") }
    }

    pub fn ask(&self, path: &str, body: &Value) -> Value {
        let reply = Request::post(path, "application/json", body.to_string().as_bytes()).send(self.control);
        assert_eq!(reply.status, 200, "{}", reply.lossy());
        reply.json()
    }

    /// An access token that the provider made when somebody signed in.
    fn login(&self, user: &str, scope: &str, claims: Value) -> String {
        let answer = self.ask("/login", &json!({"user": user, "scope": scope, "claims": claims}));
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    pub fn forged(&self, what: Value) -> String {
        self.ask("/sign", &what)["token"].as_str().expect("a token").to_owned()
    }

    fn fetches(&self) -> i64 {
        self.ask("/fetches", &json!({}))["fetches"].as_i64().expect("a number")
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

fn site(backend: Backend, provider: &Provider, more: impl FnOnce(&mut Oidc)) -> Site {
    let mut oidc =
        Oidc { issuer: provider.issuer.clone(), audiences: vec!["api://timeledger".into()], ..Oidc::default() };
    more(&mut oidc);
    let config = Config { oidc, ..Config::default() };
    let now = Instant(jiff::Timestamp::now().as_microsecond());
    Site::configured(Database::loaded(backend, Fixture::SMALL), 2, &config, now)
}

fn reads(site: &Site, server: usize, token: &str) -> Reply {
    Request::get("/api/odata/v3.2/workLogsOnly/$count").bearer(token).send(site.address(server))
}

fn me(site: &Site, token: &str) -> Value {
    Request::get("/api/rest/me").bearer(token).send(site.address(0)).json()["data"]["user"].clone()
}

fn newest(site: &Site) -> (String, String) {
    let rows = audit::latest(&mut site.database.connect(Role::Reader), 1).expect("rows");
    (rows[0].0.clone(), rows[0].1.clone())
}

const BOTH: &str = "openid reports.read time.write";

#[test]
fn au_53_who_signed_in_at_the_provider_is_let_in() {
    let provider = Provider::start(free_port());
    for_each_backend(|backend| {
        let roles = vec!["leads=Product".to_owned(), "chiefs=Administrator".to_owned()];
        let site = site(backend, &provider, |oidc| oidc.roles = roles);
        let claims = |groups: Value| json!({"preferred_username": "ann@example.com", "name": "Ann", "groups": groups});
        let token = provider.login("ann", BOTH, claims(json!(["leads"])));
        // On both servers, on each API; a person was made, once.
        assert_eq!([reads(&site, 0, &token).text(), reads(&site, 1, &token).text()], ["11", "11"].map(String::from));
        assert_eq!(
            (&me(&site, &token)["uniqueName"], &me(&site, &token)["name"]),
            (&json!("ann@example.com"), &json!("Ann"))
        );
        let entry = json!({"length": 60, "comment": "by a provider's token"}).to_string();
        let posted = Request::post("/api/rest/workLogs", "application/json", entry.as_bytes()).bearer(&token);
        assert_eq!(posted.send(site.address(1)).status, 200);
        let current = Request::get("/api/tracking/client/current").bearer(&token).send(site.address(0));
        assert_eq!(current.status, 200);
        assert_eq!(newest(&site), ("sign-in".to_owned(), "ok".to_owned()));
        // Scopes narrow.
        let reader = provider.login("ann", "openid reports.read", claims(json!(["leads"])));
        assert_eq!(reads(&site, 0, &reader).status, 200);
        let refused = Request::post("/api/rest/workLogs", "application/json", entry.as_bytes()).bearer(&reader);
        let refused = refused.send(site.address(0));
        assert_eq!(refused.status, 403);
        assert_eq!(refused.all("WWW-Authenticate").collect::<Vec<_>>(), ["Bearer error=\"insufficient_scope\""]);
        // Groups give the role, with the next token: here none at all, then the highest.
        let outside = provider.login("ann", BOTH, claims(json!(["others"])));
        assert_eq!((reads(&site, 0, &outside).status, reads(&site, 1, &token).status), (403, 403));
        let chief = provider.login("ann", BOTH, claims(json!(["leads", "chiefs"])));
        assert_eq!(reads(&site, 1, &chief).status, 200);
        let rows = audit::latest(&mut site.database.connect(Role::Reader), 20).expect("rows");
        assert!(rows.iter().filter(|(event, ..)| event == "person-changed").count() >= 2, "{rows:?}");
        // Disabled: on the next request, on both servers, whatever was remembered.
        site.sql(
            "UPDATE users SET is_active = FALSE, auth_version = auth_version + 1 WHERE unique_name = 'ann@example.com'",
        );
        assert_eq!((reads(&site, 0, &chief).status, reads(&site, 1, &chief).status), (401, 401));
        // Who is called like a person of ours is not that person.
        let tim = provider.login("mallory", BOTH, json!({"preferred_username": "tim@example.com"}));
        assert_eq!((reads(&site, 0, &tim).status, newest(&site).0.as_str()), (403, "denied"));
        // A program that nobody linked.
        let robot = provider.forged(json!({"claims": {"sub": "robot", "client_id": "robot"}}));
        assert_eq!((reads(&site, 0, &robot).status, newest(&site).0.as_str()), (403, "denied"));
        // Its end.
        let now = site.clock.now().0 / 1_000_000;
        let good = provider.forged(json!({"claims": {"sub": "bea", "iat": now, "exp": now + 3_600}}));
        assert_eq!(reads(&site, 0, &good).status, 200);
        site.pass(3_600 + 59);
        assert_eq!(reads(&site, 0, &good).status, 200);
        site.pass(2);
        assert_eq!(reads(&site, 0, &good).status, 401);
    });
}

#[test]
fn attacks_16_to_20_forged_tokens_are_refused() {
    let provider = Provider::start(free_port());
    for_each_backend(|backend| {
        let site = site(backend, &provider, |oidc| oidc.provision = Provision::DefaultRole);
        for (what, reason) in [
            (json!({"alg": "none"}), "no token"),
            (json!({"alg": "HS256"}), "algorithm"),
            (json!({"alg": "ES256", "key": "ec", "header": {"kid": null}}), "key is not the provider's"),
            (json!({"key": "foreign"}), "signature"),
            (json!({"key": "foreign", "header": {"jwk": true}}), "signature"),
            (json!({"key": "foreign", "header": {"jku": "http://127.0.0.1:1/keys"}}), "signature"),
            (json!({"header": {"kid": "nobody's"}}), "key is not the provider's"),
            (json!({"header": {"crit": ["exp"]}}), "extensions"),
            (json!({"claims": {"iss": "http://127.0.0.1:1"}}), "another issuer"),
            (json!({"without": ["iss"]}), "`iss` is missing"),
            (json!({"claims": {"aud": "api://other"}}), "made for others"),
            (json!({"without": ["aud"]}), "made for others"),
            (json!({"without": ["exp"]}), "`exp` is missing"),
            (json!({"without": ["sub"]}), "`sub` is missing"),
            (json!({"claims": {"exp": 1_000_000_000}}), "expired"),
            (json!({"claims": {"nbf": 9_000_000_000_i64, "exp": 9_100_000_000_i64}}), "not yet good"),
            (json!({"claims": {"nonce": "n"}}), "ID token"),
            (json!({"claims": {"padding": "x".repeat(17_000)}}), "longer than 16 KiB"),
        ] {
            let token = provider.forged(what.clone());
            let reply = reads(&site, 0, &token);
            assert_eq!(reply.status, 401, "{what}");
            // Equal refusals fold into one row.
            let rows = audit::latest(&mut site.database.connect(Role::Reader), 50).expect("rows");
            let is_told = rows.iter().any(|(event, outcome, _)| event == "refused" && outcome.contains(reason));
            assert!(is_told, "{what}: {rows:?}");
            let offered: Vec<&str> = reply.all("WWW-Authenticate").collect();
            let expected = format!("Bearer authorization_uri=\"{}/auth\", error=\"invalid_token\"", provider.issuer);
            assert_eq!(offered, [expected.as_str(), "Basic realm=\"timetracker\""]);
            assert!(!reply.lossy().contains("eyJ"));
        }
        // A key of the other type, and one whose header is bent.
        let es = provider.forged(json!({"alg": "RS256", "header": {"alg": "ES256"}}));
        assert_eq!(reads(&site, 0, &es).status, 401);
        let good = provider.forged(json!({}));
        for at in (0..good.len()).step_by(7) {
            let mut bent = good.clone().into_bytes();
            bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
            let bent = String::from_utf8(bent).expect("ASCII");
            // The last letter holds bits that mean nothing.
            assert!(bent == good || at == good.len() - 1 || reads(&site, 0, &bent).status == 401, "{at}");
        }
        for (alg, key) in [("RS256", "rsa"), ("PS256", "rsa"), ("ES256", "ec")] {
            assert_eq!(reads(&site, 0, &provider.forged(json!({"alg": alg, "key": key}))).status, 200, "{alg}");
        }
        let id_token = provider.ask("/login", &json!({"user": "cy"}))["id_token"].as_str().expect("a token").to_owned();
        assert_eq!(reads(&site, 0, &id_token).status, 401);
    });
}

#[test]
fn au_52_keys_are_fetched_once_and_again_where_they_turn() {
    let port = free_port();
    for_each_backend(|backend| {
        let provider = Provider::start(port);
        let site = site(backend, &provider, |_| {});
        for n in 0..1_000 {
            let unknown = provider.forged(json!({"header": {"kid": format!("k{n}")}}));
            assert_eq!(reads(&site, 0, &unknown).status, 401);
        }
        assert_eq!(provider.fetches(), 1);
        let old = provider.forged(json!({}));
        assert_eq!(reads(&site, 0, &old).status, 200);
        drop(provider);
        // Down: the keys that are known serve for a day.
        site.pass(3 * 3_600);
        let provider = Provider::start(port);
        // New keys: the old ones no longer count, the new ones do.
        site.pass(61);
        let now = site.clock.now().0 / 1_000_000;
        let claims = json!({"iat": now, "exp": now + 3600});
        let new = provider.forged(json!({"claims": claims}));
        assert_eq!((reads(&site, 0, &new).status, reads(&site, 0, &old).status), (200, 401));
        assert_eq!(provider.fetches(), 1);
        drop(provider);
        site.pass(61);
        let again = reads(&site, 0, &new);
        assert_eq!(again.status, 200, "{}", again.lossy());
        // For want of the provider nobody new comes in, and that is no verdict.
        site.pass(25 * 3_600);
        let late = reads(&site, 0, &new);
        assert_eq!((late.status, late.header("Retry-After")), (503, Some("5")));
    });
}

#[test]
fn au_97_the_doctor_asks_the_provider() {
    let provider = Provider::start(free_port());
    let database = Database::loaded(Backend::Sqlite, Fixture::SMALL);
    let finding = |issuer: &str, algorithms: &str| {
        let settings = [
            ("TIMELEDGER_OIDC__ISSUER", issuer),
            ("TIMELEDGER_OIDC__AUDIENCES", "api://timeledger"),
            ("TIMELEDGER_OIDC__ALGORITHMS", algorithms),
        ];
        let output = super::command(&settings, &["doctor", "--json", "--database", &database.text], "");
        let findings: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let found = findings.as_array().expect("findings").iter().find(|finding| finding["check"] == "oidc");
        found.map(|found| (found["state"].as_str().expect("a state").to_owned(), found.to_string())).expect("it")
    };
    let (state, told) = finding(&provider.issuer, "RS256,ES256");
    assert!(state == "ok" && told.contains("has 2 keys"), "{told}");
    let (state, told) = finding(&format!("{}/", provider.issuer), "RS256");
    assert!(state == "fail" && told.contains("calls itself"), "{told}");
    for (issuer, algorithms) in
        [("http://127.0.0.1:1", "RS256"), ("http://id.example.com", "RS256"), (&provider.issuer, "HS256")]
    {
        assert_eq!(finding(issuer, algorithms).0, "fail", "{issuer} {algorithms}");
    }
}

/// AU-54, OD-185: what Power BI looks for.
#[test]
fn au_54_the_challenge_names_the_provider() {
    for_each_backend(|backend| {
        let provider = Provider::start(free_port());
        let site = site(backend, &provider, |oidc| {
            oidc.authorization_uri = "https://login.microsoftonline.com/t1/oauth2/authorize".into();
        });
        let empty = Request::get("/api/odata/v3.2/$metadata").header("Authorization", "Bearer").send(site.address(0));
        let nothing = Request::get("/api/odata/v3.2/$metadata").send(site.address(0));
        for reply in [empty, nothing] {
            assert_eq!(reply.status, 401);
            let offered: Vec<&str> = reply.all("WWW-Authenticate").collect();
            let expected = "Bearer authorization_uri=\"https://login.microsoftonline.com/t1/oauth2/authorize\"";
            assert_eq!(offered, [expected, "Basic realm=\"timetracker\""]);
        }
    });
}
