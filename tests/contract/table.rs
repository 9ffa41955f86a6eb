//! The tables of `fixtures/contract` → facts; the README there says what a line means.

use std::collections::HashMap;

use super::Facts;

/// Whose model it is.
#[derive(Clone, Copy)]
pub struct Reader {
    /// As in `edm::Version`: 31 for 3.1.
    pub version: u16,
    pub sees_budgets: bool,
}

impl Reader {
    /// A name without its marks, if it is there for this reader.
    fn sees(self, word: &str) -> Option<&str> {
        let (name, mark) = word.split_once('@').unwrap_or((word, ""));
        let number = |text: &str| text.replace('.', "").parse::<u16>().expect("a version");
        let there = match mark {
            "" => true,
            "budgets" => self.sees_budgets,
            mark => match mark.strip_prefix('-') {
                Some(until) => self.version < number(until),
                None => self.version >= number(mark),
            },
        };
        there.then_some(name)
    }
}

#[derive(Default)]
struct Table<'t> {
    types: &'t str,
    enums: &'t str,
    enumerations: Vec<&'t str>,
    /// Member lines by the group or type that they are of.
    members: HashMap<&'t str, Vec<&'t str>>,
    /// `(kind, type, key)` in order.
    declared: Vec<(&'t str, &'t str, Vec<&'t str>)>,
    sets: Vec<(&'t str, &'t str)>,
    bindings: Vec<(&'t str, &'t str, &'t str)>,
    binds_all: bool,
    facts: Facts,
}

pub fn facts(text: &str, reader: Reader) -> Facts {
    let mut table = Table::default();
    // Members of what this reader does not see are gathered under no name.
    let mut within = "";
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["types", namespace] => table.types = namespace,
            ["enums", namespace] => table.enums = namespace,
            ["container", name] => {
                table.facts.insert(format!("container {name}"));
            }
            ["set", name, ty] => table.sets.extend(reader.sees(name).map(|name| (name, *ty))),
            ["bind", "all"] => table.binds_all = true,
            ["bind", set, path, target] => {
                table.bindings.extend(reader.sees(path).map(|path| (*set, path, *target)));
            }
            ["enum", name, members @ ..] => {
                if let Some(name) = reader.sees(name) {
                    table.enumerations.push(name);
                    table.facts.insert(format!("enum {}.{name} {}", table.enums, members.join(" ")));
                }
            }
            ["group", name] => within = name,
            [kind @ ("entity" | "open" | "complex"), name, key @ ..] => {
                within = reader.sees(name).unwrap_or("");
                if !within.is_empty() {
                    table.declared.push((kind, within, key.iter().skip(1).copied().collect()));
                }
            }
            _ => table.members.entry(within).or_default().push(line),
        }
    }
    table.finish(reader)
}

impl<'t> Table<'t> {
    fn finish(mut self, reader: Reader) -> Facts {
        for (kind, name, key) in std::mem::take(&mut self.declared) {
            let key = if key.is_empty() { String::new() } else { format!(" key {}", key.join(" ")) };
            self.facts.insert(format!("{kind} {}.{name}{key}", self.types));
            self.add_members(name, name, reader);
        }
        for (name, ty) in self.sets.clone() {
            self.facts.insert(format!("set {name} of {}.{ty}", self.types));
            for (set, path, target) in &self.bindings {
                if *set == name {
                    self.facts.insert(format!("set {set} binds {path} to {target}"));
                }
            }
            if self.binds_all {
                self.bind_all(name, ty, reader);
            }
        }
        self.facts
    }

    fn add_members(&mut self, owner: &str, group: &str, reader: Reader) {
        for line in self.members.get(group).cloned().unwrap_or_default() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["use", other] => self.add_members(owner, other, reader),
                [kind @ ("one!" | "one?" | "many"), name, ty, rest @ ..] => {
                    if let Some(name) = reader.sees(name) {
                        let marks = rest.iter().map(|mark| format!(" {mark}")).collect::<String>();
                        self.facts.insert(format!("{owner}/{name} -> {kind} {}.{ty}{marks}", self.types));
                    }
                }
                [ty, names @ ..] => {
                    let (ty, mark) = ty.split_at(ty.len() - 1);
                    for name in names.iter().filter_map(|name| reader.sees(name)) {
                        self.facts.insert(format!("{owner}/{name}: {}{mark}", self.qualified(ty)));
                    }
                }
                [] => {}
            }
        }
    }

    fn bind_all(&mut self, set: &str, ty: &str, reader: Reader) {
        for line in self.members.get(ty).cloned().unwrap_or_default() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let ["one!" | "one?" | "many", name, target, ..] = words.as_slice() else { continue };
            let bound = self.sets.iter().find(|(_, of)| of == target).map(|(set, _)| *set);
            if let (Some(name), Some(bound)) = (reader.sees(name), bound) {
                self.facts.insert(format!("set {set} binds {name} to {bound}"));
            }
        }
    }

    fn qualified(&self, ty: &str) -> String {
        const PRIMITIVES: [&str; 8] =
            ["Boolean", "Int32", "Int64", "Double", "String", "Guid", "Date", "DateTimeOffset"];
        if PRIMITIVES.contains(&ty) || ty.starts_with("Decimal") {
            format!("Edm.{ty}")
        } else if self.enumerations.contains(&ty) {
            format!("{}.{ty}", self.enums)
        } else {
            format!("{}.{ty}", self.types)
        }
    }
}
