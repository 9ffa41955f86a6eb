//! `queryOptions` and the options within parentheses of `$expand`, `$select` and `$count` (Part 2 §5, OD-9 to OD-11).
//!
//! System options have one table: name, where each may stand. In: decoded names and values, or the text within the
//! parentheses. Out: `syntax::Options`, each option once.

use super::guard::Parser;
use crate::odata::error::{Code, ODataError, Result};
use crate::odata::lex::{Characters, Cursor, clipped, did_you_mean};
use crate::odata::limits::Limits;
use crate::odata::syntax::{Levels, Options};
use crate::odata::url::Pair;

/// Where options stand; each place allows some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Request,
    /// `$expand=Nav(…)`
    Expand,
    /// `$expand=Nav/$ref(…)`
    ExpandRef,
    /// `$expand=Nav/$count(…)` and `Nav/$count(…)` in an expression
    Count,
    /// `$select=Property(…)`
    Select,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Place::Request => "a request",
            Place::Expand => "an item of $expand",
            Place::ExpandRef => "/$ref",
            Place::Count => "/$count",
            Place::Select => "an item of $select",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SystemOption {
    Filter,
    Select,
    Expand,
    Orderby,
    Top,
    Skip,
    Count,
    Apply,
    Compute,
    Search,
    Levels,
    SkipToken,
    DeltaToken,
    Format,
    Index,
    Id,
    SchemaVersion,
}

use Place::{Count, Expand, ExpandRef, Request, Select};

/// Name with `$`, option, and the places that allow it.
const OPTIONS: [(&str, SystemOption, &[Place]); 17] = [
    ("$filter", SystemOption::Filter, &[Request, Expand, ExpandRef, Count, Select]),
    ("$select", SystemOption::Select, &[Request, Expand, Select]),
    ("$expand", SystemOption::Expand, &[Request, Expand, Select]),
    ("$orderby", SystemOption::Orderby, &[Request, Expand, ExpandRef, Select]),
    ("$top", SystemOption::Top, &[Request, Expand, ExpandRef, Select]),
    ("$skip", SystemOption::Skip, &[Request, Expand, ExpandRef, Select]),
    ("$count", SystemOption::Count, &[Request, Expand, ExpandRef, Select]),
    ("$apply", SystemOption::Apply, &[Request, Expand]),
    ("$compute", SystemOption::Compute, &[Request, Expand, Select]),
    ("$search", SystemOption::Search, &[Request, Expand, ExpandRef, Count, Select]),
    ("$levels", SystemOption::Levels, &[Expand]),
    ("$skiptoken", SystemOption::SkipToken, &[Request]),
    ("$deltatoken", SystemOption::DeltaToken, &[Request]),
    ("$format", SystemOption::Format, &[Request]),
    ("$index", SystemOption::Index, &[Request]),
    ("$id", SystemOption::Id, &[Request]),
    ("$schemaversion", SystemOption::SchemaVersion, &[Request]),
];

/// What the name of an option stands for.
enum OptionName {
    System(&'static str, SystemOption, &'static [Place]),
    Alias(String),
    Custom,
}

/// Names with or without `$`, in any letter case (OD-9). An unknown one with `$` is an error (OD-10).
fn option_name(name: &str) -> Result<OptionName> {
    if let Some(alias) = name.strip_prefix('@') {
        return match crate::odata::lex::identifier_length(alias) {
            length if length > 0 && length == alias.len() => Ok(OptionName::Alias(alias.to_owned())),
            _ => {
                let name = clipped(name);
                let message = format!("`{name}` is no parameter alias: a name of letters and digits must follow `@`.");
                Err(ODataError::new(Code::SyntaxError, message).in_option(name))
            }
        };
    }
    let bare = name.strip_prefix('$').unwrap_or(name);
    let known = OPTIONS.iter().find(|(known, ..)| known[1..].eq_ignore_ascii_case(bare));
    match known {
        Some((known, option, places)) => Ok(OptionName::System(known, *option, places)),
        None if bare.len() == name.len() => Ok(OptionName::Custom),
        None => {
            let hint = did_you_mean(name, OPTIONS.iter().map(|(known, ..)| *known));
            let name = clipped(name);
            let message = format!("There is no query option `{name}`.{hint}");
            Err(ODataError::new(Code::UnknownOption, message).in_option(name))
        }
    }
}

/// The options of a request.
pub(super) fn query_options(pairs: &[Pair], limits: &Limits) -> Result<Options> {
    let mut options = Options::default();
    let mut seen = Vec::new();
    for (name, value) in pairs {
        match option_name(name)? {
            OptionName::System(known, option, places) if places.contains(&Place::Request) => {
                once(&mut seen, known)?;
                let characters = Characters::of(value);
                let mut parser = Parser::new(Cursor::new(value, &characters), limits);
                let parsed = parser.option_value(known, option, &mut options).and_then(|()| parser.end_of_value());
                parsed.map_err(|e| e.in_option(known))?;
            }
            OptionName::System(known, ..) if name.starts_with('$') => {
                let message = format!("`{known}` applies to an item of $expand: `$expand=Children({known}=…)`.");
                return Err(ODataError::new(Code::OptionNotApplicable, message).in_option(known));
            }
            OptionName::Alias(alias) => {
                new_alias(&alias, &options, limits)?;
                let parsed = super::filter(value, limits).map_err(|e| e.in_option(name))?;
                options.aliases.push((alias, parsed));
            }
            OptionName::System(..) | OptionName::Custom => options.custom.push((name.clone(), value.clone())),
        }
    }
    Ok(options)
}

fn once(seen: &mut Vec<&'static str>, name: &'static str) -> Result<()> {
    if seen.contains(&name) {
        return Err(duplicate(name));
    }
    seen.push(name);
    Ok(())
}

/// Each alias is an expression, so there may be as many as an expression has parts.
fn new_alias(alias: &str, options: &Options, limits: &Limits) -> Result<()> {
    if options.aliases.iter().any(|(known, _)| known == alias) {
        return Err(duplicate(&format!("@{alias}")));
    }
    let limit = limits.expression_nodes;
    if options.aliases.len() >= limit {
        let message = format!("The request has more parameter aliases than {limit} (odata.max_expression_nodes).");
        return Err(ODataError::new(Code::QueryTooComplex, message));
    }
    Ok(())
}

fn duplicate(name: &str) -> ODataError {
    let name = clipped(name);
    let message = format!("The query option `{name}` is given more than once, with or without `$`. Give it once.");
    ODataError::new(Code::DuplicateOption, message).in_option(name)
}

impl<'a> Parser<'a> {
    /// Options between parentheses, with `;` between them; the cursor is on the opening one.
    pub(super) fn options_in_parens(&mut self, place: Place) -> Result<Options> {
        let limit = 2 * self.limits.expand_depth;
        if self.option_depth >= limit {
            let what = "options in parentheses are nested deeper";
            return Err(self.too_complex(what, limit, "twice odata.max_expand_depth", "Simplify them"));
        }
        self.lex.at += 1;
        self.option_depth += 1;
        let mut options = Options::default();
        let mut seen = Vec::new();
        let mut below = 0;
        loop {
            self.lex.blanks();
            self.height = 0;
            self.nested_option(place, &mut options, &mut seen)?;
            below = below.max(self.height);
            if !self.lex.eat_past_blanks(b';') {
                break;
            }
        }
        self.option_depth -= 1;
        if !self.lex.eat_past_blanks(b')') {
            return Err(self.unclosed("`;`, a closing parenthesis or more of the value"));
        }
        self.height = below;
        Ok(options)
    }

    fn nested_option(&mut self, place: Place, options: &mut Options, seen: &mut Vec<&'static str>) -> Result<()> {
        let start = self.lex.at;
        let sign = usize::from(matches!(self.lex.peek(), Some(b'$' | b'@')));
        self.lex.at += sign;
        if self.lex.identifier().is_none() {
            self.lex.at = start;
            return Err(self.lex.expected("a query option such as $filter"));
        }
        let (name, at) = (&self.lex.text[start..self.lex.at], self.lex.place_of(start));
        self.expect(b'=', "`=` behind the query option")?;
        self.lex.blanks();
        match option_name(name).map_err(|e| e.at(at))? {
            OptionName::System(known, option, places) if places.contains(&place) => {
                once(seen, known).map_err(|e| e.at(at))?;
                self.option_value(known, option, options)
            }
            OptionName::System(known, ..) => {
                let message = format!("`{known}` has no meaning in the parentheses of {}.", place.name());
                Err(self.lex.error_at(start, Code::OptionNotApplicable, message))
            }
            OptionName::Alias(alias) => {
                let fits = new_alias(&alias, options, self.limits);
                fits.map_err(|e| e.at(at))?;
                let value = self.common_expr()?;
                options.aliases.push((alias, value));
                Ok(())
            }
            OptionName::Custom => {
                let known = || OPTIONS.iter().filter(|(.., places)| places.contains(&place)).map(|(known, ..)| *known);
                let hint = did_you_mean(&format!("${name}"), known());
                let name = clipped(name);
                let message = format!("`{name}` is no query option of {}.{hint}", place.name());
                Err(self.lex.error_at(start, Code::UnknownOption, message))
            }
        }
    }

    /// The value of a system option, into its place.
    fn option_value(&mut self, name: &str, option: SystemOption, into: &mut Options) -> Result<()> {
        match option {
            SystemOption::Filter => into.filter = Some(self.bool_common_expr()?),
            SystemOption::Select => into.select = Some(self.select()?),
            SystemOption::Expand => into.expand = Some(self.expand()?),
            SystemOption::Orderby => into.orderby = Some(self.orderby()?),
            SystemOption::Apply => into.apply = Some(self.apply()?),
            SystemOption::Compute => into.compute = Some(self.compute()?),
            SystemOption::Search => into.search = Some(self.search()?),
            SystemOption::Top => into.top = Some(self.row_number(name)?),
            SystemOption::Skip => into.skip = Some(self.row_number(name)?),
            SystemOption::Count => into.count = Some(self.inlinecount()?),
            SystemOption::Levels => into.levels = Some(self.levels()?),
            SystemOption::Index => into.index = Some(self.index()?),
            SystemOption::SkipToken => into.skiptoken = Some(self.plain_text(name)?),
            SystemOption::DeltaToken => into.deltatoken = Some(self.plain_text(name)?),
            SystemOption::Format => into.format = Some(self.plain_text(name)?),
            SystemOption::Id => into.id = Some(self.plain_text(name)?),
            SystemOption::SchemaVersion => into.schemaversion = Some(self.plain_text(name)?),
        }
        Ok(())
    }

    fn end_of_value(&mut self) -> Result<()> {
        self.lex.blanks();
        match self.lex.peek() {
            None => Ok(()),
            Some(b')') => Err(self.lex.expected("the end, for no parenthesis is open here,")),
            Some(_) => Err(self.unclosed("an operator or the end")),
        }
    }

    /// All up to the end of a simple value, without blanks around it.
    fn simple_value(&mut self) -> (usize, &'a str) {
        self.lex.blanks();
        let start = self.lex.at;
        let rest = self.lex.rest();
        let length = match self.option_depth {
            0 => rest.len(),
            _ => rest.find([';', ')']).unwrap_or(rest.len()),
        };
        self.lex.at += length;
        (start, rest[..length].trim_end_matches([' ', '\t', '\r', '\n']))
    }

    fn invalid_value(&self, start: usize, message: String) -> ODataError {
        self.lex.error_at(start, Code::InvalidValue, message)
    }

    /// `$top` and `$skip` (OD-57): a whole number from 0 that Int64 can hold.
    pub(super) fn row_number(&mut self, name: &str) -> Result<u64> {
        let (start, text) = self.simple_value();
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let value = text.parse().ok().filter(|value| is_number && *value <= i64::MAX.unsigned_abs());
        let message = format!("`{name}` must be a whole number from 0 to {}.", i64::MAX);
        value.ok_or_else(|| self.invalid_value(start, message))
    }

    /// `$count`
    fn inlinecount(&mut self) -> Result<bool> {
        let (start, text) = self.simple_value();
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.invalid_value(start, "`$count` must be true or false.".to_owned())),
        }
    }

    /// `$levels` (OD-54)
    fn levels(&mut self) -> Result<Levels> {
        let (start, text) = self.simple_value();
        if text.eq_ignore_ascii_case("max") {
            return Ok(Levels::Max);
        }
        let is_number = !text.starts_with('0') && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number {
            let message = "`$levels` must be `max` or a whole number from 1, without leading zeros.".to_owned();
            return Err(self.invalid_value(start, message));
        }
        let most = self.limits.levels;
        match text.parse() {
            Ok(levels) if levels <= most => Ok(Levels::Number(levels)),
            _ => {
                let message =
                    format!("`$levels` may be at most {most} (odata.max_levels). `$levels=max` goes as far as that.");
                Err(self.lex.error_at(start, Code::QueryTooComplex, message))
            }
        }
    }

    /// `$index`; negative counts from the end.
    fn index(&mut self) -> Result<i64> {
        let (start, text) = self.simple_value();
        let digits = text.strip_prefix('-').unwrap_or(text);
        let value = text.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
        value.ok_or_else(|| self.invalid_value(start, "`$index` must be a whole number.".to_owned()))
    }

    /// A value that later stages read: `$format`, `$skiptoken`, `$id`.
    fn plain_text(&mut self, name: &str) -> Result<String> {
        let (start, text) = self.simple_value();
        if text.is_empty() {
            return Err(self.invalid_value(start, format!("`{name}` has no value.")));
        }
        Ok(text.to_owned())
    }
}
