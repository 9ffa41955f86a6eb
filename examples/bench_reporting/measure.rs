//! Rounds: server and limit in turn, after a warm-up each, and the table of their medians.

use std::io;
use std::time::{Duration, Instant};

use super::client::Client;
use super::limit::Failure;
use super::process::{Server, Watch};
use super::works::{Facts, Work};

/// What is measured.
#[derive(Clone, Copy)]
pub struct Bench<'a> {
    pub server: &'a Server,
    pub limit: &'a Server,
    pub token: &'a str,
    pub facts: &'a Facts,
    pub rounds: usize,
}

/// One of the two.
#[derive(Clone, Copy)]
struct Side<'a> {
    bench: Bench<'a>,
    of: &'a Server,
    /// Of the server, not of the limit.
    ours: bool,
}

/// What one turn of a work gave.
struct Turn {
    /// The figure that is compared.
    time: Duration,
    /// A second one: the slowest percentile, or the last pages.
    other: Duration,
    /// A checksum of the rows, their bytes, and how many requests or rows there were.
    sum: u32,
    bytes: u64,
    count: u64,
}

/// Pages at either end of a download that are averaged.
const ENDS: usize = 50;
/// Connections of W7, and requests on each in a turn.
const CONNECTIONS: usize = 32;
const REQUESTS: usize = 250;

impl Bench<'_> {
    pub fn run(&self, only: &[String]) -> Result<(), Failure> {
        std::thread::sleep(Duration::from_secs(1));
        let idle = self.server.anonymous();
        let watch = self.server.watch()?;
        println!("| work | server ms | limit ms | ratio | aim | what | same | server peak, anonymous MB |");
        println!("|---|---|---|---|---|---|---|---|");
        for (name, work, aim) in LIST {
            if only.is_empty() || only.iter().any(|prefix| name.starts_with(prefix.as_str())) {
                self.compare(name, work, aim, &watch)?;
            }
        }
        println!();
        println!("anonymous memory idle after start: {:.1} MB", idle as f64 / 1024.0);
        println!("ready after start: {:.0} ms", millis(self.server.ready));
        Ok(())
    }

    fn compare(&self, name: &str, work: Work, aim: &str, watch: &Watch) -> Result<(), Failure> {
        let server = Side { bench: *self, of: self.server, ours: true };
        let limit = Side { bench: *self, of: self.limit, ours: false };
        watch.take();
        server.turn(work)?;
        limit.turn(work)?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            ours.push(server.turn(work)?);
            theirs.push(limit.turn(work)?);
        }
        let (mine, bare) = (median(&ours, |t| t.time), median(&theirs, |t| t.time));
        let same = match (ours.last(), theirs.last()) {
            (Some(a), Some(b)) if work == Work::Sheet => format!("{} and {} bytes", a.bytes, b.bytes),
            (Some(a), Some(b)) if (a.sum, a.bytes, a.count) == (b.sum, b.bytes, b.count) => "bytes".to_owned(),
            (Some(a), Some(b)) => format!("DIFFERENT: {}/{} and {}/{}", a.count, a.bytes, b.count, b.bytes),
            _ => String::new(),
        };
        let turn =
            ours.last().map(|t| describe(work, t, mine, median(&ours, |t| t.other), median(&theirs, |t| t.other)));
        println!(
            "| {name} | {:.3} | {:.3} | {:.2} | {aim} | {} | {same} | {:.1} |",
            millis(mine),
            millis(bare),
            mine.as_secs_f64() / bare.as_secs_f64(),
            turn.unwrap_or_default(),
            watch.take() as f64 / 1024.0
        );
        Ok(())
    }
}

const LIST: [(&str, Work, &str); 10] = [
    ("W1 logs of a user, half a year", Work::User, "1.5"),
    ("W2 with user and item, by date", Work::Expanded, "1.5"),
    ("W3 all, in pages", Work::Page, "1.6"),
    ("W3 all, one stream", Work::Stream, "1.4"),
    ("W4 by user and month", Work::Groups, "1.3"),
    ("W5 count", Work::Count, "1.3 + 0.2 ms"),
    ("W6 roll-up of all items", Work::Rollup, "1.3"),
    ("W6 one epic", Work::Epic, "1.3"),
    ("W7 ten rows, 32 connections", Work::Ten, "2"),
    ("W8 workbook of all rows", Work::Sheet, "1.3"),
];

fn describe(work: Work, turn: &Turn, time: Duration, other: Duration, limit_other: Duration) -> String {
    let rate = turn.count as f64 / time.as_secs_f64();
    match work {
        Work::Page => format!(
            "{} rows, {:.0}/s; last pages {:.2} of the first (limit {:.2})",
            turn.count,
            rate,
            other.as_secs_f64() / 1000.0,
            limit_other.as_secs_f64() / 1000.0
        ),
        Work::Stream | Work::Rollup => format!("{} rows, {rate:.0}/s, {:.1} MB", turn.count, turn.bytes as f64 / 1e6),
        Work::Ten => format!("{rate:.0} requests/s; p99 {:.1} ms (limit {:.1})", millis(other), millis(limit_other)),
        Work::Sheet => format!("{:.1} MB", turn.bytes as f64 / 1e6),
        _ => format!("p50 of {}, {} bytes", turn.count, turn.bytes),
    }
}

impl Side<'_> {
    fn turn(&self, work: Work) -> Result<Turn, Failure> {
        let mut client = Client::connect(&self.of.authority, self.bench.token)?;
        Ok(match work {
            Work::User | Work::Expanded => self.latency(&mut client, work, 20)?,
            Work::Groups => self.latency(&mut client, work, 3)?,
            Work::Count | Work::Epic => self.latency(&mut client, work, 50)?,
            Work::Page => self.pages(&mut client)?,
            Work::Stream | Work::Rollup | Work::Sheet => self.whole(&mut client, work)?,
            Work::Ten => self.load()?,
        })
    }

    fn address(&self, work: Work) -> String {
        if self.ours { work.address(self.bench.facts) } else { work.limit_address() }
    }

    /// The median of some requests, one after the other.
    fn latency(&self, client: &mut Client, work: Work, times: usize) -> io::Result<Turn> {
        let address = self.address(work);
        let mut body = Vec::new();
        let mut took = Vec::with_capacity(times);
        for _ in 0..times {
            let began = Instant::now();
            client.get(&address, &mut body)?;
            took.push(began.elapsed());
        }
        took.sort_unstable();
        let rows = if work == Work::Count { &body } else { rows(&body) };
        let (sum, bytes) = (crc32fast::hash(rows), rows.len() as u64);
        Ok(Turn { time: took[times / 2], other: Duration::ZERO, sum, bytes, count: times as u64 })
    }

    /// Every page, by its next link. `other` is the last pages' mean in thousandths of the first ones'.
    fn pages(&self, client: &mut Client) -> Result<Turn, Failure> {
        let mut next = self.address(Work::Page);
        let (mut body, mut took) = (Vec::new(), Vec::new());
        let (mut sum, mut bytes, mut count) = (crc32fast::Hasher::new(), 0, 0);
        while !next.is_empty() {
            let page = Instant::now();
            client.get(&next, &mut body)?;
            took.push(page.elapsed());
            let rows = rows(&body);
            if !rows.is_empty() {
                sum.update(rows);
                bytes += rows.len() as u64;
                count += logs(rows);
            }
            next = next_link(&body).unwrap_or_default();
        }
        // What this client does with the rows is nobody's time.
        let time = took.iter().sum();
        // The last page may be short.
        let full = took.len().saturating_sub(1);
        let ends = ENDS.min(full / 2).max(1);
        let first: Duration = took[..ends].iter().sum();
        let last: Duration = took[full.saturating_sub(ends)..full.max(1)].iter().sum();
        let other = Duration::from_secs_f64(1000.0 * last.as_secs_f64() / first.as_secs_f64());
        Ok(Turn { time, other, sum: sum.finalize(), bytes, count })
    }

    /// One long answer.
    fn whole(&self, client: &mut Client, work: Work) -> io::Result<Turn> {
        let (mut sum, mut bytes, mut count) = (crc32fast::Hasher::new(), 0, 0);
        let began = Instant::now();
        client.stream(&self.address(work), |chunk| {
            sum.update(chunk);
            bytes += chunk.len() as u64;
            if work != Work::Sheet {
                count += chunk.iter().filter(|b| **b == b'\n').count() as u64;
            }
        })?;
        Ok(Turn { time: began.elapsed(), other: Duration::ZERO, sum: sum.finalize(), bytes, count })
    }

    /// Small requests on many connections; the time is that of one request at the rate that was reached.
    fn load(&self) -> Result<Turn, Failure> {
        let address = if self.ours { self.address(Work::Ten) } else { format!("{}n=", self.address(Work::Ten)) };
        let items = &self.bench.facts.items;
        let began = Instant::now();
        let outcomes: Vec<io::Result<(Vec<Duration>, u32, u64)>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..CONNECTIONS)
                .map(|n| {
                    let address = &address;
                    scope.spawn(move || self.small(address, items, n))
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap_or_else(|_| Err(io::Error::other("a client died")))).collect()
        });
        let all = began.elapsed();
        let (mut took, mut sum, mut bytes) = (Vec::new(), 0_u32, 0);
        for outcome in outcomes {
            let (times, part, length) = outcome?;
            took.extend(times);
            sum = u32::wrapping_add(sum, part);
            bytes += length;
        }
        took.sort_unstable();
        let count = took.len();
        Ok(Turn { time: all / count as u32, other: took[count * 99 / 100], sum, bytes, count: 1 })
    }

    fn small(&self, address: &str, items: &[i64], n: usize) -> io::Result<(Vec<Duration>, u32, u64)> {
        let mut client = Client::connect(&self.of.authority, self.bench.token)?;
        let (mut body, mut took) = (Vec::new(), Vec::with_capacity(REQUESTS));
        let (mut sum, mut bytes) = (crc32fast::Hasher::new(), 0);
        for request in 0..REQUESTS {
            let item = items[(n * REQUESTS + request) % items.len()];
            let began = Instant::now();
            client.get(&format!("{address}{item}"), &mut body)?;
            took.push(began.elapsed());
            let rows = rows(&body);
            sum.update(rows);
            bytes += rows.len() as u64;
        }
        Ok((took, sum.finalize(), bytes))
    }
}

/// What stands between the brackets of `"value":[…]`.
fn rows(body: &[u8]) -> &[u8] {
    let start = find(body, b"\"value\":[").map_or(0, |at| at + 9);
    let tail = body.len().saturating_sub(4096).max(start);
    let end = find(&body[tail..], b"],\"@odata.nextLink\"").map(|at| tail + at);
    let end = end.or_else(|| body.iter().rposition(|b| *b == b']')).unwrap_or(body.len());
    &body[start..end.max(start)]
}

fn next_link(body: &[u8]) -> Option<String> {
    let tail = &body[body.len().saturating_sub(4096)..];
    let key = b"\"@odata.nextLink\":\"";
    let link = &tail[find(tail, key)? + key.len()..];
    let link = std::str::from_utf8(&link[..find(link, b"\"")?]).ok()?;
    // The path alone: the authority is known.
    let path = link.find("://").and_then(|at| link[at + 3..].find('/').map(|slash| at + 3 + slash)).unwrap_or(0);
    Some(link[path..].to_owned())
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// Rows of a page of work logs: each has one such member.
fn logs(rows: &[u8]) -> u64 {
    let mark = b"\"PeriodLength\":";
    rows.windows(mark.len()).filter(|window| *window == mark).count() as u64
}

fn median(turns: &[Turn], of: impl Fn(&Turn) -> Duration) -> Duration {
    let mut all: Vec<Duration> = turns.iter().map(of).collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
