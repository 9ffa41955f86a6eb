//! Signatures by ring, for jsonwebtoken: RS256, PS256, ES256. Nothing is signed here.
//!
//! jsonwebtoken's own providers are the crate `rsa`, which leaks by timing (RUSTSEC-2023-0071), and aws-lc, which wants a C
//! tool chain.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use signature::Verifier;

/// Algorithms that are known here.
pub const KNOWN: [Algorithm; 3] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256];

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(Error::from(ErrorKind::UnsupportedAlgorithm)),
    verifier_factory: |algorithm, key| match algorithm {
        Algorithm::RS256 => rsa(*algorithm, key, &RSA_PKCS1_2048_8192_SHA256),
        Algorithm::PS256 => rsa(*algorithm, key, &RSA_PSS_2048_8192_SHA256),
        Algorithm::ES256 => ecdsa(*algorithm, key),
        _ => Err(Error::from(ErrorKind::UnsupportedAlgorithm)),
    },
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes this the process's provider. Again, it does nothing.
pub fn install() {
    let _ = PROVIDER.install_default();
}

fn rsa(
    algorithm: Algorithm,
    key: &DecodingKey,
    parameters: &'static RsaParameters,
) -> Result<Box<dyn JwtVerifier>, Error> {
    match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, e } => {
            Ok(Box::new(Rsa { algorithm, parameters, n: n.clone(), e: e.clone() }))
        }
        DecodingKeyKind::SecretOrDer(_) => Err(Error::from(ErrorKind::InvalidKeyFormat)),
    }
}

struct Rsa {
    algorithm: Algorithm,
    parameters: &'static RsaParameters,
    n: Vec<u8>,
    e: Vec<u8>,
}

impl Verifier<Vec<u8>> for Rsa {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let key = RsaPublicKeyComponents { n: &self.n, e: &self.e };
        key.verify(self.parameters, message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Rsa {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

fn ecdsa(algorithm: Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    Ok(Box::new(Ecdsa { algorithm, point: key.try_get_as_bytes()?.to_vec() }))
}

struct Ecdsa {
    algorithm: Algorithm,
    /// Uncompressed.
    point: Vec<u8>,
}

impl Verifier<Vec<u8>> for Ecdsa {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.point);
        key.verify(message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Ecdsa {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
