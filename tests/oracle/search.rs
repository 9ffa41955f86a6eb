//! `$search` (Part 2 §5.1.7, OD-46): terms over the texts that docs/search.md lists for each set.

use std::collections::HashMap;
use std::fmt;

use super::evaluate::Scope;
use super::expression::Path;
use super::value::{Value, encoded};

#[derive(Clone, Debug, PartialEq)]
pub enum Search {
    Term(String),
    And(Box<Search>, Box<Search>),
    Or(Box<Search>, Box<Search>),
    Not(Box<Search>),
}

/// Texts by set of v4.0, as the page for users has them.
pub fn documented() -> HashMap<String, Vec<Path>> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/search.md");
    let page = std::fs::read_to_string(page).expect("docs/search.md");
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let row = |line: &str| {
        let cells = line.strip_prefix("| v4.0 |")?.trim_end_matches('|').split_once('|')?;
        let texts = quoted(cells.1).iter().map(|text| text.split('/').map(str::to_owned).collect()).collect();
        Some((quoted(cells.0).pop()?, texts))
    };
    page.lines().filter_map(row).collect()
}

impl Search {
    /// A term is found where `contains(tolower(text),tolower(term))` holds for one of the texts.
    pub fn finds(&self, scope: &Scope, texts: &[Path]) -> bool {
        match self {
            Search::Term(term) => texts.iter().any(|path| match scope.path(path) {
                Ok(Value::Text(text)) => text.to_lowercase().contains(&term.to_lowercase()),
                _ => false,
            }),
            Search::And(left, right) => left.finds(scope, texts) && right.finds(scope, texts),
            Search::Or(left, right) => left.finds(scope, texts) || right.finds(scope, texts),
            Search::Not(inner) => !inner.finds(scope, texts),
        }
    }

    /// Smaller ones.
    pub fn smaller(&self) -> Vec<Search> {
        match self {
            Search::Term(_) => Vec::new(),
            Search::And(left, right) | Search::Or(left, right) => vec![(**left).clone(), (**right).clone()],
            Search::Not(inner) => vec![(**inner).clone()],
        }
    }
}

impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Search::Term(term) => {
                let is_word = term.chars().all(char::is_alphanumeric) && !["AND", "OR", "NOT"].contains(&term.as_str());
                if is_word { f.write_str(term) } else { write!(f, "\"{}\"", encoded(term)) }
            }
            Search::And(left, right) => write!(f, "({left} {right})"),
            Search::Or(left, right) => write!(f, "({left} OR {right})"),
            Search::Not(inner) => write!(f, "NOT {inner}"),
        }
    }
}
