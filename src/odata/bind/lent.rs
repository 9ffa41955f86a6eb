//! What `$compute` adds to an expanded navigation is known outside of it too (Part 1 §11.2.5.3):
//! `$filter=Orders/any(o:o/Total gt 100)&$expand=Orders($compute=Price mul Quantity as Total)`.
//!
//! A row remembers the items of its navigations as they are written; where a path or a lambda goes along one of them,
//! they are bound over the row that it comes to.

use std::sync::Arc;

use super::super::bound::{Collection, Expr, Shape, Step, Var};
use super::super::edm::{Member, Nav, Structured};
use super::super::error::Result;
use super::super::syntax::{self, ExpandPath, ExpandSuffix, Name};
use super::{Binder, Row};

/// A navigation, and the `$compute` of its expansion with the aliases that it may use.
pub(super) type Lent = (&'static Nav, Arc<syntax::Options>);

impl Binder<'_> {
    /// Lets the row at hand know what its expanded navigations compute.
    pub(super) fn lend(&mut self, options: &syntax::Options) -> Result<()> {
        let Shape::Entity(entity) = self.row()?.shape else { return Ok(()) };
        let mut lent: Vec<Lent> = Vec::new();
        for item in options.expand.iter().flatten() {
            let (ExpandPath::Names(names), ExpandSuffix::None) = (&item.path, item.suffix) else { continue };
            let ([name], true) = (names.as_slice(), item.options.compute.is_some()) else { continue };
            if let Some(Member::Nav(nav)) = self.model.member(Structured::Entity(entity), &name.text) {
                let (compute, aliases) = (item.options.compute.clone(), item.options.aliases.clone());
                lent.push((nav, Arc::new(syntax::Options { compute, aliases, ..syntax::Options::default() })));
            }
        }
        if let Some(row) = self.rows.last_mut() {
            row.lent = lent.into();
        }
        Ok(())
    }

    /// `Parent/Total`, where the expansion of `Parent` computes it.
    pub(super) fn lent_value(&mut self, row: &Row, names: &[Name]) -> Result<Option<Expr>> {
        let (Shape::Entity(entity), [first, second, ..]) = (&row.shape, names) else { return Ok(None) };
        if row.lent.is_empty() {
            return Ok(None);
        }
        let Some(Member::Nav(nav)) = self.model.member(Structured::Entity(entity), &first.text) else {
            return Ok(None);
        };
        if nav.many || !self.is_lent(row, nav, &second.text) {
            return Ok(None);
        }
        let behind = Row { steps: vec![Step::Nav(nav)], ..Row::new(row.var, Shape::Entity(nav.target)) };
        let behind = self.with_lent(row, nav, behind)?;
        let found = self.replaced(&behind, &names[1..])?;
        Ok(found.map(|expr| Expr { nullable: true, ..expr }))
    }

    /// The row of a lambda or count over a collection, with what its expansion computes.
    pub(super) fn member_row(&mut self, of: &Collection, member: Var) -> Result<Row> {
        let row = Row::new(member, Shape::Entity(of.nav.target));
        let owner = self.rows.iter().rev().find(|owner| owner.var == of.var && of.steps.is_empty()).cloned();
        match owner {
            Some(owner) => self.with_lent(&owner, of.nav, row),
            None => Ok(row),
        }
    }

    fn is_lent(&self, row: &Row, nav: &'static Nav, name: &str) -> bool {
        let items = row.lent.iter().filter(|(of, _)| std::ptr::eq(*of, nav));
        items.flat_map(|(_, options)| options.compute.iter().flatten()).any(|i| self.is_named(&i.alias.text, name))
    }

    fn with_lent(&mut self, owner: &Row, nav: &'static Nav, row: Row) -> Result<Row> {
        let Some((_, options)) = owner.lent.iter().find(|(of, _)| std::ptr::eq(*of, nav)) else { return Ok(row) };
        self.rows.push(row);
        let computed = self.with_aliases(options, |binder| binder.compute(options));
        let row = self.rows.pop();
        computed?;
        // Bound again at each use, and so counted as what is filled in.
        let row = row.unwrap_or_else(|| owner.clone());
        self.replaced += row.computed.iter().map(|computed| computed.size.parts).sum::<usize>();
        Ok(row)
    }
}
