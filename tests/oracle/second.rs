//! The second oracle (OD-202): odatapy, an implementation of other people's, answers the same requests over the same rows.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::answer::{Rows, answer};
use super::check::object;
use super::json::Json;
use super::query::Query;
use super::world::{ROOT, World};
use crate::support::server::Server;

/// What a URL may not hold; `%` is encoded already.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'#').add(b'\\').add(b'^').add(b'`');

/// Beyond the rounding of what OD-33 reckons in doubles and odatapy in decimals.
const TOLERANCE: f64 = 1e-12;

/// odatapy with the rows of the world.
pub struct Second {
    child: Child,
    asks: ChildStdin,
    tells: BufReader<ChildStdout>,
}

/// How its answer stands to the evaluator's.
pub enum Outcome {
    Equal,
    /// The evaluator expects a failure (OD-33), which odatapy does not know.
    NotAsked,
    Other(Difference),
}

#[derive(Debug)]
pub struct Difference {
    /// Not 200, where odatapy refused the request.
    pub status: String,
    pub why: String,
}

impl Difference {
    /// Whether the other one is of the same sort, so that a request may be made smaller and still say the same.
    pub fn is_like(&self, other: &Difference) -> bool {
        let sort = |one: &Difference| {
            let shown = if one.status == "200" { 0 } else { 75 };
            (one.status.clone(), one.why.chars().filter(|c| !c.is_ascii_digit()).take(shown).collect::<String>())
        };
        sort(self) == sort(other)
    }
}

impl Second {
    pub fn start(world: &World, server: &Server) -> Second {
        let python = std::env::var("TIMELEDGER_TEST_PYTHON").unwrap_or_else(|_| {
            panic!("TIMELEDGER_TEST_PYTHON must name a Python with tests/clients/requirements.txt; tests/run makes one")
        });
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/odatapy_answers.py");
        let mut child = Command::new(python)
            .arg(program)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let mut asks = child.stdin.take().expect("its input");
        let tells = BufReader::new(child.stdout.take().expect("its output"));
        let metadata = server.get(world.user, &format!("{ROOT}/$metadata"));
        writeln!(asks, "{}", world_text(world, metadata.text())).expect("odatapy reads the rows");
        Second { child, asks, tells }
    }

    fn ask(&mut self, path: &str, query: &str) -> (String, String) {
        let query = utf8_percent_encode(query, ENCODED).to_string();
        let line = serde_json::json!({"path": path, "query": query});
        writeln!(self.asks, "{line}").expect("odatapy listens");
        let mut told = String::new();
        self.tells.read_line(&mut told).expect("odatapy answers");
        let told = Json::parse(&told);
        let status = match told.get("status") {
            Some(Json::Number(status)) => status.clone(),
            other => panic!("{other:?} is no status"),
        };
        (status, told.get("body").and_then(Json::text).unwrap_or_default().to_owned())
    }

    pub fn compare(&mut self, world: &World, query: &Query) -> Outcome {
        let expected = answer(world, query);
        let (Ok(rows), true) = (expected.rows, expected.risks.is_empty()) else { return Outcome::NotAsked };
        let target = query.target(world);
        let (path, options) = target.split_once('?').unwrap_or((&target, ""));
        let (status, body) = self.ask(path.trim_start_matches(ROOT).trim_start_matches('/'), options);
        if status != "200" {
            return Outcome::Other(Difference { status, why: body });
        }
        match same_rows(query, &rows, &Json::parse(&body)) {
            Ok(()) => Outcome::Equal,
            Err(why) => {
                let why = format!("{why}\n{}", body.chars().take(600).collect::<String>());
                Outcome::Other(Difference { status, why })
            }
        }
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Rows in their order; those of `$apply`, whose order is the service's own, in any.
fn same_rows(query: &Query, expected: &Rows, body: &Json) -> Result<(), String> {
    let Some(Json::Array(got)) = body.get("value") else { return Err("no rows".to_owned()) };
    if got.len() != expected.rows.len() {
        return Err(format!("expected {} rows, got {}", expected.rows.len(), got.len()));
    }
    let count = expected.count.map(|count| count.to_string());
    let got_count = match body.get("@odata.count").or_else(|| body.get("@count")) {
        Some(Json::Number(count)) => Some(count.clone()),
        _ => None,
    };
    if count != got_count {
        return Err(format!("expected the count {count:?}, got {got_count:?}"));
    }
    let mut left: Vec<&Json> = got.iter().collect();
    for (at, row) in expected.rows.iter().enumerate() {
        let found = if query.apply.is_empty() {
            object(row, left[0], TOLERANCE).map(|()| 0)
        } else {
            let equal = left.iter().position(|json| object(row, json, TOLERANCE).is_ok());
            equal.ok_or_else(|| format!("no row is {row:?}"))
        };
        left.remove(found.map_err(|why| format!("row {at}: {why}"))?);
    }
    Ok(())
}

fn world_text(world: &World, metadata: &str) -> String {
    let text = |text: &str| serde_json::to_string(text).expect("a string");
    let rows = |set: &super::world::Set| {
        let row = |row: &Vec<super::value::Value>| {
            let members = set.props.iter().zip(row);
            let members = members.map(|(prop, value)| format!("{}:{}", text(&prop.name), value.to_json()));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        };
        format!("{}:[{}]", text(&set.name), set.rows.iter().map(row).collect::<Vec<_>>().join(","))
    };
    let sets: Vec<String> = world.sets.iter().map(rows).collect();
    let mut links = Vec::new();
    for set in &world.sets {
        for nav in &set.navs {
            links.push(serde_json::json!([set.name, nav.name, world.sets[nav.target].name, nav.links]).to_string());
        }
    }
    format!("{{\"metadata\":{},\"sets\":{{{}}},\"links\":[{}]}}", text(metadata), sets.join(","), links.join(","))
}
