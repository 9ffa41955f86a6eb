//! The link of a mail that ends further ones (RFC 8058): it names a person and a kind, and nobody but this site can make it.
//!
//! In: the site's own key for this purpose. Out: a text for a link, or whom and what such a text means. Nothing is kept of it,
//! and it is good for this alone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Kind;
use crate::sql::Guid;

/// What is signed begins with this, so that nothing else that the key may ever sign reads the same.
const PURPOSE: &[u8] = b"timeledger unsubscribe 1\n";

/// The text of a link: kind, person, and what proves the two.
pub fn made(key: &[u8; 32], person: Guid, kind: Kind) -> String {
    let named = format!("{}.{}", kind.name(), person.0.as_simple());
    let proof = mac(key, &named).map(|mac| URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())).unwrap_or_default();
    format!("{named}.{proof}")
}

/// Whom and what a text means, if this site made it.
pub fn read(key: &[u8; 32], text: &str) -> Option<(Guid, Kind)> {
    let (named, proof) = text.rsplit_once('.')?;
    let proof = URL_SAFE_NO_PAD.decode(proof).ok()?;
    mac(key, named)?.verify_slice(&proof).ok()?;
    let (kind, person) = named.split_once('.')?;
    Some((Guid(uuid::Uuid::try_parse(person).ok()?), Kind::of(kind)?))
}

fn mac(key: &[u8; 32], named: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(PURPOSE);
    mac.update(named.as_bytes());
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_as_it_was_made_alone() {
        let person = Guid(uuid::uuid!("00000000-0000-4000-8000-000000000004"));
        let text = made(&[7; 32], person, Kind::Guessed);
        assert_eq!(read(&[7; 32], &text), Some((person, Kind::Guessed)));
        assert_eq!(read(&[8; 32], &text), None);
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(read(&[7; 32], &String::from_utf8(changed).unwrap()), None, "{at}");
            assert_eq!(read(&[7; 32], &text[..at]), None, "{at}");
        }
        // Of another kind with the proof of this one.
        assert_eq!(read(&[7; 32], &text.replace("guessed", "grantReused")), None);
        assert_eq!(read(&[7; 32], &format!("{text}A")), None);
    }
}
