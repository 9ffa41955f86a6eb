//! Clients that walk, export and give up half-way, beside writers that insert and delete, for as long as it is told.
//!
//! ```text
//! cargo build --release && cargo run --release --example load_walks -- --database sqlite:bench.db --seconds 600
//! ```
//!
//! Goes in: a seeded database. Comes out: requests by kind and status with their median and slowest percentile, the
//! server's anonymous memory minute by minute, and whether each walk was complete: every row that nobody touched exactly
//! once (OD-113). Writers touch only rows of their own, which their comment tells apart.

#[path = "bench_reporting/client.rs"]
mod client;
#[allow(dead_code, reason = "shared with examples that watch the processor")]
#[path = "bench_reporting/process.rs"]
mod process;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use serde::Deserialize;

use client::Client;
use process::Server;

type Failure = Box<dyn std::error::Error>;

/// Loads a server with walks, exports, cancelled exports, small queries and writes
#[derive(Debug, Parser)]
struct Args {
    /// A seeded database, `sqlite:PATH` or `postgres://…`
    #[arg(long, value_name = "URL")]
    database: String,
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    #[arg(long, default_value_t = 64)]
    clients: usize,
    #[arg(long, default_value_t = 2)]
    writers: usize,
}

/// Comments of the writers' rows begin so.
const OURS: &str = "load ";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Page,
    Export,
    Cancelled,
    Small,
    Write,
}

/// What all clients share.
struct Load<'a> {
    server: &'a Server,
    until: Instant,
    over: AtomicBool,
    /// Statuses and microseconds by kind.
    seen: Mutex<BTreeMap<(Kind, u16), Vec<u32>>>,
    /// Rows that nobody touches: how many, and the sum of their ids' hashes.
    still: (u64, u64),
    walks: AtomicUsize,
    troubles: Mutex<Vec<String>>,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    value: Vec<Log<'a>>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Log<'a> {
    #[serde(rename = "Id")]
    id: &'a str,
    #[serde(rename = "Comment", borrow)]
    comment: Option<Cow<'a, str>>,
}

/// Rows and the sum of their hashes: order and pages do not matter, a row too few or too many does.
#[derive(Default)]
struct Sum(u64, u64);

impl Sum {
    fn add(&mut self, page: &Page) {
        for log in &page.value {
            if log.comment.as_deref().is_some_and(|comment| comment.starts_with(OURS)) {
                continue;
            }
            self.0 += 1;
            self.1 = self.1.wrapping_add(u64::from(crc32fast::hash(log.id.as_bytes())));
        }
    }
}

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let url = args.database.as_str();
    process::run(&["migrate", "run", "--database", url])?;
    let tokens = tokens(url, args.clients + args.writers)?;
    let program = process::timeledger()?;
    let server = Server::start(&program, &["serve", "--database", url], "/health/ready")?;
    println!("ready after {:.0} ms, anonymous memory {:.1} MB", millis(server.ready), mb(server.anonymous()));
    let still = walk_once(&server, &tokens[0])?;
    println!("{} rows that stay; anonymous memory after one walk {:.1} MB\n", still.0, mb(server.anonymous()));
    let load = Load {
        server: &server,
        until: Instant::now() + Duration::from_secs(args.seconds),
        over: AtomicBool::new(false),
        seen: Mutex::default(),
        still: (still.0, still.1),
        walks: AtomicUsize::new(0),
        troubles: Mutex::default(),
    };
    let watch = server.watch()?;
    std::thread::scope(|scope| {
        for (n, token) in tokens.iter().enumerate() {
            let load = &load;
            scope.spawn(move || load.client(n, token, args.clients));
        }
        let mut minute = 0;
        while Instant::now() < load.until {
            std::thread::sleep(Duration::from_secs(60).min(load.until.saturating_duration_since(Instant::now())));
            minute += 1;
            println!(
                "minute {minute}: anonymous memory {:.1} MB, peak {:.1} MB",
                mb(server.anonymous()),
                mb(watch.take())
            );
        }
        load.over.store(true, Ordering::Relaxed);
    });
    load.report();
    std::thread::sleep(Duration::from_secs(2));
    println!("\nanonymous memory 2 s after the last request: {:.1} MB", mb(server.anonymous()));
    Ok(())
}

/// Tokens of people who see every log, one a client.
fn tokens(url: &str, count: usize) -> Result<Vec<String>, Failure> {
    #[derive(Deserialize)]
    struct Person {
        #[serde(rename = "uniqueName")]
        unique_name: String,
        role: String,
    }
    let people: Vec<Person> = serde_json::from_str(&process::run(&["user", "list", "--database", url, "--json"])?)?;
    let all: Vec<Person> = people.into_iter().filter(|p| p.role == "Administrator" || p.role == "Budget").collect();
    let one = |n: usize| -> Result<String, Failure> {
        let person = all.get(n % all.len().max(1)).ok_or("the database has no administrator")?;
        let token =
            process::run(&["token", "create", "--database", url, "--user", &person.unique_name, "--name", "load"])?;
        Ok(token.trim().to_owned())
    };
    (0..count).map(one).collect()
}

const WALK: &str = "/api/odata/v4.0/Worklogs?$select=Id,Comment";

fn walk_once(server: &Server, token: &str) -> Result<Sum, Failure> {
    let mut client = Client::connect(&server.authority, token)?;
    let (mut next, mut sum, mut body) = (WALK.to_owned(), Sum::default(), Vec::new());
    loop {
        client.get(&next, &mut body)?;
        let page: Page = serde_json::from_slice(&body)?;
        sum.add(&page);
        match page.next.as_deref().and_then(path_of) {
            Some(link) => next = link.to_owned(),
            None => return Ok(sum),
        }
    }
}

/// The path of an absolute link.
fn path_of(link: &str) -> Option<&str> {
    link.find("/api/").map(|at| &link[at..])
}

impl Load<'_> {
    fn goes_on(&self) -> bool {
        Instant::now() < self.until && !self.over.load(Ordering::Relaxed)
    }

    fn client(&self, n: usize, token: &str, readers: usize) {
        let mut client = Caller { load: self, token, client: None };
        let mut round = n;
        while self.goes_on() {
            round += 1;
            let done = match (n >= readers, n % 4) {
                (true, _) => client.write(round),
                (false, 0) => client.walk(),
                (false, 1) => client.export(round),
                (false, 2) => client.give_up(round),
                (false, _) => client.small(round),
            };
            if let Err(trouble) = done {
                client.client = None;
                self.trouble(format!("client {n}: {trouble}"));
            }
        }
    }

    fn trouble(&self, what: String) {
        let mut troubles = self.troubles.lock().expect("no client panics");
        if troubles.len() < 20 {
            troubles.push(what);
        }
    }

    fn report(&self) {
        let mut seen = self.seen.lock().expect("no client panics");
        println!("\n| request | status | count | p50 ms | p99 ms |\n|---|---|---|---|---|");
        for ((kind, status), times) in seen.iter_mut() {
            times.sort_unstable();
            let at = |part: usize| f64::from(times[(times.len() * part / 100).min(times.len() - 1)]) / 1000.0;
            println!("| {kind:?} | {status} | {} | {:.1} | {:.1} |", times.len(), at(50), at(99));
        }
        println!("\ncomplete walks: {}", self.walks.load(Ordering::Relaxed));
        let troubles = self.troubles.lock().expect("no client panics");
        println!("troubles: {}", troubles.len());
        troubles.iter().for_each(|trouble| println!("  {trouble}"));
    }
}

/// One client with its connection.
struct Caller<'a> {
    load: &'a Load<'a>,
    token: &'a str,
    client: Option<Client>,
}

impl Caller<'_> {
    /// A request, repeated while the server is full; the body of its success.
    fn ask(&mut self, kind: Kind, method: &str, path: &str, body: &str, most: usize) -> io::Result<Vec<u8>> {
        loop {
            let mut answer = Vec::new();
            let began = Instant::now();
            let mut client = match self.client.take() {
                Some(client) => client,
                None => Client::connect(&self.load.server.authority, self.token)?,
            };
            let mut length = 0;
            let status = client.send(method, path, body, |_, bytes| {
                length += bytes.len();
                if kind == Kind::Cancelled && length > most {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                if kind != Kind::Export {
                    answer.extend_from_slice(bytes);
                }
                Ok(())
            });
            let status = match status {
                Err(gone) if gone.kind() == io::ErrorKind::Interrupted => 200,
                other => {
                    self.client = Some(client);
                    other?
                }
            };
            let took = u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX);
            self.load.seen.lock().expect("no client panics").entry((kind, status)).or_default().push(took);
            match status {
                200 => return Ok(answer),
                429 | 503 if self.load.goes_on() => std::thread::sleep(Duration::from_millis(200)),
                _ => {
                    return Err(io::Error::other(format!("{status} for {path}: {}", String::from_utf8_lossy(&answer))));
                }
            }
        }
    }

    fn walk(&mut self) -> Result<(), Failure> {
        let (mut next, mut sum) = (WALK.to_owned(), Sum::default());
        while self.load.goes_on() {
            let body = self.ask(Kind::Page, "GET", &next, "", 0)?;
            let page: Page = serde_json::from_slice(&body)?;
            sum.add(&page);
            let Some(link) = page.next.as_deref().and_then(path_of) else {
                if (sum.0, sum.1) != self.load.still {
                    return Err(format!("a walk saw {} rows of {}", sum.0, self.load.still.0).into());
                }
                self.load.walks.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            };
            next = link.to_owned();
        }
        Ok(())
    }

    fn export(&mut self, round: usize) -> Result<(), Failure> {
        let format = ["csv", "xlsx", "ndjson"][round % 3];
        let month = round % 12 + 1;
        let path = format!(
            "/api/odata/v4.0/Worklogs?$format={format}&$filter=year(Date)%20eq%202023%20and%20month(Date)%20eq%20{month}"
        );
        self.ask(Kind::Export, "GET", &path, "", 0)?;
        Ok(())
    }

    /// Asks for everything and leaves after a while.
    fn give_up(&mut self, round: usize) -> Result<(), Failure> {
        let path = "/api/odata/v3.3/workLogsOnly?$format=ndjson";
        self.ask(Kind::Cancelled, "GET", path, "", 50_000 * (round % 40 + 1))?;
        Ok(())
    }

    fn small(&mut self, round: usize) -> Result<(), Failure> {
        let item = round * 7919 % 40_000 + 1;
        let path = format!("/api/odata/v3.3/workLogsOnly?$top=10&$filter=WorkItemId%20eq%20{item}");
        self.ask(Kind::Small, "GET", &path, "", 0)?;
        Ok(())
    }

    /// Writes a log and deletes it again.
    fn write(&mut self, round: usize) -> Result<(), Failure> {
        #[derive(Deserialize)]
        struct Made {
            data: Row,
        }
        #[derive(Deserialize)]
        struct Row {
            id: String,
        }
        let (month, day) = (round % 12 + 1, round % 28 + 1);
        let body =
            format!(r#"{{"timeStamp":"2023-{month:02}-{day:02}T10:00:00","length":600,"comment":"{OURS}{round}"}}"#);
        let made = self.ask(Kind::Write, "POST", "/api/rest/workLogs?api-version=3.2", &body, 0)?;
        let made: Made = serde_json::from_slice(&made)?;
        self.ask(Kind::Write, "DELETE", &format!("/api/rest/workLogs/{}?api-version=3.2", made.data.id), "", 0)?;
        Ok(())
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn mb(kilobytes: u64) -> f64 {
    kilobytes as f64 / 1024.0
}
