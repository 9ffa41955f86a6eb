//! A plain HTTP/1.1 client: one request a connection, any bytes as its target, answers taken as they are.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use serde_json::Value;

/// The host that every request names, so that the links of two servers are equal.
pub const HOST: &str = "timeledger.test";

/// What a browser or `requests` would encode; `%`, `+` and the marks of OData stay as the test writes them.
const ENCODED: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{').add(b'|').add(b'}');

#[derive(Clone, Debug)]
pub struct Request {
    method: &'static str,
    target: Vec<u8>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// `target` may hold blanks and letters of any kind; they are encoded.
    pub fn get(target: &str) -> Request {
        Request::raw(percent_encode(target.as_bytes(), ENCODED).to_string().as_bytes())
    }

    /// The very bytes between `GET ` and ` HTTP/1.1`.
    pub fn raw(target: &[u8]) -> Request {
        Request { method: "GET", target: target.to_vec(), headers: Vec::new(), body: Vec::new() }
    }

    pub fn post(target: &str, content_type: &str, body: &[u8]) -> Request {
        let request = Request { method: "POST", body: body.to_vec(), ..Request::get(target) };
        request.header("Content-Type", content_type)
    }

    pub fn method(self, method: &'static str) -> Request {
        Request { method, ..self }
    }

    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn bearer(self, token: &str) -> Request {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub fn send(&self, to: SocketAddr) -> Reply {
        let sent = match self.try_send(to) {
            // Of thousands of connections to one port, loopback has refused one while the server ran; nothing was sent.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => self.try_send(to),
            sent => sent,
        };
        sent.unwrap_or_else(|error| panic!("{}: {error}", self.shown()))
    }

    /// An error is a connection that broke or said something other than HTTP.
    pub fn try_send(&self, to: SocketAddr) -> io::Result<Reply> {
        let mut stream = TcpStream::connect(to)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        let head: Vec<u8> = self.head();
        let mut writer = stream.try_clone()?;
        // Beside the reading: a server may answer, and close, before it took all of a large body.
        std::thread::scope(|scope| {
            scope.spawn(move || writer.write_all(&head).and_then(|()| writer.write_all(&self.body)));
            let mut bytes = Vec::new();
            let end = stream.read_to_end(&mut bytes);
            if bytes.is_empty() {
                end?;
            }
            Reply::read(&bytes, self.method == "HEAD")
        })
    }

    fn head(&self) -> Vec<u8> {
        let mut head = format!("{} ", self.method).into_bytes();
        head.extend_from_slice(&self.target);
        head.extend_from_slice(format!(" HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n").as_bytes());
        if !self.body.is_empty() || self.method == "POST" {
            head.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        for (name, value) in &self.headers {
            head.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        head.extend_from_slice(b"\r\n");
        head
    }

    pub fn shown(&self) -> String {
        let target = String::from_utf8_lossy(&self.target);
        format!("{} {}", self.method, target.chars().take(200).collect::<String>())
    }
}

#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    /// As they were sent, in their order.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether the body came to its announced end; false where the server cut it off (OD-155).
    pub complete: bool,
}

impl Reply {
    fn read(bytes: &[u8], no_body: bool) -> io::Result<Reply> {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Response::new(&mut fields);
        let start = match head.parse(bytes) {
            Ok(httparse::Status::Complete(start)) => start,
            Ok(httparse::Status::Partial) => return Err(io::Error::other("the head of the answer is cut off")),
            Err(error) => return Err(io::Error::other(error)),
        };
        let headers: Vec<_> = head
            .headers
            .iter()
            .map(|field| (field.name.to_owned(), String::from_utf8_lossy(field.value).into_owned()))
            .collect();
        let status = head.code.unwrap_or_default();
        let mut reply = Reply { status, headers, body: bytes[start..].to_vec(), complete: true };
        if no_body {
            return Ok(reply);
        }
        if reply.header("Transfer-Encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            (reply.body, reply.complete) = unchunked(&bytes[start..]);
        } else if let Some(length) = reply.header("Content-Length") {
            reply.complete = length.parse() == Ok(reply.body.len());
        }
        Ok(reply)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every line of that name.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("an answer in UTF-8")
    }

    /// For messages: whatever the bytes are.
    pub fn lossy(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    /// `error.code` of an OData error, or nothing.
    pub fn error_code(&self) -> String {
        let body: Option<Value> = serde_json::from_slice(&self.body).ok();
        body.and_then(|body| Some(body.pointer("/error/code")?.as_str()?.to_owned())).unwrap_or_default()
    }
}

/// The chunks joined, and whether the last one came.
fn unchunked(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Ok(httparse::Status::Complete((at, length))) = httparse::parse_chunk_size(bytes) {
        let length = usize::try_from(length).expect("a chunk that fits into memory");
        if length == 0 {
            return (body, true);
        }
        let Some(chunk) = bytes.get(at..at + length) else { break };
        body.extend_from_slice(chunk);
        bytes = bytes.get(at + length + 2..).unwrap_or_default();
    }
    (body, false)
}
