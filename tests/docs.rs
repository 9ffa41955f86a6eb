//! The README does what it says: its query, its programs, its commands, its links.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use timeledger::entities;
use timeledger::odata::edm::Model;

use crate::backend::{Fixture, for_each_backend};
use crate::support::http::HOST;
use crate::support::program;
use crate::support::server::Server;

const ADA: &str = "ada@example.com";
/// The address that the README shows.
const SHOWN: &str = "127.0.0.1:7177";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Blocks of code in this language, in their order.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).filter_map(|rest| Some(rest.split_once("```")?.0.to_owned())).collect()
}

/// Commands of the shell blocks, a line each.
fn commands() -> Vec<String> {
    let lines = blocks(&page("README.md"), "sh").concat().replace("\\\n", " ");
    lines.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect()
}

#[test]
fn the_query_has_the_answer_that_is_printed() {
    let command = commands().into_iter().find(|line| line.contains("$apply")).expect("the query");
    let url = command.split_whitespace().find(|word| word.starts_with("http")).expect("an address");
    let target = url.trim_start_matches("http://").trim_start_matches(SHOWN);
    let options: Vec<_> = command.split('\'').filter(|part| part.starts_with('$')).collect();
    let printed: Value = serde_json::from_str(&blocks(&page("README.md"), "json")[0]).expect("an answer in JSON");
    for_each_backend(|backend| {
        let reply = Server::shared(backend, Fixture::SMALL).get(ADA, &format!("{target}?{}", options.join("&")));
        let answer: Value = serde_json::from_str(&reply.text().replace(HOST, SHOWN)).expect("JSON");
        assert_eq!(answer, printed);
    });
}

#[test]
fn the_python_example_prints_the_rows() {
    let python = std::env::var("TIMELEDGER_TEST_PYTHON").expect("TIMELEDGER_TEST_PYTHON, which tests/run sets");
    let example = &blocks(&page("README.md"), "python")[0];
    for_each_backend(|backend| {
        let server = Server::shared(backend, Fixture::SMALL);
        let example = example.replace(SHOWN, &server.address.to_string());
        let text = format!("token = '{}'\n{example}", server.token(ADA));
        let output = Command::new(&python).args(["-c", &text]).output().expect("Python starts");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(printed.lines().count(), 6, "{printed}");
        assert!(printed.contains("Müller"), "{printed}");
    });
}

/// Each command of ours has the subcommands and options that the README gives it.
#[test]
fn the_commands_exist() {
    let mut ours = 0;
    for line in commands().iter().chain(&inline_commands()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["timeledger", rest @ ..] => {
                let subcommands: Vec<&str> =
                    rest.iter().take_while(|word| word.chars().all(|c| c.is_ascii_lowercase())).copied().collect();
                let help = program::run(&[&subcommands[..], &["--help"]].concat());
                for option in rest.iter().filter(|word| word.starts_with("--")) {
                    assert!(help.contains(*option), "`timeledger {}` has no {option}", subcommands.join(" "));
                }
                ours += 1;
            }
            ["cargo", "run", "--release", "--", "demo"] => drop(program::run(&["demo", "--help"])),
            ["tests/run"] => assert!(root().join("tests/run").exists()),
            ["curl", ..] => {}
            other => panic!("nobody checks {other:?}"),
        }
    }
    assert!(ours > 5, "the README shows {ours} commands of ours");
}

fn inline_commands() -> Vec<String> {
    let text = page("README.md");
    text.split('`').filter(|part| part.starts_with("timeledger ") && !part.contains('\n')).map(str::to_owned).collect()
}

#[test]
fn links_between_pages_lead_somewhere() {
    let link = regex::Regex::new(r"\]\(([^)#:]+)(?:#[^)]*)?\)").expect("a pattern");
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"].map(str::to_owned);
    let docs = std::fs::read_dir(root().join("docs")).expect("docs");
    let docs = docs.map(|page| format!("docs/{}", page.expect("a page").file_name().display()));
    for name in &top.into_iter().chain(docs).collect::<Vec<_>>() {
        let folder = PathBuf::from(name).parent().map(Path::to_owned).unwrap_or_default();
        for found in link.captures_iter(&page(name)) {
            assert!(root().join(&folder).join(&found[1]).exists(), "{name} leads to {}, which is not there", &found[1]);
        }
    }
}

/// Each number of the requirements has a row, in its order, with a state and a test that exists.
#[test]
fn conformance_names_every_requirement_and_its_test() {
    let text = page("docs/odata-conformance.md");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| OD-"))
        .map(|line| line.trim_end_matches('|').split('|').map(str::trim).collect())
        .collect();
    let ranges = [1..=23, 30..=46, 50..=64, 66..=66, 70..=96, 100..=117, 150..=155, 160..=165, 180..=190, 200..=203];
    let expected: Vec<String> = ranges.into_iter().flatten().map(|number: u32| number.to_string()).collect();
    let numbers: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(numbers, expected);
    for row in rows {
        let [number, state, remark, test] = row[..] else { panic!("a row of four columns: {row:?}") };
        assert!(["held", "partly", "501", "not held"].contains(&state), "OD-{number} is {state}");
        assert!(state == "held" || !remark.is_empty(), "OD-{number} is {state} without a word why");
        if test.is_empty() {
            assert_eq!(number, "203", "OD-{number} has no test");
            continue;
        }
        let parts: Vec<&str> = test.split('`').collect();
        let [_, file, _, name, _] = parts[..] else { panic!("OD-{number}: `file`: `test` rather than {test}") };
        assert!(page(file).contains(&format!("#[test]\nfn {name}()")), "OD-{number}: {file} has no test {name}");
    }
}

/// Every file that ARCHITECTURE.md names is there.
#[test]
fn architecture_names_files_that_exist() {
    let path = regex::Regex::new(r"`((?:src|tests|docs|migrations|fixtures)/[A-Za-z0-9_./-]+)`").expect("a pattern");
    for name in ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"] {
        for found in path.captures_iter(&page(name)) {
            let there = root().join(&found[1]);
            assert!(there.exists(), "{name} names {}, which is not there", &found[1]);
        }
    }
}

/// SECURITY.md's pattern for secret scanners finds a token.
#[test]
fn tokens_match_the_published_pattern() {
    let security = page("SECURITY.md");
    let pattern = security.lines().find(|line| line.starts_with("tl[tar]_")).expect("a pattern in SECURITY.md");
    let pattern = regex::Regex::new(&format!("^{pattern}$")).expect("a pattern");
    for_each_backend(|backend| assert!(pattern.is_match(&Server::shared(backend, Fixture::SMALL).token(ADA))));
}

#[test]
fn the_searched_texts_are_listed() {
    let text = page("docs/search.md");
    for (segment, shown) in [("v4.0", "v4.0"), ("v3.3", "v3.x")] {
        let (schema, version) = entities::schema_for(segment).expect("a version of ours");
        let model = Model { schema, version, granted: entities::rights(true), fields: &[] };
        for set in model.sets() {
            let texts: Vec<String> = model.searched(set.entity).map(|text| format!("`{}`", text.path)).collect();
            let texts = if texts.is_empty() { "none".to_owned() } else { texts.join(", ") };
            let row = format!("| {shown} | `{}` | {texts} |", set.name);
            assert!(text.contains(&row), "docs/search.md lacks:\n{row}");
        }
    }
}
