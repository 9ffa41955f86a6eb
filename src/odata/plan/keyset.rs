//! "The rows after this one" in a total order (OD-111).
//!
//! The form is `a >= ? AND (a > ? OR …)`: the textbook `a > ? OR (a = ? AND …)` scans on SQLite (60 ms against 2).
//! Nulls come first in `asc` and last in `desc` (OD-56).

use crate::sql::{Compare, Direction, Expr, Order, Value};

/// The condition that a row comes after the one whose order values are given.
pub(super) fn after(order: &[Order], values: &[Value]) -> Expr {
    let (Some((first, rest)), Some((value, values))) = (order.split_first(), values.split_first()) else {
        return Expr::False;
    };
    let key = || first.by.clone();
    let is_null = matches!(value, Value::Null(_));
    let bound = || Expr::Bind(value.clone());
    let last = rest.is_empty();
    match (first.direction, first.nullable, is_null) {
        (Direction::Asc, _, true) => Expr::Or(vec![key().is_not_null(), after(rest, values)]),
        (Direction::Desc, _, true) => Expr::all(vec![key().is_null(), after(rest, values)]),
        (Direction::Asc, _, false) if last => key().compare(Compare::Gt, bound()),
        (Direction::Asc, _, false) => Expr::And(vec![
            key().compare(Compare::Ge, bound()),
            Expr::Or(vec![key().compare(Compare::Gt, bound()), after(rest, values)]),
        ]),
        (Direction::Desc, nullable, false) => {
            let below = if last {
                key().compare(Compare::Lt, bound())
            } else {
                Expr::And(vec![
                    key().compare(Compare::Le, bound()),
                    Expr::Or(vec![key().compare(Compare::Lt, bound()), after(rest, values)]),
                ])
            };
            if nullable { Expr::Or(vec![below, key().is_null()]) } else { below }
        }
    }
}
