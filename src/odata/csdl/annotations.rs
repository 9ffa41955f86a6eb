//! What `$metadata` says of the service beyond its types (OD-105). Every word must be true: Power Query reads here what it
//! may leave to the server (OD-106).

use super::xml::Xml;
use crate::odata::edm::{Model, Set};
use crate::odata::functions;
use crate::odata::limits::Limits;

const VOCABULARIES: &str = "https://docs.oasis-open.org/odata/odata-vocabularies/v4.0/vocabularies/";

/// Transformations of `$apply`; `aggregate` has all of the standard's methods.
const TRANSFORMATIONS: [&str; 3] = ["aggregate", "filter", "groupby"];

/// What an answer can be; `metadata` parameters as clients of either protocol version write them.
const FORMATS: [&str; 6] = [
    "application/json;odata.metadata=minimal",
    "application/json;odata.metadata=full",
    "application/json;odata.metadata=none",
    "application/x-ndjson",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "text/csv",
];

/// The vocabularies by their aliases.
pub fn references(xml: &mut Xml) {
    for (name, alias) in [
        ("Org.OData.Core.V1", "Core"),
        ("Org.OData.Capabilities.V1", "Capabilities"),
        ("Org.OData.Aggregation.V1", "Aggregation"),
    ] {
        let uri = format!("{VOCABULARIES}{name}.xml");
        xml.inside("edmx:Reference", &[("Uri", &uri)], |xml| {
            xml.empty("edmx:Include", &[("Namespace", name), ("Alias", alias)]);
        });
    }
}

/// Whether [`describe`] writes anything.
pub fn describes(model: &Model, doc: &str) -> bool {
    model.schema.annotated && !doc.is_empty()
}

pub fn describe(xml: &mut Xml, model: &Model, doc: &str) {
    if describes(model, doc) {
        text(xml, "Core.Description", doc);
    }
}

pub fn of_schema(xml: &mut Xml, model: &Model) {
    let (major, minor) = (model.version.0 / 10, model.version.0 % 10);
    text(xml, "Core.SchemaVersion", &format!("{major}.{minor}"));
}

pub fn of_container(xml: &mut Xml) {
    text(xml, "Core.ODataVersions", "4.0,4.01");
    let level = "Org.OData.Capabilities.V1.ConformanceLevelType/Intermediate";
    xml.empty("Annotation", &[("Term", "Capabilities.ConformanceLevel"), ("EnumMember", level)]);
    list(xml, "Capabilities.SupportedFormats", FORMATS);
    list(xml, "Capabilities.FilterFunctions", functions::names());
    for (term, supported) in [
        ("Capabilities.AsynchronousRequestsSupported", "false"),
        ("Capabilities.BatchSupported", "false"),
        ("Capabilities.CrossJoinSupported", "false"),
        ("Capabilities.IndexableByKey", "true"),
        ("Capabilities.KeyAsSegmentSupported", "true"),
        ("Capabilities.QuerySegmentSupported", "true"),
        ("Capabilities.TopSupported", "true"),
        ("Capabilities.SkipSupported", "true"),
        ("Capabilities.ComputeSupported", "false"),
    ] {
        xml.empty("Annotation", &[("Term", term), ("Bool", supported)]);
    }
    record(xml, "Capabilities.SelectSupport", &[("Supported", "Bool", "true")]);
    record(xml, "Capabilities.ChangeTracking", &[("Supported", "Bool", "false")]);
}

pub fn of_set(xml: &mut Xml, set: &Set, limits: &Limits) {
    text(xml, "Core.Description", set.doc);
    let levels = limits.expand_depth.to_string();
    record(xml, "Capabilities.FilterRestrictions", &[("Filterable", "Bool", "true")]);
    record(xml, "Capabilities.SortRestrictions", &[("Sortable", "Bool", "true")]);
    record(xml, "Capabilities.CountRestrictions", &[("Countable", "Bool", "true")]);
    if set.entity.navs.is_empty() {
        record(xml, "Capabilities.ExpandRestrictions", &[("Expandable", "Bool", "false")]);
    } else {
        let restrictions = [("Expandable", "Bool", "true"), ("MaxLevels", "Int", levels.as_str())];
        record(xml, "Capabilities.ExpandRestrictions", &restrictions);
    }
    record(xml, "Capabilities.SearchRestrictions", &[("Searchable", "Bool", "false")]);
    record(xml, "Capabilities.InsertRestrictions", &[("Insertable", "Bool", "false")]);
    record(xml, "Capabilities.UpdateRestrictions", &[("Updatable", "Bool", "false")]);
    record(xml, "Capabilities.DeleteRestrictions", &[("Deletable", "Bool", "false")]);
    apply_supported(xml);
}

fn apply_supported(xml: &mut Xml) {
    xml.inside("Annotation", &[("Term", "Aggregation.ApplySupported")], |xml| {
        xml.inside("Record", &[], |xml| {
            xml.inside("PropertyValue", &[("Property", "Transformations")], |xml| strings(xml, TRANSFORMATIONS));
            xml.inside("PropertyValue", &[("Property", "CustomAggregationMethods")], |xml| {
                xml.empty("Collection", &[]);
            });
            let none = "Org.OData.Aggregation.V1.RollupType/None";
            xml.empty("PropertyValue", &[("Property", "Rollup"), ("EnumMember", none)]);
        });
    });
}

fn text(xml: &mut Xml, term: &str, value: &str) {
    xml.empty("Annotation", &[("Term", term), ("String", value)]);
}

fn list(xml: &mut Xml, term: &str, values: impl IntoIterator<Item = &'static str>) {
    xml.inside("Annotation", &[("Term", term)], |xml| strings(xml, values));
}

fn strings(xml: &mut Xml, values: impl IntoIterator<Item = &'static str>) {
    xml.inside("Collection", &[], |xml| {
        for value in values {
            xml.text_element("String", value);
        }
    });
}

/// `(property, kind of constant, value)`.
fn record(xml: &mut Xml, term: &str, values: &[(&str, &str, &str)]) {
    xml.inside("Annotation", &[("Term", term)], |xml| {
        xml.inside("Record", &[], |xml| {
            for (property, kind, value) in values {
                xml.empty("PropertyValue", &[("Property", property), (kind, value)]);
            }
        });
    });
}
