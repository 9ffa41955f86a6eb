//! JSON → the rows of a file to load, one at a time.
//!
//! In: a deserializer. Out: calls of a [`Target`], in the order of the members `users`, `activityTypes`, `workItems`,
//! `budgets`, `worklogs`. Nothing but the row at hand is held.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use uuid::Uuid;

use super::moment::Moment;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct User {
    pub id: Option<Uuid>,
    pub name: Text,
    pub unique_name: Text,
    pub email: Option<Text>,
    pub role: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ActivityType {
    pub id: Option<Uuid>,
    pub name: Text,
    pub color: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct WorkItem {
    pub id: i32,
    pub parent_id: Option<i32>,
    pub project: Option<Text>,
    #[serde(rename = "type")]
    pub work_item_type: Option<Text>,
    pub state: Option<Text>,
    pub title: Option<Text>,
    pub area_path: Option<Text>,
    pub iteration_path: Option<Text>,
    #[serde(default)]
    pub fields: Option<Fields>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Budget {
    pub id: Option<Uuid>,
    pub name: Text,
    pub planned: Seconds,
    #[serde(default)]
    pub closed: Option<bool>,
    pub comment: Option<Text>,
    #[serde(default)]
    pub work_items: Option<Vec<i32>>,
    #[serde(default)]
    pub iterations: Option<Vec<Text>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Worklog {
    pub id: Option<Uuid>,
    pub user: Text,
    pub work_item_id: Option<i32>,
    pub timestamp: Moment,
    pub length: Seconds,
    pub billable_length: Option<Seconds>,
    pub is_billable: Option<bool>,
    pub comment: Option<Text>,
    pub activity_type: Option<Text>,
    pub budget: Option<Text>,
    #[serde(default)]
    pub flags: Option<Vec<Text>>,
    pub created_timestamp: Option<Moment>,
    pub edited_timestamp: Option<Moment>,
    pub deleted: Option<bool>,
}

/// A text that both back ends can hold: PostgreSQL has no NUL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text(pub String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.contains('\0') {
            return Err(de::Error::custom("a text cannot hold the character NUL"));
        }
        Ok(Text(text))
    }
}

/// A length of time: 0 to 2,147,483,647 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seconds(pub i32);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = i64::deserialize(deserializer)?;
        match i32::try_from(seconds) {
            Ok(seconds) if seconds >= 0 => Ok(Seconds(seconds)),
            _ => Err(de::Error::custom(format!("{seconds} is no length; it must be from 0 to 2147483647 seconds"))),
        }
    }
}

/// What a field of a work item holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum FieldValue {
    Null,
    Text(String),
    /// Kept apart from a number with a fraction, since some known fields are Int32.
    Integer(i64),
    Number(f64),
    Boolean(bool),
}

impl<'de> Deserialize<'de> for FieldValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;

        impl<'de> Visitor<'de> for Scalar {
            type Value = FieldValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, true, false or null")
            }

            fn visit_unit<E>(self) -> Result<FieldValue, E> {
                Ok(FieldValue::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<FieldValue, E> {
                Ok(FieldValue::Boolean(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<FieldValue, E> {
                Ok(FieldValue::Integer(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<FieldValue, E> {
                Ok(i64::try_from(value).map_or(FieldValue::Number(value as f64), FieldValue::Integer))
            }

            fn visit_f64<E>(self, value: f64) -> Result<FieldValue, E> {
                Ok(FieldValue::Number(value))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<FieldValue, E> {
                if value.contains('\0') {
                    return Err(E::custom("a text cannot hold the character NUL"));
                }
                Ok(FieldValue::Text(value.to_owned()))
            }
        }

        deserializer.deserialize_any(Scalar)
    }
}

/// The member `fields`: reference names and values as they stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fields(pub Vec<(String, FieldValue)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of reference names and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields: Vec<(String, FieldValue)> = Vec::new();
                while let Some(Text(name)) = map.next_key()? {
                    let value = map.next_value()?;
                    if fields.iter().any(|(known, _)| *known == name) {
                        return Err(de::Error::custom(format!("`{name}` stands there twice")));
                    }
                    fields.push((name, value));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// What is done with the rows. An error ends the reading; the target remembers why.
pub(super) trait Target {
    fn user(&mut self, index: usize, row: User) -> Result<(), Refused>;
    fn activity_type(&mut self, index: usize, row: ActivityType) -> Result<(), Refused>;
    fn work_item(&mut self, index: usize, row: WorkItem) -> Result<(), Refused>;
    fn budget(&mut self, index: usize, row: Budget) -> Result<(), Refused>;
    fn worklog(&mut self, index: usize, row: Worklog) -> Result<(), Refused>;
    /// No more rows come of this and the earlier members.
    fn end_of(&mut self, member: Member) -> Result<(), Refused>;
}

/// The target took no more; it knows the reason.
#[derive(Debug)]
pub(super) struct Refused;

/// The members of the file, in the order in which they must come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Member {
    Users,
    ActivityTypes,
    WorkItems,
    Budgets,
    Worklogs,
}

impl Member {
    pub const ALL: [Member; 5] =
        [Member::Users, Member::ActivityTypes, Member::WorkItems, Member::Budgets, Member::Worklogs];

    pub fn name(self) -> &'static str {
        match self {
            Member::Users => "users",
            Member::ActivityTypes => "activityTypes",
            Member::WorkItems => "workItems",
            Member::Budgets => "budgets",
            Member::Worklogs => "worklogs",
        }
    }
}

/// Reads the whole file into a target.
pub(super) struct Document<'a, T>(pub &'a mut T);

impl<'de, T: Target> DeserializeSeed<'de> for Document<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Target> Visitor<'de> for Document<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the members {}", Member::ALL.map(Member::name).join(", "))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let target = self.0;
        let mut due = Member::ALL.into_iter();
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            let Some(member) = Member::ALL.into_iter().find(|member| member.name() == name) else {
                let names = Member::ALL.map(Member::name).join(", ");
                return Err(de::Error::custom(format!("there is no member `{name}`; the members are {names}")));
            };
            loop {
                match due.next() {
                    Some(next) if next == member => break,
                    Some(absent) => end_of(target, absent)?,
                    None => return Err(de::Error::custom(too_late(member))),
                }
            }
            match member {
                Member::Users => map.next_value_seed(Array { target, row: T::user })?,
                Member::ActivityTypes => map.next_value_seed(Array { target, row: T::activity_type })?,
                Member::WorkItems => map.next_value_seed(Array { target, row: T::work_item })?,
                Member::Budgets => map.next_value_seed(Array { target, row: T::budget })?,
                Member::Worklogs => map.next_value_seed(Array { target, row: T::worklog })?,
            }
            end_of(target, member)?;
        }
        due.try_for_each(|absent| end_of(target, absent))
    }
}

fn end_of<T: Target, E: de::Error>(target: &mut T, member: Member) -> Result<(), E> {
    target.end_of(member).map_err(|Refused| E::custom("refused"))
}

fn too_late(member: Member) -> String {
    let order = Member::ALL.map(Member::name).join(", ");
    format!("`{}` comes too late or twice; the members come in this order: {order}", member.name())
}

/// An array, a row at a time.
struct Array<'a, T, R> {
    target: &'a mut T,
    row: fn(&mut T, usize, R) -> Result<(), Refused>,
}

impl<'de, T, R: DeserializeOwned> DeserializeSeed<'de> for Array<'_, T, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T, R: DeserializeOwned> Visitor<'de> for Array<'_, T, R> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(()) = seq.next_element_seed(Element { target: &mut *self.target, row: self.row, index })? {
            index += 1;
        }
        Ok(())
    }
}

/// Hands the row over while the deserializer still knows where it stands, so that a refusal has its path.
struct Element<'a, T, R> {
    target: &'a mut T,
    row: fn(&mut T, usize, R) -> Result<(), Refused>,
    index: usize,
}

impl<'de, T, R: DeserializeOwned> DeserializeSeed<'de> for Element<'_, T, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let row = R::deserialize(deserializer)?;
        (self.row)(self.target, self.index, row).map_err(|Refused| de::Error::custom("refused"))
    }
}
