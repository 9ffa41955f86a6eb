//! `Authorization: Bearer t` (RFC 6750).

use super::Credential;
use super::tokens::{Digest, Kind};

/// A token of a person, or one that a paired client was given (AU-57).
pub(super) fn credential(text: &str) -> Option<Credential> {
    let digest = Digest::recognise(text)?;
    Some(if Kind::of(text) == Some(Kind::Access) { Credential::Access(digest) } else { Credential::Token(digest) })
}
