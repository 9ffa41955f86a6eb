//! What this site signs in with at Azure DevOps (AU-60 to AU-65), through HTTP and through [`Outgoing::send`]. The far sides
//! are fakes, but for NTLM: there it is a server of ours.

mod commands;
mod consent;
mod fakes;
mod hostile;
mod leaks;
mod ntlm;
mod refresh;
mod routes;
mod sealed;
mod sending;
mod told;

use secrecy::SecretString;
use serde_json::{Value, json};
use timeledger::auth::outgoing::entra::Registration;
use timeledger::auth::outgoing::{self, Outgoing, OutgoingError, Request, Response, Whose, connections};
use timeledger::auth::vault::Vault;
use timeledger::config::{self, Config, Secret};
use timeledger::db::{Db, Options, Role};
use timeledger::domain::wall::Written;

use crate::backend::{Backend, Database, Fixture};
use crate::rest::request;
use crate::support::http::{Reply, Request as HttpRequest};
use crate::support::server::Server;
use crate::tracking::{ADA, Client, Site};
use fakes::{DevOps, Entra, MARK};

pub const KEY: &str = "1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
pub const OTHER_KEY: &str = "2:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
/// Behind a proxy that puts a path before all of this server.
const PUBLIC: &str = "http://timeledger.test/tracking";
pub const ADA_ID: i32 = 1;
pub const TIM_ID: i32 = 4;

/// Servers of one site, and both far sides.
pub struct World {
    pub site: Site,
    pub entra: Entra,
    pub devops: DevOps,
    /// The id of the connection.
    pub id: String,
    key: i32,
}

fn configured(entra: &Entra) -> Config {
    let mut config = Config::default();
    config.auth.key = Secret::new(KEY);
    config.server.public_url = PUBLIC.into();
    config.azure_devops = config::AzureDevOps {
        client_id: "the-client".into(),
        client_secret: Secret::new(format!("{MARK}-client-secret")),
        authority: entra.authority(),
    };
    config
}

/// The program itself, registered at this fake of Entra ID.
pub fn serve(backend: Backend, entra: &Entra, more: &[(&str, &str)]) -> Server {
    let (authority, secret) = (entra.authority(), format!("{MARK}-client-secret"));
    let settings = [
        ("TIMELEDGER_KEY", KEY),
        ("TIMELEDGER_SERVER__PUBLIC_URL", PUBLIC),
        ("TIMELEDGER_AZURE_DEVOPS__CLIENT_ID", "the-client"),
        ("TIMELEDGER_AZURE_DEVOPS__CLIENT_SECRET", &secret),
        ("TIMELEDGER_AZURE_DEVOPS__AUTHORITY", &authority),
    ];
    Server::start_with(Database::loaded(backend, Fixture::SMALL), &[&settings, more].concat())
}

impl World {
    /// A connection of this kind, without credentials.
    pub fn start(backend: Backend, servers: usize, kind: &str) -> World {
        let entra = Entra::start();
        let devops = DevOps::start(&entra);
        let start = Written::parse("2024-05-02T09:00:00").expect("a time").wall;
        let database = Database::loaded(backend, Fixture::SMALL);
        let site = Site::configured(database, servers, &configured(&entra), start);
        let body = json!({"name": "Main", "baseUrl": devops.url(), "kind": kind, "allowHttp": true});
        let made = site.client(ADA).send(request("POST", "/api/v1/connections", &body));
        assert_eq!(made.status, 201, "{}", made.lossy());
        let id = made.json()["id"].as_str().expect("an id").to_owned();
        let key = connections::find(&mut site.database.connect(Role::Reader), "main").expect("the connection").id;
        World { site, entra, devops, id, key }
    }

    pub fn ask(&self, user: &str, method: &'static str, path: &str, body: &Value) -> Reply {
        self.site.client(user).send(request(method, &format!("/api/v1/connections/{}{path}", self.id), body))
    }

    /// Keeps a personal access token: the service account's, or a person's own.
    pub fn keep(&self, user: &str, path: &str, secret: &str) {
        let kept = self.ask(user, "PUT", path, &fakes::body("pat", secret));
        assert_eq!(kept.status, 200, "{}", kept.lossy());
    }

    /// Whether a person's own credential works, and why not.
    pub fn test(&self, user: &str) -> Value {
        self.tested(&self.site.client(user), false)
    }

    pub fn test_service(&self) -> Value {
        self.tested(&self.site.client(ADA), true)
    }

    pub fn tested(&self, client: &Client, service: bool) -> Value {
        let path = format!("/api/v1/connections/{}/test", self.id);
        let reply = client.send(request("POST", &path, &json!({"service": service})));
        assert_eq!(reply.status, 200, "{}", reply.lossy());
        reply.json()
    }

    /// A person signs in at the fake of Entra ID, as a browser does it.
    pub fn authorize(&self, user: &str, service: bool) {
        let back = self.go_and_come_back(user, service, "Ann");
        assert_eq!((back.status, back.header("Location")), (303, Some("/tracking/connections")), "{}", back.lossy());
    }

    pub fn depart(&self, user: &str, service: bool) -> (String, String) {
        let body = json!({"returnTo": "/connections", "service": service});
        let reply = self.ask(user, "POST", "/authorize", &body);
        assert_eq!(reply.status, 200, "{}", reply.lossy());
        let cookie = reply.header("Set-Cookie").expect("a cookie").split(';').next().expect("a pair").to_owned();
        (reply.json()["url"].as_str().expect("an address").to_owned(), cookie)
    }

    fn go_and_come_back(&self, user: &str, service: bool, person: &str) -> Reply {
        let (url, cookie) = self.depart(user, service);
        self.come_back(&self.entra.consent(&url, person), &cookie)
    }

    pub fn come_back(&self, target: &str, cookie: &str) -> Reply {
        HttpRequest::get(target).header("Cookie", cookie).send(self.site.address(0))
    }

    /// Sends as the sync will do it, from a server of its own.
    pub fn send(&self, whose: Whose, request: &Request) -> Result<Response, OutgoingError> {
        self.send_with(KEY, whose, request)
    }

    pub fn send_with(&self, keys: &str, whose: Whose, request: &Request) -> Result<Response, OutgoingError> {
        let outgoing = self.outgoing(keys);
        block_on(outgoing.send(self.key, whose, request))
    }

    pub fn outgoing(&self, keys: &str) -> Outgoing {
        let db = Db::open(Options::new(self.site.database.url.clone()));
        let entra = outgoing::Entra::new(&Registration {
            client_id: "the-client".into(),
            client_secret: SecretString::from(format!("{MARK}-client-secret")),
            authority: self.entra.authority(),
            public_url: PUBLIC.into(),
        });
        let vault = Vault::new(keys).expect("keys");
        Outgoing::new(db, self.site.clock.clone(), vault, Some(entra.expect("a registration"))).expect("a way out")
    }

    /// Requests that Azure DevOps got so far.
    pub fn sent(&self) -> usize {
        self.devops.fake.asked().len()
    }

    /// The service account as it is shown.
    pub fn service(&self) -> Value {
        let reply = self.ask(ADA, "GET", "", &Value::Null);
        assert_eq!(reply.status, 200, "{}", reply.lossy());
        reply.json()["credential"].clone()
    }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    actix_web::rt::System::new().block_on(future)
}

/// Time is tracked and entered, whatever became of a credential.
pub fn check_tracking(client: &Client) {
    client.step("startTracking", json!({"remark": "goes on"}));
    let log = json!({"timeStamp": "2024-05-02T09:30:00", "length": 600, "workItemId": 3, "comment": "entered"});
    assert_eq!(client.send(request("POST", "/api/rest/workLogs", &log)).status, 200);
    assert_eq!(client.current()["track"]["trackingState"], "tracking");
    assert_eq!(client.send(HttpRequest::get("/api/odata/v3.2/workLogsOnly/$count")).status, 200);
}
