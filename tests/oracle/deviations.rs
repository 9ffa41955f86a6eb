//! Where odatapy 5.3.0 answers otherwise than the standard or a decision of ours (OD-202): each class with its reason, and
//! how narrowly a smallest request must match it.

use super::expression::{Expr, Kind, Op};
use super::query::{Method, Query, Step};
use super::second::Difference;
use super::value::{Type, Value};

pub struct Deviation {
    pub name: &'static str,
    /// What the text says, or which decision of ours it is.
    #[expect(dead_code, reason = "for whoever reads the table")]
    pub reason: &'static str,
    matches: fn(&Query, &Difference) -> bool,
}

pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        name: "a relational operator with null",
        reason: "\"If any operand is null, the operator returns false\" (Part 2 §5.1.1.1.3 to .6); odatapy gives null, \
                 which shows under `not`, `all`, in an equality and as a value.",
        matches: |query, difference| answered(difference) && shown(query, &is_relational),
    },
    Deviation {
        name: "null on the left of `in`",
        reason: "`in` is true where an equality with a member is (§5.1.1.1.12), and those are never null; odatapy gives null.",
        matches: |query, difference| answered(difference) && shown(query, &|expr| matches!(expr.kind, Kind::In(..))),
    },
    Deviation {
        name: "null as a member of a list",
        reason: "null is equal to null (§5.1.1.1.1); odatapy's `in` is null for a null.",
        matches: |query, difference| {
            let null = |member: &Expr| matches!(member.kind, Kind::Literal(Value::Null, _));
            answered(difference)
                && contains(query, &|expr| matches!(&expr.kind, Kind::In(_, members) if members.iter().any(null)))
        },
    },
    Deviation {
        name: "a negative start of substring",
        reason: "It counts from the end (§5.1.1.5.7, OD-34); odatapy takes the whole text, or Python's slice.",
        matches: |query, difference| {
            let negative = |expr: &Expr| matches!(expr.kind, Kind::Literal(Value::Int(n), _) if n < 0);
            answered(difference) && calls(query, "substring", &|arguments| negative(&arguments[1]))
        },
    },
    Deviation {
        name: "divby zero",
        reason: "It gives an infinity by the sign of the left side (OD-33); odatapy gives null.",
        matches: |query, difference| {
            let literal = |expr: &Expr| matches!(&expr.kind, Kind::Literal(value, _) if !value.equals(&Value::Int(0)));
            let divides = |expr: &Expr| matches!(&expr.kind, Kind::Binary(Op::DivBy, _, divisor) if !literal(divisor));
            answered(difference) && contains(query, &divides)
        },
    },
    Deviation {
        name: "mod of a negative number",
        reason: "The sign is that of the dividend (OD-33); Python's % has that of the divisor.",
        matches: |query, difference| {
            answered(difference) && contains(query, &|expr| matches!(expr.kind, Kind::Binary(Op::Mod, ..)))
        },
    },
    Deviation {
        name: "div of a rounded number",
        reason: "round, floor and ceiling give a Double or Decimal (§5.1.1.9), which `div` does not truncate; odatapy's are \
                 integers.",
        matches: |query, difference| {
            let rounds = |expr: &Expr| matches!(expr.kind, Kind::Call("round" | "floor" | "ceiling", _));
            let divides = |expr: &Expr| match &expr.kind {
                Kind::Binary(Op::Div, left, right) => within(left, &rounds) || within(right, &rounds),
                _ => false,
            };
            answered(difference) && contains(query, &divides)
        },
    },
    Deviation {
        name: "round of the number next to a half",
        reason: "0.49999999999999994 is less than a half; odatapy adds 0.5 first, which makes 1 of it.",
        matches: |query, difference| {
            answered(difference) && calls(query, "round", &|arguments| arguments[0].ty == Type::Double)
        },
    },
    Deviation {
        name: "a Decimal under mul, div or divby",
        reason: "Reckoned in doubles (OD-33); odatapy's decimals differ in the last digits, which an equality sees.",
        matches: |query, difference| {
            let reckoned = |expr: &Expr| match &expr.kind {
                Kind::Binary(Op::Mul | Op::Div | Op::DivBy | Op::Mod, left, right) => {
                    left.ty == Type::Decimal || right.ty == Type::Decimal || expr.ty == Type::Double
                }
                _ => false,
            };
            let compared = |expr: &Expr| match &expr.kind {
                Kind::Binary(op, left, right) => {
                    expr.ty == Type::Boolean && *op != Op::And && (within(left, &reckoned) || within(right, &reckoned))
                }
                Kind::In(value, _) => within(value, &reckoned),
                Kind::Call("round" | "floor" | "ceiling", arguments) => within(&arguments[0], &reckoned),
                _ => false,
            };
            answered(difference) && contains(query, &compared)
        },
    },
    Deviation {
        name: "a moment that is written with an offset",
        reason: "Written, and its parts seen, in UTC (OD-35); odatapy keeps the offset of the literal.",
        matches: |query, difference| {
            let parts = ["time", "date", "year", "month", "day", "hour", "minute", "second"];
            let offset =
                |expr: &Expr| matches!(&expr.kind, Kind::Literal(Value::Instant(_), text) if !text.ends_with('Z'));
            let in_parts = |part: &&str| calls(query, part, &|arguments| within(&arguments[0], &offset));
            let computed = query.options.compute.iter().any(|computed| offset(&computed.expr));
            answered(difference) && (computed || parts.iter().any(in_parts))
        },
    },
    Deviation {
        name: "a date against a moment",
        reason: "A date is its midnight in UTC (OD-36), a convenience of ours.",
        matches: |_, difference| {
            let pairs = ["Edm.DateTimeOffset with Edm.Date.", "Edm.Date with Edm.DateTimeOffset."];
            refused(difference, "400", "cannot compare") && pairs.iter().any(|pair| difference.why.contains(pair))
        },
    },
    Deviation {
        name: "an equality beside a relational operator",
        reason: "Relational operators bind tighter than `eq` and `ne` (§5.1.1.16); odatapy reads both from the left.",
        matches: |query, difference| {
            let mixed = |expr: &Expr| match &expr.kind {
                Kind::Binary(Op::Eq | Op::Ne, left, right) => is_relational(left) || is_relational(right),
                _ => false,
            };
            refused(difference, "400", "cannot compare") && contains(query, &mixed)
        },
    },
    Deviation {
        name: "a bare null as a condition",
        reason: "null is a literal of any type (§5.1.1.15.1), and a condition that is null keeps no row.",
        matches: |_, difference| {
            let said = ["must be a boolean expression", "requires a boolean expression", "requires Edm.Boolean"];
            said.iter().any(|said| refused(difference, "400", said))
        },
    },
    Deviation {
        name: "a computed property in a further one",
        reason: "Items of $compute may use those before them, as the service documents; odatapy does not.",
        matches: |query, difference| {
            query.options.compute.len() > 1 && refused(difference, "400", "is not a property of type")
        },
    },
    Deviation {
        name: "$select of what $apply made",
        reason: "Options see the result of $apply (OD-93); odatapy looks in the type of the set.",
        matches: |query, difference| {
            !query.apply.is_empty() && refused(difference, "400", "in $select is not a property of")
        },
    },
    Deviation {
        name: "sum or average of durations",
        reason: "Both have durations (OD-81); odatapy adds them to the number 0.",
        matches: |query, difference| {
            let adds = query.apply.iter().any(|step| match step {
                Step::GroupBy(_, aggregates) | Step::Aggregate(aggregates) => aggregates.iter().any(|aggregate| {
                    let what = aggregate.what.as_ref();
                    what.is_some_and(|(expr, method)| {
                        expr.ty == Type::Duration && matches!(method, Method::Sum | Method::Average)
                    })
                }),
                _ => false,
            });
            adds && refused(difference, "500", "")
        },
    },
    Deviation {
        name: "members of an enumeration by their names alone",
        reason: "A string is read as the member where the place tells the type (OD-42), in a list too.",
        matches: |query, difference| {
            let listed = |expr: &Expr| match &expr.kind {
                Kind::In(value, _) => matches!(value.ty, Type::Enum(_)),
                _ => false,
            };
            refused(difference, "400", "must have compatible types") && contains(query, &listed)
        },
    },
    Deviation {
        name: "microseconds of a duration",
        reason: "A duration literal has as many digits as it wants (ABNF `duration`).",
        matches: |_, difference| refused(difference, "400", "does not match the facets"),
    },
];

impl Deviation {
    /// The class of a smallest request that is answered otherwise.
    pub fn of(query: &Query, difference: &Difference) -> Option<&'static Deviation> {
        DEVIATIONS.iter().find(|deviation| (deviation.matches)(query, difference))
    }
}

fn answered(difference: &Difference) -> bool {
    difference.status == "200"
}

fn refused(difference: &Difference, status: &str, said: &str) -> bool {
    difference.status == status && difference.why.contains(said)
}

fn within(expr: &Expr, wanted: &dyn Fn(&Expr) -> bool) -> bool {
    let mut found = false;
    expr.walk(&mut |expr| found |= wanted(expr));
    found
}

fn contains(query: &Query, wanted: &dyn Fn(&Expr) -> bool) -> bool {
    query.expressions().iter().any(|expr| within(expr, wanted))
}

fn calls(query: &Query, name: &str, wanted: &dyn Fn(&[Expr]) -> bool) -> bool {
    contains(query, &|expr| matches!(&expr.kind, Kind::Call(called, arguments) if *called == name && wanted(arguments)))
}

fn is_relational(expr: &Expr) -> bool {
    matches!(expr.kind, Kind::Binary(Op::Gt | Op::Ge | Op::Lt | Op::Le, ..))
}

/// Whether one stands where false and null differ: anywhere but as a condition, or a part of one by `and`, `or` and `any`.
fn shown(query: &Query, wanted: &dyn Fn(&Expr) -> bool) -> bool {
    let conditions = query.options.filter.iter().chain(query.apply.iter().filter_map(|step| match step {
        Step::Filter(filter) => Some(filter),
        _ => None,
    }));
    let conditions: Vec<&Expr> = conditions.collect();
    let is_condition = |expr: &Expr| conditions.iter().any(|condition| std::ptr::eq(*condition, expr));
    conditions.iter().any(|condition| shown_below(condition, wanted))
        || query.expressions().into_iter().any(|expr| !is_condition(expr) && within(expr, wanted))
}

fn shown_below(condition: &Expr, wanted: &dyn Fn(&Expr) -> bool) -> bool {
    match &condition.kind {
        Kind::Binary(Op::And | Op::Or, left, right) => shown_below(left, wanted) || shown_below(right, wanted),
        Kind::Any(_, _, Some(inner)) => shown_below(inner, wanted),
        _ => condition.children().into_iter().any(|child| within(child, wanted)),
    }
}
