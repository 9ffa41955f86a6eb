//! Sign-in of people at the OpenID provider, by code with PKCE (AU-55; RFC 6749 §4.1, 7636, 9207, 9700).
//!
//! In: where the browser wants to go. Out: the address of the provider; and when the browser is back, what it may have. A
//! browser keeps one secret; nonce and verifier are made of it and of `state`, which is sealed, so that nothing is written
//! for whoever only asks. An answer is good once: its `state` is then kept until it would have expired.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::auth::vault::{Place, Vault};
use crate::auth::{Digest, secret};
use crate::db::tables::used_sign_ins;
use crate::db::{DbError, Tx};
use crate::on;
use crate::sql::Instant;

/// The name of the key that seals `state`.
pub const KEY: &str = "provider-sign-in";
/// Microseconds in which a browser must be back.
const LIFETIME: i64 = 600_000_000;
/// Letters of a path.
const LONGEST_PATH: usize = 1_024;
/// Letters of a `state`.
const LONGEST_STATE: usize = 4 * 1_024;
const PLACE: Place = Place { table: "sign_in", column: "state", row: 0 };

/// What goes along to the provider and back.
#[derive(Serialize, Deserialize)]
struct State {
    /// Makes no two alike.
    random: String,
    /// SHA-256 of the browser's secret.
    browser: Vec<u8>,
    return_to: String,
    prompted: bool,
    expires_at: i64,
}

/// A browser on its way to the provider.
#[derive(Debug)]
pub struct Begun {
    pub state: String,
    pub nonce: String,
    /// Of PKCE.
    pub verifier: String,
}

/// A browser that is back.
#[derive(Clone, Debug)]
pub struct Returned {
    pub return_to: String,
    /// The provider was to ask the person again.
    pub prompted: bool,
    pub nonce: String,
    pub verifier: String,
    expires_at: Instant,
}

/// Sends a browser on its way.
pub fn begin(key: &[u8; 32], browser: &str, return_to: &str, prompted: bool, now: Instant) -> Result<Begun, DbError> {
    let state = State {
        random: secret::draw()?,
        browser: Digest::of(browser).as_bytes().to_vec(),
        return_to: return_to.to_owned(),
        prompted,
        expires_at: now.0 + LIFETIME,
    };
    let failed = |error: String| DbError::Other(format!("a state: {error}"));
    let text = serde_json::to_vec(&state).map_err(|error| failed(error.to_string()))?;
    let sealed = Vault::of(*key).seal(&text, PLACE).map_err(|error| failed(error.to_string()))?;
    let state = URL_SAFE_NO_PAD.encode(sealed);
    Ok(Begun { nonce: derived(browser, "nonce", &state), verifier: derived(browser, "verifier", &state), state })
}

/// What a `state` says, if it is one of ours, of this browser, and of the last ten minutes.
pub fn returned(key: &[u8; 32], browser: &str, state: &str, now: Instant) -> Option<Returned> {
    let sealed = URL_SAFE_NO_PAD.decode(state).ok().filter(|_| state.len() <= LONGEST_STATE)?;
    let text = Vault::of(*key).open(&sealed, PLACE).ok()?;
    let said: State = serde_json::from_slice(&text).ok()?;
    let is_good = Digest::of(browser).is(&said.browser) && now.0 < said.expires_at;
    is_good.then(|| Returned {
        return_to: said.return_to,
        prompted: said.prompted,
        nonce: derived(browser, "nonce", state),
        verifier: derived(browser, "verifier", state),
        expires_at: Instant(said.expires_at),
    })
}

/// Uses a `state` up; false: it was used before.
pub fn use_up(tx: &mut Tx<'_>, state: &str, returned: &Returned, now: Instant) -> Result<bool, DbError> {
    on!(tx, c => diesel::delete(used_sign_ins::table.filter(used_sign_ins::expires_at.le(now))).execute(c))?;
    let row = (
        used_sign_ins::digest.eq(Digest::of(state).as_bytes().to_vec()),
        used_sign_ins::expires_at.eq(returned.expires_at),
    );
    let added =
        on!(tx, c => diesel::insert_into(used_sign_ins::table).values(&row).on_conflict_do_nothing().execute(c))?;
    Ok(added > 0)
}

fn derived(browser: &str, of: &str, state: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(browser.as_bytes()) else { return String::new() };
    mac.update(of.as_bytes());
    mac.update(b"\n");
    mac.update(state.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// A path of this server to go on to; `/` for whatever else was asked for (attack 22).
pub fn local_path(asked: &str) -> &str {
    let is_path = asked.starts_with('/') && !asked.starts_with("//") && asked.len() <= LONGEST_PATH;
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\\\"<>`{}|^".contains(&byte);
    // What is encoded may be decoded by somebody on the way.
    let lower = asked.to_ascii_lowercase();
    let hides = ["%2f%2f", "%5c", "%0d", "%0a", "%00", "/%2f", "//", "%09"].iter().any(|part| lower.contains(part));
    if is_path && asked.bytes().all(is_plain) && !hides { asked } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];
    const NOW: Instant = Instant(1_700_000_000_000_000);

    #[test]
    fn au_55_a_state_is_of_one_browser_and_ten_minutes() {
        let begun = begin(&KEY, "one", "/account", true, NOW).unwrap();
        let back = returned(&KEY, "one", &begun.state, Instant(NOW.0 + LIFETIME - 1)).unwrap();
        assert_eq!((back.return_to.as_str(), back.prompted), ("/account", true));
        assert_eq!((&back.nonce, &back.verifier), (&begun.nonce, &begun.verifier));
        assert!(back.nonce != back.verifier && back.verifier.len() == 43);
        assert!(returned(&KEY, "two", &begun.state, NOW).is_none());
        assert!(returned(&[8; 32], "one", &begun.state, NOW).is_none());
        assert!(returned(&KEY, "one", &begun.state, Instant(NOW.0 + LIFETIME)).is_none());
        for at in 0..begun.state.len() {
            let mut bent = begun.state.clone().into_bytes();
            bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
            let bent = String::from_utf8(bent).unwrap();
            // The last letter holds bits that mean nothing, or it is no base64.
            assert!(bent == begun.state || at + 1 == bent.len() || returned(&KEY, "one", &bent, NOW).is_none());
        }
        for text in ["", "A", "%", &"A".repeat(5_000)] {
            assert!(returned(&KEY, "one", text, NOW).is_none());
        }
    }

    #[test]
    fn attack_22_nobody_is_sent_elsewhere() {
        for good in ["/", "/account", "/api/odata/v4.0/Worklogs?$top=5&$filter=a%20eq%20b", "/pair#x"] {
            assert_eq!(local_path(good), good);
        }
        for bad in [
            "",
            "evil",
            "//evil",
            "/\\evil",
            "\\\\evil",
            "https:evil",
            "https://evil",
            "javascript:alert(1)",
            "/%0d%0aX: y",
            "/a\r\nX: y",
            "/%2f%2fevil",
            "/%2Fevil",
            "/%5Cevil",
            "/a//evil",
            " /a",
            "/a b",
            "/\u{e9}",
            "/\t/evil",
        ] {
            assert_eq!(local_path(bad), "/", "{bad:?}");
        }
        assert_eq!(local_path(&format!("/{}", "a".repeat(LONGEST_PATH))), "/");
    }
}
