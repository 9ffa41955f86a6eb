//! `$select` and `$expand` over what `$apply` made → what is written of its rows, and the context URL's list (OD-93, OD-94).

use super::super::bound::{Derived, DerivedField, DerivedKind, Output, OutputItem};
use super::super::error::{Code, ODataError, Result};
use super::super::syntax::{self, ExpandItem, ExpandPath, ExpandSuffix};
use super::Binder;
use super::compute::refuse_members;
use super::select::{Asked, Path, refuse_inside, refuse_options};

impl Binder<'_> {
    pub(super) fn derived_output(&mut self, derived: &Derived, options: &syntax::Options) -> Result<Output> {
        let asked = Asked::of(options.select.as_deref());
        let (own, computed) = self.without_computed(&asked).map_err(|e| e.in_option("$select"))?;
        let fields = self.picked(&derived.fields, &own).map_err(|e| e.in_option("$select"))?;
        let mut items: Vec<OutputItem> = fields.iter().map(derived_item).collect();
        let mut expanded: Vec<&'static str> = Vec::new();
        for item in options.expand.iter().flatten() {
            let (name, grouped) = self.grouped(derived, item).map_err(|e| e.in_option("$expand"))?;
            if expanded.contains(&name) {
                let message = format!("{name} is expanded twice.");
                let error = ODataError::new(Code::DuplicateOption, message).in_option("$expand");
                return Err(error.at(item.span.start));
            }
            expanded.push(name);
            items.retain(|i| !matches!(i, OutputItem::Object { name: known, .. } if **known == *name));
            items.push(grouped);
        }
        let names = computed.iter().filter_map(|item| match item {
            OutputItem::Computed { name, .. } => Some(name.to_string()),
            _ => None,
        });
        let context = fields.iter().map(listed).chain(names).collect::<Vec<_>>().join(",");
        items.extend(computed);
        Ok(Output { items, context_401: context.clone(), context })
    }

    /// What is asked of the shape itself, and the computed properties that are asked for beside it.
    fn without_computed<'s>(&self, asked: &Asked<'s>) -> Result<(Asked<'s>, Vec<OutputItem>)> {
        let row = self.row()?;
        let mut own = Asked { star: asked.star, paths: Vec::new() };
        for (names, options) in &asked.paths {
            match names.first().and_then(|name| self.computed_as(row, &name.text)) {
                Some(computed) => {
                    refuse_members(&computed.name, &names[1..])?;
                    refuse_inside(options, &computed.name)?;
                }
                None => own.paths.push((*names, *options)),
            }
        }
        Ok((own, self.computed_items(asked)?))
    }

    /// The fields of one level that are asked for, and of objects the parts.
    fn picked(&self, fields: &[DerivedField], asked: &Asked) -> Result<Vec<DerivedField>> {
        for name in asked.paths.iter().filter_map(|(names, _)| names.first()) {
            if !fields.iter().any(|field| self.is_named(&field.name, &name.text)) {
                let known = fields.iter().map(|field| field.name.to_string());
                return Err(self.unknown(name, known, "The result of $apply"));
            }
        }
        let mut picked = Vec::new();
        for field in fields {
            let named = |names: &[syntax::Name]| names.first().is_some_and(|n| self.is_named(&field.name, &n.text));
            let inside: Vec<Path> = asked
                .paths
                .iter()
                .filter(|(names, _)| named(names))
                .map(|(names, options)| (&names[1..], *options))
                .collect();
            if inside.is_empty() && !asked.star {
                continue;
            }
            let kind = match &field.kind {
                DerivedKind::Value { .. } => {
                    for (rest, options) in &inside {
                        refuse_members(&field.name, rest)?;
                        refuse_inside(options, &field.name)?;
                    }
                    field.kind.clone()
                }
                DerivedKind::Object { fields, nav } => {
                    for (_, options) in inside.iter().filter(|(rest, _)| rest.is_empty()) {
                        refuse_options(options, &field.name)?;
                        only_select(options)?;
                    }
                    DerivedKind::Object { fields: self.picked(fields, &Asked::inside(asked.star, &inside))?, nav: *nav }
                }
            };
            picked.push(DerivedField { name: field.name.clone(), kind });
        }
        Ok(picked)
    }

    /// `$expand` after `groupby` reads through a navigation that is itself a grouping path (OD-93, contract §3.6).
    fn grouped(&mut self, derived: &Derived, item: &ExpandItem) -> Result<(&'static str, OutputItem)> {
        let position = item.span.start;
        let refused = || {
            let message = "After $apply only a navigation that it groups by can be expanded.";
            ODataError::new(Code::OptionNotApplicable, message).at(position)
        };
        let ExpandPath::Names(names) = &item.path else { return Err(refused()) };
        let [name] = names.as_slice() else { return Err(refused()) };
        let field = derived.fields.iter().find(|f| self.is_named(&f.name, &name.text)).ok_or_else(refused)?;
        let DerivedKind::Object { fields, nav: Some(nav) } = &field.kind else { return Err(refused()) };
        let key = fields.iter().find_map(|f| match &f.kind {
            DerivedKind::Value { column, source: Some(source), .. } => Some((*column, *source)),
            _ => None,
        });
        let (key, source) = key.ok_or_else(refused)?;
        let absent = [
            ("$ref", item.suffix == ExpandSuffix::Ref),
            ("$count", item.suffix == ExpandSuffix::Count),
            ("$levels", item.options.levels.is_some()),
            ("$apply", item.options.apply.is_some()),
        ];
        if let Some((what, _)) = absent.iter().find(|(_, given)| *given) {
            return Err(ODataError::not_implemented(format!("{what} in $expand after $apply")).at(position));
        }
        let output = self.with_aliases(&item.options, |binder| binder.single_output(nav, &item.options))?;
        Ok((nav.name, OutputItem::Grouped { nav, key, source, output }))
    }
}

/// Objects of a result are narrowed, and nothing else is done with them.
fn only_select(options: &syntax::Options) -> Result<()> {
    match [("$compute", options.compute.is_some()), ("$expand", options.expand.is_some())].iter().find(|(_, g)| *g) {
        Some((name, _)) => {
            Err(ODataError::not_implemented(format!("{name} inside $select after $apply")).in_option(name))
        }
        None => Ok(()),
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
