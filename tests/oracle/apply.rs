//! The transformations of `$apply` (Data Aggregation §3).

use std::cmp::Ordering;
use std::rc::Rc;

use super::answer::Evaluation;
use super::evaluate::{Base, Node, Object, Result, Risks, Row, Scope};
use super::expression::Expr;
use super::query::{Aggregate, Grouping, Method, Step};
use super::value::{Decimal, Type, Value};
use super::world::World;

/// The rows that the last step leaves, in their default order: groups by what they are grouped by.
pub fn applied(world: &World, risks: &Risks, steps: &[Step], mut rows: Vec<Row>) -> Result<Vec<Row>> {
    for step in steps {
        rows = match step {
            Step::Identity => rows,
            Step::Filter(filter) => filtered(world, risks, filter, rows)?,
            Step::Search(search) => {
                rows.retain(|row| Evaluation { world, risks }.finds(search, row));
                rows
            }
            Step::Aggregate(aggregates) => vec![derived(aggregated(world, risks, aggregates, &rows)?)],
            Step::GroupBy(by, aggregates) => grouped(world, risks, by, aggregates, rows)?,
        };
    }
    Ok(rows)
}

fn derived(object: Object) -> Row {
    Row { base: Base::Derived(Rc::new(object)), computed: Vec::new() }
}

fn filtered(world: &World, risks: &Risks, filter: &Expr, rows: Vec<Row>) -> Result<Vec<Row>> {
    let kept: Vec<Result> = rows.iter().map(|row| Scope::new(world, risks, row).evaluate(filter)).collect();
    let kept = kept.into_iter().collect::<Result<Vec<Value>>>()?;
    Ok(rows.into_iter().zip(kept).filter(|(_, kept)| *kept == Value::Bool(true)).map(|(row, _)| row).collect())
}

fn grouped(
    world: &World,
    risks: &Risks,
    by: &[Grouping],
    aggregates: &[Aggregate],
    rows: Vec<Row>,
) -> Result<Vec<Row>> {
    let order = |a: &[Value], b: &[Value]| {
        let each = by.iter().zip(a.iter().zip(b)).map(|(by, (a, b))| world.order(&by.ty, a, b));
        each.fold(Ordering::Equal, Ordering::then)
    };
    let mut groups: Vec<(Vec<Value>, Vec<Row>)> = Vec::new();
    for row in rows {
        let scope = Scope::new(world, risks, &row);
        let values = by.iter().map(|by| scope.path(&by.path)).collect::<Result<Vec<Value>>>()?;
        match groups.binary_search_by(|(other, _)| order(other, &values)) {
            Ok(at) => groups[at].1.push(row),
            Err(at) => groups.insert(at, (values, vec![row])),
        }
    }
    groups
        .into_iter()
        .map(|(values, rows)| {
            let mut object = Object::new();
            for (by, value) in by.iter().zip(values) {
                place(&mut object, &by.path, value);
            }
            object.extend(aggregated(world, risks, aggregates, &rows)?);
            Ok(derived(object))
        })
        .collect()
}

/// Puts a value at its path; parts of a path that exist are shared.
fn place(object: &mut Object, path: &[String], value: Value) {
    let (first, rest) = path.split_first().expect("a path has a name");
    if rest.is_empty() {
        object.push((first.clone(), Node::Value(value)));
        return;
    }
    let at = object.iter().position(|(name, _)| name == first).unwrap_or_else(|| {
        object.push((first.clone(), Node::Object(Object::new())));
        object.len() - 1
    });
    match &mut object[at].1 {
        Node::Object(inner) => place(inner, rest, value),
        other => panic!("{other:?} is no object"),
    }
}

fn aggregated(world: &World, risks: &Risks, aggregates: &[Aggregate], rows: &[Row]) -> Result<Object> {
    let mut object = Object::new();
    for aggregate in aggregates {
        let value = match &aggregate.what {
            None => Value::Int(rows.len() as i64),
            Some((expr, method)) => {
                let values: Vec<Result> = rows.iter().map(|row| Scope::new(world, risks, row).evaluate(expr)).collect();
                let mut values = values.into_iter().collect::<Result<Vec<Value>>>()?;
                values.retain(|value| !value.is_null());
                risks.noted(summary(world, *method, &expr.ty, values))?
            }
        };
        object.push((aggregate.alias.clone(), Node::Value(value)));
    }
    Ok(object)
}

/// OD-80, OD-81: of values without nulls.
fn summary(world: &World, method: Method, ty: &Type, mut values: Vec<Value>) -> Result {
    values.sort_by(|a, b| world.order(ty, a, b));
    let count = values.len();
    Ok(match method {
        Method::CountDistinct => {
            values.dedup_by(|a, b| a.equals(b));
            Value::Int(values.len() as i64)
        }
        Method::Min => values.into_iter().next().unwrap_or(Value::Null),
        Method::Max => values.pop().unwrap_or(Value::Null),
        _ if count == 0 => Value::Null,
        Method::Sum => sum(ty, &values)?,
        Method::Average => match (ty, sum(ty, &values)?) {
            (Type::Duration, Value::Duration(total)) => Value::Duration(total / count as i64),
            (_, Value::Null) => Value::Null,
            // Exact sum by exact count, then the point is set.
            (_, Value::Decimal(total)) => {
                Value::Double(total.mantissa as f64 / count as f64 / 10_f64.powi(total.scale as i32))
            }
            (_, total) => Value::Double(total.to_double() / count as f64),
        },
    })
}

fn sum(ty: &Type, values: &[Value]) -> Result {
    use super::evaluate::Failure::Overflow;
    Ok(match ty {
        Type::Double => match values.iter().map(Value::to_double).sum::<f64>() {
            total if total.is_nan() => Value::Null,
            total => Value::Double(total),
        },
        Type::Decimal => {
            let scale = values.iter().map(|value| value.to_decimal().scale).max().unwrap_or(0);
            let exact = values.iter().map(|value| value.to_decimal().at_scale(scale).ok_or(Overflow));
            let mantissa = exact.sum::<Result<i128>>()?;
            Value::Decimal(Decimal { mantissa, scale })
        }
        _ => {
            let total: i128 = values
                .iter()
                .map(|value| match value {
                    Value::Int(n) | Value::Duration(n) => i128::from(*n),
                    other => panic!("{other:?} is not added up"),
                })
                .sum();
            let total = i64::try_from(total).map_err(|_| Overflow)?;
            if *ty == Type::Duration { Value::Duration(total) } else { Value::Int(total) }
        }
    })
}
