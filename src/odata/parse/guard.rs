//! The parser's state: its place, and what the text has cost so far against the limits of OD-151.

use crate::odata::error::{Code, ODataError, Result};
use crate::odata::lex::Cursor;
use crate::odata::limits::Limits;
use crate::odata::literal::Colon;
use crate::odata::syntax::{Expr, ExprKind};

/// Parses one option's decoded text.
pub(super) struct Parser<'a> {
    pub(super) lex: Cursor<'a>,
    pub(super) limits: &'a Limits,
    /// What a colon behind two digits means here.
    pub(super) colon: Colon,
    /// Option parentheses that are open: a value then ends at `;` and `)`.
    pub(super) option_depth: usize,
    /// JSON arrays and objects that are open: strings may then stand in double quotes.
    pub(super) collections: usize,
    /// Height of the expression that was completed last. A chain such as `a add b add c` grows to the left without
    /// recursion here, yet every later stage recurses over it.
    pub(super) height: usize,
    depth: usize,
    nodes: usize,
    pub(super) functions: usize,
    pub(super) lambdas: usize,
    pub(super) expands: usize,
    pub(super) steps: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(lex: Cursor<'a>, limits: &'a Limits) -> Parser<'a> {
        Parser {
            lex,
            limits,
            colon: Colon::InTime,
            option_depth: 0,
            collections: 0,
            height: 0,
            depth: 0,
            nodes: 0,
            functions: 0,
            lambdas: 0,
            expands: 0,
            steps: 0,
        }
    }

    /// Runs `rule` one level deeper. Everything that recurses goes through here, which bounds the stack.
    pub(super) fn deeper<T>(&mut self, rule: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= self.limits.expression_depth {
            return Err(self.too_deep());
        }
        self.depth += 1;
        let value = rule(self);
        self.depth -= 1;
        value
    }

    /// An expression without operands.
    pub(super) fn leaf(&mut self, start: usize, kind: ExprKind) -> Result<Expr> {
        self.branch(start, 0, kind)
    }

    /// An expression from byte `start` to here over operands of which the highest has height `below`.
    pub(super) fn branch(&mut self, start: usize, below: usize, kind: ExprKind) -> Result<Expr> {
        self.branch_from(self.lex.place_of(start), below, kind)
    }

    /// Likewise, from a place that is known in characters.
    pub(super) fn branch_from(&mut self, place: usize, below: usize, kind: ExprKind) -> Result<Expr> {
        self.count_node()?;
        self.height = below + 1;
        if self.height > self.limits.expression_depth {
            return Err(self.too_deep());
        }
        Ok(Expr { kind, span: place..self.lex.place() })
    }

    /// Counts a part of an expression.
    pub(super) fn count_node(&mut self) -> Result<()> {
        self.nodes += 1;
        let limit = self.limits.expression_nodes;
        if self.nodes <= limit {
            return Ok(());
        }
        let advice = "Use `in` for long lists of values";
        Err(self.too_complex("expression has more parts", limit, "odata.max_expression_nodes", advice))
    }

    fn too_deep(&self) -> ODataError {
        let limit = self.limits.expression_depth;
        self.too_complex("expression is nested deeper", limit, "odata.max_expression_depth", "Simplify it")
    }

    /// `The {what} than {limit} ({knob}). {advice}.`
    pub(super) fn too_complex(&self, what: &str, limit: usize, knob: &str, advice: &str) -> ODataError {
        self.lex.error(Code::QueryTooComplex, format!("The {what} than {limit} ({knob}). {advice}."))
    }

    /// Takes `byte` past blanks or says that `what` was expected.
    pub(super) fn expect(&mut self, byte: u8, what: &str) -> Result<()> {
        if self.lex.eat_past_blanks(byte) { Ok(()) } else { Err(self.lex.expected(what)) }
    }

    /// `CLOSE`, behind something that an operator could go on.
    pub(super) fn close(&mut self) -> Result<()> {
        if self.lex.eat_past_blanks(b')') {
            return Ok(());
        }
        Err(self.unclosed("a closing parenthesis"))
    }

    /// An error at what stands behind an expression: with the operator that a misspelt word may mean.
    pub(super) fn unclosed(&mut self, what: &str) -> ODataError {
        self.lex.blanks();
        let word = self.lex.peek_word();
        let hint = if word.is_empty() { String::new() } else { super::expr::operator_meant(word) };
        let mut error = self.lex.expected(what);
        error.message.push_str(&hint);
        error
    }
}
