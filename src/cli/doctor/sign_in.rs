//! What `doctor` looks at of signing in (AU-97): the certificate, keys, the helper, proxies, kept hashes, the audit.

use crate::auth::ntlm::{Claim, Denial, Spnego, Verifier, Winbind, Word, certificate, wire};
use crate::auth::{audit, sealed};
use crate::cli::doctor::Findings;
use crate::cli::failure::{Exit, Failure};
use crate::config::{self, Config, Mode};
use crate::db::Conn;
use crate::http::signin::{self, Browsers, Oidc};
use crate::http::tls::Tls;
use crate::sql::Instant;

/// The certificate of the server itself, and its end.
pub(super) fn tls(config: &Config, now: Instant, found: &mut Findings) {
    const DAY: i64 = 86_400;
    if config.tls.certificate.is_empty() {
        return;
    }
    if let Err(error) = Tls::of(&config.tls) {
        return found.fail("tls", error.into());
    }
    let end = std::fs::read_to_string(&config.tls.certificate).ok().and_then(|pem| certificate::expires_at(&pem).ok());
    let left = end.map(|end| i64::try_from(end).unwrap_or(i64::MAX) - now.0.div_euclid(1_000_000));
    match left {
        None => found.warn("tls", "the certificate does not say how long it is good", "look at it with openssl x509"),
        Some(left) if left <= 0 => {
            let (what, hint) = ("the TLS certificate has expired", "renew it; the server takes it without a restart");
            found.fail("tls", Failure::new(Exit::Data, what, format!("{} days ago", -left / DAY), hint));
        }
        Some(left) if left < 14 * DAY => {
            let fix = "renew it; the server takes it without a restart";
            found.warn("tls", format!("the certificate ends in {} days", left / DAY), fix);
        }
        Some(left) => found.ok("tls", format!("the certificate is good for {} days", left / DAY)),
    }
}

/// The OpenID provider must be there, with keys that would do.
pub(super) fn provider(config: &Config, found: &mut Findings) {
    let oidc = match Oidc::of(config) {
        Ok(None) => return,
        Ok(Some(oidc)) => oidc,
        Err(error) => return found.fail("oidc", error.into()),
    };
    match actix_web::rt::System::new().block_on(oidc.reach()) {
        Ok(keys) => found.ok("oidc", format!("{} has {keys} keys", config.oidc.issuer)),
        Err(why) => {
            let hint = "look at oidc.issuer: it must be what the provider's discovery document says";
            found.fail("oidc", Failure::new(Exit::Unreachable, "the OpenID provider's keys cannot be had", why, hint));
        }
    }
}

/// How people sign in with browsers.
pub(super) fn browsers(config: &Config, found: &mut Findings) {
    if config.server.public_url.starts_with("http:") && !config.server.public_url.starts_with("http://127.") {
        let fix = "set tls.certificate, or server.public_url to the https address of the proxy before this server";
        found.warn("browsers", "passwords and cookies go over plain http", fix);
    }
    match Browsers::of(config) {
        Err(error) => found.fail("browsers", error.into()),
        Ok(Some(_)) => found.ok("browsers", format!("people sign in at {}", config.oidc.issuer)),
        Ok(None) if config.auth.local_accounts => found.ok("browsers", "people sign in with passwords kept here"),
        Ok(None) => found.ok("browsers", "nobody signs in with a password or at a provider"),
    }
}

/// Whom a made-up answer names.
const NOBODY: &str = "timeledger-doctor";

/// What the configuration alone tells, and the helper.
pub(super) fn configuration(config: &Config, found: &mut Findings) {
    let (auth, ntlm) = (&config.auth, &config.ntlm);
    let proxies = [
        ("auth.proxy_addresses", &auth.proxy_addresses, "lets anybody say who they are"),
        ("ntlm.pinned_proxies", &ntlm.pinned_proxies, "lets clients share signed-in connections"),
    ];
    for (key, networks, what) in proxies {
        if let Some(wide) = networks.iter().find(|network| is_wide(network)) {
            found.warn("sign-in", format!("{key}: {wide} {what}"), "name the proxy's own address");
        }
    }
    if auth.mode == Mode::Cloud || ntlm.verifier == config::Verifier::Off {
        return found.ok("sign-in", "by tokens; Windows accounts are not offered");
    }
    let behind = config.server.trusted_proxies.iter().any(|network| !ntlm.pinned_proxies.contains(network));
    if behind {
        let fix = "name those that keep one connection for each client in ntlm.pinned_proxies";
        found.warn("sign-in", "Windows accounts are not offered through server.trusted_proxies", fix);
    }
    match ntlm.verifier {
        config::Verifier::Winbind => helper(claimed(&Winbind::new(ntlm.command())), found),
        config::Verifier::WinbindSpnego => helper(handshake(&Spnego::new(ntlm.command())), found),
        _ => found.warn(
            "sign-in",
            "hashes of Windows passwords are kept here; each is as good as its password",
            "a site with a domain sets ntlm.verifier to winbind",
        ),
    }
    match signin::domains(config) {
        Ok(domains) => found.ok("sign-in", format!("Windows accounts of {}", domains.first().unwrap_or("no domain"))),
        Err(error) => found.fail("sign-in", error.into()),
    }
}

/// Whether a network is more than a few machines: shorter than /16, or than /48.
fn is_wide(network: &str) -> bool {
    let bits = network.split_once('/').and_then(|(_, bits)| bits.parse::<u32>().ok());
    bits.is_some_and(|bits| bits < if network.contains(':') { 48 } else { 16 })
}

/// An answer that nobody's password makes, as a claim.
fn claimed(winbind: &Winbind) -> Result<(), Denial> {
    let claim = Claim { user: NOBODY, domain: "", server_challenge: [7; 8], nt: &[7; 64] };
    actix_web::rt::System::new().block_on(async { winbind.session_base_key(claim).await.map(drop) })
}

/// The same, at the end of a whole handshake.
fn handshake(helper: &Spnego) -> Result<(), Denial> {
    let nonsense = || Denial::Unavailable("it does not challenge".to_owned());
    actix_web::rt::System::new().block_on(async {
        let Word::Continue(challenge, dialogue) = helper.begin(&wire::greeting()).await? else {
            return Err(nonsense());
        };
        let answer = wire::made_up_answer(NOBODY, &challenge).ok_or_else(nonsense)?;
        dialogue.go_on(&answer, false).await.ok_or_else(nonsense)?.map(drop)
    })
}

/// The helper must run, and have refused an answer that nobody's password makes.
fn helper(verdict: Result<(), Denial>, found: &mut Findings) {
    match verdict {
        Err(Denial::Refused(why)) => {
            found.ok("winbind", format!("the helper runs and refuses a made-up answer: {why}"))
        }
        Err(denial) => {
            let hint = "install winbind, join the domain, put this program's user into the group winbindd_priv";
            let what = "the helper of ntlm.helper does not answer";
            found.fail("winbind", Failure::new(Exit::Unreachable, what, denial.to_string(), hint));
        }
        Ok(()) => {
            let (what, why) = ("the helper lets anybody in", "it took an answer that no password makes");
            found.fail("winbind", Failure::new(Exit::Data, what, why, "set ntlm.helper to ntlm_auth of winbind"));
        }
    }
}

/// What lies in the database: hashes that open, an audit that was not changed.
pub(super) fn database(config: &Config, conn: &mut Conn, found: &mut Findings) {
    for column in sealed::COLUMNS {
        kept(config, conn, column, found);
    }
    match audit::verify(conn) {
        Err(error) => found.fail("audit", error.into()),
        Ok(Ok(rows)) => found.ok("audit", format!("{rows} rows, none changed")),
        Ok(Err(id)) => {
            let (what, why) =
                ("the audit was changed", format!("row {id} is not what was written, or one before it is gone"));
            found.fail("audit", Failure::new(Exit::Data, what, why, "compare with a backup"));
        }
    }
}

/// Secrets must open with the keys that there are.
fn kept(config: &Config, conn: &mut Conn, column: &sealed::Column, found: &mut Findings) {
    let check = column.holds;
    let vault = match signin::vault(config) {
        Ok(vault) => vault,
        Err(error) => return found.fail(check, error.into()),
    };
    match column.opened(conn, &vault) {
        Err(error) => found.fail(check, error.into()),
        Ok((0, _)) => {}
        Ok((count, None)) => found.ok(check, format!("{count} are kept, and open")),
        Ok((_, Some(error))) => {
            let hint = "configure the key that it was sealed under, or set it anew";
            found.fail(check, Failure::new(Exit::Data, "a kept secret does not open", error.to_string(), hint));
        }
    }
}
