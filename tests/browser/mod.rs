//! People in browsers (AU-55, AU-70 to AU-74), through HTTP: passwords kept here, sessions, the OpenID provider; and once
//! in a browser itself.

mod accounts;
mod chromium;
mod hostile;
mod provider;
mod sessions;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};
use timeledger::auth::{audit, links, local};
use timeledger::config::Config;
use timeledger::db::{DbError, Hold, Role, Tx};
use timeledger::sql::Instant;

use crate::backend::{Backend, Database, Fixture};
use crate::rest::request;
use crate::support::http::{Reply, Request};
use crate::tracking::Site;

pub const PASSWORD: &str = "correct horse battery";

/// What a browser keeps, and does by itself.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    pub jar: BTreeMap<String, String>,
    pub csrf: String,
    /// Of the proxy that it comes through.
    pub address: Option<&'static str>,
}

impl Browser {
    pub fn send(&mut self, to: SocketAddr, mut request: Request) -> Reply {
        if !self.jar.is_empty() {
            let cookies: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("Cookie", &cookies.join("; "));
        }
        if let Some(address) = self.address {
            request = request.header("X-Forwarded-For", address);
        }
        let reply = request.send(to);
        for line in reply.all("Set-Cookie") {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').expect("a cookie");
            if attributes.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
        reply
    }

    pub fn get(&mut self, to: SocketAddr, target: &str) -> Reply {
        self.send(to, Request::get(target))
    }

    pub fn form(&mut self, to: SocketAddr, target: &str, fields: &[(&str, &str)]) -> Reply {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(to, Request::post(target, "application/x-www-form-urlencoded", body.as_bytes()))
    }

    /// As a page of ours asks: with the token of its session.
    pub fn ask(&mut self, to: SocketAddr, method: &'static str, target: &str, body: &Value) -> Reply {
        let asked = request(method, target, body).header("X-CSRF-Token", &self.csrf);
        self.send(to, asked)
    }

    /// Signs in with a password; the answer.
    pub fn try_sign_in(&mut self, to: SocketAddr, name: &str, password: &str) -> Reply {
        self.form(to, "/signin", &[("name", name), ("password", password), ("return_to", "/account")])
    }

    /// Signs in with a password, and learns the token of the session.
    pub fn sign_in(&mut self, to: SocketAddr, name: &str, password: &str) {
        let reply = self.try_sign_in(to, name, password);
        assert_eq!((reply.status, reply.header("Location")), (303, Some("/account")), "{}", reply.lossy());
        self.learn(to);
    }

    pub fn learn(&mut self, to: SocketAddr) -> Value {
        let me = self.get(to, "/api/v1/me").json();
        self.csrf = me["session"]["csrfToken"].as_str().unwrap_or_default().to_owned();
        me
    }

    pub fn is_signed_in(&mut self, to: SocketAddr) -> bool {
        match self.get(to, "/api/v1/me").status {
            200 => true,
            401 => false,
            other => panic!("{other}"),
        }
    }
}

/// Servers whose people Ada (Administrator), Tim (Team) and Nora (None) have [`PASSWORD`].
pub fn site(backend: Backend, servers: usize, config: &Config) -> Site {
    let now = Instant(jiff::Timestamp::now().as_microsecond());
    let site = Site::configured(Database::loaded(backend, Fixture::SMALL), servers, config, now);
    give_passwords(&site);
    site
}

pub fn give_passwords(site: &Site) {
    // One hash for all: hashing is slow by design.
    static HASH: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| local::hash(PASSWORD).expect("a hash"));
    for user in [1, 4, 6] {
        let set = |tx: &mut Tx<'_>| {
            tx.hold(Hold::Exclusive)?;
            local::set(tx, user, &HASH, site.clock.now())
        };
        site.conn().write::<_, DbError>(set).expect("a password");
    }
}

pub fn link(site: &Site, whom: links::For) -> String {
    let make = |tx: &mut Tx<'_>| {
        tx.hold(Hold::Shared)?;
        links::make(tx, whom, site.clock.now())
    };
    site.conn().write::<_, DbError>(make).expect("a link")
}

/// The newest rows of the audit: event, outcome, target.
pub fn audited(site: &Site, count: i64) -> Vec<(String, String, Option<String>)> {
    audit::latest(&mut site.database.connect(Role::Reader), count).expect("the audit")
}

pub fn newest(site: &Site) -> (String, String) {
    let (event, outcome, _) = audited(site, 1).remove(0);
    (event, outcome)
}

/// A log to be written.
pub fn entry() -> Value {
    json!({"length": 60, "comment": "from a page"})
}
