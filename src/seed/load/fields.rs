//! The member `fields` of a work item: known fields go to their columns, others are custom fields.
//!
//! In: reference names and JSON values. Out: typed values, or why a value does not fit its field.

use super::document::{FieldValue, Fields, Text, WorkItem};
use super::moment;
use crate::domain::fields::FieldKind;
use crate::sql::{Type, Value};

pub(super) fn kind_name(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Text => "a text",
        FieldKind::Number => "a number",
        FieldKind::Boolean => "true or false",
    }
}

/// The value of a field that has a column; none for null, which leaves what is derived.
pub(super) fn known_value(ty: Type, value: FieldValue) -> Result<Option<Value>, String> {
    let value = match (ty, value) {
        (_, FieldValue::Null) => return Ok(None),
        (Type::Text, FieldValue::Text(text)) => Value::Text(text),
        (Type::Int32, FieldValue::Integer(number)) => match i32::try_from(number) {
            Ok(number) => Value::Int32(number),
            Err(_) => return Err(format!("{number} is out of range of Int32")),
        },
        (Type::Double, FieldValue::Integer(number)) => Value::Double(number as f64),
        (Type::Double, FieldValue::Number(number)) => Value::Double(number),
        (Type::Instant, FieldValue::Text(text)) => match moment::parse(&text) {
            Some(at) => Value::Instant(at),
            None => {
                return Err(format!("`{text}` is no time; it should look like 2024-03-01T09:30:00, with or without Z"));
            }
        },
        (Type::Int32, _) => return Err("this field holds whole numbers".into()),
        (Type::Double, _) => return Err("this field holds numbers".into()),
        (Type::Instant, _) => return Err("this field holds times, as text".into()),
        _ => return Err("this field holds text".into()),
    };
    Ok(Some(value))
}

/// Fields that have a member of their own may stand among `fields` too, and must then agree.
pub(super) fn take_members(row: &mut WorkItem) -> Result<(), (String, String)> {
    let Some(Fields(given)) = row.fields.take() else {
        return Ok(());
    };
    let mut rest = Vec::new();
    for (name, value) in given {
        let differs = |name: &str, member: &str| {
            (format!("fields.{name}"), format!("differs from the member `{member}`; give it once"))
        };
        let (member, own) = match (name.as_str(), &value) {
            (_, FieldValue::Null) => continue,
            ("System.Id", FieldValue::Integer(id)) if *id == i64::from(row.id) => continue,
            ("System.Id", _) => return Err(differs(&name, "id")),
            ("System.Parent", FieldValue::Integer(id)) => match i32::try_from(*id) {
                Ok(id) if *row.parent_id.get_or_insert(id) == id => continue,
                _ => return Err(differs(&name, "parentId")),
            },
            ("System.TeamProject", _) => ("project", &mut row.project),
            ("System.WorkItemType", _) => ("type", &mut row.work_item_type),
            ("System.State", _) => ("state", &mut row.state),
            ("System.Title", _) => ("title", &mut row.title),
            ("System.AreaPath", _) => ("areaPath", &mut row.area_path),
            ("System.IterationPath", _) => ("iterationPath", &mut row.iteration_path),
            _ => {
                rest.push((name, value));
                continue;
            }
        };
        match value {
            FieldValue::Text(text) if own.get_or_insert_with(|| Text(text.clone())).0 == text => {}
            FieldValue::Text(_) => return Err(differs(&name, member)),
            _ => return Err((format!("fields.{name}"), "this field holds text".into())),
        }
    }
    row.fields = Some(Fields(rest));
    Ok(())
}
