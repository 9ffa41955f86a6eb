//! One question a file (`fixtures/queries/*.odata`) and the SQL that either back end is asked, as snapshots.
//!
//! A file: lines with `#` say what it is about; `as ROLE` who asks, an Administrator without it; `after a | b` that the
//! page goes on behind the row with these order values; then the address, over several lines where it is long.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use diesel::debug_query;
use diesel::pg::Pg;
use diesel::sqlite::Sqlite;
use timeledger::entities;
use timeledger::odata::bind::{self, Environment};
use timeledger::odata::bound;
use timeledger::odata::edm::{Edm, Field, Model};
use timeledger::odata::limits::Limits;
use timeledger::odata::parse::{self, RawRequest};
use timeledger::odata::plan::{self, Child, Context, Page, Plan};
use timeledger::policy::{Caller, Duties, Role};
use timeledger::sql::layout::laid_out;
use timeledger::sql::value::Items;
use timeledger::sql::{Guid, Instant, List, Statement, Type, Value};

/// 2024-01-02T03:04:05Z
const NOW: Instant = Instant(1_704_164_645_000_000);

#[test]
fn the_sql_of_each_question() {
    let files = questions();
    assert!(files.len() >= 40, "fixtures/queries holds {} questions", files.len());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/queries");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for file in files {
        let name = file.file_stem().and_then(|name| name.to_str()).expect("a name in UTF-8").to_owned();
        let text = std::fs::read_to_string(&file).expect("a question");
        let question = Question::read(&text);
        settings.set_description(format!("{}\n{}", question.about, question.address));
        settings.bind(|| insta::assert_snapshot!(name, question.sql()));
    }
}

fn questions() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/queries");
    let entries = std::fs::read_dir(folder).expect("fixtures/queries");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "odata"));
    files.sort();
    files
}

struct Question {
    about: String,
    role: Role,
    after: Option<String>,
    address: String,
}

impl Question {
    fn read(text: &str) -> Question {
        let mut question =
            Question { about: String::new(), role: Role::Administrator, after: None, address: String::new() };
        for line in text.lines().map(str::trim) {
            if let Some(about) = line.strip_prefix('#') {
                question.about = format!("{}{about}", question.about).trim().to_owned();
            } else if let Some(role) = line.strip_prefix("as ") {
                question.role = role.parse().expect("a role");
            } else if let Some(values) = line.strip_prefix("after ") {
                question.after = Some(values.to_owned());
            } else {
                question.address += line;
            }
        }
        question
    }

    /// Every statement of the answer, in the order in which they run.
    fn sql(&self) -> String {
        let plan = self.plan();
        let mut out = String::new();
        let mut show = |what: &str, statement: &Statement| show(&mut out, what, statement);
        plan.owner.iter().for_each(|owner| show("owner", owner));
        plan.count.iter().for_each(|count| show("count", count));
        show("rows", &plan.level.statement());
        children(&plan.level.children, "", &mut show);
        out
    }

    fn plan(&self) -> Plan {
        let fields = custom_fields();
        let (version, rest) = self.address.split_once('/').expect("version/path");
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (schema, version) = entities::schema_for(version).expect("a version of ours");
        let model = Model { schema, version, granted: entities::rights(self.role.sees_budgets()), fields: &fields };
        let limits = Limits::default();
        let request = RawRequest { path, query, body: None };
        let syntax = parse::parse(&request, &limits).unwrap_or_else(|e| panic!("{}: {e:?}", self.address));
        let bound = bind::bind(&syntax, &model, Environment { limits: &limits, now: NOW })
            .unwrap_or_else(|e| panic!("{}: {e:?}", self.address));
        let page = Page { size: Some(bound.resource.set.page as u64), nested: 1000, expanded: 200, ..Page::default() };
        let first = self.planned(&bound, &model, &page);
        match &self.after {
            None => first,
            Some(values) => {
                let keys = first.paging.keys.iter().map(|key| key.ty);
                let after = values.split('|').map(str::trim).zip(keys).map(|(text, ty)| value(text, ty)).collect();
                self.planned(&bound, &model, &Page { after: Some(after), ..page })
            }
        }
    }

    fn planned(&self, query: &bound::Query, model: &Model, page: &Page) -> Plan {
        let caller = Caller {
            user_id: 7,
            user_guid: Guid(uuid::Uuid::nil()),
            name: "Ann".into(),
            role: self.role,
            duties: Duties::NONE,
        };
        let context =
            Context { viewer: &caller, me: Some(7), params: &query.params, schema: model.schema, few_rows: false };
        plan::plan(query, context, page, &Limits::default()).unwrap_or_else(|e| panic!("{}: {e:?}", self.address))
    }
}

fn custom_fields() -> [Field; 2] {
    let field = |id, reference_name: &str, ty| Field {
        id,
        name: reference_name.replace('.', "_"),
        reference_name: reference_name.to_owned(),
        ty,
    };
    [field(1, "Custom.Team", Edm::String), field(2, "Custom.Score", Edm::Double)]
}

/// An order value as a question writes it.
fn value(text: &str, ty: Type) -> Value {
    if text == "null" {
        return Value::Null(ty);
    }
    let number = || text.parse::<i64>().unwrap_or_else(|e| panic!("{text}: {e}"));
    match ty {
        Type::Int32 => Value::Int32(number().try_into().expect("an Int32")),
        Type::Int64 => Value::Int64(number()),
        Type::Instant => Value::Instant(Instant(number())),
        Type::Text => Value::Text(text.to_owned()),
        other => panic!("an order value of {other:?}"),
    }
}

fn children(level: &[Child], path: &str, show: &mut impl FnMut(&str, &Statement)) {
    for child in level {
        let path = format!("{path}{}", child.nav.name);
        let parents = || List::new(Items::Ints(vec![1, 2]));
        if let Some(count) = child.count_statement(parents()) {
            show(&format!("count of {path}"), &count);
        }
        if child.has_members() {
            show(&format!("rows of {path}"), &child.statement(parents()));
        }
        children(&child.level.children, &format!("{path}/"), show);
    }
}

fn show(out: &mut String, what: &str, statement: &Statement) {
    let sqlite = laid_out(&statement.sqlite_text().expect("text for SQLite"));
    let postgres = laid_out(&statement.postgres_text().expect("text for PostgreSQL"));
    let _ =
        writeln!(out, "== {what}: SQLite\n{sqlite}\n-- {}", binds(&debug_query::<Sqlite, _>(statement).to_string()));
    let _ = writeln!(
        out,
        "== {what}: PostgreSQL\n{postgres}\n-- {}\n",
        binds(&debug_query::<Pg, _>(statement).to_string())
    );
}

fn binds(shown: &str) -> &str {
    shown.rsplit_once(" -- binds: ").map_or("", |(_, binds)| binds)
}
