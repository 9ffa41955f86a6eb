//! `Authorization: Basic …`, whose password is the token (AU-15, wire contract §2).
//!
//! Excel and Power BI send `base64(":" + t)`, Excel users `base64("user:" + t)`, and a sample of the documentation the bare
//! token. The user name says nothing.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::tokens::Digest;

/// Clients differ in padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn token(text: &str) -> Option<Digest> {
    let decoded = LENIENT.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded.as_deref().and_then(|pair| pair.split_once(':')) {
        Some((_, password)) => Digest::recognise(password),
        None => Digest::recognise(text),
    }
}
