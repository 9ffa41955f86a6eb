//! What it costs to check who asks: ten rows on 32 kept connections, by each credential and by a caller that needs none.
//!
//! ```text
//! cargo run --release --example bench_credentials -- --database sqlite:bench.db --database postgres://…
//! ```
//!
//! Goes in: databases (without any, a SQLite file is made), filled by `timeledger seed` where they are empty. Comes out: for
//! each credential of [`CREDENTIALS`] the requests a second, the server's processor time a request, and both as ratios
//! to the fixed caller of the same round, rounds in turn, medians; on PostgreSQL also the round trips a request, which a
//! relay between server and database counts. The servers are this program as a child: two, alike but for the caller.

#![allow(clippy::disallowed_methods, reason = "an example stands outside the rooms")]

#[allow(dead_code, reason = "shared with examples that write and stream")]
#[path = "bench_reporting/client.rs"]
mod client;
#[path = "bench_credentials/credentials.rs"]
mod credentials;
#[allow(dead_code, reason = "shared with examples that watch the memory")]
#[path = "bench_reporting/process.rs"]
mod process;
#[path = "bench_credentials/relay.rs"]
mod relay;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Barrier;
use std::time::Instant;

use clap::Parser;
use diesel::prelude::*;
use timeledger::auth::{self, Credential, Digest};
use timeledger::clock::Clock;
use timeledger::db::tables::worklogs;
use timeledger::db::{Conn, DatabaseUrl, Db, Options, Role};
use timeledger::http::{self, App};
use timeledger::on;
use timeledger::telemetry::Metrics;

use credentials::{CREDENTIALS, Known, Shown};
use process::Server;
use relay::Relay;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures what checking a credential costs
#[derive(Debug, Parser)]
struct Args {
    /// A database to measure on, `sqlite:PATH` or `postgres://…`; several may be given
    #[arg(long, value_delimiter = ',', value_name = "URL")]
    database: Vec<String>,
    /// Work logs to make where a database is empty
    #[arg(long, default_value_t = 100_000)]
    worklogs: u64,
    /// Rounds, in which all credentials take turns
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Requests on each connection in a turn
    #[arg(long, default_value_t = 500)]
    requests: usize,
    /// Be one of the servers, on this database
    #[arg(long, hide = true, requires = "listen")]
    serve: Option<String>,
    #[arg(long, hide = true)]
    listen: Option<String>,
    /// The token whose person is everybody
    #[arg(long, hide = true)]
    fixed: Option<String>,
}

/// The server's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    // The program itself, for what its commands do.
    if arguments.nth(1).is_some_and(|first| first == "program") {
        return timeledger::cli::run(std::iter::once("timeledger".into()).chain(arguments));
    }
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    if let (Some(url), Some(listen)) = (&args.serve, &args.listen) {
        return serve(url, listen, args.fixed.as_deref());
    }
    let folder = tempfile::tempdir()?;
    let mut databases = args.database.clone();
    if databases.is_empty() {
        databases.push(format!("sqlite:{}", folder.path().join("bench.db").display()));
    }
    databases.iter().try_for_each(|url| measure(url, args))
}

/// One of the servers: with a fixed caller, or as any.
fn serve(url: &str, listen: &str, fixed: Option<&str>) -> Result<(), Failure> {
    let url: DatabaseUrl = url.parse()?;
    let clock = Clock::system();
    let caller = match fixed {
        None => None,
        Some(token) => {
            let credential = Credential::Token(Digest::of(token));
            let admitted = auth::lookup(&mut Conn::open(&url, Role::Reader)?, credential, clock.now())?;
            Some(admitted.ok_or("the token is nobody's")?.caller)
        }
    };
    let app = App::new(credentials::config(), Db::open(Options::new(url)), clock, Metrics::new()?)?;
    let app = match caller {
        Some(caller) => app.with_fixed_caller(caller),
        None => app,
    };
    Ok(actix_web::rt::System::new().block_on(http::serve(app, TcpListener::bind(listen)?))?)
}

/// The servers of a database, and what is asked of them.
struct Bench<'a> {
    args: &'a Args,
    /// Each credential, its server, and how it is shown there.
    sides: Vec<(&'static str, Server, Shown)>,
    paths: Vec<String>,
}

/// What a turn gave: requests a second, and microseconds of the server's processors a request.
#[derive(Clone, Copy)]
struct Turn {
    rate: f64,
    cost: f64,
}

fn measure(url: &str, args: &Args) -> Result<(), Failure> {
    let database: DatabaseUrl = url.parse()?;
    fill(url, args.worklogs)?;
    let known = credentials::make(&mut Conn::open(&database, Role::Writer)?)?;
    let paths = paths(&mut Conn::open(&database, Role::Reader)?)?;
    let name = if matches!(database, DatabaseUrl::Sqlite(_)) { "SQLite" } else { "PostgreSQL" };
    let bench = Bench { args, sides: sides(url, &known)?, paths };
    println!("\n## {name}, {} rounds of {} requests\n", args.rounds, args.connections * args.requests);
    bench.compare()?;
    if matches!(database, DatabaseUrl::Postgres(_)) {
        println!("\n| credential | round trips a request |\n|---|---|");
        for (credential, trips) in bench.round_trips(url, &known)? {
            println!("| {credential} | {trips:.2} |");
        }
    }
    Ok(())
}

/// Two servers serve them all: the first of the table has the fixed caller.
fn sides(url: &str, known: &Known) -> Result<Vec<(&'static str, Server, Shown)>, Failure> {
    let me = std::env::current_exe()?;
    CREDENTIALS
        .iter()
        .map(|(name, shown)| {
            let shown = shown(known);
            let mut arguments = vec!["--serve", url];
            if matches!(shown, Shown::Nothing) {
                arguments.extend(["--fixed", &known.token]);
            }
            Ok((*name, Server::start(&me, &arguments, "/health/ready")?, shown))
        })
        .collect()
}

impl Bench<'_> {
    fn compare(&self) -> Result<(), Failure> {
        let mut turns: BTreeMap<&str, Vec<Turn>> = BTreeMap::new();
        for round in 0..=self.args.rounds {
            for place in 0..self.sides.len() {
                // Each begins a round in its turn.
                let (name, server, shown) = &self.sides[(place + round) % self.sides.len()];
                let turn = self.turn(server, shown)?;
                // The first round warms all.
                if round > 0 {
                    turns.entry(name).or_default().push(turn);
                }
            }
        }
        println!("| credential | requests/s | of the fixed caller's | server CPU µs | of the fixed caller's |");
        println!("|---|---|---|---|---|");
        let base = turns[self.sides[0].0].clone();
        for (name, ..) in &self.sides {
            let own = &turns[name];
            let ratio = |of: fn(&Turn) -> f64| median(own.iter().zip(&base).map(|(own, base)| of(own) / of(base)));
            println!(
                "| {name} | {:.0} | {:.3} | {:.1} | {:.3} |",
                median(own.iter().map(|turn| turn.rate)),
                ratio(|turn| turn.rate),
                median(own.iter().map(|turn| turn.cost)),
                ratio(|turn| turn.cost),
            );
        }
        Ok(())
    }

    /// Requests on all connections at once; they are open, and signed in, before the time begins.
    fn turn(&self, server: &Server, shown: &Shown) -> Result<Turn, Failure> {
        let (gate, args) = (Barrier::new(self.args.connections + 1), self.args);
        let (took, cost) = std::thread::scope(|scope| {
            let walk = |n: usize| {
                let gate = &gate;
                scope.spawn(move || -> Result<(), Failure> {
                    let client = shown.connect(&server.authority, &self.paths[0]);
                    gate.wait();
                    let (mut client, mut body) = (client?, Vec::new());
                    (0..args.requests).try_for_each(|request| {
                        let path = &self.paths[(n * args.requests + request) % self.paths.len()];
                        client.get(path, &mut body)
                    })?;
                    Ok(())
                })
            };
            let walks: Vec<_> = (0..args.connections).map(walk).collect();
            gate.wait();
            let (began, before) = (Instant::now(), server.processor_time());
            walks.into_iter().try_for_each(|walk| walk.join().map_err(|_| "a client died")?)?;
            Ok::<_, Failure>((began.elapsed(), server.processor_time() - before))
        })?;
        let count = (args.connections * args.requests) as f64;
        Ok(Turn { rate: count / took.as_secs_f64(), cost: cost.as_secs_f64() * 1e6 / count })
    }

    /// One request after the other, through the relay.
    fn round_trips(&self, url: &str, known: &Known) -> Result<Vec<(&'static str, f64)>, Failure> {
        const REQUESTS: u32 = 500;
        let (relay, through) = Relay::start(url)?;
        let sides = sides(&through, known)?;
        let count = |(name, server, shown): &(&'static str, Server, Shown)| -> Result<_, Failure> {
            let (mut client, mut body) = (shown.connect(&server.authority, &self.paths[0])?, Vec::new());
            // Prepared statements, the caller, the model: what the first requests need alone.
            (0..1_000).try_for_each(|n| client.get(&self.paths[n % self.paths.len()], &mut body))?;
            let before = relay.round_trips();
            (0..REQUESTS).try_for_each(|n| client.get(&self.paths[n as usize % self.paths.len()], &mut body))?;
            Ok((*name, f64::from(relay.round_trips() - before) / f64::from(REQUESTS)))
        };
        sides.iter().map(count).collect()
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Migrates, and fills what is empty.
fn fill(url: &str, worklogs: u64) -> Result<(), Failure> {
    program(&["migrate", "run", "--database", url])?;
    let mut conn = Conn::open(&url.parse()?, Role::Reader)?;
    let rows: i64 = on!(&mut conn, c => worklogs::table.count().get_result(c))?;
    if rows == 0 {
        let logs = worklogs.to_string();
        program(&["seed", "--database", url, "--users", "50", "--work-items", "5000", "--worklogs", &logs])?;
    }
    Ok(())
}

fn program(arguments: &[&str]) -> Result<(), Failure> {
    let status = std::process::Command::new(std::env::current_exe()?).arg("program").args(arguments).status()?;
    if status.success() { Ok(()) } else { Err(format!("timeledger {} failed", arguments.join(" ")).into()) }
}

/// W7 of `bench_reporting`: ten rows of a work item that has as many.
fn paths(conn: &mut Conn) -> Result<Vec<String>, Failure> {
    let of_items = worklogs::table.filter(worklogs::deleted.eq(false)).select(worklogs::work_item_id);
    let rows: Vec<Option<i32>> = on!(conn, c => of_items.limit(100_000).load(c))?;
    let mut counts: BTreeMap<i32, usize> = BTreeMap::new();
    rows.into_iter().flatten().for_each(|item| *counts.entry(item).or_default() += 1);
    let items = counts.into_iter().filter(|(_, count)| *count >= 10).take(2_000);
    let path = |item| format!("/api/odata/v3.3/workLogsOnly?$top=10&$filter=WorkItemId%20eq%20{item}");
    let paths: Vec<String> = items.map(|(item, _)| path(item)).collect();
    if paths.is_empty() { Err("no work item has ten logs".into()) } else { Ok(paths) }
}
