//! An OpenID provider, Entra ID or any other: its access tokens (AU-50 to AU-53), and sign-in at it (AU-55).
//!
//! | file | in | out |
//! |---|---|---|
//! | [`claims`] | a token, the provider's keys, what is demanded | who it speaks for, what it may, or why it is refused |
//! | [`crypto`] | a key, a signature | whether it is good, by ring |
//! | [`provider`] | the issuer's address | its keys, kept for an hour, fetched anew where one is unknown |
//! | [`web`] | a browser that wants to sign in | where it goes, and what it may have when it is back |

pub mod claims;
mod crypto;
pub mod provider;
pub mod web;

pub use claims::{Claims, IdClaims, Rejected, Rules, algorithms};
pub use provider::{Client, Provider};

/// Bytes of a token, at most (AU-51).
const LONGEST: usize = 16 * 1024;

/// Whether a bearer's text may be such a token: three parts of base64, the first the begin of a JSON object.
pub fn is_jwt(text: &str) -> bool {
    text.starts_with("eyJ") && text.bytes().filter(|byte| *byte == b'.').count() == 2
}
