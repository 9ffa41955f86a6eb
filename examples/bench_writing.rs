//! What a write costs beside a bare INSERT: eight clients, 200 writes a second, through the server and straight into the table.
//!
//! ```text
//! cargo build --release && cargo run --release --example bench_writing -- --database postgres://…
//! ```
//!
//! Goes in: databases (without any, a SQLite file is made), filled by `timeledger seed` where they are empty. Comes out:
//! for the server (`POST /api/rest/workLogs` on kept connections, one person a client) and for the bare INSERT (the same
//! clients, each with a connection of the same driver, the same durability and the same row, in a transaction of its own) the rate,
//! p50, p99 and the slowest, in alternating rounds, and the ratio of the two p99. A time counts from the moment at which the
//! write was due, so that a stall is seen by all that had to wait for it.

#![allow(clippy::disallowed_methods, reason = "an example stands outside the rooms")]

#[allow(dead_code, reason = "shared with examples that read")]
#[path = "bench_reporting/client.rs"]
mod client;
#[allow(dead_code, reason = "shared with examples that watch the memory")]
#[path = "bench_reporting/process.rs"]
mod process;

use std::time::{Duration, Instant};

use clap::Parser;
use diesel::prelude::*;
use serde::Deserialize;
use timeledger::db::tables::worklogs;
use timeledger::db::{Conn, DatabaseUrl, Role};
use timeledger::domain::worklogs::Worklog;
use timeledger::on;
use timeledger::sql::{Guid, Instant as Moment};

use client::Client;
use process::Server;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures writes through the server beside bare INSERTs
#[derive(Debug, Parser)]
struct Args {
    /// A database to measure on, `sqlite:PATH` or `postgres://…`; several may be given
    #[arg(long, value_delimiter = ',', value_name = "URL")]
    database: Vec<String>,
    /// Work logs to make where a database is empty
    #[arg(long, default_value_t = 100_000)]
    worklogs: u64,
    #[arg(long, default_value_t = 8)]
    clients: u32,
    /// Writes a second, of all clients together
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Seconds of a round
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Rounds, in which server and bare INSERT take turns
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

/// The server's, so that it makes no difference between the two.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let folder = tempfile::tempdir()?;
    let mut databases = args.database.clone();
    if databases.is_empty() {
        databases.push(format!("sqlite:{}", folder.path().join("bench.db").display()));
    }
    println!("| database | writer | writes | per s | p50 ms | p99 ms | slowest ms |\n|---|---|---|---|---|---|---|");
    databases.iter().try_for_each(|url| measure(url, &args))
}

fn measure(url: &str, args: &Args) -> Result<(), Failure> {
    let database: DatabaseUrl = url.parse()?;
    process::run(&["migrate", "run", "--database", url])?;
    let mut conn = Conn::open(&database, Role::Migrator)?;
    if count(&mut conn)? == 0 {
        let logs = args.worklogs.to_string();
        process::run(&["seed", "--database", url, "--users", "50", "--work-items", "5000", "--worklogs", &logs])?;
    }
    let tokens = tokens(url, args.clients)?;
    let server = Server::start(&process::timeledger()?, &["serve", "--database", url], "/health/ready")?;
    let row: Worklog = on!(&mut conn, c => worklogs::table
        .filter(worklogs::deleted.eq(false).and(worklogs::work_item_id.is_not_null()))
        .first(c))?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    let before = count(&mut conn)?;
    for round in 0..=args.rounds {
        let served = paced(args, |n| {
            let mut client = Client::connect(&server.authority, &tokens[n])?;
            let item = row.work_item_id;
            Ok(move |moment| post(&mut client, item, moment))
        })?;
        let inserted = paced(args, |_| {
            let mut conn = Conn::open(&database, Role::Migrator)?;
            let row = row.clone();
            Ok(move |moment| insert(&mut conn, &row, moment))
        })?;
        // The first round warms both.
        if round > 0 {
            ours.extend(served);
            bare.extend(inserted);
        }
    }
    let made = count(&mut conn)? - before;
    let due = i64::from(args.rate * args.seconds * (args.rounds + 1)) * 2;
    if made != due {
        return Err(format!("{due} writes were acknowledged, and {made} rows came").into());
    }
    let name = if matches!(database, DatabaseUrl::Sqlite(_)) { "SQLite" } else { "PostgreSQL" };
    let took = f64::from(args.rounds * args.seconds);
    let ratio = report(name, "server", ours, took) / report(name, "bare INSERT", bare, took);
    println!("| {name} | ratio of p99 | | | | {ratio:.2} | |");
    Ok(())
}

/// Runs the writers of [`Args::clients`] at their common pace; how late each write was done, in turn.
fn paced<W>(args: &Args, writer: impl Fn(usize) -> Result<W, Failure> + Sync) -> Result<Vec<Duration>, Failure>
where
    W: FnMut(Moment) -> Result<(), Failure> + Send,
{
    let writes = args.rate * args.seconds / args.clients;
    let gap = Duration::from_secs(1) / args.rate;
    let began = Instant::now() + Duration::from_millis(200);
    let all = std::thread::scope(|scope| {
        let run = |n: u32| {
            let writer = &writer;
            scope.spawn(move || -> Result<Vec<Duration>, Failure> {
                let mut write = writer(n as usize)?;
                let mut times = Vec::with_capacity(writes as usize);
                for turn in 0..writes {
                    let due = began + gap * (turn * args.clients + n);
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    // 2023-03-01 and a minute a write: the clients' logs are as scattered as people's.
                    write(Moment(1_677_628_800_000_000 + i64::from(turn % 40_000) * 60_000_000))?;
                    times.push(due.elapsed());
                }
                Ok(times)
            })
        };
        let threads: Vec<_> = (0..args.clients).map(run).collect();
        threads.into_iter().map(|thread| thread.join().expect("a writer does not panic")).collect::<Result<Vec<_>, _>>()
    })?;
    Ok(all.into_iter().flatten().collect())
}

const COMMENT: &str = "written by the benchmark, as long as people's are";

fn post(client: &mut Client, item: Option<i32>, moment: Moment) -> Result<(), Failure> {
    let start = jiff::Timestamp::from_microsecond(moment.0)?.strftime("%Y-%m-%dT%H:%M:%S");
    let body =
        serde_json::json!({"timeStamp": start.to_string(), "length": 600, "comment": COMMENT, "workItemId": item});
    let mut answer = Vec::new();
    let status = client.send("POST", "/api/rest/workLogs?api-version=3.2", &body.to_string(), |_, bytes| {
        answer.extend_from_slice(bytes);
        Ok(())
    })?;
    if status == 200 { Ok(()) } else { Err(format!("{status}: {}", String::from_utf8_lossy(&answer)).into()) }
}

fn insert(conn: &mut Conn, row: &Worklog, moment: Moment) -> Result<(), Failure> {
    let row = Worklog {
        guid: Guid(uuid::Uuid::now_v7()),
        started_at: moment,
        work_date: moment.day(),
        comment: Some(COMMENT.to_owned()),
        ..row.clone()
    };
    on!(conn, c => diesel::insert_into(worklogs::table).values(&row).execute(c))?;
    Ok(())
}

fn count(conn: &mut Conn) -> Result<i64, Failure> {
    Ok(on!(conn, c => worklogs::table.count().get_result(c))?)
}

/// Tokens of people, one a client.
fn tokens(url: &str, clients: u32) -> Result<Vec<String>, Failure> {
    #[derive(Deserialize)]
    struct Person {
        #[serde(rename = "uniqueName")]
        unique_name: String,
    }
    let people: Vec<Person> = serde_json::from_str(&process::run(&["user", "list", "--database", url, "--json"])?)?;
    let token = |person: &Person| -> Result<String, Failure> {
        let made =
            process::run(&["token", "create", "--database", url, "--user", &person.unique_name, "--name", "bench"])?;
        Ok(made.trim().to_owned())
    };
    people.iter().cycle().take(clients as usize).map(token).collect()
}

/// Prints a row of the table; p99 in milliseconds.
fn report(database: &str, writer: &str, mut times: Vec<Duration>, seconds: f64) -> f64 {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)].as_secs_f64() * 1000.0;
    let (p99, rate) = (at(99), times.len() as f64 / seconds);
    println!("| {database} | {writer} | {} | {rate:.0} | {:.2} | {p99:.2} | {:.2} |", times.len(), at(50), at(100));
    p99
}
