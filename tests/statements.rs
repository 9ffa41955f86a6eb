//! The SQL of the questions in `fixtures/queries`, for both back ends, as somebody of role Team asks them.
//!
//! One snapshot a question: a change of the planner or renderer shows here, with the row policy in its place.

use std::fs;
use std::path::Path;

use diesel::pg::Pg;
use diesel::sqlite::Sqlite;
use timeledger::entities;
use timeledger::odata::edm::Model;
use timeledger::odata::encode::json::Metadata;
use timeledger::odata::limits::Limits;
use timeledger::odata::parse::RawRequest;
use timeledger::odata::plan::{Child, Plan};
use timeledger::odata::service::{self, Format, Setup};
use timeledger::odata::skiptoken::Sealer;
use timeledger::policy::{Caller, Role};
use timeledger::sql::value::Items;
use timeledger::sql::{Instant, List, Statement};

#[test]
fn statements() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/queries");
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("questions").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    for file in files {
        let question = fs::read_to_string(&file).expect("a question");
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        insta::with_settings!({ snapshot_path => "snapshots/statements", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name, shown(question.trim()));
        });
    }
}

/// The question, then each of its statements on both back ends.
fn shown(question: &str) -> String {
    let (segment, address) = question.split_once('/').expect("a version");
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let (schema, version) = entities::schema_for(segment).expect("a version of ours");
    let caller = Caller {
        user_id: 7,
        user_guid: timeledger::sql::Guid(uuid::Uuid::nil()),
        name: "Tim".into(),
        role: Role::Team,
    };
    let granted = entities::rights(true);
    let setup = Setup {
        model: Model { schema, version, granted, fields: &[] },
        limits: &Limits::default(),
        viewer: &caller,
        me: Some(caller.user_id.into()),
        caller: "7",
        now: Instant(0),
        sealer: &Sealer::new([0; 32]),
        root: "http://timeledger.test/",
        format: Format::Json { metadata: Metadata::Minimal, ieee754: false },
        payload_401: false,
        continuation: None,
        page: None,
        page_limit: None,
    };
    let request = RawRequest { path, query, body: None };
    let prepared = service::prepare(&request, &setup).unwrap_or_else(|error| panic!("{question}: {error}"));
    let mut text = format!("{question}\n");
    for (name, statement) in parts(&prepared.plan) {
        text.push_str(&format!("\n-- {name}, SQLite\n{}\n", diesel::debug_query::<Sqlite, _>(&statement)));
        text.push_str(&format!("\n-- {name}, PostgreSQL\n{}\n", diesel::debug_query::<Pg, _>(&statement)));
    }
    text
}

fn parts(plan: &Plan) -> Vec<(String, Statement)> {
    let mut parts = vec![("rows".to_owned(), plan.level.statement())];
    parts.extend(plan.count.clone().map(|statement| ("total".to_owned(), statement)));
    parts.extend(plan.owner.clone().map(|statement| ("owner".to_owned(), statement)));
    for child in &plan.level.children {
        parts.extend(of_child(child));
    }
    parts
}

fn of_child(child: &Child) -> Vec<(String, Statement)> {
    let parents = || List::new(Items::Ints(vec![1, 2]));
    let name = child.nav.name;
    let mut parts = vec![(name.to_owned(), child.statement(parents()))];
    parts.extend(child.count_statement(parents()).map(|statement| (format!("{name}, counted"), statement)));
    parts
}
