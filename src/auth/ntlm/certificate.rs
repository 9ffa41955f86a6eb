//! The TLS channel that a certificate makes (AU-25, RFC 5929 §4): for sites whose TLS ends in a proxy.
//!
//! In: a PEM file. Out: the hash that AV 10 carries, and the certificate's end. Of the certificate only these are read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::{Decode, Reader, SliceReader, Tag, Tagged};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::verify::channel;

/// A file that holds no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it begins with no certificate in PEM")]
pub struct NoCertificate;

/// The first certificate in a PEM text: that of the server itself.
fn first(pem: &str) -> Result<Vec<u8>, NoCertificate> {
    let (_, after) = pem.split_once("-----BEGIN CERTIFICATE-----").ok_or(NoCertificate)?;
    let (text, _) = after.split_once("-----END CERTIFICATE-----").ok_or(NoCertificate)?;
    let text: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(text).map_err(|_| NoCertificate)
}

/// The end of the first certificate in a PEM text, in seconds since 1970.
pub fn expires_at(pem: &str) -> Result<u64, NoCertificate> {
    let certificate = first(pem)?;
    not_after(&certificate).ok_or(NoCertificate)
}

/// `SEQUENCE { SEQUENCE { [0] version, serial, algorithm, issuer, SEQUENCE { notBefore, notAfter }, … }, … }`, the version
/// perhaps absent (RFC 5280 §4.1).
fn not_after(certificate: &[u8]) -> Option<u64> {
    let outer = AnyRef::from_der(certificate).ok()?;
    let signed = AnyRef::decode(&mut SliceReader::new(outer.value()).ok()?).ok()?;
    let mut members = SliceReader::new(signed.value()).ok()?;
    let first = AnyRef::decode(&mut members).ok()?;
    let before_validity = if first.tag() == Tag::Integer { 2 } else { 3 };
    for _ in 0..before_validity {
        AnyRef::decode(&mut members).ok()?;
    }
    let validity = AnyRef::decode(&mut members).ok()?;
    let mut times = SliceReader::new(validity.value()).ok()?;
    AnyRef::decode(&mut times).ok()?;
    let end = AnyRef::decode(&mut times).ok()?;
    let since_1970 = match end.tag() {
        Tag::UtcTime => end.decode_as::<UtcTime>().ok()?.to_unix_duration(),
        _ => end.decode_as::<GeneralizedTime>().ok()?.to_unix_duration(),
    };
    Some(since_1970.as_secs())
}

/// The channel of the first certificate in a PEM text.
pub fn channel_of(pem: &str) -> Result<[u8; 16], NoCertificate> {
    let certificate = first(pem)?;
    let algorithm = signature_algorithm(&certificate).ok_or(NoCertificate)?;
    Ok(match hash_of(&algorithm) {
        384 => channel(&Sha384::digest(&certificate)),
        512 => channel(&Sha512::digest(&certificate)),
        _ => channel(&Sha256::digest(&certificate)),
    })
}

/// `SEQUENCE { tbsCertificate, SEQUENCE { algorithm OID, … }, signature }`.
fn signature_algorithm(certificate: &[u8]) -> Option<Vec<u8>> {
    let outer = AnyRef::from_der(certificate).ok().filter(|outer| outer.tag() == Tag::Sequence)?;
    let mut members = SliceReader::new(outer.value()).ok()?;
    AnyRef::decode(&mut members).ok()?;
    let algorithm = AnyRef::decode(&mut members).ok().filter(|member| member.tag() == Tag::Sequence)?;
    let mut inside = SliceReader::new(algorithm.value()).ok()?;
    let oid = AnyRef::decode(&mut inside).ok().filter(|member| member.tag() == Tag::ObjectIdentifier)?;
    Some(oid.value().to_vec()).filter(|_| !members.is_finished())
}

/// Bits of the hash that the signature was made with. MD5 and SHA-1 count as SHA-256 by the RFC.
fn hash_of(algorithm: &[u8]) -> u32 {
    /// 1.2.840.113549.1.1 and 1.2.840.10045.4.3.
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
    match (algorithm.strip_prefix(RSA), algorithm.strip_prefix(ECDSA)) {
        (Some([12]), _) | (_, Some([3])) => 384,
        (Some([13]), _) | (_, Some([4])) => 512,
        _ => 256,
    }
}
