//! `listExpr`, `arrayExpr`, `objectExpr` (Part 2 §5.1.1.14.2): the right side of `in`, JSON arrays and objects.
//!
//! Lists of literals are the long ones, so their members do not count as parts of the expression but have a limit of
//! their own.

use super::guard::Parser;
use crate::odata::error::{Code, Result};
use crate::odata::literal::Colon;
use crate::odata::syntax::{Expr, ExprKind, Literal};

impl Parser<'_> {
    /// What may stand to the right of `in`: a list in parentheses, or any operand. One value in parentheses is a list
    /// if it is a literal or an alias, else an expression in parentheses.
    pub(super) fn in_operand(&mut self) -> Result<Expr> {
        let open = self.lex.at;
        if !self.lex.eat(b'(') {
            return self.primary_expr();
        }
        let mut members = Vec::new();
        if !self.lex.eat_past_blanks(b')') {
            match self.list_member(b')')? {
                Some(member) => members.push(member),
                None => {
                    self.lex.at = open;
                    return self.primary_expr();
                }
            }
            while self.lex.eat_past_blanks(b',') {
                self.another_member(members.len())?;
                match self.list_member(b')')? {
                    Some(member) => members.push(member),
                    None => return Err(self.lex.expected("a literal or an alias, as lists hold no expressions,")),
                }
            }
            self.close()?;
        }
        self.branch(open, 1, ExprKind::List(members))
    }

    /// A literal or alias that is all up to the next comma or `close`; nothing (and no move) if it is not.
    fn list_member(&mut self, close: u8) -> Result<Option<Expr>> {
        self.lex.blanks();
        let start = self.lex.at;
        let kind = match self.lex.peek() {
            Some(b'@') => self.alias_name().map(ExprKind::Alias),
            Some(b'"') if self.collections > 0 => Some(ExprKind::Literal(Literal::String(self.json_string()?))),
            _ => self.primitive_literal()?.map(ExprKind::Literal),
        };
        let span = self.lex.span_from(start);
        let mut ahead = self.lex;
        ahead.blanks();
        match kind {
            Some(kind) if ahead.peek() == Some(b',') || ahead.peek() == Some(close) => Ok(Some(Expr { kind, span })),
            _ => {
                self.lex.at = start;
                Ok(None)
            }
        }
    }

    fn another_member(&self, members: usize) -> Result<()> {
        let limit = self.limits.in_members;
        if members < limit {
            return Ok(());
        }
        Err(self.too_complex("list has more members", limit, "odata.max_in_members", "Send several requests"))
    }

    /// arrayExpr: `[1,2]`, `["a",Name]`.
    pub(super) fn array_expr(&mut self) -> Result<Expr> {
        let start = self.lex.at;
        self.lex.at += 1;
        let mut members = Vec::new();
        let mut below = 1;
        self.collections += 1;
        if !self.lex.eat_past_blanks(b']') {
            loop {
                self.another_member(members.len())?;
                let member = match self.list_member(b']')? {
                    Some(member) => member,
                    None => {
                        let member = self.with_colon(Colon::InTime, Self::common_expr)?;
                        below = below.max(self.height);
                        member
                    }
                };
                members.push(member);
                if !self.lex.eat_past_blanks(b',') {
                    break;
                }
            }
            self.expect(b']', "`,` or `]`")?;
        }
        self.collections -= 1;
        self.branch(start, below, ExprKind::List(members))
    }

    /// objectExpr: `{"Name":value}`.
    pub(super) fn object_expr(&mut self) -> Result<Expr> {
        let start = self.lex.at;
        self.lex.at += 1;
        let mut members = Vec::new();
        let mut below = 0;
        self.collections += 1;
        if !self.lex.eat_past_blanks(b'}') {
            loop {
                self.lex.blanks();
                if self.lex.peek() != Some(b'"') {
                    return Err(self.lex.expected("a name in double quotes"));
                }
                let name = self.json_string()?;
                self.expect(b':', "`:`")?;
                let value = self.with_colon(Colon::InTime, Self::common_expr)?;
                below = below.max(self.height);
                members.push((name, value));
                if !self.lex.eat_past_blanks(b',') {
                    break;
                }
            }
            self.expect(b'}', "`,` or `}`")?;
        }
        self.collections -= 1;
        self.branch(start, below, ExprKind::Object(members))
    }

    /// A JSON string, the cursor being on its first quote.
    pub(super) fn json_string(&mut self) -> Result<String> {
        let open = self.lex.at;
        let bytes = self.lex.text.as_bytes();
        let mut end = open + 1;
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(_) => end += 1,
                None => {
                    let message = "The string has no closing double quote.";
                    return Err(self.lex.error_at(open, Code::SyntaxError, message));
                }
            }
        }
        self.lex.at = end + 1;
        let text: String = serde_json::from_str(&self.lex.text[open..=end]).map_err(|_| {
            let message = "The string in double quotes has an escape or a character that JSON does not allow.";
            self.lex.error_at(open, Code::InvalidLiteral, message)
        })?;
        if text.contains('\0') {
            return Err(self.lex.error_at(open, Code::InvalidEncoding, "The character NUL is not allowed."));
        }
        Ok(text)
    }
}
