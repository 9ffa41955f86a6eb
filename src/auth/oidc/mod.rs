//! Access tokens of an OpenID provider, Entra ID or any other (AU-50 to AU-53).
//!
//! | file | in | out |
//! |---|---|---|
//! | [`claims`] | a token, the provider's keys, what is demanded | who it speaks for, what it may, or why it is refused |
//! | [`crypto`] | a key, a signature | whether it is good, by ring |
//! | [`provider`] | the issuer's address | its keys, kept for an hour, fetched anew where one is unknown |

pub mod claims;
mod crypto;
pub mod provider;

pub use claims::{Claims, Rejected, Rules, algorithms};
pub use provider::Provider;

/// Bytes of a token, at most (AU-51).
const LONGEST: usize = 16 * 1024;

/// Whether a bearer's text may be such a token: three parts of base64, the first the begin of a JSON object.
pub fn is_jwt(text: &str) -> bool {
    text.starts_with("eyJ") && text.bytes().filter(|byte| *byte == b'.').count() == 2
}
