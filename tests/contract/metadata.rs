//! A `$metadata` document → the same facts.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::Facts;

/// An element, or its end.
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    depth: usize,
}

impl Element {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    fn required(&self, name: &str) -> &str {
        self.get(name).unwrap_or_else(|| panic!("{} lacks {name}", self.name))
    }
}

/// All elements in their order, each with its depth.
fn elements(document: &str) -> Vec<Element> {
    let mut reader = Reader::from_str(document);
    let mut found = Vec::new();
    let mut depth = 0;
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Start(start) => {
                found.push(element(&start, depth));
                depth += 1;
            }
            Event::Empty(start) => found.push(element(&start, depth)),
            Event::End(_) => depth -= 1,
            Event::Eof => return found,
            _ => {}
        }
    }
}

fn element(start: &BytesStart, depth: usize) -> Element {
    let name = start.name().as_ref().to_owned();
    let attributes = start.attributes().map(|attribute| {
        let attribute = attribute.expect("an attribute");
        let key = attribute.key.as_ref().to_owned();
        let value = attribute.value.to_string();
        (key, value)
    });
    Element { name, attributes: attributes.collect(), depth }
}

/// What stands directly inside the element at `at`.
fn inside(all: &[Element], at: usize) -> impl Iterator<Item = (usize, &Element)> {
    let depth = all[at].depth;
    let below = all.iter().enumerate().skip(at + 1).take_while(move |(_, e)| e.depth > depth);
    below.filter(move |(_, e)| e.depth == depth + 1)
}

pub fn facts(document: &str) -> Facts {
    let all = elements(document);
    let mut facts = Facts::new();
    for (at, schema) in all.iter().enumerate().filter(|(_, e)| e.name == "Schema") {
        let namespace = schema.required("Namespace");
        for (at, element) in inside(&all, at) {
            match element.name.as_str() {
                "EntityType" => entity(&all, at, namespace, &mut facts),
                "ComplexType" => {
                    facts.insert(format!("complex {namespace}.{}", element.required("Name")));
                    members(&all, at, &mut facts);
                }
                "EnumType" => {
                    let members = inside(&all, at).filter(|(_, e)| e.name == "Member");
                    let members: Vec<String> =
                        members.map(|(_, e)| format!("{}={}", e.required("Name"), e.required("Value"))).collect();
                    facts.insert(format!("enum {namespace}.{} {}", element.required("Name"), members.join(" ")));
                }
                "EntityContainer" => {
                    facts.insert(format!("container {namespace}.{}", element.required("Name")));
                    container(&all, at, &mut facts);
                }
                _ => {}
            }
        }
    }
    facts
}

fn entity(all: &[Element], at: usize, namespace: &str, facts: &mut Facts) {
    let entity = &all[at];
    let kind = if entity.get("OpenType") == Some("true") { "open" } else { "entity" };
    let key = inside(all, at).find(|(_, e)| e.name == "Key").map(|(at, _)| at).expect("a key");
    let key: Vec<&str> = inside(all, key).map(|(_, e)| e.required("Name")).collect();
    facts.insert(format!("{kind} {namespace}.{} key {}", entity.required("Name"), key.join(" ")));
    members(all, at, facts);
}

fn members(all: &[Element], at: usize, facts: &mut Facts) {
    let owner = all[at].required("Name");
    for (_, member) in inside(all, at) {
        let nullable = member.get("Nullable") != Some("false");
        let mark = if nullable { "?" } else { "!" };
        match member.name.as_str() {
            "Property" => {
                let mut ty = member.required("Type").to_owned();
                if ty == "Edm.Decimal" {
                    ty = format!("{ty}({},{})", member.required("Precision"), member.required("Scale"));
                }
                facts.insert(format!("{owner}/{}: {ty}{mark}", member.required("Name")));
            }
            "NavigationProperty" => {
                let ty = member.required("Type");
                let one = ty.strip_prefix("Collection(").and_then(|ty| ty.strip_suffix(")"));
                let (kind, ty) = match one {
                    Some(ty) => ("many".to_owned(), ty),
                    None => (format!("one{mark}"), ty),
                };
                let contained = if member.get("ContainsTarget") == Some("true") { " contained" } else { "" };
                facts.insert(format!("{owner}/{} -> {kind} {ty}{contained}", member.required("Name")));
            }
            _ => {}
        }
    }
}

fn container(all: &[Element], at: usize, facts: &mut Facts) {
    for (at, set) in inside(all, at).filter(|(_, e)| e.name == "EntitySet") {
        let name = set.required("Name");
        facts.insert(format!("set {name} of {}", set.required("EntityType")));
        for (_, binding) in inside(all, at).filter(|(_, e)| e.name == "NavigationPropertyBinding") {
            let (path, target) = (binding.required("Path"), binding.required("Target"));
            facts.insert(format!("set {name} binds {path} to {target}"));
        }
    }
}

/// Properties and sets without a description.
pub fn undescribed(document: &str) -> Vec<String> {
    let all = elements(document);
    let described = |at| inside(&all, at).any(|(_, e)| e.get("Term") == Some("Core.Description"));
    let kinds = ["Property", "NavigationProperty", "EntityType", "EntitySet"];
    let bare = all.iter().enumerate().filter(|(at, e)| kinds.contains(&e.name.as_str()) && !described(*at));
    bare.map(|(_, e)| e.required("Name").to_owned()).collect()
}
