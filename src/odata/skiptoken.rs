//! The `$skiptoken` of a next link (OD-111, OD-112): where the next page begins.
//!
//! Sealed with XChaCha20-Poly1305 under a key that is kept with the data, and bound to path, options and caller: a token
//! can't be read, changed or used elsewhere. Form: base64url of nonce, then the sealed version, time, rest of `$top`
//! and order values.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

use super::error::{Code, ODataError, Result};
use crate::sql::{Day, Guid, Instant, Type, Value};

const VERSION: u8 = 1;
const NONCE: usize = 24;
/// Bytes of a token's text; what cannot be a token is not looked at.
const LONGEST: usize = 64 * 1024;
/// A walk that pauses for longer begins anew.
const LIFETIME: i64 = 7 * 24 * 3_600 * 1_000_000;

/// Seals and opens tokens.
#[derive(Clone)]
pub struct Sealer {
    key: [u8; 32],
}

/// What a token says.
#[derive(Clone, Debug, PartialEq)]
pub struct Position {
    /// Order values of the last row.
    pub after: Vec<Value>,
    /// What is left of `$top`.
    pub left: Option<u64>,
    /// The page size that the first request preferred (OD-114).
    pub size: Option<u64>,
}

impl Sealer {
    pub fn new(key: [u8; 32]) -> Sealer {
        Sealer { key }
    }

    /// A token for the position; `binding` is all that it is bound to.
    pub fn seal(&self, position: &Position, binding: &str, now: Instant) -> Result<String> {
        let mut plain = vec![VERSION];
        plain.extend_from_slice(&now.0.to_be_bytes());
        plain.extend_from_slice(&position.left.unwrap_or(u64::MAX).to_be_bytes());
        plain.extend_from_slice(&position.size.unwrap_or(u64::MAX).to_be_bytes());
        position.after.iter().for_each(|value| write(value, &mut plain));
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|e| failed(&e.to_string()))?;
        let aad = Sha256::digest(binding.as_bytes());
        let payload = Payload { msg: &plain, aad: &aad };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).map_err(|_| failed("sealing"))?;
        let mut token = nonce.to_vec();
        token.extend_from_slice(&sealed);
        Ok(URL_SAFE_NO_PAD.encode(&token))
    }

    /// What a token says, if it is ours, of this query and caller, and not too old.
    pub fn open(&self, token: &str, binding: &str, now: Instant) -> Result<Position> {
        if token.len() > LONGEST {
            return Err(foreign());
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|b| b.len() > NONCE).ok_or_else(foreign)?;
        let (nonce, sealed) = bytes.split_at(NONCE);
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| foreign())?;
        let aad = Sha256::digest(binding.as_bytes());
        let payload = Payload { msg: sealed, aad: &aad };
        let plain = self.cipher().decrypt(&XNonce::from(nonce), payload).map_err(|_| foreign())?;
        let mut rest = plain.as_slice();
        if take::<1>(&mut rest) != Some([VERSION]) {
            return Err(expired());
        }
        let issued = take(&mut rest).map(i64::from_be_bytes).ok_or_else(foreign)?;
        if now.0.saturating_sub(issued) > LIFETIME {
            return Err(expired());
        }
        let left = take(&mut rest).map(u64::from_be_bytes).ok_or_else(foreign)?;
        let size = take(&mut rest).map(u64::from_be_bytes).ok_or_else(foreign)?;
        let mut after = Vec::new();
        while !rest.is_empty() {
            after.push(read(&mut rest).ok_or_else(foreign)?);
        }
        let given = |n: u64| (n != u64::MAX).then_some(n);
        Ok(Position { after, left: given(left), size: given(size) })
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(self.key))
    }
}

fn foreign() -> ODataError {
    let message =
        "The $skiptoken is not one of this query's. Follow next links as they are, or begin at the first page.";
    ODataError::new(Code::InvalidSkipToken, message).in_option("$skiptoken")
}

fn expired() -> ODataError {
    let message = "The next link is too old. Begin at the first page.";
    ODataError::new(Code::SkipTokenExpired, message).in_option("$skiptoken")
}

fn failed(what: &str) -> ODataError {
    ODataError::new(Code::InternalError, format!("A next link could not be made: {what}."))
}

const TYPES: [Type; 8] =
    [Type::Bool, Type::Int32, Type::Int64, Type::Double, Type::Text, Type::Instant, Type::Day, Type::Guid];

fn tag(ty: Type) -> u8 {
    TYPES.iter().position(|t| *t == ty).and_then(|n| u8::try_from(n).ok()).unwrap_or(u8::MAX)
}

/// A tag byte (high bit: null), then the value.
fn write(value: &Value, out: &mut Vec<u8>) {
    let ty = tag(value.ty());
    if let Value::Null(_) = value {
        out.push(ty | 0x80);
        return;
    }
    out.push(ty);
    match value {
        Value::Null(_) => {}
        Value::Bool(b) => out.push(u8::from(*b)),
        Value::Int32(n) => out.extend_from_slice(&n.to_be_bytes()),
        Value::Int64(n) => out.extend_from_slice(&n.to_be_bytes()),
        Value::Double(n) => out.extend_from_slice(&n.to_be_bytes()),
        Value::Text(s) => {
            out.extend_from_slice(&u32::try_from(s.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.extend_from_slice(s.as_bytes());
        }
        Value::Instant(at) => out.extend_from_slice(&at.0.to_be_bytes()),
        Value::Day(day) => out.extend_from_slice(&day.0.to_be_bytes()),
        Value::Guid(guid) => out.extend_from_slice(guid.0.as_bytes()),
    }
}

fn read(rest: &mut &[u8]) -> Option<Value> {
    let [tag] = take::<1>(rest)?;
    let ty = *TYPES.get(usize::from(tag & 0x7f))?;
    if tag & 0x80 != 0 {
        return Some(Value::Null(ty));
    }
    Some(match ty {
        Type::Bool => Value::Bool(take::<1>(rest)? == [1]),
        Type::Int32 => Value::Int32(i32::from_be_bytes(take(rest)?)),
        Type::Int64 => Value::Int64(i64::from_be_bytes(take(rest)?)),
        Type::Double => Value::Double(f64::from_be_bytes(take(rest)?)),
        Type::Text => {
            let length = usize::try_from(u32::from_be_bytes(take(rest)?)).ok()?;
            let (text, after) = rest.split_at_checked(length)?;
            *rest = after;
            Value::Text(String::from_utf8(text.to_vec()).ok()?)
        }
        Type::Instant => Value::Instant(Instant(i64::from_be_bytes(take(rest)?))),
        Type::Day => Value::Day(Day(i32::from_be_bytes(take(rest)?))),
        Type::Guid => Value::Guid(Guid(uuid::Uuid::from_bytes(take(rest)?))),
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position() -> Position {
        let after = vec![
            Value::Null(Type::Text),
            Value::Text("Grüße".into()),
            Value::Int64(-5),
            Value::Guid(Guid(uuid::Uuid::from_u128(7))),
            Value::Instant(Instant(1)),
        ];
        Position { after, left: Some(12), size: None }
    }

    #[test]
    fn a_token_opens_to_what_was_sealed() {
        let sealer = Sealer::new([7; 32]);
        let token = sealer.seal(&position(), "a", Instant(0)).unwrap();
        assert_eq!(sealer.open(&token, "a", Instant(1)).unwrap(), position());
        assert!(!token.contains(['=', '+', '/']));
    }

    #[test]
    fn foreign_changed_and_old_tokens_are_refused() {
        let sealer = Sealer::new([7; 32]);
        let token = sealer.seal(&position(), "a", Instant(0)).unwrap();
        let code = |text: &str, binding: &str, now: i64| sealer.open(text, binding, Instant(now)).unwrap_err().code;
        assert_eq!(code(&token, "b", 1), Code::InvalidSkipToken);
        assert_eq!(code(&token, "a", LIFETIME + 1), Code::SkipTokenExpired);
        for n in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[n] = if changed[n] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(code(&changed, "a", 1), Code::InvalidSkipToken);
        }
        assert_eq!(code("", "a", 1), Code::InvalidSkipToken);
        assert_eq!(code("ü", "a", 1), Code::InvalidSkipToken);
    }
}
