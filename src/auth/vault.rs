//! Secrets at rest (AU-64): sealed with XChaCha20-Poly1305 under a key that is not in the database.
//!
//! In: the keys of the configuration, a plain secret and the place where it is kept. Out: a blob of version (1 byte), key
//! id (4), nonce (24) and ciphertext. It opens at its own place alone, so that a blob moved to another row is refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};

const VERSION: u8 = 1;
const NONCE: usize = 24;
const HEAD: usize = 1 + 4 + NONCE;

/// Why a secret cannot be sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    #[error("a key is 32 bytes in base64, or NUMBER:BASE64")]
    Key,
    #[error("no key is configured: set TIMELEDGER_KEY or auth.key_file")]
    NoKey,
    #[error("it was sealed under the key {0}, which is not configured")]
    UnknownKey(u32),
    #[error("it was changed, or moved from another place")]
    Forged,
    #[error("the system's random source failed: {0}")]
    Random(String),
}

/// The keys of a site; the first seals, all open.
#[derive(Clone, Default)]
pub struct Vault {
    keys: Vec<(u32, [u8; 32])>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(id, _)| id)).finish()
    }
}

/// The table, column and row of a secret.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub table: &'static str,
    pub column: &'static str,
    pub row: i64,
}

impl Place {
    fn bytes(self) -> Vec<u8> {
        format!("{}.{}.{}", self.table, self.column, self.row).into_bytes()
    }
}

impl Vault {
    /// Keys with commas or line ends between. One without a number has the number 1.
    pub fn new(text: &str) -> Result<Vault, VaultError> {
        let mut keys: Vec<(u32, [u8; 32])> = Vec::new();
        for entry in text.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty()) {
            let (id, key) = entry.split_once(':').unwrap_or(("1", entry));
            let id: u32 = id.parse().map_err(|_| VaultError::Key)?;
            let key = STANDARD.decode(key).ok().and_then(|key| key.try_into().ok()).ok_or(VaultError::Key)?;
            if keys.iter().any(|(known, _)| *known == id) {
                return Err(VaultError::Key);
            }
            keys.push((id, key));
        }
        Ok(Vault { keys })
    }

    /// With a key that the site made for itself.
    pub fn of(key: [u8; 32]) -> Vault {
        Vault { keys: vec![(1, key)] }
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub fn seal(&self, secret: &[u8], place: Place) -> Result<Vec<u8>, VaultError> {
        let (id, key) = self.keys.first().ok_or(VaultError::NoKey)?;
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| VaultError::Random(error.to_string()))?;
        let aad = place.bytes();
        let payload = Payload { msg: secret, aad: &aad };
        let sealed = cipher(key).encrypt(&XNonce::from(nonce), payload).map_err(|_| VaultError::Forged)?;
        let mut blob = vec![VERSION];
        blob.extend_from_slice(&id.to_be_bytes());
        blob.extend_from_slice(&nonce);
        blob.extend_from_slice(&sealed);
        Ok(blob)
    }

    /// The key that seals.
    pub fn first(&self) -> Option<u32> {
        self.keys.first().map(|(id, _)| *id)
    }

    pub fn open(&self, blob: &[u8], place: Place) -> Result<Vec<u8>, VaultError> {
        let (head, sealed) = blob.split_at_checked(HEAD).ok_or(VaultError::Forged)?;
        let [VERSION, a, b, c, d, nonce @ ..] = head else { return Err(VaultError::Forged) };
        let id = u32::from_be_bytes([*a, *b, *c, *d]);
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| VaultError::Forged)?;
        let (_, key) = self.keys.iter().find(|(known, _)| *known == id).ok_or(VaultError::UnknownKey(id))?;
        let aad = place.bytes();
        let payload = Payload { msg: sealed, aad: &aad };
        cipher(key).decrypt(&XNonce::from(nonce), payload).map_err(|_| VaultError::Forged)
    }
}

/// The key that a blob was sealed under.
pub fn key_of(blob: &[u8]) -> Option<u32> {
    match blob {
        [VERSION, a, b, c, d, ..] => Some(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => None,
    }
}

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place { table: "windows_passwords", column: "sealed", row: 7 };

    fn key(byte: u8) -> String {
        STANDARD.encode([byte; 32])
    }

    #[test]
    fn au_64_a_secret_opens_at_its_own_place_alone() {
        let old = Vault::new(&format!("7:{}", key(7))).unwrap();
        let blob = old.seal(b"secret", PLACE).unwrap();
        let both = Vault::new(&format!("8:{},7:{}", key(8), key(7))).unwrap();
        assert_eq!(both.open(&blob, PLACE).unwrap(), b"secret");
        assert_eq!(both.open(&blob, Place { row: 8, ..PLACE }), Err(VaultError::Forged));
        let newer = both.seal(b"secret", PLACE).unwrap();
        assert_eq!(old.open(&newer, PLACE), Err(VaultError::UnknownKey(8)));
        for cut in 0..blob.len() {
            assert!(both.open(&blob[..cut], PLACE).is_err());
        }
        for at in 0..blob.len() {
            let mut changed = blob.clone();
            changed[at] ^= 1;
            assert!(both.open(&changed, PLACE).is_err(), "{at}");
        }
    }

    #[test]
    fn au_64_what_is_no_key_is_refused_and_none_is_shown() {
        for text in
            ["abc".to_owned(), format!("x:{}", key(1)), format!("{},{}", key(1), key(2)), key(1)[..40].to_owned()]
        {
            assert_eq!(Vault::new(&text).err(), Some(VaultError::Key), "{text}");
        }
        assert_eq!(Vault::default().seal(b"x", PLACE), Err(VaultError::NoKey));
        assert_eq!(format!("{:?}", Vault::new(&key(9)).unwrap()), "[1]");
    }
}
