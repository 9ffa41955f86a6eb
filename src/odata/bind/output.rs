//! What is written of a row: by `select` and `expand`, or by `derived` where `$apply` has made it (OD-50, OD-94).

use super::super::bound::{Output, OutputItem, Shape};
use super::super::edm::{Nav, Structured};
use super::super::error::{Code, ODataError, Result};
use super::super::syntax;
use super::select::refuse_options;
use super::{Binder, Row};

impl Binder<'_> {
    /// The output of the row at hand.
    pub(super) fn output(&mut self, options: &syntax::Options) -> Result<Output> {
        let output = match self.row()?.shape.clone() {
            Shape::Entity(entity) => self.members_output(Structured::Entity(entity), options)?,
            Shape::Complex(complex) => self.members_output(Structured::Complex(complex), options)?,
            Shape::Derived(derived) => self.derived_output(&derived, options)?,
        };
        let (columns, limit) = (count(&output), self.environment.limits.columns);
        if columns > limit {
            let message =
                format!("The answer would have {columns} columns, and {limit} are allowed (odata.max_columns).");
            return Err(ODataError::new(Code::QueryTooComplex, message).in_option("$select"));
        }
        Ok(output)
    }

    /// What is written of the one entity behind a navigation, which is a row of its own.
    pub(super) fn single_output(&mut self, nav: &'static Nav, options: &syntax::Options) -> Result<Output> {
        refuse_options(options, nav.name)?;
        let var = self.fresh();
        self.rows.push(Row::new(var, Shape::Entity(nav.target)));
        let output = self.compute(options).and_then(|()| self.members_output(Structured::Entity(nav.target), options));
        self.rows.pop();
        output
    }
}

/// Columns of the statement; what stands apart has one of its own.
fn count(output: &Output) -> usize {
    output
        .items
        .iter()
        .map(|item| match item {
            OutputItem::Complex(_, inner) | OutputItem::One(_, inner) => count(inner),
            OutputItem::Object { items, .. } => items.len(),
            OutputItem::Grouped { output, .. } => count(output),
            _ => 1,
        })
        .sum()
}
