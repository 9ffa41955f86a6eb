//! TLS by rustls with ring (AU-91): 1.2 and 1.3, HTTP/1.1 alone, since the handshakes of Windows sign-in are a connection's.
//!
//! In: two PEM files. Out: what the listener needs, and the channels that its certificates make (AU-25). The files are read
//! anew when they change or SIGHUP comes: checked first, and kept as they were where they are no good. Connections that are
//! open keep their certificate, so that its channel counts for another day.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use actix_web::web::Data;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use tokio::signal::unix::{SignalKind, signal};

use super::App;
use crate::auth::ntlm::certificate;
use crate::config::{self, ConfigError};
use crate::sql::Instant;

/// Between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// For how long the channel of an old certificate counts, in microseconds.
const OLD_CHANNEL: i64 = 24 * 3_600_000_000;

/// The certificate of this server.
#[derive(Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Current>,
}

#[derive(Debug)]
struct Current {
    key: Arc<CertifiedKey>,
    channel: [u8; 16],
    /// Of certificates before this one, and until when they count.
    earlier: Vec<([u8; 16], Instant)>,
    stamp: Stamp,
}

/// When the files were last changed.
type Stamp = [Option<SystemTime>; 2];

impl Tls {
    /// As configured; nothing where it is off.
    pub fn of(knobs: &config::Tls) -> Result<Option<Arc<Tls>>, ConfigError> {
        if knobs.certificate.is_empty() {
            return Ok(None);
        }
        let (certificate, key) = (PathBuf::from(&knobs.certificate), PathBuf::from(&knobs.key));
        let stamp = stamp(&certificate, &key);
        let (certified, channel) =
            load(&certificate, &key).map_err(|(setting, why)| ConfigError::value(setting, why))?;
        let current = Current { key: certified, channel, earlier: Vec::new(), stamp };
        Ok(Some(Arc::new(Tls { certificate, key, current: RwLock::new(current) })))
    }

    /// What the listener needs.
    pub fn server_config(self: &Arc<Tls>) -> Result<ServerConfig, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// The channels that answers of Windows sign-in may be made for.
    pub fn channels(&self, now: Instant) -> Vec<[u8; 16]> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let earlier = current.earlier.iter().filter(|(_, until)| now < *until).map(|(channel, _)| *channel);
        earlier.chain([current.channel]).collect()
    }

    /// Takes the files as they are now, if they changed. What is no good changes nothing.
    fn renew(&self, now: Instant) {
        let stamp = stamp(&self.certificate, &self.key);
        if stamp == self.current.read().unwrap_or_else(PoisonError::into_inner).stamp {
            return;
        }
        // Handshakes do not wait for a disk.
        let loaded = load(&self.certificate, &self.key);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        match loaded {
            Ok((key, channel)) => {
                if channel != current.channel {
                    let earlier = (current.channel, Instant(now.0 + OLD_CHANNEL));
                    current.earlier.retain(|(_, until)| now < *until);
                    current.earlier.push(earlier);
                }
                (current.key, current.channel, current.stamp) = (key, channel, stamp);
                tracing::info!("the TLS certificate was renewed");
            }
            // Once a change: half-written files come right in a moment, and have another stamp then.
            Err((setting, why)) => {
                current.stamp = stamp;
                tracing::error!(setting, cause = %why, "the new TLS certificate is no good; the old one is kept");
            }
        }
    }
}

impl ResolvesServerCert for Tls {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).key))
    }
}

fn stamp(certificate: &PathBuf, key: &PathBuf) -> Stamp {
    [certificate, key].map(|file| file.metadata().and_then(|file| file.modified()).ok())
}

/// The setting at fault, and why.
type Fault = (&'static str, String);

/// The chain and its key, if they belong together; and the channel of its first certificate.
fn load(certificate: &PathBuf, key: &PathBuf) -> Result<(Arc<CertifiedKey>, [u8; 16]), Fault> {
    let of_certificate = |why: String| ("tls.certificate", format!("{}: {why}", certificate.display()));
    let of_key = |why: String| ("tls.key", format!("{}: {why}", key.display()));
    let pem = std::fs::read_to_string(certificate).map_err(|error| of_certificate(error.to_string()))?;
    let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let chain = chain.map_err(|error| of_certificate(error.to_string()))?;
    let channel = certificate::channel_of(&pem).map_err(|error| of_certificate(error.to_string()))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| of_key(error.to_string()))?;
    let signer = ring::sign::any_supported_type(&private).map_err(|error| of_key(error.to_string()))?;
    let certified = CertifiedKey::new(chain, signer);
    certified.keys_match().map_err(|_| of_key("it is not the key of the certificate".to_owned()))?;
    Ok((Arc::new(certified), channel))
}

/// Looks at the files at times, and at SIGHUP.
pub(super) async fn renew_at_times(app: Data<App>) {
    let Some(tls) = app.tls.clone() else { return };
    let Ok(mut hang_up) = signal(SignalKind::hangup()) else { return };
    loop {
        tokio::select! {
            _ = actix_web::rt::time::sleep(LOOK_EVERY) => {}
            _ = hang_up.recv() => {}
        }
        let (tls, now) = (Arc::clone(&tls), app.clock.now());
        // Reading files waits for a disk.
        let _ = actix_web::web::block(move || tls.renew(now)).await;
    }
}
