//! Bodies: what members they have, and how they are read (contract §0.6).
//!
//! In: JSON as clients send it, names in any letter case, numbers as strings, members that nobody knows. Out: [`Body`],
//! each member of its declared type, or a refusal that names the member. The same declarations describe the API.

use serde_json::Value;
use uuid::Uuid;

use crate::domain::calendar;
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::wall::Written;
use crate::domain::worklogs::Patch;
use crate::sql::{Day, Guid};

/// The type of a member.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    Bool,
    Int,
    Text,
    Guid,
    /// A wall clock: any form of time that the contract accepts, answered without a zone.
    Time,
    /// A moment in UTC, with `Z`. Only ever answered.
    Instant,
    /// `yyyy-MM-dd`
    Day,
    Object(&'static Shape),
    List(&'static Shape),
    /// Anything. Only ever answered.
    Json,
}

/// A member of an object.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    pub name: &'static str,
    pub ty: Type,
    pub doc: &'static str,
}

/// An object: its name in the description of the API, and its members.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub name: &'static str,
    pub members: &'static [Member],
}

/// Declares a member.
pub const fn member(name: &'static str, ty: Type, doc: &'static str) -> Member {
    Member { name, ty, doc }
}

/// A member as it was sent.
#[derive(Clone, Debug, PartialEq)]
enum Given {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    Guid(Guid),
    Time(Written),
    Day(Day),
    Object(Body),
    List(Vec<Body>),
}

/// The members of an object that were sent, each of its type.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Body(Vec<(&'static str, Given)>);

/// Longest text that a member takes, in characters.
const LONGEST: usize = 100_000;

impl Body {
    /// Reads an object; `path` is where it stands in the request, such as `[3]`.
    pub fn read(shape: &Shape, value: &Value, path: &str) -> Result<Body, Refusal> {
        let Value::Object(sent) = value else {
            let place = if path.is_empty() { "The body" } else { path };
            return Err(Refusal::new(Kind::Malformed, format!("{place} must be a JSON object.")));
        };
        let mut members = Vec::new();
        for member in shape.members {
            let exact = sent.get(member.name);
            let of_any_case = || sent.iter().find(|(name, _)| name.eq_ignore_ascii_case(member.name)).map(|(_, v)| v);
            let Some(value) = exact.or_else(of_any_case) else { continue };
            let place = if path.is_empty() { member.name.to_owned() } else { format!("{path}.{}", member.name) };
            members.push((member.name, read(member.ty, value, &place)?));
        }
        Ok(Body(members))
    }

    fn get(&self, name: &str) -> Option<&Given> {
        self.0.iter().find(|(given, _)| *given == name).map(|(_, value)| value)
    }

    /// Whether the member was sent, null or not.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub fn bool(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Given::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub fn int(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Given::Int(value) => Some(*value),
            _ => None,
        }
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Given::Text(value) => Some(value),
            _ => None,
        }
    }

    pub fn guid(&self, name: &str) -> Option<Guid> {
        match self.get(name)? {
            Given::Guid(value) => Some(*value),
            _ => None,
        }
    }

    pub fn time(&self, name: &str) -> Option<Written> {
        match self.get(name)? {
            Given::Time(value) => Some(*value),
            _ => None,
        }
    }

    pub fn day(&self, name: &str) -> Option<Day> {
        match self.get(name)? {
            Given::Day(value) => Some(*value),
            _ => None,
        }
    }

    pub fn object(&self, name: &str) -> Option<&Body> {
        match self.get(name)? {
            Given::Object(value) => Some(value),
            _ => None,
        }
    }

    pub fn list(&self, name: &str) -> Option<&[Body]> {
        match self.get(name)? {
            Given::List(value) => Some(value),
            _ => None,
        }
    }

    /// The member as a change: absent keeps, null clears.
    pub fn patch<T>(&self, name: &str, value: Option<T>) -> Patch<T> {
        match (self.get(name), value) {
            (None, _) => Patch::Keep,
            (Some(_), Some(value)) => Patch::Set(value),
            (Some(_), None) => Patch::Clear,
        }
    }
}

fn read(ty: Type, value: &Value, place: &str) -> Result<Given, Refusal> {
    if value.is_null() {
        return Ok(Given::Null);
    }
    let wrong = |expected: &str| Refusal::malformed(place, format!("{place} must be {expected}."));
    match ty {
        Type::Bool => bool(value).map(Given::Bool).ok_or_else(|| wrong("true or false")),
        Type::Int => int(value).map(Given::Int).ok_or_else(|| wrong("a whole number")),
        Type::Text => match value.as_str() {
            // PostgreSQL keeps no zero character; it says nothing either.
            Some(text) if text.contains('\0') => Err(wrong("a text without zero characters")),
            Some(text) if text.chars().nth(LONGEST).is_some() => Err(wrong("a text of at most 100,000 characters")),
            Some(text) => Ok(Given::Text(text.to_owned())),
            None => Err(wrong("a text")),
        },
        Type::Guid => {
            let guid = value.as_str().and_then(|text| Uuid::try_parse(text.trim()).ok());
            guid.map(|guid| Given::Guid(Guid(guid))).ok_or_else(|| wrong("a GUID"))
        }
        Type::Time | Type::Instant => {
            let written = value.as_str().and_then(Written::parse);
            written.map(Given::Time).ok_or_else(|| wrong("a time such as 2024-03-01T09:30:00"))
        }
        Type::Day => {
            let day = value.as_str().and_then(day);
            day.map(Given::Day).ok_or_else(|| wrong("a day such as 2024-03-01"))
        }
        Type::Object(shape) => Body::read(shape, value, place).map(Given::Object),
        Type::Json => Err(wrong("left out")),
        Type::List(shape) => {
            let Value::Array(members) = value else { return Err(wrong("an array")) };
            let members = members.iter().enumerate();
            let read = members.map(|(n, member)| Body::read(shape, member, &format!("{place}[{n}]")));
            read.collect::<Result<_, _>>().map(Given::List)
        }
    }
}

fn bool(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A whole number, also as text or as `3600.0`.
fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9e15)?;
            Some(float as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// `2024-03-01`; a time behind it is not looked at, for clients send midnights.
pub fn day(text: &str) -> Option<Day> {
    Written::parse(text).map(|written| written.wall.day()).filter(|day| calendar::date_of(*day).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    static INNER: Shape = Shape { name: "Inner", members: &[member("id", Type::Guid, "")] };
    static OUTER: Shape = Shape {
        name: "Outer",
        members: &[
            member("length", Type::Int, ""),
            member("workItemId", Type::Int, ""),
            member("comment", Type::Text, ""),
            member("flag", Type::Bool, ""),
            member("at", Type::Time, ""),
            member("inner", Type::Object(&INNER), ""),
            member("all", Type::List(&INNER), ""),
        ],
    };

    #[test]
    fn contract_0_6_names_and_numbers_as_clients_send_them() {
        let sent = json!({"LENGTH": "3600", "workItemID": 42.0, "Comment": "x", "flag": "True", "other": {"x": 1}});
        let body = Body::read(&OUTER, &sent, "").unwrap();
        assert_eq!((body.int("length"), body.int("workItemId")), (Some(3600), Some(42)));
        assert_eq!((body.text("comment"), body.bool("flag")), (Some("x"), Some(true)));
        assert_eq!(body.patch("comment", body.text("comment")), Patch::Set("x"));
        let nulls = Body::read(&OUTER, &json!({"length": null}), "").unwrap();
        assert_eq!(nulls.patch("length", nulls.int("length")), Patch::Clear);
        assert_eq!(nulls.patch("workItemId", nulls.int("workItemId")), Patch::Keep);
    }

    #[test]
    fn a_wrong_type_names_its_member() {
        for (sent, member) in [
            (json!({"length": "abc"}), "length"),
            (json!({"length": 1.5}), "length"),
            (json!({"length": 1e300}), "length"),
            (json!({"length": [1]}), "length"),
            (json!({"comment": 5}), "comment"),
            (json!({"comment": "a\u{0}b"}), "comment"),
            (json!({"flag": 1}), "flag"),
            (json!({"at": "2024-02-30T10:00:00"}), "at"),
            (json!({"at": "2024-02-01T24:00:00"}), "at"),
            (json!({"inner": {"id": "x"}}), "inner.id"),
            (json!({"all": [{"id": null}, {"id": "x"}]}), "all[1].id"),
        ] {
            let refused = Body::read(&OUTER, &sent, "").expect_err(&sent.to_string());
            assert_eq!((refused.kind, refused.member.as_deref()), (Kind::Malformed, Some(member)), "{sent}");
            assert!(refused.message.starts_with(member), "{}", refused.message);
        }
        assert!(Body::read(&OUTER, &json!([]), "").is_err());
    }
}
