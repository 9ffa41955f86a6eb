//! A keep-alive HTTP/1.1 client over a plain socket: what it costs is the same for whichever server it asks.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// One connection.
pub struct Client {
    socket: BufReader<TcpStream>,
    authority: String,
    /// Lines of the head that every request carries.
    pub headers: String,
    /// What the last answer asked for.
    pub challenge: String,
    line: String,
}

impl Client {
    pub fn connect(authority: &str, token: &str) -> io::Result<Client> {
        Client::with(authority, format!("Authorization: Bearer {token}\r\n"))
    }

    pub fn with(authority: &str, headers: String) -> io::Result<Client> {
        let socket = TcpStream::connect(authority)?;
        socket.set_nodelay(true)?;
        Ok(Client {
            socket: BufReader::with_capacity(256 * 1024, socket),
            authority: authority.to_owned(),
            headers,
            challenge: String::new(),
            line: String::new(),
        })
    }

    /// The body of an answer, in a buffer that may be used again.
    pub fn get(&mut self, path: &str, body: &mut Vec<u8>) -> io::Result<()> {
        body.clear();
        self.stream(path, |bytes| body.extend_from_slice(bytes))
    }

    /// Hands the body on as it comes; anything but a 200 is an error.
    pub fn stream(&mut self, path: &str, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        let mut refusal = Vec::new();
        let status = self.send("GET", path, "", |status, bytes| {
            if status == 200 {
                take(bytes)
            } else {
                refusal.extend_from_slice(bytes)
            }
            Ok(())
        })?;
        if status == 200 {
            return Ok(());
        }
        Err(io::Error::other(format!("{status} for {path}: {}", String::from_utf8_lossy(&refusal))))
    }

    /// Any request, with a body of JSON where there is one; the status. An error of `take` leaves the connection in the
    /// middle of the answer: it is of no more use.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
        mut take: impl FnMut(u16, &[u8]) -> io::Result<()>,
    ) -> io::Result<u16> {
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{}User-Agent: bench\r\n", self.authority, self.headers);
        if !body.is_empty() {
            request += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        }
        request += "\r\n";
        request += body;
        self.socket.get_mut().write_all(request.as_bytes())?;
        let status = self.line()?.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status: u16 = status.ok_or_else(|| io::Error::other("no status line"))?;
        let mut length = None;
        self.challenge.clear();
        loop {
            let line = self.line()?.to_owned();
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok();
            } else if name.eq_ignore_ascii_case("www-authenticate") {
                value.trim().clone_into(&mut self.challenge);
            }
        }
        let mut sink = |bytes: &[u8]| take(status, bytes);
        match length {
            Some(length) => self.exactly(length, &mut sink)?,
            None => self.chunks(&mut sink)?,
        }
        Ok(status)
    }

    fn chunks(&mut self, sink: &mut impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        loop {
            let size = usize::from_str_radix(self.line()?, 16).map_err(io::Error::other)?;
            self.exactly(size, sink)?;
            self.line()?;
            if size == 0 {
                return Ok(());
            }
        }
    }

    fn exactly(&mut self, mut left: usize, sink: &mut impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        while left > 0 {
            let there = self.socket.fill_buf()?;
            let n = there.len().min(left);
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            sink(&there[..n])?;
            self.socket.consume(n);
            left -= n;
        }
        Ok(())
    }

    fn line(&mut self) -> io::Result<&str> {
        self.line.clear();
        if self.socket.by_ref().take(64 * 1024).read_line(&mut self.line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(self.line.trim_end())
    }
}
