//! What is written of a row: `select` and `expand` put together, and what `$apply` has left (OD-50, OD-94).

use super::super::bound::{Derived, DerivedField, DerivedKind, Output, OutputItem, Shape};
use super::super::edm::{Nav, Structured};
use super::super::error::{Code, ODataError, Result};
use super::super::syntax::{self, ExpandItem, ExpandPath};
use super::compute::refuse_members;
use super::select::{Asked, refuse_options};
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

    fn derived_output(&mut self, derived: &Derived, options: &syntax::Options) -> Result<Output> {
        let asked = Asked::of(options.select.as_deref());
        let row = self.row()?.clone();
        for (names, options) in &asked.paths {
            let (Some(name), rest) = (names.first(), names.get(1..).unwrap_or_default()) else { continue };
            if let Some(computed) = self.computed_as(&row, &name.text) {
                refuse_members(&computed.name, rest).map_err(|e| e.in_option("$select"))?;
            } else if !derived.fields.iter().any(|f| *f.name == *name.text) {
                let known = derived.fields.iter().map(|f| f.name.to_string());
                return Err(self.unknown(name, known, "The result of $apply").in_option("$select"));
            }
            refuse_options(options, &name.text).map_err(|e| e.in_option("$select"))?;
        }
        let shown = |known: &str| {
            asked.star || asked.paths.iter().any(|(names, _)| names.first().is_some_and(|n| n.text == known))
        };
        let fields: Vec<&DerivedField> = derived.fields.iter().filter(|f| shown(&f.name)).collect();
        let mut items: Vec<OutputItem> = fields.iter().map(|f| derived_item(f)).collect();
        let computed = self.computed_items(&asked)?;
        for item in options.expand.iter().flatten() {
            let grouped = self.grouped(derived, item).map_err(|e| e.in_option("$expand"))?;
            let name = if let OutputItem::Grouped { nav, .. } = &grouped { nav.name } else { "" };
            items.retain(|i| !matches!(i, OutputItem::Object { name: known, .. } if **known == *name));
            items.push(grouped);
        }
        let names = computed.iter().filter_map(|item| match item {
            OutputItem::Computed { name, .. } => Some(name.to_string()),
            _ => None,
        });
        let context = fields.iter().map(|f| listed(f)).chain(names).collect::<Vec<_>>().join(",");
        items.extend(computed);
        Ok(Output { items, context_401: context.clone(), context })
    }

    /// `$expand` after `groupby` reads through a navigation that is itself a grouping path (OD-93, contract §3.6).
    fn grouped(&mut self, derived: &Derived, item: &ExpandItem) -> Result<OutputItem> {
        let refused = || {
            let message = "After $apply only a navigation that it groups by can be expanded.";
            ODataError::new(Code::OptionNotApplicable, message).at(item.span.start)
        };
        let ExpandPath::Names(names) = &item.path else { return Err(refused()) };
        let [name] = names.as_slice() else { return Err(refused()) };
        let field = derived.fields.iter().find(|f| *f.name == *name.text).ok_or_else(refused)?;
        let DerivedKind::Object { fields, nav: Some(nav) } = &field.kind else { return Err(refused()) };
        let key = fields.iter().find_map(|f| match &f.kind {
            DerivedKind::Value { column, source: Some(source), .. } => Some((*column, *source)),
            _ => None,
        });
        let (key, source) = key.ok_or_else(refused)?;
        let output = self.single_output(nav, &item.options)?;
        Ok(OutputItem::Grouped { nav, key, source, output })
    }
}

fn derived_item(field: &DerivedField) -> OutputItem {
    match &field.kind {
        DerivedKind::Value { column, ty, source, .. } => {
            OutputItem::Column { name: field.name.clone(), index: *column, ty: *ty, dynamic: source.is_none() }
        }
        DerivedKind::Object { fields, nav } => {
            let presence = nav.and_then(|_| {
                fields
                    .iter()
                    .find_map(|f| if let DerivedKind::Value { column, .. } = f.kind { Some(column) } else { None })
            });
            let items = fields.iter().map(derived_item).collect();
            OutputItem::Object { name: field.name.clone(), presence, items }
        }
    }
}

/// `User(Name)`: how the context URL lists a shape (OD-94).
fn listed(field: &DerivedField) -> String {
    match &field.kind {
        DerivedKind::Value { .. } => field.name.to_string(),
        DerivedKind::Object { fields, .. } => {
            format!("{}({})", field.name, fields.iter().map(listed).collect::<Vec<_>>().join(","))
        }
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
