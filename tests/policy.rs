//! Who may see what, over all that the model has (AU-80, issue #5 point 7).
//!
//! Two databases: one with everybody's time and all budgets, one from which the time of others and the budgets are gone.
//! A Team caller must not be able to tell them apart: every answer is the same, byte for byte, through every set,
//! navigation, expand, lambda, count, aggregate, order, key, file and next link. The requests are made from the model, so
//! what is added to it later is asked for too. That they can tell the two apart at all is shown by a caller who sees all.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use timeledger::entities;
use timeledger::odata::edm::{Edm, Entity, Model, Nav, Schema, Set, Structured, Version};

use crate::backend::{Backend, Database, Fixture, for_each_backend};
use crate::support::http::{Reply, Request};
use crate::support::server::Server;

const ADA: &str = "ada@example.com";
const TIM: &str = "tim@example.com";

/// The two databases, each behind a server.
struct Pair {
    all: Server,
    own: Server,
}

impl Pair {
    fn start(backend: Backend) -> Pair {
        let site: Value = serde_json::from_slice(&fs::read(Fixture::SMALL.path()).expect("the fixture")).expect("JSON");
        let start = |site: &Value, name: &str| {
            let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("policy-{name}-{backend:?}.json"));
            fs::write(&file, in_order(site)).expect("a fixture");
            // A small page, so that there are next links.
            Server::start_with(Database::load(backend, &file), &[("TIMELEDGER_ODATA__PAGE_SIZE", "2")])
        };
        Pair { all: start(&everything(site.clone()), "all"), own: start(&without_others(everything(site)), "own") }
    }

    /// The answers of both, as one caller gets them.
    fn ask(&self, user: &str, request: &Request) -> (Reply, Reply) {
        (self.all.send(user, request.clone()), self.own.send(user, request.clone()))
    }
}

/// The members in the order that `load` reads them in.
fn in_order(site: &Value) -> String {
    let members = ["users", "activityTypes", "workItems", "budgets", "worklogs"];
    let members: Vec<_> = members.iter().map(|name| format!("\"{name}\": {}", site[name])).collect();
    format!("{{{}}}", members.join(",\n"))
}

/// A log of Tim's in the last year that anybody has logged, since the calendar reaches that far.
fn everything(mut site: Value) -> Value {
    let mut late = site["worklogs"][0].clone();
    late["id"] = json!("cccccccc-0000-4000-8000-000000000099");
    late["timestamp"] = json!("2025-11-30T10:00:00");
    site["worklogs"].as_array_mut().expect("logs").push(late);
    for item in site["workItems"].as_array_mut().expect("items") {
        item["fields"]["System.CreatedDate"] = json!("2024-01-01T00:00:00Z");
        item["fields"]["System.ChangedDate"] = json!("2024-01-01T00:00:00Z");
    }
    site
}

fn without_others(mut site: Value) -> Value {
    site["budgets"] = json!([]);
    let logs = site["worklogs"].as_array_mut().expect("logs");
    logs.retain(|log| log["user"] == TIM);
    for log in logs {
        log["budget"] = Value::Null;
    }
    site
}

/// What is the same wherever rows are the same: next links are sealed with a key of each database's own.
fn comparable(reply: &Reply) -> (u16, String) {
    let token = regex::Regex::new("skiptoken=[A-Za-z0-9_.%-]+").expect("a pattern");
    (reply.status, token.replace_all(&reply.lossy(), "skiptoken=…").into_owned())
}

/// Names of a type's values: properties, and those of its complex members as paths.
fn values(model: &Model, of: Structured) -> Vec<(String, Edm)> {
    let mut found: Vec<_> = model.props(of).map(|prop| (prop.name.to_owned(), prop.ty)).collect();
    for complex in model.complexes(of) {
        let inner = values(model, Structured::Complex(complex.ty));
        found.extend(inner.into_iter().map(|(name, ty)| (format!("{}/{name}", complex.name), ty)));
    }
    found
}

/// Aggregates, groups and orders over values, behind a prefix such as `Parent/`.
fn over_values(values: &[(String, Edm)], prefix: &str) -> Vec<String> {
    let mut aggregates = vec!["$count as N".to_owned()];
    for (index, (name, ty)) in values.iter().enumerate() {
        let methods: &[&str] = if ty.is_number() { &["sum", "max", "average"] } else { &["countdistinct"] };
        aggregates.extend(methods.iter().map(|method| format!("{prefix}{name} with {method} as {method}{index}")));
        aggregates.push(format!("case({prefix}{name} ne null:1,true:0) with sum as There{index}"));
    }
    let mut options: Vec<_> =
        aggregates.chunks(60).map(|chunk| format!("?$apply=aggregate({})", chunk.join(","))).collect();
    for chunk in values.chunks(15) {
        let paths: Vec<_> = chunk.iter().map(|(name, _)| format!("{prefix}{name}")).collect();
        options.push(format!("?$apply=groupby(({}),aggregate($count as N))", paths.join(",")));
        options.push(format!("?$orderby={} desc", paths.join(" desc,")));
        let tests: Vec<_> = paths.iter().map(|path| format!("{path} ne null")).collect();
        options.push(format!("/$count?$filter={}", tests.join(" and ")));
        options.push(format!("/$count?$filter={}", tests.join(" or ")));
    }
    options
}

fn over_navigation(model: &Model, nav: &Nav) -> Vec<String> {
    let name = nav.name;
    let target = Structured::Entity(nav.target);
    let values = values(model, target);
    let mut options = vec![format!("?$expand={name}")];
    options.extend(model.navs(target).map(|next| format!("?$expand={name}($expand={})", next.name)));
    if !nav.many {
        options.push(format!("/$count?$filter={name} ne null"));
        options.extend(over_values(&values, &format!("{name}/")));
        return options;
    }
    options.push(format!("?$filter={name}/any()"));
    options.push(format!("?$filter={name}/$count gt 1"));
    options.push(format!("?$orderby={name}/$count desc"));
    options.push(format!("?$expand={name}($count=true;$top=1)"));
    for chunk in values.chunks(15) {
        let tests: Vec<_> = chunk.iter().map(|(path, _)| format!("x/{path} ne null")).collect();
        options.push(format!("?$filter={name}/any(x:{})", tests.join(" and ")));
        options.push(format!("?$filter={name}/all(x:{})", tests.join(" or ")));
        options.push(format!("?$filter={name}/$count($filter={}) gt 0", chunk_filter(chunk)));
    }
    for next in model.navs(target).filter(|next| next.many) {
        options.push(format!("?$filter={name}/any(x:x/{}/any())", next.name));
        options.push(format!("?$filter={name}/any(x:x/{}/$count gt 1)", next.name));
    }
    options
}

fn chunk_filter(chunk: &[(String, Edm)]) -> String {
    chunk.iter().map(|(path, _)| format!("{path} ne null")).collect::<Vec<_>>().join(" and ")
}

/// Everything to be asked of a set but its keys.
fn questions(model: &Model, set: &Set) -> Vec<String> {
    let of = Structured::Entity(set.entity);
    let mut options: Vec<String> = [
        "",
        "/$count",
        "?$count=true&$top=1",
        "?$format=csv",
        "?$format=ndjson",
        "?$format=application/json;metadata=full",
    ]
    .map(str::to_owned)
    .to_vec();
    options.extend(over_values(&values(model, of), ""));
    options.extend(model.navs(of).flat_map(|nav| over_navigation(model, nav)));
    if model.parameter("worklogsFilter").is_some() {
        options.extend(
            [
                "?worklogsFilter=PeriodLength gt 60",
                "?worklogsFilter=Budget/BudgetName ne null",
                "?workItemsFilter=Budget/BudgetName ne null",
                "?workItemsFilter=BudgetAssignmentType eq 'DirectlyAssigned'",
                "?workItemsFilter=System_State eq 'Active'&workItemFilterApplyTarget=AllWorkItems",
                "?customFields=Custom.Team,Custom.Score",
                "?prefilter=Me",
            ]
            .map(str::to_owned),
        );
    }
    options
}

fn key_of(model: &Model, entity: &'static Entity, row: &Value) -> String {
    let name = model.key(entity).next().expect("a key").name;
    row[name].as_str().map_or_else(|| row[name].to_string(), str::to_owned)
}

/// Keys of all rows, whoever may see them.
fn keys(server: &Server, model: &Model, address: &str, set: &Set) -> Vec<String> {
    let (rows, _) = server.walk(ADA, address);
    rows.iter().map(|row| key_of(model, set.entity, row)).take(20).collect()
}

#[test]
fn a_team_caller_cannot_tell_whether_the_rows_of_others_are_there() {
    for_each_backend(|backend| {
        let pair = Pair::start(backend);
        for (segment, schema, version) in versions() {
            let seen_by = |budgets| Model { schema, version, granted: entities::rights(budgets), fields: &[] };
            for set in seen_by(true).sets() {
                check_set(&pair, &format!("/api/odata/{segment}/{}", set.name), set, &seen_by(false), &seen_by(true));
            }
        }
    });
}

/// The oldest and the newest version of each schema: those between have no name that neither of them has.
fn versions() -> impl Iterator<Item = (&'static str, &'static Schema, Version)> {
    let of = |schema: &'static Schema| entities::VERSIONS.iter().filter(move |(_, s, _)| std::ptr::eq(*s, schema));
    entities::VERSIONS.iter().copied().filter(move |(segment, schema, version)| {
        let (oldest, newest) = (of(schema).map(|v| v.2).min(), of(schema).map(|v| v.2).max());
        (Some(*version) == oldest || Some(*version) == newest) && !segment.ends_with("-beta")
    })
}

fn check_set(pair: &Pair, address: &str, set: &'static Set, team: &Model, full: &Model) {
    let mut asked: BTreeSet<String> = questions(team, set).into_iter().collect();
    // What the caller's own model lacks is asked for as well: it must be unknown, and equally so.
    asked.extend(questions(full, set));
    for key in keys(&pair.all, full, address, set) {
        asked.insert(format!("({key})"));
        for nav in full.navs(Structured::Entity(set.entity)) {
            asked.insert(format!("({key})/{}", nav.name));
            if nav.many {
                asked.insert(format!("({key})/{}/$count", nav.name));
            }
        }
    }
    let mut differs_for_all = false;
    let mut answered = 0;
    for options in &asked {
        let request = Request::get(&format!("{address}{options}"));
        let (all, own) = pair.ask(TIM, &request);
        assert_eq!(comparable(&all), comparable(&own), "{address}{options} tells of others");
        assert!(all.status < 500, "{address}{options}: {}", all.lossy());
        answered += usize::from(all.status < 300);
        if !differs_for_all {
            let (all, own) = pair.ask(ADA, &request);
            differs_for_all = comparable(&all) != comparable(&own);
        }
    }
    let known = team.set(set.name).is_some();
    assert!(!known || answered * 2 > asked.len(), "{address}: only {answered} of {} were answered", asked.len());
    assert!(differs_for_all, "{address}: these questions show nothing even to who sees all");
    if known {
        assert_eq!(pair.all.walk(TIM, address).0, pair.own.walk(TIM, address).0, "{address}, page by page");
    }
}

/// What the wire contract and the v4.0 model say of a Team caller's budgets.
#[test]
fn budgets_are_no_part_of_a_team_callers_model() {
    for_each_backend(|backend| {
        let server = Server::shared(backend, Fixture::SMALL);
        let metadata = server.get(TIM, "/api/odata/v4.0/$metadata");
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
            let reply = server.get(TIM, &format!("/api/odata/v4.0/{target}"));
            let expected = if target == "Budgets" { (404, "ResourceNotFound") } else { (400, "UnknownProperty") };
            assert_eq!((reply.status, reply.error_code().as_str()), expected, "{target}: {}", reply.lossy());
            assert_eq!(server.get(ADA, &format!("/api/odata/v4.0/{target}")).status, 200, "{target}");
        }
        let own = server
            .get(TIM, "/api/odata/v4.0/Worklogs?$select=BillablePeriodLength,IsBillable&$filter=PeriodLength eq 3600");
        assert_eq!(own.json()["value"], json!([{"BillablePeriodLength": 3600, "IsBillable": true}]));
    });
}
