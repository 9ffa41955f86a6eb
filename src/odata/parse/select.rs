//! `select` (Part 2 §5.1.3): `*`, paths with options in parentheses, operations.

use super::guard::Parser;
use super::option::Place;
use crate::odata::error::Result;
use crate::odata::syntax::{Name, Options, SelectItem, SelectPath};

impl Parser<'_> {
    /// selectItem *( COMMA selectItem )
    pub(super) fn select(&mut self) -> Result<Vec<SelectItem>> {
        let mut items = Vec::new();
        let mut below = 0;
        loop {
            if items.len() >= self.limits.columns {
                let limit = self.limits.columns;
                return Err(self.too_complex("selection has more items", limit, "odata.max_columns", "Use fewer"));
            }
            self.lex.blanks();
            self.height = 0;
            items.push(self.select_item()?);
            below = below.max(self.height);
            if !self.lex.eat_past_blanks(b',') {
                break;
            }
        }
        self.height = below;
        Ok(items)
    }

    fn select_item(&mut self) -> Result<SelectItem> {
        let start = self.lex.at;
        let path = self.select_path()?;
        let mut options = Options::default();
        let path = match (self.lex.peek(), path) {
            (Some(b'('), SelectPath::Names(names)) if self.signature_follows() => {
                let from = self.lex.at - names.last().map_or(0, |name| name.text.len());
                self.signature()?;
                SelectPath::Operations(self.lex.name_from(from))
            }
            (Some(b'('), SelectPath::Names(names)) => {
                options = self.deeper(|p| p.options_in_parens(Place::Select))?;
                SelectPath::Names(names)
            }
            (_, path) => path,
        };
        Ok(SelectItem { path, options, span: self.lex.span_from(start) })
    }

    fn select_path(&mut self) -> Result<SelectPath> {
        if self.lex.eat(b'*') {
            return Ok(SelectPath::Star);
        }
        let mut names = Vec::new();
        loop {
            let start = self.lex.at;
            names.push(self.path_name("the name of a property or `*`")?);
            if self.lex.rest().starts_with(".*") {
                self.lex.at += 2;
                return Ok(SelectPath::Operations(self.lex.name_from(start)));
            }
            if !self.lex.eat(b'/') {
                return Ok(SelectPath::Names(names));
            }
        }
    }

    /// A property, a qualified type, or an annotation with its `@`.
    pub(super) fn path_name(&mut self, what: &str) -> Result<Name> {
        if self.lex.peek() == Some(b'@') {
            return self.annotation();
        }
        match self.lex.qualified_name() {
            Some(name) => Ok(name),
            None => Err(self.lex.expected(what)),
        }
    }

    /// Whether the parentheses hold names of parameters rather than options.
    fn signature_follows(&self) -> bool {
        let mut ahead = self.lex;
        ahead.at += 1;
        ahead.blanks();
        ahead.identifier().is_some() && (ahead.eat_past_blanks(b',') || ahead.eat_past_blanks(b')'))
    }

    /// The overload of a function: the names of its parameters.
    fn signature(&mut self) -> Result<()> {
        self.lex.at += 1;
        loop {
            self.lex.blanks();
            if self.lex.identifier().is_none() {
                return Err(self.lex.expected("the name of a parameter"));
            }
            if !self.lex.eat_past_blanks(b',') {
                return self.close();
            }
        }
    }
}
