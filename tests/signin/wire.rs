//! A TCP connection that stays open, and the messages of NTLM as `ntlmclient` makes them.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ntlmclient::{ChallengeMessage, Credentials, Flags, Message, NegotiateMessage, TargetInfoType};

pub struct Wire {
    stream: TcpStream,
    /// Bytes that came behind the last answer.
    ahead: Vec<u8>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn all(&self, name: &str) -> Vec<&str> {
        let found = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).collect()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The token of a challenge, which stands alone.
    pub fn token(&self) -> Vec<u8> {
        let lines = self.all("WWW-Authenticate");
        assert_eq!((self.status, lines.len(), self.body.len()), (401, 1, 0), "{lines:?} {}", self.text());
        STANDARD.decode(lines[0].split_once(' ').expect("a token").1).expect("base64")
    }

    /// 401 with everything that is offered.
    pub fn is_list(&self) -> bool {
        let offered = ["Negotiate", "NTLM", "Bearer", "Basic realm=\"timetracker\""];
        self.status == 401 && self.all("WWW-Authenticate") == offered
    }
}

impl Wire {
    pub fn open(to: SocketAddr) -> Wire {
        let stream = TcpStream::connect(to).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
        Wire { stream, ahead: Vec::new() }
    }

    pub fn get(&mut self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", target, headers, b"")
    }

    pub fn ask(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_ask(method, target, headers, body).unwrap_or_else(|error| panic!("{method} {target}: {error}"))
    }

    pub fn try_ask(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
        self.send(&request("HTTP/1.1", method, target, headers, body))?;
        self.receive()
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub fn receive(&mut self) -> io::Result<Answer> {
        let mut bytes = std::mem::take(&mut self.ahead);
        loop {
            if let Some((answer, taken)) = read(&bytes)? {
                self.ahead = bytes.split_off(taken);
                return Ok(answer);
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => bytes.extend_from_slice(&chunk[..n]),
            }
        }
    }

    /// Whether the server has closed it.
    pub fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0; 1]), Ok(0) | Err(_))
    }

    /// A message under a scheme.
    pub fn leg(&mut self, target: &str, scheme: &str, message: &[u8]) -> Answer {
        self.get(target, &[("Authorization", &header(scheme, message))])
    }

    /// The whole handshake.
    pub fn sign_in(&mut self, target: &str, scheme: &str, who: (&str, &str, &str)) -> Answer {
        let challenge = self.leg(target, scheme, &negotiate()).token();
        self.leg(target, scheme, &authenticate(&challenge, who))
    }
}

pub fn request(version: &str, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {target} {version}\r\nHost: timeledger.test\r\n");
    if !body.is_empty() || method == "POST" {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    [text.as_bytes(), body].concat()
}

/// An answer and its length in bytes; nothing while it is not whole.
fn read(bytes: &[u8]) -> io::Result<Option<(Answer, usize)>> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(start) = head.parse(bytes).map_err(io::Error::other)? else { return Ok(None) };
    let headers: Vec<(String, String)> = head
        .headers
        .iter()
        .map(|field| (field.name.to_owned(), String::from_utf8_lossy(field.value).into_owned()))
        .collect();
    let mut answer = Answer { status: head.code.unwrap_or_default(), headers, body: Vec::new() };
    if let Some(length) = answer.all("Content-Length").first() {
        let end = start + length.parse::<usize>().map_err(io::Error::other)?;
        let Some(body) = bytes.get(start..end) else { return Ok(None) };
        answer.body = body.to_vec();
        return Ok(Some((answer, end)));
    }
    if answer.all("Transfer-Encoding").is_empty() {
        return Ok(Some((answer, start)));
    }
    let mut at = start;
    loop {
        let Ok(httparse::Status::Complete((digits, length))) = httparse::parse_chunk_size(&bytes[at..]) else {
            return Ok(None);
        };
        let (from, length) = (at + digits, usize::try_from(length).map_err(io::Error::other)?);
        let Some(chunk) = bytes.get(from..from + length) else { return Ok(None) };
        if bytes.len() < from + length + 2 {
            return Ok(None);
        }
        answer.body.extend_from_slice(chunk);
        at = from + length + 2;
        if length == 0 {
            return Ok(Some((answer, at)));
        }
    }
}

pub fn header(scheme: &str, message: &[u8]) -> String {
    format!("{scheme} {}", STANDARD.encode(message))
}

const FLAGS: Flags = Flags::NEGOTIATE_UNICODE.union(Flags::REQUEST_TARGET).union(Flags::NEGOTIATE_NTLM);

pub fn negotiate() -> Vec<u8> {
    let message = NegotiateMessage {
        flags: FLAGS,
        supplied_domain: String::new(),
        supplied_workstation: "WS".to_owned(),
        os_version: Default::default(),
    };
    Message::Negotiate(message).to_bytes().expect("a message")
}

pub fn challenge(bytes: &[u8]) -> ChallengeMessage {
    match Message::try_from(bytes).expect("a message") {
        Message::Challenge(challenge) => challenge,
        other => panic!("no challenge: {other:?}"),
    }
}

pub fn credentials((domain, user, password): (&str, &str, &str)) -> Credentials {
    Credentials { username: user.to_owned(), password: password.to_owned(), domain: domain.to_owned() }
}

/// The answer to a challenge, with the time that the server named.
pub fn authenticate(bytes: &[u8], who: (&str, &str, &str)) -> Vec<u8> {
    authenticate_at(bytes, who, 0)
}

/// As if the client's clock went `later` by so many units of 100 ns.
pub fn authenticate_at(bytes: &[u8], who: (&str, &str, &str), later: i64) -> Vec<u8> {
    let challenge = challenge(bytes);
    let info: Vec<u8> = challenge.target_information.iter().flat_map(|entry| entry.to_bytes()).collect();
    let time = challenge.target_information.iter().find(|entry| entry.entry_type == TargetInfoType::Timestamp);
    let time = time.and_then(|entry| Some(i64::from_le_bytes(entry.data.as_slice().try_into().ok()?)));
    let credentials = credentials(who);
    let response = ntlmclient::respond_challenge_ntlm_v2(
        challenge.challenge,
        &info,
        time.expect("a time in the challenge") + later,
        &credentials,
    );
    let flags = Flags::NEGOTIATE_UNICODE | Flags::NEGOTIATE_NTLM;
    response.to_message(&credentials, "WS", flags).to_bytes().expect("a message")
}
