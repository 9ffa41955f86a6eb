//! `search` (Part 2 §5.1.7): words, phrases, `AND`, `OR`, `NOT`, parentheses (OD-46).
//!
//! The operators are upper-case words; where an operator makes no sense, the same word is searched for. A value in
//! single quotes is what a user has typed so far, perhaps incomplete: its words are taken as they are.

use super::guard::Parser;
use crate::odata::error::{Code, Result};
use crate::odata::syntax::Search;

impl Parser<'_> {
    /// searchExpr or searchExpr-incomplete
    pub(super) fn search(&mut self) -> Result<Search> {
        self.lex.blanks();
        self.height = 1;
        match self.incomplete_search()? {
            Some(search) => Ok(search),
            None => self.search_or(),
        }
    }

    fn search_or(&mut self) -> Result<Search> {
        let mut operands = vec![self.search_and()?];
        while self.eat_search_operator("OR") {
            operands.push(self.search_and()?);
        }
        Ok(one_or(operands, Search::Or))
    }

    /// Operands with `AND` or only a blank between them.
    fn search_and(&mut self) -> Result<Search> {
        let mut operands = vec![self.search_operand()?];
        loop {
            let before = self.lex.at;
            if self.eat_search_operator("AND") {
                operands.push(self.search_operand()?);
                continue;
            }
            self.lex.blanks();
            let apart = self.lex.at > before || self.lex.text[..before].ends_with(')') || self.lex.peek() == Some(b'(');
            if self.search_ends() || self.operator_follows("OR") {
                self.lex.at = before;
                return Ok(one_or(operands, Search::And));
            }
            if !apart {
                return Err(self.lex.expected("a blank"));
            }
            operands.push(self.search_operand()?);
        }
    }

    fn search_operand(&mut self) -> Result<Search> {
        self.lex.blanks();
        self.count_node()?;
        if self.eat_search_operator("NOT") {
            let operand = self.deeper(Self::search_operand)?;
            return Ok(Search::Not(Box::new(operand)));
        }
        match self.lex.peek() {
            Some(b'(') => {
                self.lex.at += 1;
                let inner = self.deeper(Self::search_or)?;
                self.close()?;
                Ok(inner)
            }
            Some(b'"') => self.search_phrase(),
            _ => self.search_word(),
        }
    }

    /// A phrase in double quotes, in which `\` stands before a quote or itself.
    fn search_phrase(&mut self) -> Result<Search> {
        let open = self.lex.at;
        let mut phrase = String::new();
        let mut chars = self.lex.text[open + 1..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.lex.at = open + 1 + at + 1;
                    if phrase.trim().is_empty() {
                        return Err(self.lex.error_at(open, Code::SyntaxError, "The phrase to search for is empty."));
                    }
                    return Ok(Search::Phrase(phrase));
                }
                '\\' => phrase.extend(chars.next().map(|(_, c)| c)),
                c => phrase.push(c),
            }
        }
        let message = "The phrase has no closing double quote. Write a quote within a phrase as \\\".";
        Err(self.lex.error_at(open, Code::SyntaxError, message))
    }

    fn search_word(&mut self) -> Result<Search> {
        let rest = self.lex.rest();
        let nested = self.option_depth > 0;
        let stops = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"') || (nested && c == ';');
        let length = rest.find(stops).unwrap_or(rest.len());
        if length == 0 {
            return Err(self.lex.expected("a word or a phrase in double quotes"));
        }
        self.lex.at += length;
        Ok(Search::Term(rest[..length].to_owned()))
    }

    fn search_ends(&self) -> bool {
        matches!(self.lex.peek(), None | Some(b')')) || (self.option_depth > 0 && self.lex.peek() == Some(b';'))
    }

    /// Takes an operator: the word alone, with an operand behind it.
    fn eat_search_operator(&mut self, word: &str) -> bool {
        if !self.operator_follows(word) {
            return false;
        }
        self.lex.blanks();
        self.lex.at += word.len();
        true
    }

    fn operator_follows(&self, word: &str) -> bool {
        let mut ahead = self.lex;
        ahead.blanks();
        if !ahead.rest().starts_with(word) {
            return false;
        }
        ahead.at += word.len();
        let behind = ahead.at;
        ahead.blanks();
        match ahead.peek() {
            None | Some(b')' | b';') => false,
            Some(b'(' | b'"') => true,
            Some(_) => ahead.at > behind,
        }
    }

    /// searchExpr-incomplete: a value that is wholly in single quotes.
    fn incomplete_search(&mut self) -> Result<Option<Search>> {
        let mut ahead = self.lex;
        if ahead.peek() != Some(b'\'') {
            return Ok(None);
        }
        // Without a closing quote, or with more behind it, it is a word that begins with a quote.
        let Ok(typed) = ahead.quoted() else {
            return Ok(None);
        };
        let end = ahead;
        ahead.blanks();
        if !matches!(ahead.peek(), None | Some(b')' | b';')) {
            return Ok(None);
        }
        let words = typed.split(|c: char| c.is_whitespace() || matches!(c, '"' | '(' | ')')).filter(|w| !w.is_empty());
        let mut terms = Vec::new();
        for word in words {
            self.count_node()?;
            terms.push(Search::Term(word.to_owned()));
        }
        if terms.is_empty() && typed.trim().is_empty() {
            return Err(self.lex.expected("a word or a phrase in double quotes"));
        }
        if terms.is_empty() {
            terms.push(Search::Term(typed));
        }
        self.lex = end;
        Ok(Some(one_or(terms, Search::And)))
    }
}

fn one_or(mut operands: Vec<Search>, many: impl FnOnce(Vec<Search>) -> Search) -> Search {
    match operands.pop() {
        Some(only) if operands.is_empty() => only,
        last => {
            operands.extend(last);
            many(operands)
        }
    }
}
