//! `Authorization: Bearer t` (RFC 6750).

use super::tokens::Digest;

pub(super) fn token(text: &str) -> Option<Digest> {
    Digest::recognise(text)
}
