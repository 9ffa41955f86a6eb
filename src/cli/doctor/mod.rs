//! `timeledger doctor`: looks for what is wrong or soon will be, and says how to mend it (UX-123).

mod connections;
mod mail;
mod sign_in;

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::failure::{Exit, Failure, Result};
use super::output;
use super::settings::{ConfigArgs, DatabaseArgs, database_url};
use crate::auth;
use crate::clock::Clock;
use crate::config::{Config, Loaded};
use crate::db::{Conn, DatabaseUrl, Role as ConnRole, migrate, write_to};
use crate::domain::{fields, people};
use crate::entities;
use crate::http::dynamic_properties;
use crate::odata::csdl;
use crate::odata::edm::Model;
use crate::odata::limits::Limits;
use crate::odata::parse::RawRequest;
use crate::odata::run::RunError;
use crate::odata::service::{self, Format, Setup};
use crate::odata::skiptoken::Sealer;
use crate::policy::{Everything, Role};
use crate::sql::Instant;

const DAY: i64 = 86_400_000_000;

/// Check the configuration, the database and what will expire
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  timeledger doctor
  timeledger doctor --database postgres://timeledger@db/timeledger --json

Exit code 4 where a check fails.")]
pub struct Doctor {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    detail: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "String::is_empty")]
    fix: String,
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, check: &'static str, detail: impl Into<String>) {
        self.0.push(Finding { check, state: State::Ok, detail: detail.into(), fix: String::new() });
    }

    fn warn(&mut self, check: &'static str, detail: impl Into<String>, fix: &str) {
        self.0.push(Finding { check, state: State::Warn, detail: detail.into(), fix: fix.to_owned() });
    }

    fn fail(&mut self, check: &'static str, failure: Failure) {
        let detail = if failure.why.is_empty() { failure.what } else { format!("{}: {}", failure.what, failure.why) };
        self.0.push(Finding { check, state: State::Fail, detail, fix: failure.hint });
    }
}

impl Doctor {
    pub fn run(self, args: &ConfigArgs) -> Result<ExitCode> {
        let mut found = Findings::default();
        match args.load(&self.database, None) {
            Err(failure) => found.fail("configuration", failure),
            Ok(loaded) => examine(&loaded, &mut found),
        }
        let failed = found.0.iter().any(|finding| finding.state == State::Fail);
        if self.json {
            output::json(&found.0)?;
        } else {
            let word = |state| match state {
                State::Ok => "ok",
                State::Warn => "warn",
                State::Fail => "fail",
            };
            let rows = found.0.into_iter().map(|f| [word(f.state).to_owned(), f.check.to_owned(), f.detail, f.fix]);
            output::table(["State", "Check", "Found", "Fix"], rows)?;
        }
        Ok(if failed { ExitCode::from(Exit::Data as u8) } else { ExitCode::SUCCESS })
    }
}

fn examine(loaded: &Loaded, found: &mut Findings) {
    let config = &loaded.config;
    found.ok(
        "configuration",
        match &loaded.file {
            Some(file) => file.display().to_string(),
            None => "no file; defaults, environment and flags".to_owned(),
        },
    );
    network(config, found);
    sign_in::tls(config, Clock::system().now(), found);
    sign_in::configuration(config, found);
    sign_in::browsers(config, found);
    sign_in::provider(config, found);
    mail::server(config, found);
    match jiff::tz::TimeZone::get("Europe/Berlin") {
        Ok(_) => found.ok("time zones", "the data of IANA is there"),
        Err(error) => found.warn("time zones", error.to_string(), "install the package tzdata"),
    }
    match database_url(config) {
        Err(failure) => found.fail("database", failure),
        Ok(url) => {
            if let DatabaseUrl::Sqlite(path) = &url {
                folder(path, found);
            }
            database(config, &url, found);
        }
    }
}

fn network(config: &Config, found: &mut Findings) {
    match config.listen() {
        Err(error) => found.fail("listener", error.into()),
        Ok(address) => {
            let behind_proxy =
                !config.server.trusted_proxies.is_empty() || config.server.public_url.starts_with("https:");
            if address.ip().is_loopback() || behind_proxy || !config.tls.certificate.is_empty() {
                found.ok("listener", address.to_string());
            } else {
                let fix = "set tls.certificate and tls.key, or put a proxy with TLS before it and name it in server.trusted_proxies";
                found.warn("listener", format!("{address} takes plain http from other machines"), fix);
            }
        }
    }
    if let Some(wide) = config.server.trusted_proxies.iter().find(|network| network.ends_with("/0")) {
        let fix = "name the proxy's own address";
        found.warn("proxies", format!("{wide} believes every client's X-Forwarded headers"), fix);
    }
    if config.odata.debug {
        found.warn("odata.debug", "error answers show causes", "switch odata.debug off");
    }
}

/// SQLite writes its journal beside the file.
fn folder(file: &std::path::Path, found: &mut Findings) {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| std::path::Path::new("."));
    let probe = folder.join(format!(".timeledger-doctor-{}", std::process::id()));
    match std::fs::File::create_new(&probe).and_then(|_| std::fs::remove_file(&probe)) {
        Ok(()) => found.ok("folder", format!("{} can be written", folder.display())),
        Err(error) => {
            let what = format!("{} cannot be written", folder.display());
            let hint = "give the user of this program the right to write there";
            found.fail("folder", Failure::new(Exit::Data, what, error.to_string(), hint));
        }
    }
}

fn database(config: &Config, url: &DatabaseUrl, found: &mut Findings) {
    let mut conn = match Conn::open(url, ConnRole::Reader) {
        Ok(conn) => conn,
        Err(error) => return found.fail("database", error.into()),
    };
    found.ok("database", url.to_string());
    if let Err(error) = migrate::check(&mut conn) {
        return found.fail("schema", error.into());
    }
    found.ok("schema", "up to date");
    match people::list(&mut conn) {
        Err(error) => found.fail("people", error.into()),
        Ok(everybody) => {
            let administrators =
                everybody.iter().filter(|person| person.is_active && person.role == Role::Administrator).count();
            let detail = format!("{} people, {administrators} active administrator(s)", everybody.len());
            if administrators == 0 {
                found.warn("people", detail, "timeledger user role NAME Administrator");
            } else {
                found.ok("people", detail);
            }
        }
    }
    tokens(&mut conn, found);
    sign_in::database(config, &mut conn, found);
    mail::queue(config, &mut conn, Clock::system().now(), found);
    connections::credentials(&mut conn, found);
    reporting(&mut conn, found);
}

fn tokens(conn: &mut Conn, found: &mut Findings) {
    let now = Clock::system().now();
    match auth::list(conn, None) {
        Err(error) => found.fail("tokens", error.into()),
        Ok(tokens) => {
            let living = tokens.iter().filter(|token| token.revoked_at.is_none() && token.expires_at > now);
            let soon = living.clone().filter(|token| token.expires_at < Instant(now.0 + 14 * DAY)).count();
            if soon > 0 {
                let fix = "timeledger token list shows them; make new ones in time";
                found.warn("tokens", format!("{soon} token(s) end within 14 days"), fix);
            } else {
                found.ok("tokens", format!("{} living", living.count()));
            }
        }
    }
}

/// Each version of the model writes its metadata, and each of its sets answers.
fn reporting(conn: &mut Conn, found: &mut Findings) {
    let fields = match fields::list(conn) {
        Ok(fields) => dynamic_properties(fields),
        Err(error) => return found.fail("reporting", error.into()),
    };
    let (limits, sealer) = (Limits::default(), Sealer::new([0; 32]));
    let mut asked = 0;
    for (name, schema, version) in entities::VERSIONS {
        let model = Model { schema, version: *version, granted: entities::rights(true), fields: &fields };
        csdl::xml::write(&model, csdl::Protocol::V4_0, &limits);
        for set in model.sets() {
            let setup = Setup {
                model,
                limits: &limits,
                viewer: &Everything,
                me: None,
                caller: "doctor",
                now: Clock::system().now(),
                sealer: &sealer,
                root: "",
                format: Format::NdJson,
                payload_401: false,
                continuation: None,
                omit_nulls: false,
                page: None,
                page_limit: None,
            };
            let request = RawRequest { path: set.name, query: "$top=1", body: None };
            let answer = service::prepare(&request, &setup).map_err(RunError::from).and_then(|prepared| {
                conn.snapshot(|conn| write_to(&mut std::io::sink(), |sink| prepared.run(conn, sink).map(drop)))
            });
            if let Err(error) = answer {
                let (what, why) = (format!("{name}/{} does not answer", set.name), format!("{error:?}"));
                return found.fail("reporting", Failure::new(Exit::Data, what, why, "report this with the reason"));
            }
            asked += 1;
        }
    }
    found.ok("reporting", format!("{asked} sets of {} models answer", entities::VERSIONS.len()));
}
