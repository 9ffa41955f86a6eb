//! `$apply` steps: each a sub-select over the last (OD-85, OD-95). The row policy stands in the innermost.

use super::super::bound::{AggregatePart, Aggregation, Grouping, Method, Transformation};
use super::super::edm::Edm;
use super::eager;
use super::expr::call;
use super::scope::{Place, Planner};
use crate::sql::functions as f;
use crate::sql::{self, Aggregate, Arithmetic, Expr, From, Select, Type, Value};

impl Planner<'_> {
    /// Runs the steps over `select`, whose scope is open; the select that is open afterwards.
    pub(super) fn transform(&mut self, mut select: Select, steps: &[Transformation]) -> Select {
        for step in steps {
            match step {
                Transformation::Filter(filter) => {
                    let condition = self.predicate(filter);
                    select.filter.push(condition);
                }
                Transformation::Aggregate(aggregation) => {
                    select.columns = self.aggregates(aggregation);
                    select = self.wrap(select, None);
                }
                Transformation::GroupBy { by, then } => {
                    select = self.group(select, by, then.as_ref());
                    select = self.wrap(select, Some(by.len()));
                }
            }
        }
        select
    }

    fn group(&mut self, mut select: Select, by: &[Grouping], then: Option<&Aggregation>) -> Select {
        select.columns = by.iter().map(|g| self.value(&g.value)).collect();
        // By position: PostgreSQL would not see that an expression with a bind is the grouped one.
        select.group = (1..=by.len()).map(|n| Expr::Int(n as i64)).collect();
        if let Some(aggregation) = then {
            let aggregates = self.aggregates(aggregation);
            select.columns.extend(aggregates);
        }
        select
    }

    /// Ends the SELECT at hand, which groups by its first `keys` columns, and opens one over it.
    fn wrap(&mut self, mut inner: Select, keys: Option<usize>) -> Select {
        let mut joins = self.close_scope();
        joins.append(&mut inner.joins);
        inner.joins = joins;
        if let Some(keys) = keys {
            inner = eager::split(inner, keys, &mut self.names);
        }
        let alias = self.names.fresh();
        let scope = self.open_scope();
        self.set_place(0, Place { scope, alias, entity: None });
        Select::from(From::Select(Box::new(inner), alias))
    }

    fn aggregates(&mut self, aggregation: &Aggregation) -> Vec<Expr> {
        aggregation.parts.iter().map(|part| self.aggregate(part)).collect()
    }

    fn aggregate(&mut self, part: &AggregatePart) -> Expr {
        let Some(operand) = &part.operand else { return Expr::count() };
        let value = self.value(operand);
        let of = |method: Aggregate| sql::Expr::Aggregate(method, Some(Box::new(value.clone())));
        match part.method {
            Method::Count => Expr::count(),
            Method::CountDistinct => of(Aggregate::CountDistinct),
            Method::Min => of(Aggregate::Min),
            Method::Max => of(Aggregate::Max),
            Method::Sum if operand.may_be_infinite() => call(&f::NOT_NAN, [of(Aggregate::Sum)]),
            Method::Sum if part.ty == Edm::Double => of(Aggregate::Sum),
            // PostgreSQL sums Int64 in numeric; what leaves Int64 is an error there and here.
            Method::Sum => of(Aggregate::Sum).cast(Type::Int64),
            Method::Average if operand.may_be_infinite() => call(&f::NOT_NAN, [average(&value, operand.ty, part.ty)]),
            Method::Average => average(&value, operand.ty, part.ty),
        }
    }
}

/// Exact sum over exact count, divided once: AVG would round differently on the two back ends.
fn average(value: &Expr, of: Edm, ty: Edm) -> Expr {
    let sum = value.clone().sum();
    let count = || Expr::Aggregate(Aggregate::Count, Some(Box::new(value.clone())));
    let mean = if ty == Edm::Duration {
        sum.cast(Type::Int64).arithmetic(Arithmetic::Div, count())
    } else {
        let mean = sum.cast(Type::Double).arithmetic(Arithmetic::Div, count().cast(Type::Double));
        match of {
            Edm::Decimal { scale, .. } if scale > 0 => {
                mean.arithmetic(Arithmetic::Div, Expr::Bind(Value::Double(10f64.powi(scale.into()))))
            }
            _ => mean,
        }
    };
    Expr::Case(vec![(count().compare(sql::Compare::Gt, Expr::Int(0)), mean)], Box::new(Expr::Null(ty.sql())))
}
