//! A person's way to Entra ID and back, with a browser: `state`, PKCE, and a cookie of the same browser (AU-55, AU-63).
//!
//! In: a person, a connection, whose credential it will be; then what the browser brings back. Out: an address to go to, and a
//! kept credential. A state is good once, for ten minutes, in the browser that began: else a link that somebody sends would
//! bring the reader's credential to the sender.

use diesel::prelude::*;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::connections::{self, Connection};
use super::credentials::{self, Given, Secret};
use super::entra::Trouble;
use super::send::takes_tokens_of_entra;
use super::{Outgoing, OutgoingError, SECOND, Whose};
use crate::auth::audit::Entry;
use crate::auth::oidc::web::local_path;
use crate::auth::sealed::VERIFIERS;
use crate::auth::secret;
use crate::db::tables::{connect_states, users};
use crate::db::{DbError, Hold, Tx};
use crate::on;
use crate::policy::Role;
use crate::sql::{Guid, Instant};

/// For how long a browser may be away.
pub const AWAY_SECONDS: i64 = 600;
/// What a person wants to bring back.
#[derive(Clone, Debug)]
pub struct Wish {
    pub user_id: i32,
    pub connection_id: i32,
    pub is_service: bool,
    /// A path of this server; of anything else it becomes its root.
    pub return_to: String,
}

/// A browser that may go.
#[derive(Debug)]
pub struct Begun {
    pub url: String,
    /// The browser keeps it until it is back.
    pub cookie: SecretString,
}

/// A browser that is back.
#[derive(Debug)]
pub struct Returned {
    pub state: SecretString,
    /// The cookie that it kept.
    pub cookie: SecretString,
    /// Of the provider, or what that says instead.
    pub code: Result<SecretString, String>,
    /// Who is signed in there at this moment.
    pub user_id: Option<i32>,
    /// What the audit is to know of the request.
    pub by: Entry,
}

/// Why nothing was brought back.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    #[error("the state is unknown, was used, has expired, or is another browser's")]
    State,
    #[error("{0}")]
    Refused(String),
    #[error("whoever began has no right to it any more")]
    Denied,
    #[error("somebody else is signed in in this browser by now")]
    Somebody,
    #[error("the connection leads elsewhere by now, or is gone")]
    Moved,
    #[error(transparent)]
    Outgoing(#[from] OutgoingError),
}

impl<E: Into<OutgoingError>> From<E> for Lost {
    fn from(error: E) -> Lost {
        Lost { why: Why::Outgoing(error.into()), begun_by: None }
    }
}

/// What was not brought back, and who had begun it for which connection.
#[derive(Debug)]
pub struct Lost {
    pub why: Why,
    pub begun_by: Option<(i32, Guid)>,
}

fn digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret).to_vec()
}

#[derive(Queryable)]
struct Row {
    id: i32,
    browser: Vec<u8>,
    user_id: i32,
    connection_id: i32,
    is_service: bool,
    verifier: Vec<u8>,
    return_to: String,
    expires_at: Instant,
}

/// Who is back, and what for.
struct Back {
    user_id: i32,
    connection: Connection,
    whose: Whose,
    verifier: SecretString,
    return_to: String,
}

impl Outgoing {
    /// Lets a browser go. Whoever began the same thing before and is not back begins anew.
    pub fn begin(&self, tx: &mut Tx<'_>, wish: &Wish, now: Instant) -> Result<Begun, OutgoingError> {
        tx.must_hold(Hold::Shared)?;
        let away = self.entra()?.depart().ok_or(OutgoingError::NotConfigured("server.public_url"))?;
        let connection = connections::by_id(tx, wish.connection_id)?.ok_or(OutgoingError::Missing)?;
        let address = Url::parse(&connection.base_url).ok();
        if !address.as_ref().is_some_and(takes_tokens_of_entra) {
            let host = address.and_then(|url| url.host_str().map(str::to_owned));
            return Err(OutgoingError::Foreign(host.unwrap_or_default()));
        }
        let cookie = SecretString::from(secret::draw()?);
        let mine = connect_states::table
            .filter(connect_states::user_id.eq(wish.user_id))
            .filter(connect_states::connection_id.eq(wish.connection_id))
            .filter(connect_states::is_service.eq(wish.is_service));
        on!(tx, c => diesel::delete(mine).execute(c))?;
        on!(tx, c => diesel::delete(connect_states::table.filter(connect_states::expires_at.le(now))).execute(c))?;
        let row = (
            connect_states::digest.eq(digest(away.state.expose_secret())),
            connect_states::browser.eq(digest(cookie.expose_secret())),
            connect_states::user_id.eq(wish.user_id),
            connect_states::connection_id.eq(wish.connection_id),
            connect_states::is_service.eq(wish.is_service),
            connect_states::verifier.eq(Vec::new()),
            connect_states::return_to.eq(local_path(&wish.return_to)),
            connect_states::expires_at.eq(Instant(now.0 + AWAY_SECONDS * SECOND)),
        );
        let insert = diesel::insert_into(connect_states::table).values(&row).returning(connect_states::id);
        let id: i32 = on!(tx, c => insert.get_result(c))?;
        let verifier = self.vault().seal(away.verifier.expose_secret().as_bytes(), VERIFIERS.place(id))?;
        let row = connect_states::table.find(id);
        on!(tx, c => diesel::update(row).set(connect_states::verifier.eq(&verifier)).execute(c))?;
        Ok(Begun { url: away.url, cookie })
    }

    /// Takes a browser back, and keeps what it brings. Gives where it goes from here.
    pub async fn finish(&self, returned: Returned) -> Result<String, Lost> {
        let now = self.now();
        let asked = digest(returned.state.expose_secret());
        let known = connect_states::table.filter(connect_states::digest.eq(asked)).count();
        // Whoever makes one up takes no writer's turn.
        let known: i64 =
            self.0.db.read(move |conn| on!(conn, c => known.clone().get_result(c)).map_err(DbError::from)).await?;
        if known == 0 {
            return Err(Lost { why: Why::State, begun_by: None });
        }
        let outgoing = self.clone();
        // A browser that goes away must not cut off what the provider has given by then.
        let brought = self.0.keeper.run(async move { outgoing.bring(returned, now).await });
        let brought = brought.ok_or_else(|| DbError::Other("this server ends".to_owned()))?;
        brought.await.map_err(|error| DbError::Other(format!("a sign-in at Entra ID ended: {error}")))?
    }

    async fn bring(&self, returned: Returned, now: Instant) -> Result<String, Lost> {
        let Returned { state, cookie, code, user_id: present, by } = returned;
        let outgoing = self.clone();
        let back = self.0.db.write(move |tx| {
            tx.hold(Hold::Shared)?;
            // The state is used up, whatever comes of it.
            outgoing.take(tx, &state, &cookie, now)
        });
        let back: Option<Back> = back.await?;
        let back = back.ok_or(Lost { why: Why::State, begun_by: None })?;
        let begun_by = Some((back.user_id, back.connection.guid));
        let lost = |why| Lost { why, begun_by };
        if present.is_some_and(|id| id != back.user_id) {
            return Err(lost(Why::Somebody));
        }
        let code = code.map_err(|why| lost(Why::Refused(why)))?;
        let pair = self.entra()?.arrive(&self.0.client, (&code, &back.verifier), now).await;
        let pair = pair.map_err(|trouble| match trouble {
            Trouble::Gone(why) | Trouble::Registration(why) | Trouble::Passing { why, .. } => lost(Why::Refused(why)),
        })?;
        let given = Given { secret: Secret::OAuth(pair), account: None, expires_at: None };
        let Back { user_id, connection, whose, return_to, .. } = back;
        let by = Entry { user_id: Some(user_id), ..by };
        let outgoing = self.clone();
        let kept = self.0.db.write(move |tx| {
            tx.hold(Hold::Shared)?;
            if !may_still(tx, user_id, whose)? {
                return Ok(Some(false));
            }
            // It was agreed to for the address of then.
            let agreed = Url::parse(&connection.base_url).ok();
            let connection = connections::by_id(tx, connection.id)?;
            let Some(connection) = connection.filter(|now| agreed.as_ref().is_some_and(|url| now.is_at(url))) else {
                return Ok(None);
            };
            credentials::keep(tx, outgoing.vault(), (&by, &connection, whose), &given, now).map(|()| Some(true))
        });
        let kept: Result<Option<bool>, OutgoingError> = kept.await;
        match kept? {
            Some(true) => Ok(return_to),
            Some(false) => Err(lost(Why::Denied)),
            None => Err(lost(Why::Moved)),
        }
    }

    /// Forgets browsers that did not come back.
    pub(super) async fn sweep(&self, now: Instant) -> Result<(), DbError> {
        let old = move || connect_states::table.filter(connect_states::expires_at.le(now));
        let count: i64 =
            self.0.db.read(move |conn| on!(conn, c => old().count().get_result(c)).map_err(DbError::from)).await?;
        if count == 0 {
            return Ok(());
        }
        let swept = self.0.db.write(move |tx| {
            tx.hold(Hold::Shared)?;
            on!(tx, c => diesel::delete(old()).execute(c)).map_err(DbError::from)
        });
        swept.await.map(drop)
    }

    fn take(
        &self,
        tx: &mut Tx<'_>,
        state: &SecretString,
        cookie: &SecretString,
        now: Instant,
    ) -> Result<Option<Back>, OutgoingError> {
        let columns = (
            connect_states::id,
            connect_states::browser,
            connect_states::user_id,
            connect_states::connection_id,
            connect_states::is_service,
            connect_states::verifier,
            connect_states::return_to,
            connect_states::expires_at,
        );
        let found = connect_states::table.filter(connect_states::digest.eq(digest(state.expose_secret())));
        let found: Option<Row> = on!(tx, c => found.select(columns).first(c).optional())?;
        let Some(row) = found else { return Ok(None) };
        let taken = on!(tx, c => diesel::delete(connect_states::table.find(row.id)).execute(c))?;
        let is_same = bool::from(row.browser.ct_eq(&digest(cookie.expose_secret())));
        if taken == 0 || !is_same || row.expires_at <= now {
            return Ok(None);
        }
        let Some(connection) = connections::by_id(tx, row.connection_id)? else { return Ok(None) };
        let verifier = self.vault().open(&row.verifier, VERIFIERS.place(row.id))?;
        let verifier = String::from_utf8(verifier).map_err(|_| crate::auth::vault::VaultError::Forged)?;
        let whose = if row.is_service { Whose::Service } else { Whose::Person(row.user_id) };
        let verifier = SecretString::from(verifier);
        Ok(Some(Back { user_id: row.user_id, connection, whose, verifier, return_to: row.return_to }))
    }
}

/// Forgets browsers that are away for this connection.
pub(super) fn forget(tx: &mut Tx<'_>, connection: i32) -> Result<(), DbError> {
    let away = connect_states::table.filter(connect_states::connection_id.eq(connection));
    on!(tx, c => diesel::delete(away).execute(c))?;
    Ok(())
}

/// Ten minutes are long: a person may be disabled, or no administrator any more.
fn may_still(tx: &mut Tx<'_>, user_id: i32, whose: Whose) -> Result<bool, DbError> {
    let person = users::table.find(user_id).filter(users::is_active.eq(true)).select(users::role);
    let role: Option<i32> = on!(tx, c => person.first(c).optional())?;
    let least = if whose == Whose::Service { Role::Administrator } else { Role::Team };
    Ok(role.is_some_and(|role| Role::from_number(role) >= least))
}
