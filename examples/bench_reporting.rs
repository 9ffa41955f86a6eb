//! The works W1 to W8 of a reporting client, on the server and beside it on a hand-written limit, in one run.
//!
//! ```text
//! cargo build --release && cargo run --release --example bench_reporting -- --database postgres://…
//! ```
//!
//! Goes in: databases (without any, a SQLite file is made), filled by `timeledger seed` where they are empty. Comes out:
//! for each work the median of the server, that of the limit and their ratio, rounds alternating, and whether both
//! answered the same bytes; then the server's anonymous memory and its start. The limit is this program as a child: actix, the bare
//! driver, fixed SQL, JSON by hand; it knows nothing of ours but the schema. Only the ratios mean anything: the
//! machine's mood is in both.

#[path = "bench_reporting/client.rs"]
mod client;
#[path = "bench_reporting/json.rs"]
mod json;
#[path = "bench_reporting/limit.rs"]
mod limit;
#[path = "bench_reporting/measure.rs"]
mod measure;
#[path = "bench_reporting/postgres.rs"]
mod postgres;
#[allow(dead_code, reason = "shared with examples that watch the processor")]
#[path = "bench_reporting/process.rs"]
mod process;
#[path = "bench_reporting/sqlite.rs"]
mod sqlite;
#[path = "bench_reporting/works.rs"]
mod works;

use std::path::PathBuf;

use clap::Parser;

use limit::Failure;
use measure::Bench;
use process::Server;
use works::Facts;

/// Measures the reporting API beside a hand-written limit
#[derive(Debug, Parser)]
struct Args {
    /// A database to measure on, `sqlite:PATH` or `postgres://…`; several may be given
    #[arg(long, env = "BENCH_DATABASES", value_delimiter = ',', value_name = "URL")]
    database: Vec<String>,
    /// Work logs to make where a database is empty
    #[arg(long, default_value_t = 1_000_000)]
    worklogs: u64,
    /// Rounds, in which server and limit take turns
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Only the works whose names begin so: W1, W3
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<String>,
    /// Serve as the limit
    #[arg(long, hide = true, requires_all = ["facts", "listen"])]
    limit: Option<String>,
    #[arg(long, hide = true)]
    facts: Option<String>,
    #[arg(long, hide = true)]
    listen: Option<String>,
}

/// The server's, so that it makes no difference between the two.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    if let (Some(database), Some(facts), Some(listen)) = (&args.limit, &args.facts, &args.listen) {
        return serve_limit(database, serde_json::from_str(facts)?, listen);
    }
    let folder = tempfile::tempdir()?;
    let mut databases = args.database.clone();
    if !databases.iter().any(|url| url.starts_with("sqlite:")) && args.database.is_empty() {
        databases.push(format!("sqlite:{}", folder.path().join("bench.db").display()));
    }
    for url in &databases {
        measure(url, &args)?;
    }
    Ok(())
}

fn serve_limit(database: &str, facts: Facts, listen: &str) -> Result<(), Failure> {
    actix_web::rt::System::new().block_on(async {
        match database.strip_prefix("sqlite:") {
            Some(path) => limit::serve::<sqlite::Sqlite>(path.to_owned(), facts, listen).await,
            None => limit::serve::<postgres::Postgres>(database.to_owned(), facts, listen).await,
        }
    })
}

fn measure(url: &str, args: &Args) -> Result<(), Failure> {
    fill(url, args.worklogs)?;
    let facts = facts(url)?;
    let user = unique_name(url)?;
    let token = process::run(&["token", "create", "--database", url, "--user", &user, "--name", "bench"])?;
    let program = process::timeledger()?;
    // The first start may find the file cold.
    drop(Server::start(&program, &["serve", "--database", url], "/health/ready")?);
    let server = Server::start(&program, &["serve", "--database", url], "/health/ready")?;
    let me: PathBuf = std::env::current_exe()?;
    let text = serde_json::to_string(&facts)?;
    let limit = Server::start(&me, &["--limit", url, "--facts", &text], "/ready")?;
    let bench = Bench { server: &server, limit: &limit, token: token.trim(), facts: &facts, rounds: args.rounds };
    let name = if facts.postgres { "PostgreSQL" } else { "SQLite" };
    let rows = ask(url, "SELECT count(*) FROM worklogs")?[0][0].clone();
    println!("\n## {name}, {rows} work logs, {} rounds\n", args.rounds);
    bench.run(&args.only)
}

/// Migrates, and fills what is empty.
fn fill(url: &str, worklogs: u64) -> Result<(), Failure> {
    process::run(&["migrate", "run", "--database", url])?;
    if ask(url, "SELECT id FROM worklogs LIMIT 1")?.is_empty() {
        let worklogs = worklogs.to_string();
        process::run(&[
            "seed",
            "--database",
            url,
            "--users",
            "200",
            "--work-items",
            "50000",
            "--worklogs",
            &worklogs,
            "--budgets",
            "100",
            "--random-seed",
            "42",
        ])?;
    }
    Ok(())
}

fn ask(url: &str, sql: &str) -> Result<Vec<Vec<String>>, Failure> {
    match url.strip_prefix("sqlite:") {
        Some(path) => sqlite::ask(path, sql),
        None => postgres::ask(url, sql),
    }
}

/// An administrator: nobody sees more.
fn unique_name(url: &str) -> Result<String, Failure> {
    let found = ask(url, "SELECT unique_name FROM users WHERE role = 4 AND is_active ORDER BY id LIMIT 1")?;
    found.into_iter().flatten().next().ok_or_else(|| "the database has no administrator".into())
}

fn facts(url: &str) -> Result<Facts, Failure> {
    let postgres = !url.starts_with("sqlite:");
    let number = |sql: &str| -> Result<i64, Failure> {
        let rows = ask(url, sql)?;
        Ok(rows.into_iter().flatten().next().unwrap_or_default().parse()?)
    };
    let user = number(
        "SELECT user_id FROM worklogs WHERE NOT deleted GROUP BY user_id ORDER BY count(*) DESC, user_id LIMIT 1",
    )?;
    let as_text = if postgres { "CAST(guid AS text)" } else { "lower(hex(guid))" };
    let guid = ask(url, &format!("SELECT {as_text} FROM users WHERE id = {user}"))?[0][0].parse::<uuid::Uuid>()?;
    let day = if postgres { "work_date - date '1970-01-01'" } else { "work_date" };
    // The middle of what there is, by rows: the first and last days may be strays.
    let middle =
        number(&format!("SELECT {day} FROM worklogs ORDER BY id LIMIT 1 OFFSET (SELECT count(*) / 2 FROM worklogs)"))?;
    let first_of = |day: i64| day - json::civil(day).2 + 1;
    let month = first_of(middle);
    let items = ask(
        url,
        "SELECT work_item_id FROM worklogs WHERE NOT deleted AND work_item_id IS NOT NULL GROUP BY work_item_id \
         HAVING count(*) >= 10 ORDER BY work_item_id LIMIT 2000",
    )?;
    Ok(Facts {
        postgres,
        user,
        user_guid: guid.to_string(),
        half_year: (month - 91, month + 91),
        month: (month, first_of(month + 31)),
        week: (month, month + 7),
        epic: number(
            "SELECT ancestor_id FROM work_item_tree GROUP BY ancestor_id ORDER BY count(*) DESC, ancestor_id LIMIT 1",
        )?,
        items: items.into_iter().flatten().map(|id| id.parse()).collect::<Result<_, _>>()?,
    })
}
