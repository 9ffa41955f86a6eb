//! `timeledger serve`: answers reporting clients until it is told to stop.

use std::net::{SocketAddr, TcpListener};

use clap::Args;

use super::failure::{Exit, Failure, Result};
use super::settings::{ConfigArgs, DatabaseArgs, database_url, open_threads, prepare, start_logging};
use crate::clock::Clock;
use crate::config::Config;
use crate::db::DatabaseUrl;
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
        let (listener, _) = listen(&config)?;
        serve(config, url, listener)
    }
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
    let metrics = Metrics::new().map_err(|error| failed_to_start(&error))?;
    let db = open_threads(&config, url);
    let address = listener.local_addr()?;
    let scheme = if config.tls.certificate.is_empty() { "http" } else { "https" };
    let database = db.url().to_string();
    let app = App::new(config, db, Clock::system(), metrics)?;
    tracing::info!(address = %format_args!("{scheme}://{address}"), %database, "listening");
    actix_web::rt::System::new().block_on(http::serve(app, listener)).map_err(|error| failed_to_start(&error))
}

fn failed_to_start(error: &dyn std::error::Error) -> Failure {
    Failure::new(Exit::Failed, "the server failed", error.to_string(), "")
}
