//! Requests as the generator makes them, and their text.

use std::fmt;

use super::expression::{Expr, Kind, Path, listed};
use super::search::Search;
use super::world::{ROOT, World};

#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Index of the set.
    pub set: usize,
    pub apply: Vec<Step>,
    pub options: Options,
    /// Asks for this many rows a page and walks all pages.
    pub page: Option<usize>,
}

/// Options of a request or of an expanded navigation property.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    pub compute: Vec<Computed>,
    pub search: Option<Search>,
    pub filter: Option<Expr>,
    pub orderby: Vec<Key>,
    pub skip: Option<usize>,
    pub top: Option<usize>,
    pub count: bool,
    /// Properties by their names; empty means all.
    pub select: Vec<String>,
    pub expand: Vec<Expand>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Computed {
    pub expr: Expr,
    pub alias: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub expr: Expr,
    pub descending: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Expand {
    pub nav: String,
    /// `$levels`, for a navigation property that leads to its own type.
    pub levels: Option<usize>,
    pub options: Options,
}

/// A transformation of `$apply`.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Identity,
    Filter(Expr),
    Search(Search),
    GroupBy(Vec<Grouping>, Vec<Aggregate>),
    Aggregate(Vec<Aggregate>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Grouping {
    pub path: Path,
    pub ty: super::value::Type,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// None is `$count`.
    pub what: Option<(Expr, Method)>,
    pub alias: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Sum,
    Min,
    Max,
    Average,
    CountDistinct,
}

impl Query {
    /// Path and options, in the form of a URL with its blanks.
    pub fn target(&self, world: &World) -> String {
        let mut parts = self.options.parts();
        if !self.apply.is_empty() {
            let steps: Vec<String> = self.apply.iter().map(Step::to_string).collect();
            parts.insert(0, format!("$apply={}", steps.join("/")));
        }
        let query = if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) };
        format!("{ROOT}/{}{query}", world.sets[self.set].name)
    }

    /// Every expression of it, wherever it stands.
    pub fn expressions(&self) -> Vec<&Expr> {
        let steps = self.apply.iter().flat_map(|step| match step {
            Step::Identity | Step::Search(_) => Vec::new(),
            Step::Filter(expr) => vec![expr],
            Step::GroupBy(_, aggregates) | Step::Aggregate(aggregates) => {
                aggregates.iter().filter_map(|aggregate| aggregate.what.as_ref()).map(|(expr, _)| expr).collect()
            }
        });
        steps.chain(self.options.expressions()).collect()
    }

    /// Whether the order of rows is not left to the service: the key ends it, or nothing asks for one.
    pub fn tells_equals_apart(&self, world: &World) -> bool {
        let key =
            |last: &Key| matches!(&last.expr.kind, Kind::Path(path) if *path == [world.sets[self.set].key.clone()]);
        !self.apply.is_empty() || self.options.orderby.last().is_some_and(key)
    }

    /// Whether what comes is only a part of what there is, so that not everything need be looked at.
    pub fn is_cut(&self) -> bool {
        let options = &self.options;
        let dropped = !self.apply.is_empty() && options.filter.is_some();
        dropped
            || self.page.is_some()
            || options.top.is_some()
            || !options.expand.is_empty()
            || !options.select.is_empty()
    }
}

impl Options {
    fn parts(&self) -> Vec<String> {
        let mut parts = Vec::new();
        if !self.compute.is_empty() {
            parts.push(format!("$compute={}", listed(&self.compute)));
        }
        parts.extend(self.search.iter().map(|search| format!("$search={search}")));
        parts.extend(self.filter.iter().map(|filter| format!("$filter={filter}")));
        if !self.orderby.is_empty() {
            parts.push(format!("$orderby={}", listed(&self.orderby)));
        }
        parts.extend(self.skip.map(|skip| format!("$skip={skip}")));
        parts.extend(self.top.map(|top| format!("$top={top}")));
        if self.count {
            parts.push("$count=true".to_owned());
        }
        if !self.select.is_empty() {
            parts.push(format!("$select={}", self.select.join(",")));
        }
        if !self.expand.is_empty() {
            parts.push(format!("$expand={}", listed(&self.expand)));
        }
        parts
    }

    pub fn expressions(&self) -> Vec<&Expr> {
        let computed = self.compute.iter().map(|computed| &computed.expr);
        let own = computed.chain(&self.filter).chain(self.orderby.iter().map(|key| &key.expr));
        own.chain(self.expand.iter().flat_map(|expand| expand.options.expressions())).collect()
    }
}

impl fmt::Display for Computed {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} as {}", self.expr, self.alias)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}{}", self.expr, if self.descending { " desc" } else { "" })
    }
}

impl fmt::Display for Expand {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut parts = self.options.parts();
        parts.extend(self.levels.map(|levels| format!("$levels={levels}")));
        f.write_str(&self.nav)?;
        if parts.is_empty() { Ok(()) } else { write!(f, "({})", parts.join(";")) }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Step::Identity => f.write_str("identity"),
            Step::Filter(filter) => write!(f, "filter({filter})"),
            Step::Search(search) => write!(f, "search({search})"),
            Step::Aggregate(aggregates) => write!(f, "aggregate({})", listed(aggregates)),
            Step::GroupBy(by, aggregates) if aggregates.is_empty() => write!(f, "groupby(({}))", listed(by)),
            Step::GroupBy(by, aggregates) => write!(f, "groupby(({}),aggregate({}))", listed(by), listed(aggregates)),
        }
    }
}

impl fmt::Display for Grouping {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.path.join("/"))
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.what {
            None => write!(f, "$count as {}", self.alias),
            Some((expr, method)) => write!(f, "{expr} with {} as {}", method.name(), self.alias),
        }
    }
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Method::Sum => "sum",
            Method::Min => "min",
            Method::Max => "max",
            Method::Average => "average",
            Method::CountDistinct => "countdistinct",
        }
    }
}
