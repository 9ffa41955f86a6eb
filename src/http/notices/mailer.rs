//! A mail to a mail server (SMTP: RFC 5321; the message: RFC 5322; the way out of it: RFC 2369, RFC 8058).
//!
//! In: a claimed mail. Out: it was taken, or why not. Connections are kept for some seconds and used again. The password goes
//! to the server alone.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use actix_web::rt::time::timeout;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{AsyncSmtpTransport, AsyncSmtpTransportBuilder, Error, PoolConfig};
use lettre::{Address, AsyncTransport, Message, Tokio1Executor};

use crate::config::{Config, ConfigError, MailTls};
use crate::domain::notices::mails::{Failure, Mail};
use crate::domain::notices::texts::{mail as written, text};
use crate::domain::notices::unsubscribe;
use crate::sql::Instant;

/// For which a connection that nobody needs is kept.
const IDLE: Duration = Duration::from_secs(20);

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// The way to the mail server. It belongs to the runtime in which it was made.
pub struct Mailer {
    /// With its connections; made anew after a failure. One that was left in the middle of a mail would be used again, and
    /// take the late answer to that mail for one to the next.
    transport: Mutex<Transport>,
    builder: AsyncSmtpTransportBuilder,
    from: Mailbox,
    /// The address of this server, for links.
    site: String,
    /// For a mail to be taken, or a greeting to come.
    longest: Duration,
}

/// Why a mail was not taken.
#[derive(Debug)]
pub struct NotSent {
    /// In words that name nobody.
    pub outline: &'static str,
    /// With what the server said.
    pub reason: String,
    pub kind: Failure,
}

impl NotSent {
    fn new(outline: &'static str, reason: impl ToString) -> NotSent {
        NotSent { outline, reason: reason.to_string(), kind: Failure::Passing }
    }
}

/// What servers say of a recipient or a mail (RFC 5321 §4.2.3). Other refusals are of the session: a wrong password, a
/// greeting that turns everybody away.
const FINAL: [&str; 5] = ["550", "551", "552", "553", "556"];

impl From<Error> for NotSent {
    fn from(error: Error) -> NotSent {
        let outline = match &error {
            error if error.is_permanent() => "the mail server refuses it",
            error if error.is_transient() => "the mail server wants it later",
            error if error.is_tls() => "no TLS with the mail server",
            error if error.is_response() => "the mail server says what is no SMTP",
            error if error.is_client() => "the mail server lacks what is needed",
            _ => "the mail server is not reached",
        };
        let is_final = error.status().is_some_and(|code| FINAL.contains(&code.to_string().as_str()));
        let kind = if is_final { Failure::Final } else { Failure::Passing };
        NotSent { kind, ..NotSent::new(outline, error) }
    }
}

impl Mailer {
    /// As configured; nothing where mail is off. Within a runtime.
    pub fn of(config: &Config) -> Result<Option<Mailer>, ConfigError> {
        let knobs = &config.mail;
        if knobs.server.is_empty() {
            return Ok(None);
        }
        let from: Mailbox = knobs.from.parse().map_err(|error| ConfigError::value("mail.from", format!("{error}")))?;
        let tls = || {
            let parameters = TlsParameters::new(knobs.server.clone());
            parameters.map_err(|error| ConfigError::value("mail.server", error.to_string()))
        };
        let longest = Duration::from_secs(knobs.timeout);
        let mut builder = Transport::builder_dangerous(&knobs.server)
            .port(knobs.port())
            .hello_name(ClientId::Domain(from.email.domain().to_owned()))
            // A server that is not there is told from one that is slow with a mail.
            .timeout(Some(longest / 2))
            .tls(match knobs.tls {
                MailTls::Starttls => Tls::Required(tls()?),
                MailTls::Tls => Tls::Wrapper(tls()?),
                MailTls::None => Tls::None,
            })
            .pool_config(PoolConfig::new().max_size(1).idle_timeout(IDLE));
        if !knobs.user.is_empty() {
            builder = builder.credentials(Credentials::new(knobs.user.clone(), knobs.password.expose().to_owned()));
        }
        let site = config.server.public_url.trim_end_matches('/').to_owned();
        let transport = Mutex::new(builder.clone().build());
        Ok(Some(Mailer { transport, builder, from, site, longest }))
    }

    fn transport(&self) -> Transport {
        self.transport.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn renew(&self) {
        *self.transport.lock().unwrap_or_else(PoisonError::into_inner) = self.builder.clone().build();
    }

    /// Whether the server greets, encrypts and signs in as configured. Nothing is sent.
    pub async fn reach(&self) -> Result<(), String> {
        match timeout(self.longest, self.transport().test_connection()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err("it closes the connection".to_owned()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("it says nothing for {} s", self.longest.as_secs())),
        }
    }

    /// Hands a mail to the server.
    pub(super) async fn send(&self, mail: &Mail, key: &[u8; 32], now: Instant) -> Result<(), NotSent> {
        let unfit = |failure| NotSent { kind: Failure::Final, ..failure };
        let message = self.message(mail, key, now).map_err(unfit)?;
        let sent = match timeout(self.longest, self.transport().send(message)).await {
            Ok(taken) => taken.map(drop).map_err(NotSent::from),
            Err(_) => {
                let reason = format!("the mail server took longer than {} s", self.longest.as_secs());
                Err(NotSent { kind: Failure::Unknown, ..NotSent::new("the mail server is too slow", reason) })
            }
        };
        if sent.is_err() {
            self.renew();
        }
        sent
    }

    fn message(&self, mail: &Mail, key: &[u8; 32], now: Instant) -> Result<Message, NotSent> {
        let address: Address = mail
            .address
            .parse()
            .map_err(|error| NotSent::new("the person's address is none", format!("no mail address: {error}")))?;
        let said = text(mail.kind, &mail.facts, mail.told_at);
        let link = format!("{}/unsubscribe?t={}", self.site, unsubscribe::made(key, mail.person, mail.kind));
        let name: String = mail.name.chars().filter(|letter| !letter.is_control()).collect();
        let body = written(&said, &name, &self.site, &link);
        let domain = self.from.email.domain();
        let builder = MessageBuilder::new()
            .from(self.from.clone())
            .to(Mailbox::new(Some(name), address))
            .date(SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(now.0).unwrap_or_default()))
            // The same however often it goes out, so that a reader shows it once.
            .message_id(Some(format!("<{}@{domain}>", mail.id)))
            .subject(said.subject)
            .raw_header(header("List-Unsubscribe", format!("<{link}>")))
            .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()))
            // RFC 3834: so that nobody's machine answers.
            .raw_header(header("Auto-Submitted", "auto-generated".to_owned()));
        let part = SinglePart::builder()
            .header(ContentType::TEXT_PLAIN)
            .header(ContentTransferEncoding::QuotedPrintable)
            .body(body);
        builder.singlepart(part).map_err(|error| NotSent::new("the mail cannot be written", error))
    }
}

/// Of ASCII without line ends: the address of this server, which the configuration has checked, and our own letters.
fn header(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), value.clone(), value)
}
