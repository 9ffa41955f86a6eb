//! `apply` (Data Aggregation §3): a sequence of transformations with `/` between them.
//!
//! The transformations of `syntax::TransformationKind` are parsed in full, the others of the standard by their name and
//! balanced parentheses.

use super::guard::Parser;
use crate::odata::error::{Code, Result};
use crate::odata::lex::{clipped, did_you_mean};
use crate::odata::literal::Colon;
use crate::odata::syntax::{GroupItem, Name, Transformation, TransformationKind};

const TRANSFORMATIONS: [&str; 23] = [
    "aggregate",
    "groupby",
    "filter",
    "search",
    "compute",
    "orderby",
    "skip",
    "top",
    "identity",
    "concat",
    "topcount",
    "topsum",
    "toppercent",
    "bottomcount",
    "bottomsum",
    "bottompercent",
    "nest",
    "addnested",
    "join",
    "outerjoin",
    "ancestors",
    "descendants",
    "traverse",
];

/// Those with an amount and an expression.
const RANKS: [&str; 6] = ["topcount", "topsum", "toppercent", "bottomcount", "bottomsum", "bottompercent"];

/// Those that are kept by name only.
const OTHERS: [&str; 8] = ["nest", "addnested", "join", "outerjoin", "ancestors", "descendants", "traverse", "expand"];

impl Parser<'_> {
    /// applyTrafo *( "/" applyTrafo )
    pub(super) fn apply(&mut self) -> Result<Vec<Transformation>> {
        let mut steps = Vec::new();
        let mut below = 0;
        loop {
            if self.steps >= self.limits.apply_steps {
                let limit = self.limits.apply_steps;
                return Err(self.too_complex("$apply has more steps", limit, "odata.max_apply_steps", "Use fewer"));
            }
            self.steps += 1;
            self.lex.blanks();
            self.height = 0;
            steps.push(self.transformation()?);
            below = below.max(self.height);
            if !self.lex.eat_past_blanks(b'/') {
                break;
            }
        }
        self.height = below;
        Ok(steps)
    }

    fn transformation(&mut self) -> Result<Transformation> {
        let start = self.lex.at;
        let Some(name) = self.lex.qualified_name() else {
            return Err(self.lex.expected("a transformation such as filter(…) or groupby(…)"));
        };
        let lower = name.text.to_ascii_lowercase();
        let kind = if lower == "identity" {
            TransformationKind::Identity
        } else if lower.contains('.') || OTHERS.contains(&lower.as_str()) {
            self.balanced_parens()?;
            TransformationKind::Other(name)
        } else if TRANSFORMATIONS.contains(&lower.as_str()) {
            self.expect(b'(', "`(` behind the transformation")?;
            let kind = self.deeper(|p| p.with_colon(Colon::InTime, |p| p.parameters_of(&lower)))?;
            self.close()?;
            kind
        } else {
            let hint = did_you_mean(&name.text, TRANSFORMATIONS);
            let message = format!("There is no transformation `{}`.{hint}", clipped(&name.text));
            return Err(self.lex.error_at(start, Code::UnknownFunction, message));
        };
        Ok(Transformation { kind, span: self.lex.span_from(start) })
    }

    /// What stands between the parentheses of the transformation `name`.
    fn parameters_of(&mut self, name: &str) -> Result<TransformationKind> {
        if let Some(rank) = RANKS.into_iter().find(|rank| *rank == name) {
            let amount = self.common_expr()?;
            let below = self.height;
            self.expect(b',', "`,` and the expression to rank by")?;
            let by = self.common_expr()?;
            self.height = self.height.max(below);
            return Ok(TransformationKind::Rank { name: rank, amount: Box::new(amount), by: Box::new(by) });
        }
        Ok(match name {
            "filter" => TransformationKind::Filter(self.bool_common_expr()?),
            "search" => TransformationKind::Search(self.search()?),
            "compute" => TransformationKind::Compute(self.compute()?),
            "orderby" => TransformationKind::Orderby(self.orderby()?),
            "skip" => TransformationKind::Skip(self.transformation_number("skip")?),
            "top" => TransformationKind::Top(self.transformation_number("top")?),
            "aggregate" => TransformationKind::Aggregate(self.aggregate()?),
            "groupby" => self.groupby()?,
            _ => self.concat()?,
        })
    }

    /// `skip(n)`, `top(n)`
    fn transformation_number(&mut self, name: &str) -> Result<u64> {
        self.option_depth += 1;
        let number = self.row_number(name);
        self.option_depth -= 1;
        number
    }

    /// `concat(sequence,sequence,…)`
    fn concat(&mut self) -> Result<TransformationKind> {
        let mut branches = vec![self.apply()?];
        let mut below = self.height;
        while self.lex.eat_past_blanks(b',') {
            branches.push(self.apply()?);
            below = below.max(self.height);
        }
        if branches.len() < 2 {
            return Err(self.lex.expected("`,` and a further sequence, for `concat` joins at least two"));
        }
        self.height = below;
        Ok(TransformationKind::Concat(branches))
    }

    /// `groupby((paths),sequence)`
    fn groupby(&mut self) -> Result<TransformationKind> {
        self.expect(b'(', "a second `(` before the grouping properties: `groupby((A,B),…)`")?;
        let mut by = Vec::new();
        loop {
            by.push(self.group_item()?);
            if by.len() > self.limits.columns {
                let limit = self.limits.columns;
                return Err(self.too_complex("grouping has more properties", limit, "odata.max_columns", "Use fewer"));
            }
            if !self.lex.eat_past_blanks(b',') {
                break;
            }
        }
        self.close()?;
        self.height = 0;
        let then = if self.lex.eat_past_blanks(b',') { self.apply()? } else { Vec::new() };
        Ok(TransformationKind::GroupBy { by, then })
    }

    fn group_item(&mut self) -> Result<GroupItem> {
        self.lex.blanks();
        let start = self.lex.at;
        let path = self.property_path("a grouping property")?;
        if self.lex.peek() != Some(b'(') || path.len() > 1 {
            return Ok(GroupItem::Path(path));
        }
        match path[0].text.to_ascii_lowercase().as_str() {
            "rollup" => {
                self.lex.at += 1;
                let mut levels = Vec::new();
                loop {
                    self.lex.blanks();
                    levels.push(self.property_path("a property to roll up")?);
                    if !self.lex.eat_past_blanks(b',') {
                        break;
                    }
                }
                self.close()?;
                Ok(GroupItem::Rollup(levels))
            }
            "rolluprecursive" => {
                let name = self.lex.name_from(start);
                self.balanced_parens()?;
                Ok(GroupItem::Recursive(name))
            }
            _ => Err(self.lex.expected("`,` or `)`, for only rollup(…) and rolluprecursive(…) may have parentheses,")),
        }
    }

    /// Names with `/` between them.
    pub(super) fn property_path(&mut self, what: &str) -> Result<Vec<Name>> {
        let mut names = Vec::new();
        loop {
            match self.lex.qualified_name() {
                Some(name) => names.push(name),
                None => return Err(self.lex.expected(what)),
            }
            if !self.lex.eat(b'/') {
                return Ok(names);
            }
        }
    }

    /// Parentheses with anything between them that is balanced, quotes respected.
    fn balanced_parens(&mut self) -> Result<()> {
        if self.lex.peek() != Some(b'(') {
            return Err(self.lex.expected("`(`"));
        }
        let start = self.lex.at;
        let mut open = 0_usize;
        while let Some(byte) = self.lex.peek() {
            match byte {
                b'\'' => {
                    self.lex.quoted()?;
                    continue;
                }
                b'(' => open += 1,
                b')' => open -= 1,
                _ => {}
            }
            self.lex.at += 1;
            if open == 0 {
                return Ok(());
            }
        }
        Err(self.lex.error_at(start, Code::SyntaxError, "The parenthesis is not closed."))
    }
}
