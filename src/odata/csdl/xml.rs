//! `$metadata` in XML (CSDL XML 4.01; OD-2, OD-100 to OD-107).
//!
//! A schema element for each namespace: the types, the enumerations, the container; one for all where they share it.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::annotations::{self, Annotation, Value};
use super::{Protocol, facets};
use crate::odata::edm::{Complex, EnumType, Model, Nav, Prop, Set, Structured, Types};
use crate::odata::limits::Limits;

const EDMX: &str = "http://docs.oasis-open.org/odata/ns/edmx";
const EDM: &str = "http://docs.oasis-open.org/odata/ns/edm";

/// The whole document. Annotations speak of `limits`, which are a matter of configuration.
pub fn write(model: &Model, protocol: Protocol, limits: &Limits) -> String {
    let mut xml = Xml::new();
    xml.inside("edmx:Edmx", &[("Version", protocol.name()), ("xmlns:edmx", EDMX)], |xml| {
        if model.schema.annotated {
            references(xml);
        }
        xml.inside("edmx:DataServices", &[], |xml| schemas(xml, model, limits));
    });
    xml.finish()
}

/// The vocabularies by their aliases.
fn references(xml: &mut Xml) {
    for (namespace, alias) in annotations::VOCABULARIES {
        let uri = annotations::vocabulary_address(namespace, "xml");
        xml.inside("edmx:Reference", &[("Uri", &uri)], |xml| {
            xml.empty("edmx:Include", &[("Namespace", namespace), ("Alias", alias)]);
        });
    }
}

fn schemas(xml: &mut Xml, model: &Model, limits: &Limits) {
    let found = model.types();
    let schema = model.schema;
    for namespace in facets::namespaces(model) {
        xml.inside("Schema", &[("Namespace", namespace), ("xmlns", EDM)], |xml| {
            if namespace == schema.namespace {
                types(xml, model, &found);
            }
            if namespace == schema.enum_namespace {
                found.enums.iter().for_each(|ty| enumeration(xml, ty));
            }
            if namespace == schema.container_namespace {
                container(xml, model, limits);
            }
            xml.annotate(annotations::of_schema(model));
        });
    }
}

fn types(xml: &mut Xml, model: &Model, found: &Types) {
    for entity in &found.entities {
        let mut attributes = vec![("Name", entity.name)];
        if entity.open.is_some() {
            attributes.push(("OpenType", "true"));
        }
        xml.inside("EntityType", &attributes, |xml| {
            xml.inside("Key", &[], |xml| {
                entity.key.iter().for_each(|name| xml.empty("PropertyRef", &[("Name", name)]));
            });
            members(xml, model, Structured::Entity(entity));
            for nav in model.navs(Structured::Entity(entity)) {
                navigation(xml, model, nav);
            }
            xml.annotate(annotations::description(model, entity.doc));
        });
    }
    for complex in &found.complexes {
        xml.inside("ComplexType", &[("Name", complex.name)], |xml| members(xml, model, Structured::Complex(complex)));
    }
}

fn members(xml: &mut Xml, model: &Model, of: Structured) {
    for prop in model.props(of) {
        property(xml, model, prop);
    }
    for complex in model.complexes(of) {
        complex_property(xml, model, complex);
    }
}

fn property(xml: &mut Xml, model: &Model, prop: &Prop) {
    let ty = model.type_name(prop.ty);
    let facets: Vec<_> =
        facets::facets(model, prop).into_iter().map(|(name, value)| (name, value.to_string())).collect();
    let mut attributes = vec![("Name", prop.name), ("Type", ty.as_str())];
    if !prop.nullable {
        attributes.push(("Nullable", "false"));
    }
    attributes.extend(facets.iter().map(|(name, value)| (*name, value.as_str())));
    xml.annotated("Property", &attributes, annotations::description(model, prop.doc));
}

fn complex_property(xml: &mut Xml, model: &Model, complex: &Complex) {
    let ty = model.qualified(complex.ty.name);
    let mut attributes = vec![("Name", complex.name), ("Type", ty.as_str())];
    if !complex.nullable {
        attributes.push(("Nullable", "false"));
    }
    xml.annotated("Property", &attributes, annotations::description(model, complex.doc));
}

fn navigation(xml: &mut Xml, model: &Model, nav: &Nav) {
    let target = model.qualified(nav.target.name);
    let ty = if nav.many { format!("Collection({target})") } else { target };
    let mut attributes = vec![("Name", nav.name), ("Type", ty.as_str())];
    if !nav.many && !nav.nullable {
        attributes.push(("Nullable", "false"));
    }
    if let Some(partner) = facets::partner(model, nav) {
        attributes.push(("Partner", partner.name));
    }
    if nav.contained {
        attributes.push(("ContainsTarget", "true"));
    }
    let described = annotations::description(model, nav.doc);
    let Some((here, there)) = nav.constraint else {
        return xml.annotated("NavigationProperty", &attributes, described);
    };
    xml.inside("NavigationProperty", &attributes, |xml| {
        xml.empty("ReferentialConstraint", &[("Property", here), ("ReferencedProperty", there)]);
        xml.annotate(described);
    });
}

fn enumeration(xml: &mut Xml, ty: &EnumType) {
    xml.inside("EnumType", &[("Name", ty.name)], |xml| {
        for (name, value) in ty.members {
            xml.empty("Member", &[("Name", name), ("Value", &value.to_string())]);
        }
    });
}

fn container(xml: &mut Xml, model: &Model, limits: &Limits) {
    xml.inside("EntityContainer", &[("Name", model.schema.container)], |xml| {
        for set in model.sets() {
            entity_set(xml, model, set, limits);
        }
        xml.annotate(annotations::of_container(model));
    });
}

fn entity_set(xml: &mut Xml, model: &Model, set: &Set, limits: &Limits) {
    let ty = model.qualified(set.entity.name);
    let bindings = facets::bindings(model, set.entity);
    let annotations = annotations::of_set(model, set, limits);
    let attributes = [("Name", set.name), ("EntityType", ty.as_str())];
    if bindings.is_empty() {
        return xml.annotated("EntitySet", &attributes, annotations);
    }
    xml.inside("EntitySet", &attributes, |xml| {
        for (path, target) in bindings {
            xml.empty("NavigationPropertyBinding", &[("Path", &path), ("Target", target)]);
        }
        xml.annotate(annotations);
    });
}

/// What stands in the attribute of a constant, with the attribute's name (CSDL XML §14.3).
fn constant(value: &Value) -> Option<(&'static str, String)> {
    match value {
        Value::Bool(value) => Some(("Bool", value.to_string())),
        Value::Int(value) => Some(("Int", value.to_string())),
        Value::Text(text) => Some(("String", text.clone())),
        Value::Member(ty, member) => Some(("EnumMember", format!("{ty}/{member}"))),
        Value::Collection(_) | Value::Record(_) => None,
    }
}

/// Elements as they are written. Writing to memory cannot fail.
struct Xml {
    out: Writer<Vec<u8>>,
}

type Attributes<'a> = [(&'a str, &'a str)];

impl Xml {
    fn new() -> Xml {
        let mut xml = Xml { out: Writer::new_with_indent(Vec::new(), b' ', 2) };
        xml.event(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)));
        xml
    }

    fn finish(self) -> String {
        String::from_utf8(self.out.into_inner()).expect("text was written as UTF-8")
    }

    fn empty(&mut self, name: &str, attributes: &Attributes) {
        self.event(Event::Empty(element(name, attributes)));
    }

    fn inside(&mut self, name: &str, attributes: &Attributes, content: impl FnOnce(&mut Xml)) {
        self.event(Event::Start(element(name, attributes)));
        content(self);
        self.event(Event::End(BytesEnd::new(name)));
    }

    fn text_element(&mut self, name: &str, text: &str) {
        self.event(Event::Start(BytesStart::new(name)));
        self.event(Event::Text(BytesText::new(text)));
        self.event(Event::End(BytesEnd::new(name)));
    }

    /// An element that holds nothing but its annotations.
    fn annotated(&mut self, name: &str, attributes: &Attributes, annotations: Vec<Annotation>) {
        if annotations.is_empty() {
            return self.empty(name, attributes);
        }
        self.inside(name, attributes, |xml| xml.annotate(annotations));
    }

    fn annotate(&mut self, annotations: Vec<Annotation>) {
        for Annotation { term, value } in annotations {
            self.valued("Annotation", ("Term", term), &value);
        }
    }

    /// An element with a value: as an attribute if it is a constant, else inside.
    fn valued(&mut self, name: &str, attribute: (&str, &str), value: &Value) {
        match constant(value) {
            Some((kind, text)) => self.empty(name, &[attribute, (kind, &text)]),
            None => self.inside(name, &[attribute], |xml| xml.expression(value)),
        }
    }

    /// A value as an element of its own.
    fn expression(&mut self, value: &Value) {
        match value {
            Value::Collection(members) if members.is_empty() => self.empty("Collection", &[]),
            Value::Collection(members) => {
                self.inside("Collection", &[], |xml| members.iter().for_each(|member| xml.expression(member)));
            }
            Value::Record(properties) => self.inside("Record", &[], |xml| {
                for (name, value) in properties {
                    xml.valued("PropertyValue", ("Property", name), value);
                }
            }),
            value => {
                if let Some((kind, text)) = constant(value) {
                    self.text_element(kind, &text);
                }
            }
        }
    }

    fn event(&mut self, event: Event) {
        self.out.write_event(event).expect("memory takes what is written");
    }
}

fn element<'a>(name: &'a str, attributes: &'a Attributes) -> BytesStart<'a> {
    BytesStart::new(name).with_attributes(attributes.iter().copied())
}
