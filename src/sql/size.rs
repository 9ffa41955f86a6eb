//! How much text a statement will be, before any is written.
//!
//! A function whose template names an argument twice, within another such function, within another: the text doubles with
//! each, while the tree grows by one. Counted in pieces, a node each; the count saturates.

use super::functions::Function;
use super::tree::{Expr, From, Guard, Select};

impl Select {
    /// Pieces of the statement's text, on the back end that needs more of them.
    pub fn size(&self) -> u64 {
        let order = self.order.iter().map(|order| size(&order.by));
        let exprs = self.columns.iter().chain(&self.filter).chain(&self.group).map(size);
        let joins = self.joins.iter().map(|join| source(&join.with).saturating_add(size(&join.on)));
        total(exprs.chain(order).chain(joins).chain([source(&self.from)]))
    }
}

fn source(from: &From) -> u64 {
    match from {
        From::Scan(scan) => match scan.guard() {
            Guard::Where(condition) => size(condition).saturating_add(1),
            Guard::All | Guard::Nothing => 1,
        },
        From::Select(inner, _) => inner.size().saturating_add(1),
    }
}

fn total(parts: impl Iterator<Item = u64>) -> u64 {
    parts.fold(1, u64::saturating_add)
}

fn size(e: &Expr) -> u64 {
    match e {
        Expr::Column(..)
        | Expr::Output(..)
        | Expr::Bind(_)
        | Expr::Int(_)
        | Expr::True
        | Expr::False
        | Expr::Null(_)
        | Expr::Aggregate(_, None) => 1,
        Expr::IsNull(inner)
        | Expr::IsNotNull(inner)
        | Expr::IsTrue(inner)
        | Expr::Not(inner)
        | Expr::In(inner, _)
        | Expr::Neg(inner)
        | Expr::Cast(inner, _)
        | Expr::Aggregate(_, Some(inner)) => size(inner).saturating_add(1),
        Expr::Compare(_, left, right) | Expr::Arithmetic(_, left, right) => {
            total([size(left), size(right)].into_iter())
        }
        Expr::And(parts) | Expr::Or(parts) | Expr::Coalesce(parts) => total(parts.iter().map(size)),
        Expr::Case(cases, otherwise) => {
            total(cases.iter().flat_map(|(when, then)| [size(when), size(then)]).chain([size(otherwise)]))
        }
        Expr::InSelect(inner, select) => total([size(inner), select.size()].into_iter()),
        Expr::InEach(inner, each) => total([size(inner), each.select.size()].into_iter()),
        Expr::Exists(select) | Expr::Scalar(select) => select.size().saturating_add(1),
        Expr::RowNumber(partition, order) => total(order.iter().map(|order| size(&order.by)).chain([size(partition)])),
        Expr::Call(function, arguments) => {
            total(arguments.iter().enumerate().map(|(n, e)| size(e).saturating_mul(times(function, n))))
        }
    }
}

/// How often a function's text holds its *n*-th argument.
fn times(function: &Function, n: usize) -> u64 {
    let slot = format!("{{{n}}}");
    let count = |text: &str| text.matches(slot.as_str()).count() as u64;
    count(function.sqlite).max(count(function.postgres))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Alias;
    use crate::sql::functions as f;

    #[test]
    fn what_is_written_twice_counts_twice_at_each_level() {
        let nested = |depth: u32| {
            let column = Alias(0).col("x");
            (0..depth).fold(column, |e, _| Expr::Call(&f::SUBSTRING, vec![e, Expr::Int(1)]))
        };
        let times = times(&f::SUBSTRING, 0);
        assert!(times > 1);
        assert!(size(&nested(10)) > times.pow(10));
        assert_eq!(size(&nested(200)), u64::MAX);
    }
}
