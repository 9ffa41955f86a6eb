//! A searched term → SQL (OD-46).
//!
//! A text elsewhere is sought in its own table, once for all rows: `user_id IN (SELECT id FROM users WHERE …)`. Where an
//! index lists rows by pieces of three characters it is asked first, and the text itself afterwards: an index narrows, it
//! decides nothing. What a caller may not see is not there to be found, for each table is scanned under the row policy.

use super::super::bound::Var;
use super::super::edm::Searched;
use super::expr::call;
use super::scope::Planner;
use crate::sql::functions as f;
use crate::sql::{Alias, Expr, From, Select, Value};

/// Pieces of a term that the index is asked for; more would hardly narrow further.
const PIECES: usize = 16;

/// A term in the forms in which it is compared.
struct Term {
    lower: Expr,
    /// For the index; none for a term shorter than its pieces.
    index: Option<(Expr, Expr)>,
}

impl Planner<'_> {
    /// Whether one of the texts holds the term; null may stand for false.
    pub(super) fn search(&mut self, var: Var, texts: &[&'static Searched], term: &str) -> Expr {
        let place = self.place(var);
        let term = Term::new(term);
        let row = place.entity.map_or("id", |entity| entity.row);
        Expr::Or(texts.iter().map(|text| self.holds(place.alias, row, text, text.steps, &term)).collect())
    }

    fn holds(
        &mut self,
        at: Alias,
        row: &'static str,
        text: &Searched,
        steps: &[(&'static str, &'static str, &'static str)],
        term: &Term,
    ) -> Expr {
        let Some(((table, here, there), rest)) = steps.split_first() else {
            let contains = call(&f::CONTAINS, [call(&f::TO_LOWER, [at.col(text.column)]), term.lower.clone()]);
            return match (text.listed, &term.index) {
                (Some(listed), Some((pieces, pattern))) => {
                    call(listed, [at.col(row), pieces.clone(), pattern.clone()]).and(contains)
                }
                _ => contains,
            };
        };
        let scan = self.scan(table);
        let target = scan.alias();
        let found = self.holds(target, there, text, rest, term);
        let mut select = Select::from(From::Scan(scan)).filter(found);
        select.columns.push(target.col(there));
        Expr::InSelect(Box::new(at.col(here)), Box::new(select))
    }
}

impl Term {
    fn new(term: &str) -> Term {
        // ASCII is lowered here, the rest where the texts are: Unicode's versions may differ.
        let lowered = |text: String| match text.is_ascii() {
            true => Expr::Bind(Value::Text(text.to_ascii_lowercase())),
            false => call(&f::TO_LOWER, [Expr::Bind(Value::Text(text))]),
        };
        let index = pieces(&term.to_lowercase()).map(|pieces| {
            let pattern = format!("%{}%", term.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
            (Expr::Bind(Value::Text(pieces)), lowered(pattern))
        });
        Term { lower: lowered(term.to_owned()), index }
    }
}

/// `"abc" AND "bcd"`: each piece a string of FTS5's own, in which no character has a meaning but the quote.
fn pieces(lower: &str) -> Option<String> {
    let chars: Vec<char> = lower.chars().collect();
    let piece = |piece: &[char]| format!("\"{}\"", piece.iter().collect::<String>().replace('"', "\"\""));
    let all: Vec<String> = chars.windows(3).take(PIECES).map(piece).collect();
    (!all.is_empty()).then(|| all.join(" AND "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_quoted() {
        assert_eq!(pieces("ab"), None);
        assert_eq!(pieces("日本"), None);
        assert_eq!(pieces("abcd").as_deref(), Some(r#""abc" AND "bcd""#));
        assert_eq!(pieces(r#"a"*"#).as_deref(), Some(r#""a""*""#));
        assert_eq!(pieces(&"x".repeat(1_000)).map(|text| text.matches(" AND ").count()), Some(PIECES - 1));
    }
}
