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

/// Where a domain refuses and says no more.
pub(super) const NO_REASON: &str = "no reason";

/// What a domain says of an account or its password: the name of the status, as gss-spnego tells it, and the beginning of
/// Samba's sentence for it, as ntlm-server-1 does.
const REFUSALS: [(&str, &str); 21] = [
    ("WRONG_PASSWORD", "When trying to update a password, this return status indicates"),
    ("LOGON_FAILURE", "The attempted logon is invalid."),
    ("NO_SUCH_USER", "The specified account does not exist."),
    ("ACCOUNT_DISABLED", "The referenced account is currently disabled"),
    ("ACCOUNT_LOCKED_OUT", "The user account has been automatically locked"),
    ("ACCOUNT_EXPIRED", "The user account has expired."),
    ("PASSWORD_EXPIRED", "The user account password has expired."),
    ("PASSWORD_MUST_CHANGE", "The user password must be changed"),
    ("ACCOUNT_RESTRICTION", "Indicates a referenced user name and authentication information are valid"),
    ("INVALID_LOGON_HOURS", "The user account has time restrictions"),
    ("INVALID_WORKSTATION", "The user account is restricted so that"),
    ("LOGON_NOT_GRANTED", "A requested type of logon"),
    ("LOGON_TYPE_NOT_GRANTED", "A user has requested a type of logon"),
    ("NTLM_BLOCKED", "The authentication failed because NTLM was blocked."),
    ("INVALID_PARAMETER", "An invalid parameter was passed"),
    ("NO_SUCH_DOMAIN", "The specified domain did not exist."),
    ("NOLOGON_WORKSTATION_TRUST_ACCOUNT", "The account used is a computer account."),
    ("NOLOGON_SERVER_TRUST_ACCOUNT", "The account used is a server trust account."),
    ("NOLOGON_INTERDOMAIN_TRUST_ACCOUNT", "The account used is an interdomain trust account."),
    ("INVALID_ACCOUNT_NAME", "The name provided is not a properly formed account name."),
    ("AUTHENTICATION_FIREWALL_FAILED", "Logon Failure: The machine you are logging onto is protected"),
];

impl Denial {
    /// Of the domain's word: it has refused, or, whatever else it says, is in no state to judge. That is nobody's failure.
    pub(super) fn of_domain(why: &str) -> Denial {
        let why = why.chars().take(200).collect::<String>();
        let status = why.strip_prefix("NT_STATUS_").unwrap_or_default();
        let is_refusal = |(name, sentence): &(&str, &str)| *name == status || why.starts_with(sentence);
        if why == NO_REASON || REFUSALS.iter().any(is_refusal) {
            Denial::Refused(why)
        } else {
            Denial::Unavailable(why)
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn au_40_a_domain_that_cannot_judge_refuses_nobody() {
        for refused in ["NT_STATUS_WRONG_PASSWORD", "NT_STATUS_LOGON_FAILURE", "The specified account does not exist."]
        {
            assert_eq!(Denial::of_domain(refused), Denial::Refused(refused.to_owned()));
        }
        // As the real program says it, in either protocol.
        for down in [
            "NT_STATUS_NO_LOGON_SERVERS",
            "NT_STATUS_IO_TIMEOUT",
            "NT_STATUS_CANT_ACCESS_DOMAIN_INFO",
            "No logon servers are currently available to service the logon request.",
            "A domain controller for this domain was not found.",
            "The logon request failed because the trust relationship between this workstation and the primary domain failed.",
            "Reading winbind reply failed!",
        ] {
            assert_eq!(Denial::of_domain(down), Denial::Unavailable(down.to_owned()));
        }
    }
}
