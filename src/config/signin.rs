//! Settings of signing in: `[auth]` and `[ntlm]` (AU-1, AU-6, AU-7, AU-25, AU-33, AU-42, AU-90).

use serde::{Deserialize, Serialize};

use super::{Network, Secret};

/// Who is let in, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// `cloud`: no Windows sign-in, whatever else is set. `on_prem`: no pairing by PIN. `mixed`: all that is set up is offered.
    pub mode: Mode,
    /// Keys of what is kept sealed, 32 bytes in base64, also as `NUMBER:BASE64`; the first seals. Also `TIMELEDGER_KEY`.
    pub key: Secret,
    /// A file with such keys, readable by its owner alone.
    pub key_file: String,
    /// Windows domains that are let in: `CORP=corp.example.com`, one entry a DNS name, or `CORP` alone.
    pub windows_domains: Vec<String>,
    /// The domain of Windows names that come without one. Empty: they are refused.
    pub default_domain: String,
    /// What becomes of an account that nobody is yet: `deny`, `none_role`, `default_role`.
    pub provision: Provision,
    /// Networks of proxies that say in a header who has signed in. They must take that header away from what clients send.
    pub proxy_addresses: Vec<String>,
    /// That header.
    pub proxy_header: String,
    /// A header in which such a proxy also sends `auth.proxy_secret`, so that nobody else on its machine is believed. Empty: none.
    pub proxy_secret_header: String,
    /// What stands in it, at least 16 characters.
    pub proxy_secret: Secret,
    /// Sign-ins of one account that may fail from one address in the window; then both together wait 30 s, doubling to 15 min.
    pub pair_failures: u32,
    /// Sign-ins that may fail from one address in the window.
    pub address_failures: u32,
    /// Sign-ins of one account that may fail in an hour before addresses that it never came from wait a second.
    pub account_failures: u32,
    /// The window, in seconds.
    pub failure_window: u64,
    /// Accounts with passwords that this server keeps, for people in browsers: `user link` makes one.
    pub local_accounts: bool,
    /// API tokens may also come as `access_token` in the address of a report or an export, for clients that can send no header.
    /// Proxies' logs and browsers' histories hold such addresses.
    pub query_tokens: bool,
    /// Minutes without a request after which a browser is signed out.
    pub session_idle_minutes: u64,
    /// Days after which a browser must sign in again.
    pub session_days: u64,
}

impl Default for Auth {
    fn default() -> Auth {
        Auth {
            mode: Mode::Mixed,
            key: Secret::default(),
            key_file: String::new(),
            windows_domains: Vec::new(),
            default_domain: String::new(),
            provision: Provision::DefaultRole,
            proxy_addresses: Vec::new(),
            proxy_header: "X-Remote-User".to_owned(),
            proxy_secret_header: String::new(),
            proxy_secret: Secret::default(),
            pair_failures: 5,
            address_failures: 100,
            account_failures: 50,
            failure_window: 900,
            local_accounts: true,
            query_tokens: false,
            session_idle_minutes: 8 * 60,
            session_days: 14,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Cloud,
    OnPrem,
    #[default]
    Mixed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provision {
    Deny,
    NoneRole,
    #[default]
    DefaultRole,
}

/// Sign-in with Windows accounts, by NTLM and Negotiate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ntlm {
    /// Who knows the passwords: `off`, `winbind` (the domain, by the helper), `winbind_spnego` (the same, with Kerberos tickets),
    /// `local` (`user windows-password`).
    pub verifier: Verifier,
    /// The helper's program and arguments. Empty: `ntlm_auth` with the protocol that the verifier speaks.
    pub helper: Vec<String>,
    /// NetBIOS name of the domain that challenges name. Empty: the first of `auth.windows_domains`.
    pub domain: String,
    /// NetBIOS name of this computer, as challenges name it.
    pub computer: String,
    pub dns_domain: String,
    pub dns_computer: String,
    /// Refuse clients that send no MIC, as curl, httpntlm and ntlmclient do.
    pub require_mic: bool,
    /// Seconds that a client's clock may differ.
    pub max_skew: u64,
    /// Whether an answer must be made for this server's TLS: `off`, `if_sent`, `require`. Plain http has nothing to compare.
    pub channel_binding: ChannelBinding,
    /// Certificates (PEM files) of TLS proxies before this server, for the channel.
    pub extra_certificates: Vec<String>,
    /// Proxies that keep one upstream connection for each client, as nginx with `ntlm` does. Through all others there is no
    /// NTLM.
    pub pinned_proxies: Vec<String>,
    /// Handshakes that may wait for their last message, in all and from one address.
    pub max_half_open: usize,
    pub max_half_open_per_address: usize,
    /// Minutes for which a connection stays signed in.
    pub identity_minutes: u64,
    /// Sign-ins of one account that may fail from one address before the domain, which may lock the account, is no longer
    /// asked.
    pub domain_failures: u32,
}

impl Default for Ntlm {
    fn default() -> Ntlm {
        Ntlm {
            verifier: Verifier::Off,
            helper: Vec::new(),
            domain: String::new(),
            computer: "TIMELEDGER".to_owned(),
            dns_domain: String::new(),
            dns_computer: String::new(),
            require_mic: false,
            max_skew: 1_800,
            channel_binding: ChannelBinding::IfSent,
            extra_certificates: Vec::new(),
            pinned_proxies: Vec::new(),
            max_half_open: 1_024,
            max_half_open_per_address: 256,
            identity_minutes: 60,
            domain_failures: 3,
        }
    }
}

impl Ntlm {
    /// The helper's program and arguments, as set or as usual.
    pub fn command(&self) -> Vec<String> {
        if !self.helper.is_empty() {
            return self.helper.clone();
        }
        let protocol = if self.verifier == Verifier::WinbindSpnego { "gss-spnego" } else { "ntlm-server-1" };
        vec!["ntlm_auth".to_owned(), format!("--helper-protocol={protocol}")]
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verifier {
    #[default]
    Off,
    Winbind,
    WinbindSpnego,
    Local,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelBinding {
    Off,
    #[default]
    IfSent,
    Require,
}

/// Sign-in with an OpenID provider: Entra ID, or any other (AU-50 to AU-54).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Oidc {
    /// The provider, as its discovery document names it, such as `https://login.microsoftonline.com/TENANT/v2.0`. Empty: none.
    pub issuer: String,
    /// Access tokens must be made for one of these: a client id, `api://…`, the address of this server.
    pub audiences: Vec<String>,
    /// Of Entra ID: tenants that are let in beside that of the issuer.
    pub tenants: Vec<String>,
    /// Signatures that count: `RS256`, `PS256`, `ES256`.
    pub algorithms: Vec<String>,
    /// Values of the claims `groups` and `roles`, each with its role: `GROUP=Administrator`. The highest wins, at each token.
    pub roles: Vec<String>,
    /// What becomes of somebody who is nobody yet: `deny`, `none_role`, `default_role`.
    pub provision: Provision,
    /// Where Power BI's organizational account is sent. Empty: as the provider says.
    pub authorization_uri: String,
    /// This server, as the provider knows it, for people in browsers; its redirect address there is
    /// `{server.public_url}/signin/oidc/callback`. Empty: nobody signs in with a browser there.
    pub client_id: String,
    /// What the provider gave for it. Empty: a public client.
    pub client_secret: Secret,
    /// What browsers ask the provider for.
    pub scopes: Vec<String>,
    /// How the sign-in page calls the provider.
    pub name: String,
}

impl Default for Oidc {
    fn default() -> Oidc {
        Oidc {
            issuer: String::new(),
            audiences: Vec::new(),
            tenants: Vec::new(),
            algorithms: ["RS256", "PS256", "ES256"].map(str::to_owned).to_vec(),
            roles: Vec::new(),
            provision: Provision::DefaultRole,
            authorization_uri: String::new(),
            client_id: String::new(),
            client_secret: Secret::default(),
            scopes: ["openid", "profile", "email"].map(str::to_owned).to_vec(),
            name: "your organization".to_owned(),
        }
    }
}

/// The networks of a list, as checked when the configuration was loaded.
pub fn networks(texts: &[String]) -> Vec<Network> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

/// Rules that types do not say: the key at fault and why.
pub(super) fn check(auth: &Auth, ntlm: &Ntlm) -> Result<(), (&'static str, String)> {
    for (key, list) in [("auth.proxy_addresses", &auth.proxy_addresses), ("ntlm.pinned_proxies", &ntlm.pinned_proxies)]
    {
        for text in list {
            text.parse::<Network>().map_err(|why| (key, why))?;
        }
    }
    if actix_web::http::header::HeaderName::try_from(&auth.proxy_header).is_err() {
        return Err(("auth.proxy_header", format!("`{}` is no name of a header", auth.proxy_header)));
    }
    if !auth.proxy_secret_header.is_empty() {
        if actix_web::http::header::HeaderName::try_from(&auth.proxy_secret_header).is_err() {
            let why = format!("`{}` is no name of a header", auth.proxy_secret_header);
            return Err(("auth.proxy_secret_header", why));
        }
        if auth.proxy_secret.expose().len() < 16 {
            return Err(("auth.proxy_secret", "it needs at least 16 characters".to_owned()));
        }
    }
    let least_one = [
        ("auth.pair_failures", u64::from(auth.pair_failures)),
        ("auth.address_failures", auth.address_failures.into()),
        ("auth.account_failures", auth.account_failures.into()),
        ("auth.failure_window", auth.failure_window),
        ("auth.session_idle_minutes", auth.session_idle_minutes),
        ("auth.session_days", auth.session_days),
        ("ntlm.domain_failures", ntlm.domain_failures.into()),
        ("ntlm.identity_minutes", ntlm.identity_minutes),
        ("ntlm.max_half_open", ntlm.max_half_open as u64),
        ("ntlm.max_half_open_per_address", ntlm.max_half_open_per_address as u64),
    ];
    for (key, value) in least_one {
        if !(1..=i32::MAX as u64).contains(&value) {
            return Err((key, "it must be at least 1, and below 2147483648".to_owned()));
        }
    }
    // When a session was last used is written every five minutes.
    if auth.session_idle_minutes < 10 {
        return Err(("auth.session_idle_minutes", "it must be at least 10".to_owned()));
    }
    for (key, name) in [("ntlm.computer", &ntlm.computer), ("ntlm.domain", &ntlm.domain)] {
        if name.chars().count() > 15 {
            return Err((key, "a NetBIOS name has at most 15 letters".to_owned()));
        }
    }
    for (key, name) in [("ntlm.dns_domain", &ntlm.dns_domain), ("ntlm.dns_computer", &ntlm.dns_computer)] {
        if name.len() > 255 {
            return Err((key, "a DNS name has at most 255 letters".to_owned()));
        }
    }
    if ntlm.computer.is_empty() {
        return Err(("ntlm.computer", "challenges must name a computer".to_owned()));
    }
    if ntlm.verifier == Verifier::Off && auth.proxy_addresses.is_empty() {
        return Ok(());
    }
    if auth.windows_domains.is_empty() {
        return Err((
            "auth.windows_domains",
            "Windows sign-in needs a domain, such as CORP=corp.example.com".to_owned(),
        ));
    }
    if ntlm.verifier == Verifier::WinbindSpnego && ntlm.channel_binding == ChannelBinding::Require {
        let why = "nobody compares the channel of Kerberos tickets; `winbind_spnego` goes with `if_sent`, `winbind` with `require`";
        return Err(("ntlm.channel_binding", why.to_owned()));
    }
    Ok(())
}
