//! Configuration: built-in defaults < `timeledger.toml` < `TIMELEDGER_SECTION__KEY` < flags (UX-122).
//!
//! In: the file, the environment, what flags said. Out: one checked [`Config`], and for each key where its value came
//! from. A key is declared once, as a field below; file, environment, `config show` and the check follow from it.

mod azure_devops;
mod load;
mod mail;
mod network;
mod secret;
mod signin;

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

pub use azure_devops::AzureDevOps;
pub use load::{ConfigError, Loaded, Origin, Setting, Sources};
pub use mail::{Mail, MailTls};
pub use network::Network;
pub use secret::Secret;
pub use signin::{Auth, ChannelBinding, Mode, Ntlm, Oidc, Provision, Verifier, networks};

/// Everything that can be set. A field's name is its key; its comment is its documentation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub database: Database,
    pub odata: OData,
    pub rest: Rest,
    pub jobs: Jobs,
    pub log: Log,
    pub cors: Cors,
    pub metrics: Metrics,
    pub auth: Auth,
    pub ntlm: Ntlm,
    pub oidc: Oidc,
    pub azure_devops: AzureDevOps,
    pub tls: Tls,
    pub mail: Mail,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port to listen on.
    pub listen: String,
    /// The address that clients use, such as `https://time.example.com`; next links are built from it. Empty: taken
    /// from the request (OD-76).
    pub public_url: String,
    /// Networks whose `Forwarded` and `X-Forwarded-*` headers are believed, such as `10.0.0.0/8`.
    pub trusted_proxies: Vec<String>,
    /// Host names under which clients know this server, without ports; a request that names another is refused (AU-94).
    /// Empty: any, since `server.public_url` is what links are made of.
    pub hosts: Vec<String>,
    /// Names of the collections that `/api/{Collection}/odata` takes. Empty: one organization, any name means it.
    pub organizations: Vec<String>,
    /// Threads that serve HTTP. 0: one a core.
    pub workers: usize,
    /// Open connections a server holds at most.
    pub max_connections: usize,
    /// Longest request line, in bytes; above it 414.
    pub max_url_bytes: usize,
    /// Longest single header, in bytes; above it 431.
    pub max_header_bytes: usize,
    /// Seconds that a client has to send the head of its request.
    pub header_timeout: u64,
    /// Seconds that an idle connection is kept.
    pub keep_alive: u64,
    /// Seconds that running requests have to end after SIGTERM or SIGINT.
    pub shutdown_timeout: u64,
    /// Compress answers when a client asks for it.
    pub compression: bool,
}

impl Default for Server {
    fn default() -> Server {
        Server {
            listen: "127.0.0.1:7177".to_owned(),
            public_url: String::new(),
            trusted_proxies: Vec::new(),
            hosts: Vec::new(),
            organizations: Vec::new(),
            workers: 0,
            max_connections: 10_000,
            max_url_bytes: 16 * 1024,
            max_header_bytes: 64 * 1024,
            header_timeout: 10,
            keep_alive: 75,
            shutdown_timeout: 30,
            compression: true,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite:PATH` or `postgres://…`.
    pub url: Secret,
    /// Threads with a connection each that answer pages.
    pub interactive_threads: usize,
    /// Threads with a connection each that stream whole sets and files.
    pub bulk_threads: usize,
    /// Threads with a connection each that write; SQLite always has one.
    pub writer_threads: usize,
    /// Seconds until the first row; a query that needs longer is cancelled (OD-153). 0: no limit.
    pub statement_timeout: u64,
    /// Bring an older schema up to date when the server starts. A new database gets its schema in any case.
    pub migrate: bool,
}

impl Default for Database {
    fn default() -> Database {
        Database {
            url: Secret::new("sqlite:timeledger.sqlite"),
            interactive_threads: 4,
            bulk_threads: 2,
            writer_threads: 4,
            statement_timeout: 60,
            migrate: false,
        }
    }
}

/// Limits of OD-150 to OD-154. Each refusal names its knob.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OData {
    /// Rows of one page at v4.0; those of v3.x are the wire contract's.
    pub page_size: u32,
    /// Requests that one caller has running at most; above it 429 with `Retry-After`.
    pub max_concurrent: usize,
    /// Largest body of `POST …/$query`, in bytes; above it 413.
    pub max_body_bytes: usize,
    /// Adds `innererror` to error answers. Not for production.
    pub debug: bool,
    /// Levels of `$expand` inside `$expand`.
    pub max_expand_depth: usize,
    /// Items of one `$expand`.
    pub max_expand_breadth: usize,
    pub max_expression_depth: usize,
    pub max_expression_nodes: usize,
    pub max_lambda_depth: usize,
    pub max_function_depth: usize,
    pub max_in_members: usize,
    pub max_orderby: usize,
    pub max_apply_steps: usize,
    pub max_columns: usize,
    /// Tables of one statement; SQLite refuses more than 64.
    pub max_joins: usize,
    pub max_levels: u64,
    /// Expanded navigations of one request, those of every level of `$levels` counted.
    pub max_expansions: usize,
    /// What a page may hold of the members of its expansions, in bytes.
    pub max_expanded_bytes: usize,
}

impl Default for OData {
    fn default() -> OData {
        OData {
            page_size: 10_000,
            max_concurrent: 64,
            max_body_bytes: 1024 * 1024,
            debug: false,
            max_expand_depth: 5,
            max_expand_breadth: 50,
            max_expression_depth: 100,
            max_expression_nodes: 2_000,
            max_lambda_depth: 3,
            max_function_depth: 30,
            max_in_members: 10_000,
            max_orderby: 20,
            max_apply_steps: 20,
            max_columns: 1_000,
            max_joins: 60,
            max_levels: 10,
            max_expansions: 200,
            max_expanded_bytes: 256 * 1024 * 1024,
        }
    }
}

/// REST and `/api/v1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rest {
    /// A request to REST without `api-version` is refused; otherwise it means 3.2.
    pub strict_api_version: bool,
    /// `workLogs/batch` answers `{"data":[…]}` as all other routes do, not a bare array.
    pub batch_in_envelope: bool,
    /// Largest body, in bytes; above it 413.
    pub max_body_bytes: usize,
    /// Logs that one bulk edit picks; above it 413.
    pub max_bulk_worklogs: usize,
}

impl Default for Rest {
    fn default() -> Rest {
        Rest {
            strict_api_version: false,
            batch_in_envelope: false,
            max_body_bytes: 8 * 1024 * 1024,
            max_bulk_worklogs: 10_000,
        }
    }
}

/// TLS of this server itself. Without it, put a proxy before the server where the network is not yours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// The certificate and those above it, in PEM. Empty: the server speaks HTTP.
    pub certificate: String,
    /// Its key, in PEM.
    pub key: String,
    /// Seconds for which browsers ask by https alone (`Strict-Transport-Security`). 0: they are not told so.
    pub hsts_seconds: u64,
}

/// Jobs: imports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jobs {
    /// Jobs that a server runs at once. 0: it runs none.
    pub concurrent: usize,
    /// Days that a job is kept after its end, with its files.
    pub keep_days: u32,
    /// Largest file of an import, in bytes; above it 413.
    pub max_file_bytes: usize,
}

impl Default for Jobs {
    fn default() -> Jobs {
        Jobs { concurrent: 2, keep_days: 30, max_file_bytes: 64 * 1024 * 1024 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,timeledger::db=debug`.
    pub level: String,
    pub format: LogFormat,
    /// Milliseconds after which a reading query is logged with its SQL, which holds no values. 0: none is.
    pub slow_query: u64,
}

impl Default for Log {
    fn default() -> Log {
        Log { level: "info".to_owned(), format: LogFormat::Auto, slow_query: 1_000 }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    Text,
    Json,
}

/// Which web pages may read the API from a browser (OD-190, AU-93). None unless listed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cors {
    /// Exact origins, such as `https://reports.example.com`.
    pub origins: Vec<String>,
    /// Let these origins send cookies and Windows sign-in.
    pub credentials: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// `/metrics` asks for this as a Bearer token. Empty: it answers to the machine itself alone.
    pub token: Secret,
}

impl Config {
    /// The address to listen on, as checked by [`Sources::load`].
    pub fn listen(&self) -> Result<SocketAddr, ConfigError> {
        load::socket_address(&self.server.listen).map_err(|why| ConfigError::value("server.listen", why))
    }

    /// The trusted networks, as checked by [`Sources::load`].
    pub fn trusted_proxies(&self) -> Vec<Network> {
        self.server.trusted_proxies.iter().filter_map(|text| text.parse().ok()).collect()
    }
}
