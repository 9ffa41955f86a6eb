//! `firstMemberExpr` and what may follow a slash (Part 2 §5.1.1.15): paths, calls, lambdas, `$count`, `aggregate`.
//!
//! A path may hold more than `syntax::MemberPath` keeps (keys, bound functions, annotations, `$filter`): that is read
//! by the grammar and remembered by the name of its first such segment.

use super::guard::Parser;
use super::option::Place;
use crate::odata::error::{Code, Result};
use crate::odata::lex::{clipped, did_you_mean};
use crate::odata::literal::Colon;
use crate::odata::syntax::{Expr, ExprKind, Lambda, MemberPath, Name, Options, PathEnd, PathRoot};

/// A path while it is read.
#[derive(Default)]
struct Steps {
    names: Vec<Name>,
    /// The first segment that a `MemberPath` does not keep.
    other: Option<Name>,
    end: Option<PathEnd>,
    /// Height of the highest expression within the path.
    below: usize,
}

impl Parser<'_> {
    /// firstMemberExpr, functionExpr, `case`, `cast`, `isof`: all that begins with a name.
    pub(super) fn first_member_expr(&mut self) -> Result<Expr> {
        let start = self.lex.at;
        let Some(name) = self.lex.qualified_name() else {
            return Err(self.lex.expected("an expression"));
        };
        if self.lex.peek() != Some(b'(') {
            let steps = Steps { names: vec![name], ..Steps::default() };
            return self.member_expr(start, PathRoot::Implicit, steps);
        }
        let mut call = self.first_call(&name)?;
        call.span = self.lex.span_from(start);
        if self.lex.peek() != Some(b'/') {
            return Ok(call);
        }
        let steps = Steps { other: Some(name), below: self.height, ..Steps::default() };
        self.member_expr(start, PathRoot::Implicit, steps)
    }

    /// What `name` calls, the cursor being on its parenthesis.
    fn first_call(&mut self, name: &Name) -> Result<Expr> {
        let place = name.span.start;
        match name.text.to_ascii_lowercase().as_str() {
            "any" | "all" | "aggregate" => {
                let message = format!("`{0}` needs the path of a collection before it: `Worklogs/{0}(…)`.", name.text);
                Err(self.lex.error(Code::SyntaxError, message))
            }
            "case" => self.call(Self::case_expr),
            "cast" => self.call(|p| p.cast_or_isof_expr(place, ExprKind::Cast)),
            "isof" => self.call(|p| p.cast_or_isof_expr(place, ExprKind::IsOf)),
            _ => self.call(|p| p.function_expr(name.clone())),
        }
    }

    /// `$it`, `$this`, `$these`, `$root/…`
    pub(super) fn root_expr(&mut self) -> Result<Expr> {
        let start = self.lex.at;
        self.lex.at += 1;
        let word = self.lex.identifier().map(|name| name.text).unwrap_or_default();
        let root = match word.to_ascii_lowercase().as_str() {
            "it" => PathRoot::It,
            "this" => PathRoot::This,
            "these" => PathRoot::These,
            "root" => PathRoot::Root,
            _ => {
                let hint = did_you_mean(&format!("${word}"), ["$it", "$this", "$these", "$root"]);
                let message = format!("Expected an expression, found `${}`.{hint}", clipped(&word));
                return Err(self.lex.error_at(start, Code::SyntaxError, message));
            }
        };
        if root == PathRoot::Root && self.lex.peek() != Some(b'/') {
            return Err(self.lex.expected("a path behind `$root`, such as `$root/workItems`,"));
        }
        self.member_expr(start, root, Steps::default())
    }

    /// parameterAlias, perhaps with a path behind it; or an annotation of the row, `@Core.Messages`.
    pub(super) fn alias_expr(&mut self) -> Result<Expr> {
        let start = self.lex.at;
        let Some(alias) = self.alias_name() else {
            return Err(self.lex.expected("the name of an alias behind `@`"));
        };
        match self.lex.peek() {
            Some(b'.' | b'#') => {
                self.lex.at = start;
                let steps = Steps { other: Some(self.annotation()?), ..Steps::default() };
                self.member_expr(start, PathRoot::Implicit, steps)
            }
            Some(b'/') => self.member_expr(start, PathRoot::Alias(alias), Steps::default()),
            _ => self.leaf(start, ExprKind::Alias(alias)),
        }
    }

    /// `@name`, without the `@`.
    pub(super) fn alias_name(&mut self) -> Option<String> {
        let start = self.lex.at;
        if !self.lex.eat(b'@') {
            return None;
        }
        let name = self.lex.identifier();
        if name.is_none() {
            self.lex.at = start;
        }
        name.map(|name| name.text)
    }

    /// annotationExpr: `@Namespace.Term#Qualifier`.
    pub(super) fn annotation(&mut self) -> Result<Name> {
        let start = self.lex.at;
        self.lex.at += 1;
        if self.lex.qualified_name().is_none() {
            return Err(self.lex.expected("the name of an annotation behind `@`"));
        }
        if self.lex.eat(b'#') && self.lex.identifier().is_none() {
            return Err(self.lex.expected("a qualifier behind `#`"));
        }
        Ok(self.lex.name_from(start))
    }

    /// The segments behind a root or a first name.
    fn member_expr(&mut self, start: usize, root: PathRoot, mut steps: Steps) -> Result<Expr> {
        while steps.end.is_none() && self.lex.eat(b'/') {
            self.member_step(&mut steps)?;
        }
        let end = match (steps.other, steps.end) {
            (Some(name), _) => PathEnd::Other(name),
            (None, end) => end.unwrap_or(PathEnd::None),
        };
        self.branch(start, steps.below, ExprKind::Path(MemberPath { root, names: steps.names, end }))
    }

    /// One segment, the cursor being behind its slash.
    fn member_step(&mut self, steps: &mut Steps) -> Result<()> {
        match self.lex.peek() {
            Some(b'$') => return self.dollar_step(steps),
            Some(b'@') => {
                let annotation = self.annotation()?;
                steps.other.get_or_insert(annotation);
                return Ok(());
            }
            _ => {}
        }
        let Some(name) = self.lex.qualified_name() else {
            return Err(self.lex.expected("a name behind `/`"));
        };
        if self.lex.peek() == Some(b'(') {
            self.height = 0;
            self.call_step(name, steps)?;
            steps.below = steps.below.max(self.height);
        } else if steps.other.is_none() {
            steps.names.push(name);
        }
        Ok(())
    }

    /// A lambda, `aggregate(…)`, or a key or bound function.
    fn call_step(&mut self, name: Name, steps: &mut Steps) -> Result<()> {
        match name.text.to_ascii_lowercase().as_str() {
            "any" => steps.end = Some(PathEnd::Any(self.lambda_expr()?)),
            "all" => match self.lambda_expr()? {
                Some(lambda) => steps.end = Some(PathEnd::All(lambda)),
                None => {
                    let message = "`all` needs a predicate: `all(w:w/IsBillable)`.";
                    return Err(self.lex.error_at(self.lex.at - 1, Code::SyntaxError, message));
                }
            },
            "aggregate" => {
                let item = self.call(Self::aggregate_function)?;
                steps.end = Some(PathEnd::Aggregate(Box::new(item)));
            }
            _ => {
                self.call(|p| p.function_expr(name.clone()))?;
                steps.other.get_or_insert(name);
            }
        }
        Ok(())
    }

    /// `/$count` with its options, `/$filter(…)`
    fn dollar_step(&mut self, steps: &mut Steps) -> Result<()> {
        let start = self.lex.at;
        self.lex.at += 1;
        let word = self.lex.identifier().map(|name| name.text).unwrap_or_default();
        self.height = 0;
        match word.to_ascii_lowercase().as_str() {
            "count" => steps.end = Some(PathEnd::Count(self.count_options()?)),
            "filter" if self.lex.peek() == Some(b'(') => {
                steps.other.get_or_insert(self.lex.name_from(start));
                self.filter_step()?;
            }
            _ => {
                let hint = did_you_mean(&format!("${word}"), ["$count", "$filter"]);
                let message = format!("Expected a name or `$count` behind `/`, found `${}`.{hint}", clipped(&word));
                return Err(self.lex.error_at(start, Code::SyntaxError, message));
            }
        }
        steps.below = steps.below.max(self.height);
        Ok(())
    }

    fn count_options(&mut self) -> Result<Box<Options>> {
        match self.lex.peek() {
            Some(b'(') => self.deeper(|p| p.options_in_parens(Place::Count)).map(Box::new),
            _ => Ok(Box::default()),
        }
    }

    /// The condition of `$filter(…)`, and a key that may follow it.
    fn filter_step(&mut self) -> Result<()> {
        let start = self.lex.at;
        self.lex.at += 1;
        self.deeper(|p| p.with_colon(Colon::InTime, Self::bool_common_expr))?;
        let height = self.height;
        self.close()?;
        if self.lex.peek() == Some(b'(') {
            let key_of = Name { text: "$filter".to_owned(), span: self.lex.span_from(start) };
            self.call(|p| p.function_expr(key_of))?;
        }
        self.height = self.height.max(height);
        Ok(())
    }

    /// anyExpr and allExpr from the parenthesis on; nothing for `any()`.
    pub(super) fn lambda_expr(&mut self) -> Result<Option<Lambda>> {
        self.lex.at += 1;
        if self.lex.eat_past_blanks(b')') {
            return Ok(None);
        }
        self.lex.blanks();
        let Some(variable) = self.lex.identifier() else {
            return Err(self.lex.expected("a variable such as `w:` or a closing parenthesis"));
        };
        self.expect(b':', "`:` behind the variable")?;
        if self.lambdas >= self.limits.lambda_depth {
            let limit = self.limits.lambda_depth;
            return Err(self.too_complex(
                "lambdas are nested deeper",
                limit,
                "odata.max_lambda_depth",
                "Simplify them",
            ));
        }
        self.lambdas += 1;
        let predicate = self.deeper(|p| p.with_colon(Colon::InTime, Self::bool_common_expr))?;
        self.lambdas -= 1;
        let height = self.height;
        self.close()?;
        self.height = height;
        Ok(Some(Lambda { variable, predicate: Box::new(predicate) }))
    }

    /// Runs `rule` on what stands in the parentheses of a call, and takes both.
    fn call<T>(&mut self, rule: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.functions >= self.limits.function_depth {
            let limit = self.limits.function_depth;
            let knob = "odata.max_function_depth";
            return Err(self.too_complex("functions are nested deeper", limit, knob, "Simplify the expression"));
        }
        self.functions += 1;
        self.lex.at += 1;
        let value = self.deeper(|p| p.with_colon(Colon::InTime, rule))?;
        self.functions -= 1;
        self.close()?;
        Ok(value)
    }

    /// The parameters of a function, or a key.
    fn function_expr(&mut self, name: Name) -> Result<Expr> {
        let place = name.span.start;
        let mut parameters = Vec::new();
        let mut below = 0;
        self.lex.blanks();
        if self.lex.peek() != Some(b')') {
            loop {
                parameters.push(self.parameter()?);
                below = below.max(self.height);
                if !self.lex.eat_past_blanks(b',') {
                    break;
                }
            }
        }
        self.branch_from(place, below, ExprKind::Call(name, parameters))
    }

    /// An expression, or `Name=expression`.
    fn parameter(&mut self) -> Result<Expr> {
        self.lex.blanks();
        let start = self.lex.at;
        let mut ahead = self.lex;
        match ahead.identifier() {
            // `==` is another language's `eq`: left for the error that says so.
            Some(name) if ahead.eat_past_blanks(b'=') && ahead.peek() != Some(b'=') => {
                self.lex = ahead;
                let value = self.common_expr()?;
                self.branch(start, self.height, ExprKind::Named(name, Box::new(value)))
            }
            _ => self.common_expr(),
        }
    }

    /// caseExpr: `cond:value` pairs.
    fn case_expr(&mut self) -> Result<Expr> {
        let start = self.lex.at;
        let mut branches = Vec::new();
        let mut below = 0;
        loop {
            let condition = self.with_colon(Colon::Separates, Self::bool_common_expr)?;
            below = below.max(self.height);
            self.expect(b':', "`:` between condition and value")?;
            let value = self.common_expr()?;
            below = below.max(self.height);
            branches.push((condition, value));
            if !self.lex.eat_past_blanks(b',') {
                break;
            }
        }
        self.branch(start, below, ExprKind::Case(branches))
    }

    /// castExpr and isofExpr: `Type`, or `expr,Type`.
    fn cast_or_isof_expr(
        &mut self,
        place: usize,
        kind: impl FnOnce(Option<Box<Expr>>, Name) -> ExprKind,
    ) -> Result<Expr> {
        self.lex.blanks();
        let mut alone = self.lex;
        if let Some(name) = type_name(&mut alone) {
            let end = alone.at;
            if alone.eat_past_blanks(b')') {
                self.lex.at = end;
                return self.branch_from(place, 0, kind(None, name));
            }
        }
        let subject = self.common_expr()?;
        let below = self.height;
        self.expect(b',', "`,` and a type")?;
        self.lex.blanks();
        match type_name(&mut self.lex) {
            Some(name) => self.branch_from(place, below, kind(Some(Box::new(subject)), name)),
            None => Err(self.lex.expected("the name of a type, such as Edm.String")),
        }
    }
}

/// A qualified type name, or `Collection(…)` of one.
fn type_name(lex: &mut crate::odata::lex::Cursor<'_>) -> Option<Name> {
    let before = *lex;
    let name = lex.qualified_name()?;
    if name.text != "Collection" || !lex.eat(b'(') {
        return Some(name);
    }
    let inner = lex.qualified_name();
    if inner.is_some() && lex.eat(b')') {
        return Some(lex.name_from(before.at));
    }
    *lex = before;
    None
}
