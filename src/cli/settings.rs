//! From the flags of a command to a configuration and a database.

use std::path::PathBuf;

use clap::Args;

use super::failure::{Exit, Failure, Result};
use crate::clock::Clock;
use crate::config::{Config, Loaded, LogFormat, Sources};
use crate::db::migrate::{self, MigrateError, Step};
use crate::db::{Conn, DatabaseUrl, Db, DbError, Hold, Options, Role, Tx};
use crate::domain::settings;
use crate::telemetry::{self, Style};

/// Where the configuration lies; every command takes it.
#[derive(Args, Clone, Debug, Default)]
pub struct ConfigArgs {
    /// Configuration file; otherwise ./timeledger.toml, if there is one
    #[arg(long, value_name = "FILE", global = true, help_heading = "Configuration")]
    pub config: Option<PathBuf>,
}

/// Which database to work on.
#[derive(Args, Clone, Debug, Default)]
pub struct DatabaseArgs {
    /// sqlite:PATH or postgres://USER@HOST/NAME; otherwise as configured
    #[arg(long, value_name = "URL", help_heading = "Configuration")]
    pub database: Option<String>,
}

impl ConfigArgs {
    /// The configuration with what the flags of a command decide.
    pub fn load(&self, database: &DatabaseArgs, listen: Option<&str>) -> Result<Loaded> {
        let sources = Sources::of_process(self.config.clone())
            .flag("database.url", "--database", database.database.as_deref())
            .flag("server.listen", "--listen", listen);
        Ok(sources.load()?)
    }
}

/// Logging as configured.
pub fn start_logging(config: &Config) {
    let style = match config.log.format {
        LogFormat::Auto => Style::of_stderr(),
        LogFormat::Text => Style::Text,
        LogFormat::Json => Style::Json,
    };
    telemetry::start(&config.log.level, style);
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a thread panicked")));
}

pub fn database_url(config: &Config) -> Result<DatabaseUrl> {
    Ok(config.database.url.expose().parse()?)
}

/// A connection to a database whose schema is this program's.
pub fn connect(config: &Config, role: Role) -> Result<Conn> {
    let mut conn = Conn::open(&database_url(config)?, role)?;
    migrate::check(&mut conn)?;
    Ok(conn)
}

/// A server's threads, sized as configured.
pub fn open_threads(config: &Config, url: DatabaseUrl) -> Db {
    let mut options = Options::new(url);
    options.interactive = config.database.interactive_threads;
    options.bulk = config.database.bulk_threads;
    if matches!(options.url, DatabaseUrl::Postgres(_)) {
        options.writers = config.database.writer_threads;
    }
    let seconds = config.database.statement_timeout;
    options.statement_timeout = (seconds > 0).then(|| std::time::Duration::from_secs(seconds));
    Db::open(options)
}

/// Makes a server's database fit: a new one gets its schema, an older one only where that was asked for (UX-134).
pub fn prepare(config: &Config, url: &DatabaseUrl) -> Result {
    let mut conn = Conn::open(url, Role::Migrator)?;
    let steps = migrate::status(&mut conn)?;
    let is_new = steps.iter().all(|Step { applied, .. }| !applied);
    if is_new || config.database.migrate {
        let applied = migrate::run(&mut conn)?;
        if !applied.is_empty() {
            tracing::info!(applied = applied.join(", "), "the database's schema is up to date now");
        }
        return install(&mut conn);
    }
    match migrate::check(&mut conn) {
        Err(MigrateError::Behind(due)) => Err(Failure::new(
            Exit::Failed,
            "the database has an older schema",
            format!("{due} change(s) of the schema are due"),
            "back the database up, then `timeledger migrate run`, or serve with --migrate",
        )),
        outcome => {
            outcome?;
            install(&mut conn)
        }
    }
}

/// What a site has from its first day, where it is not there yet.
pub fn install(conn: &mut Conn) -> Result {
    let now = Clock::system().now();
    let install = |tx: &mut Tx<'_>| {
        tx.hold(Hold::Exclusive)?;
        settings::install(tx, now)
    };
    Ok(conn.write::<_, DbError>(install)?)
}
