//! `expand` (Part 2 §5.1.2): navigation paths, `/$ref`, `/$count`, options in parentheses.

use super::guard::Parser;
use super::option::Place;
use crate::odata::error::{Code, Result};
use crate::odata::lex::{clipped, did_you_mean};
use crate::odata::syntax::{ExpandItem, ExpandPath, ExpandSuffix, Name, Options};

impl Parser<'_> {
    /// expandItem *( COMMA expandItem )
    pub(super) fn expand(&mut self) -> Result<Vec<ExpandItem>> {
        if self.expands >= self.limits.expand_depth {
            let limit = self.limits.expand_depth;
            let advice = "Ask for the deeper levels in requests of their own";
            return Err(self.too_complex("expansion is nested deeper", limit, "odata.max_expand_depth", advice));
        }
        self.expands += 1;
        let mut items = Vec::new();
        let mut below = 0;
        loop {
            if items.len() >= self.limits.expand_breadth {
                let limit = self.limits.expand_breadth;
                return Err(self.too_complex(
                    "expansion has more items",
                    limit,
                    "odata.max_expand_breadth",
                    "Use fewer",
                ));
            }
            self.lex.blanks();
            self.height = 0;
            items.push(self.expand_item()?);
            below = below.max(self.height);
            if !self.lex.eat_past_blanks(b',') {
                break;
            }
        }
        self.expands -= 1;
        self.height = below;
        Ok(items)
    }

    fn expand_item(&mut self) -> Result<ExpandItem> {
        let start = self.lex.at;
        let (path, suffix) = self.expand_path()?;
        let place = match suffix {
            ExpandSuffix::None => Place::Expand,
            ExpandSuffix::Ref => Place::ExpandRef,
            ExpandSuffix::Count => Place::Count,
        };
        let options = match self.lex.peek() {
            Some(b'(') => self.deeper(|p| p.options_in_parens(place))?,
            _ => Options::default(),
        };
        Ok(ExpandItem { path, suffix, options, span: self.lex.span_from(start) })
    }

    fn expand_path(&mut self) -> Result<(ExpandPath, ExpandSuffix)> {
        let mut names: Vec<Name> = Vec::new();
        loop {
            let start = self.lex.at;
            if self.lex.eat(b'*') {
                if names.is_empty() {
                    return Ok((ExpandPath::Star, self.ref_suffix()?));
                }
                names.push(self.lex.name_from(start));
                return Ok((ExpandPath::Names(names), self.ref_suffix()?));
            }
            if self.lex.peek() == Some(b'$') {
                let suffix = self.dollar_suffix()?;
                match (suffix, names.is_empty()) {
                    (Some(suffix), false) => return Ok((ExpandPath::Names(names), suffix)),
                    (None, _) => {
                        names.push(self.lex.name_from(start));
                        return Ok((ExpandPath::Names(names), ExpandSuffix::None));
                    }
                    (Some(_), true) => {
                        self.lex.at = start;
                        return Err(self.lex.expected("a navigation property"));
                    }
                }
            }
            names.push(self.path_name("a navigation property or `*`")?);
            if !self.lex.eat(b'/') {
                return Ok((ExpandPath::Names(names), ExpandSuffix::None));
            }
        }
    }

    /// `$ref`, `$count`; nothing for `$value`.
    fn dollar_suffix(&mut self) -> Result<Option<ExpandSuffix>> {
        let start = self.lex.at;
        self.lex.at += 1;
        let word = self.lex.identifier().map(|name| name.text).unwrap_or_default();
        match word.to_ascii_lowercase().as_str() {
            "ref" => Ok(Some(ExpandSuffix::Ref)),
            "count" => Ok(Some(ExpandSuffix::Count)),
            "value" => Ok(None),
            _ => {
                let hint = did_you_mean(&format!("${word}"), ["$ref", "$count"]);
                let message = format!("Expected a navigation property, found `${}`.{hint}", clipped(&word));
                Err(self.lex.error_at(start, Code::SyntaxError, message))
            }
        }
    }

    /// `/$ref`, all that may follow `*`.
    fn ref_suffix(&mut self) -> Result<ExpandSuffix> {
        if !self.lex.eat(b'/') {
            return Ok(ExpandSuffix::None);
        }
        let start = self.lex.at;
        if self.lex.peek() == Some(b'$') && self.dollar_suffix()? == Some(ExpandSuffix::Ref) {
            return Ok(ExpandSuffix::Ref);
        }
        self.lex.at = start;
        Err(self.lex.expected("`$ref` behind `*/`"))
    }
}
