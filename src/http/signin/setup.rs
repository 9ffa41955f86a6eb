//! From the configuration to what signing in needs: domains, keys, the verifier, the hashes of TLS channels.

use std::net::IpAddr;
use std::path::Path;

use secrecy::SecretString;
use tokio::sync::Semaphore;

use super::lines::Lines;
use crate::auth::ntlm::{Demands, HalfOpen, LocalStore, Names, Spnego, Verifier, Winbind, certificate};
use crate::auth::outgoing::entra::Registration;
use crate::auth::outgoing::{Entra, Outgoing};
use crate::auth::throttle::{Attempt, Limits};
use crate::auth::vault::{Vault, VaultError};
use crate::auth::windows::Domains;
use crate::clock::Clock;
use crate::config::{self, ChannelBinding, Config, ConfigError, Mode, Network};
use crate::db::Db;
use crate::http::tls::Tls;
use crate::sql::Instant;

const SECOND: i64 = 1_000_000;

/// Answers that are verified at once. More wait in line, before the database's own queue, which turns away what it cannot
/// hold: an office that comes back from lunch signs in all the same.
const AT_ONCE: usize = 16;

/// Who says that a client is who it says.
#[derive(Debug)]
pub enum By {
    /// The handshake is ours, and its last message is verified.
    Claims(Box<dyn Verifier>),
    /// The handshake is the helper's.
    Tokens(Spnego),
}

/// What Windows sign-in needs, where it is set up.
#[derive(Debug)]
pub struct Windows {
    pub domains: Domains,
    pub names: Names,
    pub half_open: HalfOpen,
    pub demands: Demands,
    /// Absent where proxies alone say who is there.
    pub by: Option<By>,
    pub provision: config::Provision,
    /// Microseconds for which a connection stays signed in.
    pub lifetime: i64,
    pub turns: Semaphore,
    /// Those who try passwords of one account from one address.
    pub lines: Lines<Attempt>,
    binds_channels: bool,
    pinned: Vec<Network>,
    proxies: Vec<Network>,
}

impl Windows {
    /// As configured; nothing where it is off.
    pub fn of(config: &Config, db: &Db) -> Result<Option<Windows>, ConfigError> {
        let (auth, ntlm) = (&config.auth, &config.ntlm);
        let is_off = ntlm.verifier == config::Verifier::Off && auth.proxy_addresses.is_empty();
        if auth.mode == Mode::Cloud || is_off {
            return Ok(None);
        }
        let domains = domains(config)?;
        let by = match ntlm.verifier {
            config::Verifier::Off => None,
            config::Verifier::Winbind => Some(By::Claims(Box::new(Winbind::new(ntlm.command())))),
            config::Verifier::WinbindSpnego => Some(By::Tokens(Spnego::new(ntlm.command()))),
            config::Verifier::Local => {
                let vault = vault(config)?;
                if vault.is_empty() {
                    return Err(ConfigError::value("ntlm.verifier", format!("`local`: {}", VaultError::NoKey)));
                }
                Some(By::Claims(Box::new(LocalStore { db: db.clone(), vault, domains: domains.clone() })))
            }
        };
        let domain = if ntlm.domain.is_empty() { domains.first().unwrap_or_default() } else { &ntlm.domain };
        let names = Names {
            domain: domain.to_uppercase(),
            computer: ntlm.computer.to_uppercase(),
            dns_domain: ntlm.dns_domain.clone(),
            dns_computer: ntlm.dns_computer.clone(),
        };
        Ok(Some(Windows {
            names,
            half_open: HalfOpen::new(ntlm.max_half_open, ntlm.max_half_open_per_address),
            demands: demands(config)?,
            by,
            provision: auth.provision,
            lifetime: whole(ntlm.identity_minutes).saturating_mul(60 * SECOND),
            turns: Semaphore::new(AT_ONCE),
            lines: Lines::new(ntlm.max_half_open, ntlm.max_half_open_per_address),
            binds_channels: ntlm.channel_binding != ChannelBinding::Off,
            pinned: config::networks(&ntlm.pinned_proxies),
            proxies: config::networks(&auth.proxy_addresses),
            domains,
        }))
    }

    /// What is demanded at this moment: the channels of this server's own certificates count, too.
    pub(super) fn demanded(&self, tls: Option<&Tls>, now: Instant) -> Demands {
        let mut demands = self.demands.clone();
        if let Some(tls) = tls.filter(|_| self.binds_channels) {
            demands.channels.extend(tls.channels(now));
        }
        demands
    }

    /// Whether a proxy keeps one upstream connection for each client.
    pub(super) fn pinned(&self, peer: IpAddr) -> bool {
        self.pinned.iter().any(|network| network.contains(peer))
    }

    /// Whether a proxy's word on who is there counts.
    pub(super) fn believes(&self, peer: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(peer))
    }

    pub(super) fn has_proxies(&self) -> bool {
        !self.proxies.is_empty()
    }
}

/// The Windows domains of the configuration.
pub fn domains(config: &Config) -> Result<Domains, ConfigError> {
    let auth = &config.auth;
    Domains::new(&auth.windows_domains, &auth.default_domain)
        .map_err(|why| ConfigError::value("auth.windows_domains", why))
}

/// The keys of the configuration: of `auth.key`, or of the file, which nobody else may read.
pub fn vault(config: &Config) -> Result<Vault, ConfigError> {
    let auth = &config.auth;
    let of = |key: &str, text: &str| Vault::new(text).map_err(|error| ConfigError::value(key, error.to_string()));
    if auth.key_file.is_empty() {
        return of("auth.key", auth.key.expose());
    }
    let wrong = |why: String| ConfigError::value("auth.key_file", why);
    let path = Path::new(&auth.key_file);
    let file = path.metadata().map_err(|error| wrong(format!("{}: {error}", path.display())))?;
    if std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o077 != 0 {
        return Err(wrong(format!("{} may be read by others; chmod 600 it", path.display())));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(format!("{}: {error}", path.display())))?;
    of("auth.key_file", &text)
}

/// The credentials that this site shows elsewhere, and the way out.
pub fn outgoing(config: &Config, db: &Db, clock: &Clock) -> Result<Outgoing, ConfigError> {
    let knobs = &config.azure_devops;
    let registration = Registration {
        client_id: knobs.client_id.clone(),
        client_secret: SecretString::from(knobs.client_secret.expose().to_owned()),
        authority: knobs.authority.clone(),
        public_url: config.server.public_url.clone(),
    };
    let entra = if knobs.client_id.is_empty() {
        None
    } else {
        Some(Entra::new(&registration).map_err(|why| ConfigError::value("azure_devops.authority", why))?)
    };
    Outgoing::new(db.clone(), clock.clone(), vault(config)?, entra)
        .map_err(|why| ConfigError::value("azure_devops.authority", why))
}

/// How many sign-ins may fail (AU-90).
pub fn limits(config: &Config) -> Limits {
    let (auth, ntlm) = (&config.auth, &config.ntlm);
    let count = |figure: u32| i32::try_from(figure).unwrap_or(i32::MAX);
    Limits {
        pair: count(auth.pair_failures),
        address: count(auth.address_failures),
        account: count(auth.account_failures),
        domain: count(ntlm.domain_failures),
        window: whole(auth.failure_window).saturating_mul(SECOND),
    }
}

fn whole(figure: u64) -> i64 {
    i64::try_from(figure).unwrap_or(i64::MAX)
}

/// AU-24, AU-25.
fn demands(config: &Config) -> Result<Demands, ConfigError> {
    let ntlm = &config.ntlm;
    let mut channels = Vec::new();
    if ntlm.channel_binding != ChannelBinding::Off {
        for file in &ntlm.extra_certificates {
            let wrong = |why: String| ConfigError::value("ntlm.extra_certificates", format!("{file}: {why}"));
            let pem = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
            channels.push(certificate::channel_of(&pem).map_err(|why| wrong(why.to_string()))?);
        }
    }
    let require_channel = ntlm.channel_binding == ChannelBinding::Require;
    if require_channel && channels.is_empty() && config.tls.certificate.is_empty() {
        let why = "`require` needs tls.certificate, or the certificate of the TLS proxy in ntlm.extra_certificates";
        return Err(ConfigError::value("ntlm.channel_binding", why));
    }
    Ok(Demands {
        require_mic: ntlm.require_mic,
        max_skew: ntlm.max_skew.saturating_mul(10_000_000),
        channels,
        require_channel,
    })
}
