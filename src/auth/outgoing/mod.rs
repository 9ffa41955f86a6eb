//! What this site signs in with at Azure DevOps (AU-60 to AU-65): a service account for each connection, and people's own.
//!
//! In: a connection, whose credential is to be shown, a request. Out: the answer. [`Outgoing::send`] is the only way by which
//! a credential leaves: it goes to its connection's scheme, host and port, and nowhere else. Whatever fails here is told in
//! the credential's row and to its people; recorded time is never touched (AU-62).
//!
//! | file | in | out |
//! |---|---|---|
//! | [`connections`] | names and addresses | rows; an address that may be used |
//! | [`credentials`] | secrets | rows: sealed, replaced, refused, leased |
//! | [`state`] | a row, the time | ok, yellow or red; what is due to be told |
//! | [`told`] | a row that ends or fails | notices to its people, and their end |
//! | [`entra`] | codes, refresh tokens | pairs of tokens, or why there are none |
//! | [`consent`] | a person with a browser | a state, and what it brings back |
//! | [`keeper`] | what must come to its end | its end, whoever waits for it |
//! | [`refresh`] | a pair that ends | its successor, fetched by one server and kept before it is used |
//! | [`send`] | a request | its answer, judged |
//! | [`handshake`] | a request, an account | its answer, over a connection of its own |

pub mod connections;
pub mod consent;
pub mod credentials;
pub mod entra;
mod handshake;
mod keeper;
mod refresh;
pub mod send;
pub mod state;
mod told;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::outbound;
use super::vault::{Vault, VaultError};
use crate::clock::Clock;
use crate::db::{Db, DbError, Failure};
use crate::sql::{Guid, Instant};

pub use connections::{Connection, ConnectionError};
pub use credentials::{Given, Held, Unfit, states};
pub use entra::Entra;
pub use send::{Request, Response};
pub use state::State;

const SECOND: i64 = 1_000_000;
/// How long a server that stops waits for providers.
const SETTLING: Duration = Duration::from_secs(15);

/// Whose credential is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Whose {
    /// The connection's service account.
    Service,
    /// This person's own.
    Person(i32),
}

impl Whose {
    fn of(user_id: Option<i32>) -> Whose {
        user_id.map_or(Whose::Service, Whose::Person)
    }

    fn user_id(self) -> Option<i32> {
        match self {
            Whose::Service => None,
            Whose::Person(id) => Some(id),
        }
    }
}

/// What a credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Tokens of Entra ID.
    OAuth,
    /// A personal access token.
    Pat,
    /// A Windows account.
    Ntlm,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::OAuth, Kind::Pat, Kind::Ntlm];

    /// As tables and the API have it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::OAuth => "oauth",
            Kind::Pat => "pat",
            Kind::Ntlm => "ntlm",
        }
    }

    pub fn of(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Why there is no answer. None of these holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutgoingError {
    #[error("no credential is kept for this connection")]
    Missing,
    /// Nothing is sent until somebody has renewed it.
    #[error("{0}")]
    Red(String),
    /// It may work another time; the credential is as good as before.
    #[error("{why}")]
    Later { why: String, until: Option<Instant> },
    /// A redirect, which is not followed.
    #[error(
        "the server sends requests elsewhere, to {0}, where no credential is taken; correct the connection's address"
    )]
    Moved(String),
    #[error("{0} is not at the connection's address; nothing was sent")]
    Elsewhere(String),
    /// A token of Entra ID opens every organization of its person.
    #[error(
        "tokens of Entra ID go to dev.azure.com alone, not to {0}; use a personal access token or a Windows account there"
    )]
    Foreign(String),
    /// The setting that is missing.
    #[error("{0} is not set")]
    NotConfigured(&'static str),
    #[error(transparent)]
    Unfit(#[from] Unfit),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<diesel::result::Error> for OutgoingError {
    fn from(error: diesel::result::Error) -> OutgoingError {
        OutgoingError::Database(error.into())
    }
}

impl Failure for OutgoingError {
    fn database(&self) -> Option<&DbError> {
        match self {
            OutgoingError::Database(error) => Some(error),
            _ => None,
        }
    }
}

/// The credentials of a site, and the way out. Clones share it.
#[derive(Clone)]
pub struct Outgoing(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    vault: Vault,
    entra: Option<Entra>,
    client: outbound::Client,
    tls: Arc<rustls::ClientConfig>,
    keeper: keeper::Keeper,
    /// Names this server in leases.
    owner: Guid,
    /// One renewal of a credential at a time.
    turns: Mutex<HashMap<i32, Arc<tokio::sync::Mutex<()>>>>,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing").field("owner", &self.0.owner).finish_non_exhaustive()
    }
}

impl Outgoing {
    /// Connects to nothing yet.
    pub fn new(db: Db, clock: Clock, vault: Vault, entra: Option<Entra>) -> Result<Outgoing, String> {
        Ok(Outgoing(Arc::new(Inner {
            db,
            clock,
            vault,
            entra,
            client: outbound::Client::new()?,
            tls: Arc::new(outbound::tls()?),
            keeper: keeper::Keeper::new().map_err(|error| error.to_string())?,
            owner: Guid(uuid::Uuid::new_v4()),
            turns: Mutex::default(),
        })))
    }

    /// Waits for what a provider is giving at this moment. Blocks; before the database is closed.
    pub fn settle(&self) {
        self.0.keeper.settle(SETTLING);
    }

    /// The keys that seal, for whoever keeps a secret.
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }

    fn entra(&self) -> Result<&Entra, OutgoingError> {
        self.0.entra.as_ref().ok_or(OutgoingError::NotConfigured("azure_devops.client_id"))
    }

    fn now(&self) -> Instant {
        self.0.clock.now()
    }
}
