//! The rules of the house, held by reading `src/`: which room may use which, what a file is called, how it begins.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Room, and the rooms that it may use. ARCHITECTURE.md prints this table; `architecture_prints_the_table` compares.
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    (
        "cli",
        &[
            "http",
            "domain",
            "seed",
            "import",
            "sheets",
            "entities",
            "odata",
            "auth",
            "policy",
            "db",
            "sql",
            "config",
            "clock",
            "telemetry",
        ],
    ),
    (
        "http",
        &[
            "export",
            "import",
            "sheets",
            "domain",
            "entities",
            "odata",
            "auth",
            "policy",
            "db",
            "sql",
            "config",
            "clock",
            "telemetry",
        ],
    ),
    ("domain", &["auth", "policy", "db", "sql", "config", "clock", "telemetry"]),
    ("export", &["domain", "odata", "db", "sql"]),
    ("import", &["domain", "sheets", "policy", "db", "sql"]),
    ("sheets", &[]),
    ("seed", &["domain", "entities", "odata", "auth", "policy", "db", "sql", "config", "clock", "telemetry"]),
    ("entities", &["odata", "policy", "sql"]),
    ("odata", &["db", "sql"]),
    ("auth", &["policy", "db", "sql", "clock"]),
    ("policy", &["sql"]),
    ("db", &["sql"]),
    ("sql", &[]),
    ("config", &[]),
    ("clock", &["sql"]),
    ("telemetry", &[]),
];

/// Macros at the root of the crate, and the room that each belongs to.
const MACROS: &[(&str, &str)] = &[("on", "db")];

/// Rooms that never name a table of the database.
const NO_TABLES: &[&str] = &["http", "cli", "odata", "entities", "policy"];

/// Files past 600 lines that are one long list or one grammar, and why they stay whole.
const LONG: &[(&str, &str)] = &[
    ("db/tables.rs", "the declaration of every table, one list"),
    ("odata/edm.rs", "the builders of a declaration, and what the finished model answers"),
];

const MOST_LINES: usize = 600;

struct SourceFile {
    /// Below `src`, such as `odata/parse/expr.rs`.
    name: String,
    /// `["odata", "parse", "expr"]`.
    module: Vec<String>,
    text: String,
}

impl SourceFile {
    fn room(&self) -> &str {
        &self.module[0]
    }

    /// The code without its comments, so that prose may name any room.
    fn code(&self) -> String {
        self.text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    }

    /// Names right below the crate's root that a path in this file reaches.
    fn roots(&self) -> BTreeSet<String> {
        let code = self.code();
        let own_tests = Regex::new(r"(?m)^mod \w+ \{").expect("a pattern");
        let tests_from = own_tests.find(&code).map_or(code.len(), |found| found.start());
        let path = Regex::new(r"\b(crate|super(?:::super)*)::(\{|\w+)").expect("a pattern");
        let mut roots = BTreeSet::new();
        for found in path.captures_iter(&code) {
            let whole = found.get(0).expect("the match");
            let depth = self.module.len() + usize::from(whole.start() > tests_from);
            if &found[1] != "crate" && found[1].split("::").count() < depth {
                continue;
            }
            match &found[2] {
                "{" => roots.extend(group_members(&code[whole.end()..])),
                name => drop(roots.insert(name.to_owned())),
            }
        }
        roots
    }
}

/// First names of the paths in `a::{b, c}, d}`, the text after an opening brace.
fn group_members(text: &str) -> Vec<String> {
    let mut members = vec![String::new()];
    let mut depth = 0;
    for letter in text.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => members.push(String::new()),
            letter if depth == 0 => members.last_mut().expect("one at least").push(letter),
            _ => {}
        }
    }
    let first = |member: String| member.split([':', ' ']).find(|part| !part.is_empty()).map(str::to_owned);
    members.into_iter().filter_map(|member| first(member.trim().to_owned())).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<SourceFile> {
    let mut files = Vec::new();
    visit(&root().join("src"), &mut files);
    files.sort();
    files.into_iter().filter_map(|path| read_source(&path)).collect()
}

fn visit(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            visit(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn read_source(path: &Path) -> Option<SourceFile> {
    let name = path.strip_prefix(root().join("src")).expect("below src").to_str().expect("UTF-8").to_owned();
    let mut module: Vec<String> = name.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    module.pop_if(|last| last == "mod");
    let text = fs::read_to_string(path).expect("a source file");
    // `lib` only lists the rooms.
    (module[0] != "lib").then_some(SourceFile { name, module, text })
}

#[test]
fn every_arrow_is_in_the_table() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let macros: BTreeMap<&str, &str> = MACROS.iter().copied().collect();
    let mut wrong = Vec::new();
    for file in sources() {
        let room = file.room();
        let Some(targets) = allowed.get(room) else {
            wrong.push(format!("src/{}: the room `{room}` is not in the table", file.name));
            continue;
        };
        for name in file.roots() {
            let target = macros.get(name.as_str()).copied().unwrap_or(&name);
            if target != room && !targets.contains(&target) {
                wrong.push(format!("src/{}: {room} → {target}", file.name));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that ARCHITECTURE.md doesn't allow:\n{}", wrong.join("\n"));
}

#[test]
fn architecture_prints_the_table() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let row = |(room, targets): &(&str, &[&str])| match targets {
        [] => format!("| `{room}` | nothing |\n"),
        _ => format!("| `{room}` | {} |\n", targets.join(", ")),
    };
    let table = format!("| Room | may use |\n|---|---|\n{}", ARROWS.iter().map(row).collect::<String>());
    assert!(page.contains(&table), "ARCHITECTURE.md should hold this table:\n{table}");
}

#[test]
fn these_rooms_name_no_table() {
    let names_tables = Regex::new(r"\btables::|diesel::table!").expect("a pattern");
    let wrong: Vec<_> = sources()
        .into_iter()
        .filter(|file| NO_TABLES.contains(&file.room()) && names_tables.is_match(&file.code()))
        .map(|file| file.name)
        .collect();
    assert!(wrong.is_empty(), "these files name tables: {wrong:?}");
}

/// A server whose caller is fixed asks nobody who they are: a benchmark makes one, the program cannot.
#[test]
fn nothing_but_a_benchmark_fixes_the_caller() {
    let named = Regex::new(r"with_fixed_caller|fixed: Some").expect("a pattern");
    let found: Vec<_> = sources()
        .iter()
        .flat_map(|file| {
            named
                .find_iter(&file.code())
                .map(|found| (file.name.clone(), found.as_str().to_owned()))
                .collect::<Vec<_>>()
        })
        .collect();
    let only = |what: &str| ("http/app.rs".to_owned(), what.to_owned());
    assert_eq!(found, [only("with_fixed_caller"), only("fixed: Some")]);
}

/// An evaluator that shared code with the compiler would share its mistakes.
#[test]
fn the_oracle_uses_nothing_of_the_crate() {
    let mut files = Vec::new();
    visit(&root().join("tests/oracle"), &mut files);
    let uses = |path: &PathBuf| fs::read_to_string(path).expect("a source file").contains("timeledger::");
    let wrong: Vec<PathBuf> = files.iter().filter(|path| uses(path)).cloned().collect();
    assert!(!files.is_empty() && wrong.is_empty(), "these files use the crate: {wrong:?}");
}

#[test]
fn every_module_says_what_it_is() {
    let wrong: Vec<_> = sources().into_iter().filter(|f| !f.text.starts_with("//! ")).map(|f| f.name).collect();
    assert!(wrong.is_empty(), "these files begin without a head comment (`//! …`): {wrong:?}");
}

#[test]
fn files_are_named_by_a_word_of_the_domain() {
    const EMPTY_WORDS: [&str; 8] = ["utils", "util", "helpers", "helper", "common", "misc", "base", "manager"];
    let empty = |file: &SourceFile| file.module.iter().any(|part| EMPTY_WORDS.contains(&part.as_str()));
    let wrong: Vec<_> = sources().into_iter().filter(empty).map(|file| file.name).collect();
    assert!(wrong.is_empty(), "these names say nothing: {wrong:?}");
    assert!(!root().join("src/error.rs").exists(), "a room owns its errors");
}

#[test]
fn long_files_are_listed_with_a_reason() {
    let long: Vec<_> =
        sources().into_iter().filter(|f| f.text.lines().count() > MOST_LINES).map(|file| file.name).collect();
    let listed: Vec<_> = LONG.iter().map(|(name, _)| *name).collect();
    let unlisted: Vec<_> = long.iter().filter(|name| !listed.contains(&name.as_str())).collect();
    assert!(unlisted.is_empty(), "split these by noun, or list them with a reason in tests/house.rs: {unlisted:?}");
}
