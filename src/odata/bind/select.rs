//! `$select` → the members that are written of a row, in the order of their declaration (OD-50, OD-51).
//!
//! A path `User/Name` and the nested form `User($select=Name)` mean the same and stand in the context URL as paths
//! (Part 1 §10.7). No property of ours is a collection, so that of the nested options `$select` and `$compute` have a
//! place, and those in complex values alone.

use super::super::bound::{Leaf, Output, OutputItem, Shape};
use super::super::edm::{Complex, Member, Structured};
use super::super::error::{Code, ODataError, Result};
use super::super::syntax::{self, Name, SelectItem, SelectPath};
use super::compute::refuse_members;
use super::{Binder, Row};

/// A selected path, and the options in parentheses behind it.
pub(super) type Path<'s> = (&'s [Name], &'s syntax::Options);

/// What is selected at one level.
#[derive(Default)]
pub(super) struct Asked<'s> {
    /// Every structural and computed property.
    pub star: bool,
    pub paths: Vec<Path<'s>>,
}

impl<'s> Asked<'s> {
    /// Without a `$select` all is asked for.
    pub fn of(select: Option<&'s [SelectItem]>) -> Asked<'s> {
        let Some(items) = select else { return Asked { star: true, paths: Vec::new() } };
        let mut asked = Asked::default();
        for item in items {
            match &item.path {
                SelectPath::Star => asked.star = true,
                // There are no operations to select.
                SelectPath::Operations(_) => {}
                SelectPath::Names(names) => asked.paths.push((names.as_slice(), &item.options)),
            }
        }
        asked
    }

    /// What is asked for inside a member, by the paths that lead into it.
    pub fn inside(whole: bool, paths: &[Path<'s>]) -> Asked<'s> {
        let mut inside = Asked { star: whole, paths: Vec::new() };
        for (rest, options) in paths {
            if !rest.is_empty() {
                inside.paths.push((*rest, *options));
                continue;
            }
            let nested = Asked::of(options.select.as_deref());
            inside.star |= nested.star;
            inside.paths.extend(nested.paths);
        }
        inside
    }
}

impl Binder<'_> {
    pub(super) fn members_output(&mut self, of: Structured, options: &syntax::Options) -> Result<Output> {
        let asked = Asked::of(options.select.as_deref());
        let mut output = self.selected(of, &asked).map_err(|e| e.in_option("$select"))?;
        if options.select.is_none() {
            (output.context, output.context_401) = (String::new(), String::new());
        }
        if let Some(items) = &options.expand {
            self.expand(of, items, options.select.is_some(), &mut output).map_err(|e| e.in_option("$expand"))?;
        }
        Ok(output)
    }

    /// What is written of a property that the path addresses; a complex value is a row of its own.
    pub(super) fn property_output(&mut self, leaf: &Leaf, options: &syntax::Options) -> Result<Output> {
        let name = match leaf {
            Leaf::Complex(complex) => return self.inside_complex_value(complex, options),
            Leaf::Prop(prop) => prop.name,
            Leaf::Dynamic(field) => &field.name,
        };
        refuse_inside(options, name)?;
        Ok(Output::default())
    }

    fn inside_complex_value(&mut self, complex: &'static Complex, options: &syntax::Options) -> Result<Output> {
        let var = self.fresh();
        self.rows.push(Row::new(var, Shape::Complex(complex.ty)));
        let output = self.compute(options).and_then(|()| self.output(options));
        self.rows.pop();
        output
    }

    /// The members of the row at hand that are asked for.
    fn selected(&mut self, of: Structured, asked: &Asked) -> Result<Output> {
        let context = self.listed(of, asked)?;
        let mut items = Vec::new();
        let members: Vec<Member> = self.model.members(of).collect();
        for member in members {
            let inside: Vec<Path> = asked
                .paths
                .iter()
                .filter(|(names, _)| self.names_member(of, names, member))
                .map(|(names, options)| (&names[1..], *options))
                .collect();
            if inside.is_empty() && !asked.star {
                continue;
            }
            match member {
                Member::Prop(prop) => items.push(OutputItem::Prop(prop)),
                Member::Dynamic(field) => items.push(OutputItem::Dynamic(field.clone())),
                Member::Nav(_) => {}
                Member::Complex(complex) => items.push(self.complex(complex, asked.star, &inside)?),
            }
        }
        items.extend(self.computed_items(asked)?);
        Ok(Output { items, context_401: context.clone(), context })
    }

    fn complex(&mut self, complex: &'static Complex, whole: bool, paths: &[Path]) -> Result<OutputItem> {
        let var = self.fresh();
        self.rows.push(Row::new(var, Shape::Complex(complex.ty)));
        let own = paths.iter().filter(|(rest, _)| rest.is_empty());
        let computed = own
            .map(|(_, options)| *options)
            .try_for_each(|options| self.with_aliases(options, |binder| binder.compute(options)));
        let output =
            computed.and_then(|()| self.selected(Structured::Complex(complex.ty), &Asked::inside(whole, paths)));
        self.rows.pop();
        Ok(OutputItem::Complex(complex, output?))
    }

    fn names_member(&self, of: Structured, names: &[Name], member: Member) -> bool {
        names.first().and_then(|n| self.model.member(of, &n.text)).is_some_and(|m| m.name() == member.name())
    }

    /// The context URL's list: the paths as the model spells them. Refuses what is not there.
    fn listed(&mut self, of: Structured, asked: &Asked) -> Result<String> {
        let row = self.row()?.clone();
        let mut list: Vec<String> = Vec::new();
        for (names, options) in &asked.paths {
            for spelled in self.spelled_paths(of, &row, names, options)? {
                if !list.contains(&spelled) {
                    list.push(spelled);
                }
            }
        }
        Ok(if asked.star { "*".to_owned() } else { list.join(",") })
    }

    fn spelled_paths(
        &mut self,
        of: Structured,
        row: &Row,
        names: &[Name],
        options: &syntax::Options,
    ) -> Result<Vec<String>> {
        let Some((name, rest)) = names.split_first() else { return Ok(Vec::new()) };
        if let Some(computed) = self.computed_as(row, &name.text) {
            refuse_members(&computed.name, rest)?;
            refuse_inside(options, &computed.name)?;
            return Ok(vec![computed.name.to_string()]);
        }
        let member = self.model.member(of, &name.text);
        let member = member.ok_or_else(|| self.unknown_among(of, &row.computed, name))?;
        match member {
            Member::Complex(complex) => {
                let inner = self.paths_inside(complex, rest, options)?;
                Ok(inner.into_iter().map(|path| format!("{}{path}", complex.name)).collect())
            }
            Member::Nav(nav) if !rest.is_empty() || *options != syntax::Options::default() => {
                let message = format!("Select inside {0} with $expand={0}($select=…).", nav.name);
                Err(ODataError::new(Code::OptionNotApplicable, message).at(name.span.start))
            }
            _ => {
                refuse_members(&name.text, rest)?;
                refuse_inside(options, member.name())?;
                Ok(vec![member.name().to_owned()])
            }
        }
    }

    /// What follows a complex property in the context URL: nothing where it is whole, else `/Name` for each part.
    fn paths_inside(
        &mut self,
        complex: &'static Complex,
        rest: &[Name],
        options: &syntax::Options,
    ) -> Result<Vec<String>> {
        let of = Structured::Complex(complex.ty);
        let slashed = |path: String| format!("/{path}");
        let row = Row::new(self.fresh(), Shape::Complex(complex.ty));
        if !rest.is_empty() {
            return Ok(self.spelled_paths(of, &row, rest, options)?.into_iter().map(slashed).collect());
        }
        refuse_options(options, complex.name)?;
        if options.expand.is_some() {
            let message = format!("{} has no navigation properties to expand.", complex.name);
            return Err(ODataError::new(Code::OptionNotApplicable, message).in_option("$expand"));
        }
        // What is computed inside is known there alone.
        self.rows.push(row);
        let computed = self.with_aliases(options, |binder| binder.compute(options));
        let row = self.rows.pop();
        computed?;
        let (Some(row), asked) = (row, Asked::of(options.select.as_deref())) else { return Ok(Vec::new()) };
        if asked.star {
            return Ok(vec![String::new()]);
        }
        let mut all = Vec::new();
        for (names, options) in asked.paths {
            all.extend(self.spelled_paths(of, &row, names, options)?.into_iter().map(slashed));
        }
        Ok(all)
    }
}

/// A single value takes no options that pick among rows.
pub(super) fn refuse_options(options: &syntax::Options, of: &str) -> Result<()> {
    let given = [
        ("$filter", options.filter.is_some()),
        ("$search", options.search.is_some()),
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

/// A primitive value takes no options at all.
pub(super) fn refuse_inside(options: &syntax::Options, of: &str) -> Result<()> {
    refuse_options(options, of)?;
    let given = [
        ("$select", options.select.is_some()),
        ("$compute", options.compute.is_some()),
        ("$expand", options.expand.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((name, _)) => {
            let message = format!("{name} applies to values with properties, and {of} has none.");
            Err(ODataError::new(Code::OptionNotApplicable, message).in_option(name))
        }
        None => Ok(()),
    }
}
