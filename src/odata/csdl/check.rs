//! Faults of a declaration that no type of ours forbids. A test asks for them in every version and for every right.

use std::collections::HashMap;

use crate::odata::edm::{Entity, Model, Nav, Structured, Types};

/// Each fault as a sentence; none is what a test expects.
pub fn faults(model: &Model) -> Vec<String> {
    let found = model.types();
    let mut faults = Vec::new();
    doubles("sets", model.sets().map(|set| set.name), &mut faults);
    let types = found.entities.iter().map(|e| e.name).chain(found.complexes.iter().map(|c| c.name));
    doubles("types", types.chain(found.enums.iter().map(|e| e.name)), &mut faults);
    for entity in &found.entities {
        of_entity(model, entity, &mut faults);
    }
    for complex in &found.complexes {
        of_members(model, Structured::Complex(complex), &mut faults);
    }
    if model.schema.annotated {
        undescribed(model, &found, &mut faults);
    }
    faults
}

/// Names that differ by letter case only count as the same (OD-107).
fn doubles<'a>(of: &str, names: impl Iterator<Item = &'a str>, faults: &mut Vec<String>) {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for name in names {
        if let Some(other) = seen.insert(name.to_lowercase(), name) {
            faults.push(format!("{of}: {name} and {other} are the same name"));
        }
    }
}

fn of_entity(model: &Model, entity: &'static Entity, faults: &mut Vec<String>) {
    let name = entity.name;
    if entity.table.is_empty() {
        faults.push(format!("{name} has no table"));
    }
    if entity.key.is_empty() {
        faults.push(format!("{name} has no key"));
    }
    for key in entity.key {
        match model.props(Structured::Entity(entity)).find(|p| p.name == *key) {
            None => faults.push(format!("{name}: the key {key} is not one of its properties")),
            Some(prop) if prop.nullable => faults.push(format!("{name}: the key {key} may be null")),
            Some(_) => {}
        }
    }
    of_members(model, Structured::Entity(entity), faults);
    for nav in model.navs(Structured::Entity(entity)) {
        of_navigation(model, entity, nav, faults);
    }
}

fn of_members(model: &Model, of: Structured, faults: &mut Vec<String>) {
    doubles(of.name(), model.members(of).map(|m| m.name()), faults);
}

fn of_navigation(model: &Model, owner: &'static Entity, nav: &'static Nav, faults: &mut Vec<String>) {
    let here = format!("{}/{}", owner.name, nav.name);
    match (nav.set, nav.contained) {
        (Some(_), true) => faults.push(format!("{here} is bound to a set and contained as well")),
        (None, true) if model.set_of(nav.target).is_some() => {
            faults.push(format!("{here} is contained though {} has a set", nav.target.name));
        }
        (None, false) => faults.push(format!("{here} is bound to no set")),
        (Some(set), false) => match model.sets().find(|s| s.name == set) {
            None => faults.push(format!("{here} is bound to {set}, which is not there")),
            Some(set) if !std::ptr::eq(set.entity, nav.target) => {
                faults.push(format!("{here} is bound to {}, which holds another type", set.name));
            }
            Some(_) => {}
        },
        (None, true) => {}
    }
    if let Some((from, to)) = nav.constraint {
        let ty = |entity, name: &str| {
            model.props(Structured::Entity(entity)).find(|p| p.name == name).map(|p| (p.ty, p.nullable))
        };
        match (ty(owner, from), ty(nav.target, to)) {
            (Some((a, _)), Some((b, _))) if a != b => faults.push(format!("{here}: {from} and {to} differ in type")),
            (Some((_, nullable)), Some(_)) if nullable != nav.nullable => {
                faults.push(format!("{here}: {from} and the navigation differ in whether they may be null"));
            }
            (Some(_), Some(_)) => {}
            _ => faults.push(format!("{here}: its constraint names a property that is not there")),
        }
    }
    if let Some(partner) = nav.partner {
        let back = model.navs(Structured::Entity(nav.target)).find(|n| n.name == partner);
        if !back.is_some_and(|back| back.partner == Some(nav.name) && std::ptr::eq(back.target, owner)) {
            faults.push(format!("{here}: {partner} does not lead back"));
        }
    }
}

fn undescribed(model: &Model, found: &Types, faults: &mut Vec<String>) {
    for entity in &found.entities {
        let of = Structured::Entity(entity);
        let props = model.props(of).map(|p| (p.name, p.doc));
        let navs = model.navs(of).map(|n| (n.name, n.doc));
        for (name, _) in props.chain(navs).filter(|(_, doc)| doc.is_empty()) {
            faults.push(format!("{}/{name} has no description", entity.name));
        }
    }
    for set in model.sets().filter(|set| set.doc.is_empty()) {
        faults.push(format!("the set {} has no description", set.name));
    }
}
