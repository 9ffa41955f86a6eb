//! How many handshakes wait for their last message (AU-33): in all, and from one address.
//!
//! Each has a [`Permit`] that gives its place back when it is dropped, with the handshake or the connection; a place whose
//! client has said nothing for a minute is free all the same.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::sql::Instant;

/// Microseconds until a challenge is dead.
pub const PATIENCE: i64 = 60_000_000;

/// Counts handshakes. Clones share the count.
#[derive(Clone, Debug)]
pub struct HalfOpen {
    most: usize,
    most_an_address: usize,
    table: Arc<Mutex<Table>>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    waiting: HashMap<u64, (Option<IpAddr>, Instant)>,
}

/// The place of one handshake.
#[derive(Debug)]
pub struct Permit {
    number: u64,
    table: Arc<Mutex<Table>>,
}

impl HalfOpen {
    pub fn new(most: usize, most_an_address: usize) -> HalfOpen {
        HalfOpen { most, most_an_address, table: Arc::default() }
    }

    /// A place, unless all are taken. Offices sit behind one address of IPv4, or one /64 of IPv6.
    pub fn permit(&self, from: Option<IpAddr>, now: Instant) -> Option<Permit> {
        let from = from.map(network);
        let mut table = lock(&self.table);
        let full = |table: &Table| {
            let beside = table.waiting.values().filter(|(address, _)| *address == from).count();
            table.waiting.len() >= self.most || beside >= self.most_an_address
        };
        if full(&table) {
            table.waiting.retain(|_, (_, since)| now.0 - since.0 < PATIENCE);
            if full(&table) {
                return None;
            }
        }
        let number = table.next;
        table.next += 1;
        table.waiting.insert(number, (from, now));
        Some(Permit { number, table: Arc::clone(&self.table) })
    }

    /// Handshakes that wait, those included whose minute is over.
    pub fn waiting(&self) -> usize {
        lock(&self.table).waiting.len()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        lock(&self.table).waiting.remove(&self.number);
    }
}

/// The address itself, or the first 64 bits of one of IPv6.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn au_33_places_are_bounded_and_come_back() {
        let half_open = HalfOpen::new(3, 2);
        let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        let first = half_open.permit(address("2001:db8::1"), Instant(0)).unwrap();
        let _second = half_open.permit(address("2001:db8::ffff"), Instant(1)).unwrap();
        assert!(half_open.permit(address("2001:db8::2"), Instant(2)).is_none(), "one /64 is one address");
        let _third = half_open.permit(address("10.0.0.1"), Instant(3)).unwrap();
        assert!(half_open.permit(address("::ffff:10.0.0.1"), Instant(4)).is_none(), "full");
        drop(first);
        let fourth = half_open.permit(address("10.0.0.1"), Instant(5)).unwrap();
        assert_eq!(half_open.waiting(), 3);
        // A minute later none of them counts, and dropping one takes no other's place.
        let _fifth = half_open.permit(address("10.0.0.1"), Instant(5 + PATIENCE)).unwrap();
        drop(fourth);
        assert_eq!(half_open.waiting(), 1);
    }
}
