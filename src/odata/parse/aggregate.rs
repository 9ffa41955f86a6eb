//! `aggregate` (Data Aggregation §3.2.1): `expr with method as Alias`, `$count as Alias`, custom aggregates, `from`;
//! as a transformation and as the function of §6.1, which has neither alias nor list.

use super::guard::Parser;
use crate::odata::error::{Code, Result};
use crate::odata::lex::{clipped, did_you_mean};
use crate::odata::syntax::{AggregateItem, AggregateKind, Expr, ExprKind, FromItem, Name, Options, PathEnd, PathRoot};

const METHODS: [&str; 5] = ["sum", "min", "max", "average", "countdistinct"];

impl Parser<'_> {
    /// aggregateExpr *( COMMA aggregateExpr )
    pub(super) fn aggregate(&mut self) -> Result<Vec<AggregateItem>> {
        let mut items = Vec::new();
        let mut below = 0;
        loop {
            if items.len() >= self.limits.columns {
                let limit = self.limits.columns;
                return Err(self.too_complex("list has more aggregates", limit, "odata.max_columns", "Use fewer"));
            }
            items.push(self.aggregate_expr()?);
            below = below.max(self.height);
            if !self.lex.eat_past_blanks(b',') {
                break;
            }
        }
        self.height = below;
        Ok(items)
    }

    /// aggregateExpr of the transformation. Only a custom aggregate without `from` may keep its own name.
    fn aggregate_expr(&mut self) -> Result<AggregateItem> {
        let mut item = self.aggregate_function()?;
        let keeps_name = matches!(item.kind, AggregateKind::Custom(_)) && item.from.is_empty();
        let mut ahead = self.lex;
        if !keeps_name || ahead.eat_word("as") {
            item.alias = Some(self.as_alias()?);
            item.span.end = self.lex.place();
        }
        Ok(item)
    }

    /// aggregateFunctionExpr: an aggregate without alias.
    pub(super) fn aggregate_function(&mut self) -> Result<AggregateItem> {
        self.lex.blanks();
        let start = self.lex.at;
        let kind = self.aggregate_kind()?;
        let from = self.aggregate_from(&kind)?;
        Ok(AggregateItem { kind, from, alias: None, span: self.lex.span_from(start) })
    }

    fn aggregate_kind(&mut self) -> Result<AggregateKind> {
        if self.eat_count() {
            self.height = 0;
            return Ok(AggregateKind::Count(Vec::new()));
        }
        let expr = self.common_expr()?;
        if self.lex.eat_word("with") {
            return Ok(AggregateKind::Method { expr, method: self.aggregate_method()? });
        }
        let expr = match counted_path(expr) {
            Ok(names) => return Ok(AggregateKind::Count(names)),
            Err(expr) => expr,
        };
        match plain_path(expr) {
            Some(names) => Ok(AggregateKind::Custom(names)),
            None => Err(self.unclosed("an operator or `with` and a method")),
        }
    }

    fn eat_count(&mut self) -> bool {
        let rest = self.lex.rest();
        let counts = rest.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("$count"))
            && !rest[6..].starts_with(|c| c == '/' || crate::odata::lex::continues_identifier(c));
        self.lex.at += if counts { 6 } else { 0 };
        counts
    }

    /// aggregateMethod: one of five words, or a dotted name.
    fn aggregate_method(&mut self) -> Result<Name> {
        self.lex.blanks();
        let start = self.lex.at;
        let Some(method) = self.lex.qualified_name() else {
            return Err(self.lex.expected("an aggregation method such as sum"));
        };
        if method.text.contains('.') || METHODS.iter().any(|known| known.eq_ignore_ascii_case(&method.text)) {
            return Ok(method);
        }
        let hint = match method.text.to_ascii_lowercase().as_str() {
            "avg" | "mean" => " Did you mean `average`?".to_owned(),
            "count" => " Did you mean `$count as Alias` or `countdistinct`?".to_owned(),
            word => did_you_mean(word, METHODS),
        };
        let message = format!(
            "There is no aggregation method `{}`: the methods are {}.{hint}",
            clipped(&method.text),
            METHODS.join(", ")
        );
        Err(self.lex.error_at(start, Code::UnknownFunction, message))
    }

    /// aggregateFrom: `from path,path with method`, as often as wanted. Behind a custom aggregate the method may lack.
    fn aggregate_from(&mut self, kind: &AggregateKind) -> Result<Vec<FromItem>> {
        let mut items = Vec::new();
        while self.lex.eat_word("from") {
            let mut paths = Vec::new();
            loop {
                self.lex.blanks();
                paths.push(self.property_path("a property behind `from`")?);
                if !self.lex.eat_past_blanks(b',') {
                    break;
                }
            }
            let method = match (self.lex.eat_word("with"), kind) {
                (true, _) => Some(self.aggregate_method()?),
                (false, AggregateKind::Custom(_)) => None,
                (false, _) => return Err(self.lex.expected("`with` and a method")),
            };
            items.push(FromItem { paths, method });
        }
        Ok(items)
    }
}

/// The path before `/$count` where the expression is nothing else.
fn counted_path(expr: Expr) -> Result<Vec<Name>, Expr> {
    match expr.kind {
        ExprKind::Path(path)
            if path.root == PathRoot::Implicit
                && matches!(&path.end, PathEnd::Count(options) if **options == Options::default()) =>
        {
            Ok(path.names)
        }
        kind => Err(Expr { kind, span: expr.span }),
    }
}

fn plain_path(expr: Expr) -> Option<Vec<Name>> {
    match expr.kind {
        ExprKind::Path(path) if path.root == PathRoot::Implicit && path.end == PathEnd::None => Some(path.names),
        _ => None,
    }
}
