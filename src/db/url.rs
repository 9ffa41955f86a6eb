//! Where the database is.
//!
//! Goes in: `sqlite:PATH` or `postgres://…` (the two forms). Comes out: a [`DatabaseUrl`], which shows no
//! password when it is printed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tokio_postgres::Config;

/// The address of a database.
#[derive(Clone)]
pub enum DatabaseUrl {
    Sqlite(PathBuf),
    Postgres(Box<Config>),
}

/// Why a text is no address of a database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("a database URL begins with sqlite: or postgres://")]
    Scheme,
    #[error("sqlite: needs the path of a file after it, as in sqlite:timeledger.db")]
    NoPath,
    #[error("a database in memory cannot be shared by the connections of a server; give the path of a file")]
    InMemory,
    #[error("the postgres URL cannot be read: {0}")]
    Postgres(String),
}

impl DatabaseUrl {
    /// The file of a SQLite database.
    pub fn sqlite(path: impl AsRef<Path>) -> DatabaseUrl {
        DatabaseUrl::Sqlite(path.as_ref().to_owned())
    }

    /// Names the back end, for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            DatabaseUrl::Sqlite(_) => "sqlite",
            DatabaseUrl::Postgres(_) => "postgres",
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            return match path {
                "" | "//" => Err(UrlError::NoPath),
                ":memory:" => Err(UrlError::InMemory),
                _ => Ok(DatabaseUrl::Sqlite(path.strip_prefix("//").unwrap_or(path).into())),
            };
        }
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(UrlError::Scheme);
        }
        let mut config: Config = text.parse().map_err(|e: tokio_postgres::Error| UrlError::Postgres(reason(&e)))?;
        if config.get_application_name().is_none() {
            config.application_name("timeledger");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(std::time::Duration::from_secs(10));
        }
        Ok(DatabaseUrl::Postgres(Box::new(config)))
    }
}

/// The cause alone: the message around it may repeat the URL.
fn reason(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = match self {
            DatabaseUrl::Sqlite(path) => return write!(f, "sqlite:{}", path.display()),
            DatabaseUrl::Postgres(config) => config,
        };
        f.write_str("postgres://")?;
        if let Some(user) = config.get_user() {
            write!(f, "{user}@")?;
        }
        for (n, host) in config.get_hosts().iter().enumerate() {
            let comma = if n > 0 { "," } else { "" };
            match host {
                tokio_postgres::config::Host::Tcp(name) => write!(f, "{comma}{name}")?,
                tokio_postgres::config::Host::Unix(path) => write!(f, "{comma}{}", path.display())?,
            }
            if let Some(port) = config.get_ports().get(n).or(config.get_ports().first()) {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "/{}", config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        for (text, shown) in [
            ("sqlite:a/b.db", "sqlite:a/b.db"),
            ("sqlite:///var/t.db", "sqlite:/var/t.db"),
            ("postgres://me:secret@db:5433/time", "postgres://me@db:5433/time"),
            ("postgresql://me@db/time", "postgres://me@db:5432/time"),
        ] {
            let url: DatabaseUrl = text.parse().expect(text);
            assert_eq!(url.to_string(), shown);
        }
    }

    #[test]
    fn no_url() {
        for (text, expected) in [
            ("mysql://x", UrlError::Scheme),
            ("", UrlError::Scheme),
            ("sqlite:", UrlError::NoPath),
            ("sqlite::memory:", UrlError::InMemory),
        ] {
            assert_eq!(text.parse::<DatabaseUrl>().expect_err(text), expected);
        }
        assert!(matches!("postgres://me@db:port/time".parse::<DatabaseUrl>(), Err(UrlError::Postgres(_))));
    }
}
