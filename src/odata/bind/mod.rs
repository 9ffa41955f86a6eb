//! Syntax → bound: names looked up in the model, types known, limits kept. All checks happen here, in the only walk.

mod alias;
mod apply;
mod call;
mod compute;
mod derived;
mod expand;
mod expr;
mod lent;
mod number;
mod output;
mod parameters;
mod promote;
mod resource;
mod row;
mod search;
mod select;

use std::sync::Arc;

use super::bound::{Computed, Derived, Expr, Options, OrderItem, Output, Query, Resource, Shape, Step, Target, Var};
use super::edm::{Edm, Entity, Model};
use super::error::{Code, ODataError, Result};
use super::lex::clipped;
use super::limits::Limits;
use super::syntax;
use crate::sql::Instant;

use alias::Alias;
use lent::Lent;

pub use call::pattern;

/// What binding needs besides the request and the model.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    pub limits: &'a Limits,
    /// `now()` of this request.
    pub now: Instant,
}

/// Binds a request on a set, an entity or a property.
pub fn bind(request: &syntax::Request, model: &Model, environment: Environment) -> Result<Query> {
    schema_version(&request.options, model)?;
    refuse_absent(&request.options)?;
    if request.options.id.is_some() {
        let message = "$id says which entity `$entity` stands for. Leave it out of other addresses.";
        return Err(ODataError::new(Code::OptionNotApplicable, message).in_option("$id"));
    }
    let mut binder = Binder::new(model, environment, alias::aliases(&request.options.aliases));
    let resource = binder.resource(&request.path)?;
    let params = binder.parameters(&request.options.custom)?;
    let options = match resource.target {
        Target::Collection | Target::Entity if resource.reference => {
            binder.reference_options(&resource, &request.options)?
        }
        Target::Collection => binder.options(resource.entity, &request.options)?,
        Target::Count => binder.count_options(&resource, &request.options)?,
        Target::Entity => binder.entity_options(&resource, &request.options)?,
        Target::Property { ref leaf, .. } => {
            only_select(&request.options)?;
            binder.enter(Shape::Entity(resource.entity));
            let output = binder.property_output(leaf, &request.options)?;
            Options { output, ..Options::default() }
        }
    };
    let skiptoken = request.options.skiptoken.clone();
    Ok(Query { resource, params, options, skiptoken, format: request.options.format.clone() })
}

/// `$schemaversion`, which documents take too: the version that is served, or `*` (OD-13).
pub fn schema_version(options: &syntax::Options, model: &Model) -> Result<()> {
    let served = model.schema_version();
    match options.schemaversion.as_deref() {
        None | Some("*") => Ok(()),
        Some(wanted) if wanted == served => Ok(()),
        Some(wanted) => {
            let message = format!("The schema has version {served} here, not {}.", clipped(wanted));
            Err(ODataError::new(Code::ResourceNotFound, message).in_option("$schemaversion"))
        }
    }
}

/// Binds a predicate over an entity's rows: filter parameters and tests come in here.
pub fn bind_filter(
    filter: &syntax::Expr,
    entity: &'static Entity,
    model: &Model,
    environment: Environment,
) -> Result<Expr> {
    let mut binder = Binder::new(model, environment, Vec::new());
    binder.enter(Shape::Entity(entity));
    binder.condition(filter)
}

/// Options of the standard that come later (OD-12).
fn refuse_absent(options: &syntax::Options) -> Result<()> {
    let absent = [("$deltatoken", options.deltatoken.is_some()), ("$index", options.index.is_some())];
    match absent.iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(ODataError::not_implemented(name).in_option(name)),
        None => Ok(()),
    }
}

fn only_select(options: &syntax::Options) -> Result<()> {
    let misplaced = [
        ("$filter", options.filter.is_some()),
        ("$search", options.search.is_some()),
        ("$orderby", options.orderby.is_some()),
        ("$top", options.top.is_some()),
        ("$skip", options.skip.is_some()),
        ("$count", options.count.is_some()),
        ("$apply", options.apply.is_some()),
        ("$skiptoken", options.skiptoken.is_some()),
    ];
    match misplaced.iter().find(|(_, given)| *given) {
        Some((name, _)) => {
            let message = format!("{name} applies to collections, and this address is a single value. Leave it out.");
            Err(ODataError::new(Code::OptionNotApplicable, message).in_option(name))
        }
        None => Ok(()),
    }
}

/// One walk over one request.
pub(super) struct Binder<'a> {
    model: &'a Model<'a>,
    environment: Environment<'a>,
    /// Parameter aliases in sight, those of the innermost parentheses last.
    aliases: Vec<Alias>,
    /// Aliases being bound, to find cycles (OD-43).
    open_aliases: Vec<String>,
    /// Expressions that are open, and how many were bound within aliases so far.
    depth: usize,
    behind_aliases: usize,
    /// Parts of expressions that stand where computed properties are named.
    replaced: usize,
    /// Implicit rows, the innermost last.
    rows: Vec<Row>,
    /// Lambda variables in sight.
    lambdas: Vec<(String, Row)>,
    next_var: Var,
    /// Depth of nested `$expand`, where `$it` is out of reach.
    nesting: usize,
    /// Navigations expanded so far, those of every level of `$levels` counted.
    expansions: usize,
}

#[derive(Clone)]
struct Row {
    var: Var,
    /// From the variable's row to this one.
    steps: Vec<Step>,
    shape: Shape,
    /// What `$compute` has added so far.
    computed: Arc<Vec<Computed>>,
    /// What expanded navigations compute.
    lent: Arc<[Lent]>,
}

impl Row {
    fn new(var: Var, shape: Shape) -> Row {
        Row { var, steps: Vec::new(), shape, computed: Arc::default(), lent: Arc::default() }
    }
}

impl<'a> Binder<'a> {
    fn new(model: &'a Model<'a>, environment: Environment<'a>, aliases: Vec<Alias>) -> Binder<'a> {
        Binder {
            model,
            environment,
            aliases,
            open_aliases: Vec::new(),
            depth: 0,
            behind_aliases: 0,
            replaced: 0,
            rows: Vec::new(),
            lambdas: Vec::new(),
            next_var: 0,
            nesting: 0,
            expansions: 0,
        }
    }

    fn enter(&mut self, shape: Shape) -> Var {
        let var = self.fresh();
        self.rows.push(Row::new(var, shape));
        var
    }

    fn fresh(&mut self) -> Var {
        self.next_var += 1;
        self.next_var - 1
    }

    /// The row that names without a prefix belong to.
    fn row(&self) -> Result<&Row> {
        self.rows.last().ok_or_else(|| ODataError::new(Code::OptionNotApplicable, "There is no row here to read from."))
    }

    /// Options on a collection of entities.
    fn options(&mut self, entity: &'static Entity, options: &syntax::Options) -> Result<Options> {
        let saved = (std::mem::take(&mut self.rows), std::mem::take(&mut self.lambdas), self.next_var);
        self.next_var = 0;
        self.enter(Shape::Entity(entity));
        let bound = self.collection_options(options);
        (self.rows, self.lambdas, self.next_var) = saved;
        bound
    }

    fn collection_options(&mut self, options: &syntax::Options) -> Result<Options> {
        let apply = match &options.apply {
            Some(steps) => self.apply(steps).map_err(|e| e.in_option("$apply"))?,
            None => Vec::new(),
        };
        self.compute(options)?;
        self.lend(options)?;
        let filter = self.wanted(options.search.as_ref(), options.filter.as_ref())?;
        let orderby = self.orderby(options)?;
        let output = self.output(options)?;
        let count = options.count.unwrap_or(false);
        Ok(Options {
            apply,
            filter,
            orderby,
            top: options.top,
            skip: options.skip,
            count,
            output,
            ..Options::default()
        })
    }

    fn orderby(&mut self, options: &syntax::Options) -> Result<Vec<OrderItem>> {
        let Some(items) = &options.orderby else { return Ok(Vec::new()) };
        let bind = |binder: &mut Self, item: &syntax::OrderItem| {
            let expr = binder.value(&item.expr)?;
            Ok(OrderItem { expr, descending: item.descending })
        };
        items.iter().map(|item| bind(self, item).map_err(|e: ODataError| e.in_option("$orderby"))).collect()
    }

    /// `/$count`: what orders or shapes rows is ignored there, what cuts them would give a wrong number (OD-59).
    fn count_options(&mut self, resource: &Resource, options: &syntax::Options) -> Result<Options> {
        for (name, given) in [("$top", options.top.is_some()), ("$skip", options.skip.is_some())] {
            if given {
                let message = format!("{name} has no place at /$count: the number is of all rows. Leave it out.");
                return Err(ODataError::new(Code::OptionNotApplicable, message).in_option(name));
            }
        }
        let counted = syntax::Options {
            apply: options.apply.clone(),
            compute: options.compute.clone(),
            search: options.search.clone(),
            filter: options.filter.clone(),
            ..syntax::Options::default()
        };
        self.options(resource.entity, &counted)
    }

    /// `/$ref`: which references there are, and in what order; nothing else of the entities is written.
    fn reference_options(&mut self, resource: &Resource, options: &syntax::Options) -> Result<Options> {
        for (name, given) in [
            ("$select", options.select.is_some()),
            ("$expand", options.expand.is_some()),
            ("$apply", options.apply.is_some()),
        ] {
            if given {
                let message =
                    format!("{name} has no place at /$ref: only references are written. Leave out one of them.");
                return Err(ODataError::new(Code::OptionNotApplicable, message).in_option(name));
            }
        }
        if matches!(resource.target, Target::Entity) {
            only_select(options)?;
        }
        let given = syntax::Options { select: Some(Vec::new()), ..options.clone() };
        let bound = self.options(resource.entity, &given)?;
        Ok(Options { output: Output::default(), ..bound })
    }

    fn entity_options(&mut self, resource: &Resource, options: &syntax::Options) -> Result<Options> {
        only_select(options)?;
        self.options(resource.entity, options)
    }

    /// A Boolean expression.
    fn condition(&mut self, e: &syntax::Expr) -> Result<Expr> {
        let bound = self.value(e)?;
        match bound.ty {
            Edm::Boolean => Ok(bound),
            Edm::Untyped => promote::to(bound, Edm::Boolean),
            other => {
                let message =
                    format!("A condition is needed here, and this is an {}. Compare it: `… eq …`.", other.name());
                Err(ODataError::new(Code::TypeMismatch, message).at(e.span.start))
            }
        }
    }

    fn unknown(&self, name: &syntax::Name, known: impl Iterator<Item = String>, of: &str) -> ODataError {
        let near = nearest(&name.text, known);
        let hint = near.map(|near| format!(" Did you mean {near}?")).unwrap_or_default();
        let message = format!("{of} has no property {}.{hint}", name.text);
        ODataError::new(Code::UnknownProperty, message).at(name.span.start)
    }
}

/// The most similar of the known names, if one is similar at all. A name that is longer than any of ours is no slip, and
/// its likeness to all of them would take seconds.
pub fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    const LONGEST: usize = 256;
    if name.len() > LONGEST {
        return None;
    }
    let lower = name.to_lowercase();
    known
        .map(|candidate| (strsim::normalized_damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// A shape's names at one level, for near misses.
fn field_names(derived: &Arc<Derived>) -> impl Iterator<Item = String> + '_ {
    derived.fields.iter().map(|f| f.name.to_string())
}
