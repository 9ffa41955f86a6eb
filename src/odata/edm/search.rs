//! The texts that `$search` looks into (Part 1 §11.2.6.6: the service says what that is).
//!
//! In: a declaration by path, and by the columns behind it. Out: those of an entity that a caller's model has.

use super::{Entity, Member, Model, Structured};
use crate::sql::functions::Function;

/// A text that is searched.
pub struct Searched {
    /// Its path in the model, `User/Name`; not searched for who does not see it.
    pub path: &'static str,
    /// The way to its table, a row each: table, column here, column there.
    pub steps: &'static [(&'static str, &'static str, &'static str)],
    pub column: &'static str,
    /// Whether an index lists a row: of the row's key `{0}`, by the pieces of a term `{1}` on SQLite, by a pattern for
    /// LIKE `{2}` on PostgreSQL. True for every row that has the term, perhaps for others too.
    pub listed: Option<&'static Function>,
}

pub const fn searched(path: &'static str, column: &'static str) -> Searched {
    Searched { path, steps: &[], column, listed: None }
}

impl Searched {
    pub const fn over(mut self, steps: &'static [(&'static str, &'static str, &'static str)]) -> Searched {
        self.steps = steps;
        self
    }

    pub const fn listed(mut self, by: &'static Function) -> Searched {
        self.listed = Some(by);
        self
    }
}

impl std::fmt::Debug for Searched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.path)
    }
}

impl Model<'_> {
    /// The texts of an entity that this caller may search.
    pub fn searched(&self, entity: &'static Entity) -> impl Iterator<Item = &'static Searched> {
        entity.search.iter().filter(move |text| self.has(Structured::Entity(entity), text.path))
    }

    fn has(&self, mut of: Structured, path: &str) -> bool {
        for name in path.split('/') {
            of = match self.member(of, name) {
                Some(Member::Nav(nav)) => Structured::Entity(nav.target),
                Some(Member::Complex(complex)) => Structured::Complex(complex.ty),
                Some(Member::Prop(_) | Member::Dynamic(_)) => continue,
                None => return false,
            };
        }
        true
    }
}
