//! A `$filter` and a `$search` → the keys of the entities that they pick, for writers that change what a query finds.
//!
//! In: texts as in a request, unencoded. Out: a statement whose first column is the key. Text gets there as in any
//! request: parsed, bound, planned for the viewer.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::bind::{self, Environment};
use super::edm::Model;
use super::error::{Code, ODataError, Result};
use super::limits::Limits;
use super::parse::{self, RawRequest};
use super::plan::{self, Context, Page};
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

/// What picks entities of a set.
#[derive(Clone, Copy, Debug)]
pub struct Picked<'a> {
    pub set: &'a str,
    pub filter: Option<&'a str>,
    pub search: Option<&'a str>,
    /// No more than these.
    pub most: usize,
}

/// The statement that reads the keys.
pub fn keys(picked: Picked<'_>, asker: &Asker<'_>) -> Result<Statement> {
    let unknown = || ODataError::new(Code::ResourceNotFound, format!("There is no entity set {}.", picked.set));
    let set = asker.model.set(picked.set).ok_or_else(unknown)?;
    let mut query = format!("$select={}&$top={}", set.entity.key.join(","), picked.most);
    for (option, text) in [("$filter", picked.filter), ("$search", picked.search)] {
        if let Some(text) = text {
            query.push_str(&format!("&{option}={}", utf8_percent_encode(text, NON_ALPHANUMERIC)));
        }
    }
    let syntax = parse::parse(&RawRequest { path: picked.set, query: &query, body: None }, asker.limits)?;
    let query = bind::bind(&syntax, &asker.model, Environment { limits: asker.limits, now: asker.now })?;
    let context = Context {
        viewer: asker.viewer,
        me: Some(asker.me),
        params: &query.params,
        schema: asker.model.schema,
        few_rows: false,
    };
    Ok(plan::plan(&query, context, &Page::default(), asker.limits)?.level.statement())
}
