//! The TLS channel that a certificate makes (AU-25, RFC 5929 §4): for sites whose TLS ends in a proxy.
//!
//! In: a PEM file. Out: the hash that AV 10 carries. Of the certificate only the algorithm of its signature is read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use der::{Decode, Reader, SliceReader, Tag, Tagged, asn1::AnyRef};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::verify::channel;

/// A file that holds no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it begins with no certificate in PEM")]
pub struct NoCertificate;

/// The channel of the first certificate in a PEM text: that of the server itself.
pub fn channel_of(pem: &str) -> Result<[u8; 16], NoCertificate> {
    let (_, after) = pem.split_once("-----BEGIN CERTIFICATE-----").ok_or(NoCertificate)?;
    let (text, _) = after.split_once("-----END CERTIFICATE-----").ok_or(NoCertificate)?;
    let text: String = text.split_ascii_whitespace().collect();
    let certificate = STANDARD.decode(text).map_err(|_| NoCertificate)?;
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
