//! What a declaration says beyond a type: facets, the navigation back, the sets that navigation leads to. The same for
//! every document.

use crate::odata::edm::{Edm, Entity, Model, Nav, Prop, Structured};

/// A facet and its value (CSDL §7.2). Only what is enforced, and nothing where the schema carries no annotations: its
/// readers expect the published model.
pub fn facets(model: &Model, prop: &Prop) -> Vec<(&'static str, i64)> {
    if !model.schema.annotated {
        return Vec::new();
    }
    match prop.ty {
        Edm::String => prop.max_length.map(|most| ("MaxLength", most.into())).into_iter().collect(),
        Edm::Decimal { precision, scale } => vec![("Precision", precision.into()), ("Scale", scale.into())],
        Edm::DateTimeOffset | Edm::TimeOfDay | Edm::Duration => vec![("Precision", 6)],
        _ => Vec::new(),
    }
}

/// The navigation back, where this caller sees it.
pub fn partner(model: &Model, nav: &Nav) -> Option<&'static Nav> {
    let name = nav.partner?;
    model.navs(Structured::Entity(nav.target)).find(|back| back.name == name)
}

/// Paths and the sets they lead to; through contained navigation too, which has no set to say it (CSDL §13.4).
pub fn bindings(model: &Model, entity: &'static Entity) -> Vec<(String, &'static str)> {
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

/// The namespaces of a schema, each once: types first.
pub fn namespaces(model: &Model) -> Vec<&'static str> {
    let schema = model.schema;
    let mut found = vec![schema.namespace];
    for namespace in [schema.enum_namespace, schema.container_namespace] {
        if !found.contains(&namespace) {
            found.push(namespace);
        }
    }
    found
}
