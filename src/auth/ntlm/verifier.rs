//! Who says that an answer is right: one interface with the ways of AU-40 and AU-43.
//!
//! In: a [`Claim`]. Out: the session base key, which only who knows the password's hash can give, or a [`Denial`].

use std::pin::Pin;

use super::connection::Claim;
use super::verify::{Key, session_base_key};
use crate::auth::identities::{open_hash, sealed_hash};
use crate::auth::vault::Vault;
use crate::auth::windows::Domains;
use crate::db::{Db, DbError};

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    #[error("wrong name or password")]
    Wrong,
    /// The domain's own word for it, such as NT_STATUS_ACCOUNT_DISABLED.
    #[error("the domain refused: {0}")]
    Refused(String),
    #[error("the verifier does not answer: {0}")]
    Unavailable(String),
}

impl Denial {
    /// Of the domain's word: it has refused, or it is not there.
    pub(super) fn of_domain(why: &str) -> Denial {
        let down = ["NO_LOGON_SERVERS", "DOMAIN_CONTROLLER_NOT_FOUND", "TRUSTED_RELATIONSHIP_FAILURE", "winbind"];
        let why = why.chars().take(200).collect::<String>();
        if down.iter().any(|word| why.contains(word)) { Denial::Unavailable(why) } else { Denial::Refused(why) }
    }
}

/// A future on the way to a verdict.
pub type Verdict<'a> = Pin<Box<dyn Future<Output = Result<Key, Denial>> + Send + 'a>>;

/// A way to verify.
pub trait Verifier: Send + Sync + std::fmt::Debug {
    fn session_base_key<'a>(&'a self, claim: Claim<'a>) -> Verdict<'a>;

    /// Whether failures count at a domain that may lock the account.
    fn asks_a_domain(&self) -> bool;
}

/// The hashes that the site keeps itself (AU-43).
pub struct LocalStore {
    pub db: Db,
    pub vault: Vault,
    pub domains: Domains,
}

impl std::fmt::Debug for LocalStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalStore").field("domains", &self.domains).finish_non_exhaustive()
    }
}

impl LocalStore {
    async fn verdict(&self, claim: Claim<'_>) -> Result<Key, Denial> {
        let account = self.domains.account(claim.user, claim.domain);
        // A name of no domain of ours is looked for all the same: the time must not tell.
        let asked = account.clone().unwrap_or_else(crate::auth::windows::Account::nobody);
        let found = self.db.read(move |conn| sealed_hash(conn, &asked)).await;
        let found = found.map_err(|error: DbError| Denial::Unavailable(error.to_string()))?;
        let hash = match found.filter(|_| account.is_some()) {
            Some((identity, sealed)) => {
                let opened = open_hash(&self.vault, identity, &sealed);
                Some(opened.map_err(|error| Denial::Unavailable(error.to_string()))?)
            }
            None => None,
        };
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| Denial::Unavailable(error.to_string()))?;
        let used = hash.unwrap_or(Key(random));
        let key = session_base_key(&used, claim.user, claim.domain, claim.server_challenge, claim.nt);
        key.filter(|_| hash.is_some()).ok_or(Denial::Wrong)
    }
}

impl Verifier for LocalStore {
    fn session_base_key<'a>(&'a self, claim: Claim<'a>) -> Verdict<'a> {
        Box::pin(self.verdict(claim))
    }

    fn asks_a_domain(&self) -> bool {
        false
    }
}
