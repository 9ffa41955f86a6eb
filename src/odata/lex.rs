//! A place in the decoded text of one option, and the smallest pieces read from it: names, quoted strings, blanks.
//!
//! OData has no token grammar (what a word is depends on where it stands), so the parser reads characters. Each piece
//! is read at most a fixed number of times, which keeps the whole linear.

use super::error::{Code, ODataError, Result, Span};
use super::literal::Flaw;
use super::syntax::Name;

/// A reader's place in a text.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    pub text: &'a str,
    /// In bytes; what leaves as a place counts characters.
    pub at: usize,
    characters: &'a Characters,
}

/// The character that each byte of a text belongs to; empty where both count alike.
#[derive(Clone, Debug, Default)]
pub struct Characters(Vec<usize>);

impl Characters {
    const ALIKE: &'static Characters = &Characters(Vec::new());

    pub fn of(text: &str) -> Characters {
        if text.is_ascii() {
            return Characters::default();
        }
        let mut places = Vec::with_capacity(text.len() + 1);
        for (place, c) in text.chars().enumerate() {
            places.extend(std::iter::repeat_n(place, c.len_utf8()));
        }
        places.push(text.chars().count());
        Characters(places)
    }
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str, characters: &'a Characters) -> Cursor<'a> {
        Cursor { text, at: 0, characters }
    }

    /// For a text whose places nobody asks for, or of ASCII.
    pub fn without_places(text: &'a str) -> Cursor<'a> {
        Cursor::new(text, Characters::ALIKE)
    }

    /// The place of byte `at`, in characters.
    pub fn place_of(&self, at: usize) -> usize {
        self.characters.0.get(at).copied().unwrap_or(at)
    }

    /// The place of the cursor, in characters.
    pub fn place(&self) -> usize {
        self.place_of(self.at)
    }

    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub fn peek(&self) -> Option<u8> {
        self.peek_at(0)
    }

    pub fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    pub fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    pub fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// BWS: blanks that mean nothing.
    pub fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Blanks, then `byte`; stays where it is if there is none.
    pub fn eat_past_blanks(&mut self, byte: u8) -> bool {
        let before = self.at;
        self.blanks();
        if self.eat(byte) {
            return true;
        }
        self.at = before;
        false
    }

    /// The ASCII word that begins here, if one does: `and`, `desc`. Does not move.
    pub fn peek_word(&self) -> &'a str {
        let rest = self.rest();
        let length = identifier_length(rest);
        if rest.as_bytes()[..length].iter().all(u8::is_ascii_alphabetic) { &rest[..length] } else { "" }
    }

    /// Takes `word`, in any letter case, past blanks.
    pub fn eat_word(&mut self, word: &str) -> bool {
        let before = self.at;
        self.blanks();
        if self.peek_word().eq_ignore_ascii_case(word) {
            self.at += word.len();
            return true;
        }
        self.at = before;
        false
    }

    /// odataIdentifier
    pub fn identifier(&mut self) -> Option<Name> {
        let start = self.at;
        self.at += identifier_length(self.rest());
        (self.at > start).then(|| self.name_from(start))
    }

    /// An identifier or several with dots: a property, or a qualified type or function.
    pub fn qualified_name(&mut self) -> Option<Name> {
        let start = self.at;
        self.at += identifier_length(self.rest());
        if self.at == start {
            return None;
        }
        while self.peek() == Some(b'.') {
            let part = identifier_length(&self.text[self.at + 1..]);
            if part == 0 {
                break;
            }
            self.at += 1 + part;
        }
        Some(self.name_from(start))
    }

    pub fn name_from(&self, start: usize) -> Name {
        Name { text: self.text[start..self.at].to_owned(), span: self.span_from(start) }
    }

    pub fn span_from(&self, start: usize) -> Span {
        self.place_of(start)..self.place()
    }

    /// The text between single quotes; `''` stands for one. The cursor is on the first quote.
    pub fn quoted(&mut self) -> Result<String> {
        let open = self.at;
        self.at += 1;
        let mut value = String::new();
        while let Some(length) = self.rest().find('\'') {
            value.push_str(&self.rest()[..length]);
            self.at += length + 1;
            if !self.eat(b'\'') {
                return Ok(value);
            }
            value.push('\'');
        }
        Err(self.error_at(
            open,
            Code::SyntaxError,
            "The string has no closing quote. Write a quote within a string as ''.",
        ))
    }

    /// `Expected …, found …` at the cursor, with a hint where the text looks like another language.
    pub fn expected(&mut self, what: &str) -> ODataError {
        self.blanks();
        let rest = self.rest();
        let found = match rest.chars().next() {
            None => "the end".to_owned(),
            Some(_) => format!("`{}`", shown(rest)),
        };
        let hint = operator_hint(rest).map(|word| format!(" Write `{word}`.")).unwrap_or_default();
        self.error(Code::SyntaxError, format!("Expected {what}, found {found}.{hint}"))
    }

    pub fn error(&self, code: Code, message: impl Into<String>) -> ODataError {
        self.error_at(self.at, code, message)
    }

    pub fn error_at(&self, at: usize, code: Code, message: impl Into<String>) -> ODataError {
        ODataError::new(code, message).at(self.place_of(at))
    }

    /// A flaw of a literal that begins at `start`.
    pub fn flawed(&self, start: usize, flaw: Flaw) -> ODataError {
        self.error_at(start + flaw.at, Code::InvalidLiteral, flaw.message)
    }
}

/// The word or character at the start of `rest` that a message shows.
fn shown(rest: &str) -> &str {
    clipped(&rest[..identifier_length(rest).max(rest.chars().next().map_or(0, char::len_utf8))])
}

/// As much of a text as a message shows.
pub fn clipped(text: &str) -> &str {
    text.char_indices().nth(40).map_or(text, |(at, _)| &text[..at])
}

/// The OData operator that a symbol of other languages stands for.
fn operator_hint(rest: &str) -> Option<&'static str> {
    const SYMBOLS: [(&str, &str); 14] = [
        ("==", "eq"),
        ("=", "eq"),
        ("!=", "ne"),
        ("<>", "ne"),
        ("<=", "le"),
        (">=", "ge"),
        ("<", "lt"),
        (">", "gt"),
        ("&&", "and"),
        ("||", "or"),
        ("!", "not"),
        ("+", "add"),
        ("*", "mul"),
        ("%", "mod"),
    ];
    SYMBOLS.iter().find(|(symbol, _)| rest.starts_with(symbol)).map(|(_, word)| *word)
}

pub fn identifier_length(text: &str) -> usize {
    let mut chars = text.char_indices();
    match chars.next() {
        Some((_, first)) if first == '_' || first.is_alphabetic() => {}
        _ => return 0,
    }
    chars.find(|(_, c)| !continues_identifier(*c)).map_or(text.len(), |(at, _)| at)
}

/// Letters, digits, underscores, and the marks and joiners that words of some scripts hold.
pub fn continues_identifier(c: char) -> bool {
    c == '_'
        || c.is_alphanumeric()
        || matches!(c, '\u{300}'..='\u{36f}' | '\u{200c}' | '\u{200d}' | '\u{203f}' | '\u{2040}')
}

/// The nearest of `known` to a misspelt `word`, if one is near enough to be meant.
pub fn near_miss<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // A long word is no slip, and the distance to it is costly.
    if word.len() > 64 {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let distance = |candidate: &str| strsim::osa_distance(&word, &candidate.to_ascii_lowercase());
    let most = 1 + word.chars().count() / 4;
    known
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(d, _)| *d <= most)
        .min()
        .map(|(_, c)| c)
}

/// ` Did you mean …?`, or nothing.
pub fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    near_miss(word, known).map(|name| format!(" Did you mean `{name}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(Cursor::without_places(text).qualified_name().map(|n| n.text).as_deref(), expected, "{text}");
        };
        check("TheQuickBrownFoxSays42 ", Some("TheQuickBrownFoxSays42"));
        check("__ID", Some("__ID"));
        check("Größe eq", Some("Größe"));
        check("Ns.Type'x'", Some("Ns.Type"));
        check("No.", Some("No"));
        check("0time", None);
        check("", None);
    }

    #[test]
    fn near_misses() {
        assert_eq!(near_miss("contain", ["contains", "concat"]), Some("contains"));
        assert_eq!(near_miss("$fliter", ["$filter", "$format"]), Some("$filter"));
        assert_eq!(near_miss("xyz", ["contains"]), None);
    }

    #[test]
    fn messages_show_what_was_found() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Cursor::without_places(text).expected("an operator").message, expected)
        };
        check("", "Expected an operator, found the end.");
        check("equals 'x'", "Expected an operator, found `equals`.");
        check("== 1", "Expected an operator, found `=`. Write `eq`.");
        check(&"ü".repeat(100), &format!("Expected an operator, found `{}`.", "ü".repeat(40)));
    }
}
