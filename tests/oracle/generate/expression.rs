//! Expressions that are no conditions.

use super::super::expression::{Expr, Kind, Op};
use super::super::number::arithmetic_type;
use super::super::value::{Type, Value};
use super::Generator;
use super::names::Names;

impl Generator<'_> {
    /// An expression of a type that `$orderby` and groups can take.
    pub(super) fn any_value(&mut self, names: &Names, depth: usize) -> Expr {
        match self.random.below(10) {
            0..4 => self.number(names, depth),
            4..6 => self.text(names, depth),
            6 => self.instant(names, depth),
            7 => self.date(names, depth),
            8 => self.truth(names, depth.min(1)),
            _ => self.path(names, |_| true).expect("a row has values"),
        }
    }

    fn leaf(&mut self, names: &Names, ty: &Type) -> Expr {
        if self.random.chance(1, 20) {
            return Expr::null(ty.clone());
        }
        if self.random.chance(3, 4)
            && let Some(path) = self.path(names, |found| found == ty)
        {
            return path;
        }
        self.literal(ty)
    }

    fn number_leaf(&mut self, names: &Names) -> Expr {
        if self.random.chance(3, 4)
            && let Some(path) = self.path(names, Type::is_number)
        {
            return path;
        }
        if self.random.chance(1, 12) {
            return Expr::null(Type::Int32);
        }
        let ty = self.random.pick(&[0, 0, 0, 1, 2, 2, 3, 3]);
        self.literal(&[Type::Int32, Type::Int64, Type::Decimal, Type::Double][ty])
    }

    pub(super) fn number(&mut self, names: &Names, depth: usize) -> Expr {
        if depth == 0 || self.random.chance(2, 5) {
            return self.number_leaf(names);
        }
        let below = depth - 1;
        let call = |name, arguments, ty| Expr::new(ty, Kind::Call(name, arguments));
        match self.random.below(13) {
            0..5 => self.arithmetic(names, below),
            5 => {
                let inner = self.number(names, below);
                // A literal with a minus sign is a literal, whose type is another.
                let inner = if matches!(inner.kind, Kind::Literal(..)) { self.arithmetic(names, 0) } else { inner };
                let ty = if inner.ty == Type::Int32 { Type::Int64 } else { inner.ty.clone() };
                Expr::new(ty, Kind::Negate(Box::new(inner)))
            }
            6 | 7 => {
                let (name, inner) = (self.random.pick(&["round", "floor", "ceiling"]), self.number(names, below));
                let ty = if inner.ty == Type::Double { Type::Double } else { Type::Decimal };
                call(name, vec![inner], ty)
            }
            8 => call("length", vec![self.text(names, below)], Type::Int32),
            9 => call("indexof", vec![self.text(names, below), self.text(names, 0)], Type::Int32),
            10 => self.date_part(names),
            11 if !names.many.is_empty() && names.depth < 2 => self.members_count(names, below),
            11 => call("totalseconds", vec![self.duration(names)], Type::Decimal),
            _ => self.case(names, below, &|generator, depth| generator.number(names, depth)),
        }
    }

    fn arithmetic(&mut self, names: &Names, depth: usize) -> Expr {
        let op = self.random.pick(&[Op::Add, Op::Add, Op::Sub, Op::Sub, Op::Mul, Op::Mul, Op::Div, Op::DivBy, Op::Mod]);
        let left = self.number(names, depth);
        let divides = matches!(op, Op::Div | Op::Mod);
        let right = if divides && self.random.chance(3, 4) {
            Expr::literal(Value::Int(self.random.pick(&[2, 3, 7, -2, 60, 3600])), Type::Int32)
        } else {
            self.number(names, depth)
        };
        let ty = arithmetic_type(op, &left.ty, &right.ty).expect("numbers go together");
        Expr::new(ty, Kind::Binary(op, Box::new(left), Box::new(right)))
    }

    fn date_part(&mut self, names: &Names) -> Expr {
        let (name, argument, ty) = match self.random.below(6) {
            0 | 1 => (self.random.pick(&["year", "month", "day"]), self.instant(names, 1), Type::Int32),
            2 => (self.random.pick(&["year", "month", "day"]), self.date(names, 1), Type::Int32),
            3 => (self.random.pick(&["hour", "minute", "second"]), self.instant(names, 1), Type::Int32),
            4 => (self.random.pick(&["hour", "minute", "second"]), self.time(names), Type::Int32),
            _ => ("fractionalseconds", self.instant(names, 1), Type::Decimal),
        };
        Expr::new(ty, Kind::Call(name, vec![argument]))
    }

    pub(super) fn members_count(&mut self, names: &Names, depth: usize) -> Expr {
        let (path, set) = names.many[self.random.below(names.many.len())].clone();
        let inner = (!self.plain && self.random.chance(2, 3)).then(|| {
            let inner = self.member_names(names, set);
            Box::new(self.truth(&inner, depth.min(1)))
        });
        Expr::new(Type::Int64, Kind::Count(path, inner))
    }

    /// `case(…)` with one condition or two and mostly a last value for everything else.
    pub(super) fn case(&mut self, names: &Names, depth: usize, value: &dyn Fn(&mut Self, usize) -> Expr) -> Expr {
        if self.plain {
            return value(self, depth);
        }
        let mut arms = Vec::new();
        for _ in 0..=self.random.below(2) {
            arms.push((self.truth(names, depth.min(1)), value(self, depth)));
        }
        if self.random.chance(2, 3) {
            arms.push((Expr::literal(Value::Bool(true), Type::Boolean), value(self, depth)));
        }
        let first = arms[0].1.ty.clone();
        let ty = arms.iter().fold(first, |ty, (_, value)| ty.wider(&value.ty));
        Expr::new(ty, Kind::Case(arms))
    }

    pub(super) fn text(&mut self, names: &Names, depth: usize) -> Expr {
        if depth == 0 || self.random.chance(2, 5) {
            return self.leaf(names, &Type::String);
        }
        let below = depth - 1;
        let of = |kind| Expr::new(Type::String, kind);
        match self.random.below(8) {
            0..3 => {
                let name = self.random.pick(&["tolower", "toupper", "trim"]);
                of(Kind::Call(name, vec![self.text(names, below)]))
            }
            3 => of(Kind::Call("concat", vec![self.text(names, below), self.text(names, below)])),
            4 | 5 => {
                let mut arguments = vec![self.text(names, below), self.small_integer(names, -3)];
                if self.random.chance(1, 2) {
                    arguments.push(self.small_integer(names, 0));
                }
                of(Kind::Call("substring", arguments))
            }
            6 => {
                let castable = |ty: &Type| {
                    ty.is_integer() || matches!(ty, Type::Boolean | Type::Guid | Type::Date | Type::Enum(_))
                };
                match self.path(names, castable) {
                    Some(path) => of(Kind::Cast(Box::new(path))),
                    None => self.leaf(names, &Type::String),
                }
            }
            _ => self.case(names, below, &|generator, depth| generator.text(names, depth)),
        }
    }

    fn small_integer(&mut self, names: &Names, least: i64) -> Expr {
        if least < 0 && self.random.chance(1, 6) {
            let text = self.text(names, 0);
            return Expr::new(Type::Int32, Kind::Call("length", vec![text]));
        }
        Expr::literal(Value::Int(least + self.random.below(7) as i64), Type::Int32)
    }

    pub(super) fn instant(&mut self, names: &Names, depth: usize) -> Expr {
        if depth == 0 || self.random.chance(2, 3) {
            return self.leaf(names, &Type::DateTimeOffset);
        }
        let of = |kind| Expr::new(Type::DateTimeOffset, kind);
        match self.random.below(4) {
            0 => of(Kind::Cast(Box::new(self.date(names, 0)))),
            1 => self.case(names, depth - 1, &|generator, depth| generator.instant(names, depth)),
            _ => {
                let (op, left) = (self.random.pick(&[Op::Add, Op::Sub]), self.typed(names, &Type::DateTimeOffset));
                let right = self.literal(&Type::Duration);
                of(Kind::Binary(op, Box::new(left), Box::new(right)))
            }
        }
    }

    pub(super) fn date(&mut self, names: &Names, depth: usize) -> Expr {
        let of = |kind| Expr::new(Type::Date, kind);
        match self.random.below(4) {
            0 => of(Kind::Call("date", vec![self.instant(names, depth)])),
            1 if depth > 0 => {
                let days = self.random.pick(&[1, -1, 29, 366]) * super::super::calendar::DAY;
                let (left, op) = (self.typed(names, &Type::Date), self.random.pick(&[Op::Add, Op::Sub]));
                let right = Expr::literal(Value::Duration(days), Type::Duration);
                of(Kind::Binary(op, Box::new(left), Box::new(right)))
            }
            _ => self.leaf(names, &Type::Date),
        }
    }

    pub(super) fn time(&mut self, names: &Names) -> Expr {
        if self.random.chance(2, 3) {
            let argument = self.instant(names, 0);
            return Expr::new(Type::TimeOfDay, Kind::Call("time", vec![argument]));
        }
        self.literal(&Type::TimeOfDay)
    }

    pub(super) fn duration(&mut self, names: &Names) -> Expr {
        let of = |op, left, right| Expr::new(Type::Duration, Kind::Binary(op, Box::new(left), Box::new(right)));
        match self.random.below(5) {
            0 => of(Op::Sub, self.typed(names, &Type::Date), self.typed(names, &Type::Date)),
            2 if !self.plain => {
                let op = self.random.pick(&[Op::Mul, Op::Div, Op::DivBy]);
                let number = self.random.below(3);
                let by = self.literal(&[Type::Int32, Type::Decimal, Type::Double][number]);
                let duration =
                    of(Op::Sub, self.typed(names, &Type::DateTimeOffset), self.literal(&Type::DateTimeOffset));
                of(op, if self.random.chance(1, 2) { duration } else { self.literal(&Type::Duration) }, by)
            }
            1 => {
                let difference =
                    of(Op::Sub, self.typed(names, &Type::DateTimeOffset), self.typed(names, &Type::DateTimeOffset));
                of(Op::Add, difference, self.literal(&Type::Duration))
            }
            _ => of(Op::Sub, self.typed(names, &Type::DateTimeOffset), self.typed(names, &Type::DateTimeOffset)),
        }
    }

    /// A leaf that is no bare null: `null sub null` might be anything.
    fn typed(&mut self, names: &Names, ty: &Type) -> Expr {
        self.path(names, |found| found == ty).unwrap_or_else(|| self.literal(ty))
    }
}
