//! Bound → plan: relational statements with the row policy inside, and what is written of their rows.
//!
//! A [`Plan`] says all that a read does: the rows of its [`Level`], perhaps a total, and for each expanded collection a
//! [`Child`] that takes the parents' keys as one bind (OD-53).

mod aggregate;
mod eager;
mod expr;
mod fields;
mod keyset;
mod lookup;
mod query;
mod scope;
mod search;

use std::sync::Arc;

use super::bound::{Expansion, Form};
use super::edm::{Edm, Entity, Nav};
use crate::db::{DbError, Fields};
use crate::sql::{Alias, Cell, Direction, Each, Expr, Late, List, Order, Select, Statement, Type};

pub use query::{Page, plan};
pub use scope::{At, Context, Derivation, Planner};

/// One read.
#[derive(Debug)]
pub struct Plan {
    pub answer: Answer,
    pub level: Level,
    /// `SELECT COUNT(*)` of what `$count=true` asks for.
    pub count: Option<Statement>,
    /// Must give a row, or the resource's owner does not exist (404).
    pub owner: Option<Statement>,
    pub paging: Paging,
    /// What stands between the parentheses of the context URL, for 4.0 and 4.01 payloads.
    pub context: (String, String),
    /// Whether `$apply` made the shape: such rows have no identity.
    pub derived: bool,
    /// The entity type of the rows.
    pub entity: &'static Entity,
    /// How many bytes of expanded members may be held at once.
    pub room: usize,
}

/// What sort of answer it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Collection,
    /// One entity; if it is absent, 404 where a key asked for it and 204 where a navigation led to it.
    Entity {
        by_key: bool,
    },
    /// A property of one entity, perhaps as raw text.
    Property {
        raw: bool,
    },
    /// The number of rows, as text.
    Count,
}

/// A statement and what is written of its rows.
#[derive(Debug)]
pub struct Level {
    pub select: Select,
    pub types: Vec<Type>,
    pub fields: Vec<Field>,
    pub children: Vec<Child>,
    /// Columns of the key properties, where links are written: for `metadata=full`, references and nested next links.
    pub key: Vec<(usize, Edm)>,
    /// The column of the row key, where cycles of a hierarchy are cut.
    pub row: Option<usize>,
    /// Whether a reference stands for each row.
    pub reference: bool,
}

/// One written member.
#[derive(Clone, Debug)]
pub enum Field {
    Value {
        name: Arc<str>,
        slot: Slot,
        typing: Typing,
    },
    /// Null where the presence column is null.
    Object {
        name: Arc<str>,
        presence: Option<usize>,
        fields: Vec<Field>,
        of: ObjectOf,
    },
    /// An expansion with a statement of its own: child *n*, by the key in `key`.
    Apart {
        name: &'static str,
        child: usize,
        key: usize,
    },
}

/// Who knows the type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typing {
    /// `$metadata` says it.
    Declared,
    /// No declaration says it: an aggregate, a custom field.
    Dynamic,
    /// The request made it up with `$compute`.
    Computed,
}

/// Where a written value stands in its row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slot {
    pub column: usize,
    /// The type of the value, which is not the column's where it is taken from it late.
    pub ty: Edm,
    pub late: Option<Late>,
}

impl Slot {
    /// A value as the column holds it.
    pub fn of(column: usize, ty: Edm) -> Slot {
        Slot { column, ty, late: None }
    }

    /// Hands the value to `read`.
    #[inline]
    pub fn read<T>(&self, row: &impl Fields, read: impl FnOnce(Cell<'_>) -> T) -> Result<T, DbError> {
        match self.late {
            None => row.read(self.column, self.ty.sql(), read),
            Some(late) => row.read(self.column, Late::ARGUMENT, |cell| late.of(cell, read)),
        }
    }
}

/// Where an object comes from; `metadata=full` names its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ObjectOf {
    Complex(&'static str),
    Entity(&'static Entity),
    Derived,
}

impl PartialEq for Entity {
    fn eq(&self, other: &Entity) -> bool {
        std::ptr::eq(self, other)
    }
}

/// An expansion with a statement of its own, for all parents of a page at once.
#[derive(Debug)]
pub struct Child {
    pub nav: &'static Nav,
    pub level: Level,
    /// The column of the level's rows that holds their parent's key.
    pub parent: usize,
    link: Expr,
    order: Vec<Order>,
    skip: u64,
    /// Rows a parent: `$top` of the expand item or the nested page size.
    pub limit: u64,
    /// `$top` of the expand item.
    pub top: Option<u64>,
    /// Whether more rows than `limit` are announced by a next link.
    pub paged: bool,
    counted: Option<Select>,
    /// The row keys of one parent's members, where a parent may have very many: all of them need not be read then.
    first: Option<First>,
    /// What the expand item says besides the options of its members.
    pub expansion: Expansion,
}

/// The first members of one parent.
#[derive(Debug)]
struct First {
    /// Their row key.
    row: Expr,
    /// The parent.
    of: Alias,
    keys: Select,
}

/// How a collection is cut.
#[derive(Debug)]
pub struct Paging {
    /// Rows of this page; None for all.
    pub size: Option<u64>,
    /// What is left of `$top`, this page included.
    pub top: Option<u64>,
    pub keys: Vec<KeyColumn>,
}

/// A column of the total order.
#[derive(Clone, Debug)]
pub struct KeyColumn {
    pub column: usize,
    pub ty: Type,
}

impl Level {
    pub fn statement(&self) -> Statement {
        Statement { select: self.select.clone(), types: self.types.clone(), cacheable: true }
    }
}

impl Child {
    /// The members of these parents: ordered by parent, then as asked; at most `limit` + 1 each.
    pub fn statement(&self, parents: List) -> Statement {
        use crate::sql::{Compare, From};
        let mut inner = self.level.select.clone();
        let last = self.skip.saturating_add(self.limit).saturating_add(u64::from(self.paged));
        if let Some(First { row, of, keys }) = &self.first {
            let select = Select { limit: i64::try_from(last).ok(), ..keys.clone() };
            let each = Each { list: parents.clone(), alias: *of, select };
            inner.filter.push(Expr::InEach(Box::new(row.clone()), Box::new(each)));
        }
        inner.filter.push(Expr::In(Box::new(self.link.clone()), parents));
        if !self.nav.many {
            // One each: there is nothing to order and to cut.
            return Statement { select: inner, types: self.level.types.clone(), cacheable: true };
        }
        let rank = inner.columns.len();
        inner.columns.push(Expr::RowNumber(Box::new(self.link.clone()), self.order.clone()));
        let alias = query::outer_alias();
        let mut outer = Select::from(From::Select(Box::new(inner), alias));
        outer.columns = (0..rank).map(|n| alias.output(n)).collect();
        let at = |n: u64| Expr::Int(i64::try_from(n).unwrap_or(i64::MAX));
        if self.skip > 0 {
            outer.filter.push(alias.output(rank).compare(Compare::Gt, at(self.skip)));
        }
        outer.filter.push(alias.output(rank).compare(Compare::Le, at(last)));
        let by = |column| Order { by: alias.output(column), direction: Direction::Asc, nullable: false };
        outer.order = vec![by(self.parent), by(rank)];
        Statement { select: outer, types: self.level.types.clone(), cacheable: true }
    }

    /// `(parent, number of members)` for these parents, where the expand item has `$count=true`.
    pub fn count_statement(&self, parents: List) -> Option<Statement> {
        let mut select = self.counted.clone()?;
        select.filter.push(Expr::In(Box::new(select.columns[0].clone()), parents));
        Some(Statement { select, types: vec![self.nav.linked_by, Type::Int64], cacheable: true })
    }

    /// Whether members are written, and not only their number.
    pub fn has_members(&self) -> bool {
        self.expansion.form != Form::Count
    }

    /// Whether the expand item has `$count=true`.
    pub fn is_counted(&self) -> bool {
        self.counted.is_some()
    }

    /// Rows that a parent may skip before its members begin; a nested next link goes on from there.
    pub fn skipped(&self) -> u64 {
        self.skip
    }
}
