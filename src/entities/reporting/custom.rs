//! Slots that a request fills with fields of its choice: `customFields` and `rollupFields` (contract §3.7).
//!
//! A name that no field bears leaves its slot null. Built-in fields have columns of their own; all others are rows of
//! `work_item_fields`.

use super::parameters::{CUSTOM_FIELDS, ROLLUP_FIELDS};
use super::work_items;
use crate::entities::time::TREE;
use crate::odata::edm::{Edm, Prop, Value as Source, expr, prop};
use crate::odata::plan::{At, Derivation, Planner};
use crate::sql::{Expr, From, Join, JoinKind, Select, Type, Value};

/// `CustomStringField1` … `5` and their like: the slot of its type holds the field, the others are null.
pub static CUSTOM: &[Prop] = &[
    text("CustomStringField1", custom::<0, TEXT>),
    text("CustomStringField2", custom::<1, TEXT>),
    text("CustomStringField3", custom::<2, TEXT>),
    text("CustomStringField4", custom::<3, TEXT>),
    text("CustomStringField5", custom::<4, TEXT>),
    number("CustomNumericField1", custom::<0, NUMBER>),
    number("CustomNumericField2", custom::<1, NUMBER>),
    number("CustomNumericField3", custom::<2, NUMBER>),
    number("CustomNumericField4", custom::<3, NUMBER>),
    number("CustomNumericField5", custom::<4, NUMBER>),
    boolean("CustomBooleanField1", custom::<0, BOOLEAN>),
    boolean("CustomBooleanField2", custom::<1, BOOLEAN>),
    boolean("CustomBooleanField3", custom::<2, BOOLEAN>),
    boolean("CustomBooleanField4", custom::<3, BOOLEAN>),
    boolean("CustomBooleanField5", custom::<4, BOOLEAN>),
];

/// `RollupValue1` … `5`: the field's sum over the item and all below it.
pub static ROLLUPS: &[Prop] = &[
    rolled("RollupValue1", rolled_up::<0>),
    rolled("RollupValue2", rolled_up::<1>),
    rolled("RollupValue3", rolled_up::<2>),
    rolled("RollupValue4", rolled_up::<3>),
    rolled("RollupValue5", rolled_up::<4>),
];

const TEXT: u8 = 0;
const NUMBER: u8 = 1;
const BOOLEAN: u8 = 2;

type Build = fn(&mut At) -> Expr;

const fn text(name: &'static str, build: Build) -> Prop {
    prop(name, Edm::String, expr(build)).nullable().doc("The field of this place in `customFields`, if it is a text.")
}

const fn number(name: &'static str, build: Build) -> Prop {
    prop(name, Edm::Double, expr(build)).nullable().doc("The field of this place in `customFields`, if it is a number.")
}

const fn boolean(name: &'static str, build: Build) -> Prop {
    prop(name, Edm::Boolean, expr(build))
        .nullable()
        .doc("The field of this place in `customFields`, if it is true or false.")
}

const fn rolled(name: &'static str, build: Build) -> Prop {
    prop(name, Edm::Double, expr(build))
        .nullable()
        .doc("Sum of the field of this place in `rollupFields`, over the item and all below it.")
}

/// A field with a column of its own.
struct BuiltIn {
    column: &'static str,
    ty: Edm,
}

/// Reference names are the property names with dots.
fn built_in(reference_name: &str) -> Option<BuiltIn> {
    let fields = work_items::FIELDS.iter().chain(work_items::REQUIRED);
    let named = |p: &Prop| p.name.split('_').eq(reference_name.split('.'));
    fields.filter(|p| named(p)).find_map(|p| match p.value {
        Source::Column(column) => Some(BuiltIn { column, ty: p.ty }),
        Source::Expr(_) => None,
    })
}

/// The field of slot `N` where it has the kind `KIND`.
fn custom<const N: usize, const KIND: u8>(at: &mut At) -> Expr {
    let (ty, column) = match KIND {
        TEXT => (Type::Text, "text_value"),
        NUMBER => (Type::Double, "number_value"),
        _ => (Type::Bool, "bool_value"),
    };
    let Some(name) = at.name(CUSTOM_FIELDS, N) else {
        return Expr::Null(ty);
    };
    if let Some(field) = built_in(&name) {
        return match (KIND, field.ty) {
            (TEXT, Edm::String) | (NUMBER, Edm::Double) | (BOOLEAN, Edm::Boolean) => at.col(field.column),
            (NUMBER, Edm::Int32) => at.col(field.column).cast(Type::Double),
            _ => Expr::Null(ty),
        };
    }
    let field = field_id(at, name);
    let slot = format!("{CUSTOM_FIELDS} {N}");
    let value = at.join_on(&slot, "work_item_fields", |at, value| {
        value.col("work_item_id").eq(at.col("id")).and(value.col("field_id").eq(field))
    });
    value.col(column)
}

/// Id of the custom field of this name; null if there is none.
fn field_id(at: &mut At, reference_name: String) -> Expr {
    let fields = at.scan("fields");
    let field = fields.alias();
    let named = field.col("reference_name").eq(Expr::bind(Value::Text(reference_name)));
    let mut select = Select::from(From::Scan(fields)).filter(named);
    select.columns.push(field.col("id"));
    Expr::Scalar(Box::new(select))
}

fn rolled_up<const N: usize>(at: &mut At) -> Expr {
    match at.name(ROLLUP_FIELDS, N) {
        Some(_) => at.derive(&ROLLED_UP[N], 1),
        None => Expr::Null(Type::Double),
    }
}

static ROLLED_UP: [Derivation; 5] =
    [sums::<0>("rollup 1"), sums::<1>("rollup 2"), sums::<2>("rollup 3"), sums::<3>("rollup 4"), sums::<4>("rollup 5")];

const fn sums<const N: usize>(name: &'static str) -> Derivation {
    Derivation { name, key: "id", grouped: all_sums::<N>, single: one_sum::<N> }
}

fn all_sums<const N: usize>(planner: &mut Planner) -> Select {
    planner.select(&TREE, |at, select| {
        let number = below(at, select, N);
        select.columns.push(at.col("ancestor_id"));
        select.columns.push(number.sum());
        select.group.push(at.col("ancestor_id"));
    })
}

fn one_sum<const N: usize>(planner: &mut Planner, item: Expr, _column: usize) -> Select {
    planner.select(&TREE, |at, select| {
        let number = below(at, select, N);
        select.columns.push(number.sum());
        select.filter.push(at.col("ancestor_id").eq(item));
    })
}

/// The number of slot `n` of an item below; only rows that have one are joined.
fn below(at: &mut At, select: &mut Select, n: usize) -> Expr {
    let name = at.name(ROLLUP_FIELDS, n).unwrap_or_default();
    let item = at.col("descendant_id");
    let (with, on, number) = match built_in(&name) {
        Some(field) => {
            let items = at.scan("work_items");
            let row = items.alias();
            let number = match field.ty {
                Edm::Double | Edm::Int32 => row.col(field.column).cast(Type::Double),
                _ => Expr::Null(Type::Double),
            };
            (items, row.col("id").eq(item).and(number.clone().is_not_null()), number)
        }
        None => {
            let field = field_id(at, name);
            let values = at.scan("work_item_fields");
            let row = values.alias();
            let on = row.col("work_item_id").eq(item).and(row.col("field_id").eq(field));
            (values, on, row.col("number_value"))
        }
    };
    select.joins.push(Join { kind: JoinKind::Inner, with: From::Scan(with), on });
    number
}
