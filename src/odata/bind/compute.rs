//! `$compute` (Part 2 §5.1.3.2, OD-60): expressions that the row at hand gets as further properties.
//!
//! In: the items as written. Out: nothing of their own: the row knows the names from then on, and each use of one is its
//! expression, so that no later stage knows of them. Items see those before them. As with parameter aliases, what that
//! multiplies is counted against the limits of a single expression.

use std::sync::Arc;

use super::super::bound::{Computed, Expr, OutputItem};
use super::super::edm::Structured;
use super::super::error::{Code, ODataError, Result};
use super::super::syntax::{self, ComputeItem, ExprKind, Name};
use super::row::Found;
use super::select::Asked;
use super::{Binder, Row, Shape, promote};

impl Binder<'_> {
    /// Gives the innermost row its computed properties.
    pub(super) fn compute(&mut self, options: &syntax::Options) -> Result<()> {
        for item in options.compute.iter().flatten() {
            let computed = self.computed(item).map_err(|e| e.in_option("$compute"))?;
            if let Some(row) = self.rows.last_mut() {
                Arc::make_mut(&mut row.computed).push(computed);
            }
        }
        Ok(())
    }

    fn computed(&mut self, item: &ComputeItem) -> Result<Computed> {
        self.refuse_taken(&item.alias)?;
        let position = item.expr.span.start;
        let expr = match &item.expr.kind {
            ExprKind::Path(path) => match self.found(path, position)? {
                Found::Value(value) => value,
                Found::Structure(_) | Found::Many(_) => {
                    return Err(ODataError::not_implemented("A computed entity or collection").at(position));
                }
            },
            _ => self.value(&item.expr)?,
        };
        // As it will be written: a literal of more digits than a column holds is refused here.
        promote::to(expr.clone(), expr.ty).map_err(|e| e.at(position))?;
        let size = expr.size();
        Ok(Computed { name: Arc::from(item.alias.text.as_str()), expr, size })
    }

    /// "This name MUST differ from the names of declared or dynamic properties": of those that the caller sees, for
    /// whom the others do not exist.
    fn refuse_taken(&self, alias: &Name) -> Result<()> {
        let row = self.row()?;
        let name = &alias.text;
        let of = match &row.shape {
            Shape::Entity(entity) => self.model.member(Structured::Entity(entity), name).map(|_| entity.name),
            Shape::Complex(complex) => self.model.member(Structured::Complex(complex), name).map(|_| complex.name),
            Shape::Derived(derived) => {
                derived.fields.iter().any(|f| self.is_named(&f.name, name)).then_some("The result of $apply")
            }
        };
        let of = of.or_else(|| self.computed_as(row, name).map(|_| "$compute"));
        let Some(of) = of else { return Ok(()) };
        let message = format!("{of} has a property {name} already; choose another name.");
        Err(ODataError::new(Code::InvalidValue, message).at(alias.span.start))
    }

    /// The computed property of a row by its name, in any letter case where those of declared ones fold.
    pub(super) fn computed_as<'r>(&self, row: &'r Row, name: &str) -> Option<&'r Computed> {
        let exact = row.computed.iter().find(|c| *c.name == *name);
        exact.or_else(|| row.computed.iter().find(|c| self.is_named(&c.name, name)))
    }

    pub(super) fn is_named(&self, known: &str, name: &str) -> bool {
        known == name || (self.model.schema.folds_case && known.eq_ignore_ascii_case(name))
    }

    /// The expression behind a path that begins with a computed name.
    pub(super) fn replaced(&mut self, row: &Row, names: &[Name]) -> Result<Option<Expr>> {
        let Some((first, rest)) = names.split_first() else { return Ok(None) };
        let Some(computed) = self.computed_as(row, &first.text) else { return Ok(None) };
        refuse_members(&computed.name, rest)?;
        let limits = self.environment.limits;
        self.replaced += computed.size.parts;
        let too = if self.depth + computed.size.height > limits.expression_depth {
            format!("nested deeper than {} (odata.max_expression_depth)", limits.expression_depth)
        } else if self.replaced > limits.expression_nodes {
            format!("of more parts than {} (odata.max_expression_nodes)", limits.expression_nodes)
        } else {
            return Ok(Some(computed.expr.clone()));
        };
        let message = format!("With its computed properties filled in the expression is {too}. Simplify it.");
        Err(ODataError::new(Code::QueryTooComplex, message).at(first.span.start))
    }

    /// What is written of the row's computed properties.
    pub(super) fn computed_items(&self, asked: &Asked) -> Result<Vec<OutputItem>> {
        let row = self.row()?;
        let named = |c: &Computed| {
            let mut names = asked.paths.iter().filter_map(|(names, _)| names.first());
            names.any(|name| self.computed_as(row, &name.text).is_some_and(|found| found.name == c.name))
        };
        let written = |c: &Computed| {
            let expr = promote::to(c.expr.clone(), c.expr.ty)?;
            Ok(OutputItem::Computed { name: c.name.clone(), var: row.var, expr })
        };
        row.computed.iter().filter(|c| asked.star || named(c)).map(written).collect()
    }
}

/// A computed value is single and has nothing inside.
pub(super) fn refuse_members(name: &str, rest: &[Name]) -> Result<()> {
    let Some(next) = rest.first() else { return Ok(()) };
    let message = format!("{name} is a single value and has no property {}.", next.text);
    Err(ODataError::new(Code::UnknownProperty, message).at(next.span.start))
}
