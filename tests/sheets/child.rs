//! The child: what it may, how it ends, and that its end is the file's problem.

use std::time::{Duration, Instant};

use timeledger::sheets::{Cell, Failure, Limits, Program, Request, Rows};

use super::book::{Book, compound, records, texts};
use super::{open, rows, rows_within};
use crate::support::program::timeledger;

/// calamine reserves what a dimension claims: 65,536 × 65,536 cells of 40 bytes.
fn claims_all_memory() -> Vec<u8> {
    let bof = [0, 6, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let sheet_name = [&[0_u8; 4][..], &[0, 0, 1, 0], b"S"].concat();
    let head = records(&[(0x0809, &bof), (0x0085, &sheet_name), (0x000A, &[])]);
    let at = u32::try_from(head.len()).expect("short").to_le_bytes();
    let sheet_name = [&at[..], &[0, 0, 1, 0], b"S"].concat();
    let claim = [&[0_u8; 4][..], &0x00FF_FFFF_u32.to_le_bytes(), &[0, 0, 0xFF, 0xFF, 0, 0]].concat();
    let head = records(&[(0x0809, &bof), (0x0085, &sheet_name), (0x000A, &[])]);
    let sheet = records(&[(0x0809, &bof), (0x0200, &claim), (0x000A, &[])]);
    compound("Workbook", &[head, sheet].concat())
}

#[test]
fn a_child_that_lacks_memory_dies_alone() {
    let problem = rows("claims.xls", &claims_all_memory()).expect_err("no memory for that");
    assert_eq!(problem.code, "FileTooLarge", "{problem:?}");
    assert!(problem.reason.contains("memory"), "{problem:?}");
}

#[test]
fn memory_is_limited_to_what_the_limits_say() {
    let many: Vec<String> =
        (0..300_000).map(|n| format!("<si><t>some text that is number {n} of many</t></si>")).collect();
    let shared = format!(r#"<sst uniqueCount="300000">{}</sst>"#, many.concat());
    let row = r#"<row r="1"><c r="A1" t="s"><v>299999</v></c></row>"#;
    let book = Book::of_rows(row).with("xl/sharedStrings.xml", shared).zipped();
    assert_eq!(rows("texts.xlsx", &book).expect("well within the default").len(), 1);
    let limits = Limits { memory_bytes: 24 * 1024 * 1024, ..Limits::default() };
    let problem = rows_within("texts.xlsx", &book, &limits).expect_err("too little memory");
    assert_eq!(problem.code, "FileTooLarge", "{problem:?}");
}

/// Files far larger than the memory that is left to the child, once it runs.
#[test]
fn what_is_streamed_is_not_held() {
    let limits = Limits { memory_bytes: 16 * 1024 * 1024, ..Limits::default() };
    let row = "ann@example.org,2024-05-29,1:30,some words of what was done that are long enough to fill a file\n";
    let text = format!("UserName,Date,Duration,Comment\n{}", row.repeat(190_000));
    assert_eq!(rows_within("long.csv", text.as_bytes(), &limits).expect("rows").len(), 190_001);
    let cells: Vec<&str> = row.trim_end().split(',').collect();
    let table: Vec<&[&str]> = vec![&cells; 120_000];
    let book = Book::of_rows(&texts(&table)).zipped();
    assert_eq!(rows_within("long.xlsx", &book, &limits).expect("rows").len(), 120_000);
}

#[test]
fn computing_is_limited() {
    // A sheet that is long and holds nothing.
    let long = Book::of_rows(&"<row/>".repeat(3_000_000)).zipped();
    let limits = Limits { cpu_seconds: 1, ratio: 10_000, ..Limits::default() };
    let mut outcome = rows_within("long.xlsx", &long, &limits);
    if outcome.is_ok() {
        // A machine that is done in a second gets ten times as much.
        let longer = Book::of_rows(&"<row/>".repeat(40_000_000)).zipped();
        outcome = rows_within("long.xlsx", &longer, &limits);
    }
    let problem = outcome.expect_err("more than a second");
    assert!(problem.code == "FileTooLarge" && problem.reason.contains("computing"), "{problem:?}");
}

/// A program that is not ours says nothing.
#[cfg(unix)]
#[test]
fn a_child_that_says_nothing_is_killed() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("silent");
    std::fs::write(&path, "#!/bin/sh\nexec sleep 600\n").expect("a script");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a program");
    let limits = Limits { silence_seconds: 1, ..Limits::default() };
    let request = Request { limits, ..Request::default() };
    let began = Instant::now();
    match Rows::open(&Program::at(&path), tempfile::tempfile().expect("a file"), &request) {
        Err(Failure::Problem(problem)) => assert!(problem.reason.contains("gives nothing"), "{problem:?}"),
        other => panic!("{:?}", other.map(|_| ())),
    }
    // The sleep is ten minutes.
    assert!(began.elapsed() < Duration::from_secs(120));
}

#[cfg(unix)]
#[test]
fn a_child_that_talks_nonsense_or_just_ends_is_a_problem_of_the_file() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().expect("a folder");
    for (n, script) in ["echo hello", "exit 0", "exit 3", "kill -SEGV $$", "yes"].iter().enumerate() {
        let path = folder.path().join(n.to_string());
        std::fs::write(&path, format!("#!/bin/sh\nPATH=/bin:/usr/bin\n{script}\n")).expect("a script");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a program");
        match Rows::open(&Program::at(&path), tempfile::tempfile().expect("a file"), &Request::default()) {
            Err(Failure::Problem(problem)) => assert_eq!(problem.code.name(), "FileFormat", "{script}: {problem:?}"),
            other => panic!("{script}: {:?}", other.map(|_| ())),
        }
    }
    let nowhere = Rows::open(&Program::at("/nowhere"), tempfile::tempfile().expect("a file"), &Request::default());
    assert!(matches!(nowhere, Err(Failure::Io(_))));
}

#[test]
fn names_of_any_length_are_no_trouble() {
    let book = Book::of_rows(&texts(&[&["a"]])).zipped();
    let long = "ä\0\"".repeat(100_000);
    assert_eq!(rows(&format!("{long}.xlsx"), &book).expect("rows").len(), 1);
    let problem = rows(&format!("x.{long}"), &book).expect_err("no extension of ours");
    assert!(problem.reason.len() < 200, "{problem:?}");
    let mut file = tempfile::tempfile().expect("a file");
    std::io::Write::write_all(&mut file, &book).expect("written");
    let request = Request { sheet: Some(long), ..Request::default() };
    match Rows::open(&super::program(), file, &request) {
        Err(Failure::Problem(problem)) => assert!(problem.reason.contains("no sheet"), "{problem:?}"),
        other => panic!("{:?}", other.map(|_| ())),
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_begun_with() {
    for path in ["/dev/zero", "/tmp"] {
        let opened = std::fs::File::open(path).expect("it opens");
        match Rows::open(&super::program(), opened, &Request::default()) {
            Err(Failure::Problem(problem)) => assert!(problem.reason.contains("no file"), "{path}: {problem:?}"),
            other => panic!("{path}: {:?}", other.map(|_| ())),
        }
    }
}

#[test]
fn large_files_are_told_what_would_help() {
    let limits = Limits { file_bytes: 3 * 1024 * 1024, held_file_bytes: 1024 * 1024, ..Limits::default() };
    let text = "a,b\n".repeat(1_000_000);
    let problem = rows_within("a.csv", text.as_bytes(), &limits).expect_err("too large");
    assert_eq!((problem.code.as_str(), problem.suggestion.as_deref()), ("FileTooLarge", Some("split it")));
    let problem = rows_within("a.xls", &compound("Workbook", &vec![0; 2_000_000]), &limits).expect_err("too large");
    assert!(problem.code == "FileTooLarge" && problem.suggestion.as_deref().is_some_and(|text| text.contains(".xlsx")));
}

#[test]
fn a_reader_that_leaves_ends_the_child() {
    let many: Vec<[&str; 2]> = vec![["some text", "and more"]; 50_000];
    let many: Vec<&[&str]> = many.iter().map(|row| &row[..]).collect();
    let mut rows = open("many.xlsx", &Book::of_rows(&texts(&many)).zipped(), &Limits::default()).expect("a workbook");
    assert!(matches!(rows.next(), Some(Ok(row)) if row.cell(1) == Some(&Cell::Text("and more".into()))));
    let process = rows.process();
    assert!(!cfg!(target_os = "linux") || std::path::Path::new(&format!("/proc/{process}")).exists());
    drop(rows);
    assert!(!std::path::Path::new(&format!("/proc/{process}")).exists());
}

/// Whatever configures the server, secrets among it, is not the child's.
#[cfg(target_os = "linux")]
#[test]
fn the_child_has_limits_and_no_environment() {
    let many: Vec<[&str; 1]> = vec![["text of a row that fills the pipe"]; 50_000];
    let many: Vec<&[&str]> = many.iter().map(|row| &row[..]).collect();
    let rows = open("many.xlsx", &Book::of_rows(&texts(&many)).zipped(), &Limits::default()).expect("a workbook");
    // It has said what it reads, and waits with its pipe full.
    let of = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", rows.process())).expect("the child's");
    let environment = of("environ");
    assert!(
        environment.split('\0').filter(|line| !line.is_empty()).all(|line| line.starts_with("MIMALLOC_")),
        "{environment}"
    );
    let limits = of("limits");
    for (name, most) in [
        ("Max data size", 512 * 1024 * 1024),
        ("Max core file size", 0),
        ("Max file size", 0),
        ("Max open files", 0),
        ("Max processes", 0),
    ] {
        let line = limits.lines().find(|line| line.starts_with(name)).expect(name);
        let numbers: Vec<&str> = line[name.len()..].split_whitespace().take(2).collect();
        assert_eq!(numbers, [most.to_string(), most.to_string()], "{line}");
    }
    assert!(limits.lines().any(|line| line.starts_with("Max cpu time") && line.contains(" 60 ")), "{limits}");
}

#[test]
fn nobody_calls_it_by_hand() {
    let run = timeledger(&["read-sheet"]).output().expect("the program starts");
    assert_eq!(run.status.code(), Some(70));
    assert!(String::from_utf8_lossy(&run.stderr).contains("no command to be called"));
    let help = timeledger(&["--help"]).output().expect("the program starts");
    assert!(!String::from_utf8_lossy(&help.stdout).contains("read-sheet"));
}
