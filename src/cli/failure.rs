//! How a command fails: what, why, what to try, and the exit code (UX-121).

use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::auth::TokenError;
use crate::auth::identities::IdentityError;
use crate::auth::outgoing::{ConnectionError, OutgoingError};
use crate::config::ConfigError;
use crate::db::migrate::MigrateError;
use crate::db::{DbError, UrlError};
use crate::domain::people::PeopleError;

/// Exit codes; 2, a wrong command line, is clap's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Failed = 1,
    Usage = 2,
    Configuration = 3,
    /// Data with problems: `load`, `doctor`.
    Data = 4,
    /// A database or server that does not answer.
    Unreachable = 5,
}

/// A command's end that is not success.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub what: String,
    pub why: String,
    pub hint: String,
}

pub type Result<T = (), E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub fn new(exit: Exit, what: impl Into<String>, why: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure { exit, what: what.into(), why: why.into(), hint: hint.into() }
    }

    /// Replaces the line "what": the command knows better than the error what it was about.
    pub fn while_doing(mut self, what: &str) -> Failure {
        what.clone_into(&mut self.what);
        self
    }

    pub fn code(&self) -> ExitCode {
        ExitCode::from(self.exit as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        if !self.why.is_empty() {
            write!(f, "\n  why: {}", self.why)?;
        }
        if !self.hint.is_empty() {
            write!(f, "\n  try: {}", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure::new(Exit::Configuration, error.what, error.why, error.hint)
    }
}

impl From<UrlError> for Failure {
    fn from(error: UrlError) -> Failure {
        let hint = "sqlite:PATH or postgres://USER@HOST/NAME";
        Failure::new(Exit::Configuration, "the database's address cannot be used", error.to_string(), hint)
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Failure {
        let why = error.to_string();
        let (exit, what, hint) = match error {
            DbError::Unavailable(_) | DbError::Lost(_) => (
                Exit::Unreachable,
                "the database cannot be reached",
                "check --database; `timeledger migrate run` makes a new one, `timeledger doctor` looks closer",
            ),
            DbError::Locked | DbError::Busy | DbError::Conflict(_) => {
                (Exit::Failed, "the database is held by another program", "wait for it to end, then run this again")
            }
            DbError::Full(_) => {
                (Exit::Failed, "the database has no space left", "free some disk space; nothing was changed")
            }
            _ => (Exit::Failed, "the database refused", "nothing was changed; `timeledger doctor` looks closer"),
        };
        Failure::new(exit, what, why, hint)
    }
}

impl From<MigrateError> for Failure {
    fn from(error: MigrateError) -> Failure {
        let why = error.to_string();
        let hint = match error {
            MigrateError::Database(error) => return error.into(),
            MigrateError::Newer(_) => "install the version of Timeledger that made it; nothing was changed",
            MigrateError::Behind(_) => "timeledger migrate run",
            MigrateError::NothingToRevert => "timeledger migrate status",
            MigrateError::Failed { .. } => "nothing was changed; report this with the reason above",
        };
        Failure::new(Exit::Failed, "the database's schema does not fit", why, hint)
    }
}

impl From<PeopleError> for Failure {
    fn from(error: PeopleError) -> Failure {
        let why = error.to_string();
        let hint = match error {
            PeopleError::Database(error) => return error.into(),
            PeopleError::Unknown(_) => {
                let hint = "`timeledger user list` shows everybody";
                return Failure::new(Exit::Failed, "nobody has this name", why, hint);
            }
            PeopleError::Taken(_) => "`timeledger user role` changes a role",
            PeopleError::BadName => "for example ann@example.com or CORP\\ann",
            PeopleError::LastAdministrator(_) => "make somebody else an administrator first",
        };
        Failure::new(Exit::Failed, "nobody was changed", why, hint)
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Failure {
        let why = error.to_string();
        let hint = match error {
            TokenError::Database(error) => return error.into(),
            TokenError::Lifetime(_) => "--days 365",
            TokenError::TooMany | TokenError::Unknown | TokenError::Ambiguous => "`timeledger token list` shows them",
            TokenError::Foreign => "the token comes alone on standard input",
            TokenError::Kept => "`timeledger token list` shows it",
            TokenError::Random(_) => "",
        };
        Failure::new(Exit::Failed, "no token was made or revoked", why, hint)
    }
}

impl From<IdentityError> for Failure {
    fn from(error: IdentityError) -> Failure {
        let why = error.to_string();
        let hint = match error {
            IdentityError::Database(error) => return error.into(),
            IdentityError::Taken(_) => "take it from them first: timeledger user windows-account … --remove",
            IdentityError::Vault(_) => "TIMELEDGER_KEY=$(head -c 32 /dev/urandom | base64)",
        };
        Failure::new(Exit::Failed, "the Windows account was not changed", why, hint)
    }
}

impl From<ConnectionError> for Failure {
    fn from(error: ConnectionError) -> Failure {
        let why = error.to_string();
        let hint = match error {
            ConnectionError::Database(error) => return error.into(),
            ConnectionError::Wrong(..) => "for example https://dev.azure.com/example",
            ConnectionError::Taken(_) | ConnectionError::Unknown(_) | ConnectionError::InUse => {
                "`timeledger connection list` shows them"
            }
        };
        Failure::new(Exit::Failed, "no connection was made or found", why, hint)
    }
}

impl From<OutgoingError> for Failure {
    fn from(error: OutgoingError) -> Failure {
        let why = error.to_string();
        let (exit, hint) = match error {
            OutgoingError::Database(error) => return error.into(),
            OutgoingError::Later { .. } => (Exit::Unreachable, "try again later; the credential is as good as before"),
            OutgoingError::Vault(_) => (Exit::Failed, "TIMELEDGER_KEY=$(head -c 32 /dev/urandom | base64)"),
            OutgoingError::Missing | OutgoingError::Red(_) | OutgoingError::Unfit(_) => {
                (Exit::Failed, "timeledger connection credential … < token.txt")
            }
            OutgoingError::Moved(_)
            | OutgoingError::Elsewhere(_)
            | OutgoingError::Foreign(_)
            | OutgoingError::NotConfigured(_) => (Exit::Failed, "`timeledger connection list` shows the address"),
        };
        Failure::new(exit, "the credential is not kept or does not work", why, hint)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::new(Exit::Failed, "reading or writing failed", error.to_string(), "")
    }
}
