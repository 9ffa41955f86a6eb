//! `$metadata` in XML (CSDL XML 4.01; OD-2, OD-100 to OD-107).
//!
//! A schema element for each namespace: the types, the enumerations, the container; one for all where they share it.
//! Facets say only what is enforced, and nothing at all where the schema carries no annotations: its readers expect the
//! published model.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::{Protocol, Reachable, annotations};
use crate::odata::edm::{Complex, Edm, Entity, EnumType, Model, Nav, Prop, Set, Structured};
use crate::odata::limits::Limits;

const EDMX: &str = "http://docs.oasis-open.org/odata/ns/edmx";
const EDM: &str = "http://docs.oasis-open.org/odata/ns/edm";

/// The whole document. Annotations speak of `limits`, which are a matter of configuration.
pub fn write(model: &Model, protocol: Protocol, limits: &Limits) -> String {
    let version = match protocol {
        Protocol::V4_0 => "4.0",
        Protocol::V4_01 => "4.01",
    };
    let mut xml = Xml::new();
    xml.inside("edmx:Edmx", &[("Version", version), ("xmlns:edmx", EDMX)], |xml| {
        if model.schema.annotated {
            annotations::references(xml);
        }
        xml.inside("edmx:DataServices", &[], |xml| schemas(xml, model, limits));
    });
    xml.finish()
}

fn schemas(xml: &mut Xml, model: &Model, limits: &Limits) {
    let found = Reachable::of(model);
    let schema = model.schema;
    let mut namespaces = vec![schema.namespace];
    for namespace in [schema.enum_namespace, schema.container_namespace] {
        if !namespaces.contains(&namespace) {
            namespaces.push(namespace);
        }
    }
    for namespace in namespaces {
        let holds = |other: &str| other == namespace;
        xml.inside("Schema", &[("Namespace", namespace), ("xmlns", EDM)], |xml| {
            if holds(schema.namespace) {
                types(xml, model, &found);
            }
            if holds(schema.enum_namespace) {
                found.enums.iter().for_each(|ty| enumeration(xml, ty));
            }
            if holds(schema.container_namespace) {
                container(xml, model, limits);
            }
            if model.schema.annotated {
                annotations::of_schema(xml, model);
            }
        });
    }
}

fn types(xml: &mut Xml, model: &Model, found: &Reachable) {
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
            annotations::describe(xml, model, entity.doc);
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
    let facets = facets(model, prop);
    let mut attributes = vec![("Name", prop.name), ("Type", ty.as_str())];
    if !prop.nullable {
        attributes.push(("Nullable", "false"));
    }
    attributes.extend(facets.iter().map(|(name, value)| (*name, value.as_str())));
    xml.described("Property", &attributes, model, prop.doc);
}

fn facets(model: &Model, prop: &Prop) -> Vec<(&'static str, String)> {
    if !model.schema.annotated {
        return Vec::new();
    }
    match prop.ty {
        Edm::String => prop.max_length.map(|most| ("MaxLength", most.to_string())).into_iter().collect(),
        Edm::Decimal { precision, scale } => {
            vec![("Precision", precision.to_string()), ("Scale", scale.to_string())]
        }
        Edm::DateTimeOffset | Edm::TimeOfDay | Edm::Duration => vec![("Precision", "6".to_owned())],
        _ => Vec::new(),
    }
}

fn complex_property(xml: &mut Xml, model: &Model, complex: &Complex) {
    let ty = model.qualified(complex.ty.name);
    let mut attributes = vec![("Name", complex.name), ("Type", ty.as_str())];
    if !complex.nullable {
        attributes.push(("Nullable", "false"));
    }
    xml.described("Property", &attributes, model, complex.doc);
}

fn navigation(xml: &mut Xml, model: &Model, nav: &Nav) {
    let target = model.qualified(nav.target.name);
    let ty = if nav.many { format!("Collection({target})") } else { target };
    let mut attributes = vec![("Name", nav.name), ("Type", ty.as_str())];
    if !nav.many && !nav.nullable {
        attributes.push(("Nullable", "false"));
    }
    if let Some(partner) = partner(model, nav) {
        attributes.push(("Partner", partner.name));
    }
    if nav.contained {
        attributes.push(("ContainsTarget", "true"));
    }
    let constraint = nav.constraint;
    if constraint.is_none() && !annotations::describes(model, nav.doc) {
        return xml.empty("NavigationProperty", &attributes);
    }
    xml.inside("NavigationProperty", &attributes, |xml| {
        if let Some((here, there)) = constraint {
            xml.empty("ReferentialConstraint", &[("Property", here), ("ReferencedProperty", there)]);
        }
        annotations::describe(xml, model, nav.doc);
    });
}

/// The navigation back, where this caller sees it.
fn partner(model: &Model, nav: &Nav) -> Option<&'static Nav> {
    let name = nav.partner?;
    model.navs(Structured::Entity(nav.target)).find(|back| back.name == name)
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
        if model.schema.annotated {
            annotations::of_container(xml);
        }
    });
}

fn entity_set(xml: &mut Xml, model: &Model, set: &Set, limits: &Limits) {
    let ty = model.qualified(set.entity.name);
    let bindings = bindings(model, set.entity);
    let attributes = [("Name", set.name), ("EntityType", ty.as_str())];
    if bindings.is_empty() && !model.schema.annotated {
        return xml.empty("EntitySet", &attributes);
    }
    xml.inside("EntitySet", &attributes, |xml| {
        for (path, target) in bindings {
            xml.empty("NavigationPropertyBinding", &[("Path", &path), ("Target", target)]);
        }
        if model.schema.annotated {
            annotations::of_set(xml, set, limits);
        }
    });
}

/// Paths and the sets they lead to; through contained navigation too, which has no set to say it (CSDL §13.4).
fn bindings(model: &Model, entity: &'static Entity) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    for nav in model.navs(Structured::Entity(entity)) {
        if let Some(set) = nav.set {
            found.push((nav.name.to_owned(), set));
        } else if nav.contained && !std::ptr::eq(nav.target, entity) {
            let below = bindings(model, nav.target).into_iter();
            found.extend(below.map(|(path, set)| (format!("{}/{path}", nav.name), set)));
        }
    }
    found
}

/// Elements as they are written. Writing to memory cannot fail.
pub(super) struct Xml {
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

    pub fn empty(&mut self, name: &str, attributes: &Attributes) {
        self.event(Event::Empty(element(name, attributes)));
    }

    pub fn inside(&mut self, name: &str, attributes: &Attributes, content: impl FnOnce(&mut Xml)) {
        self.event(Event::Start(element(name, attributes)));
        content(self);
        self.event(Event::End(BytesEnd::new(name)));
    }

    pub fn text_element(&mut self, name: &str, text: &str) {
        self.event(Event::Start(BytesStart::new(name)));
        self.event(Event::Text(BytesText::new(text)));
        self.event(Event::End(BytesEnd::new(name)));
    }

    /// An element that holds nothing but its description, if that is written at all.
    fn described(&mut self, name: &str, attributes: &Attributes, model: &Model, doc: &str) {
        if annotations::describes(model, doc) {
            self.inside(name, attributes, |xml| annotations::describe(xml, model, doc));
        } else {
            self.empty(name, attributes);
        }
    }

    fn event(&mut self, event: Event) {
        self.out.write_event(event).expect("memory takes what is written");
    }
}

fn element<'a>(name: &'a str, attributes: &'a Attributes) -> BytesStart<'a> {
    BytesStart::new(name).with_attributes(attributes.iter().copied())
}
