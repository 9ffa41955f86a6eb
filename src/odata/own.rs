//! Queries of the product's own making: what a bulk edit picks, what an export writes.
//!
//! In: a set and options, unencoded, some of them as a client wrote them. Out: a [`Plan`] of all rows. They get there as
//! any request does: parsed, bound, planned for the viewer. Nothing is cut into pages.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::bind::{self, Environment};
use super::edm::Model;
use super::error::{Code, ODataError, Result};
use super::limits::Limits;
use super::parse::{self, RawRequest};
use super::plan::{self, Context, Page, Plan};
use crate::sql::{Instant, Statement, Viewer};

/// Who asks, of what.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    pub model: Model<'a>,
    pub limits: &'a Limits,
    pub viewer: &'a dyn Viewer,
    /// The caller's row key among people.
    pub me: i64,
    pub now: Instant,
}

/// Options of a query as a query string. Whatever stands in a value, it stays one value.
pub fn query_string(options: &[(&str, &str)]) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pair = |(option, text): &(&str, &str)| format!("{option}={}", encoded(text));
    options.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// Plans a query over a set.
pub fn plan(set: &str, options: &[(&str, &str)], asker: &Asker<'_>) -> Result<Plan> {
    let query = query_string(options);
    let syntax = parse::parse(&RawRequest { path: set, query: &query, body: None }, asker.limits)?;
    let query = bind::bind(&syntax, &asker.model, Environment { limits: asker.limits, now: asker.now })?;
    let context = Context {
        viewer: asker.viewer,
        me: Some(asker.me),
        params: &query.params,
        schema: asker.model.schema,
        few_rows: false,
    };
    plan::plan(&query, context, &Page::default(), asker.limits)
}

/// What picks entities of a set.
#[derive(Clone, Copy, Debug)]
pub struct Picked<'a> {
    pub set: &'a str,
    pub filter: Option<&'a str>,
    pub search: Option<&'a str>,
    /// No more than these.
    pub most: usize,
}

/// The statement that reads the keys of what is picked: its first column.
pub fn keys(picked: Picked<'_>, asker: &Asker<'_>) -> Result<Statement> {
    let unknown = || ODataError::new(Code::ResourceNotFound, format!("There is no entity set {}.", picked.set));
    let set = asker.model.set(picked.set).ok_or_else(unknown)?;
    let (key, most) = (set.entity.key.join(","), picked.most.to_string());
    let mut options = vec![("$select", key.as_str()), ("$top", &most)];
    options.extend(picked.filter.map(|text| ("$filter", text)));
    options.extend(picked.search.map(|text| ("$search", text)));
    Ok(plan(picked.set, &options, asker)?.level.statement())
}
