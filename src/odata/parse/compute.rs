//! `compute` (Part 2 §5.1.3.2): expressions with aliases.

use super::guard::Parser;
use crate::odata::error::Result;
use crate::odata::syntax::{ComputeItem, Name};

impl Parser<'_> {
    /// computeItem *( COMMA computeItem )
    pub(super) fn compute(&mut self) -> Result<Vec<ComputeItem>> {
        let mut items = Vec::new();
        let mut below = 0;
        loop {
            if items.len() >= self.limits.columns {
                let limit = self.limits.columns;
                return Err(self.too_complex("list has more computed values", limit, "odata.max_columns", "Use fewer"));
            }
            let expr = self.common_expr()?;
            below = below.max(self.height);
            items.push(ComputeItem { expr, alias: self.as_alias()? });
            if !self.lex.eat_past_blanks(b',') {
                break;
            }
        }
        self.height = below;
        Ok(items)
    }

    /// `as Alias`
    pub(super) fn as_alias(&mut self) -> Result<Name> {
        if !self.lex.eat_word("as") {
            return Err(self.unclosed("an operator or `as` and a name"));
        }
        self.lex.blanks();
        match self.lex.identifier() {
            Some(alias) => Ok(alias),
            None => Err(self.lex.expected("a name behind `as`")),
        }
    }
}
