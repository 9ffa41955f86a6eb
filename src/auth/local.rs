//! Passwords of accounts that this site keeps itself (AU-70): argon2id, and what a password must be.
//!
//! In: a name and a password. Out: whose they are, or nothing. Hashing takes tens of milliseconds and 19 MiB by design;
//! whoever calls [`hash`] and [`verify`] does it away from the threads that serve, a few at once.

use std::sync::LazyLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use diesel::prelude::*;
use icu_normalizer::ComposingNormalizerBorrowed;

use crate::db::tables::{identities, local_passwords, name_key, users};
use crate::db::{AsConn, DbError, Tx};
use crate::on;
use crate::sql::Instant;

/// The kind of an identity, as the table has it.
const LOCAL: i32 = 3;
/// Letters of a password.
const SHORTEST: usize = 12;
const LONGEST: usize = 256;
/// KiB, passes, lanes.
const COST: (u32, u32, u32) = (19_456, 2, 1);
/// Passwords of twelve letters and more that lists of leaked ones begin with.
const COMMON: &str = include_str!("common_passwords.txt");

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    #[error("a password has at least 12 characters")]
    Short,
    #[error("a password has at most 256 characters")]
    Long,
    #[error("the password is hardly more than your name")]
    Name,
    #[error("this password is among those that everybody tries first")]
    Common,
}

/// What is hashed: a letter that can be written in two ways is one.
fn composed(password: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(password).into_owned()
}

/// Whether somebody of these names may have this password.
pub fn check(password: &str, names: &[&str]) -> Result<(), Weak> {
    let password = composed(password);
    let length = password.chars().count();
    if length < SHORTEST {
        return Err(Weak::Short);
    }
    if length > LONGEST {
        return Err(Weak::Long);
    }
    let password = password.to_lowercase();
    let is_name = |name: &&str| {
        let name = composed(name).to_lowercase();
        let account = name.rsplit('\\').next().unwrap_or_default();
        let account = account.split('@').next().unwrap_or_default().to_owned();
        let without = |part: &str| part.len() > 2 && password.replace(part, "").chars().count() < SHORTEST / 2;
        password == name || without(&name) || without(&account)
    };
    if names.iter().any(is_name) {
        return Err(Weak::Name);
    }
    let mut letters: Vec<char> = password.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    if letters.len() < 4 || COMMON.lines().any(|common| common == password) {
        return Err(Weak::Common);
    }
    Ok(())
}

fn argon2() -> Argon2<'static> {
    let (memory, passes, lanes) = COST;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(memory, passes, lanes, None).unwrap_or_default())
}

/// What is kept of a password (RFC 9106, in PHC's form).
pub fn hash(password: &str) -> Result<String, String> {
    let hashed = argon2().hash_password(composed(password).as_bytes());
    hashed.map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

/// What came of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Wrong,
    Right,
    /// Right, and kept at less than it costs today.
    Outdated,
}

/// Whether a password is the one that was kept; where none was, as much work for nothing.
pub fn verify(password: &str, kept: Option<&str>) -> Verdict {
    static DUMMY: LazyLock<String> = LazyLock::new(|| hash("nobody has this password").unwrap_or_default());
    let text = kept.unwrap_or(&DUMMY);
    let Ok(parsed) = PasswordHash::new(text) else { return Verdict::Wrong };
    let is_right = argon2().verify_password(composed(password).as_bytes(), &parsed).is_ok();
    if !is_right || kept.is_none() {
        return Verdict::Wrong;
    }
    let figures = |params: Params| (params.m_cost(), params.t_cost(), params.p_cost());
    let is_current = Params::try_from(&parsed).map(figures) == Ok(COST);
    if is_current { Verdict::Right } else { Verdict::Outdated }
}

/// An account that a name means.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Known {
    pub identity: i32,
    pub user_id: i32,
    pub phc: String,
    pub is_active: bool,
}

/// The account of a name, if it has a password.
pub fn find(conn: &mut impl AsConn, name: &str) -> Result<Option<Known>, DbError> {
    Ok(on!(conn, c => identities::table
        .inner_join(users::table)
        .inner_join(local_passwords::table)
        .filter(identities::kind.eq(LOCAL))
        .filter(identities::subject.eq(name_key(name)))
        .select((identities::id, users::id, local_passwords::phc, users::is_active))
        .first(c)
        .optional())?)
}

/// Whether a person has a password here, and what is kept of it.
pub fn of_person(conn: &mut impl AsConn, user_id: i32) -> Result<Option<String>, DbError> {
    Ok(on!(conn, c => identities::table
        .inner_join(local_passwords::table)
        .filter(identities::kind.eq(LOCAL))
        .filter(identities::user_id.eq(user_id))
        .select(local_passwords::phc)
        .first(c)
        .optional())?)
}

/// Gives a person a password, or another one.
pub fn set(tx: &mut Tx<'_>, user_id: i32, phc: &str, now: Instant) -> Result<i32, DbError> {
    let name: String = on!(tx, c => users::table.find(user_id).select(users::unique_name_key).first(c))?;
    let known = identities::table.filter(identities::kind.eq(LOCAL)).filter(identities::user_id.eq(user_id));
    let known: Option<i32> = on!(tx, c => known.select(identities::id).first(c).optional())?;
    let identity = match known {
        Some(identity) => identity,
        None => {
            let row = (
                identities::user_id.eq(user_id),
                identities::kind.eq(LOCAL),
                identities::issuer.eq(""),
                identities::subject.eq(&name),
                identities::version.eq(1),
                identities::created_at.eq(now),
            );
            on!(tx, c => diesel::insert_into(identities::table).values(&row).returning(identities::id).get_result(c))?
        }
    };
    on!(tx, c => diesel::delete(local_passwords::table.find(identity)).execute(c))?;
    let row =
        (local_passwords::identity_id.eq(identity), local_passwords::phc.eq(phc), local_passwords::changed_at.eq(now));
    on!(tx, c => diesel::insert_into(local_passwords::table).values(&row).execute(c))?;
    Ok(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn au_70_what_a_password_must_be() {
        let names = ["ann.example@example.com", "Ann Example"];
        for (password, expected) in [
            ("correct horse battery", Ok(())),
            ("Schönes Wetter heute", Ok(())),
            ("elevenchars", Err(Weak::Short)),
            ("ann.example@example.com", Err(Weak::Name)),
            ("ANN.EXAMPLE1", Err(Weak::Name)),
            ("Password1234", Err(Weak::Common)),
            ("abababababab", Err(Weak::Common)),
        ] {
            assert_eq!(check(password, &names), expected, "{password}");
        }
        assert_eq!(check(&"x1y2".repeat(64), &[]), Ok(()));
        assert_eq!(check(&"x1y2".repeat(65), &[]), Err(Weak::Long));
    }

    #[test]
    fn au_70_a_password_is_right_in_any_spelling_of_its_letters() {
        let kept = hash("Scho\u{308}nes Wetter").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_eq!(verify("Sch\u{f6}nes Wetter", Some(&kept)), Verdict::Right);
        assert_eq!(verify("Schones Wetter", Some(&kept)), Verdict::Wrong);
        assert_eq!(verify("nobody has this password", None), Verdict::Wrong);
        assert_eq!(verify("x", Some("nonsense")), Verdict::Wrong);
        // Of a time when less was asked.
        let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8_192, 1, 1, None).unwrap());
        let old = cheap.hash_password(b"an older password").unwrap().to_string();
        assert_eq!(verify("an older password", Some(&old)), Verdict::Outdated);
    }
}
