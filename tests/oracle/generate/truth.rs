//! Conditions.

use super::super::expression::{Expr, Kind, Op};
use super::super::value::{Type, Value};
use super::Generator;
use super::names::Names;

const COMPARISONS: &[Op] = &[Op::Eq, Op::Ne, Op::Gt, Op::Ge, Op::Lt, Op::Le];
const EQUALITIES: &[Op] = &[Op::Eq, Op::Ne];
/// Patterns that every engine reads alike (OD-34).
const PATTERNS: &[&str] = &["^[A-Z]", "a.c", "[0-9]{2}", "(a|ß|e)$", "^$", "t.*e", "[^a-z]", "o?r", "^.{3,9}$"];

impl Generator<'_> {
    pub(super) fn truth(&mut self, names: &Names, depth: usize) -> Expr {
        if depth > 0 && self.random.chance(1, 2) {
            return self.composed(names, depth - 1);
        }
        let below = depth.saturating_sub(1);
        match self.random.below(20) {
            0..5 => {
                let (left, right) = (self.number(names, below + 1), self.number(names, below));
                self.comparison(COMPARISONS, left, right)
            }
            5..8 => {
                let (left, right) = (self.text(names, below + 1), self.text(names, below));
                self.comparison(COMPARISONS, left, right)
            }
            8..10 => self.temporal(names),
            10 => self.path(names, |ty| *ty == Type::Boolean).unwrap_or_else(|| self.literal(&Type::Boolean)),
            11 | 12 => {
                let name = self.random.pick(&["contains", "startswith", "endswith"]);
                let arguments = vec![self.text(names, below), self.text(names, 0)];
                Expr::new(Type::Boolean, Kind::Call(name, arguments))
            }
            13 => {
                let pattern = self.random.pick(PATTERNS).to_owned();
                let pattern = Expr::literal(Value::Text(pattern), Type::String);
                let text = self.text(names, 1);
                Expr::new(Type::Boolean, Kind::Call("matchesPattern", vec![text, pattern]))
            }
            14 | 15 => self.membership(names),
            16 => self.identity(names),
            17 => self.presence(names),
            18 => {
                let (left, right) = (self.path(names, |ty| *ty == Type::Boolean), self.literal(&Type::Boolean));
                let left = left.unwrap_or_else(|| Expr::null(Type::Boolean));
                self.comparison(COMPARISONS, left, right)
            }
            _ => self.over_members(names, below),
        }
    }

    fn composed(&mut self, names: &Names, depth: usize) -> Expr {
        let of = |kind| Expr::new(Type::Boolean, kind);
        match self.random.below(10) {
            0 | 1 => of(Kind::Not(Box::new(self.truth(names, depth)))),
            2 => {
                let (left, right) = (self.truth(names, depth), self.truth(names, depth));
                self.comparison(EQUALITIES, left, right)
            }
            3 => self.case(names, depth, &|generator, depth| generator.truth(names, depth)),
            4 | 5 => self.over_members(names, depth),
            _ => {
                let op = self.random.pick(&[Op::And, Op::Or]);
                of(Kind::Binary(op, Box::new(self.truth(names, depth)), Box::new(self.truth(names, depth))))
            }
        }
    }

    fn comparison(&mut self, ops: &[Op], left: Expr, right: Expr) -> Expr {
        let op = self.random.pick(ops);
        Expr::new(Type::Boolean, Kind::Binary(op, Box::new(left), Box::new(right)))
    }

    fn temporal(&mut self, names: &Names) -> Expr {
        let (left, right) = match self.random.below(6) {
            0 | 1 => (self.instant(names, 1), self.instant(names, 0)),
            2 => (self.date(names, 1), self.date(names, 0)),
            3 => (self.instant(names, 1), self.date(names, 0)),
            4 => (self.time(names), self.literal(&Type::TimeOfDay)),
            _ => (self.duration(names), self.literal(&Type::Duration)),
        };
        self.comparison(COMPARISONS, left, right)
    }

    /// `in` with values of rows, sometimes with null among them.
    fn membership(&mut self, names: &Names) -> Expr {
        let listable = |ty: &Type| !matches!(ty, Type::Boolean);
        let value = match self.random.below(4) {
            0 => self.number(names, 1),
            1 => self.text(names, 1),
            _ => self.path(names, listable).unwrap_or_else(|| self.text(names, 0)),
        };
        let mut members = Vec::new();
        for _ in 0..=self.random.below(4) {
            members.push(self.literal(&value.ty));
        }
        if self.random.chance(1, 4) {
            members.push(Expr::null(value.ty.clone()));
        }
        Expr::new(Type::Boolean, Kind::In(Box::new(value), members))
    }

    /// Equality of what has no order.
    fn identity(&mut self, names: &Names) -> Expr {
        let Some(left) = self.path(names, |ty| matches!(ty, Type::Guid | Type::Enum(_))) else {
            return self.literal(&Type::Boolean);
        };
        let ty = left.ty.clone();
        let right = match self.path(names, |other| *other == ty && *other == Type::Guid) {
            Some(path) if self.random.chance(1, 3) => path,
            _ => self.literal(&ty),
        };
        self.comparison(EQUALITIES, left, right)
    }

    /// Something against null: an entity, or a value.
    fn presence(&mut self, names: &Names) -> Expr {
        if !names.ones.is_empty() && self.random.chance(2, 3) {
            let path = names.ones[self.random.below(names.ones.len())].clone();
            return Expr::new(Type::Boolean, Kind::Absent(path, self.random.chance(1, 2)));
        }
        let left = self.path(names, |_| true).expect("a row has values");
        let right = Expr::null(left.ty.clone());
        self.comparison(EQUALITIES, left, right)
    }

    fn over_members(&mut self, names: &Names, depth: usize) -> Expr {
        if names.many.is_empty() || names.depth >= 2 {
            return self.literal(&Type::Boolean);
        }
        if self.random.chance(1, 3) {
            let (count, number) = (self.members_count(names, depth), self.random.below(4) as i64);
            let right = Expr::literal(Value::Int(number), Type::Int32);
            return self.comparison(COMPARISONS, count, right);
        }
        let (path, set) = names.many[self.random.below(names.many.len())].clone();
        let of = |kind| Expr::new(Type::Boolean, kind);
        if self.random.chance(1, 8) {
            return of(Kind::Any(path, String::new(), None));
        }
        let (variable, inner) = self.lambda_names(names, set);
        let predicate = Box::new(self.truth(&inner, depth.min(1)));
        if self.random.chance(1, 2) {
            of(Kind::Any(path, variable, Some(predicate)))
        } else {
            of(Kind::All(path, variable, predicate))
        }
    }
}
