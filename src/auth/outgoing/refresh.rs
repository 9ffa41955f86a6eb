//! The renewal of a pair of tokens (AU-61): by one task of one server, and kept before it is used.
//!
//! In: a row whose pair ends or was refused. Out: the row with its successor. Two who renew one pair would each make the
//! other's void, so that renewals of a credential take turns in this process, and by a lease in its row among servers; who
//! waits reads what the first one got. A server that dies after the provider has answered leaves its lease: whoever comes
//! after it tries the old token once.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::{Instant as Moment, sleep, timeout};

use super::credentials::{self, Claim, Credential, NO_KEY, Pair, Secret, Waits};
use super::entra::Trouble;
use super::{Outgoing, OutgoingError, told};
use crate::auth::vault::VaultError;
use crate::db::{DbError, Hold};
use crate::sql::Guid;

/// How long who does not renew waits for who does.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Tries to keep a pair that would be lost otherwise, a second apart: within the lease.
const KEEP_TRIES: u32 = 10;

impl Outgoing {
    /// The successor of what was seen, whoever fetches it.
    pub(super) async fn renewed(&self, seen: &Credential) -> Result<Credential, OutgoingError> {
        let (outgoing, seen) = (self.clone(), seen.clone());
        // A request that is cut off must not cut off a renewal between the provider's answer and its keeping.
        let renewal = self.0.keeper.run(async move { outgoing.renew(&seen).await });
        let renewal = renewal.ok_or_else(|| DbError::Other("this server ends".to_owned()))?;
        match timeout(PATIENCE + LOOK_EVERY, renewal).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Err(DbError::Other(format!("a renewal ended: {error}")).into()),
            Err(_) => Err(waits()),
        }
    }

    async fn renew(&self, seen: &Credential) -> Result<Credential, OutgoingError> {
        let id = seen.id;
        let turn = self.turn(id);
        let _mine = turn.lock().await;
        let until = Moment::now() + PATIENCE;
        loop {
            let row = self.0.db.read(move |conn| credentials::by_id(conn, id)).await?.ok_or(OutgoingError::Missing)?;
            let now = self.now();
            if row.version != seen.version {
                return Ok(row);
            }
            // Who insists on trying a refused one has seen that it is.
            if row.is_refused() && !row.wants_a_key() && !seen.is_refused() {
                return Err(OutgoingError::Red(row.reason.unwrap_or_default()));
            }
            if let Some(after) = row.refresh_after.filter(|after| now < *after) {
                let why = row.reason.clone().unwrap_or_default();
                return Err(OutgoingError::Later { why, until: Some(after) });
            }
            let (at, owner) = (row.clone(), self.0.owner);
            let claim = self.0.db.write(move |tx| {
                tx.hold(Hold::Shared)?;
                credentials::claim(tx, &at, owner, now)
            });
            match claim.await? {
                Claim::Others if Moment::now() < until => sleep(LOOK_EVERY).await,
                Claim::Others => return Err(waits()),
                claim => return self.exchange(row, claim).await,
            }
        }
    }

    fn turn(&self, id: i32) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(id).or_default())
    }

    /// Asks the provider. The lease is this server's.
    async fn exchange(&self, row: Credential, claim: Claim) -> Result<Credential, OutgoingError> {
        let old = match row.open(&self.0.vault) {
            Ok(Secret::OAuth(pair)) => pair,
            Ok(_) => return Err(OutgoingError::Missing),
            Err(error) => return self.unopened(&row, error).await,
        };
        let owner = self.0.owner;
        let asked = match self.entra() {
            Ok(entra) => entra.renew(&self.0.client, &old, self.now()).await,
            Err(error) => Err(Trouble::Passing { why: error.to_string(), rest: None }),
        };
        match asked {
            Ok(new) => self.kept(row, new).await,
            Err(Trouble::Gone(why)) if claim == Claim::Left => {
                let lost = "a server ended while it renewed this, and what it was given is lost";
                self.fail(&row, &format!("{lost}; {why}"), Some(owner)).await
            }
            Err(Trouble::Gone(why)) => self.fail(&row, &why, Some(owner)).await,
            Err(Trouble::Registration(why)) => {
                let (told, now) = (why.clone(), self.now());
                let noted = self.0.db.write(move |tx| {
                    tx.hold(Hold::Shared)?;
                    told::registration_fails(tx, &told, now)
                });
                noted.await?;
                let until = self.postponed(&row, Waits::Renewal(owner), &why, None).await?;
                Err(OutgoingError::Later { why, until: Some(until) })
            }
            Err(Trouble::Passing { why, rest }) => {
                let until = self.postponed(&row, Waits::Renewal(owner), &why, rest).await?;
                Err(OutgoingError::Later { why, until: Some(until) })
            }
        }
    }

    /// Keeps a new pair. The old one may be void already, so that a database which is busy is asked again.
    async fn kept(&self, row: Credential, new: Pair) -> Result<Credential, OutgoingError> {
        let id = row.id;
        for tries in 1.. {
            let (outgoing, row, new) = (self.clone(), row.clone(), new.clone());
            let kept = self.0.db.write(move |tx| {
                tx.hold(Hold::Shared)?;
                credentials::renewed(tx, &outgoing.0.vault, &row, &new)
            });
            match kept.await {
                // Kept, or somebody gave another meanwhile: either way the row has what counts.
                Ok(_) => break,
                Err(OutgoingError::Database(error)) if tries < KEEP_TRIES => {
                    tracing::warn!(cause = %error, credential = id, "a renewed credential is not kept yet");
                    sleep(Duration::from_secs(1)).await;
                }
                Err(error) => return Err(error),
            }
        }
        self.0.db.read(move |conn| credentials::by_id(conn, id)).await?.ok_or(OutgoingError::Missing)
    }

    /// Notes that a credential is good no more, and says so. `renewal`: the server whose renewal this ends.
    pub(super) async fn fail<T>(
        &self,
        row: &Credential,
        reason: &str,
        renewal: Option<Guid>,
    ) -> Result<T, OutgoingError> {
        let (seen, why, now) = (row.clone(), reason.to_owned(), self.now());
        let noted: Result<bool, DbError> = self
            .0
            .db
            .write(move |tx| {
                tx.hold(Hold::Shared)?;
                credentials::fail(tx, &seen, (&why, renewal), now)
            })
            .await;
        if !noted? {
            let why = "another secret has taken the place of the one that is refused; try again".to_owned();
            return Err(OutgoingError::Later { why, until: None });
        }
        tracing::warn!(credential = row.id, connection = row.connection_id, cause = reason, "a credential is refused");
        Err(OutgoingError::Red(reason.to_owned()))
    }

    /// A secret that does not open. Nothing is wrong with it where the whole site has lost its keys.
    pub(super) async fn unopened<T>(&self, row: &Credential, error: VaultError) -> Result<T, OutgoingError> {
        let renewal = Some(self.0.owner);
        match error {
            VaultError::UnknownKey(_) if self.0.vault.is_empty() => Err(OutgoingError::Vault(VaultError::NoKey)),
            error if self.0.vault.is_empty() => Err(OutgoingError::Vault(error)),
            VaultError::UnknownKey(key) => {
                let advice = "put it into TIMELEDGER_KEY or auth.key_file, behind the one that seals";
                self.fail(row, &format!("{NO_KEY} {key}; {advice}"), renewal).await
            }
            error => self.fail(row, &format!("the kept secret does not open: {error}"), renewal).await,
        }
    }

    pub(super) async fn postponed(
        &self,
        row: &Credential,
        what: Waits,
        why: &str,
        rest: Option<i64>,
    ) -> Result<crate::sql::Instant, DbError> {
        tracing::warn!(credential = row.id, connection = row.connection_id, cause = why, "a credential waits");
        let (row, why, now) = (row.clone(), why.to_owned(), self.now());
        self.0
            .db
            .write(move |tx| {
                tx.hold(Hold::Shared)?;
                credentials::postpone(tx, &row, what, (&why, rest), now)
            })
            .await
    }
}

fn waits() -> OutgoingError {
    OutgoingError::Later { why: "this credential is being renewed; try again in a moment".to_owned(), until: None }
}
