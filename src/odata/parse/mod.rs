//! Text → syntax (OData 4.01 ABNF, Data Aggregation ABNF).
//!
//! In: a URL behind the service root, split and decoded by `url`, perhaps with a `$query` body. Out: the trees of
//! `syntax`, with places. Functions are named after the rules of the ABNF. Nothing is looked up: what the standard has
//! and this service does not is told by `bind`. Recursion is bounded by `Limits` (OD-151), time is linear (OD-152).

mod aggregate;
mod apply;
mod collection;
mod compute;
mod expand;
mod expr;
mod guard;
mod member;
mod option;
mod orderby;
mod path;
mod search;
mod select;
mod value;

use super::error::{Code, ODataError, Result};
use super::lex::{Characters, Cursor};
use super::limits::Limits;
use super::syntax::{
    ComputeItem, ExpandItem, Expr, Literal, OrderItem, Path, Request, Search, Segment, SelectItem, Transformation,
};
use super::url::{self, Pair};

use guard::Parser;

pub use super::url::split_options;
pub use path::key_segment;

/// A request as it arrived.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawRequest<'a> {
    /// The path behind the service root, percent-encoded, with or without slashes around it.
    pub path: &'a str,
    /// What stands behind the `?`, percent-encoded.
    pub query: &'a str,
    /// The body of a `POST …/$query`.
    pub body: Option<Body<'a>>,
}

/// The options of a `$query` body (OD-21).
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// `text/plain`: a query string.
    Text(&'a [u8]),
    /// `application/json`: an object of options.
    Json(&'a [u8]),
}

/// Parses a whole request.
pub fn parse(request: &RawRequest, limits: &Limits) -> Result<Request> {
    let path = path(request.path, limits)?;
    let options = option::query_options(&request_options(request)?, limits)?;
    if path.segments.first() == Some(&Segment::Entity) && options.id.is_none() {
        let message = "`$entity` needs the option `$id`, which says which entity: `$entity?$id=workItems(42)`.";
        return Err(ODataError::new(Code::SyntaxError, message).in_option("$id"));
    }
    Ok(Request { path, options })
}

/// Every option of a request, decoded, those of the URL before those of the body. A next link repeats them.
pub fn request_options(request: &RawRequest) -> Result<Vec<Pair>> {
    let mut pairs = split_options(request.query)?;
    match request.body {
        None => {}
        Some(Body::Text(text)) => pairs.extend(url::split_text_body(text)?),
        Some(Body::Json(json)) => pairs.extend(url::split_json_body(json)?),
    }
    Ok(pairs)
}

/// A resource path, percent-encoded, behind the service root. Empty for the service document.
pub fn path(raw: &str, limits: &Limits) -> Result<Path> {
    path::resource_path(raw, limits)
}

/// The decoded value of `$filter`, or of an extension parameter that is one.
pub fn filter(text: &str, limits: &Limits) -> Result<Expr> {
    whole(text, limits, |parser| parser.common_expr())
}

/// The decoded value of `$orderby`.
pub fn orderby(text: &str, limits: &Limits) -> Result<Vec<OrderItem>> {
    whole(text, limits, |parser| parser.orderby())
}

/// The decoded value of `$select`.
pub fn select(text: &str, limits: &Limits) -> Result<Vec<SelectItem>> {
    whole(text, limits, |parser| parser.select())
}

/// The decoded value of `$expand`.
pub fn expand(text: &str, limits: &Limits) -> Result<Vec<ExpandItem>> {
    whole(text, limits, |parser| parser.expand())
}

/// The decoded value of `$compute`.
pub fn compute(text: &str, limits: &Limits) -> Result<Vec<ComputeItem>> {
    whole(text, limits, |parser| parser.compute())
}

/// The decoded value of `$search`.
pub fn search(text: &str, limits: &Limits) -> Result<Search> {
    whole(text, limits, |parser| parser.search())
}

/// The decoded value of `$apply`.
pub fn apply(text: &str, limits: &Limits) -> Result<Vec<Transformation>> {
    whole(text, limits, |parser| parser.apply())
}

/// A literal alone, as it would stand in an expression.
pub fn literal(text: &str) -> Result<Literal> {
    let limits = Limits::default();
    whole(text, &limits, |parser| match parser.primitive_literal()? {
        Some(literal) => Ok(literal),
        None => Err(parser.lex.expected("a literal")),
    })
}

/// Runs `rule` over all of `text`; blanks around it mean nothing.
fn whole<T>(text: &str, limits: &Limits, rule: impl FnOnce(&mut Parser<'_>) -> Result<T>) -> Result<T> {
    let characters = Characters::of(text);
    let mut parser = Parser::new(Cursor::new(text, &characters), limits);
    parser.lex.blanks();
    let value = rule(&mut parser)?;
    parser.lex.blanks();
    if parser.lex.at_end() { Ok(value) } else { Err(parser.unclosed("the end")) }
}

#[cfg(test)]
mod tests;
