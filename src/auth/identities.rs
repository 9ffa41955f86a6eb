//! Ways to be a person (AU-6, AU-7): which account of a Windows domain is whom, and the hash of its password where the site
//! keeps one (AU-43).

use diesel::prelude::*;

use super::ntlm::Key;
use super::sealed::WINDOWS_PASSWORDS;
use super::vault::{Vault, VaultError};
use super::windows::Account;
use crate::db::tables::{identities, name_key, users, windows_passwords};
use crate::db::{AsConn, DbError, Failure, Tx};
use crate::on;
use crate::policy::Role;
use crate::sql::{Guid, Instant};

/// The kind of an identity, as the table has it.
const WINDOWS: i32 = 1;
const OIDC: i32 = 2;

/// Why no identity is made or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    #[error("`{0}` is another person's account")]
    Taken(String),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<diesel::result::Error> for IdentityError {
    fn from(error: diesel::result::Error) -> IdentityError {
        IdentityError::Database(error.into())
    }
}

impl Failure for IdentityError {
    fn database(&self) -> Option<&DbError> {
        match self {
            IdentityError::Database(error) => Some(error),
            _ => None,
        }
    }
}

/// The identity of an account and its person, if it has one.
pub fn find_windows(conn: &mut impl AsConn, account: &Account) -> Result<Option<(i32, i32)>, DbError> {
    Ok(on!(conn, c => identities::table
        .filter(identities::kind.eq(WINDOWS))
        .filter(identities::issuer.eq(&account.domain))
        .filter(identities::subject.eq(&account.user))
        .select((identities::id, identities::user_id))
        .first(c)
        .optional())?)
}

/// The identity of an account and the hash of its password, sealed, if the site keeps one.
pub fn sealed_hash(conn: &mut impl AsConn, account: &Account) -> Result<Option<(i32, Vec<u8>)>, DbError> {
    Ok(on!(conn, c => identities::table
        .inner_join(windows_passwords::table)
        .filter(identities::kind.eq(WINDOWS))
        .filter(identities::issuer.eq(&account.domain))
        .filter(identities::subject.eq(&account.user))
        .select((identities::id, windows_passwords::sealed))
        .first(c)
        .optional())?)
}

/// Opens what [`sealed_hash`] gave.
pub fn open_hash(vault: &Vault, identity: i32, sealed: &[u8]) -> Result<Key, VaultError> {
    let bytes = vault.open(sealed, WINDOWS_PASSWORDS.place(identity))?;
    bytes.try_into().map(Key).map_err(|_| VaultError::Forged)
}

/// Makes an account a person's, which it may be already.
pub fn link_windows(tx: &mut Tx<'_>, user_id: i32, account: &Account, now: Instant) -> Result<i32, IdentityError> {
    match find_windows(tx, account)? {
        Some((identity, owner)) if owner == user_id => return Ok(identity),
        Some(_) => return Err(IdentityError::Taken(account.to_string())),
        None => {}
    }
    let row = (
        identities::user_id.eq(user_id),
        identities::kind.eq(WINDOWS),
        identities::issuer.eq(&account.domain),
        identities::subject.eq(&account.user),
        identities::version.eq(1),
        identities::created_at.eq(now),
    );
    Ok(on!(tx, c => diesel::insert_into(identities::table).values(&row).returning(identities::id).get_result(c))?)
}

/// Keeps the hash of an account's password; signs its connections out.
pub fn keep_hash(tx: &mut Tx<'_>, vault: &Vault, identity: i32, hash: Key, now: Instant) -> Result<(), IdentityError> {
    let sealed = vault.seal(&hash.0, WINDOWS_PASSWORDS.place(identity))?;
    on!(tx, c => diesel::delete(windows_passwords::table.find(identity)).execute(c))?;
    let row = (
        windows_passwords::identity_id.eq(identity),
        windows_passwords::sealed.eq(&sealed),
        windows_passwords::changed_at.eq(now),
    );
    on!(tx, c => diesel::insert_into(windows_passwords::table).values(&row).execute(c))?;
    raise(tx, identity)?;
    Ok(())
}

/// Takes an account from its person, with the hash that is kept of it. Gives the person whose it was.
pub fn unlink_windows(tx: &mut Tx<'_>, account: &Account) -> Result<Option<i32>, IdentityError> {
    let Some((identity, owner)) = find_windows(tx, account)? else { return Ok(None) };
    on!(tx, c => diesel::delete(windows_passwords::table.find(identity)).execute(c))?;
    on!(tx, c => diesel::delete(identities::table.find(identity)).execute(c))?;
    Ok(Some(owner))
}

/// A person as a provider's subject finds them.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct OidcPerson {
    pub identity: i32,
    pub user_id: i32,
    pub user_guid: Guid,
    pub is_active: bool,
    role: i32,
}

impl OidcPerson {
    pub fn role(&self) -> Role {
        Role::from_number(self.role)
    }
}

/// The person of a provider's subject.
pub fn find_oidc(conn: &mut impl AsConn, issuer: &str, subject: &str) -> Result<Option<OidcPerson>, DbError> {
    Ok(on!(conn, c => identities::table
        .inner_join(users::table)
        .filter(identities::kind.eq(OIDC))
        .filter(identities::issuer.eq(issuer))
        .filter(identities::subject.eq(subject))
        .select((identities::id, users::id, users::guid, users::is_active, users::role))
        .first(c)
        .optional())?)
}

/// Makes a provider's subject a person's, which it may be already.
pub fn link_oidc(
    tx: &mut Tx<'_>,
    user_id: i32,
    (issuer, subject): (&str, &str),
    now: Instant,
) -> Result<i32, IdentityError> {
    match find_oidc(tx, issuer, subject)? {
        Some(known) if known.user_id == user_id => return Ok(known.identity),
        Some(_) => return Err(IdentityError::Taken(subject.to_owned())),
        None => {}
    }
    let row = (
        identities::user_id.eq(user_id),
        identities::kind.eq(OIDC),
        identities::issuer.eq(issuer),
        identities::subject.eq(subject),
        identities::version.eq(1),
        identities::created_at.eq(now),
    );
    Ok(on!(tx, c => diesel::insert_into(identities::table).values(&row).returning(identities::id).get_result(c))?)
}

/// Takes a provider's subject from its person. Gives whose it was.
pub fn unlink_oidc(tx: &mut Tx<'_>, issuer: &str, subject: &str) -> Result<Option<i32>, IdentityError> {
    let Some(known) = find_oidc(tx, issuer, subject)? else { return Ok(None) };
    on!(tx, c => diesel::delete(identities::table.find(known.identity)).execute(c))?;
    Ok(Some(known.user_id))
}

/// A new person for a provider's subject; nothing where the name is somebody's: only who may speak for both links them
/// (AU-6). Must hold what writers of people hold.
pub fn add_oidc(
    tx: &mut Tx<'_>,
    (issuer, subject): (&str, &str),
    (unique_name, name): (&str, &str),
    role: Role,
    now: Instant,
) -> Result<Option<i32>, IdentityError> {
    let key = name_key(unique_name);
    let taken: i64 = on!(tx, c => users::table.filter(users::unique_name_key.eq(&key)).count().get_result(c))?;
    if taken > 0 {
        return Ok(None);
    }
    let user_id = add_person(tx, (unique_name, name), role, now)?;
    link_oidc(tx, user_id, (issuer, subject), now).map(Some)
}

fn raise(tx: &mut Tx<'_>, identity: i32) -> Result<(), DbError> {
    on!(tx, c => diesel::update(identities::table.find(identity))
        .set(identities::version.eq(identities::version + 1))
        .execute(c))?;
    Ok(())
}

/// What becomes of an account that nobody is yet (AU-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provision {
    Deny,
    /// A person with this role.
    Add(Role),
}

/// The identity of an account that has proven itself: known, or now linked to the person whom an administrator has named
/// like it, or to a new one. Nothing: there is no such person and none is made. Must hold what writers of people hold.
pub fn admit_windows(
    tx: &mut Tx<'_>,
    account: &Account,
    names: &[String],
    provision: Provision,
    now: Instant,
) -> Result<Option<i32>, IdentityError> {
    if let Some((identity, _)) = find_windows(tx, account)? {
        return Ok(Some(identity));
    }
    let user_id = match (called(tx, names)?, provision) {
        (Some(user_id), _) => user_id,
        (None, Provision::Deny) => return Ok(None),
        (None, Provision::Add(role)) => add_person(tx, (&account.to_string(), &account.user), role, now)?,
    };
    link_windows(tx, user_id, account, now).map(Some)
}

/// Whose account it is, or would be with the first sign-in.
pub fn owner(conn: &mut impl AsConn, account: &Account, names: &[String]) -> Result<Option<i32>, DbError> {
    match find_windows(conn, account)? {
        Some((_, user_id)) => Ok(Some(user_id)),
        None => called(conn, names),
    }
}

/// The person with the likeliest of these names.
fn called(conn: &mut impl AsConn, names: &[String]) -> Result<Option<i32>, DbError> {
    let keys: Vec<String> = names.iter().map(|name| name_key(name)).collect();
    let named: Vec<(String, i32)> = on!(conn, c => users::table
        .filter(users::unique_name_key.eq_any(&keys))
        .select((users::unique_name_key, users::id))
        .load(c))?;
    let likeliest = keys.iter().find_map(|key| named.iter().find(|(known, _)| known == key));
    Ok(likeliest.map(|(_, user_id)| *user_id))
}

fn add_person(tx: &mut Tx<'_>, (unique_name, name): (&str, &str), role: Role, now: Instant) -> Result<i32, DbError> {
    let row = (
        users::guid.eq(Guid(uuid::Uuid::now_v7())),
        users::name.eq(name),
        users::unique_name.eq(unique_name),
        users::unique_name_key.eq(name_key(unique_name)),
        users::role.eq(role.number()),
        users::is_active.eq(true),
        users::created_at.eq(now),
    );
    Ok(on!(tx, c => diesel::insert_into(users::table).values(&row).returning(users::id).get_result(c))?)
}
