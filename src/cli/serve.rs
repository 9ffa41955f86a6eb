//! `timeledger serve`: answers reporting clients until it is told to stop.

use std::net::{SocketAddr, TcpListener};

use clap::Args;

use super::failure::{Exit, Failure, Result};
use super::output;
use super::settings::{ConfigArgs, DatabaseArgs, connect, database_url, open_threads, prepare, start_logging};
use super::user::base;
use crate::auth::links;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::{DatabaseUrl, DbError, Hold, Role as ConnRole};
use crate::domain::people;
use crate::http::{self, App};
use crate::telemetry::Metrics;

/// Serve the reporting API
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  timeledger serve --database sqlite:timeledger.sqlite
  timeledger serve --config /etc/timeledger.toml --listen 0.0.0.0:8080
  TIMELEDGER_DATABASE__URL=postgres://timeledger@db/timeledger timeledger serve")]
pub struct Serve {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", help_heading = "Configuration")]
    listen: Option<String>,
    /// Bring an older schema up to date first
    #[arg(long)]
    migrate: bool,
}

impl Serve {
    pub fn run(self, args: &ConfigArgs) -> Result {
        let mut config = args.load(&self.database, self.listen.as_deref())?.config;
        config.database.migrate |= self.migrate;
        start_logging(&config);
        let url = database_url(&config)?;
        prepare(&config, &url)?;
        let (listener, address) = listen(&config)?;
        let app = app(&config, url)?;
        invite(&config, address)?;
        run(app, &config, listener)
    }
}

/// Prints a link where nobody could let others in (AU-71). It goes to standard output and into no log of ours.
fn invite(config: &Config, address: SocketAddr) -> Result {
    let mut conn = connect(config, ConnRole::Writer)?;
    if !config.auth.local_accounts || people::has_administrator(&mut conn)? {
        return Ok(());
    }
    let now = Clock::system().now();
    let secret = conn.write::<_, DbError>(|tx| {
        tx.hold(Hold::Shared)?;
        links::make(tx, links::For::FirstAdministrator, now)
    })?;
    let mut config = config.clone();
    config.server.listen = address.to_string();
    let invited = output::line(format!(
        "Nobody administers this server yet. Open this within 24 hours, once, to become its administrator:\n  {}",
        links::address(&base(&config), &secret, None)
    ));
    // Who cannot read it asks for another: a server that cannot print still serves.
    if invited.is_err() {
        tracing::warn!("nobody administers this server yet, and the link for its administrator could not be printed");
    }
    Ok(())
}

/// The listener, before anything slow is begun; a taken port shows at once.
pub fn listen(config: &Config) -> Result<(TcpListener, SocketAddr)> {
    let address = config.listen()?;
    let listener = TcpListener::bind(address).and_then(|listener| Ok((listener.local_addr()?, listener)));
    match listener {
        Ok((address, listener)) => Ok((listener, address)),
        Err(error) => Err(Failure::new(
            Exit::Failed,
            format!("cannot listen on {address}"),
            error.to_string(),
            "stop what listens there, or choose another with --listen 127.0.0.1:8080",
        )),
    }
}

/// Serves until SIGTERM or SIGINT.
pub fn serve(config: Config, url: DatabaseUrl, listener: TcpListener) -> Result {
    let app = app(&config, url)?;
    run(app, &config, listener)
}

fn app(config: &Config, url: DatabaseUrl) -> Result<App> {
    let metrics = Metrics::new().map_err(|error| failed_to_start(&error))?;
    Ok(App::new(config.clone(), open_threads(config, url), Clock::system(), metrics)?)
}

fn run(app: App, config: &Config, listener: TcpListener) -> Result {
    let address = listener.local_addr()?;
    let scheme = if config.tls.certificate.is_empty() { "http" } else { "https" };
    if scheme == "http" && !address.ip().is_loopback() && !config.server.public_url.starts_with("https:") {
        tracing::warn!(
            "passwords and cookies go over plain http; set [tls], or server.public_url to a proxy's https address"
        );
    }
    let database = app.db.url().to_string();
    tracing::info!(address = %format_args!("{scheme}://{address}"), %database, "listening");
    actix_web::rt::System::new().block_on(http::serve(app, listener)).map_err(|error| failed_to_start(&error))
}

fn failed_to_start(error: &dyn std::error::Error) -> Failure {
    Failure::new(Exit::Failed, "the server failed", error.to_string(), "")
}
