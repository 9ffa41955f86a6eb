//! Function calls: the table of `functions`, and the few with rules of their own.

use super::super::bound::{Expr, Kind};
use super::super::edm::Edm;
use super::super::error::{Code, ODataError, Result};
use super::super::functions::{self, Arg, Overload};
use super::super::syntax::{self, Name};
use super::{Binder, nearest, promote};
use crate::sql::functions as f;
use crate::sql::{Instant, Value};

/// 0001-01-01T00:00:00Z
const FIRST_INSTANT: i64 = -62_135_596_800_000_000;
/// 9999-12-31T23:59:59.999999Z
const LAST_INSTANT: i64 = 253_402_300_799_999_999;

static MATCHES: Overload = Overload {
    name: "matchesPattern",
    args: &[Arg::Text, Arg::Text],
    returns: Edm::Boolean,
    sql: &f::MATCHES,
    range: None,
};

macro_rules! of_decimal {
    ($name:ident, $function:ident, $sql:ident) => {
        static $name: Overload = Overload {
            name: $function,
            args: &[Arg::Integer, Arg::Integer],
            returns: Edm::Decimal { precision: 18, scale: 0 },
            sql: &f::$sql,
            range: None,
        };
    };
}

const ROUND: &str = "round";
const FLOOR: &str = "floor";
const CEILING: &str = "ceiling";
of_decimal!(DECIMAL_ROUND, ROUND, DECIMAL_ROUND);
of_decimal!(DECIMAL_FLOOR, FLOOR, DECIMAL_FLOOR);
of_decimal!(DECIMAL_CEILING, CEILING, DECIMAL_CEILING);

impl Binder<'_> {
    pub(super) fn call(&mut self, name: &Name, args: &[syntax::Expr]) -> Result<Expr> {
        let position = name.span.start;
        let lower = name.text.to_ascii_lowercase();
        let instant = |micros| Expr {
            kind: Kind::Literal(Value::Instant(Instant(micros))),
            ty: Edm::DateTimeOffset,
            nullable: false,
            range: None,
        };
        match (lower.as_str(), args) {
            ("now", []) => return Ok(instant(self.environment.now.0)),
            ("mindatetime", []) => return Ok(instant(FIRST_INSTANT)),
            ("maxdatetime", []) => return Ok(instant(LAST_INSTANT)),
            ("totalseconds", [duration]) => return self.total_seconds(duration),
            ("matchespattern", [text, pattern]) => return self.matches_pattern(text, pattern),
            _ => {}
        }
        if functions::ABSENT.iter().any(|absent| absent.eq_ignore_ascii_case(&name.text)) || name.text.contains('.') {
            return Err(ODataError::not_implemented(format!("The function {}", name.text)).at(position));
        }
        let mut overloads = functions::overloads(&lower).peekable();
        if overloads.peek().is_none() && !functions::SPECIAL.iter().any(|s| s.eq_ignore_ascii_case(&lower)) {
            let near = nearest(&name.text, functions::names().map(str::to_owned));
            let hint = near.map(|near| format!(" Did you mean {near}?")).unwrap_or_default();
            let message = format!("There is no function {}.{hint}", name.text);
            return Err(ODataError::new(Code::UnknownFunction, message).at(position));
        }
        let bound = args.iter().map(|a| self.value(a)).collect::<Result<Vec<_>>>()?;
        if let Some(exact) = exact_rounding(&lower, &bound) {
            return Ok(exact);
        }
        let fitting =
            overloads.find(|o| o.args.len() == bound.len() && o.args.iter().zip(&bound).all(|(a, b)| fits(*a, b)));
        match fitting {
            Some(overload) => called(overload, bound),
            None => Err(mismatch(name, &lower, args, &bound)),
        }
    }

    /// OD-35: a duration is carried in microseconds, which are its seconds at scale 6.
    fn total_seconds(&mut self, duration: &syntax::Expr) -> Result<Expr> {
        let bound = promote::temporal_literals(self.value(duration)?, Expr::null()).0;
        if bound.ty == Edm::Untyped {
            return Ok(Expr { ty: Edm::Decimal { precision: 18, scale: 6 }, ..Expr::null() });
        }
        if bound.ty != Edm::Duration && !bound.is_null() {
            let message = format!("totalseconds takes a duration, and this is an {}.", bound.ty.name());
            return Err(ODataError::new(Code::TypeMismatch, message).at(duration.span.start));
        }
        let ty = Edm::Decimal { precision: 18, scale: 6 };
        if matches!(bound.kind, Kind::Null | Kind::Literal(_)) {
            return Ok(Expr { ty, ..bound });
        }
        // A product stays one of durations, which its own type tells.
        let (nullable, range) = (bound.nullable, bound.range);
        Ok(Expr { kind: Kind::Convert(Box::new(bound)), ty, nullable, range })
    }

    /// The pattern must be a constant: it is checked once, here.
    fn matches_pattern(&mut self, text: &syntax::Expr, pattern: &syntax::Expr) -> Result<Expr> {
        let subject = self.value(text)?;
        let bound = self.value(pattern)?;
        if !fits(Arg::Text, &subject) {
            let message = format!("matchesPattern takes a string, and this is an {}.", subject.ty.name());
            return Err(ODataError::new(Code::TypeMismatch, message).at(text.span.start));
        }
        match &bound.kind {
            Kind::Null => Ok(Expr { ty: Edm::Boolean, ..Expr::null() }),
            Kind::Literal(Value::Text(source)) => {
                let written = self::pattern(source).map_err(|e| e.at(pattern.span.start))?;
                let written = Expr { kind: Kind::Literal(Value::Text(written)), ..bound };
                called(&MATCHES, vec![subject, written])
            }
            _ if bound.ty == Edm::String => {
                Err(ODataError::not_implemented("A pattern that is not a constant").at(pattern.span.start))
            }
            _ => Err(ODataError::new(Code::TypeMismatch, "The pattern must be a string.").at(pattern.span.start)),
        }
    }

    pub(super) fn cast(&mut self, subject: Option<&syntax::Expr>, name: &Name, position: usize) -> Result<Expr> {
        let ty = self.named_type(name)?;
        let Some(subject) = subject else {
            return Err(ODataError::not_implemented("cast of the row itself").at(position));
        };
        let e = self.value(subject)?;
        let allowed = match (e.ty, ty) {
            (Edm::Untyped, _) => true,
            (a, b) if a == b => true,
            (a, b) if a.is_number() && b.is_number() => true,
            (Edm::Date, Edm::DateTimeOffset) | (Edm::DateTimeOffset, Edm::Date) => true,
            (Edm::Enum(_) | Edm::Int32 | Edm::Int64 | Edm::Boolean | Edm::Guid | Edm::Date, Edm::String) => true,
            (Edm::String, _) => matches!(e.kind, Kind::Literal(_)),
            _ => false,
        };
        if !allowed {
            let what = format!("cast from {} to {}", e.ty.name(), ty.name());
            return Err(ODataError::not_implemented(what).at(position));
        }
        // A text that is no such value casts to null (Part 2 §5.1.1.10.1).
        if matches!(e.kind, Kind::Literal(Value::Text(_))) {
            return Ok(promote::to(e, ty).unwrap_or(Expr { ty, ..Expr::null() }));
        }
        let nullable = e.nullable || matches!((e.ty, ty), (Edm::Double, _));
        promote::to(e, ty).map(|cast| Expr { nullable, ..cast })
    }

    pub(super) fn is_of(&mut self, subject: Option<&syntax::Expr>, name: &Name, position: usize) -> Result<Expr> {
        let ty = self.named_type(name)?;
        let Some(subject) = subject else {
            return Err(ODataError::not_implemented("isof of the row itself").at(position));
        };
        let e = self.value(subject)?;
        if e.ty != ty {
            return Ok(Expr::boolean(false));
        }
        promote::comparison(super::super::bound::Compare::Ne, e, Expr::null(), (0, 0))
    }

    fn named_type(&self, name: &Name) -> Result<Edm> {
        let ty = match name.text.as_str() {
            "Edm.Boolean" => Edm::Boolean,
            "Edm.Int32" => Edm::Int32,
            "Edm.Int64" => Edm::Int64,
            "Edm.Double" => Edm::Double,
            "Edm.Decimal" => Edm::Decimal { precision: 18, scale: 6 },
            "Edm.String" => Edm::String,
            "Edm.Guid" => Edm::Guid,
            "Edm.Date" => Edm::Date,
            "Edm.TimeOfDay" => Edm::TimeOfDay,
            "Edm.DateTimeOffset" => Edm::DateTimeOffset,
            "Edm.Duration" => Edm::Duration,
            other if other.starts_with("Edm.") => {
                return Err(ODataError::not_implemented(format!("The type {other}")).at(name.span.start));
            }
            other => {
                let short = other.rsplit('.').next().unwrap_or(other);
                match self.model.types().enumeration(short) {
                    Some(of) => Edm::Enum(of),
                    None => {
                        let message = format!("There is no type {other}; primitive types begin with Edm.");
                        return Err(ODataError::new(Code::UnknownProperty, message).at(name.span.start));
                    }
                }
            }
        };
        Ok(ty)
    }
}

/// `round`, `floor` and `ceiling` of integers and decimals are exact decimals: integers are promoted (§5.1.1.14.1).
fn exact_rounding(name: &str, args: &[Expr]) -> Option<Expr> {
    let [arg] = args else { return None };
    let overload = match name {
        ROUND => &DECIMAL_ROUND,
        FLOOR => &DECIMAL_FLOOR,
        CEILING => &DECIMAL_CEILING,
        _ => return None,
    };
    match arg.ty {
        Edm::Int32 | Edm::Int64 => promote::to(arg.clone(), overload.returns).ok(),
        Edm::Decimal { scale, .. } if !matches!(arg.kind, Kind::Decimal(_)) => {
            let factor = super::number::integer(10i64.checked_pow(scale.into())?);
            let (nullable, range) = (arg.nullable, arg.range);
            let kind = Kind::Call(overload, vec![arg.clone(), factor]);
            Some(Expr { kind, ty: overload.returns, nullable, range })
        }
        _ => None,
    }
}

fn fits(arg: Arg, e: &Expr) -> bool {
    match (arg, e.ty) {
        (_, Edm::Untyped) => true,
        (Arg::Text, Edm::String) | (Arg::Date, Edm::Date) | (Arg::DateTimeOffset, Edm::DateTimeOffset) => true,
        (Arg::TimeOfDay, Edm::TimeOfDay) => true,
        (Arg::Integer, ty) => ty.is_integer(),
        (Arg::Double, ty) => ty.is_number(),
        _ => false,
    }
}

fn called(overload: &'static Overload, args: Vec<Expr>) -> Result<Expr> {
    // What has no type is null, however it is written.
    if args.iter().any(|a| a.is_null() || a.ty == Edm::Untyped) {
        return Ok(Expr { ty: overload.returns, ..Expr::null() });
    }
    let nullable = args.iter().any(|a| a.nullable);
    let convert = |(arg, e): (&Arg, Expr)| if *arg == Arg::Double { promote::to(e, Edm::Double) } else { Ok(e) };
    let args = overload.args.iter().zip(args).map(convert).collect::<Result<Vec<_>>>()?;
    let range = overload.range.map(|(low, high)| (low.into(), high.into()));
    Ok(Expr { kind: Kind::Call(overload, args), ty: overload.returns, nullable, range })
}

fn mismatch(name: &Name, lower: &str, args: &[syntax::Expr], bound: &[Expr]) -> ODataError {
    let forms: Vec<String> = functions::overloads(lower)
        .map(|o| format!("{}({})", o.name, o.args.iter().map(|a| a.name()).collect::<Vec<_>>().join(", ")))
        .collect();
    let given: Vec<&str> = bound.iter().map(|b| b.ty.name()).collect();
    let message = format!("{} does not take ({}); its form is {}.", name.text, given.join(", "), forms.join(" or "));
    let position = args.first().map_or(name.span.start, |a| a.span.start);
    ODataError::new(Code::TypeMismatch, message).at(position)
}

/// Checks a pattern against what both back ends' engines mean alike (OD-34): literals, `.`, classes, groups, `|`,
/// the quantifiers with counts up to 255, `^` and `$`.
///
/// Out comes what both read alike: a dot is ECMAScript's, which no end of a line matches.
pub fn pattern(source: &str) -> Result<String> {
    let refused = |what: &str| Err(ODataError::not_implemented(format!("{what} in a pattern")));
    let mut rest = source.chars().peekable();
    let mut in_class = false;
    let mut written = String::with_capacity(source.len());
    while let Some(c) = rest.next() {
        if c == '.' && !in_class {
            written.push_str(DOT);
            continue;
        }
        written.push(c);
        match c {
            '\\' => match rest.next() {
                Some(next) if next.is_alphanumeric() => return refused(&format!("\\{next}")),
                Some(next) => written.push(next),
                None => return Err(ODataError::new(Code::InvalidValue, "The pattern ends in a single backslash.")),
            },
            '[' if in_class => return refused("A bracket inside a class"),
            '[' => {
                in_class = true;
                if rest.peek() == Some(&'^') {
                    written.extend(rest.next());
                }
                // For ECMAScript the class would end here.
                if rest.peek() == Some(&']') {
                    return refused("A bracket that begins a class");
                }
            }
            ']' => in_class = false,
            '&' | '~' if in_class && rest.peek() == Some(&c) => return refused("Set operations"),
            '(' if !in_class && rest.peek() == Some(&'?') => {
                written.extend(rest.next());
                if rest.peek() != Some(&':') {
                    return refused("(?…)");
                }
            }
            '*' | '+' | '?' | '}' if !in_class && matches!(rest.peek(), Some('?' | '+')) => {
                return refused("A lazy or possessive quantifier");
            }
            _ => {}
        }
    }
    if source.starts_with("***") {
        return refused("***");
    }
    let parsed = regex_syntax::ParserBuilder::new().nest_limit(50).build().parse(source);
    let hir = parsed.map_err(|e| {
        let reason = match e {
            regex_syntax::Error::Parse(e) => e.kind().to_string(),
            other => other.to_string().lines().last().unwrap_or_default().to_owned(),
        };
        ODataError::new(Code::InvalidValue, format!("The pattern can't be read: {reason}."))
    })?;
    bounded(&hir)?;
    Ok(written)
}

/// Everything but the ends of lines (ECMA-262 §12.3).
const DOT: &str = "[^\n\r\u{2028}\u{2029}]";

fn bounded(hir: &regex_syntax::hir::Hir) -> Result<()> {
    use regex_syntax::hir::HirKind;
    match hir.kind() {
        HirKind::Repetition(repetition) => {
            if repetition.min > 255 || repetition.max.is_some_and(|most| most > 255) {
                return Err(ODataError::not_implemented("A count above 255 in a pattern"));
            }
            bounded(&repetition.sub)
        }
        HirKind::Capture(capture) => bounded(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().try_for_each(bounded),
        _ => Ok(()),
    }
}
