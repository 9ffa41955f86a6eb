//! Each credential × each address × right, wrong, revoked, expired (contract §2, `auth.md` §1). The addresses come from the
//! table of routes and from the models, so that one which is added is asked, too.

use serde_json::json;
use timeledger::auth::sessions::{self, NewSession};
use timeledger::auth::{self, NewToken, Scopes, TokenError, grants};
use timeledger::config::{self, Config, Oidc, Secret, Verifier};
use timeledger::db::{DbError, Hold, Role, Tx};
use timeledger::entities::{self, VERSIONS};
use timeledger::http::api::{Route, Verb, routes};
use timeledger::odata::edm::Model;
use timeledger::sql::{Guid, Instant};

use super::oidc::{Provider, free_port};
use super::wire::{Wire, header as leg_header};
use super::{ADA, KEY, keep_password};
use crate::backend::{Backend, Database, Fixture, for_each_backend};
use crate::support::http::Request;
use crate::tracking::Site;

const ADA_KEY: i32 = 1;

/// An address, and the scope that it asks for.
struct Place {
    target: String,
    scope: Scopes,
}

fn places() -> Vec<Place> {
    let of_route = |route: &Route| Place {
        target: route.pattern().replace("{id}", "cccccccc-0000-4000-8000-000000000001"),
        scope: route.scope,
    };
    // A stream has no end.
    let reading = |route: &&Route| route.verb == Verb::Get && !route.path.ends_with("events");
    let mut all: Vec<Place> = routes().filter(reading).map(of_route).collect();
    for (version, schema, of) in VERSIONS.iter().filter(|(name, ..)| ["v3.2", "v4.0"].contains(name)) {
        let model = Model { schema, version: *of, granted: entities::rights(true), fields: &[] };
        let sets = model.sets().map(|set| format!("{}?$top=1", set.name));
        let documents = ["", "$metadata", "openapi.json"].map(str::to_owned);
        for path in documents.into_iter().chain(sets) {
            let target = format!("/api/odata/{version}/{path}");
            all.push(Place { target, scope: Scopes::REPORTS_READ });
        }
        all.push(Place { target: format!("/api/Any/odata/{version}/$metadata"), scope: Scopes::REPORTS_READ });
    }
    assert!(all.len() > 60, "{}", all.len());
    all
}

/// How a request says who asks.
enum Shown {
    Header(&'static str, String),
    /// A connection that is signed in.
    Connection(Box<std::cell::RefCell<Wire>>),
    /// A handshake for each request.
    Password(&'static str),
}

struct Credential {
    name: &'static str,
    shown: Shown,
    scopes: Scopes,
}

fn credential(name: &'static str, header: &'static str, value: String, scopes: Scopes) -> Credential {
    Credential { name, shown: Shown::Header(header, value), scopes }
}

impl Credential {
    fn ask(&self, site: &Site, target: &str) -> (u16, Vec<u8>) {
        match &self.shown {
            Shown::Header(name, value) => {
                let reply = Request::get(target).header(name, value).send(site.address(0));
                (reply.status, reply.body)
            }
            Shown::Connection(wire) => {
                let answer = wire.borrow_mut().get(target, &[]);
                (answer.status, answer.body)
            }
            Shown::Password(password) => {
                let mut wire = Wire::open(site.address(0));
                let answer = wire.sign_in(target, "NTLM", (ADA.0, ADA.1, password));
                (answer.status, answer.body)
            }
        }
    }
}

fn site(backend: Backend, provider: &Provider) -> Site {
    let database = Database::loaded(backend, Fixture::SMALL);
    keep_password(&database, "ada@example.com", "CORP\\ada", ADA.2);
    let auth = config::Auth {
        key: Secret::new(KEY),
        windows_domains: vec!["CORP=corp.example.com".into()],
        proxy_addresses: vec!["127.0.0.1".into()],
        // Thousands of wrong passwords are no attack here.
        pair_failures: 1_000_000,
        address_failures: 1_000_000,
        account_failures: 1_000_000,
        ..config::Auth::default()
    };
    let ntlm = config::Ntlm { verifier: Verifier::Local, ..config::Ntlm::default() };
    let oidc = Oidc { issuer: provider.issuer.clone(), audiences: vec!["api://timeledger".into()], ..Oidc::default() };
    let config = Config { auth, ntlm, oidc, ..Config::default() };
    let now = Instant(jiff::Timestamp::now().as_microsecond());
    let site = Site::configured(database, 1, &config, now);
    let link = |tx: &mut Tx<'_>| {
        tx.hold(Hold::Exclusive)?;
        auth::identities::link_oidc(tx, ADA_KEY, (&provider.issuer, "ada"), now)
    };
    site.conn().write(link).expect("a subject of Ada's");
    site
}

/// A token that lives for a day.
fn token(site: &Site) -> (String, Guid) {
    let new = NewToken { user_id: ADA_KEY, name: "matrix", days: Some(1), scopes: Scopes::ALL, per_minute: None };
    let make = |tx: &mut Tx<'_>| auth::make(tx, new, site.clock.now());
    let (minted, guid) = site.conn().write::<_, TokenError>(make).expect("a token");
    (minted.expose().to_owned(), guid)
}

fn paired(site: &Site) -> String {
    let open = |tx: &mut Tx<'_>| {
        tx.hold(Hold::Shared)?;
        grants::open(tx, ADA_KEY, "192.0.2.1", site.clock.now())
    };
    site.conn().write::<_, DbError>(open).expect("a pair").access
}

/// The cookie of a browser.
fn session(site: &Site) -> String {
    let now = site.clock.now();
    let new = NewSession {
        user_id: ADA_KEY,
        kind: "local",
        provider_session: None,
        signed_in_at: now,
        address: None,
        client: None,
    };
    let open = |tx: &mut Tx<'_>| {
        tx.hold(Hold::Shared)?;
        sessions::open(tx, &new, sessions::Lifetime::default(), now)
    };
    site.conn().write::<_, DbError>(open).expect("a session").expect("somebody").0
}

fn subject(site: &Site, provider: &Provider, key: &str) -> String {
    let now = site.clock.now().0 / 1_000_000;
    let claims = json!({"sub": "ada", "scope": "reports.read time.write admin", "iat": now, "exp": now + 3_600});
    provider.forged(json!({"key": key, "claims": claims}))
}

fn forms(token: &str) -> [(&'static str, String); 4] {
    use base64::Engine;
    let basic = |text: String| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text));
    [
        ("token, Bearer", format!("Bearer {token}")),
        ("token, Basic without a name", basic(format!(":{token}"))),
        ("token, Basic with a name", basic(format!("anybody:{token}"))),
        ("token, raw Basic", format!("Basic {token}")),
    ]
}

/// Ada's credentials of every kind, all good.
fn good(site: &Site, provider: &Provider) -> (Vec<Credential>, Guid) {
    let (token, guid) = token(site);
    let mut all: Vec<Credential> =
        forms(&token).into_iter().map(|(name, value)| credential(name, "Authorization", value, Scopes::ALL)).collect();
    all.push(credential("pairing", "Authorization", format!("Bearer {}", paired(site)), Scopes::DEFAULT));
    let jwt = subject(site, provider, "rsa");
    all.push(credential("provider", "Authorization", format!("Bearer {jwt}"), Scopes::ALL));
    all.push(credential("proxy", "X-Remote-User", "CORP\\ada".into(), Scopes::ALL));
    let mut wire = Wire::open(site.address(0));
    assert_eq!(wire.sign_in("/api/rest/me", "NTLM", ADA).status, 200);
    all.push(Credential { name: "ntlm", shown: Shown::Connection(Box::new(wire.into())), scopes: Scopes::ALL });
    all.push(credential("session", "Cookie", format!("tl_session={}", session(site)), Scopes::ALL));
    (all, guid)
}

fn wrong(site: &Site, provider: &Provider) -> Vec<Credential> {
    let unknown = "tlt_0123456789ABCDEFGHIJKLMNOPQRSTUVW1lwW0o";
    let mut all: Vec<Credential> =
        forms(unknown).into_iter().map(|(name, value)| credential(name, "Authorization", value, Scopes::ALL)).collect();
    let nobody = auth::tokens::Minted::draw(auth::tokens::Kind::Access).expect("a token").expose().to_owned();
    all.push(credential("pairing", "Authorization", format!("Bearer {nobody}"), Scopes::DEFAULT));
    let jwt = subject(site, provider, "foreign");
    all.push(credential("provider", "Authorization", format!("Bearer {jwt}"), Scopes::ALL));
    all.push(credential("proxy", "X-Remote-User", "OTHER\\ada".into(), Scopes::ALL));
    all.push(Credential { name: "ntlm", shown: Shown::Password("wrong"), scopes: Scopes::ALL });
    let unknown = auth::secret::draw().expect("a cookie");
    all.push(credential("session", "Cookie", format!("tl_session={unknown}"), Scopes::ALL));
    all.push(credential("session, no cookie of ours", "Cookie", "tl_session=x".into(), Scopes::ALL));
    all.push(credential("ntlm, bent", "Authorization", leg_header("NTLM", b"NTLMSSP\0\x03"), Scopes::ALL));
    all
}

fn check_refused(site: &Site, places: &[Place], credentials: &[Credential], state: &str) {
    for credential in credentials {
        for place in places {
            let (status, body) = credential.ask(site, &place.target);
            let body = String::from_utf8_lossy(&body);
            assert_eq!(status, 401, "{state} {}: {}: {body}", credential.name, place.target);
            assert!(
                body.len() < 800 && !body.contains("ada@") && !body.contains("Ada"),
                "{state} {}: {}: {body}",
                credential.name,
                place.target
            );
        }
    }
}

#[test]
fn every_credential_at_every_address() {
    let provider = Provider::start(free_port());
    let places = places();
    for_each_backend(|backend| {
        let site = site(backend, &provider);
        let (credentials, token) = good(&site, &provider);
        for credential in &credentials {
            for place in &places {
                let (status, body) = credential.ask(&site, &place.target);
                let shown =
                    format!("{}: {}: {status} {}", credential.name, place.target, String::from_utf8_lossy(&body));
                if credential.scopes.admit(place.scope) {
                    assert!([200, 400, 404].contains(&status), "{shown}");
                } else {
                    assert_eq!(status, 403, "{shown}");
                }
            }
        }
        check_refused(&site, &places, &wrong(&site, &provider), "wrong");

        // Each in its own way revoked, and then all together by their person's end.
        let revoke = |tx: &mut Tx<'_>| auth::end(tx, token, site.clock.now());
        site.conn().write::<_, TokenError>(revoke).expect("the token's end");
        let list = grants::list(&mut site.database.connect(Role::Reader), ADA_KEY, site.clock.now()).expect("rows");
        let end = |tx: &mut Tx<'_>| {
            tx.hold(Hold::Shared)?;
            grants::revoke(tx, ADA_KEY, list[0].guid, site.clock.now())
        };
        assert_eq!(site.conn().write::<_, DbError>(end), Ok(true));
        check_refused(&site, &places, &credentials[..5], "revoked");
        site.sql("DELETE FROM sessions");
        check_refused(&site, &places, &credentials[8..], "signed out");
        site.sql("UPDATE users SET is_active = FALSE, auth_version = auth_version + 1 WHERE id = 1");
        check_refused(&site, &places, &credentials, "disabled");
        site.sql("UPDATE users SET is_active = TRUE, auth_version = auth_version + 1 WHERE id = 1");

        let (credentials, _) = good(&site, &provider);
        site.pass(2 * 86_400);
        // A proxy's word is of this moment.
        let ends: Vec<Credential> = credentials.into_iter().filter(|credential| credential.name != "proxy").collect();
        assert_eq!(ends.len(), 8);
        check_refused(&site, &places, &ends, "expired");
    });
}
