//! `$expand` → what is written of related entities (OD-52): their properties, references, number, levels (OD-54).
//!
//! A hierarchy is unrolled here, level by level, so that planning and running know of no recursion. What is unrolled
//! counts against a limit, for levels multiply.

use super::super::bound::{Expansion, Form, Options, Output, OutputItem};
use super::super::edm::{Member, Nav, Structured};
use super::super::error::{Code, ODataError, Result};
use super::super::syntax::{self, ExpandItem, ExpandPath, ExpandSuffix, Levels, SelectItem};
use super::Binder;
use super::select::refuse_options;

/// A navigation to expand, as an item asks for it or as `*` or `$levels` repeat it.
struct Wish<'s> {
    nav: &'static Nav,
    options: &'s syntax::Options,
    expansion: Expansion,
    /// Whether `*` asks for it, and so for all navigations of the levels below.
    star: bool,
    /// Whether it is one level of several: such are not joined, or their joins would multiply.
    leveled: bool,
}

/// A bound item with its lists for the context URLs of 4.0 and 4.01.
type Bound = (OutputItem, String, String);

impl Binder<'_> {
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
        let named = self.named_navigations(of, items)?;
        for (item, nav) in items.iter().zip(&named) {
            match nav {
                Some(nav) => {
                    let (below, cut) = self.levels(of, nav, item)?;
                    let expansion = Expansion { span: item.span.clone(), form: form(item), below, cut };
                    let wish = Wish { nav, options: &item.options, expansion, star: false, leveled: below > 0 };
                    self.add(&wish, narrowed, output)?;
                }
                None => self.expand_all(of, item, &named, narrowed, output)?,
            }
        }
        Ok(())
    }

    /// The navigation of each item, none for `*`. Naming one twice is an error; naming one beside `*` is not.
    fn named_navigations(&self, of: Structured, items: &[ExpandItem]) -> Result<Vec<Option<&'static Nav>>> {
        let mut named: Vec<Option<&'static Nav>> = Vec::with_capacity(items.len());
        for item in items {
            let nav = self.expanded_navigation(of, item)?;
            if named.iter().any(|known| known.map(|n| n.name) == nav.map(|n| n.name)) {
                let message = format!("{} is expanded twice.", nav.map_or("`*`", |nav| nav.name));
                return Err(ODataError::new(Code::DuplicateOption, message).at(item.span.start));
            }
            named.push(nav);
        }
        Ok(named)
    }

    fn expanded_navigation(&self, of: Structured, item: &ExpandItem) -> Result<Option<&'static Nav>> {
        let position = item.span.start;
        let names = match &item.path {
            ExpandPath::Star => return Ok(None),
            ExpandPath::Names(names) => names,
        };
        let [name] = names.as_slice() else {
            return Err(ODataError::not_implemented("A path in $expand").at(position));
        };
        match self.model.member(of, &name.text) {
            Some(Member::Nav(nav)) => Ok(Some(nav)),
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

    /// Levels below the first, and whether cycles are cut.
    fn levels(&self, of: Structured, nav: &'static Nav, item: &ExpandItem) -> Result<(u64, bool)> {
        let recursive = matches!(of, Structured::Entity(entity) if std::ptr::eq(entity, nav.target));
        match item.options.levels {
            None | Some(Levels::Number(1)) => Ok((0, false)),
            Some(Levels::Max) if !recursive => Ok((0, false)),
            Some(Levels::Max) => Ok((self.environment.limits.levels.saturating_sub(1), true)),
            Some(Levels::Number(levels)) if recursive => Ok((levels.saturating_sub(1), false)),
            Some(Levels::Number(_)) => {
                let message = format!(
                    "{} leads to another type and not back to its own, so there is one level: leave $levels out.",
                    nav.name
                );
                Err(ODataError::new(Code::OptionNotApplicable, message).in_option("$levels").at(item.span.start))
            }
        }
    }

    /// `*`: every navigation that no other item names.
    fn expand_all(
        &mut self,
        of: Structured,
        item: &ExpandItem,
        named: &[Option<&'static Nav>],
        narrowed: bool,
        output: &mut Output,
    ) -> Result<()> {
        only_levels(item)?;
        let (below, cut) = match item.options.levels {
            None => (0, false),
            Some(Levels::Number(levels)) => (levels.saturating_sub(1), false),
            Some(Levels::Max) => (self.deepest(of), true),
        };
        let expansion = Expansion { span: item.span.clone(), form: form(item), below, cut };
        let all: Vec<&'static Nav> = self.model.navs(of).collect();
        for nav in all {
            if named.iter().flatten().any(|known| known.name == nav.name) {
                continue;
            }
            let options = &syntax::Options::default();
            let wish = Wish { nav, options, expansion: expansion.clone(), star: true, leveled: below > 0 };
            self.add(&wish, narrowed, output)?;
        }
        Ok(())
    }

    /// How many levels `*($levels=max)` may have below the first: as many as the limit on expansions holds.
    fn deepest(&self, of: Structured) -> u64 {
        let limits = self.environment.limits;
        let room = limits.expansions.saturating_sub(self.expansions);
        let fits = |below: &u64| self.all_fit(of, *below, &mut { room });
        (0..limits.levels).rev().find(fits).unwrap_or(0)
    }

    /// Whether `*` with these levels fits; `room` is what is left.
    fn all_fit(&self, of: Structured, below: u64, room: &mut usize) -> bool {
        self.model.navs(of).all(|nav| {
            let Some(left) = room.checked_sub(1) else { return false };
            *room = left;
            below == 0 || self.all_fit(Structured::Entity(nav.target), below - 1, room)
        })
    }

    fn add(&mut self, wish: &Wish, narrowed: bool, output: &mut Output) -> Result<()> {
        let (bound, inner, inner_401) = self.wished(wish)?;
        let name = wish.nav.name;
        drop_entry(&mut output.context_401, name);
        drop_entry(&mut output.context, name);
        // Levels are marked by `+` (Part 1 §10.9).
        let levels = if wish.expansion.below > 0 && !wish.star { "+" } else { "" };
        match wish.expansion.form {
            Form::Entities => {
                join(&mut output.context_401, &format!("{name}{levels}({inner_401})"));
                // 4.0: never empty parentheses, and nothing at all where nothing is selected.
                if !inner.is_empty() {
                    join(&mut output.context, &format!("{name}{levels}({inner})"));
                } else if narrowed {
                    join(&mut output.context, &format!("{name}{levels}"));
                }
            }
            Form::References if narrowed => {
                join(&mut output.context_401, name);
                join(&mut output.context, name);
            }
            Form::References | Form::Count => {}
        }
        output.items.push(bound);
        Ok(())
    }

    fn wished(&mut self, wish: &Wish) -> Result<Bound> {
        let (position, limit) = (wish.expansion.span.start, self.environment.limits.expansions);
        if self.expansions >= limit {
            let message = format!(
                "The answer would expand more than {limit} navigations, those of each level counted \
                 (odata.max_expansions). Expand less, or ask for fewer $levels."
            );
            return Err(ODataError::new(Code::QueryTooComplex, message).at(position));
        }
        self.expansions += 1;
        if wish.options.apply.is_some() {
            let error = ODataError::not_implemented("$apply inside $expand");
            return Err(error.in_option("$apply").at(position));
        }
        self.nesting += 1;
        let bound = self.with_aliases(wish.options, |binder| match wish.expansion.form {
            Form::Entities => binder.expand_entities(wish),
            Form::References | Form::Count => binder.expand_without_output(wish),
        });
        self.nesting -= 1;
        bound
    }

    fn expand_entities(&mut self, wish: &Wish) -> Result<Bound> {
        let nav = wish.nav;
        if !nav.many {
            refuse_options(wish.options, nav.name)?;
        }
        if nav.many || wish.leveled {
            let options = self.options(nav.target, wish.options)?;
            let mut options = Options { expansion: wish.expansion.clone(), ..options };
            self.expand_below(wish, &mut options.output)?;
            let context = (options.output.context.clone(), options.output.context_401.clone());
            return Ok((OutputItem::Apart(nav, Box::new(options)), context.0, context.1));
        }
        let output = self.single_output(nav, wish.options)?;
        let context = (output.context.clone(), output.context_401.clone());
        Ok((OutputItem::One(nav, output), context.0, context.1))
    }

    /// The next of the levels, with the same options.
    fn expand_below(&mut self, wish: &Wish, output: &mut Output) -> Result<()> {
        let Some(below) = wish.expansion.below.checked_sub(1) else { return Ok(()) };
        let expansion = Expansion { below, ..wish.expansion.clone() };
        let again = |nav| Wish { nav, options: wish.options, expansion: expansion.clone(), ..*wish };
        if wish.star {
            let all: Vec<&'static Nav> = self.model.navs(Structured::Entity(wish.nav.target)).collect();
            return all.into_iter().try_for_each(|nav| self.add(&again(nav), false, output));
        }
        let twice = |item: &OutputItem| match item {
            OutputItem::One(nav, _) | OutputItem::Apart(nav, _) => nav.name == wish.nav.name,
            _ => false,
        };
        if output.items.iter().any(twice) {
            let message = format!("{} is expanded twice: by $levels, and by the $expand inside it.", wish.nav.name);
            return Err(ODataError::new(Code::DuplicateOption, message).at(expansion.span.start));
        }
        // The context list tells of the levels by its `+` alone.
        let context = (output.context.clone(), output.context_401.clone());
        self.add(&again(wish.nav), false, output)?;
        (output.context, output.context_401) = context;
        Ok(())
    }

    /// `Nav/$ref` and `Nav/$count`: nothing of the members is written.
    fn expand_without_output(&mut self, wish: &Wish) -> Result<Bound> {
        let (nav, form) = (wish.nav, wish.expansion.form);
        if !nav.many {
            if form == Form::Count {
                let message =
                    format!("/$count counts the members of a collection, and {} is a single value.", nav.name);
                return Err(ODataError::new(Code::OptionNotApplicable, message).at(wish.expansion.span.start));
            }
            refuse_options(wish.options, nav.name)?;
        }
        let nothing: Option<Vec<SelectItem>> = Some(Vec::new());
        let given = syntax::Options { select: nothing, ..wish.options.clone() };
        let options = self.options(nav.target, &given)?;
        let count = options.count || form == Form::Count;
        let options = Options { expansion: wish.expansion.clone(), count, output: Output::default(), ..options };
        Ok((OutputItem::Apart(nav, Box::new(options)), String::new(), String::new()))
    }
}

fn form(item: &ExpandItem) -> Form {
    match item.suffix {
        ExpandSuffix::None => Form::Entities,
        ExpandSuffix::Ref => Form::References,
        ExpandSuffix::Count => Form::Count,
    }
}

/// Behind `*` the grammar has room for `$levels` alone, and `*/$ref` has none.
fn only_levels(item: &ExpandItem) -> Result<()> {
    let bare = syntax::Options { levels: item.options.levels, ..syntax::Options::default() };
    if item.options == bare {
        return Ok(());
    }
    let message = "In the parentheses of `*` only $levels has a meaning. Name the navigation that has more options.";
    Err(ODataError::new(Code::OptionNotApplicable, message).at(item.span.start))
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
