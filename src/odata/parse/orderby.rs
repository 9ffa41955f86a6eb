//! `orderby` (Part 2 §5.1.4): expressions, each `asc` or `desc`.

use super::guard::Parser;
use crate::odata::error::Result;
use crate::odata::syntax::OrderItem;

impl Parser<'_> {
    /// orderbyItem *( COMMA orderbyItem )
    pub(super) fn orderby(&mut self) -> Result<Vec<OrderItem>> {
        let mut items = Vec::new();
        let mut below = 0;
        loop {
            if items.len() >= self.limits.orderby {
                let limit = self.limits.orderby;
                return Err(self.too_complex("order has more keys", limit, "odata.max_orderby", "Use fewer"));
            }
            items.push(self.orderby_item()?);
            below = below.max(self.height);
            if !self.lex.eat_past_blanks(b',') {
                break;
            }
        }
        self.height = below;
        Ok(items)
    }

    fn orderby_item(&mut self) -> Result<OrderItem> {
        let expr = self.common_expr()?;
        let descending = self.lex.eat_word("desc");
        if !descending {
            self.lex.eat_word("asc");
        }
        Ok(OrderItem { expr, descending })
    }
}
