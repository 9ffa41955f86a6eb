//! What is said of one entity set.

use serde_json::Value;

use super::super::{V4, send};
use super::{Service, flag, members, object, texts};
use crate::support::http::Request;

/// A set, and what the document says of its type.
pub struct Asked<'a> {
    name: &'a str,
    types: Value,
    of: String,
    key: Vec<String>,
    /// `(…)` of the first entity, if there is one.
    entity: Option<String>,
}

/// Properties that one request asks for: as many as an `$orderby` may have (OD-151).
const AT_ONCE: usize = 20;

impl<'a> Asked<'a> {
    pub fn of(service: &Service, name: &'a str, set: &Value) -> Asked<'a> {
        let types = service.document["Timeledger"].clone();
        let of = set["$Type"].as_str().expect("a type").trim_start_matches("Timeledger.").to_owned();
        let key: Vec<String> = texts(&types[&of]["$Key"]).iter().map(|name| (*name).to_owned()).collect();
        let rows = service.get(&format!("{name}?$top=1&$select={}", key.join(","))).json();
        let entity = rows["value"].get(0).map(|row| {
            let part = |name: &String| match &row[name] {
                Value::String(text) if types[&of][name]["$Type"].is_null() => format!("{name}='{text}'"),
                Value::String(text) => format!("{name}={text}"),
                other => format!("{name}={other}"),
            };
            format!("({})", key.iter().map(part).collect::<Vec<_>>().join(","))
        });
        Asked { name, types, of, key, entity }
    }

    pub fn check(&self, service: &mut Service, term: &str, value: &Value) {
        match term {
            "Core.Description" => assert!(value.as_str().is_some_and(|text| text.ends_with('.')), "{value}"),
            "Capabilities.FilterRestrictions" => self.filter(service, term, only(term, value, "Filterable")),
            "Capabilities.SortRestrictions" => self.sort(service, term, only(term, value, "Sortable")),
            "Capabilities.CountRestrictions" => self.count(service, term, only(term, value, "Countable")),
            "Capabilities.ExpandRestrictions" => self.expand(service, term, value),
            "Capabilities.SearchRestrictions" => self.search(service, term, value),
            "Capabilities.TopSupported" => self.option(service, term, flag(value), "$top=1"),
            "Capabilities.SkipSupported" => self.option(service, term, flag(value), "$skip=1"),
            "Capabilities.ComputeSupported" => self.compute(service, term, flag(value)),
            "Capabilities.IndexableByKey" => {
                if let Some(entity) = &self.entity {
                    service.answered_if(flag(value), term, &format!("{}{entity}", self.name));
                }
            }
            "Capabilities.ChangeTracking" => self.changes(service, term, only(term, value, "Supported")),
            "Capabilities.InsertRestrictions" => self.write(service, term, only(term, value, "Insertable"), "POST"),
            "Capabilities.UpdateRestrictions" => {
                let promised = only(term, value, "Updatable");
                ["PATCH", "PUT"].iter().for_each(|method| self.write(service, term, promised, method));
            }
            "Capabilities.DeleteRestrictions" => self.write(service, term, only(term, value, "Deletable"), "DELETE"),
            "Aggregation.ApplySupported" => self.apply(service, term, value),
            other => panic!("the annotation {other} of {}, and nobody asks for it", self.name),
        }
    }

    /// Paths of primitive values: properties, also within complex ones.
    fn paths(&self) -> Vec<String> {
        self.paths_of(&self.of)
    }

    fn paths_of(&self, of: &str) -> Vec<String> {
        let properties = members(&self.types[of]).filter(|(_, member)| member["$Kind"] != "NavigationProperty");
        let within = |name: &str, member: &Value| {
            let inner = member["$Type"].as_str().and_then(|ty| ty.strip_prefix("Timeledger."));
            match inner.filter(|inner| self.types[inner]["$Kind"] == "ComplexType") {
                Some(inner) => self.paths_of(inner).iter().map(|path| format!("{name}/{path}")).collect(),
                None => vec![name.to_owned()],
            }
        };
        properties.flat_map(|(name, member)| within(name, member)).collect()
    }

    /// Navigation properties of a type, and the types that they lead to.
    fn navigations(&self, of: &str) -> Vec<(String, String)> {
        let navigations = members(&self.types[of]).filter(|(_, member)| member["$Kind"] == "NavigationProperty");
        let target =
            |member: &Value| member["$Type"].as_str().expect("a type").trim_start_matches("Timeledger.").to_owned();
        navigations.map(|(name, member)| (name.to_owned(), target(member))).collect()
    }

    fn option(&self, service: &mut Service, term: &str, promised: bool, option: &str) {
        service.answered_if(promised, term, &format!("{}?{option}", self.name));
    }

    fn filter(&self, service: &mut Service, term: &str, promised: bool) {
        for paths in self.paths().chunks(AT_ONCE) {
            let filter = paths.iter().map(|path| format!("{path} ne null")).collect::<Vec<_>>().join(" or ");
            self.option(service, term, promised, &format!("$top=1&$filter={filter}"));
        }
    }

    fn sort(&self, service: &mut Service, term: &str, promised: bool) {
        for paths in self.paths().chunks(AT_ONCE) {
            for direction in ["", " desc"] {
                let order = paths.iter().map(|path| format!("{path}{direction}")).collect::<Vec<_>>().join(",");
                self.option(service, term, promised, &format!("$top=1&$orderby={order}"));
            }
        }
    }

    /// Entities, and with no word against them those behind navigation.
    fn count(&self, service: &mut Service, term: &str, promised: bool) {
        service.answered_if(promised, term, &format!("{}/$count", self.name));
        self.option(service, term, promised, "$count=true&$top=0");
        let Some(entity) = &self.entity else { return };
        let many = members(&self.types[&self.of]).filter(|(_, member)| member["$Collection"] == true);
        for (navigation, _) in many {
            service.answered_if(promised, term, &format!("{}{entity}/{navigation}/$count", self.name));
        }
    }

    fn expand(&self, service: &mut Service, term: &str, value: &Value) {
        let navigations = self.navigations(&self.of);
        for (property, value) in object(value) {
            match property.as_str() {
                "Expandable" if navigations.is_empty() => {
                    assert!(!flag(value), "{} has nothing to expand", self.name);
                    service.refused(term, &format!("{}?$expand=User", self.name));
                }
                "Expandable" => navigations.iter().for_each(|(name, _)| {
                    self.option(service, term, flag(value), &format!("$top=1&$expand={name}"));
                }),
                "MaxLevels" => {
                    let most = usize::try_from(value.as_u64().expect("a number")).expect("a small number");
                    service.answered(term, &format!("{}?$top=1&$expand={}", self.name, self.nested(most)));
                    service.refused(term, &format!("{}?$top=1&$expand={}", self.name, self.nested(most + 1)));
                }
                other => panic!("{term}/{other}, and nobody asks for it"),
            }
        }
    }

    /// So many levels of expanding, over the first navigation that leads on.
    fn nested(&self, levels: usize) -> String {
        let (mut of, mut text) = (self.of.clone(), String::new());
        for level in 0..levels {
            let found = self.navigations(&of).into_iter().find(|(_, target)| !self.navigations(target).is_empty());
            let (name, target) = found.expect("a navigation that leads on");
            text += if level == 0 { "" } else { "($top=1;$expand=" };
            text += &name;
            of = target;
        }
        // $top is for collections alone.
        text.replace("$top=1;", "") + &")".repeat(levels - 1)
    }

    fn search(&self, service: &mut Service, term: &str, value: &Value) {
        let searchable = value.get("Searchable").is_none_or(flag);
        let unsupported: Vec<&str> = value.get("UnsupportedExpressions").map_or(Vec::new(), |of| {
            of.as_str().expect("members of an enumeration").split(',').filter(|name| *name != "none").collect()
        });
        let known = object(value).keys().all(|name| ["Searchable", "UnsupportedExpressions"].contains(&name.as_str()));
        assert!(known, "{term} says what nobody asks for: {value}");
        self.option(service, term, searchable, "$search=a");
        let expressions =
            [("AND", "a AND b"), ("OR", "a OR b"), ("NOT", "NOT a"), ("phrase", "\"a b\""), ("group", "(a OR b) c")];
        for (name, text) in expressions {
            self.option(service, term, searchable && !unsupported.contains(&name), &format!("$search={text}"));
        }
    }

    fn compute(&self, service: &mut Service, term: &str, promised: bool) {
        let key = &self.key[0];
        let compute = format!("$top=1&$compute=case({key} ne null:1) as Computed");
        self.option(service, term, promised, &compute);
        self.option(service, term, promised, &format!("{compute}&$select=Computed"));
        self.option(service, term, promised, &format!("{compute}&$filter=Computed eq 1&$orderby=Computed desc"));
    }

    fn changes(&self, service: &mut Service, term: &str, promised: bool) {
        let target = format!("{V4}/{}?$top=1", self.name);
        let reply = send(service.user, Request::get(&target).header("Prefer", "track-changes"));
        let honoured = reply.header("Preference-Applied").is_some() || reply.lossy().contains("deltaLink");
        service.expect(term, "track-changes", reply.status == 200 && honoured == promised, &reply);
    }

    /// Denied: any body is, before it is read.
    fn write(&self, service: &mut Service, term: &str, promised: bool, method: &'static str) {
        assert!(!promised, "{term} is promised, and nobody writes");
        let entity = self.entity.as_deref().filter(|_| method != "POST").unwrap_or_default();
        let target = format!("{V4}/{}{entity}", self.name);
        let reply = send(service.user, Request::post(&target, "application/json", b"{}").method(method));
        service.expect(term, &format!("{method} {target}"), reply.status == 405, &reply);
    }

    fn apply(&self, service: &mut Service, term: &str, value: &Value) {
        for (property, value) in object(value) {
            match property.as_str() {
                "Transformations" => self.transformations(service, term, &texts(value)),
                "CustomAggregationMethods" => {
                    assert!(texts(value).is_empty(), "a method that nobody asks for");
                    let apply = format!("$apply=aggregate({} with Some.method as X)", self.key[0]);
                    self.option(service, term, false, &apply);
                }
                "Rollup" => {
                    assert_eq!(value, "None", "a rollup that nobody asks for");
                    let key = &self.key[0];
                    self.option(service, term, false, &format!("$apply=groupby((rollup({key},{key})))"));
                }
                "From" => {
                    let key = &self.key[0];
                    let apply = format!("$apply=aggregate($count as X from {key} with max)");
                    self.option(service, term, flag(value), &apply);
                }
                other => panic!("{term}/{other}, and nobody asks for it"),
            }
        }
    }

    /// All of the standard's; those that are listed are answered, the others are not.
    fn transformations(&self, service: &mut Service, term: &str, listed: &[&str]) {
        let key = &self.key[0];
        let all = [
            ("aggregate", format!("aggregate($count as N,{key} with countdistinct as D)")),
            ("groupby", format!("groupby(({key}),aggregate($count as N))")),
            ("filter", format!("filter({key} ne null)")),
            ("compute", "compute(1 add 1 as Computed)".to_owned()),
            ("search", "search(a)".to_owned()),
            ("orderby", format!("orderby({key})")),
            ("top", "top(1)".to_owned()),
            ("skip", "skip(1)".to_owned()),
            ("identity", "identity".to_owned()),
            ("concat", "concat(identity,identity)".to_owned()),
            ("topcount", "topcount(1,1)".to_owned()),
            ("bottomcount", "bottomcount(1,1)".to_owned()),
            ("topsum", "topsum(1,1)".to_owned()),
            ("bottomsum", "bottomsum(1,1)".to_owned()),
            ("toppercent", "toppercent(1,1)".to_owned()),
            ("bottompercent", "bottompercent(1,1)".to_owned()),
            ("expand", "expand(Worklogs,filter(true))".to_owned()),
            ("nest", "nest(identity as Nested)".to_owned()),
            ("addnested", "addnested(Worklogs,identity as Nested)".to_owned()),
            ("join", "join(Worklogs as Joined)".to_owned()),
            ("outerjoin", "outerjoin(Worklogs as Joined)".to_owned()),
            ("ancestors", format!("ancestors($root/WorkItems,H,{key},identity)")),
            ("descendants", format!("descendants($root/WorkItems,H,{key},identity)")),
            ("traverse", format!("traverse($root/WorkItems,H,{key},preorder)")),
        ];
        let known = |name: &&str| all.iter().any(|(of, _)| of == name);
        assert!(listed.iter().all(known), "a transformation that nobody asks for: {listed:?}");
        for (name, apply) in &all {
            let claim = format!("{term} {name}");
            self.option(service, &claim, listed.contains(name), &format!("$apply={apply}"));
        }
    }
}

/// The only property of a record.
fn only(term: &str, value: &Value, property: &str) -> bool {
    let said: Vec<&String> = object(value).keys().collect();
    assert_eq!(said, [property], "{term} says what nobody asks for");
    flag(&value[property])
}
