//! NTLM towards Azure DevOps Server: three messages and the request, over one connection that nothing else ever uses.
//!
//! In: an account, a request. Out: its answer. The proof belongs to the TCP connection, so that one is opened for each
//! request and closed behind it: no two credentials can ever share one (AU-60). HTTP/1.1; the first message goes without the
//! body.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{self, HeaderValue};
use hyper_util::rt::TokioIo;
use ntlmclient::{Credentials, Flags, Message, NegotiateMessage, TargetInfoType};
use oauth2::url::Position;
use reqwest::Url;
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::send::{LARGEST, Request, Response, Silence};
use crate::auth::outbound::told;
use crate::sql::Instant;

/// Letters of a challenge, at most.
const LONGEST_CHALLENGE: usize = 16 * 1024;
/// 1601 to 1970, in units of 100 ns.
const EPOCH: i64 = 116_444_736_000_000_000;
const FLAGS: Flags = Flags::NEGOTIATE_UNICODE.union(Flags::NEGOTIATE_NTLM);

/// A Windows account with its password.
pub(super) struct Account<'a> {
    domain: &'a str,
    user: &'a str,
    password: &'a SecretString,
}

impl<'a> Account<'a> {
    /// `DOMAIN\user`; without a domain the server takes its own.
    pub fn new(name: &'a str, password: &'a SecretString) -> Account<'a> {
        let (domain, user) = name.split_once('\\').unwrap_or(("", name));
        Account { domain, user, password }
    }
}

/// What is read and written: TCP, or TLS over it.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// One connection; it ends with this value.
struct Line {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn passing(error: impl std::error::Error) -> Silence {
    Silence::Passing(told(error))
}

fn refused(why: &str) -> Silence {
    Silence::Refused(why.to_owned())
}

/// Asks with the account's proof.
pub(super) async fn ask(
    tls: Arc<rustls::ClientConfig>,
    url: &Url,
    request: &Request,
    account: &Account<'_>,
    now: Instant,
) -> Result<Response, Silence> {
    let mut line = Line::open(tls, url).await?;
    let first = line.ask(url, request, &negotiate()?, Bytes::new()).await?;
    // What is answered before anybody is asked who this is, says nothing of the account.
    match first.status {
        401 => {}
        200..=299 => {
            let why = format!("it answers {} without asking who this is; is there a proxy?", first.status);
            return Err(Silence::Passing(why));
        }
        _ => return Ok(first),
    }
    let challenge = challenge(&first)?;
    let answer = answer(&challenge, account, now)?;
    line.ask(url, request, &answer, Bytes::from(request.body.clone())).await
}

impl Line {
    async fn open(tls: Arc<rustls::ClientConfig>, url: &Url) -> Result<Line, Silence> {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        let tcp = TcpStream::connect((host.as_str(), port)).await.map_err(passing)?;
        tcp.set_nodelay(true).map_err(passing)?;
        let stream: Box<dyn Stream> = if url.scheme() == "https" {
            let name = ServerName::try_from(host).map_err(passing)?;
            Box::new(TlsConnector::from(tls).connect(name, tcp).await.map_err(passing)?)
        } else {
            Box::new(tcp)
        };
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(passing)?;
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Line { sender, driver })
    }

    async fn ask(&mut self, url: &Url, request: &Request, message: &[u8], body: Bytes) -> Result<Response, Silence> {
        let closed =
            |_| Silence::Passing("it closes the connection in the middle of a handshake; is there a proxy?".to_owned());
        self.sender.ready().await.map_err(closed)?;
        let target = &url[Position::BeforePath..Position::AfterQuery];
        let host = &url[Position::BeforeHost..Position::AfterPort];
        let mut proof = HeaderValue::from_str(&format!("NTLM {}", STANDARD.encode(message))).map_err(passing)?;
        proof.set_sensitive(true);
        let mut sent = hyper::Request::builder()
            .method(request.method.clone())
            .uri(target)
            .header(header::HOST, host)
            .header(header::USER_AGENT, concat!("timeledger/", env!("CARGO_PKG_VERSION")))
            .header(header::ACCEPT, "application/json")
            .header(header::AUTHORIZATION, proof);
        if let Some(kind) = request.content_type {
            sent = sent.header(header::CONTENT_TYPE, kind);
        }
        let sent = sent.body(Full::new(body)).map_err(passing)?;
        read(self.sender.send_request(sent).await.map_err(passing)?).await
    }
}

/// An answer to its end: else the connection takes no further request.
async fn read(answer: hyper::Response<Incoming>) -> Result<Response, Silence> {
    let (head, body) = answer.into_parts();
    let whole = Limited::new(body, LARGEST).collect().await;
    let whole =
        whole.map_err(|error| Silence::Passing(format!("its answer breaks off, or is larger than 16 MiB: {error}")))?;
    Ok(Response { status: head.status.as_u16(), headers: head.headers, body: whole.to_bytes().to_vec() })
}

fn negotiate() -> Result<Vec<u8>, Silence> {
    let message = NegotiateMessage {
        flags: FLAGS | Flags::REQUEST_TARGET,
        supplied_domain: String::new(),
        supplied_workstation: String::new(),
        os_version: Default::default(),
    };
    Message::Negotiate(message).to_bytes().map_err(|_| refused("no message of NTLM can be made"))
}

/// The challenge of a first answer.
fn challenge(answer: &Response) -> Result<Vec<u8>, Silence> {
    let mut lines = answer.headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|line| line.to_str().ok());
    let token =
        lines.find_map(|line| line.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("ntlm ")).map(|_| &line[5..]));
    let token =
        token.filter(|token| token.len() <= LONGEST_CHALLENGE).and_then(|token| STANDARD.decode(token.trim()).ok());
    token.ok_or_else(|| refused("the server does not offer NTLM"))
}

/// The proof, at the time that the server named: its clock is the one that counts.
fn answer(challenge: &[u8], account: &Account<'_>, now: Instant) -> Result<Vec<u8>, Silence> {
    let unreadable = || refused("the server's challenge cannot be read");
    let Ok(Message::Challenge(challenge)) = Message::try_from(challenge) else { return Err(unreadable()) };
    let info: Vec<u8> = challenge.target_information.iter().flat_map(|entry| entry.to_bytes()).collect();
    let time = challenge.target_information.iter().find(|entry| entry.entry_type == TargetInfoType::Timestamp);
    let time = time.and_then(|entry| Some(i64::from_le_bytes(entry.data.as_slice().try_into().ok()?)));
    let credentials = Credentials {
        username: account.user.to_owned(),
        password: account.password.expose_secret().to_owned(),
        domain: account.domain.to_owned(),
    };
    let time = time.unwrap_or_else(|| now.0.saturating_mul(10).saturating_add(EPOCH));
    let proof = ntlmclient::respond_challenge_ntlm_v2(challenge.challenge, &info, time, &credentials);
    proof.to_message(&credentials, "", FLAGS).to_bytes().map_err(|_| unreadable())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server may send anything; the reading of a challenge never panics.
    #[test]
    fn what_is_no_challenge_is_refused() {
        let password = SecretString::from("Secret1");
        let account = Account::new("CORP\\ada", &password);
        let whole = {
            let hex = "4e544c4d53535000020000000800080038000000158289e20123456789abcdef000000000000000024002400400000000a0000000000000f\
                       43004f00520050000200080043004f00520050000100040054004c00070008000040ba19e05bdb0100000000";
            let digits: Vec<u32> = hex.chars().filter_map(|letter| letter.to_digit(16)).collect();
            digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect::<Vec<u8>>()
        };
        assert!(answer(&whole, &account, Instant(0)).is_ok());
        for cut in 0..whole.len() {
            let _ = answer(&whole[..cut], &account, Instant(0));
        }
        for at in 0..whole.len() {
            for value in [0, 1, 127, 128, 255] {
                let mut bent = whole.clone();
                bent[at] = value;
                let _ = answer(&bent, &account, Instant(0));
            }
        }
        assert!(answer(b"NTLMSSP\0", &account, Instant(0)).is_err() && answer(b"", &account, Instant(0)).is_err());
    }
}
