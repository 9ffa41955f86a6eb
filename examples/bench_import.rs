//! What an import costs beside reading the file and inserting bare rows:
//! `cargo run --release --example bench_import -- [ROWS] [DATABASE-URL…]`.
//!
//! Without an address: a new SQLite file. A PostgreSQL must be an empty database. Makes a site of 200 people and 5,000 work
//! items, and a text file and a workbook of 100,000 rows; then measures, in one run, with the child that
//! reads (`timeledger` beside this program's folder: build it first):
//! reading and mapping; bare multi-row INSERTs of the same rows; the dry run; the import (check, rules, rows, audit trail);
//! the same file again. The last column is the import by reading plus bare inserts.

#![allow(clippy::disallowed_methods, reason = "an example stands outside the rooms")]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant as Clock};

use rust_xlsxwriter::{Format, Workbook};
use serde_json::json;
use timeledger::db::{Conn, DatabaseUrl, DbError, Hold, Role, migrate};
use timeledger::domain::people;
use timeledger::import::columns::{self, ImportRow, Mapped};
use timeledger::import::job::{Halt, Order, author};
use timeledger::import::profile::Profile;
use timeledger::import::run::{self, Source};
use timeledger::policy::Caller;
use timeledger::seed;
use timeledger::sheets::{Limits, Program};
use timeledger::sql::{Guid, Insert, Instant, Type, Value};

type Failed = Box<dyn std::error::Error>;

const HEADER: [&str; 7] = ["ExternalId", "UserName", "TimeStamp", "Duration", "ActivityType", "Comment", "WorkItem"];
const NOW: Instant = Instant(1_735_689_600_000_000);

fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1).peekable();
    let beside = std::env::current_exe()?;
    let program = Program::at(beside.parent().and_then(Path::parent).ok_or("no folder")?.join("timeledger"));
    if arguments.next_if_eq("--one").is_some() {
        let (url, file) = arguments.next().zip(arguments.next()).ok_or("--one URL FILE")?;
        return measure(&url.parse()?, &program, Path::new(&file));
    }
    let rows: u32 = arguments.next_if(|text| text.parse::<u32>().is_ok()).map_or(Ok(100_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let mut urls: Vec<String> = arguments.collect();
    if urls.is_empty() {
        urls = vec![format!("sqlite:{}", folder.path().join("bench.sqlite").display())];
    }
    let files = [text(folder.path(), rows)?, workbook(folder.path(), rows)?];
    println!(
        "{:<10} {:<11} {:>7} {:>7} {:>8} {:>7} {:>7} {:>9} {:>6}",
        "database", "file", "read", "insert", "dry run", "import", "again", "memory MB", "ratio"
    );
    for url in urls {
        // Each in a process of its own, whose memory is that of the import alone.
        for file in &files {
            let status = Command::new(&beside).arg("--one").arg(&url).arg(file).status()?;
            if !status.success() {
                return Err(format!("{url} {}: {status}", file.display()).into());
            }
        }
    }
    Ok(())
}

fn measure(url: &DatabaseUrl, program: &Program, path: &Path) -> Result<(), Failed> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let conn = &mut site(url)?;
    let source = Source {
        program: program.clone(),
        file: File::open(path)?,
        file_name: Some(name.clone()),
        profile: Profile::default(),
        limits: Limits::default(),
    };
    let ada = people::find(conn, "person0@example.org")?;
    let caller = Caller { user_id: ada.id, user_guid: ada.guid, name: ada.name, role: ada.role, duties: ada.duties };
    let memory = Memory::watch();
    let mut import = |dry_run: bool| -> Result<(Duration, run::Outcome), Failed> {
        let order = Order { dry_run, ..Order::default() };
        let by = author(&caller, Guid(uuid::Uuid::now_v7()), NOW);
        timed(|| {
            let checked = conn.snapshot(|conn| run::check(conn, &by, &source, &mut |_, _| Ok(())))?;
            if !order.is_written(&checked) {
                return Ok(checked);
            }
            let written = conn.write(|tx| {
                tx.hold(Hold::Shared)?;
                order.write(tx, &by, &source, &mut |_, _| Ok(()))
            });
            written.map_err(|halt| match halt {
                Halt::Failed(error) => error.into(),
                Halt::Spoilt(outcome) => format!("{:?}", outcome.problems.first()).into(),
            })
        })
    };
    let (dry, checked) = import(true)?;
    if let Some(problem) = checked.problems.first() {
        return Err(format!("{problem:?}").into());
    }
    let (whole, written) = import(false)?;
    let (again, unchanged) = import(false)?;
    if (written.new, unchanged.unchanged) != (written.rows, written.rows) {
        return Err(format!("{written:?}, then {unchanged:?}").into());
    }
    let most = memory.most();
    let conn = &mut site(url)?;
    let (read, mapped) = timed(|| mapped(&source))?;
    let insert = bare_insert(conn, &mapped)?;
    let seconds = |duration: Duration| duration.as_secs_f64();
    let kind = if matches!(url, DatabaseUrl::Sqlite(_)) { "SQLite" } else { "PostgreSQL" };
    println!(
        "{kind:<10} {name:<11} {:>7.2} {:>7.2} {:>8.2} {:>7.2} {:>7.2} {:>9.0} {:>6.2}",
        seconds(read),
        seconds(insert),
        seconds(dry),
        seconds(whole),
        seconds(again),
        most as f64 / (1024.0 * 1024.0),
        seconds(whole) / (seconds(read) + seconds(insert))
    );
    Ok(())
}

fn timed<T>(work: impl FnOnce() -> Result<T, Failed>) -> Result<(Duration, T), Failed> {
    let began = Clock::now();
    let made = work()?;
    Ok((began.elapsed(), made))
}

/// A database with people and items, and no log.
fn site(url: &DatabaseUrl) -> Result<Conn, Failed> {
    if let DatabaseUrl::Sqlite(path) = url {
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", path.display()));
        }
    }
    let mut conn = Conn::open(url, Role::Migrator)?;
    while migrate::revert(&mut conn).is_ok() {}
    let person = |n: u32| {
        json!({
            "id": format!("00000000-0000-4000-8000-{n:012}"), "name": format!("Person {n}"),
            "uniqueName": format!("person{n}@example.org"), "email": format!("person{n}@example.org"),
            "role": if n == 0 { "Administrator" } else { "Team" },
        })
    };
    let item = |id: u32| {
        json!({
            "id": id, "parentId": if id > 100 { Some(id % 100 + 1) } else { None }, "project": "P", "type": "Task",
            "state": "New", "title": format!("Item {id}"), "areaPath": "P", "iterationPath": "P", "fields": {},
        })
    };
    let kind =
        |n: u32, name: &str| json!({"id": format!("aaaaaaaa-0000-4000-8000-{n:012}"), "name": name, "color": "ffffff"});
    let [people, kinds, items] = [
        json!((0..200).map(person).collect::<Vec<_>>()),
        json!([kind(1, "Development"), kind(2, "Test"), kind(3, "Meeting")]),
        json!((1..=5_000).map(item).collect::<Vec<_>>()),
    ];
    // In this order, which an object made by `json!` has not.
    let site = format!("{{\"users\": {people}, \"activityTypes\": {kinds}, \"workItems\": {items}}}");
    seed::load(&mut conn, site.as_bytes(), NOW, &mut |_| {})?;
    conn.analyze()?;
    Ok(conn)
}

fn mapped(source: &Source) -> Result<Vec<ImportRow>, Failed> {
    let mut rows = Vec::new();
    let mapping = columns::map(source.rows()?, &source.profile).map_err(|stop| format!("{stop:?}"))?;
    for row in mapping {
        match row.map_err(|stop| format!("{stop:?}"))? {
            Mapped::Row(row) => rows.push(*row),
            Mapped::Problems { problems, .. } => return Err(format!("{problems:?}").into()),
        }
    }
    Ok(rows)
}

const COLUMNS: &[&str] = &[
    "guid",
    "user_id",
    "added_by_user_id",
    "work_item_id",
    "activity_type_id",
    "started_at",
    "work_date",
    "length_seconds",
    "comment",
    "is_billable",
    "is_tracked",
    "is_manually_entered",
    "is_changed",
    "is_tracked_extended",
    "is_imported",
    "is_from_api",
    "deleted",
    "created_at",
    "edited_at",
    "owner_edited",
];

/// The same rows, in one transaction.
fn bare_insert(conn: &mut Conn, rows: &[ImportRow]) -> Result<Duration, Failed> {
    let began = Clock::now();
    conn.write(|tx| {
        tx.hold(Hold::Shared)?;
        for rows in rows.chunks(1_000) {
            let mut insert = Insert::into("worklogs", COLUMNS);
            insert.rows = rows.iter().map(bare).collect();
            tx.insert(&insert)?;
        }
        Ok::<_, DbError>(())
    })?;
    Ok(began.elapsed())
}

fn bare(row: &ImportRow) -> Vec<Value> {
    let no = || Value::Bool(false);
    vec![
        Value::Guid(Guid(uuid::Uuid::now_v7())),
        Value::Int32(1),
        Value::Int32(1),
        row.work_item.map_or(Value::Null(Type::Int32), |item| Value::Int32(i32::try_from(item).unwrap_or(1))),
        Value::Int32(1),
        Value::Instant(row.when.wall),
        Value::Day(row.when.wall.day()),
        Value::Int32(i32::try_from(row.length_seconds).unwrap_or(1)),
        row.comment.clone().map_or(Value::Null(Type::Text), Value::Text),
        no(),
        no(),
        no(),
        no(),
        no(),
        Value::Bool(true),
        no(),
        no(),
        Value::Instant(NOW),
        Value::Instant(NOW),
        no(),
    ]
}

/// The largest anonymous memory of this process and its children together, looked at while it lives.
struct Memory {
    most: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Memory {
    fn watch() -> Memory {
        let memory = Memory { most: Arc::default(), over: Arc::default() };
        let (most, over) = (Arc::clone(&memory.most), Arc::clone(&memory.over));
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                most.fetch_max(anonymous(std::process::id()) + children(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        memory
    }

    fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn children() -> u64 {
    let own = std::process::id();
    let mut sum = 0;
    for task in std::fs::read_dir(format!("/proc/{own}/task")).into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        sum += children.split_whitespace().filter_map(|id| id.parse().ok()).map(anonymous).sum::<u64>();
    }
    sum
}

/// Anonymous memory of a process, where the system tells.
fn anonymous(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn comment(row: u32) -> String {
    format!("worked on part {row} of the thing, talked with number {}", row * 7 % 1000)
}

fn text(folder: &Path, rows: u32) -> Result<PathBuf, Failed> {
    let path = folder.join("times.csv");
    let mut file = BufWriter::new(File::create(&path)?);
    writeln!(file, "{}", HEADER.join(","))?;
    for row in 1..=rows {
        writeln!(
            file,
            "R-{row},person{}@example.org,2024-05-{:02} {:02}:{:02},{}:{:02},Development,{},{}",
            row % 200,
            row % 28 + 1,
            row % 24,
            row % 60,
            row % 8,
            row % 59 + 1,
            comment(row).replace(',', ";"),
            row % 5_000 + 1
        )?;
    }
    file.flush()?;
    Ok(path)
}

fn workbook(folder: &Path, rows: u32) -> Result<PathBuf, Failed> {
    let mut book = Workbook::new();
    let moment = Format::new().set_num_format("yyyy-mm-dd hh:mm");
    let span = Format::new().set_num_format("[h]:mm");
    let sheet = book.add_worksheet();
    for (column, name) in (0..).zip(HEADER) {
        sheet.write_string(0, column, name)?;
    }
    for row in 1..=rows {
        sheet.write_string(row, 0, format!("R-{row}"))?;
        sheet.write_string(row, 1, format!("person{}@example.org", row % 200))?;
        sheet.write_number_with_format(row, 2, f64::from(45_000 + row % 600) + f64::from(row % 96) / 96.0, &moment)?;
        sheet.write_number_with_format(row, 3, f64::from(1 + row % 32) / 96.0, &span)?;
        sheet.write_string(row, 4, ["Development", "Test", "Meeting"][row as usize % 3])?;
        sheet.write_string(row, 5, comment(row))?;
        sheet.write_number(row, 6, f64::from(row % 5_000 + 1))?;
    }
    let path = folder.join("times.xlsx");
    book.save(&path)?;
    Ok(path)
}
