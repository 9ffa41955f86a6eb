//! `$select` and `$expand` → what is written of a row (OD-50, OD-52), and the context URL's list for it (OD-75).

use super::super::bound::{Derived, DerivedField, DerivedKind, Leaf, Options, Output, OutputItem, Shape};
use super::super::edm::{Member, Nav, Structured};
use super::super::error::{Code, ODataError, Result};
use super::super::syntax::{self, ExpandItem, ExpandPath, ExpandSuffix, Name, SelectItem, SelectPath};
use super::Binder;

/// A selected path, and what is selected inside it.
type Path<'s> = (&'s [Name], &'s syntax::Options);

impl Binder<'_> {
    /// The output of the row at hand.
    pub(super) fn output(&mut self, options: &syntax::Options) -> Result<Output> {
        let output = match self.row()?.shape.clone() {
            Shape::Entity(entity) => self.members_output(Structured::Entity(entity), options)?,
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

    fn members_output(&mut self, of: Structured, options: &syntax::Options) -> Result<Output> {
        let mut output = match &options.select {
            None => self.whole(of),
            Some(items) => {
                let paths = paths(items)?;
                match paths {
                    Some(paths) => self.selected(of, &paths).map_err(|e| e.in_option("$select"))?,
                    None => Output { context: "*".to_owned(), context_401: "*".to_owned(), ..self.whole(of) },
                }
            }
        };
        if let Some(items) = &options.expand {
            self.expand(of, items, options.select.is_some(), &mut output).map_err(|e| e.in_option("$expand"))?;
        }
        Ok(output)
    }

    /// What is written of a property that the path addresses: a complex value whole.
    pub(super) fn property_output(&self, leaf: &Leaf) -> Output {
        match leaf {
            Leaf::Complex(complex) => self.whole(Structured::Complex(complex.ty)),
            Leaf::Prop(_) | Leaf::Dynamic(_) => Output::default(),
        }
    }

    /// All structural properties, dynamic ones included.
    fn whole(&self, of: Structured) -> Output {
        let items = self
            .model
            .members(of)
            .filter_map(|member| match member {
                Member::Prop(prop) => Some(OutputItem::Prop(prop)),
                Member::Complex(complex) => {
                    Some(OutputItem::Complex(complex, self.whole(Structured::Complex(complex.ty))))
                }
                Member::Dynamic(field) => Some(OutputItem::Dynamic(field.clone())),
                Member::Nav(_) => None,
            })
            .collect();
        Output { items, ..Output::default() }
    }

    /// The members that the paths name, in the order of the declaration.
    fn selected(&mut self, of: Structured, paths: &[Path]) -> Result<Output> {
        let mut context: Vec<String> = Vec::new();
        for (names, options) in paths {
            let spelled = self.check_path(of, names, options)?;
            if !context.contains(&spelled) {
                context.push(spelled);
            }
        }
        let mut items = Vec::new();
        let members: Vec<Member> = self.model.members(of).collect();
        for member in members {
            let inside: Vec<Path> = paths
                .iter()
                .filter(|(names, _)| self.names_member(of, names, member))
                .map(|(names, options)| (&names[1..], *options))
                .collect();
            if inside.is_empty() {
                continue;
            }
            match member {
                Member::Prop(prop) => items.push(OutputItem::Prop(prop)),
                Member::Dynamic(field) => items.push(OutputItem::Dynamic(field.clone())),
                Member::Nav(_) => {}
                Member::Complex(complex) => {
                    let inner = Structured::Complex(complex.ty);
                    let whole = inside.iter().any(|(rest, options)| rest.is_empty() && options.select.is_none());
                    let output = if whole {
                        self.whole(inner)
                    } else {
                        let nested = nested_paths(&inside)?;
                        self.selected(inner, &nested)?
                    };
                    items.push(OutputItem::Complex(complex, output));
                }
            }
        }
        let context = context.join(",");
        Ok(Output { items, context_401: context.clone(), context })
    }

    fn names_member(&self, of: Structured, names: &[Name], member: Member) -> bool {
        names.first().and_then(|n| self.model.member(of, &n.text)).is_some_and(|m| m.name() == member.name())
    }

    /// Refuses what is not there; the path as the model spells it.
    fn check_path(&self, of: Structured, names: &[Name], options: &syntax::Options) -> Result<String> {
        let Some((name, rest)) = names.split_first() else { return Ok(String::new()) };
        let member = self.model.member(of, &name.text).ok_or_else(|| self.unknown_member(of, name))?;
        match member {
            Member::Complex(complex) if !rest.is_empty() => {
                let inner = self.check_path(Structured::Complex(complex.ty), rest, options)?;
                Ok(format!("{}/{inner}", complex.name))
            }
            Member::Complex(complex) => {
                refuse_options(options, "$select")?;
                for item in options.select.iter().flatten() {
                    if let SelectPath::Names(names) = &item.path {
                        self.check_path(Structured::Complex(complex.ty), names, &item.options)?;
                    }
                }
                Ok(complex.name.to_owned())
            }
            Member::Nav(nav) if !rest.is_empty() => {
                let message = format!("Select inside {0} with $expand={0}($select=…).", nav.name);
                Err(ODataError::new(Code::OptionNotApplicable, message).at(name.span.start))
            }
            _ if !rest.is_empty() => {
                let message = format!("{} is a single value and has no property {}.", name.text, rest[0].text);
                Err(ODataError::new(Code::UnknownProperty, message).at(rest[0].span.start))
            }
            _ => Ok(member.name().to_owned()),
        }
    }

    fn expand(&mut self, of: Structured, items: &[ExpandItem], narrowed: bool, output: &mut Output) -> Result<()> {
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
            ("$compute", item.options.compute.is_some()),
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
        refuse_options(&item.options, nav.name)?;
        let output = self.members_output(Structured::Entity(nav.target), &item.options)?;
        let context = (output.context.clone(), output.context_401.clone());
        Ok((OutputItem::One(nav, output), context.0, context.1))
    }

    fn derived_output(&mut self, derived: &Derived, options: &syntax::Options) -> Result<Output> {
        let paths = match &options.select {
            None => None,
            Some(items) => paths(items)?,
        };
        let shown: Vec<&Name> = paths.iter().flatten().filter_map(|(names, _)| names.first()).collect();
        for name in &shown {
            if !derived.fields.iter().any(|f| *f.name == *name.text) {
                let known = derived.fields.iter().map(|f| f.name.to_string());
                return Err(self.unknown(name, known, "The result of $apply").in_option("$select"));
            }
        }
        let fields: Vec<&DerivedField> = derived
            .fields
            .iter()
            .filter(|f| paths.is_none() || shown.iter().any(|name| *f.name == *name.text))
            .collect();
        let mut items: Vec<OutputItem> = fields.iter().map(|f| derived_item(f)).collect();
        for item in options.expand.iter().flatten() {
            let grouped = self.grouped(derived, item).map_err(|e| e.in_option("$expand"))?;
            let name = if let OutputItem::Grouped { nav, .. } = &grouped { nav.name } else { "" };
            items.retain(|i| !matches!(i, OutputItem::Object { name: known, .. } if **known == *name));
            items.push(grouped);
        }
        let context = fields.iter().map(|f| listed(f)).collect::<Vec<_>>().join(",");
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
        refuse_options(&item.options, nav.name)?;
        let output = self.members_output(Structured::Entity(nav.target), &item.options)?;
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

/// The paths of a `$select`; None where it asks for everything.
fn paths(items: &[SelectItem]) -> Result<Option<Vec<Path<'_>>>> {
    let mut paths = Vec::with_capacity(items.len());
    for item in items {
        match &item.path {
            SelectPath::Star => return Ok(None),
            // There are no operations to select.
            SelectPath::Operations(_) => {}
            SelectPath::Names(names) => paths.push((names.as_slice(), &item.options)),
        }
    }
    Ok(Some(paths))
}

fn nested_paths<'s>(inside: &[Path<'s>]) -> Result<Vec<Path<'s>>> {
    let mut nested = Vec::new();
    for (rest, options) in inside {
        if !rest.is_empty() {
            nested.push((*rest, *options));
        } else if let Some(items) = &options.select {
            nested.extend(paths(items)?.unwrap_or_default());
        }
    }
    Ok(nested)
}

/// A single value takes no options that pick among rows.
fn refuse_options(options: &syntax::Options, of: &str) -> Result<()> {
    let given = [
        ("$filter", options.filter.is_some()),
        ("$orderby", options.orderby.is_some()),
        ("$top", options.top.is_some()),
        ("$skip", options.skip.is_some()),
        ("$count", options.count.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((name, _)) => {
            let message = format!("{name} applies to collections, and {of} is a single value.");
            Err(ODataError::new(Code::OptionNotApplicable, message).in_option(name))
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
