//! `commonExpr` and `boolCommonExpr` (Part 2 §5.1.1): operators by precedence, over the operands of `value`, `member`
//! and `collection`.
//!
//! Operators are read in any letter case; blanks around them may be missing where nothing else can be meant. A chain of
//! `and` or of `or` is one node.

use super::guard::Parser;
use crate::odata::error::{Code, Result};
use crate::odata::lex::{continues_identifier, did_you_mean};
use crate::odata::literal::Colon;
use crate::odata::syntax::{BinaryOp, Expr, ExprKind, Literal, UnaryOp};

/// The operators of one word and how tightly they bind (Part 2 §5.1.1.16).
const OPERATORS: [(&str, BinaryOp, u8); 14] = [
    ("or", BinaryOp::Or, 1),
    ("and", BinaryOp::And, 2),
    ("eq", BinaryOp::Eq, 3),
    ("ne", BinaryOp::Ne, 3),
    ("gt", BinaryOp::Gt, 4),
    ("ge", BinaryOp::Ge, 4),
    ("lt", BinaryOp::Lt, 4),
    ("le", BinaryOp::Le, 4),
    ("add", BinaryOp::Add, 5),
    ("sub", BinaryOp::Sub, 5),
    ("mul", BinaryOp::Mul, 6),
    ("div", BinaryOp::Div, 6),
    ("divby", BinaryOp::DivBy, 6),
    ("mod", BinaryOp::Mod, 6),
];

const LOOSEST: u8 = 1;

/// ` Did you mean …?` for a word that stands where an operator should.
pub(super) fn operator_meant(word: &str) -> String {
    match word.to_ascii_lowercase().as_str() {
        "equals" | "is" => " Did you mean `eq`?".to_owned(),
        "like" => " Did you mean the function `contains`?".to_owned(),
        word => did_you_mean(word, OPERATORS.iter().map(|(name, ..)| *name).chain(["in", "has"])),
    }
}

impl Parser<'_> {
    /// commonExpr, up to the first text that does not continue it.
    pub(super) fn common_expr(&mut self) -> Result<Expr> {
        self.lex.blanks();
        self.binary_expr(LOOSEST)
    }

    /// boolCommonExpr: that it is a Boolean is found by `bind`.
    pub(super) fn bool_common_expr(&mut self) -> Result<Expr> {
        self.common_expr()
    }

    /// An expression of operators that bind at least as tightly as `loosest`. Every parenthesis passes through here, so
    /// what is not recursive stands in functions of its own and off this frame.
    fn binary_expr(&mut self, loosest: u8) -> Result<Expr> {
        let mut left = self.unary_expr()?;
        let mut height = self.height;
        let mut open_chain = None;
        while let Some((op, strength, behind)) = self.peek_operator().filter(|(_, strength, _)| *strength >= loosest) {
            self.lex.at = behind;
            self.lex.blanks();
            let right = self.binary_expr(strength + 1)?;
            left = self.joined(op, (left, height), right, open_chain)?;
            height = self.height;
            open_chain = Some(op);
        }
        self.height = height;
        Ok(left)
    }

    /// `left op right`. Where `left` is a chain of the same `and` or `or` that the same loop opened, it grows.
    fn joined(
        &mut self,
        op: BinaryOp,
        (left, height): (Expr, usize),
        right: Expr,
        open_chain: Option<BinaryOp>,
    ) -> Result<Expr> {
        let start = left.span.start;
        let below = height.max(self.height);
        match left.kind {
            ExprKind::Chain(_, mut operands) if open_chain == Some(op) => {
                operands.push(right);
                self.height = height.max(self.height + 1);
                Ok(Expr { kind: ExprKind::Chain(op, operands), span: start..self.lex.place() })
            }
            kind => {
                let left = Expr { kind, span: left.span };
                let kind = match op {
                    BinaryOp::And | BinaryOp::Or => ExprKind::Chain(op, vec![left, right]),
                    _ => ExprKind::Binary(op, Box::new(left), Box::new(right)),
                };
                self.branch_from(start, below, kind)
            }
        }
    }

    /// The operator that follows, its strength and where it ends.
    fn peek_operator(&self) -> Option<(BinaryOp, u8, usize)> {
        let mut ahead = self.lex;
        ahead.blanks();
        let word = ahead.peek_word();
        let (name, op, strength) = OPERATORS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(word))?;
        Some((*op, *strength, ahead.at + name.len()))
    }

    /// notExpr, negateExpr, or an operand.
    fn unary_expr(&mut self) -> Result<Expr> {
        let start = self.lex.at;
        if self.lex.peek() == Some(b'-') && !self.negative_literal_follows() {
            self.lex.at += 1;
            return self.prefixed(start, UnaryOp::Neg);
        }
        if self.lex.peek_word().eq_ignore_ascii_case("not") && self.operand_follows_not() {
            self.lex.at += "not".len();
            return self.prefixed(start, UnaryOp::Not);
        }
        self.has_or_in_expr()
    }

    fn prefixed(&mut self, start: usize, op: UnaryOp) -> Result<Expr> {
        self.lex.blanks();
        let operand = self.deeper(Self::unary_expr)?;
        self.branch(start, self.height, ExprKind::Unary(op, Box::new(operand)))
    }

    fn negative_literal_follows(&self) -> bool {
        let after = &self.lex.rest()[1..];
        let is_infinity = || after.starts_with("INF") && !after[3..].starts_with(continues_identifier);
        after.starts_with(|c: char| c.is_ascii_digit()) || is_infinity()
    }

    /// `not` is an operator before a blank or a parenthesis; else it begins a path or is a name.
    fn operand_follows_not(&self) -> bool {
        matches!(self.lex.peek_at(3), None | Some(b' ' | b'\t' | b'\r' | b'\n' | b'(' | b'\'' | b'-' | b'@' | b'$'))
    }

    /// An operand, or hasExpr and inExpr, which bind as tightly as a path (Part 2 §5.1.1.16).
    fn has_or_in_expr(&mut self) -> Result<Expr> {
        let left = self.primary_expr()?;
        let mut ahead = self.lex;
        if ahead.eat_word("in") || ahead.eat_word("has") { self.has_or_in_tail(left) } else { Ok(left) }
    }

    fn has_or_in_tail(&mut self, mut left: Expr) -> Result<Expr> {
        loop {
            let start = left.span.start;
            let height = self.height;
            let kind = if self.lex.eat_word("in") {
                self.lex.blanks();
                let right = self.in_operand()?;
                ExprKind::In(Box::new(left), Box::new(right))
            } else if self.lex.eat_word("has") {
                self.lex.blanks();
                let right = self.primary_expr()?;
                ExprKind::Binary(BinaryOp::Has, Box::new(left), Box::new(right))
            } else {
                return Ok(left);
            };
            let below = height.max(self.height);
            left = self.branch_from(start, below, kind)?;
        }
    }

    /// An operand: literal, path, call, parenthesis, collection.
    pub(super) fn primary_expr(&mut self) -> Result<Expr> {
        match self.lex.peek() {
            Some(b'(') => self.paren_expr(),
            Some(b'[') => self.deeper(Self::array_expr),
            Some(b'{') => self.deeper(Self::object_expr),
            Some(b'@') => self.alias_expr(),
            Some(b'$') => self.root_expr(),
            _ => match self.literal_expr()? {
                Some(literal) => Ok(literal),
                None => self.first_member_expr(),
            },
        }
    }

    /// A literal, or a string as JSON writes it.
    fn literal_expr(&mut self) -> Result<Option<Expr>> {
        let start = self.lex.at;
        let literal = match self.lex.peek() {
            Some(b'"') if self.collections > 0 => Some(Literal::String(self.json_string()?)),
            Some(b'"') => {
                let message =
                    "Write a string in single quotes: 'text'. Double quotes belong to JSON arrays and objects.";
                return Err(self.lex.error(Code::SyntaxError, message));
            }
            _ => self.primitive_literal()?,
        };
        literal.map(|literal| self.leaf(start, ExprKind::Literal(literal))).transpose()
    }

    /// parenExpr. Within it a colon cannot be the one of `case`.
    fn paren_expr(&mut self) -> Result<Expr> {
        self.lex.at += 1;
        let inner = self.deeper(|p| p.with_colon(Colon::InTime, Self::common_expr))?;
        self.close_paren_expr()?;
        Ok(inner)
    }

    fn close_paren_expr(&mut self) -> Result<()> {
        if self.lex.eat_past_blanks(b',') {
            let message = "A list in parentheses may stand only to the right of `in`. Elsewhere write [a,b].";
            return Err(self.lex.error_at(self.lex.at - 1, Code::SyntaxError, message));
        }
        self.close()
    }

    pub(super) fn with_colon<T>(&mut self, colon: Colon, rule: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let outer = std::mem::replace(&mut self.colon, colon);
        let value = rule(self);
        self.colon = outer;
        value
    }
}
