//! What `$metadata` says of the service beyond its types (OD-105), as values that XML and JSON write each in its way.
//!
//! Every word must be true: Power Query reads here what it may leave to the server (OD-106). A test asks the service for
//! each term (`tests/odata/annotations.rs`) and knows no others.

use crate::odata::edm::{Model, Set};
use crate::odata::functions;
use crate::odata::limits::Limits;

/// The vocabularies that are used: where they are, their namespaces, their aliases.
pub const VOCABULARIES: [(&str, &str); 3] = [
    ("Org.OData.Core.V1", "Core"),
    ("Org.OData.Capabilities.V1", "Capabilities"),
    ("Org.OData.Aggregation.V1", "Aggregation"),
];

/// Where a vocabulary is published.
pub fn vocabulary_address(namespace: &str, extension: &str) -> String {
    format!("https://docs.oasis-open.org/odata/odata-vocabularies/v4.0/vocabularies/{namespace}.{extension}")
}

/// Transformations of `$apply`; `aggregate` has all of the standard's methods.
const TRANSFORMATIONS: [&str; 5] = ["aggregate", "filter", "groupby", "identity", SEARCH];

/// The one that needs texts.
const SEARCH: &str = "search";

/// What an answer can be; `metadata` parameters as clients of either protocol version write them.
const FORMATS: [&str; 6] = [
    "application/json;odata.metadata=minimal",
    "application/json;odata.metadata=full",
    "application/json;odata.metadata=none",
    "application/x-ndjson",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "text/csv",
];

const METADATA_FORMATS: [&str; 2] = ["application/xml", "application/json"];

/// A term of a vocabulary, and what it says here.
pub struct Annotation {
    pub term: &'static str,
    pub value: Value,
}

/// Constant expressions, collections and records (CSDL §14.3, §14.4).
pub enum Value {
    Bool(bool),
    Int(i64),
    Text(String),
    /// An enumeration's qualified name, and a member.
    Member(&'static str, &'static str),
    Collection(Vec<Value>),
    Record(Vec<(&'static str, Value)>),
}

fn says(term: &'static str, value: Value) -> Annotation {
    Annotation { term, value }
}

fn texts(values: impl IntoIterator<Item = &'static str>) -> Value {
    Value::Collection(values.into_iter().map(|text| Value::Text(text.to_owned())).collect())
}

/// A record of one property.
fn record(property: &'static str, value: bool) -> Value {
    Value::Record(vec![(property, Value::Bool(value))])
}

/// A description, where the schema has annotations and there is one.
pub fn description(model: &Model, doc: &str) -> Vec<Annotation> {
    if !model.schema.annotated || doc.is_empty() {
        return Vec::new();
    }
    vec![says("Core.Description", Value::Text(doc.to_owned()))]
}

pub fn of_schema(model: &Model) -> Vec<Annotation> {
    if !model.schema.annotated {
        return Vec::new();
    }
    vec![says("Core.SchemaVersion", Value::Text(model.schema_version()))]
}

pub fn of_container(model: &Model) -> Vec<Annotation> {
    if !model.schema.annotated {
        return Vec::new();
    }
    let level = Value::Member("Org.OData.Capabilities.V1.ConformanceLevelType", "Intermediate");
    let parameters = model.schema.parameters.iter();
    let parameters = parameters.map(|known| Value::Record(vec![("Name", Value::Text(known.name.to_owned()))]));
    vec![
        says("Core.ODataVersions", Value::Text("4.0,4.01".to_owned())),
        says("Capabilities.ConformanceLevel", level),
        says("Capabilities.SupportedFormats", texts(FORMATS)),
        says("Capabilities.SupportedMetadataFormats", texts(METADATA_FORMATS)),
        says("Capabilities.FilterFunctions", texts(functions::names())),
        says("Capabilities.CustomQueryOptions", Value::Collection(parameters.collect())),
        says("Capabilities.AsynchronousRequestsSupported", Value::Bool(false)),
        says("Capabilities.BatchSupported", Value::Bool(false)),
        says("Capabilities.BatchSupport", record("Supported", false)),
        says("Capabilities.CrossJoinSupported", Value::Bool(false)),
        says("Capabilities.KeyAsSegmentSupported", Value::Bool(true)),
        says("Capabilities.QuerySegmentSupported", Value::Bool(true)),
        says("Capabilities.SelectSupport", record("Supported", true)),
    ]
}

pub fn of_set(model: &Model, set: &Set, limits: &Limits) -> Vec<Annotation> {
    if !model.schema.annotated {
        return Vec::new();
    }
    let mut found = description(model, set.doc);
    let searchable = model.searched(set.entity).next().is_some();
    found.extend([
        says("Capabilities.FilterRestrictions", record("Filterable", true)),
        says("Capabilities.SortRestrictions", record("Sortable", true)),
        says("Capabilities.CountRestrictions", record("Countable", true)),
        says("Capabilities.ExpandRestrictions", expanding(set, limits)),
        says("Capabilities.SearchRestrictions", record("Searchable", searchable)),
        says("Capabilities.TopSupported", Value::Bool(true)),
        says("Capabilities.SkipSupported", Value::Bool(true)),
        says("Capabilities.ComputeSupported", Value::Bool(true)),
        says("Capabilities.IndexableByKey", Value::Bool(true)),
        says("Capabilities.ChangeTracking", record("Supported", false)),
        says("Capabilities.InsertRestrictions", record("Insertable", false)),
        says("Capabilities.UpdateRestrictions", record("Updatable", false)),
        says("Capabilities.DeleteRestrictions", record("Deletable", false)),
        says("Aggregation.ApplySupported", applying(searchable)),
    ]);
    found
}

fn expanding(set: &Set, limits: &Limits) -> Value {
    if set.entity.navs.is_empty() {
        return record("Expandable", false);
    }
    // What `$expand` within `$expand` and `$levels` both hold.
    let nested = u64::try_from(limits.expand_depth).unwrap_or(u64::MAX);
    let levels = i64::try_from(nested.min(limits.levels)).unwrap_or(i64::MAX);
    Value::Record(vec![("Expandable", Value::Bool(true)), ("MaxLevels", Value::Int(levels))])
}

fn applying(searchable: bool) -> Value {
    let transformations = TRANSFORMATIONS.into_iter().filter(|name| searchable || *name != SEARCH);
    Value::Record(vec![
        ("Transformations", texts(transformations)),
        ("CustomAggregationMethods", Value::Collection(Vec::new())),
        ("Rollup", Value::Member("Org.OData.Aggregation.V1.RollupType", "None")),
        ("From", Value::Bool(false)),
    ])
}
