//! Settings of mail: `[mail]` (UX-71).

use std::net::IpAddr;

use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};

use super::Secret;

/// The server through which notices are mailed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// Name or address of a mail server (SMTP). Empty: nothing is mailed.
    pub server: String,
    /// 0: 587 with `starttls`, 465 with `tls`, 25 with `none`.
    pub port: u16,
    /// `starttls`: begun in the open, then encrypted, or not sent. `tls`: encrypted from the start. `none`: in the open.
    pub tls: MailTls,
    /// With which name to sign in there. Empty: without.
    pub user: String,
    /// The password of `mail.user`. Never sent in the open but to this machine itself.
    pub password: Secret,
    /// From whom mails come: `time@example.com`, or `Timeledger <time@example.com>`.
    pub from: String,
    /// Seconds that the server has for a mail, from 1 to 60.
    pub timeout: u64,
}

impl Default for Mail {
    fn default() -> Mail {
        Mail {
            server: String::new(),
            port: 0,
            tls: MailTls::Starttls,
            user: String::new(),
            password: Secret::default(),
            from: String::new(),
            timeout: 30,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    #[default]
    Starttls,
    Tls,
    None,
}

impl Mail {
    pub fn port(&self) -> u16 {
        match (self.port, self.tls) {
            (0, MailTls::Starttls) => 587,
            (0, MailTls::Tls) => 465,
            (0, MailTls::None) => 25,
            (port, _) => port,
        }
    }

    /// Whether the server is this machine.
    fn is_loopback(&self) -> bool {
        let address: Option<IpAddr> = self.server.parse().ok();
        self.server.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback())
    }
}

/// Rules that types do not say: the key at fault and why.
pub(super) fn check(mail: &Mail, public_url: &str) -> Result<(), (&'static str, String)> {
    if mail.server.is_empty() {
        return Ok(());
    }
    if mail.server.contains(|letter: char| letter.is_whitespace() || letter.is_control() || "/@[]".contains(letter)) {
        return Err(("mail.server", format!("`{}` is no name of a server; the port is mail.port", mail.server)));
    }
    if mail.from.parse::<Mailbox>().is_err() || mail.from.chars().any(char::is_control) {
        return Err(("mail.from", format!("`{}` is no address such as time@example.com", mail.from)));
    }
    if mail.user.is_empty() != mail.password.is_empty() {
        return Err(("mail.user", "mail.user and mail.password belong together".to_owned()));
    }
    if mail.tls == MailTls::None && !mail.password.is_empty() && !mail.is_loopback() {
        return Err(("mail.tls", "a password is not sent in the open; set starttls or tls".to_owned()));
    }
    // A mail is in one server's hand for two minutes.
    if !(1..=60).contains(&mail.timeout) {
        return Err(("mail.timeout", "it must be from 1 to 60".to_owned()));
    }
    if public_url.is_empty() {
        return Err((
            "server.public_url",
            "mails hold links to this server; set the address that people use".to_owned(),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_sent_safely_is_refused() {
        let good = Mail { server: "mail.example.com".into(), from: "T <time@example.com>".into(), ..Mail::default() };
        let signed_in = |server: &str, tls| Mail {
            server: server.into(),
            user: "t".into(),
            password: Secret::new("p"),
            tls,
            ..good.clone()
        };
        let key = |mail: &Mail| check(mail, "https://time.example.com").err().map(|(key, _)| key);
        assert_eq!(key(&Mail::default()), None);
        assert_eq!(check(&good, "").err().map(|(key, _)| key), Some("server.public_url"));
        let cases = [
            (good.clone(), None),
            (signed_in("mail.example.com", MailTls::Starttls), None),
            (signed_in("mail.example.com", MailTls::Tls), None),
            (signed_in("mail.example.com", MailTls::None), Some("mail.tls")),
            (signed_in("127.0.0.1.example.com", MailTls::None), Some("mail.tls")),
            (signed_in("10.0.0.1", MailTls::None), Some("mail.tls")),
            (signed_in("127.0.0.1", MailTls::None), None),
            (signed_in("::1", MailTls::None), None),
            (signed_in("LOCALHOST", MailTls::None), None),
            (Mail { tls: MailTls::None, ..good.clone() }, None),
            (Mail { user: "t".into(), ..good.clone() }, Some("mail.user")),
            (Mail { password: Secret::new("p"), ..good.clone() }, Some("mail.user")),
            (Mail { from: String::new(), ..good.clone() }, Some("mail.from")),
            (Mail { from: "a@b.c\r\nBcc: x@y.z".into(), ..good.clone() }, Some("mail.from")),
            (Mail { timeout: 0, ..good.clone() }, Some("mail.timeout")),
            (Mail { timeout: 61, ..good.clone() }, Some("mail.timeout")),
            (Mail { server: "mail.example.com/x".into(), ..good.clone() }, Some("mail.server")),
        ];
        for (mail, expected) in cases {
            assert_eq!(key(&mail), expected, "{mail:?}");
        }
        let port = |tls, port| Mail { tls, port, ..good.clone() }.port();
        let ports = [port(MailTls::Starttls, 0), port(MailTls::Tls, 0), port(MailTls::None, 0), port(MailTls::Tls, 26)];
        assert_eq!(ports, [587, 465, 25, 26]);
    }
}
