//! `resourcePath` (Part 2 §4): segments, keys, `$`-segments.
//!
//! In: the percent-encoded path. It is split at `/` and then decoded, but for the expression of `/$filter(…)`, which
//! may hold plain slashes. Places count in the decoded path.

use super::guard::Parser;
use crate::odata::error::{Code, ODataError, Result};
use crate::odata::lex::{Characters, Cursor, clipped, did_you_mean};
use crate::odata::limits::Limits;
use crate::odata::literal::{self, Colon};
use crate::odata::syntax::{Expr, ExprKind, KeyPart, Literal, Name, Path, Segment};
use crate::odata::url::decode_segment;

const DOLLAR_SEGMENTS: [&str; 11] =
    ["$metadata", "$value", "$count", "$ref", "$query", "$filter", "$each", "$batch", "$all", "$entity", "$crossjoin"];

/// What the text of a segment that stands for a key says: a guid, number, date, or a quoted or bare string (OD-18).
pub fn key_segment(text: &str) -> Literal {
    let whole = |literal: &(Literal, usize)| literal.1 == text.len();
    if let Ok(Some((value, _))) = literal::scan(text, Colon::InTime).map(|found| found.filter(whole)) {
        return value;
    }
    let mut lex = Cursor::without_places(text);
    if lex.peek() == Some(b'\'')
        && let Ok(value) = lex.quoted()
        && lex.at_end()
    {
        return Literal::String(value);
    }
    Literal::String(text.to_owned())
}

pub(super) fn resource_path(raw: &str, limits: &Limits) -> Result<Path> {
    let mut decoded = String::new();
    let mut ends = Vec::new();
    for raw_segment in raw_segments(raw.trim_matches('/')) {
        if !decoded.is_empty() {
            decoded.push('/');
        }
        let start = decoded.len();
        decoded.push_str(&decode_segment(raw_segment)?);
        ends.push((start, decoded.len()));
    }
    let characters = Characters::of(&decoded);
    let mut segments: Vec<Segment> = Vec::with_capacity(ends.len());
    for (start, end) in ends {
        let mut parser = Parser::new(Cursor::new(&decoded[..end], &characters), limits);
        parser.lex.at = start;
        let segment = parser.segment(segments.is_empty()).map_err(|e| e.in_option("path"))?;
        if let Some(last) = segments.last()
            && ends_path(last)
            && segment != Segment::Query
        {
            let message = "Nothing but /$query may follow this segment.";
            return Err(parser.lex.error_at(start, Code::SyntaxError, message).in_option("path"));
        }
        segments.push(segment);
        segments.extend(parser.key_of_filter().map_err(|e| e.in_option("path"))?);
    }
    Ok(Path { segments })
}

fn ends_path(segment: &Segment) -> bool {
    matches!(
        segment,
        Segment::Metadata | Segment::Value | Segment::Count | Segment::Ref | Segment::Query | Segment::Batch
    )
}

/// The encoded segments. A slash within the parentheses of `$filter(…)` divides nothing.
fn raw_segments(raw: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(raw).filter(|raw| !raw.is_empty());
    std::iter::from_fn(move || {
        let text = rest?;
        let end = if is_filter_segment(text) { filter_segment_length(text) } else { text.find('/') };
        let (segment, behind) = match end {
            Some(end) => (&text[..end], Some(&text[end + 1..])),
            None => (text, None),
        };
        rest = behind;
        Some(segment)
    })
}

fn is_filter_segment(raw: &str) -> bool {
    let head = raw.as_bytes();
    let dollar = if head.starts_with(b"$") { 1 } else { 3 };
    (dollar == 1 || head.starts_with(b"%24"))
        && head.get(dollar..dollar + 6).is_some_and(|w| w.eq_ignore_ascii_case(b"filter"))
}

/// Where the slash behind `$filter(…)` is, parentheses and quotes perhaps percent-encoded.
fn filter_segment_length(raw: &str) -> Option<usize> {
    let bytes = raw.as_bytes();
    let (mut open, mut quoted, mut at) = (0_usize, false, 0);
    while let Some(&byte) = bytes.get(at) {
        let (byte, width) = match (byte, bytes.get(at + 1..at + 3)) {
            (b'%', Some(b"27")) => (b'\'', 3),
            (b'%', Some(b"28")) => (b'(', 3),
            (b'%', Some(b"29")) => (b')', 3),
            _ => (byte, 1),
        };
        match byte {
            b'\'' => quoted = !quoted,
            b'(' if !quoted => open += 1,
            b')' if !quoted => open = open.saturating_sub(1),
            b'/' if open == 0 && !quoted => return Some(at),
            _ => {}
        }
        at += width;
    }
    None
}

impl Parser<'_> {
    /// One segment, from the cursor to the end of the text.
    fn segment(&mut self, is_first: bool) -> Result<Segment> {
        let start = self.lex.at;
        if self.lex.at_end() {
            return Err(self.lex.error(Code::SyntaxError, "The path has an empty segment: two slashes in a row."));
        }
        if self.lex.peek() == Some(b'$') {
            return self.dollar_segment();
        }
        let name = self.lex.qualified_name();
        match (name, self.lex.peek()) {
            (Some(name), None) => Ok(Segment::Name(name)),
            (Some(name), Some(b'(')) => {
                let key = self.key_predicate()?;
                self.end_of_segment()?;
                Ok(Segment::Keyed(name, key))
            }
            _ if is_first => {
                let message = format!("There is no resource `{}`.", clipped(&self.lex.text[start..]));
                Err(self.lex.error_at(start, Code::ResourceNotFound, message))
            }
            // A key that stands alone may be any text.
            _ => {
                self.lex.at = self.lex.text.len();
                Ok(Segment::Name(self.lex.name_from(start)))
            }
        }
    }

    fn dollar_segment(&mut self) -> Result<Segment> {
        let start = self.lex.at;
        self.lex.at += 1;
        let word = self.lex.identifier().map(|name| name.text).unwrap_or_default();
        let segment = match word.to_ascii_lowercase().as_str() {
            "metadata" => Segment::Metadata,
            "value" => Segment::Value,
            "count" => Segment::Count,
            "ref" => Segment::Ref,
            "query" => Segment::Query,
            "each" => Segment::Each,
            "batch" => Segment::Batch,
            "all" => Segment::All,
            "entity" => Segment::Entity,
            "filter" => {
                self.expect(b'(', "`(` behind $filter")?;
                let condition = self.bool_common_expr()?;
                self.close()?;
                // A key may follow: `key_of_filter`.
                if self.lex.peek() == Some(b'(') {
                    return Ok(Segment::Filter(condition));
                }
                Segment::Filter(condition)
            }
            "crossjoin" => Segment::Crossjoin(self.crossjoin()?),
            _ => {
                let hint = did_you_mean(&format!("${word}"), DOLLAR_SEGMENTS);
                let message = format!("There is no resource `${}`.{hint}", clipped(&word));
                return Err(self.lex.error_at(start, Code::ResourceNotFound, message));
            }
        };
        self.end_of_segment()?;
        Ok(segment)
    }

    /// `(42)` behind `$filter(…)`: all that a segment leaves unread.
    fn key_of_filter(&mut self) -> Result<Option<Segment>> {
        if self.lex.at_end() {
            return Ok(None);
        }
        let key = self.key_predicate()?;
        self.end_of_segment()?;
        Ok(Some(Segment::Key(key)))
    }

    fn end_of_segment(&mut self) -> Result<()> {
        match self.lex.peek() {
            None => Ok(()),
            Some(b'(') => Err(ODataError::not_implemented("A key behind the parentheses of a function or filter")),
            Some(_) => Err(self.lex.expected("`/` or the end of the path")),
        }
    }

    /// `$crossjoin(A,B)` from the parenthesis on
    fn crossjoin(&mut self) -> Result<Vec<Name>> {
        self.expect(b'(', "`(` behind $crossjoin")?;
        let mut names = Vec::new();
        loop {
            self.lex.blanks();
            match self.lex.identifier() {
                Some(name) => names.push(name),
                None => return Err(self.lex.expected("the name of an entity set")),
            }
            if !self.lex.eat_past_blanks(b',') {
                break;
            }
        }
        self.close()?;
        Ok(names)
    }

    /// keyPredicate, or the parameters of a function: `(42)`, `(A=1,B=@b)`, `()`.
    fn key_predicate(&mut self) -> Result<Vec<KeyPart>> {
        self.lex.at += 1;
        let mut parts: Vec<KeyPart> = Vec::new();
        if self.lex.eat_past_blanks(b')') {
            return Ok(parts);
        }
        loop {
            self.lex.blanks();
            let mut ahead = self.lex;
            let name = ahead.identifier().filter(|_| ahead.eat_past_blanks(b'='));
            if name.is_some() {
                self.lex = ahead;
                self.lex.blanks();
            }
            let at = self.lex.at;
            let is_named = name.is_some();
            parts.push(KeyPart { name, value: self.key_value()? });
            if parts.len() > 1 && (!is_named || parts[0].name.is_none()) {
                let message = "A key of several parts needs their names: `Set(A=1,B=2)`.";
                return Err(self.lex.error_at(at, Code::SyntaxError, message));
            }
            if !self.lex.eat_past_blanks(b',') {
                break;
            }
        }
        self.close()?;
        Ok(parts)
    }

    /// A literal or an alias; a parameter may be JSON too.
    fn key_value(&mut self) -> Result<Expr> {
        let start = self.lex.at;
        let kind = match self.lex.peek() {
            Some(b'[') => return self.deeper(Self::array_expr),
            Some(b'{') => return self.deeper(Self::object_expr),
            Some(b'@') => self.alias_name().map(ExprKind::Alias),
            _ => self.primitive_literal()?.map(ExprKind::Literal),
        };
        match kind {
            Some(kind) => self.leaf(start, kind),
            None => Err(self.lex.expected("a key: a number, a guid, a text in single quotes or an alias")),
        }
    }
}
