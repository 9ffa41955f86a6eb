//! Nobody learns of rows that the row policy hides, in whatever way they ask (AU-80).
//!
//! The same requests go to two databases that differ in what is hidden alone: every answer must be the same, so that
//! rows, counts, sums, orders, next links, files and errors tell nothing. The requests come from the model.

mod requests;
mod world;

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::LazyLock;

use timeledger::db::{Conn, Role as ConnRole, write_to};
use timeledger::entities;
use timeledger::odata::ODataError;
use timeledger::odata::edm::{Edm, Field, Model, Set, Structured, Value as Source};
use timeledger::odata::encode::json::Metadata;
use timeledger::odata::limits::Limits;
use timeledger::odata::parse::RawRequest;
use timeledger::odata::run::RunError;
use timeledger::odata::service::{self, Format, Setup};
use timeledger::odata::skiptoken::Sealer;
use timeledger::policy::{Caller, Role};
use timeledger::sql::Instant;

use self::requests::{Form, Probe};
use self::world::{MARKER, Others};
use crate::backend::{BACKENDS, Backend, Database, Fixture, for_each_backend};
use crate::support::server::Server;

/// Pages that a walk follows.
const PAGES: usize = 8;

/// A database, and a connection to it.
struct World {
    conn: Conn,
    _database: Database,
}

impl World {
    fn new(backend: Backend, others: Others) -> World {
        let database = world::database(backend, others);
        World { conn: database.connect(ConnRole::Migrator), _database: database }
    }

    /// What the caller reads: every byte, or the error.
    fn answer(&mut self, model: &Model, who: &Caller, probe: &Probe) -> String {
        let mut all = String::new();
        let mut options = probe.options.clone();
        for _ in 0..PAGES {
            let answer =
                self.once(model, who, &RawRequest { path: &probe.path, query: &options, body: None }, probe.form);
            let next = (probe.form == Form::Pages).then(|| next_options(&answer)).flatten();
            all += &TOKEN.replace_all(&answer, "skiptoken=…");
            let Some(next) = next else { break };
            options = next;
        }
        all
    }

    fn once(&mut self, model: &Model, who: &Caller, request: &RawRequest, form: Form) -> String {
        let limits = Limits { expression_nodes: 10_000, ..Limits::default() };
        let sealer = Sealer::new([7; 32]);
        let format = match form {
            Form::Json | Form::Pages => Format::Json { metadata: Metadata::Minimal, ieee754: false },
            Form::JsonFull => Format::Json { metadata: Metadata::Full, ieee754: false },
            Form::NdJson => Format::NdJson,
            Form::Csv => Format::Csv,
            Form::Xlsx => Format::Xlsx,
        };
        let setup = Setup {
            model: *model,
            limits: &limits,
            viewer: who,
            me: Some(who.user_id.into()),
            caller: &who.name,
            now: Instant(1_710_000_000_000_000),
            sealer: &sealer,
            root: "/",
            format,
            payload_401: false,
            continuation: None,
            omit_nulls: false,
            page: (form == Form::Pages).then_some(1),
            page_limit: None,
        };
        let prepared = match service::prepare(request, &setup) {
            Ok(prepared) => prepared,
            Err(error) => return refused(&error),
        };
        let mut bytes = Vec::new();
        match write_to(&mut bytes, |sink| prepared.run(&mut self.conn, sink).map(drop)) {
            Ok(()) if form == Form::Xlsx => workbook(&bytes),
            Ok(()) => String::from_utf8(bytes).expect("an answer in UTF-8"),
            Err(RunError::NoContent) => "204".into(),
            Err(RunError::Request(error)) => refused(&error),
            Err(RunError::Database(error)) => format!("500 {error:?}"),
        }
    }
}

static TOKEN: LazyLock<regex::Regex> =
    LazyLock::new(|| regex::Regex::new(r"skiptoken=[A-Za-z0-9_.%-]+").expect("a pattern"));

fn refused(error: &ODataError) -> String {
    format!("{} {} {:?}: {error}", error.status(), error.code.name(), error.target)
}

/// The options of the next link, decoded as far as parsing takes them.
fn next_options(answer: &str) -> Option<String> {
    let body: serde_json::Value = serde_json::from_str(answer).ok()?;
    let link = body["@odata.nextLink"].as_str()?;
    Some(link.split_once('?')?.1.to_owned())
}

/// What stands in the cells.
fn workbook(bytes: &[u8]) -> String {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("a zip file");
    let mut names: Vec<String> = archive.file_names().map(|name| name.expect("a name").into_owned()).collect();
    names.retain(|name| name.contains("sheet") || name.contains("haredStrings"));
    names.sort();
    let mut all = String::new();
    for name in names {
        archive.by_name(&name).expect("a member").read_to_string(&mut all).expect("XML");
    }
    all
}

/// Each model that a Team caller meets.
fn models(fields: &[Field]) -> impl Iterator<Item = (&'static str, Model<'_>)> {
    entities::VERSIONS.iter().map(|(segment, schema, version)| {
        (*segment, Model { schema, version: *version, granted: entities::rights(false), fields })
    })
}

fn custom() -> [Field; 1] {
    [Field { id: 1, name: "Custom_Team".into(), reference_name: "Custom.Team".into(), ty: Edm::String }]
}

/// Keys of the first rows that there are, as a URL has them, own ones and others'.
fn keys(world: &mut World, model: &Model, set: &Set) -> Vec<String> {
    let select = set.entity.key.join(",");
    let request = RawRequest { path: set.name, query: &format!("$select={select}&$top=4"), body: None };
    let answer = world.once(model, &world::person(Role::Product), &request, Form::Json);
    let body: serde_json::Value =
        serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{}: {e} {answer}", set.name));
    let rows = body["value"].as_array().expect("rows");
    let part = |row: &serde_json::Value, name: &str| row[name].to_string().trim_matches('"').to_owned();
    rows.iter().map(|row| set.entity.key.iter().map(|name| part(row, name)).collect::<Vec<_>>().join(",")).collect()
}

/// A version that is served under two names is asked once.
fn distinct_models(fields: &[Field]) -> Vec<(&'static str, Model<'_>)> {
    let mut distinct: Vec<(&'static str, Model)> = models(fields).collect();
    distinct.dedup_by_key(|(_, model)| model.version);
    distinct
}

/// What an enumeration found.
#[derive(Default)]
struct Findings {
    asked: usize,
    wrong: Vec<String>,
    kinds: BTreeSet<&'static str>,
    /// Kinds by which a role that sees all learned more than Team did: where nobody can, the test proves nothing.
    telling: BTreeSet<&'static str>,
}

#[test]
fn a_team_caller_cannot_tell_whether_others_have_time_and_budgets() {
    let mut pairs = BACKENDS.map(|backend| {
        let [with, without] = [Others::Present, Others::Absent].map(|others| World::new(backend, others));
        Pair { backend, with, without }
    });
    let fields = custom();
    let mut found = Findings::default();
    for (segment, model) in distinct_models(&fields) {
        for set in model.sets() {
            let keys = keys(&mut pairs[0].with, &model, set);
            for probe in requests::of_set(&model, set, &keys) {
                found.compare(segment, &model, &probe, &mut pairs);
            }
        }
    }
    let shown = found.wrong[..found.wrong.len().min(20)].join("\n");
    assert!(found.wrong.is_empty(), "{} of {} wrong:\n{shown}", found.wrong.len(), found.asked);
    let mute: Vec<_> = found.kinds.difference(&found.telling).collect();
    assert!(mute.is_empty(), "these tell even a Product caller nothing: {mute:?}");
}

/// The two databases on one back end.
struct Pair {
    backend: Backend,
    with: World,
    without: World,
}

impl Findings {
    fn compare(&mut self, segment: &str, model: &Model, probe: &Probe, pairs: &mut [Pair; 2]) {
        let team = world::person(Role::Team);
        self.asked += 1;
        self.kinds.insert(probe.kind);
        let shown = format!("{segment}/{}?{} as {:?}", probe.path, probe.options, probe.form);
        let mut answers = Vec::new();
        for Pair { backend, with, without } in pairs.iter_mut() {
            let (there, gone) = (with.answer(model, &team, probe), without.answer(model, &team, probe));
            if there != gone || there.contains(MARKER) || there.starts_with("500") {
                let (there, gone) = (cut(&there), cut(&gone));
                self.wrong.push(format!("  {backend:?} {shown}\n      with    {there}\n      without {gone}"));
            }
            answers.push(there);
        }
        // Whether a zero divisor fails the request is up to how many rows a back end has to look at.
        if answers[0] != answers[1] && !probe.options.contains(" div ") {
            let (sqlite, postgres) = (cut(&answers[0]), cut(&answers[1]));
            self.wrong.push(format!("  {shown}\n      SQLite     {sqlite}\n      PostgreSQL {postgres}"));
        }
        if !self.telling.contains(probe.kind) {
            let all = pairs[0].with.answer(model, &world::person(Role::Product), probe);
            if all != answers[0] {
                self.telling.insert(probe.kind);
            }
        }
    }
}

fn cut(text: &str) -> String {
    text.chars().take(600).collect()
}

/// Counts and sums are those of the caller's own rows, by the rows that the test itself stored.
#[test]
fn counts_and_sums_are_of_own_rows() {
    for_each_backend(|backend| {
        let mut world = World::new(backend, Others::Present);
        let team = world::person(Role::Team);
        for (segment, model) in models(&[]) {
            for set in model.sets().filter(|set| set.entity.table == "worklogs") {
                let props: Vec<_> = model.props(Structured::Entity(set.entity)).collect();
                let deleted_too = props.iter().any(|prop| matches!(prop.value, Source::Column("deleted")));
                let (logs, seconds) = world::own_time(deleted_too);
                let length = props.iter().find(|prop| matches!(prop.value, Source::Column("length_seconds")));
                let length = length.expect("a length").name;
                let mut ask = |path: String, query: &str| {
                    world.once(&model, &team, &RawRequest { path: &path, query, body: None }, Form::Json)
                };
                assert_eq!(ask(format!("{}/$count", set.name), ""), logs.to_string(), "{segment}/{}", set.name);
                let sums =
                    ask(set.name.to_owned(), &format!("$apply=aggregate($count as Logs,{length} with sum as Seconds)"));
                let sums: serde_json::Value = serde_json::from_str(&sums).expect("JSON");
                let row = &sums["value"][0];
                assert_eq!(
                    (row["Logs"].as_i64(), row["Seconds"].as_i64()),
                    (Some(logs), Some(seconds)),
                    "{segment}/{}",
                    set.name
                );
            }
        }
    });
}

/// On v4 what Team may not see is not there at all.
#[test]
fn sets_beyond_a_role_are_unknown_to_it() {
    let mut world = World::new(Backend::Sqlite, Others::Present);
    for (segment, model) in models(&[]) {
        let wider = Model { granted: entities::rights(true), ..model };
        for set in wider.sets().filter(|set| model.set(set.name).is_none()) {
            let request = RawRequest { path: set.name, query: "", body: None };
            let answer = world.once(&model, &world::person(Role::Team), &request, Form::Json);
            assert!(answer.starts_with("404 ResourceNotFound"), "{segment}/{}: {answer}", set.name);
        }
    }
}

/// Role None stands before a locked door, whatever it asks; a Team caller's answers hold no marker. Through HTTP.
#[test]
fn through_http() {
    for_each_backend(|backend| {
        let server = Server::start(world::database(backend, Others::Present));
        for (segment, model) in models(&[]) {
            let root = format!("/api/odata/{segment}");
            let sets: Vec<&str> = model.sets().map(|set| set.name).collect();
            let asked = ["", "$metadata"].into_iter().chain(sets.iter().copied());
            for path in asked.map(str::to_owned).chain(sets.iter().map(|set| format!("{set}/$count"))) {
                let reply = server.get("nil", &format!("{root}/{path}"));
                assert_eq!((reply.status, reply.error_code().as_str()), (403, "AccessDenied"), "{root}/{path}");
            }
            for set in sets {
                let (rows, pages) = server.walk("tia", &format!("{root}/{set}?$top=5"));
                assert!(pages > 0 && !format!("{rows:?}").contains(MARKER), "{root}/{set}: {rows:?}");
                for options in ["", "?$format=csv", "?$format=ndjson", "?$count=true"] {
                    let target = format!("{root}/{set}{options}");
                    let reply = server.get("tia", &target);
                    assert_eq!(reply.status, 200, "{target}: {}", reply.lossy());
                    assert!(!reply.lossy().contains(MARKER), "{target}: {}", reply.lossy());
                }
            }
        }
    });
}

/// On v4 a Team caller's model knows no budgets: their names are unknown, and `$metadata` does not hold the word.
#[test]
fn budgets_are_no_part_of_a_team_callers_model() {
    for_each_backend(|backend| {
        let server = Server::shared(backend, Fixture::SMALL);
        let (team, administrator) = ("tim@example.com", "ada@example.com");
        let metadata = server.get(team, "/api/odata/v4.0/$metadata");
        assert_eq!(metadata.status, 200);
        assert!(!metadata.text().contains("Budget"), "the word budget stands in it: {}", metadata.text());
        for target in [
            "Budgets",
            "Worklogs?$expand=Budget",
            "Worklogs?$filter=BudgetId ne null",
            "Worklogs?$orderby=Budget/BudgetName",
            "Worklogs?$apply=groupby((Budget/BudgetName))",
            "WorkItems?$filter=BudgetAssignment eq 'NoBudget'",
            "WorkItems?$filter=Worklogs/any(w:w/Budget/BudgetName eq 'x')",
            "WorklogsFlat?$select=Budget_BudgetName",
        ] {
            let reply = server.get(team, &format!("/api/odata/v4.0/{target}"));
            let expected = if target == "Budgets" { (404, "ResourceNotFound") } else { (400, "UnknownProperty") };
            assert_eq!((reply.status, reply.error_code().as_str()), expected, "{target}: {}", reply.lossy());
            assert_eq!(server.get(administrator, &format!("/api/odata/v4.0/{target}")).status, 200, "{target}");
        }
        let own = server
            .get(team, "/api/odata/v4.0/Worklogs?$select=BillablePeriodLength,IsBillable&$filter=PeriodLength eq 3600");
        assert_eq!(own.json()["value"], serde_json::json!([{"BillablePeriodLength": 3600, "IsBillable": true}]));
    });
}
