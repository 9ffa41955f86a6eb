//! A failing request made small: every smaller one that still fails is taken, until none does.

use super::expression::{Expr, Kind};
use super::query::{Aggregate, Options, Query, Step};
use super::search::Search;
use super::value::{Type, Value};

/// Requests that are asked at most, so that an end is in sight.
const ATTEMPTS: usize = 400;

/// With `nulls`, null may stand in for a part, unless it might be what fails.
pub fn shrunk(query: Query, nulls: bool, fails: &mut dyn FnMut(&Query) -> bool) -> Query {
    let mut smallest = query;
    let mut attempts = 0;
    'smaller: loop {
        for candidate in candidates(&smallest, nulls) {
            attempts += 1;
            if attempts > ATTEMPTS {
                return smallest;
            }
            if fails(&candidate) {
                smallest = candidate;
                continue 'smaller;
            }
        }
        return smallest;
    }
}

fn candidates(query: &Query, nulls: bool) -> Vec<Query> {
    let mut all = Vec::new();
    let with = |change: &dyn Fn(&mut Query)| {
        let mut smaller = query.clone();
        change(&mut smaller);
        smaller
    };
    if query.page.is_some() {
        all.push(with(&|query| query.page = None));
    }
    for at in 0..query.apply.len() {
        if matches!(query.apply[at], Step::Identity | Step::Filter(_) | Step::Search(_)) {
            all.push(with(&|query| drop(query.apply.remove(at))));
        } else if at + 1 == query.apply.len() {
            // What stands behind it uses the names that it made.
            all.push(with(&|query| {
                query.apply.pop();
                query.options = Options { count: query.options.count, ..Options::default() };
            }));
        }
    }
    all.extend(options(&query.options, nulls).into_iter().map(|options| Query { options, ..query.clone() }));
    for at in 0..query.apply.len() {
        let named = &query.options;
        let names_unused = at + 1 == query.apply.len()
            && (&named.filter, named.orderby.len(), named.select.len(), named.compute.len()) == (&None, 0, 0, 0);
        all.extend(
            steps(&query.apply[at], names_unused, nulls)
                .into_iter()
                .map(|step| with(&|query| query.apply[at] = step.clone())),
        );
    }
    all.retain(|smaller| smaller != query);
    all
}

fn options(options: &Options, nulls: bool) -> Vec<Options> {
    let mut all = Vec::new();
    let with = |change: &dyn Fn(&mut Options)| {
        let mut smaller = options.clone();
        change(&mut smaller);
        smaller
    };
    all.push(with(&|options| options.filter = None));
    all.push(with(&|options| options.search = None));
    for search in options.search.iter().flat_map(Search::smaller) {
        all.push(with(&|options| options.search = Some(search.clone())));
    }
    all.push(with(&|options| options.top = None));
    all.push(with(&|options| options.skip = None));
    all.push(with(&|options| options.count = false));
    all.push(with(&|options| options.select.clear()));
    for at in 0..options.orderby.len() {
        all.push(with(&|options| drop(options.orderby.remove(at))));
    }
    for at in 0..options.expand.len() {
        all.push(with(&|options| drop(options.expand.remove(at))));
    }
    for at in 0..options.expand.len() {
        all.push(with(&|options| options.expand[at].levels = None));
    }
    for at in 0..options.compute.len() {
        let alias = &options.compute[at].alias;
        let uses = |expr: &&Expr| {
            let mut found = false;
            expr.walk(&mut |expr| found |= matches!(&expr.kind, Kind::Path(path) if path.contains(alias)));
            found
        };
        if !options.expressions().iter().any(uses) {
            all.push(with(&|options| {
                options.select.retain(|name| name != alias);
                options.compute.remove(at);
            }));
        }
    }
    for filter in options.filter.iter().flat_map(|filter| expressions(filter, nulls)) {
        all.push(with(&|options| options.filter = Some(filter.clone())));
    }
    for at in 0..options.orderby.len() {
        for expr in expressions(&options.orderby[at].expr, nulls) {
            all.push(with(&|options| options.orderby[at].expr = expr.clone()));
        }
    }
    for at in 0..options.compute.len() {
        for expr in expressions(&options.compute[at].expr, nulls) {
            all.push(with(&|options| options.compute[at].expr = expr.clone()));
        }
    }
    for at in 0..options.expand.len() {
        for inner in self::options(&options.expand[at].options, nulls) {
            all.push(with(&|options| options.expand[at].options = inner.clone()));
        }
    }
    all.retain(|smaller| smaller != options);
    all
}

/// Smaller steps; what they name stays, unless nothing behind them uses it.
fn steps(step: &Step, names_unused: bool, nulls: bool) -> Vec<Step> {
    match step {
        Step::Identity => Vec::new(),
        Step::Search(search) => search.smaller().into_iter().map(Step::Search).collect(),
        Step::Filter(filter) => expressions(filter, nulls).into_iter().map(Step::Filter).collect(),
        Step::Aggregate(aggregates) => {
            fewer(aggregates, 1, names_unused, nulls).into_iter().map(Step::Aggregate).collect()
        }
        Step::GroupBy(by, aggregates) => {
            let groups = if names_unused { fewer_of(by, 1) } else { Vec::new() };
            let groups = groups.into_iter().map(|by| Step::GroupBy(by, aggregates.clone()));
            groups
                .chain(
                    fewer(aggregates, 0, names_unused, nulls).into_iter().map(|kept| Step::GroupBy(by.clone(), kept)),
                )
                .collect()
        }
    }
}

fn fewer(aggregates: &[Aggregate], least: usize, names_unused: bool, nulls: bool) -> Vec<Vec<Aggregate>> {
    let mut all = if names_unused { fewer_of(aggregates, least) } else { Vec::new() };
    for (at, aggregate) in aggregates.iter().enumerate() {
        for expr in aggregate.what.iter().flat_map(|(expr, _)| expressions(expr, nulls)) {
            let mut smaller = aggregates.to_vec();
            smaller[at].what = aggregate.what.as_ref().map(|(_, method)| (expr, *method));
            all.push(smaller);
        }
    }
    all
}

/// Without one of them.
fn fewer_of<T: Clone>(items: &[T], least: usize) -> Vec<Vec<T>> {
    if items.len() <= least {
        return Vec::new();
    }
    let without =
        |at: usize| items.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, item)| item.clone()).collect();
    (0..items.len()).map(without).collect()
}

/// Smaller expressions of the same type: a part in place of the whole, a literal, or one part smaller.
fn expressions(expr: &Expr, nulls: bool) -> Vec<Expr> {
    let mut all = Vec::new();
    if !expr.binds() {
        all.extend(expr.children().into_iter().filter(|child| child.ty == expr.ty).cloned());
    }
    if !matches!(expr.kind, Kind::Literal(..)) {
        if expr.ty == Type::Boolean {
            all.push(Expr::literal(Value::Bool(true), Type::Boolean));
            all.push(Expr::literal(Value::Bool(false), Type::Boolean));
        }
        // A null beside a duration might be a date or a duration.
        if nulls && (expr.ty.is_number() || matches!(expr.ty, Type::Boolean | Type::String)) {
            all.push(Expr::null(expr.ty.clone()));
        }
    }
    for at in 0..expr.children().len() {
        for child in expressions(expr.children()[at], nulls) {
            let mut smaller = expr.clone();
            *smaller.children_mut()[at] = child;
            all.push(smaller);
        }
    }
    all
}
