//! `primitiveLiteral` (Part 2 §5.1.1.14.1): literals as they stand in an expression, those with a prefix included.

use super::guard::Parser;
use crate::odata::error::Result;
use crate::odata::lex::continues_identifier;
use crate::odata::literal;
use crate::odata::syntax::Literal;

impl Parser<'_> {
    /// primitiveLiteral, or nothing (and no move) if something else begins here.
    pub(super) fn primitive_literal(&mut self) -> Result<Option<Literal>> {
        if self.lex.peek() == Some(b'\'') {
            return self.lex.quoted().map(|text| Some(Literal::String(text)));
        }
        let start = self.lex.at;
        let scanned = literal::scan(self.lex.rest(), self.colon).map_err(|flaw| self.lex.flawed(start, flaw))?;
        let Some((value, length)) = scanned else {
            return self.word_literal();
        };
        self.lex.at += length;
        if let Some(next) = self.lex.rest().chars().next()
            && (continues_identifier(next) || matches!(next, '.' | '-' | '\''))
        {
            // `INF` may begin a name, `-INF…` or `1x` begins nothing.
            if self.lex.text[start..].starts_with("INF") {
                self.lex.at = start;
                return self.word_literal();
            }
            return Err(self.lex.expected("an operator or the end of the literal"));
        }
        Ok(Some(value))
    }

    /// `null`, `true`, `false`, `NaN`, or a name before a quote.
    fn word_literal(&mut self) -> Result<Option<Literal>> {
        let start = self.lex.at;
        let Some(name) = self.lex.qualified_name() else {
            return Ok(None);
        };
        if self.lex.peek() == Some(b'\'') {
            return self.prefixed_literal(&name.text).map(Some);
        }
        let value = match name.text.as_str() {
            "NaN" => Some(Literal::Double(f64::NAN)),
            word if word.eq_ignore_ascii_case("null") => Some(Literal::Null),
            word if word.eq_ignore_ascii_case("true") => Some(Literal::Bool(true)),
            word if word.eq_ignore_ascii_case("false") => Some(Literal::Bool(false)),
            _ => None,
        };
        if value.is_none() || matches!(self.lex.peek(), Some(b'/' | b'(')) {
            self.lex.at = start;
            return Ok(None);
        }
        Ok(value)
    }

    /// `duration'…'`, `binary'…'`, `geography'…'`, or an enumeration literal.
    fn prefixed_literal(&mut self, prefix: &str) -> Result<Literal> {
        let quote = self.lex.at;
        let text = self.lex.quoted()?;
        let value = match prefix.to_ascii_lowercase().as_str() {
            "duration" => literal::duration(&text).map(Literal::Duration),
            "binary" => literal::binary(&text).map(Literal::Binary),
            "geography" | "geometry" => Ok(Literal::Geo(text)),
            _ => Ok(Literal::Enum { type_name: prefix.to_owned(), value: text }),
        };
        value.map_err(|flaw| self.lex.flawed(quote + 1, flaw))
    }
}
