//! `$expand` → what is written of a row beside its own members (OD-52), and the context URL's list for it (OD-75).

use super::super::bound::{Derived, DerivedField, DerivedKind, Options, Output, OutputItem, Shape};
use super::super::edm::{Member, Nav, Structured};
use super::super::error::{Code, ODataError, Result};
use super::super::syntax::{self, ExpandItem, ExpandPath, ExpandSuffix};
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

    pub(super) fn expand(
        &mut self,
        of: Structured,
        items: &[ExpandItem],
        narrowed: bool,
        output: &mut Output,
    ) -> Result<()> {
        let limit = self.environment.limits.expand_breadth;
        if items.len() > limit {
            let message = format!("An $expand may have {limit} items (odata.max_expand_breadth).");
            return Err(ODataError::new(Code::QueryTooComplex, message));
        }
        let mut seen: Vec<&'static str> = Vec::new();
        for item in items {
            let nav = self.expanded_navigation(of, item)?;
            if seen.contains(&nav.name) {
                let message = format!("{} is expanded twice.", nav.name);
                return Err(ODataError::new(Code::DuplicateOption, message).at(item.span.start));
            }
            seen.push(nav.name);
            let (bound, inner, inner_401) = self.expand_item(nav, item)?;
            drop_entry(&mut output.context_401, nav.name);
            drop_entry(&mut output.context, nav.name);
            join(&mut output.context_401, &format!("{}({inner_401})", nav.name));
            // 4.0: never empty parentheses, and nothing at all where nothing is selected.
            if !inner.is_empty() {
                join(&mut output.context, &format!("{}({inner})", nav.name));
            } else if narrowed {
                join(&mut output.context, nav.name);
            }
            output.items.push(bound);
        }
        Ok(())
    }

    fn expanded_navigation(&self, of: Structured, item: &ExpandItem) -> Result<&'static Nav> {
        let position = item.span.start;
        match item.suffix {
            ExpandSuffix::None => {}
            ExpandSuffix::Ref => return Err(ODataError::not_implemented("$ref in $expand").at(position)),
            ExpandSuffix::Count => return Err(ODataError::not_implemented("$count in $expand").at(position)),
        }
        let names = match &item.path {
            ExpandPath::Star => return Err(ODataError::not_implemented("$expand=*").at(position)),
            ExpandPath::Names(names) => names,
        };
        let [name] = names.as_slice() else {
            return Err(ODataError::not_implemented("A path in $expand").at(position));
        };
        match self.model.member(of, &name.text) {
            Some(Member::Nav(nav)) => Ok(nav),
            Some(_) => {
                let message = format!("{} is not a navigation property: it is part of the row already.", name.text);
                Err(ODataError::new(Code::OptionNotApplicable, message).at(position))
            }
            None => {
                let known = self.model.navs(of).map(|n| n.name.to_owned());
                Err(self.unknown(name, known, of.name()))
            }
        }
    }

    fn expand_item(&mut self, nav: &'static Nav, item: &ExpandItem) -> Result<(OutputItem, String, String)> {
        let absent = [
            ("$apply", item.options.apply.is_some()),
            ("$search", item.options.search.is_some()),
            ("$levels", item.options.levels.is_some()),
        ];
        if let Some((name, _)) = absent.iter().find(|(_, given)| *given) {
            let error = ODataError::not_implemented(format!("{name} inside $expand"));
            return Err(error.in_option(name).at(item.span.start));
        }
        self.nesting += 1;
        let bound = if nav.many { self.expand_many(nav, item) } else { self.expand_one(nav, item) };
        self.nesting -= 1;
        bound
    }

    fn expand_many(&mut self, nav: &'static Nav, item: &ExpandItem) -> Result<(OutputItem, String, String)> {
        let options = self.options(nav.target, &item.options)?;
        let context = (options.output.context.clone(), options.output.context_401.clone());
        let options = Options { span: item.span.clone(), ..options };
        Ok((OutputItem::Many(nav, Box::new(options)), context.0, context.1))
    }

    fn expand_one(&mut self, nav: &'static Nav, item: &ExpandItem) -> Result<(OutputItem, String, String)> {
        let output = self.single_output(nav, &item.options)?;
        let context = (output.context.clone(), output.context_401.clone());
        Ok((OutputItem::One(nav, output), context.0, context.1))
    }

    /// What is written of the one entity behind a navigation, which is a row of its own.
    fn single_output(&mut self, nav: &'static Nav, options: &syntax::Options) -> Result<Output> {
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

/// Takes a selected navigation out of a context list: its expansion is listed instead.
fn drop_entry(list: &mut String, name: &str) {
    if list.split(',').any(|entry| entry == name) {
        *list = list.split(',').filter(|entry| *entry != name).collect::<Vec<_>>().join(",");
    }
}

/// Appends an expanded navigation to a context list (OD-75).
fn join(list: &mut String, entry: &str) {
    if !list.is_empty() {
        list.push(',');
    }
    list.push_str(entry);
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

fn count(output: &Output) -> usize {
    output
        .items
        .iter()
        .map(|item| match item {
            OutputItem::Complex(_, inner) | OutputItem::One(_, inner) => count(inner),
            OutputItem::Many(_, options) => count(&options.output),
            OutputItem::Object { items, .. } => items.len(),
            OutputItem::Grouped { output, .. } => count(output),
            _ => 1,
        })
        .sum()
}
