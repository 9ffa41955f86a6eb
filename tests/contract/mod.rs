//! Our models against the contracts': tables written from these (`fixtures/contract`), compared with our `$metadata` both ways.

mod metadata;
mod published;
mod rows;
mod schema;
mod table;

use std::collections::BTreeSet;

use timeledger::entities;
use timeledger::odata::csdl::{Protocol, check, service, xml};
use timeledger::odata::edm::Model;
use timeledger::odata::limits::Limits;

/// Everything that a model says, a line each.
type Facts = BTreeSet<String>;

const V3: &str = include_str!("../../fixtures/contract/v3.model");
const V4: &str = include_str!("../../fixtures/contract/v4.model");

fn model(segment: &str, sees_budgets: bool) -> Model<'static> {
    let (schema, version) = entities::schema_for(segment).expect("a version of ours");
    Model { schema, version, granted: entities::rights(sees_budgets), fields: &[] }
}

/// Each version that is told apart, and who reads it.
fn models() -> impl Iterator<Item = (&'static str, bool, Model<'static>)> {
    let readers = |segment: &'static str| [true, false].map(|budgets| (segment, budgets, model(segment, budgets)));
    entities::VERSIONS.iter().flat_map(move |(segment, ..)| readers(segment))
}

fn document(model: &Model) -> String {
    xml::write(model, Protocol::V4_0, &Limits::default())
}

#[test]
fn every_version_says_what_its_contract_says() {
    for (segment, sees_budgets, model) in models() {
        let text = if segment == "v4.0" { V4 } else { V3 };
        let expected = table::facts(text, table::Reader { version: model.version.0, sees_budgets });
        let actual = metadata::facts(&document(&model));
        let missing: Vec<_> = expected.difference(&actual).collect();
        let surplus: Vec<_> = actual.difference(&expected).collect();
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "{segment}, budgets {sees_budgets}\nthe contract has: {missing:#?}\nwe have: {surplus:#?}"
        );
    }
}

/// Contract §3.4 counts the members of the work item types itself.
#[test]
fn the_table_has_as_many_members_as_the_contract_counts() {
    let facts = table::facts(V3, table::Reader { version: 33, sees_budgets: true });
    for (ty, members) in [
        ("ReportingWorkItem", 81),
        ("ReportingWorkItemParent", 77),
        ("ReportingWorkItemFlat", 83),
        ("ReportingWorkItemHierarchy", 91),
    ] {
        let of = format!("{ty}/");
        assert_eq!(facts.iter().filter(|f| f.starts_with(&of) && f.contains(": ")).count(), members, "{ty}");
    }
}

#[test]
fn no_declaration_has_a_fault() {
    for (segment, sees_budgets, model) in models() {
        assert_eq!(check::faults(&model), Vec::<String>::new(), "{segment}, budgets {sees_budgets}");
    }
}

#[test]
fn the_model_of_v3_is_the_same_for_every_role() {
    for segment in ["v3.0", "v3.3"] {
        assert_eq!(document(&model(segment, true)), document(&model(segment, false)));
    }
}

/// OD-2.
#[test]
fn the_document_bears_the_version_of_its_reader() {
    let of = |protocol| xml::write(&model("v4.0", true), protocol, &Limits::default());
    assert!(of(Protocol::V4_0).contains(r#"<edmx:Edmx Version="4.0""#));
    assert!(of(Protocol::V4_01).contains(r#"<edmx:Edmx Version="4.01""#));
}

/// Contract §3.1: clients are generated from it.
#[test]
fn v3_has_no_annotations_and_v4_describes_every_property() {
    assert!(!document(&model("v3.3", true)).contains("Annotation"));
    assert_eq!(metadata::undescribed(&document(&model("v4.0", true))), Vec::<String>::new());
}

/// OD-1.
#[test]
fn the_service_document_lists_the_sets_that_the_reader_has() {
    let text = service::write(&model("v4.0", false), "https://host/api/odata/v4.0/", Protocol::V4_0);
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["@odata.context"], "https://host/api/odata/v4.0/$metadata");
    let sets = document["value"].as_array().expect("an array");
    assert_eq!(sets[0], serde_json::json!({ "name": "Worklogs", "kind": "EntitySet", "url": "Worklogs" }));
    assert!(sets.iter().all(|set| set["name"] != "Budgets"));
}
