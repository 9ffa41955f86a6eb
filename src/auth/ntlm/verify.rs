//! What proves that a client knows the password: NTLMv2 (AU-23), the MIC and the time (AU-24), the channel (AU-25).
//!
//! In: a challenge as it was sent, the answer as it came, and the session base key that a verifier gave. Out: the exported
//! session key, or why the answer is none. Pure: the clock is an argument.

use hmac::{Hmac, KeyInit, Mac};
use md4::{Digest, Md4};
use md5::Md5;
use rc4::{Rc4, StreamCipher};
use subtle::ConstantTimeEq;

use super::wire::{Attributes, Authenticate, MIC, flags, utf16};

/// 16 bytes that are a key, or as good as a password. `Debug` shows none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key(pub [u8; 16]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(***)")
    }
}

/// NTOWFv1: the hash of a password that Windows keeps.
pub fn nt_hash(password: &str) -> Key {
    Key(Md4::digest(utf16(password)).into())
}

/// HMAC-MD5 over parts in a row. A key of any length is one.
pub(super) fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let Ok(mut mac) = Hmac::<Md5>::new_from_slice(key) else { return [0; 16] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// NTOWFv2 for an upper-cased user; names exactly as on the wire.
fn ntowf_v2(hash: &Key, upper_user: &str, domain: &str) -> [u8; 16] {
    hmac(&hash.0, &[&utf16(upper_user), &utf16(domain)])
}

/// The session base key, if the answer was made with this hash of the password. `nt` is NTProofStr and what it proves.
pub fn session_base_key(hash: &Key, user: &str, domain: &str, server_challenge: [u8; 8], nt: &[u8]) -> Option<Key> {
    let (proof, temp) = nt.split_at_checked(16)?;
    let one_to_one: String = user.chars().map(upper).collect();
    let full = user.to_uppercase();
    // Both are tried whatever the first says, so that the time tells nothing.
    let mut found = None;
    for name in [full, one_to_one] {
        let key = ntowf_v2(hash, &name, domain);
        let expected = hmac(&key, &[&server_challenge, temp]);
        if bool::from(expected.ct_eq(proof)) {
            found = Some(Key(hmac(&key, &[proof])));
        }
    }
    found
}

/// Upper case as Windows has it: one letter becomes one letter, or stays.
fn upper(letter: char) -> char {
    let mut upper = letter.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(only), None) => only,
        _ => letter,
    }
}

/// Why an answer whose password is right is refused all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("the session key has no 16 bytes")]
    SessionKey,
    #[error("the MIC is wrong")]
    Mic,
    #[error("there is no MIC")]
    NoMic,
    #[error("the client's clock is off, or the answer old")]
    Time,
    #[error("it was made for another TLS channel")]
    Channel,
    #[error("it names no TLS channel")]
    NoChannel,
}

/// What of an answer must hold beside the password.
#[derive(Clone, Debug, Default)]
pub struct Demands {
    pub require_mic: bool,
    /// 100 ns that the clocks may differ.
    pub max_skew: u64,
    /// Hashes of the channels that this server's certificates make; empty: the channel is not looked at.
    pub channels: Vec<[u8; 16]>,
    pub require_channel: bool,
}

impl Demands {
    /// What the client's attributes alone can tell, once the password has proven them. `now` is a FILETIME.
    pub fn check(&self, attributes: &Attributes, now: u64) -> Result<(), Invalid> {
        if self.require_mic && !attributes.has_mic {
            return Err(Invalid::NoMic);
        }
        if attributes.time.abs_diff(now) > self.max_skew {
            return Err(Invalid::Time);
        }
        match attributes.channel {
            Some(hash) if !self.channels.is_empty() && !self.channels.contains(&hash) => Err(Invalid::Channel),
            None if self.require_channel => Err(Invalid::NoChannel),
            _ => Ok(()),
        }
    }
}

/// The messages before the answer, exactly as they went over this connection.
#[derive(Clone, Debug)]
pub struct Sent {
    pub negotiate: Vec<u8>,
    pub challenge: Vec<u8>,
    /// FILETIME in the challenge.
    pub time: u64,
}

/// Checks MIC, time and channel; gives the exported session key. `now` is a FILETIME.
pub fn exported_key(
    base: Key,
    sent: &Sent,
    answer: &Authenticate<'_>,
    demands: &Demands,
    now: u64,
) -> Result<Key, Invalid> {
    let exported = exported(base, answer)?;
    let attributes = &answer.attributes;
    if attributes.has_mic {
        let (before, after) = (answer.bytes.get(..MIC.start), answer.bytes.get(MIC.end..));
        let (Some(before), Some(mic), Some(after)) = (before, answer.bytes.get(MIC), after) else {
            return Err(Invalid::Mic);
        };
        let expected = hmac(&exported.0, &[&sent.negotiate, &sent.challenge, before, &[0; 16], after]);
        if !bool::from(expected.ct_eq(mic)) {
            return Err(Invalid::Mic);
        }
        if attributes.time != sent.time {
            return Err(Invalid::Time);
        }
    }
    demands.check(attributes, now)?;
    Ok(exported)
}

/// With KEY_EXCH the client chose the key and sent it encrypted, if it means to sign or seal: pyspnego sends one byte where
/// it means neither.
fn exported(base: Key, answer: &Authenticate<'_>) -> Result<Key, Invalid> {
    let exchanged = answer.flags & flags::KEY_EXCH != 0 && answer.flags & (flags::SIGN | flags::SEAL) != 0;
    if !exchanged {
        return Ok(base);
    }
    let mut key: [u8; 16] = answer.encrypted_key.try_into().map_err(|_| Invalid::SessionKey)?;
    rc4(&base.0, &mut key);
    Ok(Key(key))
}

/// RC4 in place, from the start of its stream. A key of 16 bytes is one.
pub(super) fn rc4(key: &[u8; 16], bytes: &mut [u8]) {
    if let Ok(mut cipher) = Rc4::new_from_slice(key) {
        cipher.apply_keystream(bytes);
    }
}

/// The hash of a TLS channel (RFC 5929 `tls-server-end-point`) as AV 10 carries it, of the certificate's own hash.
pub fn channel(certificate_hash: &[u8]) -> [u8; 16] {
    const PREFIX: &[u8] = b"tls-server-end-point:";
    let length = u32::try_from(PREFIX.len() + certificate_hash.len()).unwrap_or(u32::MAX);
    let mut hash = Md5::new();
    hash.update([0; 16]);
    hash.update(length.to_le_bytes());
    hash.update(PREFIX);
    hash.update(certificate_hash);
    hash.finalize().into()
}

/// FILETIME, 100 ns since 1601, of microseconds since 1970.
pub fn file_time(micros: i64) -> u64 {
    const EPOCH: i64 = 11_644_473_600_000_000;
    u64::try_from(micros.saturating_add(EPOCH)).unwrap_or(0).saturating_mul(10)
}
