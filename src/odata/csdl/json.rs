//! `$metadata` in JSON (CSDL JSON 4.01; OD-3, OD-107): the same model as in XML, and nothing beside it.

use super::annotations::{self, Annotation, Value};
use super::object::{Json, Object};
use super::{Protocol, facets};
use crate::odata::edm::{Complex, Edm, Entity, EnumType, Model, Nav, Prop, Set, Structured, Types};
use crate::odata::limits::Limits;

/// The whole document. Annotations speak of `limits`, which are a matter of configuration.
pub fn write(model: &Model, protocol: Protocol, limits: &Limits) -> String {
    let schema = model.schema;
    let container = format!("{}.{}", schema.container_namespace, schema.container);
    let mut document = Object::new().with("$Version", protocol.name()).with("$EntityContainer", container);
    if schema.annotated {
        document.push("$Reference", references());
    }
    let types = model.types();
    for namespace in facets::namespaces(model) {
        document.push(namespace, members_of(namespace, model, &types, limits));
    }
    document.to_text()
}

fn references() -> Object {
    let mut references = Object::new();
    for (namespace, alias) in annotations::VOCABULARIES {
        let include = Object::new().with("$Namespace", namespace).with("$Alias", alias);
        let reference = Object::new().with("$Include", vec![include]);
        references.push(annotations::vocabulary_address(namespace, "json"), reference);
    }
    references
}

fn members_of(namespace: &str, model: &Model, types: &Types, limits: &Limits) -> Object {
    let schema = model.schema;
    let mut members = Object::new();
    if namespace == schema.namespace {
        types.entities.iter().for_each(|entity| members.push(entity.name, entity_type(model, entity)));
        for complex in &types.complexes {
            let mut of = Object::new().with("$Kind", "ComplexType");
            properties(&mut of, model, Structured::Complex(complex));
            members.push(complex.name, of);
        }
    }
    if namespace == schema.enum_namespace {
        types.enums.iter().for_each(|ty| members.push(ty.name, enumeration(ty)));
    }
    if namespace == schema.container_namespace {
        members.push(schema.container, container(model, limits));
    }
    annotate(&mut members, annotations::of_schema(model));
    members
}

fn entity_type(model: &Model, entity: &'static Entity) -> Object {
    let mut members = Object::new().with("$Kind", "EntityType").with("$Key", entity.key.to_vec());
    if entity.open.is_some() {
        members.push("$OpenType", true);
    }
    properties(&mut members, model, Structured::Entity(entity));
    for nav in model.navs(Structured::Entity(entity)) {
        members.push(nav.name, navigation(model, nav));
    }
    annotate(&mut members, annotations::description(model, entity.doc));
    members
}

fn properties(members: &mut Object, model: &Model, of: Structured) {
    model.props(of).for_each(|prop| members.push(prop.name, property(model, prop)));
    model.complexes(of).for_each(|complex| members.push(complex.name, complex_property(model, complex)));
}

/// What is absent has its default: Edm.String, not nullable.
fn property(model: &Model, prop: &Prop) -> Object {
    let mut members = Object::new();
    if prop.ty != Edm::String {
        members.push("$Type", model.type_name(prop.ty));
    }
    if prop.nullable {
        members.push("$Nullable", true);
    }
    let facets = facets::facets(model, prop);
    // Said by saying nothing in XML, where JSON would leave it open.
    if facets.is_empty() && matches!(prop.ty, Edm::DateTimeOffset | Edm::TimeOfDay | Edm::Duration) {
        members.push("$Precision", 0);
    }
    for (facet, value) in facets {
        members.push(format!("${facet}"), value);
    }
    annotate(&mut members, annotations::description(model, prop.doc));
    members
}

fn complex_property(model: &Model, complex: &Complex) -> Object {
    let mut members = Object::new().with("$Type", model.qualified(complex.ty.name));
    if complex.nullable {
        members.push("$Nullable", true);
    }
    annotate(&mut members, annotations::description(model, complex.doc));
    members
}

fn navigation(model: &Model, nav: &Nav) -> Object {
    let mut members = Object::new().with("$Kind", "NavigationProperty");
    if nav.many {
        members.push("$Collection", true);
    }
    members.push("$Type", model.qualified(nav.target.name));
    if !nav.many && nav.nullable {
        members.push("$Nullable", true);
    }
    if let Some(partner) = facets::partner(model, nav) {
        members.push("$Partner", partner.name);
    }
    if nav.contained {
        members.push("$ContainsTarget", true);
    }
    if let Some((here, there)) = nav.constraint {
        members.push("$ReferentialConstraint", Object::new().with(here, there));
    }
    annotate(&mut members, annotations::description(model, nav.doc));
    members
}

fn enumeration(ty: &EnumType) -> Object {
    let members = ty.members.iter();
    members.fold(Object::new().with("$Kind", "EnumType"), |of, (name, value)| of.with(*name, i64::from(*value)))
}

fn container(model: &Model, limits: &Limits) -> Object {
    let mut members = Object::new().with("$Kind", "EntityContainer");
    model.sets().for_each(|set| members.push(set.name, entity_set(model, set, limits)));
    annotate(&mut members, annotations::of_container(model));
    members
}

fn entity_set(model: &Model, set: &Set, limits: &Limits) -> Object {
    let mut members = Object::new().with("$Collection", true).with("$Type", model.qualified(set.entity.name));
    let bindings = facets::bindings(model, set.entity).into_iter();
    let bindings = bindings.fold(Object::new(), |of, (path, target)| of.with(path, target));
    if !bindings.is_empty() {
        members.push("$NavigationPropertyBinding", bindings);
    }
    annotate(&mut members, annotations::of_set(model, set, limits));
    members
}

fn annotate(members: &mut Object, annotations: Vec<Annotation>) {
    for annotation in annotations {
        members.push(format!("@{}", annotation.term), value(annotation.value));
    }
}

fn value(of: Value) -> Json {
    match of {
        Value::Bool(value) => value.into(),
        Value::Int(value) => value.into(),
        Value::Text(text) => text.into(),
        Value::Member(_, member) => member.into(),
        Value::Collection(values) => values.into_iter().map(value).collect::<Vec<_>>().into(),
        Value::Record(properties) => {
            properties.into_iter().fold(Object::new(), |of, (name, inner)| of.with(name, value(inner))).into()
        }
    }
}
