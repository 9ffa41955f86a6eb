//! Grouping in two steps: first by the columns that lead to other tables, then by what is read there.
//!
//! In: the SELECT of a `groupby` over one table. Out: the same rows from a SELECT over partial sums. "By user and month"
//! would look up a user and a day for each of a million logs; an index answers the sums by `(user_id, work_date)` alone,
//! and only these are joined and summed up again (Yan, Larson: "Eager Aggregation and Lazy Aggregation", 1995).

use crate::sql::functions::{self as f, Function};
use crate::sql::{Aggregate, Alias, Expr, From, Join, JoinKind, Names, Select, Type};

/// Splits the SELECT, whose first `keys` columns are what it groups by; as it is where that would not pay or not be the
/// same: a key of many values, a condition on another table, an aggregate that cannot be made of parts.
pub(super) fn split(select: Select, keys: usize, names: &mut Names) -> Select {
    match Split::new(&select, names).and_then(|split| split.build(&select, keys)) {
        Some(split) => split,
        None => select,
    }
}

/// Functions of a day: a day has many logs, whatever is asked of it.
static OF_A_DAY: [&Function; 5] = [&f::DAY_YEAR, &f::DAY_MONTH, &f::DAY_DAY, &f::DAY_TEXT, &f::DAY_NUMBER];

struct Split {
    base: Alias,
    partial: Alias,
    /// The columns of the table that the first step groups by.
    by: Vec<&'static str>,
}

impl Split {
    fn new(select: &Select, names: &mut Names) -> Option<Split> {
        let From::Scan(scan) = &select.from else { return None };
        let joined = |join: &Join| join.kind == JoinKind::Left && matches!(join.with, From::Scan(_));
        if select.joins.is_empty() || !select.joins.iter().all(joined) {
            return None;
        }
        Some(Split { base: scan.alias(), partial: names.fresh(), by: Vec::new() })
    }

    fn build(mut self, select: &Select, keys: usize) -> Option<Select> {
        if !select.filter.iter().all(|condition| self.is_of_base(condition)) {
            return None;
        }
        let (grouped, aggregates) = select.columns.split_at_checked(keys)?;
        let mut columns: Vec<Expr> = grouped.iter().map(|key| self.key(key)).collect::<Option<_>>()?;
        let moved = |join: &Join| Some(Join { on: self.moved(&join.on)?, ..join.clone() });
        let joins = select.joins.iter().map(moved).collect::<Option<_>>()?;
        let mut inner = Select::from(select.from.clone());
        inner.filter.clone_from(&select.filter);
        inner.columns = self.by.iter().map(|name| self.base.col(name)).collect();
        inner.group = (1..=self.by.len()).map(|n| Expr::Int(n as i64)).collect();
        for aggregate in aggregates {
            columns.push(self.again(aggregate, inner.columns.len())?);
            inner.columns.push(aggregate.clone());
        }
        let mut outer = Select::from(From::Select(Box::new(inner), self.partial));
        outer.joins = joins;
        outer.columns = columns;
        outer.group.clone_from(&select.group);
        Some(outer)
    }

    /// A key over the partial rows. One of the table's own columns could have as many values as there are rows, and
    /// the first step would be for nothing.
    fn key(&mut self, key: &Expr) -> Option<Expr> {
        let of_a_day = match key {
            Expr::Call(function, arguments) => {
                OF_A_DAY.iter().any(|f| f == function) && matches!(arguments.as_slice(), [Expr::Column(..)])
            }
            _ => false,
        };
        let base = self.base;
        let elsewhere = rewrite(key, &mut |alias, name| (alias != base).then(|| alias.col(name)));
        if elsewhere.is_none() && !of_a_day {
            return None;
        }
        self.moved(key)
    }

    fn moved(&mut self, expr: &Expr) -> Option<Expr> {
        let (base, partial, by) = (self.base, self.partial, &mut self.by);
        rewrite(expr, &mut |alias, name| {
            if alias != base {
                return Some(alias.col(name));
            }
            let n = by.iter().position(|known| *known == name).unwrap_or_else(|| {
                by.push(name);
                by.len() - 1
            });
            Some(partial.output(n))
        })
    }

    /// The aggregate of the whole from that of the parts, which is their column `n`.
    fn again(&self, aggregate: &Expr, n: usize) -> Option<Expr> {
        let part = self.partial.output(n);
        match aggregate {
            Expr::Cast(sum, Type::Int64) => match &**sum {
                Expr::Aggregate(Aggregate::Sum, Some(of)) if self.is_of_base(of) => Some(part.sum().cast(Type::Int64)),
                _ => None,
            },
            Expr::Aggregate(Aggregate::Count, of) if of.as_ref().is_none_or(|of| self.is_of_base(of)) => {
                Some(part.sum().cast(Type::Int64))
            }
            Expr::Aggregate(method @ (Aggregate::Min | Aggregate::Max), Some(of)) if self.is_of_base(of) => {
                Some(Expr::Aggregate(*method, Some(Box::new(part))))
            }
            _ => None,
        }
    }

    fn is_of_base(&self, expr: &Expr) -> bool {
        rewrite(expr, &mut |alias, name| (alias == self.base).then(|| alias.col(name))).is_some()
    }
}

/// The expression with other columns; none where `column` has none, or where it holds a SELECT of its own.
fn rewrite(expr: &Expr, column: &mut impl FnMut(Alias, &'static str) -> Option<Expr>) -> Option<Expr> {
    let mut boxed = |inner: &Expr| rewrite(inner, column).map(Box::new);
    Some(match expr {
        Expr::Column(alias, name) => return column(*alias, name),
        Expr::Bind(_) | Expr::Int(_) | Expr::True | Expr::False | Expr::Null(_) => expr.clone(),
        Expr::Compare(op, x, y) => Expr::Compare(*op, boxed(x)?, boxed(y)?),
        Expr::Arithmetic(op, x, y) => Expr::Arithmetic(*op, boxed(x)?, boxed(y)?),
        Expr::IsNull(x) => Expr::IsNull(boxed(x)?),
        Expr::IsNotNull(x) => Expr::IsNotNull(boxed(x)?),
        Expr::IsTrue(x) => Expr::IsTrue(boxed(x)?),
        Expr::Not(x) => Expr::Not(boxed(x)?),
        Expr::Neg(x) => Expr::Neg(boxed(x)?),
        Expr::Cast(x, ty) => Expr::Cast(boxed(x)?, *ty),
        Expr::In(x, list) => Expr::In(boxed(x)?, list.clone()),
        Expr::And(parts) => Expr::And(all(parts, column)?),
        Expr::Or(parts) => Expr::Or(all(parts, column)?),
        Expr::Coalesce(parts) => Expr::Coalesce(all(parts, column)?),
        Expr::Call(function, arguments) => Expr::Call(function, all(arguments, column)?),
        _ => return None,
    })
}

fn all(parts: &[Expr], column: &mut impl FnMut(Alias, &'static str) -> Option<Expr>) -> Option<Vec<Expr>> {
    parts.iter().map(|part| rewrite(part, column)).collect()
}
