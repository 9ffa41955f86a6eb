//! A relay between a server and PostgreSQL that counts round trips: times at which the server spoke after it had listened.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::Builder;

use crate::Failure;

/// The count of all connections.
pub struct Relay(Arc<AtomicU32>);

impl Relay {
    /// Listens for the database of this address; gives the address to use in its place.
    pub fn start(url: &str) -> Result<(Relay, String), Failure> {
        let (before, rest) = url.split_once("://").ok_or("no address of a database")?;
        let (authority, path) = rest.split_once('/').ok_or("the address names no database")?;
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:5432") };
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let at = if user.is_empty() { String::new() } else { format!("{user}@") };
        let through = format!("{before}://{at}{}/{path}", listener.local_addr()?);
        let count = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&count);
        Builder::new().name("relay".into()).spawn(move || {
            for server in listener.incoming().flatten() {
                // A connection that fails is one that the server misses, too.
                let _ = join(server, &host, &counted);
            }
        })?;
        Ok((Relay(count), through))
    }

    pub fn round_trips(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

fn join(server: TcpStream, host: &str, count: &Arc<AtomicU32>) -> io::Result<()> {
    let database = TcpStream::connect(host)?;
    server.set_nodelay(true)?;
    database.set_nodelay(true)?;
    let answered = Arc::new(AtomicBool::new(true));
    let (asks, counted) = (Arc::clone(&answered), Arc::clone(count));
    pump(server.try_clone()?, database.try_clone()?, move || {
        if asks.swap(false, Ordering::SeqCst) {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    })?;
    pump(database, server, move || answered.store(true, Ordering::SeqCst))
}

fn pump(mut from: TcpStream, mut to: TcpStream, seen: impl Fn() + Send + 'static) -> io::Result<()> {
    let copy = move || {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = from.read(&mut bytes) {
            seen();
            if to.write_all(&bytes[..n]).is_err() {
                break;
            }
        }
        // Either may be closed already.
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    };
    Builder::new().name("pump".into()).spawn(copy)?;
    Ok(())
}
