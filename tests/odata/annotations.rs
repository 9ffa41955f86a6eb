//! OD-105, OD-106: each annotation of `$metadata` is asked for, through the front door, by callers of two roles. What it
//! promises is answered, what it denies is refused. A term that nobody here knows how to ask for fails the test, so that a
//! new one is covered.

mod container;
mod set;

use serde_json::{Map, Value};

use super::{ADA, TIM, V4, report, send};
use crate::support::http::{Reply, Request};

#[test]
fn what_is_annotated_is_true() {
    let mut asked = 0;
    for user in [ADA, TIM] {
        let mut service = Service::of(user);
        let document = service.document.clone();
        let schema = &document["Timeledger"];
        for (term, value) in annotations(schema) {
            assert_eq!(term, "Core.SchemaVersion", "an annotation of the schema that nobody asks for");
            service.schema_version(value.as_str().expect("a version"));
        }
        for (term, value) in annotations(&schema["Container"]) {
            container::check(&mut service, term, value);
            asked += 1;
        }
        for (name, of) in members(&schema["Container"]) {
            let set = set::Asked::of(&service, name, of);
            for (term, value) in annotations(of) {
                set.check(&mut service, term, value);
                asked += 1;
            }
        }
        report(&service.wrong);
    }
    assert!(asked > 200, "{asked} annotations of containers and sets");
}

/// Other targets carry descriptions alone.
#[test]
fn what_else_is_annotated_is_a_description() {
    let document = Service::of(ADA).document;
    let schema = &document["Timeledger"];
    for (name, of) in members(schema).filter(|(_, of)| of["$Kind"] != "EntityContainer") {
        let inner = members(of).flat_map(|(_, of)| annotations(of));
        for (term, value) in annotations(of).chain(inner) {
            assert_eq!(term, "Core.Description", "an annotation of {name} that nobody asks for");
            assert!(value.as_str().is_some_and(|text| text.ends_with('.')), "{name}: {value}");
        }
    }
}

/// The service as one caller sees it, and what is found wrong.
struct Service {
    user: &'static str,
    document: Value,
    wrong: Vec<String>,
}

impl Service {
    fn of(user: &'static str) -> Service {
        let reply = send(user, Request::get(&format!("{V4}/$metadata?$format=json")));
        Service { user, document: reply.json(), wrong: Vec::new() }
    }

    fn get(&self, target: &str) -> Reply {
        send(self.user, Request::get(&format!("{V4}/{target}")))
    }

    /// The request is answered.
    fn answered(&mut self, claim: &str, target: &str) -> Reply {
        let reply = self.get(target);
        self.expect(claim, target, reply.status == 200, &reply);
        reply
    }

    /// The request is refused as what the service cannot do or does not allow.
    fn refused(&mut self, claim: &str, target: &str) {
        let reply = self.get(target);
        self.expect(claim, target, [400, 405, 406, 501].contains(&reply.status), &reply);
    }

    /// Answered if the annotation says so, else refused.
    fn answered_if(&mut self, promised: bool, claim: &str, target: &str) {
        if promised {
            self.answered(claim, target);
        } else {
            self.refused(&format!("not {claim}"), target);
        }
    }

    fn expect(&mut self, claim: &str, request: &str, holds: bool, reply: &Reply) {
        if !holds {
            let text: String = reply.lossy().chars().take(300).collect();
            self.wrong.push(format!("  {} by {}: {request}\n      {} {text}", claim, self.user, reply.status));
        }
    }

    /// OD-13.
    fn schema_version(&mut self, version: &str) {
        for target in ["$metadata", "", "Users", "Users/$count"] {
            for wanted in [version, "*"] {
                self.answered("Core.SchemaVersion", &format!("{target}?$schemaversion={wanted}"));
            }
            let other = format!("{target}?$schemaversion={version}.1");
            let reply = self.get(&other);
            self.expect("Core.SchemaVersion", &other, reply.status == 404, &reply);
        }
    }
}

fn object(of: &Value) -> &Map<String, Value> {
    of.as_object().unwrap_or_else(|| panic!("an object rather than {of}"))
}

/// Terms of a target and their values.
fn annotations(of: &Value) -> impl Iterator<Item = (&str, &Value)> {
    object(of).iter().filter_map(|(name, value)| Some((name.strip_prefix('@')?, value)))
}

/// Named members: types, properties, sets.
fn members(of: &Value) -> impl Iterator<Item = (&str, &Value)> {
    object(of)
        .iter()
        .filter(|(name, value)| !name.starts_with(['@', '$']) && value.is_object())
        .map(|(n, v)| (n.as_str(), v))
}

fn flag(of: &Value) -> bool {
    of.as_bool().unwrap_or_else(|| panic!("true or false rather than {of}"))
}

fn texts(of: &Value) -> Vec<&str> {
    let list = of.as_array().unwrap_or_else(|| panic!("a list rather than {of}"));
    list.iter().map(|text| text.as_str().expect("a text")).collect()
}
