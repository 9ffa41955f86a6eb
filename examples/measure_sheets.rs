//! What reading a spreadsheet costs: `cargo run --release --example measure_sheets -- [ROWS] [FILE…]`.
//!
//! Makes a workbook and a text file of 100,000 rows of 8 columns, or takes the files that are named; reads each as an
//! import does, by a child of `target/release/timeledger` (build that first), and maps the rows. Prints seconds, rows a
//! second, and the largest anonymous memory of the child, and by how much this process grew.

#![allow(clippy::disallowed_methods, reason = "an example stands outside the rooms")]

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rust_xlsxwriter::{Format, Workbook};
use timeledger::import::columns::{self, Mapped};
use timeledger::import::profile::Profile;
use timeledger::sheets::{Limits, Program, Request, Rows};

type Failed = Box<dyn std::error::Error>;

const HEADER: [&str; 8] =
    ["UserName", "Date", "Start", "Duration", "ActivityType", "Comment", "WorkItem", "BillableDuration"];

fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1).peekable();
    let rows: u32 = arguments.next_if(|text| text.parse::<u32>().is_ok()).map_or(Ok(100_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let mut files: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    if files.is_empty() {
        files = vec![workbook(folder.path(), rows)?, text(folder.path(), rows)?];
    }
    let beside = std::env::current_exe()?;
    let program = beside.parent().and_then(Path::parent).ok_or("no folder")?.join("timeledger");
    println!("{:<12} {:>9} {:>9} {:>9} {:>12} {:>12}", "file", "MB", "seconds", "rows/s", "child MB", "parent MB");
    for file in files {
        measure(&Program::at(&program), &file)?;
    }
    Ok(())
}

fn measure(program: &Program, path: &Path) -> Result<(), Failed> {
    let size = std::fs::metadata(path)?.len();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let request = Request { file_name: Some(name.clone()), sheet: None, limits: Limits::default() };
    let before = anonymous(std::process::id());
    let began = Instant::now();
    let rows = Rows::open(program, File::open(path)?, &request)?;
    let child = rows.process();
    let mapping = columns::map(rows, &Profile::default()).map_err(|stop| format!("{stop:?}"))?;
    let (mut good, mut bad, mut most, mut own) = (0_u64, 0_u64, 0_u64, 0_u64);
    for row in mapping {
        match row.map_err(|stop| format!("{stop:?}"))? {
            Mapped::Row(_) => good += 1,
            Mapped::Problems { .. } => bad += 1,
        }
        if (good + bad).is_multiple_of(500) {
            most = most.max(anonymous(child));
            own = own.max(anonymous(std::process::id()));
        }
    }
    let seconds = began.elapsed().max(Duration::from_micros(1)).as_secs_f64();
    let megabytes = |bytes: u64| bytes as f64 / (1024.0 * 1024.0);
    println!(
        "{name:<12} {:>9.1} {seconds:>9.2} {:>9.0} {:>12.1} {:>12.1}   {good} good, {bad} bad",
        megabytes(size),
        (good + bad) as f64 / seconds,
        megabytes(most),
        megabytes(own.saturating_sub(before))
    );
    Ok(())
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

fn workbook(folder: &Path, rows: u32) -> Result<PathBuf, Failed> {
    let mut book = Workbook::new();
    let [date, clock, span] = ["yyyy-mm-dd", "hh:mm", "[h]:mm"].map(|format| Format::new().set_num_format(format));
    let sheet = book.add_worksheet();
    for (column, name) in (0..).zip(HEADER) {
        sheet.write_string(0, column, name)?;
    }
    for row in 1..=rows {
        sheet.write_string(row, 0, format!("person{}@example.org", row % 200))?;
        sheet.write_number_with_format(row, 1, f64::from(45_000 + row % 700), &date)?;
        sheet.write_number_with_format(row, 2, f64::from(row % 96) / 96.0, &clock)?;
        sheet.write_number_with_format(row, 3, f64::from(1 + row % 32) / 96.0, &span)?;
        sheet.write_string(row, 4, ["Development", "Test", "Meeting"][row as usize % 3])?;
        sheet.write_string(row, 5, comment(row))?;
        sheet.write_number(row, 6, f64::from(row % 5_000 + 1))?;
        sheet.write_number_with_format(row, 7, f64::from(row % 32) / 96.0, &span)?;
    }
    let path = folder.join("times.xlsx");
    book.save(&path)?;
    Ok(path)
}

fn text(folder: &Path, rows: u32) -> Result<PathBuf, Failed> {
    let path = folder.join("times.csv");
    let mut file = std::io::BufWriter::new(File::create(&path)?);
    writeln!(file, "{}", HEADER.join(","))?;
    for row in 1..=rows {
        writeln!(
            file,
            "person{}@example.org,2024-05-{:02},{}:{:02},{}:{:02},Development,{},{},0:30",
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
