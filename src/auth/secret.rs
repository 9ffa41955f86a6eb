//! Secrets that a browser or a link carries: 256 bits of the operating system's random source, in base64url.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Digest;
use crate::db::DbError;

const BYTES: usize = 32;
/// Its letters.
const LENGTH: usize = 43;

/// A new secret.
pub fn draw() -> Result<String, DbError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| DbError::Other(format!("no random numbers: {error}")))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The digest of a text that may be such a secret.
pub fn recognise(text: &str) -> Option<Digest> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (text.len() == LENGTH && text.bytes().all(is_letter)).then(|| Digest::of(text))
}
