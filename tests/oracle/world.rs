//! The model of v4.0 as `$metadata` says it, and all rows in memory, each set read once and without options.
//!
//! What a navigation property leads to is found by its referential constraint or that of its partner, and for the four
//! that have none by walking up the parents.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::check::ask;
use super::expression::Path;
use super::json::Json;
use super::search;
use super::value::{Type, Value};
use crate::support::server::Server;

pub const ROOT: &str = "/api/odata/v4.0";
/// Sees everything.
pub const ADA: &str = "ada@example.com";
/// Role Team: own time alone, and no budgets.
pub const ZOE: &str = "zoe@example.com";

#[derive(Debug)]
pub struct Prop {
    pub name: String,
    pub ty: Type,
}

#[derive(Debug)]
pub struct Nav {
    pub name: String,
    /// Index of the set that it leads to.
    pub target: usize,
    pub many: bool,
    partner: Option<String>,
    constraint: Option<(String, String)>,
    /// For each row the rows that it leads to, in their default order.
    pub links: Vec<Vec<usize>>,
}

/// An entity type with its only set.
#[derive(Debug)]
pub struct Set {
    pub name: String,
    type_name: String,
    pub key: String,
    pub props: Vec<Prop>,
    pub navs: Vec<Nav>,
    /// What `$search` looks into.
    pub searched: Vec<Path>,
    /// In the default order; values in the order of `props`.
    pub rows: Vec<Vec<Value>>,
}

impl Set {
    pub fn prop(&self, name: &str) -> Option<usize> {
        self.props.iter().position(|prop| prop.name == name)
    }

    pub fn nav(&self, name: &str) -> Option<&Nav> {
        self.navs.iter().find(|nav| nav.name == name)
    }

    /// The values of one property.
    pub fn column(&self, name: &str) -> impl Iterator<Item = &Value> {
        let index = self.prop(name).unwrap_or_else(|| panic!("{} has no {name}", self.name));
        self.rows.iter().map(move |row| &row[index])
    }
}

#[derive(Debug)]
pub struct World {
    /// Who reads, and asks.
    pub user: &'static str,
    pub sets: Vec<Set>,
    /// Members of each enumeration.
    pub enums: HashMap<String, Vec<String>>,
}

impl World {
    pub fn read(server: &Server, user: &'static str) -> World {
        let reply = server.get(user, &format!("{ROOT}/$metadata"));
        let mut world = World { user, sets: Vec::new(), enums: HashMap::new() };
        Metadata::default().read(reply.text(), &mut world);
        let mut searched = search::documented();
        for set in &mut world.sets {
            set.searched = searched.remove(&set.name).unwrap_or_else(|| panic!("no texts of {} are told", set.name));
            let walk = ask(server, user, &format!("{ROOT}/{}", set.name), None);
            assert_eq!((walk.status, walk.complete), (200, true), "{}", set.name);
            set.take(&walk.rows);
        }
        for at in 0..world.sets.len() {
            // A text that the caller does not see is not searched either.
            let set = &world.sets[at];
            let known = |path: &Path| set.prop(&path[0]).is_some() || set.nav(&path[0]).is_some();
            let texts = world.sets[at].searched.iter().filter(|path| known(path)).cloned().collect();
            world.sets[at].searched = texts;
        }
        world.link();
        world
    }

    pub fn set(&self, name: &str) -> &Set {
        self.sets.iter().find(|set| set.name == name).unwrap_or_else(|| panic!("no set {name}"))
    }

    fn link(&mut self) {
        for at in 0..self.sets.len() {
            for nav in 0..self.sets[at].navs.len() {
                let links = self.links(&self.sets[at], &self.sets[at].navs[nav]);
                self.sets[at].navs[nav].links = links;
            }
        }
    }

    fn links(&self, of: &Set, nav: &Nav) -> Vec<Vec<usize>> {
        let target = &self.sets[nav.target];
        if let Some((from, to)) = &nav.constraint {
            return matching(of.column(from), target.column(to));
        }
        let partner = nav.partner.as_deref().and_then(|partner| target.nav(partner));
        if let Some((from, to)) = partner.and_then(|partner| partner.constraint.as_ref()) {
            return matching(of.column(to), target.column(from));
        }
        self.tree_links(of, nav)
    }

    /// Work items above and below an item, and the logs of all below.
    fn tree_links(&self, of: &Set, nav: &Nav) -> Vec<Vec<usize>> {
        let parents = matching(of.column("ParentWorkItemId"), of.column("WorkItemId"));
        let above = |row: usize| {
            let mut chain = vec![row];
            while let Some(parent) = parents[chain[chain.len() - 1]].first() {
                chain.push(*parent);
            }
            chain
        };
        let chains: Vec<Vec<usize>> = (0..of.rows.len()).map(above).collect();
        let below = |row: usize| (0..of.rows.len()).filter(move |other| *other != row);
        let within = |row: usize, other: usize| chains[other].contains(&row);
        (0..of.rows.len())
            .map(|row| match nav.name.as_str() {
                "Root" => chains[row].last().copied().into_iter().collect(),
                "Ancestors" => below(row).filter(|other| within(*other, row)).collect(),
                "Descendants" => below(row).filter(|other| within(row, *other)).collect(),
                "AllWorklogs" => {
                    let logs = matching(self.set("Worklogs").column("WorkItemId"), of.column("WorkItemId"));
                    let counts = |item: &Vec<usize>| item.first().is_some_and(|item| within(row, *item));
                    logs.iter().enumerate().filter(|(_, item)| counts(item)).map(|(log, _)| log).collect()
                }
                other => panic!("{}/{other} has no constraint that says what it leads to", of.name),
            })
            .collect()
    }
}

/// For each value of the left the places of its equals on the right; null equals none.
fn matching<'v>(left: impl Iterator<Item = &'v Value>, right: impl Iterator<Item = &'v Value>) -> Vec<Vec<usize>> {
    let right: Vec<&Value> = right.collect();
    left.map(|value| (0..right.len()).filter(|at| !value.is_null() && value == right[*at]).collect()).collect()
}

impl Set {
    fn take(&mut self, rows: &[Json]) {
        // Custom fields of an open type are told by the rows alone.
        if let Some(Json::Object(members)) = rows.first() {
            for (name, _) in members {
                if self.prop(name).is_none() {
                    let ty = match rows.iter().find_map(|row| row.get(name).filter(|value| **value != Json::Null)) {
                        Some(Json::Bool(_)) => Type::Boolean,
                        Some(Json::Number(_)) => Type::Double,
                        _ => Type::String,
                    };
                    self.props.push(Prop { name: name.clone(), ty });
                }
            }
        }
        let value = |row: &Json, prop: &Prop| {
            let json = row.get(&prop.name).unwrap_or_else(|| panic!("{} lacks {}", self.name, prop.name));
            let value = Value::from_json(json, &prop.ty);
            value.unwrap_or_else(|| panic!("{}/{}: {json:?} is no {:?}", self.name, prop.name, prop.ty))
        };
        self.rows = rows.iter().map(|row| self.props.iter().map(|prop| value(row, prop)).collect()).collect();
    }
}

/// Where a reader of `$metadata` is.
#[derive(Default)]
struct Metadata {
    namespace: String,
    /// Sets by the qualified name of their type.
    sets: HashMap<String, String>,
    /// Navigation properties by set and place, with the target's type.
    targets: Vec<(usize, usize, String)>,
    in_entity: bool,
    in_key: bool,
    in_enum: Option<String>,
}

impl Metadata {
    fn read(mut self, document: &str, world: &mut World) {
        let mut reader = Reader::from_str(document);
        loop {
            match reader.read_event().expect("well-formed XML") {
                Event::Start(start) | Event::Empty(start) => self.element(&start, world),
                Event::End(end) => match end.name().as_ref() {
                    "EntityType" => self.in_entity = false,
                    "EnumType" => self.in_enum = None,
                    "Key" => self.in_key = false,
                    _ => {}
                },
                Event::Eof => break,
                _ => {}
            }
        }
        // Types come in the document's order, sets by name of type.
        for set in &mut world.sets {
            set.name = self.sets.get(&set.type_name).unwrap_or_else(|| panic!("{} has no set", set.type_name)).clone();
        }
        for (set, nav, type_name) in self.targets {
            let target = world.sets.iter().position(|set| set.type_name == type_name).expect("a target with a set");
            world.sets[set].navs[nav].target = target;
        }
    }

    fn element(&mut self, start: &BytesStart, world: &mut World) {
        let get = |name: &str| {
            let mut attributes = start.attributes().map(|attribute| attribute.expect("an attribute"));
            attributes.find(|a| a.key.as_ref() == name).map(|a| a.value.to_string())
        };
        let must = |name: &str| get(name).unwrap_or_else(|| panic!("an element lacks {name}"));
        match start.name().as_ref() {
            "Schema" => self.namespace = must("Namespace"),
            "EntityType" => {
                self.in_entity = true;
                let type_name = format!("{}.{}", self.namespace, must("Name"));
                let (key, props, navs) = (String::new(), Vec::new(), Vec::new());
                let searched = Vec::new();
                world.sets.push(Set { name: String::new(), type_name, key, props, navs, searched, rows: Vec::new() });
            }
            "EnumType" => {
                let name = format!("{}.{}", self.namespace, must("Name"));
                world.enums.insert(name.clone(), Vec::new());
                self.in_enum = Some(name);
            }
            "Member" => {
                let members = self.in_enum.as_ref().and_then(|name| world.enums.get_mut(name));
                members.expect("an enumeration").push(must("Name"));
            }
            "EntitySet" => {
                self.sets.insert(must("EntityType"), must("Name"));
            }
            "Key" => self.in_key = true,
            _ if !self.in_entity => {}
            name => {
                let at = world.sets.len() - 1;
                self.member(name, &must, &get, at, &mut world.sets[at]);
            }
        }
    }

    /// What stands inside an entity type.
    fn member(
        &mut self,
        element: &str,
        must: &dyn Fn(&str) -> String,
        get: &dyn Fn(&str) -> Option<String>,
        at: usize,
        set: &mut Set,
    ) {
        match element {
            "PropertyRef" if self.in_key => set.key = must("Name"),
            "Property" => set.props.push(Prop { name: must("Name"), ty: Type::named(&must("Type")) }),
            "NavigationProperty" => {
                let ty = must("Type");
                let inner = ty.strip_prefix("Collection(").and_then(|rest| rest.strip_suffix(')'));
                self.targets.push((at, set.navs.len(), inner.unwrap_or(&ty).to_owned()));
                set.navs.push(Nav {
                    name: must("Name"),
                    target: 0,
                    many: inner.is_some(),
                    partner: get("Partner"),
                    constraint: None,
                    links: Vec::new(),
                });
            }
            "ReferentialConstraint" => {
                let nav = set.navs.last_mut().expect("a navigation property");
                nav.constraint = Some((must("Property"), must("ReferencedProperty")));
            }
            _ => {}
        }
    }
}
