//! `$search` → a condition over the row at hand (OD-46).
//!
//! In: terms and phrases as written. Out: for each, whether one of the entity's searched texts holds it in any letter
//! case: `contains(tolower(text),tolower(term))`. A text that is null holds nothing, so that `NOT` finds its row.

use super::super::bound::{Expr, Kind, Shape, Var};
use super::super::edm::{Edm, Searched};
use super::super::error::{Code, ODataError, Result};
use super::super::syntax::Search;
use super::Binder;

impl Binder<'_> {
    pub(super) fn search(&mut self, search: &Search) -> Result<Expr> {
        self.searching(search).map_err(|e| e.in_option("$search"))
    }

    fn searching(&mut self, search: &Search) -> Result<Expr> {
        let (var, shape) = (self.row()?.var, self.row()?.shape.clone());
        let Shape::Entity(entity) = shape else {
            let message = "$search looks into the texts of entities, and $apply has made other rows of them. \
                           Search before that, with search(…) as the first step of $apply.";
            return Err(ODataError::new(Code::OptionNotApplicable, message));
        };
        let texts: Vec<&'static Searched> = self.model.searched(entity).collect();
        if texts.is_empty() {
            let message = format!("{} has no text to search. Use $filter.", entity.name);
            return Err(ODataError::new(Code::OptionNotApplicable, message));
        }
        let (comparisons, limit) = (terms(search) * texts.len(), self.environment.limits.expression_nodes);
        if comparisons > limit {
            let message = format!(
                "The search compares {} texts with each term, {comparisons} comparisons in all, and {limit} are allowed \
                 (odata.max_expression_nodes). Search for fewer terms.",
                texts.len()
            );
            return Err(ODataError::new(Code::QueryTooComplex, message));
        }
        Ok(condition(search, var, &texts))
    }

    /// What `$search` and `$filter` ask of a row, the search first (OD-62).
    pub(super) fn wanted(
        &mut self,
        search: Option<&Search>,
        filter: Option<&super::syntax::Expr>,
    ) -> Result<Option<Expr>> {
        let search = search.map(|search| self.search(search)).transpose()?;
        let filter = filter.map(|filter| self.condition(filter).map_err(|e| e.in_option("$filter"))).transpose()?;
        Ok(match (search, filter) {
            (Some(search), Some(filter)) => {
                let nullable = filter.nullable;
                Some(Expr { nullable, ..boolean(Kind::And(vec![search, filter])) })
            }
            (search, filter) => search.or(filter),
        })
    }
}

fn condition(search: &Search, var: Var, texts: &[&'static Searched]) -> Expr {
    let all = |parts: &[Search]| parts.iter().map(|part| condition(part, var, texts)).collect();
    boolean(match search {
        Search::Term(term) | Search::Phrase(term) => Kind::Search { var, texts: texts.to_vec(), term: term.clone() },
        Search::Not(inner) => Kind::Not(Box::new(condition(inner, var, texts))),
        Search::And(parts) => Kind::And(all(parts)),
        Search::Or(parts) => Kind::Or(all(parts)),
    })
}

fn boolean(kind: Kind) -> Expr {
    Expr { kind, ty: Edm::Boolean, nullable: false, range: None }
}

fn terms(search: &Search) -> usize {
    match search {
        Search::Term(_) | Search::Phrase(_) => 1,
        Search::Not(inner) => terms(inner),
        Search::And(parts) | Search::Or(parts) => parts.iter().map(terms).sum(),
    }
}
