//! Cases of the parser as tables: text in, tree (written as a line of text) or error out.

mod apply;
mod errors;
mod expr;
mod limits;
mod request;
mod show;

use super::*;
use crate::odata::error::ODataError;

fn limits() -> Limits {
    Limits::default()
}

/// Parses `text` by `rule` and compares what `show` makes of the tree.
#[track_caller]
fn check<T>(text: &str, rule: impl Fn(&str, &Limits) -> Result<T>, show: impl Fn(&T) -> String, expected: &str) {
    match rule(text, &limits()) {
        Ok(tree) => assert_eq!(show(&tree), expected, "{text}"),
        Err(error) => panic!("{text}: {error}"),
    }
}

#[track_caller]
fn check_filter(text: &str, expected: &str) {
    check(text, filter, show::expr, expected);
}

/// The error of a request of a set with this query.
#[track_caller]
fn refused(query: &str) -> ODataError {
    let request = RawRequest { path: "workLogsOnly", query, body: None };
    parse(&request, &limits()).expect_err(query)
}
