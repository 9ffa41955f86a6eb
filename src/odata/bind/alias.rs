//! Parameter aliases (Part 2 §5.3, OD-43): those of the request, and those of the parentheses in which they stand.

use std::sync::Arc;

use super::super::bound::Expr;
use super::super::error::{Code, ODataError, Result};
use super::super::syntax;
use super::Binder;

/// An alias, without its `@`, and what it stands for.
pub(super) type Alias = (String, Arc<syntax::Expr>);

/// Aliases as a request or its parentheses give them.
pub(super) fn aliases(given: &[(String, syntax::Expr)]) -> Vec<Alias> {
    given.iter().map(|(name, value)| (name.clone(), Arc::new(value.clone()))).collect()
}

impl Binder<'_> {
    /// Binds what stands in parentheses whose aliases hide those outside.
    pub(super) fn with_aliases<T>(
        &mut self,
        options: &syntax::Options,
        bind: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let outside = self.aliases.len();
        self.aliases.extend(aliases(&options.aliases));
        let bound = bind(self);
        self.aliases.truncate(outside);
        bound
    }

    /// What an alias stands for, read by `bind`; None for one that is not defined, which is null.
    pub(super) fn through_alias<T>(
        &mut self,
        name: &str,
        position: usize,
        bind: impl FnOnce(&mut Self, &syntax::Expr) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some((_, value)) = self.aliases.iter().rev().find(|(known, _)| known == name) else { return Ok(None) };
        let value = Arc::clone(value);
        if self.open_aliases.iter().any(|open| open == name) {
            let message = format!("The parameter alias @{name} is defined by itself.");
            return Err(ODataError::new(Code::SyntaxError, message).in_option(&format!("@{name}")).at(position));
        }
        self.open_aliases.push(name.to_owned());
        let bound = bind(self, &value);
        self.open_aliases.pop();
        bound.map(Some)
    }

    pub(super) fn alias(&mut self, name: &str, position: usize) -> Result<Expr> {
        let bound = self.through_alias(name, position, |binder, value| binder.value(value));
        bound.map(|bound| bound.unwrap_or_else(Expr::null)).map_err(|e| e.in_option(&format!("@{name}")))
    }
}
